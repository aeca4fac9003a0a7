"""Whatever the template and the contacts: delivery equals preview, and preview equals Jinja2 with safe values."""

from __future__ import annotations

import html
import json
import os
import re
import tempfile
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import css_inline
import jinja2
import pytest
from hypothesis import given, settings, strategies as st
from markupsafe import Markup
from tests.templates.conftest import SETTINGS, context, page
from tests.templates.test_mailings import assert_delivers, several

from orchestrator.templates.mailings import compile_mailings
from orchestrator.templates.render import TemplateLibrary
from orchestrator.templates.safe_values import Place, safe_value

AWKWARD = Path(__file__).parents[3] / "shared" / "data" / "awkward_strings" / "strings.json"
TRICKY = ["*|UNSUB|*", "|EMAIL|", "*", "&", "&lt;script&gt;", "R&D", "</p>", '"', "'", "x" * 300, "é" * 200]
TRICKY += [" ", ""]

PRINTS = """
{{ contact.a }}
{{ contact.b }}
*{{ contact.a }}*
 |{{ contact.b }}|
{{ contact.a }}{{ contact.b }}
{{ m(contact.a) }}
{{ contact.b or 'none' }}
{{ contact.a ~ contact.b }}
{{ vars.coupon }}
*|FNAME|*"""
ATTRIBUTES = """
<a href='{{ contact.a }}'>x</a>
<a href='https://shop.example/{{ contact.b }}?x={{ contact.a }}'>y</a>
<img alt="{{ contact.a }}" src='i.png'>
<p style='width: {{ contact.b }}px'>z</p>
<a href='*|UNSUB|*'>u</a>"""
MACROS = "{% macro m(v) %}<b>{{ v }}</b>{% endmacro %}{% macro box() %}<p>{{ caller() }}</p>{% endmacro %}"

prints = st.sampled_from(PRINTS.splitlines()[1:])
text = st.sampled_from(["Hello ", " & co ", "&amp;", "<br>", " < ", "\n", "* ", " |", "Ünï 🎁"])
attributes = st.sampled_from(ATTRIBUTES.splitlines()[1:])


def nested(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    some = st.lists(parts, max_size=4).map("".join)
    return st.one_of(
        some.map(lambda inner: "{% for i in contact.list %}" + inner + "{{ i }}{% endfor %}"),
        some.map(lambda inner: "{% if contact.a %}" + inner + "{% else %}no{% endif %}"),
        some.map(lambda inner: "{% set s %}" + inner + "{% endset %}{{ s }}"),
        some.map(lambda inner: "{% call box() %}" + inner + "{% endcall %}"),
    )


plain_parts = st.recursive(prints | text, nested, max_leaves=8)
parts = st.recursive(prints | text | attributes, nested, max_leaves=8)
characters = st.characters(codec=None) | st.sampled_from("*|&<>;\"'")
value = st.one_of(st.sampled_from(TRICKY), st.none(), st.just(7), st.text(characters, max_size=12))
person = st.fixed_dictionaries({"a": value, "b": value, "list": st.lists(value, max_size=3)})


def library_of(folder: str, **files: str) -> TemplateLibrary:
    for name, source in files.items():
        Path(folder, name.replace("_", ".")).write_text(source, encoding="utf-8")
    return TemplateLibrary(Path(folder), SETTINGS)


def deliver(library: TemplateLibrary, people: list[dict[str, Any]], subject: str, slots: int) -> None:
    rendered = several(library, people, subject=subject, preheader=subject, utm={"campaign": "c"})
    plan = compile_mailings(rendered, slots=[f"CO_{n}" for n in range(slots)], max_mailings=100)
    assert_delivers(plan, rendered)
    for one in rendered:
        preview = one.preview()
        for part in (preview.html, preview.text, preview.subject):
            # only the author's tags are left
            assert not set(part.replace("*|UNSUB|*", "").replace("*|FNAME|*", "").split("*|")[1:])


@settings(deadline=None, max_examples=120)
@given(
    st.lists(parts, max_size=5),
    st.lists(prints | text, max_size=3),
    st.lists(person, min_size=1, max_size=6),
    st.integers(0, 8),
)
def test_every_recipient_gets_the_preview(
    body: list[str], subject: list[str], people: list[dict[str, Any]], slots: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        subject_line = "".join(subject).replace("{{ m(contact.a) }}", "")
        column = f"<mj-column><mj-text>{''.join(body)}</mj-text></mj-column>".replace(" < ", " ").replace(
            "<br>", "<br/>"
        )
        mjml = f"<mjml><mj-body><mj-section>{column}</mj-section></mj-body></mjml>"
        deliver(library_of(folder, mail_html=MACROS + page("".join(body))), people, subject_line, slots)
        Path(folder, "mail.html").unlink()
        deliver(library_of(folder, mail_mjml=MACROS + mjml), people, subject_line, slots)


@settings(deadline=None, max_examples=120)
@given(st.lists(plain_parts, max_size=6), person)
def test_the_preview_is_what_jinja_prints_with_safe_values(body: list[str], someone: dict[str, Any]) -> None:
    source = MACROS + "".join(body)
    plain = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, finalize=lambda v: _safe(v, markup=False))
    marked = plain.overlay(autoescape=True, finalize=lambda v: _safe(v, markup=True))
    with tempfile.TemporaryDirectory() as folder:
        library = library_of(folder, mail_html=page(source), mail_txt=source)
        names = context(**someone)
        preview = library.render("mail", subject="", preheader=None, context=names, language="en", key="1").preview()
        text = preview.text.removesuffix("\n\n*|UNSUB|*\n")
        # without autoescape Jinja2 would make what a block printed safe a second time
        if not re.search(r"set s|call|m\(", source):
            assert text == plain.from_string(source).render(names)
        expected = css_inline.inline(marked.from_string(page(source)).render(names))
        assert seen(preview.html) == seen(expected)


@pytest.mark.shared
@pytest.mark.skipif(
    not AWKWARD.exists() and os.environ.get("CI_STRICT") != "1", reason="the shared data sets are absent"
)
def test_awkward_strings_arrive_as_previewed_whether_or_not_the_provider_escapes(tmp_path: Path) -> None:
    strings = json.loads(AWKWARD.read_text(encoding="utf-8"))
    body = "<p>{{ contact.a }}.</p><a href='{{ contact.a }}' title='{{ contact.a }}'>x</a><img alt='{{ contact.a }}'>"
    library = library_of(str(tmp_path), mail_html=page(body))
    rendered = several(library, [{"a": one} for one in strings], subject="{{ contact.a }}")
    plan = compile_mailings(rendered, slots=[f"CO_{n}" for n in range(60)], max_mailings=3)
    assert_delivers(plan, rendered)
    for mailing in plan.mailings:
        for key, fields in mailing.recipients.items():
            page_of_key = mailing.html
            for tag, field in fields.items():
                page_of_key = page_of_key.replace(f"*|{tag}|*", html.escape(field))
            assert seen(page_of_key) == seen(rendered[int(key)].preview().html)


def _safe(printed: Any, *, markup: bool) -> Any:
    """What the product does with a printed value, for Jinja2's own ``finalize``."""
    if isinstance(printed, Markup) or printed == "CART5 & more":
        return printed
    safe = safe_value("" if printed is None else str(printed), Place.TEXT)
    return Markup(safe) if markup else safe


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, attrs))

    def handle_data(self, data: str) -> None:
        if self.seen and isinstance(self.seen[-1], str):
            self.seen[-1] += data
        else:
            self.seen.append(data)


def seen(source: str) -> list[Any]:
    """What a reader's program makes of a page: tags, attributes and text, entities resolved."""
    reader = _Reader()
    reader.feed(source.partition("<body>")[2])
    reader.close()
    return [part for part in reader.seen if part]
