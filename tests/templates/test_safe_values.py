"""What a printed value may look like."""

from __future__ import annotations

import html

import pytest
from hypothesis import given, strategies as st

from orchestrator.templates.safe_values import Place, safe_value

PLACES = [place for place in Place if place is not Place.CONSTANT]


@pytest.mark.parametrize("value", ["Smith & Sons", "R&D", "AT&T", "50 %", "O'Brien", 'the "best"', "Åsa 東京 🎁", ""])
def test_ordinary_text_stays_as_it_is(value: str) -> None:
    assert safe_value(value, Place.TEXT) == value


@pytest.mark.parametrize(
    ("value", "safe"),
    [
        ("<b>x</b>", "‹b›x‹/b›"),
        ("a\nb\tc\x00d", "a b c d"),
        ("*|UNSUB|*", "\u2060* |UNSUB| *\u2060"),
        ("fish &amp; chips &copy 1", "fish ＆amp; chips ＆copy 1"),
        ("a lone \ud800 surrogate", "a lone  surrogate"),
        (" x ", "\u00a0x\u00a0"),
        ("cut &", "cut ＆"),
    ],
)
def test_text_that_could_be_read_as_something_else_is_changed(value: str, safe: str) -> None:
    assert safe_value(value, Place.TEXT) == safe


def test_quotes_become_typographic_in_attributes() -> None:
    assert safe_value("6\" pipe, 'new'", Place.ATTRIBUTE) == "6” pipe, ’new’"


@pytest.mark.parametrize(
    ("address", "safe"),
    [
        ("https://a.example/?a=1&b=2#c", "https://a.example/?a=1&b=2#c"),
        ("https://a.example/?a=1&copy=2", "https://a.example/?a=1&%63opy=2"),
        ('https://a.example/"><b>', "https://a.example/%22%3E%3Cb%3E"),
        ("https://a.example/my file.pdf", "https://a.example/my%20file.pdf"),
        ("javascript:alert(1)", "#"),
        ("java\nscript:alert(1)", "#"),
        ("data:text/html,x", "#"),
        ("mailto:a@b.example", "mailto:a@b.example"),
        ("*|UNSUB|*", "%2A%7CUNSUB%7C%2A"),
    ],
)
def test_addresses_are_percent_encoded_and_only_known_schemes_stay(address: str, safe: str) -> None:
    assert safe_value(address, Place.ADDRESS) == safe


@given(st.text(st.characters(codec=None) | st.sampled_from("*|&<>\"'; #ampltcoy=")), st.sampled_from(PLACES))
def test_a_safe_value_reads_the_same_escaped_or_not_and_holds_no_tag(value: str, place: Place) -> None:
    safe = safe_value(value, place)
    assert html.unescape(safe) == safe
    assert html.unescape(html.escape(safe)) == safe
    assert not set("<>\n\r\t\x00") & set(safe)
    assert "*|" not in f"*{safe}*"
    assert "*|" not in f"|{safe}|"
    assert safe.encode().decode() == safe
    assert safe_value(safe, place) == safe
    if place is not Place.TEXT:
        assert '"' not in safe
        assert "'" not in safe
