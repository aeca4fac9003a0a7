"""Bring a run as far as it goes now: decide again, compile, carry, settle, finish.

Every step starts from what the database says, so this is also how a run goes on after a crash.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.campaigns.carry import Carrier
from orchestrator.campaigns.compile import compile_run, recheck
from orchestrator.campaigns.desk import Desk
from orchestrator.campaigns.run import RUN_MOVES
from orchestrator.campaigns.settle import Settler
from orchestrator.clock import from_epoch, to_epoch
from orchestrator.errors import DefinitionError, GatewayError, GatewayMisconfigured, RetryLater
from orchestrator.store import runs as store
from orchestrator.vocabulary import Decision, MailingState, RunState

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from orchestrator.clock import Clock
    from orchestrator.definitions.values import CampaignDefinition, Workspace
    from orchestrator.errors import OrchestratorError
    from orchestrator.gateway import EmailGateway
    from orchestrator.problems import Problem
    from orchestrator.store.database import Database
    from orchestrator.store.tables import Mailing, Run

BEFORE_SEND = {
    MailingState.COMPILED,
    MailingState.FILLING,
    MailingState.SEGMENT_WANTED,
    MailingState.SEGMENT_FILLING,
    MailingState.CAMPAIGN_WANTED,
    MailingState.CAMPAIGN_MADE,
    MailingState.SEND_WANTED,
}
OVER = {MailingState.SETTLED, MailingState.DROPPED}
READ_BY_PROVIDER = {MailingState.SENT, *OVER}
"""merge values are read when the provider delivers; after that the slots are free"""


class Advance:
    """Advances the runs of one cycle."""

    def __init__(
        self,
        database: Database,
        gateway: EmailGateway,
        workspace: Workspace,
        clock: Clock,
        *,
        now: datetime,
        check: Callable[[], None] = lambda: None,
        wait_seconds: float = 60,
    ) -> None:
        """``check`` raises when this process may no longer act; ``wait_seconds`` bounds waiting for the provider."""
        self._database = database
        self._gateway = gateway
        self._workspace = workspace
        self._clock = clock
        self._now = now
        self._check = check
        self._wait_seconds = wait_seconds
        self.warnings: list[Problem] = []
        """what could be better about mails that were compiled"""

    def advance(self, run: Run, *, held_back: str | None = None) -> OrchestratorError | None:
        """As far as it goes. Returns what failed, if anything did; it is stored as the run's reason. Raises only what
        stops everything.

        ``held_back``: why a guard lets nothing more of it go out; what is on its way is read back all the same.
        """
        campaign = self._workspace.campaigns.get(run.campaign)
        if campaign is None and held_back is None:
            held_back = (
                f"campaigns/{run.campaign}.toml is gone or has an error. "
                f"Restore it, or stop the run: campaigns cancel {run.name}"
            )
        try:
            if run.cancelled_by is not None:
                self._drop_the_rest(run, run.cancelled_by)
                self._settle(run)
            elif RunState(run.state) == RunState.WAITING_APPROVAL:
                return None
            elif held_back is not None or campaign is None:
                self._find_sent(run)
                self._settle(run)
            else:
                self._prepare(run, campaign)
                self._carry_and_settle(run)
        except GatewayMisconfigured:
            raise
        except (GatewayError, DefinitionError) as problem:
            self._stopped(run, str(problem))
            return problem
        if held_back is not None and self._is_owed(run):
            self._stopped(run, held_back)
        else:
            self._finish(run)
        return None

    def cancel(self, run: Run, who: str) -> int:
        """Stop a run: what is not on its way is dropped. Returns how many mails were on their way already."""
        with self._database.write() as connection:
            # the wish is stored before anything is dropped: a crash half-way must not let the rest go out
            store.set_run(connection, run, cancelled_by=who, reason=f"Cancelled by {who}.")
        return self._drop_the_rest(run, who)

    def _drop_the_rest(self, run: Run, who: str) -> int:
        for mailing in self._mailings(run):
            self._carrier(run).drop_if_unsent(mailing)
        with self._database.write() as connection:
            store.cancel_open_sends(connection, run.id or 0, f"The run was cancelled by {who}.", to_epoch(self._now))
            counts = store.decision_counts(connection, run.id or 0)
        if not counts.get(Decision.PLANNED.value, 0):
            store.release_slots(self._database, run.id or 0)
            self._finish(run)
        return counts.get(Decision.PLANNED.value, 0) + counts.get(Decision.SENT.value, 0)

    # -- the steps

    def _prepare(self, run: Run, campaign: CampaignDefinition) -> None:
        recheck(self._database, self._workspace, campaign, run, now=self._now)
        compile_run(
            self._database,
            self._gateway,
            self._workspace,
            campaign,
            run,
            now=self._now,
            check=self._check,
            warn=self.warnings.extend,
        )
        if any(MailingState(mailing.state) in BEFORE_SEND for mailing in self._mailings(run)):
            self._set_state(run, RunState.PREPARING)

    def _carry_and_settle(self, run: Run) -> None:
        """What one mailing is stopped by does not keep the others from being read back."""
        try:
            self._carry(run)
        except GatewayMisconfigured:
            raise
        except GatewayError:
            self._settle(run)
            raise
        self._settle(run)

    def _carry(self, run: Run) -> None:
        carrier = self._carrier(run)
        problem: GatewayError | None = None
        for mailing in self._mailings(run):
            if MailingState(mailing.state) not in BEFORE_SEND:
                continue
            try:
                carrier.carry(mailing)
            except GatewayMisconfigured:
                raise
            except GatewayError as fault:
                # one mailing's trouble does not keep the others
                problem = problem or fault
                with self._database.write() as connection:
                    store.set_mailing(connection, mailing, problem=str(fault))
            if MailingState(mailing.state) == MailingState.SENDING and RunState(run.state) == RunState.PREPARING:
                self._set_state(run, RunState.SENDING)
        if problem is not None:
            raise problem

    def _find_sent(self, run: Run) -> None:
        """Sends that were asked for and not answered: those that the provider carried out are on their way."""
        for mailing in self._mailings(run):
            self._carrier(run).recognize_sent(mailing)

    def _settle(self, run: Run) -> None:
        settler = Settler(
            self._database,
            self._gateway,
            self._clock,
            run,
            now=self._now,
            check=self._check,
            wait_seconds=self._wait_seconds,
        )
        problem: GatewayError | None = None
        for mailing in self._mailings(run):
            if MailingState(mailing.state) in BEFORE_SEND | OVER:
                continue
            try:
                settler.settle(mailing)
            except GatewayMisconfigured:
                raise
            except GatewayError as fault:
                problem = problem or fault
                with self._database.write() as connection:
                    store.set_mailing(connection, mailing, problem=str(fault))
        if all(MailingState(mailing.state) in READ_BY_PROVIDER for mailing in self._mailings(run)):
            store.release_slots(self._database, run.id or 0)
        if isinstance(problem, RetryLater):
            # the provider is at work on it: that takes its time, and nothing has failed
            self._stopped(run, str(problem))
        elif problem is not None:
            raise problem

    def _finish(self, run: Run) -> None:
        """Close the books: every contact is settled, or says when it goes on."""
        with self._database.write() as connection:
            counts = store.decision_counts(connection, run.id or 0)
            waiting = counts.get(Decision.DEFERRED.value, 0)
            if counts.get(Decision.PLANNED.value, 0):
                return
            if waiting:
                moment = store.next_open(connection, run.id or 0) or 0
                local = from_epoch(moment).astimezone(self._workspace.settings.timezone)
                contacts = "1 contact is" if waiting == 1 else f"{waiting:,} contacts are"
                reason = f"{contacts} outside open hours; the next mail goes out at {local:%Y-%m-%d %H:%M}."
                store.set_run(connection, run, reason=reason)
                return
            state = _last_state(run, counts)
            if RunState(run.state) == state:
                return
            assert state in RUN_MOVES[RunState(run.state)], f"{run.state} -> {state}"
            store.set_run(
                connection, run, state=state.value, reason=_last_reason(run, counts), finished_at=to_epoch(self._now)
            )

    def _is_owed(self, run: Run) -> bool:
        """Mails of the run are planned or deferred still."""
        with self._database.read() as connection:
            counts = store.decision_counts(connection, run.id or 0)
        return bool(counts.get(Decision.PLANNED.value, 0) or counts.get(Decision.DEFERRED.value, 0))

    def _carrier(self, run: Run) -> Carrier:
        settings = self._workspace.settings
        return Carrier(Desk(self._database, self._gateway, settings, self._clock, run, self._now, self._check))

    def _stopped(self, run: Run, reason: str) -> None:
        with self._database.write() as connection:
            store.set_run(connection, run, reason=reason)

    def _mailings(self, run: Run) -> list[Mailing]:
        with self._database.read() as connection:
            return store.mailings(connection, run.id or 0)

    def _set_state(self, run: Run, state: RunState) -> None:
        if RunState(run.state) == state:
            return
        assert state in RUN_MOVES[RunState(run.state)], f"{run.state} -> {state}"
        with self._database.write() as connection:
            store.set_run(connection, run, state=state.value, reason="")


def _last_reason(run: Run, counts: dict[str, int]) -> str:
    """Why a run ended otherwise than meant; "" where it did not."""
    missed = counts.get(Decision.CANCELLED.value, 0)
    if run.cancelled_by is not None:
        return run.reason
    if not missed:
        return ""
    contacts = "1 contact waited" if missed == 1 else f"{missed:,} contacts waited"
    return f"Missed: {contacts} for open hours, and nobody looked until it was too late (missed_after)."


def _last_state(run: Run, counts: dict[str, int]) -> RunState:
    """What a run is in the end, when none of its mails is planned or deferred any more."""
    # without a person who stopped it, mails are cancelled because their time was missed: others were sent all the same
    if counts.get(Decision.SENT.value) and not (counts.get(Decision.CANCELLED.value) and run.cancelled_by is not None):
        return RunState.SENT
    if counts.get(Decision.CANCELLED.value):
        return RunState.CANCELLED
    return RunState.NOTHING_TO_SEND if run.cancelled_by is None else RunState.CANCELLED
