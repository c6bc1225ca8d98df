"""The page for everyone: checked by axe-core, by keyboard, by touch, narrow, enlarged, mirrored."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.explorer_page import field, open_file, slider
from thermoscope import random_logits
from thermoscope.state import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

    Open = Callable[..., Page]

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture
def open_page(page: Page, tmp_path: Path) -> Open:
    """Open the exported file of a state."""

    def open_(logits: ArrayLike, labels: list[str] | None = None, *, link: str = "") -> Page:
        open_file(page, tmp_path / "page.html", State.of(logits, labels), link)
        return page

    return open_


def open_panels(page: Page) -> None:
    page.locator("details").evaluate_all("all => all.forEach((panel) => (panel.open = true))")


def found_by_axe(page: Page) -> list[str]:
    """Return what axe-core finds wrong, a line for each element."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    result: dict[str, Any] = page.evaluate("axe.run()")
    assert len(result["passes"]) > 20
    return [
        f"{rule['id']}: {rule['help']}: {node['html'][:120]} {node['any'][:1]}"
        for rule in result["violations"]
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("colours", ["light", "dark", "forced"])
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("size", [5, 50, 50_257])
def test_axe_finds_nothing(
    open_page: Open, page: Page, size: int, width: int, colours: Literal["light", "dark", "forced"]
) -> None:
    if colours == "forced":
        page.emulate_media(forced_colors="active")
    else:
        page.emulate_media(color_scheme=colours)
    page.set_viewport_size({"width": width, "height": 800})
    open_page(random_logits(size, seed=1), link="#T=0.3")
    open_panels(page)
    assert found_by_axe(page) == []
    page.keyboard.press("?")
    assert found_by_axe(page) == []


def test_axe_finds_what_is_wrong(open_page: Open) -> None:
    page = open_page([1.0, 2.0])
    slider(page).evaluate("slider => slider.removeAttribute('aria-label')")
    assert any(line.startswith("label: ") for line in found_by_axe(page))


def keys_button(page: Page) -> Locator:
    return page.get_by_role("button", name="Keys")


def test_a_question_mark_shows_the_keys(open_page: Open) -> None:
    page = open_page([2.0, 1.0, 0.1])
    keys = page.get_by_role("dialog", name="Keys")
    expect(keys).to_have_count(0)
    # The page has the focus from the start. Each way back returns it.
    page.keyboard.press("?")
    expect(keys).to_be_visible()
    expect(keys.get_by_role("button", name="Close")).to_be_focused()
    page.keyboard.press("Escape")
    expect(keys).to_have_count(0)
    slider(page).press("?")
    page.keyboard.press("?")
    expect(keys).to_have_count(0)
    expect(slider(page)).to_be_focused()
    keys_button(page).press("Enter")
    keys.get_by_role("button", name="Close").press("Enter")
    expect(keys).to_have_count(0)
    expect(keys_button(page)).to_be_focused()
    keys_button(page).click()
    expect(keys).to_be_visible()
    keys_button(page).click()
    expect(keys).to_have_count(0)
    # In a text field it is a character.
    field(page).press("?")
    expect(field(page)).to_have_value("?1")
    expect(keys).to_have_count(0)


TEMPERATURE = {
    "ArrowLeft": "T = 0.7943",
    "ArrowDown": "T = 0.7943",
    "ArrowRight": "T = 1.259",
    "ArrowUp": "T = 1.259",
    "PageDown": re.compile(r"T = 0\.1"),
    "PageUp": re.compile("T = (6|10)"),
    "Home": "T = 0",
    "End": "T = ∞",
}
# From rank 20 of 60, in a window of 15.
SOFTMAX = {
    "ArrowUp": "19",
    "ArrowDown": "21",
    "PageUp": "5",
    "PageDown": "35",
    "Home": "0",
    "End": "59",
}
SHOWN = {
    "←": "ArrowLeft",
    "→": "ArrowRight",
    "↑": "ArrowUp",
    "↓": "ArrowDown",
    "Page Up": "PageUp",
    "Page Down": "PageDown",
    "Esc": "Escape",
}


def test_every_key_of_the_list_does_what_it_says(open_page: Open) -> None:
    page = open_page(np.arange(60.0)[::-1])
    pressed = {("outside of text fields", "["), ("outside of text fields", "]")}  # test_rows.py

    def press(place: str, key: str) -> None:
        pressed.add((place, key))
        page.keyboard.press(key)

    for name in ("Temperature", "Cursor at T"):
        control = page.get_by_role("slider", name=name, exact=True)
        for key, expected in TEMPERATURE.items():
            field(page).fill("1")
            control.focus()
            press("Temperature, Cursor at T", key)
            expect(control).to_have_attribute("aria-valuetext", expected)

    pointed = page.locator(".softmax .row.pointed .label")
    for key, expected in SOFTMAX.items():
        page.get_by_role("figure", name="Softmax").get_by_role("listitem").last.focus()
        for other in ("Home", "PageDown", *5 * ["ArrowDown"]):
            page.keyboard.press(other)
        expect(pointed).to_have_text("20")
        press("Softmax", key)
        expect(pointed).to_have_text(expected)

    search = page.get_by_role("searchbox", name="Search labels")
    search.fill("1")
    expect(page.get_by_role("search").locator("output")).to_have_text("1 of 15")
    press("Search labels", "Enter")
    expect(pointed).to_have_text("10")
    press("Search labels", "Shift+Enter")
    expect(pointed).to_have_text("1")

    field(page).fill("0.70")
    press("number fields", "Enter")
    expect(field(page)).to_have_value("0.7")
    field(page).fill("much")
    press("number fields", "Escape")
    expect(field(page)).to_have_value("0.7")

    slider(page).press("Home")
    press("outside of text fields", "Control+Z")
    expect(field(page)).to_have_value("0.7")
    press("outside of text fields", "Control+Y")
    expect(field(page)).to_have_value("0")
    page.keyboard.press("Control+Z")
    press("outside of text fields", "Control+Shift+Z")
    expect(field(page)).to_have_value("0")

    press("outside of text fields", "?")
    listed = {
        (section.get_attribute("aria-label"), SHOWN.get(key, key.replace("Ctrl", "Control")))
        for section in page.get_by_role("dialog").locator("section").all()
        for key in section.locator("kbd").all_inner_texts()
    }
    assert listed == pressed
