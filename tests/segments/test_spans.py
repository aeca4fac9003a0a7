"""Each span of time is looked up in an index of moments, also where SQLite knows how large the tables are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from orchestrator.segments.crossings import Span, Times
from orchestrator.segments.spans import accounts_in, contacts_in, parameters
from orchestrator.store.opening import open_database
from orchestrator.store.statements import by_own_indexes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orchestrator.store.database import Database

NOW = 1_800_000_000
MEASURED = {
    "orders_by_time": "2137600 1 1 1",
    "orders_by_contact": "1504256 21 15 1 1 1",
    "orders_by_account": "1429125 53 29 1 1 1",
    "event_by_time": "5500000 1500000 1 1",
    "event_by_contact": "5500000 20 9 1",
    "mail_event_by_time": "400000 200000 1 1",
    "mail_event_by_contact": "400000 5 3 1",
    "send_by_time": "900000 300000 1 1",
    "send_by_contact": "900000 4 3 1",
    "cart_by_change": "30000 1 1",
    "cart_by_addition": "30000 1 1",
    "cart_by_contact": "60000 1 1",
    "contact_by_creation": "300000 2",
    "contact_by_consent": "300000 2",
    "contact_by_account": "300000 4",
}
"""what ANALYZE said of a wholesaler's 300,000 contacts, or about that"""
OF_MOMENTS = {
    "orders_by_time",
    "event_by_time",
    "mail_event_by_time",
    "send_by_time",
    "cart_by_change",
    "cart_by_addition",
    "contact_by_creation",
    "contact_by_consent",
}
NEVER_NEWEST = {Times.SIGNUPS, Times.CONSENTS, Times.CART_CHANGES, Times.CART_ADDITIONS, Times.SENDS}
NO_AGE = {Times.CONSENTS, Times.SENDS}


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """No row, but the statistics of a large shop."""
    folder: Path = tmp_path_factory.mktemp("large")
    database = open_database("sqlite:///shop.db", folder, now=0)
    with database.write() as connection:
        connection.execute(text("ANALYZE"))
        connection.execute(text("DELETE FROM sqlite_stat1"))
        for index, stat in MEASURED.items():
            connection.execute(
                text("INSERT INTO sqlite_stat1 (tbl, idx, stat) SELECT tbl_name, name, :stat FROM sqlite_master"
                     " WHERE type = 'index' AND name = :index"),
                {"index": index, "stat": stat},
            )  # fmt: skip
        assert connection.scalar(text("SELECT COUNT(*) FROM sqlite_stat1")) == len(MEASURED)
    database.close()
    database = open_database("sqlite:///shop.db", folder, now=0)
    yield database
    database.close()


def spans() -> Iterator[Span]:
    for times in Times:
        kind = {Times.EVENTS: "login", Times.REACTIONS: "open"}.get(times, "")
        for newest in (False, True)[: 1 if times in NEVER_NEWEST else 2]:
            for every in (0, 86_400)[: 1 if times in NO_AGE else 2]:
                yield Span(times, NOW - 86_400 - 900, NOW - 86_400, kind, newest, every)


@pytest.mark.parametrize("span", [*spans()], ids=lambda one: f"{one.times}, newest {one.newest}, every {one.every}")
def test_a_span_is_looked_up_by_its_moments(large: Database, span: Span) -> None:
    asked = {"contact": contacts_in(span)} | (
        {"account": accounts_in(span)} if span.times is Times.ACCOUNT_ORDERS else {}
    )
    for column, query in asked.items():
        values = {name: value for name, value in parameters(span, NOW).items() if f":{name}" in query}
        with large.read() as connection, by_own_indexes(connection):
            once = f"EXPLAIN QUERY PLAN SELECT DISTINCT {column} FROM ({query}) found WHERE {column} IS NOT NULL"
            plan = [row[3] for row in connection.execute(text(once), values)]
        between = [step for step in plan if ">?" in step and "<?" in step]
        assert len(between) == 1, plan
        assert OF_MOMENTS & set(between[0].split()), plan
