# ruff: noqa: RUF001 - a sigma
"""The sampler on an exported file: its steps, the engines, and what is kept."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.explorer_page import field, open_file, slider
from thermoscope import engines, keep, truncate
from thermoscope.present import digits, percent
from thermoscope.state import State

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.browser

PETS = State.of([2.0, 1.0, 0.1, -1.0, 0.5], ["cat", "dog", "eel", "fox", "gnu"])
MANY = State.of(np.random.default_rng(5).normal(0, 3, 1000), temperature=0.7)


def sampler(page: Page) -> Locator:
    return page.get_by_role("region", name="Sampler")


def steps(page: Page) -> Locator:
    return page.get_by_role("list", name="Steps of the sampler").get_by_role("listitem")


def handle(page: Page, step: str) -> Locator:
    return page.get_by_role("button", name=f"Move {step}", exact=True)


def number(page: Page, step: str) -> Locator:
    return sampler(page).get_by_role("textbox", name=step, exact=True)


def assert_steps(page: Page, *names: str) -> None:
    expect(steps(page)).to_have_text([re.compile(rf"^\W*{re.escape(name)}") for name in names])


def add(page: Page, *names: str) -> None:
    for name in names:
        button = page.get_by_role("button", name=f"Add {name}", exact=True)
        if not button.is_visible():
            page.get_by_role("button", name="More steps").click()
        button.click()


def kept_line(page: Page) -> Locator:
    return sampler(page).locator(".kept")


def said(state: State, temperature: float, **settings: Any) -> str:
    """Return what the page says is kept."""
    mask = keep(state.logits, temperature, **settings)
    engine = settings.get("engine")
    used = engines()[engine].effective_temperature(temperature) if engine else temperature
    mass = float(np.exp(log_softmax(state.logits, used))[mask].sum())
    text = percent(mass, exact=bool(mask.all())).replace(" %", "\u00a0%")
    return f"kept {mask.sum():,} of {mask.size:,}, {text} of the mass"


def log_softmax(logits: np.ndarray, temperature: Any) -> np.ndarray:
    z = (logits - logits.max()) / float(temperature)
    return z - np.log(np.exp(z).sum())


def after(page: Page) -> Locator:
    """Return the column of the table of values after truncation."""
    page.locator(".panel-values").evaluate("(panel) => (panel.open = true)")
    cells = page.get_by_role("table", name="Values").locator("tbody tr")
    return cells.locator("td:nth-of-type(3)")


def test_without_a_sampler_nothing_of_it_is_in_the_figure(page: Page, tmp_path: Path) -> None:
    open_file(page, tmp_path / "page.html", PETS)
    assert_steps(page, "temperature")
    expect(kept_line(page)).to_have_text("keeps all 5: there is no step besides the temperature")
    assert page.locator(".dropped, .grown, .cuts, .after").count() == 0
    page.locator(".panel-values").evaluate("(panel) => (panel.open = true)")
    table = page.get_by_role("table", name="Values")
    expect(table.get_by_role("columnheader")).to_have_count(4)


def test_steps_are_added_typed_and_removed(page: Page, tmp_path: Path) -> None:
    open_file(page, tmp_path / "page.html", PETS)
    add(page, "top-p")
    assert_steps(page, "temperature", "top-p")
    number(page, "top-p").fill("0,8")
    number(page, "top-p").press("Enter")
    expect(number(page, "top-p")).to_have_value("0.8")
    expect(kept_line(page)).to_have_text(said(PETS, 1, top_p=0.8))
    add(page, "top-k", "epsilon")
    assert_steps(page, "temperature", "top-k", "top-p", "epsilon")
    number(page, "top-k").fill("1")
    expect(kept_line(page)).to_have_text(said(PETS, 1, top_k=1))
    expect(page.get_by_role("button", name="Add top-k", exact=True)).to_have_count(0)

    page.get_by_role("button", name="Remove top-k").click()
    assert_steps(page, "temperature", "top-p", "epsilon")
    expect(page.get_by_role("status")).to_have_text(f"top-k removed; {said(PETS, 1, top_p=0.8)}")
    # The focus does not get lost with the button.
    expect(handle(page, "top-p")).to_be_focused()
    for step in ("top-p", "epsilon"):
        page.get_by_role("button", name=f"Remove {step}").click()
    assert page.locator(".dropped").count() == 0


def test_the_figure_marks_what_is_dropped(page: Page, tmp_path: Path) -> None:
    open_file(page, tmp_path / "page.html", PETS, "#T=1&top_k=2")
    expected = truncate(PETS.logits, top_k=2)
    items = page.get_by_role("figure", name="Softmax").get_by_role("listitem")
    fates = [f"kept: {percent(p)} after truncation" if p else "dropped" for p in expected.tolist()]
    expect(items.locator(".unseen")).to_have_text(fates)
    expect(items).to_have_class(
        [re.compile("dropped" if not p else "^row( pointed)?$") for p in expected]
    )
    numbers = page.locator(".probabilities .after").inner_text().split("\n")
    assert numbers == [f"→ {percent(p)}" if p else "" for p in expected.tolist()]
    # Few items stand as they are given: there is no line between kept and dropped ones.
    assert page.locator(".cuts path").get_attribute("d") == ""
    expect(after(page)).to_have_text([digits(p) for p in expected.tolist()])
    # The sentence and the readings are about the softmax of all.
    expect(page.get_by_role("status")).to_contain_text("“cat” leads with 55.85 %")


def test_many_items_have_a_line_between_kept_and_dropped_ones(page: Page, tmp_path: Path) -> None:
    open_file(page, tmp_path / "page.html", MANY, "#top_k=6")
    expect(page.locator(".cuts path")).to_have_attribute("d", "M0 6H1")
    rest = page.get_by_role("figure", name="Softmax").locator(".rest")
    expect(rest).to_contain_text("0 of them kept")
    number(page, "top-k").fill("40")
    expect(page.locator(".cuts path")).to_have_attribute("d", "")
    expect(rest).to_contain_text("25 of them kept")
    # What the others have is told apart from how many are kept.
    expect(rest.locator(".number")).to_have_text(re.compile("%;$"))
    page.get_by_role("button", name="Remove top-k").click()
    expect(rest.locator(".number")).to_have_text(re.compile("%$"))


def test_a_drag_of_the_temperature_moves_what_is_kept(page: Page, tmp_path: Path) -> None:
    open_file(page, tmp_path / "page.html", MANY, "#top_p=0.9&T=1")
    expect(kept_line(page)).to_have_text(said(MANY, 1, top_p=0.9, order=["top_p", "temperature"]))
    box = slider(page).bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.55, middle, steps=3)
    page.evaluate("() => new Promise(requestAnimationFrame)")
    dragged = float(field(page).input_value())
    assert dragged > 1
    order = ["top_p", "temperature"]
    expect(kept_line(page)).to_have_text(said(MANY, dragged, top_p=0.9, order=order))
    chip = steps(page).filter(has_text="temperature")
    assert f"{dragged:g}" in chip.inner_text()
    page.mouse.up()
    expect(page.locator("p[role=status]")).to_contain_text("; kept ")


@pytest.mark.parametrize(
    ("settings", "typed", "reason"),
    [
        ("top_k=3", "0", "top-k must be a whole number in [1, inf), got “0”."),
        ("top_k=3", "2.5", "top-k must be a whole number in [1, inf), got “2.5”."),
        (
            "top_k=3&engine=sglang",
            "",
            "top-k must be a whole number in [1, inf) with sglang, got nothing.",
        ),
        ("top_p=0.9", "90", "top-p must be a number in [0, 1], got “90”."),
        ("top_n_sigma=1", "x", "top-nσ must be a number in [0, inf), got “x”."),
    ],
)
def test_a_wrong_parameter_is_refused_with_the_reason(
    page: Page, tmp_path: Path, settings: str, typed: str, reason: str
) -> None:
    open_file(page, tmp_path / "page.html", PETS, f"#{settings}")
    parameter = sampler(page).get_by_role("textbox")
    before = kept_line(page).inner_text()
    value = parameter.input_value()
    parameter.fill(typed)
    parameter.press("Enter")
    expect(parameter).to_have_attribute("aria-invalid", "true")
    expect(parameter).to_have_attribute("aria-description", reason)
    expect(sampler(page).get_by_role("alert")).to_have_text(reason)
    expect(kept_line(page)).to_have_text(before)
    parameter.press("Escape")
    expect(parameter).to_have_value(value)
    expect(sampler(page).get_by_role("alert")).to_have_count(0)


def test_steps_are_moved_by_keys(page: Page, tmp_path: Path) -> None:
    open_file(page, tmp_path / "page.html", PETS, "#T=3&top_p=0.7&top_k=4")
    assert_steps(page, "temperature", "top-p", "top-k")
    handle(page, "temperature").focus()
    page.keyboard.press("ArrowRight")
    assert_steps(page, "top-p", "temperature", "top-k")
    order = ["top_p", "temperature", "top_k"]
    line = said(PETS, 3, top_p=0.7, top_k=4, order=order)
    expect(page.get_by_role("status")).to_have_text(f"temperature is step 2 of 3; {line}")
    expect(handle(page, "temperature")).to_be_focused()
    page.keyboard.press("End")
    assert_steps(page, "top-p", "top-k", "temperature")
    page.keyboard.press("Alt+ArrowLeft")
    assert_steps(page, "top-p", "temperature", "top-k")
    # From the field, with Alt: alone the arrow keys are of the text.
    number(page, "top-k").focus()
    page.keyboard.press("ArrowLeft")
    assert_steps(page, "top-p", "temperature", "top-k")
    page.keyboard.press("Alt+ArrowLeft")
    assert_steps(page, "top-p", "top-k", "temperature")
    expect(number(page, "top-k")).to_be_focused()
    page.keyboard.press("Alt+ArrowLeft")
    page.keyboard.press("Alt+ArrowLeft")
    assert_steps(page, "top-k", "top-p", "temperature")
    page.wait_for_url("**#top_k=4&top_p=0.7&T=3")


def test_steps_are_moved_by_the_mouse_and_undone(page: Page, tmp_path: Path) -> None:
    open_file(page, tmp_path / "page.html", PETS, "#T=3&top_k=4&top_p=0.7")
    first, last = handle(page, "temperature").bounding_box(), steps(page).last.bounding_box()
    assert first is not None
    assert last is not None
    page.mouse.move(first["x"] + 5, first["y"] + 5)
    page.mouse.down()
    page.mouse.move(last["x"] + last["width"] - 5, last["y"] + 5, steps=8)
    assert_steps(page, "top-k", "top-p", "temperature")
    order = ["top_k", "top_p", "temperature"]
    expect(kept_line(page)).to_have_text(said(PETS, 3, top_k=4, top_p=0.7, order=order))
    page.mouse.up()
    expect(page.get_by_role("status")).to_contain_text("temperature is step 3 of 3; kept ")
    page.wait_for_url("**#top_k=4&top_p=0.7&T=3")
    page.get_by_role("button", name="Undo").click()
    assert_steps(page, "temperature", "top-k", "top-p")
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    page.get_by_role("button", name="Redo").click()
    assert_steps(page, "top-k", "top-p", "temperature")


def test_a_step_that_is_put_back_leaves_nothing_to_undo(page: Page, tmp_path: Path) -> None:
    open_file(page, tmp_path / "page.html", PETS, "#T=3&top_k=4")
    box = handle(page, "temperature").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + 600, box["y"] + 5, steps=5)
    assert_steps(page, "top-k", "temperature")
    page.mouse.move(box["x"] + 5, box["y"] + 5, steps=5)
    page.mouse.up()
    assert_steps(page, "temperature", "top-k")
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()


def test_an_engine_without_steps_has_its_defaults(page: Page, tmp_path: Path) -> None:
    open_file(page, tmp_path / "page.html", MANY)
    engine = page.get_by_role("combobox", name="Engine")
    expect(engine.locator("option").first).to_have_text("no engine (papers)")
    engine.select_option(label=f"llama.cpp {engines()['llama.cpp'].version}")
    assert_steps(page, "top-k", "top-p", "min-p", "temperature")
    expect(sampler(page).locator(".note")).to_have_text(
        "These are the defaults of llama.cpp: top-k 40, top-p 0.95, and min-p 0.05. "
        "The default of llama.cpp is T = 0.8; T stays as it is."
    )
    line = said(MANY, 0.7, top_k=40, top_p=0.95, min_p=0.05, engine="llama.cpp")
    expect(kept_line(page)).to_have_text(line)
    expect(field(page)).to_have_value("0.7")
    # One step back, and there is no engine.
    page.get_by_role("button", name="Undo").click()
    expect(engine).to_have_value("")
    assert_steps(page, "temperature")


def test_an_engine_keeps_what_it_takes_and_tells_the_rest(page: Page, tmp_path: Path) -> None:
    link = "#top_k=3&T=2&top_p=0.9&epsilon=0.01&typical_p=0&ties=k"
    open_file(page, tmp_path / "page.html", PETS, link)
    engine = page.get_by_role("combobox", name="Engine")
    engine.select_option("transformers")
    assert_steps(page, "temperature", "top-k", "top-p", "epsilon")
    note = sampler(page).locator(".note")
    expect(note).to_contain_text("The order is that of transformers.")
    expect(note).to_contain_text(
        "typical-p must be a number in (0, 1] with transformers, got “0”. It is left out."
    )
    engine.select_option("vllm")
    assert_steps(page, "temperature", "top-k", "top-p")
    expect(note).to_contain_text("vllm has no epsilon: left out.")
    expect(note).to_contain_text("takes T above 0 as at least 0.01")
    field(page).fill("0.001")
    expect(kept_line(page)).to_contain_text("; vllm takes T = 0.001 as 0.01")
    page.get_by_role("button", name="Use the defaults of vllm").click()
    assert_steps(page, "temperature")
    expect(field(page)).to_have_value("1")


def test_ties_are_offered_where_an_engine_has_both(page: Page, tmp_path: Path) -> None:
    tied = State.of([3.0, 1.0, 2.0, 1.0])
    open_file(page, tmp_path / "page.html", tied, "#top_k=3&engine=vllm")
    ties = page.get_by_role("combobox", name="Ties in top-k")
    expect(kept_line(page)).to_contain_text("kept 4 of 4, 100")
    ties.select_option("only k stay")
    expect(kept_line(page)).to_contain_text("kept 3 of 4, ")
    page.wait_for_url("**#T=1&top_k=3&engine=vllm&ties=k")
    page.get_by_role("combobox", name="Engine").select_option("llama.cpp")
    expect(ties).to_have_count(0)
    expect(kept_line(page)).to_contain_text("kept 3 of 4, ")


@pytest.mark.parametrize(
    ("temperature", "settings"),
    [
        (0.7, {"top_k": 20, "top_p": 0.9, "min_p": 0.02}),
        (1.7, {"top_k": 20, "top_p": 0.9, "min_p": 0.02, "engine": "llama.cpp"}),
        (1.7, {"top_p": 0.8, "typical_p": 0.7, "engine": "transformers"}),
        (0.001, {"top_k": 5, "engine": "vllm"}),
        (1.3, {"top_k": 30, "top_p": 0.6, "engine": "sglang"}),
        (2.0, {"top_p": 0.8, "min_p": 0.1, "engine": "mlx-lm"}),
        (0.0, {"top_k": 5, "engine": "ollama<0.30"}),
        (2.0, {"top_n_sigma": 1.5, "order": ["top_n_sigma", "temperature"]}),
        (np.inf, {"typical_p": 0.3}),
    ],
)
def test_the_digits_are_those_of_python(
    page: Page, tmp_path: Path, temperature: float, settings: dict[str, Any]
) -> None:
    logits = np.random.default_rng(8).normal(0, 2, 40)
    state = State.of(logits, temperature=temperature, truncation=settings)
    open_file(page, tmp_path / "page.html", state)
    expected = truncate(logits, temperature, **settings)
    expect(after(page)).to_have_text([digits(p) for p in expected.tolist()])


def test_the_engines_side_by_side(page: Page, tmp_path: Path) -> None:
    open_file(page, tmp_path / "page.html", MANY, "#T=2&top_k=50&top_p=0.9&min_p=0.02")
    panel = page.locator(".panel-engines")
    # Closed, it is not computed.
    assert panel.locator("table").count() == 0
    panel.locator("summary").click()
    lines = page.get_by_role("table", name="The same settings").locator("tbody tr")
    expect(lines).to_have_count(1 + len(engines()))
    own = {"top_k": 50, "top_p": 0.9, "min_p": 0.02}
    chosen = truncate(MANY.logits, 2.0, **own)
    for line in lines.all():
        name = line.get_by_role("rowheader").inner_text()
        cells = line.get_by_role("cell").all_inner_texts()
        engine = None if name.startswith("no engine") else name.split(" ")[0]
        found = truncate(MANY.logits, 2.0, **own, engine=engine)
        assert cells[0] == f"{np.count_nonzero(found):,} of 1,000"
        order = np.argsort(-found, kind="stable")[:3]
        assert cells[1].startswith(", ".join(f"“{item}”" for item in order.tolist()))
        variation = np.abs(found - chosen).sum() / 2
        draws = f"{variation * 100:.0f} of 100"
        if variation < 0.01:
            draws = "Fewer than 1 of 100" if variation > 1e-12 else "none"
        assert cells[3] == ("chosen" if engine is None else draws)
    # An engine has its say on what it lacks.
    page.get_by_role("button", name="More steps").click()
    add(page, "eta")
    expect(lines.filter(has_text="vllm")).to_contain_text("has no eta")
    # The chosen engine comes first.
    page.get_by_role("combobox", name="Engine").select_option("mlx-lm")
    expect(lines.first.get_by_role("rowheader")).to_have_text(
        f"mlx-lm {engines()['mlx-lm'].version}"
    )


def test_a_nucleus_has_a_line_over_all_temperatures(page: Page, tmp_path: Path) -> None:
    open_file(page, tmp_path / "page.html", MANY, "#top_p=0.9")
    figure = page.get_by_role("figure", name="Every temperature")
    expect(figure.locator("path.nucleus")).to_be_attached()
    expect(figure).to_contain_text("kept by top-p 0.9 (log, up to 1,000)")
    page.get_by_role("button", name="Remove top-p").click()
    expect(figure.locator("path.nucleus")).to_have_count(0)


def test_a_locked_sampler_stays(page: Page, tmp_path: Path) -> None:
    open_file(page, tmp_path / "page.html", PETS, "#T=1&top_k=2&top_p=0.9&lock=sampler")
    expect(number(page, "top-k")).to_have_attribute("readonly", "")
    for button in sampler(page).get_by_role("button").all():
        if button.inner_text() != "More steps":
            expect(button).to_be_disabled()
    expect(page.get_by_role("combobox", name="Engine")).to_be_disabled()
    number(page, "top-k").focus()
    page.keyboard.press("Alt+ArrowRight")
    assert_steps(page, "temperature", "top-k", "top-p")


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_of_it_is_wider_than_the_page(page: Page, tmp_path: Path, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    link = "#T=1&top_k=2&top_p=0.9&min_p=0.1&typical_p=0.9&epsilon=0.1&eta=0.1&top_n_sigma=2"
    open_file(page, tmp_path / "page.html", MANY, link)
    page.locator("details").evaluate_all("all => all.forEach((panel) => (panel.open = true))")
    expect(page.get_by_role("table", name="The same settings")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == width
