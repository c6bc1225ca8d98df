"""`connect`: answers of each kind of server but llama.cpp, as their sources make them.

The sources are named in `thermoscope.connection.servers`. All serve one model, whose next token has
the probabilities below whatever the prompt is. llama.cpp's own server is in test_source.py.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest

import thermoscope as ts
from tests.model_server import Handler, Scripted, scripted
from thermoscope.connection.client import KEY, Client, ServerError
from thermoscope.connection.model import Chat
from thermoscope.connection.servers import server_at
from thermoscope.connection.source import Source
from thermoscope.drawn import drawn_tokens


class Entry(NamedTuple):
    """A token of the model: as its vocabulary has it, as it is decoded, and its probability."""

    piece: str
    text: str
    probability: float


HALF = "\ufffd"
MODEL = (
    Entry("<s>", "<s>", 0.02),
    Entry("Ġthe", " the", 0.3),
    Entry("Ġcat", " cat", 0.2),
    Entry("âĤ", HALF, 0.15),
    Entry("ðŁ", HALF, 0.1),
    Entry("cat", "cat", 0.12),
    Entry("<|end|>", "<|end|>", 0.06),
    Entry("c.at", "cat", 0.05),
)
VOCABULARY = len(MODEL)
LOGPROBS = [float(np.float32(math.log(each.probability))) for each in MODEL]
RANKED = sorted(range(VOCABULARY), key=lambda at: -LOGPROBS[at])
LIKELIEST = RANKED[0]
MESSAGES = [{"role": "user", "content": "cat"}]
PROMPT = [0, 5]
SECRET = "sk-of-nothing-at-all"  # noqa: S105

Route = Callable[[Any], Any]
"""What is answered to a body: a value, or a status and a value."""


def replay(routes: dict[str, Route]) -> Callable[[Handler, Any], None]:
    """Return a script that answers by route; what is no route is 404."""

    def script(handler: Handler, body: Any) -> None:
        route = routes.get(handler.path)
        answer = (404, {"detail": "Not Found"}) if route is None else route(body)
        status, value = answer if isinstance(answer, tuple) else (200, answer)
        handler.send(value, status)

    return script


def models(*cards: tuple[str, str]) -> Route:
    data = [{"id": name, "object": "model", "owned_by": owner} for name, owner in cards]
    return lambda _: {"object": "list", "data": data}


def decoded(ids: list[int]) -> str:
    return "".join(MODEL[at].text for at in ids)


def tokenized(text: str) -> list[int]:
    """Split a text as the model's tokenizer does, with the beginning before it."""
    ids, texts = [0], [" the", " cat", "cat", "<|end|>"]
    by_text = {each.text: at for at, each in reversed(list(enumerate(MODEL)))}
    while text:
        found = next((each for each in texts if text.startswith(each)), text[0])
        ids.append(by_text.get(found, 1 if found == " " else 5))
        text = text[len(found) :]
    return ids


# vLLM


def vllm(limit: int = 20) -> dict[str, Route]:
    def refused(kind: str, wanted: int) -> Any:
        message = (
            f"Requested {kind} logprobs of {wanted}, which is greater than max allowed: {limit} "
            f"(parameter=logprobs, value={wanted})"
        )
        error = {"message": message, "type": "BadRequestError", "param": "logprobs", "code": 400}
        return 400, {"error": error}

    def completions(body: Any) -> Any:
        top, of_prompt = body.get("logprobs"), body.get("prompt_logprobs")
        for kind, wanted in (("sample", top), ("prompt", of_prompt)):
            if wanted is not None and wanted > limit:
                return refused(kind, wanted)
        choice: dict[str, Any] = {"index": 0, "text": "cat", "finish_reason": "length"}
        if top is not None:
            drawn = 7
            listed = {f"token_id:{at}": LOGPROBS[at] for at in [drawn, *RANKED[:top]]}
            choice["logprobs"] = {
                "text_offset": [0],
                "token_logprobs": [LOGPROBS[drawn]],
                "tokens": [f"token_id:{drawn}"],
                "top_logprobs": [listed],
            }
        if of_prompt is not None:
            choice["prompt_logprobs"] = [None] + [
                {
                    f"{at}": {
                        "logprob": LOGPROBS[at],
                        "rank": RANKED.index(at) + 1,
                        "decoded_token": MODEL[at].text,
                    }
                    for at in [number, *RANKED[:of_prompt]]
                }
                for number in body["prompt"][1:]
            ]
        return {"id": "cmpl-1", "object": "text_completion", "model": "m", "choices": [choice]}

    def tokenize(body: Any) -> Any:
        ids = [0, 2, 6] if "messages" in body else tokenized(body["prompt"])
        strings = [MODEL[at].piece for at in ids] if body.get("return_token_strs") else None
        return {"count": len(ids), "max_model_len": 64, "tokens": ids, "token_strs": strings}

    return {
        "/v1/models": models(("m", "vllm")),
        "/version": lambda _: {"version": "0.11.0"},
        "/v1/completions": completions,
        "/tokenize": tokenize,
        "/detokenize": lambda body: {"prompt": decoded(body["tokens"])},
    }


# SGLang


def sglang(**changed: Route) -> dict[str, Route]:
    def row(at: int) -> list[Any]:
        return [LOGPROBS[at], at, MODEL[at].text]

    def generate(body: Any) -> Any:
        top = [row(at) for at in RANKED[: body["top_logprobs_num"]]]
        meta = {
            "id": "1",
            "finish_reason": {"type": "length", "length": 1},
            "prompt_tokens": 2,
            "completion_tokens": 1,
            "output_token_logprobs": [row(7)],
            "output_top_logprobs": [top],
        }
        if body.get("logprob_start_len") == 0:
            first, *others = body["input_ids"]
            meta["input_token_logprobs"] = [[None, first, MODEL[first].text], *map(row, others)]
            meta["input_top_logprobs"] = [None, *[top for _ in others]]
        return {"text": "cat", "output_ids": [7], "meta_info": meta}

    return {
        "/v1/models": models(("m", "sglang")),
        "/server_info": lambda _: {"version": "0.5.6"},
        "/generate": generate,
        "/tokenize": lambda body: {"tokens": tokenized(body["prompt"]), "count": 1},
        "/detokenize": lambda body: {"text": [decoded(ids) for ids in body["tokens"]]},
        "/v1/chat/completions": chat,
        **changed,
    }


# Ollama


def ollama(*, whole: bool = True) -> dict[str, Route]:
    """Return the routes; where the token that is drawn is no `whole` character, it tells none."""

    def record(at: int) -> dict[str, Any]:
        text = MODEL[at].text
        return {"token": text, "logprob": LOGPROBS[at], "bytes": list(text.encode())}

    def generate(body: Any) -> Any:
        answer = {"model": "m:latest", "created_at": "", "response": "", "done": True}
        answer |= {"done_reason": "length", "eval_count": 1}
        if not whole and "format" not in body:
            return answer
        top = [record(at) for at in RANKED[: body["top_logprobs"]]]
        return {**answer, "response": "cat", "logprobs": [{**record(5), "top_logprobs": top}]}

    info = {"general.architecture": "llama", "tokenizer.ggml.tokens": [e.piece for e in MODEL]}
    rendered = {"rendered_template": "<user>cat<assistant>"}
    return {
        "/v1/models": models(("m:latest", "library")),
        "/api/version": lambda _: {"version": "0.14.1"},
        "/api/show": lambda _: {"model_info": info},
        "/api/generate": generate,
        "/api/chat": lambda _: {"model": "m:latest", "_debug_info": rendered},
    }


# Text Generation Inference


def tgi(limit: int = 5) -> dict[str, Route]:
    def record(at: int) -> dict[str, Any]:
        return {"id": at, "text": MODEL[at].text, "logprob": LOGPROBS[at], "special": at == 0}

    def generate(body: Any) -> Any:
        top = body["parameters"]["top_n_tokens"]
        if top > limit:
            problem = f"`top_n_tokens` must be >= 0 and <= {limit}. Given: {top}"
            error = f"Input validation error: {problem}"
            return 422, {"error": error, "error_type": "validation"}
        details = {
            "finish_reason": "length",
            "generated_tokens": 1,
            "prefill": [],
            "tokens": [record(LIKELIEST)],
            "top_tokens": [[record(at) for at in RANKED[:top]]],
        }
        return {"generated_text": " the", "details": details}

    def simple(ids: list[int]) -> Any:
        # A token that the tokenizer has added stands in no characters.
        return [{"id": at, "text": MODEL[at].text if place else "", "start": 0, "stop": 0}
                for place, at in enumerate(ids)]  # fmt: skip

    def of_chat(_: Any) -> Any:
        tokens = [{"id": 0, "text": "<s>", "start": 0, "stop": 3}]
        tokens += [{"id": 5, "text": "cat", "start": 3, "stop": 6}]
        return {"tokenize_response": tokens, "templated_text": "<s>cat"}

    def tokenize(body: Any) -> Any:
        # "<s>" in a text is the token of that name.
        text = body["inputs"]
        known = text.startswith("<s>")
        return simple([0, *tokenized(text.removeprefix("<s>"))] if known else tokenized(text))

    return {
        "/v1/models": models(("org/m", "org/m")),
        "/info": lambda _: {
            "model_id": "org/m",
            "max_concurrent_requests": 128,
            "router": "text-generation-router",
            "version": "3.3.5",
        },
        "/generate": generate,
        "/tokenize": tokenize,
        "/chat_tokenize": of_chat,
    }


# OpenAI


def chat(body: Any) -> Any:
    def record(at: int) -> dict[str, Any]:
        text = MODEL[at].text
        return {"token": text, "logprob": LOGPROBS[at], "bytes": list(text.encode())}

    top = [record(at) for at in RANKED[: body["top_logprobs"]]]
    content = [{**record(LIKELIEST), "top_logprobs": top}]
    message = {"role": "assistant", "content": " the"}
    choice = {"index": 0, "message": message, "logprobs": {"content": content}}
    return {"id": "chatcmpl-1", "object": "chat.completion", "model": "m", "choices": [choice]}


def openai(**changed: Route) -> dict[str, Route]:
    def completions(body: Any) -> Any:
        # An object has one of two tokens with the same text.
        top = {MODEL[at].text: LOGPROBS[at] for at in RANKED[: body["logprobs"]]}
        columns = {
            "tokens": [" the"],
            "token_logprobs": [LOGPROBS[LIKELIEST]],
            "top_logprobs": [top],
            "text_offset": [0],
        }
        choice = {"index": 0, "text": " the", "logprobs": columns, "finish_reason": "length"}
        return {"id": "cmpl-1", "object": "text_completion", "model": "m", "choices": [choice]}

    routes = {
        "/v1/models": models(("m", "system")),
        "/v1/completions": completions,
        "/v1/chat/completions": chat,
    }
    return {**routes, **{f"/v1/{name}": route for name, route in changed.items()}}


SERVERS = {"vLLM": vllm, "SGLang": sglang, "Ollama": ollama, "TGI": tgi, "OpenAI": openai}
MOST = {"vLLM": 8, "SGLang": 8, "Ollama": 8, "TGI": 5, "OpenAI": 5}
"""How many of the 8 tokens each reports."""
NEUTRAL = {
    "temperature": 1.0,
    "top_p": 1.0,
    "min_p": 0.0,
    "typical_p": 1.0,
    "repetition_penalty": 1.0,
    "repeat_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
}


def sent(server: Scripted, path: str) -> list[Any]:
    return [body for asked, body, _ in server.requests if asked == path]


def ids(reported: ts.Reported) -> list[int | None]:
    assert reported.tokens is not None
    return [token.id for token in reported.tokens]


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY, raising=False)


@pytest.mark.parametrize("name", SERVERS)
def test_each_server_is_recognised_and_asked_for_the_models_own_distribution(name: str) -> None:
    with scripted(replay(SERVERS[name]())) as server, ts.connect(server.url) as source:
        reported = source.next("the cat")
        kind, model = source.about.split(" · ")[:2]
        path, body, _ = [each for each in server.requests if "complet" in each[0] or
                         "generate" in each[0]][-1]  # fmt: skip
    assert kind.startswith("a server like OpenAI's" if name == "OpenAI" else f"{name} ")
    assert model in {"m", "m:latest", "org/m"}
    probabilities = np.exp(reported.logprobs)
    expected = [MODEL[at].probability for at in RANKED[: MOST[name]]]
    if name == "OpenAI":
        expected.remove(0.15)
    assert np.sort(probabilities)[::-1].tolist() == pytest.approx(expected, abs=1e-6)
    assert reported.not_reported(1.0).high == pytest.approx(1 - probabilities.sum(), abs=1e-5)
    assert reported.drawn == -1
    assert reported.processed is False
    sampler = {**body, **body.get("sampling_params", {}), **body.get("options", {})}
    sampler |= body.get("parameters", {})
    tokens = [sampler[key] for key in ("max_tokens", "max_new_tokens", "num_predict")
              if key in sampler]  # fmt: skip
    assert tokens == [1], path
    # Without a sampler, TGI takes the likeliest token and reports all logits.
    assert name == "TGI" or sampler["temperature"] == 1.0
    assert {key: sampler[key] for key in NEUTRAL if key in sampler}.items() <= NEUTRAL.items()
    assert sampler.get("top_k", -1) in {-1, 0}
    assert "seed" not in sampler


@pytest.mark.parametrize("name", SERVERS)
def test_a_key_stands_in_its_header_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, SECRET)
    with scripted(replay(SERVERS[name]())) as server, ts.connect(server.url) as source:
        source.next("the cat")
        assert SECRET not in source.about
        requests = server.requests
    for path, body, headers in requests:
        assert SECRET not in path + json.dumps(body)
        assert {key for key, value in headers.items() if SECRET in value} == {"Authorization"}


@pytest.mark.parametrize("name", ["vLLM", "SGLang"])
def test_ids_are_a_prompt_where_the_server_takes_them(name: str) -> None:
    with scripted(replay(SERVERS[name]())) as server, ts.connect(server.url) as source:
        reported = source.next(PROMPT)
        body = sent(server, "/v1/completions" if name == "vLLM" else "/generate")[-1]
    assert body["prompt" if name == "vLLM" else "input_ids"] == PROMPT
    assert sorted(at for at in ids(reported) if at is not None) == [*range(VOCABULARY)]
    assert reported.vocabulary == VOCABULARY


@pytest.mark.parametrize("name", ["Ollama", "TGI", "OpenAI"])
def test_ids_are_refused_where_the_server_takes_none(name: str) -> None:
    with (
        scripted(replay(SERVERS[name]())) as server,
        ts.connect(server.url) as source,
        pytest.raises(ts.ArgumentError, match=r"must be a text: .* takes no numbers of tokens"),
    ):
        source.next(PROMPT)


@pytest.mark.parametrize("name", SERVERS)
def test_fewer_are_asked_for_where_fewer_are_wanted(name: str) -> None:
    with scripted(replay(SERVERS[name]())) as server, ts.connect(server.url) as source:
        reported = source.next("the cat", top=2)
        assert "the likeliest 2 " in source.about
    least = MODEL[RANKED[1]].probability
    assert sorted(np.exp(reported.logprobs))[-2:] == pytest.approx([least, 0.3], abs=1e-6)
    # What is drawn beside them is no bound of the others.
    assert math.exp(reported.cap) == pytest.approx(least, abs=1e-6)


@pytest.mark.parametrize("name", ["vLLM", "SGLang", "Ollama", "TGI"])
def test_halves_of_characters_and_tokens_of_the_same_text_stay_apart(name: str) -> None:
    routes = tgi(8) if name == "TGI" else SERVERS[name]()
    with scripted(replay(routes)) as server, ts.connect(server.url) as source:
        reported = source.next("the cat")
    assert reported.tokens is not None
    texts = [token.text for token in reported.tokens]
    assert texts.count(HALF) == 2
    assert texts.count("cat") == 2
    assert len(reported) == VOCABULARY


def test_openai_reports_tokens_of_the_same_text_as_one_so_that_no_cap_is_known() -> None:
    """The half character which is missing is likelier than one that is reported."""
    with (
        scripted(replay(openai())) as server,
        ts.connect(server.url, vocabulary=VOCABULARY) as source,
    ):
        collapsed, whole = source.next("the", top=5), source.next("the", top=3)
    assert len(collapsed) == 4
    assert collapsed.cap == 0
    assert math.exp(whole.cap) == pytest.approx(0.15, abs=1e-6)
    full = float(ts.entropy(LOGPROBS, 0.7))
    for reported in (collapsed, whole):
        low, high = ts.entropy(reported, 0.7)
        assert low <= full <= high


@pytest.mark.parametrize(("name", "limit"), [("vLLM", 20), ("vLLM", 3), ("vLLM", 8), ("TGI", 3)])
def test_what_a_server_allows_is_found_out_once(name: str, limit: int) -> None:
    """vLLM with --max-logprobs -1 allows as many as there are tokens."""
    with scripted(replay(SERVERS[name](limit))) as server, ts.connect(server.url) as source:
        first, second = source.next("the"), source.next("the", top=7)
        advice = "--max-logprobs -1" if name == "vLLM" else "--max-top-n-tokens"
        about = source.about
        path, field = ("/v1/completions", "logprobs") if name == "vLLM" else (
            "/generate", "top_n_tokens")  # fmt: skip
        tops = [body.get("parameters", body)[field] for body in sent(server, path)]
    assert tops == [(1 << 31) - 1, limit, min(7, limit)]
    assert np.count_nonzero(first.logprobs >= first.cap) == min(limit, VOCABULARY)
    assert np.count_nonzero(second.logprobs >= second.cap) == min(limit, 7)
    assert (advice in about) == (min(limit, 7) < VOCABULARY)


def test_a_refusal_for_another_reason_is_told() -> None:
    error = {"message": "This model's maximum context length is 64 tokens", "code": 400}
    routes = {**vllm(), "/v1/completions": lambda _: (400, {"error": error})}
    with (
        scripted(replay(routes)) as server,
        ts.connect(server.url) as source,
        pytest.raises(ServerError, match=r"refuses the request \(400: This model's maximum"),
    ):
        source.next("the")


def test_a_server_that_refuses_what_it_says_it_allows_is_not_asked_for_ever() -> None:
    error = {"message": "Requested sample logprobs of 9, which is greater than max allowed: 5"}
    routes = {**vllm(), "/v1/completions": lambda _: (400, {"error": error})}
    with scripted(replay(routes)) as server, ts.connect(server.url) as source:
        with pytest.raises(ServerError, match="max allowed: 5"):
            source.next("the")
        assert len(sent(server, "/v1/completions")) == 2


def test_texts_of_vllm_are_asked_for_once_each() -> None:
    with scripted(replay(vllm())) as server, ts.connect(server.url) as source:
        source.next("the")
        asked = len(sent(server, "/detokenize"))
        reported = source.next(" cat")
        assert len(sent(server, "/detokenize")) == asked == VOCABULARY + 1
    assert reported.tokens is not None
    by_id = {token.id: token.text for token in reported.tokens}
    assert by_id == {at: each.text for at, each in enumerate(MODEL)}


@pytest.mark.parametrize("name", ["vLLM", "SGLang"])
def test_a_text_is_scored_in_one_request(name: str) -> None:
    """Tokens of the text that are none of the likeliest are no bound for the others."""
    with scripted(replay(SERVERS[name]())) as server, ts.connect(server.url) as source:
        data = source.score(" the cat<|end|>", top=3)
        drawn = list(drawn_tokens(data))
        body = sent(server, "/v1/completions" if name == "vLLM" else "/generate")[-1]
    assert [each.token.id for each in drawn if each.token] == [1, 2, 6]
    expected = [-math.log(MODEL[at].probability) for at in (1, 2, 6)]
    surprisals = [each.surprisal.high for each in drawn if each.surprisal]
    assert surprisals == pytest.approx(expected, abs=1e-5)
    full = float(ts.entropy(LOGPROBS))
    for each in drawn:
        assert each.entropy is not None
        assert each.entropy.low <= full <= (each.entropy.high or math.inf)
    assert body.get("prompt", body.get("input_ids")) == [0, 1, 2, 6]


@pytest.mark.parametrize("name", ["Ollama", "OpenAI"])
def test_a_server_that_reports_no_prompt_says_so(name: str) -> None:
    with (
        scripted(replay(SERVERS[name]())) as server,
        ts.connect(server.url) as source,
        pytest.raises(ServerError, match="does not tell the tokens of a text"),
    ):
        source.score("the cat")


def test_tgi_reports_no_prompt() -> None:
    with (
        scripted(replay(tgi())) as server,
        ts.connect(server.url) as source,
        pytest.raises(ServerError, match="does not report the tokens of a prompt"),
    ):
        source.score("cat cat")


def test_tokens_of_vllm_have_their_bytes() -> None:
    with scripted(replay(vllm())) as server, ts.connect(server.url) as source:
        tokens = source.tokenize(" cat?")
    assert [token.id for token in tokens] == [0, 2, 5]
    assert [token.bytes for token in tokens] == [b"<s>", b" cat", b"cat"]


@pytest.mark.parametrize("name", ["SGLang", "TGI"])
def test_a_text_has_tokens(name: str) -> None:
    with scripted(replay(SERVERS[name]())) as server, ts.connect(server.url) as source:
        tokens = source.tokenize(" cat")
    assert [token.id for token in tokens] == [0, 2]
    assert tokens[1].text == " cat"


CHATS = {"vLLM": [0, 2, 6], "Ollama": "<user>cat<assistant>", "TGI": "cat"}


@pytest.mark.parametrize("name", CHATS)
def test_a_chat_is_a_prompt_by_the_servers_template(name: str) -> None:
    """TGI adds a beginning to each text, so that the one of the template is left out."""
    with scripted(replay(SERVERS[name]())) as server, ts.connect(server.url) as source:
        assert source.from_chat(MESSAGES) == CHATS[name]
        assert source.notes == ()
        asked = [body["messages"] for _, body, _ in server.requests if body and "messages" in body]
    assert asked == [MESSAGES]


@pytest.mark.parametrize("name", ["SGLang", "OpenAI"])
def test_the_first_token_after_a_chat_has_a_distribution_without_a_template(name: str) -> None:
    with scripted(replay(SERVERS[name]())) as server, ts.connect(server.url) as source:
        prompt = source.from_chat(MESSAGES)
        assert isinstance(prompt, Chat)
        (note,) = source.notes
        assert "only the first token" in note
        reported = source.next(prompt)
        (body,) = sent(server, "/v1/chat/completions")
    assert len(reported) == VOCABULARY
    assert body["messages"] == MESSAGES
    assert {"max_tokens": 1, "temperature": 1.0, "logprobs": True}.items() <= body.items()
    assert body["top_logprobs"] == 20


def test_a_newer_model_of_openai_is_asked_by_its_own_limit() -> None:
    def newer(body: Any) -> Any:
        if "max_tokens" in body:
            problem = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
            return 400, {"error": {"message": problem, "type": "invalid_request_error"}}
        return chat(body)

    routes = openai(**{"chat/completions": newer})
    with scripted(replay(routes)) as server, ts.connect(server.url) as source:
        source.next(source.from_chat(MESSAGES))
        body = sent(server, "/v1/chat/completions")[-1]
    assert body["max_completion_tokens"] == 1
    assert "max_tokens" not in body


@pytest.mark.parametrize("status", [400, 404])
def test_a_model_for_chats_alone_says_what_to_give(status: int) -> None:
    words = (
        "This is a chat model and not supported in the v1/completions endpoint. "
        "Did you mean to use v1/chat/completions?"
    )
    routes = openai(completions=lambda _: (status, {"error": {"message": words}}))
    with (
        scripted(replay(routes)) as server,
        ts.connect(server.url) as source,
        pytest.raises(ServerError, match="'m' takes chats alone: give what from_chat makes of one"),
    ):
        source.next("the")


def test_a_chat_is_no_prompt_for_a_server_that_tells_its_template() -> None:
    with (
        scripted(replay(vllm())) as server,
        ts.connect(server.url) as source,
        pytest.raises(ts.ArgumentError, match="must be a text: make it of a chat"),
    ):
        source.next(Chat(tuple(MESSAGES)))


def test_a_chat_without_messages_says_so() -> None:
    with (
        scripted(replay(openai())) as server,
        ts.connect(server.url) as source,
        pytest.raises(ts.ArgumentError, match="messages must have at least one message, got none"),
    ):
        source.from_chat([])


def test_ollama_is_asked_for_a_whole_character_where_it_reports_no_half() -> None:
    with scripted(replay(ollama(whole=False))) as server, ts.connect(server.url) as source:
        reported = source.next("the")
        first, second = sent(server, "/api/generate")
    assert len(reported) == reported.vocabulary == VOCABULARY
    assert "format" not in first
    assert second == {**first, "format": "json"}
    assert first["raw"] is True
    assert first["truncate"] is False


@pytest.mark.parametrize("owner", ["library", "someone", ""])
def test_ollama_has_models_of_anyone(owner: str) -> None:
    routes = {**ollama(), "/v1/models": models(("m:latest", owner))}
    with scripted(replay(routes)) as server, ts.connect(server.url, model="m") as source:
        assert source.about == "Ollama 0.14.1 · m"
        assert source.vocabulary == VOCABULARY


@pytest.mark.parametrize("owner", ["koboldcpp", "organization_owner"])
def test_a_server_with_some_routes_of_ollama_is_none(owner: str) -> None:
    routes = {
        **openai(),
        "/v1/models": models(("m", owner)),
        "/api/version": ollama()["/api/version"],
    }
    with scripted(replay(routes)) as server, ts.connect(server.url) as source:
        assert source.about == "a server like OpenAI's · m"
        assert len(source.next("the")) == 4


def test_a_server_without_log_probabilities_says_how_to_ask_for_them() -> None:
    """As LM Studio answers."""
    choice = {"index": 0, "text": " the", "logprobs": None, "finish_reason": "length"}
    routes = openai(completions=lambda _: {"choices": [choice], "object": "text_completion"})
    with (
        scripted(replay(routes)) as server,
        ts.connect(server.url) as source,
        pytest.raises(ServerError, match="the answer has no log-probabilities"),
    ):
        source.next("the")


@pytest.mark.parametrize("name", SERVERS)
def test_a_wrong_model_and_one_of_several_say_which_there_are(name: str) -> None:
    routes = SERVERS[name]()
    (card,) = routes["/v1/models"](None)["data"]
    other = {**card, "id": "other"}
    both = {**routes, "/v1/models": lambda _: {"data": [card, other]}}
    known = f"must be one of {card['id']!r}, 'other'"
    with scripted(replay(both)) as server:
        with pytest.raises(ts.ArgumentError, match=f"{known}: this server has several"):
            ts.connect(server.url)
        with pytest.raises(ts.ArgumentError, match=f"{known}, got 'none'"):
            ts.connect(server.url, model="none")
        with ts.connect(server.url, model=card["id"]) as source:
            source.next("the")
            named = [body["model"] for _, body, _ in server.requests if body and "model" in body]
    assert set(named) <= {card["id"]}
    assert named or name in {"SGLang", "TGI"}


def test_ollama_without_the_model_is_told_in_its_words() -> None:
    problem = {"error": "model 'm:latest' not found"}
    routes = {**ollama(), "/api/generate": lambda _: (404, problem)}
    with (
        scripted(replay(routes)) as server,
        ts.connect(server.url) as source,
        pytest.raises(ServerError, match=r"is not there \(404: model 'm:latest' not found\)"),
    ):
        source.next("the")


def test_a_server_that_is_none_of_a_model_says_so() -> None:
    with (
        scripted(replay({"/v1/models": lambda _: {"data": []}})) as server,
        pytest.raises(ServerError, match="lists no models at /v1/models"),
    ):
        ts.connect(server.url)


# What is not to be trusted


def rows(*pairs: tuple[float | None, Any], more: int = 1) -> Route:
    """Return what SGLang would answer with log-probabilities, numbers and texts as they are."""
    top = [[logprob, *(at if isinstance(at, tuple) else (at, "x"))] for logprob, at in pairs]
    meta = {"id": "1", "completion_tokens": more, "output_token_logprobs": [top[0]] * more,
            "output_top_logprobs": [top] * more}  # fmt: skip
    return lambda _: {"text": "x", "meta_info": meta}


ESCAPES = "\x1b[2J\n\u202e<script>"
LOW = math.log(1e-7)
HOSTILE: dict[str, tuple[Route, str]] = {
    "two positions": (rows((-1.0, 1), more=2), "was asked for one token, and reports 2"),
    "no position": (rows((-1.0, 1), more=0), "answered without a distribution"),
    "a token beyond the vocabulary": (rows((-1.0, 9)), "reports token 9 of a vocabulary of 8"),
    "a token twice": (rows((-1.0, 1), (-2.0, 1)), "reports a token twice"),
    "no number": (rows((math.nan, 1)), "can't be read: a logprob must be <= 0, got nan"),
    "a positive one": (rows((1.0, 1)), "can't be read: a logprob must be <= 0, got 1"),
    "a sum above 1": (rows((-0.1, 1), (-0.1, 2)), "must sum to at most 1, got 1.80967"),
    "only -inf": (rows((-math.inf, 1)), "no token has a log-probability"),
    "more than there are": (
        rows(*[(LOW, (None, f"{at}")) for at in range(300_000)]),
        "vocabulary must be at least the 300000 tokens",
    ),
    "a text": (lambda _: ESCAPES, "was asked for one token, and reports 0"),
    "an error with escapes": (lambda _: {"error": {"message": ESCAPES}}, "<script>"),
    "a name with escapes": (rows((None, (1, ESCAPES)), (2.0, (2, ESCAPES))), "logprob must be"),
    "an object for a number": (rows(({}, 1)), "must be a number, got an object"),  # type: ignore[arg-type]
    "lists without end": (lambda _: b"[" * 100_000, "not JSON"),
}


@pytest.mark.parametrize("fault", HOSTILE)
def test_what_a_server_should_not_send_is_one_line(fault: str) -> None:
    generate, expected = HOSTILE[fault]
    routes = sglang(**{"/generate": generate})
    with (
        scripted(replay(routes)) as server,
        ts.connect(server.url, vocabulary=VOCABULARY) as source,
        pytest.raises(ServerError) as caught,
    ):
        source.next("the")
    message = str(caught.value)
    assert expected in message
    assert len(message) < 600
    assert not any(ord(character) < 32 or character == "\u202e" for character in message)


def test_names_and_texts_with_escapes_are_shown_without_them() -> None:
    routes = sglang(**{"/generate": rows((-1.0, (1, ESCAPES)))})
    routes |= {
        "/v1/models": models((f"m{ESCAPES}", "sglang")),
        "/server_info": lambda _: {"version": ESCAPES + "9" * 1000},
    }
    with scripted(replay(routes)) as server, ts.connect(server.url) as source:
        source.next("the")
        about = f"{source.about}{source!r}"
        with pytest.raises(ts.ArgumentError) as caught:
            ts.connect(server.url, model="other")
    for text in (about, str(caught.value)):
        assert not any(ord(character) < 32 or character == "\u202e" for character in text)
        assert len(text) < 1000


@pytest.mark.parametrize("answer", [{}, {"choices": []}, {"choices": [{"logprobs": 1}]}, [], 7])
def test_an_answer_of_another_form_is_one_line(answer: Any) -> None:
    for name, path in (("vLLM", "/v1/completions"), ("OpenAI", "/v1/completions"),
                       ("Ollama", "/api/generate"), ("TGI", "/generate")):  # fmt: skip
        routes = {**SERVERS[name](), path: lambda _: answer}
        with (
            scripted(replay(routes)) as server,
            ts.connect(server.url) as source,
            pytest.raises(ServerError, match=f"{server.url} "),
        ):
            source.next("the")


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_that_sends_nothing_but_numbers_everywhere_is_one_line(name: str) -> None:
    routes: dict[str, Route] = {path: lambda _: 7 for path in SERVERS[name]()}
    routes["/v1/models"] = SERVERS[name]()["/v1/models"]
    with scripted(replay(routes)) as server:
        if name in {"Ollama", "TGI"}:
            # Then it is taken for one like OpenAI's.
            assert ts.connect(server.url).about.startswith("a server like OpenAI's")
            return
        source: Source = ts.connect(server.url)
        for ask in (source.next, source.tokenize, source.score):
            with pytest.raises((ServerError, ts.ArgumentError)):
                ask("the")


ODD = (None, -1, math.nan, "x", [[]], {"a": 1})


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Iterate over the places of all values within a value of JSON."""
    yield path
    items = value.items() if isinstance(value, dict) else ()
    for key, each in enumerate(value) if isinstance(value, list) else items:
        yield from places(each, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], by: Any) -> Any:
    """Return a value of JSON with another value in one place."""
    if not path:
        return by
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], by)
    return copy


@pytest.mark.parametrize("name", SERVERS)
def test_an_odd_value_in_any_place_of_any_answer_is_one_line(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or it does not matter: then there is a distribution."""
    routes = SERVERS[name]()
    odd: dict[str, Callable[[Any], Any]] = {}
    changed = 0

    def send(_: Client, __: str, path: str, body: bytes | None) -> bytes:
        try:
            answer = routes[path](body and json.loads(body))
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise ServerError(f"{path} is refused", 404) from error
        status, value = answer if isinstance(answer, tuple) else (200, answer)
        if status != 200:
            raise ServerError(json.dumps(value), status)
        return json.dumps(odd[path](value) if path in odd else value).encode()

    def ask() -> str:
        """Return what the first error says, of all that can be asked."""
        try:
            source = Source(server_at(client))
            source.next("the")
            source.next(source.from_chat(MESSAGES))
            source.tokenize("the cat")
            source.score(" the cat", top=3)
        except (ServerError, ts.ArgumentError) as error:
            return str(error)
        return ""

    monkeypatch.setattr(Client, "_send", send)
    client = Client("localhost")
    for path in routes:
        tokens = {"tokens": [0, 1] if name == "vLLM" else [[0, 1]]}
        answer = routes[path](BODIES.get(path, tokens))
        for place in places(answer):
            for each in ODD:
                odd[path] = partial(put, place, each)
                assert "\n" not in ask()
                changed += 1
        odd.clear()
    client.close()
    assert changed > 100


def put(place: tuple[Any, ...], each: Any, value: Any) -> Any:
    """Return an answer with an odd value in a place, if it has that place."""
    try:
        return replaced(value, place, each)
    except (KeyError, IndexError, TypeError, AttributeError):
        return value


BODIES = {
    "/v1/completions": {"logprobs": 3, "prompt_logprobs": 2, "prompt": [0, 1, 2]},
    "/v1/chat/completions": {"top_logprobs": 3},
    "/generate": {
        "top_logprobs_num": 3,
        "logprob_start_len": 0,
        "input_ids": [0, 1, 2],
        "parameters": {"top_n_tokens": 3},
    },
    "/api/generate": {"top_logprobs": 3},
    "/tokenize": {"prompt": "the", "return_token_strs": True, "inputs": "the"},
}
