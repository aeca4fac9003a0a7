"""Connections and transactions. Readers see one moment; writers are one at a time on SQLite.

Whoever meets another writer waits, says so, and in the end is told who it was.

While this process holds leases, a transaction is committed only if each of them still is ours, which is asked within
that transaction (``leases``).
"""

from __future__ import annotations

import logging
import sqlite3
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import create_engine, event, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import StaticPool

from orchestrator.errors import Busy
from orchestrator.store.engines import BUSY_SECONDS, begin_sqlite, configure, is_locked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import Connection, Engine
    from sqlmodel import Session

log = logging.getLogger("orchestrator.store")

CLOCK = {
    "sqlite": "((julianday('now') - 2440587.5) * 86400.0)",
    "postgresql": "extract(epoch FROM clock_timestamp())",
}
"""SQL for the seconds since 1970 by the database's own clock, which is the same for every process on every machine"""
PATIENCE = 600.0
"""seconds for which a writer on SQLite waits for another one"""
TOLD_AFTER = 2.0
"""seconds of waiting after which it is said"""
_GOOD_PART = 20
"""one row in so many"""
_REWRITE_PATIENCE = 60_000
"""milliseconds for which writing the file anew waits for others"""


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
            event.listen(engine, "begin", begin_sqlite)
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
        configure(copy)
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
            cursor.execute(f"PRAGMA busy_timeout={int(BUSY_SECONDS * 1000)}")
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


def _spoken(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes} minutes" if minutes > 1 else f"{seconds:.0f} seconds"
