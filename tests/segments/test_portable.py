"""A segment as a query to hand over: every engine finds the members that the product finds."""

from __future__ import annotations

import importlib.util
import random
import re
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text
from tests.conftest import missing
from tests.segments.engines import duckdb_over, hand_over
from tests.segments.shop import DAY, HOUR, NOW, Shop, at, segments, settings
from tests.segments.test_random import random_shop

from orchestrator.segments.compile import compile_with_data
from orchestrator.segments.members import holds
from orchestrator.segments.portable import DIALECTS, head, portable_query
from orchestrator.store import tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection

    from orchestrator.segments.compile import CompiledSegment
    from orchestrator.segments.portable import PortableQuery
    from orchestrator.store.database import Database

CONDITIONS = {
    "rank": "rfm_tier in ('vip', 'bronze') or rfm_score like '5%'",
    "scores": "rfm_recency >= 3 and rfm_monetary < 5",
    "referring": "in_segment('scores') or not in_segment('rank')",
    "mailed": "received('spring') and not clicked('spring')",
    "readers": "mails_last_30_days > 0 and opens_total = 0 or days_since_click < 5",
    "keen": "interested_in('pumps') and not attended('fair')",
    "answers": "answered('size') or answered('4') or answered('true')",
    "buyers": "bought('category', 'Pumps') or bought('product', 'P2', last_365_days)",
    "moments": "count('page_view', last_30_days) > 0 or days_since('page_view') >= 40",
    "points": "x_points >= 12.5 and x_points < 400.05",
    "flags": "x_member or account_x_zone = 'it''s \\ \"A\"'",
    "letters": r"role like 'B_CH%' or role like '%O''NEIL' or role like 'a.b\c%'",
    "mailbox": "email_domain = 'firm.example' and age >= 30",
    "exact": "avg_order_value_total > 33.33 or web_share_total * 3 = 1",
    "wide": "annual_revenue * annual_revenue * employees > 100000000000 or employees * 1000000000 > cart_value",
    "measured": "lead_score * 2 > 1.3 or lead_score = 0.1",
    "company": "account_orders_total > 1 and account_days_since_last_order is not null",
    "signed": "consent = 'opted_in' and days_since_signup between 1 and 40",
    "idle": "region = 'Europe' and hours_since_cart_add >= 14 and cart_value + 1 > 2.5",
    "nobody": "false",
}


def population() -> Shop:
    """A random shop with everything that a condition can ask for."""
    chance = random.Random(11)
    shop = random_shop(5)
    now = at(NOW)
    for number in range(30):
        account = chance.choice([None, 1, 2])
        shop.contact(
            account=account,
            country=chance.choice([None, "DE", "US"]),
            role=chance.choice([None, "Bûcher", "BÛCHER", "o'neil", "a.b\\c", "a.b\\c\nd", "axb"]),
            lead_score=chance.choice([None, 0.1, 0.65, 3.0]),
            created_at=chance.choice([None, now - DAY, now - 40 * DAY, now + 1]),
            consent=chance.choice(["opted_in", "unknown"]),
            consent_at=chance.choice([None, now - 5, now + 5]),
            birth_date=chance.choice([None, "1996-03-30", "1996-03-31", "1950-01-01"]),
            interests=chance.choice([None, ";pumps;valves;", ";pump;"]),
            extra={"points": chance.choice(["12.5", "12.49", "400", "7"]), "member": chance.choice(["true", "FALSE"])},
        )
        contact = len(shop.contacts)
        for _ in range(number % 4):
            shop.order(contact, chance.choice([1, 33_33, 100_00]), now - chance.choice([0, 1, 20, 300]) * DAY)
            shop.order_line(len(shop.orders), chance.choice([1, 2]))
        shop.cart(contact, [(1, number, 75)], last_added_at=now - chance.choice([13, 14, 15]) * HOUR)
        shop.event(contact, "page_view", now - chance.choice([1, 40, 50]) * DAY)
        shop.event(contact, "event_attended", now - DAY, event=chance.choice(["fair", "other"]))
        properties: dict[str, Any] = chance.choice([{"size": "L"}, {"n": 4}, {"ok": True}, {}])
        shop.event(contact, "survey_answered", now - DAY, **properties)
    shop.products[0] |= {"category": "Pumps"}
    shop.accounts[0] |= {"extra": {"zone": 'it\'s \\ "A"'}}
    return shop


def mails(database: Database, shop: Shop) -> None:
    now = at(NOW)
    with database.session() as session:
        for contact in range(1, len(shop.contacts) + 1):
            sent = now - contact * DAY if contact % 3 else None
            session.add(
                tables.Send(
                    run=1,
                    contact=contact,
                    campaign=["spring", "it's"][contact % 2],
                    decided_at=now,
                    decision="sent" if sent else "capped",
                    sent_at=sent,
                )
            )
            if contact % 4 == 0:
                session.add(
                    tables.MailEventRow(
                        mailing=1,
                        run=1,
                        campaign="spring",
                        contact=contact,
                        at=now - contact * DAY,
                        kind=["open", "click"][contact % 8 == 0],
                    )
                )


def compiled(connection: Connection) -> dict[str, CompiledSegment]:
    found = compile_with_data(connection, segments(**CONDITIONS))
    assert not found.problems
    return dict(found.segments)


def expected(connection: Connection) -> dict[str, set[str]]:
    """Who is in, by the product's own way."""
    keys: dict[int, str] = {row[0]: row[1] for row in connection.execute(text("SELECT id, key FROM contact"))}
    written = segments(**CONDITIONS)
    found = {name: holds(connection, settings(), written, name, now=NOW, contacts=list(keys)) for name in written}
    return {name: {keys[one] for one in ids} for name, ids in found.items()}


def asked(segment: CompiledSegment, dialect: str) -> PortableQuery:
    return portable_query(segment, settings(), now=NOW, dialect=dialect)


@pytest.fixture
def shop(database: Database) -> Database:
    """The population in a database of either kind."""
    people = population()
    people.write(database)
    mails(database, people)
    return database


def test_the_workspaces_database_and_duckdb_over_its_file_find_the_same_members(shop: Database) -> None:
    dialect = next(ours for ours, theirs in DIALECTS.items() if theirs == shop.dialect)
    with shop.read() as connection:
        members = expected(connection)
        one_kind = [name for name, found in members.items() if len(found) in {0, len(population().contacts)}]
        assert one_kind == ["nobody"]
        for name, segment in compiled(connection).items():
            rows = connection.connection.cursor()
            rows.execute(asked(segment, dialect).sql)
            assert {row[0] for row in rows.fetchall()} == members[name], name
        if dialect == "sqlite":
            with duckdb_over(str(shop.engine.url.database)) as other:
                for name, segment in compiled(connection).items():
                    assert {row[0] for row in other.execute(asked(segment, "duckdb").sql).fetchall()} == members[
                        name
                    ], name


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    """One local Spark for the module: it takes seconds to start."""
    if importlib.util.find_spec("pyspark") is None or shutil.which("java") is None:
        missing("pyspark or Java is not installed; `make spark` installs the former")
    from pyspark.sql import SparkSession  # noqa: PLC0415 -- only where there is one

    builder = SparkSession.builder.master("local[1]").appName("segments")
    for key, value in {
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.session.timeZone": "UTC",
        # for hundreds of rows, interpreting a plan is faster than compiling it
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.default.parallelism": "1",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    }.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    yield session
    session.stop()


def test_spark_finds_the_same_members(sqlite_database: Database, spark: Any) -> None:
    people = population()
    people.write(sqlite_database)
    mails(sqlite_database, people)
    with sqlite_database.read() as connection:
        hand_over(connection, spark)
        members = expected(connection)
        for name, segment in compiled(connection).items():
            found = {row["contact_id"] for row in spark.sql(asked(segment, "spark").sql).collect()}
            assert found == members[name], name


def test_the_head_names_every_column_that_is_read(sqlite_database: Database) -> None:
    population().write(sqlite_database)
    with sqlite_database.read() as connection:
        segment = compiled(connection)["mailed"]
    query = asked(segment, "spark")
    assert query.tables == {
        "contact": ("created_at", "email", "id", "key"),
        "mail_event": ("at", "campaign", "contact", "kind"),
        "send": ("campaign", "contact", "decision", "sent_at"),
    }
    written = head(replace(segment, name="mailed"), "a = 1\n-- b\u2028; drop table x", query, now=NOW, dialect="spark")
    assert all(line.startswith("-- ") for line in written.splitlines())
    assert "send (records of the orchestrator: what was sent to whom): campaign TEXT, contact BIGINT" in written


def test_columns_are_named_after_fields_and_nothing_is_left_to_bind(sqlite_database: Database) -> None:
    population().write(sqlite_database)
    with sqlite_database.read() as connection:
        for name, segment in compiled(connection).items():
            for dialect in DIALECTS:
                query = asked(segment, dialect).sql
                assert not re.search(r"(?<!:):\w", re.sub(r"'(?:[^'\\]|''|\\.)*'", "''", query)), (name, dialect)
                assert not re.search(r"\b[fd]\d+\b", re.sub(r"'(?:[^'\\]|''|\\.)*'", "''", query)), (name, dialect)
