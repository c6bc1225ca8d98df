"""The menu "Share" in a real Chromium: what is copied runs, and what is saved is read back."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Download, Locator, Page, expect

from tests.browser.explorer_page import field, open_file, slider
from tests.browser.test_everyone import found_by_axe
from thermoscope import read_logits, softmax, truncate
from thermoscope.explorer.widget import explore
from thermoscope.link import state_of_link
from thermoscope.state import State
from tools.explorer import explorer

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import FrameLocator

    Open = Callable[..., Page]

pytestmark = pytest.mark.browser

PETS = State.of([2.0, 1.0, 0.1], ["cat", "dog", "eel"], source="pets.csv")
MANY = State.of(
    np.random.default_rng(3).normal(size=1000),
    ["3", 'a "b",\n', "", *(f"token {at}" for at in range(3, 1000))],
    temperature=0.7,
    source="many.npy",
)
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def open_page(page: Page, tmp_path: Path) -> Open:
    """Open the exported file of a state by a link, in a browser whose clipboard is open."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])

    def open_(link: str = "", state: State = PETS) -> Page:
        open_file(page, tmp_path / "page.html", state, link)
        return page

    return open_


def choose(view: Page | FrameLocator, name: str) -> None:
    view.get_by_role("button", name="Share").click()
    view.get_by_role("menuitem", name=name).click()


def told(view: Page | FrameLocator) -> Locator:
    return view.locator(".outcome")


def copied(page: Page, name: str, said: str) -> str:
    """Return what a choice puts on the clipboard."""
    choose(page, name)
    expect(told(page)).to_contain_text(said)
    # A screen reader is told the same.
    expect(page.locator("p[role=status]")).to_contain_text(said)
    return str(page.evaluate("navigator.clipboard.readText()"))


def saved(page: Page, view: Page | FrameLocator, name: str) -> Download:
    with page.expect_download() as waiting:
        choose(view, name)
    download = waiting.value
    expect(told(view)).to_contain_text(f"“{download.suggested_filename}” is being saved.")
    return download


def result_of(code: str, folder: Path) -> list[float]:
    """Run lines of Python, and return the numbers that the last one gives."""
    before, last = code.rsplit("\n", 1)
    script = f"{before}\nprint(*({last}).tolist())"
    return numbers_of([sys.executable, "-c", script], folder)


def printed_by(command: str, folder: Path) -> list[float]:
    """Run a command in a shell, and return the numbers that it prints."""
    shell = f'thermoscope() {{ "{sys.executable}" -m thermoscope "$@"; }}\n{command}'
    return numbers_of(["sh", "-c", shell], folder)


def numbers_of(words: list[str], folder: Path) -> list[float]:
    done = subprocess.run(words, cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return [float(number) for number in done.stdout.split()]


LINKS = [
    "n=5&seed=7&T=0.5",
    "logits=2,1,0.1&T=0.5&top_p=0.9&engine=llama.cpp",
    "logits=inf,-inf,3,-0,-1e-7&T=0.3",
    "logits=-inf,123456789012345680000,-5e-324,1e300&T=inf",
    "logits=nan,1&T=0",
    "logits=2,1,1,1,0&top_k=2&T=1e-7&min_p=0.05&ties=k",
    "n=40&seed=9007199254740991&top_k=-1&top_p=0.5&T=1&engine=ollama%3C0.30",
    "n=7&seed=1&T=0.1&top_n_sigma=1.5&eta=0.0003&epsilon=0.01&typical_p=0.3",
]


@pytest.mark.parametrize("link", LINKS)
def test_a_copied_line_gives_what_is_on_the_screen(
    open_page: Open, tmp_path: Path, link: str
) -> None:
    page = open_page(f"#{link}")
    state = state_of_link(link)
    code = copied(page, "Copy Python", "Python copied.")
    assert "read_logits" not in code
    probabilities = result_of(code, tmp_path)
    function = truncate if state.truncation else softmax
    expected = function(state.logits, state.temperature, **state.truncation)
    np.testing.assert_array_equal(probabilities, expected)
    if not state.truncation:
        page.locator("details").evaluate_all("all => all.forEach((one) => (one.open = true))")
        cells = page.locator(".values table tbody td:nth-of-type(2)")
        shown = [float(text) for text in cells.all_inner_texts()]
        np.testing.assert_allclose(probabilities, shown, rtol=5e-10)
    command = copied(page, "Copy command line", "Command line copied.")
    assert command.startswith("thermoscope softmax ")
    np.testing.assert_array_equal(printed_by(command, tmp_path), expected)


def test_lines_of_many_logits_read_the_file_that_the_page_saves(
    open_page: Open, tmp_path: Path
) -> None:
    page = open_page("#T=0.7&top_p=0.4", MANY)
    reads = "it reads “softmax-many-T-0.7.csv”. Download CSV"
    code = copied(page, "Copy Python", reads)
    command = copied(page, "Copy command line", reads)
    file = saved(page, page, "Download CSV")
    file.save_as(tmp_path / file.suggested_filename)
    expected = truncate(MANY.logits, 0.7, top_p=0.4)
    np.testing.assert_array_equal(result_of(code, tmp_path), expected)
    np.testing.assert_array_equal(printed_by(command, tmp_path), expected)


def test_a_copied_link_opens_what_is_shown(open_page: Open) -> None:
    page = open_page("#n=4&seed=7&T=0.5&top_p=0.9")
    slider(page).focus()
    page.keyboard.press("ArrowRight")
    link = copied(page, "Copy link", "Link copied. It works on this computer, where this file is.")
    assert link.startswith("file:///")
    assert link.endswith("#n=4&seed=7&T=0.631&top_p=0.9")
    page.goto("about:blank")
    page.goto(link)
    expect(field(page)).to_have_value("0.631")
    assert explore(state=link).to_link() == link.split("#")[1]


def test_the_page_s_own_logits_are_not_in_its_link(open_page: Open) -> None:
    link = copied(open_page("#T=2", MANY), "Copy link", "Link copied.")
    assert link.endswith("page.html#T=2")


def test_a_link_that_would_be_too_long_is_refused_in_words(open_page: Open) -> None:
    page = open_page(f"#logits={','.join(['0.12345678901234567'] * 105)}")
    page.evaluate("navigator.clipboard.writeText('before')")
    assert copied(page, "Copy link", "need a link of more than 2,000 characters.") == "before"
    expect(told(page)).to_contain_text("Download HTML instead")


def test_without_a_clipboard_the_text_is_selected(open_page: Open, tmp_path: Path) -> None:
    page = open_page()
    page.evaluate(
        "Object.defineProperty(navigator, 'clipboard', {}); document.execCommand = () => false"
    )
    choose(page, "Copy Python")
    expect(told(page)).to_contain_text("copy it by hand")
    text = page.get_by_role("textbox", name="Text to copy")
    expect(text).to_be_focused()
    assert page.evaluate("document.activeElement.selectionEnd") == len(text.input_value())
    assert result_of(text.input_value(), tmp_path) == softmax([2.0, 1.0, 0.1]).tolist()
    page.keyboard.press("Escape")
    expect(told(page)).to_have_count(0)
    expect(page.get_by_role("button", name="Share")).to_be_focused()


def test_an_unencrypted_page_copies_by_the_older_way(open_page: Open) -> None:
    page = open_page()
    page.evaluate(
        "window.known = navigator.clipboard; Object.defineProperty(navigator, 'clipboard', {})"
    )
    choose(page, "Copy command line")
    expect(told(page)).to_have_text("Command line copied.")
    assert page.evaluate("known.readText()") == "thermoscope softmax 2 1 0.1 -T 1"


def test_the_menu_by_keys(open_page: Open) -> None:
    page = open_page()
    share = page.get_by_role("button", name="Share")
    menu = page.get_by_role("menu", name="Share")
    items = menu.get_by_role("menuitem")
    share.focus()
    expect(share).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("Enter")
    expect(share).to_have_attribute("aria-expanded", "true")
    expect(items).to_have_text(
        ["Copy link", "Copy Python", "Copy command line"]
        + [f"Download {kind}" for kind in ("PNG", "SVG", "CSV", "HTML")]
    )
    expect(items.nth(0)).to_be_focused()
    for key, at in [("ArrowDown", 1), ("End", 6), ("ArrowDown", 0), ("ArrowUp", 6), ("Home", 0)]:
        page.keyboard.press(key)
        expect(items.nth(at)).to_be_focused()
    page.keyboard.press("Escape")
    expect(menu).to_have_count(0)
    expect(share).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(items.nth(0)).to_be_focused()
    page.keyboard.press("Enter")
    expect(told(page)).to_contain_text("Link copied.")
    expect(share).to_be_focused()
    page.keyboard.press("Tab")
    expect(told(page)).to_have_count(0)


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_finds_nothing_in_the_menu(open_page: Open, colours: Literal["light", "dark"]) -> None:
    page = open_page()
    page.emulate_media(color_scheme=colours)
    page.get_by_role("button", name="Share").click()
    expect(page.get_by_role("menu", name="Share")).to_be_visible()
    assert found_by_axe(page) == []
    page.get_by_role("menuitem", name="Copy link").click()
    expect(told(page)).to_be_visible()
    assert found_by_axe(page) == []


def test_a_click_elsewhere_closes_the_menu(open_page: Open) -> None:
    page = open_page()
    menu = page.get_by_role("menu", name="Share")
    share = page.get_by_role("button", name="Share")
    share.click()
    expect(menu).to_be_visible()
    share.click()
    expect(menu).to_have_count(0)
    share.click()
    field(page).click()
    expect(menu).to_have_count(0)
    expect(field(page)).to_be_focused()


@pytest.mark.parametrize("link", ["", "#hide=title,items,history"])
@pytest.mark.parametrize("width", [320, 640, 1280])
def test_the_menu_lies_within_the_page(open_page: Open, width: int, link: str) -> None:
    page = open_page(link)
    page.set_viewport_size({"width": width, "height": 800})
    page.get_by_role("button", name="Share").click()
    box = page.get_by_role("menu", name="Share").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    page.get_by_role("menuitem", name="Copy link").click()
    box = told(page).bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 - our own


def texts(svg: str) -> list[str]:
    return [text.text or "" for text in parsed(svg).iter(f"{SVG}text")]


def test_the_picture_has_what_the_figures_show(open_page: Open) -> None:
    state = State.of([2.0, 1.0, -0.5], ["<cat> & co", "a\x00b", ""], temperature=0.5)
    page = open_page("", state)
    file = saved(page, page, "Download SVG")
    assert file.suggested_filename == "softmax-T-0.5.svg"
    svg = file.path().read_text(encoding="utf-8")
    root = parsed(svg)
    assert root.findtext(f"{SVG}title") == "softmax at T = 0.5"
    figure = page.get_by_role("figure", name="Softmax").get_by_role("listitem")
    percents = figure.locator(".number").all_inner_texts()
    labels = ["<cat> & co", "a\\x00b", "(empty)"]
    described = "; ".join(f"{a} {b}" for a, b in zip(labels, percents, strict=True))
    assert root.findtext(f"{SVG}desc") == described
    found = texts(svg)
    logits = ["2.0000", "1.0000", "\N{MINUS SIGN}0.5000"]
    for text in [*labels, *percents, *logits, "outline: T = 1"]:
        assert text in found
    widths = [float(bar.get("width", 0)) for bar in root.iter(f"{SVG}rect")][1:]
    greens = widths[1::3]
    assert np.array(greens) / sum(greens) == pytest.approx(softmax(state.logits, 0.5), abs=1e-3)
    # It stands alone.
    assert re.findall(r"(?:href|url|src|style)\b", svg) == []


def test_the_picture_of_a_window_after_truncation(open_page: Open) -> None:
    page = open_page("#top_k=3&T=0.9&engine=llama.cpp", MANY)
    found = texts(saved(page, page, "Download SVG").path().read_text(encoding="utf-8"))
    assert found[0] == "softmax at T = 0.9; sampler: llama.cpp: top-k 3 → T"
    assert "After truncation" in found
    highest = np.sort(truncate(MANY.logits, 0.9, top_k=3, engine="llama.cpp"))[::-1]
    shown = [f"{100 * value:.2f} %" for value in highest[:3].tolist()]
    percents = [text for text in found if text.endswith(" %")]
    assert percents[1:] == [*shown, *["0 %"] * 13]
    assert "other 985 items" in found


def test_the_picture_as_png(open_page: Open) -> None:
    page = open_page()
    file = saved(page, page, "Download PNG")
    assert file.suggested_filename == "softmax-pets-T-1.png"
    svg = parsed(saved(page, page, "Download SVG").path().read_text(encoding="utf-8"))
    with Image.open(file.path()) as image:
        assert image.size == (2 * int(svg.get("width", 0)), 2 * int(svg.get("height", 0)))
        pixels = np.asarray(image.convert("RGB")).astype(int)
    assert (pixels[0, 0] == 255).all()
    red, green, blue = (pixels[..., channel] for channel in range(3))
    assert (blue > red + 60).sum() > 10_000
    assert (green > red + 20).sum() > 10_000


def test_the_table_is_read_back(open_page: Open, tmp_path: Path) -> None:
    page = open_page("#T=0.7&top_p=0.4", MANY)
    path = tmp_path / "many.csv"
    saved(page, page, "Download CSV").save_as(path)
    np.testing.assert_array_equal(read_logits(path, columns="logit").values, MANY.logits)
    for columns, expected in [
        ("probability", softmax(MANY.logits, 0.7)),
        ("after_truncation", truncate(MANY.logits, 0.7, top_p=0.4)),
    ]:
        np.testing.assert_allclose(read_logits(path, columns=columns).values, expected, rtol=1e-15)


def test_every_kind_of_number_and_label_is_read_back(open_page: Open, tmp_path: Path) -> None:
    logits = [np.inf, -np.inf, np.nan, -0.0, 5e-324, 1.7976931348623157e308, 1e21, 0.1]
    labels = ['"', ",", "\r\n", "", "é 猫", "=1+1", " ", "x"]
    page = open_page("", State.of(logits, labels))
    path = tmp_path / "all.csv"
    saved(page, page, "Download CSV").save_as(path)
    read = read_logits(path, columns="logit")
    np.testing.assert_array_equal(read.values, logits)
    assert np.signbit(read.values[3])
    assert read.labels == tuple(labels)


def test_the_page_saves_itself(open_page: Open, tmp_path: Path) -> None:
    label = "</script><!--"
    page = open_page("#n=3&seed=7&T=0.5&top_p=0.9", State.of([1.0, 2.0], [label, "b"]))
    for _ in range(2):
        path = tmp_path / "saved.html"
        file = saved(page, page, "Download HTML")
        assert file.suggested_filename == "softmax-random-3-seed-7-T-0.5.html"
        file.save_as(path)
        page.goto(path.as_uri())
        expect(field(page)).to_have_value("0.5")
        assert page.title() == "Softmax with temperature"
        link = copied(page, "Copy link", "Link copied.")
        assert link.endswith("#T=0.5&top_p=0.9")
    page.goto("about:blank")
    page.goto(f"{path.as_uri()}#logits=1,2&labels=%3C/script%3E,b&source=my+pets.csv&T=0")
    file = saved(page, page, "Download HTML")
    assert file.suggested_filename == "softmax-my-pets-T-0.html"
    file.save_as(path)
    page.goto(path.as_uri())
    rows = page.get_by_role("figure", name="Softmax").get_by_role("listitem")
    expect(rows).to_contain_text(["</script>", "b"])
    assert page.title() == "my pets.csv · Softmax with temperature"


def test_a_served_row_is_shared(page: Page, tmp_path: Path) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    np.save(tmp_path / "rows.npy", np.eye(3) * 2)
    with explorer(tmp_path / "rows.npy") as served:
        page.goto(served.url)
        page.get_by_role("button", name="Next row").click()
        expect(page.get_by_role("textbox", name="Row")).to_have_value("1")
        link = copied(page, "Copy link", "Link copied. It is what stands after “#”")
        assert link == "logits=0,2,0&source=rows.npy&T=1"
        path = tmp_path / "saved.html"
        saved(page, page, "Download HTML").save_as(path)
    page.goto(path.as_uri())
    expect(page.get_by_role("button", name="Next row")).to_have_count(0)
    expect(page.get_by_role("figure", name="Softmax")).to_contain_text("78.70 %")
    assert "connect-src" not in path.read_text(encoding="utf-8").split("<title>")[0]


def test_a_link_of_a_server_says_how_long_it_works(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    with explorer() as served:
        page.goto(f"{served.url}#n=3&seed=7")
        link = copied(page, "Copy link", "while “thermoscope explore” runs.")
        assert link == f"{served.url}#n=3&seed=7&T=1"


def test_the_page_in_the_frame_of_a_notebook(page: Page) -> None:
    data, _ = explore([2.0, 1.0, 0.1], embed=True)._repr_mimebundle_()
    page.set_content(data["text/html"])
    inside = page.frame_locator("iframe")
    choose(inside, "Copy link")
    expect(told(inside)).to_contain_text("It is what stands after “#”")
    file = saved(page, inside, "Download SVG")
    expect(told(inside)).to_contain_text("If it is not, this page is in a frame")
    assert texts(file.path().read_text(encoding="utf-8"))[0] == "softmax at T = 1"
    file = saved(page, inside, "Download PNG")
    with Image.open(file.path()) as image:
        assert image.size[0] == 1920
