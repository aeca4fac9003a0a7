"""The `campaigns` group. Commands are imported when they are called, so that `--help` is instant."""

from __future__ import annotations

import atexit
import errno
import gc
import importlib
import os
import sys

import click

from orchestrator import __version__
from orchestrator.cli.options import answers_json, shared_options
from orchestrator.errors import DefinitionError, OrchestratorError

COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("init", "Make a new workspace from the starter."),
    "demo": ("demo", "Everything at once: demo data, a local Mailchimp, one cycle, its inbox."),
    "check": ("check", "Find every problem in every file of the workspace."),
    "import": ("import_", "Copy what the sources say into the local database."),
    "fields": ("fields", "The fields and functions that segments can use."),
    "schema": ("schema", "JSON Schemas of the TOML files, for editors."),
    "segments": ("segments", "Recompute the segments and list them; who is in, and why."),
    "plan": ("plan", "What the next cycle would change and whom it would mail. Touches nothing."),
    "sync": ("sync", "Make the Mailchimp audience equal to the memberships."),
    "preview": ("preview", "The exact mail that one contact would get."),
    "test-send": ("test_send", "One contact's mail as a test to an address of yours, through Mailchimp."),
    "send": ("send", "Run a campaign now: recipients, decisions, confirmation, send."),
    "approve": ("approve", "Release a run that waits for approval."),
    "cancel": ("cancel", "Stop a run that is not sent yet."),
    "daemon": ("daemon", "Do it all on schedule, for months; --once: one cycle now."),
    "status": ("status", "Health: last good import, recompute, sync; what waits for a person."),
    "runs": ("runs", "Runs and their states; one run with every contact's decision."),
    "why": ("why", "Why a contact did, or did not, get a campaign."),
    "report": ("report", "What came of campaigns: opens, clicks, orders and revenue, against the holdout."),
    "export-person": ("export_person", "Everything that is held of one person, as JSON."),
    "forget": ("forget", "Erase a person's data, and never mail that address again."),
    "sandbox": ("sandbox", "A local Mailchimp with an inbox, for trying and rehearsing."),
}


GC = (20_000, 20, 20)
"""when to look for garbage: most of what a short command makes is there to stay, and a sync makes little that is not
freed at once; looking takes a tenth of the time of the one, and a fifth of the other's
"""


class LazyGroup(click.Group):
    """Knows its commands' names and one line of each; imports a command's module when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        found = COMMANDS.get(cmd_name)
        if found is None:
            return None
        command = importlib.import_module(f"orchestrator.cli.{found[0]}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as fault:
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, 1)
            hint = f' Did you mean "{near[0]}"?' if near else " `campaigns --help` lists the commands."
            raise click.UsageError(f'There is no command "{args[0]}".{hint}', ctx) from fault

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "--version", prog_name="campaigns")
@answers_json
@shared_options
def cli() -> None:
    """Segments from your ERP, audiences and campaigns in Mailchimp: planned, exact and explained.

    \b
    Start:   campaigns init shop && cd shop && campaigns check
    Try:     campaigns demo
    Daily:   campaigns plan · campaigns preview NAME --contact ID · campaigns send NAME
    """  # noqa: D301 -- click wants the character


def main() -> None:
    """Run the command and exit: 0 done, 1 problems or failure, 2 wrong usage, 3 refused or waiting for a person."""
    gc.set_threshold(*GC)
    # what a process holds at its end goes with it, without another look for garbage
    atexit.register(gc.freeze)
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command. Returns its exit code; every known error becomes a message, never a traceback."""
    debug = "--debug" in arguments
    try:
        code = cli.main(arguments, prog_name="campaigns", standalone_mode=False)
    except click.ClickException as fault:
        fault.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        return 130
    except BrokenPipeError:
        # the reader of our output went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OrchestratorError as fault:
        if debug:
            raise
        _show(fault)
        return fault.exit_code
    except Exception as fault:
        if debug:
            raise
        told = _told(fault)
        if told is not None:
            click.secho(told, fg="red", err=True)
            return 1
        click.secho(f"Unexpected fault: {type(fault).__name__}: {fault}", fg="red", err=True)
        click.echo("This is a bug of the orchestrator. Run it again with --debug for the details.", err=True)
        return 1
    return code if isinstance(code, int) else 0


def _told(fault: Exception) -> str | None:
    """The message of a fault of the machine around us: a file, a disk, the database. None: the fault is ours."""
    if isinstance(fault, OSError) and fault.filename is not None:
        return f"{fault.filename} cannot be used: {fault.strerror}. Check the path, its permissions and the disk."
    if isinstance(fault, OSError) and fault.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}:
        return f"What is written could not be written whole: {fault.strerror}. Make room, then run the command again."
    import sqlite3

    from sqlalchemy.exc import DBAPIError

    from orchestrator.store.faults import in_words

    if isinstance(fault, DBAPIError | sqlite3.Error):
        return (
            f"The database failed. {in_words(fault)} "
            "What was not finished is taken back; run the command again, and it goes on from there."
        )
    return None


def _show(fault: OrchestratorError) -> None:
    click.secho(str(fault), fg="red", err=True)
    if isinstance(fault, DefinitionError):
        files = len({problem.file for problem in fault.problems})
        problems = len(fault.problems)
        click.echo(
            f"{problems} problem{'s' * (problems != 1)} in {files} file{'s' * (files != 1)}. Nothing was changed.",
            err=True,
        )


def command_names() -> list[str]:
    """Every command, for tests and documentation."""
    return list(COMMANDS)
