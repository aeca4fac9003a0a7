"""Compiled segments and a moment in, SQL out: the profile with each segment's condition over it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.contacts.profile import fenced, profile_query
from orchestrator.segments.sql import ConditionWriter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from orchestrator.contacts.question import InTable, Part
    from orchestrator.contacts.ranking import Ranking
    from orchestrator.definitions.values import Settings
    from orchestrator.segments.compile import CompiledSegment

WORD = 62
"""segments in one 64-bit mask: the sign is left alone, and the sum of all bits stays below it"""


@dataclass(frozen=True, slots=True)
class SegmentQuery:
    """SQL fragments over the alias ``p``, a subquery with one row a contact."""

    profile: str
    conditions: Mapping[str, str]
    """segment -> condition, true for members, false or null for the others"""
    parameters: Mapping[str, object]
    parts: tuple[Part, ...] = ()
    """temporary tables to be filled before, with the same parameters"""
    ranked: str = ""
    """SQL of the figures that RFM ranks, over the parts"""


def segment_query(
    segments: Iterable[CompiledSegment],
    settings: Settings,
    *,
    now: datetime,
    dialect: str,
    contacts: Sequence[int] | InTable | None = None,
    ranking: Ranking | None = None,
    apart: bool = False,
) -> SegmentQuery:
    """One profile for all the segments, with exactly the fields that they use; of ``contacts`` alone, if given."""
    segments = tuple(segments)
    measures = dict.fromkeys(field.measure for segment in segments for field in segment.fields)
    profile = profile_query(
        measures, settings, now=now, dialect=dialect, contacts=contacts, ranking=ranking, apart=apart
    )
    writer = ConditionWriter(dialect, profile.columns, "p")
    conditions = {segment.name: writer.sql(segment.condition) for segment in segments}
    return SegmentQuery(
        fenced(profile.sql, dialect),
        conditions,
        {**profile.parameters, **writer.parameters},
        profile.parts,
        profile.ranked,
    )


def mask_of(conditions: Mapping[int, str], word: int) -> str:
    """The mask of a word as SQL: the sum of the bits whose condition is true. ``conditions`` are by bit."""
    bits = [
        f"CASE WHEN {condition} THEN {1 << bit % WORD} ELSE 0 END"
        for bit, condition in sorted(conditions.items())
        if bit // WORD == word
    ]
    return f"CAST({' + '.join(bits)} AS BIGINT)" if bits else "CAST(0 AS BIGINT)"
