"""How often 95 % intervals of calibration scores hold the true value, calibrated and not.

``python -m benchmarks.coverage`` draws many data sets from models that are known, asks
`thermoscope.reliability` for its intervals, and counts how often each holds the value of the
population, which is that of 1,000,000 rows whose targets are the true probabilities. For ECE and
MCE, of which thermoscope gives no interval, it counts what the intervals of the bootstrap would
hold. It also counts how often the p-value of the ECE is at most 5 %: where the model is calibrated,
that should be in 5 % of the data sets.

The models: K logits from a normal distribution of standard deviation 3, and targets drawn from
their softmax at a temperature. The model says the softmax at T = 1, so that it is calibrated where
that temperature is 1.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

import thermoscope as ts
from benchmarks.machine import positive

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

TRUTHS: Final = (1.0, 1.1, 1.7)
POPULATION: Final = 1_000_000
BINS: Final = 15
GIVEN: Final = ("nll", "brier", "accuracy")
# Coverage that is as good as 95 %.
GOOD: Final = (0.93, 0.97)


def data(rows: int, classes: int, truth: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return logits, and targets drawn from their softmax at a temperature."""
    logits = rng.normal(0, 3, (rows, classes))
    return logits, ts.sample(logits, truth, rng=rng)


def population(classes: int, truth: float, rng: np.random.Generator) -> dict[str, float]:
    """Return the scores of 1,000,000 rows whose targets are the true probabilities."""
    logits = rng.normal(0, 3, (POPULATION, classes))
    found = ts.reliability(logits, ts.softmax(logits, truth), bins=BINS)
    return {name: getattr(found, name) for name in ("ece", "mce", *GIVEN)}


def errors(weight: Array, gap: Array) -> dict[str, Array]:
    """Return ECE and MCE of bins, which are on the last axis."""
    each = np.divide(np.abs(gap), weight, out=np.zeros_like(gap), where=weight > 0)
    return {"ece": np.abs(gap).sum(axis=-1) / weight.sum(axis=-1), "mce": each.max(axis=-1)}


def bootstrapped(
    logits: Array, targets: Array, draws: int, rng: np.random.Generator
) -> dict[str, tuple[float, float]]:
    """Return the intervals of ECE and MCE that a bootstrap of the rows gives."""
    p = ts.softmax(logits)
    confidence = p.max(axis=1)
    gap = confidence - (p.argmax(axis=1) == targets)
    bin_of = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    member = np.eye(BINS)[bin_of]
    value = errors(member.sum(axis=0), gap @ member)
    counts = rng.poisson(1.0, (draws, len(targets))).astype(float)
    replicates = errors(counts @ member, (counts * gap) @ member)
    result = {}
    for name, found in replicates.items():
        low, high = np.quantile(found, [0.025, 0.975])
        result[f"{name}, percentile"] = (float(low), float(high))
        result[f"{name}, basic"] = (
            max(0.0, float(2 * value[name] - high)),
            float(2 * value[name] - low),
        )
    return result


def simulate(truth: float, options: argparse.Namespace) -> dict[str, float]:
    """Return how often each interval holds the value of the population, and p is at most 5 %."""
    rng = np.random.default_rng([options.seed, round(1000 * truth)])
    true = population(options.classes, truth, rng)
    hits: dict[str, int] = {}
    significant = below = 0
    title = f"T = {truth}"
    for number in track(range(options.sets), title, console=Console(stderr=True)):
        logits, targets = data(options.rows, options.classes, truth, rng)
        found = ts.reliability(logits, targets, bins=BINS, bootstrap=options.draws, rng=number)
        intervals = {**bootstrapped(logits, targets, options.draws, rng), **found.intervals}
        for name, (low, high) in intervals.items():
            value = true[name.partition(",")[0]]
            hits[name] = hits.get(name, 0) + (low <= value <= high)
        significant += found.p_value <= 0.05
        below += found.ece <= found.ece_if_calibrated_upper
    coverage = {name: count / options.sets for name, count in hits.items()}
    return {
        **coverage,
        "p <= 5 %": significant / options.sets,
        "ECE <= 95 % value": below / options.sets,
    }


def main() -> None:
    """Simulate, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage", description=__doc__)
    parser.add_argument(
        "--rows", type=positive, default=1000, help="rows of a data set (default 1000)"
    )
    parser.add_argument("--classes", type=positive, default=10, help="classes (default 10)")
    parser.add_argument("--sets", type=positive, default=300, help="data sets (default 300)")
    parser.add_argument("--draws", type=positive, default=400, help="replicates (default 400)")
    parser.add_argument("--seed", type=int, default=0, help="a whole number (default 0)")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the results as JSON")
    options = parser.parse_args()
    results = {str(truth): simulate(truth, options) for truth in TRUTHS}
    table = Table("", *(f"T = {truth}" for truth in TRUTHS), "93 to 97 % in all")
    for name in next(iter(results.values())):
        rates = [result[name] for result in results.values()]
        interval = name.partition(",")[0] in {"ece", "mce", *GIVEN}
        good = "yes" if all(GOOD[0] <= rate <= GOOD[1] for rate in rates) else "no"
        table.add_row(name, *(f"{rate:.1%}" for rate in rates), good if interval else "")
    Console(width=100).print(table)
    if options.json is not None:
        given = {
            name: getattr(options, name) for name in ("rows", "classes", "sets", "draws", "seed")
        }
        options.json.write_text(json.dumps({"options": given, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
