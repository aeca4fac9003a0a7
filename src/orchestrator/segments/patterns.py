"""``like`` without a database's idea of letters: a pattern becomes sets of characters that each database matches alike.

Two characters are the same letter when their lower case is: é and É, ß and ẞ. SQLite reads the sets with GLOB,
PostgreSQL as a regular expression; neither needs to know a language, and no index or function of ours is involved.
"""

from __future__ import annotations

import re
from functools import cache


def as_glob(pattern: str) -> str:
    """For SQLite's GLOB."""
    parts = []
    for character in pattern:
        match character:
            case "%":
                parts.append("*")
            case "_":
                parts.append("?")
            case "*" | "?" | "[":
                parts.append(f"[{character}]")
            case _:
                same = _same_letter(character)
                parts.append(f"[{same}]" if len(same) > 1 else character)
    return "".join(parts)


def as_regex(pattern: str) -> str:
    """For PostgreSQL's ``~`` and Python's ``re`` (with DOTALL): the whole text."""
    parts = []
    for character in pattern:
        match character:
            case "%":
                parts.append(".*")
            case "_":
                parts.append(".")
            case _:
                same = _same_letter(character)
                if len(same) > 1:
                    parts.append(f"[{same}]")
                else:
                    parts.append(f"\\{character}" if character.isascii() and not character.isalnum() else character)
    return f"^{''.join(parts)}$"


def as_whole_regex(pattern: str) -> str:
    """For RE2 (DuckDB) and Java (Spark), told that a dot is any character and where the text ends."""
    return rf"(?s){as_regex(pattern)[:-1]}\z"


def matches(pattern: str, text: str) -> bool:
    """Whether the whole text matches."""
    return _compiled(pattern).match(text) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(as_regex(pattern)[:-1] + r"\Z", re.DOTALL)


def _same_letter(character: str) -> str:
    return _letters().get(character.lower(), character)


@cache
def _letters() -> dict[str, str]:
    """Lower case -> every character that has it, where there are several. One pass over Unicode, some milliseconds."""
    found: dict[str, list[str]] = {}
    for code in range(0x1F000):
        character = chr(code)
        lower = character.lower()
        if lower != character and len(lower) == 1:
            found.setdefault(lower, [lower]).append(character)
    return {lower: "".join(same) for lower, same in found.items()}
