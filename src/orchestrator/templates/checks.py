"""What is wrong with a template before anything is sent: files in, problems with line and remedy out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jinja2 import TemplateError as JinjaError
from jinja2.exceptions import TemplateNotFound

from orchestrator.problems import Problem
from orchestrator.templates.document import UNSUBSCRIBE
from orchestrator.templates.environment import MARKUP_SUFFIXES
from orchestrator.templates.expressions import choices_without_default, constant_faults
from orchestrator.templates.faults import TemplateError, at_line
from orchestrator.templates.quality import ADDRESS, NO_ADDRESS, NO_UNSUBSCRIBE
from orchestrator.templates.remedies import remedy
from orchestrator.templates.sources import all_sources

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Set as AbstractSet

    from orchestrator.templates.render import TemplateLibrary

_MJML_TAG = re.compile(r"<(mj-[\w-]+|mjml)\b")
_REFERENCE = re.compile(r"""{%-?\s*(?:include|extends|import|from)\s+["']([^"']+)["'](?!.*ignore missing)""")
_MJML = frozenset(
    """
    mjml mj-head mj-body mj-attributes mj-all mj-class mj-breakpoint mj-font mj-html-attributes mj-selector
    mj-html-attribute mj-preview mj-style mj-title mj-accordion mj-accordion-element mj-accordion-title
    mj-accordion-text mj-button mj-carousel mj-carousel-image mj-column mj-divider mj-group mj-hero mj-image
    mj-navbar mj-navbar-link mj-raw mj-section mj-social mj-social-element mj-spacer mj-table mj-text mj-wrapper
    """.split()  # noqa: SIM905  # a list of forty strings reads worse
)


def check_template(
    library: TemplateLibrary,
    template: str,
    lines: Mapping[str, str],
    known: Mapping[str, AbstractSet[str]],
) -> list[Problem]:
    """Every problem of a template in all its languages, and of a campaign's subject and preheader.

    ``known``: see ``NameReader.unknown_uses``. ``lines``: the campaign's subjects and preheaders, by the name of
    their keys, which stand for files here.
    """
    try:
        library.files.resolve(template, None)
    except TemplateError as missing:
        hint = f"Add {template}.mjml, or a variant for the workspace's language ({library.settings.locale})."
        variants = library.files.variants(template)
        first = missing.problems[0]
        if not variants:
            return [first]
        return [Problem(first.file, 0, 0, f'the template "{template}" has no fallback language', hint)]
    environment = library.environment(library.settings.locale)
    files = library.files.variants(template)
    sources = all_sources(environment, files) | dict(lines)
    problems = _uncompilable(library, lines)
    for file in files:
        problems += _file_problems(library, file)
    problems += _missing_includes(library, sources)
    faults = [*constant_faults(environment, sources), *choices_without_default(environment, sources)]
    for fault in faults:
        problems.append(_at(library, sources, fault.file, fault.line, fault.message, fault.hint))
    for use in library.names_read.unknown_uses(sources, known):
        hint = f"Did you mean {use.suggestion}?" if use.suggestion else ""
        problems.append(_at(library, sources, use.file, use.line, f"{use.word} does not exist", hint, use.word))
    return sorted(set(problems))


def _uncompilable(library: TemplateLibrary, lines: Mapping[str, str]) -> list[Problem]:
    problems: list[Problem] = []
    for name, source in lines.items():
        try:
            library.environment(library.settings.locale).compile(source, name, name)
        except (JinjaError, RecursionError, SyntaxError) as error:
            problems += library.fault(error, lines).problems
    return problems


def _file_problems(library: TemplateLibrary, file: str) -> list[Problem]:
    sources = all_sources(library.environment(library.settings.locale), [file])
    problems: list[Problem] = []
    # compiled as it will be rendered
    environment = library.environment(library.files.language_of(file) or library.settings.locale)
    if file not in sources:
        try:
            environment.get_template(file)
        except TemplateNotFound as error:
            return [_at(library, sources, file, 0, *remedy(error))]
    for name in sources:
        try:
            environment.get_template(name)
        except TemplateNotFound:
            continue
        except (JinjaError, RecursionError, SyntaxError) as error:
            problems += library.fault(error, {}).problems
    if not file.endswith(MARKUP_SUFFIXES):
        return problems
    everything = "".join(sources.values())
    if UNSUBSCRIBE not in everything:
        problems.append(_at(library, sources, file, 0, *NO_UNSUBSCRIBE))
    if not ADDRESS.search(everything):
        problems.append(_at(library, sources, file, 0, *NO_ADDRESS))
    if file.endswith(".mjml"):
        problems += _unknown_elements(library, sources)
    return problems


def _at(  # a problem and its place
    library: TemplateLibrary,
    sources: Mapping[str, str],
    file: str,
    line: int,
    message: str,
    hint: str,
    word: str = "",
) -> Problem:
    return at_line(file, line, message, hint, lambda name: sources.get(name, ""), library.folder.name, word).problems[0]


def _missing_includes(library: TemplateLibrary, sources: Mapping[str, str]) -> Iterator[Problem]:
    loader = library.environment(library.settings.locale).loader
    assert loader is not None
    for name, source in sources.items():
        for line, text in enumerate(source.splitlines(), 1):
            for wanted in _REFERENCE.findall(text):
                try:
                    loader.get_source(library.environment(library.settings.locale), wanted)
                except TemplateNotFound as error:
                    yield _at(library, sources, name, line, *remedy(error), wanted)


def _unknown_elements(library: TemplateLibrary, sources: Mapping[str, str]) -> Iterator[Problem]:
    for name, source in sources.items():
        for line, text in enumerate(source.splitlines(), 1):
            for tag in _MJML_TAG.findall(text):
                if tag == "mj-include":
                    message, hint = "mj-include is not available here", 'Use {% include "NAME.mjml" %}.'
                elif tag not in _MJML:
                    message, hint = f"MJML has no element {tag}", "It would be left out of the mail."
                else:
                    continue
                yield _at(library, sources, name, line, message, hint, tag)
