"""Rows of results into files of any size, a few at a time, and whole or not at all."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from threading import Condition
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from thermoscope.arguments import ArgumentError, writable
from thermoscope.data.atomic import replacing
from thermoscope.data.content import Rows
from thermoscope.data.errors import FileError, optional
from thermoscope.data.formats import (
    arrow,
    delimited,
    json_text,
    npy,
    parquet,
    safetensors,
    zarr,
)
from thermoscope.passes import computed, in_each_process

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import DTypeLike, NDArray

    from thermoscope.passes import Progress

__all__ = ["ENDINGS", "check_ending", "write_dask", "write_rows"]


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
        .npy, .csv, .tsv, .jsonl, .parquet, .feather, .arrow, .safetensors or .zarr. `read_logits`
        and `open_logits` read the same numbers back, and the labels, for which .npy has no place.
        .parquet, .feather and .arrow get a column for each label where all differ and there are
        no more than 1,000, else one column of lists.
    batches : iterable of ndarray, shape (any, K)
        The rows, one batch after the other.
    shape : tuple of int
        Rows, and entries of each.
    dtype : dtype
        Of the numbers in the file, where its format has types.
    labels : sequence of str, optional
        One for each entry.

    Raises
    ------
    FileError
        If the file cannot be written.
    ImportError
        If what writes the format is missing: ``pip install "thermoscope[files]"`` for .parquet,
        .feather and .arrow, ``"thermoscope[dask]"`` for .zarr.
    ValueError
        If `batches` do not have `shape`, or `labels` not one for each entry.

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
    ['"cat","dog"', '0.5,0.5', '0.5,0.5', '0.5,0.5', '0.5,0.5']
    """
    check_ending(path, "rows")
    _check_labels(labels, shape[1])
    names = None if labels is None else tuple(labels)
    kind = np.dtype(dtype)
    rows = Rows(_checked(batches, shape, kind), shape, kind, names)
    with replacing(path) as temporary:
        _WRITERS[_ending(path)](temporary, rows)


def write_dask(
    path: str | os.PathLike[str],
    rows: Any,
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
    rows : dask.array.Array, shape (n, K)
        Its chunks are equal, except that the last may be shorter, as in Zarr; none cuts a row.
    labels : sequence of str, optional
        One for each entry.
    progress : callable, optional
        Called as ``progress(done, rows, 1)`` with each chunk that is written.

    Raises
    ------
    FileError
        If the store cannot be written.
    ImportError
        If Zarr is missing: ``pip install "thermoscope[dask]"``.
    ValueError
        If `labels` are not one for each entry.

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
    <Dataset 'out.zarr': shape (4, 2), float64>
    """
    if _ending(path) != ".zarr":
        raise FileError(f"{path}: the rows of a Dask array must go to a .zarr store")
    _check_labels(labels, rows.shape[1])
    with replacing(path) as temporary:
        store = _Store(
            temporary, zarr.create(temporary, rows.shape, rows.chunksize, rows.dtype, labels)
        )
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
    """A Zarr store to which threads and workers write chunks until it is closed."""

    path: Path
    array: Any

    def __setitem__(self, place: tuple[slice, ...], chunk: NDArray[Any]) -> None:
        with _CHANGED:
            if self.path in _CLOSED:
                return
            _WRITTEN.append(self.path)
        try:
            self.array[place] = chunk
        finally:
            with _CHANGED:
                _WRITTEN.remove(self.path)
                _CHANGED.notify_all()

    def close(self) -> None:
        """Let no further chunk be written, and wait for those that are being written.

        A chunk that is written later would create the store again.
        """
        in_each_process(partial(_close, self.path))


# In each process, the paths of the stores that are closed, and those of the stores to which it is
# writing a chunk, once for each chunk.
_CLOSED: Final[set[Path]] = set()
_WRITTEN: Final[list[Path]] = []
_CHANGED: Final = Condition()


def _close(path: Path) -> None:
    with _CHANGED:
        _CLOSED.add(path)
        _CHANGED.wait_for(lambda: path not in _WRITTEN)


def _check_labels(labels: Sequence[str] | None, count: int) -> None:
    """Raise an error if there is not a label for each entry, or one that no file can hold."""
    if labels is None:
        return
    if len(labels) != count:
        raise ArgumentError("labels", f"must be {count}, one for each entry, got {len(labels)}")
    for label in labels:
        if not label.isascii() and label != writable(label):
            raise ArgumentError("labels", f"must be text without lone surrogates, got {label!r}")


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
            raise ArgumentError("batches", f"must have {shape[1]} entries, got shape {batch.shape}")
        count += len(batch)
        yield np.ascontiguousarray(batch, dtype)
    if count != shape[0]:
        raise ArgumentError("batches", f"must have {shape[0]} rows in all, got {count}")


_WRITERS: Final[dict[str, Callable[[Path, Rows], None]]] = {
    ".npy": npy.write,
    ".csv": partial(delimited.write, delimiter=","),
    ".tsv": partial(delimited.write, delimiter="\t"),
    ".jsonl": json_text.write,
    ".parquet": parquet.write,
    ".feather": arrow.write,
    ".arrow": arrow.write,
    ".safetensors": safetensors.write,
    ".zarr": zarr.write,
}
ENDINGS: Final = tuple(_WRITERS)
