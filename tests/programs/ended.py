"""End while daemon threads compute, which must not abort the process: see test_native."""

import threading

import numpy as np

import thermoscope as ts

z = np.random.default_rng(0).normal(0, 3, (2000, 500))
started = [threading.Event() for _ in range(3)]


def work(started: threading.Event) -> None:
    """Compute for as long as the process lives, nearly all of the time without Python's lock."""
    while True:
        ts.softmax(z)
        started.set()


for event in started:
    threading.Thread(target=work, args=[event], daemon=True).start()
for event in started:
    event.wait()
