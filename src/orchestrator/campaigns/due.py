"""Which campaigns have an occurrence now, and whom it concerns. Reads only.

The scheduler is a metronome: what is due is asked of the database at each cycle. A time missed while nobody was
looking is therefore found at the next look, and an occurrence that became a run is never found again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from orchestrator.clock import from_epoch, to_epoch
from orchestrator.definitions.schedules import latest_at_or_before
from orchestrator.definitions.values import Cron
from orchestrator.store import candidates, runs as store
from orchestrator.store.seen import first_seen
from orchestrator.vocabulary import TriggerKind

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from sqlalchemy.engine import Connection

    from orchestrator.definitions.values import CampaignDefinition
    from orchestrator.store.candidates import Candidates
    from orchestrator.store.tables import Segment


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One occurrence of a campaign, and whom it concerns."""

    campaign: CampaignDefinition
    scheduled_for: datetime
    candidates: Candidates
    missed: bool = False
    """too late by ``missed_after``: recorded, and nothing is sent"""


def due(
    connection: Connection, campaigns: Iterable[CampaignDefinition], *, now: datetime, timezone: ZoneInfo
) -> list[Occurrence]:
    """What active campaigns owe at ``now``, higher priority first: who wins the last mail that a cap allows."""
    found = []
    seen = first_seen(connection)
    for campaign in sorted(campaigns, key=lambda campaign: (-campaign.priority, campaign.name)):
        if not campaign.active or campaign.trigger.on == TriggerKind.MANUAL:
            continue
        segment = store.segment_row(connection, campaign.segment)
        if segment is None:
            continue
        since = seen.get(campaign.name, to_epoch(now))
        if campaign.trigger.on == TriggerKind.ENTER:
            occurrence = _entered(connection, campaign, segment, since, now)
        else:
            occurrence = _scheduled(connection, campaign, segment, since, now, timezone)
        if occurrence is not None:
            found.append(occurrence)
    return found


def by_hand(connection: Connection, campaign: CampaignDefinition, *, now: datetime) -> Occurrence:
    """`campaigns send`: every present member of the segment, now.

    Of a campaign for those who enter, it answers the entries that wait: nobody gets it again for the same entry.
    """
    segment = store.segment_row(connection, campaign.segment)
    if segment is None:
        return Occurrence(campaign, now, candidates.NOBODY)
    everybody = candidates.members(segment)
    if campaign.trigger.on == TriggerKind.ENTER:
        entries = candidates.due_entries(campaign.name, segment, since=0, until=to_epoch(now), existing=True)
        everybody = candidates.with_entries(everybody, entries)
    return Occurrence(campaign, now, everybody)


def _entered(
    connection: Connection, campaign: CampaignDefinition, segment: Segment, since: int, now: datetime
) -> Occurrence | None:
    trigger = campaign.trigger
    entries = candidates.due_entries(
        campaign.name,
        segment,
        since=0 if trigger.existing else since,
        until=to_epoch(now - trigger.after),
        existing=trigger.existing,
    )
    if not entries.any(connection):
        return None
    return Occurrence(campaign, _free_moment(connection, campaign, now), entries)


def _free_moment(connection: Connection, campaign: CampaignDefinition, now: datetime) -> datetime:
    """``now``, or the next second that has no run of the campaign yet: entries found later are a run of their own."""
    moment = now
    while store.occurrence_exists(connection, campaign.name, to_epoch(moment)):
        moment += timedelta(seconds=1)
    return moment


def _scheduled(
    connection: Connection,
    campaign: CampaignDefinition,
    segment: Segment,
    since: int,
    now: datetime,
    timezone: ZoneInfo,
) -> Occurrence | None:
    moment = latest_at_or_before(Cron(campaign.trigger.cron), now, timezone)
    if moment is None or moment < from_epoch(since):
        return None
    if store.occurrence_exists(connection, campaign.name, to_epoch(moment)):
        return None
    if now - moment > campaign.trigger.missed_after:
        return Occurrence(campaign, moment, candidates.NOBODY, missed=True)
    return Occurrence(campaign, moment, candidates.members(segment))
