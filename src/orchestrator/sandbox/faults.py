"""Faults on purpose: a call in, what shall go wrong with it out.

``--chaos`` gives each kind a share of all calls (``429=0.1,cut-after=0.02,slow=0.05:30``); ``fail_next`` names calls.

| kind                             | what happens                                                        |
|----------------------------------|---------------------------------------------------------------------|
| ``429`` ``bodiless-429`` ``bodiless-403`` | throttled, not done; bodiless answers have no Content-Type  |
| ``500`` ``502`` ``503`` ``504``  | not done; ``502`` and ``504`` come with HTML, as from the CDN       |
| ``5xx``                          | one of ``500``, ``502``, ``503``, not done                          |
| ``500-after`` ``502-after`` ``504-after`` | done, and answered with that failure                       |
| ``cut-before`` ``cut-after``     | the connection is closed before or after the work was done          |
| ``slow``                         | waits (seconds after a colon, else 30), then does it                |
| ``slow-after``                   | does it, then waits with the answer                                 |
"""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass
from fnmatch import fnmatchcase

SLOW_SECONDS = 30.0
KINDS = frozenset(
    {
        *("429", "bodiless-429", "bodiless-403", "500", "502", "503", "504", "5xx"),
        *("500-after", "502-after", "504-after", "cut-before", "cut-after", "slow", "slow-after"),
    }
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong. ``seconds`` for the slow kinds."""

    kind: str
    seconds: float = 0

    @property
    def before(self) -> bool:
        """The call is not carried out."""
        return self.kind not in {"cut-after", "slow", "slow-after", "500-after", "502-after", "504-after"}


@dataclass(slots=True)
class Order:
    """The next ``times`` calls that match, after ``skip`` of them, go wrong."""

    method: str
    path: str
    fault: Fault
    times: int
    skip: int


class Faults:
    """Draws a fault, or none, for each call. Chances come from a seed: the same calls meet the same faults."""

    def __init__(self, chaos: str = "", seed: int = 0) -> None:
        self._chances = parse(chaos)
        self._random = random.Random(seed)  # noqa: S311 (repeatable, not secret)
        self._orders: list[Order] = []
        self._lock = threading.Lock()

    def fail_next(self, method: str, path: str, kind: str, times: int = 1, skip: int = 0) -> None:
        """``method`` may be ``*``; ``path`` is a pattern such as ``/campaigns/*/actions/send``, without ``/3.0``."""
        with self._lock:
            self._orders.append(Order(method.upper(), path, _fault(kind), times, skip))

    def clear(self) -> None:
        with self._lock:
            self._orders.clear()
            self._chances = []

    def draw(self, method: str, path: str) -> Fault | None:
        with self._lock:
            for order in self._orders:
                if order.method in {"*", method} and order.times > 0 and fnmatchcase(path, order.path):
                    if order.skip > 0:
                        order.skip -= 1
                        continue
                    order.times -= 1
                    return self._settle(order.fault)
            dice = self._random.random()
            for share, fault in self._chances:
                if dice < share:
                    return self._settle(fault)
                dice -= share
            return None

    def _settle(self, fault: Fault) -> Fault:
        return Fault(self._random.choice(("500", "502", "503"))) if fault.kind == "5xx" else fault


def parse(chaos: str) -> list[tuple[float, Fault]]:
    """``kind=share`` with commas between; shares are of all calls and together at most 1. Raises ``ValueError``."""
    chances = []
    for entry in filter(None, (part.strip() for part in chaos.split(","))):
        kind, equals, rest = entry.partition("=")
        share, _, seconds = rest.partition(":")
        try:
            chances.append((float(share), _fault(f"{kind}:{seconds}" if seconds else kind)))
        except ValueError as error:
            reason = str(error) if equals and share else "write kind=share, such as 429=0.1"
            raise ValueError(f"chaos: {entry!r} is not understood ({reason}).") from None
    if sum(share for share, _ in chances) > 1 or any(share < 0 for share, _ in chances):
        raise ValueError("chaos: the shares must be positive and together at most 1.")
    return chances


def _fault(kind: str) -> Fault:
    name, _, seconds = kind.partition(":")
    if name not in KINDS:
        raise ValueError(f"unknown kind {name!r}; there are {', '.join(sorted(KINDS))}")
    slow = name.startswith("slow")
    return Fault(name, float(seconds) if seconds else SLOW_SECONDS if slow else 0)
