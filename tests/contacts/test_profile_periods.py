"""Periods as windows of moments."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from orchestrator.contacts.periods import Window, is_period, period_window

STOCKHOLM = ZoneInfo("Europe/Stockholm")


def utc(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp())  # type: ignore[arg-type, misc] # year, month, day, …


NOW = datetime(2026, 3, 30, 9, 0, tzinfo=STOCKHOLM)


@pytest.mark.parametrize(
    ("period", "window"),
    [
        ("total", Window(None, utc(2026, 3, 30, 7, 0, 1))),
        ("this_year", Window(utc(2025, 12, 31, 23), utc(2026, 3, 30, 7))),
        ("last_year", Window(utc(2024, 12, 31, 23), utc(2025, 12, 31, 23))),
        ("this_month", Window(utc(2026, 2, 28, 23), utc(2026, 3, 30, 7))),
        ("last_month", Window(utc(2026, 1, 31, 23), utc(2026, 2, 28, 23))),
        ("last_1_days", Window(utc(2026, 3, 29, 7), utc(2026, 3, 30, 7))),
        ("last_365_days", Window(utc(2025, 3, 30, 7), utc(2026, 3, 30, 7))),
    ],
)
def test_a_period_is_a_window(period: str, window: Window) -> None:
    assert period_window(period, NOW, STOCKHOLM) == window


@pytest.mark.parametrize("word", ["", "last_0_days", "last_05_days", "last_days", "today", "last_99999999_days"])
def test_other_words_are_no_periods(word: str) -> None:
    assert not is_period(word)
    with pytest.raises(ValueError, match="is not a period"):
        period_window(word, NOW, STOCKHOLM)


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)),  # noqa: DTZ001 - made aware below
    st.sampled_from(["Europe/Stockholm", "America/New_York", "Asia/Kathmandu", "Pacific/Apia"]),
)
def test_this_and_last_meet_at_local_midnight(naive: datetime, name: str) -> None:
    zone = ZoneInfo(name)
    now = naive.replace(tzinfo=zone)
    for this, last in (("this_year", "last_year"), ("this_month", "last_month")):
        start = period_window(this, now, zone).start
        assert start == period_window(last, now, zone).end
        assert start is not None
        local = datetime.fromtimestamp(start, zone)
        assert (local.day, local.hour, local.minute) == (1, 0, 0)
        assert start <= now.timestamp()
