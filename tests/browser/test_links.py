"""The address of a page as a link, in a real Chromium."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.explorer_page import field, open_file, slider
from thermoscope import random_logits, softmax
from thermoscope.explorer.page import page_html
from thermoscope.state import State
from tools.explorer import explorer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import ArrayLike

    Open = Callable[..., Page]

pytestmark = pytest.mark.browser

PETS = State.of([2.0, 1.0, 0.1], ["cat", "dog", "eel"], source="pets.csv")


@pytest.fixture
def open_link(page: Page, tmp_path: Path) -> Open:
    """Open the exported file of a state by a link."""
    path = tmp_path / "page.html"

    def open_(link: str = "", state: State = PETS) -> Page:
        open_file(page, path, state, link)
        return page

    return open_


def cells(page: Page, column: int) -> Locator:
    table = page.locator(".values table")
    return table.locator(f"tbody tr td:nth-of-type({column})")


def assert_shows(page: Page, logits: ArrayLike, temperature: float) -> None:
    """Assert that the table has these logits and their softmax, with the digits of Python."""
    numbers = np.asarray(logits, np.float64).tolist()
    expect(cells(page, 1)).to_have_text([f"{logit:.10g}" for logit in numbers])
    probabilities = softmax(logits, temperature).tolist()
    expect(cells(page, 2)).to_have_text([f"{value:#.10g}" for value in probabilities])


def assert_link(page: Page, link: str) -> None:
    expect(page).to_have_url(re.compile(f"^[^#]*#{re.escape(link)}$"))


def test_a_link_is_opened_changed_and_opened_again(open_link: Open) -> None:
    page = open_link("#n=5&seed=7&T=0.5")
    logits = random_logits(5, seed=7)
    assert_shows(page, logits, 0.5)
    slider(page).focus()
    page.keyboard.press("ArrowRight")
    assert_shows(page, logits, 0.631)
    assert_link(page, "n=5&seed=7&T=0.631")
    page.reload()
    expect(field(page)).to_have_value("0.631")
    assert_shows(page, logits, 0.631)


def test_new_random_logits_are_in_the_link(open_link: Open) -> None:
    page = open_link("#T=0.5")
    page.get_by_role("combobox", name="Total items").select_option("7")
    expect(page).to_have_url(re.compile(r"#n=7&seed=\d{1,10}&T=0\.5$"))
    first = page.url
    page.get_by_role("button", name="New random logits").click()
    expect(page).not_to_have_url(first)
    seed = re.search(r"seed=(\d+)", page.url)
    assert seed is not None
    logits = random_logits(7, seed=int(seed[1]))
    assert_shows(page, logits, 0.5)
    page.reload()
    assert_shows(page, logits, 0.5)


def test_logits_and_labels_of_a_link(open_link: Open) -> None:
    page = open_link("#logits=3,-1,0.5&labels=salt\\,+pepper,,猫&T=2&top_p=0.9")
    assert_shows(page, [3.0, -1.0, 0.5], 2)
    rows = page.locator(".values table").locator("tbody th")
    expect(rows).to_have_text(["salt, pepper", "(empty)", "猫"])
    page.get_by_role("button", name="T = 1", exact=True).click()
    assert_link(page, "logits=3,-1,0.5&labels=salt%5C,+pepper,,%E7%8C%AB&T=1&top_p=0.9")


def test_the_page_s_own_logits_need_no_link_and_can_be_had_again(open_link: Open) -> None:
    page = open_link()
    assert "#" not in page.url
    slider(page).focus()
    page.keyboard.press("ArrowRight")
    assert_link(page, "T=1.259")
    page.get_by_role("button", name="New random logits").click()
    expect(page).to_have_url(re.compile("#n=3&seed="))
    page.reload()
    total = page.get_by_role("combobox", name="Total items")
    expect(total.locator("option:checked")).to_have_text("3")
    total.select_option("3 · pets.csv")
    assert_shows(page, PETS.logits, 1.259)
    assert_link(page, "T=1.259")


def test_many_logits_of_the_page_itself(open_link: Open) -> None:
    state = State.of(np.random.default_rng(1).normal(size=5000), source="many.npy")
    page = open_link("#T=0.5", state)
    expect(field(page)).to_have_value("0.5")
    slider(page).focus()
    page.keyboard.press("Home")
    assert_link(page, "T=0")
    page.reload()
    expect(slider(page)).to_have_attribute("aria-valuetext", "T = 0")


def test_a_link_that_is_partly_wrong(open_link: Open) -> None:
    page = open_link("#n=4&seed=7&T=hot&colour=red")
    expect(page.get_by_role("alert").filter(has_text="link")).to_have_text(
        "Part of the link is not used. T must be a number ≥ 0 or “inf”, got “hot”. "
        "“colour=red” has no use here."
    )
    assert_shows(page, random_logits(4, seed=7), 1)
    slider(page).focus()
    page.keyboard.press("ArrowRight")
    assert_link(page, "n=4&seed=7&T=1.259")
    expect(page.get_by_role("alert").filter(has_text="link")).to_have_count(0)


def test_a_link_that_is_typed_into_the_address(open_link: Open) -> None:
    page = open_link("#T=0.5")
    page.evaluate("location.hash = 'n=3&seed=7&T=2&T=3'")
    assert_shows(page, random_logits(3, seed=7), 2)
    expect(page.get_by_role("alert").filter(has_text="link")).to_contain_text("“T=3”")
    page.go_back()
    assert_shows(page, PETS.logits, 0.5)
    expect(page.get_by_role("alert").filter(has_text="link")).to_have_count(0)
    page.evaluate("location.hash = ''")
    assert_shows(page, PETS.logits, 1)


def test_a_drag_writes_no_link_before_it_ends(open_link: Open, page: Page) -> None:
    page.clock.install()
    open_link("#T=1")
    box = slider(page).bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    for part in (0.6, 0.7, 0.8):
        page.mouse.move(box["x"] + box["width"] * part, middle)
        page.clock.run_for(1000)
    dragged = field(page).input_value()
    assert float(dragged) > 10
    assert page.url.endswith("#T=1")
    page.mouse.up()
    page.clock.run_for(1000)
    assert_link(page, f"T={dragged}")


def test_a_link_to_the_rows_of_a_server_is_about_the_settings(page: Page, tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", 2 * np.eye(3))
    frame = "hide=curves&lock=sampler&embed"
    with explorer(tmp_path / "rows.npy") as served:
        page.clock.install()
        page.goto(f"{served.url}#T=2&top_k=2&{frame}")
        expect(field(page)).to_have_value("2")
        expect(page.get_by_role("textbox", name="top-k")).to_have_value("2")
        expect(page.get_by_role("button", name="Add top-p")).to_be_disabled()
        expect(page.get_by_role("figure", name="Every temperature")).to_have_count(0)
        expect(page.get_by_role("heading")).to_have_count(0)
        # The row is not a part of it, and the logits of the server aren't either.
        page.get_by_role("button", name="Next row").click()
        expect(page.get_by_role("textbox", name="Row", exact=True)).to_have_value("1")
        slider(page).focus()
        page.keyboard.press("ArrowLeft")
        page.clock.run_for(1000)
        assert page.url == f"{served.url}#T={field(page).input_value()}&top_k=2&{frame}"
        page.goto(f"{served.url}#T=0.5&who=me")
        expect(field(page)).to_have_value("0.5")
        expect(page.get_by_role("alert").filter(has_text="who=me")).to_be_visible()


def test_the_page_in_a_frame_without_an_address(page: Page) -> None:
    page.clock.install()
    frame = f'<iframe sandbox="allow-scripts" srcdoc="{html.escape(page_html(PETS))}"></iframe>'
    page.set_content(frame)
    inside = page.frame_locator("iframe")
    inside.get_by_role("button", name="T = 0").click()
    page.clock.run_for(1000)
    expect(inside.locator("p[role=status]")).to_contain_text("T = 0: the highest item, “cat”")
    assert page.frames[1].evaluate("location.href") == "about:srcdoc#T=0"
    assert page.url == "about:blank"
