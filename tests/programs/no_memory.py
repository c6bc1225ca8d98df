"""Run out of memory in native code, which is an error of the call: see test_native."""

import resource
import sys

import numpy as np

import thermoscope as ts
from thermoscope import kernels

z = np.zeros((2, 40_000_000), "f4")
columns = z.T  # needs two columns of the whole length as scratch for each tile
out = np.empty_like(z)
with kernels.use(threads=2):
    ts.softmax(np.zeros((6000, 200)))  # the workers are there before memory is short
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()  # noqa: PTH123, SIM115
    resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20), resource.RLIM_INFINITY))
    try:
        ts.softmax(z, out=z)  # in place, a long row is copied first
    except MemoryError:
        pass
    else:
        sys.exit("no MemoryError")
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert (z == 0).all(), "the logits are as they were"
    ts.softmax(z, out=z)
    assert np.isclose(z, 1 / z.shape[1], rtol=1e-6).all()
