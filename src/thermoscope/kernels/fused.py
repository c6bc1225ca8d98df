"""The definition compiled by numba: one read and one write per element, SIMD, threads.

A lane's weight is 2 ** y with y = z * log2(e) / T - n0, n0 a whole number near where the maximum
would give 0. y is n + f, n a whole number and |f| <= 1/2: n is the rounded product, and f what a
fused multiply-add leaves of the product less n, which it rounds once; log2(e) / T is itself a
number and its low part. So a weight is good to about a unit in the last place, however large y is,
and costs no two-sum: `_anchor` says where z must not be that far from 0. Of a long row, each block
has an n0 of its own, by the maximum before it. 2 ** y is 2 ** n, put together from its bits,
times a polynomial of f. Where a register holds a table, n is in sixteenths, its last four bits say
which of 16 powers of two is the rest of 2 ** n, and a shorter polynomial does. All weights are
scaled by 2 ** shift, by which those that count are normal numbers, and the division by their total
is the only rounding after.
The logarithm, which has to be exact near 0, takes z - max with all that rounding threw away.

Nothing here is compiled with numba's `fastmath`, which would make 0 of every two-sum. LLVM may
reorder, for the sake of SIMD, just the additions and maxima that are emitted as such.

What is not ordinary (T = 0 or inf, a maximum that is not finite, magnitudes that would overflow
on the way) is declined, slice by slice, and left to `thermoscope.kernels.numpy`, which has the
rules for the edges. The functions take what `thermoscope.definition` has checked and broadcast.
"""

from __future__ import annotations

import functools
import math
import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from llvmlite import ir
from numba import from_dtype, njit, types
from numba.core.cgutils import unpack_tuple
from numba.extending import intrinsic, overload, register_jitable

from thermoscope.kernels import numpy as reference
from thermoscope.kernels import simd, team, thread_count
from thermoscope.kernels.simd import (
    BESIDE,
    Vector,
    borrowed,
    broadcast,
    broadcast_wide,
    compiled,
    double,
    element,
    fma,
    halves,
    hold,
    keep,
    lanes,
    load,
    load_like,
    load_some,
    prefetch,
    scaled,
    store,
    store_some,
    turn,
    unless_below,
    where_less,
)
from thermoscope.kernels.team import written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    Array = NDArray[Any]
    Lanes = NDArray[np.bool_]

__all__ = ["log_softmax", "moments", "rows", "softmax"]

# At most so many slices, one beside the other, are worked at once where lanes are not contiguous.
WIDE: Final = 1024
# And so few of them still make SIMD worth it.
NARROW: Final = 16
# Of each of those so many lanes come one after the other: so many streams caches have room for,
# also where the distance between them is a power of two.
STREAMS: Final = 5
# Rows of fewer lanes than this are turned on their side and worked a tile at a time. So are longer
# ones, if not for logarithms, of fewer bytes than that where there are so many of them.
SHORT: Final = 48
SHORT_SHARES: Final = 640
SHORT_FROM: Final = 64
# Fewer elements than this are not worth another thread, and fewer than that not several parts for
# each. Nor are rows of fewer lanes worth being worked in parts, of some so many blocks each: that
# makes a multiple of so many parts, of which two or four threads have as many each.
THREADED_FROM: Final = 1 << 16
MANY: Final = 1 << 19
PARTED_FROM: Final = 1 << 16
PART: Final = 4
EVEN: Final = 4
# So many rows are worked in one go: to have more marked as declined or not takes new pages.
ROWS: Final = 1 << 16
# A piece that is copied, so that it lies as the loops want it, has so many elements.
PIECE: Final = 1 << 16
# A tile's scratch stays in the first-level cache, or else in the second.
CACHES: Final = (1 << 15, 1 << 19)
# What the next tile needs is asked for into the first one, if that has room for so many tiles.
NEARER: Final = 5

LOG2_E: Final = 1.4426950408889634
LOG2_E_LOW: Final = 2.0355273740931033e-17


# So many lanes of a row are added up before their vectors' totals are. Rows of fewer are read once
# for the maximum and once more for the weights: that much, and what is written meanwhile, must stay
# in a first-level cache, with room to spare.
BLOCK: Final = 2560
# A block is weighed by the maximum of those before it, and once more where its own is larger by a
# factor of 2 ** ROOM and more. (To know its own beforehand is to wait for memory twice as often.)
ROOM: Final = 4
# While one row is weighed, the maximum of the next is found in passing, if it is of one block and
# in a cache, as logits of up to so many bytes in all are. From memory it is better read at once.
NEAR: Final = 1 << 23

# From logits farther from 0 than so many units of T / log2(e), the maximum is subtracted first.
FAR: Final = 16384.0


class Format(NamedTuple):
    """What a floating-point format asks of the weights."""

    digits: int  # stored bits of a significand
    bias: int  # of an exponent
    least: int  # 2 ** least over any total rounds to 0
    range: float  # maxima up to it, and temperatures from its inverse up to it, are ordinary
    exp2: tuple[float, ...]  # of f, f ** 2, ... in 2 ** f, by `python -m tools.polynomials`
    # Where vectors take powers of two from a table: for how many steps of an exponent it has them,
    # and the polynomial for what is left, at most half a step.
    steps: int = 1
    exp2_of_steps: tuple[float, ...] = ()

    @property
    def shift(self) -> int:
        """The weights are scaled by 2 ** shift, by which the bits of 2 ** least are those of 0."""
        return -self.least - self.bias


FORMATS: Final = {
    # Its polynomials are off by 2 ** -28.1 and 2 ** -29.2.
    types.float32: Format(
        digits=23,
        bias=127,
        least=-160,
        range=2.0**100,
        exp2=(
            0.6931471824645996,
            0.24022644758224487,
            0.055503591895103455,
            0.009618841111660004,
            0.0013391136890277267,
            0.00015238006017170846,
        ),
        # One register has room for that, and one instruction takes from it what a vector asks for.
        # (Of float64 it would be eight steps, which save too little of a polynomial of 11 terms.)
        steps=16 if simd.ROOMY else 1,
        exp2_of_steps=(0.6931471824645996, 0.24023433029651642, 0.055502358824014664),
    ),
    # Its polynomial is off by 2 ** -57.3.
    types.float64: Format(
        digits=52,
        bias=1023,
        least=-1160,
        range=2.0**900,
        exp2=(
            0.6931471805599453,
            0.24022650695910133,
            0.05550410866482226,
            0.009618129107593498,
            0.0013333558146380658,
            0.00015403530457765014,
            1.5252733805508415e-05,
            1.3215435001110848e-06,
            1.0178086773687693e-07,
            7.073826046303358e-09,
            4.449955477539561e-10,
        ),
    ),
}


def _format(kind):
    return FORMATS[kind.dtype if isinstance(kind, Vector) else kind]


class Constants(NamedTuple):
    """What the arithmetic of a format needs, as numbers or as vectors of them."""

    whole: float  # to add it rounds to a whole number, which becomes an exponent
    magic: float  # to add it rounds to steps, which become one and what comes after it
    least: float  # whose power of two counts as 0
    far: float
    start: float  # above any weight
    roof: float  # above any of a block's, see ROOM
    scale: float  # 2 ** shift
    unit: float  # its inverse
    zero: float
    one: float
    lowest: float
    most: float  # the largest number


@intrinsic
def _constants(_, like):
    """Return the constants of the type of `like`."""
    result = types.NamedUniTuple(like, len(Constants._fields), Constants)

    def emit(context, builder, _, __):
        form, kind = _format(like), context.get_value_type(like)
        # The last bits of a number of this size count units, or steps of such, and are what a power
        # of two has for an exponent.
        size = 1.5 * 2.0**form.digits
        scale = 2.0**form.shift
        values = Constants(
            size - form.least,
            size / form.steps - form.least,
            float(form.least),
            FAR,
            2 * scale,
            2.0 ** (ROOM + 1) * scale,
            scale,
            1 / scale,
            0.0,
            1.0,
            -math.inf,
            2.0**form.bias * (2 - 2.0**-form.digits),
        )
        return context.make_tuple(builder, result, [ir.Constant(kind, value) for value in values])

    return result(like), emit


@intrinsic
def _terms(_, like):
    """Return the polynomial's constants of the type of `like`."""
    return _of_type(like, _format(like).exp2)


@intrinsic
def _step_terms(_, like):
    """Return those of the polynomial for half a step at most."""
    form = _format(like)
    return _of_type(like, form.exp2_of_steps if form.steps > 1 else form.exp2)


def _of_type(like, numbers):
    result = types.UniTuple(like, len(numbers))

    def emit(context, builder, _, __):
        kind = context.get_value_type(like)
        return context.make_tuple(builder, result, [ir.Constant(kind, one) for one in numbers])

    return result(like), emit


@intrinsic
def _tables(_, like):
    """Return tables for the type of `like`, none if there are no steps.

    Of the powers of two that begin the steps of an exponent, the bits without what `_power` makes
    of a step's number; and how much each is less than it should be, relative to itself.
    """
    form = _format(like)
    vector = Vector(types.float32, 16)
    result = types.UniTuple(vector, 2 if form.steps > 1 else 0)

    def emit(context, builder, _, __):
        tables = []
        if form.steps > 1:
            kind = context.get_value_type(vector)
            begin = 2.0 ** (np.arange(form.steps) / form.steps)
            rounded = np.float32(begin)
            bits = rounded.view(np.int32) - (form.bias << form.digits)
            bits -= np.arange(form.steps, dtype=np.int32) * (2**form.digits // form.steps)
            bits = ir.Constant(simd.integers(kind), bits.tolist())
            lacking = ir.Constant(kind, (begin / rounded - 1).tolist())
            tables = [builder.bitcast(bits, kind), lacking]
        fenced = [simd.emit_fence(builder, table) for table in tables]
        return context.make_tuple(builder, result, fenced)

    return result(like), emit


@intrinsic
def _slope(_, f, terms):
    """Return (2 ** f - 1) / f for small |f|, by Horner's rule."""

    def emit(_, builder, __, arguments):
        *rest, value = unpack_tuple(builder, arguments[1])
        for term in reversed(rest):
            value = simd.emit_fma(builder, value, arguments[0], term)
        return value

    return f(f, terms), emit


@intrinsic
def _power(_, rounded, tables):
    """Return 2 ** n, n in the last bits of a number, and how much it is less, relative to itself.

    They are steps if there are tables, else whole.
    """
    form = _format(rounded)

    def emit(context, builder, _, arguments):
        number, kind = arguments[0].type, simd.integers(arguments[0].type)
        last = builder.bitcast(arguments[0], kind)
        shift = form.digits - (form.steps.bit_length() - 1 if tables.count else 0)
        bits, lacking = builder.shl(last, ir.Constant(kind, shift)), ir.Constant(number, 0.0)
        if tables.count:
            begin, lacking = (
                simd.emit_permute(builder, table, last)
                for table in unpack_tuple(builder, arguments[1])
            )
            bits = builder.add(bits, builder.bitcast(begin, kind))
        power = builder.bitcast(bits, number)
        return context.make_tuple(builder, types.UniTuple(rounded, 2), [power, lacking])

    return types.UniTuple(rounded, 2)(rounded, tables), emit


def _growth(rounded, f, terms, tables):
    """Return what makes 2 ** (n + f), for the n that `_power` says.

    It is run * slope + power. Returned are the run, the slope and the power, of n.
    """


@overload(_growth, jit_options={"forceinline": True})
def _growth_of(rounded, f, terms, tables):
    def by_polynomial(rounded, f, terms, tables):
        power, _ = _power(rounded, tables)
        return f * power, _slope(f, terms), power

    def by_table(rounded, f, terms, tables):
        power, lacking = _power(rounded, tables)
        return power, fma(_slope(f, terms), f, lacking), power

    return by_table if tables.count else by_polynomial


def _pair(high, low, like):
    """Return a double and its low part as a number of the type of `like` and its low part."""


@overload(_pair)
def _pair_of(high, low, like):
    if like is types.float64:
        return lambda high, low, like: (high, low)

    def pair(high, low, like):
        single = np.float32(high)
        return single, np.float32((high - np.float64(single)) + low)

    return pair


@register_jitable
def _within(maximum, temperature, most):
    """Return whether nothing overflows on the way; NaN is not within any range."""
    return abs(maximum) <= most and temperature <= most and temperature * most >= 1.0


def _ordinary(maximum, temperature):
    """Return whether a slice is `_within` the range of its format."""


@overload(_ordinary)
def _ordinary_of(maximum, temperature):
    most = FORMATS[maximum].range
    return lambda maximum, temperature: _within(maximum, temperature, most)


@njit
def _divide(a, a_low, b, b_low, like):
    """Return (a + a_low) / (b + b_low), low parts below an ulp, as a pair of the type of `like`."""
    high = a / b
    low = ((fma(-high, b, a) + a_low) - high * b_low) / b
    return _pair(high, low, like)


def _inverse(total, total_low, like):
    """Return 1 / (total + total_low) as high + low, both times `unit`, the inverse of the scale.

    The products of a weight with high and low are normal numbers, which processors are quick with.
    """


@overload(_inverse, jit_options={"forceinline": True})
def _inverse_of(total, total_low, like):
    if like is types.float32:

        def inverse_of_double(total, total_low, like):
            c = _constants(like)
            high, low = _pair(np.float64(c.scale) / (total + total_low), 0.0, like)
            return high, low, c.unit

        return inverse_of_double

    def inverse(total, total_low, like):
        c = _constants(like)
        rounded = total + total_low
        inverse = c.scale / rounded
        rest = fma(c.zero - inverse, rounded, c.scale)
        rest = rest - inverse * _sum_error(total, total_low, rounded)
        # Another division would only take longer.
        return inverse, rest * (inverse * c.unit), c.unit

    return inverse


def _plus(total, total_low, part, part_low, like):
    """Return the sum of two totals of weights, each of them in two parts, as one."""


@overload(_plus, jit_options={"forceinline": True})
def _plus_of(total, total_low, part, part_low, like):
    if like is types.float32:  # A double has room for all that counts.
        return lambda total, total_low, part, part_low, like: (total + part, 0.0)

    def plus(total, total_low, part, part_low, like):
        new = total + part
        return new, total_low + (part_low + _sum_error(total, part, new))

    return plus


@njit(forceinline=True)
def _sum_error(a, b, total):
    """Return what rounding threw away in total = a + b (Knuth's two-sum)."""
    virtual = total - a
    return (a - (total - virtual)) + (b - virtual)


@compiled
def _factor(temperature, like):
    """Return log2(e) / temperature in two parts."""
    return _divide(LOG2_E, LOG2_E_LOW, temperature, 0.0, like)


@njit
def _magic(maximum, high):
    """Return the magic number by which weights are relative to 2 ** n0, near that of the maximum.

    So the maximum is taken off as a whole number, and nothing is rounded by it.
    """
    c = _constants(maximum)
    return c.magic - (fma(maximum, high, c.whole) - c.whole)


@njit
def _anchor(maximum, high):
    """Return what to subtract from the logits of a slice, and the magic of what is left.

    That is 0 or, if they are `FAR` away, the maximum: then it is less than half a logit away from
    all that count, and nothing is rounded by that either.
    """
    c = _constants(maximum)
    size = where_less(c.zero, maximum, maximum, c.zero - maximum)
    anchor = where_less(c.far, size * high, maximum, c.zero)
    return anchor, _magic(maximum - anchor, high)


@njit
def _exp2(logit, high, low, magic, terms, tables):
    """Return what makes 2 ** (logit * (high + low) + n), for `magic`, a constant + n: `_growth`."""
    rounded = fma(logit, high, magic)
    f = fma(logit, low, fma(logit, high, magic - rounded))
    return _growth(rounded, f, terms, tables)


@njit
def _scaled(logit, maximum, high, low):
    """Return (logit - maximum) * (high + low) as a number and its low part."""
    zero = _constants(logit).zero
    difference = logit - maximum
    error = _sum_error(logit, zero - maximum, difference)
    y = difference * high
    return y, fma(error, high, fma(difference, low, fma(difference, high, zero - y)))


@njit
def _weight_below(logit, maximum, high, low):
    """Return 2 ** ((logit - maximum) * (high + low) + shift): of the maximum it is exact."""
    magic = _constants(logit).whole
    y, y_low = _scaled(logit, maximum, high, low)
    rounded = y + magic
    f = (y - (rounded - magic)) + y_low
    bottom = magic + _constants(logit).least
    f = unless_below(rounded, bottom, f)  # which may be infinite
    run, slope, power = _growth(rounded, f, _terms(f), ())
    return unless_below(rounded, bottom, fma(run, slope, power))


@njit
def _log_total(total, total_low, like):
    """Return the logarithm of a total of weights, of which the largest is 1, as a pair.

    What the others add to that 1 may be far below it, and log1p wants it unrounded.
    """
    others = total - 1.0
    rest = others + total_low
    low = _sum_error(others, total_low, rest)
    return _pair(math.log1p(rest), low / (1.0 + rest), like)


@njit
def _log_share(logit, maximum, high, low, log, log_low):
    """Return (logit - maximum) * (high + low) - (log + log_low)."""
    c = _constants(logit)
    q, q_low = _scaled(logit, maximum, high, low)
    value = q - log
    corrected = value + ((_sum_error(q, c.zero - log, value) + q_low) - log_low)
    # Where the quotient is -inf its error is NaN, and there is nothing to correct.
    return where_less(c.lowest, value, corrected, value)


@compiled
def _max(row):
    """Return the maximum of the lanes that are not NaN; of those the weights will tell."""
    return _largest(_max_block(row, 0, len(row), broadcast_wide(_constants(row[0]).lowest)))


@njit(forceinline=True)
def _max_block(row, begin, end, tops):
    """Return the maxima of a vector and of lanes `begin` to `end`, of a few before them too."""
    if len(row) < lanes(tops):
        logits = load_some(row, 0, len(row), tops)
        return where_less(logits, tops, tops, logits)
    last, others = len(row) - lanes(tops), tops
    for k in range(begin, end, 2 * lanes(tops)):
        logits = load_like(row, min(k, last), tops)
        tops = where_less(logits, tops, tops, logits)
        logits = load_like(row, min(k + lanes(tops), last), tops)
        others = where_less(logits, others, others, logits)
    return where_less(others, tops, tops, others)


def _largest(vector):
    """Return the largest number of a vector."""


@overload(_largest, jit_options={"forceinline": True})
def _largest_of(vector):
    if vector.count == 1:
        return lambda vector: element(vector, 0)

    def fold(vector):
        left, right = halves(vector)
        return _largest(where_less(left, right, right, left))

    return fold


@njit
def _add(total, total_low, run, slope, power):
    """Add a weight, unrounded run * slope + power, to a total above it and to its low part."""
    weight = fma(run, slope, power)
    new = total + weight
    return new, total_low + fma(run, slope, power - (new - total)), weight


@njit(forceinline=True)
def _weigh_block(source, row, begin, high, low, magic, following):
    """Put weights of the block of a source in a row; return their total in two parts.

    And return the block's maximum, or if the row has no other, that of the first of `following`.
    """
    c = _constants(high)
    least = broadcast_wide((c.magic - magic + c.least) * (c.one / high))
    highs, lows, magics = broadcast_wide(high), broadcast_wide(low), broadcast_wide(magic)
    c, terms, tables = _constants(highs), hold(_step_terms(highs)), _tables(highs)
    total, total_low, tops = c.roof, c.zero, c.lowest
    end = min(begin + BLOCK, len(row))
    whole = end - (end - begin) % lanes(highs)
    coming, start = (source, begin) if len(row) > BLOCK else (following, 0)
    last = len(coming) - lanes(highs)
    for k in range(begin, whole, lanes(highs)):
        others = load_like(coming, min(k - begin + start, last), tops)
        tops = where_less(others, tops, tops, others)
        logits = load_like(source, k, least)
        logits = where_less(logits, least, least, logits)
        run, slope, power = _exp2(logits, highs, lows, magics, terms, tables)
        total, total_low, weight = _add(total, total_low, run, slope, power)
        store(row, k, weight)
    if whole < end:
        logits = load_some(source, whole, end - whole, c.lowest)
        if len(row) > BLOCK:
            tops = where_less(logits, tops, tops, logits)
        logits = where_less(logits, least, least, logits)
        run, slope, power = _exp2(logits, highs, lows, magics, terms, tables)
        total, total_low, weight = _add(total, total_low, run, slope, power)
        store_some(row, whole, end - whole, weight)
    if len(row) <= BLOCK:
        tops = _max_block(following, whole, min(BLOCK, len(following)), tops)
    total, total_low = _across(total - c.roof, total_low)
    return total, total_low, _largest(tops)


@njit
def _weigh_block_again(source, row, begin, high, low, magic):
    """Do what `_weigh_block` does, in a place of its own.

    A way back to where that is inlined would make short rows of one block take some 8 % longer.
    """
    return _weigh_block(source, row, begin, high, low, magic, source)


@njit
def _total_block(source, begin, end, maximum, high, low):
    """Return the lanes' totals of weights, of which the largest is 1, and their low parts.

    Both are doubles, because of the others than the largest the logarithm wants every bit.
    """
    c = _constants(maximum)
    unit = double(c.unit)
    total, total_low = double(c.start) * unit, double(c.zero)
    for k in range(begin, end, lanes(source)):
        logits = load_some(source, k, end - k, c.lowest)
        weight = double(_weight_below(logits, maximum, high, low)) * unit
        new = total + weight
        total, total_low = new, total_low + (weight - (new - total))
    return total - double(c.start) * unit, total_low


def _across(total, total_low):
    """Return the total of a vector's lanes, as doubles in two parts, of lanes which are such."""


@overload(_across, jit_options={"forceinline": True})
def _across_of(total, total_low):
    if total.dtype is types.float32:
        return lambda total, total_low: (_added(double(total) + double(total_low)), 0.0)
    if total.count == 1:
        return lambda total, total_low: (element(total, 0), element(total_low, 0))

    def fold(total, total_low):
        (left, right), (left_low, right_low) = halves(total), halves(total_low)
        new = left + right
        return _across(new, _sum_error(left, right, new) + (left_low + right_low))

    return fold


def _added(vector):
    """Return the sum of a vector's numbers."""


@overload(_added, jit_options={"forceinline": True})
def _added_of(vector):
    if vector.count == 1:
        return lambda vector: element(vector, 0)

    def fold(vector):
        left, right = halves(vector)
        return _added(left + right)

    return fold


@njit
def _total(source, maximum, high, low):
    """Return the total of weights, of which the largest is 1, in two parts."""
    tops, highs, lows = broadcast(maximum), broadcast(high), broadcast(low)
    total = total_low = 0.0
    for begin in range(0, len(source), BLOCK):
        end = min(begin + BLOCK, len(source))
        sums = _total_block(source, begin, end, tops, highs, lows)
        part, part_low = _across(sums[0], sums[1])
        new = total + part
        total, total_low = new, total_low + (part_low + _sum_error(total, part, new))
    return total, total_low


@njit
def _log_shares(source, row, maximum, temperature, total, total_low):
    """Put logarithms of shares in a row."""
    logarithm, logarithm_low = _log_total(total, total_low, maximum)
    high, low = _divide(1.0, 0.0, temperature, 0.0, maximum)
    tops, highs, lows = broadcast(maximum), broadcast(high), broadcast(low)
    logarithms, logarithms_low = broadcast(logarithm), broadcast(logarithm_low)
    for k in range(0, len(row), lanes(row)):
        logits = load_some(source, k, len(row) - k, tops)
        shares = _log_share(logits, tops, highs, lows, logarithms, logarithms_low)
        store_some(row, k, len(row) - k, shares)


@njit
def _top(row):
    """Return the maximum of the first block."""
    end = min(BLOCK, len(row))
    return _largest(_max_block(row, 0, end, broadcast_wide(_constants(row[0]).lowest)))


@njit(forceinline=True)
def _weigh(source, row, top, high, low, magics, following):
    """Put weights in a row; return their total, in two parts, relative to the last magic.

    `top` is the maximum of the first block, or of more. Where a block's is larger, all that follow
    are relative to that; `magics` has what those of each block are relative to.
    The total is NaN if a lane is, and where a maximum is far from 0, or infinite: then it is to be
    done again. The last result is, of a row of one block, the maximum of the first of `following`.
    """
    c = _constants(top)
    magic, found = c.magic, top
    total = total_low = 0.0
    for begin in range(0, len(row), BLOCK):
        if not abs(top) * high <= c.far:
            return math.nan, 0.0, top
        last, magic = magic, _magic(top, high)
        part, part_low, found = _weigh_block(source, row, begin, high, low, magic, following)
        if len(row) > BLOCK:
            above, top = (found - top) * high, max(top, found)
            if above > ROOM:
                if not abs(top) * high <= c.far:
                    return math.nan, 0.0, top
                magic = _magic(top, high)
                part, part_low, _ = _weigh_block_again(source, row, begin, high, low, magic)
        magics[begin // BLOCK] = magic
        if begin > 0 and magic < last:
            total *= math.ldexp(1.0, int(magic - last))
            total_low *= math.ldexp(1.0, int(magic - last))
        total, total_low = _plus(total, total_low, part, part_low, top)
    return total, total_low, found


@njit(forceinline=True)
def _weigh_row(source, row, top, temperature, high, low, magics, following):
    """Do what `_weigh` does, from the maximum of the first block, or if need be the row's own."""
    zero, found = _constants(top).zero, top
    total, total_low = math.nan, 0.0
    for again in range(2):
        if again:
            top = _max(source)
        if not _ordinary(top if again else zero, temperature):
            break
        if again:
            nearer, top = _nearer(source, row, top, high)
            source = borrowed(nearer)
        total, total_low, found = _weigh(source, row, top, high, low, magics, following)
        if not math.isnan(total):
            break
    return total, total_low, found


@njit
def _share_of(weight, high, low, unit):
    """Return weight * (high + low), rounded once, times a power of two."""
    return scaled(fma(weight, high, weight * low), unit)


@njit(forceinline=True)
def _share(row, magics, magic, inverse):
    """Put shares in place of weights; `inverse`, of their total, is relative to `magic`."""
    skew = 0
    if len(row) > 16 * lanes(row):  # else it takes more than it brings
        skew = -row.ctypes.data % simd.BYTES * lanes(row) // simd.BYTES
    # The last one first, which is still near.
    for begin in range((len(row) - 1) // BLOCK * BLOCK, -1, -BLOCK):
        high, low, last = inverse
        steps = int(magics[begin // BLOCK] - magic)
        if steps > 0:  # So many powers of two are to come off this block's weights.
            high, low, last = _lowered(high, low, last, steps)
        highs, lows, units = broadcast(high), broadcast(low), broadcast(last)
        end = min(begin + BLOCK, len(row))
        # From where a line of the caches begins: whole vectors are in one each then.
        first = min(begin + skew, end)
        if first > begin:
            weight = load_some(row, begin, first - begin, units)
            store_some(row, begin, first - begin, _share_of(weight, highs, lows, units))
        whole = end - (end - first) % lanes(row)
        for k in range(first, whole, lanes(row)):
            weight = load(row, k)
            store(row, k, _share_of(weight, highs, lows, units))
        if whole < end:
            weight = load_some(row, whole, end - whole, units)
            store_some(row, whole, end - whole, _share_of(weight, highs, lows, units))


@njit
def _lowered(high, low, unit, steps):
    """Return three factors, of which the last is lowered by powers of two, and first the others.

    Each is a normal number as long as a share can be.
    """
    c = _constants(high)
    if steps > -c.least:
        return c.zero, c.zero, unit
    most = min(steps, _half(high))
    first, _ = _pair(math.ldexp(1.0, most - steps), 0.0, high)
    rest, _ = _pair(math.ldexp(1.0, -most), 0.0, high)
    return high * first, low * first, unit * rest


def _half(like):
    """Return half of the range of exponents."""


@overload(_half)
def _half_of(like):
    half = FORMATS[like].bias // 2
    return lambda like: half


@njit
def _long_rows(z, temperature, out, declined, log, near):
    """Rows, each while it is in the cache; `temperature` is one for all or one for each."""
    z, temperature, out = borrowed(z), borrowed(temperature), borrowed(out)
    each = min(1, len(temperature) - 1)
    high, low = _factor(temperature[0], z[0, 0])
    if log:
        for i in range(len(out)):
            declined[i] = not _log_row(z[i], temperature[i * each], out[i])
        return
    lanes = z.shape[1]
    magics = np.empty(-(-lanes // BLOCK), out.dtype)
    # What is not ordinary may be found when a part of the row is written.
    careful = lanes > BLOCK and z.ctypes.data == out.ctypes.data
    copy = np.empty(lanes if careful else 0, out.dtype)
    ahead = near and lanes <= BLOCK
    top = _top(z[0])
    for i in range(len(out)):
        source, row, following = z[i], out[i], z[min(i + 1, len(z) - 1)]
        t = temperature[i * each]
        if each:
            high, low = _factor(t, top)
        if careful:
            _copy(source, copy)
            source = borrowed(copy)
        total, total_low, found = _weigh_row(
            source, row, top, t, high, low, borrowed(magics), following if ahead else source
        )
        if math.isnan(total):
            declined[i] = True
            if careful:
                _copy(copy, row)
        else:
            _share(row, borrowed(magics), magics[-1], _inverse(total, total_low, top))
        top = found if ahead and not math.isnan(total) else _top(following)
    keep((copy, magics))


@njit
def _copy(source, target):
    """Copy all of an array to the beginning of another: a slice on the left takes LLVM a second."""
    for k in range(len(source)):
        target[k] = source[k]


@njit
def _nearer(source, row, maximum, high):
    """Return logits and their maximum: of those that are far from 0 what is less, in `row`."""
    anchor, _ = _anchor(maximum, high)
    if anchor != 0:
        for k in range(len(row)):
            row[k] = source[k] - anchor
        return row, maximum - anchor
    return source, maximum


@njit
def _log_row(source, temperature, row):
    """Return if a row is ordinary, of which the logarithms are then in `row`."""
    maximum = _max(source)
    if not _ordinary(maximum, temperature):
        return False
    total, total_low = _total(source, maximum, *_factor(temperature, maximum))
    if math.isnan(total):
        return False
    _log_shares(source, row, maximum, temperature, total, total_low)
    return True


@njit
def _moments_of(weight, distance, sums):
    """Add a vector to sums of weights, of those below the maximum's, and of two moments."""
    total, rest, first, second = sums
    weight, distance = double(weight), double(distance)
    none = weight - weight
    part = weight * distance
    below = where_less(distance, none, weight, none)
    return total + weight, rest + below, first + part, fma(part, distance, second)


@njit
def _weights_below(distance, high, low):
    """Return 2 ** (distance * (high + low) + shift) and the distances, of what has a weight."""
    c = _constants(high)
    least = c.least / high
    distance = where_less(distance, least, least, distance)
    terms, tables = _step_terms(distance), _tables(distance)
    run, slope, power = _exp2(distance, high, low, c.magic, terms, tables)
    return fma(run, slope, power), distance


@njit
def _weights_alike(logits, distance):
    """Return what `_weights_below` does, at T = inf: all lanes that are not -inf weigh alike."""
    c = _constants(logits)
    # NaN of what is NaN.
    weight = unless_below(logits, c.zero - c.most, c.scale + (logits - logits))
    return weight, unless_below(logits, c.zero - c.most, distance)


@njit(forceinline=True)
def _row_moments(row, ahead, temperature, high, low):
    """Return the log of the total weight, and mean and variance of the distance to the maximum."""
    maximum = _max(row)
    if not abs(maximum) < math.inf:
        return math.nan, math.nan, math.nan
    c, tops, highs, lows = (
        _constants(maximum),
        broadcast(maximum),
        broadcast(high),
        broadcast(low),
    )
    none = double(tops - tops)
    sums = none, none, none, none
    for k in range(0, len(row), lanes(row)):
        prefetch(ahead, k, near=False)
        if k + lanes(row) <= len(row):
            logits = load(row, k)
        else:
            logits = load_some(row, k, len(row) - k, broadcast(c.lowest))
        if temperature == math.inf:
            weight, distance = _weights_alike(logits, logits - tops)
        else:
            weight, distance = _weights_below(logits - tops, highs, lows)
        sums = _moments_of(weight, distance, sums)
    total, rest, first, second = _added(sums[0]), _added(sums[1]), _added(sums[2]), _added(sums[3])
    return _of_sums(total, rest, first, second, np.float64(c.unit))


@njit
def _of_sums(total, rest, first, second, unit):
    """Return what `_row_moments` does, of the sums of `_moments_of`."""
    mean = first / total
    # The maximum alone makes the variance at least mean ** 2 / lanes: so much is left of this.
    variance = second / total - mean * mean
    # The weights of the maximum are whole numbers of units, and log1p wants the rest unrounded.
    log_total = math.log1p(round((total - rest) * unit) - 1.0 + rest * unit)
    return log_total, mean, 0.0 if variance < 0.0 else variance  # noqa: FURB136 - NaN stays


@njit
def _short_moments(z, temperature, high, low, result):
    """Do what `_row_moments` does for rows of few lanes, turned into columns of a tile."""
    slices, count = z.shape
    most = _tile_width(z)
    tile_, edge_ = _aligned(count * most, z), np.zeros(count * most + lanes(z), z.dtype)
    source, tile, edge = borrowed(z.reshape(-1)), borrowed(tile_), borrowed(edge_)
    sums = np.empty((4, most))
    unit = np.float64(_constants(high).unit)
    highs, lows = broadcast(high), broadcast(low)
    for start in range(0, slices, most):
        width = min(most, slices - start)
        place, _ = _roomy(source, start * count, (start + width) * count, edge)
        _turn(place, (width, count), tile, most)
        for r in range(0, width, lanes(tile)):
            tops = load(tile, r)
            for k in range(r + most, count * most, most):
                logits = load(tile, k)
                tops = where_less(logits, tops, tops, logits)
            # NaN of what is not finite.
            none = double(tops - tops)
            total, rest, first, second = none, none, none, none
            for k in range(r, count * most, most):
                logits = load(tile, k)
                if temperature == math.inf:
                    weight, distance = _weights_alike(logits, logits - tops)
                else:
                    weight, distance = _weights_below(logits - tops, highs, lows)
                total, rest, first, second = _moments_of(
                    weight, distance, (total, rest, first, second)
                )
            store(sums, r, total)
            store(sums, most + r, rest)
            store(sums, 2 * most + r, first)
            store(sums, 3 * most + r, second)
        for r in range(width):
            i = start + r
            result[0, i], result[1, i], result[2, i] = _of_sums(
                sums[0, r], sums[1, r], sums[2, r], sums[3, r], unit
            )


@compiled
def _moments(z, temperature, result):
    """Put the moments of rows in the columns of `result`."""
    z, result = borrowed(z), borrowed(result)
    high, low = _factor(temperature, z[0, 0])
    if z.shape[1] < SHORT:
        _short_moments(z, temperature, high, low, result)
        return
    for i in range(len(z)):
        ahead = z[min(i + 1, len(z) - 1)]
        result[0, i], result[1, i], result[2, i] = _row_moments(z[i], ahead, temperature, high, low)


# In a tile the lanes are rows and the slices columns. What a slice has of its own stands in one
# array, the numbers of a kind side by side. The first is the maximum, and of weights the anchor.
# (The distance is not a multiple of a page, at which caches confuse addresses.)
HIGH, LOW, MAGIC, LEAST, TOTAL, TOTAL_LOW, OWN = (k * (WIDE + 64) for k in range(1, 8))
# What `_strip` did.
NOTHING, SOME, ALL = range(3)


@njit
def _tile(tile, width, temperature, first, own, declined, log):
    """Work `width` slices in place; return if all of them are ordinary."""
    if log:
        return _log_tile(tile, width, temperature, first, own, declined)
    count, stride = tile.shape
    place, shape = (tile.reshape(-1), 0, stride), (count, width)
    return _strip(place, place, shape, temperature, first, own, declined, careful=False) == ALL


@njit
def _log_tile(tile, width, temperature, first, own, declined):
    """Put logarithms in place of `width` slices; return if all of them are ordinary."""
    each = min(1, len(temperature) - 1)
    high, low = _factor(temperature[0], own[0])
    clean = True
    _copy(tile[0][:width], own)
    for k in range(1, len(tile)):
        _tile_max(tile[k][:width], own)
    for r in range(width):
        t = temperature[(first + r) * each]
        if not _ordinary(own[r], t):
            declined[first + r] = True
            clean = False
        if each:
            high, low = _factor(t, own[r])
        own[HIGH + r], own[LOW + r] = high, low
        own[TOTAL + r] = own[TOTAL_LOW + r] = 0.0
    for k in range(len(tile)):
        _tile_total(tile[k][:width], own)
    unit = np.float64(_constants(own[0]).unit)
    for r in range(width):
        total, total_low = np.float64(own[TOTAL + r]), np.float64(own[TOTAL_LOW + r])
        if math.isnan(total):
            declined[first + r] = True
            clean = False
        own[TOTAL + r], own[TOTAL_LOW + r] = _log_total(total * unit, total_low * unit, own[r])
        t = temperature[(first + r) * each]
        own[HIGH + r], own[LOW + r] = _divide(1.0, 0.0, t, 0.0, own[r])
    for k in range(len(tile)):
        _tile_share(tile[k][:width], own)
    return clean


@njit
def _tile_max(row, own):
    for r in range(len(row)):
        own[r] = where_less(row[r], own[r], own[r], row[r])


@njit
def _tile_total(row, own):
    for r in range(len(row)):
        weight = _weight_below(row[r], own[r], own[HIGH + r], own[LOW + r])
        total = own[TOTAL + r]
        own[TOTAL + r] = total + weight
        own[TOTAL_LOW + r] += _sum_error(total, weight, total + weight)


@njit
def _tile_share(row, own):
    for r in range(len(row)):
        row[r] = _log_share(
            row[r], own[r], own[HIGH + r], own[LOW + r], own[TOTAL + r], own[TOTAL_LOW + r]
        )


@njit
def _strip(source, target, shape, temperature, first, own, declined, careful):
    """Work columns of a matrix, one beside the other; return what was done: ALL, or but SOME.

    `source` and `target` are an array, where in it the first column begins, and how far apart rows
    are; `shape` is how many lanes and columns. They are worked some vectors at a time: what is
    beyond the last column is to count for nothing. If `careful`, and something is not ordinary but
    a NaN in a lane, NOTHING is written.
    """
    _, width = shape
    each = len(temperature) > 1
    own_temperatures = temperature[first : first + width] if each else temperature
    _factors(own_temperatures, own)
    odd = _strip_begin(source, shape, own, each)
    if careful and odd:
        return NOTHING
    _strip_weigh(source, target, shape, own, each)
    odd = _strip_divide(width, own)
    _strip_share(target, shape, own)
    if not odd:
        return ALL
    for r in range(width):
        if math.isnan(own[TOTAL + r]):
            declined[first + r] = True
    return SOME


@njit
def _strip_begin(source, shape, own, each):
    """Prepare what columns have of their own; return if for some of them that is not possible."""
    (logits, begin, stride), (count, width) = source, shape
    c = _constants(broadcast_wide(own[0]))
    for r in range(0, width, lanes(c.zero)):
        store(own, r, c.lowest)
    for k in range(0, count, STREAMS):
        for r in range(0, width, lanes(c.zero)):
            top = load_like(own, r, c.zero)
            for i in range(k, min(k + STREAMS, count)):
                lane = load_like(logits, begin + i * stride + r, c.zero)
                top = where_less(lane, top, top, lane)
            store(own, r, top)
    high, odd = broadcast_wide(own[HIGH]), c.zero
    for r in range(0, width, lanes(c.zero)):
        if each:
            high = load_like(own, HIGH + r, c.zero)
        anchor, magic = _anchor(load_like(own, r, c.zero), high)
        odd = odd + (magic - magic)
        store(own, r, anchor)
        store(own, MAGIC + r, magic)
        store(own, LEAST + r, (c.magic - magic + c.least) / high)
        store(own, TOTAL + r, c.start)
        store(own, TOTAL_LOW + r, c.zero)
    return math.isnan(_added(odd))


@njit
def _strip_weigh(source, target, shape, own, each):
    """Put weights of a source in a target, and their totals where the columns' own numbers are."""
    (logits, begin, stride), (shares, place, step), (count, width) = source, target, shape
    c = _constants(broadcast_wide(own[0]))
    terms, tables = hold(_step_terms(c.zero)), _tables(c.zero)
    high, low = broadcast_wide(own[HIGH]), broadcast_wide(own[LOW])
    for k in range(0, count, STREAMS):
        for r in range(0, width, lanes(c.zero)):
            if each:
                high, low = load_like(own, HIGH + r, c.zero), load_like(own, LOW + r, c.zero)
            anchor = load_like(own, r, c.zero)
            magic, least = load_like(own, MAGIC + r, c.zero), load_like(own, LEAST + r, c.zero)
            total = load_like(own, TOTAL + r, c.zero)
            total_low = load_like(own, TOTAL_LOW + r, c.zero)
            for i in range(k, min(k + STREAMS, count)):
                lane = load_like(logits, begin + i * stride + r, c.zero) - anchor
                lane = where_less(lane, least, least, lane)
                run, slope, power = _exp2(lane, high, low, magic, terms, tables)
                total, total_low, weight = _add(total, total_low, run, slope, power)
                store(shares, place + i * step + r, weight)
            store(own, TOTAL + r, total)
            store(own, TOTAL_LOW + r, total_low)


@njit
def _strip_divide(width, own):
    """Put the inverse of totals in place of the factors; return if one of them is NaN."""
    c = _constants(broadcast_wide(own[0]))
    odd = c.zero
    for r in range(0, width, lanes(c.zero)):
        total = load_like(own, TOTAL + r, c.zero) - c.start
        odd = odd + (total - total)
        high, low, _ = _inverse(total, load_like(own, TOTAL_LOW + r, c.zero), c.zero)
        store(own, TOTAL + r, total)
        store(own, HIGH + r, high)
        store(own, LOW + r, low)
    return math.isnan(_added(odd))


@njit
def _strip_share(target, shape, own):
    """Put shares in place of weights."""
    (shares, place, step), (count, width) = target, shape
    c = _constants(broadcast_wide(own[0]))
    # The last ones first, which are still near.
    for k in range((count - 1) // STREAMS * STREAMS, -1, -STREAMS):
        for r in range(0, width, lanes(c.zero)):
            high, low = load_like(own, HIGH + r, c.zero), load_like(own, LOW + r, c.zero)
            for i in range(k, min(k + STREAMS, count)):
                weight = load_like(shares, place + i * step + r, c.zero)
                store(shares, place + i * step + r, _share_of(weight, high, low, c.unit))


@njit
def _factors(temperature, own):
    """Prepare the factors of slices, NaN of a temperature which is not ordinary."""
    for r in range(len(temperature)):
        own[HIGH + r], own[LOW + r] = _factor(temperature[r], own[0])
        if not _ordinary(_constants(own[0]).zero, temperature[r]):
            own[HIGH + r] = math.nan


@njit
def _tile_width(rows):
    """Return how many rows of few lanes make a tile that stays in the first cache."""
    most, wide = CACHES[0] // (rows.shape[1] * rows.itemsize), BESIDE * lanes(rows)
    return max(wide, min(512, most) // wide * wide)


@njit(forceinline=True)
def _share_tile(tile, width, temperature, first, own, declined, ahead, place):
    """Put shares in place of `width` slices; return if all of them are ordinary.

    The tile is one vector wide. What will be read next and then written is asked for in passing:
    `ahead` and `place` are an array and where in it that begins.
    """
    if len(temperature) > 1:
        _factors(temperature[first : first + width], own)
    c = _constants(broadcast_wide(tile[0]))
    high, low = load_like(own, HIGH, c.zero), load_like(own, LOW, c.zero)
    top = c.lowest
    for k in range(0, len(tile), lanes(c.zero)):
        lane = load_like(tile, k, c.zero)
        top = where_less(lane, top, top, lane)
    anchor, magic = _anchor(top, high)
    # To ask that in the loop would take half as long again.
    if NEARER * tile.nbytes <= CACHES[0]:
        total, total_low = _weigh_tile(tile, anchor, high, low, magic, ahead, place, near=True)
    else:
        total, total_low = _weigh_tile(tile, anchor, high, low, magic, ahead, place, near=False)
    high, low, unit = _inverse(total, total_low, c.zero)
    for k in range(0, len(tile), lanes(c.zero)):
        store(tile, k, _share_of(load_like(tile, k, c.zero), high, low, unit))
    if not math.isnan(_added(total - total)):
        return True
    store(own, TOTAL, total)
    for r in range(width):
        if math.isnan(own[TOTAL + r]):
            declined[first + r] = True
    return False


@njit(forceinline=True)
def _weigh_tile(tile, anchor, high, low, magic, ahead, place, near):
    """Put weights in place of a tile one vector wide; return their totals in two parts."""
    c = _constants(high)
    terms, tables = hold(_step_terms(high)), _tables(high)
    least = (c.magic - magic + c.least) * (c.one / high)
    total, total_low = c.start, c.zero
    for k in range(0, len(tile), lanes(high)):
        lane = load_like(tile, k, high) - anchor
        lane = where_less(lane, least, least, lane)
        run, slope, power = _exp2(lane, high, low, magic, terms, tables)
        total, total_low, weight = _add(total, total_low, run, slope, power)
        store(tile, k, weight)
        # Memory would idle while nothing but a tile is worked.
        for line in range(k, k + lanes(high), lanes(tile)):
            prefetch(ahead[0], ahead[1] + line, near)
            prefetch(place[0], place[1] + line, near)
    return total - c.start, total_low


@njit
def _short_rows(z, temperature, out, declined, log):
    """Rows of few lanes, turned into columns of a tile."""
    slices, count = z.shape
    most = _tile_width(out) if log else BESIDE * lanes(out)
    # What is beyond the last row counts for nothing, but let it be numbers.
    tile_, own_ = _aligned(count * most, out), np.empty(OWN, out.dtype)
    edge_ = np.zeros(count * most + lanes(out), out.dtype)
    tile, own, edge = borrowed(tile_), borrowed(own_), borrowed(edge_)
    source, target = borrowed(z.reshape(-1)), borrowed(out.reshape(-1))
    if not log:  # which has factors as it goes along
        _factors(np.full(most, temperature[0]), own)
    for first in range(0, slices, most):
        width = min(most, slices - first)
        begin, end = first * count, (first + width) * count
        (logits, start), inside = _roomy(source, begin, end, edge)
        shares = target if inside else edge
        _turn((logits, start), (width, count), tile, most)
        if log:
            columns = tile.reshape((count, most))
            done = _log_tile(columns, width, temperature, first, own, declined)
        else:
            ahead, place = (logits, start + len(tile)), (shares, start)
            done = _share_tile(tile, width, temperature, first, own, declined, ahead, place)
        if done:
            _turn_back(tile, most, (width, count), (shares, start))
            if not inside:
                _copy(edge[: end - begin], target[begin:end])
        else:
            for r in range(width):
                if not declined[first + r]:
                    for k in range(count):
                        out[first + r, k] = tile[k * most + r]
    keep((tile_, own_, edge_))


@njit
def _aligned(size, like):
    """Return an array of zeros that begins with a line of the caches."""
    array = np.zeros(size + lanes(like), like.dtype)
    skew = -array.ctypes.data % simd.BYTES // array.itemsize
    return array[skew : skew + size]


@njit(forceinline=True)
def _roomy(array, begin, end, edge):
    """Return where elements have room for whole vectors of a whole tile, and if that is in place.

    It is an array and where in it they begin; if not in place, they are in a copy, `edge`.
    """
    inside = begin + len(edge) <= len(array)
    if not inside:
        _copy(array[begin:end], edge)
        return (edge, 0), inside
    return (array, begin), inside


@njit(forceinline=True)
def _turn(source, shape, tile, stride):
    """Copy rows as columns of a tile, whose rows are `stride` apart."""
    (logits, start), (rows, columns) = source, shape
    for r in range(0, rows, lanes(tile)):
        for k in range(0, columns, lanes(tile)):
            # The last block begins earlier, rather than end beyond the last column.
            first = max(0, min(k, columns - lanes(tile)))
            turn(
                (logits, start + r * columns + first, columns),
                (lanes(tile), min(columns, lanes(tile))),
                (tile, first * stride + r, stride),
            )


@njit(forceinline=True)
def _turn_back(tile, stride, shape, target):
    """Copy columns of a tile as rows, in order."""
    (shares, start), (rows, columns) = target, shape
    # Whole vectors are written: what they overwrite after the last row is put back.
    end = start + rows * columns
    rest = load(shares, end)
    for r in range(0, rows, lanes(tile)):
        for k in range(0, columns, lanes(tile)):
            first = max(0, min(k, columns - lanes(tile)))
            turn(
                (tile, first * stride + r, stride),
                (min(columns, lanes(tile)), lanes(tile)),
                (shares, start + r * columns + first, columns),
            )
    store(shares, end, rest)


@njit
def _columns(z, temperature, out, declined, log, begin, end):
    """Columns `begin` to `end` of each of many matrices."""
    matrices, count, columns = z.shape
    wide, own = BESIDE * lanes(z), np.zeros(OWN, out.dtype)
    for matrix in range(matrices):
        source, target = z[matrix], out[matrix]
        start = begin
        while start < end:
            stop = min(start + WIDE, end)
            whole = (stop - start) // wide * wide
            done = NOTHING
            if whole > 0 and not log:
                stop = start + whole
                done = _strip(
                    (source.reshape(-1), start, columns),
                    (target.reshape(-1), start, columns),
                    (count, whole),
                    temperature,
                    matrix * columns + start,
                    own,
                    declined,
                    careful=True,
                )
            if done == NOTHING:
                _narrow_columns(
                    source, temperature, target, declined, log, (start, stop), matrix * columns, own
                )
            start = stop


@njit
def _narrow_columns(source, temperature, target, declined, log, cut, offset, own):
    """Columns in a copy of them, where what is declined is not written."""
    count, wide = len(source), BESIDE * lanes(source)
    start, end = cut
    # As many as stay in the cache, but rather more than to reach for a few columns of many rows.
    most = max(128, min(WIDE, CACHES[1] // (count * target.itemsize)))
    most = min(most, end - start + wide - 1) // wide * wide
    tile = np.zeros((count, most), target.dtype)
    for first in range(start, end, most):
        width = min(most, end - first)
        index = offset + first
        for k in range(count):
            _copy(source[k][first : first + width], tile[k])
        if _tile(tile, width, temperature, index, own, declined, log):
            for k in range(count):
                _copy(tile[k][:width], target[k][first : first + width])
        else:
            for r in range(width):
                if not declined[index + r]:
                    for k in range(count):
                        target[k, first + r] = tile[k, r]


@njit
def _part_of(array, part, parts):
    """Return where a part of an array, one of so many, begins and ends."""
    return len(array) * part // parts, len(array) * (part + 1) // parts


@njit
def _rows_of(part, parts, z, temperature, out, declined):
    begin, end = _part_of(z, part, parts)
    own = temperature[begin:end] if len(temperature) > 1 else temperature
    return z[begin:end], own, out[begin:end], declined[begin:end]


@njit
def _parts_of_long_rows(number, counts, parts, log, z, temperature, out, declined):
    part = team.take(counts, number, parts)
    while part < parts:
        some, own, target, no = _rows_of(part, parts, z, temperature, out, declined)
        _long_rows(some, own, target, no, log, z.nbytes <= NEAR)
        part = team.take(counts, number, parts)


@njit
def _parts_of_short_rows(number, counts, parts, log, z, temperature, out, declined):
    part = team.take(counts, number, parts)
    while part < parts:
        some, own, target, no = _rows_of(part, parts, z, temperature, out, declined)
        _short_rows(some, own, target, no, log)
        part = team.take(counts, number, parts)


@njit
def _parts_of_columns(number, counts, parts, log, z, temperature, out, declined):
    """Do parts of the matrices, or of the columns of all where there are fewer of those."""
    matrices, _, columns = z.shape
    part = team.take(counts, number, parts)
    while part < parts:
        if matrices < parts:
            wide = BESIDE * lanes(z)
            begin, end = _part_of(z[0, 0][::wide], part, parts)
            begin, end = begin * wide, min(end * wide, columns)
            _columns(z, temperature, out, declined, log, begin, end)
        else:
            begin, end = _part_of(z, part, parts)
            some = slice(begin * columns, end * columns)
            own = temperature[some] if len(temperature) > 1 else temperature
            _columns(z[begin:end], own, out[begin:end], declined[some], log, 0, columns)
        part = team.take(counts, number, parts)


@njit
def _lent(helpers, parts, log, z, temperature, out, declined):
    """Return counts and arrays which whoever called keeps alive."""
    arrays = borrowed(z), borrowed(temperature), borrowed(out), borrowed(declined)
    return team.counts(helpers), parts, log, *arrays


@njit
def _any_of(declined):
    """Return which slices are declined, None if none is."""
    for no in declined:
        if no:
            return declined
    return None


@compiled
def _do_long_rows(desk, helpers, parts, log, z, temperature, out):
    declined = np.zeros(len(z), np.bool_)
    lent = _lent(helpers, parts, log, z, temperature, out, declined)
    team.together(desk, helpers, *written(_parts_of_long_rows, lent))
    keep(lent)
    return _any_of(declined)


@compiled
def _do_short_rows(desk, helpers, parts, log, z, temperature, out):
    declined = np.zeros(len(z), np.bool_)
    lent = _lent(helpers, parts, log, z, temperature, out, declined)
    team.together(desk, helpers, *written(_parts_of_short_rows, lent))
    keep(lent)
    return _any_of(declined)


@compiled
def _do_columns(desk, helpers, parts, log, z, temperature, out):
    declined = np.zeros(z.shape[0] * z.shape[2], np.bool_)
    lent = _lent(helpers, parts, log, z, temperature, out, declined)
    team.together(desk, helpers, *written(_parts_of_columns, lent))
    keep(lent)
    return _any_of(declined)


# What is done with each part of one long row.
MAXIMA, TOTALS, SHARES = range(3)


@njit
def _parts_of_row(number, counts, sums, magics, stage, source, row, top, temperature, total, log):
    """Do a stage of parts of one row; `top` is its maximum, or for shares the last magic."""
    high, low = _factor(temperature, top)
    part = team.take(counts, number, len(sums))
    while part < len(sums):
        first, last = _part_of(magics, part, len(sums))
        begin, end = first * BLOCK, min(last * BLOCK, len(row))
        some, own = source[begin:end], row[begin:end]
        if stage == MAXIMA:
            sums[part, 0] = _max(some)
        elif stage == SHARES:
            if log:
                _log_shares(some, own, top, temperature, total[0], total[1])
            else:
                inverse = _inverse(total[0], total[1], top)
                _share(own, magics[first:last], top, inverse)
        elif log:
            sums[part, 0], sums[part, 1] = _total(some, top, high, low)
        else:
            begun = max(top, _top(some))
            sums[part, 0], sums[part, 1], _ = _weigh(
                some, own, begun, high, low, magics[first:last], some
            )
        part = team.take(counts, number, len(sums))


@njit
def _stage(desk, helpers, stage, job, source, row, top, temperature, total, log):
    counts, sums, magics = job
    counts[:] = 0
    arguments = counts, sums, magics, stage, source, row, top, temperature, total, log
    team.together(desk, helpers, *written(_parts_of_row, arguments))
    keep(arguments)


@njit
def _sum_up(sums, magics):
    """Return the total of the parts' totals, in two parts, and the last of their magics."""
    magic = magics.min()
    total = total_low = 0.0
    for part in range(len(sums)):
        _, last = _part_of(magics, part, len(sums))
        factor = math.ldexp(1.0, int(magic - magics[last - 1]))
        new = total + sums[part, 0] * factor
        error = _sum_error(total, sums[part, 0] * factor, new)
        total, total_low = new, total_low + (sums[part, 1] * factor + error)
    return total, total_low, magic


@compiled
def _do_row(desk, helpers, z, temperature, out, log):
    """Work one long row in parts, the same whatever the helpers; return if it is ordinary."""
    source, row = borrowed(z), borrowed(out)
    c = _constants(z[0])
    if not _ordinary(c.zero, temperature):
        return False
    # See `_long_rows`.
    careful = not log and z.ctypes.data == out.ctypes.data
    copy = np.empty(len(z) if careful else 0, out.dtype)
    if careful:
        _copy(source, copy)
        source = borrowed(copy)
    magics = np.zeros(-(-len(row) // BLOCK), out.dtype)
    parts = EVEN * max(1, (len(magics) + EVEN * PART // 2) // (EVEN * PART))
    sums = np.empty((parts, 2))
    job = team.counts(helpers), sums, magics
    total, total_low, magic = math.nan, 0.0, c.zero
    nothing = (total, total_low)
    if not log:
        _stage(desk, helpers, TOTALS, job, source, row, c.lowest, temperature, nothing, log)
        total, total_low, magic = _sum_up(sums, magics)
    if math.isnan(total):
        _stage(desk, helpers, MAXIMA, job, source, row, c.lowest, temperature, nothing, log)
        top, _ = _pair(sums[:, 0].max(), 0.0, c.zero)
        if _ordinary(top, temperature):
            if not log:
                source, top = _nearer(source, row, top, _factor(temperature, top)[0])
            _stage(desk, helpers, TOTALS, job, source, row, top, temperature, nothing, log)
            total, total_low, magic = _sum_up(sums, magics)
            if log:
                magic = top
    if math.isnan(total):
        if careful:
            _copy(copy, row)
        return False
    sum_ = (total, total_low)
    _stage(desk, helpers, SHARES, job, source, row, magic, temperature, sum_, log)
    keep((copy, job))
    return True


def softmax(
    logits: Array, temperature: NDArray[np.float64], where: Lanes | None, axis: int, out: Array
) -> None:
    """Write softmax(logits / temperature) along `axis` to `out`."""
    _compute(logits, temperature, where, axis, out, log=False)


def log_softmax(
    logits: Array, temperature: NDArray[np.float64], where: Lanes | None, axis: int, out: Array
) -> None:
    """Write log(softmax(logits / temperature)) along `axis` to `out`."""
    _compute(logits, temperature, where, axis, out, log=True)


def rows(logits: Array, temperature: float, log: bool, out: Array) -> bool:
    """Write softmax(logits / temperature) or its logarithm of rows to `out`, or return False.

    Both are C-contiguous and of one dtype, float32 or float64.
    """
    shape = logits.shape
    if shape != out.shape or shape[-1] == 1:
        return False
    t = np.empty(1)
    t[0] = temperature
    if len(shape) != 2:
        shape = (-1, shape[-1])
        logits, out = logits.reshape(shape), out.reshape(shape)
    _rows(logits, t, out, log)
    return True


def moments(
    rows: Array, temperature: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Do what `thermoscope.kernels.numpy.moments` does, which says what it is.

    float32 is weighed as such, to some 1e-7 of each row, and added up in doubles; rows of fewer
    than `SHORT` lanes are weighed in doubles too, which costs them no more than NumPy's overhead.
    """
    if rows.shape[1] < SHORT:
        rows = rows.astype(np.float64)
    kind = FORMATS.get(from_dtype(rows.dtype)) if rows.dtype.kind == "f" else None
    ordinary = kind and (temperature == math.inf or _within(0.0, temperature, kind.range))
    if not ordinary or not rows.size:
        return reference.moments(rows, temperature)
    z = np.ascontiguousarray(rows).view()
    z.flags.writeable = False
    result = np.empty((3, len(z)))
    _moments(z, temperature, result)
    odd = np.flatnonzero(~np.isfinite(result).all(axis=0))
    if odd.size:  # and not only what is beyond the range of float32
        result[:, odd] = reference.moments(rows[odd], temperature)
    return result[0], result[1], result[2]


def _compute(
    logits: Array,
    temperature: NDArray[np.float64],
    where: Lanes | None,
    axis: int,
    out: Array,
    *,
    log: bool,
) -> None:
    if not out.size:
        return
    if out.shape[axis] == 1:
        # A lane alone has exactly 1; its weight by its total, unrounded, may be the number below.
        compute = reference.log_softmax if log else reference.softmax
        compute(logits, temperature, where, axis, out)
        return
    z, t, result = logits, temperature, out
    lane = axis % out.ndim
    if not out.flags.c_contiguous:
        # In the order in which the result lies in memory.
        order = sorted(range(out.ndim), key=lambda k: -out.strides[k])
        z, t, result = z.transpose(order), t.transpose(order), result.transpose(order)
        lane = order.index(lane)
    inner = math.prod(result.shape[lane + 1 :])
    if (
        where is None
        and z.dtype == result.dtype
        and z.dtype in (np.float32, np.float64)
        and z.flags.c_contiguous
        and z.flags.aligned
        and result.flags.c_contiguous
        and result.flags.aligned
        and (inner == 1 or inner >= NARROW)
    ):
        shape = (-1, z.shape[lane]) if inner == 1 else (-1, z.shape[lane], inner)
        work = _rows if inner == 1 else _columns_of
        work(z.reshape(shape), _flat(t), result.reshape(shape), log)
    else:
        z, t, result = (np.moveaxis(array, axis, 0) for array in (logits, temperature, out))
        mask = None if where is None else np.moveaxis(where, axis, 0)
        _run(
            [
                functools.partial(_piece, *piece, log=log)
                for piece in reference.split(z, t, mask, result, PIECE)
            ]
        )


def _flat(temperature: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the temperatures of all slices as a vector, of size 1 if they are one number."""
    if not any(temperature.strides) or temperature.size == 1:
        return np.array((temperature.item(*(0,) * temperature.ndim),))
    return np.ascontiguousarray(temperature).reshape(-1)


def _rows(z: Array, t: NDArray[np.float64], out: Array, log: bool) -> None:
    """Work the rows of a matrix."""
    slices, lanes = z.shape
    if slices > ROWS:
        for start in range(0, slices, ROWS):
            part = slice(start, start + ROWS)
            _rows(z[part], t[part] if len(t) > 1 else t, out[part], log)
        return
    threads, helpers, parts = _shared(slices * lanes)
    declined: Lanes | None
    if slices < threads and lanes >= PARTED_FROM:
        declined = np.zeros(slices, np.bool_)
        work = _entry(_do_row, z.dtype, 1)
        for i in range(slices):
            t_i = float(t[i if len(t) > 1 else 0])
            declined[i] = not work(team.desk, helpers, z[i], t_i, out[i], log)
    else:
        work = _entry(_way_of(slices, lanes, z.itemsize, log), z.dtype, 2)
        declined = work(team.desk, helpers, min(parts, slices), log, z, t, out)
    if declined is not None:
        for some in _indices(declined, lanes):
            rows = z[some]
            _refer(rows, t, some, None, log=log)
            out[some] = rows


def _way_of(slices: int, lanes: int, itemsize: int, log: bool) -> Any:
    """Return what works so many rows of so many lanes."""
    many = slices >= SHORT_FROM and not log
    short = lanes * itemsize < SHORT_SHARES if many else lanes < SHORT
    return _do_short_rows if short else _do_long_rows


@functools.cache
def _entry(work: Any, dtype: np.dtype[Any], dimensions: int) -> Callable[..., Any]:
    """Return what works arrays of a dtype, called without numba's look at their types.

    That takes as long as 4,000 lanes. Arrays of another type would be misread.
    """
    z = types.Array(from_dtype(dtype), dimensions, "C", readonly=True)
    out, t = z.copy(readonly=False), types.float64
    signature = [types.int64[::1], types.int64]
    if work is _do_row:
        signature += [z, t, out, types.boolean]
    else:
        signature += [types.int64, types.boolean, z, t[::1], out]
    entry: Callable[..., Any] = work.compile(tuple(signature))
    return entry


def _columns_of(z: Array, t: NDArray[np.float64], out: Array, log: bool) -> None:
    """Work the columns of matrices."""
    matrices, lanes, columns = z.shape
    _, helpers, parts = _shared(z.size)
    parts = min(parts, max(matrices, columns // NARROW))
    work = _entry(_do_columns, z.dtype, 3)
    declined = work(team.desk, helpers, parts, log, z, t, out)
    if declined is not None:
        z, out = np.moveaxis(z, 1, -1), np.moveaxis(out, 1, -1)
        for some in _indices(declined, lanes):
            matrix, column = np.divmod(some, columns)
            rows = z[matrix, column]
            _refer(rows, t, some, None, log=log)
            out[matrix, column] = rows


def _shared(size: int) -> tuple[int, int, int]:
    """Return how many threads share so many elements, how many of them help, and the parts."""
    if size < THREADED_FROM:
        return 1, 0, 1
    threads = thread_count()
    # Where there is enough to do, more parts than threads: not all get on equally well.
    return threads, team.call(threads - 1), threads * (4 if size >= MANY else 1)


def _indices(declined: Lanes, lanes: int) -> Iterator[NDArray[np.intp]]:
    """Yield the indices of declined slices, a piece of them at a time."""
    indices = np.flatnonzero(declined)
    step = max(1, PIECE // lanes)
    for start in range(0, len(indices), step):
        yield indices[start : start + step]


def _piece(z: Array, t: NDArray[np.float64], mask: Lanes | None, out: Array, *, log: bool) -> None:
    """Work slices of any layout and dtype, the lanes on axis 0, by a copy of them as rows."""
    lanes, *rest = z.shape
    dtype = np.float64 if out.dtype == np.float64 else np.float32
    rows = np.empty((math.prod(rest), lanes), dtype)
    copy = np.moveaxis(rows.reshape(*rest, lanes), -1, 0)
    t = _flat(t)
    with np.errstate(all="ignore"):
        np.copyto(copy, z, casting="unsafe")
        if mask is not None:
            np.copyto(copy, -np.inf, where=~mask)
        work = _entry(_way_of(*rows.shape, rows.itemsize, log), rows.dtype, 2)
        declined = work(team.desk, 0, 1, log, rows, t, rows)
        if declined is not None:
            some = np.flatnonzero(declined)
            odd = rows[some]
            masks = None if mask is None else np.moveaxis(mask, 0, -1).reshape(-1, lanes)[some]
            _refer(odd, t, some, masks, log=log)
            rows[some] = odd
        np.copyto(out, copy, casting="unsafe")


def _refer(
    rows: Array, t: NDArray[np.float64], some: Array, masks: Lanes | None, *, log: bool
) -> None:
    """Leave rows, which have indices in all of them, to the NumPy kernel."""
    compute = reference.log_softmax if log else reference.softmax
    own = t[some] if len(t) > 1 else np.broadcast_to(t, some.shape)
    compute(rows, own[:, None], masks, -1, rows)


def _run(tasks: Sequence[Callable[[], Any]]) -> list[Any]:
    """Run the tasks on all threads, the caller's among them; return their results in order."""
    helpers = min(thread_count(), len(tasks)) - 1 if len(tasks) > 1 else 0
    if helpers < 1:
        return [task() for task in tasks]
    queue = deque(enumerate(tasks))
    results: list[Any] = [None] * len(queue)

    def work() -> None:
        while True:
            try:
                index, task = queue.popleft()
            except IndexError:
                return
            results[index] = task()

    others = [_pool().submit(work) for _ in range(helpers)]
    try:
        work()
    finally:
        queue.clear()
        for other in others:
            other.result()
    return results


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), "thermoscope")


# A child process has the pool of its parent, but none of its threads.
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_pool.cache_clear)
