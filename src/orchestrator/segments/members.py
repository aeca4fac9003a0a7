"""Who is in a segment, and what is known of contacts: reading only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import text

from orchestrator.clock import from_epoch, to_epoch
from orchestrator.contacts.custom import learn_custom_fields
from orchestrator.contacts.profile import profile_query
from orchestrator.contacts.values import Exact, Shown, exact, shown
from orchestrator.errors import DefinitionError, UsageError
from orchestrator.segments.compile import compile_with_data
from orchestrator.segments.fields import nearest, resolve
from orchestrator.segments.query import WORD, segment_query

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection, Row

    from orchestrator.contacts.measures import Measure
    from orchestrator.definitions.values import SegmentDefinition, Settings
    from orchestrator.segments.compile import CompiledSegment
    from orchestrator.segments.field import Field
    from orchestrator.store.database import Database

Values = TypeVar("Values")
STREAMED = {"yield_per": 2000}
"""for one statement: set on a connection it would hold for every statement after it, SAVEPOINT included"""


@dataclass(frozen=True, slots=True)
class Member:
    """A contact in a segment."""

    contact_id: str
    """the source's key"""
    email: str
    since: datetime
    """when it was found to have entered, or when the segment was first computed"""


# when the contact last entered, of what was recorded until a moment; entries of a file's former life do not count
_ENTERED = (
    "(SELECT MAX(x.at) FROM membership_change x WHERE x.contact = c.id AND x.segment = :segment"
    " AND x.entered AND x.at >= :baseline AND x.at <= :until)"
)


def read_members(connection: Connection, name: str) -> Iterator[Member]:
    """The recorded members of a segment. Raises UsageError for one that was never computed."""
    segment = _recorded(connection, name)
    if segment is None:
        raise UsageError(f'Segment "{name}" was never computed. `campaigns segments` computes and lists them.')
    rows = connection.execute(
        text(
            f"SELECT c.key, c.email, COALESCE({_ENTERED}, :baseline) FROM membership_mask m"
            " JOIN contact c ON c.id = m.contact"
            f" WHERE m.word = :word AND ((m.mask >> {segment.bit % WORD}) & 1) = 1 ORDER BY c.id"
        ),
        {
            "segment": segment.id,
            "baseline": segment.baseline_at,
            "until": 1 << 62,
            "word": segment.bit // WORD,
        },
        execution_options=STREAMED,
    )
    with rows:
        for key, email, since in rows:
            yield Member(key, email, from_epoch(since))


def members_as_of(
    connection: Connection,
    settings: Settings,
    segments: Mapping[str, SegmentDefinition],
    name: str,
    *,
    now: datetime,
) -> Iterator[Member]:
    """Who satisfies today's definition as of any moment, computed without being recorded.

    ``since`` is ``now`` for those who were not recorded as members by then.
    """
    segment = compiled_segment(connection, segments, name)
    known = _recorded(connection, name)
    query = segment_query([segment], settings, now=now, dialect=connection.dialect.name)
    latest, epoch = "NULL", to_epoch(now)
    parameters = dict(query.parameters)
    if known is not None and known.baseline_at <= epoch:
        # the latest note says whether it was a member; without any it was one if it is, and since the baseline
        latest = (
            "(SELECT CASE WHEN x.entered THEN x.at ELSE :until END FROM membership_change x"
            " WHERE x.contact = c.id AND x.segment = :segment AND x.at >= :baseline AND x.at <= :until"
            " ORDER BY x.at DESC LIMIT 1)"
        )
        recorded = (
            f"EXISTS (SELECT 1 FROM membership_mask m WHERE m.contact = c.id AND m.word = {known.bit // WORD}"
            f" AND ((m.mask >> {known.bit % WORD}) & 1) = 1)"
        )
        latest = f"COALESCE({latest}, CASE WHEN {recorded} THEN :baseline END)"
        parameters |= {"segment": known.id, "baseline": known.baseline_at, "until": epoch}
    rows = connection.execute(
        text(
            f"SELECT c.key, c.email, {latest} FROM {query.profile} p JOIN contact c ON c.id = p.contact"
            f" WHERE {query.conditions[name]} ORDER BY c.id"
        ),
        parameters,
        execution_options=STREAMED,
    )
    with rows:
        for key, email, since in rows:
            yield Member(key, email, now if since is None else from_epoch(since))


def members_at(
    database: Database,
    settings: Settings,
    segments: Mapping[str, SegmentDefinition],
    name: str,
    *,
    now: datetime,
) -> list[Member]:
    """Who is in a segment at ``now``: by its definition, or as recorded where a guard or a problem holds it back."""
    with database.read() as connection:
        known = _recorded(connection, name)
        if known is not None and known.held and known.computed_at <= to_epoch(now):
            return list(read_members(connection, name))
        return list(members_as_of(connection, settings, segments, name, now=now))


def holds(
    connection: Connection,
    settings: Settings,
    segments: Mapping[str, SegmentDefinition],
    name: str,
    *,
    now: datetime,
    contacts: Sequence[int],
) -> set[int]:
    """Which of these contacts (ids) satisfy the definition as of ``now``, without recording anything."""
    segment = compiled_segment(connection, segments, name)
    query = segment_query([segment], settings, now=now, dialect=connection.dialect.name, contacts=contacts)
    members = text(f"SELECT p.contact FROM {query.profile} p WHERE {query.conditions[name]}")
    return set(connection.scalars(members, dict(query.parameters)))


def profiles(
    connection: Connection,
    settings: Settings,
    fields: Sequence[str],
    *,
    now: datetime,
    contacts: Sequence[int] | None = None,
) -> Iterator[tuple[int, dict[str, Shown]]]:
    """Contact id and the named fields of each contact, in people's units; ``contacts`` (ids) None: everybody.

    Raises UsageError for a name that the catalogue does not have.
    """
    found = fields_named(connection, fields)
    for contact, values in exact_values(connection, settings, found.values(), now=now, contacts=contacts):
        yield contact, {name: shown(values[field.measure], field.type) for name, field in found.items()}


def fields_named(connection: Connection, fields: Sequence[str]) -> dict[str, Field]:
    """The catalogue's fields by name. Raises UsageError for a name that it does not have."""
    custom = learn_custom_fields(connection, {name for name in fields if name.startswith(("x_", "account_x_"))})
    found: dict[str, Field] = {}
    for name in fields:
        field = resolve(name, custom)
        if field is None:
            near = nearest(name, custom)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise UsageError(f'There is no field "{name}".{hint} `campaigns fields` lists every field.')
        found[name] = field
    return found


def exact_values(
    connection: Connection,
    settings: Settings,
    fields: Iterable[Field],
    *,
    now: datetime,
    contacts: Sequence[int] | None,
) -> Iterator[tuple[int, dict[Measure, Exact]]]:
    """Contact id and the exact answers to the fields' questions, in the order of ids.

    One query, however many contacts are named: what ranks everybody (RFM) is ranked once.
    """
    types = {field.measure: field.type for field in fields}
    query = profile_query(types, settings, now=now, dialect=connection.dialect.name, contacts=contacts)
    ordered = text(f"{query.sql} ORDER BY contact")
    with connection.execute(ordered, dict(query.parameters), execution_options=STREAMED) as rows:
        for row in rows.mappings():
            answers = {measure: exact(query.columns[measure], type_, row) for measure, type_ in types.items()}
            yield row["contact"], answers


def aligned(contacts: Iterable[int], rows: Iterator[tuple[int, Values]]) -> Iterator[tuple[int, Values | None]]:
    """Each of the contacts (ids, ascending) with its row; None for one that, as of the moment, is yet to come."""
    row = next(rows, None)
    for contact in contacts:
        while row is not None and row[0] < contact:
            row = next(rows, None)
        yield contact, row[1] if row is not None and row[0] == contact else None


def compiled_segment(connection: Connection, segments: Mapping[str, SegmentDefinition], name: str) -> CompiledSegment:
    compiled = compile_with_data(connection, segments)
    if name not in compiled.segments:
        own = [one for one in compiled.problems if name in segments and one.file == segments[name].file]
        if own:
            raise DefinitionError(own)
        reason = compiled.unusable.get(name, "there is no such file in segments/")
        raise UsageError(f'Segment "{name}" cannot be computed: {reason}. `campaigns check` says where.')
    return compiled.segments[name]


def _recorded(connection: Connection, name: str) -> Row[Any] | None:
    columns = "id, bit, baseline_at, computed_at, held"
    return connection.execute(
        text(f"SELECT {columns} FROM segment WHERE name = :name AND active"), {"name": name}
    ).one_or_none()
