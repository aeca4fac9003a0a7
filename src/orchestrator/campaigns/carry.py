"""Carry a run's mailings through their states at the provider, and back from every interruption.

The rule of each step: the intent is committed, then the call is made, then the outcome is committed. A step that is
found begun was interrupted anywhere between the two, so it first reads what is there:

* a static segment or a campaign is looked for by its deterministic title before one is made;
* members of a static segment are made equal to the recipients by difference, then read back (``fill``);
* a send is never repeated on belief: the campaign's status decides. One campaign object is sent once, and only the
  object whose id is stored is ever sent (``dispatch``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.campaigns.dispatch import Dispatcher
from orchestrator.campaigns.fill import Filler
from orchestrator.campaigns.run import MAILING_MOVES
from orchestrator.vocabulary import MailingState

if TYPE_CHECKING:
    from orchestrator.campaigns.desk import Desk
    from orchestrator.store.tables import Mailing


class Carrier:
    """Carries one mailing of a run as far as it goes now."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._filler = Filler(desk)
        self._dispatcher = Dispatcher(desk)

    def carry(self, mailing: Mailing) -> None:
        """From wherever it is to SENDING (or DROPPED). Raises GatewayError where it cannot go on now."""
        # everything of it was made in this very call: nothing can be there already, nothing can have changed
        fresh = mailing.state == MailingState.COMPILED
        while True:
            match MailingState(mailing.state):
                case MailingState.COMPILED:
                    wanted = MailingState.FILLING if mailing.slot_tags else MailingState.SEGMENT_WANTED
                    self._desk.move(mailing, wanted)
                case MailingState.FILLING:
                    self._filler.fill_slots(mailing)
                case MailingState.SEGMENT_WANTED:
                    self._filler.ensure_segment(mailing, search=not fresh)
                case MailingState.SEGMENT_FILLING:
                    if not self._filler.fill_segment(mailing):
                        self.drop(mailing)
                case MailingState.CAMPAIGN_WANTED:
                    self._dispatcher.ensure_campaign(mailing, search=not fresh)
                case MailingState.CAMPAIGN_MADE:
                    self._dispatcher.make_ready(mailing, fresh=fresh)
                    fresh = fresh and mailing.state == MailingState.SEND_WANTED
                case MailingState.SEND_WANTED:
                    self._dispatcher.send(mailing, fresh=fresh)
                    fresh = False
                case _:
                    return

    def drop_if_unsent(self, mailing: Mailing) -> None:
        """Drop a mailing unless the provider has it on its way: then nothing recalls it."""
        state = MailingState(mailing.state)
        if state not in MAILING_MOVES or MailingState.DROPPED not in MAILING_MOVES[state]:
            return
        if mailing.send_asked_at is not None:
            if self._dispatcher.status_after_send(mailing) != "save":
                self._desk.move(mailing, MailingState.SENDING)
                return
            # certain, and stored before the draft goes away: who finds no draft must not wonder whether it was sent
            self._desk.move(mailing, MailingState.CAMPAIGN_MADE, send_asked_at=None)
        self.drop(mailing)

    def recognize_sent(self, mailing: Mailing) -> None:
        """A send that was asked for and not answered: if the provider carried it out, the mailing is on its way."""
        was_asked = mailing.state == MailingState.SEND_WANTED and mailing.send_asked_at is not None
        if was_asked and self._dispatcher.status_after_send(mailing) != "save":
            self._desk.move(mailing, MailingState.SENDING)

    def drop(self, mailing: Mailing) -> None:
        """Remove what was made for a mailing that will not be sent."""
        desk = self._desk
        title = desk.title(mailing)
        began = MailingState(mailing.state) not in {MailingState.COMPILED, MailingState.FILLING}
        campaign = mailing.remote_campaign
        if campaign is None and MailingState(mailing.state) == MailingState.CAMPAIGN_WANTED:
            found = desk.find_campaign(title)
            campaign = found.id if found is not None else None
        if campaign is not None:
            desk.check()
            desk.gateway.delete_campaign(campaign)
        segment = mailing.remote_segment
        if segment is None and began:
            segment = desk.find_segment(title)
        if segment is not None:
            desk.check()
            desk.gateway.delete_segment(segment)
        desk.move(mailing, MailingState.DROPPED, problem="")
