"""A recompute by DuckDB stores what SQLite alone would store; where DuckDB cannot be had, SQLite computes."""

from __future__ import annotations

import logging
import random
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st
from sqlalchemy import text
from tests.segments.changing_shop import CONDITIONS, ChangingShop
from tests.segments.shop import DAY, HOUR, NOW, Shop, at, segments, unguarded
from tests.segments.test_incremental import Drawn
from tests.segments.test_portable import CONDITIONS as MORE_CONDITIONS, mails, population
from tests.segments.test_random import SENTENCES, random_shop

from orchestrator.contacts.question import InTable
from orchestrator.contacts.ranking import Ranker, ranking_of
from orchestrator.definitions.values import RfmSettings
from orchestrator.segments import duck
from orchestrator.segments.evaluate import Scope, recompute
from orchestrator.store.opening import open_database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.definitions.values import SegmentDefinition
    from orchestrator.segments.evaluate import Recompute
    from orchestrator.store.database import Database

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = unguarded(rfm=RfmSettings("last_90_days"))
WANTED = segments(**{f"s{number}": one for number, one in enumerate(CONDITIONS)}, **MORE_CONDITIONS)
STORED = (
    "SELECT contact, word, mask FROM membership_mask ORDER BY 1, 2",
    "SELECT segment, contact, at, entered FROM membership_change ORDER BY 1, 2, 3",
    "SELECT name, bit, fingerprint, baseline_at, computed_at, size, held, active FROM segment ORDER BY 1",
    "SELECT contact, latest, orders, revenue FROM rfm_figure ORDER BY 1",
    "SELECT at, fingerprint, full_at, CAST(ranking AS VARCHAR) FROM recompute_state",
)


@pytest.fixture(autouse=True)
def few_contacts_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duck, "LEAST", 1)
    monkeypatch.setattr(duck, "SLICE", 5)  # of which even these shops have several


class Said(logging.Handler):
    """Why DuckDB did not compute, each time that it did not."""

    def __init__(self) -> None:
        super().__init__()
        self.reasons: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        said = re.fullmatch(r"DuckDB does not compute this: (.*)\.", record.getMessage())
        if said:
            self.reasons.append(said[1])


@pytest.fixture
def reasons() -> Iterator[list[str]]:
    handler, log = Said(), logging.getLogger("orchestrator.segments")
    before = log.level
    log.setLevel(logging.INFO)
    log.addHandler(handler)
    yield handler.reasons
    log.removeHandler(handler)
    log.setLevel(before)


def stored(database: Database) -> list[list[tuple[Any, ...]]]:
    with database.read() as connection:
        return [[tuple(row) for row in connection.execute(text(query))] for query in STORED]


def everybody(
    database: Database, wanted: dict[str, SegmentDefinition] = WANTED, now: Any = NOW, scope: Scope = Scope.EVERYBODY
) -> Recompute:
    return recompute(database, SETTINGS, wanted, now=now, scope=scope)


def in_both_ways(database: Database, wanted: dict[str, SegmentDefinition] = WANTED, now: Any = NOW) -> None:
    """By SQLite in a rehearsal, then by DuckDB: the same is said and stored."""
    with database.rehearsal() as rehearsed:
        plain = everybody(rehearsed, wanted, now)
        expected = stored(rehearsed)
    found = everybody(database, wanted, now)
    assert [replace(one, duration_ms=0) for one in found.segments] == [
        replace(one, duration_ms=0) for one in plain.segments
    ]
    assert stored(database) == expected


def awkward() -> Shop:
    """Letters of many scripts, amounts near the limits, nothing, and less than nothing."""
    chance = random.Random(3)
    shop = population()
    now = at(NOW)
    letters = [
        "ẞtraße",
        "i\u0307I\u0131\u0130",
        "e\u0301 é",
        "\ufeff",
        "\u202eabc",
        "👩\u200d🔬",
        "Ω\U0001f9ff",
        "'\"\\%_",
        "",
        " ",
    ]
    for number, word in enumerate(letters):
        shop.contact(
            key=f"{word}{number}",
            email=f"{word}{number}@ßhop.example",
            email_key=f"{word}{number}@ßhop.example",
            role=word,
            country=chance.choice([None, "SE", "Ω", ""]),
            interests=f";{word};pumps;",
            lead_score=chance.choice([None, -0.0, 5e-324, -1.7e308, 2.0**53]),
            consent="unknown" if number % 2 else "opted_in",
            consent_at=-number,
            birth_date=chance.choice([None, "0001-01-01", "9999-12-31", "1996-02-29"]),
            created_at=chance.choice([None, -1, 0]),
            extra={"points": chance.choice(["-999999999999.5", "0", "12.5"]), word or "empty": word},
        )
        contact = len(shop.contacts)
        for cents in (2**53 + 1, -(2**53) - 1, 2**60, -(2**60), 0, -1)[: number % 7]:
            shop.order(contact, cents, now - number * DAY, chance.choice(["completed", "returned"]))
        shop.order(None, -5, now - DAY, account=chance.choice([None, 1]))
        shop.cart(contact, [(1, -3, 2**40), (2, 1, None)], modified_at=None, last_added_at=-5)
        shop.event(contact, word or "login", now - number * HOUR, **{word: word, "nps": None})
    return shop


def test_every_kind_of_condition_over_awkward_values_and_two_words_of_masks(
    sqlite_database: Database, reasons: list[str]
) -> None:
    people = awkward()
    people.write(sqlite_database)
    mails(sqlite_database, people)
    letters = {f"l{n}": f"role = '{one}'" for n, one in enumerate(("ẞtraße", "👩\u200d🔬", "i\u0307I\u0131\u0130"))}
    letters |= {f"o{n}": f"role < '{one}'" for n, one in enumerate(("é", "Ω", "a", "z"))}
    letters |= {f"i{n}": f"role like '%{one}%'" for n, one in enumerate(("SS", "I", "É", "ω", "_"))}
    letters |= {f"m{n}": f"revenue_total > {one}" for n, one in enumerate((9007199254740992, -1, 1152921504606846))}
    wanted = WANTED | segments(**letters)
    assert len(wanted) > 62
    in_both_ways(sqlite_database, wanted)
    assert reasons == ["the database is no file"]
    with sqlite_database.read() as connection:
        assert connection.scalar(text("SELECT COUNT(*) FROM membership_mask WHERE word = 1"))
        assert connection.scalar(text("SELECT MAX(ABS(revenue)) FROM rfm_figure")) > 2**59


@hypothesis_settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10**6), sentences=st.lists(SENTENCES, min_size=20, max_size=30), hours=st.integers(0, 2000))
def test_random_conditions_over_random_shops(
    sqlite_template: Path, reasons: list[str], seed: int, sentences: list[Any], hours: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copyfile(sqlite_template, Path(folder, "shop.db"))
        database = open_database("sqlite:///shop.db", Path(folder), now=0)
        try:
            random_shop(seed).write(database)
            wanted = segments(**{f"r{n}": one.text for n, one in enumerate(sentences)}, rank="rfm_monetary > 2")
            in_both_ways(database, wanted)
            in_both_ways(database, wanted, NOW + timedelta(hours=hours))
        finally:
            database.close()
    assert set(reasons) == {"the database is no file"}


@hypothesis_settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_whatever_happens_both_engines_store_the_same_and_no_check_finds_drift(
    sqlite_template: Path, reasons: list[str], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copyfile(sqlite_template, Path(folder, "shop.db"))
        database = open_database("sqlite:///shop.db", Path(folder), now=0)
        try:
            shop = ChangingShop(database, Path(folder), Drawn(data))
            shop.open()
            for _ in range(3):
                shop.step()
                shop.step()
                shop.recompute(data.draw(st.sampled_from([Scope.EVERYBODY, Scope.CHECKED, Scope.CHECKED])))
        finally:
            database.close()
    assert set(reasons) == {"the database is no file"}


def test_a_check_of_two_engines_finds_masks_and_figures_that_are_wrong_and_heals_them(
    sqlite_database: Database, reasons: list[str]
) -> None:
    shop = Shop()
    for number in range(12):
        shop.order(shop.contact(lead_score=1), 100 * number, at(NOW) - number * DAY)
    shop.write(sqlite_database)
    wanted = segments(hot="lead_score > 5", cold="lead_score < 0", best="rfm_monetary = 5", new="rfm_recency = 5")
    everybody(sqlite_database, wanted)
    right = stored(sqlite_database)
    with sqlite_database.write() as connection:
        hot = int(connection.scalar(text("SELECT bit FROM segment WHERE name = 'hot'")) or 0)
        for contact in (2, 3):
            connection.execute(
                text("INSERT INTO membership_mask (contact, word, mask) VALUES (:c, 0, :m)"
                     " ON CONFLICT (contact, word) DO UPDATE SET mask = mask | excluded.mask"),
                {"c": contact, "m": 1 << hot},
            )  # fmt: skip
        # figures that no queue tells of, one of a contact that ordered nothing, and one that is gone
        connection.execute(text("UPDATE rfm_figure SET revenue = 5000 WHERE contact = 1"))
        connection.execute(text("INSERT INTO rfm_figure VALUES (99, 1, 1, 1)"))
        connection.execute(text("DELETE FROM rfm_figure WHERE contact = 7"))
        # and one that the check's own incremental part looks at
        connection.execute(text("INSERT INTO touched (fact, contact) VALUES ('orders', 1), ('orders', 5)"))
        connection.execute(text("UPDATE rfm_figure SET latest = latest + 1 WHERE contact = 5"))
    outcome = everybody(sqlite_database, wanted, scope=Scope.CHECKED)
    assert outcome.found.drift["hot"] == 2
    after = stored(sqlite_database)
    assert (after[0], after[3]) == (right[0], right[3])
    assert after[4] == right[4]
    assert everybody(sqlite_database, wanted, scope=Scope.CHECKED).found.drift == {}
    assert reasons == []


def test_what_an_incremental_part_wrote_is_taken_back_before_figures_from_elsewhere_come(
    sqlite_database: Database,
) -> None:
    shop = Shop()
    for number in range(6):
        shop.order(shop.contact(), 100 * number, at(NOW) - number * DAY)
    shop.contact()
    shop.write(sqlite_database)
    everybody(sqlite_database, segments(best="rfm_monetary = 5"))
    committed = stored(sqlite_database)[3]
    with sqlite_database.write() as connection:
        ranker = Ranker(connection, SETTINGS, NOW)
        contacts = connection.scalar(text("SELECT COUNT(*) FROM rfm_figure"))
        old = ranking_of(lambda sql: connection.execute(text(sql)), contacts, "sqlite")
        connection.execute(text("UPDATE orders SET total_cents = 9000 WHERE contact = 1"))
        connection.execute(text("DELETE FROM orders WHERE contact = 2"))
        connection.execute(text("UPDATE orders SET contact = 7 WHERE contact = 3"))
        connection.execute(text("CREATE TEMPORARY TABLE some AS SELECT id AS contact FROM contact"))
        assert ranker.update(old, InTable("some")) != old
        ranker.take([], old.contacts)
        figures = connection.execute(text(STORED[3]))
        assert [tuple(row) for row in figures] == committed
        assert ranking_of(lambda sql: connection.execute(text(sql)), contacts, "sqlite") == old
        ranker.take([[(1, 5, 6, 7), (2, 0, 0, 0)], [(9, 1, 1, -1)]], old.contacts)
        figures = connection.execute(text(STORED[3]))
        expected = {row[0]: row for row in committed} | {1: (1, 5, 6, 7), 9: (9, 1, 1, -1)}
        assert [tuple(row) for row in figures] == [row for contact, row in sorted(expected.items()) if contact != 2]
        connection.execute(text("DROP TABLE some"))


def small_shop(database: Database) -> dict[str, SegmentDefinition]:
    shop = Shop()
    for number in range(4):
        shop.order(shop.contact(lead_score=number), 100 * number, at(NOW) - number * DAY)
    shop.write(database)
    return segments(hot="lead_score > 1", best="rfm_monetary > 3")


def sizes(outcome: Recompute) -> list[int]:
    return [one.size for one in outcome.segments]


def test_nobody_writes_between_while_duckdb_reads(sqlite_database: Database) -> None:
    """Two copies of SQLite in one process would take each other's locks away."""
    small_shop(sqlite_database)
    file = str(sqlite_database.engine.url.database)
    writer = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('BEGIN IMMEDIATE')"

    def other() -> str:
        return subprocess.run([sys.executable, "-c", writer, file], capture_output=True, text=True, check=False).stderr

    with sqlite_database.write() as connection:
        connection.execute(text("UPDATE contact SET lead_score = 7"))
        with duck.duck_over(connection, anyway=True) as asked:
            assert asked.rows("SELECT MAX(lead_score) FROM contact") == [(3.0,)]
            assert "database is locked" in other()
        assert "database is locked" in other()
    assert other() == ""


def test_many_contacts_are_left_to_sqlite_and_few_but_where_it_is_checked(
    sqlite_database: Database, reasons: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duck, "LEAST", 5)
    wanted = small_shop(sqlite_database)
    everybody(sqlite_database, wanted)
    assert reasons == ["of less than 5 contacts SQLite is faster"]
    everybody(sqlite_database, wanted, scope=Scope.CHECKED)
    assert len(reasons) == 1
    monkeypatch.setattr(duck, "LEAST", 4)
    everybody(sqlite_database, wanted)
    assert len(reasons) == 1
    monkeypatch.setattr(duck, "MOST", 3)
    everybody(sqlite_database, wanted, scope=Scope.CHECKED)
    assert reasons[1:] == ["of more than 3 contacts it needs too much memory"]


@pytest.mark.parametrize("package", ["duckdb", duck.READER])
def test_without_the_extra_sqlite_computes(
    sqlite_database: Database, reasons: list[str], monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    assert sizes(everybody(sqlite_database, small_shop(sqlite_database))) == [2, 2]
    assert reasons == ["the extra `duckdb` is not installed"]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.postgres
def test_on_postgresql_it_computes_itself(database: Database, reasons: list[str]) -> None:
    assert sizes(everybody(database, small_shop(database))) == [2, 2]
    assert reasons == ["it reads SQLite"]


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, r"its reader of SQLite is not for DuckDB [\d.]+"), (b"damaged", r"it failed with \w+")],
    ids=["of another version", "damaged"],
)
def test_a_reader_that_cannot_be_loaded_leaves_it_to_sqlite(
    sqlite_database: Database,
    reasons: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    content: bytes | None,
    why: str,
) -> None:
    usual = Path(duck.reader_file())
    folder = tmp_path / "packages" / duck.READER
    there = folder / usual.relative_to(usual.parents[2])
    there.parent.mkdir(parents=True)
    (folder / "__init__.py").touch()
    if content is not None:
        there.write_bytes(content)
    monkeypatch.syspath_prepend(folder.parent)
    assert sizes(everybody(sqlite_database, small_shop(sqlite_database))) == [2, 2]
    assert [bool(re.fullmatch(why, one)) for one in reasons] == [True]


def test_what_duckdb_refuses_in_the_middle_is_computed_by_sqlite(sqlite_database: Database, reasons: list[str]) -> None:
    wanted = small_shop(sqlite_database)
    with sqlite_database.write() as connection:
        connection.execute(text("UPDATE contact SET created_at = 'a text where a number should be' WHERE id = 4"))
    with sqlite_database.rehearsal() as rehearsed:
        plain = sizes(everybody(rehearsed, wanted))
        expected = stored(rehearsed)
    assert sizes(everybody(sqlite_database, wanted)) == plain
    assert stored(sqlite_database) == expected
    assert len(reasons) == 2
    assert re.fullmatch(r"it failed with \w+", reasons[1])


def test_who_asks_loads_no_duckdb() -> None:
    subprocess.run(
        [sys.executable, "-c", "import orchestrator.segments.evaluate, sys; sys.exit('duckdb' in sys.modules)"],
        check=True,
    )


def test_the_extra_and_the_development_dependencies_name_the_same_versions() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extra = project["project"]["optional-dependencies"]["duckdb"]
    assert set(extra) <= set(project["dependency-groups"]["dev"])
    assert len({pin.partition("==")[2] for pin in extra}) == 1
