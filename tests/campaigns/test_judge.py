"""Little worlds in real tables: who may get a run, and what is decided about each, against loops over the same rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from tests.campaigns.verdicts import Row, World, at, verdict
from tests.segments.shop import settings

from orchestrator.campaigns.judge import DECIDED, Verdict, counts, decide, decided_as, verdict_on
from orchestrator.definitions.values import CampaignDefinition, FrequencyCap, LimitSettings, QuietHours, Trigger
from orchestrator.store.candidates import (
    NOBODY,
    Candidates,
    due_entries,
    members,
    named,
    to_decide_again,
    with_entries,
)
from orchestrator.store.runs import segment_row
from orchestrator.vocabulary import (
    Consent,
    Decision,
    MailingState,
    MemberStatus,
    OptOutReason,
    Refusal,
    TriggerKind,
)

if TYPE_CHECKING:
    import random

    from sqlalchemy.engine import Connection

    from orchestrator.definitions.values import Settings
    from orchestrator.store.database import Database
    from orchestrator.store.tables import Segment

NOW = datetime(2026, 3, 30, 9, 0, tzinfo=UTC)
"""the day after Stockholm's clocks went forward"""
NAMES = ["core", "tired", "new", "big", "idle"]
BITS = [0, 1, 61, 62, 63, 123, 124]
SPANS = [timedelta(hours=36), timedelta(days=1), timedelta(days=7)]
EDGES = sorted(
    {at(NOW) - span // timedelta(seconds=1) + shift for span in [*SPANS, timedelta(0)] for shift in (-1, 0, 1)}
    | {at(datetime(2026, 3, 29, 1, 0, tzinfo=UTC)) + shift for shift in (-1, 0)}
)
ANY_TIME = st.sampled_from(EDGES)


@dataclass(frozen=True)
class Asked:
    """A world, and whom is decided what about."""

    world: World
    campaign: CampaignDefinition
    settings: Settings
    now: datetime
    run: int


def rarely(chance: random.Random, usual: Any, *others: Any, share: float = 0.08) -> Any:
    """Enough must be in order with a contact for the later reasons to be reached."""
    return chance.choice(others) if chance.random() < share else usual


def person(number: int, **other: Any) -> Row:
    values = {"id": number, "key": f"C{number}", "account": None, "country": None, "timezone": None}
    address = {"email": f"P{number}@Firm.example", "email_key": f"p{number}@firm.example"}
    return {**values, **address, "consent": "opted_in", "extra": {}, **other}


def company(number: int, country: str | None = None) -> Row:
    return {"id": number, "key": f"A{number}", "country": country, "extra": {}}


def member(contact: int | None, address: str, **other: Any) -> Row:
    return {"email_key": address, "contact": contact, "status": "subscribed", "refusal": None, "detail": "", **other}


def send(run: int, contact: int, **other: Any) -> Row:
    at_once = {"decision": "sent", "decided_at": at(NOW), "sent_at": None, "entered_at": None, "not_before": None}
    return {
        "run": run, "contact": contact, "campaign": "cart", **at_once, "mailing": None, "reason": "", "email_key": "",
        "facts": {}, "slots": {}, **other,
    }  # fmt: skip


def segment(number: int, name: str, bit: int, baseline_at: int = 0) -> Row:
    moments = {"baseline_at": baseline_at, "computed_at": at(NOW), "fingerprint": ""}
    return {"id": number, "name": name, "bit": bit, **moments, "size": 0, "active": True}


def mailing(number: int, state: str) -> Row:
    texts = {"subject": "", "preheader": "", "html": "", "text": "", "slot_tags": [], "recipients": 1, "problem": ""}
    return {"id": number, "run": 1, "number": number, "state": state, "state_at": 0, **texts}


# -- worlds at random


def world_by(chance: random.Random) -> World:
    world = World(accounts=[company(1, "SE"), company(2), company(3, "US")])
    bits = chance.sample(BITS, len(NAMES))
    # the last is a file that no recompute has seen
    for number, (name, bit) in enumerate(zip(NAMES[:-1], bits, strict=False), start=1):
        world.segments.append(segment(number, name, bit, chance.choice(EDGES)))
    world.mailings = [mailing(number, state) for number, state in enumerate(MailingState, start=1)]
    everybody = range(1, chance.randint(1, 8) + 1)
    for number in everybody:
        world.contacts.append(
            person(
                number,
                account=chance.choice([None, 1, 1, 2, 3]),
                country=chance.choice([None, None, "", "SE", "JP", "ZZ"]),
                timezone=chance.choice([None, None, "", "Asia/Tokyo", "America/New_York", "Mars/Olympus", "../x"]),
                consent=rarely(chance, "opted_in", *Consent),
            )
        )
        _add_members(chance, world, number)
        left = rarely(chance, None, *OptOutReason)
        if left:
            world.opt_outs.append({"contact": number, "at": 1, "reason": left})
    # a person who is no contact any more has left traces
    for number in (*everybody, 9):
        share = {"core": 0.85, "tired": 0.2, "new": 0.15, "big": 0.5}
        world.belongs |= {(number, name) for name in NAMES[:-1] if chance.random() < share[name]}
        world.sends += [_sent(chance, run, number) for run in range(1, 5) if chance.random() < 0.5]
        world.changes += [
            {"segment": one, "contact": number, "at": moment, "entered": chance.random() < 0.6}
            for one in (1, 2)
            for moment in chance.sample(EDGES, chance.choice([0, 1, 1, 3]))
        ]
    answered: set[tuple[object, ...]] = set()
    for row in world.sends:
        entry = (row["campaign"], row["contact"], row["entered_at"])
        row["entered_at"] = None if entry in answered else row["entered_at"]
        answered.add(entry)
    return world


def _add_members(chance: random.Random, world: World, number: int) -> None:
    """At the contact's address, and at earlier ones."""
    own = [world.contacts[number - 1]["email_key"]] * rarely(chance, 1, 0, share=0.3)
    for address in own + [f"{place}{number}@old.example" for place in chance.choice(["", "", "a", "ab"])]:
        refusal = rarely(chance, None, *Refusal, share=0.15)
        known = rarely(chance, number, None)
        status = rarely(chance, "subscribed", "", "gone", *MemberStatus, share=0.15)
        detail = f"“{refusal}”: 5 %" if refusal else ""
        world.members.append(member(known, address, status=status, refusal=refusal, detail=detail))


def _sent(chance: random.Random, run: int, contact: int) -> Row:
    past = [moment for moment in EDGES if moment <= at(NOW)]
    return send(
        run,
        contact,
        campaign=chance.choice(["cart", "news", "news", "offer"]),
        decision=chance.choice(["sent", "sent", "sent", "planned", "deferred", *Decision]),
        decided_at=chance.choice(past),
        sent_at=chance.choice([None, chance.choice(past)]),
        entered_at=chance.choice([None, chance.choice(EDGES)]),
        mailing=chance.choice([None, chance.randint(1, len(MailingState) + 1)]),
        not_before=chance.choice([None, chance.choice(EDGES)]),
    )


def question_by(chance: random.Random) -> Asked:
    again_after, cap = chance.choice([None, *SPANS]), chance.choice([None, *SPANS])
    campaign = CampaignDefinition(
        "cart",
        "cart.toml",
        rarely(chance, "core", *NAMES),
        "cart",
        "Hi",
        Trigger(TriggerKind.ENTER, again_after=again_after),
        exclude=chance.choice([(), ("tired", "new"), ("new", "tired"), ("idle", "new")]),
        holdout_share=chance.choice([None, None, None, Decimal("0.3"), Decimal("0.7")]),
    )
    quiet = chance.choice([None, None, QuietHours(time(20), time(7)), QuietHours(time(12), time(13))])
    limits = LimitSettings(
        FrequencyCap(chance.randint(1, 3), cap) if cap else None, quiet, business_days=chance.random() < 0.5
    )
    # noon, afternoon, Saturday night, Good Friday
    shift = chance.choice([0, 0, 0, 2, 5 * 24 + 11, 4 * 24])
    return Asked(
        world_by(chance), campaign, settings(limits=limits), NOW + timedelta(hours=shift), chance.randint(0, 4)
    )


CHANCES = st.randoms(use_true_random=True)
WORLDS = CHANCES.map(world_by)
QUESTIONS = CHANCES.map(question_by)


# -- who may get a run


def in_segment(world: World, name: str) -> dict[int, int | None]:
    return {contact: None for contact, belongs in world.belongs if belongs == name}


def entries_due(world: World, name: str, *, since: int, until: int, existing: bool) -> dict[int, int | None]:
    """The latest entry of each present member, if it counts and is not answered."""
    one = next(row for row in world.segments if row["name"] == name)
    answered = {(row["contact"], row["entered_at"]) for row in world.sends if row["campaign"] == "cart"}
    found: dict[int, int | None] = {}
    for contact in in_segment(world, name):
        entered = [
            row["at"]
            for row in world.changes
            if row["entered"] and row["contact"] == contact and row["segment"] == one["id"]
        ]
        entry = max(entered, default=one["baseline_at"])
        counts_since = since <= entry if entered else existing
        if counts_since and entry <= until and (contact, entry) not in answered:
            found[contact] = entry
    return found


def still_open(world: World, run: int, *, planned: bool, until: int) -> dict[int, int | None]:
    on_their_way = {
        row["id"]
        for row in world.mailings
        if row["state"] in {MailingState.SEND_WANTED, MailingState.SENDING, MailingState.SENT}
    }
    found: dict[int, int | None] = {}
    for row in world.sends:
        waited = row["decision"] == "deferred" and (row["not_before"] or 0) <= until
        held = planned and row["decision"] == "planned" and row["mailing"] not in on_their_way
        if row["run"] == run and (waited or held):
            found[row["contact"]] = row["entered_at"]
    return found


def rows_of(connection: Connection, candidates: Candidates) -> dict[int, int | None]:
    rows = connection.execute(
        text(f"SELECT contact, entered_at FROM ({candidates.sql}) c"), dict(candidates.parameters)
    ).all()
    found = {row[0]: row[1] for row in rows}
    assert len(found) == len(rows), "each once"
    return found


def row_of(connection: Connection, name: str) -> Segment:
    found = segment_row(connection, name)
    assert found is not None
    return found


@hypothesis_settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(WORLDS, st.sampled_from(NAMES[:2]), st.none() | ANY_TIME, st.none() | ANY_TIME, st.booleans())
def test_candidates_are_those_whom_loops_find(
    database: Database, world: World, name: str, first: int | None, last: int | None, chance: bool
) -> None:
    since, until = first or 0, last or at(NOW)
    with database.read() as connection:
        world.write(connection)
        one = row_of(connection, name)
        everybody = members(one)
        assert rows_of(connection, everybody) == in_segment(world, name)
        due = due_entries("cart", one, since=since, until=until, existing=chance)
        expected = entries_due(world, name, since=since, until=until, existing=chance)
        assert rows_of(connection, due) == due.entries(connection) == expected
        assert due.any(connection) == bool(expected)
        both = rows_of(connection, with_entries(everybody, due))
        assert both == {**in_segment(world, name), **expected}
        again = to_decide_again(1, planned=chance, until=until)
        assert rows_of(connection, again) == still_open(world, 1, planned=chance, until=until)
        assert rows_of(connection, named([1, 77])) == {1: None}
        assert not NOBODY.any(connection)


def test_an_entry_is_answered_once_and_a_later_one_anew(database: Database) -> None:
    world = World(contacts=[person(1), person(2)], segments=[segment(1, "core", 70, baseline_at=5)])
    world.belongs = {(1, "core"), (2, "core")}
    world.changes = [{"segment": 1, "contact": 1, "at": moment, "entered": True} for moment in (10, 30)]
    world.sends = [send(1, 1, entered_at=10)]
    with database.read() as connection:
        world.write(connection)
        one = row_of(connection, "core")

        def due(**other: Any) -> dict[int, int]:
            asked = {"since": 0, "until": 100, "existing": False, **other}
            return due_entries("cart", one, **asked).entries(connection)

        assert due() == {1: 30}
        assert due(existing=True) == {1: 30, 2: 5}
        assert due(since=31) == due(until=29) == {}
        assert due(since=31, existing=True) == {2: 5}


def test_who_only_left_since_the_first_recompute_was_there_from_the_start(database: Database) -> None:
    world = World(contacts=[person(1)], segments=[segment(1, "core", 0, baseline_at=5)], belongs={(1, "core")})
    world.changes = [{"segment": 1, "contact": 1, "at": 10, "entered": False}]
    with database.read() as connection:
        world.write(connection)
        due = due_entries("cart", row_of(connection, "core"), since=0, until=100, existing=True)
        assert due.entries(connection) == {1: 5}


# -- what is decided


def decided(connection: Connection) -> dict[int, tuple[object, ...]]:
    rows = connection.execute(
        text(f"SELECT contact, decision, reason, not_before, email_key, entered_at FROM {DECIDED}")
    )
    return {row[0]: tuple(row[1:]) for row in rows}


def expected_of(asked: Asked, candidates: dict[int, int | None]) -> dict[int, tuple[object, ...]]:
    addresses = {row["id"]: row["email_key"] for row in asked.world.contacts}
    found: dict[int, tuple[object, ...]] = {}
    for contact in candidates.keys() & addresses.keys():
        facts = asked.world.facts(contact, asked.campaign, asked.settings, asked.now, asked.run)
        decision, reason = verdict(facts, asked.campaign, asked.settings.limits, asked.settings.timezone, asked.now)
        opens_at = facts.opens_at if decision is Decision.DEFERRED else None
        found[contact] = (decision.value, reason, opens_at, addresses[contact], candidates[contact])
    return found


def whom(connection: Connection, asked: Asked, kind: str) -> Candidates:
    if kind == "again":
        return to_decide_again(1, planned=True, until=at(asked.now))
    one = segment_row(connection, asked.campaign.segment)
    if kind == "named" or one is None:
        return named([*range(1, 9), 77])
    due = due_entries("cart", one, since=0, until=at(asked.now), existing=True)
    return with_entries(members(one), due) if kind == "members" else due


@hypothesis_settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=QUESTIONS, kind=st.sampled_from(["named", "named", "members", "due", "again"]))
def test_the_database_decides_what_loops_decide(database: Database, asked: Asked, kind: str) -> None:
    with database.read() as connection:
        asked.world.write(connection)
        candidates = whom(connection, asked, kind)
        expected = expected_of(asked, rows_of(connection, candidates))
        decide(connection, asked.settings, asked.campaign, candidates, now=asked.now, run=asked.run)
        assert decided(connection) == expected
        assert sum(counts(connection).values()) == len(expected)
        for decision, number in counts(connection).items():
            assert decided_as(connection, [decision]) == sorted(
                contact for contact, row in expected.items() if row[0] == decision
            )
            assert len(decided_as(connection, [decision])) == number


@hypothesis_settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=QUESTIONS)
def test_one_alone_is_decided_as_among_all(database: Database, asked: Asked) -> None:
    asked = replace(asked, run=0)
    with database.read() as connection:
        asked.world.write(connection)
        everybody = whom(connection, asked, "members")
        decide(connection, asked.settings, asked.campaign, everybody, now=asked.now)
        among_all = decided(connection)
        for contact, row in among_all.items():
            alone = Candidates(
                f"SELECT o.contact, o.entered_at FROM ({everybody.sql}) o WHERE o.contact = {contact}",
                everybody.parameters,
            )
            decide(connection, asked.settings, asked.campaign, alone, now=asked.now)
            assert decided(connection) == {contact: row}
            found = verdict_on(connection, asked.settings, asked.campaign, contact, now=asked.now)
            moment = None if found.not_before is None else at(found.not_before)
            assert (found.decision, found.reason, moment) == row[:3]


# -- one contact

CART = CampaignDefinition(
    "cart", "cart.toml", "core", "cart", "Hi", Trigger(TriggerKind.ENTER, again_after=timedelta(days=7))
)
NIGHT = LimitSettings(FrequencyCap(2, timedelta(days=7)), QuietHours(time(20), time(7)), business_days=True)
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def one_contact(**other: Any) -> World:
    world = World(contacts=[person(1, **other)], segments=[segment(1, "core", 0), segment(2, "tired", 130)])
    world.members = [member(1, "p1@firm.example")]
    world.belongs = {(1, "core")}
    return world


def verdict_in(database: Database, world: World, campaign: CampaignDefinition = CART, now: datetime = NOON) -> Verdict:
    with database.read() as connection:
        world.write(connection)
        return verdict_on(connection, settings(limits=NIGHT), campaign, 1, now=now)


def test_where_it_is_night_the_mail_waits_for_the_morning(database: Database) -> None:
    found = verdict_in(database, one_contact(timezone="Asia/Tokyo"))
    words = "Outside the contact's open hours; next open at 2026-03-03 07:00 (Asia/Tokyo)."
    assert found == Verdict(Decision.DEFERRED, words, datetime(2026, 3, 2, 22, 0, tzinfo=UTC))


def test_a_zone_that_nobody_knows_is_the_business_zone(database: Database) -> None:
    for zone in ("Mars/Olympus", "", None, "../etc"):
        assert verdict_in(database, one_contact(timezone=zone)) == Verdict(Decision.PLANNED), zone


def test_a_segment_in_a_later_word_of_the_masks_excludes(database: Database) -> None:
    world = one_contact()
    world.belongs.add((1, "tired"))
    found = verdict_in(database, world, replace(CART, exclude=("never-computed", "tired")))
    assert found == Verdict(Decision.EXCLUDED, 'Member of the excluded segment "tired".')


def test_of_two_excluded_segments_the_first_of_the_file_is_named(database: Database) -> None:
    world = one_contact()
    world.segments.append(segment(3, "new", 7))
    world.belongs |= {(1, "tired"), (1, "new")}
    for order in (("tired", "new"), ("new", "tired")):
        found = verdict_in(database, world, replace(CART, exclude=order))
        assert found.reason == f'Member of the excluded segment "{order[0]}".'


def test_the_holidays_are_those_of_the_contacts_own_country(database: Database) -> None:
    epiphany = datetime(2026, 1, 6, 12, 0, tzinfo=UTC)
    for own, of_account, decision in (
        (None, "SE", Decision.DEFERRED),
        ("US", "SE", Decision.PLANNED),
        ("SE", "US", Decision.DEFERRED),
        (None, None, Decision.PLANNED),
    ):
        world = one_contact(country=own, account=1)
        world.accounts = [company(1, of_account)]
        assert verdict_in(database, world, now=epiphany).decision is decision, (own, of_account)


def test_a_member_under_an_earlier_address_speaks_until_the_new_one_is_known(database: Database) -> None:
    world = one_contact()
    world.members = [member(1, "old@firm.example", status="unsubscribed")]
    assert verdict_in(database, world) == Verdict(Decision.SUPPRESSED, "The address opted out at Mailchimp.")
    world.members.append(member(None, "p1@firm.example"))
    assert verdict_in(database, world) == Verdict(Decision.PLANNED)


def test_only_what_went_out_or_will_counts_against_a_second_mail(database: Database) -> None:
    for decision in Decision:
        world = one_contact()
        world.sends = [send(3, 1, decision=decision.value, decided_at=at(NOON) - 60)]
        withholds = decision in {Decision.SENT, Decision.PLANNED, Decision.DEFERRED}
        found = verdict_in(database, world).decision
        assert found is (Decision.RECENTLY_MAILED if withholds else Decision.PLANNED), decision


def test_mails_count_within_the_caps_window_to_the_second(database: Database) -> None:
    world, since = one_contact(), at(NOON) - 7 * 86_400
    world.sends = [send(run, 1, campaign="news", decided_at=0, sent_at=since + 1) for run in (3, 4)]
    assert verdict_in(database, world) == Verdict(Decision.CAPPED, "Had 2 mails in the last 7 days; the limit is 2.")
    world.sends[0]["sent_at"] = since
    assert verdict_in(database, world) == Verdict(Decision.PLANNED)


def test_the_mails_of_the_run_that_asks_do_not_count_against_it(database: Database) -> None:
    world = one_contact()
    world.sends = [send(3, 1, decision="planned", decided_at=at(NOON) - 60)]
    with database.read() as connection:
        world.write(connection)
        for run, decision in ((3, Decision.PLANNED), (4, Decision.RECENTLY_MAILED)):
            decide(connection, settings(limits=NIGHT), CART, named([1]), now=NOON, run=run)
            assert counts(connection) == {decision: 1}


def test_a_status_without_words_stops_the_run(database: Database) -> None:
    world = one_contact()
    world.members = [member(1, "p1@firm.example", status="paused")]
    with pytest.raises(IntegrityError):
        verdict_in(database, world)
