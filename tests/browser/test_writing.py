"""A text that is written with a real llama.cpp, step by step, and the file that is left of it."""

from __future__ import annotations

import itertools
import json
import re
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.explorer_page import field, slider
from tests.browser.test_everyone import found_by_axe, view
from tests.model_server import Handler, llama_cpp, needs_llama_cpp, scripted
from tools.explorer import WATCH, explorer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.explorer import Served

pytestmark = [pytest.mark.browser, needs_llama_cpp]

TOKENS = 300
# Each byte is a token, from the third on: those of the digits are likely after any other.
DIGITS = range(3 + ord("0"), 3 + ord("9") + 1)
PROMPT = "1+1"


def logits() -> np.ndarray:
    found = np.full((64, TOKENS), -30.0)
    found[:, DIGITS] = np.random.default_rng(3).normal(0, 1, (64, len(DIGITS)))
    return found


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve the page of a text without tokens, by a model that all tests of this module share."""
    folder = tmp_path_factory.mktemp("writing")
    with (
        llama_cpp(folder, logits(), "bytes") as address,
        explorer("--server", address, "--tokens", "0", "--seed", "5", PROMPT) as served,
    ):
        yield served


@pytest.fixture
def opened(page: Page, served: Served) -> Page:
    """Open the page, with a new branch that has no tokens yet."""
    page.add_init_script(WATCH)
    page.goto(served.url)
    start(page, PROMPT)
    return page


def start(page: Page, prompt: str) -> None:
    page.get_by_text("Prompt and text").click()
    page.get_by_role("textbox", name="Prompt", exact=True).fill(prompt)
    begin = button(page, "Start from this prompt")
    begin.click()
    # The page refuses while the model is still at what the test before has asked for. How many
    # tokens there are says nothing: the text of that test may have had as many.
    for _ in range(600):
        if "has the new prompt" in told(page).inner_text():
            break
        if any(error(page).all_text_contents()):
            begin.click()
        page.evaluate("new Promise((done) => requestAnimationFrame(done))")
    expect(tokens(page)).to_have_count(1)
    page.get_by_text("Prompt and text").click()


def button(page: Page, name: str | re.Pattern[str]) -> Locator:
    exact = isinstance(name, str)
    return page.get_by_role("button", name=name, exact=exact)


def tokens(page: Page) -> Locator:
    return page.get_by_role("listbox", name="Tokens").get_by_role("option")


def text(page: Page) -> str:
    return "".join(tokens(page).all_inner_texts())


def branch(page: Page) -> Locator:
    return page.get_by_role("combobox", name="Branch", exact=True)


def row(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Row", exact=True)


def told(page: Page) -> Locator:
    """Return what a screen reader is told of a gesture."""
    return page.locator("p[role=status]")


def error(page: Page) -> Locator:
    return page.get_by_role("group", name="Write", exact=True).get_by_role("alert")


def step(page: Page, times: int = 1) -> None:
    # A page that has only been asked for has no tokens; once it is there, it has the next one.
    expect(tokens(page)).not_to_have_count(0)
    for _ in range(times):
        before = tokens(page).count()
        button(page, "Step").click()
        expect(tokens(page)).to_have_count(before + 1)


def test_what_python_tells_is_said_in_the_language_of_the_page(page: Page, served: Served) -> None:
    page.goto(f"{served.url}?lang=de")
    about = page.get_by_role("group", name="Zweige und Dateien").get_by_role("paragraph").last
    expect(about).to_contain_text(f" · alle {TOKENS} Tokens")
    expect(tokens(page)).not_to_have_count(0)
    before = tokens(page).count()
    button(page, "Schritt").click()
    expect(tokens(page)).to_have_count(before + 1)
    tokens(page).nth(before - 1).click()
    button(page, "Hier abschneiden").click()
    cut = "1 Token abgeschnitten. „Wiederherstellen“ holt sie zurück."
    expect(told(page)).to_have_text(cut)
    expect(page.get_by_role("group", name="Schreiben").get_by_text(cut)).to_be_visible()
    page.get_by_role("textbox", name="Name des Zweigs").fill(" ")
    page.get_by_role("textbox", name="Name des Zweigs").press("Enter")
    refused = page.get_by_role("alert").filter(has_text="der Name muss 1 bis 60 Zeichen haben")
    expect(refused).to_be_visible()


def test_the_whole_walk(opened: Page, tmp_path: Path) -> None:
    page = opened
    expect(tokens(page)).to_have_attribute("aria-label", re.compile("^token 1 of 1, next token, "))
    expect(page.get_by_role("region", name="Prompt")).to_have_text(PROMPT)

    # At T = 0 each draw is the likeliest token, which the page shows before it is drawn.
    field(page).fill("0")
    field(page).press("Enter")
    leads = page.get_by_role("figure", name="Softmax").get_by_role("listitem").first
    likeliest = leads.locator(".label").inner_text()
    step(page)
    expect(row(page)).to_have_value("1")
    expect(tokens(page).first).to_have_text(likeliest)
    step(page, 3)
    written = text(page)
    assert re.fullmatch(r"[0-9]{4}", written)
    expect(tokens(page).last).to_have_attribute("aria-selected", "true")

    # Another token at an earlier place: a branch, and nothing is lost.
    first = branch(page).input_value()
    tokens(page).nth(1).click()
    expect(row(page)).to_have_value("1")
    second = page.get_by_role("figure", name="Softmax").get_by_role("listitem").nth(1)
    second.click()
    other = second.locator(".label").inner_text()
    button(page, f"Take “{other}”").click()
    expect(tokens(page)).to_have_count(3)
    assert text(page) == written[0] + other
    name = page.get_by_role("textbox", name="Branch name")
    name.fill("the other")
    name.press("Enter")
    expect(branch(page)).to_have_value("the other")
    step(page)

    compare_with(page, first, written)

    # Back to the first one, as it was.
    branch(page).select_option(first)
    expect(tokens(page)).to_have_count(5)
    assert text(page) == written
    tokens(page).nth(2).click()
    expect(row(page)).to_have_value("2")
    button(page, "Cut here").click()
    expect(tokens(page)).to_have_count(3)
    button(page, "Restore").click()
    expect(tokens(page)).to_have_count(5)
    assert text(page) == written

    save_and_open(page, tmp_path, written)


def compare_with(page: Page, first: str, written: str) -> None:
    """Put the branch "the other" beside the first one, and T = 1 beside T = 0."""
    page.get_by_text("Compare on this text").click()
    page.get_by_role("combobox", name="Branch to compare").select_option(first)
    button(page, "Compare branches").click()
    table = page.get_by_role("table", name="From where they part")
    expect(table.get_by_role("columnheader")).to_have_text(
        ["From where they part", "the other", first]
    )
    expect(table.get_by_role("row", name="Text").get_by_role("cell").last).to_have_text(written[1:])
    expect(page.get_by_text("They share the first token.")).to_be_visible()
    button(page, "Compare T = 1 with T = 0").click()
    expect(
        page.get_by_text(re.compile("draws would differ between T = 1 and T = 0"))
    ).to_be_visible()
    button(page, re.compile("^Most at token ")).click()
    expect(row(page)).not_to_have_value("3")


def save_and_open(page: Page, tmp_path: Path, written: str) -> None:
    """Save both files, and open the page with the network off."""
    with page.expect_download() as saved:
        button(page, "Save text (JSON)").click()
    saved.value.save_as(tmp_path / "text.json")
    assert json.loads((tmp_path / "text.json").read_text(encoding="utf-8"))["choices"]
    with page.expect_download() as saved:
        button(page, "Save page (HTML)").click()
    saved.value.save_as(tmp_path / "text.html")
    assert page.evaluate("violations") == []
    page.context.set_offline(True)
    page.goto((tmp_path / "text.html").as_uri())
    expect(tokens(page)).to_have_count(4)
    assert text(page) == written
    expect(page.get_by_role("region", name="Prompt")).to_have_text(PROMPT)
    expect(button(page, "Step")).to_have_count(0)
    assert page.evaluate("violations") == []


def test_the_walk_by_keys_alone(opened: Page) -> None:
    page = opened
    page.get_by_role("region", name="Softmax temperature").focus()
    for count in (2, 3, 4):
        page.keyboard.press("s")
        expect(tokens(page)).to_have_count(count)
    written = text(page)
    tokens(page).last.focus()
    page.keyboard.press("Home")
    expect(row(page)).to_have_value("0")
    # The focus is on a token: it stays in the text, whatever becomes of it.
    page.keyboard.press("x")
    expect(tokens(page)).to_have_count(1)
    expect(tokens(page)).to_be_focused()
    page.keyboard.press("r")
    expect(tokens(page)).to_have_count(4)
    assert text(page) == written
    expect(page.locator(":focus")).to_have_attribute("role", "option")
    before = branch(page).input_value()
    page.keyboard.press("Home")
    expect(row(page)).to_have_value("0")
    page.keyboard.press("t")
    expect(tokens(page)).to_have_count(2)
    expect(branch(page)).not_to_have_value(before)
    taken = branch(page).input_value()
    page.keyboard.press("b")
    expect(branch(page)).not_to_have_value(taken)
    tokens_field = page.get_by_role("textbox", name="tokens")
    tokens_field.fill("2")
    # A letter that is typed in a field does nothing else.
    tokens_field.press("s")
    expect(tokens_field).to_have_value("2s")
    button(page, "Play").press("Enter")
    expect(error(page)).to_have_text("Tokens must be a whole number from 1 to 10,000, got “2s”.")
    tokens_field.fill("2")
    button(page, "Play").focus()
    page.keyboard.press("p")
    expect(tokens(page)).to_have_count(4)
    expect(told(page)).to_have_text("2 tokens written.")


def test_cancel_keeps_the_focus_when_there_is_nothing_left_to_cancel(opened: Page) -> None:
    page = opened
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        if held:
            route.continue_()
        held.append(route)

    page.route("**/write", hold_the_first)
    cancel = button(page, "Cancel")
    expect(cancel).to_be_disabled()
    button(page, "Step").press("Enter")
    expect(cancel).to_be_enabled()
    cancel.focus()
    held[0].continue_()
    expect(tokens(page)).to_have_count(2)
    expect(cancel).to_be_disabled()
    expect(cancel).to_be_focused()


def test_the_same_seed_writes_the_same_text(opened: Page) -> None:
    page = opened
    seed = page.get_by_role("textbox", name="Seed", exact=True)
    texts = []
    for number in ("12", "13", "12"):
        seed.fill(number)
        seed.press("Enter")
        expect(told(page)).to_contain_text(number)
        step(page, 4)
        texts.append(text(page))
        tokens(page).first.click()
        expect(row(page)).to_have_value("0")
        button(page, "Cut here").click()
        expect(tokens(page)).to_have_count(1)
    assert texts[0] == texts[2] != texts[1]
    seed.fill("-1")
    seed.press("Enter")
    expect(seed).to_have_attribute("aria-invalid", "true")


def test_a_change_waits_for_the_rows_that_it_takes_out(opened: Page) -> None:
    page = opened
    step(page, 3)
    page.reload()
    expect(tokens(page)).to_have_count(4)
    order: list[str] = []

    def slow(route: Route) -> None:
        # The row beside the one that is shown is asked for in advance.
        if "place=1" in route.request.url:
            page.wait_for_timeout(300)
            order.append("row")
        route.continue_()

    page.route("**/rows?*", slow)
    page.on("request", lambda request: order.append("cut") if request.method == "POST" else None)
    tokens(page).first.click()
    expect(row(page)).to_have_value("0")
    button(page, "Cut here").click()
    expect(tokens(page)).to_have_count(1)
    assert order[:2] == ["row", "cut"]


@pytest.mark.parametrize(("key", "count"), [("b", 2), ("x", 2), ("t", 3)])
def test_a_key_means_the_token_that_was_just_chosen(opened: Page, key: str, count: int) -> None:
    page = opened
    step(page, 4)
    page.reload()
    expect(tokens(page)).to_have_count(5)
    held: list[Route] = []

    def hold(route: Route) -> None:
        if "place=1" in route.request.url and not held:
            held.append(route)
        else:
            route.continue_()

    page.route("**/rows?*", hold)
    with page.expect_request(lambda request: "place=1" in request.url):
        tokens(page).nth(1).click()
    expect(row(page)).to_have_value("4")
    page.keyboard.press(key)
    held[0].continue_()
    expect(tokens(page)).to_have_count(count)


def test_it_plays_until_it_is_paused(opened: Page) -> None:
    page = opened
    page.get_by_role("textbox", name="tokens").fill("200")
    button(page, "Play").click()
    expect(tokens(page).nth(3)).to_be_attached()
    button(page, "Pause").click()
    expect(button(page, "Play")).to_be_visible()
    expect(told(page)).to_have_text(re.compile(r"^\d+ tokens written\.$"))
    written = int(told(page).inner_text().split()[0])
    assert 3 <= written < 200
    expect(tokens(page)).to_have_count(written + 1)


def test_another_text(opened: Page) -> None:
    page = opened
    step(page, 2)
    page.get_by_text("Prompt and text").click()
    area = page.get_by_role("textbox", name="Text so far")
    expect(area).to_have_value(text(page))
    area.fill("2024")
    button(page, "Replace the text").click()
    expect(tokens(page)).to_have_count(5)
    assert text(page) == "2024"


def test_errors_of_the_server_are_told_and_the_text_is_kept(page: Page, tmp_path: Path) -> None:
    with ExitStack() as ends:
        server = ends.enter_context(ExitStack())
        address = server.enter_context(llama_cpp(tmp_path, logits(), "bytes"))
        page.goto(ends.enter_context(explorer("--server", address, "--tokens", "0", PROMPT)).url)
        step(page, 2)
        written = text(page)
        server.close()
        button(page, "Step").click()
        expect(error(page)).not_to_be_empty()
        assert text(page) == written
        # What is known of the text is still there.
        tokens(page).first.click()
        expect(row(page)).to_have_value("0")


@pytest.fixture
def second(opened: Page, served: Served) -> Page:
    """Open the text in another tab."""
    other = opened.context.new_page()
    other.goto(served.url)
    expect(tokens(other)).to_have_count(1)
    return other


def follows(page: Page, count: int) -> None:
    """Wait until a tab shows this number of positions, and the last of them."""
    expect(tokens(page)).to_have_count(count)
    expect(row(page)).to_have_value(str(count - 1))


def test_two_tabs_follow_each_other(opened: Page, second: Page) -> None:
    page = opened
    step(page, 2)
    follows(second, 3)
    step(second, 2)
    follows(page, 5)
    assert text(page) == text(second)

    # Where a tab is in the text is its own, and so is what is typed there.
    tokens(second).nth(1).click()
    expect(row(second)).to_have_value("1")
    seed = second.get_by_role("textbox", name="Seed", exact=True)
    seed.fill("12")
    step(page)
    expect(tokens(second)).to_have_count(6)
    expect(row(second)).to_have_value("1")
    expect(seed).to_have_value("12")
    seed.press("Enter")
    expect(seed).to_have_value("12")
    expect(page.get_by_role("textbox", name="Seed", exact=True)).to_have_value("12")
    tokens(page).first.click()
    expect(row(page)).to_have_value("0")
    button(page, "Cut here").click()
    for each in (page, second):
        follows(each, 1)
    button(second, "Restore").click()
    follows(page, 6)
    assert text(page) == text(second)

    # A tab of another browser asks when it is looked at again.
    assert page.context.browser is not None
    with page.context.browser.new_context() as another:
        third = another.new_page()
        third.goto(page.url)
        follows(third, 6)
        step(page)
        third.evaluate("dispatchEvent(new Event('focus'))")
        follows(third, 7)


def test_a_branch_that_is_deleted_in_another_tab(opened: Page, second: Page) -> None:
    page = opened
    step(page, 2)
    first = branch(page).input_value()
    page.get_by_role("region", name="Softmax temperature").focus()
    page.keyboard.press("b")
    expect(branch(second)).not_to_have_value(first)
    gone = branch(second).input_value()
    # What is typed for a branch is not taken for another one.
    name = second.get_by_role("textbox", name="Branch name")
    name.fill(f"{gone} and more")
    step(page)
    follows(second, 4)
    expect(name).to_have_value(f"{gone} and more")
    button(page, "Delete branch").click()
    follows(second, 3)
    expect(branch(second)).to_have_value(first)
    expect(name).to_have_value(first)
    name.press("Enter")
    expect(branch(page).locator(f"option[value='{gone} and more']")).to_have_count(0)
    step(second)
    expect(tokens(page)).to_have_count(4)
    assert text(page) == text(second)
    expect(branch(page)).to_have_value(first)
    expect(error(second)).to_have_count(0)


def test_a_tab_that_plays_ends_where_another_one_changes_the_text(
    opened: Page, second: Page
) -> None:
    page = opened
    steps: list[Route] = []

    def hold_the_fifth(route: Route) -> None:
        steps.append(route)
        if len(steps) != 5:
            route.continue_()

    page.route("**/write", hold_the_fifth)
    page.get_by_role("textbox", name="tokens").fill("10000")
    asked = itertools.count(1)
    with page.expect_request(lambda it: it.url.endswith("/write") and next(asked) == 5):
        button(page, "Play").click()
    # A change comes between two steps, and is refused while one is under way.
    expect(tokens(second)).to_have_count(5)
    seed = second.get_by_role("textbox", name="Seed", exact=True)
    other = str(int(seed.input_value()) + 1)
    seed.fill(other)
    seed.press("Enter")
    expect(told(second)).to_contain_text(other)
    steps[4].continue_()
    expect(button(page, "Play")).to_be_visible()
    expect(error(page)).to_have_text("the text has changed since: this is how it is now")
    expect(tokens(page)).to_have_count(5)
    expect(tokens(second)).to_have_count(5)
    assert text(page) == text(second)


def test_the_temperature_is_dragged_while_it_plays(opened: Page) -> None:
    page = opened
    page.get_by_role("textbox", name="tokens").fill("10000")
    button(page, "Play").click()
    box = slider(page).bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, y)
    page.mouse.down()
    for part in (0.6, 0.9):
        before = tokens(page).count()
        page.mouse.move(box["x"] + part * box["width"], y, steps=4)
        expect(tokens(page).nth(before)).to_be_attached()
    dragged = float(slider(page).input_value())
    page.mouse.up()
    button(page, "Pause").click()
    expect(button(page, "Play")).to_be_visible()
    assert float(slider(page).input_value()) == pytest.approx(dragged, abs=1)
    assert float(field(page).input_value().replace("∞", "inf")) > 10
    expect(error(page)).to_have_count(0)


def test_a_page_that_is_opened_or_loaded_again_while_the_model_is_asked(page: Page) -> None:
    goes_on = threading.Event()
    goes_on.set()

    def script(handler: Handler, _: Any) -> None:
        if handler.path == "/v1/models":
            handler.send({"data": [{"id": "m", "owned_by": "someone"}]})
        elif handler.path == "/v1/completions":
            assert goes_on.wait(60)
            tops = [{"token": " a", "logprob": -0.5}, {"token": " b", "logprob": -1.0}]
            entry = {**tops[0], "top_logprobs": tops}
            handler.send({"choices": [{"logprobs": {"content": [entry]}}]})
        else:
            handler.send({}, 404)

    arguments = ["--tokens", "0", "--top-k", "1", "x"]
    with (
        scripted(script) as server,
        explorer("--server", server.url, *arguments) as served,
    ):
        page.goto(served.url)
        goes_on.clear()
        button(page, "Step").click()
        asked = page.get_by_text("The model is asked …")
        expect(asked).to_be_visible()
        second = page.context.new_page()
        second.goto(served.url)
        expect(second.get_by_text("The model is asked …")).to_be_visible()
        page.reload()
        expect(asked).to_be_visible()
        goes_on.set()
        for each in (page, second):
            expect(tokens(each)).to_have_count(2)
            expect(row(each)).to_have_value("1")
            expect(each.get_by_text("The model is asked …")).to_have_count(0)

        # What one tab cancels is not done in the other.
        goes_on.clear()
        page.get_by_text("Prompt and text").click()
        prompt = page.get_by_role("textbox", name="Prompt", exact=True)
        prompt.fill("another one")
        button(page, "Start from this prompt").click()
        expect(asked).to_be_visible()
        second.reload()
        button(second, "Cancel").click()
        expect(told(page)).to_have_text("Cancelled: the text is as it was.")
        expect(prompt).to_have_value("another one")
        goes_on.set()
        button(page, "Start from this prompt").click()
        expect(second.get_by_role("region", name="Prompt")).to_have_text("another one")


@pytest.mark.parametrize(("width", "colours"), [(360, "light"), (1280, "forced")])
def test_axe_finds_nothing(opened: Page, width: int, colours: str) -> None:
    page = opened
    view(page, width, "light" if colours == "light" else "forced")
    step(page, 2)
    tokens(page).first.click()
    expect(row(page)).to_have_value("0")
    button(page, re.compile("^Take ")).click()
    expect(tokens(page)).to_have_count(2)
    for name in ("Prompt and text", "Compare on this text"):
        page.get_by_text(name).click()
    button(page, "Compare branches").click()
    expect(page.get_by_role("table", name="From where they part")).to_be_visible()
    # No setting is compared with itself.
    expect(page.get_by_text("Both settings are T = 1: change T or a step.")).to_be_visible()
    expect(button(page, re.compile("^Compare T = "))).to_have_count(0)
    field(page).fill("0.5")
    field(page).press("Enter")
    button(page, "Compare T = 1 with T = 0.5").click()
    expect(button(page, re.compile("^Most at token "))).to_be_visible()
    assert found_by_axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
