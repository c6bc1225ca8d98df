"""JSON and JSON Lines: lists, objects, and the strings that stand for inf and nan."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.test_delimited import floats, texts
from thermoscope.data.errors import FileError
from thermoscope.data.reading import open_logits, parse_logits, read_logits


@pytest.mark.parametrize(
    ("text", "values", "labels"),
    [
        ("[1, 2.5, -3e2]", [1, 2.5, -300], None),
        ('["inf", "-inf", 0]', [np.inf, -np.inf, 0], None),
        ("[Infinity, -Infinity]", [np.inf, -np.inf], None),
        ('{"cat": 1, "": 2}', [1, 2], ("cat", "")),
        ('{"cat": 1, "cat": 2}', [1, 2], ("cat", "cat")),
        ("\ufeff[1]", [1], None),
    ],
)
def test_json_gives_values_and_labels(
    tmp_path: Path, text: str, values: list[float], labels: tuple[str, ...] | None
) -> None:
    (tmp_path / "logits.JSON").write_bytes(text.encode())
    read = read_logits(str(tmp_path / "logits.JSON"))
    assert read.values.tolist() == values
    assert read.labels == labels


@pytest.mark.parametrize("text", ['["nan"]', "[NaN]"])
def test_nan_is_a_string_or_a_constant(text: str) -> None:
    assert np.isnan(parse_logits(text).values).all()


@given(st.lists(st.tuples(texts, floats), min_size=1))
def test_json_round_trip(pairs: list[tuple[str, float]]) -> None:
    # Written by hand: a dict would keep only the last of two equal labels.
    text = ",".join(f"{json.dumps(label)}:{json.dumps(value)}" for label, value in pairs)
    read = parse_logits(f"{{{text}}}")
    assert read.values.tolist() == [value for _, value in pairs]
    assert read.labels == tuple(label for label, _ in pairs)


def test_jsonl_of_objects_has_labels(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"cat": 1, "dog": "-inf"}\n\n{"cat": 3, "dog": 4}\n')
    file = open_logits(tmp_path / "a.jsonl")
    assert (file.shape, file.labels) == ((2, 2), ("cat", "dog"))
    assert file.row(0).values.tolist() == [1, -np.inf]


@pytest.mark.parametrize("text", ["[{}]", "{}\n{}\n"])
def test_objects_without_keys_have_no_numbers(text: str) -> None:
    with pytest.raises(FileError, match="there are no numbers in it"):
        parse_logits(text)
