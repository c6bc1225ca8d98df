"""Say how long a whole vocabulary takes from a server's last byte, in Python and to the screen.

``python -m benchmarks.connection`` answers what llama.cpp and vLLM would send for one position, and
asks for it several times: first from memory, then as a server in a process of its own, which
`thermoscope explore --server` asks for one token after another. A real Chromium shows its page.

How it measures
---------------
next
    `Source.next`, from the last byte of the answer to the `Reported`: no byte goes over a network,
    the JSON is parsed and its reader runs. The texts of tokens that vLLM is asked for once each
    are known. Time of the processor, so that other programs count for little; the best of a few.
JSON
    The part of it in which JSON is parsed, which is measured in the same way.
screen
    From the moment at which the server has handed over its last byte to the frame after the one
    which shows the new bars, by the clock on the wall. The position has other log-probabilities
    in each step. The median, and the longest of them.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.table import Table

import thermoscope as ts
from benchmarks.machine import positive
from thermoscope.connection.client import Client
from thermoscope.connection.servers import server_at
from thermoscope.connection.source import Source
from tools.browsers import QUIET, find
from tools.explorer import explorer

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

TOKENS: Final = 151_936
POSITIONS: Final = 4
"""Different ones, which follow one another."""

# The time at which the frame has been painted that shows other bars, on the clock of `time.time`.
CHANGED: Final = """
window.changed = () => new Promise((known) => {
  const shown = () => document.querySelector(".softmax [role=list]")?.textContent;
  const before = shown();
  const look = () =>
    requestAnimationFrame(
      shown() === before ? look : () => known((performance.timeOrigin + performance.now()) / 1000),
    );
  look();
});
"""


def position(tokens: int, seed: int) -> tuple[list[int], list[float]]:
    """Return tokens from the likeliest on, and the log-probability of each in float32."""
    logits = np.random.default_rng(seed).normal(0, 3, tokens)
    logprobs = np.asarray(ts.log_softmax(logits)).astype(np.float32).astype(np.float64)
    order = np.argsort(-logprobs)
    return order.tolist(), logprobs[order].tolist()


def llama_cpp(tokens: int, seed: int) -> dict[str, Any]:
    """Return the routes of llama.cpp that are asked."""
    top = [
        {"id": at, "token": f" {at}", "bytes": list(f" {at}".encode()), "logprob": logprob}
        for at, logprob in zip(*position(tokens, seed), strict=True)
    ]
    return {
        "/v1/models": {"data": [{"id": "m", "owned_by": "llamacpp", "meta": {"n_vocab": tokens}}]},
        "/tokenize": {"tokens": [{"id": 1, "piece": "\n"}]},
        "/completion": {"completion_probabilities": [{**top[0], "top_logprobs": top}]},
    }


def vllm(tokens: int, seed: int) -> dict[str, Any]:
    """Return the routes of vLLM that are asked."""
    order, logprobs = position(tokens, seed)
    columns = {
        "tokens": [f"token_id:{order[0]}"],
        "token_logprobs": logprobs[:1],
        "top_logprobs": [
            {f"token_id:{at}": value for at, value in zip(order, logprobs, strict=True)}
        ],
    }
    return {
        "/v1/models": {"data": [{"id": "m", "owned_by": "vllm"}]},
        "/tokenize": {"tokens": [1], "token_strs": ["a"]},
        "/detokenize": {"prompt": "a b"},
        "/v1/completions": {"choices": [{"logprobs": columns}]},
    }


SERVERS: Final = {"llama.cpp": llama_cpp, "vLLM": vllm}


def encoded(name: str, tokens: int, seed: int) -> dict[str, bytes]:
    """Return the routes of a server as it sends them."""
    return {path: json.dumps(value).encode() for path, value in SERVERS[name](tokens, seed).items()}


def best(act: Callable[[], object], repeats: int) -> float:
    """Return the least time of the processor that a call took."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        act()
        times.append(time.process_time() - start)
    return min(times)


class Answering(Client):
    """A client that has its answers already."""

    def __init__(self, answers: dict[str, bytes]) -> None:
        super().__init__("localhost")
        self.answers = answers

    def _send(self, method: str, path: str, body: bytes | None) -> bytes:
        del method, body
        return self.answers.get(path, b"{}")


def in_python(answers: dict[str, bytes], repeats: int) -> tuple[float, float]:
    """Return the time of `next`, and of parsing its JSON, in seconds."""
    client = Answering(answers)
    largest = max(answers, key=lambda path: len(answers[path]))
    with Source(server_at(client)) as source:
        source.next("a")
        parsing = best(lambda: client.get(largest), repeats)
        return best(lambda: source.next("a"), repeats), parsing


def replay(name: str, tokens: int, parent: Connection) -> None:
    """Be the server of a model: send its port, and when the last byte of each position is sent."""
    routes = [encoded(name, tokens, seed) for seed in range(POSITIONS)]
    large = max(routes[0], key=lambda path: len(routes[0][path]))
    asked = 0

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._answer()

        def _answer(self) -> None:
            nonlocal asked
            asked += self.path == large
            content = routes[asked % POSITIONS].get(self.path, b"{}")
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            if self.path == large:
                parent.send(time.time())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        parent.send(server.server_port)
        server.serve_forever()


def on_screen(chromium: str, name: str, tokens: int, steps: int) -> list[float]:
    """Return for each step the seconds from the server's last byte to the screen."""
    context = get_context("spawn")
    told, parent = context.Pipe(duplex=False)
    model = context.Process(target=replay, args=(name, tokens, parent), daemon=True)
    model.start()
    times = []
    try:
        address = f"http://127.0.0.1:{told.recv()}"
        with explorer("--server", address, "a") as served, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=list(QUIET))
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.add_init_script(CHANGED)
            page.goto(served.url)
            step = page.get_by_role("button", name="Step", exact=True)
            step.wait_for()
            while told.poll():
                told.recv()
            for _ in range(steps):
                page.evaluate("void (window.next = window.changed())")
                step.click()
                shown = page.evaluate("window.next")
                times.append(shown - told.recv())
            browser.close()
    finally:
        model.terminate()
    return times


def main() -> None:
    """Measure, print the table, and write it as JSON where that is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.connection", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--tokens", type=positive, default=TOKENS, help="of the vocabulary")
    parser.add_argument("--repeats", type=positive, default=7)
    parser.add_argument("--steps", type=positive, default=15, help="of the page")
    parser.add_argument("--json", type=Path, metavar="OUT")
    options = parser.parse_args()
    chromium = find()
    if chromium is None:
        raise SystemExit("no Chromium: run `python -m tools.browsers` to install one")
    table = Table(title=f"A position of {options.tokens:,} tokens, seconds")
    for name in ("server", "next", "JSON", "screen", "longest"):
        table.add_column(name, justify="right")
    report = {}
    for name in SERVERS:
        whole, parsing = in_python(encoded(name, options.tokens, 0), options.repeats)
        screen = on_screen(chromium, name, options.tokens, options.steps)
        cells = (whole, parsing, median(screen), max(screen))
        table.add_row(name, *(f"{seconds:.2f}" for seconds in cells))
        report[name] = {"next": whole, "json": parsing, "screen": screen}
    console = Console(width=None if os.isatty(1) else 130)
    console.print(table)
    console.print(f"load {os.getloadavg()[0]:.1f} over the last minute")
    if options.json:
        options.json.write_text(json.dumps({"tokens": options.tokens, **report}, indent=2) + "\n")


if __name__ == "__main__":
    main()
