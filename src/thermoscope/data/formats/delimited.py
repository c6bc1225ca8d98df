"""Tables of text: .csv and .tsv (RFC 4180), and numbers between commas, semicolons, tabs or spaces.

How a text is understood:

- The delimiter is the first of semicolon, tab, comma and, outside .csv, space that gives all rows
  the same number of cells, and columns that are all numbers or all words. A .tsv has tabs. Several
  numbers between spaces are no cell: "0,5 1,2" are two numbers, outside .csv.
- Decimal commas are numbers where the delimiter is no comma and no cell has a decimal point.
- The first row is a header where it has words in place of the numbers below it, where all of its
  cells are quoted and those below are not, or where it counts 0, 1, 2 … over fractions, as pandas
  writes columns without names. A last line of comment ("# cat,dog", as `numpy.savetxt` writes it)
  that has a word for each column is one too.
- A first column whose name is empty is an index, as pandas writes it.
- A column whose cells are all in quotes is one of texts, numbers or not, if another column is not,
  and if it is a first one named "label" or "token" or has a cell that needs no quotes.
- Any other column with a number in its first rows is one of numbers: any other cell is an error.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

import numpy as np

from thermoscope.data.content import FEWEST_WHOLE, Table
from thermoscope.data.errors import not_utf8
from thermoscope.data.formats.lines import Lines, read_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from thermoscope.data.content import Kind, Rows, Text

__all__ = ["open_text", "shortest", "write"]

HEAD: Final = 100
"""Rows that say what the columns are; fewer if they have more than `HEAD_BYTES`."""
HEAD_BYTES: Final = 1 << 18
MISSING: Final = frozenset(
    {"", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "-", "?", ".", "#div/0!", "missing"}
)
DECIMAL_COMMA: Final = re.compile(r"\s*[+-]?\d+,\d+(?:[eE][+-]?\d+)?\s*")
THOUSANDS: Final = re.compile(r"\s*[+-]?\d{1,3}(?:,\d{3})+(?:\.\d*)?\s*")
ALMOST: Final = re.compile(r"\s*[+-]?[\d.,'OolI]*\d[\d.,'OolI]*(?:[eE][+-]?\d*)?\s*")
NEEDS_QUOTES: Final = re.compile(r"[,;\t\"\r\n]")


class Dialect(NamedTuple):
    """How cells are told apart and numbers are written."""

    delimiter: str | None  # None: any number of spaces
    decimal_comma: bool = False

    def number(self, word: str) -> float:
        """Return the number that a cell holds."""
        if "_" in word:  # Python's own way to write a number
            raise ValueError(word)
        return float(word.replace(",", ".") if self.decimal_comma else word)

    def is_number(self, word: str) -> bool:
        try:
            self.number(word)
        except ValueError:
            return False
        return True

    def records(self, lines: Iterable[str]) -> Iterator[list[str]]:
        """Iterate over the records of lines that keep their ends; blank lines are none."""
        if self.delimiter is None:
            yield from filter(None, (line.split() for line in lines))
        else:
            yield from filter(None, csv.reader(lines, delimiter=self.delimiter, strict=True))


class _Head(NamedTuple):
    """The first records of a text, each with its line and the byte after it, and comments."""

    comments: list[str]
    begin: int  # the byte at which the records begin
    line: int  # and the line
    records: list[tuple[list[str], int, int]]  # cells, line after it, byte after it


def open_text(text: Text) -> Table:
    """Return the table that a text holds."""
    dialect, head = _dialect(text)
    if not head.records:
        raise ValueError("there are no numbers in it")
    cells = [record for record, _, _ in head.records]
    width = len(cells[0])
    for record, line, _ in head.records:
        if len(record) != width:
            _refuse(line - 1, f"must have {width} columns, got {len(record)}")
    header, names, notes = _header(text, dialect, head)
    body = cells[1:] if header else cells
    quoted = header and _in_quotes(text, head, 0, dialect)
    kinds = _kinds(dialect, body, None if quoted else names, _cells_in_quotes(text, head, dialect))
    if dialect.decimal_comma:
        notes.append("numbers with decimal commas")
    begin, line = (head.records[0][2], head.records[0][1]) if header else (head.begin, head.line)
    index = Lines(text, begin, line, quotes=dialect.delimiter is not None)
    nameless = (
        () if quoted or not names or names[0] not in {"", "Unnamed: 0"} or width == 1 else (0,)
    )
    shown = names or tuple(map(str, range(width)))

    def numbers(
        columns: Sequence[int], start: int, stop: int, _: int
    ) -> Iterator[NDArray[np.float64]]:
        for row, count, first, data in index.read(start, stop):
            block = _block(data, count, first, list(columns), dialect=dialect, names=shown)
            yield block[max(start - row, 0) : stop - row]

    def words(column: int) -> list[str]:
        return [
            record[column]
            for _, _, first, data in index.read(0, index.count)
            for _, record in _records(data, first, dialect)
        ]

    return Table(
        shown, names is not None, kinds, index.count, numbers, words, nameless, notes=tuple(notes)
    )


def write(path: Path, rows: Rows, delimiter: str) -> None:
    """Write rows under a header of their labels."""
    with path.open("x", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        if rows.labels is not None:
            # Quotes say that these are names: they may be numbers, empty or "label".
            csv.writer(
                file, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL
            ).writerow(rows.labels)
        for batch in rows.batches:
            writer.writerows(shortest(batch))


def shortest(batch: NDArray[Any]) -> Iterator[list[str]]:
    """Iterate over rows of the shortest texts that give back the same numbers in their type."""
    if batch.dtype == np.float64:
        yield from (list(map(repr, row.tolist())) for row in batch)
    else:
        yield from (row.astype(str).tolist() for row in batch)


def _dialect(text: Text) -> tuple[Dialect, _Head]:
    """Return how cells of a text are told apart, and the first records, told apart that way."""
    candidates: list[str | None] = ["\t"] if text.ending == ".tsv" else [";", "\t", ","]
    if text.ending not in {".csv", ".tsv"}:
        candidates.append(None)
    regular: list[tuple[Dialect, _Head]] = []
    for delimiter in candidates:
        dialect = Dialect(delimiter)
        try:
            head = _head(text, dialect)
        except ValueError:
            continue
        cells = [record for record, _, _ in head.records]
        if not cells or len(cells[0]) < 2 or {len(record) for record in cells} != {len(cells[0])}:
            continue
        body = [word for record in cells for word in record]
        if (
            delimiter != ","
            and any(map(DECIMAL_COMMA.fullmatch, body))
            and not any("." in word and dialect.is_number(word) for word in body)
        ):
            dialect = Dialect(delimiter, decimal_comma=True)
            head = _head(text, dialect)
        if _is_plain(dialect, cells[1:] or cells):
            return dialect, head
        regular.append((dialect, head))
    if regular:
        return regular[0]
    # A single column, or rows of several lengths, for which the error is in the usual terms.
    delimiter = candidates[-1]
    if text.ending not in {".csv", ".tsv"}:
        with text.open() as file:
            delimiter = "," if b"," in read_line(file, text) else None
    dialect = Dialect(delimiter)
    return dialect, _head(text, dialect)


def _is_plain(dialect: Dialect, body: list[list[str]]) -> bool:
    """Whether each column is all numbers or all words, and some are numbers."""
    some = False
    for column in zip(*body, strict=True):
        numbers = [dialect.is_number(word) for word in column]
        some |= all(numbers)
        if any(
            ALMOST.fullmatch(word) or _is_several(word)
            for word, is_number in zip(column, numbers, strict=True)
            if not is_number
        ):
            return False
    return some


def _is_several(word: str) -> bool:
    """Whether a cell is several numbers with spaces between them: then these separate cells."""
    parts = word.split()
    return len(parts) > 1 and all(map(ALMOST.fullmatch, parts))


def _head(text: Text, dialect: Dialect) -> _Head:
    records: list[tuple[list[str], int, int]] = []
    comments: list[str] = []
    with text.open() as file:
        begin = 3 if file.read(3) == codecs.BOM_UTF8 else 0
        file.seek(begin)
        line = 1
        while _is_comment(first := read_line(file, text), dialect):
            comments.append(first.decode())
            begin, line = file.tell(), line + 1
        file.seek(begin)
        ends: list[int] = []

        def lines() -> Iterator[str]:
            while found := read_line(file, text):
                ends.append(file.tell())
                try:
                    yield found.decode()
                except UnicodeDecodeError as error:
                    raise ValueError(not_utf8(error, file.tell() - len(found))) from error

        try:
            for record in dialect.records(lines()):
                records.append((record, line + len(ends), ends[-1]))
                if len(records) > HEAD or (len(records) > 2 and ends[-1] - begin > HEAD_BYTES):
                    break
        except csv.Error as error:
            _refuse(line + len(ends) - 1, str(error), error)
    return _Head(comments, begin, line, records)


def _is_comment(line: bytes, dialect: Dialect) -> bool:
    """Whether a line begins with "#" and is no label with its logit."""
    if not line.lstrip().startswith(b"#"):
        return False
    with suppress(csv.Error):
        for cells in dialect.records([line.decode(errors="replace")]):
            return len(cells) != 2 or not dialect.is_number(cells[1])
    return True


def _header(
    text: Text, dialect: Dialect, head: _Head
) -> tuple[bool, tuple[str, ...] | None, list[str]]:
    """Return whether the first record is a header, the names of the columns, and notes."""
    cells = [record for record, _, _ in head.records]
    first, body = cells[0], cells[1:]
    if head.comments:
        (named,) = list(
            dialect.records([head.comments[-1].lstrip().removeprefix("#").strip()])
        ) or [[]]
        if len(named) == len(first) and not any(map(dialect.is_number, named)):
            return False, tuple(word.strip() for word in named), []
    if not body:
        return False, None, []
    if (
        len(body[0]) > 1
        and _in_quotes(text, head, 0, dialect)
        and not _in_quotes(text, head, 1, dialect)
    ):
        return True, tuple(first), []
    start = 1 if first[0] == "" and len(first) > 1 else 0
    counted = (
        first[start:] == [str(at) for at in range(len(first) - start)] and len(first) - start > 1
    )
    fractions = not all(word.strip().isdigit() for word in body[0][start:])
    if counted and (start or fractions):
        return True, tuple(first), ["the first line counts the columns"]
    numeric = [
        at
        for at, column in enumerate(zip(*body, strict=True))
        if at >= start and any(map(dialect.is_number, column))
    ]
    if not numeric:
        # Words below a number are no column of texts, but an error.
        is_header = not any(map(dialect.is_number, first))
        return is_header, tuple(first) if is_header else None, []
    in_words = [not dialect.is_number(first[at]) for at in numeric]
    almost = [
        at
        for at in numeric
        if not dialect.is_number(first[at])
        and (ALMOST.fullmatch(first[at]) or first[at].strip().lower() in MISSING)
    ]
    if (almost and not start) or (any(in_words) and not all(in_words)):
        at = almost[0] if almost else numeric[in_words.index(True)]
        _refuse(
            head.line, f"must be all names or all numbers, got {first[at]!r}{_remedy(first[at])}"
        )
    return all(in_words), tuple(first) if all(in_words) else None, []


def _in_quotes(text: Text, head: _Head, at: int, dialect: Dialect) -> bool:
    """Whether every cell of a record is in quotes."""
    return at < len(head.records) and all(_cells_in_quotes(text, head, dialect)[at])


def _cells_in_quotes(text: Text, head: _Head, dialect: Dialect) -> list[list[bool]]:
    """Return which cells of each record are in quotes."""
    if dialect.delimiter is None:
        return [[False] * len(cells) for cells, _, _ in head.records]
    delimiter = re.escape(dialect.delimiter)
    cell = re.compile(rf'("(?:[^"]|"")*"|[^{delimiter}]*)(?:{delimiter}|$)')
    found = []
    begin = head.begin
    with text.open() as file:
        file.seek(begin)
        for cells, _, end in head.records:
            raw = file.read(end - begin).decode(errors="replace").strip("\r\n")
            found.append([each[1].startswith('"') for each in cell.finditer(raw)][: len(cells)])
            begin = end
    return found


def _kinds(
    dialect: Dialect,
    body: list[list[str]],
    names: tuple[str, ...] | None,
    in_quotes: list[list[bool]],
) -> tuple[Kind, ...]:
    kinds: list[Kind] = []
    quoted = [all(column) for column in zip(*in_quotes[-len(body) :], strict=True)] if body else []
    is_label = names is not None and names[0].strip().lower() in {"label", "token"}
    for at, column in enumerate(zip(*body, strict=True)):
        numbers = [word for word in column if dialect.is_number(word)]
        words = [
            word
            for word in column
            if not dialect.is_number(word)
            and not ALMOST.fullmatch(word)
            and word.strip().lower() not in MISSING
        ]
        is_labels = (
            at == 0
            and len(body[0]) == 2
            and (bool(words) or is_label or (names is None and not numbers))
        )
        is_quoted = quoted[at] and not all(quoted)
        needs_none = not all(NEEDS_QUOTES.search(word) for word in column)
        is_text = is_quoted and ((at == 0 and is_label) or needs_none)
        if is_text or is_labels or (words and not numbers):
            kinds.append("text")
        elif len(numbers) >= FEWEST_WHOLE and all(word.strip().isdigit() for word in numbers):
            kinds.append("integer")
        else:
            kinds.append("float")
    return tuple(kinds)


def _records(data: bytes, line: int, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """Iterate over the records of a text and the lines they end on."""
    # Bytes that are not UTF-8 are not numbers, and the error about them shows the cell.
    lines = io.StringIO(data.decode(errors="replace"), newline="")
    if dialect.delimiter is None:
        for number, one in enumerate(lines, line):
            if cells := one.split():
                yield number, cells
        return
    reader = csv.reader(lines, delimiter=dialect.delimiter, strict=True)
    try:
        for cells in filter(None, reader):
            yield line + reader.line_num - 1, cells
    except csv.Error as error:
        _refuse(line + reader.line_num - 1, str(error), error)


def _block(
    data: bytes,
    count: int,
    line: int,
    chosen: list[int],
    *,
    dialect: Dialect,
    names: tuple[str, ...],
) -> NDArray[np.float64]:
    """Return some columns of `count` records, whose first stands on `line`."""
    width = len(names)
    text = data.decode(errors="replace")
    columns = None if chosen == list(range(width)) else chosen
    delimiter = dialect.delimiter
    plain = delimiter is None or text.count(delimiter) == count * (width - 1)
    # Delimiters in quotes, and rows that are too long beside columns, are told apart below.
    if plain and "_" not in text:
        with suppress(ValueError):
            array = np.loadtxt(
                io.StringIO(text.replace(",", ".") if dialect.decimal_comma else text),
                delimiter=delimiter,
                quotechar='"',
                comments=None,
                usecols=columns,
                ndmin=2,
            )
            if len(array) == count:
                return array
    rows = []
    for number, cells in _records(data, line, dialect):
        if len(cells) != width:
            _refuse(number, f"must have {width} columns, got {len(cells)}")
        try:
            rows.append([dialect.number(cells[at]) for at in chosen])
        except ValueError:
            at = next(at for at in chosen if not dialect.is_number(cells[at]))
            word = cells[at]
            got = "an empty cell" if not word.strip() else repr(word)
            _refuse(number, f"column {names[at]!r} must be of numbers, got {got}{_remedy(word)}")
    if len(rows) != count:
        _refuse(line, "what follows has lone carriage returns, which end no line")
    return np.array(rows)


def _remedy(word: str) -> str:
    if THOUSANDS.fullmatch(word):
        return f": write {word.strip().replace(',', '')}, without separators of thousands"
    if DECIMAL_COMMA.fullmatch(word):
        return f": write {word.strip().replace(',', '.')}, or put semicolons between the columns"
    if word.strip().lower() in MISSING:
        return ": leave the row out, or write nan"
    return ""


def _refuse(line: int, reason: str, cause: Exception | None = None) -> NoReturn:
    raise ValueError(f"line {line}: {reason}") from cause
