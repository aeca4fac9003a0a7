"""All segments of a workspace together: definitions in, conditions with every ``in_segment`` resolved out.

A referenced condition is put in place of the reference, so that all of them are computed in the same pass, as of the
same moment. What cannot be compiled is left out and named; it never stops the others.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.segments.characters import Fault
from orchestrator.segments.expression import Expression, parse, problem_at
from orchestrator.segments.tree import Condition, Every, InSegment, Member, Negation, Some, fields_of, render, walk

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy.engine import Connection

    from orchestrator.contacts.measures import CustomColumn
    from orchestrator.definitions.values import SegmentDefinition
    from orchestrator.problems import Problem
    from orchestrator.segments.field import Field

MAX_CHAIN = 30
"""segments that refer to each other one after the other"""
MAX_NODES = 20_000
"""parts of a condition with everything it refers to"""


@dataclass(frozen=True, slots=True)
class CompiledSegment:
    """One condition, complete in itself."""

    name: str
    condition: Condition
    fields: tuple[Field, ...]
    """those of the referenced segments included"""
    refers_to: frozenset[str]
    """segments whose conditions are part of this one, directly or through others"""
    fingerprint: str
    """of the meaning: spaces and comments do not count, referenced conditions do"""


@dataclass(frozen=True, slots=True)
class CompiledSegments:
    """What could be compiled, what could not and why."""

    segments: Mapping[str, CompiledSegment]
    problems: tuple[Problem, ...]
    unusable: Mapping[str, str]
    """name -> why it could not be compiled, in a few words"""


def compile_segments(
    segments: Mapping[str, SegmentDefinition],
    custom: Mapping[str, CustomColumn] | None = None,
    *,
    unreadable: Collection[str] = (),
) -> CompiledSegments:
    """Compile every segment. ``unreadable`` names files that exist but hold no readable definition."""
    compiler = _Compiler(segments, unreadable)
    for name, definition in segments.items():
        parsed = parse(definition, custom)
        if isinstance(parsed, Expression):
            compiler.expressions[name] = parsed
        else:
            compiler.problems += parsed
            compiler.unusable[name] = "its condition has a problem"
    for name in sorted(compiler.expressions):
        compiler.compile(name, ())
    return CompiledSegments(
        {name: compiler.done[name] for name in segments if name in compiler.done},
        tuple(sorted(compiler.problems)),
        compiler.unusable,
    )


def compile_with_data(
    connection: Connection, segments: Mapping[str, SegmentDefinition], *, unreadable: Collection[str] = ()
) -> CompiledSegments:
    """Compile with the custom fields that the database holds; only those that are mentioned are looked into."""
    from orchestrator.contacts.custom import learn_custom_fields  # noqa: PLC0415 -- `check` compiles without a database

    mentioned = {name for one in segments.values() for name in re.findall(r"\b(?:account_)?x_[a-z0-9_]+", one.where)}
    return compile_segments(segments, learn_custom_fields(connection, mentioned), unreadable=unreadable)


class _Compiler:
    """Depth first; a segment that is met again on its own path is a cycle."""

    def __init__(self, segments: Mapping[str, SegmentDefinition], unreadable: Collection[str]) -> None:
        self.segments = segments
        self.unreadable = unreadable
        self.expressions: dict[str, Expression] = {}
        self.done: dict[str, CompiledSegment] = {}
        self.sizes: dict[str, int] = {}
        self.problems: list[Problem] = []
        self.unusable: dict[str, str] = {}

    def compile(self, name: str, path: tuple[str, ...]) -> CompiledSegment | None:
        if name in self.done or name in self.unusable:
            return self.done.get(name)
        expression = self.expressions[name]
        for other in expression.segments:
            if not self._compile_reference(name, other, (*path, name)) and name not in self.unusable:
                self.unusable[name] = f"it refers to in_segment('{other}'), which cannot be computed"
        if name in self.unusable:
            return None
        parts = walk(expression.condition)
        size = sum(self.sizes[part.name] if isinstance(part, InSegment) else 1 for part in parts)
        if size > MAX_NODES:
            self._refuse(
                name, Fault(0, 1, "the condition is too large with all that it refers to", "Refer to fewer segments.")
            )
            return None
        self.sizes[name] = size
        condition = _resolved(expression.condition, self.done)
        referenced = [self.done[other] for other in expression.segments]
        meaning = [render(expression.condition), *sorted(f"{other.name} {other.fingerprint}" for other in referenced)]
        compiled = CompiledSegment(
            name,
            condition,
            tuple(dict.fromkeys([*expression.fields, *(field for other in referenced for field in other.fields)])),
            frozenset(expression.segments).union(*(other.refers_to for other in referenced)),
            hashlib.sha256("\n".join(meaning).encode()).hexdigest(),
        )
        assert set(compiled.fields) == set(fields_of(condition))
        self.done[name] = compiled
        return compiled

    def _compile_reference(self, name: str, other: str, path: tuple[str, ...]) -> bool:
        if other in path:
            circle = path[path.index(other) :]
            for member in circle:
                self.unusable[member] = "it refers to itself through " + ", ".join(circle)
            self._refuse(
                name,
                self._at_reference(
                    name,
                    other,
                    f"segments refer to each other in a circle: {' → '.join((*circle, other))}",
                    "Write one of the conditions out instead of referring to it.",
                ),
            )
            return False
        if other not in self.segments:
            if other not in self.unreadable:
                near = difflib.get_close_matches(other, [*self.segments, *self.unreadable], 1, 0.5)
                hint = f"Closest file: segments/{near[0]}.toml." if near else "There is no such file in segments/."
                self._refuse(name, self._at_reference(name, other, f'segment "{other}" does not exist', hint))
            return False
        if len(path) > MAX_CHAIN:
            message = f"more than {MAX_CHAIN} segments refer to each other one after the other"
            self._refuse(name, self._at_reference(name, other, message, "Shorten the chain."))
            return False
        return self.compile(other, path) is not None

    def _refuse(self, name: str, fault: Fault) -> None:
        self.problems.append(problem_at(self.segments[name], fault))
        self.unusable.setdefault(name, "its condition has a problem")

    def _at_reference(self, name: str, other: str, message: str, hint: str) -> Fault:
        quoted = re.escape(other.replace("'", "''"))
        found = re.search(rf"in_segment\s*\(\s*'{quoted}'\s*\)", self.segments[name].where)
        start, width = (found.start(), len(found[0])) if found else (0, 1)
        return Fault(start, width, message, hint)


def _resolved(condition: Condition, done: Mapping[str, CompiledSegment]) -> Condition:
    match condition:
        case InSegment(name):
            return Member(name, done[name].condition)
        case Every(parts):
            return Every(tuple(_resolved(part, done) for part in parts))
        case Some(parts):
            return Some(tuple(_resolved(part, done) for part in parts))
        case Negation(part):
            return Negation(_resolved(part, done))
        case _:
            return condition
