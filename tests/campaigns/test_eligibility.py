"""One contact, one decision: the first reason in the contract's order wins."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from itertools import combinations
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from orchestrator.campaigns.eligibility import Candidate, Rules, decide
from orchestrator.definitions.values import CampaignDefinition, FrequencyCap, LimitSettings, QuietHours, Trigger
from orchestrator.vocabulary import Consent, Decision, MemberStatus, Refusal, TriggerKind

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
EPOCH = int(NOW.timestamp())
GOOD = Candidate(
    contact=1,
    key="c1",
    email_key="c1@shop.example",
    unit="account a1",
    consent="opted_in",
    member_status="subscribed",
    left_as=None,
    refusal=None,
    refusal_detail="",
    is_member=True,
    excluded_by=None,
    last_sent_at=None,
    waits=False,
    recent_sends=0,
    timezone=None,
    country="SE",
)
REASONS: list[tuple[Decision, dict[str, Any]]] = [
    (Decision.NO_CONSENT, {"consent": "unknown"}),
    (Decision.SUPPRESSED, {"member_status": "unsubscribed"}),
    (Decision.UNDELIVERABLE, {"refusal": Refusal.INVALID_ADDRESS, "refusal_detail": "looks fake"}),
    (Decision.EXCLUDED, {"excluded_by": "unengaged"}),
    (Decision.HELD_OUT, {"unit": "held"}),
    (Decision.LEFT_SEGMENT, {"is_member": False}),
    (Decision.RECENTLY_MAILED, {"last_sent_at": EPOCH - 3600}),
    (Decision.CAPPED, {"recent_sends": 2}),
    (Decision.DEFERRED, {"timezone": "Asia/Tokyo"}),
]


@pytest.fixture
def rules(monkeypatch: pytest.MonkeyPatch) -> Rules:
    """A holdout of the unit "held"; two mails in seven days; at night nothing."""
    monkeypatch.setattr(
        "orchestrator.campaigns.eligibility.is_held_out", lambda _campaign, unit, _share: unit == "held"
    )
    trigger = Trigger(TriggerKind.ENTER, again_after=timedelta(days=7))
    campaign = CampaignDefinition("cart", "cart.toml", "idle", "cart", "Hi", trigger, holdout_share=Decimal("0.1"))
    limits = LimitSettings(FrequencyCap(2, timedelta(days=7)), QuietHours(time(20), time(7)), business_days=True)
    return Rules(campaign, limits, ZoneInfo("Europe/Stockholm"), NOW)


def test_without_a_reason_the_mail_is_planned(rules: Rules) -> None:
    assert decide(GOOD, rules).decision == Decision.PLANNED


@pytest.mark.parametrize(("decision", "facts"), REASONS)
def test_each_reason_is_found_and_said(rules: Rules, decision: Decision, facts: dict[str, Any]) -> None:
    verdict = decide(replace(GOOD, **facts), rules)
    assert verdict.decision == decision
    assert verdict.reason.endswith((".", ")", "fake"))
    assert (verdict.not_before is not None) == (decision == Decision.DEFERRED)


@pytest.mark.parametrize(("earlier", "later"), list(combinations(range(len(REASONS)), 2)))
def test_of_two_reasons_the_earlier_wins(rules: Rules, earlier: int, later: int) -> None:
    both = {**REASONS[later][1], **REASONS[earlier][1]}
    assert decide(replace(GOOD, **both), rules).decision == REASONS[earlier][0]


def test_all_reasons_at_once_are_a_lack_of_consent(rules: Rules) -> None:
    everything = {key: value for _, facts in reversed(REASONS) for key, value in facts.items()}
    assert decide(replace(GOOD, **everything), rules).decision == Decision.NO_CONSENT


@pytest.mark.parametrize("consent", [consent for consent in Consent if consent != Consent.OPTED_IN])
def test_only_an_opt_in_is_consent(rules: Rules, consent: Consent) -> None:
    assert decide(replace(GOOD, consent=consent.value), rules).decision == Decision.NO_CONSENT


@pytest.mark.parametrize("status", MemberStatus)
def test_every_status_but_subscribed_withholds(rules: Rules, status: MemberStatus) -> None:
    expected = {MemberStatus.SUBSCRIBED: Decision.PLANNED, MemberStatus.CLEANED: Decision.UNDELIVERABLE}
    found = decide(replace(GOOD, member_status=status.value), rules).decision
    assert found == expected.get(status, Decision.SUPPRESSED)


@pytest.mark.parametrize("refusal", Refusal)
def test_every_refusal_withholds(rules: Rules, refusal: Refusal) -> None:
    expected = {
        Refusal.COMPLIANCE: Decision.SUPPRESSED,
        Refusal.FORGOTTEN: Decision.SUPPRESSED,
        Refusal.INVALID_ADDRESS: Decision.UNDELIVERABLE,
    }
    found = decide(replace(GOOD, member_status="", refusal=refusal.value), rules).decision
    assert found == expected.get(refusal, Decision.REJECTED)


def test_again_after_ends_to_the_second(rules: Rules) -> None:
    week = 7 * 24 * 3600
    assert decide(replace(GOOD, last_sent_at=EPOCH - week + 1), rules).decision == Decision.RECENTLY_MAILED
    assert decide(replace(GOOD, last_sent_at=EPOCH - week), rules).decision == Decision.PLANNED


def test_a_mail_that_waits_already_is_not_joined_by_a_second(rules: Rules) -> None:
    free = replace(rules, campaign=replace(rules.campaign, trigger=Trigger(TriggerKind.MANUAL)))
    assert decide(replace(GOOD, waits=True), free).decision == Decision.RECENTLY_MAILED


def test_a_zone_that_nobody_knows_is_the_business_zone(rules: Rules) -> None:
    assert decide(replace(GOOD, timezone="Mars/Olympus"), rules).decision == Decision.PLANNED
