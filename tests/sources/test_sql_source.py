"""A database as a source: an ERP in SQLite, asked through its queries, imported into each kind of database."""

from __future__ import annotations

import sqlite3
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, text
from tests.sources.conftest import NOW, settings

from orchestrator.definitions.values import SqlSource, SqlTable
from orchestrator.sources import journal
from orchestrator.sources.load import import_sources
from orchestrator.sources.report import TableCounts

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.engine import URL

    from orchestrator.sources.report import ImportReport
    from orchestrator.store.database import Database

CUSTOMERS = SqlTable("select customer_no as account_id, name, points from customers")
ORDERS = SqlTable(
    "select no as order_id, customer_no as account_id, at as placed_at, total, changed_at from sales "
    "where changed_at > :since order by changed_at",
    watermark="changed_at",
)


class Shop:
    """An ERP's database, and the source that reads it."""

    def __init__(self, file: Path, database: Database) -> None:
        self.file = file
        self.database = database
        self.run(
            "create table customers (customer_no integer, name text, points real)",
            "create table sales (no text, customer_no integer, at text, total real, changed_at text)",
            "insert into customers values (1, 'Pumps', 1.5), (2, 'Valves', null)",
            "insert into sales values ('O1', 1, '2026-01-31', 99.5, '2026-01-31 09:00'), "
            "('O2', 2, '2026-02-01', 10, '2026-02-01 09:00')",
        )

    def run(self, *statements: str) -> None:
        with sqlite3.connect(self.file) as connection:
            for statement in statements:
                connection.execute(statement)
        connection.close()

    def load(self, url: str = "sqlite:///erp.db", **tables: SqlTable) -> ImportReport:
        source = SqlSource("erp", url, tables or {"accounts": CUSTOMERS, "orders": ORDERS})
        return import_sources(self.database, settings(source), self.file.parent, now=NOW)

    def watermark(self, table: str = "orders") -> object:
        with self.database.read() as connection:
            return journal.read_watermark(connection, "erp", table)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with self.database.read() as connection:
            return [tuple(row) for row in connection.execute(text(query))]


@pytest.fixture
def shop(database: Database, tmp_path: Path) -> Shop:
    return Shop(tmp_path / "erp.db", database)


def test_queries_fill_the_tables_that_their_columns_are_named_after(shop: Shop) -> None:
    report = shop.load()
    assert not report.failures
    assert report.tables == {
        "accounts": TableCounts(read=2, inserted=2),
        "orders": TableCounts(read=2, inserted=2),
    }
    assert shop.rows("select key, name from account order by key") == [("1", "Pumps"), ("2", "Valves")]
    assert shop.rows("select key, total_cents from orders order by key") == [("O1", 9950), ("O2", 1000)]
    extra = shop.rows("select extra from account order by key")[0][0]
    assert extra in ({"points": "1.5"}, '{"points":"1.5"}')


def test_only_what_changed_is_read_the_next_time(shop: Shop) -> None:
    shop.load()
    assert shop.watermark() == "2026-02-01 09:00"
    report = shop.load()
    assert report.tables["orders"] == TableCounts()
    assert not report.failures
    shop.run(
        "update sales set total = 11, changed_at = '2026-02-02 09:00' where no = 'O2'",
        "insert into sales values ('O3', 1, '2026-02-03', 5, '2026-02-03 09:00')",
    )
    assert shop.load().tables["orders"] == TableCounts(read=2, inserted=1, updated=1)
    assert shop.watermark() == "2026-02-03 09:00"


def test_a_watermark_column_is_no_custom_field(shop: Shop) -> None:
    shop.load()
    assert shop.rows("select distinct cast(extra as text) from orders") == [("{}",)]


def test_rising_numbers_are_watermarks_too(shop: Shop) -> None:
    shop.run("create table clicks (id integer primary key, who integer)", "insert into clicks (who) values (1), (2)")
    clicks = SqlTable("select 'K' || id as account_id, id from clicks where id > :since", watermark="ID")
    assert shop.load(accounts=clicks).tables["accounts"].inserted == 2
    assert shop.watermark("accounts") == 2
    shop.run("insert into clicks (who) values (1)")
    assert shop.load(accounts=clicks).tables["accounts"] == TableCounts(read=1, inserted=1)


def test_a_rejected_row_is_named_by_query_and_row_number(shop: Shop) -> None:
    shop.run("insert into sales values ('O3', 9, '2026-02-03', 5, '2026-02-03'), ('O4', 1, 'x', 5, '2026-02-04')")
    rejects = shop.load().rejects
    assert [(reject.file, reject.line, reject.column) for reject in rejects] == [
        ("erp.orders", 3, "account_id"),
        ("erp.orders", 4, "placed_at"),
    ]


def test_after_a_failed_table_those_that_refer_to_it_are_read_again(shop: Shop) -> None:
    broken = SqlTable("select customer_no as account_id from nowhere")
    report = shop.load(accounts=broken, orders=ORDERS)
    assert [failure.table for failure in report.failures] == ["accounts"]
    assert "nowhere" in report.failures[0].message
    assert report.tables["orders"].rejected == 2
    assert shop.watermark() is None
    assert shop.load().tables["orders"].inserted == 2


def test_a_broken_query_changes_nothing_and_stops_no_other(shop: Shop) -> None:
    shop.load()
    report = shop.load(accounts=CUSTOMERS, orders=SqlTable("selec 1"))
    assert [(failure.source, failure.table) for failure in report.failures] == [("erp", "orders")]
    assert report.tables["accounts"].unchanged == 2
    assert shop.rows('select failure is null from source_table order by "table"') == [(True,), (False,)]


def test_a_whole_query_without_rows_is_refused_while_rows_are_held(shop: Shop) -> None:
    shop.load()
    shop.run("delete from customers")
    (failure,) = shop.load().failures
    assert failure.refused
    assert "erp.accounts gives no rows" in failure.message


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (SqlTable("select 1 as account_id where 1 > :since"), "uses :since"),
        (SqlTable("select 1 as account_id", watermark="changed"), 'gives no column "changed"'),
        (SqlTable("select 1 as account_no"), 'required column "account_id" is missing'),
        (SqlTable("select 1 as account_id where 1 = :other"), "the query failed"),
        (SqlTable("delete from customers"), "has to be a select"),
    ],
)
def test_queries_that_cannot_work_say_why(shop: Shop, asked: SqlTable, message: str) -> None:
    (failure,) = shop.load(accounts=asked).failures
    assert message in failure.message


def test_a_table_that_does_not_exist_is_a_failure(shop: Shop) -> None:
    (failure,) = shop.load(invoices=CUSTOMERS).failures
    assert failure.message.startswith('there is no table "invoices"; there are accounts, contacts')


def test_urls_are_read_where_they_are_kept(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "erp-url").write_text("sqlite:///erp.db\n")
    assert not shop.load("file:erp-url").failures
    monkeypatch.setenv("ERP_URL", "sqlite:///erp.db")
    assert not shop.load("env:ERP_URL").failures


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("env:ERP_URL_NOT_SET", "needs the environment variable ERP_URL_NOT_SET"),
        ("file:absent", "the file absent cannot be read"),
        ("not a url", "is not a database address"),
        ("sqlite:///absent.db", "there is no database file"),
        ("nosuchdatabase://x/y", "which is no database that we know"),
        ("mysql+pymysql://erp:hunter2@h/x", 'needs the Python package "pymysql"'),
        ("postgresql+psycopg://erp:hunter2@127.0.0.1:1/erp?connect_timeout=2", "cannot be reached"),
    ],
)
def test_a_source_that_cannot_be_opened_is_one_failure_without_its_password(shop: Shop, url: str, message: str) -> None:
    (failure,) = shop.load(url).failures
    assert failure.table == ""
    assert message in failure.message
    assert "hunter2" not in failure.message
    assert not (shop.file.parent / "absent.db").exists()


def test_one_source_that_is_down_does_not_stop_another(shop: Shop, tmp_path: Path) -> None:
    sources = (
        SqlSource("down", "sqlite:///absent.db", {"contacts": CUSTOMERS}),
        SqlSource("erp", "sqlite:///erp.db", {"accounts": CUSTOMERS}),
    )
    report = import_sources(shop.database, settings(*sources), tmp_path, now=NOW)
    assert [failure.source for failure in report.failures] == ["down"]
    assert report.tables["accounts"].inserted == 2
    only = import_sources(shop.database, settings(*sources), tmp_path, source="erp", now=NOW)
    assert not only.failures


@pytest.mark.postgres
def test_a_postgresql_source_gives_times_and_amounts_as_they_are(
    sqlite_database: Database, postgres_server: URL, tmp_path: Path
) -> None:
    url = postgres_server.render_as_string(hide_password=False)
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("create table erp_order (no int, total numeric(12,3), at timestamptz, day date)"))
        values = [
            {"no": 1, "total": Decimal("10.500"), "at": datetime.fromisoformat("2026-02-01T09:00:00.5Z")},
            {"no": 2, "total": Decimal("10.505"), "at": datetime.fromisoformat("2026-02-02T09:00:00Z")},
        ]
        day = date(2026, 1, 31)
        for row in values:
            connection.execute(text("insert into erp_order values (:no, :total, :at, :day)"), {**row, "day": day})
    asked = SqlTable(
        "select no as order_id, 'A1' as account_id, day as placed_at, total, at from erp_order where at > :since",
        watermark="at",
    )
    accounts = SqlTable("select 'A1' as account_id where :since < 5 or true", watermark="account_id")
    source = SqlSource("erp", url, {"accounts": accounts, "orders": asked})
    try:
        report = import_sources(sqlite_database, settings(source), tmp_path, now=NOW)
        again = import_sources(sqlite_database, settings(source), tmp_path, now=NOW)
    finally:
        with engine.begin() as connection:
            connection.execute(text("drop table erp_order"))
        engine.dispose()
    assert not report.failures
    assert [(reject.line, reject.column) for reject in report.rejects] == [(2, "total")]
    with sqlite_database.read() as connection:
        assert connection.execute(text("select total_cents, placed_at from orders")).all() == [(1050, 1769814000)]
        mark = journal.read_watermark(connection, "erp", "orders")
    assert mark == datetime.fromisoformat("2026-02-02T09:00:00Z")
    assert again.tables["orders"] == TableCounts()
