"""Known ways out of a template, and random walks along them: every one ends in an error or in harmless text."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from tests.templates.conftest import SETTINGS, mail, page

from orchestrator.templates.faults import TemplateError
from orchestrator.templates.render import TemplateLibrary

if TYPE_CHECKING:
    from pathlib import Path

    from tests.templates.conftest import MakeLibrary

SECRET = "top-secret-marker"
PYTHON = re.compile(r"<(module|code|frame|traceback)\b|<class '(?!dict'|jinja2\.utils\.)|\[<class|_frozen_importlib")
"""what only somebody sees who got out; the name of a function that a template may call is harmless"""
ESCAPES = (
    "{{ days }}",
    "{{ contact.get }}",
    "{{ contact.first_name.title }}",
    "{{ cycler }}",
    "{{ cycler('a').next.__globals__ }}",
    "{{ joiner(',').__init__.__globals__ }}",
    "{{ namespace.__init__ }}",
    "{{ dict.__subclasses__() }}",
    "{{ [].__class__.__base__.__subclasses__() }}",
    "{{ ''['__cla' ~ 'ss__'] }}",
    "{{ ('{0.__cla' ~ 'ss__}').format(1) }}",
    "{{ '{0.__globals__}'.format(days) }}",
    "{{ '%s' % days }}",
    "{{ '%s' | format(days) }}",
    "{{ [days] | map(attribute='__globals__') | list }}",
    "{{ [1] | map('attr', '__class__') | list }}",
    "{{ [1] | groupby('__class__') }}",
    "{{ [1] | sum(attribute='__class__') }}",
    "{{ {'a b': 1} | xmlattr }}",
    "{{ (1).__class__ }}",
    "{{ now.__reduce__() }}",
    "{{ now.tzinfo.__init__ }}",
    "{{ cart.total.__class__ }}",
    "{{ contact.__getitem__ }}",
    "{{ days.__code__ }}",
    "{{ x.__class__ }}",
    "{{ caller.__class__ }}",
    "{{ self.__dict__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ loop.__class__ }}",
    "{% block a %}{{ super.__globals__ }}{% endblock %}",
    "{% for x in [1] %}{{ loop.__init__ }}{% endfor %}",
    "{% macro m() %}{{ caller.__class__ }}{% endmacro %}{% call m() %}{% endcall %}",
    "{% macro m() %}{% endmacro %}{{ m._func.__globals__ }}",
    "{% import 'os' as os %}{{ os }}",
    "{% import 'mail.html' as own with context %}{{ own.__loader__ }}",
    "{% set ns = namespace() %}{% set ns.__class__ = 1 %}{{ ns.__class__ }}",
    "{% include '../config.toml' %}",
    "{% include './../config.toml' %}",
    "{% include 'sub/config.toml' %}",
    "{% include 'out.html' %}",
    "{% include '/etc/passwd' %}",
    "{% include 'file:///etc/passwd' %}",
    "{% include 'out.html\\x00.html' %}",
    "{% include ['../config.toml', 'out.html'] ignore missing %}",
    "{% extends '../config.toml' %}",
    '<link rel="stylesheet" href="../config.toml">',
    '<style>@import url("../config.toml");</style>',
)

_NAMES = st.sampled_from(
    "contact account cart orders vars now campaign segment days hours cycler joiner namespace dict range self loop "  # noqa: SIM905 - names read better so
    "caller super lipsum x '' [] {} () 1 cart.lines contact.first_name now.tzinfo cart.total".split()
)
_ATTRIBUTES = st.sampled_from(
    "__class__ __mro__ __base__ __subclasses__ __globals__ __init__ __dict__ __code__ __builtins__ __import__ __doc__ "  # noqa: SIM905 - as above
    "__reduce__ __getattribute__ __call__ __self__ __func__ mro gi_frame f_globals func_globals im_func format "
    "format_map next items get pop update append title encode real tzinfo lines".split()
)
_FILTERS = st.sampled_from(
    (
        *("list", "string", "first", "tojson", "pprint", "e", "safe", "join", "length", "format('x')", "xmlattr"),
        *("attr('__class__')", "map(attribute='__class__')", "map('attr', '__globals__')", "items", "batch(2)"),
        *("groupby('__init__')", "sum(attribute='__class__')", "selectattr('__class__')", "default('y', true)"),
    )
)
_STEPS = st.one_of(
    _ATTRIBUTES.map(lambda name: f".{name}"),
    _ATTRIBUTES.map(lambda name: f"['{name}']"),
    _ATTRIBUTES.map(lambda name: f"['{name[:3]}' ~ '{name[3:]}']"),
    _FILTERS.map(lambda name: f" | {name}"),
    st.sampled_from(("()", "(1)", "('{0.__class__}')", "[0]", "[1]", " ~ ''", " % days", " * 2", " in contact")),
)
_WALKS = st.builds(lambda name, steps: f"({name})" + "".join(steps), _NAMES, st.lists(_STEPS, min_size=1, max_size=5))
_USES = st.sampled_from(
    (
        "{{{{ {0} }}}}",
        "{{% set y = {0} %}}{{{{ y }}}}",
        "{{% for y in {0} %}}{{{{ y }}}}{{% endfor %}}",
        "{{% if {0} %}}yes{{% endif %}}",
        "{{% include {0} %}}",
        "{{% with y = {0} %}}{{{{ y | string }}}}{{% endwith %}}",
        "{{{{ '{{0}}'.format({0}) }}}}",
    )
)

_PATHS = ("..", "/", "\\\\", ".", "out.html", "sub", "config.toml", "\\x00", "%2e", "~", "mail.html", "//")
_FUNCTIONS = ("{{ contact.first_name.title }}", "{{ days }}", "{{ vars.get }}", "{% macro m() %}{% endmacro %}{{ m }}")


@pytest.fixture(scope="module")
def confined(tmp_path_factory: pytest.TempPathFactory) -> TemplateLibrary:
    """A folder of templates beside a secret, with links that lead out."""
    root = tmp_path_factory.mktemp("workspace")
    (root / "config.toml").write_text(SECRET)
    folder = root / "templates"
    folder.mkdir()
    (folder / "out.html").symlink_to(root / "config.toml")
    (folder / "sub").symlink_to(root)
    return TemplateLibrary(folder, SETTINGS)


def _harmless(library: TemplateLibrary, body: str) -> None:
    (library.folder / "mail.html").write_text(page(body), encoding="utf-8")
    try:
        shown = mail(library).preview()
    except TemplateError as fault:
        told = str(fault).replace(body, "")
    else:
        told = f"{shown.subject}\n{shown.html}\n{shown.text}"
    assert SECRET not in told
    # the sandbox shows angle brackets of values as these
    assert not PYTHON.search(html.unescape(told).replace("‹", "<"))


@pytest.mark.parametrize("escape", ESCAPES, ids=range(len(ESCAPES)))
def test_a_known_escape_leads_nowhere(confined: TemplateLibrary, escape: str) -> None:
    _harmless(confined, escape)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_WALKS, _USES)
def test_no_walk_along_attributes_and_filters_reaches_python(confined: TemplateLibrary, walk: str, use: str) -> None:
    _harmless(confined, use.format(walk))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(_PATHS), max_size=7))
def test_no_name_of_a_file_leads_out_of_the_folder(confined: TemplateLibrary, parts: list[str]) -> None:
    _harmless(confined, f"{{% include '{''.join(parts)}' ignore missing %}}")


@pytest.mark.parametrize("wanted", _FUNCTIONS)
def test_a_function_that_is_printed_is_an_error_that_says_how_to_call_it(library: MakeLibrary, wanted: str) -> None:
    with pytest.raises(TemplateError, match="is a function") as fault:
        mail(library(mail_html=page(wanted)))
    assert "()" in str(fault.value)


def test_mjml_includes_no_file(library: MakeLibrary, folder: Path) -> None:
    (folder.parent / "config.toml").write_text(SECRET)
    body = '<mjml><mj-body><mj-include path="../config.toml" /><mj-text>x</mj-text></mj-body></mjml>'
    with pytest.raises(TemplateError):
        mail(library(mail_mjml=body))
