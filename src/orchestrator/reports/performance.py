"""The report of one campaign, and of each of its runs, as of a moment."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import astuple, dataclass
from itertools import chain
from typing import TYPE_CHECKING

from orchestrator.clock import to_epoch
from orchestrator.reports.attribution import Credit, outcomes
from orchestrator.reports.comparison import Comparison, Group, compare
from orchestrator.store import reports as store
from orchestrator.vocabulary import MailEventKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime, timedelta

    from sqlalchemy.engine import Connection

    from orchestrator.definitions.values import CampaignDefinition
    from orchestrator.reports.attribution import UnitOutcome
    from orchestrator.store.reports import ExposureRow, RunCounts


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of the mails. Who opened one mail twice counts once; who opened two mails counts twice."""

    sent: int = 0
    hard_bounced: int = 0
    soft_bounced: int = 0
    opened: int = 0
    clicked: int = 0
    opted_out: int = 0
    complained: int = 0

    @property
    def delivered(self) -> int:
        return self.sent - self.hard_bounced - self.soft_bounced


@dataclass(frozen=True, slots=True)
class GoalResult:
    """Orders credited to the mails, and against the holdout. Revenue in cents."""

    credit: Credit
    held_out: int
    """contacts held out where others were mailed"""
    windows: int
    """times in which an order counts, one for each mail and each held-out contact"""
    open_windows: int
    """those that have not ended yet"""
    comparison: Comparison | None


@dataclass(frozen=True, slots=True)
class RunReport:
    """One run. ``goal``: None where the campaign has none."""

    run: str
    scheduled_for: int
    delivery: Delivery
    goal: GoalResult | None


@dataclass(frozen=True, slots=True)
class CampaignReport:
    """One campaign: ``delivery`` and ``goal`` over all of its runs that mailed, or held out, anybody."""

    campaign: str
    delivery: Delivery
    people: Mapping[str, int]
    """contacts ``mailed``, ``opened``, ``clicked``, each once however often they were mailed"""
    goal_within: timedelta | None
    holdout: bool
    """is anybody held out from now on?"""
    goal: GoalResult | None
    switched: int
    """accounts both mailed and held out since the holdout began: left out of the comparison"""
    runs: tuple[RunReport, ...]


def campaign_report(
    connection: Connection, name: str, definition: CampaignDefinition | None, *, now: datetime
) -> CampaignReport:
    """``definition``: None where the campaign's file is gone; there is no goal to measure then."""
    moment = to_epoch(now)
    runs = store.run_names(connection, name)
    counts = store.run_counts(connection, name, moment)
    reactions = store.reactions(connection, name, moment)
    people = store.people(connection, name, moment)
    deliveries = {run: _delivery(run, counts[run], reactions) for run in runs if run in counts}
    within = definition.goal_within if definition else None
    tally = _Tally(within, moment)
    if within is not None and definition is not None:
        tally.measure(connection, name, definition)
    reports = [
        RunReport(*runs[run], deliveries.get(run, Delivery()), tally.of_run(run))
        for run in runs
        if run in deliveries or run in tally.runs
    ]
    return CampaignReport(
        campaign=name,
        delivery=_sum([report.delivery for report in reports]),
        people={
            "mailed": people["mailed"],
            "opened": people.get(MailEventKind.OPEN.value, 0),
            "clicked": people.get(MailEventKind.CLICK.value, 0),
        },
        goal_within=within,
        holdout=bool(definition and definition.holdout_share),
        goal=tally.of_campaign(),
        switched=tally.switched,
        runs=tuple(reports),
    )


class _Part:
    """What is being counted for a run, or for the whole campaign."""

    def __init__(self) -> None:
        self.credit = Credit()
        self.held_out = self.windows = self.open_windows = 0
        self.mailed, self.spared = Group(), Group()

    def result(self) -> GoalResult:
        return GoalResult(
            self.credit, self.held_out, self.windows, self.open_windows, compare(self.mailed, self.spared)
        )


class _Tally:
    """Goes once over the campaign's accounts."""

    def __init__(self, within: timedelta | None, now: int) -> None:
        self._within = None if within is None else int(within.total_seconds())
        self._now = now
        self._whole = _Part()
        self.runs: dict[int, _Part] = defaultdict(_Part)
        self.switched = 0

    def of_run(self, run: int) -> GoalResult | None:
        return None if self._within is None else self.runs[run].result()

    def of_campaign(self) -> GoalResult | None:
        return None if self._within is None else self._whole.result()

    def measure(self, connection: Connection, name: str, definition: CampaignDefinition) -> None:
        assert self._within is not None
        first = holdout_since = None
        for exposure in store.exposures(connection, name, self._now):
            first = exposure.at if first is None else min(first, exposure.at)
            if exposure.held_out and (holdout_since is None or exposure.at < holdout_since):
                holdout_since = exposure.at
        if first is None:
            return
        again_after = definition.trigger.again_after
        units = outcomes(
            store.exposures(connection, name, self._now),
            store.purchases(connection, first, self._now),
            within=self._within,
            again_after=0 if again_after is None else int(again_after.total_seconds()),
        )
        for unit in units:
            self._count(unit)
            self._compare(unit, holdout_since)

    def _count(self, unit: UnitOutcome) -> None:
        for exposure, credit in chain(unit.mails, unit.held_out):
            for part in (self._whole, self.runs[exposure.run]):
                part.windows += 1
                part.open_windows += exposure.at + (self._within or 0) > self._now
                part.held_out += exposure.held_out
                if not exposure.held_out:
                    part.credit.add(credit)
        for exposures in (unit.mails, unit.held_out):
            for run, credit in _by_run(exposures).items():
                part = self.runs[run]
                (part.spared if exposures is unit.held_out else part.mailed).add(credit)

    def _compare(self, unit: UnitOutcome, since: int | None) -> None:
        """Over the whole campaign only what came after the holdout began is alike for both groups."""
        if since is None:
            return
        mails = [credit for exposure, credit in unit.mails if exposure.at >= since]
        held_out = [credit for _, credit in unit.held_out]
        if mails and held_out:
            self.switched += 1
        elif mails:
            self._whole.mailed.add(_total(mails))
        elif held_out:
            self._whole.spared.add(_total(held_out))


def _by_run(exposures: Sequence[tuple[ExposureRow, Credit]]) -> dict[int, Credit]:
    """Colleagues in one run are one account."""
    found: dict[int, Credit] = defaultdict(Credit)
    for exposure, credit in exposures:
        found[exposure.run].add(credit)
    return found


def _total(parts: Iterable[Credit]) -> Credit:
    total = Credit()
    for part in parts:
        total.add(part)
    return total


def _delivery(run: int, counts: RunCounts, reactions: Mapping[tuple[int, str], int]) -> Delivery:
    def of(kind: MailEventKind) -> int:
        return reactions.get((run, kind.value), 0)

    return Delivery(
        sent=counts.sent,
        hard_bounced=counts.hard_bounced,
        soft_bounced=counts.soft_bounced,
        opened=of(MailEventKind.OPEN),
        clicked=of(MailEventKind.CLICK),
        opted_out=of(MailEventKind.UNSUBSCRIBE),
        complained=of(MailEventKind.ABUSE),
    )


def _sum(parts: Iterable[Delivery]) -> Delivery:
    rows = [astuple(part) for part in parts]
    return Delivery(*(sum(column) for column in zip(*rows, strict=True)))
