"""Erase a person from every table, in one transaction: all of it is gone, or nothing.

What a run's books need stays under a number that says nothing: one row for each contact of a run with its decision,
so that planned = sent + withheld + rejected goes on to hold. Orders stay with the company that placed them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select, text, update
from sqlmodel import col

from orchestrator.clock import to_epoch
from orchestrator.people.holdings import HOLDINGS, Holding, parameters
from orchestrator.store import forgotten, jobs
from orchestrator.store.forgotten import Mark
from orchestrator.store.tables import Cart, Mailing, Order, OrderLine, RejectedRow, Send
from orchestrator.store.touched import touch_everybody
from orchestrator.vocabulary import Decision

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy import ColumnElement
    from sqlalchemy.engine import Connection

    from orchestrator.people.search import Person

REASON = "Asked to be forgotten; only the decision is kept."
UNDECIDED = (Decision.PLANNED.value, Decision.DEFERRED.value)
_NOBODY_ELSE = (
    "id IN (SELECT mailing FROM send WHERE contact = :contact) AND NOT EXISTS (SELECT 1 FROM send s "
    "WHERE s.mailing = mailing.id AND s.contact > 0 AND s.contact <> :contact)"
)


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was done, in rows by table. ``kept``: rows that stay without the person."""

    number: int
    erased: dict[str, int] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)


def mails_on_their_way(connection: Connection, person: Person) -> list[str]:
    """Runs whose mail to the person is being made or delivered: Mailchimp's receipt will name the address."""
    query = text(
        "SELECT DISTINCT r.name FROM send s JOIN run r ON r.id = s.run JOIN mailing m ON m.id = s.mailing "
        "WHERE s.contact = :contact AND m.state NOT IN ('settled', 'dropped') ORDER BY r.name"
    )
    return list(connection.scalars(query, {"contact": person.contact}))


def held_rows(connection: Connection, person: Person) -> dict[str, int]:
    """Table -> rows about the person."""
    counts = {}
    for holding in HOLDINGS:
        query = select(func.count()).select_from(holding.target).where(holding.condition)
        counts[holding.table] = connection.scalar(query, parameters(holding, person)) or 0
    return {table: count for table, count in counts.items() if count}


def erase(connection: Connection, person: Person, *, now: datetime) -> Erasure:
    """Call in a write transaction, when no mail is on its way. Afterwards nothing says who it was."""
    moment = to_epoch(now)
    number = forgotten.remember(connection, _marks(connection, person), now=moment)
    done = Erasure(number)
    # children stand after their parents in the list
    for holding in reversed(HOLDINGS):
        _SPECIAL.get(holding.table, _delete)(connection, holding, person, done)
    # scores rank everybody who ordered: without one of them, others may stand elsewhere
    touch_everybody(connection, "orders")
    set_aside = connection.execute(delete(RejectedRow)).rowcount
    if set_aside:
        done.erased["rejected_row"] = set_aside
    jobs.audit(connection, now=moment, action="forget", detail=f"forgotten-{number}")
    return done


def _marks(connection: Connection, person: Person) -> dict[Mark, list[str]]:
    """What tells from now on that a row is theirs."""
    carts = connection.scalars(select(col(Cart.key)).where(col(Cart.contact) == person.contact))
    orders = connection.scalars(select(col(Order.key)).where(_private_orders(person)))
    return {
        Mark.ADDRESS: list(person.addresses),
        Mark.CONTACT: [person.key] if person.key else [],
        Mark.CART: list(carts),
        Mark.ORDER: list(orders),
    }


def _private_orders(person: Person) -> ColumnElement[bool]:
    """Orders of nobody but the person."""
    return (col(Order.contact) == person.contact) & col(Order.account).is_(None)


def _delete(connection: Connection, holding: Holding, person: Person, done: Erasure) -> None:
    statement = delete(holding.target).where(holding.condition)
    _count(done.erased, holding.table, connection.execute(statement, parameters(holding, person)).rowcount)


def _order_lines(connection: Connection, holding: Holding, person: Person, done: Erasure) -> None:
    private = select(col(Order.id)).where(_private_orders(person))
    gone = connection.execute(delete(OrderLine).where(col(OrderLine.order_id).in_(private))).rowcount
    _count(done.erased, holding.table, gone)


def _orders(connection: Connection, holding: Holding, person: Person, done: Erasure) -> None:
    gone = connection.execute(delete(Order).where(_private_orders(person))).rowcount
    left = connection.execute(
        update(Order).where(col(Order.contact) == person.contact).values(contact=None, coupon=None, extra={})
    ).rowcount
    _count(done.erased, holding.table, gone)
    _count(done.kept, holding.table, left)


def _mailings(connection: Connection, holding: Holding, person: Person, done: Erasure) -> None:
    """A mail that nobody else got says of the person what it says; one that others got is theirs as well."""
    emptied = connection.execute(
        update(Mailing)
        .where(text(_NOBODY_ELSE))
        .values(subject="", preheader="", html="", text="", problem="")
        .execution_options(synchronize_session=False),
        {"contact": person.contact},
    ).rowcount
    _count(done.kept, holding.table, emptied)


def _sends(connection: Connection, holding: Holding, person: Person, done: Erasure) -> None:
    """The decision and its moments stay for the books; who it was, why and what was written does not."""
    ours = col(Send.contact) == person.contact
    connection.execute(
        update(Send)
        .where(ours, col(Send.decision).in_(UNDECIDED))
        .values(decision=Decision.SUPPRESSED.value, not_before=None)
    )
    kept = connection.execute(
        update(Send)
        .where(ours)
        .values(
            contact=forgotten.pseudonym(done.number), entered_at=None, reason=REASON, email_key="", facts={}, slots={}
        )
    ).rowcount
    _count(done.kept, holding.table, kept)


def _count(counts: dict[str, int], table: str, rows: int) -> None:
    if rows:
        counts[table] = rows


_SPECIAL: dict[str, Callable[[Connection, Holding, Person, Erasure], None]] = {
    "order_line": _order_lines,
    "orders": _orders,
    "mailing": _mailings,
    "send": _sends,
}
"""tables of which not every row goes"""
