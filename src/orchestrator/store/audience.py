"""What we know of the provider's audience: queries and records, in pages so that memory does not grow with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, text
from sqlmodel import col

from orchestrator.clock import to_epoch
from orchestrator.store import forgotten, opt_outs
from orchestrator.store.forgotten import Mark
from orchestrator.store.statements import execute_listed
from orchestrator.store.tables import AudienceMember, PullMark
from orchestrator.store.tags import add_tags
from orchestrator.vocabulary import MemberStatus, OptOutReason, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from orchestrator.gateway import Member
    from orchestrator.store.database import Database

PAGE = 5000
QUIET_WITHIN = 3_600
"""seconds"""
_PROVEN = {Refusal.COMPLIANCE.value: OptOutReason.UNSUBSCRIBED, Refusal.FORGOTTEN.value: OptOutReason.FORGOTTEN}
"""refusals that tell that the person left"""
GONE = "gone"
"""status of a member of a contact that the audience does not have any more: erased, or removed by hand"""


# -- reading back


def pull_marks(connection: Connection) -> dict[str, int]:
    """Status -> provider time up to which changes were read."""
    return {mark.status: mark.until for mark in connection.execute(select(PullMark.__table__))}  # type: ignore[attr-defined]


def record_pulled(database: Database, status: MemberStatus, members: Sequence[Member], until: int | None) -> int:
    """Store what the provider says of its members; the newest word wins, theirs. Of how many it is news.

    Nothing is stored of who asked to be forgotten, as long as they are still in the audience.
    """
    news = 0
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
            news = len(rows) - _known_as(connection, status, [str(row["email_key"]) for row in rows])
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
            moments = [
                (member.email.lower(), to_epoch(member.last_changed)) for member in members if member.last_changed
            ]
            _note_changes(connection, [(email, at) for email, at in moments if email not in erased])
        if until is not None:
            connection.execute(
                text(
                    "INSERT INTO pull_mark (status, until) VALUES (:status, :until) "
                    "ON CONFLICT (status) DO UPDATE SET until = excluded.until"
                ),
                {"status": status.value, "until": until},
            )
    return news


def _known_as(connection: Connection, status: MemberStatus, addresses: Sequence[str]) -> int:
    """How many of the addresses are known as members of that status, none of whose values were refused."""
    return (
        execute_listed(
            connection,
            "SELECT COUNT(*) FROM {rows} r JOIN audience_member m"
            " ON m.email_key = r.email_key AND m.status = :status AND m.refusal IS NULL",
            {"email_key": "TEXT"},
            [(address,) for address in addresses],
            status=status.value,
        ).scalar()
        or 0
    )


def quiet_moment(connection: Connection, mark: int) -> int | None:
    """The newest moment up to ``mark`` before which, for a second, nothing changed that we know of; None where that
    is more than an hour ago. Who asks for changes since then is told the same by whoever counts that second and by
    whoever does not.
    """
    query = text("SELECT DISTINCT changed_at FROM audience_member WHERE changed_at BETWEEN :first AND :last")
    busy = set(connection.scalars(query, {"first": mark - QUIET_WITHIN, "last": mark - 1}))
    return next((moment for moment in range(mark, mark - QUIET_WITHIN, -1) if moment - 1 not in busy), None)


def subscribed_since(connection: Connection, moment: int | None) -> tuple[int, int | None]:
    """Of how many subscribed members we know a change at or after a moment (None: how many there are), and the newest
    such change.
    """
    since = "" if moment is None else " AND changed_at >= :since"
    query = text(f"SELECT COUNT(*), MAX(changed_at) FROM audience_member WHERE status = 'subscribed'{since}")
    row = connection.execute(query, {} if moment is None else {"since": moment}).one()
    return row[0], row[1]


def link_members(database: Database) -> bool:
    """Members whose address is a contact's belong to it, unless the contact has a member elsewhere (a move).

    Who left before we knew the contact left as that person. Whether anything was written.
    """
    unlinked = (
        "m.contact IS NULL AND NOT EXISTS (SELECT 1 FROM audience_member o WHERE o.contact = c.id) "
        "AND m.email_key = c.email_key"
    )
    written = 0
    with database.write() as connection:
        for status, reason in opt_outs.LEFT.items():
            written += connection.execute(
                text(
                    "INSERT INTO opt_out (contact, at, reason) SELECT c.id, coalesce(m.status_at, 0), :reason "
                    f"FROM audience_member m JOIN contact c ON {unlinked} WHERE m.status = :status "
                    "ON CONFLICT (contact) DO NOTHING"
                ),
                {"status": status.value, "reason": reason.value},
            ).rowcount
        written += connection.execute(
            text(
                "UPDATE audience_member SET contact = (SELECT c.id FROM contact c "
                "WHERE c.email_key = audience_member.email_key) WHERE contact IS NULL AND EXISTS ("
                "SELECT 1 FROM contact c WHERE c.email_key = audience_member.email_key AND NOT EXISTS ("
                "SELECT 1 FROM audience_member o WHERE o.contact = c.id))"
            )
        ).rowcount
        written += opt_outs.lift(connection)
    return written > 0


# -- what is owed


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


def contacts_of(database: Database, addresses: Sequence[str]) -> list[int]:
    """The contacts behind members' addresses; strangers are left out."""
    query = select(col(AudienceMember.contact)).where(
        col(AudienceMember.email_key).in_([address.lower() for address in addresses]),
        col(AudienceMember.contact).is_not(None),
    )
    with database.read() as connection:
        return list(connection.scalars(query))


# -- what the provider confirmed


def record_members(
    database: Database,
    rows: Sequence[tuple[str, int, str, str, int | None]],
    tags: Sequence[tuple[int, int, int]] = (),
) -> None:
    """Members that are subscribed with this payload now, each once: address in lower case, contact, payload, what it
    was made from, and when it changed (by the provider's clock, or None); and the tags that they carry for certain, as
    ``add_tags`` takes them.
    """
    if not rows:
        return
    with database.write() as connection:
        execute_listed(
            connection,
            (
                "INSERT INTO audience_member (email_key, contact, status, payload, made_from, changed_at, detail) "
                "SELECT email_key, contact, 'subscribed', payload, made_from, changed_at, '' FROM {rows} r WHERE true "
                "ON CONFLICT (email_key) DO UPDATE SET contact = excluded.contact, payload = excluded.payload, "
                "made_from = excluded.made_from, changed_at = coalesce(excluded.changed_at, "
                "audience_member.changed_at), "
                # an update's answer says nothing new of the status: an opt-out that we know stays
                "status = CASE WHEN audience_member.status IN ('', 'gone') THEN 'subscribed' "
                "ELSE audience_member.status END, "
                "refusal = NULL, refused_payload = NULL, detail = ''"
            ),
            {"email_key": "TEXT", "contact": "BIGINT", "payload": "TEXT", "made_from": "TEXT", "changed_at": "BIGINT"},
            rows,
        )
        add_tags(connection, tags)


def record_changes(database: Database, changes: Mapping[str, int]) -> None:
    """When the provider says that it changed members: address in lower case -> seconds since 1970."""
    if changes:
        with database.write() as connection:
            _note_changes(connection, list(changes.items()))


def _note_changes(connection: Connection, rows: Sequence[tuple[str, int]]) -> None:
    """Of addresses that come several times, the latest moment."""
    execute_listed(
        connection,
        "UPDATE audience_member SET changed_at = r.at"
        " FROM (SELECT email_key, MAX(at) AS at FROM {rows} x GROUP BY email_key) r"
        " WHERE audience_member.email_key = r.email_key"
        " AND (audience_member.changed_at IS NULL OR audience_member.changed_at < r.at)",
        {"email_key": "TEXT", "at": "BIGINT"},
        rows,
    )


def record_unchanged(database: Database, rows: Sequence[Mapping[str, object]]) -> None:
    """Members whose facts are others now, and make the payload that was answered already: ``email_key``, ``payload``,
    ``made_from``. Whoever was answered anew since that was read is left alone.
    """
    with database.write() as connection:
        connection.execute(
            text(
                "UPDATE audience_member SET made_from = :made_from"
                " WHERE email_key = :email_key AND (payload = :payload OR refused_payload = :payload)"
            ),
            list(rows),
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
