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


def rows(logits, temperature, log, out):
    """Write softmax(logits / temperature) or its logarithm of one row or of several to `out`.

    Return whether all are ordinary, and fit in there. If not, nothing is written. `out` may overlap
    the logits.
    """
    if not 1 / LARGEST <= temperature <= LARGEST or logits.shape != out.shape:
        return False
    lanes, lane, target = logits.shape[-1], borrowed(logits.reshape(-1)), borrowed(out.reshape(-1))
    shares_ = np.empty(len(lane))
    lows_ = np.empty(len(lane)) if log else shares_  # else there are none
    shares, lows = borrowed(shares_), borrowed(lows_)
    for begin in range(0, len(lane), lanes):
        row, own = lane[begin : begin + lanes], shares[begin : begin + lanes]
        top = row[0]
        for logit in row:
            top = max(top, logit)
        own_lows = lows[begin : begin + lanes]
        total = _weights(row, np.float64(top), temperature, log, own, own_lows)
        if math.isnan(total):  # infinities and overflows have become that
            return False
        if log:
            _log_shares(total, logits.itemsize == 8, own, own_lows)
        else:
            own /= total
    for k in range(len(lane)):
        target[k] = shares[k]
    keep((shares_, lows_))
    return True


_compiled: Final = compiled(
    rows,
    [
        types.boolean(array, types.float64, types.boolean, array)
        for kind in (types.float32, types.float64)
        for array in (kind[:, ::1], kind[::1])
    ],
    nogil=False,  # to give the lock away and take it again takes as long as ten lanes
)


def _entry(array):
    """Return what works arrays of a type, called without numba's look at their types.

    That takes as long as ten lanes, and the callers have looked already. They must: an array of
    another number of axes would be read beyond its end.
    """
    return _compiled.overloads[array, types.float64, types.boolean, array].entry_point


# By dtype: what works C-contiguous matrices, and what works such vectors.
ROWS: Final = {
    np.dtype(str(kind)): (_entry(kind[:, ::1]), _entry(kind[::1]))
    for kind in (types.float32, types.float64)
}
