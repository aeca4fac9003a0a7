"""The answer as a value, and the words for moments in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orchestrator.clock import from_epoch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from orchestrator.contacts.values import Shown
    from orchestrator.segments.clauses import Explanation


@dataclass(frozen=True, slots=True)
class Grounds:
    """The conditions that decide, with their values."""

    at: datetime
    segment: str
    values: Mapping[str, Shown]
    sources: Mapping[str, str]
    """field -> table.column"""
    explained: Mapping[str, Explanation]
    """segment -> its clauses: the campaign's own, and those that it excludes"""


@dataclass(frozen=True, slots=True)
class Answer:
    """A decision with its reasons, as of ``at``."""

    decision: str | None
    """of the latest run that considered the contact; without one what a run would withhold it for now, or None"""
    reasons: tuple[str, ...]
    at: datetime
    considered: bool | None
    """False: no run has decided about the contact; None: that is not known any more"""
    grounds: Grounds | None = None
    """those of the decision; where none was taken, those of today"""
    send: Mapping[str, Any] = field(default_factory=dict)
    """of the decision: run, state, scheduled_for, decided_at, sent_at, mailchimp_id, subject, email_key …"""
    texts: Mapping[str, str] = field(default_factory=dict)
    """file -> fingerprint of what was used"""
    caused_by: tuple[Mapping[str, Any], ...] = ()
    """the earlier mails that a cap or again_after counts: campaign, run, decision, at"""
    events: tuple[Mapping[str, Any], ...] = ()
    """what the contact did with the mail: kind, at, url"""
    history: tuple[Mapping[str, Any], ...] = ()
    """each run's decision, newest first"""


def local(moment: int | datetime, zone: ZoneInfo) -> str:
    """A moment in business time."""
    found = from_epoch(moment) if isinstance(moment, int) else moment
    return f"{found.astimezone(zone):%Y-%m-%d %H:%M}"
