"""What is wrong with a template before anything is sent: files in, problems with line and remedy out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from jinja2 import TemplateError as JinjaError
from jinja2.exceptions import TemplateNotFound

from orchestrator.problems import Problem
from orchestrator.templates.document import UNSUBSCRIBE
from orchestrator.templates.environment import MARKUP_SUFFIXES
from orchestrator.templates.faults import TemplateError, at_line
from orchestrator.templates.quality import ADDRESS, NO_ADDRESS, NO_UNSUBSCRIBE
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
    subject: str,
    preheader: str | None,
    known: Mapping[str, AbstractSet[str]],
) -> list[Problem]:
    """Every problem of a template in all its languages, and of a campaign's subject and preheader.

    ``known``: see ``NameReader.unknown_uses``. The files "subject" and "preheader" stand for the campaign's lines.
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
    lines = {"subject": subject} | ({} if preheader is None else {"preheader": preheader})
    problems = _line_problems(library, lines, known)
    for file in library.files.variants(template):
        problems += _file_problems(library, file, known)
    return sorted(set(problems))


def _line_problems(
    library: TemplateLibrary, lines: Mapping[str, str], known: Mapping[str, AbstractSet[str]]
) -> list[Problem]:
    environment = library.checking
    problems: list[Problem] = []
    for name, source in lines.items():
        try:
            environment.compile(source, name, name)
        except JinjaError as error:
            problems += library.fault(error, lines).problems
    for use in library.names_read.unknown_uses(lines, known):
        problems.append(_unknown(library, use.file, use.line, use.word, use.suggestion, lines))
    return problems


def _file_problems(library: TemplateLibrary, file: str, known: Mapping[str, AbstractSet[str]]) -> list[Problem]:
    environment = library.checking
    sources = all_sources(environment, [file])
    problems: list[Problem] = []
    for name in sources:
        try:
            environment.get_template(name)
        except TemplateNotFound:
            continue
        except JinjaError as error:
            problems += library.fault(error, {}).problems
    problems += _missing_includes(library, sources)
    for use in library.names_read.unknown_uses(sources, known):
        problems.append(_unknown(library, use.file, use.line, use.word, use.suggestion, {}))
    if not file.endswith(MARKUP_SUFFIXES):
        return problems
    everything = "".join(sources.values())
    folder = library.folder.name
    if UNSUBSCRIBE not in everything:
        problems += at_line(file, 0, *NO_UNSUBSCRIBE, library.source_of, folder).problems
    if not ADDRESS.search(everything):
        problems += at_line(file, 0, *NO_ADDRESS, library.source_of, folder).problems
    if file.endswith(".mjml"):
        problems += _unknown_elements(library, sources)
    if not problems:
        problems += _compile_problems(library, file)
    return problems


def _missing_includes(library: TemplateLibrary, sources: Mapping[str, str]) -> list[Problem]:
    environment = library.checking
    problems: list[Problem] = []
    for name, source in sources.items():
        for line, text in enumerate(source.splitlines(), 1):
            for wanted in _REFERENCE.findall(text):
                try:
                    environment.get_template(wanted)
                except TemplateNotFound:
                    message = f'the template file "{wanted}" does not exist'
                    hint = "File names are relative to the templates folder."
                    fault = at_line(name, line, message, hint, library.source_of, library.folder.name, wanted)
                    problems += fault.problems
                except JinjaError:
                    continue
    return problems


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
                fault = at_line(name, line, message, hint, library.source_of, library.folder.name, tag)
                yield fault.problems[0]


def _compile_problems(library: TemplateLibrary, file: str) -> tuple[Problem, ...]:
    """Compile the template once with stand-in values. What they cannot render is left to real contacts."""
    sample = library.sample(file, {name: Sample() for name in _ROOTS})
    return () if sample is None else sample.problems


_ROOTS = ("contact", "account", "cart", "orders", "segment", "campaign", "vars", "now")


def _unknown(
    library: TemplateLibrary, file: str, line: int, word: str, suggestion: str, lines: Mapping[str, str]
) -> Problem:
    hint = f"Did you mean {suggestion}?" if suggestion else ""
    return at_line(
        file,
        line,
        f"{word} does not exist",
        hint,
        lambda name: lines.get(name) or library.source_of(name),
        library.folder.name,
        word,
    ).problems[0]


class Sample:
    """Stands for any value: a list of one, a text, a number, a mapping."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __getitem__(self, _: Any) -> Any:
        return self

    def __call__(self, *_: Any, **__: Any) -> Any:
        return self

    def __iter__(self) -> Iterator[Any]:
        yield self

    def __len__(self) -> int:
        return 1

    def __str__(self) -> str:
        return "sample"

    def __add__(self, other: Any) -> Any:
        return self

    __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __mod__ = __add__

    def __lt__(self, other: Any) -> bool:
        return False

    __gt__ = __le__ = __ge__ = __lt__
