"""What was recorded of one contact in one segment: in or out at the last recompute, and every stay before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

from orchestrator.segments.query import WORD

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


@dataclass(frozen=True, slots=True)
class Stay:
    """A time as a member, in seconds since 1970."""

    entered: int | None
    """None: was there when the segment was first computed"""
    left: int | None
    """None: is there still"""


@dataclass(frozen=True, slots=True)
class Standing:
    """A contact in a segment that was computed at least once. Moments are seconds since 1970."""

    member: bool
    computed_at: int
    """of the last recompute that counted"""
    baseline_at: int
    """of the first computation of the file"""
    held: str | None
    """why its members were left as they were since"""
    stays: tuple[Stay, ...]
    """oldest first"""


def standing(connection: Connection, segment: str, contact: int) -> Standing | None:
    """What is recorded; None for a segment that was never computed."""
    found = connection.execute(
        text("SELECT id, bit, baseline_at, computed_at, held FROM segment WHERE name = :name"), {"name": segment}
    ).one_or_none()
    if found is None:
        return None
    mask = connection.scalar(
        text("SELECT mask FROM membership_mask WHERE contact = :contact AND word = :word"),
        {"contact": contact, "word": found.bit // WORD},
    )
    member = bool((mask or 0) >> (found.bit % WORD) & 1)
    changes = connection.execute(
        text("SELECT at, entered FROM membership_change WHERE segment = :segment AND contact = :contact ORDER BY at"),
        {"segment": found.id, "contact": contact},
    )
    stays: list[Stay] = []
    since: int | None = None
    for at, entered in changes:
        if entered:
            since = at
        else:
            stays.append(Stay(since, at))
            since = None
    if member:
        stays.append(Stay(since, None))
    return Standing(member, found.computed_at, found.baseline_at, found.held, tuple(stays))
