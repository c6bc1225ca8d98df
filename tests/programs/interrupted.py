"""Interrupt a long call: KeyboardInterrupt is raised, and results stay right: see test_native."""

import os
import signal
import sys
import threading

import numpy as np

import thermoscope as ts
from thermoscope import kernels

# A program that is started in the background ignores it.
signal.signal(signal.SIGINT, signal.default_int_handler)
z = np.random.default_rng(0).normal(0, 3, (4000, 1000)).astype("f4")
with kernels.use(threads=2):
    want = ts.softmax(z)
    out = np.empty_like(z)
    started = threading.Event()

    def interrupt() -> None:
        started.wait()
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    try:
        started.set()
        while True:
            ts.softmax(z, out=out)
    except KeyboardInterrupt:
        pass
    np.testing.assert_array_equal(ts.softmax(z, out=out), want)
sys.exit(0)
