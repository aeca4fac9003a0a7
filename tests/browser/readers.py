"""The starter's mails of three invented readers, one for each language: always the same, to the pixel."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from orchestrator.campaigns.library import template_library
from orchestrator.definitions.workspace import read_workspace
from orchestrator.sandbox.pictures import with_stand_ins

if TYPE_CHECKING:
    from orchestrator.templates.mail import RenderedEmail

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 23, 9, 5, tzinfo=ZoneInfo("Europe/Stockholm"))
READERS = {
    "en": ("Ada", "Byrne", "gold", "construction"),
    "sv": ("Åsa", "Öberg", "vip", "food service"),
    "de": ("Jörg", "Groß", "gold", "manufacturing"),
}
CAMPAIGNS = ("abandoned-cart", "abandoned-cart-second", "industry-newsletter", "loyalty-offer", "win-back")
_LINES = (("Pump seal kit, EPDM", 1, "59.06"), ("Coffee beans dark roast, 8 × 1 kg", 2, "103.04"), ("Soap", 12, "4.10"))


@cache
def mail(campaign: str, language: str) -> RenderedEmail:
    """What the reader of a language gets."""
    workspace, problems = read_workspace(ROOT)
    assert workspace is not None, problems
    definition = workspace.campaigns[campaign]
    made = template_library(workspace).render(
        definition.template,
        subject=definition.subject,
        preheader=definition.preheader or None,
        context=_facts(language) | {"vars": definition.vars, "segment": definition.segment, "campaign": campaign},
        language=language,
        utm=definition.utm,
        key=language,
    )
    return made.preview()


def page(campaign: str, language: str) -> str:
    """The HTML as a browser without a network shows it: with what Mailchimp would fill in, and drawn pictures."""
    html = with_stand_ins(mail(campaign, language).html)
    filled = {"*|LIST:COMPANY|*": "Nordic Supply AB", "*|LIST:ADDRESS|*": "Kajplatsen 1, 111 00 Stockholm"}
    for tag, text in filled.items():
        html = html.replace(tag, text)
    return html


def _facts(language: str) -> dict[str, Any]:
    first, last, tier, industry = READERS[language]
    lines = [
        {
            "product_id": f"P{number}",
            "name": name,
            "category": "Supplies",
            "brand": "Acme",
            "url": f"https://nordicsupply.example/p/{number}",
            "image_url": f"https://nordicsupply.example/p/{number}.jpg",
            "quantity": quantity,
            "unit_price": Decimal(price),
            "total": Decimal(price) * quantity,
        }
        for number, (name, quantity, price) in enumerate(_LINES)
    ]
    total = sum((Decimal(price) * quantity for _, quantity, price in _LINES), Decimal(0))
    return {
        "contact": {
            "first_name": first,
            "last_name": last,
            "language": language,
            "rfm_tier": tier,
            "country": "SE",
            "email": f"{language}@reader.example",
        },
        "account": {"name": "Reader & Sons", "industry": industry},
        "cart": {"lines": lines, "total": total, "url": "https://nordicsupply.example/cart/1"},
        "orders": [],
        "now": NOW,
    }
