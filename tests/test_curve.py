"""Curves and sweeps are what reliability and the measures give at each temperature."""

from __future__ import annotations

import math

import numpy as np
import pytest

import thermoscope as ts
from tests.test_passes import Z, drawn, one_shot

INF = math.inf


def test_the_curve_is_reliability_at_each_temperature() -> None:
    logits, targets, _ = ts.samples.digits()
    temperatures = [0.5, 1.0, 2.0, 5.0]
    curve = ts.calibration_curve(logits, targets, temperatures)
    for t, nll, ece in zip(temperatures, curve.nll, curve.ece, strict=True):
        result = ts.reliability(logits, targets, t)
        assert (nll, ece) == pytest.approx((result.nll, result.ece), rel=1e-12)
    fit = ts.fit_temperature(logits, targets)
    around = ts.calibration_curve(logits, targets)
    assert around.temperatures.shape == (49,)
    assert around.temperatures[24] == pytest.approx(fit.temperature, rel=1e-12)
    assert around.nll.argmin() == 24
    assert around.nll[24] == pytest.approx(fit.nll, rel=1e-12)
    ends = ts.calibration_curve([[1.0, 0.0]], [0])
    assert ends.temperatures[24] == 1


def test_a_sweep_is_the_mean_of_the_measures() -> None:
    logits, targets = drawn(39)
    weights = np.random.default_rng(39).random(200)
    t = [0.5, 1.0, 3.0]
    want = {
        "entropy": [ts.entropy(logits, each) for each in t],
        "perplexity": [ts.perplexity(logits, each) for each in t],
        "top_probability": [ts.softmax(logits, each).max(axis=1) for each in t],
    }
    plain, weighted = ts.sweep(logits, None, t), ts.sweep(logits, targets, t, sample_weight=weights)
    for name, values in want.items():
        np.testing.assert_allclose(getattr(plain, name), np.mean(values, axis=1), rtol=1e-12)
        np.testing.assert_allclose(
            getattr(weighted, name), np.average(values, axis=1, weights=weights), rtol=1e-12
        )
    assert plain.curve is None
    assert "nll" in weighted.columns()
    assert "nll" not in plain.columns()
    batches = [(logits[:70], None), (logits[70:], None)]
    for given_as in (batches, one_shot(batches), lambda: batches):
        np.testing.assert_allclose(ts.sweep(given_as, None, t).entropy, plain.entropy, rtol=1e-12)
    assert ts.sweep([[1.0, 2.0]]).temperatures.shape == (41,)
    with pytest.raises(ValueError, match="targets must be in all batches or in none"):
        ts.sweep([(logits, None), (logits, targets)])
    with pytest.raises(TypeError, match="targets must be in each batch, got None in batch 1"):
        ts.fit_temperature([(logits, targets), (logits, None)])


@pytest.mark.parametrize(
    ("temperatures", "words"),
    [
        ([1.0, 0.0], "temperatures must be finite and > 0, got 0.0"),
        ([INF], "temperatures must be finite and > 0, got inf"),
        ([], r"temperatures must be a row of numbers, got shape \(0,\)"),
        (1.0, r"temperatures must be a row of numbers, got shape \(\)"),
    ],
)
def test_errors_of_the_curve(temperatures: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ts.calibration_curve(Z, [0, 1], temperatures)
