"""Recording a call, on both databases."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING

from sqlalchemy import text
from tests.web.conftest import ADA, NOW, minutes

from orchestrator.store.webhooks import Delivery, deliveries_since, record_delivery
from orchestrator.vocabulary import MemberStatus, WebhookOutcome

if TYPE_CHECKING:
    from datetime import datetime

    from orchestrator.store.database import Database


def delivery(digest: str = "one", *, at: datetime = NOW, status: MemberStatus = MemberStatus.UNSUBSCRIBED) -> Delivery:
    return Delivery(digest, "unsubscribe", at, known=True, email=ADA, status=status)


def statuses(database: Database) -> list[tuple[str, str]]:
    with database.read() as connection:
        return [(row[0], row[1]) for row in connection.execute(text("SELECT email_key, status FROM audience_member"))]


def test_once_older_and_again(database: Database) -> None:
    assert record_delivery(database, delivery(), NOW) == WebhookOutcome.APPLIED
    assert record_delivery(database, delivery(), NOW + minutes(1)) == WebhookOutcome.DUPLICATE
    late = delivery("two", at=NOW - minutes(1), status=MemberStatus.CLEANED)
    assert record_delivery(database, late, NOW) == WebhookOutcome.OLDER
    assert record_delivery(database, Delivery("three", "x", NOW, known=False), NOW) == WebhookOutcome.UNKNOWN
    assert statuses(database) == [(ADA, "unsubscribed")]
    with database.read() as connection:
        assert deliveries_since(connection, 0) == {"applied": 1, "older": 1, "unknown": 1}
        assert deliveries_since(connection, int(NOW.timestamp()) + 1) == {}


def test_the_same_call_twice_at_once_is_recorded_once(database: Database) -> None:
    outcomes: list[WebhookOutcome] = []
    calls = [Thread(target=lambda: outcomes.append(record_delivery(database, delivery(), NOW))) for _ in range(4)]
    for thread in calls:
        thread.start()
    for thread in calls:
        thread.join()
    assert sorted(outcomes) == ["applied", "duplicate", "duplicate", "duplicate"]


def test_the_record_of_a_call_holds_no_address(database: Database) -> None:
    record_delivery(database, delivery(), NOW)
    with database.read() as connection:
        rows = connection.execute(text("SELECT * FROM webhook_delivery")).all()
    assert ADA not in str(rows)
