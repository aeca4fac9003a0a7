"""The readable plain-text part of an HTML mail. Lines are not wrapped, so the length of a value changes nothing."""

from __future__ import annotations

import re

from orchestrator.templates.tag_reader import Attributes, TagReader

_BLOCKS = {
    "address",
    "article",
    "blockquote",
    "center",
    "div",
    "dl",
    "dt",
    "dd",
    "footer",
    "form",
    "header",
    "main",
    "nav",
    "ol",
    "p",
    "section",
    "table",
    "tr",
    "ul",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
}
_PARAGRAPHS = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "blockquote"}
_SKIPPED = {"head", "style", "script", "title", "template"}
_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
_HIDDEN = re.compile(r"display\s*:\s*none", re.IGNORECASE)
_ASCII_SPACE = re.compile(r"[ \t\r\n\f]+")


def text_of(html: str) -> str:
    """``html`` as text: ``link (address)``, ``- `` for list entries, underlined headings, images by their alt text."""
    parser = _TextParser()
    parser.read(html)
    return parser.text()


class _TextParser(TagReader):
    def __init__(self) -> None:
        super().__init__()
        self._lines: list[str] = []
        self._line = ""
        self._skipped: list[str] = []
        self._links: list[tuple[str, int, int]] = []
        self._lists: list[int | None] = []

    def text(self) -> str:
        self._break()
        return re.sub(r"\n{3,}", "\n\n", "\n".join(self._lines)).strip("\n ") + "\n"

    def opened(self, tag: str, attributes: Attributes) -> None:
        values = dict(attributes)
        if self._skipped or tag in _SKIPPED or _HIDDEN.search(values.get("style", "")):
            if tag not in _VOID:
                self._skipped.append(tag)
            return
        self._open(tag, values)

    def handle_endtag(self, tag: str) -> None:
        if self._skipped:
            if tag in self._skipped:
                while self._skipped.pop() != tag:
                    pass
            return
        match tag:
            case "a" if self._links:
                self._link(*self._links.pop())
            case "ul" | "ol":
                if self._lists:
                    self._lists.pop()
            case "li":
                self._break()
        if tag in _BLOCKS:
            self._break(empty=tag in _PARAGRAPHS)

    def handle_data(self, data: str) -> None:
        if self._skipped:
            return
        # no-break spaces are the reader's; only what HTML collapses is collapsed
        text = _ASCII_SPACE.sub(" ", data)
        if not self._line or self._line.endswith(" "):
            text = text.lstrip(" ")
        self._line += text

    def _open(self, tag: str, values: dict[str, str]) -> None:
        if tag in _BLOCKS:
            self._break(empty=tag in _PARAGRAPHS)
        match tag:
            case "br":
                self._break()
            case "hr":
                self._break(empty=True)
                self._lines += ["-" * 20, ""]
            case "img":
                self.handle_data(values.get("alt", ""))
            case "td" | "th":
                if self._line and not self._line.endswith((" ", "- ")):
                    self._line += " "
            case "ul" | "ol":
                self._lists.append(0 if tag == "ol" else None)
            case "li":
                self._entry()
            case "a":
                self._links.append((values.get("href", ""), len(self._lines), len(self._line)))

    def _link(self, address: str, line: int, column: int) -> None:
        shown = self._line[column:] if line == len(self._lines) else "\n".join([*self._lines[line:], self._line])
        shown = shown.strip()
        address = address.strip()
        if not shown or not address or address.startswith("#"):
            return
        if address.removeprefix("mailto:").removeprefix("tel:") == shown:
            return
        self._line = self._line.rstrip(" ") + f" ({address})"

    def _entry(self) -> None:
        self._break()
        if self._lists and self._lists[-1] is not None:
            self._lists[-1] += 1
            self._line = f"{self._lists[-1]}. "
        else:
            self._line = "- "

    def _break(self, *, empty: bool = False) -> None:
        line = self._line.strip(" ")
        if line:
            self._lines.append(line)
        self._line = ""
        if empty and self._lines and self._lines[-1]:
            self._lines.append("")
