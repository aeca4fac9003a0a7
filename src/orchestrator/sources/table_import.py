"""Import one table of one source: read and check its rows, stage them, merge them in one transaction.

Reading happens outside of the write transaction, so that a slow source keeps nobody waiting.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.errors import DataError
from orchestrator.sources import journal, watermark
from orchestrator.sources.judge import Judge
from orchestrator.sources.merge import Merge
from orchestrator.sources.report import KEPT_REJECTS, Progress, Reject, TableCounts
from orchestrator.sources.rows import BadRow, RowReader, lay_out
from orchestrator.sources.staging import Staging
from orchestrator.sources.values import BadValue

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from sqlalchemy.engine import Connection

    from orchestrator.sources.feeds import Feed, Reader
    from orchestrator.sources.rows import Layout
    from orchestrator.store.database import Database

CHUNK_ROWS = 10_000
"""rows in memory at a time"""

LARGE_CHANGE = 10_000
"""written rows after which the database measures its table anew, for the planner"""


class EmptySource(DataError):
    """The source gives no rows of a table of which we hold some; ``--force`` accepts it."""


@dataclass(slots=True)
class _Reading:
    """What was seen while rows were staged."""

    rows: int = 0
    rejected: int = 0
    rejects: list[Reject] = field(default_factory=list)
    greatest: Any = None
    """of the watermark column"""


@dataclass(frozen=True, slots=True)
class TableImport:
    """One table of one source, to be imported once."""

    database: Database
    feed: Feed
    zone: ZoneInfo
    now: int
    force: bool = False
    keep_watermark: bool = False
    """read the same rows again next time"""
    progress: Progress | None = None

    def run(self) -> tuple[TableCounts, list[Reject]]:
        """Raises DataError, EmptySource or SQLAlchemyError; then nothing was changed."""
        source, table = self.feed.source, self.feed.table
        with self.database.read() as connection:
            since = journal.read_watermark(connection, source, table.name)
        with self.database.engine.connect() as connection, self.feed.open(since) as reader:
            layout = lay_out(table, reader.names, where=reader.file, mark=self.feed.watermark)
            rows = RowReader(layout, self.zone)
            staging = Staging(connection, table, rows.columns)
            try:
                with connection.begin():
                    staging.create()
                    reading = self._stage(reader, rows, layout, staging)
                    staging.ready()
                connection.execution_options(begin_immediate=True)
                with connection.begin():
                    counts, rejects = self._merge(connection, staging, layout, reading, reader.file, since)
            finally:
                connection.execution_options(begin_immediate=False)
                with suppress(SQLAlchemyError), connection.begin():
                    staging.drop()
        written = counts.inserted + counts.updated
        if written >= LARGE_CHANGE:
            # the rows are stored: that their table could not be measured must not be told as if they were not
            with suppress(SQLAlchemyError):
                self.database.measure(self.feed.table.target.name, written)
        return counts, rejects

    def _stage(self, reader: Reader, rows: RowReader, layout: Layout, staging: Staging) -> _Reading:
        reading = _Reading()
        chunk: list[list[object]] = []
        read, mark = rows.read, layout.mark
        for line, cells in reader.records():
            reading.rows += 1
            if isinstance(cells, BadValue):
                self._set_aside(reading, reader.file, line, "", str(cells))
            else:
                if mark is not None:
                    reading.greatest = watermark.greatest(reading.greatest, cells[mark])
                try:
                    chunk.append([reading.rows, line, *read(cells)])
                except BadRow as fault:
                    self._set_aside(reading, reader.file, line, fault.column, fault.reason)
            if reading.rows % CHUNK_ROWS == 0:
                staging.add(chunk)
                chunk.clear()
                self._tell(reading.rows, reader.estimate(reading.rows))
        staging.add(chunk)
        self._tell(reading.rows, reading.rows)
        return reading

    def _merge(
        self, connection: Connection, staging: Staging, layout: Layout, reading: _Reading, file: str, since: Any
    ) -> tuple[TableCounts, list[Reject]]:
        source, table = self.feed.source, self.feed.table
        if reading.rows == 0 and not self.feed.partial and not self.force:
            self._refuse_emptiness(connection, file)
        merge = Merge(connection, table, staging, layout.given)
        judge = Judge(connection, table, staging, layout.given)
        merge.lock()
        good, faulty = judge.judge()
        inserted, updated = merge.store()
        rejects = reading.rejects + [
            Reject(source, table.name, file, line, column, reason)
            for line, column, reason in judge.faults(limit=KEPT_REJECTS)
        ]
        rejects = sorted(rejects, key=lambda reject: reject.line)[:KEPT_REJECTS]
        mark = since
        if layout.mark is not None and not self.keep_watermark:
            waiting = [watermark.decode(written) for written in judge.waiting_marks()]
            mark = watermark.advance(since, reading.greatest, waiting)
        journal.record_rejects(connection, source, table.name, rejects, at=self.now)
        journal.record_good(connection, source, table.name, at=self.now, rows=reading.rows, mark=mark)
        unchanged = good - inserted - updated
        return TableCounts(reading.rows, inserted, updated, unchanged, reading.rejected + faulty), rejects

    def _refuse_emptiness(self, connection: Connection, file: str) -> None:
        target = self.feed.table.target
        if connection.execute(select(1).select_from(target).limit(1)).first() is not None:
            raise EmptySource(
                f"{file} gives no rows, but we hold {self.feed.table.name}. An export that failed looks like this. "
                "If it is right, accept it once with --force; what we hold stays."
            )

    def _set_aside(self, reading: _Reading, file: str, line: int, column: str, reason: str) -> None:
        reading.rejected += 1
        if len(reading.rejects) < KEPT_REJECTS:
            reading.rejects.append(Reject(self.feed.source, self.feed.table.name, file, line, column, reason))

    def _tell(self, rows: int, estimate: int | None) -> None:
        if self.progress is not None:
            self.progress(self.feed.table.name, rows, estimate)
