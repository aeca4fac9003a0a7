"""Connections and transactions. Readers see one moment; writers are one at a time on SQLite.

SQLite runs in WAL mode with ``synchronous=FULL``: a commit is on disk when it returns, because an intent that a
power cut takes back is an intent that was never stored. The file is created readable by its owner only. Whoever
meets another writer waits, says so, and in the end is told who it was.

While this process holds leases, a transaction is committed only if each of them still is ours, which is asked within
that transaction (``leases``).
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError, OperationalError
from sqlalchemy.pool import StaticPool

from orchestrator.errors import Busy, DataError
from orchestrator.store.faults import in_words
from orchestrator.store.holders import session_name
from orchestrator.store.migrations import is_current, migrate, schema_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import URL, Connection, Engine
    from sqlmodel import Session

log = logging.getLogger("orchestrator.store")

CLOCK = {
    "sqlite": "((julianday('now') - 2440587.5) * 86400.0)",
    "postgresql": "extract(epoch FROM clock_timestamp())",
}
"""SQL for the seconds since 1970 by the database's own clock, which is the same for every process on every machine"""
PATIENCE = 600.0
"""seconds for which a writer on SQLite waits for another one"""
OPEN_SECONDS = 10.0
"""seconds for which opening an SQLite file waits for who keeps even readers out"""
TOLD_AFTER = 2.0
"""seconds of waiting after which it is said"""
_BUSY_SECONDS = 0.5
"""seconds that SQLite itself waits for a lock: Ctrl-C is heard between two tries"""
_LOG_BYTES = 64_000_000
"""what SQLite's log keeps on the disk after a large import, for as long as the file is open"""
_GOOD_PART = 20
"""one row in so many"""
_REWRITE_PATIENCE = 60_000
"""milliseconds for which writing the file anew waits for others"""
_POSTGRES = {
    # a connection that is cut without a word is noticed within seconds, not after hours
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}


_QUIET: dict[str, Any] = {"hide_parameters": True}
"""errors do not quote the values of a statement: they are customers"""


class Fence(Protocol):
    """A claim on which this process acts."""

    def check(self) -> None:
        """Raises where it is no longer certain."""
        ...

    def confirm(self, connection: Connection) -> Callable[[], None]:
        """Raises where a transaction may not be committed. Returns what to call once it is."""
        ...


class Database:
    """The local database: ``read()`` and ``write()`` transactions over Core connections."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.fences: list[Fence] = []
        """of the leases that this process holds now"""
        self.on_wait: Callable[[str], None] = log.info
        """told when another writer is waited for"""

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
    def write(self, *, fenced: bool = True, patience: float = PATIENCE, quietly: bool = False) -> Iterator[Connection]:
        """One transaction: all of it is stored, or nothing. On SQLite it waits for the only writer's place.

        ``fenced``: commit only if every lease that this process holds still is ours. ``patience``: seconds to wait for
        another writer on SQLite; ``quietly``: without a word about it. Raises Busy where either is in vain.
        """
        committed: list[Callable[[], None]] = []
        with self._writer(patience, quietly=quietly) as connection:
            yield connection
            if fenced:
                committed = [fence.confirm(connection) for fence in list(self.fences)]
        for done in committed:
            done()

    def check_fences(self) -> None:
        """Before an act on the outside world: raises Busy when a lease that this process holds may be another's."""
        for fence in list(self.fences):
            fence.check()

    @contextmanager
    def _writer(self, patience: float, *, quietly: bool) -> Iterator[Connection]:
        with self.engine.connect() as connection:
            writer = connection.execution_options(begin_immediate=True)
            with self._patiently(writer.begin, patience, quietly=quietly):
                yield writer

    def _patiently(self, begin: Callable[[], Any], patience: float, *, quietly: bool = False) -> Any:
        """What ``begin`` returns, as soon as no other program writes. Only SQLite ever waits."""
        asked = time.monotonic()
        told = False
        while True:
            try:
                return begin()
            except (OperationalError, sqlite3.OperationalError) as fault:
                if not is_locked(fault):
                    raise
            waited = time.monotonic() - asked
            if waited >= patience:
                raise Busy(
                    f"The database has been held by {self._who_writes()} for {_spoken(waited)}, so nothing was done "
                    "here. Try again when that is done; `campaigns status` says who is at work. If nobody is, another "
                    "program has the database file open for writing, such as a database browser or a copy: end it."
                )
            if waited >= TOLD_AFTER and not told and not quietly:
                self.on_wait(f"Waiting: the database is held by {self._who_writes()} …")
                told = True

    def _who_writes(self) -> str:
        """Whoever is at work by its lease; a program that takes none has no name."""
        from orchestrator.store.leases import CYCLE, holders  # noqa: PLC0415 -- leases are made of transactions

        with suppress(DBAPIError), self.read() as connection:
            at_work = holders(connection).get(CYCLE)
            if at_work is not None and not at_work.is_this_process:
                return str(at_work)
        return "another program"

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A write transaction in terms of the table classes."""
        from sqlmodel import Session  # noqa: PLC0415 -- slow to import, and most commands work without the classes

        with self.write() as connection, Session(connection, expire_on_commit=False) as session:
            yield session
            session.flush()

    @contextmanager
    def rehearsal(self) -> Iterator[Database]:
        """A database that looks like this one; nothing that is written to it is left at the end of the block.

        On SQLite it is a copy as of one moment, so that a rehearsal, which may read from the provider for minutes,
        keeps nobody from writing, and waits for nobody. On PostgreSQL it is a transaction that is rolled back.
        """
        engine = self.engine
        if self.dialect == "sqlite":
            engine = create_engine("sqlite://", creator=self._copy, poolclass=StaticPool)
            event.listen(engine, "begin", _begin_sqlite)
        try:
            with engine.connect() as connection, connection.begin() as transaction:
                try:
                    yield _Rehearsal(engine, connection)
                finally:
                    transaction.rollback()
        finally:
            if engine is not self.engine:
                engine.dispose()

    def _copy(self) -> sqlite3.Connection:
        """Everything as of now, in a temporary file of SQLite's own: without a name, and gone with its connection."""
        copy = sqlite3.connect("", check_same_thread=False)
        original = self.engine.raw_connection()
        try:
            driver: Any = original.driver_connection
            driver.backup(copy)
        except BaseException:
            copy.close()
            raise
        finally:
            original.close()
        _configure(copy)
        return copy

    def measure(self, table: str, written: int) -> None:
        """Tell the planner about a table of which so many rows were written just now.

        On PostgreSQL, where they are a good part of it, its pages are marked as seen by everybody, too: until that
        happens, each row that is found in a covering index is looked up in the table all the same.
        """
        if self.dialect == "sqlite":
            with self.write() as connection:
                connection.execute(text("PRAGMA analysis_limit=1000"))
                connection.execute(text(f"ANALYZE {table}"))
            return
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            rows = connection.scalar(text("SELECT reltuples FROM pg_class WHERE oid = to_regclass(:t)"), {"t": table})
            # whoever has the table locked for this does the same work: it is not waited for
            marked = "VACUUM (ANALYZE, SKIP_LOCKED)" if written * _GOOD_PART >= (rows or 0) else "ANALYZE (SKIP_LOCKED)"
            connection.execute(text(f"{marked} {table}"))

    def empty_log(self) -> None:
        """Between two long looks at an SQLite file that is written to meanwhile: what was written goes from the log
        into the file, so that the log begins anew. A log that somebody reads at all times only ever grows.
        """
        if self.dialect == "sqlite":
            connection = self.engine.raw_connection()
            try:
                connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            finally:
                connection.close()

    def rewrite(self) -> bool:
        """Write an SQLite file anew, so that no page of it, and none of its log, holds bytes of erased rows.

        False where that is another's work: on PostgreSQL, and where a reader kept the log from being emptied.
        """
        if self.dialect != "sqlite":
            return False
        connection = self.engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA busy_timeout={_REWRITE_PATIENCE}")
            cursor.execute("VACUUM")
            busy, *_ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            cursor.execute(f"PRAGMA busy_timeout={int(_BUSY_SECONDS * 1000)}")
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
    def write(self, *, fenced: bool = True, patience: float = PATIENCE, quietly: bool = False) -> Iterator[Connection]:
        del fenced, patience, quietly
        with self._connection.begin_nested():
            yield self._connection

    def empty_log(self) -> None:
        """There is none."""


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
        engine = _postgres(parsed)
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
            _migrate(database, now)
    except DatabaseError as fault:
        database.close()
        raise DataError(
            f"The database {_place(engine.url)} cannot be opened. {in_words(fault)} Then run the command again."
        ) from fault
    except BaseException:
        database.close()
        raise
    return database


def _migrate(database: Database, now: int) -> None:
    """Bring the schema up to date, all of it or nothing; an SQLite file with records is copied first."""
    with database.read() as connection:
        version = schema_version(connection)
    file = database.engine.url.database
    if version and database.dialect == "sqlite" and file and file != ":memory:":
        _keep_copy(database, Path(f"{file}.schema-{version}"))
    try:
        with database.write() as connection:
            migrate(connection, now=now)
    except DatabaseError as fault:
        if not version:
            raise
        raise DataError(
            f"The database could not be brought from schema {version} to this version, and nothing was changed. "
            f"{in_words(fault)} Then run the command again, or install the version of before."
        ) from fault


def _keep_copy(database: Database, copy: Path) -> None:
    """A whole copy of an SQLite file, or none; one that is there from an earlier try is kept."""
    if copy.exists():
        return
    unfinished = copy.with_name(f"{copy.name}.unfinished")
    try:
        unfinished.unlink(missing_ok=True)
        _make_private(unfinished)
        with database.engine.connect() as connection:
            # not through the engine, which would begin a transaction
            connection.connection.cursor().execute("VACUUM INTO ?", (str(unfinished),))
        unfinished.replace(copy)
    except (OSError, sqlite3.Error) as fault:
        raise DataError(
            f"The copy {copy} that is kept before the schema is changed could not be made: {fault}. "
            "Nothing was changed. Make room, or make the folder writable, and run the command again."
        ) from fault


def is_locked(fault: Exception) -> bool:
    """Another program holds the SQLite file."""
    return "database is locked" in str(fault.orig if isinstance(fault, DBAPIError) else fault)


def is_lock_timeout(fault: DBAPIError) -> bool:
    """Another transaction holds the row at PostgreSQL for longer than we wanted to wait."""
    return getattr(fault.orig, "sqlstate", None) == "55P03"


def _place(url: URL) -> str:
    """Where it is, for people: no password, also none that stands among the options of the address."""
    return str(url.database) if url.get_backend_name() == "sqlite" else url.set(query={}).render_as_string()


def _spoken(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes} minutes" if minutes > 1 else f"{seconds:.0f} seconds"


def _postgres(url: URL) -> Engine:
    settings = {**_POSTGRES, "application_name": session_name()}
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_pre_ping=True,
        pool_size=10,
        connect_args={name: value for name, value in settings.items() if name not in url.query},
        **_QUIET,
    )


def _sqlite(url: URL, workspace: Path) -> Engine:
    if url.database and url.database != ":memory:":
        path = Path(url.database)
        if not path.is_absolute():
            path = workspace / path
        _make_private(path)
        url = url.set(database=str(path))
    engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False}, **_QUIET)
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
        raise DataError(
            f"The database file {path} cannot be written: {fault.strerror}. Make it, its folder and the disk writable "
            "for you, or mend [database] url of config.toml. Then run the command again."
        ) from fault


def _configure_sqlite(dbapi_connection: Any, _record: object) -> None:
    cursor = dbapi_connection.cursor()
    _turn_wal_on(cursor)
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute(f"PRAGMA journal_size_limit={_LOG_BYTES}")
    cursor.close()
    _configure(dbapi_connection)


def _configure(connection: sqlite3.Connection) -> None:
    # the driver must not begin transactions by itself: `begin` below says which kind
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA temp_store=FILE")
    cursor.execute("PRAGMA cache_size=-65536")
    # figures of a recompute that are looked up at random; 2 MB otherwise
    cursor.execute("PRAGMA temp.cache_size=-65536")
    cursor.close()


def _turn_wal_on(cursor: Any) -> None:
    """Of two processes that make the file at once, SQLite lets one fail without waiting."""
    asked = time.monotonic()
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as fault:
            if not is_locked(fault) or time.monotonic() - asked > OPEN_SECONDS:
                raise
            time.sleep(0.05)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("begin_immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def one(connection: Connection, sql: str, **values: object) -> Any:
    """The first column of the first row of a query, or None."""
    return connection.execute(text(sql), values).scalar()
