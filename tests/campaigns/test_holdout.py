"""Which accounts are kept unmailed: stable, near the share, independent between campaigns."""

from __future__ import annotations

from decimal import Decimal

import pytest

from orchestrator.campaigns.holdout import is_held_out

UNITS = [f"account {number}" for number in range(10_000)]


@pytest.mark.parametrize("share", ["0.01", "0.10", "0.333", "0.9"])
def test_the_holdout_is_as_large_as_it_should_be(share: str) -> None:
    held = sum(is_held_out("cart", unit, Decimal(share)) for unit in UNITS)
    assert abs(held / len(UNITS) - float(share)) < 0.015


@pytest.mark.parametrize(("share", "held"), [(None, False), (Decimal(0), False), (Decimal(1), True)])
def test_nobody_or_everybody(share: Decimal | None, held: bool) -> None:
    assert {is_held_out("cart", unit, share) for unit in UNITS[:200]} == {held}


def test_a_larger_share_keeps_those_who_were_held_out() -> None:
    small = {unit for unit in UNITS if is_held_out("cart", unit, Decimal("0.1"))}
    assert small <= {unit for unit in UNITS if is_held_out("cart", unit, Decimal("0.2"))}


def test_two_campaigns_hold_out_independently() -> None:
    share = Decimal("0.2")
    both = sum(is_held_out("cart", unit, share) and is_held_out("news", unit, share) for unit in UNITS)
    assert abs(both / len(UNITS) - 0.04) < 0.01


def test_the_assignment_never_changes() -> None:
    """Written down once: another hash would mail half of a running experiment's holdout."""
    held = [unit for unit in UNITS[:60] if is_held_out("cart", unit, Decimal("0.1"))]
    assert held == ["account 5", "account 6", "account 7", "account 28", "account 35", "account 53"]
