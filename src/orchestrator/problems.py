"""A problem in a marketer's file: the place, the cause and the next step, as a value."""

from __future__ import annotations

from dataclasses import dataclass


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

    def __str__(self) -> str:
        place = self.file
        if self.line:
            place += f":{self.line}"
            if self.column:
                place += f":{self.column}"
        lines = [f"{place}: {self.message}"]
        if self.excerpt and self.column:
            shown = self.excerpt.rstrip().replace("\t", " ")
            lines.append(f"    {shown}")
            lines.append("    " + " " * (self.column - 1) + "^" * max(1, self.width))
        if self.hint:
            lines.append(f"    {self.hint}")
        return "\n".join(lines)
