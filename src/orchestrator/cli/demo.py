"""`campaigns demo`: everything at once on demo data, a local Mailchimp and its inbox."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli import output
from orchestrator.cli.options import shared_options
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.demo.story import Story


@click.command("demo")
@click.argument("directory", type=click.Path(path_type=Path), required=False)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8025,
    show_default=True,
    help="Of the inbox, on 127.0.0.1; 0 takes a free one.",
)
@click.option(
    "--contacts",
    type=click.IntRange(1, 1_000_000),
    default=2000,
    show_default=True,
    help="Size of the generated wholesaler.",
)
@click.option("--seed", default=7, show_default=True, help="Another seed, another wholesaler.")
@click.option("--exit", "leave", is_flag=True, help="Stop after the cycle instead of serving the inbox.")
@shared_options
def command(directory: Path | None, port: int, contacts: int, seed: int, leave: bool) -> int:
    """Make a wholesaler with 18 months of orders, run one whole cycle against the sandbox, and show the inbox."""
    from orchestrator.demo.story import Story, serve

    target = directory or Path(tempfile.mkdtemp(prefix="campaigns-demo-"))
    if (target / "config.toml").exists():
        raise UsageError(f"{target} holds a workspace already; name an empty folder.")
    try:
        with Story(target, port=port, contacts=contacts, seed=seed) as story:
            for step in story.steps():
                output.line(step)
            if leave:
                output.line(f"The workspace is in {target}. Without --exit, the inbox stays open.")
            else:
                _say_goodbye(story)
                output.line("The inbox stays open until you press Ctrl-C.")
                serve(story)
    except OSError as fault:
        raise UsageError(f"The demo cannot start: {fault}. Try another port: campaigns demo --port 0") from None
    return 0


def _say_goodbye(story: Story) -> None:
    output.line()
    output.line(f"Read the mails as their recipients do:  {story.inbox}")
    output.line(f"The workspace is in {story.folder}. Try there, while this runs:")
    for line in story.next_commands():
        output.line(f"  {line}")
