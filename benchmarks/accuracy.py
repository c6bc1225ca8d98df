"""The worst error of softmax beside its peers', on the same inputs, against exact arithmetic.

``python -m benchmarks.accuracy`` computes every input with each library and with mpmath in 50
digits, and prints the largest error of a normal number
in units in the last place (ulp). The peers have no temperature: they get logits / T, divided in
the precision of the input, as their users do; what that division alone costs them is in the table
too, by the rows of T = 1, where there is none.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
from rich.console import Console
from rich.table import Table

import thermoscope as ts
from benchmarks.peers import MISSING, PEERS
from thermoscope import kernels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

TEMPERATURES = (1e-4, 0.01, 0.3, 1.0, 7.0, 1e4)


def inputs(dtype: type) -> dict[str, Array]:
    """Return rows of logits that are hard on a softmax, each in its own way."""
    rng = np.random.default_rng(0)
    spacing = np.spacing(dtype(100.0))
    rows = {
        "normal, 1000 lanes": rng.normal(0, 3, 1000),
        "wide spread": rng.normal(0, 30, 1000),
        "large common offset": 1e4 + rng.normal(0, 3, 1000),
        "near ties": 100.0 + rng.integers(-3, 4, 1000) * spacing,
        "one dominant lane": np.append(rng.normal(-30, 1, 999), 0.0),
        "262,144 lanes": rng.normal(0, 3, 262_144),
        "262,144 lanes, one ahead": np.append(np.full(262_143, -11.374259), 0.0),
    }
    return {name: row.astype(dtype) for name, row in rows.items()}


def exact(row: Array, temperature: float, lanes: Array) -> Array:
    """Return the probabilities of some lanes as long doubles, good to 2e-3 ulp of a double.

    Sums over equal logits are multiplications: 262,144 lanes of one value are one exponential.
    """
    values, counts = np.unique(row, return_counts=True)
    with mpmath.workdps(50):
        top, t = mpmath.mpf(float(values[-1])), mpmath.mpf(temperature)
        weights = {value: mpmath.exp((mpmath.mpf(value) - top) / t) for value in values.tolist()}
        total = mpmath.fsum(
            weights[value] * count
            for value, count in zip(values.tolist(), counts.tolist(), strict=True)
        )
        return np.array([mpmath_to_long(weights[value] / total) for value in row[lanes].tolist()])


def mpmath_to_long(number: mpmath.mpf) -> np.longdouble:
    """Round to a long double by two doubles."""
    high = float(number)
    return np.longdouble(high) + np.longdouble(float(number - high))


def worst(got: Array, want: Array) -> float:
    """Return the largest error of a normal number in ulp."""
    normal = want >= np.finfo(got.dtype).tiny
    if not normal.any():
        return 0.0
    spacing = np.spacing(want[normal].astype(got.dtype)).astype(np.longdouble)
    return float(np.max(np.abs(got[normal].astype(np.longdouble) - want[normal]) / spacing))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__)
    parser.add_argument(
        "--lanes", type=int, default=2000, help="lanes to check of a long row (default 2000)"
    )
    most = parser.parse_args().lanes
    if MISSING:
        print(f"left out, not installed: {', '.join(MISSING)}")
    ours = {"numpy": "ours, NumPy", "fused": "ours, fused"}
    names = [*ours.values(), *(name for name in PEERS if name != "thermoscope")]
    for dtype in (np.float32, np.float64):
        table = Table("", "T", *names, title=f"{dtype.__name__}: worst error in ulp")
        overall: dict[str, float] = dict.fromkeys(names, 0.0)
        for label, row in inputs(dtype).items():
            lanes = np.unique(np.linspace(0, row.size - 1, most).astype(int))
            for temperature in TEMPERATURES:
                want = exact(row, temperature, lanes)
                errors: dict[str, float] = {}
                for kernel, name in ours.items():
                    with kernels.use(kernel):
                        errors[name] = worst(ts.softmax(row, temperature)[lanes], want)
                with np.errstate(over="ignore"):
                    divided = row / dtype(temperature)
                for name in names[len(ours) :]:
                    call = PEERS[name](divided, -1, given=False)
                    assert call is not None  # noqa: S101 - all return a new array
                    errors[name] = worst(np.asarray(call())[lanes], want)
                table.add_row(label, f"{temperature:g}", *(f"{errors[name]:.2f}" for name in names))
                overall = {name: max(overall[name], errors[name]) for name in names}
        table.add_section()
        table.add_row("worst", "", *(f"{overall[name]:.2f}" for name in names))
        Console(width=140).print(table)


if __name__ == "__main__":
    main()
