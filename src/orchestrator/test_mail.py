"""A test mail: one contact's mail, as a draft at the provider that nobody can be sent, sent to a few addresses.

The provider fills no merge values into tests, so the draft holds everything written out. Its audience is an empty
static segment made for it: a draft without a segment would mean the whole audience if a person pressed Send. Draft and
segment have a title of their own, by which whatever a crash leaves behind is removed by the next test of the campaign.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.campaigns.content import render
from orchestrator.campaigns.library import template_library
from orchestrator.campaigns.run import TITLE_LENGTH, TITLE_PREFIX
from orchestrator.errors import GatewayError, RejectedByProvider
from orchestrator.gateway import CampaignDraft

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.definitions.values import CampaignDefinition
    from orchestrator.engine import Engine
    from orchestrator.gateway import EmailGateway, RemoteCampaign
    from orchestrator.templates.mail import RenderedEmail


@dataclass(frozen=True, slots=True)
class TestMail:
    """A test that was sent. ``left_behind``: why its draft could not be deleted; "" where it was."""

    mail: RenderedEmail
    left_behind: str = ""


def send_test_mail(
    engine: Engine,
    campaign: CampaignDefinition,
    contact: int,
    addresses: Sequence[str],
    *,
    check: Callable[[], None],
) -> TestMail:
    """Send the contact's mail to the addresses.

    ``check`` is asked before each write. Raises TemplateError, or a GatewayError; draft and segment are deleted then
    too, as far as the provider answers.
    """
    now = engine.clock.now()
    library = template_library(engine.workspace)
    rendered = next(iter(render(engine.database, engine.workspace, library, campaign, [contact], now=now)))
    mail = rendered.preview()
    sender = engine.settings.mailchimp
    title = test_title(campaign.name, sender.audience)
    gateway = engine.gateway
    remove_leftovers(gateway, title, check)
    made = _Made()
    try:
        check()
        made.segment = gateway.create_segment(title).id
        draft = CampaignDraft(
            title=title,
            subject=mail.subject,
            preheader=mail.preheader or "",
            from_name=sender.from_name,
            reply_to=sender.reply_to,
            segment_id=made.segment,
        )
        check()
        made.draft = gateway.create_campaign(draft).id
        _must_reach_nobody(gateway.campaign(made.draft))
        check()
        gateway.set_content(made.draft, mail.html, mail.text)
        check()
        gateway.send_test(made.draft, addresses)
    except BaseException:
        # the first error is the one to tell; what was made by a call whose answer was lost is found by its title
        with suppress(GatewayError):
            made.remove(gateway)
            remove_leftovers(gateway, title, check)
        raise
    try:
        made.remove(gateway)
    except GatewayError as fault:
        return TestMail(mail, str(fault))
    return TestMail(mail)


def test_title(campaign: str, audience: str) -> str:
    """The deterministic title of a campaign's test draft and segment; no person and no run makes one like it."""
    digest = hashlib.sha256(f"test\x00{audience}\x00{campaign}".encode()).hexdigest()[:8]
    tail = f" ~{digest}"
    return f"{TITLE_PREFIX}test {campaign}"[: TITLE_LENGTH - len(tail)] + tail


def remove_leftovers(gateway: EmailGateway, title: str, check: Callable[[], None]) -> None:
    """Delete drafts and static segments with exactly this title."""
    for draft in gateway.campaigns(status="save"):
        if draft.title.lower() == title.lower():
            check()
            gateway.delete_campaign(draft.id)
    for segment in gateway.segments():
        if segment.name.lower() == title.lower():
            check()
            gateway.delete_segment(segment.id)


@dataclass(slots=True)
class _Made:
    """What exists at the provider because of this test."""

    segment: int | None = None
    draft: str | None = None

    def remove(self, gateway: EmailGateway) -> None:
        if self.draft is not None:
            gateway.delete_campaign(self.draft)
        if self.segment is not None:
            gateway.delete_segment(self.segment)


def _must_reach_nobody(draft: RemoteCampaign) -> None:
    if draft.recipient_count:
        raise RejectedByProvider(
            f"Mailchimp would send the test's draft to {draft.recipient_count:,} people instead of nobody. "
            "The draft is deleted and no test was sent."
        )
