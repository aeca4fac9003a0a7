"""A small workspace's templates folder, and builders of contacts."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol
from zoneinfo import ZoneInfo

import pytest

from orchestrator.templates.render import TemplateLibrary, TemplateSettings

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.templates.mail import Rendered

NOW = datetime(2026, 1, 5, 8, 30, tzinfo=UTC)
SETTINGS = TemplateSettings(timezone=ZoneInfo("Europe/Stockholm"), own_domains=("shop.example",))
FOOTER = '<a href="*|UNSUB|*">Unsubscribe</a> *|LIST:ADDRESS|*'


class MakeLibrary(Protocol):
    def __call__(self, **files: str) -> TemplateLibrary: ...


def context(**contact: Any) -> dict[str, Any]:
    """One contact's context; keywords are columns of the contact, ``cart`` and ``account`` aside."""
    cart = contact.pop("cart", {"lines": [], "total": Decimal(0), "url": "https://shop.example/cart/1"})
    account = contact.pop("account", {"name": "Acme", "industry": "Pumps"})
    return {
        "contact": {"first_name": "Anna", "last_name": "Berg", "language": "en"} | contact,
        "account": account,
        "cart": cart,
        "orders": [],
        "segment": {"name": "s"},
        "campaign": {"name": "c"},
        "vars": {"coupon": "CART5 & more", "color": "#123456"},
        "now": NOW,
    }


def mail(library: TemplateLibrary, names: dict[str, Any] | None = None, **settings: Any) -> Rendered:
    """The template "mail" for one contact."""
    given: dict[str, Any] = {"subject": "s", "preheader": None, "language": "en", "key": "1"} | settings
    return library.render("mail", context=names or context(), **given)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "templates"
    path.mkdir()
    return path


@pytest.fixture
def library(folder: Path) -> MakeLibrary:
    """A library of the given files: ``library(mail_html="…", layout_mjml="…")``."""

    def make(**files: str) -> TemplateLibrary:
        for name, text in files.items():
            (folder / name.replace("_", ".")).write_text(text, encoding="utf-8")
        return TemplateLibrary(folder, SETTINGS)

    return make


def page(body: str) -> str:
    return f"<html><head><title>t</title></head><body>{body}</body></html>"


def body_of(html: str) -> str:
    return html.partition("<body>")[2].partition("</body>")[0]
