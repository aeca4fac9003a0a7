"""The planned mails of a run become mailings in our database, with their slots leased. Nothing is sent by this.

Decisions are taken again first where time has passed: somebody who ordered, opted out or was mailed meanwhile
gets nothing, and the reason is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, insert, select, update
from sqlmodel import col

from orchestrator.campaigns.content import render, template_library
from orchestrator.campaigns.evidence import conditions_of, judged, keep_conditions
from orchestrator.campaigns.quality import stop_if_unfit
from orchestrator.clock import to_epoch
from orchestrator.errors import OutcomeUnknown, RetryLater
from orchestrator.store import runs as store
from orchestrator.store.tables import Mailing, Send, SlotLease
from orchestrator.templates.mailings import compile_mailings
from orchestrator.templates.quality import Gate
from orchestrator.vocabulary import MailingState, RunState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from orchestrator.definitions.values import CampaignDefinition, Workspace
    from orchestrator.gateway import EmailGateway
    from orchestrator.problems import Problem
    from orchestrator.store.database import Database
    from orchestrator.store.tables import Run
    from orchestrator.templates.mailings import MailingPlan

MOST_MAILINGS = 100
"""of one run; more mean that a template varies where it should not"""
SLOT_PREFIX = "CO_"
MOST_SLOTS = 99


@dataclass(frozen=True, slots=True)
class Slots:
    """Merge fields for personal content: ``free`` to use now, in order; ``existing`` at the provider."""

    free: tuple[str, ...]
    existing: frozenset[str]


def recheck(database: Database, workspace: Workspace, campaign: CampaignDefinition, run: Run, *, now: datetime) -> None:
    """Take the decisions again that are still open at ``now``.

    A run that was only just decided is left as it is; one that was interrupted is looked at again whatever the time.
    """
    assert run.id is not None
    just_decided = run.state == RunState.PLANNED and run.decided_at == to_epoch(now) and run.approved_at is None
    with database.write() as connection:
        again = {} if just_decided else dict(store.sends_to_recheck(connection, run.id))
        again |= {
            contact: entered
            for contact, entered, moment in store.deferred_sends(connection, run.id)
            if moment <= to_epoch(now)
        }
        if again:
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
    with database.read() as connection:
        contacts = store.sends_to_compile(connection, run.id)
    if not contacts:
        return 0
    library = template_library(workspace)
    gate = Gate()
    rendered = list(gate.watching(render(database, workspace, library, campaign, contacts, now=now)))
    slots = free_slots(database, gateway, run.id)
    plan = compile_mailings(rendered, slots=slots.free, max_mailings=MOST_MAILINGS)
    stop_if_unfit(database, campaign, gate, warn)
    _make_fields(gateway, plan, slots, check)
    fingerprint = library.fingerprint(campaign.template)
    with database.write() as connection:
        _lease(connection, run.id, {tag for mailing in plan.mailings for tag in mailing.slots})
        _store(connection, run.id, plan, now)
        store.set_run(connection, run, definition={**run.definition, "template_fingerprint": fingerprint})
    return len(plan.mailings)


def free_slots(database: Database, gateway: EmailGateway, run: int) -> Slots:
    """What the audience's merge fields leave for personal content."""
    fields = {field.tag for field in gateway.merge_fields()}
    limit = gateway.audience().merge_field_limit
    own = {tag for tag in fields if tag.startswith(SLOT_PREFIX)}
    room = max(0, limit - len(fields))
    names = [f"{SLOT_PREFIX}{number}" for number in range(1, MOST_SLOTS + 1)]
    new = [name for name in names if name not in own][:room]
    with database.read() as connection:
        taken = {tag for tag, holder in store.leased_slots(connection).items() if holder != run}
    usable = own | set(new)
    return Slots(tuple(name for name in names if name in usable and name not in taken), frozenset(own))


def _decide_again(
    connection: Connection,
    workspace: Workspace,
    campaign: CampaignDefinition,
    run: Run,
    entries: Mapping[int, int | None],
    now: datetime,
) -> None:
    assert run.id is not None
    conditions = conditions_of(connection, workspace.segments, campaign)
    keep_conditions(connection, run, conditions)
    rows: list[dict[str, Any]] = []
    for candidate, verdict, facts in judged(
        connection, workspace.settings, campaign, conditions, entries, now=now, run=run.id
    ):
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


def _make_fields(gateway: EmailGateway, plan: MailingPlan, slots: Slots, check: Callable[[], None]) -> None:
    wanted = sorted({tag for mailing in plan.mailings for tag in mailing.slots} - slots.existing)
    for tag in wanted:
        check()
        try:
            gateway.create_merge_field(tag, f"Campaign orchestrator {tag}")
        except OutcomeUnknown:
            if tag not in {field.tag for field in gateway.merge_fields()}:
                raise RetryLater(f"Mailchimp did not answer whether it made the merge field {tag}.") from None


def _lease(connection: Connection, run: int, tags: Iterable[str]) -> None:
    held = store.leased_slots(connection)
    lacking = [tag for tag in sorted(tags) if held.get(tag) != run]
    if any(tag in held for tag in lacking):
        raise RetryLater("Another run began to use the same merge fields; this one goes on when they are free.")
    if lacking:
        connection.execute(insert(SlotLease), [{"tag": tag, "run": run} for tag in lacking])


def _store(connection: Connection, run: int, plan: MailingPlan, now: datetime) -> None:
    first = connection.scalar(select(func.coalesce(func.max(col(Mailing.number)), 0)).where(col(Mailing.run) == run))
    for number, mailing in enumerate(plan.mailings, start=(first or 0) + 1):
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


def _assign(connection: Connection, run: int, mailing: int, recipients: Mapping[str, Mapping[str, str]]) -> None:
    connection.execute(
        update(Send)
        .where(col(Send.run) == run, col(Send.contact) == bindparam("who"))
        .values(mailing=mailing, slots=bindparam("fields")),
        [{"who": int(contact), "fields": dict(values)} for contact, values in recipients.items()],
    )
