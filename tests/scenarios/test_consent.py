"""Random histories of consent against the real sandbox: nobody is mailed while the newest word is no.

The oracle knows three things only: what the ERP said and when, what happened at Mailchimp and when, and who stood in
the ERP at which address. Rules: a no belongs to the address *and* to the person; a no is lifted by a subscription at
Mailchimp that began later; of two words of the ERP the one with the newer date counts, where a no is to be undone.

``CONSENT_HISTORIES=500`` tries more of them (`make consent-test`).
"""

from __future__ import annotations

import copy
import os
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, example, given, settings as hypothesis_settings, strategies as st
from tests.scenarios.world import AUDIENCE, MONDAY, World

from orchestrator.clock import FixedClock, to_epoch
from orchestrator.cycle.importing import import_step
from orchestrator.engine import open_engine
from orchestrator.sandbox import people
from orchestrator.sandbox.server import Sandbox
from orchestrator.sending import ByHand
from orchestrator.store import run_list
from orchestrator.store.webhooks import Delivery, record_delivery
from orchestrator.vocabulary import MemberStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from orchestrator.engine import Engine

HISTORIES = int(os.environ.get("CONSENT_HISTORIES", "6"))
CONTACTS = ("c0", "c1", "c2")
ADDRESSES = ("ada@shop.example", "Bo@shop.example", "cleo@shop.example", "dan@shop.example", "eve@shop.example")
BEGINNING = MONDAY - timedelta(days=100)

_contact, _address = st.sampled_from(CONTACTS), st.sampled_from(ADDRESSES)
_consent = st.sampled_from(["opted_in", "opted_in", "opted_out", "unknown"])
_event = st.one_of(
    st.tuples(st.just("erp says"), _contact, _consent, st.booleans()),
    st.tuples(st.just("erp says"), _contact, _consent, st.booleans()),
    st.tuples(st.just("new address"), _contact, _address),
    st.tuples(st.just("new address"), _contact, _address),
    st.tuples(st.just("swap"), _contact, _contact),
    st.tuples(st.sampled_from(["leaves", "leaves", "archived", "bounces", "erased", "comes back"]), _address),
    st.tuples(st.just("leaves, by webhook"), _address),
    st.tuples(
        st.just("by hand"), _address, st.sampled_from(["subscribed", "pending", "transactional", "unsubscribed"])
    ),
)
_day = st.tuples(st.lists(_event, max_size=4), st.one_of(st.none(), st.none(), _address))
"""what happens before a send, and perhaps who leaves while it is being made"""


@dataclass
class Ticking:
    """The sandbox's clock: every event is a minute after the one before, whatever the real time."""

    moment: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def __call__(self) -> datetime:
        return self.moment

    def tick(self) -> int:
        self.moment += timedelta(minutes=1)
        return int(self.moment.timestamp())


@dataclass
class Person:
    """What the ERP says, and when the person last said no anywhere."""

    email: str
    consent: str = "opted_in"
    consent_at: datetime = BEGINNING
    left_at: int | None = None
    linked: str | None = None
    """the address of the person's member, after the latest send"""


class History:
    """One world, its oracle, and the comparison of both after each send."""

    def __init__(self, world: World, engine: Engine, clock: Ticking) -> None:
        self.world, self.engine, self.clock, self.sandbox = world, engine, clock, world.sandbox
        self.people = {who: Person(ADDRESSES[number]) for number, who in enumerate(CONTACTS)}
        self.erp = {who: (person.consent, person.consent_at) for who, person in self.people.items()}
        self.no_at: dict[str, int] = {}
        """address -> when it was last said no there"""
        self.erased: set[str] = set()
        self.now = MONDAY
        self.mailed = 0

    # -- what happens

    def happen(self, event: tuple[Any, ...]) -> None:  # noqa: C901 -- one case for each kind of event
        at = self.clock.tick()
        match event:
            case ("erp says", who, consent, newer):
                self.erp[who] = (consent, self.erp[who][1] + timedelta(hours=1 if newer else -1))
            case ("new address", who, address):
                if address not in {person.email for person in self.people.values()}:
                    self.people[who].email = address
            case ("swap", one, other):
                first, second = self.people[one], self.people[other]
                first.email, second.email = second.email, first.email
            case ("by hand", address, status):
                if self.status(address) is None and address not in self.erased:
                    self.sandbox.add_member(address, status=status)
                    if status == "unsubscribed":
                        self.said_no(address, at)
            case ("comes back", address):
                if self.status(address) in {"unsubscribed", "archived", "cleaned", "pending"}:
                    self.sandbox.rejoin(address)
            case (what, address) if self.status(address) is not None:
                self.at_mailchimp(what, address, at)

    def at_mailchimp(self, what: str, address: str, at: int) -> None:
        status = self.status(address)
        match what:
            case "leaves" | "leaves, by webhook" if status in {"subscribed", "pending", "transactional"}:
                self.sandbox.unsubscribe(address)
                self.said_no(address, at)
                if what != "leaves":
                    self.webhook(address, at)
            case "archived" if status in {"subscribed", "unsubscribed", "transactional"}:
                self.sandbox.archive(address)
                self.said_no(address, at)
            case "bounces" if status == "subscribed":
                self.sandbox.clean(address)
            case "erased":
                with self.sandbox.opened(writes=True) as (account, now):
                    audience = account.audiences[AUDIENCE]
                    member = audience.member(address)
                    assert member is not None
                    people.erase(people.Desk(account, audience, now, "admin"), member)
                self.erased.add(address)
                self.said_no(address, at)

    def said_no(self, address: str, at: int) -> None:
        """The word of the mailbox, and of the person whose member it is."""
        self.no_at[address] = at
        for person in self.people.values():
            if person.linked == address or (person.linked is None and person.email == address):
                person.left_at = at

    def webhook(self, address: str, at: int) -> None:
        fired = datetime.fromtimestamp(at, UTC)
        delivery = Delivery(f"{address} {at}", "unsubscribe", fired, True, address.lower(), MemberStatus.UNSUBSCRIBED)
        record_delivery(self.engine.database, delivery, fired)

    # -- a send to everybody

    def send(self, leaves_meanwhile: str | None) -> None:
        self.clock.tick()
        self.now += timedelta(hours=1)
        self.engine.clock = FixedClock(self.now)
        for who, person in self.people.items():
            consent, moment = self.erp[who]
            # what it said between two exports nobody heard; an opt-out ends with a later word alone
            if not (person.consent == "opted_out" and consent != "opted_out" and moment < person.consent_at):
                person.consent, person.consent_at = consent, moment
            self.world.contact(who, email=person.email, consent=consent, consent_at=moment.isoformat())
        self.world.put("events", event_id="e1", contact_id="c0", kind="login", at=self.now.isoformat())
        import_step(self.engine, now=self.now, csv_folder=self.world.write_export())
        self.sandbox.forget_requests()
        before, members = self.statuses(), self.members()
        raced: list[str] = []

        def leave() -> None:
            if leaves_meanwhile and not raced and self.status(leaves_meanwhile) == "subscribed":
                self.sandbox.unsubscribe(leaves_meanwhile)
                raced.append(leaves_meanwhile)

        by_hand = ByHand(self.engine, self.engine.workspace.campaigns["all"])
        with (
            before_sending(self.engine, leave),
            mock.patch("orchestrator.audiences.sync.real_seconds", return_value=to_epoch(self.clock.moment)),
        ):
            by_hand.decide()
            by_hand.carry_out()
            if by_hand.run.finished_at is None:
                # the only recipient left while it was sent: the next look finds nobody to send to
                by_hand = ByHand(self.engine, self.engine.workspace.campaigns["all"])
                by_hand.decide()
                by_hand.carry_out()
            assert by_hand.run.finished_at is not None
        self.check_writes(before, members, raced)
        self.check_mails(by_hand, raced)
        self.follow(raced)

    def check_writes(self, before: dict[str, str], members: dict[str, Any], raced: list[str]) -> None:
        """What every request asked for, and what became of every status."""
        for request in self.sandbox.writes():
            if request.path == f"/lists/{AUDIENCE}":
                self.check_batch(request.json)
            elif "/members/" in request.path:
                assert not {"status", "status_if_new"} & request.json.keys(), request.json
        for address in set(ADDRESSES) - set(raced):
            was, now = before.get(address), self.statuses().get(address)
            if was != now:
                self.check_change(address, was, now, before, members)

    def check_batch(self, body: dict[str, Any]) -> None:
        """Existing members keep their status, but for an opt-out that the ERP reports."""
        assert not body["sync_tags"]
        for row in body["members"]:
            if body["update_existing"]:
                assert row.get("status") in {None, "unsubscribed"}, row
            if row.get("status") == "unsubscribed":
                owners = [p for p in self.people.values() if same(row["email_address"], p.email, p.linked)]
                assert any(person.consent == "opted_out" for person in owners), row

    def check_change(
        self, address: str, was: str | None, now: str | None, before: dict[str, str], members: dict[str, Any]
    ) -> None:
        """A status that is another one than before the send, by what we wrote."""
        arrived = next((p.linked for p in self.people.values() if p.email == address and p.linked != address), None)
        match was, now:
            case "subscribed", "unsubscribed":
                assert any(address in {person.email, person.linked} for person in self.people.values()), address
            case None, "subscribed":
                holder = next(person for person in self.people.values() if person.email == address)
                assert holder.consent == "opted_in" or arrived, address
                assert self.allows(holder, address, members) or before.get(arrived or "") == "subscribed", address
            case None, "unsubscribed":
                assert arrived is not None
            case _, None:
                assert any(p.linked == address and p.email != address for p in self.people.values()), address
            case _:
                pytest.fail(f"{address}: {was} became {now}")

    def allows(self, person: Person, address: str, members: dict[str, Any]) -> bool:
        """The newest word is no no: neither the person's, nor the mailbox's."""
        member = members.get(address)
        since = 0
        if member is not None and member["timestamp_opt"]:
            since = int(datetime.fromisoformat(member["timestamp_opt"]).timestamp())
        words = [self.no_at.get(address, 0), person.left_at or 0]
        return all(word == 0 or since > word for word in words)

    def check_mails(self, by_hand: ByHand, raced: list[str]) -> None:
        """Who got it, who did not, and what the books say of both."""
        with self.engine.database.read() as connection:
            found = run_list.outcomes(connection, by_hand.run.id or 0)
        decisions = {one["contact_id"]: one["decision"] for one in found}
        mails = [mail.email for mail in self.world.mails()[self.mailed :]]
        self.mailed += len(mails)
        members, after = self.members(), self.statuses()
        for who, person in self.people.items():
            got = sum(mail.lower() == person.email.lower() for mail in mails)
            waits = (
                person.email not in after
                and person.linked != person.email
                and after.get(person.linked or "") in {"pending", "transactional"}
            )
            may = (
                person.consent == "opted_in"
                and self.allows(person, person.email, members)
                and after.get(person.email, "subscribed") == "subscribed"
                and person.email not in raced
                and person.email not in self.erased
                and not waits
            )
            assert got == int(may), (who, person, decisions.get(who), after)
            assert (decisions.get(who) == "sent") == bool(got), (who, person, decisions)
            if person.email in raced and person.consent == "opted_in":
                assert decisions[who] == "suppressed"
        assert len(mails) == sum(decision == "sent" for decision in decisions.values())
        assert "planned" not in decisions.values()
        for person in self.people.values():
            # an address change makes no second contact of it; at an address that said no, it makes none at all
            if person.linked not in {None, person.email} and person.linked not in {
                p.email for p in self.people.values()
            }:
                left = after.get(person.linked or "")
                said_no = person.email in self.no_at
                assert left != "subscribed" or after.get(person.email) is not None or said_no, person

    def follow(self, raced: list[str]) -> None:
        """What is true from now on."""
        after, at = self.statuses(), int(self.clock.moment.timestamp())
        for person in self.people.values():
            if person.email in after:
                person.linked = person.email
            elif after.get(person.linked or "") not in {"pending", "transactional"}:
                person.linked = None
        for address in raced:
            self.said_no(address, at)
        for person in self.people.values():
            if after.get(person.email) == "unsubscribed":
                self.no_at.setdefault(person.email, at)
                if person.consent == "opted_out":
                    # the ERP's opt-out was carried out
                    self.no_at[person.email] = max(at, self.no_at[person.email])
                    person.left_at = max(at, person.left_at or 0)
        members = self.members()
        for person in self.people.values():
            if person.left_at and self.allows(person, person.email, members):
                person.left_at = None

    # -- looking

    def statuses(self) -> dict[str, str]:
        known = {address.lower(): address for address in ADDRESSES}
        return {known[one["email_address"].lower()]: one["status"] for one in self.sandbox.members()}

    def members(self) -> dict[str, Any]:
        known = {address.lower(): address for address in ADDRESSES}
        return {known[one["email_address"].lower()]: one for one in self.sandbox.members()}

    def status(self, address: str) -> str | None:
        return self.statuses().get(address)


def same(address: str, *others: str | None) -> bool:
    return address.lower() in {other.lower() for other in others if other}


class before_sending:  # noqa: N801 -- reads like the context manager that it is
    """Something that happens between the decision and the send."""

    def __init__(self, engine: Engine, act: Callable[[], None]) -> None:
        self._gateway, self._act = engine.gateway, act
        self._send = self._gateway.send

    def __enter__(self) -> None:
        def sending(campaign: str) -> None:
            self._act()
            self._send(campaign)

        self._gateway.send = sending  # type: ignore[method-assign, assignment]

    def __exit__(self, *_: object) -> None:
        self._gateway.send = self._send  # type: ignore[method-assign]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Ticking, Path, object]]:
    """A workspace with everything but people, to be returned to for each history."""
    clock = Ticking()
    root = tmp_path_factory.mktemp("consent")
    with Sandbox(audience=AUDIENCE, clock=clock) as sandbox:
        world = World(root / "shop", sandbox)
        world.segment("all", "email_domain is not null")
        world.template("t", "<p>Hello</p>")
        world.campaign("all", "all", "t", "Hello")
        engine = open_engine(world.root, now=MONDAY)
        engine.close()
        yield world, clock, root, copy.deepcopy(sandbox.account)


@example([([("erased", ADDRESSES[0])], None), ([("swap", "c0", "c1")], None)])
@given(st.lists(_day, min_size=2, max_size=6))
@hypothesis_settings(
    max_examples=HISTORIES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_nobody_is_mailed_while_the_newest_word_is_no(
    stage: tuple[World, Ticking, Path, object], days: list[tuple[list[tuple[Any, ...]], str | None]]
) -> None:
    world, clock, _, account = stage
    world.sandbox.account = copy.deepcopy(account)  # type: ignore[assignment]
    world.rows.clear()
    for file in world.root.glob("campaigns.db*"):
        shutil.rmtree(file) if file.is_dir() else file.unlink()
    engine = open_engine(world.root, now=MONDAY)
    try:
        history = History(world, engine, clock)
        history.send(None)
        for events, leaves_meanwhile in days:
            for event in events:
                history.happen(event)
            history.send(leaves_meanwhile)
    finally:
        engine.close()
