"""A provider that only pretends: what `plan` and `--dry-run` write to.

Reading goes through to the real provider; every write is answered as it would be if all went well, remembered, and
counted. So a plan is not a second description of the cycle: it is the cycle, on a transaction that is rolled back.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from orchestrator.errors import NotAtProvider
from orchestrator.gateway import (
    AudienceInfo,
    CampaignDraft,
    Checklist,
    MailEvent,
    Member,
    MembersAnswer,
    MemberWrite,
    MergeField,
    Receipt,
    RemoteCampaign,
    SegmentAnswer,
    StaticSegment,
)
from orchestrator.vocabulary import MemberStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from orchestrator.gateway import EmailGateway

PAGE = 1000
"""members in one page of a listing, for the count of calls"""


@dataclass(slots=True)
class _Pretended:
    members: dict[str, MemberStatus] = field(default_factory=dict)
    fields: list[MergeField] = field(default_factory=list)
    segments: dict[int, tuple[str, set[str]]] = field(default_factory=dict)
    changes: dict[int, tuple[set[str], set[str]]] = field(default_factory=dict)
    """what was added to and removed from real segments"""
    campaigns: dict[str, RemoteCampaign] = field(default_factory=dict)


class RehearsalGateway:
    """An EmailGateway over a real one that is only read."""

    def __init__(self, real: EmailGateway) -> None:
        self._real = real
        self._before = real.calls
        self._pretend = _Pretended()
        self._pretended_calls = 0
        self._ids = itertools.count(1)

    @property
    def calls(self) -> int:
        return self._real.calls - self._before + self._pretended_calls

    # -- the audience

    def audience(self) -> AudienceInfo:
        return self._real.audience()

    def members(
        self,
        status: MemberStatus,
        changed_since: datetime | None = None,
        *,
        enough: Callable[[int], bool] = lambda _: False,
    ) -> Iterator[Member]:
        return self._real.members(status, changed_since, enough=enough)

    def member(self, email: str) -> Member | None:
        pretended = self._pretend.members.get(email.lower())
        if pretended is not None:
            self._pretended_calls += 1
            return Member(email, pretended)
        return self._real.member(email)

    def add_members(self, rows: Sequence[MemberWrite]) -> MembersAnswer:
        self._pretend.members |= {row.email.lower(): MemberStatus.SUBSCRIBED for row in rows}
        return self.update_members(rows)

    def update_members(self, rows: Sequence[MemberWrite]) -> MembersAnswer:
        shown = {row.email.lower(): frozenset(tag.lower() for tag in row.tags) for row in rows}
        return self._answer(frozenset(shown), shown)

    def unsubscribe_members(self, emails: Sequence[str]) -> MembersAnswer:
        addresses = frozenset(email.lower() for email in emails)
        self._pretend.members |= dict.fromkeys(addresses, MemberStatus.UNSUBSCRIBED)
        return self._answer(addresses)

    def change_address(self, old: str, new: str) -> None:
        self._pretended_calls += 1
        self._pretend.members |= {new.lower(): MemberStatus.SUBSCRIBED}
        del old

    def _answer(self, done: frozenset[str], tags: dict[str, frozenset[str]] | None = None) -> MembersAnswer:
        self._pretended_calls += 1
        return MembersAnswer(done, (), frozenset(), tags or {})

    # -- merge fields

    def merge_fields(self) -> list[MergeField]:
        return [*self._real.merge_fields(), *self._pretend.fields]

    def create_merge_field(self, tag: str, name: str) -> MergeField:
        del name
        self._pretended_calls += 1
        made = MergeField(tag, "text", required=False)
        self._pretend.fields.append(made)
        return made

    # -- static segments

    def segments(self) -> list[StaticSegment]:
        made = [StaticSegment(key, name, len(there)) for key, (name, there) in self._pretend.segments.items()]
        return [*self._real.segments(), *made]

    def create_segment(self, name: str, emails: Sequence[str] = ()) -> StaticSegment:
        self._pretended_calls += 1
        key = -next(self._ids)
        self._pretend.segments[key] = (name, {email.lower() for email in emails})
        return StaticSegment(key, name, len(emails))

    def change_segment(self, segment_id: int, add: Sequence[str], remove: Sequence[str]) -> SegmentAnswer:
        self._pretended_calls += 1
        added, removed = {email.lower() for email in add}, {email.lower() for email in remove}
        if segment_id in self._pretend.segments:
            there = self._pretend.segments[segment_id][1]
            there |= added
            there -= removed
        else:
            plus, minus = self._pretend.changes.setdefault(segment_id, (set(), set()))
            plus |= added
            minus |= removed
        return SegmentAnswer(frozenset(added), frozenset(removed), {})

    def segment_members(self, segment_id: int) -> Iterator[str]:
        if segment_id in self._pretend.segments:
            there = self._pretend.segments[segment_id][1]
            self._pretended_calls += 1 + len(there) // PAGE
            return iter(sorted(there))
        plus, minus = self._pretend.changes.get(segment_id, (set(), set()))
        return iter(sorted((set(self._real.segment_members(segment_id)) | plus) - minus))

    def delete_segment(self, segment_id: int) -> None:
        self._pretended_calls += 1
        self._pretend.segments.pop(segment_id, None)

    # -- campaigns

    def campaigns(self, *, created_since: datetime | None = None, status: str | None = None) -> list[RemoteCampaign]:
        made = [one for one in self._pretend.campaigns.values() if status in {None, one.status}]
        return [*made, *self._real.campaigns(created_since=created_since, status=status)]

    def create_campaign(self, draft: CampaignDraft) -> RemoteCampaign:
        self._pretended_calls += 1
        count = len(set(self._members_silently(draft.segment_id)))
        made = RemoteCampaign(f"rehearsal-{next(self._ids)}", draft.title, "save", count, 0)
        self._pretend.campaigns[made.id] = replace(made, segment_id=draft.segment_id)
        return made

    def campaign(self, campaign_id: str) -> RemoteCampaign:
        if campaign_id in self._pretend.campaigns:
            self._pretended_calls += 1
            return self._pretend.campaigns[campaign_id]
        return self._real.campaign(campaign_id)

    def update_campaign(self, campaign_id: str, draft: CampaignDraft) -> RemoteCampaign:
        self._pretended_calls += 1
        made = self._pretend.campaigns.get(campaign_id) or self._real.campaign(campaign_id)
        count = len(set(self._members_silently(draft.segment_id)))
        self._pretend.campaigns[campaign_id] = replace(made, recipient_count=count, segment_id=draft.segment_id)
        return self._pretend.campaigns[campaign_id]

    def set_content(self, campaign_id: str, html: str, text: str) -> None:
        del campaign_id, html, text
        self._pretended_calls += 1

    def checklist(self, campaign_id: str) -> Checklist:
        del campaign_id
        self._pretended_calls += 1
        return Checklist(ready=True, errors=())

    def send(self, campaign_id: str) -> None:
        self._pretended_calls += 1
        made = self._pretend.campaigns.get(campaign_id) or self._real.campaign(campaign_id)
        self._pretend.campaigns[campaign_id] = replace(made, status="sent", emails_sent=made.recipient_count or 0)

    def send_test(self, campaign_id: str, addresses: Sequence[str]) -> None:
        del campaign_id, addresses
        self._pretended_calls += 1

    def delete_campaign(self, campaign_id: str) -> None:
        self._pretended_calls += 1
        self._pretend.campaigns.pop(campaign_id, None)

    # -- what came of it

    def receipts(self, campaign_id: str) -> Iterator[Receipt]:
        made = self._pretend.campaigns.get(campaign_id)
        if made is None:
            return self._real.receipts(campaign_id)
        if made.segment_id is None:
            raise NotAtProvider("The rehearsed campaign has no recipients.")
        there = self._members_silently(made.segment_id)
        self._pretended_calls += 1 + len(there) // PAGE
        return iter([Receipt(email) for email in there])

    def mail_events(self, campaign_id: str, since: datetime | None) -> Iterator[MailEvent]:
        if campaign_id in self._pretend.campaigns:
            self._pretended_calls += 1
            return iter(())
        return self._real.mail_events(campaign_id, since)

    def _members_silently(self, segment_id: int) -> list[str]:
        """Members without counting a call: the provider knows them without being asked."""
        if segment_id in self._pretend.segments:
            return sorted(self._pretend.segments[segment_id][1])
        plus, minus = self._pretend.changes.get(segment_id, (set(), set()))
        return sorted((set(self._real.segment_members(segment_id)) | plus) - minus)
