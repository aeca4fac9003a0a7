"""The recurring jobs. Each reads the files again, takes the lease of the cycle, does its part and never raises.

A job that finds another process at work leaves it to the next tick: what is due stays due in the database.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from orchestrator.campaigns.due import due
from orchestrator.cycle.importing import import_step
from orchestrator.cycle.mailing import advance_open_runs, recover_books, reports_step
from orchestrator.cycle.report import CycleReport
from orchestrator.cycle.whole import whole_cycle
from orchestrator.errors import Busy, OrchestratorError
from orchestrator.store import runs as store
from orchestrator.store.faults import in_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.daemon.stopping import Halt
    from orchestrator.definitions.values import Settings
    from orchestrator.definitions.workspace import WorkspaceReader
    from orchestrator.engine import Engine
    from orchestrator.problems import Problem
    from orchestrator.store.leases import HeldLease

log = logging.getLogger("orchestrator.daemon")

START_AGAIN_SECONDS = 2.0


class Jobs:
    """What the daemon does, on one engine whose files it keeps up to date."""

    def __init__(
        self,
        engine: Engine,
        reader: WorkspaceReader,
        halt: Halt,
        reschedule: Callable[[Settings], None],
    ) -> None:
        """``halt``: once it is set, no further write is begun. ``reschedule``: settings changed."""
        self._engine = engine
        self._reader = reader
        self._halt = halt
        self._at_work = threading.Lock()
        self._reschedule = reschedule
        self._told: tuple[Problem, ...] = ()
        self._told_of_busy = ""
        self._told_of_runs: dict[str, tuple[str, str]] = {}

    @property
    def engine(self) -> Engine:
        """The engine over the files as they were last read."""
        return self._engine

    def wait_idle(self, seconds: float) -> bool:
        """Until no job is at work, so long at most. True: none is."""
        if not self._at_work.acquire(timeout=seconds):
            return False
        self._at_work.release()
        return True

    def import_(self) -> None:
        """Copy what the sources say."""
        self._guarded("import", self._import)

    def cycle(self) -> None:
        """Recompute, sync, start what is due, send, read back."""
        self._guarded("cycle", self._cycle)

    def campaigns(self) -> None:
        """Every minute: a cycle where a campaign is due, else the open runs one step further."""
        self._guarded("campaigns", self._campaigns)

    def reports(self) -> None:
        """Read back what recipients did with their mails."""
        self._guarded("reports", self._reports)

    def whole(self) -> None:
        """At the start: what was missed while no daemon led. A predecessor's lease may still have to run out."""
        while not self._guarded("start", self._whole) and not self._halt.wait(START_AGAIN_SECONDS):
            pass

    def _import(self, check: Callable[[], None]) -> None:
        check()
        report = import_step(self._engine, now=self._engine.clock.now())
        for failure in report.failures:
            log.error("import failed", extra={"source": failure.source, "table": failure.table, "why": failure.message})

    def _reports(self, check: Callable[[], None]) -> None:
        check()
        found = reports_step(self._engine, now=self._engine.clock.now())
        log.info("read back", extra={"events": found})

    def _whole(self, check: Callable[[], None]) -> None:
        self._tell(whole_cycle(self._engine, check=check))

    def _cycle(self, check: Callable[[], None]) -> None:
        self._tell(whole_cycle(self._engine, check=check, with_import=False, with_reports=False))

    def _campaigns(self, check: Callable[[], None]) -> None:
        engine = self._engine
        now = engine.clock.now()
        with engine.database.read() as connection:
            waiting = due(connection, engine.workspace.campaigns.values(), now=now, timezone=engine.settings.timezone)
            opened = store.open_runs(connection)
        if waiting:
            self._cycle(check)
        elif opened:
            report = CycleReport()
            recover_books(engine, now=now, check=check)
            advance_open_runs(engine, now=now, check=check, report=report)
            self._tell(report)

    def _guarded(self, name: str, job: Callable[[Callable[[], None]], None]) -> bool:
        """False: another process was at work."""
        with self._at_work:
            try:
                self._halt.check()
                self._reload()
                with self._engine.at_work(f"the daemon's {name} job", wait_seconds=5) as held:
                    self._told_of_busy = ""
                    job(lambda: self._may_act(held))
            except Busy as busy:
                if str(busy) != self._told_of_busy:
                    log.info("left to the next tick", extra={"job": name, "why": str(busy)})
                self._told_of_busy = str(busy)
                return False
            except OrchestratorError as fault:
                log.error("job failed", extra={"job": name, "why": str(fault)})  # noqa: TRY400 -- a known fault: no trace
            except DBAPIError as fault:
                why = in_words(fault)
                log.error("the database failed; the next tick tries again", extra={"job": name, "why": why})  # noqa: TRY400 -- as above
            except Exception:
                log.exception("job failed unexpectedly", extra={"job": name})
        return True

    def _may_act(self, held: HeldLease) -> None:
        self._halt.check()
        held.check()

    def _reload(self) -> None:
        workspace, problems = self._reader.read()
        if tuple(problems) != self._told:
            for problem in problems:
                log.warning("file left as it was", extra={"problem": str(problem)})
            self._told = tuple(problems)
        if workspace != self._engine.workspace or tuple(problems) != self._engine.problems:
            if workspace.settings != self._engine.settings:
                self._reschedule(workspace.settings)
            self._engine = self._engine.with_workspace(workspace, problems)

    def _tell(self, report: CycleReport) -> None:
        for fault in report.faults:
            log.error("step failed", extra={"why": str(fault)})
        for reason in report.refused:
            log.warning("kept back", extra={"why": reason})
        if report.recomputed is not None:
            for segment in report.recomputed.segments:
                if segment.held:
                    log.warning("segment held back", extra={"segment": segment.name, "why": segment.held})
            found = report.recomputed.found
            for name, contacts in found.drift.items():
                # a fault of ours, or facts changed by hand; the full recompute has put it right
                log.error("incremental recompute was wrong", extra={"segment": name, "contacts": contacts})
            log.info("recomputed", extra={"contacts": found.computed, "everybody": found.everybody})
        if report.synced is not None:
            log.info(
                "synced",
                extra={
                    "added": report.synced.added,
                    "updated": report.synced.updated,
                    "refused": len(report.synced.rejected),
                    "calls": report.synced.api_calls,
                },
            )
        for run in report.runs:
            # open runs are looked at every minute; their news is what changed
            if self._told_of_runs.get(run.name) != (run.state, run.reason):
                log.info("run", extra={"run": run.name, "state": run.state, "why": run.reason})
        self._told_of_runs = {run.name: (run.state, run.reason) for run in report.runs}
