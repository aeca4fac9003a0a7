"""The people at a company: names, roles, addresses, languages, consent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from orchestrator.demo import names

if TYPE_CHECKING:
    import random

    from orchestrator.demo.places import Country

# role -> (job titles, part of the people); the first person of a company is always a buyer or its owner
_ROLES = {
    "buyer": (("Purchasing Manager", "Buyer", "Head of Procurement"), 40),
    "engineer": (("Technical Manager", "Operations Manager", "Maintenance Lead"), 25),
    "finance": (("Accounts Payable", "Financial Controller"), 15),
    "manager": (("Managing Director", "Branch Manager"), 20),
}


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


def make_people(
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
    """``count`` people at ``domain`` whose ids begin at ``first``; they joined in the 400 days after ``since``."""
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
