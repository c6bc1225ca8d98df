"""The temperature that a sampler needs: against the entropy and the NLL that it gives."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import thermoscope as ts
from tests.test_drawn import entry, position
from thermoscope.data.reading import parse_logits
from thermoscope.reported import Interval
from thermoscope.samplers.presets import preset_of
from thermoscope.samplers.target import _between, _crossing, _rises

ROWS = np.random.default_rng(3).normal(0, 2, (60, 40))
TARGETS = np.asarray(ts.sample(ROWS, 1.4, rng=2))


def mean_entropy(preset: Any, temperature: float, rows: np.ndarray = ROWS) -> float:
    checked = preset_of("a", preset)
    p = ts.truncate(rows, temperature, **checked.settings)
    return float(-(p * np.log(np.where(p > 0, p, 1))).sum(axis=-1).mean())


RISING = [
    "T=1",
    "llama.cpp",
    "mlx-lm,T=0.6,top_p=0.9",
    "top_k=7,top_p=0.95,engine=vllm",
    "min_p=0.1",
    "top_p=0.8,min_p=0.05,top_k=20,engine=sglang",
    "top_n_sigma=1.5",
    "typical_p=0.7,engine=llama.cpp",
    "dynatemp_range=0.3,engine=llama.cpp",
    "min_p=0.2,min_keep=3",
    "epsilon=0.02,order=epsilon+temperature",
]
OTHERS = [
    "typical_p=0.9",
    "epsilon=0.05",
    "eta=0.02",
    "xtc_probability=0.5",
    "xtc_probability=0.5,engine=llama.cpp",
    "top_p=0.9,top_n_sigma=1",
]


@settings(max_examples=30)
@given(
    st.sampled_from(RISING),
    st.lists(st.floats(-9, 9), min_size=12, max_size=12),
    st.lists(st.floats(0.02, 50), min_size=2, max_size=2, unique=True),
)
def test_the_entropy_rises_with_the_temperature_where_it_is_said_to(
    preset: str, logits: list[float], temperatures: list[float]
) -> None:
    low, high = sorted(temperatures)
    row = np.array([logits])
    assert mean_entropy(preset, low, row) <= mean_entropy(preset, high, row) + 1e-9


@pytest.mark.parametrize("preset", RISING)
def test_these_are_said_to_rise(preset: str) -> None:
    assert _rises(preset_of("a", preset))


@pytest.mark.parametrize("preset", OTHERS)
def test_these_are_not(preset: str) -> None:
    assert not _rises(preset_of("a", preset))


def test_a_preset_that_is_not_said_to_rise_may_fall() -> None:
    assert mean_entropy("epsilon=0.05", 1.2) > mean_entropy("epsilon=0.05", 20.0) + 0.1


@pytest.mark.parametrize("preset", [*RISING, *OTHERS])
def test_the_temperature_gives_the_wanted_entropy(preset: str) -> None:
    found = ts.sampler_temperature(ROWS, preset, entropy=1.25)
    assert mean_entropy(preset, found.temperature) == pytest.approx(found.entropy, abs=1e-9)
    assert found.wanted == 1.25
    if found.is_met:
        assert found.entropy == pytest.approx(1.25, abs=3e-4)
        assert not found.reason.startswith("no temperature")
        return
    # The wanted entropy lies within a jump, which is at that temperature.
    assert found.reason.startswith("no temperature gives it: the entropy jumps there")
    assert found.entropy == pytest.approx(1.25, abs=0.05)
    near = [mean_entropy(preset, found.temperature * factor) for factor in (1 - 1e-7, 1 + 1e-7)]
    assert (near[0] - 1.25) * (near[1] - 1.25) < 0


def test_another_sampler_gives_the_entropy_that_is_wanted() -> None:
    found = ts.sampler_temperature(ROWS, "top_k=30,engine=vllm", like="llama.cpp")
    wanted = mean_entropy("llama.cpp", 0.8)
    assert found.wanted == pytest.approx(wanted)
    assert mean_entropy("top_k=30,engine=vllm", found.temperature) == pytest.approx(wanted)
    same = ts.sampler_temperature(ROWS, {"engine": "vllm"}, like={"temperature": 0.37})
    assert same.temperature == pytest.approx(0.37, rel=1e-7)


def test_one_row_without_truncation_has_the_temperature_of_softmax() -> None:
    for entropy in (1e-6, 0.5, 3.0, 3.6):
        found = ts.sampler_temperature(ROWS[:1], {}, entropy=entropy)
        exact = ts.temperature_for(ROWS[0], entropy=entropy)
        assert found.temperature == pytest.approx(float(exact), rel=1e-6)


def test_the_ends_are_temperatures() -> None:
    assert ts.sampler_temperature(ROWS, "T=0.7", entropy=0).temperature == 0
    flat = ts.sampler_temperature(ROWS, "top_k=5", entropy=math.log(5))
    assert flat.temperature == math.inf
    alike = ts.sampler_temperature(ROWS, "top_k=1,T=0.5", entropy=0)
    assert (alike.temperature, alike.reason) == (0.5, "every temperature gives this entropy")


@pytest.mark.parametrize(
    ("preset", "entropy", "words"),
    [
        ("top_k=4", 1.5, "between 0 nats, which the preset has at T = 0, and 1.38629 at T = inf"),
        ("llama.cpp", 3.0, "at T = inf, got 3"),
        ("epsilon=0.05", 3.6, "and 1.50756 at T = 1.58489 of all that were tried, got 3.6"),
    ],
)
def test_an_entropy_out_of_reach_is_refused_with_the_range(
    preset: str, entropy: float, words: str
) -> None:
    with pytest.raises(ts.ArgumentError) as found:
        ts.sampler_temperature(ROWS, preset, entropy=entropy)
    assert words in str(found.value)
    assert found.value.argument == "entropy"


def test_all_temperatures_are_found_where_the_entropy_rises_and_falls() -> None:
    low, high = mean_entropy("epsilon=0.05", 0.5), mean_entropy("epsilon=0.05", 1.2)
    wanted = (low + high) / 2
    found = ts.sampler_temperature(ROWS, "epsilon=0.05", entropy=wanted)
    assert len(found.others) >= 1
    for temperature in (found.temperature, *found.others):
        near = [mean_entropy("epsilon=0.05", temperature * f) - wanted for f in (0.999, 1.001)]
        assert near[0] * near[1] < 0
    assert "the entropy rises and falls" in found.reason
    # Of several the nearest to the preset's own temperature is given.
    other = ts.sampler_temperature(ROWS, "epsilon=0.05,T=30", entropy=wanted)
    assert other.temperature == pytest.approx(max(found.temperature, *found.others), rel=1e-6)


def test_the_lowest_nll_without_truncation_is_that_of_the_fit() -> None:
    passes: list[int] = []
    found = ts.sampler_temperature(
        ROWS, {}, TARGETS, progress=lambda _done, _rows, number: passes.append(number)
    )
    fit = ts.fit_temperature(ROWS, TARGETS)
    assert found.temperature == pytest.approx(fit.temperature, rel=1e-4)
    assert found.nll == pytest.approx(fit.nll, rel=1e-7)
    assert (found.impossible, found.reason) == (0, "")
    assert math.isnan(found.wanted)
    assert passes[0] == 1
    assert max(passes) > 2


@pytest.mark.parametrize("preset", ["top_p=0.97", "min_p=0.05,T=2", "top_k=39"])
def test_no_other_temperature_has_a_lower_nll(preset: str) -> None:
    found = ts.sampler_temperature(ROWS, preset, TARGETS)
    checked = preset_of("a", preset)

    def nll(temperature: float) -> float:
        p = ts.truncate(ROWS, temperature, **checked.settings)[np.arange(60), TARGETS]
        with np.errstate(divide="ignore"):
            losses = -np.log(p)
        reached = math.isfinite(losses.sum()) or found.impossible > 0
        return float(losses[np.isfinite(losses)].mean()) if reached else math.inf

    assert nll(found.temperature) == pytest.approx(found.nll)
    if not found.impossible:
        # The NLL jumps where tokens are added: golden section finds the minimum of its cell.
        grid = np.geomspace(0.01, 100, 41)
        assert found.nll <= min(map(nll, grid.tolist()))


def test_targets_that_are_always_dropped_are_left_out_and_told() -> None:
    preset = "min_p=0.05,engine=llama.cpp"
    kept = ts.keep(ROWS, min_p=0.05, engine="llama.cpp")[np.arange(60), TARGETS]
    found = ts.sampler_temperature(ROWS, preset, TARGETS)
    dropped = int(np.count_nonzero(~kept))
    assert found.impossible == dropped > 0
    assert found.reason.startswith(f"{dropped} targets of 60 can't be drawn at any temperature")
    masked = np.where(ts.keep(ROWS, min_p=0.05, engine="llama.cpp"), ROWS, -np.inf)[kept]
    fit = ts.fit_temperature(masked, TARGETS[kept])
    assert found.temperature == pytest.approx(fit.temperature, rel=1e-4)
    assert found.nll == pytest.approx(fit.nll, rel=1e-6)


def test_a_lowest_nll_at_an_end_is_told() -> None:
    certain = ts.sampler_temperature(ROWS, {}, ROWS.argmax(axis=1))
    assert (certain.temperature, certain.nll) == (0, 0)
    against = ts.sampler_temperature(ROWS, {}, ROWS.argmin(axis=1))
    assert against.temperature == math.inf


@pytest.mark.parametrize("scale", [1e-6, 1e5])
def test_logits_of_any_size_have_a_lowest_nll(scale: float) -> None:
    found = ts.sampler_temperature(ROWS * scale, {}, TARGETS)
    fit = ts.fit_temperature(ROWS * scale, TARGETS)
    assert found.temperature == pytest.approx(fit.temperature, rel=1e-4)


@pytest.mark.parametrize(
    ("preset", "targets", "known", "words"),
    [
        ({}, None, {}, "targets must be given where neither entropy nor like is"),
        ({}, None, {"entropy": 1, "like": {}}, "entropy must come without like"),
        ({}, None, {"entropy": -1}, "entropy must be in \\[0, inf\\), got -1"),
        ("T=x", None, {"entropy": 1}, "have an error in 'preset': temperature must be a number"),
        ({}, None, {"like": "vlm"}, "have an error in 'like': settings must be"),
        (
            {"order": ["top_k"], "top_k": 3},
            None,
            {"entropy": 1},
            "preset must have 'temperature' in order",
        ),
        ("top_k=1", "least", {}, "got 60 of 60 that it drops at every one"),
        ("xtc_probability=1,xtc_threshold=0", "most", {}, "must be such that the preset can draw"),
    ],
)
def test_what_is_wrong_is_named(preset: Any, targets: Any, known: Any, words: str) -> None:
    if targets is not None:
        targets = (ROWS.argmin if targets == "least" else ROWS.argmax)(axis=1)
    with pytest.raises(ts.ArgumentError, match=words):
        ts.sampler_temperature(ROWS, preset, targets, **known)


FEW, OF_FEW = ROWS[:12], TARGETS[:12]


def reported(rows: np.ndarray, count: int, targets: np.ndarray) -> list[ts.Reported]:
    """Return what a server reports of rows of 40 logits."""
    found = []
    for row, target in zip(ts.log_softmax(rows), targets, strict=True):
        order = np.argsort(-row)[:count]
        drawn = np.flatnonzero(order == target)
        found.append(
            ts.Reported(row[order], vocabulary=40, drawn=int(drawn[0]) if drawn.size else -1)
        )
    return found


@pytest.mark.parametrize("preset", ["T=1", "top_p=0.9", "top_p=0.7,top_k=30,engine=vllm"])
def test_the_range_of_temperatures_has_the_true_one(preset: str) -> None:
    exact = ts.sampler_temperature(FEW, preset, entropy=1.5)
    found = ts.sampler_temperature(reported(FEW, 25, OF_FEW), preset, entropy=1.5)
    assert isinstance(found.temperature, Interval)
    low, high = found.temperature
    assert low - 1e-6 <= exact.temperature <= high + 1e-6
    assert high / low < 1.5
    assert found.wanted == 1.5
    like = ts.sampler_temperature(reported(FEW, 25, OF_FEW), "T=1", like="top_k=10,T=1.2")
    truth = ts.sampler_temperature(FEW, "T=1", like="top_k=10,T=1.2")
    assert like.temperature.low - 1e-6 <= truth.temperature <= like.temperature.high + 1e-6


def test_what_is_left_by_top_k_has_one_temperature() -> None:
    rows = reported(FEW, 25, OF_FEW)
    known = np.array([row.drawn >= 0 for row in rows])
    found = ts.sampler_temperature(rows, "top_k=20,T=0.5", entropy=1.5)
    exact = ts.sampler_temperature(FEW, "top_k=20,T=0.5", entropy=1.5)
    assert found.temperature == pytest.approx((exact.temperature,) * 2, rel=1e-6)
    told: list[tuple[int, int | None, int]] = []
    nll = ts.sampler_temperature(rows, "top_k=20", progress=lambda *each: told.append(each))
    assert told[0] == (1, 12, 1)
    assert told[-1][:2] == (12, 12)
    assert sorted({number for *_, number in told}) == list(range(1, len(told) // 12 + 1))
    truth = ts.sampler_temperature(FEW, "top_k=20", np.where(known, OF_FEW, -100))
    assert nll.temperature == pytest.approx(truth.temperature, rel=1e-3)
    assert nll.nll == pytest.approx(truth.nll, rel=1e-6)
    assert nll.impossible == truth.impossible


def test_what_is_not_reported_is_refused_where_it_decides() -> None:
    rows = reported(FEW, 5, OF_FEW)
    with pytest.raises(ts.ArgumentError, match="logits must be known whole, or the preset must"):
        ts.sampler_temperature(rows, "T=1")
    with pytest.raises(ts.ArgumentError, match="preset must have no step after the temperature"):
        ts.sampler_temperature(rows, "epsilon=0.1", entropy=1.0)
    with pytest.raises(ts.ArgumentError, match="entropy must be between"):
        ts.sampler_temperature(rows, "top_k=2", entropy=1.0)


def test_an_answer_has_its_own_targets() -> None:
    text = [
        position(entry("a", 0.6), entry("b", 0.4)),
        position(entry("b", 0.4), entry("a", 0.6)),
        position(entry("a", 0.6), entry("b", 0.4)),
    ]
    data = parse_logits(json.dumps({"logprobs": {"content": text}}), vocabulary=2)
    found = ts.sampler_temperature(data, {})
    # Two of three drew the token of 60 %: the odds at T are 2.
    assert found.temperature == pytest.approx(math.log(1.5) / math.log(2), rel=1e-3)


def test_a_crossing_far_from_the_start_is_found() -> None:
    for root in (1e-200, 3e-5, 0.7, 1e9, 1e250):
        low, high = _crossing(lambda t, root=root: math.inf if t > root else -1.0, 1.0)
        assert low <= root * (1 + 1e-6)
        assert high >= root * (1 - 1e-6)
        assert abs(math.log(high / low)) < 1e-7
    assert _crossing(lambda _: 1.0, 1.0) == (0.0, 0.0)
    assert _crossing(lambda _: -1.0, 1.0) == (math.inf, math.inf)


def test_a_smooth_root_takes_few_passes() -> None:
    calls: list[float] = []

    def miss(t: float) -> float:
        calls.append(t)
        return math.tanh(math.log(t) - 0.3)

    low, high = sorted(_between(miss, 0.5, 4.0))
    assert low <= math.exp(0.3) * (1 + 1e-12)
    assert high >= math.exp(0.3) * (1 - 1e-12)
    assert len(calls) < 15
