"""Two who want the same at the same time, and processes that are really killed."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.scenarios.busy_day import TODAY, BusyDay, assert_done, busy_day
from tests.scenarios.world import MONDAY, World

from orchestrator.clock import real_seconds
from orchestrator.engine import open_engine
from orchestrator.errors import Busy
from orchestrator.sandbox.faults import Fault
from orchestrator.sending import ByHand
from orchestrator.store.leases import steady

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from orchestrator.sandbox.server import Sandbox


def shop(world: World) -> World:
    world.segment("all", "consent = 'opted_in'")
    world.template("t", "<p>Dear {{ contact.first_name }}</p>")
    world.campaign("news", "all", "t", "News")
    for number in range(8):
        world.contact(f"c{number}", first_name=f"N{number}")
    world.load(MONDAY)
    return world


def send(world: World, now: datetime, asked_at: int | None = None) -> str:
    """`campaigns send news` with an engine of its own; the run's name."""
    engine = open_engine(world.root, now=now)
    try:
        with engine.at_work("campaigns send news", wait_seconds=30) as held:
            by_hand = ByHand(engine, engine.workspace.campaigns["news"], check=held.check, asked_at=asked_at)
            by_hand.decide()
            by_hand.carry_out()
            return by_hand.run.name
    finally:
        engine.close()


def test_those_who_send_the_same_at_once_do_it_once(world: World) -> None:
    shop(world)
    with ThreadPoolExecutor(3) as pool:
        runs = set(pool.map(lambda _: send(world, MONDAY), range(3)))
    assert len(runs) == 1
    assert world.receivers("news") == [f"c{number}" for number in range(8)]


def test_who_waited_for_the_same_send_by_somebody_else_does_not_repeat_it(world: World) -> None:
    shop(world)
    asked = real_seconds()
    first = send(world, MONDAY, asked)
    assert send(world, MONDAY + timedelta(seconds=8), asked) == first
    assert len(world.mails()) == 8


def test_who_asks_again_later_gets_another_run(world: World) -> None:
    shop(world)
    first = send(world, MONDAY, real_seconds())
    assert send(world, MONDAY + timedelta(hours=1), real_seconds() + 1) != first
    assert len(world.mails()) == 16


def test_who_does_not_wait_is_told_who_is_at_work(world: World) -> None:
    shop(world)
    engine, other = open_engine(world.root, now=MONDAY), open_engine(world.root, now=MONDAY)
    with (
        engine.at_work("campaigns send news"),
        pytest.raises(Busy, match=r"campaigns send news \(process \d+"),
        other.at_work("other", wait_seconds=0),
    ):
        pass
    with other.at_work("other", wait_seconds=0):
        pass
    engine.close()
    other.close()


def test_a_holder_that_lost_its_lease_does_nothing_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after SIGSTOP: the process slept longer than its lease, and another one is at work."""
    shop(world)
    engine, other = open_engine(world.root, now=MONDAY), open_engine(world.root, now=MONDAY)
    with engine.at_work("the sleeper") as sleeper:
        sleeper._stop.set()
        sleeper._good_until = steady() - 1
        with engine.database.write(fenced=False) as connection:
            connection.exec_driver_sql("UPDATE lease SET expires_at = 1")
        with (
            other.at_work("its successor", wait_seconds=0),
            pytest.raises(Busy, match="another one has taken over"),
        ):
            sleeper.check()
    engine.close()
    other.close()


def test_the_same_send_at_the_same_moment_is_the_same_run(world: World) -> None:
    shop(world)
    first = world.ok("send", "news", "--yes", "--json", now=MONDAY).json
    second = world.ok("send", "news", "--yes", "--json", now=MONDAY).json
    assert first["run"] == second["run"]
    assert len(world.mails()) == 8


class Killer:
    """Takes the place of the sandbox's faults: kills a process at its n-th call, before or after the work is done."""

    def __init__(self, at: int, *, after: bool) -> None:
        self.process: Any = None
        self._left = at
        self._after = after

    def draw(self, method: str, path: str) -> Fault | None:
        self._left -= 1
        if self._left != 0:
            return None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        return Fault("cut-after" if self._after else "cut-before")


@pytest.fixture
def day(tmp_path: Path, sandbox: Sandbox) -> BusyDay:
    return busy_day(tmp_path, sandbox)


@pytest.mark.parametrize(("at", "after"), [(9, True), (21, False), (34, True), (47, True)])
def test_a_killed_process_leaves_nothing_that_a_person_must_mend(day: BusyDay, at: int, after: bool) -> None:
    world = day.again()
    calm, killer = world.sandbox.faults, Killer(at, after=after)
    world.sandbox.faults = killer  # type: ignore[assignment]
    killer.process = world.process("daemon", "--once", now=TODAY)
    killer.process.communicate(timeout=60)
    assert killer.process.returncode == -signal.SIGKILL
    world.sandbox.faults = calm
    later = TODAY + timedelta(minutes=10)
    world.cycle(later)
    world.cycle(later + timedelta(minutes=10))
    assert_done(world, later)


def test_two_processes_that_send_the_same_do_it_once(world: World) -> None:
    shop(world)
    processes = [world.process("send", "news", "--yes", "--json", now=MONDAY) for _ in range(2)]
    answers = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], answers
    assert len(world.mails()) == 8
