"""Runs as people are shown them: names, states and counts, without what a run carries.

Plain SQL, because these few columns are all that `campaigns status` and `campaigns runs` need: loading the table
classes would take longer than the question.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from orchestrator.vocabulary import OPEN_RUN_STATES, Decision, MailingState

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

FORGOTTEN_BELOW = 1_000_000_000_000
"""the contact of a forgotten person's sends is minus this minus their number: no contact and no account has it"""
_COLUMNS = "SELECT id, name, campaign, scheduled_for, state, reason FROM run"


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run in a list."""

    id: int
    name: str
    campaign: str
    scheduled_for: int
    state: str
    reason: str
    """why it waits, failed or was skipped"""


@dataclass(frozen=True, slots=True)
class MailingLine:
    """A mailing of a run: its campaign at the provider, and how many it is for."""

    remote_campaign: str | None
    recipients: int


def all_lines(connection: Connection) -> list[RunLine]:
    """Every run, newest first."""
    return [RunLine(*row) for row in connection.execute(text(f"{_COLUMNS} ORDER BY scheduled_for DESC, id DESC"))]


def open_lines(connection: Connection) -> list[RunLine]:
    """Runs that are not finished, oldest first."""
    states = ", ".join(f"'{state.value}'" for state in sorted(OPEN_RUN_STATES))
    return [RunLine(*row) for row in connection.execute(text(f"{_COLUMNS} WHERE state IN ({states}) ORDER BY id"))]


def line_named(connection: Connection, name: str) -> RunLine | None:
    """A run by the name that people type."""
    row = connection.execute(text(f"{_COLUMNS} WHERE name = :name"), {"name": name}).first()
    return None if row is None else RunLine(*row)


def line_of(connection: Connection, run: int) -> RunLine:
    """A run by id."""
    return RunLine(*connection.execute(text(f"{_COLUMNS} WHERE id = :run"), {"run": run}).one())


def decision_counts(connection: Connection, run: int) -> dict[str, int]:
    """Decision -> contacts, for one run."""
    query = text("SELECT decision, count(*) FROM send WHERE run = :run GROUP BY decision")
    counts = {decision: count for decision, count in connection.execute(query, {"run": run})}  # noqa: C416 -- typed rows
    return {decision.value: counts[decision.value] for decision in Decision if decision.value in counts}


def mailing_lines(connection: Connection, run: int) -> list[MailingLine]:
    """A run's mailings in order, but those that were dropped."""
    query = text(
        "SELECT remote_campaign, recipients FROM mailing WHERE run = :run AND state <> :dropped ORDER BY number"
    )
    values = {"run": run, "dropped": MailingState.DROPPED.value}
    return [MailingLine(*row) for row in connection.execute(query, values)]


def outcomes(connection: Connection, run: int) -> list[dict[str, Any]]:
    """Every contact of a run: decision, reason, where and when it was sent, bounce; who was forgotten by a number."""
    query = text(
        f"SELECT coalesce(c.key, 'forgotten-' || CAST(-s.contact - {FORGOTTEN_BELOW} AS VARCHAR)) AS contact_id, "
        "s.decision, s.reason, s.sent_at, s.bounce, s.not_before, m.remote_campaign AS mailchimp_id "
        "FROM send s LEFT JOIN contact c ON c.id = s.contact "
        "LEFT JOIN mailing m ON m.id = s.mailing WHERE s.run = :run ORDER BY 1"
    )
    return [dict(row) for row in connection.execute(query, {"run": run}).mappings()]
