"""Weeks of a small shop, every few hours a cycle: each mail and each decision compared with the oracle's."""

from __future__ import annotations

import random
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.scenarios.oracle import (
    Campaign,
    Facts,
    Limits,
    Mail,
    Oracle,
    idle_cart,
    industry,
    logins_in_days,
    revenue_this_year,
)
from tests.scenarios.world import World

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from orchestrator.sandbox.server import Sandbox

SETTINGS = """
[limits]
per_contact = "2 in 7 days"
quiet_hours = "20:00-07:00"
business_days = true
[guards]
min_source_freshness = "1000 hours"
"""
LIMITS = Limits(2, timedelta(days=7), (time(20), time(7)), business_days=True)
EASTER = datetime(2026, 3, 30, 6, 30, tzinfo=UTC)
"""the Monday before: two holidays, a weekend and the end of summer time's first week lie ahead"""
NAMES = ['Anna "Ann"', "O'Brien & Söhne", "*|EMAIL|*", "Zoë <b>", "", "Łukasz", "Ada", "Bo {{ 7*7 }}"]
ZONES = ["", "Europe/Stockholm", "America/New_York", "Asia/Tokyo"]


def cart_subject(facts: Facts, who: str, now: datetime) -> str:
    return f"{facts.contact(who)['first_name'] or 'Hello'}, {len(facts.cart(who, now))} lines wait"


def cart_sentences(facts: Facts, who: str, now: datetime) -> list[str]:
    lines = facts.cart(who, now)
    total = sum(line["total"] for line in lines)
    return [*(f"{line['quantity']} x {line['name']} for €{line['total']:,.2f}" for line in lines), f"Sum €{total:,.2f}"]


def greeting(facts: Facts, who: str, _now: datetime) -> list[str]:
    name = facts.contact(who)["first_name"]
    words = "Hej" if str(facts.contact(who).get("language", "")).startswith("sv") else "Hello"
    return [f"{words} {name or 'there'}"]


def as_written(text: str) -> str:
    """Without what keeps Mailchimp from taking a customer's ``*|NAME|*`` for a merge tag, and ``<b>`` for HTML."""
    return text.replace("\u2060", "").replace("* |", "*|").replace("| *", "|*").replace("‹", "<").replace("›", ">")


CAMPAIGNS = [
    Campaign(
        "cart", "idle", cart_subject, cart_sentences, "enter",
        after=timedelta(hours=2), again_after=timedelta(days=3), exclude=("big",), priority=80,
    ),
    Campaign("vip", "big", lambda *_: "Thank you", greeting, "enter", existing=True, holdout=True, priority=60),
    Campaign("news", "metal", lambda *_: "News", greeting, "schedule", exclude=("idle",), priority=50),
    Campaign("hand", "active", lambda *_: "By hand", greeting, priority=40),
]  # fmt: skip
SEGMENTS = {
    "idle": ("cart_items > 0 and hours_since_cart_change >= 4", idle_cart(4)),
    "big": ("revenue_this_year > 1000", revenue_this_year(1000)),
    "active": ("logins_last_5_days >= 2", logins_in_days(5, 2)),
    "metal": ("industry = 'metal'", industry("metal")),
}
CART = (
    "{% for line in cart.lines %}<p>{{ line.quantity }} x {{ line.name }} for {{ line.total | money }}</p>{% endfor %}"
    "<p>Sum {{ cart.total | money }}</p>"
)


class Shop:
    """The world and its oracle, kept in step."""

    def __init__(self, world: World, seed: int, start: datetime) -> None:
        self.world, self.now, self.chances = world, start, random.Random(seed)
        world.configure(SETTINGS)
        for name, (where, _) in SEGMENTS.items():
            world.segment(name, where)
        world.template("cart", CART)
        world.template("greet", "<p>Hello {{ contact.first_name or 'there' }}</p>")
        world.template("greet.sv", "<p>Hej {{ contact.first_name or 'there' }}</p>")
        world.campaign(
            "cart", "idle", "cart", "{{ contact.first_name or 'Hello' }}, {{ cart.lines | length }} lines wait",
            'on = "enter"\nafter = "2 hours"\nagain_after = "3 days"', exclude=["big"], priority=80,
        )  # fmt: skip
        world.campaign("vip", "big", "greet", "Thank you", 'on = "enter"\nexisting = true', holdout=0.3, priority=60)
        world.campaign(
            "news", "metal", "greet", "News", 'on = "schedule"\ncron = "0 9 * * *"', exclude=["idle"], priority=50
        )
        world.campaign("hand", "active", "greet", "By hand", priority=40)
        for number in range(8):
            world.put("products", product_id=f"p{number}", name=f'Pump {number} "& Co"', price="99.00")
        for number in range(4):
            world.account(f"a{number}", industry=("metal", "wood")[number % 2], country=("SE", "DE", "US", "")[number])
        for number in range(14):
            self.someone_new(number)
        rules = {name: rule for name, (_, rule) in SEGMENTS.items()}
        self.oracle = Oracle(world.rows, rules, CAMPAIGNS, LIMITS)
        self.seen = 0

    # -- what happens in the shop

    def someone_new(self, number: int) -> None:
        pick = self.chances.choice
        self.world.contact(
            f"c{number}",
            first_name=NAMES[number % len(NAMES)],
            account_id=pick(["a0", "a1", "a2", "a3", ""]),
            country=pick(["SE", "DE", "US", "", "SE"]),
            timezone=pick(ZONES) if pick([0, 1]) else "",
            language=pick(["sv-SE", "en", ""]),
            consent=pick(["opted_in"] * 5 + ["unknown"]),
        )

    def live(self, until: datetime) -> None:
        """Carts, orders, logins, people who come, change and leave, up to ``until``."""
        span = int((until - self.now).total_seconds())
        people = [key[0] for key in self.world.rows["contacts"]]
        for _ in range(self.chances.randint(2, 6)):
            who, moment = self.chances.choice(people), self.now + timedelta(seconds=self.chances.randrange(span))
            match self.chances.choice(["cart", "cart", "order", "login", "login", "opt", "leave", "new", "empty"]):
                case "cart":
                    lines = [(f"p{n}", self.chances.randint(1, 9), "12.50") for n in range(self.chances.randint(1, 8))]
                    self.world.cart(who, moment, lines)
                case "empty" if ((f"cart-{who}",)) in self.world.rows["carts"]:
                    self.world.put("carts", cart_id=f"cart-{who}", status="ordered", modified_at=moment.isoformat())
                case "order":
                    number = len(self.world.rows["orders"])
                    total = self.chances.choice(["700.00", "1500.01", "-400.00", "80.00"])
                    status = "returned" if total.startswith("-") else self.chances.choice(["completed", "cancelled"])
                    self.world.order(f"o{number}", who, moment, total, status=status)
                case "login":
                    number = len(self.world.rows["events"])
                    self.world.put("events", event_id=f"e{number}", contact_id=who, kind="login", at=moment.isoformat())
                case "opt" if self.chances.random() < 0.3:
                    self.world.contact(who, consent=self.chances.choice(["opted_out", "unknown"]))
                case "leave" if self.chances.random() < 0.4:
                    self.at_mailchimp(who)
                case "new":
                    self.someone_new(len(people))
                    people.append(f"c{len(people)}")
        self.now = until

    def at_mailchimp(self, who: str) -> None:
        address = self.world.rows["contacts"][(who,)]["email"]
        member = next((one for one in self.world.sandbox.members() if one["email_address"] == address), None)
        if member is None or member["status"] != "subscribed":
            return
        act, status = self.chances.choice(
            [
                (self.world.sandbox.unsubscribe, "unsubscribed"),
                (self.world.sandbox.archive, "archived"),
                (self.world.sandbox.clean, "cleaned"),
            ]
        )
        act(address)
        self.oracle.provider[address] = status

    # -- comparing

    def opted_out_in_the_erp(self) -> None:
        """The sync tells Mailchimp."""
        for row in self.world.rows["contacts"].values():
            member = [one for one in self.world.sandbox.members() if one["email_address"] == row["email"]]
            if row["consent"] == "opted_out" and member:
                self.oracle.provider.setdefault(row["email"], "unsubscribed")

    def observed(self, campaign: Campaign) -> Mapping[str, str]:
        run = next(run for run in self.world.runs(self.now) if run["campaign"] == campaign.name)
        return self.world.decisions(run["run"], self.now)

    def compare(self, expected: list[Mail]) -> None:
        mails = self.world.mails()[self.seen :]
        self.seen += len(mails)
        found = {(mail.campaign_title.split("-")[0].removeprefix("co "), mail.email): mail for mail in mails}
        assert len(found) == len(mails), "somebody got a campaign twice"
        addresses = {mail.contact: self.world.rows["contacts"][(mail.contact,)]["email"] for mail in expected}
        assert sorted(found) == sorted((mail.campaign, addresses[mail.contact]) for mail in expected)
        for mail in expected:
            delivered = found[mail.campaign, addresses[mail.contact]]
            assert as_written(delivered.subject) == mail.subject
            words, place = as_written(delivered.text), 0
            for sentence in mail.sentences:
                assert sentence in words[place:]
                place = words.index(sentence, place) + len(sentence)
        for campaign in CAMPAIGNS:
            wanted = [run.decisions for run in self.oracle.runs if run.campaign == campaign]
            runs = [run for run in reversed(self.world.runs(self.now)) if run["campaign"] == campaign.name]
            happened = [self.world.decisions(run["run"], self.now) for run in runs if run["reason"][:6] != "Missed"]
            assert happened[-3:] == wanted[-3:], campaign.name
        for segment in SEGMENTS:
            tagged = {address.lower() for address in self.world.sandbox.tagged(segment)}
            there = {one["email_address"] for one in self.world.sandbox.members() if one["status"] == "subscribed"}
            assert tagged & there == self.oracle.tagged(segment), segment


@pytest.mark.parametrize("seed", range(2))
def test_every_mail_and_every_decision_of_weeks_is_as_worked_out_by_hand(
    tmp_path: Path, sandbox: Sandbox, seed: int
) -> None:
    shop = Shop(World(tmp_path, sandbox), seed, EASTER)
    for step in range(22):
        shop.live(shop.now + timedelta(hours=shop.chances.choice([3, 5, 8, 11, 14])))
        shop.world.load(shop.now)
        if step % 6 == 5:
            shop.world.ok("send", "hand", "--yes", now=shop.now)
            shop.opted_out_in_the_erp()
            expected = shop.oracle.send("hand", shop.now, shop.observed)
        else:
            shop.world.cycle(shop.now)
            shop.opted_out_in_the_erp()
            expected = shop.oracle.cycle(shop.now, shop.observed)
        shop.compare(expected)
    assert shop.seen > 3
