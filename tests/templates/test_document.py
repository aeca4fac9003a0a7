"""MJML and HTML, preheader, links and plain text of compiled mails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.templates.conftest import FOOTER, body_of, context, mail, page

from orchestrator.templates.faults import TemplateError
from orchestrator.templates.links import Utm
from orchestrator.templates.plain_text import text_of

if TYPE_CHECKING:
    from tests.templates.conftest import MakeLibrary

UTM = Utm.of({"campaign": "spring sale"}, ("shop.example",))
ADDED = "utm_source=newsletter&utm_medium=email&utm_campaign=spring%20sale"

MJML = """<mjml><mj-head><mj-title>{{ contact.first_name }}</mj-title></mj-head><mj-body>
<mj-section background-url="https://img.example/{{ contact.last_name }}.png"><mj-column>
<mj-text>Hi {{ contact.first_name }}</mj-text>
<mj-image src="https://img.example/{{ contact.last_name }}" alt="{{ account.name }}" />
<mj-button href="{{ cart.url }}">To the cart</mj-button>
<mj-text>FOOTER</mj-text></mj-column></mj-section></mj-body></mjml>""".replace("FOOTER", FOOTER)


def test_values_reach_every_place_that_mjml_makes_of_them(library: MakeLibrary) -> None:
    names = context(first_name='Å "x" (y)', last_name="a(b)'c")
    html = mail(library(mail_mjml=MJML), names).preview().html
    assert "<title>Å ”x” (y)</title>" in html
    assert 'aria-label="Å ”x” (y)"' in html
    assert "url('https://img.example/a%28b%29%27c.png')" in html
    assert 'src="https://img.example/a(b)%27c"' in html
    assert '>Hi Å "x" (y)<' in html
    assert 'lang="en"' in html


def test_mjml_that_cannot_be_compiled_is_a_template_error(library: MakeLibrary) -> None:
    with pytest.raises(TemplateError, match=r"^templates/mail\.mjml.*cannot be compiled"):
        mail(library(mail_mjml="<mjml><mj-body><mj-section></mj-body></mjml>"))


def test_css_of_html_is_inlined_and_media_queries_stay(library: MakeLibrary) -> None:
    style = "<style>p{color:red} @media (max-width:400px){p{color:blue}}</style>"
    html = mail(library(mail_html=f"<html><head>{style}</head><body><p>x</p></body></html>")).preview().html
    assert '<p style="color: red;">' in html
    assert "@media" in html


def test_the_preheader_is_hidden_text_before_everything_else(library: MakeLibrary) -> None:
    one = mail(library(mail_html=page("<p>x</p>")), preheader="{{ contact.first_name }} < {{ vars.coupon }}")
    preview = one.preview()
    assert preview.preheader == "Anna < CART5 & more"
    assert body_of(preview.html).startswith('<div style="display:none')
    assert ">Anna &lt; CART5 &amp; more&#847;" in preview.html
    assert "Anna" not in preview.text


def test_the_token_of_a_gap_may_occur_in_the_template(library: MakeLibrary) -> None:
    one = mail(library(mail_html=page("xco7qv0x {{ contact.first_name }}")))
    assert body_of(one.preview().html) == "xco7qv0x Anna"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://shop.example/p", f"https://shop.example/p?{ADDED}"),
        ("https://www.shop.example/p?a=1#top", f"https://www.shop.example/p?a=1&{ADDED}#top"),
        ("https://shop.example/?utm_source=x", f"https://shop.example/?utm_source=x&{ADDED.partition('&')[2]}"),
        ("https://notshop.example/p", "https://notshop.example/p"),
        ("https://shop.example@evil.example/", "https://shop.example@evil.example/"),
        ("mailto:a@shop.example", "mailto:a@shop.example"),
        ("*|UNSUB|*", "*|UNSUB|*"),
        ("https://shop.example/*|UNSUB|*", "https://shop.example/*|UNSUB|*"),
    ],
)
def test_utm_parameters_go_on_own_links_once(address: str, expected: str) -> None:
    assert UTM.tagged(address) == expected
    assert UTM.tagged(expected) == expected


@pytest.mark.parametrize(
    ("href", "expected"),
    [
        ("{{ cart.url }}", f"https://shop.example/cart/1?{ADDED}"),
        ("https://shop.example/a", f"https://shop.example/a?{ADDED}"),
        ("https://shop.example/a?b={{ contact.first_name }}", f"https://shop.example/a?{ADDED}&b=Anna"),
        ("https://shop.example/{{ contact.first_name }}", f"https://shop.example/Anna?{ADDED}"),
        ("https://shop.example/{{ contact.first_name }}/x#y", f"https://shop.example/Anna/x?{ADDED}#y"),
        ("https://shop.example{{ contact.first_name }}", "https://shop.exampleAnna"),
        ("https://other.example/{{ contact.first_name }}", "https://other.example/Anna"),
        ("{{ cart.url | utm }}", f"https://shop.example/cart/1?{ADDED}"),
    ],
)
def test_utm_parameters_reach_links_made_of_values(library: MakeLibrary, href: str, expected: str) -> None:
    one = mail(library(mail_html=page(f'<a href="{href}">go</a>')), utm={"campaign": "spring sale"})
    assert body_of(one.preview().html).replace("&amp;", "&") == f'<a href="{expected}">go</a>'
    assert one.preview().text == f"go ({expected})\n"


def test_the_plain_text_is_readable() -> None:
    html = """<html><head><title>no</title><style>no</style></head><body><div style="display:none">no</div>
    <h1>Your   cart</h1><p>Hello <b>Anna</b>,<br>it waits.</p><ul><li>Pump &amp; valve</li><li>Hose</li></ul>
    <ol><li>one</li><li>two</li></ol><table><tr><td>Total</td><td>12 €</td></tr></table>
    <a href="https://a.example/x"><img src="x" alt="Logo"></a><hr><a href="https://a.example">https://a.example</a>
    <!-- no --></body></html>"""
    assert text_of(html) == (
        "Your cart\n\nHello Anna,\nit waits.\n\n- Pump & valve\n- Hose\n\n1. one\n2. two\n\nTotal 12 €\n"
        "Logo (https://a.example/x)\n\n--------------------\n\nhttps://a.example\n"
    )


def test_a_text_template_is_used_and_never_loses_the_unsubscribe_link(library: MakeLibrary) -> None:
    files = library(mail_html=page(FOOTER), mail_txt="Hi {{ contact.first_name }} <3\n")
    assert mail(files, context(first_name="A & <B>")).preview().text == "Hi A & ‹B› <3\n\n*|UNSUB|*\n"


def test_subject_and_preheader_are_one_line(library: MakeLibrary) -> None:
    one = mail(library(mail_html=page("x")), subject="\n{{ contact.first_name }},\n  hello ", preheader="a\nb")
    assert (one.preview().subject, one.preview().preheader) == ("Anna, hello", "a b")
