"""A small shop in which somebody has left every kind of trace, made once and copied for each test."""

from __future__ import annotations

import copy
import shutil
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.contract.conftest import Wall, _quiet_afterwards, furnished, mailchimp  # noqa: F401 -- fixtures
from tests.scenarios.world import AUDIENCE, KEY, KEY_VARIABLE, MONDAY, World

from orchestrator.sandbox.server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LATER = MONDAY + timedelta(hours=1)
SECOND = MONDAY + timedelta(hours=2)
ADDRESS, CONTACT, NAME = "ada.lovelace@shop.example", "person-4711", "Adalovelace"
TRACES = (ADDRESS, CONTACT, NAME, "cart-person", "order-alone", "blue pumps for ada")


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Ada's shop, its sandbox stopped."""
    folder = tmp_path_factory.mktemp("lived-in")
    with (
        pytest.MonkeyPatch.context() as patch,
        Sandbox(audience=AUDIENCE, clock=lambda: MONDAY, state_file=folder / "state") as running,
    ):
        patch.setenv(KEY_VARIABLE, KEY)
        return lived_in(World(folder / "shop", running))


@pytest.fixture
def world(
    pristine: World,
    tmp_path: Path,
    wall: Wall,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[World]:
    """A copy of Ada's shop, in an SQLite file."""
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    shutil.copytree(pristine.root, tmp_path / "shop")
    shutil.copy(pristine.root.parent / "state", tmp_path / "state")
    with Sandbox(audience=AUDIENCE, clock=wall, state_file=tmp_path / "state") as running:
        yield World(tmp_path / "shop", running, rows=copy.deepcopy(pristine.rows))


def lived_in(world: World) -> World:
    """Ada was mailed twice, alone and with others; has orders, carts and events."""
    world = furnished(world)
    world.contact(CONTACT, email=ADDRESS.title(), first_name=NAME, account_id="a1", hobby="blue pumps for ada")
    world.cart(CONTACT, MONDAY.replace(hour=5), [("p1", 3, "10.00")], cart_id="cart-person")
    world.order("order-company", CONTACT, MONDAY.replace(month=2), "70.00", account_id="a1", note="blue pumps for ada")
    world.put("order_lines", order_id="order-company", product_id="p1", quantity=7, unit_price="10.00")
    world.put("events", event_id="e-person", contact_id=CONTACT, kind="login", at=MONDAY.replace(hour=6).isoformat())
    world.template("plain", "<p>Hello {{ contact.first_name }}, your number is {{ contact.contact_id }}</p>")
    world.load(MONDAY)
    world.cycle(MONDAY)
    world.ok("send", "news", "--yes", now=LATER)
    return world
