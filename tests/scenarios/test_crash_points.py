"""Whatever dies and whenever: before and after every request and every commit of a cycle with three campaigns."""

from __future__ import annotations

import contextlib
import os
import random
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.scenarios.busy_day import TODAY, BusyDay, assert_done, busy_day
from tests.scenarios.crash import Crash, plugged

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.sandbox.server import Sandbox

ALL = os.environ.get("ALL_CRASH_POINTS") == "1"
"""`make crash-test`: all of them, instead of a sample"""
PARTS = 8 if ALL else 1
"""for several processes"""
SAMPLE = 10
CYCLES = 4


@pytest.fixture
def day(tmp_path: Path, sandbox: Sandbox) -> BusyDay:
    return busy_day(tmp_path, sandbox)


def moments_of(day: BusyDay) -> list[str]:
    """What may be interrupted on that day, in order; the day itself goes as it should."""
    world = day.again()
    with plugged() as plug:
        world.cycle(TODAY)
    assert_done(world, TODAY)
    return plug.moments


def finish(day: BusyDay) -> None:
    """Cycles until nothing is open, the last of which has nothing to write."""
    world = day.world
    for later in range(1, CYCLES):
        now = TODAY + timedelta(minutes=10 * later)
        world.cycle(now)
        if all(run["state"] == "sent" for run in world.runs(now)) and len(world.runs(now)) == 3:
            break
    now += timedelta(minutes=10)
    world.sandbox.forget_requests()
    world.cycle(now)
    assert_done(world, now)
    assert world.sandbox.writes() == []


@pytest.mark.parametrize("part", range(PARTS))
def test_a_day_that_is_interrupted_anywhere_ends_as_it_should(day: BusyDay, part: int) -> None:
    moments = moments_of(day)
    points = list(range(1, len(moments) + 1))
    chosen = points[part::PARTS] if ALL else sorted(random.Random(part).sample(points, SAMPLE))
    for at in chosen:
        world = day.again()
        with plugged(at), pytest.raises(Crash) as crash:
            world.cycle(TODAY)
        try:
            finish(day)
        except AssertionError as fault:
            raise AssertionError(f"crash at {at} of {len(moments)}, {crash.value}: {fault}") from fault


def test_a_day_that_is_interrupted_again_and_again_ends_as_it_should(day: BusyDay) -> None:
    moments = moments_of(day)
    chances = random.Random(7)
    for _ in range(SAMPLE if ALL else 2):
        world = day.again()
        fatal = [chances.randint(1, len(moments)), chances.randint(1, len(moments) // 2), chances.randint(1, 40)]
        for minute, at in enumerate(fatal):
            with plugged(at), contextlib.suppress(Crash):
                world.cycle(TODAY + timedelta(minutes=minute))
        try:
            finish(day)
        except AssertionError as fault:
            raise AssertionError(f"crashes at {fatal} of {len(moments)}: {fault}") from fault
