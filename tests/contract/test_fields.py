"""Section 4: what each field means, on data small enough to be worked out by hand.

The moment is Monday 2026-03-02 at 10:00 in Stockholm, the business time zone (09:00 UTC).
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.scenarios.world import AUDIENCE, KEY_VARIABLE, MONDAY, World

from orchestrator.sandbox.server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


@pytest.fixture(scope="module")
def wholesaler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    before = os.environ.get(KEY_VARIABLE)
    with Sandbox(audience=AUDIENCE) as sandbox:
        world = World(tmp_path_factory.mktemp("wholesaler"), sandbox)
        _fill(world)
        yield world
    os.environ[KEY_VARIABLE] = before or ""


def _fill(world: World) -> None:
    world.account(
        "a1",
        name="Acme",
        industry="food",
        employees=49,
        annual_revenue="1000000.50",
        customer_group="chain",
        price_list="B",
        channel="wholesale",
        legal_form="AB",
        order_method="edi",
        payment_terms="30 days",
        delivery_terms="DAP",
        sales_rep="Eva",
        cost_to_serve="high",
        zone="North",
        credit="1200",
    )
    world.account("a2", country="BR", employees=50, credit="90")
    world.account("a3", country="KE", employees=250)
    world.contact(
        "c1",
        email="Ada@Acme.example",
        account_id="a1",
        first_name="Ada",
        last_name="Ek",
        job_title="Head of kitchen",
        role="buyer",
        language="sv-SE",
        country="",
        timezone="Europe/Stockholm",
        created_at=(MONDAY - 14 * DAY).isoformat(),
        birth_date="2000-03-02",
        gender="f",
        lead_score="7.5",
        lifecycle_stage="customer",
        interests="pumps;valves",
        points="12",
        vip_since="2025-05-01",
    )
    world.contact(
        "c2",
        account_id="a1",
        country="US",
        created_at=(MONDAY - 14 * DAY + SECOND).isoformat(),
        birth_date="2000-03-03",
        points="3",
    )
    world.contact("c3", account_id="a2", country="", consent="opted_out", interests="pump")
    world.contact("c4", country="JP", consent="unknown")
    world.contact("c5", account_id="a3", country="")
    world.contact("c6", country="AU")
    for order_id, contact, at, total, more in (
        ("o1", "c1", MONDAY - 30 * DAY, "100.00", {}),
        ("o2", "c1", utc("2025-12-31T23:00:00"), "50.00", {"channel": "phone"}),
        ("o3", "c1", utc("2025-12-31T22:59:59"), "25.00", {}),
        ("o4", "c1", MONDAY - DAY, "-10.00", {"status": "returned"}),
        ("o5", "c1", MONDAY - DAY, "999.00", {"status": "cancelled"}),
        ("o6", "c1", MONDAY - DAY, "999.00", {"status": "pending"}),
        ("o7", "c1", MONDAY + HOUR, "500.00", {}),
        ("o8", "c2", MONDAY - 30 * DAY - SECOND, "200.00", {"channel": "edi"}),
        ("o9", "c4", MONDAY - SECOND, "70.00", {"channel": "store"}),
        ("o10", "", MONDAY - 2 * DAY, "1000.00", {"account_id": "a1", "channel": "sales_rep"}),
        ("o11", "c6", MONDAY, "5.00", {}),
    ):
        world.order(order_id, contact, at, total, **more)
    world.put("products", product_id="p1", name="Pump", category="Pumps", brand="Acme", price="10.00")
    world.put("products", product_id="p2", name="Valve", category="Valves", brand="Best", price="5.50")
    world.put("order_lines", order_id="o1", product_id="p1", quantity=1)
    world.put("order_lines", order_id="o5", product_id="p2", quantity=1)
    world.put("order_lines", order_id="o8", product_id="p2", quantity=1)
    world.cart(
        "c1",
        MONDAY - 4 * HOUR,
        [("p1", 2, "10.00"), ("p2", 3, "")],
        last_added_at=(MONDAY - 5 * HOUR).isoformat(),
    )
    world.cart("c2", MONDAY - 4 * HOUR, [("p1", 9, "1.00")], status="ordered")
    world.cart("c4", MONDAY - 4 * HOUR, [("p1", 9, "1.00")], status="emptied")
    moments = (
        ("c1", "login", MONDAY - 14 * DAY, ""),
        ("c2", "login", MONDAY - 14 * DAY + SECOND, ""),
        ("c1", "page_view", MONDAY - 30 * DAY, ""),
        ("c1", "page_view", MONDAY - DAY, ""),
        ("c1", "page_view", MONDAY - 31 * DAY, ""),
        ("c1", "page_view", MONDAY + HOUR, ""),
        ("c2", "form_submitted", MONDAY - 3 * DAY, ""),
        ("c1", "survey_answered", MONDAY - 3 * DAY, '{"survey": "nps-2026"}'),
        ("c2", "event_attended", MONDAY - 3 * DAY, '{"event": "webinar-pumps"}'),
        ("c4", "event_attended", MONDAY + 3 * DAY, '{"event": "webinar-pumps"}'),
    )
    for number, (contact, kind, at, properties) in enumerate(moments):
        world.put(
            "events", event_id=f"e{number}", contact_id=contact, kind=kind, at=at.isoformat(), properties=properties
        )
    world.segment("ada", "first_name = 'Ada'")
    for index, (where, _) in enumerate(CONDITIONS):
        world.segment(f"case-{index}", where)
    world.load(MONDAY)
    world.ok("segments", "--json", now=MONDAY)


ALL = "c1 c2 c3 c4 c5 c6"
CONDITIONS = [
    # contact
    ("email_domain = 'acme.example'", "c1"),
    ("first_name = 'Ada' and last_name = 'Ek' and job_title like '%KITCHEN' and role = 'buyer'", "c1"),
    ("language = 'sv-SE' and timezone = 'Europe/Stockholm' and gender = 'f'", "c1"),
    ("lead_score = 7.5 and lifecycle_stage = 'customer'", "c1"),
    ("country = 'SE'", "c1"),
    ("region = 'Europe'", "c1"),
    ("region = 'North America'", "c2"),
    ("region = 'South America'", "c3"),
    ("region = 'Asia'", "c4"),
    ("region = 'Africa'", "c5"),
    ("region = 'Oceania'", "c6"),
    ("days_since_signup = 14", "c1"),
    ("days_since_signup = 13", "c2"),
    ("days_since_signup is null", "c3 c4 c5 c6"),
    ("age = 26", "c1"),
    ("age = 25", "c2"),
    ("consent = 'opted_out'", "c3"),
    ("consent = 'unknown'", "c4"),
    ("not consent = 'opted_in'", "c3 c4"),
    ("not age = 26", "c2"),
    # account
    ("account_name = 'Acme' and industry = 'food' and employees = 49 and annual_revenue = 1000000.50", "c1 c2"),
    ("customer_group = 'chain' and price_list = 'B' and channel = 'wholesale' and legal_form = 'AB'", "c1 c2"),
    ("order_method = 'edi' and payment_terms = '30 days' and delivery_terms = 'DAP'", "c1 c2"),
    ("sales_rep = 'Eva' and cost_to_serve = 'high'", "c1 c2"),
    ("size = 'small'", "c1 c2"),
    ("size = 'medium'", "c3"),
    ("size = 'large'", "c5"),
    ("size is null", "c4 c6"),
    # orders: completed ones count, revenue has the returns too, and what is after now is unknown
    ("orders_total = 3 and revenue_total = 165 and returns_total = 1", "c1"),
    ("orders_this_year = 2 and revenue_this_year = 140 and returns_this_year = 1", "c1"),
    ("orders_last_year = 1 and revenue_last_year = 25 and returns_last_year = 0", "c1"),
    ("orders_this_month = 0 and revenue_this_month = -10", "c1"),
    ("orders_last_month = 0 and revenue_last_month = 0", ALL),
    ("orders_last_30_days = 1 and revenue_last_30_days = 90", "c1"),
    ("orders_last_29_days = 0 and revenue_last_29_days = -10", "c1"),
    ("orders_last_1_days = 1", "c4"),
    ("orders_total = 1 and revenue_total = 5", "c6"),
    ("orders_last_365_days = 0 and revenue_last_365_days = 0", "c3 c5 c6"),
    ("avg_order_value_this_year = 75", "c1"),
    ("avg_order_value_total * 3 = 175", "c1"),
    ("avg_order_value_last_29_days is null", "c1 c2 c3 c5 c6"),
    ("web_share_this_year = 0.5", "c1"),
    ("web_share_total > 0.66 and web_share_total < 0.67", "c1"),
    ("web_share_total = 0", "c2 c4"),
    ("web_share_total is null", "c3 c5"),
    ("days_since_last_order = 30", "c1 c2"),
    ("days_since_last_order = 0", "c4 c6"),
    ("days_since_first_order = 60", "c1"),
    ("days_since_first_order is null", "c3 c5"),
    # account totals
    ("account_orders_total = 5 and account_revenue_total = 1365 and account_returns_total = 1", "c1 c2"),
    ("account_web_share_total = 0.4 and account_avg_order_value_total = 275", "c1 c2"),
    ("account_days_since_last_order = 2 and account_days_since_first_order = 60", "c1 c2"),
    ("account_orders_total = 1", "c4 c6"),
    ("account_revenue_last_2_days = 990", "c1 c2"),
    ("account_orders_total = 0 and account_days_since_last_order is null", "c3 c5"),
    # cart
    ("cart_items = 5 and cart_lines = 2 and cart_value = 36.50", "c1"),
    ("hours_since_cart_change = 4 and hours_since_cart_add = 5", "c1"),
    ("cart_items = 0 and cart_lines = 0 and cart_value = 0 and hours_since_cart_change is null", "c2 c3 c4 c5 c6"),
    # logins and moments
    ("days_since_login = 14", "c1"),
    ("days_since_login >= 14", "c1"),
    ("days_since_login is null", "c3 c4 c5 c6"),
    ("logins_last_14_days = 1", "c1 c2"),
    ("logins_last_13_days = 0", ALL),
    ("days_since('form_submitted') = 3", "c2"),
    ("days_since('call_answered') is null", ALL),
    ("count('page_view', last_30_days) = 2", "c1"),
    ("count('page_view', total) = 3", "c1"),
    ("answered('nps-2026')", "c1"),
    ("attended('webinar-pumps')", "c2"),
    # purchases look at completed orders
    ("bought('category', 'Pumps')", "c1"),
    ("bought('product', 'p2')", "c2"),
    ("bought('brand', 'Best', last_30_days)", ""),
    ("bought('brand', 'Acme', last_30_days)", "c1"),
    # scores: three contacts ordered in the window; c6's order is now, and now is not in it
    ("rfm_score = '454' and rfm_recency = 4 and rfm_frequency = 5 and rfm_monetary = 4", "c1"),
    ("rfm_score = '245'", "c2"),
    ("rfm_score = '542'", "c4"),
    ("rfm_tier = 'vip'", "c1"),
    ("rfm_tier = 'silver'", "c2 c4"),
    ("rfm_score is null and rfm_tier is null", "c3 c5 c6"),
    # others
    ("in_segment('ada')", "c1"),
    ("not in_segment('ada')", "c2 c3 c4 c5 c6"),
    ("interested_in('pumps')", "c1"),
    ("interested_in('pump')", "c3"),
    ("x_points > 3", "c1"),
    ("x_points between 3 and 12", "c1 c2"),
    ("x_vip_since < '2026-01-01'", "c1"),
    ("account_x_zone = 'North' and account_x_credit > 90", "c1 c2"),
    # the language
    ("country in ('SE', 'US') or employees = 50", "c1 c2 c3"),
    ("first_name like 'aDA'", "c1"),
    ("revenue_total - 65 = 100 and orders_total + 1 = 4 and orders_total * 2 = 6 -- a comment", "c1"),
    ("true", ALL),
    ("days_since_login > 14 or not days_since_login > 14", "c1 c2"),
    ("((age != 26)) and age <= 25 and age < 26 and not (age is null)", "c2"),
]


@pytest.mark.parametrize(("number", "where", "expected"), [(n, *one) for n, one in enumerate(CONDITIONS)])
def test_a_condition_is_true_for_exactly_these(wholesaler: World, number: int, where: str, expected: str) -> None:
    found = wholesaler.ok("segments", "members", f"case-{number}", "--json", now=MONDAY).json
    assert [member["contact_id"] for member in found["members"]] == expected.split(), where


def test_a_moment_of_the_past_is_answered_without_being_recorded(wholesaler: World) -> None:
    before = wholesaler.ok("segments", "members", "ada", "--json", now=MONDAY).json
    past = MONDAY - 31 * DAY
    answer = wholesaler.ok("segments", "--json", now=past)
    sizes = {one["name"]: one["size"] for one in answer.json["segments"]}
    then = next(n for n, (where, _) in enumerate(CONDITIONS) if where.startswith("orders_total = 1 and"))
    assert sizes[f"case-{then}"] == 0
    assert answer.json["now"] == "2026-01-30T09:00:00+00:00"
    assert wholesaler.ok("segments", "members", "ada", "--json", now=MONDAY).json == before


def test_every_family_of_the_contract_is_in_the_catalogue(wholesaler: World) -> None:
    fields = wholesaler.ok("fields", "--json", now=MONDAY).json["fields"]
    names = " ".join(field["name"] for field in fields)
    for name in [
        "email_domain",
        "days_since_signup",
        "age",
        "gender",
        "consent",
        "account_name",
        "industry",
        "size",
        "orders_",
        "revenue_",
        "avg_order_value_",
        "web_share_",
        "returns_",
        "days_since_first_order",
        "account_revenue_",
        "cart_items",
        "hours_since_cart_add",
        "days_since_login",
        "logins_",
        "days_since(",
        "count(",
        "answered(",
        "mails_",
        "opens_",
        "clicks_",
        "days_since_open",
        "received(",
        "clicked(",
        "bought(",
        "rfm_recency",
        "rfm_tier",
        "in_segment(",
        "interested_in(",
        "attended(",
        "x_points",
        "account_x_zone",
    ]:
        assert name in names, name
    assert {"name", "type", "unit", "source", "null"} <= fields[0].keys()
    points = next(field for field in fields if field["name"] == "x_points")
    assert points["type"] == "number"
