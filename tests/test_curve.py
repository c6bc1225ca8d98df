"""Curves and sweeps are what reliability and the measures give at each temperature."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import thermoscope as ts
from tests.command_line import answer_of
from tests.test_passes import Z, drawn, one_shot
from thermoscope import Interval, Reported
from thermoscope.data.reading import parse_logits

INF = math.inf
T = [0.3, 0.5, 0.7, 1.0, 1.3, 2.0, 100.0]


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


def reported_text(
    logits: NDArray[np.float64], drawn: Sequence[int], count: int, vocabulary: int | None
) -> ts.Dataset:
    """What a server reports of rows at T = 1: the likeliest tokens of each, and the drawn one."""
    return parse_logits(
        answer_of(np.asarray(ts.log_softmax(logits)), drawn, count), vocabulary=vocabulary
    )


@pytest.mark.parametrize("count", [3, 20])
@pytest.mark.parametrize("vocabulary", [500, None])
def test_the_true_sweep_lies_within_that_of_what_is_reported(
    count: int, vocabulary: int | None
) -> None:
    rng = np.random.default_rng(count)
    logits = rng.normal(0, [[1.0], [2.0], [4.0], [6.0]], (4, 500))
    # The likeliest token, two others, and one that is not among the likeliest.
    ranks = np.argsort(-logits, axis=1)
    drawn_ = [int(ranks[row, place]) for row, place in enumerate([0, 1, 2, 100])]
    found = ts.sweep(reported_text(logits, drawn_, count, vocabulary), temperatures=T)
    truth = ts.sweep(logits, drawn_, T)
    assert found.curve is None
    assert (found.n, found.n_drawn) == (4, 4)
    for name, (low, high) in found.measures().items():
        value = truth.measures()[name]
        error = 1e-14 * np.abs(value)
        assert (low <= value + error).all(), name
        assert (value - error <= high).all(), name
        above = np.array(T) > 1 if name == "nll" else np.array(T) >= 1
        if name != "top_probability":
            assert (np.isinf(high) == (above & (vocabulary is None))).all(), name
    # At the temperature of the server, only the digits that it sent are not known.
    for low, high in (found.top_probability, found.nll):
        assert high[3] - low[3] < 1e-5


def test_the_ends_of_a_mean_are_those_of_the_rows() -> None:
    # Two rows of a tail of 0.4, one spread evenly and one heaped up: a tail for each end.
    head, size, cap = [0.4, 0.15, 0.05], 200, 0.05
    spread = np.log([*head, *np.full(size, 0.4 / size)])
    with np.errstate(divide="ignore"):
        heaped = np.log([*head, *np.full(8, cap), *np.zeros(size - 8)])
    reported = Reported(np.log(head), vocabulary=size + 3, drawn=1)
    found = ts.sweep(reported, temperatures=[1.5])
    ends = [ts.sweep(whole[None], [1], [1.5]) for whole in (heaped, spread)]
    for name, (low, high) in found.measures().items():
        values = np.ravel([end.measures()[name] for end in ends])
        np.testing.assert_allclose([low[0], high[0]], np.sort(values), rtol=1e-9)
    one = {name: np.array(ends) for name, ends in found.measures().items()}
    # Of two such rows, the mean has the same ends.
    text = ts.sweep(reported_text(np.stack([spread, spread]), [1, 1], 3, size + 3), None, [1.5])
    for name, both in text.measures().items():
        np.testing.assert_allclose(both, one[name], rtol=1e-5)


def test_a_sweep_of_one_reported_row_is_its_measures() -> None:
    reported = Reported(np.log([0.5, 0.2, 0.1]), vocabulary=100, drawn=2, applied_temperature=0.7)
    found = ts.sweep(reported, temperatures=T).measures()
    for at, t in enumerate(T):
        assert {name: (low[at], high[at]) for name, (low, high) in found.items()} == {
            "entropy": reported.entropy(t),
            "perplexity": reported.perplexity(t),
            "top_probability": reported.top_probability(t),
            "nll": reported.surprisal(t),
        }
    # Just below the temperature of the server, the perplexity of an unknown number of tokens is
    # beyond the range of doubles, but their entropy is not.
    found = ts.sweep(Reported(np.log([0.5, 0.2, 0.1])), temperatures=[0.9999])
    assert 700 < found.entropy.high[0] < INF
    assert found.perplexity.high[0] == INF
    with pytest.raises(ts.ArgumentError, match="drawn must be the drawn token, got -1"):
        Reported([-0.5]).surprisal()


def test_columns_of_a_reported_sweep_are_low_and_high() -> None:
    found = ts.sweep(Reported(np.log([0.5, 0.2]), vocabulary=100), temperatures=T)
    names = ["entropy", "perplexity", "top_probability"]
    assert list(found.measures()) == names
    ends = [f"{name}_{end}" for name in names for end in ("low", "high")]
    columns = found.columns()
    assert list(columns) == ["temperature", *ends]
    assert isinstance(found.entropy, Interval)
    assert columns["entropy_high"] is found.entropy.high
    assert all(values.shape == (len(T),) for values in columns.values())


def test_rows_that_cannot_be_read_or_have_no_drawn_token_are_left_out() -> None:
    good = {"token": "a", "logprob": -0.5, "top_logprobs": [{"token": "a", "logprob": -0.5}]}
    unknown = {"top_logprobs": [{"token": "b", "logprob": -1.5}]}
    rows = [good, {**good, "logprob": 3.0, "top_logprobs": []}, unknown]
    data = parse_logits(json.dumps({"logprobs": {"content": rows}}), vocabulary=10)
    assert [data.problem(row) is None for row in range(3)] == [True, False, True]
    assert data.drawn.tolist()[2] == -1
    told: list[tuple[int, int | None, int]] = []
    found = ts.sweep(data, None, T, progress=lambda *done: told.append(done))
    assert (found.n, found.n_drawn) == (2, 1)
    assert told[-1] == (3, 3, 1)
    first, last = (data.reported(row) for row in (0, 2))
    mean = (first.entropy(2.0).low + last.entropy(2.0).low) / 2
    assert found.entropy.low[5] == pytest.approx(mean, rel=1e-12)
    assert (found.nll.low[5], found.nll.high[5]) == first.surprisal(2.0)


@pytest.mark.parametrize("given", [{"targets": [0]}, {"sample_weight": [1.0]}])
def test_targets_and_weights_of_reported_rows_are_refused(given: dict[str, Any]) -> None:
    name = next(iter(given))
    with pytest.raises(ts.ArgumentError, match=f"{name} must be left out for a Reported"):
        ts.sweep(Reported([-0.5]), **given)


def test_a_data_set_of_one_row_is_swept() -> None:
    one = ts.Dataset.of([2.0, 1.0, 0.1])
    assert (
        ts.sweep(one, None, T).entropy.tolist()
        == ts.sweep(one.values[None], None, T).entropy.tolist()
    )
