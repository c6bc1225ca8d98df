"""Fit, reliability and curve: real data, oracles, properties, limits, errors."""

from __future__ import annotations

import itertools
import math
import tempfile
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

import thermoscope as ts
from thermoscope import kernels
from thermoscope.kernels import reference
from thermoscope.passes import ProbabilitiesWarning, local, rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

INF, NAN = math.inf, math.nan


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """Logits and targets of a real classifier, which come with the package."""
    return ts.samples.digits()[:2]


def drawn(
    seed: int, n: int = 200, classes: int = 5, temperature: float = 1.7
) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and targets drawn from their softmax at a temperature."""
    draw = np.random.default_rng(seed)
    logits = draw.normal(0, 2, (n, classes))
    return logits, ts.sample(logits, temperature, rng=draw)


def total_nll(logits: np.ndarray, targets: np.ndarray, temperature: float) -> mpmath.mpf:
    total = mpmath.mpf(0)
    for row, target in zip(logits.tolist(), targets.tolist(), strict=True):
        weights = [mpmath.exp(mpmath.mpf(z) / temperature) for z in row]
        total -= mpmath.log(weights[target] / mpmath.fsum(weights))
    return total


def plain_ece(logits: np.ndarray, targets: np.ndarray, temperature: float, bins: int) -> float:
    """The definition, row by row."""
    sums = [[0, 0.0, 0] for _ in range(bins)]
    for row, target in zip(logits.astype(np.float64), targets, strict=True):
        p = ts.softmax(row, temperature)
        confidence = float(p.max())
        at = next(b for b in range(bins) if confidence <= (b + 1) / bins or b == bins - 1)
        sums[at][0] += 1
        sums[at][1] += confidence
        sums[at][2] += int(row.argmax() == target)
    return sum(abs(confidence - right) for _, confidence, right in sums) / len(logits)


# The kernel.


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("temperature", [1e-3, 0.5, 1.0, 30.0, INF])
def test_moments_are_those_of_exact_arithmetic(dtype: type, temperature: float) -> None:
    logits = np.random.default_rng(1).normal(0, 3, (7, 6)).astype(dtype)
    logits[2, 1:4] = -INF
    logits[3] = 4
    found = np.array(reference.moments(logits, temperature))
    for row, got in zip(logits.tolist(), found.T, strict=True):
        with mpmath.workdps(200):
            distance = [mpmath.mpf(z) - max(row) for z in row if z > -INF]
            weights = [mpmath.exp(d / temperature) for d in distance]
            total = mpmath.fsum(weights)
            mean = mpmath.fdot(weights, distance) / total
            squares = [(d - mean) ** 2 for d in distance]
            want = mpmath.log(total), mean, mpmath.fdot(weights, squares) / total
        np.testing.assert_allclose(got, [float(w) for w in want], rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("temperature", [1.0, INF])
def test_moments_of_a_row_without_a_softmax_are_nan(temperature: float) -> None:
    logits = np.array([[NAN, 1.0], [INF, 1.0], [-INF, -INF], [0.0, 1.0]])
    found = np.isnan(reference.moments(logits, temperature))
    assert found.tolist() == [[True, True, True, False]] * 3


# The fit.


def test_the_temperature_of_a_real_classifier(digits: tuple[np.ndarray, np.ndarray]) -> None:
    fit = ts.fit_temperature(*digits)
    assert round(fit.temperature, 6) == 2.097648
    assert round(fit.nll, 6) == 0.252848
    assert (fit.n, fit.limit, fit.reason) == (1597, None, "")
    low, high = fit.interval
    assert low < fit.temperature < high
    assert "T = 2.09765 (95 % interval 1.9535 to 2.25243)" in str(fit)


def test_scikit_learn_finds_the_same(digits: tuple[np.ndarray, np.ndarray]) -> None:
    calibration = pytest.importorskip("sklearn.calibration")
    if not hasattr(calibration, "_TemperatureScaling"):
        pytest.skip("this scikit-learn has no temperature scaling")
    logits, targets = (digits[0].astype(np.float64), digits[1])
    theirs = calibration._TemperatureScaling().fit(logits, targets)
    ours = ts.fit_temperature(logits, targets)
    assert ours.temperature == pytest.approx(1 / theirs.beta_, rel=1e-6)
    with mpmath.workdps(40):
        assert total_nll(logits, targets, ours.temperature) <= total_nll(
            logits, targets, float(1 / theirs.beta_)
        )


@pytest.mark.parametrize("seed", range(4))
def test_exact_arithmetic_has_its_minimum_there(seed: int) -> None:
    logits, targets = drawn(seed, n=60)
    fit = ts.fit_temperature(logits, targets)
    with mpmath.workdps(40):
        exact = mpmath.findroot(
            lambda t: mpmath.diff(lambda x: total_nll(logits, targets, x), t), fit.temperature
        )
        information = mpmath.diff(
            lambda x: total_nll(logits, targets, mpmath.exp(x)), mpmath.log(exact), 2
        )
        nll = total_nll(logits, targets, exact) / len(logits)
    assert fit.temperature == pytest.approx(float(exact), rel=1e-13)
    assert fit.nll == pytest.approx(float(nll), rel=1e-13)
    assert fit.standard_error == pytest.approx(float(exact / mpmath.sqrt(information)), rel=1e-6)


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    scale=st.sampled_from([1e-300, 1e-150, 1e-20, 1e-3, 1.0, 300.0, 1e9, 1e150, 1e306]),
)
def test_scipy_finds_no_better_one_from_any_scale(seed: int, scale: float) -> None:
    """Newton's method may not diverge, nor overflow, wherever T = 1 lies."""
    logits, targets = drawn(seed, n=40, classes=3)
    fit = ts.fit_temperature(logits * scale, targets)

    def nll(log_t: float) -> float:
        return float(ts.cross_entropy(logits, targets, math.exp(log_t)).mean())

    if fit.limit:
        assert nll(math.log(1e4)) >= fit.nll - 1e-9 or nll(math.log(1e-4)) >= fit.nll - 1e-9
        return
    best = optimize.minimize_scalar(nll, bounds=(-7, 12), options={"xatol": 1e-9})
    assert fit.nll <= best.fun + 1e-13
    assert fit.nll == pytest.approx(nll(math.log(fit.temperature / scale)), rel=1e-12)
    assert fit.iterations < 20


@pytest.mark.parametrize("huge", [1e30, 1e200, 1e308])
def test_one_outlier_of_the_range_of_floats_hides_nothing(huge: float) -> None:
    """Its own target is certain: the others decide."""
    logits, targets = drawn(3)
    want = ts.fit_temperature(logits, targets).temperature
    outlier = np.array([[huge, -huge, 0, 0, 0]])
    fit = ts.fit_temperature(np.vstack([logits, outlier]), np.append(targets, 0))
    assert fit.temperature == pytest.approx(want, rel=1e-12)


def test_the_temperature_that_drew_the_targets_is_within_the_interval_as_often_as_stated() -> None:
    hits = 0
    for seed in range(300):
        truth = 0.3 * 1.01**seed
        logits, targets = drawn(seed, n=150, temperature=truth)
        low, high = ts.fit_temperature(logits, targets).interval
        hits += low <= truth <= high
    assert stats.binomtest(hits, 300, 0.95).pvalue > 0.01
    # The test can fail: an interval of 1.5 standard errors would be found out.
    assert stats.binomtest(round(300 * 0.866), 300, 0.95).pvalue < 1e-6


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000))
def test_the_order_of_rows_and_of_classes_and_the_unit_do_not_matter(seed: int) -> None:
    logits, targets = drawn(seed)
    draw = np.random.default_rng(seed)
    some, classes = draw.permutation(len(logits)), draw.permutation(logits.shape[1])
    want = ts.fit_temperature(logits, targets)
    moved = ts.fit_temperature(logits[some][:, classes], np.argsort(classes)[targets[some]])
    assert moved.temperature == pytest.approx(want.temperature, rel=1e-12)
    assert moved.standard_error == pytest.approx(want.standard_error, rel=1e-6)
    scaled = ts.fit_temperature(3.7 * logits + 11, targets)
    assert scaled.temperature == pytest.approx(3.7 * want.temperature, rel=1e-12)


@pytest.mark.parametrize("kernel", [one.name for one in kernels.available() if one.runs])
@pytest.mark.parametrize(("dtype", "moved"), [(np.float32, 1e-8), (np.float64, 1e-13)])
def test_the_kernel_moves_a_fit_by_no_more_than_documented(
    kernel: str, dtype: type, moved: float
) -> None:
    logits, targets = drawn(6, n=1000, classes=70)
    narrow = logits.astype(dtype)
    with kernels.use("reference"):
        want = ts.fit_temperature(narrow.astype(np.float64), targets).temperature
    with kernels.use(kernel):
        got = ts.fit_temperature(narrow, targets).temperature
    assert got == pytest.approx(want, rel=moved)


@pytest.mark.parametrize("block", [5, 64, 333, 1 << 18])  # logits, of 8 bytes each
def test_blocks_and_threads_do_not_show(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    logits, targets = drawn(5, n=1000)
    weights = np.random.default_rng(5).random(1000)
    want = ts.fit_temperature(logits, targets, sample_weight=weights)
    scores = ts.reliability(logits, targets, sample_weight=weights, bootstrap=50, rng=2)
    monkeypatch.setattr(rows, "BLOCK", 8 * block)
    monkeypatch.setattr(rows, "CHUNK", 3 * block)
    for threads in (1, 3):
        with kernels.use(threads=threads):
            fit = ts.fit_temperature(logits, targets, sample_weight=weights)
            assert fit.temperature == pytest.approx(want.temperature, rel=1e-13)
            again = ts.reliability(logits, targets, sample_weight=weights, bootstrap=50, rng=2)
        for name in ("ece", "mce", "classwise_ece", "brier", "nll", "accuracy"):
            assert getattr(again, name) == pytest.approx(getattr(scores, name), rel=1e-12)
        for name, interval in again.intervals.items():
            assert interval == pytest.approx(scores.intervals[name], rel=1e-12, abs=1e-15)


def test_weights_are_repeated_rows() -> None:
    logits, targets = drawn(6)
    weights = np.random.default_rng(6).integers(0, 4, len(logits))
    targets_or_none = np.where(weights > 0, targets, 99)
    logits_or_nan = np.where(weights[:, None] > 0, logits, NAN)
    weighted = ts.fit_temperature(logits_or_nan, targets_or_none, sample_weight=weights)
    repeated = ts.fit_temperature(np.repeat(logits, weights, 0), np.repeat(targets, weights))
    for name in ("temperature", "standard_error", "nll", "nll_before"):
        assert getattr(weighted, name) == pytest.approx(getattr(repeated, name), rel=1e-12)
    assert weighted.n == np.count_nonzero(weights)
    scores = ts.reliability(logits_or_nan, targets_or_none, sample_weight=weights)
    same = ts.reliability(np.repeat(logits, weights, 0), np.repeat(targets, weights))
    for name in ("ece", "mce", "classwise_ece", "brier", "nll", "accuracy"):
        assert getattr(scores, name) == pytest.approx(getattr(same, name), rel=1e-12)
    assert scores.bins.weight.tolist() == same.bins.count.tolist()


def test_classes_of_minus_infinity_are_no_classes() -> None:
    logits, targets = drawn(7)
    wide = np.full((len(logits), 9), -INF)
    wide[:, 2:7] = logits
    want, fit = ts.fit_temperature(logits, targets), ts.fit_temperature(wide, targets + 2)
    assert fit.temperature == pytest.approx(want.temperature, rel=1e-12)
    assert fit.nll == pytest.approx(want.nll, rel=1e-12)


def test_rows_that_say_nothing_change_nothing_but_the_mean() -> None:
    logits, targets = drawn(8)
    constant = np.full((3, 5), 7.0)
    constant[0, 1:] = -INF
    fit = ts.fit_temperature(np.vstack([logits, constant]), np.append(targets, [0, 1, 2]))
    want = ts.fit_temperature(logits, targets)
    assert fit.temperature == pytest.approx(want.temperature, rel=1e-12)
    assert fit.nll * 203 == pytest.approx(want.nll * 200 + 2 * math.log(5), rel=1e-12)


def test_soft_targets_are_the_mean_of_hard_ones() -> None:
    logits, targets = drawn(9)
    one_hot = np.eye(5)[targets]
    want = ts.fit_temperature(logits, targets)
    for given_as in (one_hot, one_hot.astype(int), one_hot.astype(bool)):
        fit = ts.fit_temperature(logits, given_as)
        assert fit.temperature == pytest.approx(want.temperature, rel=1e-12)
    teacher = ts.softmax(logits, 2.5)
    assert ts.fit_temperature(logits, teacher).temperature == pytest.approx(2.5, rel=1e-9)
    each = np.tile(np.arange(5), len(logits))
    repeated = ts.fit_temperature(np.repeat(logits, 5, axis=0), each, sample_weight=teacher.ravel())
    assert repeated.temperature == pytest.approx(2.5, rel=1e-9)
    scores = ts.reliability(logits, teacher)
    same = ts.reliability(np.repeat(logits, 5, axis=0), each, sample_weight=teacher.ravel())
    for name in ("ece", "mce", "classwise_ece", "brier", "nll", "accuracy"):
        assert getattr(scores, name) == pytest.approx(getattr(same, name), rel=1e-10)


@pytest.mark.parametrize(
    ("logits", "targets", "limit", "nll"),
    [
        ([[2.0, 0.0], [1.0, 3.0]], [0, 1], "zero", 0.0),
        ([[2.0, 2.0, 0.0], [1.0, 3.0, 0.0]], [1, 1], "zero", math.log(2) / 2),
        ([[2.0, 2.0, 0.0], [5.0, 5.0, 5.0]], [1, 2], "zero", math.log(6) / 2),
        ([[1e308, -1e308]], [0], "zero", 0.0),
        ([[1e-300, 0.0]], [0], "zero", 0.0),
        ([[2.0, 0.0], [1.0, 3.0]], [1, 0], "infinity", math.log(2)),
        ([[1.0, 0.0], [1.0, 0.0]], [0, 1], "infinity", math.log(2)),
        ([[1.0, 0.0, 0.0]] * 3, [0, 1, 2], "infinity", math.log(3)),
        ([[0.1, 0.7, -INF, 0.4]] * 3, [0, 1, 3], "infinity", math.log(3)),
        ([[1e308, -1e308]], [1], "infinity", math.log(2)),
        ([[1e-300, 0.0]], [1], "infinity", math.log(2)),
    ],
)
def test_an_optimum_at_an_end_is_said_to_be_there(
    logits: list[list[float]], targets: list[int], limit: str, nll: float
) -> None:
    fit = ts.fit_temperature(logits, targets)
    assert (fit.limit, fit.temperature) == (limit, {"zero": 0.0, "infinity": INF}[limit])
    assert fit.nll == pytest.approx(nll, abs=1e-15)
    assert math.isnan(fit.standard_error)
    assert all(math.isnan(end) for end in fit.interval)
    assert fit.reason
    assert fit.reason in str(fit)


def test_a_hair_beside_an_end_is_inside() -> None:
    """One row in 10,000 that is wrong, or right, makes the optimum finite."""
    logits = np.tile([1.0, 0.0], (10_000, 1))
    for targets, low, high in (
        (np.arange(10_000) == 0, 0.1, 0.12),
        (np.arange(10_000) < 4999, 2400, 2600),
    ):
        fit = ts.fit_temperature(logits, targets.astype(int))
        p = targets.mean()
        assert fit.limit is None
        assert low < fit.temperature < high
        assert fit.temperature == pytest.approx(1 / math.log((1 - p) / p), rel=1e-9)


def test_one_row_that_is_wrong_by_an_ulp_does_not_determine_the_temperature() -> None:
    logits = np.tile(np.float32([8.0, 0.0, 0.0]), (201, 1))
    logits[200] = [8.0, np.nextafter(np.float32(8), np.float32(9)), 0.0]
    targets = np.zeros(201, int)
    fit = ts.fit_temperature(logits, targets)
    assert fit.limit is None
    assert fit.interval == (0.0, INF)
    assert fit.reason == (
        "the data do not determine T: only 1 of 201 targets is below their row's largest logit"
    )
    assert fit.reason in str(fit)
    with mpmath.workdps(60):
        best = total_nll(logits, targets, fit.temperature)
        for other in (0.9, 1.1):
            assert best < total_nll(logits, targets, other * fit.temperature)
    curve = ts.calibration_curve(logits, targets)
    assert curve.temperatures[24] == pytest.approx(fit.temperature, rel=1e-12)
    assert np.isfinite(curve.nll).all()


@pytest.mark.parametrize("weight", [5e-324, 1e-300, 1e-12, 1e150, 1e300, 1.7e308])
def test_the_unit_of_the_weights_does_not_matter_to_the_temperature(weight: float) -> None:
    logits, targets = drawn(16)
    want = ts.fit_temperature(logits, targets)
    weights = np.full(len(logits), weight)
    fit = ts.fit_temperature(logits, targets, sample_weight=weights)
    assert fit.temperature == pytest.approx(want.temperature, rel=1e-12)
    assert (fit.nll, fit.nll_before) == pytest.approx((want.nll, want.nll_before), rel=1e-12)
    if weight < 1:
        assert fit.interval == (0.0, INF)
        assert "the weights of 200 rows count as " in fit.reason
    else:
        assert fit.standard_error < 1e-6 * want.standard_error
    scores = ts.reliability(logits, targets, sample_weight=weights)
    plain = ts.reliability(logits, targets)
    for name in ("ece", "mce", "classwise_ece", "brier", "nll", "accuracy", "p_value"):
        assert getattr(scores, name) == pytest.approx(getattr(plain, name), rel=1e-12)
    curve = ts.calibration_curve(logits, targets, [1.0], sample_weight=weights)
    assert (curve.nll[0], curve.ece[0]) == pytest.approx((plain.nll, plain.ece), rel=1e-12)


def test_weights_of_all_sizes_together_are_those_of_the_large_ones() -> None:
    logits, targets = drawn(17)
    large = np.arange(200) % 2 == 0
    weights = np.where(large, 1e308, 1.0)
    fit = ts.fit_temperature(logits, targets, sample_weight=weights)
    want = ts.fit_temperature(logits[large], targets[large])
    assert fit.temperature == pytest.approx(want.temperature, rel=1e-12)
    batches = one_shot([(logits, targets, weights)])
    with pytest.raises(ValueError, match=r"sample_weight must have a sum .* by their mean"):
        ts.reliability(batches)


def test_newton_s_method_does_not_creep_along_an_exponential() -> None:
    """All but certain rows with a weight of 1e300, one wrong row with a weight of 1."""
    logits = np.tile([0.01, 0.0], (10, 1))
    targets = np.array([0] * 9 + [1])
    fit = ts.fit_temperature(logits, targets, sample_weight=[1e300] * 9 + [1])
    assert fit.temperature == pytest.approx(0.01 / math.log(9e300), rel=1e-9)
    assert fit.iterations < 50


def test_random_targets_do_not_determine_the_temperature() -> None:
    said = 0
    for seed in range(20):
        logits, _ = drawn(seed, n=500)
        targets = np.random.default_rng(seed + 1000).integers(0, 5, 500)
        fit = ts.fit_temperature(logits, targets)
        if fit.limit == "infinity" or "as if these were random" in fit.reason:
            assert "check that the targets are in the order of the rows" in fit.reason
            said += 1
    assert said >= 18
    halves = ts.fit_temperature(logits, targets, sample_weight=np.full(500, 0.5))
    assert "weights" not in halves.reason
    assert ts.fit_temperature(*drawn(0, n=500)).reason == ""


# Rows that are held out.


def test_a_fit_is_judged_by_rows_that_it_has_not_seen() -> None:
    logits, targets = drawn(30, n=2000)
    found = ts.evaluate_fit(logits, targets, holdout=0.3, rng=5)
    assert found.fit.n + found.after.n == 2000
    assert found.before.n == found.after.n
    assert 500 < found.after.n < 700
    # Which rows they are is known from a run with the row's number as its logit.
    held = held_out(2000, holdout=0.3, rng=5)
    assert found.after.n == held.sum()
    want = ts.fit_temperature(logits[~held], targets[~held])
    assert found.fit.temperature == pytest.approx(want.temperature, rel=1e-12)
    after = ts.reliability(logits[held], targets[held], want.temperature)
    assert (found.after.ece, found.after.nll) == pytest.approx((after.ece, after.nll), rel=1e-10)
    before = ts.reliability(logits[held], targets[held])
    assert (found.before.ece, found.before.nll) == pytest.approx((before.ece, before.nll))
    assert found.curve is None
    curve = ts.evaluate_fit(logits, targets, holdout=0.3, rng=5, curve=True).curve
    assert curve is not None
    assert curve.nll[24] == pytest.approx(after.nll, rel=1e-10)
    assert "over 5" in str(found)
    assert "rows that were held out" in str(found)


def held_out(n: int, **options: Any) -> np.ndarray:
    """Which rows are held out, found by the accuracy of one row at a time."""
    logits = np.tile([0.1, 0.0], (n, 1))
    weights = np.exp2(np.arange(n) % 50)
    found = np.zeros(n, bool)
    # A bin's weight of 50 rows at a time says which of them are in it, as a binary number.
    for first in range(0, n, 50):
        here = np.zeros(n)
        here[first : first + 50] = weights[first : first + 50]
        # Every row must count, if but a little, or a part might be empty.
        result = ts.evaluate_fit(
            logits,
            np.arange(n) // 7 % 2,
            sample_weight=np.where(here > 0, here, 2.0**-20),
            **options,
        )
        total = int(result.after.bins.weight.sum())
        found[first : first + 50] = [total >> bit & 1 for bit in range(min(50, n - first))]
    return found


def test_folds_judge_every_row_by_a_fit_that_left_it_out() -> None:
    logits, targets = drawn(31, n=600)
    found = ts.evaluate_fit(logits, targets, folds=3, bootstrap=50)
    assert found.after.n == found.before.n == found.fit.n == 600
    want = ts.fit_temperature(logits, targets)
    assert found.fit.temperature == pytest.approx(want.temperature, rel=1e-12)
    assert len(found.fold_temperatures) == 3
    assert len(set(found.fold_temperatures)) == 3
    plain = ts.reliability(logits, targets)
    assert found.before.ece == pytest.approx(plain.ece, rel=1e-10)
    assert found.before.p_value == pytest.approx(plain.p_value, abs=0.02)
    # Judged by rows that were not seen, a fit looks no better than by those that were.
    assert found.after.nll > want.nll
    low, high = found.after.intervals["nll"]
    assert low < found.after.nll < high
    assert "in 3 folds" in str(found)
    mass = ts.evaluate_fit(logits, targets, folds=3, strategy="mass", bins=5)
    assert np.abs(mass.after.bins.count - 120).max() <= 8


def test_the_parts_depend_on_the_seed_and_the_place_of_a_row_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    logits, targets = drawn(32, n=1000)
    want = ts.evaluate_fit(logits, targets, rng=3)
    assert ts.evaluate_fit(logits, targets, rng=4).after.nll != want.after.nll
    batches = [(logits[:333], targets[:333]), (logits[333:], targets[333:])]
    monkeypatch.setattr(rows, "BLOCK", 8 * 5 * 17)
    for source in ([logits, targets], [batches], [one_shot(batches)], [lambda: one_shot(batches)]):
        got = ts.evaluate_fit(*source, rng=3)
        assert got.fit.n == want.fit.n
        assert got.fit.temperature == pytest.approx(want.fit.temperature, rel=1e-12)
        assert got.after.nll == pytest.approx(want.after.nll, rel=1e-12)


def test_parts_may_have_weights_of_any_size() -> None:
    logits, targets = drawn(34, n=400)
    held = held_out(400, holdout=0.5)
    for of_held, of_fitted in ((1e308, 1e-300), (1e308, 1e308), (1e-300, 1.0), (1.0, 1e300)):
        weights = np.where(held, of_held, of_fitted)
        found = ts.evaluate_fit(logits, targets, sample_weight=weights)
        want = ts.evaluate_fit(logits, targets)
        assert found.fit.temperature == pytest.approx(want.fit.temperature, rel=1e-12)
        assert found.after.nll == pytest.approx(want.after.nll, rel=1e-12)
        assert found.after.ece == pytest.approx(want.after.ece, rel=1e-12)
    with pytest.raises(ValueError, match="one part counts as nothing beside another"):
        ts.evaluate_fit(logits, targets, sample_weight=np.where(held, 1e-300, 1e308))
    heavy = np.where(held_out(400, folds=2), 1e308, 1e-300)
    found = ts.evaluate_fit(logits, targets, folds=2, sample_weight=heavy)
    some = heavy > 1
    want = ts.reliability(logits[some], targets[some])
    assert found.before.nll == pytest.approx(want.nll, rel=1e-12)
    assert found.before.ece == pytest.approx(want.ece, rel=1e-12)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"holdout": 0}, "holdout must be > 0 and < 1, got 0"),
        ({"holdout": 1.0}, "holdout must be > 0 and < 1, got 1.0"),
        ({"holdout": NAN}, "holdout must be > 0 and < 1, got nan"),
        ({"folds": 1}, "folds must be >= 2, got 1"),
        ({"folds": 0}, "folds must be >= 2, got 0"),
        ({"folds": 50}, "logits must have rows in each part, got none in one of them, of 9"),
    ],
)
def test_errors_of_parts(options: dict[str, Any], words: str) -> None:
    with pytest.raises(TypeError, match="holdout must be a number > 0 and < 1, got 'half'"):
        ts.evaluate_fit(*drawn(33, n=9), holdout="half")
    with pytest.raises(ValueError, match=words):
        ts.evaluate_fit(*drawn(33, n=9), **options)


# Where rows come from.


def one_shot(batches: list[Any]) -> Iterator[Any]:
    yield from batches


def test_all_that_holds_the_same_rows_gives_the_same(tmp_path: Path) -> None:
    torch, jnp = pytest.importorskip("torch"), pytest.importorskip("jax.numpy")
    logits, targets = drawn(10)
    logits = logits.astype(np.float32)
    want = ts.fit_temperature(logits, targets).temperature
    np.save(tmp_path / "logits.npy", logits)
    cuts = [0, 7, 90, 90, 200]
    batches = [(logits[a:b], targets[a:b]) for a, b in itertools.pairwise(cuts)]
    weighted = [(z, y, np.ones(len(y))) for z, y in batches]
    cases: list[tuple[Any, ...]] = [
        (np.load(tmp_path / "logits.npy", mmap_mode="r"), targets),
        (logits.tolist(), targets.tolist()),
        (logits.astype(">f8"), targets.astype(np.uint8)),
        (torch.tensor(logits, requires_grad=True), torch.tensor(targets)),
        (jnp.asarray(logits), jnp.asarray(targets)),
        (logits, targets.astype(float)),
        (batches,),
        (weighted,),
        (lambda: one_shot(batches),),
        (one_shot(batches),),
        (one_shot(weighted),),
        ([(torch.tensor(z), torch.tensor(y)) for z, y in batches],),
        (one_shot([(torch.tensor(z), torch.tensor(y)) for z, y in batches]),),
    ]
    for case in cases:
        assert ts.fit_temperature(*case).temperature == pytest.approx(want, rel=1e-12)
    for axis, shape in ((0, (2, 0, 1)), (1, (0, 2, 1)), (-1, (0, 1, 2))):
        cube = logits.reshape(20, 10, 5).transpose(shape)
        fit = ts.fit_temperature(cube, targets.reshape(20, 10), axis=axis)
        assert fit.temperature == pytest.approx(want, rel=1e-12)
        soft = np.eye(5)[targets].reshape(20, 10, 5).transpose(shape)
        fit = ts.fit_temperature(cube, soft, axis=axis)
        assert fit.temperature == pytest.approx(want, rel=1e-12)


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_narrow_floats_are_taken_as_they_are(name: str) -> None:
    torch = pytest.importorskip("torch")
    logits, targets = drawn(11)
    narrow = torch.tensor(logits, dtype=getattr(torch, name))
    want = ts.fit_temperature(narrow.double().numpy(), targets).temperature
    assert ts.fit_temperature(narrow, targets).temperature == pytest.approx(want, rel=1e-12)


def test_an_iterator_is_kept_on_disk_and_only_where_it_is_passed_over_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = []
    make = tempfile.TemporaryFile
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda: files.append(1) or make())
    logits, targets = drawn(12)
    want = ts.reliability(logits, targets)
    batches = [(logits[:50], targets[:50]), (logits[50:], targets[50:])]
    assert ts.reliability(one_shot(batches)).ece == pytest.approx(want.ece, rel=1e-12)
    assert ts.calibration_curve(one_shot(batches), temperatures=[1.0]).n == 200
    assert not files
    ts.fit_temperature(one_shot(batches))
    ts.reliability(one_shot(batches), strategy="mass")
    ts.calibration_curve(one_shot(batches))
    assert len(files) == 3


def test_no_more_than_blocks_are_in_memory(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    path = tmp_path / "logits.npy"
    np.save(path, draw.standard_normal((800_000, 50), np.float32))
    logits = np.load(path, mmap_mode="r")
    targets = draw.integers(0, 50, len(logits))
    with kernels.use("reference", threads=2):
        tracemalloc.start()
        ts.fit_temperature(logits, targets)
        ts.reliability(logits, targets)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    # Two threads with a few float64 arrays of a block each, whatever the size of the file.
    assert logits.nbytes == 160_000_000
    assert peak < 100_000_000


def test_progress_is_told() -> None:
    logits, targets = drawn(13)
    told: list[tuple[int, int | None, int]] = []
    fit = ts.fit_temperature(logits, targets, progress=lambda *where: told.append(where))
    assert told == [(200, 200, number) for number in range(1, fit.iterations + 1)]
    told.clear()
    batches = [(logits[:50], targets[:50]), (logits[50:], targets[50:])]
    ts.fit_temperature(batches, progress=lambda *where: told.append(where))
    assert told[:4] == [(50, None, 1), (200, None, 1), (50, 200, 2), (200, 200, 2)]


def test_batches_that_are_not_the_same_in_each_pass_are_an_error() -> None:
    logits, targets = drawn(34)
    sizes = iter([200, 150])
    words = "the same batches in each pass, got 200 rows in the first and 150 in pass 2"
    with pytest.raises(ValueError, match=words):
        ts.fit_temperature(lambda: [(logits[: (n := next(sizes))], targets[:n])])
    once = one_shot([(logits, targets)])
    with pytest.raises(ValueError, match="and 0 in pass 2: a callable must make a new iterator"):
        ts.fit_temperature(lambda: once)
    with pytest.raises(ValueError, match="got none: an iterator that was used before is empty"):
        ts.fit_temperature(once)


class Data:
    """The least that a data set has: rows in blocks of odd sizes."""

    def __init__(self, rows: np.ndarray) -> None:
        self.rows, self.shape, self.dtype = rows, rows.shape, rows.dtype

    def blocks(self, start: int, stop: int) -> Iterator[np.ndarray]:
        for first in range(start, stop, 13):
            yield self.rows[first : min(first + 13, stop)]


def test_a_data_set_is_taken_block_by_block() -> None:
    logits, targets = drawn(35)
    weights = np.random.default_rng(35).random(200)
    data = Data(logits.astype(np.float32))
    for function in (ts.fit_temperature, ts.reliability, ts.calibration_curve, ts.evaluate_fit):
        want = function(data.rows, targets, sample_weight=weights)
        got = function(data, targets, sample_weight=weights)
        for name in ("temperature", "ece", "nll"):
            if hasattr(want, name):
                assert getattr(got, name) == pytest.approx(getattr(want, name), rel=1e-12)
    assert ts.sweep(data).n == 200
    np.testing.assert_allclose(ts.sweep(data).entropy, ts.sweep(data.rows).entropy)
    assert ts.sweep(data, targets).curve is not None
    with pytest.raises(TypeError, match="targets must be given with an array of logits"):
        ts.fit_temperature(data)
    with pytest.raises(ValueError, match="axis must be -1 for a data set, got 0"):
        ts.fit_temperature(data, targets, axis=0)
    data.shape = (201, 5)
    with pytest.raises(ValueError, match=r"logits must have 201 rows, .* got blocks of 200"):
        ts.fit_temperature(data, [*targets, 0])


# Targets as people have them.

CASES = Path(__file__).parent / "data" / "cases"


def case(name: str) -> np.ndarray:
    return np.load(CASES / f"{name}.npy")


@pytest.mark.parametrize(
    ("logits", "targets", "want"),
    [
        ("logits", "targets_ignore", (1.169222, 0.584384, 6, 2)),
        ("logits", "targets_column", (1.020401, 0.465991, 8, 0)),
        ("token_logits", "token_targets", (1.084296, 0.517876, 14, 2)),
        ("binary", "binary_targets", (0.619927, 0.296585, 8, 0)),
    ],
)
def test_cases_have_their_right_answers(
    logits: str, targets: str, want: tuple[float, float, int, int]
) -> None:
    temperature, nll, n, ignored = want
    z, y = case(logits), case(targets)
    fit = ts.fit_temperature(z, y)
    assert (round(fit.temperature, 6), round(fit.nll, 6)) == (temperature, nll)
    assert (fit.n, fit.n_ignored) == (n, ignored)
    result = ts.reliability(z, y, fit.temperature)
    assert (result.n, result.n_ignored) == (n, ignored)
    assert result.nll == pytest.approx(fit.nll, rel=1e-12)
    curve = ts.calibration_curve(z, y)
    assert (curve.n, curve.n_ignored) == (n, ignored)
    assert curve.nll[24] == pytest.approx(fit.nll, rel=1e-12)
    swept = ts.sweep(z, y, [fit.temperature])
    assert swept.curve is not None
    assert (swept.n, swept.curve.nll[0]) == (n, pytest.approx(fit.nll, rel=1e-12))
    if ignored:
        assert f"{ignored} without a target left out" in str(fit)
        assert f"{ignored} without a target left out" in str(result)


def test_targets_that_are_ignored_and_weights_together() -> None:
    fit = ts.fit_temperature(case("logits"), case("targets_ignore"), sample_weight=case("weights"))
    known = case("targets_ignore") != -100
    want = ts.fit_temperature(
        case("logits")[known], case("targets_ignore")[known], sample_weight=case("weights")[known]
    )
    assert fit.temperature == pytest.approx(want.temperature, rel=1e-12)
    assert fit.nll == pytest.approx(want.nll, rel=1e-12)


def test_another_number_can_say_that_there_is_no_target() -> None:
    logits, targets = drawn(36)
    some = np.where(np.arange(200) % 3 == 0, -1, targets)
    want = ts.fit_temperature(logits[some >= 0], some[some >= 0])
    # What the rows without a target hold does not matter.
    holes = np.where((some == -1)[:, None], NAN, logits)
    fit = ts.fit_temperature(holes, some, ignore_index=-1)
    assert fit.temperature == pytest.approx(want.temperature, rel=1e-12)
    assert fit.n_ignored == 67
    with pytest.raises(ValueError, match=r"targets must be in \[0, 5\), got -1 in row 0"):
        ts.fit_temperature(logits, some)
    with pytest.raises(ValueError, match=r"targets must be in \[0, 5\), got -100 in row 7"):
        ts.fit_temperature(logits, np.where(np.arange(200) == 7, -100, targets), ignore_index=None)
    with pytest.raises(ValueError, match="targets must have a class for some row, got -100"):
        ts.fit_temperature(logits, np.full(200, -100))


def test_one_logit_a_row_is_that_of_class_1_beside_0() -> None:
    z, y = case("binary"), case("binary_targets")
    both = np.stack([np.zeros_like(z), z], axis=1)
    want, scores = ts.fit_temperature(both, y), ts.reliability(both, y)
    cases = [
        (z, y),
        (z[:, None], y),
        (z[:, None], y[:, None]),
        (z, y[:, None]),
        (z.tolist(), y.tolist()),
        ([(z[:3], y[:3]), (z[3:], y[3:])],),
        (Data(z[:, None]), y),
    ]
    for given_as in cases:
        assert ts.fit_temperature(*given_as).temperature == pytest.approx(
            want.temperature, rel=1e-12
        )
        assert ts.reliability(*given_as).ece == pytest.approx(scores.ece, rel=1e-12)
        swept = ts.sweep(*given_as)
        assert swept.entropy == pytest.approx(ts.sweep(both, y).entropy, rel=1e-12)
    fit = ts.fit_temperature(z[None], y, axis=0)
    assert fit.temperature == pytest.approx(want.temperature, rel=1e-12)
    weights = np.arange(len(z)) % 2
    fit = ts.fit_temperature(z, y, sample_weight=weights)
    assert fit.n == np.count_nonzero(weights)
    with pytest.raises(ValueError, match=r"targets must be in \[0, 2\), got 2 in row 3"):
        ts.fit_temperature(z, np.where(np.arange(len(z)) == 3, 2, y))


def test_probabilities_are_warned_of_with_the_remedy() -> None:
    logits, targets = drawn(37)
    p = ts.softmax(logits)
    for function in (ts.fit_temperature, ts.reliability, ts.calibration_curve, ts.sweep):
        with pytest.warns(ProbabilitiesWarning, match=r"give their logarithm: np.log\(p\)") as told:
            function(p, targets)
        assert len(told) == 1
        assert told[0].filename == __file__
    with pytest.warns(ProbabilitiesWarning):
        ts.sweep([(p, None)])
    fit = ts.fit_temperature(np.log(p), targets)
    assert fit.temperature == pytest.approx(ts.fit_temperature(logits, targets).temperature)
    # One-hot rows may as well be logits.
    ts.fit_temperature(np.eye(5)[targets], (targets + (np.arange(200) % 9 == 0)) % 5)


def test_logits_and_targets_that_are_swapped_are_told() -> None:
    logits, targets = drawn(38)
    for function in (ts.fit_temperature, ts.reliability, ts.calibration_curve, ts.evaluate_fit):
        with pytest.raises(ValueError, match=r"got shape \(200, 5\): are logits and targets swap"):
            function(targets, logits)
        with pytest.raises(ValueError, match=r"got shape \(200, 5\): are logits and targets swap"):
            function(targets[:, None], logits)
    with pytest.raises(ValueError, match=r"got -.* in row \d: are logits and targets swapped\?"):
        ts.fit_temperature(ts.softmax(logits), logits)


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


def test_results_are_compared_by_identity() -> None:
    one, other = (ts.reliability(*drawn(40)) for _ in range(2))
    assert one == one  # noqa: PLR0124
    assert one != other
    assert len({one, other, one.bins, other.bins}) == 4


# Reliability and the curve.


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.097648])
@pytest.mark.parametrize("bins", [1, 10, 15])
def test_ece_is_a_plain_loop_s(
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
def test_both_ends_have_a_reliability(temperature: float) -> None:
    result = ts.reliability([[1.0, 0.0], [0.0, 2.0]], [0, 0], temperature)
    assert result.accuracy == 0.5
    assert result.nll == (INF if temperature == 0 else pytest.approx(math.log(2)))
    assert result.ece == (0.5 if temperature == 0 else 0.0)


def test_bins_of_equal_mass_are_equal_and_rows_alike_stay_together() -> None:
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
    # Of ECE and MCE, no interval holds the true value often enough: benchmarks/coverage.py.
    assert set(result.intervals) == {"brier", "nll", "accuracy"}


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


# What a calibrated model would show.


def plain_redrawn(p: np.ndarray, draws: int, bins: int, seed: int) -> np.ndarray:
    """The ECE of targets that are drawn from the probabilities, row by row."""
    rng = np.random.default_rng(seed)
    confidence = p.max(axis=1)
    bin_of = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    right = rng.random((draws, len(p))) < confidence
    gaps = (confidence - right) @ np.eye(bins)[bin_of]
    return np.abs(gaps).sum(axis=1) / len(p)


@pytest.mark.parametrize(("n", "scale"), [(200, 1.0), (2000, 1.0), (2000, 3.0)])
def test_the_ece_of_a_calibrated_model_is_that_of_targets_drawn_row_by_row(
    n: int, scale: float
) -> None:
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


def test_weights_widen_what_a_calibrated_model_would_show() -> None:
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


def test_targets_that_are_probabilities_can_not_be_redrawn() -> None:
    logits, targets = drawn(22)
    soft = ts.reliability(logits, ts.softmax(logits, 2.0))
    assert math.isnan(soft.ece_if_calibrated)
    assert math.isnan(soft.ece_if_calibrated_upper)
    assert math.isnan(soft.p_value)
    assert "calibrated" not in str(soft)
    one_hot = ts.reliability(logits, np.eye(5)[targets])
    assert one_hot.p_value == ts.reliability(logits, targets).p_value
    assert "if calibrated" in str(one_hot)


def test_mce_says_how_many_rows_its_bin_has() -> None:
    logits, targets = drawn(23, n=400)
    result = ts.reliability(logits, targets)
    bins = result.bins
    gaps = np.nan_to_num(np.abs(bins.confidence - bins.accuracy))
    assert result.mce == gaps.max()
    assert result.mce_rows == bins.count[gaps.argmax()]


def test_the_intervals_of_bins_are_wilson_s() -> None:
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


def test_one_temperature_has_one_ece_everywhere() -> None:
    """Of float32 with many classes too, where the kernel computes in float32."""
    rng = np.random.default_rng(25)
    logits = rng.normal(0, 3, (3000, 100)).astype(np.float32)
    targets = ts.sample(logits, 1.7, rng=rng)
    result = ts.reliability(logits, targets, 1.3)
    curve = ts.calibration_curve(logits, targets, [1.3])
    swept = ts.sweep(logits, targets, [0.5, 1.3]).curve
    assert swept is not None
    assert (curve.ece[0], swept.ece[1]) == pytest.approx((result.ece, result.ece), rel=1e-13)
    assert curve.nll[0] == pytest.approx(result.nll, rel=1e-15)


# Errors.

Z = [[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        ((Z, [0, 3]), {}, ValueError, r"targets must be in \[0, 3\), got 3 in row 1"),
        ((Z, [0, -1]), {}, ValueError, r"targets must be in \[0, 3\), got -1 in row 1"),
        ((Z, [0]), {}, ValueError, r"targets must be classes of shape \(2,\) or .*\(1,\)"),
        ((Z, [0, 1, 2]), {}, ValueError, r"targets must be classes of shape .*got shape \(3,\)"),
        ((Z, ["a", "b"]), {}, TypeError, "targets must be classes, whole numbers, got <U1"),
        ((Z, [True, False]), {}, TypeError, "targets must be classes, whole numbers, got bool"),
        ((Z, [0, 0.5]), {}, ValueError, "targets must be whole numbers, got 0.5 in row 1"),
        ((Z, [0, NAN]), {}, ValueError, "targets must be whole numbers, got nan in row 1"),
        ((Z, [[1, 0, 0], [0.5, 0.4, 0]]), {}, ValueError, "sum to 1 in each row, got 0.9 in row 1"),
        (
            (Z, [[1, 0, 0], [1.5, -0.5, 0]]),
            {},
            ValueError,
            "targets must be >= 0, got -0.5 in row 1",
        ),
        ((Z, [[1, 0, 0], [1, NAN, 0]]), {}, ValueError, "targets must be >= 0, got nan in row 1"),
        ((Z, None), {}, ValueError, "logits must have an axis of classes, got one number"),
        ((np.array(Z), None), {}, TypeError, "targets must be given with an array of logits"),
        ((7, None), {}, TypeError, r"logits without targets must be batches of .*got int"),
        (([np.array(Z)], None), {}, TypeError, "a batch must be .*got ndarray as batch 0"),
        (([(Z, [0, 1])], None), {"sample_weight": [1, 1]}, TypeError, "sample_weight must be in"),
        (
            ([(Z, [0, 1]), ([[1.0]], [0])],),
            {},
            ValueError,
            "must have 3 classes in all batches, as in the first, got 1",
        ),
        (([(Z, [0, 1]), (Z, [0, 5])],), {}, ValueError, "got 5 in row 3"),
        (([],), {}, ValueError, "logits must have a row, got none"),
        ((np.empty((0, 3)), []), {}, ValueError, "logits must have a row, got none"),
        ((np.empty((2, 0)), [0, 0]), {}, ValueError, r"logits must have a class along axis -1"),
        ((["a"], [0]), {}, TypeError, "logits must be real numbers"),
        (([[1.0, NAN], [0, 1]], [0, 0]), {}, ValueError, "finite or -inf, got nan in row 0"),
        (([[1.0, 0], [0, INF]], [0, 0]), {}, ValueError, "finite or -inf, got inf in row 1"),
        (([[1.0, 0], [-INF, -INF]], [0, 0]), {}, ValueError, "an entry above -inf .* in row 1"),
        ((Z, [0, 1]), {"axis": 2}, ValueError, r"axis must be one of logits of shape \(2, 3\)"),
        ((Z, [0, 1]), {"sample_weight": [1, -1]}, ValueError, "sample_weight .* got -1.0 in row 1"),
        ((Z, [0, 1]), {"sample_weight": [1, NAN]}, ValueError, "sample_weight .* got nan in row 1"),
        ((Z, [0, 1]), {"sample_weight": [INF, 1]}, ValueError, "sample_weight .* got inf in row 0"),
        ((Z, [0, 1]), {"sample_weight": [0, 0]}, ValueError, "sample_weight must be > 0 for some"),
        ((Z, [0, 1]), {"sample_weight": [1]}, ValueError, r"sample_weight must have shape \(2,\)"),
        ((Z, [0, 1]), {"sample_weight": ["a", "b"]}, TypeError, "sample_weight must be real"),
    ],
)
def test_errors_name_the_argument_and_the_row(
    arguments: tuple[Any, ...], options: dict[str, Any], error: type[Exception], words: str
) -> None:
    functions: list[Callable[..., Any]] = [
        ts.fit_temperature,
        ts.reliability,
        ts.calibration_curve,
    ]
    for function in functions:
        with pytest.raises(error, match=words):
            function(*arguments, **options)


@pytest.mark.parametrize(
    ("logits", "targets", "words"),
    [
        ([[0.0, 1.0], [-INF, 1.0]], [0, 0], "classes with a logit above -inf, got -inf in row 1"),
        ([[0.0, 1.0], [-INF, 1.0]], [[1, 0], [0.1, 0.9]], "got -inf in row 1"),
        ([[1.0, 1.0], [2.0, 2.0]], [0, 1], "logits must have a row whose entries differ, got none"),
        ([[1.0, -INF]], [0], "logits must have a row whose entries differ, got none"),
    ],
)
def test_what_can_not_be_fitted(logits: object, targets: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ts.fit_temperature(logits, targets)


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


# Samples.


def test_the_digits_are_an_over_confident_classifier_s() -> None:
    logits, targets, names = ts.samples.digits()
    assert (logits.dtype, logits.shape, targets.dtype) == (np.float32, (1597, 10), np.int64)
    assert len(names) == 10
    assert set(targets.tolist()) == set(range(10))
    assert ts.fit_temperature(logits, targets).interval[0] > 1.5


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
def test_pages_of_a_map_are_given_back_and_nothing_is_lost(
    mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(0, 3, (500, 60))
    targets = ts.sample(z, 1.5, rng=rng)
    np.save(tmp_path / "z.npy", z)
    mapped = np.lib.format.open_memmap(tmp_path / "z.npy", mode)
    if mode != "r":
        mapped[7] += 1.0
    want = ts.fit_temperature(np.array(mapped), targets)
    monkeypatch.setattr("thermoscope.passes.rows.BLOCK", 60 * 20 * 8)
    monkeypatch.setattr("thermoscope.passes.local.MAPPED", 60 * 20)
    given_back = []
    monkeypatch.setattr(
        "thermoscope.passes.local._drop_pages",
        lambda array, drop=local._drop_pages: given_back.append(drop(array)),
    )
    found = ts.fit_temperature(mapped, targets)
    assert found.temperature == pytest.approx(want.temperature, rel=1e-12)
    np.testing.assert_array_equal(mapped[7], z[7] if mode == "r" else z[7] + 1.0)
    assert len(given_back) == 25 * found.iterations
