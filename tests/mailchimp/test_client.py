"""The client over real HTTP: what is repeated, what is not, and what reaches the caller."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from tests.mailchimp.conftest import CONNECTIONS, KEY
from tests.mailchimp.stub import CUT, CUT_WITHIN, NO_CONTENT, Reply, Stub, answer, html, problem

from orchestrator import __version__
from orchestrator.errors import (
    GatewayError,
    GatewayMisconfigured,
    NotAtProvider,
    OutcomeUnknown,
    RejectedByProvider,
    RetryLater,
    UsageError,
)
from orchestrator.mailchimp.client import ATTEMPTS, MailchimpClient
from orchestrator.mailchimp.connections import ConnectionBudget
from orchestrator.mailchimp.failures import Effect

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

BARE_429, BARE_403 = Reply(429), Reply(403)
AMBIGUOUS = {
    "429 without a body": BARE_429,
    "403 without a body": BARE_403,
    "502 page of the edge": html(502),
    "500 with {}": Reply(500, b"{}", "application/json"),
    "500 with broken JSON": Reply(500, b"{", "application/json"),
    "500 in words": problem(500),
    "504 without a body": Reply(504),
    "200 with a page": html(200),
    "200 without a body": Reply(200),
    "connection cut": CUT,
    "connection cut within the answer": CUT_WITHIN,
}


def read(client: MailchimpClient) -> dict[str, Any]:
    return client.call("read the audience", client.api.lists.get_list, "a1", effect=Effect.READ, read=dict)


def write(client: MailchimpClient, effect: Effect) -> dict[str, Any]:
    return client.call("create it", client.api.campaigns.create, {"type": "regular"}, effect=effect, read=dict)


def send(client: MailchimpClient) -> None:
    client.call("send it", client.api.campaigns.send, "c1", effect=Effect.SEND, read=lambda _: None)


@pytest.mark.parametrize("reply", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_a_read_is_repeated_after_anything_temporary(stub: Stub, client: MailchimpClient, reply: Reply) -> None:
    stub.will(reply, reply, answer({"id": "a1"}))
    assert read(client) == {"id": "a1"}
    assert client.calls == len(stub.received) == 3


@pytest.mark.parametrize("reply", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_a_write_that_makes_something_is_never_repeated_after_an_open_outcome(
    stub: Stub, client: MailchimpClient, reply: Reply
) -> None:
    stub.will(reply)
    with pytest.raises(OutcomeUnknown, match="create it"):
        write(client, Effect.ONCE)
    assert len(stub.received) == 1


@pytest.mark.parametrize("reply", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_a_send_is_asked_for_once(stub: Stub, client: MailchimpClient, reply: Reply) -> None:
    stub.will(reply)
    with pytest.raises(OutcomeUnknown):
        send(client)
    assert len(stub.received) == 1


@pytest.mark.parametrize("reply", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_a_write_that_may_be_made_twice_is_repeated(stub: Stub, client: MailchimpClient, reply: Reply) -> None:
    stub.will(reply, answer({"id": "c1"}))
    assert write(client, Effect.REPEATABLE) == {"id": "c1"}


def test_a_429_in_words_proves_that_nothing_was_made_and_is_repeated(stub: Stub, client: MailchimpClient) -> None:
    stub.will(problem(429, "Too Many Requests"), answer({"id": "c1"}))
    assert write(client, Effect.ONCE) == {"id": "c1"}


def test_a_429_in_words_does_not_repeat_a_send(stub: Stub, client: MailchimpClient) -> None:
    stub.will(problem(429, "Too Many Requests"))
    with pytest.raises(RetryLater, match="Nothing was changed"):
        send(client)
    assert len(stub.received) == 1


def test_attempts_are_bounded_and_their_waits_grow(stub: Stub, client: MailchimpClient, slept: list[float]) -> None:
    stub.otherwise = lambda _: problem(429)
    with pytest.raises(RetryLater):
        read(client)
    assert len(stub.received) == ATTEMPTS
    assert len(slept) == ATTEMPTS - 1
    assert all(0 <= wait <= 0.5 * 2**number for number, wait in enumerate(slept))


def test_a_doubt_is_not_forgotten_because_later_attempts_are_proven(stub: Stub, client: MailchimpClient) -> None:
    stub.will(CUT)
    stub.otherwise = lambda _: problem(429)
    with pytest.raises(OutcomeUnknown):
        write(client, Effect.REPEATABLE)


def test_where_no_server_is_nothing_was_done_and_even_a_create_is_tried_again(slept: list[float]) -> None:
    with Stub() as gone:
        url = gone.url
    client = MailchimpClient(url, KEY, ConnectionBudget.in_process(1), sleep=slept.append)
    with pytest.raises(RetryLater, match="Connection refused"):
        write(client, Effect.ONCE)
    assert client.calls == ATTEMPTS
    with pytest.raises(RetryLater):
        send(client)
    assert client.calls == ATTEMPTS + 1
    client.close()


def test_no_answer_in_time_leaves_the_outcome_open_and_the_place_cooling(stub: Stub, budget: ConnectionBudget) -> None:
    never = threading.Event()
    stub.will(Reply(hold=never))
    client = MailchimpClient(stub.url, KEY, budget, sleep=lambda _: None, timeout=(5, 0.05))
    with pytest.raises(OutcomeUnknown, match="no answer came in time"):
        send(client)
    never.set()
    cooling = budget._slots._cooling  # type: ignore[attr-defined]  # what Mailchimp still counts is visible nowhere else
    assert len(cooling) == 1
    client.close()


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (problem(400, "Invalid Resource", "ada@shop.example looks fake or invalid"), RejectedByProvider),
        (problem(404, "Resource Not Found"), NotAtProvider),
        (problem(401, "API Key Invalid"), GatewayMisconfigured),
        (problem(403, "Forbidden"), GatewayMisconfigured),
        (Reply(302, headers={"Location": "http://127.0.0.1:9/elsewhere"}), GatewayMisconfigured),
    ],
)
def test_a_refusal_is_told_at_once_without_addresses_or_key(
    stub: Stub, client: MailchimpClient, reply: Reply, error: type[GatewayError]
) -> None:
    stub.will(reply)
    with pytest.raises(error) as told:
        read(client)
    assert len(stub.received) == 1
    assert "@" not in str(told.value)
    assert KEY not in str(told.value)
    assert told.value.__cause__ is None


def test_an_answer_that_is_not_understood_leaves_a_create_open_and_a_read_owed(
    stub: Stub, client: MailchimpClient
) -> None:
    def name(body: Mapping[str, Any]) -> str:
        return str(body["name"])

    with pytest.raises(RetryLater, match="not understood"):
        client.call("read it", client.api.lists.get_list, "a1", effect=Effect.READ, read=name)
    with pytest.raises(OutcomeUnknown, match="not understood"):
        client.call("create it", client.api.campaigns.create, {}, effect=Effect.ONCE, read=name)


def test_no_content_and_an_empty_object_are_empty_answers(stub: Stub, client: MailchimpClient) -> None:
    stub.will(NO_CONTENT, answer({}), Reply(200, b'{"id": "a1"}', "text/plain"))
    assert read(client) == {}
    assert read(client) == {}
    assert read(client) == {"id": "a1"}


def test_a_mistake_of_ours_is_not_taken_for_a_fault_of_mailchimp(client: MailchimpClient) -> None:
    with pytest.raises(TypeError):
        client.call("send it", client.api.campaigns.create, {"at": object()}, effect=Effect.ONCE, read=dict)
    with pytest.raises(ValueError, match="count"):
        client.call("read", client.api.lists.list_segments, "a1", count=1001, effect=Effect.READ, read=dict)


# -- what is sent


def test_requests_say_who_asks_and_keep_ids_that_hold_the_word_server(stub: Stub, client: MailchimpClient) -> None:
    client.call("read", client.api.lists.get_list, "my-server-1", effect=Effect.READ, read=dict, fields=["id", "name"])
    (request,) = stub.received
    assert request.path == "/lists/my-server-1"
    assert request.query == {"fields": "id,name"}
    assert request.headers["User-Agent"] == f"campaign-orchestrator/{__version__}"
    assert request.headers["Accept"] == "application/json"
    assert request.headers["Authorization"].startswith("Basic ")


def test_switches_of_a_query_are_written_as_the_description_has_them(stub: Stub, client: MailchimpClient) -> None:
    client.call("read", client.api.lists.get_list, "a1", include_total_contacts=True, effect=Effect.READ, read=dict)
    assert stub.received[0].query == {"include_total_contacts": "true"}


def test_the_environment_cannot_change_the_key_or_the_way_to_this_machine(
    stub: Stub, budget: ConnectionBudget, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login other password other\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    client = MailchimpClient(stub.url, KEY, budget, sleep=lambda _: None)
    read(client)
    client.close()
    plain = MailchimpClient(stub.url, KEY, budget, sleep=lambda _: None)
    monkeypatch.delenv("NETRC")
    read(plain)
    plain.close()
    assert len({request.headers["Authorization"] for request in stub.received}) == 1


def test_cookies_are_not_kept(stub: Stub, client: MailchimpClient) -> None:
    stub.will(Reply(200, b"{}", "application/json", headers={"Set-Cookie": "ak=1; Path=/"}))
    read(client)
    read(client)
    assert "Cookie" not in stub.received[1].headers


# -- the pretended moment


def test_a_pretended_moment_writes_to_this_machine_only(stub: Stub, budget: ConnectionBudget) -> None:
    here = MailchimpClient(stub.url, KEY, budget, sleep=lambda _: None, pretended=True)
    write(here, Effect.ONCE)
    here.close()
    away = MailchimpClient("https://us19.api.mailchimp.invalid/3.0", KEY, budget, sleep=lambda _: None, pretended=True)
    for effect in (Effect.ONCE, Effect.REPEATABLE, Effect.SEND):
        with pytest.raises(UsageError, match="--now"):
            write(away, effect)
    assert away.calls == 0
    away.close()


# -- connections


def test_calls_after_one_another_share_one_connection(stub: Stub, client: MailchimpClient) -> None:
    for _ in range(20):
        read(client)
    assert stub.connections == 1


def test_never_more_calls_in_flight_than_the_budget_and_one_connection_for_each(
    stub: Stub, client: MailchimpClient
) -> None:
    go = threading.Event()
    stub.otherwise = lambda _: Reply(200, b"{}", "application/json", hold=go)
    with ThreadPoolExecutor(16) as pool:
        calls = [pool.submit(read, client) for _ in range(64)]
        stub.wait_for_in_flight(CONNECTIONS)
        go.set()
        assert [call.result() for call in calls] == [{}] * 64
    assert stub.most_in_flight == CONNECTIONS
    assert stub.connections == CONNECTIONS


def test_a_throttled_call_slows_all_threads_down(stub: Stub, client: MailchimpClient, budget: ConnectionBudget) -> None:
    stub.will(problem(429))
    read(client)
    assert budget.permits() == CONNECTIONS // 2


def test_failures_are_logged_without_addresses_or_key(
    stub: Stub, client: MailchimpClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    stub.will(problem(429, detail="ada@shop.example"), problem(500, detail="ada@shop.example"), answer({}))
    read(client)
    assert "too many calls" in caplog.text
    assert "ada@shop.example" not in caplog.text
    assert KEY not in caplog.text
