""".npz: a ZIP archive of .npy members, stored or compressed; never unpickled."""

from __future__ import annotations

import math
import zipfile
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from thermoscope.data.content import Archive, Array, held, unreadable
from thermoscope.data.errors import check_memory, intact
from thermoscope.data.formats.npy import stored

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["open_npz"]

PIECE: Final = 1 << 20


def open_npz(path: Path) -> Archive:
    """Return the arrays of a .npz file; only their headers are read."""
    with intact(".npz"), zipfile.ZipFile(path) as archive:
        return Archive(
            {
                info.filename.removesuffix(".npy"): _member(path, archive, info)
                for info in archive.infolist()
                if info.filename.endswith(".npy")
            }
        )


def _member(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Array:
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        read_header = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, by_columns, dtype = read_header(file)
        header = file.tell()
    if dtype.hasobject:
        return unreadable(shape, "pickled Python objects, which are never loaded")
    if header + math.prod(shape) * dtype.itemsize != info.file_size:
        raise ValueError("a member that is not as long as its header says")

    @cache
    def checked() -> Array:
        """Return the array after a pass over its bytes, at whose end zipfile compares the CRC."""
        is_compressed = info.compress_type != zipfile.ZIP_STORED
        if is_compressed:
            check_memory(info.file_size)
        with intact(".npz"), zipfile.ZipFile(path) as again, again.open(info) as file:
            if is_compressed:
                return held(np.lib.format.read_array(file, allow_pickle=False))
            while file.read(PIECE):
                pass
        with path.open("rb") as file:
            file.seek(info.header_offset + 26)
            lengths = sum(int.from_bytes(file.read(2), "little") for _ in range(2))
        offset = info.header_offset + 30 + lengths + header
        return stored(path, offset, dtype, shape, by_columns=by_columns and len(shape) > 1)

    def read(start: int, stop: int, size: int) -> Iterator[NDArray[Any]]:
        return checked().read(start, stop, size)

    return Array(shape, dtype, read)
