"""The last steps: decide who is mailed, send, and read back what became of the mails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.campaigns.advance import Advance
from orchestrator.campaigns.cleanup import clean_up
from orchestrator.campaigns.compile import recheck
from orchestrator.campaigns.due import Occurrence, due
from orchestrator.campaigns.read_back import read_back
from orchestrator.campaigns.recovery import recover
from orchestrator.campaigns.start import start
from orchestrator.clock import from_epoch, real_seconds, to_epoch
from orchestrator.cycle.record import recorded
from orchestrator.errors import Refused
from orchestrator.freshness import stale
from orchestrator.store import recovery as books, runs as store
from orchestrator.vocabulary import RunState

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from orchestrator.cycle.report import CycleReport
    from orchestrator.definitions.values import CampaignDefinition
    from orchestrator.engine import Engine
    from orchestrator.store.tables import Run


def campaign_step(engine: Engine, *, now: datetime, check: Callable[[], None], report: CycleReport) -> None:
    """Start what is due, and bring every open run as far as it goes."""
    with recorded(engine, "campaigns", now) as said:
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
            real_now=from_epoch(real_seconds()),
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
    with recorded(engine, "reports", now) as said:
        found = read_back(engine.database, engine.gateway, real_now=real_seconds(), among=among)
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
