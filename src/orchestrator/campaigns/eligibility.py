"""Who receives a run: what its campaign and the limits say goes in, the rules as SQL come out.

The order of the rules is part of the product: a contact without consent is reported as such even when also over
the cap, because consent is the reason to fix. The first that holds wins. Whom none withholds is mailed, at once or when
it is open where the contact is. ``judge.py`` asks the database, over one row of facts (``x``) for each candidate.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from orchestrator.campaigns.holdout import held_out
from orchestrator.campaigns.local_time import local_time
from orchestrator.clock import to_epoch
from orchestrator.store.audience import GONE
from orchestrator.vocabulary import Consent, Decision, MemberStatus, OptOutReason, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime
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
MAILABLE = ("", GONE, MemberStatus.SUBSCRIBED.value, MemberStatus.CLEANED.value)
"""statuses that do not suppress; a cleaned address is undeliverable, which has a rule of its own"""
ADDRESS_REFUSALS = (Refusal.INVALID_ADDRESS,)
LASTING_REFUSALS = (Refusal.COMPLIANCE, Refusal.FORGOTTEN)
YEAR = 366
FACTS = {
    "consent": "what the ERP says",
    "member_status": "at the provider, of the address; null or '': no member yet",
    "left_as": "why nothing is sent to the person, whatever the address (OptOutReason); null: nothing says so",
    "refusal": "why the provider refuses the address, if it does (Refusal)",
    "refusal_detail": "the same in the provider's words, '' for none",
    "excluded_by": "first segment of ``exclude`` that the contact is in, now",
    "unit": "the account, or the contact where it has none: what the holdout is made of",
    "is_member": "1: of the campaign's segment, now",
    "waiting": "mails of this campaign, from other runs, that have yet to go out",
    "last_sent_at": "latest mail of this campaign from another run, planned ones included",
    "recent_sends": "mails of all campaigns within the cap's window, planned ones of other runs included",
}
"""the columns of ``x``"""


@dataclass(frozen=True, slots=True)
class Rule:
    """``when`` and ``reason`` are SQL over ``x``."""

    decision: Decision
    when: str
    reason: str


@dataclass(frozen=True, slots=True)
class Terms:
    """What the decisions of one run depend on beside the contact."""

    campaign: CampaignDefinition
    limits: LimitSettings
    timezone: ZoneInfo
    now: datetime
    dialect: str
    texts: dict[str, object] = field(default_factory=dict)
    """parameters of the rules"""

    def say(self, sentence: str) -> str:
        """A text, bound."""
        name = f"e{len(self.texts)}"
        self.texts[name] = sentence
        # what is put together of parameters alone has no type of its own
        return f"CAST(:{name} AS TEXT)"

    def say_one_of(self, column: str, sentences: Mapping[str, str]) -> str:
        """The text for the word that stands in a column; null for any other word."""
        cases = " ".join(f"WHEN '{word}' THEN {self.say(text)}" for word, text in sentences.items())
        return f"CASE {column} {cases} END"


def rules(terms: Terms) -> tuple[Rule, ...]:
    """In the order in which they are looked at."""
    return (*_consent(terms), *_provider(terms), *_campaign(terms), *_frequency(terms))


def _consent(terms: Terms) -> Iterator[Rule]:
    yield Rule(Decision.NO_CONSENT, f"x.consent = '{Consent.OPTED_OUT.value}'", terms.say("The ERP says opted_out."))
    unknown = terms.say("The ERP holds no opt-in (consent is unknown).")
    yield Rule(Decision.NO_CONSENT, f"COALESCE(x.consent, '') <> '{Consent.OPTED_IN.value}'", unknown)


def _provider(terms: Terms) -> Iterator[Rule]:
    # a status or a reason that is none of the listed ones withholds, too: it has no words, and the run stops
    known = ", ".join(f"'{status}'" for status in MAILABLE)
    suppressed = {status.value: f"The address {words}." for status, words in SUPPRESSING.items()}
    yield Rule(
        Decision.SUPPRESSED,
        f"COALESCE(x.member_status, '') NOT IN ({known})",
        terms.say_one_of("x.member_status", suppressed),
    )
    left = {
        reason.value: f"The person {words} and has not signed up again since."
        for reason, words in LEFT_UNDER_ANOTHER_ADDRESS.items()
    }
    yield Rule(Decision.SUPPRESSED, "x.left_as IS NOT NULL", terms.say_one_of("x.left_as", left))
    refused = f"{terms.say('Mailchimp refuses the address: ')} || x.refusal_detail"
    yield Rule(Decision.SUPPRESSED, f"x.refusal IN ({_listed(LASTING_REFUSALS)})", refused)
    cleaned = terms.say("Mailchimp cleaned the address after bounces.")
    yield Rule(Decision.UNDELIVERABLE, f"x.member_status = '{MemberStatus.CLEANED.value}'", cleaned)
    yield Rule(Decision.UNDELIVERABLE, f"x.refusal IN ({_listed(ADDRESS_REFUSALS)})", refused)


def _campaign(terms: Terms) -> Iterator[Rule]:
    campaign = terms.campaign
    excluded = f"""{terms.say('Member of the excluded segment "')} || x.excluded_by || '".'"""
    yield Rule(Decision.EXCLUDED, "x.excluded_by IS NOT NULL", excluded)
    if campaign.holdout_share:
        held = held_out(terms.say(campaign.name), "x.unit", campaign.holdout_share, terms.dialect)
        words = terms.say("In the holdout of this campaign, kept unmailed for comparison.")
        yield Rule(Decision.HELD_OUT, held, words)
    left = terms.say(f'Not (or no longer) a member of "{campaign.segment}".')
    yield Rule(Decision.LEFT_SEGMENT, "x.is_member = 0", left)


def _frequency(terms: Terms) -> Iterator[Rule]:
    # both would go out at the same moment
    waits = terms.say("A mail of this campaign already waits to go out, from an earlier run.")
    yield Rule(Decision.RECENTLY_MAILED, "x.waiting > 0", waits)
    again_after = terms.campaign.trigger.again_after
    if again_after is not None:
        since = terms.now - again_after
        # with `--now` in the past there are mails of later
        until = terms.now + timedelta(days=YEAR)
        at = local_time("x.last_sent_at", terms.timezone, terms.dialect, since=since, until=until)
        words = terms.say(f", less than {_words(again_after)} ago.")
        reason = f"{terms.say('Had this campaign at ')} || {at} || {words}"
        yield Rule(Decision.RECENTLY_MAILED, f"x.last_sent_at > {to_epoch(since)}", reason)
    cap = terms.limits.per_contact
    if cap is not None:
        words = terms.say(f" mails in the last {_words(cap.within)}; the limit is {cap.mails}.")
        reason = f"{terms.say('Had ')} || CAST(x.recent_sends AS TEXT) || {words}"
        yield Rule(Decision.CAPPED, f"x.recent_sends >= {cap.mails}", reason)
    refused = f"{terms.say('Mailchimp refuses the member: ')} || x.refusal_detail"
    yield Rule(Decision.REJECTED, "x.refusal IS NOT NULL", refused)


def _listed(refusals: Iterable[Refusal]) -> str:
    return ", ".join(f"'{refusal.value}'" for refusal in refusals)


def _words(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    return f"{hours / 24:g} days" if hours % 24 == 0 else f"{hours:g} hours"
