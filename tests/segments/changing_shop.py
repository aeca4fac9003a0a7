"""A shop that changes in every way that a segment can notice, and a recompute of it in both ways.

What changes is chosen by a ``Choice``: Hypothesis in the tests, a seeded generator in
``benchmarks/incremental_equals_full.py``. Facts come in as they do for users, through the importer.
"""

from __future__ import annotations

import csv
import itertools
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import text
from tests.segments.shop import STOCKHOLM, segment, unguarded

from orchestrator.clock import to_epoch
from orchestrator.definitions.values import GuardSettings, RfmSettings, SizeSettings
from orchestrator.segments.evaluate import Recompute, Scope, recompute
from orchestrator.sources.load import import_sources
from orchestrator.store.touched import touch_contacts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sqlalchemy.engine import Connection

    from orchestrator.definitions.values import SegmentDefinition, Settings
    from orchestrator.store.database import Database

Item = TypeVar("Item")
START = datetime(2025, 12, 29, 21, 30, tzinfo=UTC)
"""so that a year and a month begin soon"""
DAY, HOUR = 86_400, 3_600
CONTACTS, ACCOUNTS, PRODUCTS = 12, 4, 4

CONDITIONS = (
    "revenue_this_year > 100 or revenue_last_month > 100",
    "orders_last_30_days >= 1 and orders_last_30_days * 2 > orders_last_90_days",
    "days_since_last_order between 13 and 30.5",
    "days_since_first_order in (1, 14, 30)",
    "not days_since_last_order < 2",
    "account_revenue_last_30_days > 150 or account_orders_total = 3",
    "account_days_since_last_order > 1",
    "account_days_since_first_order >= 30 and industry = 'Food'",
    "avg_order_value_total > 60 or web_share_last_30_days >= 0.5",
    "returns_last_90_days > 0 or orders_last_year > 1",
    "cart_items > 3 and hours_since_cart_change >= 4",
    "hours_since_cart_change < 30 and (cart_items = 1 or account_days_since_last_order * 24 > hours_since_cart_change)",
    "20 >= days_since_login and not (days_since_login + 1 > days_since_last_order * 2)",
    "cart_value > 30 or hours_since_cart_add between 1 and 5",
    "hours_since_cart_change is null and cart_lines = 0",
    "days_since_login >= 14 or days_since_login is null",
    "logins_last_30_days >= 2",
    "count('page_view', last_1_days) > 0 and days_since('form_submitted') != 3",
    "attended('webinar-pumps') or answered('nps')",
    "mails_last_30_days > 0 and not received('welcome')",
    "opens_last_30_days > 0 or days_since_open > 2",
    "clicked('welcome') or clicks_total > 1 or days_since_click <= 1",
    "bought('category', 'Pumps') or bought('brand', 'Acme', last_30_days)",
    "rfm_recency >= 4 or rfm_frequency = 5",
    "rfm_tier in ('vip', 'gold')",
    "rfm_score > '333' and rfm_monetary < 5",
    "consent = 'opted_in' and days_since_signup > 13",
    "region = 'Europe' and size != 'small'",
    "lead_score > 5 or x_points > 3 or account_x_zone = 'B'",
    "interested_in('pumps') and email_domain = 'shop.example'",
    "days_since_login * 2 > days_since_last_order",
    "days_since_first_order - lead_score > 2 or account_days_since_first_order < days_since_open * 2",
    "hours_since_cart_change - days_since_signup * 24 > hours_since_cart_add - 60",
    "account_days_since_last_order + days_since_click > 3 or not days_since('form_submitted') < lead_score",
)
UNUSUAL = ("age >= 30", "days_since_open + 1 < lead_score * 3", "revenue_total > 50 and in_segment('s3')")


class Choice(Protocol):
    """Who decides what happens."""

    def whole(self, low: int, high: int) -> int: ...

    def one_of(self, items: Sequence[Item]) -> Item: ...


@dataclass
class ChangingShop:
    """A database, the clock and the files of a workspace."""

    database: Database
    folder: Path
    choice: Choice
    now: datetime = START
    settings: Settings = field(default_factory=lambda: replace(unguarded(), rfm=RfmSettings("last_90_days")))
    conditions: dict[str, str] = field(
        default_factory=lambda: {f"s{number}": one for number, one in enumerate(CONDITIONS)}
    )
    unreadable: set[str] = field(default_factory=set)
    ways: list[str] = field(default_factory=list)
    """why each recompute computed everybody; "" where it did not"""
    _exports: Any = field(default_factory=lambda: itertools.count(1))
    _keys: Any = field(default_factory=lambda: itertools.count(1))

    def open(self) -> None:
        """Some facts, and the first recompute."""
        self.load("accounts", [self._account(number) for number in range(1, ACCOUNTS + 1)])
        self.load("products", [self._product(number) for number in range(1, PRODUCTS + 1)])
        self.load("contacts", [self._contact(number) for number in range(1, CONTACTS + 1)])
        for _ in range(12):
            self.order()
        self.recompute(Scope.CHANGED)

    # -- what happens

    def step(self) -> None:
        """One change, and often time passes."""
        self.choice.one_of(
            [
                *[self.order] * 4, *[self.correct_order] * 2, self.line, *[self.cart] * 2, *[self.event] * 3,
                self.contact, self.account, self.product, *[self.mail] * 2, *[self.reaction] * 2, self.forget,
                self.edit, self.configure,
            ]
        )()  # fmt: skip
        if self.choice.whole(0, 2):
            self.pass_time()

    def pass_time(self) -> None:
        """The clock moves on: a moment, across an hour, days, or far."""
        steps = (0, 1, 59, HOUR, 5 * HOUR, DAY - 1, DAY, DAY + 1, 2 * DAY, 13 * DAY, 33 * DAY)
        self.now += timedelta(seconds=self.choice.one_of(steps))

    def order(self) -> None:
        """A new order, of today or long ago, of a contact, an account or both."""
        self._order(f"O{next(self._keys)}")

    def correct_order(self) -> None:
        """An order that we have is another's, of another time, cancelled, returned."""
        known = self._known("orders")
        if known:
            self._order(self.choice.one_of(known))

    def _order(self, key: str) -> None:
        owner = self.choice.one_of(("contact", "contact", "account", "both"))
        self.load(
            "orders",
            [
                {
                    "order_id": key,
                    "contact_id": "" if owner == "account" else self._someone(),
                    "account_id": "" if owner == "contact" else f"A{self.choice.whole(1, ACCOUNTS)}",
                    "placed_at": self._moment(),
                    "status": self.choice.one_of(("completed", "completed", "returned", "cancelled", "pending")),
                    "channel": self.choice.one_of(("web", "edi")),
                    "total": self.choice.one_of((-20, 10, 60, 120, 120)),
                }
            ],
        )

    def line(self) -> None:
        """A line of an order that we have."""
        known = self._known("orders")
        if known:
            product = f"P{self.choice.whole(1, PRODUCTS)}"
            row = {"order_id": self.choice.one_of(known), "product_id": product, "quantity": self.choice.whole(1, 2)}
            self.load("order_lines", [row])

    def cart(self) -> None:
        """A cart appears, changes, changes hands or is ordered; perhaps a line of it."""
        key = f"K{self.choice.whole(1, 6)}"
        self.load(
            "carts",
            [
                {
                    "cart_id": key,
                    "contact_id": self._someone(),
                    "modified_at": self._moment(),
                    "last_added_at": self.choice.one_of(("", self._moment())),
                    "status": self.choice.one_of(("open", "open", "ordered")),
                }
            ],
        )
        if self.choice.whole(0, 1):
            product, price = f"P{self.choice.whole(1, PRODUCTS)}", self.choice.one_of(("", 7))
            row = {"cart_id": key, "product_id": product, "quantity": self.choice.whole(1, 5), "unit_price": price}
            self.load("cart_lines", [row])

    def event(self) -> None:
        """Something a contact did, told at once, late or twice with a correction."""
        key = self.choice.one_of([f"E{next(self._keys)}", *self._known("event")[:3]])
        self.load(
            "events",
            [
                {
                    "event_id": key,
                    "contact_id": self._someone(),
                    "kind": self.choice.one_of(
                        ("login", "login", "page_view", "form_submitted", "event_attended", "survey_answered")
                    ),
                    "at": self._moment(),
                    "properties": self.choice.one_of(('{"webinar-pumps": "yes"}', '{"survey": "nps"}', "")),
                }
            ],
        )

    def contact(self) -> None:
        """A contact is new or corrected: address, account, consent."""
        self.load("contacts", [self._contact(self.choice.whole(1, CONTACTS + 3))])

    def account(self) -> None:
        """An account is corrected."""
        self.load("accounts", [self._account(self.choice.whole(1, ACCOUNTS))])

    def product(self) -> None:
        """A product moves to another category, or has another price."""
        self.load("products", [self._product(self.choice.whole(1, PRODUCTS))])

    def mail(self) -> None:
        """A mail of ours went out."""
        contact = self._id_of_someone()
        with self.database.write() as connection:
            number = next(self._keys)
            connection.execute(
                text(
                    "INSERT INTO send (run, contact, campaign, decision, reason, decided_at, email_key, sent_at, facts,"
                    " slots) VALUES (:run, :contact, :campaign, 'sent', '', :at, '', :at, '{}', '{}')"
                ),
                {
                    "run": number,
                    "contact": contact,
                    "campaign": self.choice.one_of(("welcome", "other")),
                    "at": self._seconds(),
                },
            )
            touch_contacts(connection, "send", [contact])

    def reaction(self) -> None:
        """A mail was opened or clicked; we hear of it now or late."""
        contact = self._id_of_someone()
        with self.database.write() as connection:
            connection.execute(
                text(
                    "INSERT INTO mail_event (mailing, run, campaign, contact, kind, at, url)"
                    " VALUES (:mailing, 1, :campaign, :contact, :kind, :at, '')"
                ),
                {
                    "mailing": next(self._keys),
                    "campaign": self.choice.one_of(("welcome", "other")),
                    "contact": contact,
                    "kind": self.choice.one_of(("open", "click")),
                    "at": self._seconds(),
                },
            )
            touch_contacts(connection, "mail_event", [contact])

    def forget(self) -> None:
        """A contact is erased, with all that it did."""
        contact = self._id_of_someone()
        with self.database.write() as connection:
            for table in (
                "cart_line WHERE cart IN (SELECT id FROM cart WHERE contact = :c)",
                "cart WHERE contact = :c",
            ):
                connection.execute(text(f"DELETE FROM {table}"), {"c": contact})
            connection.execute(text("UPDATE orders SET contact = NULL WHERE contact = :c"), {"c": contact})
            for table, column in (("event", "contact"), ("contact", "id")):
                connection.execute(text(f"DELETE FROM {table} WHERE {column} = :c"), {"c": contact})
            touch_contacts(connection, "contact", [contact])

    def edit(self) -> None:
        """A segment's file is edited, unusual, deleted, broken or back."""
        name = f"s{self.choice.whole(0, len(CONDITIONS) - 1)}"
        match self.choice.whole(0, 4):
            case 0:
                self.conditions[name] = self.choice.one_of(CONDITIONS)
            case 1:
                self.conditions[name] = self.choice.one_of(UNUSUAL[:2])
            case 2:
                self.conditions.pop(name, None)
            case 3:
                self.conditions[name] = "no_such_field = 1"
            case _:
                self.conditions |= {f"s{number}": one for number, one in enumerate(CONDITIONS)}
                self.unreadable.clear()

    def configure(self) -> None:
        """config.toml is edited."""
        match self.choice.whole(0, 4):
            case 0:
                zone = self.choice.one_of((STOCKHOLM, ZoneInfo("America/New_York")))
                self.settings = replace(self.settings, timezone=zone)
            case 1:
                window = self.choice.one_of(("last_90_days", "last_30_days", "this_year", "total"))
                self.settings = replace(self.settings, rfm=RfmSettings(window))
            case 2:
                tiers = self.choice.one_of(({"vip": 0.05, "gold": 0.2, "silver": 0.5}, {"vip": 0.2, "gold": 0.4}))
                self.settings = replace(self.settings, rfm=replace(self.settings.rfm, tiers=tiers))
            case 3:
                self.settings = replace(self.settings, size=SizeSettings(self.choice.one_of((50, 10)), 250))
            case _:
                guards = GuardSettings(max_leave_share=0.3, min_size=self.choice.one_of((2, 10**9)))
                self.settings = replace(self.settings, guards=guards)

    # -- what comes of it

    def recompute(self, scope: Scope) -> None:
        """In both ways, from the same state; raises AssertionError where they differ in anything that is stored."""
        with self.database.rehearsal() as rehearsed:
            plain = self._recompute(rehearsed, Scope.EVERYBODY)
            expected = self._stored(rehearsed)
        found = self._recompute(self.database, scope)
        assert found.found.drift == {}
        assert [replace(one, duration_ms=0) for one in found.segments] == [
            replace(one, duration_ms=0) for one in plain.segments
        ]
        assert self._stored(self.database) == expected
        self.ways.append(found.found.everybody)

    def _recompute(self, database: Database, scope: Scope) -> Recompute:
        definitions: dict[str, SegmentDefinition] = {
            name: segment(name, where) for name, where in sorted(self.conditions.items())
        }
        return recompute(database, self.settings, definitions, now=self.now, unreadable=self.unreadable, scope=scope)

    def _stored(self, database: Database) -> list[list[tuple[Any, ...]]]:
        """Masks, history and segments; and what is kept of the ranking."""
        with database.read() as connection:
            return [
                _rows(connection, "SELECT contact, word, mask FROM membership_mask"),
                _rows(connection, "SELECT segment, contact, at, entered FROM membership_change"),
                _rows(connection, "SELECT name, bit, fingerprint, baseline_at, computed_at, size, held FROM segment"),
                _rows(connection, "SELECT contact, latest, orders, revenue FROM rfm_figure"),
                [(str(row[0]),) for row in connection.execute(text("SELECT ranking FROM recompute_state"))],
            ]

    # -- rows

    def load(self, table: str, rows: list[dict[str, Any]]) -> None:
        """Import a file of these rows."""
        folder = self.folder / f"export-{next(self._exports)}"
        folder.mkdir()
        with (folder / f"{table}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
        report = import_sources(self.database, self.settings, self.folder, csv_folder=folder, now=self.now)
        assert not report.failures

    def _contact(self, number: int) -> dict[str, Any]:
        return {
            "contact_id": f"C{number}",
            "email": f"c{number}@{self.choice.one_of(('shop.example', 'other.example'))}",
            "account_id": self.choice.one_of(("", *(f"A{one}" for one in range(1, ACCOUNTS + 1)))),
            "country": self.choice.one_of(("SE", "US", "")),
            "created_at": self.choice.one_of(("", self._moment())),
            "consent": self.choice.one_of(("opted_in", "opted_out", "unknown")),
            "consent_at": self.choice.one_of(("", self._moment())),
            "lead_score": self.choice.whole(1, 9),
            "birth_date": self.choice.one_of(("1990-01-02", "1996-12-31", "")),
            "interests": self.choice.one_of(("pumps;valves", "")),
            "points": self.choice.one_of(("1", "5", "many", "")),
        }

    def _account(self, number: int) -> dict[str, Any]:
        return {
            "account_id": f"A{number}",
            "industry": self.choice.one_of(("Food", "Steel")),
            "employees": self.choice.one_of(("", "5", "20", "300")),
            "country": self.choice.one_of(("SE", "US")),
            "zone": self.choice.one_of(("A", "B")),
        }

    def _product(self, number: int) -> dict[str, Any]:
        return {
            "product_id": f"P{number}",
            "category": self.choice.one_of(("Pumps", "Valves")),
            "brand": self.choice.one_of(("Acme", "Other")),
            "price": self.choice.one_of(("5", "20")),
        }

    def _seconds(self) -> int:
        """A moment at, just before or just after a distance that a segment asks about; sometimes yet to come."""
        days = self.choice.one_of((0, 0, 0, 1, 2, 3, 13, 14, 29, 30, 31, 89, 90, 91, 300))
        hours = self.choice.one_of((0, 0, 1, 4, 5, -2))
        return to_epoch(self.now) - days * DAY - hours * HOUR + self.choice.one_of((0, -1, 1))

    def _moment(self) -> str:
        return datetime.fromtimestamp(self._seconds(), UTC).isoformat()

    def _someone(self) -> str:
        return self.choice.one_of(self._known("contact"))

    def _id_of_someone(self) -> int:
        with self.database.read() as connection:
            known: list[int] = list(connection.scalars(text("SELECT id FROM contact ORDER BY id")))
        return self.choice.one_of(known)

    def _known(self, table: str) -> list[str]:
        with self.database.read() as connection:
            return list(connection.scalars(text(f"SELECT key FROM {table} ORDER BY id DESC")))


def _rows(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    return sorted(tuple(row) for row in connection.execute(text(query)))
