"""Make pictures of the page: ``python -m tools.screenshots`` writes docs/images/*.png.

One shows the lesson's five random logits, the other a model-sized row of 50,257. That one is
of our own making, see `tools.teapot`.

``python -m tools.screenshots FOLDER`` writes pictures of whole pages there, to be looked at before
a release: of each state, link, screen and colours of the tables below. ``--only
writing`` makes those whose names start so.
"""

from __future__ import annotations

import argparse
import io
import re
import socket
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import uvicorn
from PIL import Image
from playwright.sync_api import expect, sync_playwright

from thermoscope import Draft, random_logits
from thermoscope.connection.source import Source
from thermoscope.data import samples
from thermoscope.explorer.activity import Activity
from thermoscope.explorer.page import Beginning, write_page
from thermoscope.explorer.server import application
from thermoscope.explorer.writing import Writing
from thermoscope.link import state_of_link
from thermoscope.state import State
from tools import teapot
from tools.browsers import launch
from tools.teapot import VOCABULARY, Teapot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

IMAGES = Path(__file__).parent.parent / "docs" / "images"
WIDTH = 1280


def model_sized() -> State:
    """Return a next-token distribution as a language model may give it."""
    order = np.random.default_rng(1).permutation(VOCABULARY)
    labels = teapot.tokens()
    return State.of(
        teapot.logits()[order],
        [labels[i] for i in order],
        temperature=1.5,
        source=teapot.PROMPT,
    )


def manual(browser: Browser, folder: Path) -> None:
    """Write the pictures of the manual."""
    # The heights end a picture between two parts of the page.
    pictures = {
        "lesson": (State.of(random_logits(5, seed=1), temperature=0.2), 640),
        "tokens": (model_sized(), 770),
    }
    IMAGES.mkdir(parents=True, exist_ok=True)
    for name, (state, height) in pictures.items():
        path = folder / f"{name}.html"
        write_page(path, state)
        page = browser.new_page(viewport={"width": WIDTH, "height": height})
        page.goto(path.as_uri())
        page.get_by_role("slider", name="Temperature").wait_for()
        png = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        # A page has few colours; 128 are as good and a third of the size.
        png.quantize(128).save(IMAGES / f"{name}.png", optimize=True)
        page.close()


STATES = {
    5: lambda: State.of(random_logits(5, seed=1)),
    50: lambda: State.of(random_logits(50, seed=1)),
    VOCABULARY: model_sized,
}
HIDDEN = "title,items,history,share,help,edit,sampler,why,draws,compare,lesson,engines,values"
LINKS = {
    "T0": "T=0",
    "T0.3": "T=0.3",
    "Tinf": "T=inf",
    "sampler": "T=0.3&top_k=40&top_p=0.9",
    "compare": "T=0.3",
    "slide": f"T=0.3&embed&hide={HIDDEN}",
}
SCREENS = {360: 740, 700: 900, 1280: 800, 1920: 1080}
Colours: TypeAlias = Literal["light", "dark", "forced"]
COLOURS: tuple[Colours, ...] = ("light", "dark", "forced")

WRITTEN: dict[str, list[tuple[int, Colours]]] = {
    "start": [(360, "light"), (1280, "light"), (1920, "dark")],
    "next": [(360, "dark"), (700, "light"), (1280, "light"), (1280, "forced"), (1920, "light")],
    "token": [(360, "light"), (1280, "dark"), (1920, "forced")],
    "branches": [(360, "light"), (360, "forced"), (1280, "dark"), (1920, "light")],
    "error": [(360, "dark"), (1280, "light"), (1280, "forced")],
}
"""The pictures of a text that is written: before the first token, then one after the other."""
TASK: list[tuple[int, Colours]] = [
    (360, "dark"),
    (360, "forced"),
    (1280, "light"),
    (1280, "forced"),
]
"""The pictures of tasks."""
NOVEL: list[tuple[int, Colours]] = [
    (360, "light"),
    (360, "forced"),
    (700, "dark"),
    (1280, "light"),
    (1280, "forced"),
    (1920, "dark"),
]
"""The pictures of a page with a model in itself, which has written at three temperatures."""


def every(browser: Browser, folder: Path, images: Path, only: str) -> None:
    """Write a picture of each state, link, screen and colours."""
    for size, state in STATES.items():
        path = folder / f"{size}.html"
        write_page(path, state())
        for width in SCREENS:
            page = browser.new_page()
            for colours in COLOURS:
                view(page, width, colours)
                for name, link in LINKS.items():
                    image = f"{size}-{name}-{width}-{colours}.png"
                    if not image.startswith(only):
                        continue
                    # Another address than the last one, so that nothing stays pinned.
                    page.goto("about:blank")
                    page.goto(f"{path.as_uri()}#{link}")
                    # What is computed in idle slices.
                    page.locator(".every path.line").first.wait_for(state="attached")
                    if "top_p" in link:
                        page.locator(".every path.nucleus").wait_for(state="attached")
                    if "why" not in link:
                        expect(page.locator(".overflow p").last).not_to_be_empty()
                    if name == "compare":
                        compare(page)
                    page.screenshot(path=images / image, full_page=True)
            page.close()


def view(page: Page, width: int, colours: Colours) -> None:
    """Show the page on a screen of this width, in these colours."""
    page.set_viewport_size({"width": width, "height": SCREENS[width]})
    if colours == "forced":
        page.emulate_media(color_scheme="dark", forced_colors="active")
    else:
        page.emulate_media(color_scheme=colours, forced_colors="none")


def compare(page: Page) -> None:
    """Pin what is shown as A, and go on to T = 1."""
    page.locator("summary", has_text="Compare").click()
    page.get_by_role("button", name="Pin as A").click()
    page.get_by_role("button", name="T = 1", exact=True).click()
    page.evaluate("scrollTo(0, 0)")


AGAIN = """async () => {
  document.body.hidden = true;
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  document.body.hidden = false;
  scrollTo(0, 0);
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
}"""


def take(page: Page, images: Path, name: str, wanted: list[tuple[int, Colours]]) -> None:
    """Write pictures of a page as it is now."""
    # What a button was pressed for: its focus is no part of the picture.
    page.evaluate("document.activeElement.blur()")
    for width, colours in wanted:
        view(page, width, colours)
        # Until it is laid out again, a table has its borders in the colours before.
        page.evaluate(AGAIN)
        page.screenshot(path=images / f"{name}-{width}-{colours}.png", full_page=True)


def novel(browser: Browser, folder: Path, images: Path) -> None:
    """Write pictures of a text by the model in the page, and of three temperatures."""
    path = folder / "novel.html"
    write_page(path, State.of([0.0]), beginning=Beginning("The whale", 7, 40))
    page = browser.new_page()
    page.goto(path.as_uri())
    page.get_by_text("Three temperatures", exact=True).click()
    expect(page.get_by_text("60 tokens, ")).to_have_count(3, timeout=60_000)
    take(page, images, "novel", NOVEL)
    page.close()


def activity(browser: Browser, folder: Path, images: Path) -> None:
    """Write pictures of the lesson, task by task, and of the page where tasks are made."""
    path = folder / "activity.html"
    lesson = Activity.of(samples.lesson())
    write_page(path, state_of_link(str(lesson.state)), activity=lesson)
    page = browser.new_page()
    page.goto(path.as_uri())
    for number, task in enumerate(lesson.written["tasks"], 1):
        name = f"activity-{number}-{task['kind']}"
        drawn = task["kind"] == "predict"
        if drawn:
            page.get_by_role("slider", name=re.compile("^Prediction ")).first.press("End")
        if number in {1, 4, 9}:
            take(page, images, name, TASK)
        if drawn:
            page.get_by_role("button", name="Check").click()
            if page.get_by_role("button", name="Show the answer").is_visible():
                page.get_by_role("button", name="Show the answer").click()
            take(page, images, f"{name}-answer", TASK)
        if number < len(lesson.written["tasks"]):
            page.get_by_role("button", name="Next").click()
    page.goto("about:blank")
    page.goto(f"{path.as_uri()}#edit")
    page.locator(".card").nth(3).locator("summary").first.click()
    take(page, images, "activity-made", TASK)
    page.close()


def written(browser: Browser, images: Path) -> None:
    """Write pictures of a text that a model writes, and of a model that fails."""
    model = Teapot()
    prompt = teapot.PROMPT
    writing = Writing(Draft(Source(model), prompt, seed=5), prompt)
    page = browser.new_page()

    def pictures(name: str) -> None:
        take(page, images, f"writing-{name}", WRITTEN[name])

    with served(writing) as url:
        page.goto(url)
        tokens = page.get_by_role("listbox", name="Tokens").get_by_role("option")
        expect(tokens).to_have_count(1)
        pictures("start")
        page.get_by_role("textbox", name="tokens").fill("40")
        page.get_by_role("button", name="Play").click()
        expect(page.get_by_text("40 tokens written.").first).to_be_visible(timeout=60_000)
        pictures("next")
        tokens.nth(3).click()
        row = page.get_by_role("textbox", name="Row", exact=True)
        expect(row).to_have_value("3")
        page.get_by_role("figure", name="Softmax").get_by_role("listitem").nth(1).click()
        pictures("token")
        page.get_by_role("button", name=re.compile("^Take ")).click()
        expect(tokens).to_have_count(5)
        page.get_by_role("textbox", name="tokens").fill("12")
        page.get_by_role("button", name="Play").click()
        expect(page.get_by_text("12 tokens written.").first).to_be_visible(timeout=60_000)
        page.get_by_text("Compare on this text").click()
        page.get_by_role("button", name="Compare branches").click()
        page.get_by_role("button", name=re.compile("^Compare T = ")).click()
        page.get_by_role("button", name=re.compile("^Most at token ")).wait_for()
        pictures("branches")
        page.get_by_text("Compare on this text").click()
        model.error = (
            "no server answers at http://localhost:8080: is the address right, and the server "
            "running?"
        )
        page.get_by_role("button", name="Step", exact=True).click()
        page.get_by_role("alert").get_by_text("no server answers").wait_for()
        pictures("error")
    page.close()


@contextmanager
def served(writing: Writing) -> Iterator[str]:
    """Serve the page of a text, and yield its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        state = writing.state(0, 0.8, truncation={"top_p": 0.95})
        app = application(state, writing, port=port, token="token")  # noqa: S106 - no secret
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{port}/token/"
        finally:
            server.should_exit = True
            thread.join()


def main() -> None:
    """Write every picture."""
    parser = argparse.ArgumentParser(prog="python -m tools.screenshots")
    parser.add_argument("folder", type=Path, nargs="?", help="for pictures of many pages")
    parser.add_argument("--only", default="", help="how the names of the pictures begin")
    given = parser.parse_args()
    images = given.folder
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = launch(playwright)
        if images is None:
            manual(browser, Path(folder))
        else:
            images.mkdir(parents=True, exist_ok=True)
            every(browser, Path(folder), images, given.only)
            if "writing".startswith(given.only[:7]):
                written(browser, images)
            if "activity".startswith(given.only[:8]):
                activity(browser, Path(folder), images)
            if "novel".startswith(given.only[:5]):
                novel(browser, Path(folder), images)
        browser.close()


if __name__ == "__main__":
    main()
