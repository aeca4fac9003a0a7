"""When everybody is recomputed, and what becomes of facts that were changed behind our back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from tests.scenarios.world import MONDAY

from orchestrator.store.opening import open_database

if TYPE_CHECKING:
    from datetime import datetime

    from tests.scenarios.world import World

HOUR = timedelta(hours=1)


@pytest.fixture
def shop(world: World) -> World:
    """Two contacts, recomputed on Monday at ten; the second was moved to another country by hand afterwards."""
    world.segment("swedes", "country = 'SE'")
    world.contact("c1")
    world.contact("c2")
    world.load(MONDAY)
    world.ok("segments", now=MONDAY)
    database = open_database(world.database_url, world.root, now=0)
    with database.write() as connection:
        connection.execute(text("UPDATE contact SET country = 'NO' WHERE key = 'c2'"))
    database.close()
    return world


def size(world: World, *command: str, now: datetime) -> int:
    answer = world.command(*command, now=now)
    return int(answer.json["segments"][0]["size"])


def test_by_hand_everybody_is_computed_and_a_difference_is_said_and_corrected(shop: World) -> None:
    assert size(shop, "segments", "--json", now=MONDAY + HOUR) == 2
    answer = shop.command("segments", "--full", now=MONDAY + 2 * HOUR)
    assert answer.code == 1
    assert "wrong about contacts of swedes (1); that is corrected" in answer.err
    assert "shop.example" not in answer.err
    assert shop.command("segments", "--full", now=MONDAY + 3 * HOUR).code == 0
    assert size(shop, "segments", "--json", now=MONDAY + 3 * HOUR) == 1


def test_the_first_cycle_after_the_moment_of_the_schedule_computes_everybody(shop: World) -> None:
    before = MONDAY.replace(hour=1) + timedelta(days=1, minutes=59)
    shop.command("daemon", "--once", now=before)
    assert size(shop, "segments", "--json", now=before) == 2
    shop.command("daemon", "--once", now=before + timedelta(minutes=1))
    assert size(shop, "segments", "--json", now=before + timedelta(minutes=1)) == 1
    status = shop.command("status", "--json", now=before + timedelta(minutes=2))
    assert "@" not in status.out


def test_off_means_never(shop: World) -> None:
    shop.configure('[schedule]\nfull_recompute = "off"')
    later = MONDAY + timedelta(days=9)
    shop.command("daemon", "--once", now=later)
    assert size(shop, "segments", "--json", now=later) == 2


def test_a_plan_takes_nothing_from_the_queue(shop: World) -> None:
    shop.contact("c1", country="NO")
    shop.load(MONDAY + HOUR)
    shop.command("plan", now=MONDAY + HOUR)
    assert size(shop, "segments", "--json", now=MONDAY + HOUR) == 1
