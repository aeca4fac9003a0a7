"""Answers from orders: figures and ages, of the contact or of its account, and what was bought."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.contacts.measures import Bought, Measure, OrderAge, OrderFigure
from orchestrator.contacts.periods import DAY, EVER
from orchestrator.contacts.question import Answer
from orchestrator.contacts.tallies import Tallies, Tally, inside, unsorted
from orchestrator.vocabulary import OrderChannel, OrderStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.contacts.question import Asked

COMPLETED = frozenset({OrderStatus.COMPLETED.value})
RETURNED = frozenset({OrderStatus.RETURNED.value})


def figures(
    questions: Sequence[OrderFigure | OrderAge], asked: Asked, *, of_account: bool, ranked: bool = False
) -> dict[Measure, Answer]:
    """Figures over the contact's orders, or over all orders of its account (its own, where it has no account).

    ``ranked``: those that RFM ranks, too, apart.
    """
    if not questions and not ranked:
        return {}
    tallies = Tallies("ao" if of_account else "o", "status", "placed_at")
    if of_account and asked.known_of_accounts:
        # first, as the part was made: the numbers of its columns follow from the order
        of_all = {question: _order_answer(question, tallies, asked) for question in asked.known_of_accounts}
        asked.join_part("ao", asked.account_key)
        return {question: of_all[question] for question in questions}
    answers: dict[Measure, Answer] = {question: _order_answer(question, tallies, asked) for question in questions}
    if ranked:
        asked.ranked = _ranked(tallies, asked)
    read = f"SELECT {{key}} AS k, {tallies.columns()} FROM orders WHERE {tallies.where()}"
    if of_account:
        by_account = f"{read.format(key='account')} AND account IS NOT NULL{asked.only_accounts('account')}"
        # of a few contacts rather than of all orders without an account
        account = "account" if asked.contacts is None else unsorted("account")
        alone = (
            f"{read.format(key='-contact')} AND {account} IS NULL AND contact IS NOT NULL{asked.only_alone('contact')}"
        )
        rows = f"{by_account} GROUP BY account UNION ALL {alone} GROUP BY contact"
        if asked.dialect == "duckdb":  # which has no index of either, and would read all orders twice
            both = "COALESCE(account, -contact)"
            rows = f"{read.format(key=both)} AND {both} IS NOT NULL GROUP BY {both}"
        asked.join("ao", rows, tallies.names(), asked.account_key)
    else:
        own = f"{read.format(key='contact')} AND contact IS NOT NULL{asked.only('contact')}"
        asked.join("o", f"{own} GROUP BY contact", tallies.names(), "c.id")
    return answers


def _order_answer(question: OrderFigure | OrderAge, tallies: Tallies, asked: Asked) -> Answer:
    if isinstance(question, OrderAge):
        how = "MIN" if question.which == "first" else "MAX"
        at = tallies.add(Tally(COMPLETED, asked.moment.window("total"), "placed_at", how))
        return Answer(asked.whole(f"({asked.moment.epoch} - {at})", DAY))
    window = asked.moment.window(question.period)
    count = Tally(COMPLETED, window)
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
            web = tallies.add(Tally(COMPLETED, window, also=f"channel = '{OrderChannel.WEB.value}'"))
            return Answer(web, f"NULLIF({tallies.add(count)}, 0)")


def _ranked(tallies: Tallies, asked: Asked) -> str:
    """What ``scores.figures`` gives, from the part that the tallies fill."""
    window = asked.moment.window(asked.moment.settings.rfm.window)
    orders = tallies.add(Tally(COMPLETED, window))
    columns = {
        "latest": tallies.add(Tally(COMPLETED, window, "placed_at", "MAX")),
        "orders": orders,
        "revenue": tallies.add(Tally(COMPLETED | RETURNED, window, "total_cents")),
    }
    selected = ", ".join(f"{column} AS {name}" for name, column in columns.items())
    return f"SELECT o.k, {selected} FROM {asked.part('o')} o WHERE {orders} > 0"


def bought(question: Bought, asked: Asked) -> Answer:
    """Whether a completed order of the period holds such a product."""
    column = {"product": "key", "category": "category", "brand": "brand"}[question.by]
    when = " AND ".join(inside(unsorted("o.placed_at"), asked.moment.window(question.period), EVER))
    return asked.among(
        "o.contact",
        "FROM product p JOIN order_line l ON l.product = p.id"
        f" JOIN orders o ON o.id = l.order_id WHERE p.{column} = {asked.bind(question.value)}"
        f" AND o.status = '{OrderStatus.COMPLETED.value}' AND o.contact IS NOT NULL AND {when}"
        f"{asked.only('o.contact')}",
    )
