"""Open a workspace's database: made, or brought to the current schema, with a copy of a file that held records."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError

from orchestrator.errors import DataError
from orchestrator.store.database import Database
from orchestrator.store.engines import make_private, postgres_engine, sqlite_engine
from orchestrator.store.faults import in_words
from orchestrator.store.migrations import is_current, migrate, schema_version


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
        engine = sqlite_engine(parsed, workspace)
    elif parsed.get_backend_name() == "postgresql":
        engine = postgres_engine(parsed)
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
        make_private(unfinished)
        with database.engine.connect() as connection:
            # not through the engine, which would begin a transaction
            connection.connection.cursor().execute("VACUUM INTO ?", (str(unfinished),))
        unfinished.replace(copy)
    except (OSError, sqlite3.Error) as fault:
        raise DataError(
            f"The copy {copy} that is kept before the schema is changed could not be made: {fault}. "
            "Nothing was changed. Make room, or make the folder writable, and run the command again."
        ) from fault


def _place(url: URL) -> str:
    """Where it is, for people: no password, also none that stands among the options of the address."""
    return str(url.database) if url.get_backend_name() == "sqlite" else url.set(query={}).render_as_string()
