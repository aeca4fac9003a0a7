"""Many rows by one statement, and what holds for a block of statements."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from orchestrator.store.statements import by_own_indexes, execute_listed

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from orchestrator.store.database import Database


def test_rows_of_several_columns_of_one_and_none_at_all_are_written(database: Database) -> None:
    two = "INSERT INTO campaign_seen (campaign, first_seen_at) SELECT name, at FROM {rows} r"
    both = {"name": "TEXT", "at": "BIGINT"}
    with database.write() as connection:
        execute_listed(connection, two, both, [("100% :a 'ö'", 2**62), ("b", 2), ("c", 3)])
        gone = "DELETE FROM campaign_seen WHERE campaign IN (SELECT name FROM {rows} r)"
        execute_listed(connection, gone, {"name": "TEXT"}, [("b",), ("c",)])
        execute_listed(connection, two, both, [])
        rows = connection.execute(text("SELECT campaign, first_seen_at FROM campaign_seen")).all()
    assert [tuple(row) for row in rows] == [("100% :a 'ö'", 2**62)]


def test_sqlite_makes_its_own_indexes_again_after_the_block_whatever_happened_in_it(sqlite_database: Database) -> None:
    seen: list[int] = []

    def look(connection: Connection) -> None:
        seen.append(connection.execute(text("PRAGMA automatic_index")).scalar_one())

    def fail_within(connection: Connection) -> None:
        with by_own_indexes(connection):
            look(connection)
            raise ZeroDivisionError

    with sqlite_database.read() as connection:
        with pytest.raises(ZeroDivisionError):
            fail_within(connection)
        look(connection)
    assert seen == [0, 1]
