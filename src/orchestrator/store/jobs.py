"""When each job last ran and how it ended; who did what deliberately."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

JOBS = ("import", "recompute", "sync", "campaigns", "reports")


def job_began(connection: Connection, job: str, now: int) -> None:
    """The job is at work."""
    connection.execute(
        text(
            "INSERT INTO job_run (job, started_at, message) VALUES (:job, :now, 'at work') "
            "ON CONFLICT (job) DO UPDATE SET started_at = excluded.started_at, finished_at = NULL, "
            "message = excluded.message"
        ),
        {"job": job, "now": now},
    )


def job_ended(connection: Connection, job: str, now: int, *, good: bool, message: str) -> None:
    """How the job ended; ``message`` says what it did, or why it failed."""
    connection.execute(
        text(
            "UPDATE job_run SET finished_at = :now, message = :message, "
            "good_at = CASE WHEN :good = 1 THEN :now ELSE good_at END WHERE job = :job"
        ),
        {"job": job, "now": now, "message": message, "good": int(good)},
    )


def jobs(connection: Connection) -> list[dict[str, Any]]:
    """Every job that ever ran, in the order of the cycle."""
    query = text("SELECT job, started_at, finished_at, good_at, message FROM job_run")
    rows = {row["job"]: dict(row) for row in connection.execute(query).mappings()}
    return [rows[job] for job in JOBS if job in rows]


def audit(connection: Connection, *, now: int, action: str, detail: str) -> str:
    """Record a deliberate act of the person at the keyboard. Returns who that is."""
    who = person()
    connection.execute(
        text("INSERT INTO audit_entry (at, who, action, detail) VALUES (:now, :who, :action, :detail)"),
        {"now": now, "who": who, "action": action, "detail": detail},
    )
    return who


def audited(connection: Connection) -> list[dict[str, Any]]:
    """Deliberate acts, newest first."""
    query = text("SELECT id, at, who, action, detail FROM audit_entry ORDER BY id DESC")
    return [dict(row) for row in connection.execute(query).mappings()]


def person() -> str:
    """The account that runs the command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
