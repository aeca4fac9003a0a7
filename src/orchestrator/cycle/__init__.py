"""The cycle: import, recompute, sync, decide, send, read back. Each step alone, or all in that order (``whole.py``).

Whoever calls a step holds the lease of the cycle and passes its ``check``. Each step records how it ended. A step is a
module of its own: a command loads what it does.
"""
