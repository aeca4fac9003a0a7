"""What mail clients do not show: a few features of CSS and HTML that a reader would miss, and who lacks them.

Source: caniemail.com (github.com/hteumeuleu/caniemail, MIT, state of June 2026). A client is listed where the newest
tested version of at least one of its apps does not support the feature; tests compare the table with that data. What is
only missed by who looks for it (rounded corners, shadows, transitions, web fonts) is left out. So is what stands in
@media: clients that know it know the rest of it, too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from orchestrator.definitions.mail_clients import CLIENTS
from orchestrator.templates.places import PlaceInFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_TABLES = "Use columns of MJML, or tables."
_IMAGE = "Use an image that links to it."
_PAGE = "Link to a page of your site that has it."
_COLOR = "Give it a plain background color as well, on which the text can be read."
_PICTURE = "Make it part of an image with alt text, or leave it out."
_WORDS = "Write the text into the template."
_STYLE = "Put the styles into <style> or mj-style of the template."
_GOY, _GOYP = "gmail outlook yahoo", "gmail outlook yahoo protonmail"
_ALL_BUT_APPLE = "gmail outlook yahoo samsung-email thunderbird protonmail"
_CSS = re.compile(
    r"""(?<=\bstyle=)(?:"[^"]*"|'[^']*')|(?<=<style)[^>]*>.*?(?=</style)|(?<=<mj-style)[^>]*>.*?(?=</mj-style)""",
    re.DOTALL,
)
_MOST_FILES = 256
_HIDDEN = re.compile(r"\{#.*?#\}|<!--.*?-->|/\*.*?\*/", re.DOTALL)
_MEDIA = re.compile(r"@(?:media|supports)\b[^{]*\{(?:[^{}]|\{[^{}]*\})*\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature: its name in the source, how readers call it, how it is recognized, who lacks it, what to do."""

    slug: str
    name: str
    pattern: str
    lacking: str
    """names of clients, separated by blanks"""
    remedy: str
    expression: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "expression", re.compile(self.pattern, re.IGNORECASE))


FEATURES = (
    Feature("css-display-flex", "display: flex", r"display\s*:\s*(?:inline-)?flex", "outlook", _TABLES),
    Feature("css-display-grid", "display: grid", r"display\s*:\s*(?:inline-)?grid", "outlook", _TABLES),
    Feature(
        "css-position",
        "position",
        r"(?<![\w-])position\s*:\s*(?:absolute|fixed|sticky)",
        "gmail outlook",
        _TABLES,
    ),
    Feature("css-float", "float", r"(?<![\w-])float\s*:\s*(?:left|right)", "outlook", _TABLES),
    Feature("css-column-count", "column-count", r"(?<![\w-])column-count\s*:", _GOY, _TABLES),
    Feature("css-gap", "gap", r"(?<![\w-])(?:row-|column-)?gap\s*:", _GOY, "Use padding."),
    Feature(
        "css-background-image",
        "background-image",
        r"background-image\s*:\s*url",
        "outlook",
        _COLOR,
    ),
    Feature(
        "css-linear-gradient",
        "linear-gradient()",
        r"linear-gradient\(",
        "outlook yahoo",
        _COLOR,
    ),
    Feature("css-variables", "var()", r"var\(\s*--", _GOY, "Write the value itself."),
    Feature("css-unit-calc", "calc()", r"(?<![\w-])calc\(", "outlook yahoo", "Write the result itself."),
    Feature("css-function-clamp", "clamp()", r"(?<![\w-])clamp\(", "outlook yahoo", "Write a fixed size."),
    Feature(
        "css-at-import",
        "@import",
        r"@import\b",
        _ALL_BUT_APPLE,
        _STYLE,
    ),
    Feature(
        "css-nesting",
        "a nested CSS rule",
        r"&:(?:hover|first-child|last-child)",
        _GOY,
        "Write whole selectors.",
    ),
    Feature(
        "css-transform",
        "transform",
        r"(?<![\w-])transform\s*:",
        _GOY,
        _PICTURE,
    ),
    Feature("css-clip-path", "clip-path", r"clip-path\s*:", _GOY, _PICTURE),
    Feature("css-filter", "filter", r"(?<![\w-])filter\s*:", _GOY, _PICTURE),
    Feature("css-object-fit", "object-fit", r"object-fit\s*:", _GOY, "Cut the image to its size."),
    Feature(
        "css-aspect-ratio",
        "aspect-ratio",
        r"aspect-ratio\s*:",
        f"{_GOY} samsung-email thunderbird",
        "Give both sizes.",
    ),
    Feature("css-writing-mode", "writing-mode", r"writing-mode\s*:", "outlook yahoo", _PICTURE),
    Feature(
        "css-pseudo-element-before",
        "::before",
        r"::before\b|:before\s*\{",
        _GOYP,
        _WORDS,
    ),
    Feature(
        "css-pseudo-element-after",
        "::after",
        r"::after\b|:after\s*\{",
        _GOYP,
        _WORDS,
    ),
    Feature(
        "css-visibility",
        "visibility",
        r"(?<![\w-])visibility\s*:\s*hidden",
        "gmail outlook",
        "Use {% if %}.",
    ),
    Feature("html-video", "<video>", r"<video\b", _GOYP, _IMAGE),
    Feature("html-audio", "<audio>", r"<audio\b", _GOYP, _IMAGE),
    Feature("html-svg", "<svg>", r"<svg\b", _GOY, "Use a PNG image."),
    Feature("html-object", "<object>", r"<object\b", _GOYP, _IMAGE),
    Feature("html-picture", "<picture>", r"<picture\b", _GOYP, "Use one <img>."),
    Feature("html-form", "<form>", r"<form\b", "outlook yahoo protonmail", _PAGE),
    Feature("html-input-text", "<input>", r"<input\b", "outlook yahoo samsung-email protonmail", _PAGE),
    Feature("html-dialog", "<dialog>", r"<dialog\b", _GOYP, _PAGE),
    Feature(
        "html-link",
        '<link rel="stylesheet">',
        r"<link\b[^>]*stylesheet",
        _ALL_BUT_APPLE,
        _STYLE,
    ),
    Feature("html-image-maps", "<map>", r"<map\b", "outlook yahoo protonmail", "Cut the image, and link its parts."),
    Feature("image-svg", "an SVG image", r"""\.svg["'?]""", "gmail", "Use a PNG image."),
    Feature("image-webp", "a WebP image", r"""\.webp["'?]""", "outlook", "Use a JPEG or PNG image."),
    Feature("image-avif", "an AVIF image", r"""\.avif["'?]""", "outlook", "Use a JPEG or PNG image."),
    Feature(
        "image-base64",
        "an image inside the HTML",
        r"""src=["\']data:image""",
        "gmail outlook",
        "Put it on your web server.",
    ),
)


def unsupported(sources: Mapping[str, str], clients: Iterable[str]) -> Iterator[tuple[PlaceInFile, str, str]]:
    """Place, message and remedy of each feature in the files that one of ``clients`` does not support, once a file."""
    for file, source in sources.items():
        for line, word, message, remedy in _unsupported_in(source, tuple(clients)):
            yield PlaceInFile(file, line, word), message, remedy


@lru_cache(_MOST_FILES)
def _unsupported_in(source: str, clients: tuple[str, ...]) -> tuple[tuple[int, str, str, str], ...]:
    """Line, word, message and remedy. A layout is a file of every template."""
    found = []
    markup = _HIDDEN.sub(_blank, source)
    styles = _only_styles(_MEDIA.sub(_blank, markup))
    for feature in FEATURES:
        text = styles if feature.slug.startswith("css-") else markup
        lacking = [CLIENTS[client] for client in clients if client in feature.lacking.split()]
        first = feature.expression.search(text) if lacking else None
        if first is not None:
            message = f"{feature.name} does not work in every app of {' and '.join(lacking)}"
            found.append((text.count("\n", 0, first.start()) + 1, first.group(), message, feature.remedy))
    return tuple(found)


def _only_styles(markup: str) -> str:
    """The CSS of a file, in its lines."""
    kept, at = [], 0
    for found in _CSS.finditer(markup):
        kept += ["\n" * markup.count("\n", at, found.start()), " ", found.group()]
        at = found.end()
    return "".join(kept)


def _blank(found: re.Match[str]) -> str:
    """As many lines of nothing."""
    return "\n" * found.group().count("\n")
