"""A shop as plain Python values: written to a database for the code under test, computed by loops for comparison.

``Oracle`` follows product.md section 4 sentence by sentence and shares nothing with the product but the names.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import insert

from orchestrator.definitions.values import (
    GuardSettings,
    MailchimpSettings,
    SegmentDefinition,
    SegmentGuards,
    Settings,
)
from orchestrator.store import tables

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.store.database import Database

STOCKHOLM = ZoneInfo("Europe/Stockholm")
NOW = datetime(2026, 3, 30, 9, 0, tzinfo=STOCKHOLM)
"""the day after the clocks went forward"""
HOUR, DAY = 3_600, 86_400


def settings(**other: Any) -> Settings:
    return Settings(
        MailchimpSettings("env:KEY", "aud", "Nordic", "hello@nordic.example"), **{"timezone": STOCKHOLM, **other}
    )


def segment(name: str, where: str, **other: Any) -> SegmentDefinition:
    return SegmentDefinition(name, f"segments/{name}.toml", where, 2, 1, **other)


def segments(**where: str) -> dict[str, SegmentDefinition]:
    """``segments(gold="revenue_total > 5")``; an underscore in a name stays one."""
    return {name: segment(name, text) for name, text in where.items()}


def unguarded(**other: Any) -> Settings:
    return settings(guards=GuardSettings(min_size=10**9), **other)


def small_guards(**other: Any) -> SegmentGuards:
    return SegmentGuards(**other)


def at(moment: datetime) -> int:
    return int(moment.timestamp())


@dataclass
class Shop:
    """Rows by table, as dictionaries of the columns that matter."""

    accounts: list[dict[str, Any]] = field(default_factory=list)
    contacts: list[dict[str, Any]] = field(default_factory=list)
    products: list[dict[str, Any]] = field(default_factory=list)
    orders: list[dict[str, Any]] = field(default_factory=list)
    order_lines: list[dict[str, Any]] = field(default_factory=list)
    carts: list[dict[str, Any]] = field(default_factory=list)
    cart_lines: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    mail_events: list[dict[str, Any]] = field(default_factory=list)

    def account(self, **values: Any) -> int:
        return self._add(self.accounts, key=f"A{len(self.accounts) + 1}", **{"extra": {}, **values})

    def contact(self, **values: Any) -> int:
        number = len(self.contacts) + 1
        address = {"email": f"Person{number}@Firm.example", "email_key": f"person{number}@firm.example"}
        return self._add(self.contacts, **{"key": f"C{number}", "extra": {}, **address, **values})

    def order(self, contact: int | None, total: int, placed_at: int, status: str = "completed", **values: Any) -> int:
        account = values.pop("account", None)
        if account is None and contact is not None:
            account = self.contacts[contact - 1].get("account")
        return self._add(
            self.orders,
            key=f"O{len(self.orders) + 1}",
            contact=contact,
            account=account,
            total_cents=total,
            placed_at=placed_at,
            status=status,
            extra={},
            **values,
        )

    def product(self, key: str, **values: Any) -> int:
        return self._add(self.products, key=key, **{"extra": {}, **values})

    def order_line(self, order: int, product: int) -> None:
        self.order_lines.append({"order_id": order, "product": product, "quantity": 1, "extra": {}})

    def cart(self, contact: int, items: Iterable[tuple[int, int, int | None]] = (), **values: Any) -> int:
        """``items``: product, quantity, unit price in cents."""
        number = self._add(self.carts, key=f"K{len(self.carts) + 1}", contact=contact, **{"extra": {}, **values})
        for product, quantity, price in items:
            self.cart_lines.append(
                {"cart": number, "product": product, "quantity": quantity, "unit_price_cents": price, "extra": {}}
            )
        return number

    def event(self, contact: int, kind: str, moment: int, **properties: Any) -> int:
        return self._add(
            self.events,
            key=f"E{len(self.events) + 1}",
            contact=contact,
            kind=kind,
            at=moment,
            properties=properties,
            extra={},
        )

    def login(self, contact: int, moment: int) -> int:
        return self.event(contact, "login", moment)

    def opening(self, contact: int, moment: int) -> int:
        return self._add(
            self.mail_events, mailing=1, run=1, campaign="news", contact=contact, kind="open", at=moment, url=""
        )

    def write(self, database: Database) -> None:
        with database.write() as connection:
            for table, rows in (
                (tables.Account, self.accounts),
                (tables.Contact, self.contacts),
                (tables.Product, self.products),
                (tables.Order, self.orders),
                (tables.OrderLine, self.order_lines),
                (tables.Cart, self.carts),
                (tables.CartLine, self.cart_lines),
                (tables.Event, self.events),
                (tables.MailEventRow, self.mail_events),
            ):
                for row in rows:
                    connection.execute(insert(table).values(**row))

    @staticmethod
    def _add(rows: list[dict[str, Any]], **values: Any) -> int:
        rows.append({"id": len(rows) + 1, **values})
        return len(rows)


@dataclass
class Oracle:
    """The fields of one contact, by loops."""

    shop: Shop
    now: datetime
    zone: ZoneInfo = STOCKHOLM

    def value(self, contact_id: int, name: str) -> Any:  # noqa: C901, PLR0912 - the catalogue, name by name
        contact = self.shop.contacts[contact_id - 1]
        account = self.shop.accounts[contact["account"] - 1] if contact.get("account") else {}
        now = at(self.now)
        orders = [order for order in self.shop.orders if order["placed_at"] <= now]
        if name.startswith("account_") and name != "account_name":
            name = name.removeprefix("account_")
            if contact.get("account"):
                orders = [order for order in orders if order["account"] == contact["account"]]
            else:
                orders = [o for o in orders if o["contact"] == contact_id and o["account"] is None]
        else:
            orders = [order for order in orders if order["contact"] == contact_id]
        completed = [order for order in orders if order["status"] == "completed"]
        carts = [
            cart
            for cart in self.shop.carts
            if cart["contact"] == contact_id
            and cart.get("status", "open") == "open"
            and (cart.get("modified_at") is None or cart["modified_at"] <= now)
        ]
        lines = [line for line in self.shop.cart_lines if line["cart"] in {cart["id"] for cart in carts}]
        match name:
            case "country":
                return contact.get("country") or account.get("country")
            case "region":
                country = contact.get("country") or account.get("country")
                return {"SE": "Europe", "DE": "Europe", "US": "North America", "BR": "South America"}.get(str(country))
            case "size":
                employees = account.get("employees")
                if employees is None:
                    return None
                return "large" if employees >= 250 else "medium" if employees >= 50 else "small"
            case "days_since_signup":
                created = contact.get("created_at")
                return None if created is None else (now - created) // DAY
            case "annual_revenue":
                cents = account.get("annual_revenue_cents")
                return None if cents is None else Fraction(cents, 100)
            case "industry" | "employees":
                return account.get(name)
            case "days_since_first_order" | "days_since_last_order":
                chosen = min if "first" in name else max
                return (now - chosen(o["placed_at"] for o in completed)) // DAY if completed else None
            case "cart_items":
                return sum(line["quantity"] for line in lines)
            case "cart_lines":
                return len(lines)
            case "cart_value":
                return Fraction(sum(line["quantity"] * self._price(line) for line in lines), 100)
            case "hours_since_cart_change":
                moments = [cart["modified_at"] for cart in carts if cart.get("modified_at") is not None]
                return (now - max(moments)) // HOUR if moments else None
            case "hours_since_cart_add":
                moments = [c["last_added_at"] for c in carts if c.get("last_added_at") is not None]
                moments = [moment for moment in moments if moment <= now]
                return (now - max(moments)) // HOUR if moments else None
            case "days_since_login":
                logins = [e["at"] for e in self._events(contact_id, "login") if e["at"] <= now]
                return (now - max(logins)) // DAY if logins else None
        for figure in ("orders", "revenue", "avg_order_value", "web_share", "returns", "logins"):
            if name.startswith(f"{figure}_"):
                period = name.removeprefix(f"{figure}_")
                inside = [order for order in orders if self.inside(order["placed_at"], period)]
                done = [order for order in inside if order["status"] == "completed"]
                total = sum(order["total_cents"] for order in done)
                back = [order for order in inside if order["status"] == "returned"]
                match figure:
                    case "orders":
                        return len(done)
                    case "returns":
                        return len(back)
                    case "revenue":
                        return Fraction(total + sum(order["total_cents"] for order in back), 100)
                    case "avg_order_value":
                        return Fraction(total, 100 * len(done)) if done else None
                    case "web_share":
                        return Fraction(sum(o.get("channel") == "web" for o in done), len(done)) if done else None
                    case "logins":
                        return sum(self.inside(event["at"], period) for event in self._events(contact_id, "login"))
        return contact.get(name)

    def inside(self, moment: int, period: str) -> bool:
        """By the calendar of the business zone, in local time."""
        now = at(self.now)
        if moment > now:
            return False
        if period == "total":
            return True
        if period.startswith("last_") and period.endswith("_days"):
            days = timedelta(days=int(period.split("_")[1]))
            return at(self.now) - days.total_seconds() <= moment < now
        local, today = datetime.fromtimestamp(moment, self.zone), self.now.astimezone(self.zone)
        match period:
            case "this_year":
                return local.year == today.year and moment < now
            case "last_year":
                return local.year == today.year - 1
            case "this_month":
                return (local.year, local.month) == (today.year, today.month) and moment < now
            case _:
                year, month = calendar._prevmonth(today.year, today.month)  # type: ignore[attr-defined] # typeshed
                return bool((local.year, local.month) == (year, month))

    def _events(self, contact: int, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.shop.events if event["contact"] == contact and event["kind"] == kind]

    def _price(self, line: dict[str, Any]) -> int:
        price = line["unit_price_cents"]
        if price is None:
            price = self.shop.products[line["product"] - 1].get("price_cents")
        return price or 0
