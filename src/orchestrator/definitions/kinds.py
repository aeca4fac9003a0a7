"""What the value of a key may be: one small class a kind, which checks a value and describes itself to editors.

``read`` takes what TOML gives (str, int, Decimal, bool, date, …) and returns what the program uses, or raises Fault.
``schema`` is the JSON Schema of the same rule. ``wanted`` completes "must be …". Tables are in ``keys.py``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from orchestrator.definitions.described import described, finite, shortened, unquoted
from orchestrator.definitions.faults import Fault
from orchestrator.definitions.nearest import nearest, one_of

if TYPE_CHECKING:
    from collections.abc import Callable

Schema = dict[str, Any]
_LARGEST = Decimal("1e15")


class Kind(Protocol):
    """A rule for one value."""

    @property
    def wanted(self) -> str: ...

    def read(self, value: object) -> object: ...

    def schema(self) -> Schema: ...


@dataclass(frozen=True, slots=True)
class Text:
    """A text; ``rule`` refines it and may return another type."""

    wanted: str = "a text"
    rule: Callable[[str], object] = str
    pattern: str = ""
    """regular expression for editors; ``rule`` decides"""
    is_secret: bool = False
    """never shown in a message"""
    may_be_empty: bool = False
    may_have_lines: bool = False

    def read(self, value: object) -> object:
        if not isinstance(value, str):
            raise Fault(f"must be {self.wanted}" + ("" if self.is_secret else f", not {described(value)}"))
        if not value.strip() and not self.may_be_empty:
            raise Fault("must not be empty", "Write a value, or delete the line.")
        if "\n" in value and not self.may_have_lines:
            raise Fault("must be a single line", "Remove the line break.")
        if any(not character.isprintable() and character not in "\n\t" for character in value):
            raise Fault("must not contain invisible control characters", "Type the text anew.")
        return self.rule(value)

    def schema(self) -> Schema:
        schema: Schema = {"type": "string"}
        if self.pattern:
            schema["pattern"] = self.pattern
        elif not self.may_be_empty:
            schema["minLength"] = 1
        return schema


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]

    @property
    def wanted(self) -> str:
        return one_of(self.words)

    def read(self, value: object) -> object:
        if value in self.words:
            return value
        close = nearest(value, self.words) if isinstance(value, str) else None
        raise Fault(f"must be {self.wanted}, not {described(value)}", f'Did you mean "{close}"?' if close else "")

    def schema(self) -> Schema:
        return {"enum": list(self.words)}


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number from ``low`` to ``high``."""

    low: int = 0
    high: int = 2**31 - 1

    @property
    def wanted(self) -> str:
        return "a whole number"

    def read(self, value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int):
            raise Fault(f"must be a whole number, not {described(value)}", unquoted(value))
        if not self.low <= value <= self.high:
            raise Fault(f"must be {self._limits()}, not {shortened(str(value))}")
        return value

    def _limits(self) -> str:
        return f"at least {self.low}" if self.high == 2**31 - 1 else f"from {self.low} to {self.high}"

    def schema(self) -> Schema:
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True, slots=True)
class Number:
    """A number from ``low`` to ``high``; becomes a float, or stays exact."""

    low: float | None = None
    high: float | None = None
    below_high: bool = False
    exact: bool = False
    hint: str = ""

    @property
    def wanted(self) -> str:
        return "a number"

    def read(self, value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise Fault(f"must be a number, not {described(value)}", unquoted(value))
        number = Decimal(value)
        if not number.is_finite() or abs(number) > _LARGEST or not self._is_within(number):
            raise Fault(f"must be {self._limits()}, not {shortened(str(value))}", self.hint)
        return number if self.exact else float(number)

    def _is_within(self, number: Decimal) -> bool:
        if self.low is not None and number < Decimal(str(self.low)):
            return False
        high = None if self.high is None else Decimal(str(self.high))
        return high is None or (number < high if self.below_high else number <= high)

    def _limits(self) -> str:
        if self.high is None:
            return "an ordinary number" if self.low is None else f"at least {self.low:g}"
        return f"from {self.low:g} to {'below ' if self.below_high else ''}{self.high:g}"

    def schema(self) -> Schema:
        schema: Schema = {"type": "number"}
        if self.low is not None:
            schema["minimum"] = self.low
        if self.high is not None:
            schema["exclusiveMaximum" if self.below_high else "maximum"] = self.high
        return schema


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false."""

    @property
    def wanted(self) -> str:
        return "true or false"

    def read(self, value: object) -> object:
        if isinstance(value, bool):
            return value
        hint = "Write it without quotes." if value in ("true", "false") else ""
        raise Fault(f"must be true or false, not {described(value)}", hint)

    def schema(self) -> Schema:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Day:
    """A TOML date."""

    @property
    def wanted(self) -> str:
        return "a date"

    def read(self, value: object) -> object:
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        hint = "Write it as 2027-06-30, without quotes or a time."
        raise Fault(f"must be a date, not {described(value)}", hint)

    def schema(self) -> Schema:
        return {"type": "string", "format": "date", "pattern": r"^\d{4}-\d{2}-\d{2}$"}


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text, a number, true or false; dates become ISO texts."""

    @property
    def wanted(self) -> str:
        return "a text, a number, true or false"

    def read(self, value: object) -> object:
        match value:
            case str() | bool() | int():
                return value
            case Decimal():
                return finite(value)
            case date():
                return value.isoformat()
            case _:
                raise Fault(f"must be {self.wanted}, not {described(value)}")

    def schema(self) -> Schema:
        return {"type": ["string", "number", "boolean"]}


@dataclass(frozen=True, slots=True)
class Anything:
    """Free values for templates: texts, numbers, dates, true or false, and lists and tables of them."""

    @property
    def wanted(self) -> str:
        return "a text, a number, a date, true or false, or a list or table of them"

    def read(self, value: object) -> object:
        match value:
            case dict():
                return {key: self.read(inner) for key, inner in value.items()}
            case list():
                return [self.read(inner) for inner in value]
            case Decimal():
                return finite(value)
            case _:
                return value

    def schema(self) -> Schema:
        return {}


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of values of one kind, none twice."""

    each: Text = field(default_factory=Text)

    @property
    def wanted(self) -> str:
        return "a list"

    def read(self, value: object) -> object:
        """The list itself; its elements are read one by one, each at its own place."""
        if not isinstance(value, list):
            example = f'["{value}"]' if isinstance(value, str) and value.isprintable() else '["one", "two"]'
            raise Fault(f"must be a list, not {described(value)}", f"Write {example}.")
        return value

    def schema(self) -> Schema:
        return {"type": "array", "items": self.each.schema(), "uniqueItems": True}
