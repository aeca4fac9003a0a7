"""`campaigns check`: every problem of every file."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from orchestrator.cli import output
from orchestrator.cli.options import Shared, answers_json, pass_shared, shared_options

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from orchestrator.contacts.measures import CustomColumn

_CUSTOM = re.compile(r"\b(?:account_)?x_\w")


def _custom_fields(root: Path) -> Mapping[str, CustomColumn] | None:
    """The custom fields of the imported data, with the types learned from it; None where nothing was imported.

    The database is asked only where a file mentions one.
    """
    if not any(_CUSTOM.search(text) for text in _texts(root)):
        return None
    from sqlalchemy import text as sql

    from orchestrator.contacts.custom import learn_custom_fields
    from orchestrator.engine import open_engine
    from orchestrator.errors import OrchestratorError

    try:
        engine = open_engine(root)
        with engine.database.read() as connection:
            if connection.execute(sql("SELECT 1 FROM contact LIMIT 1")).first() is None:
                return None
            return learn_custom_fields(connection)
    except OrchestratorError:
        # files are checked without a database, too: in CI, or on a laptop
        return None


def _texts(root: Path) -> Iterator[str]:
    """The text of every file of the workspace."""
    files = [root / "config.toml", *(root / "segments").glob("*.toml"), *(root / "campaigns").glob("*.toml")]
    files += (path for path in (root / "templates").rglob("*") if path.is_file())
    for path in files:
        with suppress(OSError):
            yield path.read_text(encoding="utf-8", errors="replace")


@click.command("check")
@answers_json
@shared_options
@pass_shared
def command(shared: Shared) -> int:
    """Read every file of the workspace and report all problems at once, with file, line, column and a hint.

    Templates are rendered for made-up readers. Warnings stop nothing.
    """
    from orchestrator.check import check
    from orchestrator.check.exposure import exposures

    report = check(shared.root, _custom_fields(shared.root))
    for warning in exposures(shared.root):
        output.warning(warning)
    if shared.json:
        output.document(
            {
                "problems": [output.problem_document(problem) for problem in report.problems],
                "warnings": [output.problem_document(problem) for problem in report.warnings],
                "segments": report.segments,
                "campaigns": report.campaigns,
            }
        )
        return 1 if report.problems else 0
    for problem in sorted((*report.problems, *report.warnings)):
        output.line(str(problem))
    found = f"{report.segments} segments and {report.campaigns} campaigns"
    warned = len(report.warnings)
    if not report.problems:
        beside = f"; {warned} warning{'s' * (warned != 1)}, which stop nothing" if warned else ""
        output.line(f"No problems in {found}{beside}.")
        return 0
    files = len({problem.file for problem in report.problems})
    number = len(report.problems)
    output.line(f"{number} problem{'s' * (number != 1)} in {files} file{'s' * (files != 1)}; {found} were read.")
    if warned:
        output.line(f"And {warned} warning{'s' * (warned != 1)}, which stop nothing.")
    return 1
