"""Time the language model of the page: ``python -m benchmarks.language``, in Node and in Chromium.

Each runs the page's own code on the file of the package, several times: how long it takes to open
the file, to read 64 tokens, and for each token that is then written, the likeliest one each time.
The first run has the compiler's time in it, as the first text on a page has.

Then the page itself, as `thermoscope export` writes it: how many frames a second it draws while it
plays tokens, and while it writes at three temperatures, and how far apart they are. A frame is one
that the page is asked for (requestAnimationFrame), at most 60 a second.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from playwright.async_api import async_playwright
from rich.console import Console
from rich.table import Table

from benchmarks.machine import positive, processor
from thermoscope import cli
from tools.browsers import QUIET, find
from tools.novel.__main__ import PATH, ROOT

# Times are those of the whole window, and most tokens are written when it is more than half full.
TOKENS = 500
# Longer than the context: its window moves several times.
PLAYED = 400
RUN = """async (file, runs, tokens) => {
  const bytes = Uint8Array.from(atob(file), (character) => character.charCodeAt(0));
  const found = [];
  for (let run = 0; run < runs; run++) found.push(await language.times(bytes, tokens));
  return found;
}"""

Times = list[dict[str, float]]


def bundle() -> str:
    """Return the code as one script, with the global `language`."""
    esbuild = ROOT / "node_modules" / ".bin" / "esbuild"
    source = ROOT / "web" / "tests" / "language.node.ts"
    options = ["--bundle", "--minify", "--format=iife", "--global-name=language"]
    options.append(f"--inject:{ROOT / 'web' / 'tests' / 'english.ts'}")
    done = subprocess.run([esbuild, source, *options], check=True, capture_output=True, text=True)
    return done.stdout


def in_node(script: str, file: str, runs: int) -> Times:
    """Return the times of each run."""
    call = f"({RUN})({json.dumps(file)}, {runs}, {TOKENS})"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.cjs"
        show = "then((found) => console.log(JSON.stringify(found)))"
        path.write_text(f"{script}\n{call}.{show};\n", encoding="utf-8")
        done = subprocess.run(["node", path], check=True, capture_output=True, text=True)  # noqa: S607
    found: Times = json.loads(done.stdout)
    return found


async def in_chromium(chromium: str, script: str, file: str, runs: int) -> tuple[str, Times]:
    """Return the browser's version, and the times of each run."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=list(QUIET))
        page = await browser.new_page()
        await page.add_script_tag(content=script)
        call = f"([file, runs, tokens]) => ({RUN})(file, runs, tokens)"
        found: Times = await page.evaluate(call, [file, runs, TOKENS])
        version = browser.version
        await browser.close()
    return version, found


# Notes when each frame is asked for, until it is told to stop.
WATCH = """() => {
  const watched = (window.watched = { times: [], goes: true });
  const note = (time) => {
    watched.times.push(time);
    if (watched.goes) requestAnimationFrame(note);
  };
  requestAnimationFrame(note);
}"""
WATCHED = "() => { watched.goes = false; return watched.times; }"


class Frames(NamedTuple):
    """What the page did, and when it drew each frame of it, in ms."""

    what: str
    tokens: int
    times: list[float]


async def frames(chromium: str, runs: int) -> list[Frames]:
    """Let the page write, and return its frames."""
    found: list[Frames] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "novel.html"
        if cli.main(["export", str(path), "--sample", "novel", "--seed", "7", "-n", "0"]):
            raise RuntimeError("the page could not be written")
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium, args=list(QUIET))
            page = await browser.new_page(viewport={"width": 1280, "height": 900})
            await page.goto(path.as_uri())
            await page.get_by_label("tokens", exact=True).fill(str(PLAYED))

            async def watched(what: str, tokens: int, start: str, stop: str) -> Frames:
                """Press a button, and wait until it is there again."""
                button = page.get_by_role("button", name=start, exact=True)
                await page.evaluate(WATCH)
                await button.click()
                await page.get_by_role("button", name=stop, exact=True).wait_for()
                await button.wait_for()
                return Frames(what, tokens, await page.evaluate(WATCHED))

            found += [await watched("plays", PLAYED, "Play", "Pause") for _ in range(runs)]
            # It begins to write where it is opened.
            await page.get_by_text("Three temperatures", exact=True).click()
            await page.get_by_role("button", name="Stop", exact=True).click()
            await page.get_by_label("tokens each").fill(str(PLAYED))
            found += [
                await watched("three temperatures", 3 * PLAYED, "Write", "Stop")
                for _ in range(runs)
            ]
            await browser.close()
    return found


def shown(found: list[Frames]) -> Table:
    """Return the frames as a table."""
    table = Table("the page", "tokens/s", "frames/s", "between two frames, ms: p95", "longest")
    for what, tokens, times in found:
        seconds = (times[-1] - times[0]) / 1000
        between = np.diff(times)
        table.add_row(
            what,
            f"{tokens / seconds:.0f}",
            f"{len(between) / seconds:.1f}",
            f"{np.percentile(between, 95):.1f}",
            f"{between.max():.1f}",
        )
    return table


def main() -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--runs", type=positive, default=5)
    runs: int = parser.parse_args().runs
    chromium = find()
    if chromium is None:
        sys.exit("no Chromium found")
    script, content = bundle(), PATH.read_bytes()
    file = base64.b64encode(content).decode()
    version, in_browser = asyncio.run(in_chromium(chromium, script, file, runs))
    table = Table("where", "run", "open, ms", "read 64, ms", "tokens/s", title=processor())
    for where, times in (
        ("Node", in_node(script, file, runs)),
        (f"Chromium {version}", in_browser),
    ):
        for run, found in enumerate(times, 1):
            open_ms, read_ms = (f"{found[name]:.1f}" for name in ("open", "read"))
            table.add_row(where, str(run), open_ms, read_ms, f"{1000 / found['token']:.0f}")
    console = Console()
    console.print(table)
    console.print(shown(asyncio.run(frames(chromium, runs))))
    console.print(
        f"{len(content):,} bytes, {len(file):,} in a page; load {os.getloadavg()[0]:.1f} on "
        f"{os.cpu_count()} cores"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
