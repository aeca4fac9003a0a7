"""A condition over known values, clause by clause: no database is needed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.contacts.values import Shown, shown
from orchestrator.segments.tree import Every, Member, Negation, Some, fields_of, render
from orchestrator.segments.truth import truth

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.contacts.measures import Measure
    from orchestrator.contacts.values import Exact
    from orchestrator.segments.tree import Condition


@dataclass(frozen=True, slots=True)
class Clause:
    """A part of a condition. At the top they are joined by ``and``."""

    text: str
    value: Shown | Mapping[str, Shown]
    """of its field; by name where it has several; whether it is a member, for in_segment"""
    result: bool | None
    """None: not true because a value is unknown"""
    parts: tuple[Clause, ...] = ()
    """what it is made of: the sides of ``and`` and ``or``, the other segment's clauses"""
    source: str = field(default="", compare=False)
    """where the values come from; "" where the parts say it"""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A contact is a member when every clause is True."""

    member: bool
    clauses: tuple[Clause, ...]


def explain_condition(condition: Condition, values: Mapping[Measure, Exact]) -> Explanation:
    """Explain a condition over known values."""
    return Explanation(truth(condition, values) is True, _clauses(condition, values))


def _clauses(condition: Condition, values: Mapping[Measure, Exact]) -> tuple[Clause, ...]:
    parts = condition.parts if isinstance(condition, Every) else (condition,)
    return tuple(_clause(part, values) for part in parts)


def _clause(part: Condition, values: Mapping[Measure, Exact]) -> Clause:
    core = part
    while isinstance(core, Negation):
        core = core.part
    if isinstance(core, Member):
        member = truth(core, values) is True
        return Clause(render(part), member, truth(part, values), _clauses(core.condition, values))
    found = fields_of(part)
    known = {one.name: shown(values[one.measure], one.type) for one in found}
    value = next(iter(known.values())) if len(known) == 1 else (known or None)
    if isinstance(core, Every | Some):
        parts = tuple(_clause(one, values) for one in core.parts)
        return Clause(render(part), value, truth(part, values), parts)
    source = "; ".join(dict.fromkeys(one.source for one in found))
    return Clause(render(part), value, truth(part, values), source=source)
