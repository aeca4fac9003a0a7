"""Which server is meant: a base URL from the settings, or the data centre at the end of the key."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from orchestrator.errors import GatewayMisconfigured

if TYPE_CHECKING:
    from orchestrator.definitions.values import MailchimpSettings

_KEY = re.compile(r"[0-9A-Za-z]+-(?P<data_centre>[a-z]{2,4}[0-9]{1,4})")
_HEADER_SAFE = re.compile(r"[!-~]+")


def host_of(settings: MailchimpSettings, api_key: str) -> str:
    """The base URL of the API, without a slash at its end. Raises GatewayMisconfigured; never quotes the key."""
    if not _HEADER_SAFE.fullmatch(api_key):
        raise GatewayMisconfigured(
            f"The Mailchimp key that {settings.api_key} gives is empty or holds spaces, line breaks or letters that no "
            "key has. Copy it again from Mailchimp: Account, Extras, API keys."
        )
    if settings.base_url is not None:
        return _checked(settings.base_url)
    key = _KEY.fullmatch(api_key)
    if key is None:
        raise GatewayMisconfigured(
            f"The Mailchimp key that {settings.api_key} gives does not end in a data centre (like -us19), so its "
            "server is not known. Copy the whole key, or name the server as base_url in [mailchimp] of config.toml."
        )
    return f"https://{key['data_centre']}.api.mailchimp.com/3.0"


def is_loopback(base_url: str) -> bool:
    """Is it certainly this machine? Only then may a pretended moment (``--now``) write to it."""
    name = urlsplit(base_url).hostname or ""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _checked(base_url: str) -> str:
    setting = "base_url in [mailchimp] of config.toml"
    try:
        parts = urlsplit(base_url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise GatewayMisconfigured(f'{setting} is not an address like "https://us19.api.mailchimp.com/3.0".')
    if parts.username is not None or parts.query or parts.fragment:
        raise GatewayMisconfigured(f"{setting} may not hold a user name, a ? or a #. The key has a setting of its own.")
    if parts.scheme == "http" and not is_loopback(base_url):
        raise GatewayMisconfigured(
            f"{setting} is plain http to another machine: the key would travel unprotected. Use https."
        )
    return base_url.rstrip("/")
