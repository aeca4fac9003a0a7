"""The places for calls to Mailchimp that all processes of one database share.

Mailchimp counts the calls of a user over all programs, so the daemon and every command take their places from one
set. It also goes on with a call whose caller is gone, and counts it until then. So two things say that a place is
taken:

* a lock, which the kernel or PostgreSQL releases when its process dies;
* a mark beside it, the moment at which the call is over at the latest, erased when its answer was heard. A process
  that is killed leaves it behind, and the place *cools* until then. A call that was given up is marked in the same way.

Each kind answers at once; waiting and fairness are in ``connections``, which also sees to it that a set is used by one
thread at a time.

- ``FileSlots``: one locked file per place in a folder beside the SQLite database, with the mark in it.
- ``AdvisoryLockSlots``: one session lock per place, on a connection of its own to PostgreSQL, and a row of its leases.
- ``LocalSlots``: nothing is shared; for a single process.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from orchestrator.errors import DataError
from orchestrator.store.database import CLOCK
from orchestrator.store.holders import this_process

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy.engine import Connection, Engine

LONGEST_CALL = 120.0
"""seconds after which Mailchimp ends a call (facts, section 3)"""
CALL_SECONDS = LONGEST_CALL + 10.0
"""from taking a place to the latest end of its call: connecting takes its time, too"""
_LOCK_CLASS = 0x4D43
"""first half of our advisory locks' keys: "MC"; the second half is the number of the place"""


class Slots(Protocol):
    """Numbered places. A set made for n calls has n + 1: number n is the turn to look for a free one."""

    def take(self, number: int) -> bool:
        """Take a place that this process does not hold; False where another process has it, or it cools."""
        ...

    def give_back(self, number: int, cooling: float = 0.0) -> None:
        """Leave a place, to be taken again in ``cooling`` seconds at the earliest."""
        ...

    def close(self) -> None:
        """Leave every place."""
        ...


class LocalSlots:
    """Places of a single process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._cooling: dict[int, float] = {}

    def take(self, number: int) -> bool:
        return self._cooling.get(number, 0.0) <= self._clock()

    def give_back(self, number: int, cooling: float = 0.0) -> None:
        if cooling:
            self._cooling[number] = self._clock() + cooling

    def close(self) -> None:
        self._cooling.clear()


class FileSlots:
    """Places as locked files. The mark is a moment in seconds since 1970; the turn has none."""

    def __init__(self, folder: Path, count: int, clock: Callable[[], float] = time.time) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._clock = clock
        self._turn = count
        self._files = [
            os.open(folder / f"call-{number}.lock", os.O_RDWR | os.O_CREAT, mode=0o600) for number in range(count)
        ]
        self._files.append(os.open(folder / "turn.lock", os.O_RDWR | os.O_CREAT, mode=0o600))

    def take(self, number: int) -> bool:
        file = self._files[number]
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        if self._cools(file):
            fcntl.flock(file, fcntl.LOCK_UN)
            return False
        if number != self._turn:
            self._mark(file, CALL_SECONDS)
        return True

    def give_back(self, number: int, cooling: float = 0.0) -> None:
        file = self._files[number]
        if number != self._turn:
            self._mark(file, cooling)
        fcntl.flock(file, fcntl.LOCK_UN)

    def close(self) -> None:
        for file in self._files:
            os.close(file)
        self._files.clear()

    def _mark(self, file: int, seconds: float) -> None:
        os.pwrite(file, b"%-20d" % int(self._clock() + seconds + 1) if seconds else b" " * 20, 0)

    def _cools(self, file: int) -> bool:
        written = os.pread(file, 20, 0).strip()
        if not written.isdigit():
            return False
        # an end further off than any call takes was written before the system time was set back
        return 0 < int(written) - self._clock() <= CALL_SECONDS + 1


class AdvisoryLockSlots:
    """Places as PostgreSQL session locks. The mark is a lease, by the database's clock: it outlives the session."""

    def __init__(self, engine: Engine, count: int) -> None:
        self._engine = engine
        self._turn = count
        self._token = secrets.token_hex(16)
        self._holder = this_process("a call to Mailchimp", 0).to_text()
        self._connection: Connection | None = None

    def take(self, number: int) -> bool:
        if not self._ask(_LOCK, number=number):
            return False
        if number == self._turn or self._ask(_MARK, **self._mark(number, CALL_SECONDS)):
            return True
        self._ask(_UNLOCK, number=number)
        return False

    def give_back(self, number: int, cooling: float = 0.0) -> None:
        # the call was made, and its answer counts whatever fails here: lock and mark end by themselves
        with suppress(DataError):
            if number != self._turn:
                # the end of a mark is a whole second, and one of now would last into the next
                self._ask(_COOL, **self._mark(number, cooling or -1))
            self._ask(_UNLOCK, number=number)

    def close(self) -> None:
        if self._connection is not None:
            with suppress(SQLAlchemyError):
                # the server ends a session a moment after its client left: until then its locks would be held
                self._connection.execute(text("select pg_advisory_unlock_all()"))
            # not back to the pool: the session, and every lock with it, ends here
            self._connection.invalidate()
            self._connection.close()
            self._connection = None

    def _mark(self, number: int, seconds: float) -> dict[str, object]:
        return {"name": f"call {number}", "holder": self._holder, "token": self._token, "seconds": seconds}

    def _ask(self, statement: str, **values: object) -> bool:
        """The first column of what the statement answers; None counts as no."""
        if "number" in values:
            values["lock_class"] = _LOCK_CLASS
        try:
            return bool(self._session().execute(text(statement), values).scalar())
        except DBAPIError:
            # the session is gone, and its locks with it; the marks of what was held are there still
            self.close()
        try:
            return bool(self._session().execute(text(statement), values).scalar())
        except DBAPIError as error:
            self.close()
            raise DataError(
                "The database that counts the calls to Mailchimp cannot be reached, so none was made. "
                "Check that PostgreSQL runs and that [database] url is right."
            ) from error

    def _session(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            # a mark that a power cut at the server takes back is no loss that is worth waiting for its disk
            self._connection.execute(text("set synchronous_commit = off"))
        return self._connection


_LOCK = "select pg_try_advisory_lock(cast(:lock_class as integer), cast(:number as integer))"
_UNLOCK = "select pg_advisory_unlock(cast(:lock_class as integer), cast(:number as integer))"
_END = f"cast(ceil({CLOCK['postgresql']} + :seconds) as bigint)"
_MARK = f"""
insert into lease (name, holder, token, expires_at) values (:name, :holder, :token, {_END})
on conflict (name) do update set holder = excluded.holder, token = excluded.token, expires_at = excluded.expires_at
where lease.expires_at <= {CLOCK["postgresql"]} returning 1
"""
_COOL = f"update lease set expires_at = {_END} where name = :name and token = :token returning 1"
