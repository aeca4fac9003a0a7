"""Ordered changes of the schema, each applied once, recorded in the transaction that applies it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import inspect, text

from orchestrator.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import MetaData
    from sqlalchemy.engine import Connection


def _create_everything(connection: Connection) -> None:
    """0.1: the first schema."""
    _metadata().create_all(connection)


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (_create_everything,)
"""version n is the n-th function; released ones are never edited"""


def is_current(connection: Connection) -> bool:
    """Nothing is to be done, and no writer has to be waited for to find that out. Raises DataError as ``migrate``."""
    return len(_applied(connection)) == len(MIGRATIONS)


def schema_version(connection: Connection) -> int:
    """The newest version that the database has; 0: none yet."""
    return max(_applied(connection), default=0)


def migrate(connection: Connection, *, now: int) -> None:
    """Bring the schema to the current version. Raises DataError where a newer version wrote the database."""
    applied = _applied(connection)
    for version, change in enumerate(MIGRATIONS, start=1):
        if version not in applied:
            change(connection)
            connection.execute(
                text("INSERT INTO schema_version (version, applied_at) VALUES (:version, :now)"),
                {"version": version, "now": now},
            )


def _applied(connection: Connection) -> set[int]:
    """The versions that the database has."""
    if not inspect(connection).has_table("schema_version"):
        return set()
    applied = set(connection.scalars(text("SELECT version FROM schema_version")))
    if applied and max(applied) > len(MIGRATIONS):
        raise DataError(
            f"The database has schema {max(applied)}, this version knows {len(MIGRATIONS)}. "
            "Install the newer campaign orchestrator again, or restore a backup."
        )
    return applied


def _metadata() -> MetaData:
    """Every table."""
    from orchestrator.store import tables  # noqa: PLC0415 -- slow to import, and needed once in a database's life

    return tables.SchemaVersion.metadata
