"""The time, for whoever needs it. Deciding code takes ``now`` as an argument.

Moments are stored as whole seconds since 1970-01-01T00:00:00Z: integers compare alike in
every database, and take half the room of text.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What time it is for the product, and waiting in real time."""

    def now(self) -> datetime:
        """The moment as of which everything is read, decided and recorded (with zone)."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait in real time, for the provider to get on with its work."""
        ...


class SystemClock:
    """The real time, to the second."""

    def now(self) -> datetime:
        return datetime.now(UTC).replace(microsecond=0)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


@dataclass(frozen=True, slots=True)
class FixedClock:
    """``--now TIME``: everything happens as if it were that moment; waiting stays real."""

    moment: datetime

    def __post_init__(self) -> None:
        if self.moment.tzinfo is None:
            raise ValueError("a moment needs a time zone")

    def now(self) -> datetime:
        # in UTC like the real one: a day is 24 hours, also when the clocks are changed
        return self.moment.astimezone(UTC).replace(microsecond=0)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def real_seconds() -> int:
    """The real time in seconds since 1970, also under ``--now``: when we asked the provider for something."""
    return int(time.time())


def to_epoch(moment: datetime) -> int:
    """Whole seconds since 1970 UTC, fractions cut off."""
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return int(moment.timestamp() // 1)


def from_epoch(seconds: int) -> datetime:
    """The moment, in UTC."""
    return datetime.fromtimestamp(seconds, UTC)
