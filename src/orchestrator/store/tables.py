"""Every table, each column explained where its name does not.

Moments (``*_at``) are whole seconds since 1970 UTC, money (``*_cents``) whole hundredths: exact and equal in every
database. ``id`` is ours and small, so that facts and masks join on integers; ``key`` is the source's own identifier.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, UniqueConstraint, text
from sqlmodel import Field, SQLModel

Big = BigInteger().with_variant(Integer, "sqlite")
"""64 bits everywhere; on SQLite the type that makes a primary key the row id"""


def _id() -> Any:
    return Field(default=None, sa_column=Column(Big, primary_key=True, autoincrement=True))


def _big(*, primary: bool = False) -> Any:
    return Field(sa_type=Big, primary_key=primary)


def _opt_big(*, index: bool = False) -> Any:
    return Field(default=None, sa_type=Big, index=index)


def _extra() -> Any:
    return Field(default_factory=dict, sa_column=Column("extra", JSON, nullable=False))


def _of_open_carts(name: str, column: str) -> Index:
    still_open = text("status = 'open'")
    return Index(name, column, "contact", sqlite_where=still_open, postgresql_where=still_open)


# -- facts: copies of what the sources say


class Account(SQLModel, table=True):
    """A company."""

    id: int | None = _id()
    key: str = Field(unique=True)
    name: str | None = None
    industry: str | None = None
    employees: int | None = _opt_big()
    annual_revenue_cents: int | None = _opt_big()
    customer_group: str | None = None
    price_list: str | None = None
    channel: str | None = None
    country: str | None = None
    """ISO 3166 two letters"""
    city: str | None = None
    postcode: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    legal_form: str | None = None
    order_method: str | None = None
    payment_terms: str | None = None
    delivery_terms: str | None = None
    sales_rep: str | None = None
    cost_to_serve: str | None = None
    extra: dict[str, object] = _extra()
    """columns of the source that we do not know, as text: the fields account_x_NAME"""


class Contact(SQLModel, table=True):
    """A person with an address."""

    __table_args__ = (
        Index("contact_by_account", "account"),
        Index("contact_by_creation", "created_at"),
        Index("contact_by_consent", "consent_at"),
    )
    id: int | None = _id()
    key: str = Field(unique=True)
    account: int | None = _opt_big()
    """-> Account.id"""
    email: str
    """as the source writes it"""
    email_key: str = Field(unique=True)
    """lower case: the identity of an address here and at the provider"""
    first_name: str | None = None
    last_name: str | None = None
    job_title: str | None = None
    role: str | None = None
    language: str | None = None
    country: str | None = None
    timezone: str | None = None
    created_at: int | None = _opt_big()
    consent: str = "unknown"
    consent_at: int | None = _opt_big()
    consent_source: str | None = None
    lead_score: float | None = None
    lifecycle_stage: str | None = None
    birth_date: str | None = None
    """YYYY-MM-DD"""
    gender: str | None = None
    interests: str | None = None
    """words, each between semicolons: ``;pumps;valves;``"""
    extra: dict[str, object] = _extra()
    """the fields x_NAME"""


class Product(SQLModel, table=True):
    """An article of the catalogue."""

    id: int | None = _id()
    key: str = Field(unique=True)
    name: str | None = None
    category: str | None = None
    brand: str | None = None
    url: str | None = None
    image_url: str | None = None
    price_cents: int | None = _opt_big()
    extra: dict[str, object] = _extra()


class Order(SQLModel, table=True):
    """An order or a return."""

    __tablename__ = "orders"
    __table_args__ = (
        # covering: the profile reads orders from this index alone
        Index("orders_by_contact", "contact", "status", "placed_at", "channel", "total_cents"),
        Index("orders_by_account", "account", "status", "placed_at", "channel", "total_cents"),
        # by time: whose figures change because the clock moved on
        Index("orders_by_time", "placed_at", "contact", "account"),
    )
    id: int | None = _id()
    key: str = Field(unique=True)
    contact: int | None = _opt_big()
    account: int | None = _opt_big()
    """the order's own account, or its contact's where the source names none"""
    placed_at: int = _big()
    status: str = "completed"
    channel: str | None = None
    currency: str | None = None
    total_cents: int = _big()
    discount_cents: int | None = _opt_big()
    coupon: str | None = None
    extra: dict[str, object] = _extra()


class OrderLine(SQLModel, table=True):
    """Pieces of one product in one order."""

    __tablename__ = "order_line"
    __table_args__ = (Index("order_line_by_product", "product", "order_id"),)
    order_id: int = _big(primary=True)
    product: int = _big(primary=True)
    quantity: int = _big()
    unit_price_cents: int | None = _opt_big()
    extra: dict[str, object] = _extra()


class Cart(SQLModel, table=True):
    """A shop's cart."""

    __table_args__ = (
        Index("cart_by_contact", "contact", "status"),
        _of_open_carts("cart_by_change", "modified_at"),
        _of_open_carts("cart_by_addition", "last_added_at"),
    )
    id: int | None = _id()
    key: str = Field(unique=True)
    contact: int = _big()
    modified_at: int | None = _opt_big()
    last_added_at: int | None = _opt_big()
    status: str = "open"
    url: str | None = None
    extra: dict[str, object] = _extra()


class CartLine(SQLModel, table=True):
    """Pieces of one product in one cart."""

    __tablename__ = "cart_line"
    cart: int = _big(primary=True)
    product: int = _big(primary=True)
    quantity: int = _big()
    unit_price_cents: int | None = _opt_big()
    extra: dict[str, object] = _extra()


class Event(SQLModel, table=True):
    """Something a contact did: login, page_view, form_submitted …"""

    __table_args__ = (
        Index("event_by_contact", "contact", "kind", "at"),
        Index("event_by_time", "kind", "at", "contact"),
    )
    id: int | None = _id()
    key: str = Field(unique=True)
    contact: int = _big()
    kind: str
    at: int = _big()
    properties: dict[str, object] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    extra: dict[str, object] = _extra()


# -- imports


class SourceTable(SQLModel, table=True):
    """How far one table of one source was read."""

    __tablename__ = "source_table"
    source: str = Field(primary_key=True)
    """the name in config.toml; "csv" for `import --csv`"""
    table: str = Field(primary_key=True)
    watermark: str | None = None
    """greatest value of the watermark column seen, as ISO text"""
    good_at: int | None = _opt_big()
    """last import without a fault, in product time (``--now``)"""
    rows: int = 0
    """rows read then"""
    failure: str | None = None
    """why the last try failed; None after a good one"""


class RejectedRow(SQLModel, table=True):
    """A row set aside by the latest import of its table."""

    __tablename__ = "rejected_row"
    id: int | None = _id()
    source: str
    table: str
    file: str
    """file name, or the source's name and table"""
    line: int
    column: str
    reason: str
    at: int = _big()


# -- segments and memberships


class Segment(SQLModel, table=True):
    """A segment that was computed at least once, and its bit in the masks."""

    id: int | None = _id()
    name: str = Field(unique=True)
    bit: int = Field(unique=True)
    """position in the masks: word = bit // 62, within it bit % 62; kept for good"""
    fingerprint: str
    """of the condition it was last computed with, the conditions it refers to included"""
    baseline_at: int = _big()
    """first computed: members found then have not entered"""
    computed_at: int = _big()
    size: int = 0
    held: str | None = None
    """why a guard keeps the latest change back; None where the membership is up to date"""
    active: bool = True
    """False: its file is gone; it has no members"""


class MembershipMask(SQLModel, table=True):
    """Which segments a contact is in: bit set = member. Contacts in no segment of a word have no row."""

    __tablename__ = "membership_mask"
    contact: int = _big(primary=True)
    word: int = Field(primary_key=True)
    mask: int = _big()


class MembershipChange(SQLModel, table=True):
    """A contact entered or left a segment at a recompute. What was found at the baseline is not logged."""

    __tablename__ = "membership_change"
    __table_args__ = (
        Index("membership_change_by_segment", "segment", "at"),
        UniqueConstraint("contact", "segment", "at"),
    )
    id: int | None = _id()
    segment: int = _big()
    """-> Segment.id"""
    contact: int = _big()
    at: int = _big()
    entered: bool


# -- recomputing no more than what changed


class Touched(SQLModel, table=True):
    """Somebody whose facts changed since the last recompute. Whoever changes facts adds rows in the same transaction.

    Rows are only ever added: a recompute removes those that it read, and never one that was committed meanwhile.
    """

    id: int | None = _id()
    fact: str
    """the table that changed: a recompute without a question about it need not care"""
    contact: int | None = _opt_big()
    account: int | None = _opt_big()
    """all its contacts; where neither is named, everybody"""


class RecomputeState(SQLModel, table=True):
    """What the stored masks are true to, in one row; where it differs from what is asked, everybody is computed."""

    __tablename__ = "recompute_state"
    id: int = Field(primary_key=True, sa_type=Integer)
    at: int = _big()
    """the moment as of which they hold for everybody who was not touched since"""
    fingerprint: str
    """of all conditions, their bits and the settings that they depend on"""
    full_at: int = _big()
    """when everybody was last computed"""
    ranking: dict[str, object] | None = Field(
        default=None, sa_column=Column("ranking", JSON(none_as_null=True), nullable=True)
    )
    """where RFM scores change, as of ``at``; None: the figures are not kept, or no longer"""


class RfmFigure(SQLModel, table=True):
    """What RFM ranks, of each contact with an order in its window; true as of RecomputeState.at where a ranking is."""

    __tablename__ = "rfm_figure"
    __table_args__ = (
        Index("rfm_figure_by_latest", "latest"),
        Index("rfm_figure_by_orders", "orders"),
        Index("rfm_figure_by_revenue", "revenue"),
    )
    contact: int = _big(primary=True)
    latest: int = _big()
    orders: int = _big()
    revenue: int = _big()


# -- the audience


class AudienceMember(SQLModel, table=True):
    """A member of the audience as we last knew it, ours or a stranger."""

    __tablename__ = "audience_member"
    __table_args__ = (
        Index("audience_member_by_contact", "contact"),
        Index("audience_member_by_change", "changed_at", "status"),
    )
    email_key: str = Field(primary_key=True)
    contact: int | None = _opt_big()
    """the contact that we keep in step here; None: a member that is nobody of ours"""
    status: str
    """MemberStatus; "" while an addition is not confirmed, "gone" where the audience has no such member any more"""
    status_at: int | None = _opt_big()
    opted_in_at: int | None = _opt_big()
    """when the provider says that the subscription began"""
    changed_at: int | None = _opt_big()
    """the newest change of whatever kind that the provider told us of, ours included, by its clock"""
    resubscribed_at: int | None = _opt_big()
    """when somebody who had left came back, by the provider's word: newer than an older opt-out of the ERP"""
    moving_to: str | None = None
    """the address that the provider was asked to move it to; None when the answer was stored"""
    payload: str | None = None
    """fingerprint text of the fields that the provider confirmed; None: unknown"""
    made_from: str | None = None
    """the facts of which the payload that was answered last was made; equal facts are not looked at again"""
    refusal: str | None = None
    """Refusal, when the provider refuses this address with this payload"""
    refused_payload: str | None = None
    """what was refused: tried again only when it changes"""
    detail: str = ""


class OptOut(SQLModel, table=True):
    """A contact who left at the provider. The word is the person's: it holds at every later address."""

    __tablename__ = "opt_out"
    contact: int = _big(primary=True)
    at: int = _big()
    """by the provider's clock; a subscription that began later lifts it"""
    reason: str
    """``OptOutReason``"""


class TagMask(SQLModel, table=True):
    """Which tags a member carries, as the provider confirmed; same bits as MembershipMask."""

    __tablename__ = "tag_mask"
    contact: int = _big(primary=True)
    word: int = Field(primary_key=True)
    mask: int = _big()


class AudienceTag(SQLModel, table=True):
    """The static segment at the provider that carries one of our segments."""

    __tablename__ = "audience_tag"
    segment: int = _big(primary=True)
    """-> Segment.id"""
    remote_id: int = _big()


class PullMark(SQLModel, table=True):
    """Until when the audience's changes were read, by status."""

    __tablename__ = "pull_mark"
    status: str = Field(primary_key=True)
    until: int = _big()


# -- campaigns, runs, mailings


class CampaignSeen(SQLModel, table=True):
    """When a cycle first saw a campaign: schedules and entries count from there."""

    __tablename__ = "campaign_seen"
    campaign: str = Field(primary_key=True)
    first_seen_at: int = _big()


class Run(SQLModel, table=True):
    """One occurrence of a campaign. The unique pair is what stops a second one, not the scheduler."""

    __table_args__ = (UniqueConstraint("campaign", "scheduled_for"), Index("run_by_state", "state"))
    id: int | None = _id()
    name: str = Field(unique=True)
    """what people type: CAMPAIGN-20260131T090000Z"""
    campaign: str
    trigger: str
    scheduled_for: int = _big()
    created_at: int = _big()
    started_at: int = _big()
    """real time of creation: where to look for what an interrupted call left at the provider"""
    decided_at: int = _big()
    """the moment as of which the decisions were last made"""
    finished_at: int | None = _opt_big()
    state: str
    reason: str = ""
    """why it waits, failed or was skipped"""
    approved_by: str | None = None
    approved_at: int | None = _opt_big()
    cancelled_by: str | None = None
    """who asked to stop it: an interrupted cancellation is finished by whoever sees the run next"""
    definition: dict[str, object] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """the campaign as it was: names, subject, conditions (campaigns/evidence.py), fingerprints of its texts"""


class Send(SQLModel, table=True):
    """One run for one contact: its decision, and later its outcome."""

    __table_args__ = (
        Index("send_by_contact", "contact", "decision", "sent_at"),
        Index("send_by_time", "decision", "sent_at", "contact"),
        UniqueConstraint("campaign", "contact", "entered_at"),
    )
    run: int = _big(primary=True)
    contact: int = _big(primary=True)
    campaign: str
    entered_at: int | None = _opt_big()
    """the entry that caused it, for trigger ENTER: each entry is answered once"""
    decision: str
    reason: str = ""
    """the decision in a sentence, with the values that led to it"""
    decided_at: int = _big()
    email_key: str = ""
    """the address it was planned for"""
    mailing: int | None = _opt_big()
    sent_at: int | None = _opt_big()
    bounce: str | None = None
    not_before: int | None = _opt_big()
    """DEFERRED: the next open moment"""
    facts: dict[str, object] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """what the latest decision rests on; campaigns/evidence.py describes it"""
    slots: dict[str, str] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """merge tag -> value written for this mail"""


class Mailing(SQLModel, table=True):
    """One distinct content of a run, sent as one campaign at the provider."""

    __table_args__ = (UniqueConstraint("run", "number"),)
    id: int | None = _id()
    run: int = _big()
    number: int
    state: str
    state_at: int = _big()
    subject: str
    preheader: str
    html: str
    text: str
    slot_tags: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    recipients: int
    remote_segment: int | None = _opt_big()
    remote_campaign: str | None = None
    send_asked_at: int | None = _opt_big()
    """real time of the latest send call"""
    emails_sent: int | None = None
    events_read_at: int | None = _opt_big()
    """real time at which opens, clicks and bounces were last read back"""
    problem: str = ""
    """why it does not move on"""


class SlotLease(SQLModel, table=True):
    """A slot's merge field in use by a run: its values are read when the provider delivers."""

    __tablename__ = "slot_lease"
    tag: str = Field(primary_key=True)
    run: int = _big()


class MailEventRow(SQLModel, table=True):
    """An open, click, bounce or opt-out that the provider reported."""

    __tablename__ = "mail_event"
    __table_args__ = (
        UniqueConstraint("mailing", "contact", "kind", "at", "url"),
        Index("mail_event_by_contact", "contact", "kind", "at"),
        Index("mail_event_by_time", "kind", "at", "contact"),
    )
    id: int | None = _id()
    mailing: int = _big()
    run: int = _big()
    campaign: str
    contact: int = _big()
    kind: str
    at: int = _big()
    url: str = ""


# -- operating


class Lease(SQLModel, table=True):
    """Who does what, so that nothing is done by two. Times are the database's own, never ``--now``."""

    name: str = Field(primary_key=True)
    holder: str
    """JSON of ``store/holders.py``: host, process, since when, doing what"""
    token: str
    expires_at: int = _big()


class JobRun(SQLModel, table=True):
    """The latest run of each job: import, recompute, sync, campaigns, reports."""

    __tablename__ = "job_run"
    job: str = Field(primary_key=True)
    started_at: int = _big()
    finished_at: int | None = _opt_big()
    good_at: int | None = _opt_big()
    """product time of the latest good one"""
    message: str = ""


class AuditEntry(SQLModel, table=True):
    """Deliberate acts of people: force, approve, cancel."""

    __tablename__ = "audit_entry"
    id: int | None = _id()
    at: int = _big()
    who: str
    action: str
    detail: str


class SchemaVersion(SQLModel, table=True):
    """Migrations that were applied."""

    __tablename__ = "schema_version"
    version: int = Field(primary_key=True)
    applied_at: int = _big()


class WebhookDelivery(SQLModel, table=True):
    """A webhook's call, so that its repetition does nothing. It holds no address, only a digest."""

    __tablename__ = "webhook_delivery"
    digest: str = Field(primary_key=True)
    """sha256 of what makes a call this one: type, id or address, moment"""
    kind: str
    """the provider's word"""
    fired_at: int = _big()
    received_at: int = Field(sa_type=Big, index=True)
    outcome: str
    """WebhookOutcome"""


# -- people who asked to be forgotten


class Forgotten(SQLModel, table=True):
    """Somebody whose data was erased on request. Nothing here says who it was."""

    id: int | None = _id()
    """never used twice: the sends that books need carry it instead of the contact"""
    at: int = _big()
    lifted_at: int | None = _opt_big()
    """the person came back: their address may be imported again"""


class ForgottenKey(SQLModel, table=True):
    """What is kept out of every import: an address, a contact id, the id of a cart or an order; as a keyed hash."""

    __tablename__ = "forgotten_key"
    digest: str = Field(primary_key=True)
    forgotten: int = _big()
    """-> Forgotten.id"""


class HashKey(SQLModel, table=True):
    """The random key of those hashes, made with the first of them."""

    __tablename__ = "hash_key"
    id: int | None = _id()
    key: str
