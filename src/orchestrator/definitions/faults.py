"""Fault: why one value is not acceptable, before anybody knows where it stands."""

from __future__ import annotations


class Fault(ValueError):
    """What is wrong as a predicate ("must be …"), so that the name of the key can stand before it, and what to do."""

    def __init__(self, predicate: str, hint: str = "") -> None:
        super().__init__(predicate)
        self.predicate = predicate
        self.hint = hint
