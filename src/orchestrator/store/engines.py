"""SQLAlchemy's engines for the databases that are supported, and how each connection of theirs is set.

SQLite runs in WAL mode with ``synchronous=FULL``: a commit is on disk when it returns, because an intent that a
power cut takes back is an intent that was never stored. The file is created readable by its owner only.
"""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event
from sqlalchemy.exc import DBAPIError

from orchestrator.errors import DataError
from orchestrator.store.holders import session_name

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Connection, Engine

OPEN_SECONDS = 10.0
"""seconds for which opening an SQLite file waits for who keeps even readers out"""
BUSY_SECONDS = 0.5
"""seconds that SQLite itself waits for a lock: Ctrl-C is heard between two tries"""
_LOG_BYTES = 64_000_000
"""what SQLite's log keeps on the disk after a large import, for as long as the file is open"""
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


def postgres_engine(url: URL) -> Engine:
    """For a server; its sessions carry the name of whoever works."""
    settings = {**_POSTGRES, "application_name": session_name()}
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_pre_ping=True,
        pool_size=10,
        connect_args={name: value for name, value in settings.items() if name not in url.query},
        **_QUIET,
    )


def sqlite_engine(url: URL, workspace: Path) -> Engine:
    """For a file, which is made where it is missing. Relative paths count from the workspace. Raises DataError."""
    if url.database and url.database != ":memory:":
        path = Path(url.database)
        if not path.is_absolute():
            path = workspace / path
        make_private(path)
        url = url.set(database=str(path))
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False}, **_QUIET)
    event.listen(engine, "connect", _configure_file)
    event.listen(engine, "begin", begin_sqlite)
    return engine


def make_private(path: Path) -> None:
    """Customer data: for the owner alone, from the file's first moment on. Raises DataError."""
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


def _configure_file(dbapi_connection: Any, _record: object) -> None:
    cursor = dbapi_connection.cursor()
    _turn_wal_on(cursor)
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute(f"PRAGMA journal_size_limit={_LOG_BYTES}")
    cursor.close()
    configure(dbapi_connection)


def configure(connection: sqlite3.Connection) -> None:
    """What holds for files and for copies of them alike."""
    # the driver must not begin transactions by itself: `begin_sqlite` says which kind
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


def begin_sqlite(connection: Connection) -> None:
    """A writer takes the only writer's place at once: one that reads first could not be let in later."""
    immediate = connection.get_execution_options().get("begin_immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def is_locked(fault: Exception) -> bool:
    """Another program holds the SQLite file."""
    return "database is locked" in str(fault.orig if isinstance(fault, DBAPIError) else fault)


def is_lock_timeout(fault: DBAPIError) -> bool:
    """Another transaction holds the row at PostgreSQL for longer than we wanted to wait."""
    return getattr(fault.orig, "sqlstate", None) == "55P03"
