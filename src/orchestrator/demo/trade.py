"""Orders of one company: its rhythm, the seasons of its industry, growth, discounts, returns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from orchestrator.demo.company import CHANNELS, HISTORY

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from orchestrator.demo.catalogue import Product
    from orchestrator.demo.company import Company
    from orchestrator.demo.people import Person

# what the months, from January, are worth to an industry; 100 is usual
_SEASONS = {
    "construction": (60, 65, 90, 120, 135, 135, 80, 125, 130, 115, 85, 55),
    "food service": (85, 85, 95, 100, 110, 120, 90, 105, 100, 100, 105, 130),
    "health care": (115, 110, 105, 100, 95, 90, 75, 95, 105, 105, 110, 110),
    "hospitality": (70, 75, 90, 105, 130, 145, 120, 125, 100, 85, 80, 105),
    "manufacturing": (105, 105, 110, 105, 105, 100, 45, 100, 110, 110, 105, 75),
    "retail": (70, 70, 85, 95, 100, 95, 80, 95, 105, 125, 165, 150),
}
_COUPONS = ("WELCOME10", "SPRING5", "CART5", "GOLD10")
_BLANKET_ORDER_CENTS = 5_500_000


@dataclass(frozen=True, slots=True)
class Line:
    """Pieces of one product."""

    product: Product
    quantity: int
    """negative in a return"""
    unit_cents: int

    @property
    def cents(self) -> int:
        return self.quantity * self.unit_cents


@dataclass(frozen=True, slots=True)
class Order:
    """An order or a return; by EDI often without a person."""

    placed_at: datetime
    status: str
    channel: str
    person: Person | None
    lines: tuple[Line, ...]
    discount_cents: int
    coupon: str

    @property
    def total_cents(self) -> int:
        return sum(line.cents for line in self.lines) - self.discount_cents


def orders(rng: random.Random, company: Company, now: datetime, new_year: datetime) -> Iterator[Order]:
    """What a company ordered in the history before ``now``; returns follow their order.

    A key account's order for the year since ``new_year`` comes first, whatever its date.
    """
    if company.key_account:
        yield _blanket_order(rng, company, now, new_year)
    buyers = company.buyers()
    weights = list(company.channels)
    begin = now - HISTORY
    moment = max(company.since, begin) + timedelta(days=rng.uniform(0, company.interval))
    while moment < company.until:
        years = (moment - begin) / timedelta(days=365)
        # phone customers move to the shop over time
        weights[0], weights[1] = int(company.channels[0] * (1 + 0.3 * years)), int(company.channels[1] / (1 + years))
        channel = rng.choices(CHANNELS, weights)[0]
        placed = _opening_hours(rng, moment, channel)
        if placed < min(now, company.until):
            season = _SEASONS[company.industry][placed.month - 1] / 100
            worth = company.basket_cents * season * (1 + 0.08 * years)
            order = _order(rng, company, placed, channel, buyers, worth, now)
            yield order
            if order.status == "completed" and rng.random() < 0.025:
                yield from _return(rng, order, now)
        moment += timedelta(days=company.interval * rng.triangular(0.45, 1.8, 0.9))


def pick_lines(rng: random.Random, company: Company, worth_cents: float, most: int) -> tuple[Line, ...]:
    """A basket of about this worth: one to ``most`` of the company's favourites at its own prices."""
    chosen = rng.sample(company.favourites, min(most, len(company.favourites), 1 + int(rng.expovariate(0.42))))
    each = worth_cents / len(chosen)
    lines = []
    for product in chosen:
        unit = company.unit_cents(product)
        lines.append(Line(product, max(1, round(each * rng.lognormvariate(0, 0.45) / unit)), unit))
    return tuple(lines)


def _order(
    rng: random.Random,
    company: Company,
    placed: datetime,
    channel: str,
    buyers: tuple[Person, ...],
    worth_cents: float,
    now: datetime,
) -> Order:
    lines = pick_lines(rng, company, worth_cents, most=9)
    person = None if channel == "edi" and rng.random() < 0.5 else rng.choice(buyers)
    fresh = now - placed < timedelta(days=2)
    status = "pending" if fresh and rng.random() < 0.2 else "cancelled" if rng.random() < 0.015 else "completed"
    discount, coupon = 0, ""
    if channel == "web" and rng.random() < 0.07:
        coupon = rng.choice(_COUPONS)
        discount = sum(line.cents for line in lines) * (10 if coupon.endswith("10") else 5) // 100
    return Order(placed, status, channel, person, lines, discount, coupon)


def _return(rng: random.Random, order: Order, now: datetime) -> Iterator[Order]:
    back = order.placed_at + timedelta(days=rng.randint(3, 20), minutes=rng.randint(0, 300))
    line = rng.choice(order.lines)
    pieces = rng.randint(1, line.quantity)
    if back < now:
        returned = (Line(line.product, -pieces, line.unit_cents),)
        yield Order(back, "returned", order.channel, order.person, returned, 0, "")


def _blanket_order(rng: random.Random, company: Company, now: datetime, new_year: datetime) -> Order:
    """The order for the year, placed in its first days, so that these customers count as large at any ``now``."""
    placed = new_year + min(timedelta(days=8, hours=9), (now - new_year) / 2)
    lines: tuple[Line, ...] = ()
    while sum(line.cents for line in lines) < _BLANKET_ORDER_CENTS:
        lines = pick_lines(rng, company, _BLANKET_ORDER_CENTS * rng.uniform(1.1, 1.6), most=9)
    return Order(placed.replace(microsecond=0), "completed", "sales_rep", company.people[0], lines, 0, "")


def _opening_hours(rng: random.Random, moment: datetime, channel: str) -> datetime:
    """The same day at a plausible hour; offices are closed at weekends, the shop is not."""
    closed = {5: 2, 6: 1}.get(moment.weekday(), 0) if channel != "web" or rng.random() < 0.7 else 0
    # UTC
    hour = rng.triangular(5.0, 20.5, 10.0) if channel == "web" else rng.triangular(5.5, 15.5, 7.5)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=closed, seconds=int(hour * 3600))
