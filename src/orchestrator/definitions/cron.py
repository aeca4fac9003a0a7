"""Five-field cron lines: "0 9 * * mon" -> the sets of minutes, hours and days on which it is due.

The meaning is that of cron itself: Sunday is 0 and 7, and where both kinds of day are restricted, either of them
suffices. (APScheduler counts Monday as 0 and wants both; its triggers are therefore not built from these lines.)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from orchestrator.definitions.faults import Fault
from orchestrator.definitions.nearest import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_LONGEST_MONTH = {1: 31, 2: 29, 3: 31, 4: 30, 5: 31, 6: 30, 7: 31, 8: 31, 9: 30, 10: 31, 11: 30, 12: 31}
_HINT = 'Write minute hour day month weekday: "0 9 * * mon" is every Monday at 9.'


@dataclass(frozen=True, slots=True)
class CronTimes:
    """When a line is due, in local time."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    month_days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    """0 is Sunday"""
    either_day: bool
    """both kinds of day are restricted: one of them suffices"""

    def is_due_on(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        in_month, in_week = day.day in self.month_days, day.isoweekday() % 7 in self.weekdays
        return in_month or in_week if self.either_day else in_month and in_week

    @property
    def every_hour(self) -> bool:
        return len(self.hours) == 24


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int
    names: Mapping[str, int]


_FIELDS = (
    _Field("minute", 0, 59, {}),
    _Field("hour", 0, 23, {}),
    _Field("day of the month", 1, 31, {}),
    _Field("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    _Field("weekday", 0, 7, {name: number for number, name in enumerate(_DAYS)}),
)


@lru_cache(maxsize=256)
def parse_cron(line: str) -> CronTimes:
    """The times of a cron line. Raises Fault, which names the field."""
    words = line.lower().split()
    if line.startswith("@"):
        raise Fault(f'must be a cron line, not the text "{line}"', f"Words with @ are not understood. {_HINT}")
    if len(words) != 5:
        raise Fault(f'must be a cron line of five fields, not {len(words)} ("{line}")', _HINT)
    minutes, hours, month_days, months, weekdays = (
        _values(word, kind, line) for word, kind in zip(words, _FIELDS, strict=True)
    )
    weekdays = frozenset(day % 7 for day in weekdays)
    either = not words[2].startswith("*") and not words[4].startswith("*")
    if not either and all(min(month_days) > _LONGEST_MONTH[month] for month in months):
        raise Fault(f'must name a day that exists: "{line}" is never due', _HINT)
    return CronTimes(tuple(sorted(minutes)), tuple(sorted(hours)), month_days, months, weekdays, either)


def _values(word: str, kind: _Field, line: str) -> frozenset[int]:
    found: set[int] = set()
    for part in word.split(","):
        span, _, step = part.partition("/")
        if "/" in part and not re.fullmatch(r"[1-9][0-9]{0,2}", step):
            raise _fault(part, kind, line)
        if span == "*":
            first, last = kind.low, min(kind.high, 6) if kind.name == "weekday" else kind.high
        else:
            low, dash, high = span.partition("-")
            first = _number(low, kind, line)
            last = _number(high, kind, line) if dash else kind.high if step else first
        if first > last and kind.name == "weekday":
            last += 7  # fri-mon
        if first > last:
            raise Fault(f'must not run backwards in the {kind.name}: "{part}" in the cron line "{line}"', _HINT)
        found.update(range(first, last + 1, int(step or 1)))
    return frozenset(found)


def _number(word: str, kind: _Field, line: str) -> int:
    if word in kind.names:
        return kind.names[word]
    if not re.fullmatch(r"[0-9]{1,2}", word):
        raise _fault(word, kind, line)
    if not kind.low <= int(word) <= kind.high:
        limits = f"{kind.low} to {kind.high}"
        raise Fault(f'must have its {kind.name} from {limits}, not "{word}", in the cron line "{line}"', _HINT)
    return int(word)


def _fault(word: str, kind: _Field, line: str) -> Fault:
    close = nearest(word[:3], kind.names) if word.isalpha() else None
    hint = f'Did you mean "{close}"?' if close else _HINT
    return Fault(f'must be a cron line: "{word}" is no {kind.name} in "{line}"', hint)
