"""The logs of evaluation tools, which hold what servers of language models answered.

===========  =======================================================================================
tool         log
===========  =======================================================================================
Inspect      "Log files": .json, all samples in one; or .eval, a zip with one JSON for each sample
             (`eval_file`). The output of a sample has the choices of a chat
promptfoo    "Output formats": .json, or .jsonl with one result on each line. ``response.raw`` is
             the answer itself, where the provider keeps it; ``metadata.choices`` are its choices,
             where there are several; ``logProbs`` are the numbers of the drawn tokens alone
lm-eval      "Interface": results in .json, without log-probabilities (`lm_eval` reads the samples)
===========  =======================================================================================
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from thermoscope.data.formats.servers import as_dict, as_list

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["LOGS", "NUMBERS", "NUMBERS_ALONE", "Answer", "Log", "log_of"]

NUMBERS: Final = "logProbs"
"""Under this key, promptfoo has the log-probabilities of the drawn tokens, and no tokens."""
NUMBERS_ALONE: Final = (
    "the log has the log-probabilities of the drawn tokens alone, whose text is unknown"
)
UNKNOWN: Final = "?"
"""The text of such a token."""

Answer: TypeAlias = tuple[str, dict[str, Any]]
"""Where in the log an answer stands, and the answer as a server gives it."""


class Log(NamedTuple):
    """How a log is told from other documents, what it holds, and how to have log-probabilities."""

    tool: str
    ask: str
    answers: Callable[[dict[str, Any]], Iterator[Answer] | None]
    """The answers in an object, or None where the object is no such log."""


def log_of(document: dict[str, Any]) -> tuple[Log, list[Answer]] | None:
    """Return the log that an object is, and the answers in it; None where it is no log.

    Examples
    --------
    >>> sample = {"id": 3, "epoch": 1, "input": "2 + 2 =", "output": {"choices": []}}
    >>> log, answers = log_of({"eval": {}, "samples": [sample]})
    >>> log.tool, answers
    ('Inspect', [('sample 3', {'choices': []})])
    """
    for log in LOGS:
        if (answers := log.answers(document)) is not None:
            return log, list(answers)
    return None


def _inspect(document: dict[str, Any]) -> Iterator[Answer] | None:
    if {"id", "epoch", "input", "output"} <= document.keys():
        return _of_samples([document])
    if isinstance(document.get("eval"), dict) and "samples" in document:
        return _of_samples(as_list(document["samples"]))
    return None


def _of_samples(samples: list[Any]) -> Iterator[Answer]:
    for sample in map(as_dict, samples):
        place, epoch = f"sample {_name(sample.get('id'))}", sample.get("epoch")
        if isinstance(epoch, int) and epoch > 1:
            place += f", epoch {epoch}"
        error = as_dict(sample.get("error")).get("message")
        yield place, {**as_dict(sample.get("output")), **({"error": error} if error else {})}


def _name(value: object) -> str:
    """Return what a log calls a sample, on one line."""
    return " ".join(str(value).split()) if isinstance(value, (str, int)) else "?"


def _promptfoo(document: dict[str, Any]) -> Iterator[Answer] | None:
    if _is_result(document):
        return _of_results([document])
    results = document.get("results")
    results = as_dict(results).get("results", results)  # the first versions had the list alone
    if isinstance(results, list) and any(map(_is_result, results)):
        return _of_results(results)
    return None


def _is_result(value: object) -> bool:
    return {"vars", "success", "namedScores"} <= as_dict(value).keys()


def _of_results(results: list[Any]) -> Iterator[Answer]:
    for at, result in enumerate(map(as_dict, results)):
        test, prompt = _name(result.get("testIdx", at)), _name(result.get("promptIdx", 0))
        place = f"test {test}, prompt {prompt}"
        response = as_dict(result.get("response"))
        raw = response.get("raw")
        if isinstance(raw, str):
            with suppress(ValueError, RecursionError):
                raw = json.loads(raw)
        choices = as_list(as_dict(response.get("metadata")).get("choices"))
        numbers = as_list(response.get(NUMBERS))
        if isinstance(raw, dict):
            yield place, raw
        elif choices:
            yield place, {"choices": choices}
        elif numbers:
            drawn = [{"token": UNKNOWN, "logprob": number} for number in numbers]
            choice = {"message": {}, "logprobs": {"content": drawn}}
            yield place, {"choices": [choice], NUMBERS: numbers}
        elif isinstance(response.get("error"), str):
            yield place, {"error": response["error"]}
        else:
            yield place, {"choices": [{"message": {}}]}


def _lm_eval(document: dict[str, Any]) -> Iterator[Answer] | None:
    is_results = {"results", "configs", "versions"} <= document.keys()
    return iter(()) if is_results else None


LOGS: Final = (
    Log(
        "Inspect",
        "inspect eval with --logprobs --top-logprobs 20",
        _inspect,
    ),
    Log(
        "promptfoo",
        'in the provider\'s config, "passthrough": {"include": ["message.output_text.logprobs"], '
        '"top_logprobs": 20} (openai:responses), or {"logprobs": true} for the drawn tokens alone '
        "(openai:chat)",
        _promptfoo,
    ),
    Log(
        "lm-eval",
        "run it with --log_samples on a task with choices, and read samples_TASK.jsonl",
        _lm_eval,
    ),
)
