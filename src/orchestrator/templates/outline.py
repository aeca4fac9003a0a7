"""Split what a template yields into an outline with gaps and the values for the gaps.

Outlines are read along a tree: each chunk of template text leads from one node to the next, and a node knows
the place (text, attribute, address …) of what comes next. For a mail that takes a known way, this costs one
lookup a chunk, and no text is scanned.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import escape

from orchestrator.templates import html_context
from orchestrator.templates.faults import Site
from orchestrator.templates.pieces import MarkupPieces, TagText, TextPieces
from orchestrator.templates.printed import text_of
from orchestrator.templates.safe_values import SUSPECT, Place, constant_text, safe_value
from orchestrator.templates.work import MOST_CHARACTERS, Work, end

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MOST_NODES = 200_000


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """The constant part of one rendering. Compared by ``texts``."""

    texts: tuple[str, ...]
    """template text around the gaps: one more than there are gaps"""
    sites: tuple[Site, ...]
    """for each gap, where its value is printed (one place, where several lead to the same outline)"""
    places: tuple[Place, ...]
    """for each gap, what stands there"""
    fixed: tuple[tuple[Site, str], ...]
    """values that became template text because no value can stand there"""

    def filled(self, values: Iterable[str]) -> str:
        parts = [self.texts[0]]
        for value, text in zip(values, self.texts[1:], strict=True):
            parts += (value, text)
        return "".join(parts)


class _Node:
    __slots__ = ("after", "gap", "outline", "parent", "place", "site", "state", "text")

    def __init__(self, parent: _Node | None, text: str | None, site: Site | None, state: str, place: Place) -> None:
        self.parent = parent
        self.text = text
        self.site = site
        self.state = state
        self.place = place
        self.after: dict[str, _Node] = {}
        self.gap: _Node | None = None
        self.outline: Outline | None = None


class OutlineReader:
    """Reads what compiled templates yield. One reader per template, so that sites stay true."""

    def __init__(self, *, markup: bool) -> None:
        self._markup = markup
        self._forget()

    def read(self, chunks: Iterator[Any], work: Work) -> tuple[Outline, list[str]]:
        """The outline and its values, in order. ``chunks``: see ``pieces``. Jinja2's errors pass through.

        This is where the time of a run goes: the common cases are told apart here, without a call.
        """
        if self._nodes > _MOST_NODES:
            self._forget()
        node = self._root
        values: list[str] = []
        suspect = SUSPECT.search
        site: Site | None = None
        for chunk in chunks:
            kind = type(chunk)
            if kind is str:
                work.characters += len(chunk)
                node = node.after.get(chunk) or self._text(node, chunk)
            elif kind is tuple:
                value, site = chunk
                assert site is not None
                gap = node.gap
                if type(value) is str and gap is not None and node.place is Place.TEXT and not suspect(value):
                    work.characters += len(value)
                    values.append(value)
                    node = gap
                else:
                    work.characters += len(value) if isinstance(value, str) else 1
                    node = self._printed(node, value, site, values)
            else:
                work.characters += len(chunk) if isinstance(chunk, str) else 1
                node = self._printed(node, chunk, Site("", 0, self._markup), values)
            if work.characters > MOST_CHARACTERS:
                end(chunks, work, site)
        if node.outline is None:
            node.outline = self._outline(node)
        return node.outline, values

    def _forget(self) -> None:
        self._nodes = 0
        self._root = _Node(None, None, None, html_context.START, Place.TEXT)
        self._outlines: dict[tuple[str, ...], Outline] = {}

    def _printed(self, node: _Node, value: Any, site: Site, values: list[str]) -> _Node:
        kind = type(value)
        if kind is str or kind is int:
            text = str(value)
        elif kind is MarkupPieces or kind is TextPieces:
            for segment in value.segments:
                if type(segment) is str:
                    node = node.after.get(segment) or self._text(node, segment)
                else:
                    node = self._printed(node, segment[0], segment[1], values)
            return node
        elif value is None:
            text = ""
        elif kind is TagText:
            return self._constant(node, str(escape(value)) if self._markup else str(value), site)
        elif hasattr(value, "__html__"):
            source = str(value.__html__())
            if self._markup and ("<" in source or node.place is Place.CONSTANT):
                return self._constant(node, constant_text(source), site)
            text = html.unescape(source) if self._markup else source
        else:
            text = _text_of(value, site)
        if node.place is Place.CONSTANT:
            return self._constant(node, str(escape(constant_text(text))) if text else "", site)
        values.append(safe_value(text, node.place))
        return node.gap or self._gap(node, site)

    def _text(self, node: _Node, text: str) -> _Node:
        if not text:
            return node
        return self._constant(node, text, None)

    def _constant(self, node: _Node, text: str, site: Site | None) -> _Node:
        known = node.after.get(text)
        if known is not None or not text:
            return known or node
        self._nodes += 1
        state = html_context.advance(node.state, text) if self._markup else node.state
        place = html_context.place(state) if self._markup else Place.TEXT
        node.after[text] = child = _Node(node, text, site, state, place)
        return child

    def _gap(self, node: _Node, site: Site) -> _Node:
        self._nodes += 1
        state = html_context.printed(node.state) if self._markup else node.state
        place = html_context.place(state) if self._markup else Place.TEXT
        node.gap = child = _Node(node, None, Site(*site), state, place)
        return child

    def _outline(self, leaf: _Node) -> Outline:
        way: list[_Node] = []
        node: _Node | None = leaf
        while node is not None and node.parent is not None:
            way.append(node)
            node = node.parent
        texts, sites, places, fixed = [""], [], [], []
        for step in reversed(way):
            if step.text is None:
                assert step.site is not None
                assert step.parent is not None
                texts.append("")
                sites.append(step.site)
                places.append(step.parent.place)
            else:
                texts[-1] += step.text
                if step.site is not None:
                    fixed.append((Site(*step.site), step.text))
        key = tuple(texts)
        outline = Outline(key, tuple(sites), tuple(places), tuple(fixed))
        return self._outlines.setdefault(key, outline)


def _text_of(value: Any, site: Site) -> str:
    try:
        return text_of(value)
    except Exception as error:
        error.printed_at = site  # type: ignore[attr-defined]  # read by faults.located
        raise
