"""The contacts whose memberships may have changed since the last recompute, in a temporary table.

Who was touched, and who is in a span of time that something passed. Whoever is not among them has the same profile as
before; so an incremental recompute looks at nobody else.
"""

from __future__ import annotations

from dataclasses import dataclass
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
from orchestrator.segments.crossings import Times
from orchestrator.store.touched import take_touched

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.engine import Connection

    from orchestrator.contacts.measures import Measure
    from orchestrator.segments.compile import CompiledSegment
    from orchestrator.segments.crossings import Span

TABLE = "candidate"
FEW = 1_000
"""candidates that are always worth the incremental way"""
MOST_SHARE = 0.2
"""candidates, as a share of the contacts, from which one pass over everybody costs less"""

_ROWS = {
    Times.SIGNUPS: "SELECT id FROM contact WHERE created_at BETWEEN :since AND :until",
    Times.CONSENTS: "SELECT id FROM contact WHERE consent_at BETWEEN :since AND :until",
    Times.ORDERS: "SELECT contact FROM orders WHERE placed_at BETWEEN :since AND :until AND contact IS NOT NULL",
    Times.ACCOUNT_ORDERS: (
        "SELECT COALESCE(c.id, o.contact) FROM orders o LEFT JOIN contact c ON c.account = o.account"
        " WHERE o.placed_at BETWEEN :since AND :until AND (c.id IS NOT NULL OR o.contact IS NOT NULL)"
    ),
    Times.CART_CHANGES: "SELECT contact FROM cart WHERE status = 'open' AND modified_at BETWEEN :since AND :until",
    Times.CART_ADDITIONS: "SELECT contact FROM cart WHERE status = 'open' AND last_added_at BETWEEN :since AND :until",
    Times.EVENTS: "SELECT contact FROM event WHERE kind = :kind AND at BETWEEN :since AND :until",
    Times.SENDS: "SELECT contact FROM send WHERE decision = 'sent' AND sent_at BETWEEN :since AND :until",
    Times.REACTIONS: "SELECT contact FROM mail_event WHERE kind = :kind AND at BETWEEN :since AND :until",
}


@dataclass(slots=True)
class Candidates:
    """The temporary table ``candidate`` with the column ``contact``; ``too_many`` once it is not worth going on."""

    connection: Connection
    limit: int = 0
    too_many: bool = False

    def create(self) -> None:
        """Make the table, empty."""
        contacts = self.connection.scalar(text("SELECT COUNT(*) FROM contact")) or 0
        self.limit = max(FEW, int(contacts * MOST_SHARE))
        self.connection.execute(text(f"DROP TABLE IF EXISTS {TABLE}"))
        # on SQLite this type makes the contact the row id
        kind = "INTEGER" if self.connection.dialect.name == "sqlite" else "BIGINT"
        self.connection.execute(text(f"CREATE TEMPORARY TABLE {TABLE} (contact {kind} PRIMARY KEY)"))

    def take_touched(self, facts: Iterable[str]) -> None:
        """Add whoever is queued for one of these facts, and empty the queue."""
        if not take_touched(self.connection, facts, TABLE):
            self.too_many = True
        self._judge()

    def add_spans(self, spans: Iterable[Span]) -> None:
        """Add whoever has a row in one of the spans."""
        for span in spans:
            if not self.too_many:
                self.add(_ROWS[span.times], since=span.since, until=span.until, kind=span.kind)

    def add(self, rows: str, **values: object) -> None:
        """Add the contacts that a query gives. It ends in a WHERE clause."""
        statement = text(f"INSERT INTO {TABLE} (contact) {rows} LIMIT {self.limit + 1} ON CONFLICT DO NOTHING")
        wanted = {name: value for name, value in values.items() if f":{name}" in rows}
        if self.connection.execute(statement, wanted).rowcount > self.limit:
            self.too_many = True
        self._judge()

    def count(self) -> int:
        """How many there are."""
        return self.connection.scalar(text(f"SELECT COUNT(*) FROM {TABLE}")) or 0

    def measure(self) -> None:
        """All are in: let PostgreSQL count them, it plans by that."""
        if self.connection.dialect.name == "postgresql":
            self.connection.execute(text(f"ANALYZE {TABLE}"))

    def drop(self) -> None:
        """Remove the table."""
        self.connection.execute(text(f"DROP TABLE {TABLE}"))

    def _judge(self) -> None:
        self.too_many = self.too_many or self.count() > self.limit


def facts_of(segments: Iterable[CompiledSegment]) -> frozenset[str]:
    """The tables whose rows the segments' conditions depend on."""
    found = {"contact"}
    for measure in {field.measure for segment in segments for field in segment.fields}:
        found.update(_facts(measure))
    return frozenset(found)


def _facts(measure: Measure) -> tuple[str, ...]:
    match measure:
        case AccountColumn() | Derived() | CustomColumn():
            return ("account",)
        case OrderFigure() | OrderAge() | Rfm():
            return ("orders",)
        case Bought():
            return ("orders", "order_line")
        case CartFigure():
            return ("cart", "cart_line")
        case EventCount() | EventAge() | EventMention():
            return ("event",)
        case MailCount("mails", _) | MailOf("received", _):
            return ("send",)
        case MailCount() | MailAge() | MailOf():
            return ("mail_event",)
        case _:
            return ()
