from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thermoscope import present, random_logits, softmax
from thermoscope.state import State

VECTORS = Path(__file__).parent / "vectors"


def vectors(name: str) -> list[Any]:
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


*TEXTS, INVISIBLE = vectors("texts.json")


@pytest.mark.parametrize("case", TEXTS)
def test_numbers_and_labels_are_written_as_on_the_page(case: dict[str, Any]) -> None:
    function, arguments = case["function"], case["arguments"]
    if function == "percent":
        value, *exact = arguments
        text = present.percent(float(value), exact=(exact or [True])[0])
    elif function in {"printable", "step"}:
        text = getattr(present, function)(*arguments)
    else:
        value, *significant = arguments
        text = getattr(present, function)(float(value), *significant)
    assert text == case["text"]


def test_every_invisible_character_is_written_as_its_escape() -> None:
    invisible = {code for low, high in INVISIBLE["ranges"] for code in range(low, high + 1)}
    found = {code for code in range(0x110000) if present.printable(chr(code)) != chr(code)}
    assert found == invisible


@pytest.mark.parametrize("case", vectors("joined.json"), ids=lambda case: case["name"])
def test_tokens_are_joined_to_whole_characters(case: dict[str, Any]) -> None:
    tokens = [(text, None if data is None else bytes(data)) for text, data in case["tokens"]]
    pieces = present.joined(tokens)
    assert pieces == [tuple(piece) for piece in case["pieces"]]
    assert sum(count for count, _ in pieces) == len(tokens)


@given(st.text(), st.lists(st.integers(1, 5)))
def test_a_text_that_is_cut_anywhere_comes_back(text: str, sizes: list[int]) -> None:
    data, tokens = text.encode(errors="replace"), []
    for size in sizes:
        tokens.append(("", data[:size]))
        data = data[size:]
    tokens.append(("", data))
    whole = "".join(piece for _, piece in present.joined(tokens))
    assert whole == text.encode(errors="replace").decode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", "(empty)"),
        (" ", "␣"),
        (" a b  ", "␣a b␣␣"),
        (" \n ", "␣\\n␣"),
        ("\u200b", "\\u200b"),
        ("\ufe0f", "\\ufe0f"),
        (" \u200da", "␣\\u200da"),
    ],
)
def test_a_token_of_spaces_is_visible(text: str, shown: str) -> None:
    assert present.visible(text) == shown


@pytest.mark.parametrize("case", vectors("shown.json"), ids=lambda case: case["name"])
def test_the_same_entries_are_shown_as_on_the_page(case: dict[str, Any]) -> None:
    logits = np.array([float(logit) for logit in case["logits"]])
    temperature = float(case["temperature"])
    found = present.shown(logits, temperature, softmax(logits, temperature))
    most = 20 if case["rest"] else logits.size
    assert found.entries.tolist() == case["order"][:most]
    assert found.others == logits.size - most
    assert found.percents == case["percents"][:most] + (
        [case["rest"]["20"]] if case["rest"] else []
    )
    if not math.isnan(found.rest):
        assert found.rest == pytest.approx(softmax(logits, temperature)[case["order"][most:]].sum())


@pytest.mark.parametrize("case", vectors("states.json"), ids=lambda case: case["name"])
def test_a_state_has_the_written_form_that_the_page_reads(case: dict[str, Any]) -> None:
    parts = dict(case["state"])
    logits = [float(logit) for logit in parts.pop("logits")]
    temperature = float(parts.pop("temperature"))
    state = State.of(logits, parts.pop("labels"), temperature=temperature, **parts)
    assert state.to_json() == case["written"]


def test_a_state_of_random_logits_remembers_their_seed() -> None:
    state = State.random(3, ["a", "b", "c"], temperature=2, seed=np.int64(7))
    assert state.logits.tolist() == random_logits(3, seed=7).tolist()
    assert (state.labels, state.temperature, state.source) == (("a", "b", "c"), 2.0, None)
    assert state.to_json()["seed"] == 7
    fresh = State.random(3)
    assert fresh.logits.tolist() == random_logits(3, seed=fresh.seed).tolist()
    assert fresh.seed != State.random(3).seed
