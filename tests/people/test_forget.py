"""`campaigns forget`: nothing of a person is left, the books still add up, and nobody brings the person back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, select
from sqlmodel import SQLModel
from tests.people.conftest import ADDRESS, CONTACT, NAME, SECOND, TRACES, lived_in
from tests.scenarios.crash import Crash
from tests.scenarios.world import AUDIENCE, MONDAY, World

from orchestrator.errors import RetryLater
from orchestrator.mailchimp.gateway import MailchimpGateway
from orchestrator.people.holdings import HOLDINGS, NOBODY
from orchestrator.store.opening import open_database
from orchestrator.store.tables import AudienceMember

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.sandbox.server import Sandbox


@pytest.fixture
def anywhere(tmp_path: Path, mailchimp: Sandbox, database_url: str) -> World:
    """Ada's shop on either database."""
    return lived_in(World(tmp_path / "shop", mailchimp, database_url=database_url))


def _everything(world: World) -> str:
    """Every row of every table."""
    database = open_database(world.database_url, world.root, now=0)
    with database.read() as connection:
        rows = [
            (name, [str(value) for value in row])
            for name, table in SQLModel.metadata.tables.items()
            for row in connection.execute(select(table))
        ]
    database.close()
    return json.dumps(rows)


def _found_in(text: str) -> list[str]:
    return [trace for trace in TRACES if trace.lower() in text.lower()]


def _run_counts(world: World) -> list[tuple[str, int, dict[str, int]]]:
    return [(run["run"], run["recipients"], run["decisions"]) for run in world.runs(SECOND)]


def test_no_table_holds_anything_of_the_person_and_the_books_still_add_up(anywhere: World) -> None:
    world = anywhere
    before, mailed = _run_counts(world), len(world.mails())
    assert set(_found_in(_everything(world))) >= {ADDRESS, CONTACT, NAME}
    answer = world.ok("forget", ADDRESS, "--yes", "--json", now=SECOND).json
    assert answer["forgotten"] == "forgotten-1"
    assert answer["kept"]["send"] == 2
    assert _found_in(_everything(world)) == []
    assert _run_counts(world) == before
    for run in world.runs(SECOND):
        shown = world.ok("runs", run["run"], "--json", now=SECOND).json
        assert sum(run["decisions"].values()) == len(shown["contacts"])
        assert "forgotten-1" in {one["contact_id"] for one in shown["contacts"]}
    report = world.ok("report", "--json", now=SECOND).json
    assert sum(one["sent"] for one in report["campaigns"]) == mailed


def test_a_company_keeps_its_orders_without_the_person(world: World) -> None:
    world.segment("company", "account_revenue_total = 170")
    assert _members(world, "company") == ["c1", "c2", CONTACT]
    world.ok("forget", CONTACT, "--yes", now=SECOND)
    assert _members(world, "company") == ["c1", "c2"]


def test_what_the_erp_sends_again_is_kept_out_and_only_the_company_s_orders_stay(anywhere: World) -> None:
    world = anywhere
    world.ok("forget", ADDRESS, "--yes", now=SECOND)
    world.order("order-alone", CONTACT, MONDAY, "5.00")
    world.order("order-later", CONTACT, MONDAY, "30.00", account_id="a1", note="blue pumps for ada")
    world.put("order_lines", order_id="order-alone", product_id="p1", quantity=1, unit_price="5.00")
    world.cart(CONTACT, MONDAY, [("p1", 1, "10.00")], cart_id="cart-person-2")
    world.contact("new-id", email=ADDRESS, first_name=NAME)
    for _ in range(2):
        folder = world.write_export()
        answer = world.ok("import", "--csv", str(folder), "--json", now=SECOND).json
        reasons = {(one["file"], one["reason"]) for one in answer["rejects"]}
        assert {reason for _, reason in reasons} == {"asked to be forgotten on 2026-03-02: kept out"}
        assert {file for file, _ in reasons} == {
            *("contacts.csv", "orders.csv", "order_lines.csv", "carts.csv", "cart_lines.csv", "events.csv")
        }
        assert answer["failures"] == []
    assert _found_in(_everything(world)) == []
    world.segment("company", "account_revenue_total = 200")
    assert _members(world, "company") == ["c1", "c2"]
    mails = len(world.mails())
    world.cycle(SECOND)
    world.ok("send", "news", "--yes", now=SECOND)
    assert ADDRESS not in {mail.email.lower() for mail in world.mails()[mails:]}


def test_another_address_of_the_same_contact_and_another_contact_of_the_same_address_stay_out(world: World) -> None:
    world.ok("forget", CONTACT, "--yes", now=SECOND)
    world.contact(CONTACT, email="other@shop.example")
    world.contact("c2", email=ADDRESS.upper())
    folder = world.write_export("contacts")
    answer = world.ok("import", "--csv", str(folder), "--json", now=SECOND).json
    assert len(answer["rejects"]) == 2
    assert answer["tables"]["contacts"]["rejected"] == 2
    assert "c2@shop.example" in _everything(world), "who is told another's address keeps the own one"


def test_why_and_every_other_command_say_that_the_person_was_forgotten(world: World) -> None:
    world.ok("forget", ADDRESS, "--yes", now=SECOND)
    for name in (ADDRESS, ADDRESS.upper(), CONTACT):
        answer = world.ok("why", "news", name, "--json", now=SECOND).json
        assert answer["decision"] == "suppressed"
        assert answer["reasons"][0].startswith("Forgotten on 2026-03-02")
        assert answer["contact_id"] == "forgotten-1"
    told = world.command("preview", "news", "--contact", ADDRESS, now=SECOND)
    assert told.code == 2
    assert "was forgotten on 2026-03-02" in told.err


def test_our_tags_and_values_are_taken_off_the_member_and_nothing_else_is_written(world: World) -> None:
    with world.sandbox.opened(writes=False) as (account, _):
        before = account.audiences[AUDIENCE]
        member = next(one for one in before.members.values() if one.email.lower() == ADDRESS)
        status, fields = member.status, dict(member.merge_fields)
    assert any(name.startswith("CO_") and value for name, value in fields.items())
    world.sandbox.forget_requests()
    answer = world.ok("forget", ADDRESS, "--yes", "--json", now=SECOND).json
    assert answer["mailchimp"]["untagged"] == ["buyers", "carts", "everybody"]
    assert answer["mailchimp"]["problem"] == ""
    assert "PERMANENTLY DELETE" in answer["mailchimp"]["by_hand"]
    with world.sandbox.opened(writes=False) as (account, _):
        audience = account.audiences[AUDIENCE]
        member = next(one for one in audience.members.values() if one.email.lower() == ADDRESS)
        assert member.status == status, "what becomes of the member is for a person to decide"
        assert {name: value for name, value in member.merge_fields.items() if name.startswith("CO_")} == {
            name: "" for name in fields if name.startswith("CO_")
        }
        assert member.merge_fields["FNAME"] == NAME, "it may be older than us"
    world.cycle(SECOND)
    assert _found_in(_everything(world)) == [], "the member is still there, and is not read in again"


def test_mailchimp_out_of_reach_does_not_stop_the_erasure(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(_gateway: MailchimpGateway) -> None:
        raise RetryLater("Mailchimp cannot be reached.")

    monkeypatch.setattr(MailchimpGateway, "segments", unreachable)
    done = world.ok("forget", ADDRESS, "--yes", "--json", now=SECOND)
    assert done.json["mailchimp"]["problem"] == "Mailchimp cannot be reached."
    assert "were not taken off" in done.err
    assert _found_in(_everything(world)) == []


def test_without_a_terminal_and_without_yes_nothing_is_done(world: World) -> None:
    before = _everything(world)
    refused = world.command("forget", ADDRESS, now=SECOND)
    assert refused.code == 3
    assert "Nothing was erased" in refused.err
    assert _everything(world) == before


def test_forgetting_again_says_so_and_somebody_unknown_is_an_error(world: World) -> None:
    world.ok("forget", ADDRESS, "--yes", now=SECOND)
    again = world.ok("forget", ADDRESS, now=SECOND)
    assert "Forgotten on 2026-03-02 already" in again.out
    unknown = world.command("forget", "nobody@shop.example", "--yes", now=SECOND)
    assert unknown.code == 2
    assert "Nothing was erased" in unknown.err


def test_a_mail_on_its_way_is_settled_first(world: World) -> None:
    database = open_database(world.database_url, world.root, now=0)
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE mailing SET state = 'sending'")
    database.close()
    before = _everything(world)
    refused = world.command("forget", ADDRESS, "--yes", now=SECOND)
    assert refused.code == 3
    assert "is on its way in news-" in refused.err
    assert _everything(world) == before


def test_a_waiting_mail_is_withheld(world: World) -> None:
    world.configure(world.settings + "\n[guards]\napprove_above = 1\n")
    assert world.command("send", "news", "--yes", now=SECOND).code == 3
    run = next(run["run"] for run in world.runs(SECOND) if run["state"] == "waiting_approval")
    recipients = next(one["recipients"] for one in world.runs(SECOND) if one["run"] == run)
    world.ok("forget", ADDRESS, "--yes", now=SECOND)
    mails = len(world.mails())
    world.ok("approve", run, now=SECOND)
    world.cycle(SECOND)
    shown = next(one for one in world.runs(SECOND) if one["run"] == run)
    assert shown["state"] == "sent"
    assert shown["decisions"]["suppressed"] == 1
    assert len(world.mails()) == mails + recipients - 1


@pytest.mark.parametrize("at", [0, 1, 2], ids=["before anything", "before the erasure", "within it"])
def test_a_crash_leaves_all_or_nothing_and_is_repeated(world: World, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    before = _everything(world)

    def crash(*_given: Any, **_named: Any) -> None:
        raise Crash

    where = ["_clear", "erase", "jobs.audit"][at]
    target = "orchestrator.people.erase.jobs.audit" if where == "jobs.audit" else f"orchestrator.people.forget.{where}"
    with monkeypatch.context() as broken:
        broken.setattr(target, crash)
        with pytest.raises(Crash):
            world.command("forget", ADDRESS, "--yes", now=SECOND)
    assert _without_leases(_everything(world)) == _without_leases(before)
    world.ok("forget", ADDRESS, "--yes", now=SECOND)
    assert _found_in(_everything(world)) == []


def test_a_person_who_comes_back_is_let_in(world: World) -> None:
    world.ok("forget", ADDRESS, "--yes", now=SECOND)
    assert world.command("forget", ADDRESS, "--undo", now=SECOND).code == 0
    world.load(SECOND)
    assert CONTACT in world.ok("segments", "members", "everybody", now=SECOND).out
    assert world.command("forget", "nobody@shop.example", "--undo", now=SECOND).code == 2


def test_a_member_of_the_audience_who_is_no_contact_is_forgotten_too(world: World) -> None:
    database = open_database(world.database_url, world.root, now=0)
    with database.write() as connection:
        row = {"email_key": "stranger@else.example", "status": "subscribed", "detail": ""}
        connection.execute(insert(AudienceMember), row)
    database.close()
    answer = world.ok("forget", "Stranger@else.example", "--yes", "--json", now=SECOND).json
    assert answer["erased"] == {"audience_member": 1}
    assert "stranger@" not in _everything(world)
    assert world.ok("why", "news", "stranger@else.example", "--json", now=SECOND).json["decision"] == "suppressed"


def test_the_bytes_are_gone_from_the_files(world: World) -> None:
    """Not only the rows: freed pages and the write-ahead log hold old bytes until they are written over."""
    files = [world.root / f"campaigns.db{ending}" for ending in ("", "-wal", "-shm")]

    def bytes_found() -> list[str]:
        held = b"".join(file.read_bytes() for file in files if file.exists()).lower()
        return [trace for trace in TRACES if trace.lower().encode() in held]

    assert set(bytes_found()) >= {ADDRESS, CONTACT, NAME}
    reader = open_database(world.database_url, world.root, now=0)
    with reader.engine.connect():  # the daemon has the file open meanwhile
        world.ok("forget", ADDRESS, "--yes", now=SECOND)
        assert bytes_found() == []
    reader.close()
    world.command("status", now=SECOND)
    assert bytes_found() == []


def test_every_table_says_whether_people_stand_in_it() -> None:
    """A new table is entered in people/holdings.py, or nobody would erase or export it."""
    tables = SQLModel.metadata.tables
    held = {holding.table for holding in HOLDINGS}
    assert held | set(NOBODY) == set(tables)
    assert held & set(NOBODY) == set()
    telling = {"contact", "email", "email_key", "address", "person", "first_name", "last_name"}
    for name in NOBODY:
        assert telling & set(tables[name].columns.keys()) == set(), f"{name} has columns about people"


def _members(world: World, segment: str) -> list[str]:
    return [one["contact_id"] for one in world.ok("segments", "members", segment, "--json", now=SECOND).json["members"]]


def _without_leases(rows: str) -> list[Any]:
    return [row for row in json.loads(rows) if row[0] != "lease"]
