"""How each format of a file of logits is read: rows of numbers, a few at a time."""

from __future__ import annotations

import re
import stat
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from thermoscope.readers.arrays import map_npy, open_npy, open_npz, open_safetensors, open_zarr
from thermoscope.readers.rows import (
    BYTES_PER_LOGIT,
    Rows,
    check_memory,
    one_row,
    optional,
    rebatched,
    whole,
)
from thermoscope.readers.tables import TABLES, arrow_kind, open_table
from thermoscope.readers.texts import (
    decoded,
    kind,
    lines_of,
    load_json,
    open_csv,
    open_json,
    open_jsonl,
    parse_json,
    text_column,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Columns = str | Sequence[str] | None

__all__ = [
    "BYTES_PER_LOGIT",
    "ENDINGS",
    "Rows",
    "check_file",
    "check_memory",
    "decoded",
    "kind",
    "lines_of",
    "load_json",
    "open_column",
    "open_rows",
    "optional",
    "parse_text",
    "rebatched",
]


def open_rows(path: Path, columns: Columns = None) -> Rows:
    """Return the rows in a file, of which no more was read than what says how many there are."""
    ending = path.suffix.lower()
    if ending == ".zarr" and path.is_dir():
        return open_zarr(path, columns)
    check_file(path)
    if ending == ".zarr":
        raise ValueError("a .zarr store is a folder")
    if ending not in _OPENERS:
        *most, last = ENDINGS
        raise ValueError(f"logits must be in a {', '.join(most)} or {last} file")
    rows = _OPENERS[ending](path, columns)
    if 0 in rows.shape:
        raise ValueError(f"logits must hold at least one number, got shape {rows.shape}")
    return rows


def open_column(
    path: Path, columns: str | None = None, labels: Sequence[str] = ()
) -> NDArray[Any] | list[str]:
    """Return the numbers, 1-D or 2-D, or the words that a file holds for the rows of another.

    The first word of a column of a text table is its name where it is neither a number nor one
    of `labels`.
    """
    ending = path.suffix.lower()
    if ending != ".zarr":
        check_file(path)
    if ending == ".txt":
        return lines_of(decoded(path))
    if ending in {".csv", ".tsv"}:
        return text_column(path, columns, labels)
    if ending in TABLES:
        count, schema, batches = TABLES[ending](path)
        names: list[str] = schema.names if columns is None else [columns]
        if (
            len(names) == 1
            and names[0] in schema.names
            and arrow_kind(schema.field(names[0]).type) == "text"
        ):
            with whole(ending):
                each = batches(0, count, max(count, 1), names)
                return [str(word) for _, batch in each for word in batch.column(0).to_pylist()]
    if ending == ".json":
        data = load_json(decoded(path))
        if isinstance(data, list) and data and all(isinstance(word, str) for word in data):
            return data
    if ending == ".npy" and (array := map_npy(path)).dtype.kind == "U":
        return [str(word) for word in array.ravel().tolist()]
    rows = open_rows(path, columns)
    count = 1 if len(rows.shape) == 1 else rows.shape[0]
    check_memory(rows.dtype.itemsize * count * rows.shape[-1])
    return np.concatenate(list(rows.read(0, count, count))).reshape(rows.shape)


def parse_text(text: str) -> Rows:
    """Return what a text says: JSON, or numbers with spaces, commas or line ends between."""
    if text.lstrip().startswith(("[", "{", "data:")):
        return parse_json(text)
    words = re.split(r"\s*,\s*|\s+", text.strip()) if text.strip() else []
    values = []
    for index, word in enumerate(words):
        try:
            values.append(float(word))
        except ValueError:
            raise ValueError(f"item {index} must be a number, got {word!r}") from None
    return one_row(values)


def check_file(path: Path) -> None:
    """Raise an error for a folder and for an empty file."""
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise ValueError("this is a folder")
    if stat.S_ISREG(status.st_mode) and status.st_size == 0:
        raise ValueError("the file is empty")


_OPENERS: Final[dict[str, Callable[[Path, Columns], Rows]]] = {
    ".npy": open_npy,
    ".npz": open_npz,
    ".csv": open_csv,
    ".tsv": open_csv,
    ".json": open_json,
    ".jsonl": open_jsonl,
    ".parquet": open_table,
    ".feather": open_table,
    ".arrow": open_table,
    ".safetensors": open_safetensors,
}


ENDINGS: Final = (*_OPENERS, ".zarr")
