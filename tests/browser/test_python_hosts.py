"""The widget where Python serves a page to people: marimo, Panel and Voilà.

The slider is dragged there, and the kernel of the page says what it heard. They are in a virtual
environment of their own, `.venv/hosts`, for JupyterLab would load what they bring for it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import nbformat
import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.explorer_page import field
from tests.browser.test_hosts import drag_to
from tools.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Start = Callable[..., str]

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
HOSTS = ROOT / ".venv" / "hosts"
# Where Jupyter's parts are: a host's own first, then those of the environment beside.
SHARED = [folder / "share" / "jupyter" for folder in (HOSTS, Path(sys.prefix))]
PATIENCE = 60
"""Seconds that a host may take to start, and a page to be shown."""

MARIMO = """
import marimo

app = marimo.App()


@app.cell
def _():
    import marimo as mo
    from thermoscope import explore

    explorer = mo.ui.anywidget(explore([2.0, 1.0, 0.1], ["cat", "dog", "eel"]))
    explorer
    return explorer, mo


@app.cell
def _(explorer, mo):
    mo.md(f"Python has T = {explorer.value['temperature']}")
"""
PANEL = """
import panel
from thermoscope import explore

panel.extension("ipywidgets")
explorer = explore([2.0, 1.0, 0.1], ["cat", "dog", "eel"])
said = panel.pane.Str("Python has T = 1.0")
def tell(change):
    said.object = f"Python has T = {change.new}"
explorer.observe(tell, "temperature")
panel.Column(explorer, said).servable()
"""
VOILA = """
from IPython.display import display
from ipywidgets import Label
from thermoscope import explore

explorer = explore([2.0, 1.0, 0.1], ["cat", "dog", "eel"])
said = Label("Python has T = 1.0")
def tell(change):
    said.value = f"Python has T = {change.new}"
explorer.observe(tell, "temperature")
display(explorer, said)
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a host, and return the address that it serves."""
    servers: list[subprocess.Popen[bytes]] = []

    def start_(program: str, *options: str, path: str = "") -> str:
        executable = HOSTS / "bin" / program
        if not executable.exists():
            pytest.fail(f"no {program}: run `make .venv/hosts` to install it")
        number = free_port()
        command = [str(executable), *options, f"--port={number}"]
        env = os.environ | {"JUPYTER_PATH": os.pathsep.join(map(str, SHARED))}
        with (tmp_path / "said.txt").open("wb") as said:
            servers.append(
                subprocess.Popen(command, cwd=tmp_path, env=env, stdout=said, stderr=said)
            )
        address = f"http://127.0.0.1:{number}/{path}"
        deadline = time.monotonic() + PATIENCE
        while not answers(address):
            assert servers[-1].poll() is None, (tmp_path / "said.txt").read_text()
            assert time.monotonic() < deadline, (tmp_path / "said.txt").read_text()
        return address

    yield start_
    for server in servers:
        server.terminate()
        server.wait(PATIENCE)


def answers(address: str) -> bool:
    try:
        with urlopen(address, timeout=PATIENCE):  # noqa: S310 - of this machine
            return True
    except OSError:
        return False


def only_here(page: Page, known: dict[str, Path]) -> None:
    """Take the network away, but for this machine; some addresses are files of this machine."""

    def answer(route: Route) -> None:
        address = route.request.url
        if "//127.0.0.1:" in address:
            route.continue_()
            return
        found = [path for part, path in known.items() if part in address]
        body = found[0].read_bytes() if found else b""
        kind = "text/css" if address.endswith(".css") else "text/javascript"
        route.fulfill(body=body, content_type=kind)

    page.context.route("**/*", answer)


def assert_python_hears(page: Page, address: str) -> None:
    page.goto(address)
    expect(field(page)).to_be_visible(timeout=PATIENCE * 1000)
    drag_to(page, page, 0.75)
    shown = field(page).input_value()
    assert 50 < float(shown) < 500
    expect(page.get_by_text(f"Python has T = {shown}", exact=True)).to_be_visible(timeout=20_000)
    # A page that is left does not miss its host.
    page.goto("about:blank")


def test_marimo(page: Page, start: Start, tmp_path: Path) -> None:
    (tmp_path / "lesson.py").write_text(MARIMO)
    address = start("marimo", "run", "lesson.py", "--headless", "--no-token")
    only_here(page, {})
    assert_python_hears(page, address)


def test_panel(page: Page, start: Start, tmp_path: Path) -> None:
    """Panel takes the front end of anywidget from the network, here from this machine."""
    (tmp_path / "lesson.py").write_text(PANEL)
    address = start("panel", "serve", "lesson.py", path="lesson")
    anywidget = SHARED[1] / "nbextensions" / "anywidget" / "index.js"
    only_here(page, {"unpkg.com/anywidget@": anywidget})
    assert_python_hears(page, address)


def test_voila(page: Page, start: Start, tmp_path: Path) -> None:
    """Voilà takes only fonts from the network; Panel's part of JupyterLab is not made for it."""
    lesson = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(VOILA)])
    nbformat.write(lesson, tmp_path / "lesson.ipynb")
    only_here(page, {})
    without = "--VoilaConfiguration.extension_denylist=@pyviz/jupyterlab_pyviz"
    assert_python_hears(page, start("voila", "lesson.ipynb", "--no-browser", without))
