"""Statements about very many rows, put to each database in the way that suits it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import Table
    from sqlalchemy.engine import Connection, CursorResult


@contextmanager
def by_covering_index(connection: Connection, *, everybody: bool = True) -> Iterator[None]:
    """Within the block PostgreSQL groups rows of ``everybody`` in the order of an index: hashing a million groups costs
    more.
    """
    if everybody and connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL enable_hashagg = off"))
    yield
    if everybody and connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL enable_hashagg = on"))


@contextmanager
def by_lookup(connection: Connection) -> Iterator[None]:
    """Within the block PostgreSQL looks up the rows of some contacts rather than to read all rows of a table.

    Contacts are looked up in the order of an index, so that most pages are in memory by then; what PostgreSQL
    supposes of a page (``random_page_cost``) made it read a million masks for three thousand contacts.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL random_page_cost = 0.3"))
    yield
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL random_page_cost TO DEFAULT"))


@contextmanager
def by_own_indexes(connection: Connection) -> Iterator[None]:
    """Within the block SQLite makes no index for a single statement: it made one of all events, where the table had
    one for the purpose, and searched that for each day.
    """
    on_sqlite = connection.dialect.name == "sqlite"
    if on_sqlite:
        connection.execute(text("PRAGMA automatic_index=OFF"))
    try:
        yield
    finally:
        if on_sqlite:  # it would hold for the connection, whatever becomes of the transaction
            connection.execute(text("PRAGMA automatic_index=ON"))


@contextmanager
def without_indexes(connection: Connection, table: Table) -> Iterator[None]:
    """Within the block the table has no indexes but those that keep rows unique: one sort of all rows costs less than
    finding the place of each of very many. On PostgreSQL whoever reads the table waits for the end of the transaction.
    """
    indexes = sorted((index for index in table.indexes if not index.unique), key=lambda index: str(index.name))
    for index in indexes:
        index.drop(connection, checkfirst=True)
    yield
    for index in indexes:
        index.create(connection)


def execute_listed(
    connection: Connection,
    sql: str,
    columns: Mapping[str, str],
    rows: Sequence[Sequence[int | str | None]],
    **values: object,
) -> CursorResult[Any]:
    """One statement about all rows, which stand in the place of ``{rows}`` in it as a table with these columns (name ->
    type). They travel as one JSON text: a statement for each row takes and gives back the interpreter's lock each time,
    and other threads wait for it.
    """
    listed, place = ("json_array_elements(CAST(:rows AS JSON))", "value ->> {}")
    if connection.dialect.name == "sqlite":
        listed, place = ("json_each(:rows)", "json_extract(value, '$[{}]')")
    selected = ", ".join(
        f"CAST({place.format(number)} AS {kind}) AS {name}" for number, (name, kind) in enumerate(columns.items())
    )
    table = f"(SELECT {selected} FROM {listed})"
    return connection.execute(text(sql.format(rows=table)), {"rows": orjson.dumps(rows).decode(), **values})
