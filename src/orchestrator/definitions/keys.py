"""What a table may hold: the words in which ``config_keys``, ``segment_keys`` and ``campaign_keys`` describe it.

The parsers, the check for unknown keys, the JSON Schemas for editors and the tables of the README are all made
from these descriptions, so that they cannot disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.definitions import durations, rules
from orchestrator.definitions.kinds import Kind, Number, Text

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a table."""

    name: str
    rule: Rule
    meaning: str
    default: str = ""
    """as it would be written in the file; empty: none"""
    required: bool = False
    example: str = ""
    """as it would be written in the file"""
    only_with: str = ""
    """the word of the table's selector with which this key goes; empty: with each"""


@dataclass(frozen=True, slots=True)
class Table:
    """A table with known keys. ``selector`` names the key whose word decides which others go with it."""

    keys: tuple[Key, ...]
    selector: str = ""

    def key(self, name: str) -> Key | None:
        return next((key for key in self.keys if key.name == name), None)


@dataclass(frozen=True, slots=True)
class TableOf:
    """A table whose keys are names that the marketer chooses."""

    each: Rule
    name: Callable[[str], object] = str
    """rule for the names; raises Fault"""
    name_pattern: str = ""


@dataclass(frozen=True, slots=True)
class Tables:
    """Any number of ``[[tables]]``."""

    each: Table


@dataclass(frozen=True, slots=True)
class TextOrTable:
    """A table, or in short the text of its first key."""

    table: Table


Rule = Kind | Table | TableOf | Tables | TextOrTable

# -- kinds that several files use

DURATION = Text('a duration as "4 hours"', durations.parse_duration, durations.DURATION_PATTERN)
NAME = Text("a name", rules.key, f"^{rules.KEY}$")
LINES = Text(may_have_lines=True)
REMARK = Text(may_have_lines=True, may_be_empty=True)
SHARE = Number(0, 1, hint="30 percent is written 0.30.")
GROW_FACTOR = Number(1, hint="3.0 lets a segment grow to three times its size.")
