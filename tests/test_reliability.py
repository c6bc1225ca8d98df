"""ECE and the other scores against plain loops; bins, both ends, errors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import thermoscope as ts
from tests.test_passes import Z, drawn

INF, NAN = math.inf, math.nan


def plain_ece(logits: np.ndarray, targets: np.ndarray, temperature: float, bins: int) -> float:
    """Return the ECE by its definition, row by row."""
    sums = [[0, 0.0, 0] for _ in range(bins)]
    for row, target in zip(logits.astype(np.float64), targets, strict=True):
        p = ts.softmax(row, temperature)
        confidence = float(p.max())
        at = next(b for b in range(bins) if confidence <= (b + 1) / bins or b == bins - 1)
        sums[at][0] += 1
        sums[at][1] += confidence
        sums[at][2] += int(row.argmax() == target)
    return sum(abs(confidence - right) for _, confidence, right in sums) / len(logits)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.097648])
@pytest.mark.parametrize("bins", [1, 10, 15])
def test_scores_equal_those_of_plain_loops(
    digits: tuple[np.ndarray, np.ndarray], temperature: float, bins: int
) -> None:
    logits, targets = digits
    result = ts.reliability(logits, targets, temperature, bins=bins)
    want = plain_ece(logits, targets, temperature, bins)
    assert result.ece == pytest.approx(want, rel=1e-10)
    p = ts.softmax(logits.astype(np.float64), temperature)
    one_hot = np.eye(10)[targets]
    assert result.brier == pytest.approx(((p - one_hot) ** 2).sum(axis=1).mean(), rel=1e-10)
    assert result.nll == pytest.approx(-np.log(p[one_hot > 0]).mean(), rel=1e-10)
    assert result.accuracy == pytest.approx((p.argmax(axis=1) == targets).mean())
    gaps = 0.0
    for k in range(10):
        at = np.minimum(np.ceil(p[:, k] * bins).astype(int) - 1, bins - 1)
        for b in range(bins):
            gaps += abs((p[at == b, k] - one_hot[at == b, k]).sum()) / len(p) / 10
    assert result.classwise_ece == pytest.approx(gaps, rel=1e-10)
    full = result.bins.count > 0
    apart = np.abs(result.bins.confidence - result.bins.accuracy)[full]
    assert result.mce == pytest.approx(apart.max())
    assert result.bins.count.sum() == result.n == 1597


def test_edges_belong_to_the_bin_below_and_the_first_of_ties_is_predicted() -> None:
    # Confidences 1/2 (a tie), 1, 1/4 (a tie of four, with 0 for the other classes).
    logits = [[0.0, 0.0, -INF, -INF], [0.0, -INF, -INF, -INF], [0.0] * 4]
    result = ts.reliability(logits, [1, 0, 0], bins=4)
    assert result.bins.count.tolist() == [1, 1, 0, 1]
    assert result.bins.accuracy.tolist() == [1, 0, pytest.approx(NAN, nan_ok=True), 1]
    assert result.accuracy == pytest.approx(2 / 3)
    assert result.mce == 0.75


@pytest.mark.parametrize("temperature", [0, INF])
def test_temperatures_0_and_infinity_have_a_reliability(temperature: float) -> None:
    result = ts.reliability([[1.0, 0.0], [0.0, 2.0]], [0, 0], temperature)
    assert result.accuracy == 0.5
    assert result.nll == (INF if temperature == 0 else pytest.approx(math.log(2)))
    assert result.ece == (0.5 if temperature == 0 else 0.0)


def test_bins_of_equal_mass_have_equal_counts_and_split_no_ties() -> None:
    logits, targets = drawn(14, n=5000)
    result = ts.reliability(logits, targets, bins=10, strategy="mass")
    assert result.bins.count.sum() == 5000
    assert np.abs(result.bins.count - 500).max() <= 25
    confidence = np.sort(ts.softmax(logits).max(axis=1))
    exact = confidence[np.arange(1, 10) * 500 - 1]
    np.testing.assert_allclose(result.bins.edges[1:-1], exact, rtol=0.01)
    assert result.bins.edges[[0, -1]].tolist() == [0, 1]
    np.testing.assert_allclose(
        result.bins.confidence, confidence.reshape(10, 500).mean(axis=1), rtol=0.01
    )
    alike = ts.reliability(np.tile([1.0, 0.0], (9, 1)), [0] * 9, bins=3, strategy="mass")
    assert sorted(alike.bins.count.tolist()) == [0, 0, 9]


def test_mce_rows_counts_the_rows_of_its_bin() -> None:
    logits, targets = drawn(23, n=400)
    result = ts.reliability(logits, targets)
    bins = result.bins
    gaps = np.nan_to_num(np.abs(bins.confidence - bins.accuracy))
    assert result.mce == gaps.max()
    assert result.mce_rows == bins.count[gaps.argmax()]


def test_reliability_curve_and_sweep_have_the_same_ece() -> None:
    """Also for float32 with many classes, where the kernel computes in float32."""
    rng = np.random.default_rng(25)
    logits = rng.normal(0, 3, (3000, 100)).astype(np.float32)
    targets = ts.sample(logits, 1.7, rng=rng)
    result = ts.reliability(logits, targets, 1.3)
    curve = ts.calibration_curve(logits, targets, [1.3])
    swept = ts.sweep(logits, targets, [0.5, 1.3]).curve
    assert swept is not None
    assert (curve.ece[0], swept.ece[1]) == pytest.approx((result.ece, result.ece), rel=1e-13)
    assert curve.nll[0] == pytest.approx(result.nll, rel=1e-15)


def test_results_are_compared_by_identity() -> None:
    one, other = (ts.reliability(*drawn(40)) for _ in range(2))
    assert one == one  # noqa: PLR0124
    assert one != other
    assert len({one, other, one.bins, other.bins}) == 4


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"bins": 0}, ValueError, "bins must be >= 1, got 0"),
        ({"bins": 1.5}, TypeError, "bins must be a whole number, got 1.5"),
        ({"strategy": "count"}, ValueError, "strategy must be 'width' or 'mass', got 'count'"),
        ({"bootstrap": 0}, ValueError, "bootstrap must be >= 1, got 0"),
        ({"rng": -1}, ValueError, r"rng must be a seed >= 0 or a numpy.random.Generator, got -1"),
        ({"rng": "x"}, TypeError, r"rng must be a seed >= 0 or a numpy.random.Generator, got 'x'"),
        ({"temperature": -1}, ValueError, "temperature must be >= 0, got -1"),
        ({"temperature": NAN}, ValueError, "temperature must be >= 0, got nan"),
        ({"temperature": [1, 2]}, TypeError, r"temperature must be one number, got shape \(2,\)"),
    ],
)
def test_errors_of_reliability(options: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        ts.reliability(Z, [0, 1], **options)
