"""Our door to the e-mail provider: the few calls that we need, in our words.

Every call either returns what it says or raises one of the ``GatewayError`` classes; none returns a success
that it did not check. Calls block and may be made from several threads at once: the gateway itself sees to it
that no more connections are open than the settings allow. No call repeats a write whose outcome is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from orchestrator.vocabulary import MailEventKind, MemberStatus, Refusal

BATCH = 500
"""most members in one call"""
SLOT_BYTES = 255
"""most bytes (UTF-8) in one merge value; the provider cuts off what is longer"""


@dataclass(frozen=True, slots=True)
class AudienceInfo:
    """The audience, and how many merge fields it may have."""

    audience_id: str
    name: str
    merge_field_limit: int


@dataclass(frozen=True, slots=True)
class Member:
    """A member as the provider holds it."""

    email: str
    status: MemberStatus
    last_changed: datetime | None = None
    reason: str = ""
    opted_in_at: datetime | None = None
    """when the subscription began, where the provider says so"""


class MemberWrite(NamedTuple):
    """What a member shall have. Fields left out stay as they are; there is no way to write a status here. There are as
    many as contacts: a tuple is made fastest.
    """

    email: str
    merge_fields: Mapping[str, str] = MappingProxyType({})
    language: str | None = None
    tags: tuple[str, ...] = ()
    """tags to add; none is ever removed this way"""


@dataclass(frozen=True, slots=True)
class MemberRefusal:
    """Why one member of a call was refused; the others went through."""

    email: str
    refusal: Refusal
    detail: str


@dataclass(frozen=True, slots=True)
class MembersAnswer:
    """How a batch went, by address in lower case. ``unanswered`` were in none of the answer's lists: read them."""

    done: frozenset[str]
    refused: tuple[MemberRefusal, ...]
    unanswered: frozenset[str]
    tags: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """tags (lower case) that the answer shows on a member, by address: a tag that is not shown is not counted on"""
    changed: Mapping[str, int] = field(default_factory=dict)
    """when that changed subscribed members, by the provider's clock in seconds since 1970, as far as it says so"""


@dataclass(frozen=True, slots=True)
class MergeField:
    """A merge field of the audience."""

    tag: str
    type: str
    required: bool
    default: str = ""
    """printed where a member's value is empty"""


@dataclass(frozen=True, slots=True)
class StaticSegment:
    """A static segment; the same object is shown to people as a tag."""

    id: int
    name: str
    member_count: int


@dataclass(frozen=True, slots=True)
class SegmentAnswer:
    """Addresses in lower case that are certainly in (or out) now, and those refused with the provider's words."""

    added: frozenset[str]
    removed: frozenset[str]
    refused: Mapping[str, str]
    changed: Mapping[str, int] = field(default_factory=dict)
    """as in ``MembersAnswer``"""


@dataclass(frozen=True, slots=True)
class CampaignDraft:
    """One mailing, before it exists at the provider. ``title`` is deterministic: a restart finds it by title."""

    title: str
    subject: str
    preheader: str
    from_name: str
    reply_to: str
    segment_id: int


@dataclass(frozen=True, slots=True)
class RemoteCampaign:
    """A campaign at the provider. ``status``: save, paused, schedule, sending, sent, canceling, canceled, archived."""

    id: str
    title: str
    status: str
    recipient_count: int | None
    """how many the provider would mail; None where it does not say"""
    emails_sent: int
    send_time: datetime | None = None
    segment_id: int | None = None


@dataclass(frozen=True, slots=True)
class Checklist:
    """May it be sent, and if not, the provider's reasons."""

    ready: bool
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Receipt:
    """The provider's word on one recipient of a sent campaign. ``bounce``: None, HARD_BOUNCE or SOFT_BOUNCE."""

    email: str
    bounce: MailEventKind | None = None


@dataclass(frozen=True, slots=True)
class MailEvent:
    """An open, click, bounce, opt-out or complaint; ``url`` for clicks."""

    email: str
    kind: MailEventKind
    at: datetime
    url: str = ""


class EmailGateway(Protocol):
    """The provider. Implemented by ``orchestrator.mailchimp.gateway.MailchimpGateway``."""

    @property
    def calls(self) -> int:
        """HTTP requests made so far, retries included."""
        ...

    # -- the audience
    def audience(self) -> AudienceInfo: ...

    def members(
        self,
        status: MemberStatus,
        changed_since: datetime | None = None,
        *,
        enough: Callable[[int], bool] = lambda _: False,
    ) -> Iterator[Member]:
        """Every member of that status, or those changed at or after the moment; paged to the end.

        Where one page does not hold them all, ``enough`` is asked with their number, after the first page was taken;
        true: the others are known.
        """
        ...

    def member(self, email: str) -> Member | None:
        """One member, or None where the audience has none of that address."""
        ...

    def add_members(self, rows: Sequence[MemberWrite]) -> MembersAnswer:
        """Subscribe up to 500 addresses that the audience does not have. A member that exists is refused
        (``Refusal.EXISTS``) and left as it is: this call cannot change anybody's status."""
        ...

    def update_members(self, rows: Sequence[MemberWrite]) -> MembersAnswer:
        """Write merge fields, language and added tags of up to 500 existing members, never their status."""
        ...

    def unsubscribe_members(self, emails: Sequence[str]) -> MembersAnswer:
        """Set up to 500 existing members to unsubscribed: the ERP reported their opt-out."""
        ...

    def change_address(self, old: str, new: str) -> None:
        """Move a member to a new address. Raises RejectedByProvider (title "Member Exists") where that is taken."""
        ...

    # -- merge fields
    def merge_fields(self) -> list[MergeField]: ...

    def create_merge_field(self, tag: str, name: str) -> MergeField:
        """A text field, not public, not required."""
        ...

    # -- static segments, which people see as tags
    def segments(self) -> list[StaticSegment]:
        """Every static segment of the audience, paged to the end."""
        ...

    def create_segment(self, name: str, emails: Sequence[str] = ()) -> StaticSegment: ...

    def change_segment(self, segment_id: int, add: Sequence[str], remove: Sequence[str]) -> SegmentAnswer:
        """Up to 500 additions and 500 removals. A removal of somebody who is not in it counts as removed."""
        ...

    def segment_members(self, segment_id: int) -> Iterator[str]:
        """Addresses (lower case) of its subscribed members."""
        ...

    def delete_segment(self, segment_id: int) -> None:
        """Gone afterwards; a segment that is already gone is no error."""
        ...

    # -- campaigns
    def campaigns(self, *, created_since: datetime | None = None, status: str | None = None) -> list[RemoteCampaign]:
        """Campaigns of this audience, newest first, paged to the end."""
        ...

    def create_campaign(self, draft: CampaignDraft) -> RemoteCampaign: ...

    def campaign(self, campaign_id: str) -> RemoteCampaign: ...

    def update_campaign(self, campaign_id: str, draft: CampaignDraft) -> RemoteCampaign:
        """Make a draft's settings and recipients equal to ``draft``."""
        ...

    def set_content(self, campaign_id: str, html: str, text: str) -> None: ...

    def checklist(self, campaign_id: str) -> Checklist: ...

    def send(self, campaign_id: str) -> None:
        """Ask once. OutcomeUnknown: read the campaign's status before anything else."""
        ...

    def send_test(self, campaign_id: str, addresses: Sequence[str]) -> None: ...

    def delete_campaign(self, campaign_id: str) -> None:
        """Gone afterwards; a campaign that is already gone is no error."""
        ...

    # -- what came of it
    def receipts(self, campaign_id: str) -> Iterator[Receipt]:
        """Everybody it was sent to: the only proof of who received it."""
        ...

    def mail_events(self, campaign_id: str, since: datetime | None) -> Iterator[MailEvent]:
        """Opens, clicks, bounces and opt-outs of a sent campaign since a moment; repeats are possible."""
        ...
