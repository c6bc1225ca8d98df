"""Reliability at many temperatures in one pass, and the rows that a bin holds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from thermoscope.calibration import bootstrap as resampling
from thermoscope.calibration.reliability import Judge
from thermoscope.calibration.sums import (
    bin_sums,
    bins_of,
    confidence_and_nll,
    count_soft,
    errors,
    right_of,
)
from thermoscope.passes import Block, Passes

Array = NDArray[np.float64]

__all__ = ["ReliabilityTable", "bin_of_rows", "reliability_table"]


@dataclass(frozen=True, eq=False)
class ReliabilityTable:
    """What `Reliability` says of NLL, ECE and the bins, at each of some temperatures."""

    temperatures: Array  # (m,), in [0, inf]
    nll: Array  # (m,)
    ece: Array  # (m,)
    ece_if_calibrated: Array  # (m,)
    ece_if_calibrated_upper: Array  # (m,)
    count: Array  # (m, bins), rows
    confidence: Array  # (m, bins)
    accuracy: Array  # (m, bins)
    if_calibrated: Array  # (m, bins, 2)
    n: int
    n_ignored: int


def reliability_table(
    judge: Judge,
    source: Passes,
    temperatures: Array,
    tell: Callable[[int], object] = lambda _: None,
) -> ReliabilityTable:
    """Return the reliability of the rows of a source at each temperature, in one pass.

    The bins are of equal width. `tell` is called with a number of rows when these are done at a
    temperature, in the thread that works on their block, and once more when their targets are
    redrawn.

    Examples
    --------
    >>> import thermoscope as ts
    >>> from thermoscope.passes import passes
    >>> logits, targets, _ = ts.samples.digits()
    >>> source = passes(logits, targets, None, -1, once=True)
    >>> table = reliability_table(Judge(15, "width", None, 0), source, np.array([1.0, 2.0]))
    >>> table.ece.round(4), table.count[1, -2:]
    (array([0.0456, 0.0175]), array([ 136., 1198.]))
    """
    work = partial(_table_sums, temperatures=temperatures, edges=judge.width, tell=tell)
    sums, cells, nll, soft = source.run(work)
    count, weight, confident, right = sums.swapaxes(0, 1)
    ece, _ = errors(weight, confident - right)
    expected = np.full((len(temperatures), 2), math.nan)
    ranges = np.full((*weight.shape, 2), math.nan)
    for at, of_cells in enumerate(cells):
        if not soft:
            gaps = resampling.redrawn_gaps(of_cells, judge.key)
            redrawn, _ = errors(weight[at], gaps)
            expected[at] = redrawn.mean(), np.quantile(redrawn, 0.95)
            ranges[at] = resampling.accuracy_if_calibrated(weight[at], confident[at], gaps)
        tell(int(source.counts.rows))
    with np.errstate(invalid="ignore"):
        return ReliabilityTable(
            temperatures,
            nll / source.counts.weight,
            ece,
            expected[:, 0],
            expected[:, 1],
            count,
            confident / weight,
            right / weight,
            ranges,
            int(source.counts.rows),
            int(source.counts.ignored),
        )


def _table_sums(
    block: Block, *, temperatures: Array, edges: Array, tell: Callable[[int], object]
) -> tuple[Array, ...]:
    """Return at each temperature the sums of bins, of their cells, and of the NLL."""
    right, weights = right_of(block), block.weights
    sums, cells = [], []
    nll = np.empty(len(temperatures))
    for at, temperature in enumerate(temperatures.tolist()):
        confidence, losses = confidence_and_nll(block, temperature)
        sums.append(bin_sums(confidence, right, weights, edges))
        cells.append(resampling.cell_sums(confidence, weights, edges))
        nll[at] = np.sum(weights * losses)
        tell(len(weights))
    return np.array(sums), np.array(cells), nll, np.array(float(count_soft(block)))


def bin_of_rows(source: Passes, total: int, temperature: float, edges: Array) -> NDArray[np.int16]:
    """Return the bin of each of all rows of this machine, -1 for those that don't count.

    Examples
    --------
    >>> from thermoscope.passes import passes
    >>> source = passes([[2.0, 1.0], [0.0, 9.0]], [0, 0], None, -1)
    >>> bin_of_rows(source, 2, 1.0, np.linspace(0, 1, 5))
    array([2, 3], dtype=int16)
    """
    result = np.full(total, -1, np.int16)

    def note(block: Block) -> tuple[Array, ...]:
        confidence, _ = confidence_and_nll(block, temperature)
        # Blocks have no row in common, so that threads may write at the same time.
        result[block.numbers] = bins_of(confidence, edges)
        return ()

    source.run(note)
    return result
