"""Who is meant by an address or a contact id: a contact, a member of the audience alone, or somebody forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlmodel import col

from orchestrator.store.tables import AudienceMember, Contact, Send

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of whom we hold something."""

    contact: int
    """0: a member of the audience who is no contact of ours"""
    key: str
    """the contact id; "" without one"""
    addresses: tuple[str, ...]
    """in lower case: the present one first, then earlier ones that nobody else has now"""


def find_person(connection: Connection, name: str) -> Person | None:
    """Whoever has this contact id or address. The id wins, as in every command."""
    wanted = name.strip()
    if not wanted or "\0" in wanted:
        return None
    for condition in (col(Contact.key) == wanted, col(Contact.email_key) == wanted.lower()):
        row = connection.execute(
            select(col(Contact.id), col(Contact.key), col(Contact.email_key)).where(condition)
        ).first()
        if row is not None:
            contact = row[0] or 0
            return Person(contact, row[1], (row[2], *_earlier_addresses(connection, contact, row[2])))
    member = select(col(AudienceMember.email_key)).where(col(AudienceMember.email_key) == wanted.lower())
    address = connection.scalar(member)
    return None if address is None else Person(0, "", (address,))


def _earlier_addresses(connection: Connection, contact: int, present: str) -> list[str]:
    of_sends = select(col(Send.email_key)).where(col(Send.contact) == contact)
    of_members = select(col(AudienceMember.email_key)).where(col(AudienceMember.contact) == contact)
    found = {*connection.scalars(of_sends), *connection.scalars(of_members)} - {"", present}
    others = set(connection.scalars(select(col(Contact.email_key)).where(col(Contact.email_key).in_(found))))
    return sorted(found - others)
