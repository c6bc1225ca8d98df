"""A fit is judged by rows that it has not seen: a part held out, or folds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import thermoscope as ts
from tests.test_passes import drawn, one_shot
from thermoscope.passes import rows

NAN = math.nan


def test_a_fit_is_judged_by_rows_that_it_has_not_seen() -> None:
    logits, targets = drawn(30, n=2000)
    found = ts.evaluate_fit(logits, targets, holdout=0.3, rng=5)
    assert found.fit.n + found.after.n == 2000
    assert found.before.n == found.after.n
    assert 500 < found.after.n < 700
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
    """Return which rows are held out, by the weight of the rows that are judged."""
    logits = np.tile([0.1, 0.0], (n, 1))
    weights = np.exp2(np.arange(n) % 50)
    found = np.zeros(n, bool)
    # With powers of two as weights, the sum for 50 rows at a time is a binary number of them.
    for first in range(0, n, 50):
        here = np.zeros(n)
        here[first : first + 50] = weights[first : first + 50]
        # Every row has some weight: otherwise a part could be empty.
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
    # A fit has a higher NLL on rows that it has not seen than on its own.
    assert found.after.nll > want.nll
    low, high = found.after.intervals["nll"]
    assert low < found.after.nll < high
    assert "in 3 folds" in str(found)
    mass = ts.evaluate_fit(logits, targets, folds=3, strategy="mass", bins=5)
    assert np.abs(mass.after.bins.count - 120).max() <= 8


def test_the_parts_depend_only_on_the_seed_and_the_row_number(
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
