"""Compare with a pinned A, draws and undo, on the exported file in a real Chromium."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.explorer_page import field, open_file, slider
from thermoscope import random_logits, softmax, truncate
from thermoscope.state import State

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

pytestmark = pytest.mark.browser

PETS = State.of([2.0, 1.0, 0.1], ["cat", "dog", "eel"], temperature=0.5)


def panel(page: Page, name: str) -> Locator:
    """Open a panel, and return it."""
    page.locator("summary", has_text=name).click()
    return page.get_by_role("region", name=name, exact=True)


def outlines(page: Page) -> list[float]:
    """Return the lengths of the outlines as parts of their axes."""
    edges = page.locator(".softmax .outlines path").first.get_attribute("d") or ""
    return [float(line.partition("H")[2]) for line in edges.split("M")[1:]]


def drawn(probabilities: NDArray[np.float64], count: int, seed: int) -> NDArray[np.int64]:
    """Draw as docs/page.md says."""
    sums = np.cumsum(probabilities)
    return np.searchsorted(sums, random_logits(count, seed=seed), side="right")


def test_a_is_pinned_compared_and_gone_back_to(page: Page, tmp_path: Path) -> None:
    open_file(page, tmp_path / "page.html", PETS)
    figure = page.get_by_role("figure", name="Softmax")
    expect(figure).to_contain_text("outline: T = 1")
    assert outlines(page) == pytest.approx(softmax(PETS.logits), abs=2e-3)
    compare = panel(page, "Compare")
    compare.get_by_role("button", name="Pin as A").click()
    expect(compare.locator(".told")).to_have_text(
        "The draws follow the same probabilities as those of A."
    )
    expect(page.get_by_role("status")).to_have_text("Pinned as A: the outlines show it.")
    expect(figure).to_contain_text("outline: A, T = 0.5")
    slider(page).focus()
    page.keyboard.press("End")
    uniform = np.full(3, 1 / 3)
    variation = np.abs(softmax(PETS.logits, 0.5) - uniform).sum() / 2
    expect(compare.locator(".told")).to_have_text(
        f"{round(100 * variation)} of 100 draws would differ from A: "
        f"the total variation is {variation:.4g}."
    )
    expect(compare.get_by_role("listitem").first).to_have_text("“cat”: 86.38 % → 33.33 %")
    assert outlines(page) == pytest.approx(softmax(PETS.logits, 0.5), abs=2e-3)
    compare.get_by_role("button", name="Go back to A").click()
    expect(field(page)).to_have_value("0.5")
    page.get_by_role("button", name="Undo").click()
    expect(field(page)).to_have_value("∞")
    compare.get_by_role("button", name="Unpin").click()
    assert outlines(page) == pytest.approx(softmax(PETS.logits), abs=2e-3)


def test_draws_are_those_of_the_seed_after_truncation(page: Page, tmp_path: Path) -> None:
    open_file(page, tmp_path / "page.html", PETS, "#T=2&top_k=2")
    draws = panel(page, "Draws")
    draws.get_by_role("button", name="Draw 100", exact=True).click()
    seed = draws.get_by_role("textbox", name="Seed")
    seed.fill("7")
    seed.press("Enter")
    found = np.bincount(drawn(truncate(PETS.logits, 2, top_k=2), 100, 7), minlength=3)
    rows = draws.get_by_role("table").locator("tbody tr")
    for place, item in enumerate(np.argsort(-found, kind="stable")[:2]):
        assert PETS.labels is not None
        expect(rows.nth(place)).to_contain_text(PETS.labels[item])
        expect(rows.nth(place).locator("td").first).to_have_text(str(found[item]))
    expect(draws.locator(".told")).to_contain_text(
        re.compile(f"“cat”, the highest item, was drawn {found[0]} times in 100")
    )
    marks = page.locator("svg.drawn path")
    expected = [f"M{found[item] / 100:.5f} {item}v1" for item in (0, 1)]
    expect(marks).to_have_attribute("d", "".join(expected))
    draws.get_by_role("button", name="Draw 1", exact=True).click()
    expect(seed).to_have_value("7")
    first = PETS.labels[drawn(truncate(PETS.logits, 2, top_k=2), 1, 7)[0]]
    for place in (draws.locator(".told"), page.get_by_role("status")):
        expect(place).to_contain_text(f"“{first}” was drawn")
    seed.fill("-1")
    seed.press("Enter")
    expect(draws.get_by_role("alert")).to_have_text(
        "Seed must be a whole number from 0 to 9,007,199,254,740,991, got “-1”."
    )
    draws.get_by_role("button", name="Clear").click()
    expect(draws.get_by_role("table")).to_have_count(0)
    expect(marks).to_have_count(0)


def test_a_gesture_is_undone_by_buttons_and_by_keys(page: Page, tmp_path: Path) -> None:
    open_file(page, tmp_path / "page.html", PETS)
    undo, redo = (page.get_by_role("button", name=name) for name in ("Undo", "Redo"))
    expect(undo).to_be_disabled()
    page.get_by_role("combobox", name="Total items").select_option("7")
    page.get_by_role("button", name="T = 0", exact=True).click()
    page.keyboard.press("Control+z")
    expect(field(page)).to_have_value("0.5")
    page.keyboard.press("Control+z")
    expect(page.get_by_role("combobox", name="Total items")).to_have_value("given")
    expect(page.get_by_role("figure", name="Logits").get_by_role("listitem")).to_have_count(3)
    expect(undo).to_be_disabled()
    page.keyboard.press("Control+Shift+z")
    page.keyboard.press("Control+y")
    expect(field(page)).to_have_value("0")
    expect(redo).to_be_disabled()
    # In a field, the keys undo what is typed there.
    field(page).fill("12")
    page.keyboard.press("Control+z")
    expect(page.get_by_role("combobox", name="Total items")).to_have_value("7")
