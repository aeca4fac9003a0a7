"""JSON Schemas of the workspace's files, for editors, and the tables of settings for the README."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from orchestrator.definitions.campaign_keys import CAMPAIGN
from orchestrator.definitions.config_keys import CONFIG
from orchestrator.definitions.keys import Key, Rule, Table, TableOf, Tables, TextOrTable
from orchestrator.definitions.segment_keys import SEGMENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.definitions.kinds import Schema

FILES = {"config": CONFIG, "segment": SEGMENT, "campaign": CAMPAIGN}
"""kind of file -> what it may hold"""

DRAFT = "http://json-schema.org/draft-07/schema#"
"""the newest that TOML editors understand"""


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One line of a table of settings."""

    key: str
    """with the tables around it, as ``mailchimp.audience``"""
    wanted: str
    default: str
    """as written in the file; "required" where there is none to fall back on"""
    meaning: str


def json_schemas() -> dict[str, Schema]:
    """``config``, ``segment`` and ``campaign`` -> the JSON Schema of such a file."""
    titles = {"config": "config.toml", "segment": "segments/NAME.toml", "campaign": "campaigns/NAME.toml"}
    return {kind: {"$schema": DRAFT, "title": titles[kind], **_table(table)} for kind, table in FILES.items()}


def settings_table(kind: str) -> tuple[KeyRow, ...]:
    """Every key of a kind of file, in the order in which they are described."""
    return tuple(_rows(FILES[kind], ""))


def _rows(table: Table, prefix: str) -> Iterator[KeyRow]:
    for key in table.keys:
        name = f"{prefix}{key.name}"
        meaning = f"{key.meaning} (with {table.selector} = {key.only_with})" if key.only_with else key.meaning
        match key.rule:
            case Table() as inner if not key.only_with:
                yield from _rows(inner, f"{name}.")
            case TableOf(Table() as inner):
                yield from _rows(inner, f"{name}.NAME.")
            case Tables(inner):
                yield from _rows(inner, f"{name}[].")
            case rule:
                yield KeyRow(name, _wanted(rule), "required" if key.required else key.default, meaning)


def _wanted(rule: Rule) -> str:
    match rule:
        case Table() | Tables():
            return "a table"
        case TableOf(each=each):
            return f"a table of names, each {_wanted(each)}"
        case TextOrTable():
            return "a text or a table"
        case _:
            return rule.wanted


def _schema(rule: Rule) -> Schema:
    match rule:
        case Table():
            return _table(rule)
        case TableOf(each=each, name_pattern=""):
            return {"type": "object", "additionalProperties": _schema(each)}
        case TableOf(each=each, name_pattern=pattern):
            return {"type": "object", "patternProperties": {pattern: _schema(each)}, "additionalProperties": False}
        case Tables(each):
            return {"type": "array", "items": _table(each)}
        case TextOrTable(table):
            return {"anyOf": [_schema(table.keys[0].rule), _table(table)]}
        case _:
            return rule.schema()


def _table(table: Table) -> Schema:
    schema: Schema = {
        "type": "object",
        "properties": {key.name: _property(key) for key in table.keys},
        "additionalProperties": False,
    }
    if required := [key.name for key in table.keys if key.required and not key.only_with]:
        schema["required"] = required
    if table.selector:
        words = dict.fromkeys(key.only_with for key in table.keys if key.only_with)
        schema["allOf"] = [_only_with(table, word) for word in words]
    return schema


def _only_with(table: Table, word: str) -> Schema:
    """Keys that go with ``word`` are needed with it, and refused with any other."""
    keys = [key for key in table.keys if key.only_with == word]
    return {
        "if": {"properties": {table.selector: {"const": word}}, "required": [table.selector]},
        "then": {"required": [key.name for key in keys if key.required]},
        "else": {"properties": {key.name: False for key in keys}},
    }


def _property(key: Key) -> Schema:
    schema: Schema = {"description": key.meaning, **_schema(key.rule)}
    if key.default:
        schema["default"] = _json(key.default)
    if key.example:
        schema["examples"] = [_json(key.example)]
    return schema


def _json(written: str) -> Any:
    value = tomllib.loads(f"value = {written}")["value"]
    return value.isoformat() if isinstance(value, date) else value
