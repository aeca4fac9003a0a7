"""A database that refuses from a chosen write on, by the database's own means, until the block ends."""

from __future__ import annotations

import resource
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest import mock

from orchestrator.store.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection

STATEMENTS = {
    ("sqlite", "read-only"): "PRAGMA query_only=ON",
    ("postgresql", "read-only"): "SET TRANSACTION READ ONLY",
    ("postgresql", "full"): (
        "DO $$ BEGIN RAISE EXCEPTION 'could not extend file: no space' USING ERRCODE = '53100'; END $$"
    ),
}
NO_FILE_GROWS = 4096
"""bytes: the database is longer, so nothing can be added to it or to its log"""


class Breaking:
    """``at``: the number of the write, from 1, from which on none succeeds; 0: never. Counts all of them."""

    def __init__(self, kind: str, at: int) -> None:
        self.kind = kind
        self.writes = 0
        self._at = at
        self._lock = threading.Lock()

    def begin(self, connection: Connection) -> None:
        with self._lock:
            # when a lease is renewed depends on the machine: it is not counted
            self.writes += not threading.current_thread().name.startswith("lease ")
            is_broken = 0 < self._at <= self.writes
        if not is_broken:
            return
        statement = STATEMENTS.get((connection.dialect.name, self.kind))
        if statement is None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (NO_FILE_GROWS, resource.RLIM_INFINITY))
        else:
            connection.exec_driver_sql(statement)


@contextmanager
def breaking(kind: str, at: int = 0) -> Iterator[Breaking]:
    """``kind``: full, or read-only."""
    broken = Breaking(kind, at)
    write = Database.write
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    @contextmanager
    def writing(database: Database, **options: Any) -> Iterator[Connection]:
        with write(database, **options) as connection:
            broken.begin(connection)
            yield connection

    try:
        with mock.patch.object(Database, "write", writing):
            yield broken
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
