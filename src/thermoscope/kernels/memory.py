"""Memory for large results, reused from an earlier result that was freed.

The system hands out new memory page by page and clears each page first: for a result of 200 MB
that takes as long as the computation. C libraries keep small blocks that were freed (up to 32 MB
with glibc) and return larger ones to the system at once. This module keeps the last large block
for the next result, and marks it as free, so that the system can take it when it needs memory.
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

# The smallest result, in bytes, that comes from here.
LARGE: Final = 1 << 25
# A block is reused for a result of at least 1 / SLACK of its size.
SLACK: Final = 2

# The kept block, if any. The methods of a deque are atomic, and `append` drops the old block.
_spare: deque[mmap.mmap] = deque(maxlen=1)


class _Lease:
    """Owner of a block: an array and its views keep it alive, and the last of them frees it."""

    # Class attributes, because globals may be gone when the interpreter ends.
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
        except OSError:  # the system can't take it back later: return it now
            return
        self._spare.append(self._memory)


def empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return an uninitialised array, as `numpy.empty` does."""
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
    with contextlib.suppress(AttributeError, OSError):  # a system without huge pages
        memory.madvise(mmap.MADV_HUGEPAGE)
    return memory
