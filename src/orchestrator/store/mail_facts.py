"""What a template may print of a contact: the rows behind ``contact``, ``account``, ``cart`` and ``orders``."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from orchestrator.clock import from_epoch
from orchestrator.store.mail_names import ACCOUNT, CONTACT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.engine import Connection

LATEST_ORDERS = 50
"""orders that a template sees, newest first"""


def cents(value: int | None) -> Decimal | None:
    """Hundredths -> exact money."""
    return None if value is None else Decimal(value).scaleb(-2)


def contact_rows(connection: Connection, contacts: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Contact id -> its columns under the names of the canonical table, custom ones as ``x_NAME``."""
    found = {}
    for values in _rows(connection, "contact", ("account", "email_key", *CONTACT), contacts):
        values["contact_id"] = values.pop("key")
        values["interests"] = [word for word in (values["interests"] or "").split(";") if word]
        for moment in ("created_at", "consent_at"):
            values[moment] = None if values[moment] is None else from_epoch(values[moment])
        found[values["id"]] = values
    return found


def account_rows(connection: Connection, accounts: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Account id -> its columns under the names of the canonical table, custom ones as ``x_NAME``."""
    found = {}
    for values in _rows(connection, "account", ACCOUNT, accounts):
        values["account_id"] = values.pop("key")
        values["annual_revenue"] = cents(values.pop("annual_revenue_cents"))
        found[values["id"]] = values
    return found


def _rows(connection: Connection, table: str, columns: Sequence[str], ids: Sequence[int]) -> Iterator[dict[str, Any]]:
    # contacts without an account ask for none, and PostgreSQL knows no empty list
    marks = ", ".join(str(int(one)) for one in ids) or "NULL"
    query = text(f"SELECT id, {', '.join(columns)}, extra FROM {table} WHERE id IN ({marks})")
    for row in connection.execute(query).mappings():
        values = dict(row)
        extra = values.pop("extra")
        # JSON is a text in SQLite, and a mapping already in PostgreSQL
        extra = json.loads(extra) if isinstance(extra, str) else extra
        yield values | {f"x_{name}": value for name, value in (extra or {}).items()}


def carts(connection: Connection, contacts: Sequence[int], now: int) -> dict[int, dict[str, Any]]:
    """Contact id -> ``lines`` of all its open carts (latest cart first), ``total``, ``url`` of the latest cart."""
    marks = ", ".join(str(int(contact)) for contact in contacts)
    query = text(
        "SELECT c.contact, c.url, p.key AS product_id, coalesce(p.name, p.key) AS name, p.category, p.brand, "
        "p.url AS product_url, p.image_url, l.quantity, coalesce(l.unit_price_cents, p.price_cents) AS price "
        "FROM cart c LEFT JOIN cart_line l ON l.cart = c.id AND l.quantity > 0 "
        "LEFT JOIN product p ON p.id = l.product "
        f"WHERE c.contact IN ({marks}) AND c.status = 'open' AND coalesce(c.modified_at, 0) <= :now "
        "ORDER BY c.contact, coalesce(c.modified_at, 0) DESC, c.id DESC, p.key"
    )
    found: dict[int, dict[str, Any]] = defaultdict(lambda: {"lines": [], "total": Decimal(0), "url": None})
    for row in connection.execute(query, {"now": now}):
        cart = found[row.contact]
        cart["url"] = cart["url"] or row.url
        if row.product_id is None:
            continue
        price = cents(row.price)
        total = None if price is None else price * row.quantity
        cart["lines"].append(
            {
                "product_id": row.product_id,
                "name": row.name,
                "category": row.category,
                "brand": row.brand,
                "url": row.product_url,
                "image_url": row.image_url,
                "quantity": row.quantity,
                "unit_price": price,
                "total": total,
            }
        )
        cart["total"] += total or Decimal(0)
    return dict(found)


def orders(connection: Connection, contacts: Sequence[int], now: int) -> dict[int, list[dict[str, Any]]]:
    """Contact id -> its latest orders, newest first."""
    marks = ", ".join(str(int(contact)) for contact in contacts)
    query = text(
        "SELECT * FROM (SELECT contact, key AS order_id, placed_at, status, channel, currency, total_cents, "
        "discount_cents, coupon, row_number() OVER (PARTITION BY contact ORDER BY placed_at DESC, id DESC) AS place "
        f"FROM orders WHERE contact IN ({marks}) AND placed_at <= :now) o "
        "WHERE place <= :latest ORDER BY contact, place"
    )
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in connection.execute(query, {"now": now, "latest": LATEST_ORDERS}):
        found[row.contact].append(
            {
                "order_id": row.order_id,
                "placed_at": from_epoch(row.placed_at),
                "status": row.status,
                "channel": row.channel,
                "currency": row.currency,
                "total": cents(row.total_cents),
                "discount": cents(row.discount_cents),
                "coupon": row.coupon,
            }
        )
    return dict(found)
