"""Good rows on their way into a table: a temporary table in the database, so that memory does not grow with a file.

Temporary tables are outside the file of an SQLite database: nobody waits while a source is being read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, Text, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection

    from orchestrator.sources.canonical import CanonicalTable


class Staging:
    """The temporary tables of one import of one table.

    ``staged`` has a row for each good row read: ``n`` (their order), ``line``, and what RowReader gives.
    ``verdict`` has a row for each of these: the ids it refers to, ``known`` where the key is stored already,
    ``differs`` where what is stored will change, and ``fault`` with ``other`` where it is set aside after all.
    ``claim`` has the rows that give a contact an address that it did not have.
    """

    def __init__(self, connection: Connection, table: CanonicalTable, columns: Sequence[str]) -> None:
        self._connection = connection
        self._columns = ("n", "line", *columns)
        metadata = MetaData()
        types = {column.name: column.type for column in table.target.columns}
        texts = {column.name for column in table.references} | {"mark"}
        self.staged = Table(
            "staged",
            metadata,
            Column("n", Integer, primary_key=True, autoincrement=False),
            Column("line", BigInteger),
            *(Column(name, Text() if name in texts else types[name]) for name in columns),
            prefixes=["TEMPORARY"],
        )
        self.verdict = Table(
            "verdict",
            metadata,
            Column("n", Integer, primary_key=True, autoincrement=False),
            *(Column(column.stored, BigInteger) for column in table.references),
            Column("known", Integer),
            Column("differs", Integer),
            Column("fault", Text),
            Column("other", Text),
            prefixes=["TEMPORARY"],
        )
        self.claim = Table(
            "claim",
            metadata,
            Column("n", Integer, primary_key=True, autoincrement=False),
            Column("contact", BigInteger, index=True),
            Column("email_key", Text, index=True),
            prefixes=["TEMPORARY"],
        )
        self._metadata = metadata

    def create(self) -> None:
        """Make the tables, empty; remains of an import that died on this connection go."""
        self.drop()
        self._metadata.create_all(self._connection, checkfirst=False)

    def drop(self) -> None:
        """Remove the tables."""
        for table in self._metadata.tables:
            self._connection.execute(text(f"DROP TABLE IF EXISTS {table}"))

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        """Append rows of (n, line, values…)."""
        if not rows:
            return
        names = ", ".join(f'"{name}"' for name in self._columns)
        # the driver's own cursor: SQLAlchemy would ask for a copy of every row
        cursor = self._connection.connection.cursor()
        if self._connection.dialect.name == "postgresql":
            with cursor.copy(f"COPY staged ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            places = ", ".join("?" * len(self._columns))
            cursor.executemany(f"INSERT INTO staged ({names}) VALUES ({places})", rows)
        cursor.close()

    def ready(self) -> None:
        """All rows are in: let PostgreSQL count them, it plans joins by that. SQLite needs no help."""
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(text("ANALYZE staged"))
