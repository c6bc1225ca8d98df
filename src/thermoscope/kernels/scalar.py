"""The definition for one row of a few lanes, number by number, without NumPy.

Calling a dozen ufuncs takes longer than all the arithmetic of ten lanes in plain Python.

The quotient (z - max) / T is carried in two parts, as in `thermoscope.kernels.numpy`; its first
half, of 26 bits, times a half of T is exact.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["softmax"]

# 2 ** 27 + 1 splits a double's 53 bits in two halves.
SPLITTER: Final = 134217729.0
LARGEST: Final = 1e100


def softmax(logits: Sequence[float], temperature: float, *, wide: bool) -> list[float] | None:
    """Return softmax(logits / temperature), or None if another kernel has to see to it.

    That is so for all that is not ordinary: T = 0 or inf, anything infinite or NaN, magnitudes
    that overflow on the way. `wide` says that the logits are of float64, not of float32 or less,
    for which double precision has room enough.
    """
    if not 1 / LARGEST <= temperature <= LARGEST:
        return None
    exp = math.exp
    top = max(logits)
    weights = []
    if not wide:
        weights = [exp((logit - top) / temperature) for logit in logits]
    elif temperature == 1:
        for logit in logits:
            difference = logit - top
            virtual = difference - logit
            error = (logit - (difference - virtual)) - (top + virtual)
            weight = exp(difference)
            weights.append(weight + weight * error)
    else:
        scaled = temperature * SPLITTER
        t_high = scaled - (scaled - temperature)
        t_low = temperature - t_high
        inverse = 1 / temperature
        for logit in logits:
            difference = logit - top
            virtual = difference - logit
            error = (logit - (difference - virtual)) - (top + virtual)
            quotient = difference / temperature
            scaled = quotient * SPLITTER
            high = scaled - (scaled - quotient)
            rest = difference - high * t_high - high * t_low - (quotient - high) * temperature
            weight = exp(quotient)
            weights.append(weight + weight * (rest + error) * inverse)
    total = math.fsum(weights)
    # Infinities and overflows have become NaN on the way.
    return [weight / total for weight in weights] if total == total else None  # noqa: PLR0124
