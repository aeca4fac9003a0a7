"""What one cycle did."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.audiences.sync import SyncReport
    from orchestrator.errors import OrchestratorError
    from orchestrator.problems import Problem
    from orchestrator.segments.evaluate import Recompute
    from orchestrator.sources.report import ImportReport
    from orchestrator.store.tables import Run


@dataclass(slots=True)
class CycleReport:
    """``faults``: steps that failed; the others went on."""

    imported: ImportReport | None = None
    recomputed: Recompute | None = None
    synced: SyncReport | None = None
    runs: list[Run] = field(default_factory=list)
    events: int = 0
    """opens, clicks and bounces that were new"""
    refused: list[str] = field(default_factory=list)
    """what a guard keeps back, in sentences"""
    stopped: list[OrchestratorError] = field(default_factory=list)
    """why runs could not go on; each is the reason of its run, too"""
    warnings: list[Problem] = field(default_factory=list)
    """what could be better about the mails that were made"""
    faults: list[OrchestratorError] = field(default_factory=list)
