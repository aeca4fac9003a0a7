"""The provider that only pretends: it answers as if all went well, remembers, counts, and passes reading on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from orchestrator.clock import FixedClock
from orchestrator.definitions.values import MailchimpSettings
from orchestrator.gateway import CampaignDraft, EmailGateway, MemberWrite
from orchestrator.mailchimp.connections import ConnectionBudget
from orchestrator.mailchimp.gateway import open_gateway
from orchestrator.plan import Plan, RunPlan
from orchestrator.rehearsal import RehearsalGateway
from orchestrator.sandbox.server import Sandbox
from orchestrator.vocabulary import MemberStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

AUDIENCE = "9e67587f52"
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(audience=AUDIENCE) as running:
        running.add_member("old@shop.example", tags=["gold"])
        yield running


@pytest.fixture
def real(sandbox: Sandbox) -> Iterator[EmailGateway]:
    settings = MailchimpSettings("env:KEY", AUDIENCE, "Shop", "hello@shop.example", sandbox.base_url, 4)
    made = open_gateway(settings, "key-us1", ConnectionBudget.in_process(4), clock=FixedClock(NOW), pretend_now=True)
    yield made
    made.close()


def everything(gateway: EmailGateway) -> list[object]:
    """A small run from the first member to the last receipt; what was answered on the way."""
    seen: list[object] = [gateway.audience().merge_field_limit > 0]
    seen.append(sorted(gateway.add_members([MemberWrite("new@shop.example", {"FNAME": "N"}, "sv", ("gold",))]).done))
    seen.append(sorted(gateway.update_members([MemberWrite("old@shop.example", {"FNAME": "O"})]).done))
    seen.append(gateway.create_merge_field("CO_1", "Slot").tag)
    seen.append("CO_1" in {field.tag for field in gateway.merge_fields()})
    gold = next(segment for segment in gateway.segments() if segment.name == "gold")
    seen.append(sorted(gateway.change_segment(gold.id, [], ["old@shop.example"]).removed))
    segment = gateway.create_segment("co run 1", ["new@shop.example"])
    gateway.change_segment(segment.id, ["old@shop.example"], [])
    seen.append(sorted(gateway.segment_members(segment.id)))
    draft = CampaignDraft("co run 1", "Hi", "", "Shop", "hello@shop.example", segment.id)
    campaign = gateway.create_campaign(draft)
    seen.append(campaign.recipient_count)
    gateway.set_content(campaign.id, '<p>Hi <a href="*|UNSUB|*">x</a></p>', "Hi *|UNSUB|*")
    seen.append(gateway.checklist(campaign.id).ready)
    gateway.send(campaign.id)
    sent = gateway.campaign(campaign.id)
    seen += [sent.status, sent.emails_sent]
    seen.append(sorted(receipt.email.lower() for receipt in gateway.receipts(campaign.id)))
    gateway.delete_segment(segment.id)
    seen.append([segment.name for segment in gateway.segments() if segment.name == "co run 1"])
    gateway.change_address("new@shop.example", "moved@shop.example")
    moved, gone = gateway.member("moved@shop.example"), gateway.unsubscribe_members(["old@shop.example"])
    seen += [moved and moved.status, sorted(gone.done)]
    left = gateway.member("old@shop.example")
    seen.append(left and left.status)
    return seen


def test_a_rehearsal_answers_as_the_provider_does_and_counts_the_same_calls(
    sandbox: Sandbox, real: EmailGateway
) -> None:
    rehearsal = RehearsalGateway(real)
    pretended, calls = everything(rehearsal), rehearsal.calls
    assert sandbox.writes() == []
    before = real.calls
    assert pretended == everything(real)
    assert calls == real.calls - before


def test_reading_goes_through(sandbox: Sandbox, real: EmailGateway) -> None:
    rehearsal = RehearsalGateway(real)
    assert [member.email for member in rehearsal.members(MemberStatus.SUBSCRIBED)] == ["old@shop.example"]
    member = rehearsal.member("old@shop.example")
    assert member is not None
    assert member.status == MemberStatus.SUBSCRIBED
    assert rehearsal.member("nobody@shop.example") is None
    assert rehearsal.calls == 3


def test_a_plan_that_needs_a_person_says_so_by_its_exit_code() -> None:
    run = RunPlan("news", NOW, "waiting_approval", 9, {"planned": 9}, 0, "")
    assert Plan(NOW).exit_code == 0
    assert Plan(NOW, runs=(run,)).exit_code == 3
    assert Plan(NOW, held={"metal": "it would lose"}).exit_code == 3
    assert Plan(NOW, refused=("old data",)).exit_code == 3
