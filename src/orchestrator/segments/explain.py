"""Why a contact is, or is not, in a segment: each part of the condition with the values that decide it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from orchestrator.errors import UsageError
from orchestrator.segments.clauses import Explanation, explain_condition
from orchestrator.segments.members import compiled_segment, exact_values

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from orchestrator.definitions.values import SegmentDefinition, Settings


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
