"""`check --links`: what links answer, over real HTTP."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from orchestrator.check import check
from orchestrator.check.links import faulty_links, status
from orchestrator.check.rendering import Trial
from orchestrator.problems import Level

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

URL = "https://shop.example/"


class Handler(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:  # the server's name for it
        self._answer({"/only-get": 405, "/gone": 404, "/moved": 302, "/here": 200}[self.path])

    def do_GET(self) -> None:  # as above
        self._answer({"/only-get": 200, "/gone": 404}[self.path])

    def _answer(self, code: int) -> None:
        self.send_response(code)
        if code == 302:
            self.send_header("Location", "/here")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the server's name for it
        """Says nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_status_is_that_after_redirections_and_of_get_where_head_is_refused(site: str) -> None:
    assert [status(site + path) for path in ("/here", "/moved", "/only-get", "/gone")] == [200, 200, 200, 404]


def test_nobody_at_the_address_is_no_status(site: str) -> None:
    with pytest.raises(OSError, match="refused"):
        status("http://127.0.0.1:1/")
    assert site


def test_each_answer_has_its_level() -> None:
    def ask(address: str) -> int:
        if address.endswith("slow"):
            raise TimeoutError("Read timed out.")
        return int(address.removeprefix(URL))

    wanted = [f"{URL}{path}" for path in ("200", "404", "500", "403", "slow")]
    found = faulty_links([*wanted, "mailto:a@shop.example", "*|UNSUB|*", "http://10.0.0.1/404"], ask)
    assert {
        address.removeprefix(URL): (level, said.partition(" ")[2]) for address, (level, said, _) in found.items()
    } == {
        "404": (Level.ERROR, "answers 404"),
        "500": (Level.ERROR, "answers 500"),
        "403": (Level.WARNING, "answers 403"),
        "slow": (Level.WARNING, "takes too long to answer"),
    }


def test_a_link_that_fails_is_reported_at_its_line(starter: Path) -> None:
    asked: list[str] = []

    def ask(address: str) -> int:
        asked.append(address)
        return 404 if "/offers" in address else 200

    report = check(starter, None, Trial(ask=ask))
    (problem,) = report.problems
    assert (problem.file, problem.line) == ("templates/shared/loyalty-offer.mjml", 29)
    assert problem.message.endswith("answers 404")
    assert len(asked) == len(set(asked)) > 5


@pytest.fixture
def starter(request: pytest.FixtureRequest) -> Path:
    return request.config.rootpath
