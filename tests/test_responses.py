"""Answers of servers: their parts put together, odd elements, probabilities, and damage."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import thermoscope as ts
from tests.test_servers import BOTH, CAT, DOG, HELLO, MARK, REST, Row, lp, read, row, rows, token
from thermoscope import entropy
from thermoscope.data.formats import responses
from thermoscope.data.formats.responses import (
    Position,
    Token,
    looks_like_response,
    parse_responses,
    responses_of,
)
from thermoscope.data.reading import parse_logits

if TYPE_CHECKING:
    from numpy.typing import NDArray

CASES = Path(__file__).parent / "data" / "cases"
BA: Row = [("B", 0.75), ("A", 0.2), (REST, 0.05)]


@pytest.mark.parametrize(
    ("name", "expected", "notes"),
    [
        (
            "same_text_completions.json",
            [[("yes", 0.02), ("no", 0.2), ("maybe", 0.05), ("yes", 0.7), (REST, 0.03)]],
            [],
        ),
        ("responses_stream.sse", [[("Par", 0.6), ("Ly", 0.3), (REST, 0.1)]], []),
        ("null_logprob_chat.json", [[("B", 0.75), ("A", 0.25), ("#", 0.0)]], []),
        ("u2028_stream.sse", [[("\u2028", 0.75), ("\x85", 0.2), (REST, 0.05)]], []),
        ("comment_first.sse", [BA], []),
        ("usage_chunk.sse", [BA], []),
        ("one_failed_of_two.jsonl", [BA], ["line 2: the server answered with an error: boom"]),
        ("batch_output.jsonl", [BA, BA], []),
        (
            "tgi.json",
            [[(" It", 0.5), (" He", 0.25), (REST, 0.25)], [(" is", 0.9), (REST, 0.1)]],
            ["1 token of the prompt, reported alone, is left out"],
        ),
        ("gemini.json", [[("Hi", 0.7), ("Hey", 0.2), (REST, 0.1)]], []),
        ("reasoning_content.json", [[("Hm", 0.5), (REST, 0.5)], [("B", 0.6), (REST, 0.4)]], []),
        (
            "content_only.json",
            [
                [(" Paris", 0.7), (" the", 0.15), (" a", 0.05), (REST, 0.1)],
                [("!", 0.6), (".", 0.3), (REST, 0.1)],
            ],
            [],
        ),
    ],
)
def test_each_case_gives_its_rows_and_notes(
    name: str, expected: list[Row], notes: list[str]
) -> None:
    data = (CASES / name).read_bytes()
    assert looks_like_response(data.decode())
    assert rows(data) == expected
    assert list(read(data).notes) == notes
    # A byte order mark, Windows line ends and blank lines change nothing.
    assert rows(b"\xef\xbb\xbf" + data) == expected
    assert rows(b"\n \n" + data.replace(b"\n", b"\r\n") + b"\n\n") == expected


def test_one_unreadable_row_leaves_the_others() -> None:
    found = read((CASES / "first_logprob_positive.json").read_bytes())
    first, *others = found.positions
    error = "a logprob must be <= 0, got 0.703125"
    assert first == Position((Token("Sure", None, None),), (), None, 0, error)
    assert [row(position) for position in others] == [
        [(",", 0.960789), (REST, 0.039211)],
        [(" ok", 0.600496), (REST, 0.399504)],
    ]
    assert found.notes == (f"row 0 can't be read: {error}",)


def test_a_whole_distribution_has_no_tail() -> None:
    (position,) = read((CASES / "all_reported.json").read_bytes()).positions
    assert position.rest is None
    assert position.labels == tuple(f"t{at}" for at in range(7))
    assert math.fsum(map(math.exp, position.logprobs)) == pytest.approx(1, abs=1e-6)


def test_scores_of_a_pipeline_are_not_a_response() -> None:
    text = (CASES / "pipeline_scores.json").read_text()
    assert not looks_like_response(text)
    assert parse_responses(text) is None


def chunk(at: int, text: str, **more: object) -> dict[str, object]:
    logprobs = {"content": [token(text, 1.0)]}
    return {"choices": [{"index": at, "delta": {"content": text}, "logprobs": logprobs}], **more}


def labels(text: str) -> list[str]:
    return [position.labels[0] for position in read(text).positions]


def test_choices_keep_their_order() -> None:
    chunks = [chunk(at, text) for at, text in [(1, "b"), (0, "a"), (1, "d"), (0, "c")]]
    assert labels("\n".join(map(json.dumps, chunks))) == ["a", "c", "b", "d"]


def test_streams_that_are_mixed_are_told_apart() -> None:
    chunks = [chunk(0, "a", id="x"), chunk(0, "c", id="y"), chunk(0, "b", id="x")]
    assert labels("\n".join(map(json.dumps, chunks))) == ["a", "b", "c"]


def test_whole_answers_stay_together() -> None:
    whole = [
        {
            "choices": [
                {"index": at, "message": {}, "logprobs": {"content": [token(f"{name}{at}", 1.0)]}}
                for at in (0, 1)
            ]
        }
        for name in "ab"
    ]
    assert labels(json.dumps(whole)) == ["a0", "a1", "b0", "b1"]


def test_equal_consecutive_answers_stay_separate() -> None:
    for server in ("llama.cpp", "OpenAI, responses in events", "OpenAI, chat", "Ollama"):
        value = BOTH[server]
        twice = value * 2 if isinstance(value, list) else [value, value]
        assert rows(json.dumps(twice)) == [HELLO, MARK] * 2


@pytest.mark.parametrize(
    ("odd", "error"),
    [
        (None, "no token is reported"),
        (7, "a token must be an object, got 7"),
        ({}, "a token must have a text or an id, got an object"),
        ([], "a token must be an object, got a list"),
        ({"token": "a"}, "no token is reported"),
        ({"token": "a", "logprob": None}, "no token has a log-probability"),
        ({"token": "a", "logprob": 12.5}, "a logprob must be <= 0, got 12.5"),
        ({"token": "a", "logprob": math.nan}, "a logprob must be <= 0, got nan"),
        ({"token": "a", "logprob": 10**400}, "a logprob must be <= 0, got inf"),
        ({"token": "a", "logprob": "x"}, 'a logprob must be a number, got "x"'),
        ({"token": "a", "logprob": True}, "a logprob must be <= 0, got nan"),
        ({"token": "a", "prob": 1.5}, "a probability must be 0 to 1, got 1.5"),
        ({"logprob": -1}, "a token must have a text or an id, got an object"),
        (
            {"token": "b", "logprob": -1, "top_logprobs": [None]},
            "a token must be an object, got null",
        ),
        (
            {"token": "b", "logprob": -1, "top_logprobs": [{"token": "a", "bytes": 1}]},
            "'a' has no log-probability",
        ),
        (
            {**token("a", 0.9), "top_logprobs": [token("b", 0.9)]},
            "probabilities must sum to at most 1, got 1.8",
        ),
    ],
)
def test_an_odd_element_makes_only_its_row_unreadable(odd: object, error: str) -> None:
    content = [*DOG, odd, *CAT]
    found = read(json.dumps({"choices": [{"message": {}, "logprobs": {"content": content}}]}))
    first, second, third = found.positions
    assert (row(first), row(third)) == (HELLO, MARK)
    assert (second.error, second.logprobs, second.rest) == (error, (), None)
    assert found.notes == (f"row 1 can't be read: {error}",)


def test_an_odd_token_leaves_the_readable_ones() -> None:
    tops = [token("a", 0.5), None, {"token": "b", "logprob": 3}, token("c", 0.1)]
    (position,) = read(
        json.dumps({"logprobs": [{**token("c", 0.1), "top_logprobs": tops}]})
    ).positions
    assert [each.text for each in position.tokens] == ["a", "b", "c"]
    assert position.drawn == 2
    assert position.error == "a token must be an object, got null"


@pytest.mark.parametrize(
    ("line", "note"),
    [
        ('data: {"choices": [', "not JSON: line 2: Expecting value"),
        (
            'data: {"error": {"message": "Rate\\nlimit"}}',
            "line 2: the server answered with an error: Rate limit",
        ),
        (
            'data: {"error": "boom", "error_type": "x"}',
            "line 2: the server answered with an error: boom",
        ),
        (
            'data: {"type": "error", "message": "boom"}',
            "line 2: the server answered with an error: boom",
        ),
        (
            'data: {"object": "error", "message": "boom"}',
            "line 2: the server answered with an error: boom",
        ),
        (
            'data: {"response": null, "error": {"code": "x"}}',
            "line 2: the server answered with an error: x",
        ),
        (
            '{"choices": [{"message": {"content": "Hi"}}]}',
            "line 2: the answer has no log-probabilities",
        ),
        ("[" * 100_000, "not JSON: line 2: too long or nested too deeply"),
        ('{"a": %s}' % ("1" * 5000), "not JSON: line 2: too long or nested too deeply"),
        ('{"choices": null}', None),
        ('{"choices": [null, 7, {"logprobs": 3}]}', None),
        ("event: ping", None),
        (": comment", None),
        ("data:", None),
        ("\u2028", "not JSON: line 2: Expecting an object or a list"),
        ("null", "not JSON: line 2: Expecting an object or a list"),
    ],
)
def test_an_odd_line_leaves_the_others(line: str, note: str | None) -> None:
    first, last = (f"data: {json.dumps(chunk(0, text))}" for text in "ab")
    found = read(f"{first}\n{line}\n{last}\n")
    assert [position.labels for position in found.positions] == [("a",), ("b",)]
    assert found.notes == (() if note is None else (note,))


def test_the_number_of_notes_is_limited() -> None:
    found = read(json.dumps({"logprobs": [*DOG, *[None] * 1000]}))
    assert len(found.positions) == 1001
    assert len(found.notes) == responses.MOST_NOTES + 1
    assert found.notes[-1] == f"and {1000 - responses.MOST_NOTES} more such notes"


def test_tokens_of_equal_text_are_told_apart_by_bytes_or_id() -> None:
    # Halves of one character: told apart by their bytes, or by their ids.
    for first, second in [({"bytes": [240]}, {"bytes": [159]}), ({"id": 1}, {"id": 2})]:
        drawn = {"token": "\ufffd", "logprob": lp(0.25), **first}
        other = {"token": "\ufffd", "logprob": lp(0.25), **second}
        (position,) = read(json.dumps({"logprobs": [{**drawn, "top_logprobs": [other]}]})).positions
        assert row(position) == [("\ufffd", 0.25), ("\ufffd", 0.25), (REST, 0.5)]
        assert position.drawn == 1
        assert position.tokens[0] != position.tokens[1]


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("bytes:\\xf0\\x9f", b"\xf0\x9f"),
        ("bytes: a\\x9f", None),
        ("<0xE2>", b"\xe2"),
        ("<0xe2>", None),
    ],
)
def test_bytes_that_stand_in_a_text_are_read(text: str, data: bytes | None) -> None:
    answer = {"logprobs": [{"token": text, "logprob": -0.5}]}
    found = parse_responses(json.dumps(answer))
    assert found is not None
    assert found.positions[0].tokens == (Token(text, None, data),)


def test_equal_reported_tokens_are_not_merged() -> None:
    tops = [token("a", 0.25), token("a", 0.25), token("a", 0.125)]
    (position,) = read(
        json.dumps({"logprobs": [{**token("a", 0.125), "top_logprobs": tops}]})
    ).positions
    assert row(position) == [("a", 0.25), ("a", 0.25), ("a", 0.125), (REST, 0.375)]
    assert position.drawn == 2


def test_an_id_identifies_a_token_whatever_its_text() -> None:
    top = {"id": 3, "token": " a", "logprob": -0.5}
    drawn = {"id": 3, "token": "a", "bytes": [32, 97], "logprob": -0.6}
    (position,) = read(json.dumps({"logprobs": [{**drawn, "top_logprobs": [top]}]})).positions
    assert position.tokens == (Token(" a", 3, b" a"),)
    assert position.drawn == 0


def test_half_of_a_surrogate_pair_is_replaced() -> None:
    (position,) = read('{"logprobs": [{"token": "a\\ud83d", "logprob": -1}]}').positions
    assert position.tokens[0].text == "a\ufffd"


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"token": "token_id:9"},
        {"token": "<0xE2>"},
        {"token": "bytes:\\xe2"},
        {"token": "a\ud83d"},
        {"token": "\u4e2d"},
        {"token": None},
        {"id": -1},
        {"id": 10**18},
        {"id": True},
        {"bytes": []},
        {"bytes": [226]},
        {"bytes": [300]},
        {"bytes": "x"},
        {"logprob": -9999.0},
        {"logprob": 0.005},
        {"logprob": 1.0},
        {"logprob": -2},
        {"logprob": None},
        {"logprob": math.nan},
    ],
)
def test_columns_are_read_as_records_are(odd: dict[str, Any]) -> None:
    record = {"id": 7, "token": "a", "bytes": [97], "logprob": -1.0} | odd
    # A number that is a text is not plain.
    one, other = (
        read(
            json.dumps(
                {"logprobs": [{"top_logprobs": [record, {**token("b", 0.5), "id": number}]}]}
            )
        )
        for number in (5, "5")
    )
    assert one == other
    assert one.positions[0].tokens[-1].id == 5


TOPS = [
    {"id": 1, "token": "a", "bytes": [97], "logprob": -1.0},
    {"id": 0, "token": "b", "bytes": [98], "logprob": -2.0},
]


@pytest.mark.parametrize(
    ("known", "is_known"),
    [
        ((Token("b", 0, b"b"), Token("a", 1, b"a")), True),
        ((Token("b", 0, b"b"), Token("A", 1, b"A")), False),
        ((Token("a", 1, b"a"), Token("b", 0, b"b")), False),
        ((Token("b", None, None), Token("a", None, None)), False),
        ((Token("b", 0, b"b"),), False),
        ((Token("b", 0, b"b"), Token("a", 1, b"a"), Token("c", 2, b"c")), False),
        ((), False),
    ],
)
def test_all_tokens_are_the_known_ones_if_number_and_text_are(
    known: tuple[Token, ...],
    is_known: bool,  # noqa: FBT001
) -> None:
    """They then stand in the order of their numbers."""
    found = responses_of([("", {"logprobs": [{"top_logprobs": TOPS}]})], [], known)
    assert found is not None
    position = found.positions[0]
    assert position.drawn == -1
    assert (position.tokens is known) is is_known
    pairs = dict(zip(position.tokens, position.logprobs, strict=True))
    assert pairs == pytest.approx({Token("a", 1, b"a"): -1.0, Token("b", 0, b"b"): -2.0})


@pytest.mark.parametrize(
    ("drawn", "is_known"),
    [
        ({}, True),
        ({"id": "1"}, True),
        ({"id": None}, False),
        ({"id": 2}, False),
        ({"token": "A"}, False),
        ({"bytes": [65]}, False),
        ({"logprob": None}, True),
    ],
)
def test_what_was_drawn_is_one_of_the_known_tokens(
    drawn: dict[str, Any],
    is_known: bool,  # noqa: FBT001
) -> None:
    """Another form of it is read as ever, and what is known of the position is the same."""
    known = (Token("b", 0, b"b"), Token("a", 1, b"a"))
    document = {"logprobs": [{**TOPS[0], **drawn, "top_logprobs": TOPS}]}
    with_known, without = (responses_of([("", document)], [], each) for each in (known, ()))
    assert with_known is not None
    assert without is not None
    one, other = with_known.positions[0], without.positions[0]
    assert (one.tokens is known) is is_known
    assert one.tokens[one.drawn] == other.tokens[other.drawn]
    assert (one.rest, one.cap) == (other.rest, other.cap)
    for values in (one.logprobs, one.deltas), (other.logprobs, other.deltas):
        assert len(values[0]) == len(values[1])
    assert sorted(zip(one.tokens, one.logprobs, one.deltas, strict=True)) == sorted(
        zip(other.tokens, other.logprobs, other.deltas, strict=True)
    )


@given(st.data())
def test_known_tokens_change_nothing_but_the_order(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 6))
    known = tuple(Token(f"t{number}", number, f"t{number}".encode()) for number in range(size))
    logits = data.draw(st.lists(st.floats(-30, 0), min_size=size, max_size=size))
    digits = data.draw(st.sampled_from([3, 6, 17]))
    short = data.draw(st.sampled_from([0.0, 0.0, 1e-9, 1e-5, 0.1]))
    logprobs = (np.asarray(ts.log_softmax(logits)) + math.log1p(-short)).round(digits)
    keys = ["id", "token", "logprob", *data.draw(st.sampled_from([["bytes"], []]))]
    records = [
        {"id": at, "token": text, "logprob": logprob, "bytes": list(encoded or b"")}
        for (text, at, encoded), logprob in zip(known, logprobs.tolist(), strict=True)
    ]
    tops = [{key: each[key] for key in keys} for each in data.draw(st.permutations(records))]
    drawn = data.draw(st.sampled_from([{}, *tops]))
    document = {"logprobs": [{**drawn, "top_logprobs": tops}]}
    with_known, without = (responses_of([("", document)], [], each) for each in (known, ()))
    assert with_known is not None
    assert without is not None
    (one,), (other,) = with_known.positions, without.positions
    assert (one.rest, one.cap, one.error) == (other.rest, other.cap, other.error)
    order = [token.id for token in other.tokens].index
    places = [order(token.id) for token in one.tokens]
    for name in ("logprobs", "deltas"):
        values = getattr(other, name)
        assert getattr(one, name) == tuple(values[at] for at in places[: len(values)])
    assert (one.drawn < 0) == (other.drawn < 0)
    if one.drawn >= 0:
        assert one.tokens[one.drawn].id == other.tokens[other.drawn].id


def test_a_logprob_of_minus_9999_is_probability_0() -> None:
    entry = {"token": "a", "logprob": -9999.0, "top_logprobs": [token("b", 0.75)]}
    (position,) = read(json.dumps({"logprobs": [entry]})).positions
    assert row(position) == [("b", 0.75), ("a", 0.0), (REST, 0.25)]
    assert position.logprobs[1] == -math.inf
    assert position.drawn == 1


@given(st.lists(st.floats(1e-300, 1), min_size=2, max_size=20))
def test_the_tail_is_1_minus_the_reported_probabilities(weights: list[float]) -> None:
    from mpmath import mp, mpf

    total = math.fsum(weights)
    logprobs = [math.log(weight / total) for weight in weights]
    # The last one is left out: it is what is not reported.
    top = [{"token": str(at), "logprob": value} for at, value in enumerate(logprobs[:-1])]
    (position,) = read(json.dumps({"logprobs": [{**top[0], "top_logprobs": top}]})).positions
    with mp.workdps(700):
        reported = [mpf(value) for value in logprobs[:-1]]
        rest = 1 - sum(map(mp.exp, reported))
        # float64 may lose a bit of each term, none of which exceeds the first, and bits of the
        # logarithm at the end.
        lost = abs(mp.expm1(max(reported))) + abs(rest) * (
            1 + abs(mp.log(abs(rest) + mpf(10) ** -350))
        )
        error = mpf(2) ** -51 * lost
        if position.rest is None:
            # What is within float32 rounding, and less than any reported token, counts as 0.
            rounding = mpf(responses.FLOAT32) * -sum(mp.exp(each) * each for each in reported)
            assert rest <= min(rounding, *map(mp.exp, reported)) + error
        else:
            assert abs(mp.exp(mpf(position.rest)) - max(rest, mpf(0))) <= error


def test_a_confident_token_leaves_an_exact_tail() -> None:
    # log1p(-sum) of rounded probabilities would say 0: 1 - 1e-20 rounds to 1. One token is no
    # vocabulary, whatever its number.
    (position,) = read(
        json.dumps({"logprobs": [{"id": 0, "token": "a", "logprob": -1e-20}]})
    ).positions
    assert position.rest == pytest.approx(math.log(1e-20))


def test_the_tail_of_a_confident_position_does_not_vanish() -> None:
    # The tail is within float32 rounding, but more than the least likely reported token.
    tops = [token("a", 1 - 3e-8), token("b", 1e-9)]
    (position,) = read(json.dumps({"logprobs": [{**tops[0], "top_logprobs": tops}]})).positions
    assert position.rest == pytest.approx(math.log(2.9e-8), rel=1e-6)


@given(
    st.lists(st.floats(-12, 3), min_size=2, max_size=300),
    st.sampled_from(["logprob", "prob"]),
)
def test_a_whole_vocabulary_in_float32_has_no_tail(logits: list[float], form: str) -> None:
    exp_z = np.exp(np.float32(logits))
    probs = exp_z / exp_z.sum()
    values = (probs if form == "prob" else np.log(probs)).tolist()
    tops = [{"id": at, "token": "x", form: value} for at, value in enumerate(values)]
    (position,) = read(json.dumps({"logprobs": [{**tops[0], "top_logprobs": tops}]})).positions
    assert (position.rest, position.error) == (None, None)
    assert position.drawn == 0


def in_order(scale: float, count: int, most: int) -> tuple[dict[str, Any], NDArray[np.float64]]:
    """Return an answer as llama.cpp sends it, which adds up in float32, and the true logits."""
    z = np.sort(np.random.default_rng(0).normal(0, scale, count).astype(np.float32))[::-1]
    exp_z = np.exp(z - z[0])
    logprobs = np.log(exp_z / np.add.accumulate(exp_z, dtype=np.float32)[-1])
    tops = [
        {"id": at, "token": "x", "bytes": [120], "logprob": float(logprob)}
        for at, logprob in enumerate(logprobs[:most])
    ]
    return {"completion_probabilities": [{**tops[0], "top_logprobs": tops}]}, z.astype(np.float64)


@pytest.mark.parametrize("scale", [0.1, 2, 6])
def test_what_float32_lost_of_a_whole_sum_is_undone(scale: float) -> None:
    answer, z = in_order(scale, 50_257, 50_257)
    (position,) = read(json.dumps(answer)).positions
    assert position.rest is None
    truth = np.asarray(ts.log_softmax(z))
    assert (np.abs(truth - position.logprobs) <= position.deltas).all()
    assert max(position.deltas) < 1e-5


@pytest.mark.parametrize("scale", [0.1, 2, 3, 6])
@pytest.mark.parametrize("count", [2_048, 151_936])
def test_what_float32_lost_of_a_sum_widens_the_interval(scale: float, count: int) -> None:
    answer, z = in_order(scale, count, 20)
    data = parse_logits(json.dumps(answer), vocabulary=count)
    for temperature in (0.5, 1.0, 2.0):
        low, high = ts.softmax(data.reported(), temperature)
        truth = np.asarray(ts.softmax(z, temperature))[:20]
        assert (low <= truth).all()
        assert (truth <= high).all()


def test_a_likeliest_token_that_is_rounded_to_1_hides_a_tail() -> None:
    z = np.concatenate([[30.0], -np.linspace(0, 3, 50_256)]).astype(np.float32)
    # In float32 the sum of the others is lost beside 1.
    logprobs = (z - z[0] - np.log(np.exp(z - z[0]).sum(dtype=np.float32)))[:20].tolist()
    assert logprobs[0] == 0
    tops = [{"token": f"t{at}", "logprob": logprob} for at, logprob in enumerate(logprobs)]
    answer = {"choices": [{"logprobs": {"content": [{**tops[0], "top_logprobs": tops}]}}]}
    data = parse_logits(json.dumps(answer), vocabulary=z.size)
    assert data.is_reported
    reported = data.reported(0)
    for temperature in (0.5, 1.0, 2.0, 4.0):
        low, high = entropy(reported, temperature)
        assert low <= entropy(z.astype(np.float64), temperature) <= high
    assert entropy(reported, 2).high > 0.2
    # Two of two tokens hide nothing that is likelier than the last.
    pair = [tops[0], {"token": "b", "logprob": -9.1234567}]
    two = {"logprobs": [{**tops[0], "top_logprobs": pair}]}
    assert not parse_logits(json.dumps(two)).is_reported


def test_a_sum_above_1_by_rounding_has_no_tail() -> None:
    tops = [{"token": str(at), "logprob": lp(0.25) + 1e-7} for at in range(4)]
    (position,) = read(json.dumps({"logprobs": [{**tops[0], "top_logprobs": tops}]})).positions
    assert position.labels == ("0", "1", "2", "3")


TEXTS = [
    *map(json.dumps, BOTH.values()),
    *(path.read_text() for path in sorted(CASES.glob("*.[js]s*"))),
]
JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 10**20)
    | st.floats()
    | st.sampled_from(["", "x", "token_id:5", "\ud800", "-inf", "response.completed"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["logprob", "token", "id", "message", "1"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


def check(data: str | bytes) -> None:
    """Check that a text gives positions that hold together, or a ValueError of one line."""
    message, found = None, None
    try:
        found = parse_responses(data)
    except ValueError as error:
        message = str(error)
    assert message is None or (message and "\n" not in message)
    if found is None:
        return
    assert found.positions
    assert not any("\n" in note for note in found.notes)
    for position in found.positions:
        assert -1 <= position.drawn < len(position.tokens)
        if position.error is None:
            assert len(position.logprobs) == len(position.tokens) > 0
            assert max(position.logprobs) <= 0
            assert position.rest is None or position.rest <= 0
            " ".join(position.labels).encode()
        else:
            assert position.logprobs == ()
            assert position.rest is None


@settings(max_examples=300)
@given(st.sampled_from(TEXTS), st.data())
def test_cut_flipped_and_spliced_text_gives_rows_or_one_line(
    text: str, data: st.DataObject
) -> None:
    raw = bytearray(text.encode())
    places = st.integers(0, len(raw) - 1)
    check(bytes(raw[: data.draw(places)]))
    check(bytes(raw[data.draw(places) :]))
    other = data.draw(st.sampled_from(TEXTS)).encode()
    check(bytes(raw[: data.draw(places)]) + other[data.draw(st.integers(0, len(other))) :])
    for place in data.draw(st.lists(places, max_size=4)):
        raw[place] ^= 1 << data.draw(st.integers(0, 7))
    check(bytes(raw))


@settings(max_examples=300)
@given(st.sampled_from(list(BOTH.values())), JUNK, st.integers(0, 10**6))
@example(BOTH["llm"], "\ud800", 0)
def test_replaced_values_give_rows_or_one_line(answer: object, junk: object, place: int) -> None:
    value = replaced(answer, junk, place)
    check(json.dumps(value))
    documents = value if isinstance(value, list) else [value]
    check("\n".join(map(json.dumps, documents)))


def replaced(document: object, junk: object, place: int) -> object:
    """Return a document with another value in one of its places."""
    count = 0

    def changed(value: object) -> object:
        nonlocal count
        count += 1
        if count == 1 + place % size:
            return junk
        if isinstance(value, dict):
            return {key: changed(each) for key, each in value.items()}
        return list(map(changed, value)) if isinstance(value, list) else value

    size = len(json.dumps(document).split()) * 2
    return changed(document)
