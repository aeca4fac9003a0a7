"""The best SQL that one would write by hand for exactly ``fifty_segments.py``, with its own masks and log.

On SQLite the figures of each table go into a temporary table keyed by row id; on PostgreSQL, where that costs more than
it saves, they are subqueries of one query, which walks the covering indexes with hash aggregation off.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from benchmarks.fifty_segments import DAY, WHERE
from sqlalchemy import text

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

STOCKHOLM_MIDNIGHTS = {
    name: int(datetime(*moment, 23, tzinfo=UTC).timestamp())
    for name, moment in {
        "year": (2025, 12, 31),
        "year_before": (2024, 12, 31),
        "month": (2026, 10, 31),
    }.items()
} | {"month_before": int(datetime(2026, 9, 30, 22, tzinfo=UTC).timestamp())}
YEAR, YEAR_BEFORE, MONTH, MONTH_BEFORE = (
    STOCKHOLM_MIDNIGHTS[name] for name in ("year", "year_before", "month", "month_before")
)
COMPLETED = "status = 'completed'"
EUROPE = "'SE', 'DE', 'FR'"


def _within(days: int, at: str = "placed_at") -> str:
    return f"{at} >= :now - {days * DAY} and {at} < :now"


def _n(condition: str) -> str:
    return f"count(*) filter (where {condition})"


def _cents(condition: str) -> str:
    return f"cast(sum(total_cents) filter (where {condition}) as bigint)"


def _orders(key: str, figures: dict[str, str]) -> tuple[str, dict[str, str], str]:
    where = f"from orders where status in ('completed', 'returned') and +placed_at <= :now and {key} is not null"
    return key, figures, f"{where} group by {key}"


PARTS: dict[str, tuple[str, dict[str, str], str]] = {
    "o": _orders(
        "contact",
        {
            "n": _n(COMPLETED),
            "done": _cents(COMPLETED),
            "cents": "cast(sum(total_cents) as bigint)",
            "web": _n(f"{COMPLETED} and channel = 'web'"),
            "first": f"min(placed_at) filter (where {COMPLETED})",
            "last": f"max(placed_at) filter (where {COMPLETED})",
            "year_cents": _cents(f"placed_at >= {YEAR} and placed_at < :now"),
            "year_before_cents": _cents(f"placed_at >= {YEAR_BEFORE} and placed_at < {YEAR}"),
            "month": _n(f"placed_at >= {MONTH} and placed_at < :now and {COMPLETED}"),
            "month_before": _n(f"placed_at >= {MONTH_BEFORE} and placed_at < {MONTH} and {COMPLETED}"),
            "n365": _n(f"{_within(365)} and {COMPLETED}"),
            "web365": _n(f"{_within(365)} and {COMPLETED} and channel = 'web'"),
            "c365": _cents(_within(365)),
            "n90": _n(f"{_within(90)} and {COMPLETED}"),
            "c90": _cents(_within(90)),
            "c180": _cents(_within(180)),
            "returned365": _n(f"{_within(365)} and status = 'returned'"),
        },
    ),
    "ao": _orders(
        "account",
        {
            "n": _n(COMPLETED),
            "cents": "cast(sum(total_cents) as bigint)",
            "first": f"min(placed_at) filter (where {COMPLETED})",
            "last": f"max(placed_at) filter (where {COMPLETED})",
            "c365": _cents(_within(365)),
        },
    ),
    "e": (
        "contact",
        {
            "login": "max(at) filter (where kind = 'login')",
            "viewed": "max(at) filter (where kind = 'page_view')",
            "n": _n("kind = 'login'"),
            "n30": _n(f"kind = 'login' and {_within(30, 'at')}"),
            "n90": _n(f"kind = 'login' and {_within(90, 'at')}"),
            "views30": _n(f"kind = 'page_view' and {_within(30, 'at')}"),
            "views90": _n(f"kind = 'page_view' and {_within(90, 'at')}"),
        },
        "from event where kind in ('login', 'page_view') and +at <= :now group by contact",
    ),
    "k": (
        "contact",
        {
            "items": "cast(sum(l.quantity) as bigint)",
            "lines": "count(l.cart)",
            "value": "cast(sum(l.quantity * l.unit_price_cents) as bigint)",
            "changed": "max(k.modified_at)",
        },
        (
            "from cart k left join cart_line l on l.cart = k.id"
            " where k.status = 'open' and (k.modified_at is null or +k.modified_at <= :now) group by k.contact"
        ),
    ),
    "s": (
        "contact",
        {"n30": _n(_within(30, "sent_at")), "n180": _n(_within(180, "sent_at"))},
        "from send where decision = 'sent' and +sent_at <= :now group by contact",
    ),
    "m": (
        "contact",
        {
            "opens90": _n(f"kind = 'open' and {_within(90, 'at')}"),
            "opens180": _n(f"kind = 'open' and {_within(180, 'at')}"),
            "clicks180": _n(f"kind = 'click' and {_within(180, 'at')}"),
            "opened": "max(at) filter (where kind = 'open')",
            "clicked": "max(at) filter (where kind = 'click')",
        },
        "from mail_event where kind in ('open', 'click') and +at <= :now group by contact",
    ),
}
FIGURES = (
    f"select contact, max(placed_at) filter (where {COMPLETED}) as latest, {_n(COMPLETED)} as orders,"
    " cast(sum(total_cents) as bigint) as revenue from orders where status in ('completed', 'returned')"
    f" and +placed_at >= :now - {365 * DAY} and +placed_at < :now and contact is not null"
    f" group by contact having {_n(COMPLETED)} > 0"
)
SCORES = ", ".join(
    f"5 - (5 * (rank() over (order by {figure} desc) - 1)) / count(*) over () as {name}"
    for name, figure in (("recency", "latest"), ("frequency", "orders"), ("monetary", "revenue"))
)
RANKED = (
    "select contact, recency, frequency, monetary, case when better * 20 < of then 1 when better * 5 < of then 2"
    " when better * 2 < of then 3 else 4 end as tier from (select contact, recency, frequency, monetary,"
    " rank() over (order by recency + frequency + monetary desc) - 1 as better, count(*) over () as of"
    f" from (select contact, {SCORES} from ({FIGURES}) f) scored) ranked"
)


def recompute_by_hand(connection: Connection, now: int, *, first: bool) -> None:
    """Call in a write transaction."""
    values = {"now": now}
    sqlite = connection.dialect.name == "sqlite"
    parts = {
        alias: f"select {'k.' if alias == 'k' else ''}{key} as key, "
        + ", ".join(f"{sql} as {name}" for name, sql in figures.items())
        + f" {rest}"
        for alias, (key, figures, rest) in PARTS.items()
    } | {"r": f"select contact as key, recency, frequency, monetary, tier from ({RANKED}) t"}
    if not sqlite:
        connection.execute(text("set local enable_hashagg = off"))
    for alias, query in parts.items() if sqlite else ():
        names = [*PARTS[alias][1]] if alias in PARTS else ["recency", "frequency", "monetary", "tier"]
        connection.execute(text(f"drop table if exists h_{alias}"))
        connection.execute(text(f"create temp table h_{alias} (key integer primary key, {', '.join(names)})"))
        connection.execute(text(f"insert into h_{alias} {query}"), values)
    joined = " ".join(
        f"left join {f'h_{alias}' if sqlite else f'({query})'} {alias}"
        f" on {alias}.key = {'c.account' if alias == 'ao' else 'c.id'}"
        for alias, query in parts.items()
    )
    bits = " + ".join(f"(case when {sql} then {1 << bit} else 0 end)" for bit, (_, sql) in enumerate(WHERE.values()))
    country = "coalesce(c.country, a.country)"
    for name, expression in {
        "region": f"case when {country} in ({EUROPE}) then 'Europe' else 'other' end",
        "country": country,
    }.items():
        bits = bits.replace(f"{name} = '", f"{expression} = '")
    connection.execute(text("drop table if exists h_changed"))
    # not `insert`: PostgreSQL takes several processes for this alone
    connection.execute(
        text(
            f"create temp table h_changed as select * from (select c.id as contact, coalesce(h.mask, 0) as old,"
            f" cast({bits} as bigint) as new from contact c left join account a on a.id = c.account {joined}"
            " left join by_hand_mask h on h.contact = c.id"
            f" where c.created_at is null or +c.created_at <= :now {'limit -1' if sqlite else ''} offset 0) x"
            " where old <> new"
        ),
        values,
    )
    counts = ", ".join(
        f"sum(((new & ~old) >> {bit}) & 1), sum(((old & ~new) >> {bit}) & 1)" for bit in range(len(WHERE))
    )
    row = connection.execute(text(f"select {counts} from h_changed")).one()
    for bit in range(len(WHERE)):
        if not first and (row[2 * bit] or row[2 * bit + 1]):
            connection.execute(
                text(
                    f"insert into by_hand_log select contact, {bit}, :now, ((new >> {bit}) & 1) = 1 from h_changed"
                    f" where ((old >> {bit}) & 1) <> ((new >> {bit}) & 1)"
                ),
                values,
            )
    connection.execute(text("delete from by_hand_mask where contact in (select contact from h_changed where new = 0)"))
    connection.execute(
        text(
            "insert into by_hand_mask select contact, new from h_changed where new <> 0"
            " on conflict (contact) do update set mask = excluded.mask"
        )
    )
