"""Many rows by one statement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from orchestrator.store.statements import execute_many

if TYPE_CHECKING:
    from orchestrator.store.database import Database


def test_rows_of_several_names_of_one_and_none_at_all_are_written(database: Database) -> None:
    two = "INSERT INTO campaign_seen (campaign, first_seen_at) VALUES (:name, :at)"
    with database.write() as connection:
        execute_many(connection, two, [{"name": "100% :a", "at": 1}, {"name": "b", "at": 2}, {"name": "c", "at": 3}])
        execute_many(connection, "DELETE FROM campaign_seen WHERE campaign = :name", [{"name": "b"}, {"name": "c"}])
        execute_many(connection, two, [])
        rows = connection.execute(text("SELECT campaign, first_seen_at FROM campaign_seen")).all()
    assert [tuple(row) for row in rows] == [("100% :a", 1)]
