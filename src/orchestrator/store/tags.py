"""Segments as bits of masks, and the tags that carry them at the provider: differences, and what was confirmed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select, text
from sqlmodel import col

from orchestrator.store.statements import execute_listed
from orchestrator.store.tables import AudienceTag, Segment

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence

    from sqlalchemy.engine import Connection

    from orchestrator.store.database import Database

PAGE = 5000
"""contacts at a time"""
WORD_BITS = 62
"""bits in one mask word: a signed 64-bit integer with room to spare"""


def mask_of(word: int, bits: Iterable[int]) -> int:
    """The bits of one word, out of bits over all words."""
    return sum(1 << bit % WORD_BITS for bit in bits if bit // WORD_BITS == word)


def bits_of(mask: int) -> Iterator[int]:
    """The bits that are set, the lowest first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


@dataclass(frozen=True, slots=True)
class TagDifference:
    """Bits of one mask word that a member's tags lack or have too many."""

    contact: int
    email: str
    missing: int
    surplus: int


def tag_differences(
    database: Database, word: int, synced: int, left_alone: int, after: int = 0
) -> Generator[list[TagDifference], None, None]:
    """Subscribed members whose tags differ from what they should be, in pages by contact: their memberships, or none
    where the ERP holds no consent any more or the person left under another address.

    ``synced``: bits that are carried as tags; ``left_alone``: bits of which nothing is changed; ``after``: the contact
    behind whom to begin.
    """
    considered = ((1 << WORD_BITS) - 1) & ~left_alone
    query = text(
        "SELECT c.id, c.email, coalesce(w.mask, 0) & :synced AS want, coalesce(t.mask, 0) & :considered AS have "
        "FROM contact c LEFT JOIN membership_mask w ON w.contact = c.id AND w.word = :word AND c.consent = 'opted_in' "
        "AND NOT EXISTS (SELECT 1 FROM opt_out x WHERE x.contact = c.id) "
        "LEFT JOIN tag_mask t ON t.contact = c.id AND t.word = :word "
        # last, and by CROSS JOIN for SQLite: the members of those who differ are few
        "CROSS JOIN audience_member m "
        "WHERE c.id > :after AND m.email_key = c.email_key AND m.status = 'subscribed' "
        "AND (coalesce(w.mask, 0) & :synced) <> (coalesce(t.mask, 0) & :considered) ORDER BY c.id LIMIT :page"
    )
    while True:
        with database.read() as connection:
            values = {"synced": synced, "considered": considered, "word": word, "after": after, "page": PAGE}
            rows = connection.execute(query, values).all()
        if rows:
            yield [TagDifference(row[0], row[1], row[2] & ~row[3], row[3] & ~row[2]) for row in rows]
        if len(rows) < PAGE:
            return
        after = rows[-1][0]


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


def segment_bits(connection: Connection) -> dict[str, tuple[int, int]]:
    """Segment name -> (id, bit), computed ones only."""
    rows = connection.execute(select(col(Segment.name), col(Segment.id), col(Segment.bit)))
    return {row[0]: (row[1] or 0, row[2]) for row in rows}


def remote_tags(connection: Connection) -> dict[int, int]:
    """Segment id -> id of its static segment at the provider."""
    rows = connection.execute(select(col(AudienceTag.segment), col(AudienceTag.remote_id)))
    return {row[0]: row[1] for row in rows}


def is_carried(database: Database, bit: int) -> bool:
    """Does any contact carry the tag, as far as we were told?"""
    query = text("SELECT 1 FROM tag_mask WHERE word = :word AND (mask & :flag) <> 0 LIMIT 1")
    with database.read() as connection:
        values = {"word": bit // WORD_BITS, "flag": 1 << (bit % WORD_BITS)}
        return connection.execute(query, values).first() is not None


def record_tags(database: Database, word: int, bit: int, *, added: Iterable[int], removed: Iterable[int]) -> None:
    """Contacts whose tag the provider confirmed as added or removed."""
    flag = 1 << bit
    plus = [(contact, word, flag) for contact in dict.fromkeys(added)]
    minus = [{"contact": contact, "word": word, "mask": flag} for contact in removed]
    with database.write() as connection:
        add_tags(connection, plus)
        if minus:
            connection.execute(
                text(
                    "UPDATE tag_mask SET mask = mask & ~CAST(:mask AS BIGINT) WHERE contact = :contact AND word = :word"
                ),
                minus,
            )


def add_tags(connection: Connection, rows: Sequence[tuple[int, int, int]]) -> None:
    """Tags that contacts carry for certain: contact, word, mask; one row a contact and word."""
    if not rows:
        return
    execute_listed(
        connection,
        (
            "INSERT INTO tag_mask (contact, word, mask) SELECT contact, word, mask FROM {rows} r WHERE true "
            "ON CONFLICT (contact, word) DO UPDATE SET mask = tag_mask.mask | excluded.mask"
        ),
        {"contact": "BIGINT", "word": "INTEGER", "mask": "BIGINT"},
        rows,
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


def forget_remote_tag(database: Database, segment: int, bit: int) -> None:
    """The tag is gone at the provider: nobody carries it any more."""
    with database.write() as connection:
        connection.execute(text("DELETE FROM audience_tag WHERE segment = :segment"), {"segment": segment})
        connection.execute(
            text("UPDATE tag_mask SET mask = mask & ~CAST(:flag AS BIGINT) WHERE word = :word"),
            {"flag": 1 << (bit % WORD_BITS), "word": bit // WORD_BITS},
        )
