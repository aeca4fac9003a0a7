from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.mailchimp.stub import Received, Reply, Stub, answer, html, problem

from orchestrator.errors import NotAtProvider, RetryLater
from orchestrator.vocabulary import MailEventKind

if TYPE_CHECKING:
    from orchestrator.mailchimp.gateway import MailchimpGateway

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
ACTIVITY, LEFT, COMPLAINTS = "/reports/c1/email-activity", "/reports/c1/unsubscribed", "/reports/c1/abuse-reports"


class Report:
    """A report of ``size`` recipients, each of whom opened; pages above ``largest`` fail."""

    def __init__(self, size: int, largest: int = 500) -> None:
        self.size = size
        self.largest = largest
        self.left: list[dict[str, Any]] = []
        self.complaints: list[dict[str, Any]] = []

    def __call__(self, request: Received) -> Reply:
        if request.path == COMPLAINTS:
            return answer({"abuse_reports": self.complaints, "total_items": len(self.complaints)})
        if request.path == LEFT:
            return answer({"unsubscribes": self.left, "total_items": len(self.left)})
        offset, count = int(request.query["offset"]), int(request.query["count"])
        if count > self.largest:
            return html(504)
        end = min(self.size, offset + count)
        act = {"action": "open", "timestamp": AT.isoformat()}
        rows = [{"email_address": f"{n}@x.example", "activity": [act]} for n in range(offset, end)]
        return answer({"emails": rows, "total_items": self.size})


def test_receipts_are_read_to_the_end(stub: Stub, gateway: MailchimpGateway) -> None:
    statuses = ["sent"] * 1500 + ["hard", "soft", "odd"]

    def page(request: Received) -> Reply:
        offset = int(request.query["offset"])
        rows = [{"email_address": f"{n}@x.example", "status": statuses[n]} for n in range(len(statuses))]
        return answer({"sent_to": rows[offset : offset + 1000], "total_items": len(rows)})

    stub.otherwise = page
    receipts = list(gateway.receipts("c1"))
    assert len(receipts) == 1503
    assert [receipt.bounce for receipt in receipts[-3:]] == [MailEventKind.HARD_BOUNCE, MailEventKind.SOFT_BOUNCE, None]
    assert gateway.unknown_words == {"sent-to status odd": 1}


def test_a_report_that_is_not_there_yet_is_read_later(stub: Stub, gateway: MailchimpGateway) -> None:
    stub.will(problem(404), answer({"id": "c1"}), problem(404), answer({"id": "c1"}))
    with pytest.raises(RetryLater, match="no report"):
        list(gateway.receipts("c1"))
    with pytest.raises(RetryLater, match="no report"):
        list(gateway.mail_events("c1", None))


def test_a_report_of_a_campaign_that_is_gone_is_not_at_the_provider(stub: Stub, gateway: MailchimpGateway) -> None:
    stub.otherwise = lambda _: problem(404, "Resource Not Found")
    with pytest.raises(NotAtProvider):
        list(gateway.receipts("c1"))


def test_activity_opt_outs_and_complaints_are_events(stub: Stub, gateway: MailchimpGateway) -> None:
    report = Report(1)
    report.left = [{"email_address": "b@x.example", "timestamp": AT.isoformat()}]
    report.complaints = [{"email_address": "c@x.example", "date": AT.isoformat()}]
    stub.otherwise = report
    events = [(event.email, event.kind) for event in gateway.mail_events("c1", None)]
    assert events == [
        ("0@x.example", MailEventKind.OPEN),
        ("b@x.example", MailEventKind.UNSUBSCRIBE),
        ("c@x.example", MailEventKind.ABUSE),
    ]
    assert "since" not in stub.received[0].query


def test_events_since_a_moment_overlap_by_a_second_and_leave_out_older_opt_outs(
    stub: Stub, gateway: MailchimpGateway
) -> None:
    report = Report(0)
    report.left = [
        {"email_address": f"{days}@x.example", "timestamp": (AT - timedelta(days)).isoformat()} for days in (0, 2)
    ]
    stub.otherwise = report
    events = list(gateway.mail_events("c1", AT - timedelta(1)))
    assert [event.email for event in events] == ["0@x.example"]
    assert stub.received[0].query["since"] == "2026-03-01T09:29:59+00:00"


def test_activity_is_read_in_pages_of_500_that_shrink_when_they_fail(stub: Stub, gateway: MailchimpGateway) -> None:
    stub.otherwise = Report(700, largest=125)
    assert len(list(gateway.mail_events("c1", None))) == 700
    sizes = [int(request.query["count"]) for request in stub.received if request.path == ACTIVITY]
    assert sizes == [500, 500, 250, 250] + [125] * 6


def test_activity_that_fails_in_the_smallest_pages_is_read_later(stub: Stub, gateway: MailchimpGateway) -> None:
    stub.otherwise = Report(700, largest=0)
    with pytest.raises(RetryLater):
        list(gateway.mail_events("c1", None))
    assert stub.received[-1].query["count"] == "50"
