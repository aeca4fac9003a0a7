"""The starter's mails as people see them: at phone and desktop width, light and dark, and with assistive technology."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.browser import readers
from tests.browser.screens import SCREENS, Screen, differing_cells, photographed

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

MOST_DIFFERENT = 0.03


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.file.stem)
def test_a_mail_looks_as_it_was_approved(page: Page, screen: Screen, tmp_path: Path) -> None:
    from PIL import Image  # noqa: PLC0415 -- not part of the development dependencies

    seen = photographed(page, screen)
    seen.save(tmp_path / screen.file.name)
    approved = Image.open(screen.file).convert("RGB")
    assert differing_cells(seen, approved) <= MOST_DIFFERENT, (
        f"{screen.file.name} looks different: compare {tmp_path / screen.file.name}. "
        "If it is wanted: python -m tests.browser.screens"
    )


def test_a_changed_color_and_a_longer_mail_are_seen() -> None:
    image = pytest.importorskip("PIL.Image")
    white, teal = image.new("RGB", (400, 320), "white"), image.new("RGB", (400, 320), "white")
    teal.paste((10, 90, 100), (40, 40, 200, 80))
    assert differing_cells(white, white) == 0
    assert differing_cells(white, teal) > MOST_DIFFERENT
    assert differing_cells(white, image.new("RGB", (400, 400), "white")) == 1


@pytest.mark.parametrize("width", [375, 800])
@pytest.mark.parametrize("campaign", readers.CAMPAIGNS)
def test_nothing_is_cut_off_or_scrolls_sideways(page: Page, campaign: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 600})
    for language in readers.READERS:
        page.set_content(readers.page(campaign, language), wait_until="load")
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", list(readers.READERS))
@pytest.mark.parametrize("campaign", readers.CAMPAIGNS)
def test_axe_finds_no_violation(page: Page, campaign: str, language: str, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415 -- as above

    page.set_viewport_size({"width": 800, "height": 600})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_content(readers.page(campaign, language), wait_until="load")
    result = Axe().run(page)
    assert result.violations_count == 0, result.generate_report()
