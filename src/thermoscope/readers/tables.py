"""Tables of PyArrow: .parquet, .feather and .arrow."""

from __future__ import annotations

import bisect
import os
import re
from importlib import import_module
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from thermoscope.readers.rows import (
    BYTES_PER_LOGIT,
    Rows,
    check_memory,
    choose,
    held,
    labels_of,
    optional,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Columns = str | Sequence[str] | None

__all__ = ["TABLES", "arrow_kind", "open_table"]


# So many bytes of a Parquet file are decoded at a time, and no fewer than are asked for.
PASSED_OVER: Final = 1 << 23


class _Table(NamedTuple):
    """A file of record batches: how many rows, of what schema, and how to read some of them."""

    length: int
    schema: Any
    # (start, stop, size, names of columns) -> (number of the first row, record batch), in order,
    # of which the first may begin before `start` and the last end after `stop`.
    batches: Callable[[int, int, int, list[str]], Iterator[tuple[int, Any]]]


def _parquet(path: Path) -> _Table:
    parquet = optional("pyarrow.parquet", "files", ".parquet files")
    with whole(".parquet"):
        metadata = parquet.ParquetFile(path).metadata
        schema = metadata.schema.to_arrow_schema()
        groups = [metadata.row_group(at) for at in range(metadata.num_row_groups)]
        lengths = [group.num_rows for group in groups]
    # A row alone is reached through those before it in its group: not one at a time.
    passed_over = PASSED_OVER * sum(lengths) // max(sum(g.total_byte_size for g in groups), 1)
    starts = np.concatenate([[0], np.cumsum(lengths)]).tolist()

    def batches(start: int, stop: int, size: int, names: list[str]) -> Iterator[tuple[int, Any]]:
        first = bisect.bisect_right(starts, start) - 1
        wanted = list(range(first, bisect.bisect_left(starts, stop)))
        at = starts[first]
        # Buffered: a group may be as large as the file.
        with parquet.ParquetFile(
            path, metadata=metadata, buffer_size=1 << 16, pre_buffer=False
        ) as file:
            for batch in file.iter_batches(
                max(size, passed_over), row_groups=wanted, columns=names
            ):
                yield at, batch
                at += batch.num_rows

    return _Table(starts[-1], schema, batches)


def _arrow(path: Path) -> _Table:
    ending = path.suffix.lower()
    arrow = optional("pyarrow", "files", f"{ending} files")
    ipc = optional("pyarrow.ipc", "files", f"{ending} files")
    with path.open("rb") as file:
        is_file = file.read(6) == b"ARROW1"

    opened = ipc.open_file if is_file else ipc.open_stream

    with whole(ending), arrow.memory_map(os.fspath(path)) as source:
        # Mapped, an uncompressed batch costs no memory until its numbers are looked at.
        reader = opened(source)
        schema = reader.schema
        each = map(reader.get_batch, range(reader.num_record_batches)) if is_file else reader
        starts = [0, *accumulate(batch.num_rows for batch in each)]

    def batches(start: int, stop: int, size: int, names: list[str]) -> Iterator[tuple[int, Any]]:
        with arrow.memory_map(os.fspath(path)) as source:
            reader = opened(source)
            for index, first in enumerate(starts[:-1]):
                if first >= stop:
                    return
                if is_file and starts[index + 1] <= start:
                    continue
                # A stream has no index: what comes before is passed over.
                batch = reader.get_batch(index) if is_file else reader.read_next_batch()
                for at in range(max(start - first, 0), batch.num_rows, size):
                    yield first + at, batch.select(names).slice(at, size)

    return _Table(starts[-1], schema, batches)


TABLES: Final = {".parquet": _parquet, ".feather": _arrow, ".arrow": _arrow}


def open_table(path: Path, columns: Columns) -> Rows:
    """Return the rows of a table: lists, or a column for each class, or one column downwards."""
    ending = path.suffix.lower()
    count, schema, batches = TABLES[ending](path)
    # Pandas keeps the index of a frame that was filtered as a column of its own.
    names = [name for name in schema.names if not re.fullmatch(r"__index_level_\d+__", name)]
    chosen, label_at = choose(
        names, [arrow_kind(schema.field(name).type) for name in names], columns
    )
    wanted = [names[index] for index in chosen]
    types = [schema.field(name).type for name in wanted]
    if count == 0:
        raise ValueError("there are no rows in it")

    pieces = _guarded(batches, ending)
    is_list = arrow_kind(types[0]) == "list"
    if len(wanted) == 1 and not is_list:
        check_memory(count * BYTES_PER_LOGIT)
        texts = [] if label_at is None else [names[label_at]]
        found = list(pieces(0, count, count, wanted + texts))
        values = [_column(batch.column(wanted[0]), first) for first, batch in found]
        words = [
            str(word) for _, batch in found for name in texts for word in batch[name].to_pylist()
        ]
        return held(np.concatenate(values), words if texts else None)

    dtype = np.result_type(
        *[(each.value_type if is_list else each).to_pandas_dtype() for each in types]
    )
    lanes, labels = len(wanted), None if is_list else tuple(wanted)
    if is_list:
        _, head = next(pieces(0, 1, 1, wanted))
        lanes = len(head.column(0)[0] or ())
        labels = labels_of((schema.metadata or {}).get(b"labels"), lanes)

    def read(start: int, stop: int, size: int) -> Iterator[NDArray[Any]]:
        for first, batch in pieces(start, stop, size, wanted):
            if is_list:
                yield _lists(batch.column(0), lanes, first)
            else:
                array = np.empty((batch.num_rows, lanes), dtype)
                for lane, name in enumerate(wanted):
                    array[:, lane] = _column(batch.column(name), first)
                yield array

    return Rows((count, lanes), dtype, labels, read)


def _guarded(
    batches: Callable[[int, int, int, list[str]], Iterator[tuple[int, Any]]], ending: str
) -> Callable[[int, int, int, list[str]], Iterator[tuple[int, Any]]]:
    """Return `batches` cut to the rows that were asked for, with errors in our words."""

    def pieces(start: int, stop: int, size: int, names: list[str]) -> Iterator[tuple[int, Any]]:
        found = batches(start, stop, size, names)
        while start < stop:
            with whole(ending):
                first, batch = next(found)
            skipped = max(start - first, 0)
            if skipped < batch.num_rows:
                piece = batch.slice(skipped, stop - first - skipped)
                yield start, piece
                start += piece.num_rows

    return pieces


def arrow_kind(type_: Any) -> str:  # noqa: ANN401 - a type of PyArrow
    """Return which kind of column a type is, in the words of `choose`."""
    types = import_module("pyarrow.types")
    if types.is_list(type_) or types.is_large_list(type_) or types.is_fixed_size_list(type_):
        return "list" if arrow_kind(type_.value_type) in {"float", "integer"} else "other"
    if types.is_dictionary(type_):
        type_ = type_.value_type
    if types.is_string(type_) or types.is_large_string(type_) or types.is_string_view(type_):
        return "text"
    if types.is_floating(type_):
        return "float"
    return "integer" if types.is_integer(type_) or types.is_boolean(type_) else "other"


def _column(column: Any, first: int) -> NDArray[Any]:  # noqa: ANN401 - an array of PyArrow
    """Return a column as an array: what is missing is NaN, or an error where it has no NaN."""
    if column.null_count and arrow_kind(column.type) != "float":
        row = first + column.is_null().index(True).as_py()
        raise ValueError(f"row {row} has no number")
    array: NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return array


def _lists(column: Any, lanes: int, first: int) -> NDArray[Any]:  # noqa: ANN401 - likewise
    lengths = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    if (lengths != lanes).any():
        at = int(np.argmax(lengths != lanes))
        raise ValueError(
            f"row {first + at} must have {lanes} numbers, as row 0 has, got {lengths[at]}"
        )
    return _column(column.flatten(), first).reshape(-1, lanes)
