"""Decide who receives a run: one contact's facts in, one Decision and its reason out.

The order of the checks is part of the product: a contact without consent is reported as such even when also over
the cap, because consent is the reason to fix. The first reason wins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.campaigns.holdout import is_held_out
from orchestrator.campaigns.open_hours import next_open, zone_of
from orchestrator.clock import from_epoch
from orchestrator.vocabulary import Consent, Decision, MemberStatus, OptOutReason, Refusal

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from zoneinfo import ZoneInfo

    from orchestrator.definitions.values import CampaignDefinition, LimitSettings

SUPPRESSING = {
    MemberStatus.UNSUBSCRIBED: "opted out at Mailchimp",
    MemberStatus.ARCHIVED: "was archived at Mailchimp",
    MemberStatus.PENDING: "has not confirmed the subscription at Mailchimp",
    MemberStatus.TRANSACTIONAL: "is without marketing consent at Mailchimp",
    MemberStatus.UNKNOWN: "has a status at Mailchimp that we do not know",
}
LEFT_UNDER_ANOTHER_ADDRESS = {
    OptOutReason.UNSUBSCRIBED: "opted out at Mailchimp under an earlier address",
    OptOutReason.ARCHIVED: "was archived at Mailchimp under an earlier address",
    OptOutReason.FORGOTTEN: "was erased at Mailchimp for good under an earlier address",
    OptOutReason.VANISHED: "is no longer in Mailchimp's audience under the earlier address, perhaps erased there,",
}
ADDRESS_REFUSALS = {Refusal.INVALID_ADDRESS}
LASTING_REFUSALS = {Refusal.COMPLIANCE, Refusal.FORGOTTEN}


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the decision about one contact depends on."""

    contact: int
    key: str
    email_key: str
    unit: str
    """account key, or the contact's own where it has none"""
    consent: str
    member_status: str | None
    """at the provider; None or "": no member yet"""
    left_as: str | None
    """why nothing is sent to the person, whatever the address (OptOutReason); None: nothing says so"""
    refusal: str | None
    """why the provider refuses the address, if it does"""
    refusal_detail: str
    is_member: bool
    """of the campaign's segment, now"""
    excluded_by: str | None
    """first segment of ``exclude`` that the contact is in"""
    last_sent_at: int | None
    """latest mail of this campaign"""
    waits: bool
    """a mail of this campaign, from another run, has yet to go out"""
    recent_sends: int
    """mails of all campaigns within the cap's window"""
    timezone: str | None
    country: str | None
    entered_at: int | None = None
    """for trigger ENTER: the entry that caused it"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision, its reason in one sentence, and for DEFERRED the next open moment."""

    decision: Decision
    reason: str = ""
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """What the decisions of one run depend on beside the contact."""

    campaign: CampaignDefinition
    limits: LimitSettings
    timezone: ZoneInfo
    now: datetime


def decide(candidate: Candidate, rules: Rules) -> Verdict:
    """The first reason to withhold the mail, or PLANNED, or DEFERRED."""
    return (
        _consent(candidate)
        or _provider(candidate)
        or _campaign(candidate, rules)
        or _frequency(candidate, rules)
        or _open_hours(candidate, rules)
    )


def _consent(candidate: Candidate) -> Verdict | None:
    match candidate.consent:
        case Consent.OPTED_IN:
            return None
        case Consent.OPTED_OUT:
            return Verdict(Decision.NO_CONSENT, "The ERP says opted_out.")
        case _:
            return Verdict(Decision.NO_CONSENT, "The ERP holds no opt-in (consent is unknown).")


def _provider(candidate: Candidate) -> Verdict | None:
    status = candidate.member_status
    if status in SUPPRESSING:
        return Verdict(Decision.SUPPRESSED, f"The address {SUPPRESSING[MemberStatus(status)]}.")
    if candidate.left_as is not None:
        words = LEFT_UNDER_ANOTHER_ADDRESS[OptOutReason(candidate.left_as)]
        return Verdict(Decision.SUPPRESSED, f"The person {words} and has not signed up again since.")
    if candidate.refusal in LASTING_REFUSALS:
        return Verdict(Decision.SUPPRESSED, f"Mailchimp refuses the address: {candidate.refusal_detail}")
    if status == MemberStatus.CLEANED:
        return Verdict(Decision.UNDELIVERABLE, "Mailchimp cleaned the address after bounces.")
    if candidate.refusal in ADDRESS_REFUSALS:
        return Verdict(Decision.UNDELIVERABLE, f"Mailchimp refuses the address: {candidate.refusal_detail}")
    return None


def _campaign(candidate: Candidate, rules: Rules) -> Verdict | None:
    campaign = rules.campaign
    if candidate.excluded_by is not None:
        return Verdict(Decision.EXCLUDED, f'Member of the excluded segment "{candidate.excluded_by}".')
    if is_held_out(campaign.name, candidate.unit, campaign.holdout_share):
        return Verdict(Decision.HELD_OUT, "In the holdout of this campaign, kept unmailed for comparison.")
    if not candidate.is_member:
        return Verdict(Decision.LEFT_SEGMENT, f'Not (or no longer) a member of "{campaign.segment}".')
    return None


def _frequency(candidate: Candidate, rules: Rules) -> Verdict | None:
    if candidate.waits:
        # both would go out at the same moment
        return Verdict(
            Decision.RECENTLY_MAILED, "A mail of this campaign already waits to go out, from an earlier run."
        )
    again_after = rules.campaign.trigger.again_after
    if again_after is not None and candidate.last_sent_at is not None:
        last = from_epoch(candidate.last_sent_at)
        if rules.now - last < again_after:
            return Verdict(
                Decision.RECENTLY_MAILED,
                f"Had this campaign at {_local(last, rules)}, less than {_words(again_after)} ago.",
            )
    cap = rules.limits.per_contact
    if cap is not None and candidate.recent_sends >= cap.mails:
        return Verdict(
            Decision.CAPPED,
            f"Had {candidate.recent_sends} mails in the last {_words(cap.within)}; the limit is {cap.mails}.",
        )
    if candidate.refusal is not None:
        return Verdict(Decision.REJECTED, f"Mailchimp refuses the member: {candidate.refusal_detail}")
    return None


def _open_hours(candidate: Candidate, rules: Rules) -> Verdict:
    limits = rules.limits
    if limits.quiet_hours is None and not limits.business_days:
        return Verdict(Decision.PLANNED)
    zone = zone_of(candidate.timezone, rules.timezone)
    moment = next_open(rules.now, zone, candidate.country, limits)
    if moment <= rules.now:
        return Verdict(Decision.PLANNED)
    return Verdict(
        Decision.DEFERRED,
        f"Outside the contact's open hours; next open at {moment.astimezone(zone):%Y-%m-%d %H:%M} ({zone.key}).",
        moment,
    )


def _local(moment: datetime, rules: Rules) -> str:
    return f"{moment.astimezone(rules.timezone):%Y-%m-%d %H:%M}"


def _words(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    return f"{hours / 24:g} days" if hours % 24 == 0 else f"{hours:g} hours"
