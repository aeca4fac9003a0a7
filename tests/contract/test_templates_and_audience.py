"""Sections 6, 7 and 10: what a mail says, and what leaves the product."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.scenarios.world import MONDAY

if TYPE_CHECKING:
    from tests.scenarios.world import World

    from orchestrator.sandbox.server import Sandbox

HOUR = timedelta(hours=1)


def preview(shop: World, contact: str = "c1", campaign: str = "news") -> Any:
    return shop.ok("preview", campaign, "--contact", contact, "--json", now=MONDAY).json


PRINTED = {
    "{{ contact.first_name }} {{ contact.email }} {{ contact.orders_total }}": "Bo c2@shop.example 1",
    "{{ account.name }} {{ account.country }} {{ account.revenue_total | money }}": "A1 SE €100.00",
    "{{ orders[0].order_id }} {{ orders[0].total | money }} {{ orders | length }}": "o1 €100.00 1",
    "{{ segment }} {{ segment.name }} {{ campaign.name }}": "everybody everybody news",
    "{{ vars.coupon }} {{ vars.list[1] }}": "CART5 b",
    "{{ now | date }} | {{ now | datetime('HH:mm') }} | {{ (now + days(3)) | date('d MMMM') }}": (
        "Mar 2, 2026 | 10:00 | 5 March"
    ),
    "{{ 1234.5 | money }} {{ 1234.5 | number }} {{ 1234.5 | number(0) }}": "€1,234.50 1,234.5 1,234",
    "{% if contact.gender is none %}none{% endif %}{{ contact.gender }}{{ contact.nope | default('x') }}": "nonex",
}


@pytest.mark.parametrize(("source", "expected"), PRINTED.items())
def test_every_name_and_filter_prints(shop: World, source: str, expected: str) -> None:
    shop.template("plain", f"<p>{source}</p>")
    with (shop.root / "campaigns/news.toml").open("a", encoding="utf-8") as file:
        file.write('\n[vars]\ncoupon = "CART5"\nlist = ["a", "b"]\n')
    assert preview(shop, "c2")["text"].splitlines()[0] == expected


def test_custom_columns_print_for_everybody_and_numbers_are_numbers(shop: World) -> None:
    shop.contact("c1", points="120")
    shop.account("a1", tour="north")
    shop.load(MONDAY)
    shop.template(
        "plain",
        "<p>{% if contact.x_points is none %}none{% else %}{{ contact.x_points + 1 }}{% endif %}"
        " {{ account.x_tour }}</p>",
    )
    assert preview(shop, "c1")["text"].splitlines()[0] == "121 north"
    assert preview(shop, "c4")["text"].splitlines()[0].strip() == "none"


def test_a_cart_has_lines_with_all_their_names(shop: World) -> None:
    names = "product_id name category brand url image_url quantity unit_price total"
    values = " / ".join(f"{{{{ line.{name} }}}}" for name in names.split())
    shop.template(
        "cart",
        f"{{% for line in cart.lines %}}<p>{values}</p>{{% endfor %}}<p>{{{{ cart.total }}}} {{{{ cart.url }}}}</p>",
    )
    text = preview(shop, campaign="reminder")["text"]
    assert "p1 / Pump" in text
    assert "/ 2 / 10.00 / 20.00" in text
    assert "20.00 https://shop.example/cart/c1" in text


def test_the_language_is_the_contacts_then_its_base_then_the_workspaces(shop: World) -> None:
    for name, word in (("plain", "English"), ("plain.sv", "Svenska"), ("plain.de-AT", "Servus")):
        shop.template(name, f"<p>{word}</p><p>{{{{ now | date('MMMM') }}}}</p>")
    found = {}
    for tag in ("sv-SE", "sv", "de-AT", "de", "fr", ""):
        shop.contact("c1", language=tag)
        shop.load(MONDAY, "contacts")
        mail = preview(shop)
        found[tag] = (mail["text"].split()[0], mail["language"])
    assert found == {
        "sv-SE": ("Svenska", "sv"),
        "sv": ("Svenska", "sv"),
        "de-AT": ("Servus", "de-AT"),
        "de": ("English", "en"),
        "fr": ("English", "en"),
        "": ("English", "en"),
    }


def test_own_links_get_utm_and_others_do_not(shop: World) -> None:
    shop.template("plain", '<a href="https://shop.example/a?b=1">a</a><a href="https://other.example/a">b</a>')
    with (shop.root / "campaigns/news.toml").open("a", encoding="utf-8") as file:
        file.write('\n[utm]\ncampaign = "spring"\n')
    html = preview(shop)["html"]
    own = html.partition('href="')[2].partition('"')[0]
    assert own.startswith("https://shop.example/a?b=1&amp;utm_")
    assert "utm_campaign=spring" in own
    assert 'href="https://other.example/a"' in html


def test_a_text_file_is_the_text_part_and_values_are_escaped(shop: World) -> None:
    shop.contact("c1", first_name="<b>*|EMAIL|*")
    shop.load(MONDAY, "contacts")
    shop.template("plain", "Text for {{ contact.first_name }} *|UNSUB|* *|LIST:ADDRESS|*", ending="txt")
    mail = preview(shop)
    assert mail["text"].startswith("Text for ")
    assert "<b>" not in mail["html"]
    assert "*|EMAIL|*" not in mail["html"] + mail["text"]


def test_the_mail_arrives_exactly_as_previewed(shop: World) -> None:
    expected = preview(shop, campaign="reminder")
    shop.cycle(MONDAY)
    (mail,) = shop.mails()
    assert (mail.subject, mail.email) == (expected["subject"], "c1@shop.example")
    assert "Ada: Pump" in mail.html


def test_what_leaves_is_members_with_consent_their_fields_and_tags(shop: World, mailchimp: Sandbox) -> None:
    shop.configure('[mailchimp.merge_fields]\nFNAME = "first_name"')
    shop.ok("sync", now=MONDAY)
    members = {one["email_address"]: one for one in mailchimp.members()}
    assert sorted(members) == ["Di@Shop.example", "c1@shop.example", "c2@shop.example"]
    assert {one["status"] for one in members.values()} == {"subscribed"}
    assert members["c1@shop.example"]["merge_fields"]["FNAME"] == "Ada"
    assert mailchimp.tagged("carts") == {"c1@shop.example"}
    assert mailchimp.tagged("everybody") == set(members)


def test_a_second_sync_and_a_second_cycle_write_nothing(shop: World, mailchimp: Sandbox) -> None:
    shop.cycle(MONDAY)
    mailchimp.forget_requests()
    shop.ok("sync", now=MONDAY)
    shop.cycle(MONDAY + HOUR)
    assert mailchimp.writes() == []


def test_the_only_status_written_on_a_member_is_the_erps_opt_out(shop: World, mailchimp: Sandbox) -> None:
    shop.ok("sync", now=MONDAY)
    mailchimp.forget_requests()
    shop.contact("c1", consent="opted_out")
    shop.contact("c2", first_name="Bosse")
    shop.contact("c5")
    shop.load(MONDAY + HOUR)
    shop.ok("sync", now=MONDAY + HOUR)
    written = {
        member["email_address"]: member.get("status")
        for request in mailchimp.writes()
        for member in (request.json or {}).get("members", [])
    }
    assert written["c1@shop.example"] == "unsubscribed"
    assert written["c2@shop.example"] is None
    assert written["c5@shop.example"] == "subscribed"
    assert mailchimp.member("c1@shop.example")["status"] == "unsubscribed"


@pytest.mark.parametrize("how", ["unsubscribe", "clean", "archive"])
def test_whoever_left_at_mailchimp_is_never_brought_back_nor_mailed(shop: World, mailchimp: Sandbox, how: str) -> None:
    shop.ok("sync", now=MONDAY)
    getattr(mailchimp, how)("c1@shop.example")
    shop.contact("c1", first_name="Adele", consent="opted_in")
    shop.load(MONDAY + HOUR)
    shop.cycle(MONDAY + HOUR)
    shop.ok("send", "news", "--yes", now=MONDAY + HOUR)
    assert "c1" not in shop.receivers()
    assert mailchimp.member("c1@shop.example")["status"] != "subscribed"


def test_absence_and_what_is_not_ours_stay(shop: World, mailchimp: Sandbox) -> None:
    shop.ok("sync", now=MONDAY)
    mailchimp.add_segment("by hand", ["c2@shop.example"])
    mailchimp.add_member("stranger@else.example")
    del shop.rows["contacts"][("c2",)]
    shop.load(MONDAY + HOUR)
    shop.cycle(MONDAY + HOUR)
    shop.ok("send", "news", "--yes", now=MONDAY + HOUR)
    assert mailchimp.member("c2@shop.example")["status"] == "subscribed"
    assert mailchimp.tagged("by hand") == {"c2@shop.example"}
    assert "stranger@else.example" not in {mail.email for mail in shop.mails()}
    assert shop.leftovers() == []


def test_a_segment_without_sync_has_no_tag_and_a_tag_follows_its_members(shop: World, mailchimp: Sandbox) -> None:
    shop.segment("buyers", "orders_total > 0", "sync = false")
    shop.ok("sync", now=MONDAY)
    assert mailchimp.tagged("buyers") == set()
    shop.put("carts", cart_id="cart-c1", contact_id="c1", status="emptied")
    shop.cart("c2", MONDAY, [("p1", 1, "10.00")])
    shop.load(MONDAY + HOUR)
    answer = shop.ok("sync", "--json", now=MONDAY + HOUR).json
    assert (answer["tagged"], answer["untagged"]) == (1, 1)
    assert mailchimp.tagged("carts") == {"c2@shop.example"}


def test_a_broken_file_stops_no_other(shop: World) -> None:
    shop.ok("segments", now=MONDAY)
    shop.segment("buyers", "nonsense >")
    (shop.root / "campaigns/news.toml").write_text("segment = ", encoding="utf-8")
    result = shop.command("daemon", "--once", "--json", now=MONDAY + HOUR)
    assert "Traceback" not in result.err
    assert "segments/buyers.toml:2" in shop.command("check", now=MONDAY).out
    assert "campaigns/news.toml:1" in result.err
    assert [run["campaign"] for run in result.json["runs"]] == ["reminder"]


def test_plan_touches_nothing(shop: World, mailchimp: Sandbox) -> None:
    mailchimp.forget_requests()
    before = (shop.root / "campaigns.db").read_bytes()
    first = shop.ok("plan", "--json", now=MONDAY).json
    assert mailchimp.writes() == []
    assert shop.ok("plan", "--json", now=MONDAY).json == first
    assert (shop.root / "campaigns.db").read_bytes() == before
    assert shop.runs(MONDAY) == []
