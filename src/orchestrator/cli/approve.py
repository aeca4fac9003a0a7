"""`campaigns approve`: release a run that waits."""

from __future__ import annotations

import click

from orchestrator.cli import output
from orchestrator.cli.options import Shared, answers_json, pass_shared, shared_options
from orchestrator.errors import UsageError


@click.command("approve")
@click.argument("run")
@answers_json
@shared_options
@pass_shared
def command(shared: Shared, run: str) -> int:
    """Release RUN: the next cycle decides once more and sends it."""
    from orchestrator.cli.names import run_named
    from orchestrator.clock import to_epoch
    from orchestrator.store import jobs, runs as store

    engine = shared.engine()
    with engine.at_work("campaigns approve"), engine.database.write() as connection:
        found = store.get_run(connection, run_named(connection, run).id)
        if found.state != "waiting_approval":
            raise UsageError(f"Run {run} does not wait for approval: it is {found.state}.")
        now = to_epoch(engine.clock.now())
        who = jobs.audit(connection, now=now, action="approve", detail=run)
        store.set_run(connection, found, state="planned", reason="", approved_by=who, approved_at=now)
    if shared.json:
        output.document({"run": run, "state": "planned", "approved_by": who})
    else:
        output.line(f"{run} is approved by {who}. The daemon's next cycle sends it, or now: campaigns daemon --once")
    return 0
