"""One small workspace with everything in it, and the commands on it. Nothing waits."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import pytest
from tests.scenarios.world import AUDIENCE, KEY_VARIABLE, MONDAY, World

from orchestrator.campaigns import dispatch
from orchestrator.clock import FixedClock
from orchestrator.sandbox.server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path


class Wall:
    """The sandbox's clock; a test moves it."""

    def __init__(self) -> None:
        self.now: datetime = MONDAY

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(autouse=True)
def _quiet_afterwards() -> Iterator[None]:
    """The daemon's log goes to a stream that ends with its test."""
    log = logging.getLogger("orchestrator")
    before = log.handlers[:], log.level, log.propagate
    yield
    log.handlers[:], log.level, log.propagate = before


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def mailchimp(wall: Wall, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.setenv(KEY_VARIABLE, "")
    monkeypatch.setattr(FixedClock, "sleep", lambda _clock, seconds: time.sleep(min(seconds, 0.001)))
    monkeypatch.setattr(dispatch, "SEND_SETTLES_SECONDS", -1)
    with Sandbox(audience=AUDIENCE, clock=wall) as running:
        yield running


@pytest.fixture
def shop(tmp_path: Path, mailchimp: Sandbox) -> World:
    """Four contacts at two companies, a cart, an order; a reminder for those who enter and a newsletter by hand."""
    return furnished(World(tmp_path / "shop", mailchimp))


def furnished(world: World) -> World:
    """The small workspace, its data imported on Monday."""
    world.segment("carts", "cart_items > 0")
    world.segment("everybody", "consent is not null")
    world.segment("buyers", "orders_total > 0")
    world.template("cart", "<p>{{ contact.first_name }}: {% for line in cart.lines %}{{ line.name }}{% endfor %}</p>")
    world.template("plain", "<p>Hello {{ contact.first_name }}</p>")
    world.campaign("reminder", "carts", "cart", "Hi {{ contact.first_name }}", 'on = "enter"\nexisting = true')
    world.campaign("news", "everybody", "plain", "News for {{ contact.first_name }}")
    world.account("a1")
    world.account("a2", country="DE")
    world.contact("c1", first_name="Ada", account_id="a1")
    world.contact("c2", first_name="Bo", account_id="a1")
    world.contact("c3", first_name="Cy", account_id="a2", consent="opted_out")
    world.contact("c4", first_name="Di", email="Di@Shop.example")
    world.put("products", product_id="p1", name="Pump", price="10.00")
    world.cart("c1", MONDAY.replace(hour=4), [("p1", 2, "10.00")])
    world.cart("c3", MONDAY.replace(hour=4), [("p1", 1, "10.00")])
    world.order("o1", "c2", MONDAY.replace(month=2), "100.00")
    world.load(MONDAY)
    return world
