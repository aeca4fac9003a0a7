"""How far an incremental query was read: its greatest value, as text that gives back the same kind of value.

Moments and days are ISO text, numbers plain; text is kept in quotes, because a source that writes its times as text
must be asked with text again.
"""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from orchestrator.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable

WAITS_FOR = timedelta(days=7)
"""how long a row that refers to something unknown is read again, in case that arrives later"""

_WEAKLY_TYPED = {"sqlite", "mysql", "mariadb"}


def beginnings(dialect: str) -> tuple[object, ...]:
    """Values below everything, to be tried one after the other: the column's type is not known at first.

    Weakly typed databases would take a date and compare it wrongly; there a number is below dates, texts and numbers.
    """
    if dialect in _WEAKLY_TYPED:
        return (0,)
    return ("1970-01-01", 0, datetime(1970, 1, 1))  # noqa: DTZ001 - a column without zone refuses one


def encode(value: object) -> str | None:
    """The value as text; None stays None. Raises DataError for a kind that has no order."""
    match value:
        case None:
            return None
        case bool():
            raise DataError("the watermark column holds true and false; choose a time or a rising number")
        case datetime() | date():
            return value.isoformat()
        case int():
            return str(value)
        case float():
            return str(Decimal(repr(value)))
        case Decimal():
            return str(value)
        case bytes():
            return f"0x{value.hex()}"
        case str():
            return json.dumps(value)
        case _:
            raise DataError(f"the watermark column holds {type(value).__name__}; choose a time or a rising number")


def decode(written: str) -> Any:
    """The value that ``encode`` was given; floating numbers come back as decimals."""
    if written.startswith('"'):
        return json.loads(written)
    if written.startswith("0x"):
        return bytes.fromhex(written[2:])
    if len(written) == 10 and written[4] == "-" == written[7]:
        return date.fromisoformat(written)
    if "T" in written:
        return datetime.fromisoformat(written)
    number = Decimal(written)
    return int(number) if "." not in written and "E" not in written else number


def greatest(first: Any, second: Any) -> Any:
    """The later of two values, of which either may be None. Raises DataError where they cannot be compared."""
    if first is None or second is None:
        return second if first is None else first
    try:
        return max(first, second)
    except TypeError:
        raise DataError(
            f"the watermark column changes its kind from {type(first).__name__} to {type(second).__name__}"
        ) from None


def advance(old: Any, seen: Any, waiting: Iterable[Any]) -> Any:
    """The new watermark: the greatest value, but kept before rows whose reference is not known yet.

    Only moments can be kept back, and by WAITS_FOR at most: one order of a deleted customer must not make every
    import read everything.
    """
    new = greatest(old, seen)
    waiting = [value for value in waiting if isinstance(value, datetime)]
    if waiting and isinstance(new, datetime):
        kept = max(min(waiting) - timedelta(seconds=1), new - WAITS_FOR)
        new = greatest(old if isinstance(old, datetime) else None, kept)
    return new
