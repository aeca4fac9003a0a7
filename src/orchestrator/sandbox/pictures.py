"""Stand-ins for pictures under ``.example``: a domain that is reserved, so nothing can be fetched from there.

For display only; what was delivered stays as it is.
"""

from __future__ import annotations

import re
from hashlib import sha256
from urllib.parse import quote

_IMAGE = re.compile(
    r"""(<img\b[^>]*?\ssrc\s*=\s*)(?:"(https?://[^"/]*\.example/[^"]*)"|'(https?://[^'/]*\.example/[^']*)')""",
    re.IGNORECASE,
)
# three parcels, from a few strokes: (outline, tape)
_SHAPES = (
    ("M14 26 32 17 50 26v20L32 55 14 46z", "M14 26 32 35 50 26M32 35v20"),
    ("M16 22h32v28H16z", "M16 31h32M28 22v9h8v-9"),
    ("M22 18h20v8l5 6v20H17V32l5-6z", "M22 26h20M17 38h30"),
)


def with_stand_ins(html: str) -> str:
    """``html`` with a drawing for each picture that cannot exist; the same address gets the same drawing."""
    return _IMAGE.sub(lambda found: f'{found[1]}"{_drawing(found[2] or found[3])}"', html)


def _drawing(address: str) -> str:
    digest = sha256(address.encode()).digest()
    hue = int.from_bytes(digest[:2]) % 360
    outline, tape = _SHAPES[digest[2] % len(_SHAPES)]
    svg = (
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 64 64'>"
        f"<rect width='64' height='64' fill='hsl({hue} 32% 88%)'/>"
        f"<g fill='hsl({hue} 38% 70%)' stroke='hsl({hue} 45% 28%)' stroke-width='2' stroke-linejoin='round'>"
        f"<path d='{outline}'/><path d='{tape}' fill='none'/></g></svg>"
    )
    return f"data:image/svg+xml,{quote(svg, safe='')}"
