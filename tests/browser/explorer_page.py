"""What the browser tests share: how a file is opened, and where its controls are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thermoscope.explorer.page import write_page

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import FrameLocator, Locator, Page

    from thermoscope.state import State

# Chromium drops mouse events before the first frame of a page, and a turn of the wheel before that
# frame is on the screen: that is when it tells of the first paint.
UNTIL_SHOWN = """new Promise((done) => {
    const told = () => requestAnimationFrame(() => requestAnimationFrame(done));
    new PerformanceObserver(told).observe({ type: "paint", buffered: true });
})"""


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
