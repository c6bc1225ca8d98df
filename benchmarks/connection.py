"""Say how long `next` takes for a whole vocabulary, without what the server needs.

``python -m benchmarks.connection`` answers from memory what llama.cpp and vLLM would send for one
position, and asks for it several times.

How it measures
---------------
next
    `Source.next`, from the last byte of the answer to the `Reported`: no byte goes over a network,
    the JSON is parsed and its reader runs. The texts of tokens that vLLM is asked for once each
    are known.
JSON
    `json.loads` of the same bytes alone, which is a part of it.

Both are times of the processor, so that other programs count for little; the best of a few.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from rich.console import Console
from rich.table import Table

import thermoscope as ts
from thermoscope.connection.client import Client
from thermoscope.connection.servers import server_at
from thermoscope.connection.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable

TOKENS: Final = 151_936


def position(tokens: int) -> tuple[list[int], list[float]]:
    """Return tokens from the likeliest on, and the log-probability of each in float32."""
    logits = np.random.default_rng(1).normal(0, 3, tokens)
    logprobs = np.asarray(ts.log_softmax(logits)).astype(np.float32).astype(np.float64)
    order = np.argsort(-logprobs)
    return order.tolist(), logprobs[order].tolist()


def llama_cpp(tokens: int) -> dict[str, Any]:
    """Return the routes of llama.cpp that are asked."""
    top = [
        {"id": at, "token": f" {at}", "bytes": list(f" {at}".encode()), "logprob": logprob}
        for at, logprob in zip(*position(tokens), strict=True)
    ]
    return {
        "/v1/models": {"data": [{"id": "m", "owned_by": "llamacpp", "meta": {"n_vocab": tokens}}]},
        "/tokenize": {"tokens": [{"id": 1, "piece": "\n"}]},
        "/completion": {"completion_probabilities": [{**top[0], "top_logprobs": top}]},
    }


def vllm(tokens: int) -> dict[str, Any]:
    """Return the routes of vLLM that are asked."""
    order, logprobs = position(tokens)
    columns = {
        "tokens": [f"token_id:{order[0]}"],
        "token_logprobs": logprobs[:1],
        "top_logprobs": [
            {f"token_id:{at}": value for at, value in zip(order, logprobs, strict=True)}
        ],
    }
    return {
        "/v1/models": {"data": [{"id": "m", "owned_by": "vllm"}]},
        "/tokenize": {"tokens": [1]},
        "/detokenize": {"prompt": "a b"},
        "/v1/completions": {"choices": [{"logprobs": columns}]},
    }


def best(act: Callable[[], object], repeats: int) -> float:
    """Return the least time of the processor that a call took."""
    times = []
    for _ in range(repeats):
        start = process_time()
        act()
        times.append(process_time() - start)
    return min(times)


class Answering(Client):
    """A client that has its answers already."""

    def __init__(self, routes: dict[str, Any]) -> None:
        super().__init__("localhost")
        self.answers = {path: json.dumps(value).encode() for path, value in routes.items()}

    def _send(self, method: str, path: str, body: bytes | None) -> bytes:
        del method, body
        return self.answers.get(path, b"{}")


def measure(routes: dict[str, Any], repeats: int) -> tuple[float, float]:
    """Return the time of `next`, and of parsing its JSON, in seconds."""
    client = Answering(routes)
    largest = max(client.answers.values(), key=len)
    with Source(server_at(client)) as source:
        source.next("a")
        parsing = best(lambda: json.loads(largest), repeats)
        return best(lambda: source.next("a"), repeats), parsing


def main() -> None:
    """Measure, print the table, and write it as JSON where that is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.connection", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--tokens", type=int, default=TOKENS, help="of the vocabulary")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", type=Path, metavar="OUT")
    options = parser.parse_args()
    table = Table(title=f"A position of {options.tokens:,} tokens, seconds")
    for name in ("server", "next", "JSON alone"):
        table.add_column(name, justify="right")
    report = {}
    for name, routes in (("llama.cpp", llama_cpp), ("vLLM", vllm)):
        whole, parsing = measure(routes(options.tokens), options.repeats)
        table.add_row(name, f"{whole:.2f}", f"{parsing:.2f}")
        report[name] = {"next": whole, "json": parsing}
    console = Console(width=None if os.isatty(1) else 130)
    console.print(table)
    console.print(f"load {os.getloadavg()[0]:.1f} over the last minute")
    if options.json:
        options.json.write_text(json.dumps({"tokens": options.tokens, **report}, indent=2) + "\n")


if __name__ == "__main__":
    main()
