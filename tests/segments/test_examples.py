"""Examples in segment files: tests that marketers write."""

from __future__ import annotations

from typing import Any

import pytest
from tests.segments.shop import segment

from orchestrator.definitions.values import SegmentExample
from orchestrator.segments.compile import compile_segments
from orchestrator.segments.examples import example_problems

IDLE_CART = "region = 'Europe' and revenue_this_year > 50000 and cart_items > 15 and days_since_login >= 14"
INSIDE = {"region": "Europe", "revenue_this_year": 50000.01, "cart_items": 16, "days_since_login": 14}


def problems(where: str, contact: dict[str, Any], *, member: bool) -> list[str]:
    definition = segment("s", where, examples=(SegmentExample(contact, member, 9),))
    compiled = compile_segments({"s": definition, "gold": segment("gold", "revenue_total > 5")})
    assert not compiled.problems
    found = list(example_problems(definition, compiled.segments["s"]))
    assert all((problem.file, problem.line) == ("segments/s.toml", 9) for problem in found)
    return [problem.message for problem in found]


def test_an_example_that_agrees_says_nothing() -> None:
    assert not problems(IDLE_CART, INSIDE, member=True)
    assert not problems(IDLE_CART, INSIDE | {"revenue_this_year": 50000}, member=False)
    assert not problems("orders_total = 0 and role is null", {}, member=True)
    assert not problems("lead_score = 0.1", {"lead_score": 0.1}, member=True)
    assert not problems("bought('brand', 'Acme')", {"bought('brand', 'Acme')": True}, member=True)
    assert not problems("not bought('brand', 'Acme')", {}, member=True)
    assert not problems("in_segment('gold')", {"revenue_total": 6}, member=True)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"cart_items": 15}, "`cart_items > 15` is false: its value is 15"),
        ({"revenue_this_year": 50000}, "`revenue_this_year > 50000` is false: its value is 50000.00"),
        ({"days_since_login": None}, "`days_since_login >= 14` cannot be told: its value is null"),
        ({"region": "Asia"}, "`region = 'Europe'` is false: its value is 'Asia'"),
    ],
)
def test_the_clause_that_failed_is_named_with_its_value(changed: dict[str, Any], message: str) -> None:
    (said,) = problems(IDLE_CART, INSIDE | changed, member=True)
    assert said == f"the example says member = true, but {message}"


def test_an_example_that_should_not_be_a_member_and_is() -> None:
    assert "meets every clause" in problems(IDLE_CART, INSIDE, member=False)[0]


@pytest.mark.parametrize(
    ("contact", "message"),
    [
        ({"cart_items": "16"}, "gives cart_items the value '16', but it is a number"),
        ({"region": 5}, "gives region the value 5, but it is a text"),
        ({"cart_items": True}, "but it is a number"),
        ({"cart_itms": 5}, 'names "cart_itms", which is no field'),
    ],
)
def test_impossible_values_are_named(contact: dict[str, Any], message: str) -> None:
    assert message in problems(IDLE_CART, contact, member=True)[0]
