from __future__ import annotations

import contextlib
from datetime import time, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, strategies as st

from orchestrator.definitions.durations import parse_cap, parse_duration, parse_quiet_hours, written_duration
from orchestrator.definitions.faults import Fault
from orchestrator.definitions.values import FrequencyCap, QuietHours

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("90 minutes", timedelta(minutes=90)),
        ("1 hour", timedelta(hours=1)),
        ("26 hours", timedelta(hours=26)),
        ("7 days", timedelta(days=7)),
        ("1 week", timedelta(weeks=1)),
        ("0 hours", timedelta(0)),
        ("30 seconds", timedelta(seconds=30)),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, length: timedelta) -> None:
    assert parse_duration(text) == length


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("4h", 'Did you mean "4 hours"?'),
        ("4hours", 'Write "4 hours".'),
        ("4 horus", 'Did you mean "4 hours"?'),
        ("4 Hours", 'Write "4 hours".'),
        ("3 months", 'A month has no fixed length: write days or weeks, as "30 days".'),
        ("1.5 hours", 'Write a whole number and a unit: "90 minutes", "4 hours", "7 days", "1 week".'),
        ("-1 hours", 'Write a whole number and a unit: "90 minutes", "4 hours", "7 days", "1 week".'),
        ("soon", 'Write a whole number and a unit: "90 minutes", "4 hours", "7 days", "1 week".'),
        ("99999 weeks", "Write a shorter time."),
        ("9" * 5000 + " days", "Write a shorter time."),
    ],
)
def test_what_is_no_duration_gets_a_hint(text: str, hint: str) -> None:
    with pytest.raises(Fault) as caught:
        parse_duration(text)
    assert caught.value.hint == hint


def test_a_cap_is_a_number_of_mails_in_a_time() -> None:
    assert parse_cap("2 in 7 days") == FrequencyCap(2, timedelta(days=7))


@pytest.mark.parametrize(
    "text", ["2", "2 in", "two in 7 days", "0 in 7 days", "2 in 0 days", "2 per week", "2 in 7 dys"]
)
def test_what_is_no_cap_is_refused(text: str) -> None:
    with pytest.raises(Fault):
        parse_cap(text)


def test_quiet_hours_may_pass_midnight() -> None:
    assert parse_quiet_hours("20:00-07:00") == QuietHours(time(20), time(7))


@pytest.mark.parametrize(
    "text", ["20-7", "20:00", "20:00-25:00", "24:00-07:00", "20:60-07:00", "20:00-20:00", "٢٠:00-07:00"]
)
def test_what_is_no_span_of_hours_is_refused(text: str) -> None:
    with pytest.raises(Fault):
        parse_quiet_hours(text)


@given(st.integers(1, 300_000_000).map(lambda seconds: timedelta(seconds=seconds)))
def test_a_written_duration_reads_back(length: timedelta) -> None:
    assert parse_duration(written_duration(length)) == length


@pytest.mark.parametrize("parse", [parse_duration, parse_cap, parse_quiet_hours])
@given(text=st.text())
def test_any_text_is_a_value_or_a_fault(parse: Callable[[str], object], text: str) -> None:
    with contextlib.suppress(Fault):
        parse(text)
