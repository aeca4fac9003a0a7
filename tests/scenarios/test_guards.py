"""What stops, says why, and waits for a person: stale data, jumps, approval, broken files, cancellation."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.scenarios.crash import Crash, plugged
from tests.scenarios.world import MONDAY, World

if TYPE_CHECKING:
    from collections.abc import Callable

EVE = MONDAY - timedelta(hours=20)
HOUR = timedelta(hours=1)
GUARDS = "[guards]\nmin_size = 5\nmax_leave_share = 0.3\nmax_grow_factor = 2.0\napprove_above = 8\n"
CART = "<p>{{ contact.first_name }}</p>"


@pytest.fixture
def shop(world: World) -> World:
    """Ten of metal and ten of wood, a newsletter to each, metal's every day at ten."""
    world.configure(GUARDS.replace("approve_above = 8", "approve_above = 100"))
    world.segment("metal", "industry = 'metal'")
    world.segment("wood", "industry = 'wood'")
    world.template("t", CART)
    world.campaign("metal-news", "metal", "t", "Metal", 'on = "schedule"\ncron = "0 10 * * *"')
    world.campaign("wood-news", "wood", "t", "{{ contact.first_name }}", 'on = "schedule"\ncron = "0 10 * * *"')
    world.account("m", industry="metal")
    world.account("w", industry="wood")
    for number in range(20):
        world.contact(f"c{number}", account_id="mw"[number % 2], first_name=f"N{number}")
    world.load(EVE)
    world.cycle(EVE)
    return world


def test_nothing_is_sent_on_old_data(shop: World) -> None:
    late = MONDAY + timedelta(days=1)
    answer = shop.command("daemon", "--once", "--json", now=late)
    assert answer.code == 3
    assert "last good import" in " ".join(answer.json["refused"])
    assert shop.mails() == []
    assert shop.command("send", "metal-news", "--yes", now=late).code == 3
    shop.load(late)
    shop.cycle(late)
    assert len(shop.mails()) == 20


def test_an_open_run_does_not_go_on_with_old_data(shop: World) -> None:
    shop.configure(shop.settings + '[limits]\nquiet_hours = "00:00-23:00"\n')
    patient = 'on = "schedule"\ncron = "0 10 * * *"\nmissed_after = "2 days"'
    shop.campaign("metal-news", "metal", "t", "Metal", patient)
    shop.campaign("wood-news", "wood", "t", "{{ contact.first_name }}", patient)
    shop.cycle(MONDAY)
    assert shop.mails() == []
    late = MONDAY + timedelta(days=1, hours=13)
    assert shop.command("daemon", "--once", now=late).code == 3
    assert shop.mails() == []
    shop.load(late)
    shop.cycle(late)
    assert len(shop.mails()) == 20


def test_a_jump_is_held_back_and_its_campaign_with_it_while_the_rest_goes_on(shop: World) -> None:
    for number in range(0, 10, 2):
        shop.contact(f"c{number}", account_id="")
    shop.load(MONDAY)
    plan = shop.command("plan", "--json", now=MONDAY)
    assert plan.code == 3
    assert "metal" in plan.json["held"]
    answer = shop.cycle(MONDAY, code=3)
    assert answer["refused"]
    assert shop.receivers("metal-news") == []
    assert len(shop.receivers("wood-news")) == 10
    assert len(shop.sandbox.tagged("metal")) == 10, "memberships stay as they were"
    assert shop.command("status", now=MONDAY).code == 3
    shop.ok("segments", "--force", now=MONDAY + HOUR)
    shop.cycle(MONDAY + HOUR)
    assert len(shop.receivers("metal-news")) == 5
    assert len(shop.sandbox.tagged("metal")) == 5


def test_a_segment_that_grows_too_much_is_held_back(shop: World) -> None:
    for number in range(100, 115):
        shop.contact(f"c{number}", account_id="m", first_name="x")
    shop.load(MONDAY)
    shop.cycle(MONDAY, code=3)
    assert shop.receivers("metal-news") == []
    assert shop.command("sync", "--force", now=MONDAY).code == 0
    assert len(shop.sandbox.tagged("metal")) == 25


def test_an_empty_table_is_refused_and_changes_nothing(shop: World) -> None:
    (shop.root / "export" / "contacts.csv").write_text("contact_id,email\n", encoding="utf-8")
    folder = str(shop.root / "export")
    assert shop.command("import", "--csv", folder, now=MONDAY).code == 3
    assert len(shop.ok("segments", "members", "metal", "--json", now=MONDAY).json["members"]) == 10
    assert shop.command("import", "--csv", folder, "--force", now=MONDAY).code == 0


def test_a_broken_file_keeps_its_segment_and_stops_nothing_else(shop: World) -> None:
    shop.segment("metal", "industry = nonsense(")
    refused = shop.cycle(MONDAY, code=3)["refused"]
    assert "campaigns check" in " ".join(refused)
    assert len(shop.sandbox.tagged("metal")) == 10
    assert shop.receivers("metal-news") == []
    assert len(shop.receivers("wood-news")) == 10


def test_a_large_run_waits_for_a_person(shop: World) -> None:
    shop.configure(GUARDS)
    shop.cycle(MONDAY, code=3)
    assert shop.mails() == []
    names = {run["campaign"]: run["run"] for run in shop.runs(MONDAY)}
    assert {run["state"] for run in shop.runs(MONDAY)} == {"waiting_approval"}
    assert shop.command("status", now=MONDAY).code == 3
    shop.cycle(MONDAY + HOUR, code=3)
    assert shop.mails() == []
    shop.ok("approve", names["metal-news"], now=MONDAY + HOUR)
    shop.contact("c0", consent="opted_out")
    shop.load(MONDAY + HOUR)
    shop.cycle(MONDAY + HOUR, code=3)
    assert shop.receivers("metal-news") == sorted(f"c{number}" for number in range(2, 20, 2))
    assert shop.decisions(names["metal-news"], MONDAY + HOUR)["c0"] == "no_consent"
    shop.ok("cancel", names["wood-news"], now=MONDAY + HOUR)
    shop.cycle(MONDAY + 2 * HOUR)
    assert shop.receivers("wood-news") == []


def test_a_run_cannot_be_approved_or_cancelled_twice(shop: World) -> None:
    shop.cycle(MONDAY)
    name = shop.runs(MONDAY)[0]["run"]
    assert shop.command("approve", name, now=MONDAY).code == 2
    assert shop.command("cancel", name, now=MONDAY).code == 2
    assert shop.command("cancel", "no-such-run", now=MONDAY).code != 0


def interrupted(shop: World, stop: Callable[[str], bool]) -> None:
    """A cycle that dies where ``stop`` says, at the first moment of the campaigns' part."""
    with plugged() as plug:
        reach = plug.reach

        def reaching(moment: str) -> None:
            if stop(moment):
                plug._at = len(plug.moments) + 1
            reach(moment)

        plug.reach = reaching  # type: ignore[method-assign]
        with pytest.raises(Crash):
            shop.cycle(MONDAY)


PLACES = {
    "planned": lambda moment: moment.startswith("before GET") and moment.endswith("merge-fields"),
    "preparing": lambda moment: moment == "after POST /3.0/campaigns",
    "segment": lambda moment: moment.startswith("after GET") and "/segments/" in moment,
    "content": lambda moment: moment.startswith("after PUT") and moment.endswith("/content"),
    "before the send": lambda moment: moment.startswith("before POST") and moment.endswith("actions/send"),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_run_is_cancelled_wherever_it_stands(shop: World, place: str) -> None:
    interrupted(shop, PLACES[place])
    assert shop.mails() == []
    for run in shop.runs(MONDAY):
        shop.ok("cancel", run["run"], now=MONDAY)
    shop.cycle(MONDAY + HOUR)
    assert shop.mails() == []
    assert shop.leftovers() == []
    assert {run["state"] for run in shop.runs(MONDAY + HOUR)} == {"cancelled"}
    for run in shop.runs(MONDAY + HOUR):
        assert set(shop.decisions(run["run"], MONDAY + HOUR).values()) == {"cancelled"}


def test_what_is_on_its_way_is_not_recalled_and_counted(shop: World) -> None:
    interrupted(shop, lambda moment: moment.startswith("after POST") and moment.endswith("actions/send"))
    sent = len(shop.mails())
    assert sent == 10
    for run in shop.runs(MONDAY):
        shop.ok("cancel", run["run"], now=MONDAY)
    shop.cycle(MONDAY + HOUR)
    assert len(shop.mails()) == sent
    states = {run["campaign"]: run["state"] for run in shop.runs(MONDAY + HOUR)}
    assert sorted(states.values()) == ["cancelled", "sent"]
    assert shop.leftovers() == []


def test_a_cancellation_that_dies_half_way_is_finished_and_nothing_goes_out(shop: World) -> None:
    interrupted(shop, PLACES["before the send"])
    name = next(run["run"] for run in shop.runs(MONDAY) if run["state"] == "preparing")
    for at in range(1, 100):
        with plugged(at), contextlib.suppress(Crash):
            # 2: it is cancelled already, the last death came after the last commit
            assert shop.command("cancel", name, now=MONDAY).code in {0, 2}
            break
    for run in shop.runs(MONDAY):
        if run["state"] != "cancelled":
            shop.ok("cancel", run["run"], now=MONDAY)
    shop.cycle(MONDAY + HOUR)
    assert shop.mails() == []
    assert shop.leftovers() == []


def test_a_cancellation_that_died_once_is_finished_by_the_next_cycle(shop: World) -> None:
    interrupted(shop, PLACES["before the send"])
    name = next(run["run"] for run in shop.runs(MONDAY) if run["state"] == "preparing")
    other = next(run["run"] for run in shop.runs(MONDAY) if run["run"] != name)
    with plugged() as plug:
        reach = plug.reach

        def reaching(moment: str) -> None:
            if "DELETE" in moment:
                plug._at = len(plug.moments) + 1
            reach(moment)

        plug.reach = reaching  # type: ignore[method-assign]
        with pytest.raises(Crash):
            shop.ok("cancel", name, now=MONDAY)
    shop.ok("cancel", other, now=MONDAY)
    shop.cycle(MONDAY + HOUR)
    assert shop.mails() == []
    assert shop.leftovers() == []
    assert {run["state"] for run in shop.runs(MONDAY + HOUR)} == {"cancelled"}


def test_a_run_that_dies_before_the_night_goes_out_in_the_morning_once(shop: World) -> None:
    """What was prepared in the evening is decided again at night, put off, and written anew in the morning."""
    shop.configure(shop.settings + '[limits]\nquiet_hours = "20:00-07:00"\n')
    shop.cycle(MONDAY)
    assert len(shop.mails()) == 20
    shop.put("accounts", account_id="v", industry="wool")
    for number in range(30, 36):
        shop.contact(f"c{number}", account_id="v", first_name=f"N{number}")
    shop.load(MONDAY + HOUR)
    shop.segment("wool", "industry = 'wool'")
    shop.campaign("wool-news", "wool", "t", "{{ contact.first_name }}", priority=90)
    shop.cycle(MONDAY + HOUR)
    evening, night, morning = (MONDAY + timedelta(hours=hours) for hours in (9, 13, 22))
    with plugged() as plug:
        reach = plug.reach

        def reaching(moment: str) -> None:
            if moment.endswith("/content"):
                plug._at = len(plug.moments) + 1
            reach(moment)

        plug.reach = reaching  # type: ignore[method-assign]
        with pytest.raises(Crash):
            shop.command("send", "wool-news", "--yes", now=evening)
    shop.cycle(night)
    assert shop.receivers("wool-news") == []
    assert set(shop.decisions(shop.runs(night)[0]["run"], night).values()) == {"deferred"}
    shop.contact("c30", email="other-30@shop.example")
    shop.contact("c31", consent="opted_out")
    shop.contact("c32", first_name="Renamed")
    shop.load(morning)
    shop.cycle(morning)
    assert shop.receivers("wool-news") == ["c30", "c32", "c33", "c34", "c35"]
    subjects = {mail.email: mail.subject for mail in shop.mails("wool-news")}
    assert subjects["other-30@shop.example"] == "N30"
    assert subjects["c32@shop.example"] == "Renamed"
    shop.cycle(morning + HOUR)
    assert len(shop.mails("wool-news")) == 5
    assert shop.leftovers() == []


def test_an_address_that_changes_before_the_send_is_followed(shop: World) -> None:
    interrupted(shop, PLACES["content"])
    shop.contact("c0", email="elsewhere@shop.example")
    shop.load(MONDAY + HOUR)
    shop.cycle(MONDAY + HOUR)
    assert "elsewhere@shop.example" in {mail.email for mail in shop.mails("metal-news")}
    assert len(shop.receivers("metal-news")) == len(shop.receivers("wood-news")) == 10
    assert shop.leftovers() == []


def test_entries_found_at_the_same_moment_as_others_are_a_run_of_their_own(shop: World) -> None:
    shop.segment("wool", "industry = 'wool'")
    shop.campaign("wool-hello", "wool", "t", "Hello", 'on = "enter"')
    shop.cycle(MONDAY)
    shop.put("accounts", account_id="v", industry="wool")
    for number in (30, 31):
        shop.contact(f"c{number}", account_id="v", first_name="x")
        shop.load(MONDAY + HOUR)
        shop.cycle(MONDAY + HOUR)
    assert shop.receivers("wool-hello") == ["c30", "c31"]


def test_a_template_that_fails_stops_its_own_run_until_it_is_mended(shop: World) -> None:
    shop.template("broken", "<p>{{ contact.no_such_name }}</p>")
    shop.campaign("metal-news", "metal", "broken", "Metal", 'on = "schedule"\ncron = "0 10 * * *"', priority=90)
    shop.command("daemon", "--once", now=MONDAY)
    assert len(shop.receivers("wood-news")) == 10
    run = next(run for run in shop.runs(MONDAY) if run["campaign"] == "metal-news")
    assert run["state"] == "planned"
    assert "broken.html" in run["reason"]
    assert "no_such_name" in run["reason"]
    shop.template("broken", "<p>{{ contact.first_name }}</p>")
    shop.cycle(MONDAY + HOUR)
    assert len(shop.receivers("metal-news")) == 10


def test_a_campaign_whose_file_is_gone_waits_for_a_person_and_reads_back_what_was_sent(shop: World) -> None:
    interrupted(shop, lambda moment: moment.startswith("after POST") and moment.endswith("actions/send"))
    file = shop.root / "campaigns" / "metal-news.toml"
    text = file.read_text(encoding="utf-8")
    file.unlink()
    shop.command("daemon", "--once", now=MONDAY + HOUR)
    states = {run["campaign"]: run["state"] for run in shop.runs(MONDAY + HOUR)}
    assert states == {"metal-news": "sent", "wood-news": "sent"}
    file.write_text(text, encoding="utf-8")
    shop.cycle(MONDAY + 2 * HOUR)
    assert len(shop.mails()) == 20
    assert shop.leftovers() == []
