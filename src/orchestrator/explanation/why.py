"""The door: what was decided, or why nothing was, or that the person is forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.clock import from_epoch, to_epoch
from orchestrator.explanation.answer import Answer, local
from orchestrator.explanation.decided import decided
from orchestrator.explanation.never import never
from orchestrator.store import history as store
from orchestrator.vocabulary import Decision

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from sqlalchemy.engine import Connection

    from orchestrator.definitions.values import Workspace
    from orchestrator.store.forgotten import Erased


def why(
    connection: Connection, workspace: Workspace, campaign: str, contact: int, email: str, *, now: datetime
) -> Answer:
    """Why the contact (by id; ``email``: its address today) did or did not get the campaign, as of ``now``."""
    history = store.decisions(connection, campaign, contact, until=to_epoch(now))
    if history:
        return decided(connection, workspace.settings.timezone, campaign, contact, email, history)
    return never(connection, workspace, campaign, contact, now=now)


def why_forgotten(erased: Erased, zone: ZoneInfo) -> Answer:
    """Of somebody who was forgotten we know only that."""
    day = local(erased.at, zone).partition(" ")[0]
    reason = f"Forgotten on {day}: nothing of the person is held; a hash of the address keeps it out of every import."
    return Answer(Decision.SUPPRESSED.value, (reason,), from_epoch(erased.at), considered=None)
