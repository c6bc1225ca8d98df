"""States as links: held to the page by vectors, and read from an address as people have it."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.test_definition import VECTORS
from thermoscope import ArgumentError, engines, random_logits
from thermoscope.link import parse_link, state_of_link, write_link
from thermoscope.state import State
from thermoscope.truncation.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Callable

LINKS = json.loads((VECTORS / "links.json").read_text(encoding="utf-8"))


def named(case: dict[str, Any]) -> str:
    return str(case["name"]) or "empty"


def comparable(parts: dict[str, Any]) -> dict[str, Any]:
    """Return parts with every number as its text, so that NaN equals NaN and 0 is not -0."""
    result = {name: part for name, part in parts.items() if name != "row"}
    if "logits" in result:
        result["logits"] = [repr(float(logit)) for logit in result["logits"]]
    if "temperature" in result:
        result["temperature"] = repr(float(result["temperature"]))
    return result


@pytest.mark.parametrize("case", LINKS["read"], ids=named)
def test_a_link_means_what_it_means_to_the_page(case: dict[str, Any]) -> None:
    link = parse_link(case["name"])
    assert comparable(link.parts) == comparable(case["parts"])
    assert link.frame == case["frame"]
    assert sorted(error.argument for error in link.errors) == sorted(case["errors"])


@pytest.mark.parametrize("case", LINKS["written"], ids=named)
def test_a_state_is_written_as_by_the_page(case: dict[str, Any]) -> None:
    parts = dict(case["state"], temperature=float(case["state"]["temperature"]))
    state = State.of([float(logit) for logit in parts.pop("logits")], **parts)
    assert write_link(state, case["frame"]) == case["name"]


@pytest.mark.parametrize(
    "address",
    [
        "n=5&seed=7&T=0.5",
        "#n=5&seed=7&T=0.5",
        "https://example.org/a?b=c#n=5&seed=7&T=0.5",
        "file:///lessons/lesson.html#n=5&seed=7&T=0.5",
    ],
)
def test_a_whole_address_is_a_link(address: str) -> None:
    state = state_of_link(address)
    assert state.logits.tolist() == random_logits(5, seed=7).tolist()
    assert (state.seed, state.temperature) == (7, 0.5)


def test_a_link_without_logits_draws_five() -> None:
    state, other = state_of_link("T=0.5"), state_of_link("T=0.5")
    assert state.logits.tolist() == random_logits(5, seed=state.seed or 0).tolist()
    assert state.temperature == 0.5
    assert state.seed != other.seed


@pytest.mark.parametrize(
    ("link", "message"),
    [
        ("n=5&T=hot", "T must be a number >= 0 or inf, got 'hot'"),
        ("n=0", "n must be a whole number from 1 to 262,144, got '0'"),
        ("logits=1,x", "logits[1] must be a number, inf, -inf or nan, got 'x'"),
        ("n=3&labels=a,b", "labels must be 3, one for each logit, got 'a,b'"),
        ("top_p=2", "top_p must be in [0, 1], got 2"),
        ("eta=0.1&engine=vllm", "eta must be left out with engine 'vllm', got '0.1'"),
        ("colour=red&size=2", "colour has no use here, got 'red'; size has no use here, got '2'"),
        ("https://example.org/", "https://example.org/ has no use here, got ''"),
    ],
)
def test_a_link_with_an_error_is_refused(link: str, message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        state_of_link(link)
    assert str(caught.value) == f"state must be a link without errors: {message}"
    assert caught.value.argument == "state"


def test_what_is_no_text_is_no_link() -> None:
    with pytest.raises(TypeError, match="state must be a link or a State, got 7"):
        state_of_link(7)  # type: ignore[arg-type]


def test_a_link_has_at_most_2_000_characters() -> None:
    def label(length: int) -> str | None:
        return write_link(State.of([1.0], ["x" * length]))

    frame = len(label(0) or "") + len("=")
    assert len(label(2000 - frame) or "") == 2000
    assert label(2001 - frame) is None
    assert write_link(State.of(np.zeros(262_144))) is None
    assert write_link(State.random(262_144, seed=7)) == "n=262144&seed=7&T=1"
    assert write_link(State.random(3000, ["a"] * 3000, seed=7)) is None


# Every NaN is written as "nan", so its sign and its bits are lost.
NUMBERS = st.floats(allow_nan=False) | st.just(math.nan)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@st.composite
def states(draw: Callable[..., Any]) -> State:
    size = draw(st.integers(1, 6))
    labels = draw(st.none() | st.lists(TEXTS, min_size=size, max_size=size))
    name = draw(st.none() | st.sampled_from(list(engines())))
    rules = [] if name is None else [rule for rule in engines()[name].order if rule in RULES]
    chosen = draw(st.lists(st.sampled_from(rules), unique=True)) if rules else []
    values = {
        rule: draw(st.integers(1, 99) if rule == "top_k" else st.floats(0.001, 0.999))
        for rule in chosen
    }
    order = draw(st.permutations(["temperature", *chosen]))
    parts = {
        "temperature": abs(draw(st.floats(allow_nan=False))),
        "target": draw(st.none() | st.integers(0, size - 1)),
        "truncation": {**values, "engine": name, "order": order},
        "scale": draw(st.sampled_from(["full", "0-2"])),
    }
    if draw(st.booleans()):
        return State.random(size, labels, seed=draw(st.integers(0, 2**53 - 1)), **parts)
    logits = draw(st.lists(NUMBERS, min_size=size, max_size=size))
    return State.of(logits, labels, source=draw(TEXTS), **parts)


@given(states())
def test_what_is_written_is_read_back(state: State) -> None:
    link = write_link(state)
    assert link is not None
    read = state_of_link(f"page.html#{link}")
    assert read.to_json() == state.to_json()
    assert [math.copysign(1, logit) for logit in read.logits] == [
        math.copysign(1, logit) for logit in state.logits
    ]
