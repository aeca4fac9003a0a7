"""What happens outside the API: recipients read, click and leave; people add things in the web app.

Each function changes the account as the real event would, and leaves news for the webhooks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.sandbox import people
from orchestrator.sandbox.addresses import REFUSALS
from orchestrator.sandbox.audience import stamp
from orchestrator.sandbox.people import Change, Desk

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from orchestrator.sandbox.audience import Audience, Json, Member, Segment
    from orchestrator.sandbox.state import Account, Delivery

BY_PERSON = "NORMAL (Didn't give a reason)"


def open_mail(mail: Delivery, now: datetime) -> None:
    mail.opens = (*mail.opens, stamp(now))


def click(mail: Delivery, url: str, now: datetime) -> None:
    mail.clicks = (*mail.clicks, (url, stamp(now)))


def unsubscribe(account: Account, mail: Delivery, now: datetime, reason: str = "") -> None:
    """By the link in the mail. A test mail has no member behind it."""
    mail.unsubscribed_at, mail.unsubscribe_reason = stamp(now), reason or BY_PERSON
    member = _member(account, mail)
    if member:
        people.leave(_desk(account, mail.audience_id, now), member, reason or BY_PERSON)


def complain(account: Account, mail: Delivery, now: datetime) -> None:
    """Marked as spam: an abuse report, and the person is unsubscribed."""
    mail.spam_at = stamp(now)
    member = _member(account, mail)
    if member:
        people.leave(_desk(account, mail.audience_id, now), member, "Abuse complaint", abuse=True)


def bounce(account: Account, mail: Delivery, now: datetime, *, hard: bool = True) -> None:
    """The mail could not be delivered. A hard bounce cleans the member."""
    mail.status = "hard" if hard else "soft"
    member = _member(account, mail)
    if hard and member:
        clean(account, account.audiences[mail.audience_id], member, now)


def clean(account: Account, audience: Audience, member: Member, now: datetime) -> None:
    people.set_status(Desk(account, audience, now, "admin"), member, "cleaned")


def leave(account: Account, audience: Audience, member: Member, now: datetime, reason: str = "") -> None:
    """The person unsubscribes without a mail: on a form, by a letter."""
    people.leave(Desk(account, audience, now, "user"), member, reason or BY_PERSON)


def rejoin(account: Account, audience: Audience, member: Member, now: datetime) -> None:
    """The person subscribes again by a form."""
    people.rejoin(Desk(account, audience, now, "user"), member)


def archive(account: Account, audience: Audience, member: Member, now: datetime) -> None:
    """Somebody archives the contact in the web app."""
    people.archive(Desk(account, audience, now, "admin"), member)


def add_member(
    account: Account,
    audience: Audience,
    email: str,
    now: datetime,
    *,
    status: str = "subscribed",
    merge_fields: Json | None = None,
    tags: Iterable[str] = (),
) -> Member:
    """Somebody adds a contact in the web app. Raises ``Problem`` for what the API would refuse, too."""
    desk = Desk(account, audience, now, "admin")
    member = people.add(desk, email, status, Change(merge_fields=merge_fields, skip_validation=True))
    people.tag(desk, member, tags)
    return member


def add_segment(account: Account, audience: Audience, name: str, emails: Iterable[str], now: datetime) -> Segment:
    """Somebody makes a tag in the web app; addresses that the audience does not have are left out."""
    desk = Desk(account, audience, now, "admin")
    segment = audience.static_segment(name) or people.new_segment(desk, name)
    for email in emails:
        member = audience.member(email)
        if member:
            people.tag(desk, member, [segment.name])
    return segment


def refuse_address(account: Account, email: str, reason: str) -> None:
    """From now on adding that address is refused; an empty reason ends it. Raises ``ValueError``."""
    if reason and reason not in REFUSALS:
        raise ValueError(f"unknown reason {reason!r}; there are {', '.join(REFUSALS)}")
    account.refusals.pop(email.lower(), None)
    if reason:
        account.refusals[email.lower()] = reason


def _member(account: Account, mail: Delivery) -> Member | None:
    """The same contact, also after a change of address."""
    audience = account.audiences[mail.audience_id]
    member = audience.members.get(mail.member_id)
    if member and member.contact_id == mail.contact_id:
        return member
    return audience.contact_member(mail.contact_id)


def _desk(account: Account, audience_id: str, now: datetime) -> Desk:
    return Desk(account, account.audiences[audience_id], now, "user")
