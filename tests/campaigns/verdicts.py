"""Who receives a run, a second time: rows as plain Python values, judged contact by contact in the contract's order.

``World`` is written to a database for the code under test and read here by loops. Nothing is shared with the product
but names, values and the open hours, which have tests of their own.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert

from orchestrator.campaigns.open_hours import next_open, zone_of
from orchestrator.store import tables
from orchestrator.vocabulary import Decision

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal
    from zoneinfo import ZoneInfo

    from sqlalchemy.engine import Connection

    from orchestrator.definitions.values import CampaignDefinition, LimitSettings, Settings

Row = dict[str, Any]
OF_ADDRESS = {
    "unsubscribed": "The address opted out at Mailchimp.",
    "archived": "The address was archived at Mailchimp.",
    "pending": "The address has not confirmed the subscription at Mailchimp.",
    "transactional": "The address is without marketing consent at Mailchimp.",
    "unknown": "The address has a status at Mailchimp that we do not know.",
}
OF_PERSON = {
    "unsubscribed": "The person opted out at Mailchimp under an earlier address and has not signed up again since.",
    "archived": "The person was archived at Mailchimp under an earlier address and has not signed up again since.",
    "forgotten": (
        "The person was erased at Mailchimp for good under an earlier address and has not signed up again since."
    ),
    "vanished": (
        "The person is no longer in Mailchimp's audience under the earlier address, perhaps erased there, "
        "and has not signed up again since."
    ),
}


def at(moment: datetime) -> int:
    return int(moment.timestamp())


@dataclass(frozen=True)
class Facts:
    """One contact, as ``eligibility.FACTS`` describes it; made without arguments, nothing speaks against a mail."""

    consent: str = "opted_in"
    member_status: str | None = "subscribed"
    left_as: str | None = None
    refusal: str | None = None
    refusal_detail: str = ""
    excluded_by: str | None = None
    unit: str = "account 1"
    is_member: int = 1
    waiting: int = 0
    last_sent_at: int | None = None
    recent_sends: int = 0
    opens_at: int | None = None
    """not of FACTS: the place's next open moment; None: it is open now"""
    opens_words: str | None = None

    @classmethod
    def columns(cls) -> Iterator[tuple[str, str]]:
        """Name and SQL type."""
        for one in fields(cls):
            if not one.name.startswith("opens_"):
                yield one.name, "BIGINT" if "int" in str(one.type) else "TEXT"


def is_held_out(campaign: str, unit: str, share: Decimal | None) -> bool:
    """By the number that the hash is."""
    if not share:
        return False
    digest = hashlib.sha256(f"{campaign}\x00{unit}".encode()).digest()
    return int.from_bytes(digest[:8]) < int(share * (1 << 64))


def verdict(  # noqa: C901, PLR0912 -- the reasons, one after the other
    facts: Facts, campaign: CampaignDefinition, limits: LimitSettings, timezone: ZoneInfo, now: datetime
) -> tuple[Decision, str]:
    """The first reason to withhold the mail, or PLANNED, or DEFERRED."""
    if facts.consent == "opted_out":
        return Decision.NO_CONSENT, "The ERP says opted_out."
    if facts.consent != "opted_in":
        return Decision.NO_CONSENT, "The ERP holds no opt-in (consent is unknown)."
    if facts.member_status in OF_ADDRESS:
        return Decision.SUPPRESSED, OF_ADDRESS[facts.member_status]
    if facts.left_as is not None:
        return Decision.SUPPRESSED, OF_PERSON[facts.left_as]
    if facts.refusal in {"compliance", "forgotten"}:
        return Decision.SUPPRESSED, f"Mailchimp refuses the address: {facts.refusal_detail}"
    if facts.member_status == "cleaned":
        return Decision.UNDELIVERABLE, "Mailchimp cleaned the address after bounces."
    if facts.refusal == "invalid_address":
        return Decision.UNDELIVERABLE, f"Mailchimp refuses the address: {facts.refusal_detail}"
    if facts.excluded_by is not None:
        return Decision.EXCLUDED, f'Member of the excluded segment "{facts.excluded_by}".'
    if is_held_out(campaign.name, facts.unit, campaign.holdout_share):
        return Decision.HELD_OUT, "In the holdout of this campaign, kept unmailed for comparison."
    if not facts.is_member:
        return Decision.LEFT_SEGMENT, f'Not (or no longer) a member of "{campaign.segment}".'
    if facts.waiting:
        return Decision.RECENTLY_MAILED, "A mail of this campaign already waits to go out, from an earlier run."
    again_after = campaign.trigger.again_after
    if again_after is not None and facts.last_sent_at is not None:
        last = datetime.fromtimestamp(facts.last_sent_at, UTC)
        if now - last < again_after:
            local = f"{last.astimezone(timezone):%Y-%m-%d %H:%M}"
            return Decision.RECENTLY_MAILED, f"Had this campaign at {local}, less than {_words(again_after)} ago."
    cap = limits.per_contact
    if cap is not None and facts.recent_sends >= cap.mails:
        return Decision.CAPPED, (
            f"Had {facts.recent_sends} mails in the last {_words(cap.within)}; the limit is {cap.mails}."
        )
    if facts.refusal is not None:
        return Decision.REJECTED, f"Mailchimp refuses the member: {facts.refusal_detail}"
    if facts.opens_at is not None:
        return Decision.DEFERRED, facts.opens_words or ""
    return Decision.PLANNED, ""


def _words(span: timedelta) -> str:
    hours = span / timedelta(hours=1)
    return f"{hours / 24:g} days" if hours % 24 == 0 else f"{hours:g} hours"


@dataclass
class World:
    """Rows by table, as dictionaries of the columns that matter."""

    accounts: list[Row] = field(default_factory=list)
    contacts: list[Row] = field(default_factory=list)
    members: list[Row] = field(default_factory=list)
    opt_outs: list[Row] = field(default_factory=list)
    segments: list[Row] = field(default_factory=list)
    belongs: set[tuple[int, str]] = field(default_factory=set)
    """(contact, segment)"""
    changes: list[Row] = field(default_factory=list)
    mailings: list[Row] = field(default_factory=list)
    sends: list[Row] = field(default_factory=list)

    def write(self, connection: Connection) -> None:
        """Into empty tables."""
        for table, rows in (
            (tables.Account, self.accounts),
            (tables.Contact, self.contacts),
            (tables.AudienceMember, self.members),
            (tables.OptOut, self.opt_outs),
            (tables.Segment, self.segments),
            (tables.MembershipMask, self._masks()),
            (tables.MembershipChange, self.changes),
            (tables.Mailing, self.mailings),
            (tables.Send, self.sends),
        ):
            if rows:
                connection.execute(insert(table), rows)

    def _masks(self) -> list[Row]:
        bits = {segment["name"]: segment["bit"] for segment in self.segments}
        found: dict[tuple[int, int], int] = {}
        for contact, name in self.belongs:
            place = (contact, bits[name] // 62)
            found[place] = found.get(place, 0) + 2 ** (bits[name] % 62)
        return [{"contact": contact, "word": word, "mask": mask} for (contact, word), mask in found.items()]

    def facts(self, contact: int, campaign: CampaignDefinition, settings: Settings, now: datetime, run: int) -> Facts:
        """What is known of one contact, at ``now``, for a run."""
        person = next(row for row in self.contacts if row["id"] == contact)
        account = next((row for row in self.accounts if row["id"] == person["account"]), None)
        member = next((row for row in self.members if row["email_key"] == person["email_key"]), None)
        # under an earlier address
        others = [row["status"] for row in self.members if row["contact"] == contact]
        left = next((row["reason"] for row in self.opt_outs if row["contact"] == contact), None)
        sends = [send for send in self.sends if send["contact"] == contact and send["run"] != run]
        mailed = [send for send in sends if send["decision"] in {"sent", "planned"}]
        own = [send for send in sends if send["campaign"] == campaign.name]
        cap = settings.limits.per_contact
        since = at(now - cap.within) if cap is not None else at(now)
        country = person["country"] if person["country"] is not None else account["country"] if account else None
        zone = zone_of(person["timezone"], settings.timezone)
        opens = next_open(now, zone, country, settings.limits)
        local = f"{opens.astimezone(zone):%Y-%m-%d %H:%M}"
        closed = opens > now and (settings.limits.quiet_hours is not None or settings.limits.business_days)
        return Facts(
            consent=person["consent"],
            member_status=member["status"] if member else max(others, default=None),
            left_as=left,
            refusal=member["refusal"] if member else None,
            refusal_detail=member["detail"] if member else "",
            excluded_by=next((name for name in campaign.exclude if (contact, name) in self.belongs), None),
            unit=f"account {account['key']}" if account else f"contact {person['key']}",
            is_member=int((contact, campaign.segment) in self.belongs),
            waiting=sum(send["decision"] in {"planned", "deferred"} for send in own),
            last_sent_at=max((_mailed_at(send) for send in own if send in mailed), default=None),
            recent_sends=sum(_mailed_at(send) > since for send in mailed),
            opens_at=at(opens) if closed else None,
            opens_words=f"Outside the contact's open hours; next open at {local} ({zone.key})." if closed else None,
        )


def _mailed_at(send: Row) -> int:
    moment: int = send["decided_at"] if send["sent_at"] is None else send["sent_at"]
    return moment
