"""Two runs at once never share a slot: the second takes others, or waits until the first one's campaigns are sent."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.scenarios.test_ambiguity import Clock
from tests.scenarios.world import AUDIENCE, MONDAY, World

from orchestrator.sandbox.audience import MergeField
from orchestrator.sandbox.server import Sandbox

if TYPE_CHECKING:
    from pathlib import Path

READERS = 4
LATER = MONDAY + timedelta(minutes=10)


def shop(root: Path, sandbox: Sandbox, *, free: int) -> World:
    """``free``: merge fields that the audience has left, of thirty."""
    with sandbox.opened(writes=True) as (account, _):
        fields = account.audiences[AUDIENCE].merge_fields
        for number in range(100, 100 + 30 - len(fields) - free):
            fields[number] = MergeField(number, f"OTHER{number}", f"Other {number}")
    world = World(root, sandbox)
    world.segment("all", "consent = 'opted_in'")
    for name, word in (("one", "upper"), ("two", "lower")):
        world.template(name, f"<p>Hello {{{{ contact.first_name | {word} }}}}.</p>")
        world.campaign(name, "all", name, name)
    for number in range(READERS):
        world.contact(f"c{number}", first_name=f"Name{number}")
    world.load(MONDAY)
    return world


def greetings(world: World, campaign: str) -> set[str]:
    return {mail.html.partition("Hello ")[2].partition(".")[0] for mail in world.mails(campaign)}


@pytest.mark.parametrize("free", [10, 1])
def test_two_runs_at_once_never_share_a_slot(tmp_path: Path, free: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # as few as four readers could do without slots
    monkeypatch.setattr("orchestrator.campaigns.compile.MOST_MAILINGS", 2)
    clock = Clock()
    with Sandbox(audience="9e67587f52", sending_seconds=3600, clock=clock) as sandbox:
        world = shop(tmp_path, sandbox, free=free)
        world.command("send", "one", "--yes", now=MONDAY)
        second = world.command("send", "two", "--yes", now=MONDAY)
        if free == 1:
            assert "merge fields that other runs use" in second.out + second.err
        clock.now += timedelta(hours=2)
        world.cycle(LATER)
        clock.now += timedelta(hours=2)
        world.cycle(LATER + timedelta(hours=2))
        assert greetings(world, "one") == {f"NAME{number}" for number in range(READERS)}
        assert greetings(world, "two") == {f"name{number}" for number in range(READERS)}
        assert len(world.mails()) == 2 * READERS
