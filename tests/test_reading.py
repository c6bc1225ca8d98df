"""Logits, labels and targets of files and texts, and the one line that a bad file gets."""

from __future__ import annotations

import json
import math
import os
import pickle
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.test_formats import parquet, text
from tests.test_npy import GOOD, npy
from thermoscope import definition, log_softmax, samples
from thermoscope.arguments import are_distributions
from thermoscope.data import reading
from thermoscope.data.atomic import write_whole
from thermoscope.data.errors import FileError
from thermoscope.data.reading import (
    open_logits,
    parse_logits,
    read_labels,
    read_logits,
    read_targets,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_name_that_is_not_utf8_still_gives_a_source_that_is(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.npy")
    path.write_bytes(npy([1.0]))
    assert read_logits(path).source == "caf\ufffd.npy"


@pytest.mark.parametrize(
    ("name", "data", "labels"),
    [
        ("labels.json", b'["a", " b", "", "a"]', ["a", " b", "", "a"]),
        ("labels.txt", b"a\n b \n\nc", ["a", " b ", "", "c"]),
        ("labels.txt", b"a\r\nb\r\n", ["a", "b"]),
        ("labels", "\ufeffa\u2028b\x0bc\n".encode(), ["a\u2028b\x0bc"]),
        ("labels.txt", b"\n", [""]),
    ],
)
def test_labels_are_read_from_json_and_from_lines(
    tmp_path: Path, name: str, data: bytes, labels: list[str]
) -> None:
    (tmp_path / name).write_bytes(data)
    assert read_labels(tmp_path / name) == labels


class Bomb:
    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return pytest.fail, ("a pickle was loaded",)


BAD_LOGITS = [
    ("empty.npy", b"", None, "the file is empty"),
    ("magic.npy", GOOD[:4], None, "not a .npy file: it starts with"),
    ("header.npy", GOOD[:40], None, "not a whole .npy file: cut short or damaged"),
    ("data.npy", GOOD[:-1], None, "not a whole .npy file: cut short or damaged"),
    ("text.npy", b"1\n2\n", None, "not a .npy file: it starts with"),
    ("npz.npy", b"PK\x03\x04....", None, "not a .npy file: it starts with"),
    ("pickle.npy", pickle.dumps(Bomb()), None, "a pickle, which is never loaded"),
    (
        "object.npy",
        npy(np.array([Bomb(), None], dtype=object), allow_pickle=True),
        None,
        "pickled Python objects, which are never loaded",
    ),
    ("cube.npy", npy(np.zeros((2, 2, 2))), None, "4 rows: choose one with --row, 0 to 3"),
    ("point.npy", npy(1.0), None, "must have an axis of entries, got one number"),
    ("none.npy", npy(np.zeros(0)), None, "at least one number"),
    ("words.npy", npy(["a", "b"]), None, "must be real numbers, got texts"),
    ("complex.npy", npy([1j]), None, "must be real numbers, got complex128"),
    ("dates.npy", npy(np.zeros(2, "M8[s]")), None, r"must be real numbers, got datetime64\[s\]"),
    ("fields.npy", npy(np.zeros(2, "f8,i4")), None, "must be real numbers, got"),
    ("rows.npy", npy(np.zeros((3, 2))), None, "3 rows: choose one with --row, 0 to 2"),
    ("rows.npy", npy(np.zeros((3, 2))), 3, "row must be 0 to 2, got 3"),
    ("rows.npy", npy(np.zeros((3, 2))), -1, "row must be 0 to 2, got -1"),
    ("line.npy", GOOD, 0, "row must be left out for a 1-D array, got 0"),
    ("logits.csv", b"1\n", 0, "row must be left out for a 1-D array, got 0"),
    ("logits.xyz", b"1\n", None, r"must be in a \.npy, \.npz, .* or \.sse file"),
    ("logits", b"1\n", None, r"must be in a \.npy, \.npz, .* or \.sse file"),
    ("empty.csv", b"", None, "the file is empty"),
    ("blank.csv", b"\n\n", None, "there are no numbers in it"),
    ("header.csv", b"logit\n", None, "there are no numbers in it"),
    ("latin.csv", b"caf\xe9,1\n", None, "not UTF-8 text: byte 3 is 0xe9"),
    ("word.csv", b"1\nx\n", None, "line 2: column '0' must be of numbers, got 'x'"),
    ("slip.csv", b"a,1.O\nb,2\n", None, "line 1: must be all names or all numbers, got '1.O'"),
    ("gap.csv", b"a,1\nb,\n", None, "line 2: column '1' must be of numbers, got an empty"),
    ("names.csv", b"a,b,c\n", None, "there are no numbers in it"),
    ("ragged.csv", b"a,1\n2\n", None, "line 2: must have 2 columns, got 1"),
    ("quote.csv", b'a,1\n"b,2\n', None, "line 2: unexpected end of data"),
    ("empty.json", b"", None, "the file is empty"),
    ("none.json", b"[]", None, "there are no numbers in it"),
    ("none.json", b"{}", None, "there are no numbers in it"),
    ("cut.json", b"[1,\n2", None, "not JSON: line 2: "),
    ("number.json", b"1", None, "must be a list of numbers, rows of .*, got 1"),
    ("string.json", b'"x"', None, 'got "x"'),
    ("nested.json", b"[1, [2]]", None, "item 1 must be a number, got a list"),
    ("nested.json", b'[{"a": [{}]}]', None, "'a': .*item 0 must be a number, got an object"),
    ("nested.json", b'{"a": {"b": 1}}', None, "'a' must be a number, got an object"),
    ("null.json", b"[null]", None, "item 0 must be a number, got null"),
    ("bool.json", b"[true]", None, "item 0 must be a number, got true"),
    ("text.json", b'["1"]', None, "must be real numbers, got texts"),
    ("long.json", b'["' + b"x" * 999 + b'"]', None, "must be real numbers, got texts"),
    ("vast.json", b"[1" + b"0" * 400 + b"]", None, "item 0 must be a number, got 10{39}…$"),
    ("vast.json", b"[1" + b"0" * 5000 + b"]", None, "Exceeds the limit"),
    ("deep.json", b"[" * 100_000, None, "nested too deeply"),
    ("latin.json", b'{"caf\xe9": 1}', None, "not UTF-8 text: byte 5 is 0xe9"),
]


@pytest.mark.parametrize(
    ("name", "data", "row", "words"),
    BAD_LOGITS,
    ids=[f"{bad[0]}-{bad[3][:20]}" for bad in BAD_LOGITS],
)
def test_bad_logits_get_one_clear_line(
    tmp_path: Path, name: str, data: bytes, row: int | None, words: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(FileError, match=words) as caught:
        read_logits(path, row=row)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("labels.txt", b"", "the file is empty"),
        ("labels.txt", b"a\nb\xff\n", "not UTF-8 text: byte 3 is 0xff"),
        ("labels.json", b'{"a": 1}', "labels must be a list of strings, got an object"),
        ("labels.json", b'["a", 1]', "item 1 must be a string, got 1"),
        ("labels.json", b"[", "not JSON: line 1"),
        ("labels.json", b"[]", "there are no labels in it"),
    ],
)
def test_bad_labels_get_one_clear_line(tmp_path: Path, name: str, data: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(FileError, match=words) as caught:
        read_labels(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name}: ")


@pytest.mark.parametrize("name", ["huge.csv", "huge.json"])
def test_a_text_larger_than_memory_is_refused_before_it_is_read(tmp_path: Path, name: str) -> None:
    with (tmp_path / name).open("wb") as file:
        file.truncate(2**42)
    for read in (read_logits, read_labels):
        with pytest.raises(FileError, match=f"{name}: larger than memory"):
            read(tmp_path / name)


def test_running_out_of_memory_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "logits.npy").write_bytes(GOOD)

    def exhausted(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(reading.np, "array", exhausted)
    with pytest.raises(FileError, match=r"logits\.npy: larger than memory"):
        read_logits(tmp_path / "logits.npy")


def test_a_file_error_is_an_os_error_and_a_value_error(tmp_path: Path) -> None:
    for kind in (OSError, ValueError):
        with pytest.raises(kind, match=r"none\.csv: No such file"):
            read_logits(tmp_path / "none.csv")
        with pytest.raises(kind, match=r"none/page\.html: there is no folder"):
            write_whole(tmp_path / "none" / "page.html", b"data")


@given(st.binary(max_size=200))
def test_any_text_gives_numbers_or_one_clear_line(data: bytes) -> None:
    try:
        outcome = f"noise: {parse_logits(data, 'noise').values.size} numbers"
    except FileError as error:
        outcome = str(error)
    assert outcome.startswith("noise: ")
    assert "\n" not in outcome


def targets_npy(dtype: str) -> Callable[[Path], None]:
    return lambda path: np.save(path, np.array([2, 0, 1]).astype(dtype))


@pytest.mark.parametrize(
    ("name", "save", "columns"),
    [
        ("t.npy", targets_npy("i8"), None),
        ("t.npy", targets_npy("f4"), None),
        ("t.npy", lambda path: np.save(path, np.array(["fox", "cat", "dog"])), None),
        ("t.npz", lambda path: np.savez(path, t=np.array([2, 0, 1])), None),
        ("t.txt", text("2\n0\n1\n"), None),
        ("t.txt", text("fox\r\ncat\r\ndog"), None),
        ("t.csv", text("2\n0\n1\n"), None),
        ("t.csv", text("target\nfox\ncat\ndog\n"), None),
        ("t.csv", text("fox\ncat\ndog\n"), None),
        ("t.csv", text("id,target\n7,2\n8,0\n9,1\n"), "target"),
        ("t.tsv", text("id\ttarget\n7\tfox\n8\tcat\n9\tdog\n"), "target"),
        ("t.json", text("[2, 0, 1]"), None),
        ("t.json", text('["fox", "cat", "dog"]'), None),
        ("t.parquet", parquet(target=[2, 0, 1]), None),
        ("t.parquet", parquet(target=["fox", "cat", "dog"]), None),
        ("t.parquet", parquet(id=[7, 8, 9], target=["fox", "cat", "dog"]), "target"),
    ],
)
def test_targets_of_every_format_are_classes(
    tmp_path: Path, name: str, save: Callable[[Path], None], columns: str | None
) -> None:
    save(tmp_path / name)
    targets = read_targets(tmp_path / name, labels=["cat", "dog", "fox"], target_column=columns)
    assert targets.tolist() == [2, 0, 1]
    assert targets.dtype == np.int64


@pytest.mark.parametrize(
    ("name", "save"),
    [
        ("t.npy", lambda path: np.save(path, np.eye(3)[[2, 0]])),
        ("t.csv", text("0,0,1\n1,0,0\n")),
        ("t.csv", text("cat,dog,fox\n0,0,1\n1,0,0\n")),
        ("t.json", text("[[0, 0, 1], [1, 0, 0]]")),
        ("t.parquet", parquet(t=[[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])),
    ],
)
def test_targets_may_be_probabilities(
    tmp_path: Path, name: str, save: Callable[[Path], None]
) -> None:
    save(tmp_path / name)
    assert read_targets(tmp_path / name).tolist() == [[0, 0, 1], [1, 0, 0]]


@pytest.mark.parametrize(
    ("name", "save", "words"),
    [
        ("t.npy", lambda path: np.save(path, [0, 1, -1]), "row 2: .* whole number >= 0, got -1"),
        ("t.npy", lambda path: np.save(path, [0, 1.5]), "row 1: .* whole number >= 0, got 1.5"),
        ("t.npy", lambda path: np.save(path, [np.nan]), "row 0: .* whole number >= 0, got nan"),
        ("t.npy", lambda path: np.save(path, [[0.5, 0.2]]), "row 0: probabilities .* a sum of 0.7"),
        (
            "t.npy",
            lambda path: np.save(path, [[1.5, -0.5]]),
            "row 0: .* must be >= 0",
        ),
        ("t.txt", text("cat\ndoge\n"), "row 1: a class must be one of the labels, got 'doge'"),
        ("t.csv", text("cat\n-1\n"), "row 1: a class must be one of the labels, got '-1'"),
        (
            "t.csv",
            text("id,target\n1,cat\n"),
            "choose the targets with target_column, of 'id'",
        ),
        ("t.csv", text("a,b\n1\n"), "line 2: must have 2 columns, got 1"),
        ("t.csv", text(""), "the file is empty"),
        ("t.xyz", text("1"), "must be in a .npy"),
    ],
)
def test_bad_targets_name_file_and_row(
    tmp_path: Path, name: str, save: Callable[[Path], None], words: str
) -> None:
    save(tmp_path / name)
    with pytest.raises(FileError, match=words) as caught:
        read_targets(tmp_path / name, labels=["cat", "dog"])
    assert str(caught.value).startswith(f"{tmp_path / name}: ")


def test_the_logits_of_a_real_classifier_are_read_back(tmp_path: Path) -> None:
    logits, targets, _ = samples.digits()
    np.save(tmp_path / "z.npy", log_softmax(logits))
    np.save(tmp_path / "y.npy", targets)
    file = open_logits(tmp_path / "z.npy")
    assert file.shape == (1597, 10)
    blocks = np.concatenate(list(file.blocks(size=999)))
    # They are log-probabilities.
    assert are_distributions(np.exp(blocks)).all()
    assert not are_distributions(blocks).any()
    found = read_targets(tmp_path / "y.npy")
    assert (blocks.argmax(axis=1) == found).mean() > 0.9


@pytest.mark.parametrize("temperature", [0, -1, np.inf, np.nan])
def test_an_applied_temperature_out_of_range(tmp_path: Path, temperature: float) -> None:
    words = f"^applied_temperature must be a finite number > 0, got {temperature}"
    with pytest.raises(ValueError, match=words):
        open_logits(tmp_path / "none.npy", applied_temperature=temperature)
    with pytest.raises(ValueError, match=words):
        parse_logits("1 2", applied_temperature=temperature)


def token(text: str, probability: float, **more: object) -> dict[str, object]:
    return {"token": text, "logprob": math.log(probability), **more}


ROWS: list[tuple[list[str], list[float]]] = [
    (["Hello", "Hi"], [0.5, 0.25, 0.25]),
    ([".", ",", "!"], [0.5, 0.25, 0.125, 0.125]),
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
    assert file.shape == (2, 3)
    for index, (labels, probabilities) in enumerate(ROWS):
        assert file.row(index).labels == tuple(labels)
        row = file.reported(index)
        assert [*np.exp(row.logprobs), math.exp(row.tail)] == pytest.approx(probabilities)
    # Rows of fewer tokens are filled up with -inf.
    logprobs, tails, _ = file.positions(0, 2)
    assert np.exp(logprobs[0]) == pytest.approx([0.5, 0.25, 0])
    assert np.exp(tails[0]) == pytest.approx(0.25)


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
def test_the_tail_is_a_bound_at_other_temperatures(
    logits: list[float], applied: float, temperature: float
) -> None:
    logits.sort(reverse=True)
    served = definition.log_softmax(logits, applied).tolist()
    tops = [{"token": str(at), "logprob": value} for at, value in enumerate(served[:2])]
    text = json.dumps({"logprobs": [{**tops[0], "top_logprobs": tops}]})
    read = parse_logits(text, applied_temperature=applied, vocabulary=len(logits))
    assume(max(served[2:]) <= min(served[:2]))
    reported = read.reported(0)
    truth = definition.softmax(logits, temperature)
    low, high = reported.not_reported(temperature)
    assert low * (1 - 1e-9) <= truth[2:].sum() <= high * (1 + 1e-9)
    low, high = definition.softmax(reported, temperature)
    assert (low * (1 - 1e-9) <= truth[:2]).all()
    assert (truth[:2] <= high * (1 + 1e-9)).all()


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
