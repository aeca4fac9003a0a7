"""Where in the marketer's files something stands that was found in the compiled mail."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.templates.sources import all_sources

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.templates.mail import Skeleton

_SHORTEST = 3
"""a shorter text stands in too many lines to tell anything"""


class PlaceInFile(NamedTuple):
    """A line of a template, and the word in it that is meant."""

    file: str
    line: int
    """0: the file as a whole"""
    word: str


class Places:
    """Finds compiled things in the files that a skeleton was made of: the variant first, then what it includes."""

    def __init__(self, skeleton: Skeleton) -> None:
        self._file = skeleton.template
        self._skeleton = skeleton
        self._sites = skeleton.sites

    @cached_property
    def sources(self) -> dict[str, str]:
        """Name to text of the files; they are read when they are asked for."""
        library = self._skeleton.library
        found = all_sources(library.environment(library.settings.locale), [self._file])
        return {name: found.get(name, "") for name in (self._file, *sorted(found.keys() - {self._file}))}

    @cached_property
    def _lines(self) -> dict[str, list[str]]:
        return {name: source.splitlines() for name, source in self.sources.items()}

    def of_gap(self, gap: int) -> PlaceInFile:
        """Where a value is printed."""
        site = self._sites[gap]
        return PlaceInFile(site.file or self._file, site.line, "")

    def of_text(self, *needles: str) -> PlaceInFile:
        """The first line that holds one of the texts, tried in order."""
        for needle in needles:
            if len(needle) >= _SHORTEST:
                for name, lines in self._lines.items():
                    for number, line in enumerate(lines, 1):
                        if needle in line:
                            return PlaceInFile(name, number, needle)
        return PlaceInFile(self._file, 0, "")

    def of_parts(self, parts: Iterable[str | int], *needles: str) -> PlaceInFile:
        """Where parts of a compiled mail come from: the value in them, or their longest text."""
        parts = list(parts)
        gaps = [part for part in parts if isinstance(part, int)]
        if gaps:
            return self.of_gap(gaps[0])
        texts = sorted((line.strip() for part in parts for line in str(part).splitlines()), key=len, reverse=True)
        return self.of_text(*texts, *needles)
