"""Which links of a campaign were clicked, and by whom."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from typing import TYPE_CHECKING

from orchestrator.sandbox import problems
from orchestrator.sandbox.api.call import Answer, Call, Route
from orchestrator.sandbox.api.reports import person_of, sent

if TYPE_CHECKING:
    from orchestrator.sandbox.audience import Json


def _clicks(call: Call) -> Answer:
    _, campaign, mails = sent(call)
    clicks: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for mail in mails:
        for url, at in mail.clicks:
            clicks[url].append((mail.id, at))
    total = sum(map(len, clicks.values()))

    def render(url: str) -> Json:
        unique = len({number for number, _ in clicks[url]})
        return {
            "id": link_id(url),
            "url": url,
            "total_clicks": len(clicks[url]),
            "click_percentage": len(clicks[url]) / total,
            "unique_clicks": unique,
            "unique_click_percentage": unique / len(mails),
            "last_click": max(at for _, at in clicks[url]),
            "campaign_id": campaign.id,
            "_links": [],
        }

    return call.page("urls_clicked", list(clicks), render, campaign_id=campaign.id)


def _clickers(call: Call) -> Answer:
    audience, campaign, mails = sent(call)
    person = person_of(audience, campaign)
    counts = {mail.id: sum(link_id(url) == call.params["link_id"] for url, _ in mail.clicks) for mail in mails}
    clicked = [mail for mail in mails if counts[mail.id]]
    if not clicked:
        raise problems.not_found()
    return call.page(
        "members",
        clicked,
        lambda mail: person(mail) | {"clicks": counts[mail.id], "url_id": call.params["link_id"]},
        campaign_id=campaign.id,
    )


def link_id(url: str) -> str:
    return hashlib.sha1(url.encode(), usedforsecurity=False).hexdigest()[:10]


_DETAILS = "/reports/{campaign_id}/click-details"
ROUTES = (
    Route("GET", _DETAILS, _clicks),
    Route("GET", _DETAILS + "/{link_id}/members", _clickers),
)
