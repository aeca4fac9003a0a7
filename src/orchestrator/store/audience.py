"""What we know of the provider's audience: queries and records, in pages so that memory does not grow with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select, text
from sqlmodel import col

from orchestrator.clock import to_epoch
from orchestrator.store import forgotten
from orchestrator.store.forgotten import Mark
from orchestrator.store.tables import AudienceMember, AudienceTag, PullMark, Segment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from orchestrator.gateway import Member
    from orchestrator.store.database import Database
    from orchestrator.vocabulary import MemberStatus

PAGE = 5000
WORD_BITS = 62
"""bits in one mask word: a signed 64-bit integer with room to spare"""


@dataclass(frozen=True, slots=True)
class KnownMember:
    """A contact with consent, and the member at its address as the provider last confirmed it."""

    contact: int
    key: str
    email: str
    email_key: str
    language: str | None
    status: str | None
    """None: no member of that address"""
    payload: str | None
    refused_payload: str | None


@dataclass(frozen=True, slots=True)
class TagDifference:
    """Bits of one mask word that a member's tags lack or have too many."""

    contact: int
    email: str
    missing: int
    surplus: int


@dataclass(frozen=True, slots=True)
class Move:
    """A contact whose address changed since its member was made."""

    contact: int
    key: str
    old_email_key: str
    old_status: str
    email: str
    email_key: str
    new_status: str | None
    """status of the member that already has the new address, if any"""


# -- reading back


def pull_marks(connection: Connection) -> dict[str, int]:
    """Status -> provider time up to which changes were read."""
    return {mark.status: mark.until for mark in connection.execute(select(PullMark.__table__))}  # type: ignore[attr-defined]


def record_pulled(database: Database, status: MemberStatus, members: Sequence[Member], until: int | None) -> None:
    """Store what the provider says of its members; the newest word wins, theirs.

    Nothing is stored of who asked to be forgotten, as long as they are still in the audience.
    """
    with database.write() as connection:
        erased = forgotten.known(connection, Mark.ADDRESS, {member.email.lower() for member in members})
        rows = [
            {
                "email_key": member.email.lower(),
                "status": status.value,
                "at": to_epoch(member.last_changed) if member.last_changed else None,
                "detail": member.reason,
            }
            for member in members
            if member.email.lower() not in erased
        ]
        if rows:
            connection.execute(
                text(
                    "INSERT INTO audience_member (email_key, status, status_at, detail) "
                    "VALUES (:email_key, :status, :at, :detail) "
                    "ON CONFLICT (email_key) DO UPDATE SET status = excluded.status, status_at = excluded.status_at, "
                    "detail = excluded.detail, refusal = NULL, refused_payload = NULL "
                    "WHERE audience_member.status <> excluded.status "
                    "AND coalesce(audience_member.status_at, 0) <= coalesce(excluded.status_at, 0)"
                ),
                rows,
            )
        if until is not None:
            connection.execute(
                text(
                    "INSERT INTO pull_mark (status, until) VALUES (:status, :until) "
                    "ON CONFLICT (status) DO UPDATE SET until = excluded.until"
                ),
                {"status": status.value, "until": until},
            )


def link_members(database: Database) -> None:
    """Members whose address is a contact's belong to it, unless the contact has a member elsewhere (a move)."""
    with database.write() as connection:
        connection.execute(
            text(
                "UPDATE audience_member SET contact = (SELECT c.id FROM contact c "
                "WHERE c.email_key = audience_member.email_key) WHERE contact IS NULL AND EXISTS ("
                "SELECT 1 FROM contact c WHERE c.email_key = audience_member.email_key AND NOT EXISTS ("
                "SELECT 1 FROM audience_member o WHERE o.contact = c.id))"
            )
        )


# -- what is owed


def known_members(database: Database) -> Iterator[list[KnownMember]]:
    """Contacts with consent, in pages by id, but for those whose member waits to be moved to a new address."""
    after = 0
    query = text(
        "SELECT c.id, c.key, c.email, c.email_key, c.language, m.status, m.payload, m.refused_payload "
        "FROM contact c LEFT JOIN audience_member m ON m.email_key = c.email_key "
        "WHERE c.consent = 'opted_in' AND c.id > :after "
        # a member who is still to be moved to the new address must not be added there as a second one
        "AND NOT (m.email_key IS NULL AND EXISTS (SELECT 1 FROM audience_member o WHERE o.contact = c.id)) "
        "ORDER BY c.id LIMIT :page"
    )
    while True:
        with database.read() as connection:
            page = [KnownMember(*row) for row in connection.execute(query, {"after": after, "page": PAGE})]
        if not page:
            return
        after = page[-1].contact
        yield page


def moves(database: Database) -> list[Move]:
    """Contacts whose member still has an earlier address."""
    query = text(
        "SELECT c.id, c.key, m.email_key, m.status, c.email, c.email_key, n.status "
        "FROM audience_member m JOIN contact c ON c.id = m.contact "
        "LEFT JOIN audience_member n ON n.email_key = c.email_key "
        "WHERE m.email_key <> c.email_key ORDER BY c.id"
    )
    with database.read() as connection:
        return [Move(*row) for row in connection.execute(query)]


def opted_out_members(database: Database) -> list[tuple[int, str, str]]:
    """(contact, key, address) of subscribed members whose ERP record says opted out."""
    query = text(
        "SELECT c.id, c.key, c.email FROM contact c JOIN audience_member m ON m.email_key = c.email_key "
        "WHERE c.consent = 'opted_out' AND m.status = 'subscribed' ORDER BY c.id"
    )
    with database.read() as connection:
        return [(row[0], row[1], row[2]) for row in connection.execute(query)]


def tag_differences(database: Database, word: int, synced: int, left_alone: int) -> Iterator[list[TagDifference]]:
    """Subscribed members whose tags differ from what they should be, in pages by contact: their memberships, or none
    where the ERP holds no consent any more.

    ``synced``: bits that are carried as tags; ``left_alone``: bits of which nothing is changed.
    """
    after = 0
    considered = ((1 << WORD_BITS) - 1) & ~left_alone
    query = text(
        "SELECT c.id, c.email, coalesce(w.mask, 0) & :synced AS want, coalesce(t.mask, 0) & :considered AS have "
        "FROM contact c JOIN audience_member m ON m.email_key = c.email_key AND m.status = 'subscribed' "
        "LEFT JOIN membership_mask w ON w.contact = c.id AND w.word = :word AND c.consent = 'opted_in' "
        "LEFT JOIN tag_mask t ON t.contact = c.id AND t.word = :word "
        "WHERE c.id > :after "
        "AND (coalesce(w.mask, 0) & :synced) <> (coalesce(t.mask, 0) & :considered) ORDER BY c.id LIMIT :page"
    )
    while True:
        with database.read() as connection:
            values = {"synced": synced, "considered": considered, "word": word, "after": after, "page": PAGE}
            rows = connection.execute(query, values).all()
        if not rows:
            return
        after = rows[-1][0]
        yield [TagDifference(row[0], row[1], row[2] & ~row[3], row[3] & ~row[2]) for row in rows]


def masks(connection: Connection, contacts: Sequence[int], table: str = "membership_mask") -> dict[int, dict[int, int]]:
    """Contact -> word -> mask of the segments it is in; with ``tag_mask``, of the tags that it carries."""
    found: dict[int, dict[int, int]] = {}
    for start in range(0, len(contacts), 500):
        chunk = contacts[start : start + 500]
        marks = ", ".join(str(int(contact)) for contact in chunk)
        rows = connection.execute(text(f"SELECT contact, word, mask FROM {table} WHERE contact IN ({marks})"))
        for contact, word, mask in rows:
            found.setdefault(contact, {})[word] = mask
    return found


def contacts_of(database: Database, addresses: Sequence[str]) -> list[int]:
    """The contacts behind members' addresses; strangers are left out."""
    query = select(col(AudienceMember.contact)).where(
        col(AudienceMember.email_key).in_([address.lower() for address in addresses]),
        col(AudienceMember.contact).is_not(None),
    )
    with database.read() as connection:
        return list(connection.scalars(query))


def segment_bits(connection: Connection) -> dict[str, tuple[int, int]]:
    """Segment name -> (id, bit), computed ones only."""
    rows = connection.execute(select(col(Segment.name), col(Segment.id), col(Segment.bit)))
    return {row[0]: (row[1] or 0, row[2]) for row in rows}


def remote_tags(connection: Connection) -> dict[int, int]:
    """Segment id -> id of its static segment at the provider."""
    rows = connection.execute(select(col(AudienceTag.segment), col(AudienceTag.remote_id)))
    return {row[0]: row[1] for row in rows}


# -- what the provider confirmed


def record_members(database: Database, rows: Sequence[Mapping[str, object]]) -> None:
    """Members that are subscribed with this payload now: ``email_key``, ``contact``, ``payload``."""
    if not rows:
        return
    with database.write() as connection:
        connection.execute(
            text(
                "INSERT INTO audience_member (email_key, contact, status, payload, detail) "
                "VALUES (:email_key, :contact, 'subscribed', :payload, '') "
                "ON CONFLICT (email_key) DO UPDATE SET contact = excluded.contact, payload = excluded.payload, "
                # an update's answer says nothing new of the status: an opt-out that we know stays
                "status = CASE WHEN audience_member.status = '' THEN 'subscribed' ELSE audience_member.status END, "
                "refusal = NULL, refused_payload = NULL, detail = ''"
            ),
            list(rows),
        )


def record_refusals(database: Database, rows: Sequence[Mapping[str, object]]) -> None:
    """Refused addresses: ``email_key``, ``contact``, ``payload``, ``refusal``, ``detail``, ``status`` ("" or a
    status that the refusal proves)."""
    if not rows:
        return
    with database.write() as connection:
        connection.execute(
            text(
                "INSERT INTO audience_member (email_key, contact, status, refusal, refused_payload, detail) "
                "VALUES (:email_key, :contact, :status, :refusal, :payload, :detail) "
                "ON CONFLICT (email_key) DO UPDATE SET contact = excluded.contact, refusal = excluded.refusal, "
                "refused_payload = excluded.refused_payload, detail = excluded.detail, "
                "status = CASE WHEN excluded.status <> '' THEN excluded.status ELSE audience_member.status END"
            ),
            list(rows),
        )


def record_status(database: Database, email_key: str, status: MemberStatus | None, at: datetime | None) -> None:
    """One member's status as just read; None: the audience has no such member."""
    with database.write() as connection:
        if status is None:
            connection.execute(text("DELETE FROM audience_member WHERE email_key = :key"), {"key": email_key})
        elif not forgotten.known(connection, Mark.ADDRESS, {email_key}):
            connection.execute(
                text(
                    "INSERT INTO audience_member (email_key, status, status_at, detail) VALUES (:key, :status, :at, '')"
                    " ON CONFLICT (email_key) DO UPDATE SET status = excluded.status, status_at = excluded.status_at"
                ),
                {"key": email_key, "status": status.value, "at": to_epoch(at) if at else None},
            )


def record_move(database: Database, move: Move) -> None:
    """The member has the contact's new address now; its status and payload came along."""
    with database.write() as connection:
        connection.execute(text("DELETE FROM audience_member WHERE email_key = :new"), {"new": move.email_key})
        connection.execute(
            text("UPDATE audience_member SET email_key = :new, payload = NULL WHERE email_key = :old"),
            {"new": move.email_key, "old": move.old_email_key},
        )


def record_parting(database: Database, move: Move, *, suppress: bool) -> None:
    """The old address's member is nobody of ours any more. Its tags are not the new address's.

    ``suppress``: the person opted out there, so the new address starts as opted out, too.
    """
    with database.write() as connection:
        connection.execute(
            text("UPDATE audience_member SET contact = NULL WHERE email_key = :old"), {"old": move.old_email_key}
        )
        connection.execute(text("DELETE FROM tag_mask WHERE contact = :contact"), {"contact": move.contact})
        if suppress:
            connection.execute(
                text(
                    "INSERT INTO audience_member (email_key, contact, status, detail) "
                    "VALUES (:new, :contact, 'unsubscribed', 'opted out under an earlier address') "
                    "ON CONFLICT (email_key) DO UPDATE SET contact = excluded.contact, status = excluded.status, "
                    "detail = excluded.detail"
                ),
                {"new": move.email_key, "contact": move.contact},
            )
        else:
            connection.execute(
                text("UPDATE audience_member SET contact = :contact WHERE email_key = :new"),
                {"new": move.email_key, "contact": move.contact},
            )


def record_tags(database: Database, word: int, bit: int, *, added: Iterable[int], removed: Iterable[int]) -> None:
    """Contacts whose tag the provider confirmed as added or removed."""
    flag = 1 << bit
    plus = [{"contact": contact, "word": word, "flag": flag} for contact in added]
    minus = [{"contact": contact, "word": word, "flag": flag} for contact in removed]
    with database.write() as connection:
        if plus:
            connection.execute(
                text(
                    "INSERT INTO tag_mask (contact, word, mask) VALUES (:contact, :word, :flag) "
                    "ON CONFLICT (contact, word) DO UPDATE SET mask = tag_mask.mask | excluded.mask"
                ),
                plus,
            )
        if minus:
            connection.execute(
                text(
                    "UPDATE tag_mask SET mask = mask & ~CAST(:flag AS BIGINT) WHERE contact = :contact AND word = :word"
                ),
                minus,
            )


def record_remote_tag(database: Database, segment: int, remote_id: int) -> None:
    """The static segment that carries a segment."""
    with database.write() as connection:
        connection.execute(
            text(
                "INSERT INTO audience_tag (segment, remote_id) VALUES (:segment, :remote) "
                "ON CONFLICT (segment) DO UPDATE SET remote_id = excluded.remote_id"
            ),
            {"segment": segment, "remote": remote_id},
        )


def is_carried(database: Database, bit: int) -> bool:
    """Does any contact carry the tag, as far as we were told?"""
    query = text("SELECT 1 FROM tag_mask WHERE word = :word AND (mask & :flag) <> 0 LIMIT 1")
    with database.read() as connection:
        values = {"word": bit // WORD_BITS, "flag": 1 << (bit % WORD_BITS)}
        return connection.execute(query, values).first() is not None


def forget_remote_tag(database: Database, segment: int, bit: int) -> None:
    """The tag is gone at the provider: nobody carries it any more."""
    with database.write() as connection:
        connection.execute(text("DELETE FROM audience_tag WHERE segment = :segment"), {"segment": segment})
        connection.execute(
            text("UPDATE tag_mask SET mask = mask & ~CAST(:flag AS BIGINT) WHERE word = :word"),
            {"flag": 1 << (bit % WORD_BITS), "word": bit // WORD_BITS},
        )
