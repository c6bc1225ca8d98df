"""Texts: .csv and .tsv (RFC 4180), .json, .jsonl and the responses of servers."""

from __future__ import annotations

import bisect
import codecs
import csv
import io
import json
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NoReturn

import numpy as np

from thermoscope.data.formats.responses import Position, looks_like_response, parse_responses
from thermoscope.readers.rows import (
    BYTES_PER_TEXT_BYTE,
    Rows,
    check_memory,
    choose,
    held,
    listed,
    no_columns,
    one_row,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Columns = str | Sequence[str] | None

__all__ = [
    "LONGEST_LINE",
    "TEXT_BLOCK",
    "decoded",
    "kind",
    "lines_of",
    "load_json",
    "open_csv",
    "open_json",
    "open_jsonl",
    "parse_json",
    "text_column",
]

# So much of a text is looked at at a time.
TEXT_BLOCK: Final = 1 << 20


# What stands for a number in an object of label: logit, where JSON has no word for it.
NOT_FINITE: Final = ("inf", "-inf", "nan")

# A line that is longer is read only where the whole text would fit into memory.
LONGEST_LINE: Final = 1 << 26


class _Lines:
    """Where the rows of a text stand: what lets a row be read without those before it.

    Attributes
    ----------
    count : int
        How many rows there are; blank lines are none.
    blocks : list of (row, byte, line)
        The first row of each block of about `TEXT_BLOCK` bytes, and where it stands.
    """

    def __init__(self, path: Path, start: int, line: int, *, quotes: bool) -> None:
        self.path = path
        self.count = 0
        self.blocks = [(0, start, line)]
        with path.open("rb") as file:
            file.seek(start)
            # Of the line that the last piece left unfinished.
            content, last, in_quotes, at = 0, 0, False, start
            while data := file.read(TEXT_BLOCK):
                piece = np.frombuffer(data, np.uint8)
                is_end = piece == ord("\n")
                if (quotes and b'"' in data) or in_quotes:
                    inside = np.logical_xor.accumulate(piece == ord('"')) ^ in_quotes
                    in_quotes = bool(inside[-1])
                    lines_in_quotes = int(np.count_nonzero(is_end & inside))
                    is_end &= ~inside
                else:
                    lines_in_quotes = 0
                ends = np.flatnonzero(is_end)
                if ends.size:
                    # A line of nothing but its end is none; "\r\n" is an end of two.
                    starts = np.concatenate([[-1], ends[:-1]]) + 1
                    length = ends - starts - (piece[np.maximum(ends - 1, 0)] == ord("\r"))
                    length[0] += content - (ends[0] == 0 and last == ord("\r"))
                    self.count += int(np.count_nonzero(length > 0))
                    line += ends.size
                    self.blocks.append((self.count, at + int(ends[-1]) + 1, line))
                    content = 0
                    rest = piece.size - int(ends[-1]) - 1
                else:
                    rest = piece.size
                content += rest
                line += lines_in_quotes
                at += piece.size
                last = data[-1]
                if content > LONGEST_LINE:
                    check_memory(path.stat().st_size * BYTES_PER_TEXT_BYTE)
            if content > (last == ord("\r")):
                self.count += 1
            self.blocks.append((self.count, at, line))

    def read(self, start: int, stop: int) -> Iterator[tuple[int, int, int, bytes]]:
        """Iterate over blocks which hold some rows: the first, how many, its line, the text."""
        at = bisect.bisect_right(self.blocks, start, key=lambda block: block[0]) - 1
        with self.path.open("rb") as file:
            for (row, first, line), (end, last, _) in pairwise(self.blocks[at:]):
                if row >= stop:
                    return
                file.seek(first)
                if end > row:
                    yield row, end - row, line, file.read(last - first)


def open_csv(path: Path, columns: Columns) -> Rows:
    """Return the rows of a table of text, or the one row that stands in a narrow one."""
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    head, begin, after, lines = _head(path, delimiter)
    if not head:
        raise ValueError("there are no numbers in it")
    first = head[0]
    if columns is None and len(first) <= 2:
        return one_row(*_parse_csv(decoded(path), delimiter))
    sample = head[-1]
    if len(sample) != len(first):
        _refuse(lines + 1, f"must have {len(first)} columns, got {len(sample)}")
    kinds = ["float" if _is_number(cell) else "text" for cell in sample]
    words = [
        not _is_number(cell) for cell, kind in zip(first, kinds, strict=False) if kind == "float"
    ]
    # A header is of words: "1.O" is a slip, and its row must not vanish.
    named = columns is not None or all(words)
    if not named and any(words):
        _refuse(1, f"must be all names or all numbers, got {first[words.index(True)]!r}")
    names = first if named else [str(index) for index in range(len(first))]
    chosen, label_at = choose(names, kinds, columns)
    index = _Lines(path, after if named else begin, lines + 1 if named else 1, quotes=True)
    if index.count == 0:
        raise ValueError("there are no numbers in it")

    def read(start: int, stop: int, _: int) -> Iterator[NDArray[Any]]:
        for row, count, line, data in index.read(start, stop):
            block = _table(data, (count, len(first)), chosen, line, delimiter)
            yield block[max(start - row, 0) : stop - row]

    if len(chosen) > 1:
        labels = tuple(names[at] for at in chosen) if named else None
        return Rows((index.count, len(chosen)), np.dtype(np.float64), labels, read)
    check_memory(path.stat().st_size * BYTES_PER_TEXT_BYTE)
    values = np.concatenate(list(read(0, index.count, index.count)))[:, 0]
    texts = None
    if label_at is not None:
        texts = [
            cells[label_at]
            for _, _, line, data in index.read(0, index.count)
            for _, cells in _records(data, line, delimiter)
        ]
    return held(values, texts)


def _head(path: Path, delimiter: str) -> tuple[list[list[str]], int, int, int]:
    """Return up to two records of a text, where the first one starts and ends, and its lines."""
    records: list[list[str]] = []
    after = lines = 0
    with path.open("rb") as file:
        begin = 3 if file.read(3) == codecs.BOM_UTF8 else 0
        file.seek(begin)

        def texts() -> Iterator[str]:
            while line := _read_line(file, path):
                try:
                    yield line.decode()
                except UnicodeDecodeError as error:
                    at = file.tell() - len(line) + error.start
                    byte = line[error.start]
                    raise ValueError(f"not UTF-8 text: byte {at} is {byte:#04x}") from error

        reader = csv.reader(texts(), delimiter=delimiter, strict=True)
        try:
            for cells in filter(None, reader):
                records.append(cells)
                if len(records) == 2:
                    break
                after, lines = file.tell(), reader.line_num
        except csv.Error as error:
            _refuse(reader.line_num, str(error), error)
    return records, begin, after, lines


def _read_line(file: BinaryIO, path: Path) -> bytes:
    line = file.readline(LONGEST_LINE)
    if len(line) == LONGEST_LINE:
        check_memory(path.stat().st_size * BYTES_PER_TEXT_BYTE)
        line += file.readline()
    return line


def _records(data: bytes, line: int, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Iterate over the records of a text and the lines they end on."""
    # What is no UTF-8 is no number either, and the error shows what there is.
    text = io.StringIO(data.decode(errors="replace"), newline="")
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    try:
        for cells in filter(None, reader):
            yield line + reader.line_num - 1, cells
    except csv.Error as error:
        _refuse(line + reader.line_num - 1, str(error), error)


def _table(
    data: bytes, shape: tuple[int, int], chosen: list[int], line: int, delimiter: str
) -> NDArray[np.float64]:
    """Return some columns of a text of records, whose first stands on `line`."""
    count, width = shape
    text = data.decode(errors="replace")
    columns = None if chosen == list(range(width)) else chosen
    with suppress(ValueError):
        array = np.loadtxt(
            io.StringIO(text),
            delimiter=delimiter,
            quotechar='"',
            comments=None,
            usecols=columns,
            ndmin=2,
        )
        # Delimiters in quotes, and rows that are too long beside columns, are told apart below.
        if len(array) == count and text.count(delimiter) == count * (width - 1):
            return array
    rows = []
    for number, cells in _records(data, line, delimiter):
        if len(cells) != width:
            _refuse(number, f"must have {width} columns, got {len(cells)}")
        try:
            rows.append([float(cells[at]) for at in chosen])
        except ValueError:
            word = next(cells[at] for at in chosen if not _is_number(cells[at]))
            _refuse(number, f"must be of numbers, got {word!r}")
    if len(rows) != count:
        _refuse(line, "what follows has lone carriage returns, which end no line")
    return np.array(rows)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _parse_csv(text: str, delimiter: str) -> tuple[list[float], list[str] | None]:
    """Return the last column as numbers and, where there are two, the first as labels."""
    values: list[float] = []
    labels: list[str] = []
    columns = 0
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            if not cells:
                continue
            first = columns == 0
            columns = columns or len(cells)
            if len(cells) != columns:
                _refuse(reader.line_num, f"must have {columns} columns, got {len(cells)}")
            try:
                values.append(float(cells[-1]))
            except ValueError:
                # A header is a word: "1.O" is a slip, and its row must not vanish.
                if first and cells[-1].strip()[:1].isalpha():
                    continue
                _refuse(reader.line_num, f"must end in a number, got {cells[-1]!r}")
            labels.extend(cells[:-1])
    except csv.Error as error:
        _refuse(reader.line_num, str(error), error)
    return values, labels or None


def _refuse(line: int, reason: str, cause: Exception | None = None) -> NoReturn:
    raise ValueError(f"line {line}: {reason}") from cause


def text_column(path: Path, column: str | None, labels: Sequence[str]) -> NDArray[Any] | list[str]:
    """Return one column of a table of text as words, or all as numbers."""
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    records = list(_records(decoded(path).encode(), 1, delimiter))
    if not records:
        raise ValueError("there are no numbers in it")
    first = records[0][1]
    for line, cells in records:
        if len(cells) != len(first):
            _refuse(line, f"must have {len(first)} columns, got {len(cells)}")
    if column is not None:
        if column not in first:
            raise ValueError(f"columns must be one of {listed(first)}, got {column!r}")
        at = first.index(column)
        return [cells[at] for _, cells in records[1:]]
    named = not any(map(_is_number, first))
    if len(first) == 1:
        return [cells[0] for _, cells in records[named and first[0] not in labels :]]
    rows = records[named:]
    if not all(_is_number(cell) for _, cells in rows for cell in cells):
        raise ValueError(f"choose columns, of {listed(first)}")
    return np.array([[float(cell) for cell in cells] for _, cells in rows])


def open_json(path: Path, columns: Columns) -> Rows:
    """Return the rows in a .json file."""
    no_columns(".json", columns)
    return parse_json(decoded(path))


def open_jsonl(path: Path, columns: Columns) -> Rows:
    """Return the rows in a .jsonl file, one on each line."""
    no_columns(".jsonl", columns)
    with path.open("rb") as file:
        begin = 3 if file.read(3) == codecs.BOM_UTF8 else 0
        file.seek(begin)
        first = next(filter(bytes.strip, iter(lambda: _read_line(file, path), b"")), b"")
    if (
        looks_like_response(first.decode())
        and (found := parse_responses(decoded(path))) is not None
    ):
        return _responses(found.positions)
    index = _Lines(path, begin, 1, quotes=False)
    if index.count == 0:
        raise ValueError("there are no numbers in it")
    values, labels = _json_row(first, "line 1")

    def read(start: int, stop: int, _: int) -> Iterator[NDArray[Any]]:
        for row, count, line, data in index.read(start, stop):
            rows = []
            for number, text in enumerate(data.split(b"\n"), line):
                if text.removesuffix(b"\r"):
                    numbers, names = _json_row(text, f"line {number}")
                    if len(numbers) != len(values) or names != labels:
                        _refuse(number, "must have the lanes of the first line")
                    rows.append(numbers)
            block = np.array(rows)
            yield block[max(start - row, 0) : min(stop - row, count)]

    names = None if labels is None else tuple(labels)
    return Rows((index.count, len(values)), np.dtype(np.float64), names, read)


def _json_row(text: bytes, where: str) -> tuple[list[float], list[str] | None]:
    try:
        data = load_json(text.decode())
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {where}: {error.msg}") from error
    return _json_numbers(data, f"{where}: ")


def load_json(text: str) -> Any:  # noqa: ANN401 - whatever is in the file
    """Return what a JSON text says, with a tuple of pairs for an object."""
    # Pairs, not a dict: two items may have the same label.
    return json.loads(text, object_pairs_hook=tuple)


def parse_json(text: str) -> Rows:
    """Return the rows in a JSON text."""
    if looks_like_response(text) and (found := parse_responses(text)) is not None:
        return _responses(found.positions)
    data = load_json(text)
    if not isinstance(data, list) or not data or not isinstance(data[0], list):
        return one_row(*_json_numbers(data))
    rows = []
    for index, each in enumerate(data):
        if not isinstance(each, list) or len(each) != len(data[0]):
            got = len(each) if isinstance(each, list) else kind(each)
            raise ValueError(
                f"row {index} must have {len(data[0])} numbers, as row 0 has, got {got}"
            )
        rows.append(_json_numbers(each, f"row {index}: ")[0])
    return held(np.array(rows))


def _responses(rows: list[Position]) -> Rows:
    lanes = max(len(row.labels) for row in rows)
    array = np.full((len(rows), lanes), -np.inf)
    for index, row in enumerate(rows):
        if row.error is not None:
            raise ValueError(f"row {index}: {row.error}")
        array[index, : len(row.logprobs)] = row.logprobs
        if row.rest is not None:
            array[index, len(row.logprobs)] = row.rest
    labels = rows[0].labels if len(rows) == 1 else None
    return held(array, labels, [row.labels for row in rows])


def _json_numbers(data: object, where: str = "") -> tuple[list[float], list[str] | None]:
    if isinstance(data, tuple):
        values = [_number(value, f"{where}{label!r}") for label, value in data]
        return values, [label for label, _ in data]
    if isinstance(data, list):
        return [_number(value, f"{where}item {index}") for index, value in enumerate(data)], None
    raise ValueError(
        f"{where}must be a list of numbers or an object of label: logit, got {kind(data)}"
    )


def _number(value: object, name: str) -> float:
    # JSON has no words for these three; `thermoscope softmax --json` writes them as such strings.
    if value in NOT_FINITE or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        with suppress(OverflowError):
            return float(value)
    raise ValueError(f"{name} must be a number, got {kind(value)}")


def kind(value: object) -> str:
    """Name what JSON calls `value`, short enough for one line."""
    if isinstance(value, list):
        return "a list"
    if isinstance(value, tuple):
        return "an object"
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:40]}…"


def decoded(path: Path) -> str:
    """Return the text of a file, if there is memory for what it holds."""
    check_memory(path.stat().st_size * BYTES_PER_TEXT_BYTE)
    return path.read_bytes().decode("utf-8-sig")


def lines_of(text: str) -> list[str]:
    """Return the lines of a text without their ends."""
    # str.splitlines would also split at characters that are tokens of their own.
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
