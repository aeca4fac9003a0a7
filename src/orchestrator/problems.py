"""A problem in a marketer's file: the place, the cause and the next step, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """What a problem means for the mail or the file that it is in."""

    ERROR = "error"
    """nothing of it is used or sent until it is mended"""
    WARNING = "warning"
    """it goes out; readers would be better served without it"""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One problem. Parsers collect them; one broken entry never hides the others."""

    file: str
    """path relative to the workspace"""
    line: int
    """1-based; 0 where the file as a whole is meant"""
    column: int
    """1-based; 0 where the line as a whole is meant"""
    message: str
    hint: str = ""
    """what to do now, one sentence"""
    excerpt: str = ""
    """the offending line of the file"""
    width: int = 1
    """length of the offending word, for the caret line"""
    level: Level = Level.ERROR

    def __str__(self) -> str:
        place = self.file
        if self.line:
            place += f":{self.line}"
            if self.column:
                place += f":{self.column}"
        word = "" if self.level is Level.ERROR else f"{self.level}: "
        lines = [f"{place}: {word}{self.message}"]
        if self.excerpt and self.column:
            shown = self.excerpt.rstrip().replace("\t", " ")
            lines.append(f"    {shown}")
            lines.append("    " + " " * (self.column - 1) + "^" * max(1, self.width))
        if self.hint:
            lines.append(f"    {self.hint}")
        return "\n".join(lines)
