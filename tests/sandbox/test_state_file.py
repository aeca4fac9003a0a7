from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING

import pytest

from orchestrator.sandbox.state import Account
from orchestrator.sandbox.storage import Saver, load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.sandbox.conftest import Client, Clock

ADA, BOB = "ada@shop.example", "bob@shop.example"


def test_a_restart_continues_where_the_sandbox_stopped(
    make: Callable[..., Client], clock: Clock, tmp_path: Path
) -> None:
    path = tmp_path / "sandbox.json"
    first = make(state_file=path, sending_seconds=60)
    first.subscribe(ADA, BOB, FNAME="Ada")
    first.send(first.draft(ADA, subject_line="one *|FNAME|*"))
    clock.advance(minutes=2)
    going = first.draft(ADA, BOB, subject_line="two")
    first.send(going)
    first.sandbox.open_mail(1)
    first.sandbox.unsubscribe(BOB)
    before = [first.sandbox.members(), first.get(f"{first.list}/segments"), first.get("/campaigns")]
    first.sandbox.stop()

    second = make(state_file=path, sending_seconds=60)
    assert [second.sandbox.members(), second.get(f"{second.list}/segments"), second.get("/campaigns")] == before
    (mail,) = second.sandbox.deliveries()
    assert (mail.subject, len(mail.opens)) == ("one Ada", 1)
    clock.advance(minutes=2)
    assert second.status(going) == "sent"
    assert [mail.email for mail in second.sandbox.deliveries()] == [ADA, ADA]


def test_the_file_is_written_while_it_runs(make: Callable[..., Client], tmp_path: Path) -> None:
    path = tmp_path / "sandbox.json"
    client = make(state_file=path)
    client.subscribe(ADA)
    written = threading.Event()
    for _ in range(200):
        if path.exists():
            written.set()
            break
        written.wait(0.05)
    assert written.is_set()
    assert ADA in path.read_text()
    assert list(tmp_path.iterdir()) == [path] or path.with_name("sandbox.json.part").exists()


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.json"
    path.write_text(json.dumps({"format": 0}))
    with pytest.raises(ValueError, match="Move it away"):
        load(path)


def test_a_state_that_cannot_be_saved_is_told_once_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The thread must not end with a traceback, and the calls go on."""
    folder = tmp_path / "gone"
    saver = Saver(Account("2026-03-02T09:00:00+00:00"), folder / "state.json", threading.RLock())
    saver.start()
    saver.touch()
    deadline = time.monotonic() + 30
    while not caplog.records and time.monotonic() < deadline:
        time.sleep(0.01)
    folder.mkdir()
    while not (folder / "state.json").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    saver.close()
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith(f"The sandbox cannot save its state to {folder / 'state.json'}: No such file or directory.")
    assert load(folder / "state.json") is not None
