"""What is remembered of imports: how far each table was read, what was set aside, how old the data is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from orchestrator.clock import from_epoch
from orchestrator.definitions.values import SqlSource
from orchestrator.sources import watermark

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from orchestrator.definitions.values import Settings
    from orchestrator.sources.report import Reject

BY_HAND = "csv"
"""the source's name of what ``import --csv`` loads"""


def last_good_import(connection: Connection, settings: Settings) -> datetime | None:
    """The moment up to which every source was imported without a fault; None where one never was.

    A query that is configured counts until it works again. Of a CSV folder, the latest file counts, because an absent
    file is not a fault, and so does every file that failed. A later import by hand counts instead: a person brought
    the facts.
    """
    stored: dict[str, dict[str, tuple[int | None, str | None]]] = {}
    query = text('SELECT source, "table", good_at, failure FROM source_table')
    for source, table, good_at, failure in connection.execute(query):
        stored.setdefault(source, {})[table] = (good_at, failure)
    by_hand = _oldest(_of_files(stored.get(BY_HAND, {})))
    moments: list[int | None] = []
    for source in settings.sources:
        found = stored.get(source.name, {})
        if isinstance(source, SqlSource):
            moments += [found.get(table, (None, None))[0] for table in source.tables]
        else:
            moments += _of_files(found)
    latest = max((moment for moment in (_oldest(moments), by_hand) if moment is not None), default=None)
    return from_epoch(latest) if latest is not None else None


def _oldest(moments: list[int | None]) -> int | None:
    """None where one of them never was."""
    known = [moment for moment in moments if moment is not None]
    return min(known) if known and len(known) == len(moments) else None


def _of_files(found: dict[str, tuple[int | None, str | None]]) -> list[int | None]:
    good = [good_at for good_at, failure in found.values() if failure is None and good_at is not None]
    failed = [good_at for good_at, failure in found.values() if failure is not None]
    return [max(good), *failed] if good else failed or [None]


def read_watermark(connection: Connection, source: str, table: str) -> Any:
    """How far an incremental query was read; None at first."""
    query = text('SELECT watermark FROM source_table WHERE source = :source AND "table" = :table')
    written = connection.scalar(query, {"source": source, "table": table})
    return None if written is None else watermark.decode(written)


def record_good(connection: Connection, source: str, table: str, *, at: int, rows: int, mark: Any) -> None:
    """A table was imported. Call in the transaction that stores its rows."""
    values = {"source": source, "table": table, "at": at, "rows": rows}
    values["mark"] = None if mark is None else watermark.encode(mark)
    connection.execute(
        text(
            'INSERT INTO source_table (source, "table", good_at, rows, watermark) '
            "VALUES (:source, :table, :at, :rows, :mark) "
            'ON CONFLICT (source, "table") DO UPDATE SET good_at = excluded.good_at, rows = excluded.rows, '
            "failure = NULL, watermark = coalesce(excluded.watermark, source_table.watermark)"
        ),
        values,
    )


def record_failure(connection: Connection, source: str, table: str, message: str) -> None:
    """A table, or with "" every table known of a source, was not imported."""
    if table:
        query = text(
            'INSERT INTO source_table (source, "table", rows, failure) VALUES (:source, :table, 0, :message) '
            'ON CONFLICT (source, "table") DO UPDATE SET failure = excluded.failure'
        )
    else:
        query = text("UPDATE source_table SET failure = :message WHERE source = :source")
    connection.execute(query, {"source": source, "table": table, "message": message})


def record_rejects(connection: Connection, source: str, table: str, rejects: Sequence[Reject], *, at: int) -> None:
    """Replace the rows set aside by the import before."""
    ours = {"source": source, "table": table}
    connection.execute(text('DELETE FROM rejected_row WHERE source = :source AND "table" = :table'), ours)
    rows = [
        {
            "source": reject.source,
            "table": reject.table,
            "file": reject.file,
            "line": reject.line,
            "column": reject.column,
            "reason": reject.reason,
            "at": at,
        }
        for reject in rejects
    ]
    if rows:
        connection.execute(
            text(
                'INSERT INTO rejected_row (source, "table", file, line, "column", reason, at) '
                "VALUES (:source, :table, :file, :line, :column, :reason, :at)"
            ),
            rows,
        )
