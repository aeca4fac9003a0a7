"""The third step: the audience becomes what it should be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.audiences.sync import Sync, SyncReport
from orchestrator.cycle.record import recorded

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from orchestrator.engine import Engine


def sync_step(
    engine: Engine,
    *,
    now: datetime,
    check: Callable[[], None],
    progress: Callable[[str, int], None] = lambda _step, _rows: None,
) -> SyncReport:
    """The audience becomes what it should be."""
    with recorded(engine, "sync", now) as said:
        engine.refuse_pretended_writes()
        report = Sync(
            engine.database,
            engine.gateway,
            engine.settings,
            engine.workspace.segments,
            kept=engine.kept_segments,
            now=now,
            check=check,
            progress=progress,
        ).run()
        said.message = f"{report.added:,} added, {report.updated:,} updated, {len(report.rejected):,} refused"
        if report.unknown:
            said.good = False
            said.message += f"; {report.unknown} calls without a certain outcome, read again at the next sync"
    return report
