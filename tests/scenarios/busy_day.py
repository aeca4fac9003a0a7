"""One day on which everything happens at once, for the tests that interrupt it.

Three campaigns go out (one personal with several mailings, one on schedule, one plain), while members are added,
updated, moved to a new address and opted out, tags change, and things of other people lie around at Mailchimp.
"""

from __future__ import annotations

import copy
import shutil
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.scenarios.world import AUDIENCE, MONDAY, World

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from orchestrator.sandbox.server import Sandbox

YESTERDAY = MONDAY - timedelta(days=3)
TODAY = MONDAY
SOURCES = '[sources.export]\nkind = "csv"\npath = "export"\n[guards]\nmin_source_freshness = "48 hours"\n'
PERSONAL = (
    "<p>Hello {{ contact.first_name }}</p>"
    "{% for line in cart.lines %}<p>{{ line.quantity }} × {{ line.name }}: {{ line.total | money }}</p>{% endfor %}"
)
EXPECTED = {
    # everybody with a cart of four hours, but c3 (opted out in the ERP today) and c5 (opted out at Mailchimp)
    "cart": ["c0", "c1", "c2", "c4", "c6", "c7"],
    # every member of the segment at nine in the morning: not c3, c5
    "news": ["c0", "c1", "c10", "c11", "c2", "c4", "c6", "c7", "c8", "c9"],
    # those who logged in since yesterday
    "hello": ["c1", "c8", "c9"],
}
TAGS = {
    "idle": {"c0", "c1", "c2", "c4", "c6", "c7"},
    "all": {"c0", "c1", "c2", "c4", "c6", "c7", "c8", "c9", "c10", "c11"},
    "fresh": {"c1", "c8", "c9"},
}


@dataclass(frozen=True, slots=True)
class BusyDay:
    """The world on the eve, to be set up again as often as needed."""

    world: World
    store: Path
    account: object

    def again(self) -> World:
        """The world as it was before the busy day."""
        root = self.world.root
        for file in root.glob("campaigns.db*"):
            if file.is_file():
                file.unlink()
        shutil.copyfile(self.store, root / "campaigns.db")
        self.world.sandbox.account = copy.deepcopy(self.account)  # type: ignore[assignment]
        self.world.sandbox.forget_requests()
        return self.world


def busy_day(root: Path, sandbox: Sandbox) -> BusyDay:
    """The eve of the day, to be returned to."""
    world = eve(World(root, sandbox))
    store = root / "eve.db"
    _copy_database(root / "campaigns.db", store)
    return BusyDay(world, store, copy.deepcopy(sandbox.account))


def eve(world: World) -> World:
    """Everything prepared: yesterday's cycle ran, today's export lies ready."""
    sandbox = world.sandbox
    world.configure(SOURCES)
    world.segment("idle", "cart_items > 0 and hours_since_cart_change >= 4")
    world.segment("all", "consent = 'opted_in' or consent = 'opted_out'")
    world.segment("fresh", "days_since_login = 0")
    world.template("cart", PERSONAL)
    world.template("news", "<p>News for {{ account.name or 'you' }}</p>")
    world.template("hello", "<p>Welcome back</p>")
    world.campaign("cart", "idle", "cart", "{{ contact.first_name }}, your cart", 'on = "enter"', priority=80)
    world.campaign("news", "all", "news", "News", 'on = "schedule"\ncron = "0 10 * * mon"', priority=60)
    world.campaign("hello", "fresh", "hello", "Hello again", 'on = "enter"', priority=40)
    for number in range(4):
        world.put("products", product_id=f"p{number}", name=f'Pump "{number}" & Co', price="10.00")
    world.account("a1", name="Alpha & Söner")
    for number in range(10):
        world.contact(f"c{number}", first_name=f"Name{number}", account_id="a1" if number % 2 else "")
    sandbox.add_member("stranger@elsewhere.example", tags=["vip-by-hand"])
    sandbox.add_segment("co workers", ["stranger@elsewhere.example"])
    world.load(YESTERDAY)
    world.cycle(YESTERDAY)
    sandbox.unsubscribe("c5@shop.example")
    _today(world, TODAY)
    return world


def _today(world: World, now: datetime) -> None:
    for number in range(8):
        lines = [(f"p{line}", line + 1, "9.50") for line in range(number % 3 + 1)]
        world.cart(f"c{number}", now - timedelta(hours=5), lines)
    for number in (1, 8, 9):
        at = (now - timedelta(hours=2)).isoformat()
        world.put("events", event_id=f"e{number}", contact_id=f"c{number}", kind="login", at=at)
    world.contact("c2", first_name="Renamed")
    world.contact("c3", consent="opted_out")
    world.contact("c4", email="moved-c4@shop.example")
    world.contact("c10", first_name="New10")
    world.contact("c11", first_name="New11", account_id="a1")
    world.write_export()


def _copy_database(source: Path, target: Path) -> None:
    import sqlite3  # noqa: PLC0415 -- the only way to copy a file in WAL mode

    with sqlite3.connect(source) as connection:
        connection.execute("VACUUM INTO ?", (str(target),))
    connection.close()


def assert_done(world: World, now: datetime) -> None:
    """Nobody twice, nobody lost, no leftovers, nothing foreign touched, books equal to Mailchimp's."""
    for campaign, expected in EXPECTED.items():
        assert world.receivers(campaign) == sorted(expected), campaign
    assert world.leftovers() == []
    runs = {run["campaign"]: run for run in world.runs(now)}
    assert {campaign: run["state"] for campaign, run in runs.items()} == dict.fromkeys(EXPECTED, "sent")
    assert len(world.runs(now)) == len(EXPECTED)
    for campaign, run in runs.items():
        decisions = world.decisions(run["run"], now)
        assert sorted(who for who, what in decisions.items() if what == "sent") == sorted(EXPECTED[campaign])
        assert not {"planned", "deferred", "cancelled"} & set(decisions.values())
    sandbox = world.sandbox
    addresses = {row["contact_id"]: row["email"] for row in world.rows["contacts"].values()}
    for tag, members in TAGS.items():
        subscribed = {one for one in sandbox.tagged(tag) if sandbox.member(one)["status"] == "subscribed"}
        assert subscribed == {addresses[who] for who in members}, tag
    assert sandbox.tagged("vip-by-hand") == {"stranger@elsewhere.example"}
    assert sandbox.tagged("co workers") == {"stranger@elsewhere.example"}
    statuses = {member["email_address"]: member["status"] for member in sandbox.members(AUDIENCE)}
    assert statuses.pop("stranger@elsewhere.example") == "subscribed"
    opted_out = {"c3@shop.example", "c5@shop.example"}
    assert statuses == {one: "unsubscribed" if one in opted_out else "subscribed" for one in addresses.values()}
