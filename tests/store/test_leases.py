"""Who does what: one at a time, noticed when dead, never trusted when late."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from orchestrator.errors import Busy
from orchestrator.store import database as store_database, leases
from orchestrator.store.database import CLOCK
from orchestrator.store.holders import this_process
from orchestrator.store.leases import HeldLease, lease

if TYPE_CHECKING:
    from orchestrator.store.database import Database


def claim(database: Database, *, process: int, place: str | None = None, expires_in: float = 20) -> None:
    """Another one's lease, as its row."""
    here = this_process("something else", 0)
    began = here.began if process == here.process else ""
    holder = replace(here, process=process, began=began, place=here.place if place is None else place)
    with database.write() as connection:
        connection.execute(
            text("INSERT INTO lease (name, holder, token, expires_at) VALUES ('cycle', :holder, 'theirs', :at)"),
            {"holder": holder.to_text(), "at": int(time.time() + expires_in)},
        )


def run_out(database: Database) -> None:
    """The lease is over."""
    with database.write(fenced=False) as connection:
        connection.execute(text("UPDATE lease SET expires_at = 1"))


def test_one_holds_it_and_the_other_is_told_who(database: Database) -> None:
    with lease(database, "cycle", "campaigns sync") as held:
        held.check()
        with pytest.raises(Busy, match=rf"campaigns sync \(process {os.getpid()} on "), lease(database, "cycle", "x"):
            pass
        with lease(database, "another", "x"):
            pass
    with lease(database, "cycle", "x"):
        pass


def test_a_long_write_of_ours_is_not_told_as_that_of_another_program(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "RENEW_EVERY", 0.001)
    monkeypatch.setattr(leases, "LOCK_PATIENCE", 0.6)  # longer than SQLite waits by itself, once
    monkeypatch.setattr(store_database, "TOLD_AFTER", 0.001)
    told: list[str] = []
    monkeypatch.setattr(sqlite_database, "on_wait", told.append)
    renew, tried = HeldLease._renew, threading.Semaphore(0)

    def noted(held: HeldLease, **how: bool) -> bool:
        tried.release()
        return renew(held, **how)

    monkeypatch.setattr(HeldLease, "_renew", noted)
    with lease(sqlite_database, "cycle", "campaigns import"), sqlite_database.write(fenced=False):
        for _ in range(2):
            assert tried.acquire(timeout=60)
    assert told == []


def test_it_is_given_back_when_the_work_fails(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), lease(database, "cycle", "x"):
        raise ZeroDivisionError
    with lease(database, "cycle", "y"):
        pass


def test_waiting_is_told_once_and_ends_when_it_is_free(database: Database) -> None:
    told: list[str] = []
    taken, free = threading.Event(), threading.Event()

    def hold() -> None:
        with lease(database, "cycle", "the first"):
            taken.set()
            free.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    assert taken.wait(10)

    def wait(who: str) -> None:
        told.append(who)
        free.set()

    with lease(database, "cycle", "the second", wait_seconds=10, on_wait=wait):
        pass
    holder.join()
    assert len(told) == 1
    assert "the first" in told[0]


def test_a_dead_process_of_this_machine_holds_nothing(sqlite_database: Database) -> None:
    done = subprocess.Popen([sys.executable, "-c", "pass"])
    done.wait()
    claim(sqlite_database, process=done.pid)
    with lease(sqlite_database, "cycle", "x"):
        pass


def test_a_predecessor_with_our_process_number_is_dead(sqlite_database: Database) -> None:
    """Numbers are given again; the moment at which a process began is not."""
    here = this_process("x", 0)
    assert replace(here, began="1").is_gone
    assert not here.is_gone
    claim(sqlite_database, process=os.getpid())
    with lease(sqlite_database, "cycle", "x"):
        pass


@pytest.mark.parametrize(
    ("process", "place"),
    [(os.getppid(), None), (1 << 30, "another machine, or another container")],
    ids=["alive", "far"],
)
def test_a_living_or_distant_process_keeps_it_until_it_runs_out(
    sqlite_database: Database, process: int, place: str | None
) -> None:
    """Another machine, or container, has processes of its own under the same numbers and perhaps the same name."""
    claim(sqlite_database, process=process, place=place)
    with pytest.raises(Busy, match="something else"), lease(sqlite_database, "cycle", "x"):
        pass
    run_out(sqlite_database)
    if place is None:
        # it lives, and gets a moment to renew: perhaps nobody could, because somebody held the file
        with pytest.raises(Busy, match="something else"), lease(sqlite_database, "cycle", "x"):
            pass
        run_out(sqlite_database)
    with lease(sqlite_database, "cycle", "x"):
        pass


def test_a_holder_that_slept_renews_if_nobody_took_over(sqlite_database: Database) -> None:
    with lease(sqlite_database, "cycle", "x") as held:
        held._good_until = leases.steady() - 1
        held.check()
        assert held._good_until > leases.steady()


def test_a_holder_that_slept_stops_if_somebody_took_over(sqlite_database: Database) -> None:
    with lease(sqlite_database, "cycle", "x") as held:
        with sqlite_database.write(fenced=False) as connection:
            connection.execute(text("UPDATE lease SET token = 'theirs'"))
        held._good_until = leases.steady() - 1
        with pytest.raises(Busy, match="another one has taken over"):
            held.check()
    with sqlite_database.read() as connection:
        assert connection.execute(text("SELECT token FROM lease")).scalar() == "theirs", "theirs is not given back"


def test_it_is_renewed_while_the_work_goes_on(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "RENEW_EVERY", 0.01)
    with lease(sqlite_database, "cycle", "x") as held:
        held._good_until = 0.0
        renewed = threading.Event()
        while not renewed.wait(0.01):
            if held._good_until > 0:
                renewed.set()
        held.check()


def test_two_threads_never_hold_it_together(database: Database) -> None:
    inside, most = 0, 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal inside, most
        for _ in range(3):
            with lease(database, "cycle", "x", wait_seconds=30):
                with lock:
                    inside += 1
                    most = max(most, inside)
                with lock:
                    inside -= 1

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_a_commit_of_who_lost_the_lease_is_refused(database: Database) -> None:
    """The pause came after everything was checked: the transaction itself finds out."""

    def write() -> None:
        with database.write() as connection:
            connection.execute(text("INSERT INTO campaign_seen (campaign, first_seen_at) VALUES ('late', 1)"))
            with database.write(fenced=False) if database.dialect == "postgresql" else nullcontext(connection) as other:
                other.execute(text("UPDATE lease SET token = 'theirs'"))

    with lease(database, "cycle", "x") as held:
        with pytest.raises(Busy, match="another one has taken over"):
            write()
        if database.dialect == "postgresql":
            with pytest.raises(Busy, match="another one has taken over"):
                held.check()
    with database.read() as connection:
        assert not connection.execute(text("SELECT 1 FROM campaign_seen")).all()


def test_a_long_transaction_keeps_the_lease(sqlite_database: Database) -> None:
    """Nobody can renew while it holds the file, and nobody can take over: committing it renews."""
    with lease(sqlite_database, "cycle", "x") as held:
        with sqlite_database.write() as connection:
            connection.execute(text("UPDATE lease SET expires_at = 1"))
            held._good_until = 0.0
        assert held._good_until > leases.steady()
        with pytest.raises(Busy, match=r"x \(process"), lease(sqlite_database, "cycle", "y"):
            pass


def test_a_clock_that_was_set_back_keeps_nobody_waiting(sqlite_database: Database) -> None:
    claim(sqlite_database, process=1 << 30, place="another machine", expires_in=3600)
    with pytest.raises(Busy), lease(sqlite_database, "cycle", "x"):
        pass
    with sqlite_database.read() as connection:
        assert connection.execute(text("SELECT expires_at FROM lease")).scalar_one() <= time.time() + leases.SECONDS + 1


def test_the_database_says_what_time_it_is(database: Database) -> None:
    with database.read() as connection:
        now = connection.execute(text(f"SELECT {CLOCK[database.dialect]}")).scalar_one()
    assert abs(float(now) - time.time()) < 5


def test_a_long_write_of_our_own_does_not_end_the_renewal(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The importer's transaction holds the file for longer than a renewal waits."""
    asked = threading.Semaphore(0)

    def busy(_held: HeldLease, **_: bool) -> bool:
        asked.release()
        raise Busy("The database is held.")

    monkeypatch.setattr(leases, "RENEW_EVERY", 0.001)
    monkeypatch.setattr(HeldLease, "_renew", busy)
    with lease(sqlite_database, "cycle", "an import"):
        for _ in range(3):
            assert asked.acquire(timeout=10)
