"""The page for everyone: checked by axe-core, by keyboard, by touch, narrow, enlarged, mirrored."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.explorer_page import field, full_temperature, open_file, slider
from thermoscope import random_logits, temperature_for
from thermoscope.state import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import ArrayLike

    Open = Callable[..., Page]

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"


def open_panels(page: Page) -> None:
    page.locator("details").evaluate_all("all => all.forEach((panel) => (panel.open = true))")


def open_everything(page: Page) -> None:
    """Open all panels, and the sampler with two steps and the menu of the others."""
    open_panels(page)
    for name in ("top-k", "top-p"):
        page.get_by_role("button", name=f"Add {name}").click()
    page.get_by_role("button", name="More steps").click()


def view(page: Page, width: int, colours: Literal["light", "dark", "forced"] = "light") -> None:
    """Show the page on a screen of this width, in these colours."""
    page.emulate_media(
        color_scheme="dark" if colours == "dark" else "light",
        forced_colors="active" if colours == "forced" else "none",
    )
    page.set_viewport_size({"width": width, "height": 800})


# The rules of axe-core that depend on colours.
OF_COLOURS = ["color-contrast", "link-in-text-block"]
OTHER_COLOURS: tuple[Literal["dark", "forced"], ...] = ("dark", "forced")


def found_by_axe(page: Page, rules: list[str] | None = None, **more: bool) -> list[str]:
    """Return what axe-core finds wrong, by all of its rules or some, a line for each element.

    What else `axe.run` takes is `more`.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    # What passes is counted alone: the names of all of its elements take most of the time.
    options = {
        "resultTypes": ["violations"],
        **({} if rules is None else {"runOnly": rules}),
        **more,
    }
    passes, violations = page.evaluate(
        """async (options) => {
          const { passes, violations } = await axe.run(options);
          return [passes.length, violations];
        }""",
        options,
    )
    assert passes > (20 if rules is None else 0)
    return [
        f"{rule['id']}: {rule['help']}: {node['html'][:120]} {node['any'][:1]}"
        for rule in violations
        for node in rule["nodes"]
    ]


def found_in_all_colours(page: Page, width: int) -> list[str]:
    """Return what axe-core finds wrong in light colours, and of colours alone in the others."""
    view(page, width)
    found = found_by_axe(page)
    for colours in OTHER_COLOURS:
        view(page, width, colours)
        found += [f"{colours}: {line}" for line in found_by_axe(page, OF_COLOURS)]
    view(page, width)
    return found


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("size", [5, 50, 50_257])
def test_axe_finds_nothing(open_page: Open, page: Page, size: int, width: int) -> None:
    view(page, width)
    open_page(random_logits(size, seed=1), link="#T=0.3&top_k=4&top_p=0.9")
    open_panels(page)
    page.get_by_role("button", name="Pin as A").click()
    page.get_by_role("button", name="Draw 10", exact=True).click()
    assert found_in_all_colours(page, width) == []
    page.keyboard.press("?")
    assert found_in_all_colours(page, width) == []


@pytest.mark.parametrize(("size", "width"), [(5, 360), (50_257, 1280)])
def test_axe_finds_nothing_with_a_sampler(
    open_page: Open, page: Page, size: int, width: int
) -> None:
    view(page, width)
    open_page(random_logits(size, seed=1), link="#T=0.003&top_k=3&top_p=0.9&engine=vllm")
    open_panels(page)
    page.get_by_role("textbox", name="top-k").fill("x")
    expect(page.get_by_role("table", name="The same settings")).to_be_visible()
    assert found_in_all_colours(page, width) == []


def test_axe_finds_what_is_wrong(open_page: Open) -> None:
    page = open_page([1.0, 2.0])
    slider(page).evaluate("slider => slider.removeAttribute('aria-label')")
    page.evaluate(
        """() => {
          const sheet = new CSSStyleSheet();
          sheet.replaceSync("h1 { color: #222 !important }");
          document.adoptedStyleSheets = [sheet];
        }"""
    )
    found = [line.split(": ")[:2] for line in found_in_all_colours(page, 1280)]
    assert any(words[0] == "label" for words in found)
    assert ["dark", "color-contrast"] in found


def keys_button(page: Page) -> Locator:
    return page.get_by_role("button", name="Keys")


def test_a_question_mark_shows_the_keys(open_page: Open) -> None:
    page = open_page([2.0, 1.0, 0.1])
    keys = page.get_by_role("dialog", name="Keys")
    expect(keys).to_have_count(0)
    # The page has the focus from the start. Each way back returns it.
    page.keyboard.press("?")
    expect(keys).to_be_visible()
    expect(keys.get_by_role("button", name="Close")).to_be_focused()
    page.keyboard.press("Escape")
    expect(keys).to_have_count(0)
    slider(page).press("?")
    page.keyboard.press("?")
    expect(keys).to_have_count(0)
    expect(slider(page)).to_be_focused()
    keys_button(page).press("Enter")
    keys.get_by_role("button", name="Close").press("Enter")
    expect(keys).to_have_count(0)
    expect(keys_button(page)).to_be_focused()
    keys_button(page).click()
    expect(keys).to_be_visible()
    keys_button(page).click()
    expect(keys).to_have_count(0)
    # In a text field it is a character.
    field(page).press("?")
    expect(field(page)).to_have_value("?1")
    expect(keys).to_have_count(0)


TEMPERATURE = {
    "ArrowLeft": "T = 0.7943",
    "ArrowDown": "T = 0.7943",
    "ArrowRight": "T = 1.259",
    "ArrowUp": "T = 1.259",
    "PageDown": re.compile(r"T = 0\.1"),
    "PageUp": re.compile("T = (6|10)"),
    "Home": "T = 0",
    "End": "T = ∞",
}
# On the bar of b: the logits in their order, or the name of what has the focus.
LOGITS: dict[str, dict[str, float] | str] = {
    "ArrowLeft": {"a": 0, "b": 0.99, "c": 2},
    "ArrowRight": {"a": 0, "b": 1.01, "c": 2},
    "PageDown": {"a": 0, "b": 0.9, "c": 2},
    "PageUp": {"a": 0, "b": 1.1, "c": 2},
    "Shift+ArrowLeft": {"a": 0, "b": 0.9, "c": 2},
    "Shift+ArrowRight": {"a": 0, "b": 1.1, "c": 2},
    "Delete": {"a": 0, "c": 2},
    "Alt+ArrowUp": {"b": 1, "a": 0, "c": 2},
    "Alt+ArrowDown": {"a": 0, "c": 2, "b": 1},
    "ArrowUp": "Logit of a",
    "ArrowDown": "Logit of c",
    "Home": "Logit of a",
    "End": "Logit of c",
    "Enter": "Logit of b, value",
    "F2": "Item",
}
# From rank 20 of 60, in a window of 15.
SOFTMAX = {
    "ArrowUp": "19",
    "ArrowDown": "21",
    "PageUp": "5",
    "PageDown": "35",
    "Home": "0",
    "End": "59",
}
# Of three steps, the temperature first.
SAMPLER = {"ArrowRight": 1, "ArrowLeft": 0, "ArrowDown": 1, "ArrowUp": 0, "End": 2, "Home": 0}
# What needs a server, a frame or a drag is tested where these are.
TESTED_ELSEWHERE = {
    "outside of text fields": ["[", "]"],
    "within another page": ["Escape"],
    "Logits": [
        *("ArrowLeft", "ArrowRight", "PageDown", "Shift+ArrowLeft", "PageUp", "Shift+ArrowRight"),
        *("ArrowUp", "ArrowDown", "Home", "End", "Enter", "F2", "Delete"),
        *("Alt+ArrowUp", "Alt+ArrowDown", "Escape"),
    ],
}
NAMES = {
    "←": "ArrowLeft",
    "→": "ArrowRight",
    "↑": "ArrowUp",
    "↓": "ArrowDown",
    "Page Up": "PageUp",
    "Page Down": "PageDown",
    "Esc": "Escape",
    "Ctrl": "Control",
}


def press_keys_of_logits(page: Page, press: Callable[[str, str], None]) -> None:
    """Press each key on the bar of the second of three items, then undo it."""
    page.get_by_role("searchbox").focus()
    before = page.get_by_role("combobox", name="Total items")
    kept = before.input_value()
    page.get_by_role("region", name="Softmax temperature").first.focus()
    paste = """() => {
      const clipboardData = new DataTransfer();
      clipboardData.setData("text/plain", "a,0\\nb,1\\nc,2");
      document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
    }"""
    page.evaluate(paste)
    for key, does in LOGITS.items():
        page.locator(".logits [role=slider]").nth(1).focus()
        press("Logits", key)
        if isinstance(does, str):
            focused = page.locator(":focus")
            assert focused.evaluate("e => e.ariaLabel ?? e.labels[0].firstChild.data") == does
            continue
        names = page.locator(".logits .label").all_inner_texts()
        fields = page.locator(".logits input").evaluate_all("all => all.map((one) => one.value)")
        assert dict(zip(names, map(float, fields), strict=True)) == does
        assert list(does) == names
        page.keyboard.press("Control+Z")
    x, y = at_middle(page.locator(".logits [role=slider]").nth(1))
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 30, y)
    press("Logits", "Escape")
    page.mouse.up()
    expect(page.locator(".logits input").nth(1)).to_have_value("1.0000")
    page.mouse.move(0, 0)
    page.keyboard.press("Control+Z")
    expect(before).to_have_value(kept)


def at_middle(element: Locator) -> tuple[float, float]:
    box = element.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_every_key_of_the_list_does_what_it_says(open_page: Open) -> None:
    page = open_page(np.arange(60.0)[::-1])
    pressed = {(place, key) for place, keys in TESTED_ELSEWHERE.items() for key in keys}

    def press(place: str, key: str) -> None:
        pressed.add((place, key))
        page.keyboard.press(key)

    for name in ("Temperature", "Cursor at T"):
        control = page.get_by_role("slider", name=name, exact=True)
        for key, expected in TEMPERATURE.items():
            field(page).fill("1")
            control.focus()
            press("Temperature, Cursor at T", key)
            expect(control).to_have_attribute("aria-valuetext", expected)

    press_keys_of_logits(page, press)
    pointed = page.locator(".softmax .row.pointed .label")
    for key, expected in SOFTMAX.items():
        page.get_by_role("figure", name="Softmax").get_by_role("listitem").last.focus()
        for other in ("Home", "PageDown", *5 * ["ArrowDown"]):
            page.keyboard.press(other)
        expect(pointed).to_have_text("20")
        press("Softmax", key)
        expect(pointed).to_have_text(expected)

    search = page.get_by_role("searchbox", name="Search labels")
    search.fill("1")
    expect(page.get_by_role("search").locator("output")).to_have_text("1 of 15")
    press("Search labels", "Enter")
    expect(pointed).to_have_text("10")
    press("Search labels", "Shift+Enter")
    expect(pointed).to_have_text("1")
    press("Search labels", "Escape")
    expect(search).to_have_value("")

    for typed, key in (("0.70", "Enter"), ("much", "Escape")):
        field(page).fill(typed)
        press("number fields", key)
        expect(field(page)).to_have_value("0.7")

    for rule in ("top-k", "top-p"):
        page.get_by_role("button", name=f"Add {rule}").click()
    steps = page.get_by_role("list", name="Steps of the sampler").get_by_role("listitem")
    page.get_by_role("button", name="Move temperature").focus()
    for key, place in SAMPLER.items():
        press("Sampler: Move", key)
        expect(steps.nth(place)).to_contain_text("temperature")
    page.get_by_role("textbox", name="top-k").focus()
    for key, place in (("Alt+ArrowLeft", 1), ("Alt+ArrowRight", 0)):
        press("Sampler: a field", key)
        expect(steps.nth(place)).to_contain_text("temperature")

    slider(page).press("Home")
    press("outside of text fields", "Control+Z")
    expect(field(page)).to_have_value("0.7")
    press("outside of text fields", "Control+Y")
    expect(field(page)).to_have_value("0")
    page.keyboard.press("Control+Z")
    press("outside of text fields", "Control+Shift+Z")
    expect(field(page)).to_have_value("0")

    press("outside of text fields", "?")
    listed = {
        (section.get_attribute("aria-label"), "+".join(NAMES.get(k, k) for k in keys.split("+")))
        for section in page.get_by_role("dialog").locator("section").all()
        for keys in section.locator("kbd").all_inner_texts()
    }
    assert listed == pressed


def test_the_lesson_by_the_accessibility_tree_and_the_keyboard_alone(open_page: Open) -> None:
    """No CSS, no mouse: what a screen reader finds, and keys."""
    logits = [2.0, 1.0, 0.1]
    page = open_page(logits, ["cat", "dog", "eel"])
    status = page.get_by_role("status")

    def type_into(name: str, text: str) -> None:
        page.get_by_role("textbox", name=name, exact=True).focus()
        page.keyboard.press("ControlOrMeta+A")
        page.keyboard.type(text)
        page.keyboard.press("Enter")

    def shown() -> list[str]:
        items = page.get_by_role("figure", name="Softmax").get_by_role("listitem").all()
        return [" ".join(item.inner_text().split()) for item in items]

    # Which temperature gives the likeliest item 90 %?
    type_into("Top probability", "90")
    found = float(temperature_for(logits, top_probability=0.9))
    expect(status).to_have_text(re.compile(rf"^T = {found:.4g}: sharper.* “cat” leads with 90.00"))
    page.get_by_role("textbox", name="Temperature value").focus()
    assert full_temperature(page) == pytest.approx(found, rel=1e-12)
    assert shown()[0] == "cat 90.00 %"

    # At 0 and at infinity.
    page.get_by_role("slider", name="Temperature", exact=True).focus()
    page.keyboard.press("Home")
    expect(status).to_have_text("T = 0: the highest item, “cat”, has all of the probability.")
    assert shown() == ["cat 100 %", "dog 0 %", "eel 0 %"]
    page.keyboard.press("End")
    expect(status).to_have_text("T = ∞: uniform: all 3 items share equally, 33.33 % each.")
    assert shown() == ["cat 33.33 %", "dog 33.33 %", "eel 33.33 %"]

    # Keys in a row are one gesture, undone by one step.
    page.keyboard.press("ControlOrMeta+Z")
    expect(status).to_contain_text("“cat” leads with 90.00")

    # The nucleus at p = 0.8, where one item is enough, and at p = 0.95.
    page.get_by_role("button", name="Add top-p").focus()
    page.keyboard.press("Enter")
    type_into("top-p", "0.8")
    expect(status).to_have_text(re.compile(r"; kept 1 of 3, 90\.00.% of the mass\.$"))
    assert [text.split(" % ")[1].split(":")[0] for text in shown()] == [
        "kept",
        "dropped",
        "dropped",
    ]
    type_into("top-p", "0.95")
    expect(status).to_have_text(re.compile(r"; kept 2 of 3, 98\.[0-9]+.% of the mass\.$"))
    assert [text.split(" % ")[1].split(":")[0] for text in shown()] == ["kept", "kept", "dropped"]

    # Undone, step by step.
    page.get_by_role("button", name="Undo").focus()
    page.keyboard.press("Enter")
    expect(status).to_have_text(re.compile(r"; kept 1 of 3, 90\.00.% of the mass\.$"))
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(status).to_have_text(re.compile("equal choices[.]$"))
    assert shown()[0] == "cat 90.00 %"

    # A tie, and where it goes at 0; both undone.
    type_into("Logit of dog, value", "2")
    page.get_by_role("slider", name="Temperature", exact=True).focus()
    page.keyboard.press("Home")
    expect(status).to_have_text("T = 0: the 2 tied highest items share equally, 50.00 % each.")
    assert shown() == ["cat 50.00 %", "dog 50.00 %", "eel 0 %"]
    page.keyboard.press("ControlOrMeta+Z")
    page.keyboard.press("ControlOrMeta+Z")
    expect(status).to_contain_text("“cat” leads with 90.00")
    expect(page.get_by_role("textbox", name="Logit of dog, value")).to_have_value("1.0000")


def assert_fits(page: Page) -> None:
    """Assert that the page does not scroll sideways."""
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
@pytest.mark.parametrize("size", [5, 50_257])
def test_a_narrow_page_does_not_scroll_sideways(open_page: Open, size: int, direction: str) -> None:
    page = open_page(random_logits(size, seed=1) * 1e5, [f" a long label {i}" for i in range(size)])
    page.locator(".thermoscope").evaluate("(root, dir) => { root.dir = dir; }", direction)
    open_panels(page)
    for width in (320, 360, 480, 640, 800):
        page.set_viewport_size({"width": width, "height": 800})
        assert_fits(page)
        box = slider(page).bounding_box()
        assert box is not None
        assert box["width"] >= 200


def test_text_of_twice_the_size_fits(open_page: Open) -> None:
    page = open_page(random_logits(5, seed=1))
    open_panels(page)
    page.evaluate("() => { document.documentElement.style.fontSize = '200%'; }")
    for width in (640, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert_fits(page)
        assert_beside(page)


# The differences in height between the middle of each percentage that is seen and that of its row.
BESIDE = """() => {
  const middle = ({ y, height }) => y + height / 2;
  const text = [...document.querySelectorAll(".probabilities .number span")].at(-1).firstChild;
  const rows = document.querySelectorAll(".softmax .row");
  const range = document.createRange();
  let start = 0;
  return text.data.split("\\n").map((line, i) => {
    if (line === "") return start++ && 0;
    range.setStart(text, start);
    range.setEnd(text, start + line.length);
    start += line.length + 1;
    const number = rows[i].querySelector(".number").getBoundingClientRect();
    return middle(range.getBoundingClientRect()) - middle(number);
  });
}"""


def assert_beside(page: Page, *, within: float = 3) -> None:
    """Assert that each percentage stands beside its row."""
    differences = page.evaluate(BESIDE)
    assert len(differences) > 1
    assert max(map(abs, differences)) < within, differences


# Boxes whose text does not fit into them.
CUT = """() => [...document.querySelectorAll(".instrument *")].filter((element) => {
  const apart = ".unseen, .sideways, .scroller, svg *, math *, .plot, .probabilities";
  if (element.matches(apart)) return;
  const { contain, overflow, textOverflow } = getComputedStyle(element);
  if (textOverflow === "ellipsis" && element.title !== "") return;
  const clips = overflow !== "visible" || /size|strict/.test(contain);
  return clips && (element.scrollWidth > element.clientWidth + 1
    || element.scrollHeight > element.clientHeight + 1);
}).map((element) => element.outerHTML.slice(0, 200))"""

# WCAG 1.4.12
SPACING = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`* {
    line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important;
  } p { margin-bottom: 2em !important; }`);
  document.adoptedStyleSheets = [sheet];
}"""


@pytest.mark.parametrize("width", [360, 800, 1280])
@pytest.mark.parametrize("sampler", ["", "&top_k=4&top_p=0.9"])
@pytest.mark.parametrize("size", [5, 60])
def test_spaced_text_stays_in_its_place(
    open_page: Open, size: int, sampler: str, width: int
) -> None:
    page = open_page(random_logits(size, seed=1) * 30, link=f"#T=0.3{sampler}")
    page.set_viewport_size({"width": width, "height": 800})
    page.evaluate(SPACING)
    assert_fits(page)
    # With a sampler, a row has two numbers, one above the other.
    assert_beside(page, within=12 if sampler else 3)
    assert page.evaluate(CUT) == []


def test_a_page_from_right_to_left(open_page: Open) -> None:
    page = open_page([2.0, 1.0, 0.1], ["قطة", "كلب", "eel"])
    page.locator(".thermoscope").evaluate("(root) => { root.dir = 'rtl'; }")
    assert_beside(page)
    title, button = page.get_by_role("heading").bounding_box(), keys_button(page).bounding_box()
    assert title is not None
    assert button is not None
    assert button["x"] < title["x"]
    # A scale runs from left to right all the same.
    box = slider(page).bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + box["height"] / 2)
    assert full_temperature(page) > 1
    bars = page.locator(".probabilities .bars").bounding_box()
    plot = page.locator(".softmax .plot").first.bounding_box()
    assert bars is not None
    assert plot is not None
    assert abs(bars["x"] - plot["x"]) < 1


@pytest.mark.parametrize("width", [360, 1280])
def test_the_slider_stays_in_sight_while_rows_scroll(open_page: Open, width: int) -> None:
    page = open_page(random_logits(50, seed=1))
    page.set_viewport_size({"width": width, "height": 800})
    last = page.get_by_role("figure", name="Softmax").get_by_role("listitem").last
    last.scroll_into_view_if_needed()
    assert page.evaluate("scrollY") > 300
    expect(slider(page)).to_be_in_viewport(ratio=1)
    expect(last).to_be_in_viewport(ratio=1)
    # What the focus goes to is not under it.
    last.focus()
    page.keyboard.press("Shift+Tab")
    focused = page.evaluate(
        """() => {
          const { x, y } = document.activeElement.getBoundingClientRect();
          return document.activeElement.contains(document.elementFromPoint(x + 3, y + 3));
        }"""
    )
    assert focused
    # In a low window, it would take the room of the rows.
    page.set_viewport_size({"width": width, "height": 400})
    last.scroll_into_view_if_needed()
    expect(slider(page)).not_to_be_in_viewport()


@pytest.mark.parametrize(
    ("typed", "temperature"), [("0,7", "0.7"), ("12,5", "12.5"), ("0,125", "0.125")]
)
def test_a_decimal_comma_is_taken(open_page: Open, typed: str, temperature: str) -> None:
    page = open_page([2.0, 1.0, 0.1])
    field(page).fill(typed)
    page.keyboard.press("Enter")
    expect(field(page)).to_have_value(temperature)


@pytest.mark.parametrize("name", ["Temperature value", "Entropy", "Top probability"])
def test_a_comma_that_may_be_two_things_is_told(open_page: Open, name: str) -> None:
    page = open_page([2.0, 1.0, 0.1])
    page.get_by_role("textbox", name=name).fill("1,234")
    expect(page.get_by_role("alert").filter(has_text="1,234")).to_have_text(
        "“1,234” may be 1.234 or 1234: write one of these."
    )
    expect(slider(page)).to_have_attribute("aria-valuetext", "T = 1")


def test_a_found_temperature_is_cut_where_it_is_large_and_whole_elsewhere(open_page: Open) -> None:
    logits = [2.0, 1.0, 0.1]
    page = open_page(logits)
    page.get_by_role("textbox", name="Top probability").fill("90")
    page.keyboard.press("Enter")
    found = float(temperature_for(logits, top_probability=0.9))
    whole = field(page).get_attribute("title")
    assert whole is not None
    assert float(whole) == pytest.approx(found, rel=1e-12)
    expect(field(page)).to_have_value(f"{whole[:6]}…")
    page.wait_for_url(f"**/page.html#T={whole}")
    field(page).focus()
    expect(field(page)).to_have_value(whole)
    page.keyboard.press("Enter")
    slider(page).focus()
    expect(field(page)).to_have_value(f"{whole[:6]}…")
    page.wait_for_url(f"**/page.html#T={whole}")


def test_one_gesture_is_one_announcement(open_page: Open, page: Page) -> None:
    page.clock.install()
    open_page([2.0, 1.0, 0.1])
    # From here on no time passes by itself: on a busy machine a key may take longer than a rest.
    page.clock.pause_at(page.evaluate("Date.now()") / 1000 + 1)
    page.evaluate(
        """() => {
          window.announced = [];
          const status = document.querySelector("[role=status]");
          new MutationObserver(() => announced.push(status.textContent))
            .observe(status, { characterData: true, childList: true, subtree: true });
        }"""
    )
    box = slider(page).bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    for part in (0.6, 0.7, 0.8):
        page.mouse.move(box["x"] + part * box["width"], middle)
        page.clock.run_for(2000)
    assert full_temperature(page) > 10
    assert page.evaluate("announced") == []
    page.mouse.up()
    page.clock.run_for(2000)
    assert page.evaluate("announced.length") == 1
    slider(page).focus()
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
        page.clock.run_for(100)
    page.clock.run_for(2000)
    assert page.evaluate("announced.length") == 2


def test_nothing_moves_by_itself_or_slowly(open_page: Open, page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")
    open_page(random_logits(60, seed=1))
    slow = page.evaluate(
        """() => [...document.querySelectorAll(".thermoscope, .thermoscope *")].filter((one) => {
          const { animationName, scrollBehavior, transitionDuration: time } = getComputedStyle(one);
          return animationName !== "none" || scrollBehavior !== "auto" || time !== "0s";
        }).length"""
    )
    assert slow == 0


@pytest.fixture
def phone(browser: Browser, tmp_path: Path) -> Iterator[Callable[[ArrayLike], Page]]:
    """Open the exported file on a touch screen."""
    context = browser.new_context(
        viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True
    )

    def open_(logits: ArrayLike) -> Page:
        page = context.new_page()
        open_file(page, tmp_path / "page.html", State.of(logits))
        return page

    yield open_
    context.close()


def swipe(page: Page, at: Locator, x: int = 0, y: int = 0) -> None:
    """Swipe from the middle of an element, `x` pixels to the right and `y` down."""
    box = at.bounding_box()
    assert box is not None
    devtools = page.context.new_cdp_session(page)
    start = (box["x"] + box["width"] / 2, box["y"] + min(box["height"], 600) / 2)

    def touch(kind: str, part: float) -> None:
        points = [{"x": start[0] + part * x, "y": start[1] + part * y}] if kind != "End" else []
        devtools.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})

    touch("Start", 0)
    for step in range(1, 11):
        touch("Move", step / 10)
        page.evaluate("new Promise(requestAnimationFrame)")
    touch("End", 1)
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


@pytest.mark.parametrize("part", [".dial input", ".every .plot"])
def test_a_vertical_swipe_scrolls_and_sets_nothing(
    phone: Callable[[ArrayLike], Page], part: str
) -> None:
    page = phone(random_logits(5, seed=1))
    place = page.locator(part)
    place.scroll_into_view_if_needed()
    before = page.evaluate("scrollY")
    swipe(page, place, y=-200)
    page.wait_for_function("before => scrollY > before + 50", arg=before)
    assert full_temperature(page) == 1
    # And a horizontal one, which may start anywhere on it, is a drag.
    swipe(page, place, x=80)
    page.wait_for_function("document.querySelector('.now input').value !== '1'")
    assert full_temperature(page) > 1


def test_a_list_does_not_trap_a_swipe(phone: Callable[[ArrayLike], Page]) -> None:
    page = phone(random_logits(50_257, seed=1))
    rows = page.locator(".scroller")
    top = page.locator(".softmax .row .label").first
    first = top.inner_text()
    expect(page.get_by_text("tap to scroll")).to_be_visible()
    swipe(page, rows, y=-200)
    page.wait_for_function("scrollY > 50")
    assert top.inner_text() == first
    # The list scrolls once it has been tapped, and no longer once something else has been.
    page.locator(".softmax .row").nth(3).tap()
    expect(page.get_by_text("tap to scroll")).to_be_hidden()
    swipe(page, rows, y=-200)
    expect(top).not_to_have_text(first)
    page.get_by_text("Every temperature").tap()
    moved, before = top.inner_text(), page.evaluate("scrollY")
    swipe(page, rows, y=-200)
    page.wait_for_function("before => scrollY > before + 50", arg=before)
    assert top.inner_text() == moved


def test_a_field_is_not_enlarged_when_it_is_tapped(phone: Callable[[ArrayLike], Page]) -> None:
    page = phone(random_logits(60, seed=1))
    fields = page.locator("input:not([type=range], [type=file]), header select, .dial select")
    sizes = fields.evaluate_all(
        "all => all.map((one) => [one.outerHTML, parseFloat(getComputedStyle(one).fontSize)])"
    )
    assert len(sizes) >= 6
    assert [one for one in sizes if one[1] < 16] == []
