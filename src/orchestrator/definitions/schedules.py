"""Schedules as marketers write them, and when they are due: pure functions of a moment and a time zone.

Daylight saving, as cron does it: a time that the clock skips is due as much later as the clock was moved, a time that
occurs twice is due the first time only; but a line for every hour (``*/15 * * * *``) follows real time and
knows neither gaps nor repeats.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from orchestrator.definitions.cron import CronTimes, parse_cron
from orchestrator.definitions.durations import UNITS, parse_duration
from orchestrator.definitions.faults import Fault
from orchestrator.definitions.values import Cron, Every, Schedule

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date
    from zoneinfo import ZoneInfo

_HINT = 'Write "every 15 minutes", a cron line as "0 6 * * *", or "off".'
_SEARCHED_DAYS = 366 * 9
"""the longest wait of a possible cron line: from one 29 February to the next over a century's end"""


def parse_schedule(text: str) -> Schedule:
    """``"every 15 minutes"``, a cron line or ``"off"``. Raises Fault."""
    if text == "off":
        return None
    if text.lower().startswith("every"):
        length = text[len("every") :].strip()
        try:
            interval = timedelta(seconds=UNITS[length]) if length in UNITS else parse_duration(length)
        except Fault as fault:
            raise Fault(f'must be a schedule, not the text "{text}"', fault.hint) from None
        if not interval or not text.startswith("every "):
            raise Fault(f'must be a schedule, not the text "{text}"', _HINT)
        return Every(interval)
    if len(text.split()) < 3:
        raise Fault(f'must be a schedule, not the text "{text}"', _HINT)
    parse_cron(text)
    return Cron(text)


def next_after(schedule: Schedule, moment: datetime, timezone: ZoneInfo) -> datetime | None:
    """The first due moment after ``moment``, in UTC; None: off. An interval counts from ``moment``."""
    match schedule:
        case None:
            return None
        case Every(interval):
            return moment.astimezone(UTC) + interval
        case Cron(line):
            times = parse_cron(line)
            first = moment.astimezone(timezone).date() - timedelta(days=1)
            days = (first + timedelta(days=number) for number in range(_SEARCHED_DAYS))
            return next((due for day in days for due in _due_on(day, times, timezone) if due > moment), None)


def latest_at_or_before(cron: Cron | str, moment: datetime, timezone: ZoneInfo) -> datetime | None:
    """The last due moment that is not after ``moment``, in UTC; None where there was none in nine years."""
    times = parse_cron(cron.line if isinstance(cron, Cron) else cron)
    last = moment.astimezone(timezone).date() + timedelta(days=1)
    days = (last - timedelta(days=number) for number in range(_SEARCHED_DAYS))
    return next((due for day in days for due in reversed(_due_on(day, times, timezone)) if due <= moment), None)


def _due_on(day: date, times: CronTimes, timezone: ZoneInfo) -> list[datetime]:
    """Every due moment of a local day, in UTC and in order."""
    return sorted(set(_moments(day, times, timezone))) if times.is_due_on(day) else []


def _moments(day: date, times: CronTimes, timezone: ZoneInfo) -> Iterator[datetime]:
    for hour in times.hours:
        for minute in times.minutes:
            local = datetime.combine(day, time(hour, minute), timezone)
            yield local.astimezone(UTC)
            if times.every_hour:
                second = local.replace(fold=1).astimezone(UTC)
                if second.astimezone(timezone).hour == hour:  # otherwise the clock skips this time
                    yield second
