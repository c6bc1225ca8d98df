"""Wait until all workers sleep, which they do soon after their last job: see test_native."""

import os
import threading
import time
from pathlib import Path

import numpy as np

import thermoscope as ts
from thermoscope import kernels


def states() -> list[str]:
    """Return the state of each thread but this one: R runs, S sleeps."""
    tasks = Path("/proc/self/task").iterdir()
    own = str(threading.get_native_id())
    return [
        (task / "stat").read_text().rpartition(")")[2].split()[0]
        for task in tasks
        if task.name != own
    ]


before = len(states())
with kernels.use(threads=3):
    ts.softmax(np.zeros((6000, 200)))
assert len(states()) == before + 2, "two workers were started"
while set(states()) != {"S"}:
    os.sched_yield()
# A parked thread uses no time; one that spins slowly would.
used = time.process_time()
own = time.thread_time()
threading.Event().wait(0.2)
assert time.process_time() - used - (time.thread_time() - own) < 0.01, "a parked worker uses time"
