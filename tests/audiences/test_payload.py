"""What a member shall hold, as Mailchimp would store it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from orchestrator.audiences.payload import Contents, merge_value, provider_language


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (Decimal("12.50"), "12.50"),
        (Decimal("1E+3"), "1000"),
        (date(2026, 1, 31), "2026-01-31"),
        (datetime(2026, 1, 31, 9, tzinfo=UTC), "2026-01-31T09:00:00+00:00"),
        ("  Ada\tLovelace\n", "Ada Lovelace"),
        ("<b>&", "‹b›&"),
        ("a\x00b", "a b"),
    ],
)
def test_values_become_text(value: object, text: str) -> None:
    assert merge_value(value) == text


@given(st.text(max_size=400))
def test_a_value_fits_and_is_no_merge_tag_and_stays_as_it_is(text: str) -> None:
    value = merge_value(text)
    assert len(value.encode()) <= 255
    assert "*|" not in value
    assert "|*" not in value
    assert not set(value) & {"<", ">", "\n", "\x00"}


@given(st.one_of(st.text(max_size=80), st.text("Åsa *|-<", max_size=80)))
def test_a_value_with_nothing_to_mend_is_what_mending_it_gives(text: str) -> None:
    assert merge_value(text) == merge_value("\x00" + text)


def test_a_long_value_is_cut_between_characters() -> None:
    assert merge_value("ö" * 200) == "ö" * 127


@pytest.mark.parametrize(
    ("language", "known"),
    [
        (None, None), ("", None), ("sv", "sv"), ("sv-SE", "sv"), ("EN_us", "en"), ("pt-PT", "pt_PT"),
        ("fr_ca", "fr_CA"),
    ],
)  # fmt: skip
def test_languages_as_the_provider_knows_them(language: str | None, known: str | None) -> None:
    assert provider_language(language) == known


def test_a_payload_is_the_write_and_nothing_else() -> None:
    write = Contents.of("sv-SE", {"FNAME": "Ada", "LNAME": None}).write("Ada@shop.example", ("gold",))
    assert (write.email, write.language, write.tags) == ("Ada@shop.example", "sv", ("gold",))
    assert write.merge_fields == {"FNAME": "Ada", "LNAME": ""}


def test_another_merge_field_is_another_payload() -> None:
    fewer, more = Contents.of("sv", {"FNAME": "Ada"}), Contents.of("sv", {"FNAME": "Ada", "LNAME": None})
    assert fewer.payload() != more.payload()
