"""From rows to figures, on both kinds of database: who counts where, and from when on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.clock import from_epoch
from orchestrator.definitions.values import CampaignDefinition, Trigger
from orchestrator.reports.document import campaign_document
from orchestrator.reports.performance import campaign_report
from orchestrator.store.tables import Contact, MailEventRow, Mailing, Order, Run, Send
from orchestrator.vocabulary import TriggerKind

if TYPE_CHECKING:
    from orchestrator.store.database import Database

DAY = timedelta(days=1)
NOW = 100 * 86400
OFFER = CampaignDefinition(
    name="offer",
    file="campaigns/offer.toml",
    segment="all",
    template="offer",
    subject="An offer",
    trigger=Trigger(TriggerKind.ENTER, again_after=5 * DAY),
    goal_within=7 * DAY,
)


class Books:
    """Rows as the engine would have left them. Days count from the first moment of 1970."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, table: type, **values: Any) -> None:
        with self._database.session() as session:
            session.add(table(**values))

    def contact(self, number: int, account: int | None) -> None:
        self.put(Contact, id=number, key=f"c{number}", account=account, email=f"c{number}@x", email_key=f"c{number}@x")

    def run(self, number: int, day: float, state: str = "sent") -> None:
        at = int(day * 86400)
        self.put(
            Run, id=number, name=f"offer-{number}", campaign="offer", trigger="enter", scheduled_for=at, created_at=at,
            started_at=at, decided_at=at, state=state,
        )  # fmt: skip

    def send(self, run: int, contact: int, day: float, decision: str = "sent", bounce: str | None = None) -> None:
        at = int(day * 86400)
        self.put(
            Send, run=run, contact=contact, campaign="offer", decision=decision, decided_at=at, bounce=bounce,
            sent_at=at if decision == "sent" else None, entered_at=at,
        )  # fmt: skip

    def order(self, day: float, cents: int, *, contact: int | None, account: int | None, status: str) -> None:
        self.put(
            Order, key=f"{day}-{contact}-{account}-{cents}", contact=contact, account=account, status=status,
            placed_at=int(day * 86400), total_cents=cents,
        )  # fmt: skip

    def report(self, definition: CampaignDefinition = OFFER) -> dict[str, Any]:
        with self._database.read() as connection:
            found = campaign_report(connection, "offer", definition, now=from_epoch(NOW))
        return campaign_document(found, "EUR", with_runs=True)


def test_the_holdout_begins_somewhere_and_some_accounts_change_sides(database: Database) -> None:
    books = Books(database)
    for number, account in enumerate([1, 1, 2, 3, None, None], start=1):
        books.contact(number, account)
    books.run(1, 10)
    for contact in (1, 2, 3, 4, 5):
        books.send(1, contact, 10)  # nobody was held out then: not compared
    books.run(2, 20)
    books.send(2, 1, 20)
    books.send(2, 3, 20, "held_out")
    books.send(2, 5, 20, "held_out")
    books.run(3, 21, "nothing_to_send")
    books.send(3, 6, 21, "held_out")
    books.run(4, 22, "nothing_to_send")
    books.send(4, 6, 22, "held_out")  # within again_after: a mailed contact would have been spared
    books.run(5, 23, "waiting_approval")
    books.send(5, 4, 23, "held_out")  # has not happened yet
    books.run(6, 24)
    books.send(6, 3, 24)  # account 2 was held out and is mailed now
    books.order(11, 100, contact=1, account=1, status="completed")
    books.order(22, 1000, contact=2, account=1, status="completed")
    books.order(23, -300, contact=2, account=1, status="returned")
    books.order(22, 7, contact=1, account=1, status="cancelled")
    books.order(23, 50, contact=6, account=9, status="completed")
    books.order(22, 20, contact=5, account=None, status="completed")
    books.order(25, 4, contact=None, account=2, status="completed")
    books.order(25, 99999, contact=None, account=None, status="completed")
    found = books.report()
    assert (found["sent"], found["orders"], found["revenue"]) == (7, 3, Decimal("8.04"))
    assert (found["held_out"], found["windows"], found["switched_accounts"]) == (3, 10, 1)
    mailed, held_out = found["comparison"]["mailed"], found["comparison"]["held_out"]
    assert (mailed["accounts"], mailed["accounts_ordering"], mailed["revenue"]) == (1, 1, 7)
    assert (held_out["accounts"], held_out["accounts_ordering"], held_out["revenue"]) == (2, 2, Decimal("0.70"))
    assert [(run["run"], run["orders"], run["held_out"]) for run in found["runs"]] == [
        ("offer-1", 1, 0),
        ("offer-2", 1, 2),
        ("offer-3", 0, 1),
        ("offer-6", 1, 0),
    ]


def test_without_again_after_each_entry_of_a_held_out_contact_counts(database: Database) -> None:
    books = Books(database)
    books.contact(1, None)
    for run, day in ((1, 20), (2, 21)):
        books.run(run, day, "nothing_to_send")
        books.send(run, 1, day, "held_out")
    assert books.report()["held_out"] == 1
    assert books.report(replace(OFFER, trigger=Trigger(TriggerKind.ENTER)))["held_out"] == 2


@pytest.mark.parametrize(("asked_after_days", "opened"), [(0, 1), (300, 2)])
def test_events_after_the_moment_count_for_mails_that_were_sent_under_a_pretended_one(
    database: Database, asked_after_days: int, opened: int
) -> None:
    books = Books(database)
    books.run(1, 99)
    asked_at = (99 + asked_after_days) * 86400
    books.put(
        Mailing, id=1, run=1, number=1, state="settled", state_at=0, subject="", preheader="", html="", text="",
        recipients=2, send_asked_at=asked_at, problem="",
    )  # fmt: skip
    for contact in (1, 2):
        books.contact(contact, None)
        books.send(1, contact, 99)
    for contact, at in ((1, NOW - 1), (1, NOW), (2, NOW + 1), (2, NOW + 2)):
        books.put(MailEventRow, mailing=1, run=1, campaign="offer", contact=contact, kind="open", at=at)
    assert books.report()["opened"] == opened
