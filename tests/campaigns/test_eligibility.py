"""One contact, one decision: the first reason in the contract's order wins, in each database."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import combinations
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st
from sqlalchemy import text
from tests.campaigns.verdicts import Facts, at, verdict

from orchestrator.campaigns import holdout
from orchestrator.campaigns.eligibility import FACTS, Terms, rules
from orchestrator.definitions.values import CampaignDefinition, FrequencyCap, LimitSettings, Trigger
from orchestrator.vocabulary import Consent, Decision, MemberStatus, OptOutReason, Refusal, TriggerKind

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from orchestrator.store.database import Database

STOCKHOLM = ZoneInfo("Europe/Stockholm")
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
EPOCH = at(NOW)
DAY = 86_400
GOOD = Facts()
HELD = Facts(unit="account 5")
"""see test_holdout.py"""
CART = CampaignDefinition(
    "cart",
    "cart.toml",
    "idle",
    "cart",
    "Hi",
    Trigger(TriggerKind.ENTER, again_after=timedelta(days=7)),
    holdout_share=Decimal("0.1"),
)
LIMITS = LimitSettings(FrequencyCap(2, timedelta(days=7)))
CLOSED = "Outside the contact's open hours; next open at 2026-03-03 07:00 (Asia/Tokyo)."
REASONS: list[tuple[Decision, dict[str, object], str]] = [
    (Decision.NO_CONSENT, {"consent": "unknown"}, "The ERP holds no opt-in (consent is unknown)."),
    (Decision.SUPPRESSED, {"member_status": "unsubscribed"}, "The address opted out at Mailchimp."),
    (
        Decision.UNDELIVERABLE,
        {"refusal": "invalid_address", "refusal_detail": "looks fake"},
        "Mailchimp refuses the address: looks fake",
    ),
    (Decision.EXCLUDED, {"excluded_by": "unengaged"}, 'Member of the excluded segment "unengaged".'),
    (
        Decision.HELD_OUT,
        {"unit": HELD.unit},
        "In the holdout of this campaign, kept unmailed for comparison.",
    ),
    (Decision.LEFT_SEGMENT, {"is_member": 0}, 'Not (or no longer) a member of "idle".'),
    (
        Decision.RECENTLY_MAILED,
        {"last_sent_at": EPOCH - 3600},
        "Had this campaign at 2026-03-02 12:00, less than 7 days ago.",
    ),
    (Decision.CAPPED, {"recent_sends": 2}, "Had 2 mails in the last 7 days; the limit is 2."),
]


def judged(
    database: Database,
    people: Sequence[Facts],
    campaign: CampaignDefinition = CART,
    limits: LimitSettings = LIMITS,
    now: datetime = NOW,
) -> list[tuple[Decision, str | None]]:
    """What the rules say of each, asked of the database."""
    terms = Terms(campaign, limits, STOCKHOLM, now, database.dialect)
    found = rules(terms)
    decision = " ".join(f"WHEN {rule.when} THEN '{rule.decision.value}'" for rule in found)
    reason = " ".join(f"WHEN {rule.when} THEN {rule.reason}" for rule in found)
    rows = " UNION ALL ".join(
        f"SELECT {n} AS n, {', '.join(f'CAST(:{name}_{n} AS {kind}) AS {name}' for name, kind in Facts.columns())}"
        for n in range(len(people))
    )
    names = [name for name, _ in Facts.columns()]
    values = {f"{name}_{n}": getattr(facts, name) for n, facts in enumerate(people) for name in names}
    with database.read() as connection:
        holdout.prepare(connection)
        answer = connection.execute(
            text(
                f"SELECT CASE {decision} ELSE '{Decision.PLANNED.value}' END, CASE {reason} ELSE '' END"
                f" FROM ({rows}) x ORDER BY x.n"
            ),
            {**terms.texts, **values},
        )
        return [(Decision(row[0]), row[1]) for row in answer]


def decisions(database: Database, people: Sequence[Facts], campaign: CampaignDefinition = CART) -> list[Decision]:
    return [decision for decision, _ in judged(database, people, campaign)]


def test_these_are_the_facts_that_the_rules_speak_of() -> None:
    assert [name for name, _ in Facts.columns()] == list(FACTS)


def test_without_a_reason_the_mail_is_planned(database: Database) -> None:
    assert judged(database, [GOOD]) == [(Decision.PLANNED, "")]


def test_each_reason_is_found_and_said(database: Database) -> None:
    found = judged(database, [replace(GOOD, **facts) for _, facts, _ in REASONS])  # type: ignore[arg-type] # by name
    assert found == [(decision, reason) for decision, _, reason in REASONS]


def test_of_two_reasons_the_earlier_wins(database: Database) -> None:
    pairs = list(combinations(REASONS, 2))
    people = [replace(GOOD, **{**later, **earlier}) for (_, earlier, _), (_, later, _) in pairs]  # type: ignore[arg-type]
    assert judged(database, people) == [(decision, reason) for (decision, _, reason), _ in pairs]


def test_all_reasons_at_once_are_a_lack_of_consent(database: Database) -> None:
    everything = {key: value for _, facts, _ in reversed(REASONS) for key, value in facts.items()}
    assert decisions(database, [replace(GOOD, **everything)]) == [Decision.NO_CONSENT]  # type: ignore[arg-type]


def test_only_an_opt_in_is_consent(database: Database) -> None:
    others = [consent.value for consent in Consent if consent != Consent.OPTED_IN]
    for consent in (*others, "", "OPTED_IN", None):
        people = [replace(GOOD, consent=consent)]  # type: ignore[arg-type] # the column holds a text
        assert decisions(database, people) == [Decision.NO_CONSENT], consent


def test_every_status_but_subscribed_withholds(database: Database) -> None:
    expected = {MemberStatus.SUBSCRIBED: Decision.PLANNED, MemberStatus.CLEANED: Decision.UNDELIVERABLE}
    found = decisions(database, [replace(GOOD, member_status=status.value) for status in MemberStatus])
    assert found == [expected.get(status, Decision.SUPPRESSED) for status in MemberStatus]


def test_who_is_no_member_yet_or_any_more_is_mailed(database: Database) -> None:
    people = [replace(GOOD, member_status=status) for status in (None, "", "gone")]
    assert decisions(database, people) == [Decision.PLANNED] * 3


def test_words_that_nobody_knows_withhold_without_a_reason(database: Database) -> None:
    """``decided`` takes no decision without a reason: the run stops, and nobody is mailed."""
    people = [replace(GOOD, member_status="Subscribed"), replace(GOOD, left_as="moved")]
    assert judged(database, people) == [(Decision.SUPPRESSED, None)] * 2


def test_every_refusal_withholds(database: Database) -> None:
    expected = {
        Refusal.COMPLIANCE: Decision.SUPPRESSED,
        Refusal.FORGOTTEN: Decision.SUPPRESSED,
        Refusal.INVALID_ADDRESS: Decision.UNDELIVERABLE,
    }
    people = [replace(GOOD, member_status="", refusal=refusal.value) for refusal in Refusal]
    assert decisions(database, people) == [expected.get(refusal, Decision.REJECTED) for refusal in Refusal]


def test_again_after_ends_to_the_second(database: Database) -> None:
    people = [replace(GOOD, last_sent_at=EPOCH - 7 * DAY + 1), replace(GOOD, last_sent_at=EPOCH - 7 * DAY)]
    assert decisions(database, people) == [Decision.RECENTLY_MAILED, Decision.PLANNED]


def test_a_mail_that_waits_already_is_not_joined_by_a_second(database: Database) -> None:
    free = replace(CART, trigger=Trigger(TriggerKind.MANUAL))
    assert decisions(database, [replace(GOOD, waiting=1)], free) == [Decision.RECENTLY_MAILED]


# -- all at random, against the second computation

MOMENTS = [
    NOW,
    datetime(2026, 3, 30, 9, 0, tzinfo=UTC),  # the day after Stockholm's clocks went forward
    datetime(2026, 10, 26, 21, 30, tzinfo=UTC),  # and back
    datetime(2026, 1, 1, 0, 0, tzinfo=UTC),
]
SPANS = [timedelta(minutes=90), timedelta(hours=36), timedelta(days=1), timedelta(days=7)]
CHANGES = [at(datetime(2026, 3, 29, 1, 0, tzinfo=UTC)), at(datetime(2026, 10, 25, 1, 0, tzinfo=UTC))]


@dataclass(frozen=True)
class Case:
    """A campaign, limits, the moment of a run, and some contacts."""

    campaign: CampaignDefinition
    limits: LimitSettings
    now: datetime
    people: list[Facts]


def case_by(chance: random.Random) -> Case:
    now, again_after, cap = chance.choice(MOMENTS), chance.choice([None, *SPANS]), chance.choice([None, *SPANS])
    share = chance.choice([None, Decimal(0), Decimal("0.1"), Decimal("0.5"), Decimal("0.999")])
    campaign = replace(CART, trigger=Trigger(TriggerKind.ENTER, again_after=again_after), holdout_share=share)
    since = at(now - (again_after or timedelta(days=7)))
    edges = [moment + shift for moment in (since, at(now), *CHANGES) for shift in (-3600, -1, 0, 1, 3599, 3600)]
    sent = [edge for edge in edges if edge <= at(now)]
    people = [_facts_by(chance, [*sent, chance.randint(since, at(now))]) for _ in range(10)]
    return Case(campaign, LimitSettings(FrequencyCap(chance.randint(1, 3), cap) if cap else None), now, people)


def _facts_by(chance: random.Random, sent: list[int]) -> Facts:
    def rarely(usual: Any, *others: Any) -> Any:
        """Enough must be in order for the later reasons to be reached."""
        return chance.choice(others) if chance.random() < 0.12 else usual

    return Facts(
        consent=rarely("opted_in", "opted_out", "unknown", "", "OPTED_IN"),
        member_status=rarely(chance.choice(["subscribed", None, "", "gone"]), *MemberStatus),
        left_as=rarely(None, *OptOutReason),
        refusal=rarely(None, *Refusal),
        refusal_detail=chance.choice(["", "looks fake", "It's :said: 100 % “sure”"]),
        excluded_by=rarely(None, "tired", "new_customers-2"),
        unit=chance.choice([f"account {chance.randrange(60)}", "contact 5", "account Å/7", "account "]),
        is_member=rarely(1, 0),
        waiting=rarely(0, 1, 2),
        last_sent_at=chance.choice([None, *sent]),
        recent_sends=chance.choice([0, 0, 1, 2, 3, 4]),
    )


@hypothesis_settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=st.randoms(use_true_random=True).map(case_by))
def test_any_facts_are_judged_as_by_the_second_computation(database: Database, case: Case) -> None:
    expected = [verdict(facts, case.campaign, case.limits, STOCKHOLM, case.now) for facts in case.people]
    assert judged(database, case.people, case.campaign, case.limits, case.now) == expected
