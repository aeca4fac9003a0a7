"""`campaigns check`: every problem of every file."""

from __future__ import annotations

import click

from orchestrator.cli import output
from orchestrator.cli.options import Shared, answers_json, pass_shared, shared_options


@click.command("check")
@answers_json
@shared_options
@pass_shared
def command(shared: Shared) -> int:
    """Read every file of the workspace and report all problems at once, with file, line, column and a hint."""
    from orchestrator.check import check  # noqa: PLC0415 -- heavy

    report = check(shared.root)
    if shared.json:
        output.document(
            {
                "problems": [
                    {
                        "file": problem.file,
                        "line": problem.line,
                        "column": problem.column,
                        "message": problem.message,
                        "hint": problem.hint,
                    }
                    for problem in report.problems
                ],
                "segments": report.segments,
                "campaigns": report.campaigns,
            }
        )
        return 1 if report.problems else 0
    for problem in report.problems:
        output.line(str(problem))
    found = f"{report.segments} segments and {report.campaigns} campaigns"
    if not report.problems:
        output.line(f"No problems in {found}.")
        return 0
    files = len({problem.file for problem in report.problems})
    number = len(report.problems)
    output.line(f"{number} problem{'s' * (number != 1)} in {files} file{'s' * (files != 1)}; {found} were read.")
    return 1
