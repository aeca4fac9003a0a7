"""A merge field that is kept up to date anyway carries a printed value, where it is sure to hold exactly that."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.scenarios.world import AUDIENCE, MONDAY

if TYPE_CHECKING:
    from tests.scenarios.world import World

NAMES = {"c1": "Ada", "c2": "Bo & Söhne", "c3": "Cy <3"}


@pytest.fixture
def shop(world: World) -> World:
    world.segment("all", "consent = 'opted_in'")
    world.template("t", "<p>Hello {{ contact.first_name }}.</p>")
    world.campaign("news", "all", "t", "News for {{ contact.first_name }}")
    for key, name in NAMES.items():
        world.contact(key, first_name=name)
    world.load(MONDAY)
    return world


def contents(world: World) -> list[str]:
    """The HTML of the campaigns that were sent."""
    with world.sandbox.opened(writes=False) as (account, _):
        return [one.html for one in account.campaigns.values() if one.status != "save"]


def greetings(world: World) -> dict[str, str]:
    return {mail.email[:2]: mail.html.partition("Hello ")[2].partition(".</p>")[0] for mail in world.mails("news")}


def merge_tags(world: World) -> set[str]:
    with world.sandbox.opened(writes=False) as (account, _):
        return {field.tag for field in account.audiences[AUDIENCE].merge_fields.values()}


def test_a_printed_first_name_travels_in_the_synced_field(shop: World) -> None:
    shop.ok("sync", now=MONDAY)
    before = len(shop.sandbox.requests)
    shop.ok("send", "news", "--yes", now=MONDAY)
    assert not [one for one in shop.sandbox.requests[before:] if "merge_fields" in str(one.json)]
    assert not {tag for tag in merge_tags(shop) if tag.startswith("CO_")}
    (html,) = contents(shop)
    assert "Hello *|FNAME|*." in html
    assert greetings(shop) == {"c1": "Ada", "c2": "Bo & Söhne", "c3": "Cy ‹3"}
    assert {mail.subject for mail in shop.mails("news")} == {f"News for {name}" for name in greetings(shop).values()}


def test_a_value_that_the_field_cannot_hold_whole_gets_slots(shop: World) -> None:
    shop.contact("c4", first_name="å" * 200)
    shop.load(MONDAY)
    shop.ok("send", "news", "--yes", now=MONDAY)
    assert "CO_1" in merge_tags(shop)
    assert greetings(shop)["c4"] == "å" * 200


def test_a_field_with_a_default_carries_no_empty_value(shop: World) -> None:
    shop.contact("c4", first_name="")
    shop.load(MONDAY)
    with shop.sandbox.opened(writes=True) as (account, _):
        (field,) = [one for one in account.audiences[AUDIENCE].merge_fields.values() if one.tag == "FNAME"]
        field.default_value = "friend"
    shop.ok("send", "news", "--yes", now=MONDAY)
    assert greetings(shop) == {"c1": "Ada", "c2": "Bo & Söhne", "c3": "Cy ‹3", "c4": ""}


def test_a_name_that_changes_while_a_run_is_stopped_is_the_new_one(shop: World) -> None:
    shop.ok("sync", now=MONDAY)
    shop.sandbox.fail_next("PUT", "/campaigns/*/content", "500", times=100)
    assert shop.command("send", "news", "--yes", now=MONDAY).code == 1
    assert shop.mails() == []
    shop.sandbox.calm()
    shop.contact("c1", first_name="Adele")
    later = MONDAY + timedelta(minutes=10)
    shop.load(later)
    shop.cycle(later)
    assert greetings(shop) == {"c1": "Adele", "c2": "Bo & Söhne", "c3": "Cy ‹3"}
    assert shop.receivers("news") == ["c1", "c2", "c3"]
    assert len(contents(shop)) == 2
    assert shop.leftovers() == []
