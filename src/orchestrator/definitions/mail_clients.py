"""Mail clients by which templates can be judged: the word of config.toml, and the name that people know."""

from __future__ import annotations

from orchestrator.definitions.faults import Fault
from orchestrator.definitions.nearest import nearest

CLIENTS = {
    "gmail": "Gmail",
    "outlook": "Outlook",
    "apple-mail": "Apple Mail",
    "yahoo": "Yahoo Mail",
    "samsung-email": "Samsung Email",
    "thunderbird": "Thunderbird",
    "protonmail": "Proton Mail",
}
DEFAULT_CLIENTS = ("gmail", "outlook", "apple-mail")


def mail_client(name: str) -> str:
    """Raises Fault for a client of which nothing is known."""
    if name in CLIENTS:
        return name
    close = nearest(name, CLIENTS)
    known = f"Known are: {', '.join(CLIENTS)}."
    raise Fault("is no mail client that is known here", f'Did you mean "{close}"?' if close else known)
