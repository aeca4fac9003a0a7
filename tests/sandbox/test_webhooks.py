from __future__ import annotations

import hashlib
import hmac
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sandbox.conftest import Client

ADA = "ada@shop.example"


class Receiver(ThreadingHTTPServer):
    """Collects (signature, body) of every post."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.posts: list[tuple[str, bytes]] = []
        self.url = f"http://127.0.0.1:{self.server_port}/hook"


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/hook" else 404)
        self.end_headers()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts.append((self.headers["X-Mailchimp-Signature"], body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def hook(client: Client, url: str) -> dict[str, Any]:
    sources = {"user": True, "admin": True, "api": False}
    body = {"url": url, "events": {"unsubscribe": True, "cleaned": True}, "sources": sources}
    answer = client.write("POST", f"{client.list}/webhooks", body)
    assert isinstance(answer, dict)
    return answer


def test_opt_outs_are_posted_form_encoded_and_signed_but_not_our_own_writes(client: Client, receiver: Receiver) -> None:
    secret = hook(client, receiver.url)["signing_secret"]
    client.subscribe(ADA, "bob@shop.example")
    rows = [{"email_address": "bob@shop.example", "status": "unsubscribed"}]
    client.write("POST", client.list, {"members": rows, "update_existing": True})
    client.sandbox.unsubscribe(ADA)
    client.sandbox.flush_webhooks()
    ((signature, body),) = receiver.posts
    fields = {key: value[0] for key, value in parse_qs(body.decode()).items()}
    assert (fields["type"], fields["fired_at"], fields["data[email]"]) == ("unsubscribe", "2026-03-02 09:00:00", ADA)
    stamp, signed = (part.partition("=")[2] for part in signature.split(","))
    assert signed == hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()


def test_an_address_must_answer_and_may_be_there_only_once(client: Client, receiver: Receiver) -> None:
    path = f"{client.list}/webhooks"
    assert client.refused("POST", path, {"url": receiver.url + "/wrong"})[0] == 400
    made = hook(client, receiver.url)
    assert client.refused("POST", path, {"url": receiver.url})[0] == 400
    assert "signing_secret" not in client.get(f"{path}/{made['id']}")
    changed = client.write("PATCH", f"{path}/{made['id']}", {"events": {"cleaned": False}})
    assert (changed["events"]["cleaned"], changed["events"]["unsubscribe"]) == (False, True)
    client.write("DELETE", f"{path}/{made['id']}")
    assert client.get(path)["total_items"] == 0
