"""Field names outside conditions: merge fields, key figures, examples. And what custom fields can be taken to exist."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from orchestrator.contacts.measures import CustomColumn, ValueType
from orchestrator.definitions.files import CONFIG_FILE
from orchestrator.definitions.toml_source import Document, parse, read_bytes
from orchestrator.segments.expression import Expression, parse as parse_expression
from orchestrator.segments.fields import nearest, resolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from orchestrator.definitions.values import SegmentDefinition, Workspace
    from orchestrator.problems import Problem

CUSTOM = re.compile(r"\b(?:account_)?x_[a-z0-9_]+\b")
_NUMBERS = {ValueType.NUMBER, ValueType.MONEY}


def assumed_custom_fields(segments: Iterable[SegmentDefinition]) -> dict[str, CustomColumn]:
    """A column for every ``x_NAME`` that conditions mention, of the type with which most of them make sense."""
    using: dict[str, list[SegmentDefinition]] = {}
    for segment in segments:
        for name in sorted(set(CUSTOM.findall(segment.where))):
            using.setdefault(name, []).append(segment)
    assumed = {name: _column(name, ValueType.TEXT) for name in using}
    for name, users in using.items():
        candidates = (_column(name, type_) for type_ in ValueType if type_ is not ValueType.MONEY)
        assumed[name] = min(candidates, key=lambda column: _broken(users, {**assumed, column_name(column): column}))
    return assumed


def column_name(column: CustomColumn) -> str:
    """The field of a custom column."""
    return f"x_{column.key}" if column.table == "contact" else f"account_x_{column.key}"


def field_problems(workspace: Workspace, custom: Mapping[str, CustomColumn] | None) -> list[Problem]:
    """Names that are no field, and key figures that are no number."""
    names = _Names(workspace.root, custom)
    for tag, field in workspace.settings.mailchimp.merge_fields.items():
        names.look(CONFIG_FILE, ("mailchimp", "merge_fields", tag), field, at="value")
    for segment in workspace.segments.values():
        if segment.kpi:
            names.look(segment.file, ("kpi", "field"), segment.kpi.field, at="value", numeric=True)
        for index, example in enumerate(segment.examples):
            for field in example.contact:
                if "(" not in field:
                    names.look(segment.file, ("example", index, "contact", field), field, at="key")
    return names.problems


class _Names:
    """Looks names up and notes a problem for each that is not right."""

    def __init__(self, root: Path, custom: Mapping[str, CustomColumn] | None) -> None:
        self.root = root
        self.custom = custom
        self.problems: list[Problem] = []

    def look(
        self,
        file: str,
        path: tuple[str | int, ...],
        name: str,
        *,
        at: Literal["key", "value"],
        numeric: bool = False,
    ) -> None:
        if self.custom is None and CUSTOM.fullmatch(name):
            return
        field = resolve(name, self.custom)
        if field is None:
            near = nearest(name, self.custom)
            hint = f'Did you mean "{near[0]}"? ' if near else ""
            self._note(file, path, at, f'unknown field "{name}"', f"{hint}`campaigns fields` lists every field.")
        elif numeric and field.type not in _NUMBERS:
            message = f'"{name}" is a {field.type}, not a number'
            self._note(file, path, at, message, "A key figure is a number; `campaigns fields` lists every field.")

    def _note(self, file: str, path: tuple[str | int, ...], at: str, message: str, hint: str) -> None:
        content = read_bytes(self.root / file, file)
        document = parse(content, file) if isinstance(content, bytes) else content
        if not isinstance(document, Document):  # the file changed since it was read; the next reading says how
            return
        place = document.place(*path)
        self.problems.append(document.problem(place.key if at == "key" else place.value, message, hint))


def _column(name: str, type_: ValueType) -> CustomColumn:
    if name.startswith("account_x_"):
        return CustomColumn("account", name.removeprefix("account_x_"), type_)
    return CustomColumn("contact", name.removeprefix("x_"), type_)


def _broken(segments: Iterable[SegmentDefinition], custom: Mapping[str, CustomColumn]) -> int:
    return sum(not isinstance(parse_expression(segment, custom), Expression) for segment in segments)
