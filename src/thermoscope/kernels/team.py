"""Threads that wait for work within compiled code, for numba.

To wake a thread of Python's and to wait for it takes some 100 us, as long as a softmax of 400,000
lanes. A helper here watches a word of memory for a while after each piece of work: to give it the
next one takes less than a microsecond, and no interpreter. Then it sleeps, until it is called by
what is written to a file, which it waits for in compiled code too: it needs the interpreter's lock
just once, and whoever calls again and again might never leave it the time to take that.
"""

from __future__ import annotations

import contextlib
import os
import platform
import sys
import threading
from typing import Final

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from thermoscope.kernels.simd import compiled

__all__ = ["call", "counts", "desk", "take", "together", "written"]

# What a helper is at: the first word of its line of `desk`. The next are its work and the failure.
AWAY, WAITING, CALLED, WORKING = range(4)
# Words in a line of the caches. In the first line, the first word is 1 while a caller has the
# helpers, and the next one says on which core that one is.
LINE: Final = 8
HERE: Final = 1
# So many looks, of some 50 ns, until a helper goes to sleep: half a millisecond.
PATIENCE: Final = 10_000

HAS_YIELD: Final = hasattr(os, "sched_yield")
_yield = types.ExternalFunction("sched_yield", types.intc())
HAS_CORES: Final = hasattr(os, "sched_setaffinity")
_core = types.ExternalFunction("sched_getcpu", types.intc())
_mask = types.intc(types.intc, types.uintp, types.uintp)
_get_cores = types.ExternalFunction("sched_getaffinity", _mask)
_set_cores = types.ExternalFunction("sched_setaffinity", _mask)
HAS_READ: Final = os.name == "posix"
_read_file = types.ExternalFunction("read", types.intp(types.intc, types.uintp, types.uintp))
# More cores than any machine has.
CORES: Final = 1 << 13

desk = np.zeros(LINE * (1 + (os.cpu_count() or 1)), np.int64)
# Both ends of a pipe for each helper, or an event's file, which is one and counts.
_bells: list[tuple[int, int]] = []
_RING: Final = (1).to_bytes(8, sys.byteorder)
_hiring = threading.Lock()


def _word(context, builder, array, value, index):
    """Return the address of an integer of an array."""
    data = context.make_array(array)(context, builder, value).data
    return builder.gep(data, [index])


@intrinsic
def _read(_, array, index):
    def emit(context, builder, _, arguments):
        address = _word(context, builder, array, *arguments)
        return builder.load_atomic(address, "acquire", 8)

    return types.int64(array, index), emit


@intrinsic
def _write(_, array, index, value):
    def emit(context, builder, _, arguments):
        address = _word(context, builder, array, *arguments[:2])
        builder.store_atomic(arguments[2], address, "release", 8)
        return context.get_dummy_value()

    return types.void(array, index, types.int64), emit


@intrinsic
def _swap(_, array, index, old, new):
    """Put `new` in place of `old`; return whether `old` was there."""

    def emit(context, builder, _, arguments):
        address = _word(context, builder, array, *arguments[:2])
        result = builder.cmpxchg(address, *arguments[2:], "acq_rel", "acquire")
        return builder.extract_value(result, 1)

    return types.boolean(array, index, types.int64, types.int64), emit


@intrinsic
def _count(_, array, index):
    """Return a number of an array and count it up."""

    def emit(context, builder, _, arguments):
        address = _word(context, builder, array, *arguments)
        return builder.atomic_rmw("add", address, ir.Constant(ir.IntType(64), 1), "acq_rel")

    return types.int64(array, index), emit


@intrinsic
def _pause(_):
    """Let the other thread of this core, and the memory, have their way for a moment."""

    def emit(context, builder, _, __):
        number = ir.IntType(32)
        names = {
            "x86_64": ("llvm.x86.sse2.pause", []),
            "amd64": ("llvm.x86.sse2.pause", []),
            "aarch64": ("llvm.aarch64.isb", [number(15)]),
            "arm64": ("llvm.aarch64.isb", [number(15)]),
        }
        name, arguments = names.get(platform.machine().lower(), (None, []))
        if name is not None:
            kind = ir.FunctionType(ir.VoidType(), [argument.type for argument in arguments])
            function = cgutils.get_or_insert_function(builder.module, kind, name)
            builder.call(function, arguments)
        return context.get_dummy_value()

    return types.void(), emit


@intrinsic
def written(typing, function, arguments):
    """Return the addresses of a call of a compiled function: of code, and of its arguments.

    These are in the frame of whoever asks. Before them the function is given the number of who
    calls it: 0 is the caller of `together`, and the helpers follow.
    """
    own = function.get_call_type(typing, (types.int64, *arguments), {})

    def emit(context, builder, _, values):
        address = ir.IntType(8).as_pointer()
        compiled = function.dispatcher.get_compile_result(own)
        context.active_code_library.add_linking_library(compiled.library)
        word = ir.IntType(64)
        kind = ir.FunctionType(word, [address, word])
        entry = ir.Function(builder.module, kind, builder.module.get_unique_name("entry"))
        entry.linkage = "internal"
        inner = ir.IRBuilder(entry.append_basic_block())
        place = cgutils.alloca_once_value(builder, values[1])
        given = inner.load(inner.bitcast(entry.args[0], place.type))
        status, _ = context.call_internal_no_propagate(
            inner, compiled.fndesc, own, [entry.args[1], *cgutils.unpack_tuple(inner, given)]
        )
        inner.ret(inner.zext(status.is_error, word))
        pair = [builder.ptrtoint(entry, word), builder.ptrtoint(place, word)]
        return context.make_tuple(builder, types.UniTuple(types.int64, 2), pair)

    return types.UniTuple(types.int64, 2)(function, arguments), emit


@intrinsic
def _do(_, function, arguments, number):
    """Do what was `written`, as so many-th; return 1 if it raised an error, else 0."""

    def emit(context, builder, _, values):
        address, word = ir.IntType(8).as_pointer(), ir.IntType(64)
        kind = ir.FunctionType(word, [address, word]).as_pointer()
        given = builder.inttoptr(values[1], address), values[2]
        return builder.call(builder.inttoptr(values[0], kind), given)

    return types.int64(types.int64, types.int64, types.int64), emit


@njit
def _breathe(looks):
    """Wait a moment between two looks; return the number of looks."""
    # Whoever is waited for may be waiting for this core.
    if looks % 64 == 63 and HAS_YIELD:
        _yield()
    _pause()
    return looks + 1


@njit
def counts(helpers):
    """Return what `take` counts in, for a caller and so many helpers."""
    return np.zeros(LINE * (helpers + 1), np.int64)


@njit
def take(counts, number, parts):
    """Return the next part to do, at least `parts` if there is none.

    Each has a share of its own, the same in all that is done with these parts, for they are in its
    core's caches then. Only who is done with that takes of what others have not begun.
    """
    shares = len(counts) // LINE
    for k in range(number, number + shares):
        share = k % shares
        begin, end = parts * share // shares, parts * (share + 1) // shares
        part = begin + _count(counts, LINE * share)
        if part < end:
            return part
    return parts


@njit
def together(desk, helpers, entry, place):
    """Do a call that was `written`, and have helpers do it too, those who come before it returns.

    It is to `take` parts, by `counts` among its arguments, as long as there are some. If another
    caller has the helpers just now, this thread does all. What may fail is to get memory.
    """
    alone = helpers == 0 or not _swap(desk, 0, 0, 1)
    if not alone:
        if HAS_CORES:
            _write(desk, HERE, _core())
        for seat in range(LINE, LINE * (helpers + 1), LINE):
            desk[seat + 1], desk[seat + 2], desk[seat + 3] = entry, place, 0
            if not _swap(desk, seat, WAITING, CALLED):
                _swap(desk, seat, AWAY, CALLED)
    failed = _do(entry, place, 0)
    if not alone:
        for seat in range(LINE, LINE * (helpers + 1), LINE):
            if not _swap(desk, seat, CALLED, AWAY):
                looks = 0
                while _read(desk, seat) == WORKING:
                    looks = _breathe(looks)
                failed += desk[seat + 3]
        _write(desk, 0, 0)
    if failed:
        raise MemoryError("there is no room for the scratch arrays of a kernel")


@njit
def _step_aside(desk):
    """Leave the core of whoever called.

    Systems tend to wake a thread on the core of the one that woke it, and may let both take turns
    there for 10 ms and more.
    """
    here = _core()
    if here != _read(desk, HERE) or here >= CORES:
        return
    allowed = np.zeros(CORES // 64, np.uint64)
    if _get_cores(0, allowed.nbytes, allowed.ctypes.data) != 0:
        return
    others = allowed.copy()
    others[here // 64] &= ~(np.uint64(1) << np.uint64(here % 64))
    if others.any():
        # With the others alone it moves, and then it may be anywhere again.
        _set_cores(0, others.nbytes, others.ctypes.data)
        _set_cores(0, allowed.nbytes, allowed.ctypes.data)


@compiled
def _serve(desk, seat, bell):
    """Work whenever called, forever, or where files can't be read here until nobody called."""
    rings = np.empty(64, np.uint8)
    while True:
        if HAS_CORES:
            _step_aside(desk)
        looks = 0
        while looks < PATIENCE or not _swap(desk, seat, WAITING, AWAY):
            state = _read(desk, seat)
            if state == CALLED:
                if HAS_CORES:
                    _step_aside(desk)
                if _swap(desk, seat, CALLED, WORKING):
                    desk[seat + 3] = _do(desk[seat + 1], desk[seat + 2], seat // LINE)
                    _write(desk, seat, WAITING)
                    looks = 0
            elif state == AWAY:
                _swap(desk, seat, AWAY, WAITING)
            else:
                looks = _breathe(looks)
        if not HAS_READ:
            return
        _read_file(bell, rings.ctypes.data, rings.size)


def call(helpers: int) -> int:
    """Call so many helpers, as far as there are cores; return how many."""
    helpers = min(helpers, len(desk) // LINE - 1)
    for index in range(helpers):
        if index == len(_bells):
            _hire()
        if desk[LINE * (index + 1)] == AWAY:
            with contextlib.suppress(BlockingIOError):  # it has been called often enough
                os.write(_bells[index][1], _RING)
    return helpers


def _hire() -> None:
    with _hiring:
        if hasattr(os, "eventfd"):
            hear = ring = os.eventfd(0)
        else:
            hear, ring = os.pipe()
            os.set_blocking(ring, False)
        _bells.append((hear, ring))
        seat = LINE * len(_bells)
        threading.Thread(target=_help, args=(hear, seat), name="thermoscope", daemon=True).start()


def _help(bell: int, seat: int) -> None:
    while True:
        _serve(desk, seat, bell)
        os.read(bell, 64)  # where `_serve` can't


def _forget() -> None:
    """Begin anew: a child process has the memory of its parent, but none of its threads."""
    global _hiring  # noqa: PLW0603 - whoever held it is not here
    _hiring = threading.Lock()
    for bell in _bells:
        for end in set(bell):
            os.close(end)
    _bells.clear()
    desk[:] = AWAY


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_forget)
