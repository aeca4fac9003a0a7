"""A value of a TOML file in a marketer's words."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal

from orchestrator.definitions.faults import Fault


def finite(number: Decimal) -> float:
    """A number for templates and examples. Raises Fault for inf, nan and what no float holds."""
    if not number.is_finite() or abs(number) > Decimal("1e300"):
        raise Fault(f"must be an ordinary number, not {shortened(str(number))}")
    return float(number)


def described(value: object) -> str:
    """The value in a marketer's words: ``the text "80"``, ``a list``."""
    match value:
        case str():
            shown = re.sub(r"\s+", " ", value)
            return f'the text "{shortened(shown)}"' if shown.isprintable() else "a text"
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return f"the number {shortened(str(value))}"
        case datetime():
            return "a date with a time"
        case date():
            return "a date"
        case dict():
            return "a table"
        case list():
            return "a list of tables" if value and isinstance(value[0], dict) else "a list"
        case _:
            return "a time"


def shortened(text: str) -> str:
    """At most 40 characters of it."""
    return text if len(text) <= 40 else text[:39] + "…"


def unquoted(value: object) -> str:
    """The hint for a number that stands in quotes."""
    is_number = isinstance(value, str) and re.fullmatch(r"\s*-?\d+(\.\d+)?\s*", value)
    return f"Write {str(value).strip()} without quotes." if is_number else ""
