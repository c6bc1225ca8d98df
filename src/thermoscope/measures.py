"""Measures of a softmax: entropy, cross-entropy, divergence, derivatives.

Except for the temperature derivative, they are computed from logarithms of probabilities, which
keep their digits where a probability rounds to 0 or 1. They take arrays of any library.
"""

from __future__ import annotations

import math
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike

from thermoscope.arguments import (
    ArgumentError,
    ArgumentTypeError,
    Axis,
    Result,
    broadcasts,
    check,
    check_any,
    log_base,
    real_any,
    refuse_for_reported,
)
from thermoscope.definition import log_softmax, softmax
from thermoscope.kernels import array_api, reference
from thermoscope.reported import Interval, Reported

__all__ = [
    "cross_entropy",
    "entropy",
    "jacobian",
    "kl_divergence",
    "perplexity",
    "temperature_derivative",
]


@overload
def entropy(
    logits: ArrayLike,
    temperature: ArrayLike = 1.0,
    *,
    axis: Axis = -1,
    where: ArrayLike | None = None,
    base: float | None = None,
) -> Result: ...
@overload
def entropy(
    logits: Reported, temperature: float = 1.0, *, base: float | None = None
) -> Interval: ...
def entropy(
    logits: ArrayLike | Reported,
    temperature: ArrayLike = 1.0,
    *,
    axis: Axis = -1,
    where: ArrayLike | None = None,
    base: float | None = None,
) -> Result | Interval:
    """Shannon entropy of the softmax of logits at a temperature.

    Computed from the logits, not from rounded probabilities: as the log of the sum of
    exp((z - max z) / T) plus the mean of (max z - z) / T, two terms of one sign.

    Parameters
    ----------
    logits, temperature, axis, where
        As for `softmax`.
    base : float, optional
        The base of the logarithm, > 0 and not 1: 2 for bits. The default is e, for nats.

    Returns
    -------
    ndarray or scalar, or an array of the library of the arguments
        The entropy of each row, without `axis`, of the dtype of `logits`: between 0 and the
        logarithm of the number of entries. NaN where softmax is NaN; 0 where all is masked. Of a
        `Reported` distribution, an `Interval`.

    Raises
    ------
    TypeError, ValueError
        As for `softmax`; a ValueError if `base` is not one.

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
    if isinstance(logits, Reported):
        refuse_for_reported(axis=axis, where=where)
        return logits.entropy(temperature, base=base)
    divisor = log_base(base)
    xp, nats, dtype, _ = _nats(logits, temperature, axis, where)
    return _rounded(xp, nats / divisor, dtype)


@overload
def perplexity(
    logits: ArrayLike,
    temperature: ArrayLike = 1.0,
    *,
    axis: Axis = -1,
    where: ArrayLike | None = None,
) -> Result: ...
@overload
def perplexity(logits: Reported, temperature: float = 1.0) -> Interval: ...
def perplexity(
    logits: ArrayLike | Reported,
    temperature: ArrayLike = 1.0,
    *,
    axis: Axis = -1,
    where: ArrayLike | None = None,
) -> Result | Interval:
    """Perplexity of the softmax of logits at a temperature: its number of effective choices.

    The exponential of the entropy: this number of equally likely entries has the same entropy. It
    does not depend on the base of the logarithm.

    Parameters
    ----------
    logits, temperature, axis, where
        As for `softmax`.

    Returns
    -------
    ndarray or scalar, or an array of the library of the arguments
        The perplexity of each row, without `axis`, of the dtype of `logits`: at least 1 and at
        most the number of entries above -inf. NaN where softmax is NaN; 1 where all is masked. Of
        a `Reported` distribution, an `Interval`.

    Raises
    ------
    TypeError, ValueError
        As for `softmax`.

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
    if isinstance(logits, Reported):
        refuse_for_reported(axis=axis, where=where)
        return logits.perplexity(temperature)
    xp, nats, dtype, (z, mask, axes) = _nats(logits, temperature, axis, where)
    value = xp.exp(nats)
    # exp(log n), rounded twice, may be above n. (A NaN is neither above nor below.)
    possible = z > -math.inf if mask is None else (z > -math.inf) & mask
    most = xp.sum(array_api.astype(xp, possible, value.dtype), axis=axes)
    value = xp.where(value > most, most, value)
    return _rounded(xp, xp.where(value < 1, 1.0, value), dtype)


def cross_entropy(
    logits: ArrayLike,
    targets: ArrayLike,
    temperature: ArrayLike = 1.0,
    *,
    ignore_index: int | None = -100,
    axis: Axis = -1,
    where: ArrayLike | None = None,
) -> Result:
    """Cross-entropy of targets and the softmax of logits at a temperature, in nats.

    For each row it is -log p of the target class. Where the targets are probabilities, it is the
    sum of -log p times the target over the classes.

    Parameters
    ----------
    logits, temperature, axis, where
        As for `softmax`. Masked entries have probability 0.
    targets : array_like
        Integers: the class of each row, in the shape of `logits` without `axis`, or with a last
        axis of size 1; over several axes, the number of the entry, with the last axis running
        fastest. Floats: the probability of each entry, in the shape of `logits`; they need not sum
        to 1.
    ignore_index : int or None, optional
        The class of a row that has no target, as for `fit_temperature`: its cross-entropy is NaN,
        which ``numpy.nanmean`` leaves out. None: there is no such class.

    Returns
    -------
    ndarray or scalar, or an array of the library of the arguments
        The cross-entropy of each row, not reduced, without `axis`, of the dtype of `logits`:
        inf where the probability of a target is exactly 0 by definition, or its logarithm is
        beyond the range of the dtype; NaN where softmax is NaN or the row has no target. An entry
        whose target is 0 adds nothing, whatever its probability.

    Raises
    ------
    TypeError, ValueError
        As for `softmax`; a ValueError if a class is not one of the entries. If the values of the
        classes can't be read (in a lazy array, or on a GPU), such a row is NaN instead.

    References
    ----------
    .. [1] I. J. Good, "Rational decisions", 1952, section 8.

    Examples
    --------
    >>> import numpy as np
    >>> import thermoscope as ts
    >>> logits = [[2.0, 1.0, 0.1], [0.0, 3.0, 0.0]]
    >>> ts.cross_entropy(logits, [0, 1]).round(4)
    array([0.417 , 0.0949])

    A row without a target is left out of a mean:

    >>> float(np.nanmean(ts.cross_entropy(logits, [0, -100])).round(4))
    0.417

    To distil, take a teacher's softmax at the same temperature as targets:

    >>> teacher = ts.softmax([[2.0, 1.5, 0.0], [0.0, 1.0, 0.0]], 2.0)
    >>> ts.cross_entropy(logits, teacher, 2.0).round(4)
    array([1.034 , 1.1912])
    """
    xp, z, t, mask, axes, dtype = check_any(logits, temperature, axis, where, targets)
    place = array_api.namespace(z)[1]
    wanted = real_any(xp, place, "targets", targets)
    log_p = log_softmax(z, t, axis=axes, where=mask)
    if xp.isdtype(wanted.dtype, "real floating"):
        along = [wanted.shape[k] if -k <= wanted.ndim else 1 for k in axes]
        if along != [z.shape[k] for k in axes]:
            raise ArgumentError(
                "targets",
                f"of dtype {wanted.dtype} must be probabilities in the shape of logits, "
                f"{tuple(z.shape)}, got {tuple(wanted.shape)}",
            )
        broadcasts("targets", wanted.shape, "logits", log_p.shape)
        wanted = array_api.astype(xp, wanted, z.dtype)
        # 0 * -inf counts as 0.
        log_p = xp.where((wanted == 0) & (log_p == -math.inf), 0.0, log_p)
        return _rounded(xp, 0 - xp.sum(wanted * log_p, axis=axes), dtype)
    if not xp.isdtype(wanted.dtype, "integral"):
        raise ArgumentTypeError("targets", f"must be classes or probabilities, got {wanted.dtype}")
    log_p = array_api.entries_last(xp, log_p, axes)
    rows = tuple(log_p.shape[:-1])
    if tuple(wanted.shape) == (*rows, 1):
        wanted = xp.reshape(wanted, rows)
    broadcasts("targets", wanted.shape, "rows", rows)
    classes = log_p.shape[-1]
    ignored = xp.zeros_like(wanted, dtype=xp.bool)
    known = xp.iinfo(wanted.dtype)
    # Some libraries wrap a number that the dtype does not hold: 156 is -100 in eight bits.
    if ignore_index is not None and known.min <= ignore_index <= known.max:
        ignored = wanted == ignore_index
    outside = ((wanted < 0) | (wanted >= classes)) & ~ignored
    if array_api.some(outside):
        row = int(xp.argmax(array_api.astype(xp, xp.reshape(outside, (-1,)), xp.int8)))
        bad = int(xp.reshape(wanted, (-1,))[row])
        raise ArgumentError("targets", f"must be in [0, {classes}), got {bad}", row)
    entries = xp.arange(classes, **place)
    chosen = xp.expand_dims(array_api.astype(xp, wanted, entries.dtype), axis=-1) == entries
    # A comparison with every class is cheap next to log_softmax, and works in every library. Dask
    # has no take_along_axis, and only some devices raise an error for an index out of range.
    value = 0 - xp.sum(xp.where(chosen, log_p, 0.0), axis=-1)
    return _rounded(xp, xp.where(outside | ignored, math.nan, value), dtype)


def kl_divergence(
    logits: ArrayLike,
    other: ArrayLike,
    temperature: ArrayLike = 1.0,
    other_temperature: ArrayLike | None = None,
    *,
    axis: Axis = -1,
    where: ArrayLike | None = None,
) -> Result:
    """Kullback-Leibler divergence of two softmaxes, in nats.

    How far q, the softmax of `other`, is from p, the softmax of `logits`: the sum of p log(p / q).
    It is computed as the sum of p log(p / q) - p + q, which is equal because p and q both sum to 1.
    These terms are never negative, so nothing cancels where p and q are nearly equal.

    Parameters
    ----------
    logits, temperature, axis, where
        As for `softmax`.
    other : array_like
        The logits of the other distribution, with as many entries along `axis`; the other axes
        broadcast against those of `logits`.
    other_temperature : array_like, optional
        The temperature of `other`. The default is `temperature`.

    Returns
    -------
    ndarray or scalar, or an array of the library of the arguments
        The divergence of each row, not reduced, without `axis`, of the dtype of `logits`: never
        negative, inf where q is exactly 0 by definition for an entry whose p is not, NaN where
        either softmax is NaN, 0 where all is masked.

    Raises
    ------
    TypeError, ValueError
        As for `softmax`.

    References
    ----------
    .. [1] S. Kullback and R. A. Leibler, "On information and sufficiency", 1951.

    Examples
    --------
    >>> import math
    >>> import thermoscope as ts
    >>> round(float(ts.kl_divergence([2.0, 1.0, 0.1], [0.0, 0.0, 0.0])), 4)
    0.2519
    >>> float(ts.kl_divergence([2.0, 1.0, 0.1], [2.0, 1.0, 0.1], 1.0, 0))
    inf

    The same logits at another temperature:

    >>> round(float(ts.kl_divergence([2.0, 1.0, 0.1], [2.0, 1.0, 0.1], 1.0, 2.0)), 4)
    0.0579
    """
    other_t = temperature if other_temperature is None else other_temperature
    xp, z, t, mask, axes, dtype = check_any(logits, temperature, axis, where, other, other_t)
    names = ("other", "temperature" if other_temperature is None else "other_temperature")
    _, y, s, _, _, _ = check_any(other, other_t, axes, where, logits, temperature, names=names)
    if [z.shape[k] for k in axes] != [y.shape[k] for k in axes]:
        raise ArgumentError(
            "other",
            f"must have as many entries as logits of shape {tuple(z.shape)} along axis {axis}, "
            f"got shape {tuple(y.shape)}",
        )
    log_p = log_softmax(z, t, axis=axes, where=mask)
    log_q = log_softmax(y, s, axis=axes, where=mask)
    broadcasts("other", log_q.shape, "logits", log_p.shape)
    p, q = xp.exp(log_p), xp.exp(log_q)
    p_has, q_has = log_p != -math.inf, log_q != -math.inf
    ratio = xp.where(p_has & q_has, log_p, 0.0) - xp.where(p_has & q_has, log_q, 0.0)
    near = xp.abs(ratio) < 1
    small = xp.where(near, ratio, 0.0)
    # p log(p / q) - p + q in two forms: one is accurate for small log-ratios, the other for small
    # probabilities.
    term = xp.where(near, p * (xp.expm1(-small) + small), p * ratio - p + q)
    term = xp.where(p_has, xp.where(q_has, term, math.inf), q)
    return _rounded(xp, xp.sum(term, axis=axes), dtype)


def jacobian(
    logits: ArrayLike,
    temperature: ArrayLike = 1.0,
    *,
    axis: Axis = -1,
    where: ArrayLike | None = None,
) -> Result:
    """Jacobian matrix of the softmax of logits at a temperature: its derivative by the logits.

    ``(diag(p) - p p^T) / temperature``, whose rows and columns sum to 0.

    Parameters
    ----------
    logits, temperature, axis, where
        As for `softmax`. Of several axes the last one runs fastest.

    Returns
    -------
    ndarray, or an array of the library of the arguments
        The derivatives dp_i / dz_j at [..., i, j], of the dtype of `logits`: in the place of
        `axis`, two axes of n entries each at the end. 0 for masked entries and for entries of
        -inf; 0 at T = inf and where the maximum is +inf, where no finite change of a logit
        changes p. At T = 0, where p is a step function, it is 0, except between entries that tie
        for the maximum: there it is inf on the diagonal and -inf off it. NaN where softmax is NaN.

    Raises
    ------
    TypeError, ValueError
        As for `softmax`.

    References
    ----------
    .. [1] J. S. Bridle, "Training stochastic model recognition algorithms as networks can lead
       to maximum mutual information estimation of parameters", 1989, section 4.

    Examples
    --------
    >>> import thermoscope as ts
    >>> ts.jacobian([1.0, 1.0], 0.5)
    array([[ 0.5, -0.5],
           [-0.5,  0.5]])
    >>> ts.jacobian([1.0, 1.0], 0)
    array([[ inf, -inf],
           [-inf,  inf]])
    """
    xp, z, t, mask, axes, dtype = check_any(logits, temperature, axis, where)
    with array_api.quiet(xp):
        p = softmax(z, t, axis=axes, where=mask)
        log_p = log_softmax(z, t, axis=axes, where=mask)
        infinite = (z == math.inf) if mask is None else (z == math.inf) & mask
        divisor = array_api.temperature_like(xp, t, z)
        divisor = xp.where(xp.any(infinite, axis=axes, keepdims=True), math.inf, divisor)
        p, log_p, divisor = (array_api.entries_last(xp, a, axes) for a in (p, log_p, divisor))
        entries = xp.arange(p.shape[-1], **array_api.namespace(z)[1])
        value = xp.where(
            xp.expand_dims(entries, axis=1) == entries,
            # 1 - p from the logarithm, for the entry whose p rounds to 1.
            xp.expand_dims(p * -xp.expm1(log_p), axis=-1),
            0 - xp.expand_dims(p, axis=-1) * xp.expand_dims(p, axis=-2),
        )
        divisor = xp.expand_dims(divisor, axis=-1)
        at_zero = divisor == 0
        value = value / xp.where(at_zero, 1.0, divisor)
        value = xp.where(at_zero & (value > 0), math.inf, value)
        value = xp.where(at_zero & (value < 0), -math.inf, value)
        result: Result = array_api.narrowed(xp, value, dtype)
        return result


def temperature_derivative(
    logits: ArrayLike,
    temperature: ArrayLike = 1.0,
    *,
    axis: Axis = -1,
    where: ArrayLike | None = None,
) -> Result:
    """Rate at which the softmax of logits changes with the temperature.

    ``p (mean - z) / temperature ** 2``, with the mean of the logits z under p. As the temperature
    rises, entries above the mean lose probability and entries below it gain it.

    Parameters
    ----------
    logits, temperature, axis, where
        As for `softmax`.

    Returns
    -------
    ndarray, or an array of the library of the arguments
        The derivatives dp_i / dT, of the dtype and shape of softmax. They sum to 0 along `axis`.
        0 for masked entries and for entries of -inf; 0 at both ends, T = 0 (from the right) and
        T = inf; 0 where the maximum is +inf, where p does not depend on T. NaN where softmax is
        NaN.

    Raises
    ------
    TypeError, ValueError
        As for `softmax`.

    Examples
    --------
    >>> import thermoscope as ts
    >>> ts.temperature_derivative([2.0, 1.0, 0.1]).round(3)
    array([-0.283,  0.138,  0.145])
    >>> ts.temperature_derivative([2.0, 2.0, 0.1], 0)
    array([0., 0., 0.])
    """
    xp, z, t, mask, axes, dtype = check_any(logits, temperature, axis, where)
    with array_api.quiet(xp):
        p = softmax(z, t, axis=axes, where=mask)
        # Not from log p, which at high temperatures has lost the digits of the quotients.
        quotient = array_api.quotients(xp, z, t, mask, axes)
        mean = xp.sum(p * quotient, axis=axes, keepdims=True)
        divisor = array_api.temperature_like(xp, t, z)
        divisor = xp.where((divisor > 0) & (divisor < math.inf), divisor, 1.0)
        result: Result = array_api.narrowed(xp, p * (mean - quotient) / divisor, dtype)
        return result


def _nats(
    logits: ArrayLike, temperature: ArrayLike, axis: Axis, where: ArrayLike | None
) -> tuple[Any, Any, Any, tuple[Any, Any, Any]]:
    """Return the library, the entropy in nats, the result's dtype, and (logits, where, axes)."""
    if array_api.foreign(logits, temperature, where):
        xp, z, t, mask, axes, dtype = check_any(logits, temperature, axis, where)
        nats = array_api.entropy(xp, z, t, mask, axes)
        return xp, xp.squeeze(nats, axis=axes), dtype, (z, mask, axes)
    z, t, mask, index, dtype, _, _ = check(logits, temperature, axis, where)
    nats = np.empty(t.shape)
    reference.entropy(z, t, mask, index, nats)
    return np, nats.squeeze(index), dtype, (z, mask, index)


def _rounded(xp: Any, values: Any, dtype: Any) -> Result:
    result: Result = array_api.narrowed(xp, xp.asarray(values) if xp is np else values, dtype)
    # [()] turns an array without dimensions into a scalar, as NumPy's reductions return.
    return result[()] if xp is np else result
