"""The definition compiled by numba: one read and one write per element, SIMD, threads.

A lane's weight is 2 ** y with y = (z - max) * log2(e) / T, and y is carried in two parts: Knuth's
two-sum gives what rounding throws away of the difference, a fused multiply-add what it throws
away of the product, and log2(e) / T is itself a number and its low part. So a weight is good to
about a unit in the last place, however large y is. 2 ** y is 2 ** n, put together from its bits,
times 2 ** f with |f| <= 1/2 by its Taylor series. All weights are scaled by 2 ** shift, by which
those that count are normal numbers, and the division by their total is the only rounding after.

Nothing here is compiled with numba's `fastmath`, which would make 0 of every two-sum. LLVM may
reorder, for the sake of SIMD, just the additions and maxima that are emitted as such.

What is not ordinary (T = 0 or inf, a maximum that is not finite, magnitudes that would overflow
on the way) is declined, slice by slice, and left to `thermoscope.kernels.numpy`, which has the
rules for the edges. The functions take what `thermoscope.definition` has checked and broadcast.
"""

from __future__ import annotations

import functools
import itertools
import math
import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from llvmlite import ir
from numba import from_dtype, njit, types
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic, overload, register_jitable
from numba.np.arrayobj import make_array

from thermoscope.kernels import numpy as reference
from thermoscope.kernels import thread_count

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from numpy.typing import NDArray

    Array = NDArray[Any]
    Lanes = NDArray[np.bool_]

__all__ = ["log_softmax", "softmax"]

# At most so many slices, one beside the other, are worked at once where lanes are not contiguous:
# not a multiple of a page, at whose distance caches confuse addresses.
TILE: Final = 4096 + 80
# And so few of them still make SIMD worth it.
NARROW: Final = 16
# Rows of fewer lanes than this are turned on their side and worked a tile at a time.
SHORT: Final = 48
# Fewer elements than this are not worth another thread, nor fewer lanes another for parts of a
# row, which meet three times: to wake one and to wait for it takes some 50 to 100 us.
THREADED_FROM: Final = 1 << 19
PARTED_FROM: Final = 1 << 20
# A piece that is copied, so that it lies as the loops want it, has so many elements.
PIECE: Final = 1 << 16
# A tile's scratch stays in the first-level cache, or else in the second.
CACHES: Final = (1 << 15, 1 << 19)

LOG2_E: Final = 1.4426950408889634
LOG2_E_LOW: Final = 2.0355273740931033e-17


class Format(NamedTuple):
    """What a floating-point format asks of the weights."""

    digits: int  # stored bits of a significand
    bias: int  # of an exponent
    shift: int  # the weights are scaled by 2 ** shift
    least: float  # 2 ** least over any total rounds to 0, and 2 ** (least + shift) is normal
    degree: int  # where the Taylor series of 2 ** f, |f| <= 1/2, is good to a tenth of an ulp
    range: float  # maxima up to it, and temperatures from its inverse up to it, are ordinary
    block: int  # so many weights may be added up as in `_split`


FORMATS: Final = {
    types.float32: Format(23, 127, 64, -160.0, 7, 2.0**100, 1 << 8),
    types.float64: Format(52, 1023, 512, -1160.0, 13, 2.0**900, 1 << 17),
}


@intrinsic
def _fma(_, a, b, c):
    """Return a * b + c in one rounding."""
    return a(a, b, c), lambda _, builder, __, arguments: builder.fma(*arguments)


@intrinsic
def _add(_, a, b):
    """Return a + b; LLVM may add up the terms of a sum in any order."""
    flags = ("reassoc", "nsz")
    return a(a, b), lambda _, builder, __, arguments: builder.fadd(*arguments, flags=flags)


@intrinsic
def _maximum(_, a, b):
    """Return the larger of two numbers, NaN if one is NaN."""

    def emit(_, builder, __, arguments):
        kind = arguments[0].type
        signature = ir.FunctionType(kind, [kind, kind])
        function = builder.module.declare_intrinsic("llvm.maximum", [kind], signature)
        return builder.call(function, arguments, fastmath=("nsz",))

    return a(a, b), emit


@intrinsic
def _exp2(_, f):
    """Return 2 ** f for |f| <= 1/2, by Horner's rule."""

    def emit(_, builder, __, arguments):
        value = None
        for k in range(FORMATS[f].degree, -1, -1):
            term = ir.Constant(arguments[0].type, math.log(2) ** k / math.factorial(k))
            value = builder.fma(value, arguments[0], term) if value else term
        return value

    return f(f), emit


@intrinsic
def _power(_, rounded):
    """Return 2 ** (n + shift), from n + 1.5 * 2 ** digits, whose last bits are those of n."""

    def emit(_, builder, __, arguments):
        form = FORMATS[rounded]
        kind = ir.IntType(rounded.bitwidth)
        bits = builder.bitcast(arguments[0], kind)
        bits = builder.add(bits, ir.Constant(kind, form.bias + form.shift))
        bits = builder.shl(bits, ir.Constant(kind, form.digits))
        return builder.bitcast(bits, arguments[0].type)

    return rounded(rounded), emit


@intrinsic
def _prefetch(_, array, index):
    """Ask for an element's cache line, which will be read soon."""

    def emit(context, builder, _, arguments):
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        data = make_array(array)(context, builder, arguments[0]).data
        address = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
        signature = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        function = get_or_insert_function(builder.module, signature, "llvm.prefetch.p0")
        # To read, into all caches, as data.
        builder.call(function, [address, number(0), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(array, index), emit


def _compiled(function):
    """Compile without the interpreter's lock, once for all processes where a cache can be kept."""
    options = {"nogil": True, "error_model": "numpy"}
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:  # neither beside this file nor in a home may be written
        return njit(**options)(function)


def _constants(like):
    """Return 1.5 * 2 ** digits, least and 0 of the type of `like`, 2 ** -shift, and block."""


@overload(_constants)
def _constants_of(like):
    kind, form = _scalar(like), FORMATS[like]
    constants = (
        kind(1.5 * 2.0**form.digits),
        kind(form.least),
        kind(0),
        2.0**-form.shift,
        form.block,
    )
    return lambda like: constants


def _split(weight):
    """Return a weight as two numbers: a multiple of a power of two, and the rest.

    The power is such that sums of a block of the first are exact, and that those of the second
    are small enough for their roundings not to count; so LLVM may add up both in any order.
    """


@overload(_split)
def _split_of(weight):
    form = FORMATS[weight]
    cut = _scalar(weight)(1.5 * 2.0**form.shift * form.block)

    def split(weight):
        high = (weight + cut) - cut
        return high, weight - high

    return split


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


def _scalar(like):
    return np.float32 if like is types.float32 else np.float64


@njit
def _divide(a, a_low, b, b_low, like):
    """Return (a + a_low) / (b + b_low), low parts below an ulp, as a pair of the type of `like`."""
    high = a / b
    low = ((_fma(-high, b, a) + a_low) - high * b_low) / b
    return _pair(high, low, like)


@njit
def _sum_error(a, b, total):
    """Return what rounding threw away in total = a + b (Knuth's two-sum)."""
    virtual = total - a
    return (a - (total - virtual)) + (b - virtual)


@njit
def _scaled(logit, maximum, high, low):
    """Return (logit - maximum) * (high + low) as a number and its low part."""
    difference = logit - maximum
    error = _sum_error(logit, -maximum, difference)
    y = difference * high
    return y, _fma(error, high, _fma(difference, low, _fma(difference, high, -y)))


@njit
def _weight(logit, maximum, high, low):
    """Return 2 ** ((logit - maximum) * (high + low) + shift)."""
    magic, least, zero, _, _ = _constants(logit)
    y, y_low = _scaled(logit, maximum, high, low)
    # Of a number as large as magic the last bit is 1: what is added to it is rounded to n.
    rounded = y + magic
    weight = _exp2((y - (rounded - magic)) + y_low) * _power(rounded)
    return zero if y < least else weight


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
    q, q_low = _scaled(logit, maximum, high, low)
    value = q - log
    corrected = value + ((_sum_error(q, -log, value) + q_low) - log_low)
    # Where the quotient is -inf its error is NaN, and there is nothing to correct.
    return corrected if value > -math.inf else value


@njit
def _max(row):
    maximum = row[0]
    for k in range(len(row)):
        maximum = _maximum(maximum, row[k])
    return maximum


@_compiled
def _copy_max(source, row, in_place):
    """Copy a row, unless to itself: LLVM would not use SIMD; return its maximum."""
    if in_place:
        return _max(row)
    maximum = source[0]
    for k in range(len(source)):
        logit = source[k]
        row[k] = logit
        maximum = _maximum(maximum, logit)
    return maximum


@njit
def _weigh_block(row, maximum, high, low):
    """Put weights in place of logits; return their total in two parts."""
    total = total_low = maximum - maximum
    for k in range(len(row)):
        weight = _weight(row[k], maximum, high, low)
        row[k] = weight
        part, part_low = _split(weight)
        total = _add(total, part)
        total_low = _add(total_low, part_low)
    return np.float64(total), np.float64(total_low)


@njit
def _total_block(row, maximum, high, low):
    """Return the total of the weights, of which the largest is 1, in two parts.

    Both are doubles, because of the others than the largest the logarithm wants every bit.
    """
    unit = _constants(maximum)[3]
    cut = 1.5 * 2.0**17
    total = total_low = 0.0
    for k in range(len(row)):
        weight = unit * np.float64(_weight(row[k], maximum, high, low))
        part = (weight + cut) - cut
        total = _add(total, part)
        total_low = _add(total_low, weight - part)
    return total, total_low


@_compiled
def _weigh(row, maximum, temperature, log, ahead):
    """Return the total of the weights, in two parts; they replace the logits if not `log`.

    Meanwhile the row `ahead` comes to the cache: memory need not wait for arithmetic.
    """
    top, _ = _pair(maximum, 0.0, row[0])
    high, low = _divide(LOG2_E, LOG2_E_LOW, temperature, 0.0, top)
    total = total_low = 0.0
    block, line = _constants(top)[4], 64 // row.itemsize
    for start in range(0, len(row), block):
        some = row[start : start + block]
        if log:
            part, part_low = _total_block(some, top, high, low)
        else:
            part, part_low = _weigh_block(some, top, high, low)
        total += part
        total_low += part_low
        for k in range(start, min(start + block, len(ahead)), line):
            _prefetch(ahead, k)
    return total, total_low


@_compiled
def _share(row, maximum, temperature, total, total_low, log):
    """Put shares in place of weights; if `log`, their logarithms in place of logits."""
    top, _ = _pair(maximum, 0.0, row[0])
    if log:
        logarithm, logarithm_low = _log_total(total, total_low, top)
        high, low = _divide(1.0, 0.0, temperature, 0.0, top)
        for k in range(len(row)):
            row[k] = _log_share(row[k], top, high, low, logarithm, logarithm_low)
    else:
        rounded = total + total_low
        error = _sum_error(total, total_low, rounded)
        high, low = _divide(1.0, 0.0, rounded, error, top)
        for k in range(len(row)):
            row[k] = _fma(row[k], high, row[k] * low)


@_compiled
def _long_rows(z, temperature, out, declined, log, in_place):
    """Rows, each while it is in the cache; `temperature` is one for all or one for each."""
    each = min(1, len(temperature) - 1)
    # The row and the next one are to fit the second-level cache together.
    near = z.shape[1] if z.shape[1] * z.itemsize <= CACHES[1] // 4 else 0
    for i in range(len(out)):
        row = out[i]
        t = temperature[i * each]
        maximum = _copy_max(z[i], row, in_place)
        if _ordinary(maximum, t):
            ahead = z[min(i + 1, len(z) - 1)][:near]
            total, total_low = _weigh(row, maximum, t, log, ahead)
            _share(row, maximum, t, total, total_low, log)
        else:
            declined[i] = True


# In a tile the lanes are rows and the slices columns. What a slice has of its own stands in one
# array, TILE of each kind, so that LLVM sees that writing one does not change another.
HIGH, LOW, TOTAL, TOTAL_LOW = (k * TILE for k in range(1, 5))


@njit
def _tile_max(row, own):
    for r in range(len(row)):
        own[r] = _maximum(own[r], row[r])


@njit
def _tile_add(weight, own, r):
    total = own[TOTAL + r]
    own[TOTAL + r] = total + weight
    own[TOTAL_LOW + r] += _sum_error(total, weight, total + weight)


@njit
def _tile_weigh(row, own, log):
    if log:
        for r in range(len(row)):
            _tile_add(_weight(row[r], own[r], own[HIGH + r], own[LOW + r]), own, r)
    else:
        for r in range(len(row)):
            weight = _weight(row[r], own[r], own[HIGH + r], own[LOW + r])
            row[r] = weight
            _tile_add(weight, own, r)


@njit
def _tile_share(row, own, log):
    if log:
        for r in range(len(row)):
            row[r] = _log_share(
                row[r], own[r], own[HIGH + r], own[LOW + r], own[TOTAL + r], own[TOTAL_LOW + r]
            )
    else:
        for r in range(len(row)):
            row[r] = _fma(row[r], own[HIGH + r], row[r] * own[LOW + r])


@njit
def _tile_begin(width, temperature, first, own, declined):
    """Prepare `width` slices, the first of which is `first`; return if all are ordinary."""
    each = min(1, len(temperature) - 1)
    high, low = _divide(LOG2_E, LOG2_E_LOW, temperature[0], 0.0, own[0])
    clean = True
    for r in range(width):
        t = temperature[(first + r) * each]
        if not _ordinary(own[r], t):
            declined[first + r] = True
            clean = False
        if each:
            high, low = _divide(LOG2_E, LOG2_E_LOW, t, 0.0, own[r])
        own[HIGH + r], own[LOW + r] = high, low
        own[TOTAL + r] = own[TOTAL_LOW + r] = 0.0
    return clean


@njit
def _tile_divide(width, temperature, first, own, log):
    """Turn totals into what `_tile_share` needs."""
    each = min(1, len(temperature) - 1)
    unit = _constants(own[0])[3]
    for r in range(width):
        total, total_low = np.float64(own[TOTAL + r]), np.float64(own[TOTAL_LOW + r])
        if log:
            t = temperature[(first + r) * each]
            own[TOTAL + r], own[TOTAL_LOW + r] = _log_total(total * unit, total_low * unit, own[r])
            own[HIGH + r], own[LOW + r] = _divide(1.0, 0.0, t, 0.0, own[r])
        else:
            own[HIGH + r], own[LOW + r] = _divide(1.0, 0.0, total, total_low, own[r])


@njit
def _tile(tile, width, temperature, first, own, declined, log):
    """Work `width` slices in place; return if all of them are ordinary."""
    own[:width] = tile[0][:width]
    for k in range(1, len(tile)):
        _tile_max(tile[k][:width], own)
    clean = _tile_begin(width, temperature, first, own, declined)
    for k in range(len(tile)):
        _tile_weigh(tile[k][:width], own, log)
    _tile_divide(width, temperature, first, own, log)
    for k in range(len(tile)):
        _tile_share(tile[k][:width], own, log)
    return clean


@_compiled
def _short_rows(z, temperature, out, declined, log):
    """Rows of few lanes, turned into columns of a tile."""
    slices, lanes = z.shape
    most = min(512, max(NARROW, CACHES[0] // (lanes * out.itemsize)))
    tile = np.empty((lanes, most), out.dtype)
    own = np.empty(5 * TILE, out.dtype)
    for first in range(0, slices, most):
        width = min(most, slices - first)
        source, target = z[first : first + width], out[first : first + width]
        for k in range(lanes):
            row = tile[k]
            for r in range(width):
                row[r] = source[r, k]
        if _tile(tile, width, temperature, first, own, declined, log):
            for k in range(lanes):
                row = tile[k]
                for r in range(width):
                    target[r, k] = row[r]
        else:
            for r in range(width):
                if not declined[first + r]:
                    for k in range(lanes):
                        target[r, k] = tile[k, r]


@_compiled
def _columns(z, temperature, out, declined, log, begin, end):
    """Columns `begin` to `end` of each of many matrices.

    A tile is worked in a copy of its columns, if that stays in the cache. Else the passes go over
    the result itself, in wide strides: to reach for a few columns of many rows is much slower.
    """
    matrices, lanes, columns = z.shape
    most = CACHES[1] // (lanes * out.itemsize)
    own = np.empty(5 * TILE, out.dtype)
    for matrix in range(matrices):
        source, target = z[matrix], out[matrix]
        start = begin
        while most < 4 * NARROW and start < end:
            stop = min(start + TILE, end)
            index = matrix * columns + start
            own[: stop - start] = source[0][start:stop]
            for k in range(1, lanes):
                _tile_max(source[k][start:stop], own)
            # In place of what is declined there would be nothing left to work on.
            if not _tile_begin(stop - start, temperature, index, own, declined):
                break
            for k in range(lanes):
                row = target[k][start:stop]
                row[:] = source[k][start:stop]
                _tile_weigh(row, own, log)
            _tile_divide(stop - start, temperature, index, own, log)
            for k in range(lanes):
                _tile_share(target[k][start:stop], own, log)
            start = stop
        if start < end:
            _narrow_columns(
                source, temperature, target, declined, log, (start, end), matrix * columns, own
            )


@njit
def _narrow_columns(source, temperature, target, declined, log, cut, offset, own):
    lanes = len(source)
    start, end = cut
    most = min(TILE, max(NARROW, CACHES[1] // (lanes * target.itemsize)))
    tile = np.empty((lanes, most), target.dtype)
    for first in range(start, end, most):
        width = min(most, end - first)
        index = offset + first
        for k in range(lanes):
            tile[k][:width] = source[k][first : first + width]
        if _tile(tile, width, temperature, index, own, declined, log):
            for k in range(lanes):
                target[k][first : first + width] = tile[k][:width]
        else:
            for r in range(width):
                if not declined[index + r]:
                    for k in range(lanes):
                        target[k, first + r] = tile[k, r]


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
        shape = (-1, z.shape[lane], inner)
        _contiguous(z.reshape(shape), _flat(t), result.reshape(shape), log=log)
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


def _contiguous(z: Array, t: NDArray[np.float64], out: Array, *, log: bool) -> None:
    """Work matrices whose columns are the slices; where they have one column, that is rows."""
    matrices, lanes, columns = z.shape
    # One type for numba, be the logits read-only or not.
    z.flags.writeable = False
    declined = np.zeros(matrices * columns, np.bool_)
    if columns == 1 and matrices < thread_count() and lanes >= PARTED_FROM:
        for i in range(matrices):
            t_i = float(t[i if len(t) > 1 else 0])
            declined[i] = not _in_parts(z[i, :, 0], t_i, out[i, :, 0], log=log)
    else:
        _run(_regions(z, t, out, declined, log=log))
    if np.logical_or.reduce(declined):
        z, out = np.moveaxis(z, 1, -1), np.moveaxis(out, 1, -1)
        indices = np.flatnonzero(declined)
        step = max(1, PIECE // lanes)
        for start in range(0, len(indices), step):
            some = indices[start : start + step]
            matrix, column = np.divmod(some, columns)
            rows = z[matrix, column]
            _refer(rows, t, some, None, log=log)
            out[matrix, column] = rows


def _regions(
    z: Array, t: NDArray[np.float64], out: Array, declined: Lanes, *, log: bool
) -> list[Callable[[], object]]:
    """Cut the matrices, or if they are few their columns, in parts for the threads."""
    matrices, _, columns = z.shape
    parts = 1
    if (threads := thread_count()) > 1 and z.size >= THREADED_FROM:
        # Where there is enough to do, more parts than threads: not all get on equally well.
        parts = max(threads, min(4 * threads, z.size // (2 * THREADED_FROM)))
    if columns > 1 and matrices < parts:
        return [
            functools.partial(_columns, z, t, out, declined, log, begin, end)
            for begin, end in _cuts(columns, max(1, min(parts, columns // NARROW)))
        ]
    tasks: list[Callable[[], object]] = []
    for begin, end in _cuts(matrices, min(parts, matrices)):
        some = slice(begin * columns, end * columns)
        own = t[some] if len(t) > 1 else t
        arguments = z[begin:end], own, out[begin:end], declined[some], log
        if columns > 1:
            tasks.append(functools.partial(_columns, *arguments, 0, columns))
        else:
            tasks.append(functools.partial(_rows, *arguments))
    return tasks


def _cuts(length: int, parts: int) -> list[tuple[int, int]]:
    edges = [length * k // parts for k in range(parts + 1)]
    return list(itertools.pairwise(edges))


def _rows(z: Array, t: NDArray[np.float64], out: Array, declined: Lanes, log: bool) -> None:
    lanes = z.shape[1]
    z, out = z.reshape(-1, lanes), out.reshape(-1, lanes)
    if lanes < SHORT:
        _short_rows(z, t, out, declined, log)
    else:
        _long_rows(z, t, out, declined, log, _same_place(z, out))


def _same_place(z: Array, out: Array) -> bool:
    address: bool = z.ctypes.data == out.ctypes.data
    return address


def _in_parts(z: Array, t: float, out: Array, *, log: bool) -> bool:
    """Work one long row with all threads; return if it was ordinary."""
    parts = [slice(*cut) for cut in _cuts(len(z), thread_count())]
    in_place = _same_place(z, out)
    maxima = _run([functools.partial(_copy_max, z[part], out[part], in_place) for part in parts])
    maximum = float(np.max(maxima))
    if not _within(maximum, t, FORMATS[from_dtype(out.dtype)].range):
        return False
    totals = _run([functools.partial(_weigh, out[part], maximum, t, log, z[:0]) for part in parts])
    total, total_low = (sum(column) for column in zip(*totals, strict=True))
    _run(
        [functools.partial(_share, out[part], maximum, t, total, total_low, log) for part in parts]
    )
    return True


def _piece(z: Array, t: NDArray[np.float64], mask: Lanes | None, out: Array, *, log: bool) -> None:
    """Work slices of any layout and dtype, the lanes on axis 0, by a copy of them as rows."""
    lanes, *rest = z.shape
    dtype = np.float64 if out.dtype == np.float64 else np.float32
    rows = np.empty((math.prod(rest), lanes), dtype)
    copy = np.moveaxis(rows.reshape(*rest, lanes), -1, 0)
    t = _flat(t)
    declined = np.zeros(len(rows), np.bool_)
    with np.errstate(all="ignore"):
        np.copyto(copy, z, casting="unsafe")
        if mask is not None:
            np.copyto(copy, -np.inf, where=~mask)
        z = rows.view()
        z.flags.writeable = False
        _rows(z, t, rows, declined, log)
        some = np.flatnonzero(declined)
        if some.size:
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
    helpers = min(thread_count(), len(tasks)) - 1
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
os.register_at_fork(after_in_child=_pool.cache_clear)
