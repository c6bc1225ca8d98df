"""Draws."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from thermoscope.definition import check
from thermoscope.kernels import reference

if TYPE_CHECKING:
    from typing import SupportsIndex

    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

__all__ = ["random_logits", "sample"]

# Lanes, or draws, that are worked on at once. A power of two, as the tree needs it.
BLOCK: Final = 1 << 16


def sample(
    logits: ArrayLike,
    temperature: ArrayLike = 1.0,
    *,
    size: SupportsIndex | Sequence[SupportsIndex] | None = None,
    rng: int | np.random.Generator | None = None,
    axis: SupportsIndex = -1,
    where: ArrayLike | None = None,
) -> NDArray[np.int64]:
    """Draw lanes from the softmax of logits at a temperature, with replacement.

    Each draw walks down a binary tree of sums, and takes each turn with the probability of that
    side, which is never a difference of running sums. So each lane has the chance that softmax
    gives it, to a relative 1e-13 for all that is a normal double, however many lanes there are
    and however small its chance is beside theirs. Only what rounds to 0 is never drawn.

    Parameters
    ----------
    logits : array_like
        Real numbers of any shape; see `softmax`. Any number of lanes.
    temperature : array_like, optional
        A number in [0, inf], or an array of them with size 1 along `axis`. At 0 the lanes that
        tie for the maximum are drawn alike, at inf all that are not -inf.
    size : int or tuple of int, optional
        How many draws of each slice. The default is one, without an axis of its own.
    rng : int or numpy.random.Generator, optional
        A seed, for the same draws at each call, or the generator to draw from. The default
        draws new ones.
    axis : int, optional
        The axis whose lanes are the distribution.
    where : array_like of bool, optional
        A mask that broadcasts against `logits`: lanes where it is False are never drawn.

    Returns
    -------
    ndarray of int64, or int64
        Indices along `axis`, of shape `size` followed by the shape of the slices, which is that
        of `logits` without `axis`: as `numpy.random.Generator.multivariate_normal` puts `size`
        before the shape of one draw.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind; see `softmax`.
    ValueError
        If a slice has no distribution (a NaN, no lane above -inf, none unmasked), or an
        argument has the wrong value or shape; see `softmax`.

    See Also
    --------
    softmax : the probabilities.

    Notes
    -----
    Beside the logits and the draws, the tree of one slice (or of a block of short ones) is all
    that is in memory: one float64 for each lane. A draw takes log2(lanes) turns.

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
    """
    z, t, mask, index, *_ = check(logits, temperature, axis, where)
    try:
        counts = () if size is None else size if isinstance(size, Sequence) else (size,)
        shape = tuple(operator.index(n) for n in counts)
    except TypeError:
        raise TypeError(f"size must be an integer or a tuple of integers, got {size!r}") from None
    if any(n < 0 for n in shape):
        raise ValueError(f"size must be >= 0, got {size}")
    try:
        generator = np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"rng must be a seed >= 0 or a numpy.random.Generator, got {rng!r}"
        ) from None
    z = np.moveaxis(z, index, -1)
    slices, lanes = z.shape[:-1], z.shape[-1]
    rows = z.reshape(-1, lanes)
    temperatures = np.moveaxis(t, index, -1).reshape(-1, 1)
    masks = None if mask is None else np.moveaxis(mask, index, -1).reshape(-1, lanes)

    draws = np.empty((math.prod(shape), len(rows)), np.int64)
    step = max(1, BLOCK // lanes)
    for start in range(0, len(rows), step):
        block = slice(start, start + step)
        tree = np.empty(rows[block].shape)
        reference.softmax(
            rows[block], temperatures[block], None if masks is None else masks[block], -1, tree
        )
        lacking = ~(tree.max(axis=-1) > 0)
        if lacking.any():
            place = np.unravel_index(start + int(np.argmax(lacking)), slices) if slices else ()
            raise ValueError(
                "logits must have an unmasked lane above -inf and no NaN, got a slice without a "
                f"distribution{f': {tuple(int(i) for i in place)}' if place else ''}"
            )
        # The sums of blocks stand where each block starts, and are a tree of their own.
        for first in range(0, lanes, BLOCK):
            _pair(tree[:, first : first + BLOCK])
        _pair(tree[:, ::BLOCK])
        many = max(1, BLOCK // len(tree))
        for first in range(0, len(draws), many):
            some = draws[first : first + many, block]
            some[...] = _walk(tree, len(some), generator)
    result: NDArray[np.int64] = draws.reshape((*shape, *slices))[()]
    return result


def _pair(tree: Array) -> None:
    """Add neighbours, then pairs, then pairs of pairs along axis 1, and keep how each divides.

    A sum takes the place of its left side, and the place of its right side takes the share of
    the smaller side, negative if that is the left one: of the two shares, the one with digits.
    """
    step = 1
    while step < tree.shape[1]:
        right = tree[:, step :: 2 * step]
        left = tree[:, :: 2 * step][:, : right.shape[1]]
        total = left + right
        with np.errstate(invalid="ignore"):  # nobody comes where both are 0
            share = np.copysign(np.minimum(left, right) / total, left - right)
        left[...], right[...] = total, share
        step *= 2


def _walk(tree: Array, count: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Draw `count` lanes from the tree of each row."""
    rows, lanes = tree.shape
    lane = np.zeros((count, rows), np.int64)
    step = 1 << (lanes - 1).bit_length()
    while step > 1:
        step //= 2
        right = lane + step
        share = tree[np.arange(rows), np.minimum(right, lanes - 1)]
        smaller = _uniform(generator, share.shape) < np.abs(share)
        lane = np.where((smaller != np.signbit(share)) & (right < lanes), right, lane)
    return lane


def _uniform(generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Draw numbers from [0, 1) that have all of their digits, however small they are.

    A generator gives multiples of 2**-53, of which few are as small as the share of a small
    side. No share is above a half: below it the digits go on, with another such number.
    """
    uniform = generator.random(shape)
    small = uniform < 0.5
    if small.any():
        uniform[small] += 2.0**-53 * _uniform(generator, (int(np.count_nonzero(small)),))
    return uniform


def random_logits(n: int, seed: int | np.random.Generator | None = None) -> NDArray[np.float64]:
    """Draw logits uniformly from [0, 1), as the lesson does.

    Parameters
    ----------
    n : int
        How many, at least 1.
    seed : int or numpy.random.Generator, optional
        For the same logits at each call. The default draws new ones.

    Returns
    -------
    ndarray of float64, shape (n,)
        The logits.

    Raises
    ------
    ValueError
        If `n` is less than 1.

    Examples
    --------
    >>> import thermoscope as ts
    >>> ts.random_logits(5, seed=0).round(3)
    array([0.637, 0.27 , 0.041, 0.017, 0.813])
    """
    count = operator.index(n)
    if count < 1:
        raise ValueError(f"n must be >= 1, got {n}")
    return np.random.default_rng(seed).random(count)
