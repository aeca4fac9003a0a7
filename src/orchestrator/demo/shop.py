"""What people do in the web shop: log in, look at pages, fill carts and leave them, fill in forms."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from orchestrator.demo.catalogue import SHOP
from orchestrator.demo.company import HISTORY
from orchestrator.demo.trade import Line, pick_lines

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from orchestrator.demo.company import Company
    from orchestrator.demo.people import Person
    from orchestrator.demo.trade import Order

_PAGES = ("/", "/offers", "/new", "/delivery", "/account/invoices")
_MOMENTS = (
    ("form_submitted", '{"form": "quote-request"}'),
    ("form_submitted", '{"form": "catalogue"}'),
    ("event_attended", '{"event": "webinar-pumps"}'),
    ("event_attended", '{"event": "spring-fair"}'),
    ("survey_answered", '{"survey": "price-or-quality", "answer": "quality"}'),
    ("survey_answered", '{"survey": "price-or-quality", "answer": "price"}'),
    ("call_answered", "{}"),
)
_NO_PROPERTIES = "{}"


@dataclass(frozen=True, slots=True)
class Cart:
    """A cart of the shop."""

    person: Person
    modified_at: datetime
    last_added_at: datetime
    status: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that somebody did."""

    person: Person
    kind: str
    at: datetime
    properties: str
    """a JSON object"""


def carts(rng: random.Random, company: Company, placed: list[Order], now: datetime) -> Iterator[Cart]:
    """Carts of the last 90 days that became orders, and for some people one that is still open or was emptied."""
    for order in placed:
        if order.channel == "web" and order.status == "completed" and now - order.placed_at < timedelta(days=90):
            person = order.person or company.people[0]
            yield Cart(person, order.placed_at, order.placed_at - timedelta(minutes=4), "ordered", order.lines)
    for index, person in enumerate(company.people):
        if company.key_account and index == 0:
            yield _big_cart(rng, company, person, now)
        elif person.web and company.until == now and rng.random() < 0.18:
            status = "open" if rng.random() < 0.88 else "emptied"
            changed = max(now - timedelta(hours=_idle_hours(rng)), person.created_at)
            added = max(changed - timedelta(seconds=rng.randint(0, 900)), person.created_at)
            lines = pick_lines(rng, company, company.basket_cents, most=8)
            yield Cart(person, changed, added, status, lines if status == "open" else ())


def events(
    rng: random.Random, company: Company, placed: list[Order], left: list[Cart], now: datetime
) -> Iterator[Event]:
    """Logins with page views for every web order and every cart, logins in between, and rare moments."""
    visits = [(order.person, order.placed_at - timedelta(minutes=9)) for order in placed if order.channel == "web"]
    visits += [(cart.person, cart.modified_at - timedelta(minutes=11)) for cart in left if cart.status != "ordered"]
    for index, person in enumerate(company.people):
        if person.web and not (company.key_account and index == 0):
            begin = max(person.created_at, now - HISTORY)
            end = min(now, company.until + timedelta(days=30))
            visits += [(person, begin + (end - begin) * rng.random()) for _ in range(int(rng.expovariate(0.3)))]
        if rng.random() < 0.12:
            kind, properties = rng.choice(_MOMENTS)
            at = max(person.created_at, now - timedelta(days=300) * rng.random())
            yield Event(person, kind, at.replace(microsecond=0), properties)
    for visitor, at in visits:
        if visitor is not None and at < now:
            at = at.replace(microsecond=0)
            yield Event(visitor, "login", at, _NO_PROPERTIES)
            if now - at < timedelta(days=90):
                for page in range(rng.randint(0, 3)):
                    seen = at + timedelta(seconds=40 * (page + 1))
                    if seen < now:
                        yield Event(visitor, "page_view", seen, f'{{"path": "{_page(rng, company)}"}}')


def cart_url(cart_id: str) -> str:
    return f"{SHOP}/cart/{cart_id.lower()}"


def _idle_hours(rng: random.Random) -> float:
    """Some are still at it, many left since yesterday, the rest over the last six weeks."""
    kind = rng.random()
    if kind < 0.08:
        return rng.uniform(0.1, 3.9)
    if kind < 0.55:
        return rng.uniform(4.1, 30)
    if kind < 0.80:
        return rng.uniform(30, 100)
    return rng.uniform(100, 1_000)


def _big_cart(rng: random.Random, company: Company, person: Person, now: datetime) -> Cart:
    """More than 15 pieces, left more than two weeks ago."""
    changed = now - timedelta(days=rng.uniform(15, 24))
    lines = pick_lines(rng, company, company.basket_cents * 2, most=8)
    missing = max(0, 18 - sum(line.quantity for line in lines))
    first = Line(lines[0].product, lines[0].quantity + missing, lines[0].unit_cents)
    return Cart(person, changed, changed - timedelta(minutes=3), "open", (first, *lines[1:]))


def _page(rng: random.Random, company: Company) -> str:
    if rng.random() < 0.3:
        return rng.choice(_PAGES)
    return f"/p/{rng.choice(company.favourites).product_id.lower()}"
