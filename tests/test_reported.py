"""Reported distributions: no tail that fits gives a value outside, and some give both ends."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import thermoscope as ts
from tests.test_definition import doubles, vectors
from thermoscope import Interval, Reported
from thermoscope.data.errors import FileError

Array = NDArray[np.float64]

TEMPERATURES = (0.0, 1e-12, 0.01, 0.3, 0.5, 0.7, 0.999, 1.0, 1.001, 1.3, 2.0, 1e3, 1e12, math.inf)
TEMPERATURE = st.one_of(
    st.sampled_from(TEMPERATURES), st.floats(0.0, 10.0), st.floats(1e-300, 1e300)
)


def inside(value: float | Array, ends: Interval, rounding: float = 0.0) -> bool:
    # What softmax and entropy may be off by, and the sums here; subnormal numbers by their unit.
    error = (1e-15 + rounding) * np.abs(value) + 1e-322
    return bool(np.all((ends.low <= value + error) & (value - error <= ends.high)))


def rounding_of(logprobs: Array, t0: float, temperature: float) -> float:
    """How far a true probability may be off: the logits, which are products here, are rounded."""
    if temperature == 0 or t0 == 1:
        return 0.0
    return min(2.0**-52 * float(np.abs(logprobs).max()) * t0 / temperature, 1.0)


def at(logprobs: Array, a0: float, temperature: float) -> Array:
    """The true probabilities at a temperature."""
    return np.asarray(ts.softmax(logprobs * a0, temperature))


@st.composite
def whole_distributions(draw: st.DrawFn) -> tuple[Array, Array]:
    """Draw likely tokens, and a tail below them: spread, heaped, of ties, or of any kind."""
    size = draw(st.integers(1, 8))
    logits = np.array(draw(st.lists(st.floats(-8, 8), min_size=size, max_size=size)))
    if draw(st.booleans()):
        logits = np.round(logits / 4) * 4
    cap = logits.min()
    kind = draw(st.sampled_from(("none", "spread", "heaped", "ties", "mixed", "few")))
    count = draw(st.integers(1, 40))
    tail = {
        "none": np.empty(0),
        "spread": np.full(count, cap - draw(st.floats(0, 20))),
        "heaped": np.append(np.full(count, cap), cap - draw(st.floats(0, 20))),
        "ties": np.full(count, cap),
        "mixed": cap - np.array(draw(st.lists(st.floats(0, 30), min_size=count, max_size=count))),
        "few": np.append(np.full(1, cap - draw(st.floats(0, 3))), np.full(count, cap - 60.0)),
    }[kind]
    logprobs = np.asarray(ts.log_softmax(np.concatenate([logits, tail])))
    return logprobs[:size], logprobs[size:]


def check(reported: Reported, likely: Array, tail: Array, temperature: float) -> None:
    """No value of the whole distribution lies outside the interval of what is reported."""
    t0 = reported.applied_temperature
    every = np.concatenate([likely, tail])
    rounding = rounding_of(every, t0, temperature)
    p = at(every, t0, temperature)
    entropy = float(ts.entropy(every * t0, temperature))
    size = likely.size
    assert inside(p[:size], ts.softmax(reported, temperature), rounding)
    assert inside(entropy, ts.entropy(reported, temperature), rounding)
    assert inside(
        float(ts.perplexity(every * t0, temperature)),
        ts.perplexity(reported, temperature),
        rounding * max(1.0, entropy),
    )
    assert inside(float(p.max()), reported.top_probability(temperature), rounding)
    assert inside(math.fsum(p[size:].tolist()), reported.not_reported(temperature), rounding)
    assert (p[size:] <= reported.any_other(temperature) * (1 + 1e-15 + rounding) + 1e-322).all()
    kept = np.arange(size) % 2 == 0
    assert inside(
        math.fsum(p[:size][kept].tolist()), reported.kept_mass(kept, temperature), rounding
    )


@settings(max_examples=300)
@given(whole_distributions(), TEMPERATURE, st.sampled_from((1.0, 0.7, 2.0)))
def test_no_distribution_lies_outside(
    drawn: tuple[Array, Array], temperature: float, t0: float
) -> None:
    likely, tail = drawn
    for vocabulary in (likely.size + tail.size, likely.size + tail.size + 100, None):
        reported = Reported(likely, vocabulary=vocabulary, applied_temperature=t0)
        check(reported, likely, tail, temperature)


@pytest.mark.parametrize("t0", [1.0, 0.7])
@pytest.mark.parametrize("size", [5, 100, 1000])
def test_nor_of_many_tokens(size: int, t0: float) -> None:
    logits = np.random.default_rng(size).normal(0, 3, 50_257)
    every = -np.sort(-np.asarray(ts.log_softmax(logits, t0)))
    for vocabulary in (every.size, None):
        reported = Reported(every[:size], vocabulary=vocabulary, applied_temperature=t0)
        for temperature in TEMPERATURES:
            check(reported, every[:size], every[size:], temperature)


@settings(max_examples=300)
@given(
    whole_distributions(),
    TEMPERATURE,
    st.sampled_from((1e-7, 1e-4, 0.05, 0.5)),
    st.randoms(use_true_random=False),
)
def test_rounded_numbers_widen_the_interval(
    drawn: tuple[Array, Array], temperature: float, delta: float, source: object
) -> None:
    likely, tail = drawn
    moves = np.array([source.uniform(-delta, delta) for _ in likely])  # type: ignore[attr-defined]
    given_ = np.minimum(likely + moves, 0.0)
    if np.exp(given_).sum() > 1.009:
        return
    reported = Reported(given_, vocabulary=likely.size + tail.size, delta=delta * (1 + 1e-9))
    check(reported, likely, tail, temperature)


# What is left for the tail is a rounding less than what its one token has.
TIED = ts.log_softmax([0.5625, 0.5625, 0.0])


@settings(max_examples=300)
@given(whole_distributions(), TEMPERATURE)
@example((TIED[:1], TIED[1:]), 0.0)
@example((TIED[:1], TIED[1:]), 1e-12)
def test_a_drawn_token_from_the_tail_is_no_cap(
    drawn: tuple[Array, Array], temperature: float
) -> None:
    likely, tail = drawn
    if not tail.size:
        return
    given_, rest = np.append(likely, tail[-1]), tail[:-1]
    reported = Reported(given_, vocabulary=given_.size + rest.size, drawn=given_.size - 1)
    check(reported, given_, rest, temperature)


@settings(max_examples=30)
@given(whole_distributions(), st.floats(0.05, 5.0), st.sampled_from((1.0, 0.7)))
def test_the_temperature_for_a_measure(
    drawn: tuple[Array, Array], temperature: float, t0: float
) -> None:
    likely, tail = drawn
    every = np.concatenate([likely, tail])
    reported = Reported(likely, vocabulary=every.size, applied_temperature=t0)
    for name, value in (
        ("entropy", ts.entropy(every * t0, temperature)),
        ("perplexity", ts.perplexity(every * t0, temperature)),
        ("top_probability", ts.softmax(every * t0, temperature).max()),
    ):
        low, high = ts.temperature_for(reported, **{name: float(value)})  # type: ignore[call-overload]
        assert low <= temperature * (1 + 1e-6)
        assert temperature * (1 - 1e-6) <= high


def test_the_interval_of_the_temperature_has_the_ends_of_the_measure() -> None:
    reported = Reported(P, vocabulary=1000)
    for temperature in (0.4, 0.9, 1.5):
        low, high = ts.entropy(reported, temperature)
        assert ts.temperature_for(reported, entropy=high).low == pytest.approx(temperature)
        assert ts.temperature_for(reported, entropy=low).high == pytest.approx(temperature)
    assert ts.temperature_for(reported, entropy=6.0).high == math.inf
    with pytest.raises(ts.ArgumentError, match=r"between 0 at T = 0 and 6\.90776"):
        ts.temperature_for(reported, entropy=7.0)


P = np.log([0.4, 0.15, 0.05])


def with_tail(tail: Array) -> Array:
    with np.errstate(divide="ignore"):
        return np.concatenate([P, np.log(tail)])


def heaped(mass: float, cap: float, size: int) -> Array:
    tail = np.zeros(size)
    count = int(mass / cap + 1e-9)
    tail[:count] = cap
    tail[count] = mass - count * cap
    return tail


@pytest.mark.parametrize("temperature", [0.3, 0.5, 0.7, 1.0, 1.3, 2.0, 100.0])
def test_both_ends_are_reached(temperature: float) -> None:
    size, mass, cap = 200, 0.4, 0.05
    reported = Reported(P, vocabulary=P.size + size)
    ends: tuple[Array, ...] = (
        with_tail(np.full(size, mass / size)),
        with_tail(heaped(mass, cap, size)),
    )
    probabilities = [at(whole, 1.0, temperature)[: P.size] for whole in ends]
    low, high = ts.softmax(reported, temperature)
    np.testing.assert_allclose(low, np.minimum(*probabilities), rtol=1e-9)
    np.testing.assert_allclose(high, np.maximum(*probabilities), rtol=1e-9)
    if temperature < 1:
        # Some tokens alike and some at the cap: all numbers of them are tried.
        alike = [np.repeat([mass / n, 0.0], [n, size - n]) for n in range(8, size + 1)]
        capped = [np.repeat([cap, (mass - n * cap) / (size - n)], [n, size - n]) for n in range(9)]
        ends = tuple(with_tail(tail) for tail in (*alike, *capped))
    entropies = [float(ts.entropy(whole, temperature)) for whole in ends]
    low, high = ts.entropy(reported, temperature)
    # Below T0 the ends are those of real numbers of tokens; there are whole ones close by.
    tolerance = 1e-9 if temperature >= 1 else 0.01
    assert low == pytest.approx(min(entropies), rel=tolerance)
    assert high == pytest.approx(max(entropies), rel=tolerance)


@pytest.mark.parametrize("case", vectors("reported.json"))
def test_the_vectors(case: dict[str, Any]) -> None:
    reported = Reported(
        case["logprobs"],
        vocabulary=case["vocabulary"],
        applied_temperature=case["applied_temperature"],
        delta=case["delta"],
    )
    temperature = case["temperature"]
    found = {
        "softmax": reported.softmax(temperature),
        "not_reported": reported.not_reported(temperature),
        "top_probability": reported.top_probability(temperature),
        "entropy": reported.entropy(temperature),
    }
    for name, (low, high) in found.items():
        if case["delta"]:
            value = np.array(case["inside"][name])
            assert ((low <= value) & (value <= high)).all(), name
        else:
            expected = [np.array(doubles(np.ravel(end).tolist())) for end in case[name]]
            # Rounded outwards, by little: 1 - p has lost digits where p is next to 1.
            for end, exact, way in ((low, expected[0], 1), (high, expected[1], -1)):
                np.testing.assert_allclose(np.ravel(end), exact, rtol=1e-7, atol=1e-14)
                assert (way * np.ravel(end) <= way * exact * (1 + way * 1e-15)).all(), name


def test_an_unknown_vocabulary_is_one_sided() -> None:
    reported = Reported(P)
    assert ts.entropy(reported, 2).high == math.inf
    assert ts.entropy(reported, 1).high == math.inf
    assert ts.entropy(reported, 0.5).high < 5
    assert (ts.softmax(reported, 2).low == 0).all()
    assert ts.softmax(reported, 0.5).low.min() > 0


def test_a_whole_distribution_is_exact() -> None:
    logprobs = np.log([0.5, 0.3, 0.2])
    reported = Reported(logprobs, vocabulary=3)
    for temperature in TEMPERATURES:
        for ends in (ts.softmax(reported, temperature), ts.entropy(reported, temperature)):
            np.testing.assert_allclose(ends.low, ends.high, rtol=1e-12, atol=1e-15)


def test_the_tail_vanishes_at_low_temperatures() -> None:
    reported = Reported(P, vocabulary=50_000)
    highs = [reported.not_reported(t).high for t in (0.5, 0.2, 0.05, 0.01, 0.0)]
    assert highs == sorted(highs, reverse=True)
    assert highs[-2] < 1e-80
    assert highs[-1] == 0
    assert reported.top_probability(0) == (1, 1)


def test_tokens_of_the_tail_may_tie_with_the_likeliest() -> None:
    reported = Reported(np.log([0.2, 0.2]), vocabulary=10)
    np.testing.assert_allclose(ts.softmax(reported, 0), [[1 / 5, 1 / 5], [1 / 2, 1 / 2]])
    np.testing.assert_allclose(ts.entropy(reported, 0), [math.log(2), math.log(5)])


def test_a_token_without_a_logprob_belongs_to_the_tail() -> None:
    reported = Reported([math.log(0.5), math.log(0.2), -math.inf], vocabulary=10, drawn=2)
    low, high = ts.softmax(reported, 1)
    assert low[2] == 0
    assert high[2] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("words", "arguments", "known"),
    [
        ("logprobs must be <= 0, got 0.5", [0.5], {}),
        ("logprobs must sum to at most 1", [-0.1, -0.1], {}),
        ("logprobs must have a token above -inf", [-math.inf], {}),
        ("vocabulary must be more: 0.594 of the probability", [-1.5, -1.7], {"vocabulary": 4}),
        ("vocabulary must be at least the 2", [-2.0, -3.0], {"vocabulary": 1}),
        ("drawn must be -1 to 0", [-2.0], {"drawn": 1}),
        ("delta must be finite and >= 0", [-2.0], {"delta": -1.0}),
        ("applied_temperature must be a finite number", [-2.0], {"applied_temperature": 0.0}),
    ],
)  # fmt: skip
def test_errors(words: str, arguments: list[float], known: dict[str, float]) -> None:
    with pytest.raises(ts.ArgumentError, match=words):
        Reported(arguments, **known)  # type: ignore[arg-type]


ANSWER = str(Path(__file__).parent / "data" / "sequences" / "chat.json")
# Calls of all public names that take logits, and the others.
CALLS: dict[str, Callable[[Any], object]] = {
    "Dataset": ts.Dataset.of,
    "Explorer": ts.Explorer,
    "TemperatureScaler": lambda logits: ts.TemperatureScaler().fit(logits, [0]),
    "calibration_curve": ts.calibration_curve,
    "compare_samplers": lambda logits: ts.compare_samplers(logits, {"a": {}}),
    "cross_entropy": lambda logits: ts.cross_entropy(logits, 0),
    "entropy": ts.entropy,
    "evaluate_fit": ts.evaluate_fit,
    "explore": ts.explore,
    "fit_temperature": ts.fit_temperature,
    "jacobian": ts.jacobian,
    "keep": lambda logits: ts.keep(logits, top_k=1),
    "kl_divergence": lambda logits: ts.kl_divergence(logits, [0.0]),
    "log_softmax": ts.log_softmax,
    "perplexity": ts.perplexity,
    "plot": ts.plot,
    "reliability": ts.reliability,
    "sample": ts.sample,
    "sampler_temperature": lambda logits: ts.sampler_temperature(logits, {}, entropy=0.9),
    "softmax": ts.softmax,
    "sweep": ts.sweep,
    "temperature_derivative": ts.temperature_derivative,
    "temperature_for": lambda logits: ts.temperature_for(logits, entropy=0.5),
    "truncate": lambda logits: ts.truncate(logits, top_k=1),
}
WITHOUT_LOGITS = {
    *("ArgumentError", "Draft", "Interval", "Penalties", "Reported", "engines", "samples"),
    *(
        "connect",
        "distributions",
        "doctor",
        "from_transformers",
        "open_logits",
        "random_logits",
        "read_logits",
    ),
}
OF_ONE_ROW = {
    *("entropy", "keep", "log_softmax", "perplexity", "plot", "softmax", "sweep"),
    *("temperature_for", "truncate", "compare_samplers", "sampler_temperature"),
}
# Those whose results are no intervals, but have some.
WITH_RESULTS = {"compare_samplers", "keep", "plot", "sampler_temperature"}
OF_A_DATA_SET = {"Explorer", "explore", "plot", "sweep", "compare_samplers", "sampler_temperature"}


def test_every_public_name_is_called_below() -> None:
    assert CALLS.keys() | WITHOUT_LOGITS == set(ts.__all__)
    assert not CALLS.keys() & WITHOUT_LOGITS
    # The error names what gives intervals.
    with pytest.raises(ts.ArgumentError) as caught:
        ts.jacobian(Reported([-0.1]))  # type: ignore[arg-type]
    assert set(re.findall(r"[a-z]+(?:_[a-z]+)*", str(caught.value))) & set(ts.__all__) == OF_ONE_ROW


@pytest.mark.parametrize("name", CALLS)
def test_each_function_gives_intervals_or_refuses_in_words(name: str) -> None:
    reported = Reported(np.log([0.5, 0.2, 0.1]), vocabulary=1000)
    if name in OF_ONE_ROW:
        found = CALLS[name](reported)
        if name == "sweep":
            found = found.entropy  # type: ignore[attr-defined]
        assert isinstance(found, Interval) or name in WITH_RESULTS
    else:
        with pytest.raises(ts.ArgumentError, match="must have all entries, got a Reported, of wh"):
            CALLS[name](reported)


@pytest.mark.parametrize("row", [None, 0])
@pytest.mark.parametrize("name", sorted(CALLS.keys() - {"Dataset"}))
def test_a_data_set_of_reported_rows_says_what_takes_it(name: str, row: int | None) -> None:
    data = ts.open_logits(ANSWER, vocabulary=50257)
    data = data if row is None else data.row(row)
    if name in OF_A_DATA_SET:
        found = CALLS[name](data)
        assert name != "sweep" or isinstance(found.entropy, Interval)  # type: ignore[attr-defined]
    else:
        words = r"row 0: 0\.488 of the probability .* sweep takes these data, softmax and others t"
        with pytest.raises(FileError, match=words):
            CALLS[name](data)


def test_arguments_of_arrays_are_refused() -> None:
    with pytest.raises(ts.ArgumentError, match="where must be left out for a Reported"):
        ts.softmax(Reported([-0.1]), where=[True])  # type: ignore[call-overload]
    with pytest.raises(ts.ArgumentError, match="temperature must be one number"):
        ts.entropy(Reported([-0.1]), [1.0])  # type: ignore[call-overload]


@pytest.mark.parametrize("slope", [1.2, 1.6])
@pytest.mark.parametrize("temperature", [0.7, 1.0, 1.5])
def test_how_many_to_ask_for_is_about_right(slope: float, temperature: float) -> None:
    every = np.asarray(ts.log_softmax(-slope * np.log(np.arange(1, 5001))))

    def is_enough(count: int) -> bool:
        low, high = ts.entropy(Reported(every[:count], vocabulary=every.size), temperature)
        return bool(high - low <= 0.2)

    reported = Reported(every[:20], vocabulary=every.size)
    guessed = reported.logprobs_needed(temperature)
    # The tail of this row falls as the guess has it.
    assert is_enough(min(2 * guessed, every.size))
    assert guessed <= 20 or not is_enough(guessed // 2)
    assert reported.logprobs_needed(temperature, within=100) == 20


def test_how_many_to_ask_for_needs_a_vocabulary() -> None:
    with pytest.raises(ts.ArgumentError, match="vocabulary must be given"):
        Reported(P).logprobs_needed()
    assert Reported(np.log([0.5, 0.3, 0.2]), vocabulary=3).logprobs_needed() == 3


def test_float32_arrays_are_rounded() -> None:
    exact = np.log([0.4, 0.15, 0.05])
    rounded = Reported(exact.astype(np.float32), vocabulary=100)
    low, high = rounded.softmax(1)
    assert ((low < np.exp(exact)) & (np.exp(exact) < high)).all()
    assert (high - low < 1e-6).all()
    assert not Reported(exact, vocabulary=100).delta.any()
