from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from tests.mailchimp.conftest import AUDIENCE
from tests.mailchimp.stub import CUT, Received, Reply, Stub, answer, problem

from orchestrator.errors import GatewayMisconfigured, OutcomeUnknown, RejectedByProvider
from orchestrator.gateway import MemberWrite
from orchestrator.mailchimp.payloads import subscriber_hash
from orchestrator.vocabulary import MemberStatus, Refusal

if TYPE_CHECKING:
    from orchestrator.mailchimp.gateway import MailchimpGateway


def batch_answer(new: list[str], updated: list[str] = [], errors: list[dict[str, Any]] = []) -> Reply:  # noqa: B006
    return answer(
        {
            "new_members": [{"email_address": email} for email in new],
            "updated_members": [{"email_address": email} for email in updated],
            "errors": errors,
        }
    )


def rows(count: int) -> list[MemberWrite]:
    return [MemberWrite(f"c{number}@shop.example") for number in range(count)]


def pages(stub: Stub, key: str, items: list[dict[str, Any]]) -> None:
    """Serve a collection as Mailchimp does."""

    def page(request: Received) -> Reply:
        offset, count = int(request.query["offset"]), int(request.query["count"])
        return answer({key: items[offset : offset + count], "total_items": len(items)})

    stub.otherwise = page


def test_the_audience_says_how_many_merge_fields_it_may_have(stub: Stub, gateway: MailchimpGateway) -> None:
    stub.will(answer({"id": "a1", "name": "Shop", "merge_field_limit": 80}), answer({"id": "a1", "name": "Shop"}))
    assert gateway.audience().merge_field_limit == 80
    assert gateway.audience().merge_field_limit == 30


def test_an_audience_that_is_not_there_is_a_wrong_setting(stub: Stub, gateway: MailchimpGateway) -> None:
    stub.otherwise = lambda _: problem(404, "Resource Not Found")
    calls = (
        gateway.audience,
        lambda: list(gateway.members(MemberStatus.SUBSCRIBED)),
        lambda: gateway.add_members(rows(1)),
        gateway.merge_fields,
        gateway.segments,
        lambda: gateway.create_segment("gold"),
    )
    for call in calls:
        with pytest.raises(GatewayMisconfigured, match=AUDIENCE):
            call()


def test_members_are_read_to_the_end_with_only_the_fields_that_we_need(stub: Stub, gateway: MailchimpGateway) -> None:
    pages(stub, "members", [{"email_address": f"{n}@x.example", "status": "cleaned"} for n in range(2500)])
    members = list(gateway.members(MemberStatus.CLEANED))
    assert len(members) == 2500
    assert members[-1].email == "2499@x.example"
    assert sorted(int(request.query["offset"]) for request in stub.received) == [0, 1000, 2000]
    assert {request.query["status"] for request in stub.received} == {"cleaned"}
    assert stub.received[0].query["count"] == "1000"
    assert stub.received[0].query["fields"].startswith("members.email_address,members.status")


def test_members_that_leave_between_two_pages_hide_nobody(stub: Stub, gateway: MailchimpGateway) -> None:
    items = [{"email_address": f"{n}@x.example", "status": "subscribed"} for n in range(2500)]

    def page(request: Received) -> Reply:
        offset = int(request.query["offset"])
        reply = answer({"members": items[offset : offset + 1000], "total_items": len(items)})
        del items[:10]
        return reply

    stub.otherwise = page
    seen = {member.email for member in gateway.members(MemberStatus.SUBSCRIBED)}
    assert {item["email_address"] for item in items} <= seen


def test_many_pages_come_in_their_order_each_asked_for_once(stub: Stub, gateway: MailchimpGateway) -> None:
    pages(stub, "members", [{"email_address": f"{n}@x.example", "status": "cleaned"} for n in range(21_500)])
    members = gateway.members(MemberStatus.CLEANED)
    assert [member.email for member in members] == [f"{n}@x.example" for n in range(21_500)]
    assert sorted(int(request.query["offset"]) for request in stub.received) == list(range(0, 21_500, 1000))


def test_a_page_that_comes_short_is_asked_for_again_by_itself(stub: Stub, gateway: MailchimpGateway) -> None:
    items = [{"email_address": f"{n}@x.example", "status": "subscribed"} for n in range(5000)]
    short = [2000]

    def page(request: Received) -> Reply:
        offset = int(request.query["offset"])
        rows = items[offset : offset + 1000]
        if offset in short:
            short.clear()
            rows = rows[:10]
        return answer({"members": rows, "total_items": len(items)})

    stub.otherwise = page
    seen = [member.email for member in gateway.members(MemberStatus.SUBSCRIBED)]
    assert seen == [item["email_address"] for item in items]


def test_changed_members_are_asked_for_with_a_second_of_overlap(stub: Stub, gateway: MailchimpGateway) -> None:
    pages(stub, "members", [])
    assert list(gateway.members(MemberStatus.UNSUBSCRIBED, datetime(2026, 3, 2, 9, 30, tzinfo=UTC))) == []
    assert stub.received[0].query["since_last_changed"] == "2026-03-02T09:29:59+00:00"


def test_an_unknown_status_cannot_be_asked_for(gateway: MailchimpGateway) -> None:
    with pytest.raises(ValueError, match="no such status"):
        next(gateway.members(MemberStatus.UNKNOWN))


def test_a_member_is_found_whatever_the_case_of_the_address_or_is_none(stub: Stub, gateway: MailchimpGateway) -> None:
    stub.will(answer({"email_address": "a@x.example", "status": "archived"}), problem(404, "Resource Not Found"))
    found = gateway.member("A@X.example")
    assert found is not None
    assert found.status is MemberStatus.ARCHIVED
    assert stub.received[0].path == f"/lists/{AUDIENCE}/members/{subscriber_hash('a@x.example')}"
    assert gateway.member("b@x.example") is None


def test_additions_are_subscribed_and_cannot_touch_existing_members(stub: Stub, gateway: MailchimpGateway) -> None:
    exists = {"email_address": "b@x.example", "error": "exists", "error_code": "ERROR_CONTACT_EXISTS"}
    stub.will(batch_answer(["a@x.example"], errors=[exists]))
    result = gateway.add_members([MemberWrite("A@x.example", tags=("gold",)), MemberWrite("b@x.example")])
    assert result.done == {"a@x.example"}
    assert [(one.email, one.refusal) for one in result.refused] == [("b@x.example", Refusal.EXISTS)]
    (request,) = stub.received
    assert request.query == {"skip_merge_validation": "true"}
    assert request.body["update_existing"] is False
    assert request.body["sync_tags"] is False
    assert request.body["members"] == [
        {"email_address": "A@x.example", "status": "subscribed", "tags": ["gold"]},
        {"email_address": "b@x.example", "status": "subscribed"},
    ]


def test_updates_carry_no_status(stub: Stub, gateway: MailchimpGateway) -> None:
    stub.will(batch_answer([], ["a@x.example"]))
    result = gateway.update_members([MemberWrite("a@x.example", {"FNAME": "Ada"}, "sv", ("gold",))])
    assert result.done == {"a@x.example"}
    body = stub.received[0].body
    assert body["update_existing"] is True
    assert body["members"] == [
        {"email_address": "a@x.example", "merge_fields": {"FNAME": "Ada"}, "language": "sv", "tags": ["gold"]}
    ]


def test_opt_outs_carry_a_status_and_nothing_else(stub: Stub, gateway: MailchimpGateway) -> None:
    stub.will(batch_answer([], ["a@x.example"]))
    assert gateway.unsubscribe_members(["a@x.example"]).done == {"a@x.example"}
    body = stub.received[0].body
    assert body["update_existing"] is True
    assert body["members"] == [{"email_address": "a@x.example", "status": "unsubscribed"}]


def test_rows_in_none_of_the_lists_are_unanswered(stub: Stub, gateway: MailchimpGateway) -> None:
    stub.will(batch_answer([]))
    assert gateway.update_members(rows(2)).unanswered == {"c0@shop.example", "c1@shop.example"}


def test_additions_with_an_open_outcome_are_not_repeated_and_updates_are(stub: Stub, gateway: MailchimpGateway) -> None:
    stub.will(CUT)
    with pytest.raises(OutcomeUnknown):
        gateway.add_members(rows(1))
    assert len(stub.received) == 1
    stub.will(CUT, batch_answer([], ["c0@shop.example"]))
    assert gateway.update_members(rows(1)).done == {"c0@shop.example"}


def test_one_row_that_has_the_whole_call_refused_is_found_and_set_aside(stub: Stub, gateway: MailchimpGateway) -> None:
    poison = "c137@shop.example"

    def judge(request: Received) -> Reply:
        emails = [row["email_address"] for row in request.body["members"]]
        if poison in emails:
            return problem(400, "Invalid Resource", "Schema describes object, array found instead")
        return batch_answer(emails)

    stub.otherwise = judge
    result = gateway.add_members(rows(500))
    assert len(result.done) == 499
    assert [(one.email, one.refusal) for one in result.refused] == [(poison, Refusal.OTHER)]
    assert len(stub.received) <= 19


def test_a_fault_of_every_row_is_told_after_a_bounded_number_of_calls(stub: Stub, gateway: MailchimpGateway) -> None:
    stub.otherwise = lambda _: problem(400, "Invalid Resource", "Schema describes object, array found instead")
    with pytest.raises(RejectedByProvider, match="Schema"):
        gateway.update_members(rows(500))
    assert len(stub.received) <= 42


def test_nothing_to_write_makes_no_call_and_too_much_is_refused(stub: Stub, gateway: MailchimpGateway) -> None:
    assert gateway.add_members([]).done == frozenset()
    with pytest.raises(ValueError, match="500"):
        gateway.add_members(rows(501))
    assert stub.received == []


def test_a_new_address_is_written_to_the_old_members_id(stub: Stub, gateway: MailchimpGateway) -> None:
    gateway.change_address("Old@x.example", "new@x.example")
    (request,) = stub.received
    assert (request.method, request.path) == ("PATCH", f"/lists/{AUDIENCE}/members/{subscriber_hash('old@x.example')}")
    assert request.body == {"email_address": "new@x.example"}


@pytest.mark.parametrize("title", ["Member Exists", "Invalid Resource"])
def test_a_new_address_that_is_taken_is_told_under_one_title(stub: Stub, gateway: MailchimpGateway, title: str) -> None:
    stub.will(problem(400, title, 'new@x.example is already in this list with a status of "Subscribed".'))
    with pytest.raises(RejectedByProvider) as refused:
        gateway.change_address("old@x.example", "new@x.example")
    assert refused.value.title == "Member Exists"


def test_merge_fields_are_read_to_the_end_and_made_optional_and_private(stub: Stub, gateway: MailchimpGateway) -> None:
    pages(stub, "merge_fields", [{"tag": f"F{n}", "type": "text", "required": n == 1} for n in range(12)])
    fields = gateway.merge_fields()
    assert [field.tag for field in fields if field.required] == ["F1"]
    assert len(fields) == 12
    stub.will(answer({"tag": "CO_1", "type": "text", "required": False}))
    assert gateway.create_merge_field("CO_1", "Orchestrator 1").tag == "CO_1"
    assert stub.received[-1].body == {
        "tag": "CO_1",
        "name": "Orchestrator 1",
        "type": "text",
        "public": False,
        "required": False,
    }
