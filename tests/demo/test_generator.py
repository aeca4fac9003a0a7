"""The invented wholesaler: the same every time, whole, and like a real one where it matters."""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from orchestrator.demo import Counts, write_wholesaler
from orchestrator.demo.catalogue import INDUSTRIES, assortment, products
from orchestrator.demo.tables import COLUMNS
from orchestrator.sources.canonical import TABLES

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 23, 9, 5, tzinfo=ZoneInfo("Europe/Stockholm"))
Rows = list[dict[str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wholesaler") / "data"
    write_wholesaler(folder, now=NOW)
    return folder


@pytest.fixture(scope="module")
def tables(folder: Path) -> dict[str, Rows]:
    return {name: rows(folder, name) for name in COLUMNS}


def rows(folder: Path, table: str) -> Rows:
    with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def keys(table: Rows, column: str) -> set[str]:
    return {row[column] for row in table}


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_wholesaler(tmp_path / name, now=NOW, contacts=120, companies=40)
    for table in COLUMNS:
        assert (tmp_path / "one" / f"{table}.csv").read_bytes() == (tmp_path / "two" / f"{table}.csv").read_bytes()


def test_another_seed_gives_other_customers(tmp_path: Path) -> None:
    write_wholesaler(tmp_path / "one", now=NOW, contacts=50, companies=20)
    write_wholesaler(tmp_path / "two", now=NOW, contacts=50, companies=20, seed=8)
    assert keys(rows(tmp_path / "one", "contacts"), "email") != keys(rows(tmp_path / "two", "contacts"), "email")


def test_a_moment_without_a_time_zone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="time zone"):
        write_wholesaler(tmp_path, now=NOW.replace(tzinfo=None))


@pytest.mark.parametrize(("contacts", "companies"), [(1, 1), (7, 600), (150, 3), (400, 130)])
def test_there_are_exactly_as_many_contacts_as_asked_for(tmp_path: Path, contacts: int, companies: int) -> None:
    counts = write_wholesaler(tmp_path, now=NOW, contacts=contacts, companies=companies)
    assert counts.contacts == contacts
    assert 1 <= counts.accounts <= min(contacts, companies)


def test_counts_are_those_of_the_files(tmp_path: Path) -> None:
    counts = write_wholesaler(tmp_path, now=NOW, contacts=60, companies=20)
    assert counts == Counts(**{table: len(rows(tmp_path, table)) for table in COLUMNS})


def test_columns_are_the_canonical_ones_and_one_of_our_own() -> None:
    for name, table in TABLES.items():
        known = {column.name for column in table.columns}
        assert set(COLUMNS[name]) - known == ({"points"} if name == "contacts" else set())


def test_every_row_has_a_key_of_its_own_and_what_it_refers_to_exists(tables: dict[str, Rows]) -> None:
    for name, table in TABLES.items():
        found = [tuple(row[column] for column in table.key) for row in tables[name]]
        assert len(set(found)) == len(found)
        for column in table.columns:
            if column.refers_to and column.name in COLUMNS[name]:
                target = TABLES[column.refers_to].key[0]
                assert keys(tables[name], column.name) - {""} <= keys(tables[column.refers_to], target)


def test_an_order_is_of_the_company_of_its_contact(tables: dict[str, Rows]) -> None:
    company = {row["contact_id"]: row["account_id"] for row in tables["contacts"]}
    assert all(company[row["contact_id"]] == row["account_id"] for row in tables["orders"] if row["contact_id"])
    assert all(row["contact_id"] or row["account_id"] for row in tables["orders"])


def test_addresses_are_reserved_ones_and_nobody_shares_one(tables: dict[str, Rows]) -> None:
    addresses = [row["email"] for row in tables["contacts"]]
    assert len(set(addresses)) == len(addresses)
    assert all(re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)*@[a-z0-9-]+\.example", address) for address in addresses)
    assert not any(".." in address or "-@" in address or "--" in address for address in addresses)


def test_totals_are_lines_less_discount_to_the_cent(tables: dict[str, Rows]) -> None:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for line in tables["order_lines"]:
        sums[line["order_id"]] += int(line["quantity"]) * Decimal(line["unit_price"])
    for order in tables["orders"]:
        assert Decimal(order["total"]) == sums[order["order_id"]] - Decimal(order["discount"] or 0)
        assert (Decimal(order["total"]) < 0) == (order["status"] == "returned")
        assert bool(order["coupon"]) == bool(order["discount"])


def test_money_has_two_decimals(tables: dict[str, Rows]) -> None:
    for table, columns in (
        ("accounts", ["annual_revenue"]),
        ("products", ["price"]),
        ("orders", ["total", "discount"]),
        ("order_lines", ["unit_price"]),
        ("cart_lines", ["unit_price"]),
    ):
        values = {row[column] for row in tables[table] for column in columns} - {""}
        assert all(re.fullmatch(r"-?\d+\.\d\d", value) for value in values)


def test_nothing_is_later_than_now(tables: dict[str, Rows]) -> None:
    for table, column in (
        ("contacts", "created_at"),
        ("contacts", "consent_at"),
        ("orders", "placed_at"),
        ("carts", "modified_at"),
        ("carts", "last_added_at"),
        ("events", "at"),
    ):
        assert all(datetime.fromisoformat(row[column]) < NOW for row in tables[table] if row[column])


def test_a_tenth_of_the_companies_brings_most_of_the_revenue(tables: dict[str, Rows]) -> None:
    revenue: Counter[str] = Counter()
    for order in tables["orders"]:
        revenue[order["account_id"]] += int(Decimal(order["total"]))
    top = sorted(revenue.values(), reverse=True)
    assert 0.4 < sum(top[:60]) / sum(top) < 0.8


def test_orders_come_by_every_channel_and_large_companies_use_edi(tables: dict[str, Rows]) -> None:
    employees = {row["account_id"]: int(row["employees"]) for row in tables["accounts"]}
    channels = Counter(row["channel"] for row in tables["orders"])
    assert set(channels) == {"web", "edi", "phone", "sales_rep", "store"}
    assert min(channels.values()) > 0.04 * channels.total()
    assert all(employees[row["account_id"]] >= 50 for row in tables["orders"] if row["channel"] == "edi")


def test_business_grows_and_builders_rest_in_winter(tables: dict[str, Rows]) -> None:
    industry = {row["account_id"]: row["industry"] for row in tables["accounts"]}
    months: Counter[str] = Counter()
    building: Counter[str] = Counter()
    for order in tables["orders"]:
        months[order["placed_at"][:7]] += 1
        if industry.get(order["account_id"]) == "construction" and Decimal(order["total"]) < 20_000:
            building[order["placed_at"][:7]] += int(Decimal(order["total"]))
    assert sum(months[f"2026-{month:02}"] for month in (8, 9, 10)) > sum(
        months[f"2025-{month:02}"] for month in (8, 9, 10)
    )
    assert building["2026-05"] + building["2026-06"] > building["2026-01"] + building["2026-02"]


def test_most_contacts_agreed_to_mail_and_some_did_not(tables: dict[str, Rows]) -> None:
    consent = Counter(row["consent"] for row in tables["contacts"])
    assert 0.7 < consent["opted_in"] / consent.total() < 0.9
    assert min(consent["opted_out"], consent["unknown"]) > 50
    assert all(bool(row["consent_at"]) == (row["consent"] != "unknown") for row in tables["contacts"])


def test_names_and_languages_are_those_of_europe(tables: dict[str, Rows]) -> None:
    languages = Counter(row["language"].partition("-")[0] for row in tables["contacts"])
    assert min(languages["sv"], languages["de"], languages["en"]) > 100
    people = {row["last_name"] for row in tables["contacts"]}
    companies = {row["name"] for row in tables["accounts"]}
    assert any("'" in name for name in people)
    assert any("Ö" in name or "ü" in name for name in people)
    assert any(" & " in name for name in companies)
    assert any("'" in name for name in companies)


def test_some_contacts_stand_alone_and_some_companies_have_many(tables: dict[str, Rows]) -> None:
    sizes = Counter(row["account_id"] for row in tables["contacts"])
    assert sizes.pop("") >= 20
    assert max(sizes.values()) >= 15
    assert sizes.total() / len(sizes) > 2.5


def test_yesterdays_carts_are_many_and_old_ones_few(tables: dict[str, Rows]) -> None:
    agreed = {row["contact_id"] for row in tables["contacts"] if row["consent"] == "opted_in"}
    idle = [
        NOW - datetime.fromisoformat(row["modified_at"])
        for row in tables["carts"]
        if row["status"] == "open" and row["contact_id"] in agreed
    ]
    assert sum(timedelta(hours=4) <= age < timedelta(hours=28) for age in idle) >= 30
    assert sum(age >= timedelta(days=3) for age in idle) >= 10
    filled = keys(tables["cart_lines"], "cart_id")
    assert all(row["cart_id"] in filled for row in tables["carts"] if row["status"] == "open")


@pytest.mark.parametrize(
    "now",
    [NOW, datetime(2027, 1, 4, 10, 0, tzinfo=ZoneInfo("Europe/Stockholm")), datetime(2026, 7, 1, 22, 30, tzinfo=UTC)],
    ids=["autumn", "the first working day of a year", "summer"],
)
def test_a_few_european_customers_leave_a_big_cart_idle(tmp_path: Path, now: datetime) -> None:
    write_wholesaler(tmp_path, now=now)
    contacts = {row["contact_id"]: row for row in rows(tmp_path, "contacts")}
    year = datetime(now.year, 1, 1, tzinfo=now.tzinfo)
    revenue: dict[str, Decimal] = defaultdict(Decimal)
    for order in rows(tmp_path, "orders"):
        if order["status"] in {"completed", "returned"} and datetime.fromisoformat(order["placed_at"]) >= year:
            revenue[order["contact_id"]] += Decimal(order["total"])
    owner = {row["cart_id"]: row["contact_id"] for row in rows(tmp_path, "carts") if row["status"] == "open"}
    pieces: Counter[str] = Counter()
    for line in rows(tmp_path, "cart_lines"):
        if line["cart_id"] in owner:
            pieces[owner[line["cart_id"]]] += int(line["quantity"])
    login: dict[str, datetime] = {}
    for event in rows(tmp_path, "events"):
        if event["kind"] == "login":
            at = datetime.fromisoformat(event["at"])
            login[event["contact_id"]] = max(at, login.get(event["contact_id"], at))
    found = [
        contact
        for contact, row in contacts.items()
        if row["country"] != "US"
        and row["consent"] == "opted_in"
        and revenue[contact] > 50_000
        and pieces[contact] > 15
        and now - login.get(contact, now) >= timedelta(days=14)
    ]
    assert 3 <= len(found) <= 30


def test_there_are_products_for_every_industry() -> None:
    assert len(INDUSTRIES) == 6
    assert all(len(assortment(industry)) == 16 for industry in INDUSTRIES)
    assert all(product.cents > 0 and product.url.startswith("https://shop.") for product in products())
