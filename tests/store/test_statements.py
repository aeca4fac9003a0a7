"""Many rows by one statement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from orchestrator.store.statements import execute_listed

if TYPE_CHECKING:
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
