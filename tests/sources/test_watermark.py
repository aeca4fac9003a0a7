from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from orchestrator.errors import DataError
from orchestrator.sources.watermark import advance, beginnings, decode, encode, greatest

KINDS = (
    st.datetimes()
    | st.datetimes(timezones=st.just(UTC))
    | st.dates(min_value=date(1000, 1, 1))
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.binary()
    | st.text()
)


@given(KINDS)
def test_a_watermark_comes_back_as_it_was(value: object) -> None:
    written = encode(value)
    assert written is not None
    assert decode(written) == value


def test_floating_numbers_come_back_as_decimals() -> None:
    assert decode(encode(1.5) or "") == Decimal("1.5")


@pytest.mark.parametrize("value", [True, [1], {}])
def test_what_has_no_order_is_no_watermark(value: object) -> None:
    with pytest.raises(DataError):
        encode(value)


def test_kinds_cannot_be_mixed() -> None:
    assert greatest(None, None) is None
    assert greatest(3, None) == 3
    with pytest.raises(DataError, match="from int to str"):
        greatest(3, "4")


def test_a_watermark_never_goes_back() -> None:
    assert advance(5, 3, []) == 5
    assert advance(5, None, []) == 5
    assert advance(None, None, []) is None


MONDAY = datetime.fromisoformat("2026-02-02T09:00")


def test_it_waits_before_a_row_that_refers_to_something_unknown() -> None:
    tuesday = MONDAY + timedelta(days=1)
    assert advance(None, tuesday, [MONDAY, tuesday]) == MONDAY - timedelta(seconds=1)


def test_it_does_not_wait_for_ever() -> None:
    much_later = MONDAY + timedelta(days=30)
    assert advance(MONDAY, much_later, [MONDAY + timedelta(hours=1)]) == much_later - timedelta(days=7)


def test_numbers_do_not_wait() -> None:
    assert advance(1, 9, [4]) == 9


def test_the_first_watermark_fits_the_kind_of_database() -> None:
    assert beginnings("sqlite") == beginnings("mysql") == (0,)
    assert beginnings("postgresql")[0] == "1970-01-01"
