from __future__ import annotations

import pytest
from tests.mailchimp.conftest import KEY

from orchestrator.definitions.values import MailchimpSettings
from orchestrator.errors import GatewayMisconfigured
from orchestrator.mailchimp.host import host_of, is_loopback


def settings(base_url: str | None = None) -> MailchimpSettings:
    return MailchimpSettings("env:MAILCHIMP_API_KEY", "a1", "Shop", "hello@shop.example", base_url)


def test_the_data_centre_at_the_end_of_the_key_names_the_server() -> None:
    assert host_of(settings(), KEY) == "https://us19.api.mailchimp.com/3.0"


def test_a_base_url_needs_no_data_centre_in_the_key() -> None:
    assert host_of(settings("http://127.0.0.1:8025/3.0/"), "sandbox") == "http://127.0.0.1:8025/3.0"


@pytest.mark.parametrize("key", ["", "abc", "abc-", "abc-US19", "abc-us19-us20", "abc-us19.evil.example/"])
def test_a_key_without_a_data_centre_is_refused_and_not_quoted(key: str) -> None:
    with pytest.raises(GatewayMisconfigured) as refused:
        host_of(settings(), key)
    assert not key or key not in str(refused.value)
    assert "env:MAILCHIMP_API_KEY" in str(refused.value)


@pytest.mark.parametrize("key", [f"{KEY}\n", f" {KEY}", "schlüssel-us19"])
def test_a_key_that_no_header_can_carry_is_refused(key: str) -> None:
    with pytest.raises(GatewayMisconfigured):
        host_of(settings("https://us19.api.mailchimp.com/3.0"), key)


@pytest.mark.parametrize(
    "base_url",
    [
        "us19.api.mailchimp.com/3.0",
        "ftp://us19.api.mailchimp.com",
        "https://",
        "https://host:99999/3.0",
        "https://me:secret@host/3.0",
        "https://host/3.0?x=1",
        "http://mailchimp.example/3.0",
    ],
)
def test_a_base_url_that_cannot_be_right_is_refused(base_url: str) -> None:
    with pytest.raises(GatewayMisconfigured) as refused:
        host_of(settings(base_url), KEY)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:1/3.0", True),
        ("http://127.9.9.9/3.0", True),
        ("http://[::1]:8025/3.0", True),
        ("http://localhost:8025/3.0", True),
        ("https://us19.api.mailchimp.com/3.0", False),
        ("https://localhost.example/3.0", False),
        ("https://10.0.0.1/3.0", False),
    ],
)
def test_only_loopback_is_this_machine(url: str, here: bool) -> None:
    assert is_loopback(url) is here
