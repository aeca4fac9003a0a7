"""`check` where the database holds customers: what nobody wrote for a language or an industry of the segment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.scenarios.world import MONDAY

from orchestrator.check.members import Group, representatives

if TYPE_CHECKING:
    from tests.scenarios.world import World


@pytest.fixture
def shop(world: World) -> World:
    """Three industries, two languages."""
    world.segment("all", "email_domain = 'shop.example'")
    for number, industry in enumerate(["metal", "metal", "wood", "food"]):
        world.account(f"a{number}", industry=industry)
        language = "sv" if number == 3 else "en"
        world.contact(f"c{number}", account_id=f"a{number}", first_name=f"N{number}", language=language)
    world.campaign("news", "all", "t")
    world.template("t", "<p>Fine</p>")
    world.load(MONDAY)
    world.ok("segments", now=MONDAY)
    return world


def test_an_industry_without_words_is_found_with_its_number(shop: World) -> None:
    body = "{% set words = {'metal': 'Steel', 'wood': 'Oak'} %}\n<p>{{ words[account.industry | lower] }}</p>"
    shop.template("t", body)
    result = shop.command("check", "--json", now=MONDAY)
    assert result.code == 1
    messages = [problem["message"] for problem in result.json["problems"]]
    assert messages == ["food does not exist for c3 (language sv, industry 'food': 1 members of all)"]


def test_a_language_without_a_subject_is_found(shop: World) -> None:
    shop.campaign("news", "all", "t", "{% if contact.language == 'en' %}Hello{% endif %}")
    result = shop.command("check", "--json", now=MONDAY)
    assert result.code == 1
    (problem,) = result.json["problems"]
    assert problem["file"] == "campaigns/news.toml"
    assert problem["message"].startswith("the subject is empty")


def test_a_block_for_an_industry_has_a_default_and_its_fields_are_known(shop: World) -> None:
    blocks = shop.root / "templates/blocks"
    blocks.mkdir()
    (blocks / "intro.metal.html").write_text("<p>Steel for {{ account.orders_total }}</p>")
    shop.template("t", "{% include 'blocks/intro.' ~ account.industry ~ '.html' %}")
    (problem, *_) = shop.command("check", "--json", now=MONDAY).json["problems"]
    assert problem["message"] == "the included file depends on the reader, and there is none for all others"
    shop.template("t", "{% include ['blocks/intro.' ~ account.industry ~ '.html', 'blocks/intro.html'] %}")
    result = shop.command("check", "--json", now=MONDAY)
    assert any("none of the template files" in problem["message"] for problem in result.json["problems"])
    (blocks / "intro.html").write_text("<p>For everybody</p>")
    assert shop.ok("check", "--json", now=MONDAY).json["problems"] == []
    mails = {key: shop.ok("preview", "news", "--contact", key, now=MONDAY).out for key in ("c0", "c2")}
    assert "Steel for 0" in mails["c0"]
    assert "For everybody" in mails["c2"]


def test_check_makes_no_database(world: World) -> None:
    world.segment("all", "email_domain = 'shop.example'")
    world.ok("check", now=MONDAY)
    assert not (world.root / "campaigns.db").exists()


def test_one_member_stands_for_each_language_and_each_industry() -> None:
    rows = [(1, "en", "metal"), (2, "en", "wood"), (3, "sv", "metal"), (4, "sv", "wood"), (5, None, "wood")]
    groups = [Group(number, f"c{number}", language, industry, 9) for number, language, industry in rows]
    assert [group.contact for group in representatives(groups)] == [1, 2, 3, 5]
