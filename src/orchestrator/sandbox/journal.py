"""What was asked of the sandbox: every call under ``/3.0`` with its answer's status and how many were in flight."""

from __future__ import annotations

import json
import threading
from collections import Counter, deque
from dataclasses import dataclass
from typing import Any

READS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(slots=True)
class Request:
    """``path`` without ``/3.0``; ``status`` 0 while it runs and where the connection was cut; ``fault`` as ordered."""

    method: str
    path: str
    query: dict[str, str]
    raw: bytes
    in_flight: int
    status: int = 0
    fault: str = ""

    @property
    def json(self) -> Any:
        """The body; None without one, or where it is not JSON."""
        try:
            return json.loads(self.raw) if self.raw else None
        except ValueError:
            return None


class Journal:
    """The last ``keep`` calls; counters go on for ever."""

    def __init__(self, keep: int) -> None:
        self.requests: deque[Request] = deque(maxlen=keep)
        self.total = 0
        self.most_in_flight = 0

    def add(self, request: Request) -> int:
        """The request's number."""
        self.requests.append(request)
        self.total += 1
        self.most_in_flight = max(self.most_in_flight, request.in_flight)
        return self.total


class Slots:
    """Calls in flight per key. A slot is held until the work is done, even when the caller has gone away."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, key: str) -> int:
        """How many are in flight now, this one included."""
        with self._lock:
            self._taken[key] += 1
            return self._taken[key]

    def free(self, key: str) -> None:
        with self._lock:
            self._taken[key] -= 1
