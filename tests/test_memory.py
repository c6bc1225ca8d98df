"""Large results reuse the memory of earlier ones, but only after those are freed."""

from __future__ import annotations

import mmap
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import thermoscope as ts
from thermoscope.kernels import memory

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.skipif(
    not hasattr(mmap, "MADV_FREE"), reason="this system can't be told that memory is free"
)
ROW = memory.LARGE // 4  # in float32


@pytest.fixture(autouse=True)
def nothing_to_spare() -> None:
    memory._spare.clear()


def place(array: NDArray[Any]) -> int:
    return int(array.ctypes.data)


def test_a_large_result_reuses_the_memory_of_a_freed_one() -> None:
    logits = np.zeros((4, ROW // 4), np.float32)
    first = ts.softmax(logits)
    where = place(first)
    assert place(ts.softmax(logits)) != where
    del first
    for function in (ts.softmax, ts.log_softmax):
        again = function(logits)
        assert place(again) == where
        assert again.flags.carray
        assert type(again) is np.ndarray
        del again


def test_a_view_keeps_a_result() -> None:
    logits = np.zeros(ROW, np.float32)
    logits[7] = 30
    result = ts.softmax(logits)
    where, kept = place(result), result.reshape(2, -1)[:, 7:9]
    copy = kept.copy()
    del result
    other = ts.softmax(-logits)
    assert place(other) != where
    np.testing.assert_array_equal(kept, copy)


def test_a_block_too_small_or_far_too_large_is_not_reused() -> None:
    def where(size: int) -> int:
        return place(memory.empty((size,), np.dtype(np.float32)))

    first = where(2 * ROW)
    assert where(2 * ROW + 1) != first
    memory._spare.clear()
    first = where(3 * ROW)
    assert where(2 * ROW) == first
    assert where(ROW) != first  # a block of three times its size would stay occupied
    assert [len(block) for block in memory._spare] == [4 * ROW]


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64"])
def test_empty_gives_every_dtype_and_shape(name: str) -> None:
    dtype = np.dtype(name if name != "bfloat16" else pytest.importorskip("ml_dtypes").bfloat16)
    for _ in range(2):
        array = memory.empty((3, 1, memory.LARGE // 3), dtype)
        assert (array.dtype, array.shape) == (dtype, (3, 1, memory.LARGE // 3))
        array[...] = 1
        assert array.flags.owndata is False
        assert float(array[2, 0, -1]) == 1
        del array
    assert memory.empty((0, 5), dtype).shape == (0, 5)


def test_threads_never_share_memory() -> None:
    together = Barrier(8, timeout=60)

    def work(number: int) -> bool:
        intact = True
        for turn in range(20):
            together.wait()
            array = memory.empty((ROW,), np.dtype(np.float32))
            array[::4096] = 100 * number + turn
            together.wait()  # until every thread has written
            intact = intact and bool((array[::4096] == 100 * number + turn).all())
            del array
        return intact

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))
    assert len(memory._spare) == 1


def test_a_result_too_large_for_memory_is_a_memory_error() -> None:
    with pytest.raises(
        MemoryError, match="no room for a result of 4,611,686,018,427,387,904 bytes"
    ):
        memory.empty((1 << 60,), np.dtype(np.float32))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what it may take")
def test_the_system_may_reclaim_the_kept_block() -> None:
    def lazy() -> int:
        text = Path("/proc/self/smaps_rollup").read_text("ascii")
        found = re.search(r"LazyFree: +(\d+) kB", text)
        assert found
        return int(found[1]) << 10

    before = lazy()
    result = ts.softmax(np.zeros(ROW, np.float32))
    assert lazy() - before < ROW
    del result
    assert lazy() - before > 3 * ROW
