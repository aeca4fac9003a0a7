"""The functions of the language. A call is a field too: ``count('page_view', last_30_days)`` asks one question.

``in_segment('gold')`` alone asks none: it stands for the condition of another file, which compile.py puts in its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from orchestrator.contacts.measures import (
    Bought,
    BoughtBy,
    EventAge,
    EventCount,
    EventMention,
    Interest,
    MailOf,
    Measure,
    ValueType,
)
from orchestrator.segments.field import NEVER_NULL, NEVER_NULL_FLAG, Described, Field

if TYPE_CHECKING:
    from collections.abc import Callable

IN_SEGMENT = "in_segment"


@dataclass(frozen=True, slots=True)
class Function:
    """One function: how it is written, and the field that a call asks for."""

    usage: str
    arguments: tuple[Literal["text", "period", "period?"], ...]
    """``period?`` may be left out and is then ``total``"""
    type: ValueType
    unit: str
    family: str
    source: str
    null_meaning: str
    explanation: str
    measure: Callable[[list[str]], Measure]


def _bought(arguments: list[str]) -> Measure:
    by, value, period = arguments
    columns: dict[str, BoughtBy] = {"product": "product", "category": "category", "brand": "brand"}
    if by not in columns:
        raise ValueError(f"bought('{by}', …) is not possible: it takes 'product', 'category' or 'brand'")
    return Bought(columns[by], value, period)


def _interest(arguments: list[str]) -> Measure:
    """The word as an import keeps it: in small letters, with single spaces."""
    return Interest(" ".join(arguments[0].lower().split()))


FUNCTIONS: dict[str, Function] = {
    "days_since": Function(
        "days_since('form_submitted')", ("text",), ValueType.NUMBER, "whole days", "logins and moments",
        "events.kind, events.at", "never happened", "since the last event of the kind", lambda a: EventAge(a[0]),
    ),
    "count": Function(
        "count('page_view', last_30_days)", ("text", "period?"), ValueType.NUMBER, "events", "logins and moments",
        "events.kind, events.at", NEVER_NULL, "events of the kind in the period", lambda a: EventCount(a[0], a[1]),
    ),
    "answered": Function(
        "answered('survey_key')", ("text",), ValueType.BOOLEAN, "", "logins and moments",
        "events.properties", NEVER_NULL_FLAG, "a survey_answered event names the survey among its properties",
        lambda a: EventMention("survey_answered", a[0]),
    ),
    "attended": Function(
        "attended('webinar-pumps')", ("text",), ValueType.BOOLEAN, "", "others",
        "events.properties", NEVER_NULL_FLAG, "an event_attended event names the occasion among its properties",
        lambda a: EventMention("event_attended", a[0]),
    ),
    "received": Function(
        "received('campaign')", ("text",), ValueType.BOOLEAN, "", "e-mail", "read back from Mailchimp", NEVER_NULL_FLAG,
        "a mail of the campaign was sent to the contact", lambda a: MailOf("received", a[0]),
    ),
    "clicked": Function(
        "clicked('campaign')", ("text",), ValueType.BOOLEAN, "", "e-mail", "read back from Mailchimp", NEVER_NULL_FLAG,
        "the contact clicked in a mail of the campaign", lambda a: MailOf("clicked", a[0]),
    ),
    "bought": Function(
        "bought('category', 'Pumps', last_365_days)", ("text", "text", "period?"), ValueType.BOOLEAN, "", "purchases",
        "order_lines, products", NEVER_NULL_FLAG,
        "a completed order holds such a product ('product', 'category' or 'brand')", _bought,
    ),
    "interested_in": Function(
        "interested_in('pumps')", ("text",), ValueType.BOOLEAN, "", "others", "contacts.interests", NEVER_NULL_FLAG,
        "the word, in letters of any case, stands among the contact's interests", _interest,
    ),
}  # fmt: skip


def function_field(name: str, arguments: list[str]) -> Field:
    """The field of a call whose arguments have the right kinds. Raises ValueError for a value it cannot take."""
    function = FUNCTIONS[name]
    complete = [*arguments, *["total"] * (len(function.arguments) - len(arguments))]
    written = ", ".join(
        "'" + value.replace("'", "''") + "'" if kind == "text" else value
        for kind, value in zip(function.arguments, arguments, strict=False)
    )
    return Field(
        f"{name}({written})", function.type, function.unit, function.family, function.source, function.null_meaning,
        function.explanation, function.measure(complete),
    )  # fmt: skip


def described_functions() -> tuple[Described, ...]:
    """Every function as a row of the catalogue, with its usage as the name."""
    return (
        *(
            Described(f.usage, f.type, f.unit, f.family, f.source, f.null_meaning, f.explanation)
            for f in FUNCTIONS.values()
        ),
        Described(
            f"{IN_SEGMENT}('gold')", ValueType.BOOLEAN, "", "others", "segments/*.toml", NEVER_NULL_FLAG,
            "meets the condition of another segment",
        ),
    )  # fmt: skip
