"""A condition over known values, in Python: what explanations and examples say, the same as the SQL does."""

from __future__ import annotations

import operator
from fractions import Fraction
from typing import TYPE_CHECKING

from orchestrator.segments.field import Field
from orchestrator.segments.patterns import matches
from orchestrator.segments.tree import (
    Arithmetic,
    Between,
    Comparison,
    Condition,
    Constant,
    Every,
    Flag,
    InSegment,
    IsNull,
    Like,
    Member,
    Negation,
    Number,
    OneOf,
    Operand,
    Operator,
    Some,
    Text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from orchestrator.contacts.measures import Measure
    from orchestrator.contacts.values import Exact

_COMPARE: dict[Operator, Callable[..., bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_CALCULATE: dict[str, Callable[..., Exact]] = {"+": operator.add, "-": operator.sub, "*": operator.mul}


def truth(  # noqa: C901, PLR0912 - one case a class of node
    condition: Condition, values: Mapping[Measure, Exact]
) -> bool | None:
    """True, false, or None where an unknown value decides; a member is who meets it with True."""
    match condition:
        case Every(parts):
            return _every(truth(part, values) for part in parts)
        case Some(parts):
            return _not(_every(_not(truth(part, values)) for part in parts))
        case Negation(part):
            return _not(truth(part, values))
        case Comparison(sign, left, right):
            return _compare(sign, value_of(left, values), value_of(right, values))
        case Between(operand, low, high):
            value = value_of(operand, values)
            return _every((_compare(">=", value, value_of(low, values)), _compare("<=", value, value_of(high, values))))
        case OneOf(operand, choices):
            value = value_of(operand, values)
            if value is None:
                return None
            return any(_compare("=", value, value_of(choice, values)) for choice in choices)
        case IsNull(operand):
            return value_of(operand, values) is None
        case Like(operand, pattern):
            value = value_of(operand, values)
            return None if value is None else matches(pattern, str(value))
        case Flag(field):
            value = values[field.measure]
            return None if value is None else bool(value)
        case Constant(value):
            return value
        case Member(_, part):
            return truth(part, values) is True
        case InSegment(name):
            raise ValueError(f"in_segment('{name}') was not compiled")


def value_of(operand: Operand, values: Mapping[Measure, Exact]) -> Exact:
    """The value of an operand; with an unknown part it is unknown."""
    match operand:
        case Field():
            return values[operand.measure]
        case Number(value, _):
            return value
        case Text(text):
            return text
        case Arithmetic(sign, left, right):
            first, second = value_of(left, values), value_of(right, values)
            if first is None or second is None:
                return None
            return _CALCULATE[sign](*_alike(first, second))


def _compare(sign: Operator, left: Exact, right: Exact) -> bool | None:
    if left is None or right is None:
        return None
    return _COMPARE[sign](*_alike(left, right))


def _alike(left: Exact, right: Exact) -> tuple[Exact, Exact]:
    """Two numbers as the databases compare them: exactly, or as floating point where one of them is."""
    if isinstance(left, float) and isinstance(right, Fraction):
        return left, float(right)
    if isinstance(left, Fraction) and isinstance(right, float):
        return float(left), right
    return left, right


def _not(value: bool | None) -> bool | None:
    return None if value is None else not value


def _every(values: Iterable[bool | None]) -> bool | None:
    found: bool | None = True
    for value in values:
        if value is False:
            return False
        if value is None:
            found = None
    return found
