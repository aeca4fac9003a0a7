"""MailchimpGateway: all groups of calls together, as the rest of the product sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.mailchimp.audience import AudienceCalls
from orchestrator.mailchimp.campaigns import CampaignCalls
from orchestrator.mailchimp.client import MailchimpClient
from orchestrator.mailchimp.host import host_of
from orchestrator.mailchimp.reports import ReportCalls
from orchestrator.mailchimp.segments import SegmentCalls

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.clock import Clock
    from orchestrator.definitions.values import MailchimpSettings
    from orchestrator.mailchimp.connections import ConnectionBudget


class MailchimpGateway(AudienceCalls, SegmentCalls, CampaignCalls, ReportCalls):
    """Implements ``EmailGateway`` over HTTP. Used from any thread; the budget bounds what is in flight."""

    @property
    def calls(self) -> int:
        return self._client.calls

    def close(self) -> None:
        """Close the idle connections, as after a cycle. The next call opens new ones."""
        self._client.close()


def open_gateway(
    settings: MailchimpSettings,
    api_key: str,
    budget: ConnectionBudget,
    *,
    clock: Clock,
    pretend_now: bool,
    before_write: Callable[[], None] = lambda: None,
) -> MailchimpGateway:
    """The gateway of a workspace. Makes no call yet.

    ``api_key`` is the key itself, ``settings.api_key`` names where it came from; ``pretend_now`` is true under
    ``--now``; ``before_write`` raises when this process may no longer act. Raises GatewayMisconfigured for a key or
    base_url that cannot be right.
    """
    client = MailchimpClient(
        host_of(settings, api_key),
        api_key,
        budget,
        sleep=clock.sleep,
        pretended=pretend_now,
        before_write=before_write,
    )
    return MailchimpGateway(client, settings.audience)
