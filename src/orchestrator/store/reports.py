"""What reports are made of: who was mailed or held out and when, what they ordered, what became of the mails."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection

PRETENDED_SECONDS = 3600
"""a mail whose send was asked for so far from its own moment was sent under ``--now``"""

_SENT = "s.campaign = :campaign AND s.decision = 'sent' AND s.sent_at <= :now"


class ExposureRow(NamedTuple):
    """A mail, or a contact that was held out where others were mailed. ``at``: when it was sent, or theirs were."""

    unit: int
    """the account's id; minus the contact's id where it has no account"""
    contact: int
    run: int
    held_out: bool
    at: int


class PurchaseRow(NamedTuple):
    """A completed order, or a return, whose ``cents`` are negative."""

    unit: int
    placed_at: int
    cents: int
    completed: bool


class RunCounts(NamedTuple):
    """The mails of one run."""

    sent: int
    hard_bounced: int
    soft_bounced: int


def campaigns_with_runs(connection: Connection) -> list[str]:
    """Every campaign that ever ran, also those whose file is gone."""
    return [row[0] for row in connection.execute(text("SELECT DISTINCT campaign FROM run ORDER BY campaign"))]


def run_names(connection: Connection, campaign: str) -> dict[int, tuple[str, int]]:
    """Run -> (name, scheduled for), oldest first."""
    query = text("SELECT id, name, scheduled_for FROM run WHERE campaign = :campaign ORDER BY scheduled_for, id")
    return {row[0]: (row[1], row[2]) for row in connection.execute(query, {"campaign": campaign})}


def run_counts(connection: Connection, campaign: str, now: int) -> dict[int, RunCounts]:
    """Run -> its mails that were sent by ``now``."""
    query = text(
        "SELECT s.run, count(*), sum(CASE WHEN s.bounce = 'hard_bounce' THEN 1 ELSE 0 END), "
        f"sum(CASE WHEN s.bounce = 'soft_bounce' THEN 1 ELSE 0 END) FROM send s WHERE {_SENT} GROUP BY s.run"
    )
    rows = connection.execute(query, {"campaign": campaign, "now": now})
    return {row[0]: RunCounts(row[1], int(row[2]), int(row[3])) for row in rows}


def reactions(connection: Connection, campaign: str, now: int) -> dict[tuple[int, str], int]:
    """(run, kind of event) -> contacts who did it by ``now``."""
    query = text(f"SELECT e.run, e.kind, count(DISTINCT e.contact) {_EVENTS} GROUP BY e.run, e.kind")
    rows = connection.execute(query, {"campaign": campaign, "now": now, "pretended": PRETENDED_SECONDS})
    return {(row[0], row[1]): row[2] for row in rows}


def people(connection: Connection, campaign: str, now: int) -> dict[str, int]:
    """Contacts, each counted once for the whole campaign: ``mailed``, and for each kind of event."""
    values = {"campaign": campaign, "now": now}
    query = text(f"SELECT e.kind, count(DISTINCT e.contact) {_EVENTS} GROUP BY e.kind")
    found = {row[0]: row[1] for row in connection.execute(query, values | {"pretended": PRETENDED_SECONDS})}
    mailed = connection.scalar(text(f"SELECT count(DISTINCT s.contact) FROM send s WHERE {_SENT}"), values)
    return found | {"mailed": mailed or 0}


def sent_later(connection: Connection, now: int) -> int:
    """Mails recorded as sent after ``now``: those of a rehearsal with a later ``--now``."""
    query = text("SELECT count(*) FROM send WHERE decision = 'sent' AND sent_at > :now")
    return int(connection.scalar(query, {"now": now}) or 0)


# the provider reports in real time: events of mails sent under --now cannot be compared with it, and all count
_EVENTS = (
    "FROM mail_event e JOIN send s ON s.run = e.run AND s.contact = e.contact JOIN mailing m ON m.id = e.mailing "
    f"WHERE e.campaign = :campaign AND {_SENT} "
    "AND (e.at <= :now OR abs(coalesce(m.send_asked_at, s.sent_at) - s.sent_at) > :pretended)"
)


def exposures(connection: Connection, campaign: str, now: int) -> Iterator[ExposureRow]:
    """Mails sent by ``now`` and contacts held out by then, in the order of unit and time.

    Held-out contacts of a run stand at its first mail. A run that ended without any mail counts too: of runs for one
    contact each, those of held-out contacts are such. One that waits, failed or was cancelled does not.
    """
    query = text(
        "SELECT * FROM (SELECT coalesce(c.account, -c.id) AS unit, s.contact AS contact, s.run AS run, "
        "CASE WHEN s.decision = 'sent' THEN 0 ELSE 1 END AS held_out, "
        "CASE WHEN s.decision = 'sent' THEN s.sent_at ELSE coalesce(f.at, s.decided_at) END AS at "
        "FROM send s JOIN contact c ON c.id = s.contact JOIN run r ON r.id = s.run "
        "LEFT JOIN (SELECT run, min(sent_at) AS at FROM send WHERE campaign = :campaign AND decision = 'sent' "
        "GROUP BY run) f ON f.run = s.run "
        "WHERE s.campaign = :campaign AND (s.decision = 'sent' OR s.decision = 'held_out' "
        "AND (f.at IS NOT NULL OR r.state = 'nothing_to_send'))) e "
        "WHERE e.at <= :now ORDER BY e.unit, e.at, e.run, e.contact"
    )
    for row in connection.execute(query, {"campaign": campaign, "now": now}):
        yield ExposureRow(row[0], row[1], row[2], bool(row[3]), row[4])


def purchases(connection: Connection, after: int, until: int) -> Iterator[PurchaseRow]:
    """Completed orders and returns placed later than ``after``, up to ``until``, in the order of unit and time.

    They belong to the order's account; those of a contact without an account to the contact.
    """
    query = text(
        "SELECT CASE WHEN c.id IS NOT NULL AND c.account IS NULL THEN -c.id ELSE coalesce(o.account, c.account) END "
        "AS unit, o.placed_at, o.total_cents, CASE WHEN o.status = 'completed' THEN 1 ELSE 0 END "
        "FROM orders o LEFT JOIN contact c ON c.id = o.contact "
        "WHERE o.status IN ('completed', 'returned') AND o.placed_at > :after AND o.placed_at <= :until "
        "AND (o.account IS NOT NULL OR c.id IS NOT NULL) ORDER BY 1, o.placed_at, o.id"
    )
    for row in connection.execute(query, {"after": after, "until": until}):
        yield PurchaseRow(row[0], row[1], row[2], bool(row[3]))
