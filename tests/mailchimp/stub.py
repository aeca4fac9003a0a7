"""A small HTTP server with scripted answers. It knows nothing of Mailchimp; it counts what really arrives."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Received:
    """One request."""

    method: str
    path: str
    """below /3.0"""
    query: dict[str, str]
    headers: dict[str, str]
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text) if self.text else None


@dataclass(frozen=True)
class Reply:
    """One answer. ``cut``: "before" closes the connection instead of answering, "within" in the middle of the body."""

    status: int = 200
    body: bytes = b""
    content_type: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: str = ""
    hold: threading.Event | None = None
    """answer only when this is set"""


def answer(body: Any, status: int = 200) -> Reply:
    return Reply(status, json.dumps(body).encode(), "application/json; charset=utf-8")


def problem(status: int, title: str = "Problem", detail: str = "", **more: Any) -> Reply:
    document = {"type": "about:blank", "title": title, "status": status, "detail": detail, "instance": "req-1", **more}
    return Reply(status, json.dumps(document).encode(), "application/problem+json; charset=utf-8")


def html(status: int) -> Reply:
    return Reply(status, b"<html><body>Bad gateway</body></html>", "text/html")


NO_CONTENT = Reply(204)
CUT = Reply(cut="before")
CUT_WITHIN = Reply(cut="within")


class Stub:
    """Answers from a queue, then by ``otherwise``; running while the ``with`` block lasts."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.connections = 0
        self.most_in_flight = 0
        self.otherwise: Callable[[Received], Reply] = lambda _: answer({})
        self._queue: list[Reply] = []
        self._in_flight = 0
        self.changed = threading.Condition()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.stub = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/3.0"

    def will(self, *replies: Reply) -> None:
        self._queue.extend(replies)

    def wait_for_in_flight(self, count: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self._in_flight >= count, timeout=20)

    def made(self) -> list[str]:
        """The requests as "POST /lists/a"."""
        return [f"{one.method} {one.path}" for one in self.received]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def begin(self, request: Received) -> Reply:
        with self.changed:
            self.received.append(request)
            self._in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self._in_flight)
            self.changed.notify_all()
            return self._queue.pop(0) if self._queue else self.otherwise(request)

    def end(self) -> None:
        with self.changed:
            self._in_flight -= 1
            self.changed.notify_all()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    stub: Stub


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        super().setup()
        # headers and body leave in two writes; without this the second waits for an acknowledgement
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.server.stub.changed:
            self.server.stub.connections += 1

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            super().handle()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the base class
        """Silent."""

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        path = parts.path.removeprefix("/3.0")
        request = Received(self.command, path, dict(parse_qsl(parts.query)), dict(self.headers), text)
        reply = self.server.stub.begin(request)
        try:
            if reply.hold is not None:
                reply.hold.wait(20)
        finally:
            self.server.stub.end()
        if reply.cut == "before":
            self.close_connection = True
        else:
            self._reply(reply)

    def _reply(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.content_type:
            self.send_header("Content-Type", reply.content_type)
        if reply.status != 204:
            self.send_header("Content-Length", str(len(reply.body) + (100 if reply.cut else 0)))
        self.end_headers()
        self.wfile.write(reply.body)
        if reply.cut:
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - the base class looks for these names
