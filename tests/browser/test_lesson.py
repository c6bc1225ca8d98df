"""The lesson and its questions in a real Chromium, by the accessibility tree and keys alone."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_activity import until
from tests.browser.test_everyone import found_in_all_colours
from thermoscope import cli, softmax
from thermoscope.data import samples
from thermoscope.explorer.activity import Activity
from thermoscope.link import state_of_link

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.browser


@pytest.fixture
def open_sample(page: Page, tmp_path: Path) -> Callable[[str], Page]:
    """Open an activity of the package as a file, with the network off."""

    def open_(name: str) -> Page:
        path = tmp_path / f"{name}.html"
        assert cli.main(["export", str(path), "--activity", name]) == 0
        page.context.set_offline(True)
        page.goto(path.as_uri())
        return page

    return open_


def press(page: Page, button: str) -> None:
    """Press a button by a key."""
    page.get_by_role("button", name=button, exact=True).focus()
    page.keyboard.press("Enter")


def choose(page: Page, option: str) -> None:
    page.get_by_role("radio", name=option, exact=True).focus()
    page.keyboard.press("Space")
    press(page, "Check")


def draw(page: Page, name: str, probability: float) -> None:
    """Draw a probability in per cents, by keys."""
    page.get_by_role("slider", name=name, exact=True).focus()
    page.keyboard.press("Home")
    tenths, rest = divmod(round(100 * probability), 10)
    for _ in range(tenths):
        page.keyboard.press("PageUp")
    for _ in range(rest):
        page.keyboard.press("ArrowRight")


def told(page: Page) -> Any:
    return expect(page.get_by_role("region", name="What temperature does to a softmax"))


def test_the_lesson_is_done_by_the_accessibility_tree_and_keys_alone(
    open_sample: Callable[[str], Page],
) -> None:
    page = open_sample("lesson")
    lesson = samples.lesson()
    for number, task in enumerate(lesson["tasks"], 1):
        expect(page.get_by_role("heading", name=f"Task {number} of 10")).to_be_visible()
        told(page).to_contain_text(task["ask"])
        if task["kind"] == "choose":
            (right,) = task["answer"]
            wrong = task["options"][(right + 1) % len(task["options"])]
            choose(page, wrong)
            told(page).to_contain_text("Not yet.")
            press(page, "Hint")
            told(page).to_contain_text(task["hint"])
            choose(page, task["options"][right])
        elif task["kind"] == "number":
            page.get_by_role("textbox", name="Your answer").focus()
            page.keyboard.type("2.7")
            page.keyboard.press("Enter")
        elif task["kind"] == "reach":
            slider = page.get_by_role("slider", name="Temperature", exact=True)
            slider.focus()
            page.keyboard.press("Home")
            page.get_by_role("textbox", name="Temperature value").focus()
            page.keyboard.press("ControlOrMeta+A")
            page.keyboard.type("0.41")
            page.keyboard.press("Enter")
        elif task.get("of") == "curve":
            temperatures = (0.03, 0.1, 0.3, 1, 3, 10, 30)
            logits = state_of_link(task["start"]).logits
            rows = softmax([logits] * 7, [[at] for at in temperatures])
            for at, row in zip(temperatures, rows, strict=True):
                draw(page, f"Prediction at T = {at}", row[0])
            press(page, "Check")
        else:
            state = state_of_link(task["start"])
            truth = softmax(state.logits, float(task["at"]))
            for label, probability in zip(state.labels or (), truth, strict=True):
                draw(page, f"Prediction for “{label}”", probability)
            press(page, "Check")
        told(page).to_contain_text(task["right"])
        if number < 10:
            press(page, "Next")
    told(page).to_contain_text("Score 10 of 10")
    expect(page.get_by_role("status").first).to_contain_text("All tasks are done.")


def test_the_questions_give_a_table_of_results(open_sample: Callable[[str], Page]) -> None:
    page = open_sample("questions")
    questions = samples.questions()["tasks"]
    # The page is of no help.
    expect(page.get_by_role("slider")).to_have_count(0)
    for number, task in enumerate(questions, 1):
        expect(page.get_by_role("heading", name=f"Task {number} of 6")).to_be_visible()
        (right,) = task["answer"]
        place = right if number != 4 else (right + 1) % 4
        page.get_by_role("radio", name=task["options"][place], exact=True).focus()
        page.keyboard.press("Space")
        press(page, "Answer")
        if number < 6:
            press(page, "Next")
    results = page.get_by_role("region", name="Results")
    expect(results).to_contain_text("Score 5 of 6")
    page.get_by_role("textbox", name=re.compile("^Your code")).focus()
    page.keyboard.type("A-17")
    with page.expect_download() as waiting:
        press(page, "Download the results as CSV")
    lines = Path(waiting.value.path()).read_text(encoding="utf-8").splitlines()
    assert len(lines) == 7
    assert [line.split(",")[0] for line in lines[1:]] == ['"A-17"'] * 6
    assert sum('"yes","1"' in line for line in lines) == 5


@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing_in_the_lesson(
    open_sample: Callable[[str], Page], page: Page, width: int
) -> None:
    open_sample("lesson")
    assert found_in_all_colours(page, width) == []
    until(page, f"document.documentElement.scrollWidth <= {width}")


@pytest.mark.parametrize("name", ["lesson", "questions"])
def test_what_comes_with_the_package_is_an_activity(name: str) -> None:
    written = json.loads(json.dumps(getattr(samples, name)()))
    assert Activity.of(written).state == written["state"]
