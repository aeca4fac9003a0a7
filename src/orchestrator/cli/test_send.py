"""`campaigns test-send`: one contact's mail, through Mailchimp, to an address of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orchestrator.cli import output
from orchestrator.cli.options import Shared, answers_json, pass_shared, shared_options

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from orchestrator.cli.names import Person
    from orchestrator.definitions.values import CampaignDefinition


@click.command("test-send")
@click.argument("campaign")
@click.option("--to", "addresses", required=True, multiple=True, metavar="ADDRESS", help="Where to; may be repeated.")
@click.option("--contact", metavar="ID", help="Whose mail: contact id or address. Default: a member of the segment.")
@answers_json
@shared_options
@pass_shared
def command(shared: Shared, campaign: str, addresses: tuple[str, ...], contact: str | None) -> int:
    """Send the mail that a contact would get from CAMPAIGN to other addresses, as a test through Mailchimp.

    It is in no report, counts for no cap, and its unsubscribe link does nothing.
    """
    from orchestrator.cli.names import campaign_named, contact_named
    from orchestrator.test_mail import send_test_mail

    recipients = [_address(given) for given in addresses]
    engine = shared.engine()
    engine.refuse_pretended_writes()
    definition = campaign_named(engine, campaign)
    with engine.database.read() as connection:
        person = contact_named(connection, contact) if contact else _first_member(connection, definition)
    doing = f"campaigns test-send {campaign}"
    with engine.at_work(doing, on_wait=lambda who: output.note(f"Waiting for {who} …")) as held:
        sent = send_test_mail(engine, definition, person.id, recipients, check=held.check)
    if sent.left_behind:
        output.warning(f"{sent.left_behind}\nThe test was sent. Its draft goes to nobody; the next test deletes it.")
    mail = sent.mail
    if shared.json:
        answer = {"campaign": campaign, "contact_id": person.key, "subject": mail.subject, "language": mail.language}
        output.document({**answer, "to": recipients})
    else:
        output.line(f"Sent as a test to {', '.join(recipients)}: what {person.key} would get, “{mail.subject}”.")
    return 0


def _address(given: str) -> str:
    from orchestrator.errors import UsageError
    from orchestrator.sources.values import BadValue, email

    try:
        return email(given.strip())
    except BadValue as fault:
        raise UsageError(f'--to "{given}" is {fault}. Write it as name@shop.example') from None


def _first_member(connection: Connection, campaign: CampaignDefinition) -> Person:
    """As of the last recompute."""
    from sqlalchemy import text

    from orchestrator.cli.names import Person
    from orchestrator.errors import UsageError
    from orchestrator.store import runs as store

    segment = store.segment_row(connection, campaign.segment)
    first = store.first_member(connection, segment) if segment is not None else None
    if first is None:
        raise UsageError(
            f'The segment "{campaign.segment}" has no members as of its last recompute, so there is nobody whose mail '
            f"to send. Name a contact: campaigns test-send {campaign.name} --to … --contact ID"
        )
    query = text("SELECT id, key, email FROM contact WHERE id = :id")
    return Person(*connection.execute(query, {"id": first}).one())
