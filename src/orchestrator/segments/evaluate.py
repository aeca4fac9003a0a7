"""Recompute every segment in one pass and record what changed, in one transaction.

1. compile the definitions; what cannot be compiled stays as it is
2. one profile query, of everybody or of those who may have changed (passes.py), gives each contact's new mask; the
   database keeps only those that differ from the stored ones
3. count who enters and leaves, and hold back what is past a guard, with everything that refers to it
4. log entries and leavings, store masks and sizes

A segment's first computation is its baseline: its members have not entered, they were there. So are those of a
segment whose file comes back. One whose file is gone loses its members, and that is logged.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Boolean, column, func, insert, select, table, text, update

from orchestrator.clock import to_epoch
from orchestrator.segments.compile import CompiledSegment, CompiledSegments, compile_with_data
from orchestrator.segments.difference import Counts
from orchestrator.segments.guards import held_by_guard
from orchestrator.segments.members import Member, holds, members_as_of, members_at, profiles, read_members
from orchestrator.segments.passes import Found, Pass, Scope
from orchestrator.segments.query import WORD, segment_query

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from orchestrator.definitions.values import SegmentDefinition, Settings
    from orchestrator.store.database import Database


__all__ = [
    "Found",
    "Member",
    "Recompute",
    "Scope",
    "SegmentResult",
    "holds",
    "members_as_of",
    "members_at",
    "profiles",
    "read_members",
    "recompute",
]


# by name: the table classes take longer to load than a small recompute
_segment = table(
    "segment",
    *(column(name) for name in ("id", "name", "bit", "fingerprint", "baseline_at", "computed_at", "size", "held")),
    column("active", Boolean),
)


@dataclass(frozen=True, slots=True)
class SegmentResult:
    """What a recompute did to one segment."""

    name: str
    size: int
    """members after it"""
    entered: int
    left: int
    duration_ms: int
    """its equal share of the one pass for all"""
    held: str | None
    """why its members were left as they were"""
    first: bool = False
    """computed for the first time: its members have not entered, they were there"""


@dataclass(frozen=True, slots=True)
class Recompute:
    """A recompute as of ``now``."""

    now: datetime
    recorded: bool
    """False: ``now`` is before the last recorded recompute; sizes were computed and nothing was written"""
    segments: tuple[SegmentResult, ...]
    found: Found
    """whom it computed, and why"""


def recompute(
    database: Database,
    settings: Settings,
    segments: Mapping[str, SegmentDefinition],
    *,
    now: datetime,
    force: bool = False,
    unreadable: Collection[str] = (),
    scope: Scope = Scope.EVERYBODY,
) -> Recompute:
    """Compute all segments as of ``now``.

    ``force`` carries out what a guard would hold. ``unreadable`` names segment files that exist but could not be
    read: those keep their members, where an absent file's would leave. ``scope`` changes what it costs, not what
    comes out.
    """
    started = time.perf_counter()
    with database.write() as connection:
        compiled = compile_with_data(connection, segments, unreadable=unreadable)
        last = connection.scalar(select(func.max(_segment.c.computed_at)))
        if last is not None and to_epoch(now) < last:
            sizes = _sizes(connection, settings, compiled, now, started)
            return Recompute(now, recorded=False, segments=sizes, found=Found("the moment is past", None))
        standing = _standing(connection, segments, compiled, set(unreadable))
        counts, held, found = _apply(connection, settings, segments, compiled, standing, now, scope, force=force)
    share = _share(started, len(compiled.segments))
    results = []
    for name in [*segments, *(name for name in standing.kept if name not in segments)]:
        known = standing.known.get(name)
        size = known.size if known and known.active else 0
        if name not in compiled.segments:
            results.append(SegmentResult(name, size, 0, 0, share, _why_kept(compiled, name)))
        elif name in held:
            results.append(SegmentResult(name, size, 0, 0, share, held[name]))
        elif name in standing.first:
            results.append(SegmentResult(name, counts[name].entered, 0, 0, share, None, first=True))
        else:
            entered, left = counts[name].entered, counts[name].left
            results.append(SegmentResult(name, size + entered - left, entered, left, share, None))
    return Recompute(now, recorded=True, segments=tuple(results), found=found)


@dataclass(frozen=True, slots=True)
class _Known:
    """A row of the table Segment."""

    id: int
    bit: int
    size: int
    active: bool


@dataclass(frozen=True, slots=True)
class _Standing:
    """Where each segment stands before the recompute."""

    known: Mapping[str, _Known]
    bits: Mapping[str, int]
    """of every compiled segment; new ones follow the highest that was ever given"""
    first: frozenset[str]
    """compiled ones that have no members yet: new, or back after their file was gone"""
    gone: Mapping[str, _Known]
    kept: Mapping[str, _Known]
    """files with a problem"""


def _standing(
    connection: Connection,
    segments: Mapping[str, SegmentDefinition],
    compiled: CompiledSegments,
    unreadable: set[str],
) -> _Standing:
    columns = [_segment.c[name] for name in ("name", "id", "bit", "size", "active")]
    known = {row.name: _Known(row.id, row.bit, row.size, row.active) for row in connection.execute(select(*columns))}
    next_bit = max((row.bit for row in known.values()), default=-1) + 1
    new = [name for name in compiled.segments if name not in known]
    bits = {name: known[name].bit for name in compiled.segments if name in known}
    bits |= {name: next_bit + number for number, name in enumerate(new)}
    active = {name: row for name, row in known.items() if row.active}
    return _Standing(
        known,
        bits,
        frozenset(compiled.segments.keys() - active.keys()),
        {name: row for name, row in active.items() if name not in segments and name not in unreadable},
        {
            name: row
            for name, row in active.items()
            if name not in compiled.segments and (name in segments or name in unreadable)
        },
    )


def _apply(
    connection: Connection,
    settings: Settings,
    segments: Mapping[str, SegmentDefinition],
    compiled: CompiledSegments,
    standing: _Standing,
    now: datetime,
    scope: Scope,
    *,
    force: bool,
) -> tuple[dict[str, Counts], dict[str, str], Found]:
    """Write what changed; the counts of each segment, why some were held, and how it was found."""
    epoch = to_epoch(now)
    every_bit = [*standing.bits.values(), *(row.bit for row in standing.known.values())]
    look = Pass(connection, settings, compiled, now=now, words=max(every_bit, default=0) // WORD + 1)
    found = look.find(standing.bits, {name: row.bit for name, row in standing.kept.items()}, scope)
    difference = look.difference
    counts = difference.counts(standing.bits)
    held = {} if force else _held(settings, segments, compiled, counts, standing)
    difference.hold(standing.bits[name] for name in held)

    logged: dict[int, int] = {}
    for name, one in compiled.segments.items():
        if name in held:
            _update(connection, name, held=held[name])
        elif name in standing.first:
            _save_baseline(connection, one, standing.bits[name], counts[name].entered, epoch)
        else:
            row, moved = standing.known[name], counts[name]
            if moved != Counts():
                logged[row.id] = row.bit
            size = row.size + moved.entered - moved.left
            _update(connection, name, held=None, size=size, fingerprint=one.fingerprint, computed_at=epoch)
    for name, row in standing.gone.items():
        logged[row.id] = row.bit
        _update(connection, name, held=None, size=0, active=False, computed_at=epoch)
    for name in standing.kept:
        _update(connection, name, held=_why_kept(compiled, name))
    difference.log(logged, now=epoch)
    difference.store()
    difference.drop()
    look.remember()
    return counts, held, found


def _held(
    settings: Settings,
    segments: Mapping[str, SegmentDefinition],
    compiled: CompiledSegments,
    counts: Mapping[str, Counts],
    standing: _Standing,
) -> dict[str, str]:
    """Segments past a guard, and those whose condition contains one of them."""
    held = {}
    for name in compiled.segments.keys() - standing.first:
        reason = held_by_guard(
            standing.known[name].size, counts[name].entered, counts[name].left, settings.guards, segments[name].guards
        )
        if reason:
            held[name] = reason
    for name, one in compiled.segments.items():
        if name not in held and (past := sorted(one.refers_to & held.keys())):
            held[name] = f"it refers to in_segment('{past[0]}'), which is held"
    return held


def _sizes(
    connection: Connection, settings: Settings, compiled: CompiledSegments, now: datetime, started: float
) -> tuple[SegmentResult, ...]:
    """How large each segment was at an earlier moment."""
    if not compiled.segments:
        return ()
    query = segment_query(compiled.segments.values(), settings, now=now, dialect=connection.dialect.name)
    counts = ", ".join(
        f"CAST(COALESCE(SUM(CASE WHEN {condition} THEN 1 ELSE 0 END), 0) AS BIGINT)"
        for condition in query.conditions.values()
    )
    row = connection.execute(text(f"SELECT {counts} FROM {query.profile} p"), dict(query.parameters)).one()
    share = _share(started, len(query.conditions))
    return tuple(SegmentResult(name, size, 0, 0, share, None) for name, size in zip(query.conditions, row, strict=True))


def _save_baseline(connection: Connection, one: CompiledSegment, bit: int, size: int, epoch: int) -> None:
    values = {"fingerprint": one.fingerprint, "baseline_at": epoch, "computed_at": epoch, "size": size}
    if not _update(connection, one.name, held=None, active=True, **values):
        connection.execute(insert(_segment).values(name=one.name, bit=bit, held=None, active=True, **values))


def _update(connection: Connection, name: str, **values: object) -> bool:
    return connection.execute(update(_segment).where(_segment.c.name == name).values(**values)).rowcount > 0


def _why_kept(compiled: CompiledSegments, name: str) -> str:
    return f"{compiled.unusable.get(name, 'its file has a problem')}; `campaigns check` says where"


def _share(started: float, segments: int) -> int:
    return round(1000 * (time.perf_counter() - started) / max(1, segments))
