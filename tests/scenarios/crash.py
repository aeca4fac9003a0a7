"""Pulling the plug: every HTTP request and every commit of a process, and a death before or after any of them.

    with plug(at=17) as events:
        world.cycle(NOW)          # raises Crash

After the crash nothing of that process gets through any more: no request, no commit, no giving back of a lease, and no
keeping of a place for a call that Mailchimp may still be at: only who is interrupted by Ctrl-C can do that.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest import mock
from urllib.parse import urlsplit

import requests

from orchestrator.mailchimp.connections import Slot
from orchestrator.store.database import Database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import Connection


class Crash(BaseException):
    """The process is gone. No handler of the product catches this."""


class Plug:
    """Counts the moments at which a process may die, and lets it die at one of them. ``at``: from 1; 0: never.

    ``watch`` is told each moment and its number.
    """

    def __init__(self, at: int, watch: Callable[[int, str], None] | None = None) -> None:
        self.moments: list[str] = []
        self._at = at
        self._watch = watch
        self._dead = False
        self._lock = threading.Lock()

    @property
    def is_dead(self) -> bool:
        return self._dead

    def reach(self, moment: str) -> None:
        """One of these moments. Raises Crash from the fatal one on."""
        if threading.current_thread().name.startswith("lease "):
            # when a lease is renewed depends on the machine: no moment, but a dead process renews nothing
            if self._dead:
                raise SystemExit
            return
        with self._lock:
            if not self._dead:
                self.moments.append(moment)
                self._dead = len(self.moments) == self._at
                if self._watch is not None:
                    self._watch(len(self.moments), moment)
            if self._dead:
                raise Crash(moment)


@contextmanager
def plugged(at: int = 0, watch: Callable[[int, str], None] | None = None) -> Iterator[Plug]:
    """Within the block the process dies at its moment ``at``; ``watch`` is told each."""
    plug = Plug(at, watch)
    request, write, cool = requests.Session.request, Database.write, Slot.cool

    def requesting(session: requests.Session, method: str, url: str, **options: Any) -> requests.Response:
        what = f"{method} {urlsplit(url).path}"
        plug.reach(f"before {what}")
        answer = request(session, method, url, **options)
        plug.reach(f"after {what}")
        return answer

    def cooling(slot: Slot, seconds: float) -> None:
        if not plug.is_dead:
            cool(slot, seconds)

    @contextmanager
    def writing(database: Database, **options: Any) -> Iterator[Connection]:
        with write(database, **options) as connection:
            yield connection
            plug.reach("before commit")
        plug.reach("after commit")

    with (
        mock.patch.object(requests.Session, "request", requesting),
        mock.patch.object(Database, "write", writing),
        mock.patch.object(Slot, "cool", cooling),
    ):
        yield plug
