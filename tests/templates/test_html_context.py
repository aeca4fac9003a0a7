"""Where in a source the next character stands."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from orchestrator.templates import html_context
from orchestrator.templates.safe_values import Place


@pytest.mark.parametrize(
    ("before", "place"),
    [
        ("", Place.TEXT),
        ("<p>Hi ", Place.TEXT),
        ("a < b and ", Place.TEXT),
        ("<p ", Place.CONSTANT),
        ("<p style='color: ", Place.CONSTANT),
        ('<mj-image width="', Place.CONSTANT),
        ('<td class="x" width=', Place.CONSTANT),
        ('<a href="', Place.ADDRESS),
        ("<a class=x href='", Place.ADDRESS),
        ('<a title="a > b" href="https://x/', Place.ADDRESS_PART),
        ('<img alt="', Place.ATTRIBUTE),
        ('<mj-section background-url="', Place.BACKGROUND),
        ("<title>x ", Place.ATTRIBUTE),
        ("<title>x</title>", Place.TEXT),
        ("<mj-title>", Place.ATTRIBUTE),
        ("<style>p > ", Place.CONSTANT),
        ('<style>a[href="x"] {} </style>', Place.TEXT),
        ("<mj-style inline='inline'>", Place.CONSTANT),
        ("<!-- x <p> ", Place.CONSTANT),
        ("<!-- x --><p>", Place.TEXT),
        ("<!--[if mso]><a href='", Place.CONSTANT),
        ("<!doctype html><p>", Place.TEXT),
        ("<script>if (a < b) ", Place.CONSTANT),
        ("<br/>", Place.TEXT),
        ("</", Place.CONSTANT),
    ],
)
def test_the_place_of_a_value_follows_from_the_text_before_it(before: str, place: Place) -> None:
    assert html_context.place(html_context.advance(html_context.START, before)) is place


def test_an_address_that_began_with_a_value_goes_on_as_part_of_an_address() -> None:
    state = html_context.printed(html_context.advance("", '<a href="'))
    assert html_context.place(state) is Place.ADDRESS_PART
    assert html_context.place(html_context.advance(state, '">')) is Place.TEXT


@given(st.text(alphabet="<>/!-\"'= ahrefstyl"), st.integers(0, 30))
def test_chunks_may_end_anywhere(text: str, cut: int) -> None:
    whole = html_context.advance("", text)
    apart = html_context.advance(html_context.advance("", text[:cut]), text[cut:])
    assert html_context.place(whole) is html_context.place(apart)
