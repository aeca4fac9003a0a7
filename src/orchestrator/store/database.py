"""Connections and transactions. Readers see one moment; writers are one at a time on SQLite.

SQLite runs in WAL mode with ``synchronous=FULL``: a commit is on disk when it returns, because an intent that a
power cut takes back is an intent that was never stored. The file is created readable by its owner only.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError

from orchestrator.errors import DataError
from orchestrator.store.migrations import is_current, migrate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import URL, Connection, Engine
    from sqlmodel import Session

BUSY_SECONDS = 60
"""how long a writer waits for another one on SQLite"""


class Database:
    """The local database: ``read()`` and ``write()`` transactions over Core connections."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self.engine.dialect.name

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view; whatever is done in it is rolled back."""
        with self.engine.connect() as connection:
            if self.dialect == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin() as transaction:
                try:
                    yield connection
                finally:
                    transaction.rollback()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction: all of it is stored, or nothing. On SQLite it waits for the only writer's place."""
        with self.engine.connect() as connection:
            connection = connection.execution_options(begin_immediate=True)
            with connection.begin():
                yield connection

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A write transaction in terms of the table classes."""
        from sqlmodel import Session  # noqa: PLC0415 -- slow to import, and most commands work without the classes

        with self.write() as connection, Session(connection, expire_on_commit=False) as session:
            yield session
            session.flush()

    @contextmanager
    def rehearsal(self) -> Iterator[Database]:
        """A database that looks like this one; all that is written to it is rolled back at the end of the block."""
        with self.write_then_roll_back() as connection:
            yield _Rehearsal(self.engine, connection)

    @contextmanager
    def write_then_roll_back(self) -> Iterator[Connection]:
        """A write transaction that is never committed."""
        with self.engine.connect() as connection:
            writer = connection.execution_options(begin_immediate=True)
            with writer.begin() as transaction:
                try:
                    yield writer
                finally:
                    transaction.rollback()

    def rewrite(self) -> bool:
        """Write an SQLite file anew, so that no page of it, and none of its log, holds bytes of erased rows.

        False where that is another's work: on PostgreSQL, and where a reader kept the log from being emptied.
        """
        if self.dialect != "sqlite":
            return False
        connection = self.engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute("VACUUM")
            busy, *_ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            cursor.close()
        finally:
            connection.close()
        return not busy

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()


class _Rehearsal(Database):
    """Every transaction is a savepoint of one that will be rolled back."""

    def __init__(self, engine: Engine, connection: Connection) -> None:
        super().__init__(engine)
        self._connection = connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        yield self._connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        with self._connection.begin_nested():
            yield self._connection


def open_database(url: str, workspace: Path, *, now: int) -> Database:
    """The database of a workspace, created or migrated to the current schema.

    ``url`` is an SQLAlchemy URL; relative SQLite paths count from the workspace. Raises DataError with the way out.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise DataError(
            "config.toml: [database] url is not a database address. "
            'Write "sqlite:///campaigns.db" or "postgresql+psycopg://user@host/name".'
        ) from None
    if parsed.get_backend_name() == "sqlite":
        engine = _sqlite(parsed, workspace)
    elif parsed.get_backend_name() == "postgresql":
        engine = create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True, pool_size=10)
    else:
        raise DataError(
            f"config.toml: [database] url names {parsed.get_backend_name()}; "
            "the orchestrator keeps its records in SQLite or PostgreSQL."
        )
    database = Database(engine)
    try:
        with database.read() as connection:
            ready = is_current(connection)
        if not ready:
            with database.write() as connection:
                migrate(connection, now=now)
    except DatabaseError as fault:
        database.close()
        raise DataError(
            f"The database {parsed.render_as_string(hide_password=True)} cannot be opened: {fault.orig}. "
            "Is the path right, is the server running, is the file writable?"
        ) from fault
    return database


def _sqlite(url: URL, workspace: Path) -> Engine:
    if url.database and url.database != ":memory:":
        path = Path(url.database)
        if not path.is_absolute():
            path = workspace / path
        _make_private(path)
        url = url.set(database=str(path))
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False})
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _make_private(path: Path) -> None:
    """Customer data: for the owner alone, from the file's first moment on."""
    if not path.parent.is_dir():
        raise DataError(
            f"The folder of the database, {path.parent}, does not exist. Create it, or mend [database] url."
        )
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as fault:
        raise DataError(f"The database file {path} cannot be written: {fault.strerror}.") from fault


def _configure_sqlite(dbapi_connection: Any, _record: object) -> None:
    # the driver must not begin transactions by itself: `begin` below says which kind
    dbapi_connection.isolation_level = None
    cursor = dbapi_connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA temp_store=FILE")
    cursor.execute("PRAGMA cache_size=-65536")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("begin_immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def one(connection: Connection, sql: str, **values: object) -> Any:
    """The first column of the first row of a query, or None."""
    return connection.execute(text(sql), values).scalar()
