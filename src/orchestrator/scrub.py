"""Take secrets out of text that others wrote before it is shown, logged or stored: answers may quote questions."""

from __future__ import annotations

import re

_PASSWORD = re.compile(r"://[^\s/@]+@")
"""of a database or a proxy, in front of its host"""
_KEY = re.compile(r"\b[0-9a-f]{32}-[a-z]{2,4}\d{1,3}\b|\b(?:Basic|Bearer)\s+[A-Za-z0-9+/=_.-]{8,}")
"""Mailchimp's keys, and what HTTP carries them in"""


def without_secrets(text: str) -> str:
    """The text with keys and passwords taken out."""
    return _PASSWORD.sub("://<secret>@", _KEY.sub("<secret>", text))
