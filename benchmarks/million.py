"""A wholesaler of a million contacts, from its CSV files to mails in inboxes, with the commands that people use.

    python -m benchmarks.million [--contacts 1000000] [--recipients 30000] [--folder DIR]

Generates the demo's wholesaler, imports it, recomputes the starter's segments, imports a day's orders of one contact
in a thousand, recomputes again, syncs to the sandbox without latency, twice, and sends one campaign. Each step is a
process of its own; its seconds, those of the processor, and its peak memory are printed. What stands beside it is the
least that one would have to do, by hand, in the same run: read the same CSV files into plain SQLite tables; send the
sandbox the same members in the same number of calls.

With --folder it may be cut off and called again: steps that are done are not done again, but for those that need the
sandbox, whose memory ended with it: they begin with the first sync.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import requests

from orchestrator.starter import copy_starter

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 11, 17, 12, tzinfo=ZoneInfo("Europe/Stockholm"))
CAMPAIGN = """description = "One mail to many"
segment = "many"
template = "loyalty-offer"
subject = "{{ contact.first_name or 'Hello' }}, thank you for your orders"
preheader = "A word of thanks"
[trigger]
on = "manual"
[vars]
gold_coupon = "GOLD10"
vip_coupon = "VIP15"
gold_rate = 10
vip_rate = 15
"""
AUDIENCE = "9e67587f52"
ROWS, CONNECTIONS = 500, 8
WATCH = """
import json, resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=sys.stderr).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))
sys.exit(code)
"""
"""a small process between: what a process has used at most begins with what the one that started it had"""
Step = Callable[[], float | None]
"""does it, and returns the seconds of the same by hand, if there is such a thing"""


class Benchmark:
    """The steps, in a folder that remembers which are done."""

    def __init__(self, folder: Path, contacts: int, recipients: int) -> None:
        self._folder = folder
        self._shop = folder / "workspace"
        self._contacts = contacts
        self._recipients = recipients
        self._done_file = folder / "done.json"
        self._done: dict[str, Any] = json.loads(self._done_file.read_text()) if self._done_file.exists() else {}
        self._sandbox = ""
        self._memory = 0.0
        self._seconds = self._processor = 0.0

    def run(self) -> None:
        head = ("s", "cpu s", "by hand", "ratio", "MB")
        print(f"{self._contacts:,} contacts" + " " * 20 + "".join(f"{name:>10}" for name in head))
        for name, step in (
            ("generate the CSV files", self._generate),
            ("import", self._import),
            ("recompute everybody", self._recompute),
            ("import of changes", self._import_changes),
            ("recompute who changed", self._recompute),
        ):
            self._step(name, step, remembered=True)
        database, before = self._shop / "campaigns.db", self._folder / "before-sync.db"
        if not before.exists():
            shutil.copyfile(database, before)
        shutil.copyfile(before, database)
        with self._served():
            for name, step in (
                ("first sync", self._first_sync),
                ("sync without a change", self._sync),
                ("send one campaign", self._send),
            ):
                self._step(name, step, remembered=False)

    def _step(self, name: str, step: Step, *, remembered: bool) -> None:
        if name not in self._done or not remembered:
            by_hand = step()
            self._done[name] = [self._seconds, self._processor, by_hand, self._memory]
            self._done_file.write_text(json.dumps(self._done))
        seconds, processor, by_hand, memory = self._done[name]
        beside = f"{by_hand:>10.1f}{seconds / by_hand:>10.2f}" if by_hand else f"{'':>20}"
        print(f"{name:<34}{seconds:>10.1f}{processor:>10.1f}{beside}{memory:>10.0f}", flush=True)

    # -- steps

    def _generate(self) -> None:
        shutil.rmtree(self._shop, ignore_errors=True)
        copy_starter(self._shop)
        companies = max(1, self._contacts * 3 // 10)
        code = f"write_wholesaler(Path({str(self._folder / 'data')!r}), now={NOW!r}, contacts={self._contacts}"
        self._python(
            "import zoneinfo, datetime\nfrom pathlib import Path\n"
            "from orchestrator.demo.generator import write_wholesaler\n" + f"{code}, companies={companies})"
        )

    def _import(self) -> float:
        self._command("import", "--csv", str(self._folder / "data"))
        self._choose_recipients()
        return by_hand(self._folder / "data", self._folder / "by-hand.db")

    def _choose_recipients(self) -> None:
        """Contacts with consent of as many industries as it takes."""
        with closing(sqlite3.connect(self._shop / "campaigns.db")) as shop:
            sizes = shop.execute(
                "SELECT a.industry, count(*) FROM contact c JOIN account a ON a.id = c.account"
                " WHERE c.consent = 'opted_in' AND a.industry IS NOT NULL GROUP BY 1 ORDER BY 2"
            ).fetchall()
        chosen, reached = [], 0
        for industry, size in sizes:
            if reached < self._recipients:
                chosen.append(f"'{industry}'")
                reached += size
        where = f"industry in ({', '.join(chosen)}) and consent = 'opted_in'"
        (self._shop / "segments" / "many.toml").write_text(f'description = "Many"\nwhere = "{where}"\nsync = false\n')
        (self._shop / "campaigns" / "many.toml").write_text(CAMPAIGN)

    def _recompute(self) -> None:
        self._command("segments", at=timedelta(minutes=len(self._done)))

    def _import_changes(self) -> None:
        """One contact in a thousand orders."""
        folder = self._folder / "changes"
        folder.mkdir(exist_ok=True)
        with (self._folder / "data" / "orders.csv").open(newline="") as whole, (folder / "orders.csv").open("w") as few:
            orders, changed = csv.DictReader(whole), random.Random(5)
            writer = csv.DictWriter(few, orders.fieldnames or ())
            writer.writeheader()
            left = self._contacts // 1000
            for order in orders:
                if left and order["contact_id"] and changed.random() < 0.01:
                    left -= 1
                    placed = (NOW - timedelta(hours=1)).isoformat()
                    writer.writerow({**order, "order_id": f"N{left}", "placed_at": placed})
        self._command("import", "--csv", str(folder))

    def _first_sync(self) -> float:
        self._sync()
        with closing(sqlite3.connect(self._shop / "campaigns.db")) as shop:
            members = shop.execute(
                "SELECT email_key, payload FROM audience_member WHERE payload IS NOT NULL"
            ).fetchall()
        return posted(self._sandbox, members)

    def _sync(self) -> None:
        self._command("sync", at=timedelta(minutes=10))

    def _send(self) -> None:
        self._command("send", "many", "--yes", at=timedelta(minutes=11))

    # -- processes

    def _command(self, *words: str, at: timedelta = timedelta()) -> None:
        now = (NOW + at).strftime("%Y-%m-%dT%H:%M")
        self._measured([sys.executable, "-m", "orchestrator", *words, "-C", str(self._shop), "--now", now])

    def _python(self, code: str) -> None:
        self._measured([sys.executable, "-c", code])

    def _measured(self, command: list[str]) -> None:
        began = time.perf_counter()
        with (self._folder / "log.txt").open("a") as log:
            watched = [sys.executable, "-c", WATCH, *command]
            process = subprocess.run(watched, stdout=subprocess.PIPE, stderr=log, text=True, check=False)
        self._seconds = time.perf_counter() - began
        if process.returncode:
            sys.exit(f"{' '.join(command)} failed: {self._folder / 'log.txt'} says why")
        self._processor, self._memory = json.loads(process.stdout)

    @contextmanager
    def _served(self) -> Iterator[None]:
        """The sandbox, in a process of its own; config.toml points at it."""
        command = [sys.executable, "-u", "-m", "orchestrator", "sandbox", "--port", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sandbox:
            assert sandbox.stdout is not None
            self._sandbox = next(line for line in sandbox.stdout if line.startswith("API:")).split()[1]
            config = self._shop / "config.toml"
            text = re.sub(r"(?m)^#? *base_url *=.*$", f'base_url = "{self._sandbox}"', config.read_text())
            text = re.sub(r"(?m)^approve_above *= *[\d_]+", "approve_above = 10_000_000", text)
            config.write_text(text)
            try:
                yield
            finally:
                sandbox.terminate()


def by_hand(data: Path, file: Path) -> float:
    """Seconds for reading the CSV files into plain tables, with an index on the first column."""
    file.unlink(missing_ok=True)
    began = time.perf_counter()
    with closing(sqlite3.connect(file)) as database, database:
        for path in sorted(data.glob("*.csv")):
            with path.open(newline="") as rows:
                reader = csv.reader(rows)
                columns = next(reader)
                database.execute(f"CREATE TABLE {path.stem} ({', '.join(columns)})")
                database.executemany(f"INSERT INTO {path.stem} VALUES ({', '.join('?' * len(columns))})", reader)
            database.execute(f"CREATE INDEX {path.stem}_key ON {path.stem} ({columns[0]})")
    seconds = time.perf_counter() - began
    file.unlink()
    return seconds


def posted(url: str, members: list[tuple[str, str]]) -> float:
    """Seconds for sending the sandbox the same members anew, and nothing else."""
    session = requests.Session()
    session.auth, session.trust_env = ("user", "key-us1"), False
    bodies = []
    for start in range(0, len(members), ROWS):
        rows = [(email, *json.loads(payload)) for email, payload in members[start : start + ROWS]]
        made = [
            {"email_address": f"again-{email}", "status": "subscribed", "merge_fields": fields}
            for email, _, fields in rows
        ]
        bodies.append(json.dumps({"members": made, "update_existing": False}))
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=CONNECTIONS))

    def post(body: str) -> None:
        session.post(f"{url}/lists/another", data=body, timeout=120).raise_for_status()

    began = time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(post, bodies))
    return time.perf_counter() - began


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--contacts", type=int, default=1_000_000)
    options.add_argument("--recipients", type=int, default=30_000, help="of the campaign, about so many")
    options.add_argument("--folder", type=Path, help="where everything is kept; otherwise nothing is")
    wanted = options.parse_args()
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}")
    with tempfile.TemporaryDirectory() as passing:
        folder = wanted.folder.resolve() if wanted.folder else Path(passing)
        folder.mkdir(parents=True, exist_ok=True)
        Benchmark(folder, wanted.contacts, wanted.recipients).run()


if __name__ == "__main__":
    main()
