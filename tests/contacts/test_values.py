"""Exact values survive being written as JSON."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from orchestrator.contacts.measures import ValueType
from orchestrator.contacts.values import Exact, restored, stored


@given(st.fractions() | st.decimals(allow_nan=False, allow_infinity=False, places=6).map(Fraction))
def test_an_exact_number_comes_back_as_it_was(value: Fraction) -> None:
    assert restored(json.loads(json.dumps(stored(value))), ValueType.MONEY) == value


@pytest.mark.parametrize(
    ("value", "type_", "written"),
    [
        (Fraction(16), ValueType.NUMBER, 16),
        (Fraction(6125040, 100), ValueType.MONEY, "61250.4"),
        (Fraction(-1, 20), ValueType.MONEY, "-0.05"),
        (Fraction(100, 3), ValueType.MONEY, "100/3"),
        (2.5, ValueType.NUMBER, 2.5),
        ("007", ValueType.TEXT, "007"),
        (True, ValueType.BOOLEAN, True),
        (None, ValueType.NUMBER, None),
    ],
)
def test_values_are_written_so_that_people_can_read_them(value: Exact, type_: ValueType, written: object) -> None:
    assert stored(value) == written
    assert restored(stored(value), type_) == value
    assert type(restored(stored(value), type_)) is type(value)
