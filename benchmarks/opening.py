"""Say how soon an exported page is usable, and how much memory it keeps while it is dragged.

``python -m benchmarks.opening`` opens the page of each size several times in a real Chromium, with
a sampler on, and then moves the temperature slider of the last one many times, as well as those of
a text with the tokens coloured by the sampler and of rows whose reliability follows the slider.

How it measures
---------------
usable
    From the start of the navigation to the frame after the one that shows the bars, as the page's
    own clock says: by then it is free to answer. Reading the file, its script, sorting the logits,
    layout and paint are in it; the launch of the browser is not.
curves
    The same, to the frame that shows p at every temperature, which is computed in idle slices.
memory
    What the page's JavaScript holds after the garbage collector has run, and how many nodes its
    document has: once before the moves, then after each part of them. A page that leaks grows from
    part to part. Each move changes the slider by a step and is drawn before the next one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from playwright.async_api import async_playwright
from rich.console import Console
from rich.table import Table

from benchmarks.frames import (
    ROWS,
    SAMPLER,
    SLIDER,
    TOKENS,
    colour_by_sampler,
    reliability_page,
    text_page,
    wait_for_fit,
)
from benchmarks.machine import positive
from thermoscope import random_logits
from thermoscope.explorer.page import write_page
from thermoscope.state import State
from tools.browsers import QUIET, find

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from playwright.async_api import Browser, Page

SIZES = (10, 1_000, 50_257, 262_144)
REACH_USABLE = 500
PARTS = 4

# Both moments are those of the frame after: then the frame that shows it has been painted.
WATCH = """
window.opened = new Promise((known) => {
  const found = {};
  const look = () => {
    const now = performance.now();
    if (found.rows) found.usable ??= now;
    if (found.lines) return known([found.usable, now]);
    found.rows ||= document.querySelector(".softmax [role=listitem] .number")?.textContent;
    found.lines ||= document.querySelector("path.entropy");
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
});
"""
# Up and down again, so that the temperature stays on the scale.
MOVE = """async (range, moves) => {
  for (let move = 0; move < moves; move++) {
    const step = move % 200 < 100 ? 1 : -1;
    range.value = String(Number(range.value) + step * Number(range.step || 1));
    range.dispatchEvent(new Event("input", { bubbles: true }));
    await new Promise(requestAnimationFrame);
  }
  range.dispatchEvent(new Event("change", { bubbles: true }));
}"""


@dataclass(frozen=True)
class Opening:
    """What the page of one size showed; times in ms."""

    items: int
    usable: float
    curves: float


@dataclass(frozen=True)
class Memory:
    """What a page holds after a number of moves."""

    what: str
    moves: int
    heap_mb: float
    nodes: int


async def opened(browser: Browser, path: Path, items: int, repeats: int) -> Opening:
    """Open a page several times and return the medians."""
    usable, curves = [], []
    for _ in range(repeats):
        page = await browser.new_page(viewport={"width": 1280, "height": 900})
        await page.add_init_script(WATCH)
        await page.goto(path.as_uri())
        shown, complete = await page.evaluate("window.opened")
        usable.append(shown)
        curves.append(complete)
        await page.close()
    return Opening(items, median(usable), median(curves))


async def held(page: Page, what: str, moves: int) -> Memory:
    """Return what the page holds now, after a number of moves."""
    session = await page.context.new_cdp_session(page)
    await session.send("HeapProfiler.collectGarbage")
    heap = await session.send("Runtime.getHeapUsage")
    counts = await session.send("Memory.getDOMCounters")
    await session.detach()
    return Memory(what, moves, heap["usedSize"] / 2**20, counts["nodes"])


async def moved(
    browser: Browser,
    url: str,
    what: str,
    moves: int,
    prepare: Callable[[Page], Awaitable[None]] | None = None,
) -> list[Memory]:
    """Move the slider of a page and return what it holds after each part of the moves."""
    page = await browser.new_page(viewport={"width": 1280, "height": 900})
    await page.goto(url)
    if prepare is not None:
        await prepare(page)
    slider, part = page.locator(SLIDER), moves // PARTS
    # What is made once, by the first moves, is no leak.
    await slider.evaluate(MOVE, 200)
    found = [await held(page, what, 0)]
    for done in range(1, PARTS + 1):
        print(f"{what}: {done * part:,} of {moves:,} moves", file=sys.stderr, flush=True)
        await slider.evaluate(MOVE, part)
        found.append(await held(page, what, done * part))
    await page.close()
    return found


async def measure(
    chromium: str, options: argparse.Namespace
) -> tuple[str, list[Opening], list[Memory]]:
    """Open the page of each size, then move the sliders of the largest, of a text and of rows."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=list(QUIET))
        with tempfile.TemporaryDirectory() as folder:
            openings, memory = [], []
            for items in sorted(options.sizes):
                path = Path(folder, f"{items}.html")
                write_page(path, State.of(random_logits(items, seed=1), truncation=SAMPLER))
                openings.append(await opened(browser, path, items, options.repeats))
                what = f"{items:,} logits"
            if options.sizes:
                memory += await moved(browser, path.as_uri(), what, options.moves)
            for tokens in options.tokens:
                url, what = text_page(tokens, Path(folder)), f"{tokens:,} tokens"
                memory += await moved(browser, url, what, options.moves, colour_by_sampler)
            for rows in options.rows:
                with reliability_page(rows, Path(folder)) as url:
                    what = f"reliability of {rows:,} rows"
                    memory += await moved(browser, url, what, options.moves, wait_for_fit)
        version = browser.version
        await browser.close()
    return version, openings, memory


def tables(openings: list[Opening], memory: list[Memory]) -> tuple[Table, Table]:
    """Return what was found as two tables."""
    first = Table(title="A page that is opened: medians, ms")
    for name in ("logits", f"usable (<= {REACH_USABLE})", "curves", "reached"):
        first.add_column(name, justify="right")
    for one in openings:
        reached = "yes" if one.usable <= REACH_USABLE else "no"
        cells = (f"{one.items:,}", f"{one.usable:.0f}", f"{one.curves:.0f}")
        first.add_row(*cells, reached)
    second = Table(title="Moves of the slider")
    second.add_column("beside")
    for name in ("moves", "heap, MB", "nodes"):
        second.add_column(name, justify="right")
    for each in memory:
        second.add_row(each.what, f"{each.moves:,}", f"{each.heap_mb:.2f}", f"{each.nodes:,}")
    return first, second


def main() -> None:
    """Measure, print the tables, and write them as JSON where that is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.opening", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--sizes", type=positive, nargs="*", default=SIZES, metavar="N")
    parser.add_argument("--tokens", type=positive, nargs="*", default=TOKENS, metavar="N")
    parser.add_argument("--rows", type=positive, nargs="*", default=ROWS[-1:], metavar="N")
    parser.add_argument("--repeats", type=positive, default=5, help="how often each page is opened")
    parser.add_argument("--moves", type=positive, default=10_000, help="moves of the slider")
    parser.add_argument("--json", type=Path, metavar="OUT")
    options = parser.parse_args()
    chromium = find()
    if chromium is None:
        raise SystemExit("no Chromium: run `python -m tools.browsers` to install one")
    version, openings, memory = asyncio.run(measure(chromium, options))
    machine = f"Chromium {version}, headless, software compositing, {os.cpu_count()} cores"
    console = Console(width=None if os.isatty(1) else 130)
    for each in tables(openings, memory):
        console.print(each)
    console.print(f"{machine}; load {os.getloadavg()[0]:.1f} over the last minute")
    if options.json:
        report = {
            "machine": machine,
            "openings": [asdict(one) for one in openings],
            "memory": [asdict(one) for one in memory],
        }
        options.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
