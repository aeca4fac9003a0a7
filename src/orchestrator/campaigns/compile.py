"""The planned mails of a run become mailings in our database, with their slots leased. Nothing is sent by this.

Decisions are taken again first where time has passed: somebody who ordered, opted out or was mailed meanwhile
gets nothing, and the reason is kept.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, insert, select, update
from sqlmodel import col

from orchestrator.campaigns.content import render
from orchestrator.campaigns.eligibility import Verdict
from orchestrator.campaigns.evidence import conditions_of, judged, keep_conditions
from orchestrator.campaigns.library import template_library
from orchestrator.campaigns.merge_fields import carriers, confirmed_values, lease, make_fields, release_outdated
from orchestrator.campaigns.quality import stop_if_unfit
from orchestrator.clock import from_epoch, to_epoch
from orchestrator.errors import RetryLater
from orchestrator.store import runs as store
from orchestrator.store.tables import Mailing, Send
from orchestrator.templates.faults import TooManyMailings
from orchestrator.templates.mailings import MailingCompiler
from orchestrator.templates.quality import Gate
from orchestrator.vocabulary import Decision, MailingState, RunState, TriggerKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from sqlalchemy.engine import Connection

    from orchestrator.definitions.values import CampaignDefinition, Workspace
    from orchestrator.gateway import EmailGateway
    from orchestrator.problems import Problem
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
    with database.write() as connection:
        again = {} if just_decided else dict(store.sends_to_recheck(connection, run.id))
        waited = [one for one in store.deferred_sends(connection, run.id) if one[2] <= to_epoch(now)]
        again |= {contact: entered for contact, entered, _ in waited}
        missed = {contact: opened for contact, _, opened in waited if _is_missed(campaign, from_epoch(opened), now)}
        if again:
            _decide_again(connection, workspace, campaign, run, again, missed, now)
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


def _is_missed(campaign: CampaignDefinition, opened: datetime, now: datetime) -> bool:
    """The newsletter of a contact whose open hours began too long ago is yesterday's: as with its schedule."""
    trigger = campaign.trigger
    return trigger.on is TriggerKind.SCHEDULE and now - opened > trigger.missed_after


def _unless_missed(verdict: Verdict, opened: int | None, campaign: CampaignDefinition, zone: ZoneInfo) -> Verdict:
    if opened is None or verdict.decision not in {Decision.PLANNED, Decision.DEFERRED}:
        return verdict
    hours = campaign.trigger.missed_after.total_seconds() / 3600
    return Verdict(
        Decision.CANCELLED,
        f"Missed: it was to go out at {from_epoch(opened).astimezone(zone):%Y-%m-%d %H:%M}, "
        f"more than {hours:g} hours before anybody looked.",
    )


def _decide_again(
    connection: Connection,
    workspace: Workspace,
    campaign: CampaignDefinition,
    run: Run,
    entries: Mapping[int, int | None],
    missed: Mapping[int, int],
    now: datetime,
) -> None:
    """``missed``: contact -> when it was to go out, of those for whom it is too late."""
    assert run.id is not None
    conditions = conditions_of(connection, workspace.segments, campaign)
    keep_conditions(connection, run, conditions)
    rows: list[dict[str, Any]] = []
    for candidate, found, facts in judged(
        connection, workspace.settings, campaign, conditions, entries, now=now, run=run.id
    ):
        verdict = _unless_missed(found, missed.get(candidate.contact), campaign, workspace.settings.timezone)
        rows.append(
            {
                "contact": candidate.contact,
                "decision": verdict.decision.value,
                "reason": verdict.reason,
                "at": to_epoch(now),
                "not_before": to_epoch(verdict.not_before) if verdict.not_before else None,
                "facts": facts,
            }
        )
    store.set_decisions(connection, run.id, rows)
    store.set_facts(connection, run.id, rows)


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
