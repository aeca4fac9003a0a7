"""Every schema that was written down becomes today's; a migration that fails leaves everything as it was."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import inspect, text
from tests.store.take_snapshot import FOLDER

from orchestrator.errors import DataError
from orchestrator.store import migrations
from orchestrator.store.opening import open_database

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.store.database import Database

VERSIONS = sorted(int(file.name.split(".")[0]) for file in FOLDER.glob("*.sqlite.sql"))
ADVICE = (
    "the schema differs from what migrations make of the snapshot. Was that version released? Then add a migration. "
    "If not, take the snapshot again: python -m tests.store.take_snapshot"
)


def shape(database: Database) -> dict[str, Any]:
    """Tables with columns, keys, unique constraints and indexes, whatever their order."""
    found: dict[str, Any] = {}
    with database.read() as connection:
        seen = inspect(connection)
        for table in seen.get_table_names():
            found[table] = {
                "columns": sorted((c["name"], str(c["type"]), c["nullable"]) for c in seen.get_columns(table)),
                "key": seen.get_pk_constraint(table)["constrained_columns"],
                "unique": sorted(tuple(one["column_names"]) for one in seen.get_unique_constraints(table)),
                "indexes": sorted(
                    (str(i["name"]), tuple(i["column_names"]), i["unique"]) for i in seen.get_indexes(table)
                ),
            }
    return found


def shape_of(file: Path, workspace: Path) -> dict[str, Any]:
    opened = open_database(f"sqlite:///{file}", workspace, now=0)
    try:
        return shape(opened)
    finally:
        opened.close()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_database_of_that_version_becomes_todays(database: Database, tmp_path: Path, version: int) -> None:
    fresh = shape(database)
    url = database.engine.url.render_as_string(hide_password=False)
    with database.write() as connection:
        for table in fresh:
            connection.execute(text(f'DROP TABLE "{table}"'))
        snapshot = (FOLDER / f"{version}.{database.dialect}.sql").read_text(encoding="utf-8")
        for statement in snapshot.removesuffix(";\n").split(";\n"):
            connection.exec_driver_sql(statement)
    migrated = open_database(url, tmp_path, now=0)
    try:
        assert shape(migrated) == fresh, ADVICE
    finally:
        migrated.close()


def test_a_migration_that_fails_takes_everything_back(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = shape(database)
    url = database.engine.url.render_as_string(hide_password=False)

    def fails(connection: Any) -> None:
        connection.execute(text("CREATE TABLE half_way (id INTEGER)"))
        connection.execute(text("SELECT nothing FROM nowhere"))

    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, fails))
    with pytest.raises(DataError, match="nothing was changed"):
        open_database(url, tmp_path, now=0)
    monkeypatch.undo()
    if database.dialect == "sqlite":
        copy = tmp_path / f"campaigns.db.schema-{len(migrations.MIGRATIONS)}"
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        assert shape_of(copy, tmp_path) == before
    again = open_database(url, tmp_path, now=0)
    assert shape(again) == before
    again.close()


def test_a_commit_on_sqlite_is_on_the_disk_before_a_call_is_made(sqlite_database: Database) -> None:
    for access in (sqlite_database.read, sqlite_database.write):
        with access() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2, "2 is FULL"
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
