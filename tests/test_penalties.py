"""Penalties, logit_bias, DRY, XTC, min_keep and a dynamic temperature: by definition and by engine.

What llama.cpp's own server makes of them is in test_llama_cpp.
"""

from __future__ import annotations

import math
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import thermoscope as ts
from thermoscope.state import State
from thermoscope.truncation.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

INF, NAN = math.inf, math.nan
ENGINES = ts.engines()
# Of each engine: the order of what changes logits; the penalties that do not count the prompt; how
# many tokens count. As read in their sources, which `engines()` names.
FACTS: dict[str | None, tuple[str, set[str], int | None]] = {
    None: ("bias repetition presence frequency", set(), None),
    "transformers": ("bias repetition", set(), None),
    "vllm": ("bias repetition frequency presence", {"frequency", "presence"}, None),
    "sglang": (
        "frequency presence repetition bias",
        {"frequency", "presence", "repetition"},
        None,
    ),
    "mlx-lm": ("bias repetition presence frequency", set(), 20),
    "llama.cpp": ("bias repetition frequency presence", set(), 64),
    "ollama": ("repetition frequency presence", set(), 64),
}
KEYWORDS = {
    "bias": "logit_bias",
    "repetition": "repetition_penalty",
    "presence": "presence_penalty",
    "frequency": "frequency_penalty",
}


def penalised(
    logits: Sequence[float],
    text: list[int],
    prompt: int,
    values: dict[str, Any],
    engine: str | None,
) -> list[float]:
    """Change logits one by one, as the source of an engine says."""
    order, output_only, last = FACTS[engine]
    result = list(logits)
    for step in order.split():
        if step not in values:
            continue
        counted = text[prompt:] if step in output_only else text
        counted = counted if last is None else counted[-last:]
        for token, z in enumerate(result):
            times = counted.count(token)
            if step == "bias":
                result[token] = z + values["bias"].get(token, 0)
            elif times and step == "repetition":
                result[token] = z * values[step] if z < 0 else z / values[step]
            elif times:
                result[token] = z - values[step] * (times if step == "frequency" else 1)
    return result


@st.composite
def texts(draw: st.DrawFn) -> tuple[list[float], list[int], int, dict[str, Any], str | None]:
    """Draw logits, a text with its prompt, penalties and an engine that has them."""
    logits = draw(st.lists(st.floats(-8, 8), min_size=2, max_size=8))
    text = draw(st.lists(st.integers(0, len(logits) - 1), max_size=90))
    prompt = draw(st.integers(0, len(text)))
    engine = draw(st.sampled_from([*FACTS]))
    known = {
        "bias": st.dictionaries(st.integers(0, len(logits) - 1), st.floats(-9, 9), max_size=3),
        "repetition": st.floats(0.25, 2),
        "presence": st.floats(-2, 2),
        "frequency": st.floats(-2, 2),
    }
    values = {
        name: draw(known[name])
        for name in sorted(draw(st.sets(st.sampled_from(FACTS[engine][0].split()))))
    }
    return logits, text, prompt, values, engine


@given(drawn=texts(), temperature=st.sampled_from([0.0, 0.5, 1.0, 3.0, INF]))
def test_penalties_are_those_of_the_engine(drawn: tuple[Any, ...], temperature: float) -> None:
    logits, text, prompt, values, engine = drawn
    penalties = ts.Penalties(
        history=text,
        prompt_tokens=prompt,
        **{KEYWORDS[name]: value for name, value in values.items()},
    )
    want = penalised(logits, text, prompt, values, engine)
    got = ts.truncate(logits, temperature, penalties=penalties, engine=engine)
    if temperature:
        np.testing.assert_allclose(got, ts.softmax(want, temperature), rtol=1e-12, atol=1e-300)
    elif engine is None:
        # Logits within rounding of the maximum may tie here, and not in the other sum.
        assert np.all(np.asarray(want)[got > 0] >= max(want) - 1e-12)
    else:
        assert np.count_nonzero(got) == 1
        assert want[int(got.argmax())] >= max(want) - 1e-12


def test_a_bias_is_clipped_by_vllm_alone() -> None:
    for engine, want in [(None, 0.0), ("llama.cpp", 0.0), ("vllm", ts.softmax([-100.0, 2.0])[0])]:
        penalties = ts.Penalties(logit_bias={0: -INF})
        got = ts.truncate([0.0, 2.0], penalties=penalties, engine=engine)
        assert got[0] == pytest.approx(want, rel=1e-12)
    assert ts.keep([INF, 2.0], penalties=ts.Penalties(logit_bias={0: -INF})).tolist() == [
        False,
        True,
    ]
    # Nothing is left of a row whose entries are all banned.
    banned = ts.Penalties(logit_bias={0: -INF, 1: -INF})
    assert np.isnan(ts.truncate([0.0, 2.0], penalties=banned)).all()


# --- transformers -------------------------------------------------------------------------------


def processed(
    logits: np.ndarray, text: Sequence[int], temperature: float, **options: Any
) -> np.ndarray:
    """Run logits through the processors that transformers makes of these options."""
    torch = pytest.importorskip("torch", reason="the processors of transformers need PyTorch")
    pytest.importorskip("transformers", reason="transformers is not installed")
    from transformers import GenerationConfig
    from transformers.generation.utils import GenerationMixin

    class Model(GenerationMixin):
        class config:  # noqa: N801 - what a model calls it
            is_encoder_decoder = False

    config = GenerationConfig(do_sample=True, temperature=temperature, **{"top_k": 0} | options)
    config._eos_token_tensor = None
    processors = Model()._get_logits_processor(
        config, input_ids_seq_length=len(text), logits_processor=[], device="cpu", model_kwargs={}
    )
    ids = torch.tensor([list(text)] * len(logits))
    return processors(ids, torch.from_numpy(logits.copy())).numpy()


def test_the_processors_of_transformers_agree_in_float64() -> None:
    draw = np.random.default_rng(3)
    for at in range(100):
        logits = draw.normal(0, 3, (2, 50))
        text = draw.integers(0, 50, draw.integers(1, 80)).tolist()
        options: dict[str, Any] = {}
        values: dict[str, Any] = {}
        if at % 3:
            values["repetition_penalty"] = options["repetition_penalty"] = draw.uniform(0.5, 2)
        if at % 2:
            # It keeps biases in float32.
            bias = {
                i: float(np.float32(draw.normal(0, 3))) for i in draw.integers(0, 50, 4).tolist()
            }
            values["logit_bias"] = bias
            options["sequence_bias"] = [[[token], value] for token, value in bias.items()]
        rules = {} if at % 5 else {"top_k": 20, "top_p": 0.8}
        temperature = float(draw.choice([0.3, 1.0, 2.0]))
        theirs = processed(logits, text, temperature, **options, **rules)
        ours = ts.truncate(
            logits,
            temperature,
            penalties=ts.Penalties(history=text, **values),
            **rules,
            engine="transformers",
        )
        np.testing.assert_array_equal(ours > 0, theirs > -INF)
        np.testing.assert_allclose(ours, ts.softmax(theirs), rtol=1e-11, atol=0)


def test_the_processors_of_transformers_in_any_order() -> None:
    """A caller of `generate` may pass them so: after the temperature, they change quotients."""
    torch = pytest.importorskip("torch", reason="the processors of transformers need PyTorch")
    process = pytest.importorskip("transformers.generation.logits_process")
    draw = np.random.default_rng(11)
    orders = set()
    for _ in range(150):
        logits = draw.normal(0, 3, (2, 60))
        text = draw.integers(0, 60, draw.integers(1, 90)).tolist()
        bias = {3: float(np.float32(draw.normal(0, 3))), 7: -1.5}
        temperature = float(draw.choice([0.3, 0.7, 1.5]))
        made: dict[str, tuple[Any, Any]] = {
            "temperature": (temperature, process.TemperatureLogitsWarper),
            "repetition_penalty": (draw.uniform(0.5, 2), process.RepetitionPenaltyLogitsProcessor),
            "logit_bias": (bias, process.SequenceBiasLogitsProcessor),
            "top_k": (int(draw.integers(2, 50)), process.TopKLogitsWarper),
            "top_p": (draw.uniform(0.3, 1), process.TopPLogitsWarper),
            "min_p": (draw.uniform(0, 0.1), process.MinPLogitsWarper),
        }
        order = draw.permutation([*made])[: draw.integers(1, 7)].tolist()
        if "temperature" not in order:
            order.insert(0, "temperature")
        theirs = torch.from_numpy(logits.copy())
        for step in order:
            value, kind = made[step]
            if step == "logit_bias":
                value = {(token,): each for token, each in bias.items()}
            theirs = kind(value)(torch.tensor([text] * 2), theirs)
        values = {step: made[step][0] for step in order if step != "temperature"}
        changes = {step: values.pop(step) for step in [*values] if step not in RULES}
        ours = ts.truncate(
            logits,
            temperature,
            penalties=ts.Penalties(history=text, **changes),
            **values,
            engine="transformers",
            order=order,
        )
        np.testing.assert_array_equal(ours > 0, theirs.numpy() > -INF, str(order))
        np.testing.assert_allclose(ours, ts.softmax(theirs.numpy()), rtol=1e-11, atol=0)
        orders.add(tuple(order))
    assert len(orders) > 100


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(
    ("step", "warper", "values"),
    [
        ("top_k", "TopKLogitsWarper", (1, 4, 30)),
        ("top_p", "TopPLogitsWarper", (0.1, 0.5, 0.99)),
        ("min_p", "MinPLogitsWarper", (0.01, 0.3, 1.0)),
        ("typical_p", "TypicalLogitsWarper", (0.1, 0.6, 0.95)),
        ("epsilon", "EpsilonLogitsWarper", (0.001, 0.1, 0.9)),
        ("eta", "EtaLogitsWarper", (0.001, 0.1, 0.9)),
    ],
)
def test_min_keep_is_min_tokens_to_keep_of_the_warpers(
    step: str, warper: str, values: tuple[float, ...], *, ties: bool
) -> None:
    torch = pytest.importorskip("torch", reason="the warpers of transformers need PyTorch")
    process = pytest.importorskip("transformers.generation.logits_process")
    logits = np.random.default_rng(5).normal(0, 3, (4, 40))
    if ties:
        logits = np.round(logits)
    for value in values:
        for least in (1, 2, 7, 39, 50):
            made = getattr(process, warper)(value, min_tokens_to_keep=least)
            theirs = made(None, torch.from_numpy(logits.copy())).numpy()
            named = {step: value, "min_keep": least, "engine": "transformers"}
            kept = ts.keep(logits, **named)
            if not ties:
                np.testing.assert_array_equal(kept, theirs > -INF)
            # Which of the tied entries stay, a sort decides.
            np.testing.assert_array_equal(
                np.sort(np.where(kept, logits, -INF)), np.sort(theirs, axis=-1)
            )


# --- DRY ----------------------------------------------------------------------------------------


def dry(text: list[int], n: int, allowed: int, breakers: Sequence[int]) -> list[int]:
    """Return for each token the longest sequence that it would repeat; -1 where none is long."""
    longest = [-1] * n
    if len(text) <= allowed:
        return longest
    for token in set(range(n)) - set(breakers):
        for end in range(len(text) - 1):
            if text[end + 1] != token:
                continue
            length = 0
            while (
                length <= end
                and text[end - length] == text[len(text) - 1 - length]
                and text[len(text) - 1 - length] not in breakers
            ):
                length += 1
            if length >= allowed:
                longest[token] = max(longest[token], length)
    broken = [at for at, token in enumerate(text) if token in breakers]
    return longest if not broken or len(text) - 1 - broken[-1] >= allowed else [-1] * n


@given(
    text=st.lists(st.integers(0, 3), max_size=40),
    allowed=st.integers(0, 4),
    breakers=st.sets(st.integers(0, 3), max_size=2),
    last=st.integers(-1, 45),
    scale=st.tuples(st.floats(0, 2), st.floats(1, 3)),
)
def test_dry_is_its_definition(
    text: list[int], allowed: int, breakers: set[int], last: int, scale: tuple[float, float]
) -> None:
    multiplier, base = scale
    logits = [0.5, 0.25, -1.0, 0.0, 2.0]
    counted = text if last == -1 else text[max(len(text) - last, 0) :]
    lengths = dry(counted, 5, allowed, sorted(breakers))
    want = [
        z if length < 0 else z - multiplier * base ** (length - allowed)
        for z, length in zip(logits, lengths, strict=True)
    ]
    penalties = ts.Penalties(
        history=text,
        dry_multiplier=multiplier,
        dry_base=base,
        dry_allowed_length=allowed,
        dry_last_n=last,
        dry_breakers=sorted(breakers),
    )
    got = ts.truncate(logits, penalties=penalties)
    np.testing.assert_allclose(got, ts.softmax(want), rtol=1e-12, atol=1e-300)


def test_dry_of_a_long_loop_is_finite_and_quick() -> None:
    loop = [0, 1, 2] * 20_000
    penalties = ts.Penalties(history=loop, dry_multiplier=0.8)
    got = ts.truncate([5.0, 0.0, 0.0, 0.0], penalties=penalties)
    np.testing.assert_array_equal(got, ts.softmax([-INF, 0.0, 0.0, 0.0]))


# --- XTC ----------------------------------------------------------------------------------------


@given(
    row=st.lists(st.integers(-6, 6).map(lambda n: n / 2), min_size=1, max_size=9),
    threshold=st.floats(0.001, 0.5),
    chance=st.sampled_from([0.0, 0.3, 1.0]),
    least=st.integers(0, 6),
)
def test_xtc_is_a_mixture(row: list[float], threshold: float, chance: float, least: int) -> None:
    p = ts.softmax(row)
    above = np.flatnonzero(p >= threshold)
    dropped = [i for i in above if row[i] > min(np.asarray(row)[above])]
    if len(row) - len(dropped) < least:
        dropped = []
    kept = np.array([i not in dropped for i in range(len(row))])
    want = (1 - chance) * p + chance * ts.softmax(row, where=kept)
    named = {"xtc_probability": chance, "xtc_threshold": threshold, "min_keep": least}
    np.testing.assert_allclose(ts.truncate(row, **named), want, rtol=1e-12)
    np.testing.assert_array_equal(ts.keep(row, **named), kept if chance == 1 else True)


def test_steps_after_xtc_see_both_outcomes() -> None:
    row = [3.0, 2.5, 1.0, 0.0]
    named = {"xtc_probability": 0.25, "top_k": 2, "order": ["xtc_probability", "top_k"]}
    kept = [[True, True, False, False], [False, True, True, False]]
    first, second = (ts.softmax(row, where=mask) for mask in kept)
    np.testing.assert_allclose(ts.truncate(row, **named), 0.75 * first + 0.25 * second, rtol=1e-14)
    assert ts.keep(row, **named).tolist() == [True, True, True, False]


def test_the_engines_differ_in_xtc_at_their_edges() -> None:
    tied = [1.0, 1.0, 1.0, -9.0]
    named = {"xtc_probability": 1, "xtc_threshold": 0.1}
    assert np.count_nonzero(ts.keep(tied, **named)) == 4
    assert np.count_nonzero(ts.keep(tied, **named, engine="mlx-lm")) == 4
    assert np.count_nonzero(ts.keep(tied, **named, engine="llama.cpp")) == 2
    # mlx-lm takes p > threshold, and no XTC at T = 0.
    half = {"xtc_probability": 1, "xtc_threshold": 0.25}
    four = [2.0, *[math.log(math.exp(2) / 2)] * 2]
    assert ts.softmax(four)[1] == 0.25
    assert ts.keep(four, **half).tolist() == [False, True, True]
    assert ts.keep(four, **half, engine="mlx-lm").tolist() == [True, True, True]
    row = [2.0, 1.8, 0.0]
    assert ts.keep(row, 0, **named, engine="mlx-lm").tolist() == [True, False, False]
    assert ts.keep(row, 0, **named, engine="llama.cpp").tolist() == [False, True, False]


def test_sample_draws_from_what_truncate_gives() -> None:
    logits = np.array([[2.0, 1.0, 0.5, -1.0], [0.0, 0.5, 0.2, 3.0]])
    named: dict[str, Any] = {
        "xtc_probability": 0.4,
        "top_k": 3,
        "penalties": ts.Penalties(history=[0, 2, 2], frequency_penalty=0.3),
        "engine": "llama.cpp",
    }
    count = 40_000
    draws = ts.sample(logits, 0.8, size=count, rng=5, **named)
    p = ts.truncate(logits, 0.8, **named)
    for row in range(2):
        drawn = np.bincount(draws[:, row], minlength=4)
        assert np.all(np.abs(drawn - count * p[row]) <= 5 * np.sqrt(count * p[row] * (1 - p[row])))
    columns = ts.sample(logits.T, 0.8, size=count, rng=5, axis=0, **named)
    np.testing.assert_array_equal(columns, draws)
    with pytest.raises(ts.ArgumentError, match="top_q is no keyword"):
        ts.sample(logits, top_q=3)


# --- a dynamic temperature ----------------------------------------------------------------------


@given(
    row=st.lists(st.floats(-5, 5), min_size=1, max_size=9),
    temperature=st.sampled_from([0.0, 0.4, 1.0, 3.0]),
    spread=st.floats(0.01, 2),
    exponent=st.floats(0, 3),
    top_k=st.integers(1, 5),
)
def test_the_temperature_follows_the_entropy(
    row: list[float], temperature: float, spread: float, exponent: float, top_k: int
) -> None:
    kept = ts.keep(row, top_k=top_k)
    count = int(kept.sum())
    t = temperature
    if count > 1:
        part = min(float(ts.entropy(row, where=kept)) / math.log(count), 1)
        low = max(t - spread, 0)
        t = low + (t + spread - low) * part**exponent
    got = ts.truncate(
        row,
        temperature,
        top_k=top_k,
        dynatemp_range=spread,
        dynatemp_exponent=exponent,
        order=ORDER,
    )
    np.testing.assert_allclose(got, ts.softmax(row, t, where=kept), rtol=1e-6, atol=1e-12)


ORDER = ["top_k", "temperature"]


def test_infinity_has_no_range_and_equal_entries_have_the_upper_end() -> None:
    row = [3.0, 2.0, 0.0]
    got = ts.truncate(row, [INF], dynatemp_range=0.5)
    np.testing.assert_array_equal(got, ts.softmax(row, INF))
    both = ts.truncate([row, [1.0, 1.0, 0.0]], [[1.0], [0.5]], dynatemp_range=0.5, top_k=2)
    assert (
        both[1].tolist() == ts.truncate([1.0, 1.0, 0.0], 0.5, dynatemp_range=0.5, top_k=2).tolist()
    )


# --- rows, types, order -------------------------------------------------------------------------

TEXT = ts.Penalties(
    history=[0, 3, 3, 1, 0, 3],
    repetition_penalty=1.3,
    frequency_penalty=0.2,
    logit_bias={2: 1.5},
    dry_multiplier=0.5,
    dry_allowed_length=1,
)
ALL = {
    "penalties": TEXT,
    "top_p": 0.9,
    "xtc_probability": 0.3,
    "dynatemp_range": 0.4,
    "min_keep": 2,
}


def test_a_row_among_others_is_what_it_is_alone() -> None:
    logits = np.random.default_rng(2).normal(0, 2, (3, 5, 4)).astype(np.float32)
    logits[0, 0, 0], logits[1, 1, 1] = NAN, INF
    mask = np.random.default_rng(3).random(logits.shape) < 0.9
    t = np.array([0.5, 1.0, 2.0]).reshape(3, 1, 1)
    whole = ts.truncate(logits, t, **ALL, axis=1, where=mask)
    kept = ts.keep(logits, t, **ALL, axis=1, where=mask)
    assert whole.dtype == np.float32
    for i, j in np.ndindex(3, 4):
        row, where = logits[i, :, j], mask[i, :, j]
        alone = ts.truncate(row, float(t[i, 0, 0]), **ALL, where=where)
        np.testing.assert_allclose(whole[i, :, j], alone, rtol=1e-6)
        np.testing.assert_array_equal(
            kept[i, :, j], ts.keep(row, float(t[i, 0, 0]), **ALL, where=where)
        )
    assert ts.truncate([1, 2, 3, 4], **ALL).dtype == np.float64
    assert np.isnan(ts.truncate([NAN, 1.0, 2.0, 3.0], **ALL)).all()


def test_a_penalty_after_the_temperature_changes_the_quotient() -> None:
    row, penalties = [2.0, 1.0, -1.0], ts.Penalties(history=[0, 2], presence_penalty=0.5)
    for t in (0.5, 2.0, INF):
        order = ["temperature", "presence_penalty"]
        got = ts.truncate(row, t, penalties=penalties, order=order)
        np.testing.assert_allclose(got, ts.softmax([2 / t - 0.5, 1 / t, -1 / t - 0.5]), rtol=1e-14)
    for engine in (None, "llama.cpp"):
        got = ts.truncate(row, 0, penalties=penalties, order=order, engine=engine)
        np.testing.assert_allclose(got, [1, 0, 0], rtol=1e-15)


def test_a_penalty_finds_its_entry_after_others_are_dropped() -> None:
    row = np.random.default_rng(1).normal(0, 3, 200)
    top = np.argsort(-row)[:5]
    penalties = ts.Penalties(history=[int(top[1])], presence_penalty=1.5)
    got = ts.truncate(row, penalties=penalties, top_k=5, order=["top_k", "presence_penalty"])
    changed = row.copy()
    changed[top[1]] -= 1.5
    want = ts.softmax(changed, where=np.isin(np.arange(200), top))
    np.testing.assert_allclose(got, want, rtol=1e-14)


# --- errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({"repetition_penalty": 1.1}, "repetition_penalty must come with history"),
        ({"history": [0], "dry_base": 2}, "dry_base must come with dry_multiplier"),
        (
            {"history": [0], "penalty_last_n": 2},
            "penalty_last_n must come with repetition_penalty or presence_penalty or f",
        ),
        ({"history": [-1]}, "history must have ids >= 0, got -1"),
        ({"history": [0.5]}, "history must be a sequence of whole numbers, got [0.5]"),
        ({"history": "ab"}, "history must be a sequence of whole numbers, got 'ab'"),
        ({"history": [0], "prompt_tokens": 2}, "prompt_tokens must be at most 1, the tok"),
        ({"history": [0], "presence_penalty": NAN}, "presence_penalty must be in (-inf, inf), g"),
        ({"history": [0], "dry_multiplier": 1, "dry_base": 0.5}, "dry_base must be in [1, inf), g"),
        ({"logit_bias": [1]}, "logit_bias must be a mapping of ids to numbers, got [1]"),
        ({"logit_bias": {1: "a"}}, "logit_bias must be real numbers, got <U1, in 1: 'a'"),
        ({"logit_bias": {-1: 2}}, "logit_bias must be >= 0, got -1, in -1: 2"),
        ({"logit_bias": {0: INF}}, "logit_bias must be in [-inf, inf), got inf, in 0: inf"),
    ],
    ids=str,
)  # fmt: skip
def test_penalties_name_what_is_wrong(call: dict[str, Any], words: str) -> None:
    with pytest.raises(ts.ArgumentError) as caught:
        ts.Penalties(**call)
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"penalties": {"history": [0]}}, "penalties must be thermoscope.Penalties, got {'hist"),
        (
            {"penalties": ts.Penalties(history=[3], presence_penalty=1)},
            "history must be ids of entries, in [0, 1], got 3",
        ),
        (
            {"penalties": ts.Penalties(logit_bias={2: 1})},
            "logit_bias must have ids in [0, 1], got 2",
        ),
        (
            {"penalties": ts.Penalties(history=[0], repetition_penalty=0)},
            "repetition_penalty must be in (0, inf), got 0.0",
        ),
        (
            {"penalties": ts.Penalties(history=[0], presence_penalty=3), "engine": "vllm"},
            "presence_penalty must be in [-2, 2], got 3.0, in engine 'vllm'",
        ),
        (
            {"penalties": ts.Penalties(history=[0], dry_multiplier=1), "engine": "vllm"},
            "dry_multiplier is no step of engine 'vllm', which takes logit_bias, ",
        ),
        (
            {
                "penalties": ts.Penalties(history=[0], presence_penalty=1, penalty_last_n=3),
                "engine": "sglang",
            },
            "penalty_last_n is not known to engine 'sglang'; of these keywords it has none",
        ),
        (
            {"dynatemp_range": 1, "engine": "transformers"},
            "dynatemp_range is not known to engine 'transformers'; of these keywords it has min_k",
        ),
        ({"xtc_threshold": 0.1}, "xtc_threshold must come with xtc_probability"),
        ({"dynatemp_exponent": 2}, "dynatemp_exponent must come with dynatemp_range"),
        ({"xtc_probability": 2}, "xtc_probability must be in [0, 1], got 2"),
        (
            {"xtc_probability": 1, "xtc_threshold": 0.6},
            "xtc_threshold must be in [0, 0.5], got 0.6",
        ),
        ({"dynatemp_range": -1}, "dynatemp_range must be in [0, inf), got -1"),
        ({"min_keep": -1}, "min_keep must be >= 0, got -1"),
        (
            {"penalties": ts.Penalties(logit_bias={0: 1}), "order": ["temperature"]},
            "logit_bias is given, but order lacks it: add 'logit_bias' to ['temperature']",
        ),
    ],
    ids=str,
)
@pytest.mark.parametrize("function", [ts.keep, ts.truncate, ts.sample])
def test_settings_name_what_is_wrong(
    function: Callable[..., object], settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(ts.ArgumentError) as caught:
        function([1.0, 2.0], **settings)
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize("name", ["penalties", "xtc_probability", "min_keep", "dynatemp_range"])
def test_the_page_refuses_what_it_does_not_have(name: str) -> None:
    settings = {name: TEXT if name == "penalties" else 1}
    for make in (State.of, ts.explore):
        with pytest.raises(ts.ArgumentError, match="which the page does not have") as caught:
            make([1.0, 2.0], truncation=settings)
        assert f"got {name!r}" in str(caught.value)


def test_penalties_reach_other_processes() -> None:
    again = pickle.loads(pickle.dumps(TEXT))  # noqa: S301 - our own
    row = [1.0, 0.5, 0.0, 2.0]
    np.testing.assert_array_equal(
        ts.truncate(row, penalties=again), ts.truncate(row, penalties=TEXT)
    )


def test_steps_that_are_off_change_nothing() -> None:
    row = np.random.default_rng(4).normal(0, 2, 9)
    off = ts.Penalties(history=[1, 2], repetition_penalty=0, penalty_last_n=0)
    got = ts.truncate(row, penalties=off, xtc_probability=0, engine="mlx-lm")
    np.testing.assert_array_equal(got, ts.softmax(row))
    none = ts.Penalties(history=[], repetition_penalty=1.5, dry_multiplier=1)
    np.testing.assert_array_equal(ts.truncate(row, penalties=none), ts.softmax(row))
