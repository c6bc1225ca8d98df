"""Draws."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["random_logits"]


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
