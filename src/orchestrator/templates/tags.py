"""Mailchimp's own merge tags: which ``*|TAG|*`` in a mail mean something to it, and which would stay visible.

A tag that Mailchimp does not know stays in the mail as it is written. The names are those of Mailchimp's list of merge
tags (mailchimp.com/help/all-the-merge-tags-cheat-sheet), without those that work in its automations only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Set as AbstractSet

TAG = re.compile(r"\*\|(.+?)\|\*", re.DOTALL)
UNRENDERED = re.compile(r"\{\{.*?(?:\}\}|$)|\{%.*?(?:%\}|$)", re.MULTILINE)
STANDARD_FIELDS = frozenset({"EMAIL", "FNAME", "LNAME", "ADDRESS", "PHONE", "BIRTHDAY"})
_SLOT = re.compile(r"(?:CO_|MERGE|MMERGE)\d+")
_NAMES = frozenset(
    """
    UNSUB UPDATE_PROFILE ARCHIVE ARCHIVE_LINK_SHORT FORWARD ABUSE_EMAIL REWARDS REWARDS_TEXT UNIQID CAMPAIGN_UID
    EMAIL_UID CURRENT_YEAR MC_PREVIEW_TEXT MC_LANGUAGE MC_LANGUAGE_LABEL TRACKING_PIXEL LIST_NAME_LINK
    TRANSLATE LIKE TWITTER TWEET END
    """.split()  # noqa: SIM905  # a list of thirty strings reads worse
)
_PREFIXES = (
    "LIST:", "LIST_", "HTML:LIST", "HTML:USER", "HTML:REWARDS", "MC:", "DATE", "USER:", "CAMPAIGN:", "MC_CAMPAIGN",
    "EMAIL:", "SHARE:", "FACEBOOK:", "TWITTER:", "SURVEY", "POLL:", "TRANSLATE:", "GROUP:", "INTERESTED:", "END:",
    "ELSE:", "RSS", "FEED", "PROMO_CODE:", "CONTENT:",
)  # fmt: skip
_OF_A_FIELD = {"UPPER", "LOWER", "TITLE", "URL", "HTML", "IF", "IFNOT", "ELSEIF", "IMAGE"}


def unknown_tags(text: str, fields: AbstractSet[str]) -> Iterator[str]:
    """``*|TAG|*`` in ``text`` that are neither Mailchimp's nor one of our merge fields."""
    for found in TAG.finditer(text):
        if not _is_known(found.group(1).strip(), fields):
            yield found.group()


def _is_known(name: str, fields: AbstractSet[str]) -> bool:
    if name in fields or name in STANDARD_FIELDS or name in _NAMES or _SLOT.fullmatch(name):
        return True
    if name.startswith(_PREFIXES):
        return True
    kind, _, rest = name.partition(":")
    if kind not in _OF_A_FIELD:
        return False
    return _is_known(re.split(r"[=!<>]", rest)[0].strip(), fields)
