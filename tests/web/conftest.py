from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
import requests
from sqlalchemy import text

from orchestrator.definitions.values import MailchimpSettings, Settings, WebSettings, Workspace
from orchestrator.engine import Engine
from orchestrator.web.server import WebServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orchestrator.store.database import Database

AUDIENCE = "9e67587f52"
SECRET = "a-long-random-path-segment"
SIGNING = "whsec-of-the-tests"
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ADA = "ada@shop.example"


@dataclass
class MovableClock:
    """A clock that moves when told."""

    moment: datetime = NOW

    def now(self) -> datetime:
        return self.moment

    def sleep(self, seconds: float) -> None:
        """Waiting takes no time."""


@dataclass
class Visitor:
    """Speaks to the web server over HTTP, and looks into the database."""

    server: WebServer
    database: Database
    clock: MovableClock
    session: requests.Session = field(default_factory=requests.Session)

    def get(self, path: str) -> requests.Response:
        return self.session.get(self.server.address + path, timeout=10)

    def post(self, body: bytes, secret: str = SECRET, **headers: str) -> requests.Response:
        usual = {"Content-Type": "application/x-www-form-urlencoded"}
        address = f"{self.server.address}/webhooks/{secret}"
        return self.session.post(address, data=body, headers=usual | headers, timeout=10)

    def member(self, email: str = ADA) -> tuple[str, int] | None:
        """(status, moment of it) in our copy of the audience."""
        with self.database.read() as connection:
            query = text("SELECT status, status_at FROM audience_member WHERE email_key = :key")
            row = connection.execute(query, {"key": email}).first()
        return (row[0], row[1]) if row else None

    def know(self, status: str, at: datetime | None, email: str = ADA) -> None:
        """The member as it was read from the audience before."""
        with self.database.write() as connection:
            connection.execute(
                text(
                    "INSERT INTO audience_member (email_key, status, status_at, detail) VALUES (:key, :status, :at, '')"
                ),
                {"key": email, "status": status, "at": int(at.timestamp()) if at else None},
            )

    def outcomes(self) -> list[tuple[str, str]]:
        """(kind, outcome) of each recorded call."""
        with self.database.read() as connection:
            rows = connection.execute(text("SELECT kind, outcome FROM webhook_delivery ORDER BY kind, fired_at"))
            return [(row[0], row[1]) for row in rows]


def call(kind: str = "unsubscribe", *, at: datetime = NOW, audience: str = AUDIENCE, **data: str) -> bytes:
    """What Mailchimp posts."""
    told = {"id": "8a25ff1d98", "list_id": audience, "email": ADA, **data}
    fields = [("type", kind), ("fired_at", at.strftime("%Y-%m-%d %H:%M:%S"))]
    return urlencode(fields + [(f"data[{key}]", value) for key, value in told.items()]).encode()


def signed(body: bytes, *, at: datetime = NOW, secret: str = SIGNING) -> str:
    stamp = int(at.timestamp())
    digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={digest}"


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


Serve = Callable[..., Visitor]


@pytest.fixture(autouse=True)
def _log_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a command that ran before in this process has set."""
    monkeypatch.setattr(logging.getLogger("orchestrator"), "propagate", True)


@pytest.fixture
def serve(sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Start the server on a free port; ``settings`` of [web] beside the webhook's secret."""
    monkeypatch.setenv("TEST_WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv("TEST_SIGNING_SECRET", SIGNING)
    started: list[Visitor] = []

    def serving(**settings: Any) -> Visitor:
        web = replace(WebSettings(port=0, webhook_secret="env:TEST_WEBHOOK_SECRET"), **settings)
        mailchimp = MailchimpSettings("env:UNSET", AUDIENCE, "Shop", "hello@shop.example")
        workspace = Workspace(tmp_path, Settings(mailchimp, ZoneInfo("Europe/Stockholm"), web=web), {}, {})
        clock = MovableClock()
        engine = Engine(workspace, [], sqlite_database, clock, pretend_now=True)
        server = WebServer(lambda: engine)
        server.start(web, tmp_path)
        started.append(Visitor(server, sqlite_database, clock))
        return started[-1]

    yield serving
    for visitor in started:
        visitor.session.close()
        visitor.server.stop()


@pytest.fixture
def visitor(serve: Serve) -> Visitor:
    return serve()
