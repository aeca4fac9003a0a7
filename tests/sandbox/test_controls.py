from __future__ import annotations

from typing import TYPE_CHECKING, Any

import requests
from tests.sandbox.conftest import AUDIENCE

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client

ADA = "ada@shop.example"


def control(client: Client, method: str, path: str, body: object = None) -> Any:
    answer = requests.request(method, f"{client.sandbox.inbox_url}/sandbox{path}", json=body, timeout=10)
    return answer.json() | {"code": answer.status_code}


def test_deliveries_are_read_and_acted_on_as_their_recipients_would(client: Client) -> None:
    client.subscribe(ADA)
    client.send(client.draft(ADA))
    (mail,) = control(client, "GET", "/deliveries?q=ada&count=5")["deliveries"]
    assert (mail["id"], mail["email"], mail["subject"]) == (1, ADA, "Hello")
    assert "html" not in control(client, "GET", "/deliveries?content=0")["deliveries"][0]
    assert len(control(client, "POST", "/deliveries/1/open")["opens"]) == 1
    clicked = control(client, "POST", "/deliveries/1/click", {"url": "https://a.example"})
    assert clicked["clicks"][0]["url"] == "https://a.example"
    assert control(client, "POST", "/deliveries/1/bounce", {"kind": "soft"})["status"] == "soft"
    assert control(client, "POST", "/deliveries/1/spam")["spam_at"]
    assert control(client, "POST", "/deliveries/1/unsubscribe")["unsubscribed_at"]
    assert control(client, "GET", "/deliveries/1")["unsubscribed_at"]
    assert control(client, "POST", "/deliveries/1/burn")["code"] == 404
    assert control(client, "GET", "/deliveries/2")["code"] == 404


def test_people_add_members_and_tags_by_hand(client: Client) -> None:
    body = {"email": ADA, "status": "unsubscribed", "merge_fields": {"FNAME": "Ada"}, "tags": ["vip"]}
    assert control(client, "POST", f"/lists/{AUDIENCE}/members", body)["status"] == "unsubscribed"
    assert control(client, "POST", f"/lists/{AUDIENCE}/segments", {"name": "old", "emails": [ADA]})["id"]
    assert {tag["name"] for tag in client.sandbox.member(ADA)["tags"]} == {"vip", "old"}
    for action, status in (("rejoin", "subscribed"), ("unsubscribe", "unsubscribed"), ("clean", "cleaned")):
        assert control(client, "POST", f"/lists/{AUDIENCE}/members/{ADA}/{action}")["status"] == status
    assert len(control(client, "GET", f"/lists/{AUDIENCE}/members")["members"]) == 1
    assert control(client, "POST", f"/lists/{AUDIENCE}/members", {"email": "x"})["code"] == 400


def test_faults_and_refusals_are_ordered_and_the_log_is_read_from_outside(client: Client) -> None:
    assert control(client, "POST", "/faults", {"method": "GET", "path": "/ping", "kind": "500"})["ok"]
    assert client.ask("GET", "/ping").status_code == 500
    assert control(client, "POST", "/faults", {"method": "GET", "path": "/ping", "kind": "odd"})["code"] == 400
    assert control(client, "DELETE", "/faults")["ok"]
    assert control(client, "POST", "/refusals", {"email": ADA, "reason": "fake"})["ok"]
    assert client.refused("POST", f"{client.list}/members", {"email_address": ADA, "status": "subscribed"})[0] == 400
    log = control(client, "GET", "/requests")
    assert [entry["status"] for entry in log["requests"]] == [500, 400]
    assert log["most_in_flight"] == 1
