"""The one profile query: questions and a moment in, SQL out that gives one row a contact with exactly those answers.

Each table of facts is read once, from its covering index, with one conditional sum a figure. Nothing dated after
``now`` counts: not an order, an event, a change of a cart, a consent, nor a contact created later. The SQL is the same
for SQLite and PostgreSQL but for a few words; sums are cast because PostgreSQL widens them to another type.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.clock import to_epoch
from orchestrator.contacts import activity, orders, scores
from orchestrator.contacts.columns import contact_column, custom_column, derived_column
from orchestrator.contacts.measures import (
    AccountColumn,
    Bought,
    CartFigure,
    ContactColumn,
    CustomColumn,
    Derived,
    EventAge,
    EventCount,
    EventMention,
    Interest,
    MailAge,
    MailCount,
    MailOf,
    Measure,
    OrderAge,
    OrderFigure,
    Rfm,
)
from orchestrator.contacts.question import Asked, InTable, Moment
from orchestrator.contacts.tallies import unsorted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from orchestrator.contacts.question import Answer, Part
    from orchestrator.contacts.ranking import Ranking
    from orchestrator.definitions.values import Settings


@dataclass(frozen=True, slots=True)
class AnswerColumn:
    """Where an answer stands in a row: ``value / 10**decimals``, divided by the column ``divisor`` if there is one."""

    value: str
    divisor: str | None
    decimals: int
    real: bool
    """a floating-point number"""


@dataclass(frozen=True, slots=True)
class ProfileQuery:
    """SQL with named parameters; its rows have the column ``contact`` (Contact.id) and those of ``columns``."""

    sql: str
    parameters: Mapping[str, object]
    columns: Mapping[Measure, AnswerColumn]
    parts: tuple[Part, ...] = ()
    """temporary tables to be filled before, with the same parameters"""
    ranked: str = ""
    """SQL of the figures that RFM ranks, over the parts"""


def profile_query(
    measures: Iterable[Measure],
    settings: Settings,
    *,
    now: datetime,
    dialect: str,
    contacts: Sequence[int] | InTable | None = None,
    ranking: Ranking | None = None,
    apart: bool = False,
) -> ProfileQuery:
    """The query for these questions as of ``now``; ``contacts`` (ids) narrows it, and what it reads, to a few.

    ``ranking``: kept for ``now``, so that RFM is not ranked from the orders. ``apart``: with parts to be filled before;
    they are the same with a ranking and without one.
    """
    wanted = tuple(dict.fromkeys(measures))
    chosen = contacts if contacts is None or isinstance(contacts, InTable) else tuple(contacts)
    asked = Asked(Moment(now, settings), dialect, chosen, ranking, apart)
    answers = _answers(wanted, asked)
    selected = ["c.id AS contact"]
    columns: dict[Measure, AnswerColumn] = {}
    for number, measure in enumerate(wanted):
        answer = answers[measure]
        selected.append(f"{answer.value} AS f{number}")
        if answer.divisor:
            selected.append(f"{answer.divisor} AS d{number}")
        divisor = f"d{number}" if answer.divisor else None
        columns[measure] = AnswerColumn(f"f{number}", divisor, answer.decimals, answer.real)
    where = f"(c.created_at IS NULL OR {unsorted('c.created_at')} <= {to_epoch(now)})"
    source = "contact c"
    if isinstance(chosen, InTable):
        # first, and so written: PostgreSQL keeps the order of many joins, SQLite that of a cross join
        source = f"{chosen.table} chosen CROSS JOIN contact c"
        where += " AND c.id = chosen.contact"
    elif chosen is not None:
        where += f" AND c.id IN ({asked.contact_list})"
    sql = f"SELECT {', '.join(selected)} FROM {source} {' '.join(asked.joins)} WHERE {where}"
    return ProfileQuery(sql, asked.parameters, columns, tuple(asked.parts), asked.ranked)


def fenced(sql: str, dialect: str) -> str:
    """A subquery that the planner must not merge into the query around it: its columns are computed once a row."""
    return f"({sql} {'LIMIT -1 OFFSET 0' if dialect == 'sqlite' else 'OFFSET 0'})"


def _answers(wanted: tuple[Measure, ...], asked: Asked) -> dict[Measure, Answer]:
    if any(isinstance(measure, AccountColumn | Derived | CustomColumn) for measure in wanted):
        asked.joins.append("LEFT JOIN account a ON a.id = c.account")
    answers = {measure: answer for measure in wanted if (answer := _single(measure, asked))}
    # what reads the same table is asked together
    for of_account in (False, True):
        asked_orders = [m for m in wanted if isinstance(m, OrderFigure | OrderAge) and m.of_account is of_account]
        ranked = asked.apart and asked.contacts is None and not of_account and any(isinstance(m, Rfm) for m in wanted)
        answers |= orders.figures(asked_orders, asked, of_account=of_account, ranked=ranked)
    answers |= activity.carts([m for m in wanted if isinstance(m, CartFigure)], asked)
    answers |= activity.events([m for m in wanted if isinstance(m, EventCount | EventAge)], asked)
    answers |= activity.mails([m for m in wanted if isinstance(m, MailCount | MailAge)], asked)
    answers |= scores.rfm([m for m in wanted if isinstance(m, Rfm)], asked)
    return answers


def _single(measure: Measure, asked: Asked) -> Answer | None:
    """The answer to a question that is asked by itself."""
    match measure:
        case ContactColumn() | AccountColumn():
            return contact_column(measure)
        case Derived():
            return derived_column(measure, asked)
        case CustomColumn():
            return custom_column(measure, asked)
        case Interest():
            return activity.interest(measure, asked)
        case Bought():
            return orders.bought(measure, asked)
        case EventMention():
            return activity.mention(measure, asked)
        case MailOf():
            return activity.mail_of(measure, asked)
        case _:
            return None
