"""Fitted temperatures against exact arithmetic, SciPy and scikit-learn; weights, limits."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

import thermoscope as ts
from tests.test_passes import drawn, one_shot
from thermoscope import kernels

INF, NAN = math.inf, math.nan


def total_nll(logits: np.ndarray, targets: np.ndarray, temperature: float) -> mpmath.mpf:
    total = mpmath.mpf(0)
    for row, target in zip(logits.tolist(), targets.tolist(), strict=True):
        exp_z = [mpmath.exp(mpmath.mpf(z) / temperature) for z in row]
        total -= mpmath.log(exp_z[target] / mpmath.fsum(exp_z))
    return total


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
def test_the_fit_is_the_minimum_in_exact_arithmetic(seed: int) -> None:
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
def test_scipy_finds_no_lower_nll_at_any_scale_of_the_logits(seed: int, scale: float) -> None:
    """Newton's method must neither diverge nor overflow, however far from T = 1."""
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
    assert fit.iterations <= 12


@pytest.mark.parametrize("huge", [1e30, 1e200, 1e308])
def test_one_huge_logit_does_not_change_the_fit(huge: float) -> None:
    """The target of that row is certain, so the other rows decide."""
    logits, targets = drawn(3)
    want = ts.fit_temperature(logits, targets).temperature
    outlier = np.array([[huge, -huge, 0, 0, 0]])
    fit = ts.fit_temperature(np.vstack([logits, outlier]), np.append(targets, 0))
    assert fit.temperature == pytest.approx(want, rel=1e-12)


def test_intervals_hold_the_true_temperature_as_often_as_stated() -> None:
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
def test_permuted_rows_and_classes_and_scaled_logits_give_the_same_fit(seed: int) -> None:
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


def test_a_weight_counts_as_repeated_rows() -> None:
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


def test_classes_of_minus_infinity_change_nothing() -> None:
    logits, targets = drawn(7)
    wide = np.full((len(logits), 9), -INF)
    wide[:, 2:7] = logits
    want, fit = ts.fit_temperature(logits, targets), ts.fit_temperature(wide, targets + 2)
    assert fit.temperature == pytest.approx(want.temperature, rel=1e-12)
    assert fit.nll == pytest.approx(want.nll, rel=1e-12)


def test_rows_of_equal_logits_change_only_the_mean_nll() -> None:
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
def test_an_optimum_at_0_or_infinity_is_reported_as_a_limit(
    logits: list[list[float]], targets: list[int], limit: str, nll: float
) -> None:
    fit = ts.fit_temperature(logits, targets)
    assert (fit.limit, fit.temperature) == (limit, {"zero": 0.0, "infinity": INF}[limit])
    assert fit.nll == pytest.approx(nll, abs=1e-15)
    assert math.isnan(fit.standard_error)
    assert all(math.isnan(end) for end in fit.interval)
    assert fit.reason
    assert fit.reason in str(fit)


def test_an_optimum_near_an_end_is_finite() -> None:
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
def test_scaled_weights_give_the_same_temperature(weight: float) -> None:
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


def test_weights_far_below_the_largest_change_nothing() -> None:
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


@pytest.mark.parametrize(
    ("logits", "targets", "words"),
    [
        ([[0.0, 1.0], [-INF, 1.0]], [0, 0], "classes with a logit above -inf, got -inf in row 1"),
        ([[0.0, 1.0], [-INF, 1.0]], [[1, 0], [0.1, 0.9]], "got -inf in row 1"),
        ([[1.0, 1.0], [2.0, 2.0]], [0, 1], "logits must have a row whose entries differ, got none"),
        ([[1.0, -INF]], [0], "logits must have a row whose entries differ, got none"),
    ],
)
def test_data_that_cannot_be_fitted_are_an_error(
    logits: object, targets: object, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        ts.fit_temperature(logits, targets)
