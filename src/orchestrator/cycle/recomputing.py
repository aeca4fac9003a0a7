"""The second step: who is in which segment now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.clock import to_epoch
from orchestrator.cycle.record import audit, recorded
from orchestrator.definitions.schedules import next_after
from orchestrator.errors import UsageError
from orchestrator.segments.evaluate import Recompute, Scope, recompute as recompute_segments
from orchestrator.segments.passes import last_full
from orchestrator.store.seen import see_campaigns

if TYPE_CHECKING:
    from datetime import datetime

    from orchestrator.engine import Engine


def recompute_step(engine: Engine, *, now: datetime, force: bool = False, scope: Scope = Scope.CHANGED) -> Recompute:
    """Who is in which segment; who entered and left. Sees campaigns: their entries and schedules count from now."""
    with recorded(engine, "recompute", now) as said:
        with engine.database.write() as connection:
            see_campaigns(connection, list(engine.workspace.campaigns), to_epoch(now))
        result = recompute_segments(
            engine.database,
            engine.settings,
            engine.workspace.segments,
            now=now,
            force=force,
            unreadable=engine.kept_segments,
            scope=scope,
        )
        held = [segment for segment in result.segments if segment.held]
        said.message = f"{len(result.segments)} segments"
        if held:
            said.message += "; held back: " + ", ".join(f"{segment.name} ({segment.held})" for segment in held)
        if wrong := result.found.in_words:
            said.message += f"; {wrong}"
        if force:
            audit(engine, now, "segments --force", "accepted changes past the guards")
    return result


def due_scope(engine: Engine, now: datetime) -> Scope:
    """Everybody is due once after each moment of the schedule, whoever recomputes first; missed ones count."""
    schedule, zone = engine.settings.schedule.full_recompute, engine.settings.timezone
    with engine.database.read() as connection:
        last = last_full(connection)
    due_at = None if last is None else next_after(schedule, last, zone)
    return Scope.CHECKED if due_at is not None and due_at <= now else Scope.CHANGED


def stop_in_the_past(recomputed: Recompute) -> None:
    """Raises UsageError: memberships only move forward, so nothing can be written or mailed as of an earlier moment."""
    if not recomputed.recorded:
        raise UsageError(
            f"{recomputed.now.isoformat()} is before the last recorded recompute: who was in which segment then can be "
            "asked (`campaigns segments --now …`), but nothing can be synced, planned or sent as of then."
        )
