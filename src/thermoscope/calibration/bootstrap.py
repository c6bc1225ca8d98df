"""Intervals from resampled rows, and the gaps of redrawn targets."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from thermoscope.calibration.sums import Z95, bins_of, totals

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

__all__ = [
    "accuracy_if_calibrated",
    "cell_sums",
    "intervals",
    "redrawn_gaps",
    "resampled",
    "wilson",
]

# How often targets are redrawn: enough for a p-value of 0.001.
REDRAWS: Final = 999

# Numbers that are drawn at a time.
DRAWS: Final = 1 << 18
# For each of 2 ** 16 equal chances, a draw from the Poisson distribution of mean 1.
POISSON: Final = np.searchsorted(
    np.cumsum([math.exp(-1) / math.factorial(k) for k in range(12)]),
    (np.arange(1 << 16) + 0.5) / (1 << 16),
).astype(np.float64)
# Cells of a bin: targets of the rows in a cell are redrawn together.
CELLS: Final = 4


def resampled(values: Array, numbers: NDArray[np.int64], draws: int, key: int) -> Array:
    """Return sums (draws, m) of values (n, m) in replicates of the rows.

    A row counts as often as its number and the key say, whatever its block.
    """
    result = np.zeros((draws, values.shape[1]))
    with np.errstate(invalid="ignore"):
        for at in range(0, len(values), step := max(1, DRAWS // draws)):
            some = slice(at, at + step)
            result += _poisson(key, numbers[some], draws).T @ values[some]
    return result


def _poisson(key: int, numbers: NDArray[np.int64], draws: int) -> Array:
    """Return how often each row counts in each replicate."""
    # A step of Philox's counter gives 4 words of 4 chances each.
    steps = -(-draws // 16)
    first, last = int(numbers[0]), int(numbers[-1])
    words = np.random.Philox(key=key, counter=first * steps).random_raw(
        (last + 1 - first) * steps * 4
    )
    chances = words.view(np.uint16).reshape(-1, steps * 16)[numbers - first, :draws]
    counts: Array = POISSON[chances]
    return counts


def intervals(values: dict[str, float], replicates: Array) -> dict[str, tuple[float, float]]:
    """Return the basic bootstrap intervals of means, of which replicates hold weight and sums."""
    weight, sums = replicates[:, 0], replicates[:, 1:]
    # Of very few rows, a replicate may hold none: it says nothing.
    some = weight > 0
    means = (sums[some] / weight[some, None]).T
    most = {"brier": 2.0, "nll": math.inf, "accuracy": 1.0}
    result = {}
    for (name, value), found in zip(values.items(), means, strict=True):
        low, high = 2 * value - np.quantile(found, [0.975, 0.025])
        result[name] = (
            min(max(float(low), 0.0), most[name]),
            min(max(float(high), 0.0), most[name]),
        )
    return result


def cell_sums(confidence: Array, weights: Array, edges: Array) -> Array:
    """Return sums (5, bins * CELLS) over cells, the last being the variance of right rows.

    The others are rows, weights, squares of weights, and confidences.
    """
    bins = len(edges) - 1
    fine = np.interp(np.linspace(0, bins, bins * CELLS + 1), np.arange(bins + 1), edges)
    # By the edges of the bins themselves: those in between are but convenient.
    bin_of = bins_of(confidence, edges)
    cell_of = np.clip(bins_of(confidence, fine), bin_of * CELLS, bin_of * CELLS + CELLS - 1)
    return np.array(
        [
            totals(cell_of, values, bins * CELLS)
            for values in (
                np.ones(len(weights)),
                weights,
                weights**2,
                confidence,
                weights**2 * confidence * (1 - confidence),
            )
        ]
    )


def redrawn_gaps(cells: Array, key: int) -> Array:
    """Return gaps (REDRAWS, bins) where the targets are redrawn from the probabilities.

    The likeliest class of a row is then right with a probability that is its confidence, so that
    the rows of a cell which are right are a binomial number, if they are equally confident. Its
    deviation from the mean is scaled to the variance that confidences and weights give.
    """
    rows, weight, squares, confidence, variance = cells
    rng = np.random.default_rng([key, 1])
    bins = rows.size // CELLS
    result = np.zeros((bins, REDRAWS))
    (full,) = np.nonzero(rows)
    # The square of a tiny weight may be 0: such a row counts for nothing beside the others.
    ratio = weight[full] ** 2 / np.where(squares[full] > 0, squares[full], np.inf)
    effective = np.maximum(np.rint(ratio), 1).astype(np.int64)
    mean = np.clip(confidence[full] / rows[full], 0, 1)
    # Each row of numbers has one distribution: NumPy prepares it once.
    right = rng.binomial(effective[:, None], mean[:, None], (len(full), REDRAWS))
    deviation = (effective * mean)[:, None] - right
    binomial = effective * mean * (1 - mean)
    scale = np.divide(variance[full], binomial, out=np.zeros_like(binomial), where=binomial > 0)
    deviation *= np.sqrt(scale)[:, None]
    np.add.at(result, full // CELLS, deviation)
    return result.T


def accuracy_if_calibrated(weight: Array, confident: Array, gaps: Array) -> Array:
    """Return the range (bins, 2) of the accuracy that 95 % of the redrawn targets have."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.quantile((confident - gaps) / weight, [0.025, 0.975], axis=0)
    result: Array = np.clip(found, 0, 1).T
    return result


def wilson(accuracy: Array, rows: Array) -> Array:
    """Return Wilson's 95 % intervals (m, 2) of proportions among numbers of rows."""
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = Z95**2 / rows
        middle = (accuracy + spread / 2) / (1 + spread)
        half = np.sqrt(accuracy * (1 - accuracy) * spread + spread**2 / 4) / (1 + spread)
        result: Array = np.clip(np.stack([middle - half, middle + half], axis=1), 0, 1)
        return result
