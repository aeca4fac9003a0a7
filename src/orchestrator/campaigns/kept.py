"""What was kept with a decision, read again: its values, and the clauses that it went by, as they were then.

Nothing of today plays a part: not the files, not the data. The texts are read by today's language; where a later one
should not understand them any more, the values still stand.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from orchestrator.contacts.measures import CustomColumn, ValueType
from orchestrator.contacts.profile import AnswerColumn
from orchestrator.contacts.values import exact, shown
from orchestrator.definitions.values import SegmentDefinition
from orchestrator.segments.clauses import explain_condition
from orchestrator.segments.compile import compile_segments

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.contacts.values import Exact, Shown
    from orchestrator.segments.clauses import Explanation
    from orchestrator.segments.compile import CompiledSegment


@dataclass(frozen=True, slots=True)
class Kept:
    """What one decision rested on. Moments are seconds since 1970."""

    at: int
    recomputed_at: int
    """when membership was found"""
    since: int | None
    """CAPPED: mails since then counted"""
    segment: str
    values: Mapping[str, Shown]
    sources: Mapping[str, str]
    explained: Mapping[str, Explanation]
    """segment -> its clauses; of the campaign's own and of those that it excludes"""
    files: Mapping[str, str]
    """segment -> fingerprint of the file that was used"""


def kept(definition: Mapping[str, Any], facts: Mapping[str, Any]) -> Kept | None:
    """By ``Run.definition`` and ``Send.facts`` (see evidence.py); None where nothing was kept."""
    conditions = definition.get("conditions", {}).get(facts.get("conditions"))
    if conditions is None:
        return None
    described: Mapping[str, Any] = conditions["fields"]
    values = values_of(conditions, facts)
    explained = {}
    for name, one in _compiled(conditions).items():
        if all(field.name in values for field in one.fields):
            known = {field.measure: values[field.name] for field in one.fields}
            explained[name] = explain_condition(one.condition, known)
    return Kept(
        at=facts["at"],
        recomputed_at=facts.get("recomputed_at", facts["at"]),
        since=facts.get("since"),
        segment=conditions["segment"],
        values={name: shown(value, ValueType(described[name]["type"])) for name, value in values.items()},
        sources={name: described[name]["source"] for name in values},
        explained=explained,
        files=conditions["files"],
    )


def values_of(conditions: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Exact]:
    """The exact values by field; none where the contact was yet to come. ``conditions``: of the run, those named."""
    if "values" not in facts:
        return {}
    row = dict(zip(conditions["columns"], chain.from_iterable(facts["values"]), strict=True))
    return {
        name: exact(AnswerColumn(**one["answer"]), ValueType(one["type"]), row)
        for name, one in conditions["fields"].items()
    }


def _compiled(conditions: Mapping[str, Any]) -> dict[str, CompiledSegment]:
    """The segment and the excluded ones, those that can be read."""
    definitions = {
        name: SegmentDefinition(name, f"segments/{name}.toml", where, 1, 1)
        for name, where in conditions["where"].items()
    }
    custom = {
        name: CustomColumn(one["table"], one["column"], ValueType(one["type"]), one["decimals"])
        for name, one in conditions["fields"].items()
        if "column" in one
    }
    compiled = compile_segments(definitions, custom).segments
    wanted = (conditions["segment"], *conditions["exclude"])
    return {name: compiled[name] for name in wanted if name in compiled}
