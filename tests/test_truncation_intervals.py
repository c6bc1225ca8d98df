"""Truncation of reported distributions: what is decided is so whatever the tail is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import thermoscope as ts
from tests.test_reported import TEMPERATURE, Array, rounding_of, whole_distributions
from thermoscope import Reported

STEPS: dict[str, st.SearchStrategy[Any]] = {
    "top_k": st.integers(1, 12),
    "top_p": st.floats(0, 1),
    "min_p": st.floats(0, 1),
    "typical_p": st.floats(0.01, 1),
    "epsilon": st.floats(0, 0.99),
    "eta": st.floats(0, 0.99),
    "top_n_sigma": st.floats(0.01, 5),
}


@st.composite
def chains(draw: st.DrawFn) -> dict[str, Any]:
    """Draw some steps, with an engine or an order."""
    engine = draw(st.sampled_from([None, None, *ts.engines()]))
    known = (
        STEPS if engine is None else [step for step in ts.engines()[engine].order if step in STEPS]
    )
    names = draw(st.lists(st.sampled_from([*known]), max_size=3, unique=True))
    chain: dict[str, Any] = {name: draw(STEPS[name]) for name in names}
    chain = {name: max(value, 1e-3) if name == "top_p" else value for name, value in chain.items()}
    if engine is not None:
        chain["engine"] = engine
    elif draw(st.booleans()):
        chain["order"] = draw(st.permutations([*names, "temperature"]))
    return chain


def check(reported: Reported, every: Array, temperature: float, chain: dict[str, Any]) -> None:
    """What is decided is so for all tokens, which `every` has the logits of."""
    t0 = reported.applied_temperature
    decision: Any = ts.keep(reported, temperature, **chain)
    low, high = ts.truncate(reported, temperature, **chain)
    truth = np.asarray(ts.keep(every, temperature, **chain))
    p = np.asarray(ts.truncate(every, temperature, **chain))[: len(reported)]
    kept, tail = truth[: len(reported)], truth[len(reported) :]
    assert kept[decision.kept].all()
    assert not kept[decision.dropped].any()
    assert (decision.kept | decision.dropped | decision.undecided).all()
    assert decision.tail != "kept" or tail.all()
    assert decision.tail != "dropped" or not tail.any()
    rounding = 1e-15 + rounding_of(every / t0, t0, temperature)
    assert (low * (1 - rounding) - 1e-322 <= p).all()
    assert (p <= high * (1 + rounding) + 1e-322).all()


@settings(max_examples=500)
@given(whole_distributions(), TEMPERATURE, st.sampled_from((1.0, 0.7)), chains())
def test_what_is_decided_is_so_for_the_whole_distribution(
    drawn: tuple[Array, Array], temperature: float, t0: float, chain: dict[str, Any]
) -> None:
    likely, tail = drawn
    if tail.size and "top_k" in chain and likely.min() <= tail.max():
        return  # a tie with the last one that is reported: the server has decided it
    every = np.concatenate([likely, tail])
    for vocabulary in (every.size, None):
        reported = Reported(likely, vocabulary=vocabulary, applied_temperature=t0)
        check(reported, every * t0, temperature, chain)


@pytest.mark.parametrize("engine", ["llama.cpp", None])
@pytest.mark.parametrize("vocabulary", [3, 1000, None])
def test_the_highest_that_is_left_has_all_at_zero(vocabulary: int | None, engine: str) -> None:
    # typical_p takes the highest of all away.
    order = None if engine else ["typical_p", "temperature"]
    chain = {"typical_p": 0.5, "engine": engine, "order": order}
    every = np.asarray(ts.log_softmax([-0.5, -0.5, 0.0]))
    assert list(ts.truncate(every, 0.0, **chain)) == ([1, 0, 0] if engine else [0.5, 0.5, 0])
    check(Reported(every, vocabulary=vocabulary), every, 0.0, chain)


def test_a_token_of_the_tail_may_be_the_highest_that_is_left() -> None:
    every = np.log([0.4, *[0.6 / 1000] * 1000])
    chain = {"typical_p": 0.3, "engine": "llama.cpp"}
    assert not ts.keep(every, 0.0, **chain)[0]
    reported = Reported(every[:1], vocabulary=every.size)
    assert kept_of(reported, 0.0, **chain) == "? u"
    check(reported, every, 0.0, chain)


@settings(max_examples=200)
@given(whole_distributions(), TEMPERATURE, st.sampled_from((1e-6, 0.05)), st.data())
def test_rounded_numbers_leave_close_calls_undecided(
    drawn: tuple[Array, Array], temperature: float, delta: float, data: st.DataObject
) -> None:
    likely, tail = drawn
    name = data.draw(st.sampled_from(("top_k", "top_p", "min_p", "epsilon")))
    chain = {name: data.draw(STEPS[name])}
    if tail.size and likely.min() <= tail.max():
        return
    moves = data.draw(
        st.lists(st.floats(-delta, delta), min_size=likely.size, max_size=likely.size)
    )
    given_ = np.minimum(likely + np.array(moves), 0.0)
    every = np.concatenate([likely, tail])
    reported = Reported(given_, vocabulary=every.size, delta=delta * (1 + 1e-9))
    check(reported, every, temperature, chain)


def kept_of(reported: Reported, temperature: float = 1.0, **chain: Any) -> str:
    """Return a letter for each token, and one for the tail."""
    decision: Any = ts.keep(reported, temperature, **chain)
    letters = np.where(decision.kept, "k", np.where(decision.dropped, "d", "?"))
    return "".join(letters) + " " + decision.tail[0]


@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        ({}, "kkk k"),
        ({"top_k": 2}, "kkd d"),
        ({"top_k": 3}, "kkk d"),
        ({"top_k": 4}, "kkk u"),
        ({"top_p": 0.5}, "kdd d"),
        ({"top_p": 0.65}, "kkd d"),
        # A token of the tail that ties with the last one is kept with it, or not.
        ({"top_p": 0.75}, "kkk u"),
        ({"top_p": 0.75, "engine": "llama.cpp"}, "kkk d"),
        ({"top_p": 0.9}, "kkk u"),
        ({"min_p": 0.15}, "kkk u"),
        ({"min_p": 0.25}, "kkd d"),
        ({"epsilon": 0.3}, "kdd d"),
        ({"typical_p": 0.9}, "??? u"),
        ({"eta": 0.1}, "??? u"),
        ({"top_n_sigma": 1.0}, "??? u"),
        # What follows a top_k of the reported tokens is exact.
        ({"top_k": 3, "typical_p": 0.5}, "kdd d"),
        ({"top_k": 3, "top_n_sigma": 1.0}, "kdd d"),
        ({"top_k": 3, "eta": 0.3}, "kdd d"),
    ],
)
def test_what_the_tail_leaves_open(chain: dict[str, Any], expected: str) -> None:
    reported = Reported(np.log([0.55, 0.15, 0.1]), vocabulary=1000)
    assert kept_of(reported, **chain) == expected


def test_a_temperature_that_no_step_applies_is_an_error() -> None:
    with pytest.raises(ts.ArgumentError, match="add 'temperature' to order"):
        ts.keep(Reported([-0.5]), 0.5, top_k=1, order=["top_k"])


def test_truncate_is_exact_where_the_tail_is_gone() -> None:
    logprobs = np.log([0.55, 0.15, 0.1])
    low, high = ts.truncate(Reported(logprobs, vocabulary=1000), 0.7, top_k=2)
    np.testing.assert_allclose(low, high, rtol=1e-12)
    np.testing.assert_allclose(low, ts.truncate(logprobs, 0.7, top_k=2), rtol=1e-12)


def test_a_token_of_the_tail_is_undecided_with_it() -> None:
    reported = Reported([math.log(0.55), math.log(0.2), -math.inf], vocabulary=100)
    assert kept_of(reported, top_k=2) == "kkd d"
    assert kept_of(reported, top_k=3) == "kk? u"


def test_a_drawn_token_within_rounding_of_the_last_may_be_behind_the_tail() -> None:
    """Of 0.5, 0.2 and the drawn 0.1999 the last two are within rounding; so may others be."""
    logprobs = np.log([0.5, 0.2, 0.1999])
    reported = Reported(logprobs, vocabulary=10, drawn=2, delta=1e-2, cap=float(logprobs[1]))
    # The true one may be 0.195, and one that is not reported 0.2.
    assert kept_of(reported, top_k=3) == "kk? u"
