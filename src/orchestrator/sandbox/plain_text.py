"""HTML in, a readable plain-text part out: what Mailchimp makes when a campaign brings none."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_SILENT = {"style", "script", "head", "title"}
_BREAKS = {"p", "div", "tr", "table", "h1", "h2", "h3", "h4", "li", "ul", "ol", "blockquote", "center"}


def plain_text(html: str) -> str:
    """Paragraphs apart, links as ``words (address)``, images by their alternative text."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    text = "".join(reader.pieces).replace("\xa0", " ")
    lines = (re.sub(r"[ \t\r\f\v]+", " ", line).strip() for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._silent = 0
        self._links: list[tuple[str, int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in _SILENT:
            self._silent += 1
        elif tag == "br":
            self.pieces.append("\n")
        elif tag in _BREAKS:
            self.pieces.append("\n\n" if tag in {"p", "h1", "h2", "h3", "h4"} else "\n")
            if tag == "li":
                self.pieces.append("* ")
        elif tag == "td":
            self.pieces.append(" ")
        elif tag == "img" and given.get("alt"):
            self.pieces.append(str(given["alt"]))
        elif tag == "a":
            self._links.append((given.get("href") or "", len(self.pieces)))

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag in _BREAKS:
            self.pieces.append("\n")
        elif tag == "a" and self._links:
            address, since = self._links.pop()
            words = "".join(self.pieces[since:]).strip()
            if address and not address.startswith("#") and address != words:
                self.pieces.append(f" ({address})")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.pieces.append(re.sub(r"\s+", " ", data))
