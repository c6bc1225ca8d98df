"""End by a signal while writing: see test_cli."""

import os
import signal
import sys
from collections.abc import Iterator

import numpy as np

from thermoscope import cli
from thermoscope.data.dataset import Dataset

read = Dataset.blocks


def blocks(self: Dataset) -> Iterator[np.ndarray]:
    for at, block in enumerate(read(self, size=1)):
        if at == 2:
            os.kill(os.getpid(), getattr(signal, sys.argv[1]))
        yield block


if __name__ == "__main__":
    # A program that nohup started ignores SIGHUP, and so would this one.
    signal.signal(getattr(signal, sys.argv[1]), signal.SIG_DFL)
    np.save("z.npy", np.arange(12.0).reshape(4, 3))
    Dataset.blocks = blocks  # type: ignore[method-assign]
    sys.exit(cli.main(["softmax", "z.npy", "--probabilities", "-o", "out.csv"]))
