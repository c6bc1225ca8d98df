"""Throughput of softmax and log_softmax beside their peers, in one run, on the same arrays.

``python -m benchmarks.softmax`` starts four processes that may use one core and four that may use
two. Each goes through the functions, dtypes and shapes; at each, all contenders take short turns,
round after round and each time in another order, so that a busy spell of the machine meets every
one of them. Where the system puts an array makes a difference of up to 50 % on virtual machines:
results that are "given" are all written to one array, and "new" ones, which lie where each library
puts them, are the reason for several processes. Figures are means of the middle half of the turns,
since a processor's clock may have two rates, between which a median jumps: 10 ** 9 entries per
second, and for the array of 10 microseconds per call. The last two columns are such means of ratios
within one round: the time of the best peer, and of a plain copy, which is the measure of what the
memory allows, relative to ours.

The temperature is 1, where the peers, which have none, need no division. ``--kernel native-v3``
measures another level than the best one; given twice, the first is compared with the peers and the
second has a column beside it. ``--json`` writes what `tools.tables` makes the tables of the docs
from. At its default of turns the whole run takes about 50 minutes.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import machine
from benchmarks.peers import FUNCTIONS, MISSING, PEERS
from thermoscope import kernels

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

    from benchmarks.peers import Call

SHAPES = (
    ((10,), -1),
    ((1000, 10), -1),
    ((1_000_000, 10), -1),
    ((10_000, 100), -1),
    ((10_000, 400), -1),
    ((50_000, 1000), -1),
    ((1, 131_072), -1),
    ((64, 131_072), -1),
    ((8, 50_257), -1),
    ((4096, 4096), 0),
)
THREADS = (1, 2)
RESULTS = ("given", "new")
PROCESSES = 4  # of each number of threads, if there are as many turns
REPEATS = 32
TURN = 0.01  # seconds that a turn lasts at least, or one call
# Seconds before a turn in which the threads of the last contender, where it has some, stop to spin.
PAUSE = 0.05
# A call that takes longer, in seconds, needs no calls before it that wake its threads.
LONG = 0.1
# Arrays of up to this many entries are timed per call. Inside of `kernels.use` a call takes some
# microseconds more, so levels are not compared on these.
SMALL = 10


class Case(NamedTuple):
    """What all contenders compute."""

    function: str
    dtype: str
    shape: tuple[int, ...]
    axis: int

    def __str__(self) -> str:
        """Return the text that ``--match`` looks into."""
        return f"{self.function} {self.dtype} {self.shape}"

    @classmethod
    def of(cls, row: dict[str, Any]) -> Case:
        """Return the case that a row of results is of."""
        return cls(row["function"], row["dtype"], tuple(row["shape"]), row["axis"])


class Contender(NamedTuple):
    """A call, and the kernel it takes its turns with: None for the one that is taken unasked."""

    call: Call
    kernel: str | None = None

    def using(self) -> AbstractContextManager[None]:
        """Return the context of a turn."""
        return kernels.use(self.kernel) if self.kernel else nullcontext()


def cases(functions: list[str], match: str) -> list[Case]:
    """Return the cases of some functions that have `match` in their text."""
    every = itertools.product(functions, ("float32", "float64"), SHAPES)
    made = (Case(function, dtype, *shape) for function, dtype, shape in every)
    return [case for case in made if match in str(case)]


def copy(z: NDArray[Any], out: NDArray[Any]) -> Call:
    """Copy on as many threads as the others have."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    source, target = z.reshape(-1), out.reshape(-1)
    parts = kernels.thread_count() if z.size > 1 << 20 else 1
    if parts == 1:
        return lambda: np.copyto(target, source)
    pool = ThreadPoolExecutor(parts)
    cuts = [slice(z.size * k // parts, z.size * (k + 1) // parts) for k in range(parts)]

    def run() -> None:
        list(pool.map(lambda cut: np.copyto(target[cut], source[cut]), cuts))

    return run


def contenders(case: Case, asked: list[str]) -> dict[tuple[str, str], Contender]:
    """Return the contenders by name and result, "given" or "new".

    The first of the kernels `asked`, or the one that is taken unasked, is "thermoscope"; the others
    bear the names of their kernels.
    """
    z = np.random.default_rng(0).normal(0, 3, case.shape).astype(case.dtype)
    out = np.zeros_like(z)
    first = asked[0] if asked and asked[0] != machine.best_kernel() else None
    names = {name: (name, first if name == "thermoscope" else None) for name in PEERS}
    if z.size > SMALL:
        names |= {kernel: ("thermoscope", kernel) for kernel in asked[1:]}
    made = {}
    for (name, (peer, kernel)), result in itertools.product(names.items(), RESULTS):
        call = PEERS[peer](case.function, z, case.axis, out if result == "given" else None)
        if call is not None:
            made[name, result] = Contender(call, kernel)
    made["copy", "given"] = Contender(copy(z, out))
    return made


def measure(every: list[Case], repeats: int, asked: list[str]) -> Iterator[dict[str, Any]]:
    """Measure in this process and yield the seconds of each turn, case by case."""
    for case in every:
        made = contenders(case, asked)
        turns: dict[str, dict[str, list[float]]] = {result: {} for result in RESULTS}
        counts, warming = {}, {}
        for key, contender in made.items():
            with contender.using():
                contender.call()  # compiles, where there is something to compile
                once = seconds(contender.call, 1)
            counts[key] = max(1, int(TURN / once))
            warming[key] = kernels.thread_count() > 1 and once < LONG
        for _ in range(repeats):
            # What the one before leaves in the caches makes some 20 %.
            for name, result in random.sample(list(made), len(made)):
                contender, count = made[name, result], counts[name, result]
                if kernels.thread_count() > 1:
                    sleep(PAUSE)
                with contender.using():
                    # Calls that do not count: in these the contender's threads wake up, and a
                    # virtual machine gives each of them a core again.
                    if warming[name, result]:
                        seconds(contender.call, count)
                    took = seconds(contender.call, count)
                turns[result].setdefault(name, []).append(took)
        yield {**case._asdict(), "turns": turns}


def seconds(call: Call, count: int) -> float:
    """Return how long one call takes, the mean of `count` in a row."""
    start = perf_counter()
    for _ in range(count):
        call()
    return (perf_counter() - start) / count


def child(threads: int, arguments: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the measurements of a process on a given number of cores."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    cores = ",".join(map(str, sorted(os.sched_getaffinity(0))[:threads]))
    command = ["taskset", "--cpu-list", cores, sys.executable, "-m", "benchmarks.softmax"]
    command += ["--child", *arguments]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        yield from map(json.loads, process.stdout)
    if process.returncode:
        raise SystemExit(process.returncode)


def join(measured: dict[str, Any], more: dict[str, Any]) -> None:
    """Add the turns of one more process to those of the others."""
    for result, turns in more["turns"].items():
        for name, seconds in turns.items():
            measured["turns"][result][name] += seconds


def summary(threads: int, measured: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a row for each result, "given" and "new": the middle of the turns, and of ratios."""
    copied = measured["turns"]["given"]["copy"]
    for result, turns in measured["turns"].items():
        ours = turns["thermoscope"]
        ratios = {
            name: middle([a / b for a, b in zip(peer, ours, strict=True)])
            for name, peer in {**turns, "copy": copied}.items()
        }
        best = min(ratios.keys() & PEERS.keys() - {"thermoscope"}, key=ratios.__getitem__)
        yield {
            "threads": threads,
            **{key: measured[key] for key in Case._fields},
            "result": result,
            "seconds": {name: rounded(middle(turns[name])) for name in turns},
            "best_peer": best,
            "first": rounded(ratios[best]),
            "of_copy": rounded(ratios["copy"]),
        }


def middle(numbers: list[float]) -> float:
    """Return the mean of the middle half."""
    cut = len(numbers) // 4
    return statistics.fmean(sorted(numbers)[cut : len(numbers) - cut])


def rounded(number: float) -> float:
    """Return four significant digits: more would be noise."""
    return float(f"{number:.4g}")


def figure(size: int, took: float | None) -> str:
    """Return the text of a time: microseconds per call of small arrays, else entries."""
    if took is None:
        return "-"
    return f"{1e6 * took:.2f} us" if size <= SMALL else f"{size / took / 1e9:.3f}"


def show(console: Console, rows: list[dict[str, Any]]) -> None:
    """Print a table for each function and number of threads, and how many cells are first."""
    seen = dict.fromkeys(name for row in rows for name in row["seconds"])
    names = ["thermoscope", *(seen.keys() - PEERS.keys() - {"copy"}), *list(PEERS)[1:], "copy"]
    for function, threads in itertools.product(FUNCTIONS, THREADS):
        group = [row for row in rows if (row["function"], row["threads"]) == (function, threads)]
        title = f"{function}, {threads} thread{'s' * (threads > 1)}: 10^9 entries/s, or us per call"
        table = Table("", "shape", "result", *names, "first", "of a copy", title=title)
        for row in group:
            size = int(np.prod(row["shape"]))
            table.add_row(
                row["dtype"],
                str(tuple(row["shape"])),
                row["result"],
                *(figure(size, row["seconds"].get(name)) for name in names),
                f"{row['first']:.2f}",
                f"{row['of_copy']:.2f}",
            )
        if group:
            console.print(table)
    first = sum(row["first"] >= 1 for row in rows)
    least = min(rows, key=lambda row: row["first"])
    console.print(f"first in {first} of {len(rows)} cells, the closest:", highlight=False)
    console.print(
        f"{least['first']:.2f} of {least['best_peer']}, {Case.of(least)}, {least['result']},"
        f" threads: {least['threads']}",
        highlight=False,
    )


def parse() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.softmax",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--repeats",
        type=machine.positive,
        default=REPEATS,
        help=f"turns of each contender in up to {PROCESSES} processes (default {REPEATS})",
    )
    parser.add_argument(
        "--function", choices=[*FUNCTIONS, "both"], default="both", help="(default both)"
    )
    parser.add_argument("--match", default="", help="only where it is in 'float32 (50000, 1000)'")
    parser.add_argument(
        "--kernel",
        action="append",
        default=[],
        choices=machine.kernel_names(),
        help="the kernel or level (default the best); once more for a column beside it",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write times and ratios")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.functions = list(FUNCTIONS) if options.function == "both" else [options.function]
    options.cases = cases(options.functions, options.match)
    if not options.cases:
        parser.error(
            f"no case has {options.match!r} in it, as {cases(['softmax'], '')[0]} has (10,)"
        )
    return options


def main() -> None:
    """Measure and print."""
    options = parse()
    if options.child:
        for measured in measure(options.cases, options.repeats, options.kernel):
            print(json.dumps(measured), flush=True)
        return
    kernel = options.kernel[0] if options.kernel else machine.best_kernel()
    about = machine.about(kernel=kernel, repeats=options.repeats)
    console = Console(width=180)
    console.print(f"{about['processor']}, {about['cores']} cores, kernel {kernel}", highlight=False)
    if MISSING:
        console.print(f"left out, not installed: {', '.join(MISSING)}", highlight=False)
    processes = min(PROCESSES, options.repeats)
    turns = -(-options.repeats // processes)
    arguments = ["--repeats", str(turns), "--function", options.function]
    arguments += ["--match", options.match]
    arguments += [word for name in options.kernel for word in ("--kernel", name)]
    every: dict[tuple[int, Case], dict[str, Any]] = {}
    start, total = perf_counter(), processes * len(THREADS) * len(options.cases)
    done = itertools.count(1)
    for _, threads in itertools.product(range(processes), THREADS):
        for measured in child(threads, arguments):
            case = Case.of(measured)
            if (threads, case) in every:
                join(every[threads, case], measured)
            else:
                every[threads, case] = measured
            minutes, rest = divmod(int(perf_counter() - start), 60)
            progress = f"{minutes:3}:{rest:02d} {next(done)}/{total} on {threads}:"
            print(progress, case, file=sys.stderr)
    ordered = sorted(every.items(), key=lambda item: item[0][0])
    rows = [row for (threads, _), measured in ordered for row in summary(threads, measured)]
    show(console, rows)
    if options.json:
        machine.write(options.json, about, rows=rows)


if __name__ == "__main__":
    main()
