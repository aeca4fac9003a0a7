"""All printing. Answers go to stdout, messages to stderr; with --json stdout holds one document and nothing else."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from orchestrator.problems import Problem


class Advance(Protocol):
    """What is being done, how many more of it are done, and of how many where that is known."""

    def __call__(self, what: str, more: int, of: int | None = None, /) -> None: ...


def document(value: object) -> None:
    """The one JSON document of a command."""
    click.echo(json_text(value))


def json_text(value: object) -> str:
    """A document as it is printed."""
    return json.dumps(value, ensure_ascii=False, indent=2, default=_plain)


def line(text: str = "") -> None:
    """A line of the answer."""
    click.echo(text)


def note(text: str) -> None:
    """A message beside the answer."""
    click.echo(text, err=True)


def warning(text: str) -> None:
    """A message that something needs attention."""
    click.secho(text, fg="yellow", err=True)


def table(
    headings: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[int] = (), open_ended: bool = False
) -> None:
    """Aligned columns; ``right`` names the columns of figures. Plain text, so that it pastes and greps well.

    ``open_ended``: a cell with nothing to the right of it may be longer than its column.
    """
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [
        max([len(heading), *(len(row[index]) for row in cells if not open_ended or any(row[index + 1 :]))])
        for index, heading in enumerate(headings)
    ]

    def shown(row: Sequence[str]) -> str:
        parts = [
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(parts).rstrip()

    click.secho(shown(list(headings)), bold=True)
    for row in cells:
        click.echo(shown(row))


def warn_of_problems(problems: Sequence[Problem]) -> None:
    """Files that were left out because of an error; the rest goes on."""
    for problem in problems:
        warning(str(problem))
    if problems:
        files = len({problem.file for problem in problems})
        warning(f"{files} file{'s' * (files != 1)} left out because of the problems above; the rest goes on.")


def warn_of_mails(problems: Iterable[Problem]) -> None:
    """What could be better about mails, or, before they are sent, what will stop them."""
    for problem in problems:
        warning(str(problem))


def problem_document(problem: Problem) -> dict[str, object]:
    """A problem in JSON."""
    return {
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "level": problem.level.value,
        "message": problem.message,
        "hint": problem.hint,
    }


def moment(value: datetime | int | None) -> str | None:
    """A moment in JSON: ISO 8601 in UTC with offset."""
    if value is None:
        return None
    found = datetime.fromtimestamp(value, UTC) if isinstance(value, int) else value.astimezone(UTC)
    return found.isoformat()


def counts(decisions: Mapping[str, int]) -> str:
    """``sent 12, capped 3``."""
    return ", ".join(f"{name} {number:,}" for name, number in decisions.items()) or "nobody"


@contextmanager
def progress(title: str, *, quiet: bool = False) -> Iterator[Advance]:
    """A bar on a terminal. Silent elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield lambda _what, _more, _of=None: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.completed:,.0f}"))
    times = (TimeElapsedColumn(), TextColumn("left:"), TimeRemainingColumn())
    with Progress(*columns, *times, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def advance(what: str, more: int, of: int | None = None) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(f"{title}: {what}", total=of)
            bar.update(tasks[what], advance=more, total=of)

        yield advance


def is_terminal() -> bool:
    """Can a question be asked?"""
    return sys.stdin.isatty() and sys.stderr.isatty()


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M}"
        case _:
            return str(value)


def _plain(value: object) -> object:
    match value:
        case Decimal():
            return float(value)
        case datetime():
            return moment(value)
        case date():
            return value.isoformat()
        case _:
            return str(value)
