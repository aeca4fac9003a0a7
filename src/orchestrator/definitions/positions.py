"""Where the keys and values of a TOML text stand: valid text in, a Place for each path out.

No TOML parser tells positions. This scanner does nothing else: it relies on ``tomllib`` having accepted the text,
so that it only has to tell where things begin and end, and never whether they are allowed.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from dataclasses import dataclass, field

Path = tuple[str | int, ...]
"""keys from the top of the file down; an element of an array by its 0-based index"""


@dataclass(frozen=True, slots=True)
class Span:
    """Part of a line: 1-based line and column, and the length up to the end of that line."""

    line: int
    column: int
    width: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a key and its value stand. For a table, both are the name in its header."""

    key: Span
    value: Span
    literal: str = ""
    """the value as written"""


TOP = Place(Span(1, 1, 1), Span(1, 1, 1))
"""the file as a whole"""


def positions(text: str) -> dict[Path, Place]:
    """Every key, array element, table and table header of a valid TOML text whose lines end in LF."""
    return _Scanner(text).document()


_BLANK = re.compile(r"(?:[ \t\n]+|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_KEY_PART = re.compile(r"""[A-Za-z0-9_-]+|"(?:\\.|[^"\\])*"|'[^']*'""")
_STRINGS = (
    re.compile(r'"""(?:\\.|[^\\])*?"""(?:"{0,2})', re.DOTALL),
    re.compile(r"'''.*?'''(?:'{0,2})", re.DOTALL),
    re.compile(r'"(?:\\.|[^"\\])*"'),
    re.compile(r"'[^']*'"),
)
_PLAIN = re.compile(r"[^,\]}#\n]*[^,\]}#\n \t]")


@dataclass(slots=True)
class _Scanner:
    text: str
    at: int = 0
    places: dict[Path, Place] = field(default_factory=dict)
    elements: dict[Path, int] = field(default_factory=dict)
    """the index of the newest ``[[table]]`` of each path"""
    line_starts: list[int] = field(default_factory=list)

    def document(self) -> dict[Path, Place]:
        self.line_starts = [0, *(found.end() for found in re.finditer("\n", self.text))]
        table: Path = ()
        self.skip(_BLANK)
        while self.at < len(self.text):
            if self.text.startswith("[", self.at):
                table = self.header(is_element=self.text.startswith("[[", self.at))
            else:
                self.pair(table)
            self.skip(_BLANK)
        return self.places

    def header(self, *, is_element: bool) -> Path:
        brackets = 2 if is_element else 1
        self.at += brackets
        start, parts, end = self.key()
        self.at += brackets
        place = Place(self.span(start, end), self.span(start, end))
        path: Path = ()
        for part in parts[:-1]:
            path = self.newest((*path, part), place)
        path = (*path, parts[-1])
        if is_element:
            self.places.setdefault(path, place)
            self.elements[path] = self.elements.get(path, -1) + 1
        path = self.newest(path, place)
        self.places[path] = place
        return path

    def newest(self, path: Path, place: Place) -> Path:
        """``path``, or its newest element where it is an array of tables; noted unless it already is."""
        if path in self.elements:
            path = (*path, self.elements[path])
        self.places.setdefault(path, place)
        return path

    def pair(self, table: Path) -> None:
        start, parts, end = self.key()
        key = self.span(start, end)
        self.at += 1  # the equals sign
        self.skip(_SPACE)
        for depth in range(1, len(parts)):
            self.places.setdefault((*table, *parts[:depth]), Place(key, key))
        self.value((*table, *parts), key)

    def key(self) -> tuple[int, tuple[str, ...], int]:
        """Start, parts and end of a perhaps dotted key; afterwards stands on what follows the blanks behind it."""
        self.skip(_SPACE)
        start = self.at
        parts: list[str] = []
        while True:
            raw = self.take(_KEY_PART)
            parts.append(raw if raw[0] not in "\"'" else next(iter(tomllib.loads(f"{raw}=0"))))
            end = self.at
            self.skip(_SPACE)
            if not self.text.startswith(".", self.at):
                return start, tuple(parts), end
            self.at += 1
            self.skip(_SPACE)

    def value(self, path: Path, key: Span | None) -> None:
        start = self.at
        match self.text[start]:
            case "[":
                self.array(path)
            case "{":
                self.inline_table(path)
            case '"' | "'":
                found = next(found for pattern in _STRINGS if (found := pattern.match(self.text, start)))
                self.at = found.end()
            case _:
                self.take(_PLAIN)
        span = self.span(start, self.at)
        self.places[path] = Place(key or span, span, self.text[start : self.at])

    def array(self, path: Path) -> None:
        self.at += 1
        index = 0
        self.skip(_BLANK)
        while not self.text.startswith("]", self.at):
            if self.text.startswith(",", self.at):
                self.at += 1
            else:
                self.value((*path, index), None)
                index += 1
            self.skip(_BLANK)
        self.at += 1

    def inline_table(self, path: Path) -> None:
        self.at += 1
        self.skip(_BLANK)
        while not self.text.startswith("}", self.at):
            if self.text.startswith(",", self.at):
                self.at += 1
            else:
                self.pair(path)
            self.skip(_BLANK)
        self.at += 1

    def skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        assert found, "positions() was given text that is not valid TOML"
        self.at = found.end()
        return found.group()

    def span(self, start: int, end: int) -> Span:
        line = bisect_right(self.line_starts, start)
        line_end = self.text.find("\n", start)
        stop = end if line_end < 0 else min(end, line_end)
        return Span(line, start - self.line_starts[line - 1] + 1, max(1, stop - start))
