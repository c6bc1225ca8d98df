"""The instrument where people put it: the slider is dragged there, and its value read back.

JupyterLab has tests of its own, `test_jupyterlab.py`, and so have frames, `test_embed.py`.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.explorer_page import UNTIL_SHOWN, field, slider
from thermoscope.explorer.front_end import Kind, Spoken

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
MODULES = ROOT / "node_modules"
SITE = "https://elsewhere.test/"
SCRIPT = '<script type="module" src="/softmax-thermoscope.js"></script>'
HIDDEN = "why,draws,compare,lesson,values"
PETS = f'logits="2,1,0.1" labels="cat,dog,eel" temperature="1" hide="{HIDDEN}"'
ELEMENT = f"<softmax-thermoscope {PETS}></softmax-thermoscope>"
KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}

Serve = "Callable[[Path | dict[str, str]], None]"


def run(*command: str, cwd: Path = ROOT) -> None:
    done = subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def element(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the element, as the npm package has it."""
    folder = tmp_path_factory.mktemp("package")
    run("node", "web/build.js", "--package", str(folder))
    return (folder / "softmax-thermoscope.js").read_text(encoding="utf-8")


@pytest.fixture
def serve(page: Page, element: str) -> Serve:
    """Serve files, and the element beside them; all else is not there, for the network is off."""

    def serve_(files: Path | dict[str, str]) -> None:
        def answer(route: Route) -> None:
            name = route.request.url.removeprefix(SITE).split("#")[0].split("?")[0]
            name = f"{name}index.html" if name.endswith("/") or name == "" else name
            if name == "softmax-thermoscope.js":
                body: str | bytes | None = element
            elif isinstance(files, Path):
                body = (files / name).read_bytes() if (files / name).is_file() else None
            else:
                body = files.get(name)
            # What a host asks elsewhere for is empty: a library for formulas, a font.
            route.fulfill(
                body="" if body is None else body,
                content_type=f"{KINDS.get(Path(name).suffix, 'text/plain')}; charset=utf-8",
            )

        page.context.set_offline(True)
        page.context.route("**/*", answer)

    return serve_


def drag_to(page: Page, view: Page | Locator, part: float) -> None:
    """Drag the thumb of the slider, as a hand does, to a part of its track."""
    expect(slider(view)).to_be_visible()
    slider(view).scroll_into_view_if_needed()
    page.evaluate(UNTIL_SHOWN)
    box = slider(view).bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, y)
    page.mouse.down()
    page.mouse.move(box["x"] + part * box["width"], y, steps=4)
    page.mouse.up()


def assert_dragged(page: Page, view: Page | Locator, value: Callable[[], object]) -> None:
    """Drag the slider to a quarter of its track, and read T where the host has it."""
    drag_to(page, view, 0.75)
    shown = field(view).input_value()
    assert 50 < float(shown) < 500
    expect(view.get_by_role("figure", name="Softmax").get_by_role("listitem")).to_have_count(3)
    assert float(str(value())) == float(shown)


def of_the_element(page: Page) -> Callable[[], object]:
    return lambda: page.locator("softmax-thermoscope").evaluate("({ temperature }) => temperature")


def test_plain_html(page: Page, serve: Any) -> None:
    serve({"index.html": f"<!doctype html>{SCRIPT}<main>{ELEMENT}</main>"})
    page.goto(SITE)
    assert_dragged(page, page.locator("softmax-thermoscope"), of_the_element(page))


REACT = """
import { useState } from "react";
import { createRoot } from "react-dom/client";

function Lesson() {
  const [temperature, setTemperature] = useState(1);
  const [isHot, setHot] = useState(false);
  return (
    <>
      <softmax-thermoscope
        logits={[2, 1, 0.1]}
        labels="cat,dog,eel"
        temperature={temperature}
        hide="why,draws,compare,lesson,values"
        onchange={({ detail }) => {
          setTemperature(detail.temperature);
          setHot(detail.temperature > 1);
        }}
      />
      <output>{temperature}</output>
      {isHot && <p>hot</p>}
      <button onClick={() => setTemperature(0)}>cold</button>
    </>
  );
}
createRoot(document.querySelector("main")).render(<Lesson />);
"""


def test_react(page: Page, serve: Any, tmp_path: Path) -> None:
    """A component of React has the temperature in its state, and sets it."""
    source, script = tmp_path / "lesson.jsx", tmp_path / "lesson.js"
    source.write_text(REACT)
    run(
        *(str(MODULES / ".bin" / "esbuild"), str(source), "--bundle", "--jsx=automatic"),
        *('--define:process.env.NODE_ENV="production"', f"--outfile={script}"),
        # What the file imports is found from the folder of the project.
        *(f"--alias:{name}={MODULES / name}" for name in ("react", "react-dom")),
    )
    body = f"<!doctype html>{SCRIPT}<main></main><script src='lesson.js'></script>"
    serve({"index.html": body, "lesson.js": script.read_text(encoding="utf-8")})
    page.goto(SITE)
    view = page.locator("softmax-thermoscope")
    assert_dragged(page, view, page.locator("output").inner_text)
    expect(page.get_by_text("hot")).to_be_visible()
    page.get_by_role("button", name="cold").click()
    expect(field(view)).to_have_value("0")


def test_reveal(page: Page, serve: Any) -> None:
    """A slide is scaled to the screen: the thumb is where the pointer is all the same."""
    dist = MODULES / "reveal.js" / "dist"
    deck = (
        f"<!doctype html>{SCRIPT}<link rel='stylesheet' href='reveal.css'>"
        f"<div class='reveal'><div class='slides'><section>First</section>"
        f"<section>{ELEMENT}</section></div></div>"
        "<script src='reveal.js'></script><script>Reveal.initialize({ width: 1600 })</script>"
    )
    files = {name: (dist / name).read_text("utf-8") for name in ("reveal.css", "reveal.js")}
    serve({"index.html": deck, **files})
    page.goto(SITE)
    page.keyboard.press("ArrowRight")
    expect(slider(page)).to_be_visible()
    page.wait_for_function("Reveal.getScale() < 1")
    assert_dragged(page, page.locator("softmax-thermoscope"), of_the_element(page))
    # Its keys are the instrument's while it has the focus, and the deck's after Escape.
    page.keyboard.press("Home")
    expect(field(page)).to_have_value("0")
    assert page.evaluate("Reveal.getIndices().h") == 1


def test_mkdocs(page: Page, serve: Any, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "index.md").write_text(f"# Lesson\n\nDrag it.\n\n{SCRIPT}\n{ELEMENT}\n")
    # What colours code would come from elsewhere.
    theme = {"name": "mkdocs", "highlightjs": False}
    settings = {"site_name": "Course", "use_directory_urls": False, "theme": theme}
    # JSON is YAML.
    (tmp_path / "mkdocs.yml").write_text(json.dumps(settings))
    run("mkdocs", "build", "--strict", "--quiet", cwd=tmp_path)
    serve(tmp_path / "site")
    page.goto(f"{SITE}index.html")
    expect(page.get_by_role("heading", name="Lesson")).to_be_visible()
    assert_dragged(page, page.locator("softmax-thermoscope"), of_the_element(page))


def test_nbconvert(page: Page, serve: Any) -> None:
    """What a cell shows as HTML is kept in the page that nbconvert makes of a notebook."""
    output = nbformat.v4.new_output("display_data", {"text/html": SCRIPT + ELEMENT})
    cell = nbformat.v4.new_code_cell("lesson()", outputs=[output], execution_count=1)
    text, _ = HTMLExporter().from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))
    serve({"index.html": re.sub(r'<script[^>]*src="https://[^>]*></script>', "", text)})
    page.goto(SITE)
    assert_dragged(page, page.locator("softmax-thermoscope"), of_the_element(page))


HOST = """
import widget from "./widget.js";

const bytes = new DataView(new Float64Array([2, 1, 0.1]).buffer);
const values = {
  logits: bytes, labels: ["cat", "dog", "eel"], temperature: 1, source: null, row: null,
  target: null, seed: null, tail: null, truncation: {}, scale: "full", hide: [], lock: [],
  _rows: null,
};
const listeners = {};
window.saved = [];
const model = {
  get: (name) => values[name],
  set(name, value) {
    values[name] = value;
    for (const listener of listeners[`change:${name}`] ?? []) listener();
  },
  save_changes: () => saved.push({ ...values }),
  send() {},
  on: (event, listener) => (listeners[event] ??= new Set()).add(listener),
  off: (event, listener) => listeners[event]?.delete(listener),
};
window.model = model;
window.close = await widget.render({ model, el: document.querySelector("main") });
"""


def test_a_plain_anywidget_host(page: Page, serve: Any) -> None:
    """Nothing but what anywidget's front-end modules are promised."""
    serve(
        {
            "index.html": f"<!doctype html><style>{Kind.DISTRIBUTION.style}</style><main></main>"
            "<script type='module' src='host.js'></script>",
            "host.js": HOST,
            "widget.js": Kind.DISTRIBUTION.script("widget", Spoken.en),
        }
    )
    page.goto(SITE)
    assert_dragged(page, page, lambda: page.evaluate("saved.at(-1).temperature"))
    page.evaluate("model.set('temperature', 0.5)")
    expect(field(page)).to_have_value("0.5")
    # A host may make it as narrow as it can be: Panel does.
    page.add_style_tag(content="main { width: fit-content; max-width: 100% }")
    box = page.locator("main").bounding_box()
    assert box is not None
    assert box["width"] == 960
    page.evaluate("close()")
    expect(page.locator("main")).to_be_empty()
