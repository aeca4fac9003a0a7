"""One row that Mailchimp will not have: set aside with its reason, tried again when it changed, in nobody's way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.scenarios.crash import plugged
from tests.scenarios.world import AUDIENCE, MONDAY

if TYPE_CHECKING:
    from tests.scenarios.world import World

EARLY = MONDAY - timedelta(hours=5)
NEITHER = "neither added nor refused"
NEXT_DAY = MONDAY + timedelta(days=1)
CONTACTS = 16
OTHERS = sorted(f"c{number}" for number in range(CONTACTS) if number != 5)
POISON = "c5@shop.example"


@dataclass(frozen=True, slots=True)
class Case:
    """``calls``: with members, at most, in the first sync. ``comes_back``: a changed row is tried again."""

    said: str
    decision: str
    calls: int = 1
    comes_back: bool = True


CASES = {
    "fake": Case("invalid_address", "undeliverable"),
    "invalid": Case("invalid_address", "undeliverable"),
    "compliance": Case("compliance", "suppressed", comes_back=False),
    "forgotten": Case("forgotten", "suppressed", comes_back=False),
    "too_many_lists": Case("too_many_signups", "rejected"),
    "merge_fields": Case("merge_fields", "rejected"),
    # 16 rows: one call, and two for each time that they are halved
    "whole_call": Case("other", "rejected", calls=9),
    "unanswered": Case(NEITHER, "rejected"),
}


@pytest.fixture
def shop(world: World) -> World:
    world.segment("named", "first_name is not null")
    world.template("t", "<p>Hello {{ contact.first_name }}</p>")
    world.campaign("news", "named", "t", "News", 'on = "schedule"\ncron = "0 10 * * *"')
    for number in range(CONTACTS):
        world.contact(f"c{number}", first_name=f"N{number}")
    return world


def member_calls(world: World) -> list[list[str]]:
    """The addresses of each call that adds or updates members."""
    calls = [request.json for request in world.sandbox.writes() if request.path == f"/lists/{AUDIENCE}"]
    return [[row["email_address"] for row in body["members"]] for body in calls]


@pytest.mark.parametrize("reason", CASES)
def test_a_poison_row_is_set_aside_with_its_reason_and_delays_nobody(shop: World, reason: str) -> None:
    case = CASES[reason]
    shop.sandbox.refuse_address(POISON, reason)
    shop.load(EARLY)
    answer = shop.ok("sync", "--json", now=EARLY).json
    assert answer["added"] == len(OTHERS)
    assert [one["contact_id"] for one in answer["rejected"]] == ["c5"]
    assert case.said in answer["rejected"][0]["reason"]
    assert len(member_calls(shop)) <= case.calls
    shop.sandbox.forget_requests()
    shop.cycle(MONDAY)
    assert member_calls(shop) == [], "it is not tried again before something changed"
    assert shop.receivers("news") == OTHERS
    run = shop.runs(MONDAY)[0]
    assert run["state"] == "sent"
    assert shop.decisions(run["run"], MONDAY)["c5"] == case.decision
    # of who left for good the reason is the decision; of the others Mailchimp's words are kept
    assert case.decision in shop.ok("why", "news", "c5", now=MONDAY).out
    refusal = case.said if case.said != NEITHER else "other"
    assert f"{refusal} 1" in shop.ok("status", now=MONDAY).out
    assert shop.ok("status", "--json", now=MONDAY).json["refused"] == {refusal: 1}

    shop.sandbox.refuse_address(POISON, "")
    shop.contact("c5", first_name="Changed")
    shop.load(NEXT_DAY)
    shop.sandbox.forget_requests()
    shop.cycle(NEXT_DAY)
    assert [POISON] in member_calls(shop) if case.comes_back else member_calls(shop) == []
    assert shop.receivers("news").count("c5") == case.comes_back
    assert bool(shop.ok("status", "--json", now=NEXT_DAY).json["refused"]) != case.comes_back


def test_a_recipient_who_left_while_the_segment_was_filled_is_left_out_and_the_others_get_it(shop: World) -> None:
    shop.load(EARLY)
    shop.cycle(EARLY)
    left: list[str] = []

    def leave(_number: int, moment: str) -> None:
        if moment == f"before POST /3.0/lists/{AUDIENCE}/segments" and not left:
            left.append(moment)
            shop.sandbox.unsubscribe(POISON)

    with plugged(watch=leave):
        shop.cycle(MONDAY)
    assert left
    assert shop.receivers("news") == OTHERS
    run = shop.runs(MONDAY)[0]
    assert (run["state"], shop.decisions(run["run"], MONDAY)["c5"]) == ("sent", "suppressed")
