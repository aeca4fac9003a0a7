"""Runs, sends and mailings: what was decided, how far it is, what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, text, update
from sqlmodel import Session, col

from orchestrator.store import run_list
from orchestrator.store.tables import Mailing, Run, Segment, Send, SlotLease
from orchestrator.store.tags import WORD_BITS
from orchestrator.vocabulary import OPEN_RUN_STATES, Decision, MailingState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.engine import Connection

    from orchestrator.store.database import Database

decision_counts = run_list.decision_counts


# -- what is due


def segment_row(connection: Connection, name: str) -> Segment | None:
    """A computed segment."""
    return next(iter(_detached(connection, _select(Segment).where(col(Segment.name) == name))), None)


def first_member(connection: Connection, segment: Segment) -> int | None:
    """Of the contacts in a segment, as of its last recompute, the one that was imported first."""
    found: int | None = connection.scalar(
        text("SELECT MIN(contact) FROM membership_mask WHERE word = :word AND (mask & :flag) <> 0"),
        {"word": segment.bit // WORD_BITS, "flag": 1 << (segment.bit % WORD_BITS)},
    )
    return found


# -- runs


def open_runs(connection: Connection) -> list[Run]:
    """Runs that are not finished, oldest first."""
    states = [state.value for state in OPEN_RUN_STATES]
    return _detached(connection, _select(Run).where(col(Run.state).in_(states)).order_by(col(Run.id)))


def runs_at_work_since(connection: Connection, real_time: int) -> list[Run]:
    """Runs that are open, or were begun or sent since a moment of real time, oldest first."""
    states = [state.value for state in OPEN_RUN_STATES]
    sent = select(col(Mailing.run)).where(col(Mailing.send_asked_at) >= real_time)
    wanted = col(Run.state).in_(states) | (col(Run.started_at) >= real_time) | col(Run.id).in_(sent)
    return _detached(connection, _select(Run).where(wanted).order_by(col(Run.id)))


def find_run(connection: Connection, name: str) -> Run | None:
    """A run by the name that people type."""
    return next(iter(_detached(connection, _select(Run).where(col(Run.name) == name))), None)


def occurrence_exists(connection: Connection, campaign: str, scheduled_for: int) -> bool:
    """Did this occurrence become a run already?"""
    return run_for(connection, campaign, scheduled_for) is not None


def run_for(connection: Connection, campaign: str, scheduled_for: int) -> Run | None:
    """The run that an occurrence became."""
    wanted = _select(Run).where(col(Run.campaign) == campaign, col(Run.scheduled_for) == scheduled_for)
    return next(iter(_detached(connection, wanted)), None)


def latest_run_since(connection: Connection, campaign: str, real_time: int) -> Run | None:
    """The newest run of a campaign that was begun at or after a moment of real time."""
    wanted = _select(Run).where(col(Run.campaign) == campaign, col(Run.started_at) >= real_time)
    return next(iter(_detached(connection, wanted.order_by(col(Run.id).desc()))), None)


def get_run(connection: Connection, run: int) -> Run:
    """A run by id."""
    found: Run = _detached(connection, _select(Run).where(col(Run.id) == run))[0]
    return found


def set_run(connection: Connection, run: Run, **values: object) -> None:
    """Change a run's columns, in the database and in ``run``."""
    connection.execute(update(Run).where(col(Run.id) == run.id).values(**values))
    for name, value in values.items():
        setattr(run, name, value)


def waits_for_open_hours(connection: Connection, run: Run) -> bool:
    """Everybody is settled but those deferred."""
    counts = decision_counts(connection, run.id or 0)
    return Decision.DEFERRED.value in counts and Decision.PLANNED.value not in counts


# -- sends


def sends_to_compile(connection: Connection, run: int) -> list[int]:
    """Contacts whose mail is planned and in no mailing yet, or in one that was dropped."""
    query = (
        select(col(Send.contact))
        .join(Mailing, col(Mailing.id) == col(Send.mailing), isouter=True)
        .where(col(Send.run) == run, col(Send.decision) == Decision.PLANNED.value)
        .where(col(Send.mailing).is_(None) | (col(Mailing.state) == MailingState.DROPPED.value))
    )
    return list(connection.scalars(query.order_by(col(Send.contact))))


def next_open(connection: Connection, run: int) -> int | None:
    """When the first of a run's deferred mails may go out; None where none is deferred."""
    query = select(func.min(func.coalesce(col(Send.not_before), 0)))
    moment: int | None = connection.scalar(
        query.where(col(Send.run) == run, col(Send.decision) == Decision.DEFERRED.value)
    )
    return moment


def set_decisions(connection: Connection, run: int, rows: Sequence[Mapping[str, object]]) -> None:
    """Change decisions: ``contact``, ``decision``, ``reason``, ``at``, ``not_before``.

    A mail that is deferred leaves its mailing: when its time comes it is written anew.
    """
    if rows:
        connection.execute(
            text(
                "UPDATE send SET decision = :decision, reason = :reason, decided_at = :at, not_before = :not_before, "
                "mailing = CASE WHEN CAST(:decision AS VARCHAR) = 'deferred' THEN NULL ELSE mailing END "
                f"WHERE run = {int(run)} AND contact = :contact"
            ),
            list(rows),
        )


def follow_addresses(connection: Connection, run: int) -> None:
    """Mails that are still planned go to the address that the contact has now, and that its member was moved to."""
    connection.execute(
        text(
            "UPDATE send SET email_key = (SELECT c.email_key FROM contact c WHERE c.id = send.contact) "
            "WHERE run = :run AND decision = 'planned' AND NOT EXISTS (SELECT 1 FROM mailing m "
            "WHERE m.id = send.mailing AND m.state IN ('send_wanted', 'sending', 'sent', 'settled')) "
            "AND email_key <> (SELECT c.email_key FROM contact c WHERE c.id = send.contact)"
        ),
        {"run": run},
    )


def cancel_open_sends(connection: Connection, run: int, reason: str, at: int) -> None:
    """A cancelled run's planned and deferred mails, but for those on their way."""
    connection.execute(
        text(
            "UPDATE send SET decision = 'cancelled', reason = :reason, decided_at = :at, not_before = NULL "
            "WHERE run = :run AND decision IN ('planned', 'deferred') AND NOT EXISTS (SELECT 1 FROM mailing m "
            "WHERE m.id = send.mailing AND m.state IN ('sending', 'sent'))"
        ),
        {"run": run, "reason": reason, "at": at},
    )


def recipients(connection: Connection, mailing: int) -> dict[str, int]:
    """Address (lower case) -> contact of the mails that a mailing is to carry."""
    query = select(col(Send.email_key), col(Send.contact)).where(
        col(Send.mailing) == mailing, col(Send.decision) == Decision.PLANNED.value
    )
    return {row[0]: row[1] for row in connection.execute(query.order_by(col(Send.contact)))}


def addressees(connection: Connection, mailing: int) -> dict[str, int]:
    """Address (lower case) -> contact of every mail that was ever put into a mailing, withheld ones included."""
    query = select(col(Send.email_key), col(Send.contact)).where(col(Send.mailing) == mailing)
    return {row[0]: row[1] for row in connection.execute(query.order_by(col(Send.contact)))}


# -- mailings


def mailings(connection: Connection, run: int) -> list[Mailing]:
    """A run's mailings in order."""
    return _detached(connection, _select(Mailing).where(col(Mailing.run) == run).order_by(col(Mailing.number)))


def set_mailing(connection: Connection, mailing: Mailing, **values: object) -> None:
    """Change a mailing's columns, in the database and in ``mailing``."""
    connection.execute(update(Mailing).where(col(Mailing.id) == mailing.id).values(**values))
    for name, value in values.items():
        setattr(mailing, name, value)


def leased_slots(connection: Connection) -> dict[str, int]:
    """Merge tag -> run that uses it."""
    return {row[0]: row[1] for row in connection.execute(select(col(SlotLease.tag), col(SlotLease.run)))}


def release_slots(database: Database, run: int) -> None:
    """The run's campaigns are sent: their merge values are read, the fields are free."""
    with database.write() as connection:
        connection.execute(text("DELETE FROM slot_lease WHERE run = :run"), {"run": run})


def _select(entity: type) -> Any:
    return select(entity)


def _detached(connection: Connection, query: Any) -> list[Any]:
    with Session(connection, expire_on_commit=False) as session:
        rows = list(session.scalars(query))
        session.expunge_all()
    return rows
