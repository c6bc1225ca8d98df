"""A page within another page: its height, its keys and its look, in a real Chromium."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import FrameLocator, Page, Route, expect

from tests.browser.explorer_page import field, slider
from thermoscope.explorer.page import page_html
from thermoscope.state import State

if TYPE_CHECKING:
    from collections.abc import Callable

    Open = Callable[..., FrameLocator]

pytestmark = pytest.mark.browser

SITE = "http://elsewhere.test/"
PETS = State.of([2.0, 1.0, 0.1], ["cat", "dog", "eel"])
HIDDEN = "hide=why,draws,compare,engines,values"
RECORD = """
<script>
  var messages = [];
  var keys = [];
  addEventListener("message", ({ data }) => messages.push(data));
  addEventListener("keydown", ({ key }) => keys.push(key));
</script>"""


def serve(page: Page, body: str) -> FrameLocator:
    """Open a page with this body, and the exported file as lesson.html beside it."""
    files = {
        "slide.html": f'<!doctype html><link rel="icon" href="data:,"><body>{RECORD}{body}',
        "lesson.html": page_html(PETS),
    }

    def answer(route: Route) -> None:
        name = route.request.url.removeprefix(SITE)
        route.fulfill(body=files[name], content_type="text/html; charset=utf-8")

    page.context.set_offline(True)
    page.route(f"{SITE}*", answer)
    page.goto(f"{SITE}slide.html")
    frame = page.frame_locator("iframe")
    expect(field(frame)).to_be_visible()
    return frame


@pytest.fixture
def open_frame(page: Page) -> Open:
    def open_(link: str, attributes: str = "") -> FrameLocator:
        source = html.escape(f"lesson.html#{link}")
        return serve(page, f'<iframe src="{source}" title="T" {attributes}></iframe>')

    return open_


def messages(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate("messages")
    return found


def heights(page: Page) -> list[int]:
    return [message["height"] for message in messages(page) if "height" in message]


def test_an_embedded_page_has_no_title_and_no_padding(open_frame: Open, page: Page) -> None:
    frame = open_frame(f"{HIDDEN},lesson&embed", 'style="width: 900px; height: 700px; border: 0"')
    expect(frame.get_by_role("heading")).to_have_count(0)
    expect(frame.get_by_role("region", name="Softmax temperature")).to_be_visible()
    expect(frame.locator("details.panel")).to_have_count(0)
    assert (
        frame.locator(".instrument").evaluate("(part) => getComputedStyle(part).paddingTop")
        == "4px"
    )
    slider(frame).press("Home")
    # What is embedded stays so: the link keeps it.
    page.wait_for_function(
        "document.querySelector('iframe').contentWindow.location.hash.includes('T=0')"
    )
    address = page.frames[1].evaluate("location.hash")
    assert address == f"#T=0&{HIDDEN},lesson&embed"


def test_the_height_is_told_whenever_it_changes(open_frame: Open, page: Page) -> None:
    frame = open_frame(f"{HIDDEN}&embed", 'width="900" height="300"')
    page.wait_for_function("messages.length > 0")
    assert {message["type"] for message in messages(page)} == {"softmax-thermoscope"}
    before = heights(page)[-1]
    assert before == pytest.approx(frame.locator("main").bounding_box()["height"], abs=1)  # type: ignore[index]
    frame.get_by_text("Lesson", exact=True).click()
    page.wait_for_function(f"messages.at(-1).height < {before}")
    told = len(messages(page))
    # A drag changes no height.
    slider(frame).press("ArrowRight")
    expect(field(frame)).to_have_value("1.259")
    page.evaluate("document.querySelector('iframe').height = 900")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert len(messages(page)) == told


@pytest.mark.parametrize("width", [320, 700, 1100])
def test_a_page_that_follows_the_height_comes_to_rest(
    open_frame: Open, page: Page, width: int
) -> None:
    open_frame("embed", f'width="{width}" height="150" style="border: 0"')
    page.evaluate(
        "const frame = document.querySelector('iframe');"
        "const follow = ({ height }) => { if (height) frame.height = height; };"
        "messages.forEach(follow);"
        "addEventListener('message', ({ data }) => follow(data));"
    )
    page.wait_for_function(
        "document.querySelector('iframe').height >= "
        "document.querySelector('iframe').contentDocument.documentElement.scrollHeight - 1"
    )
    for _ in range(20):
        page.evaluate("new Promise((done) => requestAnimationFrame(done))")
    assert len(heights(page)) <= 4
    inside = page.frames[1].evaluate(
        "[document.documentElement.scrollHeight, innerHeight, innerWidth]"
    )
    assert inside[0] <= inside[1]
    assert inside[2] == width


def test_keys_are_the_frame_s_only_with_the_focus(open_frame: Open, page: Page) -> None:
    frame = open_frame(f"{HIDDEN}&embed", 'width="900" height="700"')
    assert page.evaluate("document.activeElement.localName") == "body"
    page.keyboard.press("ArrowRight")
    expect(field(frame)).to_have_value("1")
    slider(frame).click()
    page.keyboard.press("Home")
    expect(field(frame)).to_have_value("0")
    field(frame).fill("hot")
    page.keyboard.press("Escape")
    expect(field(frame)).to_have_value("0")
    # A list that is open takes Escape for itself.
    frame.get_by_role("button", name="Keys").click()
    expect(frame.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(frame.get_by_role("dialog", name="Keys")).to_be_hidden()
    assert [message for message in messages(page) if "escape" in message] == []
    page.keyboard.press("Escape")
    page.wait_for_function("messages.at(-1).escape")
    assert messages(page)[-1] == {"type": "softmax-thermoscope", "escape": True}
    assert page.evaluate("document.hasFocus() && document.activeElement.localName") == "body"
    page.keyboard.press("ArrowRight")
    expect(field(frame)).to_have_value("0")
    assert page.evaluate("keys") == ["ArrowRight", "ArrowRight"]


def test_a_page_that_is_not_embedded_says_nothing(open_frame: Open, page: Page) -> None:
    frame = open_frame("T=2", 'width="900" height="700"')
    expect(frame.get_by_role("heading", name="Softmax temperature")).to_be_visible()
    slider(frame).press("Escape")
    page.frames[1].evaluate("location.hash = 'T=3&embed'")
    page.wait_for_function("messages.length > 0")
    expect(frame.get_by_role("heading", name="Softmax temperature")).to_have_count(0)
    assert {"escape" in message for message in messages(page)} == {False}


def test_the_example_of_the_documentation(page: Page) -> None:
    text = (Path(__file__).parents[2] / "docs" / "page.md").read_text()
    section = text.split("\n## In a frame\n")[1]
    example = re.search(r"```html\n(.*?)```", section, re.DOTALL)
    assert example is not None
    frame = serve(page, example[1])
    expect(field(frame)).to_have_value("0.5")
    expect(frame.get_by_role("alert").filter(has_text="link")).to_have_count(0)
    page.wait_for_function("document.querySelector('iframe').style.height !== '500px'")
    height = page.evaluate("document.querySelector('iframe').clientHeight")
    assert height == heights(page)[-1]
