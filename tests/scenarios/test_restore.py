"""A database that is older than what went out: a backup, or none at all. Nobody gets a mail again."""

from __future__ import annotations

import shutil
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.scenarios.busy_day import EXPECTED, TODAY, BusyDay, busy_day
from tests.scenarios.crash import Crash, plugged
from tests.scenarios.test_crash_points import moments_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.scenarios.world import World

    from orchestrator.sandbox.server import Sandbox

LATER = TODAY + timedelta(minutes=10)
LATEST = TODAY + timedelta(minutes=20)


@pytest.fixture
def day(tmp_path: Path, sandbox: Sandbox) -> BusyDay:
    return busy_day(tmp_path, sandbox)


def restore(world: World, backup: Path) -> None:
    """What the operator does: the daemon stands still, the copy takes the file's place."""
    for file in world.root.glob("campaigns.db*"):
        if file.is_file():
            file.unlink()
    shutil.copyfile(backup, world.root / "campaigns.db")


def mailed(world: World) -> list[tuple[str, str]]:
    return sorted((mail.campaign_title, mail.email) for mail in world.mails())


def assert_as_before(world: World, before: list[tuple[str, str]]) -> None:
    """Nobody got anything more, and the books say who got what."""
    assert mailed(world) == before
    for campaign, expected in EXPECTED.items():
        assert world.receivers(campaign) == sorted(expected)
        sent: list[str] = []
        for run in world.runs(LATEST):
            assert run["state"] in {"sent", "nothing_to_send"}
            if run["campaign"] == campaign:
                sent += [who for who, what in world.decisions(run["run"], LATEST).items() if what == "sent"]
        assert sorted(sent) == sorted(expected), campaign
    assert world.leftovers() == []


def test_a_backup_from_before_the_runs_learns_of_them_and_repeats_nothing(day: BusyDay) -> None:
    world = day.again()
    world.cycle(TODAY)
    before = mailed(world)
    restore(world, day.store)
    world.cycle(LATER)
    assert mailed(world) == before
    world.sandbox.forget_requests()
    world.cycle(LATEST)
    assert_as_before(world, before)
    assert world.sandbox.writes() == []
    told = world.ok("why", "cart", "c0", "--json", now=LATEST).json
    assert told["decision"] == "sent"
    assert "restored" in " ".join(told["reasons"])


def test_an_idle_cycle_asks_nothing_more_for_it(day: BusyDay) -> None:
    world = day.again()
    world.cycle(TODAY)
    world.cycle(LATER)
    world.sandbox.forget_requests()
    world.cycle(LATEST)
    assert "/campaigns" not in {request.path for request in world.sandbox.requests if "status" not in request.query}


@pytest.mark.parametrize("part", range(2))
def test_a_backup_from_anywhere_within_a_run_goes_on_from_what_was_sent(day: BusyDay, part: int) -> None:
    """The backup is the file at a moment of the cycle, which itself went on to its end."""
    moments = moments_of(day)
    commits = [at for at, moment in enumerate(moments, start=1) if moment == "after commit"]
    at = commits[(2 * part + 1) * len(commits) // 4]
    world = day.again()
    with plugged(at), pytest.raises(Crash):
        world.cycle(TODAY)
    backup = world.root / "backup.db"
    _copy(world.root / "campaigns.db", backup)
    world = day.again()
    world.cycle(TODAY)
    before = mailed(world)
    restore(world, backup)
    world.cycle(LATER)
    world.cycle(LATEST)
    assert_as_before(world, before)


def test_a_database_that_is_lost_altogether_repeats_no_schedule_and_no_send_by_hand(day: BusyDay) -> None:
    world = day.again()
    world.cycle(TODAY)
    before = mailed(world)
    for file in world.root.glob("campaigns.db*"):
        if file.is_file():
            file.unlink()
    world.cycle(LATER)
    assert mailed(world) == before
    world.contact("c20", first_name="Late")
    world.put("events", event_id="e20", contact_id="c20", kind="login", at=LATER.isoformat())
    world.write_export()
    world.cycle(LATEST)
    assert [one for one in mailed(world) if one not in before] == [("co hello-20260302T092000Z 1", "c20@shop.example")]
    assert {run["run"] for run in world.runs(LATEST)} >= {f"{name}-20260302T090000Z" for name in EXPECTED}


def _copy(source: Path, target: Path) -> None:
    import sqlite3  # noqa: PLC0415 -- the only way to copy a file in WAL mode

    with sqlite3.connect(source) as connection:
        connection.execute("VACUUM INTO ?", (str(target),))
    connection.close()
