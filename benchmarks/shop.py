"""A seeded shop in a database, made by the database itself: ten orders, seven events and four mails a contact.

Numbers come from integer arithmetic that SQLite and PostgreSQL do alike, so both hold the same rows.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlmodel import SQLModel

from orchestrator.store import tables  # noqa: F401 -- defines them

if TYPE_CHECKING:
    from sqlalchemy import Index
    from sqlalchemy.engine import Connection

    from orchestrator.store.database import Database

NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
EPOCH = int(NOW.timestamp())
DAY = 86_400


def chance(salt: int, below: int) -> str:
    """A number from 0, made of ``n``."""
    return f"((((n * {48_271 + 2 * salt}) % 2147483647) * ((n % 9973) + {salt})) % 2147483647 % {below})"


def one_of(salt: int, *words: str | None) -> str:
    """One of some texts."""
    cases = " ".join(
        f"WHEN {number} THEN {'NULL' if word is None else repr(word)}" for number, word in enumerate(words)
    )
    return f"CASE {chance(salt, len(words))} {cases} END"


def skewed(salt: int, contacts: int) -> str:
    """A contact; low numbers more often."""
    return f"(1 + {contacts} * {chance(salt, 1_000_000)} / 1000000 * (500000 + {chance(salt + 1, 500_000)}) / 1000000)"


def ago(salt: int, days: int) -> str:
    """A moment in the past; recent ones more often."""
    return f"({EPOCH} - {DAY} - {days * DAY} / 1000 * {chance(salt, 1_000)} / 1000 * {chance(salt, 1_000)})"


def fill(database: Database, contacts: int) -> None:
    """Without indexes, which are made again at the end."""
    with database.write() as connection:
        for index in _indexes():
            index.drop(connection, checkfirst=True)
        for table, rows, columns in _tables(contacts):
            _make(connection, table, rows, columns)
    with database.write() as connection:
        for index in _indexes():
            index.create(connection)
        connection.execute(text("CREATE TABLE by_hand_mask (contact BIGINT PRIMARY KEY, mask BIGINT)"))
        connection.execute(text("CREATE TABLE by_hand_log (contact BIGINT, segment INT, at BIGINT, entered BOOLEAN)"))
        connection.execute(
            text("CREATE TABLE one_by_one (segment INT, contact BIGINT, PRIMARY KEY (segment, contact))")
        )
        connection.execute(text("ANALYZE"))
    if database.dialect == "postgresql":
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as vacuuming:
            vacuuming.execute(text("VACUUM ANALYZE"))


def _tables(contacts: int) -> list[tuple[str, int, dict[str, str]]]:
    accounts = contacts // 3
    status = one_of(21, *["completed"] * 22, "returned", "cancelled")
    price = f"(1000 + {chance(22, 1_000)} * {chance(22, 1_000)} / 1000 * {chance(22, 1_000)} / 1000 * 1000)"
    return [
        (
            "account",
            accounts,
            {
                "industry": one_of(1, "Food", "Steel", "Health", None),
                "employees": f"(1 + {chance(2, 45)} * {chance(2, 45)})",
                "country": one_of(3, "SE", "DE", "FR", "US", "BR"),
                "extra": "'{}'",
            },
        ),
        (
            "contact",
            contacts,
            {
                "account": f"(1 + {chance(11, accounts)})",
                "email": "'c' || n || '@x.example'",
                "email_key": "'c' || n || '@x.example'",
                "role": one_of(12, "buyer", "owner", "engineer"),
                "language": one_of(13, "sv", "sv-SE", "en"),
                "country": one_of(14, "SE", "US", None),
                "consent": one_of(15, "opted_in", "unknown"),
                "created_at": ago(16, 1_500),
                "extra": "'{}'",
            },
        ),
        (
            "orders",
            contacts * 10,
            {
                "contact": skewed(23, contacts),
                # of the contact's account: the same arithmetic over the contact's number
                "account": f"(SELECT account FROM contact WHERE contact.id = {skewed(23, contacts)})",
                "placed_at": ago(25, 900),
                "status": status,
                "channel": one_of(26, "web", "edi", "phone"),
                "total_cents": f"CASE WHEN {status} = 'returned' THEN -500 ELSE {price} END",
                "extra": "'{}'",
            },
        ),
        (
            "event",
            contacts * 7,
            {
                "contact": skewed(31, contacts),
                "kind": one_of(33, "login", "page_view", "page_view"),
                "at": ago(34, 500),
                "properties": "'{}'",
                "extra": "'{}'",
            },
        ),
        (
            "cart",
            contacts * 4 // 10,
            {
                "contact": f"(1 + {chance(41, contacts)})",
                "modified_at": f"({EPOCH} - {chance(42, 40 * DAY)})",
                "status": one_of(43, "open", "ordered"),
                "extra": "'{}'",
            },
        ),
        (
            "cart_line",
            contacts * 8 // 10,
            {
                "cart": "((n + 1) / 2)",
                "product": "(1 + n % 2)",
                "quantity": f"(1 + {chance(51, 12)})",
                "unit_price_cents": f"(100 + {chance(52, 20_000)})",
                "extra": "'{}'",
            },
        ),
        (
            "send",
            contacts * 2,
            {
                "run": f"((n - 1) / {contacts} + 1)",
                "contact": f"((n - 1) % {contacts} + 1)",
                "campaign": "'news'",
                "decision": one_of(61, "sent", "sent", "capped"),
                "reason": "''",
                "decided_at": ago(62, 300),
                "sent_at": ago(62, 300),
                "email_key": "''",
                "facts": "'{}'",
                "slots": "'{}'",
            },
        ),
        (
            "mail_event",
            contacts * 2,
            {
                "mailing": "n",
                "run": "1",
                "campaign": "'news'",
                "contact": skewed(71, contacts),
                "kind": one_of(73, "open", "open", "click"),
                "at": ago(74, 300),
                "url": "''",
            },
        ),
    ]


def _make(connection: Connection, table: str, rows: int, columns: dict[str, str]) -> None:
    target = SQLModel.metadata.tables[table]
    if "key" in target.c:
        padded = "printf('%09d', n)" if connection.dialect.name == "sqlite" else "lpad(CAST(n AS TEXT), 9, '0')"
        columns = {"id": "n", "key": f"'{table[0].upper()}' || {padded}", **columns}
    if connection.dialect.name == "sqlite":
        numbers = f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {rows})"
    else:
        numbers = f"WITH numbers(n) AS (SELECT generate_series(1, CAST({rows} AS BIGINT)))"
        columns = {
            name: f"CAST({value} AS JSON)" if name in {"extra", "properties", "facts", "slots"} else value
            for name, value in columns.items()
        }
    names = ", ".join(columns)
    connection.execute(
        text(f"INSERT INTO {table} ({names}) {numbers} SELECT {', '.join(columns.values())} FROM numbers")
    )
    if connection.dialect.name == "postgresql" and "id" in target.c:
        connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {rows})"))


def _indexes() -> list[Index]:
    filled = ("account", "contact", "orders", "event", "cart", "cart_line", "send", "mail_event")
    return [index for table in filled for index in SQLModel.metadata.tables[table].indexes]
