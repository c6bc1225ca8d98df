"""Random numbers: entries drawn from a softmax, and random logits."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any, Final, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope.arguments import ArgumentError, check, generator, seed_of, size_of, whole
from thermoscope.kernels import reference
from thermoscope.truncation.steps import remaining

Array = NDArray[np.float64]

__all__ = ["fresh_seed", "random_logits", "rows_at_once", "sample"]

# Entries, or draws, that are computed together. A power of two, as the tree needs it.
BLOCK: Final = 1 << 16


def sample(
    logits: ArrayLike,
    temperature: ArrayLike = 1.0,
    *,
    size: SupportsIndex | Sequence[SupportsIndex] | None = None,
    rng: int | np.random.Generator | None = None,
    axis: SupportsIndex = -1,
    where: ArrayLike | None = None,
    **settings: Any,
) -> NDArray[np.int64]:
    """Draw entries from the softmax of logits at a temperature, with replacement.

    Each draw walks down a binary tree of sums and takes each side with that side's probability,
    which is never a difference of running sums. So each entry is drawn with its probability, to a
    relative 1e-13 if that is a normal double, however many entries there are and however small it
    is. Only entries whose probability rounds to 0 are never drawn.

    Parameters
    ----------
    logits, temperature, where
        As for `softmax`. At T = 0 the entries that tie for the maximum are equally likely.
    size : int or tuple of int, optional
        How many draws from each row. The default is one, which adds no axis.
    rng : int or numpy.random.Generator, optional
        A seed, for the same draws at each call, or the generator to draw from. The default is a
        new generator, for other draws at each call.
    axis : int, optional
        The axis of the rows.
    **settings
        The keywords of `truncate`: draw from the probabilities that it gives. With XTC a token
        that is drawn from them is as likely as one that is drawn after a throw of its coin.

    Returns
    -------
    ndarray of int64, or int64
        Indices along `axis`. Their shape is `size` followed by the shape of `logits` without
        `axis`, as `numpy.random.Generator.multivariate_normal` puts `size` before the shape of one
        draw.

    Raises
    ------
    TypeError
        As for `softmax`, or if `size` or `rng` is of a wrong type.
    ValueError
        If a row has no distribution (a NaN, or no unmasked entry above -inf): `ArgumentError.row`
        is that row. Also as for `softmax`, and for `truncate` with its keywords.

    See Also
    --------
    softmax : the probabilities.
    truncate : the probabilities after the steps of a sampler.

    Notes
    -----
    In memory are the logits, the draws, and the tree of one row or of a block of short rows: one
    float64 for each entry. A draw takes log2(entries) steps.

    References
    ----------
    .. [1] C. K. Wong and M. C. Easton, "An efficient method for weighted sampling without
       replacement", SIAM Journal on Computing 9 (1980), pp. 111-113, for the tree of sums.

    Examples
    --------
    >>> import thermoscope as ts
    >>> ts.sample([2.0, 1.0, 0.1], size=10, rng=0)
    array([1, 0, 2, 2, 0, 1, 1, 0, 0, 0])
    >>> ts.sample([[5.0, 5.0, 0.0], [0.0, 1.0, 9.0]], 0, size=4, rng=1)
    array([[1, 2],
           [1, 2],
           [1, 2],
           [0, 2]])
    >>> ts.sample([2.0, 1.0, 0.1], size=10, rng=0, top_k=2)
    array([1, 0, 0, 0, 0, 1, 1, 0, 0, 0])
    """
    if settings:
        left = remaining(logits, temperature, axis, where, settings)
        logits, temperature, where, axis = left.logits, left.temperature, left.kept, -1
    z, t, mask, index, *_ = check(logits, temperature, axis, where)
    shape, source = size_of(size), generator(rng)
    z = np.moveaxis(z, index, -1)
    outer, entries = z.shape[:-1], z.shape[-1]
    rows = z.reshape(-1, entries)
    temperatures = np.moveaxis(t, index, -1).reshape(-1, 1)
    masks = None if mask is None else np.moveaxis(mask, index, -1).reshape(-1, entries)

    draws = np.empty((math.prod(shape), len(rows)), np.int64)
    step = rows_at_once(entries)
    for start in range(0, len(rows), step):
        block = slice(start, start + step)
        tree = np.empty(rows[block].shape)
        reference.softmax(
            rows[block], temperatures[block], None if masks is None else masks[block], -1, tree
        )
        undefined = ~(tree.max(axis=-1) > 0)
        if undefined.any():
            row = start + int(np.argmax(undefined))
            place = tuple(int(i) for i in np.unravel_index(row, outer)) if outer else ()
            raise ArgumentError(
                "logits",
                "must have an unmasked entry above -inf and no NaN, got a row without a "
                f"distribution{f': {place}' if place else ''}",
                row,
            )
        # A tree for each block, then one of their sums, which are where the blocks start.
        for first in range(0, entries, BLOCK):
            _build(tree[:, first : first + BLOCK])
        _build(tree[:, ::BLOCK])
        at_once = max(1, BLOCK // len(tree))
        for first in range(0, len(draws), at_once):
            part = draws[first : first + at_once, block]
            part[...] = _walk(tree, len(part), source)
    result: NDArray[np.int64] = draws.reshape((*shape, *outer))[()]
    return result


def rows_at_once(entries: int) -> int:
    """Return how many rows are drawn from together: blocks of them are drawn as all rows are."""
    return max(1, BLOCK // entries)


def _build(tree: Array) -> None:
    """Turn probabilities along axis 1 into a tree of sums, in place.

    Neighbours are added, then pairs, then pairs of pairs. A sum is stored in place of its left
    side. The fraction of the smaller side, which is the more precise of the two fractions, is
    stored in place of its right side, and is negative if the left side is the smaller one.
    """
    step = 1
    while step < tree.shape[1]:
        right = tree[:, step :: 2 * step]
        left = tree[:, :: 2 * step][:, : right.shape[1]]
        total = left + right
        with np.errstate(invalid="ignore"):  # both are 0: no draw gets there
            fraction = np.copysign(np.minimum(left, right) / total, left - right)
        left[...], right[...] = total, fraction
        step *= 2


def _walk(tree: Array, count: int, source: np.random.Generator) -> NDArray[np.int64]:
    """Draw `count` entries from the tree of each row."""
    rows, entries = tree.shape
    entry = np.zeros((count, rows), np.int64)
    step = 1 << (entries - 1).bit_length()
    while step > 1:
        step //= 2
        right = entry + step
        fraction = tree[np.arange(rows), np.minimum(right, entries - 1)]
        smaller = _uniform(source, fraction.shape) < np.abs(fraction)
        entry = np.where((smaller != np.signbit(fraction)) & (right < entries), right, entry)
    return entry


def _uniform(source: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Draw numbers from [0, 1) that have all of their digits, however small they are.

    A generator gives multiples of 2**-53, which are too coarse to compare with a small fraction.
    Fractions are at most a half: numbers below that get more digits from another draw.
    """
    uniform = source.random(shape)
    small = uniform < 0.5
    if small.any():
        uniform[small] += 2.0**-53 * _uniform(source, (int(np.count_nonzero(small)),))
    return uniform


def random_logits(n: SupportsIndex, *, seed: SupportsIndex | None = None) -> NDArray[np.float64]:
    """Draw logits uniformly from [0, 1), as in the lesson.

    The page draws the same logits from the same seed.

    Parameters
    ----------
    n : int
        How many, at least 1.
    seed : int, optional
        A whole number in [0, 2**53), which JavaScript has too: the same logits at each call. The
        default draws a fresh seed.

    Returns
    -------
    ndarray of float64, shape (n,)
        The logits.

    Raises
    ------
    TypeError, ValueError
        If `n` is not a whole number of at least 1, or `seed` not one in [0, 2**53).

    Notes
    -----
    The generator is SplitMix64 [1]_, with the constants of its reference implementation [2]_. In
    integers modulo 2**64, logit i, counted from 1, comes from ``z = seed + i * 0x9e3779b97f4a7c15``
    by ::

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb
        z = z ^ (z >> 31)

    and is ``(z >> 11) / 2**53``. So the first logits of a seed do not depend on `n`.

    References
    ----------
    .. [1] G. L. Steele, D. Lea and C. H. Flood, "Fast splittable pseudorandom number generators",
       Proceedings of OOPSLA 2014, pp. 453-472.
    .. [2] S. Vigna, https://prng.di.unimi.it/splitmix64.c (2015, public domain).

    Examples
    --------
    >>> import thermoscope as ts
    >>> ts.random_logits(5, seed=7).round(3)
    array([0.39 , 0.017, 0.901, 0.583, 0.452])
    """
    count = whole("n", n)
    z = np.arange(1, count + 1, dtype=np.uint64)
    z *= np.uint64(0x9E3779B97F4A7C15)
    z += np.uint64(fresh_seed() if seed is None else seed_of(seed))
    z ^= z >> 30
    z *= np.uint64(0xBF58476D1CE4E5B9)
    z ^= z >> 27
    z *= np.uint64(0x94D049BB133111EB)
    z ^= z >> 31
    return (z >> 11).astype(np.float64) * 2.0**-53


def fresh_seed() -> int:
    """Draw a seed of at most ten digits: it stands in links, and people type it.

    Examples
    --------
    >>> 0 <= fresh_seed() < 2**32
    True
    """
    return int.from_bytes(os.urandom(4), "little")
