"""How each step ended, kept for `campaigns status`."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.clock import to_epoch
from orchestrator.errors import Busy
from orchestrator.store import jobs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from orchestrator.engine import Engine


@dataclass(slots=True)
class Said:
    message: str = ""
    good: bool = True


@contextmanager
def recorded(engine: Engine, job: str, now: datetime) -> Iterator[Said]:
    """Record that a job ran and how it ended, in transactions of their own: a failure is never rolled back."""
    with engine.database.write() as connection:
        jobs.job_began(connection, job, to_epoch(now))
    said = Said()
    try:
        yield said
    except Busy:
        # the daemon stops, or another one leads: the job has not failed, it goes on there
        raise
    except BaseException as fault:  # an interrupted job did not end well either
        said.good = False
        said.message = str(fault) or type(fault).__name__
        _record_end(engine, job, now, said)
        raise
    _record_end(engine, job, now, said)


def _record_end(engine: Engine, job: str, now: datetime, said: Said) -> None:
    with engine.database.write() as connection:
        jobs.job_ended(connection, job, to_epoch(now), good=said.good, message=said.message)


def audit(engine: Engine, now: datetime, action: str, detail: str) -> None:
    with engine.database.write() as connection:
        jobs.audit(connection, now=to_epoch(now), action=action, detail=detail)
