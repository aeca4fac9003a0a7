"""The personal values of a run's mails: what was written for each, and what the provider confirmed that it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, update
from sqlmodel import col

from orchestrator.store.candidates import TOO_LATE
from orchestrator.store.tables import AudienceMember, Contact, Mailing, Send
from orchestrator.vocabulary import Decision

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection


def slot_values(
    connection: Connection, run: int, mailing: int, *, after: int, limit: int
) -> list[tuple[int, str, dict[str, str]]]:
    """(contact, address, merge tag -> value) of a mailing's planned mails, the next ``limit`` after a contact."""
    query = (
        select(col(Send.contact), col(Contact.email), col(Send.slots))
        .join(Contact, col(Contact.id) == col(Send.contact))
        .where(col(Send.run) == run, col(Send.contact) > after)
        .where(col(Send.mailing) == mailing, col(Send.decision) == Decision.PLANNED.value)
        .order_by(col(Send.contact))
        .limit(limit)
    )
    return [(row[0], row[1], row[2]) for row in connection.execute(query)]


def changeable_values(connection: Connection, run: int, *, after: int, limit: int) -> list[tuple[int, dict[str, str]]]:
    """(contact, merge tag -> value) of planned mails whose mailing is certainly not on its way, the next ``limit``."""
    query = (
        select(col(Send.contact), col(Send.slots))
        .join(Mailing, col(Mailing.id) == col(Send.mailing))
        .where(col(Send.run) == run, col(Send.contact) > after, col(Send.decision) == Decision.PLANNED.value)
        .where(col(Mailing.state).not_in(TOO_LATE))
        .order_by(col(Send.contact))
        .limit(limit)
    )
    return [(row[0], row[1]) for row in connection.execute(query)]


def leave_mailings(connection: Connection, run: int, contacts: Sequence[int]) -> None:
    """These mails are to be written anew."""
    own = (col(Send.run) == run, col(Send.contact).in_(contacts))
    connection.execute(update(Send).where(*own).values(mailing=None, slots={}))


def confirmed_payloads(connection: Connection, contacts: Sequence[int]) -> list[tuple[int, str]]:
    """(contact, fingerprint text) of what the provider confirmed that its members hold."""
    query = (
        select(col(Contact.id), col(AudienceMember.payload))
        .join(AudienceMember, col(AudienceMember.email_key) == col(Contact.email_key))
        .where(col(Contact.id).in_(contacts), col(AudienceMember.payload).is_not(None))
    )
    return [(row[0] or 0, row[1] or "") for row in connection.execute(query)]
