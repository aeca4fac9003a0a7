"""Mailings that the books had forgotten, written into them: what a restored database does not know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select, text
from sqlmodel import col

from orchestrator.store import runs as store
from orchestrator.store.tables import Mailing, Run
from orchestrator.store.touched import touch_contacts
from orchestrator.vocabulary import OPEN_RUN_STATES, Decision, MailingState, RunState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import Connection

REASON = "Found at Mailchimp: it was sent, and the database was restored to a moment before that."

CHUNK = 500
"""addresses named in one statement"""


@dataclass(frozen=True, slots=True)
class SentMailing:
    """A mailing as its title and the provider tell it."""

    run: str
    campaign: str
    trigger: str
    scheduled_for: int
    number: int
    remote_campaign: str
    sent_at: int
    """as our books count time"""
    asked_at: int
    """real time: when the provider sent it"""


def newest_start(connection: Connection) -> int | None:
    """Real time at which the newest run in the books was begun; None where there is none."""
    newest: int | None = connection.scalar(select(func.max(col(Run.started_at))))
    return newest


def is_about_to_send(connection: Connection, now: int) -> bool:
    """Has an open run mails that are yet to go to the provider?"""
    query = text(
        "SELECT 1 FROM run r JOIN send s ON s.run = r.id LEFT JOIN mailing m ON m.id = s.mailing "
        "WHERE r.state IN ('planned', 'preparing', 'sending') AND (s.decision = 'planned' AND (m.state IS NULL "
        "OR m.state NOT IN ('sending', 'sent', 'settled')) OR s.decision = 'deferred' AND s.not_before <= :now) LIMIT 1"
    )
    return connection.execute(query, {"now": now}).first() is not None


def is_known(connection: Connection, remote_campaign: str) -> bool:
    """Is a campaign at the provider in the books?"""
    query = select(col(Mailing.id)).where(col(Mailing.remote_campaign) == remote_campaign)
    return connection.execute(query.limit(1)).first() is not None


def record_mailing(
    connection: Connection, sent: SentMailing, receipts: Mapping[str, str | None], entries: Mapping[int, int]
) -> None:
    """``receipts``: address -> bounce; ``entries``: contact -> the entry that waits for this campaign's answer.

    Who is planned in the books and has a receipt got the mail. Whoever is planned in the same mailing without one is
    planned anew.
    """
    run = store.find_run(connection, sent.run) or _insert_run(connection, sent)
    assert run.id is not None
    if RunState(run.state) in OPEN_RUN_STATES:
        # whoever had to approve it did so, and forgot it with the books
        store.set_run(connection, run, state=RunState.SENDING.value, reason="")
    mailing = _settle_mailing(connection, run.id, sent, len(receipts))
    contacts = _contacts(connection, list(receipts))
    rows: list[dict[str, Any]] = [
        {
            "run": run.id,
            "contact": contact,
            "campaign": sent.campaign,
            "entered_at": entries.get(contact),
            "at": sent.sent_at,
            "email_key": address,
            "mailing": mailing,
            "bounce": receipts[address],
            "reason": REASON,
        }
        for address, contact in contacts.items()
    ]
    if rows:
        connection.execute(
            text(
                "INSERT INTO send (run, contact, campaign, entered_at, decision, reason, decided_at, email_key, "
                "mailing, sent_at, bounce, facts, slots) VALUES (:run, :contact, :campaign, :entered_at, 'sent', "
                ":reason, :at, :email_key, :mailing, :at, :bounce, '{}', '{}') "
                "ON CONFLICT (run, contact) DO UPDATE SET decision = 'sent', reason = excluded.reason, "
                "mailing = excluded.mailing, sent_at = excluded.sent_at, bounce = excluded.bounce, not_before = NULL"
            ),
            rows,
        )
        touch_contacts(connection, "send", contacts.values())


def _insert_run(connection: Connection, sent: SentMailing) -> Run:
    identity = connection.execute(
        insert(Run).values(
            name=sent.run,
            campaign=sent.campaign,
            trigger=sent.trigger,
            scheduled_for=sent.scheduled_for,
            created_at=sent.sent_at,
            started_at=sent.asked_at,
            decided_at=sent.sent_at,
            finished_at=sent.sent_at,
            state=RunState.SENT.value,
            reason=REASON,
            definition={},
        )
    ).inserted_primary_key
    assert identity is not None
    return store.get_run(connection, identity[0])


def _settle_mailing(connection: Connection, run: int, sent: SentMailing, recipients: int) -> int:
    """The mailing's row, settled; one that the books have under this number was compiled before they were lost."""
    values: dict[str, Any] = {
        "state": MailingState.SETTLED.value,
        "state_at": sent.sent_at,
        "recipients": recipients,
        "remote_campaign": sent.remote_campaign,
        "send_asked_at": sent.asked_at,
        "emails_sent": recipients,
        "problem": "",
    }
    there = next((one for one in store.mailings(connection, run) if one.number == sent.number), None)
    if there is not None and there.id is not None:
        store.set_mailing(connection, there, **values)
        connection.execute(
            text("UPDATE send SET mailing = NULL WHERE mailing = :mailing AND decision = :planned"),
            {"mailing": there.id, "planned": Decision.PLANNED.value},
        )
        return there.id
    identity = connection.execute(
        insert(Mailing).values(
            run=run, number=sent.number, subject="", preheader="", html="", text="", slot_tags=[], **values
        )
    ).inserted_primary_key
    assert identity is not None
    return int(identity[0])


def _contacts(connection: Connection, addresses: list[str]) -> dict[str, int]:
    """Address -> the contact that has it, or had it when the provider was last told."""
    found: dict[str, int] = {}
    for start in range(0, len(addresses), CHUNK):
        chunk = {f"a{number}": address for number, address in enumerate(addresses[start : start + CHUNK])}
        marks = ", ".join(f":{name}" for name in chunk)
        former = text(
            f"SELECT email_key, contact FROM audience_member WHERE contact IS NOT NULL AND email_key IN ({marks})"
        )
        present = text(f"SELECT email_key, id FROM contact WHERE email_key IN ({marks})")
        for query in (former, present):
            found |= {row[0]: row[1] for row in connection.execute(query, chunk)}
    return found
