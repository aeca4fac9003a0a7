"""`campaigns sync`: memberships to the audience."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orchestrator.cli import output
from orchestrator.cli.options import Shared, answers_json, pass_shared, shared_options

if TYPE_CHECKING:
    from orchestrator.audiences.sync import SyncReport


@click.command("sync")
@click.option("--force", is_flag=True, help="Accept segment changes that a guard holds back.")
@answers_json
@shared_options
@pass_shared
def command(shared: Shared, force: bool) -> int:
    """Recompute, then make Mailchimp's audience equal to it: members, fields and one tag a segment."""
    from orchestrator.cycle.recomputing import recompute_step, stop_in_the_past
    from orchestrator.cycle.syncing import sync_step

    engine = shared.engine()
    engine.refuse_pretended_writes()
    with (
        engine.at_work("campaigns sync", on_wait=lambda who: output.note(f"Waiting for {who} …")) as held,
        output.progress("Sync", quiet=shared.json) as bar,
    ):
        now = engine.clock.now()
        recomputed = recompute_step(engine, now=now, force=force)
        stop_in_the_past(recomputed)
        report = sync_step(engine, now=now, check=held.check, progress=bar)
    if shared.json:
        output.document(as_json(report))
    else:
        _show(report)
    kept_back = [segment for segment in recomputed.segments if segment.held]
    for segment in kept_back:
        hint = "" if "campaigns check" in (segment.held or "") else " `campaigns sync --force` accepts it."
        output.warning(f"{segment.name} is held back: {segment.held}.{hint}")
    if report.unknown:
        output.warning(f"{report.unknown} calls had no certain outcome; the next sync reads and settles them.")
        return 1
    return 3 if kept_back else 0


def as_json(report: SyncReport) -> dict[str, object]:
    """The contract's answer; counts by segment beside the sums."""
    return {
        "added": report.added,
        "updated": report.updated,
        "unsubscribed": report.unsubscribed,
        "moved": report.moved,
        "tagged": sum(report.tagged.values()),
        "untagged": sum(report.untagged.values()),
        "rejected": [{"contact_id": contact, "reason": reason} for contact, reason in report.rejected],
        "api_calls": report.api_calls,
    }


def _show(report: SyncReport) -> None:
    output.line(
        f"{report.added:,} added, {report.updated:,} updated, {report.moved:,} moved to a new address, "
        f"{report.unsubscribed:,} unsubscribed for the ERP. {report.api_calls:,} calls."
    )
    names = sorted({*report.tagged, *report.untagged})
    if names:
        rows = [(name, report.tagged.get(name, 0), report.untagged.get(name, 0)) for name in names]
        output.table(("tag", "added", "removed"), rows, right=(1, 2))
    for contact, reason in report.rejected[:20]:
        output.warning(f"Mailchimp refused contact {contact}: {reason}")
