"""Colors as CSS writes them, and how well a text can be told from its background.

The contrast is that of WCAG 2.2 (success criterion 1.4.3): 4.5 for text, 3 for large text, which is 24 px, or 18.66 px
and bold.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

TEXT_CONTRAST = 4.5
LARGE_TEXT_CONTRAST = 3.0
_MOST_PAIRS = 256
_LARGE, _LARGE_BOLD = 24.0, 18.66
_HEX = re.compile(r"#([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})\b")
_RGB = re.compile(r"rgba?\(\s*(\d+)[\s,]+(\d+)[\s,]+(\d+)(?:[\s,/]+([\d.]+)(%?))?\s*\)")
_NAMES = {
    "black": "#000000", "silver": "#c0c0c0", "gray": "#808080", "grey": "#808080", "white": "#ffffff",
    "maroon": "#800000", "red": "#ff0000", "purple": "#800080", "fuchsia": "#ff00ff", "magenta": "#ff00ff",
    "green": "#008000", "lime": "#00ff00", "olive": "#808000", "yellow": "#ffff00", "navy": "#000080",
    "blue": "#0000ff", "teal": "#008080", "aqua": "#00ffff", "cyan": "#00ffff", "orange": "#ffa500",
    "gold": "#ffd700", "pink": "#ffc0cb", "brown": "#a52a2a", "crimson": "#dc143c", "tomato": "#ff6347",
    "darkgray": "#a9a9a9", "darkgrey": "#a9a9a9", "lightgray": "#d3d3d3", "lightgrey": "#d3d3d3",
    "dimgray": "#696969", "whitesmoke": "#f5f5f5", "gainsboro": "#dcdcdc", "darkblue": "#00008b",
    "darkred": "#8b0000", "darkgreen": "#006400", "steelblue": "#4682b4", "indigo": "#4b0082", "ivory": "#fffff0",
}  # fmt: skip


class Color(NamedTuple):
    """Red, green and blue, 0 to 255."""

    red: int
    green: int
    blue: int

    def __str__(self) -> str:
        return f"#{self.red:02x}{self.green:02x}{self.blue:02x}"


BLACK, WHITE = Color(0, 0, 0), Color(255, 255, 255)


def color_of(written: str) -> Color | None:
    """An opaque color (``#0b5c6b``, ``rgb(1, 2, 3)``, a common name); None for anything else."""
    found = _color(written.strip().removesuffix("!important").strip())
    return found[0] if found and found[1] >= 1 else None


def painted(written: str, below: Color | None) -> Color | None:
    """What a background in CSS shows; ``below``: what is behind it. None: a picture, a gradient, or not known."""
    if "url(" in written or "gradient(" in written or "var(" in written:
        return None
    if written in {"transparent", "none", "inherit", "initial", "unset"}:
        return below
    found = _color(written)
    if found is None:
        return below
    color, opacity = found
    if opacity >= 1:
        return color
    if below is None:
        return None
    return Color(*(round(own * opacity + under * (1 - opacity)) for own, under in zip(color, below, strict=True)))


@lru_cache(_MOST_PAIRS)
def contrast(text: Color, background: Color) -> float:
    """From 1 (the same) to 21 (black on white)."""
    lighter, darker = sorted((_luminance(text), _luminance(background)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def needed_contrast(size: float, *, bold: bool) -> float:
    """For a text of ``size`` px."""
    return LARGE_TEXT_CONTRAST if size >= (_LARGE_BOLD if bold else _LARGE) else TEXT_CONTRAST


def _color(written: str) -> tuple[Color, float] | None:
    """The first color in a value, and its opacity."""
    if found := _HEX.search(written):
        digits = found.group(1)
        if len(digits) < 6:  # the short form: each digit twice
            digits = "".join(digit * 2 for digit in digits)
        opacity = int(digits[6:] or "ff", 16) / 255
        return Color(*(int(digits[at : at + 2], 16) for at in (0, 2, 4))), opacity
    if found := _RGB.search(written):
        red, green, blue, opacity_written, percent = found.groups()
        opacity = float(opacity_written or 1) / (100 if percent else 1)
        return Color(int(red), int(green), int(blue)), opacity
    for word in written.split():
        if word in _NAMES:
            return _color(_NAMES[word])
    return None


def _luminance(color: Color) -> float:
    red, green, blue = (_linear(value / 255) for value in color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(value: float) -> float:
    # WCAG 2.2 writes 0.04045 where older versions wrote 0.03928; no color of eight bits lies between
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4  # of sRGB
