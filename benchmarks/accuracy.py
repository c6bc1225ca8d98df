"""The worst error of every kernel, and of the peers, against exact arithmetic.

``python -m benchmarks.accuracy`` computes hard inputs at sizes on both sides of every threshold of
the kernels, in several layouts, with each kernel and level that runs on this processor, and prints
the largest error of a normal number in units in the last place (ulp), that of a number below the
normal ones in its spacings, and where they were found. Exact results are those of
`benchmarks.exact`, which are held to mpmath first. Ends with status 1 if a kernel is off by more
than 2 ulp.

The peers have no temperature: they get logits / T, divided in the precision of the input, as their
users do. What that division costs them is the difference between the rows of T = 1, where there is
none, and of all T.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

import thermoscope as ts
from benchmarks import machine
from benchmarks.exact import Exact, check, exact, precise
from benchmarks.peers import FUNCTIONS, MISSING, PEERS
from thermoscope import kernels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.random import Generator
    from numpy.typing import NDArray

    Array = NDArray[Any]

REACH = 2.0
CHECKED = 0.01  # ulp of a double that exact results may be off mpmath
TEMPERATURES = (1e-4, 0.01, 0.3, 1.0, 7.0, 1e4)
SIZES = (
    *(1, 2, 3, 5, 10, 31, 32, 33, 47, 48, 49, 63, 64, 79, 80, 100, 159, 160),
    *(224, 225, 400, 448, 449, 512, 513, 1000),
    *(2559, 2560, 2561, 5121, 65_535, 65_536, 131_072, 262_144),
)
PEER_SIZES = (10, 1000, 262_144)
ENTRIES = 1 << 14  # in short rows together
PARTS_FROM = 1 << 15  # threads may work a single row in parts from this many entries on


class Input(NamedTuple):
    """Logits that are hard on a softmax in their own way."""

    make: Callable[[Generator, tuple[int, int], np.dtype[Any]], Array]
    # In nats: multiplied by the temperature, so that it is as hard at each.
    nats: bool = False


def normal(mean: float, deviation: float) -> Input:
    """Return logits from a normal distribution."""
    return Input(lambda rng, shape, _: rng.normal(mean, deviation, shape))


def ahead(rest: Callable[[Generator, tuple[int, int]], Array]) -> Input:
    """Return logits in nats of which one, anywhere in its row, is 0 and all others `rest`."""

    def make(rng: Generator, shape: tuple[int, int], _: np.dtype[Any]) -> Array:
        z = rest(rng, shape)
        z[np.arange(shape[0]), rng.integers(shape[1], size=shape[0])] = 0.0
        return z

    return Input(make, nats=True)


def near_ties(rng: Generator, shape: tuple[int, int], dtype: np.dtype[Any]) -> Array:
    """Return logits that are few spacings apart."""
    return 100.0 + rng.integers(-3, 4, shape) * float(np.spacing(dtype.type(100.0)))


def subnormal(rng: Generator, shape: tuple[int, int], dtype: np.dtype[Any]) -> Array:
    """Return logits in nats of which many have a probability below the normal numbers."""
    info = np.finfo(dtype)
    z = rng.uniform(np.log(float(info.smallest_subnormal)), np.log(float(info.tiny)) + 3, shape)
    z[:, rng.integers(shape[1])] = 0.0
    return z


INPUTS = {
    "normal": normal(0, 3),
    "wide": normal(0, 30),
    "offset 1e4": normal(1e4, 3),
    "near ties": Input(near_ties),
    "normal, in nats": normal(0, 3)._replace(nats=True),
    "offset -1e4, in nats": normal(-1e4, 3)._replace(nats=True),
    "ascending": Input(lambda rng, shape, _: np.sort(rng.normal(0, 20, shape)), nats=True),
    "one ahead by 30": ahead(lambda rng, shape: rng.normal(-30, 1, shape)),
    "one ahead by 20 to 36": ahead(
        lambda rng, shape: -rng.uniform(20, 36, (shape[0], 1)) - rng.random(shape)
    ),
    "one ahead of equals": ahead(lambda _, shape: np.full(shape, -11.374259)),
    "half of all for one": ahead(lambda rng, shape: rng.normal(-np.log(shape[1]), 0.5, shape)),
    "subnormal": Input(subnormal, nats=True),
}


class Worst:
    """The largest errors so far, and where they were found."""

    def __init__(self) -> None:
        self.ulp = self.spacings = 0.0
        self.where = self.where_spacings = "-"

    def add(self, want: Exact, got: Array, where: str = "") -> None:
        """Compare results with the exact ones."""
        errors = want.errors(got)
        ulp = float(errors.max(where=want.normal, initial=0.0))
        spacings = float(errors.max(where=~want.normal, initial=0.0))
        if ulp > self.ulp:
            self.ulp, self.where = ulp, where
        if spacings > self.spacings:
            self.spacings, self.where_spacings = spacings, where


def layouts(z: Array) -> Iterator[tuple[str, Array, int, int | None]]:
    """Yield the name, array, axis and number of threads of each way to lay out rows."""
    count, size = z.shape
    yield f"{count:,} rows of {size:,}", z, -1, None
    yield f"{count:,} columns of {size:,}", np.ascontiguousarray(z.T), 0, None
    for threads in (1, 2) if size >= PARTS_FROM else (1,):
        text = f"one row of {size:,}" + f" on {threads} threads" * (threads > 1)
        yield text, z[0], -1, threads


class Run:
    """Everything that was found."""

    def __init__(self) -> None:
        names, peers = machine.kernel_names(), [name for name in PEERS if name != "thermoscope"]
        keys = [(function, dtype) for function in FUNCTIONS for dtype in ("float32", "float64")]
        self.kernels = {(name, *key): Worst() for name in names for key in keys}
        self.peers = {
            (*key, text): {peer: Worst() for peer in peers} for key in keys for text in ("1", "all")
        }
        self.off_mpmath = 0.0

    def add(self, name: str, z: Array, temperature: float) -> None:
        """Compute rows of one input with each kernel, and with the peers if they have that size."""
        if 10 <= z.shape[1] <= 1000:
            self.off_mpmath = max(self.off_mpmath, check(z[0], temperature))
        for function, want in zip(FUNCTIONS, exact(z, temperature), strict=True):
            whole, first = Exact(want, z.dtype), Exact(want[0], z.dtype)
            for text, array, axis, threads in layouts(z):
                judge = first if array.ndim == 1 else whole
                where = f"{name}, {text}, T = {temperature:g}"
                compute = partial(getattr(ts, function), array, temperature, axis=axis)
                for kernel in machine.kernel_names():
                    worst = self.kernels[kernel, function, z.dtype.name]
                    with kernels.use(kernel, threads=threads):
                        got = compute()
                    worst.add(judge, got.T if axis == 0 else got, where)
                    # Unasked, the best kernel is called by a path of its own.
                    if kernel == machine.best_kernel() and not np.array_equal(
                        unasked := compute(), got
                    ):
                        worst.add(judge, unasked.T if axis == 0 else unasked, where)
            if z.shape[1] in PEER_SIZES:
                self._add_peers(function, z, temperature, whole)

    def _add_peers(self, function: str, z: Array, temperature: float, want: Exact) -> None:
        with np.errstate(over="ignore"):
            divided = z / z.dtype.type(temperature)
        for text in ("1", "all") if temperature == 1 else ("all",):
            for peer, worst in self.peers[function, z.dtype.name, text].items():
                call = PEERS[peer](function, divided, -1)
                assert call is not None  # noqa: S101 - all return a new array
                worst.add(want, np.asarray(call()))


def rows(dtype: np.dtype[Any], size: int) -> Iterator[tuple[str, Array, float]]:
    """Yield each input in rows of one size, at each temperature."""
    count = min(max(ENTRIES // size, 3), 1000)
    for position, (name, (make, nats)) in enumerate(INPUTS.items()):
        for temperature in TEMPERATURES:
            z = make(np.random.default_rng([position, size]), (count, size), dtype)
            yield name, (z * temperature if nats else z).astype(dtype), temperature


def kernel_rows(run: Run) -> Iterator[dict[str, Any]]:
    """Yield a row for each kernel, function and dtype."""
    for (kernel, function, dtype), worst in run.kernels.items():
        yield {
            "kernel": kernel,
            "function": function,
            "dtype": dtype,
            "ulp": round(worst.ulp, 3),
            "where": worst.where,
            "spacings": round(worst.spacings, 3),
            "where_spacings": worst.where_spacings,
        }


def peer_rows(run: Run) -> Iterator[dict[str, Any]]:
    """Yield a row for each function and dtype at T = 1 and at all temperatures."""
    for (function, dtype, temperature), peers in run.peers.items():
        ulp = {peer: round(worst.ulp, 2) for peer, worst in peers.items()}
        yield {"function": function, "dtype": dtype, "temperature": temperature, "ulp": ulp}


def show(console: Console, run: Run) -> None:
    """Print a table of the kernels and one of the peers."""
    ours = Table("kernel", "function", "", "ulp", "where", "spacings", "where")
    for row in kernel_rows(run):
        ours.add_row(*(f"{cell:.2f}" if isinstance(cell, float) else cell for cell in row.values()))
    console.print(ours)
    theirs = Table("function", "", "T", *next(iter(run.peers.values())), title="peers, ulp")
    for row in peer_rows(run):
        cells = (f"{ulp:.2f}" if ulp < 1e6 else f"{ulp:.1e}" for ulp in row["ulp"].values())
        theirs.add_row(row["function"], row["dtype"], row["temperature"], *cells)
    console.print(theirs)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--sizes",
        type=machine.positive,
        nargs="+",
        default=SIZES,
        metavar="N",
        help="entries of a row",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what is printed")
    options = parser.parse_args()
    if not precise():
        parser.error("long doubles are no more than doubles here: exact results need x86")
    console = Console(width=140, highlight=False)
    about = machine.about(temperatures=TEMPERATURES, sizes=options.sizes)
    console.print(about["processor"])
    if MISSING:
        console.print(f"left out, not installed: {', '.join(MISSING)}")
    run, start = Run(), perf_counter()
    for dtype in (np.dtype(np.float32), np.dtype(np.float64)):
        for size in options.sizes:
            for name, z, temperature in rows(dtype, size):
                run.add(name, z, temperature)
            print(f"{perf_counter() - start:5.0f} s {dtype} {size:,}", file=sys.stderr)
    show(console, run)
    if options.json:
        machine.write(options.json, about, kernels=kernel_rows(run), peers=peer_rows(run))
    worst = max(worst.ulp for worst in run.kernels.values())
    reached = worst <= REACH and run.off_mpmath <= CHECKED
    console.print(
        f"exact results are off mpmath by {run.off_mpmath:.4f} ulp of a double, <= {CHECKED}; "
        f"kernels by {worst:.2f}, {'reached' if reached else 'not reached'}: <= {REACH:g}"
    )
    sys.exit(not reached)


if __name__ == "__main__":
    main()
