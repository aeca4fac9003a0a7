"""Our values <-> Mailchimp's JSON. Pure; what Mailchimp must always give raises KeyError where it is missing."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from orchestrator.clock import to_epoch
from orchestrator.gateway import (
    Checklist,
    MailEvent,
    Member,
    MemberRefusal,
    MembersAnswer,
    MergeField,
    Receipt,
    RemoteCampaign,
    SegmentAnswer,
    StaticSegment,
)
from orchestrator.mailchimp.failures import scrubbed
from orchestrator.mailchimp.refusals import means_not_in_segment, refusal_of
from orchestrator.vocabulary import MailEventKind, MemberStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from orchestrator.gateway import CampaignDraft, MemberWrite

Json = dict[str, Any]

_OVERLAP = timedelta(seconds=1)
"""Mailchimp's times have seconds, and its ``since`` leaves out the second that is named"""


# -- to Mailchimp


def subscriber_hash(email: str) -> str:
    """A member's id: MD5 of the address in lower case."""
    return hashlib.md5(email.lower().encode(), usedforsecurity=False).hexdigest()


def since(moment: datetime) -> str:
    """A moment for a ``since`` filter, a second earlier."""
    return (moment - _OVERLAP).astimezone(UTC).isoformat(timespec="seconds")


def unique_addresses(emails: Iterable[str]) -> list[str]:
    """Each address once; addresses that differ in letter case only are the same. The first spelling stays."""
    unique: dict[str, str] = {}
    for email in emails:
        unique.setdefault(email.lower(), email)
    return list(unique.values())


def unique_rows(rows: Sequence[MemberWrite]) -> list[MemberWrite]:
    """Each member once; the first row wins, as at Mailchimp."""
    unique: dict[str, MemberWrite] = {}
    for row in rows:
        unique.setdefault(row.email.lower(), row)
    return list(unique.values())


def member_row(row: MemberWrite, status: MemberStatus | None = None) -> Json:
    """One row of a batch. Without ``status`` the key is absent: present, it would overwrite the member's own."""
    body: Json = {"email_address": row.email}
    if status is not None:
        body["status"] = status.value
    if row.merge_fields:
        body["merge_fields"] = dict(row.merge_fields)
    if row.language:
        body["language"] = row.language
    if row.tags:
        body["tags"] = list(row.tags)
    return body


def campaign_body(audience_id: str, draft: CampaignDraft) -> Json:
    """A campaign's recipients, settings and tracking. ``match`` beside the segment's id is needed by some accounts;
    without an understood segment the *whole audience* would be meant, so the answer's count is compared by the caller.
    """
    return {
        "recipients": {
            "list_id": audience_id,
            "segment_opts": {"saved_segment_id": draft.segment_id, "match": "any"},
        },
        "settings": {
            "subject_line": draft.subject,
            "preview_text": draft.preheader,
            "title": draft.title,
            "from_name": draft.from_name,
            "reply_to": draft.reply_to,
            # our mails bring their own footer and their styles inlined
            "auto_footer": False,
            "inline_css": False,
        },
        "tracking": {"opens": True, "html_clicks": True},
    }


# -- from Mailchimp


def moment(text: str) -> datetime:
    """An ISO 8601 time of an answer; one without an offset is UTC."""
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _moment_or_none(text: str | None) -> datetime | None:
    return moment(text) if text else None


def member(row: Mapping[str, Any]) -> Member:
    """A member as Mailchimp holds it."""
    try:
        status = MemberStatus(row["status"])
    except ValueError:
        status = MemberStatus.UNKNOWN
    return Member(
        row["email_address"],
        status,
        _moment_or_none(row.get("last_changed")),
        opted_in_at=_moment_or_none(row.get("timestamp_opt")),
    )


def members_answer(sent: Iterable[str], answer: Mapping[str, Any]) -> MembersAnswer:
    """Reconcile three ways: each address sent is done, refused or in none of the lists."""
    addresses = {email.lower() for email in sent}
    rows = _by_address(answer["new_members"], answer["updated_members"])
    refused = {refusal.email.lower(): refusal for refusal in map(_refusal, answer["errors"])}
    done = frozenset(rows.keys() & addresses - refused.keys())
    return MembersAnswer(
        done,
        tuple(refusal for email, refusal in refused.items() if email in addresses),
        frozenset(addresses - done - refused.keys()),
        {email: _in_lower_case(_names(rows[email].get("tags"))) for email in done},
        _changes(rows),
    )


def _by_address(*lists: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Members of an answer by their address in lower case."""
    return {row["email_address"].lower(): row for rows in lists for row in rows}


def _names(tags: Sequence[Mapping[str, Any]] | None) -> tuple[str, ...]:
    return tuple([tag["name"] for tag in tags]) if tags else ()


@lru_cache(10_000)
def _in_lower_case(names: tuple[str, ...]) -> frozenset[str]:
    """Many members have the same tags."""
    return frozenset(str(name).lower() for name in names)


def _changes(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """When the subscribed ones of these members were changed, by address. Many share one moment."""
    found: dict[str, int] = {}
    known: dict[object, int | None] = {}
    for email, row in rows.items():
        said = row.get("last_changed")
        if said not in known:
            known[said] = _seconds_or_none(said)
        at = known[said]
        if at is not None and row.get("status") == MemberStatus.SUBSCRIBED:
            found[email] = at
    return found


def _seconds_or_none(said: object) -> int | None:
    """What was done is certain, whenever that was."""
    try:
        return to_epoch(moment(str(said)))
    except ValueError:
        return None


def _refusal(row: Mapping[str, Any]) -> MemberRefusal:
    said = str(row.get("error") or "")
    if row.get("field"):
        said = f"{said} {row['field']}: {row.get('field_message') or ''}".strip()
    kind = refusal_of(said, code=str(row.get("error_code") or ""), field=str(row.get("field") or ""))
    return MemberRefusal(str(row["email_address"]), kind, scrubbed(said))


def merge_field(row: Mapping[str, Any]) -> MergeField:
    return MergeField(row["tag"], row["type"], bool(row.get("required")), row.get("default_value") or "")


def static_segment(row: Mapping[str, Any]) -> StaticSegment:
    return StaticSegment(int(row["id"]), row["name"], int(row.get("member_count") or 0))


def segment_answer(add: Iterable[str], remove: Iterable[str], answer: Mapping[str, Any]) -> SegmentAnswer:
    """``added`` holds who the answer names; an address that it neither names nor refuses is in none of the sets."""
    wanted, unwanted = {email.lower() for email in add}, {email.lower() for email in remove}
    refused: dict[str, str] = {}
    for error in answer.get("errors") or ():
        for email in error.get("email_addresses") or ():
            refused[str(email).lower()] = scrubbed(str(error.get("error") or ""))
    added = {row["email_address"].lower() for row in answer["members_added"]} & wanted
    removed = {email for email in unwanted if email not in refused or means_not_in_segment(refused[email])}
    return SegmentAnswer(
        frozenset(added),
        frozenset(removed),
        {email: said for email, said in refused.items() if email in wanted - added or email in unwanted - removed},
        _changes(_by_address(answer["members_added"], answer.get("members_removed") or ())),
    )


def campaign(row: Mapping[str, Any]) -> RemoteCampaign:
    recipients = row.get("recipients") or {}
    count = recipients.get("recipient_count")
    segment = (recipients.get("segment_opts") or {}).get("saved_segment_id")
    return RemoteCampaign(
        id=row["id"],
        title=str((row.get("settings") or {}).get("title") or ""),
        status=row["status"],
        recipient_count=None if count is None else int(count),
        emails_sent=int(row.get("emails_sent") or 0),
        send_time=_moment_or_none(row.get("send_time")),
        segment_id=int(segment) if segment else None,
    )


def checklist(answer: Mapping[str, Any]) -> Checklist:
    errors = (item for item in answer.get("items") or () if item.get("type") == "error")
    said = (": ".join(filter(None, (item.get("heading"), item.get("details")))) for item in errors)
    return Checklist(bool(answer["is_ready"]), tuple(scrubbed(reason) for reason in said))


_BOUNCES = {"hard": MailEventKind.HARD_BOUNCE, "soft": MailEventKind.SOFT_BOUNCE}


def receipt(row: Mapping[str, Any], note_unknown: Callable[[str], None]) -> Receipt:
    """A recipient. A status that we do not know counts as sent to, and is noted."""
    status = row["status"]
    if status != "sent" and status not in _BOUNCES:
        note_unknown(f"sent-to status {status}")
    return Receipt(row["email_address"], _BOUNCES.get(status))


def activity(row: Mapping[str, Any], note_unknown: Callable[[str], None]) -> list[MailEvent]:
    """What one recipient did. Actions that we do not know are noted."""
    events = []
    for act in row.get("activity") or ():
        match act["action"], act.get("type"):
            case "open", _:
                kind = MailEventKind.OPEN
            case "click", _:
                kind = MailEventKind.CLICK
            case "bounce", bounce if bounce in _BOUNCES:
                kind = _BOUNCES[bounce]
            case action, sort:
                note_unknown(f"email activity {action} {sort or ''}".strip())
                continue
        events.append(MailEvent(row["email_address"], kind, moment(act["timestamp"]), str(act.get("url") or "")))
    return events


def departure(row: Mapping[str, Any]) -> MailEvent:
    """A row of the report of opt-outs."""
    return MailEvent(row["email_address"], MailEventKind.UNSUBSCRIBE, moment(row["timestamp"]))


def complaint(row: Mapping[str, Any]) -> MailEvent:
    """A row of the report of complaints."""
    return MailEvent(row["email_address"], MailEventKind.ABUSE, moment(row["date"]))
