"""Arrays of bytes: .npy and .npz (NumPy Enhancement Proposal 1), .safetensors, .zarr.

A .safetensors file is, as its README says, the length of a JSON header in eight bytes, the header,
and the bytes of the tensors.
"""

from __future__ import annotations

import json
import math
import zipfile
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from thermoscope.readers.rows import (
    Rows,
    check_array,
    check_memory,
    held,
    labels_of,
    listed,
    no_columns,
    optional,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Columns = str | Sequence[str] | None

__all__ = [
    "LONGEST_HEADER",
    "TENSOR_TYPES",
    "map_npy",
    "open_npy",
    "open_npz",
    "open_safetensors",
    "open_zarr",
]

# A header of safetensors may not be longer, says the format.
LONGEST_HEADER: Final = 100_000_000


# bfloat16 is read as its bits.
TENSOR_TYPES: Final = dict(
    zip(
        ["F64", "F32", "F16", "BF16", "BOOL", "I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8"],
        ["<f8", "<f4", "<f2", "<u2", "?", "<i8", "<i4", "<i2", "i1", "<u8", "<u4", "<u2", "u1"],
        strict=True,
    )
)


def _pick(names: Sequence[str], meant: Sequence[str], columns: Columns) -> str:
    """Return the name of the one array to read, of those that a file holds."""
    if columns is None:
        if len(meant) == 1:
            return meant[0]
        if not meant:
            raise ValueError(f"no array of logits among {listed(names)}" if names else "no array")
        raise ValueError(f"choose an array with columns, one of {listed(meant)}")
    wanted = [columns] if isinstance(columns, str) else list(columns)
    if len(wanted) != 1 or wanted[0] not in names:
        raise ValueError(f"columns must be one of {listed(names)}, got {listed(wanted)}")
    return wanted[0]


def open_npy(path: Path, columns: Columns) -> Rows:
    """Return the rows of a .npy file."""
    no_columns(".npy", columns)
    array = map_npy(path)
    check_array(array.shape, array.dtype, real=array.dtype.kind in "biuf")
    by_columns = array.ndim == 2 and not array.flags.c_contiguous
    return _bytes(path, array.offset, array.dtype, array.shape, by_columns=by_columns)


def map_npy(path: Path) -> np.memmap[Any, Any]:
    """Return the array of a .npy file, mapped: of its numbers none was read."""
    with path.open("rb") as file:
        magic = file.read(len(np.lib.format.MAGIC_PREFIX))
    if magic[:1] == b"\x80":
        raise ValueError("a pickle, which is never loaded: save the array with numpy.save")
    if magic != np.lib.format.MAGIC_PREFIX:
        raise ValueError(f"not a .npy file: it starts with {magic!r}")
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except (MemoryError, OSError):
        raise
    # NumPy's parser of headers lets errors of many kinds out.
    except Exception as error:
        if "Python objects" in str(error):
            raise ValueError("pickled Python objects, which are never loaded") from error
        raise ValueError("not a whole .npy file: cut short or damaged") from error


def _bytes(
    path: Path, offset: int, dtype: np.dtype[Any], shape: tuple[int, ...], *, by_columns: bool
) -> Rows:
    """Return the rows of an array whose bytes stand in a file.

    They are read, not mapped: a mapping of a file which somebody else cuts short kills the
    process, and all that was read through it counts as memory of the process.
    """
    lanes = shape[-1]

    def read(start: int, stop: int, size: int) -> Iterator[NDArray[Any]]:
        if by_columns:
            # Rows of a transposed array are strewn over all of the file.
            columns = np.memmap(path, dtype, "r", offset, shape, "F")
            for at in range(start, stop, size):
                yield np.array(columns[at : min(at + size, stop)], order="C", subok=False)
            return
        with path.open("rb") as file:
            file.seek(offset + start * lanes * dtype.itemsize)
            for at in range(start, stop, size):
                count = (min(at + size, stop) - at) * lanes
                array = np.fromfile(file, dtype, count)
                if array.size < count:
                    raise ValueError(f"not a whole {path.suffix} file: cut short or damaged")
                yield array.reshape(-1, lanes)

    return Rows(shape, dtype, None, read)


class _Member(NamedTuple):
    """An array in a .npz file: what its header says, and where its bytes start."""

    shape: tuple[int, ...]
    by_columns: bool
    dtype: np.dtype[Any]
    header: int


def open_npz(path: Path, columns: Columns) -> Rows:
    """Return the rows of an array of a .npz file."""
    with whole(".npz"), zipfile.ZipFile(path) as archive:
        infos = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        members = {name: _member(archive, info) for name, info in infos.items()}
    meant = [
        name
        for name, member in members.items()
        if member.dtype.kind in "biuf" and len(member.shape) in {1, 2} and 0 not in member.shape
    ]
    name = _pick(list(members), meant, columns)
    member, info = members[name], infos[name]
    check_array(member.shape, member.dtype, real=member.dtype.kind in "biuf")
    if info.compress_type == zipfile.ZIP_STORED:
        with path.open("rb") as file:
            file.seek(info.header_offset + 26)
            lengths = int.from_bytes(file.read(2), "little") + int.from_bytes(
                file.read(2), "little"
            )
        offset = info.header_offset + 30 + lengths + member.header
        by_columns = member.by_columns and len(member.shape) == 2
        return _bytes(path, offset, member.dtype, member.shape, by_columns=by_columns)
    check_memory(info.file_size)
    with whole(".npz"), zipfile.ZipFile(path) as archive, archive.open(info) as file:
        return held(np.lib.format.read_array(file, allow_pickle=False))


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> _Member:
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        read_header = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, by_columns, dtype = read_header(file)
        return _Member(shape, by_columns, dtype, file.tell())


class _Tensor(NamedTuple):
    """A tensor of a .safetensors file, as its header has it."""

    dtype: str
    shape: tuple[int, ...]
    first: int
    last: int

    @classmethod
    def of(cls, entry: dict[str, Any]) -> _Tensor:
        first, last = entry["data_offsets"]
        return cls(str(entry["dtype"]), tuple(map(int, entry["shape"])), int(first), int(last))


def open_safetensors(path: Path, columns: Columns) -> Rows:
    """Return the rows of a tensor of a .safetensors file."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        start, end = 8 + length, path.stat().st_size
        if length > min(LONGEST_HEADER, end - 8):
            raise ValueError("not a whole .safetensors file: cut short or damaged")
        with whole(".safetensors"):
            header = json.loads(file.read(length))
            metadata = header.pop("__metadata__", {})
            tensors = {name: _Tensor.of(tensor) for name, tensor in header.items()}
    meant = [
        name
        for name, (dtype, shape, _, _) in tensors.items()
        if dtype in TENSOR_TYPES and len(shape) in {1, 2} and 0 not in shape
    ]
    name, shape, first, last = tensors[_pick(list(tensors), meant, columns)]
    check_array(shape, name, real=name in TENSOR_TYPES)
    dtype = np.dtype(TENSOR_TYPES[name])
    if last - first != math.prod(shape) * dtype.itemsize or not 0 <= first <= last <= end - start:
        raise ValueError("not a whole .safetensors file: cut short or damaged")
    rows = _bytes(path, start + first, dtype, shape, by_columns=False)
    rows = rows._replace(labels=labels_of(metadata.get("labels"), shape[-1]))
    return _widened(rows) if name == "BF16" else rows


def _widened(rows: Rows) -> Rows:
    """Return bfloat16, read as its bits, as float32, whose upper half it is."""

    def read(start: int, stop: int, size: int) -> Iterator[NDArray[Any]]:
        for bits in rows.read(start, stop, size):
            yield (bits.astype(np.uint32) << 16).view(np.float32)

    return rows._replace(dtype=np.dtype(np.float32), read=read)


def open_zarr(path: Path, columns: Columns) -> Rows:
    """Return the rows of an array of a Zarr store, which are read chunk by chunk."""
    zarr = optional("zarr", "dask", ".zarr stores")
    with whole(".zarr"):
        node = zarr.open(path, mode="r")
        arrays = dict(sorted(node.arrays())) if isinstance(node, zarr.Group) else None
    if arrays is None:
        no_columns(".zarr", columns)
        array = node
    else:
        meant = [name for name, each in arrays.items() if each.ndim in {1, 2} and each.size]
        array = arrays[_pick(list(arrays), meant, columns)]
    check_array(array.shape, array.dtype, real=array.dtype.kind in "biuf")

    def read(start: int, stop: int, size: int) -> Iterator[NDArray[Any]]:
        if array.ndim == 1:
            with whole(".zarr"):
                row = array[:]
            yield row[None]
            return
        # A chunk is decompressed as a whole, whatever part of it is asked for.
        step = max(size // array.chunks[0], 1) * array.chunks[0]
        while start < stop:
            end = min((start // step + 1) * step, stop)
            with whole(".zarr"):
                piece = array[start:end]
            yield piece
            start = end

    labels = labels_of(array.attrs.get("labels"), array.shape[-1])
    return Rows(array.shape, array.dtype, labels, read, step=array.chunks[0])
