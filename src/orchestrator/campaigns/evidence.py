"""What a decision rests on, kept with it: the conditions as they were, and the values of exactly their fields.

A run keeps the conditions once, by a key made from them (``Run.definition["conditions"]``), because a mail that waits
may be decided again after the files were edited; with them the places where each field's value stands. Each send keeps
the values of its latest decision (``Send.facts``), as the database gave them, unrounded::

    {"at": 1773046800,                  the moment of the decision
     "conditions": "3f9ac0d2e1b45a77",  which ones of the run
     "recomputed_at": 1773046200,       only where membership was found earlier than ``at``
     "since": 1772442000,               only with a cap: the mails since then count
     "values": [[6125040, "Europe", 16, null]]}

They are written by one statement for all candidates. ``kept.py`` reads them.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from orchestrator.campaigns.judge import DECIDED
from orchestrator.clock import to_epoch
from orchestrator.contacts.measures import CustomColumn
from orchestrator.contacts.profile import profile_query
from orchestrator.contacts.question import InTable
from orchestrator.segments.compile import compile_with_data
from orchestrator.segments.parts import filled
from orchestrator.store import runs as store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from orchestrator.contacts.profile import AnswerColumn, ProfileQuery
    from orchestrator.definitions.values import CampaignDefinition, SegmentDefinition, Settings
    from orchestrator.segments.field import Field
    from orchestrator.store.tables import Run

_JSON_TYPE = {"sqlite": "TEXT", "postgresql": "JSON"}
MOST_ARGUMENTS = 90
"""of one call in SQL; SQLite and PostgreSQL take about 100"""


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
    columns: Mapping[Field, AnswerColumn]
    """the fields, and where their values stand in a row of ``profile``"""
    profile: ProfileQuery
    """of the contacts in the table ``decided``"""

    @property
    def fields(self) -> tuple[Field, ...]:
        return tuple(self.columns)

    def document(self) -> dict[str, Any]:
        """As JSON: enough to read the values again when files, fields and data are others."""
        return {
            "segment": self.segment,
            "exclude": list(self.exclude),
            "where": dict(self.where),
            "files": dict(self.files),
            "fields": {field.name: _described(field, self.columns[field]) for field in self.fields},
            "columns": list(_names(self.columns.values())),
        }

    @property
    def key(self) -> str:
        """Equal for equal conditions."""
        return hashlib.sha256(json.dumps(self.document(), sort_keys=True).encode()).hexdigest()[:16]


def conditions_of(
    connection: Connection,
    settings: Settings,
    segments: Mapping[str, SegmentDefinition],
    campaign: CampaignDefinition,
    *,
    now: datetime,
) -> Conditions:
    """What decides about the campaign, as the files are now."""
    compiled = compile_with_data(connection, segments).segments
    own = [compiled[name] for name in (campaign.segment, *campaign.exclude) if name in compiled]
    names = dict.fromkeys(name for one in own for name in (one.name, *sorted(one.refers_to)))
    fields = dict.fromkeys(field for one in own for field in one.fields)
    profile = profile_query(
        [field.measure for field in fields],
        settings,
        now=now,
        dialect=connection.dialect.name,
        contacts=InTable(DECIDED),
        apart=True,
    )
    return Conditions(
        campaign.segment,
        campaign.exclude,
        {name: segments[name].where.strip() for name in names},
        {name: segments[name].fingerprint for name in names},
        {field: profile.columns[field.measure] for field in fields},
        profile,
    )


def keep_conditions(connection: Connection, run: Run, conditions: Conditions) -> None:
    """The run remembers them, beside those of earlier decisions."""
    known: Any = run.definition.get("conditions", {})
    if conditions.key not in known:
        kept = {**known, conditions.key: conditions.document()}
        store.set_run(connection, run, definition={**run.definition, "conditions": kept})


@dataclass(frozen=True, slots=True)
class DecidedQuery:
    """SQL that gives the rows of the table ``decided``, each with its ``facts`` as JSON."""

    sql: str
    parameters: Mapping[str, object]


@contextmanager
def with_facts(
    connection: Connection,
    settings: Settings,
    campaign: CampaignDefinition,
    conditions: Conditions,
    *,
    now: datetime,
) -> Iterator[DecidedQuery]:
    """What was decided, with the values that the conditions went by, of each contact that there is as of ``now``.

    The query holds within the block.
    """
    shared: dict[str, object] = {"at": to_epoch(now), "conditions": conditions.key}
    segment = store.segment_row(connection, campaign.segment)
    if segment is not None and segment.computed_at != to_epoch(now):
        shared["recomputed_at"] = segment.computed_at
    cap = settings.limits.per_contact
    if cap is not None:
        shared["since"] = to_epoch(now - cap.within)
    written = json.dumps(shared).removesuffix("}")
    parameters: dict[str, object] = {"nothing": written + "}"}
    dialect, profile = connection.dialect.name, conditions.profile
    facts, joined = "CAST(:nothing AS TEXT)", ""
    if conditions.columns:
        parameters |= {"some": f'{written}, "values": [', **profile.parameters}
        facts = f"CASE WHEN p.contact IS NULL THEN {facts} ELSE {_values(conditions, dialect)} END"
        joined = f" LEFT JOIN ({profile.sql}) p ON p.contact = d.contact"
    with filled(connection, profile.parts, profile.parameters):
        yield DecidedQuery(
            f"SELECT d.*, CAST({facts} AS {_JSON_TYPE[dialect]}) AS facts FROM {DECIDED} d{joined}", parameters
        )


def _values(conditions: Conditions, dialect: str) -> str:
    array = "json_array" if dialect == "sqlite" else "json_build_array"
    reals = {column.value for column in conditions.columns.values() if column.real}
    columns = [
        _exact(f"p.{name}", dialect) if name in reals else f"p.{name}" for name in _names(conditions.columns.values())
    ]
    parts = (columns[start : start + MOST_ARGUMENTS] for start in range(0, len(columns), MOST_ARGUMENTS))
    arrays = " || ', ' || ".join(f"CAST({array}({', '.join(part)}) AS TEXT)" for part in parts)
    return f"CAST(:some AS TEXT) || {arrays} || ']}}'"


def _exact(real: str, dialect: str) -> str:
    """A floating-point number as a text that gives it back."""
    return f"printf('%!.17g', {real})" if dialect == "sqlite" else f"CAST({real} AS TEXT)"


def _names(columns: Iterable[AnswerColumn]) -> Iterable[str]:
    return dict.fromkeys(
        chain.from_iterable((one.value, one.divisor) if one.divisor else (one.value,) for one in columns)
    )


def _described(field: Field, column: AnswerColumn) -> dict[str, object]:
    found: dict[str, object] = {"type": field.type.value, "source": field.source, "answer": asdict(column)}
    if isinstance(field.measure, CustomColumn):
        found |= {"table": field.measure.table, "column": field.measure.key, "decimals": field.measure.decimals}
    return found
