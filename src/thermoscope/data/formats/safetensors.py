""".safetensors: the length of a JSON header in eight bytes, the header, the bytes of tensors."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from thermoscope.data.content import Archive, Array, stored_labels, unreadable
from thermoscope.data.errors import intact
from thermoscope.data.formats.npy import stored

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from thermoscope.data.content import Rows


__all__ = ["open_safetensors", "write"]

LONGEST_HEADER: Final = 100_000_000
"""A header may not be longer, says the format."""
# bfloat16 is read as its bits.
TYPES: Final = dict(
    zip(
        ["F64", "F32", "F16", "BF16", "BOOL", "I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8"],
        ["<f8", "<f4", "<f2", "<u2", "?", "<i8", "<i4", "<i2", "i1", "<u8", "<u4", "<u2", "u1"],
        strict=True,
    )
)


def open_safetensors(path: Path) -> Archive:
    """Return the tensors of a .safetensors file; bfloat16 as float32."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        start, end = 8 + length, path.stat().st_size
        if length > min(LONGEST_HEADER, end - 8):
            raise ValueError("not a whole .safetensors file: cut short or damaged")
        with intact(".safetensors"):
            header = json.loads(file.read(length))
            labels = header.pop("__metadata__", {}).get("labels")
            return Archive(
                {name: _tensor(path, entry, labels, start, end) for name, entry in header.items()}
            )


def _tensor(path: Path, entry: dict[str, Any], labels: object, start: int, end: int) -> Array:
    name = str(entry["dtype"])
    shape = tuple(map(int, entry["shape"]))
    first, last = map(int, entry["data_offsets"])
    if min(shape, default=0) < 0 or not 0 <= first <= last <= end - start:
        raise ValueError("a tensor that is not in the file")
    if name not in TYPES:
        return unreadable(shape, name)
    dtype = np.dtype(TYPES[name])
    if last - first != math.prod(shape) * dtype.itemsize:
        raise ValueError("a tensor that is not as long as its shape says")
    array = stored(path, start + first, dtype, shape, by_columns=False)
    if shape:
        array = array._replace(labels=stored_labels(labels, shape[-1]))
    return _widened(array) if name == "BF16" else array


def _widened(array: Array) -> Array:
    """Return bfloat16, read as its bits, as float32, whose upper half it is."""

    def read(start: int, stop: int, size: int) -> Iterator[NDArray[Any]]:
        for bits in array.read(start, stop, size):
            yield (bits.astype(np.uint32) << 16).view(np.float32)

    return array._replace(dtype=np.dtype(np.float32), read=read)


def write(path: Path, rows: Rows) -> None:
    """Write rows as a tensor "rows"; labels go to the metadata."""
    # The bytes of the format stand in the order of a little-endian machine.
    dtype = rows.dtype.newbyteorder("<")
    names = {np.dtype(text): name for name, text in TYPES.items() if name != "BF16"}
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
