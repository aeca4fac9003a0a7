"""Answers that never come, come late or say little: resolved by reading, in the cycle that met them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.scenarios.busy_day import TODAY, BusyDay, assert_done, busy_day
from tests.scenarios.world import MONDAY, World

from orchestrator.campaigns import settle
from orchestrator.sandbox.server import Sandbox

if TYPE_CHECKING:
    from pathlib import Path

CALLS = [
    ("POST", "/campaigns"),
    ("PUT", "/campaigns/*/content"),
    ("POST", "/campaigns/*/actions/send"),
    ("POST", "/lists/*/segments"),
    ("POST", "/lists/*/segments/*"),
    ("POST", "/lists/*/merge-fields"),
    ("PATCH", "/lists/*/members/*"),
    ("POST", "/lists/9e67587f52"),
    ("DELETE", "/lists/*/segments/*"),
    ("GET", "/reports/*/sent-to"),
]
FAULTS = ["cut-after", "cut-before", "502-after", "bodiless-429", "bodiless-403", "500"]


@pytest.fixture
def day(tmp_path: Path, sandbox: Sandbox) -> BusyDay:
    return busy_day(tmp_path, sandbox)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_lost_answer_is_resolved_by_reading(day: BusyDay, fault: str) -> None:
    for method, path in CALLS:
        world = day.again()
        world.sandbox.fail_next(method, path, fault)
        # 1: something could not be finished, and monitoring is told
        assert world.command("daemon", "--once", now=TODAY).code in {0, 1}
        world.sandbox.calm()
        try:
            assert_done(world, TODAY)
        except AssertionError:
            # once more at most: what is owed stays owed
            world.cycle(TODAY + timedelta(minutes=10))
            assert_done(world, TODAY + timedelta(minutes=10))


def test_every_send_may_lose_its_answer(day: BusyDay) -> None:
    world = day.again()
    world.sandbox.fail_next("POST", "/campaigns/*/actions/send", "cut-after", times=100)
    world.cycle(TODAY)
    assert_done(world, TODAY)


def test_a_send_that_never_gets_through_is_asked_for_again_later(day: BusyDay) -> None:
    world = day.again()
    world.sandbox.fail_next("POST", "/campaigns/*/actions/send", "cut-before", times=100)
    world.command("daemon", "--once", now=TODAY)
    assert world.mails() == []
    world.sandbox.calm()
    world.cycle(TODAY + timedelta(minutes=10))
    assert_done(world, TODAY + timedelta(minutes=10))


@pytest.mark.parametrize("seed", range(3))
def test_a_storm_ends_in_the_right_state_with_bounded_calls(tmp_path: Path, seed: int) -> None:
    with Sandbox(audience="9e67587f52", seed=seed) as sandbox:
        day = busy_day(tmp_path, sandbox)
        world = day.again()
        world.cycle(TODAY)
        calm = len(sandbox.requests)
        world = day.again()
        sandbox.faults._chances = Sandbox(chaos="429=0.1,5xx=0.05,cut-after=0.015,cut-before=0.015").faults._chances
        for later in range(4):
            world.command("daemon", "--once", now=TODAY + timedelta(minutes=10 * later))
        stormy = len(sandbox.requests)
        sandbox.calm()
        now = TODAY + timedelta(minutes=50)
        world.cycle(now)
        assert_done(world, now)
        assert stormy < 4 * calm
        assert sandbox.most_in_flight <= 8


def test_a_campaign_that_mailchimp_is_still_sending_is_read_back_later(tmp_path: Path) -> None:
    clock = Clock()
    with Sandbox(audience="9e67587f52", sending_seconds=3600, clock=clock) as sandbox:
        world = World(tmp_path, sandbox)
        world.segment("all", "consent = 'opted_in'")
        world.template("t", "<p>{{ contact.first_name }}</p>")
        world.campaign("news", "all", "t", "News")
        for number in range(4):
            world.contact(f"c{number}", first_name=f"N{number}")
        world.load(MONDAY)
        world.command("send", "news", "--yes", now=MONDAY)
        assert world.runs(MONDAY)[0]["state"] == "sending"
        sandbox.unsubscribe("c2@shop.example")
        clock.now += timedelta(hours=2)
        world.cycle(MONDAY + timedelta(hours=2))
        run = world.runs(MONDAY)[0]
        assert run["state"] == "sent"
        assert world.decisions(run["run"], MONDAY) == {
            "c0": "sent", "c1": "sent", "c2": "suppressed", "c3": "sent",
        }  # fmt: skip
        assert world.receivers("news") == ["c0", "c1", "c3"]
        assert world.leftovers() == []


def test_a_campaign_deleted_at_mailchimp_after_its_send_counts_as_sent_and_nobody_gets_it_again(tmp_path: Path) -> None:
    clock = Clock()
    with Sandbox(audience="9e67587f52", sending_seconds=3600, clock=clock) as sandbox:
        world = World(tmp_path, sandbox)
        world.segment("all", "consent = 'opted_in'")
        world.template("t", "<p>{{ contact.first_name }}</p>")
        world.campaign("news", "all", "t", "News")
        world.contact("c0", first_name="Ada")
        world.load(MONDAY)
        world.command("send", "news", "--yes", now=MONDAY)
        assert world.runs(MONDAY)[0]["state"] == "sending"
        # delivered, then deleted by a person before anybody read the receipts
        clock.now += timedelta(hours=2)
        assert world.receivers("news") == ["c0"]
        sandbox.account.campaigns.clear()
        world.cycle(MONDAY + timedelta(hours=2))
        run = world.runs(MONDAY)[0]
        assert run["state"] == "sent"
        assert world.decisions(run["run"], MONDAY) == {"c0": "sent"}
        assert world.receivers("news") == ["c0"]
        assert world.leftovers() == []


def test_a_report_that_names_nobody_yet_is_not_believed_while_its_readers_are_subscribed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settle, "EMPTY_READS", 0)
    clock = Clock()
    with Sandbox(audience="9e67587f52", sending_seconds=3600, clock=clock) as sandbox:
        world = World(tmp_path, sandbox)
        world.segment("all", "consent = 'opted_in'")
        world.template("t", "<p>{{ contact.first_name }}</p>")
        world.campaign("news", "all", "t", "News")
        world.contact("c0", first_name="Ada")
        world.load(MONDAY)
        world.command("send", "news", "--yes", now=MONDAY)
        clock.now += timedelta(hours=2)
        assert world.receivers("news") == ["c0"]
        # Mailchimp calls it sent, and its counts are still zero
        (campaign,) = sandbox.account.campaigns.values()
        delivered, campaign.deliveries = campaign.deliveries, type(campaign.deliveries)()
        world.cycle(MONDAY + timedelta(hours=2))
        run = world.runs(MONDAY)[0]
        assert (run["state"], world.decisions(run["run"], MONDAY)) == ("sending", {"c0": "planned"})
        campaign.deliveries = delivered
        world.cycle(MONDAY + timedelta(hours=3))
        assert world.runs(MONDAY)[0]["state"] == "sent"
        assert world.decisions(run["run"], MONDAY) == {"c0": "sent"}
        assert world.leftovers() == []


def test_merge_fields_in_use_are_not_overwritten_by_another_run(tmp_path: Path) -> None:
    clock = Clock()
    with Sandbox(audience="9e67587f52", sending_seconds=3600, clock=clock) as sandbox:
        world = World(tmp_path, sandbox)
        world.segment("all", "consent = 'opted_in'")
        world.template("t", "<p>First {{ contact.contact_id }}</p>")
        world.template("u", "<p>Second {{ contact.contact_id }}</p>")
        world.campaign("first", "all", "t", "One")
        world.campaign("second", "all", "u", "Two")
        for number in range(4):
            world.contact(f"c{number}")
        world.load(MONDAY)
        world.command("send", "first", "--yes", now=MONDAY)
        world.command("send", "second", "--yes", now=MONDAY)
        clock.now += timedelta(hours=2)
        world.cycle(MONDAY + timedelta(hours=2))
        clock.now += timedelta(hours=2)
        world.cycle(MONDAY + timedelta(hours=4))
        texts = sorted(mail.text.splitlines()[0] for mail in world.mails())
        assert texts == [*(f"First c{n}" for n in range(4)), *(f"Second c{n}" for n in range(4))]


def test_somebody_who_opts_out_between_decision_and_send_gets_nothing_and_delays_nobody(world: World) -> None:
    world.segment("all", "consent = 'opted_in'")
    world.template("t", "<p>Hello</p>")
    world.campaign("news", "all", "t", "News")
    for number in range(4):
        world.contact(f"c{number}")
    world.load(MONDAY)
    world.cycle(MONDAY)
    reach = world.sandbox.faults.draw

    def draw(method: str, path: str) -> object:
        if path.endswith("send-checklist"):
            world.sandbox.unsubscribe("c1@shop.example")
        return reach(method, path)

    world.sandbox.faults.draw = draw  # type: ignore[assignment, method-assign]
    world.ok("send", "news", "--yes", now=MONDAY)
    run = world.runs(MONDAY)[0]
    assert run["state"] == "sent"
    assert world.receivers("news") == ["c0", "c2", "c3"]
    assert world.decisions(run["run"], MONDAY)["c1"] == "suppressed"


class Clock:
    """The sandbox's time, which a test moves."""

    now = MONDAY

    def __call__(self) -> object:
        return self.now
