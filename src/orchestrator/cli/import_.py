"""`campaigns import`: copy what the sources say."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli import output
from orchestrator.cli.options import Shared, answers_json, pass_shared, shared_options
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.sources.report import ImportReport

SHOWN = 20


@click.command("import")
@click.argument("source", required=False)
@click.option("--csv", "csv_folder", type=click.Path(path_type=Path), help="Load a folder of CSV files instead.")
@click.option("--force", is_flag=True, help="Accept a table that arrives empty while we hold rows of it.")
@answers_json
@shared_options
@pass_shared
def command(shared: Shared, source: str | None, csv_folder: Path | None, force: bool) -> int:
    """Load every source, or one, or a folder of CSV files. A row is an upsert by its key."""
    from orchestrator.cycle.importing import import_step

    if source is not None and csv_folder is not None:
        raise click.UsageError("Name a source or --csv DIR, not both.")
    engine = shared.engine()
    if csv_folder is None and not engine.settings.sources:
        raise UsageError("config.toml names no source. Add [sources.NAME], or load files: campaigns import --csv DIR")
    with (
        engine.at_work("campaigns import", on_wait=_waiting),
        output.progress("Import", quiet=shared.json) as bar,
    ):
        seen: dict[str, int] = {}

        def rows_read(table: str, rows: int, total: int | None) -> None:
            bar(table, rows - seen.get(table, 0), total)
            seen[table] = rows

        report = import_step(
            engine,
            now=engine.clock.now(),
            source=source,
            csv_folder=csv_folder.absolute() if csv_folder else None,
            force=force,
            progress=rows_read,
        )
    if shared.json:
        output.document(_json(report))
    else:
        _show(report)
    for failure in report.failures:
        output.warning(f"{failure.source}.{failure.table}: {failure.message}" if failure.table else failure.message)
    if not report.failures:
        return 0
    return 3 if all(failure.refused for failure in report.failures) else 1


def _waiting(who: str) -> None:
    output.note(f"Waiting for {who} …")


def _json(report: ImportReport) -> dict[str, object]:
    return {
        "tables": {name: asdict(counts) for name, counts in report.tables.items()},
        "rejects": [
            {
                "source": reject.source,
                "table": reject.table,
                "file": reject.file,
                "line": reject.line,
                "column": reject.column,
                "reason": reject.reason,
            }
            for reject in report.rejects
        ],
        "failures": [
            {
                "source": failure.source,
                "table": failure.table,
                "message": failure.message,
                "refused": failure.refused,
            }
            for failure in report.failures
        ],
    }


def _show(report: ImportReport) -> None:
    rows = [
        (name, counts.read, counts.inserted, counts.updated, counts.unchanged, counts.rejected)
        for name, counts in report.tables.items()
    ]
    headings = ("table", "read", "inserted", "updated", "unchanged", "rejected")
    output.table(headings, rows, right=(1, 2, 3, 4, 5))
    for reject in report.rejects[:SHOWN]:
        column = f" {reject.column}:" if reject.column else ""
        output.note(f"{reject.file}:{reject.line}:{column} {reject.reason}")
    more = sum(counts.rejected for counts in report.tables.values()) - min(SHOWN, len(report.rejects))
    if more > 0:
        output.note(f"… and {more:,} more; `campaigns import --json` lists them.")
