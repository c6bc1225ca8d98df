"""Servers' answers as files of logits: what `test_responses` reads, opened and computed with."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from thermoscope import definition, open_logits, read_logits
from thermoscope.data.errors import FileError
from thermoscope.data.formats.responses import NOT_REPORTED
from thermoscope.data.reading import parse_logits

if TYPE_CHECKING:
    from pathlib import Path


def token(text: str, probability: float, **more: object) -> dict[str, object]:
    return {"token": text, "logprob": math.log(probability), **more}


ROWS: list[tuple[list[str], list[float]]] = [
    (["Hello", "Hi", NOT_REPORTED], [0.5, 0.25, 0.25]),
    ([".", ",", "!", NOT_REPORTED], [0.5, 0.25, 0.125, 0.125]),
]
CHUNKS = [
    {"choices": [{"index": 0, "delta": {}, "logprobs": {"content": [entry]}}]}
    for entry in (
        token("Hello", 0.5, top_logprobs=[token("Hello", 0.5), token("Hi", 0.25)]),
        token("!", 0.125, top_logprobs=[token(".", 0.5), token(",", 0.25)]),
    )
]


@pytest.mark.parametrize("form", ["lines", "events", "list"])
@pytest.mark.parametrize("ending", ["json", "jsonl"])
def test_a_stream_is_one_response(tmp_path: Path, form: str, ending: str) -> None:
    chunks = [*map(json.dumps, CHUNKS), '{"choices": [], "usage": {"total_tokens": 11}}']
    text = {
        "lines": "\n".join(chunks) + "\n",
        "events": "".join(f"data: {chunk}\r\n\r\n" for chunk in chunks) + "data: [DONE]\n\n",
        "list": f"[{', '.join(chunks)}]",
    }[form]
    path = tmp_path / f"stream.{ending}"
    path.write_text(text, encoding="utf-8")
    file = open_logits(path)
    assert file.shape == (2, 4)
    for index, (labels, probabilities) in enumerate(ROWS):
        row = file.row(index)
        assert row.labels == tuple(labels)
        assert np.exp(row) == pytest.approx(probabilities)
    # Rows of fewer items are filled up with entries of -inf.
    (batch,) = file.blocks()
    assert definition.softmax(batch)[0] == pytest.approx([0.5, 0.25, 0.25, 0])


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
    read = parse_logits(text, applied_temperature=applied).row(0)
    assert read.labels is not None
    # Less than that is drowned in the rounding of the probabilities that were reported.
    assume(read.labels[-1] == NOT_REPORTED and math.fsum(map(math.exp, served[2:])) > 1e-9)
    probability = definition.softmax(read.values, temperature)[-1]
    truth = definition.softmax(logits, temperature)[2:].sum()
    if temperature <= applied:
        assert probability >= truth - 1e-6
    if temperature >= applied:
        assert probability <= truth + 1e-6


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"model": "gemma3", "response": "Hi", "done": true}', "known format: ask OpenAI"),
        ('{"logprobs": [{"token": "a", "logprob": 12.5}]}', "row 0: a logprob must be <= 0"),
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
