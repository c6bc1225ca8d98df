"""A server's answer in a real browser: intervals, on a served page and in an offline file."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from playwright.sync_api import expect

import thermoscope as ts
from tests.browser.explorer_page import open_file, slider
from tests.browser.test_everyone import found_in_all_colours, open_everything, view
from thermoscope.state import State, Tail
from tools.explorer import WATCH, explorer

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

SIZE = 20


@pytest.fixture
def logits(next_token: Path) -> NDArray[np.float64]:
    return np.sort(np.load(next_token / "1.npy").astype(np.float64))[::-1]


def answer_of(logits: NDArray[np.float64], temperature: float = 1.0) -> dict[str, object]:
    """Return what a server answers that reports the likeliest tokens at a temperature."""
    logprobs = ts.log_softmax(logits, temperature)[:SIZE].astype(np.float32).tolist()
    top = [{"token": f"tok{at}", "logprob": value} for at, value in enumerate(logprobs)]
    return {"choices": [{"logprobs": {"content": [{**top[0], "top_logprobs": top}]}}]}


def state_of(logits: NDArray[np.float64]) -> State:
    """Return the same as a state, with the size of the vocabulary."""
    log_p = ts.log_softmax(logits)
    told = log_p[:SIZE]
    tail = Tail(float(np.exp(log_p[SIZE:]).sum()), float(told[-1]), logits.size - SIZE)
    return State.of(told, [f"tok{at}" for at in range(SIZE)], source="answer.json", tail=tail)


def values(page: Page) -> tuple[list[str], dict[str, tuple[float, float]]]:
    """Return the heading of the table "Values", and the least and the most of each line."""
    table = page.locator(".values table")
    expect(table).to_be_attached()
    heading: list[str] = table.locator("thead th").all_text_contents()
    rows: list[list[str]] = table.locator("tbody tr, tfoot tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
    )
    return heading, {name: (float(cells[-3]), float(cells[-2])) for name, *cells in rows}


def set_temperature(page: Page, text: str) -> None:
    field = page.get_by_role("textbox", name="Temperature value")
    field.fill(text)
    field.press("Enter")


def check(page: Page, logits: NDArray[np.float64], temperature: float) -> None:
    """Check that the whole distribution is within what the page shows."""
    p = ts.softmax(logits, temperature)
    heading, found = values(page)
    assert heading[2:4] == ["At least", "At most"]
    assert len(found) == SIZE + 2
    truth = {f"tok{at}": p[at] for at in range(SIZE)}
    truth |= {"not reported": p[SIZE:].sum(), "Reported": p[:SIZE].sum()}
    for name, value in truth.items():
        low, high = found[name]
        assert low * (1 - 1e-9) <= value <= high * (1 + 1e-9), (name, temperature)


def hatched(page: Page) -> str:
    return page.locator(".unknown path").get_attribute("d") or ""


def test_the_truth_is_within_what_a_served_page_shows(
    page: Page, tmp_path: Path, logits: NDArray[np.float64]
) -> None:
    (tmp_path / "answer.json").write_text(json.dumps(answer_of(logits, 0.7)), encoding="utf-8")
    page.add_init_script(WATCH)
    with explorer(tmp_path / "answer.json", "--applied-temperature", "0.7", "-T", "0.7") as served:
        page.goto(served.url)
        expect(page.get_by_text("not reported: ")).to_contain_text("an unknown number of tokens")
        check(page, logits, 0.7)
        # What is reported is known where it was reported.
        assert hatched(page) == ""
        for temperature in ("0.3", "1", "2"):
            set_temperature(page, temperature)
            check(page, logits, float(temperature))
        assert hatched(page) != ""
        assert page.evaluate("violations") == []


def test_a_file_shows_it_as_ranges_and_in_words(
    page: Page, tmp_path: Path, logits: NDArray[np.float64]
) -> None:
    open_file(page, tmp_path / "page.html", state_of(logits))
    known = ts.Reported(ts.log_softmax(logits)[:SIZE], vocabulary=logits.size)
    set_temperature(page, "1.5")
    check(page, logits, 1.5)
    low, high = known.entropy(1.5)
    shown = page.get_by_role("textbox", name="Entropy").input_value()
    ends = [float(text) for text in re.findall(r"[\d.]+", shown)]
    assert ends == pytest.approx([low, high], rel=0.05)
    assert ends[0] <= low
    assert high <= ends[1]
    expect(page.get_by_text("not reported: ")).to_contain_text(f"among {logits.size - SIZE:,} tok")
    expect(page.get_by_role("status")).to_contain_text("is not reported")
    first = page.get_by_role("figure", name="Softmax").get_by_role("listitem").first
    expect(first).to_contain_text(re.compile(r"\d to \d.* %"))
    assert page.locator(".every path.band").count() > SIZE // 4
    # Nothing that is not a token can lead.
    slider(page).press("Home")
    expect(first).to_contain_text("100 %")
    expect(page.get_by_text("not reported: ")).to_contain_text("0 %")
    # Parts that need every token say so, and the logits can't be dragged.
    page.get_by_text("Draws", exact=True).click()
    expect(page.get_by_text("Draws needs the probability of each token")).to_be_visible()
    bar = page.get_by_role("slider", name="Logit of tok0")
    expect(bar).to_have_attribute("aria-disabled", "true")
    before = bar.get_attribute("aria-valuenow")
    bar.press("ArrowRight")
    assert bar.get_attribute("aria-valuenow") == before


def test_a_typed_value_finds_a_temperature_that_can_give_it(
    page: Page, tmp_path: Path, logits: NDArray[np.float64]
) -> None:
    open_file(page, tmp_path / "page.html", state_of(logits))
    field = page.get_by_role("textbox", name="Entropy")
    field.fill("2.5")
    field.press("Enter")
    note = page.get_by_text("can have that value from")
    expect(note).to_be_visible()
    low, high = (float(text) for text in re.findall(r"\d+\.?\d*", note.inner_text())[:2])
    found = ts.Reported(ts.log_softmax(logits)[:SIZE], vocabulary=logits.size)
    assert (low, high) == pytest.approx(found.temperature_for(entropy=2.5), rel=1e-3)
    shown = page.get_by_role("textbox", name="Temperature value")
    temperature = float(shown.get_attribute("title") or shown.input_value())
    assert low <= temperature <= high
    field.fill("50")
    field.press("Enter")
    expect(page.get_by_text("Entropy must be")).to_be_visible()


def test_a_page_that_is_saved_has_the_tail(
    page: Page, tmp_path: Path, logits: NDArray[np.float64]
) -> None:
    open_file(page, tmp_path / "page.html", state_of(logits))
    set_temperature(page, "2")
    tail = page.get_by_text("not reported: ").inner_text()
    page.get_by_role("button", name="Share").click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="Download HTML").click()
    download.value.save_as(tmp_path / "saved.html")
    page.goto((tmp_path / "saved.html").as_uri())
    expect(page.get_by_text("not reported: ")).to_have_text(tail)
    page.get_by_role("button", name="Share").click()
    page.get_by_role("menuitem", name="Copy Python").click()
    told = page.get_by_role("status")
    expect(told).to_contain_text("Not copied: some tokens are not reported.")


def test_a_sampler_keeps_drops_or_does_not_decide(
    page: Page, tmp_path: Path, logits: NDArray[np.float64]
) -> None:
    open_file(page, tmp_path / "page.html", state_of(logits))
    page.get_by_role("button", name="Add top-k").click()
    field = page.get_by_role("textbox", name="top-k")
    field.fill("3")
    field.press("Enter")
    expect(page.locator(".sampler .kept")).to_have_text(
        f"of the reported tokens 3 kept, 0 undecided, {SIZE - 3} dropped"
    )
    items = page.get_by_role("figure", name="Softmax").get_by_role("listitem")
    expect(items.nth(2)).to_contain_text("kept")
    expect(items.nth(3)).to_contain_text("dropped")


@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing_in_ranges(
    page: Page, tmp_path: Path, logits: NDArray[np.float64], width: int
) -> None:
    view(page, width)
    open_file(page, tmp_path / "page.html", state_of(logits), "#T=1.5")
    open_everything(page)
    expect(page.locator(".unknown path")).to_have_attribute("d", re.compile("M"))
    assert found_in_all_colours(page, width) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_accessibility_tree_has_ranges(
    page: Page, tmp_path: Path, logits: NDArray[np.float64]
) -> None:
    open_file(page, tmp_path / "page.html", state_of(logits), "#T=1.5")
    region = page.get_by_role("region", name="Softmax temperature")
    expect(region).to_match_aria_snapshot(
        r"""
        - region "Softmax temperature":
          - status: "/^T = 1\\.5:.* is not reported/"
          - figure "Logits":
            - list:
              - listitem:
                - text: tok0
                - slider "Logit of tok0" [disabled]
          - figure "Softmax":
            - strong: Softmax
            - text: "/outline: as reported, T = 1; hatched: unknown/"
            - list:
              - listitem: /tok0 \d.* to \d.* %/
          - 'paragraph': "/not reported: \\d.* to \\d.* % among 50,237 tokens/"
          - figure "Every temperature":
            - slider "Cursor at T"
            - list:
              - listitem: tok0
              - listitem: other 12 and not reported
          - textbox "Entropy": /\d.* to \d.*/
          - textbox "Effective choices": /up to \d+/
          - textbox "Top probability": /\d.* to \d.*/
        """
    )
