"""Memory for large results: that of an earlier one, where it is free again.

New memory comes from the system page by page, each of which it clears first: of a result of 200 MB
that takes as long as to compute it. C libraries keep what is freed below some size, 32 MB with
glibc, and give back at once what is larger. The last one of those is kept here for the next result,
and the system is told that it may have it: it takes it when it needs memory.
"""

from __future__ import annotations

import contextlib
import math
import mmap
from collections import deque
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LARGE", "empty"]

# Results of so many bytes and more come from here.
LARGE: Final = 1 << 25
# In memory of up to so many times their size.
SLACK: Final = 2

# At most one. Its methods are atomic, and `append` drops what there was.
_spare: deque[mmap.mmap] = deque(maxlen=1)


class _Lease:
    """What an array and all views of it keep alive: memory, which the last of them leaves."""

    # Names of its own: those of a module may be gone when the interpreter ends.
    _spare = _spare
    _free: int = getattr(mmap, "MADV_FREE", -1)

    def __init__(self, memory: mmap.mmap, size: int) -> None:
        self._memory = memory
        self.__array_interface__ = {
            "version": 3,
            "shape": (size,),
            "typestr": "|u1",
            "data": (np.frombuffer(memory, np.uint8).ctypes.data, False),
        }

    def __del__(self) -> None:
        try:
            self._memory.madvise(self._free)
        except OSError:  # a system that can't take it when it needs it gets it now
            return
        self._spare.append(self._memory)


def empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return an array of no particular numbers, as `numpy.empty` does."""
    size = math.prod(shape) * dtype.itemsize
    if size < LARGE or _Lease._free < 0:  # noqa: SLF001 - Windows
        return np.empty(shape, dtype)
    try:
        memory = _spare.pop()
    except IndexError:
        memory = None
    if memory is None or not size <= len(memory) <= SLACK * size:
        del memory
        memory = _new(size)
    return np.asarray(_Lease(memory, size)).view(dtype).reshape(shape)


def _new(size: int) -> mmap.mmap:
    try:
        memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError as error:
        raise MemoryError(f"there is no room for a result of {size:,} bytes") from error
    with contextlib.suppress(AttributeError, OSError):  # of systems that don't have such pages
        memory.madvise(mmap.MADV_HUGEPAGE)
    return memory
