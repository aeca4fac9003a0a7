"""Two real traders through the ordinary import; who is in which segment is computed a second time by DuckDB."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import duckdb
import pytest
from tests import real_data
from tests.segments.shop import segments, unguarded

from orchestrator.segments.evaluate import members_at, read_members, recompute
from orchestrator.sources.load import import_sources

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.store.database import Database

pytestmark = pytest.mark.shared

SEGMENTS = segments(
    lapsed="orders_total >= 1 and days_since_last_order >= 90",
    big_this_year="revenue_this_year > 5000",
    new="days_since_first_order < 30",
    top_spenders="revenue_total >= 20000 and orders_last_365_days > 3",
    growing="revenue_last_91_days > revenue_last_182_days - revenue_last_91_days",
    best_month="revenue_this_month > revenue_last_month or revenue_this_year > revenue_last_year",
    large_orders="avg_order_value_total > 750.5 and in_segment('lapsed') = false",
)
PER_CUSTOMER = """
    create or replace macro members(moment) as table
    with known as (select * from trade where placed <= moment),
    facts as (
        select c.customer,
            count(*) filter (status = 'completed') orders,
            max(placed) filter (status = 'completed') latest,
            min(placed) filter (status = 'completed') earliest,
            coalesce(sum(total), 0) revenue,
            sum(total) filter (status = 'completed') / count(*) filter (status = 'completed') mean,
            coalesce(sum(total) filter (placed >= date_trunc('year', moment) and placed < moment), 0) this_year,
            coalesce(sum(total) filter (date_trunc('year', placed) = date_trunc('year', moment) - interval 1 year), 0)
                last_year,
            coalesce(sum(total) filter (placed >= date_trunc('month', moment) and placed < moment), 0) this_month,
            coalesce(
                sum(total) filter (date_trunc('month', placed) = date_trunc('month', moment) - interval 1 month), 0
            ) last_month,
            coalesce(sum(total) filter (placed >= moment - interval 91 day and placed < moment), 0) three_months,
            coalesce(sum(total) filter (placed >= moment - interval 182 day and placed < moment), 0) six_months,
            count(*) filter (status = 'completed' and placed >= moment - interval 365 day and placed < moment) in_year
        from customer c left join known using (customer) group by c.customer
    )
    select customer,
        coalesce(latest <= moment - interval 90 day, false) lapsed,
        this_year > 5000 big_this_year,
        coalesce(earliest > moment - interval 30 day, false) as "new",
        revenue >= 20000 and in_year > 3 top_spenders,
        three_months > six_months - three_months growing,
        this_month > last_month or this_year > last_year best_month,
        coalesce(mean > 750.5, false) and not lapsed large_orders
    from facts
"""


def compare(database: Database, other: duckdb.DuckDBPyConnection, moments: list[datetime]) -> None:
    """Recompute at each moment in turn; members, and who entered and left, must be DuckDB's."""
    settings = unguarded(timezone=ZoneInfo("UTC"))
    other.execute(PER_CUSTOMER)
    before: dict[str, set[str]] = {}
    found = dict.fromkeys(SEGMENTS, 0)
    for moment in moments:
        naive = moment.replace(tzinfo=None)
        theirs = {
            name: _column(other.execute(f'select customer from members($1::timestamp) where "{name}"', [naive]))
            for name in SEGMENTS
        }
        outcome = recompute(database, settings, SEGMENTS, now=moment)
        for one in outcome.segments:
            with database.read() as connection:
                mine = {member.contact_id for member in read_members(connection, one.name)}
            assert mine == theirs[one.name], (one.name, moment)
            assert one.size == len(mine)
            found[one.name] += one.size
            if before:
                assert (one.entered, one.left) == (len(mine - before[one.name]), len(before[one.name] - mine))
        before = theirs
    assert all(found.values()), "a segment that was always empty shows nothing"
    # an earlier moment can still be asked for
    earlier = moments[0] + timedelta(hours=1)
    names = other.execute("select customer from members($1::timestamp) where lapsed", [earlier.replace(tzinfo=None)])
    lapsed = members_at(database, settings, SEGMENTS, "lapsed", now=earlier)
    assert {member.contact_id for member in lapsed} == _column(names)


def _column(answer: duckdb.DuckDBPyConnection) -> set[str]:
    return {row[0] for row in answer.fetchall()}


def test_northwind_at_past_moments(database: Database, shared: Path, tmp_path: Path) -> None:
    folder = real_data.northwind(shared, tmp_path / "northwind")
    moments = [
        datetime(1996, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime(1997, 1, 1, tzinfo=UTC),
        datetime(1997, 8, 15, 10, 30, tzinfo=UTC),
        datetime(1998, 2, 1, tzinfo=UTC),
        datetime(1998, 4, 28, 12, tzinfo=UTC),
    ]
    settings = unguarded(timezone=ZoneInfo("UTC"))
    assert not import_sources(database, settings, tmp_path, csv_folder=folder, now=moments[-1]).rejects
    source = shared / "data" / "northwind"
    with duckdb.connect() as other:
        other.execute(
            f"""
            create table customer as select CustomerID customer from read_csv('{source}/customers.csv', header = true);
            create table trade as
            select o.CustomerID customer, o.OrderDate::timestamp placed, 'completed' status,
                round(sum(d.UnitPrice::decimal(9, 4) * d.Quantity * (1 - d.Discount::decimal(9, 4))), 2) total
            from read_csv('{source}/orders.csv', header = true) o
            join read_csv('{source}/order_details.csv', header = true) d using (OrderID)
            group by o.OrderID, o.CustomerID, o.OrderDate
            """
        )
        compare(database, other, moments)


def test_online_retail_at_past_moments(database: Database, shared: Path, tmp_path: Path) -> None:
    folder = real_data.online_retail(shared, tmp_path / "retail")
    for unused in ("order_lines", "products"):
        (folder / f"{unused}.csv").unlink()
    moments = [
        datetime(2010, 3, 1, 9, 0, tzinfo=UTC),
        datetime(2010, 12, 9, 20, 1, tzinfo=UTC),
        datetime(2011, 1, 1, tzinfo=UTC),
        datetime(2011, 5, 31, 15, 53, tzinfo=UTC),
    ]
    settings = unguarded(timezone=ZoneInfo("UTC"))
    assert not import_sources(database, settings, tmp_path, csv_folder=folder, now=moments[-1]).rejects
    with real_data.open_online_retail(shared) as other:
        other.execute(
            """
            create table customer as select distinct customer from line where customer is not null;
            create table trade as
            select min(customer) customer, min(placed) placed,
                case left(invoice, 1) when 'C' then 'returned' else 'completed' end status,
                round(sum(quantity * price), 2) total
            from line where left(invoice, 1) <> 'A' group by invoice
            """
        )
        compare(database, other, moments)
