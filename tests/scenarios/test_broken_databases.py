"""A database that cannot be used: a sentence with cause and next step, exit 1, nothing changed, nothing lost."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from tests.scenarios.breaking import breaking
from tests.scenarios.busy_day import TODAY, BusyDay, assert_done, busy_day, eve
from tests.scenarios.world import World

from orchestrator.store import engines as module

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.scenarios.world import Result

    from orchestrator.sandbox.server import Sandbox

ALL = os.environ.get("ALL_CRASH_POINTS") == "1"
"""`make crash-test`: every write, instead of a sample"""
READING = (("status",), ("runs",))
WORKING = (("import",), ("segments",), ("sync",), ("send", "news", "--yes"), ("daemon", "--once"))
PAGE = 4096
KINDS = {
    "full": "disk of the server is full|disk refuses to read or to write",
    "read-only": "can be read, but not written|is read-only",
}


@pytest.fixture
def day(tmp_path: Path, sandbox: Sandbox) -> BusyDay:
    prepared = busy_day(tmp_path, sandbox)
    prepared.again()
    return prepared


def assert_told(result: Result, said: str) -> None:
    """One sentence for a person, and nothing that is secret or of a customer."""
    assert result.code == 1, result
    assert any(words in result.err for words in said.split("|")), result.err
    assert "Unexpected fault" not in result.err
    assert "Traceback" not in result.err
    assert "secret" not in result.err
    assert "@shop.example" not in result.err


def assert_nothing_goes(world: World, said: str, commands: tuple[tuple[str, ...], ...]) -> None:
    """Each of the commands stops with these words before anything leaves."""
    world.sandbox.forget_requests()
    for command in commands:
        assert_told(world.command(*command, now=TODAY), said)
    assert world.sandbox.writes() == []


# -- from the start


def _overwrite(file: Path) -> None:
    file.write_bytes(b"these are no records\n" * 1000)


def _damage(file: Path) -> None:
    pages = bytearray(file.read_bytes())
    for start in range(PAGE, len(pages), PAGE):
        pages[start : start + 100] = b"\xa5" * 100
    file.write_bytes(pages)


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: 3 * PAGE])


def _make_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (_overwrite, "The file is something else than a database"),
        (_damage, "The file is damaged"),
        (_cut, "The file is damaged"),
        (_make_folder, "Is a directory"),
    ],
)
def test_a_file_that_is_no_sound_database_stops_everything(
    day: BusyDay, broken: Callable[[Path], None], said: str
) -> None:
    world = day.world
    broken(world.root / "campaigns.db")
    assert_nothing_goes(world, said, READING + WORKING)
    with contextlib.suppress(OSError):
        (world.root / "campaigns.db").rmdir()
    world = day.again()
    world.cycle(TODAY)
    assert_done(world, TODAY)


def test_a_folder_that_is_not_there_is_named(day: BusyDay) -> None:
    world = day.world
    world.database_url = f"sqlite:///{world.root}/nowhere/campaigns.db"
    world.configure(world.settings)
    assert_nothing_goes(world, f"{world.root}/nowhere, does not exist", READING + WORKING)


def test_a_file_that_another_program_keeps_for_itself(day: BusyDay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OPEN_SECONDS", 0)
    other = sqlite3.connect(day.world.root / "campaigns.db", isolation_level=None)
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    assert_nothing_goes(day.world, "Another program keeps it for itself", (("status",), ("sync",)))
    other.close()
    day.world.cycle(TODAY)
    assert_done(day.world, TODAY)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Two megabytes, where this user may mount a disk."""
    place = tmp_path / "disk"
    place.mkdir()
    asked = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], check=False, capture_output=True)
    if asked.returncode:
        pytest.skip("only root may mount a disk")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def _on(day: BusyDay, disk: Path) -> World:
    """The eve of the day on another disk."""
    world = day.again()
    shutil.copyfile(day.store, disk / "campaigns.db")
    world.database_url = f"sqlite:///{disk}/campaigns.db"
    world.configure(world.settings)
    return world


def test_a_disk_without_room(day: BusyDay, small_disk: Path) -> None:
    world = _on(day, small_disk)
    filler = small_disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 1000)
    assert_nothing_goes(world, "The disk is full|The disk refuses|No space left", WORKING)
    filler.unlink()
    world.cycle(TODAY)
    assert_done(world, TODAY)


def test_a_disk_that_was_mounted_for_reading(day: BusyDay, small_disk: Path) -> None:
    world = _on(day, small_disk)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    assert_nothing_goes(world, "Read-only file system", READING + WORKING)
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    world.cycle(TODAY)
    assert_done(world, TODAY)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_file_without_the_right_to_write(day: BusyDay) -> None:
    (day.world.root / "campaigns.db").chmod(0o400)
    assert_nothing_goes(day.world, "Permission denied", READING + WORKING)


# -- in the middle


LEASES = 2
"""held by `daemon --once`"""


def finish(world: World) -> None:
    """Whole again: the next cycle does all that was left, and the one after it has nothing to write."""
    world.cycle(TODAY + timedelta(minutes=10))
    world.sandbox.forget_requests()
    now = TODAY + timedelta(minutes=20)
    world.cycle(now)
    assert world.sandbox.writes() == []
    assert_done(world, now)


@pytest.mark.parametrize("kind", KINDS)
def test_a_database_that_refuses_in_the_middle_of_a_day_loses_nothing(day: BusyDay, kind: str) -> None:
    with breaking(kind) as sound:
        day.world.cycle(TODAY)
    for at in range(1, sound.writes + 1, 1 if ALL else sound.writes // 3):
        world = day.again()
        with breaking(kind, at):
            result = world.command("daemon", "--once", now=TODAY)
        # the last writes give leases back after the work: they end by themselves, and nothing is lost
        if result.code or at <= sound.writes - LEASES:
            assert_told(result, KINDS[kind])
        finish(world)


@pytest.mark.parametrize("kind", KINDS)
def test_a_send_by_hand_that_the_database_interrupts_is_finished_by_the_next_one(day: BusyDay, kind: str) -> None:
    world = day.world
    for command in ("import", "segments", "sync"):
        world.ok(command, now=TODAY)
    with breaking(kind, at=12):
        assert_told(world.command("send", "news", "--yes", now=TODAY), KINDS[kind])
    finish(world)


# -- PostgreSQL


@pytest.fixture
def served(tmp_path: Path, sandbox: Sandbox, database_url: str) -> World:
    return World(tmp_path, sandbox, database_url=database_url)


on_postgres = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.mark.postgres
@on_postgres
def test_a_server_that_cannot_be_used_is_told_apart(served: World) -> None:
    url = make_url(served.database_url)
    cases = {
        "The server does not answer": url.set(host="127.0.0.1", port=1, query={}),
        "The server has no such database": url.set(database="nowhere"),
        "The server refuses the login": url.set(username="nobody_of_ours"),
    }
    for said, address in cases.items():
        secret = address.set(password="secret").render_as_string(hide_password=False)
        served.database_url = secret
        served.configure(served.settings)
        assert_nothing_goes(served, said, (("status",), ("daemon", "--once")))


@pytest.mark.postgres
@on_postgres
def test_a_server_that_only_reads(served: World) -> None:
    eve(served)
    name = make_url(served.database_url).database
    owner = create_engine(served.database_url, isolation_level="AUTOCOMMIT")
    with owner.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
    assert_nothing_goes(served, "is read-only", WORKING)
    served.ok("runs", now=TODAY)
    with owner.connect() as connection:
        connection.execute(text("SET default_transaction_read_only = off"))
        connection.execute(text(f"ALTER DATABASE {name} RESET default_transaction_read_only"))
    owner.dispose()
    finish(served)


@pytest.mark.postgres
@on_postgres
@pytest.mark.parametrize(("kind", "at"), [("full", 25), ("read-only", 60)])
def test_a_server_that_refuses_in_the_middle_loses_nothing(served: World, kind: str, at: int) -> None:
    eve(served)
    with breaking(kind, at):
        assert_told(served.command("daemon", "--once", now=TODAY), KINDS[kind])
    finish(served)
