"""A contact that no run considered: why not, in words, and what its data say today."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.campaigns.judge import verdict_on
from orchestrator.clock import from_epoch, to_epoch
from orchestrator.contacts.values import shown
from orchestrator.definitions.schedules import next_after
from orchestrator.definitions.values import Cron
from orchestrator.explanation.answer import Answer, Grounds, local
from orchestrator.segments.clauses import explain_condition
from orchestrator.segments.compile import compile_with_data
from orchestrator.segments.members import exact_values
from orchestrator.segments.standing import standing
from orchestrator.store import history as store
from orchestrator.store.seen import first_seen
from orchestrator.vocabulary import Decision, TriggerKind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from sqlalchemy.engine import Connection

    from orchestrator.definitions.values import CampaignDefinition, Workspace
    from orchestrator.segments.standing import Standing, Stay


def never(connection: Connection, workspace: Workspace, campaign: str, contact: int, *, now: datetime) -> Answer:
    """What kept the contact out of every run made until ``now``, and what a run would say now."""
    zone = workspace.settings.timezone
    definition = workspace.campaigns.get(campaign)
    count, latest = store.runs_of(connection, campaign, until=to_epoch(now))
    segment = (
        definition.segment if definition is not None else latest["definition"].get("segment", "") if latest else ""
    )
    found = standing(connection, segment, contact)
    reasons = [_runs(campaign, count, latest, zone)]
    if latest is not None and found is not None:
        reasons += _then(latest, segment, found, zone)
    reasons += _today(segment, found, zone)
    decision = None
    if definition is None:
        reasons.append(f"campaigns/{campaign}.toml is gone or has an error, so nothing more will come.")
    else:
        if found is not None and found.member:
            reasons += _trigger(connection, definition, found, zone, now)
        verdict = verdict_on(connection, workspace.settings, definition, contact, now=now)
        if verdict.decision not in {Decision.PLANNED, Decision.DEFERRED}:
            decision = verdict.decision.value
        if verdict.reason and verdict.decision is not Decision.LEFT_SEGMENT:
            reasons.append(f"A run now would say {verdict.decision.value}: {verdict.reason}")
    grounds = _grounds(connection, workspace, segment, definition.exclude if definition else (), contact, now)
    return Answer(decision, tuple(reasons), now, considered=False, grounds=grounds)


def _runs(campaign: str, count: int, latest: dict[str, Any] | None, zone: ZoneInfo) -> str:
    if latest is None:
        return f'There was no run of "{campaign}" yet.'
    which = "The only run" if count == 1 else f"None of the {count:,} runs"
    found = "did not consider" if count == 1 else "considered"
    reason = f": {latest['reason']}" if latest["reason"] else "."
    latest_one = "it was" if count == 1 else "the latest was"
    return (
        f'{which} of "{campaign}" {found} this contact; {latest_one} {latest["name"]}, '
        f"{local(latest['scheduled_for'], zone)} ({latest['state']}){reason}"
    )


def _then(latest: dict[str, Any], segment: str, found: Standing, zone: ZoneInfo) -> list[str]:
    """Whether it was a member when the latest run was made."""
    at = latest["created_at"]
    if at < found.baseline_at or any(_covers(stay, at) for stay in found.stays):
        return []
    return [f'It was not in "{segment}" when that run was made ({local(at, zone)}).']


def _covers(stay: Stay, moment: int) -> bool:
    return (stay.entered is None or stay.entered <= moment) and (stay.left is None or moment < stay.left)


def _today(segment: str, found: Standing | None, zone: ZoneInfo) -> list[str]:
    if found is None:
        return [f'Segment "{segment}" was never computed: campaigns segments'] if segment else []
    at = local(found.computed_at, zone)
    held = [f"The segment is held back: {found.held}."] if found.held else []
    if found.member:
        return [f'In "{segment}" {_since(found.stays[-1], zone)} (last recompute {at}).', *held]
    stays = [f"It was in it {_since(stay, zone)} until {local(stay.left or 0, zone)}." for stay in found.stays[-1:]]
    return [f'Not in "{segment}" by the last recompute ({at}).', *stays, *held]


def _since(stay: Stay, zone: ZoneInfo) -> str:
    return "from its first computation" if stay.entered is None else f"since {local(stay.entered, zone)}"


def _trigger(
    connection: Connection, campaign: CampaignDefinition, found: Standing, zone: ZoneInfo, now: datetime
) -> Iterator[str]:
    """What the trigger says about a member that no run considered."""
    seen = first_seen(connection).get(campaign.name)
    trigger = campaign.trigger
    if trigger.on is TriggerKind.MANUAL:
        yield f"It goes out by hand: campaigns send {campaign.name}"
        return
    if not campaign.active:
        yield f"It is switched off, active = false; by hand: campaigns send {campaign.name}"
        return
    if seen is None:
        yield "No cycle has seen the campaign yet: it counts from the first one, campaigns daemon --once"
    if trigger.on is TriggerKind.SCHEDULE:
        due = next_after(Cron(trigger.cron), now, zone)
        yield f"Its next time is {local(due, zone)}." if due is not None else "Its time never comes."
        return
    entered = found.stays[-1].entered
    if entered is None and not trigger.existing:
        yield (
            f"It was there when the segment was first computed ({local(found.baseline_at, zone)}), so it has not "
            "entered; existing = true in [trigger] counts such members."
        )
        return
    if entered is not None and seen is not None and entered < seen and not trigger.existing:
        yield f"It entered before the campaign was first seen ({local(seen, zone)}); what was before does not count."
        return
    due_at = from_epoch(found.baseline_at if entered is None else entered) + trigger.after
    yield f"It is due {'since' if due_at <= now else 'at'} {local(due_at, zone)}, if it is still in then."


def _grounds(
    connection: Connection,
    workspace: Workspace,
    segment: str,
    exclude: tuple[str, ...],
    contact: int,
    now: datetime,
) -> Grounds | None:
    """The segment's clauses and those of the excluded ones that hold, over today's data."""
    compiled = compile_with_data(connection, workspace.segments).segments
    if segment not in compiled:
        return None
    wanted = [compiled[name] for name in (segment, *exclude) if name in compiled]
    fields = tuple(dict.fromkeys(field for one in wanted for field in one.fields))
    rows = exact_values(connection, workspace.settings, fields, now=now, contacts=[contact])
    values = next((row for _, row in rows), None)
    if values is None:
        return None  # created later than now
    return Grounds(
        now,
        segment,
        {field.name: shown(values[field.measure], field.type) for field in fields},
        {field.name: field.source for field in fields},
        {one.name: explain_condition(one.condition, values) for one in wanted},
    )
