""".zarr: a store of chunks, or a group of such arrays."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from thermoscope.data.content import Archive, Array, stored_labels
from thermoscope.data.errors import intact, optional

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from thermoscope.data.content import Rows


__all__ = ["create", "open_zarr", "write"]


def open_zarr(path: Path) -> Array | Archive:
    """Return the array of a Zarr store, or the arrays of a group, read chunk by chunk."""
    zarr = optional("zarr", "dask", ".zarr stores")
    with intact(".zarr"):
        node = zarr.open(path, mode="r")
        if isinstance(node, zarr.Group):
            return Archive({name: _array(array) for name, array in sorted(node.arrays())})
        return _array(node)


def _array(array: Any) -> Array:
    shape = tuple(map(int, array.shape))
    step = int(array.chunks[0]) if shape else 1
    if shape and (min(shape) < 0 or min(array.chunks) < 1):
        raise ValueError("chunks without rows")
    # Rows under one place of the first axis.
    inner = math.prod(shape[1:-1]) if len(shape) > 1 else 1

    def read(start: int, stop: int, size: int) -> Iterator[NDArray[Any]]:
        if len(shape) < 2:
            with intact(".zarr"):
                row = array[...]
            yield row.reshape(1, -1)
            return
        # A chunk is decompressed as a whole, whatever part of it is asked for.
        many = max(size // (step * inner), 1) * step
        at = start // inner
        while at * inner < stop:
            end = min((at // many + 1) * many, shape[0])
            with intact(".zarr"):
                piece = array[at:end].reshape(-1, shape[-1])
            yield piece[max(start - at * inner, 0) : stop - at * inner]
            at = end

    labels = stored_labels(array.attrs.get("labels"), shape[-1]) if shape else None
    dtype = array.dtype if array.dtype.kind in "biufU" else str(array.dtype)
    return Array(shape, dtype, read, labels, step * inner if len(shape) > 1 else 1)


def create(
    path: Path,
    shape: tuple[int, ...],
    chunks: tuple[int, ...],
    dtype: np.dtype[Any],
    labels: Sequence[str] | None,
) -> Any:
    """Return a new store, whose labels are an attribute."""
    attributes = {} if labels is None else {"labels": list(labels)}
    return optional("zarr", "dask", ".zarr stores").create_array(
        path, shape=shape, chunks=chunks, dtype=dtype, attributes=attributes
    )


def write(path: Path, rows: Rows) -> None:
    """Write rows in chunks as the batches are, so that none is written twice."""
    store = None
    at = 0
    for batch in rows.batches:
        if store is None:
            store = create(path, rows.shape, batch.shape, rows.dtype, rows.labels)
        store[at : at + len(batch)] = batch
        at += len(batch)
