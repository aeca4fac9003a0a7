"""Campaigns become deliveries: the readiness check, the start, and what time alone does to a campaign.

Recipients are fixed when sending begins; merge values are read, and members who meanwhile left are dropped, when
the campaign is delivered. Nothing runs in the background: whoever looks at the account calls ``advance`` first.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from orchestrator.sandbox.audience import stamp
from orchestrator.sandbox.recipients import campaign_recipients, recipient_count
from orchestrator.sandbox.state import Delivery, Letter, News

if TYPE_CHECKING:
    from orchestrator.sandbox.audience import Audience, Json
    from orchestrator.sandbox.rules import Rules
    from orchestrator.sandbox.state import Account, Campaign

COUNTS_AS_SENT = 10
"""fewest recipients that move an audience's "campaign last sent" """


def checklist(account: Account, campaign: Campaign, rules: Rules) -> list[Json]:
    """Items with type, id, heading and details; ready when none is an error."""
    settings = campaign.settings
    audience = account.audiences.get(campaign.audience_id)
    count = recipient_count(audience, campaign) if audience else 0
    domain = str(settings.get("reply_to", "")).rpartition("@")[2].lower()
    verified = rules.verified_domains is None or domain in rules.verified_domains
    checks = (
        (501, "List", bool(audience), "Choose an audience."),
        (502, "Recipients", count > 0, "There are no recipients in the audience or segment."),
        (503, "Subject", bool(settings.get("subject_line")), "Your campaign must have a subject line."),
        (504, "From name", bool(settings.get("from_name")), "Your campaign must have a from name."),
        (505, "Reply-to", bool(settings.get("reply_to")), "Your campaign must have a reply-to address."),
        (506, "Domain", verified, f"The domain {domain} of the reply-to address is not verified."),
        (507, "Content", bool(campaign.html or campaign.plain_text), "Your campaign has no content."),
    )
    return [
        {"type": "success" if good else "error", "id": number, "heading": heading, "details": "" if good else reason}
        for number, heading, good, reason in checks
    ]


def is_ready(items: list[Json]) -> bool:
    return all(item["type"] != "error" for item in items)


def start(account: Account, campaign: Campaign, now: datetime) -> None:
    """The campaign is ready: fix whom and what."""
    audience = account.audiences[campaign.audience_id]
    meant = campaign_recipients(audience, campaign)
    campaign.recipients = [key for key in audience.members if key in meant]
    account.letters[campaign.id] = letter(audience, campaign)
    campaign.status, campaign.started_at, campaign.schedule_time = "sending", now.isoformat(), ""
    campaign.send_time = stamp(now)
    account.moving.add(campaign.id)


def cancel(account: Account, campaign: Campaign) -> None:
    campaign.status, campaign.recipients = "canceled", []
    account.moving.discard(campaign.id)


def advance(account: Account, rules: Rules, now: datetime) -> bool:
    """Do what is due by ``now``; True where anything changed."""
    changed = False
    for campaign in [account.campaigns[key] for key in sorted(account.moving)]:
        if campaign.status == "schedule" and datetime.fromisoformat(campaign.schedule_time) <= now:
            changed = True
            if is_ready(checklist(account, campaign, rules)):
                start(account, campaign, now)
            else:
                campaign.status = "save"
                account.moving.discard(campaign.id)
        if campaign.status == "sending":
            due = datetime.fromisoformat(campaign.started_at) + timedelta(seconds=rules.sending_seconds)
            if due <= now:
                _deliver(account, campaign, now)
                changed = True
    return changed


def letter(audience: Audience, campaign: Campaign) -> Letter:
    """What the campaign says at this moment."""
    settings = campaign.settings
    return Letter(
        title=str(settings.get("title", "")),
        subject=str(settings.get("subject_line", "")),
        preview_text=str(settings.get("preview_text", "")),
        from_name=str(settings.get("from_name", "")),
        reply_to=str(settings.get("reply_to", "")),
        to_name=str(settings.get("to_name", "")),
        html=campaign.html,
        text=campaign.plain_text,
        audience=audience.name,
        contact=dict(audience.contact),
        defaults={f.tag: f.default_value for f in audience.merge_fields.values() if f.default_value},
        tags=[f.tag for f in audience.merge_fields.values()],
    )


def send_test(account: Account, campaign: Campaign, emails: list[str], now: datetime) -> None:
    """Test mails: to any address, in no report, merge tags left as they stand."""
    audience = account.audiences[campaign.audience_id]
    key = f"{campaign.id}-test-{len(account.deliveries)}"
    account.letters[key] = letter(audience, campaign)
    for email in emails:
        number = len(account.deliveries) + 1
        mail = Delivery(number, campaign.id, audience.id, "", "", email, stamp(now), key, {}, test=True)
        account.deliveries.append(mail)


def _deliver(account: Account, campaign: Campaign, now: datetime) -> None:
    audience = account.audiences[campaign.audience_id]
    at = stamp(now)
    for key in campaign.recipients:
        if key not in audience.subscribed:
            continue
        member = audience.members[key]
        number = len(account.deliveries) + 1
        account.deliveries.append(
            Delivery(
                number,
                campaign.id,
                audience.id,
                member.contact_id,
                key,
                member.email,
                at,
                campaign.id,
                member.merge_fields,
            )
        )
        campaign.deliveries.append(number)
    campaign.status, campaign.recipients = "sent", []
    account.moving.discard(campaign.id)
    if len(campaign.deliveries) >= COUNTS_AS_SENT:
        audience.last_sent = at
    data = {"id": campaign.id, "subject": campaign.settings.get("subject_line", ""), "status": "sent", "reason": ""}
    account.news.append(News(audience.id, "campaign", "admin", now, data | {"list_id": audience.id}))
