"""`campaigns init`: a new workspace from the starter."""

from __future__ import annotations

from pathlib import Path

import click

from orchestrator.cli import output
from orchestrator.cli.options import shared_options
from orchestrator.errors import UsageError


@click.command("init")
@click.argument("directory", type=click.Path(path_type=Path))
@shared_options
def command(directory: Path) -> int:
    """Copy the starter workspace to DIRECTORY: config.toml, segments, campaigns and templates to make your own."""
    from orchestrator.starter import copy_starter

    if (directory / "config.toml").exists():
        raise UsageError(f"{directory} holds a workspace already. Nothing was changed.")
    try:
        files = copy_starter(directory)
    except OSError as fault:
        raise UsageError(f"{directory} cannot be written: {fault.strerror}. Name another folder.") from None
    output.line(f"A workspace of {files} files is in {directory}.")
    output.line("Next:")
    output.line(f"  cd {directory}")
    output.line("  campaigns check                     # is everything right?")
    output.line("  campaigns sandbox                   # a local Mailchimp, in a second terminal; says what to set")
    output.line("  campaigns import --csv FOLDER       # your accounts.csv, contacts.csv, orders.csv …")
    output.line("  campaigns plan                      # whom the next cycle would mail, and why not the others")
    return 0
