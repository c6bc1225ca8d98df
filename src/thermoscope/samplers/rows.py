"""What presets do to rows of which all logits are known, exactly and block by block."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from thermoscope.arguments import NO_TARGET
from thermoscope.definition import log_softmax, softmax
from thermoscope.passes import Block, Sparse
from thermoscope.samplers.presets import Preset
from thermoscope.truncation.steps import Remaining, remaining

Array = NDArray[np.float64]

__all__ = ["MEASURES", "distinct", "entropy_and_nll", "measured", "width_of"]

# The columns of a preset, in a table that has these of each preset, and then one of each pair.
MEASURES: Final = ("kept", "mass", "entropy", "agreement", "distinct", "nll")


def width_of(presets: int) -> int:
    """Return how many columns the table has."""
    return len(MEASURES) * presets + presets * (presets - 1) // 2


def measured(
    block: Block,
    *,
    presets: Sequence[Preset],
    draws: int,
    targets: NDArray[np.int64] | None,
    shape: tuple[int, int],
) -> tuple[Sparse]:
    """Return the rows of a block in the table of all rows."""
    z = block.logits.astype(np.float64)
    columns: list[Array] = []
    probabilities: list[Array] = []
    for preset in presets:
        left = _left(z, preset)
        p, log_p = _probabilities(left)
        # At T = 0 a sampler may keep entries that are never drawn.
        drawable = left.kept & ((left.temperature > 0) | (p > 0))
        columns += [
            np.count_nonzero(drawable, axis=-1),
            _mass(left, z, preset),
            _entropy(p, log_p),
            np.einsum("ij,ij->i", p, p),
            distinct(p, draws).sum(axis=-1),
            _nll(log_p, block, targets),
        ]
        probabilities.append(p)
    columns += [0.5 * np.abs(p - q).sum(axis=-1) for p, q in combinations(probabilities, 2)]
    places = block.numbers[:, None] * shape[1] + np.arange(shape[1])
    return (Sparse(shape, places.ravel(), np.stack(columns, axis=-1).astype(float).ravel()),)


def entropy_and_nll(
    block: Block, *, presets: Sequence[Preset], targets: NDArray[np.int64] | None
) -> tuple[Array]:
    """Return sums over the rows for each preset: entropy, NLL, and how many NLL are infinite.

    The infinite ones are left out of the sum.
    """
    z = block.logits.astype(np.float64)
    table = np.zeros((len(presets), 3))
    for row, preset in zip(table, presets, strict=True):
        p, log_p = _probabilities(_left(z, preset))
        row[0] = _entropy(p, log_p).sum()
        nll = _nll(log_p, block, targets)
        row[1] = nll[np.isfinite(nll)].sum()
        row[2] = np.count_nonzero(np.isposinf(nll))
    return (table,)


def distinct(p: Array, draws: int) -> Array:
    """Return the chance of each entry to be drawn at least once, 1 - (1 - p) ** draws.

    Their sum is the expected number of different entries in as many draws.

    Examples
    --------
    >>> distinct(np.array([0.5, 1e-20, 1.0]), 2)
    array([7.5e-01, 2.0e-20, 1.0e+00])
    """
    with np.errstate(divide="ignore"):
        found: Array = -np.expm1(draws * np.log1p(-np.minimum(p, 1.0)))
    return found


def _left(z: Array, preset: Preset) -> Remaining:
    return remaining(z, preset.temperature, -1, None, preset.settings)


def _probabilities(left: Remaining) -> tuple[Array, Array]:
    """Return the probabilities of all entries, and their logarithms."""
    logits = left.logits.astype(np.float64, copy=False)
    return (
        softmax(logits, left.temperature, where=left.kept),
        log_softmax(logits, left.temperature, where=left.kept),
    )


def _entropy(p: Array, log_p: Array) -> Array:
    nats: Array = 0.0 - np.einsum("ij,ij->i", p, np.where(p > 0, log_p, 0.0))
    return nats


def _mass(left: Remaining, z: Array, preset: Preset) -> Array:
    """Return what the kept entries have in the softmax of all, at the temperature of the draw."""
    logits, temperature = left.logits, left.temperature
    if 0 < (preset.settings.get("xtc_probability") or 0) < 1:
        # Of the mixture of XTC's two outcomes all is kept: take the logits before it.
        before = _left(z, preset._replace(settings={**preset.settings, "xtc_probability": 0}))
        logits, temperature = before.logits, before.temperature
    p = softmax(logits, temperature)
    dropped = (p > 0) & ~left.kept
    total: Array = np.where(dropped.any(axis=-1), p.sum(axis=-1, where=left.kept), 1.0)
    return total


def _nll(log_p: Array, block: Block, targets: NDArray[np.int64] | None) -> Array:
    """Return -log p of the target of each row, NaN without one."""
    nll = np.full(len(block.logits), np.nan)
    if targets is None:
        return nll
    of_rows = targets[block.numbers]
    known = of_rows != NO_TARGET
    nll[known] = 0.0 - log_p[known, of_rows[known]]
    return nll
