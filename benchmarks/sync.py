"""Sync to a Mailchimp that answers after 200 ms, beside the least calls and seconds that it can be done in.

    python -m benchmarks.sync [--members 100000] [--latency 0.2]

20 segments. Four syncs: of everybody; of nothing; of a change to one
member in 200 (their name, their orders), after which everything is recomputed; and of nothing again. Each in a process
of its own, so that the memory is its own.

The least calls: one look at each status, as many calls of 500 rows as members changed, and as many of 500 tags for each
segment as members entered or left it; tags of new members go with them. It can be less, as tags that known members lack
go with their updates, too. The least seconds: those calls, all connections
busy all the time; and *in turns*, what whole turns of the connections take, the news before the first write: nobody is
added on an old belief about their consent. What the machine and the server leave of that is told by bare HTTP: the
calls of the first sync that write, by a client that does nothing else, to another such server.
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import urllib3
from benchmarks.fifty_segments import WHERE
from benchmarks.recompute import settings
from benchmarks.shop import NOW, fill

from orchestrator.audiences.sync import Sync
from orchestrator.cli.main import GC
from orchestrator.clock import SystemClock
from orchestrator.definitions.values import SegmentDefinition
from orchestrator.mailchimp.connections import ConnectionBudget
from orchestrator.mailchimp.gateway import open_gateway
from orchestrator.segments.evaluate import recompute
from orchestrator.store.opening import open_database

if TYPE_CHECKING:
    from collections.abc import Iterator

BATCH, SEGMENTS = 500, 20
MOST_CALLS, MOST_SECONDS = 1.05, 1.15


@dataclass(frozen=True, slots=True)
class Done:
    """One sync, and what the server saw of it."""

    members: int
    tags: int
    calls: int
    least_reads: int
    least_writes: int
    writes: int
    connections: int
    seconds: float
    cpu: float
    server_cpu: float
    memory: float
    """MB, the process's peak"""


def segments() -> dict[str, SegmentDefinition]:
    return {
        name: SegmentDefinition(name, f"segments/{name}.toml", where, 1, 1)
        for name, (where, _) in islice(WHERE.items(), SEGMENTS)
    }


def prepare(folder: Path, members: int) -> None:
    """A shop of members with consent, and who is in which segment."""
    database = open_database("sqlite:///shop.db", folder, now=0)
    fill(database, members)
    database.close()
    with closing(sqlite3.connect(folder / "shop.db")) as shop, shop:
        shop.execute("UPDATE contact SET consent = 'opted_in', first_name = 'Anna', last_name = 'L' || id")
    compute(folder, 0)


def change(folder: Path, members: int) -> None:
    """One in 200 has another name, and a new order of an hour ago."""
    who = [(contact,) for contact in random.Random(3).sample(range(1, members + 1), members // 200)]
    at = int(NOW.timestamp()) - 3600
    with closing(sqlite3.connect(folder / "shop.db")) as shop, shop:
        shop.executemany("UPDATE contact SET last_name = 'New' WHERE id = ?", who)
        shop.executemany(
            "INSERT INTO orders (key, contact, account, placed_at, status, channel, total_cents, extra)"
            f" VALUES ('N' || ?1, ?1, 1, {at}, 'completed', 'web', 900000, '{{}}')",
            who,
        )
        for fact in ("contact", "orders"):
            shop.executemany(f"INSERT INTO touched (fact, contact) VALUES ('{fact}', ?)", who)
    compute(folder, 1)


def compute(folder: Path, minute: int) -> None:
    database = open_database("sqlite:///shop.db", folder, now=0)
    recompute(database, settings(), segments(), now=NOW + timedelta(minutes=minute))
    database.close()


def least_writes(folder: Path) -> int:
    """Calls of 500 that what is owed now takes, by the database itself."""
    with closing(sqlite3.connect(folder / "shop.db")) as shop:
        new = "m.email_key IS NULL OR m.status = 'gone'"
        language = "coalesce('\"' || substr(c.language, 1, 2) || '\"', 'null')"
        names = """ '{"FNAME":"' || c.first_name || '","LNAME":"' || c.last_name || '"}' """
        other = f"m.payload <> '[' || {language} || ',' || {names} || ']'"
        both = "contact c LEFT JOIN audience_member m ON m.email_key = c.email_key"
        tags = "contact c JOIN audience_member m ON m.email_key = c.email_key"
        tags += " LEFT JOIN membership_mask w ON w.contact = c.id LEFT JOIN tag_mask t ON t.contact = c.id"
        want, have = "coalesce(w.mask, 0)", "coalesce(t.mask, 0)"
        calls = sum(
            batches(shop.execute(f"SELECT count(*) FROM {both} WHERE {which}").fetchone()[0]) for which in (new, other)
        )
        for (bit,) in shop.execute("SELECT bit FROM segment").fetchall():
            added, removed = (
                shop.execute(f"SELECT count(*) FROM {tags} WHERE (({one} & ~{two}) >> {bit}) & 1").fetchone()[0]
                for one, two in ((want, have), (have, want))
            )
            calls += max(batches(added), batches(removed))
    return calls


def batches(rows: int) -> int:
    return -(-rows // BATCH)


def one_sync(folder: Path, url: str) -> Done:
    """The product's sync, in this process."""
    gc.set_threshold(*GC)  # as a command does
    writes, before = least_writes(folder), counts(url)
    wanted = settings()
    wanted = replace(wanted, mailchimp=replace(wanted.mailchimp, base_url=url))
    database = open_database("sqlite:///shop.db", folder, now=0)
    budget = ConnectionBudget.over_files(folder / "connections", wanted.mailchimp.connections)
    gateway = open_gateway(wanted.mailchimp, "key-us1", budget, clock=SystemClock(), pretend_now=False)
    began, cpu = time.perf_counter(), time.process_time()
    report = Sync(database, gateway, wanted, segments(), now=NOW + timedelta(minutes=1)).run()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    gateway.close()
    budget.close()
    database.close()
    seen = {name: value - before[name] for name, value in counts(url).items()}
    if report.unknown or report.rejected:
        sys.exit(f"{report.unknown} calls without an outcome, {len(report.rejected)} members rejected")
    return Done(
        report.added + report.updated,
        sum(report.tagged.values()) + sum(report.untagged.values()),
        seen["calls"],
        seen["pages"],
        writes,
        seen["writes"],
        seen["connections"],
        seconds,
        cpu,
        seen["cpu"],
        peak(),
    )


def bare(url: str, members: int, connections: int) -> float:
    """Seconds that the first sync's members and tags take to be posted, ready-made, and the answers to be read."""
    tags = [name for name, _ in islice(WHERE.items(), 6)]  # as many as a member has
    bodies = [
        json.dumps(
            {
                "members": [
                    {
                        "email_address": f"c{number}@x.example",
                        "status": "subscribed",
                        "merge_fields": {"FNAME": "Anna", "LNAME": f"L{number}"},
                        "language": "sv",
                        "tags": tags,
                    }
                    for number in range(start, min(start + BATCH, members))
                ],
                "update_existing": False,
            }
        ).encode()
        for start in range(0, members, BATCH)
    ]
    with urllib3.PoolManager(maxsize=connections) as http, ThreadPoolExecutor(connections) as pool:
        began = time.perf_counter()
        for answer in pool.map(lambda body: http.request("POST", f"{url}/lists/audience", body=body), bodies):
            assert answer.status == 200
        return time.perf_counter() - began


def peak() -> float:
    """MB. Not ``ru_maxrss``, which a process begins with what the one that started it had."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def counts(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url}/counts") as answer:
        found: dict[str, Any] = json.load(answer)
    return found


@contextmanager
def served(latency: float) -> Iterator[str]:
    """The address of a server that answers so late."""
    command = [sys.executable, "-m", "benchmarks.slow_mailchimp", str(latency)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def measured(folder: Path, url: str) -> Done:
    """One sync in a process of its own."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(one_sync, (folder, url))


def main() -> int:
    """The table; 1 where a limit is passed."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--members", type=int, default=100_000)
    options.add_argument("--latency", type=float, default=0.2, help="seconds")
    wanted = options.parse_args()
    connections = settings().mailchimp.connections
    print(f"{wanted.members:,} members, {SEGMENTS} segments, {wanted.latency} s latency, {connections} connections")
    head = (
        "members",
        "tags",
        "writes",
        "calls",
        "least",
        "ratio",
        "s",
        "least",
        "ratio",
        "in turns",
        "ratio",
        "opened",
        "cpu s",
        "server",
        "MB",
    )
    print(f"{'sync of':<12}" + "".join(f"{name:>9}" for name in head))
    with served(wanted.latency) as url:
        raw = bare(url, wanted.members, connections)
    failed = False
    with tempfile.TemporaryDirectory() as place, served(wanted.latency) as url:
        folder = Path(place)
        prepare(folder, wanted.members)
        for name in ("everybody", "no change", "0.5 %", "no change"):
            if name == "0.5 %":
                change(folder, wanted.members)
            done = measured(folder, url)
            least_calls = done.least_reads + done.least_writes
            least = least_calls * wanted.latency / connections
            turns = sum(-(-some // connections) for some in (done.least_reads, done.least_writes)) * wanted.latency
            calls, seconds = done.calls / least_calls, done.seconds / least
            print(
                f"{name:<12}{done.members:>9,}{done.tags:>9,}{done.writes:>9,}{done.calls:>9,}{least_calls:>9,}"
                f"{calls:>9.2f}{done.seconds:>9.2f}{least:>9.2f}{seconds:>9.2f}"
                f"{turns:>9.2f}{done.seconds / turns:>9.2f}{done.connections:>9}"
                f"{done.cpu:>9.2f}{done.server_cpu:>9.2f}{done.memory:>9.0f}"
            )
            failed |= done.connections > connections or (name == "no change" and done.writes > 0)
            if name == "everybody":
                first = done.seconds
                failed |= calls > MOST_CALLS or seconds > MOST_SECONDS
    writes = batches(wanted.members)
    least = writes * wanted.latency / connections
    print(
        f"bare HTTP: {writes} calls in {raw:.2f} s, {raw / least:.2f} times the least;"
        f" the sync of everybody took {first / raw:.2f} times as long"
    )
    return failed


if __name__ == "__main__":
    sys.exit(main())
