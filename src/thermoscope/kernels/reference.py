"""The reference kernel: softmax in NumPy, with every edge, each result rounded once.

It works tile by tile (some whole rows) and block by block (a part of a long row), in float64, so
that no temporary grows with the input.

For logits of float32 and narrower, float64 is enough. For float64 logits every step keeps its
rounding error. q = (z - max) / T is a head of 26 bits and a tail: TwoSum gives the error of the
difference, and products of the head and halves of T are exact (Dekker). exp(q) is
exp_z * (1 + tail): exp_z, of 26 bits, comes from a table of 2**(n / 4096), and the tail from a
polynomial (Tang). Sums are exact in their leading bits (ExtractVector). So a result is within
0.51 ulp; within 0.76 ulp in log_softmax below 1e-290, and 0.76 spacings where it is subnormal.

exp_z is stored times 2**512, so that a subnormal result is rounded only once, at the end.

The functions take arrays that `thermoscope.arguments` has checked and broadcast: logits of any
strides and byte order, a temperature of size 1 along `axis`, a mask or None. `out` may be the
logits.

References
----------
T. J. Dekker, "A floating-point technique for extending the available precision", Numerische
Mathematik 18 (1971). D. E. Knuth, The Art of Computer Programming 2, 4.2.2 (TwoSum). P. T. P.
Tang, "Table-driven implementation of the exponential function in IEEE floating-point arithmetic",
ACM TOMS 15 (1989). S. M. Rump, T. Ogita and S. Oishi, "Accurate floating-point summation part I",
SIAM J. Sci. Comput. 31 (2008).
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Real = NDArray[np.generic]  # of any dtype, strides and byte order
    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]

__all__ = ["entropy", "log_softmax", "moments", "softmax"]

# Entries of a block or a tile: with a few temporaries, they fit into the L2 cache.
BLOCK: Final = 1 << 14
# In shorter rows, the inner loop of a ufunc is longer across rows than along a row.
SHORT_ROW: Final = 64
# Maxima below this, and temperatures between this and its inverse, need no scaling on the way.
LARGEST_MAXIMUM: Final = 2.0**960
LARGEST_TEMPERATURE: Final = 2.0**500

# exp_z of float64 logits is stored times this.
SCALE: Final = 2.0**512
# At a lower quotient, exp is 0 after any division. Its 2**n * SCALE is still a normal number.
LOWEST_QUOTIENT: Final = -1039.0
# The table has 2**(j / STEPS) for 0 <= j < STEPS.
LOG2_STEPS: Final = 12
STEPS: Final = 1 << LOG2_STEPS
# log(2) / STEPS in two parts. The first has 28 bits: its product with any n is exact.
STEP_HIGH: Final = 186065279 / 2**40
STEP_LOW: Final = 4.444912105723013e-13
# 1 / 2!, adjusted to spread the error of the series for exp, which ends with x**3.
HALF: Final = 0.5 + 2.98e-10
# Adding it rounds a number to an integer n and leaves n in the lowest bits.
ROUNDER: Final = 1.5 * 2.0**52
# The bits of a double without the lowest 27 of its 53.
HEAD_MASK: Final = -(1 << 27)


def softmax(logits: Real, temperature: Array, where: Mask | None, axis: int, out: Real) -> None:
    """Write softmax(logits / temperature) along `axis` to `out`."""
    for tile in _tiles(logits, temperature, where, axis, out):
        total, total_low = tile.sum_exp()
        if not tile.narrow:
            divisor = _Divisor(total)
            inverse, inverse_tail = divisor.divide(1.0, -total_low * divisor.inverse)
        for block in tile.blocks:
            exp_z, tail = tile.exp(block)
            if tail is None:
                value = exp_z / total
            else:
                # exp_z * inverse is exact: only the sum of the two products is rounded.
                value = tail * divisor.inverse
                value += inverse_tail
                value *= exp_z
                value += exp_z * inverse
                value *= 1 / SCALE
            tile.store(block, value, log=False)


def log_softmax(logits: Real, temperature: Array, where: Mask | None, axis: int, out: Real) -> None:
    """Write log(softmax(logits / temperature)) along `axis` to `out`."""
    for tile in _tiles(logits, temperature, where, axis, out):
        log_sum, log_sum_low = tile.log_sum_exp()
        for block in tile.blocks:
            quotient, tail = tile.quotient(block)
            value = quotient - log_sum
            if tail is not None:
                error = _two_sum_error(quotient, -log_sum, value)
                error += tail - log_sum_low
                # Where the quotient is -inf, the error is inf or NaN: make it finite.
                value += np.fmin(error, 1e305, out=error)
            tile.store(block, value, log=True)


def entropy(logits: Real, temperature: Array, where: Mask | None, axis: int, out: Real) -> None:
    """Write the entropy in nats to `out`, which has size 1 along `axis`."""
    for tile in _tiles(logits, temperature, where, axis, out):
        moment = np.zeros(tile.maximum.shape)
        for block in tile.blocks:
            (quotient, quotient_tail), (exp_z, tail) = tile.quotient(block), tile.exp(block)
            if tail is not None and quotient_tail is not None:
                quotient, exp_z = quotient + quotient_tail, exp_z + exp_z * tail
            # An entry of -inf adds 0, not 0 * -inf.
            product = np.fmax(quotient, LOWEST_QUOTIENT) * exp_z
            moment += np.add.reduce(product, axis=0, keepdims=True)
        # log total - sum of p (z - max) / T: no term is negative, so nothing cancels.
        log_sum, log_sum_low = tile.log_sum_exp()
        value = log_sum + log_sum_low - moment / tile.unit / tile.sum_exp()[0]
        if tile.special is not None:
            np.copyto(value, np.log(tile.count_equal()), where=tile.special)
        if tile.mask is not None:
            np.copyto(value, 0.0, where=~np.any(tile.mask, axis=0, keepdims=True))
        tile.out[...] = value


def moments(rows: Real, temperature: float) -> tuple[Array, Array, Array]:
    """Log of the sum of exp((z - max) / T), and mean and variance of z - max, for each row.

    Mean and variance are taken under softmax(z / T), in units of the logits.

    Parameters
    ----------
    rows : (N, K) array of float32 or float64
    temperature : float
        In (0, inf]. At inf all entries above -inf have the same probability.

    Returns
    -------
    log_sum, mean, variance : (N,) arrays of float64
        NaN for a row with a NaN, with +inf or without an entry above -inf. An entry whose exp
        rounds to 0 adds nothing, however far below the maximum it lies.
    """
    result = np.empty((3, len(rows)))
    step = max(1, BLOCK // rows.shape[1])
    with np.errstate(all="ignore"):
        for start in range(0, len(rows), step):
            tile = slice(start, start + step)
            distance = rows[tile].astype(np.float64)
            absent = distance == -np.inf
            maximum = distance.max(axis=1, keepdims=True)
            distance -= maximum
            if temperature == np.inf:
                exp_z = np.where(absent, 0.0, 1.0)
            else:
                exp_z = np.exp(distance / temperature)
            top = distance == 0
            np.copyto(distance, 0.0, where=exp_z == 0)
            total = exp_z.sum(axis=1)
            mean = np.einsum("ij,ij->i", exp_z, distance) / total
            distance -= mean[:, None]
            distance *= distance
            variance = np.einsum("ij,ij->i", exp_z, distance) / total
            # exp_z is 1 at the maximum. log1p takes the sum of the others unrounded.
            rest = np.where(top, 0.0, exp_z).sum(axis=1)
            log_sum = np.log1p(np.count_nonzero(top, axis=1) - 1 + rest)
            defined = np.isfinite(maximum[:, 0])
            result[:, tile] = np.where(defined, (log_sum, mean, variance), np.nan)
    return result[0], result[1], result[2]


def split(
    logits: Real, temperature: Array, mask: Mask | None, out: Real, block: int
) -> Iterator[tuple[Real, Array, Mask | None, Real]]:
    """Cut arrays, their rows along axis 0, into pieces of about `block` entries or of one row."""
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


def _tiles(
    logits: Real, temperature: Array, where: Mask | None, axis: int, out: Real
) -> Iterator[_Tile]:
    """Yield tiles of about a block each, with the rows along axis 0."""
    if logits.ndim > 1:
        order = list(range(logits.ndim))
        order.insert(0, order.pop(axis))
        logits, temperature, out = (
            logits.transpose(order),
            temperature.transpose(order),
            out.transpose(order),
        )
        where = None if where is None else where.transpose(order)
    with np.errstate(all="ignore"):
        for piece in split(logits, temperature, where, out, BLOCK):
            yield _Tile(*piece)


class _Divisor:
    """A divisor in two halves, whose products with numbers of 26 bits are exact."""

    def __init__(self, value: Array) -> None:
        self.inverse: Array = 1 / value
        self.high = _head(value)
        self.low = value - self.high

    def divide(self, dividend: Array | float, low: Array) -> tuple[Array, Array]:
        """Return (dividend + low) / value as a head of 26 bits and a tail, within 2**-75 of it.

        `low` must be below an ulp of the dividend. The inverse is rounded, but then the
        remainder of the division by it is exact, up to `low` (Dekker).
        """
        head = _head(dividend * self.inverse)
        tail = head * self.high
        np.subtract(dividend, tail, out=tail)
        tail -= head * self.low
        tail += low
        tail *= self.inverse
        return head, tail


class _Tile:
    """Whole rows: their maxima, their sums and edges, and their entries block by block.

    Callers must not write to the arrays that the methods return: a tile of one block caches them.
    """

    def __init__(self, logits: Real, temperature: Array, mask: Mask | None, out: Real) -> None:
        self.mask = mask
        self.out = out
        self._logits = logits
        self._temperature = temperature
        # For these logits float64 is enough without tails. Integers give float64.
        self.narrow = logits.dtype.kind not in "biu" and logits.dtype.itemsize < 8
        # exp_z of the maximum.
        self.unit = 1.0 if self.narrow else SCALE
        length = logits.shape[0]
        width = max(1, BLOCK * length // logits.size)
        self.blocks = [slice(start, start + width) for start in range(0, length, width)]
        self._caches = len(self.blocks) == 1
        self._values: Array | None = None
        self._quotient: tuple[Array, Array | None] | None = None
        self._exp: tuple[Array, Array | None] | None = None
        self._count: Array | None = None
        maxima = [np.maximum.reduce(self._load(k), axis=0, keepdims=True) for k in self.blocks]
        self.maximum: Array = maxima[0] if self._caches else np.maximum.reduce(maxima)
        # Rows whose entries above 0 are equally probable, and rows that are NaN.
        self.special: Mask | None = None
        self._undefined: Mask | None = None
        # Factors for logits, and binary exponents for z - max, that prevent overflow.
        self._shrink: Array | None = None
        self._exponent: NDArray[np.int64] | None = None
        divisor = temperature
        unscaled = np.abs(self.maximum) < LARGEST_MAXIMUM
        unscaled &= temperature <= LARGEST_TEMPERATURE
        unscaled &= temperature >= 1 / LARGEST_TEMPERATURE
        if not unscaled.all():
            self._undefined = ~(self.maximum > -np.inf)
            special = (self.maximum == np.inf) | (temperature == 0) | (temperature == np.inf)
            special &= ~self._undefined
            self.special = special if special.any() else None
            if not self.narrow:
                # z - max may overflow, but not with z / 4, which loses only negligible bits.
                large = self.maximum >= LARGEST_MAXIMUM
                self._shrink = np.where(large, 0.25, 1.0)
                divisor, exponent = np.frexp(temperature)
                self._exponent = np.where(large, 2, 0) - exponent
        self._divisor = None if self.narrow else _Divisor(divisor)

    def quotient(self, block: slice) -> tuple[Array, Array | None]:
        """Return (z - max) / T of a block as a head and a tail, which is None if not needed."""
        if self._quotient is not None:
            return self._quotient
        values, maximum = self._load(block), self.maximum
        if self._shrink is not None:
            values, maximum = values * self._shrink, maximum * self._shrink
        difference = values - maximum
        result: tuple[Array, Array | None]
        if self._divisor is None:
            difference /= self._temperature
            result = difference, None
        else:
            error = _two_sum_error(values, -maximum, difference)
            if self._exponent is not None:
                difference = np.ldexp(difference, self._exponent)
                error = np.ldexp(error, self._exponent)
            result = self._divisor.divide(difference, error)
        if self._caches:
            self._quotient = result
        return result

    def exp(self, block: slice) -> tuple[Array, Array | None]:
        """Return exp((z - max) / T) * unit of a block as exp_z * (1 + tail)."""
        if self._exp is not None:
            return self._exp
        quotient, tail = self.quotient(block)
        result = (np.exp(quotient), None) if tail is None else _exp(quotient, tail)
        if self._caches:
            self._exp = result
        return result

    def sum_exp(self) -> tuple[Array, Array]:
        """Return the sum of exp((z - max) / T) in two parts."""
        parts = []
        for block in self.blocks:
            exp_z, tail = self.exp(block)
            low = None if tail is None else exp_z * tail
            parts.append(_sum(exp_z, low, self.unit))
        total, low = self._or_nan(*_add(parts))
        return total / self.unit, low / self.unit

    def log_sum_exp(self) -> tuple[Array, Array]:
        """Return the logarithm of the sum of exp((z - max) / T) in two parts.

        Entries at the maximum are counted and not summed: the others may add far less than 1.
        """
        count = np.zeros(self.maximum.shape)
        parts = []
        for block in self.blocks:
            exp_z, tail = self.exp(block)
            low = None if tail is None else exp_z * tail
            top = exp_z == self.unit
            count += np.add.reduce(top, axis=0, keepdims=True, dtype=np.float64)
            rest = np.where(top, 0.0, exp_z)
            parts.append(_sum(rest, low, np.maximum.reduce(rest, axis=0, keepdims=True)))
        rest, low = self._or_nan(*_add(parts))
        return (np.log1p(count - 1 + rest), low) if self.narrow else _log(count, rest, low)

    def count_equal(self) -> Array:
        """Return how many entries of each special row have equal probability."""
        if self._count is None:
            self._count = np.zeros(self.maximum.shape)
            for block in self.blocks:
                self._count += np.count_nonzero(self._equal(block), axis=0, keepdims=True)
        return self._count

    def store(self, block: slice, value: Array, *, log: bool) -> None:
        """Write the results of a block to `out`; special rows and masked entries get their own."""
        if self.special is not None:
            count = self.count_equal()
            equal, none = (-np.log(count), -np.inf) if log else (1 / count, 0.0)
            np.copyto(value, np.where(self._equal(block), equal, none), where=self.special)
        if self.mask is not None:
            np.copyto(value, -np.inf if log else 0.0, where=~self.mask[block])
        self.out[block] = value

    def _equal(self, block: slice) -> Mask:
        """Return the entries of special rows that have equal probability; the others have 0."""
        values = self._load(block)
        uniform = (self._temperature == np.inf) & (self.maximum < np.inf)
        return np.where(uniform, values > -np.inf, values == self.maximum)

    def _load(self, block: slice) -> Array:
        """Return a block in native float64, -inf where masked, in memory order for fast loops."""
        if self._values is not None:
            return self._values
        source = self._logits[block]
        if source.ndim > 1 and len(source) >= SHORT_ROW:
            rows = np.asarray(np.moveaxis(source, 0, -1), np.float64, order="C")
            values = np.moveaxis(rows, -1, 0)
        else:
            values = np.asarray(source, np.float64, order="C")
        if self.mask is not None:
            values = values.copy("K")
            np.copyto(values, -np.inf, where=~self.mask[block])
        if self._caches:
            self._values = values
        return values

    def _or_nan(self, total: Array, low: Array) -> tuple[Array, Array]:
        if self._undefined is not None:
            np.copyto(total, np.nan, where=self._undefined)
        return total, low


def _exp(quotient: Array, quotient_tail: Array) -> tuple[Array, Array]:
    """Return exp(quotient + quotient_tail) * SCALE as exp_z * (1 + tail), within 2**-60 of it.

    exp_z has 26 bits, |tail| < 2**-13. The quotient has 26 bits too, is at most 0 and may be -inf:
    all that is below `LOWEST_QUOTIENT` gives less than 2**-980, whatever its tail.
    """
    step = np.maximum(quotient, LOWEST_QUOTIENT)
    step *= 1 / (STEP_HIGH + STEP_LOW)
    step += ROUNDER
    exp_z, offset = _power_of_two(step)
    step -= ROUNDER
    x = quotient - step * STEP_HIGH
    step *= STEP_LOW
    x -= step
    offset += quotient_tail
    x += offset
    np.fmax(x, -(2.0**-13), out=x)
    # The series of exp(x) - 1.
    tail = x * (1 / 6)
    tail += HALF
    tail *= x
    tail *= x
    tail += x
    return exp_z, tail


def _log(count: Array, rest: Array, low: Array) -> tuple[Array, Array]:
    """Return log(count + (rest + low) / SCALE) in two parts, within 2**-60 of it.

    The count is an integer >= 1. The result is the logarithm of the nearest power in the table and
    log1p(x) of what is left. Near 1 that power is 1, and x is the rest.
    """
    step = np.log2(count + rest * (1 / SCALE))
    step *= STEPS
    step += ROUNDER
    power, offset = _power_of_two(step)
    step -= ROUNDER
    # This difference of an integer and 26 bits is exact.
    difference = count * SCALE - power
    high = difference + rest
    low += _two_sum_error(difference, rest, high)
    # x in two parts: the product of 26 bits and 26 bits is exact, and so is what it leaves.
    x_head = _head(high / power)
    x_tail = (high - x_head * power + low) / power
    x = x_head + x_tail
    step_high = step * STEP_HIGH
    high = step_high + x_head
    # The series of log1p(x) without its first term, x.
    tail = x * x * (x * (1 / 3 - x / 4) - 0.5)
    tail += step * STEP_LOW - offset
    tail += x_tail
    tail += x_head - (high - step_high)
    return high, tail


def _power_of_two(step: Array) -> tuple[Array, Array]:
    """Return 2**(n / STEPS) * SCALE as power * exp(offset), with step = n + ROUNDER."""
    powers, offsets = _table()
    n = step.view(np.int64)
    j = n & (STEPS - 1)
    # The whole part of n / STEPS goes to the exponent; the table has its j subtracted already.
    power = n << (52 - LOG2_STEPS)
    power += powers.take(j)
    return power.view(np.float64), offsets.take(j)


@cache
def _table() -> tuple[NDArray[np.int64], Array]:
    """Return 2**(j / STEPS) * SCALE rounded to 26 bits, as integers, and log(exact / rounded).

    From the integers, j is subtracted at the bit where `_power_of_two` adds n.
    """
    point = 120  # fractional bits of the fixed-point numbers
    root = 2 << point
    for _ in range(LOG2_STEPS):
        root = math.isqrt(root << point)
    power, heads, offsets = 1 << point, [], []
    for _ in range(STEPS):
        head = (power + (1 << point - 26)) >> (point - 25) << (point - 25)
        heads.append(head / (1 << point) * SCALE)
        offsets.append(math.log1p((power - head) / head))
        power = power * root >> point
    bits = np.array(heads).view(np.int64)
    bits -= np.arange(STEPS) << (52 - LOG2_STEPS)
    return bits, np.array(offsets)


def _sum(values: Array, low: Array | None, largest: Array | float) -> tuple[Array, Array]:
    """Return the sum of values + low over axis 0 in two parts; `low` is overwritten.

    ExtractVector: adding a large number to each value, and subtracting it again, leaves leading
    bits that add up without rounding. `largest` is the largest of the values, which are >= 0.
    Without `low` the sum is plain.
    """
    if low is None:
        total = np.add.reduce(values, axis=0, keepdims=True)
        return total, np.zeros(total.shape)
    extractor = largest * 2.0 ** (1 + len(values).bit_length())
    leading = values + extractor
    leading -= extractor
    low += values - leading
    return (
        np.add.reduce(leading, axis=0, keepdims=True),
        np.add.reduce(low, axis=0, keepdims=True),
    )


def _add(parts: list[tuple[Array, Array]]) -> tuple[Array, Array]:
    """Return the sum of numbers in two parts, also in two parts."""
    total, low = parts[0]
    for high, high_low in parts[1:]:
        partial, total = total, total + high
        low += high_low + _two_sum_error(partial, high, total)
    # FastTwoSum, after which the second part is below an ulp of the first.
    high = total + low
    low -= high - total
    return high, low


def _two_sum_error(a: Array, b: Array, total: Array) -> Array:
    """Return the rounding error of total = a + b (Knuth's TwoSum)."""
    b_virtual = total - a
    error: Array = total - b_virtual
    np.subtract(a, error, out=error)
    error += np.subtract(b, b_virtual, out=b_virtual)
    return error


def _head(a: Array) -> Array:
    """Return the leading 26 bits of doubles. Unlike Veltkamp's split it can't overflow."""
    head: Array = (a.view(np.int64) & HEAD_MASK).view(np.float64)
    return head
