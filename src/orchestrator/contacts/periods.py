"""PERIOD of the field catalogue: its name and ``now`` in, a half-open window of epoch seconds out.

Calendar periods follow business time, ``last_N_days`` counts whole 24-hour days. ``now`` itself belongs to ``total``
(it is not after now) and to no other period; nothing later belongs to any.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from orchestrator.clock import to_epoch

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

CALENDAR_PERIODS = ("total", "this_year", "last_year", "this_month", "last_month")
PERIOD_PATTERN = r"total|this_year|last_year|this_month|last_month|last_[1-9][0-9]{0,4}_days"
DAY = 86_400
"""seconds"""


@dataclass(frozen=True, slots=True)
class Window:
    """Moments m with ``start <= m < end``, in epoch seconds; start None: since ever."""

    start: int | None
    end: int


EVER = Window(None, 1 << 62)
"""every moment"""


def is_period(name: str) -> bool:
    """Whether a word names a period: ``total``, ``this_year`` …, ``last_45_days``."""
    return re.fullmatch(PERIOD_PATTERN, name) is not None


def period_window(name: str, now: datetime, zone: ZoneInfo) -> Window:
    """The window of a period as of ``now``. Raises ValueError for a word that is none."""
    end = to_epoch(now)
    year, month = (local := now.astimezone(zone)).year, local.month
    match name:
        case "total":
            return Window(None, end + 1)
        case "this_year":
            return Window(_midnight(year, 1, zone), end)
        case "last_year":
            return Window(_midnight(year - 1, 1, zone), _midnight(year, 1, zone))
        case "this_month":
            return Window(_midnight(year, month, zone), end)
        case "last_month":
            before = (year, month - 1) if month > 1 else (year - 1, 12)
            return Window(_midnight(*before, zone), _midnight(year, month, zone))
    if not is_period(name):
        raise ValueError(f"{name} is not a period")
    return Window(end - int(name.split("_")[1]) * DAY, end)


def _midnight(year: int, month: int, zone: ZoneInfo) -> int:
    """Local midnight of the first of a month."""
    return to_epoch(datetime(year, month, 1, tzinfo=zone))
