"""Campaigns as objects: create, list, read, change, delete, content."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.sandbox import problems
from orchestrator.sandbox.api.call import DONE, Answer, Body, Call, Route
from orchestrator.sandbox.recipients import check_options, recipient_count
from orchestrator.sandbox.state import Campaign

if TYPE_CHECKING:
    from orchestrator.sandbox.audience import Json
    from orchestrator.sandbox.state import Account

ANALYTICS_BYTES = 50
STATUSES = ("save", "paused", "schedule", "sending", "sent")
_TEXTS = ("subject_line", "preview_text", "title", "from_name", "reply_to", "to_name", "folder_id")
_SWITCHES = {
    "use_conversation": False,
    "authenticate": True,
    "auto_footer": False,
    "inline_css": False,
    "auto_tweet": False,
    "fb_comments": True,
}
_TRACKED = {"opens": True, "html_clicks": True, "text_clicks": False, "goal_tracking": False, "ecomm360": False}


def render(account: Account, campaign: Campaign) -> Json:
    """A campaign as every call answers it. ``recipient_count`` is what a send now would reach."""
    audience = account.audiences[campaign.audience_id]
    sent, sending = len(campaign.deliveries), campaign.status == "sending"
    count = sent if campaign.status == "sent" else len(campaign.recipients) if sending else None
    recipients: Json = {
        "list_id": audience.id,
        "list_is_active": True,
        "list_name": audience.name,
        "segment_text": _segment_text(account, campaign),
        "recipient_count": recipient_count(audience, campaign) if count is None else count,
    }
    if campaign.segment_opts:
        recipients["segment_opts"] = campaign.segment_opts
    shown: Json = {
        "id": campaign.id,
        "web_id": campaign.web_id,
        "type": campaign.type,
        "create_time": campaign.created_at,
        "archive_url": f"http://sandbox.example/archive/{campaign.id}",
        "long_archive_url": f"http://sandbox.example/archive/{campaign.id}",
        "status": campaign.status,
        "emails_sent": sent,
        "send_time": campaign.schedule_time or campaign.send_time,
        "content_type": "html" if campaign.html else "template",
        "needs_block_refresh": False,
        "resendable": campaign.status == "sent",
        "recipients": recipients,
        "settings": campaign.settings | {"timewarp": False, "template_id": 0, "drag_and_drop": False},
        "tracking": campaign.tracking,
        "delivery_status": _delivery_status(campaign),
        "_links": [],
    }
    if campaign.status == "sent":
        shown["report_summary"] = summary(account, campaign)
    return shown


def summary(account: Account, campaign: Campaign) -> Json:
    mails = [account.deliveries[number - 1] for number in campaign.deliveries]
    opened, clicked = [m for m in mails if m.opens], [m for m in mails if m.clicks]
    return {
        "opens": sum(len(m.opens) for m in opened),
        "unique_opens": len(opened),
        "open_rate": len(opened) / len(mails) if mails else 0,
        "clicks": sum(len(m.clicks) for m in clicked),
        "subscriber_clicks": len(clicked),
        "click_rate": len(clicked) / len(mails) if mails else 0,
        "ecommerce": {"total_orders": 0, "total_spent": 0, "total_revenue": 0},
    }


def _delivery_status(campaign: Campaign) -> Json:
    match campaign.status:
        case "sending":
            return {
                "enabled": True,
                "can_cancel": True,
                "status": "delivering",
                "emails_sent": 0,
                "emails_canceled": 0,
            }
        case "sent" | "canceled":
            return {
                "enabled": True,
                "can_cancel": False,
                "emails_canceled": 0,
                "status": "delivered" if campaign.status == "sent" else "canceled",
                "emails_sent": len(campaign.deliveries),
            }
        case _:
            return {"enabled": False}


def _segment_text(account: Account, campaign: Campaign) -> str:
    options = campaign.segment_opts or {}
    segment = account.audiences[campaign.audience_id].segments.get(options.get("saved_segment_id") or 0)
    if segment:
        return f"<p>Contacts tagged <b>{segment.name.replace('<', '&lt;')}</b></p>"
    return "<p>Contacts that match the conditions</p>" if options.get("conditions") else ""


def _list(call: Call) -> Answer:
    status, field = call.choice("status", STATUSES), call.choice("sort_field", ("create_time", "send_time"))
    query = call.query
    created, created_before = call.moment("since_create_time"), call.moment("before_create_time")
    sent, sent_before = call.moment("since_send_time"), call.moment("before_send_time")
    found = [
        c
        for c in call.account.campaigns.values()
        if (not status or c.status == status)
        and (not query.get("type") or c.type == query["type"])
        and (not query.get("list_id") or c.audience_id == query["list_id"])
        and (not query.get("folder_id") or c.settings["folder_id"] == query["folder_id"])
        and (not created or c.created_at > created)
        and (not created_before or c.created_at < created_before)
        and (not sent or c.send_time > sent)
        and (not sent_before or "" < c.send_time < sent_before)
        and (not query.get("member_id") or _reached(call.account, c, query["member_id"]))
    ]
    if field:
        found.sort(key=lambda c: (c.created_at if field == "create_time" else c.send_time, c.web_id))
        if call.choice("sort_dir", ("ASC", "DESC")) == "DESC":
            found.reverse()
    return call.page("campaigns", found, lambda c: render(call.account, c))


def _reached(account: Account, campaign: Campaign, member_id: str) -> bool:
    return any(account.deliveries[number - 1].member_id == member_id for number in campaign.deliveries)


def _create(call: Call) -> Answer:
    body = Body(call.body)
    kind = body.choice("type", ("regular", "plaintext", "absplit", "rss", "variate"))
    if not kind:
        raise problems.invalid(("type", "This value should not be blank."))
    if kind not in {"regular", "plaintext"}:
        raise problems.bad_request(f"The sandbox does not know campaigns of type {kind}.")
    recipients = Body(body.part("recipients") or {})
    audience_id = recipients.needed("list_id")
    call.audience(audience_id)
    settings: Json = dict.fromkeys(_TEXTS, "") | _SWITCHES
    tracking: Json = _TRACKED | {"google_analytics": "", "clicktale": ""}
    campaign = Campaign("", 0, kind, call.at, audience_id, settings, tracking)
    _apply(call, campaign, body)
    campaign.id, campaign.web_id = call.account.next_id(), call.account.next_number()
    call.account.campaigns[campaign.id] = campaign
    return Answer(body=render(call.account, campaign))


def _read(call: Call) -> Answer:
    return Answer(body=render(call.account, call.campaign()))


def _update(call: Call) -> Answer:
    campaign, body = call.campaign(), Body(call.body)
    must_be_draft(campaign)
    if body.part("settings") is None:
        raise problems.invalid(("settings", "This value should not be blank."))
    _apply(call, campaign, body)
    return Answer(body=render(call.account, campaign))


def _delete(call: Call) -> Answer:
    """Mails that went out stay in people's inboxes."""
    campaign = call.campaign()
    if campaign.status == "sending":
        raise problems.Problem(405, "Method Not Allowed", "A campaign that is sending cannot be deleted.")
    call.account.moving.discard(campaign.id)
    del call.account.campaigns[campaign.id]
    return DONE


def must_be_draft(campaign: Campaign) -> None:
    if campaign.status != "save":
        raise problems.bad_request(f"A campaign with the status {campaign.status} cannot be changed.")


def _apply(call: Call, campaign: Campaign, body: Body) -> None:
    """Settings, tracking and recipients that the body names; nothing changes where one of them is at fault."""
    settings = _settings(call, campaign.settings, Body(body.part("settings") or {}))
    tracking = dict(campaign.tracking)
    given = Body(body.part("tracking") or {})
    for name in _TRACKED:
        switch = given.flag(name)
        tracking[name] = tracking[name] if switch is None else switch
    for name in ("google_analytics", "clicktale"):
        slug = given.text(name)
        if slug is not None and len(slug.encode()) > ANALYTICS_BYTES:
            raise problems.invalid((f"tracking.{name}", f"This value is too long: at most {ANALYTICS_BYTES} bytes."))
        tracking[name] = tracking[name] if slug is None else slug
    recipients = body.part("recipients")
    if recipients is not None:
        audience_id = Body(recipients).text("list_id") or campaign.audience_id
        campaign.segment_opts = _segment_opts(call, audience_id, Body(recipients).part("segment_opts"))
        campaign.audience_id = audience_id
    campaign.settings, campaign.tracking = settings, tracking


def _settings(call: Call, current: Json, given: Body) -> Json:
    settings = dict(current)
    for name in _TEXTS:
        text = given.text(name)
        settings[name] = settings[name] if text is None else text
    for name in _SWITCHES:
        switch = given.flag(name)
        settings[name] = settings[name] if switch is None else switch
    if settings["folder_id"] and settings["folder_id"] not in call.account.folders:
        raise problems.invalid(("settings.folder_id", "This folder does not exist."))
    return settings


def _segment_opts(call: Call, audience_id: str, given: Json | None) -> Json | None:
    """Keys that are not understood are dropped, and then nothing narrows the audience: as at Mailchimp."""
    if given is None:
        return None
    audience, options = call.audience(audience_id), Body(given)
    saved, conditions = options.integer("saved_segment_id"), options.items("conditions")
    if saved and saved not in audience.segments:
        raise problems.invalid(("recipients.segment_opts.saved_segment_id", f"Segment {saved} does not exist."))
    if conditions:
        check_options(audience, given)
    match = options.choice("match", ("any", "all"))
    understood = {"saved_segment_id": saved, "match": match, "conditions": conditions}
    return {key: value for key, value in understood.items() if value}


_CAMPAIGN = "/campaigns/{campaign_id}"
ROUTES = (
    Route("GET", "/campaigns", _list),
    Route("POST", "/campaigns", _create),
    Route("GET", _CAMPAIGN, _read),
    Route("PATCH", _CAMPAIGN, _update),
    Route("DELETE", _CAMPAIGN, _delete),
)
