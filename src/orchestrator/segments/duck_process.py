"""The process in which DuckDB reads the SQLite file: questions come in, rows go out.

A process of its own, because DuckDB's reader is a second copy of SQLite, and the locks of a file belong to a process:
when that copy closes the file, the lock of a transaction that is open beside it is gone, and another program writes
into the middle of it. It also keeps DuckDB's memory, and whatever may end it, away from who asks.

In: ``(file, reader, folder for temporary files, memory, threads)``, then any number of ``(query, values)``. Out, for
each query: lists of rows, then None; or what kind of error there was, without its text, which may quote customers.
"""

from __future__ import annotations

import marshal
import signal
import sys
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import duckdb

ROWS = 10_000
"""rows that travel at once"""


def _opened(
    duck: duckdb.DuckDBPyConnection, file: str, reader: str, folder: str, memory: str, threads: int
) -> Iterator[list[Any] | None]:
    for name, value in {"memory_limit": memory, "temp_directory": folder, "threads": str(threads)}.items():
        duck.execute(f"SET {name} = {_quoted(value)}")
    duck.execute("SET preserve_insertion_order = false")  # which costs memory, and nobody asks for an order
    duck.execute(f"LOAD {_quoted(reader)}")
    duck.execute(f"ATTACH {_quoted(file)} AS shop (TYPE sqlite, READ_ONLY)")
    duck.execute("USE shop")
    yield None


def _answered(duck: duckdb.DuckDBPyConnection, query: str, values: Mapping[str, object]) -> Iterator[list[Any] | None]:
    duck.execute(query, dict(values)) if values else duck.execute(query)
    while rows := duck.fetchmany(ROWS):
        yield rows
    yield None


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def serve(asked: BinaryIO, answers: BinaryIO) -> None:
    """Answer until nobody asks any more."""
    import duckdb  # noqa: PLC0415 -- an error of it is an answer, too

    # nothing is ever fetched from the network
    duck = duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
    work: Callable[..., Iterator[list[Any] | None]] = _opened
    while True:
        try:
            question = marshal.load(asked)  # noqa: S302 -- from the process that started this one
        except EOFError:
            return
        try:
            for answer in work(duck, *question):
                marshal.dump(answer, answers)
        except BrokenPipeError:
            return
        except Exception as fault:  # noqa: BLE001 -- whatever it is, SQLite computes instead
            marshal.dump(type(fault).__name__, answers)
        answers.flush()
        work = _answered


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who asks, and ends this process
    serve(sys.stdin.buffer, sys.stdout.buffer)
