"""What is remembered of imports: how far each table was read, what was set aside, how old the data is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update

from orchestrator.clock import from_epoch
from orchestrator.definitions.values import SqlSource
from orchestrator.sources import watermark
from orchestrator.store.tables import RejectedRow, SourceTable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from orchestrator.definitions.values import Settings
    from orchestrator.sources.report import Reject

BY_HAND = "csv"
"""the source's name of what ``import --csv`` loads"""

_source_table = SourceTable.__table__  # type: ignore[attr-defined] # SQLModel adds it
_rejected_row = RejectedRow.__table__  # type: ignore[attr-defined] # as above


def last_good_import(connection: Connection, settings: Settings) -> datetime | None:
    """The moment up to which every source was imported without a fault; None where one never was.

    A query that is configured counts until it works again. Of a CSV folder, the latest file counts, because an absent
    file is not a fault, and so does every file that failed. A later import by hand counts instead: a person brought
    the facts.
    """
    columns = (_source_table.c.source, _source_table.c.table, _source_table.c.good_at, _source_table.c.failure)
    stored: dict[str, dict[str, tuple[int | None, str | None]]] = {}
    for source, table, good_at, failure in connection.execute(select(*columns)):
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
    query = select(_source_table.c.watermark).where(_source_table.c.source == source, _source_table.c.table == table)
    written = connection.scalar(query)
    return None if written is None else watermark.decode(written)


def record_good(connection: Connection, source: str, table: str, *, at: int, rows: int, mark: Any) -> None:
    """A table was imported. Call in the transaction that stores its rows."""
    values: dict[str, object] = {"good_at": at, "rows": rows, "failure": None}
    if mark is not None:
        values["watermark"] = watermark.encode(mark)
    _record(connection, source, table, values)


def record_failure(connection: Connection, source: str, table: str, message: str) -> None:
    """A table, or with "" every table known of a source, was not imported."""
    if table:
        _record(connection, source, table, {"failure": message})
    else:
        connection.execute(update(_source_table).where(_source_table.c.source == source).values(failure=message))


def record_rejects(connection: Connection, source: str, table: str, rejects: Sequence[Reject], *, at: int) -> None:
    """Replace the rows set aside by the import before."""
    connection.execute(delete(_rejected_row).where(_rejected_row.c.source == source, _rejected_row.c.table == table))
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
        connection.execute(insert(_rejected_row), rows)


def _record(connection: Connection, source: str, table: str, values: dict[str, object]) -> None:
    ours = (_source_table.c.source == source) & (_source_table.c.table == table)
    if connection.execute(update(_source_table).where(ours).values(values)).rowcount == 0:
        first = {"rows": 0} | values | {"source": source, "table": table}
        connection.execute(insert(_source_table).values(first))
