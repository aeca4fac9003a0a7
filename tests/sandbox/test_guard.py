"""The inbox may show customers: pages of the internet in the same browser can neither read nor press anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests
from tests.sandbox.test_inbox import ADA, deliver

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client


@pytest.mark.parametrize("path", ["/", "/mail/1/body", "/sandbox/deliveries", "/3.0/ping"])
def test_a_name_that_was_bent_to_this_machine_is_refused(client: Client, path: str) -> None:
    deliver(client)
    for host in ("evil.example", f"evil.example:{client.sandbox.port}", "127.0.0.1.evil.example", ""):
        answer = requests.get(
            client.sandbox.inbox_url + path, headers={"Host": host}, auth=("user", "key-us1"), timeout=10
        )
        assert answer.status_code in {400, 421}, host
        assert ADA not in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_names_of_this_machine_are_served(client: Client, host: str) -> None:
    for name in (host, f"{host}:{client.sandbox.port}"):
        assert requests.get(client.sandbox.inbox_url, headers={"Host": name}, timeout=10).ok


def test_a_form_of_another_site_presses_nothing(client: Client) -> None:
    deliver(client)
    for path in ("/unsubscribe/1", "/sandbox/deliveries/1/spam", "/sandbox/faults"):
        answer = requests.post(
            client.sandbox.inbox_url + path, headers={"Sec-Fetch-Site": "cross-site"}, data="", timeout=10
        )
        assert answer.status_code == 403
    assert not client.sandbox.delivery(1).unsubscribed_at
    ours = requests.post(
        f"{client.sandbox.inbox_url}/unsubscribe/1", headers={"Sec-Fetch-Site": "same-origin"}, data="", timeout=10
    )
    assert ours.ok
    assert client.sandbox.delivery(1).unsubscribed_at


def test_a_mail_runs_no_script_and_has_no_origin(client: Client) -> None:
    deliver(client)
    body = requests.get(f"{client.sandbox.inbox_url}/mail/1/body", timeout=10).headers["Content-Security-Policy"]
    assert "default-src 'none'" in body
    assert "; sandbox allow-popups" in body
    assert "allow-scripts" not in body
    assert "allow-same-origin" not in body
    page = requests.get(f"{client.sandbox.inbox_url}/mail/1", timeout=10)
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page.text
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
