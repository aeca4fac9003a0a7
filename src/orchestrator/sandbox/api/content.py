"""A campaign's content: HTML, and the plain text that came with it or is made from it."""

from __future__ import annotations

from orchestrator.sandbox import problems
from orchestrator.sandbox.api.call import Answer, Body, Call, Route
from orchestrator.sandbox.api.campaigns import must_be_draft
from orchestrator.sandbox.plain_text import plain_text


def _set_content(call: Call) -> Answer:
    campaign, body = call.campaign(), Body(call.body)
    must_be_draft(campaign)
    html, text = body.text("html"), body.text("plain_text")
    if html is None and text is None:
        raise problems.bad_request("The sandbox takes content as html, plain_text or both.")
    if html is not None and campaign.type == "plaintext":
        raise problems.bad_request("A plain-text campaign takes plain_text only.")
    campaign.html = campaign.html if html is None else html
    campaign.plain_text = text if text is not None else plain_text(campaign.html)
    return _content(call)


def _content(call: Call) -> Answer:
    campaign = call.campaign()
    shown = {"plain_text": campaign.plain_text, "html": campaign.html, "archive_html": campaign.html, "_links": []}
    return Answer(body=shown)


ROUTES = (
    Route("PUT", "/campaigns/{campaign_id}/content", _set_content),
    Route("GET", "/campaigns/{campaign_id}/content", _content),
)
