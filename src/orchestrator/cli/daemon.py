"""`campaigns daemon`: everything on schedule; `--once`: one cycle now."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

import click

from orchestrator.cli import output
from orchestrator.cli.options import Shared, answers_json, pass_shared, shared_options

if TYPE_CHECKING:
    from orchestrator.cycle.report import CycleReport
    from orchestrator.engine import Engine


@click.command("daemon")
@click.option("--once", is_flag=True, help="Do the whole cycle one time, now, and exit.")
@click.option(
    "--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="One event a line."
)
@answers_json
@shared_options
@pass_shared
def command(shared: Shared, once: bool, log_format: str) -> int:
    """Import, recompute, sync, decide, send and read back, on the schedules of config.toml. Stop it with Ctrl-C.

    One daemon leads for each database. A further one, here or on another machine, stands by and takes over when the
    leader is gone.
    """
    from orchestrator.daemon.logs import logs_on_stderr

    click.get_current_context().with_resource(logs_on_stderr(log_format, verbose=shared.verbose))
    engine = shared.engine()
    if once:
        return _once(shared, engine)
    if shared.now is not None:
        raise click.UsageError("A daemon lives in real time: --now goes with --once.")
    from orchestrator.daemon.scheduler import run_daemon

    if not run_daemon(engine):
        # a thread still waits for Mailchimp; what it began is found and gone on with by the next start
        logging.shutdown()
        os._exit(0)
    return 0


def _once(shared: Shared, engine: Engine) -> int:
    from orchestrator.cycle.whole import whole_cycle
    from orchestrator.errors import Busy
    from orchestrator.store.leases import DAEMON, holders

    with engine.database.read() as connection:
        leader = holders(connection).get(DAEMON)
    if leader is not None:
        raise Busy(
            f"Nothing was done: {leader} leads, and does the whole cycle on its schedules. For one part of it now: "
            "campaigns import, campaigns segments, campaigns sync, campaigns send NAME; they take turns with it."
        )
    with engine.at_work("campaigns daemon --once", on_wait=lambda who: output.note(f"Waiting for {who} …")) as held:
        report = whole_cycle(engine, check=held.check)
    if shared.json:
        output.document(_json(engine, report))
    else:
        _show(engine, report)
    return exit_code(report)


def exit_code(report: CycleReport) -> int:
    """0 done; 1 something failed; 3 a guard or an approval keeps something back."""
    imported = report.imported
    if (
        report.faults
        or report.stopped
        or (imported is not None and any(not failure.refused for failure in imported.failures))
    ):
        return 1
    waits = any(run.state == "waiting_approval" for run in report.runs)
    held = report.recomputed is not None and any(segment.held for segment in report.recomputed.segments)
    refused = imported is not None and bool(imported.failures)
    return 3 if waits or held or refused or report.refused else 0


def _json(engine: Engine, report: CycleReport) -> dict[str, object]:
    from orchestrator.cli.runs import summary
    from orchestrator.cli.sync import as_json
    from orchestrator.store.run_list import line_of

    with engine.database.read() as connection:
        runs = [summary(connection, line_of(connection, run.id or 0)) for run in report.runs]
    recomputed = report.recomputed.segments if report.recomputed else ()
    return {
        "now": output.moment(engine.clock.now()),
        "segments": [
            {"name": one.name, "size": one.size, "entered": one.entered, "left": one.left, "held": one.held}
            for one in recomputed
        ],
        "sync": as_json(report.synced) if report.synced is not None else None,
        "runs": runs,
        "refused": report.refused,
        "faults": [str(fault) for fault in report.faults],
    }


def _show(engine: Engine, report: CycleReport) -> None:
    from orchestrator.cli.runs import summary
    from orchestrator.store.run_list import line_of

    _show_facts(report)
    with engine.database.read() as connection:
        for run in report.runs:
            row = summary(connection, line_of(connection, run.id or 0))
            output.line(f"Run:       {row['run']}: {row['state']}; {output.counts(row['decisions'])}.")
            if row["reason"]:
                output.warning(f"           {row['reason']}")
    if not report.runs:
        output.line("Run:       no campaign is due.")
    for reason in report.refused:
        output.warning(reason)
    for fault in report.faults:
        output.warning(str(fault))


def _show_facts(report: CycleReport) -> None:
    if report.imported is not None:
        changed = sum(counts.inserted + counts.updated for counts in report.imported.tables.values())
        aside = sum(counts.rejected for counts in report.imported.tables.values())
        output.line(f"Import:    {changed:,} rows changed, {aside:,} set aside.")
        for failure in report.imported.failures:
            output.warning(failure.message)
    if report.recomputed is not None:
        entered = sum(segment.entered for segment in report.recomputed.segments)
        left = sum(segment.left for segment in report.recomputed.segments)
        output.line(f"Recompute: {len(report.recomputed.segments)} segments, {entered:,} entered, {left:,} left.")
        first = [segment.size for segment in report.recomputed.segments if segment.first]
        if first:
            output.line(
                f"           {len(first)} of them for the first time: their {sum(first):,} members were there before, "
                "and get mails for those who enter only where existing = true."
            )
        for segment in report.recomputed.segments:
            if segment.held:
                output.warning(f"{segment.name} is held back: {segment.held}.")
    if report.synced is not None:
        synced = report.synced
        output.line(
            f"Sync:      {synced.added:,} added, {synced.updated:,} updated, {sum(synced.tagged.values()):,} tagged, "
            f"{sum(synced.untagged.values()):,} untagged, {len(synced.rejected):,} refused; {synced.api_calls:,} calls."
        )
