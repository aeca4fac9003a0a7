"""The contacts whose memberships may have changed since the last recompute, in a temporary table.

Who was touched, and who is in a span of time that something passed. Whoever is not among them has the same profile as
before; so an incremental recompute looks at nobody else. Of each it is known which *aspects* of the profile may have
changed: who only opened a mail, or whose colleague ordered, is asked only the segments that depend on that.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntFlag
from typing import TYPE_CHECKING

from sqlalchemy import text

from orchestrator.contacts.measures import (
    AccountColumn,
    Bought,
    CartFigure,
    CustomColumn,
    Derived,
    EventAge,
    EventCount,
    EventMention,
    MailAge,
    MailCount,
    MailOf,
    OrderAge,
    OrderFigure,
    Rfm,
)
from orchestrator.contacts.question import ACCOUNT_KEY, InTable
from orchestrator.segments.crossings import Times
from orchestrator.segments.spans import accounts_in, contacts_in, parameters
from orchestrator.store.statements import by_own_indexes
from orchestrator.store.touched import taken

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sqlalchemy import TextClause
    from sqlalchemy.engine import Connection

    from orchestrator.contacts.measures import Measure
    from orchestrator.segments.compile import CompiledSegment
    from orchestrator.segments.crossings import Span

TABLE, PART, ACCOUNTS = "candidate", "candidate_part", "candidate_account"
OF_ACCOUNTS = "candidate_of_account"
FEW = 1_000
"""candidates that are always worth the incremental way"""
MOST_SHARE = 0.2
"""candidates, as a share of the contacts, from which one pass over everybody costs less"""
ALONE, MOST_ALONE = 100, 7
"""candidates that are worth a query of their own, and how many such queries there are at most"""


class Aspect(IntFlag):
    """What of a contact's profile may have changed."""

    ITSELF = 1
    """the contact, or whether there is such a contact: anything"""
    ACCOUNT = 2
    """what is known of its account"""
    ORDERS = 4
    ACCOUNT_ORDERS = 8
    """the orders of all contacts of its account; without an account, its own"""
    SCORES = 16
    """where it stands in the ranking of RFM"""
    CARTS = 32
    EVENTS = 64
    SENDS = 128
    REACTIONS = 256


ITSELF = f"(aspects & {Aspect.ITSELF.value}) <> 0"
"""of those who may be gone, or not be there yet"""
ORDERED = f"(aspects & {(Aspect.ITSELF | Aspect.ORDERS).value}) <> 0"
"""of those whose figures of RFM may have changed"""
_OF_CONTACT = {
    "contact": Aspect.ITSELF,
    "account": Aspect.ACCOUNT,
    "orders": Aspect.ORDERS | Aspect.ACCOUNT_ORDERS,
    "order_line": Aspect.ORDERS,
    "cart": Aspect.CARTS,
    "cart_line": Aspect.CARTS,
    "event": Aspect.EVENTS,
    "send": Aspect.SENDS,
    "mail_event": Aspect.REACTIONS,
}
"""what is touched for a contact that is queued for a fact"""
_OF_ACCOUNT = _OF_CONTACT | {"orders": Aspect.ACCOUNT_ORDERS}
"""what is touched for each contact of a queued account; who ordered is queued itself, too"""
_OF_TIMES = {
    Times.SIGNUPS: Aspect.ITSELF,
    Times.CONSENTS: Aspect.ITSELF,
    Times.ORDERS: Aspect.ORDERS,
    Times.ACCOUNT_ORDERS: Aspect.ACCOUNT_ORDERS,
    Times.CART_CHANGES: Aspect.CARTS,
    Times.CART_ADDITIONS: Aspect.CARTS,
    Times.EVENTS: Aspect.EVENTS,
    Times.SENDS: Aspect.SENDS,
    Times.REACTIONS: Aspect.REACTIONS,
}
"""what may have changed for whoever has a row in a span"""


@dataclass(frozen=True, slots=True)
class Group:
    """Candidates for whom the same segments may have changed."""

    condition: str
    """which they are, as SQL over ``TABLE``"""
    segments: tuple[str, ...]
    asks_accounts: bool
    """some of these segments ask about the orders of the contacts' accounts"""


@dataclass(slots=True)
class Candidates:
    """The temporary table ``candidate`` with the columns ``contact``, ``aspects`` and, where it is known, ``account``;
    ``too_many`` once it is not worth going on.
    """

    connection: Connection
    limit: int = 0
    too_many: bool = False
    _at_most: int = 0

    def create(self) -> None:
        """Make the table, empty."""
        contacts = self.connection.scalar(text("SELECT COUNT(*) FROM contact")) or 0
        self.limit = max(FEW, int(contacts * MOST_SHARE))
        self._make(TABLE, ", aspects INTEGER NOT NULL, account BIGINT")
        self._make(ACCOUNTS, ", aspects INTEGER NOT NULL", key="account")

    def take_touched(self, facts: Iterable[str]) -> None:
        """Add whoever is queued for one of these facts, and empty the queue."""
        asked = sorted(set(facts))
        with taken(self.connection) as queue:
            everybody = f"SELECT 1 FROM {queue} WHERE contact IS NULL AND account IS NULL AND {_is_one(asked)} LIMIT 1"
            if self.connection.execute(text(everybody)).first() is not None:
                self.too_many = True
            for fact in asked:
                self.add(f"SELECT contact FROM {queue} WHERE {_is_one([fact])}", _OF_CONTACT[fact])
                self._add_accounts(f"SELECT account FROM {queue} WHERE {_is_one([fact])}", _OF_ACCOUNT[fact])

    def add_spans(self, spans: Iterable[Span], *, now: int) -> None:
        """Add whoever has a row in one of the spans, as of ``now``."""
        with by_own_indexes(self.connection):
            for span in spans:
                aspects, values = _OF_TIMES[span.times], parameters(span, now)
                self.add(contacts_in(span), aspects, **values)
                if span.times is Times.ACCOUNT_ORDERS:
                    self._add_accounts(accounts_in(span), aspects, **values)

    def add_contacts_of_accounts(self) -> None:
        """Add the contacts of the accounts that were come upon so far, all in one look."""
        if self.too_many:
            return
        self._measure(ACCOUNTS)
        statement = text(
            f"INSERT INTO {TABLE} (contact, aspects, account) SELECT c.id, a.aspects, c.account"
            f" FROM {ACCOUNTS} a JOIN contact c ON c.account = a.account WHERE true LIMIT {self.limit + 1}"
            " ON CONFLICT (contact) DO UPDATE SET aspects = candidate.aspects | excluded.aspects,"
            " account = excluded.account"
        )
        self._run(statement, {})

    def add(self, rows: str, aspects: Aspect, **values: object) -> None:
        """Add the contacts (column ``contact``, null for nobody) that a query gives, unless there are too many."""
        if self.too_many:
            return
        # each contact once, before they are cut off: one with a thousand rows must not stand for a thousand
        statement = text(
            f"INSERT INTO {TABLE} (contact, aspects) SELECT DISTINCT contact, {aspects.value} FROM ({rows}) found"
            f" WHERE contact IS NOT NULL LIMIT {self.limit + 1}"
            " ON CONFLICT (contact) DO UPDATE SET aspects = candidate.aspects | excluded.aspects"
            " WHERE candidate.aspects & excluded.aspects <> excluded.aspects"
        )
        self._run(statement, {name: value for name, value in values.items() if f":{name}" in rows})

    def _run(self, statement: TextClause, values: Mapping[str, object]) -> None:
        """They are counted once there may be too many: who is come upon again counts as one more here."""
        self._at_most += self.connection.execute(statement, values).rowcount
        if self._at_most > self.limit:
            self._at_most = self.count()
            self.too_many = self._at_most > self.limit

    def _add_accounts(self, rows: str, aspects: Aspect, **values: object) -> None:
        """Note the accounts (column ``account``, null for none) that a query gives."""
        if self.too_many:
            return
        statement = text(
            f"INSERT INTO {ACCOUNTS} (account, aspects) SELECT DISTINCT account, {aspects.value} FROM ({rows}) found"
            " WHERE account IS NOT NULL"
            f" ON CONFLICT (account) DO UPDATE SET aspects = {ACCOUNTS}.aspects | excluded.aspects"
        )
        self.connection.execute(statement, {name: value for name, value in values.items() if f":{name}" in rows})

    def count(self) -> int:
        """How many there are."""
        return self.connection.scalar(text(f"SELECT COUNT(*) FROM {TABLE}")) or 0

    def groups(self, segments: Mapping[str, CompiledSegment]) -> list[Group]:
        """Candidates with the segments that may have changed for them, which is all where it would not pay to tell.

        Who changes no segment is left out.
        """
        sizes: dict[tuple[str, ...], int] = {}
        members: dict[tuple[str, ...], list[int]] = {}
        found = self.connection.execute(text(f"SELECT aspects, COUNT(*) FROM {TABLE} GROUP BY 1"))
        for aspects, candidates in found.all():
            concerned = tuple(name for name, one in segments.items() if _depends(one, Aspect(aspects)))
            sizes[concerned] = sizes.get(concerned, 0) + candidates
            members.setdefault(concerned, []).append(aspects)
        members.pop((), None)
        largest = sorted((names for names in members if sizes[names] >= ALONE), key=lambda names: -sizes[names])
        alone = [names for names in largest if len(names) < len(segments)][:MOST_ALONE]
        others = [one for names, several in members.items() if names not in alone for one in several]
        groups = [(tuple(segments), others)] if others else []
        return [
            Group(_having(having), names, bool(orders_of_accounts(segments[name] for name in names)))
            for names, having in (*groups, *((names, members[names]) for names in alone))
        ]

    @contextmanager
    def part(
        self,
        condition: str,
        *,
        table: str = PART,
        keyed: bool = False,
        of_accounts: tuple[OrderFigure | OrderAge, ...] = (),
    ) -> Iterator[InTable]:
        """Some of them, in a table of their own, measured: databases plan badly where they guess how many there are.
        SQLite takes them for a million, and reads all contacts first. ``keyed``: with the keys of their accounts, as
        PostgreSQL takes what is joined by an expression for millions, too. ``of_accounts``: see ``InTable``.
        """
        key = ""
        if keyed:
            key = f", COALESCE(t.account, (SELECT {ACCOUNT_KEY} FROM contact c WHERE c.id = t.contact))"
        self._make(table, ", account BIGINT" if keyed else "")
        self.connection.execute(text(f"INSERT INTO {table} SELECT t.contact{key} FROM {TABLE} t WHERE {condition}"))
        self._measure(table)
        yield InTable(table, keyed, of_accounts)
        self.connection.execute(text(f"DROP TABLE {table}"))

    def drop(self) -> None:
        """Remove the tables."""
        for table in (TABLE, ACCOUNTS):
            self.connection.execute(text(f"DROP TABLE {table}"))

    def _make(self, table: str, others: str = "", key: str = "contact") -> None:
        # on SQLite this type makes the key the row id
        kind = "INTEGER" if self.connection.dialect.name == "sqlite" else "BIGINT"
        self.connection.execute(text(f"DROP TABLE IF EXISTS {table}"))
        self.connection.execute(text(f"CREATE TEMPORARY TABLE {table} ({key} {kind} PRIMARY KEY{others})"))

    def _measure(self, table: str) -> None:
        self.connection.execute(text(f"ANALYZE {table}"))


def facts_of(segments: Iterable[CompiledSegment]) -> frozenset[str]:
    """The tables whose rows the segments' conditions depend on."""
    aspects = Aspect.ITSELF
    for measure in {field.measure for segment in segments for field in segment.fields}:
        aspects |= _aspect_of(measure)
    if aspects & Aspect.SCORES:
        aspects |= Aspect.ORDERS
    return frozenset(fact for fact, touched in _OF_CONTACT.items() if touched & aspects)


def orders_of_accounts(segments: Iterable[CompiledSegment]) -> tuple[OrderFigure | OrderAge, ...]:
    """What the segments ask about the orders of accounts, each question once."""
    asked = (field.measure for segment in segments for field in segment.fields)
    return tuple(dict.fromkeys(m for m in asked if isinstance(m, OrderFigure | OrderAge) and m.of_account))


def _is_one(facts: Iterable[str]) -> str:
    listed = ", ".join(f"'{fact}'" for fact in facts)
    return f"fact IN ({listed})"


def _having(aspects: Iterable[int]) -> str:
    return f"aspects IN ({', '.join(map(str, sorted(aspects)))})"


def _depends(segment: CompiledSegment, aspects: Aspect) -> bool:
    return bool(aspects & Aspect.ITSELF) or any(_aspect_of(field.measure) & aspects for field in segment.fields)


def _aspect_of(measure: Measure) -> Aspect:
    """What an answer depends on beside the contact and its account."""
    match measure:
        case OrderFigure(of_account=True) | OrderAge(of_account=True):
            return Aspect.ACCOUNT_ORDERS
        case OrderFigure() | OrderAge() | Bought():
            return Aspect.ORDERS
        case Rfm():
            return Aspect.SCORES
        case CartFigure():
            return Aspect.CARTS
        case EventCount() | EventAge() | EventMention():
            return Aspect.EVENTS
        case MailCount("mails", _) | MailOf("received", _):
            return Aspect.SENDS
        case MailCount() | MailAge() | MailOf():
            return Aspect.REACTIONS
        case AccountColumn() | Derived() | CustomColumn():
            return Aspect.ACCOUNT
        case _:
            return Aspect.ITSELF
