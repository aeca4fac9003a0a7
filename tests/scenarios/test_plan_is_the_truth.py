"""What `plan` shows is what the next cycle does, and looking changes nothing."""

from __future__ import annotations

import random
import sqlite3
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.scenarios.test_preview import BODY
from tests.scenarios.world import MONDAY, World

from orchestrator.clock import real_seconds
from orchestrator.cycle import mailing

if TYPE_CHECKING:
    from pathlib import Path


REAL_NOW = real_seconds()
LIMITS = '[limits]\nper_contact = "1 in 2 days"\nquiet_hours = "20:00-07:00"\nbusiness_days = true\n'


def rows_of(root: Path) -> dict[str, list[Any]]:
    """Every row of every table, but those that say who is at work."""
    connection = sqlite3.connect(root / "campaigns.db")
    names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = {name: sorted(connection.execute(f'SELECT * FROM "{name}"'), key=repr) for name in names if name != "lease"}
    connection.close()
    return found


def random_world(world: World, seed: int) -> random.Random:
    chances = random.Random(seed)
    world.configure(LIMITS)
    world.segment("idle", "cart_items > 2")
    world.segment("metal", "industry = 'metal'")
    world.segment("everyone", "email_domain = 'shop.example'", "sync = false")
    world.template("cart", BODY)
    world.template("short", "<p>Dear {{ contact.first_name }}, {{ account.name or '' }}</p>")
    world.campaign("cart", "idle", "cart", "{{ contact.first_name }}", 'on = "enter"\nexisting = true', priority=80)
    world.campaign("metal", "metal", "short", "{{ account.name }}", 'on = "schedule"\ncron = "0 10 * * *"')
    world.campaign("vip", "everyone", "short", "x", 'on = "enter"', exclude=["metal"], holdout=0.4)
    world.campaign("hand", "everyone", "short", "By hand", holdout=0.2)
    for number in range(5):
        url = f"https://shop.example/p/{number}"
        world.put("products", product_id=f"p{number}", name=f"Pump {number}", price="5.00", url=url)
        world.account(f"a{number}", industry=chances.choice(["metal", "wood"]))
    change(world, chances, 20)
    return chances


def change(world: World, chances: random.Random, contacts: int) -> None:
    known = len(world.rows["contacts"])
    for number in range(known, known + contacts):
        zone = chances.choice(["Europe/Stockholm", "America/New_York"])
        world.contact(f"c{number}", account_id=f"a{chances.randrange(5)}", first_name=f"N{number}", timezone=zone)
    for number in range(len(world.rows["contacts"])):
        match chances.randrange(8):
            case 0:
                world.contact(f"c{number}", consent="opted_out")
            case 1:
                world.contact(f"c{number}", first_name=f"M{number}")
            case 2 | 3:
                lines = [(f"p{line}", 1 + line, "3.00") for line in range(chances.randint(1, 4))]
                world.cart(f"c{number}", MONDAY - timedelta(hours=1), lines)
            case 4:
                world.contact(f"c{number}", email=f"new-{known}-{number}@shop.example")


def still_to_come(run: Any, earlier: Any) -> tuple[str, int, dict[str, int], int]:
    """What a cycle did of a run, without what earlier ones had done."""
    decisions = dict(run["decisions"])
    mailings, sent = len(run["mailings"]), 0
    if earlier is not None:
        sent = earlier["decisions"].get("sent", 0)
        mailings -= len(earlier["mailings"])
        decisions = {word: count - sent * (word == "sent") for word, count in decisions.items()}
    return run["campaign"], run["recipients"] - sent, {word: n for word, n in decisions.items() if n}, mailings


@pytest.mark.parametrize("seed", range(5))
def test_a_cycle_does_what_the_plan_said(world: World, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # what recipients did is read back by real time, of which a test has no second to spare
    monkeypatch.setattr(mailing, "real_seconds", lambda: REAL_NOW)
    chances = random_world(world, seed)
    for step in range(3):
        now = MONDAY + timedelta(hours=11 * step)
        world.load(now)
        before, written = rows_of(world.root), len(world.sandbox.writes())
        plan = world.command("plan", "--json", now=now).json
        assert rows_of(world.root) == before
        assert len(world.sandbox.writes()) == written
        earlier = {run["run"]: run for run in world.runs(now)}
        calls = len(world.sandbox.requests)
        did = world.cycle(now)
        assert plan["audience"] == {
            "add": did["sync"]["added"],
            "update": did["sync"]["updated"],
            "unsubscribe": did["sync"]["unsubscribed"],
            "move": did["sync"]["moved"],
        }
        assert sum(tag["add"] for tag in plan["tags"]) == did["sync"]["tagged"]
        assert sum(tag["remove"] for tag in plan["tags"]) == did["sync"]["untagged"]
        planned = [(run["campaign"], run["recipients"], run["decisions"], run["mailings"]) for run in plan["runs"]]
        assert planned == [still_to_come(run, earlier.get(run["run"])) for run in did["runs"]]
        assert plan["api_calls"] == len(world.sandbox.requests) - calls
        change(world, chances, 3)


def test_a_dry_run_says_what_the_send_does_and_changes_nothing(world: World) -> None:
    random_world(world, 11)
    world.load(MONDAY)
    world.cycle(MONDAY - timedelta(hours=3))
    before = rows_of(world.root)
    world.sandbox.forget_requests()
    shown = world.command("send", "hand", "--dry-run", "--json", now=MONDAY).json
    assert rows_of(world.root) == before
    assert world.sandbox.writes() == []
    sent = world.command("send", "hand", "--yes", "--json", now=MONDAY).json
    assert shown["decisions"] == sent["decisions"]
    assert [one["recipients"] for one in shown["mailings"]] == [one["recipients"] for one in sent["mailings"]]
    assert shown["decisions"]["held_out"] > 0


def test_the_question_is_not_asked_where_nobody_can_answer(world: World) -> None:
    random_world(world, 3)
    world.load(MONDAY)
    result = world.command("send", "hand", now=MONDAY)
    assert result.code == 3
    assert "--yes" in result.err
    assert world.mails() == []
    assert world.sandbox.writes() == []
