"""The budget of calls: in one process, over processes through files, over PostgreSQL."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time as clock
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, text

from orchestrator.errors import DataError
from orchestrator.mailchimp.connections import RECOVERY, ConnectionBudget
from orchestrator.mailchimp.slots import CALL_SECONDS, LONGEST_CALL, AdvisoryLockSlots, FileSlots, LocalSlots

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import URL, Engine

    from orchestrator.mailchimp.slots import Slots
    from orchestrator.store.database import Database


class Time:
    """Seconds that pass when told to; ``step`` pass with every look."""

    def __init__(self, step: float = 0.0) -> None:
        self.seconds = 1_000_000.0
        self.step = step

    def __call__(self) -> float:
        self.seconds += self.step
        return self.seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def engine(postgres_server: URL) -> Iterator[Engine]:
    made = create_engine(postgres_server)
    yield made
    made.dispose()


# -- permits of one process


def test_a_budget_needs_a_connection() -> None:
    with pytest.raises(ValueError, match="at least one"):
        ConnectionBudget.in_process(0)


def test_a_429_halves_the_permits_once_and_they_come_back_one_by_one(time: Time) -> None:
    budget = ConnectionBudget(8, LocalSlots(time), time)
    with budget.slot() as first, budget.slot() as second:
        time.seconds += 1
        budget.throttled(first)
        assert budget.permits() == 4
        budget.throttled(second)  # under way when the permits were halved: no news
        assert budget.permits() == 4
    time.seconds += 1
    with budget.slot() as third:
        budget.throttled(third)
    assert budget.permits() == 2
    time.seconds += RECOVERY
    assert budget.permits() == 3
    time.seconds += 100 * RECOVERY
    assert budget.permits() == 8


def test_permits_never_fall_below_one(time: Time) -> None:
    budget = ConnectionBudget(2, LocalSlots(time), time)
    for _ in range(5):
        time.seconds += 0.1
        with budget.slot() as slot:
            budget.throttled(slot)
    assert budget.permits() == 1


def test_with_fewer_permits_the_next_call_waits_for_a_place(time: Time) -> None:
    budget = ConnectionBudget(2, LocalSlots(time), time)
    with budget.slot() as slot:
        budget.throttled(slot)
    entered = threading.Event()

    def call() -> None:
        with budget.slot():
            entered.set()

    with budget.slot():
        waiting = threading.Thread(target=call)
        waiting.start()
        assert not entered.wait(0.05)
    waiting.join(20)
    assert entered.is_set()


def test_a_place_is_given_back_when_the_call_fails() -> None:
    budget = ConnectionBudget.in_process(1)
    for _ in range(3):
        with pytest.raises(RuntimeError), budget.slot():
            raise RuntimeError


# -- places shared by processes


@dataclass
class Shared:
    """The places of two processes."""

    one: Slots
    other: Slots
    passes: Callable[[float], None]
    """seconds"""


@pytest.fixture
def shared(database: Database, tmp_path: Path, time: Time) -> Iterator[Shared]:
    def passes(seconds: float) -> None:
        time.seconds += seconds
        with database.write() as connection:
            connection.execute(text("UPDATE lease SET expires_at = expires_at - :seconds"), {"seconds": int(seconds)})

    made: list[Slots] = []
    for _ in range(2):
        if database.dialect == "postgresql":
            made.append(AdvisoryLockSlots(database.engine, 2))
        else:
            made.append(FileSlots(tmp_path / "calls", 2, time))
    yield Shared(made[0], made[1], passes)
    for slots in made:
        slots.close()


def test_a_place_is_of_one_process_at_a_time(shared: Shared) -> None:
    one, other = shared.one, shared.other
    assert one.take(0)
    assert not other.take(0)
    assert other.take(1)
    one.give_back(0)
    assert other.take(0)


def test_a_place_of_a_process_that_ended_in_a_call_cools_until_that_is_over(shared: Shared) -> None:
    """Mailchimp may go on with the call, and counts it."""
    assert shared.one.take(0)
    shared.one.close()
    assert not shared.other.take(0)
    assert shared.other.take(1), "one that it had not taken"
    shared.passes(CALL_SECONDS - 5)
    assert not shared.other.take(0)
    shared.passes(7)
    assert shared.other.take(0)


def test_a_cooling_place_is_free_for_nobody_until_its_end(shared: Shared) -> None:
    one, other = shared.one, shared.other
    assert one.take(0)
    one.give_back(0, cooling=60)
    assert not one.take(0)
    assert not other.take(0)
    shared.passes(62)
    assert one.take(0)
    one.give_back(0)
    assert other.take(0)


def test_budgets_of_two_processes_together_keep_to_the_limit(shared: Shared) -> None:
    budgets = [ConnectionBudget(2, slots) for slots in (shared.one, shared.other)]
    counted = threading.Condition()
    in_flight, most, calls = 0, 0, 0

    def call(budget: ConnectionBudget) -> None:
        nonlocal in_flight, most, calls
        with budget.slot():
            with counted:
                in_flight += 1
                most = max(most, in_flight)
            with counted:
                in_flight -= 1
                calls += 1

    with ThreadPoolExecutor(8) as pool:
        for number in range(60):
            pool.submit(call, budgets[number % 2])
    assert calls == 60
    assert most <= 2
    for budget in budgets:
        budget.close()


def test_a_cooling_place_outlives_the_command_that_gave_up(tmp_path: Path, time: Time) -> None:
    first = FileSlots(tmp_path, 1, time)
    assert first.take(0)
    first.give_back(0, cooling=30)
    first.close()
    second = FileSlots(tmp_path, 1, time)
    assert not second.take(0)
    time.seconds -= 10 * LONGEST_CALL
    assert second.take(0), "an end far in the future was written by a clock that was wrong"
    second.close()


def test_lock_files_are_for_their_owner_only(tmp_path: Path) -> None:
    slots = FileSlots(tmp_path / "calls", 1)
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "calls").iterdir()} == {0o600}
    assert (tmp_path / "calls").stat().st_mode & 0o777 == 0o700
    slots.close()


def test_a_killed_process_leaves_its_places_cooling(tmp_path: Path, time: Time) -> None:
    program = (
        "import sys, pathlib; from orchestrator.mailchimp.slots import FileSlots; "
        "slots = FileSlots(pathlib.Path(sys.argv[1]), 1); print(slots.take(0), flush=True); sys.stdin.read()"
    )
    sources = Path(__file__).parents[2] / "src"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        env={"PYTHONPATH": str(sources)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"True\n"
        time.seconds = clock.time()
        ours = FileSlots(tmp_path, 1, time)
        time.seconds += 2 * CALL_SECONDS
        assert not ours.take(0), "the kernel holds the place of a living process, whatever its mark says"
        process.send_signal(signal.SIGKILL)
        process.wait(20)
        time.seconds -= CALL_SECONDS + 10
        assert not ours.take(0), "nobody heard the end of its call"
        time.seconds += 20
        assert ours.take(0)
        ours.close()


def test_who_waits_first_is_served_before_those_who_come_back(tmp_path: Path) -> None:
    """A daemon whose threads take their places again at once leaves one to a command that waits."""
    daemon = ConnectionBudget.over_files(tmp_path, 2)
    command = ConnectionBudget.over_files(tmp_path, 2)
    served = threading.Event()
    rounds = 0

    def busy() -> None:
        nonlocal rounds
        while not served.is_set():
            with daemon.slot():
                rounds += 1
            assert rounds < 1_000_000

    threads = [threading.Thread(target=busy) for _ in range(4)]
    for thread in threads:
        thread.start()
    with command.slot():
        served.set()
    for thread in threads:
        thread.join(20)
    daemon.close()
    command.close()


def test_nobody_takes_a_place_while_another_process_has_the_turn(tmp_path: Path, time: Time) -> None:
    waiting = FileSlots(tmp_path, 2)
    turn = 2
    assert waiting.take(turn)
    budget = ConnectionBudget(2, FileSlots(tmp_path, 2), time)
    entered = threading.Event()

    def call() -> None:
        with budget.slot():
            entered.set()

    thread = threading.Thread(target=call)
    thread.start()
    assert not entered.wait(0.05)
    waiting.give_back(turn)
    thread.join(20)
    assert entered.is_set()
    budget.close()
    waiting.close()


def test_a_stopped_process_that_has_the_turn_holds_nobody_up(tmp_path: Path) -> None:
    stopped = FileSlots(tmp_path, 2)
    assert stopped.take(2)
    budget = ConnectionBudget(2, FileSlots(tmp_path, 2), Time(step=1))
    with budget.slot() as slot:
        assert slot.locked
    budget.close()
    stopped.close()


def test_places_that_a_stopped_process_keeps_are_used_once_its_calls_must_have_ended(tmp_path: Path) -> None:
    stopped = FileSlots(tmp_path, 2)
    assert all(stopped.take(number) for number in (0, 1))
    budget = ConnectionBudget(2, FileSlots(tmp_path, 2), Time(step=20))
    with ExitStack() as calls:
        first = calls.enter_context(budget.slot())
        second = calls.enter_context(budget.slot())
        assert not first.locked
        assert not second.locked
    for number in (0, 1):
        stopped.give_back(number)
    with budget.slot() as slot:
        assert slot.locked, "its places are free again"
    stopped.close()
    budget.close()


@pytest.mark.postgres
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_cut_database_connection_is_made_again(database: Database) -> None:
    engine = database.engine
    budget = ConnectionBudget.over_postgres(engine, 1)
    with budget.slot(), engine.connect() as other:
        other.execute(
            text("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and classid = 19779")
        )
        other.commit()
        rival = AdvisoryLockSlots(engine, 1)
        assert not rival.take(0), "the session and its lock are gone, the call is not"
        rival.close()
    with budget.slot() as slot:
        assert slot.locked
    budget.close()


@pytest.mark.postgres
def test_a_database_that_is_gone_is_told_with_the_way_out(engine: Engine) -> None:
    nowhere = create_engine(engine.url.set(host="127.0.0.1", port=9, query={}))
    with pytest.raises(DataError, match="PostgreSQL"), ConnectionBudget.over_postgres(nowhere, 1).slot():
        pass
    nowhere.dispose()
