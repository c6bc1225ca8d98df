"""A server's answer as text, in a page that asks its server and in one file with all of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.explorer_page import DRAG, field, slider
from tests.browser.test_everyone import (
    found_by_axe,
    found_in_all_colours,
    open_everything,
    open_panels,
)
from thermoscope import cli
from thermoscope.explorer.page import write_page
from thermoscope.state import State
from tools.explorer import WATCH, explorer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.explorer import Served

pytestmark = pytest.mark.browser

DATA = Path(__file__).parents[1] / "data" / "sequences"


@pytest.fixture(scope="module")
def chat() -> Iterator[Served]:
    with explorer(DATA / "chat.json") as served:
        yield served


@pytest.fixture(params=["page", "file"])
def opened(request: pytest.FixtureRequest, page: Page, chat: Served, tmp_path: Path) -> Page:
    """Open the answer as the page of a server, and as a file with the network off."""
    page.add_init_script(WATCH)
    if request.param == "page":
        page.goto(chat.url)
    else:
        out = tmp_path / "chat.html"
        assert cli.main(["export", str(out), str(DATA / "chat.json")]) == 0
        page.context.set_offline(True)
        page.goto(out.as_uri())
    expect(tokens(page)).to_have_count(18)
    return page


def tokens(page: Page) -> Locator:
    return page.get_by_role("listbox", name="Tokens").get_by_role("option")


def token(page: Page, name: str) -> Locator:
    return page.get_by_role("option", name=re.compile(f"“{re.escape(name)}”"))


def row(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Row", exact=True)


def colour(page: Page, name: str) -> None:
    page.get_by_role("combobox", name="Colour").select_option(label=name)


def classes(page: Page) -> list[str]:
    """Return the level of each token."""
    found: list[str] = tokens(page).evaluate_all("all => all.map(one => one.classList[1] ?? '')")
    return found


def told(page: Page) -> Locator:
    return page.get_by_role("region", name="Text", exact=True).locator(".told")


def test_the_text_is_shown_as_tokens(opened: Page) -> None:
    texts = tokens(opened).all_inner_texts()
    assert (
        "".join(texts) == "The capital of France is Paris, not Lyon Nantes\\n\nCafé ☕◂️<|im_end|>"
    )
    names = tokens(opened).evaluate_all("all => all.map(one => one.ariaLabel)")
    assert names[5] == "token 6 of 18, “ Paris”, rank 3, 12 bits, entropy at least 0.10 bits"
    assert names[9].startswith("token 10 of 18, “ Nantes”, rank 6 to 1,573, 14 bits, ")
    assert names[15].startswith("token 16 of 18, the rest of “☕”, rank 1, ")
    assert opened.evaluate("violations") == []


def test_a_click_goes_to_a_position_whose_drawn_token_is_marked(opened: Page) -> None:
    token(opened, " Paris").click()
    expect(row(opened)).to_have_value("5")
    expect(token(opened, " Paris")).to_have_attribute("aria-selected", "true")
    expect(opened.locator('[aria-selected="true"]')).to_have_count(1)
    for figure in ("Logits", "Softmax"):
        marked = opened.get_by_role("figure", name=figure).locator(".row.drawn")
        expect(marked).to_have_count(1)
        expect(marked.locator(".label")).to_have_text(re.compile(r"Paris$"))
    # The steps from row to row take the text along.
    opened.keyboard.press("]")
    expect(row(opened)).to_have_value("6")
    expect(token(opened, ",")).to_have_attribute("aria-selected", "true")


def test_the_drawn_token_is_read_as_drawn(opened: Page) -> None:
    token(opened, " Paris").click()
    expect(row(opened)).to_have_value("5")
    figure = opened.get_by_role("figure", name="Softmax")
    expect(figure).to_match_aria_snapshot(
        """
        - figure "Softmax":
          - list:
            - listitem: /drawn. .*Paris/
        """
    )


KEYS = {
    "ArrowRight": "4",
    "ArrowLeft": "2",
    "Home": "0",
    "End": "17",
    "ArrowDown": "14",
    "PageDown": "14",
}


def test_every_key_of_the_text(opened: Page) -> None:
    for key, to in KEYS.items():
        tokens(opened).nth(3).click()
        expect(row(opened)).to_have_value("3")
        opened.keyboard.press(key)
        if key in {"ArrowDown", "PageDown"}:
            # The line below, at the token under this one.
            expect(row(opened)).to_have_value(re.compile("^1[1-7]$"))
        else:
            expect(row(opened)).to_have_value(to)
        focused = opened.locator(":focus")
        expect(focused).to_have_attribute("aria-selected", "true")
    for key in ("ArrowUp", "PageUp"):
        tokens(opened).nth(12).click()
        expect(row(opened)).to_have_value("12")
        opened.keyboard.press(key)
        expect(row(opened)).to_have_value(re.compile("^[0-9]$"))
    # One stop for Tab, at the token that is shown.
    expect(opened.locator('[role=option][tabindex="0"]')).to_have_count(1)
    expect(opened.locator('[role=option][tabindex="0"]')).to_be_focused()


def test_the_temperature_colours_all_tokens(opened: Page) -> None:
    before = classes(opened)
    assert set(before) >= {"level0", "level3", "level4", "level5"}
    field(opened).fill("0.2")
    expect(token(opened, " Paris")).to_have_attribute(
        "aria-label", re.compile("rank 3, 5[0-9] bits, entropy")
    )
    after = classes(opened)
    assert after != before
    # What is likeliest is likelier now, and the others are less likely.
    assert (after[0], after[8]) == ("level0", "level0")
    assert after[7] == "level5"
    field(opened).fill("1")
    slider(opened).focus()
    assert classes(opened) == before


def test_each_choice_of_colour_has_a_legend(opened: Page) -> None:
    legend = opened.locator(".levels li")
    expect(legend).to_have_text(["< 0.5", "0.5 … 2", "2 … 4", "4 … 7", "7 … 11", "≥ 11"])
    colour(opened, "rank")
    expect(legend).to_have_text(["1", "2 … 3", "4 … 10", "11 … 100", "101 … 1,000", "≥ 1,001"])
    assert classes(opened)[5:10] == ["level1", "level1", "level2", "level0", "level4"]
    colour(opened, "entropy, bits")
    assert classes(opened)[:2] == ["level3", "level1"]
    colour(opened, "could the sampler write it")
    expect(legend).to_have_text(["yes", "can't be told", "no"])
    assert set(classes(opened)) == {"fate0"}


def test_what_could_not_be_written_is_crossed_on_paper_too(opened: Page) -> None:
    colour(opened, "could the sampler write it")
    opened.get_by_role("button", name="Add top-k").click()

    def gradients() -> int:
        return opened.pdf(print_background=False).count(b"/Shading")

    of_the_legend = gradients()
    opened.get_by_role("textbox", name="top-k").fill("2")
    expect(told(opened)).to_contain_text("3 of these 18 tokens")
    assert gradients() > of_the_legend > 0


def test_a_step_of_the_sampler_says_which_tokens_it_would_not_have_written(opened: Page) -> None:
    colour(opened, "could the sampler write it")
    expect(told(opened)).to_have_text(
        "At these settings all of these 18 tokens could have been written."
    )
    opened.get_by_role("button", name="Add top-k").click()
    opened.get_by_role("textbox", name="top-k").fill("2")
    # Of rank 3, 4 and from 6 on.
    expect(told(opened)).to_have_text(
        "At these settings 3 of these 18 tokens could not have been written."
    )
    assert [k for k, name in enumerate(classes(opened)) if name == "fate2"] == [5, 7, 9]
    sampler = opened.get_by_role("region", name="Sampler")
    expect(sampler.locator(".kept")).to_have_text(
        "of the reported tokens 2 kept, 0 undecided, 3 dropped; “The”: the sampler could write it"
    )
    region = opened.get_by_role("region", name="Text", exact=True)
    expect(region.get_by_role("status")).to_have_text(told(opened).inner_text())
    expect(token(opened, " Paris")).to_have_attribute(
        "aria-label", re.compile("the sampler could not write it$")
    )
    opened.get_by_role("textbox", name="top-k").fill("100")
    expect(told(opened)).to_have_text(
        "At these settings all of these 18 tokens could have been written; "
        "of 1 it can't be told from what was reported."
    )
    assert classes(opened)[9] == "fate1"
    opened.get_by_role("button", name="Add min-p").click()
    opened.get_by_role("textbox", name="min-p").fill("0.05")
    expect(told(opened)).to_contain_text(re.compile(r"settings \d of these 18 tokens could not"))


def test_the_line_along_the_text_goes_to_a_position(opened: Page) -> None:
    along = opened.locator(".along")
    box = along.bounding_box()
    assert box is not None
    along.click(position={"x": box["width"] * 9.5 / 18, "y": 5})
    expect(row(opened)).to_have_value("9")
    paths = along.locator("path").evaluate_all("all => all.map(one => one.getAttribute('d'))")
    assert all(path.count("L") == 17 for path in paths)
    field(opened).fill("0.2")
    expect(along.locator("path").first).not_to_have_attribute("d", paths[0])


@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing_in_the_text(opened: Page, width: int) -> None:
    assert found_in_all_colours(opened, width) == []
    open_everything(opened)
    assert found_in_all_colours(opened, width) == []
    opened.keyboard.press("Escape")
    opened.get_by_role("textbox", name="top-k").fill("2")
    colour(opened, "could the sampler write it")
    assert found_in_all_colours(opened, width) == []
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_accessibility_tree_has_the_text(opened: Page) -> None:
    token(opened, " Paris").click()
    expect(row(opened)).to_have_value("5")
    expect(opened.get_by_role("region", name="Text", exact=True)).to_match_aria_snapshot(
        r"""
        - region "Text":
          - strong: Text
          - text: Colour
          - combobox "Colour"
          - list:
            - listitem
            - listitem
            - listitem
            - listitem
            - listitem
            - listitem
          - listbox "Tokens":
            - group "Answer":
              - option /token 1 of 18, “The”, rank 1, /
              - option /token 6 of 18, “ Paris”, rank 3, / [selected]
              - option /token 16 of 18, the rest of “☕”, rank 1, /
              - option /token 18 of 18, “<\|im_end\|>”, rank 1, /
          - status: At these settings all of these 18 tokens could have been written.
        """
    )


def test_the_prompt_is_told_apart(page: Page) -> None:
    with explorer(DATA / "vllm_prompt.json") as served:
        page.goto(served.url)
        groups = page.get_by_role("listbox", name="Tokens").get_by_role("group")
        expect(groups).to_have_count(2)
        prompt = page.get_by_role("group", name="Prompt")
        expect(prompt.get_by_role("option")).to_have_count(8)
        assert "".join(prompt.get_by_role("option").all_inner_texts()) == (
            " Roses are red,\\n\nViolets"
        )
        answer = page.get_by_role("group", name="Answer")
        expect(answer.get_by_role("option")).to_have_count(3)


def saved(page: Page, folder: Path, *prompts: str, language: str = "en") -> Locator:
    """Open the file of answers of 18 tokens, and return the prompt of the one that is shown."""
    answer = json.loads((DATA / "chat.json").read_text(encoding="utf-8"))
    lines = [json.dumps({**answer, "thermoscope": {"prefix": prompt}}) for prompt in prompts]
    (folder / "saved.json").write_text("\n".join(lines), encoding="utf-8")
    out = folder / "saved.html"
    assert cli.main(["export", str(out), str(folder / "saved.json"), "--language", language]) == 0
    page.goto(out.as_uri())
    expect(page.get_by_role("option", name=" Paris")).to_have_count(len(prompts))
    return page.locator(".prefix")


def test_the_prompt_stands_in_front_of_the_tokens_and_is_none(page: Page, tmp_path: Path) -> None:
    prompt = saved(page, tmp_path, "  The\u200b capital\r\n of France is ")
    # Spaces at the ends of a line and invisible characters are shown as in tokens.
    assert prompt.text_content() == "  The\\u200b capital\\r\\n\n of France is "
    expect(prompt.locator(".space")).to_have_count(4)
    expect(prompt.locator(".mark")).to_have_text(["\\u200b", "\\r", "\\n"])
    expect(page.get_by_role("region", name="Text", exact=True)).to_match_aria_snapshot(
        r"""
        - region "Prompt": The\u200b capital\r\n of France is
        - listbox "Tokens":
          - group "Answer":
            - option /token 1 of 18, “The”, rank 1, /
        """
    )
    tokens(page).nth(2).click()
    expect(row(page)).to_have_value("2")
    prompt.click()
    expect(row(page)).to_have_value("2")
    expect(tokens(page).nth(2)).to_have_attribute("aria-selected", "true")
    assert found_in_all_colours(page, 360) == []


def test_a_long_prompt_scrolls_by_keys(page: Page, tmp_path: Path) -> None:
    prompt = saved(page, tmp_path, "\u200b" + "x" * 1000 + "\n" * 20 + "\u200b")
    expect(prompt).to_contain_text("x" * 1000)
    first, last = prompt.locator(".mark").first, prompt.locator(".mark").last
    box = page.viewport_size
    assert box is not None
    # All of the page is in view: what is not is scrolled out of the prompt.
    page.set_viewport_size({"width": box["width"], "height": 4000})
    # Its end stands in front of the tokens.
    expect(last).to_be_in_viewport()
    expect(first).not_to_be_in_viewport()
    prompt.press("Home")
    expect(first).to_be_in_viewport()
    expect(last).not_to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_prompt_from_right_to_left(page: Page, tmp_path: Path, language: str) -> None:
    prompt = saved(page, tmp_path, "ما عاصمة فرنسا.", language=language)
    # The full stop ends the text, on its left.
    first, stop = prompt.evaluate(
        """(prompt) => [0, prompt.textContent.length - 1].map((at) => {
          const range = document.createRange();
          range.setStart(prompt.firstChild, at);
          range.setEnd(prompt.firstChild, at + 1);
          return range.getBoundingClientRect().left;
        })"""
    )
    assert stop < first


def test_each_answer_has_its_own_prompt(page: Page, tmp_path: Path) -> None:
    prompt = saved(page, tmp_path, "one", "", "three")
    expect(prompt).to_have_text("one")
    tokens(page).nth(20).click()
    expect(row(page)).to_have_value("20")
    expect(prompt).to_have_count(0)
    tokens(page).nth(40).click()
    expect(prompt).to_have_text("three")


def test_a_page_of_a_server_saves_the_whole_text(page: Page, chat: Served, tmp_path: Path) -> None:
    page.goto(chat.url)
    token(page, " Paris").click()
    expect(row(page)).to_have_value("5")
    field(page).fill("0.5")
    expect(page.locator("p[role=status]")).to_contain_text("T = 0.5:")
    shown = page.locator(".softmax .label").all_inner_texts()
    page.get_by_role("button", name="Share").click()
    with page.expect_download() as saving:
        page.get_by_role("menuitem", name="Download HTML").click()
    path = tmp_path / "saved.html"
    saving.value.save_as(path)
    page.context.set_offline(True)
    page.goto(path.as_uri())
    expect(row(page)).to_have_value("5")
    expect(field(page)).to_have_value("0.5")
    expect(tokens(page)).to_have_count(18)
    assert page.locator(".softmax .label").all_inner_texts() == shown
    expect(page.get_by_role("combobox", name="Order").locator("option")).to_have_count(1)
    # What it saves again is whole, too.
    token(page, " Lyon").click()
    expect(row(page)).to_have_value("8")
    page.get_by_role("button", name="Share").click()
    with page.expect_download() as again:
        page.get_by_role("menuitem", name="Download HTML").click()
    again.value.save_as(tmp_path / "again.html")
    page.goto((tmp_path / "again.html").as_uri())
    expect(row(page)).to_have_value("8")
    expect(tokens(page)).to_have_count(18)


def test_a_link_of_a_saved_text_is_about_the_settings(page: Page, tmp_path: Path) -> None:
    out = tmp_path / "chat.html"
    assert cli.main(["export", str(out), str(DATA / "chat.json"), "--row", "3"]) == 0
    page.goto(f"{out.as_uri()}#T=0.5")
    expect(row(page)).to_have_value("3")
    expect(field(page)).to_have_value("0.5")
    token(page, " Lyon").click()
    field(page).fill("0.25")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{out.as_uri()}#T=0.25")


@pytest.mark.parametrize("width", [360, 700, 1000, 1280])
def test_no_sentence_is_cut(page: Page, width: int, tmp_path: Path) -> None:
    out = tmp_path / "chat.html"
    assert cli.main(["export", str(out), str(DATA / "chat.json")]) == 0
    file = tmp_path / "target.html"
    write_page(file, State.of([1.5, -3.0, 15.8], ["one", "two", "three"], target=2))
    page.set_viewport_size({"width": width, "height": 900})
    for path, parts in ((out, [".sentence", ".told", ".kept"]), (file, [".sentence", ".kept"])):
        page.goto(f"{path.as_uri()}#T=2&top_p=0.9")
        for part in parts:
            text = page.locator(part).locator(".shown")
            expect(text).not_to_have_text("")
            expect(text).not_to_contain_text("counting")
            assert text.evaluate("text => text.scrollHeight <= text.clientHeight"), part


def test_what_the_server_s_own_sampler_has_dropped_is_told(page: Page, tmp_path: Path) -> None:
    known = [(7, " a", 0.75), (8, " b", 0.25)]
    tops = [{"id": at, "token": name, "prob": p} for at, name, p in known]
    items = [{**tops[0], "top_probs": tops}] * 3
    (tmp_path / "after.json").write_text(json.dumps({"completion_probabilities": items}))
    out = tmp_path / "after.html"
    assert cli.main(["export", str(out), str(tmp_path / "after.json")]) == 0
    page.goto(out.as_uri())
    expect(tokens(page)).to_have_count(3)
    text = page.get_by_role("region", name="Text", exact=True)
    expect(text).to_contain_text("The server reports probabilities after its own sampler.")
    assert found_by_axe(page) == []


def test_a_drag_lays_out_what_it_changes_and_not_the_page(opened: Page) -> None:
    sampler = opened.get_by_role("region", name="Sampler")
    sampler.get_by_role("button", name="Add top-p").click()
    colour(opened, "could the sampler write it")
    parts = (".sentence", ".strip .told", ".kept")
    before = [opened.locator(part).inner_text() for part in parts]
    # What is made once, by the first move.
    slider(opened).evaluate(DRAG)
    browser = opened.context.browser
    assert browser is not None
    browser.start_tracing(page=opened, categories=["devtools.timeline"])
    slider(opened).evaluate(DRAG)
    events = json.loads(browser.stop_tracing())["traceEvents"]
    after = [opened.locator(part).inner_text() for part in parts]
    assert all(old != new for old, new in zip(before, after, strict=True))
    layouts = [event["args"]["beginData"] for event in events if event["name"] == "Layout"]
    assert len(layouts) >= 20
    # Chromium keeps track of a limited number of blocks: some frames change more.
    assert sum(not layout["partialLayout"] for layout in layouts) < 5


def test_axe_finds_nothing_in_an_odd_text_on_a_phone(page: Page, tmp_path: Path) -> None:
    """A long label, an empty one, an escape, and logits next to 0."""
    names = ["</script><img src=x onerror=alert(1)>", "", "\u202e", " "]
    content = []
    for name in names:
        tops = [{"token": name, "logprob": -1.1920929e-07}, {"token": "b", "logprob": -20.123457}]
        content.append({**tops[0], "top_logprobs": tops})
    answer = {"choices": [{"message": {}, "logprobs": {"content": content}}]}
    (tmp_path / "odd.json").write_text(json.dumps(answer))
    out = tmp_path / "odd.html"
    assert cli.main(["export", str(out), str(tmp_path / "odd.json")]) == 0
    page.set_viewport_size({"width": 360, "height": 800})
    page.goto(f"{out.as_uri()}#T=2&top_k=3&top_p=0.99")
    expect(tokens(page)).to_have_count(4)
    assert tokens(page).all_inner_texts()[1:] == ["(empty)", "\\u202e", " "]
    open_panels(page)
    for at in range(4):
        tokens(page).nth(at).click()
        expect(row(page)).to_have_value(str(at))
        assert found_by_axe(page) == []
