"""Answers from carts, events and mails: what the contact did, and what was sent to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.contacts.measures import (
    CartFigure,
    EventAge,
    EventCount,
    EventMention,
    Interest,
    MailAge,
    MailCount,
    MailOf,
    Measure,
)
from orchestrator.contacts.periods import DAY
from orchestrator.contacts.question import Answer
from orchestrator.contacts.tallies import Tallies, Tally, unsorted
from orchestrator.vocabulary import CartStatus, Decision, MailEventKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.contacts.question import Asked

HOUR = 3_600


def carts(questions: Sequence[CartFigure], asked: Asked) -> dict[Measure, Answer]:
    """Figures over the contact's open carts; a line without a price has its product's, or none."""
    if not questions:
        return {}
    now = asked.moment.epoch
    lines, prices = "", ""
    columns: dict[str, str] = {}
    figures = {question.figure for question in questions}
    if figures & {"items", "lines", "value"}:
        lines = " LEFT JOIN cart_line l ON l.cart = k.id"
        columns |= {"items": "CAST(SUM(l.quantity) AS BIGINT)", "lines": "COUNT(l.cart)"}
    if "value" in figures:
        prices = " LEFT JOIN product p ON p.id = l.product"
        price = "COALESCE(l.unit_price_cents, p.price_cents, 0)"
        columns["value"] = f"CAST(SUM(l.quantity * {price}) AS BIGINT)"
    if "hours_since_change" in figures:
        columns["changed"] = "MAX(k.modified_at)"
    if "hours_since_add" in figures:
        columns["added"] = f"MAX(CASE WHEN k.last_added_at <= {now} THEN k.last_added_at END)"
    changed = f"(k.modified_at IS NULL OR {unsorted('k.modified_at')} <= {now})"
    selected = [f"{sql} AS {name}" for name, sql in columns.items()]
    rows = (
        f"SELECT {', '.join(['k.contact AS k', *selected])} FROM cart k{lines}{prices}"
        f" WHERE k.status = '{CartStatus.OPEN.value}' AND {changed}{asked.only('k.contact')} GROUP BY k.contact"
    )
    asked.join("k", rows, tuple(columns), "c.id")
    sql = {
        "items": Answer("COALESCE(k.items, 0)"),
        "lines": Answer("COALESCE(k.lines, 0)"),
        "value": Answer("COALESCE(k.value, 0)", decimals=2),
        "hours_since_change": Answer(asked.whole(f"({now} - k.changed)", HOUR)),
        "hours_since_add": Answer(asked.whole(f"({now} - k.added)", HOUR)),
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
            count = tallies.add(Tally(kinds, asked.moment.window(question.period)))
            answers[question] = Answer(f"COALESCE({count}, 0)")
        else:
            at = tallies.add(Tally(kinds, asked.moment.window("total"), "at", "MAX"))
            answers[question] = Answer(asked.whole(f"({asked.moment.epoch} - {at})", DAY))
    rows = (
        f"SELECT contact AS k, {tallies.columns()} FROM event"
        f" WHERE {tallies.where()}{asked.only('contact')} GROUP BY contact"
    )
    asked.join("e", rows, tallies.names(), "c.id")
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
            answers[question] = Answer(asked.whole(f"({asked.moment.epoch} - {at})", DAY))
        elif question.what == "mails":
            count = sends.add(Tally(sent, asked.moment.window(question.period)))
            answers[question] = Answer(f"COALESCE({count}, 0)")
        else:
            kind = frozenset({kinds[question.what.removesuffix("s")].value})
            count = reactions.add(Tally(kind, asked.moment.window(question.period)))
            answers[question] = Answer(f"COALESCE({count}, 0)")
    for tallies, table in ((sends, "send"), (reactions, "mail_event")):
        if tallies.columns():
            rows = (
                f"SELECT contact AS k, {tallies.columns()} FROM {table}"
                f" WHERE {tallies.where()}{asked.only('contact')} GROUP BY contact"
            )
            asked.join(tallies.alias, rows, tallies.names(), "c.id")
    return answers


def mail_of(question: MailOf, asked: Asked) -> Answer:
    """Whether a mail of the campaign was sent to the contact, or clicked."""
    table, at, kind = (
        ("send", "sent_at", f"decision = '{Decision.SENT.value}'")
        if question.what == "received"
        else ("mail_event", "at", f"kind = '{MailEventKind.CLICK.value}'")
    )
    return asked.among(
        "contact",
        f"FROM {table}"
        f" WHERE campaign = {asked.bind(question.campaign)} AND {kind} AND {unsorted(at)} <= {asked.moment.epoch}"
        f"{asked.only('contact')}",
    )


def mention(question: EventMention, asked: Asked) -> Answer:
    """Whether an event of the kind names the word among its properties."""
    word = asked.bind(question.word)
    found, more = f"(p.key = {word} OR p.value = {word})", ""
    match asked.dialect:
        case "postgresql":
            more = ", json_each_text(e.properties) p"
        case "duckdb":
            texts = "CAST(CAST(e.properties AS JSON) AS MAP(VARCHAR, VARCHAR))"
            found = f"(list_contains(map_keys({texts}), {word}) OR list_contains(map_values({texts}), {word}))"
        case "spark":
            texts = "from_json(e.properties, 'MAP<STRING, STRING>')"
            found = f"(array_contains(map_keys({texts}), {word}) OR array_contains(map_values({texts}), {word}))"
        case _:
            more = ", json_each(e.properties) p"
            as_text = "CASE p.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE CAST(p.value AS TEXT) END"
            found = f"(p.key = {word} OR {as_text} = {word})"
    return asked.among(
        "e.contact",
        f"FROM event e{more} WHERE e.kind = {asked.bind(question.kind)} AND e.at <= {asked.moment.epoch}"
        f" AND {found}{asked.only('e.contact')}",
    )


def interest(question: Interest, asked: Asked) -> Answer:
    """Whether the word stands among the contact's interests."""
    return Answer(f"COALESCE({asked.position('c.interests', asked.bind(f';{question.word};'))} > 0, FALSE)")
