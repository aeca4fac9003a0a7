from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
import requests

from orchestrator.sandbox.faults import Faults, parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.conftest import Client

ADA = "ada@shop.example"
ROWS = {"members": [{"email_address": ADA, "status": "subscribed"}]}


def test_a_key_is_needed_and_must_name_a_data_center(client: Client) -> None:
    url = client.sandbox.base_url + "/ping"
    assert requests.get(url, timeout=5).json()["title"] == "API Key Missing"
    assert requests.get(url, auth=("user", "nodash"), timeout=5).json()["title"] == "API Key Invalid"
    assert requests.get(url, headers={"Authorization": "Bearer token"}, timeout=5).ok


def test_every_answer_has_a_request_id_and_problems_repeat_it(client: Client) -> None:
    answer = client.ask("GET", "/campaigns/nope")
    assert answer.json()["instance"] == answer.headers["X-Request-Id"]
    assert "describedBy" in answer.headers["Link"]


def test_an_error_can_be_asked_for_by_name(client: Client) -> None:
    headers = {"X-Trigger-Error": "UserDisabled"}
    answer = client.session.get(client.sandbox.base_url + "/ping", headers=headers, timeout=5)
    assert (answer.status_code, answer.json()["title"]) == (403, "User Disabled")


def test_bodies_that_are_no_json_or_no_object_are_refused(client: Client) -> None:
    url = client.sandbox.base_url + client.list
    assert client.session.post(url, data=b"{", timeout=5).json()["title"] == "JSON Parse Error"
    answer = client.session.post(url, json=[], timeout=5).json()
    assert answer["errors"][0]["message"] == "Schema describes object, array found instead"
    assert client.refused("PUT", client.list)[0] == 405
    assert client.refused("GET", "/nothing")[0] == 404


def test_the_eleventh_call_at_once_is_refused_and_every_second_time_without_a_body(
    make: Callable[..., Client],
) -> None:
    client = make()
    client.sandbox.fail_next("GET", "/ping", "slow:0.5", times=10)
    slow = [threading.Thread(target=client.ask, args=("GET", "/ping")) for _ in range(10)]
    for thread in slow:
        thread.start()
    while client.sandbox.most_in_flight < 10:
        pass
    first, second = client.ask("GET", "/ping"), client.ask("GET", "/ping")
    for thread in slow:
        thread.join()
    assert (first.status_code, first.json()["status"]) == (429, 429)
    assert (second.status_code, second.content, "Content-Type" in second.headers) == (429, b"", False)
    assert client.ask("GET", "/ping").ok


def test_a_call_that_the_client_gave_up_on_still_holds_its_slot_and_is_done(client: Client) -> None:
    client.sandbox.fail_next("POST", client.list, "slow:0.4")
    with pytest.raises(requests.ReadTimeout):
        client.session.post(client.sandbox.base_url + client.list, json=ROWS, timeout=0.1)
    assert client.ask("GET", "/ping").ok
    assert client.sandbox.requests[-1].in_flight == 2
    while client.sandbox.requests[0].status == 0:
        pass
    assert client.sandbox.member(ADA)["status"] == "subscribed"


@pytest.mark.parametrize(
    ("kind", "done"),
    [("cut-before", False), ("cut-after", True)],
)
def test_a_connection_is_cut_before_or_after_the_work(client: Client, kind: str, done: bool) -> None:
    client.sandbox.fail_next("POST", "/lists/*", kind)
    with pytest.raises(requests.ConnectionError):
        client.ask("POST", client.list, ROWS)
    assert bool(client.sandbox.members()) is done
    assert (client.sandbox.requests[0].status, client.sandbox.requests[0].fault) == (0, kind)


@pytest.mark.parametrize(
    ("kind", "status", "content_type", "done"),
    [
        ("429", 429, "application/problem+json; charset=utf-8", False),
        ("bodiless-429", 429, None, False),
        ("bodiless-403", 403, None, False),
        ("500", 500, "application/problem+json; charset=utf-8", False),
        ("502", 502, "text/html", False),
        ("502-after", 502, "text/html", True),
        ("504-after", 504, "text/html", True),
    ],
)
def test_a_failure_comes_with_or_without_the_work_done(
    client: Client, kind: str, status: int, content_type: str | None, done: bool
) -> None:
    client.sandbox.fail_next("*", "/lists/*", kind)
    answer = client.ask("POST", client.list, ROWS)
    assert (answer.status_code, answer.headers.get("Content-Type")) == (status, content_type)
    assert bool(client.sandbox.members()) is done
    assert client.ask("GET", client.list).ok


def test_an_order_may_let_calls_pass_first(client: Client) -> None:
    client.sandbox.fail_next("GET", "/ping", "500", times=2, skip=1)
    assert [client.ask("GET", "/ping").status_code for _ in range(4)] == [200, 500, 500, 200]


def test_chaos_is_repeatable_and_near_its_shares() -> None:
    def drawn() -> list[str]:
        faults = Faults("429=0.1, cut-after=0.05, slow=0.05:2", seed=7)
        return [fault.kind for _ in range(2000) if (fault := faults.draw("GET", "/ping"))]

    first = drawn()
    assert first == drawn()
    assert 140 < first.count("429") < 260
    assert 60 < first.count("cut-after") < 140


@pytest.mark.parametrize("text", ["429", "nonsense=0.1", "429=x", "429=0.9,500=0.2", "429=-1"])
def test_chaos_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="chaos"):
        parse(text)


def test_the_log_shows_what_was_asked(client: Client) -> None:
    client.ask("GET", "/ping")
    client.ask("POST", client.list, ROWS)
    (write,) = client.sandbox.writes()
    assert (write.method, write.path, write.status, write.json) == ("POST", client.list, 200, ROWS)
