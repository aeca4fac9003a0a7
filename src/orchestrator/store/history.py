"""What was decided about one contact, sent to it, and what it did with the mails. Reads only."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import Connection


def decisions(connection: Connection, campaign: str, contact: int, *, until: int) -> list[dict[str, Any]]:
    """Each run's decision of a campaign about a contact, of runs made until a moment, newest first."""
    query = text(
        "SELECT r.id AS run_id, r.name AS run, r.scheduled_for, r.state, r.reason AS run_reason, r.definition, "
        "s.decision, s.reason, s.decided_at, s.sent_at, s.bounce, s.entered_at, s.not_before, s.facts, s.email_key, "
        "m.remote_campaign AS mailchimp_id, m.subject, m.number AS mailing FROM send s "
        "JOIN run r ON r.id = s.run LEFT JOIN mailing m ON m.id = s.mailing "
        "WHERE s.campaign = :campaign AND s.contact = :contact AND r.created_at <= :until "
        "ORDER BY r.scheduled_for DESC, r.id DESC"
    )
    rows = connection.execute(query, {"campaign": campaign, "contact": contact, "until": until}).mappings()
    return [_with_json(row, "definition", "facts") for row in rows]


def later_decisions(connection: Connection, campaign: str, contact: int, *, after: int) -> int:
    """How many runs made after a moment decided about the contact."""
    query = text(
        "SELECT count(*) FROM send s JOIN run r ON r.id = s.run "
        "WHERE s.campaign = :campaign AND s.contact = :contact AND r.created_at > :after"
    )
    return connection.scalar(query, {"campaign": campaign, "contact": contact, "after": after}) or 0


def mails(
    connection: Connection, contact: int, *, since: int, until: int, not_run: int, campaign: str | None = None
) -> list[dict[str, Any]]:
    """Mails to the contact that were sent, or are on their way, in a time (both ends included), newest first."""
    query = text(
        "SELECT s.campaign, r.name AS run, s.decision, coalesce(s.sent_at, s.decided_at) AS at "
        "FROM send s JOIN run r ON r.id = s.run WHERE s.contact = :contact AND s.run <> :run "
        "AND s.decision IN ('sent', 'planned', 'deferred') AND coalesce(s.sent_at, s.decided_at) >= :since "
        "AND coalesce(s.sent_at, s.decided_at) <= :until "
        f"{'AND s.campaign = :campaign ' if campaign is not None else ''}ORDER BY at DESC, r.id DESC"
    )
    values: dict[str, object] = {"contact": contact, "run": not_run, "since": since, "until": until}
    if campaign is not None:
        values["campaign"] = campaign
    return [dict(row) for row in connection.execute(query, values).mappings()]


def events(connection: Connection, run: int, contact: int) -> list[dict[str, Any]]:
    """What the contact did with a run's mail, oldest first: kind, at, url."""
    query = text("SELECT kind, at, url FROM mail_event WHERE run = :run AND contact = :contact ORDER BY at, id")
    return [dict(row) for row in connection.execute(query, {"run": run, "contact": contact}).mappings()]


def runs_of(connection: Connection, campaign: str, *, until: int) -> tuple[int, dict[str, Any] | None]:
    """How many runs of a campaign were made until a moment, and the latest of them."""
    values = {"campaign": campaign, "until": until}
    where = "WHERE campaign = :campaign AND created_at <= :until"
    count = connection.scalar(text(f"SELECT count(*) FROM run {where}"), values) or 0
    latest = connection.execute(
        text(
            "SELECT name, scheduled_for, created_at, state, reason, definition FROM run "
            f"{where} ORDER BY scheduled_for DESC, id DESC LIMIT 1"
        ),
        values,
    )
    row = latest.mappings().one_or_none()
    return count, None if row is None else _with_json(row, "definition")


def contact_once_at(connection: Connection, campaign: str, email_key: str) -> tuple[int, str, str] | None:
    """(id, key, address) of the contact to whom a mail of the campaign was planned at an address of before."""
    row = connection.execute(
        text(
            "SELECT c.id, c.key, c.email FROM send s JOIN contact c ON c.id = s.contact "
            "WHERE s.campaign = :campaign AND s.email_key = :address ORDER BY s.run DESC LIMIT 1"
        ),
        {"campaign": campaign, "address": email_key},
    ).one_or_none()
    return None if row is None else (row[0], row[1], row[2])


def _with_json(row: Mapping[Any, Any], *columns: str) -> dict[str, Any]:
    """PostgreSQL answers JSON as values, SQLite as text."""
    found = dict(row)
    for column in columns:
        if isinstance(found[column], str):
            found[column] = json.loads(found[column])
    return found
