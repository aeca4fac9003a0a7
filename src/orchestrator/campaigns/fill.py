"""Fill what a mailing needs before its campaign: personal values into merge fields, recipients into a static segment.

At most 500 rows a call, several calls at once within the connections of the settings. Every write may be repeated:
what a lost answer leaves open is written again, or read back and made equal by difference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.audiences.at_once import at_once
from orchestrator.campaigns.desk import READS
from orchestrator.errors import NotAtProvider, RetryLater
from orchestrator.gateway import BATCH, MemberWrite
from orchestrator.store.audience import record_changes
from orchestrator.store.mail_values import slot_values
from orchestrator.vocabulary import Decision, MailingState, MemberStatus, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from orchestrator.campaigns.desk import Desk
    from orchestrator.gateway import MembersAnswer, SegmentAnswer
    from orchestrator.store.tables import Mailing

WITHHELD_BY_REFUSAL = {
    Refusal.INVALID_ADDRESS: Decision.UNDELIVERABLE,
    Refusal.COMPLIANCE: Decision.SUPPRESSED,
    Refusal.FORGOTTEN: Decision.SUPPRESSED,
}
_Chunk = list[tuple[int, str, dict[str, str]]]


class Filler:
    """Fills one mailing at a time."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._connections = desk.settings.mailchimp.connections

    # -- personal values

    def fill_slots(self, mailing: Mailing) -> None:
        """Every recipient's values; FILLING -> SEGMENT_WANTED."""
        owed: Iterable[_Chunk] = self._slot_chunks(mailing)
        for attempt in range(READS):
            lost = []
            for chunk, answer in at_once(self._connections, owed, self._write_slots):
                if answer is None:
                    lost.append(chunk)
                else:
                    self._settle_slots({email.lower(): contact for contact, email, _ in chunk}, answer)
            if not lost:
                self._desk.move(mailing, MailingState.SEGMENT_WANTED)
                return
            # the same values once more do no harm, whatever came of the first time
            self._desk.clock.sleep(2**attempt)
            owed = lost
        raise RetryLater(
            f"Mailchimp did not answer whether it holds the personal values of mailing {mailing.number}. "
            "Nothing of it is sent; the next cycle writes them again."
        )

    def _slot_chunks(self, mailing: Mailing) -> Iterator[_Chunk]:
        after = 0
        while True:
            with self._desk.database.read() as connection:
                chunk = slot_values(connection, mailing.run, mailing.id or 0, after=after, limit=BATCH)
            if not chunk:
                return
            after = chunk[-1][0]
            yield chunk

    def _write_slots(self, chunk: _Chunk) -> MembersAnswer:
        self._desk.check()
        writes = [MemberWrite(email=email, merge_fields=values) for _, email, values in chunk]
        return self._desk.gateway.update_members(writes)

    def _settle_slots(self, contacts: dict[str, int], answer: MembersAnswer) -> None:
        record_changes(self._desk.database, answer.changed)
        withheld = []
        for refused in answer.refused:
            contact = contacts.get(refused.email.lower())
            if contact is not None:
                decision = WITHHELD_BY_REFUSAL.get(refused.refusal, Decision.REJECTED)
                withheld.append(self._desk.withheld(contact, decision, f"Mailchimp refuses it: {refused.detail}"))
        withheld += [self._desk.withheld_by_status(contacts[address], address) for address in answer.unanswered]
        self._desk.record(withheld)

    # -- the static segment of exactly the recipients

    def ensure_segment(self, mailing: Mailing, *, search: bool) -> None:
        """SEGMENT_WANTED -> SEGMENT_FILLING; ``search``: an earlier attempt may have made it."""
        desk = self._desk
        title = desk.title(mailing)
        found = desk.find_segment(title) if search else None
        if found is None:
            addresses = list(desk.recipients(mailing))
            if not addresses:
                desk.move(mailing, MailingState.DROPPED)
                return
            found = desk.made(
                lambda: desk.gateway.create_segment(title, addresses if len(addresses) <= BATCH else ()).id,
                lambda: desk.find_segment(title),
            )
        desk.move(mailing, MailingState.SEGMENT_FILLING, remote_segment=found)

    def fill_segment(self, mailing: Mailing) -> bool:
        """Make the static segment equal to the recipients, and believe only what is read back.

        SEGMENT_FILLING -> what comes next. False: there is nobody left to mail.
        """
        desk = self._desk
        wanted = desk.recipients(mailing)
        try:
            there = self._equal(mailing, wanted)
        except NotAtProvider:
            desk.move(mailing, MailingState.SEGMENT_WANTED, remote_segment=None)
            return True
        if there != wanted.keys():
            raise RetryLater(f"The static segment of mailing {mailing.number} is not yet as it was asked for.")
        if not wanted:
            return False
        done = MailingState.CAMPAIGN_MADE if mailing.remote_campaign else MailingState.CAMPAIGN_WANTED
        desk.move(mailing, MailingState.CAMPAIGN_WANTED, recipients=len(wanted))
        if done == MailingState.CAMPAIGN_MADE:
            desk.move(mailing, done)
        return True

    def _equal(self, mailing: Mailing, wanted: dict[str, int]) -> set[str]:
        """The members in the end. Whom the provider does not take is withheld, and leaves ``wanted``."""
        desk = self._desk
        there = desk.members_of(mailing)
        for attempt in range(READS):
            lacking = [address for address in wanted if address not in there]
            surplus = [address for address in there if address not in wanted]
            if not lacking and not surplus:
                break
            taken, refused, lost = self._change(mailing, lacking, surplus)
            there = desk.members_of(mailing)
            if lost or any(address not in there for address in taken):
                # confirmed but not listed yet: the listing lags
                desk.clock.sleep(2**attempt)
                there = desk.members_of(mailing)
            for address in lacking:
                if address in there or address in lost or (address in taken and self._is_subscribed(address)):
                    continue
                contact = wanted.pop(address)
                desk.record([desk.withheld_by_status(contact, address, refused.get(address, ""))])
        return there

    def _change(
        self, mailing: Mailing, add: Sequence[str], remove: Sequence[str]
    ) -> tuple[set[str], dict[str, str], set[str]]:
        """Addresses that were taken, those refused with the provider's words, and those of lost answers."""

        def ask(part: tuple[Sequence[str], Sequence[str]]) -> SegmentAnswer:
            self._desk.check()
            return self._desk.gateway.change_segment(mailing.remote_segment or 0, *part)

        starts = range(0, max(len(add), len(remove)), BATCH)
        parts = [(add[start : start + BATCH], remove[start : start + BATCH]) for start in starts]
        taken: set[str] = set()
        refused: dict[str, str] = {}
        lost: set[str] = set()
        for (added, _), answer in at_once(self._connections, parts, ask):
            if answer is None:
                lost |= set(added)
            else:
                record_changes(self._desk.database, answer.changed)
                taken |= answer.added
                refused |= answer.refused
        return taken, refused, lost

    def _is_subscribed(self, address: str) -> bool:
        """Taken into the static segment and not listed: does the listing lag, or did the member opt out?"""
        member = self._desk.gateway.member(address)
        return member is not None and member.status == MemberStatus.SUBSCRIBED
