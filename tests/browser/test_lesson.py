"""The lesson and its questions in a real Chromium, by the accessibility tree and keys alone."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_activity import until
from tests.browser.test_everyone import found_in_all_colours
from thermoscope import cli, softmax
from thermoscope.arguments import ArgumentError
from thermoscope.data import samples
from thermoscope.explorer.activity import Activity
from thermoscope.explorer.front_end import LANGUAGES
from thermoscope.link import state_of_link

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.browser


@pytest.fixture
def open_sample(page: Page, tmp_path: Path) -> Callable[[str], Page]:
    """Open an activity of the package as a file, with the network off."""

    def open_(name: str, language: str = "en") -> Page:
        path = tmp_path / f"{name}.html"
        command = ["export", str(path), "--activity", name, "--language", language]
        assert cli.main(command) == 0
        page.context.set_offline(True)
        page.goto(path.as_uri())
        return page

    return open_


def press(page: Page, button: str) -> None:
    """Press a button by a key."""
    page.get_by_role("button", name=button, exact=True).focus()
    page.keyboard.press("Enter")


def choose(page: Page, option: str, check: str) -> None:
    page.get_by_role("radio", name=option, exact=True).focus()
    page.keyboard.press("Space")
    press(page, check)


def draw(page: Page, name: str, probability: float) -> None:
    """Draw a probability in per cents, by keys."""
    page.get_by_role("slider", name=name, exact=True).focus()
    page.keyboard.press("Home")
    tenths, rest = divmod(round(100 * probability), 10)
    for _ in range(tenths):
        page.keyboard.press("PageUp")
    for _ in range(rest):
        page.keyboard.press("ArrowRight")


def speaking(page: Page, language: str) -> Callable[..., str]:
    """Return a function that gives a text of the page, with what is inserted into it."""

    def said(place: str, *given: str | float) -> str:
        text: str = page.evaluate(
            f"(given) => {{ const text = thermoscopeTexts.{language}.{place};"
            " return typeof text === 'function' ? text(...given) : text; }",
            list(given),
        )
        return text

    return said


def draw_all(page: Page, task: dict[str, Any], said: Callable[..., str]) -> None:
    """Draw what is right, by keys."""
    state = state_of_link(task["start"])
    if task["of"] == "curve":
        temperatures = (0.03, 0.1, 0.3, 1, 3, 10, 30)
        rows = softmax([state.logits] * 7, [[at] for at in temperatures])
        for at, row in zip(temperatures, rows, strict=True):
            local = str(at).replace(".", said("base.numbers.decimal"))
            draw(page, said("activity.prediction.point", local), row[0])
    else:
        truth = softmax(state.logits, float(task["at"]))
        for label, probability in zip(state.labels or (), truth, strict=True):
            draw(page, said("activity.prediction.bar", label), probability)


@pytest.mark.parametrize("language", ["en", "ar", "de"])
def test_the_lesson_is_done_by_the_accessibility_tree_and_keys_alone(
    open_sample: Callable[..., Page], language: str
) -> None:
    page = open_sample("lesson", language)
    lesson = samples.lesson(language)
    said = speaking(page, language)

    def told(text: str) -> None:
        region = page.get_by_role("region", name=lesson["title"], exact=True)
        expect(region).to_contain_text(text)

    check = said("activity.texts.check")
    for number, task in enumerate(lesson["tasks"], 1):
        heading = said("activity.texts.task", number, 10)
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
        told(task["ask"])
        if task["kind"] == "choose":
            (right,) = task["answer"]
            wrong = task["options"][(right + 1) % len(task["options"])]
            choose(page, wrong, check)
            told(said("activity.texts.wrong"))
            press(page, said("activity.texts.hint"))
            told(task["hint"])
            choose(page, task["options"][right], check)
        elif task["kind"] == "number":
            page.get_by_role("textbox", name=said("activity.texts.answer")).focus()
            page.keyboard.type("2.7")
            page.keyboard.press("Enter")
        elif task["kind"] == "reach":
            slider = page.get_by_role("slider", name=said("base.temperature.name"), exact=True)
            slider.focus()
            page.keyboard.press("Home")
            page.get_by_role("textbox", name=said("base.temperature.value")).focus()
            page.keyboard.press("ControlOrMeta+A")
            page.keyboard.type("0.41")
            page.keyboard.press("Enter")
        else:
            draw_all(page, task, said)
            press(page, check)
        told(task["right"])
        if number < 10:
            press(page, said("activity.texts.next"))
    told(said("activity.texts.score", 10, 10))
    expect(page.get_by_role("status").first).to_contain_text(said("activity.results.all"))


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


# What people read, and the labels in links.
TEXTS = ("title", "intro", "ask", "options", "hint", "right", "wrong", "unit", "state", "start")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", ["lesson", "questions"])
def test_what_comes_with_the_package_is_an_activity(name: str, language: str) -> None:
    written = getattr(samples, name)(language)
    assert Activity.of(json.loads(json.dumps(written))).state == written["state"]
    english = getattr(samples, name)()
    for own, other in zip([written, *written["tasks"]], [english, *english["tasks"]], strict=True):
        assert own.keys() == other.keys()
        for part in own.keys() - {*TEXTS, "tasks"}:
            assert own[part] == other[part]
        for part in {"state", "start"} & own.keys():
            states = [state_of_link(link) for link in (own[part], other[part])]
            np.testing.assert_array_equal(states[0].logits, states[1].logits)
            assert states[0].temperature == states[1].temperature
        assert len(own.get("options", ())) == len(other.get("options", ()))


def test_there_is_no_lesson_in_other_languages() -> None:
    with pytest.raises(ArgumentError, match="language must be one of 'ar', 'de', 'en'"):
        samples.lesson("fr")
