"""Pages are read tag by tag as Python's own parser reads them, whoever wrote them."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given, strategies as st

from orchestrator.templates.tag_reader import Attributes, TagReader

Event = tuple[str, ...]
PARTS = (
    "<p>", "</p>", "<td class=\"a\" style='b: c'>", '<td class="a &lt; b" BGCOLOR="#FFF">', "</TD >", "<br/>", "<br />",
    '<img src="x.png?a=1&amp;b=2" alt="">', "<input disabled>", '<a href="x"title="y">', "<a href=x>", "</a b='c'>",
    "text", " a < b ", " 5 &gt; 3 &amp; 2 &copy ", "&#8226;", "&", "é\u00a0☕", "<!-- c -->",
    "<!--[if mso]><table><![endif]-->", "<!-->", "<!--->", "<!-- a -- b -->", "<!-- open", "<!doctype html>",
    "<!DOCTYPE html>", "<!DOCTYPE html PUBLIC 'x'>",
    "<style>", "</style>", "a > b { color: red }", '<STYLE type="text/css">', "<script>", "if (a < b) c('</p>')",
    "</script>", "<title>", "a <b> &amp; c", "</title>", "<style/>", "<o:p>", "<p\x0bq>", "<?xml version='1'?>", "<",
    ">", "</",
    "</>", '<p class="', "<![CDATA[x]]>", "\x00", "<textarea>", "</textarea>", '<p a="1" a="2">', '<p\n\ta="1"\n>',
)  # fmt: skip


class Own(TagReader):
    """Writes down what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Event] = []

    def opened(self, tag: str, attributes: Attributes) -> None:
        self.events.append(("open", tag, repr(attributes)))

    def handle_endtag(self, tag: str) -> None:
        self.events.append(("close", tag))

    def handle_data(self, data: str) -> None:
        self.events.append(("data", data))


class Pythons(HTMLParser):
    """The same, by Python's parser alone."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.events: list[Event] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.events.append(("open", tag, repr(tuple((name, value or "") for name, value in attrs))))

    def handle_endtag(self, tag: str) -> None:
        self.events.append(("close", tag))

    def handle_data(self, data: str) -> None:
        self.events.append(("data", data))


def assert_alike(page: str) -> None:
    own, pythons = Own(), Pythons()
    own.read(page)
    pythons.feed(page)
    pythons.close()
    assert own.events == pythons.events


@given(st.lists(st.sampled_from(PARTS), max_size=12).map("".join))
def test_pages_of_any_parts_read_as_by_pythons_parser(page: str) -> None:
    assert_alike(page)


@given(st.text(alphabet="<>/!-=\"'& abpstyle;#\n", max_size=60))
def test_pages_of_any_characters_read_as_by_pythons_parser(page: str) -> None:
    assert_alike(page)


@pytest.mark.parametrize("part", PARTS)
def test_what_follows_any_part_is_read_as_by_pythons_parser(part: str) -> None:
    assert_alike(f'<div id="1">{part}<b title="&quot;">after</b> it</div>')
