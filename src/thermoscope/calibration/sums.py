"""Quantities that are summed over rows: moments, confidences, losses, gaps of bins."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from thermoscope.kernels import choose

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thermoscope.passes import Block

    Array = NDArray[np.float64]

__all__ = [
    "Z95",
    "bin_sums",
    "bins_of",
    "confidence_and_nll",
    "count_soft",
    "errors",
    "moments",
    "right_of",
    "totals",
]

# The 97.5 % quantile of the standard normal distribution: the half width of a 95 % interval.
Z95: Final = 1.959963984540054
# Between this and its inverse, no square of what counts at a temperature overflows.
ORDINARY: Final = 2.0**-400


def moments(block: Block, temperature: float, unit: float) -> tuple[Array, Array, Array]:
    """Return the kernel's moments of each row, in multiples of `unit`."""
    if ORDINARY < temperature < 1 / ORDINARY or (temperature, unit) == (math.inf, 1):
        log_total, mean, variance = choose().moments(block.logits, temperature)
        return log_total, mean / unit, variance / unit**2
    # Quarters, which don't overflow; of a small unit they are the whole, which does not sink to 0.
    part = 0.25 if unit > 1 else 1.0
    quotient = block.logits * np.float64(part) - block.maximum[:, None] * np.float64(part)
    result: tuple[Array, Array, Array] = choose().moments(
        quotient / (unit * part), temperature / unit
    )
    return result


def confidence_and_nll(block: Block, temperature: float) -> tuple[Array, Array]:
    """Return the probability of the likeliest class, and the NLL of the target, of each row.

    Everything that has an ECE takes its confidences from here: one temperature gives one ECE.
    """
    below = block.half_below()
    # The smallest T > 0 gives the limit at T = 0.
    t = max(temperature, math.ulp(0.0))
    with np.errstate(all="ignore"):
        log_total, _, _ = moments(block, t, 1.0 if t == math.inf else t)
        # The probability of a class of -inf is 0 at T = inf too.
        nll = log_total - np.where(below == -np.inf, below, below / t * 2)
        return np.exp(-log_total), nll


def right_of(block: Block) -> Array:
    """Return how far the likeliest class of each row is the target: 0 or 1, or a probability."""
    predicted = block.logits.argmax(axis=1)
    if block.targets.ndim == 2:
        right: Array = block.targets[np.arange(len(predicted)), predicted]
        return right
    hit: Array = (block.targets == predicted).astype(np.float64)
    return hit


def count_soft(block: Block) -> int:
    """Return how many targets are probabilities that are not one-hot."""
    if block.targets.ndim == 1:
        return 0
    return int(np.count_nonzero(block.targets.max(axis=1) < 1))


def totals(places: NDArray[np.intp], values: Array, size: int) -> Array:
    """Return the sum of the values at each place."""
    return np.bincount(places, values, size).astype(np.float64, copy=False)


def bins_of(values: Array, edges: Array) -> NDArray[np.intp]:
    """Return the bin of each value: they hold what is above one edge, up to the next."""
    return np.clip(np.searchsorted(edges, values) - 1, 0, len(edges) - 2)


def bin_sums(confidence: Array, right: Array, weights: Array, edges: Array) -> Array:
    """Return sums (4, bins): rows, weights, weighted confidences, and weights of right rows.

    Everything that has bins takes them from here: one temperature gives one diagram.
    """
    bin_of = bins_of(confidence, edges)
    values = (np.ones(len(weights)), weights, weights * confidence, weights * right)
    return np.array([totals(bin_of, each, len(edges) - 1) for each in values])


def errors(weight: Array, gap: Array) -> tuple[Array, Array]:
    """Return the ECE, and the error of each bin, of bins which are on the last axis."""
    size = np.abs(gap)
    with np.errstate(invalid="ignore", divide="ignore"):
        each = np.where(weight > 0, size / weight, 0.0)
    return size.sum(axis=-1) / weight.sum(axis=-1), each
