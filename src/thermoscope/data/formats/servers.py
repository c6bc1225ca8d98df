"""The formats in which servers of language models report log-probabilities.

Each has one function, which iterates over the `Part`s that a document has; `FORMATS` is the table
of all. Where they are specified:

===================  ===============================================================================
server               document
===================  ===============================================================================
OpenAI               API reference: "Chat Completions", "Completions" and "Responses", whole and as
                     streaming events; "Batch", the output file
vLLM                 "OpenAI-Compatible Server": the same, ``prompt_logprobs``, and
                     ``return_tokens_as_token_ids`` ("token_id:123"). What it reports is from before
                     the temperature unless ``--logprobs-mode processed_logprobs`` was given
Together, Fireworks  API references: ``token_ids`` beside ``tokens``; ``token_id``
DeepSeek             API reference: ``reasoning_content`` beside ``content``
mlx-lm               ``mlx_lm/SERVER.md``: numbers of tokens in place of texts
llama.cpp            ``tools/server/README.md``, ``/completion`` with ``n_probs``: ``logprob`` and
                     ``top_logprobs``; with ``post_sampling_probs``, ``prob`` and ``top_probs``;
                     before the end of 2024, ``tok_str`` and ``probs``
Ollama               ``docs/openapi.yaml``: ``logprobs`` of ``/api/generate`` and ``/api/chat``
KoboldCpp            API documentation: ``/api/extra/last_logprobs``, ``/api/v1/generate``
SGLang               "Native APIs", "Sampling Parameters": ``meta_info`` of ``/generate``, lists of
                     log-probability, id and text or null; a stream repeats what it had before
Text Generation      ``docs/openapi.json``: ``details``, and the stream
Inference
Gemini               API reference, "GenerateContentResponse": ``logprobsResult``
Cohere               API references: "Chat" with ``logprobs``; "Generate" with ``token_likelihoods``
text-generation-     "OpenAI API", ``/v1/internal/logits``, which has probabilities; ``modules/
webui                logits.py``
llm (the command)    Change log, 0.11: ``logprobs`` in ``response_json``
===================  ===============================================================================
"""

from __future__ import annotations

import math
import re
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = [
    "ASK",
    "FORMATS",
    "KEY",
    "KINDS",
    "PROMPT_ALONE",
    "ROUNDING",
    "VALUES",
    "Entry",
    "Part",
    "as_dict",
    "as_list",
    "error_of",
    "is_answer",
    "is_entry",
    "is_last",
    "is_whole",
    "name_of",
    "prompt_of",
]

# More than the rounding of any server: what is above it are no probabilities.
ROUNDING: Final = 1e-2

Entry: TypeAlias = tuple[list[Any], object]
"""The tokens that were reported for a position, and the one drawn: objects, or None."""


class Part(NamedTuple):
    """What one document has of one choice.

    Attributes
    ----------
    choice : int
        The parts of a choice are put together, and the choices are sorted.
    order : int
        Of this part among those of the choice.
    entries : list of Entry
        One for each position.
    repeats : str
        "part" if they repeat what this part of a stream had before, "all" if they repeat all of it.
    processed : bool or None
        Whether the probabilities are those after penalties, temperature and truncation of the
        server; None where the document does not tell.
    """

    choice: int
    order: int
    entries: list[Entry]
    repeats: str = ""
    processed: bool | None = None


# Of a prompt, some servers report only the tokens that it is made of, and no others.
PROMPT_ALONE, PROMPT, REASONING, CONTENT, REFUSAL = range(5)
KINDS: Final = ("prompt", "prompt", "reasoning", "answer", "refusal")
"""What each of these is to a reader."""


class Format(NamedTuple):
    """How a server is asked for log-probabilities, how its answer is read, and what to tell."""

    server: str
    ask: str
    read: Callable[[dict[str, Any]], Iterable[Part]]
    note: str = ""


CHAT: Final = ((REASONING, "reasoning_content"), (CONTENT, "content"), (REFUSAL, "refusal"))
# What has the tokens that were reported, and what has the log-probability of a token.
TOPS: Final = ("top_logprobs", "top_probs", "probs")
VALUES: Final = ("logprob", "logProbability", "log_probability", "likelihood", "prob")
OF_TOKEN: Final = {*VALUES, "token", "text", "id", "token_id", "tokenId", "rank"}

# What an answer has, in lists, in objects or as text.
LISTS: Final = ("choices", "candidates", "output", "generations", "results", "prompt_logprobs")
OBJECTS: Final = ("details", "logprobs", "message", "meta_info", "completion_probabilities")
TEXTS: Final = ("content", "generated_text", "model", "response")
ALONE: Final = (
    "error",
    "detail",
    "logits",
    "response_json",
    "token",
    "token_logprobs",
    *TOPS,
    *VALUES,
)
KEY: Final = re.compile(rf'"(?:{"|".join((*LISTS, *OBJECTS, *TEXTS, *ALONE))})"\s*:')


def as_list(value: object) -> list[Any]:
    """Return a list, or an empty one for anything else."""
    return value if isinstance(value, list) else []


def as_dict(value: object) -> dict[str, Any]:
    """Return an object, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def _int(value: object, default: int = 0) -> int:
    return value if isinstance(value, int) else default


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_answer(document: dict[str, Any]) -> bool:
    """Whether an object is what a server answers, with log-probabilities or without.

    A label may be one of the words: what it has is a number, or a text that stands for one. A table
    may have texts in a column with one of these names, and numbers in others.
    """
    if "logits" in document:
        return False
    if isinstance(document.get("type"), str) and ("delta" in document or "response" in document):
        return True  # an event
    held = [document[key] for key in (*LISTS, *OBJECTS) if isinstance(document.get(key), list)]
    if any(all(each is None or isinstance(each, dict) for each in items) for items in held):
        return True
    if any(isinstance(document.get(key), dict) for key in OBJECTS):
        return True
    texts = {document[key] for key in TEXTS if isinstance(document.get(key), str)}
    return bool(texts - {"inf", "-inf", "nan"}) and not _has_fractions(document)


def _has_fractions(document: dict[str, Any]) -> bool:
    return any(isinstance(value, float) for value in document.values())


def error_of(document: dict[str, Any]) -> str | None:
    """Return the words of a server that answers with an error."""
    error = document.get("error") or as_dict(document.get("response")).get("error")
    if error is None and "error" in (document.get("object"), document.get("type")):
        error = document
    if error is None and document.keys() <= {"id", "message", "detail"}:
        error = document.get("detail", document.get("message"))
        error = next(iter(as_list(error)), error)
    if held := as_dict(error):
        words = next((held[key] for key in ("message", "msg", "type", "code") if held.get(key)), "")
        error = words if isinstance(words, (str, int)) else ""
        error = f"{error}" or "no reason is given"
    if not isinstance(error, str) or (not held and _has_fractions(document)):
        return None
    return " ".join(error.encode(errors="replace").decode().split()) or None


def is_whole(document: dict[str, Any]) -> bool:
    """Whether a chat is whole, not a chunk of a stream."""
    return any("message" in as_dict(choice) for choice in as_list(document.get("choices")))


def is_last(document: dict[str, Any]) -> bool:
    """Whether an answer without a name ends with this document."""
    ends = str(document.get("type")) in {"response.completed", "transcript.text.done"}
    stops = document.get("stop") is True or document.get("done") is True
    return ends or stops or is_whole(document)


def name_of(document: dict[str, Any]) -> str | None:
    """Return what a stream names its answer in every chunk."""
    if str(document.get("type")).startswith("response."):
        return None
    keys = (document.get("id"), document.get("responseId"), _meta(document).get("id"))
    return next((key for key in keys if isinstance(key, str)), None)


def prompt_of(document: dict[str, Any]) -> str:
    """Return the text that an answer goes on from: its own, or that of all its tokens; or ""."""
    prompt = document.get("prompt")
    # Cohere may report the tokens of its prompt as part of the answer.
    if isinstance(prompt, str) and "generations" not in document:
        return prompt
    own = as_list(_meta(document).get("input_token_logprobs"))
    tokens = [*map(_triple, own)] if _meta(document).get("prompt_tokens") == len(own) else []
    tokens += as_list(as_dict(document.get("details")).get("prefill"))
    texts = [each.get("token", each.get("text")) for each in map(as_dict, tokens)]
    known = [text for text in texts if isinstance(text, str)]
    return "".join(known) if len(known) == len(texts) else ""


def is_entry(value: object) -> bool:
    """Whether a value is what chats have for a position."""
    if not isinstance(value, dict) or "token_logprobs" in value:
        return False
    tops = chain.from_iterable(as_list(value.get(key)) for key in ("top_logprobs", "top_probs"))
    has_value = "logprob" in value or "prob" in value
    return ("token" in value and has_value) or any(map(as_dict, tops))


def _is_map(value: object) -> bool:
    """Whether a value is an object of log-probabilities by text, or by number of a token."""
    if not isinstance(value, dict):
        return False
    is_token = value.keys() <= OF_TOKEN and not value.keys().isdisjoint(VALUES)
    return not is_token and all(each is None or _is_number(each) for each in value.values())


def _listed(tokens: object, key: str = "token") -> list[Any]:
    """Return an object of tokens as a list; vLLM has an object for each; a list stays as it is."""
    return [
        {"id": token, **value} if isinstance(value, dict) else {key: token, "logprob": value}
        for token, value in as_dict(tokens).items()
    ] or as_list(tokens)


def _items(items: Iterable[object]) -> list[Entry]:
    return list(chain.from_iterable(map(_item, items)))


def _item(item: object) -> Iterator[Entry]:
    """Iterate over the positions of an item in a list of log-probabilities."""
    each = as_dict(item)
    tops = next((each[key] for key in TOPS if each.get(key)), None)
    if isinstance(each.get("logprobs"), list):
        yield from _columns(each)
    elif tops and all(map(_is_map, as_list(tops) or [None])):
        # llm has a text, and what was reported for each token of it.
        text = each.get("text") if len(tops) == 1 else None
        drawn = {"token": text} if isinstance(text, str) else None
        yield from ((_listed(top), drawn) for top in tops)
    elif each and not tops and (_is_map(each) or all(map(as_dict, each.values()))):
        yield _listed(each, "id" if all(map(str.isdecimal, each)) else "token"), None
    else:
        yield _listed(tops), None if tops and each.keys() <= {*TOPS} else item


def _columns(logprobs: dict[str, Any]) -> Iterator[Entry]:
    """Iterate over the positions of lists side by side, as text completions and Cohere have."""
    texts, ids = as_list(logprobs.get("tokens")), as_list(logprobs.get("token_ids"))
    if len(ids) == 1 and "text" in logprobs:  # the text of Cohere is that of all its tokens
        texts = [logprobs["text"]]
    values = as_list(logprobs.get("token_logprobs") or logprobs.get("logprobs"))
    tops = as_list(logprobs.get("top_logprobs"))
    for text, number, value, top in zip_longest(texts, ids, values, tops):
        # Nothing comes before the first token of a prompt, so that nothing is reported for it.
        if value is not None or top:
            key = "id" if isinstance(text, int) else "token"
            drawn = {"id": number, key: text, "logprob": value}
            yield _listed(top, key), None if text is number is None else drawn


def _parts(choice: int, logprobs: object, ids: object = None) -> Iterator[Part]:
    """Iterate over the parts of `logprobs`: those of a chat, of a text, or a list."""
    if isinstance(logprobs, list):
        yield Part(choice, CONTENT, _drawn(_items(logprobs), ids))
        return
    held = as_dict(logprobs)
    parts = [
        Part(choice, order, _items(held[key]), processed=_after_sampling(held[key]))
        for order, key in CHAT
        if as_list(held.get(key))
    ]
    # KoboldCpp reports everything in both forms.
    yield from parts or [Part(choice, CONTENT, list(_columns(held)))]


def _drawn(entries: list[Entry], ids: object) -> list[Entry]:
    """Return entries with the number of the token that was drawn, where nothing else tells it."""
    numbers = as_list(ids)[: len(entries)]
    return [
        (reported, {"id": number} if drawn is None and number is not None else drawn)
        for (reported, drawn), number in zip_longest(entries, numbers)
    ]


def _prompt(choice: int, holder: dict[str, Any]) -> Part:
    """Return what vLLM reports of a prompt, whose first token has null."""
    prompt = as_list(holder.get("prompt_logprobs"))
    entries = _drawn(
        [(_listed(each, "id"), None) for each in prompt], holder.get("prompt_token_ids")
    )
    kept = [entry for entry, each in zip(entries, prompt, strict=True) if each is not None]
    return Part(choice, PROMPT, kept)


def _choices(document: dict[str, Any]) -> Iterator[Part]:
    """Read the choices of OpenAI, the outputs of vLLM, the results of KoboldCpp."""
    yield _prompt(-1, document)
    for key in ("choices", "outputs", "results", "generations"):
        for at, choice in enumerate(map(as_dict, as_list(document.get(key)))):
            index = _int(choice.get("index"), at)
            yield _prompt(index, choice)
            yield from _parts(index, choice.get("logprobs"), choice.get("token_ids"))
            yield Part(index, CONTENT, _items(as_list(choice.get("token_likelihoods"))))


def _events(document: dict[str, Any]) -> Iterator[Part]:
    """Read OpenAI's Responses and transcriptions, whole or event by event."""
    kind = str(document.get("type"))
    if kind.endswith((".delta", ".done")):
        place = (_int(document.get("output_index")) << 16) + _int(document.get("content_index"))
        entries = _items(as_list(document.get("logprobs")))
        yield Part(place, CONTENT, entries, "part" if kind.endswith(".done") else "")
    is_event = kind.startswith("response.")
    whole = as_dict(document.get("response")) if is_event else document
    for at, output in enumerate(as_list(whole.get("output"))):
        for place, content in enumerate(as_list(as_dict(output).get("content"))):
            entries = _items(as_list(as_dict(content).get("logprobs")))
            yield Part((at << 16) + place, CONTENT, entries, "all" if is_event else "")


def _gemini(document: dict[str, Any]) -> Iterator[Part]:
    """Read Gemini's candidates, as they are in JSON or as the library for Python prints them."""
    for at, candidate in enumerate(map(as_dict, as_list(document.get("candidates")))):
        result = as_dict(candidate.get("logprobsResult") or candidate.get("logprobs_result"))
        tops = as_list(result.get("topCandidates") or result.get("top_candidates"))
        chosen = as_list(result.get("chosenCandidates") or result.get("chosen_candidates"))
        entries: list[Entry] = [
            (as_list(as_dict(top).get("candidates")), drawn)
            for top, drawn in zip_longest(tops, chosen)
        ]
        yield Part(_int(candidate.get("index"), at), CONTENT, entries)


def _meta(document: dict[str, Any]) -> dict[str, Any]:
    return as_dict(document.get("meta_info"))


def _sglang(document: dict[str, Any]) -> Iterator[Part]:
    """Read what SGLang's own route reports of the prompt and of its output."""
    meta = _meta(document)
    for of_side, side in ((PROMPT, "input"), (CONTENT, "output")):
        own, tops, asked = (
            as_list(meta.get(f"{side}_{which}_logprobs")) for which in ("token", "top", "token_ids")
        )
        entries: list[Entry] = []
        for token, top, more in zip_longest(own, tops, asked):
            reported = list(map(_triple, as_list(top)))
            ids = [as_dict(each).get("id") for each in reported]
            others = map(_triple, as_list(more))
            reported += [each for each in others if as_dict(each).get("id") not in ids]
            drawn = _triple(token)
            if reported or as_dict(drawn).get("logprob", "") is not None:
                entries.append((reported, drawn))
        alone = side == "input" and not any(tops) and not any(asked)
        whole = side == "input" or meta.get("completion_tokens") == len(own)
        order = PROMPT_ALONE if alone else of_side
        yield Part(_int(document.get("index")), order, entries, "part" if whole else "")


def _triple(token: object) -> object:
    names = ("logprob", "id", "token")
    return dict(zip(names, token, strict=False)) if isinstance(token, list) else token


def _tgi(document: dict[str, Any]) -> Iterator[Part]:
    """Read what Text Generation Inference answers, whole or token by token."""
    details = as_dict(document.get("details"))
    prompt = map(as_dict, as_list(details.get("prefill")))
    yield Part(0, PROMPT_ALONE, [([], each) for each in prompt if each.get("logprob") is not None])
    tokens, tops = as_list(details.get("tokens")), as_list(details.get("top_tokens"))
    if isinstance(document.get("token"), dict):
        tokens, tops = [document["token"]], [document.get("top_tokens")]
    yield Part(0, CONTENT, [(as_list(top), each) for each, top in zip_longest(tokens, tops)])


def _after_sampling(items: list[Any]) -> bool | None:
    """Return True where llama.cpp was asked for probabilities after sampling."""
    return True if any("top_probs" in as_dict(item) for item in items) else None


def _llama_cpp(document: dict[str, Any]) -> Iterator[Part]:
    """Read the answers of llama.cpp's own route, of any age."""
    items = document.get("completion_probabilities")
    if items is None and any(map(is_entry, as_list(document.get("probs")))):
        items = document["probs"]
    processed = _after_sampling(as_list(items))
    if any("logprob" in as_dict(item) for item in as_list(items)):
        processed = False  # the softmax of all logits
    elif any("probs" in as_dict(item) for item in as_list(items)):
        # Until the end of 2024, what sampling left, but for a temperature below 0.
        temperature = as_dict(document.get("generation_settings")).get("temperature", 0)
        processed = not (_is_number(temperature) and temperature < 0)
    # Until the end of 2024, the last chunk of a stream repeated all that the others had.
    repeats = "part" if document.get("stop") is True else ""
    entries = _items(as_list(items))
    yield Part(_int(document.get("index")), CONTENT, entries, repeats, processed)


def _webui(document: dict[str, Any]) -> Iterator[Part]:
    """Read the "logits" of text-generation-webui, if they are probabilities."""
    logits = document.get("logits")
    pairs = list(as_dict(logits).items()) or as_list(logits)
    tokens = [
        dict(zip(("token", "prob"), each, strict=False))
        if isinstance(each, (list, tuple))
        else each
        for each in pairs
    ]
    probs = [as_dict(token).get("prob") for token in tokens]
    numbers = [prob for prob in probs if isinstance(prob, (int, float)) and 0 <= prob <= 1]
    if probs and len(numbers) == len(probs) and math.fsum(numbers) <= 1 + ROUNDING:
        yield Part(0, CONTENT, [(tokens, None)])


def _alone(document: dict[str, Any]) -> Iterator[Part]:
    """Read log-probabilities at the top: of Ollama, of Cohere, or cut out of another answer."""
    logprobs: object = document.get("logprobs")
    if is_entry(document):
        logprobs = [document]
    elif not any(map(as_dict, as_list(logprobs) or [logprobs])):
        items = chain.from_iterable(as_list(document.get(key)) for _, key in CHAT)
        lists = as_list(document.get("token_logprobs")) or as_list(document.get("top_logprobs"))
        logprobs = document if lists or any(map(is_entry, items)) else None
    yield from _parts(_int(document.get("index")), logprobs, document.get("token_ids"))


FORMATS: Final = (
    Format(
        "OpenAI and servers like it (vLLM, SGLang, llama.cpp, LM Studio, KoboldCpp)",
        '"logprobs": true, "top_logprobs": 20 (completions: "logprobs": 5)',
        _choices,
    ),
    Format(
        "OpenAI's Responses",
        '"include": ["message.output_text.logprobs"], "top_logprobs": 20',
        _events,
    ),
    Format("Gemini", '"responseLogprobs": true, "logprobs": 20', _gemini),
    Format("SGLang's /generate", '"return_logprob": true, "top_logprobs_num": 20', _sglang),
    Format("Text Generation Inference", '"details": true, "top_n_tokens": 5', _tgi),
    Format("llama.cpp's /completion", '"n_probs": 20', _llama_cpp),
    Format(
        "text-generation-webui",
        "/v1/internal/logits",
        _webui,
        '"logits" are taken for probabilities',
    ),
    Format("Ollama and Cohere", '"logprobs": true (Ollama: "top_logprobs": 20)', _alone),
)
ASK: Final = "ask " + "; ".join(f"{form.server} with {form.ask}" for form in FORMATS)
