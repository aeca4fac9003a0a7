"""The wish to stop, heard wherever the daemon waits."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from orchestrator.errors import Busy

if TYPE_CHECKING:
    from datetime import datetime

    from orchestrator.clock import Clock


class Halt:
    """Set when the jobs have to end: the daemon stops, or another one leads now."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._why = ""

    def __bool__(self) -> bool:
        return self._event.is_set()

    def set(self, why: str) -> None:
        """``why``: a sentence for the log."""
        self._why = why
        self._event.set()

    def clear(self) -> None:
        self._event.clear()

    def wait(self, seconds: float) -> bool:
        """Until it is set, so long at most. True: it is."""
        return self._event.wait(seconds)

    def check(self) -> None:
        """Raises Busy once it is set. Each step is made to be ended anywhere, and to go on from there."""
        if self:
            raise Busy(self._why)


class HaltingClock:
    """A clock whose waiting ends with Busy as soon as the jobs have to end."""

    def __init__(self, clock: Clock, halt: Halt) -> None:
        self._clock = clock
        self._halt = halt

    def now(self) -> datetime:
        return self._clock.now()

    def sleep(self, seconds: float) -> None:
        self._halt.wait(seconds)
        self._halt.check()
