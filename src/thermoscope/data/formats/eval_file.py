""".eval: the log of Inspect, a zip with one JSON for each sample.

Its parts are compressed with Zstandard, in older versions with Deflate. Python has Zstandard
from 3.14 on, PyArrow has it too.
"""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from thermoscope.data.content import BYTES_PER_TEXT_BYTE
from thermoscope.data.errors import check_memory, intact, optional
from thermoscope.data.formats.responses import Responses, responses_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["open_eval"]

# A large sample has a folder of its own, with its messages and events apart.
SAMPLE: Final = re.compile(r"samples/(.+)_epoch_(\d+)(?:/sample)?\.json")
ZSTANDARD: Final = 93
"""Compression method 93 of the ZIP File Format Specification, 4.4.5."""
LOCAL_HEADER: Final = 30
"""Bytes before the name of a part, by the same specification, 4.3.7."""


def open_eval(path: Path) -> Responses:
    """Return the answers of all samples, by epoch and then by sample."""
    notes: list[str] = []
    with intact(".eval"), zipfile.ZipFile(path) as file:
        samples = sorted(filter(_match, file.infolist()), key=_order)
    check_memory(sum(sample.file_size for sample in samples) * BYTES_PER_TEXT_BYTE)
    found = responses_of(_documents(path, samples, notes), notes)
    if found is None:
        raise ValueError(notes[0] if notes else "not a log of Inspect: there are no samples in it")
    return found


def _documents(
    path: Path, samples: list[zipfile.ZipInfo], notes: list[str]
) -> Iterator[tuple[str, Any]]:
    """Iterate over the samples; a damaged one costs itself."""
    with zipfile.ZipFile(path) as file:
        for sample in samples:
            try:
                yield sample.filename, json.loads(_content(file, sample))
            except (ValueError, RecursionError, zipfile.BadZipFile, zlib.error):
                notes.append(f"{sample.filename} can't be read: cut short or damaged")


def _content(file: zipfile.ZipFile, sample: zipfile.ZipInfo) -> bytes:
    with suppress(NotImplementedError):
        return file.read(sample)
    if sample.compress_type != ZSTANDARD or file.fp is None:
        raise zipfile.BadZipFile
    arrow = optional("pyarrow", "files", ".eval files")
    file.fp.seek(sample.header_offset)
    header = file.fp.read(LOCAL_HEADER)
    lengths = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    file.fp.seek(lengths, 1)
    data: bytes = arrow.decompress(
        file.fp.read(sample.compress_size), sample.file_size, "zstd", asbytes=True
    )
    if zlib.crc32(data) != sample.CRC:
        raise zipfile.BadZipFile
    return data


def _match(sample: zipfile.ZipInfo) -> re.Match[str] | None:
    return SAMPLE.fullmatch(sample.filename)


def _order(sample: zipfile.ZipInfo) -> tuple[int, bool, int, str]:
    """Sort by epoch, then samples with a number as name by it, then the others."""
    name, epoch = _match(sample).groups()  # type: ignore[union-attr]
    is_number = name.isdecimal()
    return int(epoch), not is_number, int(name) if is_number else 0, name
