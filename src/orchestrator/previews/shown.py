"""A mail's HTML as a page shows it: in light or dark colors, whatever the browser prefers; and with drawings where
pictures stand under a domain that cannot have any.
"""

from __future__ import annotations

import re

from orchestrator.sandbox.pictures import with_stand_ins

_DARK = re.compile(r"@media\s*\(\s*prefers-color-scheme\s*:\s*dark\s*\)", re.IGNORECASE)
_HEAD = re.compile(r"<head\b[^>]*>", re.IGNORECASE)
# a mail without dark colors of its own is inverted, as several mail programs do
_INVERTED = (
    "<style>html{filter:invert(1) hue-rotate(180deg);background:#fff}img{filter:invert(1) hue-rotate(180deg)}</style>"
)


def has_dark_colors(html: str) -> bool:
    """Whether the mail brings colors for dark mode."""
    return _DARK.search(html) is not None


def in_colors(html: str, *, dark: bool) -> str:
    """``html`` with its dark colors always on, or always off."""
    html = with_stand_ins(html)
    if not dark:
        return _DARK.sub("@media not all", html)
    if has_dark_colors(html):
        return _DARK.sub("@media all", html)
    head = _HEAD.search(html)
    place = head.end() if head else 0
    return html[:place] + _INVERTED + html[place:]
