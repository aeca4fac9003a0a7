"""Ordered changes of the schema, each applied once, recorded in the transaction that applies it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert, inspect, select
from sqlmodel import SQLModel, col

from orchestrator.errors import DataError
from orchestrator.store import tables

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Connection


def _create_everything(connection: Connection) -> None:
    """0.1: the first schema."""
    SQLModel.metadata.create_all(connection)


def _find_changes_by_time(connection: Connection) -> None:
    """Indexes by time, and the queue of who was touched: what an incremental recompute asks."""
    SQLModel.metadata.create_all(connection)
    for table in SQLModel.metadata.sorted_tables:
        for index in table.indexes:
            index.create(connection, checkfirst=True)


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (_create_everything, _find_changes_by_time)
"""version n is the n-th function; released ones are never edited"""


def migrate(connection: Connection, *, now: int) -> None:
    """Bring the schema to the current version. Raises DataError where a newer version wrote the database."""
    applied: set[int] = set()
    if inspect(connection).has_table("schema_version"):
        applied = set(connection.scalars(select(col(tables.SchemaVersion.version))))
    if applied and max(applied) > len(MIGRATIONS):
        raise DataError(
            f"The database has schema {max(applied)}, this version knows {len(MIGRATIONS)}. "
            "Install the newer campaign orchestrator again, or restore a backup."
        )
    for version, change in enumerate(MIGRATIONS, start=1):
        if version not in applied:
            change(connection)
            connection.execute(insert(tables.SchemaVersion).values(version=version, applied_at=now))
