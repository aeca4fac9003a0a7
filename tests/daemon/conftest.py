"""Real daemons, as processes of their own, on a shop whose campaign is due at once; leases last seconds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from tests.scenarios.world import AUDIENCE, KEY, KEY_VARIABLE, SOURCE, World

from orchestrator.sandbox.server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LEASE_SECONDS = 5
PEOPLE = 8
DEADLINE = 60
"""seconds until something that has to happen has happened, on a busy machine"""


def until(happened: Callable[[], Any], what: str, seconds: float = DEADLINE) -> Any:
    """What ``happened`` returns once it is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = happened()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} seconds: {what}")


class Process:
    """`campaigns ARGUMENTS` as a process of its own, in real time."""

    def __init__(self, world: World, number: int, *arguments: str) -> None:
        self._log = world.root / f"process-{number}.log"
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "orchestrator", "-C", str(world.root), *arguments],
                env={
                    **os.environ,
                    "PYTHONPATH": str(SOURCE),
                    KEY_VARIABLE: KEY,
                    "CAMPAIGNS_LEASE_SECONDS": str(LEASE_SECONDS),
                },
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.pid = self.process.pid

    @property
    def said(self) -> str:
        return self._log.read_text()

    def says(self, words: str, times: int = 1) -> None:
        """Wait for ``words``."""

        def said() -> bool:
            assert self.process.poll() is None or words in self.said, self.said
            return self.said.count(words) >= times

        try:
            until(said, words)
        except AssertionError as late:
            raise AssertionError(f"{late}; it said:\n{self.said}") from None

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def ends(self, seconds: float = DEADLINE) -> int:
        """Wait for its end. Returns its exit code."""
        return self.process.wait(seconds)


Start = Callable[..., Process]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(audience=AUDIENCE) as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, sandbox: Sandbox, database_url: str, monkeypatch: pytest.MonkeyPatch) -> World:
    """Everybody has just entered the segment: the first cycle mails all of them."""
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    made = World(tmp_path, sandbox, database_url=database_url)
    made.segment("all", "consent = 'opted_in'")
    made.template("t", "<p>Dear {{ contact.first_name }}</p>")
    made.campaign("news", "all", "t", "News", trigger='on = "enter"\nafter = "0 minutes"\nexisting = true')
    for number in range(PEOPLE):
        made.contact(f"c{number}", first_name=f"N{number}")
    made.load(datetime.now(UTC))
    return made


@pytest.fixture
def start(world: World) -> Iterator[Start]:
    """Start a process; all of them are gone in the end."""
    started: list[Process] = []

    def starting(*arguments: str) -> Process:
        started.append(Process(world, len(started) + 1, *arguments))
        return started[-1]

    yield starting
    for one in started:
        if one.process.poll() is None:
            one.signal(signal.SIGKILL)
            one.signal(signal.SIGCONT)
        one.process.wait(DEADLINE)


def status(world: World) -> Any:
    """`campaigns status --json`, now."""
    return world.command("status", "--json", now=datetime.now(UTC)).json


def sent(world: World) -> bool:
    """The only run is finished."""
    runs = world.runs(datetime.now(UTC))
    return bool(runs) and all(run["state"] == "sent" for run in runs)


class AtCall:
    """Takes the place of the sandbox's faults: does something to a process when a call comes in, once."""

    def __init__(self, method: str, ending: str, do: Callable[[], None]) -> None:
        self.reached = False
        self._method, self._ending, self._do = method, ending, do

    def draw(self, method: str, path: str) -> None:
        if not self.reached and method == self._method and path.endswith(self._ending):
            self.reached = True
            self._do()
