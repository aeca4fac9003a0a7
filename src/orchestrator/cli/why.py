"""`campaigns why`: why a contact did, or did not, get a campaign."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import output
from orchestrator.cli.options import Shared, answers_json, pass_shared, shared_options

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from sqlalchemy.engine import Connection

    from orchestrator.cli.names import Person
    from orchestrator.engine import Engine
    from orchestrator.explanation.answer import Answer, Grounds

FINGERPRINT = 12
"""characters of a fingerprint that people compare"""


@click.command("why")
@click.argument("campaign")
@click.argument("contact")
@answers_json
@shared_options
@pass_shared
def command(shared: Shared, campaign: str, contact: str) -> int:
    """Why CONTACT (id or address) did, or did not, get CAMPAIGN: from what the run stored."""
    from orchestrator.clock import to_epoch
    from orchestrator.explanation.why import why, why_forgotten
    from orchestrator.people.search import find_person
    from orchestrator.store.forgotten import remembered
    from orchestrator.store.history import later_decisions

    engine = shared.engine()
    now = engine.clock.now()
    with engine.database.read() as connection:
        _check_campaign(engine, connection, campaign)
        erased = None if find_person(connection, contact) else remembered(connection, contact)
        later = 0
        if erased is not None:
            key, answer = f"forgotten-{erased.id}", why_forgotten(erased, engine.settings.timezone)
        else:
            person = _person(connection, campaign, contact)
            key = person.key
            answer = why(connection, engine.workspace, campaign, person.id, person.email, now=now)
            later = later_decisions(connection, campaign, person.id, after=to_epoch(now))
    if shared.json:
        output.document(_json(campaign, key, answer))
    else:
        _show(campaign, key, answer, engine.settings.timezone)
    if later:
        output.note(f"Not counted: {later:,} later decision{'s' * (later != 1)}. Leave --now out to see them.")
    return 0


def _check_campaign(engine: Engine, connection: Connection, name: str) -> None:
    """A campaign whose file is gone is answered from its runs."""
    from orchestrator.cli.names import campaign_named
    from orchestrator.store.history import runs_of

    if name not in engine.workspace.campaigns and not runs_of(connection, name, until=1 << 62)[0]:
        campaign_named(engine, name)


def _person(connection: Connection, campaign: str, name: str) -> Person:
    """By id or address; the address of then does as well."""
    from orchestrator.cli.names import Person, contact_named
    from orchestrator.errors import UsageError
    from orchestrator.store.history import contact_once_at

    try:
        return contact_named(connection, name)
    except UsageError:
        once = contact_once_at(connection, campaign, name.strip().lower()) if "@" in name else None
        if once is None:
            raise
        return Person(*once)


def _json(campaign: str, key: str, answer: Answer) -> dict[str, Any]:
    from orchestrator.cli import clauses

    send, grounds = answer.send, answer.grounds
    explained = dict(grounds.explained) if grounds is not None else {}
    own = explained.pop(grounds.segment, None) if grounds is not None else None
    return {
        "campaign": campaign,
        "contact_id": key,
        "decision": answer.decision,
        "considered": answer.considered,
        "reasons": list(answer.reasons),
        "at": output.moment(answer.at),
        "run": send.get("run"),
        "state": send.get("state"),
        "scheduled_for": output.moment(send.get("scheduled_for")),
        "decided_at": output.moment(send.get("decided_at")),
        "sent_at": output.moment(send.get("sent_at")),
        "not_before": output.moment(send.get("not_before")),
        "email": send.get("email_key"),
        "subject": send.get("subject"),
        "mailchimp_id": send.get("mailchimp_id"),
        "bounce": send.get("bounce"),
        "events": [{**one, "at": output.moment(one["at"])} for one in answer.events],
        "segment": grounds.segment if grounds is not None else None,
        "values": dict(grounds.values) if grounds is not None else {},
        "sources": dict(grounds.sources) if grounds is not None else {},
        "values_at": output.moment(grounds.at) if grounds is not None else None,
        "clauses": clauses.as_json(own.clauses) if own is not None else [],
        "excluded": [
            {"segment": name, "member": one.member, "clauses": clauses.as_json(one.clauses)}
            for name, one in explained.items()
        ],
        "texts": dict(answer.texts),
        "caused_by": [{**one, "at": output.moment(one["at"])} for one in answer.caused_by],
        "history": [
            {
                "run": one["run"],
                "decision": one["decision"],
                "reason": one["reason"],
                "decided_at": output.moment(one["decided_at"]),
                "sent_at": output.moment(one["sent_at"]),
            }
            for one in answer.history
        ],
    }


def _show(campaign: str, key: str, answer: Answer, zone: ZoneInfo) -> None:
    from orchestrator.clock import from_epoch

    decision = "not considered by any run" if answer.considered is False else answer.decision
    output.line(f"{key} and {campaign}: {decision}")
    for reason in answer.reasons:
        output.line(f"  {reason}")
    if answer.grounds is not None:
        _show_grounds(answer.grounds, zone, then=answer.considered is not False)
    if answer.texts:
        output.line()
        texts = (f"{file} {fingerprint[:FINGERPRINT]}" for file, fingerprint in answer.texts.items())
        output.line(f"Texts used, by fingerprint: {', '.join(texts)}")
    if len(answer.history) > 1:
        output.line()
        rows = [
            (one["run"], one["decision"], from_epoch(one["decided_at"]).astimezone(zone), one["reason"])
            for one in answer.history[1:]
        ]
        output.table(("earlier run", "decision", "decided", "reason"), rows)


def _show_grounds(grounds: Grounds, zone: ZoneInfo, *, then: bool) -> None:
    from orchestrator.cli import clauses
    from orchestrator.explanation.answer import local

    when = "Values then" if then else "Today's values"
    output.line()
    output.line(f"{when} ({local(grounds.at, zone)}): {clauses.words(grounds.values) or 'none are asked for'}")
    for name, one in grounds.explained.items():
        if name != grounds.segment and not one.member:
            continue
        met = "met" if one.member else "not met"
        output.line()
        output.line(f"{name}{'' if name == grounds.segment else ', which is excluded'}: {met}")
        clauses.show(one.clauses, "value then" if then else "value today")
