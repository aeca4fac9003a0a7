"""A moment as people of one time zone read it, as SQL. The databases know no zones alike: the offsets are ours."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from orchestrator.clock import from_epoch, to_epoch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from zoneinfo import ZoneInfo


def local_time(moment: str, zone: ZoneInfo, dialect: str, *, since: datetime, until: datetime) -> str:
    """``2026-03-29 03:00`` of SQL that gives seconds since 1970, right for those from ``since`` to ``until``."""
    changes = list(_offsets(zone, since, until))
    offset = str(changes[0][1])
    if len(changes) > 1:
        cases = " ".join(f"WHEN {moment} >= {at} THEN {seconds}" for at, seconds in reversed(changes[1:]))
        offset = f"CASE {cases} ELSE {offset} END"
    shifted = f"{moment} + {offset}"
    if dialect == "postgresql":
        return f"to_char(to_timestamp({shifted}) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24\\:MI')"
    return f"strftime('%Y-%m-%d %H:%M', {shifted}, 'unixepoch')"


def _offsets(zone: ZoneInfo, since: datetime, until: datetime) -> Iterator[tuple[int, int]]:
    """From when on (seconds since 1970) the zone is so many seconds ahead of UTC; the first is that at ``since``."""
    # in whole seconds and in UTC, where a day has 24 hours
    since, until = from_epoch(to_epoch(since)), from_epoch(to_epoch(until))
    moment, offset = since, _offset(since, zone)
    yield to_epoch(since), offset
    while moment < until:
        day_later = min(moment + timedelta(days=1), until)
        if _offset(day_later, zone) != offset:
            before, after = moment, day_later
            while after - before > timedelta(seconds=1):
                middle = before + timedelta(seconds=(after - before).total_seconds() // 2)
                before, after = (middle, after) if _offset(middle, zone) == offset else (before, middle)
            offset = _offset(after, zone)
            yield to_epoch(after), offset
        moment = day_later


def _offset(moment: datetime, zone: ZoneInfo) -> int:
    ahead = moment.astimezone(zone).utcoffset()
    assert ahead is not None
    return int(ahead.total_seconds())
