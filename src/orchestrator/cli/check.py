"""`campaigns check`: every problem of every file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orchestrator.cli import output
from orchestrator.cli.options import Shared, answers_json, pass_shared, shared_options

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from orchestrator.contacts.measures import CustomColumn
    from orchestrator.engine import Engine

_SQLITE = "sqlite:///"


def _engine_with_facts(shared: Shared) -> Engine | None:
    """The engine, where its database holds contacts. Files are checked without one, too: in CI, or on a laptop."""
    if not _may_hold_contacts(shared.root):
        return None
    from sqlalchemy import text

    from orchestrator.engine import open_engine
    from orchestrator.errors import OrchestratorError

    try:
        engine = open_engine(shared.root, now=shared.moment())
        click.get_current_context().call_on_close(engine.close)
        with engine.database.read() as connection:
            return engine if connection.execute(text("SELECT 1 FROM contact LIMIT 1")).first() is not None else None
    except OrchestratorError:
        return None


def _may_hold_contacts(root: Path) -> bool:
    """Nothing is made by looking: a file of SQLite that is not there stays so. In one that is there, Python looks by
    itself, as the engine takes a fifth of a second to load.
    """
    from orchestrator.definitions.workspace import read_workspace

    workspace, _ = read_workspace(root)
    if workspace is None:
        return False
    url = workspace.settings.database_url
    if not url.startswith(_SQLITE):
        return True
    file = root / url.removeprefix(_SQLITE)
    if not file.is_file():
        return False
    import sqlite3
    from contextlib import closing

    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True)) as connection:
            return connection.execute("SELECT 1 FROM contact LIMIT 1").fetchone() is not None
    except sqlite3.Error:
        return True  # the engine finds out


def _custom_fields(engine: Engine) -> Mapping[str, CustomColumn]:
    """The custom fields of the imported data, with the types learned from it."""
    from orchestrator.contacts.custom import learn_custom_fields

    with engine.database.read() as connection:
        return learn_custom_fields(connection)


@click.command("check")
@click.option("--links", is_flag=True, help="Ask every link and image whether it answers. Needs a network.")
@answers_json
@shared_options
@pass_shared
def command(shared: Shared, links: bool) -> int:
    """Read every file of the workspace and report all problems at once, with file, line, column and a hint.

    Templates are rendered for made-up readers, and for a member of each language and industry where the database has
    them. Warnings stop nothing.
    """
    from orchestrator.check import check
    from orchestrator.check.exposure import exposures
    from orchestrator.check.rendering import Trial

    engine = _engine_with_facts(shared)
    ask = None
    if links:
        from orchestrator.check.links import status

        ask = status
    if engine is None:
        report = check(shared.root, None, Trial(ask=ask))
    else:
        from orchestrator.check.members import Members

        members = Members(engine.database, engine.clock.now())
        report = check(shared.root, _custom_fields(engine), Trial(members, ask))
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
