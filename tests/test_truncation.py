"""Truncation: exact arithmetic, transformers' warpers, engines by hand, properties, errors."""

from __future__ import annotations

import functools
import itertools
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import thermoscope as ts
from thermoscope import kernels
from thermoscope.truncation.engines import ENGINES, PAPERS

if TYPE_CHECKING:
    from collections.abc import Callable

INF, NAN = math.inf, math.nan
TIED = [2.0, 1.0, 1.0, 0.0]


def by_one(
    rule: str, logits: np.ndarray, value: float, temperature: float = 1.0, **rest: object
) -> np.ndarray:
    return ts.keep(logits, temperature, **{rule: value}, **rest)


RULES: dict[str, Callable[..., np.ndarray]] = {
    rule: functools.partial(by_one, rule)
    for rule in ("top_k", "top_p", "min_p", "typical_p", "epsilon", "eta", "top_n_sigma")
}
TAKES = {
    "transformers": ("top_k", "top_p", "min_p", "typical_p", "epsilon", "eta"),
    "vllm": ("min_p", "top_k", "top_p"),
    "sglang": ("top_k", "top_p", "min_p"),
    "mlx-lm": ("top_p", "min_p", "top_k"),
    "llama.cpp": ("top_n_sigma", "top_k", "typical_p", "top_p", "min_p"),
    "ollama": ("top_k", "typical_p", "top_p", "min_p"),
    "ollama<0.30": ("top_k", "top_p", "min_p"),
}
ALL = tuple(TAKES)
# The steps that are not in RULES; see test_penalties.
BEFORE = {
    "transformers": ("logit_bias", "repetition_penalty"),
    "vllm": ("logit_bias", "repetition_penalty", "frequency_penalty", "presence_penalty"),
    "sglang": ("frequency_penalty", "presence_penalty", "repetition_penalty", "logit_bias"),
    "mlx-lm": ("logit_bias", "repetition_penalty", "presence_penalty", "frequency_penalty"),
    "llama.cpp": (
        "logit_bias",
        "repetition_penalty",
        "frequency_penalty",
        "presence_penalty",
        "dry_multiplier",
    ),
    "ollama": ("repetition_penalty", "frequency_penalty", "presence_penalty"),
    "ollama<0.30": (),
}

rows = arrays(np.float64, st.integers(1, 12), elements=st.integers(-12, 12).map(lambda n: n / 2))
temperatures = st.sampled_from([0.0, 0.25, 0.5, 1.0, 2.0, 8.0, INF])
values = {
    "top_k": st.integers(1, 14),
    "top_p": st.floats(0, 1),
    "min_p": st.floats(0, 1),
    "typical_p": st.floats(0, 1),
    "epsilon": st.floats(0, 1),
    "eta": st.floats(0, 1),
    "top_n_sigma": st.floats(0, 4),
}
ruled = st.sampled_from(sorted(RULES)).flatmap(lambda rule: st.tuples(st.just(rule), values[rule]))


def prefix(scores: list[Any], probabilities: list[Any], mass: float) -> list[bool]:
    """Take entries by rising score until they hold the mass, and those that tie with the last."""
    total, last = mpmath.mpf(0), None
    for score, p in sorted(zip(scores, probabilities, strict=True)):
        if last is None or total < mass:
            total, last = total + p, score
        assume(mass in {0, 1} or abs(total - mass) > 1e-9)
    return [score <= last or mass == 1 for score in scores]


def oracle(rule: str, logits: list[float], value: float, temperature: float) -> list[bool]:
    """Decide in exact arithmetic, entry by entry; skip inputs that rounding decides."""
    top = max(logits)
    exact = [mpmath.mpf(z) for z in logits]
    if rule == "top_k":
        return [z >= sorted(logits)[-min(int(value), len(logits))] for z in logits]
    if rule == "top_n_sigma":
        mean = sum(exact) / len(exact)
        sigma = mpmath.sqrt(sum((z - mean) ** 2 for z in exact) / len(exact))
        least = top - value * sigma
        assume(all(z == top or abs(z - least) > 1e-9 for z in exact))
        return [z >= least or z == top for z in exact]
    exp_z = [mpmath.exp((z - top) / temperature) for z in exact]
    p = [one / sum(exp_z) for one in exp_z]
    surprises = [-mpmath.log(one) for one in p]
    nats = sum(one * s for one, s in zip(p, surprises, strict=True))
    if rule == "top_p":
        return prefix([-z for z in exact], p, value)
    if rule == "typical_p":
        # Equal logits are equally far, whatever the rounding of the logarithm.
        distances = [mpmath.nstr(abs(s - nats), 30) for s in surprises]
        apart = sorted({mpmath.mpf(d) for d in distances})
        assume(all(b - a > 1e-9 for a, b in itertools.pairwise(apart)))
        return prefix([mpmath.mpf(d) for d in distances], p, value)
    least = {
        "min_p": value * max(p),
        "epsilon": value,
        "eta": min(value, mpmath.sqrt(value) * mpmath.exp(-nats)),
    }[rule]
    assume(all(z == top or abs(one - least) > 1e-9 for z, one in zip(logits, p, strict=True)))
    return [z == top or one >= least for z, one in zip(logits, p, strict=True)]


@given(row=rows, temperature=st.sampled_from([0.25, 1.0, 3.0]), what=ruled)
def test_rules_agree_with_exact_arithmetic(
    row: np.ndarray, temperature: float, what: tuple[str, float]
) -> None:
    rule, value = what
    with mpmath.workdps(50):
        want = oracle(rule, row.tolist(), value, temperature)
    assert RULES[rule](row, value, temperature).tolist() == want


TEMPERATURES = (0.1, 0.3, 0.7, 1.0, 1.5, 3.0)
GRID: dict[str, tuple[float, ...]] = {
    "top_k": (1, 5, 50, 1000, 50257, 100000),
    "top_p": (0.0, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0),
    "min_p": (0.0, 0.01, 0.05, 0.1, 0.5, 1.0),
    "typical_p": (0.2, 0.5, 0.9, 0.95, 0.99, 1.0),
    "epsilon": (0.0, 3e-4, 9e-4, 0.01, 0.1),
    "eta": (0.0, 3e-4, 2e-3, 0.01, 0.1),
}
SINGLE = [(name, value) for name, options in GRID.items() for value in options]
CHAINS = [
    {"top_k": 50, "top_p": 0.9},
    {"top_k": 50, "top_p": 0.95, "min_p": 0.05},
    {"top_p": 0.9, "min_p": 0.02},
    {"top_k": 1000, "typical_p": 0.9},
    {"top_p": 0.99, "typical_p": 0.5},
    {"typical_p": 0.7, "epsilon": 9e-4},
    {"top_k": 2000, "top_p": 0.97, "min_p": 0.001, "typical_p": 0.9, "epsilon": 3e-4, "eta": 2e-3},
]


WARPERS = {
    "temperature": "TemperatureLogitsWarper",
    "top_k": "TopKLogitsWarper",
    "top_p": "TopPLogitsWarper",
    "min_p": "MinPLogitsWarper",
    "typical_p": "TypicalLogitsWarper",
    "epsilon": "EpsilonLogitsWarper",
    "eta": "EtaLogitsWarper",
}


@functools.cache
def next_tokens() -> np.ndarray:
    """Return logits like those of GPT-2's next token, made up: a bulk far below a few that lead."""
    draw = np.random.default_rng(0)
    logits = draw.normal(-100, 4, (3, 50_257)).astype(np.float32)
    for row in logits:
        row[draw.choice(row.size, 400, replace=False)] = draw.exponential(3, 400) - 85
    return logits


def warped(
    logits: np.ndarray,
    temperature: float,
    options: dict[str, float],
    order: list[str] | None = None,
) -> np.ndarray:
    """Run logits through the warpers that transformers makes of these options, in its order.

    Or in another one, in which a caller of `generate` may pass them.
    """
    torch = pytest.importorskip("torch", reason="the warpers of transformers need PyTorch")
    pytest.importorskip("transformers", reason="transformers is not installed")
    from transformers import GenerationConfig
    from transformers.generation import logits_process
    from transformers.generation.utils import GenerationMixin

    if order is None:
        names = {"epsilon": "epsilon_cutoff", "eta": "eta_cutoff"}
        named = {names.get(name, name): value for name, value in options.items()}
        config = GenerationConfig(do_sample=True, temperature=temperature, **{"top_k": 0} | named)
        config._eos_token_tensor = None
        processors = GenerationMixin()._get_logits_processor(
            config,
            prefix_allowed_tokens_fn=None,
            logits_processor=[],
            device="cpu",
            model_kwargs={},
        )
    else:
        settings = {"temperature": temperature, **options}
        processors = logits_process.LogitsProcessorList(
            getattr(logits_process, WARPERS[step])(settings[step]) for step in order
        )
    return processors(None, torch.from_numpy(logits.copy())).numpy()


@pytest.mark.parametrize("options", [*({n: v} for n, v in SINGLE), *CHAINS], ids=str)
def test_the_warpers_of_transformers_agree_in_float64(options: dict[str, float]) -> None:
    """In float64 the warpers keep the same entries, and the probabilities agree."""
    logits = next_tokens().astype(np.float64)
    for temperature in TEMPERATURES:
        theirs = warped(logits, temperature, options)
        ours = ts.truncate(logits, temperature, **options, engine="transformers")
        # The least probability here, at T = 0.1, is e^-441: it does not underflow.
        np.testing.assert_array_equal(ours > 0, theirs > -INF)
        np.testing.assert_allclose(ours, ts.softmax(theirs), rtol=1e-12, atol=0)
        p = np.exp(theirs - theirs.max(axis=-1, keepdims=True))
        p /= p.sum(axis=-1, keepdims=True)
        np.testing.assert_allclose(ours, p, rtol=1e-11, atol=0)


def test_transformers_warpers_at_random_and_in_any_order() -> None:
    """In float64 nothing but a tie could differ, and there is none."""
    draw = np.random.default_rng(19)
    logits = draw.normal(0, 3, (2, 2000))
    values = {
        "top_k": lambda: int(draw.choice([1, 2, 5, 40, 100, 500, 2000, 3000])),
        "top_p": lambda: draw.uniform(0, 1),
        "min_p": lambda: 10 ** draw.uniform(-4, 0),
        "typical_p": lambda: draw.uniform(0, 1),
        "epsilon": lambda: 10 ** draw.uniform(-5, -1),
        "eta": lambda: 10 ** draw.uniform(-5, -1),
    }
    assert tuple(values) == TAKES["transformers"]
    orders = set()
    for at in range(240):
        steps = [step for step in values if draw.random() < 0.5]
        temperature = float(draw.choice([0.1, 0.3, 0.7, 1, 1.5, 3, 30]))
        options = {step: values[step]() for step in steps}
        order = None if at % 3 == 0 else draw.permutation([*steps, "temperature"]).tolist()
        theirs = warped(logits, temperature, options, order)
        about = f"{options}, {temperature}, {order}"
        kept = ts.keep(logits, temperature, **options, engine="transformers", order=order)
        np.testing.assert_array_equal(kept, theirs > -INF, about)
        ours = ts.truncate(logits, temperature, **options, engine="transformers", order=order)
        np.testing.assert_allclose(ours, ts.softmax(theirs), rtol=1e-12, atol=0, err_msg=about)
        orders.add(tuple(order or ()))
    assert len(orders) > 100


@functools.cache
def measured(temperature: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the surprises, probabilities and entropies of these logits, in float64."""
    logits = next_tokens().astype(np.float64)
    return (
        -ts.log_softmax(logits, temperature),
        ts.softmax(logits, temperature),
        ts.entropy(logits, temperature),
    )


def crossing(distance: np.ndarray, probabilities: np.ndarray, mass: float) -> float:
    """Return the distance at which entries, by rising distance, hold a mass."""
    order = np.argsort(distance, kind="stable")
    place = int(np.count_nonzero(np.cumsum(probabilities[order]) < mass))
    return float(distance[order[min(place, order.size - 1)]])


@pytest.mark.parametrize(("name", "value"), SINGLE)
def test_the_warpers_of_transformers_agree_in_float32_within_rounding(
    name: str, value: float
) -> None:
    """In float32 the warpers may keep other entries only within rounding of the threshold.

    Rounding z / T shifts each log-probability by up to 2^-24 |z / T|, and the normaliser's
    logarithm by as much; 64 roundings more are for exp, the sums, the entropy and the logarithm.
    Within twice that, `near`, an entry's surprise (for typical_p, its distance from the entropy)
    may fall on either side of the threshold, which itself is where a sum of such probabilities
    comes within `near` of p.
    """
    logits = next_tokens()
    for temperature in TEMPERATURES:
        theirs = warped(logits, temperature, {name: value})
        assert theirs.dtype == np.float32
        exact = logits.astype(np.float64)
        ours = ts.truncate(exact, temperature, **{name: value}, engine="transformers")
        kept = RULES[name](exact, value, temperature)
        others = kept != (theirs > -INF)
        for row, surprise, p, nats in zip(range(len(logits)), *measured(temperature), strict=True):
            near = 2 * 2.0**-24 * (2 * np.abs(exact[row]).max() / temperature + 64)
            scale = np.abs(surprise - nats) if name == "typical_p" else surprise
            if name in {"top_p", "typical_p"}:
                low, high = (crossing(scale, p, value + d) for d in (-near, near))
            else:
                least = {
                    "top_k": p[kept[row]].min(),
                    "min_p": value * p.max(),
                    "epsilon": value,
                    "eta": min(value, math.sqrt(value) * math.exp(-nats)),
                }[name]
                low = high = -math.log(least) if least else INF
            other = others[row]
            assert np.all(scale[other] >= low - near)
            assert np.all(scale[other] <= high + near)
            probabilities = np.exp(theirs[row] - theirs[row].max(), dtype=np.float64)
            probabilities /= probabilities.sum()
            # One entry more or less changes the normaliser of all others.
            apart = near + 2 * max(ours[row, other].sum(), probabilities[other].sum())
            np.testing.assert_allclose(
                probabilities[~other], ours[row, ~other], rtol=apart, atol=1e-37
            )


@pytest.mark.parametrize("options", CHAINS, ids=str)
def test_transformers_keeps_as_many_of_tied_entries(options: dict[str, float]) -> None:
    """torch.sort decides which of the tied entries stay, but not how many."""
    logits = np.round(next_tokens().astype(np.float64))
    theirs = warped(logits, 0.7, options)
    ours = ts.truncate(logits, 0.7, **options, engine="transformers")
    np.testing.assert_array_equal(
        np.sort(np.where(ours > 0, logits, -INF)), np.sort(np.where(theirs > -INF, logits, -INF))
    )


VECTORS = Path(__file__).parent / "vectors" / "truncation.json"


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case["name"])
        for case in json.loads(VECTORS.read_text(encoding="utf-8"))
    ],
)
def test_rules_and_engines_by_hand(case: dict[str, Any]) -> None:
    logits, want = (np.array([*map(float, case[name])]) for name in ("logits", "probabilities"))
    temperature, settings = float(case["temperature"]), case["settings"]
    kept = ts.keep(logits, temperature, **settings)
    assert np.flatnonzero(kept).tolist() == case["kept"]
    got = ts.truncate(logits, temperature, **settings)
    np.testing.assert_array_equal(got > 0, want > 0)
    np.testing.assert_allclose(got, want, rtol=1e-14, atol=0)
    np.testing.assert_array_equal(ts.softmax(logits, float(case["counts_as"]), where=kept), got)
    if "engine" in settings:
        return
    for dtype in (np.float16, np.float32):
        with np.errstate(over="ignore", under="ignore"):
            row = logits.astype(dtype)
        # 1e308 and 1e-320 are float64's alone.
        if np.array_equal(np.isfinite(row) & (row != 0), np.isfinite(logits) & (logits != 0)):
            narrow = ts.keep(row, temperature, **settings)
            assert narrow.dtype == np.bool_
            np.testing.assert_array_equal(narrow, kept)


@pytest.mark.parametrize(
    ("engine", "temperature", "counts_as"),
    [
        # vLLM raises a temperature between 0 and 0.01, ollama one between 0 and 1e-7.
        ("vllm", 0.001, 0.01),
        ("vllm", 0.01, 0.01),
        ("vllm", 0.02, 0.02),
        ("ollama<0.30", 1e-9, 1e-7),
        ("ollama<0.30", 0.001, 0.001),
        # SGLang decodes greedily below 1e-6.
        ("sglang", 9e-7, 0.0),
        ("sglang", 1e-6, 1e-6),
        ("mlx-lm", 1e-9, 1e-9),
        ("ollama", 1e-9, 1e-9),
        ("transformers", 1e-9, 1e-9),
        ("llama.cpp", 1e-9, 1e-9),
    ],
)
def test_each_engine_has_its_lowest_temperature(
    engine: str, temperature: float, counts_as: float
) -> None:
    logits = np.array([1.0, 0.5, 0.0]) * max(counts_as, 1e-9)
    np.testing.assert_array_equal(
        ts.truncate(logits, temperature, top_k=2, engine=engine),
        ts.softmax(logits, counts_as, where=[True, True, False]),
    )
    rows = np.stack([logits, logits])
    each = ts.truncate(rows, [[temperature], [0.0]], top_k=2, engine=engine)
    np.testing.assert_array_equal(each[1], [1, 0, 0])


def test_the_engines_as_tables() -> None:
    known = ts.engines()
    assert tuple(known) == ALL
    text = str(known)
    tables = [table.splitlines() for table in text.split("\n\n")]
    changes, orders, edges, others, defaults, notes = tables
    for table in tables[:-1]:
        assert [line.split("  ")[0] for line in table] == ["engine", *ALL]
        # The second column of each table starts in one place.
        assert {line[12:14] for line in table} <= {"  ", ""}
    assert max(map(len, text.splitlines())) <= 100
    order = "top_n_sigma, top_k, typical_p, top_p, min_p, xtc_probability, temperature"
    assert f"llama.cpp     {order}" in orders
    assert changes[2].endswith("repetition_penalty, frequency_penalty*, presence_penalty*")
    assert others[5] == "llama.cpp     64              typical_p, top_p, min_p, xtc_probability"
    assert edges[5].endswith("range")
    assert edges[2].split() == ["vllm", "all", "or", "k", "sum", ">=", "p", "0", "or", ">=", "0.01"]
    assert edges[3].endswith("  0 if < 1e-06")
    assert "sum >= p, all, joint" in edges[3]
    assert "temperature 0.8, top_k 40, top_p 0.95, min_p 0.05" in defaults[5]
    assert len(notes) == 6


@pytest.mark.parametrize("engine", ALL)
def test_the_defaults_of_an_engine_are_its_own_parameters(engine: str) -> None:
    about = ts.engines()[engine]
    steps = tuple(step for step in about.order if step not in {"temperature", "xtc_probability"})
    assert steps == (*BEFORE[engine], *TAKES[engine])
    assert about.version
    assert about.source
    got = ts.truncate(np.arange(60.0) / 60, **about.defaults, engine=engine)
    assert got.sum() == pytest.approx(1)
    top_k = about.defaults["top_k"]
    expected = 1 if about.defaults["temperature"] == 0 else top_k if top_k > 0 else 60
    assert np.count_nonzero(got) <= expected


# --- the rules ----------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ALL)
@pytest.mark.parametrize("temperature", [0, 1, INF])
def test_rows_without_a_distribution_are_those_of_softmax(engine: str, temperature: float) -> None:
    logits = np.array([[NAN, 1.0, 2.0], [-INF, -INF, -INF], [3.0, 4.0, NAN], [5.0, 6.0, 7.0]])
    mask = np.array([[True] * 3, [True] * 3, [True, True, False], [False] * 3])
    got = ts.truncate(logits, temperature, top_k=1, top_p=0.5, min_p=0.5, where=mask, engine=engine)
    np.testing.assert_array_equal(got, [[NAN] * 3, [NAN] * 3, [0, 1, 0], [0, 0, 0]])


@pytest.mark.parametrize("engine", ALL)
def test_without_options_it_is_softmax(engine: str) -> None:
    logits = np.random.default_rng(3).normal(0, 3, (4, 6)).astype(np.float32)
    for temperature in (0.0, 0.5, INF):
        want = ts.softmax(logits, temperature)
        got = ts.truncate(logits, temperature, engine=engine)
        assert got.dtype == np.float32
        np.testing.assert_array_equal(got, want)


def every_option(engine: str) -> dict[str, float]:
    options = {
        "top_k": 9,
        "top_p": 0.9,
        "min_p": 0.02,
        "typical_p": 0.8,
        "epsilon": 0.01,
        "eta": 0.01,
        "top_n_sigma": 2.5,
    }
    return {name: options[name] for name in TAKES[engine]}


@pytest.mark.parametrize("engine", ALL)
def test_a_row_among_others_is_what_it_is_alone(engine: str) -> None:
    """On every axis, in every layout, with masks and a temperature for each row."""
    rng = np.random.default_rng(5)
    shape = (3, 23, 4)
    # Few distinct values make ties, of which the first along the axis are kept.
    logits = rng.integers(-6, 6, shape) / 2
    mask = rng.random(shape) < 0.8
    options = every_option(engine)
    for axis in (0, 1, 2, -2):
        single = tuple(1 if k == axis % 3 else n for k, n in enumerate(shape))
        temperature = rng.choice([0.0, 0.5, 1.0, 4.0, INF], single)
        whole = ts.truncate(
            np.asfortranarray(logits), temperature, **options, axis=axis, where=mask, engine=engine
        )
        rules = {
            name: RULES[name](logits, value, temperature, axis=axis, where=mask)
            for name, value in options.items()
        }
        for index in np.ndindex(*single):
            entries = tuple(slice(None) if k == axis % 3 else i for k, i in enumerate(index))
            alone = {"where": mask[entries]}
            row, t = logits[entries], temperature[index]
            np.testing.assert_allclose(
                whole[entries], ts.truncate(row, t, **options, **alone, engine=engine), rtol=1e-15
            )
            for name, value in options.items():
                np.testing.assert_array_equal(
                    rules[name][entries], RULES[name](row, value, t, **alone)
                )


def test_masked_entries_change_nothing() -> None:
    rng = np.random.default_rng(9)
    for rule, value in {**every_option("transformers"), "top_n_sigma": 1.5}.items():
        for temperature in (0.0, 0.5, 2.0, INF):
            row = rng.normal(0, 2, 40)
            mask = rng.random(40) < 0.6
            want = RULES[rule](row[mask], value, temperature)
            for junk in (NAN, INF, -INF, 1e308):
                row[~mask] = junk
                kept = RULES[rule](row, value, temperature, where=mask)
                assert not kept[~mask].any()
                np.testing.assert_array_equal(kept[mask], want)


@given(row=rows, temperature=temperatures, what=ruled)
def test_a_rule_keeps_the_highest_entries_and_whole_ties(
    row: np.ndarray, temperature: float, what: tuple[str, float]
) -> None:
    rule, value = what
    kept = RULES[rule](row, value, temperature)
    assert kept.shape == row.shape
    assert kept.any()
    # typical_p may keep any entries; the others keep all that are as high as a kept one.
    if rule != "typical_p":
        np.testing.assert_array_equal(kept, row >= row[kept].min())
    # Equal entries are kept or dropped together.
    for value_of_entry in np.unique(row):
        assert len(set(kept[row == value_of_entry].tolist())) == 1
    # It is what softmax takes as a mask.
    assert ts.softmax(row, temperature, where=kept).sum() == pytest.approx(1, abs=1e-12)


@given(row=rows, temperature=temperatures, data=st.data())
def test_steps_in_any_order_are_rules_one_after_another(
    row: np.ndarray, temperature: float, data: st.DataObject
) -> None:
    steps = data.draw(st.sets(st.sampled_from(sorted(RULES))), label="steps")
    # Values that no sum of probabilities comes near.
    odd = st.integers(0, 98).map(lambda n: n / 100 + 0.00123456789)
    options = {
        step: data.draw(values[step] if step == "top_k" else odd, label=step)
        for step in sorted(steps)
    }
    order = data.draw(st.permutations([*sorted(steps), "temperature"]), label="order")
    want, seen = np.ones(row.shape, np.bool_), 1.0
    for step in order:
        if step == "temperature":
            seen = temperature
        else:
            want = RULES[step](row, options[step], seen, where=want)
    np.testing.assert_array_equal(ts.keep(row, temperature, **options, order=order), want)
    np.testing.assert_array_equal(
        ts.truncate(row, temperature, **options, order=order),
        ts.softmax(row, temperature, where=want),
    )


@pytest.mark.parametrize("engine", ALL)
@pytest.mark.parametrize("temperature", [0, 0.7, 3])
def test_an_engine_keeps_its_edge_rules_in_another_order(engine: str, temperature: float) -> None:
    logits = np.random.default_rng(11).integers(-6, 6, (5, 40)) / 2
    options = every_option(engine)
    usual = ts.keep(logits, temperature, **options, engine=engine)
    own = [step for step in ENGINES[engine].order if step in {"temperature", *options}]
    np.testing.assert_array_equal(
        ts.keep(logits, temperature, **options, engine=engine, order=own), usual
    )
    backwards = ts.keep(logits, temperature, **options, engine=engine, order=own[::-1])
    assert (backwards != usual).any() or temperature == 0
    # An engine that counts keeps two of the tied entries.
    two = ts.keep(TIED, top_k=2, engine=engine, order=["top_k"])
    np.testing.assert_array_equal(two, ts.keep(TIED, top_k=2, engine=engine))


@given(
    row=rows,
    temperature=st.sampled_from([0.25, 1.0, 3.0]),
    k=st.integers(1, 14),
    p=st.integers(0, 98).map(lambda n: n / 100 + 0.00123456789),
)
def test_joint_steps_keep_what_is_within_both_limits(
    row: np.ndarray, temperature: float, k: int, p: float
) -> None:
    """An entry is kept if fewer than k entries, of less than p together, are above it."""
    probabilities = ts.softmax(row, temperature)
    above = row > row[:, None]
    want = (above.sum(axis=1) < k) & ((above * probabilities).sum(axis=1) < p)
    options = {"top_k": k, "top_p": p}
    np.testing.assert_array_equal(ts.keep(row, temperature, **options, engine="sglang"), want)
    # mlx-lm applies top_p first, at T = 1: without ties, the result is the same.
    if np.unique(row).size == row.size:
        scaled = ts.keep(row / temperature, 5.0, **options, engine="mlx-lm")
        np.testing.assert_array_equal(scaled, want)
    one_by_one = ts.keep(
        row, temperature, **options, engine="sglang", order=["temperature", "top_k", "top_p"]
    )
    np.testing.assert_array_equal(one_by_one, ts.keep(row, temperature, **options))


@given(row=rows, temperature=temperatures, what=ruled, seed=st.integers(0, 99))
def test_permuted_entries_are_kept_or_dropped_alike(
    row: np.ndarray, temperature: float, what: tuple[str, float], seed: int
) -> None:
    rule, value = what
    # Where a probability is within rounding of the cutoff, the order of a sum decides.
    probabilities = ts.softmax(row, temperature)
    nats = float(ts.entropy(row, temperature))
    cut = {"min_p": value * probabilities.max(), "epsilon": value}
    cut["eta"] = min(value, math.sqrt(value) * math.exp(-nats)) if rule == "eta" else 0
    assume(rule not in cut or np.all(np.abs(probabilities - cut[rule]) > 1e-12))
    assume(rule != "typical_p" or not near_crossing(row, temperature, value))
    order = np.random.default_rng(seed).permutation(row.size)
    kept = RULES[rule](row, value, temperature)
    np.testing.assert_array_equal(RULES[rule](row[order], value, temperature), kept[order])


def near_crossing(row: np.ndarray, temperature: float, mass: float) -> bool:
    """Tell whether rounding decides which entries are typical."""
    surprise = -ts.log_softmax(row, temperature)
    distance = np.abs(surprise - float(ts.entropy(row, temperature)))
    order = np.argsort(distance, kind="stable")
    total = np.cumsum(ts.softmax(row, temperature)[order])
    # Entries of other logits may be equally far, on the other side of the entropy.
    steps = np.diff(distance[order][np.isfinite(distance[order])])
    close = (steps < 1e-9) & (np.diff(row[order])[: steps.size] != 0)
    return bool(close.any() or np.any(np.abs(total - mass) < 1e-12))


@given(row=rows, temperature=temperatures, what=ruled, shift=st.integers(-64, 64))
def test_a_common_shift_changes_nothing(
    row: np.ndarray, temperature: float, what: tuple[str, float], shift: int
) -> None:
    rule, value = what
    # The mean of shifted logits is rounded differently.
    if rule == "top_n_sigma":
        distance = row.max() - row
        assume(np.all((distance == 0) | (np.abs(distance - value * row.std()) > 1e-9)))
    np.testing.assert_array_equal(
        RULES[rule](row + shift, value, temperature), RULES[rule](row, value, temperature)
    )


LOOSER = {"top_k": 1, "top_p": 1, "typical_p": 1, "top_n_sigma": 1}


@given(row=rows, temperature=temperatures, data=st.data())
def test_a_looser_parameter_keeps_no_less(
    row: np.ndarray, temperature: float, data: st.DataObject
) -> None:
    for rule, function in RULES.items():
        a, b = sorted(data.draw(st.tuples(values[rule], values[rule]), label=rule))
        tight, loose = (a, b) if rule in LOOSER else (b, a)
        narrow = function(row, tight, temperature)
        assert np.all(function(row, loose, temperature) | ~narrow), rule


@given(
    row=rows,
    temperature=temperatures,
    engine=st.sampled_from(ALL),
    data=st.data(),
)
def test_an_engine_gives_a_distribution(
    row: np.ndarray, temperature: float, engine: str, data: st.DataObject
) -> None:
    bounds = {"typical_p": (0.01, 1), "epsilon": (0, 0.99), "eta": (0, 0.99), "top_p": (0.01, 1)}
    options = {
        name: data.draw(st.floats(*bounds[name]) if name in bounds else values[name], label=name)
        for name in data.draw(st.sets(st.sampled_from(TAKES[engine])), label="options")
    }
    got = ts.truncate(row, temperature, **options, engine=engine)
    assert got.sum() == pytest.approx(1, abs=1e-12)
    assert np.all(got >= 0)
    if "typical_p" not in options:
        # Some entry of the maximum is always kept; an engine that splits ties keeps the first.
        assert got[row.argmax()] > 0
    # Entries keep their ratios.
    kept = got > 0
    if temperature > 0:
        np.testing.assert_allclose(got, ts.softmax(row, temperature, where=kept), rtol=1e-13)
    shifted = ts.truncate(row + 16, temperature, **options, engine=engine)
    if "top_n_sigma" not in options:
        # The native kernel does not subtract the maximum: a shift may change the last digits.
        np.testing.assert_array_max_ulp(shifted, got, 4)
        with kernels.use("reference"):
            got = ts.truncate(row, temperature, **options, engine=engine)
            shifted = ts.truncate(row + 16, temperature, **options, engine=engine)
        np.testing.assert_array_equal(shifted, got)


KERNELS = [kernel.name for kernel in kernels.available() if kernel.runs]


@st.composite
def borderline(draw: st.DrawFn) -> tuple[np.ndarray, dict[str, Any]]:
    """Draw rows with ties, and keywords of `keep` whose values are those at which a rule turns."""
    row = draw(rows) * draw(st.floats(0.1, 3))
    engine, temperature = draw(st.sampled_from([None, *ALL])), draw(temperatures)
    with kernels.use("reference"):
        p = np.sort(ts.softmax(row, draw(st.sampled_from([1.0, temperature]))))[::-1]
    turns = {"top_p": np.cumsum(p), "typical_p": np.cumsum(p), "min_p": p / p[0]}
    options: dict[str, Any] = {}
    for step in sorted(draw(st.sets(st.sampled_from(TAKES[engine] if engine else sorted(RULES))))):
        if step in {"top_k", "top_n_sigma"}:
            options[step] = draw(values[step])
        else:
            # The engines do not all take 0 and 1.
            options[step] = float(np.clip(draw(st.sampled_from(turns.get(step, p))), 1e-9, 0.99))
    if draw(st.booleans()):
        options["order"] = draw(st.permutations([*options, "temperature"]))
    logits = np.stack([row, *(draw(st.permutations(row)) for _ in range(draw(st.integers(0, 2))))])
    return logits.astype(draw(st.sampled_from([np.float32, np.float64]))), {
        **options,
        "temperature": temperature,
        "engine": engine,
    }


@given(call=borderline())
@example(call=(np.array([1.5, 1.5]), {"top_p": 0.5, "engine": "transformers"}))
def test_every_kernel_keeps_the_same_entries(call: tuple[np.ndarray, dict[str, Any]]) -> None:
    """The native kernel gives [1.5, 1.5] a little less than 0.5 each, which top_p must not see."""
    logits, options = call
    # In float64 no probability of these rows underflows.
    wide = logits.astype(np.float64)
    with kernels.use("reference"):
        want, drawn = ts.keep(logits, **options), ts.truncate(wide, **options) > 0
    for kernel in KERNELS:
        with kernels.use(kernel):
            np.testing.assert_array_equal(ts.keep(logits, **options), want, kernel)
            np.testing.assert_array_equal(ts.truncate(wide, **options) > 0, drawn, kernel)


def test_a_whole_vocabulary_is_normalised_before_it_is_truncated() -> None:
    """262,144 entries: nothing is cut before it is normalised."""
    logits = np.random.default_rng(7).normal(0, 3, 262_144).astype(np.float32)
    p = ts.softmax(logits.astype(np.float64))
    kept = ts.keep(logits, top_p=0.9)
    assert 0.9 <= p[kept].sum() < 0.9 + p[kept].min()
    assert p[~kept].max() <= p[kept].min()
    for engine in ALL:
        got = ts.truncate(logits, 0.8, top_k=50, top_p=0.95, engine=engine)
        assert np.count_nonzero(got) <= 50
        assert got.dtype == np.float32
        assert float(got.sum(dtype=np.float64)) == pytest.approx(1, abs=1e-6)


def test_the_input_is_not_changed() -> None:
    logits = np.array([[3.0, 1.0, NAN], [2.0, 5.0, -INF]])
    mask = np.array([[True, True, False], [True, True, True]])
    logits.flags.writeable = mask.flags.writeable = False
    for engine in ALL:
        ts.truncate(logits, **every_option(engine), where=mask, engine=engine)
    assert ts.truncate([1, 2, 3], top_k=2).dtype == np.float64


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        ({"top_k": 0}, ValueError, "top_k must be >= 1, got 0"),
        ({"top_k": 1.5}, TypeError, "top_k must be a whole number, got 1.5"),
        ({"top_p": 1.5}, ValueError, "top_p must be in [0, 1], got 1.5"),
        ({"top_p": NAN}, ValueError, "top_p must be in [0, 1], got nan"),
        ({"top_p": "0.5"}, TypeError, "top_p must be real numbers, got <U3"),
        ({"top_p": [0.5]}, TypeError, "top_p must be one number, got shape (1,)"),
        ({"min_p": -0.1}, ValueError, "min_p must be in [0, 1], got -0.1"),
        ({"typical_p": 2}, ValueError, "typical_p must be in [0, 1], got 2"),
        ({"epsilon": -1}, ValueError, "epsilon must be in [0, 1], got -1"),
        ({"eta": 1.1}, ValueError, "eta must be in [0, 1], got 1.1"),
        ({"top_n_sigma": -1}, ValueError, "top_n_sigma must be in [0, inf), got -1"),
        ({"top_n_sigma": INF}, ValueError, "top_n_sigma must be in [0, inf), got inf"),
        ({"top_k": 1, "temperature": -1}, ValueError, "temperature must be >= 0, got -1.0"),
        ({"logits": ["a"]}, TypeError, "logits must be real numbers, got <U1"),
        ({"axis": 2}, ValueError, "axis must be one of the axes of logits of shape (1,), got 2"),
        ({"where": [1]}, TypeError, "where must be an array of bool, got int64"),
        (
            {"engine": "openai"},
            ValueError,
            f"engine must be one of {', '.join(map(repr, ALL))}, got 'openai'",
        ),
        (
            {"engine": "vllm", "typical_p": 0.5},
            ValueError,
            "typical_p is no step of engine 'vllm', which takes "
            + ", ".join((*BEFORE["vllm"], *TAKES["vllm"])),
        ),
        (
            {"engine": "llama.cpp", "eta": 0.5},
            ValueError,
            "eta is no step of engine 'llama.cpp', which takes "
            + ", ".join((*BEFORE["llama.cpp"], *TAKES["llama.cpp"], "xtc_probability")),
        ),
        (
            {"engine": "ollama", "top_n_sigma": 1},
            ValueError,
            "top_n_sigma is no step of engine 'ollama', which takes "
            + ", ".join((*BEFORE["ollama"], *TAKES["ollama"])),
        ),
        (
            {"engine": "sglang", "top_k": 0},
            ValueError,
            "top_k must be >= 1, or -1 for all, got 0, in engine 'sglang'",
        ),
        ({"ties": "some"}, ValueError, "ties must be 'all' or 'k', got 'some'"),
        (
            {"engine": "llama.cpp", "ties": "all"},
            ValueError,
            "ties must be 'k', got 'all', in engine 'llama.cpp'",
        ),
        ({"order": "top_k"}, TypeError, "order must be a sequence of names of steps, got 'top_k'"),
        ({"order": 3}, TypeError, "order must be a sequence of names of steps, got 3"),
        (
            {"order": ["top_q"]},
            ValueError,
            f"order must be of {', '.join(map(repr, PAPERS.order))}, got 'top_q'",
        ),
        (
            {"order": ["top_p", "eta"], "eta": 0.1, "top_p": 0.1, "engine": "vllm"},
            ValueError,
            "eta is no step of engine 'vllm', which takes "
            + ", ".join((*BEFORE["vllm"], *TAKES["vllm"])),
        ),
        (
            {"order": ["top_k", "top_p"], "top_k": 1},
            ValueError,
            "order names 'top_p' without its parameter: give top_p=..., or leave it out",
        ),
        (
            {"order": ["top_k", "top_k"], "top_k": 1},
            ValueError,
            "order must name each step once, got 'top_k' twice",
        ),
        (
            {"order": ["top_k"], "top_k": 1, "min_p": 0.1},
            ValueError,
            "min_p is given, but order lacks it: add 'min_p' to ['top_k']",
        ),
        (
            {"order": ["top_k"], "top_k": 1, "temperature": 2},
            ValueError,
            "temperature is not 1, but order lacks it: add 'temperature' to order",
        ),
        (
            {"engine": "transformers", "top_k": -1},
            ValueError,
            "top_k must be >= 0, got -1, in engine 'transformers'",
        ),
        (
            {"engine": "vllm", "top_k": -2},
            ValueError,
            "top_k must be >= -1, got -2, in engine 'vllm'",
        ),
        (
            {"engine": "vllm", "top_p": 0},
            ValueError,
            "top_p must be in (0, 1], got 0, in engine 'vllm'",
        ),
        (
            {"engine": "transformers", "typical_p": 0},
            ValueError,
            "typical_p must be in (0, 1], got 0, in engine 'transformers'",
        ),
        (
            {"engine": "transformers", "epsilon": 1},
            ValueError,
            "epsilon must be in [0, 1), got 1, in engine 'transformers'",
        ),
        (
            {"engine": "llama.cpp", "top_n_sigma": NAN},
            ValueError,
            "top_n_sigma must be in (-inf, inf), got nan, in engine 'llama.cpp'",
        ),
        (
            {"engine": "vllm", "top_k": 2.0},
            TypeError,
            "top_k must be a whole number, got 2.0, in engine 'vllm'",
        ),
    ],
    ids=str,
)
@pytest.mark.parametrize("function", [ts.keep, ts.truncate])
def test_errors_name_the_argument(
    function: Callable[..., object], call: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(ts.ArgumentError) as caught:
        function(**{"logits": [1.0], **call})
    assert isinstance(caught.value, error)
    assert str(caught.value) == words
    assert caught.value.argument == words.partition(" ")[0]
