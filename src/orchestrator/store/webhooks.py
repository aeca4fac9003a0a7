"""Calls of webhooks: each is recorded once, and an opt-out is in our copy of the audience when it is recorded.

Both happen in one transaction, so that a call that was answered cannot be forgotten, and one that was not recorded
has changed nothing and may come again. Webhooks hasten what the next reading of the audience finds anyway, so they
only ever take a permission away; whom they would allow is left to that reading.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

from orchestrator.clock import to_epoch
from orchestrator.store import forgotten, opt_outs
from orchestrator.store.forgotten import Mark
from orchestrator.vocabulary import WebhookOutcome

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from orchestrator.store.database import Database
    from orchestrator.vocabulary import MemberStatus

WAIT_SECONDS = 10.0
"""for another writer"""
KEPT_SECONDS = 30 * 24 * 3600
"""how long calls are remembered; the provider repeats one for little more than an hour"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One call of a webhook, in our words."""

    digest: str
    kind: str
    fired_at: datetime
    known: bool
    email: str | None = None
    """the member of whom ``status`` is said, in lower case"""
    status: MemberStatus | None = None
    """what the member is now; never one that may be mailed"""


def record_delivery(database: Database, delivery: Delivery, now: datetime) -> WebhookOutcome:
    """Record a call and carry it out, unless it came before."""
    received = to_epoch(now)
    # its zone is not documented; a moment to come would shut out what the audience says until then
    fired = min(to_epoch(delivery.fired_at), received)
    # no lease is needed, and the caller comes again: a commit does not hang on the daemon's leases, and waits briefly
    with database.write(fenced=False, patience=WAIT_SECONDS) as connection:
        first = connection.execute(
            text(
                "INSERT INTO webhook_delivery (digest, kind, fired_at, received_at, outcome) "
                "VALUES (:digest, :kind, :fired, :received, '') ON CONFLICT (digest) DO NOTHING"
            ),
            {"digest": delivery.digest, "kind": delivery.kind, "fired": fired, "received": received},
        )
        if not first.rowcount:
            return WebhookOutcome.DUPLICATE
        outcome = _carry_out(connection, delivery, fired)
        connection.execute(
            text("UPDATE webhook_delivery SET outcome = :outcome WHERE digest = :digest"),
            {"outcome": outcome.value, "digest": delivery.digest},
        )
        connection.execute(
            text("DELETE FROM webhook_delivery WHERE received_at < :horizon"), {"horizon": received - KEPT_SECONDS}
        )
    return outcome


def recorded(connection: Connection) -> tuple[int, int]:
    """Is another one once another call was recorded."""
    row = connection.execute(text("SELECT COUNT(*), COALESCE(MAX(received_at), 0) FROM webhook_delivery")).one()
    return row[0], row[1]


def deliveries_since(connection: Connection, moment: int) -> dict[str, int]:
    """Outcome -> calls received since then."""
    query = text("SELECT outcome, count(*) FROM webhook_delivery WHERE received_at >= :moment GROUP BY outcome")
    return {row[0]: row[1] for row in connection.execute(query, {"moment": moment})}


def _carry_out(connection: Connection, delivery: Delivery, fired: int) -> WebhookOutcome:
    if not delivery.known:
        return WebhookOutcome.UNKNOWN
    if delivery.email is None or delivery.status is None:
        return WebhookOutcome.NOTED
    if forgotten.known(connection, Mark.ADDRESS, {delivery.email}):
        return WebhookOutcome.NOTED  # of who asked to be forgotten, nothing is stored again
    opt_outs.note_news(connection, delivery.status, [{"email_key": delivery.email, "at": fired}])
    changed = connection.execute(
        text(
            "INSERT INTO audience_member (email_key, status, status_at, detail) VALUES (:key, :status, :at, '') "
            "ON CONFLICT (email_key) DO UPDATE SET status = excluded.status, status_at = excluded.status_at, "
            "detail = excluded.detail "
            # within one second the word against mailing wins
            "WHERE coalesce(audience_member.status_at, 0) <= excluded.status_at"
        ),
        {"key": delivery.email, "status": delivery.status.value, "at": fired},
    )
    return WebhookOutcome.APPLIED if changed.rowcount else WebhookOutcome.OLDER
