"""The generated tables of README.md: what the code knows in, Markdown out. ``python -m tests.readme_tables`` rewrites.

A table stands between ``<!-- table: NAME -->`` and ``<!-- end -->``; ``TABLES`` has one function for each NAME.
"""

from __future__ import annotations

import re
import sys
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from orchestrator.cli.main import COMMANDS
from orchestrator.definitions.schema import settings_table
from orchestrator.segments.fields import catalogue
from orchestrator.sources.canonical import TABLES as CANONICAL
from orchestrator.vocabulary import Decision, RunState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from enum import StrEnum

README = Path(__file__).resolve().parent.parent / "README.md"
_TABLE = re.compile(r"(<!-- table: ([a-z-]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)

Word = TypeVar("Word", bound="StrEnum")


def settings(kind: str) -> str:
    """Every key of config.toml, a segment or a campaign."""
    rows = []
    for key in settings_table(kind):
        default = "**required**" if key.default == "required" else f"`{key.default}`" if key.default else ""
        rows.append((f"`{key.key}`", key.wanted, default, key.meaning))
    return _markdown(("setting", "value", "default", "meaning"), rows)


def columns() -> str:
    """The canonical tables; required columns are bold."""
    rows = []
    for table in CANONICAL.values():
        names = [f"**{column.name}**" if column.required else column.name for column in table.columns]
        rows.append((f"`{table.name}.csv`", ", ".join(names)))
    return _markdown(("file", "columns"), rows)


def fields() -> str:
    """The catalogue, one table a family."""
    order = list(dict.fromkeys(field.family for field in catalogue()))
    listed = sorted(catalogue(), key=lambda field: order.index(field.family))
    parts = []
    for family, members in groupby(listed, key=lambda field: field.family):
        rows = [
            (
                f"`{field.name}`",
                f"{field.type}, {field.unit}" if field.unit else str(field.type),
                field.explanation,
                field.null_meaning,
                field.source,
            )
            for field in members
        ]
        table = _markdown(("field", "type and unit", "what it is", "null means", "from"), rows)
        parts.append(f"#### {family[0].upper()}{family[1:]}\n\n{table}")
    return "\n".join(parts)


def words(vocabulary: type[Word]) -> str:
    """A vocabulary with the meaning that stands below each of its words."""
    source = Path(_file_of(vocabulary)).read_text(encoding="utf-8")
    body = source.split(f"class {vocabulary.__name__}(StrEnum):", 1)[1].split("\nclass ", 1)[0]
    meanings = dict(re.findall(r'    [A-Z_]+ = "([a-z_]+)"\n    """(.*?)"""', body, re.DOTALL))
    assert list(meanings) == [word.value for word in vocabulary]
    return _markdown(("word", "meaning"), [(f"`{word}`", " ".join(text.split())) for word, text in meanings.items()])


def commands() -> str:
    """Every command with its one line of help."""
    return _markdown(("command", "does"), [(f"`campaigns {name}`", text) for name, (_, text) in COMMANDS.items()])


TABLES: Mapping[str, Callable[[], str]] = {
    "config": lambda: settings("config"),
    "segment": lambda: settings("segment"),
    "campaign": lambda: settings("campaign"),
    "columns": columns,
    "fields": fields,
    "decisions": lambda: words(Decision),
    "run-states": lambda: words(RunState),
    "commands": commands,
}


def rewritten(text: str) -> str:
    """The text with every table as the code has it now."""
    return _TABLE.sub(lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n{found[4]}", text)


def names_in(text: str) -> list[str]:
    """The tables that a text holds."""
    return [found[1] for found in _TABLE.findall(text)]


def _file_of(vocabulary: type[StrEnum]) -> str:
    file = sys.modules[vocabulary.__module__].__file__
    assert file is not None
    return file


def _markdown(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [headings, tuple("---" for _ in headings), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


if __name__ == "__main__":
    README.write_text(rewritten(README.read_text(encoding="utf-8")), encoding="utf-8")
