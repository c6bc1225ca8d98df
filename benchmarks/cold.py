"""What a new process pays: imports, first calls, ten numbers, and the command line as a whole.

``python -m benchmarks.cold`` starts one process after the other, all contenders taking turns so
that a busy spell of the machine meets every one of them, and prints medians: of each library, the
seconds of its import and of the first softmax of 1000 x 1000 float32 after it (for ONNX Runtime
with loading the model, for JAX with compiling); the import of thermoscope beside that of NumPy; ten
numbers from the first call on; and ``thermoscope softmax`` of a file with one row of GPT-2's
vocabulary, from the start of the process to its end.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import machine
from benchmarks.peers import MISSING, PEERS, model

REPEATS = 20
SHAPE = (1000, 1000)
VOCABULARY = 50_257
# Targets (DESIGN, section 7): a ratio, milliseconds, seconds, and microseconds.
IMPORT, FIRST, COMMAND, TEN = 1.2, 50.0, 0.6, {"given": 0.35, "new": 0.6}
# Timed with ten numbers: ours, and a call of NumPy that tells how fast the machine is just now.
TEN_CALLS = {
    "given": "ts.softmax(z, out=out)",
    "new": "ts.softmax(z)",
    "NumPy's exp, given": "np.exp(z, out=out)",
}
CALLS = 100  # of ten numbers, in one turn
TURNS = 50

# What each library imports, and the call on `z` that is timed. `path` is that of an ONNX model.
SNIPPETS = {
    "thermoscope": ("import thermoscope", "thermoscope.softmax(z)"),
    "numpy": (
        "import numpy",
        "e = numpy.exp(z - z.max(-1, keepdims=True)); e / e.sum(-1, keepdims=True)",
    ),
    "scipy": ("from scipy.special import softmax", "softmax(z, axis=-1)"),
    "torch": ("import torch", "torch.softmax(torch.from_numpy(z), -1)"),
    "jax": ("import jax", "jax.nn.softmax(z, -1).block_until_ready()"),
    "onnxruntime": (
        "import onnxruntime",
        "session = onnxruntime.InferenceSession(path); session.run(None, {'z': z})",
    ),
}
FIRST_CALL = """
from time import perf_counter
start = perf_counter()
{imports}
imported = perf_counter()
import numpy as np
z = np.random.default_rng(0).normal(0, 3, {shape}).astype(np.float32)
path = {path!r}
before = perf_counter()
{call}
print([imported - start, perf_counter() - before])
"""
TEN_NUMBERS = """
from time import perf_counter
import numpy as np
import thermoscope as ts
z = np.random.default_rng(0).normal(0, 3, 10).astype(np.float32)
out = np.zeros_like(z)
def seconds(count):
    start = perf_counter()
    for _ in range(count):
        {call}
    return (perf_counter() - start) / count
print([seconds(1), *(seconds({calls}) for _ in range({turns}))])
"""


def run(*command: str) -> tuple[str, float]:
    """Run a command and return what it prints and the seconds it took."""
    # An installed package has its bytecode; here Python may have been told to keep none.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    start = perf_counter()
    done = subprocess.run(command, capture_output=True, check=True, text=True, env=environment)
    return done.stdout, perf_counter() - start


def python(source: str) -> Any:
    """Run Python source in a new process and return what it prints as JSON."""
    return json.loads(run(sys.executable, "-c", source)[0])


def median(numbers: list[float]) -> float:
    """Return the median, of four significant digits."""
    return float(f"{statistics.median(numbers):.4g}")


def measure(folder: Path) -> dict[str, float]:
    """Return the seconds of everything, each in a process of its own."""
    path, row = folder / "softmax.onnx", folder / "row.npy"
    seconds = {}
    for name in PEERS:
        imports, call = SNIPPETS[name]
        source = FIRST_CALL.format(imports=imports, call=call, shape=SHAPE, path=str(path))
        seconds[f"import {name}"], seconds[f"first {name}"] = python(source)
    for result, call in TEN_CALLS.items():
        first, *turns = python(TEN_NUMBERS.format(calls=CALLS, turns=TURNS, call=call))
        seconds[f"ten {result} 1"] = first
        seconds[f"ten {result} early"] = turns[0]
        seconds[f"ten {result} later"] = statistics.median(turns[1:])
    seconds["python"] = run(sys.executable, "-c", "pass")[1]
    seconds["command"] = run(sys.executable, "-m", "thermoscope", "softmax", str(row))[1]
    return seconds


def prepare(folder: Path) -> None:
    """Write the files that processes read."""
    rng = np.random.default_rng(0)
    np.save(folder / "row.npy", rng.normal(0, 3, VOCABULARY).astype(np.float32))
    if "onnxruntime" in PEERS:
        written = model("softmax", np.dtype(np.float32), SHAPE, -1)
        (folder / "softmax.onnx").write_bytes(written)


def summary(rounds: list[dict[str, float]]) -> dict[str, list[dict[str, Any]]]:
    """Return medians of the rounds, as tables."""
    medians = {key: median([seconds[key] for seconds in rounds]) for key in rounds[0]}
    ratios = [seconds["import thermoscope"] / seconds["import numpy"] for seconds in rounds]
    return {
        "libraries": [
            {
                "library": name,
                "import": medians[f"import {name}"],
                "first": medians[f"first {name}"],
            }
            for name in PEERS
        ],
        "ten": [
            {
                "result": result,
                "first_call": medians[f"ten {result} 1"],
                "first_calls": medians[f"ten {result} early"],
                "later_calls": medians[f"ten {result} later"],
            }
            for result in TEN_CALLS
        ],
        "processes": [
            {"process": "python -c pass", "seconds": medians["python"]},
            {"process": "thermoscope softmax row.npy", "seconds": medians["command"]},
        ],
        "ratios": [{"import": "thermoscope", "of": "numpy", "ratio": median(ratios)}],
    }


def show(console: Console, tables: dict[str, list[dict[str, Any]]]) -> None:
    """Print a measurement and whether it reaches its target."""
    table = Table("new process", "import, ms", "first softmax of 1000 x 1000, ms")
    for row in tables["libraries"]:
        table.add_row(row["library"], *(f"{1e3 * row[key]:.1f}" for key in ("import", "first")))
    console.print(table)
    table = Table("ten numbers", "first call, us", f"the {CALLS} after it", "later")
    for row in tables["ten"]:
        keys = ("first_call", "first_calls", "later_calls")
        table.add_row(row["result"], *(f"{1e6 * row[key]:.2f}" for key in keys))
    console.print(table)
    for row in tables["processes"]:
        console.print(f"{row['process']}: {row['seconds']:.3f} s")
    ours = tables["libraries"][0]
    reached = {
        "import thermoscope / import numpy, ratio": (tables["ratios"][0]["ratio"], IMPORT),
        "first softmax, ms": (1e3 * ours["first"], FIRST),
        "thermoscope softmax of a row, s": (tables["processes"][1]["seconds"], COMMAND),
    }
    for row in tables["ten"]:
        if row["result"] in TEN:
            name = f"ten numbers, {row['result']}, the first {CALLS}, us"
            reached[name] = (1e6 * row["first_calls"], TEN[row["result"]])
    for name, (value, bound) in reached.items():
        said = "reached" if value <= bound else "not reached"
        console.print(f"{name}: {value:.2f}, {said}: <= {bound:g}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cold",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--repeats",
        type=machine.positive,
        default=REPEATS,
        help=f"processes of each (default {REPEATS})",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the medians")
    options = parser.parse_args()
    console = Console(width=120, highlight=False)
    about = machine.about(repeats=options.repeats)
    console.print(f"{about['processor']}, {about['cores']} cores, kernel {about['kernel']}")
    if MISSING:
        console.print(f"left out, not installed: {', '.join(MISSING)}")
    rounds = []
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        for done in range(options.repeats + 1):
            rounds.append(measure(Path(folder)))
            print(f"round {done} of {options.repeats}", file=sys.stderr)
    # The first round brings the files into the system's cache.
    tables = summary(rounds[1:])
    show(console, tables)
    if options.json:
        machine.write(options.json, about, **tables)


if __name__ == "__main__":
    main()
