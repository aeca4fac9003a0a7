"""What came of campaigns: figures of delivery, orders within the goal, and the comparison with the holdout.

``attribution``, ``intervals`` and ``comparison`` are pure; ``performance`` brings the rows of ``store/reports.py``.
"""
