"""Responses made by following what each server documents, and those that people have."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from thermoscope.data.formats import responses
from thermoscope.data.formats.responses import (
    NOT_REPORTED,
    Position,
    Responses,
    Token,
    looks_like_response,
    parse_responses,
)

CASES = Path(__file__).parent / "data" / "cases"
Row = list[tuple[str, float]]
REST = NOT_REPORTED


def read(text: str | bytes) -> Responses:
    found = parse_responses(text)
    assert found is not None
    return found


def row(position: Position) -> Row:
    """Return labels and probabilities; approx holds them to the digits that servers print."""
    assert position.error is None
    rest = [] if position.rest is None else [position.rest]
    values = map(math.exp, [*position.logprobs, *rest])
    return list(zip(position.labels, map(approx, values), strict=True))


def approx(value: float) -> float:
    return pytest.approx(value, abs=1e-6)  # type: ignore[no-any-return]


def rows(text: str | bytes) -> list[Row]:
    return [row(position) for position in read(text).positions]


def lp(probability: float) -> float:
    return math.log(probability)


def token(text: str, probability: float, **more: object) -> dict[str, object]:
    return {"token": text, "logprob": lp(probability), "bytes": list(text.encode()), **more}


# What people have.

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
def test_cases(name: str, expected: list[Row], notes: list[str]) -> None:
    data = (CASES / name).read_bytes()
    assert looks_like_response(data.decode())
    assert rows(data) == expected
    assert list(read(data).notes) == notes
    # A mark at the beginning, the ends of lines of Windows and blank lines change nothing.
    assert rows(b"\xef\xbb\xbf" + data) == expected
    assert rows(b"\n \n" + data.replace(b"\n", b"\r\n") + b"\n\n") == expected


def test_a_case_of_one_row_that_cannot_be_read() -> None:
    found = read((CASES / "first_logprob_positive.json").read_bytes())
    first, *others = found.positions
    error = "a logprob must be <= 0, got 0.703125"
    assert first == Position((Token("Sure", None, None),), (), None, 0, error)
    assert [row(position) for position in others] == [
        [(",", 0.960789), (REST, 0.039211)],
        [(" ok", 0.600496), (REST, 0.399504)],
    ]
    assert found.notes == (f"row 0 can't be read: {error}",)


def test_a_case_of_a_whole_distribution() -> None:
    (position,) = read((CASES / "all_reported.json").read_bytes()).positions
    assert position.rest is None
    assert position.labels == tuple(f"t{at}" for at in range(7))
    assert math.fsum(map(math.exp, position.logprobs)) == pytest.approx(1, abs=1e-6)


def test_a_case_that_is_no_response() -> None:
    text = (CASES / "pipeline_scores.json").read_text()
    assert not looks_like_response(text)
    assert parse_responses(text) is None


# What each server documents.

DOG = [token("Hello", 0.5, top_logprobs=[token("Hello", 0.5), token("Hi", 0.25)])]
# The one drawn is not among the likeliest.
CAT = [token("!", 0.125, top_logprobs=[token(".", 0.5), token(",", 0.25)])]
CONTENT = [*DOG, *CAT]
HELLO: Row = [("Hello", 0.5), ("Hi", 0.25), (REST, 0.25)]
MARK: Row = [(".", 0.5), (",", 0.25), ("!", 0.125), (REST, 0.125)]


def numbered(text: str, probability: float, number: int) -> dict[str, object]:
    return {"id": number, "token": text, "logprob": lp(probability)}


CHAT = {"index": 0, "message": {"content": "Hello!"}, "logprobs": {"content": CONTENT}}
COLUMNS = {
    "text_offset": [0, 5],
    "tokens": ["Hello", "!"],
    "token_logprobs": [lp(0.5), lp(0.125)],
    "top_logprobs": [{"Hello": lp(0.5), "Hi": lp(0.25)}, {".": lp(0.5), ",": lp(0.25)}],
}
LLAMA_CPP = [
    {
        **numbered("Hello", 0.5, 10),
        "top_logprobs": [numbered("Hello", 0.5, 10), numbered("Hi", 0.25, 11)],
    },
    {**numbered("!", 0.125, 14), "top_logprobs": [numbered(".", 0.5, 12), numbered(",", 0.25, 13)]},
]
LLAMA_CPP_PROBS = [
    {
        "id": 10,
        "token": "Hello",
        "prob": 0.5,
        "top_probs": [
            {"id": 10, "token": "Hello", "prob": 0.5},
            {"id": 11, "token": "Hi", "prob": 0.25},
        ],
    },
    {
        "id": 14,
        "token": "!",
        "prob": 0.125,
        "top_probs": [
            {"id": 12, "token": ".", "prob": 0.5},
            {"id": 13, "token": ",", "prob": 0.25},
        ],
    },
]
SGLANG = {
    "output_token_logprobs": [[lp(0.5), 10, "Hello"], [lp(0.125), 14, "!"]],
    "output_top_logprobs": [
        [[lp(0.5), 10, "Hello"], [lp(0.25), 11, "Hi"]],
        [[lp(0.5), 12, "."], [lp(0.25), 13, ","]],
    ],
}
TGI_TOP = [
    [
        {"id": 10, "text": "Hello", "logprob": lp(0.5)},
        {"id": 11, "text": "Hi", "logprob": lp(0.25)},
    ],
    [{"id": 12, "text": ".", "logprob": lp(0.5)}, {"id": 13, "text": ",", "logprob": lp(0.25)}],
]
TGI_TOKENS = [
    {"id": 10, "text": "Hello", "logprob": lp(0.5), "special": False},
    {"id": 14, "text": "!", "logprob": lp(0.125), "special": False},
]
GEMINI = {
    "topCandidates": [
        {
            "candidates": [
                {"token": "Hello", "tokenId": 10, "logProbability": lp(0.5)},
                {"token": "Hi", "tokenId": 11, "logProbability": lp(0.25)},
            ]
        },
        {
            "candidates": [
                {"token": ".", "tokenId": 12, "logProbability": lp(0.5)},
                {"token": ",", "tokenId": 13, "logProbability": lp(0.25)},
            ]
        },
    ],
    "chosenCandidates": [
        {"token": "Hello", "tokenId": 10, "logProbability": lp(0.5)},
        {"token": "!", "tokenId": 14, "logProbability": lp(0.125)},
    ],
}
VLLM_MAPS = [
    {
        "10": {"logprob": lp(0.5), "rank": 1, "decoded_token": "Hello"},
        "11": {"logprob": lp(0.25), "rank": 2, "decoded_token": "Hi"},
    },
    {
        "12": {"logprob": lp(0.5), "rank": 1, "decoded_token": "."},
        "13": {"logprob": lp(0.25), "rank": 2, "decoded_token": ","},
        "14": {"logprob": lp(0.125), "rank": 3, "decoded_token": "!"},
    },
]
EVENT = {
    "type": "response.output_text.delta",
    "item_id": "m",
    "output_index": 1,
    "content_index": 0,
}
WHOLE = {
    "id": "r",
    "object": "response",
    "output": [
        {"type": "reasoning"},
        {
            "type": "message",
            "content": [{"type": "output_text", "text": "Hello!", "logprobs": CONTENT}],
        },
    ],
}
BOTH: dict[str, Any] = {
    "OpenAI, chat": {"id": "c", "object": "chat.completion", "model": "m", "choices": [CHAT]},
    "OpenAI, text": {
        "id": "c",
        "object": "text_completion",
        "choices": [{"text": "Hello!", "index": 0, "logprobs": COLUMNS}],
    },
    "OpenAI, chat in chunks": [
        {
            "id": "c",
            "object": "chat.completion.chunk",
            "choices": [{"index": 0, "delta": {"content": "x"}, "logprobs": {"content": each}}],
        }
        for each in (DOG, CAT)
    ],
    "OpenAI, responses": WHOLE,
    "OpenAI, responses in events": [
        {"type": "response.created", "response": {"id": "r", "output": []}},
        {**EVENT, "delta": "Hello", "logprobs": DOG},
        {**EVENT, "delta": "!", "logprobs": CAT},
        {**EVENT, "type": "response.output_text.done", "text": "Hello!", "logprobs": CONTENT},
        {"type": "response.completed", "response": WHOLE},
    ],
    "OpenAI, events without the last": [
        {**EVENT, "delta": "Hello", "logprobs": DOG},
        {**EVENT, "delta": "!", "logprobs": CAT},
    ],
    "OpenAI, the last event alone": {"type": "response.completed", "response": WHOLE},
    "OpenAI, batch": [
        {
            "custom_id": "q",
            "error": None,
            "response": {"status_code": 200, "body": {"choices": [CHAT]}},
        }
    ],
    "OpenAI, refusal": {
        "choices": [{"message": {}, "logprobs": {"content": None, "refusal": CONTENT}}]
    },
    "vLLM, outputs": {
        "request_id": "1",
        "outputs": [{"index": 0, "text": "Hello!", "token_ids": [10, 14], "logprobs": VLLM_MAPS}],
    },
    "Together": {"choices": [{"index": 0, "logprobs": {**COLUMNS, "token_ids": [10, 14]}}]},
    "Fireworks": {
        "choices": [
            {"logprobs": {"content": [{**each, "token_id": at} for at, each in enumerate(CONTENT)]}}
        ]
    },
    "llama.cpp": {
        "index": 0,
        "content": "Hello!",
        "stop": True,
        "completion_probabilities": LLAMA_CPP,
    },
    "llama.cpp, as documented": {"content": "Hello!", "probs": LLAMA_CPP},
    "llama.cpp, post_sampling_probs": {
        "content": "Hello!",
        "completion_probabilities": LLAMA_CPP_PROBS,
    },
    "llama.cpp, in chunks": [
        {"content": "Hello", "stop": False, "completion_probabilities": LLAMA_CPP[:1]},
        {"content": "!", "stop": False, "completion_probabilities": LLAMA_CPP[1:]},
        {"content": "", "stop": True, "timings": {"predicted_ms": 1.5}},
    ],
    "llama.cpp of 2024, in chunks": [
        {"content": "Hello", "stop": False, "completion_probabilities": LLAMA_CPP[:1]},
        {"content": "!", "stop": False, "completion_probabilities": LLAMA_CPP[1:]},
        {"content": "", "stop": True, "completion_probabilities": LLAMA_CPP},
    ],
    "Ollama": {"model": "gemma3", "response": "Hello!", "done": True, "logprobs": CONTENT},
    "Ollama, chat in chunks": [
        {"model": "gemma3", "message": {"content": "Hello"}, "done": False, "logprobs": DOG},
        {"model": "gemma3", "message": {"content": "!"}, "done": False, "logprobs": CAT},
        {"model": "gemma3", "message": {"content": ""}, "done": True, "total_duration": 7},
    ],
    "KoboldCpp, last_logprobs": {"logprobs": {"content": CONTENT, **COLUMNS}},
    "KoboldCpp, generate": {
        "results": [
            {"text": "Hello!", "finish_reason": "stop", "logprobs": {"content": CONTENT, **COLUMNS}}
        ]
    },
    "SGLang": {"text": "Hello!", "meta_info": {"id": "s", "completion_tokens": 2, **SGLANG}},
    "SGLang, in chunks": [
        {
            "text": "Hello",
            "meta_info": {
                "id": "s",
                "completion_tokens": 1,
                **{key: value[:1] for key, value in SGLANG.items()},
            },
        },
        {"text": "Hello!", "meta_info": {"id": "s", "completion_tokens": 2, **SGLANG}},
    ],
    "SGLang, in chunks of what is new": [
        {
            "text": "Hello",
            "meta_info": {
                "id": "s",
                "completion_tokens": 1,
                **{key: value[:1] for key, value in SGLANG.items()},
            },
        },
        {
            "text": "!",
            "meta_info": {
                "id": "s",
                "completion_tokens": 2,
                **{key: value[1:] for key, value in SGLANG.items()},
            },
        },
    ],
    "TGI": [
        {
            "generated_text": "Hello!",
            "details": {"tokens": TGI_TOKENS, "top_tokens": TGI_TOP, "prefill": []},
        }
    ],
    "TGI, in chunks": [
        {"index": at + 1, "token": one, "top_tokens": top, "generated_text": None, "details": None}
        for at, (one, top) in enumerate(zip(TGI_TOKENS, TGI_TOP, strict=True))
    ],
    "Gemini": {"candidates": [{"content": {}, "logprobsResult": GEMINI}]},
    "Gemini, in chunks": [
        {
            "responseId": "g",
            "candidates": [
                {"index": 0, "logprobsResult": {key: value[part] for key, value in GEMINI.items()}}
            ],
        }
        for part in (slice(1), slice(1, 2))
    ],
    "llm": [
        {
            "id": "l",
            "model": "m",
            "response": "Hello!",
            "response_json": {
                "content": "Hello!",
                "logprobs": [
                    {"text": "Hello", "top_logprobs": [COLUMNS["top_logprobs"][0]]},
                    {"text": "!", "top_logprobs": [{".": lp(0.5), ",": lp(0.25), "!": lp(0.125)}]},
                ],
            },
        }
    ],  # type: ignore[index]
    "logprobs of a choice": {"content": CONTENT, "refusal": None},
    "logprobs of a text": COLUMNS,
    "one choice": CHAT,
    "content": CONTENT,
}


@pytest.mark.parametrize("server", BOTH)
@pytest.mark.parametrize("form", ["value", "lines", "pretty", "events", "list", "list in lines"])
def test_each_server(server: str, form: str) -> None:
    value = BOTH[server]
    documents = value if isinstance(value, list) else [value]
    text = {
        "value": json.dumps(value),
        "lines": "\n".join(map(json.dumps, documents)),
        "pretty": "".join(json.dumps(each, indent=2) for each in documents),
        "events": "".join(f"event: x\r\ndata: {json.dumps(each)}\r\n\r\n" for each in documents)
        + "data: [DONE]\n\n",
        "list": json.dumps(documents, ensure_ascii=False),
        "list in lines": json.dumps(documents, indent=None).replace("}, {", "},\n{"),
    }[form]
    assert looks_like_response(text)
    found = read(text)
    assert [row(position) for position in found.positions] == [HELLO, MARK]
    assert found.notes == ()
    assert [position.drawn for position in found.positions] == [0, 2]


def test_the_drawn_token_keeps_its_number_and_its_bytes() -> None:
    for server, known in [
        ("llama.cpp", 14),
        ("SGLang", 14),
        ("Gemini", 14),
        ("Together", 14),
        ("vLLM, outputs", 14),
        ("TGI", 14),
        ("OpenAI, chat", None),
    ]:
        position = read(json.dumps(BOTH[server])).positions[1]
        drawn = position.tokens[position.drawn]
        assert (drawn.text, drawn.id) == ("!", known)
    assert drawn.bytes == b"!"
    # The numbers of Together are those of the drawn tokens alone.
    first = read(json.dumps(BOTH["Together"])).positions[0]
    assert first.tokens == (Token("Hello", 10, None), Token("Hi", None, None))


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(
            {
                "completion_probabilities": [
                    {
                        "content": "B",
                        "probs": [{"tok_str": "B", "prob": 0.5}, {"tok_str": "C", "prob": 0.25}],
                    }
                ]
            },
            [("B", 0.5), ("C", 0.25), (REST, 0.25)],
            id="llama.cpp before the end of 2024",
        ),
        pytest.param(
            {"logits": {" Asuka": 0.5, " Rei": 0.25}},
            [(" Asuka", 0.5), (" Rei", 0.25), (REST, 0.25)],
            id="text-generation-webui",
        ),
        pytest.param(
            {"logits": [[" Asuka", 0.5], {"token": " Rei", "prob": 0.25}]},
            [(" Asuka", 0.5), (" Rei", 0.25), (REST, 0.25)],
            id="text-generation-webui, a list",
        ),
        pytest.param(
            {
                "meta_info": {
                    "output_top_logprobs": [[[lp(0.5), 10, None], [lp(0.25), 11]]],
                    "output_token_logprobs": [[lp(0.5), 10]],
                }
            },
            [("token 10", 0.5), ("token 11", 0.25), (REST, 0.25)],
            id="SGLang without texts",
        ),
        pytest.param(
            {
                "meta_info": {
                    "output_token_logprobs": [[lp(0.5), 10, "B"]],
                    "output_token_ids_logprobs": [[[lp(0.25), 11, "A"], [lp(0.125), 12, "C"]]],
                }
            },
            [("A", 0.25), ("C", 0.125), ("B", 0.5), (REST, 0.125)],
            id="SGLang, asked for some tokens",
        ),
        pytest.param(
            {
                "meta_info": {
                    "input_token_logprobs": [[None, 1, "<s>"], [lp(0.5), 10, "B"]],
                    "output_token_logprobs": [],
                }
            },
            [("B", 0.5), (REST, 0.5)],
            id="SGLang, the prompt alone",
        ),
        pytest.param(
            {
                "message": {"content": [{"type": "text", "text": "B"}]},
                "logprobs": [{"text": "B", "token_ids": [10], "logprobs": [lp(0.5)]}],
            },
            [("B", 0.5), (REST, 0.5)],
            id="Cohere",
        ),
        pytest.param(
            {
                "type": "content-delta",
                "index": 0,
                "delta": {},
                "logprobs": {"text": "B", "token_ids": [10], "logprobs": [lp(0.5)]},
            },
            [("B", 0.5), (REST, 0.5)],
            id="Cohere, a chunk",
        ),
        pytest.param(
            {
                "generations": [
                    {
                        "id": "g",
                        "text": "B",
                        "token_likelihoods": [{"token": "B", "likelihood": lp(0.5)}],
                    }
                ]
            },
            [("B", 0.5), (REST, 0.5)],
            id="Cohere, generate",
        ),
        pytest.param(
            {
                "choices": [
                    {
                        "logprobs": {
                            "tokens": [10],
                            "token_logprobs": [lp(0.5)],
                            "top_logprobs": [{"10": lp(0.5), "11": lp(0.25)}],
                        }
                    }
                ]
            },
            [("token 10", 0.5), ("token 11", 0.25), (REST, 0.25)],
            id="mlx-lm, maps from numbers",
        ),
        pytest.param(
            {"choices": [{"logprobs": {"content": [{"id": 10, "logprob": lp(0.5)}]}}]},
            [("token 10", 0.5), (REST, 0.5)],
            id="mlx-lm, numbers alone",
        ),
        pytest.param(
            {"choices": [{"logprobs": [{"10": lp(0.5), "11": lp(0.25)}]}]},
            [("token 10", 0.5), ("token 11", 0.25), (REST, 0.25)],
            id="maps from numbers",
        ),
        pytest.param(
            {
                "choices": [
                    {
                        "logprobs": {
                            "content": [
                                {
                                    "token": "token_id:10",
                                    "logprob": lp(0.5),
                                    "top_logprobs": [
                                        {"token": "token_id:10", "logprob": lp(0.5)},
                                        {"token": "token_id:11", "logprob": lp(0.25)},
                                    ],
                                }
                            ]
                        }
                    }
                ]
            },
            [("token 10", 0.5), ("token 11", 0.25), (REST, 0.25)],
            id="vLLM, return_tokens_as_token_ids",
        ),
        pytest.param(
            {
                "response_json": json.dumps(
                    {"logprobs": [{"text": "B", "top_logprobs": [{"B": lp(0.5)}]}]}
                )
            },
            [("B", 0.5), (REST, 0.5)],
            id="llm, as its data base has it",
        ),
        pytest.param(
            {
                "candidates": [
                    {
                        "logprobs_result": {
                            "top_candidates": [
                                {
                                    "candidates": [
                                        {"token": "B", "token_id": 1, "log_probability": lp(0.5)}
                                    ]
                                }
                            ],
                            "chosen_candidates": [{"token": "B", "token_id": 1}],
                        }
                    }
                ]
            },
            [("B", 0.5), (REST, 0.5)],
            id="Gemini, as its library prints it",
        ),
        pytest.param(
            {"text": "B", "logprobs": [{"token": "B", "logprob": lp(0.5), "bytes": [66]}]},
            [("B", 0.5), (REST, 0.5)],
            id="OpenAI, transcription",
        ),
        pytest.param(
            token("B", 0.5, top_logprobs=[token("A", 0.25)]),
            [("A", 0.25), ("B", 0.5), (REST, 0.25)],
            id="one position",
        ),
        pytest.param(
            {"logprobs": [{"token": "B", "logprob": str(lp(0.5)), "top_logprobs": []}]},
            [("B", 0.5), (REST, 0.5)],
            id="numbers as texts",
        ),
    ],
)
def test_other_forms(answer: object, expected: Row) -> None:
    text = json.dumps(answer)
    assert looks_like_response(text)
    assert rows(text) == [expected]


def test_probabilities_that_are_called_logits_are_told() -> None:
    assert read('{"logits": {"a": 0.5}}').notes == ('line 1: "logits" are taken for probabilities',)


def test_old_llama_cpp_does_not_tell_the_probability_of_another_token() -> None:
    probs = [{"tok_str": "B", "prob": 0.5}]
    text = json.dumps({"completion_probabilities": [{"content": "Z", "probs": probs}]})
    (position,) = read(text).positions
    assert (position.labels, position.drawn) == (("B", REST), -1)


PROMPT: list[Any] = [
    None,
    {
        "791": {"logprob": lp(0.25), "rank": 1, "decoded_token": "The"},
        "13": {"logprob": lp(0.5), "rank": 2, "decoded_token": None},
    },
]


@pytest.mark.parametrize("place", ["response", "choice"])
def test_vllm_reports_the_prompt_first(place: str) -> None:
    prompt = {"prompt_logprobs": PROMPT, "prompt_token_ids": [1, 13]}
    answer = {"choices": [{**CHAT, **(prompt if place == "choice" else {})}]}
    text = json.dumps({**answer, **(prompt if place == "response" else {})})
    expected: Row = [("The", 0.25), ("token 13", 0.5), (REST, 0.25)]
    assert rows(text) == [expected, HELLO, MARK]
    assert [position.drawn for position in read(text).positions] == [1, 0, 2]


def test_sglang_reports_the_prompt_first() -> None:
    prompt = {
        "input_token_logprobs": [[None, 1, None], [lp(0.25), 2, "The"]],
        "input_top_logprobs": [None, [[lp(0.5), 3, "A"]]],
    }
    chunk = {"meta_info": {"id": "s", "completion_tokens": 2, **SGLANG, **prompt}}
    expected: Row = [("A", 0.5), ("The", 0.25), (REST, 0.25)]
    assert rows(json.dumps([chunk, chunk])) == [expected, HELLO, MARK]


def test_an_echoed_prompt_begins_with_a_token_that_has_nothing_before_it() -> None:
    logprobs = {
        "tokens": ["A", "B"],
        "token_logprobs": [None, lp(0.5)],
        "top_logprobs": [None, {"B": lp(0.5)}],
    }
    text = json.dumps({"choices": [{"index": 0, "logprobs": logprobs}]})
    assert rows(text) == [[("B", 0.5), (REST, 0.5)]]


def test_tokens_of_cohere_that_share_a_text_have_their_numbers() -> None:
    item = {"text": "Hi!", "token_ids": [5, 6], "logprobs": [lp(0.5), lp(0.25)]}
    text = json.dumps({"logprobs": [item]})
    assert rows(text) == [[("token 5", 0.5), (REST, 0.5)], [("token 6", 0.25), (REST, 0.75)]]


# How parts are put together.


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


def test_equal_answers_one_after_another_are_not_one() -> None:
    for server in ("llama.cpp", "OpenAI, responses in events", "OpenAI, chat", "Ollama"):
        value = BOTH[server]
        twice = value * 2 if isinstance(value, list) else [value, value]
        assert rows(json.dumps(twice)) == [HELLO, MARK] * 2


# What one odd element costs.


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
def test_an_odd_element_costs_its_row(odd: object, error: str) -> None:
    content = [*DOG, odd, *CAT]
    found = read(json.dumps({"choices": [{"message": {}, "logprobs": {"content": content}}]}))
    first, second, third = found.positions
    assert (row(first), row(third)) == (HELLO, MARK)
    assert (second.error, second.logprobs, second.rest) == (error, (), None)
    assert found.notes == (f"row 1 can't be read: {error}",)


def test_an_odd_token_leaves_those_that_can_be_shown() -> None:
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
def test_an_odd_line_costs_nothing_else(line: str, note: str | None) -> None:
    first, last = (f"data: {json.dumps(chunk(0, text))}" for text in "ab")
    found = read(f"{first}\n{line}\n{last}\n")
    assert [position.labels for position in found.positions] == [("a",), ("b",)]
    assert found.notes == (() if note is None else (note,))


def test_there_are_not_more_notes_than_one_reads() -> None:
    found = read(json.dumps({"logprobs": [*DOG, *[None] * 1000]}))
    assert len(found.positions) == 1001
    assert len(found.notes) == responses.MOST_NOTES + 1
    assert found.notes[-1] == f"and {1000 - responses.MOST_NOTES} more such notes"


# Texts without rows.


@pytest.mark.parametrize(
    "text",
    [
        '{"choices": [{"message": {"content": "Hi"}, "logprobs": null}]}',
        '{"model": "gemma3", "response": "Hi", "done": true}',
        '{"content": "Hi", "stop": true}',
        '{"candidates": [{"content": {"parts": [{"text": "Hi"}]}}], "usageMetadata": {}}',
        '{"generated_text": "Hi"}',
        'data: {"type": "response.output_text.delta", "delta": "Hi", "logprobs": []}',
        'data: {"type": "response.completed", "response": {"output": []}}\n\n',
        '{"type": "message", "model": "claude", "content": [{"type": "text", "text": "Hi"}]}',
        '{"logprobs": []}',
    ],
)
def test_an_answer_without_logprobs_says_how_to_ask(text: str) -> None:
    assert looks_like_response(text)
    with pytest.raises(ValueError, match="in a known format: ask OpenAI") as caught:
        parse_responses(text)
    message = str(caught.value)
    for words in ('"logprobs": true, "top_logprobs": 20', '"n_probs": 20', "SGLang", "Gemini"):
        assert words in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"error": {"message": "Rate limit", "code": 429}}', "answered with an error: Rate limit"),
        ('{"detail": "Not Found"}', "answered with an error: Not Found"),
        ('{"detail": [{"loc": ["n"], "msg": "too many"}]}', "answered with an error: too many"),
        ('{"id": "x", "message": "bad key"}', "answered with an error: bad key"),
        ('{"error": {"code": 429}}', "answered with an error: 429"),
        ('{"error": {"a": []}}', "answered with an error: no reason is given"),
        ('{"choices": [', "not JSON: line 1: Expecting value"),
        ('data: {"choices": [', "not JSON: line 1: Expecting value"),
        (b'{"choices": "\xff"}', "not UTF-8 text: byte 13 is 0xff"),
        ('{"choices": 1' + "\n{" * 9999, "not JSON: line 1: .*, and 1000 more"),
    ],
)
def test_what_is_no_answer_gets_one_clear_line(text: str | bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        parse_responses(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n ",
        "3",
        "null",
        '"choices"',
        "[1, 2.5, 3]",
        "[[1, 2], [3, 4]]",
        '{"cat": 1.5, "dog": 2.5}',
        '[{"cat": 1.5}, {"cat": 2.5}]',
        # A label may be one of the words of servers, and so may a column or an array.
        '{"choices": 1, "content": 2}',
        '{"content": "-inf", "a": 0}',
        '{"error": 0.25, "token": 2}',
        '{"error": "none", "cat": 2.5}',
        '{"detail": 0.5}',
        '{"message": "good film", "pos": 1.5, "neg": -0.5}',
        '{"model": "resnet", "cat": 1.5}',
        '{"output": [[1.5, 2.5], [0.5, 1.0]], "targets": [0, 1]}',
        '{"logprobs": [-0.5, -1.5]}',
        '{"logits": {"cat": 3.5, "dog": -1.0}}',
        '{"logits": [3.5, -1.0], "model": "m"}',
        '[{"label": "joy", "score": 0.7}]',
        "token,logprob\na,-1\n",
        ":,1.5\n;,2.5\n",
        "label,logit\ndata: x,1\n",
        "[1, 2",
    ],
)
def test_other_texts_go_elsewhere(text: str) -> None:
    assert parse_responses(text) is None


# Numbers.


def test_two_tokens_with_the_same_text_are_two() -> None:
    # Halves of one character: told apart by their bytes, or by their numbers.
    for first, second in [({"bytes": [240]}, {"bytes": [159]}), ({"id": 1}, {"id": 2})]:
        drawn = {"token": "\ufffd", "logprob": lp(0.25), **first}
        other = {"token": "\ufffd", "logprob": lp(0.25), **second}
        (position,) = read(json.dumps({"logprobs": [{**drawn, "top_logprobs": [other]}]})).positions
        assert row(position) == [("\ufffd", 0.25), ("\ufffd", 0.25), (REST, 0.5)]
        assert position.drawn == 1
        assert position.tokens[0] != position.tokens[1]


def test_reported_tokens_never_collapse() -> None:
    tops = [token("a", 0.25), token("a", 0.25), token("a", 0.125)]
    (position,) = read(
        json.dumps({"logprobs": [{**token("a", 0.125), "top_logprobs": tops}]})
    ).positions
    assert row(position) == [("a", 0.25), ("a", 0.25), ("a", 0.125), (REST, 0.375)]
    assert position.drawn == 2


def test_a_number_tells_a_token_whatever_else_is_said_of_it() -> None:
    top = {"id": 3, "token": " a", "logprob": -0.5}
    drawn = {"id": 3, "token": "a", "bytes": [32, 97], "logprob": -0.6}
    (position,) = read(json.dumps({"logprobs": [{**drawn, "top_logprobs": [top]}]})).positions
    assert position.tokens == (Token(" a", 3, b" a"),)
    assert position.drawn == 0


def test_half_of_a_surrogate_pair_is_no_character() -> None:
    (position,) = read('{"logprobs": [{"token": "a\\ud83d", "logprob": -1}]}').positions
    assert position.tokens[0].text == "a\ufffd"


def test_very_unlikely_is_no_probability() -> None:
    entry = {"token": "a", "logprob": -9999.0, "top_logprobs": [token("b", 0.75)]}
    (position,) = read(json.dumps({"logprobs": [entry]})).positions
    assert row(position) == [("b", 0.75), ("a", 0.0), (REST, 0.25)]
    assert position.logprobs[1] == -math.inf
    assert position.drawn == 1


@given(st.lists(st.floats(1e-300, 1), min_size=2, max_size=20))
def test_the_rest_is_what_lacks_to_one(weights: list[float]) -> None:
    from mpmath import mp, mpf

    total = math.fsum(weights)
    logprobs = [math.log(weight / total) for weight in weights]
    # The last one is left out: it is what is not reported.
    top = [{"token": str(at), "logprob": value} for at, value in enumerate(logprobs[:-1])]
    (position,) = read(json.dumps({"logprobs": [{**top[0], "top_logprobs": top}]})).positions
    with mp.workdps(700):
        reported = [mpf(value) for value in logprobs[:-1]]
        rest = 1 - sum(map(mp.exp, reported))
        # What float64 may lose: a bit of each term, none of which is more than the first, and
        # bits of the logarithm at the end.
        lost = abs(mp.expm1(max(reported))) + abs(rest) * (
            1 + abs(mp.log(abs(rest) + mpf(10) ** -350))
        )
        error = mpf(2) ** -51 * lost
        if position.rest is None:
            # What float32 leaves of a sum is rounding, if no token can be so unlikely.
            rounding = mpf(responses.FLOAT32) * -sum(mp.exp(each) * each for each in reported)
            assert rest <= min(rounding, *map(mp.exp, reported)) + error
        else:
            assert abs(mp.exp(mpf(position.rest)) - max(rest, mpf(0))) <= error


def test_a_confident_token_leaves_an_exact_rest() -> None:
    # log1p(-sum) of rounded probabilities would say 0: 1 - 1e-20 rounds to 1. One token is no
    # vocabulary, whatever its number.
    (position,) = read(
        json.dumps({"logprobs": [{"id": 0, "token": "a", "logprob": -1e-20}]})
    ).positions
    assert position.rest == pytest.approx(math.log(1e-20))


def test_the_tail_of_a_confident_position_does_not_vanish() -> None:
    # What lacks is less than float32 can tell, but more than the least token that is reported.
    tops = [token("a", 1 - 3e-8), token("b", 1e-9)]
    (position,) = read(json.dumps({"logprobs": [{**tops[0], "top_logprobs": tops}]})).positions
    assert position.rest == pytest.approx(math.log(2.9e-8), rel=1e-6)


@given(
    st.lists(st.floats(-12, 3), min_size=2, max_size=300),
    st.sampled_from(["logprob", "prob"]),
)
def test_a_whole_vocabulary_in_float32_has_no_rest(logits: list[float], form: str) -> None:
    import numpy as np

    exp_z = np.exp(np.float32(logits))
    probs = exp_z / exp_z.sum()
    values = (probs if form == "prob" else np.log(probs)).tolist()
    tops = [{"id": at, "token": "x", form: value} for at, value in enumerate(values)]
    (position,) = read(json.dumps({"logprobs": [{**tops[0], "top_logprobs": tops}]})).positions
    assert (position.rest, position.error) == (None, None)
    assert position.drawn == 0


def test_a_sum_above_one_by_rounding_leaves_nothing() -> None:
    tops = [{"token": str(at), "logprob": lp(0.25) + 1e-7} for at in range(4)]
    (position,) = read(json.dumps({"logprobs": [{**tops[0], "top_logprobs": tops}]})).positions
    assert position.labels == ("0", "1", "2", "3")


# Damage of any kind ends in a result, or in a ValueError of one line.

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
def test_damage_by_cuts_flips_and_splices(text: str, data: st.DataObject) -> None:
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
def test_damage_by_other_values(answer: object, junk: object, place: int) -> None:
    count = 0

    def changed(value: object) -> object:
        nonlocal count
        count += 1
        if count == 1 + place % size:
            return junk
        if isinstance(value, dict):
            return {key: changed(each) for key, each in value.items()}
        return list(map(changed, value)) if isinstance(value, list) else value

    size = len(json.dumps(answer).split()) * 2
    value = changed(answer)
    check(json.dumps(value))
    documents = value if isinstance(value, list) else [value]
    check("\n".join(map(json.dumps, documents)))
