"""The temperature that gives a wanted entropy, perplexity or top probability."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, SupportsIndex, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope import measures
from thermoscope.arguments import (
    ArgumentError,
    broadcasts,
    check,
    log_base,
    one_measure,
    real,
    refuse_for_reported,
)
from thermoscope.definition import log_softmax
from thermoscope.reported import Interval, Reported

Array = NDArray[np.float64]

__all__ = ["temperature_for"]

# Entries of the rows that are solved together.
BLOCK: Final = 1 << 18
# Steps after which the bracket is only halved: no more than 63 halvings are left.
PATIENCE: Final = 60

# Each measure in nats, as a function that rises with T; and its value for n equal entries. An
# entropy is counted in units of some nats: 1 for nats, log 2 for bits.
TO_NATS: Final[dict[str, Callable[[Array, float], Array]]] = {
    "entropy": lambda entropy, unit: unit * entropy,
    "perplexity": lambda perplexity, _: np.log(perplexity),
    "top_probability": lambda probability, _: -np.log(probability),
}
OF_EQUAL: Final[dict[str, Callable[[float, float], float]]] = {
    "entropy": lambda entries, unit: float(np.log(entries)) / unit,
    "perplexity": lambda entries, _: entries,
    "top_probability": lambda entries, _: 1 / entries,
}


@overload
def temperature_for(
    logits: ArrayLike,
    *,
    entropy: ArrayLike | None = None,
    perplexity: ArrayLike | None = None,
    top_probability: ArrayLike | None = None,
    base: float | None = None,
    axis: SupportsIndex = -1,
    where: ArrayLike | None = None,
) -> Array: ...
@overload
def temperature_for(
    logits: Reported,
    *,
    entropy: float | None = None,
    perplexity: float | None = None,
    top_probability: float | None = None,
    base: float | None = None,
) -> Interval: ...
def temperature_for(
    logits: ArrayLike | Reported,
    *,
    entropy: ArrayLike | None = None,
    perplexity: ArrayLike | None = None,
    top_probability: ArrayLike | None = None,
    base: float | None = None,
    axis: SupportsIndex = -1,
    where: ArrayLike | None = None,
) -> Array | Interval:
    """Temperature at which the softmax of logits is as uncertain as wanted.

    Entropy and perplexity rise with the temperature and the top probability falls, so at most
    one temperature gives a wanted value between the ends. It is found to the last digit that
    the value determines, over the whole range of doubles.

    Parameters
    ----------
    logits, where
        As for `softmax`.
    entropy : array_like, optional
        The wanted entropy, in nats unless `base` is given: a number, or an array that broadcasts
        against the rows, whose shape is that of `logits` without `axis`. Exactly one of the three
        values must be given.
    perplexity : array_like, optional
        The wanted perplexity.
    top_probability : array_like, optional
        The wanted probability of the likeliest entry.
    base : float, optional
        The base of the logarithm in the entropy: 2 for bits. The default is e, for nats.
    axis : int, optional
        The axis of the rows.

    Returns
    -------
    ndarray of float64, or float64
        The temperature for each row, in [0, inf]. 0 if the wanted value is that of the tied maxima
        alone, inf if it is that of the uniform distribution. 1 if every temperature gives it (one
        entry, all entries equal, a maximum of +inf). NaN if softmax is not defined (a NaN, or no
        unmasked entry above -inf). If the answer is beyond the range of doubles, it is the double
        whose measure is nearest to the wanted value. Of a `Reported` distribution, the `Interval`
        of the temperatures at which some tail gives the wanted value.

    Raises
    ------
    TypeError
        If not exactly one of the three values is given, or as for `softmax`.
    ValueError
        If no temperature gives the wanted value: the message has the possible range, and
        `ArgumentError.row` is the row. Also as for `softmax`.

    See Also
    --------
    entropy, perplexity : the inverse, from a temperature to its measures.

    Notes
    -----
    At the temperature returned, the value in nats differs from the wanted one by at most
    ``2 eps (nats + |d nats / d log T|)``, with eps = 2.2e-16 (or the spacing of T divided by T,
    where that is more): one or two roundings of the value and of T. T itself is no more certain
    than that: near T = inf, where the value is flat, only half of its digits or fewer are.

    An end that is the logarithm of 2 or more is rounded, in the dtype of the wanted value, so
    every value within ``4 eps (1 + nats)`` of it counts as the end. An end of 0 nats is exact.

    The bracket is [0, inf]. The method is inverse quadratic interpolation, with bisection where
    that is not safe [1]_. Each half has half of the doubles in the bracket, not half of its width.

    References
    ----------
    .. [1] T. R. Chandrupatla, "A new hybrid quadratic/bisection algorithm for finding the zero
       of a nonlinear function without using derivatives", Advances in Engineering Software 28
       (1997), pp. 145-149.

    Examples
    --------
    >>> import thermoscope as ts
    >>> temperature = ts.temperature_for([2.0, 1.0, 0.1], top_probability=0.9)
    >>> round(float(temperature), 6)
    0.432041
    >>> ts.softmax([2.0, 1.0, 0.1], temperature).round(6)
    array([0.9     , 0.088925, 0.011075])

    One temperature for each row, as `softmax` takes it:

    >>> logits = [[2.0, 1.0, 0.1], [20.0, 10.0, 1.0]]
    >>> each = ts.temperature_for(logits, perplexity=2)
    >>> ts.perplexity(logits, each[:, None]).round(6)
    array([2., 2.])

    In bits:

    >>> round(float(ts.temperature_for([2.0, 1.0, 0.1], entropy=1.5, base=2)), 6)
    2.227065
    """
    if isinstance(logits, Reported):
        refuse_for_reported(axis=axis, where=where)
        return logits.temperature_for(
            entropy=entropy, perplexity=perplexity, top_probability=top_probability, base=base
        )
    name, value = one_measure(
        entropy=entropy, perplexity=perplexity, top_probability=top_probability
    )
    unit = log_base(base)
    z, _, mask, index, *_ = check(logits, 1.0, axis, where)
    z = np.moveaxis(z, index, -1)
    given_as = real(name, value)
    dtype: np.dtype[Any] = given_as.dtype if given_as.dtype.kind == "f" else np.dtype(np.float64)
    eps = float(np.finfo(dtype).eps)
    wanted = given_as.astype(np.float64)
    if np.isnan(wanted).any():
        raise ArgumentError(name, "must be a number, got nan")
    entries = z.shape[-1]
    shape = broadcasts(name, wanted.shape, "rows", z.shape[:-1])
    rows = np.broadcast_to(z, (*shape, entries)).reshape(-1, entries)
    if mask is not None:
        mask = np.broadcast_to(np.moveaxis(mask, index, -1), (*shape, entries)).reshape(-1, entries)
    wanted = np.broadcast_to(wanted, shape).reshape(-1)

    result = np.empty(len(rows))
    step = max(1, BLOCK // entries)
    for start in range(0, len(rows), step):
        block = slice(start, start + step)
        part = rows[block].astype(np.float64)
        if mask is not None:
            part[~mask[block]] = -np.inf
        top = part.max(axis=-1)
        first = np.count_nonzero(part == top[:, None], axis=-1)
        last = np.where(top == np.inf, first, np.count_nonzero(part > -np.inf, axis=-1))
        with np.errstate(divide="ignore", invalid="ignore"):
            goal = TO_NATS[name](wanted[block], unit)
        low, high = (np.log(np.maximum(count, 1), dtype=np.float64) for count in (first, last))
        # The logarithm of 1 is exact; elsewhere the ends are rounded, as is the wanted value.
        low_slack, high_slack = (4 * eps * (end + 1) * (end > 0) for end in (low, high))
        defined = top > -np.inf
        impossible = defined & ~((goal >= low - low_slack) & (goal <= high + high_slack))
        if impossible.any():
            at = int(np.argmax(impossible))
            zero, infinite = (OF_EQUAL[name](count[at].item(), unit) for count in (first, last))
            row = start + at
            place = tuple(int(i) for i in np.unravel_index(row, shape)) if shape else ()
            raise ArgumentError(
                name,
                f"must be between {zero} at T = 0 and {infinite} at T = inf"
                f"{f' for row {place}' if place else ''}, got {wanted[row]}",
                row,
            )
        found = np.where(goal <= low + low_slack, 0.0, np.inf)
        found[low == high] = 1.0
        found[~defined] = np.nan
        inside = np.flatnonzero((goal > low + low_slack) & (goal < high - high_slack) & defined)
        found[inside] = _root(name, part[inside], goal[inside], low[inside], high[inside])
        result[block] = found
    final: Array = result.reshape(shape)[()]
    return final


@np.errstate(all="ignore")
def _root(name: str, rows: Array, goal: Array, low: Array, high: Array) -> Array:
    """Return for each row the temperature at which its measure is `goal`, within (low, high).

    The bracket is [0, inf], in bits of doubles read as integers. They have the order of the
    doubles and rise about as their logarithm, so bisection halves the binades, works for every
    temperature, and ends with two neighbouring doubles.
    """

    def miss(nats: Array, at: NDArray[np.intp]) -> Array:
        # The logarithm of nats / goal: it has the sign of the difference, and is nearly linear
        # in the temperature where the measure itself is exponential.
        return np.log1p((nats - goal[at]) / goal[at])

    root = np.empty(len(rows))
    at = np.arange(len(rows))
    a, b = np.zeros(len(rows), np.int64), np.full(len(rows), np.inf).view(np.int64)
    miss_a, miss_b = miss(low, at), miss(high, at)
    step = np.full(len(rows), 0.5)
    steps = 0
    while at.size:
        x = a + np.rint(step * (b - a)).astype(np.int64)
        x = np.clip(x, np.minimum(a, b) + 1, np.maximum(a, b) - 1)
        part = rows if at.size == len(rows) else rows[at]
        temperature = x.view(np.float64)[:, None]
        if name == "top_probability":
            nats = -log_softmax(part, temperature).max(axis=-1)
        else:
            nats = measures.entropy(part, temperature)
        miss_x = miss(nats, at)
        # Now a is the newest point, b the one on the other side of the root, c the one before.
        same = np.sign(miss_x) == np.sign(miss_a)
        c, miss_c = np.where(same, a, b), np.where(same, miss_a, miss_b)
        b, miss_b = np.where(same, b, a), np.where(same, miss_b, miss_a)
        a, miss_a = x, miss_x
        nearest = np.abs(np.expm1(miss_a)) < np.abs(np.expm1(miss_b))
        root[at] = np.where(nearest, a, b).view(np.float64)
        unsolved = (np.abs(b - a) > 1) & (miss_a != 0)
        at, a, b, c = at[unsolved], a[unsolved], b[unsolved], c[unsolved]
        miss_a, miss_b, miss_c = miss_a[unsolved], miss_b[unsolved], miss_c[unsolved]
        steps += 1
        # An infinite miss gives NaN, which compares as False: the bracket is halved.
        xi, phi = (a - b) / (c - b), (miss_a - miss_b) / (miss_c - miss_b)
        safe = (phi**2 < xi) & ((1 - phi) ** 2 < 1 - xi) & (steps < PATIENCE)
        to_b = miss_a / (miss_b - miss_a) * miss_c / (miss_b - miss_c)
        to_c = miss_a / (miss_c - miss_a) * miss_b / (miss_c - miss_b)
        step = np.where(safe, to_b + to_c * (c - a) / (b - a), 0.5)
    return root
