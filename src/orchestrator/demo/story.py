"""The demo, step by step: a workspace, a wholesaler, a sandbox, and three cycles on two days.

A schedule counts from the first cycle that saw it, and the loyalty offer waits a day: so the first look is on a Monday
before nine, the second after the newsletter's hour, the third on Tuesday.
"""

from __future__ import annotations

import re
import shutil
import signal
import sys
import threading
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Self

from orchestrator.clock import to_epoch
from orchestrator.cycle.whole import may_act, whole_cycle
from orchestrator.demo.generator import write_wholesaler
from orchestrator.engine import Engine, open_engine
from orchestrator.errors import DataError
from orchestrator.sandbox.server import Sandbox
from orchestrator.starter import copy_starter
from orchestrator.store import runs as store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.cycle.report import CycleReport


class Story:
    """A demo in a folder of its own, with its sandbox."""

    def __init__(self, folder: Path, *, port: int, contacts: int, seed: int) -> None:
        self.folder = folder.resolve()
        self._contacts = contacts
        self._seed = seed
        self._sandbox = Sandbox(port=port, state_file=None)
        self._end: datetime | None = None

    def __enter__(self) -> Self:
        self._sandbox.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._sandbox.stop()

    @property
    def inbox(self) -> str:
        """Address of the inbox."""
        return self._sandbox.inbox_url

    def steps(self) -> Iterator[str]:
        """Do everything, one sentence a step."""
        files = copy_starter(self.folder)
        self._point_at_sandbox()
        yield f"Workspace:  {files} files in {self.folder}"
        end = self._end = self._latest_tuesday_noon()
        counts = write_wholesaler(
            self.folder / "data",
            now=end,
            seed=self._seed,
            contacts=self._contacts,
            companies=max(1, self._contacts * 3 // 10),
        )
        yield f"Wholesaler: {counts.contacts:,} contacts at {counts.accounts:,} companies, {counts.orders:,} orders"
        for moment in (end - timedelta(hours=27, minutes=30), end - timedelta(hours=24), end):
            yield from self._cycle(moment)
        yield f"Inbox:      {self._delivered():,} mails delivered"

    def next_commands(self) -> tuple[str, ...]:
        """What to try in the workspace while the sandbox runs."""
        now = self._end.strftime("%Y-%m-%dT%H:%M") if self._end else ""
        command = _command()
        return (
            f"cd {self.folder}",
            f"{command} check",
            f"{command} segments --now {now}",
            f"{command} segments explain eu-big-idle-cart {self._some_contact()} --now {now}",
            f"{command} runs --now {now}",
            f"{command} send loyalty-offer --dry-run --now {now}",
        )

    def _point_at_sandbox(self) -> None:
        path = self.folder / "config.toml"
        text = path.read_text(encoding="utf-8")
        line = f'base_url = "{self._sandbox.base_url}"   # the sandbox of this demo'
        changed, found = re.subn(r"^#\s*base_url\s*=.*$", line, text, count=1, flags=re.MULTILINE)
        if not found:
            changed = text.replace("[mailchimp]\n", f"[mailchimp]\n{line}\n", 1)
        changed += '\n[sources.export]\nkind = "csv"\npath = "data"\n'
        path.write_text(changed, encoding="utf-8")

    def _latest_tuesday_noon(self) -> datetime:
        """In business time."""
        engine = open_engine(self.folder)
        zone = engine.settings.timezone
        engine.close()
        today = datetime.now(UTC).astimezone(zone).date()
        tuesday = today - timedelta(days=(today.weekday() - 1) % 7)
        return datetime.combine(tuesday, time(12), zone)

    def _cycle(self, now: datetime) -> Iterator[str]:
        engine = open_engine(self.folder, now=now)
        try:
            with engine.at_work("campaigns demo"):
                report = whole_cycle(engine, check=may_act)
            for fault in report.faults:
                raise fault
            if report.imported is not None and report.imported.failures:
                raise DataError(report.imported.failures[0].message)
            yield f"{now:%a %Y-%m-%d %H:%M}:  {_summary(engine, report, now)}"
        finally:
            engine.close()

    def _delivered(self) -> int:
        return len(self._sandbox.deliveries())

    def _some_contact(self) -> str:
        engine = open_engine(self.folder, now=self._end)
        try:
            with engine.database.read() as connection:
                segment = store.segment_row(connection, "eu-big-idle-cart")
                first = store.first_member(connection, segment) if segment is not None else None
                key = connection.exec_driver_sql(f"SELECT key FROM contact WHERE id = {first or 1}").scalar()
        finally:
            engine.close()
        return str(key)


def _command() -> str:
    """How to call the command from any folder: by its name where the shell finds it, else by its path."""
    if shutil.which("campaigns") is not None:
        return "campaigns"
    called = Path(sys.argv[0]).resolve()
    return str(called) if called.name == "campaigns" else f"{sys.executable} -m orchestrator"


def serve(story: Story) -> None:
    """Until Ctrl-C or SIGTERM."""
    del story
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    while not stopped.wait(1):
        pass


def _summary(engine: Engine, report: CycleReport, now: datetime) -> str:
    """In a line; of the runs, those that this cycle began."""
    parts = []
    if report.imported is not None:
        parts.append(f"{sum(table.read for table in report.imported.tables.values()):,} rows read")
    if report.recomputed is not None:
        parts.append(f"{len(report.recomputed.segments)} segments")
    if report.synced is not None:
        parts.append(f"{report.synced.added + report.synced.updated:,} members written")
    with engine.database.read() as connection:
        for run in report.runs:
            if run.created_at != to_epoch(now):
                continue
            counts = store.decision_counts(connection, run.id or 0)
            parts.append(f"{run.campaign} sent {counts.get('sent', 0):,} of {sum(counts.values()):,}")
    return ", ".join(parts)
