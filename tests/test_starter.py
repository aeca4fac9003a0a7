"""The starter workspace at the repository's root: sound as it is, and its mails good enough to send.

Mails are rendered for the invented wholesaler's contacts, so that templates and generated data are tried together.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from orchestrator.campaigns.library import rendered_for
from orchestrator.check import check
from orchestrator.definitions.workspace import read_workspace
from orchestrator.demo import write_wholesaler
from orchestrator.demo.catalogue import INDUSTRIES, products
from orchestrator.templates.mailings import compile_mailings
from orchestrator.templates.quality import Gate
from orchestrator.templates.render import TemplateLibrary, TemplateSettings

if TYPE_CHECKING:
    from orchestrator.definitions.values import Workspace
    from orchestrator.templates.mail import Rendered

ROOT = Path(__file__).resolve().parent.parent
NOW = datetime(2026, 11, 23, 9, 5, tzinfo=ZoneInfo("Europe/Stockholm"))
SLOTS = [f"CO_{number}" for number in range(1, 29)]
"""30 merge fields of a standard audience, less FNAME and LNAME"""
LANGUAGES = ("en", "sv", "de")
CAMPAIGNS = sorted(path.stem for path in (ROOT / "campaigns").glob("*.toml"))
Facts = dict[str, Any]


class Page(HTMLParser):
    """The elements of a mail, and the texts of its links."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def all(self, tag: str, attribute: str) -> list[str | None]:
        return [attributes.get(attribute) for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="session")
def workspace() -> Workspace:
    workspace, problems = read_workspace(ROOT)
    assert [str(problem) for problem in problems] == []
    assert workspace is not None
    return workspace


@pytest.fixture(scope="session")
def library(workspace: Workspace) -> TemplateLibrary:
    settings = workspace.settings
    own = TemplateSettings(settings.locale, settings.currency, settings.timezone, settings.link_domains)
    return TemplateLibrary(ROOT / "templates", own)


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> list[Facts]:
    """Template contexts of generated contacts, those with an open cart first."""
    folder = tmp_path_factory.mktemp("wholesaler")
    write_wholesaler(folder, now=NOW, contacts=900, companies=250)

    def rows(table: str) -> list[dict[str, Any]]:
        with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as file:
            return [{key: value or None for key, value in row.items()} for row in csv.DictReader(file)]

    accounts = {row["account_id"]: row for row in rows("accounts")}
    catalogue = {row["product_id"]: row for row in rows("products")}
    carts = {row["cart_id"]: row for row in rows("carts") if row["status"] == "open"}
    lines: dict[str, list[Facts]] = defaultdict(list)
    for row in rows("cart_lines"):
        if row["cart_id"] in carts:
            price, quantity = Decimal(row["unit_price"]), int(row["quantity"])
            line = catalogue[row["product_id"]] | {"quantity": quantity, "unit_price": price, "total": price * quantity}
            lines[carts[row["cart_id"]]["contact_id"]].append(line)
    addresses = {row["contact_id"]: row["url"] for row in carts.values()}
    found = []
    for index, contact in enumerate(rows("contacts")):
        own = lines.get(contact["contact_id"], [])
        contact["rfm_tier"] = ("vip", "gold")[index % 2]
        cart = {
            "lines": own,
            "total": sum((line["total"] for line in own), Decimal(0)),
            "url": addresses.get(contact["contact_id"]),
        }
        account = accounts.get(contact["account_id"], dict.fromkeys(next(iter(accounts.values()))))
        found.append({"contact": contact, "account": account, "cart": cart, "orders": [], "now": NOW})
    return sorted(found, key=lambda facts: not facts["cart"]["lines"])


class Mailer:
    """Renders a campaign of the workspace for one contact."""

    def __init__(self, workspace: Workspace, library: TemplateLibrary, people: list[Facts]) -> None:
        self.campaigns = workspace.campaigns
        self.library = library
        self.people = people

    def render(self, name: str, facts: Facts) -> Rendered:
        campaign = self.campaigns[name]
        context = facts | {"vars": campaign.vars, "segment": campaign.segment, "campaign": name}
        contact = facts["contact"]
        return rendered_for(self.library, campaign, context, contact["language"], contact["contact_id"])

    def someone(self, language: str, **changes: Any) -> Facts:
        """A contact of a language, with a cart; ``changes`` replace facts of the contact."""
        facts = next(one for one in self.people if one["contact"]["language"].startswith(language))
        return facts | {"contact": facts["contact"] | changes}

    def with_lines(self, count: int) -> Facts:
        """The English reader with the longest cart, cut or filled to ``count`` lines."""
        facts = self.someone("en")
        line = facts["cart"]["lines"][0]
        return facts | {"cart": facts["cart"] | {"lines": [line | {"name": f"Line {n}"} for n in range(count)]}}


@pytest.fixture(scope="session")
def mailer(workspace: Workspace, library: TemplateLibrary, people: list[Facts]) -> Mailer:
    return Mailer(workspace, library, people)


def test_the_starter_passes_check() -> None:
    report = check(ROOT)
    assert [str(problem) for problem in (*report.problems, *report.warnings)] == []
    assert report.segments == len(list((ROOT / "segments").glob("*.toml")))
    assert report.campaigns == len(CAMPAIGNS)


def test_every_segment_says_who_it_is_and_what_it_is_for(workspace: Workspace) -> None:
    for segment in workspace.segments.values():
        assert segment.description, segment.name
        assert segment.purpose, segment.name
        assert segment.scheme, segment.name
        assert segment.review_by, segment.name
        assert segment.examples or "in_segment" in segment.where, segment.name


def test_there_is_a_segment_for_each_industry_of_the_demo(workspace: Workspace) -> None:
    wheres = {segment.where for segment in workspace.segments.values()}
    assert {f"industry = '{industry}'" for industry in INDUSTRIES} <= wheres


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", CAMPAIGNS)
def test_a_mail_is_small_complete_and_readable_without_images(mailer: Mailer, name: str, language: str) -> None:
    mail = mailer.render(name, mailer.someone(language)).preview()
    assert mail.language == language
    assert len(mail.html.encode()) < 60_000
    page = Page(mail.html)
    assert page.all("html", "lang") == [language]
    assert all(alt is not None for alt in page.all("img", "alt"))
    assert all(page.all("img", "width"))
    assert all(page.all("img", "height"))
    links = page.all("a", "href")
    assert all(re.match(r"https://|\*\|[A-Z_]+\|\*$", link or "") for link in links)
    assert {"*|UNSUB|*", "*|ARCHIVE|*"} <= set(links)
    assert all(tag in mail.html and tag in mail.text for tag in ("*|LIST:COMPANY|*", "*|LIST:ADDRESS|*"))
    assert not re.search(r"\{\{|\{%|\bNone\b", mail.html + mail.text + mail.subject)
    assert 10 < len(mail.subject) < 70
    assert mail.preheader


@pytest.mark.parametrize("name", CAMPAIGNS)
def test_no_mail_has_a_fault_for_any_contact(mailer: Mailer, name: str) -> None:
    gate = Gate()
    for facts in mailer.people[:150]:
        gate.look(mailer.render(name, facts))
    assert [str(problem) for problem in gate.problems()] == []


@pytest.mark.parametrize("name", CAMPAIGNS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_reader_without_name_company_or_industry_is_greeted_well(mailer: Mailer, name: str, language: str) -> None:
    nobody = mailer.someone(language, first_name=None, last_name=None)
    nobody = nobody | {"account": dict.fromkeys(nobody["account"])}
    mail = mailer.render(name, nobody).preview()
    assert not re.search(r"  |^ ?,| ,|None", mail.subject)
    assert not re.search(r"None| ,|Hello ,|Hej ?!|Guten Tag ?!", mail.text)


@pytest.mark.parametrize("language", ["sv-FI", "en-GB", "fi", None])
def test_other_languages_fall_back_to_their_base_or_english(mailer: Mailer, language: str | None) -> None:
    facts = mailer.someone("sv")
    reader = facts | {"contact": facts["contact"] | {"language": language}}
    mail = mailer.render("abandoned-cart", reader).preview()
    swedish = language == "sv-FI"
    assert ("Din varukorg" in mail.text) == swedish
    assert ("är sparad" in mail.subject) == swedish


def test_the_cart_mail_shows_the_readers_lines_with_their_amounts(mailer: Mailer) -> None:
    facts = mailer.someone("sv")
    mail = mailer.render("abandoned-cart", facts).preview()
    for line in facts["cart"]["lines"][:8]:
        assert line["name"] in mail.text
        assert f"{line['quantity']} × " in mail.text
        assert line["image_url"] in mail.html
    assert mail.html.count(facts["cart"]["url"]) == 1


@pytest.mark.parametrize(("lines", "said"), [(8, None), (9, "and one more item"), (13, "and 5 more items")])
def test_a_long_cart_is_cut_after_eight_lines_and_says_so(mailer: Mailer, lines: int, said: str | None) -> None:
    text = mailer.render("abandoned-cart", mailer.with_lines(lines)).preview().text
    assert "Line 7" in text
    assert "Line 8" not in text
    assert said in text if said else "more item" not in text


def test_a_cart_line_without_price_or_picture_is_shown_all_the_same(mailer: Mailer) -> None:
    facts = mailer.with_lines(1)
    bare = facts["cart"]["lines"][0] | {"unit_price": None, "total": None, "image_url": None, "brand": None}
    mail = mailer.render("abandoned-cart", facts | {"cart": facts["cart"] | {"lines": [bare], "url": None}}).preview()
    assert "Line 0" in mail.text
    assert "https://shop.nordicsupply.example/cart?" in mail.html


def test_only_the_second_reminder_offers_a_coupon(mailer: Mailer) -> None:
    facts = mailer.someone("en")
    assert "CART5" not in mailer.render("abandoned-cart", facts).preview().text
    assert "CART5" in mailer.render("abandoned-cart-second", facts).preview().text


def test_the_tier_decides_badge_benefits_and_coupon(mailer: Mailer) -> None:
    vip = mailer.render("loyalty-offer", mailer.someone("en", rfm_tier="vip")).preview()
    gold = mailer.render("loyalty-offer", mailer.someone("en", rfm_tier="gold")).preview()
    assert "VIP15" in vip.text
    assert "15% off" in vip.text
    assert "GOLD10" in gold.text
    assert "VIP" not in gold.text + gold.subject


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_newsletter_has_words_and_products_for_every_industry(mailer: Mailer, language: str) -> None:
    facts = mailer.someone(language)
    known = {product.image_url: f"{product.cents / 100:.2f}" for product in products()}
    texts = []
    for industry in (*INDUSTRIES, "agriculture", None):
        reader = facts | {"account": facts["account"] | {"industry": industry}}
        mail = mailer.render("industry-newsletter", reader).preview()
        pictures = re.findall(r'src="([^"]+)"', mail.html)
        assert len(pictures) == 3
        for picture in pictures:
            assert known[picture].replace(".", "," if language != "en" else ".") in mail.text
        texts.append(mail.text)
    assert len(set(texts)) == len(INDUSTRIES) + 1, "the unknown industry reads like none at all"


def test_links_to_the_shop_carry_the_campaign_and_mailchimps_do_not(mailer: Mailer) -> None:
    for name in CAMPAIGNS:
        for link in Page(mailer.render(name, mailer.someone("en")).preview().html).all("a", "href"):
            assert link is not None
            assert (f"utm_campaign={name}" in link) == ("nordicsupply.example" in link)


def test_each_language_of_the_newsletter_is_one_mailing(mailer: Mailer) -> None:
    rendered = [mailer.render("industry-newsletter", facts) for facts in mailer.people[:300]]
    names = {facts["contact"]["contact_id"]: facts["contact"]["first_name"] for facts in mailer.people}
    plan = compile_mailings(rendered, slots=SLOTS, synced={"FNAME": names}, max_mailings=100)
    assert len(plan.mailings) == len(LANGUAGES)


def test_cart_mails_with_equally_many_lines_share_a_mailing_whatever_the_cart(mailer: Mailer) -> None:
    readers = [facts for facts in mailer.people if facts["cart"]["lines"]]
    rendered = [mailer.render("abandoned-cart", facts) for facts in readers]
    names = {facts["contact"]["contact_id"]: facts["contact"]["first_name"] or "" for facts in readers}
    shown = {(facts["contact"]["language"][:2], min(len(facts["cart"]["lines"]), 9)) for facts in readers}
    plan = compile_mailings(rendered, slots=SLOTS[:20], synced={"FNAME": names}, max_mailings=100)
    assert len(plan.mailings) <= len(shown)


def test_a_cart_of_eight_lines_leaves_merge_fields_to_others(mailer: Mailer) -> None:
    long = [mailer.with_lines(8), mailer.with_lines(9)]
    lines = [facts["cart"]["lines"] for facts in long]
    for number, line in enumerate(lines[1]):
        line |= {
            "name": f"Other {number}",
            "quantity": 40 + number,
            "total": Decimal(number),
            "image_url": f"https://x.example/{number}.png",
        }
    long[1] = long[1] | {
        "cart": long[1]["cart"]
        | {"lines": lines[1][:8], "url": "https://shop.nordicsupply.example/cart/other", "total": Decimal(7)}
    }
    rendered = [replace(mailer.render("abandoned-cart", facts), contact_key=str(key)) for key, facts in enumerate(long)]
    (only,) = compile_mailings(rendered, slots=SLOTS, max_mailings=1).mailings
    assert len(only.slots) <= 19
