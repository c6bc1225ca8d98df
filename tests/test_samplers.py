"""Samplers compared over rows: against plain sums, enumerated draws, and hidden tails."""

from __future__ import annotations

import itertools
import json
import math
import tracemalloc
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import thermoscope as ts
from tests.test_drawn import entry, position
from thermoscope.data.reading import parse_logits
from thermoscope.passes import rows as passes_rows
from thermoscope.reported import Interval
from thermoscope.samplers.bounds import Bounded, bounds_of
from thermoscope.samplers.compare import OverRows, differing
from thermoscope.samplers.presets import preset_of, presets_of, settings_of_text
from thermoscope.samplers.rows import MEASURES, distinct

ROWS = np.random.default_rng(5).normal(0, 2, (7, 9))

if TYPE_CHECKING:
    from collections.abc import Iterator

# The orders as the engines' sources have them.
ORDERS = {
    "vllm": ("temperature", "min_p", "top_k", "top_p"),
    "llama.cpp": ("top_k", "top_p", "min_p", "temperature"),
    "transformers": ("temperature", "top_k", "top_p", "min_p"),
}


def plain_softmax(logits: list[float], temperature: float) -> list[float]:
    top = max(logits)
    weights = [math.exp((logit - top) / temperature) for logit in logits]
    return [weight / math.fsum(weights) for weight in weights]


def plain_draw(logits: list[float], engine: str, preset: dict[str, float]) -> list[float]:
    """Return what an engine draws from, by lists; the logits are all different."""
    falling = sorted(range(len(logits)), key=lambda item: -logits[item])
    seen = 1.0
    for step in ORDERS[engine]:
        if step == "temperature":
            seen = preset["temperature"]
        elif step in preset:
            p = plain_softmax([logits[item] for item in falling], seen)
            if step == "top_k":
                falling = falling[: int(preset[step])]
            elif step == "min_p":
                falling = [
                    i for i, each in zip(falling, p, strict=True) if each >= preset[step] * p[0]
                ]
            else:
                before = [math.fsum(p[:at]) for at in range(len(p))]
                falling = [i for i, b in zip(falling, before, strict=True) if b < preset[step]]
    p = plain_softmax([logits[item] for item in falling], preset["temperature"])
    found = dict(zip(falling, p, strict=True))
    return [found.get(item, 0.0) for item in range(len(logits))]


def plain_measures(logits: list[float], p: list[float], t: float, draws: int) -> dict[str, float]:
    kept = [item for item, each in enumerate(p) if each]
    before = plain_softmax(logits, t)
    entropy = -math.fsum(p[item] * math.log(p[item]) for item in kept)
    return {
        "kept": len(kept),
        "mass": math.fsum(before[item] for item in kept),
        "choices": math.exp(entropy),
        "entropy": entropy,
        "agreement": math.fsum(each**2 for each in p),
        "distinct": math.fsum(1 - (1 - each) ** draws for each in p),
    }


SETTINGS: list[dict[str, Any]] = [
    {"temperature": 0.7, "top_k": 4, "top_p": 0.8, "min_p": 0.1},
    {"temperature": 1.6, "top_p": 0.75},
    {"temperature": 2.5, "min_p": 0.2},
    {"temperature": 0.3},
]


@pytest.mark.parametrize("engine", ORDERS)
@pytest.mark.parametrize("preset", SETTINGS)
def test_the_measures_are_those_of_plain_sums(engine: str, preset: dict[str, Any]) -> None:
    targets = np.argsort(-ROWS, axis=1)[:, 1]
    presets = {"this": {**preset, "engine": engine}, "all": {}}
    found = ts.compare_samplers(ROWS, presets, targets, draws=3)
    for row, logits in enumerate(ROWS.tolist()):
        p = plain_draw(logits, engine, preset)
        for name, value in plain_measures(logits, p, preset["temperature"], 3).items():
            assert getattr(found.presets["this"], name).values[row] == pytest.approx(value)
        of_target = p[targets[row]]
        nll = -math.log(of_target) if of_target else math.inf
        assert found.presets["this"].nll.values[row] == pytest.approx(nll)
        q = plain_softmax(logits, 1.0)
        apart = math.fsum(max(x - y, 0) for x, y in zip(p, q, strict=True))
        assert found.total_variation["this", "all"].values[row] == pytest.approx(apart)


def test_agreement_distinct_and_total_variation_are_those_of_all_draws() -> None:
    logits = [1.0, 0.2, -0.4]
    presets = {"a": {"temperature": 0.8}, "b": {"top_k": 2}}
    found = ts.compare_samplers([logits], presets, draws=4)
    p, q = (ts.truncate(logits, **preset).tolist() for preset in presets.values())
    for name, chances in (("a", p), ("b", q)):
        measures = found.presets[name]
        pairs = itertools.product(range(3), repeat=2)
        agree = sum(chances[i] * chances[j] for i, j in pairs if i == j)
        assert measures.agreement.mean == pytest.approx(agree)
        texts = itertools.product(range(3), repeat=4)
        expected = sum(len(set(text)) * math.prod(chances[i] for i in text) for text in texts)
        assert measures.distinct.mean == pytest.approx(expected)
    # The total variation is the most by which the chance of any event differs.
    events = itertools.chain.from_iterable(itertools.combinations(range(3), n) for n in range(4))
    most = max(abs(sum(p[i] - q[i] for i in event)) for event in events)
    assert found.total_variation["a", "b"].mean == pytest.approx(most)


def test_sampling_comes_to_the_same() -> None:
    preset = {"temperature": 1.3, "top_p": 0.9, "engine": "llama.cpp"}
    found = ts.compare_samplers(ROWS[:1], {"a": preset}, draws=5).presets["a"]
    p = ts.truncate(ROWS[0], **preset)
    with np.errstate(divide="ignore"):
        drawn = ts.sample(np.log(p), size=(4000, 5), rng=1)
    counts = [len(set(row)) for row in drawn.tolist()]
    assert found.distinct.mean == pytest.approx(np.mean(counts), abs=4 * np.std(counts) / 4000**0.5)
    same = np.mean(drawn[:, 0] == drawn[:, 1])
    assert found.agreement.mean == pytest.approx(same, abs=0.04)


@pytest.mark.parametrize(("p", "draws"), [(1e-18, 1000), (1 - 1e-9, 3), (0.25, 1), (1e-300, 7)])
def test_the_chance_to_be_drawn_at_all_keeps_its_digits(p: float, draws: int) -> None:
    exact = 1 - (1 - Fraction(p)) ** draws
    assert distinct(np.array([p]), draws)[0] == pytest.approx(float(exact), rel=1e-15)


def test_every_keyword_of_truncate_makes_a_preset() -> None:
    presets: dict[str, Any] = {
        "xtc": {"xtc_probability": 0.5, "xtc_threshold": 0.05, "temperature": 0.9},
        "dynamic": {"dynatemp_range": 0.4, "engine": "llama.cpp", "min_keep": 3, "top_p": 0.1},
        "others": {"typical_p": 0.6, "order": ["typical_p", "temperature"], "temperature": 2.0},
        "biased": {"penalties": ts.Penalties(logit_bias={3: -math.inf}), "top_k": 4},
        "cold": {"temperature": 0.0, "engine": "vllm"},
        "even": {"temperature": math.inf, "top_n_sigma": 1.0},
    }
    found = ts.compare_samplers(ROWS, presets)
    for name, preset in presets.items():
        p = ts.truncate(ROWS, **preset)
        measures = found.presets[name]
        assert measures.kept.values.tolist() == np.count_nonzero(p, axis=1).tolist()
        assert measures.choices.values == pytest.approx(ts.perplexity(np.log(p + 1e-320)))
        assert measures.agreement.values == pytest.approx(np.square(p).sum(axis=1))
    assert found.presets["biased"].mass.values == pytest.approx(
        [ts.softmax(np.delete(row, 3))[np.argsort(-np.delete(row, 3))[:4]].sum() for row in ROWS]
    )
    assert set(found.presets["cold"].kept.values) == {1.0}
    # What XTC keeps is all there is: its mass is that before it drops anything.
    assert found.presets["xtc"].mass.values == pytest.approx(1.0)


def test_a_tie_at_zero_counts_what_can_be_drawn() -> None:
    found = ts.compare_samplers([[2.0, 2.0, 1.0, 0.0]], {"a": "T=0", "b": "T=0,engine=vllm"})
    assert found.presets["a"].kept.mean == 2
    assert found.presets["b"].kept.mean == 1
    assert found.total_variation["a", "b"].mean == 0.5


def test_rows_come_in_any_shape_and_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    targets = np.array([0, 1, 2, -100, 4, 5, 6])
    presets = {"a": "top_p=0.9", "b": "llama.cpp"}
    whole = ts.compare_samplers(ROWS, presets, targets)
    monkeypatch.setattr(passes_rows, "BLOCK", 8 * 9 * 2)
    seen: list[tuple[int, int | None, int]] = []
    data = ts.Dataset.of(ROWS, targets=targets)
    dask_array = pytest.importorskip("dask.array")
    for logits, y, axis in (
        (ROWS, targets, -1),
        (ROWS.T, targets, 0),
        (ROWS[None], targets[None], -1),
        (data, None, -1),
        (dask_array.from_array(ROWS, chunks=(3, 9)), targets, -1),
    ):
        found = ts.compare_samplers(
            logits, presets, y, axis=axis, progress=lambda *told: seen.append(told)
        )
        for name in presets:
            for measure in ("kept", "mass", "entropy", "distinct", "nll"):
                expected = getattr(whole.presets[name], measure)
                over = getattr(found.presets[name], measure)
                assert over.values == pytest.approx(expected.values, rel=1e-12)
                assert over.rows.tolist() == expected.rows.tolist()
        assert found.n == 7
    # The row without a target has an NLL of its own in no list, but all other measures.
    assert whole.presets["a"].nll.rows.tolist() == [0, 1, 2, 4, 5, 6]
    assert len(whole.presets["a"].kept) == 7
    assert (2, 7, 1) in seen
    assert seen[-1] == (7, 7, 1)


def test_no_more_than_blocks_are_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes_rows, "BLOCK", 1 << 16)

    class Made:
        """A data set whose rows are made where they are asked for."""

        shape, dtype = (400, 16384), np.dtype(np.float32)

        def blocks(self, start: int, stop: int) -> Iterator[np.ndarray]:
            for row in range(start, stop):
                yield np.random.default_rng(row).normal(0, 3, (1, 16384)).astype(np.float32)

    tracemalloc.start()
    try:
        found = ts.compare_samplers(Made(), {"a": "top_p=0.9", "b": "llama.cpp"})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found.presets["a"].kept) == 400
    assert peak < 400 * 16384 * 4


def test_a_vocabulary_without_room_is_an_error_of_all_rows() -> None:
    rows = [position(entry("a", 0.5), entry("b", 0.3))] * 2
    data = parse_logits(json.dumps({"logprobs": {"content": rows}}))
    with pytest.raises(ts.ArgumentError, match="vocabulary must be"):
        ts.compare_samplers(data, {"a": {}}, vocabulary=1)


def test_one_row_of_a_file_is_compared() -> None:
    found = ts.compare_samplers(ts.Dataset.of(ROWS[0]), {"a": "top_k=2"})
    assert (found.n, found.presets["a"].kept.mean) == (1, 2)
    assert found.total_variation == {}
    assert found.presets["a"].nll is None
    assert found.presets["a"].impossible == 0


def test_what_is_over_the_rows() -> None:
    values = np.array([3.0, 1.0, 2.0, *[0.0] * 37])
    over = OverRows(values, np.arange(40))
    assert (over.mean, over.median, over.p95, over.max) == (0.15, 0.0, 1.0, 3.0)
    assert over.row_of_max == 0
    assert over.count(0.0) == 37
    infinite = OverRows(np.array([1.0, math.inf]), np.array([4, 9]))
    assert (infinite.mean, infinite.median, infinite.p95) == (math.inf,) * 3
    assert infinite.row_of_max == 9
    ranges = OverRows(Interval(np.array([0.0, 1.0]), np.array([5.0, 2.0])), np.array([2, 3]))
    assert ranges.mean == Interval(0.5, 3.5)
    assert ranges.row_of_max == 2
    assert ranges.count(1.0) == Interval(0, 1)


def test_total_variation_in_words() -> None:
    words = {
        0.0: "no draws",
        0.004: "fewer than 1 of 100 draws",
        0.996: "more than 99 of 100 draws",
    }
    words |= {1.0: "all draws", 0.4712: "47 of 100 draws"}
    for variation, text in words.items():
        assert differing(variation) == f"{text} would differ"


# What a server reports of a distribution, and what the other tokens might be.


def hidden_tails(p: np.ndarray, reported: int) -> list[np.ndarray]:
    """Return distributions with the same likeliest tokens: as given, spread, and heaped up."""
    falling = np.sort(p)[::-1]
    mass, count = falling[reported:].sum(), len(p) - reported
    cap = falling[reported - 1]
    heaped = np.full(count, 1e-30)
    left = mass
    for at in range(count):
        heaped[at] += min(left, cap)
        left -= min(left, cap)
    heads = falling[:reported]
    tails = falling[reported:], np.full(count, mass / count), heaped
    # Of tokens that tie with the last reported one, top_k takes that one: here none ties.
    uneven = np.exp(-1e-6 * np.arange(len(p)))
    found = [np.concatenate([heads, tail]) * uneven for tail in tails]
    return [each / each.sum() for each in found]


PRESETS: dict[str, Any] = {
    "all": {},
    "cool": {"temperature": 0.6},
    "hot": {"temperature": 1.7},
    "nucleus": {"top_p": 0.8, "temperature": 1.4, "engine": "vllm"},
    "chain": "llama.cpp",
    "transformers": {"top_k": 3, "min_p": 0.2, "temperature": 1.2, "engine": "transformers"},
    "cutoff": {"epsilon": 0.05, "temperature": 2.0},
    "typical": {"typical_p": 0.7},
    "eta": {"eta": 0.1},
    "sigma": {"top_n_sigma": 1.0},
    "cold": {"temperature": 0.0},
    "sglang": {"top_k": 5, "top_p": 0.6, "temperature": 1.3, "engine": "sglang"},
}


@settings(max_examples=15)
@given(
    st.lists(st.floats(0.0, 6.0), min_size=8, max_size=8),
    st.integers(2, 6),
    st.sampled_from([None, 8]),
)
def test_ranges_have_the_values_of_every_tail(
    logits: list[float], reported: int, vocabulary: int | None
) -> None:
    p = ts.softmax(np.array(logits))
    for full in hidden_tails(p, reported):
        row = ts.Reported(np.log(full[:reported]), vocabulary=vocabulary, drawn=0)
        with np.errstate(divide="ignore"):
            exact = ts.compare_samplers(np.log(full)[None], PRESETS, [0], draws=6)
        found = ts.compare_samplers(row, PRESETS, draws=6)
        for name in PRESETS:
            for measure in (*MEASURES, "choices"):
                value = getattr(exact.presets[name], measure).mean
                low, high = getattr(found.presets[name], measure).mean
                slack = 1e-9 * (1 + abs(value))
                assert low - slack <= value <= high + slack, (name, measure)
        for pair, over in found.total_variation.items():
            value = exact.total_variation[pair].mean
            assert over.mean.low - 1e-9 <= value <= over.mean.high + 1e-9, pair


def test_what_every_tail_decides_alike_is_exact() -> None:
    p = np.array([0.5, 0.2, 0.1, 0.08, 0.05, 0.04, 0.03])
    row = ts.Reported(np.log(p[:4]), vocabulary=7, drawn=2)
    presets = {"a": "top_k=3,T=1.5", "b": "T=0.7,min_p=0.3", "all": {}}
    found = ts.compare_samplers([row], presets, draws=10)
    exact = ts.compare_samplers(np.log(p)[None], presets, [2], draws=10)
    for name in ("a", "b"):
        for measure in ("kept", "entropy", "agreement", "distinct", "nll"):
            low, high = getattr(found.presets[name], measure).mean
            value = getattr(exact.presets[name], measure).mean
            assert (low, high) == pytest.approx((value, value)), (name, measure)
        assert found.presets[name].undecided == 0
        # What is kept and dropped at the server's own temperature is known too.
        pair = (name, "all")
        assert found.total_variation[pair].mean == pytest.approx(
            (exact.total_variation[pair].mean,) * 2
        )
    assert found.presets["all"].undecided == 0
    assert found.presets["all"].kept.mean == Interval(7, 7)
    low, high = found.presets["all"].entropy.mean
    assert high - low > 0.05


def test_the_same_settings_do_not_differ_whatever_the_tail_is() -> None:
    row = ts.Reported(np.log([0.4, 0.2]), vocabulary=50)
    presets = {
        "a": {"top_p": 0.9, "temperature": 1.5},
        "b": {"top_p": 0.9, "temperature": 1.5},
        "c": {"temperature": 1.5, "engine": "vllm"},
        "d": {"temperature": 1.5},
        "e": {"temperature": 0.1, "top_k": 1},
        "f": {"temperature": 2.0, "top_k": 1, "engine": "llama.cpp"},
    }
    found = ts.compare_samplers(row, presets)
    apart = {pair: over.mean for pair, over in found.total_variation.items()}
    assert apart["a", "b"] == apart["c", "d"] == apart["e", "f"] == Interval(0, 0)
    assert found.presets["a"].undecided == 1
    low, high = apart["a", "d"]
    assert 0 <= low < high <= 1
    assert found.presets["a"].kept.mean == Interval(2, 50)


def test_rounded_log_probabilities_widen_the_ranges() -> None:
    known, rounded = (
        Bounded(ts.Reported(np.log([0.5, 0.3, 0.2]), vocabulary=3, delta=delta), preset)
        for delta, preset in (
            (0.0, preset_of("a", "top_k=2,T=2")),
            (0.01, preset_of("a", "top_k=2,T=2")),
        )
    )
    for name in ("entropy", "agreement"):
        (low, high), (least, most) = getattr(known, name)(), getattr(rounded, name)()
        assert least < low <= high < most
        assert most - least < 0.05


def test_positions_of_an_answer_have_their_drawn_tokens() -> None:
    text = [
        position(entry("a", 0.6), entry("b", 0.3)),
        position(entry("b", 0.3), entry("a", 0.6)),
        {"token": "c", "logprob": None, "top_logprobs": []},
    ]
    data = parse_logits(json.dumps({"logprobs": {"content": text}}))
    found = ts.compare_samplers(data, {"a": "top_k=1", "b": {}}, vocabulary=100)
    assert (found.n, found.skipped) == (2, 1)
    assert found.presets["a"].impossible == Interval(1, 1)
    assert found.presets["a"].nll.mean == Interval(math.inf, math.inf)
    assert found.presets["b"].nll.mean.low == pytest.approx(-(math.log(0.6) + math.log(0.3)) / 2)
    with pytest.raises(ts.ArgumentError, match="targets must be left out"):
        ts.compare_samplers(data, {"a": {}}, [0, 1, 2])


def test_a_whole_answer_is_exact() -> None:
    text = [
        position(entry("a", 0.75), entry("b", 0.25)),
        position(entry("b", 0.5), entry("a", 0.5)),
    ]
    data = parse_logits(json.dumps({"logprobs": {"content": text}}), vocabulary=2)
    found = ts.compare_samplers(data, {"a": {"temperature": 2.0}})
    values = found.presets["a"].nll.mean
    both = values if isinstance(values, Interval) else (values, values)
    root = math.sqrt(0.75) / (math.sqrt(0.75) + 0.5)
    assert both == pytest.approx(((-math.log(root) + math.log(2)) / 2,) * 2)


@pytest.mark.parametrize(
    ("presets", "words"),
    [
        ({}, "presets must have at least one, got none"),
        ([("a", {})], "presets must be a mapping from names to settings, got list"),
        ({"": {}}, "presets must have texts as names, got ''"),
        ({"a": {"top_p": 2.0}}, "presets have an error in 'a': top_p must be in [0, 1], got 2.0"),
        ({"a": {"top_q": 2.0}}, "presets have an error in 'a': top_q is no keyword"),
        ({"a": 7}, "presets have an error in 'a': settings must be keywords of truncate or a text"),
        ({"a": {"temperature": -1}}, "'a': temperature must be >= 0, got -1"),
        ({"a": "top_p"}, "'a': settings must be KEYWORD=VALUE, or begin with one of transformers,"),
        ({"a": "vllm,top_p"}, "'a': settings must be KEYWORD=VALUE, got 'top_p'"),
        ({"a": "top_p=x"}, "'a': top_p must be a number, got 'x'"),
        ({"a": "top_k=2.5"}, "'a': top_k must be a whole number, got '2.5'"),
        ({"a": "top_k=2,top-k=3"}, "'a': top_k must be given once, got it twice"),
        ({"a": "presence_penalty=1"}, "'a': presence_penalty is no keyword of a preset"),
        ({"a": "T=2,order=top_p,top_p=0.5"}, "'a': temperature is not 1, but order lacks it"),
        ({"a": "mlx-lm,typical_p=0.5"}, "'a': typical_p is no step of engine 'mlx-lm'"),
    ],
)
def test_a_wrong_preset_is_named(presets: Any, words: str) -> None:
    with pytest.raises(ts.ArgumentError) as found:
        ts.compare_samplers(ROWS, presets)
    assert words in str(found.value)
    assert found.value.argument == "presets"


def test_a_step_that_needs_all_logits_names_its_preset() -> None:
    row = ts.Reported(np.log([0.4, 0.2]))
    words = "presets have an error in 'a': xtc_probability must be left out"
    with pytest.raises(ts.ArgumentError, match=words):
        ts.compare_samplers(row, {"a": "xtc_probability=0.5"})
    with pytest.raises(ts.ArgumentError, match="must all be Reported"):
        ts.compare_samplers([row, [1.0, 2.0]], {"a": {}})


@pytest.mark.parametrize(
    ("logits", "targets", "words"),
    [
        ([[1.0, math.nan]], None, "logits must be finite or -inf, got nan in row 0"),
        ([[0.0, 1.0], [-math.inf] * 2], None, "must have an entry above -inf in each row"),
        ([[0.0, 1.0]], [2], "targets must be in \\[0, 2\\), got 2 in row 0"),
        ([[0.0, 1.0]] * 2, [-100, 7], "targets must be in \\[0, 2\\), got 7 in row 1"),
        ([[0.0, 1.0]], [0, 1], "targets must be classes of shape \\(1,\\), got shape \\(2,\\)"),
    ],
)
def test_a_wrong_row_is_named(logits: Any, targets: Any, words: str) -> None:
    with pytest.raises(ts.ArgumentError, match=words):
        ts.compare_samplers(logits, {"a": {}}, targets)


def test_settings_of_a_text_are_those_of_the_keywords() -> None:
    text = "llama.cpp, T=inf, top-p=0.5, order=top-p+temperature+top_k+min_p, ties=k"
    assert settings_of_text(text) == {
        "engine": "llama.cpp",
        "temperature": math.inf,
        "top_k": 40,
        "top_p": 0.5,
        "min_p": 0.05,
        "order": ["top_p", "temperature", "top_k", "min_p"],
        "ties": "k",
    }
    (preset,) = presets_of({"a": text})
    assert ts.truncate(ROWS, **preset.keywords()).shape == ROWS.shape


def test_bounds_of_a_row_come_in_the_order_of_the_table() -> None:
    row = ts.Reported(np.log([0.6, 0.3]), vocabulary=5)
    columns, decided = bounds_of(row, presets_of({"a": "top_k=1", "b": "top_p=0.95"}), 2)
    assert len(columns) == 2 * len(MEASURES) + 1
    assert columns[MEASURES.index("kept")] == Interval(1, 1)
    assert decided == [True, False]
