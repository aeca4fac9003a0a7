"""Companies and people as rows of accounts.csv and contacts.csv, with what only these files say."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

    from orchestrator.demo.company import Company
    from orchestrator.demo.people import Person
    from orchestrator.demo.tables import Row


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


def _team(company: Company) -> str:
    if company.size == "large":
        return "Key accounts"
    if company.country.code in {"DE", "NL", "FR"}:
        return "Continent"
    return "Nordics" if company.country.code in {"SE", "NO", "DK", "FI"} else "Islands and overseas"
