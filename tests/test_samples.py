"""The sample data that come with the package."""

from __future__ import annotations

import numpy as np

import thermoscope as ts


def test_digits_are_logits_of_an_overconfident_classifier() -> None:
    logits, targets, names = ts.samples.digits()
    assert (logits.dtype, logits.shape, targets.dtype) == (np.float32, (1597, 10), np.int64)
    assert len(names) == 10
    assert set(targets.tolist()) == set(range(10))
    assert ts.fit_temperature(logits, targets).interval[0] > 1.5
