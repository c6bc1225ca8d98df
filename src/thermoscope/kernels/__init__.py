"""How the definition is computed: one module for each way, and the rule that chooses one."""

from __future__ import annotations

import os
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

__all__ = ["FEW", "asked", "choose", "thread_count", "tiny", "use"]

# Up to so many elements, rows are quicker worked number by number than by NumPy.
SCALAR_TO = 512
# From there on numba, with which ten times as many take no longer, is worth its loading.
FUSED_FROM = SCALAR_TO + 1

# The scalar kernel compiled, `thermoscope.kernels.few.ROWS`, from when the fused one is loaded: it
# gives the same digits.
FEW: dict[np.dtype[Any], tuple[Any, Any]] = {}

_kernel: ContextVar[str | None] = ContextVar("kernel", default=None)
# Which kernel `use` names, None if none: what small arrays have no time for is a function of ours.
asked = _kernel.get
_threads: ContextVar[int | None] = ContextVar("threads", default=None)


def choose(size: int) -> Any:  # noqa: ANN401 - a module, of which the types know no functions
    """Return the kernel for NumPy arrays of `size` elements.

    The fused one from `FUSED_FROM` elements on if numba is installed, else the NumPy one;
    inside of `use`, the one that it names. (Before it comes to that, rows along the last axis that
    are `tiny` are given to the scalar kernel.)
    """
    name = asked()
    if name is None:
        name = "fused" if size >= FUSED_FROM and _has_numba() else "numpy"
    return _module(name)


def tiny(size: int) -> bool:
    """Return whether rows of so many elements are for the scalar kernel."""
    return 0 < size <= SCALAR_TO and asked() is None


@contextmanager
def use(kernel: str | None = None, *, threads: int | None = None) -> Iterator[None]:
    """Compute with one kernel, or on so many threads, whatever the size of the arrays.

    Parameters
    ----------
    kernel : {"numpy", "fused"}, optional
        The kernel. The default leaves the choice to the size of the arrays.
    threads : int, optional
        How many threads the fused kernel may use. The default is one for each core that this
        process may use, or ``OMP_NUM_THREADS`` where that is set.

    Raises
    ------
    ValueError
        If there is no such kernel, or `threads` is less than 1.
    ImportError
        If the fused kernel is asked for and numba is not installed.

    Examples
    --------
    >>> import thermoscope as ts
    >>> from thermoscope import kernels
    >>> with kernels.use("numpy"):
    ...     ts.softmax([2.0, 1.0, 0.1]).round(3)
    array([0.659, 0.242, 0.099])
    """
    if kernel not in (None, "numpy", "fused"):
        raise ValueError(f"kernel must be 'numpy' or 'fused', got {kernel!r}")
    if threads is not None and threads < 1:
        raise ValueError(f"threads must be >= 1, got {threads}")
    if kernel == "fused" and not _has_numba():
        raise ImportError("the fused kernel needs numba: pip install 'thermoscope[fast]'")
    before, threads_before = (
        _kernel.set(kernel or asked()),
        _threads.set(threads or _threads.get()),
    )
    try:
        yield
    finally:
        _kernel.reset(before)
        _threads.reset(threads_before)


def thread_count() -> int:
    """Return how many threads a call may use."""
    return _threads.get() or _default_threads()


@cache
def _module(name: str) -> Any:  # noqa: ANN401 - likewise
    module = import_module(f"thermoscope.kernels.{name}")
    if name == "fused":
        FEW.update(import_module("thermoscope.kernels.few").ROWS)
    return module


@cache
def _default_threads() -> int:
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def _has_numba() -> bool:
    return find_spec("numba") is not None
