"""The key, the proxy's password and customers' addresses reach no output, log, trace or file when Mailchimp fails."""

from __future__ import annotations

import base64
import contextlib
import io
import logging
import socket
import threading
import traceback
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.scenarios.world import KEY_VARIABLE, MONDAY, World

from orchestrator.cli.main import cli
from orchestrator.daemon.logs import JsonLines, TextLines

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "5ecbe4d30a1f4b7f9d2c6e8a7b3f1c0d"
KEY = f"{SECRET}-us1"
PROXY = "proxy-passw0rd"
BASIC = base64.b64encode(f"user:{KEY}".encode()).decode()
HIDDEN = (SECRET, BASIC, PROXY, base64.b64encode(f"me:{PROXY}".encode()).decode())
LATER = MONDAY + timedelta(hours=1)
COMMANDS = (
    ("plan",),
    ("sync", "--debug"),
    ("send", "news", "--yes", "--debug", "--verbose"),
    ("test-send", "news", "--to", "me@shop.example", "--debug"),
    ("daemon", "--once", "--log-format", "json", "--debug", "--verbose"),
    ("status",),
)


@dataclass
class Answering:
    """A server that says one thing to everybody, and remembers what it was told."""

    answer: bytes
    heard: bytearray = field(default_factory=bytearray)

    def __enter__(self) -> str:
        self._listening = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()
        return f"127.0.0.1:{self._listening.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self._listening.accept()
                with peer:
                    self.heard += peer.recv(65536)
                    peer.sendall(self.answer)


def _problem(status: str, detail: str) -> bytes:
    body = f'{{"title": "API Key Invalid", "status": {status[:3]}, "detail": "{detail}"}}'.encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode() + body


@pytest.fixture(params=["401", "echo", "refused", "tls", "proxy"])
def failing(request: pytest.FixtureRequest, shop: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The shop with its key, and a Mailchimp that fails."""
    unauthorized = _problem("401 Unauthorized", "Your API key may be invalid")
    # an answer that quotes what it was sent, as middle boxes do
    echo = _problem("400 Bad Request", f"bad header for user:{KEY} and ada@shop.example")
    with Answering(echo if request.param == "echo" else unauthorized) as address:
        match request.param:
            case "tls":
                base_url = f"https://{address}/3.0"
            case "refused":
                base_url = "http://127.0.0.1:9/3.0"
            case "proxy":
                base_url = "https://us1.api.mailchimp.com/3.0"
                monkeypatch.setenv("HTTPS_PROXY", f"http://me:{PROXY}@{address}")
            case _:
                base_url = f"http://{address}/3.0"
        config = shop.root / "config.toml"
        config.write_text(config.read_text().replace(shop.sandbox.base_url, base_url))
        monkeypatch.setenv(KEY_VARIABLE, KEY)
        yield shop


def test_nothing_secret_is_said_or_stored_when_mailchimp_fails(
    failing: World, caplog: pytest.LogCaptureFixture
) -> None:
    said = io.StringIO()
    for arguments in COMMANDS:
        try:
            result = failing.command(*arguments, now=LATER)
            said.write(result.out + result.err)
        except Exception:  # noqa: BLE001 -- --debug lets it through: what Python prints then
            said.write(traceback.format_exc())
    told = said.getvalue() + "".join(
        TextLines().format(record) + JsonLines().format(record) for record in caplog.records
    )
    assert told.count("Mailchimp") >= len(COMMANDS) - 1, "it did fail"
    for hidden in HIDDEN:
        assert hidden not in told
    for log in (line for line in told.splitlines() if line.startswith(('{"at"', "2026-03-02T"))):
        assert "@shop.example" not in log
    stored = b"".join(file.read_bytes() for file in failing.root.rglob("*") if file.is_file())
    for hidden in HIDDEN:
        assert hidden.encode() not in stored


def test_logs_leave_out_keys_passwords_and_addresses_whatever_a_message_quotes() -> None:
    quoted = f"key {KEY}, postgresql+psycopg://me:s3cret@db/shop and ada@shop.example, Basic {BASIC}"
    record = logging.LogRecord("orchestrator", logging.ERROR, "", 0, quoted, None, None)
    record.more = quoted
    for form in (TextLines(), JsonLines()):
        line = form.format(record)
        for hidden in (SECRET, "s3cret", "ada@", BASIC):
            assert hidden not in line


def test_no_command_takes_a_secret_as_an_argument() -> None:
    """Arguments can be read by everybody on the machine, in its list of processes."""
    context = cli.make_context("campaigns", [], resilient_parsing=True)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        words = {option for parameter in command.params for option in parameter.opts}
        assert not [word for word in words if any(secret in word for secret in ("key", "password", "secret", "token"))]
