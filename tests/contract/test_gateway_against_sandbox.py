"""The gateway against the sandbox, which was written from Mailchimp's description without knowing the gateway.

What the gateway asks is judged by that description too.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.openapi import openapi

from orchestrator.clock import FixedClock
from orchestrator.definitions.values import MailchimpSettings
from orchestrator.errors import GatewayMisconfigured, NotAtProvider, OutcomeUnknown, RejectedByProvider, RetryLater
from orchestrator.gateway import CampaignDraft, EmailGateway, MemberWrite
from orchestrator.mailchimp.client import ATTEMPTS
from orchestrator.mailchimp.connections import ConnectionBudget
from orchestrator.mailchimp.gateway import MailchimpGateway, open_gateway
from orchestrator.sandbox.server import Sandbox
from orchestrator.vocabulary import MailEventKind, MemberStatus, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

AUDIENCE = "9e67587f52"
HTML = '<p>Hello *|FNAME|* <a href="https://shop.example/a">shop</a> <a href="*|UNSUB|*">leave</a> *|LIST:ADDRESS|*</p>'
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CONNECTIONS = 8


class Clock:
    """The sandbox's time."""

    now = NOW

    def __call__(self) -> datetime:
        return self.now


class Quiet(FixedClock):
    """Waits for nothing."""

    def sleep(self, seconds: float) -> None:
        pass


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sandbox(clock: Clock) -> Iterator[Sandbox]:
    with Sandbox(audience=AUDIENCE, clock=clock) as running:
        yield running


@pytest.fixture
def gateway(sandbox: Sandbox) -> Iterator[MailchimpGateway]:
    made = gateway_of(sandbox)
    yield made
    made.close()


def gateway_of(sandbox: Sandbox, audience: str = AUDIENCE) -> MailchimpGateway:
    settings = MailchimpSettings("env:KEY", audience, "Shop", "hello@shop.example", sandbox.base_url, CONNECTIONS)
    budget = ConnectionBudget.in_process(CONNECTIONS)
    return open_gateway(settings, "rehearsal-us1", budget, clock=Quiet(NOW), pretend_now=True)


def subscribe(gateway: MailchimpGateway, *emails: str, tags: tuple[str, ...] = ()) -> None:
    answer = gateway.add_members([MemberWrite(email, {"FNAME": email[0].upper()}, "sv", tags) for email in emails])
    assert answer.done == set(emails)


def make_campaign(gateway: MailchimpGateway, *emails: str) -> str:
    segment = gateway.create_segment(f"run {gateway.calls}", emails)
    draft = CampaignDraft(f"co {segment.id}", "Hello", "there", "Shop", "hello@shop.example", segment.id)
    campaign = gateway.create_campaign(draft)
    assert campaign.recipient_count == len(emails)
    gateway.set_content(campaign.id, HTML, "Hello *|FNAME|*")
    return campaign.id


def test_the_gateway_implements_the_protocol(gateway: MailchimpGateway) -> None:
    as_protocol: EmailGateway = gateway
    assert as_protocol.audience().audience_id == AUDIENCE


def test_an_unknown_audience_is_a_wrong_setting(sandbox: Sandbox) -> None:
    other = gateway_of(sandbox, "0000000000")
    with pytest.raises(GatewayMisconfigured, match="0000000000"):
        other.audience()
    other.close()


def test_members_are_added_once_with_fields_language_and_tags(sandbox: Sandbox, gateway: MailchimpGateway) -> None:
    answer = gateway.add_members(
        [
            MemberWrite("Ada@shop.example", {"FNAME": "Ada"}, "sv", ("gold",)),
            MemberWrite("fake@example.com"),
            MemberWrite("not an address"),
        ]
    )
    assert answer.done == {"ada@shop.example"}
    assert answer.tags == {"ada@shop.example": {"gold"}}
    assert {one.refusal for one in answer.refused} == {Refusal.INVALID_ADDRESS}
    assert answer.unanswered == frozenset()
    member = sandbox.member("ada@shop.example")
    assert (member["status"], member["language"], member["merge_fields"]["FNAME"]) == ("subscribed", "sv", "Ada")
    assert sandbox.tagged("gold") == {"Ada@shop.example"}


@pytest.mark.parametrize(
    ("reason", "refusal"),
    [
        ("fake", Refusal.INVALID_ADDRESS),
        ("invalid", Refusal.INVALID_ADDRESS),
        ("too_many_lists", Refusal.TOO_MANY_SIGNUPS),
        ("forgotten", Refusal.FORGOTTEN),
        ("compliance", Refusal.COMPLIANCE),
    ],
)
def test_each_refusal_of_an_address_has_our_word(
    sandbox: Sandbox, gateway: MailchimpGateway, reason: str, refusal: Refusal
) -> None:
    sandbox.refuse_address("ada@shop.example", reason)
    answer = gateway.add_members([MemberWrite("ada@shop.example"), MemberWrite("bob@shop.example")])
    assert [one.refusal for one in answer.refused] == [refusal]
    assert answer.done == {"bob@shop.example"}


def test_whoever_left_in_any_way_is_not_brought_back(sandbox: Sandbox, gateway: MailchimpGateway) -> None:
    people = {"left": "unsubscribed", "bounced": "cleaned", "filed": "archived"}
    subscribe(gateway, *(f"{name}@shop.example" for name in people))
    sandbox.unsubscribe("left@shop.example")
    sandbox.clean("bounced@shop.example")
    sandbox.archive("filed@shop.example")
    rows = [MemberWrite(f"{name}@shop.example", {"FNAME": "New"}) for name in people]
    assert {one.refusal for one in gateway.add_members(rows).refused} <= {Refusal.EXISTS, Refusal.COMPLIANCE}
    gateway.update_members(rows)
    for name, status in people.items():
        found = gateway.member(f"{name}@shop.example")
        assert found is not None
        assert found.status == status
        assert [one.email for one in gateway.members(MemberStatus(status))] == [f"{name}@shop.example"]
    assert list(gateway.members(MemberStatus.SUBSCRIBED)) == []


def test_updates_change_fields_and_add_tags_beside_those_set_by_hand(
    sandbox: Sandbox, gateway: MailchimpGateway
) -> None:
    subscribe(gateway, "ada@shop.example")
    sandbox.add_segment("by hand", ["ada@shop.example"])
    answer = gateway.update_members([MemberWrite("ada@shop.example", {"FNAME": "Åsa"}, "de", ("gold",))])
    assert answer.done == {"ada@shop.example"}
    assert answer.tags["ada@shop.example"] == {"gold", "by hand"}
    assert sandbox.member("ada@shop.example")["merge_fields"]["FNAME"] == "Åsa"


def test_a_field_that_somebody_made_required_holds_nothing_up(sandbox: Sandbox, gateway: MailchimpGateway) -> None:
    import requests  # noqa: PLC0415 - plays the person in the web app

    field = {"tag": "SIZE", "name": "Size", "type": "text", "required": True}
    path = f"{sandbox.base_url}/lists/{AUDIENCE}/merge-fields"
    assert requests.post(path, json=field, auth=("user", "key-us1"), timeout=20).ok
    subscribe(gateway, "ada@shop.example")
    assert gateway.update_members([MemberWrite("ada@shop.example", {"FNAME": "A"})]).done
    assert gateway.unsubscribe_members(["ada@shop.example"]).done
    assert [one.tag for one in gateway.merge_fields() if one.required] == ["SIZE"]


def test_an_opt_out_of_the_erp_is_written(gateway: MailchimpGateway) -> None:
    subscribe(gateway, "ada@shop.example")
    assert gateway.unsubscribe_members(["ADA@shop.example"]).done == {"ada@shop.example"}
    assert [member.email for member in gateway.members(MemberStatus.UNSUBSCRIBED)] == ["ada@shop.example"]


def test_changes_at_and_after_a_moment_are_found(sandbox: Sandbox, gateway: MailchimpGateway, clock: Clock) -> None:
    subscribe(gateway, "ada@shop.example", "bob@shop.example")
    clock.now = NOW + timedelta(hours=1)
    sandbox.unsubscribe("bob@shop.example")
    assert [one.email for one in gateway.members(MemberStatus.UNSUBSCRIBED, clock.now)] == ["bob@shop.example"]
    assert list(gateway.members(MemberStatus.UNSUBSCRIBED, clock.now + timedelta(seconds=2))) == []
    assert list(gateway.members(MemberStatus.SUBSCRIBED, clock.now)) == []


def test_a_member_moves_to_a_new_address_unless_it_is_taken(sandbox: Sandbox, gateway: MailchimpGateway) -> None:
    subscribe(gateway, "ada@shop.example", "bob@shop.example")
    gateway.change_address("Ada@shop.example", "ada.new@shop.example")
    assert {member["email_address"] for member in sandbox.members()} == {"ada.new@shop.example", "bob@shop.example"}
    with pytest.raises(RejectedByProvider) as refused:
        gateway.change_address("ada.new@shop.example", "bob@shop.example")
    assert refused.value.title == "Member Exists"
    with pytest.raises(NotAtProvider):
        gateway.change_address("nobody@shop.example", "somebody@shop.example")


def test_merge_fields_are_made_and_found(gateway: MailchimpGateway) -> None:
    made = gateway.create_merge_field("CO_1", "Orchestrator 1")
    assert (made.tag, made.type, made.required) == ("CO_1", "text", False)
    assert made in gateway.merge_fields()


def test_a_static_segment_holds_exactly_its_members(sandbox: Sandbox, gateway: MailchimpGateway) -> None:
    subscribe(gateway, "ada@shop.example", "bob@shop.example", "eve@shop.example")
    segment = gateway.create_segment("gold", ["ADA@shop.example", "stranger@shop.example"])
    assert list(gateway.segment_members(segment.id)) == ["ada@shop.example"]
    answer = gateway.change_segment(
        segment.id,
        ["Bob@shop.example", "ada@shop.example", "stranger@shop.example"],
        ["eve@shop.example", "ghost@shop.example"],
    )
    assert answer.added == {"ada@shop.example", "bob@shop.example"}
    assert answer.removed == {"eve@shop.example", "ghost@shop.example"}
    assert list(answer.refused) == ["stranger@shop.example"]
    sandbox.unsubscribe("bob@shop.example")
    assert list(gateway.segment_members(segment.id)) == ["ada@shop.example"]
    (found,) = gateway.segments()
    assert (found.id, found.name, found.member_count) == (segment.id, "gold", 1)
    gateway.delete_segment(segment.id)
    gateway.delete_segment(segment.id)
    assert gateway.segments() == []
    with pytest.raises(NotAtProvider):
        gateway.change_segment(segment.id, ["ada@shop.example"], [])


def test_a_campaign_reaches_exactly_its_segment_and_its_story_is_read_back(
    sandbox: Sandbox, gateway: MailchimpGateway, clock: Clock
) -> None:
    subscribe(gateway, *(f"{name}@shop.example" for name in ("ada", "bob", "eve", "ivy", "max")))
    campaign = make_campaign(gateway, *(f"{name}@shop.example" for name in ("ada", "bob", "eve", "ivy")))
    assert gateway.checklist(campaign).ready
    assert gateway.campaign(campaign).status == "save"
    with pytest.raises(RetryLater):
        list(gateway.receipts(campaign))
    gateway.send(campaign)
    sent = gateway.campaign(campaign)
    assert (sent.status, sent.emails_sent) == ("sent", 4)
    assert gateway.campaigns(status="sent") == [sent]
    mails = {mail.to: mail.id for mail in sandbox.deliveries()}
    assert set(mails) == {f"{name}@shop.example" for name in ("ada", "bob", "eve", "ivy")}
    clock.now = NOW + timedelta(hours=1)
    sandbox.click(mails["ada@shop.example"], "https://shop.example/a")
    sandbox.bounce(mails["bob@shop.example"], hard=True)
    sandbox.unsubscribe_mail(mails["eve@shop.example"])
    sandbox.mark_spam(mails["ivy@shop.example"])
    receipts = {receipt.email: receipt.bounce for receipt in gateway.receipts(campaign)}
    assert receipts == dict.fromkeys(mails, None) | {"bob@shop.example": MailEventKind.HARD_BOUNCE}
    events = {(event.email, event.kind) for event in gateway.mail_events(campaign, None)}
    assert events >= {
        ("ada@shop.example", MailEventKind.CLICK),
        ("bob@shop.example", MailEventKind.HARD_BOUNCE),
        ("eve@shop.example", MailEventKind.UNSUBSCRIBE),
        ("ivy@shop.example", MailEventKind.ABUSE),
    }
    later = {event.email for event in gateway.mail_events(campaign, clock.now + timedelta(hours=1))}
    assert later == set()
    assert gateway.unknown_words == {}


def test_a_campaign_is_changed_listed_and_deleted(gateway: MailchimpGateway, clock: Clock) -> None:
    subscribe(gateway, "ada@shop.example", "bob@shop.example")
    campaign = make_campaign(gateway, "ada@shop.example")
    other = gateway.create_segment("others", ["ada@shop.example", "bob@shop.example"])
    draft = CampaignDraft("co changed", "Hi", "", "Shop", "hello@shop.example", other.id)
    changed = gateway.update_campaign(campaign, draft)
    assert (changed.title, changed.recipient_count, changed.segment_id) == ("co changed", 2, other.id)
    assert gateway.campaigns(created_since=clock.now, status="save") == [changed]
    assert gateway.campaigns(created_since=clock.now + timedelta(minutes=1)) == []
    gateway.delete_campaign(campaign)
    gateway.delete_campaign(campaign)
    with pytest.raises(NotAtProvider):
        gateway.campaign(campaign)


def test_a_campaign_for_nobody_is_not_ready_and_a_sent_one_is_not_sent_again(
    sandbox: Sandbox, gateway: MailchimpGateway
) -> None:
    subscribe(gateway, "ada@shop.example")
    campaign = make_campaign(gateway)
    checklist = gateway.checklist(campaign)
    assert not checklist.ready
    assert checklist.errors
    with pytest.raises(RejectedByProvider):
        gateway.send(campaign)
    campaign = make_campaign(gateway, "ada@shop.example")
    gateway.send(campaign)
    with pytest.raises(OutcomeUnknown):
        gateway.send(campaign)
    assert len(sandbox.deliveries()) == 1


def test_a_test_mail_arrives(sandbox: Sandbox, gateway: MailchimpGateway) -> None:
    subscribe(gateway, "ada@shop.example")
    gateway.send_test(make_campaign(gateway, "ada@shop.example"), ["me@shop.example"])
    assert [mail.to for mail in sandbox.deliveries()] == ["me@shop.example"]


# -- when calls go wrong


@pytest.mark.parametrize("kind", ["cut-after", "500-after", "502-after", "504-after", "bodiless-429", "bodiless-403"])
def test_a_send_whose_answer_is_lost_is_asked_for_once(sandbox: Sandbox, gateway: MailchimpGateway, kind: str) -> None:
    subscribe(gateway, "ada@shop.example")
    campaign = make_campaign(gateway, "ada@shop.example")
    sandbox.fail_next("POST", "/campaigns/*/actions/send", kind)
    with pytest.raises(OutcomeUnknown):
        gateway.send(campaign)
    assert sum(request.path.endswith("/actions/send") for request in sandbox.requests) == 1


@pytest.mark.parametrize("kind", ["cut-after", "502-after", "bodiless-429"])
def test_nothing_is_made_twice(sandbox: Sandbox, gateway: MailchimpGateway, kind: str) -> None:
    sandbox.fail_next("POST", "/lists/*/segments", kind)
    with pytest.raises(OutcomeUnknown):
        gateway.create_segment("gold")
    assert len(gateway.segments()) <= 1
    sandbox.fail_next("POST", "/lists/*/merge-fields", kind)
    with pytest.raises(OutcomeUnknown):
        gateway.create_merge_field("CO_1", "Orchestrator 1")
    assert len([field for field in gateway.merge_fields() if field.tag == "CO_1"]) <= 1


def test_a_storm_is_weathered_within_the_budget(sandbox: Sandbox, gateway: MailchimpGateway) -> None:
    emails = [f"c{number}@shop.example" for number in range(400)]
    subscribe(gateway, *emails)
    calm_calls = gateway.calls
    # which call meets them is chance: all of them are no more than one call bears
    sandbox.fail_next("*", "*", "429", times=2)
    sandbox.fail_next("*", "*", "cut-after", times=2, skip=2)
    sandbox.fail_next("*", "*", "502", times=ATTEMPTS - 1 - 4, skip=4)
    batches = [emails[start : start + 10] for start in range(0, 400, 10)]

    def update(batch: list[str]) -> int:
        return len(gateway.update_members([MemberWrite(email, {"FNAME": "New"}) for email in batch]).done)

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(update, batches)) == 400
    assert gateway.calls - calm_calls == len(batches) + ATTEMPTS - 1
    assert sandbox.most_in_flight <= CONNECTIONS


def test_every_request_is_one_that_mailchimp_describes(sandbox: Sandbox, gateway: MailchimpGateway) -> None:
    description = openapi()
    subscribe(gateway, "ada@shop.example", "bob@shop.example", tags=("gold",))
    gateway.audience()
    gateway.update_members([MemberWrite("ada@shop.example", {"FNAME": "A"}, "sv", ("vip",))])
    gateway.change_address("bob@shop.example", "bo@shop.example")
    gateway.unsubscribe_members(["bo@shop.example"])
    list(gateway.members(MemberStatus.SUBSCRIBED, NOW))
    gateway.member("ada@shop.example")
    gateway.create_merge_field("CO_1", "Orchestrator 1")
    gateway.merge_fields()
    segment = gateway.create_segment("other", ["ada@shop.example"])
    gateway.change_segment(segment.id, ["bo@shop.example"], ["ada@shop.example"])
    list(gateway.segment_members(segment.id))
    gateway.segments()
    campaign = make_campaign(gateway, "ada@shop.example")
    found = gateway.campaign(campaign)
    assert found.segment_id is not None
    gateway.update_campaign(campaign, CampaignDraft("co", "Hi", "", "Shop", "hello@shop.example", found.segment_id))
    gateway.campaigns(created_since=NOW, status="save")
    gateway.checklist(campaign)
    gateway.send_test(campaign, ["me@shop.example"])
    gateway.send(campaign)
    gateway.campaign(campaign)
    list(gateway.receipts(campaign))
    list(gateway.mail_events(campaign, NOW))
    gateway.delete_segment(segment.id)
    faults = [
        f"{request.method} {request.path}: {fault}"
        for request in sandbox.requests
        for fault in description.request_faults(request.method, request.path, request.query, request.json)
    ]
    assert faults == []
    assert {request.status for request in sandbox.requests} <= {200, 204}
