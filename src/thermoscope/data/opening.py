"""Which format opens a file: by the ending of its name, or, in a text, by how it begins."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Final, TypeAlias

from thermoscope.data.content import Archive, Array, Table, Text
from thermoscope.data.formats import delimited, json_text
from thermoscope.data.formats.arrow import open_arrow
from thermoscope.data.formats.eval_file import open_eval
from thermoscope.data.formats.lm_eval import Samples
from thermoscope.data.formats.npy import open_npy
from thermoscope.data.formats.npz import open_npz
from thermoscope.data.formats.parquet import open_parquet
from thermoscope.data.formats.responses import Responses
from thermoscope.data.formats.safetensors import open_safetensors
from thermoscope.data.formats.torch_file import open_torch
from thermoscope.data.formats.zarr import open_zarr

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["ENDINGS", "Content", "check_file", "open_content", "open_text"]

Content: TypeAlias = Array | Archive | Table | Responses | Samples
"""What a file may hold."""

_BINARY: Final[dict[str, Callable[[Path], Content]]] = {
    ".npy": open_npy,
    ".npz": open_npz,
    ".safetensors": open_safetensors,
    ".pt": open_torch,
    ".pth": open_torch,
    ".parquet": open_parquet,
    ".feather": open_arrow,
    ".arrow": open_arrow,
    ".eval": open_eval,
}
_TEXTS: Final = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".sse")
ENDINGS: Final = (*_BINARY, ".zarr", *_TEXTS)


def open_content(path: Path) -> Content:
    """Return what a file holds; only as much is read as says how many rows there are."""
    ending = path.suffix.lower()
    if ending == ".zarr" and path.is_dir():
        return open_zarr(path)
    check_file(path)
    if ending == ".zarr":
        raise ValueError("a .zarr store is a folder")
    if ending in _BINARY:
        return _BINARY[ending](path)
    if ending in _TEXTS:
        return open_text(Text.of_file(path))
    *most, last = ENDINGS
    raise ValueError(f"logits must be in a {', '.join(most)} or {last} file")


def open_text(text: Text) -> Content:
    """Return what a text holds: JSON, an answer of a server, or a table."""
    if text.ending in {".json", ".jsonl", ".ndjson", ".sse"} or (
        text.ending not in {".csv", ".tsv"} and json_text.may_be_json(text)
    ):
        return json_text.open_text(text)
    return delimited.open_text(text)


def check_file(path: Path) -> None:
    """Raise an error if a path is not an ordinary file, or the file is empty."""
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise ValueError("this is a folder")
    if not stat.S_ISREG(status.st_mode):
        raise ValueError('not an ordinary file: read a pipe from standard input, with "-"')
    if status.st_size == 0:
        raise ValueError("the file is empty")
