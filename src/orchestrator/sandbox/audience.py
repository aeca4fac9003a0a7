"""An audience: its members, segments, merge fields and webhooks.

Times are texts such as ``2026-03-01T09:00:00+00:00``: UTC, whole seconds, sortable. ``Audience`` keeps three things
in step: a member's status and the set of those subscribed, a member's address and its key, a static segment's
members and each member's tags (a static segment and a tag are one object).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from orchestrator.sandbox.addresses import subscriber_hash

Json = dict[str, Any]


def stamp(moment: datetime) -> str:
    """A moment as it is stored and answered."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")


@dataclass(slots=True)
class Member:
    """A contact of one audience. ``opted_out``: the person left; no API call may subscribe them again."""

    id: str
    contact_id: str
    web_id: int
    email: str
    status: str
    created_at: str
    last_changed: str
    merge_fields: Json = field(default_factory=dict)
    """by tag, as accepted; replaced as a whole, never changed in place, because deliveries keep it"""
    opted_out: bool = False
    opted_in_at: str = ""
    unsubscribed_at: str = ""
    unsubscribe_reason: str = ""
    language: str = ""
    email_type: str = "html"
    vip: bool = False
    source: str = "API - Generic"
    tags: set[int] = field(default_factory=set)

    @property
    def unique_email_id(self) -> str:
        """One per address over all audiences (``mc_eid``)."""
        return hashlib.sha1(self.email.lower().encode(), usedforsecurity=False).hexdigest()[:10]


@dataclass(slots=True)
class Segment:
    """``static`` (a tag; ``members``: member id -> added at) or ``saved`` (``options``: match and conditions)."""

    id: int
    name: str
    type: str
    created_at: str
    updated_at: str
    members: dict[str, str] = field(default_factory=dict)
    options: Json | None = None


@dataclass(slots=True)
class MergeField:
    """A column of the audience, filled into mails as ``*|TAG|*``."""

    merge_id: int
    tag: str
    name: str
    type: str = "text"
    required: bool = False
    default_value: str = ""
    public: bool = False
    display_order: int = 0
    options: Json = field(default_factory=dict)
    help_text: str = ""


@dataclass(slots=True)
class Webhook:
    id: str
    url: str
    events: dict[str, bool]
    sources: dict[str, bool]
    secret: str = ""


@dataclass(slots=True)
class Audience:
    id: str
    web_id: int
    name: str
    created_at: str
    contact: Json = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    segments: dict[int, Segment] = field(default_factory=dict)
    merge_fields: dict[int, MergeField] = field(default_factory=dict)
    webhooks: dict[str, Webhook] = field(default_factory=dict)
    forgotten: set[str] = field(default_factory=set)
    """member ids erased for ever"""
    last_sent: str = ""
    subscribed: set[str] = field(default_factory=set)

    def member(self, key: str) -> Member | None:
        """By id (MD5), plain address or contact id, as Mailchimp's paths allow."""
        return self.members.get(key.lower()) or self.members.get(subscriber_hash(key)) or self.contact_member(key)

    def contact_member(self, contact_id: str) -> Member | None:
        return next((m for m in self.members.values() if m.contact_id == contact_id), None)

    def put(self, member: Member) -> None:
        self.members[member.id] = member
        self.set_status(member, member.status)

    def set_status(self, member: Member, status: str) -> None:
        member.status = status
        (self.subscribed.add if status == "subscribed" else self.subscribed.discard)(member.id)

    def drop(self, member: Member) -> None:
        for segment_id in list(member.tags):
            self.untag(self.segments[segment_id], member)
        self.subscribed.discard(member.id)
        del self.members[member.id]

    def readdress(self, member: Member, email: str) -> None:
        """A new address is a new id for the same contact, in the same segments."""
        old, member.email, member.id = member.id, email, subscriber_hash(email)
        del self.members[old]
        self.subscribed.discard(old)
        for segment_id in member.tags:
            among = self.segments[segment_id].members
            among[member.id] = among.pop(old)
        self.put(member)

    def tag(self, segment: Segment, member: Member, now: str) -> bool:
        """False where the member had it."""
        if member.id in segment.members:
            return False
        segment.members[member.id] = segment.updated_at = now
        member.tags.add(segment.id)
        return True

    def untag(self, segment: Segment, member: Member) -> bool:
        """False where the member did not have it."""
        member.tags.discard(segment.id)
        return segment.members.pop(member.id, None) is not None

    def static_segment(self, name: str) -> Segment | None:
        """By name, whatever its letter case."""
        wanted = name.lower()
        return next((s for s in self.segments.values() if s.type == "static" and s.name.lower() == wanted), None)
