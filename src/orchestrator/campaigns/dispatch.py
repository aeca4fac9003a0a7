"""Make a filled mailing's campaign, make sure of what it would do, and send it once.

A send cannot be undone or repeated. So the campaign's id is stored before it is sent, the people whom the provider
would mail are counted first, and what came of an interrupted send is read, never guessed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.campaigns.desk import READS
from orchestrator.clock import real_seconds
from orchestrator.errors import NotAtProvider, OutcomeUnknown, RejectedByProvider, RetryLater
from orchestrator.gateway import CampaignDraft
from orchestrator.vocabulary import MailingState

if TYPE_CHECKING:
    from orchestrator.campaigns.desk import Desk
    from orchestrator.store.tables import Mailing

SEND_SETTLES_SECONDS = 130
"""a call that we gave up on may still be worked on for 120 s: until then a campaign that is unsent may yet be sent"""
SENDS_IN_ONE_GO = 3
"""how often a cycle asks for sends that get lost on the way"""


class Dispatcher:
    """Sends one mailing at a time."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._sends_lost = 0

    def ensure_campaign(self, mailing: Mailing, *, search: bool) -> None:
        """CAMPAIGN_WANTED -> CAMPAIGN_MADE; ``search``: an earlier attempt may have made it."""
        desk = self._desk
        draft = self._draft(mailing)
        found = desk.find_campaign(draft.title) if search else None
        if found is None:
            found = desk.made(lambda: desk.gateway.create_campaign(draft), lambda: desk.find_campaign(draft.title))
        elif found.status in {"sending", "sent"}:
            # an earlier life of ours, perhaps with a lost database, sent this very occurrence: never twice
            desk.move(mailing, MailingState.SENDING, remote_campaign=found.id)
            return
        desk.move(mailing, MailingState.CAMPAIGN_MADE, remote_campaign=found.id)

    def make_ready(self, mailing: Mailing, *, fresh: bool) -> None:
        """Content, checklist, and the count of those whom the provider would mail; CAMPAIGN_MADE -> SEND_WANTED."""
        desk = self._desk
        campaign = mailing.remote_campaign or ""
        try:
            remote = desk.gateway.campaign(campaign)
            if remote.status in {"sending", "sent"}:
                desk.move(mailing, MailingState.SENDING)
                return
            wanted = desk.recipients(mailing).keys()
            if len(wanted) != mailing.recipients or not fresh:
                mailing.recipients = len(wanted)
                # the last one may have left after the campaign was made
                if not wanted or desk.members_of(mailing) != wanted:
                    desk.move(mailing, MailingState.SEGMENT_FILLING)
                    return
            desk.check()
            if not fresh:
                desk.gateway.update_campaign(campaign, self._draft(mailing))
            desk.gateway.set_content(campaign, mailing.html, mailing.text)
        except NotAtProvider:
            desk.move(mailing, MailingState.CAMPAIGN_WANTED, remote_campaign=None)
            return
        self._check_list(mailing)
        if not self._count_fits(mailing, set(wanted)):
            # somebody opted out since: the static segment is looked at once more
            desk.move(mailing, MailingState.SEGMENT_FILLING)
            return
        desk.move(mailing, MailingState.SEND_WANTED, send_asked_at=None)

    def send(self, mailing: Mailing, *, fresh: bool) -> None:
        """SEND_WANTED -> SENDING, or back to where something has to be done again."""
        desk = self._desk
        campaign = mailing.remote_campaign or ""
        if (not fresh or mailing.send_asked_at is not None) and self._is_settled(mailing):
            return
        desk.check()
        # real time on purpose: it bounds how long the provider may still be at work on the call
        desk.note(mailing, send_asked_at=real_seconds())
        try:
            desk.gateway.send(campaign)
        except OutcomeUnknown:
            # waited for until it is certain; a send that was not carried out is prepared and asked for anew
            if self.status_after_send(mailing) == "save":
                self._unsent(mailing)
                return
        except NotAtProvider:
            # somebody deleted the draft before it was sent
            desk.move(mailing, MailingState.CAMPAIGN_WANTED, remote_campaign=None, send_asked_at=None)
            return
        except (RejectedByProvider, RetryLater):
            if desk.gateway.campaign(campaign).status == "save":
                desk.move(mailing, MailingState.CAMPAIGN_MADE, send_asked_at=None)
                raise
        desk.move(mailing, MailingState.SENDING)

    def status_after_send(self, mailing: Mailing) -> str:
        """The campaign's status once it can no longer change by a call that we gave up on."""
        campaign = mailing.remote_campaign or ""
        while True:
            try:
                status = self._desk.gateway.campaign(campaign).status
            except NotAtProvider:
                if mailing.send_asked_at is None:
                    raise
                return "deleted"  # perhaps after it was sent: it counts as sent, and nobody gets it again
            asked = mailing.send_asked_at
            if status != "save" or asked is None or real_seconds() - asked > SEND_SETTLES_SECONDS:
                return status
            self._desk.clock.sleep(2)

    def _draft(self, mailing: Mailing) -> CampaignDraft:
        sender = self._desk.settings.mailchimp
        return CampaignDraft(
            title=self._desk.title(mailing),
            subject=mailing.subject,
            preheader=mailing.preheader,
            from_name=sender.from_name,
            reply_to=sender.reply_to,
            segment_id=mailing.remote_segment or 0,
        )

    def _check_list(self, mailing: Mailing) -> None:
        checklist = self._desk.gateway.checklist(mailing.remote_campaign or "")
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
            count = self._desk.gateway.campaign(mailing.remote_campaign or "").recipient_count
            if count is None or count == len(wanted):
                return True
            if self._desk.members_of(mailing) != wanted:
                return False
            self._desk.clock.sleep(2**attempt)
        raise RetryLater(
            f"Mailchimp would send mailing {mailing.number} to {count:,} people instead of {len(wanted):,}. "
            "It is not sent; the next cycle looks again."
        )

    def _is_settled(self, mailing: Mailing) -> bool:
        """A send that was interrupted: what came of it decides. False: it was never asked for, and the draft waits."""
        try:
            status = self.status_after_send(mailing)
        except NotAtProvider:
            self._desk.move(mailing, MailingState.CAMPAIGN_WANTED, remote_campaign=None)
            return True
        if status != "save":
            self._desk.move(mailing, MailingState.SENDING)
        elif mailing.send_asked_at is not None:
            self._unsent(mailing)
        else:
            return False
        return True

    def _unsent(self, mailing: Mailing) -> None:
        """Asked to be sent, and certainly not: everything is looked at again. Gives up for now after some times."""
        self._sends_lost += 1
        self._desk.move(mailing, MailingState.CAMPAIGN_MADE, send_asked_at=None)
        if self._sends_lost >= SENDS_IN_ONE_GO:
            raise RetryLater(
                f"Mailchimp did not carry out the send of mailing {mailing.number}, asked {self._sends_lost} times. "
                "The next cycle asks again."
            )
