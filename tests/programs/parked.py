"""Wait until all workers stay asleep, which they do soon after their last job: see test_native.

A worker that spins never sleeps. One that looks for work from time to time sleeps, but the system
counts each time that it wakes up. This program does not end, and its test fails, in either case.
"""

import re
import threading
from pathlib import Path

import numpy as np

import thermoscope as ts
from thermoscope import kernels


def statuses() -> list[tuple[str, ...]]:
    """Return for each thread but this one its state, S if it sleeps, and its context switches."""
    own = str(threading.get_native_id())
    return [
        tuple(re.findall(r"^(?:State|\w*voluntary_ctxt_switches):\t(\w+)", status, re.MULTILINE))
        for task in Path("/proc/self/task").iterdir()
        if task.name != own
        for status in [(task / "status").read_text()]
    ]


def work_alone() -> None:
    """Work on this thread, for long enough that a worker that wakes up would be seen."""
    with kernels.use("reference"):
        ts.softmax(np.zeros(5_000_000))


before = len(statuses())
with kernels.use(threads=3):
    ts.softmax(np.zeros((6000, 200)))
assert len(statuses()) == before + 2, "two workers were started"
asleep = False
while not asleep:
    start = statuses()
    work_alone()
    asleep = statuses() == start and all(state == "S" for state, *_ in start)
assert all(int(voluntary) > 0 for _, voluntary, _ in start), "the system counts them"
