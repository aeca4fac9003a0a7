"""How a recompute finds what changed: everybody computed, or only those who may have changed, with the same outcome.

The stored masks are true, as of the moment of the last recompute, to everybody who was not touched since. So it is
enough to compute whoever was touched, whoever a moment of interest passed, and whoever an RFM cut passed. Where that
cannot be said (nothing recorded, other conditions or settings, a calendar period that began) or would not pay, one
pass computes everybody. A checked pass does both and compares them.
"""

from __future__ import annotations

import hashlib
import json
import logging
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, column, delete, insert, select, table

import orchestrator
from orchestrator.clock import from_epoch, to_epoch
from orchestrator.contacts.measures import Rfm
from orchestrator.contacts.profile import profile_query
from orchestrator.contacts.ranking import Ranker, Ranking, ranking_of
from orchestrator.segments.candidates import (
    ITSELF,
    OF_ACCOUNTS,
    ORDERED,
    Aspect,
    Candidates,
    facts_of,
    orders_of_accounts,
)
from orchestrator.segments.crossings import crossings
from orchestrator.segments.difference import Difference
from orchestrator.segments.duck import DIALECT, DIFFERING_FIGURES, NotByDuckDB, duck_over
from orchestrator.segments.parts import filled
from orchestrator.segments.query import segment_query
from orchestrator.store.statements import by_lookup
from orchestrator.store.touched import forget_touched

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection, Row

    from orchestrator.contacts.measures import OrderAge, OrderFigure
    from orchestrator.contacts.question import InTable
    from orchestrator.definitions.values import Settings
    from orchestrator.segments.candidates import Group
    from orchestrator.segments.compile import CompiledSegments
    from orchestrator.segments.duck import Duck
    from orchestrator.segments.query import SegmentQuery

log = logging.getLogger("orchestrator.segments")
# by name: the table classes take longer to load than a small recompute
_state = table(
    "recompute_state",
    *(column(name) for name in ("id", "at", "fingerprint", "full_at")),
    column("ranking", JSON(none_as_null=True)),
)


class Scope(StrEnum):
    """Whom a recompute computes."""

    CHANGED = "changed"
    """those who may have changed, where that can be told; else everybody"""
    EVERYBODY = "everybody"
    """everybody, whatever is known"""
    CHECKED = "checked"
    """those who may have changed, then everybody, and both are compared"""


@dataclass(frozen=True, slots=True)
class Found:
    """What a pass found, beside the difference itself."""

    everybody: str
    """why everybody was computed; "" where only those were who may have changed"""
    computed: int | None
    """contacts, where it was not everybody"""
    drift: Mapping[str, int] = field(default_factory=dict)
    """of a checked pass: segment -> contacts about whom the two ways disagree; empty where they agree"""

    @property
    def in_words(self) -> str:
        """The drift as a sentence without names of people, "" without any."""
        if not self.drift:
            return ""
        listed = ", ".join(f"{segment} ({contacts:,})" for segment, contacts in sorted(self.drift.items()))
        return f"recomputes since the last full one were wrong about contacts of {listed}; that is corrected"


def last_full(connection: Connection) -> datetime | None:
    """The moment as of which everybody was last computed."""
    moment = connection.scalar(select(_state.c.full_at))
    return None if moment is None else from_epoch(moment)


class Pass:
    """One recompute's look at the facts. ``difference`` holds what it finds."""

    def __init__(
        self, connection: Connection, settings: Settings, compiled: CompiledSegments, *, now: datetime, words: int
    ) -> None:
        self.connection = connection
        self.settings = settings
        self.segments = compiled.segments
        self.now = now
        self.difference = Difference(connection, words)
        self._candidates = Candidates(connection)
        self._ranker = Ranker(connection, settings, now)
        self._ranking: Ranking | None = None
        self._state: Row[Any] | None = connection.execute(select(_state)).one_or_none()

    def find(self, bits: Mapping[str, int], keep: Mapping[str, int], scope: Scope) -> Found:
        """Fill the difference. ``bits``: of each segment; those in ``keep`` cannot be computed and stay as stored."""
        self._fingerprint = self._fingerprint_of(bits, keep)
        self._candidates.create()
        if scope is Scope.EVERYBODY:
            forget_touched(self.connection)
        why = "it was asked for" if scope is Scope.EVERYBODY else self._find_candidates()
        drift: Mapping[str, int] = {}
        if not why:
            with by_lookup(self.connection):
                self._compute_candidates(bits, keep)
        if why or scope is Scope.CHECKED:
            if not why:
                self.difference.set_aside()
            self._compute_everybody(bits, keep, checking=not why)
            if not why:
                drift = self.difference.compare(bits)
                why = "it was checked"
        found = Found(why, None if why else self._candidates.count(), drift)
        self._candidates.drop()
        self._ranker.drop()
        self._full_at = to_epoch(self.now) if why or self._state is None else self._state.full_at
        return found

    def remember(self) -> None:
        """The stored masks are now true to what was found."""
        self.connection.execute(delete(_state))
        self.connection.execute(
            insert(_state).values(
                id=1,
                at=to_epoch(self.now),
                fingerprint=self._fingerprint,
                full_at=self._full_at,
                ranking=None if self._ranking is None else self._ranking.stored(),
            )
        )

    def _find_candidates(self) -> str:
        """Fill the table of candidates; why they are not enough, or ""."""
        state, segments = self._state, self.segments.values()
        if state is None or state.fingerprint != self._fingerprint or to_epoch(self.now) < state.at:
            forget_touched(self.connection)
            return "nothing is recorded yet" if state is None else "segments or settings changed"
        last = from_epoch(state.at)
        passed = crossings(segments, self.settings, last=last, now=self.now)
        with by_lookup(self.connection):
            self._candidates.take_touched(facts_of(segments))
            if not passed.everybody:
                self._candidates.add_spans(passed.spans, now=to_epoch(self.now))
                self._candidates.add_contacts_of_accounts()
        if passed.everybody:
            return passed.everybody
        if not self._candidates.too_many and self._ranks:
            self._follow_ranking(state.ranking)
            if self._ranking is None:
                return "the ranking has to be made anew"
        return "so much changed that it costs less" if self._candidates.too_many else ""

    def _follow_ranking(self, stored: Mapping[str, Any] | None) -> None:
        """Bring the ranking up to date; whoever it moves becomes a candidate."""
        old = Ranking.read(stored) if stored else None
        if old is None:
            return
        with self._candidates.part(ORDERED) as contacts, by_lookup(self.connection):
            self._ranking = self._ranker.update(old, contacts)
        if self._ranking is None:
            return
        self._candidates.add(self._ranker.shifted(), Aspect.SCORES)
        before, after = (one.tier_starts(self.settings.rfm) for one in (old, self._ranking))
        total = self._ranking.total("f")
        for tier in before:
            low, high = sorted((before[tier], after[tier]))
            if low < high:
                between = f"SELECT contact FROM rfm_figure f WHERE {total} >= {low} AND {total} < {high}"
                self._candidates.add(between, Aspect.SCORES)

    def _compute_everybody(self, bits: Mapping[str, int], keep: Mapping[str, int], *, checking: bool) -> None:
        """By DuckDB where it can be had. A check takes it for few contacts, too: another engine has other faults."""
        try:
            with duck_over(self.connection, anyway=checking) as duck:
                self._compute_by(duck, bits, keep)
        except NotByDuckDB as why:
            log.info("DuckDB does not compute this: %s.", why)
            self._compute(bits, keep)

    def _compute_by(self, duck: Duck, bits: Mapping[str, int], keep: Mapping[str, int]) -> None:
        self._ranking = None
        query = self._query(None, DIALECT)
        duck.fill(query.parts, query.parameters)
        if query.ranked:
            self._ranking = self._ranked_by(duck, query.ranked)
            query = self._query(None, DIALECT)
        rows = self.difference.rows(query, bits, keep.values(), DIALECT)
        self.difference.take(duck.ask_in_slices(rows, query.parameters), now=to_epoch(self.now))

    def _ranked_by(self, duck: Duck, ranked: str) -> Ranking:
        figures = self._ranker.of_everybody(ranked)
        duck.make("rfm_figure", f"SELECT k AS contact, latest, orders, revenue FROM ({figures}) ordered")
        ((contacts,),) = duck.rows("SELECT COUNT(*) FROM rfm_figure")
        ranking = ranking_of(duck.rows, contacts, DIALECT)
        self._ranker.take(duck.ask(DIFFERING_FIGURES), ranking.contacts)
        return ranking

    def _compute(self, bits: Mapping[str, int], keep: Mapping[str, int]) -> None:
        """RFM is ranked from the figures that the segments need anyway, so that orders are read once."""
        self._ranking = None
        dialect = self.connection.dialect.name
        query = self._query(None, dialect)
        with filled(self.connection, query.parts, query.parameters):
            if query.ranked:
                self._ranking = self._ranker.build(query.ranked)
                query = self._query(None, dialect)
            self.difference.compute(query, bits, keep.values(), now=to_epoch(self.now))

    def _compute_candidates(self, bits: Mapping[str, int], keep: Mapping[str, int]) -> None:
        """Each only for the segments that may have changed for it; its other memberships stay as stored."""
        dialect = self.connection.dialect.name
        self.difference.begin()
        groups = self._candidates.groups(self.segments)
        with self._orders_of_accounts(groups) as known:
            for group in groups:
                with self._candidates.part(group.condition, keyed=group.asks_accounts, of_accounts=known) as contacts:
                    query = self._query(contacts, dialect, group.segments)
                    others = [bit for name, bit in bits.items() if name not in query.conditions]
                    with filled(self.connection, query.parts, query.parameters):
                        self.difference.add(query, bits, [*keep.values(), *others])
        with self._candidates.part(ITSELF) as contacts:
            self.difference.end(contacts, now=to_epoch(self.now))

    @contextmanager
    def _orders_of_accounts(self, groups: Sequence[Group]) -> Iterator[tuple[OrderFigure | OrderAge, ...]]:
        """What is known within the block of the accounts of all groups: colleagues are in several, and the orders of
        an account are read once.
        """
        asking = " OR ".join(group.condition for group in groups if group.asks_accounts)
        if not asking:
            yield ()
            return
        known = orders_of_accounts(self.segments.values())
        with self._candidates.part(asking, table=OF_ACCOUNTS, keyed=True) as contacts:
            query = profile_query(
                known, self.settings, now=self.now, dialect=self.connection.dialect.name, contacts=contacts, apart=True
            )
            with filled(self.connection, query.parts, query.parameters, everybody=False):
                yield known

    def _query(self, contacts: InTable | None, dialect: str, concerned: Iterable[str] | None = None) -> SegmentQuery:
        names = self.segments if concerned is None else concerned
        return segment_query(
            [self.segments[name] for name in names],
            self.settings,
            now=self.now,
            dialect=dialect,
            contacts=contacts,
            ranking=self._ranking,
            apart=True,
        )

    @property
    def _ranks(self) -> bool:
        return any(isinstance(field.measure, Rfm) for one in self.segments.values() for field in one.fields)

    def _fingerprint_of(self, bits: Mapping[str, int], keep: Mapping[str, int]) -> str:
        """Of everything that the masks depend on beside the facts and the time; the version, as it may compute anew."""
        settings = self.settings
        meaning = [
            orchestrator.__version__,
            settings.timezone.key,
            repr(settings.rfm),
            repr(settings.size),
            json.dumps([dict(bits), dict(keep)]),
            *(repr(self.segments[name].condition) for name in bits),
        ]
        return hashlib.sha256("\n".join(meaning).encode()).hexdigest()
