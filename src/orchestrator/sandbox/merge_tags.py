"""Mailchimp's merge tags: a text with ``*|TAG|*`` and conditional blocks, and what the tags stand for, in; text out.

    *|IF:TAG=value|* … *|ELSEIF:TAG>9|* … *|ELSE:|* … *|END:IF|*        *|IFNOT:TAG|* … *|END:IF|*

Operators ``= != > < >= <=``; no and/or, blocks nest. Text comparison minds case and spaces; ``< >`` compare numbers
where both sides are. A tag that nobody knows stays as it is, visible in the mail, as it does at Mailchimp.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

TAG = re.compile(r"\*\|(.+?)\|\*", re.DOTALL)
_CONDITION = re.compile(r"([^=!<>]+?)\s*(?:(!=|>=|<=|=|>|<)(.*))?", re.DOTALL)


class Meanings(Protocol):
    """What tags stand for in one mail."""

    def shown(self, tag: str) -> str | None:
        """What is put in its place; None: not a tag, stays."""
        ...

    def compared(self, tag: str) -> str:
        """What a condition looks at; empty for unknown tags."""
        ...


@dataclass(frozen=True, slots=True)
class Condition:
    tag: str
    operator: str
    value: str
    negated: bool

    def holds(self, meanings: Meanings) -> bool:
        return self._plain(meanings.compared(self.tag)) != self.negated

    def _plain(self, actual: str) -> bool:
        if not self.operator:
            return bool(actual)
        if self.operator in {"=", "!="}:
            return (actual == self.value) == (self.operator == "=")
        try:
            order = (float(actual) > float(self.value)) - (float(actual) < float(self.value))
        except ValueError:
            order = (actual > self.value) - (actual < self.value)
        return {">": order > 0, "<": order < 0, ">=": order >= 0, "<=": order <= 0}[self.operator]


@dataclass(frozen=True, slots=True)
class Tag:
    name: str
    source: str


@dataclass(frozen=True, slots=True)
class Block:
    """Branches in order; a branch without a condition is the ELSE."""

    branches: tuple[tuple[Condition | None, tuple[Node, ...]], ...]


Node = str | Tag | Block


def fill(text: str, meanings: Meanings) -> str:
    """The text with tags and conditional blocks carried out."""
    return "".join(_render(parse(text), meanings))


def fill_tags(text: str, meanings: Meanings) -> str:
    """Tags only: subject lines know no conditionals, so those stay as they are."""

    def replace(found: re.Match[str]) -> str:
        shown = meanings.shown(found[1].strip())
        return found[0] if shown is None else shown

    return TAG.sub(replace, text)


@lru_cache(maxsize=256)
def parse(text: str) -> tuple[Node, ...]:
    """Text, tags and nested blocks. A block that is never closed reaches to the end."""
    return _Parser(text).nodes()


class _Parser:
    def __init__(self, text: str) -> None:
        parts = TAG.split(text)  # text, tag, text, tag, …, text
        self._parts, self._at = parts, 0

    def nodes(self) -> tuple[Node, ...]:
        found: list[Node] = []
        while self._at < len(self._parts):
            found += self._until_branch()
            if self._at < len(self._parts):  # an ELSE or END:IF without its IF
                found.append(f"*|{self._parts[self._at]}|*")
                self._at += 1
        return tuple(found)

    def _until_branch(self) -> Iterator[Node]:
        """Nodes up to an ELSEIF, ELSE or END:IF, which is left for the caller."""
        found: list[Node] = []
        while self._at < len(self._parts):
            part = self._parts[self._at]
            if self._at % 2 == 0:
                if part:
                    found.append(part)
            elif part.startswith(("ELSEIF:", "ELSE:", "END:IF")):
                break
            elif part.startswith(("IF:", "IFNOT:")):
                found.append(self._block(part))
                continue
            else:
                found.append(Tag(part.strip(), f"*|{part}|*"))
            self._at += 1
        return iter(found)

    def _block(self, opening: str) -> Block:
        branches: list[tuple[Condition | None, tuple[Node, ...]]] = []
        condition: Condition | None = _condition(opening)
        while True:
            self._at += 1
            branches.append((condition, tuple(self._until_branch())))
            if self._at >= len(self._parts):
                break
            part = self._parts[self._at]
            if part.startswith("END:IF"):
                self._at += 1
                break
            condition = _condition(part) if part.startswith("ELSEIF:") else None
        return Block(tuple(branches))


def _condition(part: str) -> Condition:
    keyword, _, rest = part.partition(":")
    found = _CONDITION.fullmatch(rest)
    tag, operator, value = found.groups() if found else (rest, None, None)
    return Condition(tag.strip(), operator or "", value or "", negated=keyword == "IFNOT")


def _render(nodes: tuple[Node, ...], meanings: Meanings) -> Iterator[str]:
    for node in nodes:
        match node:
            case str():
                yield node
            case Tag(name, source):
                shown = meanings.shown(name)
                yield source if shown is None else shown
            case Block(branches):
                for condition, inner in branches:
                    if condition is None or condition.holds(meanings):
                        yield from _render(inner, meanings)
                        break
