"""Field names outside conditions: merge fields and key figures. And which custom fields can be taken to exist."""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING

from orchestrator.contacts.measures import CustomColumn, MailOf, ValueType
from orchestrator.definitions.files import CONFIG_FILE
from orchestrator.segments.characters import Fault
from orchestrator.segments.expression import Expression, parse as parse_expression, problem_at
from orchestrator.segments.fields import nearest, resolve

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from orchestrator.check.documents import Documents
    from orchestrator.definitions.values import SegmentDefinition, Workspace
    from orchestrator.problems import Problem
    from orchestrator.segments.compile import CompiledSegment

CUSTOM = re.compile(r"\b(?:account_)?x_[a-z0-9_]+\b")
_NUMBERS = {ValueType.NUMBER, ValueType.MONEY}


def assumed_custom_fields(segments: Iterable[SegmentDefinition]) -> dict[str, CustomColumn]:
    """A column for every ``x_NAME`` that segments mention, of the type with which most of them make sense."""
    using: dict[str, list[SegmentDefinition]] = {}
    examples: dict[str, ValueType] = {}
    for segment in segments:
        for name in sorted(set(CUSTOM.findall(segment.where))):
            using.setdefault(name, []).append(segment)
        examples |= {
            name: _type_of(value)
            for example in segment.examples
            for name, value in example.contact.items()
            if CUSTOM.fullmatch(name)
        }
    assumed = {name: _column(name, type_) for name, type_ in examples.items()}
    assumed |= {name: _column(name, ValueType.TEXT) for name in using if name not in assumed}
    for name, users in using.items():
        types = dict.fromkeys([assumed[name].type, *(type_ for type_ in ValueType if type_ is not ValueType.MONEY)])
        candidates = [_column(name, type_) for type_ in types]
        assumed[name] = min(candidates, key=partial(_broken, users, assumed, name))
    return assumed


def field_problems(
    workspace: Workspace, custom: Mapping[str, CustomColumn] | None, documents: Documents
) -> Iterator[Problem]:
    """Merge fields of no field, and key figures that are no number."""
    for tag, field in workspace.settings.mailchimp.merge_fields.items():
        if _type(field, custom) is None:
            message, hint = _unknown(field, custom)
            yield documents.problem(CONFIG_FILE, ("mailchimp", "merge_fields", tag), message, hint)
    for segment in workspace.segments.values():
        if segment.kpi is None:
            continue
        name, type_ = segment.kpi.field, _type(segment.kpi.field, custom)
        if type_ is None:
            message, hint = _unknown(name, custom)
            yield documents.problem(segment.file, ("kpi", "field"), message, hint)
        elif type_ not in _NUMBERS:
            hint = "A key figure is a number; `campaigns fields` lists every field."
            yield documents.problem(segment.file, ("kpi", "field"), f'"{name}" is a {type_}, not a number', hint)


def campaign_references(
    segments: Iterable[SegmentDefinition], compiled: Mapping[str, CompiledSegment], campaigns: Collection[str]
) -> Iterator[Problem]:
    """``received('name')`` and ``clicked('name')`` of campaigns that have no file. ``campaigns``: those that have."""
    for segment in segments:
        fields = compiled[segment.name].fields if segment.name in compiled else ()
        asked = {field.measure.campaign: field.name for field in fields if isinstance(field.measure, MailOf)}
        for name, call in sorted(asked.items()):
            found = re.search(rf"{call.partition('(')[0]}\s*\(\s*'{re.escape(name)}'\s*\)", segment.where)
            if name in campaigns or found is None:  # not found: it stands in a segment that this one refers to
                continue
            near = get_close_matches(name, campaigns, 1)
            hint = f"Closest file: campaigns/{near[0]}.toml." if near else "There is no such file in campaigns/."
            hint += " To ask for a campaign that is over, keep its file with active = false."
            fault = Fault(found.start(), len(found[0]), f'campaign "{name}" does not exist', hint)
            yield problem_at(segment, fault)


def _type(name: str, custom: Mapping[str, CustomColumn] | None) -> ValueType | None:
    """None: there is no such field. Before anything was imported, a custom field may be a number."""
    if custom is None and CUSTOM.fullmatch(name):
        return ValueType.NUMBER
    field = resolve(name, custom)
    return field.type if field else None


def _unknown(name: str, custom: Mapping[str, CustomColumn] | None) -> tuple[str, str]:
    near = nearest(name, custom)
    hint = f'Did you mean "{near[0]}"? ' if near else ""
    return f'unknown field "{name}"', f"{hint}`campaigns fields` lists every field."


def _column(name: str, type_: ValueType) -> CustomColumn:
    if name.startswith("account_x_"):
        return CustomColumn("account", name.removeprefix("account_x_"), type_)
    return CustomColumn("contact", name.removeprefix("x_"), type_)


def _type_of(value: object) -> ValueType:
    match value:
        case bool():
            return ValueType.BOOLEAN
        case int() | float():
            return ValueType.NUMBER
        case _:
            return ValueType.TEXT


def _broken(
    segments: Iterable[SegmentDefinition], custom: Mapping[str, CustomColumn], name: str, column: CustomColumn
) -> int:
    """How many of the segments do not parse with that column."""
    fields = {**custom, name: column}
    return sum(not isinstance(parse_expression(segment, fields), Expression) for segment in segments)
