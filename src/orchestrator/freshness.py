"""May anything be sent on these facts, or are they too old?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.sources.journal import last_good_import

if TYPE_CHECKING:
    from datetime import datetime

    from orchestrator.definitions.values import Settings
    from orchestrator.store.database import Database


def stale(database: Database, settings: Settings, now: datetime) -> str | None:
    """Why the facts are too old to mail on, or None."""
    limit = settings.guards.min_source_freshness
    with database.read() as connection:
        last = last_good_import(connection, settings)
    if last is None:
        return "Nothing is sent: no import has succeeded yet. Run `campaigns import` and look at what it says."
    if now - last <= limit:
        return None
    hours = (now - last).total_seconds() / 3600
    return (
        f"Nothing is sent: the last good import was {hours:,.1f} hours ago, "
        f"the limit is {limit.total_seconds() / 3600:g} hours ([guards] min_source_freshness). "
        "Run `campaigns import` and look at what it says."
    )
