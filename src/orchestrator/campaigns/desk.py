"""What carrying a run's mailings works with: its records in our database, and what the provider has of it.

Each record is a transaction of its own: intents are committed before the call that they announce, outcomes after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from orchestrator.campaigns.run import MAILING_MOVES, remote_title
from orchestrator.clock import from_epoch, to_epoch
from orchestrator.errors import OutcomeUnknown
from orchestrator.store import audience, runs as store
from orchestrator.vocabulary import Decision, MailingState, MemberStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from orchestrator.clock import Clock
    from orchestrator.definitions.values import Settings
    from orchestrator.gateway import EmailGateway, RemoteCampaign
    from orchestrator.store.database import Database
    from orchestrator.store.tables import Mailing, Run

Made = TypeVar("Made")

LOOK_BACK_SECONDS = 24 * 3600
"""how much earlier than our own record a campaign of an interrupted call may claim to be made"""
READS = 4
"""how often something is read again that does not fit yet"""

WITHHELD_BY_STATUS = {
    MemberStatus.UNSUBSCRIBED: (Decision.SUPPRESSED, "opted out at Mailchimp before the mail went out"),
    MemberStatus.ARCHIVED: (Decision.SUPPRESSED, "was archived at Mailchimp before the mail went out"),
    MemberStatus.PENDING: (Decision.SUPPRESSED, "has not confirmed the subscription at Mailchimp"),
    MemberStatus.TRANSACTIONAL: (Decision.SUPPRESSED, "is without marketing consent at Mailchimp"),
    MemberStatus.CLEANED: (Decision.UNDELIVERABLE, "was cleaned by Mailchimp after bounces"),
}


@dataclass(frozen=True, slots=True)
class Desk:
    """One run's desk."""

    database: Database
    gateway: EmailGateway
    settings: Settings
    clock: Clock
    run: Run
    now: datetime
    check: Callable[[], None]
    """asked before each write to the provider; raises when this process may no longer act"""

    # -- our records

    def move(self, mailing: Mailing, state: MailingState, **values: object) -> None:
        assert state in MAILING_MOVES[MailingState(mailing.state)], f"{mailing.state} -> {state}"
        self.note(mailing, state=state.value, state_at=to_epoch(self.now), **{"problem": "", **values})

    def note(self, mailing: Mailing, **values: object) -> None:
        with self.database.write() as connection:
            store.set_mailing(connection, mailing, **values)

    def recipients(self, mailing: Mailing) -> dict[str, int]:
        """Address (lower case) -> contact of the mails that the mailing is to carry."""
        with self.database.read() as connection:
            return store.recipients(connection, mailing.id or 0)

    def record(self, rows: Sequence[dict[str, object]]) -> None:
        """Change decisions; for rows see ``withheld``."""
        if rows:
            with self.database.write() as connection:
                store.set_decisions(connection, self.run.id or 0, rows)

    def withheld(self, contact: int, decision: Decision, reason: str) -> dict[str, object]:
        return {
            "contact": contact,
            "decision": decision.value,
            "reason": reason,
            "at": to_epoch(self.now),
            "not_before": None,
        }

    def withheld_by_status(self, contact: int, address: str, detail: str = "") -> dict[str, object]:
        """Somebody whom the provider does not take: by the status that it names now."""
        member = self.gateway.member(address)
        audience.record_status(
            self.database, address, member.status if member else None, member.last_changed if member else None
        )
        if member is None:
            return self.withheld(contact, Decision.REJECTED, "Is not in Mailchimp's audience.")
        if member.status in WITHHELD_BY_STATUS:
            decision, words = WITHHELD_BY_STATUS[member.status]
            return self.withheld(contact, decision, f"The address {words}.")
        words = detail or "without a reason"
        return self.withheld(contact, Decision.REJECTED, f"Mailchimp did not take it for this mailing: {words}.")

    # -- what the provider has

    def title(self, mailing: Mailing) -> str:
        return remote_title(self.run.name, mailing.number)

    def members_of(self, mailing: Mailing) -> set[str]:
        return set(self.gateway.segment_members(mailing.remote_segment or 0))

    def find_segment(self, title: str) -> int | None:
        # the provider may answer a name in another letter case than it was given
        same = (segment.id for segment in self.gateway.segments() if segment.name.lower() == title.lower())
        return next(same, None)

    def find_campaign(self, title: str) -> RemoteCampaign | None:
        since = from_epoch(max(0, self.run.started_at - LOOK_BACK_SECONDS))
        return next((one for one in self.gateway.campaigns(created_since=since) if one.title == title), None)

    def made(self, make: Callable[[], Made], find: Callable[[], Made | None]) -> Made:
        """Make an object, once more where the answer was lost and it is not found.

        A second one may come of it when the first call finishes late; only the one whose id is stored is ever filled
        and sent, the other is an orphan with our title, which ``cleanup`` removes.
        """
        for attempt in range(READS):
            self.check()
            try:
                return make()
            except OutcomeUnknown:
                if attempt == READS - 1:
                    raise
                self.clock.sleep(2**attempt)
                found = find()
                if found is not None:
                    return found
        raise AssertionError("the loop ends by returning or raising")
