"""Why a contact is, or is not, in a segment: each part of the condition with the values that decide it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

from orchestrator.contacts.values import Shown, shown
from orchestrator.errors import UsageError
from orchestrator.segments.members import compiled_segment, exact_values
from orchestrator.segments.tree import Every, Member, fields_of, render
from orchestrator.segments.truth import truth

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from orchestrator.contacts.measures import Measure
    from orchestrator.contacts.values import Exact
    from orchestrator.definitions.values import SegmentDefinition, Settings
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


def explain(
    connection: Connection,
    settings: Settings,
    segments: Mapping[str, SegmentDefinition],
    name: str,
    contact_id: str,
    *,
    now: datetime,
) -> Explanation:
    """Explain one contact, by the source's key. Raises UsageError where it did not exist at ``now``."""
    segment = compiled_segment(connection, segments, name)
    contacts = connection.scalars(text("SELECT id FROM contact WHERE key = :key"), {"key": contact_id}).all()
    found = list(exact_values(connection, settings, segment.fields, now=now, contacts=contacts))
    if not found:
        raise UsageError(f'There is no contact "{contact_id}" at {now.isoformat()}.')
    return explain_condition(segment.condition, found[0][1])


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
