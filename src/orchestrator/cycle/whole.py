"""All steps, one after the other. A step that fails leaves its fault in the report; what does not need it goes on."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from orchestrator.cycle.importing import import_step
from orchestrator.cycle.mailing import campaign_step, reports_step
from orchestrator.cycle.recomputing import due_scope, recompute_step, stop_in_the_past
from orchestrator.cycle.report import CycleReport
from orchestrator.cycle.syncing import sync_step
from orchestrator.errors import Busy, OrchestratorError
from orchestrator.store import mail_events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orchestrator.engine import Engine


def may_act() -> None:
    """The ``check`` of those who cannot lose their lease: rehearsals."""


def whole_cycle(
    engine: Engine, *, check: Callable[[], None], with_import: bool = True, with_reports: bool = True
) -> CycleReport:
    """All of it, now."""
    report = CycleReport()
    now = engine.clock.now()
    with engine.database.read() as connection:
        sent_before = mail_events.asked_to_be_sent(connection)
    if with_import and engine.settings.sources:
        with _tolerated(report):
            report.imported = import_step(engine, now=now)
    with _tolerated(report):
        report.recomputed = recompute_step(engine, now=now, scope=due_scope(engine, now))
    if report.recomputed is None:
        return report
    with _tolerated(report):
        stop_in_the_past(report.recomputed)
        report.synced = sync_step(engine, now=now, check=check)
    if report.synced is None:
        # without the provider's latest word on consent nobody is mailed
        return report
    with _tolerated(report):
        campaign_step(engine, now=now, check=check, report=report)
    if with_reports:
        with _tolerated(report):
            report.events = reports_step(engine, now=now, among=sent_before)
    return report


@contextmanager
def _tolerated(report: CycleReport) -> Iterator[None]:
    try:
        yield
    except Busy:
        # nothing more is done by this process
        raise
    except OrchestratorError as fault:
        report.faults.append(fault)
