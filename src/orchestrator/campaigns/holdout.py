"""Which accounts a campaign never mails, so that there is something to compare with.

The assignment is a hash of campaign and account: stable over time, over machines and over imports, independent
between campaigns, and the same for all colleagues of a company. A contact without an account stands for itself.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal

    from sqlalchemy.engine import Connection

DIGITS = 16
PLACE = "holdout_place"
"""the name of ``place_of`` on SQLite"""


def place_of(campaign: str, unit: str) -> str:
    """Where a unit stands for a campaign: hexadecimal, ``000…`` to ``fff…``, in the order of texts.

    ``unit`` is an account's key, or a contact's where it has no account (``judge.UNIT``).
    """
    return hashlib.sha256(f"{campaign}\x00{unit}".encode()).hexdigest()[:DIGITS]


def prepare(connection: Connection) -> None:
    """SQLite learns the hash; PostgreSQL has it."""
    if connection.dialect.name == "sqlite":
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.create_function(PLACE, 2, place_of, deterministic=True)


def held_out(campaign: str, unit: str, share: Decimal | None, dialect: str) -> str:
    """SQL of whether a unit is kept unmailed; ``campaign`` and ``unit`` are SQL of texts, ``share`` is from 0 to 1.

    Holds on a connection that was prepared.
    """
    places = int((share or 0) * 16**DIGITS)
    if places == 0:
        return "1 = 0"
    if places >= 16**DIGITS:
        return "1 = 1"
    place = f"{PLACE}({campaign}, {unit})"
    if dialect == "postgresql":
        hashed = f"convert_to({campaign}, 'UTF8') || decode('00', 'hex') || convert_to({unit}, 'UTF8')"
        place = f"substr(encode(sha256({hashed}), 'hex'), 1, {DIGITS}) COLLATE \"C\""
    return f"{place} < '{places:0{DIGITS}x}'"
