"""Reports, all counted from the deliveries. A campaign that was not sent has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.sandbox import problems
from orchestrator.sandbox.api.call import Answer, Call, Route
from orchestrator.sandbox.api.campaigns import summary

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.sandbox.audience import Audience, Json
    from orchestrator.sandbox.state import Campaign, Delivery

ACTIVITY_PAGE = 500
"""larger pages of the activity report fail with 504, as they were seen to"""
GATEWAY_TIMEOUT = "<html><head><title>504 Gateway Timeout</title></head><body><h1>Gateway Timeout</h1></body></html>"


def sent(call: Call) -> tuple[Audience, Campaign, list[Delivery]]:
    campaign = call.campaign()
    if campaign.status != "sent":
        raise problems.not_found()
    mails = [call.account.deliveries[number - 1] for number in campaign.deliveries]
    return call.account.audiences[campaign.audience_id], campaign, mails


def _render(call: Call, campaign: Campaign) -> Json:
    audience = call.account.audiences[campaign.audience_id]
    mails = [call.account.deliveries[number - 1] for number in campaign.deliveries]
    numbers = summary(call.account, campaign)
    links = {(mail.id, url) for mail in mails for url, _ in mail.clicks}
    shown: Json = {
        "id": campaign.id,
        "campaign_title": campaign.settings["title"],
        "type": campaign.type,
        "list_id": audience.id,
        "list_is_active": True,
        "list_name": audience.name,
        "subject_line": campaign.settings["subject_line"],
        "preview_text": campaign.settings["preview_text"],
        "emails_sent": len(mails),
        "abuse_reports": sum(bool(mail.spam_at) for mail in mails),
        "unsubscribed": sum(bool(mail.unsubscribed_at) for mail in mails),
        "send_time": campaign.send_time,
        "bounces": {
            "hard_bounces": sum(mail.status == "hard" for mail in mails),
            "soft_bounces": sum(mail.status == "soft" for mail in mails),
            "syntax_errors": 0,
        },
        "forwards": {"forwards_count": 0, "forwards_opens": 0},
        "opens": {
            "opens_total": numbers["opens"],
            "proxy_excluded_opens": numbers["opens"],
            "unique_opens": numbers["unique_opens"],
            "proxy_excluded_unique_opens": numbers["unique_opens"],
            "open_rate": numbers["open_rate"],
            "proxy_excluded_open_rate": numbers["open_rate"],
            "last_open": max((at for mail in mails for at in mail.opens), default=""),
        },
        "clicks": {
            "clicks_total": numbers["clicks"],
            "unique_clicks": len(links),
            "unique_subscriber_clicks": numbers["subscriber_clicks"],
            "click_rate": numbers["click_rate"],
            "last_click": max((at for mail in mails for _, at in mail.clicks), default=""),
        },
        "list_stats": {"sub_rate": 0, "unsub_rate": 0, "open_rate": 0, "click_rate": 0},
        "timeseries": [],
        "ecommerce": {"total_orders": 0, "total_spent": 0, "total_revenue": 0, "currency_code": "EUR"},
        "delivery_status": {"enabled": False},
        "_links": [],
    }
    return shown


def _list(call: Call) -> Answer:
    since, before = call.moment("since_send_time"), call.moment("before_send_time")
    kind = call.query.get("type")
    found = [
        c
        for c in call.account.campaigns.values()
        if c.status == "sent"
        and (not since or c.send_time > since)
        and (not before or c.send_time < before)
        and (not kind or c.type == kind)
    ]
    return call.page("reports", found, lambda c: _render(call, c))


def _read(call: Call) -> Answer:
    _, campaign, _ = sent(call)
    return Answer(body=_render(call, campaign))


def _sent_to(call: Call) -> Answer:
    audience, campaign, mails = sent(call)
    person = person_of(audience, campaign)

    def render(mail: Delivery) -> Json:
        opened = {"last_open": mail.opens[-1]} if mail.opens else {}
        return person(mail) | {"status": mail.status, "open_count": len(mail.opens), "gmt_offset": 0} | opened

    return call.page("sent_to", mails, render, campaign_id=campaign.id)


def _unsubscribed(call: Call) -> Answer:
    audience, campaign, mails = sent(call)
    person = person_of(audience, campaign)
    left = [mail for mail in mails if mail.unsubscribed_at]
    return call.page(
        "unsubscribes",
        left,
        lambda mail: person(mail) | {"timestamp": mail.unsubscribed_at, "reason": mail.unsubscribe_reason},
        campaign_id=campaign.id,
    )


def _abuse(call: Call) -> Answer:
    audience, campaign, mails = sent(call)
    person = person_of(audience, campaign)
    marked = [mail for mail in mails if mail.spam_at]
    return call.page(
        "abuse_reports",
        marked,
        lambda mail: person(mail) | {"id": mail.id, "date": mail.spam_at},
        campaign_id=campaign.id,
    )


def _activity(call: Call) -> Answer:
    """All recipients; ``since`` narrows what they did, not who is listed."""
    audience, campaign, mails = sent(call)
    if call.number("count", 10, 1000) > ACTIVITY_PAGE:
        return Answer(504, html=GATEWAY_TIMEOUT)
    since = call.moment("since")

    def render(mail: Delivery) -> Json:
        done = [{"action": "open", "timestamp": at, "ip": "127.0.0.1"} for at in mail.opens]
        done += [{"action": "click", "timestamp": at, "url": url, "ip": "127.0.0.1"} for url, at in mail.clicks]
        if mail.status != "sent":
            done.append({"action": "bounce", "timestamp": mail.sent_at, "type": mail.status})
        done = sorted((act for act in done if act["timestamp"] > since), key=lambda act: act["timestamp"])
        return {
            "campaign_id": campaign.id,
            "list_id": audience.id,
            "list_is_active": True,
            "email_id": mail.member_id,
            "email_address": mail.email,
            "activity": done,
            "_links": [],
        }

    return call.page("emails", mails, render, campaign_id=campaign.id)


def _opens(call: Call) -> Answer:
    audience, campaign, mails = sent(call)
    person = person_of(audience, campaign)
    since = call.moment("since")
    opened = [mail for mail in mails if any(at > since for at in mail.opens)]
    total = sum(len(mail.opens) for mail in opened)

    def render(mail: Delivery) -> Json:
        times = [{"timestamp": at, "is_proxy_open": False} for at in mail.opens if at > since]
        member = audience.members.get(mail.member_id)
        return person(mail) | {
            "contact_status": member.status if member else "archived",
            "opens_count": len(times),
            "proxy_excluded_opens_count": len(times),
            "opens": times,
        }

    around = {"campaign_id": campaign.id, "total_opens": total, "total_proxy_excluded_opens": total}
    return call.page("members", opened, render, **around)


def person_of(audience: Audience, campaign: Campaign) -> Callable[[Delivery], Json]:
    tags = [f.tag for f in audience.merge_fields.values()]

    def render(mail: Delivery) -> Json:
        return {
            "email_id": mail.member_id,
            "email_address": mail.email,
            "merge_fields": {tag: mail.merge_fields.get(tag, "") for tag in tags},
            "vip": False,
            "campaign_id": campaign.id,
            "list_id": audience.id,
            "list_is_active": True,
            "_links": [],
        }

    return render


_REPORT = "/reports/{campaign_id}"
ROUTES = (
    Route("GET", "/reports", _list),
    Route("GET", _REPORT, _read),
    Route("GET", _REPORT + "/sent-to", _sent_to),
    Route("GET", _REPORT + "/unsubscribed", _unsubscribed),
    Route("GET", _REPORT + "/abuse-reports", _abuse),
    Route("GET", _REPORT + "/email-activity", _activity),
    Route("GET", _REPORT + "/open-details", _opens),
)
