"""Public data that nobody of us made, as folders of canonical CSV files: what an ERP would export of it.

The data has no addresses; customers get one under the reserved ``.example``.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

import duckdb

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

CENT = Decimal("0.01")


def write_csv(file: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A CSV file as the product expects it; None becomes an empty cell."""
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def northwind(shared: Path, folder: Path) -> Path:
    """91 companies with a contact each, 77 products, 830 orders with 2,155 lines; prices in USD."""
    folder.mkdir(parents=True, exist_ok=True)
    customers = _read(shared, "customers")
    write_csv(
        folder / "accounts.csv",
        ["account_id", "name", "country", "city", "postcode", "phone"],
        (
            [row[name] for name in ("CustomerID", "CompanyName", "Country", "City", "PostalCode", "Phone")]
            for row in customers
        ),
    )
    write_csv(
        folder / "contacts.csv",
        ["contact_id", "account_id", "email", "first_name", "last_name", "job_title", "country", "consent"],
        (_northwind_contact(row) for row in customers),
    )
    categories = {row["CategoryID"]: row["CategoryName"] for row in _read(shared, "categories")}
    write_csv(
        folder / "products.csv",
        ["product_id", "name", "category", "price"],
        (
            [row["ProductID"], row["ProductName"], categories[row["CategoryID"]], row["UnitPrice"]]
            for row in _read(shared, "products")
        ),
    )
    lines = _read(shared, "order_details")
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for line in lines:
        price = Decimal(line["UnitPrice"]) * Decimal(line["Quantity"])
        totals[line["OrderID"]] += price * (1 - Decimal(line["Discount"]))
    write_csv(
        folder / "orders.csv",
        ["order_id", "contact_id", "placed_at", "currency", "total"],
        (
            [
                row["OrderID"],
                row["CustomerID"],
                row["OrderDate"],
                "USD",
                totals[row["OrderID"]].quantize(CENT, ROUND_HALF_UP),
            ]
            for row in _read(shared, "orders")
        ),
    )
    write_csv(
        folder / "order_lines.csv",
        ["order_id", "product_id", "quantity", "unit_price"],
        ([line["OrderID"], line["ProductID"], line["Quantity"], line["UnitPrice"]] for line in lines),
    )
    return folder


def _read(shared: Path, name: str) -> list[Mapping[str, str]]:
    with (shared / "data" / "northwind" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _northwind_contact(row: Mapping[str, str]) -> list[str]:
    key = row["CustomerID"]
    first, _, last = row["ContactName"].partition(" ")
    address = f"{key}@{key}.example".lower()
    return [key, key, address, first, last, row["ContactTitle"], row["Country"], "opted_in"]


def open_online_retail(shared: Path) -> duckdb.DuckDBPyConnection:
    """The table ``line``: 711,967 invoice lines, the part that stands in both sheets taken once."""
    file = shared / "data" / "online_retail_ii" / "orders_2009-12_to_2011-05.csv.gz"
    connection = duckdb.connect()
    connection.execute(
        """
        create table raw as select Sheet sheet, Invoice invoice, StockCode product, Description description,
            Quantity quantity, InvoiceDate placed, Price price, "Customer ID" customer, Country country
        from read_csv($1, header = true, all_varchar = true)
        """,
        [str(file)],
    )
    connection.execute(
        """
        create table line as
        select sheet, invoice, trim(product) product, trim(description) description,
            quantity::bigint quantity, placed::timestamp placed,
            price::decimal(18, 3) price, customer, country
        from raw
        where sheet = '2009-2010' or invoice not in (select invoice from raw where sheet = '2009-2010')
        """
    )
    return connection


def online_retail(shared: Path, folder: Path) -> Path:
    """Every customer is an account with one contact; invoices without a customer belong to the account GUEST.

    ``C`` invoices are returns, ``A`` invoices cancelled. Lines of one article in one invoice are added up, with the
    price of the dearest, to the cent.
    """
    folder.mkdir(parents=True, exist_ok=True)
    connection = open_online_retail(shared)
    country = """case when min(country) in ('Channel Islands', 'European Community', 'Unspecified', 'West Indies')
        then null when min(country) = 'RSA' then 'South Africa'
        when min(country) = 'Korea' then 'South Korea' else min(country) end"""
    answers = {
        "accounts": f"""
            select customer account_id, 'Customer ' || customer as name, {country} country
            from line where customer is not null group by customer
            union all select 'GUEST', 'Walk-in customers', null order by 1""",
        "contacts": f"""
            select customer contact_id, customer account_id, {country} country, 'opted_in' consent,
                'buyer' || customer || '@customer' || customer || '.example' as email
            from line where customer is not null group by customer order by 1""",
        "products": """
            select product product_id, max(description) as name, round(max(price), 2) price
            from line group by product order by 1""",
        "orders": """
            select invoice order_id, min(customer) contact_id,
                case when min(customer) is null then 'GUEST' end account_id,
                strftime(min(placed), '%Y-%m-%dT%H:%M:%S') placed_at,
                case left(invoice, 1) when 'C' then 'returned' when 'A' then 'cancelled' else 'completed' end status,
                'GBP' currency, round(sum(quantity * price), 2)::decimal(18, 2) total
            from line group by invoice order by min(placed), invoice""",
        "order_lines": """
            select invoice order_id, product product_id, sum(quantity) quantity, round(max(price), 2) unit_price
            from line group by invoice, product order by min(placed), 1, 2""",
    }
    for table, query in answers.items():
        connection.execute(f"copy ({query}) to '{folder / table}.csv' (header, delimiter ',')")
    connection.close()
    return folder
