"""`campaigns cancel`: stop a run."""

from __future__ import annotations

import click

from orchestrator.cli import output
from orchestrator.cli.options import Shared, answers_json, pass_shared, shared_options
from orchestrator.errors import UsageError


@click.command("cancel")
@click.argument("run")
@answers_json
@shared_options
@pass_shared
def command(shared: Shared, run: str) -> int:
    """Stop RUN: what is not on its way is dropped, and what was made for it at Mailchimp is removed."""
    from orchestrator.cli.names import run_named
    from orchestrator.clock import to_epoch
    from orchestrator.cycle.mailing import advance_of
    from orchestrator.store import jobs, run_list, runs as store
    from orchestrator.vocabulary import OPEN_RUN_STATES

    engine = shared.engine()
    with engine.at_work("campaigns cancel") as held:
        now = engine.clock.now()
        with engine.database.write() as connection:
            found = run_named(connection, run)
            if found.state not in OPEN_RUN_STATES:
                raise UsageError(f"Run {run} is over: it is {found.state}.")
            who = jobs.audit(connection, now=to_epoch(now), action="cancel", detail=run)
            wanted = store.get_run(connection, found.id)
        late = advance_of(engine, now=now, check=held.check).cancel(wanted, who)
        with engine.database.read() as connection:
            found = run_list.line_of(connection, found.id)
    if shared.json:
        output.document({"run": run, "state": found.state, "already_sent": late})
    else:
        output.line(f"{run} is stopped: {found.state}.")
        if late:
            output.warning(f"{late:,} mails were at Mailchimp already and cannot be recalled.")
    return 0
