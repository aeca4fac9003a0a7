"""Recompute of 20 segments over 100,000 contacts and 1,000,000 orders on SQLite, beside the best SQL by hand.

    python benchmarks/recompute.py [--contacts 100000] [--runs 5]

Both do the same work in one transaction: every figure, every condition, the difference with the stored masks, the log
of who entered and left, the new masks and counts. By hand: one temporary table a fact table, keyed by row id, in the
order of its covering index, and one pass over them. Between runs three percent of the orders move, so that there is
a difference. The runs take turns; medians count. Members are compared after each pair of runs.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from orchestrator.definitions.values import GuardSettings, MailchimpSettings, SegmentDefinition, Settings
from orchestrator.segments.evaluate import recompute
from orchestrator.store.database import open_database

NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
EPOCH = int(NOW.timestamp())
DAY = 86_400
YEAR = int(datetime(2026, 1, 1, tzinfo=ZoneInfo("Europe/Stockholm")).timestamp())
LIMIT = 1.3

# name -> (condition of ours, the same by hand over c, a, o, e, k)
WHERE = {
    "eu-big-idle-cart": (
        "region = 'Europe' and revenue_this_year > 50000 and cart_items > 15 and days_since_login >= 14",
        "region = 'Europe' and o.year_cents > 5000000 and k.items > 15 and e.login <= :now - 1209600",
    ),
    "lapsed": ("orders_total >= 1 and days_since_last_order >= 90", "o.n >= 1 and o.last <= :now - 90*86400"),
    "new": ("days_since_first_order < 30", "o.first > :now - 30*86400"),
    "loyal": ("orders_last_365_days >= 8", "o.n365 >= 8"),
    "big-spender": ("revenue_last_365_days > 10000", "o.c365 > 1000000"),
    "growing": ("revenue_last_90_days * 2 > revenue_last_180_days", "coalesce(o.c90, 0) * 2 > coalesce(o.c180, 0)"),
    "web-buyer": ("web_share_total >= 0.5", "o.web * 2 >= o.n and o.n > 0"),
    "large-orders": ("avg_order_value_total > 750.5", "o.done * 10 > 750500 * o.n and o.n > 0"),
    "returns": ("returns_last_365_days > 0", "o.returned365 > 0"),
    "idle": ("days_since_login >= 30", "e.login <= :now - 30*86400"),
    "active": ("logins_last_30_days >= 3", "e.n30 >= 3"),
    "never-in": ("days_since_login is null", "e.login is null"),
    "cart": ("cart_items > 0 and hours_since_cart_change >= 4", "k.items > 0 and k.changed <= :now - 14400"),
    "rich-cart": ("cart_value > 500", "k.value > 50000"),
    "food": ("industry = 'Food' and consent = 'opted_in'", "a.industry = 'Food' and c.consent = 'opted_in'"),
    "steel-large": ("industry = 'Steel' and employees >= 250", "a.industry = 'Steel' and a.employees >= 250"),
    "buyers": ("role in ('buyer', 'owner')", "c.role in ('buyer', 'owner')"),
    "swedish": ("country = 'SE' and language like 'sv%'", "country = 'SE' and c.language glob '[sS][vV]*'"),
    "dormant-rich": (
        "revenue_total > 20000 and (days_since_last_order > 180 or days_since_login > 180)",
        "o.cents > 2000000 and (o.last <= :now - 181*86400 or e.login <= :now - 181*86400)",
    ),
    "month": ("revenue_this_year > 1000 and orders_last_90_days >= 2", "o.year_cents > 100000 and o.n90 >= 2"),
}

EUROPE = "'SE','DE','FR','IT','PL'"
BY_HAND = [
    "drop table if exists h_order",
    """
    create temp table h_order (contact integer primary key, n, done, cents, web, first, last, year_cents, n365, c365,
        n90, c90, c180, returned365)
    """,
    f"""
    insert into h_order select contact,
        sum(status = 'completed'), sum(case when status = 'completed' then total_cents else 0 end), sum(total_cents),
        sum(status = 'completed' and channel = 'web'),
        min(case when status = 'completed' then placed_at end), max(case when status = 'completed' then placed_at end),
        sum(case when placed_at >= {YEAR} and placed_at < :now then total_cents else 0 end),
        sum(placed_at >= :now - 365*86400 and placed_at < :now and status = 'completed'),
        sum(case when placed_at >= :now - 365*86400 and placed_at < :now then total_cents else 0 end),
        sum(placed_at >= :now - 90*86400 and placed_at < :now and status = 'completed'),
        sum(case when placed_at >= :now - 90*86400 and placed_at < :now then total_cents else 0 end),
        sum(case when placed_at >= :now - 180*86400 and placed_at < :now then total_cents else 0 end),
        sum(placed_at >= :now - 365*86400 and placed_at < :now and status = 'returned')
    from orders where status in ('completed', 'returned') and placed_at <= :now and contact is not null group by contact
    """,
    "drop table if exists h_event",
    "create temp table h_event (contact integer primary key, login, n30)",
    """
    insert into h_event select contact, max(at), sum(at >= :now - 30*86400 and at < :now) from event
    where kind = 'login' and at <= :now group by contact
    """,
    "drop table if exists h_cart",
    "create temp table h_cart (contact integer primary key, items, value, changed)",
    """
    insert into h_cart select k.contact, sum(l.quantity), sum(l.quantity * l.unit_price_cents), max(k.modified_at)
    from cart k left join cart_line l on l.cart = k.id
    where k.status = 'open' and (k.modified_at is null or k.modified_at <= :now) group by k.contact
    """,
    "drop table if exists h_changed",
    "create temp table h_changed (contact integer primary key, old, new)",
]


def settings() -> Settings:
    mailchimp = MailchimpSettings("env:NONE", "audience", "Benchmark", "hello@benchmark.example")
    return Settings(mailchimp, ZoneInfo("Europe/Stockholm"), guards=GuardSettings(min_size=10**9))


def fill(file: Path, contacts: int) -> None:
    """A seeded shop: ten orders, five logins a contact; a cart for four in ten."""
    chance = random.Random(7)
    connection = sqlite3.connect(file)
    accounts = contacts // 3
    connection.executemany(
        "insert into account (id, key, industry, employees, country, extra) values (?, ?, ?, ?, ?, '{}')",
        (
            (
                n,
                f"A{n}",
                chance.choice(["Food", "Steel", "Health", None]),
                int(10 ** chance.uniform(0, 3.3)),
                chance.choice(["SE", "DE", "FR", "US", "BR"]),
            )
            for n in range(1, accounts + 1)
        ),
    )
    connection.executemany(
        "insert into contact (id, key, account, email, email_key, role, language, country, consent, extra)"
        " values (?, ?, ?, ?, ?, ?, ?, ?, ?, '{}')",
        (
            (
                n,
                f"C{n}",
                chance.randint(1, accounts),
                f"c{n}@x.example",
                f"c{n}@x.example",
                chance.choice(["buyer", "owner", "engineer"]),
                chance.choice(["sv", "sv-SE", "en"]),
                chance.choice(["SE", "US", None]),
                chance.choice(["opted_in", "unknown"]),
            )
            for n in range(1, contacts + 1)
        ),
    )
    connection.executemany(
        "insert into orders (id, key, contact, account, placed_at, status, channel, total_cents, extra)"
        " values (?, ?, ?, 1, ?, ?, ?, ?, '{}')",
        (
            (
                n,
                f"O{n}",
                int(contacts * chance.random() ** 1.5) + 1,
                EPOCH - int(chance.random() ** 2 * 900 * DAY) - DAY,
                status,
                chance.choice(["web", "edi", "phone"]),
                -500 if status == "returned" else int(10 ** chance.uniform(3, 6)),
            )
            for n in range(1, contacts * 10 + 1)
            for status in [chance.choices(["completed", "returned", "cancelled"], [92, 4, 4])[0]]
        ),
    )
    connection.executemany(
        "insert into event (id, key, contact, kind, at, properties, extra) values (?, ?, ?, ?, ?, '{}', '{}')",
        (
            (
                n,
                f"E{n}",
                int(contacts * chance.random() ** 1.5) + 1,
                chance.choice(["login", "page_view"]),
                EPOCH - int(chance.random() ** 2 * 500 * DAY) - DAY,
            )
            for n in range(1, contacts * 5 + 1)
        ),
    )
    carts = contacts * 4 // 10
    connection.executemany(
        "insert into cart (id, key, contact, modified_at, status, extra) values (?, ?, ?, ?, ?, '{}')",
        (
            (
                n,
                f"K{n}",
                chance.randint(1, contacts),
                EPOCH - chance.randint(0, 40 * DAY),
                chance.choice(["open", "ordered"]),
            )
            for n in range(1, carts + 1)
        ),
    )
    connection.executemany(
        "insert into cart_line (cart, product, quantity, unit_price_cents, extra) values (?, ?, ?, ?, '{}')",
        ((n, p, chance.randint(1, 12), chance.randint(100, 20_000)) for n in range(1, carts + 1) for p in (1, 2, 3)),
    )
    connection.execute("create table by_hand_mask (contact integer primary key, mask integer)")
    connection.execute("create table by_hand_log (contact integer, segment integer, at integer, entered integer)")
    connection.execute("analyze")
    connection.commit()
    connection.close()


def by_hand(connection: sqlite3.Connection, now: int) -> None:
    """What one would write for exactly these segments."""
    values = {"now": now}
    connection.execute("begin immediate")
    for statement in BY_HAND:
        connection.execute(statement, values)
    bits = " + ".join(f"(case when {sql} then {1 << bit} else 0 end)" for bit, (_, sql) in enumerate(WHERE.values()))
    for name, expression in {
        "region": f"case when coalesce(c.country, a.country) in ({EUROPE}) then 'Europe' else 'other' end",
        "country": "coalesce(c.country, a.country)",
    }.items():
        bits = bits.replace(f"{name} = '", f"{expression} = '")
    connection.execute(
        f"""
        insert into h_changed select * from (
            select c.id, coalesce(m.mask, 0) old, {bits} new from contact c
            left join account a on a.id = c.account left join h_order o on o.contact = c.id
            left join h_event e on e.contact = c.id left join h_cart k on k.contact = c.id
            left join by_hand_mask m on m.contact = c.id
            where c.created_at is null or c.created_at <= :now limit -1 offset 0)
        where old <> new
        """,
        values,
    )
    first = connection.execute("select count(*) from by_hand_log").fetchone()[0] == 0
    counts = ", ".join(
        f"sum(((new & ~old) >> {bit}) & 1), sum(((old & ~new) >> {bit}) & 1)" for bit in range(len(WHERE))
    )
    row = connection.execute(f"select {counts} from h_changed").fetchone()
    for bit in range(len(WHERE)):
        if not first and (row[2 * bit] or row[2 * bit + 1]):
            connection.execute(
                f"insert into by_hand_log select contact, {bit}, :now, (new >> {bit}) & 1 from h_changed"
                f" where ((old >> {bit}) & 1) <> ((new >> {bit}) & 1)",
                values,
            )
    connection.execute("delete from by_hand_mask where contact in (select contact from h_changed where new = 0)")
    connection.execute("insert or replace into by_hand_mask select contact, new from h_changed where new <> 0")
    connection.execute("insert into by_hand_log values (0, 0, 0, 0)")
    connection.execute("commit")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contacts", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5)
    wanted = parser.parse_args()
    segments = {name: SegmentDefinition(name, f"segments/{name}.toml", ours, 2, 1) for name, (ours, _) in WHERE.items()}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "benchmark.db"
        database = open_database(f"sqlite:///{file}", Path(folder), now=0)
        fill(file, wanted.contacts)
        hand = sqlite3.connect(file, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "temp_store=FILE", "cache_size=-65536"):
            hand.execute(f"pragma {pragma}")
        times: dict[str, list[float]] = {"ours": [], "by hand": []}
        moved = 0
        for run in range(wanted.runs + 1):
            now = NOW + timedelta(hours=run)
            with closing(sqlite3.connect(file)) as shop, shop:  # a third connection: neither finds its cache filled
                shop.execute("update orders set total_cents = total_cents + 100000 where id % 33 = ?", [run])
            turns = ["ours", "by hand"] if run % 2 else ["by hand", "ours"]
            for who in turns:
                started = time.perf_counter()
                if who == "ours":
                    outcome = recompute(database, settings(), segments, now=now)
                else:
                    by_hand(hand, int(now.timestamp()))
                if run:  # the first is the baseline
                    times[who].append(time.perf_counter() - started)
            moved = sum(one.entered + one.left for one in outcome.segments)
            differ = hand.execute(
                "select count(*) from contact c left join membership_mask m on m.contact = c.id"
                " left join by_hand_mask h on h.contact = c.id where coalesce(m.mask, 0) <> coalesce(h.mask, 0)"
            ).fetchone()[0]
            if differ:
                sys.exit(f"the two disagree on {differ} contacts")
        hand.close()
        database.close()
    ours, limit = statistics.median(times["ours"]), statistics.median(times["by hand"])
    size = f"{wanted.contacts:,} contacts, {wanted.contacts * 10:,} orders"
    print(f"{len(WHERE)} segments, {size}; {moved:,} moves in the last run")
    print(f"{'':10}{'median':>9}   runs")
    for who, seconds in times.items():
        print(f"{who:10}{statistics.median(seconds):8.3f}s   {' '.join(f'{one:.3f}' for one in seconds)}")
    print(f"{'ratio':10}{ours / limit:8.2f}    at most {LIMIT}")
    sys.exit(0 if ours / limit <= LIMIT else 1)


if __name__ == "__main__":
    main()
