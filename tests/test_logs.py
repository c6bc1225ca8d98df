"""Logs of evaluation tools, as those tools write them: tests/data/logs has them.

inspect.eval, inspect_without.eval and lm_eval_*.jsonl are files that Inspect 0.3.285 (its model
``mockllm``) and lm-eval 0.4.13 (its model ``dummy``) wrote; inspect.json is such a file without its
events. promptfoo.json and promptfoo.jsonl follow its source.
"""

from __future__ import annotations

import json
import math
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.test_responses import JUNK, replaced
from thermoscope import cli
from thermoscope.data.errors import FileError
from thermoscope.data.reading import open_logits, parse_logits
from thermoscope.drawn import drawn_tokens

LOGS = Path(__file__).parent / "data" / "logs"
REST = "not reported"
PARIS = {" Paris": 0.75, " Lyon": 0.125}
STOP = {".": 0.5, ",": 0.25}
ROME = {" Milan": 0.5, " Rome": 0.25, " a": 0.125, REST: 0.125}
INSPECT = [
    {**PARIS, " the": 0.0625, REST: 0.0625},
    {**STOP, "!": 0.125, REST: 0.125},
    ROME,
]
PROMPTFOO = [{**PARIS, REST: 0.125}, {**STOP, REST: 0.25}, {"?": 0.25, REST: 0.75}]


@pytest.mark.parametrize(
    ("name", "expected", "drawn"),
    [
        ("inspect.eval", INSPECT, [" Paris", ".", " Rome"]),
        ("inspect.json", INSPECT, [" Paris", ".", " Rome"]),
        ("promptfoo.json", PROMPTFOO, [" Paris", ".", "?"]),
        ("promptfoo.jsonl", PROMPTFOO, [" Paris", ".", "?"]),
    ],
)
def test_a_log_has_the_tokens_of_its_answers(
    name: str, expected: list[dict[str, float]], drawn: list[str]
) -> None:
    data = open_logits(LOGS / name)
    assert data.tokens is not None
    for row, position in enumerate(expected):
        found = data.reported(row)
        assert found.tokens is not None
        texts = [token.text for token in found.tokens]
        probabilities = dict(zip(texts, np.exp(found.logprobs).tolist(), strict=True))
        if found.tail > -math.inf:
            probabilities[REST] = math.exp(found.tail)
        assert probabilities == pytest.approx(position, abs=1e-5)
        assert data.tokens[row][data.drawn[row]].text == drawn[row]
    assert data.rows == len(expected)


@pytest.mark.parametrize("name", ["promptfoo.json", "promptfoo.jsonl"])
def test_what_a_log_lacks_is_told(name: str) -> None:
    numbers, error = open_logits(LOGS / name).notes
    assert numbers == (
        "the log has the log-probabilities of the drawn tokens alone, whose text is unknown"
    )
    assert error == (
        "test 2, prompt 0: the server answered with an error: API error: 429 Too Many Requests"
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("inspect_without.eval", "inspect eval with --logprobs --top-logprobs 20"),
        ("lm_eval_write.jsonl", "tasks with choices (output_type: multiple_choice)"),
        ("lm_eval_single.jsonl", "tasks with choices (output_type: multiple_choice)"),
    ],
)
def test_a_log_without_logprobs_says_which_setting_keeps_them(
    capfd: pytest.CaptureFixture[str], name: str, words: str
) -> None:
    assert cli.main(["explore", str(LOGS / name)]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert words in line
    assert name in line


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (
            {"results": {"capitals": {"acc,none": 1}}, "configs": {}, "versions": {}, "n-shot": {}},
            "lm-eval has no log-probabilities: run it with --log_samples",
        ),
        (
            {"eval": {"model": "m"}, "samples": [{"id": 1, "output": {"choices": []}}]},
            "Inspect has no log-probabilities: inspect eval with --logprobs",
        ),
        (
            {"results": {"results": [{"vars": {}, "success": True, "namedScores": {}}]}},
            'promptfoo has no log-probabilities: in the provider\'s config, "passthrough"',
        ),
    ],
)
def test_results_alone_say_so_from_standard_input(document: object, words: str) -> None:
    with pytest.raises(FileError, match=words.replace("(", r"\(")):
        parse_logits(json.dumps(document))


def test_promptfoo_keeps_all_choices_of_an_answer_with_several() -> None:
    token = {"token": "a", "logprob": math.log(0.5), "top_logprobs": []}
    choices = [{"index": at, "message": {}, "logprobs": {"content": [token]}} for at in range(2)]
    response = {"output": "a", "logProbs": [math.log(0.5)], "metadata": {"choices": choices}}
    result = {"vars": {}, "success": True, "namedScores": {}, "response": response}
    data = parse_logits(json.dumps(result))
    assert (data.rows, data.notes) == (2, ())


def test_an_answer_that_promptfoo_kept_as_text_is_read() -> None:
    token = {"token": "a", "logprob": math.log(0.5), "top_logprobs": []}
    raw = json.dumps({"choices": [{"message": {}, "logprobs": {"content": [token]}}]})
    result = {"vars": {}, "success": True, "namedScores": {}, "response": {"raw": raw}}
    assert parse_logits(json.dumps(result)).rows == 1


def test_the_epochs_of_a_sample_follow_each_other() -> None:
    def sample(number: int, epoch: int, probability: float) -> dict[str, object]:
        token = {"token": "a", "logprob": math.log(probability)}
        choice = {"message": {}, "logprobs": {"content": [token]}}
        return {"id": number, "epoch": epoch, "input": "", "output": {"choices": [choice]}}

    broken = {"id": 2, "epoch": 2, "input": "", "error": {"message": "time limit"}}
    samples = [sample(1, 1, 0.5), sample(2, 1, 0.25), sample(1, 2, 0.125), broken]
    data = parse_logits(json.dumps({"eval": {}, "samples": samples}))
    likeliest = [np.exp(data.reported(row).logprobs[0]) for row in range(data.rows)]
    assert likeliest == pytest.approx([0.5, 0.25, 0.125])
    assert data.notes == ("sample 2, epoch 2: the server answered with an error: time limit",)


DOCUMENTS = {
    "Inspect": json.loads((LOGS / "inspect.json").read_text()),
    "promptfoo": json.loads((LOGS / "promptfoo.json").read_text()),
    "lm-eval": [
        json.loads(line) for line in (LOGS / "lm_eval_mutual.jsonl").read_text().splitlines()
    ],
}


@settings(max_examples=300)
@given(st.sampled_from(list(DOCUMENTS.values())), JUNK, st.integers(0, 10**6))
def test_replaced_values_give_rows_or_one_line(log: object, junk: object, place: int) -> None:
    message, data = "", None
    try:
        data = parse_logits(json.dumps(replaced(log, junk, place)))
    except FileError as error:
        message = str(error)
    assert "\n" not in message
    if data is None:
        return
    for row in range(data.rows):
        with suppress(FileError):
            data.row(row)
    if data.tokens is not None:
        assert sum(1 for _ in drawn_tokens(data, 0.7, top_p=0.9)) == data.rows
