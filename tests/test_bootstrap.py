"""Intervals, and what a calibrated model would show, against theory and plain redrawing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

import thermoscope as ts
from tests.test_passes import drawn


def test_bootstrap_intervals_are_as_wide_as_theory_says() -> None:
    logits, targets = drawn(15, n=2000)
    result = ts.reliability(logits, targets, 1.7, bootstrap=2000, rng=3)
    assert ts.reliability(logits, targets, 1.7, bootstrap=2000, rng=3).intervals == result.intervals
    assert ts.reliability(logits, targets, 1.7, bootstrap=2000, rng=4).intervals != result.intervals
    assert ts.reliability(logits, targets, 1.7).intervals == {}
    nll = ts.cross_entropy(logits, targets, 1.7)
    p = ts.softmax(logits, 1.7)
    each = {
        "nll": nll,
        "accuracy": (p.argmax(axis=1) == targets).astype(float),
        "brier": ((p - np.eye(5)[targets]) ** 2).sum(axis=1),
    }
    for name, values in each.items():
        half = 1.96 * values.std() / math.sqrt(len(values))
        low, high = result.intervals[name]
        assert (low, high) == pytest.approx(
            (values.mean() - half, values.mean() + half), abs=0.15 * half
        )
    # No interval of ECE or MCE covers the true value often enough: benchmarks/coverage.py.
    assert set(result.intervals) == {"brier", "nll", "accuracy"}


def test_bins_have_wilson_intervals() -> None:
    logits, targets = drawn(24, n=400)
    bins = ts.reliability(logits, targets).bins
    for count, accuracy, interval in zip(bins.count, bins.accuracy, bins.interval, strict=True):
        if count == 0:
            assert np.isnan(interval).all()
            continue
        want = stats.binomtest(round(count * accuracy), int(count)).proportion_ci(method="wilson")
        assert tuple(interval) == pytest.approx((want.low, want.high), abs=1e-12)
    doubled = ts.reliability(logits, targets, sample_weight=np.full(400, 2.0)).bins
    np.testing.assert_allclose(doubled.interval, bins.interval)


def plain_redrawn(p: np.ndarray, draws: int, bins: int, seed: int) -> np.ndarray:
    """Return the ECE of targets drawn from the probabilities, row by row."""
    rng = np.random.default_rng(seed)
    confidence = p.max(axis=1)
    bin_of = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    right = rng.random((draws, len(p))) < confidence
    gaps = (confidence - right) @ np.eye(bins)[bin_of]
    return np.abs(gaps).sum(axis=1) / len(p)


@pytest.mark.parametrize(("n", "scale"), [(200, 1.0), (2000, 1.0), (2000, 3.0)])
def test_ece_if_calibrated_is_that_of_targets_drawn_row_by_row(n: int, scale: float) -> None:
    logits, targets = drawn(20, n=n)
    logits *= scale
    result = ts.reliability(logits, targets)
    want = plain_redrawn(ts.softmax(logits), 4000, 15, seed=1)
    error = want.std() / math.sqrt(999)
    assert result.ece_if_calibrated == pytest.approx(want.mean(), abs=4 * error)
    assert result.ece_if_calibrated_upper == pytest.approx(np.quantile(want, 0.95), abs=10 * error)
    p = (want >= result.ece).mean()
    assert result.p_value == pytest.approx(p, abs=0.001 + 4 * math.sqrt(p * (1 - p) / 999))
    assert result.p_value == ts.reliability(logits, targets).p_value
    other = ts.reliability(logits, targets, rng=1).ece_if_calibrated
    assert other != result.ece_if_calibrated
    assert other == pytest.approx(result.ece_if_calibrated, abs=6 * error)


def test_the_p_value_is_uniform_where_the_model_is_calibrated_and_small_where_not() -> None:
    right = [ts.reliability(*drawn(seed, n=300, temperature=1.0)).p_value for seed in range(300)]
    assert stats.kstest(right, "uniform").pvalue > 0.01
    wrong = [ts.reliability(*drawn(seed, n=300, temperature=2.0)).p_value for seed in range(20)]
    assert max(wrong) < 0.05
    assert stats.kstest(wrong, "uniform").pvalue < 1e-6


def test_weights_raise_the_ece_of_a_calibrated_model() -> None:
    logits, targets = drawn(21, n=1000)
    weights = np.random.default_rng(21).exponential(size=1000) ** 2
    plain = ts.reliability(logits, targets)
    weighted = ts.reliability(logits, targets, sample_weight=weights)
    p = ts.softmax(logits)
    confidence = p.max(axis=1)
    bin_of = np.clip(np.ceil(confidence * 15).astype(int) - 1, 0, 14)
    right = np.random.default_rng(0).random((4000, 1000)) < confidence
    gaps = (weights * (confidence - right)) @ np.eye(15)[bin_of]
    want = (np.abs(gaps).sum(axis=1) / weights.sum()).mean()
    assert weighted.ece_if_calibrated == pytest.approx(want, rel=0.03)
    assert weighted.ece_if_calibrated > 1.5 * plain.ece_if_calibrated
    same = ts.reliability(logits, targets, sample_weight=np.full(1000, 7.0))
    assert same.ece_if_calibrated == pytest.approx(plain.ece_if_calibrated, rel=1e-12)


def test_soft_targets_have_no_ece_if_calibrated() -> None:
    logits, targets = drawn(22)
    soft = ts.reliability(logits, ts.softmax(logits, 2.0))
    assert math.isnan(soft.ece_if_calibrated)
    assert math.isnan(soft.ece_if_calibrated_upper)
    assert math.isnan(soft.p_value)
    assert "calibrated" not in str(soft)
    one_hot = ts.reliability(logits, np.eye(5)[targets])
    assert one_hot.p_value == ts.reliability(logits, targets).p_value
    assert "if calibrated" in str(one_hot)
