"""The site, opened from its folder with the network off, in a real Chromium."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from tests.browser.explorer_page import field
from tests.browser.test_everyone import OF_COLOURS, found_by_axe, view
from tests.site import pages

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.browser

# One page of each kind: axe takes a second or two for each.
KINDS = [
    "index.html",
    "lesson.html",
    "scale.html",
    "api/measures.html",
    "cli.html",
    "search.html",
]

# The rules of axe-core that depend on the width: what scrolls, and what is too small.
NARROW = ["scrollable-region-focusable", "target-size"]


@pytest.fixture
def asked(page: Page) -> list[str]:
    """Take the network away, and return what is requested beside files, or not found."""
    found: list[str] = []

    def note(request: Request) -> None:
        if not request.url.startswith(("file:", "data:")):
            found.append(request.url)

    page.context.set_offline(True)
    page.on("request", note)

    def failed(request: Request) -> None:
        # A page that is left may have asked for its icon just then.
        if request.failure != "net::ERR_ABORTED":
            found.append(f"{request.url}: {request.failure}")

    page.on("requestfailed", failed)
    return found


# Errors in the console fail each test, by the fixture `page`.
def test_every_page_opens_and_every_live_page_shows_a_softmax(
    site: Path, page: Page, asked: list[str]
) -> None:
    shown = 0
    for path in pages(site):
        page.goto(path.as_uri())
        expect(page.locator("h1").first).to_be_visible()
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, path.name
        for frame in page.locator(".live iframe").all():
            frame.scroll_into_view_if_needed()
            inside = frame.content_frame
            expect(inside.get_by_role("figure", name="Softmax")).to_be_visible()
            expect(field(inside)).to_be_visible()
            # An unknown parameter of a link, say.
            assert not any(inside.get_by_role("alert").all_text_contents())
            body = inside.locator("body").bounding_box()
            assert body is not None
            page.wait_for_function(
                "([frame, height]) => Math.abs(frame.clientHeight - height) <= 1",
                arg=[frame.element_handle(), body["height"]],
            )
            shown += 1
    assert shown > 10
    assert asked == []


def test_a_live_page_follows_the_colours_of_the_site(site: Path, browser: Browser) -> None:
    # Playwright's own choice of colours would be the one of all frames.
    page = browser.new_context(color_scheme="null").new_page()
    page.goto((site / "index.html").as_uri())
    inside = page.locator(".live iframe").content_frame
    expect(field(inside)).to_be_visible()
    switch = page.get_by_role("button", name="Color mode").first
    for name, colour in [("Dark", "rgb(21, 24, 28)"), ("Light", "rgb(255, 255, 255)")]:
        switch.click()
        page.get_by_role("button", name=name, exact=True).click()
        expect(page.locator("html")).to_have_attribute("data-theme", name.lower())
        expect(inside.locator("html")).to_have_css("background-color", colour)
    page.context.close()


def test_the_search_finds_text_names_and_options(site: Path, page: Page, asked: list[str]) -> None:
    for words, found in [
        ("perplexity", "api/measures.html"),
        ("overflow", "lesson.html"),
        ("top-p", "page.html"),
    ]:
        page.goto(f"{(site / 'search.html').as_uri()}?q={words}")
        expect(page.locator(f"#search-results a[href*='{found}']").first).to_be_visible()
    page.locator("#search-results a[href*='page.html']").first.click()
    expect(page.get_by_role("heading", name="The page", exact=False).first).to_be_visible()
    assert asked == []


@pytest.mark.parametrize("name", KINDS)
def test_axe_finds_nothing(site: Path, page: Page, name: str) -> None:
    # What is within the frames is tested with the page itself. Files may not be read by scripts.
    options = {"iframes": False, "preload": False}
    page.context.set_offline(True)
    view(page, 360)
    page.goto((site / name).as_uri())
    assert found_by_axe(page, NARROW, **options) == []
    view(page, 1280)
    page.reload()
    assert found_by_axe(page, **options) == []
    view(page, 1280, "dark")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert found_by_axe(page, OF_COLOURS, **options) == []
