"""The first step: copy what the sources say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.cycle.record import audit, recorded
from orchestrator.sources.load import import_sources

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from orchestrator.engine import Engine
    from orchestrator.sources.report import ImportReport


def import_step(
    engine: Engine,
    *,
    now: datetime,
    source: str | None = None,
    csv_folder: Path | None = None,
    force: bool = False,
    progress: Callable[[str, int, int | None], None] | None = None,
) -> ImportReport:
    """Copy what the sources say."""
    with recorded(engine, "import", now) as said:
        report = import_sources(
            engine.database,
            engine.settings,
            engine.workspace.root,
            source=source,
            csv_folder=csv_folder,
            now=now,
            force=force,
            progress=progress,
        )
        changed = sum(table.inserted + table.updated for table in report.tables.values())
        rejected = sum(table.rejected for table in report.tables.values())
        said.message = f"{changed:,} rows changed, {rejected:,} set aside"
        if report.failures:
            said.good = False
            said.message = "; ".join(failure.message for failure in report.failures)
        if force:
            audit(engine, now, "import --force", "accepted tables that arrived empty")
    return report
