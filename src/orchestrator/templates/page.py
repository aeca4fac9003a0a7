"""A compiled mail as a reader meets it: HTML in, its links, images and visible texts with their colors out.

Values of readers stand in the page as marks (``marked``), so that what is found says which value it depends on.
What mail clients hide (comments, ``display:none``, the preheader) is not looked at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from orchestrator.templates.colors import BLACK, WHITE, Color, color_of, painted
from orchestrator.templates.document import filled
from orchestrator.templates.tag_reader import Attributes, TagReader

if TYPE_CHECKING:
    from orchestrator.templates.document import Parts

_MARK = re.compile("\ue000(\\d+)\ue001")
_DECLARATION = re.compile(r"""([\w-]+)\s*:\s*((?:[^;"'(]|"[^"]*"|'[^']*'|\([^)]*\))+)""")
_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
_SILENT = {"head", "style", "script", "title", "template"}
_BLOCKS = {"p", "div", "td", "th", "li", "h1", "h2", "h3", "h4", "h5", "h6", "table", "blockquote", "center"}
_ENDED_BY_SIBLING = {"p", "li", "td", "th", "tr"}
_SIZES = {"h1": 32.0, "h2": 24.0, "h3": 18.72, "h5": 13.28, "h6": 10.72, "small": 13.0}
_BOLD = {"b", "strong", "h1", "h2", "h3", "h4", "h5", "h6", "th"}
_LINK_BLUE = Color(0, 0, 238)
_NOTED = {"a", "area", "img"}
_MOST_STYLES = 4096
_LEGIBLE = 2.0
"""px; smaller text is there to be hidden"""


@dataclass(frozen=True, slots=True)
class Link:
    """``<a href>`` or ``<area href>``."""

    address: Parts


@dataclass(frozen=True, slots=True)
class Image:
    """``<img>``."""

    address: Parts
    has_alt: bool
    has_width: bool


@dataclass(frozen=True, slots=True)
class Words:
    """A visible text."""

    parts: Parts
    color: Color | None
    """None: not known"""
    background: Color | None
    size: float
    bold: bool
    block: int
    """texts of one paragraph or cell have the same"""

    @property
    def text(self) -> str:
        """Without the values."""
        return "".join(part for part in self.parts if isinstance(part, str))


@dataclass(slots=True)
class Page:
    """What stands in a mail."""

    links: list[Link] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    words: list[Words] = field(default_factory=list)
    language: str = ""
    footers: set[int] = field(default_factory=set)
    """blocks that hold a link or a text of the provider"""


def marked(parts: Parts) -> str:
    """A text whose gaps are marked with their number."""
    return filled(parts, lambda gap: f"\ue000{gap}\ue001")


def unmarked(text: str) -> Parts:
    """The parts of a text that ``marked`` made."""
    if "\ue000" not in text:
        return (text,) if text else ()
    found = _MARK.split(text)
    return tuple(int(part) if index % 2 else part for index, part in enumerate(found) if index % 2 or part)


def read_page(html: str) -> Page:
    """``html``: a page with marks, its style sheets in its style attributes."""
    reader = _Reader()
    reader.read(html)
    return reader.page


@dataclass(frozen=True, slots=True)
class _Style:
    """What an element hands down to what is inside it."""

    tag: str = ""
    color: Color | None = BLACK
    background: Color | None = WHITE
    size: float = 16.0
    bold: bool = False
    hidden: bool = False


class _Reader(TagReader):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page()
        self._open = [(_Style(), 0)]
        """the elements around, with their blocks"""
        self._blocks = 0

    def opened(self, tag: str, attributes: Attributes) -> None:
        if tag in _ENDED_BY_SIBLING and self._open[-1][0].tag == tag:
            self._open.pop()
        above, block = self._open[-1]
        if tag in _BLOCKS:
            self._blocks += 1
            block = self._blocks
        if tag == "html":
            self.page.language = dict(attributes).get("lang", "")
        style = _styled(above, tag, attributes)
        if not style.hidden and tag in _NOTED:
            self._note(tag, dict(attributes), block)
        if tag not in _VOID:
            self._open.append((style, block))

    def handle_endtag(self, tag: str) -> None:
        if self._open[-1][0].tag == tag:
            self._open.pop()
        elif any(style.tag == tag for style, _ in self._open):
            while self._open.pop()[0].tag != tag:
                pass

    def handle_data(self, data: str) -> None:
        style, block = self._open[-1]
        if style.hidden or style.size < _LEGIBLE or not data.strip(" \t\r\n\u00a0\u200c\u034f"):
            return
        if "*|" in data:
            self.page.footers.add(block)
        words = Words(unmarked(data), style.color, style.background, style.size, style.bold, block)
        self.page.words.append(words)

    def _note(self, tag: str, values: dict[str, str], block: int) -> None:
        if tag in {"a", "area"} and "href" in values:
            self.page.links.append(Link(unmarked(values["href"].strip())))
            if "*|" in values["href"]:
                self.page.footers.add(block)
        elif tag == "img":
            has_width = "width" in values or re.search(r"(?<![\w-])width\s*:", values.get("style", "")) is not None
            self.page.images.append(Image(unmarked(values.get("src", "").strip()), "alt" in values, has_width))


@lru_cache(_MOST_STYLES)
def _styled(above: _Style, tag: str, attributes: Attributes) -> _Style:
    """What an element hands down; the same few are in every row of a mail, and in every mail of a campaign."""
    values = dict(attributes)
    written = {name.lower(): value.strip().lower() for name, value in _DECLARATION.findall(values.get("style", ""))}
    style = replace(
        above,
        tag=tag,
        size=_size(written.get("font-size", ""), above.size, _SIZES.get(tag, above.size)),
        bold=_bold(written.get("font-weight", ""), tag, above=above.bold),
        hidden=above.hidden or tag in _SILENT or "hidden" in values or _hides(written),
    )
    background = written.get("background-color") or written.get("background") or values.get("bgcolor", "")
    color = written.get("color") or (values.get("color", "") if tag == "font" else "")
    if tag == "a" and "href" in values:
        style = replace(style, color=_LINK_BLUE)
    if background:
        style = replace(style, background=painted(background.lower(), above.background))
    if "background-image" in written or values.get("background"):
        style = replace(style, background=None)
    if color and color != "inherit":
        style = replace(style, color=color_of(color))
    return style if color != "inherit" else replace(style, color=above.color)


def _hides(written: dict[str, str]) -> bool:
    return (
        written.get("display") == "none"
        or written.get("visibility") == "hidden"
        or written.get("mso-hide") == "all"
        or written.get("opacity") == "0"
    )


def _size(written: str, above: float, own: float) -> float:
    number = re.match(r"(\d+(?:\.\d+)?|\.\d+)(px|pt|em|rem|%)?", written)
    if number is None:
        return own
    value = float(number.group(1))
    match number.group(2):
        case "pt":
            return value * 4 / 3
        case "em":
            return value * above
        case "rem":
            return value * 16
        case "%":
            return value * above / 100
        case _:
            return value


def _bold(written: str, tag: str, *, above: bool) -> bool:
    if written.isdigit():
        return int(written) >= 700  # CSS: bold
    if written in {"bold", "bolder"}:
        return True
    if written in {"normal", "lighter"}:
        return False
    return above or tag in _BOLD
