"""Transactions, and a database that only looks as if it were written to."""

from __future__ import annotations

import contextlib
import stat
import threading
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from orchestrator.errors import Busy, DataError
from orchestrator.store import database as module, engines, migrations
from orchestrator.store.leases import lease
from orchestrator.store.migrations import MIGRATIONS
from orchestrator.store.opening import open_database

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.engine import Connection

    from orchestrator.store.database import Database

INSERT = text("INSERT INTO campaign_seen (campaign, first_seen_at) VALUES (:name, 1)")


def names(connection: Connection) -> list[str]:
    return list(connection.scalars(text("SELECT campaign FROM campaign_seen ORDER BY 1")))


def test_a_write_is_all_or_nothing(database: Database) -> None:
    def fail() -> None:
        with database.write() as connection:
            connection.execute(INSERT, {"name": "a"})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with database.read() as connection:
        assert names(connection) == []


def test_what_is_done_in_a_read_is_rolled_back(database: Database) -> None:
    with database.read() as connection:
        connection.execute(INSERT, {"name": "a"})
    with database.read() as connection:
        assert names(connection) == []


def test_a_reader_sees_one_moment(database: Database) -> None:
    with database.read() as reader:
        assert names(reader) == []
        with database.write() as connection:
            connection.execute(INSERT, {"name": "a"})
        assert names(reader) == []
    with database.read() as reader:
        assert names(reader) == ["a"]


def test_a_rehearsal_sees_what_it_wrote_and_leaves_nothing(database: Database) -> None:
    with database.write() as connection:
        connection.execute(INSERT, {"name": "a"})
    with database.rehearsal() as rehearsed:
        with rehearsed.write() as connection:
            connection.execute(INSERT, {"name": "b"})
        with contextlib.suppress(ZeroDivisionError), rehearsed.write() as connection:
            connection.execute(INSERT, {"name": "c"})
            raise ZeroDivisionError
        with rehearsed.read() as connection:
            assert names(connection) == ["a", "b"]
        with rehearsed.session() as session:
            session.execute(INSERT, {"name": "d"})
    with database.read() as connection:
        assert names(connection) == ["a"]


def test_a_rehearsal_that_fails_leaves_nothing(database: Database) -> None:
    def fail() -> None:
        with database.rehearsal() as rehearsed, rehearsed.write() as connection:
            connection.execute(INSERT, {"name": "b"})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with database.read() as connection:
        assert names(connection) == []


def test_the_file_is_private(tmp_path: Path) -> None:
    open_database("sqlite:///campaigns.db", tmp_path, now=0).close()
    assert stat.S_IMODE((tmp_path / "campaigns.db").stat().st_mode) == 0o600


def test_the_log_does_not_stay_as_large_as_it_was_after_a_large_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "_LOG_BYTES", 100_000)
    database = open_database("sqlite:///shop.db", tmp_path, now=0)
    for name in ("x" * 8_000_000, "b", "c"):
        with database.write() as connection:
            connection.execute(INSERT, {"name": name})
    assert (tmp_path / "shop.db-wal").stat().st_size <= 100_000
    database.close()


def test_opening_it_again_changes_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        opened = open_database("sqlite:///campaigns.db", tmp_path, now=0)
        with opened.read() as connection:
            applied = list(connection.scalars(text("SELECT version FROM schema_version ORDER BY version")))
            assert applied == list(range(1, len(MIGRATIONS) + 1))
        opened.close()


def test_a_database_of_an_older_version_gets_what_is_new_once(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def add(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE a_later_thought (id INTEGER)"))

    url = database.engine.url.render_as_string(hide_password=False)
    with database.write() as connection:
        connection.execute(INSERT, {"name": "kept"})
    newest = len(MIGRATIONS) + 1
    monkeypatch.setattr(migrations, "MIGRATIONS", (*MIGRATIONS, add))
    for now in (7, 8):
        opened = open_database(url, tmp_path, now=now)
        with opened.read() as connection:
            assert connection.scalar(text("SELECT count(*) FROM a_later_thought")) == 0
            assert names(connection) == ["kept"]
            applied = text("SELECT applied_at FROM schema_version WHERE version = :newest")
            assert connection.scalars(applied, {"newest": newest}).all() == [7]
        opened.close()


def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    opened = open_database("sqlite:///campaigns.db", tmp_path, now=0)
    with opened.write() as connection:
        connection.execute(text("INSERT INTO schema_version (version, applied_at) VALUES (99, 0)"))
    opened.close()
    with pytest.raises(DataError, match="schema 99"):
        open_database("sqlite:///campaigns.db", tmp_path, now=0)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://x/y", "SQLite or PostgreSQL"),
        ("nonsense", "not a database address"),
        ("sqlite:///no/such/folder/campaigns.db", "does not exist"),
        ("postgresql+psycopg://me:secret@127.0.0.1:1/nothing", "server does not answer.*start it"),
    ],
)
def test_an_address_that_does_not_work_is_explained(tmp_path: Path, url: str, said: str) -> None:
    with pytest.raises(DataError, match=f"(?i){said}") as fault:
        open_database(url, tmp_path, now=0)
    assert "secret" not in str(fault.value)


def test_a_file_that_is_no_database_is_explained(tmp_path: Path) -> None:
    (tmp_path / "campaigns.db").write_text("these are no records, and there are quite a few of them\n" * 30)
    with pytest.raises(DataError):
        open_database("sqlite:///campaigns.db", tmp_path, now=0)


def test_a_rehearsal_on_sqlite_neither_waits_for_a_writer_nor_keeps_one_out(sqlite_database: Database) -> None:
    with sqlite_database.write() as other:
        other.execute(INSERT, {"name": "not committed"})
        with sqlite_database.rehearsal() as rehearsed, rehearsed.write() as connection:
            connection.execute(INSERT, {"name": "pretended"})
            assert names(connection) == ["pretended"]
    with sqlite_database.rehearsal() as rehearsed, sqlite_database.write() as other:
        other.execute(INSERT, {"name": "meanwhile"})
        with rehearsed.read() as connection:
            assert names(connection) == ["not committed"]


def test_who_waits_for_a_writer_says_so_and_goes_on(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TOLD_AFTER", 0.0)
    held, told = threading.Event(), threading.Event()

    def hold() -> None:
        with sqlite_database.write() as connection:
            held.set()
            told.wait(20)
            connection.execute(INSERT, {"name": "first"})

    said: list[str] = []

    def wait(words: str) -> None:
        said.append(words)
        told.set()

    sqlite_database.on_wait = wait
    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(20)
    with sqlite_database.write() as connection:
        assert names(connection) == ["first"]
    holder.join()
    assert said == ["Waiting: the database is held by another program …"]


def test_who_waits_in_vain_is_told_what_to_do(sqlite_database: Database, tmp_path: Path) -> None:
    other = open_database("sqlite:///campaigns.db", tmp_path, now=0)
    with (
        lease(other, "cycle", "campaigns import"),
        other.write(),
        pytest.raises(Busy, match=r"has been held by another program for \d+ seconds.*`campaigns status`"),
        sqlite_database.write(patience=0.1),
    ):
        pass
    other.close()
