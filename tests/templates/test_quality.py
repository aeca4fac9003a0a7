"""What the quality gate finds in rendered mails: the line of the template, how grave it is, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st
from tests.templates.conftest import FOOTER, context, mail

from orchestrator.problems import Level
from orchestrator.templates.addresses import address_fault
from orchestrator.templates.colors import BLACK, WHITE, Color, color_of, contrast, needed_contrast, painted
from orchestrator.templates.quality import GMAIL_CLIPS_AT, Gate
from orchestrator.templates.tags import unknown_tags

if TYPE_CHECKING:
    from tests.templates.conftest import MakeLibrary

    from orchestrator.problems import Problem
    from orchestrator.templates.mail import Rendered

TEXT = "<p>News that can be read without any image.</p>"


def found(*rendered: Rendered) -> list[Problem]:
    gate = Gate()
    for one in rendered:
        gate.look(one)
    return gate.problems()


def page(body: str, lang: str = ' lang="en"') -> str:
    return f"<html{lang}><head><title>t</title></head><body>\n{TEXT}\n{body}\n{FOOTER}</body></html>"


@pytest.mark.parametrize(
    ("body", "line", "level", "message"),
    [
        ('<a href="">x</a>', 3, "error", "the link leads nowhere: its address is empty"),
        ('<a href="#">x</a>', 3, "error", 'the link leads nowhere: its address is "#"'),
        ('<a href="shop.example/a">x</a>', 3, "error", 'the address of the link has no scheme: "shop.example/a"'),
        ('<a href="//shop.example/a">x</a>', 3, "error", 'the address of the link has no scheme: "//shop.example/a"'),
        ('<a href="http://localhost:8000/">x</a>', 3, "error", "the link leads to localhost, which readers cannot"),
        ('<a href="https://10.0.0.7/x?a=1&b=2">x</a>', 3, "error", "the link leads to 10.0.0.7, which readers cannot"),
        ('<img src="http://intranet/a.png" alt="" width="9">', 3, "error", "the image leads to intranet, which"),
        ('<a href="ftp://shop.example/x">x</a>', 3, "error", 'mail clients do not follow links that begin with "ftp:"'),
        ('<a href="https://shop.example/{% raw %}{{ id }}{% endraw %}">x</a>', 3, "error", "{{ id }} would stand in"),
        ("<b>{% raw %}{{ contact.name }}{% endraw %}</b>", 3, "error", "{{ contact.name }} would stand in the mail"),
        ("<b>*|FRIST_NAME|*</b>", 3, "error", "*|FRIST_NAME|* would stand in the mail as it is"),
        ('<img src="https://shop.example/a.png" width="9">', 3, "warning", "the image has no text for those who"),
        ('<img src="https://shop.example/a.png" alt="">', 3, "warning", "the image has no width"),
        ('<p style="color:#999999">Terms</p>', 3, "warning", "#999999 on #ffffff has a contrast of 2.84; text needs"),
        ('<p style="color:#949494;font-size:24px">Terms</p>', 0, "", ""),
        ('<table bgcolor="#000000"><td><font color="#333333">x</font></td></table>', 3, "warning", "#333333 on #000"),
        ('<div style="background:url(https://shop.example/x.png);color:#fff">x</div>', 0, "", ""),
        ('<div style="display:none;color:#fff">x</div>', 0, "", ""),
    ],
)
def test_a_finding_has_its_line_its_level_and_a_remedy(
    library: MakeLibrary, body: str, line: int, level: str, message: str
) -> None:
    problems = found(mail(library(mail_html=page(body))))
    assert all(problem.hint for problem in problems)
    assert [(problem.line, problem.level.value) for problem in problems] == ([(line, level)] if message else [])
    assert [problem.message for problem in problems if not problem.message.startswith(message)] == []


def test_a_good_page_has_no_finding(library: MakeLibrary) -> None:
    body = "<a href='https://shop.example/?q=1#top'>a</a><a href='mailto:a@shop.example'>b</a><a href='#part'>c</a>"
    body += "<a href='tel:+46'>d</a><img src='cid:1' alt='' style='width:9px'>*|FNAME|* *|IF:FNAME=x|* y *|END:IF|*"
    assert found(mail(library(mail_html=page(body)))) == []


@pytest.mark.parametrize("value", ["", None, "javascript:alert(1)", "www.shop.example", "http://127.0.0.1/"])
def test_a_value_that_breaks_a_link_is_found_for_any_recipient(library: MakeLibrary, value: Any) -> None:
    files = library(mail_html=page('<a href="{{ contact.url }}">x</a>'))
    people = [context(url="https://shop.example/a")] * 3 + [context(url=value)]
    (problem,) = found(*(mail(files, names, key=f"C{number}") for number, names in enumerate(people)))
    assert (problem.file, problem.line, problem.level) == ("templates/mail.html", 3, Level.ERROR)
    assert problem.message.endswith("for contact C3")


def test_braces_of_a_name_in_a_query_are_no_fault_but_those_of_the_template_are(library: MakeLibrary) -> None:
    """The link leads where it should; a run must not wait for what one person once typed into a form."""
    link = '<a href="https://shop.example/?q={{ contact.note | urlencode }}%s">x</a>'
    names = context(note="{{ 7 }}")
    assert found(mail(library(mail_html=page(link % "")), names)) == []
    (problem,) = found(mail(library(mail_html=page(link % "&amp;id=%7b%7B contact.id %7D%7D")), names))
    assert (problem.line, problem.level) == (3, Level.ERROR)
    assert problem.message.startswith("the address of the link holds Jinja2 that was not carried out")


def test_a_value_inside_an_included_file_is_found_there(library: MakeLibrary) -> None:
    files = library(mail_html=page("{% include 'part.html' %}"), part_html='\n<img src="{{ contact.url }}" alt="x">')
    problems = found(mail(files, context(url="")))
    assert {(problem.file, problem.line) for problem in problems} == {("templates/part.html", 2)}


def test_the_subject_of_each_recipient_is_looked_at(library: MakeLibrary) -> None:
    files = library(mail_html=page(""))
    names = [context(first_name=name) for name in ("Anna", "", " ", "x" * 151)]
    empty, long = found(*(mail(files, name, subject="{{ contact.first_name }}", key="C") for name in names))
    assert (empty.message, empty.level) == ("the subject is empty for 2 recipients, contact C among them", Level.ERROR)
    assert (long.message, long.level) == ("the subject is longer than 150 characters for contact C", Level.WARNING)


def test_a_mail_that_gmail_clips_is_found_with_its_values(library: MakeLibrary) -> None:
    files = library(mail_html=page("{{ contact.text }}"))
    assert found(mail(files, context(text="x" * 1000))) == []
    (problem,) = found(mail(files, context(text="x" * GMAIL_CLIPS_AT)))
    assert (problem.level, problem.message) == (Level.WARNING, "the HTML is larger than 102 kB for contact 1")


def test_a_page_without_language_or_without_text_is_found(library: MakeLibrary) -> None:
    picture = '<img src="https://shop.example/all.png" alt="All" width="600">'
    html = f"<html><head></head><body>{picture}<p>{FOOTER}</p></body></html>"
    messages = [problem.message for problem in found(mail(library(mail_html=html)))]
    assert messages == ["the page does not say its language", "the mail is images only"]


def test_findings_of_compiled_mjml_are_at_the_lines_of_its_files(library: MakeLibrary) -> None:
    part = '<mj-image src="https://shop.example/a.png" />\n<mj-button href="http://localhost/x">Buy</mj-button>'
    source = "<mjml><mj-body><mj-section><mj-column>\n{% include 'part.mjml' %}\n"
    source += f'<mj-text color="#cccccc">Read {{{{ contact.first_name }}}} this</mj-text><mj-text>{FOOTER} {TEXT}'
    files = library(mail_mjml=source + "</mj-text></mj-column></mj-section></mj-body></mjml>", part_mjml=part)
    places = {(problem.file, problem.line, problem.message[:20]) for problem in found(mail(files))}
    assert places == {
        ("templates/mail.mjml", 3, "#cccccc on #ffffff h"),
        ("templates/part.mjml", 1, "the image has no tex"),
        ("templates/part.mjml", 2, "the link leads to lo"),
    }


def test_names_with_tags_and_markup_are_no_fault_of_the_mail(library: MakeLibrary) -> None:
    files = library(mail_html=page("{{ contact.first_name }}"))
    assert found(mail(files, context(first_name="*|EVIL|* <b>\"'&"))) == []
    (problem,) = found(mail(files, context(first_name="{{ 7 * 7 }}")))
    assert problem.level is Level.WARNING


# -- the parts


def test_contrast_is_that_of_wcag() -> None:
    assert contrast(BLACK, WHITE) == pytest.approx(21)
    # the lightest gray on white that passes, and the next one
    assert contrast(Color(0x76, 0x76, 0x76), WHITE) > 4.5 > contrast(Color(0x77, 0x77, 0x77), WHITE)
    assert needed_contrast(23.9, bold=False) == 4.5
    assert needed_contrast(24, bold=False) == needed_contrast(18.7, bold=True) == 3


@given(text=st.binary(min_size=3, max_size=3), behind=st.binary(min_size=3, max_size=3))
def test_contrast_is_the_same_both_ways_and_within_its_scale(text: bytes, behind: bytes) -> None:
    ratio = contrast(Color(*text), Color(*behind))
    assert ratio == contrast(Color(*behind), Color(*text))
    assert 1 <= ratio <= 21.01


@pytest.mark.parametrize(
    ("written", "color"),
    [
        ("#fff", WHITE),
        ("#FFFFFFFF".lower(), WHITE),
        ("rgb(0, 0, 0)", BLACK),
        ("rgb(0 0 0 / 50%)", None),
        ("black !important", BLACK),
        ("var(--ink)", None),
    ],
)
def test_colors_are_read_as_css_writes_them(written: str, color: Color | None) -> None:
    assert color_of(written) == color


def test_a_background_lets_shine_through_what_is_below() -> None:
    assert painted("rgba(0,0,0,0.5)", WHITE) == Color(128, 128, 128)
    assert painted("transparent", BLACK) == BLACK
    assert painted("#fff url(x.png)", BLACK) is None


@pytest.mark.parametrize(
    "address", ["https://shop.example/a b", "HTTP://SHOP.example", "https://[2606:4700::1]/", "*|ARCHIVE|*"]
)
def test_addresses_that_work(address: str) -> None:
    assert address_fault(address) is None


@given(address=st.text(max_size=40))
def test_any_address_has_an_answer(address: str) -> None:
    fault = address_fault(address)
    assert fault is None or all(fault)


def test_tags_of_mailchimp_and_of_the_workspace_are_known() -> None:
    text = "*|UNSUB|* *|HTML:LIST_ADDRESS_HTML|* *|DATE:d/m/y|* *|UPPER:POINTS|* *|IF:POINTS>9|* *|CO_12|* *|NOPE|*"
    assert list(unknown_tags(text, {"POINTS"})) == ["*|NOPE|*"]
    assert list(unknown_tags(text, set())) == ["*|UPPER:POINTS|*", "*|IF:POINTS>9|*", "*|NOPE|*"]
