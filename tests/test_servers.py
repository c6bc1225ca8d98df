"""Answers as each server documents them, and texts that are no answers."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from thermoscope import softmax
from thermoscope.data.formats.responses import (
    NOT_REPORTED,
    PROCESSED,
    Position,
    Responses,
    Token,
    looks_like_response,
    parse_responses,
)
from thermoscope.data.reading import parse_logits

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


DOG = [token("Hello", 0.5, top_logprobs=[token("Hello", 0.5), token("Hi", 0.25)])]
# The drawn token is not among the likeliest.
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


AFTER = "llama.cpp, post_sampling_probs"


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
    assert found.notes == (() if server != AFTER else (PROCESSED,))
    # Where an answer does not tell, nothing is known.
    processed = server == AFTER if server.startswith("llama.cpp") else None
    assert {passage.processed for passage in found.passages} == {processed}
    assert [position.drawn for position in found.positions] == [0, 2]


def test_the_drawn_token_keeps_its_id_and_bytes() -> None:
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
    # Together gives the ids of the drawn tokens only.
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
def test_rarer_forms_of_answers_give_their_row(answer: object, expected: Row) -> None:
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


SAID = {"choices": [CHAT]}
OF_SGLANG = [[None, 1, "The"], [lp(0.25), 2, " cat"]]


def sglang(**more: object) -> dict[str, object]:
    return {"meta_info": {"id": "s", "completion_tokens": 2, **SGLANG, **more}}


@pytest.mark.parametrize(
    ("answer", "prompts"),
    [
        ({**SAID, "prompt": "The cat"}, ["The cat"]),
        ({**SAID, "prompt": "half of a pair: \ud800"}, ["half of a pair: ?"]),
        ({**SAID, "prompt": [1, 2]}, [""]),
        # Those of its tokens that are positions are not told twice.
        ({**SAID, "prompt": "The cat", "prompt_logprobs": PROMPT}, ["", ""]),
        ({"prompt": "a", "generations": [{"token_likelihoods": CONTENT}]}, [""]),
        # SGLang tells how many tokens the prompt has.
        (sglang(prompt_tokens=2, input_token_logprobs=OF_SGLANG), ["The cat"]),
        (sglang(prompt_tokens=3, input_token_logprobs=OF_SGLANG), [""]),
        (sglang(prompt_tokens=1, input_token_logprobs=[[None, 1, None]]), [""]),
        (
            {
                "generated_text": "Hello!",
                "details": {
                    "tokens": TGI_TOKENS,
                    "top_tokens": TGI_TOP,
                    "prefill": [{"text": "The", "logprob": None}, {"text": " cat", "logprob": -1}],
                },
            },
            ["The cat"],
        ),
        (
            [
                {"prompt": prompt, "stop": True, "completion_probabilities": LLAMA_CPP}
                for prompt in ("a", "b")
            ],
            ["a", "b"],
        ),
        # A text that was saved: as it is shown, as it was typed, as the model was asked.
        ({**SAID, "thermoscope": {"prefix": "p", "typed": "t", "prompt": [1]}}, ["p"]),
        ({**SAID, "thermoscope": {"typed": "t", "prompt": [1]}}, ["t"]),
        ({**SAID, "thermoscope": {"typed": None, "prompt": "asked"}}, ["asked"]),
        ({**SAID, "thermoscope": {"prompt": [{"role": "user", "content": "Hi"}]}}, ["Hi"]),
        ({**SAID, "thermoscope": {"prompt": [1, 2]}}, [""]),
    ],
)
def test_the_text_of_a_prompt_is_read(answer: object, prompts: list[str]) -> None:
    assert [passage.prompt for passage in read(json.dumps(answer)).passages] == prompts


def test_the_first_token_of_an_echoed_prompt_has_no_row() -> None:
    logprobs = {
        "tokens": ["A", "B"],
        "token_logprobs": [None, lp(0.5)],
        "top_logprobs": [None, {"B": lp(0.5)}],
    }
    text = json.dumps({"choices": [{"index": 0, "logprobs": logprobs}]})
    assert rows(text) == [[("B", 0.5), (REST, 0.5)]]


def test_tokens_of_cohere_that_share_a_text_are_named_by_id() -> None:
    item = {"text": "Hi!", "token_ids": [5, 6], "logprobs": [lp(0.5), lp(0.25)]}
    text = json.dumps({"logprobs": [item]})
    assert rows(text) == [[("token 5", 0.5), (REST, 0.5)], [("token 6", 0.25), (REST, 0.75)]]


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
def test_an_error_or_broken_text_gets_one_clear_line(text: str | bytes, words: str) -> None:
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
        # Labels, columns and arrays may have names that servers use.
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
def test_other_texts_are_not_responses(text: str) -> None:
    assert parse_responses(text) is None


@pytest.mark.parametrize(
    ("settings", "processed"),
    [({}, True), ({"temperature": 0.8}, True), ({"temperature": -1}, False)],
)
def test_until_2024_llama_cpp_reported_what_sampling_left(
    settings: dict[str, float],
    *,
    processed: bool,
) -> None:
    probs = [("B", 0.75), ("A", 0.25), ("C", 0)]
    items = [{"content": "B", "probs": [{"tok_str": text, "prob": p} for text, p in probs]}]
    answer = {"completion_probabilities": items, "generation_settings": settings}
    data = parse_logits(json.dumps(answer))
    for reported in (data.reported(0), data.row(0).reported()):
        assert reported.processed is processed
    assert (PROCESSED in data.notes) is processed
    # What was dropped stays dropped; else 0 is a number that the server rounded.
    *others, last = softmax(data.reported(0), 1e9).high.tolist()
    assert others == pytest.approx([0.5, 0.5])
    assert last == pytest.approx(0 if processed else 1 / 3)


def test_a_chat_of_llama_cpp_after_sampling() -> None:
    tops = [{"token": "B", "prob": 0.75}, {"token": "A", "prob": 0.25}]
    content = [{"token": "B", "prob": 0.75, "top_probs": tops}]
    answer = {"choices": [{"message": {}, "logprobs": {"content": content}}]}
    data = parse_logits(json.dumps(answer))
    assert data.reported(0).processed is True
    assert data.notes == (PROCESSED,)
    unknown = parse_logits('{"logprobs": [{"token": "a", "logprob": -1}]}')
    assert unknown.reported(0).processed is None
