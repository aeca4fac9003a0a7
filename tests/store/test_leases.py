"""Who does what: one at a time, noticed when dead, never trusted when late."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from orchestrator.errors import Busy
from orchestrator.store import leases
from orchestrator.store.leases import lease

if TYPE_CHECKING:
    from orchestrator.store.database import Database


def claim(database: Database, *, process: int, host: str | None = None, expires_in: int = 40) -> None:
    """Another one's lease, as its row."""
    holder = f"something else (process {process} on {host or socket.gethostname()}, since 09:00:00)"
    with database.write() as connection:
        connection.execute(
            text("INSERT INTO lease (name, holder, token, expires_at) VALUES ('cycle', :holder, 'theirs', :at)"),
            {"holder": holder, "at": int(time.time()) + expires_in},
        )


def test_one_holds_it_and_the_other_is_told_who(database: Database) -> None:
    with lease(database, "cycle", "campaigns sync") as held:
        held.check()
        with pytest.raises(Busy, match=rf"campaigns sync \(process {os.getpid()} on "), lease(database, "cycle", "x"):
            pass
        with lease(database, "another", "x"):
            pass
    with lease(database, "cycle", "x"):
        pass


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
    """A container that starts again has the same name and the same first process."""
    claim(sqlite_database, process=os.getpid())
    with lease(sqlite_database, "cycle", "x"):
        pass


@pytest.mark.parametrize("host", ["elsewhere", None])
def test_a_living_or_distant_process_keeps_it_until_it_runs_out(sqlite_database: Database, host: str | None) -> None:
    claim(sqlite_database, process=os.getppid(), host=host)
    with pytest.raises(Busy, match="something else"), lease(sqlite_database, "cycle", "x"):
        pass
    with sqlite_database.write() as connection:
        connection.execute(text("UPDATE lease SET expires_at = 1"))
    with lease(sqlite_database, "cycle", "x"):
        pass


def test_a_holder_that_slept_renews_if_nobody_took_over(sqlite_database: Database) -> None:
    with lease(sqlite_database, "cycle", "x") as held:
        held._good_until = time.monotonic() - 1
        held.check()
        assert held._good_until > time.monotonic()


def test_a_holder_that_slept_stops_if_somebody_took_over(sqlite_database: Database) -> None:
    with lease(sqlite_database, "cycle", "x") as held:
        with sqlite_database.write() as connection:
            connection.execute(text("UPDATE lease SET token = 'theirs'"))
        held._good_until = time.monotonic() - 1
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
