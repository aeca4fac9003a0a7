"""Explanations: clause by clause, with the values that decide."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from tests.segments.shop import DAY, HOUR, NOW, Shop, at, segments, settings

from orchestrator.errors import DefinitionError, UsageError
from orchestrator.segments.clauses import Clause
from orchestrator.segments.explain import explain

if TYPE_CHECKING:
    from orchestrator.segments.clauses import Explanation
    from orchestrator.store.database import Database


def explained(database: Database, contact: str, **where: str) -> Explanation:
    with database.read() as connection:
        return explain(connection, settings(), segments(**where), next(iter(where)), contact, now=NOW)


def test_each_clause_shows_its_value_and_whether_it_holds(database: Database) -> None:
    shop = Shop()
    contact = shop.contact(country="SE")
    shop.order(contact, 50_000_01, at(NOW) - DAY)
    shop.write(database)
    where = "region = 'Europe' and revenue_this_year > 50000 and cart_items > 15 and days_since_login >= 14"
    found = explained(database, "C1", s=where)
    assert not found.member
    assert found.clauses == (
        Clause("region = 'Europe'", "Europe", result=True),
        Clause("revenue_this_year > 50000", Decimal("50000.01"), result=True),
        Clause("cart_items > 15", 0, result=False),
        Clause("days_since_login >= 14", None, result=None),
    )


def test_a_clause_of_several_fields_shows_all_of_them_and_each_side(database: Database) -> None:
    shop = Shop()
    shop.contact(role="buyer", lead_score=2.5)
    shop.write(database)
    found = explained(database, "C1", s="(role = 'buyer' or lead_score > 5) and not lead_score > 5 and true")
    assert found.member
    assert [(clause.value, clause.result) for clause in found.clauses] == [
        ({"role": "buyer", "lead_score": 2.5}, True),
        (2.5, True),
        (None, True),
    ]
    assert found.clauses[0].parts == (
        Clause("role = 'buyer'", "buyer", result=True),
        Clause("lead_score > 5", 2.5, result=False),
    )
    assert [part.source for part in found.clauses[0].parts] == ["contacts.role", "contacts.lead_score"]
    assert found.clauses[1:] == (
        Clause("not lead_score > 5", 2.5, result=True),
        Clause("true", None, result=True),
    )


def test_another_segment_is_a_clause_with_its_membership_and_its_own_clauses(database: Database) -> None:
    shop = Shop()
    shop.contact(role="buyer")
    shop.write(database)
    found = explained(
        database,
        "C1",
        rest="not in_segment('hot') and in_segment('any')",
        hot="lead_score > 5 and role = 'buyer'",
        any="in_segment('all')",
        all="true",
    )
    assert found.member
    hot = (Clause("lead_score > 5", None, result=None), Clause("role = 'buyer'", "buyer", result=True))
    every = Clause("in_segment('all')", True, True, (Clause("true", None, result=True),))
    assert found.clauses == (
        Clause("not in_segment('hot')", False, True, hot),
        Clause("in_segment('any')", True, True, (every,)),
    )


def test_a_negated_group_is_taken_apart(database: Database) -> None:
    shop = Shop()
    shop.contact(role="buyer")
    shop.write(database)
    (clause,) = explained(database, "C1", s="not (role = 'buyer' and (lead_score > 5 or lead_score < 1))").clauses
    assert (clause.text, clause.result) == ("not (role = 'buyer' and (lead_score > 5 or lead_score < 1))", None)
    assert [(part.text, part.result) for part in clause.parts] == [
        ("role = 'buyer'", True),
        ("lead_score > 5 or lead_score < 1", None),
    ]
    assert [part.result for part in clause.parts[1].parts] == [None, None]


def test_a_contact_that_was_not_there_yet_cannot_be_explained(database: Database) -> None:
    shop = Shop()
    shop.contact(created_at=at(NOW) + HOUR)
    shop.write(database)
    for key in ("C1", "nobody"):
        with pytest.raises(UsageError, match=f'no contact "{key}"'):
            explained(database, key, s="true")
    with pytest.raises(DefinitionError, match="something is missing after"):
        explained(database, "C1", s="age >")
