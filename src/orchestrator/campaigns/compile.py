"""The planned mails of a run become mailings in our database, with their slots leased. Nothing is sent by this.

Decisions are taken again first where time has passed: somebody who ordered, opted out or was mailed meanwhile
gets nothing, and the reason is kept.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, insert, select, text, update
from sqlmodel import col

from orchestrator.campaigns.content import render
from orchestrator.campaigns.evidence import conditions_of, keep_conditions, with_facts
from orchestrator.campaigns.judge import DECIDED, decide, drop
from orchestrator.campaigns.library import template_library
from orchestrator.campaigns.merge_fields import carriers, confirmed_values, lease, make_fields, release_outdated
from orchestrator.campaigns.quality import stop_if_unfit
from orchestrator.clock import from_epoch, to_epoch
from orchestrator.errors import RetryLater
from orchestrator.store import runs as store
from orchestrator.store.candidates import to_decide_again
from orchestrator.store.tables import Mailing, Send
from orchestrator.templates.faults import TooManyMailings
from orchestrator.templates.mailings import MailingCompiler
from orchestrator.templates.quality import Gate
from orchestrator.vocabulary import Decision, MailingState, RunState, TriggerKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from sqlalchemy.engine import Connection

    from orchestrator.definitions.values import CampaignDefinition, Workspace
    from orchestrator.gateway import EmailGateway
    from orchestrator.problems import Problem
    from orchestrator.store.candidates import Candidates
    from orchestrator.store.database import Database
    from orchestrator.store.tables import Run
    from orchestrator.templates.mailings import MailingPlan, Recipients

MOST_MAILINGS = 100
"""of one run; more mean that a template varies where it should not"""
_PAGE = 500


def recheck(database: Database, workspace: Workspace, campaign: CampaignDefinition, run: Run, *, now: datetime) -> None:
    """Take the decisions again that are still open at ``now``.

    A run that was only just decided is left as it is; one that was interrupted is looked at again whatever the time.
    """
    assert run.id is not None
    just_decided = run.state == RunState.PLANNED and run.decided_at == to_epoch(now) and run.approved_at is None
    again = to_decide_again(run.id, planned=not just_decided, until=to_epoch(now))
    with database.write() as connection:
        if again.any(connection):
            _decide_again(connection, workspace, campaign, run, again, now)
        store.follow_addresses(connection, run.id)
        store.set_run(connection, run, decided_at=to_epoch(now))


def compile_run(
    database: Database,
    gateway: EmailGateway,
    workspace: Workspace,
    campaign: CampaignDefinition,
    run: Run,
    *,
    now: datetime,
    check: Callable[[], None],
    warn: Callable[[Sequence[Problem]], None] = lambda _: None,
) -> int:
    """Store the mailings for every planned mail that has none. Returns how many were made.

    ``warn`` is told what could be better about the mails. Raises TemplateError, UnfitToSend, TooManyMailings, or
    RetryLater where the slots are all in use by other runs.
    """
    assert run.id is not None
    if run.state != RunState.PLANNED:
        # an earlier cycle wrote mailings: a sync may have changed what they rely on
        release_outdated(database, run.id, workspace.settings)
    with database.read() as connection:
        contacts = store.sends_to_compile(connection, run.id)
    if not contacts:
        return 0
    library = template_library(workspace)
    carried = carriers(database, gateway, workspace.settings, run.id)
    compiler = MailingCompiler(carried.synced)
    gate = Gate()
    rendered = gate.watching(render(database, workspace, library, campaign, contacts, now=now))
    while page := list(islice(rendered, _PAGE)):
        with database.read() as connection:
            held = confirmed_values(connection, [int(one.contact_key) for one in page], carried.synced)
        for one in page:
            compiler.add(one, held.get(int(one.contact_key), {}))
    try:
        plan = compiler.plan(slots=carried.free, max_mailings=MOST_MAILINGS)
    except TooManyMailings:
        if carried.leased:
            raise RetryLater(
                "It needs merge fields that other runs use until their campaigns are sent. "
                "It goes on by itself when they are free."
            ) from None
        raise
    stop_if_unfit(database, campaign, gate, warn)
    tags = {tag for mailing in plan.mailings for tag in mailing.slots}
    make_fields(gateway, tags, carried.existing, check)
    fingerprint = library.fingerprint(campaign.template)
    with database.write() as connection:
        lease(connection, run.id, tags)
        first = _store(connection, run.id, plan, now)
        # by mailing: who waits for open hours may get what was edited meanwhile
        texts: Any = run.definition.get("texts", [])
        used = {"mailing": first, "campaign": campaign.fingerprint, "template": fingerprint}
        store.set_run(connection, run, definition={**run.definition, "texts": [*texts, used]})
    return len(plan.mailings)


def _decide_again(
    connection: Connection,
    workspace: Workspace,
    campaign: CampaignDefinition,
    run: Run,
    again: Candidates,
    now: datetime,
) -> None:
    """A mail that is deferred leaves its mailing: when its time comes it is written anew."""
    assert run.id is not None
    settings = workspace.settings
    conditions = conditions_of(connection, settings, workspace.segments, campaign, now=now)
    keep_conditions(connection, run, conditions)
    decide(connection, settings, campaign, again, now=now, run=run.id)
    if campaign.trigger.on is TriggerKind.SCHEDULE:
        _give_up_missed(connection, campaign, run.id, settings.timezone, now)
    with with_facts(connection, settings, campaign, conditions, now=now) as decided:
        connection.execute(
            text(
                "UPDATE send SET decision = d.decision, reason = d.reason, decided_at = :decided_at,"
                " not_before = d.not_before, facts = d.facts,"
                f" mailing = CASE WHEN d.decision = '{Decision.DEFERRED.value}' THEN NULL ELSE mailing END"
                f" FROM ({decided.sql}) d WHERE send.run = :of_run AND send.contact = d.contact"
            ),
            {**decided.parameters, "of_run": run.id, "decided_at": to_epoch(now)},
        )
    drop(connection)


def _give_up_missed(
    connection: Connection, campaign: CampaignDefinition, run: int, zone: ZoneInfo, now: datetime
) -> None:
    """The newsletter of a contact whose open hours began too long ago is yesterday's: as with its schedule."""
    missed_after = campaign.trigger.missed_after
    hours = missed_after.total_seconds() / 3600
    waited = f"SELECT s.contact FROM send s WHERE s.run = :of_run AND s.decision = '{Decision.DEFERRED.value}'"
    opened = connection.scalars(
        text(f"SELECT DISTINCT s.not_before {waited.removeprefix('SELECT s.contact ')} AND s.not_before < :missed"),
        {"of_run": run, "missed": to_epoch(now - missed_after)},
    ).all()
    for moment in opened:
        connection.execute(
            text(
                f"UPDATE {DECIDED} SET decision = '{Decision.CANCELLED.value}', reason = :reason, not_before = NULL"
                f" WHERE decision IN ('{Decision.PLANNED.value}', '{Decision.DEFERRED.value}')"
                f" AND contact IN ({waited} AND s.not_before = :opened)"
            ),
            {
                "of_run": run,
                "opened": moment,
                "reason": f"Missed: it was to go out at {from_epoch(moment).astimezone(zone):%Y-%m-%d %H:%M}, "
                f"more than {hours:g} hours before anybody looked.",
            },
        )


def _store(connection: Connection, run: int, plan: MailingPlan, now: datetime) -> int:
    """Returns the number of the first one."""
    last = connection.scalar(select(func.coalesce(func.max(col(Mailing.number)), 0)).where(col(Mailing.run) == run))
    for number, mailing in enumerate(plan.mailings, start=(last or 0) + 1):
        key = connection.execute(
            insert(Mailing).values(
                run=run,
                number=number,
                state=MailingState.COMPILED.value,
                state_at=to_epoch(now),
                subject=mailing.subject,
                preheader=mailing.preheader or "",
                html=mailing.html,
                text=mailing.text,
                slot_tags=list(mailing.slots),
                recipients=len(mailing.recipients),
                problem="",
            )
        ).inserted_primary_key
        assert key is not None
        _assign(connection, run, key[0], mailing.recipients)
    return (last or 0) + 1


def _assign(connection: Connection, run: int, mailing: int, recipients: Recipients) -> None:
    """Each recipient's values: those of its slots, and those that it relies on in synced fields."""
    values = ({"who": int(contact), "fields": slots | relied_on} for contact, slots, relied_on in recipients.rows())
    while page := list(islice(values, _PAGE)):
        connection.execute(
            update(Send)
            .where(col(Send.run) == run, col(Send.contact) == bindparam("who"))
            .values(mailing=mailing, slots=bindparam("fields")),
            page,
        )
