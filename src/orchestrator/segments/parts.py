"""Figures of everybody in temporary tables, as long as a query needs them. On SQLite their key is the row id."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import text

from orchestrator.store.statements import by_covering_index

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy.engine import Connection

    from orchestrator.contacts.question import Part


@contextmanager
def filled(
    connection: Connection, parts: Sequence[Part], parameters: Mapping[str, object], *, everybody: bool = True
) -> Iterator[None]:
    """The tables exist and are filled within the block; with figures of ``everybody``, or of some contacts."""
    for part in parts:
        connection.execute(text(f"DROP TABLE IF EXISTS {part.table}"))
        head = f"CREATE TEMPORARY TABLE {part.table} AS"  # PostgreSQL takes several processes for this, one for INSERT
        if connection.dialect.name == "sqlite":
            columns = ", ".join(("k INTEGER PRIMARY KEY", *part.columns))
            connection.execute(text(f"CREATE TEMPORARY TABLE {part.table} ({columns})"))
            head = f"INSERT INTO {part.table}"
        filling = text(f"{head} {part.rows}")
        with by_covering_index(connection, everybody=everybody):
            connection.execute(filling, {name: parameters[name] for name in filling.compile().params})
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"ANALYZE {part.table} (k)"))
    yield
    for part in parts:
        connection.execute(text(f"DROP TABLE {part.table}"))
