"""Which file of a template serves a reader's language, and in which language its numbers are."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from tests.templates.conftest import mail, page

from orchestrator.templates.faults import TemplateError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.templates.conftest import MakeLibrary

PRICE = page("{{ contact.price | money }}")


@pytest.fixture
def prices() -> dict[str, object]:
    return {"contact": {"price": Decimal("1234.5")}}


@pytest.mark.parametrize(
    ("language", "file", "language_of_words", "price"),
    [
        ("sv-SE", "mail.sv.html", "sv", "1\u00a0234,50\u00a0€"),
        ("SV", "mail.sv.html", "sv", "1\u00a0234,50\u00a0€"),
        ("de_AT", "mail.de-AT.html", "de-AT", "€\u00a01.234,50"),
        ("de", "mail.html", "en", "€1,234.50"),
        ("fr", "mail.html", "en", "€1,234.50"),
        ("en-GB", "mail.html", "en", "€1,234.50"),
        (None, "mail.html", "en", "€1,234.50"),
        ("not a language", "mail.html", "en", "€1,234.50"),
    ],
)
def test_the_language_chain_never_mixes_words_and_formats(
    library: MakeLibrary,
    folder: Path,
    prices: dict[str, object],
    language: str,
    file: str,
    language_of_words: str,
    price: str,
) -> None:
    (folder / "mail.de-AT.html").write_text(PRICE)
    (folder / "mail.sv.html").write_text(PRICE)
    one = mail(library(mail_html=PRICE), prices, language=language)
    assert one.skeleton.template == file
    assert one.preview().language.lower() == language_of_words.lower()
    assert one.values == (price,)


def test_a_missing_template_names_the_nearest(library: MakeLibrary) -> None:
    files = library(mail_html=page(""), welcome_html=page(""))
    assert files.names() == ["mail", "welcome"]
    with pytest.raises(TemplateError, match="Did you mean welcome"):
        files.render("welcom", subject="", preheader=None, context={}, language=None, key="1")


def test_the_fingerprint_covers_what_a_template_includes(library: MakeLibrary, folder: Path) -> None:
    files = library(mail_html="{% include 'part.html' %}", part_html="a", other_html="x")
    before = files.fingerprint("mail")
    (folder / "other.html").write_text("y")
    assert files.fingerprint("mail") == before
    (folder / "part.html").write_text("b")
    assert files.fingerprint("mail") != before
