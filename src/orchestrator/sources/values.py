"""One value of a source -> the value that is stored, or BadValue with a reason a person can act on.

A parser takes what a CSV cell (text, never empty, no blanks around it) or a database driver (any Python value but
None) gives.
Parsers of words, countries and languages are in ``words``, those of times in ``moments``.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LONGEST_KEY = 255
LARGEST = 10**15
"""of money and whole numbers: what is beyond is a fault, and sums of it would leave 64 bits"""

_PLAIN_NUMBER = re.compile(r"[+-]?(?P<whole>[0-9]+)(?:\.(?P<fraction>[0-9]+))?")
_PLAIN_ADDRESS = re.compile(
    r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@"
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}"
)
"""most addresses; all it accepts is valid, which spares the full check"""


class BadValue(Exception):
    """The value cannot be stored; the text says why and what to write instead."""


def text(value: Any) -> str:
    """Any scalar as text."""
    result = value if type(value) is str else _as_text(value)
    if "\0" in result:
        raise BadValue("contains a NUL character; the export is damaged here")
    if not result.isascii():
        try:
            result.encode()
        except UnicodeEncodeError:
            raise BadValue("contains half of a surrogate pair; the export is damaged here") from None
    return result


def _as_text(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str() | int() | UUID():
            return str(value)
        case float():
            return str(int(value)) if value.is_integer() else repr(value)
        case Decimal():
            return f"{value:f}"
        case datetime() | date() | time():
            return value.isoformat()
        case dict() | list():
            return json.dumps(value, ensure_ascii=False, default=str)
        case _:
            raise BadValue(f"a value of type {type(value).__name__} is not text")


def key(value: Any) -> str:
    """An identifier, as text."""
    if type(value) is str and len(value) <= LONGEST_KEY and value.isascii() and "\0" not in value:
        return value  # nearly all of them
    if isinstance(value, Decimal) and value == value.to_integral_value():
        value = int(value)
    result = text(value)
    if len(result) > LONGEST_KEY:
        raise BadValue(f"is longer than {LONGEST_KEY} characters; not an identifier")
    return result


def email(value: Any) -> str:
    """An address that can be mailed, as written. Whether its domain exists is not asked."""
    address = text(value)
    if len(address) <= 254 and address.find("@") <= 64 and "--" not in address and _PLAIN_ADDRESS.fullmatch(address):
        return address
    # reserved domains are valid in form, and what test systems export; the checker knows nothing against .example
    reserved = re.split("[.@]", address)[-1].lower() in SPECIAL_USE_DOMAIN_NAMES
    checked = f"{address}.example" if reserved else address
    try:
        validated = validate_email(checked, check_deliverability=False, globally_deliverable=False, strict=True)
    except EmailNotValidError as fault:
        raise BadValue(f"not an e-mail address: {fault}") from None
    if validated.ascii_domain.rpartition(".")[2].isdigit():
        raise BadValue("not an e-mail address: its domain is a number")
    return unicodedata.normalize("NFC", address)


def email_key(value: Any) -> str:
    """The identity of an address: addresses that differ in case alone are the same."""
    return email(value).lower()


def money(value: Any) -> int:
    """An exact amount with at most two decimals -> hundredths."""
    if type(value) is str:
        return _money_text(value)
    match value:
        case bool():
            raise BadValue("true or false is not an amount")
        case int():
            cents: Decimal | int = value * 100
        case float():
            cents = _finite(Decimal(repr(value))) * 100
        case Decimal():
            cents = _finite(value) * 100
        case _:
            return _money_text(text(value))
    if cents != int(cents):
        raise BadValue(f"{value} has more than two decimals; round it in the source")
    return _within(int(cents), LARGEST * 100)


def _money_text(value: str) -> int:
    found = _PLAIN_NUMBER.fullmatch(value)
    if found is None:
        raise BadValue(_why_no_number(value, "an amount"))
    whole, fraction = found["whole"], (found["fraction"] or "").rstrip("0")
    if len(fraction) > 2:
        raise BadValue(f"{_shown(value)} has more than two decimals; round it in the source")
    if len(whole) > 64:
        raise BadValue("is larger than any real amount")
    cents = int(whole) * 100 + int(fraction.ljust(2, "0"))
    return _within(-cents if value[0] == "-" else cents, LARGEST * 100)


def whole(value: Any) -> int:
    """A whole number; ``12.000`` is one."""
    if isinstance(value, bool):
        raise BadValue("true or false is not a number")
    if isinstance(value, float | Decimal):
        number = _finite(Decimal(repr(value)) if isinstance(value, float) else value)
        if number != number.to_integral_value():
            raise BadValue(f"{value} is not a whole number")
        return _within(int(number), LARGEST)
    if isinstance(value, int):
        return _within(value, LARGEST)
    return _whole_text(text(value))


def _whole_text(value: str) -> int:
    found = _PLAIN_NUMBER.fullmatch(value)
    if found is None:
        raise BadValue(_why_no_number(value, "a whole number"))
    if (found["fraction"] or "").strip("0"):
        raise BadValue(f"{_shown(value)} is not a whole number")
    if len(found["whole"]) > 64:
        raise BadValue("is larger than any real number of things")
    number = int(found["whole"])
    return _within(-number if value[0] == "-" else number, LARGEST)


def number(value: Any) -> float:
    """A finite number."""
    if isinstance(value, bool):
        raise BadValue("true or false is not a number")
    if not isinstance(value, int | float | Decimal):
        value = text(value)
        if not _PLAIN_NUMBER.fullmatch(value):
            raise BadValue(_why_no_number(value, "a number"))
    try:
        result = float(value)
    except OverflowError:
        result = math.inf
    if not math.isfinite(result):
        raise BadValue(f"{_shown(str(value))} is not a finite number")
    return result


def number_between(lowest: float, highest: float) -> Callable[[Any], float]:
    """A parser of numbers within bounds, both included."""

    def bounded(value: Any) -> float:
        result = number(value)
        if not lowest <= result <= highest:
            raise BadValue(f"{result:g} is not between {lowest:g} and {highest:g}")
        return result

    return bounded


def whole_from(lowest: int) -> Callable[[Any], int]:
    """A parser of whole numbers that are at least ``lowest``."""

    def bounded(value: Any) -> int:
        result = whole(value)
        if result < lowest:
            raise BadValue(f"{result} is less than {lowest}")
        return result

    return bounded


def json_object(value: Any) -> str:
    """A JSON object -> compact JSON text with sorted names."""
    try:
        found = value if isinstance(value, dict) else json.loads(text(value), parse_constant=_no_constant)
        if not isinstance(found, dict):
            raise BadValue('is not a JSON object; write {"name": value, …}')
        result = compact(found)
        result.encode()
    except json.JSONDecodeError as fault:
        raise BadValue(f"is not JSON: {fault.msg} at character {fault.pos + 1}") from None
    except (RecursionError, TypeError, UnicodeEncodeError, ValueError):
        raise BadValue("is not JSON that can be stored") from None
    if "\\u0000" in result:
        raise BadValue("contains a NUL character")
    return result


def compact(found: Mapping[str, object]) -> str:
    """JSON text that is equal for equal objects."""
    return json.dumps(found, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _no_constant(name: str) -> object:
    raise BadValue(f"is not JSON: {name} is not a value")


def _finite(value: Decimal) -> Decimal:
    if not value.is_finite():
        raise BadValue(f"{value} is not a finite number")
    return value


def _within(value: int, largest: int) -> int:
    if abs(value) > largest:
        raise BadValue(f"is larger than {LARGEST:,}; not a real figure")
    return value


def _why_no_number(value: str, wanted: str) -> str:
    shown = _shown(value)
    if re.fullmatch(r"[+-]?[0-9.]*,[0-9,.]*", value):
        return (
            f"{shown} has a comma: write {wanted} with a point for decimals and no thousands separator, as in 1234.50"
        )
    if re.fullmatch(r"[+-]?[0-9.]+[eE][+-]?[0-9]+", value):
        return f"{shown} has an exponent: write {wanted} in full"
    if value.lower().strip("+-") in {"nan", "inf", "infinity"}:
        return f"{shown} is not {wanted}; leave it empty where it is unknown"
    return f"{shown} is not {wanted}: only digits, one point and a sign, as in 1234.50"


def _shown(value: str) -> str:
    return f'"{value if len(value) <= 40 else value[:39] + "…"}"'
