"""Whose profile changes because the clock moved on: compiled segments and two moments in, spans of row times out.

A row counts differently when its age passes the end of a period that some segment asks about, or a whole number of
days or hours that some segment compares with. So at each such distance from the present, the rows between the last
recompute and this one are looked up. A condition that computes with a number of days or hours may change wherever
that number does: at every whole distance from the present. What is no fixed distance (a year, a month or a day that
began) has no such span: then everybody is computed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING

from orchestrator.clock import to_epoch
from orchestrator.contacts.measures import (
    Bought,
    CartFigure,
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
from orchestrator.contacts.periods import DAY, period_window
from orchestrator.segments.field import Field
from orchestrator.segments.tree import Between, Comparison, OneOf, fields_of, walk
from orchestrator.segments.truth import value_of
from orchestrator.vocabulary import MailEventKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from orchestrator.contacts.measures import Measure
    from orchestrator.definitions.values import Settings
    from orchestrator.segments.compile import CompiledSegment
    from orchestrator.segments.tree import Node, Operand

HOUR = 3_600
MOST_REPEATS = 100_000
"""whole days or hours back that are looked at one by one; of what is older, all"""
LONG_AGO = -(2**62)
"""before any row"""


class Times(StrEnum):
    """A column of moments, and whose profile a row of it belongs to."""

    SIGNUPS = "signups"
    CONSENTS = "consents"
    ORDERS = "orders"
    ACCOUNT_ORDERS = "account orders"
    CART_CHANGES = "cart changes"
    CART_ADDITIONS = "cart additions"
    EVENTS = "events"
    SENDS = "sends"
    REACTIONS = "reactions"


@dataclass(frozen=True, slots=True)
class Span:
    """Rows dated from ``since`` to ``until``, both included, may count differently now."""

    times: Times
    since: int
    until: int
    kind: str = ""
    """of events and reactions"""
    newest: bool = False
    """only those after which whoever they belong to has none: an age is counted from them alone"""
    every: int = 0
    """where not 0: the same so many seconds earlier, and again, ``MOST_REPEATS`` times in all"""


@dataclass(frozen=True, slots=True)
class Crossings:
    """Where to look for contacts whose profile changed by itself."""

    spans: tuple[Span, ...]
    everybody: str
    """why that is not enough and everybody is computed; "" where it is"""


def crossings(segments: Iterable[CompiledSegment], settings: Settings, *, last: datetime, now: datetime) -> Crossings:
    """What passes between the recompute at ``last`` and one at ``now``, which is not earlier."""
    finder = _Finder(settings, last, now)
    for segment in segments:
        finder.look_at(segment)
    return Crossings(tuple(_merged(finder.spans)), finder.everybody)


def _merged(spans: Iterable[Span]) -> Iterator[Span]:
    """The same moments in spans that do not overlap."""
    merged: Span | None = None
    for span in sorted(spans, key=lambda one: (one.times, one.kind, one.newest, one.every, one.since)):
        if merged and replace(merged, since=span.since, until=span.until) == span and span.since <= merged.until:
            merged = replace(merged, until=max(merged.until, span.until))
            continue
        if merged:
            yield merged
        merged = span
    if merged:
        yield merged


class _Finder:
    def __init__(self, settings: Settings, last: datetime, now: datetime) -> None:
        self.settings = settings
        self.last, self.now = last, now
        self.everybody = ""
        # nobody exists before being created
        self.spans = {self._back(Times.SIGNUPS, 0)}

    def look_at(self, segment: CompiledSegment) -> None:
        for field in segment.fields:
            self._measure(field.measure)
        for node in walk(segment.condition):
            for aged, limit in _limits(node):
                self._threshold(aged, limit)
            for aged in _computed_with(node):
                self._ticks(aged)

    def _measure(self, measure: Measure) -> None:  # noqa: C901, PLR0912 - one case a class of measure
        """What every question about this measure depends on, whatever its answer is compared with."""
        match measure:
            case Derived("age"):
                zone = self.settings.timezone
                if self.last.astimezone(zone).date() != self.now.astimezone(zone).date():
                    self.everybody = "a new day began, and segments ask for the age"
            case Derived("consent"):
                self.spans.add(self._back(Times.CONSENTS, 0))
            case OrderFigure(_, period, of_account):
                self._period(period, Times.ACCOUNT_ORDERS if of_account else Times.ORDERS)
            case Bought(period=period):
                self._period(period, Times.ORDERS)
            case Rfm():
                self._period(self.settings.rfm.window, Times.ORDERS)
            case EventCount(kind, period):
                self._period(period, Times.EVENTS, kind)
            case EventMention(kind, _):
                self.spans.add(self._back(Times.EVENTS, 0, kind))
            case MailCount("mails", period):
                self._period(period, Times.SENDS)
            case MailCount(what, period):
                self._period(period, Times.REACTIONS, _REACTIONS[what])
            case MailOf("received", _):
                self.spans.add(self._back(Times.SENDS, 0))
            case MailOf():
                self.spans.add(self._back(Times.REACTIONS, 0, _REACTIONS["clicked"]))
            case CartFigure():
                # a cart changed later than now is not looked at yet
                self.spans.add(self._back(Times.CART_CHANGES, 0))
        if aged := age_of(measure):
            self.spans.add(self._back(aged.times, 0, aged.kind))

    def _period(self, period: str, times: Times, kind: str = "") -> None:
        """Both ends of a period, where they were and where they are."""
        before, after = (period_window(period, moment, self.settings.timezone) for moment in (self.last, self.now))
        passed = to_epoch(self.now) - to_epoch(self.last)
        for old, new in ((before.start, after.start), (before.end, after.end)):
            if old is None or new is None or old == new:
                continue
            if abs(new - old) > passed:
                self.everybody = "a month or a year began, and segments ask for its figures"
            else:
                self.spans.add(Span(times, old, new, kind))

    def _threshold(self, aged: Aged, limit: Fraction) -> None:
        """An age compared with a number changes its answer when it passes the number."""
        for whole in {math.ceil(limit), math.floor(limit) + 1}:
            if whole > 0:
                self.spans.add(self._back(aged.times, whole * aged.unit, aged.kind, newest=aged.newest))

    def _ticks(self, aged: Aged) -> None:
        """Whatever an age is computed with or compared with, the answer changes only where the age does."""
        first = self._back(aged.times, aged.unit, aged.kind, newest=aged.newest)
        if first.until - first.since >= aged.unit:
            self.spans.add(replace(first, since=LONG_AGO))
            return
        self.spans.add(replace(first, every=aged.unit))
        self.spans.add(replace(first, since=LONG_AGO, until=first.until - MOST_REPEATS * aged.unit))

    def _back(self, times: Times, seconds: int, kind: str = "", *, newest: bool = False) -> Span:
        """What was this old at the last recompute, is now, or came to be in between."""
        return Span(times, to_epoch(self.last) - seconds, to_epoch(self.now) - seconds, kind, newest)


@dataclass(frozen=True, slots=True)
class Aged:
    """A measure that counts whole days or hours since a moment."""

    times: Times
    unit: int
    kind: str = ""
    newest: bool = False
    """since the last of many moments"""


_REACTIONS = {
    "opens": MailEventKind.OPEN.value,
    "open": MailEventKind.OPEN.value,
    "clicks": MailEventKind.CLICK.value,
    "click": MailEventKind.CLICK.value,
    "clicked": MailEventKind.CLICK.value,
}


def age_of(measure: Measure) -> Aged | None:
    """What an age is counted from; None for a measure that is none."""
    match measure:
        case Derived("days_since_signup"):
            return Aged(Times.SIGNUPS, DAY)
        case OrderAge(which, of_account):
            return Aged(Times.ACCOUNT_ORDERS if of_account else Times.ORDERS, DAY, newest=which == "last")
        case CartFigure("hours_since_change"):
            return Aged(Times.CART_CHANGES, HOUR)
        case CartFigure("hours_since_add"):
            return Aged(Times.CART_ADDITIONS, HOUR)
        case EventAge(kind):
            return Aged(Times.EVENTS, DAY, kind, newest=True)
        case MailAge(what):
            return Aged(Times.REACTIONS, DAY, _REACTIONS[what], newest=True)
        case _:
            return None


def _computed_with(node: Node) -> Iterator[Aged]:
    """The ages that a node compares with something that is no number, or after a calculation."""
    for operand, other in _compared(node):
        for field in fields_of(operand):
            if (aged := age_of(field.measure)) and not (operand == field and not fields_of(other)):
                yield aged


def _limits(node: Node) -> Iterator[tuple[Aged, Fraction]]:
    """Each age that a node compares with a number."""
    for operand, other in _compared(node):
        if (aged := _aged(operand)) and (number := _number(other)) is not None:
            yield aged, number


def _compared(node: Node) -> Iterator[tuple[Operand, Operand]]:
    """The pairs of operands that a node compares with each other, each pair both ways round."""
    pairs: list[tuple[Operand, Operand]] = []
    match node:
        case Comparison(_, left, right):
            pairs = [(left, right)]
        case Between(operand, low, high):
            pairs = [(operand, low), (operand, high)]
        case OneOf(operand, values):
            pairs = [(operand, value) for value in values]
    for left, right in pairs:
        yield left, right
        yield right, left


def _aged(operand: Operand) -> Aged | None:
    """What an operand that is nothing but an age is counted from."""
    return age_of(operand.measure) if isinstance(operand, Field) else None


def _number(operand: Operand) -> Fraction | None:
    """The value of an operand that is the same for everybody."""
    value = None if fields_of(operand) else value_of(operand, {})
    return value if isinstance(value, Fraction) else None
