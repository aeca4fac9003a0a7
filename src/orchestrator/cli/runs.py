"""`campaigns runs`: runs and their states; one run with every contact's decision and outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import output
from orchestrator.cli.options import Shared, answers_csv, answers_json, pass_shared, shared_options
from orchestrator.cli.spreadsheet import print_csv

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from sqlalchemy.engine import Connection

    from orchestrator.store.run_list import RunLine


@click.command("runs")
@click.argument("run", required=False)
@answers_json
@answers_csv
@shared_options
@pass_shared
def command(shared: Shared, run: str | None) -> int:
    """List the runs, newest first; or show RUN with every contact's decision and what came of it."""
    from orchestrator.cli.names import run_named
    from orchestrator.clock import from_epoch
    from orchestrator.store import run_list

    engine = shared.engine()
    with engine.database.read() as connection:
        if run is not None:
            return _show_one(shared, connection, run_named(connection, run), engine.settings.timezone)
        runs = run_list.all_lines(connection)
        rows = [summary(connection, one) for one in runs]
    if shared.json:
        output.document({"runs": rows})
        return 0
    zone = engine.settings.timezone
    shown = [
        (
            row["run"],
            from_epoch(one.scheduled_for).astimezone(zone),
            row["state"],
            row["recipients"],
            output.counts(row["decisions"]) + (f". {row['reason']}" if row["reason"] else ""),
        )
        for one, row in zip(runs, rows, strict=True)
    ]
    headings = ("run", "for", "state", "recipients", "decisions")
    if shared.csv:
        print_csv(headings, shown)
    else:
        output.table(headings, shown, right=(3,))
    return 0


def summary(connection: Connection, run: RunLine) -> dict[str, Any]:
    """A run as the contract shows it."""
    from orchestrator.campaigns.run import recipients_of
    from orchestrator.store import run_list

    decisions = run_list.decision_counts(connection, run.id)
    mailings = run_list.mailing_lines(connection, run.id)
    return {
        "run": run.name,
        "campaign": run.campaign,
        "scheduled_for": output.moment(run.scheduled_for),
        "state": run.state,
        "reason": run.reason,
        "recipients": recipients_of(decisions),
        "decisions": decisions,
        "mailings": [{"mailchimp_id": one.remote_campaign, "recipients": one.recipients} for one in mailings],
    }


def _show_one(shared: Shared, connection: Connection, run: RunLine, zone: ZoneInfo) -> int:
    from orchestrator.clock import from_epoch
    from orchestrator.store import run_list

    found = summary(connection, run)
    contacts = run_list.outcomes(connection, run.id)
    if shared.csv:
        for one in contacts:
            one["sent_at"] = None if one["sent_at"] is None else from_epoch(one["sent_at"]).astimezone(zone)
        names = ("contact_id", "decision", "sent_at", "bounce", "mailchimp_id", "reason")
        print_csv(names, [[one[name] for name in names] for one in contacts])
        return 0
    if shared.json:
        for one in contacts:
            one["sent_at"] = output.moment(one["sent_at"])
            one["not_before"] = output.moment(one["not_before"])
        output.document(found | {"contacts": contacts})
        return 0
    output.line(f"{run.name}: {run.state}{f' ({run.reason})' if run.reason else ''}")
    output.line(
        f"{found['recipients']:,} recipients in {len(found['mailings'])} mailings; {output.counts(found['decisions'])}"
    )
    rows = [(one["contact_id"], one["decision"], one["bounce"], one["mailchimp_id"], one["reason"]) for one in contacts]
    output.table(("contact", "decision", "bounce", "Mailchimp campaign", "reason"), rows)
    return 0
