"""Campaigns at Mailchimp: made, checked, sent and removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.errors import NotAtProvider, OutcomeUnknown, RejectedByProvider, RetryLater
from orchestrator.mailchimp import payloads
from orchestrator.mailchimp.calls import Calls, nothing
from orchestrator.mailchimp.failures import Effect
from orchestrator.mailchimp.refusals import means_not_ready

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from orchestrator.gateway import CampaignDraft, Checklist, RemoteCampaign

_PARTS = (
    "id",
    "status",
    "emails_sent",
    "send_time",
    "settings.title",
    "recipients.recipient_count",
    "recipients.segment_opts",
)
"""what we need of a campaign; whole, it is some kilobytes"""


class CampaignCalls(Calls):
    """Campaigns. ``what`` names them by id or title: subjects may hold anything."""

    def campaigns(self, *, created_since: datetime | None = None, status: str | None = None) -> list[RemoteCampaign]:
        query: dict[str, Any] = {"list_id": self._audience_id, "sort_field": "create_time", "sort_dir": "DESC"}
        if created_since is not None:
            query["since_create_time"] = payloads.since(created_since)
        if status is not None:
            query["status"] = status
        found = self._rows(
            "list the campaigns",
            self._api.campaigns.list,
            key="campaigns",
            fields=_PARTS,
            parse=payloads.campaign,
            **query,
        )
        # a campaign that is made meanwhile moves the others back: the last of a page comes again
        return list({campaign.id: campaign for campaign in found}.values())

    def create_campaign(self, draft: CampaignDraft) -> RemoteCampaign:
        return self._client.call(
            f'create the campaign "{draft.title}"',
            self._api.campaigns.create,
            {"type": "regular", **payloads.campaign_body(self._audience_id, draft)},
            effect=Effect.ONCE,
            read=payloads.campaign,
        )

    def campaign(self, campaign_id: str) -> RemoteCampaign:
        return self._client.call(
            f"read the campaign {campaign_id}",
            self._api.campaigns.get,
            campaign_id,
            fields=list(_PARTS),
            effect=Effect.READ,
            read=payloads.campaign,
        )

    def update_campaign(self, campaign_id: str, draft: CampaignDraft) -> RemoteCampaign:
        return self._client.call(
            f"change the campaign {campaign_id}",
            self._api.campaigns.update,
            campaign_id,
            payloads.campaign_body(self._audience_id, draft),
            effect=Effect.REPEATABLE,
            read=payloads.campaign,
        )

    def set_content(self, campaign_id: str, html: str, text: str) -> None:
        self._client.call(
            f"set the content of the campaign {campaign_id}",
            self._api.campaigns.set_content,
            campaign_id,
            {"html": html, "plain_text": text},
            effect=Effect.REPEATABLE,
            read=nothing,
        )

    def checklist(self, campaign_id: str) -> Checklist:
        return self._client.call(
            f"read the send checklist of the campaign {campaign_id}",
            self._api.campaigns.get_send_checklist,
            campaign_id,
            effect=Effect.READ,
            read=payloads.checklist,
        )

    def send(self, campaign_id: str) -> None:
        """One request, whatever comes of it. RejectedByProvider: not ready, nothing was sent."""
        try:
            self._client.call(
                f"send the campaign {campaign_id}",
                self._api.campaigns.send,
                campaign_id,
                effect=Effect.SEND,
                read=nothing,
            )
        except RejectedByProvider as error:
            if means_not_ready(error.detail):
                raise
            # perhaps refused because an earlier call did send it: only its status tells
            raise OutcomeUnknown(
                f"Mailchimp refused to send the campaign {campaign_id}, which may mean that it is being sent already. "
                f"Its status is read before anything is repeated. {error}"
            ) from error

    def send_test(self, campaign_id: str, addresses: Sequence[str]) -> None:
        self._client.call(
            f"send a test of the campaign {campaign_id}",
            self._api.campaigns.send_test_email,
            campaign_id,
            {"test_emails": payloads.unique_addresses(addresses), "send_type": "html"},
            effect=Effect.ONCE,
            read=nothing,
        )

    def delete_campaign(self, campaign_id: str) -> None:
        try:
            self._client.call(
                f"delete the campaign {campaign_id}",
                self._api.campaigns.remove,
                campaign_id,
                effect=Effect.REPEATABLE,
                read=nothing,
            )
        except NotAtProvider:
            return
        except RejectedByProvider as error:
            if error.title == "Method Not Allowed":
                raise RetryLater(f"The campaign {campaign_id} is being sent and cannot be deleted now.") from error
            raise
