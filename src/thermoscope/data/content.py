"""The content of a file, before it is decided what its columns and arrays mean.

A format returns one of three: an `Array`, an `Archive` of named arrays, or a `Table` of named
columns (servers' answers are a fourth, `responses.Responses`). `thermoscope.data.roles` says which
part of it the logits are.
"""

from __future__ import annotations

import io
import json
import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Literal, NamedTuple, TypeAlias

import numpy as np

from thermoscope.data.errors import check_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = [
    "BYTES_PER_LOGIT",
    "BYTES_PER_TEXT_BYTE",
    "FEWEST_WHOLE",
    "Archive",
    "Array",
    "Kind",
    "Rows",
    "Table",
    "Text",
    "held",
    "held_table",
    "rebatched",
    "stored_labels",
    "unreadable",
]

BYTES_PER_LOGIT: Final = 4 * 8
"""Memory for each logit of a row: float64, its probability, and the page or the text of both."""

BYTES_PER_TEXT_BYTE: Final = 16
"""Memory for each byte of a text: two bytes of text may be a number, a float in a list takes 32."""

FEWEST_WHOLE: Final = 5
"""Rows of text below which fractions may all be whole numbers by chance."""

Kind: TypeAlias = Literal["float", "integer", "text", "list", "other"]


class Array(NamedTuple):
    """An array in a file, whose rows are read when they are asked for.

    Attributes
    ----------
    shape : tuple of int
        As it is in the file. A row is what lies along the last axis.
    dtype : dtype or str
        Of what `read` gives; a str names a type that holds no real numbers.
    read : callable
        ``read(start, stop, size)`` iterates over arrays of shape (any, K), which together are the
        rows from `start` to `stop`, counted in C order over all axes but the last; `size` is how
        many rows the caller wants at once.
    labels : tuple of str or None
        One for each entry of a row, where the file names them.
    step : int
        Rows that are stored together: reading some of them takes as long as reading all.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any] | str
    read: Callable[[int, int, int], Iterator[NDArray[Any]]]
    labels: tuple[str, ...] | None = None
    step: int = 1

    @property
    def is_real(self) -> bool:
        """Whether it holds real numbers."""
        return isinstance(self.dtype, np.dtype) and self.dtype.kind in "biuf"

    @property
    def is_text(self) -> bool:
        """Whether it holds texts."""
        return isinstance(self.dtype, np.dtype) and self.dtype.kind in "UO"

    @property
    def is_whole(self) -> bool:
        """Whether it holds whole numbers."""
        return isinstance(self.dtype, np.dtype) and self.dtype.kind in "biu"

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return math.prod(self.shape[:-1])

    def all(self) -> NDArray[Any]:
        """Read the whole array, in its shape."""
        pieces = list(self.read(0, self.rows, max(self.rows, 1)))
        return np.concatenate(pieces).reshape(self.shape)


class Text(NamedTuple):
    """A text in a file or in memory.

    Attributes
    ----------
    ending : str
        Of the name of the file, ".csv" for example; "" for standard input.
    size : int
        In bytes.
    open : callable
        Returns a new binary file.
    """

    ending: str
    size: int
    open: Callable[[], BinaryIO]

    @classmethod
    def of_file(cls, path: Path) -> Text:
        """Return the text of a file."""
        return cls(path.suffix.lower(), path.stat().st_size, lambda: path.open("rb"))

    @classmethod
    def of_bytes(cls, data: bytes, ending: str = "") -> Text:
        """Return a text that is in memory."""
        return cls(ending, len(data), lambda: io.BytesIO(data))

    def decoded(self) -> str:
        """Return the whole text, if there is memory for what it holds."""
        check_memory(self.size * BYTES_PER_TEXT_BYTE)
        with self.open() as file:
            return file.read().decode("utf-8-sig")


class Archive(NamedTuple):
    """Arrays with names."""

    arrays: Mapping[str, Array]


class Table(NamedTuple):
    """A table, whose rows are read when they are asked for.

    Attributes
    ----------
    names : tuple of str
        Of its columns; numbers from 0 where the file has none.
    named : bool
        Whether the file has names.
    kinds : tuple of str
        Of the columns: "float", "integer", "text", "list" (of numbers) or "other".
    rows : int
        How many rows it has.
    numbers : callable
        ``numbers(columns, start, stop, size)`` iterates over arrays of shape (any, columns), or of
        shape (any, K) for one column of lists; `columns` are places.
    words : callable
        ``words(column)`` returns all cells of a column as texts.
    index_columns : tuple of int
        Columns that the file itself marks as an index.
    labels : tuple of str or None
        Of the entries of a column of lists, or of all columns, as `write_rows` stored them.
    notes : tuple of str
        What was decided about the text of the table.
    step : int
        Rows that are stored together.
    """

    names: tuple[str, ...]
    named: bool
    kinds: tuple[Kind, ...]
    rows: int
    numbers: Callable[[Sequence[int], int, int, int], Iterator[NDArray[Any]]]
    words: Callable[[int], list[str]]
    index_columns: tuple[int, ...] = ()
    labels: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()
    step: int = 1

    def column(self, at: int) -> NDArray[Any]:
        """Read a whole column of numbers, (rows,), or of lists, (rows, K)."""
        pieces = list(self.numbers([at], 0, self.rows, max(self.rows, 1)))
        found = np.concatenate(pieces)
        return found if self.kinds[at] == "list" else found[:, 0]


class Rows(NamedTuple):
    """Rows for a format to write, and the labels of their entries."""

    batches: Iterator[NDArray[Any]]
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    labels: tuple[str, ...] | None

    @property
    def metadata(self) -> dict[str, str]:
        """What a format with metadata stores beside the numbers."""
        return {} if self.labels is None else {"labels": json.dumps(self.labels)}


def rebatched(pieces: Iterable[NDArray[Any]], size: int) -> Iterator[NDArray[Any]]:
    """Cut and join arrays into arrays of `size` rows; the last one may be shorter."""
    waiting: list[NDArray[Any]] = []
    count = 0
    for whole in pieces:
        piece = whole
        while len(piece):
            waiting.append(piece[: size - count])
            piece = piece[size - count :]
            count += len(waiting[-1])
            if count == size:
                yield waiting[0] if len(waiting) == 1 else np.concatenate(waiting)
                waiting, count = [], 0
    if waiting:
        yield waiting[0] if len(waiting) == 1 else np.concatenate(waiting)


def held(array: NDArray[Any], labels: Sequence[str] | None = None) -> Array:
    """Return an array that is in memory."""
    entries = array.shape[-1] if array.ndim else 1

    def read(start: int, stop: int, _: int) -> Iterator[NDArray[Any]]:
        yield array.reshape(-1, entries)[start:stop]

    return Array(array.shape, array.dtype, read, None if labels is None else tuple(labels))


def unreadable(shape: Sequence[int], kind: str) -> Array:
    """Return an array of a kind that holds no real numbers: it has a shape, and nothing to read."""
    return Array(tuple(shape), kind, lambda *_: iter(()))


def held_table(
    names: Sequence[str],
    columns: Sequence[NDArray[Any] | list[str]],
    *,
    named: bool = True,
    notes: tuple[str, ...] = (),
) -> Table:
    """Return a table that is in memory: arrays of numbers or of lists, and lists of texts."""

    def kind(column: NDArray[Any] | list[str]) -> Kind:
        if isinstance(column, list):
            return "text"
        if column.ndim == 2:
            return "list"
        return "float" if column.dtype.kind == "f" else "integer"

    def numbers(at: Sequence[int], start: int, stop: int, _: int) -> Iterator[NDArray[Any]]:
        chosen = [np.asarray(columns[place]) for place in at]
        array = chosen[0] if chosen[0].ndim == 2 else np.stack(chosen, axis=1)
        yield array[start:stop]

    def words(at: int) -> list[str]:
        return [str(cell) for cell in columns[at]]

    kinds = tuple(map(kind, columns))
    return Table(tuple(names), named, kinds, len(columns[0]), numbers, words, notes=notes)


def stored_labels(text: object, count: int) -> tuple[str, ...] | None:
    """Return the labels that `write_rows` put into metadata; None for anything else."""
    labels = text
    if isinstance(text, (str, bytes)):
        with suppress(ValueError):
            labels = json.loads(text)
    if (
        isinstance(labels, list)
        and len(labels) == count
        and all(isinstance(label, str) for label in labels)
    ):
        return tuple(labels)
    return None
