"""The definition on NumPy arrays, block by block: no temporary grows with the input.

Everything is worked in float64 and rounded once to the result's dtype. For float64 logits that
alone is not enough: rounding (z - max) / T to a double is an error of half an ulp of a number
as large as 745, and exp turns it into hundreds of ulps. So the part that rounding throws away
is kept: Knuth's two-sum gives the low part of the difference, Dekker's product that of the
quotient, and both enter the result as a factor 1 + low. The sum over lanes is a tree of
two-sums. See T. J. Dekker, "A floating-point technique for extending the available precision",
Numerische Mathematik 18 (1971), and D. E. Knuth, The Art of Computer Programming 2, 4.2.2.

The functions take arrays that `thermoscope.definition` has checked and broadcast: logits of any
strides, a temperature with one value for each slice (or one for all), a mask or None; `axis` is
the axis of the lanes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Lanes = NDArray[np.bool_]

__all__ = ["entropy", "log_softmax", "softmax"]

# A block and its handful of scratch arrays of float64 stay in the second-level cache.
BLOCK: Final = 1 << 14
# Below this many lanes a ufunc's inner loop is longer across slices than along one.
SHORT: Final = 64
# 2 ** 27 + 1 splits a double's 53 bits in two halves whose products are exact.
SPLITTER: Final = 134217729.0


def softmax(
    logits: NDArray[np.generic],
    temperature: Array,
    where: Lanes | None,
    axis: int,
    out: NDArray[np.generic],
) -> None:
    """Write softmax(logits / temperature) along `axis` to `out`."""
    for slab in _slabs(logits, temperature, where, axis, out):
        for lanes, part in slab.parts():
            total = slab.total
            # low / 1 and -total_low / total are both corrections of the quotient: one rounding.
            value = part.exp + part.exp * (part.low - slab.total_low / total)
            value /= total
            if slab.special is not None:
                special = np.where(slab.winners, part.top, part.open) / slab.count
                np.copyto(value, special, where=slab.special)
            if part.masked is not None:
                np.copyto(value, 0.0, where=part.masked)
            slab.out[lanes] = value


def log_softmax(
    logits: NDArray[np.generic],
    temperature: Array,
    where: Lanes | None,
    axis: int,
    out: NDArray[np.generic],
) -> None:
    """Write log(softmax(logits / temperature)) along `axis` to `out`."""
    for slab in _slabs(logits, temperature, where, axis, out):
        for lanes, part in slab.parts():
            value = part.quotient - slab.log_total
            # Fast two-sum can't be used: either of the two may be the larger.
            value += part.low + _sum_error(part.quotient, -slab.log_total, value)
            np.copyto(value, -np.inf, where=~part.open | (part.quotient == -np.inf))
            if slab.undefined is not None:
                np.copyto(value, np.nan, where=slab.undefined)
            if slab.special is not None:
                one_of = np.where(slab.winners, part.top, part.open)
                special = np.where(one_of, -np.log(slab.count), -np.inf)
                np.copyto(value, special, where=slab.special)
            if part.masked is not None:
                np.copyto(value, -np.inf, where=part.masked)
            slab.out[lanes] = value


def entropy(
    logits: NDArray[np.generic],
    temperature: Array,
    where: Lanes | None,
    axis: int,
    out: NDArray[np.generic],
) -> None:
    """Write the entropy in nats to `out`, which has size 1 along `axis`."""
    for slab in _slabs(logits, temperature, where, axis, out):
        # log total - sum of p (z - max) / T: no term is negative, so nothing cancels.
        value = slab.log_total - slab.moment / slab.total
        if slab.undefined is not None:
            np.copyto(value, np.nan, where=slab.undefined)
        if slab.special is not None:
            np.copyto(value, np.log(slab.count), where=slab.special)
        if slab.empty is not None:
            np.copyto(value, 0.0, where=slab.empty)
        slab.out[...] = value


def _slabs(
    logits: NDArray[np.generic],
    temperature: Array,
    where: Lanes | None,
    axis: int,
    out: NDArray[np.generic],
) -> Iterator[_Slab]:
    """Yield pieces of whole slices, of about a block each, with the lanes on axis 0."""
    logits, out = np.moveaxis(logits, axis, 0), np.moveaxis(out, axis, 0)
    temperature = np.moveaxis(temperature, axis, 0)
    mask = None if where is None else np.moveaxis(where, axis, 0)
    with np.errstate(all="ignore"):
        yield from _split(logits, temperature, mask, out)


def _split(
    logits: NDArray[np.generic], temperature: Array, mask: Lanes | None, out: NDArray[np.generic]
) -> Iterator[_Slab]:
    if logits.size <= BLOCK or logits.ndim == 1:
        if logits.size:
            yield _Slab(logits, temperature, mask, out)
        return
    # Cut the longest of the slices' axes; what is still too large is cut again.
    cut = 1 + int(np.argmax(logits.shape[1:]))
    length = logits.shape[cut]
    if length == 1:
        yield _Slab(logits, temperature, mask, out)
        return
    step = max(1, BLOCK * length // logits.size)
    for start in range(0, length, step):
        index = (slice(None),) * cut + (slice(start, start + step),)
        yield from _split(
            logits[index], temperature[index], None if mask is None else mask[index], out[index]
        )


@dataclass
class _Part:
    """Some lanes of a slab: exp((z - max) / T) is exp * (1 + low)."""

    quotient: Array
    low: Array | float
    exp: Array
    top: Lanes  # the lanes that hold the maximum
    open: Lanes  # the lanes that are neither masked nor -inf
    masked: Lanes | None


class _Slab:
    """Whole slices: their maxima, totals and edges, and the lanes part by part."""

    def __init__(
        self,
        logits: NDArray[np.generic],
        temperature: Array,
        mask: Lanes | None,
        out: NDArray[np.generic],
    ) -> None:
        self.out = out
        self._logits = logits
        self._mask = mask
        # float64 lanes need their low parts; all narrower ones are exact enough in float64.
        self._careful = logits.dtype.kind in "iub" or logits.dtype == np.float64
        self._cached: tuple[slice, _Part] | None = None
        width = max(1, BLOCK * logits.shape[0] // logits.size)
        self._cuts = [slice(start, start + width) for start in range(0, logits.shape[0], width)]
        self._max = self._maximum()
        self._scale(temperature)

        count = np.zeros(self._max.shape)
        opened = np.zeros(self._max.shape)
        rest = np.zeros(self._max.shape)
        rest_low = np.zeros(self._max.shape)
        moment = np.zeros(self._max.shape)
        for lanes, part in self.parts():
            count += np.count_nonzero(part.top, axis=0, keepdims=True)
            opened += np.count_nonzero(part.open, axis=0, keepdims=True)
            # The lanes of the maximum are counted, not summed: what the other lanes add to
            # them may be far below 1, and log1p wants it unrounded.
            below = np.where(part.top, 0.0, part.exp)
            moment += np.sum(np.where(below > 0, below * part.quotient, 0.0), axis=0, keepdims=True)
            high, low = _sum(below, below * part.low) if self._careful else _plain_sum(below)
            total = rest + high
            rest_low += low + _sum_error(rest, high, total)
            rest = total
            if len(self._cuts) == 1:
                self._cached = lanes, part

        self.moment = moment
        self.total = count + rest
        self.total_low = rest_low + _sum_error(count, rest, self.total)
        self.log_total = np.log1p((count - 1) + rest + rest_low)

        self.empty = None if mask is None else ~np.any(mask, axis=0, keepdims=True)
        undefined = np.isnan(self._max) | (self._max == -np.inf)
        self.undefined = undefined if undefined.any() else None
        # Whole slices that are not computed but counted: the maximum is +inf, T = 0, T = inf.
        self.winners = (self._max == np.inf) | (temperature == 0)
        special = (self.winners | (temperature == np.inf)) & ~undefined
        self.special = special if special.any() else None
        self.count = np.where(self.winners, count, opened)
        if self.undefined is not None:
            np.copyto(self.total, np.nan, where=undefined)

    def parts(self) -> Iterator[tuple[slice, _Part]]:
        """Yield the lanes part by part; a slab of one part is computed once."""
        if self._cached is not None:
            yield self._cached
            return
        for lanes in self._cuts:
            yield lanes, self._part(lanes)

    def _load(self, lanes: slice) -> tuple[Array, Lanes | None]:
        """Copy lanes as float64, -inf where they are masked, in the layout that is fast."""
        source = self._logits[lanes]
        if source.shape[0] < SHORT:
            values = np.empty(source.shape)
        else:
            values = np.moveaxis(np.empty((*source.shape[1:], source.shape[0])), -1, 0)
        np.copyto(values, source, casting="unsafe")
        if self._mask is None:
            return values, None
        masked = ~self._mask[lanes]
        np.copyto(values, -np.inf, where=masked)
        return values, masked

    def _maximum(self) -> Array:
        """Return the largest lane, NaN where there is one, -inf where no lane is unmasked."""
        maximum: Array = np.max(
            [np.max(self._load(lanes)[0], axis=0, keepdims=True) for lanes in self._cuts], axis=0
        )
        return maximum

    def _scale(self, temperature: Array) -> None:
        """Choose powers of two by which nothing on the way overflows: they cost no accuracy."""
        self._temperature = temperature
        self._shrink: Array | None = None
        self._stretch: Array | None = None
        if not self._careful:
            return
        # z - max overflows only where one of them is beyond half of the largest double.
        large = np.zeros(self._max.shape, dtype=bool)
        for lanes in self._cuts:
            source = self._logits[lanes]
            if source.dtype == np.float64:
                big = np.abs(source) > 2.0**1022
                large |= np.any(big, axis=0, keepdims=True)
        if large.any():
            self._shrink = np.where(large, 0.25, 1.0)
        # Dekker's product needs a temperature well inside of the range of doubles.
        if np.any((temperature > 2.0**900) | (temperature < 2.0**-400)):
            self._stretch = np.where(
                temperature > 2.0**900, 2.0**-600, np.where(temperature < 2.0**-400, 2.0**600, 1.0)
            )
            self._temperature = self._temperature * self._stretch
        if self._shrink is not None:
            self._temperature = self._temperature * self._shrink

    def _part(self, lanes: slice) -> _Part:
        values, masked = self._load(lanes)
        top = values == self._max
        opened = values != -np.inf
        maximum = self._max
        if not opened.all():
            # A lane without weight takes the maximum's place, so that no infinity is subtracted.
            np.copyto(values, maximum, where=~opened)
            if masked is not None:
                top &= ~masked
        if not self._careful:
            values -= maximum
            values /= self._temperature
            exp = np.exp(values)
            low: Array | float = 0.0
        else:
            if self._shrink is not None:
                values *= self._shrink
                maximum = maximum * self._shrink
            difference = values - maximum
            error = _sum_error(values, -maximum, difference)
            if self._stretch is not None:
                difference *= self._stretch
                error *= self._stretch
            values = np.divide(difference, self._temperature, out=values)
            low = _quotient_error(difference, error, values, self._temperature)
            exp = np.exp(values)
        if not opened.all():
            np.copyto(exp, 0.0, where=~opened)
        return _Part(values, low, exp, top, opened, masked)


def _sum_error(a: Array, b: Array, total: Array) -> Array:
    """Return what rounding threw away in total = a + b (Knuth's two-sum)."""
    virtual = total - a
    error: Array = total - virtual
    np.subtract(a, error, out=error)
    virtual = np.subtract(b, virtual, out=virtual)
    error += virtual
    return error


def _quotient_error(difference: Array, error: Array, quotient: Array, divisor: Array) -> Array:
    """Return (difference + error) / divisor - quotient, to the first order."""
    high, low = _halves(quotient)
    divisor_high, divisor_low = _halves(divisor)
    product = quotient * divisor
    remainder = difference - product
    # product_error = ((hh - product) + hl + lh) + ll, taken from the remainder step by step.
    np.subtract(product, high * divisor_high, out=product)
    product -= high * divisor_low
    product -= low * divisor_high
    low *= divisor_low
    product -= low
    remainder += product
    remainder += error
    remainder /= divisor
    # Far below exp's range the parts may overflow; there any correction does, but not NaN.
    np.fmax(remainder, -1.0, out=remainder)
    return np.fmin(remainder, 1.0, out=remainder)


def _halves(a: Array) -> tuple[Array, Array]:
    """Split doubles into two halves of 26 bits each (Veltkamp)."""
    high = a * SPLITTER
    high -= high - a
    return high, a - high


def _sum(high: Array, low: Array) -> tuple[Array, Array]:
    """Return the sum over axis 0 as a rounded sum and its error; both arguments are used up."""
    lanes = high.shape[0]
    while lanes > 1:
        half = (lanes + 1) // 2
        a, b = high[: lanes - half], high[half:lanes]
        total = a + b
        low[: lanes - half] += low[half:lanes]
        low[: lanes - half] += _sum_error(a, b, total)
        a[...] = total
        lanes = half
    return high[:1], low[:1]


def _plain_sum(values: Array) -> tuple[Array, Array]:
    total = np.sum(values, axis=0, keepdims=True)
    return total, np.zeros_like(total)
