"""A condition over the columns of the profile query, as SQL for SQLite, PostgreSQL, DuckDB or Spark.

Decimal numbers are compared as whole numbers of their smallest unit and averages by cross-multiplication, so that
50000.01 is more than 50000 and an average of a third is exactly that, in every database. Texts are bound, numbers
are ours. Chains of ``and`` and ``or`` become balanced trees: SQLite limits how deep an expression may be.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.contacts.measures import ValueType
from orchestrator.segments.field import Field
from orchestrator.segments.patterns import as_glob, as_regex, as_whole_regex
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
    type_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.contacts.measures import Measure
    from orchestrator.contacts.profile import AnswerColumn

WIDE = {"postgresql": "NUMERIC", "duckdb": "HUGEINT", "spark": "DECIMAL(38, 0)"}
"""types of whole numbers beyond 64 bits"""
SQL_OPERATOR: dict[Operator, str] = {"=": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number in SQL: ``value / 10**decimals / divisor``; ``real`` ones are floating point and have neither."""

    value: str
    decimals: int = 0
    divisor: str | None = None
    real: bool = False


@dataclass(slots=True)
class ConditionWriter:
    """Writes conditions; ``parameters`` collects their texts."""

    dialect: str
    columns: Mapping[Measure, AnswerColumn]
    alias: str
    """of the profile query"""
    parameters: dict[str, str] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)

    def sql(self, condition: Condition) -> str:  # noqa: C901 - one case a class of node
        """The condition, in parentheses where it needs them."""
        match condition:
            case Every(parts):
                return _balanced([self.sql(part) for part in parts], "AND")
            case Some(parts):
                return _balanced([self.sql(part) for part in parts], "OR")
            case Negation(part):
                return f"(NOT {self.sql(part)})"
            case Comparison(operator, left, right):
                return f"({self._compared(operator, left, right)})"
            case Between(operand, low, high):
                return f"({self._compared('>=', operand, low)} AND {self._compared('<=', operand, high)})"
            case OneOf(operand, values):
                return self._one_of(operand, values)
            case IsNull(operand):
                return f"({self._nullable(operand)} IS NULL)"
            case Like(operand, pattern):
                return f"({self._like(operand, pattern)})"
            case Flag(flag):
                return self._column(flag)
            case Constant(value):
                return "TRUE" if value else "FALSE"
            case Member(_, part):
                return f"({self.sql(part)} IS TRUE)"
            case InSegment(name):
                raise ValueError(f"in_segment('{name}') was not compiled")

    def _compared(self, operator: Operator, left: Operand, right: Operand) -> str:
        sign = SQL_OPERATOR[operator]
        if type_of(left) in {ValueType.TEXT, ValueType.DATE}:
            collation = ' COLLATE "C"' if self.dialect == "postgresql" and operator not in ("=", "!=") else ""
            return f"{self._text(left)}{collation} {sign} {self._text(right)}"
        first, second = self._quantity(left), self._quantity(right)
        if first.real or second.real:
            return f"{self._real(first)} {sign} {self._real(second)}"
        # decimals are brought to the longer ones, divisors (always above 0) to the other side
        decimals = max(first.decimals, second.decimals)
        return (
            f"{self._times(self._scaled(first, decimals), second.divisor)} {sign} "
            f"{self._times(self._scaled(second, decimals), first.divisor)}"
        )

    def _one_of(self, operand: Operand, values: Sequence[Number | Text]) -> str:
        if type_of(operand) in {ValueType.TEXT, ValueType.DATE}:
            return f"({self._text(operand)} IN ({', '.join(self._text(value) for value in values)}))"
        return _balanced([f"({self._compared('=', operand, value)})" for value in values], "OR")

    def _like(self, operand: Operand, pattern: str) -> str:
        match self.dialect:
            case "postgresql":
                return f"{self._text(operand)} ~ {self._bound(as_regex(pattern))}"
            case "duckdb":
                return f"regexp_matches({self._text(operand)}, {self._bound(as_whole_regex(pattern))})"
            case "spark":
                return f"{self._text(operand)} RLIKE {self._bound(as_whole_regex(pattern))}"
            case _:
                return f"{self._text(operand)} GLOB {self._bound(as_glob(pattern))}"

    def _nullable(self, operand: Operand) -> str:
        match operand:
            case Field():
                column = self.columns[operand.measure]
                divisor = f" + {self.alias}.{column.divisor}" if column.divisor else ""
                return f"({self._column(operand)}{divisor})"
            case Arithmetic(_, left, right):
                return (
                    f"(CASE WHEN {self._nullable(left)} IS NOT NULL AND {self._nullable(right)} IS NOT NULL THEN 1 END)"
                )
            case Number() | Text():
                return "1"

    def _text(self, operand: Operand) -> str:
        if isinstance(operand, Text):
            return self._bound(operand.value)
        assert isinstance(operand, Field)
        return self._column(operand)

    def _quantity(self, operand: Operand) -> Quantity:
        match operand:
            case Number(value, decimals):
                return Quantity(str(int(value * 10**decimals)), decimals)
            case Field():
                column = self.columns[operand.measure]
                divisor = f"{self.alias}.{column.divisor}" if column.divisor else None
                return Quantity(self._column(operand), column.decimals, divisor, column.real)
            case Arithmetic(operator, left, right):
                return self._calculated(operator, self._quantity(left), self._quantity(right))
            case Text():
                raise TypeError("a text is not a number")

    def _calculated(self, operator: str, first: Quantity, second: Quantity) -> Quantity:
        if first.real or second.real:
            return Quantity(f"({self._real(first)} {operator} {self._real(second)})", real=True)
        divisor = first.divisor or second.divisor
        if first.divisor and second.divisor:
            divisor = self._times(first.divisor, second.divisor)
        if operator == "*":
            return Quantity(self._times(first.value, second.value), first.decimals + second.decimals, divisor)
        decimals = max(first.decimals, second.decimals)
        left = self._times(self._scaled(first, decimals), second.divisor)
        right = self._times(self._scaled(second, decimals), first.divisor)
        return Quantity(f"({left} {operator} {right})", decimals, divisor)

    def _scaled(self, quantity: Quantity, decimals: int) -> str:
        """The value in units of that many decimals; a written number is brought there here."""
        more = decimals - quantity.decimals
        if quantity.value.lstrip("-").isdigit():
            return str(int(quantity.value) * 10**more)
        return self._times(quantity.value, str(10**more)) if more else quantity.value

    def _times(self, value: str, factor: str | None) -> str:
        """A product that may pass 64 bits: SQLite goes over to floating point, the others would refuse it."""
        if factor is None:
            return value
        wide = WIDE.get(self.dialect)
        return f"({value} * {factor})" if wide is None else f"(CAST({value} AS {wide}) * {factor})"

    def _real(self, quantity: Quantity) -> str:
        if quantity.real:
            return quantity.value
        value = f"CAST({quantity.value} AS DOUBLE PRECISION)"
        if quantity.divisor or quantity.decimals:
            unit = self._times(str(10**quantity.decimals), quantity.divisor)
            value = f"({value} / CAST({unit} AS DOUBLE PRECISION))"
        return value

    def _column(self, used: Field) -> str:
        return f"{self.alias}.{self.columns[used.measure].value}"

    def _bound(self, value: str) -> str:
        if value not in self._names:
            name = f"t{len(self._names)}"
            self._names[value] = name
            self.parameters[name] = value
        name = f":{self._names[value]}"
        # two parameters compared with each other have no type of their own
        return f"CAST({name} AS TEXT)" if self.dialect == "postgresql" else name


def _balanced(parts: list[str], operator: str) -> str:
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    return f"({_balanced(parts[:half], operator)} {operator} {_balanced(parts[half:], operator)})"
