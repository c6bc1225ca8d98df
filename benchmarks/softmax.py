"""Throughput of softmax beside its peers, in one run, on the same arrays.

``python -m benchmarks.softmax`` starts one process that may use one core and one that may use two.
Each goes through the shapes; at each, all contenders take short turns, round after round, so that a
busy spell of the machine meets every one of them. Figures are medians of the turns: 10 ** 9
elements per second, and for the array of 10 microseconds a call. The last two columns are medians
of what the others took in a round, relative to what ours took in the same round: of the peer that
comes off best, and of a plain copy, which is the measure of what the memory allows.
The temperature is 1, for which the peers, who have none, need no division. numba is loaded before
anything is measured, by a call on an array large enough for it.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.peers import MISSING, PEERS
from thermoscope import softmax
from thermoscope.kernels import FUSED_FROM, thread_count

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchmarks.peers import Call

SHAPES = (
    ((10,), -1),
    ((1000, 10), -1),
    ((1_000_000, 10), -1),
    ((50_000, 1000), -1),
    ((1, 131_072), -1),
    ((64, 131_072), -1),
    ((8, 50_257), -1),
    ((4096, 4096), 0),
)
THREADS = (1, 2)
TURN = 0.01  # seconds that a contender's turn lasts at least, or one call
# Seconds before a turn in which the last contender's threads, where there are some, stop to spin.
PAUSE = 0.05


def copy(z: NDArray[Any], axis: int, *, given: bool) -> Call:  # noqa: ARG001
    """Copy with as many threads as the others have."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    source, parts = z.reshape(-1), thread_count() if z.size > 1 << 20 else 1
    target = np.zeros_like(source)
    if parts == 1:
        return lambda: np.copyto(target, source)
    pool = ThreadPoolExecutor(parts)
    cuts = [slice(z.size * k // parts, z.size * (k + 1) // parts) for k in range(parts)]

    def run() -> None:
        list(pool.map(lambda cut: np.copyto(target[cut], source[cut]), cuts))

    return run


def contenders(z: NDArray[Any], axis: int) -> dict[tuple[str, bool], Call]:
    """Return a call of each, by its name and whether it is given the result array."""
    calls = {}
    for name, peer in {**PEERS, "copy": copy}.items():
        for given in (True, False):
            call = peer(z, axis, given=given)
            if call is not None and (given or name != "copy"):
                calls[name, given] = call
    return calls


def measure(repeats: int, match: str) -> None:
    """Measure in this process and print one line of JSON for each shape, dtype and contender."""
    softmax(np.zeros(FUSED_FROM))
    for dtype, (shape, axis) in itertools.product((np.float32, np.float64), SHAPES):
        if match not in f"{dtype.__name__} {shape}":
            continue
        z = np.random.default_rng(0).normal(0, 3, shape).astype(dtype)
        calls = contenders(z, axis)
        times: dict[tuple[str, bool], list[float]] = {key: [] for key in calls}
        counts = {}
        for key, call in calls.items():
            call()  # compiles, where there is something to compile
            counts[key] = max(1, int(TURN / seconds(call, 1)))
        for _ in range(repeats):
            for key, call in calls.items():
                if thread_count() > 1:
                    sleep(PAUSE)
                    # As much again, in which its own wake up and a virtual machine gives each a
                    # core again, does not count.
                    seconds(call, counts[key])
                times[key].append(seconds(call, counts[key]))
        for (name, given), turns in times.items():
            row = [dtype.__name__, shape, name, given, z.size, turns]
            print(json.dumps(row), flush=True)


def seconds(call: Call, count: int) -> float:
    """Return how long one of so many calls in a row takes."""
    start = perf_counter()
    for _ in range(count):
        call()
    return (perf_counter() - start) / count


def child(threads: int, repeats: int, match: str) -> list[list[Any]]:
    """Measure in a process that has so many cores."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    cores = ",".join(map(str, sorted(os.sched_getaffinity(0))[:threads]))
    command = ["taskset", "--cpu-list", cores, sys.executable, "-m", "benchmarks.softmax"]
    command += ["--child", "--repeats", str(repeats), "--match", match]
    rows = []
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        for line in process.stdout:
            rows.append(json.loads(line))
            if sys.stderr.isatty():
                print(f"\x1b[K{threads} threads: {rows[-1][:3]}", end="\r", file=sys.stderr)
    if process.returncode:
        raise SystemExit(process.returncode)
    return rows


def figure(size: int, turns: list[float]) -> str:
    """Write the median of times as what the table's row counts in."""
    median = statistics.median(turns)
    return f"{1e6 * median:.2f} us" if size <= 10 else f"{size / median / 1e9:.3f}"


def relative(turns: list[float], ours: list[float]) -> float:
    """Return how many times as long turns took as ours of the same round, the median."""
    return statistics.median(a / b for a, b in zip(turns, ours, strict=True))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.softmax", description=__doc__)
    parser.add_argument(
        "--repeats", type=int, default=50, help="turns of each contender (default 50)"
    )
    parser.add_argument("--match", default="", help="only where it is in 'float32 (50000, 1000)'")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        measure(options.repeats, options.match)
        return
    if MISSING:
        print(f"left out, not installed: {', '.join(MISSING)}")
    names = [*PEERS, "copy"]
    for threads in THREADS:
        rows = child(threads, options.repeats, options.match)
        table = Table(
            "",
            "shape",
            "result",
            *names,
            "first",
            "of a copy",
            title=f"{threads} thread{'s' * (threads > 1)}: 10^9 elements/s, or us a call",
        )
        cells: dict[tuple[str, str, bool], dict[str, tuple[int, list[float]]]] = {}
        for dtype, shape, name, given, size, turns in rows:
            cells.setdefault((dtype, str(tuple(shape)), given), {})[name] = (size, turns)
        for (dtype, shape, given), cell in cells.items():
            ours = cell["thermoscope"][1]
            peers = [cell[name][1] for name in PEERS if name in cell and name != "thermoscope"]
            copied = cells[dtype, shape, True]["copy"][1]
            table.add_row(
                dtype,
                shape,
                "given" if given else "new",
                *(figure(*cell[name]) if name in cell else "-" for name in names),
                f"{min(relative(turns, ours) for turns in peers):.2f}",
                f"{relative(copied, ours):.2f}",
            )
        Console(width=180).print(table)


if __name__ == "__main__":
    main()
