"""HTML read tag by tag, as ``html.parser`` does, several times faster where it is written as compilers write it.

The mails that we read come from MJML and from the style inliner: attributes in double quotes, one blank between them.
One expression takes such a tag with the text before it. Whatever is written in another way, from there to the end, is
read by ``html.parser``, so that what comes out is the same for every page.
"""

from __future__ import annotations

import re
from functools import lru_cache
from html import unescape
from html.parser import HTMLParser

Attributes = tuple[tuple[str, str], ...]

_TOKEN = re.compile(
    r"""([^<]*)<(?:
        (/?)([a-zA-Z][a-zA-Z0-9:-]*)                                      # the name
        ((?:[ \t\n\r\f]+[a-zA-Z][a-zA-Z0-9:-]*="[^"]*")*+)                # attributes
        [ \t\n\r\f]*(/?)>
        | (!--(?!-?>)(?:[^-]+|-(?!-))*+-->|![dD][oO][cC][tT][yY][pP][eE]\ html>)  # a comment without --; a declaration
    )""",
    re.VERBOSE,
)
_ATTRIBUTE = re.compile(r'([a-zA-Z][a-zA-Z0-9:-]*)="([^"]*)"')
_OTHER_CONTENT = frozenset(
    {"script", "style", "title", "textarea", "iframe", "noembed", "noframes", "noscript", "xmp", "plaintext"}
)
"""whose content is, by one version of Python or another, no markup"""
_MOST_TAGS = 4096


class TagReader(HTMLParser):
    """Calls ``opened`` and ``handle_endtag`` and ``handle_data``. Comments and declarations are passed over."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def opened(self, tag: str, attributes: Attributes) -> None:
        """A tag begins; its attributes are in lower case, without entities, "" where there is no value."""

    def read(self, page: str) -> None:
        """All of a page."""
        at = self._read_plain(page)
        self.feed(page[at:])
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.opened(tag, tuple((name, value or "") for name, value in attrs))

    def _read_plain(self, page: str) -> int:
        """Read from the beginning, as far as it is written plainly. Returns where that ends."""
        at = 0
        while (found := _TOKEN.match(page, at)) is not None:
            text, slash, tag, attributes, empty, comment = found.groups()
            if slash and (attributes or empty):
                return at
            if comment is None and not slash and tag.lower() in _OTHER_CONTENT:
                closing = re.compile(rf"</{tag}\s*>", re.IGNORECASE).search(page, found.end())
                if closing is None:
                    return at
                self.feed(page[at : closing.end()])
                at = closing.end()
                if self.rawdata or self.cdata_elem:  # it ended otherwise
                    return at
                continue
            at = found.end()
            if text:
                self.handle_data(unescape(text))
            if comment is not None:
                continue
            tag = tag.lower()
            if not slash:
                self.opened(tag, _attributes(attributes))
            if slash or empty:
                self.handle_endtag(tag)
        return at


@lru_cache(_MOST_TAGS)
def _attributes(written: str) -> Attributes:
    """The same few are in every row of a mail, and in every mail of a campaign."""
    return tuple((name.lower(), unescape(value)) for name, value in _ATTRIBUTE.findall(written))
