"""Drag the temperature slider in a real Chromium and say how soon each change is on the screen.

``python -m benchmarks.frames`` drags the explorer's slider at four sizes, then at each once more
with a sampler, a pinned A and draws on the page, then beside a text of 10,000 tokens with 20
log-probabilities and a sampler, all of which it colours, then the page that `thermoscope explore`
serves of 5,000 and 50,000 rows of 10 classes with their reliability; and then, in the same run on
the same machine, the slider of the notebook that this project comes from: ipywidgets' ``interact``
with matplotlib, in a JupyterLab of its own.

How it measures
---------------
The mouse is a real one as far as the page can tell: ``Input.dispatchMouseEvent`` sends 125
moves a second (a common mouse's rate) on a fixed schedule, never waiting for the page, so a
slow page gets no easier a task than a fast one. The drag sweeps to and fro, and each move
crosses at least one stop of the slider, so that every frame of a 60 Hz screen has a new value
to show. A page with nothing but a slider and its value is dragged likewise: what it needs, and
what it lacks of 60 frames a second, is the browser's and this method's own part. What sends the
moves runs on the same cores, so it writes each one straight to Chromium and reads nothing.

Each page is dragged several times, in rounds over all of them, and each figure is the median of
its drags. One drag says little: a stall of the machine can leave Chromium's compositor a whole
frame late for seconds, the bare slider's no less than another's.

What happened is read from Chromium's own trace of that drag, not from a clock in the page:

work
    All tasks of the page's main thread (script, style, layout, paint, commit, garbage
    collection, whatever else it ran), from the start of the task which handled one ``input``
    event to the start of the one which handled the next. Wall time, so that a machine which is
    busy elsewhere counts too; the time for which the thread had a core stands beside it.
to paint
    From the moment at which the browser process received a mouse move to the moment at which the
    frame that shows it was presented; for every move that changed the value, also those that
    Chromium merged with a later one before the page saw them.
frames
    The same, counted from the event's own frame, which is the first tick of the 60 Hz clock
    after the move arrived and so the first that could show it. On a screen 0.6 frames are
    seen at the next refresh; 1.2 frames have missed it.
frames/s
    Frames presented which show a new value, over the time from the first to the last.

The screen is headless Chromium's: it composes in software, at 60 Hz, and calls a frame
presented when it is swapped. A graphics card would take work off these CPU cores.

In the notebook an event is painted when the picture drawn for its value is, as the browser's
Element Timing says (to 4 ms). The kernel notes when it began to draw which value; the event is
the page's last one before that with the same value. So the moves which ipywidgets drops while
the kernel is busy do not count against it: they only show as frames that are missing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import sys
import tempfile
import time
from bisect import bisect_left, bisect_right
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from playwright.async_api import async_playwright
from rich.console import Console
from rich.table import Table
from websocket import create_connection

from benchmarks.machine import positive
from thermoscope import Dataset, log_softmax, random_logits, sample
from thermoscope.data.formats.responses import Token
from thermoscope.explorer.browse import RowSource
from thermoscope.explorer.page import write_page
from thermoscope.state import State
from tools.browsers import QUIET, find
from tools.explorer import explorer
from tools.jupyterlab import jupyterlab
from tools.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence

    from numpy.typing import NDArray
    from playwright.async_api import Browser, Page

SIZES = (10, 1_000, 50_257, 262_144)
ROWS = (5_000, 50_000)
CLASSES = 10
ITEMS_OF_THE_ORIGINAL = (2, 10)
TOKENS = (10_000,)
REPORTED = 20
SAMPLER = {"top_k": 40, "top_p": 0.95, "min_p": 0.05}

MOVES_PER_SECOND = 125
STOPS = 80  # from -4 to 4 by 0.1
STOPS_PER_MOVE = 1.25  # at less than 1 some frames have no new value: 53 a second at 0.75
BUTTON = {"button": "left", "buttons": 1, "clickCount": 1}
SLIDER = "role=slider[name='Temperature']"
ORIGINAL_SLIDER = ".widget-slider .noUi-base"
ORIGINAL_HANDLE = ".widget-slider .noUi-handle"
FRAME = 1000 / 60
PATIENCE = 60.0

REACH_WORK = 8.0
REACH_FRAMES = 1.0
REACH_RATE = 55.0

TRACED = (
    "devtools.timeline",
    "disabled-by-default-devtools.timeline",
    "disabled-by-default-devtools.timeline.frame",
    "input.scrolling",
)

BARE = """<!doctype html>
<meta charset="utf-8"><title>A bare slider</title>
<input type="range" aria-label="Temperature" min="-4" max="4" step="0.1" style="width: 800px">
<p>0</p>
<script>
  const slider = document.querySelector("input");
  const text = document.querySelector("p").firstChild;
  slider.oninput = () => requestAnimationFrame(() => (text.data = slider.value));
</script>
"""

# The lesson's cells as one: its own slider, its own dropdown, its own plot. Only the note of
# what was drawn when is new.
ORIGINAL = """
import time
import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np

def softmax(logits, temperature):
    weights = np.exp((logits - np.max(logits)) / temperature)
    return weights / weights.sum()

def plot(temperature, items):
    with open("drawn.txt", "a") as drawn:
        print(1000 * time.time(), f"{temperature:.3g}", file=drawn)
    positions = np.arange(items)
    _, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    left.barh(positions, logits[items], color="blue", alpha=0.4)
    left.set_title("Logits")
    right.barh(positions, softmax(logits[items], temperature), color="green", alpha=0.4)
    right.set_title("Softmax")
    plt.show()

logits = {items: np.random.default_rng(1).random(items) for items in range(2, 11)}
slider = widgets.FloatLogSlider(
    value=1, base=10, min=-4, max=4, step=0.1, description="Temperature",
    layout=widgets.Layout(width="720px"),
)
dropdown = widgets.Dropdown(options=range(2, 11), value=ITEMS, description="Total items")
widgets.interact(plot, temperature=slider, items=dropdown);
"""

# Notes when which value was chosen, and when each picture was on the screen.
WATCH_ORIGINAL = """
() => {
  const seen = (window.seen = { chosen: [], painted: [] });
  let moved = 0;
  addEventListener("pointermove", (event) => {
    moved = performance.timeOrigin + event.timeStamp;
  }, { capture: true });
  const readout = document.querySelector(".widget-readout");
  new MutationObserver(() => seen.chosen.push([moved, Number(readout.textContent)]))
    .observe(readout, { childList: true, characterData: true, subtree: true });
  new PerformanceObserver((list) => {
    for (const { identifier, renderTime } of list.getEntries())
      seen.painted.push([Number(identifier), performance.timeOrigin + renderTime]);
  }).observe({ type: "element" });
  let count = 0;
  new MutationObserver((changes) => {
    for (const { addedNodes } of changes)
      for (const node of addedNodes)
        for (const picture of node.querySelectorAll?.("img") ?? [])
          picture.elementTiming = `${count++}`;
  }).observe(document.body, { childList: true, subtree: true });
}
"""

Event: TypeAlias = dict[str, Any]


class Chromium(NamedTuple):
    """A browser, and the port of this machine at which its debugging protocol is spoken."""

    browser: Browser
    port: int


@dataclass(frozen=True)
class Spread:
    """Median and 95th percentile."""

    median: float
    p95: float

    @classmethod
    def of(cls, values: Sequence[float] | NDArray[np.float64]) -> Spread:
        """Return the spread of some values."""
        middle, p95 = np.percentile(values, [50, 95])
        return cls(float(middle), float(p95))


@dataclass(frozen=True)
class Drag:
    """What one drag showed; times in ms, frames of 1/60 s."""

    what: str
    items: int
    events: int
    work: Spread | None
    on_core: Spread | None
    to_paint: Spread
    frames: Spread | None
    rate: float


def read_trace(trace: list[Event], what: str, items: int) -> Drag:
    """Return what the trace of a drag says, as the head of this module explains it."""
    trace = sorted((event for event in trace if event["ph"] != "M"), key=lambda e: e["ts"])

    def named(name: str) -> list[Event]:
        return [event for event in trace if event["name"] == name]

    inputs = [e for e in named("EventDispatch") if e["args"]["data"]["type"] == "input"]
    page = {(event["pid"], event["tid"]) for event in inputs}
    if len(page) != 1:
        raise RuntimeError(f"the slider must be of one page, got input events of {len(page)}")
    ((process, thread),) = page
    tasks = [e for e in named("RunTask") if (e["pid"], e["tid"]) == (process, thread)]
    task_starts = [task["ts"] for task in tasks if task["ph"] == "X"]
    handled = [task_starts[bisect_right(task_starts, event["ts"]) - 1] for event in inputs]

    work, on_core = np.zeros((2, len(handled)))
    for task in tasks:
        event = bisect_right(handled, task["ts"]) - 1
        if task["ph"] == "X" and event >= 0:
            work[event] += task["dur"] / 1000
            # Chromium now and then leaves out the time on a core.
            on_core[event] += (task["tdur"] if "tdur" in task else task["dur"]) / 1000

    presented = _presented(trace, process)
    sequences = sorted(presented)
    commits = [e for e in named("Commit") if e["ph"] == "X" and e["pid"] == process]
    commit_times = [event["ts"] for event in commits]

    def shown(dispatched: float) -> float:
        """Return when the first frame was presented that was committed after a dispatch."""
        commit = commits[bisect_left(commit_times, dispatched)]
        return presented[sequences[bisect_left(sequences, commit["args"]["frameSeqId"])]][1]

    # The browser process has one of the former for each move, the page's compositor thread one
    # of the latter, in the same order.
    moves = [e for e in trace if e["name"].startswith("InputLatency::") and e["ph"] == "b"]
    arrivals = [e for e in named("WidgetInputHandlerImpl::DispatchEvent") if e["pid"] == process]
    if len(moves) != len(arrivals):
        raise RuntimeError(f"{len(moves)} mouse events were sent and {len(arrivals)} received")
    dispatches = [
        event
        for event in named("EventDispatch")
        if event["args"]["data"]["type"] == "mousemove" and event["pid"] == process
    ]
    dispatch_starts = [event["ts"] for event in dispatches]
    changed = {bisect_right(dispatch_starts, event["ts"]) - 1 for event in inputs}

    ticks = [began for began, _ in presented.values()]
    to_paint, frames, paints = [], [], set()
    for move, arrival in zip(moves, arrivals, strict=True):
        index = bisect_left(dispatch_starts, arrival["ts"])
        if move["name"] != "InputLatency::MouseMove" or index not in changed:
            continue
        painted = shown(dispatches[index]["ts"])
        own = _next_tick(move["ts"], ticks)
        to_paint.append((painted - move["ts"]) / 1000)
        frames.append((painted - own) / 1000 / FRAME)
        paints.add(painted)
    return Drag(
        what=what,
        items=items,
        events=len(inputs),
        # The last one's is not ended by a next event.
        work=Spread.of(work[:-1]),
        on_core=Spread.of(on_core[:-1]),
        to_paint=Spread.of(to_paint),
        frames=Spread.of(frames),
        rate=_rate([painted / 1000 for painted in paints]),
    )


def _presented(trace: list[Event], process: int) -> dict[int, tuple[float, float]]:
    """Return for each frame that was presented whole when it began and when it was presented.

    Chromium may fork a frame: what moves without the main thread goes first. The frame is
    presented whole when the last part is.
    """
    presented: dict[int, tuple[float, float]] = {}
    begun: dict[str, Event] = {}
    for event in trace:
        if event["name"] != "PipelineReporter" or event["pid"] != process:
            continue
        if event["ph"] == "b":
            begun[event["id2"]["local"]] = event
        elif start := begun.pop(event["id2"]["local"], None):
            report = start["args"]["frame_reporter"]
            if report["state"] == "STATE_PRESENTED_ALL":
                presented[report["frame_sequence"]] = (start["ts"], event["ts"])
    return presented


def _next_tick(moment: float, ticks: Sequence[float]) -> float:
    """Return the first tick of the 60 Hz clock at or after a moment, in the phase of `ticks`."""
    known = min(ticks, key=lambda tick: abs(tick - moment))
    period = 1000 * FRAME
    return known + math.ceil((moment - known) / period - 1e-3) * period


def _rate(paints: Sequence[float]) -> float:
    return 1000 * (len(paints) - 1) / (max(paints) - min(paints))


async def drag(page: Page, port: int, slider: str, handle: str, seconds: float) -> None:
    """Drag a slider to and fro from its middle, 125 moves a second whatever the page does."""
    box = await page.locator(slider).bounding_box()
    grip = await page.locator(handle).bounding_box()
    if box is None or grip is None:
        raise RuntimeError(f"there is no slider {slider}")
    middle, reach = box["x"] + box["width"] / 2, 0.45 * box["width"]
    height = grip["y"] + grip["height"] / 2
    step = STOPS_PER_MOVE * box["width"] / STOPS
    # A triangle wave which starts in the middle.
    ways = [(n * step + reach) % (4 * reach) for n in range(1, round(seconds * MOVES_PER_SECOND))]
    places = [middle - reach + min(way, 4 * reach - way) for way in ways]
    session = await page.context.new_cdp_session(page)
    target = (await session.send("Target.getTargetInfo"))["targetInfo"]["targetId"]
    await session.detach()
    address = f"ws://127.0.0.1:{port}/devtools/page/{target}"
    await asyncio.to_thread(_move, address, middle, places, height)


def _move(address: str, middle: float, places: Sequence[float], height: float) -> None:
    """Press the mouse, move it on its schedule and release it where it was pressed.

    Playwright would take 2 ms of these cores for each frame to send the same, which no mouse does.
    """
    with closing(create_connection(address, PATIENCE, suppress_origin=True)) as chromium:

        def send(kind: str, x: float) -> None:
            event = {"type": kind, "x": x, "y": height, **BUTTON}
            message = {"id": 1, "method": "Input.dispatchMouseEvent", "params": event}
            chromium.send(json.dumps(message))

        send("mousePressed", middle)
        start = time.perf_counter()
        for move, place in enumerate(places, 1):
            time.sleep(max(0, start + move / MOVES_PER_SECOND - time.perf_counter()))
            send("mouseMoved", place)
        # Back where the next drag takes hold of it.
        send("mouseMoved", middle)
        send("mouseReleased", middle)
        for _ in range(len(places) + 3):
            answer = json.loads(chromium.recv())
            if "error" in answer:
                raise RuntimeError(answer["error"]["message"])


@asynccontextmanager
async def traced(browser: Browser) -> AsyncIterator[list[Event]]:
    """Yield a list which holds Chromium's trace of the block when the block has ended."""
    session = await browser.new_browser_cdp_session()
    trace: list[Event] = []
    complete = asyncio.Event()
    session.on("Tracing.dataCollected", lambda part: trace.extend(part["value"]))
    session.on("Tracing.tracingComplete", lambda _: complete.set())
    config = {"includedCategories": list(TRACED), "recordMode": "recordAsMuchAsPossible"}
    await session.send("Tracing.start", {"traceConfig": config, "transferMode": "ReportEvents"})
    try:
        yield trace
    finally:
        await session.send("Tracing.end")
        await complete.wait()
        await session.detach()


async def drag_bare(chromium: Chromium, items: int, events: int, folder: Path) -> Drag:
    """Measure a page that shows nothing but the slider's value."""
    path = folder / "bare.html"
    path.write_text(BARE)
    return await _drag_page(chromium, path.as_uri(), "a bare slider", items, events)


async def drag_thermoscope(chromium: Chromium, items: int, events: int, folder: Path) -> Drag:
    """Measure the explorer's page with `items` logits drawn at random, opened as a file."""
    path = folder / f"{items}.html"
    write_page(path, State.of(random_logits(items, seed=1)))
    return await _drag_page(chromium, path.as_uri(), "thermoscope", items, events)


async def drag_all_on(chromium: Chromium, items: int, events: int, folder: Path) -> Drag:
    """Measure the same page with a sampler, a pinned A and 100 draws."""
    path = folder / f"{items}-all.html"
    state = State.of(random_logits(items, seed=1), truncation=SAMPLER)
    write_page(path, state)

    async def prepare(page: Page) -> None:
        for panel in ("Compare", "Draws"):
            await page.locator("summary", has_text=panel).click()
        await page.locator("role=button[name='Pin as A']").click()
        await page.locator("role=button[name='Draw 100']").click()

    return await _drag_page(
        chromium, path.as_uri(), "thermoscope, all on", items, events, prepare=prepare
    )


async def drag_text(chromium: Chromium, items: int, events: int, folder: Path) -> Drag:
    """Measure the page of a server's answer with this number of tokens, and with a sampler."""
    url = text_page(items, folder)
    return await _drag_page(
        chromium, url, "thermoscope, a text", items, events, prepare=colour_by_sampler
    )


def text_page(count: int, folder: Path) -> str:
    """Return the address of the page of a text with this number of tokens, which is made once."""
    path = folder / f"text-{count}.html"
    if not path.exists():
        rows = RowSource(text_of(count))
        write_page(path, rows.state(0, truncation=SAMPLER), rows)
    return path.as_uri()


async def colour_by_sampler(page: Page) -> None:
    """Colour the tokens by what the sampler makes of them."""
    await page.locator("role=combobox[name='Colour']").select_option("sampler")
    await page.locator(".tokens [role=option]").first.wait_for()


def text_of(count: int) -> Dataset:
    """Return a made-up answer of a server: for each token the 20 likeliest of 1,000."""
    draw = np.random.default_rng(1)
    # As confident as a language model: most often one token has most of the probability.
    logits = draw.normal(0, 2, (count, 1000))
    logits[:, 0] += draw.exponential(8, count)
    logprobs = -np.sort(-log_softmax(logits))[:, :REPORTED]
    rest = np.log(np.maximum(1 - np.exp(logprobs).sum(axis=1), 1e-12))
    words = [" the", " temperature", " of", " a", " softmax", ",", ".", " is", "ing", "\n"]
    tokens = [
        tuple(Token(words[word], place, None) for place, word in enumerate(row))
        for row in draw.integers(0, len(words), (count, REPORTED)).tolist()
    ]
    drawn = np.minimum(draw.geometric(0.6, count) - 1, REPORTED - 1)
    return Dataset.of(logprobs, tails=rest, tokens=tokens, drawn=drawn, source="text")


async def drag_reliability(chromium: Chromium, items: int, events: int, folder: Path) -> Drag:
    """Measure the page of rows with targets, whose reliability follows the slider."""
    what = f"reliability of {items:,} rows"
    with reliability_page(items, folder) as url:
        # On a screen as high as the page is: what is out of sight is not painted.
        return await _drag_page(
            chromium, url, what, CLASSES, events, prepare=wait_for_fit, height=1400
        )


@contextmanager
def reliability_page(rows: int, folder: Path) -> Iterator[str]:
    """Serve the page of this number of rows with targets, and yield its address."""
    logits = np.random.default_rng(1).normal(0, 3, (rows, CLASSES))
    files = {"logits": logits, "targets": sample(logits, 2.0, rng=1)}
    for name, array in files.items():
        np.save(folder / f"{name}-{rows}.npy", array)
    paths = [folder / f"{name}-{rows}.npy" for name in files]
    with explorer(paths[0], "--targets", paths[1]) as served:
        yield served.url


async def wait_for_fit(page: Page) -> None:
    """Wait until the reliability is known at every stop of the slider."""
    await page.locator("role=button[name^='Fitted']").wait_for(timeout=120_000)


async def _drag_page(
    chromium: Chromium,
    url: str,
    what: str,
    items: int,
    events: int,
    *,
    prepare: Callable[[Page], Awaitable[None]] | None = None,
    height: int = 900,
) -> Drag:
    page = await chromium.browser.new_page(viewport={"width": 1280, "height": height})
    await page.goto(url)
    await page.locator(SLIDER).wait_for()
    if prepare is not None:
        await prepare(page)
        # What is pressed there is scrolled into sight, and the bars out of it.
        await page.evaluate("scrollTo(0, 0)")
    await drag(page, chromium.port, SLIDER, SLIDER, 1)  # warm up
    async with traced(chromium.browser) as trace:
        await page.wait_for_timeout(1000)  # all processes are busy beginning their traces
        await drag(page, chromium.port, SLIDER, SLIDER, events / 40)  # a busy machine merges some
        await page.wait_for_timeout(200)
    await page.close()
    return read_trace(trace, what, items)


async def drag_original(chromium: Chromium, items: int, events: int, folder: Path) -> Drag:
    """Measure the original notebook at `items` items, in JupyterLab."""
    notebook = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        "cells": [
            {
                "cell_type": "code",
                "id": "original",
                "execution_count": None,
                "metadata": {"jupyter": {"source_hidden": True}},
                "source": ORIGINAL.replace("ITEMS", str(items)),
                "outputs": [],
            }
        ],
    }
    (folder / "original.ipynb").write_text(json.dumps(notebook))
    drawn = folder / "drawn.txt"
    with jupyterlab(folder) as address:
        page = await chromium.browser.new_page(viewport={"width": 1280, "height": 900})
        await page.goto(address.format("original.ipynb"))
        await page.wait_for_function("window.jupyterapp?.shell.currentWidget?.context?.isReady")
        await page.wait_for_function(
            "jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status === 'idle'"
        )
        await page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")
        await page.locator(".widget-interact img, .jp-OutputArea img").first.wait_for()
        await drag(page, chromium.port, ORIGINAL_SLIDER, ORIGINAL_HANDLE, 1)  # warm up
        await page.wait_for_timeout(2000)
        await page.evaluate(WATCH_ORIGINAL)
        drawn.write_text("")
        await drag(
            page, chromium.port, ORIGINAL_SLIDER, ORIGINAL_HANDLE, 3 * events / 60
        )  # longer: its frames are few
        await page.wait_for_timeout(2000)
        seen = await page.evaluate("window.seen")
        await page.close()
    draws = [tuple(map(float, line.split())) for line in drawn.read_text().splitlines()]
    to_paint = []
    for picture, painted in seen["painted"]:
        began, drawn_value = draws[picture]
        chosen = [at for at, value in seen["chosen"] if at <= began and value == drawn_value]
        to_paint.append(painted - max(chosen))
    return Drag(
        what="ipywidgets + matplotlib",
        items=items,
        events=len(seen["chosen"]),
        work=None,
        on_core=None,
        to_paint=Spread.of(to_paint),
        frames=None,
        rate=_rate([painted for _, painted in seen["painted"]]),
    )


def table(drags: Sequence[Drag]) -> Table:
    """Return the drags as a table, with what is to be reached in the heading."""
    result = Table(title="A drag of the temperature slider: median and 95th percentile")
    result.add_column("what", no_wrap=True)
    result.add_column("logits", justify="right")
    result.add_column("events", justify="right")
    result.add_column(f"work, ms\n(p95 <= {REACH_WORK:g})", justify="right")
    result.add_column("on a core, ms", justify="right")
    result.add_column("to paint, ms", justify="right")
    result.add_column(f"frames\n(p95 <= {REACH_FRAMES:g})", justify="right")
    result.add_column(f"frames/s\n(>= {REACH_RATE:g})", justify="right")
    result.add_column("reached")

    def cell(spread: Spread | None, digits: int) -> str:
        if spread is None:
            return "-"
        return f"{spread.median:.{digits}f} | {spread.p95:.{digits}f}"

    for one in drags:
        result.add_row(
            one.what,
            f"{one.items:,}" if one.items else "-",
            f"{one.events:,}",
            cell(one.work, 1),
            cell(one.on_core, 1),
            cell(one.to_paint, 1),
            cell(one.frames, 2),
            f"{one.rate:.1f}",
            _reached(one),
        )
    return result


def summary(rounds: Sequence[Drag]) -> Drag:
    """Return the medians of the drags of one page."""

    def spread(values: Sequence[Spread]) -> Spread:
        return Spread(median(one.median for one in values), median(one.p95 for one in values))

    def known(values: Sequence[Spread | None]) -> Spread | None:
        there = [value for value in values if value is not None]
        return spread(there) if there else None

    return Drag(
        what=rounds[0].what,
        items=rounds[0].items,
        events=sum(one.events for one in rounds),
        work=known([one.work for one in rounds]),
        on_core=known([one.on_core for one in rounds]),
        to_paint=spread([one.to_paint for one in rounds]),
        frames=known([one.frames for one in rounds]),
        rate=median(one.rate for one in rounds),
    )


def _reached(one: Drag) -> str:
    if one.work is None or one.frames is None:
        return "-"
    met = {
        "work": one.work.p95 <= REACH_WORK,
        "frames": one.frames.p95 <= REACH_FRAMES,
        "frames/s": one.rate >= REACH_RATE,
    }
    return "all" if all(met.values()) else "not " + ", ".join(k for k, v in met.items() if not v)


async def measure(path: str, options: argparse.Namespace) -> tuple[str, list[tuple[Drag, ...]]]:
    """Do every drag that is asked for, one after the other, and name the browser."""
    port = free_port()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=path, args=[*QUIET, f"--remote-debugging-port={port}"]
        )
        chromium = Chromium(browser, port)
        with tempfile.TemporaryDirectory() as folder:
            todo: list[tuple[Callable[[Chromium, int, int, Path], Awaitable[Drag]], int]]
            todo = [(drag_bare, 0), *((drag_thermoscope, items) for items in options.sizes)]
            todo += [(drag_all_on, items) for items in options.sizes]
            todo += [(drag_reliability, rows) for rows in options.rows]
            todo += [(drag_text, items) for items in options.tokens]
            if options.original:
                todo += [(drag_original, items) for items in ITEMS_OF_THE_ORIGINAL]
            rounds = []
            for done in range(options.repeats):
                print(f"round {done + 1} of {options.repeats}", file=sys.stderr, flush=True)
                rounds.append(
                    [
                        await one(chromium, items, options.events, Path(folder))
                        for one, items in todo
                    ]
                )
            drags = list(zip(*rounds, strict=True))
        version = browser.version
        await browser.close()
    return version, drags


def main() -> None:
    """Measure, print the table, and write it as JSON where that is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.frames", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--sizes", type=positive, nargs="+", default=SIZES, metavar="N")
    parser.add_argument("--rows", type=positive, nargs="*", default=ROWS, metavar="N")
    parser.add_argument("--tokens", type=positive, nargs="*", default=TOKENS, metavar="N")
    parser.add_argument("--events", type=positive, default=300, help="slider events for each size")
    parser.add_argument("--repeats", type=positive, default=3, help="drags of each page")
    parser.add_argument("--no-original", dest="original", action="store_false")
    parser.add_argument("--json", type=Path, metavar="OUT")
    options = parser.parse_args()
    chromium = find()
    if chromium is None:
        raise SystemExit("no Chromium: run `python -m tools.browsers` to install one")
    version, drags = asyncio.run(measure(chromium, options))
    machine = f"Chromium {version}, headless, software compositing, {os.cpu_count()} cores"
    console = Console(width=None if os.isatty(1) else 130)
    console.print(table([summary(rounds) for rounds in drags]))
    console.print(f"{machine}; load {os.getloadavg()[0]:.1f} over the last minute")
    if options.json:
        report = {
            "machine": machine,
            "drags": [[asdict(one) for one in rounds] for rounds in drags],
        }
        options.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
