"""What an account holds: audiences, campaigns, what they say, and every mail they delivered."""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from orchestrator.sandbox.audience import Audience, Json


@dataclass(slots=True)
class Letter:
    """What a campaign says, frozen when it goes out; ``*|TAGS|*`` are not filled in yet."""

    title: str
    subject: str
    preview_text: str
    from_name: str
    reply_to: str
    to_name: str
    html: str
    text: str
    audience: str
    contact: Json
    defaults: dict[str, str]
    """a merge field's default, for members with an empty value"""
    tags: list[str]
    """of all merge fields; any other ``*|TAG|*`` is unknown and stays"""


@dataclass(slots=True)
class Campaign:
    """``status``: save, schedule, sending, sent, canceled. ``recipients``: member ids, only while it is sending."""

    id: str
    web_id: int
    type: str
    created_at: str
    audience_id: str
    settings: Json
    tracking: Json
    segment_opts: Json | None = None
    status: str = "save"
    html: str = ""
    plain_text: str = ""
    schedule_time: str = ""
    started_at: str = ""
    send_time: str = ""
    recipients: list[str] = field(default_factory=list)
    deliveries: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Delivery:
    """One mail in one inbox. ``status``: sent, hard, soft. ``letter`` is a key; test mails belong to no report."""

    id: int
    campaign_id: str
    audience_id: str
    contact_id: str
    member_id: str
    email: str
    sent_at: str
    letter: str
    merge_fields: Json
    test: bool = False
    status: str = "sent"
    opens: tuple[str, ...] = ()
    clicks: tuple[tuple[str, str], ...] = ()
    """(address, time)"""
    unsubscribed_at: str = ""
    unsubscribe_reason: str = ""
    spam_at: str = ""


@dataclass(slots=True)
class Folder:
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class News:
    """Something a webhook may want to know. ``source``: user (the person), admin (the web app) or api."""

    audience_id: str
    kind: str
    source: str
    fired_at: datetime
    data: Json


@dataclass(slots=True)
class Account:
    """Everything. ``moving`` are the campaigns that time alone may change; ``news`` is not yet handed to webhooks."""

    created_at: str
    audiences: dict[str, Audience] = field(default_factory=dict)
    campaigns: dict[str, Campaign] = field(default_factory=dict)
    folders: dict[str, Folder] = field(default_factory=dict)
    letters: dict[str, Letter] = field(default_factory=dict)
    """by campaign id, or a test's own key; they outlive their campaigns, as mails in inboxes do"""
    deliveries: list[Delivery] = field(default_factory=list)
    """the delivery with id n stands at n - 1"""
    refusals: dict[str, str] = field(default_factory=dict)
    last_id: int = 1000
    moving: set[str] = field(default_factory=set)
    news: deque[News] = field(default_factory=deque)

    def next_number(self) -> int:
        self.last_id += 1
        return self.last_id

    def next_id(self, length: int = 10) -> str:
        """A hexadecimal id, the same in every run for the same sequence of calls."""
        number = self.next_number()
        return hashlib.sha1(b"sandbox %d" % number, usedforsecurity=False).hexdigest()[:length]

    def delivery(self, number: int) -> Delivery | None:
        return self.deliveries[number - 1] if 0 < number <= len(self.deliveries) else None
