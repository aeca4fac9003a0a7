"""Opens, clicks, bounces and opt-outs of sent mailings, each stored once however often it is reported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select, text
from sqlmodel import col

from orchestrator.clock import to_epoch
from orchestrator.store.tables import Mailing, Send
from orchestrator.store.touched import touch_contacts
from orchestrator.vocabulary import MailEventKind, MailingState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection

    from orchestrator.gateway import MailEvent

BOUNCES = {MailEventKind.HARD_BOUNCE, MailEventKind.SOFT_BOUNCE}


def sent_mailings(connection: Connection, sent_since: int) -> list[tuple[int, str, int, int | None]]:
    """(mailing, remote campaign, when the send was asked for, last reading) of those sent since a real moment."""
    states = [MailingState.SENT.value, MailingState.SETTLED.value]
    query = (
        select(col(Mailing.id), col(Mailing.remote_campaign), col(Mailing.send_asked_at), col(Mailing.events_read_at))
        .where(col(Mailing.state).in_(states), col(Mailing.send_asked_at) >= sent_since)
        .order_by(col(Mailing.id))
    )
    return [(row[0] or 0, row[1] or "", row[2] or 0, row[3]) for row in connection.execute(query)]


def asked_to_be_sent(connection: Connection) -> frozenset[int]:
    """Mailings whose send was asked for, whether it is answered or not."""
    return frozenset(connection.scalars(select(col(Mailing.id)).where(col(Mailing.send_asked_at).is_not(None))))


def record_events(connection: Connection, mailing: int, events: Sequence[MailEvent]) -> int:
    """Store what is new. Returns how many were; those of addresses that the mailing did not go to are left out."""
    rows = _rows(connection, mailing, events)
    before = connection.scalar(text("SELECT count(*) FROM mail_event WHERE mailing = :m"), {"m": mailing}) or 0
    if rows:
        connection.execute(
            text(
                "INSERT INTO mail_event (mailing, run, campaign, contact, kind, at, url) "
                "VALUES (:mailing, :run, :campaign, :contact, :kind, :at, :url) ON CONFLICT DO NOTHING"
            ),
            rows,
        )
    bounced = [row for row in rows if row["kind"] in BOUNCES]
    if bounced:
        connection.execute(
            text("UPDATE send SET bounce = :kind WHERE run = :run AND contact = :contact AND decision = 'sent'"),
            bounced,
        )
    after = connection.scalar(text("SELECT count(*) FROM mail_event WHERE mailing = :m"), {"m": mailing}) or 0
    if after > before:
        touch_contacts(connection, "mail_event", {row["contact"] for row in rows})
    return int(after - before)


def mark_read(connection: Connection, mailing: int, real_time: int) -> None:
    """Everything that happened before this moment was asked for."""
    connection.execute(
        text("UPDATE mailing SET events_read_at = :at WHERE id = :mailing"), {"at": real_time, "mailing": mailing}
    )


def _rows(connection: Connection, mailing: int, events: Sequence[MailEvent]) -> list[dict[str, Any]]:
    addresses = {event.email.lower() for event in events}
    query = select(col(Send.email_key), col(Send.contact), col(Send.run), col(Send.campaign)).where(
        col(Send.mailing) == mailing, col(Send.email_key).in_(addresses)
    )
    people = {row[0]: row for row in connection.execute(query)}
    return [
        {
            "mailing": mailing,
            "run": people[event.email.lower()][2],
            "campaign": people[event.email.lower()][3],
            "contact": people[event.email.lower()][1],
            "kind": event.kind.value,
            "at": to_epoch(event.at),
            "url": event.url,
        }
        for event in events
        if event.email.lower() in people
    ]
