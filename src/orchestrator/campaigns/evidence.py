"""What a decision rests on, kept with it: the conditions as they were, and the values of exactly their fields.

A run keeps the conditions once, by a key made from them (``Run.definition["conditions"]``), because a mail that waits
may be decided again after the files were edited. Each send keeps the values of its latest decision (``Send.facts``)::

    {"at": 1773046800,                  the moment of the decision
     "conditions": "3f9ac0d2e1b45a77",  which ones of the run
     "values": {"revenue_this_year": "61250.4", "region": "Europe", "cart_items": 16, "days_since_login": null},
     "recomputed_at": 1773046200,       only where membership was found earlier than ``at``
     "since": 1772442000}               only where capped: the mails since then count

Values are written as ``contacts.values.Stored`` says. They are asked for once for all contacts of a pass.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.campaigns.judge import verdicts
from orchestrator.clock import to_epoch
from orchestrator.contacts.measures import CustomColumn
from orchestrator.contacts.values import Exact, Stored, stored
from orchestrator.segments.compile import compile_with_data
from orchestrator.segments.members import aligned, exact_values
from orchestrator.store import runs as store
from orchestrator.vocabulary import Decision

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from orchestrator.campaigns.eligibility import Candidate, Verdict
    from orchestrator.contacts.measures import Measure
    from orchestrator.definitions.values import CampaignDefinition, SegmentDefinition, Settings
    from orchestrator.segments.field import Field
    from orchestrator.store.tables import Run

Facts = dict[str, object]


@dataclass(frozen=True, slots=True)
class Conditions:
    """The conditions that decide about a campaign, and the fields that they use; one that cannot be computed is left
    out.
    """

    segment: str
    exclude: tuple[str, ...]
    where: Mapping[str, str]
    """segment -> its condition as written; those that ``in_segment`` names included"""
    files: Mapping[str, str]
    """segment -> fingerprint of its file"""
    fields: tuple[Field, ...]

    def document(self) -> dict[str, Any]:
        """As JSON: enough to read the values again when files, fields and data are others."""
        return {
            "segment": self.segment,
            "exclude": list(self.exclude),
            "where": dict(self.where),
            "files": dict(self.files),
            "fields": {field.name: _described(field) for field in self.fields},
        }

    @property
    def key(self) -> str:
        """Equal for equal conditions."""
        return hashlib.sha256(json.dumps(self.document(), sort_keys=True).encode()).hexdigest()[:16]


def conditions_of(
    connection: Connection, segments: Mapping[str, SegmentDefinition], campaign: CampaignDefinition
) -> Conditions:
    """What decides about the campaign, as the files are now."""
    compiled = compile_with_data(connection, segments).segments
    own = [compiled[name] for name in (campaign.segment, *campaign.exclude) if name in compiled]
    names = dict.fromkeys(name for one in own for name in (one.name, *sorted(one.refers_to)))
    return Conditions(
        campaign.segment,
        campaign.exclude,
        {name: segments[name].where.strip() for name in names},
        {name: segments[name].fingerprint for name in names},
        tuple(dict.fromkeys(field for one in own for field in one.fields)),
    )


def keep_conditions(connection: Connection, run: Run, conditions: Conditions) -> None:
    """The run remembers them, beside those of earlier decisions."""
    known: Any = run.definition.get("conditions", {})
    if conditions.key not in known:
        kept = {**known, conditions.key: conditions.document()}
        store.set_run(connection, run, definition={**run.definition, "conditions": kept})


def judged(
    connection: Connection,
    settings: Settings,
    campaign: CampaignDefinition,
    conditions: Conditions,
    entries: Mapping[int, int | None],
    *,
    now: datetime,
    run: int,
) -> Iterator[tuple[Candidate, Verdict, Facts]]:
    """The verdict on each contact of ``entries`` with what it rests on, in the order of ids."""
    contacts = sorted(entries)
    fields = conditions.fields
    rows = exact_values(connection, settings, fields, now=now, contacts=contacts) if fields else iter(())
    segment = store.segment_row(connection, campaign.segment)
    shared: Facts = {"at": to_epoch(now), "conditions": conditions.key}
    if segment is not None and segment.computed_at != to_epoch(now):
        shared["recomputed_at"] = segment.computed_at
    cap = settings.limits.per_contact
    found = verdicts(connection, settings, campaign, entries, now=now, run=run)
    for (candidate, verdict), (_, values) in zip(found, aligned(contacts, rows), strict=True):
        facts = shared | {"values": _stored(fields, values or {})}
        if verdict.decision is Decision.CAPPED and cap is not None:
            facts["since"] = to_epoch(now - cap.within)
        yield candidate, verdict, facts


def _stored(fields: tuple[Field, ...], values: Mapping[Measure, Exact]) -> dict[str, Stored]:
    return {field.name: stored(values[field.measure]) for field in fields if field.measure in values}


def _described(field: Field) -> dict[str, object]:
    found: dict[str, object] = {"type": field.type.value, "source": field.source}
    if isinstance(field.measure, CustomColumn):
        found |= {"table": field.measure.table, "column": field.measure.key, "decimals": field.measure.decimals}
    return found
