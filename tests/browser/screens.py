"""Pictures of the starter's mails, and how much two pictures differ to the eye.

``python -m tests.browser.screens`` takes them anew: after a change of the templates that you looked at and want.
"""

from __future__ import annotations

import io
import itertools
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.browser import readers

if TYPE_CHECKING:
    from PIL.Image import Image
    from playwright.sync_api import Page

FOLDER = Path(__file__).parent / "screens"
SMALLER = 2
"""pictures are kept at half size: letters that a newer browser draws a little differently do not matter"""
BLOCK = 16
"""pixels of one cell of the comparison"""


class Screen(NamedTuple):
    """One picture."""

    campaign: str
    language: str
    width: int
    scheme: str

    @property
    def file(self) -> Path:
        return FOLDER / f"{self.campaign}.{self.language}.{self.width}.{self.scheme}.png"


SCREENS = [
    *(
        Screen(campaign, "en", width, scheme)
        for campaign, width, scheme in itertools.product(readers.CAMPAIGNS, (375, 800), ("light", "dark"))
    ),
    *(
        Screen(campaign, language, 375, "light")
        for campaign, language in itertools.product(readers.CAMPAIGNS, ("sv", "de"))
    ),
]


def photographed(page: Page, screen: Screen) -> Image:
    """The mail in this width and scheme, at half size."""
    from PIL import Image  # noqa: PLC0415 -- as playwright

    page.set_viewport_size({"width": screen.width, "height": 600})
    page.emulate_media(color_scheme="dark" if screen.scheme == "dark" else "light")
    page.set_content(readers.page(screen.campaign, screen.language), wait_until="load")
    picture = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    return picture.resize((picture.width // SMALLER, picture.height // SMALLER), Image.Resampling.BOX)


def differing_cells(one: Image, other: Image) -> float:
    """Share of cells whose mean color differs visibly; 1.0 where the sizes differ by more than two lines of text."""
    from PIL import Image, ImageChops  # noqa: PLC0415 -- as playwright

    if one.width != other.width or abs(one.height - other.height) > BLOCK * 2:
        return 1.0
    size = (one.width // BLOCK, min(one.height, other.height) // BLOCK)
    box = (0, 0, size[0] * BLOCK, size[1] * BLOCK)
    cells = [picture.crop(box).resize(size, Image.Resampling.BOX) for picture in (one, other)]
    apart: bytes = ImageChops.difference(*cells).convert("L").tobytes()
    return sum(value > 24 for value in apart) / len(apart)


def main() -> None:
    """Take every picture."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 -- as above
    from tests.browser.conftest import FLAGS  # noqa: PLC0415 -- as above

    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.png"):
        old.unlink()
    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=FLAGS)
        for screen in SCREENS:
            page = browser.new_page(device_scale_factor=1)
            photographed(page, screen).quantize(64).save(screen.file, optimize=True)
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
