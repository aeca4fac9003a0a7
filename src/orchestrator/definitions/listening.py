"""The rules of [web]: where the daemon listens, and where its secrets are."""

from __future__ import annotations

import re
from ipaddress import ip_address

from orchestrator.definitions.faults import Fault
from orchestrator.definitions.rules import REFERENCE


def host(text: str) -> str:
    """An IP address of this machine; names are left to whoever resolves them."""
    if text == "localhost":
        return "127.0.0.1"
    try:
        return str(ip_address(text))
    except ValueError:
        hint = 'Write "127.0.0.1" for this machine alone, or "0.0.0.0" for every network that it is in.'
        raise Fault(f'must be an IP address, not the text "{text}"', hint) from None


def secret_reference(text: str) -> str:
    """``env:NAME`` or ``file:PATH``. What else stands there may be the secret itself and is not repeated."""
    if re.fullmatch(REFERENCE, text):
        return text
    message = "must be a reference to the secret; a secret itself does not belong in a file that is kept in git"
    raise Fault(message, 'Write "env:WEBHOOK_SECRET" and set that variable, or "file:PATH".')
