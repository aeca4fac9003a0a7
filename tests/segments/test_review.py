"""Whether segments still serve: figures over the members, computed a second way, and days of review."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tests.segments.shop import DAY, NOW, Shop, at, segment, settings, unguarded

from orchestrator.definitions.values import Kpi
from orchestrator.segments.evaluate import recompute
from orchestrator.segments.review import Figure, Review, review

if TYPE_CHECKING:
    from orchestrator.store.database import Database

CENTS = (10_000, 25_050, 99)


def reviewed(database: Database, where: str, **other: Any) -> Review:
    definitions = {"some": segment("some", where, **other)}
    recompute(database, unguarded(), definitions, now=NOW)
    with database.read() as connection:
        (found,) = review(connection, settings(), definitions, now=NOW)
    return found


def stocked(database: Database) -> None:
    """Three members with an order each, a fourth contact who is none."""
    shop = Shop()
    for cents in CENTS:
        contact = shop.contact(country="SE", lead_score=1.5)
        shop.order(contact, cents, at(NOW) - DAY)
        shop.order(contact, 3 * cents, at(NOW) - 2 * DAY)
    shop.contact(country="DE", lead_score=100.0)
    shop.contact(country="SE")
    shop.write(database)


def test_a_key_figure_is_the_mean_over_the_members(database: Database) -> None:
    stocked(database)
    found = reviewed(database, "country = 'SE'", kpi=Kpi("revenue_last_90_days", 100, "up"))
    total = sum(4 * cents for cents in CENTS)
    assert found.size == 4
    assert found.figure == Figure(
        "revenue_last_90_days", 100, "up", (Decimal(total) / 400).quantize(Decimal("0.01")), 4, met=True
    )


def test_members_whose_value_is_unknown_do_not_count_in_the_mean(database: Database) -> None:
    stocked(database)
    found = reviewed(database, "country = 'SE'", kpi=Kpi("avg_order_value_total", 1_000_000, "down"))
    assert found.figure is not None
    assert (found.figure.known, found.figure.met) == (3, True)
    assert abs(float(str(found.figure.mean)) - sum(2 * cents for cents in CENTS) / 300) < 0.01
    measured = reviewed(database, "country = 'SE'", kpi=Kpi("lead_score", 2, "up")).figure
    assert measured is not None
    assert (measured.mean, measured.known, measured.met) == (1.5, 3, False)


def test_a_target_that_is_reached_exactly_is_met(database: Database) -> None:
    stocked(database)
    for direction in ("up", "down"):
        found = reviewed(database, "country = 'SE'", kpi=Kpi("orders_total", 1.5, direction)).figure
        assert found is not None
        assert found.met


def test_nobody_in_or_nobody_known_is_no_figure_and_no_fault(database: Database) -> None:
    stocked(database)
    found = reviewed(database, "country = 'FI'", kpi=Kpi("orders_total", 1, "up"))
    assert found.size == 0
    assert found.figure == Figure("orders_total", 1, "up", None, 0, met=None)
    assert reviewed(database, "true", kpi=Kpi("no_such_field", 1, "up")).figure is None


def test_a_segment_that_was_never_computed_is_listed_without_a_size(database: Database) -> None:
    with database.read() as connection:
        (found,) = review(connection, settings(), {"new": segment("new", "true")}, now=NOW)
    assert (found.name, found.size, found.figure) == ("new", None, None)


def test_the_day_of_review_itself_is_in_time_by_business_time(database: Database) -> None:
    today = date(2026, 3, 30)
    assert not reviewed(database, "true", review_by=today).overdue
    assert reviewed(database, "true", review_by=today - timedelta(days=1)).overdue
    assert not reviewed(database, "true").overdue
