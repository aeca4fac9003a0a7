"""A template's fault with its place: a Jinja2 or Python exception in, a TemplateError with file and line out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from jinja2 import Template, TemplateNotFound, TemplateSyntaxError, UndefinedError

from orchestrator.errors import DefinitionError
from orchestrator.problems import Level, Problem
from orchestrator.templates.remedies import SYNTAX, UnreadableTemplate, remedy

if TYPE_CHECKING:
    from collections.abc import Callable


NO_SUCH_NAME = "`campaigns fields` lists every field; {{ NAME | default('') }} prints nothing where a name is absent."


class Site(NamedTuple):
    """Where a template prints a value. Compiled templates hold it as a plain tuple."""

    file: str
    """name inside the templates folder, or "subject" / "preheader" """
    line: int
    """1-based; 0 where unknown"""
    escaped: bool
    """whether the place is HTML"""


class TemplateError(DefinitionError):
    """A template, a subject or a preheader cannot be rendered. ``problems`` says where and what to do."""


class TooManyMailings(TemplateError):
    """A template varies in more ways than slots and the limit on mailings allow."""


class UnknownName(UndefinedError):
    """An undefined name, with the nearest one that exists."""

    def __init__(
        self, message: str | None = None, *, name: str = "", nearest: str = "", of_nothing: bool = False
    ) -> None:
        super().__init__(message)
        self.name = name
        self.nearest = nearest
        self.of_nothing = of_nothing
        """the name was asked of a value that is null"""


def located(error: Exception, source_of: Callable[[str], str], folder: str) -> TemplateError:
    """``error`` as a TemplateError that names template, line and what to do.

    ``source_of`` gives the text of a template by its name ("" where there is none).
    """
    if isinstance(error, TemplateError):
        return error
    if isinstance(error, TemplateSyntaxError):
        message = error.message or "syntax error"
        return at_line(error.name or "", error.lineno, message, SYNTAX, source_of, folder)
    site = getattr(error, "printed_at", None) or _innermost_template_line(error)
    file, line = (site[0], site[1]) if site else ("", 0)
    if not site and isinstance(error, UnreadableTemplate):  # the very file that was asked for
        file = error.name or ""
    if isinstance(error, UnknownName):
        return _unknown_name(error, file, line, source_of, folder)
    message, hint = remedy(error)
    word = str(error.name or "") if isinstance(error, TemplateNotFound) else ""
    return at_line(file, line, message, hint, source_of, folder, word)


def at_line(  # a problem and its place
    file: str,
    line: int,
    message: str,
    hint: str,
    source_of: Callable[[str], str],
    folder: str,
    word: str = "",
    *,
    level: Level = Level.ERROR,
) -> TemplateError:
    """One problem at one line, with the line as excerpt; ``word`` is underlined where the line has it."""
    lines = source_of(file).splitlines()
    excerpt = lines[line - 1] if 0 < line <= len(lines) else ""
    column = excerpt.find(word) + 1 if word else 0
    name = file if is_line(file) else f"{folder}/{file}".removesuffix("/")
    return TemplateError([Problem(name, line, column, message, hint, excerpt, max(1, len(word)), level)])


_LINES = {"subject", "preheader", "subject_by_language", "preheader_by_language"}


def is_line(file: str) -> bool:
    """Whether the "file" of a problem is a line of a campaign: its subject or preheader, in some language."""
    return file.partition(".")[0] in _LINES and not file.endswith((".mjml", ".html", ".txt"))


def _unknown_name(
    error: UnknownName, file: str, line: int, source_of: Callable[[str], str], folder: str
) -> TemplateError:
    lines = source_of(file).splitlines()
    excerpt = lines[line - 1] if 0 < line <= len(lines) else ""
    written = re.search(rf"([\w.]+\.)?\b{re.escape(error.name)}\b", excerpt) if error.name else None
    word = written.group() if written else error.name
    owner = written.group(1) or "" if written else ""
    if error.of_nothing:
        message = f"{owner.removesuffix('.') or 'the value'} is unknown (null) for this reader and has no {error.name}"
        hint = "Test it first: {% if VALUE %} … {% endif %}, or give it another: (VALUE or '')."
        return at_line(file, line, message, hint, source_of, folder, word)
    message = f"{word} does not exist" if error.name else str(error)
    hint = f"Did you mean {owner}{error.nearest}?" if error.nearest else NO_SUCH_NAME
    if not error.name:
        hint = "Not every reader has it. Test it first: {% if LIST %} … or {% if KEY in TABLE %} … {% endif %}."
    return at_line(file, line, message, hint, source_of, folder, word)


def _innermost_template_line(error: BaseException) -> tuple[str, int] | None:
    found = None
    frame = error.__traceback__
    while frame is not None:
        template = frame.tb_frame.f_globals.get("__jinja_template__")
        if isinstance(template, Template):
            found = (template.name or "", template.get_corresponding_lineno(frame.tb_lineno))
        frame = frame.tb_next
    return found
