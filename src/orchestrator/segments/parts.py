"""Figures of everybody in temporary tables whose key is the row id, as long as a query needs them. For SQLite."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy.engine import Connection

    from orchestrator.contacts.question import Part


@contextmanager
def filled(connection: Connection, parts: Sequence[Part], parameters: Mapping[str, object]) -> Iterator[None]:
    """The tables exist and are filled within the block."""
    for part in parts:
        connection.execute(text(f"DROP TABLE IF EXISTS {part.table}"))
        columns = ", ".join(("k INTEGER PRIMARY KEY", *part.columns))
        connection.execute(text(f"CREATE TEMPORARY TABLE {part.table} ({columns})"))
        filling = text(f"INSERT INTO {part.table} {part.rows}")
        connection.execute(filling, {name: parameters[name] for name in filling.compile().params})
    yield
    for part in parts:
        connection.execute(text(f"DROP TABLE {part.table}"))
