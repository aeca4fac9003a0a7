"""One delivery as its recipient gets it: subject, preview text, HTML and text with every merge tag carried out.

Nothing filled in is stored: a delivery keeps the campaign's letter and the member's values of that moment, and is
written out when somebody looks. Ten thousand mails cost ten thousand small records.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from orchestrator.sandbox.merge_tags import fill, fill_tags

if TYPE_CHECKING:
    from orchestrator.sandbox.state import Delivery, Letter

_UNSUBSCRIBE = "*|UNSUB|*"
_DATE_LETTERS = {
    "d": "%d",
    "D": "%a",
    "l": "%A",
    "m": "%m",
    "M": "%b",
    "F": "%B",
    "Y": "%Y",
    "y": "%y",
    "H": "%H",
    "h": "%I",
    "i": "%M",
    "s": "%S",
    "A": "%p",
}
_HTML_FOOTER = """
<center><table width="100%" style="background:#ffffff;border-top:1px solid #e5e5e5" role="presentation"><tr>
<td align="center" style="padding:20px;font:12px/1.5 Helvetica,Arial,sans-serif;color:#606060">
This email was sent to *|EMAIL|*<br><a href="*|UNSUB|*" style="color:#404040">unsubscribe from this list</a> &nbsp;
<a href="*|UPDATE_PROFILE|*" style="color:#404040">update subscription preferences</a><br>
*|LIST:COMPANY|* &middot; *|LIST:ADDRESS|*</td></tr></table></center>
"""
_TEXT_FOOTER = """
==============================================
Unsubscribe *|EMAIL|* from this list:
*|UNSUB|*

*|LIST:COMPANY|*
*|LIST:ADDRESS|*
"""


@dataclass(frozen=True, slots=True)
class Mail:
    """What lies in the inbox."""

    subject: str
    preview_text: str
    from_name: str
    reply_to: str
    to: str
    html: str
    text: str


def write(delivery: Delivery, letter: Letter, base_url: str, *, escape: bool = False) -> Mail:
    """``base_url`` is where the recipient's pages are; ``escape`` merge values in HTML."""
    if delivery.test:  # a test mail: nobody's values, so the tags stay visible
        return Mail(
            letter.subject,
            letter.preview_text,
            letter.from_name,
            letter.reply_to,
            delivery.email,
            letter.html,
            letter.text,
        )
    plain = _Values(delivery, letter, base_url)
    marked_up = _Values(delivery, letter, base_url, escape=escape)
    return Mail(
        subject=subject(delivery, letter, base_url),
        preview_text=fill_tags(letter.preview_text, plain),
        from_name=fill_tags(letter.from_name, plain),
        reply_to=letter.reply_to,
        to=fill_tags(letter.to_name, plain).strip() or delivery.email,
        html=fill(_with_footer(letter.html), marked_up) if letter.html else "",
        text=fill(letter.text if _UNSUBSCRIBE in letter.text else letter.text + _TEXT_FOOTER, plain),
    )


def subject(delivery: Delivery, letter: Letter, base_url: str) -> str:
    return letter.subject if delivery.test else fill_tags(letter.subject, _Values(delivery, letter, base_url))


def _with_footer(content: str) -> str:
    """Without an unsubscribe link Mailchimp adds its own footer."""
    if _UNSUBSCRIBE in content:
        return content
    ends = list(re.finditer(r"</body\s*>", content, re.IGNORECASE))
    place = ends[-1].start() if ends else len(content)
    return content[:place] + _HTML_FOOTER + content[place:]


class _Values:
    """Meanings of tags for one delivery. A value that itself contains a tag is filled in once more."""

    def __init__(self, delivery: Delivery, letter: Letter, base_url: str, *, escape: bool = False) -> None:
        self._delivery, self._letter, self._base, self._escape = delivery, letter, base_url, escape
        self._nested = False

    def compared(self, tag: str) -> str:
        value = self._merge_value(tag)
        return value if value is not None else self._special(tag) or ""

    def shown(self, tag: str) -> str | None:
        value = self._merge_value(tag)
        if value is not None:
            return self._customer_text(value)
        special = self._special(tag)
        if special is not None:
            return special
        kind, _, name = tag.partition(":")
        inner = self._merge_value(name) if name else None
        if inner is None:
            return None
        match kind:
            case "HTML":
                return inner
            case "UPPER":
                return self._customer_text(inner.upper())
            case "LOWER":
                return self._customer_text(inner.lower())
            case "TITLE":
                return self._customer_text(inner.title())
            case "URL":
                return quote(inner, safe="")
            case _:
                return None

    def _customer_text(self, value: str) -> str:
        if "*|" in value and not self._nested:
            self._nested = True
            value = fill_tags(value, self)
            self._nested = False
        return html.escape(value) if self._escape else value

    def _merge_value(self, tag: str) -> str | None:
        """None for what is no merge field of the audience."""
        values, defaults = self._delivery.merge_fields, self._letter.defaults
        if tag not in values and tag not in defaults and tag not in self._letter.tags:
            return None
        return _as_text(values.get(tag, "")) or defaults.get(tag, "")

    def _special(self, tag: str) -> str | None:
        delivery, letter = self._delivery, self._letter
        if tag.startswith("DATE"):
            return _date(datetime.fromisoformat(delivery.sent_at), tag.partition(":")[2] or "m/d/Y")
        address = [str(letter.contact.get(k, "")) for k in ("address1", "address2", "zip", "city", "country")]
        lines = [line for line in (" ".join(address[:2]).strip(), " ".join(address[2:4]).strip(), address[4]) if line]
        meanings = {
            "EMAIL": delivery.email,
            "UNSUB": f"{self._base}/unsubscribe/{delivery.id}",
            "UPDATE_PROFILE": f"{self._base}/profile/{delivery.id}",
            "ARCHIVE": f"{self._base}/archive/{delivery.campaign_id}",
            "LIST:NAME": letter.audience,
            "LIST:COMPANY": str(letter.contact.get("company", "")),
            "LIST:PHONE": str(letter.contact.get("phone", "")),
            "LIST:ADDRESS": ", ".join(lines),
            "LIST:ADDRESSLINE": ", ".join(lines),
            "HTML:LIST_ADDRESS_HTML": "<br>".join([str(letter.contact.get("company", "")), *lines]),
            "CURRENT_YEAR": delivery.sent_at[:4],
            "CAMPAIGN_UID": delivery.campaign_id,
            "MC_LANGUAGE": "en",
            "REWARDS": "",
        }
        if tag in meanings:
            return meanings[tag]
        if tag in {"MC:SUBJECT", "MC_PREVIEW_TEXT"} and not self._nested:
            self._nested = True
            text = fill_tags(letter.subject if tag == "MC:SUBJECT" else letter.preview_text, self)
            self._nested = False
            return text
        return None


def _as_text(value: Any) -> str:
    if isinstance(value, dict):
        return "  ".join(part for part in map(str, value.values()) if part)
    return str(value)


def _date(moment: datetime, pattern: str) -> str:
    """A date in PHP's letters."""
    unpadded = {"j": str(moment.day), "n": str(moment.month), "g": str(moment.hour % 12 or 12)}
    return "".join(unpadded.get(c) or (moment.strftime(_DATE_LETTERS[c]) if c in _DATE_LETTERS else c) for c in pattern)
