"""People who left at the provider. An address has its status there; the person takes the word along to the next one.

A no is noted when it is first seen of the member that is linked with a contact, and lifted by a subscription that began
later: the person came back through a form of the provider's. Nothing else lifts it, no word of the ERP either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from orchestrator.vocabulary import MemberStatus, OptOutReason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.engine import Connection

LEFT = {
    MemberStatus.UNSUBSCRIBED: OptOutReason.UNSUBSCRIBED,
    MemberStatus.ARCHIVED: OptOutReason.ARCHIVED,
}
"""statuses that are a word of the person; a cleaned address only says something of the address"""

_LATEST = (
    "ON CONFLICT (contact) DO UPDATE SET at = excluded.at, reason = excluded.reason WHERE opt_out.at < excluded.at"
)


def note(connection: Connection, contact: int, at: int, reason: OptOutReason) -> None:
    """A contact left at that moment."""
    connection.execute(
        text(f"INSERT INTO opt_out (contact, at, reason) VALUES (:contact, :at, :reason) {_LATEST}"),
        {"contact": contact, "at": at, "reason": reason.value},
    )


def note_news(connection: Connection, status: MemberStatus, rows: Sequence[Mapping[str, object]]) -> None:
    """Before members are stored with ``status``: ``rows`` (``email_key``, ``at``) that are news are contacts' words."""
    reason = LEFT.get(status)
    if reason is None or not rows:
        return
    connection.execute(
        text(
            "INSERT INTO opt_out (contact, at, reason) SELECT m.contact, coalesce(:at, m.status_at, 0), :reason "
            "FROM audience_member m WHERE m.email_key = :email_key AND m.contact IS NOT NULL "
            "AND m.status <> :status AND coalesce(m.status_at, 0) <= coalesce(:at, m.status_at, 0) "
            f"{_LATEST}"
        ),
        [
            {"email_key": row["email_key"], "at": row["at"], "reason": reason.value, "status": status.value}
            for row in rows
        ],
    )


def lift(connection: Connection) -> int:
    """Whoever subscribed since the latest no, at the address that the contact has now, is back; so many are.

    Within one second, too: the provider keeps one status, and it says subscribed after it said no.
    """
    return connection.execute(
        text(
            "DELETE FROM opt_out WHERE EXISTS (SELECT 1 FROM contact c JOIN audience_member m "
            "ON m.email_key = c.email_key AND m.status = 'subscribed' "
            "WHERE c.id = opt_out.contact AND m.opted_in_at >= opt_out.at)"
        )
    ).rowcount
