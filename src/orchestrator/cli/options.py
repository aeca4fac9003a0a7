"""Options that every command takes, before or after its name: -C, --now, --verbose, --debug; and --json.

Commands that only do something, such as `init`, refuse --json: nobody should wait for a document that never comes.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from orchestrator.engine import Engine

FIRST_YEAR, LAST_YEAR = 1900, 2199
"""of --now: a slip beyond them would be recorded, and history only moves forward"""
Command = TypeVar("Command", bound="Callable[..., Any]")


@dataclass(frozen=True, slots=True)
class Shared:
    """What was said on the command line for every command."""

    directory: Path | None = None
    now: str | None = None
    verbose: bool = False
    debug: bool = False
    json: bool = False
    csv: bool = False

    @property
    def root(self) -> Path:
        """The workspace. Raises UsageError where there is none."""
        from orchestrator.definitions.workspace import find_workspace

        try:
            start = self.directory or Path.cwd()
        except FileNotFoundError:
            raise click.UsageError("This folder was removed. Go into a workspace, or name one with -C DIR.") from None
        if self.directory is not None and not start.is_dir():
            raise click.UsageError(f"-C {start}: there is no such folder.")
        return find_workspace(start)

    def moment(self) -> datetime | None:
        """``--now`` as a moment; without an offset it is business time, which the workspace knows."""
        if self.now is None:
            return None
        from datetime import datetime

        try:
            moment = datetime.fromisoformat(self.now.strip())
        except ValueError:
            raise click.UsageError(
                f'--now "{self.now}" is not a moment. Write it as 2026-01-31T09:00 (business time) '
                "or 2026-01-31T09:00+01:00."
            ) from None
        if not FIRST_YEAR <= moment.year <= LAST_YEAR:
            raise click.UsageError(f'--now "{self.now}": the year has to lie between {FIRST_YEAR} and {LAST_YEAR}.')
        if moment.tzinfo is not None:
            return moment
        from orchestrator.definitions.workspace import read_workspace
        from orchestrator.errors import DefinitionError

        workspace, problems = read_workspace(self.root)
        if workspace is None:
            raise DefinitionError(problems)
        return moment.replace(tzinfo=workspace.settings.timezone)

    def engine(self) -> Engine:
        """The workspace's engine; problems of files that were left out are told on stderr."""
        from orchestrator.cli.output import note, warn_of_problems
        from orchestrator.engine import open_engine

        engine = open_engine(self.root, now=self.moment())
        engine.database.on_wait = note
        click.get_current_context().call_on_close(engine.close)
        warn_of_problems(engine.problems)
        return engine


def shared_options(command: Command) -> Command:
    """The options of every command. What is said after the command's name wins over what is said before."""

    def wrapped(
        ctx: click.Context, workspace_dir: Path | None, now: str | None, verbose: bool, debug: bool, **given: Any
    ) -> Any:
        before = ctx.obj if isinstance(ctx.obj, Shared) else Shared()
        if before.json and all(parameter.name != "as_json" for parameter in ctx.command.params):
            raise click.UsageError(f"{ctx.command.name} does not answer in JSON. Leave --json out.")
        ctx.obj = replace(
            before,
            directory=workspace_dir or before.directory,
            now=before.now if now is None else now,
            verbose=verbose or before.verbose,
            debug=debug or before.debug,
        )
        return ctx.invoke(command, **given)

    return _decorated(
        command,
        wrapped,
        click.option(
            "-C", "workspace_dir", type=click.Path(path_type=Path), help="The workspace (default: this folder)."
        ),
        click.option("--now", metavar="TIME", help="Do everything as if it were then, such as 2026-01-31T09:00."),
        click.option("--verbose", is_flag=True, help="Say more about what is done."),
        click.option("--debug", is_flag=True, help="Show the traceback of a fault."),
    )


def answers_json(command: Command) -> Command:
    """``--json``: one JSON document on stdout, messages on stderr."""

    def wrapped(ctx: click.Context, as_json: bool, **given: Any) -> Any:
        if as_json:
            ctx.obj = replace(ctx.obj if isinstance(ctx.obj, Shared) else Shared(), json=True)
        return ctx.invoke(command, **given)

    return _decorated(
        command, wrapped, click.option("--json", "as_json", is_flag=True, help="Answer with one JSON document.")
    )


def answers_csv(command: Command) -> Command:
    """``--csv``: one table for a spreadsheet on stdout, messages on stderr."""

    def wrapped(ctx: click.Context, as_csv: bool, **given: Any) -> Any:
        shared = ctx.obj if isinstance(ctx.obj, Shared) else Shared()
        if as_csv and shared.json:
            raise click.UsageError("--csv and --json are two answers. Choose one.")
        ctx.obj = replace(shared, csv=as_csv)
        return ctx.invoke(command, **given)

    return _decorated(
        command, wrapped, click.option("--csv", "as_csv", is_flag=True, help="Answer with a table for spreadsheets.")
    )


def _decorated(command: Command, wrapped: Callable[..., Any], *options: Callable[[Any], Any]) -> Command:
    """``wrapped`` with the context, the options, and what click knows of ``command``."""
    with_context: Any = functools.wraps(command)(click.pass_context(wrapped))
    for option in reversed(options):
        with_context = option(with_context)
    return with_context  # type: ignore[no-any-return] # click keeps what it wraps callable


pass_shared = click.make_pass_decorator(Shared, ensure=True)
"""Hands a command what was said for every command."""
