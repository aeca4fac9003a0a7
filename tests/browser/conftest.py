"""A headless Chromium. Without one, or without the packages that drive it, these tests are skipped and say so."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from tests.conftest import missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--font-render-hinting=none",
    "--disable-lcd-text",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        missing("Chromium is not installed: apt-get install chromium fonts-liberation, or name it in CHROMIUM")
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 -- not part of the development dependencies
    except ImportError:
        missing("the packages of requirements-browser.lock are not installed")
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=program, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that reaches no network."""
    context = browser.new_context(device_scale_factor=1)
    context.route("http*://*/**", lambda route: route.abort())
    yield context.new_page()
    context.close()
