"""`thermoscope.kernels.scalar` compiled by numba: the same operations in the same order.

So both give the same digits, and it makes no difference, but for the time, which of them a few
lanes meet. Nobody waits for this one: it comes with the fused kernel, once something else has
called for that.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import njit, types

from thermoscope.kernels.scalar import LARGEST, SPLITTER
from thermoscope.kernels.simd import borrowed, compiled, keep

__all__ = ["ROWS"]


@njit
def _quotient(logit, top, temperature, t_high, t_low):
    """Return (logit - top) / temperature of doubles in two parts."""
    difference = logit - top
    error = logit - (difference + top) if logit >= -top else (logit - difference) - top
    quotient = difference / temperature
    scaled = quotient * SPLITTER
    high = scaled - (scaled - quotient)
    rest = difference - high * t_high - high * t_low - (quotient - high) * temperature
    return quotient, (rest + error) / temperature


@njit
def _two_sum(a, b):
    total = a + b
    virtual = total - a
    return total, (a - (total - virtual)) + (b - virtual)


@njit
def _rounded(total, low, rest):
    """Return a sum of three, each of them small beside the last, rounded once as math.fsum is."""
    high, left = _two_sum(total, low)
    # Of two neighbours as near, the even one came out, but the rest says which is nearer.
    beyond = high + 2 * left
    nearer = (left > 0 and rest > 0) or (left < 0 and rest < 0)
    return beyond if nearer and beyond - high == 2 * left else high


@njit
def _weights(logits, top, temperature, log, shares, lows):
    """Put what becomes the shares in their place, the weights or quotients; return the total."""
    scaled = temperature * SPLITTER
    t_high = scaled - (scaled - temperature)
    t_low = temperature - t_high
    total = low = rest = 0.0
    tops = 0
    for k in range(len(logits)):
        logit = np.float64(logits[k])
        if logits.itemsize == 8:
            quotient, quotient_low = _quotient(logit, top, temperature, t_high, t_low)
        else:
            quotient, quotient_low = (logit - top) / temperature, 0.0
        weight = math.exp(quotient)
        if log:
            shares[k], lows[k] = quotient, quotient_low
            tops += quotient == 0
            weight = weight * (1 + quotient_low) if quotient != 0 else 0.0
        else:
            weight = weight + weight * quotient_low
            shares[k] = weight
        total, error = _two_sum(total, weight)
        low, error = _two_sum(low, error)
        rest += error
    if log:
        total, error = _two_sum(total, np.float64(tops - 1))
        low, error = _two_sum(low, error)
        return math.log1p(_rounded(total, low, rest + error))
    return _rounded(total, low, rest)


@njit
def _log_shares(total, wide, shares, lows):
    for k in range(len(shares)):
        share = shares[k] - total
        if wide:
            virtual = share - shares[k]
            share += (shares[k] - (share - virtual)) - (total + virtual) + lows[k]
        shares[k] = share


@njit
def _shares(logits, temperature, log, shares, lows):
    """Put what becomes of a row in its place; return whether it is ordinary."""
    top = logits[0]
    for logit in logits:
        top = max(top, logit)
    total = _weights(logits, np.float64(top), temperature, log, shares, lows)
    if log:
        _log_shares(total, logits.itemsize == 8, shares, lows)
    else:
        for k in range(len(shares)):
            shares[k] /= total
    return not math.isnan(total)  # infinities and overflows have become that


@njit
def _rows(logits, temperature, log, out):
    if not 1 / LARGEST <= temperature <= LARGEST or logits.shape != out.shape:
        return False
    rows, targets = borrowed(logits), borrowed(out)
    shares_ = np.empty(rows.shape)
    lows_ = np.empty(rows.shape[1]) if log else shares_[0]  # else there are none
    shares, lows = borrowed(shares_), borrowed(lows_)
    for k in range(len(rows)):
        if not _shares(rows[k], temperature, log, shares[k], lows):
            return False
    for k in range(len(rows)):
        target, own = targets[k], shares[k]
        for lane in range(len(target)):
            target[lane] = own[lane]
    keep((shares_, lows_))
    return True


def matrix(logits, temperature, log, out):
    """Write softmax(logits / temperature) or its logarithm of rows to `out`.

    Return whether all are ordinary, and fit in there. If not, nothing is written. `out` may overlap
    the logits.
    """
    return _rows(logits, temperature, log, out)


def vector(logits, temperature, log, out):
    """Do what `matrix` does for one row alone."""
    return _rows(logits[None], temperature, log, out[None])


def _entry(function, number, dimensions):
    """Return what works arrays of a type, called without numba's look at their types.

    That takes as long as ten lanes, and the callers have looked already. They must: an array of
    another number of axes would be read beyond its end. The logits may lie in any way.
    """
    logits = types.Array(number, dimensions, "A", aligned=False)
    out = types.Array(number, dimensions, "C")
    # To give the lock away and take it again takes as long as ten lanes.
    dispatcher = compiled(function, nogil=False)
    return dispatcher.compile((logits, types.float64, types.boolean, out))


# By dtype: what works a vector, and what works a matrix, into one that is C-contiguous.
ROWS: Final = {
    np.dtype(str(number)): (_entry(vector, number, 1), _entry(matrix, number, 2))
    for number in (types.float32, types.float64)
}
