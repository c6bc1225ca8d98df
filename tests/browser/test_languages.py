"""The page in each of its languages: laid out, found by axe, chosen, and its numbers typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_everyone import assert_fits, found_in_all_colours, open_panels, view
from thermoscope import random_logits
from thermoscope.data import samples
from thermoscope.explorer.activity import Activity
from thermoscope.explorer.browse import RowSource
from thermoscope.explorer.front_end import LANGUAGES, Kind, Spoken
from thermoscope.explorer.page import Beginning, write_page
from thermoscope.link import state_of_link
from thermoscope.state import State

if TYPE_CHECKING:
    from collections.abc import Callable

    Open = Callable[..., Page]

pytestmark = pytest.mark.browser

OTHERS = [name for name in LANGUAGES if name != "en"]
SAMPLER = "n=5&seed=1&T=0.3&top_k=4&top_p=0.9"


@pytest.fixture
def open_in(page: Page, tmp_path: Path) -> Open:
    """Open an exported file in a language, with the network off."""

    def open_(language: str, state: State, *arguments: Any, query: str = "", **more: Any) -> Page:
        path = tmp_path / "page.html"
        write_page(path, state, *arguments, language=language, **more)
        page.context.set_offline(True)
        page.goto(path.as_uri() + query)
        page.locator(".thermoscope .instrument").wait_for()
        return page

    return open_


def texts(page: Page, language: str) -> Any:
    """Return the texts of a page that are no functions."""
    return json.loads(page.evaluate("name => JSON.stringify(thermoscopeTexts[name])", language))


# Text that its element cuts, and that has no other way to be read.
CUT = """() => [...document.querySelectorAll("button, select, legend, summary, th, h1, h2, h3")]
    .filter((one) => one.checkVisibility() && /\\p{L}/u.test(one.textContent))
    .filter((one) => one.scrollWidth > one.clientWidth + 1)
    .map((one) => one.textContent)"""


@pytest.mark.parametrize("language", OTHERS)
class TestLayout:
    def test_a_page_of_one_distribution(self, open_in: Open, language: str) -> None:
        page = open_in(language, state_of_link(SAMPLER))
        expect(page.locator("html")).to_have_attribute("lang", LANGUAGES[language].tag)
        expect(page.locator("html")).to_have_attribute("dir", LANGUAGES[language].direction)
        open_panels(page)
        page.locator(".sampler button[aria-expanded]").click()
        for width in (320, 360, 800, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            assert_fits(page)
            assert page.evaluate(CUT) == []
        assert found_in_all_colours(page, 360) == []
        page.keyboard.press("Escape")
        page.keyboard.press("?")
        expect(page.get_by_role("dialog")).to_be_visible()
        assert_fits(page)

    def test_a_page_of_rows(self, open_in: Open, language: str) -> None:
        draw = np.random.default_rng(0)
        rows = RowSource(draw.normal(0, 2, (50, 3)), targets=np.arange(50) % 3)
        page = open_in(language, rows.state(3), reliability=rows.measured())
        open_panels(page)
        view(page, 360)
        assert_fits(page)
        assert found_in_all_colours(page, 360) == []

    def test_a_page_that_writes(self, open_in: Open, language: str) -> None:
        page = open_in(language, State.of([0.0]), beginning=Beginning("The whale", 7, 5))
        expect(page.locator(".strip [role=option], .strip [role=listbox]").first).to_be_visible()
        open_panels(page)
        view(page, 360)
        assert_fits(page)
        assert found_in_all_colours(page, 360) == []

    def test_a_page_where_tasks_are_made(self, open_in: Open, language: str) -> None:
        activity = Activity.of(samples.lesson(language))
        page = open_in(language, state_of_link(activity.state), activity=activity, query="#edit=1")
        open_panels(page)
        view(page, 360)
        assert_fits(page)
        assert found_in_all_colours(page, 360) == []


@pytest.mark.parametrize(
    ("language", "typed", "shown", "percent"),
    [
        ("de", "1,234", "1,234", "83,49 %"),
        ("es", "0,5", "0,5", "98,20 %"),
        ("zh", "0.5", "0.5", "98.20 %"),
        ("ar", "\u0660\u066b\u0665", "0.5", "98.20 %"),
    ],
)
def test_numbers_are_typed_and_shown(
    open_in: Open, language: str, typed: str, shown: str, percent: str
) -> None:
    page = open_in(language, State.of([2.0, 0.0], ["a", "b"]))
    field = page.locator(".now input")
    field.fill(typed)
    field.press("Enter")
    expect(field).to_have_value(shown)
    expect(page.locator(".softmax .row").first).to_contain_text(percent)
    expect(page.get_by_role("status").first).to_contain_text(percent.removesuffix(" %"))


def test_a_number_that_may_be_two_is_refused(open_in: Open) -> None:
    page = open_in("de", State.of([2.0, 0.0]))
    page.locator(".now input").fill("1.234")
    expect(page.get_by_role("alert").filter(has_text="1,234")).to_contain_text("1234")


def test_the_languages_of_python_are_those_of_the_front_end() -> None:
    for name, language in LANGUAGES.items():
        script = Kind.DISTRIBUTION.script("page", Spoken(name))
        for text in (f'language:"{language.tag}"', f'direction:"{language.direction}"'):
            assert text in script
        assert language.title in script
    assert {*LANGUAGES, "auto"} == set(Spoken)


@pytest.mark.parametrize(
    ("locale", "query", "language"),
    [
        ("de-AT", "", "de"),
        ("zh-CN", "", "zh"),
        ("fr-FR", "", "en"),
        ("de-AT", "?lang=ar", "ar"),
    ],
)
def test_a_page_of_all_languages_speaks_that_of_its_reader(
    browser: Browser, tmp_path: Path, locale: str, query: str, language: str
) -> None:
    path = tmp_path / "page.html"
    write_page(path, State.of([1.0, 2.0]), language="auto")
    context = browser.new_context(locale=locale)
    try:
        page = context.new_page()
        page.goto(path.as_uri() + query)
        words = LANGUAGES[language]
        expect(page.locator("html")).to_have_attribute("lang", words.tag)
        expect(page).to_have_title(words.title)
        heading = texts(page, language)["base"]["title"]
        expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    finally:
        context.close()


def test_a_page_that_is_saved_keeps_its_language(open_in: Open, tmp_path: Path) -> None:
    page = open_in("auto", state_of_link(SAMPLER), query="?lang=es")
    words = texts(page, "es")["base"]["share"]
    page.get_by_role("button", name=words["name"]).click()
    with page.expect_download() as waiting:
        page.get_by_role("menuitem", name="HTML").click()
    path = tmp_path / "saved.html"
    waiting.value.save_as(path)
    page.goto(path.as_uri())
    expect(page.locator("html")).to_have_attribute("lang", "es")
    expect(page.get_by_role("button", name=words["name"])).to_be_visible()


def test_random_logits_are_the_same_in_every_language(open_in: Open) -> None:
    page = open_in("ar", State.random(3, seed=5))
    shown = page.locator(".logits input").evaluate_all("all => all.map((one) => one.value)")
    written = [float(text.replace("\u2212", "-")) for text in shown]
    np.testing.assert_allclose(written, random_logits(3, seed=5), atol=1e-4)
