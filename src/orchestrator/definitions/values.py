"""What the workspace's files mean, as frozen values. ``settings.py``, ``segment.py`` and ``campaign.py`` parse them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from orchestrator.definitions.mail_clients import DEFAULT_CLIENTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, time
    from decimal import Decimal
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from orchestrator.vocabulary import TriggerKind


# -- config.toml


@dataclass(frozen=True, slots=True)
class MailchimpSettings:
    """[mailchimp]: the account and the sender."""

    api_key: str
    """a reference, ``env:NAME`` or ``file:PATH``; the key itself is read when the gateway is made"""
    audience: str
    from_name: str
    reply_to: str
    base_url: str | None = None
    """None: from the data centre at the end of the key"""
    connections: int = 8
    merge_fields: Mapping[str, str] = field(default_factory=lambda: {"FNAME": "first_name", "LNAME": "last_name"})
    """merge tag -> field of the catalogue"""


@dataclass(frozen=True, slots=True)
class Every:
    """A schedule ``every N unit``."""

    interval: timedelta


@dataclass(frozen=True, slots=True)
class Cron:
    """A schedule as a five-field cron line in business time."""

    line: str


Schedule = Every | Cron | None
"""None: off"""


@dataclass(frozen=True, slots=True)
class ScheduleSettings:
    """[schedule]: when the daemon does what."""

    import_: Schedule = Every(timedelta(minutes=15))
    recompute: Schedule = Every(timedelta(minutes=10))
    reports: Schedule = Every(timedelta(hours=1))
    full_recompute: Schedule = Cron("0 3 * * *")


@dataclass(frozen=True, slots=True)
class FrequencyCap:
    """``2 in 7 days``."""

    mails: int
    within: timedelta


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Local time from ``start`` (included) to ``end`` (excluded) in which nothing goes out; may pass midnight."""

    start: time
    end: time


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """[limits]: absent means no limit."""

    per_contact: FrequencyCap | None = None
    quiet_hours: QuietHours | None = None
    business_days: bool = False


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """[guards]; the first three may also stand in a segment's own ``guards``."""

    max_leave_share: float = 0.30
    max_grow_factor: float = 3.0
    min_size: int = 200
    min_source_freshness: timedelta = timedelta(hours=26)
    approve_above: int = 5000


@dataclass(frozen=True, slots=True)
class RfmSettings:
    """[rfm]: ``window`` is a PERIOD of the field catalogue; ``tiers`` are top shares, best first."""

    window: str = "last_365_days"
    tiers: Mapping[str, float] = field(default_factory=lambda: {"vip": 0.05, "gold": 0.20, "silver": 0.50})


@dataclass(frozen=True, slots=True)
class SizeSettings:
    """[size]: bands of the field ``size`` by employees: small below ``medium``, medium below ``large``."""

    medium: int = 50
    large: int = 250


@dataclass(frozen=True, slots=True)
class WebSettings:
    """[web]: the daemon's web server. Secrets are references, ``env:NAME`` or ``file:PATH``."""

    port: int | None = None
    """None: no server"""
    host: str = "127.0.0.1"
    webhook_secret: str | None = None
    """end of the webhook's address; None: no webhooks"""
    signing_secret: str | None = None
    """what the provider signs its webhooks with; None: signatures are not looked at"""


@dataclass(frozen=True, slots=True)
class SqlTable:
    """One table of an SQL source: a query, perhaps with ``:since`` filled from a watermark column."""

    query: str
    watermark: str | None = None


@dataclass(frozen=True, slots=True)
class SqlSource:
    """[sources.NAME] kind = "sql"; ``url`` is an SQLAlchemy URL or a reference to one (env:, file:)."""

    name: str
    url: str
    tables: Mapping[str, SqlTable]
    """canonical table -> query"""


@dataclass(frozen=True, slots=True)
class CsvSource:
    """[sources.NAME] kind = "csv"."""

    name: str
    folder: Path
    """the key ``path``, joined to the workspace"""


Source = SqlSource | CsvSource


@dataclass(frozen=True, slots=True)
class Settings:
    """config.toml."""

    mailchimp: MailchimpSettings
    timezone: ZoneInfo
    locale: str = "en"
    currency: str = "EUR"
    database_url: str = "sqlite:///campaigns.db"
    """as written; relative SQLite paths count from the workspace"""
    schedule: ScheduleSettings = ScheduleSettings()
    limits: LimitSettings = LimitSettings()
    guards: GuardSettings = GuardSettings()
    rfm: RfmSettings = RfmSettings()
    size: SizeSettings = SizeSettings()
    web: WebSettings = WebSettings()
    sources: tuple[Source, ...] = ()
    link_domains: tuple[str, ...] = ()
    """[links] domains: own domains, whose links get UTM parameters; default: the domain of reply_to"""
    mail_clients: tuple[str, ...] = DEFAULT_CLIENTS
    """[quality] clients"""


# -- segments/NAME.toml


@dataclass(frozen=True, slots=True)
class SegmentGuards:
    """A segment's own limits; None: the workspace's."""

    max_leave_share: float | None = None
    max_grow_factor: float | None = None
    min_size: int | None = None


@dataclass(frozen=True, slots=True)
class Kpi:
    """The figure that shows whether a segment works."""

    field: str
    target: float
    direction: Literal["up", "down"]


@dataclass(frozen=True, slots=True)
class SegmentExample:
    """A test of a segment: the named fields have these values, every other field is null (counts and sums: 0)."""

    contact: Mapping[str, str | int | float | bool | None]
    member: bool
    line: int


@dataclass(frozen=True, slots=True)
class SegmentDefinition:
    """segments/NAME.toml."""

    name: str
    file: str
    where: str
    where_line: int
    """line of the file on which the text of ``where`` begins"""
    where_column: int
    """column at which its first line begins (1 for a multi-line string that starts on a line of its own)"""
    where_places: tuple[tuple[int, int], ...] = ()
    """line and column of each character of ``where`` and of its end, where escapes shift them; empty: none do"""
    description: str = ""
    scheme: str | None = None
    purpose: str = ""
    review_by: date | None = None
    sync: bool = True
    kpi: Kpi | None = None
    guards: SegmentGuards = SegmentGuards()
    examples: tuple[SegmentExample, ...] = ()
    fingerprint: str = ""
    """sha256 of the file"""


# -- campaigns/NAME.toml


@dataclass(frozen=True, slots=True)
class Trigger:
    """[trigger]. ``after``, ``again_after``, ``existing`` go with ENTER; ``cron``, ``missed_after`` with SCHEDULE.

    ``again_after`` None: once for each time that the contact enters.
    """

    on: TriggerKind
    after: timedelta = timedelta(0)
    again_after: timedelta | None = None
    existing: bool = False
    cron: str = ""
    missed_after: timedelta = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class CampaignDefinition:
    """campaigns/NAME.toml."""

    name: str
    file: str
    segment: str
    template: str
    subject: str
    trigger: Trigger
    preheader: str = ""
    subject_by_language: Mapping[str, str] = field(default_factory=dict)
    """language -> subject for readers of it; ``subject`` is everybody else's"""
    preheader_by_language: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    exclude: tuple[str, ...] = ()
    active: bool = True
    priority: int = 50
    holdout_share: Decimal | None = None
    goal_within: timedelta | None = None
    vars: Mapping[str, object] = field(default_factory=dict)
    utm: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)
    """key ("subject", "trigger.cron", …) -> line of the file, for problems found later"""
    fingerprint: str = ""


# -- the whole


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace whose files were read. Definitions with problems are left out of it; ``problems`` says which."""

    root: Path
    settings: Settings
    segments: Mapping[str, SegmentDefinition]
    campaigns: Mapping[str, CampaignDefinition]
