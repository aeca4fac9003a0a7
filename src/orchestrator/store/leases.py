"""Leases: who does what, so that nothing is done by two processes of one database.

A lease is a row with a holder, a token and an end by the database's clock, the only one that all processes share; a
thread renews it while the work goes on. Three things keep a process from acting on a claim that it no longer has,
such as one that was stopped (SIGSTOP, a sleeping machine) while another one took over:

* ``check()`` is asked before each act on the outside world: past the lease's end it renews, or raises;
* every transaction that commits while a lease is held confirms its token in that same transaction (``confirm``), so
  that a pause between asking and committing changes nothing either: the commit fails;
* on PostgreSQL who takes over ends the sessions of the former holder, and with them what it left open.

On one machine a dead holder is noticed at once, by its process; elsewhere its lease runs out.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from orchestrator.errors import Busy
from orchestrator.store.database import CLOCK, PATIENCE
from orchestrator.store.engines import is_lock_timeout
from orchestrator.store.holders import Holder, read_holder, this_process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from sqlalchemy.engine import Connection

    from orchestrator.store.database import Database

CYCLE = "cycle"
"""the lease of everything that changes the database or the provider"""
DAEMON = "daemon"
"""who holds this lease leads"""
STANDBY = "standby"
"""begins the names of the leases by which daemons that stand by are seen"""
SECONDS = float(os.environ.get("CAMPAIGNS_LEASE_SECONDS", "30"))
"""how long a lease holds without being renewed; the variable is for tests, which have no time"""
RENEW_EVERY = SECONDS / 6
MARGIN = SECONDS / 15
"""before its end a lease is not trusted any more: an act takes its time, too"""
LOOK_EVERY = 0.2
"""seconds between two looks of somebody who waits"""
LOCK_PATIENCE = 3.0
"""seconds for which a lease's own transactions wait for the database's lock: renewing comes round again"""

_CHALLENGED: set[str] = set()
"""tokens of leases that ran out while their holders, processes of this machine, live"""
_HELD_HERE: set[str] = set()
"""tokens of the leases that this very process holds"""


class HeldLease:
    """A lease that this process holds, until the end of its ``with`` block."""

    def __init__(self, database: Database, name: str, token: str, asked: float) -> None:
        """``asked``: when the lease was asked for (``steady``); it counts from there."""
        self.name = name
        self.lost = threading.Event()
        """somebody else has taken over"""
        self._database = database
        self._token = token
        self._good_until = asked + SECONDS - MARGIN
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"lease {name}", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        self._database.fences.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.fences.remove(self)
        self.release()

    def check(self) -> None:
        """Raises Busy when the claim is no longer certain: somebody else may be at work."""
        if self.lost.is_set():
            raise Busy(self._is_lost())
        if steady() < self._good_until:
            return
        try:
            renewed = self._renew()
        except DBAPIError as fault:
            raise Busy(
                f"The claim on {self.name!r} could not be renewed in time, because the database does not answer. "
                "Nothing more is done here until it does."
            ) from fault
        if not renewed:
            raise Busy(self._is_lost())

    def confirm(self, connection: Connection) -> Callable[[], None]:
        """The last statement of a transaction: it renews the lease, or raises Busy, and then nothing is committed.

        Returns what to call once it is committed.
        """
        asked = steady()
        if self.lost.is_set() or not self._extend(connection):
            self.lost.set()
            raise Busy(self._is_lost())
        return lambda: self._is_good_from(asked)

    def release(self) -> None:
        """Give the lease back. Where that fails, it runs out by itself; what went wrong before matters more."""
        self._stop.set()
        self._thread.join()
        try:
            with suppress(DBAPIError, Busy), self._database.write(fenced=False, patience=LOCK_PATIENCE) as connection:
                connection.execute(
                    text("DELETE FROM lease WHERE name = :name AND token = :token"),
                    {"name": self.name, "token": self._token},
                )
        finally:
            _HELD_HERE.discard(self._token)

    def _keep(self) -> None:
        while not self._stop.wait(RENEW_EVERY):
            try:
                # most often it is this very process that writes: that is no news for whoever waits for it
                if not self._renew(quietly=True):
                    return
            except (DBAPIError, Busy):
                # a long write holds the file, or the database is away: the next round renews, `check` decides meanwhile
                continue

    def _renew(self, *, quietly: bool = False) -> bool:
        asked = steady()
        with self._database.write(fenced=False, patience=LOCK_PATIENCE, quietly=quietly) as connection:
            renewed = self._extend(connection)
        if renewed:
            self._is_good_from(asked)
        else:
            self.lost.set()
        return renewed

    def _extend(self, connection: Connection) -> bool:
        statement = (
            f"UPDATE lease SET expires_at = {_END[connection.dialect.name]} WHERE name = :name AND token = :token"
        )
        values = {"seconds": SECONDS, "name": self.name, "token": self._token}
        return bool(connection.execute(text(statement), values).rowcount)

    def _is_good_from(self, asked: float) -> None:
        self._good_until = max(self._good_until, asked + SECONDS - MARGIN)

    def _is_lost(self) -> str:
        return (
            f"This process was stopped, or cut off, for longer than its claim on {self.name!r} holds, and another one "
            "has taken over. Nothing more is done here."
        )


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
    deadline = steady() + wait_seconds
    told = False
    while True:
        got = claim(database, name, doing)
        if isinstance(got, HeldLease):
            break
        if steady() >= deadline:
            raise Busy(
                f"Another process is at work: {got}. Try again when it is done; `campaigns status` says who is at work."
            )
        if on_wait is not None and not told:
            on_wait(str(got))
            told = True
        time.sleep(LOOK_EVERY)
    with got as held:
        yield held


def claim(database: Database, name: str, doing: str, *, patience: float = PATIENCE) -> HeldLease | Holder:
    """One look: the lease, or who has it. ``patience``: seconds to wait for another writer on SQLite."""
    with database.read() as connection:
        row = _row(connection, name)
    former = read_holder(row.holder) if row is not None else None
    if former is not None and 0 < row.left_seconds <= SECONDS + 1 and not _is_dead(former, row.token):
        return former
    token = secrets.token_hex(16)
    asked = steady()
    # known as ours before it can be seen by another thread of ours
    _HELD_HERE.add(token)
    held = False
    try:
        is_over = former is not None and (row.left_seconds <= 0 or _is_dead(former, row.token))
        if former is not None and is_over and database.dialect == "postgresql" and not former.is_this_process:
            _end_sessions(database, former)
        try:
            with database.write(fenced=False, patience=patience) as connection:
                taken_by = _take(connection, name, token, doing)
        except DBAPIError as fault:
            if former is None or not is_lock_timeout(fault):
                raise
            taken_by = former
        held = taken_by is None
    finally:
        if not held:
            _HELD_HERE.discard(token)
    return HeldLease(database, name, token, asked) if taken_by is None else taken_by


def holders(connection: Connection) -> dict[str, Holder]:
    """Name of the lease -> who holds it now. Leases that ran out, or whose process is gone, are left out."""
    query = text(f"SELECT name, holder, token FROM lease WHERE expires_at > {CLOCK[connection.dialect.name]}")
    rows = [(row.name, read_holder(row.holder), row.token) for row in connection.execute(query)]
    return {name: holder for name, holder, token in sorted(rows) if not _is_dead(holder, token)}


def steady() -> float:
    """Seconds that are never set, and that pass while the machine sleeps, too."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot is None else time.clock_gettime(boot)


_END = {
    "sqlite": f"cast({CLOCK['sqlite']} + :seconds + 0.999 AS integer)",
    "postgresql": f"cast(ceil({CLOCK['postgresql']} + :seconds) AS bigint)",
}
"""the end of a lease that begins now, in whole seconds, never early"""


def _end_in(connection: Connection, name: str, token: str, seconds: float) -> bool:
    """Let the lease end so much later than now. False: it is another's."""
    changed = connection.execute(
        text(f"UPDATE lease SET expires_at = {_END[connection.dialect.name]} WHERE name = :name AND token = :token"),
        {"seconds": seconds, "name": name, "token": token},
    )
    return bool(changed.rowcount)


def _row(connection: Connection, name: str) -> Any:
    clock = CLOCK[connection.dialect.name]
    return connection.execute(
        text(f"SELECT holder, token, expires_at, expires_at - {clock} AS left_seconds FROM lease WHERE name = :name"),
        {"name": name},
    ).first()


def _take(connection: Connection, name: str, token: str, doing: str) -> Holder | None:
    """None when the lease is ours now, else its holder."""
    dialect = connection.dialect.name
    now = int(connection.execute(text(f"SELECT {CLOCK[dialect]}")).scalar_one())
    values = {"name": name, "token": token, "holder": this_process(doing, now).to_text(), "seconds": SECONDS}
    row = _row(connection, name)
    if row is None:
        inserted = connection.execute(
            text(
                f"INSERT INTO lease (name, holder, token, expires_at) VALUES (:name, :holder, :token, {_END[dialect]}) "
                "ON CONFLICT (name) DO NOTHING"
            ),
            values,
        ).rowcount
        return None if inserted else _holder_of(connection, name)
    holder = read_holder(row.holder)
    if row.left_seconds > 0 and not _is_dead(holder, row.token):
        if row.left_seconds > SECONDS + 1:
            # the clock was set back since: nobody waits longer for a dead one, and who lives renews
            _end_in(connection, name, row.token, SECONDS)
        return holder
    lives = holder.is_here and not holder.is_this_process and not holder.is_gone
    if dialect == "sqlite" and lives and row.token not in _CHALLENGED:
        # perhaps nobody could renew, because a long write held the file: who lives has a moment to do it now
        _CHALLENGED.add(row.token)
        _end_in(connection, name, row.token, SECONDS / 3)
        return holder
    if dialect == "postgresql":
        # a former holder's commit may be under way: it ends first, or it is left for the next look
        connection.execute(text(f"SET LOCAL lock_timeout = '{int(LOCK_PATIENCE * 1000)}ms'"))
    taken = connection.execute(
        text(
            f"UPDATE lease SET holder = :holder, token = :token, expires_at = {_END[dialect]} "
            "WHERE name = :name AND token = :theirs AND expires_at = :theirs_end"
        ),
        {**values, "theirs": row.token, "theirs_end": row.expires_at},
    ).rowcount
    return None if taken else _holder_of(connection, name)


def _holder_of(connection: Connection, name: str) -> Holder:
    """Somebody was quicker."""
    row = _row(connection, name)
    return read_holder("another process, which has just begun" if row is None else row.holder)


def _end_sessions(database: Database, former: Holder) -> None:
    """A stopped process, or a machine that is gone, may have left transactions open: nothing of them is to come."""
    with suppress(DBAPIError), database.read() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = :name AND datname = current_database() AND usename = current_user"
            ),
            {"name": former.sessions},
        )


def _is_dead(holder: Holder, token: str) -> bool:
    """Certainly gone; or an earlier life of this process, which does not hold it."""
    if holder.is_this_process:
        return token not in _HELD_HERE
    return holder.is_gone
