"""What came of a sent campaign."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

from orchestrator.errors import NotAtProvider, RetryLater
from orchestrator.mailchimp import payloads
from orchestrator.mailchimp.calls import Calls, Row, nothing
from orchestrator.mailchimp.client import ATTEMPTS
from orchestrator.mailchimp.failures import Effect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from orchestrator.gateway import MailEvent, Receipt
    from orchestrator.mailchimp.client import MailchimpClient

ACTIVITY_PAGE = 500
"""recipients in one page of the activity report; larger ones were seen to end in 504"""
_SMALLEST_ACTIVITY_PAGE = 50

log = logging.getLogger(__name__)


class ReportCalls(Calls):
    """Reports. They appear a while after the send: until then they are RetryLater, not gone."""

    def __init__(self, client: MailchimpClient, audience_id: str) -> None:
        super().__init__(client, audience_id)
        self.unknown_words: Counter[str] = Counter()
        """words of the reports that we do not know, with how often they came"""

    def receipts(self, campaign_id: str) -> Iterator[Receipt]:
        yield from self._report(
            campaign_id,
            "recipients",
            self._api.reports.get_campaign_recipients,
            key="sent_to",
            fields=("email_address", "status"),
            parse=lambda row: payloads.receipt(row, self._note_unknown),
        )

    def mail_events(self, campaign_id: str, since: datetime | None) -> Iterator[MailEvent]:
        yield from self._activity(campaign_id, since)
        for event in (*self._departures(campaign_id), *self._complaints(campaign_id)):
            # these two reports have no `since` of their own
            if since is None or event.at >= since:
                yield event

    def _departures(self, campaign_id: str) -> Iterator[MailEvent]:
        return self._report(
            campaign_id,
            "opt-outs",
            self._api.reports.get_unsubscribed_list_for_campaign,
            key="unsubscribes",
            fields=("email_address", "timestamp"),
            parse=payloads.departure,
        )

    def _complaints(self, campaign_id: str) -> list[MailEvent]:
        """Whole: the client has no paging for them."""
        return self._client.call(
            f"read the complaints of the campaign {campaign_id}",
            self._api.reports.get_campaign_abuse_reports,
            campaign_id,
            effect=Effect.READ,
            read=lambda answer: [payloads.complaint(row) for row in answer["abuse_reports"]],
        )

    def _activity(self, campaign_id: str, since: datetime | None) -> Iterator[MailEvent]:
        """Events of the activity report. A page that fails is asked for again in a smaller size."""
        query: dict[str, Any] = {"since": payloads.since(since)} if since else {}
        offset, size = 0, ACTIVITY_PAGE
        while True:
            try:
                recipients, total = self._page(
                    f"read the activity of the campaign {campaign_id}",
                    self._api.reports.get_email_activity_for_campaign,
                    campaign_id,
                    key="emails",
                    parse=lambda row: payloads.activity(row, self._note_unknown),
                    fields=["emails.email_address", "emails.activity", "total_items"],
                    count=size,
                    offset=offset,
                    attempts=2 if size > _SMALLEST_ACTIVITY_PAGE else ATTEMPTS,
                    **query,
                )
            except RetryLater:
                if size == _SMALLEST_ACTIVITY_PAGE:
                    raise
                size = max(_SMALLEST_ACTIVITY_PAGE, size // 2)
                continue
            except NotAtProvider:
                self._raise_if_only_late(campaign_id)
                raise
            for events in recipients:
                yield from events
            offset += len(recipients)
            if not recipients or offset >= total:
                return

    def _report(
        self,
        campaign_id: str,
        name: str,
        method: Callable[..., Any],
        *,
        key: str,
        fields: tuple[str, ...],
        parse: Callable[[Mapping[str, Any]], Row],
    ) -> Iterator[Row]:
        try:
            yield from self._rows(
                f"read the {name} of the campaign {campaign_id}",
                method,
                campaign_id,
                key=key,
                fields=fields,
                parse=parse,
            )
        except NotAtProvider:
            self._raise_if_only_late(campaign_id)
            raise

    def _raise_if_only_late(self, campaign_id: str) -> None:
        """A report that is not there: RetryLater if its campaign is."""
        self._client.call(
            f"read the campaign {campaign_id}",
            self._api.campaigns.get,
            campaign_id,
            fields=["id"],
            effect=Effect.READ,
            read=nothing,
        )
        raise RetryLater(f"Mailchimp has no report of the campaign {campaign_id} yet. It is read again later.")

    def _note_unknown(self, word: str) -> None:
        if word not in self.unknown_words:
            log.warning("Mailchimp: a word that we do not know in a report: %s", word)
        self.unknown_words[word] += 1
