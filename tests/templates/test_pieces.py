"""What was printed stays apart from template text, through macros, blocks and includes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.templates.conftest import FOOTER, body_of, context, mail, page

if TYPE_CHECKING:
    from tests.templates.conftest import MakeLibrary


def test_values_inside_a_macro_are_printed_values(library: MakeLibrary) -> None:
    source = "{% macro button(url, label) %}<a href='{{ url }}'>{{ label }}</a>{% endmacro %}"
    one = mail(library(mail_html=page(source + "{{ button(cart.url, contact.first_name) }}")))
    assert one.values == ("https://shop.example/cart/1", "Anna")


def test_values_inside_call_blocks_set_blocks_and_super_are_printed_values(library: MakeLibrary) -> None:
    layout = page("{% block main %}<i>{{ contact.last_name }}</i>{% endblock %}")
    child = """{% extends "layout.html" %}{% macro box() %}<p>{{ caller() | trim }}</p>{% endmacro %}
    {% block main %}{{ super() }}{% call box() %} <b>{{ contact.first_name }}</b> {% endcall %}
    {% set name %}<u>{{ account.name }}</u>{% endset %}{{ name }}{{ self.foot() }}{% endblock %}
    {% block foot %}<s>{{ contact.language }}</s>{% endblock %}"""
    one = mail(library(layout_html=layout, mail_html=child))
    assert one.values == ("Berg", "Anna", "Acme", "en")
    assert "<p><b>Anna</b></p>" in one.preview().html


def test_text_operations_on_a_macro_make_it_one_value_or_markup(library: MakeLibrary) -> None:
    source = "{% macro name() %}{{ contact.first_name }} & {{ contact.last_name }}{% endmacro %}"
    assert mail(library(mail_html=page(source + "{{ name() | upper }}"))).values == ("ANNA & BERG",)
    bold = "{% macro name() %}<b>{{ contact.first_name }}</b>{% endmacro %}{{ name() | replace('A', 'E') }}"
    one = mail(library(mail_html=page(bold)))
    assert one.values == ()
    assert "<b>Enna</b>" in one.preview().html


def test_what_is_the_same_for_every_recipient_is_template_text(library: MakeLibrary) -> None:
    source = '<p style="color: {{ vars.color }}">{{ vars.coupon }} {{ (now + days(3)) | date }} {{ campaign.name }}</p>'
    one = mail(library(mail_html=page(source)))
    assert one.values == ()
    assert "CART5 &amp; more Jan 8, 2026 c" in one.preview().html


def test_a_value_where_no_slot_can_stand_is_part_of_the_skeleton(library: MakeLibrary) -> None:
    source = page('<td width="{{ contact.first_name }}" class={{ contact.last_name }}>{{ account.name }}</td>')
    one = mail(library(mail_html="<style>p {}</style>" + source))
    assert one.values == ("Acme",)


def test_a_markup_value_is_part_of_the_skeleton_but_makes_no_tag(library: MakeLibrary) -> None:
    one = mail(library(mail_html=page("{{ contact.first_name | safe }}")), context(first_name="<b>*|EMAIL|*</b>"))
    assert one.values == ()
    assert "<b>* |EMAIL| *</b>" in one.preview().html


def test_a_filter_block_cannot_smuggle_a_tag(library: MakeLibrary) -> None:
    files = library(mail_html=page("x"), mail_txt="{% filter upper %}{{ contact.first_name }}{% endfilter %}")
    one = mail(files, context(first_name="*|email|*"))
    assert "*|" not in one.preview().text


def test_tags_of_the_author_pass_through_untouched_also_as_an_argument(library: MakeLibrary) -> None:
    source = "{% macro link(url) %}<a href='{{ url }}'>x</a>{% endmacro %}"
    source += "{% macro foot() %} *|LIST:ADDRESS|* {% endmacro %}"
    source += "{{ link('*|UNSUB|*') }}{{ foot() | trim }}"
    html = body_of(mail(library(mail_html=page(source)), utm={"campaign": "x"}).preview().html)
    assert html == '<a href="*|UNSUB|*">x</a>*|LIST:ADDRESS|*'


def test_none_prints_nothing(library: MakeLibrary) -> None:
    one = mail(library(mail_html=page("[{{ contact.first_name }}]" + FOOTER)), context(first_name=None))
    assert body_of(one.preview().html).startswith("[]")


@pytest.mark.parametrize(
    "statement", ["{% set now = 1 %}", "{% for contact in [] %}{% endfor %}", "{% macro vars() %}{% endmacro %}"]
)
def test_names_of_the_product_cannot_be_reassigned(library: MakeLibrary, statement: str) -> None:
    with pytest.raises(Exception, match="is a name of the product"):
        mail(library(mail_html=page(statement)))


def test_attributes_made_by_a_filter_stay_attributes(library: MakeLibrary) -> None:
    one = mail(library(mail_html=page("<p{{ {'id': contact.first_name} | xmlattr }}>x</p>")))
    assert body_of(one.preview().html) == '<p id="Anna">x</p>'
