"""One customer: a company with its habits, and the people who buy for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from orchestrator.demo import names
from orchestrator.demo.catalogue import INDUSTRIES, Product, assortment, products
from orchestrator.demo.places import COUNTRIES, EUROPEAN, City, Country

if TYPE_CHECKING:
    import random

    from orchestrator.demo.tables import Row

HISTORY = timedelta(days=548)
"""how far orders go back: 18 months"""

# role -> (job titles, part of the people); the first person of a company is always a buyer or its owner
_ROLES = {
    "buyer": (("Purchasing Manager", "Buyer", "Head of Procurement"), 40),
    "engineer": (("Technical Manager", "Operations Manager", "Maintenance Lead"), 25),
    "finance": (("Accounts Payable", "Financial Controller"), 15),
    "manager": (("Managing Director", "Branch Manager"), 20),
}
CHANNELS = ("web", "phone", "sales_rep", "store", "edi")
_NO_SHOP = (0, 15, 45, 0, 40)
_CHANNEL_SHARES = {"small": (38, 36, 5, 21, 0), "medium": (40, 13, 24, 5, 18), "large": (16, 2, 20, 0, 62)}
_PRICE_FACTORS = {"A": 84, "B": 92, "C": 100}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an address at a company."""

    contact_id: str
    first_name: str
    last_name: str
    email: str
    role: str
    job_title: str
    language: str
    created_at: datetime
    consent: str
    web: bool
    """uses the shop"""


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
        people=_people(rng, country, domain, people, first_person, since, now, key_account=key_account),
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


def account_row(rng: random.Random, company: Company) -> Row:
    """The row of accounts.csv."""
    order_method = {"small": "phone", "medium": "web", "large": "edi"}[company.size]
    return (
        company.account_id,
        company.name,
        company.industry,
        company.employees,
        f"{company.employees * rng.randint(90, 260)}000.00",
        {"small": "standard", "medium": "plus", "large": "key"}[company.size],
        company.price_list,
        order_method if rng.random() < 0.7 else "web",
        company.country.code,
        company.city.name,
        company.city.postcode,
        round(company.city.latitude + rng.uniform(-0.08, 0.08), 4),
        round(company.city.longitude + rng.uniform(-0.08, 0.08), 4),
        company.legal_form,
        order_method,
        rng.choice(("14 days", "30 days", "30 days", "60 days")),
        rng.choice(("DAP", "DAP", "EXW", "FCA")),
        _team(company),
        rng.choice({"edi": ("low",), "web": ("low", "medium"), "phone": ("medium", "high")}[order_method]),
    )


def contact_row(rng: random.Random, company: Company, person: Person, now: datetime) -> Row:
    """The row of contacts.csv."""
    asked = person.created_at + timedelta(minutes=rng.randint(1, 9_000)) if person.consent != "unknown" else None
    lapsed = company.until < now - timedelta(days=90)
    new = company.since > now - timedelta(days=45)
    return (
        person.contact_id,
        company.account_id,
        person.email,
        person.first_name,
        person.last_name,
        person.job_title,
        person.role,
        person.language,
        company.country.code,
        company.country.timezone,
        person.created_at.isoformat(),
        person.consent,
        min(asked, now - timedelta(minutes=1)).isoformat() if asked else None,
        rng.choice(("shop sign-up", "order form", "trade fair")) if asked else None,
        rng.randint(0, 100),
        "lapsed" if lapsed else "new" if new else "customer",
        ";".join(sorted({product.category.lower() for product in rng.sample(company.favourites, 2)})),
        rng.randrange(0, 6_000, 25),
    )


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


def _team(company: Company) -> str:
    if company.size == "large":
        return "Key accounts"
    if company.country.code in {"DE", "NL", "FR"}:
        return "Continent"
    return "Nordics" if company.country.code in {"SE", "NO", "DK", "FI"} else "Islands and overseas"


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


def _people(
    rng: random.Random,
    country: Country,
    domain: str,
    count: int,
    first: int,
    since: datetime,
    now: datetime,
    *,
    key_account: bool,
) -> tuple[Person, ...]:
    taken: set[str] = set()
    found = []
    for index in range(count):
        first_name, last_name = names.person(rng, country.language)
        local = f"{names.slug(first_name)}.{names.slug(last_name)}"
        if local in taken:
            local += str(index)
        taken.add(local)
        role = rng.choices(list(_ROLES), [share for _, share in _ROLES.values()])[0]
        titles = _ROLES[role][0]
        if index == 0:
            role, titles = ("buyer", _ROLES["buyer"][0]) if count > 2 else ("owner", ("Owner",))
        joined = (since + timedelta(days=rng.randint(0, 400) if index else 0)).replace(hour=rng.randint(6, 15))
        found.append(
            Person(
                contact_id=f"C{100_000 + first + index}",
                first_name=first_name,
                last_name=last_name,
                email=f"{local}@{domain}",
                role=role,
                job_title=rng.choice(titles),
                language=country.language if rng.random() < 0.86 else country.second_language,
                created_at=min(joined, now - timedelta(hours=rng.randint(2, 500))),
                consent=_consent(rng) if index or not key_account else "opted_in",
                web=key_account or rng.random() < (0.7 if index else 0.85),
            )
        )
    return tuple(found)


def _consent(rng: random.Random) -> str:
    return rng.choices(("opted_in", "opted_out", "unknown"), (80, 7, 13))[0]
