"""Where each character of a TOML string's value stands in the file.

A fault found inside a value, such as a wrong word of ``where``, is shown under the very word: escapes, cut line
ends and an opening line break shift what follows.
"""

from __future__ import annotations

import re

_ESCAPE = re.compile(r"\\(?:u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[ \t]*\n[ \t\n]*|.)", re.DOTALL)


def text_start(literal: str, line: int, column: int) -> tuple[int, int]:
    """Line and column of the first character of the value, for a literal that begins at ``line`` and ``column``."""
    quotes = 3 if literal.startswith(('"""', "'''")) else 1
    if quotes == 3 and literal.startswith("\n", 3):
        return line + 1, 1
    return line, column + quotes


def character_places(literal: str, line: int, column: int) -> list[tuple[int, int]]:
    """Line and column of each character of the value, and of the place behind its last one."""
    quotes = 3 if literal.startswith(('"""', "'''")) else 1
    basic = literal.startswith('"')
    end = len(literal) - quotes
    offsets = []
    at = quotes + (1 if quotes == 3 and literal.startswith("\n", 3) else 0)
    while at < end:
        escape = _ESCAPE.match(literal, at) if basic and literal[at] == "\\" else None
        if escape is None:
            offsets.append(at)
            at += 1
        else:
            if "\n" not in escape.group():
                offsets.append(at)
            at = escape.end()
    offsets.append(end)
    return [_place(literal, offset, line, column) for offset in offsets]


def _place(literal: str, offset: int, line: int, column: int) -> tuple[int, int]:
    breaks = literal.count("\n", 0, offset)
    if not breaks:
        return line, column + offset
    return line + breaks, offset - literal.rfind("\n", 0, offset)
