"""Run an import: every table of every source, each in a transaction of its own.

A bad row is set aside; a table whose file or query is broken stays as it was; both are reported, and the rest goes on.
Tables are loaded in the order in which they refer to each other, over all sources.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from orchestrator.clock import to_epoch
from orchestrator.errors import DataError
from orchestrator.sources import journal
from orchestrator.sources.canonical import TABLES
from orchestrator.sources.feeds import Feeds, chosen_sources
from orchestrator.sources.report import Failure, ImportReport, Progress, Reject, TableCounts
from orchestrator.sources.table_import import EmptySource, TableImport
from orchestrator.store.faults import in_words

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from orchestrator.definitions.values import Settings
    from orchestrator.store.database import Database


def import_sources(
    database: Database,
    settings: Settings,
    root: Path,
    *,
    source: str | None = None,
    csv_folder: Path | None = None,
    now: datetime,
    force: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Load all configured sources, or one of them, or a folder of CSV files.

    ``force`` accepts tables of which the source gives nothing while we hold rows. Raises UsageError for an unknown
    source and DataError for a folder without a single table; everything else that goes wrong is in the report.
    """
    counts: dict[str, TableCounts] = {}
    rejects: list[Reject] = []
    with Feeds() as feeds:
        if csv_folder is not None:
            feeds.add_folder(journal.BY_HAND, csv_folder)
        else:
            for chosen in chosen_sources(settings, source):
                feeds.add(chosen, root)
        failures = list(feeds.failures)
        for table in TABLES.values():
            for feed in feeds.of(table):
                failed = {failure.table for failure in failures}
                importing = TableImport(
                    database,
                    feed,
                    zone=settings.timezone,
                    now=to_epoch(now),
                    force=force,
                    # what a failed table would have brought may be why rows are set aside: read them again
                    keep_watermark=bool(failed & {"", *(column.refers_to for column in table.references)}),
                    progress=progress,
                )
                try:
                    added, aside = importing.run()
                except EmptySource as refusal:
                    failures.append(Failure(feed.source, table.name, str(refusal), refused=True))
                except DataError as fault:
                    failures.append(Failure(feed.source, table.name, str(fault)))
                except SQLAlchemyError as fault:
                    failures.append(Failure(feed.source, table.name, _our_database(fault)))
                else:
                    counts[table.name] = counts.get(table.name, TableCounts()) + added
                    rejects += aside
    for failure in failures:
        with database.write() as connection:
            journal.record_failure(connection, failure.source, failure.table, failure.message)
    return ImportReport(counts, tuple(rejects), tuple(failures))


def _our_database(fault: SQLAlchemyError) -> str:
    return f"the local database refused the rows. {in_words(fault)} Nothing of this table was stored; try again."
