"""A sandbox and a workspace for each test."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from tests.scenarios.world import AUDIENCE, KEY_VARIABLE, World

from orchestrator.clock import FixedClock
from orchestrator.sandbox.server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for the provider is real time, under ``--now`` too; the sandbox needs none."""
    monkeypatch.setattr(FixedClock, "sleep", lambda _clock, seconds: time.sleep(min(seconds, 0.001)))


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(audience=AUDIENCE) as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv(KEY_VARIABLE, "")
    return World(tmp_path, sandbox)
