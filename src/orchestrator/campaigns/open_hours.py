"""When a contact may be mailed: outside quiet hours, on business days of the recipient's country. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

if TYPE_CHECKING:
    from datetime import date

    from orchestrator.definitions.values import LimitSettings, QuietHours

SEARCH_DAYS = 40
"""no calendar is closed for longer"""


class _Calendar(Protocol):
    def is_working_day(self, key: date) -> bool: ...


def next_open(now: datetime, zone: ZoneInfo, country: str | None, limits: LimitSettings) -> datetime:
    """``now`` where the contact may be mailed now, else the first moment at which it may (UTC)."""
    local = now.astimezone(zone)
    day = local.date()
    for _ in range(SEARCH_DAYS):
        if not limits.business_days or is_business_day(day, country):
            moment = _open_on(day, now, zone, limits.quiet_hours)
            if moment is not None:
                return moment
        day += timedelta(days=1)
    return now


def _open_on(day: date, now: datetime, zone: ZoneInfo, quiet: QuietHours | None) -> datetime | None:
    """The first open moment of a local day that is not before ``now``; None where the day has none left."""
    midnight = datetime.combine(day, time.min, zone)
    start = max(now, midnight.astimezone(UTC))
    end = datetime.combine(day + timedelta(days=1), time.min, zone).astimezone(UTC)
    if quiet is None:
        return start if start < end else None
    candidates = [start, datetime.combine(day, quiet.end, zone).astimezone(UTC)]
    for moment in candidates:
        if start <= moment < end and not is_quiet(moment.astimezone(zone).time(), quiet):
            return moment
    return None


def is_quiet(local: time, quiet: QuietHours) -> bool:
    """Start included, end excluded; hours that pass midnight are understood."""
    if quiet.start <= quiet.end:
        return quiet.start <= local < quiet.end
    return local >= quiet.start or local < quiet.end


def is_business_day(day: date, country: str | None) -> bool:
    """Neither weekend nor public holiday of the country; where the country is unknown, Monday to Friday."""
    calendar = _calendar(country)
    if calendar is None:
        return day.weekday() < 5
    return bool(calendar.is_working_day(day))


@lru_cache(maxsize=256)
def _calendar(country: str | None) -> _Calendar | None:
    from holidays import country_holidays  # noqa: PLC0415 -- slow to import, needed by those who ask for it

    if not country:
        return None
    try:
        return country_holidays(country.upper())
    except NotImplementedError:
        return None


@lru_cache(maxsize=1024)
def zone_of(name: str | None, business: ZoneInfo) -> ZoneInfo:
    """The recipient's zone where known, else the business's."""
    if not name:
        return business
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return business
