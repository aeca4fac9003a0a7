"""What we know of the provider's audience: queries and records, in pages so that memory does not grow with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select, text
from sqlmodel import col

from orchestrator.clock import to_epoch
from orchestrator.store import forgotten, opt_outs
from orchestrator.store.forgotten import Mark
from orchestrator.store.tables import AudienceMember, AudienceTag, PullMark, Segment
from orchestrator.vocabulary import MemberStatus, OptOutReason, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from orchestrator.gateway import Member
    from orchestrator.store.database import Database

PAGE = 5000
_PROVEN = {Refusal.COMPLIANCE.value: OptOutReason.UNSUBSCRIBED, Refusal.FORGOTTEN.value: OptOutReason.FORGOTTEN}
"""refusals that tell that the person left"""
GONE = "gone"
"""status of a member of a contact that the audience does not have any more: erased, or removed by hand"""
MOVED_ON = "opted out here, then the person got another address"
"""detail of an address that stays opted out although its member has another one now"""
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
                "opted_in_at": to_epoch(member.opted_in_at) if member.opted_in_at else None,
                "detail": member.reason,
            }
            for member in members
            if member.email.lower() not in erased
        ]
        opt_outs.note_news(connection, status, rows)
        if rows:
            connection.execute(
                text(
                    "INSERT INTO audience_member (email_key, status, status_at, opted_in_at, detail) "
                    "VALUES (:email_key, :status, :at, :opted_in_at, :detail) "
                    "ON CONFLICT (email_key) DO UPDATE SET status = excluded.status, status_at = excluded.status_at, "
                    "opted_in_at = excluded.opted_in_at, detail = excluded.detail, refusal = NULL, "
                    "refused_payload = NULL, "
                    "made_from = CASE WHEN audience_member.refused_payload IS NULL THEN audience_member.made_from END, "
                    "resubscribed_at = CASE WHEN excluded.status = 'subscribed' "
                    "AND audience_member.status IN ('unsubscribed', 'archived') "
                    "THEN coalesce(excluded.opted_in_at, excluded.status_at) "
                    "ELSE audience_member.resubscribed_at END "
                    "WHERE (audience_member.status <> excluded.status OR audience_member.status_at IS NULL "
                    "OR coalesce(audience_member.opted_in_at, 0) <> coalesce(excluded.opted_in_at, 0)) "
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
    """Members whose address is a contact's belong to it, unless the contact has a member elsewhere (a move).

    Who left before we knew the contact left as that person.
    """
    unlinked = (
        "m.contact IS NULL AND NOT EXISTS (SELECT 1 FROM audience_member o WHERE o.contact = c.id) "
        "AND m.email_key = c.email_key"
    )
    with database.write() as connection:
        for status, reason in opt_outs.LEFT.items():
            connection.execute(
                text(
                    "INSERT INTO opt_out (contact, at, reason) SELECT c.id, coalesce(m.status_at, 0), :reason "
                    f"FROM audience_member m JOIN contact c ON {unlinked} WHERE m.status = :status "
                    "ON CONFLICT (contact) DO NOTHING"
                ),
                {"status": status.value, "reason": reason.value},
            )
        connection.execute(
            text(
                "UPDATE audience_member SET contact = (SELECT c.id FROM contact c "
                "WHERE c.email_key = audience_member.email_key) WHERE contact IS NULL AND EXISTS ("
                "SELECT 1 FROM contact c WHERE c.email_key = audience_member.email_key AND NOT EXISTS ("
                "SELECT 1 FROM audience_member o WHERE o.contact = c.id))"
            )
        )
        opt_outs.lift(connection)


# -- what is owed


def moves(database: Database) -> list[Move]:
    """Contacts whose member still has an earlier address."""
    query = text(
        "SELECT c.id, c.key, m.email_key, m.status, m.moving_to, c.email, c.email_key, nullif(n.status, 'gone'), "
        "c.consent, m.detail = :moved_on, EXISTS (SELECT 1 FROM contact o WHERE o.email_key = m.email_key) "
        "FROM audience_member m JOIN contact c ON c.id = m.contact "
        "LEFT JOIN audience_member n ON n.email_key = c.email_key "
        "WHERE m.email_key <> c.email_key ORDER BY c.id"
    )
    with database.read() as connection:
        return [Move(*row) for row in connection.execute(query, {"moved_on": MOVED_ON})]


def opted_out_members(database: Database) -> list[tuple[int, str, str]]:
    """(contact, key, address) of subscribed members whose ERP record says opted out, and who did not subscribe again
    after that.
    """
    query = text(
        "SELECT c.id, c.key, c.email FROM contact c JOIN audience_member m ON m.email_key = c.email_key "
        "WHERE c.consent = 'opted_out' AND m.status = 'subscribed' "
        "AND (c.consent_at IS NULL OR m.resubscribed_at IS NULL OR m.resubscribed_at <= c.consent_at) ORDER BY c.id"
    )
    with database.read() as connection:
        return [(row[0], row[1], row[2]) for row in connection.execute(query)]


def tag_differences(database: Database, word: int, synced: int, left_alone: int) -> Iterator[list[TagDifference]]:
    """Subscribed members whose tags differ from what they should be, in pages by contact: their memberships, or none
    where the ERP holds no consent any more or the person left under another address.

    ``synced``: bits that are carried as tags; ``left_alone``: bits of which nothing is changed.
    """
    after = 0
    considered = ((1 << WORD_BITS) - 1) & ~left_alone
    query = text(
        "SELECT c.id, c.email, coalesce(w.mask, 0) & :synced AS want, coalesce(t.mask, 0) & :considered AS have "
        "FROM contact c JOIN audience_member m ON m.email_key = c.email_key AND m.status = 'subscribed' "
        "LEFT JOIN membership_mask w ON w.contact = c.id AND w.word = :word AND c.consent = 'opted_in' "
        "AND NOT EXISTS (SELECT 1 FROM opt_out x WHERE x.contact = c.id) "
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


def record_members(
    database: Database, rows: Sequence[Mapping[str, object]], tags: Sequence[Mapping[str, int]] = ()
) -> None:
    """Members that are subscribed with this payload now: ``email_key``, ``contact``, ``payload``, ``made_from``; and
    the tags that they carry for certain: ``contact``, ``word``, ``mask``.
    """
    if not rows:
        return
    with database.write() as connection:
        connection.execute(
            text(
                "INSERT INTO audience_member (email_key, contact, status, payload, made_from, detail) "
                "VALUES (:email_key, :contact, 'subscribed', :payload, :made_from, '') "
                "ON CONFLICT (email_key) DO UPDATE SET contact = excluded.contact, payload = excluded.payload, "
                "made_from = excluded.made_from, "
                # an update's answer says nothing new of the status: an opt-out that we know stays
                "status = CASE WHEN audience_member.status IN ('', 'gone') THEN 'subscribed' "
                "ELSE audience_member.status END, "
                "refusal = NULL, refused_payload = NULL, detail = ''"
            ),
            list(rows),
        )
        _add_tags(connection, tags)


def record_unchanged(database: Database, rows: Sequence[Mapping[str, object]]) -> None:
    """Members whose facts are others now, and make the payload that was answered already: ``email_key``,
    ``made_from``.
    """
    with database.write() as connection:
        connection.execute(
            text("UPDATE audience_member SET made_from = :made_from WHERE email_key = :email_key"), list(rows)
        )


def record_refusals(database: Database, rows: Sequence[Mapping[str, object]]) -> None:
    """Refused addresses: ``email_key``, ``contact``, ``payload``, ``made_from``, ``refusal``, ``detail``, ``status``
    ("" or a status that the refusal proves), ``at`` (real time)."""
    if not rows:
        return
    with database.write() as connection:
        connection.execute(
            text(
                "INSERT INTO audience_member "
                "(email_key, contact, status, refusal, refused_payload, made_from, detail) "
                "VALUES (:email_key, :contact, :status, :refusal, :payload, :made_from, :detail) "
                "ON CONFLICT (email_key) DO UPDATE SET contact = excluded.contact, refusal = excluded.refusal, "
                "refused_payload = excluded.refused_payload, made_from = excluded.made_from, detail = excluded.detail, "
                "status = CASE WHEN excluded.status <> '' THEN excluded.status ELSE audience_member.status END"
            ),
            list(rows),
        )
        for row in rows:
            reason = _PROVEN.get(str(row["refusal"]))
            if reason is not None:
                opt_outs.note(connection, int(str(row["contact"])), int(str(row["at"])), reason)


def record_status(database: Database, email_key: str, status: MemberStatus | None, at: datetime | None) -> None:
    """One member's status as just read; None: the audience has no such member."""
    with database.write() as connection:
        if status is None:
            _record_gone(connection, email_key)
            return
        if forgotten.known(connection, Mark.ADDRESS, {email_key}):
            return  # of who asked to be forgotten, nothing is stored again
        moment = to_epoch(at) if at else None
        opt_outs.note_news(connection, status, [{"email_key": email_key, "at": moment}])
        connection.execute(
            text(
                "INSERT INTO audience_member (email_key, status, status_at, detail) VALUES (:key, :status, :at, '')"
                " ON CONFLICT (email_key) DO UPDATE SET status = excluded.status, status_at = excluded.status_at"
            ),
            {"key": email_key, "status": status.value, "at": moment},
        )


def _record_gone(connection: Connection, email_key: str) -> None:
    """It is added again at this address, where the provider knows whether it may. At another one it is not."""
    key = {"key": email_key}
    connection.execute(
        text("DELETE FROM tag_mask WHERE contact = (SELECT contact FROM audience_member WHERE email_key = :key)"),
        key,
    )
    connection.execute(
        text(
            "UPDATE audience_member SET status = 'gone', payload = NULL, made_from = NULL "
            "WHERE email_key = :key AND contact IS NOT NULL AND status <> ''"
        ),
        key,
    )
    connection.execute(
        text("DELETE FROM audience_member WHERE email_key = :key AND status <> 'gone' AND refusal IS NULL"), key
    )


def record_unsubscribed(database: Database, email_key: str, at: int) -> None:
    """A member whom we unsubscribed, because the ERP reported it, at that real time.

    The provider's own time of it comes with its news.
    """
    with database.write() as connection:
        row = {"email_key": email_key, "at": at}
        opt_outs.note_news(connection, MemberStatus.UNSUBSCRIBED, [row])
        connection.execute(
            text("UPDATE audience_member SET status = 'unsubscribed', status_at = NULL WHERE email_key = :key"),
            {"key": email_key},
        )


def intend_move(database: Database, move: Move) -> None:
    """Before the provider is asked to move a member: a move whose answer is lost must not look like an erasure."""
    with database.write() as connection:
        connection.execute(
            text("UPDATE audience_member SET moving_to = :new WHERE email_key = :old"),
            {"new": move.email_key, "old": move.old_email_key},
        )


def record_move(database: Database, move: Move) -> None:
    """The member has the contact's new address now; its status came along, unless newer news of it were read there.

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
        connection.execute(text("DELETE FROM audience_member WHERE email_key = :new"), {"new": move.email_key})
        connection.execute(
            text(
                "UPDATE audience_member SET email_key = :new, payload = NULL, made_from = NULL, moving_to = NULL "
                "WHERE email_key = :old"
            ),
            {"new": move.email_key, "old": move.old_email_key},
        )
        if news is not None:
            status, at, opted_in_at = news
            opt_outs.note_news(connection, MemberStatus(status), [{"email_key": move.email_key, "at": at}])
            connection.execute(
                text(
                    "UPDATE audience_member SET status = :status, status_at = :at, opted_in_at = :opted_in_at "
                    "WHERE email_key = :new"
                ),
                {"new": move.email_key, "status": status, "at": at, "opted_in_at": opted_in_at},
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


def record_parting(database: Database, move: Move) -> None:
    """The old address's member is nobody of ours any more. Its tags are not the new address's."""
    with database.write() as connection:
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
            text("DELETE FROM audience_member WHERE email_key = :old AND status IN ('subscribed', 'gone')"),
            {"old": move.old_email_key},
        )
        # an opt-out of the address outlives its member
        connection.execute(
            text("UPDATE audience_member SET contact = NULL, detail = :moved_on WHERE email_key = :old"),
            {"old": move.old_email_key, "moved_on": MOVED_ON},
        )


def record_tags(database: Database, word: int, bit: int, *, added: Iterable[int], removed: Iterable[int]) -> None:
    """Contacts whose tag the provider confirmed as added or removed."""
    flag = 1 << bit
    plus = [{"contact": contact, "word": word, "mask": flag} for contact in added]
    minus = [{"contact": contact, "word": word, "mask": flag} for contact in removed]
    with database.write() as connection:
        _add_tags(connection, plus)
        if minus:
            connection.execute(
                text(
                    "UPDATE tag_mask SET mask = mask & ~CAST(:mask AS BIGINT) WHERE contact = :contact AND word = :word"
                ),
                minus,
            )


def _add_tags(connection: Connection, rows: Sequence[Mapping[str, int]]) -> None:
    if rows:
        connection.execute(
            text(
                "INSERT INTO tag_mask (contact, word, mask) VALUES (:contact, :word, :mask) "
                "ON CONFLICT (contact, word) DO UPDATE SET mask = tag_mask.mask | excluded.mask"
            ),
            list(rows),
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
