"""A broken mail stops its run before anything is made at Mailchimp, says where and why, and waits for the file."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.scenarios.world import MONDAY

if TYPE_CHECKING:
    from tests.scenarios.world import World

EVE = MONDAY - timedelta(hours=20)


@pytest.fixture
def shop(world: World) -> World:
    """Three readers, one of them without the link that the mail prints."""
    world.segment("all", "email_domain = 'shop.example'")
    world.template("t", '<p>{{ contact.first_name }}</p><a href="{{ contact.x_link }}">Yours</a>')
    world.template("plain", '<p style="color:#aaaaaa">Hello {{ contact.first_name }}</p>')
    world.campaign("news", "all", "t", "News", 'on = "schedule"\ncron = "0 10 * * *"')
    world.campaign("other", "all", "plain", "Other", 'on = "schedule"\ncron = "0 10 * * *"')
    for number in range(3):
        world.contact(f"c{number}", first_name=f"N{number}", link=f"https://shop.example/{number}")
    world.contact("c1", link="")
    world.load(EVE)
    world.cycle(EVE)
    return world


def test_an_error_for_one_recipient_stops_that_run_and_no_other(shop: World) -> None:
    plan = shop.command("plan", "--json", now=MONDAY)
    (planned,) = (run for run in plan.json["runs"] if run["campaign"] == "news")
    assert (plan.code, planned["state"], planned["mailings"]) == (1, "planned", 0)
    answer = shop.cycle(MONDAY, code=1)
    (run,) = (run for run in answer["runs"] if run["campaign"] == "news")
    assert run["state"] == "planned"
    assert run["reason"] == planned["reason"]
    assert run["reason"].startswith("Not sent: 1 problem in its mails.\ntemplates/t.html:1: the link leads nowhere")
    assert "for contact c1" in run["reason"]
    assert "the next cycle" in run["reason"]
    assert shop.receivers() == ["c0", "c1", "c2"]  # of the other campaign
    assert shop.leftovers() == []


def test_a_stopped_run_goes_on_when_the_file_is_mended(shop: World) -> None:
    dry = shop.command("send", "news", "--dry-run", now=MONDAY)
    sent = shop.command("send", "news", "--yes", now=MONDAY)
    assert (dry.code, sent.code) == (1, 1)
    assert "the link leads nowhere" in dry.err
    assert "the link leads nowhere" in sent.err
    assert shop.mails("news") == []
    shop.template("t", "<a href=\"{{ contact.x_link or 'https://shop.example/' }}\">Yours</a>")
    assert shop.ok("send", "news", "--yes", "--json", now=MONDAY).json["state"] == "sent"
    assert shop.receivers("news") == ["c0", "c1", "c2"]


def test_a_warning_is_told_and_stops_nothing(shop: World) -> None:
    told = "warning: #aaaaaa on #ffffff has a contrast of 2.32; text needs 4.5"
    assert told in shop.ok("send", "other", "--yes", now=MONDAY).err
    assert told in shop.ok("preview", "other", "--contact", "c0", now=MONDAY).err
    assert shop.receivers("other") == ["c0", "c1", "c2"]
    shop.template("t", "<p>No link</p>")
    shop.load(MONDAY + timedelta(days=1))
    (warning,) = shop.ok("plan", "--json", now=MONDAY + timedelta(days=1)).json["warnings"]
    assert (warning["file"], warning["level"]) == ("templates/plain.html", "warning")
