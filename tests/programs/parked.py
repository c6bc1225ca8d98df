"""Wait until all workers stay asleep, which they do soon after their last job: see test_native.

A worker that spins never sleeps. One that looks for work from time to time sleeps, but the system
counts each time that it wakes up. This program does not end, and its test fails, in either case.
"""

import re
from pathlib import Path

import numpy as np

import thermoscope as ts
from thermoscope import kernels


def threads() -> set[str]:
    """Return the threads of this process."""
    return {task.name for task in Path("/proc/self/task").iterdir()}


def statuses() -> list[tuple[str, ...]]:
    """Return for each worker its state, S if it sleeps, and its context switches."""
    return [
        tuple(re.findall(r"^(?:State|\w*voluntary_ctxt_switches):\t(\w+)", status, re.MULTILINE))
        for worker in sorted(workers)
        for status in [Path("/proc/self/task", worker, "status").read_text()]
    ]


def work_alone() -> None:
    """Work on this thread, for long enough that a worker that wakes up would be seen."""
    with kernels.use("reference"):
        ts.softmax(np.zeros(5_000_000))


before = threads()
with kernels.use(threads=3):
    ts.softmax(np.zeros((6000, 200)))
# A sanitizer has a thread of its own, which wakes up.
workers = threads() - before
assert len(workers) == 2, "two workers were started"
asleep = False
while not asleep:
    start = statuses()
    work_alone()
    asleep = statuses() == start and all(state == "S" for state, *_ in start)
assert all(int(voluntary) > 0 for _, voluntary, _ in start), "the system counts them"
