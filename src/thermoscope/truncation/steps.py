"""The steps of a sampler, applied to rows of logits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope import kernels
from thermoscope.arguments import ArgumentError, check
from thermoscope.truncation.engines import PAPERS
from thermoscope.truncation.rules import RULES
from thermoscope.truncation.settings import Chain, chain_of

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

__all__ = ["Remaining", "remaining"]


class Remaining(NamedTuple):
    """What a sampler draws from, with the entries of a row on the last axis.

    It is the softmax of `logits` at `temperature`, with `kept` as the mask.
    """

    logits: NDArray[np.generic]
    temperature: Array
    kept: Mask
    # Where the entries of a row were.
    axis: int


def remaining(
    logits: ArrayLike,
    temperature: ArrayLike,
    axis: SupportsIndex,
    where: ArrayLike | None,
    settings: Mapping[str, Any],
) -> Remaining:
    """Apply the steps that keywords of `keep` and `truncate` ask for."""
    rows = _rows(logits, temperature, axis, where)
    kept, t = _applied(rows, chain_of(settings))
    return Remaining(rows.given, t, kept, rows.axis)


class _Rows(NamedTuple):
    """Checked arguments with the entries of a row on the last axis."""

    given: NDArray[np.generic]
    # In float64, and -inf where there is no entry: never NaN.
    logits: Array
    temperature: Array
    # The entries to choose from: not masked, not at -inf.
    entries: Mask
    mask: Mask
    # The rows that have a distribution; of the others all that is not masked is kept.
    regular: Mask
    axis: int


def _rows(
    logits: ArrayLike, temperature: ArrayLike, axis: SupportsIndex, where: ArrayLike | None
) -> _Rows:
    arguments = check(logits, temperature, axis, where)
    given = np.moveaxis(arguments.logits, arguments.axis, -1)
    z = given.astype(np.float64)
    mask = np.ones(z.shape, np.bool_)
    if arguments.where is not None:
        mask = np.moveaxis(arguments.where, arguments.axis, -1)
    entries = mask & (z > -np.inf)
    some = np.count_nonzero(entries, axis=-1, keepdims=True) > 0
    # Of a NaN and a number, the maximum is NaN.
    regular = some & ~np.isnan(np.max(z, axis=-1, keepdims=True, where=mask, initial=-np.inf))
    t = np.moveaxis(arguments.temperature, arguments.axis, -1)
    return _Rows(given, np.where(entries, z, -np.inf), t, entries, mask, regular, arguments.axis)


def _applied(rows: _Rows, chain: Chain) -> tuple[Mask, Array]:
    """Return the kept entries, and the temperatures that the engine makes of the given ones."""
    engine = chain.engine
    if "temperature" not in chain.steps and (rows.temperature != 1).any():
        problem = "is not 1, but order lacks it: add 'temperature' to order"
        raise ArgumentError("temperature", problem)
    t = engine.effective_temperature(rows.temperature)
    seen = np.ones(1)
    z, left = rows.logits, rows.entries
    places = np.broadcast_to(np.arange(z.shape[-1]), z.shape)
    # Kernels may differ in the last bit of a probability, and the same entries must be kept.
    with kernels.use("reference"):
        for step in chain.steps:
            if step == "temperature":
                seen = t
                continue
            among = rows.entries if chain.joint else left
            edges = chain.edges.get(step, {})
            left = left & RULES[step](z, seen, among, chain.values[step], **edges)
            most = np.count_nonzero(left, axis=-1).max(initial=1)
            if most <= z.shape[-1] // 2 and not chain.joint:
                # The entries that are left move up, in their order: the next step reads fewer.
                order = np.argsort(~left, axis=-1, kind="stable")[..., :most]
                z = np.take_along_axis(z, order, axis=-1)
                left = np.take_along_axis(left, order, axis=-1)
                places = np.take_along_axis(places, order, axis=-1)
    kept: Mask = np.zeros(rows.entries.shape, np.bool_)
    np.put_along_axis(kept, places, left, axis=-1)
    if engine is not PAPERS:
        # With the temperature first, no step at T = 0 takes this entry away.
        top = np.where(kept, rows.logits, -np.inf).argmax(axis=-1, keepdims=True)
        kept = np.where(t == 0, np.arange(kept.shape[-1]) == top, kept)
    return np.where(rows.regular, kept, rows.mask), t
