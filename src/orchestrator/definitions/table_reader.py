"""Check a document against a description: the values of its keys, and a Problem for each key that is not right."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

from orchestrator.definitions.described import described
from orchestrator.definitions.faults import Fault
from orchestrator.definitions.keys import Key, Rule, Table, TableOf, Tables, TextOrTable
from orchestrator.definitions.kinds import ListOf
from orchestrator.definitions.nearest import nearest
from orchestrator.definitions.positions import TOP

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orchestrator.definitions.positions import Path, Span
    from orchestrator.definitions.toml_source import Document
    from orchestrator.problems import Problem

Values = dict[str, Any]
"""name of a key -> its value, or its default; a key with neither is absent"""


@dataclass(slots=True)
class TableReader:
    """Reads one document and collects its problems. A value with a problem is None."""

    document: Document
    root: Table
    problems: list[Problem] = field(default_factory=list)
    faulty: list[Path] = field(default_factory=list)
    """where the problems are"""

    def read(self) -> Values:
        if not self.document.data:
            needed = ", ".join(key.name for key in self.root.keys if key.required)
            self.faulty.append(())
            self.problems.append(self.document.file_problem("the file is empty", f"It needs at least: {needed}."))
            return {}
        return self._table(self.root, self.document.data, ())

    def fault(self, path: Path, message: str, hint: str = "") -> None:
        """Note a problem of the value at ``path``."""
        self._note(path, self.document.place(*path).value, message, hint)

    def is_sound(self, *path: str | int) -> bool:
        """Whether nothing at or below ``path`` has a problem so far."""
        return not any(faulty[: len(path)] == path for faulty in self.faulty)

    def _note(self, path: Path, span: Span, message: str, hint: str) -> None:
        self.faulty.append(path)
        self.problems.append(self.document.problem(span, message, hint))

    # -- by rule

    def _value(self, rule: Rule, value: object, path: Path, sample: str = "") -> Any:
        match rule:
            case Table():
                return self._table(rule, value, path) if self._is_table(value, path) else {}
            case TableOf():
                return self._table_of(rule, value, path) if self._is_table(value, path) else {}
            case Tables():
                return self._tables(rule, value, path)
            case TextOrTable(table):
                if isinstance(value, dict):
                    return self._table(table, value, path)
                return {table.keys[0].name: self._value(table.keys[0].rule, value, path)}
            case _:
                return self._plain(rule, value, path, sample)

    def _plain(self, rule: Any, value: object, path: Path, sample: str) -> object:
        try:
            read = rule.read(value)
        except Fault as fault:
            example = f"For example: {path[-1]} = {sample}." if sample else "Change it, or delete it."
            self.fault(path, f"{shown(path)} {fault.predicate}", fault.hint or example)
            return None
        if isinstance(rule, ListOf):
            read = tuple(self._value(rule.each, element, (*path, index)) for index, element in enumerate(read))
            for index, element in enumerate(read):
                if element is not None and element in read[:index]:
                    self.fault((*path, index), f'{shown(path)} names "{element}" twice', "Delete one of the two.")
        return read

    def _is_table(self, value: object, path: Path) -> bool:
        if isinstance(value, dict):
            return True
        hint = f"Write it once, as [{path[-1]}] with its keys below."
        self.fault(path, f"{shown(path)} must be one table, not {described(value)}", hint)
        return False

    def _tables(self, rule: Tables, value: object, path: Path) -> list[Values]:
        if not isinstance(value, list) or not all(isinstance(element, dict) for element in value):
            hint = f"Write [[{path[-1]}]] with its keys below, once for each."
            self.fault(path, f"{shown(path)} must be a list of tables, not {described(value)}", hint)
            return []
        return [self._table(rule.each, element, (*path, index)) for index, element in enumerate(value)]

    def _table_of(self, rule: TableOf, value: Any, path: Path) -> Values:
        for name in value:
            try:
                rule.name(name)
            except Fault as fault:
                message = f'the name "{name}" in [{shown(path)}] {fault.predicate}'
                self._note((*path, name), self.document.place(*path, name).key, message, fault.hint)
        return {name: self._value(rule.each, inner, (*path, name)) for name, inner in value.items()}

    def _table(self, table: Table, value: Any, path: Path) -> Values:
        meant = set(self._unknown_keys(table, value, path))
        values: Values = {}
        for key in table.keys:
            if key.name in value:
                values[key.name] = self._value(key.rule, value[key.name], (*path, key.name), key.example or key.default)
        selected = value.get(table.selector) if values.get(table.selector) is not None else None
        for key in table.keys:
            if key.only_with and selected is not None and key.only_with != selected and key.name in value:
                self._misplaced(table, key, str(selected), path)
            goes = not key.only_with or key.only_with == selected
            if key.name in value or not goes:
                continue
            if key.required:
                if key.name not in meant:
                    self._missing(key, path)
            elif (default := _default(key)) is not None:
                values[key.name] = default
        return values

    # -- what is wrong with a key

    def _unknown_keys(self, table: Table, value: Mapping[str, object], path: Path) -> Iterator[str]:
        """Note every unknown key; yields the names that they were probably meant to be."""
        known = [key.name for key in table.keys]
        for name in value:
            if name in known:
                continue
            close = nearest(name, [word for word in known if word not in value])
            elsewhere = next(_homes(self.root, name, ()), None)
            if elsewhere is not None:
                home = f"in [{shown(elsewhere)}]" if elsewhere else "at the top of the file, above the first [table]"
                hint = f'"{name}" belongs {home}.'
            elif close:
                yield close
                hint = f'Did you mean "{close}"?'
            else:
                hint = f"Known here: {', '.join(known)}."
            message = f'unknown key "{name}"' + (f" in [{shown(path)}]" if path else "")
            self._note((*path, name), self.document.place(*path, name).key, message, hint)

    def _misplaced(self, table: Table, key: Key, selected: str, path: Path) -> None:
        message = f'{shown((*path, key.name))} does not go with {table.selector} = "{selected}"'
        fitting = [other.name for other in table.keys if other.only_with == selected]
        hint = f"With it go: {', '.join(fitting)}." if fitting else "Delete the line."
        hint += f' {key.name} goes with {table.selector} = "{key.only_with}".'
        place = self.document.place(*path, key.name).key
        self._note((*path, key.name), place, message, hint)

    def _missing(self, key: Key, path: Path) -> None:
        if isinstance(key.rule, Table):
            needed = ", ".join(inner.name for inner in key.rule.keys if inner.required and not inner.only_with)
            message, hint = f"the table [{key.name}] is missing", f"Add [{key.name}]; it needs {needed}."
        else:
            message = f"{key.name} is missing" + (f" in [{shown(path)}]" if path else "")
            hint = f"Add {key.name} = {key.example} ({key.meaning})."
        place = self.document.place(*path)
        if place is TOP:
            self.faulty.append((*path, key.name))
            self.problems.append(self.document.file_problem(message, hint))
        else:
            self._note((*path, key.name), place.key, message, hint)


def shown(path: Path) -> str:
    """A path as people write it: ``trigger.cron``, ``example[1].member``."""
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _homes(table: Table, name: str, path: Path) -> Iterator[Path]:
    """The tables that know a key of that name."""
    for key in table.keys:
        if key.name == name:
            yield path
        if isinstance(key.rule, Table):
            yield from _homes(key.rule, name, (*path, key.name))


@cache
def _default(key: Key) -> Any:
    """The value of an absent key. A table of known keys is filled from the defaults of its own keys."""
    if isinstance(key.rule, Table):
        if any(inner.required for inner in key.rule.keys):
            return None
        return {inner.name: value for inner in key.rule.keys if (value := _default(inner)) is not None}
    if not key.default:
        return None
    value = tomllib.loads(f"value = {key.default}", parse_float=Decimal)["value"]
    if isinstance(key.rule, TableOf):
        return value
    return tuple(value) if isinstance(value, list) else key.rule.read(value)  # type: ignore[union-attr] # tables were dealt with above
