"""Tables of reliability over temperatures are what `reliability` gives at each of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import thermoscope as ts
from tests.test_passes import drawn
from thermoscope.calibration.reliability import Judge
from thermoscope.calibration.table import ReliabilityTable, bin_of_rows, reliability_table
from thermoscope.passes import passes
from thermoscope.passes import rows as rows_of_passes

TEMPERATURES = [0.0, 1e-4, 0.3, 1.0, 1.7, 100.0, math.inf]


def table_of(logits: Any, targets: Any, *, bins: int = 15) -> ReliabilityTable:
    source = passes(logits, targets, None, -1, ignore_index=-100, once=True)
    return reliability_table(Judge(bins, "width", None, 0), source, np.array(TEMPERATURES))


def check(table: ReliabilityTable, logits: Any, targets: Any, *, bins: int = 15) -> None:
    for at, temperature in enumerate(TEMPERATURES):
        want = ts.reliability(logits, targets, temperature, bins=bins)
        for name in ("nll", "ece", "ece_if_calibrated", "ece_if_calibrated_upper"):
            got = getattr(table, name)[at]
            assert got == pytest.approx(getattr(want, name), rel=1e-12, abs=1e-15, nan_ok=True)
        for name in ("count", "confidence", "accuracy", "if_calibrated"):
            np.testing.assert_allclose(
                getattr(table, name)[at], getattr(want.bins, name), rtol=1e-12, atol=1e-15
            )
        assert (table.n, table.n_ignored) == (want.n, want.n_ignored)


@pytest.mark.parametrize("bins", [1, 10, 15])
def test_a_table_is_reliability_at_each_temperature(
    digits: tuple[np.ndarray, np.ndarray], bins: int
) -> None:
    check(table_of(*digits, bins=bins), *digits, bins=bins)


def test_rows_without_a_target_are_left_out_and_soft_targets_are_taken() -> None:
    logits, targets = drawn(7)
    some = np.where(np.arange(len(targets)) % 3 == 0, -100, targets)
    check(table_of(logits, some), logits, some)
    soft = ts.softmax(logits, 2.0)
    table = table_of(logits, soft)
    check(table, logits, soft)
    assert np.isnan(table.if_calibrated).all()


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    logits, targets = drawn(8, n=3000)
    whole = table_of(logits, targets)
    monkeypatch.setattr(rows_of_passes, "BLOCK", 100 * logits.shape[1] * 8)
    told: list[int] = []
    source = passes(logits, targets, None, -1, once=True)
    parts = reliability_table(
        Judge(15, "width", None, 0), source, np.array(TEMPERATURES), told.append
    )
    np.testing.assert_allclose(parts.ece, whole.ece, rtol=1e-12)
    np.testing.assert_array_equal(parts.count, whole.count)
    # Once in the pass, once where the targets are redrawn.
    assert sum(told) == 2 * 3000 * len(TEMPERATURES)
    assert max(told[: len(told) // 2]) == 100


def test_each_row_has_the_bin_in_which_reliability_counts_it() -> None:
    logits, targets = drawn(9, n=500)
    targets[3] = -100
    source = passes(logits, targets, None, -1, ignore_index=-100)
    bins = bin_of_rows(source, 500, 1.7, np.linspace(0, 1, 16))
    assert bins[3] == -1
    want = ts.reliability(logits, targets, 1.7).bins
    assert np.bincount(bins[bins >= 0], minlength=15).tolist() == want.count.tolist()
    confidence = ts.softmax(logits, 1.7).max(axis=1)
    for number in np.flatnonzero(want.count):
        inside = bins == number
        assert confidence[inside].mean() == pytest.approx(want.confidence[number])


def test_where_accuracy_lies_if_probabilities_are_right() -> None:
    """Targets drawn from the probabilities lie within in 95 % of the bins, others do not."""
    rng = np.random.default_rng(10)
    logits = rng.normal(0, 2, (4000, 5))
    inside = []
    for _ in range(40):
        bins = ts.reliability(logits, ts.sample(logits, rng=rng)).bins
        full = bins.count > 50
        low, high = bins.if_calibrated[full].T
        inside += ((low <= bins.accuracy[full]) & (bins.accuracy[full] <= high)).tolist()
    assert 0.93 < np.mean(inside) < 0.97
    bins = ts.reliability(logits, ts.sample(logits, 3.0, rng=rng)).bins
    full = bins.count > 50
    assert (bins.accuracy[full] < bins.if_calibrated[full, 0]).mean() > 0.8
