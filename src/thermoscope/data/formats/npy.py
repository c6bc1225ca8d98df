""".npy, as NumPy Enhancement Proposal 1 specifies it; never unpickled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from thermoscope.data.content import Array

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from thermoscope.data.content import Rows


__all__ = ["open_npy", "stored", "write"]


def open_npy(path: Path) -> Array:
    """Return the array of a .npy file."""
    with path.open("rb") as file:
        magic = file.read(len(np.lib.format.MAGIC_PREFIX))
    if magic[:1] == b"\x80":
        raise ValueError("a pickle, which is never loaded: save the array with numpy.save")
    if magic != np.lib.format.MAGIC_PREFIX:
        raise ValueError(f"not a .npy file: it starts with {magic!r}")
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except (MemoryError, OSError):
        raise
    # NumPy's parser of headers lets errors of many kinds out.
    except Exception as error:
        if "Python objects" in str(error):
            raise ValueError("pickled Python objects, which are never loaded") from error
        raise ValueError("not a whole .npy file: cut short or damaged") from error
    by_columns = array.ndim > 1 and not array.flags.c_contiguous
    return stored(path, array.offset, array.dtype, array.shape, by_columns=by_columns)


def stored(
    path: Path, offset: int, dtype: np.dtype[Any], shape: tuple[int, ...], *, by_columns: bool
) -> Array:
    """Return an array whose bytes stand in a file.

    They are read, not mapped. A mapping kills the process if another program truncates the file,
    and pages that were read through it count as memory of the process.
    """
    entries = shape[-1] if shape else 1

    def read(start: int, stop: int, size: int) -> Iterator[NDArray[Any]]:
        if by_columns:
            # The numbers of a row of a transposed array are spread over the whole file.
            columns = np.memmap(path, dtype, "r", offset, shape, "F")
            for at in range(start, stop, size):
                places = np.unravel_index(np.arange(at, min(at + size, stop)), shape[:-1])
                yield np.array(columns[places], order="C", subok=False)
            return
        with path.open("rb") as file:
            file.seek(offset + start * entries * dtype.itemsize)
            for at in range(start, stop, size):
                count = (min(at + size, stop) - at) * entries
                array = np.fromfile(file, dtype, count)
                if array.size < count:
                    raise ValueError(f"not a whole {path.suffix} file: cut short or damaged")
                yield array.reshape(-1, entries)

    return Array(shape, dtype, read)


def write(path: Path, rows: Rows) -> None:
    """Write rows; the format has no place for labels."""
    header = {
        "descr": np.lib.format.dtype_to_descr(rows.dtype),
        "fortran_order": False,
        "shape": rows.shape,
    }
    with path.open("xb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for batch in rows.batches:
            file.write(batch.data)
