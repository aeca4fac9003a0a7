"""Who really received a mailing: the provider's receipts become outcomes, and the books are closed.

A mailing is settled only when the receipts are as many as the provider says it sent. Whoever was planned and has no
receipt got nothing: the member's status at the provider says why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from orchestrator.campaigns.run import MAILING_MOVES
from orchestrator.clock import to_epoch
from orchestrator.errors import NotAtProvider, RetryLater
from orchestrator.store import audience, runs as store
from orchestrator.store.touched import touch_contacts
from orchestrator.vocabulary import Decision, MailingState, MemberStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from orchestrator.clock import Clock
    from orchestrator.gateway import EmailGateway, Receipt
    from orchestrator.store.database import Database
    from orchestrator.store.tables import Mailing, Run

FINAL = {"sent"}
EMPTY_READS = 4
"""how often a report without anybody is read again before it is believed"""
EMPTY_DOUBTED_SECONDS = 24 * 3600
"""how long a report without anybody is not believed while somebody could have got the mail: reports begin at zero"""
AT_WORK = {"sending", "save", "schedule", "canceling"}

UNSENT = {
    MemberStatus.UNSUBSCRIBED: (Decision.SUPPRESSED, "Opted out at Mailchimp before it delivered the mail."),
    MemberStatus.ARCHIVED: (Decision.SUPPRESSED, "Was archived at Mailchimp before it delivered the mail."),
    MemberStatus.PENDING: (Decision.SUPPRESSED, "Had not confirmed the subscription when Mailchimp delivered."),
    MemberStatus.TRANSACTIONAL: (Decision.SUPPRESSED, "Was without marketing consent when Mailchimp delivered."),
    MemberStatus.CLEANED: (Decision.UNDELIVERABLE, "Was cleaned by Mailchimp before it delivered the mail."),
}


class Settler:
    """Reads one mailing from SENDING to SETTLED, as far as the provider is."""

    def __init__(
        self,
        database: Database,
        gateway: EmailGateway,
        clock: Clock,
        run: Run,
        *,
        now: datetime,
        check: Callable[[], None],
        wait_seconds: float,
    ) -> None:
        """``wait_seconds``: how long to wait for the provider before leaving the rest to the next cycle."""
        self._database = database
        self._gateway = gateway
        self._clock = clock
        self._run = run
        self._now = now
        self._check = check
        self._left = wait_seconds

    def settle(self, mailing: Mailing) -> None:
        """Raises RetryLater while the provider is still at work; the next cycle reads on."""
        try:
            if MailingState(mailing.state) == MailingState.SENDING:
                self._await_sent(mailing)
            if MailingState(mailing.state) == MailingState.SENT:
                self._read_receipts(mailing)
        except NotAtProvider:
            self._believe_sent(mailing)
        self._tidy(mailing)

    def _await_sent(self, mailing: Mailing) -> None:
        pause = 0.2
        while True:
            remote = self._gateway.campaign(mailing.remote_campaign or "")
            if remote.status in FINAL:
                self._move(mailing, MailingState.SENT, emails_sent=remote.emails_sent)
                return
            if remote.status not in AT_WORK:
                raise RetryLater(
                    f"Mailchimp calls mailing {mailing.number} {remote.status!r}. Look at it in Mailchimp: "
                    "what was delivered is read back when it is sent."
                )
            self._wait(pause, f"Mailchimp is still sending mailing {mailing.number}.")
            pause = min(pause * 2, 10)

    def _read_receipts(self, mailing: Mailing) -> None:
        pause = 0.5
        asked = 0
        while True:
            receipts = self._receipts(mailing)
            expected = self._gateway.campaign(mailing.remote_campaign or "").emails_sent
            # a campaign says that it is sent before it says to how many
            if receipts is not None and len(receipts) >= max(expected, 1):
                break
            if receipts is not None and len(receipts) >= expected and asked >= EMPTY_READS:
                if self._may_be_empty(mailing):
                    break
                raise RetryLater(f"Mailchimp's report of mailing {mailing.number} names nobody yet.")
            asked += 1
            self._wait(pause, f"Mailchimp's report of mailing {mailing.number} is not complete yet.")
            pause = min(pause * 2, 10)
        self._record(mailing, receipts)

    def _may_be_empty(self, mailing: Mailing) -> bool:
        """Nobody is left whom the provider could have mailed, or it has had its time to name somebody."""
        if to_epoch(self._now) - mailing.state_at >= EMPTY_DOUBTED_SECONDS:
            return True
        with self._database.read() as connection:
            wanted = store.recipients(connection, mailing.id or 0)
        members = map(self._gateway.member, wanted)
        return not any(member is not None and member.status is MemberStatus.SUBSCRIBED for member in members)

    def _receipts(self, mailing: Mailing) -> dict[str, Receipt] | None:
        try:
            return {one.email.lower(): one for one in self._gateway.receipts(mailing.remote_campaign or "")}
        except NotAtProvider:
            return None  # a report appears some time after the send

    def _record(self, mailing: Mailing, receipts: Mapping[str, Receipt]) -> None:
        assert mailing.id is not None
        with self._database.read() as connection:
            wanted = store.recipients(connection, mailing.id)
            addressees = store.addressees(connection, mailing.id)
        unsent = {address: contact for address, contact in wanted.items() if address not in receipts}
        withheld = [self._why_unsent(contact, address) for address, contact in unsent.items()]
        sent = [
            # whoever has a receipt got the mail, whatever we decided meanwhile
            {"contact": contact, "bounce": bounce.value if (bounce := receipts[address].bounce) else None}
            for address, contact in addressees.items()
            if address in receipts
        ]
        receivers = [contact for address, contact in addressees.items() if address in receipts]
        moment = to_epoch(self._now)
        with self._database.write() as connection:
            store.set_decisions(connection, self._run.id or 0, withheld)
            if sent:
                connection.execute(
                    text(
                        "UPDATE send SET decision = 'sent', reason = '', sent_at = decided_at, bounce = :bounce "
                        f"WHERE run = {int(self._run.id or 0)} AND contact = :contact"
                    ),
                    sent,
                )
                touch_contacts(connection, "send", receivers)
            store.set_mailing(connection, mailing, emails_sent=len(receipts), state_at=moment)

    def _believe_sent(self, mailing: Mailing) -> None:
        """The campaign is gone, with all that could be read of it. It was asked to be sent: nobody gets it again."""
        reason = "Mailchimp was asked to send it; then the campaign was deleted there, before its receipts were read."
        with self._database.write() as connection:
            touch_contacts(connection, "send", store.recipients(connection, mailing.id or 0).values())
            connection.execute(
                text(
                    "UPDATE send SET decision = 'sent', reason = :reason, sent_at = decided_at "
                    "WHERE mailing = :mailing AND decision = 'planned'"
                ),
                {"reason": reason, "mailing": mailing.id},
            )
        if MailingState(mailing.state) == MailingState.SENDING:
            self._move(mailing, MailingState.SENT)

    def _why_unsent(self, contact: int, address: str) -> dict[str, object]:
        member = self._gateway.member(address)
        audience.record_status(
            self._database, address, member.status if member else None, member.last_changed if member else None
        )
        default = (Decision.REJECTED, "Mailchimp did not send it and names no reason.")
        decision, reason = UNSENT.get(member.status, default) if member else (Decision.REJECTED, "Left the audience.")
        return {
            "contact": contact,
            "decision": decision.value,
            "reason": reason,
            "at": to_epoch(self._now),
            "not_before": None,
        }

    def _tidy(self, mailing: Mailing) -> None:
        """The static segment was made for this mailing alone."""
        if mailing.remote_segment is not None:
            self._check()
            self._gateway.delete_segment(mailing.remote_segment)
        self._move(mailing, MailingState.SETTLED)

    def _wait(self, pause: float, otherwise: str) -> None:
        if self._left <= 0:
            raise RetryLater(otherwise)
        self._left -= pause
        self._clock.sleep(pause)

    def _move(self, mailing: Mailing, state: MailingState, **values: object) -> None:
        assert state in MAILING_MOVES[MailingState(mailing.state)], f"{mailing.state} -> {state}"
        with self._database.write() as connection:
            store.set_mailing(
                connection, mailing, state=state.value, state_at=to_epoch(self._now), **{"problem": "", **values}
            )
