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

from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Lanes = NDArray[np.bool_]

__all__ = ["entropy", "log_softmax", "moments", "softmax"]

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
        total, total_low = slab.totals()
        inverse = 1 / total
        inverse_high, inverse_low = _halves(inverse)
        inverse_low += _quotient_error(np.ones(1), -total_low * inverse, inverse, total)
        for lanes, part in slab.parts():
            if part.low is None:
                value = part.exp / total
            else:
                # The first product is exact, so that there is one rounding, the last.
                high, low = _halves(part.exp)
                value = low * inverse
                value += high * inverse_low
                value += part.exp * part.low * inverse
                value += high * inverse_high
            slab.out[lanes] = slab.edges(lanes, value, np.divide, 0.0)


def log_softmax(
    logits: NDArray[np.generic],
    temperature: Array,
    where: Lanes | None,
    axis: int,
    out: NDArray[np.generic],
) -> None:
    """Write log(softmax(logits / temperature)) along `axis` to `out`."""
    for slab in _slabs(logits, temperature, where, axis, out):
        minus = -slab.log_total()
        for lanes, part in slab.parts():
            value = part.quotient + minus
            if part.low is not None:
                correction = part.low + _sum_error(part.quotient, minus, value)
                # Where the quotient is -inf, so is the logarithm; there is nothing to correct.
                np.add(value, correction, out=value, where=value != -np.inf)
            slab.out[lanes] = slab.edges(lanes, value, _log_share, -np.inf)


def entropy(
    logits: NDArray[np.generic],
    temperature: Array,
    where: Lanes | None,
    axis: int,
    out: NDArray[np.generic],
) -> None:
    """Write the entropy in nats to `out`, which has size 1 along `axis`."""
    for slab in _slabs(logits, temperature, where, axis, out):
        moment = np.zeros(slab.maximum.shape)
        for _, part in slab.parts():
            # 0 * -inf is 0 here: a lane without weight adds nothing.
            product = np.multiply(part.exp, part.quotient, out=part.exp.copy(), where=part.exp > 0)
            moment += np.sum(product, axis=0, keepdims=True)
        # log total - sum of p (z - max) / T: no term is negative, so nothing cancels.
        value = slab.log_total() - moment / slab.totals()[0]
        if slab.special is not None:
            np.copyto(value, np.log(slab.count), where=slab.special)
        if slab.mask is not None:
            np.copyto(value, 0.0, where=~np.any(slab.mask, axis=0, keepdims=True))
        slab.out[...] = value


def moments(rows: NDArray[np.generic], temperature: float) -> tuple[Array, Array, Array]:
    """Return log sum exp((z - max) / T), and the mean and the variance of z - max, for each row.

    Both are taken under softmax(z / T), in units of the logits. `rows` are (N, K) of float32 or
    float64, `temperature` is one number in (0, inf]; at inf all lanes that are not -inf weigh
    alike. A lane whose weight rounds to 0 gives nothing, however far below it lies. A row with
    a NaN, with +inf or without a lane above -inf is NaN in all three.
    """
    result = np.empty((3, len(rows)))
    step = max(1, BLOCK // rows.shape[1])
    with np.errstate(all="ignore"):
        for start in range(0, len(rows), step):
            block = slice(start, start + step)
            distance = rows[block].astype(np.float64)
            lacking = distance == -np.inf
            maximum = distance.max(axis=1, keepdims=True)
            distance -= maximum
            if temperature == np.inf:
                weight = np.where(lacking, 0.0, 1.0)
            else:
                weight = np.exp(distance / temperature)
            top = distance == 0
            np.copyto(distance, 0.0, where=weight == 0)
            total = weight.sum(axis=1)
            mean = np.einsum("ij,ij->i", weight, distance) / total
            distance -= mean[:, None]
            distance *= distance
            variance = np.einsum("ij,ij->i", weight, distance) / total
            # The lanes of the maximum weigh 1 each: log1p wants what the others add unrounded.
            rest = np.where(top, 0.0, weight).sum(axis=1)
            log_total = np.log1p(np.count_nonzero(top, axis=1) - 1 + rest)
            defined = np.isfinite(maximum[:, 0])
            result[:, block] = np.where(defined, (log_total, mean, variance), np.nan)
    return result[0], result[1], result[2]


def _log_share(one_of: Lanes, count: Array) -> Array:
    return np.where(one_of, -np.log(count), -np.inf)


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
        for piece in split(logits, temperature, mask, out, BLOCK):
            yield _Slab(*piece)


def split(
    logits: NDArray[np.generic],
    temperature: Array,
    mask: Lanes | None,
    out: NDArray[np.generic],
    block: int,
) -> Iterator[tuple[NDArray[np.generic], Array, Lanes | None, NDArray[np.generic]]]:
    """Cut slices, their lanes on axis 0, until a piece is a block of elements or one slice."""
    longest = max(logits.shape[1:], default=1)
    if logits.size <= block or longest == 1:
        if logits.size:
            yield logits, temperature, mask, out
        return
    cut = 1 + logits.shape[1:].index(longest)
    step = max(1, block * longest // logits.size)
    for start in range(0, longest, step):
        index = (slice(None),) * cut + (slice(start, start + step),)
        some = None if mask is None else mask[index]
        yield from split(logits[index], temperature[index], some, out[index], block)


class _Part(NamedTuple):
    """Some lanes of a slab: exp((z - max) / T) is exp * (1 + low)."""

    quotient: Array
    low: Array | None
    exp: Array


class _Slab:
    """Whole slices: their maxima, their totals, their edges, and their lanes part by part."""

    def __init__(
        self,
        logits: NDArray[np.generic],
        temperature: Array,
        mask: Lanes | None,
        out: NDArray[np.generic],
    ) -> None:
        self.out = out
        self.mask = mask
        self._logits = logits
        self._temperature = temperature
        width = max(1, BLOCK * logits.shape[0] // logits.size)
        self._cuts = [slice(start, start + width) for start in range(0, logits.shape[0], width)]
        self.maximum = self._over_parts(np.max, self._load)
        # Whole slices that are not computed but counted: the maximum is +inf, T = 0, T = inf.
        self._winners = (self.maximum == np.inf) | (temperature == 0)
        special = self._winners | (temperature == np.inf)
        special &= self.maximum > -np.inf
        self.special = special if special.any() else None
        # float64 lanes need their low parts; all narrower ones are exact enough in float64.
        self._careful = logits.dtype == np.float64 or logits.dtype.kind in "biu"
        self._shrink: Array | None = None
        self._stretch: Array | None = None
        if self._careful:
            self._choose_scales()
        self._only_part = self._part(self._cuts[0]) if len(self._cuts) == 1 else None

    def parts(self) -> Iterator[tuple[slice, _Part]]:
        """Yield the lanes part by part; a slab of one part is computed once."""
        if self._only_part is not None:
            yield self._cuts[0], self._only_part
            return
        for lanes in self._cuts:
            yield lanes, self._part(lanes)

    def totals(self) -> tuple[Array, Array]:
        """Return the sum of the weights, rounded, and what rounding threw away of it."""
        total, low = np.zeros(self.maximum.shape), np.zeros(self.maximum.shape)
        for _, part in self.parts():
            total, low = _added(total, low, part.exp, part.low)
        return total, low

    def log_total(self) -> Array:
        """Return the logarithm of the sum of the weights.

        The lanes of the maximum weigh 1 each. They are counted, not summed: what the other
        lanes add to them may be far below 1, and log1p wants it unrounded.
        """
        count = np.zeros(self.maximum.shape)
        rest, low = np.zeros(self.maximum.shape), np.zeros(self.maximum.shape)
        for _, part in self.parts():
            top = part.quotient == 0
            count += np.count_nonzero(top, axis=0, keepdims=True)
            rest, low = _added(rest, low, np.where(top, 0.0, part.exp), part.low)
        value: Array = np.log1p((count - 1) + rest + low)
        # Without a maximum there is no lane to count.
        np.copyto(value, np.nan, where=~(self.maximum > -np.inf))
        return value

    @cached_property
    def count(self) -> Array:
        """How many lanes share the weight of a special slice; each part of it asks."""
        return sum(
            np.count_nonzero(self._one_of(lanes), axis=0, keepdims=True) for lanes in self._cuts
        ) * np.ones(1)

    def edges(
        self,
        lanes: slice,
        value: Array,
        share: Callable[[Lanes, Array], Array],
        masked: float,
    ) -> Array:
        """Put in what the rules say of special slices and of masked lanes."""
        if self.special is not None:
            np.copyto(value, share(self._one_of(lanes), self.count), where=self.special)
        if self.mask is not None:
            np.copyto(value, masked, where=~self.mask[lanes])
        return value

    def _one_of(self, lanes: slice) -> Lanes:
        values = self._load(lanes)
        return np.where(self._winners, values == self.maximum, values > -np.inf)

    def _over_parts(self, reduce: Callable[..., Array], values: Callable[[slice], Array]) -> Array:
        parts = [reduce(values(lanes), axis=0, keepdims=True) for lanes in self._cuts]
        return parts[0] if len(parts) == 1 else reduce(parts, axis=0)

    def _load(self, lanes: slice) -> Array:
        """Copy lanes as float64, -inf where they are masked, in the layout that is fast."""
        source = self._logits[lanes]
        if source.shape[0] < SHORT:
            values = np.empty(source.shape)
        else:
            values = np.moveaxis(np.empty((*source.shape[1:], source.shape[0])), -1, 0)
        np.copyto(values, source, casting="unsafe")
        if self.mask is not None:
            np.copyto(values, -np.inf, where=~self.mask[lanes])
        return values

    def _choose_scales(self) -> None:
        """Choose powers of two by which nothing on the way overflows: they cost no accuracy."""
        temperature = self._temperature
        # Dekker's product needs a temperature well inside of the range of doubles.
        huge, tiny = temperature > 2.0**900, temperature < 2.0**-400
        if huge.any() or tiny.any():
            self._stretch = np.where(huge, 2.0**-600, np.where(tiny, 2.0**600, 1.0))
            self._temperature = self._temperature * self._stretch
        # z - max overflows only where one of them is beyond half of the largest double.
        with np.errstate(invalid="ignore"):
            span = self.maximum - self._over_parts(np.min, self._finite)
        overflow = (span == np.inf) & (self.maximum < np.inf)
        if overflow.any():
            self._shrink = np.where(overflow, 0.25, 1.0)
            self._temperature = self._temperature * self._shrink

    def _finite(self, lanes: slice) -> Array:
        values = self._load(lanes)
        np.copyto(values, self.maximum, where=values == -np.inf)
        return values

    def _part(self, lanes: slice) -> _Part:
        values = self._load(lanes)
        if not self._careful:
            values -= self.maximum
            values /= self._temperature
            return _Part(values, None, np.exp(values))
        maximum = self.maximum
        if self._shrink is not None:
            values *= self._shrink
            maximum = maximum * self._shrink
        difference = values - maximum
        error = _sum_error(values, -maximum, difference)
        if self._stretch is not None:
            difference *= self._stretch
            error *= self._stretch
        quotient = np.divide(difference, self._temperature, out=values)
        low = _quotient_error(difference, error, quotient, self._temperature)
        return _Part(quotient, low, np.exp(quotient))


def _added(
    total: Array, low: Array, values: Array, values_low: Array | None
) -> tuple[Array, Array]:
    """Return total + low + the sum of values * (1 + values_low) over axis 0, in two parts."""
    if values_low is None:
        return total + np.sum(values, axis=0, keepdims=True), low
    high, high_low = _sum(values.copy("K"), values * values_low)
    result = total + high
    return result, low + high_low + _sum_error(total, high, result)


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
