from __future__ import annotations

import json
import string
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from orchestrator.sources import values
from orchestrator.sources.values import BadValue

CENTS = st.integers(-(10**17), 10**17)


@given(CENTS)
def test_money_survives_being_written_and_read(cents: int) -> None:
    written = f"{Decimal(cents) / 100:.2f}"
    assert values.money(written) == cents
    assert values.money(Decimal(written)) == cents
    assert values.money(written + "000") == cents


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**9), max_value=10**9))
def test_money_as_a_floating_number_is_read_as_it_is_printed(amount: Decimal) -> None:
    assert values.money(float(amount)) == int(amount * 100)


@given(st.text(alphabet=string.printable, max_size=20))
def test_any_text_is_an_amount_or_set_aside(written: str) -> None:
    try:
        cents = values.money(written)
    except BadValue:
        pass
    else:
        assert Decimal(written) * 100 == cents


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("1,234.50", "comma"),
        ("12,50", "comma"),
        ("1.234,50", "comma"),
        ("1e3", "exponent"),
        ("NaN", "leave it empty"),
        ("-inf", "leave it empty"),
        ("12.345", "more than two decimals"),
        ("1 234", "only digits"),
        ("€5", "only digits"),
        (".5", "only digits"),
        ("5.", "only digits"),
        ("--5", "only digits"),
        ("١٢", "only digits"),
        ("9" * 20, "larger"),
        ("9" * 5000, "larger"),
        (True, "true or false"),
        (float("nan"), "finite"),
        (Decimal("Infinity"), "finite"),
        (0.1 + 0.2, "more than two decimals"),
        (b"5", "type bytes"),
    ],
)
def test_what_is_no_exact_amount_is_set_aside_with_a_reason(written: object, why: str) -> None:
    with pytest.raises(BadValue, match=why):
        values.money(written)


@pytest.mark.parametrize(
    ("given_value", "cents"),
    [("+5", 500), ("-0.1", -10), ("007.50", 750), (3, 300), (19.99, 1999), (Decimal("1E+2"), 10000), ("-0", 0)],
)
def test_usual_spellings_of_amounts_are_read(given_value: object, cents: int) -> None:
    assert values.money(given_value) == cents


@pytest.mark.parametrize(("written", "number"), [("12", 12), ("12.000", 12), ("-3", -3), (4.0, 4), (Decimal(5), 5)])
def test_whole_numbers_may_have_empty_decimals(written: object, number: int) -> None:
    assert values.whole(written) == number


@pytest.mark.parametrize("written", ["12.5", "1e2", "1,000", "twelve", 0.5, True, 10**16, "9" * 4500, float("inf")])
def test_other_numbers_are_not_whole(written: object) -> None:
    with pytest.raises(BadValue):
        values.whole(written)


@pytest.mark.parametrize("written", ["nan", "1e999", "x", float("inf"), False, 10**400, "9" * 400])
def test_a_number_is_finite(written: object) -> None:
    with pytest.raises(BadValue):
        values.number(written)


def test_bounds_are_included() -> None:
    latitude, pieces = values.number_between(-90, 90), values.whole_from(0)
    assert latitude("-90") == -90
    assert pieces("0") == 0
    with pytest.raises(BadValue, match="not between -90 and 90"):
        latitude("90.01")
    with pytest.raises(BadValue, match="less than 0"):
        pieces("-1")


@pytest.mark.parametrize(
    ("given_value", "written"),
    [(17, "17"), (17.0, "17"), (Decimal("17.00"), "17"), ("0017", "0017"), (10**30, "1" + "0" * 30)],
)
def test_keys_are_text_whatever_the_driver_gives(given_value: object, written: str) -> None:
    assert values.key(given_value) == written


@pytest.mark.parametrize("damaged", ["a\0b", "\ud800", "k" * 256, b"x"])
def test_damaged_keys_are_set_aside(damaged: object) -> None:
    with pytest.raises(BadValue):
        values.key(damaged)


@pytest.mark.parametrize("written", ['{"b": 1, "a": [1, 2]}', {"a": [1, 2], "b": 1}])
def test_equal_objects_become_equal_text(written: object) -> None:
    assert values.json_object(written) == '{"a":[1,2],"b":1}'


@pytest.mark.parametrize(
    "written",
    ["[1]", "null", "{", '{"a": NaN}', '{"a": "\\u0000"}', '{"a": "\\ud800"}', "[" * 100_000, {"a": object()}, '"{}"'],
)
def test_what_is_no_json_object_is_set_aside(written: object) -> None:
    with pytest.raises(BadValue):
        values.json_object(written)


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.booleans() | st.none(), max_size=4))
def test_objects_survive_being_stored(found: dict[str, object]) -> None:
    try:
        stored = values.json_object(found)
    except BadValue:
        assert "\0" in "".join(found) or not "".join(found).isascii()
    else:
        assert json.loads(stored) == found
