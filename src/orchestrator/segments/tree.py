"""A parsed condition as frozen values: what SQL, explanations and examples are made from.

Logic is three-valued: a comparison with null is null, ``not`` null is null, and only what is true makes a member.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from orchestrator.contacts.measures import ValueType
from orchestrator.segments.field import Field

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

Operator = Literal["=", "!=", "<", "<=", ">", ">="]


# -- operands


@dataclass(frozen=True, slots=True)
class Number:
    """A number as written: exact."""

    value: Fraction
    decimals: int
    """digits after the point"""


@dataclass(frozen=True, slots=True)
class Text:
    """A text, or a date that is compared with dates."""

    value: str


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Sum, difference or product of numbers."""

    operator: Literal["+", "-", "*"]
    left: Operand
    right: Operand


Operand = Field | Number | Text | Arithmetic
OPERANDS = (Field, Number, Text, Arithmetic)


# -- conditions


@dataclass(frozen=True, slots=True)
class Every:
    """``and``"""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """``or``"""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """``not``"""

    part: Condition


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two operands of comparable types."""

    operator: Operator
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class Between:
    """Both ends included."""

    operand: Operand
    low: Operand
    high: Operand


@dataclass(frozen=True, slots=True)
class OneOf:
    """``in``"""

    operand: Operand
    values: tuple[Number | Text, ...]


@dataclass(frozen=True, slots=True)
class IsNull:
    """``is null``: true or false, never null."""

    operand: Operand


@dataclass(frozen=True, slots=True)
class Like:
    """The whole text matches; ``%`` any characters, ``_`` one; upper and lower case are the same."""

    operand: Operand
    pattern: str


@dataclass(frozen=True, slots=True)
class Flag:
    """A field that is true or false by itself."""

    field: Field


@dataclass(frozen=True, slots=True)
class Constant:
    """``true`` or ``false``"""

    value: bool


@dataclass(frozen=True, slots=True)
class InSegment:
    """Another segment's condition holds: true or false, never null."""

    name: str


@dataclass(frozen=True, slots=True)
class Member:
    """What an InSegment becomes when it is compiled: the other condition, true only where that is true."""

    name: str
    condition: Condition


Condition = (
    Every | Some | Negation | Comparison | Between | OneOf | IsNull | Like | Flag | Constant | InSegment | Member
)
Node = Operand | Condition


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below."""
    match node:
        case Every(parts) | Some(parts):
            return parts
        case Negation(part) | Member(_, part):
            return (part,)
        case Comparison(_, left, right) | Arithmetic(_, left, right):
            return (left, right)
        case Between(operand, low, high):
            return (operand, low, high)
        case OneOf(operand, values):
            return (operand, *values)
        case IsNull(operand) | Like(operand, _):
            return (operand,)
        case Flag(field):
            return (field,)
        case Field() | Number() | Text() | Constant() | InSegment():
            return ()


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it."""
    yield node
    for child in children(node):
        yield from walk(child)


def fields_of(node: Node) -> tuple[Field, ...]:
    """The fields used, each once, in order of appearance."""
    return tuple(dict.fromkeys(found for found in walk(node) if isinstance(found, Field)))


def type_of(operand: Operand) -> ValueType:
    """The type of an operand; money stays money in arithmetic."""
    match operand:
        case Field():
            return operand.type
        case Number():
            return ValueType.NUMBER
        case Text():
            return ValueType.TEXT
        case Arithmetic(_, left, right):
            return ValueType.MONEY if ValueType.MONEY in {type_of(left), type_of(right)} else ValueType.NUMBER


def render(node: Node) -> str:  # noqa: C901, PLR0912 - one case a class of node
    """The node in the words of the language."""
    match node:
        case Every(parts):
            return " and ".join(_inner(part) for part in parts)
        case Some(parts):
            return " or ".join(_inner(part) for part in parts)
        case Negation(OneOf(operand, values)):
            return f"{render(operand)} not in ({', '.join(map(render, values))})"
        case Negation(IsNull(operand)):
            return f"{render(operand)} is not null"
        case Negation(Like(operand, pattern)):
            return f"{render(operand)} not like {quoted(pattern)}"
        case Negation(part):
            return f"not {_inner(part)}"
        case Comparison(operator, left, right):
            return f"{render(left)} {operator} {render(right)}"
        case Between(operand, low, high):
            return f"{render(operand)} between {render(low)} and {render(high)}"
        case OneOf(operand, values):
            return f"{render(operand)} in ({', '.join(map(render, values))})"
        case IsNull(operand):
            return f"{render(operand)} is null"
        case Like(operand, pattern):
            return f"{render(operand)} like {quoted(pattern)}"
        case Flag(field):
            return field.name
        case Constant(value):
            return "true" if value else "false"
        case InSegment(name) | Member(name, _):
            return f"in_segment({quoted(name)})"
        case Field():
            return node.name
        case Number(value, decimals):
            return f"{float(value):.{decimals}f}" if decimals else str(value)
        case Text(value):
            return quoted(value)
        case Arithmetic(operator, left, right):
            return f"{_term(left)} {operator} {_term(right)}"


def _inner(part: Condition) -> str:
    return f"({render(part)})" if isinstance(part, Every | Some) else render(part)


def _term(operand: Operand) -> str:
    return f"({render(operand)})" if isinstance(operand, Arithmetic) else render(operand)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
