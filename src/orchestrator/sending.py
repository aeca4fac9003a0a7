"""A run by hand: facts made current, decisions, and after a person's yes the same way as any other run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.campaigns import judge
from orchestrator.campaigns.cleanup import clean_up
from orchestrator.campaigns.due import by_hand
from orchestrator.campaigns.run import recipients_of
from orchestrator.campaigns.start import start
from orchestrator.clock import to_epoch
from orchestrator.cycle.mailing import advance_of, recover_books, stop_if_guarded
from orchestrator.cycle.recomputing import recompute_step, stop_in_the_past
from orchestrator.cycle.syncing import sync_step
from orchestrator.cycle.whole import may_act
from orchestrator.store import runs as store
from orchestrator.store.leases import CYCLE, holders

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Connection

    from orchestrator.campaigns.due import Occurrence
    from orchestrator.definitions.values import CampaignDefinition
    from orchestrator.engine import Engine
    from orchestrator.problems import Problem
    from orchestrator.store.tables import Run


SAME_SEND_SECONDS = 120
"""two people who ask for the same send mean moments that are no farther apart"""


def run_under_way(engine: Engine, campaign: str) -> int | None:
    """The run of the campaign that somebody is sending at this moment: who asks for it now does not want another."""
    with engine.database.read() as connection:
        if holders(connection).get(CYCLE) is None:
            return None
        runs = [
            run
            for run in store.open_runs(connection)
            if run.campaign == campaign and not store.waits_for_open_hours(connection, run)
        ]
    return runs[0].id if runs else None


class ByHand:
    """`campaigns send`: ``decide`` first, show it to a person, then ``carry_out``."""

    def __init__(
        self,
        engine: Engine,
        campaign: CampaignDefinition,
        *,
        check: Callable[[], None] = may_act,
        progress: Callable[[str, int], None] = lambda _what, _more: None,
        asked_at: int | None = None,
        under_way: int | None = None,
    ) -> None:
        """``asked_at``: real time at which the person asked, before any waiting for others at work. A run of the
        campaign that another process began since is what the person asked for; so is the one that was ``under_way``.
        """
        self.engine = engine
        self.decisions: dict[str, int] = {}
        """decision -> contacts; what will be sent is still called planned"""
        self.warnings: list[Problem] = []
        """what could be better about the mails"""
        self._campaign = campaign
        self._check = check
        self._progress = progress
        self._now = engine.clock.now()
        self._asked_at = asked_at
        self._under_way = under_way
        self._run: Run | None = None
        self._occurrence: Occurrence | None = None

    @property
    def run(self) -> Run:
        """The run, as the database has it."""
        assert self._run is not None
        with self.engine.database.read() as connection:
            return store.get_run(connection, self._run.id or 0)

    @property
    def was_done(self) -> bool:
        """The run was found finished: somebody else had it sent meanwhile."""
        return self._run is not None and self._run.finished_at is not None

    @property
    def segment(self) -> str:
        """Whose members it is for."""
        return self._campaign.segment

    @property
    def recipients(self) -> int:
        """How many would be mailed."""
        return recipients_of(self.decisions)

    def decide(self) -> None:
        """Bring memberships and consent up to date and decide; nothing of the run is stored yet.

        Raises Refused where a guard stops the campaign.
        """
        stop_in_the_past(recompute_step(self.engine, now=self._now))
        stop_if_guarded(self.engine, self._campaign, self._now)
        sync_step(self.engine, now=self._now, check=self._check, progress=self._progress)
        recover_books(self.engine, now=self._now, check=self._check, anyway=True)
        with self.engine.database.read() as connection:
            self._run = self._run_of_this_send(connection)
            if self._run is not None:
                self.decisions = store.decision_counts(connection, self._run.id or 0)
                return
            self._occurrence = by_hand(connection, self._campaign, now=self._now)
            judge.decide(connection, self.engine.settings, self._campaign, self._occurrence.candidates, now=self._now)
            self.decisions = {decision.value: contacts for decision, contacts in judge.counts(connection).items()}

    def carry_out(self) -> None:
        """Store the run and bring it as far as it goes."""
        if self._run is None:
            assert self._occurrence is not None
            self._run = start(self.engine.database, self.engine.workspace, self._occurrence, now=self._now)
        if self._run.finished_at is None:
            advance = advance_of(self.engine, now=self._now, check=self._check)
            advance.advance(self._run)
            self.warnings += advance.warnings
            clean_up(self.engine.database, self.engine.gateway, check=self._check)

    def _run_of_this_send(self, connection: Connection) -> Run | None:
        """The run that this send became already: interrupted earlier, or begun by somebody who asked for the same."""
        name = self._campaign.name
        if self._under_way is not None:
            return store.get_run(connection, self._under_way)
        unfinished = [
            run
            for run in store.open_runs(connection)
            # a run that only waits for its contacts' open hours is done with everybody else
            if run.campaign == name and not store.waits_for_open_hours(connection, run)
        ]
        if unfinished:
            return unfinished[0]
        if self._asked_at is not None:
            latest = store.latest_run_since(connection, name, self._asked_at)
            if latest is not None and abs(latest.scheduled_for - to_epoch(self._now)) <= SAME_SEND_SECONDS:
                return latest
        return store.run_for(connection, name, to_epoch(self._now))
