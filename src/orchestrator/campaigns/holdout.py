"""Which accounts a campaign never mails, so that there is something to compare with.

The assignment is a hash of campaign and account: stable over time, over machines and over imports, independent
between campaigns, and the same for all colleagues of a company. A contact without an account stands for itself.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal

_SPACE = 1 << 64


def is_held_out(campaign: str, unit: str, share: Decimal | None) -> bool:
    """``unit`` is an account's key, or a contact's where it has no account; ``share`` from 0 to 1."""
    if not share:
        return False
    digest = hashlib.sha256(f"{campaign}\x00{unit}".encode()).digest()
    return int.from_bytes(digest[:8]) < int(share * _SPACE)
