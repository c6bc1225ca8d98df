"""Measures of a softmax: entropy and perplexity."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from thermoscope.definition import check
from thermoscope.kernels import numpy as kernel

if TYPE_CHECKING:
    from typing import Any, SupportsIndex

    from numpy.typing import ArrayLike, NDArray

__all__ = ["entropy", "perplexity"]


def entropy(
    logits: ArrayLike,
    temperature: ArrayLike = 1.0,
    *,
    axis: SupportsIndex = -1,
    where: ArrayLike | None = None,
    base: float | None = None,
) -> NDArray[Any]:
    """Shannon entropy of the softmax of logits at a temperature.

    Computed from the logits, not from rounded probabilities: as the log of the total weight
    plus the mean distance from the maximum, two terms of one sign.

    Parameters
    ----------
    logits : array_like
        Real numbers of any shape; see `softmax`.
    temperature : array_like, optional
        A number in [0, inf], or an array of them with size 1 along `axis`.
    axis : int, optional
        The axis whose lanes are the distribution.
    where : array_like of bool, optional
        A mask that broadcasts against `logits`: lanes where it is False do not exist.
    base : float, optional
        The base of the logarithm, > 0 and not 1: 2 for bits. The default is e, for nats.

    Returns
    -------
    ndarray or scalar
        The entropy of each slice, without `axis`, of the dtype of `logits`: between 0 and the
        logarithm of the number of lanes. NaN where softmax is NaN; 0 where all is masked.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind; see `softmax`.
    ValueError
        If an argument has the wrong value or shape; see `softmax`.

    References
    ----------
    .. [1] C. E. Shannon, "A mathematical theory of communication", 1948, section 6.

    Examples
    --------
    >>> import thermoscope as ts
    >>> float(ts.entropy([0.0, 0.0, 0.0, 0.0], base=2))
    2.0
    >>> float(ts.entropy([2.0, 2.0, 0.1], 0))
    0.6931471805599453
    """
    nats = _nats(logits, temperature, axis, where)
    if base is not None:
        if not (base > 0 and base != 1 and math.isfinite(base)):
            raise ValueError(f"base must be a finite number > 0 other than 1, got {base}")
        nats = nats / math.log(base)
    return _rounded(nats, logits)


def perplexity(
    logits: ArrayLike,
    temperature: ArrayLike = 1.0,
    *,
    axis: SupportsIndex = -1,
    where: ArrayLike | None = None,
) -> NDArray[Any]:
    """Perplexity of the softmax of logits at a temperature: its number of effective choices.

    The exponential of the entropy: as many equally likely lanes would be as uncertain. It does
    not depend on the base in which the entropy is measured.

    Parameters
    ----------
    logits : array_like
        Real numbers of any shape; see `softmax`.
    temperature : array_like, optional
        A number in [0, inf], or an array of them with size 1 along `axis`.
    axis : int, optional
        The axis whose lanes are the distribution.
    where : array_like of bool, optional
        A mask that broadcasts against `logits`: lanes where it is False do not exist.

    Returns
    -------
    ndarray or scalar
        The perplexity of each slice, without `axis`, of the dtype of `logits`: between 1 and
        the number of lanes. NaN where softmax is NaN.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind; see `softmax`.
    ValueError
        If an argument has the wrong value or shape; see `softmax`.

    References
    ----------
    .. [1] F. Jelinek, R. L. Mercer, L. R. Bahl and J. K. Baker, "Perplexity: a measure of the
       difficulty of speech recognition tasks", 1977.

    Examples
    --------
    >>> import math
    >>> import thermoscope as ts
    >>> round(float(ts.perplexity([3.0, 1.0, 0.2], math.inf)), 12)
    3.0
    >>> float(ts.perplexity([3.0, 1.0, 0.2], 0))
    1.0
    """
    return _rounded(np.exp(_nats(logits, temperature, axis, where)), logits)


def _nats(
    logits: ArrayLike, temperature: ArrayLike, axis: SupportsIndex, where: ArrayLike | None
) -> NDArray[np.float64]:
    """Return the entropy in nats in float64, whatever the dtype of the logits."""
    arguments = check(logits, temperature, axis, where)
    nats = np.empty(arguments.temperature.shape)
    kernel.entropy(arguments.logits, arguments.temperature, arguments.where, arguments.axis, nats)
    return nats.squeeze(arguments.axis)


def _rounded(values: NDArray[np.float64], logits: ArrayLike) -> NDArray[Any]:
    dtype = np.asarray(logits).dtype
    # [()] makes of an array without dimensions the scalar that NumPy's reductions give.
    result: NDArray[Any] = values.astype(np.float64 if dtype.kind in "iub" else dtype)[()]
    return result
