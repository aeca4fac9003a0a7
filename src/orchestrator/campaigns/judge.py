"""The decisions about all candidates of a run, taken in the database: facts, the first rule that holds, open hours.

They stand in the temporary table ``decided`` until others are taken, or ``drop`` removes them. What a database cannot
know is told to it: when a place is open next, and on SQLite the hash of the holdout.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

from sqlalchemy import text

from orchestrator.campaigns import holdout
from orchestrator.campaigns.eligibility import Rule, Terms, rules
from orchestrator.campaigns.open_hours import next_open, zone_of
from orchestrator.clock import from_epoch, to_epoch
from orchestrator.contacts.profile import fenced
from orchestrator.store import tags
from orchestrator.store.candidates import named
from orchestrator.store.tags import WORD_BITS
from orchestrator.vocabulary import Decision

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from orchestrator.definitions.values import CampaignDefinition, LimitSettings, Settings
    from orchestrator.store.candidates import Candidates

DECIDED = "decided"
"""contact, entered_at, email_key, decision, reason, not_before: a row for each candidate that exists"""
CANDIDATE, CLOSED, MAILED = "run_candidate", "closed_place", "mailed"
UNIT = "CASE WHEN a.key IS NULL THEN 'contact ' || c.key ELSE 'account ' || a.key END"
_SENT = f"'{Decision.SENT.value}', '{Decision.PLANNED.value}'"
_COMING = f"'{Decision.PLANNED.value}', '{Decision.DEFERRED.value}'"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision, its reason in one sentence, and for DEFERRED the next open moment."""

    decision: Decision
    reason: str = ""
    not_before: datetime | None = None


def decide(
    connection: Connection,
    settings: Settings,
    campaign: CampaignDefinition,
    candidates: Candidates,
    *,
    now: datetime,
    run: int = 0,
) -> None:
    """Fill the table ``decided``. ``run``: the run that asks, whose own planned mails do not count against anybody."""
    # a local time would make a week of it an hour longer or shorter where the clocks are changed
    now = now.astimezone(UTC)
    dialect = connection.dialect.name
    terms = Terms(campaign, settings.limits, settings.timezone, now, dialect)
    found = rules(terms)
    _gather(connection, candidates)
    holdout.prepare(connection)
    cap = settings.limits.per_contact
    values = {
        "campaign": campaign.name,
        "run": run,
        "cap_since": to_epoch(now - cap.within) if cap is not None else to_epoch(now),
    }
    _count_mails(connection, values)
    columns = "email_key TEXT, decision TEXT NOT NULL, reason TEXT NOT NULL, not_before BIGINT"
    _make(connection, DECIDED, f"entered_at BIGINT, {columns}")
    connection.execute(
        text(
            f"INSERT INTO {DECIDED} (contact, entered_at, email_key, decision, reason)"
            f" SELECT x.contact, x.entered_at, x.email_key, {_decision(found)}, {_reason(found)}"
            f" FROM {fenced(_ruled(found, fenced(_facts(connection, campaign), dialect)), dialect)} x"
        ),
        terms.texts,
    )
    if dialect == "postgresql":
        connection.execute(text(f"ANALYZE {DECIDED}"))
    _defer(connection, settings, now)


def drop(connection: Connection) -> None:
    """Remove the temporary tables: what is committed leaves them to the connection."""
    for table in (DECIDED, MAILED, CLOSED, CANDIDATE):
        connection.execute(text(f"DROP TABLE IF EXISTS {table}"))


def counts(connection: Connection) -> dict[Decision, int]:
    """How many have which decision."""
    rows = connection.execute(text(f"SELECT decision, COUNT(*) FROM {DECIDED} GROUP BY decision ORDER BY decision"))
    return {Decision(row[0]): row[1] for row in rows}


def decided_as(connection: Connection, decisions: Sequence[Decision]) -> list[int]:
    """The contacts with one of these decisions."""
    listed = ", ".join(f"'{decision.value}'" for decision in decisions)
    return list(
        connection.scalars(text(f"SELECT contact FROM {DECIDED} WHERE decision IN ({listed}) ORDER BY contact"))
    )


def verdict_on(
    connection: Connection, settings: Settings, campaign: CampaignDefinition, contact: int, *, now: datetime
) -> Verdict:
    """What a run that began now would decide about one contact."""
    decide(connection, settings, campaign, named([contact]), now=now)
    row = connection.execute(text(f"SELECT decision, reason, not_before FROM {DECIDED}")).one()
    return Verdict(Decision(row[0]), row[1], None if row[2] is None else from_epoch(row[2]))


def _gather(connection: Connection, candidates: Candidates) -> None:
    _make(connection, CANDIDATE, "entered_at BIGINT")
    connection.execute(
        text(f"INSERT INTO {CANDIDATE} (contact, entered_at) SELECT contact, entered_at FROM ({candidates.sql}) c"),
        dict(candidates.parameters),
    )
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"ANALYZE {CANDIDATE}"))


def _make(connection: Connection, table: str, columns: str) -> None:
    kind = "INTEGER" if connection.dialect.name == "sqlite" else "BIGINT"
    connection.execute(text(f"DROP TABLE IF EXISTS {table}"))
    connection.execute(text(f"CREATE TEMPORARY TABLE {table} (contact {kind} PRIMARY KEY, {columns})"))


def _defer(connection: Connection, settings: Settings, now: datetime) -> None:
    """Who would be mailed now waits where the place, zone and country, is closed."""
    limits = settings.limits
    if limits.quiet_hours is None and not limits.business_days:
        return
    place = (
        "SELECT d.contact, COALESCE(c.timezone, '') AS zone, COALESCE(c.country, a.country, '') AS country"
        f" FROM {DECIDED} d JOIN contact c ON c.id = d.contact LEFT JOIN account a ON a.id = c.account"
        f" WHERE d.decision = '{Decision.PLANNED.value}'"
    )
    places = connection.execute(text(f"SELECT DISTINCT zone, country FROM ({place}) p")).all()
    closed = [row for zone, country in places if (row := _closed(zone, country, settings, limits, now))]
    if not closed:
        return
    connection.execute(text(f"DROP TABLE IF EXISTS {CLOSED}"))
    connection.execute(text(f"CREATE TEMPORARY TABLE {CLOSED} (zone TEXT, country TEXT, opens_at BIGINT, words TEXT)"))
    connection.execute(text(f"INSERT INTO {CLOSED} VALUES (:zone, :country, :opens_at, :words)"), closed)
    waits = (
        f"SELECT p.contact, h.words, h.opens_at FROM ({place}) p"
        f" JOIN {CLOSED} h ON h.zone = p.zone AND h.country = p.country"
    )
    connection.execute(
        text(
            f"UPDATE {DECIDED} SET decision = '{Decision.DEFERRED.value}', reason = w.words, not_before = w.opens_at"
            f" FROM ({waits}) w WHERE {DECIDED}.contact = w.contact"
        )
    )


def _closed(
    zone: str, country: str, settings: Settings, limits: LimitSettings, now: datetime
) -> dict[str, object] | None:
    known = zone_of(zone or None, settings.timezone)
    moment = next_open(now, known, country or None, limits)
    if moment <= now:
        return None
    words = f"Outside the contact's open hours; next open at {moment.astimezone(known):%Y-%m-%d %H:%M} ({known.key})."
    return {"zone": zone, "country": country, "opens_at": to_epoch(moment), "words": words}


def _count_mails(connection: Connection, values: Mapping[str, object]) -> None:
    """What every candidate was sent, and is going to be sent, by other runs."""
    at, own = "COALESCE(s.sent_at, s.decided_at)", "s.campaign = :campaign"
    _make(connection, MAILED, "waiting BIGINT, last_sent_at BIGINT, recent_sends BIGINT")
    connection.execute(
        text(
            f"INSERT INTO {MAILED} (contact, waiting, last_sent_at, recent_sends)"
            f" SELECT s.contact, COUNT(*) FILTER (WHERE {own} AND s.decision IN ({_COMING})),"
            f" MAX({at}) FILTER (WHERE {own} AND s.decision IN ({_SENT})),"
            f" COUNT(*) FILTER (WHERE s.decision IN ({_SENT}) AND {at} > :cap_since)"
            f" FROM send s WHERE s.contact IN (SELECT contact FROM {CANDIDATE}) AND s.run <> :run GROUP BY s.contact"
        ),
        {name: values[name] for name in ("campaign", "run", "cap_since")},
    )


def _facts(connection: Connection, campaign: CampaignDefinition) -> str:
    """A query for the rows ``x`` that ``eligibility.FACTS`` describes."""
    bits = {name: bit for name, (_, bit) in tags.segment_bits(connection).items()}
    used = [name for name in (campaign.segment, *campaign.exclude) if name in bits]
    words = sorted({bits[name] // WORD_BITS for name in used})
    masks = " ".join(
        f"LEFT JOIN membership_mask m{word} ON m{word}.contact = t.contact AND m{word}.word = {word}" for word in words
    )
    is_in = {
        name: f"(COALESCE(m{bits[name] // WORD_BITS}.mask, 0) & {1 << bits[name] % WORD_BITS}) <> 0" for name in used
    }
    excluded = " ".join(f"WHEN {is_in[name]} THEN '{name}'" for name in campaign.exclude if name in is_in)
    is_member = f"CASE WHEN {is_in[campaign.segment]} THEN 1 ELSE 0 END" if campaign.segment in is_in else "0"
    return (
        f"SELECT t.contact, t.entered_at, c.email_key, c.consent, {UNIT} AS unit,"
        # a member who waits to be moved to the contact's new address speaks for it
        " COALESCE(m.status, (SELECT MAX(o.status) FROM audience_member o WHERE o.contact = c.id)) AS member_status,"
        " left_.reason AS left_as, m.refusal, COALESCE(m.detail, '') AS refusal_detail,"
        f" {f'CASE {excluded} END' if excluded else 'CAST(NULL AS TEXT)'} AS excluded_by, {is_member} AS is_member,"
        " COALESCE(s.waiting, 0) AS waiting, s.last_sent_at, COALESCE(s.recent_sends, 0) AS recent_sends"
        f" FROM {CANDIDATE} t JOIN contact c ON c.id = t.contact LEFT JOIN account a ON a.id = c.account {masks}"
        " LEFT JOIN audience_member m ON m.email_key = c.email_key"
        " LEFT JOIN opt_out left_ ON left_.contact = c.id"
        f" LEFT JOIN {MAILED} s ON s.contact = t.contact"
    )


def _ruled(found: Sequence[Rule], facts: str) -> str:
    """The facts with the number of the first rule that holds, null for none."""
    cases = " ".join(f"WHEN {rule.when} THEN {number}" for number, rule in enumerate(found))
    return f"SELECT x.*, CASE {cases} END AS rule FROM {facts} x"


def _decision(found: Sequence[Rule]) -> str:
    cases = " ".join(f"WHEN {number} THEN '{rule.decision.value}'" for number, rule in enumerate(found))
    return f"CASE x.rule {cases} ELSE '{Decision.PLANNED.value}' END"


def _reason(found: Sequence[Rule]) -> str:
    cases = " ".join(f"WHEN {number} THEN {rule.reason}" for number, rule in enumerate(found))
    return f"CASE WHEN x.rule IS NULL THEN '' ELSE CASE x.rule {cases} END END"
