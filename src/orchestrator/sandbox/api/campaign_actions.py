"""What is done with a campaign: readiness check, send, schedule, test, cancel, copy."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.sandbox import problems, sending
from orchestrator.sandbox.addresses import check_address
from orchestrator.sandbox.api.call import DONE, Answer, Body, Call, Route, parse_time
from orchestrator.sandbox.api.campaigns import must_be_draft, render
from orchestrator.sandbox.audience import stamp

NOT_READY = "Your Campaign is not ready to send."
QUARTER_HOUR = 15


def _checklist(call: Call) -> Answer:
    items = sending.checklist(call.account, call.campaign(), call.rules)
    return Answer(body={"is_ready": sending.is_ready(items), "items": items, "_links": []})


def _send(call: Call) -> Answer:
    """204: it is ``sending`` now, ``sent`` later. There is one send per campaign, and no way back."""
    campaign = call.campaign()
    if campaign.status != "save":
        raise problems.bad_request(f"Cannot send a campaign with the status {campaign.status}.")
    _must_be_ready(call, NOT_READY)
    sending.start(call.account, campaign, call.now)
    return DONE


def _schedule(call: Call) -> Answer:
    campaign, body = call.campaign(), Body(call.body)
    if call.rules.plan == "forever_free":
        raise problems.Problem(403, "Forbidden", "Your plan does not include scheduling campaigns.")
    moment = parse_time("schedule_time", body.needed("schedule_time"))
    if body.flag("timewarp") or body.part("batch_delivery"):
        raise problems.bad_request("The sandbox knows neither timewarp nor batch delivery.")
    must_be_draft(campaign)
    if moment.minute % QUARTER_HOUR or moment.second or moment.microsecond:
        raise problems.invalid(("schedule_time", "Campaigns may only be scheduled on the quarter-hour."))
    if moment <= call.now:
        raise problems.bad_request("This campaign cannot be scheduled: the time is in the past.")
    _must_be_ready(call, "This campaign cannot be scheduled: .")
    campaign.status, campaign.schedule_time = "schedule", stamp(moment)
    call.account.moving.add(campaign.id)
    return DONE


def _unschedule(call: Call) -> Answer:
    campaign = call.campaign()
    if campaign.status != "schedule":
        raise problems.bad_request("This campaign is not scheduled.")
    campaign.status, campaign.schedule_time = "save", ""
    call.account.moving.discard(campaign.id)
    return DONE


def _test(call: Call) -> Answer:
    campaign, body = call.campaign(), Body(call.body)
    emails = body.texts("test_emails")
    if not emails or not body.choice("send_type", ("html", "plaintext")):
        raise problems.invalid(("test_emails", "Give test_emails and send_type."))
    for email in emails:
        check_address(email, call.account.refusals)
    if not campaign.html and not campaign.plain_text:
        raise problems.bad_request(NOT_READY)
    sending.send_test(call.account, campaign, emails, call.now)
    return DONE


def _cancel(call: Call) -> Answer:
    campaign = call.campaign()
    if call.rules.plan == "forever_free":
        raise problems.Problem(403, "Forbidden", "Your plan does not include canceling campaigns.")
    if campaign.status != "sending":
        raise problems.bad_request("Only a campaign that is sending can be canceled.")
    sending.cancel(call.account, campaign)
    return DONE


def _replicate(call: Call) -> Answer:
    original = call.campaign()
    copy = replace(
        original,
        id=call.account.next_id(),
        web_id=call.account.next_number(),
        created_at=call.at,
        settings=original.settings | {"title": f"{original.settings['title']} (copy 01)"},
        tracking=dict(original.tracking),
        status="save",
        schedule_time="",
        started_at="",
        send_time="",
        recipients=[],
        deliveries=[],
    )
    call.account.campaigns[copy.id] = copy
    shown = render(call.account, copy)
    del shown["recipients"]["list_is_active"]  # the description of this one answer leaves it out
    return Answer(body=shown)


def _must_be_ready(call: Call, otherwise: str) -> None:
    if not sending.is_ready(sending.checklist(call.account, call.campaign(), call.rules)):
        raise problems.bad_request(otherwise)


_ACTIONS = "/campaigns/{campaign_id}/actions"
ROUTES = (
    Route("GET", "/campaigns/{campaign_id}/send-checklist", _checklist),
    Route("POST", _ACTIONS + "/send", _send),
    Route("POST", _ACTIONS + "/schedule", _schedule),
    Route("POST", _ACTIONS + "/unschedule", _unschedule),
    Route("POST", _ACTIONS + "/test", _test),
    Route("POST", _ACTIONS + "/cancel-send", _cancel),
    Route("POST", _ACTIONS + "/replicate", _replicate),
)
