"""A run by hand: facts made current, decisions, and after a person's yes the same way as any other run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.campaigns.due import by_hand
from orchestrator.campaigns.judge import verdicts
from orchestrator.campaigns.start import start
from orchestrator.cycle import advance_of, may_act, recompute_step, stop_if_guarded, stop_in_the_past, sync_step
from orchestrator.plan import recipients_of
from orchestrator.store import runs as store

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.campaigns.due import Occurrence
    from orchestrator.definitions.values import CampaignDefinition
    from orchestrator.engine import Engine
    from orchestrator.store.tables import Run


class ByHand:
    """`campaigns send`: ``decide`` first, show it to a person, then ``carry_out``."""

    def __init__(
        self,
        engine: Engine,
        campaign: CampaignDefinition,
        *,
        check: Callable[[], None] = may_act,
        progress: Callable[[str, int], None] = lambda _what, _more: None,
    ) -> None:
        self.engine = engine
        self.decisions: dict[str, int] = {}
        """decision -> contacts; what will be sent is still called planned"""
        self._campaign = campaign
        self._check = check
        self._progress = progress
        self._now = engine.clock.now()
        self._run: Run | None = None
        self._occurrence: Occurrence | None = None

    @property
    def run(self) -> Run:
        """The run, as the database has it."""
        assert self._run is not None
        with self.engine.database.read() as connection:
            return store.get_run(connection, self._run.id or 0)

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
        with self.engine.database.read() as connection:
            # an interrupted run of this campaign is this very send, begun earlier
            unfinished = [run for run in store.open_runs(connection) if run.campaign == self._campaign.name]
            if unfinished:
                self._run = unfinished[0]
                self.decisions = store.decision_counts(connection, self._run.id or 0)
                return
            self._occurrence = by_hand(connection, self._campaign, now=self._now)
            judged = verdicts(connection, self.engine.settings, self._campaign, self._occurrence.entries, now=self._now)
            for _, verdict in judged:
                self.decisions[verdict.decision.value] = self.decisions.get(verdict.decision.value, 0) + 1

    def carry_out(self) -> None:
        """Store the run and bring it as far as it goes."""
        if self._run is None:
            assert self._occurrence is not None
            self._run = start(self.engine.database, self.engine.settings, self._occurrence, now=self._now)
        if self._run.finished_at is None:
            advance_of(self.engine, now=self._now, check=self._check).advance(self._run)
