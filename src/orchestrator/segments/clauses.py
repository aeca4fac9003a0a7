"""A condition over known values, clause by clause: no database is needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.contacts.values import Shown, shown
from orchestrator.segments.tree import Every, Member, fields_of, render
from orchestrator.segments.truth import truth

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.contacts.measures import Measure
    from orchestrator.contacts.values import Exact
    from orchestrator.segments.tree import Condition


@dataclass(frozen=True, slots=True)
class Clause:
    """One of the conditions that ``and`` joins."""

    text: str
    value: Shown | Mapping[str, Shown]
    """of its field; by name where it has several; whether it is a member, for in_segment"""
    result: bool | None
    """None: not true because a value is unknown"""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A contact is a member when every clause is True."""

    member: bool
    clauses: tuple[Clause, ...]


def explain_condition(condition: Condition, values: Mapping[Measure, Exact]) -> Explanation:
    """Explain a condition over known values."""
    parts = condition.parts if isinstance(condition, Every) else (condition,)
    clauses = tuple(Clause(render(part), _value(part, values), truth(part, values)) for part in parts)
    return Explanation(truth(condition, values) is True, clauses)


def _value(part: Condition, values: Mapping[Measure, Exact]) -> Shown | Mapping[str, Shown]:
    if isinstance(part, Member):
        return truth(part, values) is True
    fields = {field.name: shown(values[field.measure], field.type) for field in fields_of(part)}
    return next(iter(fields.values())) if len(fields) == 1 else (fields or None)
