"""SIMD for numba: what it lacks, on numbers and on vectors of numbers alike.

LLVM finds SIMD in a plain loop, but not where a sum carries its own error from one term to the
next: it won't reorder that. A `Vector` says it outright. A function written for numbers works on
vectors too, as far as it keeps to +, -, *, / and to the functions here. LLVM splits a vector that
is wider than the machine's.
"""

from __future__ import annotations

import operator
from typing import Final

from llvmlite import ir
from llvmlite.binding import get_host_cpu_features
from numba import config, njit, types
from numba.core.cgutils import get_or_insert_function, unpack_tuple
from numba.extending import intrinsic, models, overload, register_model
from numba.np.arrayobj import make_array

__all__ = [
    "BESIDE",
    "Vector",
    "borrowed",
    "broadcast",
    "broadcast_wide",
    "compiled",
    "double",
    "element",
    "emit_fence",
    "emit_fma",
    "emit_permute",
    "fma",
    "halves",
    "hold",
    "integers",
    "keep",
    "lanes",
    "load",
    "load_like",
    "load_some",
    "prefetch",
    "scaled",
    "store",
    "store_some",
    "turn",
    "unless_below",
    "where_less",
]

# Of the widest registers; a line of the caches, too.
BYTES: Final = 64
# AVX-512 has room for two such vectors and all constants: 32 registers of that size. The 16 of half
# the size that AVX2 has are full with one.
ROOMY: Final = "+avx512f" in (config.CPU_FEATURES or get_host_cpu_features().flatten()).split(",")
# So many vectors are worked side by side.
BESIDE: Final = 2 if ROOMY else 1


def compiled(function, *, nogil=True):
    """Compile for what is called, by default to run without the interpreter's lock.

    That happens once for all processes where a cache can be kept.
    """
    options = {"nogil": nogil, "error_model": "numpy"}
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:  # neither beside this file nor in a home may be written
        return njit(**options)(function)


class Vector(types.Type):
    """Numba's type of `count` numbers of one type."""

    def __init__(self, dtype: types.Float, count: int) -> None:
        self.dtype, self.count = dtype, count
        super().__init__(f"Vector({dtype}, {count})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, vector):
        number = manager.lookup(vector.dtype).get_value_type()
        super().__init__(manager, vector, ir.VectorType(number, vector.count))


def _of(number):
    return Vector(number, BYTES // (number.bitwidth // 8))


def _function(builder, name, result, arguments):
    """Return an intrinsic function of LLVM for values of the first argument's or result's type."""
    kind = arguments[0] if isinstance(result, ir.VoidType) else result
    number = kind.element if isinstance(kind, ir.VectorType) else kind
    suffix = "f64" if isinstance(number, ir.DoubleType) else "f32"
    if isinstance(kind, ir.VectorType):
        suffix = f"v{kind.count}{suffix}"
    signature = ir.FunctionType(result, arguments)
    return get_or_insert_function(builder.module, signature, f"{name}.{suffix}")


def _emit_avx512(builder, name, *arguments):
    """Build an instruction of AVX-512, whose result is of the first argument's type."""
    signature = ir.FunctionType(arguments[0].type, [argument.type for argument in arguments])
    function = get_or_insert_function(builder.module, signature, f"llvm.x86.avx512.{name}")
    return builder.call(function, arguments)


def _by_register(builder, emit, *vectors):
    """Return what `emit` makes of vectors, of which it takes no more than fill a register."""
    number, count = vectors[0].type.element, vectors[0].type.count
    own = BYTES // (8 if isinstance(number, ir.DoubleType) else 4)
    parts = []
    for start in range(0, count, own):
        places = ir.VectorType(ir.IntType(32), own)
        places = ir.Constant(places, list(range(start, start + own)))
        parts.append(emit(*(builder.shuffle_vector(vector, vector, places) for vector in vectors)))
    while len(parts) > 1:
        places = ir.VectorType(ir.IntType(32), 2 * parts[0].type.count)
        places = ir.Constant(places, list(range(2 * parts[0].type.count)))
        parts = [
            builder.shuffle_vector(left, right, places)
            for left, right in zip(parts[::2], parts[1::2], strict=True)
        ]
    return parts[0]


def _operator(function, emit):
    @intrinsic
    def apply(_, a, __):
        return a(a, a), lambda _, builder, __, arguments: getattr(builder, emit)(*arguments)

    @overload(function)
    def vectors(a, b):
        if isinstance(a, Vector) and a == b:
            return lambda a, b: apply(a, b)  # noqa: PLW0108 - numba asks for a function of Python
        return None


for _function_of, _name in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _operator(_function_of, _name)


def integers(kind):
    """Return LLVM's type of integers as wide and as many as numbers of a type."""
    if isinstance(kind, ir.VectorType):
        return ir.VectorType(integers(kind.element), kind.count)
    return ir.IntType(64 if isinstance(kind, ir.DoubleType) else 32)


def emit_fma(builder, *arguments):
    """Build a * b + c in one rounding."""
    kind = arguments[0].type
    return builder.call(_function(builder, "llvm.fma", kind, [kind] * 3), arguments)


@intrinsic
def fma(_, a, b, c):
    """Return a * b + c in one rounding."""
    return a(a, b, c), lambda _, builder, __, arguments: emit_fma(builder, *arguments)


@intrinsic
def scaled(_, a, unit):
    """Return a * unit, of which all numbers are powers of two, without what multiplies if possible.

    Where sums of products keep that busy, it is for nothing then.
    """

    def emit(_, builder, __, arguments):
        if not ROOMY or not isinstance(a, Vector):
            return builder.fmul(*arguments)
        suffix = "pd.512" if a.dtype is types.float64 else "ps.512"

        def apply(number, unit):
            kind = number.type
            # All of them, rounded as the processor is told.
            rest = ir.Constant(ir.IntType(kind.count), -1), ir.Constant(ir.IntType(32), 4)

            exponent = _emit_avx512(builder, f"mask.getexp.{suffix}", unit, unit, *rest)
            name = f"mask.scalef.{suffix}"
            return _emit_avx512(builder, name, number, exponent, number, *rest)

        return _by_register(builder, apply, *arguments)

    return a(a, unit), emit


def emit_permute(builder, table, places):
    """Build what takes numbers of a table, 16 of float32, at places: the last bits of integers."""
    apply = lambda places: _emit_avx512(builder, "permvar.sf.512", table, places)  # noqa: E731
    return _by_register(builder, apply, places)


@intrinsic
def where_less(_, a, b, x, y):
    """Return x where a < b, else (be one of them NaN, too) y."""

    def emit(_, builder, __, arguments):
        a, b, x, y = arguments
        return builder.select(builder.fcmp_ordered("<", a, b), x, y)

    return x(a, b, x, y), emit


@intrinsic
def unless_below(_, a, b, x):
    """Return 0 where a < b, else (be one of them NaN, too) x."""

    def emit(_, builder, __, arguments):
        a, b, x = arguments
        # As processors have it: they clear where a mask says no.
        return builder.select(builder.fcmp_unordered(">=", a, b), x, ir.Constant(x.type, None))

    return x(a, b, x), emit


@intrinsic
def lanes(_, array):
    """Return how many numbers a vector has, or one of an array's type."""
    count = array.count if isinstance(array, Vector) else _of(array.dtype).count
    return types.intp(array), lambda *_: ir.Constant(ir.IntType(types.intp.bitwidth), count)


def _emit_broadcast(builder, number, count):
    kind = ir.VectorType(number.type, count)
    one = builder.insert_element(
        ir.Constant(kind, ir.Undefined), number, ir.Constant(ir.IntType(32), 0)
    )
    places = ir.Constant(ir.VectorType(ir.IntType(32), count), 0)
    return builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), places)


@intrinsic
def broadcast(_, number):
    """Return a vector of one number."""
    vector = _of(number)
    emit = lambda _, builder, __, arguments: _emit_broadcast(builder, arguments[0], vector.count)  # noqa: E731
    return vector(number), emit


@intrinsic
def broadcast_wide(_, number):
    """Return a vector of one number that is as wide as `BESIDE` of them.

    LLVM makes two of the machine's of it, whose operations alternate: of the steps of a chain, none
    waits for the one before it. Processors look ahead for such, but not far enough.
    """
    vector = Vector(number, BESIDE * _of(number).count)
    emit = lambda _, builder, __, arguments: _emit_broadcast(builder, arguments[0], vector.count)  # noqa: E731
    return vector(number), emit


def emit_fence(builder, value):
    """Build the same value, of which LLVM does not know what it is."""
    fence = _function(builder, "llvm.arithmetic.fence", value.type, [value.type])
    return builder.call(fence, [value])


@intrinsic
def hold(_, vectors):
    """Return vectors, each of one number, of which LLVM does not know that it is a constant.

    So they stay in registers, as far as there are enough. LLVM would fetch them anew for each use:
    some processors need for that what they could multiply with.
    """

    def emit(context, builder, _, arguments):
        held = []
        for vector in unpack_tuple(builder, arguments[0]):
            number = builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))
            number = emit_fence(builder, number)
            held.append(_emit_broadcast(builder, number, vectors.dtype.count))
        return context.make_tuple(builder, vectors, held)

    return vectors(vectors), emit if ROOMY else lambda *arguments: arguments[-1][0]


@intrinsic
def double(_, vector):
    """Return a number or a vector as doubles."""
    result = Vector(types.float64, vector.count) if isinstance(vector, Vector) else types.float64

    def emit(context, builder, _, arguments):
        kind = context.get_value_type(result)
        value = arguments[0]
        return value if value.type == kind else builder.fpext(value, kind)

    return result(vector), emit


@intrinsic
def element(_, vector, index):
    """Return a number of a vector."""
    emit = lambda _, builder, __, arguments: builder.extract_element(*arguments)  # noqa: E731
    return vector.dtype(vector, index), emit


@intrinsic
def halves(_, vector):
    """Return the first and the second half of a vector."""
    half = Vector(vector.dtype, vector.count // 2)
    result = types.UniTuple(half, 2)

    def emit(context, builder, _, arguments):
        undefined = ir.Constant(arguments[0].type, ir.Undefined)
        places = ir.VectorType(ir.IntType(32), half.count)
        parts = [
            builder.shuffle_vector(
                arguments[0], undefined, ir.Constant(places, [start + k for k in range(half.count)])
            )
            for start in (0, half.count)
        ]
        return context.make_tuple(builder, result, parts)

    return result(vector), emit


@intrinsic
def borrowed(_, array):
    """Return an array which whoever called keeps alive.

    Numba counts the references to all others, at each slice and call, with an atomic operation. An
    array of the borrower's own is freed after its last use, which is this one: `keep` it.
    """
    result = array.copy(readonly=False)

    def emit(context, builder, _, arguments):
        value = make_array(array)(context, builder, arguments[0])
        value.meminfo = ir.Constant(value.meminfo.type, None)
        value.parent = ir.Constant(value.parent.type, None)
        return value._getvalue()  # noqa: SLF001 - it has no other name

    return result(array), emit


@intrinsic
def keep(_, value):
    """Use arrays once more, that they live until here."""
    return types.void(value), lambda context, *_: context.get_dummy_value()


def _address(context, builder, array, arguments, kind):
    """Return the address of an element: the arguments begin with the array and its index."""
    data = make_array(array)(context, builder, arguments[0]).data
    return builder.bitcast(builder.gep(data, [arguments[1]]), kind.as_pointer())


def _emit_load(context, builder, array, arguments, vector):
    kind = context.get_value_type(vector)
    address = _address(context, builder, array, arguments, kind)
    return builder.load(address, align=array.dtype.bitwidth // 8)


@intrinsic
def load(_, array, index):
    """Return the numbers of an array from an index on."""
    vector = _of(array.dtype)

    def emit(context, builder, _, arguments):
        return _emit_load(context, builder, array, arguments, vector)

    return vector(array, index), emit


@intrinsic
def load_like(_, array, index, vector):
    """Return as many numbers of an array from an index on as a vector has."""

    def emit(context, builder, _, arguments):
        return _emit_load(context, builder, array, arguments[:2], vector)

    return vector(array, index, vector), emit


@intrinsic
def store(_, array, index, vector):
    """Put numbers in an array from an index on."""

    def emit(context, builder, _, arguments):
        address = _address(context, builder, array, arguments, arguments[2].type)
        builder.store(arguments[2], address, align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, index, vector), emit


def _first(builder, count, total):
    """Return which of `total` lanes are among the first `count`."""
    number = ir.IntType(32)
    most = ir.Constant(count.type, total)
    count = builder.select(builder.icmp_signed("<", count, most), count, most)
    counts = _emit_broadcast(builder, builder.trunc(count, number), total)
    lanes = ir.Constant(ir.VectorType(number, total), list(range(total)))
    return builder.icmp_signed("<", lanes, counts)


def _masked_load(builder, address, mask, rest):
    number, count = rest.type.element, rest.type.count
    bits = 64 if isinstance(number, ir.DoubleType) else 32
    align = ir.Constant(ir.IntType(32), bits // 8)
    kinds = [address.type, align.type, mask.type, rest.type]
    name = f"llvm.masked.load.v{count}f{bits}.p0"
    function = get_or_insert_function(builder.module, ir.FunctionType(rest.type, kinds), name)
    return builder.call(function, [address, align, mask, rest])


def _masked_store(builder, value, address, mask):
    number, count = value.type.element, value.type.count
    bits = 64 if isinstance(number, ir.DoubleType) else 32
    align = ir.Constant(ir.IntType(32), bits // 8)
    kinds = [value.type, address.type, align.type, mask.type]
    name = f"llvm.masked.store.v{count}f{bits}.p0"
    function = get_or_insert_function(builder.module, ir.FunctionType(ir.VoidType(), kinds), name)
    builder.call(function, [value, address, align, mask])


@intrinsic
def load_some(_, array, index, count, vector):
    """Return the first `count` numbers of an array from an index on, and then those of a vector."""

    def emit(context, builder, _, arguments):
        _, _, count, rest = arguments
        address = _address(context, builder, array, arguments, rest.type)
        mask = _first(builder, count, vector.count)
        return _masked_load(builder, address, mask, rest)

    return vector(array, index, count, vector), emit


@intrinsic
def store_some(_, array, index, count, vector):
    """Put the first `count` numbers of a vector in an array from an index on."""

    def emit(context, builder, _, arguments):
        _, _, count, value = arguments
        address = _address(context, builder, array, arguments, value.type)
        mask = _first(builder, count, vector.count)
        _masked_store(builder, value, address, mask)
        return context.get_dummy_value()

    return types.void(array, index, count, vector), emit


@intrinsic
def turn(_, source, shape, target):
    """Copy rows of a block of at most as many rows and columns as a vector has lanes, as columns.

    `source` and `target` are an array, where in it the block begins, and how far apart rows are.
    Whole vectors are read and written, in order: what is written of a row beyond its end counts for
    nothing. (Masks would take some processors several times as long.)
    """
    vector = _of(source[0].dtype)
    count = vector.count

    def emit(context, builder, _, arguments):
        kind = context.get_value_type(vector)
        (read, begin, stride), (rows, columns), (written, place, step) = (
            unpack_tuple(builder, argument) for argument in arguments
        )
        align = source[0].dtype.bitwidth // 8
        lines = []
        for k in range(count):
            row = ir.Constant(rows.type, k)
            # Instead of rows that there are not, the first once more.
            row = builder.select(builder.icmp_signed("<", row, rows), row, row.type(0))
            at = builder.add(begin, builder.mul(row, stride))
            address = _address(context, builder, source[0], (read, at), kind)
            lines.append(builder.load(address, align=align))
        # Of lines 1, 2, 4 ... apart, the even numbers become the one and the odd ones the other.
        # That is of numbers in blocks of 16 bytes, and then of the blocks: few instructions cross.
        block = 128 // source[0].dtype.bitwidth
        distance = 1
        while distance < count:
            unit, group = (1, block) if distance < block else (block, count)
            for a in range(count):
                if not a & distance:
                    pair = lines[a], lines[a + distance]
                    for line, first in ((a, 0), (a + distance, unit)):
                        places = [
                            k + first + origin
                            for start in range(0, count, group)
                            for origin in (0, count)
                            for k in range(start, start + group)
                            if k % group // unit % 2 == 0
                        ]
                        shuffle = ir.Constant(ir.VectorType(ir.IntType(32), count), places)
                        lines[line] = builder.shuffle_vector(*pair, shuffle)
            distance *= 2
        for k, line in enumerate(lines):
            row = ir.Constant(columns.type, k)
            with builder.if_then(builder.icmp_signed("<", row, columns), likely=True):
                at = builder.add(place, builder.mul(row, step))
                address = _address(context, builder, target[0], (written, at), kind)
                builder.store(line, address, align=align)
        return context.get_dummy_value()

    return types.void(source, shape, target), emit


@intrinsic
def prefetch(_, array, index, near):
    """Ask for an element's cache line, which will be used soon: for the first cache, if `near`."""

    def emit(context, builder, _, arguments):
        byte, number = ir.IntType(8), ir.IntType(32)
        address = _address(context, builder, array, arguments, byte)
        signature = ir.FunctionType(ir.VoidType(), [address.type, number, number, number])
        function = get_or_insert_function(builder.module, signature, "llvm.prefetch.p0")
        with builder.if_else(arguments[2]) as branches:
            for branch, level in zip(branches, (3, 2), strict=True):
                with branch:
                    # To read, for so many caches from memory on, as data.
                    builder.call(function, [address, number(0), number(level), number(1)])
        return context.get_dummy_value()

    return types.void(array, index, near), emit
