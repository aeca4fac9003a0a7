"""Is it well, and what waits for a person: one line each, with the next step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

from orchestrator.clock import from_epoch
from orchestrator.freshness import stale
from orchestrator.store import jobs, run_list
from orchestrator.store.leases import CYCLE, DAEMON, STANDBY, holders
from orchestrator.vocabulary import RunState

if TYPE_CHECKING:
    from datetime import datetime

    from orchestrator.engine import Engine
    from orchestrator.store.holders import Holder
    from orchestrator.store.run_list import RunLine


@dataclass(frozen=True, slots=True)
class Health:
    """The state of one workspace's operation."""

    now: datetime
    last_good: dict[str, datetime | None]
    open_runs: tuple[RunLine, ...]
    needs_person: tuple[str, ...]
    problems: tuple[str, ...]
    refused: dict[str, int]
    """reason -> contacts that Mailchimp does not take as they are; each waits until its row changes"""
    leader: Holder | None
    """the daemon that does the work"""
    standbys: tuple[Holder, ...]
    """daemons that would take over"""
    at_work: Holder | None
    """who changes the database or the provider at this moment"""

    @property
    def healthy(self) -> bool:
        return not self.problems

    @property
    def exit_code(self) -> int:
        """For monitoring: 1 unhealthy, 3 something waits for a person, else 0."""
        if self.problems:
            return 1
        return 3 if self.needs_person else 0


def health(engine: Engine) -> Health:
    """Read only; the provider is not asked."""
    now = engine.clock.now()
    with engine.database.read() as connection:
        rows = {row["job"]: row for row in jobs.jobs(connection)}
        runs = run_list.open_lines(connection)
        leases = holders(connection)
        held = connection.execute(text("SELECT name, held FROM segment WHERE held IS NOT NULL ORDER BY name")).all()
        failures = connection.execute(
            text('SELECT source, "table", failure FROM source_table WHERE failure IS NOT NULL ORDER BY 1, 2')
        ).all()
        refused = connection.execute(
            text("SELECT refusal, count(*) FROM audience_member WHERE refusal IS NOT NULL GROUP BY refusal ORDER BY 1")
        ).all()
    problems = [
        f"The latest {job} failed: {row['message']}"
        for job, row in rows.items()
        # a table that failed is named by itself, below
        if _failed(row) and not (job == "import" and failures)
    ]
    problems += [f"Import of {source}.{table}: {failure}" for source, table, failure in failures]
    old = stale(engine.database, engine.settings, now)
    if old is not None:
        problems.append(old)
    waits = [
        f"run {run.name}: {run.reason} campaigns approve {run.name}"
        for run in runs
        if run.state == RunState.WAITING_APPROVAL
    ]
    waits += [
        f"segment {name} is held back: {why}" + ("" if "campaigns check" in why else ". campaigns segments --force")
        for name, why in held
    ]
    return Health(
        now=now,
        last_good={
            job: from_epoch(rows[job]["good_at"]) if job in rows and rows[job]["good_at"] is not None else None
            for job in ("import", "recompute", "sync")
        },
        open_runs=tuple(runs),
        needs_person=tuple(waits),
        problems=tuple(problems) + tuple(str(problem) for problem in engine.problems),
        refused={str(reason): int(contacts) for reason, contacts in refused},
        leader=leases.get(DAEMON),
        standbys=tuple(holder for name, holder in leases.items() if name.startswith(STANDBY)),
        at_work=leases.get(CYCLE),
    )


def _failed(row: dict[str, object]) -> bool:
    """Ended, and not well: the latest good end is an earlier one."""
    return row["finished_at"] is not None and row["finished_at"] != row["good_at"]
