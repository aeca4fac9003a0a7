"""Bring a run as far as it goes now: decide again, compile, carry, settle, finish.

Every step starts from what the database says, so this is also how a run goes on after a crash.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.campaigns.carry import Carrier
from orchestrator.campaigns.compile import compile_run, recheck
from orchestrator.campaigns.run import RUN_MOVES
from orchestrator.campaigns.settle import Settler
from orchestrator.clock import from_epoch, to_epoch
from orchestrator.errors import DefinitionError, GatewayError, GatewayMisconfigured
from orchestrator.store import runs as store
from orchestrator.vocabulary import Decision, MailingState, RunState

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from orchestrator.clock import Clock
    from orchestrator.definitions.values import CampaignDefinition, Workspace
    from orchestrator.gateway import EmailGateway
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

    def advance(self, run: Run) -> None:
        """As far as it goes; what stops it is stored as the run's reason. Raises only what stops everything."""
        campaign = self._workspace.campaigns.get(run.campaign)
        try:
            if RunState(run.state) == RunState.WAITING_APPROVAL:
                return
            if campaign is None:
                self._go_on_without_file(run)
                return
            self._prepare(run, campaign)
            self._carry(run)
            self._settle(run)
        except GatewayMisconfigured:
            raise
        except (GatewayError, DefinitionError) as problem:
            self._stopped(run, problem)
            return
        self._finish(run)

    def cancel(self, run: Run, who: str) -> int:
        """Stop a run: what is not on its way is dropped. Returns how many mails were on their way already."""
        with self._database.write() as connection:
            store.set_run(connection, run, reason=f"Cancelled by {who}.")
        for mailing in self._mailings(run):
            self._drop(run, mailing)
        with self._database.write() as connection:
            store.cancel_open_sends(connection, run.id or 0, f"The run was cancelled by {who}.", to_epoch(self._now))
            counts = store.decision_counts(connection, run.id or 0)
            on_their_way = counts.get(Decision.PLANNED.value, 0)
            if not on_their_way:
                store.set_run(connection, run, state=RunState.CANCELLED.value, finished_at=to_epoch(self._now))
        if not on_their_way:
            store.release_slots(self._database, run.id or 0)
        return on_their_way + counts.get(Decision.SENT.value, 0)

    # -- the steps

    def _prepare(self, run: Run, campaign: CampaignDefinition) -> None:
        recheck(self._database, self._workspace.settings, campaign, run, now=self._now)
        made = compile_run(
            self._database, self._gateway, self._workspace, campaign, run, now=self._now, check=self._check
        )
        if made:
            self._set_state(run, RunState.PREPARING)

    def _carry(self, run: Run) -> None:
        carrier = Carrier(
            self._database,
            self._gateway,
            self._workspace.settings,
            self._clock,
            run,
            now=self._now,
            check=self._check,
        )
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
            if MailingState(mailing.state) not in BEFORE_SEND and RunState(run.state) == RunState.PREPARING:
                self._set_state(run, RunState.SENDING)
        if problem is not None:
            raise problem

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
        if problem is not None:
            raise problem

    def _finish(self, run: Run) -> None:
        """Close the books: every contact is settled, or says when it goes on."""
        with self._database.write() as connection:
            counts = store.decision_counts(connection, run.id or 0)
            waiting = counts.get(Decision.DEFERRED.value, 0)
            if counts.get(Decision.PLANNED.value, 0):
                return
            if waiting:
                moment = min(moment for _, _, moment in store.deferred_sends(connection, run.id or 0))
                local = from_epoch(moment).astimezone(self._workspace.settings.timezone)
                contacts = "1 contact is" if waiting == 1 else f"{waiting:,} contacts are"
                reason = f"{contacts} outside open hours; the next mail goes out at {local:%Y-%m-%d %H:%M}."
                store.set_run(connection, run, reason=reason)
                return
            state = RunState.SENT if counts.get(Decision.SENT.value) else RunState.NOTHING_TO_SEND
            if counts.get(Decision.CANCELLED.value):
                state = RunState.CANCELLED
            if RunState(run.state) == state or state not in RUN_MOVES[RunState(run.state)]:
                state = RunState.SENT
            store.set_run(
                connection,
                run,
                state=state.value,
                reason=run.reason if state == RunState.CANCELLED else "",
                finished_at=to_epoch(self._now),
            )

    def _go_on_without_file(self, run: Run) -> None:
        """The campaign's file is gone. What is on its way is read back; the rest waits for a person."""
        self._settle(run)
        with self._database.write() as connection:
            counts = store.decision_counts(connection, run.id or 0)
            if counts.get(Decision.PLANNED.value, 0) or counts.get(Decision.DEFERRED.value, 0):
                reason = (
                    f"campaigns/{run.campaign}.toml is gone or has an error. "
                    f"Restore it, or stop the run: campaigns cancel {run.name}"
                )
                store.set_run(connection, run, reason=reason)
                return
        self._finish(run)

    def _drop(self, run: Run, mailing: Mailing) -> None:
        carrier = Carrier(
            self._database,
            self._gateway,
            self._workspace.settings,
            self._clock,
            run,
            now=self._now,
            check=self._check,
        )
        carrier.drop_if_unsent(mailing)

    def _stopped(self, run: Run, problem: Exception) -> None:
        with self._database.write() as connection:
            store.set_run(connection, run, reason=str(problem))

    def _mailings(self, run: Run) -> list[Mailing]:
        with self._database.read() as connection:
            return store.mailings(connection, run.id or 0)

    def _set_state(self, run: Run, state: RunState) -> None:
        if RunState(run.state) == state:
            return
        assert state in RUN_MOVES[RunState(run.state)], f"{run.state} -> {state}"
        with self._database.write() as connection:
            store.set_run(connection, run, state=state.value, reason="")
