"""``fields`` and ``exclude_fields``: which parts of an answer are wanted; an unknown part is refused.

What parts an answer has is found by asking the same question of a small sample account, so that an empty list refuses
the same names as a full one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from orchestrator.sandbox.api.call import Call, Route, new_audience
from orchestrator.sandbox.api.clicks import link_id
from orchestrator.sandbox.audience import Json, Webhook
from orchestrator.sandbox.people import Change, Desk, add, tag
from orchestrator.sandbox.problems import Problem
from orchestrator.sandbox.rules import Rules
from orchestrator.sandbox.sending import advance, start
from orchestrator.sandbox.state import Account, Campaign, Folder

_THEN = datetime(2026, 1, 1, tzinfo=UTC)
_OPEN = {"merge_fields", "interests", "options", "segment_opts", "_links"}
"""objects and lists whose parts are not fixed"""


def select(answer: Json, route: Route, query: dict[str, str]) -> Json:
    """The answer with the wanted parts. Raises ``Problem`` (400) for unknown ones."""
    wanted, unwanted = _names(query.get("fields")), _names(query.get("exclude_fields"))
    if not wanted and not unwanted:
        return answer
    if wanted and unwanted:
        raise _refused("fields and exclude_fields cannot be used together.")
    shape = _shape(route)
    for path in wanted or unwanted:
        if not _known(shape, path.split(".")):
            raise _refused(f"The requested field is not available: {path}")
    paths = [tuple(path.split(".")) for path in wanted or unwanted]
    selected: Json = _keep(answer, paths) if wanted else _drop(answer, paths)
    return selected


def _names(text: str | None) -> list[str]:
    return [name.strip() for name in (text or "").split(",") if name.strip()]


def _refused(detail: str) -> Problem:
    return Problem(400, "Requested Fields Invalid", detail)


def _known(shape: Any, path: list[str]) -> bool:
    if not path:
        return True
    if isinstance(shape, list):
        return not shape or _known(shape[0], path)
    if not isinstance(shape, dict) or path[0] not in shape:
        return False
    return path[0] in _OPEN or _known(shape[path[0]], path[1:])


def _keep(value: Any, paths: list[tuple[str, ...]]) -> Any:
    if any(not path for path in paths):
        return value
    if isinstance(value, list):
        return [_keep(item, paths) for item in value]
    if not isinstance(value, dict):
        return value
    heads = {path[0] for path in paths}
    return {k: _keep(v, [p[1:] for p in paths if p[0] == k]) for k, v in value.items() if k in heads}


def _drop(value: Any, paths: list[tuple[str, ...]]) -> Any:
    if isinstance(value, list):
        return [_drop(item, paths) for item in value]
    if not isinstance(value, dict):
        return value
    gone = {path[0] for path in paths if len(path) == 1}
    return {k: _drop(v, [p[1:] for p in paths if p[0] == k and len(p) > 1]) for k, v in value.items() if k not in gone}


@lru_cache(maxsize=64)
def _shape(route: Route) -> Json:
    account, params = _sample()
    answer = route.handler(Call(account, Rules(), _THEN, params, {"include_total_contacts": "true"}))
    return answer.body or {}


def _sample() -> tuple[Account, dict[str, str]]:
    """One of everything."""
    account = Account("")
    audience = new_audience(account, "sample", "")
    desk = Desk(account, audience, _THEN)
    member = add(desk, "ada@sample.example", "subscribed", Change())
    tag(desk, member, ["sample"])
    settings = {"title": "", "subject_line": "", "preview_text": "", "reply_to": "", "folder_id": ""}
    campaign = Campaign("sample", 1, "regular", "", "sample", settings, {}, segment_opts={"match": "any"})
    account.campaigns["sample"] = campaign
    account.folders["sample"] = Folder("sample", "")
    audience.webhooks["sample"] = Webhook("sample", "", {}, {})
    start(account, campaign, _THEN)
    advance(account, Rules(), _THEN)
    mail = account.deliveries[0]
    mail.opens, mail.clicks, mail.unsubscribed_at, mail.spam_at = ("x",), (("url", "x"),), "x", "x"
    params = dict.fromkeys(("list_id", "campaign_id", "folder_id", "webhook_id", "domain_name", "batch_id"), "sample")
    numbers = {"segment_id": str(next(iter(audience.segments))), "merge_id": "1"}
    return account, params | numbers | {"subscriber_hash": member.id, "link_id": link_id("url")}
