"""How many calls to Mailchimp may be in flight: a budget over all processes, and less of it after a refusal.

Mailchimp sends no rate headers. What it does say is 429, and then every thread of this process slows down, not only
the one that heard it: the permits are halved and come back one by one.

Between processes the budget is fair: whoever looks for a place first takes the *turn*, and nobody else takes a place
meanwhile. Without it a command would starve beside a daemon whose threads take their places again within microseconds.
A process that is stopped (not dead) keeps its places; others go on with the rest, and when there is no rest they
wait until Mailchimp must have ended the stopped process's calls, and then go on without the locks.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.mailchimp.slots import LONGEST_CALL, AdvisoryLockSlots, FileSlots, LocalSlots

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy.engine import Engine

    from orchestrator.mailchimp.slots import Slots

log = logging.getLogger(__name__)

RECOVERY = 5.0
"""seconds after which one of the permits taken away by a 429 comes back"""
_OVERSTAYED = LONGEST_CALL + 30.0
"""seconds for which a place can be held by a call that Mailchimp still counts"""
_TOLD_AFTER = 10.0
"""seconds of waiting for a place after which it is said"""
_TURN_PATIENCE = 2.0
"""seconds to wait for the turn; it is courtesy, and whoever holds it may be stopped"""


@dataclass(slots=True)
class Slot:
    """A place for one call."""

    number: int
    started: float
    """seconds of the budget's clock"""
    locked: bool
    cooling: float = 0.0

    def cool(self, seconds: float) -> None:
        """The call was given up, but Mailchimp may be at work on it: keep the place for so long."""
        self.cooling = max(0.0, seconds)


class ConnectionBudget:
    """At most ``connections`` calls at once. Made by one of the three constructors; used from any thread."""

    def __init__(self, connections: int, slots: Slots, clock: Callable[[], float] = time.monotonic) -> None:
        if connections < 1:
            raise ValueError("a budget needs at least one connection")
        self.connections = connections
        self._slots = slots
        self._clock = clock
        self._entry = threading.Lock()
        self._changed = threading.Condition()
        self._idle = list(range(connections))
        self._without_lock: set[int] = set()
        self._reduced = connections
        self._throttled_at = float("-inf")

    @classmethod
    def over_files(cls, folder: Path, connections: int) -> ConnectionBudget:
        """Shared by all processes of this machine that name the same folder (beside the SQLite database)."""
        return cls(connections, FileSlots(folder, connections))

    @classmethod
    def over_postgres(cls, engine: Engine, connections: int) -> ConnectionBudget:
        """Shared by all processes, on any machine, of the same PostgreSQL database. Keeps one of its connections."""
        return cls(connections, AdvisoryLockSlots(engine, connections))

    @classmethod
    def in_process(cls, connections: int) -> ConnectionBudget:
        """For a single process."""
        return cls(connections, LocalSlots())

    @contextmanager
    def slot(self) -> Iterator[Slot]:
        """A place for one call; waits until there is one."""
        slot = self._take()
        try:
            yield slot
        finally:
            with self._changed:
                if slot.locked:
                    self._slots.give_back(slot.number, slot.cooling)
                self._idle.append(slot.number)
                self._changed.notify()

    def throttled(self, slot: Slot) -> None:
        """Mailchimp refused this call for being one too many: halve the permits of this process."""
        with self._changed:
            # calls that were already under way when the permits were halved say nothing new
            if slot.started >= self._throttled_at:
                self._reduced = max(1, self.permits() // 2)
                self._throttled_at = self._clock()

    def permits(self) -> int:
        """How many calls this process may have in flight now."""
        calm = self._clock() - self._throttled_at
        if calm >= RECOVERY * self.connections:
            return self.connections
        return min(self.connections, self._reduced + int(calm / RECOVERY))

    def elapsed(self, slot: Slot) -> float:
        """Seconds since the place was taken."""
        return self._clock() - slot.started

    def close(self) -> None:
        """Leave every place. The budget cannot be used afterwards."""
        with self._changed:
            self._slots.close()

    def _take(self) -> Slot:
        with self._entry:
            self._wait_for_permit()
            turn = self._take_turn()
            try:
                return self._wait_for_place(turn)
            finally:
                if turn:
                    with self._changed:
                        self._slots.give_back(self.connections)

    def _wait_for_permit(self) -> None:
        with self._changed:
            while not self._idle or self.connections - len(self._idle) >= self.permits():
                self._changed.wait(timeout=None if not self._idle else RECOVERY / 10)

    def _take_turn(self) -> bool:
        waited = _Waiting(self._clock)
        while True:
            with self._changed:
                if self._slots.take(self.connections):
                    return True
                if waited.seconds() > _TURN_PATIENCE:
                    return False
                self._changed.wait(waited.pause())

    def _wait_for_place(self, turn: bool) -> Slot:
        waited = _Waiting(self._clock)
        told = False
        while True:
            with self._changed:
                # the place left last is the likeliest to be free
                for number in reversed(self._idle):
                    locked = self._slots.take(number)
                    if locked:
                        self._without_lock.discard(number)
                    if locked or number in self._without_lock:
                        self._idle.remove(number)
                        return Slot(number, self._clock(), locked)
                # with the turn, every place that became free would have been ours
                if waited.seconds() > _TOLD_AFTER and not told:
                    told = True
                    log.warning(
                        "Waiting for one of %d connections to Mailchimp. Other processes use them, or were killed "
                        "during calls that Mailchimp may be at work on for two minutes.",
                        self.connections,
                    )
                if turn and waited.seconds() > _OVERSTAYED:
                    self._without_lock.update(self._idle)
                    continue
                self._changed.wait(waited.pause())


class _Waiting:
    """How long a wait has lasted, and pauses that grow from a hundredth to a quarter of a second."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since = clock()
        self._pause = 0.005

    def seconds(self) -> float:
        return self._clock() - self._since

    def pause(self) -> float:
        self._pause = min(0.25, self._pause * 1.5)
        return self._pause
