"""The decisions of a run about everybody, beside storing the same rows and nothing else.

    python -m benchmarks.decisions [--contacts 100000] [--engine sqlite postgresql] [--rounds 5]

A campaign for all contacts of the shop of ``shop.py`` that are in a segment of four fields, with an exclusion, a
holdout, a frequency cap, ``again_after``, quiet hours and business days; everybody is a member of the audience and has
had mails. A run of it is stored with its decisions, their reasons and the values that they rest on; then the rows of
that run are written once more into a table like theirs, by one statement. Medians; memory is the peak of the process.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from datetime import time as clock_time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.recompute import address, settings
from benchmarks.shop import NOW, fill
from sqlalchemy import text

from orchestrator.campaigns.due import by_hand
from orchestrator.campaigns.start import start
from orchestrator.definitions.values import (
    CampaignDefinition,
    FrequencyCap,
    LimitSettings,
    QuietHours,
    SegmentDefinition,
    Trigger,
    Workspace,
)
from orchestrator.segments.evaluate import recompute
from orchestrator.store.opening import open_database
from orchestrator.vocabulary import TriggerKind

if TYPE_CHECKING:
    from orchestrator.store.database import Database

SEGMENTS = {
    name: SegmentDefinition(name, f"segments/{name}.toml", where, 1, 1)
    for name, where in {
        "everybody": "revenue_total >= 0 and orders_last_365_days >= 0 and (country is null or country != 'XX')",
        "tired": "mails_last_30_days >= 3 and days_since_open > 90",
    }.items()
}
CAMPAIGN = CampaignDefinition(
    "news",
    "campaigns/news.toml",
    "everybody",
    "news",
    "News",
    Trigger(TriggerKind.MANUAL, again_after=timedelta(days=7)),
    exclude=("tired",),
    holdout_share=Decimal("0.1"),
)
LIMITS = LimitSettings(
    FrequencyCap(2, timedelta(days=7)), QuietHours(clock_time(20), clock_time(7)), business_days=True
)
MEMBERS = """
INSERT INTO audience_member (email_key, contact, status, detail)
SELECT email_key, id, CASE id % 20 WHEN 0 THEN 'unsubscribed' WHEN 1 THEN 'cleaned' ELSE 'subscribed' END, ''
FROM contact
"""
SAME = "INSERT INTO same_rows SELECT * FROM send WHERE run = :run"


def prepare(database: Database, contacts: int) -> None:
    """The shop, unless it is there."""
    with database.read() as connection:
        if connection.scalar(text("SELECT COUNT(*) FROM contact")):
            return
    fill(database, contacts)
    with database.write() as connection:
        connection.execute(text("UPDATE contact SET consent = 'opted_in' WHERE id % 10 <> 0"))
        # of runs that nobody else will have
        connection.execute(text("UPDATE send SET run = -run"))
        connection.execute(text(MEMBERS))
        connection.execute(text("CREATE TABLE same_rows AS SELECT * FROM send WHERE run = 0"))
        connection.execute(text("CREATE UNIQUE INDEX same_rows_key ON same_rows (run, contact)"))
        connection.execute(text("CREATE INDEX same_rows_by_contact ON same_rows (contact, decision, sent_at)"))
        connection.execute(text("CREATE INDEX same_rows_by_time ON same_rows (decision, sent_at, contact)"))
        connection.execute(text("CREATE UNIQUE INDEX same_rows_entry ON same_rows (campaign, contact, entered_at)"))


def measure(database: Database, rounds: int) -> tuple[list[float], list[float], dict[str, int]]:
    """Seconds of runs, seconds of writing the same rows, and the decisions of the last run."""
    workspace = Workspace(Path(), replace(settings(), limits=LIMITS), SEGMENTS, {CAMPAIGN.name: CAMPAIGN})
    recompute(database, workspace.settings, SEGMENTS, now=NOW)
    ours, same, decisions = [], [], {}
    for number in range(rounds):
        now = NOW + timedelta(seconds=number)
        with database.read() as connection:
            occurrence = by_hand(connection, CAMPAIGN, now=now)
        began = time.perf_counter()
        run = start(database, workspace, occurrence, now=now)
        ours.append(time.perf_counter() - began)
        began = time.perf_counter()
        with database.write() as connection:
            connection.execute(text(SAME), {"run": run.id})
        same.append(time.perf_counter() - began)
        with database.write() as connection:
            rows = connection.execute(
                text("SELECT decision, COUNT(*) FROM send WHERE run = :run GROUP BY 1 ORDER BY 2 DESC"), {"run": run.id}
            )
            decisions = {row[0]: row[1] for row in rows}
            for table in ("send", "same_rows"):
                connection.execute(text(f"DELETE FROM {table} WHERE run = :run"), {"run": run.id})
            connection.execute(text("DELETE FROM run WHERE id = :run"), {"run": run.id})
    return ours, same, decisions


def main() -> None:
    """Print a line for each engine."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--contacts", type=int, default=100_000)
    options.add_argument("--engine", nargs="+", choices=["sqlite", "postgresql"], default=["sqlite", "postgresql"])
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--folder", type=Path, help="where the shop is kept; otherwise it is made anew")
    wanted = options.parse_args()
    with tempfile.TemporaryDirectory() as passing:
        folder = wanted.folder.resolve() if wanted.folder else Path(passing)
        folder.mkdir(parents=True, exist_ok=True)
        for engine in wanted.engine:
            with address(engine, folder, wanted.contacts) as url:
                database = open_database(url, folder, now=0)
                prepare(database, wanted.contacts)
                ours, same, decisions = measure(database, wanted.rounds)
                database.close()
            run, rows = statistics.median(ours), statistics.median(same)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            found = ", ".join(f"{contacts:,} {decision}" for decision, contacts in decisions.items())
            print(
                f"{engine}, {wanted.contacts:,} contacts: decided and stored in {run:.2f} s"
                f" ({1e6 * run / wanted.contacts:.1f} us a contact), the same rows in {rows:.2f} s,"
                f" ratio {run / rows:.2f}, {peak:.0f} MB; {found}"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    main()
