"""Made-up readers for a template: all that it may print, in the forms that break templates. No database, no chance.

A reader of whom everything is known must get a mail. One of whom nothing is known may never be a member of the
campaign's segment, so what fails for that one alone is a warning.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from orchestrator.campaigns.library import Named
from orchestrator.contacts.measures import ValueType
from orchestrator.segments.fields import resolve
from orchestrator.store.mail_names import account_columns, contact_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from orchestrator.contacts.measures import CustomColumn
    from orchestrator.definitions.values import CampaignDefinition
    from orchestrator.templates.expressions import Asked

SAMPLE_NOW = datetime(2026, 1, 15, 8, 30, tzinfo=UTC)
Names = dict[str, Any]
_PEOPLE: Names = {
    "contact_id": "C1", "email": "anna@kund.example", "first_name": "Anna", "last_name": "Lindqvist",
    "job_title": "Buyer", "role": "buyer", "country": "SE", "timezone": "Europe/Stockholm",
    "created_at": datetime(2024, 3, 1, 9, 0, tzinfo=UTC), "consent": "opted_in",
    "consent_at": datetime(2024, 3, 1, 9, 0, tzinfo=UTC), "consent_source": "shop", "lead_score": 42.0,
    "lifecycle_stage": "customer", "birth_date": "1984-05-17", "gender": "female", "interests": ["pumps", "valves"],
    "region": "Europe", "rfm_tier": "gold", "rfm_score": "454", "email_domain": "kund.example",
}  # fmt: skip
_COMPANY: Names = {
    "account_id": "A1", "name": "Lindqvist & Co", "industry": "construction", "employees": 120,
    "annual_revenue": Decimal("12500000.00"), "customer_group": "B", "price_list": "standard", "channel": "web",
    "country": "SE", "city": "Göteborg", "postcode": "411 03", "latitude": 57.7, "longitude": 11.97,
    "legal_form": "AB", "order_method": "web", "payment_terms": "30 days", "delivery_terms": "DAP",
    "sales_rep": "Erik Sand", "cost_to_serve": "low", "size": "medium",
}  # fmt: skip
_OF_TYPE: Mapping[ValueType, Any] = {
    ValueType.NUMBER: 7,
    ValueType.MONEY: Decimal("1234.50"),
    ValueType.BOOLEAN: True,
    ValueType.TEXT: "sample",
    ValueType.DATE: "2026-01-31",
}
_HOSTILE = """O'Neil "Büro" <b>&amp; Söhne</b> *|FNAME|* åäö ☕"""


@dataclass(frozen=True, slots=True)
class Reader:
    """One made-up reader, or a real one."""

    who: str
    """completes "for …"; empty: nothing to be said, as everything is known"""
    context: Mapping[str, Any]
    language: str | None
    is_certain: bool = True
    """somebody like that surely gets the mail"""


class AnyValue(str):
    """A value of a custom field whose type nobody knows yet: reads as a text, a number and a date."""

    __slots__ = ()

    def __lt__(self, other: object) -> bool:
        return int(self) < other if isinstance(other, int | float | Decimal) else str.__lt__(self, str(other))

    def __gt__(self, other: object) -> bool:
        return int(self) > other if isinstance(other, int | float | Decimal) else str.__gt__(self, str(other))

    def __le__(self, other: object) -> bool:
        return not self > other

    def __ge__(self, other: object) -> bool:
        return not self < other

    def __add__(self, other: Any) -> Any:
        return int(self) + other if isinstance(other, int | float | Decimal) else str.__add__(self, other)

    def __sub__(self, other: Any) -> Any:
        return int(self) - other

    def __mul__(self, other: Any) -> Any:
        return int(self) * other

    def __truediv__(self, other: Any) -> Any:
        return int(self) / other


_ANY = AnyValue("20260131")


def readers(
    campaign: CampaignDefinition,
    description: str,
    printed: Mapping[str, Iterable[str]],
    asked: Asked,
    languages: Iterable[str],
    custom: Mapping[str, CustomColumn] | None,
) -> Iterator[Reader]:
    """The readers with whom a campaign's template is tried.

    ``description`` is its segment's; ``printed``: see ``content.fields_printed``; ``asked``: what the template asks
    of names such as ``account.industry``; ``languages``: those that it has words for.
    """
    shared: Names = {
        "segment": Named(campaign.segment, description),
        "campaign": Named(campaign.name, campaign.description),
        "vars": campaign.vars,
        "now": SAMPLE_NOW,
    }
    contact = {name: _PEOPLE.get(name, "sample") for name in contact_columns()}
    contact |= _fields(printed["contact"], "", contact, _PEOPLE, custom)
    account = {name: _COMPANY.get(name, "sample") for name in account_columns()}
    account |= _fields(printed["account"], "account_", account, _COMPANY, custom)
    # a value by which something is looked up is one that is there
    known = {path: asked.values[path][0] for path in asked.looked_up if path in asked.values}
    all_known = known.keys() == asked.looked_up
    contact, account = _with(contact, "contact", known), _with(account, "account", known)
    whole = shared | {"contact": contact, "account": account, "cart": _cart(3), "orders": _orders()}

    def reader(who: str, language: str, *, is_certain: bool = True, **changes: Any) -> Reader:
        context: Names = whole | changes
        context["contact"] = context["contact"] | {"language": language}
        return Reader(who, context, language, is_certain and all_known)

    own, *others = dict.fromkeys(languages)
    yield reader("", own)
    for language in others:
        yield reader("", language)
    yield reader("", own, cart=_cart(7))
    hostile: Names = {
        "contact": _with({name: _hostile(value, name) for name, value in contact.items()}, "contact", known),
        "account": _with({name: _hostile(value, name) for name, value in account.items()}, "account", known),
        "cart": _cart(2, name=_HOSTILE, brand=_HOSTILE),
    }
    yield reader("a reader whose name holds quotes, markup and a merge tag", own, **hostile)
    for at in range(max((len(values) for values in asked.values.values()), default=0)):
        chosen = {path: values[at % len(values)] for path, values in asked.values.items()}
        said = ", ".join(f"{path} is {value!r}" for path, value in chosen.items())
        changed: Names = {
            "contact": _with(contact, "contact", chosen),
            "account": _with(account, "account", chosen),
        }
        yield reader(f"a reader of whom {said}", own, **changed)
    if asked.looked_up:
        other = dict.fromkeys(asked.looked_up, "something else")
        changed = {"contact": _with(contact, "contact", other), "account": _with(account, "account", other)}
        said = " and ".join(sorted(asked.looked_up))
        yield reader(f"a reader of whom {said} is something else", own, is_certain=False, **changed)
    yield reader("a reader with an empty cart", own, is_certain=False, cart=_cart(0))
    unknown = {
        "contact": dict.fromkeys(contact) | {"contact_id": "C1", "email": "a@kund.example", "interests": []},
        "account": dict.fromkeys(account),
        "cart": _cart(1, price=None, category=None, brand=None, url=None, image_url=None),
        "orders": [],
    }
    nobody = shared | unknown
    yield Reader("a reader of whom nothing is known", nobody, None, is_certain=False)


def _with(names: Names, root: str, values: Mapping[str, Any]) -> Names:
    """``names`` of ``root`` with other values, given by their whole path."""
    return names | {path.partition(".")[2]: value for path, value in values.items() if path.startswith(f"{root}.")}


def _fields(
    names: Iterable[str],
    prefix: str,
    columns: Mapping[str, Any],
    known: Names,
    custom: Mapping[str, CustomColumn] | None,
) -> Names:
    """A value for each field of the catalogue that is printed."""
    values: Names = {}
    for name in names:
        if name in columns:
            continue
        field = resolve(f"{prefix}{name}", custom) or resolve(name, custom)
        if field is not None:
            values[name] = known.get(name, _OF_TYPE[field.type])
        elif name.startswith("x_") and custom is None:
            values[name] = _ANY
    return values


def _hostile(value: Any, name: str) -> Any:
    keep = not isinstance(value, str) or isinstance(value, AnyValue) or name in {"birth_date", "timezone", "country"}
    return value if keep else _HOSTILE


def _cart(lines: int, **product: Any) -> Names:
    price = product.pop("price", Decimal("249.00"))
    made = []
    for number in range(1, lines + 1):
        line = {
            "product_id": f"P{number}",
            "name": f"Pump {number}",
            "category": "Pumps",
            "brand": "Acme",
            "url": f"https://shop.example/p/{number}",
            "image_url": f"https://shop.example/p/{number}.png",
            "quantity": number,
            "unit_price": price,
            "total": None if price is None else price * number,
        }
        made.append(line | product)
    total = sum((line["total"] for line in made if line["total"] is not None), Decimal(0))
    return {"lines": made, "total": total, "url": None if price is None or not lines else "https://shop.example/cart/1"}


def _orders() -> list[Names]:
    return [
        {
            "order_id": f"O{number}",
            "placed_at": datetime(2026, 1, 10 - number, 10, 0, tzinfo=UTC),
            "status": "completed",
            "channel": "web",
            "currency": "EUR",
            "total": Decimal("480.00") * number,
            "discount": Decimal("12.00"),
            "coupon": "WELCOME",
        }
        for number in range(1, 4)
    ]
