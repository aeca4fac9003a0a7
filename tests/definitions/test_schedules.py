from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from apscheduler.triggers.cron import CronTrigger
from hypothesis import assume, given, settings, strategies as st

from orchestrator.definitions.cron import parse_cron
from orchestrator.definitions.faults import Fault
from orchestrator.definitions.schedules import latest_at_or_before, next_after, parse_schedule
from orchestrator.definitions.values import Cron, Every

STOCKHOLM = ZoneInfo("Europe/Stockholm")
MONDAY_NOON = datetime(2026, 3, 2, 12, 0, tzinfo=STOCKHOLM)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=STOCKHOLM)


def test_a_schedule_is_an_interval_a_cron_line_or_off() -> None:
    assert parse_schedule("every 15 minutes") == Every(timedelta(minutes=15))
    assert parse_schedule("every hour") == Every(timedelta(hours=1))
    assert parse_schedule("0 9 * * mon") == Cron("0 9 * * mon")
    assert parse_schedule("off") is None


@pytest.mark.parametrize(
    "text", ["hourly", "every", "every 0 minutes", "every 15", "15 minutes", "0 9 * *", "Every 2 hours", "Off"]
)
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(Fault):
        parse_schedule(text)


@pytest.mark.parametrize(
    ("line", "predicate"),
    [
        ("0 9 * *", 'must be a cron line of five fields, not 4 ("0 9 * *")'),
        ("0 9 * * * *", 'must be a cron line of five fields, not 6 ("0 9 * * * *")'),
        ("60 9 * * *", 'must have its minute from 0 to 59, not "60", in the cron line "60 9 * * *"'),
        ("0 24 * * *", 'must have its hour from 0 to 23, not "24", in the cron line "0 24 * * *"'),
        ("0 9 0 * *", 'must have its day of the month from 1 to 31, not "0", in the cron line "0 9 0 * *"'),
        ("0 9 * 13 *", 'must have its month from 1 to 12, not "13", in the cron line "0 9 * 13 *"'),
        ("0 9 * * 8", 'must have its weekday from 0 to 7, not "8", in the cron line "0 9 * * 8"'),
        ("0 9 * * mno", 'must be a cron line: "mno" is no weekday in "0 9 * * mno"'),
        ("0 17-9 * * *", 'must not run backwards in the hour: "17-9" in the cron line "0 17-9 * * *"'),
        ("*/0 * * * *", 'must be a cron line: "*/0" is no minute in "*/0 * * * *"'),
        ("0 0 31 2 *", 'must name a day that exists: "0 0 31 2 *" is never due'),
        ("@daily", 'must be a cron line, not the text "@daily"'),
    ],
)
def test_a_wrong_cron_line_names_the_field(line: str, predicate: str) -> None:
    with pytest.raises(Fault) as caught:
        parse_cron(line)
    assert caught.value.predicate == predicate
    assert caught.value.hint


@pytest.mark.parametrize("weekday", ["mon", "1", "MON"])
def test_weekdays_count_from_sunday_as_cron_does(weekday: str) -> None:
    due = next_after(Cron(f"0 9 * * {weekday}"), MONDAY_NOON, STOCKHOLM)
    assert due == local("2026-03-09T09:00")


@pytest.mark.parametrize("weekday", ["sun", "0", "7"])
def test_sunday_has_two_numbers(weekday: str) -> None:
    assert next_after(Cron(f"0 9 * * {weekday}"), MONDAY_NOON, STOCKHOLM) == local("2026-03-08T09:00")


def test_a_week_may_wrap() -> None:
    assert parse_cron("0 0 * * fri-mon").weekdays == {5, 6, 0, 1}


def test_either_kind_of_day_suffices() -> None:
    times = Cron("0 9 13 * fri")
    assert next_after(times, local("2026-03-09T10:00"), STOCKHOLM) == local("2026-03-13T09:00")
    assert next_after(times, local("2026-04-11T10:00"), STOCKHOLM) == local("2026-04-13T09:00")


def test_the_moment_itself_is_past_for_next_and_counts_for_latest() -> None:
    nine = local("2026-03-02T09:00")
    assert next_after(Cron("0 9 * * *"), nine, STOCKHOLM) == local("2026-03-03T09:00")
    assert latest_at_or_before("0 9 * * *", nine, STOCKHOLM) == nine
    assert latest_at_or_before(Cron("0 9 * * *"), nine - timedelta(seconds=1), STOCKHOLM) == local("2026-03-01T09:00")


def test_moments_are_in_utc() -> None:
    due = next_after(Cron("0 9 * * *"), MONDAY_NOON, STOCKHOLM)
    assert due is not None
    assert due.tzinfo is UTC


def test_a_time_that_the_clock_skips_is_due_an_hour_later() -> None:
    due = next_after(Cron("30 2 * * *"), local("2026-03-28T12:00"), STOCKHOLM)
    assert due == local("2026-03-29T03:30")
    assert next_after(Cron("30 2 * * *"), local("2026-03-29T03:30"), STOCKHOLM) == local("2026-03-30T02:30")


def test_a_time_that_occurs_twice_is_due_once() -> None:
    first = next_after(Cron("30 2 * * *"), local("2026-10-24T12:00"), STOCKHOLM)
    assert first == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert next_after(Cron("30 2 * * *"), datetime(2026, 10, 25, 0, 30, tzinfo=UTC), STOCKHOLM) == local(
        "2026-10-26T02:30"
    )


def test_every_hour_follows_real_time_over_both_changes_of_the_clock() -> None:
    for start in (datetime(2026, 3, 28, 22, 0, tzinfo=UTC), datetime(2026, 10, 24, 22, 0, tzinfo=UTC)):
        moment, seen = start, []
        for _ in range(8):
            following = next_after(Cron("0 * * * *"), moment, STOCKHOLM)
            assert following is not None
            seen.append(following - moment)
            moment = following
        assert seen == [timedelta(hours=1)] * 8


def test_an_interval_counts_from_the_moment_and_off_is_never_due() -> None:
    assert next_after(Every(timedelta(minutes=15)), MONDAY_NOON, STOCKHOLM) == MONDAY_NOON + timedelta(minutes=15)
    assert next_after(None, MONDAY_NOON, STOCKHOLM) is None


def test_the_29th_of_february_is_found_years_away() -> None:
    assert next_after(Cron("0 9 29 2 *"), MONDAY_NOON, STOCKHOLM) == local("2028-02-29T09:00")
    assert latest_at_or_before("0 9 29 2 *", MONDAY_NOON, STOCKHOLM) == local("2024-02-29T09:00")


ZONES = st.sampled_from(["Europe/Stockholm", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Cairo"])
MOMENTS = st.datetimes(datetime(2015, 1, 1), datetime(2035, 1, 1)).map(lambda at: at.replace(tzinfo=UTC, microsecond=0))  # noqa: DTZ001 - made aware on the same line
LINES = st.tuples(
    st.sampled_from(["0", "*/15", "30", "5,50", "*"]),
    st.sampled_from(["*", "2", "9", "0-3", "*/6", "1,2,3"]),
    st.sampled_from(["*", "1", "29-31", "13"]),
    st.sampled_from(["*", "mar", "10", "2-4"]),
    st.sampled_from(["*", "mon", "sun", "0", "fri-mon", "*/2"]),
).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(LINES, MOMENTS, ZONES)
def test_nothing_is_due_between_the_latest_and_the_next(line: str, moment: datetime, zone: str) -> None:
    timezone = ZoneInfo(zone)
    latest, following = latest_at_or_before(line, moment, timezone), next_after(Cron(line), moment, timezone)
    assert latest is not None
    assert following is not None
    assert latest <= moment < following
    assert next_after(Cron(line), latest, timezone) == following
    assert latest_at_or_before(line, following - timedelta(seconds=1), timezone) == latest


@settings(max_examples=60, deadline=None)
@given(LINES, MOMENTS)
def test_apscheduler_agrees_where_both_mean_the_same(line: str, moment: datetime) -> None:
    """In UTC, with weekdays by name, and with at most one kind of day restricted."""
    fields = line.split()
    assume(fields[4] in {"*", "mon", "sun"})
    assume(fields[2] == "*" or fields[4] == "*")
    expected = CronTrigger.from_crontab(line, UTC).get_next_fire_time(None, moment + timedelta(seconds=1))
    assert next_after(Cron(line), moment, ZoneInfo("UTC")) == expected
