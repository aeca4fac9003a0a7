"""`campaigns send`: one run of a campaign, now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import output
from orchestrator.cli.options import Shared, answers_json, pass_shared, shared_options
from orchestrator.errors import WaitingForPerson

if TYPE_CHECKING:
    from orchestrator.sending import ByHand

EXIT = {"waiting_approval": 3, "failed": 1}


@click.command("send")
@click.argument("campaign")
@click.option("--dry-run", is_flag=True, help="Show whom it would mail, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@answers_json
@shared_options
@pass_shared
def command(shared: Shared, campaign: str, dry_run: bool, yes: bool) -> int:
    """Run CAMPAIGN now: recompute, sync, decide about every member of its segment, confirm, send.

    A run of it that was interrupted is carried on instead of beginning another one.
    """
    from orchestrator.cli.names import campaign_named
    from orchestrator.clock import real_seconds
    from orchestrator.sending import ByHand, run_under_way

    engine = shared.engine()
    definition = campaign_named(engine, campaign)
    if dry_run:
        with engine.database.rehearsal() as database:
            rehearsed = engine.rehearsing(database)
            by_hand = ByHand(rehearsed, definition)
            by_hand.decide()
            by_hand.carry_out()
            return _answer(shared, by_hand, dry_run=True)
    engine.refuse_pretended_writes()
    if not yes and not output.is_terminal():
        raise WaitingForPerson(
            f"Nothing was sent: sending {campaign} needs a yes. "
            f"Add --yes, or look first: campaigns send {campaign} --dry-run"
        )
    asked_at, under_way = real_seconds(), run_under_way(engine, campaign)
    with (
        engine.at_work(f"campaigns send {campaign}", on_wait=lambda who: output.note(f"Waiting for {who} …")) as held,
        output.progress(f"Send {campaign}", quiet=shared.json) as bar,
    ):
        by_hand = ByHand(engine, definition, check=held.check, progress=bar, asked_at=asked_at, under_way=under_way)
        by_hand.decide()
        if by_hand.was_done:
            output.note(f"{campaign} was being sent when you asked; this is what came of it. Nothing is sent again.")
        if not yes and by_hand.recipients and not _confirmed(campaign, by_hand):
            raise WaitingForPerson("Nothing was sent.")
        by_hand.carry_out()
    return _answer(shared, by_hand, dry_run=False)


def _confirmed(campaign: str, by_hand: ByHand) -> bool:
    output.note(f"{campaign}: {output.counts(by_hand.decisions)}.")
    return click.confirm(f"Send {campaign} to {by_hand.recipients:,} people now?", err=True)


def _answer(shared: Shared, by_hand: ByHand, *, dry_run: bool) -> int:
    from orchestrator.cli.runs import summary
    from orchestrator.store.run_list import line_of

    with by_hand.engine.database.read() as connection:
        found: dict[str, Any] = summary(connection, line_of(connection, by_hand.run.id or 0))
    if shared.json:
        if dry_run:
            for mailing in found["mailings"]:
                mailing["mailchimp_id"] = None
        output.document({**found, "dry_run": dry_run})
    else:
        words = "Would send" if dry_run else "Run"
        output.line(
            f"{words} {found['run']}: {found['state']}, {found['recipients']:,} recipients in "
            f"{len(found['mailings'])} mailings."
        )
        if found["decisions"]:
            output.line(f"  {output.counts(found['decisions'])}")
        else:
            segment = by_hand.segment
            output.line(f'  Nobody is in "{segment}", so there is nobody to send it to.')
            output.line(f"  Why somebody is not: campaigns segments explain {segment} CONTACT")
        if dry_run:
            output.line("Nothing was changed.")
    state, reason = found["state"], found["reason"]
    output.warn_of_mails(by_hand.warnings)
    if reason:
        output.warning(reason)
    if state == "waiting_approval":
        output.warning(f"Release it with: campaigns approve {found['run']}")
    if state in {"planned", "preparing"} and reason and not found["decisions"].get("deferred"):
        return 1
    return EXIT.get(state, 0)
