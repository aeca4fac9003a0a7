"""`campaigns sandbox`: a local Mailchimp with an inbox."""

from __future__ import annotations

from pathlib import Path

import click

from orchestrator.cli import output
from orchestrator.cli.options import shared_options
from orchestrator.errors import UsageError


@click.command("sandbox")
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=8025, show_default=True, help="On 127.0.0.1; 0 takes a free one."
)
@click.option("--state", "state_file", type=click.Path(path_type=Path), help="Keep everything in this file.")
@click.option("--chaos", metavar="FAULTS", help="Fail on purpose, such as 429=0.1,cut-after=0.02,slow=0.05:30.")
@click.option("--seed", default=0, help="Of the chaos.")
@click.option("--latency", type=click.FloatRange(min=0), default=0.0, help="Seconds that every answer takes.")
@click.option(
    "--sending-seconds", type=click.FloatRange(min=0), default=0.0, help="How long a campaign stays in `sending`."
)
@click.option("--escape-merge-values", is_flag=True, help="Escape merge values in HTML, as Mailchimp perhaps does.")
@shared_options
def command(
    port: int,
    state_file: Path | None,
    chaos: str | None,
    seed: int,
    latency: float,
    sending_seconds: float,
    escape_merge_values: bool,
) -> int:
    """Mailchimp's calls with its limits and refusals, and a web inbox of every delivered mail. Stop it with Ctrl-C."""
    from orchestrator.sandbox.server import Sandbox, serve_forever

    if state_file is not None and (state_file.is_dir() or not state_file.absolute().parent.is_dir()):
        raise UsageError(f"--state {state_file}: name a file in a folder that exists.")
    try:
        sandbox = Sandbox(
            port=port,
            state_file=state_file,
            chaos=chaos,
            seed=seed,
            latency=latency,
            sending_seconds=sending_seconds,
            escape_merge_values=escape_merge_values,
        )
    except ValueError as fault:
        raise UsageError(_why_not(fault, state_file)) from None

    def tell(ready: Sandbox) -> None:
        output.line(f"Inbox: {ready.inbox_url}")
        output.line(f"API:   {ready.base_url}")
        output.line(f'In config.toml, under [mailchimp]:  base_url = "{ready.base_url}"   (it needs no key)')
        output.line("Stop it with Ctrl-C.")

    try:
        serve_forever(sandbox, tell)
    except OSError as fault:
        raise UsageError(f"Port {port} cannot be used: {fault.strerror}. Take another with --port.") from None
    return 0


def _why_not(fault: ValueError, state_file: Path | None) -> str:
    """A word of --chaos that is not understood, or a state that a sandbox did not write."""
    if str(fault).startswith("chaos:"):
        return f"--{fault}"
    return f"--state {state_file} is not the state of a sandbox: {fault}. Name a new file, or leave it out."
