"""The widget in a real JupyterLab: the browser and the kernel hold one state between them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest
from playwright.sync_api import expect

from tests.browser.explorer_page import field, slider, watched
from tools.jupyterlab import jupyterlab
from tools.notebook import LESSON

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Locator, Page

pytestmark = pytest.mark.browser

SEQUENCES = Path(__file__).parents[1] / "data" / "sequences"
# The notebook in front, as the page's own scripts see it.
KERNEL = "window.jupyterapp?.shell.currentWidget?.context?.sessionContext.session?.kernel"
PATIENCE_MS = 30_000

TWO_VIEWS = """
from thermoscope import explore
explorer = explore([2.0, 1.0, 0.0], ["cat", "dog", "eel"])
told = []
explorer.observe(lambda change: told.append(change.new), "temperature")
"""

ROWS = """
import numpy as np
from thermoscope import explore
file = np.lib.format.open_memmap("rows.npy", "w+", np.float32, (100, 4))
file[:] = np.random.default_rng(0).normal(size=file.shape)
explorer = explore(np.load("rows.npy", mmap_mode="r"), list("abcd"), targets=np.arange(100) % 4)
"""

TEXT = """
from thermoscope import explore, open_logits
answer = open_logits("chat.json", vocabulary=50257)
explorer = explore(answer)
"""

# Without the other parts, both views are in view: JupyterLab lays out no cell that is not.
WRITING = """
from thermoscope import explore
from thermoscope.explorer.parts import PARTS
from tiny_model import loaded
hidden = [part for part in PARTS if part not in ("text", "values")]
explorer = explore(**loaded(), prompt="a b", hide=hidden)
"""


TASKS = """
from thermoscope import explore
tasks = [
    {"kind": "number", "ask": "How many animals?", "answer": 3},
    {"kind": "reach", "ask": "Take T to 0.", "quantity": "temperature", "most": 0},
]
explorer = explore([2.0, 1.0, 0.0], ["cat", "dog", "eel"], tasks=tasks)
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a copy of the lesson, and notebooks with two views of one explorer."""
    folder = tmp_path_factory.mktemp("notebooks")
    shutil.copy(LESSON, folder / "lesson.ipynb")
    # With the lesson's kernel named in it, JupyterLab does not ask for one.
    metadata = nbformat.read(LESSON, as_version=4).metadata
    shutil.copy(SEQUENCES / "chat.json", folder)
    shutil.copy(Path(__file__).parents[1] / "programs" / "tiny_model.py", folder)
    programs = {"views": TWO_VIEWS, "rows": ROWS, "text": TEXT, "writing": WRITING, "tasks": TASKS}
    for name, program in programs.items():
        cells = [nbformat.v4.new_code_cell(source) for source in (program, "explorer", "explorer")]
        notebook = nbformat.v4.new_notebook(cells=cells, metadata=metadata)
        nbformat.write(notebook, folder / f"{name}.ipynb")
    with jupyterlab(folder) as address:
        yield address


def open_document(page: Page, address: str) -> None:
    # One document: the workspace would bring back the notebooks of earlier tests too.
    page.goto(address.replace("/lab/", "/doc/"))
    page.locator(".jp-Notebook").wait_for(timeout=PATIENCE_MS)
    page.wait_for_function(f"{KERNEL}?.connectionStatus === 'connected'", timeout=PATIENCE_MS)


def run_all(page: Page) -> None:
    assert page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")


def open_and_run(page: Page, address: str) -> None:
    open_document(page, address)
    run_all(page)


def ask(page: Page, expression: str) -> str:
    """Return the repr of an expression in the kernel."""
    return page.evaluate(
        f"""async (expression) => {{
            const request = {{code: "", user_expressions: {{it: expression}}}};
            const reply = await {KERNEL}.requestExecute(request).done;
            const answer = reply.content.user_expressions.it;
            return answer.data?.["text/plain"] ?? answer.evalue;
        }}""",
        expression,
    )


def tell(page: Page, statement: str) -> None:
    """Run a statement in the kernel."""
    status = page.evaluate(
        f"async (code) => (await {KERNEL}.requestExecute({{code}}).done).content.status", statement
    )
    assert status == "ok"


def becomes_true(page: Page, expression: str) -> bool:
    """Return whether an expression becomes true in the kernel before patience ends."""
    page.evaluate("(ms) => { window.end = performance.now() + ms; }", PATIENCE_MS)
    while page.evaluate("performance.now() < window.end"):
        if ask(page, f"bool({expression})") == "True":
            return True
    return False


def temperature(view: Locator) -> float:
    return float(field(view).input_value())


def grab(page: Page, view: Locator, start: float) -> tuple[float, float, float]:
    """Press the mouse at a fraction of the track's width; return the track's position."""
    # Hovering waits until a notebook that has just run no longer moves.
    slider(view).hover()
    box = slider(view).bounding_box()
    assert box is not None
    x, y, width = box["x"], box["y"] + box["height"] / 2, box["width"]
    page.mouse.move(x + start * width, y)
    page.mouse.down()
    return x, y, width


def test_the_lesson_runs_and_its_explorer_follows_the_kernel(page: Page, lab: str) -> None:
    open_and_run(page, lab.format("lesson.ipynb"))
    view = page.locator(".thermoscope").nth(1)  # the first is the one of random logits
    expect(view).to_be_visible(timeout=PATIENCE_MS)
    expect(field(view)).to_have_value("0.5")  # the last cell of the section has set it
    softmax = view.get_by_role("figure", name="Softmax")
    before = softmax.inner_text()

    x, y, width = grab(page, view, 0.5)
    page.mouse.move(x + 0.75 * width, y, steps=8)
    # The kernel is told while the mouse is still down.
    assert becomes_true(page, "explorer.temperature > 10"), ask(page, "explorer.temperature")
    page.mouse.up()
    shown = temperature(view)
    assert becomes_true(page, f"abs(explorer.temperature / {shown} - 1) < 0.01")
    expect(softmax).not_to_have_text(before)

    dragged = slider(view).input_value()
    tell(page, "explorer.temperature = 0.01")
    expect(field(view)).to_have_value("0.01")
    expect(slider(view)).not_to_have_value(dragged)
    expect(softmax).to_contain_text("100")

    # ipywidgets' own controls redraw the figure: in the original notebook it stayed as it was.
    interact = page.locator(".widget-interact")
    figure = interact.locator("img")
    controls = (
        lambda: interact.get_by_role("slider").press("ArrowRight"),
        lambda: interact.get_by_role("combobox").select_option("9"),
    )
    for change in controls:
        drawn = figure.get_attribute("src") or ""
        change()
        expect(figure).not_to_have_attribute("src", drawn, timeout=PATIENCE_MS)
        expect(figure).to_have_count(1)


@pytest.fixture(scope="module")
def notebook(browser: Browser, lab: str) -> Iterator[tuple[Page, list[str]]]:
    """Open the notebook of two views once, for opening it takes most of a test's time."""
    with watched(browser) as (page, errors):
        open_document(page, lab.format("views.ipynb"))
        yield page, errors


@pytest.fixture
def shared(notebook: tuple[Page, list[str]]) -> Iterator[Page]:
    """Yield the notebook's page with a new explorer in two new views."""
    page, errors = notebook
    page.mouse.up()  # of a drag that failed
    page.evaluate("window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    expect(page.locator(".thermoscope")).to_have_count(0)
    run_all(page)
    yield page
    found, errors[:] = errors[:], []
    assert found == []


@pytest.fixture
def views(shared: Page) -> tuple[Locator, Locator]:
    """Return two views of one explorer."""
    both = shared.locator(".thermoscope")
    expect(both).to_have_count(2, timeout=PATIENCE_MS)
    expect(field(both.nth(1))).to_have_value("1")
    return both.first, both.last


def numbers(view: Locator, column: int) -> list[float]:
    cells = view.locator(f".values tbody td:nth-of-type({column})")
    return [float(text.replace("\N{MINUS SIGN}", "-")) for text in cells.all_text_contents()]


def labels(view: Locator) -> Locator:
    return view.locator(".logits .row .label")


def test_two_views_stay_in_step_while_one_is_dragged_and_neither_jumps_back(
    shared: Page, views: tuple[Locator, Locator]
) -> None:
    one, other = views
    for name, view in (("one", one), ("other", other)):
        slider(view).evaluate(
            """(input, name) => {
                const seen = (window[name] = []);
                const note = () => {
                    if (seen.at(-1) !== input.valueAsNumber) seen.push(input.valueAsNumber);
                    window.watch = requestAnimationFrame(note);
                };
                note();
            }""",
            name,
        )
    x, y, width = grab(shared, one, 0.5)
    # Echoes of earlier values arrive from the kernel during this drag.
    shared.mouse.move(x + 0.9 * width, y, steps=60)
    assert becomes_true(shared, "len(told) > 1"), ask(shared, "told")
    expect(field(other)).to_have_value(field(one).input_value())  # still held
    shared.mouse.up()
    assert becomes_true(shared, f"explorer.temperature == {temperature(one)}")
    expect(field(other)).to_have_value(field(one).input_value())
    assert ask(shared, "told == sorted(told)") == "True", ask(shared, "told")
    for name in ("one", "other"):
        seen = shared.evaluate(name)
        assert len(seen) > 2
        assert seen == sorted(seen)


def test_new_logits_from_either_side_reach_the_other_whole(
    shared: Page, views: tuple[Locator, Locator]
) -> None:
    one, other = views
    one.get_by_role("button", name="New random logits").click()
    assert becomes_true(shared, "(explorer.labels, explorer.source) == (None, None)")
    assert ask(shared, "len(explorer.logits)") == "3"
    expect(labels(other)).to_have_text(["A", "B", "C"])
    assert numbers(other, 1) == numbers(one, 1)
    assert becomes_true(shared, f"abs(explorer.logits - {numbers(one, 1)}).max() < 1e-9")
    assert becomes_true(shared, f"abs(explorer.probabilities - {numbers(one, 2)}).max() < 1e-9")

    tell(
        shared,
        "with explorer.hold_trait_notifications():\n"
        "    explorer.labels = ['gnu', 'hen']\n"
        "    explorer.logits = [0.0, float('inf')]",
    )
    for view in views:
        expect(labels(view)).to_have_text(["gnu", "hen"])
        assert numbers(view, 2) == [0.0, 1.0]


def test_the_row_changes_from_either_side(page: Page, lab: str) -> None:
    open_and_run(page, lab.format("rows.ipynb"))
    views = page.locator(".thermoscope")
    expect(views).to_have_count(2, timeout=PATIENCE_MS)
    one, other = views.first, views.last
    rows = [view.get_by_role("textbox", name="Row", exact=True) for view in (one, other)]

    one.get_by_role("button", name="Next row").click()
    for row in rows:
        expect(row).to_have_value("1")
    assert becomes_true(page, "(explorer.row, explorer.target) == (1, 1)")
    assert becomes_true(page, "explorer.logits.tolist() == file[1].tolist()")
    assert becomes_true(page, f"abs(explorer.probabilities - {numbers(other, 2)}).max() < 1e-9")

    tell(page, "explorer.row = 42")
    for row in rows:
        expect(row).to_have_value("42")
    expect(one.locator("p[role=status]")).to_contain_text("target: “c”")

    one.get_by_role("combobox", name="Order").select_option("Wrong first")
    expect(one.get_by_text("1st in this order")).to_be_visible(timeout=4 * PATIENCE_MS)
    first = ask(page, "int(explorer.rows.order('wrong').result()[0])")
    for row in rows:
        expect(row).to_have_value(first)
    assert becomes_true(page, f"explorer.row == {first}")


def test_a_text_and_its_ranges_follow_the_kernel(page: Page, lab: str) -> None:
    open_and_run(page, lab.format("text.ipynb"))
    views = page.locator(".thermoscope")
    expect(views).to_have_count(2, timeout=PATIENCE_MS)
    one, other = views.first, views.last
    texts = [
        view.get_by_role("listbox", name="Tokens").get_by_role("option") for view in (one, other)
    ]
    for tokens in texts:
        expect(tokens).to_have_count(18, timeout=PATIENCE_MS)
    ran = "window.ran = []; window.jupyterapp.commands.commandExecuted.connect("
    page.evaluate(f"() => {{ {ran}(_, {{ id }}) => window.ran.push(id)); }}")

    # A click and the keys go to a position, in both views and in the kernel.
    texts[0].nth(5).click()
    expect(texts[1].nth(5)).to_have_attribute("aria-selected", "true")
    assert becomes_true(page, "explorer.row == 5")
    for key, row in (("ArrowRight", 6), ("End", 17), ("Home", 0), ("ArrowRight", 1)):
        page.keyboard.press(key)
        assert becomes_true(page, f"explorer.row == {row}"), ask(page, "explorer.row")
        expect(texts[0].nth(row)).to_be_focused()
    assert page.evaluate("window.ran") == []
    tell(page, "explorer.row = 9")
    for tokens in texts:
        expect(tokens.nth(9)).to_have_attribute("aria-selected", "true")

    # The temperature colours all tokens, from either side.
    def levels(tokens: Locator) -> list[str]:
        found: list[str] = tokens.evaluate_all("all => all.map((one) => one.className)")
        return found

    before = levels(texts[1])
    slider(one).press("ArrowLeft")
    expect(field(other)).to_have_value(field(one).input_value())
    tell(page, "explorer.temperature = 0.2")
    for tokens in texts:
        expect(tokens.nth(5)).to_have_attribute("aria-label", re.compile("rank 3, 5[0-9] bits"))
    assert levels(texts[1]) == levels(texts[0]) != before

    # Ranges hold what Python gives.
    tell(page, "explorer.temperature = 1.5; from thermoscope import entropy")
    for view in (one, other):
        expect(view.locator("p[role=status]").first).to_be_attached()
        expect(
            view.get_by_role("figure", name="Softmax").get_by_role("listitem").first
        ).to_have_text(re.compile(r"\d to \d.* %"))
        expect(view.locator(".unknown path")).to_have_attribute("d", re.compile("M"))
        ends = view.get_by_role("textbox", name="Entropy").input_value().split(" to ")
        low, high = (float(end) for end in ends)
        truth = "entropy(answer.reported(9), 1.5)"
        assert ask(page, f"({low} <= {truth}.low, {truth}.high <= {high})") == "(True, True)"

    # The sampler judges each token.
    tell(page, "explorer.temperature = 1; explorer.truncation = {'top_k': 2}")
    for view in (one, other):
        expect(view.locator(".told")).to_have_text(
            "At these settings 3 of these 18 tokens could not have been written."
        )


def test_a_text_is_written_in_two_views(page: Page, lab: str) -> None:
    open_and_run(page, lab.format("writing.ipynb"))
    views = page.locator(".thermoscope")
    expect(views).to_have_count(2, timeout=PATIENCE_MS)
    one, other = views.first, views.last

    def press(view: Locator, name: str | re.Pattern[str]) -> None:
        view.get_by_role("button", name=name, exact=isinstance(name, str)).click()

    def both_show(count: int, row: int, branch: str) -> str:
        """Return the text, which is the same in both views and in Python."""
        texts, shown = [], []
        for view in (one, other):
            tokens = view.get_by_role("listbox", name="Tokens")
            tokens.scroll_into_view_if_needed()
            expect(tokens.get_by_role("option")).to_have_count(count)
            selected = tokens.get_by_role("option", selected=True)
            expect(selected).to_have_attribute("aria-posinset", str(row + 1))
            choice = view.get_by_role("combobox", name="Branch", exact=True)
            expect(choice).to_have_value(branch)
            texts.append("".join(tokens.get_by_role("option").all_inner_texts()))
            shown.append(numbers(view, 2))
        assert becomes_true(page, f"(explorer.row, explorer.rows.count) == ({row}, {count})")
        status = "explorer._rows['writing']"
        written = f"next(b['text'] for b in {status}['branches'] if b['name'] == '{branch}')"
        assert texts == [ask(page, written).strip("'")] * 2
        assert shown[0] == shown[1]
        assert becomes_true(page, f"abs(explorer.probabilities - {shown[0]}).max() < 1e-9")
        return texts[0]

    def select(view: Locator, row: int) -> None:
        view.get_by_role("listbox", name="Tokens").get_by_role("option").nth(row).click()
        assert becomes_true(page, f"explorer.row == {row}")

    both_show(1, 0, "1")
    press(one, "Step")
    assert len(both_show(2, 1, "1").split()) == 1
    press(other, "Step")
    written = both_show(3, 2, "1")
    # Another token, another branch and a cut, in either view.
    select(one, 0)
    press(other, re.compile("^Take "))
    both_show(2, 1, "2")
    one.get_by_role("combobox", name="Branch", exact=True).select_option("1")
    assert both_show(3, 2, "1") == written
    select(one, 1)
    press(one, "Cut here")
    both_show(2, 1, "1")
    press(other, "Restore")
    assert both_show(3, 2, "1") == written
    # One plays, the other follows to the end.
    one.get_by_role("textbox", name="tokens").fill("5")
    press(one, "Play")
    assert both_show(8, 7, "1").startswith(written)


def test_live_reliability_is_that_of_the_kernel(page: Page, lab: str) -> None:
    open_and_run(page, lab.format("rows.ipynb"))
    views = page.locator(".thermoscope")
    expect(views).to_have_count(2, timeout=PATIENCE_MS)
    figures = [view.get_by_role("figure", name="Reliability") for view in views.all()]
    for figure in figures:
        expect(figure).to_contain_text("100 rows", timeout=4 * PATIENCE_MS)
    tell(page, "from thermoscope import reliability; targets = np.arange(100) % 4")
    for temperature in ("1.259", "0.7345"):
        # The second one lies between two stops: the kernel is asked for it.
        tell(page, f"explorer.temperature = {temperature}")
        tell(page, f"found = reliability(file, targets, {temperature})")
        ece = ask(page, "found.ece")
        scores = "found.nll, found.ece, found.ece_if_calibrated, found.ece_if_calibrated_upper"
        for figure in figures:
            shown = figure.locator(".scores")
            expect(shown).to_have_attribute("title", re.compile(f"ECE {re.escape(ece[:14])}"))
            numbers = re.findall(r"[\d.]+(?:e-?\d+)?", shown.get_attribute("title") or "")
            error = f"abs(np.array([{', '.join(numbers)}]) / [{scores}] - 1).max()"
            assert ask(page, f"bool({error} < 1e-12)") == "True", ask(page, error)
    figures[1].get_by_role("button", name=re.compile(r"[1-9]\d* rows$")).last.focus()
    page.keyboard.press("Enter")
    expect(views.last.get_by_text(re.compile(r"^1st of \d+ rows$"))).to_be_visible()
    bins = "np.minimum(np.ceil(softmax(file, 0.7345).max(axis=1) * 15), 15)"
    tell(page, "from thermoscope import softmax")
    assert becomes_true(page, f"explorer.row == np.flatnonzero({bins} == {bins}.max())[0]")


def test_the_sampler_goes_both_ways(shared: Page, views: tuple[Locator, Locator]) -> None:
    one, other = views
    one.get_by_role("button", name="Add top-k").click()
    parameter = one.get_by_role("textbox", name="top-k", exact=True)
    parameter.fill("2")
    parameter.press("Enter")
    one.get_by_role("button", name="Move top-k", exact=True).press("ArrowLeft")
    order = ["top_k", "temperature"]
    assert becomes_true(shared, f"explorer.truncation == {{'top_k': 2, 'order': {order}}}")
    kept = one.locator(".sampler .kept")
    expect(other.locator(".sampler .kept")).to_have_text(kept.inner_text())
    last = "str(explorer.summary()).splitlines()[-1]"
    said = kept.inner_text().replace("\N{NO-BREAK SPACE}", " ")
    assert ask(shared, last) == repr(said.removesuffix(" of the mass"))
    # The column after truncation has the digits of Python.
    assert becomes_true(shared, f"abs(explorer.probabilities - {numbers(other, 3)}).max() < 1e-9")

    tell(shared, "explorer.truncation = {'min_p': 0.9, 'engine': 'vllm'}")
    for view in views:
        expect(view.get_by_role("textbox", name="min-p", exact=True)).to_have_value("0.9")
        expect(view.get_by_role("combobox", name="Engine")).to_have_value("vllm")
    # What the kernel changes, the view does not undo.
    expect(one.get_by_role("button", name="Undo")).to_be_disabled()


def test_an_infinite_temperature_goes_both_ways(
    shared: Page, views: tuple[Locator, Locator]
) -> None:
    one, _ = views
    one.get_by_role("button", name="T = ∞").click()
    assert becomes_true(shared, "explorer.temperature == float('inf')")
    for view in views:
        expect(field(view)).to_have_value("∞")
    tell(shared, "explorer.temperature = 0")
    for view in views:
        expect(field(view)).to_have_value("0")
    tell(shared, "explorer.temperature = float('inf')")
    for view in views:
        expect(view.locator(".values")).to_contain_text("0.3333333333")


def logits(view: Locator) -> list[float]:
    fields = view.locator(".logits .row input").evaluate_all("all => all.map((one) => one.value)")
    return [float(text.replace("\N{MINUS SIGN}", "-")) for text in fields]


def test_keys_and_undo_in_the_instrument_are_not_those_of_jupyterlab(
    shared: Page, views: tuple[Locator, Locator]
) -> None:
    one, _ = views
    shared.evaluate(
        """() => {
          window.ran = [];
          window.jupyterapp.commands.commandExecuted.connect((_, { id }) => window.ran.push(id));
        }"""
    )
    bar = one.get_by_role("slider", name="Logit of dog", exact=True)
    bar.focus()
    for key in ("ArrowRight", "PageUp", "ArrowDown", "ArrowUp", "Delete"):
        shared.keyboard.press(key)
    assert becomes_true(shared, "explorer.labels == ('cat', 'eel')"), ask(shared, "explorer.labels")
    shared.keyboard.press("Control+z")
    assert becomes_true(shared, "explorer.logits.tolist() == [2.0, 1.11, 0.0]")
    shared.keyboard.press("Control+z")
    assert becomes_true(shared, "explorer.logits.tolist() == [2.0, 1.0, 0.0]")
    shared.keyboard.press("Control+Shift+z")
    assert becomes_true(shared, "explorer.logits.tolist() == [2.0, 1.11, 0.0]")
    assert becomes_true(shared, "(explorer.source, explorer.seed) == ('given', None)")

    # A text field undoes what is typed in it.
    label = one.get_by_role("textbox", name="Item", exact=True)
    label.press_sequentially("x")
    label.press("Control+z")
    expect(label).not_to_have_value("x")
    assert shared.evaluate("window.ran") == []

    # All other keys are JupyterLab's.
    bar.focus()
    shared.keyboard.press("Control+s")
    shared.wait_for_function("window.ran.includes('docmanager:save')")
    shared.keyboard.press("b")
    shared.wait_for_function("window.ran.includes('notebook:insert-cell-below')")


def test_a_file_dropped_on_the_instrument_is_not_opened_by_jupyterlab(
    shared: Page, views: tuple[Locator, Locator]
) -> None:
    one, other = views
    reached = one.evaluate(
        """(view) => {
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File(["gnu,hen\\n3,4\\n"], "birds.csv"));
          let reached = 0;
          for (const kind of ["dragenter", "dragover", "drop"]) {
            document.body.addEventListener(kind, () => reached++);
            const event = new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true });
            view.querySelector(".logits").dispatchEvent(event);
            if (!event.defaultPrevented) reached++;
          }
          return reached;
        }"""
    )
    assert reached == 0
    expect(labels(other)).to_have_text(["gnu", "hen"])
    assert becomes_true(
        shared, "(explorer.labels, explorer.source) == (('gnu', 'hen'), 'birds.csv')"
    )
    assert logits(other) == [3.0, 4.0]
    one.get_by_role("button", name="Undo").click()
    assert becomes_true(shared, "explorer.labels == ('cat', 'dog', 'eel')")


def test_a_dragged_logit_is_in_every_view_and_in_the_kernel(
    shared: Page, views: tuple[Locator, Locator]
) -> None:
    one, other = views
    bar = one.get_by_role("slider", name="Logit of dog", exact=True)
    bar.hover()
    box = bar.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    shared.mouse.move(x, y)
    shared.mouse.down()
    shared.mouse.move(x + box["width"] / 4, y, steps=20)
    # The kernel is told while the mouse is still down.
    assert becomes_true(shared, "explorer.logits[1] > 1.4"), ask(shared, "explorer.logits")
    assert logits(other) == logits(one)
    shared.mouse.up()
    assert becomes_true(shared, f"explorer.logits.tolist() == {logits(one)}")


def test_closing_one_view_leaves_the_other(shared: Page, views: tuple[Locator, Locator]) -> None:
    assert len(views) == 2
    shared.evaluate(
        """async () => {
            const { content } = window.jupyterapp.shell.currentWidget;
            content.activeCellIndex = 1;
            await window.jupyterapp.commands.execute("notebook:clear-cell-output");
        }"""
    )
    expect(shared.locator(".thermoscope")).to_have_count(1)
    left = shared.locator(".thermoscope")
    tell(shared, "explorer.temperature = 7")
    expect(field(left)).to_have_value("7")
    field(left).fill("3")
    field(left).press("Enter")
    assert becomes_true(shared, "explorer.temperature == 3.0")


def test_the_styles_of_jupyterlab_leave_readings_and_lesson_in_place(
    views: tuple[Locator, Locator],
) -> None:
    view, _ = views
    labels = view.locator(".readings label")
    expect(labels.first).to_contain_text("Entropy", timeout=PATIENCE_MS)
    assert labels.count() == 3
    for label in labels.all():
        whole, below = label.bounding_box(), label.locator("input").bounding_box()
        assert whole is not None
        assert below is not None
        assert below["x"] == whole["x"]
        assert below["y"] >= whole["y"] + 16
        assert below["y"] + below["height"] == pytest.approx(whole["y"] + whole["height"], abs=1)
    lesson = view.locator(".explanation")
    terms = lesson.get_by_role("term")
    assert terms.count() == 3
    for index, term in enumerate(terms.all()):
        before, after = term.bounding_box(), lesson.locator("dt + dd").nth(index).bounding_box()
        assert before is not None
        assert after is not None
        assert after["x"] >= before["x"] + before["width"]
        assert after["y"] == pytest.approx(before["y"], abs=1)


def test_what_is_shown_is_shared_from_a_notebook(
    shared: Page, views: tuple[Locator, Locator]
) -> None:
    shared.context.grant_permissions(["clipboard-read", "clipboard-write"])
    view, _ = views
    share = view.get_by_role("button", name="Share")
    share.focus()
    shared.keyboard.press("Enter")
    items = view.get_by_role("menuitem")
    expect(items.nth(0)).to_be_focused()
    shared.keyboard.press("ArrowDown")
    expect(items.nth(1)).to_be_focused()
    shared.keyboard.press("Enter")
    expect(view.locator(".outcome")).to_have_text("Python copied.")
    expect(share).to_be_focused()
    code = shared.evaluate("navigator.clipboard.readText()")
    assert code == "import thermoscope as ts\nts.softmax([2.0, 1.0, 0.0], 1.0)"
    share.click()
    items.nth(0).click()
    expect(view.locator(".outcome")).to_contain_text("explore(state=")
    link = shared.evaluate("navigator.clipboard.readText()")
    assert link == ask(shared, "explorer.to_link()").strip("'")
    # The kernel writes the shared.
    share.click()
    with shared.expect_download() as waiting:
        view.get_by_role("menuitem", name="Download HTML").click()
    assert waiting.value.suggested_filename == "softmax-T-1.html"
    assert waiting.value.path().read_text(encoding="utf-8").startswith("<!doctype html>")


def test_tasks_are_done_in_a_notebook(page: Page, lab: str) -> None:
    """Their score arrives in the kernel, and other tasks from there are shown."""
    open_and_run(page, lab.format("tasks.ipynb"))
    view = page.locator(".thermoscope").first
    expect(view.get_by_role("heading", name="Task 1 of 2")).to_be_visible(timeout=PATIENCE_MS)
    answer = view.get_by_role("textbox", name="Your answer")
    answer.fill("3")
    answer.press("Enter")
    expect(view.get_by_text("Right.")).to_be_visible()
    assert becomes_true(page, "(explorer.progress or {}).get('score') == 1")
    view.get_by_role("button", name="Next").click()
    slider(view).press("Home")
    expect(view.get_by_text("Reached.")).to_be_visible()
    assert becomes_true(page, "explorer.progress['done'] and explorer.progress['possible'] == 2")
    assert becomes_true(page, "explorer.temperature == 0")
    tell(page, "explorer.tasks = [{'kind': 'number', 'ask': 'And now?', 'answer': 1}]")
    expect(view.get_by_text("And now?")).to_be_visible()
