"""Compute arrays that begin or end at a protected page: see test_native."""

import ctypes
import itertools
import mmap
import sys

import numpy as np
from numpy.typing import NDArray

import thermoscope as ts
from thermoscope import kernels

PAGE = mmap.PAGESIZE
libc = ctypes.CDLL(None, use_errno=True)


def guarded(size: int, *, at_end: bool) -> NDArray[np.uint8]:
    """Return bytes between two pages that may be neither read nor written."""
    pages = -(-size // PAGE)
    memory = mmap.mmap(-1, (pages + 2) * PAGE)
    whole = np.frombuffer(memory, np.uint8)
    for page in (0, pages + 1):
        address = ctypes.c_void_p(whole.ctypes.data + page * PAGE)
        if libc.mprotect(address, ctypes.c_size_t(PAGE), 0):
            raise OSError(ctypes.get_errno(), "mprotect")
    start = PAGE + (pages * PAGE - size if at_end else 0)
    return whole[start : start + size]


def copy(array: NDArray[np.generic], *, at_end: bool) -> NDArray[np.generic]:
    """Copy an array to where reading beyond it is a fault."""
    place = guarded(array.nbytes, at_end=at_end).view(array.dtype).reshape(array.shape)
    place[...] = array
    return place


SHAPES = [
    *(((1, n), -1) for n in (2, 3, 15, 16, 17, 31, 33, 100, 2559, 2561, 5121)),
    *(
        ((rows, n), -1)
        for rows in (2, 31, 33, 64, 65, 97)
        for n in (2, 3, 7, 10, 16, 17, 47, 100, 159)
    ),
    *(((n, columns), 0) for n in (2, 5, 40) for columns in (16, 17, 31, 33, 100, 1025)),
    ((3, 17, 40), 1),
    ((1, 70_001), -1),
]
moments = {}
for name, dtype, (shape, axis), at_end in itertools.product(
    sys.argv[1:], ("f4", "f8"), SHAPES, (False, True)
):
    z = np.random.default_rng(0).normal(0, 3, shape).astype(dtype)
    z.reshape(-1)[-1] = np.inf if z.size % 3 == 0 else z.reshape(-1)[-1]
    source, target = copy(z, at_end=at_end), copy(z, at_end=at_end)
    for function, temperature in itertools.product(
        (ts.softmax, ts.log_softmax),
        (0.7, np.full([1 if k == axis % z.ndim else n for k, n in enumerate(shape)], 0.7)),
    ):
        with kernels.use("reference"):
            want = function(z, 0.7, axis=axis)
        with kernels.use(name, threads=2):
            function(source, temperature, axis=axis, out=target)
        np.testing.assert_allclose(target, want, 1e-6 if dtype == "f4" else 1e-14)
        target[...] = z
        with kernels.use(name, threads=2):
            function(target, temperature, axis=axis, out=target)
        np.testing.assert_allclose(target, want, 1e-6 if dtype == "f4" else 1e-14)
    if axis == -1:
        with kernels.use(name):
            kernels.choose().moments(source.reshape(-1, shape[-1]), 0.7)
np.testing.assert_array_equal(source, z)
