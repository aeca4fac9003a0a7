"""Answers of a profile row as values: exact ones to compute with, and as people write them."""

from __future__ import annotations

import re
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from orchestrator.contacts.measures import ValueType

if TYPE_CHECKING:
    from orchestrator.contacts.profile import AnswerColumn

Exact = Fraction | float | str | bool | None
"""a value to compare: whole and decimal numbers as fractions, measured ones as floats"""
Shown = Decimal | int | float | str | bool | None
"""a value in people's units: money as a decimal with two places"""
CENT = Decimal("0.01")


def exact(column: AnswerColumn, type_: ValueType, row: Any) -> Exact:
    """The answer in one row of the profile query (``row`` is indexed by column name)."""
    value = row[column.value]
    if value is None:
        return None
    match type_:
        case ValueType.TEXT | ValueType.DATE:
            return str(value)
        case ValueType.BOOLEAN:
            return bool(value)
        case ValueType.NUMBER | ValueType.MONEY:
            if column.real:
                return float(value)
            divisor = 1 if column.divisor is None else row[column.divisor]
            return None if divisor is None else Fraction(int(value), 10**column.decimals * int(divisor))


def shown(value: Exact, type_: ValueType) -> Shown:
    """The value in people's units; an average or a share is rounded, what is compared is not."""
    if not isinstance(value, Fraction):
        return value
    if type_ is ValueType.MONEY:
        return (Decimal(value.numerator) / value.denominator).quantize(CENT, ROUND_HALF_UP)
    return value.numerator if value.denominator == 1 else float(value)


def is_date(value: str) -> bool:
    """Whether a text is a day written ``2026-01-31``."""
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value) is None:
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True
