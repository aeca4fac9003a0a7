from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.mailchimp.conftest import AUDIENCE
from tests.mailchimp.stub import CUT, NO_CONTENT, Received, Reply, Stub, answer, html, problem

from orchestrator.errors import OutcomeUnknown, RejectedByProvider

if TYPE_CHECKING:
    from orchestrator.mailchimp.gateway import MailchimpGateway

NOBODY = problem(400, "Invalid Resource", "None of the emails provided were subscribed to the list")


def changed(added: list[str], removed: list[str] | None = None) -> Reply:
    return answer(
        {
            "members_added": [{"email_address": email} for email in added],
            "members_removed": [{"email_address": email} for email in removed or []],
            "errors": [],
        }
    )


def test_only_static_segments_are_listed_to_the_end(stub: Stub, gateway: MailchimpGateway) -> None:
    items = [{"id": n, "name": f"s{n}", "member_count": n} for n in range(1200)]

    def page(request: Received) -> Reply:
        offset = int(request.query["offset"])
        return answer({"segments": items[offset : offset + 1000], "total_items": len(items)})

    stub.otherwise = page
    segments = gateway.segments()
    assert [segment.id for segment in segments] == list(range(1200))
    assert {request.query["type"] for request in stub.received} == {"static"}


def test_a_segment_is_made_once(stub: Stub, gateway: MailchimpGateway) -> None:
    stub.will(answer({"id": 7, "name": "gold", "member_count": 1}), html(502))
    assert gateway.create_segment("gold", ["A@x.example", "a@x.example"]).id == 7
    assert stub.received[0].body == {"name": "gold", "static_segment": ["A@x.example"]}
    with pytest.raises(OutcomeUnknown):
        gateway.create_segment("vip")
    assert len(stub.received) == 2


def test_a_segment_of_nobody_whom_the_audience_has_is_made_empty(stub: Stub, gateway: MailchimpGateway) -> None:
    stub.will(NOBODY, answer({"id": 7, "name": "gold", "member_count": 0}))
    assert gateway.create_segment("gold", ["a@x.example"]).member_count == 0
    assert stub.received[1].body == {"name": "gold", "static_segment": []}


def test_a_name_that_is_taken_is_refused(stub: Stub, gateway: MailchimpGateway) -> None:
    stub.will(problem(400, "Bad Request", "Sorry, that tag already exists."))
    with pytest.raises(RejectedByProvider, match="already exists"):
        gateway.create_segment("gold")


def test_members_are_changed_in_one_call_under_the_keys_that_mailchimp_knows(
    stub: Stub, gateway: MailchimpGateway
) -> None:
    stub.will(CUT, changed(["a@x.example"], ["b@x.example"]))
    result = gateway.change_segment(7, ["A@x.example", "a@X.example"], ["b@x.example"])
    assert result.added == {"a@x.example"}
    assert result.removed == {"b@x.example"}
    assert stub.received[1].path == f"/lists/{AUDIENCE}/segments/7"
    assert stub.received[1].body == {"members_to_add": ["A@x.example"], "members_to_remove": ["b@x.example"]}


def test_who_is_neither_added_nor_refused_counts_as_added_only_when_seen_in_the_segment(
    stub: Stub, gateway: MailchimpGateway
) -> None:
    members = [
        {"email_address": "There@x.example", "status": "subscribed"},
        {"email_address": "left@x.example", "status": "unsubscribed"},
    ]
    stub.will(changed(["a@x.example"]), answer({"members": members, "total_items": 2}))
    result = gateway.change_segment(7, ["a@x.example", "there@x.example", "left@x.example", "lost@x.example"], [])
    assert result.added == {"a@x.example", "there@x.example"}


def test_when_none_of_the_addresses_is_known_each_half_gets_its_own_answer(
    stub: Stub, gateway: MailchimpGateway
) -> None:
    stub.will(NOBODY, NOBODY, changed([], ["b@x.example"]))
    result = gateway.change_segment(7, ["a@x.example"], ["b@x.example"])
    assert result.removed == {"b@x.example"}
    assert list(result.refused) == ["a@x.example"]
    stub.will(NOBODY)
    assert gateway.change_segment(7, [], ["c@x.example"]).removed == {"c@x.example"}


def test_nothing_to_change_makes_no_call_and_too_much_is_refused(stub: Stub, gateway: MailchimpGateway) -> None:
    assert gateway.change_segment(7, [], []).added == frozenset()
    with pytest.raises(ValueError, match="500"):
        gateway.change_segment(7, [f"{n}@x.example" for n in range(501)], [])
    assert stub.received == []


def test_a_segment_that_is_gone_is_deleted(stub: Stub, gateway: MailchimpGateway) -> None:
    stub.will(CUT, problem(404, "Resource Not Found"), NO_CONTENT)
    gateway.delete_segment(7)
    gateway.delete_segment(8)
    assert stub.made()[-1] == f"DELETE /lists/{AUDIENCE}/segments/8"
