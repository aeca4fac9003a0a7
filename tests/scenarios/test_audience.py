"""The audience equals the membership; nothing is written twice, and nothing of other people is touched."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.scenarios.world import AUDIENCE, MONDAY, World

from orchestrator.audiences import pull
from orchestrator.audiences.ahead import Ahead
from orchestrator.errors import RejectedByProvider
from orchestrator.gateway import MemberRefusal, MembersAnswer
from orchestrator.mailchimp import calls
from orchestrator.mailchimp.gateway import MailchimpGateway
from orchestrator.store.opening import open_database
from orchestrator.store.webhooks import Delivery, record_delivery
from orchestrator.vocabulary import MemberStatus, Refusal, WebhookOutcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from orchestrator.gateway import MemberWrite

LATER = MONDAY + timedelta(hours=1)
MUCH_LATER = MONDAY + timedelta(hours=2)
UPDATE = MailchimpGateway.update_members


@pytest.fixture
def shop(world: World) -> World:
    world.segment("metal", "industry = 'metal'")
    world.segment("named", "first_name is not null")
    world.segment("private", "first_name is not null", "sync = false")
    world.template("t", "<p>Hello {{ contact.first_name }}</p>")
    world.campaign("news", "metal", "t", "News", 'on = "schedule"\ncron = "0 10 * * *"')
    world.account("a1", industry="metal")
    world.account("a2", industry="wood")
    for number in range(6):
        world.contact(f"c{number}", account_id=f"a{number % 2 + 1}", first_name=f"N{number}")
    return world


def statuses(world: World) -> dict[str, str]:
    return {member["email_address"]: member["status"] for member in world.sandbox.members()}


def rows_written(world: World) -> Iterator[dict[str, Any]]:
    """Every member of every write."""
    for request in world.sandbox.writes():
        body = request.json
        if isinstance(body, dict):
            yield from body.get("members", [])
            if "/members/" in request.path:
                yield body


def test_the_audience_equals_the_memberships(shop: World) -> None:
    shop.load(MONDAY)
    answer = shop.ok("sync", "--json", now=MONDAY).json
    assert (answer["added"], answer["updated"], answer["tagged"], answer["untagged"]) == (6, 0, 9, 0)
    assert shop.sandbox.tagged("metal") == {f"c{number}@shop.example" for number in (0, 2, 4)}
    assert shop.sandbox.tagged("named") == {f"c{number}@shop.example" for number in range(6)}
    assert shop.sandbox.tagged("private") == set()
    shop.put("accounts", account_id="a2", industry="metal")
    shop.put("accounts", account_id="a1", industry="stone")
    shop.load(LATER)
    answer = shop.ok("sync", "--json", now=LATER).json
    assert (answer["tagged"], answer["untagged"]) == (3, 3)
    assert shop.sandbox.tagged("metal") == {f"c{number}@shop.example" for number in (1, 3, 5)}


@pytest.mark.parametrize("again", [("sync",), ("daemon", "--once")])
def test_with_nothing_changed_nothing_is_written(shop: World, again: tuple[str, ...]) -> None:
    shop.load(MONDAY)
    shop.cycle(MONDAY)
    shop.cycle(LATER)
    shop.sandbox.forget_requests()
    shop.ok(*again, now=MUCH_LATER)
    assert shop.sandbox.writes() == []


def test_tags_are_changed_while_updates_are_waited_for(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One wait instead of two. An answer of before a tag was taken away shows it still: that is no news, but the tag
    that travelled is.
    """
    shop.segment("fresh", "last_name = 'Fresh'")
    shop.contact("c1", last_name="Fresh")
    shop.load(MONDAY)
    for _ in range(2):  # the second learns the tags' ids
        shop.ok("sync", now=MONDAY)
    shop.put("accounts", account_id="a1", industry="stone")
    shop.contact("c0", last_name="Fresh", account_id="a1")
    shop.load(LATER)
    update, change = MailchimpGateway.update_members, MailchimpGateway.change_segment
    updated, changed = threading.Event(), threading.Event()

    def updated_before(gateway: MailchimpGateway, rows: Any) -> Any:
        answer = update(gateway, rows)
        assert "metal" in answer.tags["c0@shop.example"]
        updated.set()
        assert changed.wait(60), "tags wait for updates"
        return answer

    def change_noted(gateway: MailchimpGateway, *values: Any) -> Any:
        assert updated.wait(60)
        answer = change(gateway, *values)
        changed.set()
        return answer

    with monkeypatch.context() as patched:
        patched.setattr(MailchimpGateway, "update_members", updated_before)
        patched.setattr(MailchimpGateway, "change_segment", change_noted)
        answer = shop.ok("sync", "--json", now=LATER).json
    assert (answer["updated"], answer["tagged"], answer["untagged"]) == (1, 1, 3)
    assert shop.sandbox.tagged("metal") == set()
    assert shop.sandbox.tagged("fresh") == {"c0@shop.example", "c1@shop.example"}
    shop.sandbox.forget_requests()
    shop.ok("sync", now=MUCH_LATER)
    assert shop.sandbox.writes() == []


def test_tags_that_travel_with_a_member_are_not_given_once_more(shop: World) -> None:
    shop.sandbox.add_member("c0@shop.example")
    shop.load(MONDAY)
    shop.ok("sync", now=MONDAY)
    assert "c0@shop.example" in shop.sandbox.tagged("metal")
    assert {request.path.rpartition("/")[0] for request in shop.sandbox.writes()} == {"/lists"}


@pytest.fixture
def renamed(shop: World) -> World:
    """A member whose update and whose new tag are owed."""
    shop.segment("fresh", "last_name = 'Fresh'")
    shop.contact("c1", last_name="Fresh")
    shop.load(MONDAY)
    for _ in range(2):
        shop.ok("sync", now=MONDAY)
    shop.contact("c0", last_name="Fresh")
    shop.load(LATER)
    shop.sandbox.forget_requests()
    return shop


def test_a_new_tag_travels_with_an_update(renamed: World) -> None:
    assert renamed.ok("sync", "--json", now=LATER).json["tagged"] == 1
    assert renamed.sandbox.tagged("fresh") == {"c0@shop.example", "c1@shop.example"}
    assert [request.path for request in renamed.sandbox.writes()] == [f"/lists/{AUDIENCE}"]
    renamed.sandbox.forget_requests()
    renamed.ok("sync", now=MUCH_LATER)
    assert renamed.sandbox.writes() == []


def without_tags(gateway: MailchimpGateway, rows: Sequence[MemberWrite]) -> MembersAnswer:
    return UPDATE(gateway, [row._replace(tags=()) for row in rows])


def not_shown(gateway: MailchimpGateway, rows: Sequence[MemberWrite]) -> MembersAnswer:
    return replace(UPDATE(gateway, rows), tags={})


def refused(_: MailchimpGateway, rows: Sequence[MemberWrite]) -> MembersAnswer:
    return MembersAnswer(frozenset(), tuple(MemberRefusal(row.email, Refusal.OTHER, "no") for row in rows), frozenset())


@pytest.mark.parametrize("update", [without_tags, not_shown, refused])
def test_a_tag_that_did_not_arrive_with_an_update_is_given_by_itself(
    renamed: World, monkeypatch: pytest.MonkeyPatch, update: Callable[..., MembersAnswer]
) -> None:
    """And within the same sync: afterwards the audience equals the membership."""
    with monkeypatch.context() as patched:
        patched.setattr(MailchimpGateway, "update_members", update)
        assert renamed.ok("sync", "--json", now=LATER).json["tagged"] == 1
    assert renamed.sandbox.tagged("fresh") == {"c0@shop.example", "c1@shop.example"}
    renamed.sandbox.forget_requests()
    renamed.ok("sync", now=MUCH_LATER)
    assert renamed.sandbox.writes() == []


def test_a_tag_that_goes_with_a_new_member_is_not_made_for_an_old_one(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.segment("fresh", "industry = 'fresh'")
    shop.load(MONDAY)
    shop.ok("sync", now=MONDAY)
    shop.put("accounts", account_id="a2", industry="fresh")
    shop.contact("c9", account_id="a2")
    shop.load(LATER)
    add, create, added = MailchimpGateway.add_members, MailchimpGateway.create_segment, threading.Event()

    def add_noted(gateway: MailchimpGateway, rows: Any) -> Any:
        answer = add(gateway, rows)
        added.set()
        return answer

    def created_later(gateway: MailchimpGateway, *values: Any) -> Any:
        assert added.wait(60)
        return create(gateway, *values)

    with monkeypatch.context() as patched:
        patched.setattr(MailchimpGateway, "add_members", add_noted)
        patched.setattr(MailchimpGateway, "create_segment", created_later)
        shop.ok("sync", now=LATER)
    assert shop.sandbox.tagged("fresh") == {f"c{number}@shop.example" for number in (1, 3, 5, 9)}


def test_a_new_member_keeps_no_tag_of_ours_that_it_had_before(shop: World) -> None:
    shop.load(MONDAY)
    shop.ok("sync", now=MONDAY)
    shop.sandbox.add_member("c9@shop.example", tags=["metal", "by hand"])
    shop.contact("c9", account_id=None)
    shop.load(LATER)
    shop.ok("sync", now=LATER)
    assert shop.sandbox.tagged("by hand") == {"c9@shop.example"}
    assert "c9@shop.example" not in shop.sandbox.tagged("metal")


def test_a_tag_that_mailchimp_does_not_make_holds_up_no_other(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.load(MONDAY)
    shop.ok("sync", now=MONDAY)
    for name in ("early", "late"):
        shop.segment(name, "industry = 'wood'")
    shop.load(LATER)
    create, wood = MailchimpGateway.create_segment, {f"c{number}@shop.example" for number in (1, 3, 5)}

    def not_made(gateway: MailchimpGateway, name: str, *emails: Any) -> Any:
        if name == "early":
            raise RejectedByProvider("Could not create the static segment: Mailchimp says: no.")
        return create(gateway, name, *emails)

    with monkeypatch.context() as patched:
        patched.setattr(MailchimpGateway, "create_segment", not_made)
        answer = shop.command("sync", now=LATER)
    assert (answer.code, "Mailchimp says: no." in answer.err) == (1, True)
    assert [shop.sandbox.tagged(name) for name in ("early", "late")] == [set(), wood]
    shop.ok("sync", now=MUCH_LATER)
    assert shop.sandbox.tagged("early") == wood


def test_tags_that_went_with_new_members_are_listed_once(shop: World) -> None:
    listed = f"/lists/{AUDIENCE}/segments"
    shop.segment("nobody", "first_name = 'X'")
    shop.load(MONDAY)
    for expected in (0, 1, 0):
        shop.sandbox.forget_requests()
        shop.ok("sync", now=MONDAY)
        assert [request.path for request in shop.sandbox.requests].count(listed) == expected


def arrive(world: World) -> None:
    world.sandbox.add_member("stranger@elsewhere.example")


def leave_and_arrive(world: World) -> None:
    world.sandbox.unsubscribe("c0@shop.example")
    arrive(world)


@pytest.mark.parametrize(
    ("meanwhile", "pages", "found"),
    [
        (lambda _: None, 1, {}),
        (arrive, 3, {"stranger@elsewhere.example": "subscribed"}),
        (leave_and_arrive, 2, {"stranger@elsewhere.example": "subscribed", "c0@shop.example": "unsubscribed"}),
    ],
    ids=["nobody", "one who came", "one who left and one who came"],
)
def test_what_was_written_is_not_read_again_unless_somebody_else_is_there(
    shop: World,
    meanwhile: Callable[[World], None],
    pages: int,
    found: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(calls, "PAGE", 3)
    monkeypatch.setattr(pull, "FIRST", 3)
    shop.load(MONDAY)
    shop.ok("sync", now=MONDAY)
    meanwhile(shop)
    for now, expected in ((LATER, pages), (MUCH_LATER, 1)):
        shop.sandbox.forget_requests()
        shop.ok("sync", now=now)
        subscribed = [one for one in shop.sandbox.requests if one.query.get("status") == "subscribed"]
        assert len(subscribed) == expected
    with closing(sqlite3.connect(shop.root / "campaigns.db")) as database:
        known = dict(database.execute("SELECT email_key, status FROM audience_member"))
    assert known == {f"c{number}@shop.example": "subscribed" for number in range(6)} | found


def test_what_other_people_made_stays_as_it_is(shop: World) -> None:
    sandbox = shop.sandbox
    sandbox.add_member("stranger@elsewhere.example", merge_fields={"FNAME": "Stan"}, tags=["metal", "by hand"])
    sandbox.add_member("left@elsewhere.example", status="unsubscribed")
    sandbox.add_member("c1@shop.example", tags=["by hand"])
    sandbox.add_segment("co op members", ["stranger@elsewhere.example"])

    def strangers() -> list[tuple[Any, ...]]:
        found = [one for one in sandbox.members() if "elsewhere" in one["email_address"]]
        names = ("email_address", "status", "tags", "last_changed", "language")
        return [(*(one[name] for name in names), one["merge_fields"].get("FNAME")) for one in found]

    before = strangers()
    shop.load(MONDAY)
    shop.cycle(MONDAY - timedelta(hours=3))
    shop.cycle(MONDAY)
    assert shop.receivers("news") == ["c0", "c2", "c4"]
    assert strangers() == before
    assert sandbox.tagged("metal") == {"stranger@elsewhere.example", *(f"c{n}@shop.example" for n in (0, 2, 4))}
    assert sandbox.tagged("by hand") == {"stranger@elsewhere.example", "c1@shop.example"}
    assert sandbox.tagged("co op members") == {"stranger@elsewhere.example"}


def test_an_opt_out_of_the_erp_unsubscribes_and_is_the_only_status_written(shop: World) -> None:
    shop.load(MONDAY)
    shop.cycle(MONDAY)
    shop.contact("c0", consent="opted_out")
    shop.contact("c2", consent="unknown")
    shop.contact("c4", first_name="Renamed")
    shop.load(LATER)
    shop.sandbox.forget_requests()
    shop.cycle(LATER)
    written = {row["email_address"]: row.get("status") for row in rows_written(shop)}
    assert written == {"c0@shop.example": "unsubscribed", "c4@shop.example": None}
    assert statuses(shop)["c0@shop.example"] == "unsubscribed"
    assert statuses(shop)["c2@shop.example"] == "subscribed", "absence of consent is no opt-out"
    assert "c2@shop.example" not in shop.sandbox.tagged("metal")
    shop.contact("c0", consent="opted_in")
    shop.load(MUCH_LATER)
    shop.cycle(MUCH_LATER)
    assert statuses(shop)["c0@shop.example"] == "unsubscribed", "an opt-out is never undone by us"


@pytest.mark.parametrize("act", ["unsubscribe", "archive", "clean"])
def test_whoever_left_at_mailchimp_is_never_written_to_again(shop: World, act: str) -> None:
    shop.segment("fresh", "last_name = 'Fresh'")
    shop.contact("c1", last_name="Fresh")
    shop.load(MONDAY - timedelta(hours=5))
    shop.cycle(MONDAY - timedelta(hours=5))
    getattr(shop.sandbox, act)("c0@shop.example")
    left = statuses(shop)["c0@shop.example"]
    shop.contact("c0", first_name="Changed", last_name="Fresh")
    shop.load(MONDAY)
    shop.sandbox.forget_requests()
    shop.cycle(MONDAY)
    assert "c0@shop.example" not in {row.get("email_address") for row in rows_written(shop)}
    bodies = [request.json for request in shop.sandbox.writes()]
    assert not any("c0@shop.example" in body.get("members_to_add", ()) for body in bodies if body)
    assert statuses(shop)["c0@shop.example"] == left
    assert shop.receivers("news") == ["c2", "c4"]


@pytest.mark.parametrize("act", ["unsubscribe", "archive", "clean"])
def test_whoever_left_at_mailchimp_and_in_the_erp_is_left_as_mailchimp_has_it(shop: World, act: str) -> None:
    shop.load(MONDAY)
    shop.ok("sync", now=MONDAY)
    getattr(shop.sandbox, act)("c0@shop.example")
    left = statuses(shop)["c0@shop.example"]
    shop.contact("c0", consent="opted_out")
    shop.load(LATER)
    shop.sandbox.forget_requests()
    assert shop.ok("sync", "--json", now=LATER).json["unsubscribed"] == 0
    assert "c0@shop.example" not in {row.get("email_address") for row in rows_written(shop)}
    assert statuses(shop)["c0@shop.example"] == left


def test_an_address_that_was_opted_out_before_its_owner_moved_on_is_not_given_to_the_next_one(shop: World) -> None:
    shop.load(MONDAY)
    shop.ok("sync", now=MONDAY)
    shop.sandbox.unsubscribe("c0@shop.example")
    shop.contact("c0", email="moved@shop.example")
    shop.load(LATER)
    assert shop.ok("sync", "--json", now=LATER).json["moved"] == 1
    assert statuses(shop)["moved@shop.example"] == "unsubscribed"
    shop.contact("c9", email="c0@shop.example")
    shop.load(MUCH_LATER)
    shop.ok("sync", now=MUCH_LATER)
    assert "c0@shop.example" not in statuses(shop)


def test_a_webhook_that_comes_while_the_news_are_read_is_heeded(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.load(MONDAY)
    shop.ok("sync", now=MONDAY)
    shop.contact("c0", first_name="Changed")
    shop.load(LATER)
    members, begin, looked_ahead = MailchimpGateway.members, Ahead.begin, threading.Semaphore(0)

    def begun(ahead: Ahead[Any]) -> None:
        begin(ahead)
        looked_ahead.release()

    def left_by_webhook(gateway: MailchimpGateway, status: MemberStatus, *values: Any, **named: Any) -> Iterator[Any]:
        # of the subscribed nobody changed, as long after the last sync
        found = [] if status is MemberStatus.SUBSCRIBED else list(members(gateway, status, *values, **named))
        if status is MemberStatus.UNSUBSCRIBED:
            for _ in range(4):  # at moves, opt-outs, members and tags
                assert looked_ahead.acquire(timeout=60)
            shop.sandbox.unsubscribe("c0@shop.example")
            fired = datetime.now(UTC) + timedelta(minutes=1)  # not in the second of what was written
            said = Delivery("d", "unsubscribe", fired, known=True, email="c0@shop.example", status=status)
            database = open_database("sqlite:///campaigns.db", shop.root, now=0)
            assert record_delivery(database, said, fired) == WebhookOutcome.APPLIED
            database.close()
        yield from found

    shop.sandbox.forget_requests()
    with monkeypatch.context() as patched:
        patched.setattr(Ahead, "begin", begun)
        patched.setattr(MailchimpGateway, "members", left_by_webhook)
        shop.ok("sync", now=LATER)
    assert "c0@shop.example" not in {row.get("email_address") for row in rows_written(shop)}


def test_a_new_address_moves_the_member(shop: World) -> None:
    shop.load(MONDAY)
    shop.cycle(MONDAY)
    shop.contact("c0", email="New.Address@shop.example")
    shop.load(LATER)
    answer = shop.ok("sync", "--json", now=LATER).json
    assert (answer["moved"], answer["added"]) == (1, 0)
    assert statuses(shop).keys() == {"New.Address@shop.example", *(f"c{number}@shop.example" for number in range(1, 6))}
    assert "New.Address@shop.example" in shop.sandbox.tagged("metal")
    shop.cycle(LATER)
    shop.sandbox.forget_requests()
    shop.cycle(MUCH_LATER)
    assert shop.sandbox.writes() == []


def test_capital_letters_are_the_same_address(shop: World) -> None:
    shop.load(MONDAY)
    shop.cycle(MONDAY)
    shop.contact("c0", email="C0@Shop.Example")
    shop.load(LATER)
    shop.cycle(LATER)
    assert len(shop.sandbox.members()) == 6


def test_a_new_address_that_is_taken_by_a_stranger_makes_no_second_copy_of_consent(shop: World) -> None:
    shop.load(MONDAY)
    shop.cycle(MONDAY)
    shop.sandbox.add_member("taken@shop.example", status="unsubscribed")
    shop.contact("c0", email="taken@shop.example")
    shop.load(LATER)
    shop.cycle(LATER)
    assert statuses(shop)["taken@shop.example"] == "unsubscribed"
    assert "taken@shop.example" not in shop.sandbox.tagged("metal")


@pytest.mark.parametrize("reason", ["fake", "invalid", "compliance", "forgotten", "too_many_lists"])
def test_a_refused_row_holds_up_nobody_and_is_not_tried_again_until_it_changes(shop: World, reason: str) -> None:
    shop.sandbox.refuse_address("c2@shop.example", reason)
    shop.load(MONDAY - timedelta(hours=5))
    answer = shop.ok("sync", "--json", now=MONDAY - timedelta(hours=5)).json
    assert answer["added"] == 5
    assert [one["contact_id"] for one in answer["rejected"]] == ["c2"]
    shop.cycle(MONDAY - timedelta(hours=4))
    shop.sandbox.forget_requests()
    shop.cycle(MONDAY)
    assert "c2@shop.example" not in {row.get("email_address") for row in rows_written(shop)}
    assert shop.receivers("news") == ["c0", "c4"]
    run = shop.runs(MONDAY)[0]["run"]
    expected = {"compliance": "suppressed", "forgotten": "suppressed", "too_many_lists": "rejected"}
    assert shop.decisions(run, MONDAY)["c2"] == expected.get(reason, "undeliverable")
    shop.contact("c2", first_name="Changed")
    shop.load(LATER)
    shop.sandbox.forget_requests()
    shop.cycle(LATER)
    tried = "c2@shop.example" in {row.get("email_address") for row in rows_written(shop)}
    assert tried == (reason not in {"compliance", "forgotten"})


def test_more_than_a_call_takes_go_in_several_calls(shop: World) -> None:
    for number in range(6, 1203):
        shop.contact(f"c{number}", account_id="a1", first_name=f"N{number}")
    shop.load(MONDAY)
    assert shop.ok("sync", "--json", now=MONDAY).json["added"] == 1203
    sizes = [len(request.json["members"]) for request in shop.sandbox.writes() if request.path == f"/lists/{AUDIENCE}"]
    assert sum(sizes) == 1203
    assert max(sizes) == 500
    assert shop.sandbox.most_in_flight <= 8
