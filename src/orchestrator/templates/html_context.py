"""Where in an HTML or MJML source the next character stands, kept up to date chunk by chunk.

A state is the text of the unfinished construct: "" between tags, ``<a href="https://`` inside a tag, the opening
of a comment, or the opening tag of an element whose content is not markup (style sheet, title). That is all that
the next chunk needs, so nothing is read twice.
"""

from __future__ import annotations

import re
from functools import lru_cache

from orchestrator.templates.safe_values import Place

_ADDRESS_ATTRIBUTES = {"href", "src", "action", "cite", "poster"}
_BACKGROUND_ATTRIBUTES = {"background", "background-url"}
_READ_ATTRIBUTES = {"alt", "title", "aria-label", "content", "value", "placeholder", "summary", "abbr"}
_TITLES = {"title", "mj-title"}
_NOT_MARKUP = {"style", "mj-style", "script", "xml"} | _TITLES

_TAG = re.compile(r"""<(/?)([A-Za-z][^\s/>]*)((?:[^"'>]|"[^"]*"|'[^']*')*+)>""")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_DECLARATION = re.compile(r"<[!?][^>]*>")
_OPENING = re.compile(r"<(?:[A-Za-z/!?]|\Z)")
_NAME = re.compile(r"<[A-Za-z][^\s/>\"'=]*(?=[\s/])")
_ATTRIBUTE = re.compile(r"""[\s/]*([^\s=>"'/]+)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+(?=\s)))?""")
_OPEN_ATTRIBUTE = re.compile(r"""[\s/]*([^\s=>"'/]+)\s*=\s*(["'])([^"']*)\Z""")

_MOST_TEXTS = 1024
"""remembered: a layout stands around every mail of a workspace"""

START = ""


@lru_cache(_MOST_TEXTS)
def advance(state: str, text: str) -> str:
    """The state after ``text``, template text of any length that may begin and end anywhere."""
    source, at = state + text, 0
    while (opening := _OPENING.search(source, at)) is not None:
        at = opening.start()
        if source.startswith("<!--", at):
            end = _COMMENT.match(source, at)
        elif source[at + 1 : at + 2] in {"!", "?"}:
            end = None if source[at:] in {"<!", "<!-"} else _DECLARATION.match(source, at)
        else:
            end = _TAG.match(source, at)
            if end is not None and (name := _not_markup(end)):
                end = re.compile(rf"</{re.escape(name)}\s*>", re.IGNORECASE).search(source, at)
        if end is None:
            return source[at:]
        at = end.end()
    return START


def printed(state: str) -> str:
    """The state after a printed value, whatever it holds."""
    return state + "x" if state else state


def place(state: str) -> Place:
    """What a value printed here is."""
    if not state:
        return Place.TEXT
    whole = _TAG.match(state)
    if whole is not None and (name := _not_markup(whole)):
        return Place.ATTRIBUTE if name in _TITLES else Place.CONSTANT
    tag = _NAME.match(state)
    if tag is None:
        return Place.CONSTANT
    at = tag.end()
    while True:
        unfinished = _OPEN_ATTRIBUTE.match(state, at)
        if unfinished:
            return _attribute_place(unfinished.group(1).lower(), unfinished.group(3))
        finished = _ATTRIBUTE.match(state, at)
        if finished is None:
            return Place.CONSTANT
        at = finished.end()


def _attribute_place(attribute: str, before: str) -> Place:
    if attribute in _ADDRESS_ATTRIBUTES:
        return Place.ADDRESS_PART if before else Place.ADDRESS
    if attribute in _BACKGROUND_ATTRIBUTES:
        return Place.BACKGROUND_PART if before else Place.BACKGROUND
    return Place.ATTRIBUTE if attribute in _READ_ATTRIBUTES else Place.CONSTANT


def _not_markup(tag: re.Match[str]) -> str:
    """The name of the element that a tag opens when its content is not markup, else ""."""
    if tag.group(1) or tag.group(3).endswith("/"):
        return ""
    name = tag.group(2).lower()
    return name if name in _NOT_MARKUP else ""
