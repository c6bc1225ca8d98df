"""A file gives the same logits and labels on the page, run in Node, as in Python."""

from __future__ import annotations

import base64
import io
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.node import in_node
from thermoscope.data.errors import FileError
from thermoscope.data.reading import open_logits, parse_logits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thermoscope.data.dataset import Dataset

ROOT = Path(__file__).parents[1]
CASES = ROOT / "tests" / "data" / "cases"
ENDINGS = {".csv", ".tsv", ".txt", ".json", ".npy"}

PROGRAM = """
import { readFileSync, writeFileSync } from "node:fs";
import { opened } from "./opening.mjs";
const files = JSON.parse(readFileSync("files.json", "utf8"));
const answers = files.map(([name, data]) => opened(name, Buffer.from(data, "base64")));
writeFileSync("answers.json", JSON.stringify(answers));
"""

TEXTS = [
    # Rows of numbers, however they are separated.
    *(".txt", "2 1 0.1"), *(".txt", "2 1 0.1\n3 2 1\n"), *(".txt", "2\n1\n0.1\n"),
    *(".txt", "2, 1.5, -inf"), *(".txt", "1\t2\n"), *(".csv", "1;2;3\r\n4;5;6\r\n"),
    *(".csv", "1,5;2,5\n3,5;4\n"), *(".tsv", "1,5\t2,5\n"), *(".csv", "1.5;2,5\n"),
    *(".csv", "0.5,nan,INF\n"), *(".csv", "1e400,-1e400,1e-400\n"), *(".csv", "+1,-.5,5.\n"),
    *(".csv", "1_000,2\n"), *(".csv", "1 2,3\n"), *(".csv", " 1 , 2 \n"), *(".csv", "0x10,2\n"),
    *(".csv", "1,∞\n"), *(".csv", "5\n"), *(".csv", "1\n2\n"), *(".csv", "\n\n1,2\n\n3,4\n"),
    *(".csv", "1,2\n3\n"), *(".csv", "1,2\n \n"), *(".csv", "1,2\r3,4\n"), *(".csv", "\n"),
    # Headers, comments, an index, quotes.
    *(".csv", "cat,dog\n2,1\n"), *(".csv", "cat,dog\n"), *(".csv", "cat\n2\n1\n"),
    *(".csv", "label,logit\ncat,2\ndog,1.5\n"), *(".csv", "pet,logit\ncat,2.0\n"),
    *(".csv", 'cat,2.0\n"dog, small",1.0\n'), *(".csv", "a,2\na,3\n"), *(".csv", "cat,x,2\n"),
    *(".csv", '"0","1"\n2.5,1\n'), *(".csv", '"a""b",c\n1,2\n'), *(".csv", '"a\nb",c\n1,2\n'),
    *(".csv", '"a"b,c\n1,2\n'), *(".csv", '"a,c\n1,2\n'), *(".csv", 'a"b",c\n1,2\n'),
    *(".csv", 'label,logit,p\r\n"1",2,0.5\r\n"cat",1,0.25\r\n'),
    *(".csv", "label,x,y\n1,2.5,3\n0,1,2\n"),
    *(".csv", 'a,b\n"1",2.5\n"2",1\n'), *(".csv", 'a,b\n"1,5",2\n"2,5",1\n'),
    *(".csv", 'token,b\n"1,5",2\n"2,5",1\n'), *(".csv", 'a,b\n"1","2.5"\n"2","1"\n'),
    *(".csv", "0,1,2\n0.5,1.5,2\n"), *(".csv", "0,1,2\n3,4,5\n"), *(".csv", ",a,b\n0,1.5,2.5\n"),
    *(".csv", ",0,1\n0,1,2\n"), *(".csv", "Unnamed: 0,a,b\n0,1.5,2.5\n"),
    *(".csv", "# a comment\n1,2\n"), *(".csv", "# cat,dog\n1,2\n"), *(".csv", "#,2\n!,3\n"),
    *(".txt", "# cat dog\n1 2\n"), *(".txt", "token logit\ncat 2\ndog 1\n"),
    *(".txt", "label,logit\n1,2\n3,4\n"), *(".csv", "token,x\n1,2\n3,4\n"),
    # Cells that are almost numbers.
    *(".csv", "a,b\n1,\n2,3\n"), *(".csv", "a,b\n1,na\n"), *(".csv", "1,000.5;2\n"),
    *(".csv", "a,b\nl.5,2\n1,2\n"), *(".csv", "1,2\n3,l\n"), *(".csv", "a,na\n1,2\n"),
    *(".csv", '"1,000",2\n3,4\n'), *(".csv", "cat,1\n2,dog\n"), *(".csv", "1,cat\n2,dog\n"),
    *(".csv", "1,cat,3\n2,dog,4\n"), *(".csv", "cat,dog\nmouse,rat\n"),
    # Whole numbers beside fractions, from five rows on.
    *(".csv", "a,b,label\n" + "0.5,1.5,1\n" * 5), *(".csv", "a,b,label\n" + "0.5,1.5,1\n" * 4),
    *(".csv", "a,b\n" + "1,2\n" * 9), *(".csv", "a,b,kind\n" + "0.5,1.5,x\n" * 5),
    # Decimal commas, where they are and where they are not.
    *("", "0,5\n1,2\n"), *("", "0,5;1,2;3,3"), *("", "0,5\t1,2"), *("", "cat\t0,5\ndog\t1,5\n"),
    *("", "0,5 1,2 3,3"), *("", "cat;0,5\ndog;1,5\n"), *("", "2 1 0.1"), *("", "cat 2\ndog 1"),
    # JSON.
    *(".json", '[2, 1.5, "-inf"]'), *(".json", '{"2": 1, "1": 0.5, "cat": 3}'),
    *(".json", '{"a": 1, "a": 2}'), *(".json", "[[1, 2], [3, 4]]"), *(".json", "[[1, 2], [3]]"),
    *(".json", "[[[1, 2], [3, 4.5]]]"), *(".json", "[1, [2]]"), *(".json", "[]"), *(".json", "{}"),
    *(".json", "[NaN, Infinity, -Infinity, 1e400]"), *(".json", "[1" + "0" * 400 + "]"),
    *(".json", "[true, 1]"), *(".json", "[null]"), *(".json", '["a", "b"]'), *(".json", "5"),
    *(".json", '["a", 1]'), *(".json", "[1, 2"), *(".json", "[1, 2]]"), *(".json", "[01]"),
    *(".json", "[1 2]"), *(".json", '["\t"]'), *(".json", "1 2 3"), *(".json", "[1, 2]\n[3, 4]\n"),
    *(".json", '[{"label": "a", "logit": 2}, {"label": "b", "logit": 1.5}]'),
    *(".json", '[{"a": 1, "b": 2}, {"b": 3, "a": 4}]'), *(".json", '[{"a": 1}, {"b": 3}]'),
    *(".json", '{"a": 1, "b": 2}\n{"b": 3, "a": 4}\n'), *(".json", '{"a": 1}\n\n{"a": 2}\n'),
    *(".json", '{"logits": [1.5, 2], "labels": ["a", "b"]}'),
    *(".json", '{"logits": [1.5, 2], "targets": [1, 0]}'), *(".json", '{"x": [1, 2], "T": 2}'),
    *(".json", '{"a": [1.5, 2], "b": [1, 0.5]}'), *(".json", '{"x": [[1, 2], [3, 4]]}'),
    *(".json", '{"columns": ["a", 1], "index": [0], "data": [[1.5, 2]]}'),
    *(".json", '{"columns": ["a", "b"], "data": [[1.5]]}'), *(".json", '{"a": {"b": 1}}'),
    *(".json", '[{"logits": [1, 2.5], "id": 7}]'), *(".json", '[{"a": [1], "b": [2]}]'),
    *(".json", '[[{"label": "a", "score": 1}], [{"label": "b", "score": 1}]]'),
    *(".json", "[" + ",".join(['{"a": 0.5, "y": 1}'] * 5) + "]"), *(".json", "[" * 100_000),
    *("", "[1, 2, 3]"), *("", ' {"a": 1, "b": 2}'), *(".txt", "[1, 2]"), *("", ""),
    # What a server answers has a tail that is not reported: the page says who reads it.
    *(".json", '{"choices": [{"logprobs": {"content": [{"token": "a", "logprob": -1}]}}]}'),
    *(".json", '[{"token": "a", "logprob": -1}, {"token": "b", "logprob": -2}]'),
]  # fmt: skip


def npy(array: NDArray[Any], version: tuple[int, int] | None = None) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version)
    return file.getvalue()


def arrays() -> list[bytes]:
    draw = np.random.default_rng(3)
    plain = draw.normal(size=(3, 4)) * 50
    floats = [plain.astype(kind) for kind in ("<f2", ">f2", "<f4", ">f4", "<f8", ">f8")]
    whole = [plain.astype(kind) for kind in ("i1", "<i2", ">i2", "<i4", ">i8", "<i8")]
    unsigned = [np.abs(plain).astype(kind) for kind in ("u1", ">u2", "<u4", "<u8", "?")]
    special = np.array([np.nan, np.inf, -np.inf, -0.0, 6e-8, 65504.0, 3e-5])
    odd = [
        *(special, special.astype("<f2"), np.array([2**63 - 1, -(2**63)]), plain[0], plain[:1]),
        *(np.asfortranarray(plain), np.asfortranarray(plain.reshape(3, 2, 2)), np.array(1.0)),
        *(plain.reshape(3, 2, 2), np.empty((0, 3)), np.empty((3, 0)), np.array(["a", "b"])),
        *(plain.astype("c16"), np.zeros(2, [("x", "f8"), ("y", "f8")])),
    ]
    whole_files = [npy(array) for array in (*floats, *whole, *unsigned, *odd)]
    versions = [npy(plain, version) for version in ((1, 0), (2, 0), (3, 0))]
    damaged = [whole_files[0][:-1], whole_files[0][:20], b"\x80\x04.", b"PK\x03\x04", b"\x93NUMPY"]
    return [*whole_files, *versions, *damaged]


def files() -> list[tuple[str, bytes]]:
    """Return the names of files and what they hold; a text without a name was pasted."""
    pairs = list(zip(TEXTS[::2], TEXTS[1::2], strict=True))
    cases = [path for path in sorted(CASES.iterdir()) if path.suffix in ENDINGS]
    return [
        *((path.name, path.read_bytes()) for path in cases),
        *((f"x{ending}" if ending else "", text.encode()) for ending, text in pairs),
        *(("x.npy", data) for data in arrays()),
        ("bom.csv", b"\xef\xbb\xbfcat,dog\n1,2\n"), ("latin.csv", b"caf\xe9,b\n1,2\n"),
        ("utf16.csv", "a,b\n1,2\n".encode("utf-16")), ("x.CSV", b"1,2\n"), ("empty.csv", b""),
    ]  # fmt: skip


def opened(name: str, data: bytes, folder: Path) -> Dataset | None:
    """Return what Python reads; None if it refuses."""
    try:
        if name == "":
            found = parse_logits(data)
        else:
            path = folder / name
            path.write_bytes(data)
            found = open_logits(path)
        if found.tokens is not None:
            return None  # the answer of a server
        return found.only(None if len(found.shape) == 1 else 0)
    except FileError:
        return None


def test_the_page_opens_files_as_python_does(tmp_path: Path) -> None:
    run = in_node("opening", tmp_path, PROGRAM)
    given = files()
    written = [[name, base64.b64encode(data).decode()] for name, data in given]
    (tmp_path / "files.json").write_text(json.dumps(written), encoding="utf-8")
    run()
    answers = json.loads((tmp_path / "answers.json").read_text(encoding="utf-8"))

    differ = []
    for (name, data), answer in zip(given, answers, strict=True):
        want = opened(name, data, tmp_path)
        said = f"{name or 'pasted'} {data[:60]!r}"
        if want is None:
            if "error" not in answer:
                differ.append(f"{said}: read as {answer}, not by Python")
            elif not answer["error"].endswith("."):
                differ.append(f"{said}: no sentence: {answer['error']}")
            continue
        values = [math.nan if text == "nan" else float(text) for text in answer.get("logits", [])]
        labels = None if want.labels is None else list(want.labels)
        if not np.array_equal(values, want.values, equal_nan=True) or answer["labels"] != labels:
            differ.append(f"{said}: {answer}, in Python {want.values} {labels}")
    assert differ == [], "\n".join(differ)
    refused = sum("error" in answer for answer in answers)
    assert 40 < refused < len(answers) - 80
