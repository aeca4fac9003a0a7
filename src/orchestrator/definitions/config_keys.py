"""Every key of config.toml, once."""

from __future__ import annotations

from orchestrator.definitions import durations, listening, rules, schedules
from orchestrator.definitions.keys import DURATION, GROW_FACTOR, LINES, SHARE, Key, Table, TableOf, TextOrTable
from orchestrator.definitions.kinds import Choice, Flag, ListOf, Text, Whole
from orchestrator.definitions.mail_clients import CLIENTS, mail_client

CANONICAL_TABLES = ("accounts", "contacts", "products", "orders", "order_lines", "carts", "cart_lines", "events")
"""in the order in which they are loaded"""

_SCHEDULE = Text('a schedule as "every 15 minutes"', schedules.parse_schedule)
_CAP = Text('a cap as "2 in 7 days"', rules.or_off(durations.parse_cap), f"{durations.CAP_PATTERN}|^off$")
_QUIET = Text('a span as "20:00-07:00"', rules.or_off(durations.parse_quiet_hours), f"{durations.QUIET_PATTERN}|^off$")
_SECRET = Text("a reference, env:NAME or file:PATH", rules.secret_reference, rules.REFERENCE, is_secret=True)
_WEB_SECRET = Text("a reference, env:NAME or file:PATH", listening.secret_reference, rules.REFERENCE, is_secret=True)
_DATABASE_URL = Text("the address of a database", rules.database_url, is_secret=True)
_SOURCE_URL = Text("the address of a database", rules.source_url, is_secret=True)

DATABASE = Table(
    (
        Key(
            "url",
            _DATABASE_URL,
            "SQLite (relative to the workspace) or PostgreSQL; or env:NAME",
            '"sqlite:///campaigns.db"',
        ),
    )
)

MAILCHIMP = Table(
    (
        Key(
            "api_key",
            _SECRET,
            "where the key is: env:NAME or file:PATH, never the key itself",
            '"env:MAILCHIMP_API_KEY"',
        ),
        Key("audience", Text(rule=rules.audience), "id of the audience", required=True, example='"9e67587f52"'),
        Key("from_name", Text(), "the sender's name", required=True, example='"Nordic Supply"'),
        Key(
            "reply_to",
            Text("an e-mail address", rules.address),
            "the sender's address; its domain is verified at Mailchimp",
            required=True,
            example='"hello@nordicsupply.example"',
        ),
        Key(
            "base_url",
            Text("a web address", rules.base_url),
            "another address of Mailchimp, as the sandbox's; otherwise from the end of the key",
            example='"http://127.0.0.1:8025/3.0"',
        ),
        Key(
            "connections", Whole(1, 10), "calls at once, over all processes of this database; Mailchimp allows 10", "8"
        ),
        Key(
            "merge_fields",
            TableOf(Text(), rules.merge_tag, f"^{rules.TAG}$"),
            "merge tag = field, kept up to date for every member",
            '{ FNAME = "first_name", LNAME = "last_name" }',
        ),
    )
)

SCHEDULE = Table(
    (
        Key("import", _SCHEDULE, "when the daemon reads the sources", '"every 15 minutes"'),
        Key("recompute", _SCHEDULE, "when it computes the segments", '"every 10 minutes"'),
        Key(
            "full_recompute",
            _SCHEDULE,
            "from when on a recompute computes everybody once, and checks what was recomputed since the last time",
            '"0 3 * * *"',
        ),
        Key("reports", _SCHEDULE, "when it reads opens, clicks and opt-outs back", '"every 1 hour"'),
    )
)

LIMITS = Table(
    (
        Key("per_contact", _CAP, 'most mails to one contact over all campaigns: "2 in 7 days", or "off"', '"off"'),
        Key("quiet_hours", _QUIET, 'local hours of the recipient without mail: "20:00-07:00", or "off"', '"off"'),
        Key("business_days", Flag(), "no mail on weekends and public holidays of the recipient's country", "false"),
    )
)

GUARDS = Table(
    (
        Key("max_leave_share", SHARE, "share of a segment that may leave in one recompute", "0.30"),
        Key("max_grow_factor", GROW_FACTOR, "times its size to which a segment may grow in one recompute", "3.0"),
        Key("min_size", Whole(), "segments smaller than this are not guarded by the two above", "200"),
        Key("min_source_freshness", DURATION, "older import: nothing is sent", '"26 hours"'),
        Key("approve_above", Whole(), "recipients of one run that need `campaigns approve`", "5000"),
    )
)

TIERS = Table(
    (
        Key("vip", SHARE, "top share that is vip", "0.05"),
        Key("gold", SHARE, "top share that is gold or better", "0.20"),
        Key("silver", SHARE, "top share that is silver or better; the rest is bronze", "0.50"),
    )
)

RFM = Table(
    (
        Key(
            "window",
            Text("a period", rules.period, f"^{rules.PERIOD}$"),
            "period of the orders that count",
            '"last_365_days"',
        ),
        Key("tiers", TIERS, "top shares by RFM score"),
    )
)

SIZE = Table(
    (
        Key("medium", Whole(1), "employees from which an account is medium", "50"),
        Key("large", Whole(1), "employees from which an account is large", "250"),
    )
)

LINKS = Table(
    (
        Key(
            "domains",
            ListOf(Text("a domain", rules.domain)),
            "own domains, whose links get UTM parameters; otherwise the domain of reply_to",
            example='["nordicsupply.example"]',
        ),
    )
)

QUALITY = Table(
    (
        Key(
            "clients",
            ListOf(Text("a mail client", mail_client, f"^({'|'.join(CLIENTS)})$")),
            "mail clients whose readers should see everything: `check` warns of what one of them does not support",
            '["gmail", "outlook", "apple-mail"]',
        ),
    )
)

WEB = Table(
    (
        Key("port", Whole(1, 65535), "port of the daemon's web server; absent: it has none", example="8026"),
        Key(
            "host",
            Text("an IP address", listening.host),
            'address on which it listens; "0.0.0.0" lets other machines in',
            '"127.0.0.1"',
        ),
        Key(
            "webhook_secret",
            _WEB_SECRET,
            "where the end of the webhook's address is: env:NAME or file:PATH",
            example='"env:WEBHOOK_SECRET"',
        ),
        Key(
            "signing_secret",
            _WEB_SECRET,
            "where Mailchimp's signing secret is; without it signatures are not asked for",
            example='"env:WEBHOOK_SIGNING_SECRET"',
        ),
    )
)

QUERY = TextOrTable(
    Table(
        (
            Key(
                "query",
                LINES,
                "the statement; its columns are named as the canonical ones",
                required=True,
                example='"select …"',
            ),
            Key("watermark", Text(), "column that grows with each change; `:since` in the query is its last value"),
        )
    )
)

SOURCE = Table(
    (
        Key("kind", Choice(("sql", "csv")), "a database, or a folder of CSV files", required=True, example='"sql"'),
        Key(
            "url",
            _SOURCE_URL,
            "SQLAlchemy URL, or env:NAME of one",
            required=True,
            example='"env:ERP_URL"',
            only_with="sql",
        ),
        Key(
            "tables",
            Table(tuple(Key(name, QUERY, f"query for the table {name}") for name in CANONICAL_TABLES)),
            "table = query, or { query, watermark }",
            required=True,
            example='{ orders = "select …" }',
            only_with="sql",
        ),
        Key(
            "path",
            Text(),
            "folder with accounts.csv … events.csv, relative to the workspace",
            required=True,
            example='"data"',
            only_with="csv",
        ),
    ),
    selector="kind",
)

CONFIG = Table(
    (
        Key("timezone", Text("a time zone", rules.time_zone), "business time: this_year, cron, quiet hours", '"UTC"'),
        Key("locale", Text("a language", rules.locale), "fallback language of templates and formats", '"en"'),
        Key("currency", Text("a currency", rules.currency, "^[A-Z]{3}$"), "ISO 4217 code of all money", '"EUR"'),
        Key("database", DATABASE, "the product's own records"),
        Key("mailchimp", MAILCHIMP, "the account, the audience and the sender", required=True),
        Key("schedule", SCHEDULE, 'what the daemon does when: "every 15 minutes", a cron line, or "off"'),
        Key("limits", LIMITS, "when and how often one contact may be mailed"),
        Key("guards", GUARDS, "what is past a limit stops, says why and waits for a person"),
        Key("rfm", RFM, "scores by recency, frequency and money"),
        Key("size", SIZE, "bands of the field `size`; below medium is small"),
        Key("links", LINKS, "links in mails"),
        Key("quality", QUALITY, "by what mails are judged before they are sent"),
        Key("web", WEB, "the daemon's web server: webhooks, health and metrics"),
        Key(
            "sources", TableOf(SOURCE, rules.source_name, f"^{rules.KEY}$"), "where facts come from, one table a source"
        ),
    )
)
