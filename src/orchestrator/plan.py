"""What the next cycle would do: the cycle itself, rehearsed and taken back.

Import is left out (what a source will say is not known before it is asked); everything after it runs the very code of
the cycle, on a transaction that is rolled back and a gateway that only pretends to write.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.campaigns.run import recipients_of
from orchestrator.clock import from_epoch
from orchestrator.cycle.whole import may_act, whole_cycle
from orchestrator.errors import DefinitionError
from orchestrator.store import runs as store
from orchestrator.vocabulary import Decision, MailingState

if TYPE_CHECKING:
    from datetime import datetime

    from orchestrator.cycle.report import CycleReport
    from orchestrator.engine import Engine
    from orchestrator.errors import OrchestratorError
    from orchestrator.problems import Problem
    from orchestrator.store.tables import Run


DONE = {MailingState.SENDING, MailingState.SENT, MailingState.SETTLED}
"""states of mailings that were asked to be sent in an earlier cycle"""


@dataclass(frozen=True, slots=True)
class TagPlan:
    """Members that a tag gains and loses."""

    segment: str
    add: int
    remove: int


@dataclass(frozen=True, slots=True)
class RunPlan:
    """A run that the next cycle would begin or go on with."""

    campaign: str
    scheduled_for: datetime
    state: str
    recipients: int
    decisions: dict[str, int]
    mailings: int
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that the next cycle would change at the provider."""

    now: datetime
    add: int = 0
    update: int = 0
    unsubscribe: int = 0
    move: int = 0
    tags: tuple[TagPlan, ...] = ()
    runs: tuple[RunPlan, ...] = ()
    held: dict[str, str] = field(default_factory=dict)
    """segment -> why a guard would hold it back"""
    refused: tuple[str, ...] = ()
    stopped: bool = False
    """a file would have to be mended before a run can go on; its reason says which"""
    warnings: tuple[Problem, ...] = ()
    """what could be better about the mails"""
    api_calls: int = 0

    @property
    def exit_code(self) -> int:
        """1 where a file stops a run; 3 where a guard or an approval would stop something."""
        if self.stopped:
            return 1
        waits = any(run.state == "waiting_approval" for run in self.runs)
        return 3 if self.held or self.refused or waits else 0


def make_plan(engine: Engine) -> Plan:
    """Rehearse the next cycle. Raises what the cycle would be stopped by."""
    with engine.database.rehearsal() as database:
        rehearsed = engine.rehearsing(database)
        before = _standing(rehearsed)
        report = whole_cycle(rehearsed, check=may_act, with_import=False)
        _raise_first(report.faults)
        runs = tuple(_run_plan(rehearsed, run, before.get(run.id or 0, _Standing())) for run in report.runs)
        return _plan(engine.clock.now(), report, runs, rehearsed.gateway.calls)


def _plan(now: datetime, report: CycleReport, runs: tuple[RunPlan, ...], calls: int) -> Plan:
    assert report.synced is not None
    assert report.recomputed is not None
    synced = report.synced
    names = sorted({*synced.tagged, *synced.untagged})
    return Plan(
        now=now,
        add=synced.added,
        update=synced.updated,
        unsubscribe=synced.unsubscribed,
        move=synced.moved,
        tags=tuple(TagPlan(name, synced.tagged.get(name, 0), synced.untagged.get(name, 0)) for name in names),
        runs=runs,
        held={segment.name: segment.held for segment in report.recomputed.segments if segment.held},
        refused=tuple(report.refused),
        stopped=any(isinstance(fault, DefinitionError) for fault in report.stopped),
        warnings=tuple(sorted(set(report.warnings))),
        api_calls=calls,
    )


@dataclass(frozen=True, slots=True)
class _Standing:
    """What an open run did before the rehearsal."""

    sent: int = 0
    mailings: int = 0


def _standing(engine: Engine) -> dict[int, _Standing]:
    with engine.database.read() as connection:
        return {
            run.id or 0: _Standing(
                store.decision_counts(connection, run.id or 0).get(Decision.SENT.value, 0),
                sum(mailing.state in DONE for mailing in store.mailings(connection, run.id or 0)),
            )
            for run in store.open_runs(connection)
        }


def _run_plan(engine: Engine, run: Run, before: _Standing) -> RunPlan:
    """What is still to come of a run: who got it in an earlier cycle does not get it again."""
    with engine.database.read() as connection:
        run = store.get_run(connection, run.id or 0)
        decisions = store.decision_counts(connection, run.id or 0)
        mailings = store.mailings(connection, run.id or 0)
    sent = decisions.pop(Decision.SENT.value, 0) - before.sent
    if sent:
        decisions[Decision.SENT.value] = sent
    return RunPlan(
        campaign=run.campaign,
        scheduled_for=from_epoch(run.scheduled_for),
        state=run.state,
        recipients=recipients_of(decisions),
        decisions=decisions,
        mailings=sum(mailing.state != MailingState.DROPPED for mailing in mailings) - before.mailings,
        reason=run.reason,
    )


def _raise_first(faults: list[OrchestratorError]) -> None:
    if faults:
        raise faults[0]
