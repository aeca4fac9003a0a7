"""Mailchimp's published description of its API, as a judge of requests and answers.

The description lies beside the repository (``../shared/mailchimp/openapi.json``, Swagger 2.0) and is not part of it.
Where it is absent a test that asks for it is skipped, or fails when the environment says ``CI_STRICT=1``.

Upstream slips that are allowed for: dates may be empty texts; member errors have no ``type``; some keys are known to
be answered or accepted though 3.0.90 does not describe them (``UNDESCRIBED``).
"""

from __future__ import annotations

import json
import os
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator, FormatChecker

DESCRIPTION = Path(__file__).resolve().parents[2] / "shared" / "mailchimp" / "openapi.json"
UNDESCRIBED = frozenset({"tags", "merge_field_limit", "signing_secret", "signing_enabled", "_links", "instance"})
Json = dict[str, Any]

_formats = FormatChecker(formats=())


@_formats.checks("date-time", raises=ValueError)
def _is_moment(value: object) -> bool:
    """ISO 8601 with an offset; empty for "never"."""
    return not isinstance(value, str) or not value or datetime.fromisoformat(value).tzinfo is not None


def openapi() -> OpenApi:
    """The description; skips (or fails) the calling test where it is absent."""
    if not DESCRIPTION.exists():
        reason = "Mailchimp's description of its API is not beside this checkout (../shared/mailchimp)"
        if os.environ.get("CI_STRICT") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return _load()


@lru_cache(maxsize=1)
def _load() -> OpenApi:
    return OpenApi(json.loads(DESCRIPTION.read_text("utf-8")))


class OpenApi:
    """Every method returns a list of faults, each a sentence; empty means it conforms. Paths are without ``/3.0``."""

    def __init__(self, document: Json) -> None:
        self._paths: Json = document["paths"]

    def operation(self, method: str, path: str) -> Json | None:
        """The described operation; a path with fewer parameters wins."""
        parts = path.split("?", maxsplit=1)[0].split("/")
        fits = [template for template in self._paths if _fits(template.split("/"), parts)]
        for template in sorted(fits, key=lambda t: t.count("{")):
            operation = self._paths[template].get(method.lower())
            if isinstance(operation, dict):
                return operation
        return None

    def request_faults(self, method: str, path: str, query: dict[str, str], body: object) -> list[str]:
        operation = self.operation(method, path)
        if operation is None:
            return [f"{method} {path} is not described"]
        parameters = operation.get("parameters", [])
        known = {p["name"]: p for p in parameters if p["in"] == "query"}
        faults = [f"query parameter {name} is not described" for name in query if name not in known]
        for name, value in query.items():
            allowed = known.get(name, {}).get("enum")
            if allowed and value not in allowed:
                faults.append(f"query parameter {name}: {value!r} is none of {allowed}")
        schemas = [p["schema"] for p in parameters if p["in"] == "body"]
        if schemas and body is not None:
            faults += _faults(schemas[0], body, strict=True)
        elif body is not None:
            faults.append("no body is described")
        return faults

    def answer_faults(self, method: str, path: str, status: int, body: object, *, strict: bool = True) -> list[str]:
        """``strict`` also reports keys that are not described. ``body`` None: there was none."""
        operation = self.operation(method, path)
        if operation is None:
            return [f"{method} {path} is not described"]
        responses = operation["responses"]
        if status >= 400:
            schema = dict(responses["default"]["schema"])
            schema["required"] = [name for name in schema["required"] if name != "type"]
            return _faults(schema, body, strict=False)
        if str(status) not in responses:
            return [f"status {status} is not described: {', '.join(responses)}"]
        schema = responses[str(status)].get("schema")
        if schema is None:
            return [] if body is None else ["no body is described"]
        return _faults(schema, body, strict=strict)


def _fits(template: list[str], parts: list[str]) -> bool:
    return len(template) == len(parts) and all(
        t.startswith("{") or t == p for t, p in zip(template, parts, strict=True)
    )


def _faults(schema: Json, body: object, *, strict: bool) -> list[str]:
    found = Draft4Validator(schema, format_checker=_formats).iter_errors(body)
    faults = [f"{'/'.join(map(str, error.absolute_path)) or '(top)'}: {error.message}" for error in found]
    return faults + (_undescribed(schema, body, "") if strict else [])


def _undescribed(schema: Json, value: object, place: str) -> list[str]:
    if isinstance(value, list):
        items = schema.get("items", {})
        return [fault for item in value for fault in _undescribed(items, item, f"{place}[]")]
    properties = schema.get("properties")
    if not isinstance(value, dict) or not properties:
        return []
    faults = []
    for key, part in value.items():
        if key in properties:
            faults += _undescribed(properties[key], part, f"{place}/{key}")
        elif key not in UNDESCRIBED:
            faults.append(f"{place}/{key} is not described")
    return faults
