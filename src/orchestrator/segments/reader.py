"""sqlglot's tree of a condition becomes ours: node by node, from a list of allowed classes with the parts we know.

Anything else, known to SQL or added to sqlglot one day, is refused. Types are checked on the way.
"""

from __future__ import annotations

from difflib import get_close_matches
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from sqlglot import exp

from orchestrator.contacts.measures import ValueType
from orchestrator.contacts.values import is_date
from orchestrator.segments.characters import Fault
from orchestrator.segments.families import CLOSED
from orchestrator.segments.field import Field
from orchestrator.segments.tree import (
    OPERANDS,
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
    Negation,
    Number,
    OneOf,
    Operand,
    Operator,
    Some,
    Text,
    render,
    type_of,
)
from orchestrator.segments.truth import value_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.segments.lexical import Words

COMPARISONS: Mapping[type[exp.Expr], Operator] = {
    exp.EQ: "=",
    exp.NEQ: "!=",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
SUMS: Mapping[type[exp.Expr], Literal["+", "-", "*"]] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*"}
MAX_DECIMALS = 12
PARTS: Mapping[type[exp.Expr], frozenset[str]] = {
    exp.And: frozenset({"this", "expression"}),
    exp.Or: frozenset({"this", "expression"}),
    exp.Not: frozenset({"this"}),
    exp.Paren: frozenset({"this"}),
    exp.Neg: frozenset({"this"}),
    exp.Column: frozenset({"this"}),
    exp.Identifier: frozenset({"this"}),
    exp.Literal: frozenset({"this", "is_string"}),
    exp.Boolean: frozenset({"this"}),
    exp.Is: frozenset({"this", "expression"}),
    exp.Null: frozenset(),
    exp.In: frozenset({"this", "expressions"}),
    exp.Between: frozenset({"this", "low", "high"}),
    exp.Like: frozenset({"this", "expression", "negate"}),
    **{kind: frozenset({"this", "expression"}) for kind in (*COMPARISONS, *SUMS)},
}
"""the allow-list: class -> the parts it may have"""

_NUMERIC = {ValueType.NUMBER, ValueType.MONEY}


class _Refused(Exception):
    def __init__(self, node: exp.Expr, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.node, self.message, self.hint = node, message, hint


class TreeReader:
    """Takes over sqlglot's tree. Type errors are collected, so that one bad comparison does not hide the next."""

    def __init__(self, words: Words) -> None:
        self.words = words
        self.faults: list[Fault] = []

    def condition(self, node: exp.Expr) -> Condition:
        """A node that stands where a condition must."""
        try:
            read = self._read(node)
            if isinstance(read, Field) and read.type is ValueType.BOOLEAN:
                return Flag(read)
            if isinstance(read, OPERANDS):
                self._note(_Refused(node, f"{render(read)} is not a condition", "Compare it: = != < > …"))
                return Constant(value=False)
        except _Refused as refused:
            self._note(refused)
            return Constant(value=False)
        return read

    def _operand(self, node: exp.Expr) -> Operand:
        read = self._read(node)
        if not isinstance(read, OPERANDS):
            message = f"a condition stands where a value is expected: {render(read)}"
            raise _Refused(node, message, "Join conditions with `and` or `or`.")
        return read

    def _read(self, node: exp.Expr) -> Operand | Condition:  # noqa: C901, PLR0912 - one case a class of node
        self._check_parts(node)
        match node:
            case exp.Paren():
                return self._read(node.this)
            case exp.And() | exp.Or():
                parts = tuple(self.condition(part) for part in _chain(node, type(node)))
                return Every(parts) if isinstance(node, exp.And) else Some(parts)
            case exp.Not():
                return Negation(self.condition(node.this))
            case exp.Boolean():
                return Constant(value=bool(node.this))
            case exp.Literal():
                return _literal(node)
            case exp.Column():
                return self._meaning(node)
            case exp.Neg():
                return self._negative(node)
            case exp.Add() | exp.Sub() | exp.Mul():
                return self._arithmetic(node)
            case exp.Is():
                if type(node.expression) is not exp.Null:
                    raise _Refused(node, "after `is` comes `null` or `not null`", "Compare with = instead.")
                return IsNull(self._operand(node.this))
            case exp.Like():
                return self._like(node)
            case exp.In():
                return self._one_of(node)
            case exp.Between():
                operand, low, high = (self._operand(part) for part in (node.this, node.args["low"], node.args["high"]))
                self._check_types(node, operand, low)
                self._check_types(node, operand, high)
                return Between(operand, low, high)
            case _:
                return self._comparison(node)

    def _check_parts(self, node: exp.Expr) -> None:
        allowed = PARTS.get(type(node))
        if allowed is None:
            raise _Refused(node, "this is not part of the language", "Segments are conditions over fields.")
        for name, part in node.args.items():
            if name not in allowed and part not in (None, False, []):
                raise _Refused(node, "this is not part of the language", "Segments are conditions over fields.")

    def _meaning(self, node: exp.Column) -> Field | InSegment:
        self._check_parts(node.this)
        number = node.name.removeprefix("v")
        if not number.isdigit():  # sqlglot takes some keywords for names where no other reading is left
            raise _Refused(node, f'"{node.name}" is not expected here', "Join conditions with `and` or `or`.")
        return self.words.meanings[int(number)]

    def _negative(self, node: exp.Neg) -> Operand:
        operand = self._operand(node.this)
        if isinstance(operand, Number):
            return Number(-operand.value, operand.decimals)
        self._check_numeric(node, operand)
        return Arithmetic("-", Number(Fraction(0), 0), operand)

    def _arithmetic(self, node: exp.Add | exp.Sub | exp.Mul) -> Operand:
        left, right = self._operand(node.this), self._operand(node.expression)
        self._check_numeric(node, left)
        self._check_numeric(node, right)
        calculated = Arithmetic(SUMS[type(node)], left, right)
        decimals = _decimals(calculated)
        if decimals > MAX_DECIMALS:
            message = f"this calculation needs {decimals} decimals; the limit is {MAX_DECIMALS}"
            raise _Refused(node, message, "Write numbers with fewer decimals, or multiply less.")
        if isinstance(left, Number) and isinstance(right, Number):
            value = value_of(calculated, {})
            assert isinstance(value, Fraction)
            return Number(value, decimals)
        return calculated

    def _like(self, node: exp.Like) -> Condition:
        operand, pattern = self._operand(node.this), self._read(node.expression)
        if not isinstance(pattern, Text):
            raise _Refused(node, "`like` takes a text", "Write it in single quotes: like 'pump%'.")
        if type_of(operand) is not ValueType.TEXT:
            message = f"`like` looks into texts; {render(operand)} is a {type_of(operand)}"
            raise _Refused(node, message, "Compare it: = != < > …")
        like = Like(operand, pattern.value)
        return Negation(like) if node.args.get("negate") else like

    def _one_of(self, node: exp.In) -> Condition:
        operand = self._operand(node.this)
        if not node.expressions:
            raise _Refused(node, "the list after `in` is empty", "Write values in it: in ('a', 'b').")
        values = []
        for part in node.expressions:
            value = self._read(part)
            if not isinstance(value, Number | Text):
                message = "the list after `in` holds values only"
                raise _Refused(part, message, "Write texts in single quotes, or numbers: in ('a', 'b').")
            self._check_types(node, operand, value)
            _check_value(part, operand, value)
            values.append(value)
        return OneOf(operand, tuple(values))

    def _comparison(self, node: exp.Expr) -> Condition:
        operator = COMPARISONS[type(node)]
        left, right = self._side(node.this), self._side(node.expression)
        if isinstance(left, OPERANDS) and isinstance(right, OPERANDS):
            self._check_types(node, left, right)
            if operator in ("=", "!="):
                _check_value(node, left, right)
                _check_value(node, right, left)
            return Comparison(operator, left, right)
        if isinstance(left, Constant):
            left, right = right, left
        if isinstance(left, OPERANDS) or not isinstance(right, Constant) or operator not in ("=", "!="):
            message = "a condition can be compared with `= true` or `= false` only"
            raise _Refused(node, message, "Leave the comparison out: a condition is true or false by itself.")
        return left if right.value is (operator == "=") else Negation(left)

    def _side(self, node: exp.Expr) -> Operand | Condition:
        read = self._read(node)
        return Flag(read) if isinstance(read, Field) and read.type is ValueType.BOOLEAN else read

    def _check_numeric(self, node: exp.Expr, operand: Operand) -> None:
        if type_of(operand) not in _NUMERIC:
            message = f"{render(operand)} is a {type_of(operand)}; + - * take numbers"
            raise _Refused(node, message, "`campaigns fields` says which fields are numbers.")

    def _check_types(self, node: exp.Expr, left: Operand, right: Operand) -> None:
        types = {type_of(left), type_of(right)}
        if types <= _NUMERIC or len(types) == 1:
            return
        if types == {ValueType.TEXT, ValueType.DATE}:
            for side in (left, right):
                if isinstance(side, Text) and not is_date(side.value):
                    raise _Refused(node, f"{render(side)} is not a date", "Dates are written '2026-01-31'.")
            if isinstance(left, Text) or isinstance(right, Text):
                return
        names = f"{type_of(left)} with {type_of(right)}"
        quoted = next((s for s in (left, right) if isinstance(s, Text)), None)
        if quoted is not None and types & _NUMERIC:
            hint = f"Numbers stand without quotes; {quoted.value!r} in quotes is a text."
        elif ValueType.TEXT in types and types & _NUMERIC:
            hint = "Texts stand in single quotes: 'text'."
        else:
            hint = "`campaigns fields` says what each field is."
        raise _Refused(node, f"cannot compare {names}: {render(left)} and {render(right)}", hint)

    def _note(self, refused: _Refused) -> None:
        places = [
            self._place(leaf) for leaf in refused.node.walk() if isinstance(leaf, exp.Identifier | exp.Literal)
        ] or [(0, 1)]
        start = min(place[0] for place in places)
        end = max(place[1] for place in places)
        self.faults.append(Fault(start, end - start, refused.message, refused.hint))

    @staticmethod
    def _place(leaf: exp.Expr) -> tuple[int, int]:
        return leaf.meta.get("start", 0), leaf.meta.get("end", 0) + 1


def _check_value(node: exp.Expr, field: Operand, value: Operand) -> None:
    """Raises _Refused for a text that the field never has."""
    if not isinstance(field, Field) or not isinstance(value, Text):
        return
    values = CLOSED.get(field.name)
    if values is None or value.value in values:
        return
    near = get_close_matches(value.value.lower(), [one.lower() for one in values], 1)
    meant = next((one for one in values if near and one.lower() == near[0]), None)
    hint = f"Did you mean '{meant}'?" if meant else f"It is one of {', '.join(values)}."
    raise _Refused(node, f"{field.name} is never {render(value)}", hint)


def _literal(node: exp.Literal) -> Number | Text:
    written = str(node.this)
    if node.is_string:
        return Text(written)
    return Number(Fraction(written), len(written.partition(".")[2]))


def _decimals(operand: Operand) -> int:
    match operand:
        case Number(_, decimals):
            return decimals
        case Arithmetic("*", left, right):
            return _decimals(left) + _decimals(right)
        case Arithmetic(_, left, right):
            return max(_decimals(left), _decimals(right))
        case _:
            return 2 if type_of(operand) is ValueType.MONEY else 0


def _chain(node: exp.Expr, kind: type[exp.Expr]) -> list[exp.Expr]:
    """``a and b and c`` is nested to the left; a thousand terms are read without recursion."""
    parts = []
    while type(node) is kind:
        parts.append(node.args["expression"])
        node = node.args["this"]
    parts.append(node)
    return parts[::-1]
