"""Webhooks of an audience: the address must answer a GET before it is accepted, and may be there once only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.sandbox import problems
from orchestrator.sandbox.api.call import DONE, Answer, Body, Call, Route
from orchestrator.sandbox.audience import Webhook
from orchestrator.sandbox.webhook_post import answers

if TYPE_CHECKING:
    from orchestrator.sandbox.audience import Audience, Json

EVENTS = ("subscribe", "unsubscribe", "profile", "cleaned", "upemail", "campaign")
SOURCES = ("user", "admin", "api")


def _render(audience: Audience, webhook: Webhook) -> Json:
    return {
        "id": webhook.id,
        "url": webhook.url,
        "events": webhook.events,
        "sources": webhook.sources,
        "signing_enabled": True,
        "list_id": audience.id,
        "_links": [],
    }


def _list(call: Call) -> Answer:
    audience = call.audience()
    found = list(audience.webhooks.values())
    return call.page("webhooks", found, lambda w: _render(audience, w), list_id=audience.id)


def _create(call: Call) -> Answer:
    """The only answer that holds the signing secret."""
    audience, body = call.audience(), Body(call.body)
    url = body.needed("url")
    if any(webhook.url == url for webhook in audience.webhooks.values()):
        raise problems.bad_request("Sorry, you can't set up multiple WebHooks for one URL")
    _check(url)
    webhook = Webhook(call.account.next_id(), url, {}, {}, secret=call.account.next_id(40))
    _apply(webhook, body)
    audience.webhooks[webhook.id] = webhook
    return Answer(body=_render(audience, webhook) | {"signing_secret": webhook.secret})


def _find(call: Call, audience: Audience) -> Webhook:
    found = audience.webhooks.get(call.params["webhook_id"])
    if found is None:
        raise problems.not_found()
    return found


def _read(call: Call) -> Answer:
    audience = call.audience()
    return Answer(body=_render(audience, _find(call, audience)))


def _update(call: Call) -> Answer:
    audience, body = call.audience(), Body(call.body)
    webhook = _find(call, audience)
    url = body.text("url") or webhook.url
    if url != webhook.url:
        _check(url)
        webhook.url = url
    _apply(webhook, body)
    return Answer(body=_render(audience, webhook))


def _delete(call: Call) -> Answer:
    audience = call.audience()
    del audience.webhooks[_find(call, audience).id]
    return DONE


def _apply(webhook: Webhook, body: Body) -> None:
    events, sources = Body(body.part("events") or {}), Body(body.part("sources") or {})
    webhook.events = {name: _switch(events.flag(name), webhook.events.get(name)) for name in EVENTS}
    webhook.sources = {name: _switch(sources.flag(name), webhook.sources.get(name)) for name in SOURCES}


def _switch(given: bool | None, current: bool | None) -> bool:
    return bool(current) if given is None else given


def _check(url: str) -> None:
    if not url.startswith(("http://", "https://")) or not answers(url):
        raise problems.invalid(("url", "We couldn't validate the URL: it must answer a GET with 200."))


_WEBHOOK = "/lists/{list_id}/webhooks/{webhook_id}"
ROUTES = (
    Route("GET", "/lists/{list_id}/webhooks", _list),
    Route("POST", "/lists/{list_id}/webhooks", _create),
    Route("GET", _WEBHOOK, _read),
    Route("PATCH", _WEBHOOK, _update),
    Route("DELETE", _WEBHOOK, _delete),
)
