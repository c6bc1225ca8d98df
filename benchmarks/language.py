"""Time the language model of the page: ``python -m benchmarks.language``, in Node and in Chromium.

Each runs the page's own code on the file of the package, several times: how long it takes to open
the file, to read 64 tokens, and for each token that is then written, the likeliest one each time.
The first run has the compiler's time in it, as the first text on a page has.
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

from playwright.async_api import async_playwright
from rich.console import Console
from rich.table import Table

from benchmarks.machine import processor
from tools.browsers import QUIET, find
from tools.novel.__main__ import PATH, ROOT

# Times are those of the whole window, and most tokens are written when it is more than half full.
TOKENS = 500
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


def main() -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--runs", type=int, default=5)
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
    console.print(
        f"{len(content):,} bytes, {len(file):,} in a page; load {os.getloadavg()[0]:.1f} on "
        f"{os.cpu_count()} cores"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
