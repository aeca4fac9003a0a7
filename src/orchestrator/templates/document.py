"""Compile a skeleton: outlines in, HTML, plain text, subject and preheader with numbered gaps out.

The compilers see an opaque token at each gap, so whatever they do is done once for all recipients, and preview and
delivery are filled from the same parts. Tokens are lower-case letters and digits: XML, CSS and URLs leave them alone.
"""

from __future__ import annotations

import hashlib
import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import css_inline
from mjml import mjml2html

from orchestrator.templates import html_context
from orchestrator.templates.plain_text import text_of
from orchestrator.templates.safe_values import Place

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.templates.links import Utm
    from orchestrator.templates.outline import Outline

Parts: TypeAlias = "tuple[str | int, ...]"
UNSUBSCRIBE = "*|UNSUB|*"
_PREHEADER_STYLE = (
    "display:none;font-size:1px;line-height:1px;max-height:0;max-width:0;opacity:0;overflow:hidden;mso-hide:all"
)
# invisible characters after the preheader keep the mail's first words out of the inbox's preview line
_PADDING = "&#847;&zwnj;&nbsp;" * 60
_BODY = re.compile(r"<body\b(?:[^\"'>]|\"[^\"]*\"|'[^']*')*>", re.IGNORECASE)
_HREF = re.compile(r"""(<a\b(?:[^"'>]|"[^"]*"|'[^']*')*?\shref\s*=\s*)(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)
_INLINER = css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)


class CompileFailed(ValueError):
    """The MJML or HTML that the template produced cannot be compiled. ``near`` is the text at the place."""

    def __init__(self, message: str, near: str = "") -> None:
        super().__init__(message)
        self.near = near


@dataclass(frozen=True, slots=True)
class Document:
    """A compiled mail. Parts are text and, as an int, the number of the gap whose value stands there."""

    subject: Parts
    preheader: Parts | None
    html: Parts
    text: Parts
    whole_links: frozenset[int]
    """gaps whose value is a whole link address: UTM parameters are added to the value where it is one of ours"""
    link_ends: frozenset[int]
    """gaps whose value ends one of our own addresses that has no query yet: parameters are always added"""
    used: tuple[int, ...]
    """gaps that stand somewhere in the mail, ascending"""


def filled(parts: Parts, value: Callable[[int], str]) -> str:
    """``parts`` as text; ``value`` gives what stands in a gap."""
    return "".join(part if isinstance(part, str) else value(part) for part in parts)


def inlined(page: str) -> str:
    """A page whose style sheets stand in its style attributes, as far as mail clients without them need."""
    return _INLINER.inline(page)


def compile_document(
    kind: str,
    language: str,
    subject: Outline,
    preheader: Outline | None,
    source: Outline,
    text: Outline | None,
    utm: Utm,
) -> Document:
    """The compiled mail; ``kind`` is "mjml" or "html". Raises CompileFailed.

    Gaps are numbered through subject, preheader, source and text.
    """
    tokens = _Tokens([outline for outline in (subject, preheader, source, text) if outline is not None])
    subject_source = _one_line(tokens.source(subject))
    preheader_source = _one_line(tokens.source(preheader)) if preheader is not None else None
    page = tokens.source(source)
    places = dict(enumerate(place for outline in tokens.outlines for place in outline.places))
    page = _from_mjml(page, language) if kind == "mjml" else _INLINER.inline(page)
    page, whole_links, link_ends = _with_utm(page, tokens, utm)
    plain = tokens.source(text) if text is not None else text_of(page)
    if UNSUBSCRIBE not in plain and UNSUBSCRIBE in page:
        plain = plain.rstrip("\n") + f"\n\n{UNSUBSCRIBE}\n"
    if preheader_source is not None:
        page = _with_preheader(page, preheader_source)
    parts = tokens.parts(page)
    _check_places(parts, places)
    all_parts = [tokens.parts(subject_source), parts, tokens.parts(plain)]
    preheader_parts = tokens.parts(preheader_source) if preheader_source is not None else None
    used = {part for some in (*all_parts, preheader_parts or ()) for part in some if isinstance(part, int)}
    return Document(all_parts[0], preheader_parts, parts, all_parts[2], whole_links, link_ends, tuple(sorted(used)))


class _Tokens:
    """Tokens for the gaps of some outlines; their prefix occurs nowhere in the outlines."""

    def __init__(self, outlines: list[Outline]) -> None:
        self.outlines = outlines
        everything = "".join(text for outline in outlines for text in outline.texts).lower()
        prefix = "xco7qv"
        while prefix in everything:
            prefix = "xco" + hashlib.sha256((prefix + everything).encode(errors="replace")).hexdigest()[:8] + "v"
        self._prefix = prefix
        self._first: dict[int, int] = {}
        number = 0
        for outline in outlines:
            self._first[id(outline)] = number
            number += len(outline.sites)
        # one outline may serve twice, for example an empty subject and an empty preheader: both have no gaps
        self.pattern = re.compile(rf"{prefix}(\d+)x")

    def source(self, outline: Outline) -> str:
        first = self._first[id(outline)]
        return outline.filled(f"{self._prefix}{first + gap}x" for gap in range(len(outline.sites)))

    def parts(self, source: str) -> Parts:
        found = self.pattern.split(source)
        return tuple(int(part) if index % 2 else part for index, part in enumerate(found) if index % 2 or part)


def _one_line(source: str) -> str:
    return re.sub(r"[ \t\r\n]+", " ", source).strip(" ")


def _from_mjml(source: str, language: str) -> str:
    try:
        page = mjml2html(source, disable_comments=False)
    except ValueError as error:
        position = re.search(r"(?:position|at) (\d+)", str(error))
        near = ""
        if position:
            rest = source.encode()[int(position.group(1)) :].decode(errors="ignore")
            near = rest.lstrip().partition("\n")[0][:80]
        reason = str(error).replace(" in root template", "").replace("root template", "the template")
        raise CompileFailed(f"the MJML cannot be compiled: {reason}", near) from None
    if not _BODY.search(page):
        raise CompileFailed("the MJML has no mj-body")
    # read in a browser, the mail is the page's main part; assistive technology asks for one
    page = page.replace(' role="article"', ' role="main"', 1)
    return page.replace('lang="und"', f'lang="{html.escape(language)}"')


def _with_preheader(page: str, preheader: str) -> str:
    hidden = f'<div style="{_PREHEADER_STYLE}">{html.escape(preheader, quote=False)}{_PADDING}</div>'
    body = _BODY.search(page)
    at = body.end() if body else 0
    return page[:at] + hidden + page[at:]


def _with_utm(page: str, tokens: _Tokens, utm: Utm) -> tuple[str, frozenset[int], frozenset[int]]:
    whole: set[int] = set()
    ends: set[int] = set()
    if not utm.parameters:
        return page, frozenset(), frozenset()

    def tagged(match: re.Match[str]) -> str:
        before, double, single = match.groups()
        quote = '"' if double is not None else "'"
        address = double if double is not None else single
        parts = tokens.parts(address)
        if len(parts) == 1 and isinstance(parts[0], int):
            whole.add(parts[0])
        elif _is_own(parts, utm):
            last = parts[-1]
            if "?" in address:
                # right after the question mark, because nobody knows what a value at the end holds
                added = "".join(f"{parameter}&amp;" for parameter in utm.lacking(address))
                address = address.replace("?", f"?{added}", 1) if len(parts) > 1 else utm.added(address, "&amp;")
            elif isinstance(last, int) and "#" not in address:
                ends.add(last)
            else:
                address = utm.added(address, "&amp;")
        return f"{before}{quote}{address}{quote}"

    return _HREF.sub(tagged, page), frozenset(whole), frozenset(ends)


def _is_own(parts: Parts, utm: Utm) -> bool:
    """Whether an address begins with a whole host of ours: text up to a ``/``, ``?`` or ``#``, or all of it."""
    if not parts or not isinstance(parts[0], str) or any(isinstance(part, str) and "*|" in part for part in parts):
        return False
    host_ends = re.match(r"\w+://[^/?#]*[/?#]", parts[0]) is not None
    return (host_ends or len(parts) == 1) and utm.owns(html.unescape(parts[0]))


def _check_places(parts: Parts, places: dict[int, Place]) -> None:
    """No value made safe for text may end up in an attribute, whatever a compiler does."""
    state = html_context.START
    for part in parts:
        if isinstance(part, str):
            state = html_context.advance(state, part)
            continue
        # the state is the unfinished tag: inside one, text is not safe
        inside_tag = state.startswith("<") and not state.startswith("<!--") and ">" not in state
        if places[part] is Place.TEXT and inside_tag:
            raise CompileFailed("a value printed as text ended up inside a tag", state[-80:])
        state = html_context.printed(state)
