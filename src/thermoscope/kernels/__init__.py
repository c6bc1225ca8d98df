"""The kernels, one module each, and the rule that chooses one.

NumPy arrays go to the native kernel where it was built and the processor supports it, else to the
reference kernel, which needs only NumPy and gives the same results to 2 ulp. Arrays of other
libraries go to `array_api`.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from thermoscope.kernels import native, reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

__all__ = [
    "Kernel",
    "available",
    "choose",
    "fast_log_softmax",
    "fast_softmax",
    "thread_count",
    "use",
]

_DETAILS = {
    "v3": "C++17 for x86-64-v3 (AVX2)",
    "v4": "C++17 for x86-64-v4 (AVX-512)",
    "plain": "C++17 for this architecture's baseline",
}

_kernel: ContextVar[str | None] = ContextVar("kernel", default=None)
_threads: ContextVar[int | None] = ContextVar("threads", default=None)


class Kernel(NamedTuple):
    """A kernel: its name for `use`, whether it runs here, and what it is or why it can't run."""

    name: str
    runs: bool
    detail: str


def available() -> tuple[Kernel, ...]:
    """Return the kernels for NumPy arrays, the default one first.

    Returns
    -------
    tuple of Kernel
        For each its name, whether it runs here, and what it is, or why it does not run.

    Examples
    --------
    >>> from thermoscope import kernels
    >>> kernels.available()[-1].name
    'reference'
    """
    levels = native.MODULE.levels() if native.MODULE else ()
    found = [
        Kernel(f"native-{level}", runs=True, detail=_DETAILS[level]) for level in reversed(levels)
    ]
    if not found:
        found = [Kernel("native", runs=False, detail=native.REASON)]
    return (*found, Kernel("reference", runs=True, detail=f"NumPy {np.__version__}"))


def choose() -> Any:
    """Return the kernel for NumPy arrays: the best one, or the one that `use` names."""
    name = _kernel.get()
    if name == "reference" or native.MODULE is None:
        return reference
    levels = native.MODULE.levels()
    level = levels.index(name.removeprefix("native-")) if name and name != "native" else -1
    return native.Native(level % len(levels), thread_count())


@contextmanager
def use(kernel: str | None = None, *, threads: int | None = None) -> Iterator[None]:
    """Compute with one kernel, or on a number of threads, inside a ``with`` block.

    Parameters
    ----------
    kernel : str, optional
        "native", "reference", or another name from `available`. The default is the best one.
    threads : int, optional
        How many threads the native kernel may use. The default is one for each core that this
        process may use, or ``OMP_NUM_THREADS`` where that is set when the package is imported.

    Raises
    ------
    ValueError
        If there is no such kernel, or `threads` is less than 1.
    ImportError
        If the kernel does not run here.

    Examples
    --------
    >>> import thermoscope as ts
    >>> from thermoscope import kernels
    >>> with kernels.use("reference"):
    ...     ts.softmax([2.0, 1.0, 0.1]).round(3)
    array([0.659, 0.242, 0.099])
    """
    if kernel is not None:
        _check(kernel)
    if threads is not None and threads < 1:
        raise ValueError(f"threads must be >= 1, got {threads}")
    before, threads_before = (
        _kernel.set(kernel or _kernel.get()),
        _threads.set(threads or _threads.get()),
    )
    # The fast path does not read the context variables, which would slow it down: switch it off.
    if native.MODULE:
        native.MODULE.suspend(1)
    try:
        yield
    finally:
        if native.MODULE:
            native.MODULE.suspend(-1)
        _kernel.reset(before)
        _threads.reset(threads_before)


def _check(name: str) -> None:
    """Raise an error if there is no such kernel or it does not run here."""
    known = {kernel.name: kernel for kernel in available()}
    native_runs = native.MODULE is not None
    if (name in known and known[name].runs) or (name == "native" and native_runs):
        return
    if not name.startswith("native"):
        names = ", ".join(repr(one) for one in dict.fromkeys(["native", *known]))
        raise ValueError(f"kernel must be one of {names}, got {name!r}")
    reason = f"this processor runs {', '.join(known)}" if native_runs else native.REASON
    raise ImportError(f"the kernel {name!r} does not run here: {reason}")


def thread_count() -> int:
    """Return how many threads a call may use."""
    return _threads.get() or _default_threads()


@cache
def _default_threads() -> int:
    setting = os.environ.get("OMP_NUM_THREADS", "")
    if setting.isdecimal() and int(setting) > 0:
        return int(setting)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _no_fast_path(*_: object) -> None:
    return None


# The result for (logits, temperature, axis, out); None if the general path must handle the call.
fast_softmax: Callable[..., NDArray[Any] | None] = _no_fast_path
fast_log_softmax: Callable[..., NDArray[Any] | None] = _no_fast_path
if native.MODULE:
    native.configure(_default_threads())
    fast_softmax, fast_log_softmax = native.MODULE.softmax, native.MODULE.log_softmax
