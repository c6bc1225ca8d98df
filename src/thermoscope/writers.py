"""Rows of results into files of any size, a few at a time, and whole or not at all."""

from __future__ import annotations

import csv
import json
import math
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from thermoscope.files import FileError, replacing
from thermoscope.passes import computed
from thermoscope.readers import optional
from thermoscope.readers.arrays import TENSOR_TYPES

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import DTypeLike, NDArray

    from thermoscope.passes import Progress

__all__ = ["ENDINGS", "check_ending", "write_dask", "write_rows"]

MOST_COLUMNS: Final = 1000
"""Up to so many classes, a Parquet or Feather file has a column for each."""


class _Rows(NamedTuple):
    batches: Iterator[NDArray[Any]]
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    labels: tuple[str, ...] | None

    @property
    def metadata(self) -> dict[str, str]:
        return {} if self.labels is None else {"labels": json.dumps(self.labels)}


def write_rows(
    path: str | os.PathLike[str],
    batches: Iterable[NDArray[Any]],
    *,
    shape: tuple[int, int],
    dtype: DTypeLike,
    labels: Sequence[str] | None = None,
) -> None:
    r"""Write rows of numbers as they come, in the format that the ending of the name says.

    The file appears when the last row is written. Whatever goes wrong before (a full disk, Ctrl-C,
    an error in `batches`) leaves the folder as it was, and a file of this name as it was.

    Parameters
    ----------
    path : path_like
        .npy, .csv, .tsv, .jsonl, .parquet, .feather, .arrow, .safetensors or .zarr. What it holds
        `read_logits` and `open_logits` read back, digit for digit, and labels with them but for
        .npy. .parquet and .feather get a column for each label where all differ and there are
        no more than 1,000, else one column of lists.
    batches : iterable of ndarray, shape (any, lanes)
        One after the other the rows.
    shape : tuple of int
        Rows, and lanes of each.
    dtype : dtype
        Of the numbers in the file, where its format has types.
    labels : sequence of str, optional
        One for each lane.

    Raises
    ------
    FileError
        If the file cannot be written.
    ImportError
        If what writes the format is missing: ``pip install "thermoscope[files]"`` for .parquet,
        .feather and .arrow, ``"thermoscope[dask]"`` for .zarr.
    ValueError
        If `batches` do not have `shape`, or `labels` not one for each lane.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "out.csv")
    ...     batches = (np.full((2, 2), 0.5) for _ in range(2))
    ...     write_rows(path, batches, shape=(4, 2), dtype=float, labels=["cat", "dog"])
    ...     print(path.read_text().split())
    ['cat,dog', '0.5,0.5', '0.5,0.5', '0.5,0.5', '0.5,0.5']
    """
    check_ending(path, "rows")
    if labels is not None and len(labels) != shape[1]:
        raise ValueError(f"labels must be {shape[1]}, one for each lane, got {len(labels)}")
    names = None if labels is None else tuple(labels)
    kind = np.dtype(dtype)
    rows = _Rows(_checked(batches, shape, kind), shape, kind, names)
    with replacing(path) as temporary:
        _WRITERS[_ending(path)](temporary, rows)


def write_dask(
    path: str | os.PathLike[str],
    rows: Any,  # noqa: ANN401 - Dask may not be there
    *,
    labels: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> None:
    """Write rows of a Dask array as a Zarr store, each chunk by the worker that computes it.

    The store appears when the last chunk is written, as with `write_rows`. A chunk whose worker
    dies is computed and written again by another.

    Parameters
    ----------
    path : path_like
        .zarr, in a folder that all workers see by its absolute path.
    rows : dask.array.Array, shape (n, lanes)
        Of chunks that are alike but for the last, as Zarr's are; none cuts a row.
    labels : sequence of str, optional
        One for each lane.
    progress : callable, optional
        Called as ``progress(done, rows, 1)`` with each chunk that is written.

    Raises
    ------
    FileError
        If the store cannot be written.
    ImportError
        If Zarr is missing: ``pip install "thermoscope[dask]"``.
    ValueError
        If `labels` are not one for each lane.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import dask.array as da
    >>> from thermoscope import open_logits
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "out.zarr")
    ...     write_dask(path, da.full((4, 2), 0.5, chunks=(3, 2)))
    ...     open_logits(path)
    <LogitsFile 'out.zarr': shape (4, 2), float64>
    """
    if _ending(path) != ".zarr":
        raise FileError(f"{path}: the rows of a Dask array must go to a .zarr store")
    if labels is not None and len(labels) != rows.shape[1]:
        raise ValueError(f"labels must be {rows.shape[1]}, one for each lane, got {len(labels)}")
    with replacing(path) as temporary:
        store = _Store(temporary, _zarr(temporary, rows.shape, rows.chunksize, rows.dtype, labels))
        # No two chunks of Dask share one of Zarr: nothing has to be locked.
        written = rows.store(store, lock=False, compute=False)
        parts, done = written.to_delayed().ravel().tolist(), 0

        def tell(index: int) -> None:
            nonlocal done
            done += rows.chunks[0][index]
            if progress is not None:
                progress(done, rows.shape[0], 1)

        try:
            computed(optional("dask", "dask", "Dask arrays").delayed(len)(parts), parts, tell)
        except BaseException:
            store.close()
            raise


class _Store(NamedTuple):
    """A Zarr store to which workers write chunks until it is closed."""

    path: Path
    array: Any

    @property
    def head(self) -> Path:
        return self.path / "zarr.json"

    def __setitem__(self, place: tuple[slice, ...], chunk: NDArray[Any]) -> None:
        # A worker may hear late that nobody wants the store, and Zarr would make it anew.
        if self.head.exists():
            self.array[place] = chunk

    def close(self) -> None:
        """Let no chunk be written any more, and wait for those that are being written."""
        self.head.unlink(missing_ok=True)
        # There may be no cluster, or none any more: what went wrong first is what will be raised.
        with suppress(Exception):
            client = import_module("distributed").default_client()
            while any(client.run(_writing).values()):
                sleep(0.1)


def _writing(dask_worker: Any) -> bool:  # noqa: ANN401 - distributed may not be there
    return any("store-map" in str(task.key) for task in dask_worker.state.executing)


def check_ending(path: str | os.PathLike[str], what: str) -> None:
    """Raise an error, before any work is done, if no format has the ending of a name."""
    if _ending(path) not in _WRITERS:
        *most, last = ENDINGS
        raise FileError(f"{path}: {what} must go to a {', '.join(most)} or {last} file")


def _ending(path: str | os.PathLike[str]) -> str:
    return Path(path).suffix.lower()


def _checked(
    batches: Iterable[NDArray[Any]], shape: tuple[int, int], dtype: np.dtype[Any]
) -> Iterator[NDArray[Any]]:
    count = 0
    for batch in batches:
        if batch.ndim != 2 or batch.shape[1] != shape[1]:
            raise ValueError(f"batches must have {shape[1]} lanes, got shape {batch.shape}")
        count += len(batch)
        yield np.ascontiguousarray(batch, dtype)
    if count != shape[0]:
        raise ValueError(f"batches must have {shape[0]} rows in all, got {count}")


def _write_npy(path: Path, rows: _Rows) -> None:
    header = {
        "descr": np.lib.format.dtype_to_descr(rows.dtype),
        "fortran_order": False,
        "shape": rows.shape,
    }
    with path.open("xb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for batch in rows.batches:
            file.write(batch.data)


def _write_safetensors(path: Path, rows: _Rows) -> None:
    # The bytes of the format stand in the order of a little-endian machine.
    dtype = rows.dtype.newbyteorder("<")
    names = {np.dtype(text): name for name, text in TENSOR_TYPES.items() if name != "BF16"}
    tensor = {
        "dtype": names[dtype],
        "shape": rows.shape,
        "data_offsets": [0, math.prod(rows.shape) * dtype.itemsize],
    }
    entries: dict[str, object] = {"rows": tensor}
    if rows.metadata:
        entries["__metadata__"] = rows.metadata
    header = json.dumps(entries).encode()
    header += b" " * (-len(header) % 8)
    with path.open("xb") as file:
        file.write(len(header).to_bytes(8, "little"))
        file.write(header)
        for batch in rows.batches:
            file.write(batch.astype(dtype, copy=False).data)


def _text(delimiter: str) -> Callable[[Path, _Rows], None]:
    def write(path: Path, rows: _Rows) -> None:
        with path.open("x", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
            if rows.labels is not None:
                writer.writerow(rows.labels)
            for batch in rows.batches:
                writer.writerows(_shortest(batch))

    return write


def _write_jsonl(path: Path, rows: _Rows) -> None:
    names = None if rows.labels is None else [json.dumps(label) for label in rows.labels]
    with path.open("x", encoding="utf-8") as file:
        for batch in rows.batches:
            for row in _shortest(batch):
                # JSON has no words for what is not finite: strings stand for it.
                texts = [text if text[-1].isdigit() else f'"{text}"' for text in row]
                if names is None:
                    file.write(f"[{', '.join(texts)}]\n")
                else:
                    pairs = map(": ".join, zip(names, texts, strict=True))
                    file.write(f"{{{', '.join(pairs)}}}\n")


def _shortest(batch: NDArray[Any]) -> Iterator[list[str]]:
    """Iterate over rows of the shortest texts which give back the same numbers in their type."""
    if batch.dtype == np.float64:
        yield from (list(map(repr, row.tolist())) for row in batch)
    else:
        yield from (row.astype(str).tolist() for row in batch)


def _write_parquet(path: Path, rows: _Rows) -> None:
    parquet = optional("pyarrow.parquet", "files", ".parquet files")
    schema, batches = _record_batches(rows)
    with parquet.ParquetWriter(path, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def _write_arrow(path: Path, rows: _Rows) -> None:
    ipc = optional("pyarrow.ipc", "files", ".feather and .arrow files")
    schema, batches = _record_batches(rows)
    with path.open("xb") as file, ipc.new_file(file, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def _record_batches(rows: _Rows) -> tuple[Any, Iterator[Any]]:
    arrow = optional("pyarrow", "files", ".parquet and .feather files")
    kind = arrow.from_numpy_dtype(rows.dtype)
    names = rows.labels or ()
    by_class = 0 < len(set(names)) == len(names) <= MOST_COLUMNS
    if by_class:
        schema = arrow.schema([(name, kind) for name in names])
    else:
        lists = arrow.list_(kind, rows.shape[1])
        schema = arrow.schema([("probabilities", lists)], metadata=rows.metadata or None)

    def batches() -> Iterator[Any]:
        for batch in rows.batches:
            if by_class:
                columns = [arrow.array(np.ascontiguousarray(lane)) for lane in batch.T]
            else:
                flat = arrow.array(batch.ravel())
                columns = [arrow.FixedSizeListArray.from_arrays(flat, rows.shape[1])]
            yield arrow.record_batch(columns, schema=schema)

    return schema, batches()


def _write_zarr(path: Path, rows: _Rows) -> None:
    store = None
    at = 0
    for batch in rows.batches:
        if store is None:
            # Chunks as the batches are, so that none is written twice.
            store = _zarr(path, rows.shape, batch.shape, rows.dtype, rows.labels)
        store[at : at + len(batch)] = batch
        at += len(batch)


def _zarr(
    path: Path,
    shape: tuple[int, ...],
    chunks: tuple[int, ...],
    dtype: np.dtype[Any],
    labels: Sequence[str] | None,
) -> Any:  # noqa: ANN401 - an array of Zarr
    attributes = {} if labels is None else {"labels": list(labels)}
    return optional("zarr", "dask", ".zarr stores").create_array(
        path, shape=shape, chunks=chunks, dtype=dtype, attributes=attributes
    )


_WRITERS: Final[dict[str, Callable[[Path, _Rows], None]]] = {
    ".npy": _write_npy,
    ".csv": _text(","),
    ".tsv": _text("\t"),
    ".jsonl": _write_jsonl,
    ".parquet": _write_parquet,
    ".feather": _write_arrow,
    ".arrow": _write_arrow,
    ".safetensors": _write_safetensors,
    ".zarr": _write_zarr,
}
ENDINGS: Final = tuple(_WRITERS)
