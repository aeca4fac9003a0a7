"""Which accounts are kept unmailed: stable, near the share, independent between campaigns, in each database alike."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st
from sqlalchemy import insert, text
from tests.campaigns.verdicts import is_held_out

from orchestrator.campaigns.holdout import held_out, prepare
from orchestrator.store.tables import Account

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.store.database import Database

UNITS = [f"account {number}" for number in range(10_000)]
NAMES = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12)
SHARES = st.decimals(0, 1, places=3) | st.decimals(0, 1, allow_nan=False)


def held(database: Database, campaign: str, share: Decimal | None, units: Iterable[str] = UNITS) -> set[str]:
    """Those of the units that the database holds out."""
    sql = held_out("CAST(:campaign AS TEXT)", "a.key", share, database.dialect)
    with database.read() as connection:
        prepare(connection)
        rows = [{"key": unit, "extra": {}} for unit in units]
        if rows:
            connection.execute(insert(Account), rows)
        return set(connection.scalars(text(f"SELECT a.key FROM account a WHERE {sql}"), {"campaign": campaign}))


@pytest.mark.parametrize("share", ["0.01", "0.10", "0.333", "0.9"])
def test_the_holdout_is_as_large_as_it_should_be(database: Database, share: str) -> None:
    found = held(database, "cart", Decimal(share))
    assert abs(len(found) / len(UNITS) - float(share)) < 0.015
    assert found == {unit for unit in UNITS if is_held_out("cart", unit, Decimal(share))}


@pytest.mark.parametrize(("share", "everybody"), [(None, False), (Decimal(0), False), (Decimal(1), True)])
def test_nobody_or_everybody(database: Database, share: Decimal | None, everybody: bool) -> None:
    assert held(database, "cart", share, UNITS[:200]) == (set(UNITS[:200]) if everybody else set())


def test_a_larger_share_keeps_those_who_were_held_out(database: Database) -> None:
    small = held(database, "cart", Decimal("0.1"))
    assert small < held(database, "cart", Decimal("0.2"))


def test_two_campaigns_hold_out_independently(database: Database) -> None:
    share = Decimal("0.2")
    both = held(database, "cart", share) & held(database, "news", share)
    assert abs(len(both) / len(UNITS) - 0.04) < 0.01


def test_the_assignment_never_changes(database: Database) -> None:
    """Written down once: another hash would mail half of a running experiment's holdout."""
    found = held(database, "cart", Decimal("0.1"), UNITS[:60])
    assert found == {"account 5", "account 6", "account 7", "account 28", "account 35", "account 53"}


@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(campaign=NAMES, units=st.sets(NAMES, max_size=8), share=SHARES)
def test_any_names_and_shares_are_assigned_alike_everywhere(
    database: Database, campaign: str, units: set[str], share: Decimal
) -> None:
    assert held(database, campaign, share, units) == {unit for unit in units if is_held_out(campaign, unit, share)}


def test_a_unit_that_stands_at_the_border_is_mailed(database: Database) -> None:
    place = int(hashlib.sha256(b"cart\x00account 1").hexdigest()[:16], 16)
    border, beyond = ((place + Decimal(part)) / (1 << 64) for part in ("0.5", "1.5"))
    assert held(database, "cart", border, ["account 1"]) == set()
    assert held(database, "cart", beyond, ["account 1"]) == {"account 1"}
