"""Make pictures of the page: ``python -m tools.screenshots`` writes docs/images/*.png.

One shows the lesson's five random logits, the other a model-sized row of 50,257. That one is
of our own making: tokens put together from syllables, and logits drawn at random but for the
words that may follow "The teapot is full of".

``python -m tools.screenshots FOLDER`` writes pictures of whole pages there, to be looked at before
a release: of each state, link, screen and colours of the tables below.
"""

from __future__ import annotations

import argparse
import io
import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

from thermoscope import random_logits
from thermoscope.explorer.page import write_page
from thermoscope.state import State
from tools.browsers import launch

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

IMAGES = Path(__file__).parent.parent / "docs" / "images"
WIDTH = 1280

VOCABULARY = 50_257
LIKELY = (
    *(" tea", " hot", " water", " boiling", " green", " black", " cold", " the", " milk"),
    *(" leaves", " a", " coffee", " fresh", " mint", " something", " steam", " rain", " it"),
    *(" holes", " herbs", " warm", " jasmine", " your", " sugar", " old", " whiskey", " soup"),
    *(" ideas", " dust", " tiny", " life", " coins", " flowers", " gin", " light", " storms"),
)
SYLLABLES = [first + second for first in "bcdfghklmnprstv" for second in "aeiou"]
ENDINGS = ("", "n", "r", "s", "ing", "tion")


def tokens() -> list[str]:
    """Return as many different tokens as a vocabulary has, the likely ones first."""
    draw = random.Random(1)  # noqa: S311 - a picture, not a secret
    found = dict.fromkeys(LIKELY)
    while len(found) < VOCABULARY:
        word = "".join(draw.choices(SYLLABLES, k=draw.randint(1, 4))) + draw.choice(ENDINGS)
        found[draw.choice((" ", " ", "")) + draw.choice((word, word.capitalize()))] = None
    return list(found)


def model_sized() -> State:
    """Return a next-token distribution as a language model may give it."""
    draw = np.random.default_rng(1)
    logits = draw.normal(-4, 2.0, VOCABULARY)
    logits[: len(LIKELY)] = 12 - 2.2 * np.log1p(np.arange(len(LIKELY)))
    logits[: len(LIKELY)] += draw.normal(0, 0.25, len(LIKELY))
    order = draw.permutation(VOCABULARY)
    labels = tokens()
    return State.of(
        logits[order],
        [labels[i] for i in order],
        temperature=1.5,
        source="The teapot is full of",
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
SCREENS = {360: 740, 1280: 800, 1920: 1080}
COLOURS: tuple[Literal["light", "dark", "forced"], ...] = ("light", "dark", "forced")


def every(browser: Browser, folder: Path, images: Path) -> None:
    """Write a picture of each state, link, screen and colours."""
    images.mkdir(parents=True, exist_ok=True)
    for size, state in STATES.items():
        path = folder / f"{size}.html"
        write_page(path, state())
        for width, height in SCREENS.items():
            page = browser.new_page(viewport={"width": width, "height": height})
            for colours in COLOURS:
                if colours == "forced":
                    page.emulate_media(color_scheme="dark", forced_colors="active")
                else:
                    page.emulate_media(color_scheme=colours)
                for name, link in LINKS.items():
                    # Another address than the last one, so that nothing stays pinned.
                    page.goto("about:blank")
                    page.goto(f"{path.as_uri()}#{link}")
                    # The curves are computed in idle slices.
                    page.locator(".every path.line").first.wait_for(state="attached")
                    if name == "compare":
                        compare(page)
                    image = images / f"{size}-{name}-{width}-{colours}.png"
                    page.screenshot(path=image, full_page=True)
            page.close()


def compare(page: Page) -> None:
    """Pin what is shown as A, and go on to T = 1."""
    page.locator("summary", has_text="Compare").click()
    page.get_by_role("button", name="Pin as A").click()
    page.get_by_role("button", name="T = 1", exact=True).click()
    page.evaluate("scrollTo(0, 0)")


def main() -> None:
    """Write every picture."""
    parser = argparse.ArgumentParser(prog="python -m tools.screenshots")
    parser.add_argument("folder", type=Path, nargs="?", help="for pictures of many pages")
    images = parser.parse_args().folder
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = launch(playwright)
        if images is None:
            manual(browser, Path(folder))
        else:
            every(browser, Path(folder), images)
        browser.close()


if __name__ == "__main__":
    main()
