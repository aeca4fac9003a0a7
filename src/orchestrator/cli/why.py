"""`campaigns why`: why a contact did, or did not, get a campaign."""

from __future__ import annotations

import click

from orchestrator.cli import output
from orchestrator.cli.options import Shared, answers_json, pass_shared, shared_options


@click.command("why")
@click.argument("campaign")
@click.argument("contact")
@answers_json
@shared_options
@pass_shared
def command(shared: Shared, campaign: str, contact: str) -> int:
    """Why CONTACT (id or address) did, or did not, get CAMPAIGN: from what the run stored."""
    from orchestrator.cli.names import campaign_named, contact_named
    from orchestrator.explanation import why, why_forgotten
    from orchestrator.people.search import find_person
    from orchestrator.store.forgotten import remembered

    engine = shared.engine()
    definition = campaign_named(engine, campaign)
    with engine.database.read() as connection:
        erased = None if find_person(connection, contact) else remembered(connection, contact)
        if erased is not None:
            key, answer = f"forgotten-{erased.id}", why_forgotten(erased, engine.settings)
        else:
            person = contact_named(connection, contact)
            key, answer = person.key, why(connection, engine.settings, definition, person.id, now=engine.clock.now())
    if shared.json:
        output.document(
            {
                "campaign": campaign,
                "contact_id": key,
                "decision": answer.decision,
                "reasons": list(answer.reasons),
                "at": output.moment(answer.at),
                "run": answer.run,
            }
        )
        return 0
    output.line(f"{key} and {campaign}: {answer.decision}")
    for reason in answer.reasons:
        output.line(f"  {reason}")
    return 0
