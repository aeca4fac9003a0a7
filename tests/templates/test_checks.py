"""What is found in templates before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.templates.conftest import FOOTER, mail, page

from orchestrator.problems import Level
from orchestrator.templates.quality import Gate

if TYPE_CHECKING:
    from pathlib import Path

    from tests.templates.conftest import MakeLibrary

    from orchestrator.problems import Problem
    from orchestrator.templates.mail import Rendered

KNOWN = {
    "contact": {"first_name", "last_name"},
    "account": {"name"},
    "cart": {"lines", "total", "url"},
    "cart.lines": {"name", "quantity"},
    "orders": {"total", "placed_at"},
    "vars": {"coupon"},
}


def found(*rendered: Rendered) -> list[Problem]:
    gate = Gate()
    for one in rendered:
        gate.look(one)
    return gate.problems()


def test_a_good_template_has_no_problems(library: MakeLibrary) -> None:
    body = "{% for line in cart.lines | sort(attribute='name') %}{{ line.name }}{{ loop.index }}{% endfor %}"
    body += "{{ orders[0].total | money }}{{ (orders | first).placed_at | date }}{{ contact.nope is defined }}"
    body += "{% set who = contact.first_name or 'you' %}{{ who }}{{ vars.coupon }}{{ vars.nope | default('') }}"
    files = library(mail_html=page(body + FOOTER))
    assert files.check("mail", {"subject": "{{ contact.first_name }}"}, KNOWN) == []


@pytest.mark.parametrize(
    ("body", "place", "message", "hint"),
    [
        ("\n{{ contact.frist_name }}", (2, 4), "contact.frist_name does not exist", "Did you mean contact.first_name?"),
        ("{% for l in cart.lines %}\n{{ l.nmae }}{% endfor %}", (2, 4), "l.nmae does not exist", "Did you mean l.name"),
        ("{% if orders[0].totl %}{% endif %}", (1, 0), "orders.totl does not exist", ""),
        ("\n{{ contcat }}", (2, 4), "contcat does not exist", "Did you mean contact?"),
        ("\n{{ 1 | mony }}", (2, 0), "No filter named 'mony'.", ""),
        ("\n\n{% if %}", (3, 0), "Expected an expression, got 'end of statement block'", ""),
        ("\n{% include 'nope.html' %}", (2, 13), 'the template file "nope.html" does not exist', "File names are"),
    ],
)
def test_a_fault_is_found_with_its_line_and_a_hint(
    library: MakeLibrary, body: str, place: tuple[int, int], message: str, hint: str
) -> None:
    files = library(mail_html="{% include 'part.html' %}" + FOOTER, part_html=body)
    problems = [
        problem for problem in files.check("mail", {"subject": "s"}, KNOWN) if problem.file == "templates/part.html"
    ]
    assert [problem.message for problem in problems] == [message]
    assert problems[0].hint.startswith(hint)
    assert problems[0].line == place[0]
    if place[1]:
        assert problems[0].column == place[1]


def test_every_language_is_checked_and_a_fallback_is_asked_for(library: MakeLibrary, folder: Path) -> None:
    files = library(other_html="")
    (folder / "mail.sv.html").write_text("{{ contact.x }}" + FOOTER)
    (folder / "mail.de.html").write_text(FOOTER)
    assert [problem.message for problem in files.check("mail", {"subject": "s"}, KNOWN)] == [
        'the template "mail" has no fallback language'
    ]
    (folder / "mail.html").write_text(FOOTER)
    assert [problem.file for problem in files.check("mail", {"subject": "s"}, KNOWN)] == ["templates/mail.sv.html"]


def test_the_unsubscribe_link_and_the_postal_address_are_asked_for(library: MakeLibrary) -> None:
    files = library(mail_html=page("x"))
    messages = ["the postal address is missing", "the unsubscribe link is missing"]
    assert [problem.message for problem in files.check("mail", {"subject": "s"}, KNOWN)] == messages
    assert [problem.message for problem in found(mail(files)) if problem.level is Level.ERROR] == messages


def test_unknown_elements_of_mjml_are_found(library: MakeLibrary) -> None:
    files = library(mail_mjml=f"<mjml><mj-body><mj-sektion>\n{FOOTER}</mj-sektion></mj-body></mjml>")
    assert [p.message for p in files.check("mail", {"subject": "s"}, KNOWN)] == ["MJML has no element mj-sektion"]


def test_subject_and_preheader_are_checked(library: MakeLibrary) -> None:
    files = library(mail_html=page(FOOTER))
    problems = files.check("mail", {"subject": "{{ contact.x }}", "preheader": "{{ 1 | nope }}"}, KNOWN)
    assert [(problem.file, problem.message) for problem in problems] == [
        ("preheader", "No filter named 'nope'."),
        ("subject", "contact.x does not exist"),
    ]
