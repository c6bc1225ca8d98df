"""Responses made by following what each server documents."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from thermoscope import definition, open_logits, read_logits
from thermoscope.files import FileError, parse_logits
from thermoscope.logprobs import NOT_REPORTED, parse

if TYPE_CHECKING:
    from pathlib import Path


def token(text: str, probability: float, **more: object) -> dict[str, object]:
    return {
        "token": text,
        "logprob": math.log(probability),
        "bytes": list(text.encode()),
        **more,
    }


CONTENT = [
    token("Hello", 0.5, top_logprobs=[token("Hello", 0.5), token("Hi", 0.25)]),
    # The one drawn is not among the likeliest.
    token("!", 0.125, top_logprobs=[token(".", 0.5), token(",", 0.25)]),
]
ROWS: list[tuple[list[str], list[float]]] = [
    (["Hello", "Hi", NOT_REPORTED], [0.5, 0.25, 0.25]),
    ([".", ",", "!", NOT_REPORTED], [0.5, 0.25, 0.125, 0.125]),
]

OPENAI_CHAT = {
    "id": "chatcmpl-123",
    "object": "chat.completion",
    "created": 1702685778,
    "model": "gpt-4o-mini",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello!"},
            "logprobs": {"content": CONTENT, "refusal": None},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
}
OPENAI_COMPLETION = {
    "id": "cmpl-123",
    "object": "text_completion",
    "choices": [
        {
            "text": "Hello!",
            "index": 0,
            "logprobs": {
                "text_offset": [0, 5],
                "tokens": ["Hello", "!"],
                "token_logprobs": [math.log(0.5), math.log(0.125)],
                "top_logprobs": [
                    {"Hello": math.log(0.5), "Hi": math.log(0.25)},
                    {".": math.log(0.5), ",": math.log(0.25)},
                ],
            },
            "finish_reason": "length",
        }
    ],
}
LLAMA_CPP = {
    "content": "Hello!",
    "tokens_predicted": 2,
    "completion_probabilities": [
        {
            "id": 10,
            **token("Hello", 0.5),
            "top_logprobs": [token("Hello", 0.5, id=10), token("Hi", 0.25, id=11)],
        },
        {
            "id": 14,
            **token("!", 0.125),
            "top_logprobs": [token(".", 0.5, id=12), token(",", 0.25, id=13)],
        },
    ],
}
LLAMA_CPP_AFTER_SAMPLING = {
    "content": "Hello!",
    "completion_probabilities": [
        {
            "id": 10,
            "token": "Hello",
            "prob": 0.5,
            "top_probs": [
                {"id": 10, "token": "Hello", "bytes": [72], "prob": 0.5},
                {"id": 11, "token": "Hi", "bytes": [72], "prob": 0.25},
            ],
        },
        {
            "id": 14,
            "token": "!",
            "prob": 0.125,
            "top_probs": [
                {"id": 12, "token": ".", "bytes": [46], "prob": 0.5},
                {"id": 13, "token": ",", "bytes": [44], "prob": 0.25},
            ],
        },
    ],
}
OLLAMA_GENERATE = {
    "model": "gemma3",
    "created_at": "2025-11-12T10:00:00Z",
    "response": "Hello!",
    "done": True,
    "logprobs": CONTENT,
}
OLLAMA_CHAT = {
    "model": "gemma3",
    "message": {"role": "assistant", "content": "Hello!"},
    "done": True,
    "logprobs": CONTENT,
}
SERVERS = {
    "openai-chat": OPENAI_CHAT,
    "openai-completion": OPENAI_COMPLETION,
    "llama.cpp": LLAMA_CPP,
    "llama.cpp-post_sampling_probs": LLAMA_CPP_AFTER_SAMPLING,
    "ollama-generate": OLLAMA_GENERATE,
    "ollama-chat": OLLAMA_CHAT,
}


def found(text: str) -> list[tuple[list[str], list[float]]]:
    positions = parse(text)
    assert positions is not None
    return [
        (list(labels), [pytest.approx(math.exp(value)) for value in logprobs])  # type: ignore[misc]
        for labels, logprobs in positions
    ]


@pytest.mark.parametrize("server", SERVERS)
def test_each_server(server: str) -> None:
    assert found(json.dumps(SERVERS[server])) == ROWS


def test_llama_cpp_before_the_end_of_2024() -> None:
    probs = [{"tok_str": "B", "prob": 0.5}, {"tok_str": "C", "prob": 0.25}]
    old = {"completion_probabilities": [{"content": "B", "probs": probs}]}
    assert found(json.dumps(old)) == [(["B", "C", NOT_REPORTED], [0.5, 0.25, 0.25])]
    # It does not say the probability of another token that was drawn.
    old["completion_probabilities"][0]["content"] = "Z"
    assert found(json.dumps(old)) == [(["B", "C", NOT_REPORTED], [0.5, 0.25, 0.25])]


@pytest.mark.parametrize("place", ["response", "choice"])
def test_vllm_reports_the_prompt_first(place: str) -> None:
    prompt = [
        None,
        {
            "791": {"logprob": math.log(0.25), "rank": 1, "decoded_token": "The"},
            "13": {"logprob": math.log(0.5), "rank": 2, "decoded_token": None},
        },
    ]
    response: dict[str, Any] = json.loads(json.dumps(OPENAI_CHAT))
    holder = response if place == "response" else response["choices"][0]
    holder["prompt_logprobs"] = prompt
    expected = (["The", "token 13", NOT_REPORTED], [0.25, 0.5, 0.25])
    assert found(json.dumps(response)) == [expected, *ROWS]


def test_an_echoed_prompt_begins_with_a_token_that_has_nothing_before_it() -> None:
    logprobs = {
        "tokens": ["A", "B"],
        "token_logprobs": [None, math.log(0.5)],
        "top_logprobs": [None, {"B": math.log(0.5)}],
    }
    text = json.dumps({"choices": [{"index": 0, "logprobs": logprobs}]})
    assert found(text) == [(["B", NOT_REPORTED], [0.5, 0.5])]


def test_choices_keep_their_order() -> None:
    chunks = [
        {"choices": [{"index": at, "logprobs": {"content": [token(text, 1.0)]}}]}
        for at, text in [(1, "b"), (0, "a"), (1, "d"), (0, "c")]
    ]
    text = "\n".join(map(json.dumps, chunks))
    assert [labels for labels, _ in found(text)] == [["a"], ["c"], ["b"], ["d"]]


def chunks_of(server: str) -> list[dict[str, Any]]:
    """Return a response as a stream has it: a token each, and a last chunk with none."""
    response = SERVERS[server]
    if "choices" in response:
        parts = [
            {"choices": [{"index": 0, "delta": {}, "logprobs": {"content": [entry]}}]}
            for entry in CONTENT
        ]
        return [*parts, {"choices": [], "usage": {"total_tokens": 11}}]
    key = "logprobs" if "logprobs" in response else "completion_probabilities"
    entries: list[Any] = response[key]  # type: ignore[assignment]
    return [
        *({"content": "", "response": "", key: [entry]} for entry in entries),
        {"content": "", "response": "", "done": True},
    ]


@pytest.mark.parametrize("server", ["openai-chat", "llama.cpp", "ollama-generate"])
@pytest.mark.parametrize("form", ["lines", "events", "list"])
@pytest.mark.parametrize("ending", ["json", "jsonl"])
def test_a_stream_is_one_response(tmp_path: Path, server: str, form: str, ending: str) -> None:
    chunks = [json.dumps(chunk) for chunk in chunks_of(server)]
    text = {
        "lines": "\n".join(chunks) + "\n",
        "events": "".join(f"data: {chunk}\r\n\r\n" for chunk in chunks) + "data: [DONE]\n\n",
        "list": f"[{', '.join(chunks)}]",
    }[form]
    assert found(text) == ROWS
    path = tmp_path / f"stream.{ending}"
    path.write_text(text, encoding="utf-8")
    file = open_logits(path)
    assert file.shape == (2, 4)
    for index, (labels, probabilities) in enumerate(ROWS):
        values, names, _ = file.row(index)
        assert names == tuple(labels)
        assert np.exp(values) == pytest.approx(probabilities)
    # Rows of fewer items are filled up with lanes that have no weight.
    (batch,) = file.batches()
    assert definition.softmax(batch)[0] == pytest.approx([0.5, 0.25, 0.25, 0])


def test_two_tokens_with_the_same_text_are_two_items() -> None:
    # Halves of one character: told apart by their bytes, or by their numbers.
    for first, second in [({"bytes": [240]}, {"bytes": [159]}), ({"id": 1}, {"id": 2})]:
        drawn = {"token": "\ufffd", "logprob": math.log(0.25), **first}
        other = {"token": "\ufffd", "logprob": math.log(0.5), **second}
        text = json.dumps({"logprobs": [{**drawn, "top_logprobs": [other]}]})
        assert found(text) == [(["\ufffd", "\ufffd", NOT_REPORTED], [0.5, 0.25, 0.25])]


def test_very_unlikely_is_no_probability() -> None:
    entry = {"token": "a", "logprob": -9999.0, "top_logprobs": [token("b", 0.75)]}
    assert found(json.dumps({"logprobs": [entry]})) == [
        (["b", "a", NOT_REPORTED], [0.75, 0.0, 0.25])
    ]
    positions = parse(json.dumps({"logprobs": [entry]}))
    assert positions is not None
    assert positions[0].logprobs[1] == -math.inf


@given(st.lists(st.floats(1e-300, 1), min_size=2, max_size=20))
def test_what_is_not_reported_is_what_lacks_to_one(weights: list[float]) -> None:
    from mpmath import mp, mpf

    total = math.fsum(weights)
    logprobs = [math.log(weight / total) for weight in weights]
    # The last one is left out: it is what is not reported.
    top = [{"token": str(at), "logprob": value} for at, value in enumerate(logprobs[:-1])]
    positions = parse(json.dumps({"logprobs": [{"token": "0", **top[0], "top_logprobs": top}]}))
    assert positions is not None
    ((labels, values),) = positions
    with mp.workdps(700):
        rest = 1 - sum(mp.exp(mpf(value)) for value in logprobs[:-1])
        largest = max(logprobs[:-1])
        # What float64 may lose: a bit of each term, none of which is more than the first, and
        # bits of the logarithm at the end.
        lost = abs(mp.expm1(mpf(largest))) + abs(rest) * (
            1 + abs(mp.log(abs(rest) + mpf(10) ** -350))
        )
        error = mpf(2) ** -51 * lost
        got = mp.exp(mpf(values[-1])) if labels[-1] == NOT_REPORTED else mpf(0)
        assert abs(got - max(rest, mpf(0))) <= error


def test_a_confident_token_leaves_an_exact_rest() -> None:
    # log1p(-sum) of rounded probabilities would say 0: 1 - 1e-20 rounds to 1.
    text = json.dumps({"logprobs": [{"token": "a", "logprob": -1e-20}]})
    positions = parse(text)
    assert positions is not None
    assert positions[0].logprobs[1] == pytest.approx(math.log(1e-20))


def test_a_sum_above_one_by_rounding_leaves_nothing() -> None:
    tops = [{"token": str(at), "logprob": math.log(0.25) + 1e-7} for at in range(4)]
    positions = parse(json.dumps({"logprobs": [{**tops[0], "top_logprobs": tops}]}))
    assert positions is not None
    assert positions[0].labels == ("0", "1", "2", "3")


@pytest.mark.parametrize("temperature", [0.25, 2.0])
def test_an_applied_temperature_is_undone(tmp_path: Path, temperature: float) -> None:
    logits = np.array([2.0, 1.0, -3.0])
    served = definition.log_softmax(logits, temperature)
    tops = [{"token": str(at), "logprob": value} for at, value in enumerate(served.tolist())]
    path = tmp_path / "response.json"
    path.write_text(json.dumps({"logprobs": [{**tops[0], "top_logprobs": tops}]}))
    values = read_logits(path, applied_temperature=temperature).values[:3]
    assert values - values[0] == pytest.approx(logits - logits[0])
    assert definition.softmax(values, 1.5) == pytest.approx(definition.softmax(logits, 1.5))


@given(
    st.lists(st.floats(-20, 0), min_size=3, max_size=30),
    st.floats(0.2, 5),
    st.floats(0.2, 5),
)
def test_not_reported_is_a_bound_at_other_temperatures(
    logits: list[float], applied: float, temperature: float
) -> None:
    served = definition.log_softmax(logits, applied).tolist()
    tops = [{"token": str(at), "logprob": value} for at, value in enumerate(served[:2])]
    text = json.dumps({"logprobs": [{**tops[0], "top_logprobs": tops}]})
    read = parse_logits(text, row=0, applied_temperature=applied)
    assert read.labels is not None
    # Less than that is drowned in the rounding of the probabilities that were reported.
    assume(read.labels[-1] == NOT_REPORTED and math.fsum(map(math.exp, served[2:])) > 1e-9)
    share = definition.softmax(read.values, temperature)[-1]
    truth = definition.softmax(logits, temperature)[2:].sum()
    if temperature <= applied:
        assert share >= truth - 1e-6
    if temperature >= applied:
        assert share <= truth + 1e-6


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"choices": [{"message": {"content": "Hi"}, "logprobs": null}]}', "has no logprobs: ask"),
        ('{"model": "gemma3", "response": "Hi", "done": true}', "has no logprobs: ask"),
        ('{"content": "Hi", "stop": true}', "has no logprobs: ask"),
        ('{"logprobs": [{"token": "a"}]}', "row 0: no token is reported"),
        ('{"logprobs": [{"token": "a", "logprob": 12.5}]}', "row 0: a logprob must be <= 0"),
        (
            '{"logprobs": [{"token": "a", "logprob": NaN}]}',
            "row 0: a logprob must be <= 0, got nan",
        ),
        ('{"logprobs": [{"token": "a", "logprob": "x"}]}', "row 0: could not convert"),
        ('{"logprobs": [{"token": "a", "prob": 1.5}]}', "row 0: a probability must be 0 to 1"),
        ('{"logprobs": [{"logprob": -1}]}', "row 0: logprobs in a format of no known server"),
        ('{"logprobs": [7]}', "row 0: logprobs in a format of no known server"),
        ('{"choices": [7]}', "logprobs in a format of no known server"),
        (
            json.dumps({"logprobs": [{**token("a", 0.9), "top_logprobs": [token("b", 0.9)]}]}),
            "row 0: probabilities must sum to at most 1, got 1.8",
        ),
        ('{"logprobs": []}\n{"logprobs": [', "not JSON: line 2"),
        ('{"choices": [', "not JSON: line 1"),
    ],
)
@pytest.mark.parametrize("ending", ["json", "jsonl"])
def test_a_bad_response_gets_one_clear_line(
    tmp_path: Path, text: str, words: str, ending: str
) -> None:
    path = tmp_path / f"response.{ending}"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FileError, match=words) as caught:
        read_logits(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ['{"choices": 1, "content": 2}', '{"content": "-inf", "a": 0}'])
def test_a_label_may_be_a_word_of_the_servers(text: str) -> None:
    assert parse(text) is None
    assert parse_logits(text).values.size == 2
