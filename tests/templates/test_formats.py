"""Money, numbers and dates in the reader's language."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from jinja2.exceptions import FilterArgumentError

from orchestrator.templates.formats import Formats, locale_of


def formats(language: str) -> Formats:
    locale = locale_of(language)
    assert locale is not None
    return Formats(locale, "EUR", ZoneInfo("Europe/Stockholm"))


@pytest.mark.parametrize(
    ("language", "value", "shown"),
    [
        ("en", Decimal("1234.5"), "€1,234.50"),
        ("sv-SE", "1234.5", "1\u00a0234,50\u00a0€"),
        ("de", 12, "12,00\u00a0€"),
        ("en", None, ""),
    ],
)
def test_money_is_written_as_the_reader_writes_it(language: str, value: Any, shown: str) -> None:
    assert formats(language).money(value) == shown


def test_another_currency_can_be_asked_for() -> None:
    assert formats("sv").money(10, "SEK") == "10,00\u00a0kr"
    with pytest.raises(FilterArgumentError, match="not a currency"):
        formats("sv").money(10, "XYZ1")


def test_numbers_have_the_asked_decimals() -> None:
    assert formats("en").number(1234.567) == "1,234.567"
    assert formats("de").number(Decimal("1234.567"), 1) == "1.234,6"
    assert formats("de").number(0.5, 0) == "0"


def test_dates_are_in_business_time() -> None:
    late = datetime(2026, 1, 5, 23, 30, tzinfo=UTC)
    assert formats("en").date(late) == "Jan 6, 2026"
    assert formats("sv").date(late, "long") == "6 januari 2026"
    assert formats("en").date(date(2026, 1, 5)) == "Jan 5, 2026"
    assert formats("en").date("2026-01-05", "d MMMM") == "5 January"
    assert formats("de").datetime(late, "short") == "06.01.26, 00:30"


@pytest.mark.parametrize("value", ["ten", True, [], float("nan")])
def test_what_is_not_a_number_is_refused(value: Any) -> None:
    with pytest.raises(FilterArgumentError, match="is not a number"):
        formats("en").money(value)


def test_an_unknown_language_falls_back_to_its_base() -> None:
    assert str(locale_of("sv-XX")) == "sv"
    assert locale_of("zz-ZZ") is None
