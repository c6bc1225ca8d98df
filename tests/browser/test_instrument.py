"""The instrument as an exported file in a real Chromium, with the network off."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, Request, expect

from tests.browser.explorer_page import DRAG, field, full_temperature, open_file, slider
from thermoscope import softmax, temperature_for
from thermoscope.explorer.page import write_page
from thermoscope.state import State

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    Open = Callable[..., Page]

pytestmark = pytest.mark.browser


@pytest.fixture
def open_page(page: Page, tmp_path: Path) -> Open:
    """Open the exported file of a state; any other request fails the test."""
    path = tmp_path / "page.html"

    def refuse(request: Request) -> None:
        assert request.url in {path.as_uri(), "data:,"}

    def open_(
        logits: ArrayLike,
        labels: list[str] | None = None,
        *,
        temperature: float = 1.0,
        source: str | None = None,
    ) -> Page:
        page.on("request", refuse)
        state = State.of(logits, labels, temperature=temperature, source=source)
        open_file(page, path, state)
        page.locator("details").evaluate_all("all => all.forEach((panel) => (panel.open = true))")
        return page

    return open_


def rows(page: Page, figure: str) -> Locator:
    return page.get_by_role("figure", name=figure).get_by_role("listitem")


def column(page: Page, which: int) -> list[float]:
    """Return the numbers of one column of the table of values, without its last row."""
    body = page.get_by_role("table", name="Values").locator("tbody tr")
    return [float(row.locator("td").nth(which).inner_text()) for row in body.all()]


def ten_digits(value: float) -> str:
    """Return the digits that the page shows: Python's, without a leading zero in the exponent."""
    if value in {0, 1}:
        return f"{value:.0f}"
    text = f"{value:.9e}" if value < 1e-3 else f"{value:#.10g}"
    return re.sub(r"e-0", "e-", text)


def assert_values(page: Page, expected: NDArray[np.float64]) -> None:
    """Assert that the probabilities in the table are `expected`, as soon as a drag has rested."""
    cells = page.get_by_role("table", name="Values").locator("tbody tr td:nth-of-type(2)")
    expect(cells).to_have_text([ten_digits(value) for value in expected.tolist()])


def test_every_part_has_its_name(open_page: Open) -> None:
    page = open_page([2.0, 1.0, 0.1])
    expect(slider(page)).to_have_attribute("aria-valuetext", "T = 1")
    expect(field(page)).to_have_value("1")
    expect(page.get_by_role("combobox", name="Total items")).to_have_value("3")
    expect(page.get_by_role("button", name="New random logits")).to_be_visible()
    expect(page.get_by_role("button", name="T = 1", exact=True)).to_be_visible()
    expect(page.get_by_role("figure", name="Logits")).to_be_visible()
    expect(page.get_by_role("figure", name="Softmax")).to_be_visible()
    expect(page.get_by_role("table", name="Values")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("T = 1: plain softmax: “A” leads with")
    assert page.locator("math").count() >= 5
    assert page.locator("[id]").count() == 0
    assert page.locator("head style").count() == 1, "nothing but the shell's own style"


def test_the_slider_by_keyboard(open_page: Open) -> None:
    page = open_page([2.0, 1.0, 0.1])
    slider(page).focus()
    page.keyboard.press("ArrowRight")
    expect(field(page)).to_have_value("1.259")
    assert_values(page, softmax([2.0, 1.0, 0.1], 1.259))
    page.keyboard.press("Home")
    expect(slider(page)).to_have_attribute("aria-valuetext", "T = 0")
    assert_values(page, softmax([2.0, 1.0, 0.1], 0))
    page.keyboard.press("ArrowRight")
    expect(field(page)).to_have_value("0.0001")
    page.keyboard.press("End")
    expect(slider(page)).to_have_attribute("aria-valuetext", "T = ∞")
    expect(field(page)).to_have_value("∞")
    assert_values(page, softmax([2.0, 1.0, 0.1], np.inf))
    page.keyboard.press("ArrowLeft")
    expect(field(page)).to_have_value("10000")


def test_the_slider_by_mouse(open_page: Open) -> None:
    page = open_page([2.0, 1.0, 0.1])
    box = slider(page).bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, middle, steps=5)
    # The moves before a frame are shown by that frame.
    page.evaluate("() => new Promise(requestAnimationFrame)")
    dragged = float(field(page).input_value())
    assert dragged > 10
    assert_values(page, softmax([2.0, 1.0, 0.1], dragged))
    page.mouse.move(box["x"] - 50, middle, steps=5)
    expect(field(page)).to_have_value("0")
    page.mouse.up()
    page.get_by_role("button", name="T = ∞").click()
    expect(field(page)).to_have_value("∞")
    page.get_by_role("button", name="T = 1", exact=True).click()
    expect(slider(page)).to_have_value("0")
    expect(field(page)).to_have_value("1")


@pytest.mark.parametrize("temperature", [0.0, 1e-4, 0.01, 0.3, 1.0, 7.5, 1e4, np.inf])
def test_the_values_are_those_of_python(open_page: Open, temperature: float) -> None:
    logits = np.random.default_rng(3).normal(scale=3, size=20)
    page = open_page(logits, temperature=temperature)
    assert_values(page, softmax(logits, temperature))
    np.testing.assert_allclose(column(page, 0), logits, rtol=1e-9)
    np.testing.assert_allclose(column(page, 2), softmax(logits), rtol=1e-9)


@pytest.mark.parametrize(
    ("temperature", "said", "percents"),
    [
        (
            "0",
            "the 2 tied highest items share equally, 50.00 % each",
            ["0 %", "50.00 %", "50.00 %"],
        ),
        ("inf", "uniform: all 3 items share equally, 33.33 % each", ["33.33 %"] * 3),
    ],
)
def test_ties_are_equal_at_0_and_infinity(
    open_page: Open, temperature: str, said: str, percents: list[str]
) -> None:
    page = open_page([-1.0, 5.0, 5.0])
    field(page).fill(temperature)
    expect(page.get_by_role("status")).to_contain_text(said)
    expect(rows(page, "Softmax").locator(".number")).to_have_text(percents)
    # The visible numbers are the same.
    assert page.locator(".probabilities .number").inner_text().split("\n") == percents


@pytest.mark.parametrize(("temperature", "text"), [("0", "0"), ("inf", "∞")])
def test_a_single_item_above_minus_infinity_has_it_all(
    open_page: Open, temperature: str, text: str
) -> None:
    page = open_page([-np.inf, 3.0], labels=["cat", "dog"], temperature=float(temperature))
    said = f"T = {text}: the highest item, “dog”, has all of the probability."
    expect(page.get_by_role("status")).to_contain_text(said)


@pytest.mark.parametrize("typed", ["nan", "-1", "abc", ""])
def test_an_invalid_temperature_is_refused_with_the_reason(open_page: Open, typed: str) -> None:
    page = open_page([2.0, 1.0, 0.1], temperature=0.5)
    before = column(page, 1)
    field(page).fill(typed)
    page.keyboard.press("Enter")
    expect(field(page)).to_have_attribute("aria-invalid", "true")
    reason = f"T must be a number ≥ 0 or “inf”, got {f'“{typed}”' if typed else 'nothing'}."
    expect(page.get_by_role("alert")).to_have_text(reason)
    expect(field(page)).to_have_attribute("aria-description", reason)
    assert column(page, 1) == before
    expect(slider(page)).to_have_attribute("aria-valuetext", "T = 0.5")

    page.keyboard.press("Escape")
    expect(field(page)).to_have_value("0.5")
    expect(field(page)).to_have_attribute("aria-invalid", "false")
    expect(page.get_by_role("alert")).to_have_text("")


def test_a_temperature_is_taken_as_it_is_typed(open_page: Open) -> None:
    page = open_page([2.0, 1.0, 0.1])
    field(page).fill("")
    field(page).press_sequentially("0.25")
    assert_values(page, softmax([2.0, 1.0, 0.1], 0.25))
    field(page).fill("2e0")
    page.keyboard.press("Enter")
    expect(field(page)).to_have_value("2")


def test_a_typed_temperature_stays_as_it_is_typed(open_page: Open) -> None:
    page = open_page([2.0, 1.0, 0.1])
    field(page).fill("")
    field(page).press_sequentially("1e30")
    expect(field(page)).to_have_value("1e30")
    expect(slider(page)).to_have_attribute("aria-valuetext", "T = 1e+30")
    field(page).fill("0,5")
    page.keyboard.press("Enter")
    expect(field(page)).to_have_value("0.5")


def reading(page: Page, name: str) -> Locator:
    return page.get_by_role("textbox", name=name, exact=True)


def refusal(page: Page) -> Locator:
    """Return why a value of a measure is refused, which isn't there otherwise."""
    return page.locator(".readings").get_by_role("alert")


@pytest.mark.parametrize(
    ("name", "typed", "wanted"),
    [
        ("Entropy", "0.5", {"entropy": 0.5}),
        ("Entropy", " 0,5 ", {"entropy": 0.5}),
        ("Entropy", "2.7e\N{MINUS SIGN}3", {"entropy": 2.7e-3}),
        ("Entropy", "0", {"entropy": 0}),
        ("Effective choices", "2", {"perplexity": 2}),
        ("Effective choices", "4", {"perplexity": 4}),
        ("Top probability", "61", {"top_probability": 0.61}),
        ("Top probability", "61,25 %", {"top_probability": 0.6125}),
        ("Top probability", "> 99.99 %", {"top_probability": 0.9999}),
        ("Top probability", "100%", {"top_probability": 1}),
    ],
)
def test_a_typed_measure_sets_the_temperature(
    open_page: Open, name: str, typed: str, wanted: dict[str, float]
) -> None:
    logits = [2.0, 1.0, 0.1, -1.0]
    page = open_page(logits)
    want = float(temperature_for(logits, **wanted))
    reading(page, name).fill(typed)
    assert full_temperature(page) == pytest.approx(want, rel=1e-10)
    assert_values(page, softmax(logits, want))
    expect(reading(page, name)).to_have_value(typed)
    expect(reading(page, name)).to_have_attribute("aria-invalid", "false")
    expect(refusal(page)).to_have_count(0)


def test_a_measure_is_live_and_follows_each_key(open_page: Open) -> None:
    logits = np.linspace(0, 3, 5)
    page = open_page(logits, temperature=0.0)
    names = ("Entropy", "Effective choices", "Top probability")
    for name, value in zip(names, ("0", "1.0000", "100 %"), strict=True):
        expect(reading(page, name)).to_have_value(value)
    page.get_by_role("button", name="T = ∞").click()
    for name, value in zip(names, ("1.6094", "5.0000", "20.00 %"), strict=True):
        expect(reading(page, name)).to_have_value(value)
    expect(page.locator(".bits")).to_have_text("nats = 2.3219 bits")
    # A field keeps what is typed while the others follow; a drag has them follow it again.
    reading(page, "Effective choices").fill("")
    reading(page, "Effective choices").press_sequentially("2.50")
    expect(reading(page, "Effective choices")).to_have_value("2.50")
    expect(reading(page, "Entropy")).to_have_value(f"{np.log(2.5):.5f}")
    page.keyboard.press("Enter")
    expect(reading(page, "Effective choices")).to_have_value("2.5000")
    reading(page, "Effective choices").fill("3.1")
    slider(page).focus()
    expect(reading(page, "Effective choices")).to_have_value("3.1000")
    page.keyboard.press("Home")
    expect(reading(page, "Effective choices")).to_have_value("1.0000")


@pytest.mark.parametrize(
    ("name", "typed", "reason"),
    [
        ("Entropy", "3", "Entropy must be 0.69315 to 1.6094 nats here, got “3”."),
        ("Entropy", "0.5", "Entropy must be 0.69315 to 1.6094 nats here, got “0.5”."),
        ("Entropy", "much", "Entropy must be 0.69315 to 1.6094 nats here, got “much”."),
        ("Effective choices", "5.1", "Effective choices must be 2 to 5 here, got “5.1”."),
        ("Effective choices", "", "Effective choices must be 2 to 5 here, got nothing."),
        ("Top probability", "0.4", "Top probability must be 20.00 % to 50.00 % here, got “0.4”."),
        ("Top probability", "150", "Top probability must be 20.00 % to 50.00 % here, got “150”."),
    ],
)
def test_a_measure_out_of_range_is_refused_with_the_range(
    open_page: Open, name: str, typed: str, reason: str
) -> None:
    page = open_page([2.0, 2.0, 1.0, 0.5, 0.0], temperature=0.5)
    before = reading(page, name).input_value()
    reading(page, name).fill(typed)
    page.keyboard.press("Enter")
    expect(refusal(page)).to_have_text(reason)
    expect(reading(page, name)).to_have_attribute("aria-invalid", "true")
    expect(reading(page, name)).to_have_attribute("aria-description", reason)
    expect(field(page)).to_have_value("0.5")
    expect(field(page)).to_have_attribute("aria-invalid", "false")

    page.keyboard.press("Escape")
    expect(reading(page, name)).to_have_value(before)
    expect(reading(page, name)).to_have_attribute("aria-invalid", "false")
    expect(refusal(page)).to_have_count(0)


@pytest.mark.parametrize(
    ("name", "logits", "temperature", "shown"),
    [
        # Each is a rounding beyond the exact end.
        ("Entropy", [1, 2, 2, 2, 0], "0", "1.0986"),
        ("Entropy", [1, 2, 3, 4, 5, 6], "inf", "1.7918"),
        ("Effective choices", [1, 2, 2, 2, 0], "0", "3.0000"),
        ("Effective choices", [1, 2, 3, 4, 5, 6], "inf", "6.0000"),
        ("Top probability", [1, 1, 1, 1, 1, 1, 0], "0", "16.67 %"),
        ("Top probability", [1, 2, 3], "inf", "33.33 %"),
    ],
)
def test_what_a_measure_shows_at_an_end_means_that_end(
    open_page: Open, name: str, logits: list[float], temperature: str, shown: str
) -> None:
    page = open_page(logits, temperature=float(temperature))
    expect(reading(page, name)).to_have_value(shown)
    field(page).fill("1")
    reading(page, name).fill(shown)
    expect(refusal(page)).to_have_count(0)
    expect(field(page)).to_have_value(temperature.replace("inf", "∞"))


@pytest.mark.parametrize(
    ("logits", "reason"),
    [
        ([3.0], "Entropy: 0 at every temperature here."),
        ([2.0, 2.0], "Entropy: 0.69315 at every temperature here."),
        ([1.0, np.inf], "Entropy: 0 at every temperature here."),
        ([1.0, np.nan], "Entropy: NaN at every temperature here."),
    ],
)
def test_what_moves_no_measure_is_said(open_page: Open, logits: list[float], reason: str) -> None:
    page = open_page(logits, temperature=0.5)
    reading(page, "Entropy").fill("0")
    expect(refusal(page)).to_have_text(reason)
    expect(field(page)).to_have_value("0.5")
    # It is about these items.
    page.get_by_role("button", name="New random logits").click()
    expect(refusal(page)).to_have_count(0)


def test_the_measures_of_a_vocabulary_are_found_too(
    open_page: Open, vocabulary: tuple[NDArray[np.float64], list[str]]
) -> None:
    page = open_page(*vocabulary, temperature=np.inf)
    expect(reading(page, "Effective choices")).to_have_value("5000.0")
    reading(page, "Effective choices").fill("1234.5")
    want = temperature_for(vocabulary[0], perplexity=1234.5)
    assert full_temperature(page) == pytest.approx(want, rel=1e-10)


def test_the_dropdown_and_the_button_redraw_at_once(open_page: Open) -> None:
    page = open_page([1.0, 2.0], ["cat", "dog"], source="pets.csv", temperature=0.5)
    choice = page.get_by_role("combobox", name="Total items")
    expect(choice.locator("option:checked")).to_have_text("2 · pets.csv")
    choice.select_option("7")
    expect(rows(page, "Logits")).to_have_count(7)
    expect(rows(page, "Softmax")).to_have_count(7)
    drawn = column(page, 0)
    assert all(0 <= logit < 1 for logit in drawn)
    assert_values_close(page, drawn, 0.5)

    page.get_by_role("button", name="New random logits").click()
    expect(rows(page, "Logits")).to_have_count(7)
    assert column(page, 0) != drawn
    assert_values_close(page, column(page, 0), 0.5)

    choice.select_option("262144")
    expect(page.get_by_role("figure", name="Softmax")).to_contain_text("other 262,129 items =")
    choice.select_option("given")
    expect(rows(page, "Logits").locator(".label")).to_have_text(["cat", "dog"])


def assert_values_close(page: Page, logits: list[float], temperature: float) -> None:
    """Assert the probabilities of logits which were read off the page, with ten digits."""
    np.testing.assert_allclose(column(page, 1), softmax(logits, temperature), rtol=1e-8)


def test_a_number_of_items_outside_of_the_list_is_shown(open_page: Open) -> None:
    page = open_page(np.zeros(17))
    expect(page.get_by_role("combobox", name="Total items")).to_have_value("17")


@pytest.fixture
def vocabulary() -> tuple[NDArray[np.float64], list[str]]:
    logits = np.random.default_rng(5).normal(-150, 8, size=5000)
    return logits, [f" token{i}" for i in range(5000)]


@pytest.mark.parametrize("temperature", ["0", "0.01", "1", "10", "inf"])
def test_the_window_and_the_rest_of_many_items_sum_to_1(
    open_page: Open, vocabulary: tuple[NDArray[np.float64], list[str]], temperature: str
) -> None:
    logits, labels = vocabulary
    page = open_page(logits, labels, source="logits.npy")
    field(page).fill(temperature)
    order = np.argsort(-logits, kind="stable")
    shown = rows(page, "Softmax").count()
    assert 10 <= shown <= 30
    expected = softmax(logits, float(temperature))[order[:shown]]
    assert_values(page, expected)
    rest = page.get_by_role("table", name="Values").locator("tfoot td").first.inner_text()
    assert sum(column(page, 1)) + float(rest) == pytest.approx(1, abs=1e-9)
    expect(page.get_by_role("figure", name="Softmax")).to_contain_text(
        f"other {5000 - shown:,} items ="
    )
    # A rest above 0, however small, is not shown as 0 %.
    text = page.locator(".softmax .rest .number").inner_text()
    assert (text == "0 %") == (temperature == "0")


def test_the_window_scrolls_by_wheel_and_by_keys(
    open_page: Open, vocabulary: tuple[NDArray[np.float64], list[str]]
) -> None:
    logits, labels = vocabulary
    page = open_page(logits, labels)
    ranked = [labels[item] for item in np.argsort(-logits, kind="stable")]
    first = rows(page, "Logits").locator(".label").first
    rows(page, "Softmax").nth(3).hover()
    expect(rows(page, "Softmax").nth(3)).to_have_class("row pointed")
    page.mouse.wheel(0, 2800)
    expect(first).to_have_text(ranked[100])
    expect(rows(page, "Softmax").locator(".label").first).to_have_text(ranked[100])

    page.mouse.move(0, 0)
    rows(page, "Softmax").first.focus()
    page.keyboard.press("End")
    expect(rows(page, "Softmax").locator(":scope:focus .label")).to_have_text(ranked[-1])
    page.keyboard.press("ArrowUp")
    expect(rows(page, "Softmax").locator(":scope:focus .label")).to_have_text(ranked[-2])
    expect(page.get_by_label("Formula with numbers")).to_contain_text("rank 4,999 of 5,000")
    page.keyboard.press("Home")
    expect(first).to_have_text(ranked[0])
    page.keyboard.press("PageDown")
    expect(rows(page, "Softmax").locator(":scope:focus .label")).to_have_text(ranked[15])


def test_a_key_is_not_undone_by_the_late_event_of_an_earlier_scroll(
    open_page: Open, vocabulary: tuple[NDArray[np.float64], list[str]]
) -> None:
    logits, labels = vocabulary
    page = open_page(logits, labels)
    page.evaluate("""() => {
        document.querySelector(".scroller").scrollTop = 2800;
        const row = document.querySelector(".softmax [role=listitem]");
        row.dispatchEvent(new KeyboardEvent("keydown", { key: "End", bubbles: true }));
        // The event of the scroll has come, and what follows from the key has been drawn.
        return new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
    }""")
    expect(rows(page, "Softmax").locator(".label").last).to_have_text(
        labels[int(np.argsort(-logits, kind="stable")[-1])]
    )


def test_the_search_goes_from_match_to_match(
    open_page: Open, vocabulary: tuple[NDArray[np.float64], list[str]]
) -> None:
    logits, labels = vocabulary
    page = open_page(logits, labels)
    order = np.argsort(-logits, kind="stable")
    matches = [labels[item] for item in order if "OKEN49".lower() in labels[item]]
    search = page.get_by_role("searchbox", name="Search labels")
    search.fill("OKEN49")
    summary = page.get_by_role("search").locator("output")
    expect(summary).to_have_text(f"1 of {len(matches)}")
    pointed = page.locator(".softmax .row.pointed .label")
    expect(pointed).to_have_text(matches[0])
    search.press("Enter")
    expect(pointed).to_have_text(matches[1])
    page.get_by_role("button", name="Next match").click()
    expect(summary).to_have_text(f"3 of {len(matches)}")
    page.get_by_role("button", name="Previous match").click()
    search.press("Shift+Enter")
    search.press("Shift+Enter")
    expect(pointed).to_have_text(matches[-1])
    search.fill("no such token")
    expect(summary).to_have_text("no match")


def test_a_search_of_a_large_vocabulary_does_not_block_the_page(open_page: Open) -> None:
    labels = [f"item number {i} of a vocabulary" for i in range(262_144)]
    page = open_page(np.arange(262_144) / 1e4, labels)
    page.evaluate(
        """() => {
          window.longest = 0;
          new PerformanceObserver((list) => {
            for (const task of list.getEntries()) longest = Math.max(longest, task.duration);
          }).observe({ type: "longtask" });
        }"""
    )
    page.get_by_role("searchbox", name="Search labels").fill("number 777 ")
    expect(page.get_by_role("search").locator("output")).to_have_text("1 of 1")
    expect(page.locator(".softmax .row.pointed .label")).to_have_text(labels[777])
    # A scan in one go takes several times as long, on any machine; a slice takes 5 ms.
    whole = page.evaluate(
        """(size) => {
          const labels = Array.from({ length: size }, (_, i) => `item number ${i} of a vocabulary`);
          const start = performance.now();
          labels.filter((label) => label.toLowerCase().includes("number 777 "));
          return performance.now() - start;
        }""",
        262_144,
    )
    assert page.evaluate("longest") < max(whole, 50)


def test_the_formula_is_about_the_item_that_is_pointed_at_or_focused(open_page: Open) -> None:
    page = open_page([2.0, 1.0, 0.1], ["a", "b", "c"])
    formula = page.get_by_label("Formula with numbers")
    expect(formula).to_contain_text("Item b")  # the second: e^0 says nothing of T
    rows(page, "Logits").nth(0).hover()
    expect(formula).to_contain_text("Item a")
    expect(formula).to_contain_text("65.90 %")
    page.mouse.move(0, 0)
    expect(formula).to_contain_text("Item b")
    expect(formula).to_contain_text("24.24 %")
    rows(page, "Softmax").first.focus()
    page.keyboard.press("End")
    expect(formula).to_contain_text("Item c")
    expect(formula).to_contain_text("0.1000")
    field(page).fill("inf")
    expect(formula).to_contain_text("33.33 %")


HOSTILE = {
    "</script><script>window.hacked = 1</script>": "</script><script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 1'>": "<img src=x onerror='window.hacked = 1'>",
    "\x00a\tb\nc\x1b": "\\x00a\\tb\\nc\\x1b",
    "\u202egnihton\u202c": "\\u202egnihton\\u202c",
    "مرحبا": "مرحبا",
    " visualize": " visualize",
    "": "(empty)",
    "twin": "twin",
}


def test_hostile_labels_are_shown_as_text(open_page: Open) -> None:
    labels = [*HOSTILE, "twin", "long " * 2000]
    page = open_page(np.arange(len(labels)) / 10, labels, source="</title><script>")
    assert page.evaluate("window.hacked") is None
    assert page.locator("main img, main script").count() == 0
    for figure in ("Logits", "Softmax"):
        shown = rows(page, figure).locator(".label")
        texts = [label.text_content() for label in shown.all()]
        assert texts[:-1] == [*HOSTILE.values(), "twin"]
        assert texts[-1] is not None
        assert texts[-1].startswith("long long ")
        assert texts[-1].endswith("…")
    heights = {
        round(box["height"]) for row in rows(page, "Softmax").all() if (box := row.bounding_box())
    }
    assert len(heights) == 1
    assert_fits(page)


def test_infinite_and_nan_logits_are_shown(open_page: Open) -> None:
    page = open_page([1.0, -np.inf, 3.0])
    numbers = rows(page, "Logits").get_by_role("textbox").all()
    for number, text in zip(numbers, ["1.0000", "\N{MINUS SIGN}∞", "3.0000"], strict=True):
        expect(number).to_have_value(text)
    expect(rows(page, "Softmax").locator(".number").nth(1)).to_have_text("0 %")
    page = open_page([1.0, np.inf, np.inf])
    expect(rows(page, "Softmax").locator(".number")).to_have_text(["0 %", "50.00 %", "50.00 %"])
    page = open_page([1.0, np.nan])
    expect(rows(page, "Softmax").locator(".number")).to_have_text(["NaN", "NaN"])
    expect(page.get_by_role("status")).to_contain_text("a logit is NaN")


def test_an_invalid_state_is_an_error_with_the_reason(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    write_page(path, State.of([1.0]))
    text = path.read_text(encoding="utf-8")
    assert text.count('"version":1') == 1
    path.write_text(text.replace('"version":1', '"version":99'), encoding="utf-8")
    page.goto(path.as_uri())
    expect(page.get_by_role("alert")).to_have_text(
        "The explorer can't be shown: state version must be 1, got 99"
    )


def assert_fits(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def below(element: Locator) -> float:
    box = element.bounding_box()
    assert box is not None
    return box["y"] + box["height"]


@pytest.mark.parametrize("width", [360, 768, 1280, 3840])
@pytest.mark.parametrize("size", [5, 50_257])
def test_nothing_is_wider_than_the_screen(open_page: Open, width: int, size: int) -> None:
    labels = [f" a label of some length {i}" for i in range(size)]
    logits = np.random.default_rng(0).normal(-1, 0.1, size) * 1e6
    page = open_page(logits, labels, source="x" * 80)
    page.set_viewport_size({"width": width, "height": 800})
    field(page).fill("12345.678901234567")
    assert_fits(page)
    formula = page.get_by_role("region", name="Formula with numbers")
    expect(formula).to_contain_text("/12350")
    # What overflows a box with layout containment does not count as scrollable.
    bottom = max(map(below, formula.get_by_role("math").all()))
    assert bottom <= below(formula)
    expect(page.get_by_role("button", name="New random logits")).to_be_in_viewport()


# What is drawn behind an element is the first of its ancestors' backgrounds that is opaque.
CONTRASTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const painted = (...colours) => {
    canvas.clearRect(0, 0, 1, 1);
    for (canvas.fillStyle of colours) canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => c / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (element) =>
    element === null
      ? ["white"]
      : [...behind(element.parentElement), getComputedStyle(element).backgroundColor];
  const found = [];
  for (const element of document.querySelectorAll("main *")) {
    const hasText = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim() !== "");
    if (!(hasText || element.value) || element.matches("style, :disabled, [type=range]")) continue;
    // These are read to people; what is seen in their place is the text of .probabilities.
    if (element.matches(".softmax .row .number")) continue;
    const under = behind(element);
    const text = getComputedStyle(element).color;
    const [a, b] = [luminance(painted(...under, text)), luminance(painted(...under))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    found.push([`${element.localName}.${element.getAttribute("class")}`, ratio]);
  }
  return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_enough(
    open_page: Open, page: Page, scheme: Literal["light", "dark"]
) -> None:
    page.emulate_media(color_scheme=scheme)
    open_page(np.arange(60.0), ["", " a", "\n", *map(str, range(57))])
    field(page).fill("abc")
    background = page.evaluate(
        "getComputedStyle(document.querySelector('.thermoscope')).backgroundColor"
    )
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(21, 24, 28)"}[scheme]
    contrasts = page.evaluate(CONTRASTS)
    assert len(contrasts) > 100
    assert [pair for pair in contrasts if pair[1] < 4.5] == []


def test_every_control_can_be_reached_and_seen_by_keyboard(open_page: Open) -> None:
    page = open_page(np.arange(60.0))
    names: list[str] = []
    while len(names) < 100 and "Values" not in names:
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        names.append(
            focused.evaluate("e => e.ariaLabel ?? e.labels?.[0]?.firstChild.data ?? e.innerText")
        )
        assert focused.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
    names = [re.sub(r"\s+", " ", name).strip() for name in names]
    assert names == [
        "Total items",
        "New random logits",
        "Undo",
        "Redo",
        "Share",
        "Keys",
        "Temperature value",
        "T = 0",
        "Temperature",
        "T = ∞",
        "T = 1",
        "Temperature scale",
        "Search labels",
        "Logit of 58",
        "Logit of 58, value",
        names[15],  # a row of the softmax
        "Item",
        "Duplicate",
        "Remove",
        "Add item",
        "Open file…",
        "Cursor at T",
        "Entropy",
        "Effective choices",
        "Top probability",
        "Move temperature",
        "Add top-k",
        "Add top-p",
        "Add min-p",
        "More steps",
        "Engine",
        "Why",
        "Without subtracting the maximum, in",
        "Draws",
        "Draw 1",
        "Draw 10",
        "Draw 100",
        "Draw 1,000",
        "Compare",
        "Pin as A",
        "Lesson",
        "Engines",
        "The same settings under each engine",
        "Values",
    ]


def test_the_second_scale_reaches_every_hundredth_up_to_2(open_page: Open) -> None:
    page = open_page([2.0, 1.0, 0.1], temperature=30.0)
    scale = page.get_by_role("combobox", name="Temperature scale")
    scale.select_option("0 … 2")
    expect(slider(page)).to_have_value("2")
    expect(field(page)).to_have_value("30")  # to choose a scale changes nothing else
    slider(page).focus()
    page.keyboard.press("Home")
    expect(field(page)).to_have_value("0")
    for _ in range(7):
        page.keyboard.press("ArrowRight")
    expect(field(page)).to_have_value("0.07")
    expect(slider(page)).to_have_attribute("aria-valuetext", "T = 0.07")
    box = slider(page).bounding_box()
    assert box is not None
    seen = set()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + box["height"] / 2)
    page.mouse.down()
    for step in range(200):
        page.mouse.move(box["x"] + (0.3 + step / 1000) * box["width"], box["y"] + 5)
        page.evaluate("new Promise(requestAnimationFrame)")
        seen.add(field(page).input_value())
    page.mouse.up()
    assert {"0.7", "0.9"} <= seen
    scale.select_option("full range")
    expect(slider(page)).to_have_attribute("min", "-4.1")


def test_the_cursor_over_every_temperature_sets_the_temperature(open_page: Open) -> None:
    page = open_page([2.0, 1.0, 0.1], ["cat", "dog", "eel"])
    figure = page.get_by_role("figure", name="Every temperature")
    cursor = figure.get_by_role("slider", name="Cursor at T")
    entropy = f"entropy (up to {np.log(3):.4g} nats)"
    expect(figure.locator("li")).to_have_text(["cat", "dog", "eel", entropy])
    expect(figure.locator("path.line")).to_have_count(3)
    expect(cursor).to_have_attribute("aria-valuetext", "T = 1")
    cursor.focus()
    page.keyboard.press("ArrowLeft")
    expect(field(page)).to_have_value("0.7943")
    expect(slider(page)).to_have_value("-0.1")
    for key, temperature in (("Home", "0"), ("End", "Infinity"), ("PageDown", "1259")):
        page.keyboard.press(key)
        expect(field(page)).to_have_value(temperature.replace("Infinity", "∞"))
    # Where a line is drawn is what softmax is there.
    plot = figure.locator(".plot").bounding_box()
    assert plot is not None
    page.mouse.move(plot["x"] + plot["width"] / 2, plot["y"] + 20)
    page.mouse.down()
    page.mouse.move(plot["x"] + 0.45 * plot["width"], plot["y"] + 20)
    page.mouse.up()
    t = float(field(page).input_value())
    assert t < 1
    line = figure.locator("path.line0").get_attribute("d")
    assert line is not None
    points = np.array([point.split(" ") for point in re.split("[ML]", line)[1:]], float)
    here = np.interp((np.log10(t) + 4.1) / 8.2, points[:, 0], 1 - points[:, 1])
    assert here == pytest.approx(softmax([2.0, 1.0, 0.1], t)[0], abs=2e-3)


def test_the_sentence_is_true_in_every_frame_of_a_drag(open_page: Open) -> None:
    page = open_page([2.0, 1.0, 0.1], ["cat", "dog", "eel"])
    box = slider(page).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 20, box["y"] + 5)
    page.mouse.down()
    for step in range(1, 20):
        page.mouse.move(box["x"] + step * box["width"] / 20, box["y"] + 5)
        page.evaluate("new Promise(requestAnimationFrame)")
        t, sentence = page.evaluate(
            """() => [
              document.querySelector(".now input").value,
              document.querySelector(".sentence").textContent,
            ]"""
        )
        temperature = float(t)
        top = 100 * softmax([2.0, 1.0, 0.1], temperature)[0]
        side = "plain" if temperature == 1 else "sharper than" if temperature < 1 else "flatter"
        assert sentence.startswith(side)
        said = f"{top:.2f}\u00a0%" if top <= 99.99 else "more than 99.99\u00a0%"
        assert f"“cat” leads with {said}" in sentence
    page.mouse.up()


def test_what_is_drawn_is_seen_where_the_user_forces_the_colours(open_page: Open) -> None:
    page = open_page([2.0, -1.0, 0.1], ["cat", "dog", "eel"])
    page.emulate_media(forced_colors="active")
    drawn = page.evaluate(
        """() => {
          const canvas = getComputedStyle(document.body).backgroundColor;
          const of = (selector, part) =>
            getComputedStyle(document.querySelector(selector), part).backgroundColor;
          return [
            canvas,
            of(".logits .bar"),
            of(".logits .plot", "::before"),
            of(".cursor span"),
            of(".marks span", "::before"),
            getComputedStyle(document.querySelector(".legend li"), "::before").borderTopColor,
          ];
        }"""
    )
    canvas, *parts = drawn
    assert all(part not in {canvas, "rgba(0, 0, 0, 0)"} for part in parts), drawn
    outlined = page.locator("svg .pointed").evaluate("e => getComputedStyle(e).outlineStyle")
    assert outlined == "none"
    shown = page.locator(".outlines path").first.evaluate("e => getComputedStyle(e).stroke")
    assert shown == page.locator(".logits .bar").first.evaluate(
        "e => getComputedStyle(e).backgroundColor"
    )


LAYER = """async (element) => {
  element.style.willChange = "transform";
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
}"""


def test_a_drag_leaves_the_layers_of_the_page_as_they_are(open_page: Open) -> None:
    page = open_page(np.linspace(0, 1, 10))
    # What is made once, by the first move.
    slider(page).evaluate(DRAG)
    browser = page.context.browser
    assert browser is not None
    browser.start_tracing(page=page, categories=["blink"])
    slider(page).evaluate(DRAG)
    page.locator("body").evaluate(LAYER)
    events = json.loads(browser.stop_tracing())["traceEvents"]
    arranged = [event for event in events if event["name"] == "PaintArtifactCompositor::Update"]
    # At least for the layer that is new; in 20 frames of a drag, where a text begins or ends.
    assert 1 <= len(arranged) < 5


def test_nothing_moves_by_itself(open_page: Open) -> None:
    page = open_page([1.0, 2.0])
    field(page).fill("0")
    states = page.evaluate("document.getAnimations().map((animation) => animation.playState)")
    # That of the cursor, which is moved by hand.
    assert states == ["paused"]


def test_why_shows_each_step_and_what_overflows_without_the_maximum(open_page: Open) -> None:
    page = open_page([12.0, 11.5, 3.0], ["cat", "dog", "eel"])
    steps = page.locator(".numbers dd")
    total = f"{1 + np.exp(-0.5) + np.exp(-9):.4f}"
    want = ["11.500", "-0.500", "-0.50000", "0.60653", total]
    expect(steps).to_have_text([text.replace("-", "\N{MINUS SIGN}") for text in want])
    overflow = page.locator(".overflow")
    with np.errstate(over="ignore"):
        powers = np.exp(np.array([12.0, 11.5, 3.0], np.float16))
    assert np.isinf(powers[1])
    expect(overflow).to_contain_text("∞ / ∞ is not a number")
    overflow.get_by_role("combobox").select_option("float32")
    expect(overflow).to_contain_text("Here it works")
    field(page).fill("0.1")
    expect(overflow).to_contain_text("∞ / ∞ is not a number")
    overflow.get_by_role("combobox").select_option("float64")
    expect(overflow).to_contain_text("Here it works")
    field(page).fill("0.01")
    expect(overflow).to_contain_text("∞ / ∞ is not a number")
