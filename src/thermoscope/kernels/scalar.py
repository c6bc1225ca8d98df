"""The definition for one row of a few lanes, number by number, without NumPy.

Calling a dozen ufuncs takes longer than all the arithmetic of ten lanes in plain Python.

The quotient (z - max) / T is carried in two parts, as in `thermoscope.kernels.numpy`; its first
half, of 26 bits, times a half of T is exact. `thermoscope.kernels.few` is this module compiled:
what is changed here is to be changed there.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["log_softmax", "softmax"]

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
    exp, top = math.exp, max(logits)
    weights = []
    if not wide:
        weights = [exp((logit - top) / temperature) for logit in logits]
    elif temperature == 1:  # as `_quotients` would, but quicker
        bottom = -top
        for logit in logits:
            difference = logit - top
            error = logit - (difference + top) if logit >= bottom else (logit - difference) - top
            weight = exp(difference)
            weights.append(weight + weight * error)
    else:
        for quotient, low in _quotients(logits, temperature):
            weight = exp(quotient)
            weights.append(weight + weight * low)
    total = math.fsum(weights)
    # Infinities and overflows have become NaN on the way.
    return [weight / total for weight in weights] if total == total else None  # noqa: PLR0124


def log_softmax(logits: Sequence[float], temperature: float, *, wide: bool) -> list[float] | None:
    """Return log(softmax(logits / temperature)), or None as `softmax` does."""
    if not 1 / LARGEST <= temperature <= LARGEST:
        return None
    if wide:
        parts = _quotients(logits, temperature)
    else:
        top = max(logits)
        parts = [((logit - top) / temperature, 0.0) for logit in logits]
    # The lanes of the maximum weigh 1 each: log1p wants what the others add to that one.
    weights = [math.exp(quotient) * (1 + low) for quotient, low in parts if quotient != 0]
    total = math.log1p(math.fsum([len(parts) - len(weights) - 1, *weights]))
    if total != total:  # noqa: PLR0124
        return None
    if not wide:
        return [quotient - total for quotient, _ in parts]
    shares = []
    for quotient, low in parts:
        share = quotient - total
        virtual = share - quotient
        shares.append(share + ((quotient - (share - virtual)) - (total + virtual) + low))
    return shares


def _quotients(logits: Sequence[float], temperature: float) -> list[tuple[float, float]]:
    """Return (logit - maximum) / temperature in two parts, for each."""
    top = max(logits)
    scaled = temperature * SPLITTER
    t_high = scaled - (scaled - temperature)
    t_low = temperature - t_high
    bottom = -top
    parts = []
    for logit in logits:
        difference = logit - top
        # What rounding threw away of it, by the larger of the two.
        error = logit - (difference + top) if logit >= bottom else (logit - difference) - top
        quotient = difference / temperature
        scaled = quotient * SPLITTER
        high = scaled - (scaled - quotient)
        rest = difference - high * t_high - high * t_low - (quotient - high) * temperature
        parts.append((quotient, (rest + error) / temperature))
    return parts
