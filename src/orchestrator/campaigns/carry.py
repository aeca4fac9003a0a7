"""Carry a run's mailings through their states at the provider, and back from every interruption.

The rule of each step: the intent is committed, then the call is made, then the outcome is committed. A step that is
found begun was interrupted anywhere between the two, so it first reads what is there:

* a static segment or a campaign is looked for by its deterministic title before one is made;
* members of a static segment are made equal to the recipients by difference, then read back;
* a send is never repeated on belief: the campaign's status decides. One campaign object is sent once, and only the
  object whose id is stored is ever sent.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from orchestrator.campaigns.run import MAILING_MOVES, remote_title
from orchestrator.clock import from_epoch, to_epoch
from orchestrator.errors import NotAtProvider, OutcomeUnknown, RejectedByProvider, RetryLater
from orchestrator.gateway import BATCH, CampaignDraft, MemberWrite
from orchestrator.store import audience, runs as store
from orchestrator.vocabulary import Decision, MailingState, MemberStatus, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from orchestrator.clock import Clock
    from orchestrator.definitions.values import Settings
    from orchestrator.gateway import EmailGateway, MembersAnswer, RemoteCampaign
    from orchestrator.store.database import Database
    from orchestrator.store.tables import Mailing, Run

Made = TypeVar("Made")

SEND_SETTLES_SECONDS = 130
"""a call that we gave up on may still be worked on for 120 s: until then a campaign that is unsent may yet be sent"""
LOOK_BACK_SECONDS = 24 * 3600
"""how much earlier than our own record a campaign of an interrupted call may claim to be made"""
SENDS_IN_ONE_GO = 3
"""how often a cycle asks for sends that get lost on the way"""
READS = 4
"""how often a count is read again that does not fit yet"""

WITHHELD_BY_STATUS = {
    MemberStatus.UNSUBSCRIBED: (Decision.SUPPRESSED, "opted out at Mailchimp before the mail went out"),
    MemberStatus.ARCHIVED: (Decision.SUPPRESSED, "was archived at Mailchimp before the mail went out"),
    MemberStatus.PENDING: (Decision.SUPPRESSED, "has not confirmed the subscription at Mailchimp"),
    MemberStatus.TRANSACTIONAL: (Decision.SUPPRESSED, "is without marketing consent at Mailchimp"),
    MemberStatus.CLEANED: (Decision.UNDELIVERABLE, "was cleaned by Mailchimp after bounces"),
}
WITHHELD_BY_REFUSAL = {
    Refusal.INVALID_ADDRESS: Decision.UNDELIVERABLE,
    Refusal.COMPLIANCE: Decision.SUPPRESSED,
    Refusal.FORGOTTEN: Decision.SUPPRESSED,
}


class Carrier:
    """Carries one mailing of a run as far as it goes now."""

    def __init__(
        self,
        database: Database,
        gateway: EmailGateway,
        settings: Settings,
        clock: Clock,
        run: Run,
        *,
        now: datetime,
        check: Callable[[], None],
    ) -> None:
        """``check`` is asked before each write and raises when this process may no longer act."""
        self._database = database
        self._gateway = gateway
        self._settings = settings
        self._clock = clock
        self._run = run
        self._now = now
        self._check = check
        self._sends_lost = 0

    def carry(self, mailing: Mailing) -> None:
        """From wherever it is to SENDING (or DROPPED). Raises GatewayError where it cannot go on now."""
        # everything of it was made in this very call: nothing can be there already, nothing can have changed
        fresh = mailing.state == MailingState.COMPILED
        while True:
            match MailingState(mailing.state):
                case MailingState.COMPILED:
                    self._move(mailing, MailingState.FILLING if mailing.slot_tags else MailingState.SEGMENT_WANTED)
                case MailingState.FILLING:
                    self._fill_slots(mailing)
                    self._move(mailing, MailingState.SEGMENT_WANTED)
                case MailingState.SEGMENT_WANTED:
                    self._ensure_segment(mailing, search=not fresh)
                case MailingState.SEGMENT_FILLING:
                    self._fill_segment(mailing)
                case MailingState.CAMPAIGN_WANTED:
                    self._ensure_campaign(mailing, search=not fresh)
                case MailingState.CAMPAIGN_MADE:
                    self._make_ready(mailing, fresh=fresh)
                    fresh = fresh and mailing.state == MailingState.SEND_WANTED
                case MailingState.SEND_WANTED:
                    self._send(mailing, fresh=fresh)
                    fresh = False
                case _:
                    return

    def drop_if_unsent(self, mailing: Mailing) -> None:
        """Drop a mailing unless the provider has it on its way: then nothing recalls it."""
        state = MailingState(mailing.state)
        if state not in MAILING_MOVES or MailingState.DROPPED not in MAILING_MOVES[state]:
            return
        if mailing.send_asked_at is not None:
            if self._status_after_send(mailing) != "save":
                self._move(mailing, MailingState.SENDING)
                return
            # certain, and stored before the draft goes away: who finds no draft must not wonder whether it was sent
            self._move(mailing, MailingState.CAMPAIGN_MADE, send_asked_at=None)
        self.drop(mailing)

    def recognize_sent(self, mailing: Mailing) -> None:
        """A send that was asked for and not answered: if the provider carried it out, the mailing is on its way."""
        was_asked = mailing.state == MailingState.SEND_WANTED and mailing.send_asked_at is not None
        if was_asked and self._status_after_send(mailing) != "save":
            self._move(mailing, MailingState.SENDING)

    def drop(self, mailing: Mailing) -> None:
        """Remove what was made for a mailing that will not be sent."""
        title = remote_title(self._run.name, mailing.number)
        began = MailingState(mailing.state) not in {MailingState.COMPILED, MailingState.FILLING}
        campaign = mailing.remote_campaign
        if campaign is None and MailingState(mailing.state) == MailingState.CAMPAIGN_WANTED:
            found = self._find_campaign(title)
            campaign = found.id if found is not None else None
        if campaign is not None:
            self._check()
            self._gateway.delete_campaign(campaign)
        segment = mailing.remote_segment
        if segment is None and began:
            segment = self._find_segment(title)
        if segment is not None:
            self._check()
            self._gateway.delete_segment(segment)
        self._move(mailing, MailingState.DROPPED, problem="")

    # -- personal values

    def _fill_slots(self, mailing: Mailing) -> None:
        with self._database.read() as connection:
            rows = store.slot_values(connection, mailing.id or 0)
        for start in range(0, len(rows), BATCH):
            chunk = rows[start : start + BATCH]
            writes = [MemberWrite(email=email, merge_fields=values) for _, email, values in chunk]
            self._check()
            answer = self._gateway.update_members(writes)
            self._settle_fill({email.lower(): contact for contact, email, _ in chunk}, answer)

    def _settle_fill(self, contacts: dict[str, int], answer: MembersAnswer) -> None:
        withheld = []
        for refused in answer.refused:
            contact = contacts.get(refused.email.lower())
            if contact is not None:
                decision = WITHHELD_BY_REFUSAL.get(refused.refusal, Decision.REJECTED)
                withheld.append(self._withhold(contact, decision, f"Mailchimp refuses it: {refused.detail}"))
        for address in answer.unanswered:
            withheld += self._withhold_by_status(contacts[address], address)
        self._record(withheld)

    # -- the static segment of exactly the recipients

    def _ensure_segment(self, mailing: Mailing, *, search: bool) -> None:
        title = remote_title(self._run.name, mailing.number)
        found = self._find_segment(title) if search else None
        if found is None:
            with self._database.read() as connection:
                addresses = list(store.recipients(connection, mailing.id or 0))
            if not addresses:
                self._move(mailing, MailingState.DROPPED)
                return
            found = self._made(
                lambda: self._gateway.create_segment(title, addresses if len(addresses) <= BATCH else ()).id,
                lambda: self._find_segment(title),
            )
        self._move(mailing, MailingState.SEGMENT_FILLING, remote_segment=found)

    def _fill_segment(self, mailing: Mailing) -> None:
        """Make the static segment equal to the recipients, and believe only what is read back."""
        with self._database.read() as connection:
            wanted = store.recipients(connection, mailing.id or 0)
        try:
            there = self._members_of(mailing)
            for attempt in range(READS):
                lacking = [address for address in wanted if address not in there]
                surplus = [address for address in there if address not in wanted]
                if not lacking and not surplus:
                    break
                taken, refused = self._change(mailing, lacking, surplus)
                there = self._members_of(mailing)
                if any(address not in there for address in taken):
                    # confirmed but not listed yet: the listing lags
                    self._clock.sleep(2**attempt)
                    there = self._members_of(mailing)
                for address in lacking:
                    if address in there or (address in taken and self._is_subscribed(address)):
                        continue
                    contact = wanted.pop(address)
                    self._record(self._withhold_by_status(contact, address, refused.get(address, "")))
        except NotAtProvider:
            self._move(mailing, MailingState.SEGMENT_WANTED, remote_segment=None)
            return
        if set(there) != set(wanted):
            raise RetryLater(f"The static segment of mailing {mailing.number} is not yet as it was asked for.")
        if not wanted:
            self.drop(mailing)
            return
        done = MailingState.CAMPAIGN_MADE if mailing.remote_campaign else MailingState.CAMPAIGN_WANTED
        self._move(mailing, MailingState.CAMPAIGN_WANTED, recipients=len(wanted))
        if done == MailingState.CAMPAIGN_MADE:
            self._move(mailing, done)

    def _is_subscribed(self, address: str) -> bool:
        """Taken into the static segment and not listed: does the listing lag, or did the member opt out?"""
        member = self._gateway.member(address)
        return member is not None and member.status == MemberStatus.SUBSCRIBED

    def _members_of(self, mailing: Mailing) -> set[str]:
        return set(self._gateway.segment_members(mailing.remote_segment or 0))

    def _change(self, mailing: Mailing, add: Sequence[str], remove: Sequence[str]) -> tuple[set[str], dict[str, str]]:
        """Addresses that were taken, and those refused with the provider's words."""
        taken: set[str] = set()
        refused: dict[str, str] = {}
        for start in range(0, max(len(add), len(remove)), BATCH):
            self._check()
            answer = self._gateway.change_segment(
                mailing.remote_segment or 0, add[start : start + BATCH], remove[start : start + BATCH]
            )
            taken |= answer.added
            refused |= answer.refused
        return taken, refused

    def _find_segment(self, title: str) -> int | None:
        # the provider may answer a name in another letter case than it was given
        same = (segment.id for segment in self._gateway.segments() if segment.name.lower() == title.lower())
        return next(same, None)

    # -- the campaign

    def _ensure_campaign(self, mailing: Mailing, *, search: bool) -> None:
        draft = self._draft(mailing)
        found = self._find_campaign(draft.title) if search else None
        if found is None:
            found = self._made(lambda: self._gateway.create_campaign(draft), lambda: self._find_campaign(draft.title))
        elif found.status in {"sending", "sent"}:
            # an earlier life of ours, perhaps with a lost database, sent this very occurrence: never twice
            self._move(mailing, MailingState.SENDING, remote_campaign=found.id)
            return
        self._move(mailing, MailingState.CAMPAIGN_MADE, remote_campaign=found.id)

    def _draft(self, mailing: Mailing) -> CampaignDraft:
        sender = self._settings.mailchimp
        return CampaignDraft(
            title=remote_title(self._run.name, mailing.number),
            subject=mailing.subject,
            preheader=mailing.preheader,
            from_name=sender.from_name,
            reply_to=sender.reply_to,
            segment_id=mailing.remote_segment or 0,
        )

    def _find_campaign(self, title: str) -> RemoteCampaign | None:
        since = from_epoch(max(0, self._run.started_at - LOOK_BACK_SECONDS))
        return next((one for one in self._gateway.campaigns(created_since=since) if one.title == title), None)

    def _make_ready(self, mailing: Mailing, *, fresh: bool) -> None:
        """Content, checklist, and the count of those whom the provider would mail."""
        campaign = mailing.remote_campaign or ""
        try:
            remote = self._gateway.campaign(campaign)
            if remote.status in {"sending", "sent"}:
                self._move(mailing, MailingState.SENDING)
                return
            with self._database.read() as connection:
                wanted = store.recipients(connection, mailing.id or 0)
            if len(wanted) != mailing.recipients or not fresh:
                mailing.recipients = len(wanted)
                if self._members_of(mailing) != set(wanted):
                    self._move(mailing, MailingState.SEGMENT_FILLING)
                    return
            self._check()
            if not fresh:
                self._gateway.update_campaign(campaign, self._draft(mailing))
            self._gateway.set_content(campaign, mailing.html, mailing.text)
        except NotAtProvider:
            self._move(mailing, MailingState.CAMPAIGN_WANTED, remote_campaign=None)
            return
        self._check_list(mailing)
        if not self._count_fits(mailing, set(wanted)):
            # somebody opted out since: the static segment is looked at once more
            self._move(mailing, MailingState.SEGMENT_FILLING)
            return
        self._move(mailing, MailingState.SEND_WANTED, send_asked_at=None)

    def _check_list(self, mailing: Mailing) -> None:
        checklist = self._gateway.checklist(mailing.remote_campaign or "")
        if not checklist.ready:
            reasons = "; ".join(checklist.errors) or "without a reason"
            raise RejectedByProvider(
                f"Mailchimp would not send mailing {mailing.number}: {reasons}. "
                "Mend it (in Mailchimp, config.toml or the template); the next cycle tries again."
            )

    def _count_fits(self, mailing: Mailing, wanted: set[str]) -> bool:
        """A segment option that was not understood means the whole audience: count before sending.

        False: the static segment itself has other members now. Raises RetryLater where the count does not fit it.
        """
        for attempt in range(READS):
            count = self._gateway.campaign(mailing.remote_campaign or "").recipient_count
            if count is None or count == len(wanted):
                return True
            if self._members_of(mailing) != wanted:
                return False
            self._clock.sleep(2**attempt)
        raise RetryLater(
            f"Mailchimp would send mailing {mailing.number} to {count:,} people instead of {len(wanted):,}. "
            "It is not sent; the next cycle looks again."
        )

    def _made(self, make: Callable[[], Made], find: Callable[[], Made | None]) -> Made:
        """Make an object, once more where the answer was lost and it is not found.

        A second one may come of it when the first call finishes late; only the one whose id is stored is ever filled
        and sent, the other is an orphan with our title, which ``cleanup`` removes.
        """
        for attempt in range(READS):
            self._check()
            try:
                return make()
            except OutcomeUnknown:
                if attempt == READS - 1:
                    raise
                self._clock.sleep(2**attempt)
                found = find()
                if found is not None:
                    return found
        raise AssertionError("the loop ends by returning or raising")

    # -- the send

    def _send(self, mailing: Mailing, *, fresh: bool) -> None:
        campaign = mailing.remote_campaign or ""
        if (not fresh or mailing.send_asked_at is not None) and self._is_settled(mailing):
            return
        self._check()
        # real time on purpose: it bounds how long the provider may still be at work on the call
        self._set(mailing, send_asked_at=int(time.time()))
        try:
            self._gateway.send(campaign)
        except OutcomeUnknown:
            # waited for until it is certain; a send that was not carried out is prepared and asked for anew
            if self._status_after_send(mailing) == "save":
                self._unsent(mailing)
                return
        except NotAtProvider:
            # somebody deleted the draft before it was sent
            self._move(mailing, MailingState.CAMPAIGN_WANTED, remote_campaign=None, send_asked_at=None)
            return
        except (RejectedByProvider, RetryLater):
            if self._gateway.campaign(campaign).status == "save":
                self._move(mailing, MailingState.CAMPAIGN_MADE, send_asked_at=None)
                raise
        self._move(mailing, MailingState.SENDING)

    def _is_settled(self, mailing: Mailing) -> bool:
        """A send that was interrupted: what came of it decides. False: it was never asked for, and the draft waits."""
        try:
            status = self._status_after_send(mailing)
        except NotAtProvider:
            self._move(mailing, MailingState.CAMPAIGN_WANTED, remote_campaign=None)
            return True
        if status != "save":
            self._move(mailing, MailingState.SENDING)
        elif mailing.send_asked_at is not None:
            self._unsent(mailing)
        else:
            return False
        return True

    def _unsent(self, mailing: Mailing) -> None:
        """Asked to be sent, and certainly not: everything is looked at again. Gives up for now after some times."""
        self._sends_lost += 1
        self._move(mailing, MailingState.CAMPAIGN_MADE, send_asked_at=None)
        if self._sends_lost >= SENDS_IN_ONE_GO:
            raise RetryLater(
                f"Mailchimp did not carry out the send of mailing {mailing.number}, asked {self._sends_lost} times. "
                "The next cycle asks again."
            )

    def _status_after_send(self, mailing: Mailing) -> str:
        """The campaign's status once it can no longer change by a call that we gave up on."""
        campaign = mailing.remote_campaign or ""
        while True:
            try:
                status = self._gateway.campaign(campaign).status
            except NotAtProvider:
                if mailing.send_asked_at is None:
                    raise
                return "deleted"  # perhaps after it was sent: it counts as sent, and nobody gets it again
            asked = mailing.send_asked_at
            if status != "save" or asked is None or time.time() - asked > SEND_SETTLES_SECONDS:
                return status
            self._clock.sleep(2)

    # -- records

    def _withhold(self, contact: int, decision: Decision, reason: str) -> dict[str, object]:
        return {
            "contact": contact,
            "decision": decision.value,
            "reason": reason,
            "at": to_epoch(self._now),
            "not_before": None,
        }

    def _withhold_by_status(self, contact: int, address: str, detail: str = "") -> list[dict[str, object]]:
        """Somebody whom the provider does not take: by the status that it names now."""
        member = self._gateway.member(address)
        audience.record_status(
            self._database, address, member.status if member else None, member.last_changed if member else None
        )
        if member is None:
            return [self._withhold(contact, Decision.REJECTED, "Is not in Mailchimp's audience.")]
        if member.status in WITHHELD_BY_STATUS:
            decision, words = WITHHELD_BY_STATUS[member.status]
            return [self._withhold(contact, decision, f"The address {words}.")]
        words = detail or "without a reason"
        return [self._withhold(contact, Decision.REJECTED, f"Mailchimp did not take it for this mailing: {words}.")]

    def _record(self, rows: Sequence[dict[str, object]]) -> None:
        if rows:
            with self._database.write() as connection:
                store.set_decisions(connection, self._run.id or 0, rows)

    def _move(self, mailing: Mailing, state: MailingState, **values: object) -> None:
        assert state in MAILING_MOVES[MailingState(mailing.state)], f"{mailing.state} -> {state}"
        self._set(mailing, state=state.value, state_at=to_epoch(self._now), **{"problem": "", **values})

    def _set(self, mailing: Mailing, **values: object) -> None:
        with self._database.write() as connection:
            store.set_mailing(connection, mailing, **values)
