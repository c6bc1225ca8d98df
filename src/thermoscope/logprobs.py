"""Log-probabilities in the JSON of the servers of language models, as rows of logits.

A server reports some tokens of each position, most often the few likeliest and the one drawn.
What it does not report still has probability: here that mass is one more item, with the label
"not reported". It is computed, never spread over the tokens that were reported.

At the temperature at which the probabilities were computed the item weighs exactly what it should.
At another one it is a bound, for it stands for many tokens of which only the sum m is known. With
a = applied temperature / temperature and p_j their unknown probabilities, softmax weighs the item
as m^a where the tokens would weigh sum(p_j^a): less than that if a > 1, more if a < 1. So below the
applied temperature the item is an upper bound of the share that was not reported, and above it a
lower one.

The formats are those that these servers document:

- OpenAI, "Create chat completion" and "Create completion" in the API reference: ``logprobs`` of
  ``choices``, with ``top_logprobs`` as a list (chat) or an object for each token (completions).
- vLLM, "OpenAI-Compatible Server": the same, and ``prompt_logprobs``, of ``{token id: {logprob,
  rank, decoded_token}}``. What it reports is from before the temperature unless it was started
  with ``--logprobs-mode processed_logprobs``.
- llama.cpp, ``tools/server/README.md``, ``/completion`` with ``n_probs``:
  ``completion_probabilities`` with ``logprob`` and ``top_logprobs``; with ``post_sampling_probs``,
  ``prob`` and ``top_probs``; before the end of 2024, ``content`` and ``probs``.
- Ollama, ``/api/generate`` and ``/api/chat`` with ``logprobs``: a list ``logprobs``.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["NOT_FINITE", "NOT_REPORTED", "Position", "may_be_response", "parse"]

NOT_REPORTED: Final = "not reported"

# With this number OpenAI says that a token was not among the likeliest, and vLLM that it is -inf.
VERY_UNLIKELY: Final = -9999.0
# More than the rounding of any server: what is above it are no logarithms of probabilities.
ROUNDING: Final = 1e-2

# What stands for a number in an object of label: logit, where JSON has no word for it.
NOT_FINITE: Final = ("inf", "-inf", "nan")

KEYS: Final = (
    *("choices", "completion_probabilities", "logprobs", "prompt_logprobs"),
    # Of responses that were not asked for any.
    *("message", "response", "content"),
)


class Position(NamedTuple):
    """The tokens that a server reported for one position.

    Attributes
    ----------
    labels : tuple of str
        The tokens as text, in the order of the server; the one drawn last if it was not among
        them; then "not reported", if there is such mass.
    logprobs : tuple of float
        Their log-probabilities in nats.
    """

    labels: tuple[str, ...]
    logprobs: tuple[float, ...]


def may_be_response(text: str) -> bool:
    """Return whether a text is worth parsing: a cheap look, where a text may be long."""
    return text.lstrip().startswith("data:") or any(f'"{key}"' in text for key in KEYS)


def parse(text: str) -> list[Position] | None:
    r"""Return the positions in the responses of a server, or None where a text holds no response.

    Prompt tokens come first, then those of each choice. Chunks of a stream (JSON lines, or
    server-sent events) are taken as one response.

    Raises
    ------
    ValueError
        If a response has no log-probabilities, or they are in none of the formats.

    Examples
    --------
    >>> probs = '[{"tok_str": "B", "prob": 0.5}, {"tok_str": "C", "prob": 0.25}]'
    >>> (position,) = parse(f'{{"completion_probabilities": [{{"probs": {probs}}}]}}')
    >>> position.labels
    ('B', 'C', 'not reported')
    >>> [round(logprob, 3) for logprob in position.logprobs]
    [-0.693, -1.386, -1.386]
    """
    documents = list(_documents(text))
    if not documents or not all(map(_is_response, documents)):
        return None
    entries: dict[tuple[int, int], list[Any]] = {}
    for document in documents:
        try:
            _collect(document, entries)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError("logprobs in a format of no known server") from error
    found: list[Position] = []
    for entry in (entry for choice in sorted(entries) for entry in entries[choice]):
        try:
            position = _position(entry)
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(
                f"row {len(found)}: logprobs in a format of no known server"
            ) from error
        except ValueError as error:
            raise ValueError(f"row {len(found)}: {error}") from error
        found.append(position)
    if not found:
        raise ValueError(
            'the response has no logprobs: ask the server for them with "logprobs" and '
            '"top_logprobs" (llama.cpp: "n_probs")'
        )
    return found


def _documents(text: str) -> Iterator[Any]:
    """Iterate over what a text holds: one JSON value, a list of them, or a stream of lines."""
    lines = [line.removeprefix("data:").strip() for line in text.splitlines()]
    try:
        data = json.loads(text)
    except json.JSONDecodeError as whole:
        for number, line in enumerate(lines, 1):
            # The other fields of server-sent events, and comments, say nothing of tokens.
            if not line or line == "[DONE]" or line.startswith((":", "event:", "id:", "retry:")):
                continue
            try:
                yield json.loads(line)
            except json.JSONDecodeError as error:
                if number == 1:
                    raise whole from None
                raise ValueError(f"not JSON: line {number}: {error.msg}") from error
    else:
        yield from data if isinstance(data, list) else [data]


def _is_response(document: object) -> bool:
    # A label may be one of the words: what it has is a number, or a string that stands for one.
    return isinstance(document, dict) and any(
        not isinstance(document[key], (int, float)) and document[key] not in NOT_FINITE
        for key in KEYS
        if key in document
    )


def _collect(document: dict[str, Any], entries: dict[tuple[int, int], list[Any]]) -> None:
    """Add the positions of a response to those of its choices, in the form of chat completions."""

    def add(choice: int, part: int, found: Iterable[Any]) -> None:
        entries.setdefault((choice, part), []).extend(found)

    add(-1, 0, _prompt(document))
    add(0, 1, document.get("completion_probabilities") or ())
    add(0, 1, document.get("logprobs") or ())
    for choice in document.get("choices") or ():
        index = int(choice.get("index", 0))
        add(index, 0, _prompt(choice))
        logprobs = choice.get("logprobs") or {}
        if "tokens" in logprobs:
            add(index, 1, _completion(logprobs))
        else:
            add(index, 1, logprobs.get("content") or ())
            add(index, 1, logprobs.get("refusal") or ())


def _prompt(holder: dict[str, Any]) -> Iterator[dict[str, Any]]:
    # Nothing comes before the first token, so that it has null for an object.
    for tokens in filter(None, holder.get("prompt_logprobs") or ()):
        reported = [
            {"id": number, "token": token.get("decoded_token"), "logprob": token["logprob"]}
            for number, token in tokens.items()
        ]
        yield {"top_logprobs": reported}


def _completion(logprobs: dict[str, Any]) -> Iterator[dict[str, Any]]:
    tokens = logprobs["tokens"]
    tops = logprobs.get("top_logprobs") or [None] * len(tokens)
    for token, logprob, top in zip(tokens, logprobs["token_logprobs"], tops, strict=True):
        # Likewise, where the prompt is echoed.
        if logprob is not None:
            reported = [{"token": text, "logprob": value} for text, value in (top or {}).items()]
            yield {"token": token, "logprob": logprob, "top_logprobs": reported}


def _position(entry: dict[str, Any]) -> Position:
    tops = ("top_logprobs", "top_probs", "probs")
    reported = list(next((entry[key] for key in tops if entry.get(key)), ()))
    known = {_identity(token) for token in reported}
    if ("logprob" in entry or "prob" in entry) and _identity(entry) not in known:
        reported.append(entry)
    if not reported:
        raise ValueError("no token is reported")
    labels = [_text(token) for token in reported]
    values = [_logprob(token) for token in reported]
    # The largest is taken off 1 first, by expm1, for it may be all but 1.
    largest, *others = sorted(values, reverse=True)
    rest = math.fsum([-math.expm1(largest), *(-math.exp(value) for value in others)])
    if rest < -ROUNDING:
        raise ValueError(f"probabilities must sum to at most 1, got {1 - rest:.6g}")
    if rest > 0:
        labels.append(NOT_REPORTED)
        values.append(math.log(rest))
    return Position(tuple(labels), tuple(values))


def _identity(token: dict[str, Any]) -> object:
    """Return what tells a token from others: two may have the same text."""
    return token["id"] if "id" in token else (_text(token), tuple(token.get("bytes") or ()))


def _text(token: dict[str, Any]) -> str:
    text = next((token[key] for key in ("token", "tok_str", "content") if key in token), None)
    return f"token {token['id']}" if text is None else str(text)


def _logprob(token: dict[str, Any]) -> float:
    if "logprob" in token:
        value = float(token["logprob"])
        if not value <= ROUNDING:
            raise ValueError(f"a logprob must be <= 0, got {value:.6g}")
        return -math.inf if value <= VERY_UNLIKELY else value
    probability = float(token["prob"])
    if not 0 <= probability <= 1 + ROUNDING:
        raise ValueError(f"a probability must be 0 to 1, got {probability:.6g}")
    return math.log(probability) if probability > 0 else -math.inf
