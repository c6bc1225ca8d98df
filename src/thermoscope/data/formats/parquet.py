"""Tables in .parquet files, decoded row group by row group."""

from __future__ import annotations

import bisect
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from thermoscope.data.errors import intact, optional
from thermoscope.data.formats.arrow import record_batches, table_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from thermoscope.data.content import Rows, Table

__all__ = ["open_parquet", "write"]

PASSED_OVER: Final = 1 << 23
"""Bytes that are decoded at a time, if no more are asked for."""


def open_parquet(path: Path) -> Table:
    """Return the table in a .parquet file."""
    parquet = optional("pyarrow.parquet", "files", ".parquet files")
    with intact(".parquet"):
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

    return table_of(schema, int(starts[-1]), batches, ".parquet")


def write(path: Path, rows: Rows) -> None:
    """Write rows, a group for each batch."""
    parquet = optional("pyarrow.parquet", "files", ".parquet files")
    schema, batches = record_batches(rows)
    with parquet.ParquetWriter(path, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
