"""Merge values: what was sent and what the member has, in; what the member has now, out.

Unknown tags are dropped without a word, text is cut at 255 bytes without a word, the rest is checked.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any

from orchestrator.sandbox.problems import Problem, invalid, merge_fields_invalid

if TYPE_CHECKING:
    from orchestrator.sandbox.audience import Audience, Json, MergeField

TEXT_BYTES = 255
TYPES = ("text", "number", "address", "phone", "date", "url", "imageurl", "radio", "dropdown", "birthday", "zip")
_ADDRESS_PARTS = ("addr1", "city", "state", "zip")
_REQUIRED = "Please enter a value"
_URL = (r"https?://[^\s/]+\S*", "Please enter a valid url")
_FORMS = {
    "birthday": (r"(0?[1-9]|1[0-2])/(0?[1-9]|[12]\d|3[01])", "Please enter a valid birthday"),
    "zip": (r"\d{5}", "Please enter a zip code (5 digits)"),
    "url": _URL,
    "imageurl": _URL,
}


def merged(audience: Audience, current: Json, given: Json, *, skip_validation: bool) -> Json:
    """The new values. Raises ``Problem`` naming every field at fault."""
    values = dict(current)
    faults: list[tuple[str, str]] = []
    for merge_field in audience.merge_fields.values():
        tag = merge_field.tag
        if tag in given:
            try:
                values[tag] = _accept(merge_field, given[tag])
            except ValueError as error:
                if skip_validation:
                    values[tag] = given[tag]
                else:
                    faults.append((tag, str(error)))
        if merge_field.required and not skip_validation and values.get(tag, "") in {"", None}:
            faults.append((tag, _REQUIRED))
    if faults:
        raise merge_fields_invalid(*faults)
    return values


def check_types(given: object) -> Json:
    """The ``merge_fields`` of a body. Booleans and nulls are not values: they are refused for the whole body."""
    if not isinstance(given, dict):
        raise _wrong("merge_fields", "object", given)
    for tag, value in given.items():
        if value is None or isinstance(value, (bool, list)):
            raise _wrong(f"merge_fields.{tag}", "string", value)
    return given


def _wrong(field: str, expected: str, value: object) -> Problem:
    return invalid((field, f"Schema describes {expected}, {json_type(value)} found instead"))


def json_type(value: object) -> str:
    """The JSON name of a value's type, as Mailchimp's messages use it."""
    match value:
        case None:
            return "NULL"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "double"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def cut(text: str, size: int = TEXT_BYTES) -> str:
    """At most ``size`` bytes of UTF-8, never half a character."""
    raw = text.encode("utf-8", "replace")
    return text if len(raw) <= size else raw[:size].decode("utf-8", "ignore")


def _accept(merge_field: MergeField, value: Any) -> Any:
    if value == "":
        return ""
    match merge_field.type:
        case "address":
            return _address(value)
        case "number":
            return _number(value)
        case _ if isinstance(value, dict):
            raise ValueError("Please enter a value")
        case "date":
            return _date(str(value))
        case "birthday" | "zip" | "url" | "imageurl":
            return _matching(str(value), *_FORMS[merge_field.type])
        case "radio" | "dropdown":
            if str(value) not in merge_field.options.get("choices", []):
                raise ValueError("Please select one of the available choices")
            return str(value)
        case _:
            return cut(str(value))


def _number(value: Any) -> int | float:
    if isinstance(value, (int, float)):
        return value
    try:
        return float(value) if "." in value else int(value)
    except (TypeError, ValueError):
        raise ValueError("Please enter a number") from None


def _date(text: str) -> str:
    american = re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})", text)
    try:
        if american:
            month, day, year = map(int, american.groups())
            return date(year, month, day).isoformat()
        return date.fromisoformat(text[:10]).isoformat()
    except ValueError:
        raise ValueError("Please enter a valid date") from None


def _matching(text: str, pattern: str, otherwise: str) -> str:
    if not re.fullmatch(pattern, text):
        raise ValueError(otherwise)
    return cut(text)


def _address(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(value.get(part) for part in _ADDRESS_PARTS):
        raise ValueError("Please enter a complete address")
    return {part: str(value.get(part, "")) for part in ("addr1", "addr2", "city", "state", "zip", "country")}
