"""A database as a source: the answer to a query through SQLAlchemy, streamed, from a watermark on.

The URL may carry a password. It is never part of a message: messages name the source and the reference it is from.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from orchestrator.errors import DataError
from orchestrator.sources import watermark

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sqlalchemy.engine import URL, Connection, CursorResult, Engine

    from orchestrator.definitions.values import SqlSource, SqlTable

FETCHED_ROWS = 5_000
"""rows in memory at a time"""

_SINCE = re.compile(r"(?<![:\w\\]):since\b(?!:)")


class SqlReader:
    """The rows of one answer; lines count its rows from 1."""

    def __init__(self, file: str, result: CursorResult[Any]) -> None:
        self.file = file
        self.names: Sequence[str] = tuple(result.keys())
        self._result = result

    def records(self) -> Iterator[tuple[int, Sequence[object]]]:
        """Row number and values. Raises DataError where the connection breaks off."""
        try:
            yield from enumerate(self._result, start=1)
        except (SQLAlchemyError, ValueError, OverflowError) as fault:
            raise DataError(f"{self.file}: reading the answer failed: {_reason(fault)}") from fault

    def estimate(self, rows_read: int) -> int | None:  # noqa: ARG002 - the same question as to a file
        """Nothing tells how many rows an answer has."""
        return None


class SqlDatabase:
    """The database of one source."""

    def __init__(self, source: SqlSource, root: Path) -> None:
        self._name = source.name
        self._engine = _engine(source, root)

    def close(self) -> None:
        """Give back the connections."""
        self._engine.dispose()

    def check(self) -> None:
        """Connect once, so that a server that is down fails the source and not each table after a wait."""
        self._connect().close()

    @staticmethod
    def is_incremental(asked: SqlTable) -> bool:
        """Does the query ask for changes only?"""
        return _SINCE.search(asked.query) is not None

    @contextmanager
    def open_query(self, table: str, asked: SqlTable, since: Any) -> Iterator[SqlReader]:
        """Ask for a table's rows; ``since`` None means from the beginning. Raises DataError."""
        file = f"{self._name}.{table}"
        incremental = self.is_incremental(asked)
        if incremental and asked.watermark is None:
            raise DataError(f'{file}: the query uses :since. Name the column it goes by: watermark = "…".')
        with self._connect() as connection:
            answer = self._ask(connection, file, asked.query, since, incremental=incremental)
            if not answer.returns_rows:  # closed without a commit, so that what a database can undo is undone
                raise DataError(f"{file}: the query gives no columns. It has to be a select, which only reads.")
            yield SqlReader(file, answer)

    def _connect(self) -> Connection:
        try:
            return self._engine.connect()
        except (SQLAlchemyError, OSError) as fault:
            raise DataError(
                f'The source "{self._name}" cannot be reached: {self._clean(fault)}. '
                "Is its url right, is the server running, may we log in?"
            ) from fault

    def _ask(
        self, connection: Connection, file: str, query: str, since: Any, *, incremental: bool
    ) -> CursorResult[Any]:
        candidates = (since,) if since is not None else watermark.beginnings(connection.dialect.name)
        first_fault: SQLAlchemyError | None = None
        for candidate in candidates if incremental else (None,):
            try:
                return connection.execution_options(yield_per=FETCHED_ROWS).execute(
                    text(query), {"since": candidate} if incremental else {}
                )
            except SQLAlchemyError as fault:
                connection.rollback()
                first_fault = first_fault or fault
        raise DataError(
            f"{file}: the query failed: {self._clean(first_fault)}. It stands in config.toml."
        ) from first_fault

    def _clean(self, fault: BaseException | None) -> str:
        """The database's own words without the password, should it repeat it."""
        password = self._engine.url.password
        reason = _reason(fault)
        return reason.replace(str(password), "***") if password else reason


def _reason(fault: BaseException | None) -> str:
    origin = fault.orig if isinstance(fault, DBAPIError) else fault
    # further lines repeat the query or show values of customers
    return next(iter(str(origin).strip().splitlines()), type(origin).__name__).rstrip(".")


def _engine(source: SqlSource, root: Path) -> Engine:
    try:
        url = _in_workspace(make_url(_resolved(source, root)), source, root)
    except ArgumentError:
        raise DataError(
            f'The url of source "{source.name}" is not a database address. '
            "Write it like postgresql+psycopg://user:password@host/name."
        ) from None
    try:
        return create_engine(url, pool_pre_ping=True, hide_parameters=True)
    except ModuleNotFoundError as fault:
        raise DataError(
            f'The source "{source.name}" needs the Python package "{fault.name}" to talk to '
            f"{url.get_backend_name()}. Install it beside the orchestrator."
        ) from fault
    except NoSuchModuleError as fault:
        raise DataError(
            f'The url of source "{source.name}" begins with {url.drivername}, which is no database that we know. '
            "Write it like postgresql+psycopg://user:password@host/name."
        ) from fault


def _resolved(source: SqlSource, root: Path) -> str:
    """The URL behind a reference."""
    kind, _, rest = source.url.partition(":")
    if kind == "env":
        found = os.environ.get(rest, "").strip()
        if not found:
            raise DataError(f'The source "{source.name}" needs the environment variable {rest}, which is not set.')
        return found
    if kind == "file":
        try:
            return (root / rest).read_text(encoding="utf-8").strip()
        except OSError as fault:
            raise DataError(f'The source "{source.name}": the file {rest} cannot be read: {fault.strerror}.') from fault
    return source.url


def _in_workspace(url: URL, source: SqlSource, root: Path) -> URL:
    """SQLite paths count from the workspace; a missing file is a fault and not a new database."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return url
    path = root / url.database
    if not path.is_file():
        raise DataError(f'The source "{source.name}": there is no database file {path}.')
    return url.set(database=str(path))
