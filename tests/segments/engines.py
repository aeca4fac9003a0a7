"""Other engines over the facts of a test database: what a portable query says there."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
from sqlalchemy import BigInteger, Float, text

from orchestrator.store import tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection

FACTS = (
    "account", "contact", "product", "orders", "order_line", "cart", "cart_line", "event", "send", "mail_event",
)  # fmt: skip


def duckdb_over(file: str) -> duckdb.DuckDBPyConnection:
    """DuckDB reading a SQLite file where it is, through the reader that the development dependencies bring."""
    found = importlib.util.find_spec("duckdb_extension_sqlite_scanner")
    assert found is not None
    assert found.origin is not None
    folder = Path(found.origin).parent / "extensions" / f"v{duckdb.__version__}"
    connection = duckdb.connect()
    connection.execute(f"LOAD '{folder / 'sqlite_scanner.duckdb_extension'}'")
    connection.execute(f"ATTACH '{file}' AS shop (TYPE sqlite, READ_ONLY)")
    connection.execute("USE shop")
    return connection


def hand_over(connection: Connection, spark: Any) -> None:
    """Give Spark the facts of a database, as views of the same names."""
    for table in FACTS:
        columns = tables.Contact.metadata.tables[table].columns
        words = ", ".join(f"`{column.name}` {_spark_type(column.type)}" for column in columns)
        rows = connection.execute(
            text(f'SELECT {", ".join(f""" "{column.name}" """ for column in columns)} FROM {table}')
        )
        spark.createDataFrame(list(_plain(rows, columns)), words).createOrReplaceTempView(table)


def _spark_type(stored: object) -> str:
    match stored:
        case BigInteger():
            return "BIGINT"
        case Float():
            return "DOUBLE"
        case _:
            return "STRING"


def _plain(rows: Any, columns: Any) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        yield tuple(
            value if value is None or isinstance(column.type, BigInteger | Float) else str(value)
            for value, column in zip(row, columns, strict=True)
        )
