"""`campaigns report` on what really was sent: figures by hand, by run, as of a moment, in JSON and in text."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from tests.scenarios.world import MONDAY, World

if TYPE_CHECKING:
    from datetime import datetime

    from orchestrator.sandbox.server import Sandbox

DAY = timedelta(days=1)
GOAL = 'on = "manual"\n[goal]\nwithin = "7 days"'


def shop(world: World, *, trigger: str = GOAL, holdout: str | None = "0.5") -> World:
    """Eight companies with two people each, and one person without a company."""
    world.segment("all", "consent = 'opted_in'")
    world.template("offer", '<p>Hello {{ contact.first_name }} <a href="https://shop.example/offer">Look</a></p>')
    more = {} if holdout is None else {"holdout": holdout}
    world.campaign("offer", "all", "offer", "An offer", trigger, **more)
    for number in range(8):
        world.account(f"a{number}")
        for letter in "xy":
            world.contact(f"c{number}{letter}", account_id=f"a{number}", first_name=f"Ada {number}")
    world.contact("lone", first_name="Lone")
    return world


def send(world: World, now: datetime) -> dict[str, str]:
    """Contact -> decision."""
    world.load(now)
    answer = world.ok("send", "offer", "--yes", "--json", now=now).json
    return world.decisions(answer["run"], now)


def report(world: World, now: datetime, *arguments: str) -> Any:
    return world.ok("report", *arguments, "--json", now=now).json["campaigns"][-1]


def react(world: World, sandbox: Sandbox, now: datetime) -> None:
    """Of the first mails: one hard, one soft bounce; two open, twice each; one clicks, opts out and complains."""
    mails = sorted(world.mails(), key=lambda mail: mail.email)
    sandbox.bounce(mails[0].id)
    sandbox.bounce(mails[1].id, hard=False)
    for mail in (mails[2], mails[2], mails[3], mails[3]):
        sandbox.open_mail(mail.id)
    sandbox.click(mails[3].id, "https://shop.example/offer")
    sandbox.unsubscribe_mail(mails[3].id)
    sandbox.mark_spam(mails[4].id)
    # perhaps in the very second of the send; what is read twice counts once
    world.cycle(now)
    world.cycle(now)


def test_figures_of_delivery_are_what_recipients_did(world: World, sandbox: Sandbox) -> None:
    decisions = send(shop(world), MONDAY)
    sent = sum(decision == "sent" for decision in decisions.values())
    react(world, sandbox, MONDAY + timedelta(hours=1))
    found = report(world, MONDAY + timedelta(hours=2), "offer")
    figures = {
        "sent": sent,
        "delivered": sent - 2,
        "hard_bounced": 1,
        "soft_bounced": 1,
        "opened": 2,
        "clicked": 1,
        "opted_out": 1,
        "complained": 1,
    }
    assert {name: found[name] for name in figures} == figures
    assert {name: found["runs"][0][name] for name in figures} == figures
    assert found["contacts"] == {"mailed": sent, "opened": 2, "clicked": 1}


def test_orders_and_revenue_are_those_of_the_accounts_within_the_goal(world: World) -> None:
    decisions = send(shop(world), MONDAY)
    everybody = sorted(decisions)
    for number, contact in enumerate(everybody):
        # before the mail, an hour to nine days after it; a colleague's order counts for both
        world.order(f"early-{contact}", contact, MONDAY - DAY, "1000.00")
        world.order(f"late-{contact}", contact, MONDAY + timedelta(hours=1 + 13 * number), f"{10 + number}.01")
        world.order(f"open-{contact}", contact, MONDAY + DAY, "7.00", status="pending")
    world.order("back", everybody[0], MONDAY + 2 * DAY, "-3.50", status="returned")
    now = MONDAY + 10 * DAY
    world.load(now)
    found = report(world, now)
    expected: dict[str, list[Fraction]] = {"sent": [], "held_out": []}
    buyers: dict[str, set[str]] = defaultdict(set)
    for number, contact in enumerate(everybody):
        decision = decisions[contact]
        if 1 + 13 * number <= 7 * 24:
            expected[decision].append(Fraction(f"{10 + number}.01"))
            buyers[decision].add(contact[:2])
    expected[decisions[everybody[0]]].append(Fraction("-3.50"))
    accounts = {
        decision: {contact[:2] for contact, one in decisions.items() if one == decision} for decision in expected
    }
    assert min(len(units) for units in accounts.values()) > 1
    assert found["revenue"] == float(sum(expected["sent"]))
    assert found["orders"] == sum(value > 0 for value in expected["sent"])
    assert found["held_out"] == sum(decision == "held_out" for decision in decisions.values())
    for side, decision in (("mailed", "sent"), ("held_out", "held_out")):
        group = found["comparison"][side]
        assert group["accounts"] == len(accounts[decision])
        assert group["accounts_ordering"] == len(buyers[decision])
        assert group["revenue"] == float(sum(expected[decision]))
        assert group["revenue_per_account"] == pytest.approx(float(sum(expected[decision]) / len(accounts[decision])))
    assert found["comparison"]["conversion_difference"]["finding"] == "too_few_to_tell"
    assert found["sentences"][0].startswith("Too few to tell")
    assert (found["windows"], found["open_windows"]) == (len(everybody), 0)


def test_an_order_between_two_runs_is_the_first_one_s_and_counts_once(world: World) -> None:
    shop(world, holdout=None)
    send(world, MONDAY)
    send(world, MONDAY + 2 * DAY)
    world.order("o1", "c1x", MONDAY + DAY, "10.00")
    world.order("o2", "c1y", MONDAY + 3 * DAY, "20.00")
    now = MONDAY + 8 * DAY
    world.load(now)
    found = report(world, now, "offer")
    assert [(run["orders"], run["revenue"]) for run in found["runs"]] == [(1, 10.0), (1, 20.0)]
    assert (found["orders"], found["revenue"], found["sent"]) == (2, 30.0, 34)
    assert (found["windows"], found["open_windows"]) == (34, 17)
    assert found["comparison"] is None
    assert found["sentences"] == [
        (
            "No holdout, so nobody knows what they would have ordered without the mail: "
            "write [holdout] share = 0.10 into campaigns/offer.toml."
        ),
        "17 of 34 windows are still open: the figures will change.",
    ]


def test_without_a_goal_there_is_no_word_of_orders(world: World) -> None:
    shop(world, trigger='on = "manual"')
    send(world, MONDAY)
    found = report(world, MONDAY + DAY)
    assert [found[name] for name in ("goal_within_hours", "orders", "revenue", "comparison")] == [None] * 4
    assert found["sent"] > 0
    assert found["sentences"] == [
        'No goal, so orders are not counted: write [goal] within = "7 days" into campaigns/offer.toml.'
    ]


def test_a_report_of_an_earlier_moment_leaves_out_what_came_later(world: World) -> None:
    shop(world, holdout=None)
    send(world, MONDAY)
    send(world, MONDAY + 2 * DAY)
    world.order("o1", "c1x", MONDAY + 3 * DAY, "10.00")
    world.load(MONDAY + 4 * DAY)
    result = world.ok("report", "offer", "--json", now=MONDAY + DAY)
    found = result.json["campaigns"][0]
    assert (found["sent"], len(found["runs"]), found["orders"], found["open_windows"]) == (17, 1, 0, 17)
    assert "What was sent later is not counted: 17 mails." in result.err


def test_a_campaign_whose_file_is_gone_keeps_its_figures(world: World) -> None:
    shop(world)
    decisions = send(world, MONDAY)
    (world.root / "campaigns" / "offer.toml").unlink()
    for arguments in (("offer",), ()):
        found = report(world, MONDAY + DAY, *arguments)
        assert found["sent"] == sum(decision == "sent" for decision in decisions.values())


def test_a_campaign_that_never_ran_is_a_row_of_nothing(world: World) -> None:
    found = report(shop(world), MONDAY)
    assert (found["campaign"], found["sent"], found["orders"], found["comparison"]) == ("offer", 0, 0, None)


def test_an_unknown_campaign_is_a_wrong_call_and_names_the_nearest(world: World) -> None:
    result = world.command("report", "ofer", now=MONDAY)
    assert result.code == 2
    assert "offer" not in result.err
    result = shop(world).command("report", "ofer", now=MONDAY)
    assert (result.code, "campaigns/offer.toml" in result.err) == (2, True)


def test_the_text_is_a_table_and_plain_sentences(world: World, sandbox: Sandbox) -> None:
    decisions = send(shop(world), MONDAY)
    react(world, sandbox, MONDAY + timedelta(hours=1))
    world.order("o1", min(one for one in decisions if decisions[one] == "sent"), MONDAY + DAY, "1234.50")
    world.load(MONDAY + DAY)
    assert world.ok("report", now=MONDAY + 2 * DAY).out == ALL
    assert world.ok("report", "offer", now=MONDAY + 9 * DAY).out == ONE


ALL = """\
campaign  sent  delivered     bounced   opened  clicked  opted out  complaints  held out  orders  revenue (EUR)
offer        8          6  2 (1 hard)  2 (33%)  1 (17%)          1           1         9       1       1,234.50

offer, orders within 1 week after the mail:
  Too few to tell: 4 accounts mailed, 5 held out, 1 of them ordered. It takes 30 in each group and 10 that ordered.
  17 of 17 windows are still open: the figures will change.
"""
ONE = """\
run                     sent  delivered     bounced   opened  clicked  opted out  complaints  held out  orders  revenue (EUR)
offer-20260302T090000Z     8          6  2 (1 hard)  2 (33%)  1 (17%)          1           1         9       1       1,234.50

          accounts  ordered  share  revenue (EUR)  per account
mailed           4        1  25.0%       1,234.50       308.62
held out         5        0   0.0%           0.00         0.00

offer, orders within 1 week after the mail:
  Too few to tell: 4 accounts mailed, 5 held out, 1 of them ordered. It takes 30 in each group and 10 that ordered.
"""  # noqa: E501 -- as wide as a terminal may be
