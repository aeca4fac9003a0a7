"""A due occurrence becomes a run: its row and one decision per contact, stored in one transaction.

Nothing exists at the provider yet. The unique pair (campaign, scheduled_for) lets an occurrence become a run once,
the unique triple (campaign, contact, entered_at) lets an entry be answered once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, text

from orchestrator.campaigns.evidence import conditions_of, keep_conditions, with_facts
from orchestrator.campaigns.judge import counts, decide, drop
from orchestrator.campaigns.run import run_name
from orchestrator.clock import from_epoch, real_seconds, to_epoch
from orchestrator.store import runs as store
from orchestrator.store.tables import Run
from orchestrator.vocabulary import Decision, RunState

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from orchestrator.campaigns.due import Occurrence
    from orchestrator.definitions.values import Settings, Workspace
    from orchestrator.store.database import Database

TO_DO = {Decision.PLANNED, Decision.DEFERRED}


def start(database: Database, workspace: Workspace, occurrence: Occurrence, *, now: datetime) -> Run:
    """Store the run with its decisions and what they rest on."""
    settings = workspace.settings
    with database.write() as connection:
        run = _insert_run(connection, occurrence, now)
        decisions = _insert_sends(connection, workspace, occurrence, run, now)
        state, reason = _first_state(settings, occurrence, decisions)
        finished = state in {RunState.NOTHING_TO_SEND, RunState.CANCELLED}
        store.set_run(
            connection, run, state=state.value, reason=reason, finished_at=to_epoch(now) if finished else None
        )
    return run


def needs_approval(settings: Settings, recipients: int) -> bool:
    """A run of that many recipients waits for a person."""
    return recipients > settings.guards.approve_above


def _first_state(settings: Settings, occurrence: Occurrence, decisions: dict[Decision, int]) -> tuple[RunState, str]:
    if occurrence.missed:
        hours = occurrence.campaign.trigger.missed_after.total_seconds() / 3600
        moment = occurrence.scheduled_for.astimezone(settings.timezone)
        return RunState.CANCELLED, (
            f"Missed: it was due at {moment:%Y-%m-%d %H:%M}, more than {hours:g} hours before anybody looked."
        )
    recipients = sum(decisions.get(decision, 0) for decision in TO_DO)
    if not recipients:
        return RunState.NOTHING_TO_SEND, ""
    if needs_approval(settings, recipients):
        limit = settings.guards.approve_above
        return RunState.WAITING_APPROVAL, f"{recipients:,} recipients; above {limit:,} a person approves."
    return RunState.PLANNED, ""


def _insert_run(connection: Connection, occurrence: Occurrence, now: datetime) -> Run:
    campaign = occurrence.campaign
    scheduled_for = to_epoch(occurrence.scheduled_for)
    values: dict[str, Any] = {
        "name": run_name(campaign.name, from_epoch(scheduled_for)),
        "campaign": campaign.name,
        "trigger": campaign.trigger.on.value,
        "scheduled_for": scheduled_for,
        "created_at": to_epoch(now),
        "started_at": real_seconds(),
        "decided_at": to_epoch(now),
        "state": RunState.PLANNED.value,
        "reason": "",
        "definition": {
            "segment": campaign.segment,
            "template": campaign.template,
            "subject": campaign.subject,
            "campaign_fingerprint": campaign.fingerprint,
        },
    }
    identity = connection.execute(insert(Run).values(**values)).inserted_primary_key
    assert identity is not None
    return store.get_run(connection, identity[0])


def _insert_sends(
    connection: Connection, workspace: Workspace, occurrence: Occurrence, run: Run, now: datetime
) -> dict[Decision, int]:
    assert run.id is not None
    settings, campaign = workspace.settings, occurrence.campaign
    conditions = conditions_of(connection, settings, workspace.segments, campaign, now=now)
    keep_conditions(connection, run, conditions)
    decide(connection, settings, campaign, occurrence.candidates, now=now, run=run.id)
    with with_facts(connection, settings, campaign, conditions, now=now) as decided:
        connection.execute(
            text(
                "INSERT INTO send (run, contact, campaign, entered_at, decision, reason, decided_at, email_key,"
                " not_before, facts, slots)"
                " SELECT :of_run, d.contact, :of_campaign, d.entered_at, d.decision, d.reason, :decided_at,"
                f" d.email_key, d.not_before, d.facts, '{{}}' FROM ({decided.sql}) d ORDER BY d.contact"
            ),
            {**decided.parameters, "of_run": run.id, "of_campaign": run.campaign, "decided_at": to_epoch(now)},
        )
    decisions = counts(connection)
    drop(connection)
    return decisions
