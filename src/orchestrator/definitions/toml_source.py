"""Read one TOML file: a Document whose every key knows its place, or the Problems that prevent it.

Decimal numbers stay exact (``Decimal``). What a Problem shows of a file has secrets blanked out, because people
paste such reports into tickets.
"""

from __future__ import annotations

import hashlib
import re
import stat
import tomllib
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from orchestrator.definitions.positions import TOP, Path, Place, Span, positions
from orchestrator.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path as FilePath

MOST_BYTES = 1_000_000
"""a larger file is no definition that somebody wrote"""


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file."""

    file: str
    """path relative to the workspace"""
    data: Mapping[str, object]
    places: Mapping[Path, Place]
    lines: tuple[str, ...]
    fingerprint: str

    def place(self, *path: str | int) -> Place:
        """Where that key stands, or else the nearest thing around it."""
        while path:
            if path in self.places:
                return self.places[path]
            path = path[:-1]
        return TOP

    def problem(self, span: Span, message: str, hint: str = "") -> Problem:
        """A Problem that shows the line and points at the span."""
        excerpt = excerpt_of(self.lines, span.line)
        return Problem(self.file, span.line, span.column, message, hint, excerpt, span.width)

    def file_problem(self, message: str, hint: str = "") -> Problem:
        """A Problem of the file as a whole."""
        return Problem(self.file, 1, 1, message, hint)


def read_bytes(path: FilePath, file: str) -> bytes | Problem:
    """The content of the file, or why it cannot be had."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return Problem(file, 1, 1, "this is a folder, not a file", "Rename or remove it.")
        if not stat.S_ISREG(mode):  # opening a pipe waits for who writes into it, perhaps for ever
            return Problem(file, 1, 1, "this is a pipe or a device, not a file", "Rename or remove it.")
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        return Problem(file, 1, 1, f"the file cannot be read: {reason}", "Check that it exists and its permissions.")
    if len(content) > MOST_BYTES:
        return Problem(file, 1, 1, "the file is larger than a megabyte", "Definitions are short; is it another file?")
    return content


def parse(content: bytes, file: str) -> Document | Problem:
    """The document, or the one Problem that makes the file unreadable as TOML."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return Problem(file, 1, 1, "the file is saved as UTF-16", 'Save it as "UTF-8" in your editor.')
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        return _not_utf8(content, error, file)
    lines = tuple(text.split("\n"))
    try:
        data = tomllib.loads(text, parse_float=Decimal)
        places = positions(text)
    except tomllib.TOMLDecodeError as error:
        return _syntax_problem(str(error), file, text, lines)
    except RecursionError:
        return Problem(file, 1, 1, "brackets are nested too deep", "A definition needs three levels at most.")
    except (ValueError, ArithmeticError):
        span = _longest_number(text)
        hint = "Shorten it."
        return Problem(file, span.line, span.column, "a number has too many digits", hint, "", span.width)
    return Document(file, data, places, lines, hashlib.sha256(content).hexdigest())


# -- what is shown of a file

_SECRET = re.compile(r"\b[0-9a-fA-F]{16,}-[a-z]{2,3}\d+\b")
_PASSWORD = re.compile(r"(?<=://)([^\s/@\"']*:)([^\s\"']+)(?=@)")
_KEY_LINE = re.compile(r"""^(.*?\b(?:api_key|webhook_secret|signing_secret)["']?\s*[=:]?\s*)(.*)$""")
_REFERENCE = re.compile(r"""^["']?(?:env|file):""")


def excerpt_of(lines: tuple[str, ...], line: int) -> str:
    """The line, with tabs as one blank and secrets as asterisks, so that columns stay what they are."""
    if not 1 <= line <= len(lines):
        return ""
    text = _SECRET.sub(lambda found: "*" * len(found.group()), lines[line - 1])
    text = _PASSWORD.sub(lambda found: found.group(1) + "*" * len(found.group(2)), text)
    key = _KEY_LINE.match(text)
    if key and not _REFERENCE.match(key.group(2)):
        text = key.group(1) + re.sub(r"[^\"'\s]", "*", key.group(2))
    return "".join(character if character.isprintable() else " " for character in text)


# -- syntax

_WHERE = re.compile(r"^(.*) \(at (?:line (\d+), column (\d+)|end of document)\)$", re.DOTALL)
_TWICE = re.compile(r"Cannot declare \((.*)\) twice", re.DOTALL)
_KEY_AND_EQUALS = re.compile(r"[\w.-]+\s*=")
_BARE_VALUE = re.compile(r"[^\s,\]}#=]+")


def _syntax_problem(error: str, file: str, text: str, lines: tuple[str, ...]) -> Problem:
    found = _WHERE.match(error)
    cause = found.group(1) if found else error
    if found and found.group(2):
        line, column = int(found.group(2)), int(found.group(3))
    else:
        line = len(text.rstrip().split("\n")) or 1
        column = len(lines[line - 1].rstrip()) + 1
    message, hint, span = _explained(cause, Span(line, column, 1), lines)
    return Problem(file, span.line, span.column, message, hint, excerpt_of(lines, span.line), span.width)


def _explained(cause: str, at: Span, lines: tuple[str, ...]) -> tuple[str, str, Span]:
    """The words of ``tomllib`` as ours: what is wrong, what to do, and where to point."""
    shown = lines[at.line - 1]
    rest = shown[at.column - 1 :]
    twice = _TWICE.fullmatch(cause)
    if twice:
        header = ".".join(re.findall(r"'([^']*)'", twice.group(1)))
        hint = "Move its lines into one place and delete the other header."
        return f"the table [{header}] stands twice in this file", hint, _whole(at, lines)
    if cause == "Cannot overwrite a value":
        return "this key stands twice in the same table", "Delete one of the two.", _whole(at, lines)
    quotes = _open_quotes(cause, lines)
    if quotes:
        opened = max(number for number, line in enumerate(lines, 1) if quotes in line)
        hint = f"End it with {quotes} on a line of its own."
        span = Span(opened, lines[opened - 1].rfind(quotes) + 1, 3)
        return f"the text opened by {quotes} is never closed", hint, span
    if cause in {"Unterminated string", r"Illegal character '\n'"}:
        quote = max(1, max(shown.rfind('"', 0, at.column - 1), shown.rfind("'", 0, at.column - 1)) + 1)
        hint = 'Close it on the same line, or use """ for a text of several lines.'
        return "a text has no closing quote", hint, Span(at.line, quote, max(1, len(shown.rstrip()) - quote + 1))
    if cause == "Invalid value":
        word = _BARE_VALUE.match(rest)
        if word is None:
            return "a value is missing here", "Write one behind the equals sign, or delete the line.", at
        span = Span(at.line, at.column, len(word.group()))
        if _KEY_AND_EQUALS.match(rest):
            return "a key is not expected here", "A list above is not closed by ].", span
        if word.group()[0] in "“”„‘’«":
            return "typographic quotes are not understood", 'Use straight quotes: "text".', span
        if word.group().lower() in {"true", "false", "yes", "no", "on", "off"}:
            return "this is not a value", 'Write true or false in lower case, or a text in quotes: "off".', span
        return "this is not a value", 'Texts stand in quotes: "text".', span
    message, hint = _SAID.get(cause, (f"this is not valid TOML: {cause[:1].lower()}{cause[1:]}", ""))
    return message, hint or "Each line is a [table], key = value, or a # comment.", at


def _open_quotes(cause: str, lines: tuple[str, ...]) -> str:
    """The delimiter of a text of several lines that is never closed, or ""."""
    if cause == "Expected \"'''\"":
        return "'''"
    is_open = cause == "Unterminated string" and sum(line.count('"""') for line in lines) % 2 == 1
    return '"""' if is_open else ""


_SAID = {
    "Expected '=' after a key in a key/value pair": (
        "an equals sign is missing behind the key",
        'Write key = value; a text of several lines stands in """.',
    ),
    "Expected newline or end of document after a statement": (
        "something follows the value on this line",
        "Write one key = value a line; a comment begins with #, and texts and times stand in quotes.",
    ),
    "Invalid statement": ("this is neither a [table] nor key = value", "A comment begins with #."),
    "Unclosed array": ("a list is not closed, or a comma is missing in it", 'Write ["one", "two"].'),
    "Unclosed inline table": (
        "a table in braces is not closed, or a comma is missing in it",
        "Write { key = value, key = value } on one line.",
    ),
    "Expected ']' at the end of a table declaration": ("the table's name is not closed", "Write [name]."),
    "Expected ']]' at the end of an array declaration": ("the table's name is not closed", "Write [[name]]."),
    "Invalid initial character for a key part": (
        "a key is expected here",
        "Keys are letters, digits, - and _; { … } has no comma behind its last value.",
    ),
    r"Unescaped '\' in a string": (
        "a backslash in a text needs another one",
        r"Write \\, or put the text in single quotes: 'C:\data'.",
    ),
    "Invalid date or datetime": ("there is no such day or time", "Write days as 2026-01-31."),
}


def _whole(at: Span, lines: tuple[str, ...]) -> Span:
    """The whole statement on the line of ``at``."""
    text = lines[at.line - 1]
    indent = len(text) - len(text.lstrip())
    return Span(at.line, indent + 1, max(1, len(text.strip())))


def _not_utf8(content: bytes, error: UnicodeDecodeError, file: str) -> Problem:
    before = content[: error.start]
    line = before.count(b"\n") + 1
    column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8-sig", "replace")) + 1
    message = f"the byte 0x{content[error.start]:02x} is not UTF-8"
    hint = 'Save the file as "UTF-8" in your editor; spreadsheets and old editors use other encodings.'
    shown = content.split(b"\n")[line - 1].decode("utf-8-sig", "replace").rstrip("\r")
    return Problem(file, line, column, message, hint, excerpt_of((shown,), 1))


def _longest_number(text: str) -> Span:
    start = max(re.finditer(r"\d+", text), key=lambda found: len(found.group())).start()
    return Span(text.count("\n", 0, start) + 1, start - (text.rfind("\n", 0, start) + 1) + 1, 1)
