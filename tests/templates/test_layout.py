"""Neighboring values share slots, wherever that reads the same for everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.templates.conftest import page
from tests.templates.test_mailings import SLOTS, assert_delivers, several

from orchestrator.templates.mailings import compile_mailings

if TYPE_CHECKING:
    from tests.templates.conftest import MakeLibrary

    from orchestrator.templates.mailings import Mailing

PEOPLE = [{"a": f"a{n}", "b": f"b{n}", "c": f"c{n}"} for n in range(3)]


def only(library: MakeLibrary, body: str, people: list[dict[str, Any]] | None = None, **settings: Any) -> Mailing:
    files = {"mail_html": page(body)} | ({"mail_txt": settings.pop("text")} if "text" in settings else {})
    rendered = several(library(**files), people or PEOPLE, **settings)
    plan = compile_mailings(rendered, slots=SLOTS, max_mailings=1)
    assert_delivers(plan, rendered)
    return plan.mailings[0]


def test_values_with_text_between_them_are_one_slot(library: MakeLibrary) -> None:
    mailing = only(library, "<p>{{ contact.a }} × {{ contact.b }}, {{ contact.c }}</p>")
    assert "<p>*|CO_1|*</p>" in mailing.html
    assert mailing.recipients["00001"] == {"CO_1": "a1 × b1, c1"}


@pytest.mark.parametrize("between", ["<br>", "&amp;", "\n", "*|FNAME|*", " " * 100], ids=lambda text: repr(text)[:12])
def test_what_a_merge_field_might_not_print_as_it_is_stays_in_the_mailing(library: MakeLibrary, between: str) -> None:
    body = "<p>{{ contact.a }}" + between + "{{ contact.b }}</p>"
    mailing = only(library, body, text=body)
    assert mailing.slots == ("CO_1", "CO_2")


def test_a_quote_may_stand_between_texts_and_not_between_attributes(library: MakeLibrary) -> None:
    assert only(library, "<p>{{ contact.a }}'s {{ contact.b }}</p>").slots == ("CO_1",)
    mailing = only(library, "<img src='https://x.example/{{ contact.a }}' title='{{ contact.b }}'>")
    assert mailing.slots == ("CO_1", "CO_2")


def test_neighbors_in_an_address_are_one_slot(library: MakeLibrary) -> None:
    mailing = only(library, "<a href='https://x.example/{{ contact.a }}/{{ contact.b }}?q={{ contact.c }}'>x</a>")
    assert "https://x.example/*|CO_1|*" in mailing.html
    assert mailing.recipients["00002"] == {"CO_1": "a2/b2?q=c2"}


def test_neighbors_that_also_stand_alone_somewhere_keep_their_own_slots(library: MakeLibrary) -> None:
    mailing = only(library, "<p>{{ contact.a }} {{ contact.b }} {{ contact.c }}</p>", subject="{{ contact.a }}")
    assert "<p>*|CO_1|* *|CO_2|*</p>" in mailing.html
    assert mailing.recipients["00000"] == {"CO_1": "a0", "CO_2": "b0 c0"}


def test_no_slot_begins_or_ends_with_a_space(library: MakeLibrary) -> None:
    people = [{"a": "", "b": "b", "c": "c"}, {"a": "a", "b": "", "c": "d"}, {"a": "a", "b": "b", "c": ""}]
    mailing = only(library, "<p>{{ contact.a }} {{ contact.b }} {{ contact.c }}</p>", people)
    assert mailing.slots == ("CO_1", "CO_2", "CO_3")
    mailing = only(library, "<p>{{ contact.a }} {{ contact.b }} {{ contact.c }}</p>", [*people[1:2], *PEOPLE])
    assert mailing.recipients["00000"] == {"CO_1": "a  d"}


def test_joining_saves_slots_or_is_not_done(library: MakeLibrary) -> None:
    long = [{"a": "a" * 240 + str(n), "b": "b" * 240 + str(n), "c": str(n)} for n in range(3)]
    mailing = only(library, "<p>{{ contact.a }}, {{ contact.b }}, {{ contact.c }}</p>", long)
    assert mailing.slots == ("CO_1", "CO_2")
    assert mailing.recipients["00001"]["CO_1"] == "a" * 240 + "1"
    assert mailing.recipients["00001"]["CO_2"] == "b" * 240 + "1, 1"


def test_text_that_would_complete_an_entity_is_not_joined(library: MakeLibrary) -> None:
    people = [{"a": "R&am", "b": "b"}, {"a": "x", "b": "c"}]
    assert only(library, "<p>{{ contact.a }}p; {{ contact.b }}</p>", people).slots == ("CO_1", "CO_2")
    assert only(library, "<p>{{ contact.a }} p; {{ contact.b }}</p>", people).slots == ("CO_1",)


def test_carts_of_eight_lines_fit_a_standard_audience(library: MakeLibrary) -> None:
    body = """<table>{% for line in contact.lines %}<tr><td><img src="{{ line.image }}"></td>
    <td>{{ line.quantity }} × {{ line.name }}</td><td>{{ line.total }}</td></tr>{% endfor %}</table>"""

    def line(person: int, number: int) -> dict[str, Any]:
        product = f"{person}-{number}"
        image = f"https://shop.example/img/{product}.jpg"
        return {
            "image": image,
            "quantity": f"{person}{number}",
            "name": f"Pump {product}",
            "total": f"{person * 3}.{number}",
        }

    people = [{"lines": [line(person, number) for number in range(8)]} for person in range(5)]
    mailing = only(library, body, people)
    assert len(mailing.slots) == 24
