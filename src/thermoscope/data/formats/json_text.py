"""JSON: .json, .jsonl, .ndjson, .sse, one value or many, and the answers of servers.

What a value means does not depend on the ending of the file:

- a list of numbers is one row; a list of such lists is rows (or an array of more axes);
- an object of numbers is one row with labels; a list of objects, or an object on each line, is a
  table whose columns are the keys;
- an object of lists is an archive of arrays, and ``{"columns": …, "data": …}`` a table, as pandas
  writes it with ``orient="split"``;
- lists of ``{"label": …, "score": …}``, as text-classification pipelines print them, are rows by
  label;
- samples of lm-eval are rows of choices.

"inf", "-inf" and "nan" as strings stand for the numbers that JSON has no words for.
"""

from __future__ import annotations

import codecs
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from thermoscope.data.content import FEWEST_WHOLE, Archive, Array, Table, held, held_table
from thermoscope.data.errors import listed
from thermoscope.data.formats.delimited import shortest
from thermoscope.data.formats.lines import Lines, read_line
from thermoscope.data.formats.lm_eval import Samples, is_sample, samples_of
from thermoscope.data.formats.responses import Responses, looks_like_response, parse_responses

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from thermoscope.data.content import Kind, Rows, Text

__all__ = ["kind", "load", "may_be_json", "open_text", "write"]

NOT_FINITE: Final = ("inf", "-inf", "nan")
HEAD_ROWS: Final = 100
"""Rows that are checked to find columns of whole numbers."""
HEAD: Final = 1 << 16
"""Bytes of a text that are checked for the beginning of a server's answer."""
# The fields of server-sent events, and their comments.
EVENTS: Final = ("data:", "event:", "id:", "retry:", ":")


def may_be_json(text: Text) -> bool:
    """Whether a text without a telling name begins as JSON or a stream of it does."""
    with text.open() as file:
        head = file.read(HEAD).removeprefix(codecs.BOM_UTF8).lstrip()
    return head.startswith((b"[", b"{", *(field.encode() for field in EVENTS)))


def open_text(text: Text) -> Array | Archive | Table | Responses | Samples:
    """Return what a text of JSON holds."""
    with text.open() as file:
        begin = 3 if file.read(3) == codecs.BOM_UTF8 else 0
        file.seek(begin)
        head = file.read(HEAD).decode(errors="replace")
    if looks_like_response(head):
        found = parse_responses(text.decoded())
        if found is not None:
            return found
    if (lines := _first_of_lines(text, begin)) is not None:
        return _of_lines(text, begin, lines)
    return _of_value(load(text.decoded()))


def write(path: Path, rows: Rows) -> None:
    """Write rows as lists, or as objects of their labels, one on each line."""
    names = None if rows.labels is None else [json.dumps(label) for label in rows.labels]
    with path.open("x", encoding="utf-8") as file:
        for batch in rows.batches:
            for row in shortest(batch):
                # JSON has no words for what is not finite: strings stand for it.
                texts = [text if text[-1].isdigit() else f'"{text}"' for text in row]
                if names is None:
                    file.write(f"[{', '.join(texts)}]\n")
                else:
                    pairs = map(": ".join, zip(names, texts, strict=True))
                    file.write(f"{{{', '.join(pairs)}}}\n")


def load(text: str) -> Any:
    """Return what a JSON text says, with a tuple of pairs for an object.

    Several values one after another, as jq prints them, are a list.
    """
    decoder = json.JSONDecoder(object_pairs_hook=tuple)
    values: list[Any] = []
    at = 0
    while at < len(text):
        while at < len(text) and text[at] in " \t\r\n":
            at += 1
        if at == len(text):
            break
        value, at = decoder.raw_decode(text, at)
        values.append(value)
    if not values:
        raise ValueError("there are no numbers in it")
    return values[0] if len(values) == 1 else values


def kind(value: object) -> str:
    """Name what JSON calls `value`, short enough for one line."""
    if isinstance(value, list):
        return "a list"
    if isinstance(value, tuple):
        return "an object"
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:40]}…"


def _first_of_lines(text: Text, begin: int) -> bytes | None:
    """Return the first line of a text that has a value on each line, and more than one."""
    with text.open() as file:
        file.seek(begin)
        filled = filter(bytes.strip, iter(lambda: read_line(file, text), b""))
        first = next(filled, b"")
        with suppress(ValueError):
            value = load(first.decode())
            if isinstance(value, (list, tuple)) and (
                text.ending in {".jsonl", ".ndjson"}
                or next(filled, b"").lstrip()[:1] in {b"[", b"{"}
            ):
                return first
    if text.ending in {".jsonl", ".ndjson"} and first:
        _value_of(first, 1)
    return None


def _of_lines(text: Text, begin: int, first: bytes) -> Array | Table | Samples:
    """Return rows, one on each line, that are read when they are asked for."""
    index = Lines(text, begin, 1, quotes=False)
    value = _value_of(first, 1)
    if isinstance(value, tuple) and not all(_is_number(each) for _, each in value):
        found = [
            (f"line {number}", _value_of(line, number))
            for _, _, start, data in index.read(0, index.count)
            for number, line in _split(data, start)
        ]
        return _of_records(found)
    numbers, labels = _row(value, "line 1: ")

    def read(start: int, stop: int, _: int) -> Iterator[NDArray[np.float64]]:
        for at, _, line, data in index.read(start, stop):
            rows = np.array(
                [_row_like(one, number, len(numbers), labels) for number, one in _split(data, line)]
            )
            yield rows[max(start - at, 0) : stop - at]

    if labels is None:
        return Array((index.count, len(numbers)), np.dtype(np.float64), read)

    def columns(
        at: Sequence[int], start: int, stop: int, size: int
    ) -> Iterator[NDArray[np.float64]]:
        for rows in read(start, stop, size):
            yield rows[:, list(at)]

    def words(at: int) -> list[str]:
        return [str(cell) for rows in read(0, index.count, index.count) for cell in rows[:, at]]

    _, _, line, data = next(index.read(0, 1))
    head = [dict(_value_of(one, number)) for number, one in _split(data, line)[:HEAD_ROWS]]
    kinds = tuple(_kind_of([each[name] for each in head if name in each]) for name in labels)
    return Table(
        tuple(labels), named=True, kinds=kinds, rows=index.count, numbers=columns, words=words
    )


def _row_like(line: bytes, number: int, count: int, labels: list[str] | None) -> list[float]:
    """Return the numbers of a line, in the order of the labels of the first one."""
    found, names = _row(_value_of(line, number), f"line {number}: ")
    if names == labels and len(found) == count:
        return found
    # The same keys in another order; where two have one name, the order is all there is.
    if labels is not None and names is not None and sorted(names) == sorted(set(labels)):
        ordered = dict(zip(names, found, strict=True))
        return [ordered[name] for name in labels]
    raise ValueError(f"line {number}: must have the entries of the first line")


def _split(data: bytes, line: int) -> list[tuple[int, bytes]]:
    return [
        (number, one)
        for number, one in enumerate(data.split(b"\n"), line)
        if one.removesuffix(b"\r")
    ]


def _value_of(line: bytes, number: int) -> Any:
    try:
        return load(line.decode())
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: line {number}: {error.msg}") from error


def _of_value(data: Any) -> Array | Archive | Table | Samples:
    if is_sample(data):
        return samples_of([("row 0", data)])
    if isinstance(data, tuple) and data:
        return _of_object(data)
    if not isinstance(data, list) and data != ():
        raise ValueError(
            "must be a list of numbers, rows of them, or an object of label: logit, "
            f"got {kind(data)}"
        )
    if not data:
        raise ValueError("there are no numbers in it")
    if isinstance(data[0], tuple):
        return _of_records([(f"row {at}", each) for at, each in enumerate(data)])
    if isinstance(data[0], list) and data[0] and isinstance(data[0][0], tuple):
        return _of_scores(data)
    return _nested(data, "")


def _of_object(data: tuple[Any, ...]) -> Array | Archive | Table:
    if not any(isinstance(value, list) for _, value in data):
        names = [name for name, _ in data]
        return held(np.array([_number(value, repr(name)) for name, value in data]), names)
    fields = dict(data)
    if {"columns", "data"} <= fields.keys():
        return _of_split(fields["columns"], fields["data"])
    # Numbers and texts beside lists say something about these, as the temperature does.
    return Archive(
        {name: _nested(value, f"{name!r}: ") for name, value in data if isinstance(value, list)}
    )


def _nested(data: list[Any], where: str) -> Array:
    """Return lists of lists of numbers, all of one length, as an array."""
    if not data:
        raise ValueError(f"{where}there are no numbers in it")
    if not isinstance(data[0], list):
        if _are_texts(data):
            return held(np.array(data, object))  # NumPy's own texts end before a last "\0"
        whole = all(isinstance(each, int) and not isinstance(each, bool) for each in data)
        numbers = [_number(each, f"{where}item {at}") for at, each in enumerate(data)]
        return held(np.array(numbers, np.int64 if whole and max(map(abs, data)) < 2**63 else float))
    rows: list[NDArray[Any]] = []
    for at, each in enumerate(data):
        if not isinstance(each, list) or len(each) != len(data[0]):
            got = len(each) if isinstance(each, list) else kind(each)
            raise ValueError(
                f"{where}row {at} must have {len(data[0])} numbers, as row 0 has, got {got}"
            )
        row = _nested(each, f"{where}row {at}: ").all()
        if rows and row.shape != rows[0].shape:
            raise ValueError(f"{where}row {at} must have the shape of row 0, got {row.shape}")
        rows.append(row)
    return held(np.array(rows))


def _of_records(records: list[tuple[str, Any]]) -> Table | Samples:
    """Return the table of objects that all have the same keys, or the samples of lm-eval."""
    first = records[0][1]
    if is_sample(first):
        return samples_of(records)
    if not first:
        raise ValueError("there are no numbers in it")
    names = [name for name, _ in first]
    cells: list[list[Any]] = [[] for _ in names]
    for where, record in records:
        if not isinstance(record, tuple):
            raise ValueError(  # noqa: TRY004 - what is wrong is the file
                f"{where}: must be an object, as the first is, got {kind(record)}"
            )
        found = dict(record)
        if len(found) == len(names) == len(record) and found.keys() == set(names):
            values = [found[name] for name in names]
        elif [name for name, _ in record] == names:  # two may have the same name
            values = [value for _, value in record]
        else:
            missing = [name for name in names if name not in found]
            raise ValueError(
                f"{where}: must have the keys of the first object, "
                f"{'lacks ' + listed(missing) if missing else 'got ' + listed(found)}"
            )
        for column, value in zip(cells, values, strict=True):
            column.append(value)
    wheres = [where for where, _ in records]
    columns = [_column(name, column, wheres) for name, column in zip(names, cells, strict=True)]
    return held_table(names, columns)


def _of_split(names: Any, rows: Any) -> Table:
    names = [str(name) for name in names]
    if any(not isinstance(row, list) or len(row) != len(names) for row in rows) or not rows:
        raise ValueError(f"data must have rows of {len(names)} cells, one for each of columns")
    wheres = [f"row {at}" for at in range(len(rows))]
    columns = [_column(name, [row[at] for row in rows], wheres) for at, name in enumerate(names)]
    return held_table(names, columns)


def _column(name: str, cells: list[Any], wheres: list[str]) -> NDArray[Any] | list[str]:
    """Return the cells of a column: numbers, lists of them, or texts."""
    if _are_texts(cells):
        return cells
    if all(isinstance(cell, list) for cell in cells):
        return _nested(cells, f"{name!r}: ").all()
    numbers = [
        _number(cell, f"{where}: {name!r}") for cell, where in zip(cells, wheres, strict=True)
    ]
    return np.array(numbers, np.int64 if _kind_of(cells) == "integer" else np.float64)


def _are_texts(cells: list[Any]) -> bool:
    """Whether all cells are strings, and not all of them numbers that JSON cannot write."""
    return all(isinstance(cell, str) for cell in cells) and not set(cells) <= {*NOT_FINITE}


def _kind_of(cells: list[Any]) -> Kind:
    whole = all(
        isinstance(cell, int) and not isinstance(cell, bool) and 0 <= cell < 2**63 for cell in cells
    )
    return "integer" if whole and len(cells) >= FEWEST_WHOLE else "float"


def _of_scores(data: list[Any]) -> Table:
    """Return rows of {label, score} objects as a table with a column for each label."""
    labels: list[str] = []
    rows: list[list[float]] = []
    for at, each in enumerate(data):
        row = {}
        for item in each if isinstance(each, list) else [None]:
            fields = dict(item) if isinstance(item, tuple) else {}
            if set(fields) != {"label", "score"} or not isinstance(fields["label"], str):
                raise ValueError(
                    f"row {at}: must be a list of {{label, score}}, as row 0 is, got {kind(item)}"
                )
            row[fields["label"]] = _number(fields["score"], f"row {at}: {fields['label']!r}")
        labels = labels or list(row)
        if row.keys() != set(labels) or len(row) != len(each):
            raise ValueError(f"row {at} must have each label of row 0 once, got {listed(row)}")
        rows.append([row[label] for label in labels])
    array = np.array(rows)
    return held_table(
        labels, list(array.T), notes=("label and score, row by row: ordered by label",)
    )


def _row(data: object, where: str) -> tuple[list[float], list[str] | None]:
    if isinstance(data, tuple):
        values = [_number(value, f"{where}{label!r}") for label, value in data]
        return values, [label for label, _ in data]
    if isinstance(data, list):
        return [_number(value, f"{where}item {index}") for index, value in enumerate(data)], None
    raise ValueError(
        f"{where}must be a list of numbers or an object of label: logit, got {kind(data)}"
    )


def _is_number(value: object) -> bool:
    return value in NOT_FINITE or (isinstance(value, (int, float)) and not isinstance(value, bool))


def _number(value: Any, name: str) -> float:
    if _is_number(value):
        with suppress(OverflowError):
            return float(value)
    raise ValueError(f"{name} must be a number, got {kind(value)}")
