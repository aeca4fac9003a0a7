"""The ``[[example]]`` tables of a segment: made-up contacts, and whether they should be members.

The named fields have the values given; every other field is null, counts and sums are 0 and flags are false.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from orchestrator.contacts.custom import is_date
from orchestrator.contacts.measures import ContactColumn, ValueType
from orchestrator.problems import Problem
from orchestrator.segments.explain import explain_condition
from orchestrator.segments.expression import Expression, parse_text
from orchestrator.segments.field import NEVER_NULL, NEVER_NULL_FLAG, Field

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orchestrator.contacts.measures import CustomColumn, Measure
    from orchestrator.contacts.values import Exact
    from orchestrator.definitions.values import SegmentDefinition, SegmentExample
    from orchestrator.segments.compile import CompiledSegment

LEAD_SCORE = ContactColumn("lead_score")
"""the one field that is measured, not counted: a floating-point number"""


def example_problems(
    definition: SegmentDefinition, compiled: CompiledSegment, custom: Mapping[str, CustomColumn] | None = None
) -> Iterator[Problem]:
    """A problem for every example that says otherwise than the condition, or gives a field an impossible value."""
    for example in definition.examples:
        try:
            values = _values(example, compiled, custom)
        except ValueError as fault:
            yield Problem(definition.file, example.line, 0, str(fault), "`campaigns fields` says each field's type.")
            continue
        found = explain_condition(compiled.condition, values)
        if found.member is example.member:
            continue
        if found.member:
            message = "the example says member = false, but the contact meets every clause"
            yield Problem(definition.file, example.line, 0, message, "Mend the example, or the condition.")
            continue
        failed = next(clause for clause in found.clauses if clause.result is not True)
        said = "is false" if failed.result is False else "cannot be told"
        message = f"the example says member = true, but `{failed.text}` {said}: its value is {_written(failed.value)}"
        yield Problem(definition.file, example.line, 0, message, "Mend the example, or the condition.")


def _values(
    example: SegmentExample, compiled: CompiledSegment, custom: Mapping[str, CustomColumn] | None
) -> dict[Measure, Exact]:
    values: dict[Measure, Exact] = {}
    for field in compiled.fields:
        nothing: Exact = None
        if field.null_meaning == NEVER_NULL:
            nothing = Fraction(0)
        elif field.null_meaning == NEVER_NULL_FLAG:
            nothing = False
        values[field.measure] = nothing
    for name, given in example.contact.items():
        read = parse_text(f"{name} is null", custom)
        if not isinstance(read, Expression):
            # a flag cannot be compared with null: it is a condition by itself
            read = parse_text(name, custom)
        if not isinstance(read, Expression) or len(read.fields) != 1:
            raise ValueError(f'the example names "{name}", which is no field')
        field = read.fields[0]
        values[field.measure] = _exact(field, given)
    return values


def _exact(field: Field, given: str | float | bool | None) -> Exact:
    if given is None:
        return None
    match field.type:
        case ValueType.BOOLEAN if isinstance(given, bool):
            return given
        case ValueType.TEXT if isinstance(given, str):
            return given
        case ValueType.DATE if isinstance(given, str) and is_date(given):
            return given
        case ValueType.NUMBER | ValueType.MONEY if isinstance(given, int | float) and not isinstance(given, bool):
            return float(given) if field.measure == LEAD_SCORE else Fraction(str(given))
    raise ValueError(f"the example gives {field.name} the value {given!r}, but it is a {field.type}")


def _written(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} = {_written(one)}" for name, one in value.items())
    return "null" if value is None else f"'{value}'" if isinstance(value, str) else str(value)
