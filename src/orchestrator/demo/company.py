"""One customer: a company with its habits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from orchestrator.demo import names
from orchestrator.demo.catalogue import INDUSTRIES, Product, assortment, products
from orchestrator.demo.people import Person, make_people
from orchestrator.demo.places import COUNTRIES, EUROPEAN, City, Country

if TYPE_CHECKING:
    import random

HISTORY = timedelta(days=548)
"""how far orders go back: 18 months"""

CHANNELS = ("web", "phone", "sales_rep", "store", "edi")
_NO_SHOP = (0, 15, 45, 0, 40)
_CHANNEL_SHARES = {"small": (38, 36, 5, 21, 0), "medium": (40, 13, 24, 5, 18), "large": (16, 2, 20, 0, 62)}
_PRICE_FACTORS = {"A": 84, "B": 92, "C": 100}


@dataclass(frozen=True, slots=True)
class Company:
    """A customer and its habits. ``number`` counts from 1."""

    number: int
    account_id: str
    """empty: a person without a company"""
    name: str
    legal_form: str
    industry: str
    employees: int
    size: str
    country: Country
    city: City
    since: datetime
    """first order possible"""
    until: datetime
    """last order possible; before the end of the data for a customer that we lost"""
    interval: float
    """days from one order to the next"""
    basket_cents: int
    """of a usual order"""
    price_list: str
    favourites: tuple[Product, ...]
    channels: tuple[int, ...]
    """weights, in the order of ``CHANNELS``"""
    key_account: bool
    """one of the few that leave a large cart for weeks"""
    people: tuple[Person, ...]

    def unit_cents(self, product: Product) -> int:
        """The company's own price."""
        return product.cents * _PRICE_FACTORS[self.price_list] // 100

    def buyers(self) -> tuple[Person, ...]:
        """Who orders: the first most, the others now and then."""
        others = tuple(person for person in self.people[1:] if person.role in {"buyer", "engineer"})
        return (self.people[0],) * (1 + 2 * len(others)) + others


def is_key_account(number: int, companies: int) -> bool:
    """One company in a hundred, and at least one."""
    return number % 100 == min(7, companies)


def make_company(
    rng: random.Random,
    number: int,
    *,
    weight: float,
    people: int,
    first_person: int,
    key_account: bool,
    domains: set[str],
    now: datetime,
) -> Company:
    """The company ``number`` as it stands at ``now``.

    ``weight`` is its size, 1 for the median; ``people`` the number of its contacts, whose ids begin at
    ``first_person``; ``domains`` are those that other companies have, and gets this one's.
    """
    weight = max(weight, 9.0) if key_account else weight
    country = rng.choice(EUROPEAN[:6]) if key_account else rng.choices(COUNTRIES, [c.share for c in COUNTRIES])[0]
    industry = rng.choice(INDUSTRIES)
    legal_form = rng.choice(country.legal_forms)
    city = rng.choice(country.cities)
    name, domain = _name_and_domain(rng, country, industry, city, number, domains)
    employees = max(1, int(14 * weight**1.45 * rng.uniform(0.6, 1.5)))
    size = "small" if employees < 50 else "medium" if employees < 250 else "large"
    price_list = "A" if size == "large" else "B" if size == "medium" or rng.random() < 0.2 else "C"
    since, until = _lifetime(rng, now, key_account=key_account)
    own = assortment(industry)
    favourites = tuple(rng.sample(own, rng.randint(5, 12)) + rng.sample(products(), rng.randint(1, 4)))
    return Company(
        number=number,
        account_id=f"A{10_000 + number}",
        name=f"{name} {legal_form}",
        legal_form=legal_form,
        industry=industry,
        employees=employees,
        size=size,
        country=country,
        city=city,
        since=since,
        until=until,
        interval=min(95.0, max(3.0, 21 / weight**0.4 * rng.lognormvariate(0, 0.5))),
        basket_cents=int(17_000 * weight**1.15 * rng.lognormvariate(0, 0.65)),
        price_list=price_list,
        favourites=tuple(dict.fromkeys(favourites)),
        channels=_NO_SHOP if key_account else _CHANNEL_SHARES[size],
        key_account=key_account,
        people=make_people(rng, country, domain, people, first_person, since, now, key_account=key_account),
    )


def make_loner(rng: random.Random, number: int, *, first_person: int, domains: set[str], now: datetime) -> Company:
    """Somebody who buys without a company: one contact whose account is empty."""
    company = make_company(
        rng,
        number,
        weight=0.2,
        people=1,
        first_person=first_person,
        key_account=False,
        domains=domains,
        now=now,
    )
    return replace(company, account_id="")


def _name_and_domain(
    rng: random.Random, country: Country, industry: str, city: City, number: int, domains: set[str]
) -> tuple[str, str]:
    name = names.company(rng, country.language, industry)
    for candidate in (name, f"{name} {city.name}", f"{name} {number}"):
        domain = f"{names.slug(candidate)}.example"
        if domain not in domains:
            domains.add(domain)
            return candidate, domain
    raise AssertionError("the number of a company is its own")


def _lifetime(rng: random.Random, now: datetime, *, key_account: bool) -> tuple[datetime, datetime]:
    """From and until when a company orders: most of them for years, some new, some lost."""
    start = now - HISTORY
    if key_account:
        return start - timedelta(days=rng.randint(200, 3_000)), now
    kind = rng.random()
    if kind < 0.62:
        since = start - timedelta(days=rng.randint(30, 3_000))
    elif kind < 0.95:
        since = start + (HISTORY - timedelta(days=40)) * rng.random()
    else:
        since = now - timedelta(days=30) * rng.random()
    until = now
    if rng.random() < 0.14:
        until = max(now - timedelta(days=rng.randint(45, 420)), since + timedelta(days=20))
    return since.replace(microsecond=0), min(until, now)
