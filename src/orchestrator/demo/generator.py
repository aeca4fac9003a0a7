"""Write the wholesaler: seeded, company by company, so that memory grows with companies only.

Each company has its own random numbers, taken from the seed and its number, so that a change to how one is made
leaves the others as they were.
"""

from __future__ import annotations

import random
from datetime import UTC, timedelta
from itertools import count
from typing import TYPE_CHECKING

from orchestrator.demo.catalogue import products
from orchestrator.demo.company import is_key_account, make_company, make_loner
from orchestrator.demo.rows import account_row, contact_row
from orchestrator.demo.shop import cart_url, carts, events
from orchestrator.demo.tables import Counts, Tables
from orchestrator.demo.trade import orders

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from orchestrator.demo.company import Company
    from orchestrator.demo.trade import Order

_LONERS = 0.015
"""share of contacts without a company"""


def write_wholesaler(
    folder: Path, *, now: datetime, seed: int = 7, contacts: int = 2000, companies: int = 600
) -> Counts:
    """Fill ``folder`` with accounts.csv … events.csv: 18 months that end at ``now``; nothing in them is later.

    There are exactly ``contacts`` contacts, and at most one company for each. ``now`` needs a time zone: the year
    in which the largest customers place their order of the year is the year there.
    """
    if now.tzinfo is None:
        raise ValueError("now needs a time zone")
    new_year = now.replace(month=1, day=1, hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
    now = now.replace(microsecond=0).astimezone(UTC)
    with Tables(folder) as tables:
        tables.add(
            "products",
            [
                (item.product_id, item.name, item.category, item.brand, item.url, item.image_url, _money(item.cents))
                for item in products()
            ],
        )
        numbers = _Numbers()
        for company in _companies(now, seed, contacts, companies):
            _write(tables, company, numbers, _random(seed, company.number, "trade"), now, new_year)
        return tables.counts


def _random(*parts: object) -> random.Random:
    return random.Random("/".join(map(str, parts)))  # noqa: S311  # invented customers, nothing secret


class _Numbers:
    """Running numbers of the rows that get their key here."""

    def __init__(self) -> None:
        self.order = count(1_000_001)
        self.cart = count(500_001)
        self.event = count(1)


def _companies(now: datetime, seed: int, contacts: int, companies: int) -> Iterator[Company]:
    """Few large companies with many contacts, many small ones with one or two, and some people without any."""
    loners = int(contacts * _LONERS)
    companies = max(1, min(companies, contacts - loners))
    shape = _random(seed, "shape")
    domains: set[str] = set()
    weights = [shape.lognormvariate(0, 1.05) for _ in range(companies)]
    more_people = (contacts - loners - companies) / sum(weights)
    passed, first = 0.0, 1
    for number, weight in enumerate(weights, start=1):
        before = round(passed)
        passed += weight * more_people
        people = 1 + round(passed) - before
        yield make_company(
            _random(seed, number),
            number,
            weight=weight,
            people=people,
            first_person=first,
            key_account=is_key_account(number, companies),
            domains=domains,
            now=now,
        )
        first += people
    for index in range(contacts + 1 - first):
        number = companies + 1 + index
        yield make_loner(_random(seed, number), number, first_person=first + index, domains=domains, now=now)


def _write(
    tables: Tables, company: Company, numbers: _Numbers, rng: random.Random, now: datetime, new_year: datetime
) -> None:
    if company.account_id:
        tables.add("accounts", [account_row(rng, company)])
    tables.add("contacts", [contact_row(rng, company, person, now) for person in company.people])
    placed = list(orders(rng, company, now, new_year))
    _write_orders(tables, company, placed, numbers)
    left = list(carts(rng, company, placed, now))
    for cart in left:
        cart_id = f"K{next(numbers.cart)}"
        changed, added = (_moment(at, now) for at in (cart.modified_at, cart.last_added_at))
        tables.add("carts", [(cart_id, cart.person.contact_id, changed, added, cart.status, cart_url(cart_id))])
        tables.add(
            "cart_lines",
            [(cart_id, line.product.product_id, line.quantity, _money(line.unit_cents)) for line in cart.lines],
        )
    tables.add(
        "events",
        [
            (f"E{next(numbers.event):08}", event.person.contact_id, event.kind, event.at.isoformat(), event.properties)
            for event in events(rng, company, placed, left, now)
        ],
    )


def _write_orders(tables: Tables, company: Company, placed: list[Order], numbers: _Numbers) -> None:
    for order in placed:
        order_id = f"O{next(numbers.order)}"
        tables.add(
            "orders",
            [
                (
                    order_id,
                    order.person.contact_id if order.person else None,
                    company.account_id,
                    order.placed_at.isoformat(),
                    order.status,
                    order.channel,
                    "EUR",
                    _money(order.total_cents),
                    _money(order.discount_cents) if order.discount_cents else None,
                    order.coupon,
                )
            ],
        )
        tables.add(
            "order_lines",
            [(order_id, line.product.product_id, line.quantity, _money(line.unit_cents)) for line in order.lines],
        )


def _money(cents: int) -> str:
    """-1250 -> ``-12.50``."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02}"


def _moment(at: datetime, now: datetime) -> str:
    return min(at.replace(microsecond=0), now - timedelta(seconds=1)).isoformat()
