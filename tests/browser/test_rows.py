"""Many rows in a real browser: a page that asks its server for them, one at a time."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from playwright.sync_api import expect

from thermoscope import samples, softmax
from tools.explorer import WATCH, explorer, served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Locator, Page

    from tools.explorer import Served

pytestmark = pytest.mark.browser

COUNT, ENTRIES = 1_000_000, 1_000
# For the first pass, on a busy machine.
PATIENCE_MS = 120_000
MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def digits() -> Iterator[Served]:
    with explorer("--sample", "digits", "-T", "0.5") as served:
        yield served


@pytest.fixture
def opened(page: Page, digits: Served) -> Page:
    page.add_init_script(WATCH)
    page.goto(digits.url)
    return page


def row(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Row", exact=True)


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name)


def order(page: Page) -> Locator:
    return page.get_by_role("combobox", name="Order")


def go(page: Page, number: int) -> None:
    row(page).fill(str(number))
    row(page).press("Enter")
    expect(row(page)).to_have_value(str(number))


def probabilities(page: Page) -> list[str]:
    """Return the probabilities in the table "Values", which is there before it is opened."""
    table = page.locator(".values table")
    expect(table).to_be_attached()
    texts: list[str] = table.locator("tbody tr").evaluate_all(
        "rows => rows.map(row => row.cells[2].textContent)"
    )
    return texts


def ten_digits(value: float | str) -> float:
    return float(f"{float(value):.10g}")


def test_each_row_has_the_digits_that_python_gives(opened: Page) -> None:
    logits = samples.digits().logits.astype(np.float64)
    field = opened.get_by_role("textbox", name="Temperature value")

    def shows(number: int) -> None:
        expect(row(opened)).to_have_value(str(number))
        expected = [ten_digits(p) for p in softmax(logits[number], 0.5)]
        assert [ten_digits(text) for text in probabilities(opened)] == expected
        assert field.input_value() == "0.5"

    shows(0)
    expect(button(opened, "Previous row")).to_be_disabled()
    button(opened, "Next row").click()
    shows(1)
    button(opened, "Next row").click()
    shows(2)
    button(opened, "Previous row").click()
    shows(1)
    go(opened, 1596)
    shows(1596)
    expect(button(opened, "Next row")).to_be_disabled()
    assert opened.evaluate("violations") == []


def test_bracket_keys_step_unless_a_field_has_the_focus(opened: Page) -> None:
    opened.keyboard.press("]")
    expect(row(opened)).to_have_value("1")
    opened.get_by_role("slider", name="Temperature").press("]")
    expect(row(opened)).to_have_value("2")
    opened.keyboard.press("[")
    expect(row(opened)).to_have_value("1")
    opened.get_by_role("textbox", name="Temperature value").press("]")
    row(opened).press("End")
    row(opened).press("[")
    expect(row(opened)).to_have_value("1[")
    row(opened).press("Escape")
    expect(row(opened)).to_have_value("1")


def test_single_keys_work_only_while_the_focus_is_in_the_instrument(opened: Page) -> None:
    opened.evaluate("document.body.insertAdjacentHTML('beforeend', '<button>elsewhere</button>')")
    button(opened, "elsewhere").press("]")
    opened.keyboard.press("?")
    button(opened, "Keys").focus()
    opened.keyboard.press("]")
    expect(row(opened)).to_have_value("1")
    expect(opened.get_by_role("dialog")).to_have_count(0)
    # A click beside the controls brings the focus back, and does not scroll.
    button(opened, "elsewhere").focus()
    opened.get_by_role("heading").click()
    opened.keyboard.press("]")
    expect(row(opened)).to_have_value("2")
    assert opened.evaluate("scrollY") == 0


def test_the_target_is_marked_and_named(opened: Page) -> None:
    logits, targets, names = samples.digits()
    wrong = int(np.argmax(logits.argmax(axis=1) != targets))
    for number, verdict in ((0, "right"), (wrong, "wrong")):
        go(opened, number)
        name = names[targets[number]]
        expect(opened.locator("p[role=status]")).to_contain_text(f"target: “{name}”,")
        expect(opened.locator("p[role=status]")).to_contain_text(f": {verdict}.")
        figure = opened.get_by_role("figure", name="Softmax")
        assert figure.locator(".target").inner_text().startswith(name)


def test_orders_begin_with_the_row_that_python_finds(opened: Page) -> None:
    logits, targets, _ = samples.digits()
    p = softmax(logits.astype(np.float64))
    mistakes = np.flatnonzero(p.argmax(axis=1) != targets)
    surest = mistakes[np.argsort(-p[mistakes].max(axis=1), kind="stable")]
    order(opened).select_option("Wrong first")
    expect(opened.get_by_text("1st in this order")).to_be_visible(timeout=PATIENCE_MS)
    for place in range(3):
        expect(row(opened)).to_have_value(str(surest[place]))
        button(opened, "Next row").click()
    order(opened).select_option("As given")
    expect(row(opened)).to_have_value(str(surest[3]))
    expect(opened.get_by_text("in this order")).to_have_count(0)


def test_an_invalid_row_number_is_refused_and_the_row_stays(opened: Page) -> None:
    go(opened, 7)
    row(opened).fill("1597")
    row(opened).press("Enter")
    alert = opened.get_by_role("group", name="Rows").get_by_role("alert")
    expect(alert).to_have_text("Row must be 0 to 1,596, got “1597”.")
    row(opened).press("Escape")
    expect(row(opened)).to_have_value("7")
    expect(alert).to_have_count(0)
    button(opened, "Next row").click()
    expect(row(opened)).to_have_value("8")


def test_rows_go_on_after_random_logits(opened: Page) -> None:
    go(opened, 7)
    button(opened, "New random logits").click()
    expect(row(opened)).to_have_value("")
    button(opened, "Next row").click()
    expect(row(opened)).to_have_value("8")


def test_a_server_that_has_ended_is_told(browser: Browser) -> None:
    # Another page: a failed request is an error in the console, which fails the test of `page`.
    page = browser.new_page()
    try:
        with explorer("--sample", "digits") as served:
            page.goto(served.url)
            expect(row(page)).to_have_value("0")
        go_to = row(page)
        go_to.fill("9")
        go_to.press("Enter")
        alert = page.get_by_role("group", name="Rows").get_by_role("alert")
        expect(alert).to_contain_text("no answer")
        assert len(probabilities(page)) == 10
    finally:
        page.close()


@pytest.mark.skipif(sys.platform != "linux", reason="the server's memory is read from /proc")
def test_a_file_of_4_gb_is_browsed_in_little_memory(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "many.npy"
    # A sparse file: only the rows that are written take up room on the disk.
    logits = np.lib.format.open_memmap(path, "w+", np.float32, (COUNT, ENTRIES))
    draw = np.random.default_rng(0)
    written = [0, 1, 2, 300, 777_777, COUNT - 1]
    for number in written:
        logits[number] = draw.normal(scale=3, size=ENTRIES)
    logits.flush()

    with explorer(path) as served:
        before = served.memory()
        assert before < 200 * MEGABYTE
        page.goto(served.url)
        for number in written:
            go(page, number)
            top = np.sort(softmax(logits[number].astype(np.float64)))[::-1][:15]
            shown = [ten_digits(text) for text in probabilities(page)]
            assert shown == [ten_digits(p) for p in top]
        go(page, 0)
        for number in range(1, 301):
            button(page, "Next row").press("Enter")
            expect(row(page)).to_have_value(str(number))
        assert served.memory() < before + 20 * MEGABYTE
        # A pass over the whole file begins, and the rows can be read meanwhile.
        order(page).select_option("Most uncertain first")
        expect(page.get_by_text("sorting …")).to_be_visible()
        go(page, 777_777)
        assert served.memory() < before + 200 * MEGABYTE
        page.goto("about:blank")  # otherwise it would go on asking a server that has ended


@pytest.mark.parametrize("name", ["KeyError", "RuntimeError", "OSError", "ZeroDivisionError"])
def test_an_unreadable_row_is_an_error_and_the_others_stay(browser: Browser, name: str) -> None:
    program = Path(__file__).parent.parent / "programs" / "broken_rows.py"
    text = "'chunk 3'" if name == "KeyError" else "chunk 3"
    # Another page: each error answer is an error in the console.
    with served(program, name) as explorer, browser.new_context() as context:
        page = context.new_page()
        page.goto(explorer.url)
        button(page, "Next row").click()
        alert = page.get_by_role("group", name="Rows").get_by_role("alert")
        expect(alert).to_have_text(f"pets: cannot read row 1: {name}: {text}")
        expect(row(page)).to_have_value("0")
        order(page).select_option("uncertain")
        expect(alert).to_have_text(
            f"pets: cannot read all rows, for the order uncertain: {name}: {text}"
        )
        # The server lives: a new page finds the row that can be read.
        page.reload()
        expect(row(page)).to_have_value("0")
