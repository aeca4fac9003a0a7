"""The same day on PostgreSQL, interrupted as on SQLite."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.scenarios.busy_day import TODAY, assert_done, eve
from tests.scenarios.crash import Crash, plugged
from tests.scenarios.world import World

from orchestrator.engine import open_engine
from orchestrator.errors import Busy

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.sandbox.server import Sandbox

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.parametrize("database_url", ["postgresql"], indirect=True),
]


@pytest.fixture
def world(tmp_path: Path, sandbox: Sandbox, database_url: str) -> World:
    return World(tmp_path, sandbox, database_url=database_url)


@pytest.mark.parametrize("at", [23, 71, 130])
def test_an_interrupted_day_ends_as_it_should(world: World, at: int) -> None:
    eve(world)
    plan = world.command("plan", "--json", now=TODAY).json
    assert plan["audience"]["update"] == 0, "today's export is not imported by a plan"
    with plugged(at), pytest.raises(Crash):
        world.cycle(TODAY)
    world.cycle(TODAY + timedelta(minutes=10))
    world.cycle(TODAY + timedelta(minutes=20))
    world.sandbox.forget_requests()
    world.cycle(TODAY + timedelta(minutes=30))
    assert world.sandbox.writes() == []
    assert_done(world, TODAY + timedelta(minutes=30))


def test_two_engines_on_one_database_take_turns(world: World) -> None:
    eve(world)
    one, other = open_engine(world.root, now=TODAY), open_engine(world.root, now=TODAY)
    with one.at_work("the daemon"), pytest.raises(Busy, match="the daemon"), other.at_work("x", wait_seconds=0):
        pass
    one.close()
    other.close()
