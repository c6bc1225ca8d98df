"""Time ``import thermoscope`` against ``import numpy``, each in fresh interpreters.

``python -m benchmarks.imports`` starts one interpreter after the other, the two imports taking
turns so that a busy spell of the machine meets both, and prints the medians. What is timed is the
import statement alone.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys

MODULES = ("numpy", "thermoscope")
REACH = 1.2

TIMED = """
from time import perf_counter
start = perf_counter()
import {}
print(perf_counter() - start)
"""


def seconds(module: str) -> float:
    """Return how long one import takes in an interpreter of its own."""
    command = [sys.executable, "-c", TIMED.format(module)]
    # An installed package has its bytecode; here Python may have been told to keep none.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(command, capture_output=True, check=True, text=True, env=environment)
    return float(done.stdout)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.imports")
    parser.add_argument("--repeats", type=int, default=40)
    repeats = parser.parse_args().repeats
    for module in MODULES:
        seconds(module)  # the files are in the cache of the system from here on
    times: dict[str, list[float]] = {module: [] for module in MODULES}
    for _ in range(repeats):
        for module in MODULES:
            times[module].append(seconds(module))
    medians = {module: 1000 * statistics.median(times[module]) for module in MODULES}
    for module, median in medians.items():
        print(f"import {module:<12} {median:7.1f} ms, the median of {repeats}")
    ratio = medians["thermoscope"] / medians["numpy"]
    print(f"ratio {ratio:.2f}, {'reached' if ratio <= REACH else 'not reached'}: <= {REACH}")


if __name__ == "__main__":
    main()
