"""The logits of the exported file: dragged, moved by keys, typed, pasted and dropped."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.explorer_page import field, slider
from thermoscope.data.reading import read_logits

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

    Open = Callable[..., Page]

pytestmark = pytest.mark.browser

CASES = Path(__file__).parents[1] / "data" / "cases"
PETS = ["cat", "dog", "eel"]
MANY = np.sin(np.arange(1000.0))


def figure(page: Page) -> Locator:
    return page.get_by_role("figure", name="Logits")


def bar(page: Page, label: str) -> Locator:
    return page.get_by_role("slider", name=f"Logit of {label}", exact=True)


def value(page: Page, label: str) -> Locator:
    return page.get_by_role("textbox", name=f"Logit of {label}, value", exact=True)


def items(page: Page) -> list[tuple[str, str]]:
    """Return the labels and the logits of the rows, as they are shown."""
    rows = figure(page).get_by_role("listitem").all()
    minus = "\N{MINUS SIGN}"
    return [
        (
            row.locator(".label").inner_text(),
            row.get_by_role("textbox").input_value().replace(minus, "-"),
        )
        for row in rows
    ]


def logits(page: Page) -> list[float]:
    return [float(text.replace("∞", "inf")) for _, text in items(page)]


def undo(page: Page) -> Locator:
    return page.get_by_role("button", name="Undo")


def undo_all(page: Page, steps: int) -> None:
    """Undo all that can be, and assert how many steps that is."""
    for _ in range(steps):
        undo(page).click()
    expect(undo(page)).to_be_disabled()


def frame(page: Page) -> None:
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def grab(page: Page, label: str) -> tuple[float, float, float]:
    """Press the mouse in the middle of a bar; return its place and the width of the axis."""
    box = bar(page, label).bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    return x, y, box["width"]


def test_a_bar_is_dragged_and_the_axis_waits(open_page: Open) -> None:
    page = open_page([2.0, 1.0, 0.0], PETS)
    axis = figure(page).locator(".axis span")
    expect(axis).to_have_text(["0", "0", "2"])
    x, y, width = grab(page, "dog")
    page.mouse.move(x + width / 4, y, steps=5)
    frame(page)
    assert logits(page) == [2, 1.5, 0]
    # The softmax follows, and the sentence.
    share = np.exp([2, 1.5, 0])
    top = f"{100 * share[0] / share.sum():.2f}"
    expect(page.locator(".sentence")).to_contain_text(f"“cat” leads with {top}")
    page.mouse.move(x + width, y, steps=5)
    frame(page)
    assert logits(page) == [2, 3, 0]
    expect(axis).to_have_text(["0", "0", "2"])
    page.mouse.up()
    expect(axis).to_have_text(["0", "0", "3"])
    expect(bar(page, "dog")).to_have_attribute("aria-valuenow", "3")
    undo_all(page, 1)
    assert logits(page) == [2, 1, 0]
    page.get_by_role("button", name="Redo").click()
    assert logits(page) == [2, 3, 0]


def test_a_click_changes_nothing_and_escape_gives_a_drag_up(open_page: Open) -> None:
    page = open_page([2.0, 1.0, 0.0], PETS)
    bar(page, "cat").click()
    assert logits(page) == [2, 1, 0]
    x, y, width = grab(page, "dog")
    page.mouse.move(x + width / 4, y, steps=5)
    frame(page)
    assert logits(page) == [2, 1.5, 0]
    page.keyboard.press("Escape")
    page.mouse.move(x + width / 2, y)
    page.mouse.up()
    assert logits(page) == [2, 1, 0]
    expect(undo(page)).to_be_disabled()


def test_a_finger_drags_sideways_and_scrolls_upwards(open_page: Open) -> None:
    page = open_page([2.0, 1.0, 0.0], PETS)
    page.set_viewport_size({"width": 360, "height": 400})
    touch = page.context.new_cdp_session(page)
    touch.send("Emulation.setTouchEmulationEnabled", {"enabled": True})

    def swipe(dx: float, dy: float) -> None:
        bar(page, "dog").scroll_into_view_if_needed()
        box = bar(page, "dog").bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + 4
        for step in range(11):
            point = {"x": x + dx * step / 10, "y": y + dy * step / 10}
            kind = "touchMove" if step else "touchStart"
            touch.send("Input.dispatchTouchEvent", {"type": f"{kind}", "touchPoints": [point]})
            frame(page)
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        frame(page)

    before = page.evaluate("scrollY")
    swipe(2, -120)
    assert page.evaluate("scrollY") > before + 50
    assert logits(page) == [2, 1, 0]
    expect(undo(page)).to_be_disabled()
    swipe(40, 0)
    assert logits(page)[1] > 1.2
    undo_all(page, 1)


def test_keys_move_a_logit_by_steps_that_join(open_page: Open) -> None:
    page = open_page([2.0, 1.0, 0.0], PETS)
    bar(page, "dog").focus()
    for key, expected in (
        ("ArrowRight", 1.01),
        ("ArrowRight", 1.02),
        ("ArrowLeft", 1.01),
        ("Shift+ArrowRight", 1.11),
        ("Shift+ArrowLeft", 1.01),
        ("PageUp", 1.11),
        ("PageDown", 1.01),
    ):
        page.keyboard.press(key)
        assert logits(page) == [2, expected, 0]
    undo_all(page, 1)
    assert logits(page) == [2, 1, 0]
    bar(page, "dog").focus()
    for key, label in (("ArrowDown", "eel"), ("ArrowUp", "dog"), ("Home", "cat"), ("End", "eel")):
        page.keyboard.press(key)
        expect(bar(page, label)).to_be_focused()
    # An infinite logit comes back to the end of the axis.
    value(page, "eel").fill("inf")
    page.keyboard.press("Enter")
    bar(page, "eel").focus()
    page.keyboard.press("ArrowLeft")
    assert logits(page) == [2, 1, pytest.approx(2, abs=0.1)]


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("3.5", "3.5000"),
        ("3,5", "3.5000"),
        ("-1e-1", "-0.1000"),
        ("\N{MINUS SIGN}2", "-2.0000"),
        ("inf", "∞"),
        ("-inf", "-∞"),
        ("nan", "NaN"),
    ],
)
def test_a_value_is_typed(open_page: Open, typed: str, shown: str) -> None:
    page = open_page([2.0, 1.0, 0.0], PETS)
    value(page, "dog").fill(typed)
    page.keyboard.press("Enter")
    assert dict(items(page))["dog"] == shown
    page.keyboard.press("ArrowDown")
    expect(value(page, "eel")).to_be_focused()
    undo_all(page, 1)
    assert logits(page) == [2, 1, 0]


def test_a_value_that_is_no_number_is_refused_and_stays(open_page: Open) -> None:
    page = open_page([2.0, 1.0, 0.0], PETS)
    value(page, "dog").fill("much")
    page.keyboard.press("Enter")
    reason = "A logit must be a number, “inf”, “-inf” or “nan”, got “much”."
    expect(value(page, "dog")).to_have_attribute("aria-invalid", "true")
    expect(value(page, "dog")).to_have_attribute("aria-description", reason)
    expect(figure(page).get_by_role("alert")).to_have_text(reason)
    bar(page, "cat").focus()
    expect(value(page, "dog")).to_have_value("much")
    value(page, "dog").press("Escape")
    expect(value(page, "dog")).to_have_value("1.0000")
    expect(undo(page)).to_be_disabled()


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("group", name="Selected item").get_by_role("button", name=name)


def status(page: Page) -> Locator:
    return page.get_by_role("status")


def test_items_are_renamed_copied_removed_moved_and_added(open_page: Open) -> None:
    page = open_page([2.0, 1.0, 0.0])
    bar(page, "B").focus()
    page.keyboard.press("F2")
    label = page.get_by_role("textbox", name="Item", exact=True)
    expect(label).to_be_focused()
    expect(label).to_have_value("B")
    label.fill("dog, small")
    page.keyboard.press("Enter")
    assert items(page) == [("A", "2.0000"), ("dog, small", "1.0000"), ("C", "0.0000")]

    button(page, "Duplicate").click()
    expect(status(page)).to_have_text("“dog, small (copy)” is added.")
    assert [name for name, _ in items(page)] == ["A", "dog, small", "dog, small (copy)", "C"]
    button(page, "Move down").click()
    expect(status(page)).to_have_text("“dog, small (copy)” is now 4th of 4.")
    assert [name for name, _ in items(page)] == ["A", "dog, small", "C", "dog, small (copy)"]
    expect(button(page, "Move down")).to_be_disabled()
    bar(page, "C").focus()
    page.keyboard.press("Alt+ArrowUp")
    expect(bar(page, "C")).to_be_focused()
    assert [name for name, _ in items(page)] == ["A", "C", "dog, small", "dog, small (copy)"]
    page.keyboard.press("Delete")
    expect(status(page)).to_have_text("“C” is removed.")
    expect(bar(page, "dog, small")).to_be_focused()
    button(page, "Add item").click()
    assert items(page)[-1] == ("D", "0.0000")
    expect(bar(page, "D")).to_have_attribute("tabindex", "0")

    undo_all(page, 6)
    assert items(page) == [("A", "2.0000"), ("B", "1.0000"), ("C", "0.0000")]


def test_the_only_item_stays(open_page: Open) -> None:
    page = open_page([2.0])
    expect(button(page, "Remove")).to_be_disabled()
    bar(page, "A").press("Delete")
    assert items(page) == [("A", "2.0000")]


def test_the_target_stays_with_its_item(open_page: Open) -> None:
    page = open_page([1.0], link="#logits=2,1,0&labels=cat,dog,eel&target=1")
    target = page.locator(".logits .target .label")
    expect(target).to_have_text("dog")
    bar(page, "cat").press("Delete")
    expect(target).to_have_text("dog")
    bar(page, "dog").press("Alt+ArrowDown")
    expect(target).to_have_text("dog")
    bar(page, "dog").press("Delete")
    expect(target).to_have_count(0)
    undo(page).click()
    expect(target).to_have_text("dog")


def test_edited_logits_are_in_the_link_and_no_seed_draws_them(open_page: Open) -> None:
    page = open_page([1.0], link="#n=3&seed=7")
    value(page, "B").fill("0.5")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"#logits=[^&]*,0\.5,[^&]*&T=1$"))
    undo(page).click()
    expect(page).to_have_url(re.compile("#n=3&seed=7&T=1$"))


def test_of_many_items_the_rows_wait_while_one_is_dragged(open_page: Open) -> None:
    page = open_page(MANY)
    before = items(page)
    label = before[1][0]
    x, y, width = grab(page, label)
    page.mouse.move(x - 2 * width, y, steps=5)
    frame(page)
    during = items(page)
    assert [name for name, _ in during] == [name for name, _ in before]
    assert float(during[1][1]) < float(before[1][1]) - 0.01
    rest = page.get_by_role("figure", name="Softmax").locator(".rest .number")
    shown = sum(
        float(text.removesuffix(" %"))
        for text in page.locator(".probabilities > .number").inner_text().splitlines()
    )
    assert float(rest.inner_text().removesuffix(" %")) == pytest.approx(100 - shown, abs=0.01)
    page.mouse.up()
    # It has gone to its rank, and the window with it.
    expect(bar(page, label)).to_be_in_viewport()
    sorted_ = logits(page)
    assert sorted_ == sorted(sorted_, reverse=True)
    undo(page).click()
    expect(bar(page, label)).to_be_in_viewport()
    assert dict(items(page))[label] == before[1][1]
    value(page, label).fill("9")
    page.keyboard.press("Enter")
    assert items(page)[0] == (label, "9.0000")
    bar(page, label).press("ArrowLeft")
    expect(bar(page, label)).to_be_focused()


def paste(page: Page, text: str) -> None:
    """Paste a text where the focus is."""
    page.evaluate(
        """(text) => {
          const clipboardData = new DataTransfer();
          clipboardData.setData("text/plain", text);
          const options = { clipboardData, bubbles: true, cancelable: true };
          document.activeElement.dispatchEvent(new ClipboardEvent("paste", options));
        }""",
        text,
    )


@pytest.mark.parametrize(
    ("text", "expected", "told"),
    [
        ("2 1 0.1", {"A": 2, "B": 1, "C": 0.1}, "Pasted text: 3 items."),
        ("2\n1\n0.1\n", {"A": 2, "B": 1, "C": 0.1}, "3 items."),
        ("0,5 1,2", {"A": 0.5, "B": 1.2}, "2 items. numbers with decimal commas."),
        ("[2, -1]", {"A": 2, "B": -1}, "2 items."),
        ("cat,2.0\n dog,1\n", {"cat": 2, " dog": 1}, "2 items, cat, dog."),
        ("cat\t0,5\ndog\t1\n", {"cat": 0.5, "dog": 1}, "2 items, cat, dog."),
        ('{"2": 1, "1": 3}', {"2": 1, "1": 3}, "2 items, 2, 1."),
        ("a,b\n1,2\n3,4\n", {"a": 1, "b": 2}, "The first of 2 rows is shown."),
    ],
)
def test_numbers_and_labels_are_pasted(
    open_page: Open, text: str, expected: dict[str, float], told: str
) -> None:
    page = open_page([2.0, 1.0, 0.0], PETS)
    slider(page).focus()
    paste(page, text)
    expect(page.locator(".notice")).to_contain_text(told)
    expect(status(page)).to_contain_text(told)
    assert [name.strip() for name, _ in items(page)] == [name.strip() for name in expected]
    assert logits(page) == list(expected.values())
    undo_all(page, 1)
    assert logits(page) == [2, 1, 0]
    expect(page.locator(".notice")).to_have_text("")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("hello", "Pasted text is not read: there are no numbers in it."),
        ("cat,2\ndog,1\neel,l.5\n", "line 3: column “1” must be of numbers, got “l.5”."),
        ("1,2\n3\n", "line 2 must have 2 columns, got 1."),
        ("0,5\n1,2\n", "“0,5” may be one number with a decimal comma or two numbers."),
        ("[1, 2\n", "line 2 is not JSON."),
    ],
)
def test_what_cannot_be_read_is_told_and_nothing_is_lost(
    open_page: Open, text: str, reason: str
) -> None:
    page = open_page([2.0, 1.0, 0.0], PETS)
    slider(page).focus()
    paste(page, text)
    expect(page.get_by_role("alert").filter(has_text="is not read")).to_contain_text(reason)
    assert items(page) == [("cat", "2.0000"), ("dog", "1.0000"), ("eel", "0.0000")]
    expect(undo(page)).to_be_disabled()


def test_a_text_field_keeps_what_is_pasted_into_it(open_page: Open) -> None:
    page = open_page([2.0, 1.0, 0.0], PETS)
    field(page).focus()
    paste(page, "3 4")
    assert logits(page) == [2, 1, 0]


def drop(page: Page, name: str, data: bytes) -> None:
    """Drop a file beside the instrument, on the page."""
    page.evaluate(
        """([name, data]) => {
          const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([bytes], name));
          for (const kind of ["dragenter", "dragover", "drop"]) {
            const event = new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true });
            document.body.dispatchEvent(event);
            if (!event.defaultPrevented) throw new Error(`${kind} is left to the browser`);
          }
        }""",
        [name, base64.b64encode(data).decode()],
    )


def npy(array: ArrayLike) -> bytes:
    file = io.BytesIO()
    np.save(file, np.asarray(array))
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("pandas_index.csv", "3 classes: cat, dog, eel; the first column is an index."),
        ("german_excel.csv", "numbers with decimal commas"),
        ("savetxt_header.csv", "savetxt_header.csv: 3 items, cat, dog, eel."),
        ("pipeline_scores.json", "The first of 2 rows is shown."),
        ("binary.npy", "8 items."),
        ("token_logits.npy", "The first of 16 rows is shown. shape (2, 8, 3)."),
    ],
)
def test_a_dropped_file_is_what_python_reads(open_page: Open, name: str, told: str) -> None:
    page = open_page([2.0, 1.0])
    path = CASES / name
    drop(page, name, path.read_bytes())
    expect(page.locator(".notice")).to_contain_text(told)
    want = read_logits(path, row=None if name == "binary.npy" else 0)
    assert logits(page) == pytest.approx(want.values.tolist(), abs=5e-5)
    if want.labels is not None:
        assert [label for label, _ in items(page)] == list(want.labels)
    expect(page.get_by_role("combobox", name="Total items")).to_contain_text(name)
    undo_all(page, 1)
    assert logits(page) == [2, 1]


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("label_column.csv", None, "whole numbers beside columns of fractions, in “label”"),
        ("gemini.json", None, "it is the answer of a server of a language model."),
        ("x.npy", b"\x93NUMPY\x01\x00", "cut short or damaged"),
        ("x.npy", npy([1j]), "logits must be real numbers, got <c16."),
        ("x.pdf", b"%PDF", "its name must end in .csv, .tsv, .txt, .json, or .npy."),
        ("x.csv", b"caf\xe9,1\n", "it is not UTF-8 text."),
        ("x.csv", b"", "it is empty."),
    ],
)
def test_a_file_that_is_refused_changes_nothing(
    open_page: Open, name: str, data: bytes | None, reason: str
) -> None:
    page = open_page([2.0, 1.0])
    drop(page, name, (CASES / name).read_bytes() if data is None else data)
    expect(page.get_by_role("alert").filter(has_text=f"{name} is not read: ")).to_contain_text(
        reason
    )
    assert logits(page) == [2, 1]
    expect(undo(page)).to_be_disabled()


def test_the_button_opens_a_file(open_page: Open, tmp_path: Path) -> None:
    page = open_page([2.0, 1.0])
    (tmp_path / "pets.csv").write_text("cat,dog\n3,4\n", encoding="utf-8")
    for _ in range(2):  # the same file once more
        with page.expect_file_chooser() as chooser:
            button(page, "Open file…").click()
        chooser.value.set_files(tmp_path / "pets.csv")
        expect(page.locator(".notice")).to_have_text("pets.csv: 2 items, cat, dog.")
    assert items(page) == [("cat", "3.0000"), ("dog", "4.0000")]


@pytest.mark.parametrize("lock", ["logits", "items"])
def test_what_is_locked_stays(open_page: Open, lock: str) -> None:
    page = open_page([1.0], link=f"#logits=2,1,0&labels=cat,dog,eel&lock={lock}")
    for name in ("Duplicate", "Remove", "Add item", "Open file…"):
        expect(button(page, name)).to_be_disabled()
    for key in ("Delete", "Alt+ArrowDown"):
        bar(page, "dog").press(key)
    paste(page, "5 6")
    drop(page, "x.csv", b"5,6\n")
    frame(page)
    assert [name for name, _ in items(page)] == PETS
    bar(page, "dog").press("ArrowRight")
    assert logits(page) == [2, 1 if lock == "logits" else 1.01, 0]


@pytest.mark.parametrize("size", [3, 1000])
def test_nothing_traps_the_focus(open_page: Open, size: int) -> None:
    page = open_page(MANY[:size])
    page.locator(".logits [role=slider][tabindex='0']").focus()
    page.keyboard.press("Tab")
    expect(page.locator(".logits input[tabindex='0']")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator(".softmax [role=listitem][tabindex='0']")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("textbox", name="Item", exact=True)).to_be_focused()


def test_tab_leaves_a_scrolled_list_where_it_is(open_page: Open) -> None:
    page = open_page(MANY)
    scroller, first = page.locator(".scroller"), page.locator(".softmax .row .label").first
    before = first.inner_text()
    scroller.evaluate("list => { list.scrollTop = 3000; }")
    expect(first).not_to_have_text(before)
    shown = page.locator(".softmax .row .label").all_inner_texts()
    page.get_by_role("searchbox").focus()
    for key, stops in (("Tab", 4), ("Shift+Tab", 4)):
        for _ in range(stops):
            page.keyboard.press(key)
            frame(page)
            frame(page)
            assert page.locator(".softmax .row .label").all_inner_texts() == shown
            assert scroller.evaluate("list => list.scrollTop") == 3000
    # A row that has the focus does not keep the list from scrolling.
    page.keyboard.press("Tab")
    frame(page)
    scroller.evaluate("list => { list.scrollTop = 0; }")
    expect(first).to_have_text(before)
