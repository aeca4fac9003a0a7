"""The power fails: of SQLite's file and its log there is what was on disk then, to the last byte or not quite.

With ``synchronous=FULL`` a commit is on disk when it returns. So at each request to Mailchimp the disk holds what is
committed by then, and of a commit that is just being made any first part of its bytes.
"""

from __future__ import annotations

import copy
import itertools
import os
import random
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.scenarios.busy_day import TODAY, BusyDay, assert_done, busy_day
from tests.scenarios.crash import plugged

if TYPE_CHECKING:
    from pathlib import Path

    from tests.scenarios.world import World

    from orchestrator.sandbox.server import Sandbox

ALL = os.environ.get("ALL_CRASH_POINTS") == "1"
"""`make crash-test`: all of them, instead of a sample"""
SAMPLE = 3
FRAME = 24 + 4096
"""bytes of one page in the log, with its head"""


@dataclass(frozen=True, slots=True)
class Moment:
    """What is on disk, and what Mailchimp has, at one moment."""

    name: str
    log: bytes
    file: bytes
    account: object


@pytest.fixture
def day(tmp_path: Path, sandbox: Sandbox) -> BusyDay:
    return busy_day(tmp_path, sandbox)


def photographed(day: BusyDay) -> list[Moment]:
    """Every moment of the day."""
    world = day.again()
    taken: list[Moment] = []
    file, log = world.root / "campaigns.db", world.root / "campaigns.db-wal"

    def take(_number: int, name: str) -> None:
        with world.sandbox.opened(writes=False) as (account, _):
            now = copy.deepcopy(account)
        # the log first: what moves from it to the file meanwhile is in both
        taken.append(Moment(name, log.read_bytes() if log.exists() else b"", file.read_bytes(), now))

    with plugged(watch=take):
        world.cycle(TODAY)
    assert_done(world, TODAY)
    return taken


def power_on(day: BusyDay, moment: Moment, log: bytes) -> World:
    """The machine comes up again with that on its disk."""
    world = day.again()
    (world.root / "campaigns.db").write_bytes(moment.file)
    (world.root / "campaigns.db-wal").write_bytes(log)
    world.sandbox.account = copy.deepcopy(moment.account)  # type: ignore[assignment]
    return world


def finish(world: World, when: str) -> None:
    """The next cycle does what was left, and the one after it has nothing to write."""
    try:
        world.cycle(TODAY + timedelta(minutes=10))
        world.sandbox.forget_requests()
        now = TODAY + timedelta(minutes=20)
        world.cycle(now)
        assert world.sandbox.writes() == []
        assert_done(world, now)
    except AssertionError as fault:
        raise AssertionError(f"power lost {when}: {fault}") from fault


def test_a_power_cut_at_any_request_or_commit_loses_nothing_and_repeats_nothing(day: BusyDay) -> None:
    moments = photographed(day)
    chosen = moments if ALL else random.Random(1).sample(moments, SAMPLE)
    for moment in chosen:
        finish(power_on(day, moment, moment.log), moment.name)


def test_a_commit_that_the_power_cut_tears_apart_was_not_made(day: BusyDay) -> None:
    moments = photographed(day)
    chances = random.Random(2)
    commits = [
        (before, after)
        for before, after in itertools.pairwise(moments)
        # one process, one after the other: what was in the log is its beginning still
        if before.name == "before commit" and after.name == "after commit" and after.log.startswith(before.log)
        if len(after.log) > len(before.log)
    ]
    assert len(commits) > 10
    for before, after in commits if ALL else chances.sample(commits, SAMPLE):
        in_a_frame = chances.randrange(len(before.log) + 1, len(after.log))
        at_a_frame = len(before.log) + (len(after.log) - len(before.log) - 1) // FRAME * FRAME
        for size in {in_a_frame, at_a_frame} if ALL else {in_a_frame}:
            finish(power_on(day, before, after.log[:size]), f"in a commit, at byte {size} of {len(after.log)}")
