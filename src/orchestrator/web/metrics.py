"""Figures for Prometheus, in its text format. Read only, and cheap enough for every minute."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sqlalchemy import text

from orchestrator import __version__
from orchestrator.clock import to_epoch
from orchestrator.health import health
from orchestrator.store.webhooks import deliveries_since
from orchestrator.vocabulary import OPEN_RUN_STATES, Decision, WebhookOutcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy.engine import Connection

    from orchestrator.engine import Engine

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
DAY_SECONDS = 24 * 3600


def metrics(engine: Engine) -> str:
    """Every figure as of now. Labels are words of ours: no names of people, no addresses."""
    found = health(engine)
    since = to_epoch(found.now) - DAY_SECONDS
    with engine.database.read() as connection:
        sends = _sends(connection, since)
        calls = deliveries_since(connection, since)
        held = _count(connection, "SELECT count(*) FROM segment WHERE held IS NOT NULL")
        refused = _count(connection, "SELECT count(*) FROM audience_member WHERE refusal IS NOT NULL")
    states = Counter(run.state for run in found.open_runs)
    moments = {job: to_epoch(at) for job, at in found.last_good.items() if at is not None}
    gauges = [
        _gauge("info", "The version that runs.", "version", {__version__: 1}),
        _gauge("healthy", "1 when nothing failed and the data is fresh.", "", {"": int(found.healthy)}),
        _gauge("problems", "What is wrong; `campaigns status` says what.", "", {"": len(found.problems)}),
        _gauge("waiting_for_person", "What waits for a decision of a person.", "", {"": len(found.needs_person)}),
        _gauge("last_good_timestamp_seconds", "When the job last ended well.", "job", moments),
        _gauge("open_runs", "Runs that are not finished.", "state", _all(OPEN_RUN_STATES, states)),
        _gauge("segments_held", "Segments that a guard holds back.", "", {"": held}),
        _gauge("members_refused", "Members that the provider refuses.", "", {"": refused}),
        _gauge("sends_last_day", "Decisions about contacts in the last 24 hours.", "decision", _all(Decision, sends)),
        _gauge(
            "webhooks_last_day",
            "Calls of webhooks in the last 24 hours.",
            "outcome",
            # a duplicate leaves no record
            _all([outcome for outcome in WebhookOutcome if outcome != WebhookOutcome.DUPLICATE], calls),
        ),
    ]
    return "".join(gauges)


def _sends(connection: Connection, since: int) -> dict[str, int]:
    """By way of the runs, of which few are recent; the decisions of all time are many."""
    query = text(
        "SELECT s.decision, count(*) FROM send s JOIN run r ON r.id = s.run "
        "WHERE (r.finished_at IS NULL OR r.finished_at >= :since) AND coalesce(s.sent_at, s.decided_at) >= :since "
        "GROUP BY s.decision"
    )
    return {row[0]: row[1] for row in connection.execute(query, {"since": since})}


def _count(connection: Connection, query: str) -> int:
    return int(connection.execute(text(query)).scalar_one())


def _all(words: Iterable[str], counted: Mapping[str, int]) -> dict[str, int]:
    """Every word, those without a count as 0: a series that comes and goes cannot be watched."""
    return {str(word): counted.get(word, 0) for word in words}


def _gauge(name: str, meaning: str, label: str, values: Mapping[str, int]) -> str:
    name = f"campaigns_{name}"
    lines = [f"# HELP {name} {meaning}", f"# TYPE {name} gauge"]
    lines += [f'{name}{{{label}="{word}"}} {value}' if label else f"{name} {value}" for word, value in values.items()]
    return "\n".join(lines) + "\n"
