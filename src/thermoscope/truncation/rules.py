"""The maths of each rule: which of the entries that are left in a row its parameter keeps.

A rule takes logits z of shape (..., n) in float64, temperatures t of shape (..., 1), the entries
that are left as a mask of the shape of z, and its parameter. It looks at their softmax at t.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from thermoscope.definition import log_softmax, softmax
from thermoscope.measures import entropy

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

__all__ = ["RULES", "dynamic_temperature", "first", "xtc"]


def _top_k(z: Array, _: Array, left: Mask, k: int, *, few: bool = False) -> Mask:
    place = z.shape[-1] - k
    if place <= 0:
        return left
    rank = np.where(left, z, -np.inf)
    last = np.partition(rank, place, axis=-1)[..., place, None]
    return left & _down_to(rank, last, k, few=few)


def _top_p(
    z: Array, t: Array, left: Mask, p: float, *, few: bool = False, beyond: bool = False
) -> Mask:
    if p == 1:
        return left
    rank = np.where(left, z, -np.inf)
    falling = np.sort(rank, axis=-1)[..., ::-1]
    count = _until(softmax(falling, t), p, beyond=beyond)
    last = np.take_along_axis(falling, count - 1, axis=-1)
    return left & _down_to(rank, last, count, few=few)


def _typical_p(
    z: Array, t: Array, left: Mask, p: float, *, few: bool = False, beyond: bool = False
) -> Mask:
    if p == 1:
        return left
    rank = _typicality(z, t, left)
    order = np.argsort(-rank, axis=-1, kind="stable")
    probabilities = np.take_along_axis(softmax(z, t, where=left), order, axis=-1)
    count = _until(probabilities, p, beyond=beyond)
    last = np.take_along_axis(rank, np.take_along_axis(order, count - 1, axis=-1), axis=-1)
    return left & _down_to(rank, last, count, few=few)


def _typicality(z: Array, t: Array, left: Mask) -> Array:
    surprisal = -log_softmax(z, t, where=left)
    rank: Array = -np.abs(surprisal - entropy(z, t, where=left)[..., None])
    return rank


def _until(probabilities: Array, p: float, *, beyond: bool) -> NDArray[np.intp]:
    """Count the entries up to the one at which the sum reaches p, or is beyond it."""
    total = np.cumsum(probabilities[..., :-1], axis=-1)
    before = total <= p if beyond else total < p
    return 1 + np.count_nonzero(before, axis=-1, keepdims=True)


def _down_to(rank: Array, last: Array, count: int | NDArray[np.intp], *, few: bool) -> Mask:
    """Keep the entries above `last` and those that tie with it: all, or the first up to `count`."""
    if not few:
        return rank >= last
    above, tied = rank > last, rank == last
    room = count - np.count_nonzero(above, axis=-1, keepdims=True)
    result: Mask = above | (tied & (np.cumsum(tied, axis=-1) <= room))
    return result


def _min_p(z: Array, t: Array, left: Mask, p: float) -> Mask:
    probabilities: Array = softmax(z, t, where=left)
    likely: Mask = probabilities >= p * probabilities.max(axis=-1, keepdims=True)
    return left & likely


def _epsilon(z: Array, t: Array, left: Mask, cutoff: float | Array) -> Mask:
    probabilities: Array = softmax(z, t, where=left)
    top: Array = z.max(axis=-1, keepdims=True, where=left, initial=-np.inf)
    likely: Mask = (probabilities >= cutoff) | (z == top)
    return left & likely


def _eta(z: Array, t: Array, left: Mask, cutoff: float) -> Mask:
    nats = entropy(z, t, where=left)[..., None]
    return _epsilon(z, t, left, np.minimum(cutoff, math.sqrt(cutoff) * np.exp(-nats)))


def _top_n_sigma(z: Array, _: Array, left: Mask, n: float) -> Mask:
    infinite = left & (z == np.inf)
    finite = left & ~infinite
    size = np.abs(z).max(axis=-1, keepdims=True, where=finite, initial=0.0)
    # By a power of two nothing is rounded, and the sum of squares can't overflow.
    scaled = np.ldexp(np.where(finite, z, 0.0), -np.frexp(size)[1])
    count = np.maximum(np.count_nonzero(finite, axis=-1, keepdims=True), 1)
    mean = scaled.sum(axis=-1, keepdims=True) / count
    square = np.where(finite, (scaled - mean) ** 2, 0.0)
    sigma = np.sqrt(square.sum(axis=-1, keepdims=True) / count)
    top: Array = scaled.max(axis=-1, keepdims=True, where=finite, initial=-np.inf)
    near: Mask = finite & (scaled >= top - n * sigma)
    return np.where(infinite.any(axis=-1, keepdims=True), infinite, near)


# A rule that sums up to p, or counts up to k, has edges: `few` keeps no more of the entries that
# tie for the last place than it needs, `beyond` ends at a sum > p instead of >= p.
RULES: dict[str, Callable[..., Mask]] = {
    "top_k": _top_k,
    "top_p": _top_p,
    "min_p": _min_p,
    "typical_p": _typical_p,
    "epsilon": _epsilon,
    "eta": _eta,
    "top_n_sigma": _top_n_sigma,
}


def first(z: Array, t: Array, left: Mask, count: int, *, typical: bool, few: bool) -> Mask:
    """Keep `count` entries: the highest logits, or those nearest to the entropy."""
    rank = _typicality(z, t, left) if typical else z
    return _top_k(np.where(left, rank, -np.inf), t, left, count, few=few)


def xtc(
    z: Array,
    t: Array,
    left: Mask,
    threshold: float,
    *,
    most: NDArray[np.intp],
    few: bool = False,
    beyond: bool = False,
) -> Mask:
    """Drop the entries of at least the threshold, except the least probable of them.

    A row of which that would be more than `most` entries is left as it is.
    """
    probabilities: Array = softmax(z, t, where=left)
    above = left & (probabilities > threshold if beyond else probabilities >= threshold)
    low: Array = z.min(axis=-1, keepdims=True, where=above, initial=np.inf)
    stays = above & (z == low)
    if few:
        stays &= np.cumsum(stays, axis=-1) <= 1
    dropped = above & ~stays
    few_enough = np.count_nonzero(dropped, axis=-1, keepdims=True) <= most
    return np.where(few_enough, left & ~dropped, left)


def dynamic_temperature(
    z: Array, t: Array, left: Mask, *, count: NDArray[np.intp], spread: float, exponent: float
) -> Array:
    """Return T - spread to T + spread, by the entropy as a part of that of `count` equal entries.

    A row of one entry keeps T.
    """
    part = np.clip(entropy(z, 1.0, where=left)[..., None] / np.log(np.maximum(count, 2)), 0, 1)
    low = np.maximum(t - spread, 0)
    moved = low + np.where(np.isinf(t), 0, np.minimum(t, spread) + spread) * part**exponent
    return np.where((count > 1) & ~np.isnan(part), moved, t)
