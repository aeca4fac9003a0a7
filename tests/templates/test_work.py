"""A template that multiplies is stopped, at its file and line, before it fills the memory or the hour."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.templates.conftest import context, mail, page

from orchestrator.templates.faults import TemplateError

if TYPE_CHECKING:
    from tests.templates.conftest import MakeLibrary


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{% for a in range(9999) %}{% for b in range(9999) %}\n{% endfor %}{% endfor %}", "does not come to an end"),
        ("{% for a in range(9999) %}{{ range(9999) | sum }}{% for b in range(99) %}{% endfor %}{% endfor %}", "an end"),
        ("{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(90) }}", "an end"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "itself without an end"),
        ("{% include 'mail.html' %}", "itself without an end"),
        ("{% for x in [1] recursive %}{{ loop([1, 1]) }}{% endfor %}", "itself without an end"),
        (
            "{% for a in range(9999) %}{{ 'x' * 999 ~ contact.first_name }}{% endfor %}",
            "the mail grows past 4,000,000 characters",
        ),
        ("{% for a in range(9999) %}{{ a }}" + "x" * 999 + "{% endfor %}", "the mail grows past 4,000,000 characters"),
        ("{% set ns = namespace(t='x') %}{% for a in range(60) %}{% set ns.t = ns.t ~ ns.t %}{% endfor %}", "too long"),
        ("{% set ns = namespace(t='x') %}{% for a in range(60) %}{% set ns.t = ns.t + ns.t %}{% endfor %}", "too long"),
        ("{% set ns = namespace(t=[1]) %}{% for a in range(60) %}{% set ns.t = ns.t + ns.t %}{% endfor %}", "list is"),
        ("{% set ns = namespace(t=9) %}{% for a in range(60) %}{% set ns.t = ns.t * ns.t %}{% endfor %}", "number is"),
        ("{{ 'x' * 10**9 }}", "the repetition is too long"),
        ("{{ [1] * 10**9 }}", "the repetition is too long"),
        ("{{ 2 ** 1000000000 }}", "the power is too large"),
        ("{{ (10 ** 999) ** 999 }}", "the power is too large"),
        ("{{ range(99999) | join('x' * 999) }}", "the text is too long"),
        ("{{ ('x' * 9999).join(['y'] * 9999) }}", "the text is too long"),
        ("{{ ('x' * 9999) | replace('x', 'y' * 9999) }}", "the text is too long"),
        ("{{ ('x' * 9999).replace('x', 'y' * 9999) }}", "the text is too long"),
        ("{{ 'x' | center(10**9) }}", "the text is too long"),
        ("{{ ['x'] | map('center', 10**9) | list }}", "the text is too long"),
        ("{{ 'x'.ljust(10**9) }}", "the text is too long"),
        ("{{ '{:>999999999}'.format(1) }}", "the text is too long"),
        ("{{ '{:>{w}}'.format(1, w=10**9) }}", "the text is too long"),
        ("{{ '%999999999d' % 1 }}", "the text is too long"),
        ("{{ '%*d' % (10**9, 1) }}", "the text is too long"),
        ("{{ '%999999999d' | format(1) }}", "the text is too long"),
        ("{{ [1] | batch(10**9, 'x') | list }}", "the list is too long"),
        ("{{ [1] | slice(10**9) | list }}", "the list is too long"),
    ],
)
def test_a_runaway_template_is_stopped_at_its_line(library: MakeLibrary, body: str, message: str) -> None:
    files = library(mail_html=page("\n{% include 'part.html' %}"), part_html="<p>\n" + body)
    with pytest.raises(TemplateError) as caught:
        mail(files)
    (problem,) = caught.value.problems
    assert message in problem.message
    place = ("templates/mail.html", 2) if "'mail.html'" in body else ("templates/part.html", 2)
    assert problem.hint
    assert problem.line
    if "itself" not in message:
        assert (problem.file, problem.line) == place


def test_a_runaway_subject_is_stopped_too(library: MakeLibrary) -> None:
    subject = "{% for a in range(9999) %}{% for b in range(99) %}{% endfor %}{% endfor %}"
    with pytest.raises(TemplateError, match="does not come to an end"):
        mail(library(mail_html=page("x")), subject=subject)


def test_a_large_honest_mail_is_not_stopped(library: MakeLibrary) -> None:
    lines = [{"name": f"Bolt {number}"} for number in range(2000)]
    body = "{% for line in cart.lines %}<p>{{ loop.index }} {{ line.name ~ '!' }} {{ '%.2f' % 3 }}</p>{% endfor %}"
    body += "{% for row in cart.lines | batch(3, '') %}{{ loop.last }}{{ loop.length }}{% endfor %}"
    body += "{{ cart.lines | map(attribute='name') | join(', ') }}{{ contact.first_name | center(40) }}"
    rendered = mail(library(mail_html=page(body)), context(cart={"lines": lines, "total": 1, "url": None}))
    assert "Bolt 1999" in rendered.preview().html


def test_the_same_mail_takes_the_same_work_each_time(library: MakeLibrary) -> None:
    files = library(mail_html=page("{% for a in range(400) %}{% for b in range(400) %}{% endfor %}{% endfor %}"))
    for _ in range(3):
        mail(files)
