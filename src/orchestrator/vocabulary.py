"""Every state, decision, reason and event, with its meaning. Code, database, commands and documentation
use these words and no others.
"""

from __future__ import annotations

from enum import StrEnum


class Consent(StrEnum):
    """What the ERP says about mailing a contact."""

    OPTED_IN = "opted_in"
    """may be mailed"""
    OPTED_OUT = "opted_out"
    """said no"""
    UNKNOWN = "unknown"
    """never asked, or never answered: not mailed"""


class OrderStatus(StrEnum):
    """Where an order stands."""

    COMPLETED = "completed"
    """counts as an order and as revenue"""
    CANCELLED = "cancelled"
    """counts nowhere"""
    RETURNED = "returned"
    """a return; its negative total lowers revenue"""
    PENDING = "pending"
    """not yet an order"""


class OrderChannel(StrEnum):
    """How an order came in."""

    WEB = "web"
    EDI = "edi"
    PHONE = "phone"
    SALES_REP = "sales_rep"
    STORE = "store"


class CartStatus(StrEnum):
    """Where a cart stands."""

    OPEN = "open"
    """the only carts that segments and templates see"""
    ORDERED = "ordered"
    EMPTIED = "emptied"


class MemberStatus(StrEnum):
    """A member's state in the provider's audience."""

    SUBSCRIBED = "subscribed"
    """receives campaigns"""
    UNSUBSCRIBED = "unsubscribed"
    """opted out"""
    CLEANED = "cleaned"
    """the address bounced"""
    PENDING = "pending"
    """asked for a confirmation that has not come"""
    TRANSACTIONAL = "transactional"
    """known, but without marketing consent"""
    ARCHIVED = "archived"
    """removed by a person; perhaps after an opt-out"""
    UNKNOWN = "unknown"
    """a word of the provider that we do not know; never mailed"""


class OptOutReason(StrEnum):
    """Why nothing is sent to a person, whatever the address."""

    UNSUBSCRIBED = "unsubscribed"
    """opted out at the provider"""
    ARCHIVED = "archived"
    """was archived there, perhaps after an opt-out"""
    FORGOTTEN = "forgotten"
    """was erased there for good"""
    VANISHED = "vanished"
    """was a member and is none any more: erased, or renamed there to an address that is nobody's"""


class Refusal(StrEnum):
    """Why the provider refuses a member."""

    EXISTS = "exists"
    """already a member; nothing was changed"""
    INVALID_ADDRESS = "invalid_address"
    """looks fake or is not an address"""
    COMPLIANCE = "compliance"
    """unsubscribed, bounced or under review: cannot be subscribed by us"""
    FORGOTTEN = "forgotten"
    """erased for good; only the person can come back"""
    TOO_MANY_SIGNUPS = "too_many_signups"
    """signed up to many lists lately; later perhaps"""
    MERGE_FIELDS = "merge_fields"
    """a merge field's value is refused"""
    OTHER = "other"
    """anything else; the provider's words are kept"""


class Decision(StrEnum):
    """What became of one contact in one run, in the order in which reasons are looked for."""

    NO_CONSENT = "no_consent"
    """the ERP holds no opt-in"""
    SUPPRESSED = "suppressed"
    """opted out, archived or forgotten at the provider"""
    UNDELIVERABLE = "undeliverable"
    """the address bounced or is refused as invalid"""
    EXCLUDED = "excluded"
    """member of a segment that the campaign excludes"""
    HELD_OUT = "held_out"
    """in the campaign's holdout, kept unmailed for comparison"""
    LEFT_SEGMENT = "left_segment"
    """no longer a member when the mail was to go out"""
    RECENTLY_MAILED = "recently_mailed"
    """had this campaign less than again_after ago"""
    CAPPED = "capped"
    """reached the frequency cap over all campaigns"""
    REJECTED = "rejected"
    """refused by the provider for this run"""
    DEFERRED = "deferred"
    """outside the contact's open hours; goes out at the next open moment"""
    PLANNED = "planned"
    """will be sent; becomes sent or rejected"""
    SENT = "sent"
    """delivered to the provider's mail servers, as the provider reports"""
    CANCELLED = "cancelled"
    """the run was cancelled, or its time was missed, before this mail went out"""


class RunState(StrEnum):
    """Where a run stands."""

    PLANNED = "planned"
    """decided; nothing made at the provider yet"""
    WAITING_APPROVAL = "waiting_approval"
    """more recipients than approve_above; needs `campaigns approve`"""
    PREPARING = "preparing"
    """contents, slots and static segments are being made at the provider"""
    SENDING = "sending"
    """at least one mailing was asked to be sent; outcomes not complete"""
    SENT = "sent"
    """every contact is settled: planned = sent + withheld + rejected"""
    NOTHING_TO_SEND = "nothing_to_send"
    """nobody was eligible"""
    CANCELLED = "cancelled"
    """stopped by a person"""
    FAILED = "failed"
    """cannot go on; the reason is kept, nothing of it will be sent"""


OPEN_RUN_STATES = (RunState.PLANNED, RunState.WAITING_APPROVAL, RunState.PREPARING, RunState.SENDING)


class MailingState(StrEnum):
    """Where one mailing of a run stands. Each move is committed before the call that it announces."""

    COMPILED = "compiled"
    """content and recipients are fixed in our database"""
    FILLING = "filling"
    """slot values are being written to the members"""
    SEGMENT_WANTED = "segment_wanted"
    """its static segment is about to be made, or was made and its id not yet stored"""
    SEGMENT_FILLING = "segment_filling"
    """the static segment exists; its members are being made equal to the recipients"""
    CAMPAIGN_WANTED = "campaign_wanted"
    """its campaign is about to be made, or was made and its id not yet stored"""
    CAMPAIGN_MADE = "campaign_made"
    """the campaign exists; content and checks follow"""
    SEND_WANTED = "send_wanted"
    """the send is about to be asked for, or was and the answer is not known"""
    SENDING = "sending"
    """the provider is at work"""
    SENT = "sent"
    """the provider says sent; receipts are being read"""
    SETTLED = "settled"
    """every recipient has an outcome and our helpers at the provider are removed"""
    DROPPED = "dropped"
    """nobody was left to send to, or the run was cancelled; nothing was sent"""


class TriggerKind(StrEnum):
    """What starts a run."""

    ENTER = "enter"
    SCHEDULE = "schedule"
    MANUAL = "manual"


class MailEventKind(StrEnum):
    """What the provider reports of a delivered mail."""

    OPEN = "open"
    CLICK = "click"
    HARD_BOUNCE = "hard_bounce"
    SOFT_BOUNCE = "soft_bounce"
    UNSUBSCRIBE = "unsubscribe"
    ABUSE = "abuse"


class WebhookOutcome(StrEnum):
    """What became of a webhook's call."""

    APPLIED = "applied"
    """the member may no longer be mailed"""
    OLDER = "older"
    """we know something newer of the member"""
    NOTED = "noted"
    """left to the next reading of the audience"""
    UNKNOWN = "unknown"
    """a kind of news that we do not know"""
    DUPLICATE = "duplicate"
    """came before; nothing was recorded"""
