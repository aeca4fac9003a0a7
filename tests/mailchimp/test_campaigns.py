from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from tests.mailchimp.conftest import AUDIENCE
from tests.mailchimp.stub import CUT, NO_CONTENT, Received, Reply, Stub, answer, problem

from orchestrator.errors import NotAtProvider, OutcomeUnknown, RejectedByProvider, RetryLater
from orchestrator.gateway import CampaignDraft

if TYPE_CHECKING:
    from orchestrator.mailchimp.gateway import MailchimpGateway

DRAFT = CampaignDraft("co-1", "Hello", "there", "Shop", "hello@shop.example", 7)


def shown(campaign_id: str = "c1", status: str = "save") -> dict[str, Any]:
    return {
        "id": campaign_id,
        "status": status,
        "settings": {"title": "co-1"},
        "recipients": {"recipient_count": 3, "segment_opts": {"saved_segment_id": 7}},
    }


def test_a_campaign_is_made_once_and_its_count_read_back(stub: Stub, gateway: MailchimpGateway) -> None:
    stub.will(answer(shown()), CUT)
    made = gateway.create_campaign(DRAFT)
    assert (made.id, made.recipient_count, made.segment_id) == ("c1", 3, 7)
    assert stub.received[0].body["type"] == "regular"
    with pytest.raises(OutcomeUnknown, match="co-1"):
        gateway.create_campaign(DRAFT)
    assert len(stub.received) == 2


def test_a_draft_is_made_equal_again_and_again(stub: Stub, gateway: MailchimpGateway) -> None:
    stub.will(CUT, answer(shown()))
    assert gateway.update_campaign("c1", DRAFT).id == "c1"
    assert stub.received[1].method == "PATCH"
    assert "type" not in stub.received[1].body


def test_campaigns_are_listed_newest_first_each_once(stub: Stub, gateway: MailchimpGateway) -> None:
    items = [shown(f"c{n}") for n in range(1500)]

    def page(request: Received) -> Reply:
        offset = int(request.query["offset"])
        reply = answer({"campaigns": items[offset : offset + 1000], "total_items": len(items)})
        items.insert(0, shown(f"new{offset}"))
        return reply

    stub.otherwise = page
    found = gateway.campaigns(created_since=datetime(2026, 3, 2, 9, 30, tzinfo=UTC), status="save")
    assert [one.id for one in found] == [f"c{n}" for n in range(1500)]
    query = stub.received[0].query
    assert {key: query[key] for key in ("list_id", "status", "sort_field", "sort_dir", "since_create_time")} == {
        "list_id": AUDIENCE,
        "status": "save",
        "sort_field": "create_time",
        "sort_dir": "DESC",
        "since_create_time": "2026-03-02T09:29:59+00:00",
    }


def test_content_is_set_again_after_an_open_outcome(stub: Stub, gateway: MailchimpGateway) -> None:
    stub.will(CUT, answer({"html": "<p>å</p>"}))
    gateway.set_content("c1", "<p>å</p>", "å")
    assert stub.received[1].body == {"html": "<p>å</p>", "plain_text": "å"}


def test_a_campaign_that_is_gone_is_not_at_the_provider(stub: Stub, gateway: MailchimpGateway) -> None:
    stub.will(problem(404, "Resource Not Found"))
    with pytest.raises(NotAtProvider, match="c1"):
        gateway.campaign("c1")


def test_a_send_is_one_request(stub: Stub, gateway: MailchimpGateway) -> None:
    stub.will(NO_CONTENT)
    gateway.send("c1")
    assert stub.made() == ["POST /campaigns/c1/actions/send"]


def test_a_send_that_was_throttled_is_left_to_the_caller(stub: Stub, gateway: MailchimpGateway) -> None:
    stub.will(problem(429, "Too Many Requests"))
    with pytest.raises(RetryLater):
        gateway.send("c1")
    assert len(stub.received) == 1


def test_a_campaign_that_is_not_ready_is_refused(stub: Stub, gateway: MailchimpGateway) -> None:
    stub.will(problem(400, "Bad Request", "Your Campaign is not ready to send."))
    with pytest.raises(RejectedByProvider):
        gateway.send("c1")


def test_any_other_refusal_to_send_may_mean_that_it_was_sent(stub: Stub, gateway: MailchimpGateway) -> None:
    stub.will(problem(400, "Bad Request", "Cannot send a campaign that was sent."))
    with pytest.raises(OutcomeUnknown, match="status is read"):
        gateway.send("c1")
    assert len(stub.received) == 1


def test_a_test_mail_goes_to_each_address_once(stub: Stub, gateway: MailchimpGateway) -> None:
    stub.will(NO_CONTENT, CUT)
    gateway.send_test("c1", ["a@x.example", "A@x.example"])
    assert stub.received[0].body == {"test_emails": ["a@x.example"], "send_type": "html"}
    with pytest.raises(OutcomeUnknown) as told:
        gateway.send_test("c1", ["a@x.example"])
    assert "@" not in str(told.value)


def test_a_campaign_that_is_gone_is_deleted_and_one_being_sent_stays_for_now(
    stub: Stub, gateway: MailchimpGateway
) -> None:
    stub.will(CUT, problem(404, "Resource Not Found"))
    gateway.delete_campaign("c1")
    stub.will(problem(405, "Method Not Allowed", "This campaign is sending"))
    with pytest.raises(RetryLater, match="c2"):
        gateway.delete_campaign("c2")
    stub.will(problem(400, "Bad Request", "No"))
    with pytest.raises(RejectedByProvider):
        gateway.delete_campaign("c3")


def test_a_checklist_is_read(stub: Stub, gateway: MailchimpGateway) -> None:
    stub.will(answer({"is_ready": True, "items": []}))
    assert gateway.checklist("c1").ready
