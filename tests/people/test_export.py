"""`campaigns export-person`: everything that is held, in words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select
from sqlmodel import SQLModel
from tests.people.conftest import ADDRESS, CONTACT, NAME, SECOND
from tests.scenarios.world import MONDAY

from orchestrator.people.holdings import HOLDINGS
from orchestrator.store.opening import open_database
from orchestrator.store.tables import MailEventRow

if TYPE_CHECKING:
    from tests.scenarios.world import World


def _export(world: World, name: str = ADDRESS) -> Any:
    return world.ok("export-person", name, now=SECOND).json


def test_everything_held_is_there_in_words(world: World) -> None:
    database = open_database(world.database_url, world.root, now=0)
    with database.write() as connection:
        send = connection.execute(select(SQLModel.metadata.tables["send"])).mappings().first()
        assert send is not None
        contact = connection.exec_driver_sql("SELECT id FROM contact WHERE key = 'person-4711'").scalar()
        event = {"mailing": send["mailing"], "run": send["run"], "campaign": "news", "contact": contact}
        connection.execute(insert(MailEventRow).values(**event, kind="open", at=int(MONDAY.timestamp()), url=""))
    database.close()
    found = _export(world)
    held = found["held"]
    assert found["contact_id"] == CONTACT
    assert found["addresses"] == [ADDRESS]
    assert found["company"]["key"] == "a1"
    rare = {"membership_change", "touched", "rfm_figure", "opt_out"}
    assert {*held, *rare} == {holding.table for holding in HOLDINGS}, "Ada left a trace everywhere"
    assert set(found["nothing_in"]) <= rare, "who is found at the first computation has not entered; nobody is ranked"
    assert held["contact"]["rows"][0]["extra"] == {"hobby": "blue pumps for ada"}
    assert held["orders"]["rows"][0]["total"] == "70.00"
    assert held["orders"]["rows"][0]["placed_at"] == "2026-02-02T09:00:00+00:00"
    assert held["order_line"]["rows"][0] == {
        "order_id": "order-company",
        "product": "p1",
        "quantity": 7,
        "unit_price": "10.00",
        "extra": {},
    }
    assert held["membership_mask"]["rows"] == ["buyers", "carts", "everybody"]
    assert {row["run"].rpartition("-")[0] for row in held["send"]["rows"]} == {"news", "reminder"}
    mails = {row["subject"]: row["text"] for row in held["mailing"]["rows"]}
    assert set(mails) == {f"Hi {NAME}", f"News for {NAME}"}, "slots hold the own values"
    assert not any("*|CO_" in text for text in mails.values())
    assert held["mail_event"]["rows"][0]["at"] == MONDAY.isoformat()


def test_nobody_else_is_in_it(world: World) -> None:
    written = json.dumps(_export(world)).lower()
    assert "c2@shop.example" not in written
    assert "di@shop.example" not in written


def test_it_is_written_for_its_owner_alone(world: World) -> None:
    file = world.root / "ada.json"
    file.write_text("older")
    file.chmod(0o644)
    answer = world.ok("export-person", CONTACT, "--out", str(file), "--json", now=SECOND).json
    assert answer["rows"]["contact"] == 1
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_text())["contact_id"] == CONTACT


def test_of_a_forgotten_person_only_that_is_known(world: World) -> None:
    world.ok("forget", ADDRESS, "--yes", now=SECOND)
    found = _export(world)
    assert found["forgotten"] == "forgotten-1"
    assert found["held"] == {}
    assert world.command("export-person", "nobody@shop.example", now=SECOND).code == 2
