"""Leases: who does what, so that nothing is done by two processes of one database.

A lease is a row with a holder, a token and an expiry in real time; a thread renews it while the work goes on. Before
each act on the outside world the holder asks ``check()``: after a pause longer than the lease (a stopped process, a
sleeping machine) the answer is an error, not an act on an old claim. On one machine a dead holder is noticed at
once, by its process id; elsewhere its lease runs out.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import OperationalError
from sqlmodel import col

from orchestrator.errors import Busy
from orchestrator.store.tables import Lease

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import Connection

    from orchestrator.store.database import Database

SECONDS = 45
"""how long a lease holds without being renewed"""
RENEW_EVERY = 10
MARGIN = 2
"""seconds before its end from which a lease is not trusted any more: clocks and commits are not instant"""


_HELD_HERE: set[str] = set()
"""tokens of the leases that this very process holds"""


class HeldLease:
    """A lease that this process holds."""

    def __init__(self, database: Database, name: str, token: str, asked: float) -> None:
        """``asked``: when the lease was asked for (monotonic); it counts from there."""
        self._database = database
        self._name = name
        self._token = token
        self._good_until = asked + SECONDS - MARGIN
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"lease {name}", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raises Busy when the claim is no longer certain: somebody else may be at work."""
        if time.monotonic() >= self._good_until and not self._renew():
            raise Busy(
                f"This process was stopped for longer than its claim on {self._name!r} holds, and another one "
                "has taken over. Nothing more is done here."
            )

    def release(self) -> None:
        """Give the lease back."""
        self._stop.set()
        self._thread.join()
        # where that fails, the lease runs out by itself; what went wrong before matters more
        with suppress(OperationalError), self._database.write() as connection:
            connection.execute(
                delete(Lease).where(col(Lease.name) == self._name, col(Lease.token) == self._token),
            )

    def _keep(self) -> None:
        while not self._stop.wait(RENEW_EVERY):
            try:
                self._renew()
            except OperationalError:
                # a long write of our own holds the file: the next round renews, `check` decides meanwhile
                continue

    def _renew(self) -> bool:
        asked = time.monotonic()
        with self._database.write() as connection:
            renewed = connection.execute(
                update(Lease)
                .where(col(Lease.name) == self._name, col(Lease.token) == self._token)
                .values(expires_at=int(time.time()) + SECONDS),
            ).rowcount
        if renewed:
            self._good_until = asked + SECONDS - MARGIN
        return bool(renewed)


@contextmanager
def lease(
    database: Database,
    name: str,
    doing: str,
    *,
    wait_seconds: float = 0,
    on_wait: Callable[[str], None] | None = None,
) -> Iterator[HeldLease]:
    """Hold the lease ``name`` for the time of the block. ``doing`` tells others what is going on.

    Raises Busy, naming the holder, when it is still taken after ``wait_seconds``.
    """
    token = secrets.token_hex(16)
    _HELD_HERE.add(token)
    try:
        asked = _wait_for(database, name, token, doing, wait_seconds, on_wait)
        held = HeldLease(database, name, token, asked)
        try:
            yield held
        finally:
            held.release()
    finally:
        _HELD_HERE.discard(token)


def _wait_for(
    database: Database, name: str, token: str, doing: str, wait_seconds: float, on_wait: Callable[[str], None] | None
) -> float:
    """The moment (monotonic) from which the lease, now taken, counts."""
    deadline = time.monotonic() + wait_seconds
    told = False
    while True:
        asked = time.monotonic()
        with database.write() as connection:
            taken_by = _take(connection, name, token, doing)
        if taken_by is None:
            return asked
        if time.monotonic() >= deadline:
            raise Busy(f"Another process is at work: {taken_by}. Try again when it is done.")
        if on_wait is not None and not told:
            on_wait(taken_by)
            told = True
        time.sleep(0.2)


def _take(connection: Connection, name: str, token: str, doing: str) -> str | None:
    """None when the lease is ours now, else its holder in words."""
    now = int(time.time())
    query = select(col(Lease.holder), col(Lease.token), col(Lease.expires_at)).where(col(Lease.name) == name)
    row = connection.execute(query.with_for_update()).first()
    values = {"holder": _holder(doing), "token": token, "expires_at": now + SECONDS}
    if row is None:
        inserted = connection.execute(_insert_if_absent(connection).values(name=name, **values)).rowcount
        return None if inserted else "another process, which has just begun"
    if row.expires_at > now and not _is_dead(row.holder, row.token):
        return str(row.holder)
    connection.execute(update(Lease).where(col(Lease.name) == name).values(**values))
    return None


def _insert_if_absent(connection: Connection) -> Any:
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as upsert  # noqa: PLC0415 -- one of two is needed

        return upsert(Lease).on_conflict_do_nothing()
    return insert(Lease)


def _holder(doing: str) -> str:
    return f"{doing} (process {os.getpid()} on {socket.gethostname()}, since {time.strftime('%H:%M:%S')})"


def _is_dead(holder: str, token: str) -> bool:
    """True only where it is certain: a process of this machine that no longer exists.

    A container that starts again gives its process the number of the one before: a lease of our own number that we
    do not hold is that of a predecessor.
    """
    try:
        words = holder.rsplit("(process ", 1)[1]
        number, host = words.split(" on ", 1)
        process = int(number)
        if host.split(",", 1)[0] != socket.gethostname():
            return False
        if process == os.getpid():
            return token not in _HELD_HERE
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except (IndexError, ValueError, PermissionError):
        return False
    return False
