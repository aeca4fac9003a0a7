"""Answers from the tables of facts: each function adds one join and returns SQL over it.

A table is grouped by contact in one pass over its covering index; what the figures have in common (statuses, the
earliest moment any of them needs) narrows the pass, the rest are conditions inside the sums.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from orchestrator.contacts.measures import (
    Bought,
    CartFigure,
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
from orchestrator.contacts.periods import DAY, Window
from orchestrator.contacts.question import Answer
from orchestrator.vocabulary import CartStatus, Decision, MailEventKind, OrderChannel, OrderStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orchestrator.contacts.question import Asked

HOUR = 3_600
COMPLETED = frozenset({OrderStatus.COMPLETED.value})
RETURNED = frozenset({OrderStatus.RETURNED.value})


@dataclass(frozen=True, slots=True)
class Tally:
    """One aggregate over the rows of a contact: of these kinds, in this window, perhaps under one more condition."""

    kinds: frozenset[str]
    window: Window
    take: str
    """the value of a row: ``1`` counts"""
    how: str = "SUM"
    also: str = ""


class Tallies:
    """The aggregates wanted from one table, each computed once; ``table`` names its kind and time columns."""

    def __init__(self, alias: str, kind: str, at: str) -> None:
        self.alias, self.kind, self.at = alias, kind, at
        self._numbers: dict[Tally, int] = {}

    def add(self, tally: Tally) -> str:
        """The column that will hold it."""
        return f"{self.alias}.t{self._numbers.setdefault(tally, len(self._numbers))}"

    def columns(self) -> str:
        """The select list."""
        return ", ".join(f"{self._sql(tally)} AS t{number}" for tally, number in self._numbers.items())

    def where(self) -> str:
        """What every row must meet that any of the aggregates reads."""
        return " AND ".join(
            [_one_of(self.kind, self._all_kinds()), *_inside(self.at, self._widest(), Window(None, 1 << 62))]
        )

    def _all_kinds(self) -> frozenset[str]:
        return frozenset().union(*(tally.kinds for tally in self._numbers))

    def _widest(self) -> Window:
        starts = [tally.window.start for tally in self._numbers]
        bounded = [start for start in starts if start is not None]
        return Window(
            min(bounded) if len(bounded) == len(starts) else None, max(tally.window.end for tally in self._numbers)
        )

    def _sql(self, tally: Tally) -> str:
        conditions = _inside(self.at, tally.window, self._widest())
        if tally.kinds != self._all_kinds():
            conditions.insert(0, _one_of(self.kind, tally.kinds))
        if tally.also:
            conditions.append(tally.also)
        value = tally.take
        if conditions:
            otherwise = " ELSE 0" if tally.how == "SUM" else ""
            value = f"CASE WHEN {' AND '.join(conditions)} THEN {value}{otherwise} END"
        return f"CAST({tally.how}({value}) AS BIGINT)"


def orders(
    questions: Sequence[OrderFigure | OrderAge], asked: Asked, *, of_account: bool
) -> dict[Measure, Answer]:
    """Figures over the contact's orders, or over all orders of its account (its own, where it has no account)."""
    if not questions:
        return {}
    tallies = Tallies("ao" if of_account else "o", "status", "placed_at")
    answers: dict[Measure, Answer] = {question: _order_answer(question, tallies, asked) for question in questions}
    read = f"SELECT {{key}} AS k, {tallies.columns()} FROM orders WHERE {tallies.where()}"
    if of_account:
        by_account = f"{read.format(key='account')} AND account IS NOT NULL{asked.only_accounts('account')}"
        alone = f"{read.format(key='-contact')} AND account IS NULL AND contact IS NOT NULL{asked.only('contact')}"
        asked.joins.append(
            f"LEFT JOIN ({by_account} GROUP BY account UNION ALL {alone} GROUP BY contact) ao"
            " ON ao.k = COALESCE(c.account, -c.id)"
        )
    else:
        own = f"{read.format(key='contact')} AND contact IS NOT NULL{asked.only('contact')}"
        asked.joins.append(f"LEFT JOIN ({own} GROUP BY contact) o ON o.k = c.id")
    return answers


def _order_answer(question: OrderFigure | OrderAge, tallies: Tallies, asked: Asked) -> Answer:
    if isinstance(question, OrderAge):
        how = "MIN" if question.which == "first" else "MAX"
        at = tallies.add(Tally(COMPLETED, asked.moment.window("total"), "placed_at", how))
        return Answer(f"({asked.moment.epoch} - {at}) / {DAY}")
    window = asked.moment.window(question.period)
    count = Tally(COMPLETED, window, "1")
    match question.figure:
        case "orders":
            return Answer(f"COALESCE({tallies.add(count)}, 0)")
        case "returns":
            return Answer(f"COALESCE({tallies.add(Tally(RETURNED, window, '1'))}, 0)")
        case "revenue":
            revenue = tallies.add(Tally(COMPLETED | RETURNED, window, "total_cents"))
            return Answer(f"COALESCE({revenue}, 0)", decimals=2)
        case "avg_order_value":
            total = tallies.add(Tally(COMPLETED, window, "total_cents"))
            return Answer(total, f"NULLIF({tallies.add(count)}, 0)", decimals=2)
        case "web_share":
            web = tallies.add(Tally(COMPLETED, window, "1", also=f"channel = '{OrderChannel.WEB.value}'"))
            return Answer(web, f"NULLIF({tallies.add(count)}, 0)")


def carts(questions: Sequence[CartFigure], asked: Asked) -> dict[Measure, Answer]:
    """Figures over the contact's open carts; a line without a price has its product's, or none."""
    if not questions:
        return {}
    now = asked.moment.epoch
    lines, prices, columns = "", "", ["k.contact AS k"]
    figures = {question.figure for question in questions}
    if figures & {"items", "lines", "value"}:
        lines = " LEFT JOIN cart_line l ON l.cart = k.id"
        columns.append("CAST(SUM(l.quantity) AS BIGINT) AS items, COUNT(l.cart) AS lines")
    if "value" in figures:
        prices = " LEFT JOIN product p ON p.id = l.product"
        price = "COALESCE(l.unit_price_cents, p.price_cents, 0)"
        columns.append(f"CAST(SUM(l.quantity * {price}) AS BIGINT) AS value")
    if "hours_since_change" in figures:
        columns.append("MAX(k.modified_at) AS changed")
    if "hours_since_add" in figures:
        columns.append(f"MAX(CASE WHEN k.last_added_at <= {now} THEN k.last_added_at END) AS added")
    asked.joins.append(
        f"LEFT JOIN (SELECT {', '.join(columns)} FROM cart k{lines}{prices}"
        f" WHERE k.status = '{CartStatus.OPEN.value}' AND (k.modified_at IS NULL OR k.modified_at <= {now})"
        f"{asked.only('k.contact')} GROUP BY k.contact) k ON k.k = c.id"
    )
    sql = {
        "items": Answer("COALESCE(k.items, 0)"),
        "lines": Answer("COALESCE(k.lines, 0)"),
        "value": Answer("COALESCE(k.value, 0)", decimals=2),
        "hours_since_change": Answer(f"({now} - k.changed) / {HOUR}"),
        "hours_since_add": Answer(f"({now} - k.added) / {HOUR}"),
    }
    return {question: sql[question.figure] for question in questions}


def events(questions: Sequence[EventCount | EventAge], asked: Asked) -> dict[Measure, Answer]:
    """Counts and ages of the contact's events by kind."""
    if not questions:
        return {}
    for question in questions:
        asked.bind(question.kind)
    tallies = Tallies("e", "kind", "at")
    answers: dict[Measure, Answer] = {}
    for question in questions:
        kinds = frozenset({asked.bind(question.kind)})
        if isinstance(question, EventCount):
            count = tallies.add(Tally(kinds, asked.moment.window(question.period), "1"))
            answers[question] = Answer(f"COALESCE({count}, 0)")
        else:
            at = tallies.add(Tally(kinds, asked.moment.window("total"), "at", "MAX"))
            answers[question] = Answer(f"({asked.moment.epoch} - {at}) / {DAY}")
    asked.joins.append(
        f"LEFT JOIN (SELECT contact AS k, {tallies.columns()} FROM event"
        f" WHERE {tallies.where()}{asked.only('contact')} GROUP BY contact) e ON e.k = c.id"
    )
    return answers


def mails(questions: Sequence[MailCount | MailAge], asked: Asked) -> dict[Measure, Answer]:
    """Counts and ages of what was sent to the contact, and of what it did with it."""
    sends = Tallies("s", "decision", "sent_at")
    reactions = Tallies("me", "kind", "at")
    sent = frozenset({Decision.SENT.value})
    kinds = {"open": MailEventKind.OPEN, "click": MailEventKind.CLICK}
    answers: dict[Measure, Answer] = {}
    for question in questions:
        if isinstance(question, MailAge):
            kind = frozenset({kinds[question.what].value})
            at = reactions.add(Tally(kind, asked.moment.window("total"), "at", "MAX"))
            answers[question] = Answer(f"({asked.moment.epoch} - {at}) / {DAY}")
        elif question.what == "mails":
            count = sends.add(Tally(sent, asked.moment.window(question.period), "1"))
            answers[question] = Answer(f"COALESCE({count}, 0)")
        else:
            kind = frozenset({kinds[question.what.removesuffix("s")].value})
            count = reactions.add(Tally(kind, asked.moment.window(question.period), "1"))
            answers[question] = Answer(f"COALESCE({count}, 0)")
    for tallies, table in ((sends, "send"), (reactions, "mail_event")):
        if tallies.columns():
            asked.joins.append(
                f"LEFT JOIN (SELECT contact AS k, {tallies.columns()} FROM {table}"
                f" WHERE {tallies.where()}{asked.only('contact')} GROUP BY contact) {tallies.alias}"
                f" ON {tallies.alias}.k = c.id"
            )
    return answers


def mail_of(question: MailOf, asked: Asked) -> Answer:
    """Whether a mail of the campaign was sent to the contact, or clicked."""
    table, at, kind = (
        ("send", "sent_at", f"decision = '{Decision.SENT.value}'")
        if question.what == "received"
        else ("mail_event", "at", f"kind = '{MailEventKind.CLICK.value}'")
    )
    return _exists(
        f"SELECT contact FROM {table}"
        f" WHERE campaign = {asked.bind(question.campaign)} AND {kind} AND {at} <= {asked.moment.epoch}"
        f"{asked.only('contact')}"
    )


def mention(question: EventMention, asked: Asked) -> Answer:
    """Whether an event of the kind names the word among its properties."""
    word = asked.bind(question.word)
    each = "json_each_text" if asked.dialect == "postgresql" else "json_each"
    return _exists(
        f"SELECT e.contact FROM event e, {each}(e.properties) p"
        f" WHERE e.kind = {asked.bind(question.kind)} AND e.at <= {asked.moment.epoch}"
        f" AND (p.key = {word} OR p.value = {word}){asked.only('e.contact')}"
    )


def bought(question: Bought, asked: Asked) -> Answer:
    """Whether a completed order of the period holds such a product."""
    column = {"product": "key", "category": "category", "brand": "brand"}[question.by]
    inside = " AND ".join(_inside("o.placed_at", asked.moment.window(question.period), Window(None, 1 << 62)))
    return _exists(
        "SELECT o.contact FROM product p JOIN order_line l ON l.product = p.id"
        f" JOIN orders o ON o.id = l.order_id WHERE p.{column} = {asked.bind(question.value)}"
        f" AND o.status = '{OrderStatus.COMPLETED.value}' AND o.contact IS NOT NULL AND {inside}{asked.only('o.contact')}"
    )


def interest(question: Interest, asked: Asked) -> Answer:
    """Whether the word stands among the contact's interests."""
    return Answer(f"COALESCE({asked.position('c.interests', asked.bind(f';{question.word};'))} > 0, FALSE)")


def rfm(questions: Sequence[Rfm], asked: Asked) -> dict[Measure, Answer]:
    """Scores and tier. They rank everybody, so the contacts asked for do not narrow what is read.

    A contact with b of n strictly better ones scores ``5 - floor(5 * b / n)``: rank() - 1 is b, equal values share it.
    """
    if not questions:
        return {}
    moment = asked.moment
    inside = " AND ".join(_inside("o.placed_at", moment.window(moment.settings.rfm.window), Window(None, 1 << 62)))
    completed = f"o.status = '{OrderStatus.COMPLETED.value}'"
    figures = (
        f"SELECT o.contact AS k, MAX(CASE WHEN {completed} THEN o.placed_at END) AS latest,"
        f" SUM(CASE WHEN {completed} THEN 1 ELSE 0 END) AS orders, SUM(o.total_cents) AS revenue"
        " FROM orders o JOIN contact c ON c.id = o.contact"
        f" WHERE {_one_of('o.status', COMPLETED | RETURNED)} AND {inside}"
        f" AND (c.created_at IS NULL OR c.created_at <= {moment.epoch})"
        f" GROUP BY o.contact HAVING SUM(CASE WHEN {completed} THEN 1 ELSE 0 END) > 0"
    )
    scores = ", ".join(
        f"5 - (5 * (RANK() OVER (ORDER BY {column} DESC) - 1)) / COUNT(*) OVER () AS {name}"
        for name, column in (("recency", "latest"), ("frequency", "orders"), ("monetary", "revenue"))
    )
    ranked = (
        "SELECT s.*, RANK() OVER (ORDER BY recency + frequency + monetary DESC) - 1 AS better, COUNT(*) OVER () AS n"
        f" FROM (SELECT k, {scores} FROM ({figures}) figures) s"
    )
    asked.joins.append(f"LEFT JOIN ({ranked}) r ON r.k = c.id")
    tiers = []
    for tier, share in moment.settings.rfm.tiers.items():
        above, of = Decimal(str(share)).as_integer_ratio()
        tiers.append(f"WHEN r.better * {of} < r.n * {above} THEN {asked.bind(tier)}")
    sql = {
        "recency": Answer("r.recency"),
        "frequency": Answer("r.frequency"),
        "monetary": Answer("r.monetary"),
        "score": Answer(
            "CAST(r.recency AS VARCHAR(1)) || CAST(r.frequency AS VARCHAR(1)) || CAST(r.monetary AS VARCHAR(1))"
        ),
        "tier": Answer(f"CASE WHEN r.k IS NULL THEN NULL {' '.join(tiers)} ELSE 'bronze' END"),
    }
    return {question: sql[question.what] for question in questions}


def _exists(select: str) -> Answer:
    # not a join: a database joins 64 tables at most
    return Answer(f"(c.id IN ({select}))")


def _one_of(column: str, kinds: Iterable[str]) -> str:
    """Parameters stand as they are, words of ours in quotes."""
    values = [kind if kind.startswith(":") else f"'{kind}'" for kind in sorted(kinds)]
    return f"{column} = {values[0]}" if len(values) == 1 else f"{column} IN ({', '.join(values)})"


def _inside(column: str, window: Window, within: Window) -> list[str]:
    """The conditions that put a moment into the window, without those that ``within`` already makes sure of."""
    conditions = []
    if window.start is not None and window.start != within.start:
        conditions.append(f"{column} >= {window.start}")
    if window.end != within.end:
        conditions.append(f"{column} < {window.end}")
    return conditions
