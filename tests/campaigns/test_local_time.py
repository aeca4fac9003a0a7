"""Moments on the clocks of a time zone: what the databases write is what Python's own zones say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st
from sqlalchemy import text

from orchestrator.campaigns.local_time import local_time
from orchestrator.clock import from_epoch, to_epoch

if TYPE_CHECKING:
    from orchestrator.store.database import Database

CHANGES = {
    "Europe/Stockholm": ["2025-10-26T01:00", "2026-03-29T01:00", "2026-10-25T01:00"],
    "America/New_York": ["2025-11-02T06:00", "2026-03-08T07:00", "2026-11-01T06:00"],
    "Australia/Lord_Howe": ["2025-10-04T15:30", "2026-04-04T15:00", "2026-10-03T15:30"],  # by 30 minutes
    "Pacific/Apia": ["2011-09-24T14:00", "2011-12-30T10:00", "2012-03-31T14:00"],  # a day left out
    "Asia/Kolkata": [],
    "UTC": [],
}
"""in UTC"""
ZONES = list(CHANGES)
DAY = 86_400


def changes_of(zone: str) -> list[int]:
    return [to_epoch(datetime.fromisoformat(moment).replace(tzinfo=UTC)) for moment in CHANGES[zone]]


def written(database: Database, zone: str, moments: list[int], since: datetime, until: datetime) -> list[str]:
    """What the database makes of moments."""
    rows = " UNION ALL ".join(f"SELECT {n} AS n, CAST({at} AS BIGINT) AS moment" for n, at in enumerate(moments))
    sql = local_time("x.moment", ZoneInfo(zone), database.dialect, since=since, until=until)
    with database.read() as connection:
        return list(connection.scalars(text(f"SELECT {sql} FROM ({rows}) x ORDER BY x.n")))


def on_the_clock(zone: str, moments: list[int]) -> list[str]:
    return [f"{from_epoch(moment).astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}" for moment in moments]


@st.composite
def windows(draw: st.DrawFn) -> tuple[str, datetime, datetime, list[int]]:
    """A zone, a time from … to, and moments in it, many of them about the changes of the zone's clocks."""
    zone = draw(st.sampled_from(ZONES))
    changes = changes_of(zone)
    anywhere = st.integers(to_epoch(datetime(1990, 1, 1, tzinfo=UTC)), to_epoch(datetime(2036, 1, 1, tzinfo=UTC)))
    near = st.builds(int.__add__, st.sampled_from(changes), st.integers(-9 * DAY, 2 * DAY)) if changes else anywhere
    since = draw(near | anywhere)
    length = draw(st.integers(0, 4 * DAY) | st.integers(0, 400 * DAY))
    moments = draw(st.lists(st.integers(since, since + length), min_size=1, max_size=5))
    edges = [change + shift for change in changes for shift in (-DAY, -1800, -1, 0, 1, 1800, DAY)]
    moments += [since, since + length, *(moment for moment in edges if since <= moment <= since + length)]
    # spans are whole seconds, the moment of a run need not be
    part = timedelta(microseconds=draw(st.sampled_from([0, 0, 1, 999_999])))
    return zone, from_epoch(since) + part, from_epoch(since + length) + part, moments


@hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(window=windows())
def test_the_database_reads_the_clock_as_python_does(
    database: Database, window: tuple[str, datetime, datetime, list[int]]
) -> None:
    zone, since, until, moments = window
    assert written(database, zone, moments, since, until) == on_the_clock(zone, moments)


@pytest.mark.parametrize("zone", [zone for zone in ZONES if CHANGES[zone]])
def test_each_change_of_the_clocks_is_found_to_the_second(database: Database, zone: str) -> None:
    for change in changes_of(zone):
        since, until = from_epoch(change - 90 * DAY), from_epoch(change + 90 * DAY)
        moments = [change - 1, change]
        before, after = written(database, zone, moments, since, until)
        assert [before, after] == on_the_clock(zone, moments)
        minutes = datetime.fromisoformat(after) - datetime.fromisoformat(before)
        assert minutes != timedelta(minutes=1), "the clocks were not changed"


def test_samoa_had_no_thirtieth_of_december(database: Database) -> None:
    change = to_epoch(datetime(2011, 12, 30, 10, 0, tzinfo=UTC))
    found = written(database, "Pacific/Apia", [change - 60, change], from_epoch(change - DAY), from_epoch(change + DAY))
    assert found == ["2011-12-29 23:59", "2011-12-31 00:00"]


def test_an_hour_that_comes_twice_is_written_twice(database: Database) -> None:
    change = to_epoch(datetime(2026, 10, 25, 1, 0, tzinfo=UTC))
    moments = [change - 1800, change + 1800]
    found = written(database, "Europe/Stockholm", moments, from_epoch(change - DAY), from_epoch(change + DAY))
    assert found == ["2026-10-25 02:30", "2026-10-25 02:30"]
