"""Two real traders, imported as an ERP would export them; every figure is computed a second time by DuckDB."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from sqlalchemy import text
from tests import real_data
from tests.sources.conftest import NOW, settings

from orchestrator.sources.load import import_sources
from orchestrator.sources.report import TableCounts

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.store.database import Database

pytestmark = pytest.mark.shared


def ours(database: Database, query: str) -> list[tuple[Any, ...]]:
    with database.read() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_northwind_arrives_whole(database: Database, shared: Path, tmp_path: Path) -> None:
    folder = real_data.northwind(shared, tmp_path / "northwind")
    report = import_sources(database, settings(), tmp_path, csv_folder=folder, now=NOW)
    assert not report.rejects
    assert not report.failures
    expected = {"accounts": 91, "contacts": 91, "products": 77, "orders": 830, "order_lines": 2155}
    assert report.tables == {table: TableCounts(read=rows, inserted=rows) for table, rows in expected.items()}

    source = shared / "data" / "northwind"
    revenue = """
        select o.CustomerID, count(distinct o.OrderID),
            sum(d.UnitPrice::decimal(9, 4) * d.Quantity * (1 - d.Discount::decimal(9, 4)))
        from read_csv($1, header = true) o join read_csv($2, header = true, all_varchar = false) d using (OrderID)
        group by 1 order by 1
    """
    with duckdb.connect() as other:
        theirs = other.execute(revenue, [f"{source}/orders.csv", f"{source}/order_details.csv"]).fetchall()
    mine = ours(
        database,
        """
        select account.key, count(*), sum(total_cents) from orders join account on account.id = orders.account
        group by account.key order by account.key
        """,
    )
    assert [row[:2] for row in mine] == [row[:2] for row in theirs]
    for (_, orders, cents), (*_, exact) in zip(mine, theirs, strict=True):
        assert abs(Decimal(cents) / 100 - Decimal(exact)) <= Decimal("0.005") * orders
    assert abs(sum(row[2] for row in mine) - 126579304) <= 415
    assert ours(database, "select name, city from account where key = 'FOLKO'") == [("Folk och fä HB", "Bräcke")]
    assert ours(database, "select count(distinct country) from account") == [(21,)]

    again = import_sources(database, settings(), tmp_path, csv_folder=folder, now=NOW)
    assert again.tables == {table: TableCounts(read=rows, unchanged=rows) for table, rows in expected.items()}


def test_online_retail_arrives_whole(database: Database, shared: Path, tmp_path: Path) -> None:
    folder = real_data.online_retail(shared, tmp_path / "retail")
    report = import_sources(database, settings(), tmp_path, csv_folder=folder, now=NOW)
    assert not report.rejects
    assert not report.failures

    with real_data.open_online_retail(shared) as other:
        lines, invoices, customers, products, pairs = other.execute(
            """
            select count(*), count(distinct invoice), count(distinct customer), count(distinct product),
                count(distinct (invoice, product)) from line
            """
        ).fetchall()[0]
        totals = other.execute(
            """
            select left(invoice, 1) in ('C'), count(distinct invoice), sum(quantity), sum(quantity * price)
            from line where left(invoice, 1) <> 'A' group by 1 order by 1
            """
        ).fetchall()
    assert (lines, invoices, customers) == (711_967, 38_511, 4_998)
    expected = {
        "accounts": customers + 1,
        "contacts": customers,
        "products": products,
        "orders": invoices,
        "order_lines": pairs,
    }
    assert {table: counts.inserted for table, counts in report.tables.items()} == expected
    mine = ours(
        database,
        """
        select status, count(distinct orders.id), sum(total_cents),
            (select sum(quantity) from order_line join orders o on o.id = order_id where o.status = orders.status)
        from orders where status <> 'cancelled' group by status order by status
        """,
    )
    assert [row[0] for row in mine] == ["completed", "returned"]
    for (_, orders, cents, pieces), (_, their_orders, their_pieces, exact) in zip(mine, totals, strict=True):
        assert (orders, pieces) == (their_orders, their_pieces)
        assert abs(Decimal(cents) / 100 - exact) <= Decimal("0.005") * orders
