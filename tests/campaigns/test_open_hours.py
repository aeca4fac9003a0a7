"""When a contact may be mailed: quiet hours on the recipient's clock, holidays of the recipient's country."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from orchestrator.campaigns.open_hours import is_business_day, is_quiet, next_open, zone_of
from orchestrator.definitions.values import LimitSettings, QuietHours

STOCKHOLM = ZoneInfo("Europe/Stockholm")
MINUTE_OF_2026 = 1_767_225_600 // 60
NIGHT = QuietHours(time(20), time(7))
LUNCH = QuietHours(time(12), time(13))


def opens(local: str, *, quiet: QuietHours | None = NIGHT, country: str | None = "SE", days: bool = True) -> str:
    """The next open moment on the Stockholm clock."""
    now = datetime.fromisoformat(local).replace(tzinfo=STOCKHOLM)
    moment = next_open(now.astimezone(UTC), STOCKHOLM, country, LimitSettings(None, quiet, days))
    return f"{moment.astimezone(STOCKHOLM):%Y-%m-%dT%H:%M}"


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-03-03T12:00", "2026-03-03T12:00"),
        ("2026-03-03T19:59", "2026-03-03T19:59"),
        ("2026-03-03T20:00", "2026-03-04T07:00"),
        ("2026-03-03T23:59", "2026-03-04T07:00"),
        ("2026-03-03T00:00", "2026-03-03T07:00"),
        ("2026-03-03T06:59", "2026-03-03T07:00"),
        ("2026-03-03T07:00", "2026-03-03T07:00"),
        ("2026-03-06T21:00", "2026-03-09T07:00"),  # Friday night to Monday
        ("2026-04-02T21:00", "2026-04-07T07:00"),  # over Easter
        ("2026-12-31T21:00", "2027-01-04T07:00"),  # New Year's Day is a Friday
    ],
)
def test_quiet_hours_and_closed_days(now: str, expected: str) -> None:
    assert opens(now) == expected


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-03-28T21:00", "2026-03-29T07:00"),  # the clock goes forward in this night
        ("2026-10-24T21:00", "2026-10-25T07:00"),  # and back in this one
        ("2026-03-29T01:30", "2026-03-29T07:00"),
    ],
)
def test_the_morning_comes_at_seven_whatever_the_clock_did(now: str, expected: str) -> None:
    assert opens(now, days=False) == expected


def test_quiet_hours_in_the_middle_of_the_day() -> None:
    assert opens("2026-03-03T12:30", quiet=LUNCH) == "2026-03-03T13:00"
    assert opens("2026-03-03T11:59", quiet=LUNCH) == "2026-03-03T11:59"
    assert opens("2026-03-03T00:10", quiet=LUNCH) == "2026-03-03T00:10"


def test_an_end_that_the_spring_clock_skips() -> None:
    assert opens("2026-03-29T01:00", quiet=QuietHours(time(22), time(2, 30)), days=False) in {
        "2026-03-29T03:00",
        "2026-03-29T03:30",
    }


def test_without_quiet_hours_a_closed_day_ends_at_midnight() -> None:
    assert opens("2026-03-07T15:00", quiet=None) == "2026-03-09T00:00"


def test_without_limits_it_is_always_open() -> None:
    assert opens("2026-03-07T03:00", quiet=None, days=False) == "2026-03-07T03:00"


def test_holidays_are_those_of_the_recipients_country() -> None:
    epiphany = date(2026, 1, 6)
    assert not is_business_day(epiphany, "SE")
    assert is_business_day(epiphany, "US")
    assert is_business_day(epiphany, None)
    assert is_business_day(epiphany, "ZZ"), "an unknown country has weekends only"
    assert not is_business_day(date(2026, 3, 7), None)


def test_an_unknown_zone_is_the_business_zone() -> None:
    assert zone_of("Not/AZone", STOCKHOLM) is STOCKHOLM
    assert zone_of("", STOCKHOLM) is STOCKHOLM
    assert zone_of("../../etc/passwd", STOCKHOLM) is STOCKHOLM
    assert zone_of("Asia/Tokyo", STOCKHOLM).key == "Asia/Tokyo"


@given(
    st.integers(MINUTE_OF_2026, MINUTE_OF_2026 + 365 * 24 * 60),
    st.sampled_from(["Europe/Stockholm", "America/New_York", "Asia/Tokyo", "Australia/Lord_Howe", "Africa/Casablanca"]),
    st.tuples(st.integers(0, 23), st.integers(0, 23)),
)
def test_the_next_open_moment_is_open_and_nothing_before_it_is(minute: int, name: str, hours: tuple[int, int]) -> None:
    now = datetime.fromtimestamp(60 * minute, UTC)
    zone, quiet = ZoneInfo(name), QuietHours(time(hours[0]), time(hours[1]))
    limits = LimitSettings(None, quiet, business_days=False)
    found = next_open(now, zone, None, limits)
    if hours[0] == hours[1]:
        assert found == now
        return
    assert now <= found <= now + timedelta(hours=26)
    assert not is_quiet(found.astimezone(zone).time(), quiet)
    moment = now
    while moment < found:
        assert is_quiet(moment.astimezone(zone).time(), quiet)
        moment += timedelta(minutes=30)
