"""Say which kernels an installed package has, and check a softmax of it.

``python -P tools/installed.py native`` fails where the native kernel does not run, ``reference``
where it does. It needs nothing but the package; -P keeps this folder off the path.
"""

from __future__ import annotations

import sys

import numpy as np

import thermoscope as ts


def main(expected: str) -> int:
    """Return 0 if the first kernel that runs is the `expected` one and computes."""
    kernels = ts.kernels.available()
    for kernel in kernels:
        print(kernel)  # noqa: T201
    first = next(kernel.name for kernel in kernels if kernel.runs)
    # The softmax of logarithms is each number over their total.
    numbers = np.arange(1.0, 1001.0)
    probabilities = numbers / numbers.sum()
    for shape, axis in (((1, 1000), 1), ((1000, 1), 0)):
        logits = np.broadcast_to(np.log(numbers).reshape(shape), (1000, 1000))
        for dtype, tolerance in ((np.float32, 1e-6), (np.float64, 5e-15)):
            result = np.moveaxis(ts.softmax(logits.astype(dtype), axis=axis), axis, -1)
            np.testing.assert_allclose(
                result, np.broadcast_to(probabilities, result.shape), tolerance
            )
    return int(first.partition("-")[0] != expected)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
