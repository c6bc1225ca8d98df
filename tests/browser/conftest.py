"""A real Chromium: no network except loopback, and an error in a page fails its test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.explorer_page import open_file, watched
from thermoscope.state import State
from tools.browsers import find_shell, launch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import ArrayLike


# Per module: while Playwright runs, no other test in the same thread can run asyncio.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = find_shell()
    if path is None:
        pytest.fail("no Chromium: run `python -m tools.browsers` to install one")
    with sync_playwright() as playwright:
        browser = launch(playwright, path=path)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Yield a page in a new context; any uncaught error or console error fails the test."""
    with watched(browser) as (page, errors):
        yield page
    assert errors == []


@pytest.fixture
def open_page(page: Page, tmp_path: Path) -> Callable[..., Page]:
    """Open the exported file of a state."""

    def open_(logits: ArrayLike, labels: list[str] | None = None, *, link: str = "") -> Page:
        open_file(page, tmp_path / "page.html", State.of(logits, labels), link)
        return page

    return open_
