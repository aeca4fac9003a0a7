"""Whether a link leads somewhere from a reader's mailbox: an address in, what is wrong with it out. No network."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

_TAG = re.compile(r"\*\|[^|*]+\|\*")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_HOST = re.compile(r"//(?:[^/?#@]*@)?(\[[^\]]*\]|[^/?#:]*)")
_MOST_HOSTS = 1024
_WITHOUT_HOST = {"mailto", "tel", "sms"}
_OF_IMAGES = {"cid", "data"}
_PRIVATE_ENDINGS = ("localhost", ".local", ".localdomain", ".lan", ".internal", ".intranet", ".home.arpa")


def address_fault(address: str, *, image: bool = False, written: str | None = None) -> tuple[str, str] | None:
    """What is wrong with the address of a link (or of an image), and what to do; None: nothing that shows.

    ``written``: what of it stands in the template, where the rest are a reader's values. Percent-coded braces are
    Jinja2 that an editor coded there; in a value they are what somebody's name or note holds, and lead on.
    """
    what = "image" if image else "link"
    address = address.strip()
    if not address or address == "#":
        value = "an address" if not address else "a real address"
        hint = f"Give it {value}; where it is a reader's, with another behind it: {{{{ VALUE or 'https://…' }}}}."
        return f"the {what} leads nowhere: its address is " + ("empty" if not address else '"#"'), hint
    if "{{" in address or "{%" in address or "%7B%7B" in (address if written is None else written).upper():
        return f"the address of the {what} holds Jinja2 that was not carried out", "Look where the value comes from."
    if (address.startswith("#") and not image) or _TAG.fullmatch(address):
        return None
    # what stands for a reader's value cannot change the scheme or the host, unless it is all of it
    address = _TAG.sub("x", address)
    scheme = _SCHEME.match(address)
    # host:port looks like a scheme
    if scheme is None or "." in scheme.group(1):
        return f'the address of the {what} has no scheme: "{_short(address)}"', "Write https:// in front of it."
    name = scheme.group(1).lower()
    if name in _WITHOUT_HOST or (image and name in _OF_IMAGES):
        return None
    if name not in {"http", "https"}:
        return f'mail clients do not follow {what}s that begin with "{name}:"', "Write an address with https://."
    host = _HOST.match(address, scheme.end())
    return _host_fault(host.group(1).lower() if host else "", what, address)


def _host_fault(host: str, what: str, address: str) -> tuple[str, str] | None:
    if not host:
        return f'the address of the {what} names no host: "{_short(address)}"', "Write it as https://shop.example/page."
    if is_private(host):
        message = f"the {what} leads to {host}, which readers cannot reach"
        return message, "Use the address that works outside of your network."
    return None


@lru_cache(_MOST_HOSTS)
def is_private(host: str) -> bool:
    """Whether a host is this machine, or one of an inner network."""
    try:
        return not ipaddress.ip_address(host.strip("[]")).is_global
    except ValueError:
        return "." not in host or host.endswith(_PRIVATE_ENDINGS)


def _short(address: str) -> str:
    return address if len(address) <= 60 else address[:59] + "…"  # fits a line
