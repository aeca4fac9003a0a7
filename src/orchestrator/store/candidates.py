"""Whom a run may be for, as SQL: nobody's id travels through Python."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import text

from orchestrator.store.tags import WORD_BITS
from orchestrator.vocabulary import Decision, MailingState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy.engine import Connection

    from orchestrator.store.tables import Segment

TOO_LATE = (MailingState.SEND_WANTED, MailingState.SENDING, MailingState.SENT)
"""mailings that may be on their way"""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Contacts, each once, with the entry that causes the mail."""

    sql: str
    """a query for ``contact`` and ``entered_at`` (null where no entry caused it)"""
    parameters: Mapping[str, object] = field(default_factory=dict)

    def any(self, connection: Connection) -> bool:
        """Whether there is one at all."""
        return (
            connection.execute(text(f"SELECT 1 FROM ({self.sql}) c LIMIT 1"), dict(self.parameters)).first() is not None
        )

    def entries(self, connection: Connection) -> dict[int, int]:
        """Contact -> entry, of those who have one."""
        rows = connection.execute(
            text(f"SELECT contact, entered_at FROM ({self.sql}) c WHERE entered_at IS NOT NULL"), dict(self.parameters)
        )
        return {row[0]: row[1] for row in rows}


NOBODY = Candidates("SELECT id AS contact, CAST(NULL AS BIGINT) AS entered_at FROM contact WHERE 1 = 0")


def named(contacts: Iterable[int]) -> Candidates:
    """These contacts (ids), without entries."""
    listed = ", ".join(str(int(contact)) for contact in contacts)
    return Candidates(f"SELECT id AS contact, CAST(NULL AS BIGINT) AS entered_at FROM contact WHERE id IN ({listed})")


def members(segment: Segment) -> Candidates:
    """The contacts in a segment as of its last recompute, without entries."""
    return Candidates(
        "SELECT w.contact AS contact, CAST(NULL AS BIGINT) AS entered_at FROM membership_mask w"
        f" WHERE {_is_member('w')}",
        _bit(segment),
    )


def due_entries(campaign: str, segment: Segment, *, since: int, until: int, existing: bool) -> Candidates:
    """Present members whose entry, at ``since`` to ``until``, this campaign has not answered.

    ``existing``: those found at the segment's first computation count as entered then.
    """
    unanswered = (
        "NOT EXISTS (SELECT 1 FROM send s WHERE s.campaign = :campaign AND s.contact = e.contact"
        " AND s.entered_at = e.entered_at)"
    )
    sql = (
        "SELECT e.contact, e.entered_at FROM (SELECT x.contact AS contact, MAX(x.at) AS entered_at"
        f" FROM membership_change x JOIN membership_mask w ON w.contact = x.contact AND {_is_member('w')}"
        " WHERE x.segment = :segment AND x.entered GROUP BY x.contact) e"
        f" WHERE e.entered_at >= :since AND e.entered_at <= :until AND {unanswered}"
    )
    if existing:
        sql += (
            " UNION ALL SELECT e.contact, e.entered_at FROM (SELECT w.contact AS contact,"
            f" CAST(:baseline AS BIGINT) AS entered_at FROM membership_mask w WHERE {_is_member('w')}"
            " AND NOT EXISTS (SELECT 1 FROM membership_change x"
            " WHERE x.segment = :segment AND x.contact = w.contact AND x.entered)) e"
            f" WHERE e.entered_at <= :until AND {unanswered}"
        )
    values = {"segment": segment.id, "since": since, "until": until, "campaign": campaign}
    baseline = {"baseline": segment.baseline_at} if existing else {}
    return Candidates(sql, {**_bit(segment), **values, **baseline})


def with_entries(everybody: Candidates, entries: Candidates) -> Candidates:
    """All of the first, with the entries that some of them have."""
    return Candidates(
        f"SELECT a.contact, e.entered_at FROM ({everybody.sql}) a LEFT JOIN ({entries.sql}) e ON e.contact = a.contact",
        {**everybody.parameters, **entries.parameters},
    )


def to_decide_again(run: int, *, planned: bool, until: int) -> Candidates:
    """Contacts of a run whose mails waited for open hours until now, and, if ``planned``, whose mail can still be held
    back.
    """
    late = ", ".join(f"'{state.value}'" for state in TOO_LATE)
    open_ = (
        f" OR (s.decision = '{Decision.PLANNED.value}' AND NOT EXISTS (SELECT 1 FROM mailing m"
        f" WHERE m.id = s.mailing AND m.state IN ({late})))"
    )
    return Candidates(
        "SELECT s.contact, s.entered_at FROM send s WHERE s.run = :of_run"
        f" AND ((s.decision = '{Decision.DEFERRED.value}' AND COALESCE(s.not_before, 0) <= :until)"
        f"{open_ if planned else ''})",
        {"of_run": run, "until": until},
    )


def _is_member(alias: str) -> str:
    return f"{alias}.word = :word AND ({alias}.mask & :flag) <> 0"


def _bit(segment: Segment) -> dict[str, object]:
    return {"word": segment.bit // WORD_BITS, "flag": 1 << (segment.bit % WORD_BITS)}
