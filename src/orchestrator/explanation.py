"""Why a contact did, or did not, get a campaign: from what its latest run stored, else from what holds now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.campaigns.judge import verdicts
from orchestrator.clock import from_epoch
from orchestrator.store import runs as store
from orchestrator.vocabulary import Decision, MailEventKind, TriggerKind

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from orchestrator.definitions.values import CampaignDefinition, Settings
    from orchestrator.store.forgotten import Erased

NOT_YET = "not_yet"
"""nothing speaks against it; no run has asked"""


@dataclass(frozen=True, slots=True)
class Answer:
    """A decision with its reasons, as of ``at``."""

    decision: str
    reasons: tuple[str, ...]
    at: datetime
    run: str | None = None


def why(
    connection: Connection, settings: Settings, campaign: CampaignDefinition, contact: int, *, now: datetime
) -> Answer:
    """The newest run's decision about the contact; without one, what a run would decide now."""
    stored = store.latest_send(connection, campaign.name, contact)
    if stored is None:
        return _hypothetical(connection, settings, campaign, contact, now)

    def local(seconds: int) -> str:
        return f"{from_epoch(seconds).astimezone(settings.timezone):%Y-%m-%d %H:%M}"

    reasons = [stored["reason"]] if stored["reason"] else []
    if stored["entered_at"] is not None:
        reasons.append(f'Entered "{campaign.segment}" at {local(stored["entered_at"])}.')
    if stored["decision"] == Decision.SENT:
        reasons.append(f"Sent at {local(stored['sent_at'])} as Mailchimp campaign {stored['mailchimp_id']}.")
    if stored["bounce"] == MailEventKind.HARD_BOUNCE:
        reasons.append("It bounced: the address does not exist.")
    elif stored["bounce"] == MailEventKind.SOFT_BOUNCE:
        reasons.append("It bounced for the time being.")
    reasons.append(f"Run {stored['run']} ({stored['state']}), decided at {local(stored['decided_at'])}.")
    at = stored["sent_at"] if stored["decision"] == Decision.SENT else stored["decided_at"]
    return Answer(stored["decision"], tuple(reasons), from_epoch(at), stored["run"])


def why_forgotten(erased: Erased, settings: Settings) -> Answer:
    """Of somebody who was forgotten we know only that."""
    moment = from_epoch(erased.at)
    day = f"{moment.astimezone(settings.timezone):%Y-%m-%d}"
    return Answer(
        Decision.SUPPRESSED.value,
        (f"Forgotten on {day}: nothing of the person is held; a hash of the address keeps it out of every import.",),
        moment,
    )


def _hypothetical(
    connection: Connection, settings: Settings, campaign: CampaignDefinition, contact: int, now: datetime
) -> Answer:
    none = f'No run of "{campaign.name}" has asked about this contact.'
    _, verdict = next(verdicts(connection, settings, campaign, {contact: None}, now=now))
    if verdict.decision not in {Decision.PLANNED, Decision.DEFERRED}:
        return Answer(verdict.decision.value, (verdict.reason, none), now)
    match campaign.trigger.on:
        case TriggerKind.ENTER:
            hint = f'Only a contact that enters "{campaign.segment}" while the campaign is watched gets it.'
        case TriggerKind.SCHEDULE:
            hint = f"It is due by its schedule, {campaign.trigger.cron}."
        case TriggerKind.MANUAL:
            hint = f"It goes out by hand: campaigns send {campaign.name}"
    return Answer(NOT_YET, (none, hint, *([verdict.reason] if verdict.reason else [])), now)
