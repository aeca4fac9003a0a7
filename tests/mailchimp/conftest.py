"""A stub server, and a gateway and a client that talk to it over real HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.mailchimp.stub import Stub

from orchestrator.mailchimp.client import MailchimpClient
from orchestrator.mailchimp.connections import ConnectionBudget
from orchestrator.mailchimp.gateway import MailchimpGateway

if TYPE_CHECKING:
    from collections.abc import Iterator

AUDIENCE = "9e67587f52"
KEY = "0123456789abcdef0123456789abcdef-us19"
CONNECTIONS = 4


@pytest.fixture
def stub() -> Iterator[Stub]:
    with Stub() as running:
        yield running


@pytest.fixture
def slept() -> list[float]:
    """The waits between attempts, which no test waits for."""
    return []


@pytest.fixture
def budget() -> ConnectionBudget:
    return ConnectionBudget.in_process(CONNECTIONS)


@pytest.fixture
def client(stub: Stub, budget: ConnectionBudget, slept: list[float]) -> Iterator[MailchimpClient]:
    made = MailchimpClient(stub.url, KEY, budget, sleep=slept.append)
    yield made
    made.close()


@pytest.fixture
def gateway(client: MailchimpClient) -> MailchimpGateway:
    return MailchimpGateway(client, AUDIENCE)
