"""The profile query: values in people's units, scores, and reading no more than is asked."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st
from sqlalchemy import text
from tests.segments.shop import DAY, NOW, Shop, at, settings

from orchestrator.contacts.measures import OrderFigure
from orchestrator.contacts.profile import profile_query
from orchestrator.definitions.values import RfmSettings
from orchestrator.errors import UsageError
from orchestrator.segments.members import profiles

if TYPE_CHECKING:
    from orchestrator.store.database import Database


def profile(database: Database, *names: str, contacts: list[int] | None = None, **other: Any) -> dict[int, Any]:
    with database.read() as connection:
        return dict(profiles(connection, settings(**other), names, now=NOW, contacts=contacts))


def test_values_come_in_peoples_units(database: Database) -> None:
    shop = Shop()
    contact = shop.contact(lead_score=0.5, account=shop.account(annual_revenue_cents=1_234_567_89, employees=70))
    shop.contact(first_name="Åsa")
    for cents in (10_00, 10_00, 10_01):
        shop.order(contact, cents, at(NOW) - DAY, channel="web")
    shop.order(contact, 10_00, at(NOW) - DAY, channel="edi")
    shop.write(database)
    names = (
        "revenue_total",
        "avg_order_value_total",
        "web_share_total",
        "orders_total",
        "lead_score",
        "employees",
        "annual_revenue",
        "first_name",
        "size",
    )
    assert profile(database, *names) == {
        1: dict(
            zip(
                names,
                (Decimal("40.01"), Decimal("10.00"), 0.75, 4, 0.5, 70, Decimal("1234567.89"), None, "medium"),
                strict=True,
            )
        ),
        2: dict(zip(names, (Decimal("0.00"), None, None, 0, None, None, None, "Åsa", None), strict=True)),
    }
    assert isinstance(profile(database, "orders_total")[1]["orders_total"], int)


def test_only_the_contacts_asked_for_are_returned_with_the_same_values(database: Database) -> None:
    shop = Shop()
    account = shop.account()
    for _ in range(4):
        contact = shop.contact(account=account)
        shop.order(contact, 100, at(NOW) - DAY)
        shop.login(contact, at(NOW) - DAY)
    shop.write(database)
    names = ("orders_total", "account_orders_total", "logins_total", "cart_items", "rfm_score")
    everybody = profile(database, *names)
    assert profile(database, *names, contacts=[3, 1]) == {number: everybody[number] for number in (1, 3)}
    assert profile(database, *names, contacts=[]) == {}
    assert everybody[1]["account_orders_total"] == 4


def test_an_unknown_name_is_refused_with_the_nearest(database: Database) -> None:
    with pytest.raises(UsageError, match="Did you mean revenue_total"):
        profile(database, "revnue_total")


def test_a_query_reads_the_tables_of_its_questions_and_no_others() -> None:
    query = profile_query([OrderFigure("revenue", "total")], settings(), now=NOW, dialect="sqlite")
    assert "orders" in query.sql
    assert not any(f" {table} " in query.sql for table in ("account", "cart", "event", "product"))
    assert query.sql.count("SUM(") == 1
    assert "FROM contact" in profile_query([], settings(), now=NOW, dialect="sqlite").sql


def test_orders_events_and_members_are_read_from_covering_indexes(sqlite_database: Database) -> None:
    measures = [OrderFigure(figure, "this_year") for figure in ("orders", "revenue", "web_share")]
    query = profile_query(measures, settings(), now=NOW, dialect="sqlite")
    with sqlite_database.read() as connection:
        plan = connection.execute(text(f"EXPLAIN QUERY PLAN {query.sql}"), dict(query.parameters)).all()
    steps = " | ".join(str(row.detail) for row in plan)
    assert "COVERING INDEX orders_by_contact" in steps
    assert "USE TEMP B-TREE" not in steps


def rfm_by_definition(orders: dict[int, list[tuple[int, int, str]]]) -> dict[int, tuple[int, int, int, str]]:
    """Contact -> (recency, frequency, monetary, tier) of ``orders``: (placed_at, cents, status) in the window."""
    figures = {}
    for contact, rows in orders.items():
        done = [row for row in rows if row[2] == "completed"]
        if done:
            revenue = sum(cents for _, cents, status in rows if status in ("completed", "returned"))
            figures[contact] = (max(at for at, _, _ in done), len(done), revenue)
    n = len(figures)
    scores = {
        contact: tuple(5 - 5 * sum(other[part] > mine[part] for other in figures.values()) // n for part in range(3))
        for contact, mine in figures.items()
    }
    found = {}
    for contact, parts in scores.items():
        share = Decimal(sum(sum(other) > sum(parts) for other in scores.values())) / n
        limits = (("vip", "0.05"), ("gold", "0.2"), ("silver", "0.5"))
        tier = next((name for name, limit in limits if share < Decimal(limit)), "bronze")
        found[contact] = (parts[0], parts[1], parts[2], tier)
    return found


@hypothesis_settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), contacts=st.integers(1, 45))
def test_rfm_scores_rank_everybody_who_ordered_in_the_window(database: Database, seed: int, contacts: int) -> None:
    chance = random.Random(seed)
    shop = Shop()
    now = at(NOW)
    inside: dict[int, list[tuple[int, int, str]]] = {}
    for _ in range(contacts):
        contact = shop.contact()
        for _ in range(chance.randrange(4)):
            moment = now - chance.choice([1, DAY, 90 * DAY, 365 * DAY, 365 * DAY + 1, 0, -DAY])
            status = chance.choice(["completed", "completed", "returned", "cancelled"])
            cents = chance.choice([100, 250]) * (-1 if status == "returned" else 1)
            shop.order(contact, cents, moment, status)
            if now - 365 * DAY <= moment < now:
                inside.setdefault(contact, []).append((moment, cents, status))
    with database.write() as connection:
        connection.execute(text("DELETE FROM orders"))
        connection.execute(text("DELETE FROM contact"))
    shop.write(database)
    names = ("rfm_recency", "rfm_frequency", "rfm_monetary", "rfm_tier", "rfm_score")
    expected = rfm_by_definition(inside)
    for contact, values in profile(database, *names, rfm=RfmSettings()).items():
        if contact in expected:
            recency, frequency, monetary, tier = expected[contact]
            assert tuple(values.values()) == (recency, frequency, monetary, tier, f"{recency}{frequency}{monetary}")
        else:
            assert set(values.values()) == {None}
