"""The cycle: import, recompute, sync, decide, send, read back. Each step alone, or all in that order.

Whoever calls a step holds the lease of the cycle and passes its ``check``. Each step records how it ended.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.audiences.sync import Sync, SyncReport
from orchestrator.campaigns.advance import Advance
from orchestrator.campaigns.cleanup import clean_up
from orchestrator.campaigns.compile import recheck
from orchestrator.campaigns.due import Occurrence, due
from orchestrator.campaigns.read_back import read_back
from orchestrator.campaigns.recovery import recover
from orchestrator.campaigns.start import start
from orchestrator.clock import from_epoch, to_epoch
from orchestrator.definitions.schedules import next_after
from orchestrator.errors import Busy, OrchestratorError, Refused, UsageError
from orchestrator.freshness import stale
from orchestrator.segments.evaluate import Recompute, Scope, recompute as recompute_segments
from orchestrator.segments.passes import last_full
from orchestrator.sources.load import import_sources
from orchestrator.store import jobs, mail_events, recovery as books, runs as store
from orchestrator.vocabulary import RunState

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from datetime import datetime
    from pathlib import Path

    from orchestrator.definitions.values import CampaignDefinition
    from orchestrator.engine import Engine
    from orchestrator.problems import Problem
    from orchestrator.sources.report import ImportReport
    from orchestrator.store.tables import Run


def may_act() -> None:
    """The ``check`` of those who cannot lose their lease: rehearsals."""


@dataclass(slots=True)
class CycleReport:
    """What one cycle did. ``faults``: steps that failed; the others went on."""

    imported: ImportReport | None = None
    recomputed: Recompute | None = None
    synced: SyncReport | None = None
    runs: list[Run] = field(default_factory=list)
    events: int = 0
    """opens, clicks and bounces that were new"""
    refused: list[str] = field(default_factory=list)
    """what a guard keeps back, in sentences"""
    stopped: list[OrchestratorError] = field(default_factory=list)
    """why runs could not go on; each is the reason of its run, too"""
    warnings: list[Problem] = field(default_factory=list)
    """what could be better about the mails that were made"""
    faults: list[OrchestratorError] = field(default_factory=list)


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
    with _recorded(engine, "import", now) as said:
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
            _audit(engine, now, "import --force", "accepted tables that arrived empty")
    return report


def recompute_step(engine: Engine, *, now: datetime, force: bool = False, scope: Scope = Scope.CHANGED) -> Recompute:
    """Who is in which segment; who entered and left. Sees campaigns: their entries and schedules count from now."""
    with _recorded(engine, "recompute", now) as said:
        with engine.database.write() as connection:
            store.see_campaigns(connection, list(engine.workspace.campaigns), to_epoch(now))
        result = recompute_segments(
            engine.database,
            engine.settings,
            engine.workspace.segments,
            now=now,
            force=force,
            unreadable=engine.kept_segments,
            scope=scope,
        )
        held = [segment for segment in result.segments if segment.held]
        said.message = f"{len(result.segments)} segments"
        if held:
            said.message += "; held back: " + ", ".join(f"{segment.name} ({segment.held})" for segment in held)
        if wrong := result.found.in_words:
            said.message += f"; {wrong}"
        if force:
            _audit(engine, now, "segments --force", "accepted changes past the guards")
    return result


def sync_step(
    engine: Engine,
    *,
    now: datetime,
    check: Callable[[], None],
    progress: Callable[[str, int], None] = lambda _step, _rows: None,
) -> SyncReport:
    """The audience becomes what it should be."""
    with _recorded(engine, "sync", now) as said:
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


def campaign_step(engine: Engine, *, now: datetime, check: Callable[[], None], report: CycleReport) -> None:
    """Start what is due, and bring every open run as far as it goes."""
    with _recorded(engine, "campaigns", now) as said:
        recover_books(engine, now=now, check=check)
        waiting = _with_waiting_mails(engine, now)
        for occurrence in _due(engine, now):
            _decide_waiting(engine, waiting, occurrence.campaign.priority, now)
            try:
                if not occurrence.missed:
                    stop_if_guarded(engine, occurrence.campaign, now)
            except Refused as guard:
                _keep_back(report, str(guard))
                continue
            run = start(engine.database, engine.workspace, occurrence, now=now)
            if run.finished_at is not None:
                report.runs.append(run)
        advance_open_runs(engine, now=now, check=check, report=report)
        said.message = f"{len(report.runs)} runs open or begun"
        if report.refused:
            said.message = "; ".join(report.refused)


def recover_books(engine: Engine, *, now: datetime, check: Callable[[], None], anyway: bool = False) -> None:
    """Before something goes out: mailings that a restored database does not know are written into it.

    ``anyway``: even where nothing is due or about to be sent.
    """
    with engine.database.read() as connection:
        is_needed = anyway or books.is_about_to_send(connection, to_epoch(now))
    if is_needed or any(not occurrence.missed for occurrence in _due(engine, now)):
        recover(
            engine.database,
            engine.gateway,
            engine.workspace.campaigns,
            now=now,
            real_now=from_epoch(int(time.time())),
            check=check,
        )


def advance_open_runs(
    engine: Engine, *, now: datetime, check: Callable[[], None], report: CycleReport, wait_seconds: float = 60
) -> None:
    """Every open run, those of higher priority first; then what interrupted work left behind is removed."""
    with engine.database.read() as connection:
        runs = store.open_runs(connection)
    priorities = {name: campaign.priority for name, campaign in engine.workspace.campaigns.items()}
    advance = advance_of(engine, now=now, check=check, wait_seconds=wait_seconds)
    for run in sorted(runs, key=lambda run: (-priorities.get(run.campaign, 0), run.id)):
        guard = _guard_of(engine, run, now)
        fault = advance.advance(run, held_back=guard)
        if fault is not None:
            report.stopped.append(fault)
        if guard is not None and run.finished_at is None:
            _keep_back(report, guard)
        report.runs.append(run)
    report.warnings += advance.warnings
    clean_up(engine.database, engine.gateway, check=check)


def reports_step(engine: Engine, *, now: datetime, among: Collection[int] | None = None) -> int:
    """Read back what recipients did with their mails; ``among``: of these mailings only."""
    with _recorded(engine, "reports", now) as said:
        found = read_back(engine.database, engine.gateway, real_now=int(time.time()), among=among)
        said.message = f"{found:,} new opens, clicks and bounces"
    return found


def advance_of(engine: Engine, *, now: datetime, check: Callable[[], None], wait_seconds: float = 60) -> Advance:
    """What advances runs, wired."""
    return Advance(
        engine.database,
        engine.gateway,
        engine.workspace,
        engine.clock,
        now=now,
        check=check,
        wait_seconds=wait_seconds,
    )


def whole_cycle(
    engine: Engine, *, check: Callable[[], None], with_import: bool = True, with_reports: bool = True
) -> CycleReport:
    """All of it, now. A step that fails leaves its fault in the report; what does not need it goes on."""
    report = CycleReport()
    now = engine.clock.now()
    with engine.database.read() as connection:
        sent_before = mail_events.asked_to_be_sent(connection)
    if with_import and engine.settings.sources:
        with _tolerated(report):
            report.imported = import_step(engine, now=now)
    with _tolerated(report):
        report.recomputed = recompute_step(engine, now=now, scope=_scope(engine, now))
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


def _scope(engine: Engine, now: datetime) -> Scope:
    """Everybody is due once after each moment of the schedule, whoever recomputes first; missed ones count."""
    schedule, zone = engine.settings.schedule.full_recompute, engine.settings.timezone
    with engine.database.read() as connection:
        last = last_full(connection)
    due_at = None if last is None else next_after(schedule, last, zone)
    return Scope.CHECKED if due_at is not None and due_at <= now else Scope.CHANGED


def stop_in_the_past(recomputed: Recompute) -> None:
    """Raises UsageError: memberships only move forward, so nothing can be written or mailed as of an earlier moment."""
    if not recomputed.recorded:
        raise UsageError(
            f"{recomputed.now.isoformat()} is before the last recorded recompute: who was in which segment then can be "
            "asked (`campaigns segments --now …`), but nothing can be synced, planned or sent as of then."
        )


def stop_if_guarded(engine: Engine, campaign: CampaignDefinition, now: datetime) -> None:
    """Raises Refused where nothing may be sent: stale data, or an abnormal jump of a segment that decides."""
    old = stale(engine.database, engine.settings, now)
    if old is not None:
        raise Refused(old)
    with engine.database.read() as connection:
        for name in (campaign.segment, *campaign.exclude):
            segment = store.segment_row(connection, name)
            if segment is not None and segment.held:
                raise Refused(
                    f'Campaign "{campaign.name}" sends nothing: segment "{name}" is held back, {segment.held}. '
                    "Look at `campaigns plan` and `campaigns check`; `campaigns segments --force` accepts a jump."
                )


def _guard_of(engine: Engine, run: Run, now: datetime) -> str | None:
    """Why nothing more of an open run may go out, or None."""
    campaign = engine.workspace.campaigns.get(run.campaign)
    try:
        if campaign is not None:
            stop_if_guarded(engine, campaign, now)
    except Refused as guard:
        return str(guard)
    return None


def _with_waiting_mails(engine: Engine, now: datetime) -> list[tuple[CampaignDefinition, Run]]:
    """Open runs with mails that waited for open hours until now, higher priority first."""
    with engine.database.read() as connection:
        runs = [
            run
            for run in store.open_runs(connection)
            if run.cancelled_by is None and run.state != RunState.WAITING_APPROVAL
            if (opens := store.next_open(connection, run.id or 0)) is not None and opens <= to_epoch(now)
        ]
    campaigns = engine.workspace.campaigns
    found = [(campaigns[run.campaign], run) for run in runs if run.campaign in campaigns]
    return sorted(found, key=lambda one: (-one[0].priority, one[1].id))


def _decide_waiting(
    engine: Engine, waiting: list[tuple[CampaignDefinition, Run]], priority: int, now: datetime
) -> None:
    """Mails that waited are decided before new ones of the same or a lower priority: the cap's last place is theirs."""
    while waiting and waiting[0][0].priority >= priority:
        campaign, run = waiting.pop(0)
        if _guard_of(engine, run, now) is None:
            recheck(engine.database, engine.workspace, campaign, run, now=now)


def _due(engine: Engine, now: datetime) -> list[Occurrence]:
    campaigns = [
        campaign for campaign in engine.workspace.campaigns.values() if campaign.segment in engine.workspace.segments
    ]
    with engine.database.read() as connection:
        return due(connection, campaigns, now=now, timezone=engine.settings.timezone)


def _keep_back(report: CycleReport, reason: str) -> None:
    """One reason often keeps back several campaigns; it is said once."""
    if reason not in report.refused:
        report.refused.append(reason)


@dataclass(slots=True)
class _Said:
    message: str = ""
    good: bool = True


@contextmanager
def _recorded(engine: Engine, job: str, now: datetime) -> Iterator[_Said]:
    """Record that a job ran and how it ended, in transactions of their own: a failure is never rolled back."""
    with engine.database.write() as connection:
        jobs.job_began(connection, job, to_epoch(now))
    said = _Said()
    try:
        yield said
    except Busy:
        # the daemon stops, or another one leads: the job has not failed, it goes on there
        raise
    except BaseException as fault:  # an interrupted job did not end well either
        said.good = False
        said.message = str(fault) or type(fault).__name__
        _record_end(engine, job, now, said)
        raise
    _record_end(engine, job, now, said)


def _record_end(engine: Engine, job: str, now: datetime, said: _Said) -> None:
    with engine.database.write() as connection:
        jobs.job_ended(connection, job, to_epoch(now), good=said.good, message=said.message)


@contextmanager
def _tolerated(report: CycleReport) -> Iterator[None]:
    try:
        yield
    except Busy:
        # nothing more is done by this process
        raise
    except OrchestratorError as fault:
        report.faults.append(fault)


def _audit(engine: Engine, now: datetime, action: str, detail: str) -> None:
    with engine.database.write() as connection:
        jobs.audit(connection, now=to_epoch(now), action=action, detail=detail)
