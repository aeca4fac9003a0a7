"""The segments' own tests: each ``[[example]]`` is a contact that must, or must not, be in.

Fields that an example does not name are unknown; counts and sums are 0, and yes-or-no questions are answered no.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from orchestrator.contacts.measures import ValueType
from orchestrator.definitions.described import described
from orchestrator.segments.clauses import explain_condition
from orchestrator.segments.expression import Expression, parse_text
from orchestrator.segments.field import NEVER_NULL, NEVER_NULL_FLAG
from orchestrator.segments.fields import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orchestrator.check.documents import Documents
    from orchestrator.contacts.measures import CustomColumn, Measure
    from orchestrator.contacts.values import Exact
    from orchestrator.definitions.values import SegmentDefinition, SegmentExample
    from orchestrator.problems import Problem
    from orchestrator.segments.clauses import Clause, Explanation
    from orchestrator.segments.compile import CompiledSegment
    from orchestrator.segments.field import Field

_NUMBERS = {ValueType.NUMBER, ValueType.MONEY}


def example_problems(
    segments: Mapping[str, SegmentDefinition],
    compiled: Mapping[str, CompiledSegment],
    custom: Mapping[str, CustomColumn],
    documents: Documents,
) -> Iterator[Problem]:
    """Examples with wrong names or values, and examples that do not come true, with the clause that decides."""
    for name, segment in segments.items():
        for index, example in enumerate(segment.examples):
            values: dict[Measure, Exact] = {}
            wrong = list(_read(segment, index, example, custom, documents, values))
            yield from wrong
            if wrong or name not in compiled:
                continue
            known = {field.measure: _without_facts(field) for field in compiled[name].fields} | values
            explanation = explain_condition(compiled[name].condition, known)
            if explanation.member is not example.member:
                path = ("example", index, "member")
                yield documents.problem(
                    segment.file, path, _decided(explanation), "Correct the condition or the example."
                )


def field_named(name: str, custom: Mapping[str, CustomColumn]) -> Field | None:
    """The field of a name, or of a call such as ``bought('category', 'Pumps')``."""
    found = parse_text(f"{name} is null", custom)
    if not isinstance(found, Expression):
        # a yes-or-no question is never null: it is a condition by itself
        found = parse_text(name, custom)
    return found.fields[0] if isinstance(found, Expression) and len(found.fields) == 1 else None


def _read(
    segment: SegmentDefinition,
    index: int,
    example: SegmentExample,
    custom: Mapping[str, CustomColumn],
    documents: Documents,
    values: dict[Measure, Exact],
) -> Iterator[Problem]:
    """Fill ``values`` from an example; yields what is wrong with it."""
    for name, value in example.contact.items():
        path = ("example", index, "contact", name)
        field = field_named(name, custom)
        if field is None:
            near = nearest(name, custom)
            hint = f'Did you mean "{near[0]}"? ' if near else ""
            hint += "`campaigns fields` lists every field."
            yield documents.problem(segment.file, path, f'unknown field "{name}"', hint, at="key")
        elif not _fits(value, field.type):
            wanted = "number" if field.type in _NUMBERS else field.type
            message = f'"{name}" is a {wanted}, not {described(value)}'
            yield documents.problem(segment.file, path, message, _SAMPLES[field.type])
        else:
            is_number = field.type in _NUMBERS and value is not None
            values[field.measure] = Fraction(str(value)) if is_number else value


_SAMPLES = {
    ValueType.TEXT: 'Write it in quotes: "text".',
    ValueType.NUMBER: "Write it without quotes: 12.5.",
    ValueType.MONEY: "Write it without quotes: 12.5.",
    ValueType.BOOLEAN: "Write true or false.",
    ValueType.DATE: "Write it as 2026-01-31.",
}


def _fits(value: object, type_: ValueType) -> bool:
    if type_ is ValueType.BOOLEAN:
        return isinstance(value, bool)
    if type_ in _NUMBERS:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, str)


def _without_facts(field: Field) -> Exact:
    if field.null_meaning == NEVER_NULL:
        return Fraction(0)
    return False if field.null_meaning == NEVER_NULL_FLAG else None


def _decided(explanation: Explanation) -> str:
    if explanation.member:
        return "this contact is in the segment: every clause is true"
    failed = "; ".join(_shown(clause) for clause in explanation.clauses if clause.result is not True)
    return f"this contact is not in the segment: {failed}"


def _shown(clause: Clause) -> str:
    text = " ".join(clause.text.split())
    verdict = "is not true" if clause.result is False else "is unknown"
    if isinstance(clause.value, bool):
        return f"{text} {verdict}"
    values = clause.value if isinstance(clause.value, dict) else {}
    written = ", ".join(f"{name} is {'null' if value is None else value}" for name, value in values.items())
    if not values:
        written = f"the value is {'null' if clause.value is None else clause.value}"
    return f"{text} {verdict} ({written})"
