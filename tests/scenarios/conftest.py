"""A sandbox and a workspace for each test, and a clock that waits for nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from tests.scenarios.world import AUDIENCE, KEY_VARIABLE, World

from orchestrator.campaigns import dispatch
from orchestrator.clock import FixedClock
from orchestrator.sandbox.server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting is real time under ``--now``, too: here it ends at once.

    What a call that was given up may still do, it has done: the sandbox finishes its work before it cuts.
    """
    monkeypatch.setenv(KEY_VARIABLE, "")
    monkeypatch.setattr(FixedClock, "sleep", lambda _clock, seconds: time.sleep(min(seconds, 0.001)))
    monkeypatch.setattr(dispatch, "SEND_SETTLES_SECONDS", -1)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(audience=AUDIENCE) as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, sandbox: Sandbox) -> World:
    return World(tmp_path, sandbox)
