"""Calls of webhooks over HTTP: who is listened to, and what becomes of it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from tests.web.conftest import ADA, NOW, SECRET, SIGNING, Serve, call, minutes, signed

from orchestrator.mailchimp.webhooks import is_signed
from orchestrator.store.webhooks import KEPT_SECONDS
from orchestrator.web import app

if TYPE_CHECKING:
    from tests.web.conftest import Visitor

AT = int(NOW.timestamp())


# -- who is listened to


def test_the_provider_finds_somebody_under_the_secret_address_only(visitor: Visitor) -> None:
    assert visitor.get(f"/webhooks/{SECRET}").status_code == 200
    wrong = visitor.get(f"/webhooks/{SECRET[:-1]}x")
    assert (wrong.status_code, wrong.text) == (404, visitor.get("/nothing").text)


@pytest.mark.parametrize("secret", ["wrong", SECRET[:-1], SECRET + "x", "%F0%9F%94%91"])
def test_a_call_with_a_wrong_secret_changes_nothing(visitor: Visitor, secret: str) -> None:
    assert visitor.post(call(), secret).status_code == 404
    assert (visitor.member(), visitor.outcomes()) == (None, [])


def test_without_a_secret_there_are_no_webhooks(serve: Serve) -> None:
    visitor = serve(webhook_secret=None)
    assert visitor.post(call(), "None").status_code == 404
    assert visitor.get("/webhooks/None").status_code == 404


def test_a_signed_call_is_taken(serve: Serve) -> None:
    visitor = serve(signing_secret="env:TEST_SIGNING_SECRET")
    assert visitor.post(call(), **{"X-Mailchimp-Signature": signed(call())}).status_code == 200
    assert visitor.member() == ("unsubscribed", AT)


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "v1=00",
        "t=,v1=",
        signed(call(), secret="another"),
        signed(call("cleaned")),
        signed(call(), at=NOW - minutes(5.1)),
        signed(call(), at=NOW + minutes(5.1)),
        "t=1,t=2,v1=00",
    ],
    ids=["none", "no time", "empty", "other secret", "other body", "too old", "from the future", "two times"],
)
def test_a_call_with_a_wrong_signature_changes_nothing(serve: Serve, signature: str) -> None:
    visitor = serve(signing_secret="env:TEST_SIGNING_SECRET")
    assert visitor.post(call(), **{"X-Mailchimp-Signature": signature}).status_code == 403
    assert (visitor.member(), visitor.outcomes()) == (None, [])


def test_a_recorded_call_that_is_replayed_later_is_refused_by_its_time(serve: Serve) -> None:
    visitor = serve(signing_secret="env:TEST_SIGNING_SECRET")
    headers = {"X-Mailchimp-Signature": signed(call())}
    assert visitor.post(call(), **headers).status_code == 200
    visitor.clock.moment += minutes(6)
    assert visitor.post(call(), **headers).status_code == 403


def test_while_a_signing_secret_is_replaced_one_good_signature_is_enough() -> None:
    stamp, good = signed(b"x").split(",")
    assert is_signed(b"x", f"{stamp},v1=00,{good}", SIGNING, NOW)


# -- what is refused


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"type": "unsubscribe"}',
        b"type=unsubscribe",
        b"\xff\xfe=1",
        b"type=%ff&fired_at=2026-03-02+09:00:00",
        b"type=unsubscribe&fired_at=yesterday&data[list_id]=9e67587f52&data[email]=ada@shop.example",
        b"type=un%0Asubscribe&fired_at=2026-03-02+09:00:00&data[list_id]=9e67587f52",
        b"type=unsubscribe&fired_at=2026-03-02+09:00:00&data[list_id]=9e67587f52",
        b"type=unsubscribe&fired_at=2026-03-02+09:00:00&data[list_id]=9e67587f52&data[email]=ada",
        b"&".join(b"a%d=1" % number for number in range(600)),
    ],
)
def test_a_body_that_is_no_webhook_is_refused(visitor: Visitor, body: bytes) -> None:
    answer = visitor.post(body)
    assert answer.status_code == 400
    assert "ada" not in answer.text
    assert (visitor.member(), visitor.outcomes()) == (None, [])


def test_json_is_refused(visitor: Visitor) -> None:
    assert visitor.post(b"{}", **{"Content-Type": "application/json"}).status_code == 415


def test_a_call_about_another_audience_is_refused(visitor: Visitor) -> None:
    assert visitor.post(call(audience="0123456789")).status_code == 400
    assert (visitor.member(), visitor.outcomes()) == (None, [])


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_beyond_64_kilobytes_is_not_read_to_its_end(visitor: Visitor, chunked: bool) -> None:
    largest = call() + b"&merges=" + b"x" * (64 * 1024 - len(call()) - 8)
    assert visitor.post(largest).status_code == 200
    larger = call("cleaned") + b"&merges=" + b"x" * 64 * 1024
    assert visitor.post(iter([larger]) if chunked else larger).status_code == 413  # type: ignore[arg-type] # sent in chunks
    assert visitor.outcomes() == [("unsubscribe", "applied")]


# -- what becomes of it


@pytest.mark.parametrize(
    ("kind", "action", "status"),
    [("unsubscribe", "unsub", "unsubscribed"), ("unsubscribe", "delete", "archived"), ("cleaned", "", "cleaned")],
)
def test_a_word_against_mailing_counts_at_once(visitor: Visitor, kind: str, action: str, status: str) -> None:
    visitor.know("subscribed", NOW - minutes(60))
    assert visitor.post(call(kind, action=action, email="Ada@Shop.example")).status_code == 200
    assert visitor.member() == (status, AT)
    assert visitor.outcomes() == [(kind, "applied")]


def test_a_member_whose_status_has_no_moment_yet_is_stopped(visitor: Visitor) -> None:
    visitor.know("subscribed", None)
    visitor.post(call())
    assert visitor.member() == ("unsubscribed", AT)


def test_an_opt_out_of_somebody_unknown_is_kept_for_when_they_come(visitor: Visitor) -> None:
    visitor.post(call())
    assert visitor.member() == ("unsubscribed", AT)


@pytest.mark.parametrize("kind", ["subscribe", "profile", "upemail", "campaign"])
def test_other_news_are_left_to_the_next_reading(visitor: Visitor, kind: str) -> None:
    visitor.know("unsubscribed", NOW - minutes(60))
    assert visitor.post(call(kind, new_email="eve@shop.example", old_email=ADA)).status_code == 200
    assert visitor.member() == ("unsubscribed", AT - 3600)
    assert visitor.member("eve@shop.example") is None
    assert visitor.outcomes() == [(kind, "noted")]


def test_news_of_an_unknown_kind_are_kept_and_counted(visitor: Visitor) -> None:
    assert visitor.post(call("sms_unsubscribe")).status_code == 200
    assert visitor.member() is None
    assert visitor.outcomes() == [("sms_unsubscribe", "unknown")]
    assert 'campaigns_webhooks_last_day{outcome="unknown"} 1\n' in visitor.get("/metrics").text


def test_a_repeated_call_does_nothing(visitor: Visitor) -> None:
    visitor.post(call())
    # the person came back meanwhile, by a form
    with visitor.database.write() as connection:
        connection.exec_driver_sql("UPDATE audience_member SET status = 'subscribed'")
    assert visitor.post(call()).status_code == 200
    assert visitor.post(b"&".join(reversed(call().split(b"&")))).status_code == 200
    assert visitor.member() == ("subscribed", AT)
    assert visitor.outcomes() == [("unsubscribe", "applied")]


def test_two_people_who_leave_in_the_same_second_are_two_calls(visitor: Visitor) -> None:
    visitor.post(call(id="1"))
    visitor.post(call(id="2", email="bob@shop.example"))
    assert visitor.member("bob@shop.example") == ("unsubscribed", AT)


def test_a_call_that_is_older_than_what_we_know_does_nothing(visitor: Visitor) -> None:
    visitor.know("subscribed", NOW)
    visitor.post(call(at=NOW - minutes(1)))
    assert visitor.member() == ("subscribed", AT)
    visitor.post(call("cleaned"))
    visitor.post(call(at=NOW - minutes(2)))
    assert visitor.member() == ("cleaned", AT)
    assert [outcome for _, outcome in visitor.outcomes()] == ["applied", "older", "older"]


def test_a_call_from_the_future_counts_from_now(visitor: Visitor) -> None:
    visitor.post(call(at=NOW + minutes(60)))
    assert visitor.member() == ("unsubscribed", AT)


def test_calls_are_forgotten_after_a_month(visitor: Visitor) -> None:
    visitor.post(call())
    visitor.clock.moment += minutes(KEPT_SECONDS / 60 + 1)
    visitor.post(call("profile", at=visitor.clock.moment))
    assert visitor.outcomes() == [("profile", "noted")]


# -- when, and with which traces


def test_a_busy_database_is_no_reason_to_keep_the_provider_waiting(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert app.ANSWER_WITHIN < 1
    monkeypatch.setattr(app, "ANSWER_WITHIN", 0.05)
    with visitor.database.write():
        answer = visitor.post(call())
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    # the repetition comes behind the first in the same queue: when it is answered, both were recorded
    monkeypatch.setattr(app, "ANSWER_WITHIN", 30)
    assert visitor.post(call()).status_code == 200
    assert visitor.outcomes() == [("unsubscribe", "applied")]


def test_a_call_that_cannot_be_recorded_is_asked_for_again(visitor: Visitor) -> None:
    with visitor.database.write() as connection:
        connection.exec_driver_sql("DROP TABLE webhook_delivery")
    assert visitor.post(call()).status_code == 503
    assert visitor.get("/metrics").status_code == 503


def test_the_log_holds_no_address_and_no_secret(visitor: Visitor, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        visitor.post(call())
        visitor.post(call(audience="0123456789"))
        visitor.post(call("unsubscribe", email="ada"))
        visitor.post(b"x" * 70_000)
        visitor.post(call(), "wrong")
    told = "\n".join(str(record.__dict__) for record in caplog.records if record.name.startswith("orchestrator"))
    assert "applied" in told
    assert "another audience" in told
    assert "shop.example" not in told
    assert SECRET not in told
