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


def _find_changes_by_time(connection: Connection) -> None:
    """Indexes by time, and the queue of who was touched: what an incremental recompute asks."""
    metadata = _metadata()
    metadata.create_all(connection)
    for table in metadata.sorted_tables:
        for index in table.indexes:
            index.create(connection, checkfirst=True)


def _forgotten_people(connection: Connection) -> None:
    """People who asked to be forgotten. A database that was made just now has the tables already."""
    metadata = _metadata()
    new = ("forgotten", "forgotten_key", "hash_key")
    metadata.create_all(connection, tables=[metadata.tables[name] for name in new])


def _remember_recomputes(connection: Connection) -> None:
    """What the stored masks are true to."""
    metadata = _metadata()
    metadata.create_all(connection, tables=[metadata.tables[name] for name in ("recompute_state", "rfm_figure")])


def _remember_who_left(connection: Connection) -> None:
    """People who opted out, whatever their address, and when a subscription began."""
    metadata = _metadata()
    metadata.create_all(connection, tables=[metadata.tables["opt_out"]])
    there = {column["name"] for column in inspect(connection).get_columns("audience_member")}
    for name, kind in (("opted_in_at", "BIGINT"), ("resubscribed_at", "BIGINT"), ("moving_to", "VARCHAR")):
        if name not in there:
            connection.execute(text(f"ALTER TABLE audience_member ADD COLUMN {name} {kind}"))


def _compare_facts_first(connection: Connection) -> None:
    """The facts of which a payload was made."""
    if "made_from" not in {column["name"] for column in inspect(connection).get_columns("audience_member")}:
        connection.execute(text("ALTER TABLE audience_member ADD COLUMN made_from VARCHAR"))


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (
    _create_everything,
    _find_changes_by_time,
    _forgotten_people,
    _remember_recomputes,
    _remember_who_left,
    _compare_facts_first,
)
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
