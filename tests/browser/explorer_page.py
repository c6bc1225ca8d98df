"""What the browser tests share: how a file is opened, and where its controls are."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from thermoscope.explorer.page import write_page

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, FrameLocator, Locator, Page

    from thermoscope.state import State

# A step of the slider in each frame, as a drag makes them, until the last one is laid out.
DRAG = """async (range) => {
  for (let step = 50; step > 30; step--) {
    range.value = String(Number(range.min) + step * Number(range.step));
    range.dispatchEvent(new Event("input", { bubbles: true }));
    await new Promise(requestAnimationFrame);
  }
  await new Promise(requestAnimationFrame);
}"""
# Chromium drops mouse events before the first frame of a page, and a turn of the wheel before that
# frame is on the screen: that is when it tells of the first paint.
UNTIL_SHOWN = """new Promise((done) => {
    const told = () => requestAnimationFrame(() => requestAnimationFrame(done));
    new PerformanceObserver(told).observe({ type: "paint", buffered: true });
})"""


@contextmanager
def watched(browser: Browser) -> Iterator[tuple[Page, list[str]]]:
    """Yield a page in a new context, and the list of its uncaught errors and console errors."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console",
        lambda message: errors.append(message.text) if message.type == "error" else None,
    )
    try:
        yield page, errors
    finally:
        context.close()


def open_file(page: Page, path: Path, state: State, link: str = "") -> None:
    """Write the exported file of a state, and open it with the network off."""
    write_page(path, state)
    page.context.set_offline(True)
    page.goto(f"{path.as_uri()}{link}")
    page.evaluate(UNTIL_SHOWN)


def slider(view: Page | FrameLocator | Locator) -> Locator:
    return view.get_by_role("slider", name="Temperature", exact=True)


def field(view: Page | FrameLocator | Locator) -> Locator:
    return view.get_by_role("textbox", name="Temperature value")


def full_temperature(view: Page | FrameLocator | Locator) -> float:
    """Return the temperature with every digit, also where the field shows only the first ones."""
    text = field(view).get_attribute("title") or field(view).input_value()
    return float(text.replace("∞", "inf"))
