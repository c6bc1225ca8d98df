"""What an explorer shows, in numbers and as text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from thermoscope import engines, entropy, keep, perplexity, softmax, truncate
from thermoscope.explorer.summary import Summary
from thermoscope.state import State

LOGITS = np.random.default_rng(2).normal(0, 2, 100)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"top_p": 0.8},
        {"top_p": 0.8, "min_p": 0.1, "engine": "llama.cpp"},
        {"top_k": 7, "engine": "vllm"},
        {"typical_p": 0.5, "order": ["typical_p", "temperature"]},
    ],
)
@pytest.mark.parametrize("temperature", [0.0, 0.001, 0.7, np.inf])
def test_the_numbers_are_those_of_the_functions(
    temperature: float, settings: dict[str, Any]
) -> None:
    found = Summary.of(State.of(LOGITS, temperature=temperature, truncation=settings))
    kept = keep(LOGITS, temperature, **settings)
    assert found.temperature == temperature
    assert found.entropy == float(entropy(LOGITS, temperature))
    assert found.perplexity == float(perplexity(LOGITS, temperature))
    assert found.top_probability == softmax(LOGITS, temperature).max()
    assert (found.items, found.kept) == (100, kept.sum())
    assert found.engine == settings.get("engine")
    # What is drawn is the softmax at the engine's temperature, renormalised by the mass.
    at = softmax(LOGITS, found.effective_temperature)
    if found.mass > 1e-99:
        np.testing.assert_allclose(
            np.where(kept, at, 0) / found.mass,
            truncate(LOGITS, temperature, **settings),
            rtol=1e-12,
        )


@pytest.mark.parametrize(
    ("logits", "temperature", "settings", "lines"),
    [
        ([2, 1, 0.1], 1, {}, ["T = 1", "entropy 0.84674 nats", "effective choices 2.3320 of 3"]),
        (
            [2, 1, 0.1],
            np.inf,
            {"top_k": 2},
            ["T = ∞", "top probability 33.33 %", "temperature, top-k 2", "kept 2 of 3, 66.67 %"],
        ),
        ([0, -60], 1, {"top_k": 1}, ["top probability > 99.99 %", "kept 1 of 2, > 99.99 %"]),
        ([0, -60], 0, {"top_k": 1}, ["top probability 100 %", "kept 1 of 2, 100 %"]),
        ([0.1, 0.2, 0.3], 1, {"top_p": 1}, ["kept 3 of 3, 100 %"]),
        ([np.nan, 1], 1, {"top_k": 1}, ["entropy NaN nats", "kept 2 of 2, NaN"]),
        (
            [2, 1.99, 0],
            0.001,
            {"engine": "vllm", "min_p": 0.5},
            ["vllm: temperature, min-p 0.5", "kept 1 of 3, 73.11 %; vllm takes T = 0.001 as 0.01"],
        ),
        # typical_p before the temperature has dropped the highest entry.
        (
            [5, 4.9, 4.8, 4.7, 4.6],
            0,
            {"typical_p": 0.1, "order": ["typical_p", "temperature"]},
            ["kept 1 of 5, 0 %"],
        ),
    ],
)
def test_the_text_has_the_digits_of_the_page(
    logits: list[float], temperature: float, settings: dict[str, Any], lines: list[str]
) -> None:
    state = State.of(logits, temperature=temperature, truncation=settings)
    text = str(Summary.of(state)).splitlines()
    assert [line for line in text if line in lines] == lines
    assert len(text) == (6 if settings else 4)


def test_all_engines_have_a_summary() -> None:
    for name in engines():
        text = str(Summary.of(State.of(LOGITS, truncation={"top_p": 0.5, "engine": name})))
        assert f"\n{name}: " in text
