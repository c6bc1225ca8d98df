"""The positions of a text: texts of half characters, ranks, and what a sampler could have drawn."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thermoscope import Dataset, Interval, Reported
from thermoscope.arguments import ArgumentError
from thermoscope.data.reading import open_logits, parse_logits
from thermoscope.drawn import DrawnToken, drawn_tokens, rank_of, total_of

INSPECT = Path(__file__).parent / "data" / "logs" / "inspect.json"


def entry(text: str, probability: float, data: bytes | None = None) -> dict[str, Any]:
    known = {} if data is None else {"bytes": list(data)}
    return {"token": text, "logprob": math.log(probability), **known}


def position(drawn: dict[str, Any], *others: dict[str, Any]) -> dict[str, Any]:
    return {**drawn, "top_logprobs": [drawn, *others]}


def read(*positions: dict[str, Any]) -> Dataset:
    return parse_logits(json.dumps({"logprobs": {"content": positions}}))


def near(value: float) -> Any:
    return pytest.approx(value, abs=1e-9)


def test_each_token_has_what_was_reported() -> None:
    paris, stop, rome = drawn_tokens(open_logits(INSPECT), base=2)
    assert [token.text for token in (paris, stop, rome)] == [" Paris", ".", " Rome"]
    assert [token.position for token in (paris, stop, rome)] == [0, 1, 2]
    assert [token.rank for token in (paris, stop, rome)] == [(1, 1), (1, 1), (2, 2)]
    assert rome.surprisal == pytest.approx((2, 2), abs=1e-5)
    # The tail, 1/8, is at least one token as likely as the least of those reported, 1/8.
    assert rome.entropy is not None
    assert rome.entropy.low == pytest.approx(1.75, abs=1e-4)
    assert rome.entropy.high == math.inf
    assert rome.fate is None


def test_a_vocabulary_bounds_the_entropy() -> None:
    data = read(position(entry("a", 0.5), entry("b", 0.25)))
    (token,) = drawn_tokens(data, vocabulary=3, base=2)
    assert token.entropy == (near(1.5), near(1.5))
    # The tail of 1/4 is one token, or two of 1/8.
    (token,) = drawn_tokens(data, vocabulary=4, base=2)
    assert token.entropy == (near(1.5), near(1.75))
    (token,) = drawn_tokens(data, vocabulary=1)
    assert token.error is not None
    assert token.error.startswith("vocabulary must be at least the 2 tokens")


def test_at_another_temperature_a_surprisal_has_a_range() -> None:
    data = read(position(entry("a", 0.5), entry("b", 0.25)))
    (token,) = drawn_tokens(data, 0.5, vocabulary=1000)
    # 1/4 of the tail, as one token or as 998.
    spread, heaped = 998 * (0.25 / 998) ** 2, 0.25**2
    low, high = (-math.log(0.25 / (0.25 + 0.0625 + tail)) for tail in (spread, heaped))
    assert token.surprisal == (near(low), near(high))


def test_a_whole_distribution_has_no_range() -> None:
    data = read(position(entry("a", 0.5), entry("b", 0.5)))
    (token,) = drawn_tokens(data, 2.0, base=2)
    assert token.entropy == (near(1), near(1))


def test_numbers_are_those_of_the_model_where_a_temperature_was_applied() -> None:
    text = json.dumps({"logprobs": {"content": [position(entry("a", 0.5), entry("b", 0.25))]}})
    data = parse_logits(text, applied_temperature=0.5)
    (token,) = drawn_tokens(data, 0.5)
    assert token.surprisal == (near(math.log(2)), near(math.log(2)))
    (token,) = drawn_tokens(data, 1.0)
    assert token.surprisal is not None
    assert token.surprisal.low < token.surprisal.high


def test_half_characters_are_joined() -> None:
    halves = [
        position(entry("\ufffd", 0.5, b" \xf0\x9f")),
        position(entry("\ufffd", 0.5, b"\x99\x82")),
        position(entry("!", 0.5, b"!")),
    ]
    found = [(token.text, token.part, token.parts) for token in drawn_tokens(read(*halves))]
    assert found == [(" 🙂", 1, 2), (" 🙂", 2, 2), ("!", 1, 1)]


def test_a_half_character_ends_with_its_passage() -> None:
    def choice(data: bytes) -> dict[str, Any]:
        return {"message": {}, "logprobs": {"content": [position(entry("\ufffd", 0.5, data))]}}

    data = parse_logits(json.dumps({"choices": [choice(b"\xc3"), choice(b"\xa9")]}))
    tokens = list(drawn_tokens(data))
    assert [(token.passage, token.kind) for token in tokens] == [(0, "answer"), (1, "answer")]
    assert [token.text for token in tokens] == ["\\xc3", "\\xa9"]


def test_an_odd_position_costs_itself() -> None:
    odd = {"token": "b", "logprob": 3.0}
    one, two, three = drawn_tokens(
        read(position(entry("a", 0.5)), odd, {"top_logprobs": [entry("c", 0.5)]})
    )
    assert (one.error, three.error) == (None, None)
    assert two.error is not None
    assert "a logprob must be <= 0" in two.error
    assert two.surprisal is two.entropy is two.rank is None
    # It is not known which token was drawn.
    assert (three.token, three.surprisal, three.rank) == (None, None, None)
    assert three.entropy is not None


@pytest.mark.parametrize(
    ("truncation", "expected"),
    [
        ({"top_k": 1}, ["kept", "dropped"]),
        ({"top_k": 2}, ["kept", "kept"]),
        ({"min_p": 0.3}, ["kept", "dropped"]),
    ],
)
def test_a_sampler_could_have_drawn_it_or_not(
    truncation: dict[str, Any], expected: list[str]
) -> None:
    likely = position(entry("a", 0.75), entry("b", 0.125), entry("c", 0.0625))
    unlikely = position(entry("b", 0.125), entry("a", 0.75), entry("c", 0.0625))
    tokens = list(drawn_tokens(read(likely, unlikely), **truncation))
    assert [token.fate for token in tokens] == expected
    total = total_of(tokens)
    assert (total.positions, total.drawn) == (2, 2)
    assert total.dropped == expected.count("dropped")
    assert total.undecided == 0


def test_what_the_tail_decides_is_undecided() -> None:
    # The drawn token is not among the likeliest: others of the tail may stand before it.
    data = read({**entry("c", 0.01), "top_logprobs": [entry("a", 0.5), entry("b", 0.25)]})
    for truncation in ({"top_k": 3}, {"top_p": 0.8}):
        (token,) = drawn_tokens(data, **truncation)
        assert token.fate == "undecided"
    assert token.rank == (3, 26)
    assert total_of([token]).undecided == 1


@pytest.mark.parametrize(
    ("probabilities", "drawn", "vocabulary", "expected"),
    [
        ([0.5, 0.25, 0.125], 0, None, (1, 1)),
        ([0.5, 0.25, 0.125], 1, None, (2, 2)),
        ([0.25, 0.5, 0.125], 0, None, (2, 2)),
        # As the least likely one it may not be one of the likeliest: others of 1/8 to 1/4.
        ([0.5, 0.25, 0.0625], 2, None, (3, 5)),
        ([0.5, 0.25, 0.0625], 2, 4, (3, 4)),
        # Ties are not ahead.
        ([0.25, 0.25, 0.25], 1, None, (1, 1)),
        # A token that was not told is one of the tail, and may have all of its 1/4.
        ([0.5, 0.25, 0.0], 2, None, (2, math.inf)),
        ([0.5, 0.25, 0.0], 2, 10, (2, 10)),
    ],
)
def test_a_rank_is_known_as_far_as_the_tail_allows(
    probabilities: list[float], drawn: int, vocabulary: int | None, expected: tuple[float, float]
) -> None:
    with np.errstate(divide="ignore"):
        logprobs = np.log(probabilities)
    assert rank_of(Reported(logprobs, drawn=drawn, vocabulary=vocabulary)) == expected


def test_rounding_widens_a_rank() -> None:
    row = Reported(np.log([0.25, 0.25, 0.1]), drawn=1, delta=1e-4)
    assert rank_of(row) == (1, 2)


def test_a_tail_that_has_less_than_the_token_is_behind_it() -> None:
    data = read({**entry("c", 0.2), "top_logprobs": [entry("a", 0.5), entry("b", 0.25)]})
    (token,) = drawn_tokens(data, top_k=3)
    assert token.fate == "kept"


def test_rows_without_tokens_are_refused() -> None:
    with pytest.raises(ArgumentError, match="data must be what a server answered"):
        list(drawn_tokens(Dataset.of([[1.0, 2.0]])))


def test_a_text_of_no_known_token_has_a_sum_of_0() -> None:
    assert total_of([DrawnToken(0, 0, "answer", None, "", 1, 1)]) == (1, 0, Interval(0, 0), 0, 0)
