"""Mails whose texts differ by a condition share a mailing where a slot can carry the difference."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from tests.templates.conftest import FOOTER, page
from tests.templates.test_mailings import SLOTS, assert_delivers, several

from orchestrator.templates.mailings import compile_mailings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.templates.conftest import MakeLibrary

    from orchestrator.templates.mailings import MailingPlan

GREETING = "{% if contact.name %}Hello {{ contact.name }}, we{% else %}We{% endif %} have kept your cart."
PEOPLE = [{"name": name} for name in ("Ada", "", "Bo", "Cy")]


def plan_of(
    library: MakeLibrary, people: list[dict[str, Any]], slots: Sequence[str] = SLOTS, **given: Any
) -> MailingPlan:
    files = {name: given.pop(name) for name in list(given) if name.startswith("mail_")}
    rendered = several(library(**files), people, **given)
    plan = compile_mailings(rendered, slots=slots, max_mailings=100)
    assert_delivers(plan, rendered)
    return plan


def test_a_condition_that_changes_words_makes_no_mailing_of_its_own(library: MakeLibrary) -> None:
    (only,) = plan_of(library, PEOPLE, mail_html=page(f"<p>{GREETING}</p>"), subject=GREETING).mailings
    assert "<p>*|CO_1|* have kept your cart.</p>" in only.html
    assert only.subject == "*|CO_1|* have kept your cart."
    greetings = {key: fields["CO_1"] for key, fields in only.recipients.items()}
    assert greetings == {"00000": "Hello Ada, we", "00001": "We", "00002": "Hello Bo, we", "00003": "Hello Cy, we"}


def test_it_does_in_mjml_and_in_a_plain_text_template_as_well(library: MakeLibrary) -> None:
    text = f"<mj-text>{GREETING}</mj-text><mj-text>{FOOTER}</mj-text>"
    mjml = f"<mjml><mj-body><mj-section><mj-column>{text}</mj-column></mj-section></mj-body></mjml>"
    (only,) = plan_of(library, PEOPLE, mail_mjml=mjml, mail_txt=f"{GREETING}\nBye", preheader=GREETING).mailings
    assert only.slots == ("CO_1",)


@pytest.mark.parametrize(
    "special", ["<b>!</b>", "&nbsp;!", "!\n!", "*|FNAME|*"], ids=["markup", "entity", "line", "tag"]
)
def test_what_a_slot_cannot_carry_stays_a_mailing(library: MakeLibrary, special: str) -> None:
    body = page("<p>Hello {% if contact.name %}" + special + "{% endif %}you</p>")
    assert len(plan_of(library, PEOPLE, mail_html=body).mailings) == 2


def test_many_conditions_over_a_loop_are_one_mailing_for_each_number_of_lines(library: MakeLibrary) -> None:
    line = "<p>{% if line.quantity > 1 %}{{ line.quantity }} × {% endif %}{{ line.name }}</p>"
    body = page("{% for line in contact.lines %}" + line + "{% endfor %}")
    people = [
        {"lines": [{"quantity": quantity, "name": f"n{at}"} for at, quantity in enumerate(quantities)]}
        for length in (1, 2, 5)
        for quantities in itertools.product((1, 2), repeat=length)
    ]
    assert len(plan_of(library, people, mail_html=body).mailings) == 3


def test_without_slots_each_text_is_a_mailing_and_no_more(library: MakeLibrary) -> None:
    body = page("<p>{% if contact.name %}Dear {% else %}Hello {% endif %}friend</p>")
    assert len(plan_of(library, PEOPLE, (), mail_html=body).mailings) == 2


def test_one_condition_is_given_up_where_slots_run_out(library: MakeLibrary) -> None:
    kind = "<p>{% if contact.vip %}Our very special{% else %}A{% endif %} greeting</p>"
    greeting = "<p>{% if contact.name %}Hello {{ contact.name }}{% else %}Hello{% endif %} there</p>"
    people = [{"name": f"N{n}" if n % 3 else "", "vip": n % 2} for n in range(12)]
    plan = plan_of(library, people, ("CO_1",), mail_html=page(kind + greeting))
    assert len(plan.mailings) == 2


def test_edges_with_spaces_are_left_in_the_mailing(library: MakeLibrary) -> None:
    body = page("<p>Hej {% if contact.name %}{{ contact.name }}! {% endif %}Vi har sparat den.</p>")
    (only,) = plan_of(library, PEOPLE, mail_html=body).mailings
    assert "<p>Hej *|CO_1|* har sparat den.</p>" in only.html
    assert only.recipients["00000"] == {"CO_1": "Ada! Vi"}


def test_a_value_that_would_leave_a_space_at_an_edge_keeps_them_apart(library: MakeLibrary) -> None:
    body = page("<p>{% if contact.vip %}VIP {{ contact.name }}{% else %}{{ contact.name }}{% endif %}</p>")
    people = [{"name": "Ada", "vip": True}, {"name": "", "vip": True}, {"name": "Bo", "vip": False}]
    assert len(plan_of(library, people, mail_html=body).mailings) == 2


def test_links_that_differ_stay_apart(library: MakeLibrary) -> None:
    body = page("<a href='https://shop.example/{% if contact.name %}a{% else %}b{% endif %}'>x</a>")
    assert len(plan_of(library, PEOPLE, mail_html=body).mailings) == 2


def test_spaces_that_the_plain_text_has_not_keep_them_apart(library: MakeLibrary) -> None:
    body = page("<p>{% if contact.name %}Dear  old friend{% else %}Hello{% endif %}</p>")
    assert len(plan_of(library, PEOPLE, mail_html=body).mailings) == 2
