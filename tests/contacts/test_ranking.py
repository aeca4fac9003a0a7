"""The values at which RFM scores change, found by each database, beside a sorted list."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from orchestrator.contacts.ranking import FIGURES, POINTS, Cut, ranking_of

if TYPE_CHECKING:
    from orchestrator.store.database import Database


@pytest.mark.parametrize("contacts", [1, 2, 3, 4, 5, 6, 7, 99, 100, 101, 2_003])
def test_a_cut_is_the_figure_at_its_place_from_the_best(database: Database, contacts: int) -> None:
    numbers = random.Random(contacts)
    rows = [
        {
            "contact": contact,
            "latest": numbers.randrange(1_700_000_000, 1_800_000_000),
            "orders": numbers.randrange(1, 6),  # many are equal
            "revenue": numbers.randrange(-5, 10**9),
        }
        for contact in range(1, contacts + 1)
    ]
    with database.write() as connection:
        insert = (
            "INSERT INTO rfm_figure (contact, latest, orders, revenue) VALUES (:contact, :latest, :orders, :revenue)"
        )
        connection.execute(text(insert), rows)
        found = ranking_of(lambda sql: connection.execute(text(sql)), contacts, database.dialect)
    for figure in FIGURES:
        values = sorted((row[figure] for row in rows), reverse=True)
        # a contact loses a point for each k with 5 * better >= k * n: the last that keeps it
        kept = [max(place for place in range(contacts) if 5 * place < point * contacts) for point in POINTS]
        assert found.cuts[figure] == tuple(
            Cut(values[place], sum(value > values[place] for value in values)) for place in kept
        )
    assert sum(found.sums.values()) == contacts


def test_nobody_is_ranked_where_nobody_ordered(database: Database) -> None:
    with database.read() as connection:
        found = ranking_of(lambda sql: connection.execute(text(sql)), 0, database.dialect)
    assert found.contacts == 0
    assert all(cut == Cut(0, 0) for cuts in found.cuts.values() for cut in cuts)
