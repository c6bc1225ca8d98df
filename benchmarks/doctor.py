"""How often `doctor` finds each of 12 faults of a server, and how often one that is not there.

``python -m benchmarks.doctor`` diagnoses simulated servers: for each fault, and for none, many with
other models and other seeds. The servers are those of ``tests/simulated_server.py``, asked in this
process: llama.cpp's, which report all tokens, or with ``--few`` vLLM's, which report 20. Found is a
fault where a check that is about it says "wrong"; a false alarm is any "wrong" of a server without
a fault.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, cast

from rich.console import Console
from rich.progress import track

from benchmarks.machine import positive
from tests.simulated_server import (
    FAULTS,
    FAULTS_OF_VLLM,
    SimulatedServer,
    SimulatedVLLM,
    Transport,
)
from thermoscope.connection.client import Client
from thermoscope.connection.servers import server_at
from thermoscope.connection.source import Source
from thermoscope.diagnosis import REQUESTS, Visit

NONE: Final = "none"
FEW: Final = 20
"""The log-probabilities that vLLM reports where nothing else is set."""


def diagnose(model: int, fault: str, *, few: bool = False) -> dict[str, Any]:
    """Diagnose one server: what it found, and what it took."""
    known = None if fault == NONE else fault
    server = SimulatedVLLM(known, model, FEW) if few else SimulatedServer(known, model)
    transport = cast("Client", Transport(server))
    visit = Visit(Source(server_at(transport)), seed=model)
    visit.run()
    diagnosis = visit.diagnosis()
    return {
        "wrong": [finding.check for finding in diagnosis.of("wrong")],
        "not known": [finding.check for finding in diagnosis.of("not known")],
        "requests": server.requests,
    }


def summary(fault: str, visits: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the shares of all visits to servers with a fault."""
    own = set(FAULTS.get(fault, "").split(", "))
    requests = sorted(visit["requests"] for visit in visits)
    mean = sum(requests) / len(requests)
    return {
        "found": sum(bool(own.intersection(visit["wrong"])) for visit in visits) / len(visits),
        "alarms": sum(bool(visit["wrong"]) for visit in visits) / len(visits),
        "not known": sum(len(visit["not known"]) for visit in visits) / len(visits),
        "requests": mean,
        "most requests": requests[-1],
    }


def table(results: dict[str, Any]) -> str:
    """Return the table of the docs."""
    rows = ["| fault | found | requests, mean | requests, most |", "|---|---|---|---|"]
    for fault, result in results.items():
        found = (
            f"{result['alarms']:.0%} false alarms" if fault == NONE else f"{result['found']:.0%}"
        )
        found = found.replace("%", " %")
        rows.append(f"| {fault} | {found} | {result['requests']:.0f} | {result['most requests']} |")
    return "\n".join([*rows, ""])


def main() -> None:
    """Diagnose, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.doctor", description=__doc__)
    parser.add_argument("--runs", type=positive, default=100, help="servers for each (default 100)")
    parser.add_argument("--few", action="store_true", help=f"vLLM's, which report {FEW} tokens")
    parser.add_argument("--jobs", type=positive, default=2, help="processes (default 2)")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the results as JSON")
    options = parser.parse_args()
    results = {}
    # A fork would copy the threads of libraries that are loaded here, and their locks.
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        for fault in (NONE, *(FAULTS_OF_VLLM if options.few else FAULTS)):
            work = partial(diagnose, fault=fault, few=options.few)
            ahead = pool.map(work, range(options.runs), chunksize=5)
            console = Console(stderr=True)
            visits = [*track(ahead, fault, total=options.runs, console=console)]
            results[fault] = summary(fault, visits)
    print(table(results), end="")
    good = results[NONE]["alarms"] <= 0.01 and all(
        result["found"] >= 0.95 for fault, result in results.items() if fault != NONE
    )
    most = max(result["most requests"] for result in results.values())
    kept = "kept" if good and most <= REQUESTS else "not kept"
    print(f"at least 95 % found, at most 1 % false alarms, at most {REQUESTS} requests: {kept}")
    if options.json is not None:
        document = {"options": {"runs": options.runs}, "results": results}
        options.json.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
