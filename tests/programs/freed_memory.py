"""Compute where freed memory is given back to the system, or filled with 0xa5: see test_native."""

import sys

import numpy as np

import thermoscope as ts
from thermoscope import kernels

for shape, axis in (
    ((50_000, 10), -1),
    ((200, 3000), -1),
    ((5, 200, 700), 1),
    ((300, 2000), 0),
    ((70_000,), -1),
):
    logits = np.random.default_rng(0).normal(0, 3, shape)
    for function in (ts.softmax, ts.log_softmax):
        with kernels.use("reference"):
            want = function(logits, 0.7, axis=axis)
        for threads in (1, 3):
            with kernels.use(sys.argv[1], threads=threads):
                got, own = function(logits, 0.7, axis=axis), logits.copy()
                function(own, 0.7, axis=axis, out=own)
            np.testing.assert_allclose(got, want, 1e-12)
            np.testing.assert_allclose(own, want, 1e-12)
rows = np.random.default_rng(0).normal(0, 3, (3000, 50))
for entries in (50, 10):
    moments = []
    for name in (sys.argv[1], "reference"):
        with kernels.use(name):
            moments.append(kernels.choose().moments(rows[:, :entries], 0.7))
    np.testing.assert_allclose(*moments, 1e-9)
