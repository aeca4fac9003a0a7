"""Several figures from one pass over a table: conditional sums, narrowed by what all of them need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.contacts.periods import EVER, Window

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Tally:
    """One aggregate over the rows of a contact: of these kinds, in this window, perhaps under one more condition."""

    kinds: frozenset[str]
    window: Window
    take: str = ""
    """the value of a row; "" counts rows"""
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

    def names(self) -> tuple[str, ...]:
        """The columns, by name."""
        return tuple(f"t{number}" for number in self._numbers.values())

    def columns(self) -> str:
        """The select list."""
        return ", ".join(f"{self._sql(tally)} AS t{number}" for tally, number in self._numbers.items())

    def where(self) -> str:
        """What every row must meet that any of the aggregates reads."""
        return " AND ".join([one_of(self.kind, self._all_kinds()), *inside(unsorted(self.at), self._widest(), EVER)])

    def _all_kinds(self) -> frozenset[str]:
        return frozenset().union(*(tally.kinds for tally in self._numbers))

    def _widest(self) -> Window:
        starts = [tally.window.start for tally in self._numbers]
        bounded = [start for start in starts if start is not None]
        return Window(
            min(bounded) if len(bounded) == len(starts) else None, max(tally.window.end for tally in self._numbers)
        )

    def _sql(self, tally: Tally) -> str:
        # moments before words: comparing numbers costs less, and often decides
        conditions = inside(self.at, tally.window, self._widest())
        if tally.kinds != self._all_kinds():
            conditions.append(one_of(self.kind, tally.kinds))
        if tally.also:
            conditions.append(tally.also)
        aggregate = f"{tally.how}({tally.take})" if tally.take else "COUNT(*)"
        # a row that does not count costs no call of the aggregate
        filtered = f" FILTER (WHERE {' AND '.join(conditions)})" if conditions else ""
        return f"CAST({aggregate}{filtered} AS BIGINT)"


def one_of(column: str, kinds: Iterable[str]) -> str:
    """Parameters stand as they are, words of ours in quotes."""
    values = [kind if kind.startswith(":") else f"'{kind}'" for kind in sorted(kinds)]
    return f"{column} = {values[0]}" if len(values) == 1 else f"{column} IN ({', '.join(values)})"


def unsorted(column: str) -> str:
    """A column of moments, put so that rows are not looked up by it: they are read by contact, from its index."""
    return f"+{column}"


def inside(column: str, window: Window, within: Window) -> list[str]:
    """The conditions that put a moment into the window, without those that ``within`` already makes sure of."""
    conditions = []
    if window.start is not None and window.start != within.start:
        conditions.append(f"{column} >= {window.start}")
    if window.end != within.end:
        conditions.append(f"{column} < {window.end}")
    return conditions
