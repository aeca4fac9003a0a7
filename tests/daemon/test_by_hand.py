"""People at the keyboard beside each other and beside a daemon: one does it, the other says who is doing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.daemon.conftest import PEOPLE, AtCall, Process, Start, status, until

if TYPE_CHECKING:
    from tests.scenarios.world import World

EVERYBODY = [f"c{number}" for number in range(PEOPLE)]


@pytest.mark.parametrize("doing", [("send", "news", "--yes"), ("daemon",)], ids=["another send", "the daemon"])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_who_sends_what_is_being_sent_waits_and_says_for_whom(
    world: World, start: Start, doing: tuple[str, ...]
) -> None:
    """It is asked for in the very moment in which the other one has it sent."""
    others: list[Process] = []

    def at_the_send() -> None:
        others.append(start("send", "news", "--yes", "--json"))
        words = "campaigns send news" if doing[0] == "send" else "the daemon's start job"
        others[0].says(f"Waiting for {words} (process {first.pid} on ")

    faults: Any = AtCall("POST", "/actions/send", at_the_send)
    world.sandbox.faults = faults
    first = start(*doing)
    until(lambda: others and others[0].process.poll() is not None, "the other one ends")
    assert others[0].ends() == 0, others[0].said
    assert world.receivers() == EVERYBODY
    assert "Nothing is sent again." in others[0].said
    assert not status(world)["problems"]
