"""DuckDB for a recompute of everybody, where the extra ``duckdb`` is installed: the same queries, over the same file.

It reads what is committed, while this process holds the writer's place: nobody else can commit, and a recompute itself
writes no fact before it is done. What it does write, figures of RFM, is taken back first (``Ranker.take``). Only what
differs from what is stored comes back. Wherever DuckDB cannot be had or fails, SQLite computes as ever.
"""

from __future__ import annotations

import marshal
import os
import re
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from orchestrator.segments import duck_process

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy.engine import Connection

    from orchestrator.contacts.question import Part

DIALECT = "duckdb"
READER = "duckdb_extension_sqlite_scanner"
LEAST = 100_000
"""contacts from which it is worth starting a process"""
MOST = 300_000
"""contacts up to which its process stays below 600 MB; a million take twice as much, or more time than SQLite"""
MEMORY = "350MB"
"""that DuckDB takes for its tables, before it uses temporary files; the process takes more beside"""
SLICE = 100_000
"""contacts whose answers are joined at once"""
THREADS = 4
"""at most: each groups rows in memory of its own"""
DIFFERING_FIGURES = """
SELECT COALESCE(f.contact, s.contact), COALESCE(f.latest, 0), COALESCE(f.orders, 0), COALESCE(f.revenue, 0)
FROM rfm_figure f FULL JOIN shop.rfm_figure s ON s.contact = f.contact
WHERE f.latest IS DISTINCT FROM s.latest OR f.orders IS DISTINCT FROM s.orders OR f.revenue IS DISTINCT FROM s.revenue
"""
"""the figures of a temporary table ``rfm_figure`` that are not those that are stored; no orders where there are none"""
_OF_CONTACT, _OF_ACCOUNT = re.compile(r"\bc\.(\w+)"), re.compile(r"\ba\.(\w+)")
_PARAMETER = re.compile(r"(?<![:\w]):(\w+)")
_RESERVED = re.compile(r"\bat\b")
"""the one column of ours whose name is a word of DuckDB's"""


class NotByDuckDB(Exception):
    """SQLite has to compute; says why."""


class Duck:
    """A DuckDB that has the file open, and temporary tables of its own."""

    def __init__(self, process: subprocess.Popen[bytes], contacts: int) -> None:
        self._process = process
        self.contacts = contacts

    def ask(self, sql: str, values: Mapping[str, object] | None = None) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of a query, some thousand at a time; of ``values`` it takes those that it names."""
        query = _RESERVED.sub('"at"', sql)
        named = set(_PARAMETER.findall(query))
        bound = {name: value for name, value in (values or {}).items() if name in named}
        return self._answers((_PARAMETER.sub(r"$\1", query), bound))

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a query that has few."""
        return [row for rows in self.ask(sql) for row in rows]

    def fill(self, parts: Sequence[Part], values: Mapping[str, object]) -> None:
        """Make the temporary tables of a query."""
        for part in parts:
            self.make(part.table, part.rows, values)

    def ask_in_slices(self, sql: str, values: Mapping[str, object]) -> Iterator[list[tuple[Any, ...]]]:
        """The same for some contacts after the other: what a query joins is held in memory as a whole.

        Of a slice there are views under the names of the tables; DuckDB narrows what is joined by contact by itself.
        """
        if self.contacts <= SLICE:
            yield from self.ask(sql, values)
            return
        columns = {"contact": ", ".join(sorted({"id", *_OF_CONTACT.findall(sql)})), "membership_mask": "*"}
        for table, named in columns.items():
            self.make(f"all_{table}", f"SELECT {named} FROM shop.{table}")
        self.make("account", f"SELECT {', '.join(sorted({'id', *_OF_ACCOUNT.findall(sql)}))} FROM shop.account")
        numbered = f"SELECT id, (ROW_NUMBER() OVER (ORDER BY id) - 1) // {SLICE} AS slice FROM all_contact"
        for low, high in self.rows(f"SELECT MIN(id), MAX(id) FROM ({numbered}) GROUP BY slice ORDER BY 1"):
            for table, key in (("contact", "id"), ("membership_mask", "contact")):
                there = f"SELECT * FROM all_{table} WHERE {key} BETWEEN {low} AND {high}"
                self.rows(f"CREATE OR REPLACE TEMPORARY VIEW {table} AS {there}")
            yield from self.ask(sql, values)

    def make(self, table: str, sql: str, values: Mapping[str, object] | None = None) -> None:
        """A temporary table of these rows; it hides one of the file that has the same name."""
        for _ in self.ask(f"CREATE OR REPLACE TEMPORARY TABLE {table} AS {sql}", values):
            pass

    def open(self, *how: str | int) -> None:
        """Open the file."""
        for _ in self._answers(how):
            pass

    def _answers(self, question: tuple[Any, ...]) -> Iterator[list[tuple[Any, ...]]]:
        asked, answers = self._process.stdin, self._process.stdout
        assert asked is not None
        assert answers is not None
        try:
            marshal.dump(question, asked)
            asked.flush()
            while (answer := marshal.load(answers)) is not None:  # noqa: S302 -- from a process of our own
                if isinstance(answer, str):
                    raise NotByDuckDB(f"it failed with {answer}")
                yield answer
        except (OSError, EOFError, ValueError, TypeError) as fault:
            raise NotByDuckDB("its process ended") from fault


@contextmanager
def duck_over(connection: Connection, *, anyway: bool) -> Iterator[Duck]:
    """DuckDB over the file of this connection, within the block. ``anyway``: for however few contacts.

    Raises NotByDuckDB, also when it is asked something.
    """
    file = _file(connection)
    reader = reader_file()
    contacts = connection.scalar(text("SELECT COUNT(*) FROM contact")) or 0
    if contacts > MOST:
        raise NotByDuckDB(f"of more than {MOST:,} contacts it needs too much memory")
    if contacts < LEAST and not anyway:
        raise NotByDuckDB(f"of less than {LEAST:,} contacts SQLite is faster")
    command = [sys.executable, "-P", str(Path(duck_process.__file__))]
    with tempfile.TemporaryDirectory(prefix="campaigns-", ignore_cleanup_errors=True) as folder:
        try:
            process = subprocess.Popen(  # noqa: S603 -- a module of ours
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        except OSError as fault:
            raise NotByDuckDB("its process cannot be started") from fault
        try:
            duck = Duck(process, contacts)
            duck.open(file, reader, folder, MEMORY, _idle_processors())
            yield duck
        finally:
            process.kill()
            process.communicate()


def _file(connection: Connection) -> str:
    """The SQLite file that another process can read while we write."""
    if connection.dialect.name != "sqlite":
        raise NotByDuckDB("it reads SQLite")
    # of this very connection: a rehearsal works on a copy that has no name
    file = next((row[2] for row in connection.exec_driver_sql("PRAGMA database_list") if row[1] == "main"), "")
    if not file:
        raise NotByDuckDB("the database is no file")
    if connection.exec_driver_sql("PRAGMA journal_mode").scalar() != "wal":
        raise NotByDuckDB("the file cannot be read while it is written")
    return str(file)


def _idle_processors() -> int:
    """How many are worth a thread now: where others are at work, a second one costs more than it brings."""
    return max(1, min(THREADS, (os.cpu_count() or 1) - round(os.getloadavg()[0])))


def reader_file() -> str:
    """The file of DuckDB's reader of SQLite, of the very version of DuckDB."""
    spec = find_spec(READER)
    if find_spec("duckdb") is None or spec is None or spec.origin is None:
        raise NotByDuckDB("the extra `duckdb` is not installed")
    try:
        number = version("duckdb")
    except PackageNotFoundError:
        raise NotByDuckDB("its version is unknown") from None
    file = Path(spec.origin).parent / "extensions" / f"v{number}" / "sqlite_scanner.duckdb_extension"
    if not file.is_file():
        raise NotByDuckDB(f"its reader of SQLite is not for DuckDB {number}")
    return str(file)
