from __future__ import annotations

from typing import TYPE_CHECKING

from tests.sandbox.conftest import AUDIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.conftest import Client, Clock

ADA, BOB, EVE = "ada@shop.example", "bob@shop.example", "eve@shop.example"


def problems(client: Client, campaign: str) -> set[str]:
    items = client.get(f"/campaigns/{campaign}/send-checklist")["items"]
    return {item["heading"] for item in items if item["type"] == "error"}


def test_a_campaign_goes_to_the_subscribed_members_of_its_segment_once(client: Client) -> None:
    client.subscribe(ADA, BOB, EVE)
    campaign = client.draft(ADA, BOB)
    client.sandbox.unsubscribe(BOB)
    assert client.get(f"/campaigns/{campaign}")["recipients"]["recipient_count"] == 1
    client.send(campaign)
    assert client.status(campaign) == "sent"
    assert [mail.email for mail in client.sandbox.deliveries()] == [ADA]
    assert client.get(f"/campaigns/{campaign}")["emails_sent"] == 1
    assert client.refused("POST", f"/campaigns/{campaign}/actions/send")[0] == 400
    assert len(client.sandbox.deliveries()) == 1


def test_a_segment_option_that_is_not_understood_means_the_whole_audience(client: Client) -> None:
    client.subscribe(ADA, BOB, EVE)
    recipients = {"list_id": AUDIENCE, "segment_opts": {"segment_id": 5}}
    campaign = client.write("POST", "/campaigns", {"type": "regular", "recipients": recipients})
    assert campaign["recipients"]["recipient_count"] == 3
    assert (
        client.write("POST", "/campaigns", {"type": "regular", "recipients": {"list_id": AUDIENCE}})["recipients"][
            "recipient_count"
        ]
        == 3
    )


def test_a_condition_on_a_static_segment_names_the_same_people_as_the_segment(client: Client) -> None:
    client.subscribe(ADA, BOB)
    number = client.sandbox.add_segment("gold", [ADA])
    condition = {"condition_type": "StaticSegment", "field": "static_segment", "op": "static_is", "value": number}
    options = {"match": "any", "conditions": [condition]}
    body = {"type": "regular", "recipients": {"list_id": AUDIENCE, "segment_opts": options}}
    assert client.write("POST", "/campaigns", body)["recipients"]["recipient_count"] == 1


def test_the_checklist_names_every_reason_and_the_send_is_refused(make: Callable[..., Client]) -> None:
    client = make(verified_domains=["shop.example"])
    client.subscribe(ADA)
    body = {"type": "regular", "recipients": {"list_id": AUDIENCE}, "settings": {"reply_to": "a@other.example"}}
    campaign = str(client.write("POST", "/campaigns", body)["id"])
    assert problems(client, campaign) == {"Subject", "From name", "Domain", "Content"}
    assert client.refused("POST", f"/campaigns/{campaign}/actions/send")[2] == "Your Campaign is not ready to send."
    assert problems(client, client.draft()) == {"Recipients"}
    assert problems(client, client.draft(ADA)) == set()


def test_a_deleted_segment_leaves_a_draft_without_recipients(client: Client) -> None:
    client.subscribe(ADA)
    campaign = client.draft(ADA)
    number = client.get(f"/campaigns/{campaign}")["recipients"]["segment_opts"]["saved_segment_id"]
    client.write("DELETE", f"{client.list}/segments/{number}")
    assert problems(client, campaign) == {"Recipients"}


def test_merge_values_are_read_when_the_campaign_is_delivered_not_when_it_is_sent(
    make: Callable[..., Client], clock: Clock
) -> None:
    client = make(sending_seconds=600)
    client.subscribe(ADA, BOB, FNAME="before")
    campaign = client.draft(ADA, BOB, subject_line="Hi *|FNAME|*")
    client.send(campaign)
    rows = [{"email_address": ADA, "merge_fields": {"FNAME": "after"}}]
    client.write("POST", client.list, {"members": rows, "update_existing": True})
    client.sandbox.unsubscribe(BOB)
    clock.advance(seconds=599)
    assert client.status(campaign) == "sending"
    assert client.sandbox.deliveries() == []
    clock.advance(seconds=1)
    assert client.status(campaign) == "sent"
    rows = [{"email_address": ADA, "merge_fields": {"FNAME": "much later"}}]
    client.write("POST", client.list, {"members": rows, "update_existing": True})
    assert [(mail.email, mail.subject) for mail in client.sandbox.deliveries()] == [(ADA, "Hi after")]


def test_a_campaign_that_is_sending_can_be_canceled_but_not_deleted_or_changed(
    make: Callable[..., Client], clock: Clock
) -> None:
    client = make(sending_seconds=600)
    client.subscribe(ADA)
    campaign = client.draft(ADA)
    client.send(campaign)
    assert client.refused("DELETE", f"/campaigns/{campaign}")[0] == 405
    assert client.refused("PUT", f"/campaigns/{campaign}/content", {"html": "x"})[0] == 400
    assert client.refused("POST", f"/campaigns/{campaign}/actions/send")[0] == 400
    client.write("POST", f"/campaigns/{campaign}/actions/cancel-send")
    clock.advance(hours=1)
    assert client.status(campaign) == "canceled"
    assert client.sandbox.deliveries() == []


def test_the_segment_may_be_removed_while_the_campaign_is_sending(make: Callable[..., Client], clock: Clock) -> None:
    client = make(sending_seconds=60)
    client.subscribe(ADA, BOB)
    campaign = client.draft(ADA)
    client.send(campaign)
    number = client.get(f"/campaigns/{campaign}")["recipients"]["segment_opts"]["saved_segment_id"]
    client.write("DELETE", f"{client.list}/segments/{number}")
    clock.advance(minutes=2)
    assert [mail.email for mail in client.sandbox.deliveries()] == [ADA]


def test_mails_stay_in_their_inboxes_when_the_campaign_is_deleted(client: Client) -> None:
    client.subscribe(ADA)
    campaign = client.draft(ADA)
    client.send(campaign)
    client.write("DELETE", f"/campaigns/{campaign}")
    assert client.refused("GET", f"/reports/{campaign}")[0] == 404
    assert client.sandbox.delivery(1).subject == "Hello"


def test_a_schedule_is_kept_on_quarter_hours_and_not_on_the_free_plan(
    make: Callable[..., Client], clock: Clock
) -> None:
    client, free = make(), make(plan="forever_free")
    for each in (client, free):
        each.subscribe(ADA)
    campaign = client.draft(ADA)
    path = f"/campaigns/{campaign}/actions/schedule"
    assert client.refused("POST", path, {"schedule_time": "2026-03-02T10:10:00+00:00"})[0] == 400
    assert client.refused("POST", path, {"schedule_time": "2026-03-02T08:15:00+00:00"})[0] == 400
    client.write("POST", path, {"schedule_time": "2026-03-02T10:15:00+00:00"})
    assert client.status(campaign) == "schedule"
    clock.advance(minutes=74)
    assert client.status(campaign) == "schedule"
    clock.advance(minutes=1)
    assert client.status(campaign) == "sent"
    body = {"schedule_time": "2026-03-02T12:15:00+00:00"}
    assert free.refused("POST", f"/campaigns/{free.draft(ADA)}/actions/schedule", body)[0] == 403


def test_campaigns_are_found_again_by_time_folder_and_status(client: Client, clock: Clock) -> None:
    client.subscribe(ADA)
    folder = client.write("POST", "/campaign-folders", {"name": "ours"})["id"]
    old = client.draft(ADA, title="old")
    since = clock.now.isoformat()
    clock.advance(minutes=5)
    new = client.draft(ADA, title="new", folder_id=folder)
    newest = client.get("/campaigns", sort_field="create_time", sort_dir="DESC")["campaigns"]
    assert [c["settings"]["title"] for c in newest] == ["new", "old"]
    assert [c["id"] for c in client.get("/campaigns", since_create_time=since)["campaigns"]] == [new]
    assert [c["id"] for c in client.get("/campaigns", folder_id=folder)["campaigns"]] == [new]
    client.send(old)
    assert [c["id"] for c in client.get("/campaigns", status="sent")["campaigns"]] == [old]
    assert client.refused("GET", "/campaigns", status="canceled")[0] == 400


def test_a_test_mail_goes_to_anybody_keeps_its_tags_and_is_in_no_report(client: Client) -> None:
    client.subscribe(ADA)
    campaign = client.draft(ADA, subject_line="Hi *|FNAME|*")
    body = {"test_emails": ["boss@shop.example"], "send_type": "html"}
    client.write("POST", f"/campaigns/{campaign}/actions/test", body)
    (mail,) = client.sandbox.deliveries()
    assert (mail.email, mail.subject, mail.test) == ("boss@shop.example", "Hi *|FNAME|*", True)
    client.send(campaign)
    assert client.get(f"/reports/{campaign}")["emails_sent"] == 1


def test_a_copy_is_a_draft_of_its_own(client: Client) -> None:
    client.subscribe(ADA)
    campaign = client.draft(ADA, title="first")
    client.send(campaign)
    copy = client.write("POST", f"/campaigns/{campaign}/actions/replicate")
    assert (copy["status"], copy["emails_sent"], copy["settings"]["title"]) == ("save", 0, "first (copy 01)")
    client.send(copy["id"])
    assert len(client.sandbox.deliveries()) == 2


def test_reports_are_counted_from_what_recipients_did(client: Client, clock: Clock) -> None:
    client.subscribe(ADA, BOB, EVE)
    campaign = client.draft(ADA, BOB, EVE)
    assert client.refused("GET", f"/reports/{campaign}")[0] == 404
    client.send(campaign)
    by_address = {mail.email: mail.id for mail in client.sandbox.deliveries()}
    since = clock.now.isoformat()
    clock.advance(hours=1)
    client.sandbox.open_mail(by_address[ADA])
    client.sandbox.click(by_address[ADA], "https://shop.example/a")
    client.sandbox.unsubscribe_mail(by_address[BOB], "too many")
    client.sandbox.bounce(by_address[EVE])
    report = client.get(f"/reports/{campaign}")
    assert (report["opens"]["unique_opens"], report["clicks"]["clicks_total"], report["unsubscribed"]) == (1, 1, 1)
    assert report["bounces"]["hard_bounces"] == 1
    sent_to = client.get(f"/reports/{campaign}/sent-to")["sent_to"]
    assert {row["email_address"]: row["status"] for row in sent_to} == {ADA: "sent", BOB: "sent", EVE: "hard"}
    activity = client.get(f"/reports/{campaign}/email-activity", count=500, since=since)["emails"]
    assert {row["email_address"]: len(row["activity"]) for row in activity} == {ADA: 2, BOB: 0, EVE: 0}
    (left,) = client.get(f"/reports/{campaign}/unsubscribed")["unsubscribes"]
    assert (left["email_address"], left["reason"]) == (BOB, "too many")
    assert client.sandbox.member(EVE)["status"] == "cleaned"


def test_large_pages_of_the_activity_report_time_out(client: Client) -> None:
    client.subscribe(ADA)
    campaign = client.draft(ADA)
    client.send(campaign)
    answer = client.ask("GET", f"/reports/{campaign}/email-activity", count=501)
    assert (answer.status_code, answer.headers["Content-Type"]) == (504, "text/html")
