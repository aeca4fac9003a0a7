"""Members that follow their contact to another address: which they are, and what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

from orchestrator.store import opt_outs
from orchestrator.vocabulary import MemberStatus, OptOutReason

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from orchestrator.store.database import Database

MOVED_ON = "opted out here, then the person got another address"
"""detail of an address that stays opted out although its member has another one now"""


@dataclass(frozen=True, slots=True)
class Move:
    """A contact whose address changed since its member was made."""

    contact: int
    key: str
    old_email_key: str
    old_status: str
    moving_to: str | None
    """the address that the provider was asked to move it to"""
    email: str
    email_key: str
    new_status: str | None
    """status of the member that already has the new address; "" or None: there is none"""
    consent: str
    was_left: bool
    """the old address is one that somebody opted out at and left; the audience has no member there"""
    is_taken_over: bool
    """another contact has the old address now"""


def moves(database: Database) -> list[Move]:
    """Contacts whose member still has an earlier address."""
    query = text(
        "SELECT c.id, c.key, m.email_key, m.status, m.moving_to, c.email, c.email_key, nullif(n.status, 'gone'), "
        "c.consent, m.detail = :moved_on, EXISTS (SELECT 1 FROM contact o WHERE o.email_key = m.email_key) "
        # CROSS JOIN: SQLite looked for the member of each contact, which takes twice as long
        "FROM audience_member m CROSS JOIN contact c LEFT JOIN audience_member n ON n.email_key = c.email_key "
        "WHERE c.id = m.contact AND m.email_key <> c.email_key ORDER BY c.id"
    )
    with database.read() as connection:
        return [Move(*row) for row in connection.execute(query, {"moved_on": MOVED_ON})]


def intend_move(database: Database, move: Move) -> None:
    """Before the provider is asked to move a member: a move whose answer is lost must not look like an erasure."""
    with database.write() as connection:
        connection.execute(
            text("UPDATE audience_member SET moving_to = :new WHERE email_key = :old"),
            {"new": move.email_key, "old": move.old_email_key},
        )


def record_move(database: Database, move: Move, at: int) -> None:
    """The member has the contact's new address now, at that real time; its status came along, unless newer news of it
    were read there.

    Where somebody opted out under the old address, that address stays opted out here, whoever has it next.
    """
    with database.write() as connection:
        news = connection.execute(
            text(
                "SELECT status, status_at, opted_in_at FROM audience_member "
                "WHERE email_key = :new AND status NOT IN ('', 'gone')"
            ),
            {"new": move.email_key},
        ).first()
        _note_vanished_before(connection, move, at)
        connection.execute(text("DELETE FROM audience_member WHERE email_key = :new"), {"new": move.email_key})
        connection.execute(
            text(
                "UPDATE audience_member SET email_key = :new, payload = NULL, made_from = NULL, moving_to = NULL "
                "WHERE email_key = :old"
            ),
            {"new": move.email_key, "old": move.old_email_key},
        )
        if news is not None:
            status, status_at, opted_in_at = news
            opt_outs.note_news(connection, MemberStatus(status), [{"email_key": move.email_key, "at": status_at}])
            connection.execute(
                text(
                    "UPDATE audience_member SET status = :status, status_at = :at, opted_in_at = :opted_in_at "
                    "WHERE email_key = :new"
                ),
                {"new": move.email_key, "status": status, "at": status_at, "opted_in_at": opted_in_at},
            )
        if move.old_status == MemberStatus.UNSUBSCRIBED:
            connection.execute(
                text(
                    "INSERT INTO audience_member (email_key, status, status_at, detail) "
                    "SELECT :old, status, status_at, :moved_on "
                    "FROM audience_member WHERE email_key = :new"
                ),
                {"new": move.email_key, "old": move.old_email_key, "moved_on": MOVED_ON},
            )


def record_parting(database: Database, move: Move, at: int) -> None:
    """The old address's member is nobody of ours from that real time on. Its tags are not the new address's."""
    with database.write() as connection:
        _note_vanished_before(connection, move, at)
        connection.execute(
            text(
                "UPDATE audience_member SET contact = NULL, moving_to = NULL "
                "WHERE email_key = :old AND contact = :contact"
            ),
            {"old": move.old_email_key, "contact": move.contact},
        )
        connection.execute(text("DELETE FROM tag_mask WHERE contact = :contact"), {"contact": move.contact})
        connection.execute(
            # what the new address's member carries is learned from the answer to its next update
            text(
                "UPDATE audience_member SET contact = :contact, payload = NULL, made_from = NULL WHERE email_key = :new"
            ),
            {"new": move.email_key, "contact": move.contact},
        )


def record_vanished(database: Database, move: Move, at: int) -> None:
    """A member that was to be moved is gone. Perhaps the person had it erased: the next address is not subscribed."""
    with database.write() as connection:
        opt_outs.note(connection, move.contact, at, OptOutReason.VANISHED)
        connection.execute(text("DELETE FROM tag_mask WHERE contact = :contact"), {"contact": move.contact})
        connection.execute(
            text(
                "DELETE FROM audience_member "
                "WHERE email_key = :old AND contact = :contact AND status IN ('subscribed', 'gone')"
            ),
            {"old": move.old_email_key, "contact": move.contact},
        )
        # an opt-out of the address outlives its member
        connection.execute(
            text(
                "UPDATE audience_member SET contact = NULL, detail = :moved_on "
                "WHERE email_key = :old AND contact = :contact"
            ),
            {"old": move.old_email_key, "contact": move.contact, "moved_on": MOVED_ON},
        )


def _note_vanished_before(connection: Connection, move: Move, at: int) -> None:
    """The new address was another contact's, whose member vanished there: perhaps that person had it erased. It is
    remembered of the person before the address is this contact's.
    """
    before = connection.scalar(
        text("SELECT contact FROM audience_member WHERE email_key = :new AND status = 'gone' AND contact <> :contact"),
        {"new": move.email_key, "contact": move.contact},
    )
    if before is not None:
        opt_outs.note(connection, before, at, OptOutReason.VANISHED)
