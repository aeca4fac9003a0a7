from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests

from orchestrator.sandbox.server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

AUDIENCE = "9e67587f52"


@dataclass
class Clock:
    """A clock that moves when told."""

    now: datetime = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass
class Client:
    """Plain HTTP, as any program would speak to Mailchimp."""

    sandbox: Sandbox
    session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self.session.auth = ("user", "secret-us1")

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> requests.Response:
        return self.session.request(method, self.sandbox.base_url + path, json=body, params=query, timeout=20)

    def get(self, path: str, **query: Any) -> Any:
        answer = self.ask("GET", path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def write(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """A write that must succeed; None for an answer without content."""
        answer = self.ask(method, path, body, **query)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def refused(self, method: str, path: str, body: Any = None, **query: Any) -> tuple[int, str, str]:
        """(status, title, detail) of a Problem Detail answer."""
        answer = self.ask(method, path, body, **query)
        assert answer.headers["Content-Type"].startswith("application/problem+json"), answer.text
        problem = answer.json()
        return answer.status_code, problem["title"], problem["detail"]

    # -- the audience of the tests
    @property
    def list(self) -> str:
        return f"/lists/{AUDIENCE}"

    def subscribe(self, *emails: str, **fields: str) -> None:
        rows = [{"email_address": e, "status": "subscribed", "merge_fields": fields} for e in emails]
        assert self.write("POST", self.list, {"members": rows})["error_count"] == 0

    def draft(self, *emails: str, html: str = "<p>Hello *|UNSUB|*</p>", **settings: str) -> str:
        """A campaign that is ready to go to these members; its id."""
        name = f"segment {len(self.sandbox.requests)}"
        segment = self.write("POST", f"{self.list}/segments", {"name": name, "static_segment": list(emails)})
        texts = {"subject_line": "Hello", "from_name": "Shop", "reply_to": "hello@shop.example"} | settings
        recipients = {"list_id": AUDIENCE, "segment_opts": {"saved_segment_id": segment["id"], "match": "any"}}
        body = {"type": "regular", "recipients": recipients, "settings": texts}
        campaign = str(self.write("POST", "/campaigns", body)["id"])
        self.write("PUT", f"/campaigns/{campaign}/content", {"html": html})
        return campaign

    def send(self, campaign: str) -> None:
        self.write("POST", f"/campaigns/{campaign}/actions/send")

    def status(self, campaign: str) -> str:
        return str(self.get(f"/campaigns/{campaign}")["status"])


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make(clock: Clock) -> Iterator[Callable[..., Client]]:
    """A started sandbox with the given options, and a client for it."""
    made: list[Client] = []

    def start(**options: Any) -> Client:
        sandbox = Sandbox(audience=AUDIENCE, clock=clock, **options)
        client = Client(sandbox.start())
        made.append(client)
        return client

    yield start
    for client in made:
        client.session.close()
        client.sandbox.stop()


@pytest.fixture
def client(make: Callable[..., Client]) -> Client:
    return make()
