from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from orchestrator.sources.moments import day, moment_in
from orchestrator.sources.values import BadValue

STOCKHOLM = ZoneInfo("Europe/Stockholm")
read = moment_in(STOCKHOLM)
ZONED = st.datetimes(
    datetime.fromisoformat("1900-01-02"),
    datetime.fromisoformat("2199-12-30"),
    timezones=st.sampled_from([UTC, STOCKHOLM]),
)


def epoch(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp())  # type: ignore[arg-type, misc]  # year, month, day, …


@given(ZONED)
def test_a_time_with_offset_is_the_same_moment_in_every_zone(moment: datetime) -> None:
    written = moment.isoformat()
    assert read(written) == moment_in(ZoneInfo("Asia/Tokyo"))(written) == int(moment.timestamp() // 1)
    assert read(moment) == read(written)


@given(st.datetimes(datetime.fromisoformat("1970-01-01"), datetime.fromisoformat("2199-12-31")))
def test_local_times_a_day_apart_are_23_to_25_hours_apart(local: datetime) -> None:
    apart = read(local + timedelta(days=1)) - read(local)
    assert 23 * 3600 <= apart <= 25 * 3600


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-01-31", epoch(2026, 1, 30, 23)),
        ("2026-07-31", epoch(2026, 7, 30, 22)),
        ("2026-01-31 09:00", epoch(2026, 1, 31, 8)),
        ("2026-01-31T09:00:00Z", epoch(2026, 1, 31, 9)),
        ("2026-01-31T09:00:00.999+05:30", epoch(2026, 1, 31, 3, 30)),
        ("1996-07-04 00:00:00.000", epoch(1996, 7, 3, 22)),
        (date(2026, 1, 31), epoch(2026, 1, 30, 23)),
        (datetime(2026, 1, 31, 9, tzinfo=timezone(timedelta(hours=-1))), epoch(2026, 1, 31, 10)),
    ],
)
def test_times_are_read_in_business_time_unless_they_say_otherwise(written: object, moment: int) -> None:
    assert read(written) == moment


def test_of_an_hour_that_comes_twice_the_first_is_meant() -> None:
    assert read("2026-10-25T02:30:00") == epoch(2026, 10, 25, 0, 30)


def test_a_time_that_clocks_skip_moves_past_the_gap() -> None:
    assert read("2026-03-29T02:30:00") == read("2026-03-29T03:30:00") == epoch(2026, 3, 29, 1, 30)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("0000-00-00", "is no date"),
        ("0000-00-00 00:00:00", "is no date"),
        ("31.01.2026", "ISO 8601"),
        ("2026-02-30", "ISO 8601"),
        ("2026-13-01", "ISO 8601"),
        ("2026-01-31x09:00", "ISO 8601"),
        ("2026-01-31T25:00", "ISO 8601"),
        ("yesterday", "ISO 8601"),
        ("1769850000", "ISO 8601"),
        ("0001-01-01", "outside 1900 to 2199"),
        ("9999-12-31T23:59:59", "outside 1900 to 2199"),
        (datetime.fromisoformat("1753-01-01"), "outside 1900 to 2199"),
        (date(9999, 12, 31), "outside 1900 to 2199"),
        (12, "ISO 8601"),
    ],
)
def test_what_is_no_time_is_set_aside_with_a_reason(written: object, why: str) -> None:
    with pytest.raises(BadValue, match=why):
        read(written)


@given(st.text(max_size=25))
def test_any_text_is_a_time_or_set_aside(written: str) -> None:
    with suppress(BadValue):
        read(written)


@pytest.mark.parametrize(
    "written", ["1980-05-17", "1980-05-17T00:00:00", date(1980, 5, 17), datetime.fromisoformat("1980-05-17T23:00")]
)
def test_a_day_is_the_calendar_day_as_written(written: object) -> None:
    assert day(written) == "1980-05-17"


@pytest.mark.parametrize("written", ["17/05/1980", "0000-00-00", "0001-01-01", date(1, 1, 1)])
def test_what_is_no_day_is_set_aside(written: object) -> None:
    with pytest.raises(BadValue):
        day(written)
