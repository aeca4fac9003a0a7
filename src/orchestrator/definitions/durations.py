"""Lengths of time as marketers write them: "4 hours", "2 in 7 days", "20:00-07:00"."""

from __future__ import annotations

import re
from datetime import time, timedelta

from orchestrator.definitions.faults import Fault
from orchestrator.definitions.nearest import nearest
from orchestrator.definitions.values import FrequencyCap, QuietHours

UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
"""seconds of each unit; months and years have no fixed length"""
LONGEST = timedelta(days=3650)

DURATION_PATTERN = r"^[0-9]+ +(second|minute|hour|day|week)s?$"
CAP_PATTERN = r"^[0-9]+ in [0-9]+ +(second|minute|hour|day|week)s?$"
QUIET_PATTERN = r"^[0-2][0-9]:[0-5][0-9] *- *[0-2][0-9]:[0-5][0-9]$"

_DURATION = re.compile(r"\s*(-?[0-9]+(?:[.,][0-9]+)?)\s*([^\W\d_]*)\s*")
_ABBREVIATIONS = {"sec": "second", "m": "minute", "min": "minute", "mins": "minute"}
_ABBREVIATIONS |= {"h": "hour", "hr": "hour", "hrs": "hour", "d": "day", "w": "week", "wk": "week"}
_SHAPE = 'Write a whole number and a unit: "90 minutes", "4 hours", "7 days", "1 week".'


def parse_duration(text: str) -> timedelta:
    """``"4 hours"`` -> 4 h. Raises Fault."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise Fault(f'must be a duration, not the text "{text}"', _SHAPE)
    number, word = found.groups()
    unit = word.lower().removesuffix("s")
    if unit not in UNITS:
        raise Fault(f'must be a duration, not the text "{text}"', _unit_hint(number, word.lower()))
    if not number.isdigit():
        raise Fault(f'must be a whole number of {unit}s, not the text "{text}"', _SHAPE)
    if word != word.lower() or not re.fullmatch(DURATION_PATTERN, text):
        raise Fault(f'must be a duration, not the text "{text}"', f'Write "{_written(int(number), unit)}".')
    if len(number) > 9 or int(number) * UNITS[unit] > LONGEST.total_seconds():
        raise Fault(f'must be at most 10 years, not "{text}"', "Write a shorter time.")
    return timedelta(seconds=int(number) * UNITS[unit])


def parse_cap(text: str) -> FrequencyCap:
    """``"2 in 7 days"``. Raises Fault."""
    hint = 'Write the most mails in a time: "2 in 7 days"; "off" for no cap.'
    found = re.fullmatch(r"([0-9]+) in (.+)", text)
    if found is None:
        raise Fault(f'must be a number of mails in a time, not the text "{text}"', hint)
    try:
        within = parse_duration(found.group(2))
    except Fault as fault:
        raise Fault(f'must be a number of mails in a time, not the text "{text}"', fault.hint) from None
    if len(found.group(1)) > 4 or int(found.group(1)) < 1 or not within:
        raise Fault(f'must allow 1 to 9999 mails in a time longer than zero, not "{text}"', hint)
    return FrequencyCap(int(found.group(1)), within)


def parse_quiet_hours(text: str) -> QuietHours:
    """``"20:00-07:00"``, which passes midnight. Raises Fault."""
    hint = 'Write from and to as 24-hour times: "20:00-07:00"; "off" for none.'
    found = re.fullmatch(r"(\d\d):(\d\d) *- *(\d\d):(\d\d)", text, re.ASCII)
    if found is None:
        raise Fault(f'must be a span of hours, not the text "{text}"', hint)
    hour, minute, end_hour, end_minute = map(int, found.groups())
    if hour > 23 or end_hour > 23 or minute > 59 or end_minute > 59:
        raise Fault(f'must have times from 00:00 to 23:59, not "{text}"', hint)
    start, end = time(hour, minute), time(end_hour, end_minute)
    if start == end:
        raise Fault(f'must not start and end at the same time ("{text}")', hint)
    return QuietHours(start, end)


def written_duration(length: timedelta) -> str:
    """``timedelta(hours=4)`` -> "4 hours", in the largest unit that divides it."""
    seconds = int(length.total_seconds())
    unit = next((unit for unit in reversed(UNITS) if seconds and seconds % UNITS[unit] == 0), "minute")
    return _written(seconds // UNITS[unit], unit)


def _written(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def _unit_hint(number: str, word: str) -> str:
    if word.startswith(("month", "year", "quarter")):
        return f'A {word.removesuffix("s")} has no fixed length: write days or weeks, as "30 days".'
    unit = _ABBREVIATIONS.get(word) or nearest(word.removesuffix("s"), UNITS)
    if unit and number.isdigit() and len(number) <= 9:
        return f'Did you mean "{_written(int(number), unit)}"?'
    return _SHAPE
