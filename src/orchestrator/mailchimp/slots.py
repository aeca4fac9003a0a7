"""The places for calls to Mailchimp that all processes of one database share.

Mailchimp counts the calls of a user over all programs, so the daemon and every command take their places from one
set. What holds a place is released by the kernel or by PostgreSQL when its process dies: nothing has to be cleaned
up. Each kind answers at once; waiting and fairness are in ``connections``, which also sees to it that a set is used
by one thread at a time.

- ``FileSlots``: one lock file per place in a folder beside the SQLite database.
- ``AdvisoryLockSlots``: one session lock per place, on a connection of its own to PostgreSQL.
- ``LocalSlots``: nothing is shared; for a single process.

A place can be given back *cooling*: its call was abandoned, but Mailchimp may still be at work on it and counts it.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from orchestrator.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy.engine import Connection, Engine

LONGEST_CALL = 120.0
"""seconds after which Mailchimp ends a call (facts, section 3)"""
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
    """Places as locked files. A cooling place has its end (seconds since 1970) written in its file, so that it
    outlives a command that gave up and ended."""

    def __init__(self, folder: Path, count: int, clock: Callable[[], float] = time.time) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._clock = clock
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
        return True

    def give_back(self, number: int, cooling: float = 0.0) -> None:
        file = self._files[number]
        if cooling:
            os.pwrite(file, b"%-20d" % int(self._clock() + cooling + 1), 0)
        fcntl.flock(file, fcntl.LOCK_UN)

    def close(self) -> None:
        for file in self._files:
            os.close(file)
        self._files.clear()

    def _cools(self, file: int) -> bool:
        written = os.pread(file, 20, 0).strip()
        if not written.isdigit():
            return False
        # an end further off than any call takes was written before the system time was set back
        return 0 < int(written) - self._clock() <= LONGEST_CALL + 1


class AdvisoryLockSlots:
    """Places as PostgreSQL session locks. Cooling places stay locked by this process; if it ends, they are free."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._clock = clock
        self._connection: Connection | None = None
        self._cooling: dict[int, float] = {}

    def take(self, number: int) -> bool:
        if number in self._cooling:
            if self._cooling[number] > self._clock():
                return False
            del self._cooling[number]
            self._ask("pg_advisory_unlock", number)
        return self._ask("pg_try_advisory_lock", number)

    def give_back(self, number: int, cooling: float = 0.0) -> None:
        if cooling:
            self._cooling[number] = self._clock() + cooling
        else:
            self._ask("pg_advisory_unlock", number)

    def close(self) -> None:
        if self._connection is not None:
            with suppress(SQLAlchemyError):
                # the server ends a session a moment after its client left: until then its locks would be held
                self._connection.execute(text("select pg_advisory_unlock_all()"))
            # not back to the pool: the session, and every lock with it, ends here
            self._connection.invalidate()
            self._connection.close()
            self._connection = None
        self._cooling.clear()

    def _ask(self, function: str, number: int) -> bool:
        statement = text(f"select {function}(cast(:lock_class as integer), cast(:number as integer))")
        values = {"lock_class": _LOCK_CLASS, "number": number}
        try:
            return bool(self._session().execute(statement, values).scalar_one())
        except DBAPIError:
            # the session is gone, and its locks with it; what was held is simply not shared until it is given back
            self.close()
        try:
            return bool(self._session().execute(statement, values).scalar_one())
        except DBAPIError as error:
            self.close()
            raise DataError(
                "The database that counts the calls to Mailchimp cannot be reached, so none was made. "
                "Check that PostgreSQL runs and that [database] url is right."
            ) from error

    def _session(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        return self._connection
