"""What may happen to a member: by the API, by a person in the web app, by the recipient.

The API may not subscribe somebody who left (compliance state), touch a cleaned address, or bring back an erased one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.sandbox import problems
from orchestrator.sandbox.addresses import check_address, subscriber_hash
from orchestrator.sandbox.audience import Audience, Json, Member, Segment, stamp
from orchestrator.sandbox.state import Account, News
from orchestrator.sandbox.values import merged

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

STATUSES = ("subscribed", "unsubscribed", "cleaned", "pending", "transactional")
BY_ADMIN = "N/A (Unsubscribed by an admin)"


@dataclass(frozen=True, slots=True)
class Change:
    """What a call asks of a member; None leaves things as they are."""

    status: str | None = None
    merge_fields: Json | None = None
    language: str | None = None
    email_type: str | None = None
    vip: bool | None = None
    skip_validation: bool = False


@dataclass(frozen=True, slots=True)
class Desk:
    """Where and when a change is made. ``source``: user (the person), admin (the web app) or api."""

    account: Account
    audience: Audience
    now: datetime
    source: str = "api"

    @property
    def at(self) -> str:
        return stamp(self.now)

    def tell(self, kind: str, member: Member, **more: object) -> None:
        """For the webhooks."""
        data = {"id": member.unique_email_id, "list_id": self.audience.id, "email": member.email} | more
        self.account.news.append(News(self.audience.id, kind, self.source, self.now, data))


def add(desk: Desk, email: str, status: str, change: Change) -> Member:
    """A member that the audience does not have. Raises ``Problem`` for addresses that cannot be added."""
    check_address(email, desk.account.refusals)
    member_id = subscriber_hash(email)
    if member_id in desk.audience.forgotten:
        raise problems.forgotten(email)
    values = merged(desk.audience, {}, change.merge_fields or {}, skip_validation=change.skip_validation)
    member = Member(
        id=member_id,
        contact_id=desk.account.next_id(32),
        web_id=desk.account.next_number(),
        email=email,
        status=status,
        created_at=desk.at,
        last_changed=desk.at,
        merge_fields=values,
        opted_in_at=desk.at if status == "subscribed" else "",
        source="API - Generic" if desk.source == "api" else "Admin Add",
    )
    if status == "unsubscribed":
        member.unsubscribed_at, member.unsubscribe_reason = desk.at, BY_ADMIN
    _describe(member, change)
    desk.audience.put(member)
    if status == "subscribed":
        desk.tell("subscribe", member)
    return member


def update(desk: Desk, member: Member, change: Change) -> None:
    """A member that is there. Raises ``Problem``, and then nothing has changed."""
    if member.status == "cleaned":
        raise problems.compliance(member.email)
    before = _fingerprint(member)
    values = member.merge_fields
    if change.merge_fields is not None:
        values = merged(desk.audience, values, change.merge_fields, skip_validation=change.skip_validation)
    _allow(member, change.status)
    member.merge_fields = values
    _describe(member, change)
    if change.status is not None and change.status != member.status:
        set_status(desk, member, change.status)
    elif _fingerprint(member) != before:
        desk.tell("profile", member)
    if _fingerprint(member) != before:
        member.last_changed = desk.at


def set_status(desk: Desk, member: Member, status: str, reason: str = BY_ADMIN) -> None:
    """Without any check: the caller has allowed it."""
    desk.audience.set_status(member, status)
    member.last_changed = desk.at
    if status == "unsubscribed":
        member.unsubscribed_at, member.unsubscribe_reason = desk.at, reason
        desk.tell("unsubscribe", member, action="unsub", reason="manual")
    elif status == "cleaned":
        desk.tell("cleaned", member, reason="hard")
    elif status == "subscribed":
        member.opted_in_at, member.unsubscribed_at, member.unsubscribe_reason = desk.at, "", ""
        desk.tell("subscribe", member)


def leave(desk: Desk, member: Member, reason: str, *, abuse: bool = False) -> None:
    """The person unsubscribes (or complains): from now on in a compliance state."""
    member.opted_out = True
    if member.status in {"subscribed", "pending", "transactional"}:
        desk.audience.set_status(member, "unsubscribed")
        member.last_changed = member.unsubscribed_at = desk.at
        member.unsubscribe_reason = reason
        desk.tell("unsubscribe", member, action="unsub", reason="abuse" if abuse else "manual")


def rejoin(desk: Desk, member: Member) -> None:
    """The person subscribes again (a form, or the link of the confirmation mail)."""
    member.opted_out = False
    set_status(desk, member, "subscribed")


def check_new_address(desk: Desk, member: Member, email: str) -> None:
    """Raise ``Problem`` where the member cannot move to that address."""
    other = desk.audience.members.get(subscriber_hash(email))
    if other is member:
        return
    if other:
        raise problems.address_taken(email, other.status)
    check_address(email, desk.account.refusals)
    if subscriber_hash(email) in desk.audience.forgotten:
        raise problems.forgotten(email)


def change_address(desk: Desk, member: Member, email: str) -> None:
    """Same contact, new address and id. A difference of letter case only is no new id."""
    if subscriber_hash(email) == member.id:
        member.email = email
        return
    old = member.email
    desk.audience.readdress(member, email)
    member.last_changed = desk.at
    desk.tell("upemail", member, new_id=member.unique_email_id, new_email=email, old_email=old)


def archive(desk: Desk, member: Member) -> None:
    if member.status in {"cleaned", "pending", "archived"}:
        raise problems.not_removable()
    member.opted_out = member.opted_out or (member.status == "unsubscribed" and member.unsubscribe_reason != BY_ADMIN)
    desk.audience.set_status(member, "archived")
    member.last_changed = desk.at
    desk.tell("unsubscribe", member, action="delete", reason="manual")


def erase(desk: Desk, member: Member) -> None:
    """Personal data goes; the address can never be imported again."""
    desk.audience.forgotten.add(member.id)
    desk.audience.drop(member)


def tag(desk: Desk, member: Member, names: Iterable[str]) -> None:
    """Give tags by name; those that do not exist are created."""
    for name in names:
        segment = desk.audience.static_segment(name) or new_segment(desk, name)
        if desk.audience.tag(segment, member, desk.at):
            member.last_changed = desk.at


def untag(desk: Desk, member: Member, segment: Segment) -> None:
    if desk.audience.untag(segment, member):
        segment.updated_at = member.last_changed = desk.at


def new_segment(desk: Desk, name: str, kind: str = "static", options: Json | None = None) -> Segment:
    number = desk.account.next_number()
    segment = Segment(number, name, kind, created_at=desk.at, updated_at=desk.at, options=options)
    desk.audience.segments[number] = segment
    return segment


def _allow(member: Member, status: str | None) -> None:
    if status in {"subscribed", "transactional"} and member.opted_out and status != member.status:
        raise problems.compliance(member.email)


def _describe(member: Member, change: Change) -> None:
    if change.language is not None:
        member.language = change.language
    if change.email_type is not None:
        member.email_type = change.email_type
    if change.vip is not None:
        member.vip = change.vip


def _fingerprint(member: Member) -> tuple[object, ...]:
    return (member.email, member.status, member.merge_fields, member.language, member.email_type, member.vip)
