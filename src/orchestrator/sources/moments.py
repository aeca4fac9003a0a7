"""Times and dates of a source -> seconds since 1970 UTC, and calendar days.

A time without an offset is business time. Where clocks are set back and an hour comes twice, the first one is meant;
a time that clocks skip is read with the offset before the change, which moves it past the gap.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from orchestrator.sources.values import BadValue, text

if TYPE_CHECKING:
    from collections.abc import Callable
    from zoneinfo import ZoneInfo

FIRST_YEAR, LAST_YEAR = 1900, 2199
"""what is outside is how ERPs write "never" (0001, 1753, 9999), not a time"""

_CHARACTERS = re.compile(r"[0-9TtWZz:.,+ -]+")
"""Python would take any character between date and time"""


def moment_in(zone: ZoneInfo) -> Callable[[Any], int]:
    """A parser of ISO 8601 times that reads those without an offset in ``zone``."""

    def seconds(found: datetime) -> int:
        if not FIRST_YEAR <= found.year <= LAST_YEAR:
            raise BadValue(_no_such_year(found.isoformat()))
        return int((found if found.tzinfo else found.replace(tzinfo=zone)).timestamp() // 1)

    def from_text(value: str) -> int:
        if not _CHARACTERS.fullmatch(value):
            raise BadValue(_why_no_time(value, "2026-01-31T09:00:00"))
        try:
            return seconds(datetime.fromisoformat(value))
        except (ValueError, OverflowError):
            raise BadValue(_why_no_time(value, "2026-01-31T09:00:00")) from None

    def moment(value: Any) -> int:
        if isinstance(value, datetime):
            return seconds(value)
        if isinstance(value, date):
            return seconds(datetime(value.year, value.month, value.day))  # noqa: DTZ001 - `seconds` adds the zone
        return from_text(text(value))

    return moment


def day(value: Any) -> str:
    """A calendar day as ``YYYY-MM-DD``; the time of day of a timestamp is dropped."""
    if isinstance(value, datetime):
        found = value.date()
    elif isinstance(value, date):
        found = value
    else:
        written = text(value)
        try:
            found = datetime.fromisoformat(written).date()
        except ValueError:
            raise BadValue(_why_no_time(written, "1980-01-31")) from None
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise BadValue(_no_such_year(found.isoformat()))
    return found.isoformat()


def _no_such_year(written: str) -> str:
    return f"{written} is outside {FIRST_YEAR} to {LAST_YEAR}; leave it empty where there is no date"


def _why_no_time(value: str, example: str) -> str:
    if value.startswith("0000-00-00"):
        return f'"{value[:40]}" is no date; leave it empty where there is none'
    return f'"{value[:40]}" is not an ISO 8601 time; write it as in {example}'
