"""The native kernel, in C++17 (`native/`): one read and one write per element, SIMD, threads.

It works on C-contiguous arrays of float32 and float64 in the machine's byte order in place. Other
arrays, and masked ones, are copied some rows at a time. Rows that it marks as unsupported (T = 0
or inf, a maximum that is not finite, a NaN, magnitudes that would overflow on the way) fall back
to the reference kernel, which has the rules for all edges.
"""

from __future__ import annotations

import functools
import importlib.util
import math
import os
from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from thermoscope.kernels import memory, reference

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import ThreadPoolExecutor
    from types import ModuleType

    from numpy.typing import NDArray

    Array = NDArray[Any]
    Mask = NDArray[np.bool_]

__all__ = ["MODULE", "REASON", "Native", "configure"]

# Entries per copy, where rows must be copied: the copy stays in a cache.
PIECE: Final = 1 << 16
# At least this many columns side by side need no copy; fewer would not fill a register.
SIDE_BY_SIDE: Final = 16
# Shorter rows of float32 have their moments computed in double precision.
MOMENTS_SHORT: Final = 48
# By dtype, the largest supported temperature; the smallest is its inverse.
LARGEST: Final = {np.dtype(np.float32): 2.0**100, np.dtype(np.float64): 2.0**900}


def _load() -> tuple[ModuleType | None, str]:
    """Return the compiled module, or None and why there is none.

    The environment variable THERMOSCOPE_NATIVE=0 leaves it out; THERMOSCOPE_NATIVE_FILE names
    a file to load instead of the installed one.
    """
    if os.environ.get("THERMOSCOPE_NATIVE") == "0":
        return None, "THERMOSCOPE_NATIVE=0 is set"
    file = os.environ.get("THERMOSCOPE_NATIVE_FILE")
    try:
        if file:
            spec = importlib.util.spec_from_file_location("thermoscope.kernels._native", file)
            assert spec is not None  # noqa: S101 - a path was given
            assert spec.loader is not None  # noqa: S101
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
        else:
            module = importlib.import_module("thermoscope.kernels._native")
    except (ImportError, RuntimeError) as error:  # the latter: a NumPy of another ABI
        from pathlib import Path  # noqa: PLC0415 - import thermoscope is light

        built = Path(__file__).parent / "_native.txt"  # the build writes why it made no module
        return None, built.read_text().strip() if built.exists() else str(error)
    if not module.levels():
        return None, "this processor has no AVX2"
    return module, ""


MODULE, REASON = _load()


def configure(threads: int) -> None:
    """Give the module's fast path the objects and numbers that it uses."""
    assert MODULE is not None  # noqa: S101 - the caller has checked
    MODULE.configure(memory.empty, _finish, memory.LARGE, threads, SIDE_BY_SIDE)


def _finish(
    *, logits: Array, temperature: float, out: Array, axis: int, log: bool, marks: bytes
) -> None:
    """Compute the rows that the fast path marked as unsupported."""
    logits, out = np.moveaxis(logits, axis, -1), np.moveaxis(out, axis, -1)
    _fall_back(logits, temperature, out, marks, log=log)


class Native(NamedTuple):
    """The native kernel at one level and number of threads; functions as in `reference`."""

    level: int
    threads: int

    def softmax(
        self, logits: Array, temperature: Array, where: Mask | None, axis: int, out: Array
    ) -> None:
        """Write softmax(logits / temperature) along `axis` to `out`."""
        self._compute(logits, temperature, where, axis, out, log=False)

    def log_softmax(
        self, logits: Array, temperature: Array, where: Mask | None, axis: int, out: Array
    ) -> None:
        """Write log(softmax(logits / temperature)) along `axis` to `out`."""
        self._compute(logits, temperature, where, axis, out, log=True)

    def moments(self, rows: Array, temperature: float) -> tuple[Array, Array, Array]:
        """Return the three moments of each row, as `reference.moments` does."""
        if rows.shape[1] < MOMENTS_SHORT:
            rows = rows.astype(np.float64)
        largest = LARGEST.get(rows.dtype)
        supported = largest is not None and 1 / largest <= temperature <= largest
        if not rows.size or not (supported or (largest and temperature == math.inf)):
            return reference.moments(rows, temperature)
        z = np.require(rows, None, ["C", "A"])
        result = np.empty((3, len(z)))
        assert MODULE is not None  # noqa: S101 - there is a level of it
        MODULE.moments(z, float(temperature), result, self.level)
        unsupported = np.flatnonzero(~np.isfinite(result).all(axis=0))
        if unsupported.size:
            result[:, unsupported] = reference.moments(rows[unsupported], temperature)
        return result[0], result[1], result[2]

    def _compute(
        self,
        logits: Array,
        temperature: Array,
        where: Mask | None,
        axis: int,
        out: Array,
        *,
        log: bool,
    ) -> None:
        if not out.size:
            return
        if out.shape[axis] == 1:
            # A single entry has exactly 1, which exp_z over the unrounded total may miss.
            compute = reference.log_softmax if log else reference.softmax
            compute(logits, temperature, where, axis, out)
            return
        z, t, result = logits, temperature, out
        along = axis % out.ndim
        if not out.flags.c_contiguous:
            # Reorder the axes so that the result is C-contiguous, if it can be.
            order = sorted(range(out.ndim), key=lambda k: -out.strides[k])
            z, t, result = z.transpose(order), t.transpose(order), result.transpose(order)
            along = order.index(along)
        inner = math.prod(result.shape[along + 1 :])
        if (
            where is None
            and z.dtype == result.dtype
            and z.dtype in LARGEST
            and z.flags.carray | (z.flags.c_contiguous & z.flags.aligned)
            and result.flags.carray
            and (inner == 1 or inner >= SIDE_BY_SIDE)
        ):
            self._contiguous(z, _compact(t), result, along, log=log)
            return
        z, t, result = (np.moveaxis(array, axis, 0) for array in (logits, temperature, out))
        mask = None if where is None else np.moveaxis(where, axis, 0)
        pieces = reference.split(z, t, mask, result, PIECE)
        _run([functools.partial(self._piece, *piece, log=log) for piece in pieces], self.threads)

    def _contiguous(self, z: Array, t: float | Array, out: Array, along: int, *, log: bool) -> None:
        assert MODULE is not None  # noqa: S101 - there is a level of it
        marks = MODULE.compute(z, t, out, along, self.threads, log, self.level)
        if marks is not None:
            _fall_back(np.moveaxis(z, along, -1), t, np.moveaxis(out, along, -1), marks, log=log)

    def _piece(self, z: Array, t: Array, mask: Mask | None, out: Array, *, log: bool) -> None:
        """Compute rows of any layout and dtype, entries on axis 0, in a C-contiguous copy."""
        entries, *rest = z.shape
        wide = out.dtype.kind == "f" and out.dtype.itemsize == 8
        rows = np.empty((math.prod(rest), entries), np.float64 if wide else np.float32)
        copy = np.moveaxis(rows.reshape(*rest, entries), -1, 0)
        compact = _compact(t)
        with np.errstate(all="ignore"):
            np.copyto(copy, z, casting="unsafe")
            if mask is not None:
                np.copyto(copy, -np.inf, where=~mask)
            assert MODULE is not None  # noqa: S101 - there is a level of it
            marks = MODULE.compute(rows, compact, rows, 1, 1, log, self.level)
            if marks is not None:
                masks = None if mask is None else np.moveaxis(mask, 0, -1).reshape(-1, entries)
                _fall_back(rows, compact, rows, marks, masks, log=log)
            np.copyto(out, copy, casting="unsafe")


def _compact(temperature: Array) -> float | Array:
    """Return the temperature as one number for all rows, or as one array with one for each row."""
    if not any(temperature.strides) or temperature.size == 1:
        return float(temperature.item(*(0,) * temperature.ndim))
    return np.ascontiguousarray(temperature, np.float64).reshape(-1)


def _fall_back(
    logits: Array,
    t: float | Array,
    out: Array,
    marks: bytes,
    masks: Mask | None = None,
    *,
    log: bool,
) -> None:
    """Compute marked rows with the reference kernel; entries are on the last axis."""
    compute = reference.log_softmax if log else reference.softmax
    indices = np.flatnonzero(np.frombuffer(marks, np.bool_))
    entries = logits.shape[-1]
    step = max(1, PIECE // entries)
    for start in range(0, len(indices), step):
        some = indices[start : start + step]
        place = np.unravel_index(some, logits.shape[:-1]) if logits.ndim > 1 else ()
        rows = np.array(logits[place]).reshape(-1, entries)
        temperatures = np.full(some.shape, t) if isinstance(t, float) else t[some]
        compute(rows, temperatures[:, None], None if masks is None else masks[some], -1, rows)
        out[place] = rows.reshape(out[place].shape)


def _run(tasks: Sequence[Callable[[], None]], threads: int) -> None:
    """Run the tasks on a number of threads, including the caller's."""
    queue = deque(tasks)

    def work() -> None:
        while True:
            try:
                task = queue.popleft()
            except IndexError:
                return
            task()

    others = []
    try:
        for _ in range(min(threads, len(tasks)) - 1):
            others.append(_pool().submit(work))  # noqa: PERF401 - a failure leaves what is at work
        work()
    finally:
        queue.clear()
        for other in others:
            other.result()


@functools.cache
def _pool() -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - import thermoscope is light

    return ThreadPoolExecutor(os.cpu_count(), "thermoscope")


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_pool.cache_clear)
