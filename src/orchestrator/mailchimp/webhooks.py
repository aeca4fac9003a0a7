"""Mailchimp's webhooks: is a call genuine, and what does it say. Pure: bytes in, a ``Delivery`` out.

Mailchimp posts a form, at least once and in any order, and numbers nothing. Signatures are new; webhooks that were
made before have none, so the address ends in a secret as well.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from orchestrator.store.webhooks import Delivery
from orchestrator.vocabulary import MemberStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

TOLERANCE_SECONDS = 300
"""how far a signature's time may be from ours"""
LEFT_TO_THE_NEXT_READING = ("subscribe", "profile", "upemail", "campaign")
"""kinds that allow something or change nothing about consent"""

_KIND = re.compile(r"[a-z_]{1,40}")
_MOST_FIELDS = 500
"""two hundred merge fields would fit"""


class Unreadable(ValueError):
    """The body is not a webhook's; the text says why and repeats nothing of it."""


class OtherAudience(ValueError):
    """The webhook belongs to an audience that is not ours."""


def is_secret(given: str, secret: str | None) -> bool:
    """Whether an address ends in the secret. Takes as long for a wrong one as for the right one."""
    return secret is not None and hmac.compare_digest(given.encode(), secret.encode())


def is_signed(body: bytes, header: str, secret: str, now: datetime) -> bool:
    """Whether ``header`` (``t=SECONDS,v1=HEX``) signs the body, now."""
    parts = [part.strip().partition("=") for part in header.split(",")]
    stamps = [value for name, _, value in parts if name == "t"]
    if len(stamps) != 1 or not re.fullmatch(r"[0-9]{1,12}", stamps[0]):
        return False
    if abs(now.timestamp() - int(stamps[0])) > TOLERANCE_SECONDS:
        return False
    wanted = hmac.new(secret.encode(), f"{stamps[0]}.".encode() + body, hashlib.sha256).hexdigest().encode()
    # while a secret is replaced there may be several
    return any(hmac.compare_digest(value.encode(), wanted) for name, _, value in parts if name == "v1")


def read_delivery(body: bytes, audience: str) -> Delivery:
    """What a posted form says of our ``audience``. Raises Unreadable and OtherAudience."""
    fields = _fields(body)
    kind, fired_at = fields.get("type", ""), _moment(fields.get("fired_at", ""))
    if not _KIND.fullmatch(kind):
        raise Unreadable("type is missing or is no word.")
    if fields.get("data[list_id]") != audience:
        raise OtherAudience("The webhook belongs to another audience.")
    status = _status(kind, fields)
    email = fields.get("data[email]", "").strip().lower()
    if status is not None and not ("@" in email and len(email) <= 320 and email.isprintable()):
        raise Unreadable("data[email] is missing or is no address.")
    return Delivery(
        digest=_digest(kind, fields),
        kind=kind,
        fired_at=fired_at,
        known=status is not None or kind in LEFT_TO_THE_NEXT_READING,
        email=email if status is not None else None,
        status=status,
    )


def _status(kind: str, fields: Mapping[str, str]) -> MemberStatus | None:
    """What the member is from now on, where that is a word against mailing."""
    match kind:
        case "unsubscribe" if fields.get("data[action]") == "delete":
            return MemberStatus.ARCHIVED
        case "unsubscribe":
            return MemberStatus.UNSUBSCRIBED
        case "cleaned":
            return MemberStatus.CLEANED
        case _:
            return None


def _fields(body: bytes) -> dict[str, str]:
    """The form; of a field that is there twice, the first."""
    try:
        pairs = parse_qsl(
            body.decode("utf-8"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        raise Unreadable("The body is no form.") from None
    return dict(reversed(pairs))


def _moment(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        raise Unreadable("fired_at is missing or is no moment as 2026-01-31 08:00:00.") from None


def _digest(kind: str, fields: Mapping[str, str]) -> str:
    """The same for a call and its repetitions, whatever the order of their fields."""
    names = ("data[id]", "data[email]", "data[new_id]", "data[new_email]", "data[old_email]", "data[action]")
    told = [fields.get(name, "").lower() for name in names]
    if not any(told):
        told = [f"{name}={value}" for name, value in sorted(fields.items())]
    return hashlib.sha256("\0".join([kind, fields["fired_at"], *told]).encode()).hexdigest()
