"""Tables of Arrow's IPC format: .feather and .arrow, as a file or as a stream."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from importlib import import_module
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from thermoscope.data.content import Table, stored_labels
from thermoscope.data.errors import intact, optional

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from thermoscope.data.content import Kind, Rows

    # (start, stop, size, names of columns) -> (number of the first row, record batch), in order, of
    # which the first may begin before `start` and the last end after `stop`.
    Batches: TypeAlias = Callable[[int, int, int, list[str]], Iterator[tuple[int, Any]]]

__all__ = ["open_arrow", "record_batches", "table_of", "write"]

MOST_COLUMNS: Final = 1000
"""Classes up to which each is written as a column."""


def open_arrow(path: Path) -> Table:
    """Return the table in a .feather or .arrow file."""
    ending = path.suffix.lower()
    arrow = optional("pyarrow", "files", f"{ending} files")
    ipc = optional("pyarrow.ipc", "files", f"{ending} files")
    with path.open("rb") as file:
        is_file = file.read(6) == b"ARROW1"
    opened = ipc.open_file if is_file else ipc.open_stream

    with intact(ending), arrow.memory_map(os.fspath(path)) as source:
        # Mapped, an uncompressed batch costs no memory until its numbers are looked at.
        reader = opened(source)
        schema = reader.schema
        each = map(reader.get_batch, range(reader.num_record_batches)) if is_file else reader
        starts = [0, *accumulate(_valid(batch).num_rows for batch in each)]

    def batches(start: int, stop: int, size: int, names: list[str]) -> Iterator[tuple[int, Any]]:
        with arrow.memory_map(os.fspath(path)) as source:
            reader = opened(source)
            for index, first in enumerate(starts[:-1]):
                if first >= stop:
                    return
                if is_file and starts[index + 1] <= start:
                    continue
                # A stream has no index: what comes before is passed over.
                batch = _valid(reader.get_batch(index) if is_file else reader.read_next_batch())
                for at in range(max(start - first, 0), batch.num_rows, size):
                    yield first + at, batch.select(names).slice(at, size)

    return table_of(schema, starts[-1], batches, ending)


def _valid(batch: Any) -> Any:
    """Return a batch whose buffers and offsets were looked through: they may point anywhere."""
    batch.validate(full=True)
    return batch


def table_of(schema: Any, rows: int, batches: Batches, ending: str) -> Table:
    """Return the table that record batches of a schema are."""
    names = list(schema.names)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"columns must have different names, got {twice!r} twice")
    kinds = [_kind(schema.field(name).type) for name in names]
    metadata = schema.metadata or {}
    pieces = _guarded(batches, ending)

    def numbers(at: Sequence[int], start: int, stop: int, size: int) -> Iterator[NDArray[Any]]:
        wanted = [names[place] for place in at]
        types = [schema.field(name).type for name in wanted]
        if kinds[at[0]] == "list":
            entries = None
            for first, batch in pieces(start, stop, size, wanted):
                if entries is None:
                    _, head = next(pieces(0, 1, 1, wanted))
                    entries = len(head.column(0)[0] or ())
                yield _lists(batch.column(0), entries, first, wanted[0])
            return
        dtype = np.result_type(*(each.to_pandas_dtype() for each in types))
        for first, batch in pieces(start, stop, size, wanted):
            array = np.empty((batch.num_rows, len(wanted)), dtype)
            for place, name in enumerate(wanted):
                array[:, place] = _column(batch.column(name), first, name)
            yield array

    def words(at: int) -> list[str]:
        found = pieces(0, rows, max(rows, 1), [names[at]])
        return [str(word) for _, batch in found for word in batch.column(0).to_pylist()]

    return Table(
        tuple(names),
        named=True,
        kinds=tuple(kinds),
        rows=rows,
        numbers=numbers,
        words=words,
        index_columns=tuple(at for at, name in enumerate(names) if _is_index(name, at, metadata)),
        labels=_labels(metadata.get(b"labels")),
    )


def _labels(text: object) -> tuple[str, ...] | None:
    """Return labels of any number: those of all columns, or of the entries of a list."""
    with suppress(TypeError, ValueError):
        found = json.loads(text)  # type: ignore[arg-type]
        return stored_labels(found, len(found))
    return None


def _is_index(name: str, at: int, metadata: dict[bytes, bytes]) -> bool:
    """Whether pandas wrote a column as an index."""
    if re.fullmatch(r"__index_level_\d+__", name) or (at == 0 and name in {"", "Unnamed: 0"}):
        return True
    try:
        columns = json.loads(metadata.get(b"pandas", b"{}"))["index_columns"]
        return name in [column for column in columns if isinstance(column, str)]
    except (KeyError, TypeError, ValueError):
        return False


def _guarded(batches: Batches, ending: str) -> Batches:
    """Return `batches` cut to the rows that were asked for, with the usual errors."""

    def pieces(start: int, stop: int, size: int, names: list[str]) -> Iterator[tuple[int, Any]]:
        found = batches(start, stop, size, names)
        while start < stop:
            with intact(ending):
                first, batch = next(found)
            skipped = max(start - first, 0)
            if skipped < batch.num_rows:
                piece = batch.slice(skipped, stop - first - skipped)
                yield start, piece
                start += piece.num_rows

    return pieces


def _kind(type_: Any) -> Kind:
    types = import_module("pyarrow.types")
    if types.is_list(type_) or types.is_large_list(type_) or types.is_fixed_size_list(type_):
        return "list" if _kind(type_.value_type) in {"float", "integer"} else "other"
    if types.is_dictionary(type_):
        return "text" if _kind(type_.value_type) == "text" else "other"
    if types.is_string(type_) or types.is_large_string(type_) or types.is_string_view(type_):
        return "text"
    if types.is_floating(type_):
        return "float"
    return "integer" if types.is_integer(type_) or types.is_boolean(type_) else "other"


def _column(column: Any, first: int, name: str) -> NDArray[Any]:
    if column.null_count:
        row = first + column.is_null().index(True).as_py()
        raise ValueError(
            f"row {row}: column {name!r} has no number: leave the row out, or write NaN"
        )
    array: NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return array


def _lists(column: Any, entries: int, first: int, name: str) -> NDArray[Any]:
    lengths = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    if (lengths != entries).any():
        at = int(np.argmax(lengths != entries))
        raise ValueError(
            f"row {first + at} must have {entries} numbers, as row 0 has, got {lengths[at]}"
        )
    return _column(column.flatten(), first, name).reshape(-1, entries)


def write(path: Path, rows: Rows) -> None:
    """Write rows as record batches."""
    ipc = optional("pyarrow.ipc", "files", ".feather and .arrow files")
    schema, batches = record_batches(rows)
    with path.open("xb") as file, ipc.new_file(file, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def record_batches(rows: Rows) -> tuple[Any, Iterator[Any]]:
    """Return a schema and batches: a column for each label, else one column of lists."""
    arrow = optional("pyarrow", "files", ".parquet and .feather files")
    kind = arrow.from_numpy_dtype(rows.dtype)
    names = rows.labels or ()
    by_class = 0 < len(set(names)) == len(names) <= MOST_COLUMNS
    fields = (
        [(name, kind) for name in names]
        if by_class
        else [("probabilities", arrow.list_(kind, rows.shape[1]))]
    )
    # The stored labels say that these columns are classes, whatever their names are.
    schema = arrow.schema(fields, metadata=rows.metadata or None)

    def batches() -> Iterator[Any]:
        for batch in rows.batches:
            if by_class:
                columns = [arrow.array(np.ascontiguousarray(entry)) for entry in batch.T]
            else:
                flat = arrow.array(batch.ravel())
                columns = [arrow.FixedSizeListArray.from_arrays(flat, rows.shape[1])]
            yield arrow.record_batch(columns, schema=schema)

    return schema, batches()
