"""`campaigns status`: health, and what needs a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orchestrator.cli import output
from orchestrator.cli.options import Shared, answers_json, pass_shared, shared_options
from orchestrator.clock import from_epoch

if TYPE_CHECKING:
    from orchestrator.store.holders import Holder


@click.command("status")
@answers_json
@shared_options
@pass_shared
def command(shared: Shared) -> int:
    """Last good import, recompute and sync; open runs; what waits for a person. Exit 1: unhealthy, 3: waits."""
    from orchestrator.health import health

    engine = shared.engine()
    found = health(engine)
    if shared.json:
        output.document(
            {
                "now": output.moment(found.now),
                "healthy": found.healthy,
                "last_good": {job: output.moment(at) for job, at in found.last_good.items()},
                "runs": [
                    {"run": run.name, "campaign": run.campaign, "state": run.state, "reason": run.reason}
                    for run in found.open_runs
                ],
                "daemon": {
                    "leader": _as_json(found.leader),
                    "standbys": [_as_json(standby) for standby in found.standbys],
                },
                "at_work": _as_json(found.at_work),
                "needs_person": list(found.needs_person),
                "problems": list(found.problems),
                "refused": found.refused,
            }
        )
        return found.exit_code
    zone = engine.settings.timezone
    for job, at in found.last_good.items():
        words = f"{at.astimezone(zone):%Y-%m-%d %H:%M}" if at is not None else "never"
        output.line(f"Last good {job + ':':<11} {words}")
    output.line(f"Daemon:              {_leads(found.leader)}")
    for standby in found.standbys:
        output.line(f"Standing by:         {_named(standby)}, since {standby.since_local}")
    if found.at_work is not None:
        output.line(f"At work:             {found.at_work}")
    for run in found.open_runs:
        output.line(f"Open run {run.name}: {run.state}{f', {run.reason}' if run.reason else ''}")
    if found.refused:
        output.line(f"Mailchimp refused:   {output.counts(found.refused)} of the contacts; who changes is tried again")
    for text in found.problems:
        output.warning(text)
    for text in found.needs_person:
        output.warning(f"Waits for you: {text}")
    if not found.problems and not found.needs_person:
        output.line("Nothing waits for a person.")
    return found.exit_code


def _leads(leader: Holder | None) -> str:
    return f"{_named(leader)} leads since {leader.since_local}" if leader is not None else "none runs"


def _named(holder: Holder) -> str:
    return f"{holder.host} (pid {holder.process})"


def _as_json(holder: Holder | None) -> dict[str, object] | None:
    if holder is None:
        return None
    since = output.moment(from_epoch(holder.since))
    return {"doing": holder.doing, "host": holder.host, "pid": holder.process, "since": since}
