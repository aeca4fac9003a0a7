"""The sandbox, strict names and confined files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from jinja2 import meta
from tests.templates.conftest import context, mail, page

from orchestrator.templates.faults import TemplateError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.templates.conftest import MakeLibrary


@pytest.mark.parametrize(
    "escape",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ contact['__class__'] }}{{ ''['__class__'] }}",
        "{{ '{0.__class__.__mro__}'.format('') }}",
        "{{ '{x.__class__}'.format_map({'x': 1}) }}",
        "{{ ''|attr('__class__') }}",
        "{{ ['']|map(attribute='__class__')|first }}",
        "{{ cart.lines.append(1) }}",
        "{{ contact.update({'a': 1}) }}",
        "{{ days.__globals__ }}",
        "{{ self.__init__ }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ range(10000000) }}",
        "{{ 'a' * 100000000 }}",
        "{{ 9 ** 99999999 }}",
        "{% include '../secret.txt' %}",
        "{% include '/etc/hostname' %}",
        "{% include 'link.txt' %}",
        "{{ lipsum() }}",
        "{{ [1, 2] | random }}",
    ],
)
def test_the_sandbox_refuses(library: MakeLibrary, folder: Path, escape: str) -> None:
    (folder.parent / "secret.txt").write_text("secret")
    (folder / "link.txt").symlink_to(folder.parent / "secret.txt")
    with pytest.raises(TemplateError):
        mail(library(mail_html=page(escape)))


def test_an_unknown_name_is_an_error_with_file_line_and_the_nearest_name(library: MakeLibrary) -> None:
    files = library(mail_html=page("\n\n{% include 'part.html' %}"), part_html="<p>\n{{ contact.frist_name }}</p>")
    with pytest.raises(TemplateError) as caught:
        mail(files)
    assert str(caught.value) == (
        "templates/part.html:2:4: contact.frist_name does not exist\n"
        "    {{ contact.frist_name }}</p>\n"
        "       ^^^^^^^^^^^^^^^^^^\n"
        "    Did you mean contact.first_name?"
    )


@pytest.mark.parametrize(
    "use",
    [
        "{{ contact.nope or 'x' }}",
        "{% if contact.nope %}{% endif %}",
        "{% for x in contact.nope %}{% endfor %}",
        "{{ contact.nope.deeper }}",
        "{{ nope }}",
    ],
)
def test_every_use_of_an_unknown_name_is_an_error(library: MakeLibrary, use: str) -> None:
    with pytest.raises(TemplateError, match="does not exist"):
        mail(library(mail_html=page(use)))


def test_an_unknown_name_may_be_asked_for(library: MakeLibrary) -> None:
    one = mail(library(mail_html=page("{{ contact.nope is defined }} {{ contact.nope | default('x') }}")))
    assert one.values == ("False", "x")


def test_columns_come_before_the_methods_of_a_mapping(library: MakeLibrary) -> None:
    one = mail(library(mail_html=page("{{ contact.items }}")), context(items=3))
    assert one.values == ("3",)


def test_an_endless_include_is_an_error(library: MakeLibrary) -> None:
    with pytest.raises(TemplateError, match="without an end"):
        mail(library(mail_html="{% include 'mail.html' %}"))


def test_a_changed_file_is_seen_without_a_restart(library: MakeLibrary, folder: Path) -> None:
    files = library(mail_html=page("one"))
    assert "one" in mail(files).preview().html
    (folder / "mail.html").write_text(page("two, longer"))
    assert "two" in mail(files).preview().html
    (folder / "mail.sv.html").write_text(page("tre"))
    assert "tre" in mail(files, language="sv").preview().html


def test_mails_of_one_run_are_made_of_the_same_templates(library: MakeLibrary, folder: Path) -> None:
    files = library(mail_html=page("one {% include 'part.html' %}"), part_html="first")
    with files.steady():
        assert "one first" in mail(files).preview().html
        (folder / "mail.html").write_text(page("two, longer"))
        (folder / "part.html").write_text("second")
        assert "one first" in mail(files).preview().html
    assert "two, longer" in mail(files).preview().html


def test_a_constant_amount_is_written_in_the_language_of_each_mail(library: MakeLibrary) -> None:
    part = "{{ 1234.5 | money }} {{ (0.5 | number) ~ contact.first_name }}"
    source = page("{% include 'part.html' %}")
    files = library(mail_html=source, mail_sv_html=source, part_html=part)
    # what finds unknown names looks at the same texts first
    files.names_read.unknown_uses({"part.html": part}, {})
    for language, amount, number in (("en", "€1,234.50", "0.5Anna"), ("sv", "1&nbsp;234,50&nbsp;€", "0,5Anna")):
        for written in (language, f"{language}-{language.upper()}", language):
            html = mail(files, language=written).preview().html
            assert amount in html
            assert number in html


@pytest.mark.parametrize(
    "source",
    [
        "{{ a }}{% set b = c %}{{ b }}{% for d in e if f %}{{ loop.index }}{{ d.g }}{% else %}{{ d }}{% endfor %}",
        "{% macro m(x, y=z) %}{{ x }}{{ w }}{% endmacro %}{% call m(1) %}{{ v }}{% endcall %}",
        "{% if p %}{% set q = 1 %}{% endif %}{{ q }}{% filter upper %}{{ t }}{% endfilter %}",
        "{% block k %}{{ super() }}{{ self.k() }}{{ l }}{% endblock %}{% import n as o %}{{ o.x(days(3)) }}",
    ],
)
def test_what_a_compiled_text_reads_is_what_jinja_says(library: MakeLibrary, source: str) -> None:
    environment = library().environment("en")
    uncompiled = set(environment.undeclared(source, "x.html"))
    assert uncompiled == meta.find_undeclared_variables(environment.parse(source))
    environment.compile(source, "x.html", "x.html")
    assert environment.undeclared(source, "x.html") == uncompiled


def test_files_are_read_once_while_mails_of_one_run_are_made(library: MakeLibrary, folder: Path) -> None:
    files = library(
        mail_html=page("{% include ['blocks.' ~ contact.first_name ~ '.html', 'rest.html'] %}"), rest_html="r"
    )
    with files.steady():
        assert "r" in mail(files).preview().html
        (folder / "mail.html").unlink()
        assert files.source_of("mail.html")
    assert files.source_of("mail.html") == ""


def test_a_fault_in_the_subject_names_the_subject(library: MakeLibrary) -> None:
    with pytest.raises(TemplateError, match=r"^subject:1:4: contact\.frist_name does not exist"):
        mail(library(mail_html=page("x")), subject="{{ contact.frist_name }}")
