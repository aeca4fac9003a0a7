"""Clauses and values as text and as JSON: what `segments explain` and `why` share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from orchestrator.cli import output

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from orchestrator.segments.clauses import Clause

RESULTS = {True: "true", False: "false", None: "unknown, so not true"}
IN_SEGMENT = re.compile(r"(not )*in_segment\('([^']|'')*'\)")
DIGITS = 4
"""after the point of a measured number or a share; what is compared is exact"""


def show(clauses: Iterable[Clause], value: str = "value") -> None:
    """A table; what a clause is made of stands indented below it."""
    output.table(("result", "clause", value, "from"), list(_rows(clauses, "")), open_ended=True)


def as_json(clauses: Iterable[Clause]) -> list[dict[str, object]]:
    """``clause``, ``value``, ``result``; ``from`` at its fields, ``clauses`` where it is made of others."""
    found: list[dict[str, object]] = []
    for one in clauses:
        row: dict[str, object] = {"clause": one.text, "value": one.value, "result": one.result}
        if one.source:
            row["from"] = one.source
        if one.parts:
            row["clauses"] = as_json(one.parts)
        found.append(row)
    return found


def words(value: object) -> str:
    """A value as people write it."""
    match value:
        case None:
            return "unknown"
        case bool():
            return "yes" if value else "no"
        case int() | Decimal():
            return f"{value:,}"
        case float():
            return f"{round(value, DIGITS):,}"
        case Mapping():
            return ", ".join(f"{name} = {words(one)}" for name, one in value.items())
        case _:
            return str(value) or "''"


def _rows(clauses: Iterable[Clause], indent: str) -> Iterator[tuple[str, str, str, str]]:
    for one in clauses:
        if not one.parts:
            value = "" if one.value is None and not one.source else words(one.value)
        elif IN_SEGMENT.fullmatch(one.text):
            value = "a member" if one.value else "not a member"
        else:
            value = ""
        yield RESULTS[one.result], f"{indent}{one.text}", value, one.source
        yield from _rows(one.parts, indent + "    ")
