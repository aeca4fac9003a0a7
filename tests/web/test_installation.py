"""The server in its place: called by the sandbox, started by the daemon, heard by the next decision."""

from __future__ import annotations

import os
import signal
import socket
import time
from threading import Thread
from typing import TYPE_CHECKING

import pytest
import requests
from sqlalchemy import text
from tests.scenarios.world import AUDIENCE, KEY_VARIABLE, MONDAY, World
from tests.web.conftest import SECRET

from orchestrator.campaigns import dispatch
from orchestrator.campaigns.due import by_hand
from orchestrator.campaigns.judge import DECIDED, decide
from orchestrator.clock import FixedClock
from orchestrator.cycle.recomputing import recompute_step
from orchestrator.daemon.scheduler import run_daemon
from orchestrator.engine import open_engine
from orchestrator.errors import UsageError
from orchestrator.sandbox.server import Sandbox
from orchestrator.web.server import WebServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orchestrator.engine import Engine

LATER = MONDAY.replace(hour=11)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "")
    monkeypatch.setenv("TEST_WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv("TEST_SIGNING_SECRET", "")
    monkeypatch.setattr(FixedClock, "sleep", lambda _clock, seconds: time.sleep(min(seconds, 0.001)))
    monkeypatch.setattr(dispatch, "SEND_SETTLES_SECONDS", -1)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(audience=AUDIENCE, clock=lambda: LATER) as running:
        yield running


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def world(tmp_path: Path, sandbox: Sandbox, port: int) -> World:
    """Three members with consent and a campaign by hand, synced on Monday; webhooks are on."""
    world = World(tmp_path, sandbox, f'[web]\nport = {port}\nwebhook_secret = "env:TEST_WEBHOOK_SECRET"')
    world.segment("all", "consent = 'opted_in'")
    world.template("news", "<p>Hello {{ contact.first_name }}</p>")
    world.campaign("news", segment="all", template="news")
    for name in ("ada", "bob", "cyd"):
        world.contact(name, first_name=name.title())
    world.load(MONDAY)
    world.cycle(MONDAY)
    return world


@pytest.fixture
def engine(world: World) -> Iterator[Engine]:
    opened = open_engine(world.root, now=LATER)
    yield opened
    opened.close()


@pytest.fixture
def server(engine: Engine) -> Iterator[WebServer]:
    running = WebServer(lambda: engine)
    running.start(engine.settings.web, engine.workspace.root)
    yield running
    running.stop()


def connect(sandbox: Sandbox, address: str, secret: str = SECRET) -> requests.Response:
    """Make the webhook at the provider, as its user would."""
    body = {
        "url": f"{address}/webhooks/{secret}",
        "events": dict.fromkeys(("subscribe", "unsubscribe", "profile", "cleaned", "upemail", "campaign"), True),
        "sources": {"user": True, "admin": True, "api": True},
    }
    return requests.post(f"{sandbox.base_url}/lists/{AUDIENCE}/webhooks", json=body, auth=("x", "k-us1"), timeout=20)


def known(engine: Engine) -> dict[str, str]:
    with engine.database.read() as connection:
        rows = connection.execute(text("SELECT email_key, status FROM audience_member"))
        return {row[0].partition("@")[0]: row[1] for row in rows}


def decided(engine: Engine) -> dict[str, str]:
    """Who would get the campaign, decided on what we know: nothing is read from the provider."""
    recompute_step(engine, now=LATER)
    campaign = engine.workspace.campaigns["news"]
    with engine.database.read() as connection:
        decide(connection, engine.settings, campaign, by_hand(connection, campaign, now=LATER).candidates, now=LATER)
        rows = connection.execute(text(f"SELECT c.key, d.decision FROM {DECIDED} d JOIN contact c ON c.id = d.contact"))
        return {row[0]: row[1] for row in rows}


def test_the_provider_accepts_our_address_and_no_other(sandbox: Sandbox, server: WebServer) -> None:
    assert connect(sandbox, server.address, "wrong").status_code == 400
    assert connect(sandbox, server.address).status_code == 200


def test_an_opt_out_by_webhook_stops_the_next_mail_before_the_audience_is_read(
    sandbox: Sandbox, server: WebServer, engine: Engine
) -> None:
    connect(sandbox, server.address)
    assert decided(engine) == dict.fromkeys(("ada", "bob", "cyd"), "planned")
    calls = len(sandbox.requests)
    sandbox.unsubscribe("ada@shop.example")
    sandbox.clean("bob@shop.example")
    sandbox.flush_webhooks()
    assert known(engine) == {"ada": "unsubscribed", "bob": "cleaned", "cyd": "subscribed"}
    assert decided(engine) == {"ada": "suppressed", "bob": "undeliverable", "cyd": "planned"}
    assert len(sandbox.requests) == calls, "no call to the provider"


def test_whoever_comes_back_is_mailed_after_the_next_reading_and_not_before(
    sandbox: Sandbox, server: WebServer, engine: Engine, world: World
) -> None:
    connect(sandbox, server.address)
    sandbox.unsubscribe("ada@shop.example")
    sandbox.rejoin("ada@shop.example")
    sandbox.flush_webhooks()
    assert known(engine)["ada"] == "unsubscribed"
    world.ok("send", "news", "--yes", now=LATER)
    assert world.receivers("news") == ["ada", "bob", "cyd"]


def test_calls_that_the_sandbox_signs_are_taken_and_others_are_not(
    sandbox: Sandbox, server: WebServer, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    signing = connect(sandbox, server.address).json()["signing_secret"]
    web = engine.settings.web
    follow = type(web)(web.port, web.host, web.webhook_secret, "env:TEST_SIGNING_SECRET")
    monkeypatch.setenv("TEST_SIGNING_SECRET", "another")
    server.follow(follow, engine.workspace.root)
    sandbox.unsubscribe("ada@shop.example")
    sandbox.flush_webhooks()
    assert known(engine)["ada"] == "subscribed"
    monkeypatch.setenv("TEST_SIGNING_SECRET", signing)
    server.stop()
    server.start(follow, engine.workspace.root)
    sandbox.clean("bob@shop.example")
    sandbox.flush_webhooks()
    assert known(engine)["bob"] == "cleaned"


def test_the_daemon_serves_until_it_is_stopped(world: World, port: int) -> None:
    """Signals need the main thread, so the visitor is another one."""
    answers: list[int] = []

    def visit() -> None:
        address = f"http://127.0.0.1:{port}"
        try:
            paths = ("/health", "/metrics", f"/webhooks/{SECRET}")
            answers.extend(requests.get(address + path, timeout=30).status_code for path in paths)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    engine = open_engine(world.root)
    start = WebServer.start

    def started(server: WebServer, *settings: object) -> None:
        start(server, *settings)  # type: ignore[arg-type] # as they were given
        visitor.start()

    visitor = Thread(target=visit)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(WebServer, "start", started)
        run_daemon(engine)
    visitor.join()
    engine.close()
    assert answers == [503, 200, 200], "the data of the test is months old"
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{port}/health", timeout=5)


def test_a_daemon_whose_port_is_taken_says_so_and_ends(world: World, port: int) -> None:
    engine = open_engine(world.root)
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        with pytest.raises(UsageError, match=f"port {port}"):
            run_daemon(engine)
    engine.close()
