"""How each format of a file of logits is read: rows of numbers, a few at a time.

Those that are read here without a library are .npy and .npz (NumPy Enhancement Proposal 1), .csv
(RFC 4180), JSON lines, and .safetensors (its README: the length of a JSON header in eight bytes,
the header, the bytes of the tensors).
"""

from __future__ import annotations

import bisect
import codecs
import csv
import io
import json
import math
import os
import re
import stat
import sys
import zipfile
from contextlib import contextmanager, suppress
from importlib import import_module
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple, NoReturn

import numpy as np

from thermoscope import logprobs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    Columns = str | Sequence[str] | None

__all__ = ["ENDINGS", "Rows", "open_column", "open_rows", "parse_text", "rebatched"]

# A row stands in memory as float64, as its probabilities, and as the page or the text of both.
BYTES_PER_LOGIT: Final = 4 * 8
# The shortest number in a text takes two bytes there and a Python float in a list takes 32.
BYTES_PER_TEXT_BYTE: Final = 16
# So much of a text is looked at at a time.
TEXT_BLOCK: Final = 1 << 20
# A line that is longer is read only where the whole text would fit into memory.
LONGEST_LINE: Final = 1 << 26
# A header of safetensors may not be longer, says the format.
LONGEST_HEADER: Final = 100_000_000

# JSON has no words for these three; `thermoscope softmax --json` writes them as such strings.
NOT_FINITE: Final = ("inf", "-inf", "nan")

# bfloat16 is read as its bits.
TENSOR_TYPES: Final = dict(
    zip(
        ["F64", "F32", "F16", "BF16", "BOOL", "I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8"],
        ["<f8", "<f4", "<f2", "<u2", "?", "<i8", "<i4", "<i2", "i1", "<u8", "<u4", "<u2", "u1"],
        strict=True,
    )
)


class Rows(NamedTuple):
    """What opening a file found.

    Attributes
    ----------
    shape : tuple of int
        (n,) for a file of one row, else (rows, lanes).
    dtype : dtype
        Of what `read` gives.
    labels : tuple of str or None
        One for each lane, where the file names them.
    read : callable
        ``read(start, stop, size)`` iterates over arrays of shape (any, lanes), which together are
        the rows from `start` to `stop`; `size` is how many rows the caller wants at once.
    own_labels : sequence of tuple of str or None
        Where each row has labels and a number of lanes of its own; what is missing at its end is
        filled up with -inf, which has no weight.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    labels: tuple[str, ...] | None
    read: Callable[[int, int, int], Iterator[NDArray[Any]]]
    own_labels: Sequence[tuple[str, ...]] | None = None


def open_rows(path: Path, columns: Columns = None) -> Rows:
    """Return the rows in a file, of which no more was read than what says how many there are."""
    ending = path.suffix.lower()
    if ending == ".zarr" and path.is_dir():
        return _open_zarr(path, columns)
    file_size(path)
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
        file_size(path)
    if ending == ".txt":
        return lines_of(decoded(path))
    if ending in {".csv", ".tsv"}:
        return _text_column(path, columns, labels)
    if ending in _TABLES:
        count, schema, batches = _TABLES[ending](path)
        names: list[str] = schema.names if columns is None else [columns]
        if (
            len(names) == 1
            and names[0] in schema.names
            and _arrow_kind(schema.field(names[0]).type) == "text"
        ):
            each = batches(0, count, max(count, 1), names)
            return [str(word) for _, batch in each for word in batch.column(0).to_pylist()]
    if ending == ".json":
        data = load_json(decoded(path))
        if isinstance(data, list) and data and all(isinstance(word, str) for word in data):
            return data
    if ending == ".npy" and (array := _npy(path)).dtype.kind == "U":
        return [str(word) for word in array.ravel().tolist()]
    rows = open_rows(path, columns)
    count = 1 if len(rows.shape) == 1 else rows.shape[0]
    check_memory(rows.dtype.itemsize * count * rows.shape[-1])
    return np.concatenate(list(rows.read(0, count, count))).reshape(rows.shape)


def _text_column(path: Path, column: str | None, labels: Sequence[str]) -> NDArray[Any] | list[str]:
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    records = list(_records(decoded(path).encode(), 1, delimiter))
    if not records:
        raise ValueError("there are no numbers in it")
    first = records[0][1]
    for line, cells in records:
        if len(cells) != len(first):
            _refuse(line, f"must have {len(first)} columns, got {len(cells)}")
    if column is not None:
        if column not in first:
            raise ValueError(f"columns must be one of {_listed(first)}, got {column!r}")
        at = first.index(column)
        return [cells[at] for _, cells in records[1:]]
    named = not any(map(_is_number, first))
    if len(first) == 1:
        return [cells[0] for _, cells in records[named and first[0] not in labels :]]
    rows = records[named:]
    if not all(_is_number(cell) for _, cells in rows for cell in cells):
        raise ValueError(f"choose columns, of {_listed(first)}")
    return np.array([[float(cell) for cell in cells] for _, cells in rows])


def parse_text(text: str) -> Rows:
    """Return what a text says: JSON, or numbers with spaces, commas or line ends between."""
    if text.lstrip().startswith(("[", "{", "data:")):
        return _parse_json(text)
    words = re.split(r"\s*,\s*|\s+", text.strip()) if text.strip() else []
    values = []
    for index, word in enumerate(words):
        try:
            values.append(float(word))
        except ValueError:
            raise ValueError(f"item {index} must be a number, got {word!r}") from None
    return _one_row(values)


def rebatched(pieces: Iterable[NDArray[Any]], size: int) -> Iterator[NDArray[Any]]:
    """Cut and join arrays so that each has `size` rows, but for the last."""
    held: list[NDArray[Any]] = []
    count = 0
    for whole in pieces:
        piece = whole
        while len(piece):
            held.append(piece[: size - count])
            piece = piece[size - count :]
            count += len(held[-1])
            if count == size:
                yield held[0] if len(held) == 1 else np.concatenate(held)
                held, count = [], 0
    if held:
        yield held[0] if len(held) == 1 else np.concatenate(held)


def optional(module: str, extra: str, what: str) -> Any:  # noqa: ANN401 - a module
    """Return a module that an extra brings."""
    try:
        return import_module(module)
    except ImportError as error:
        name = module.partition(".")[0]
        raise ImportError(f'{what} need {name}: pip install "thermoscope[{extra}]"') from error


def file_size(path: Path) -> int:
    """Return the size of a file in bytes; a folder and an empty file are errors."""
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise ValueError("this is a folder")
    if stat.S_ISREG(status.st_mode) and status.st_size == 0:
        raise ValueError("the file is empty")
    return status.st_size


def check_memory(needed: int) -> None:
    """Raise an error if `needed` bytes are more than this machine, or container, has."""
    limits = [sys.maxsize]
    with suppress(AttributeError, OSError, ValueError):  # AttributeError: not POSIX
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with suppress(OSError, ValueError):  # ValueError: the limit is "max"
        limits.append(int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    if needed > min(limits):
        needs, has = needed / 2**30, min(limits) / 2**30
        raise ValueError(f"larger than memory: needs about {needs:,.0f} GiB of {has:,.0f} GiB")


def decoded(path: Path) -> str:
    """Return the text of a file, if there is memory for what it holds."""
    check_memory(path.stat().st_size * BYTES_PER_TEXT_BYTE)
    return path.read_bytes().decode("utf-8-sig")


def lines_of(text: str) -> list[str]:
    """Return the lines of a text without their ends."""
    # str.splitlines would also split at characters that are tokens of their own.
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


@contextmanager
def _whole(ending: str) -> Iterator[None]:
    """Say in one way what a library says in many: that a file of its format is not whole."""
    try:
        yield
    except (ImportError, MemoryError):
        raise
    except OSError as error:
        # What the system says has a number; what PyArrow says of a file has none.
        if error.errno is not None:
            raise
        raise ValueError(f"not a whole {ending} file: cut short or damaged") from error
    except Exception as error:
        raise ValueError(f"not a whole {ending} file: cut short or damaged") from error


def _check_array(shape: tuple[int, ...], dtype: object, *, real: bool) -> None:
    if not real:
        raise ValueError(f"logits must be real numbers, got {dtype}")
    if len(shape) not in {1, 2}:
        raise ValueError(f"logits must be 1-D, or 2-D with a row, got shape {shape}")
    if 0 in shape:
        raise ValueError(f"logits must hold at least one number, got shape {shape}")


def _no_columns(ending: str, columns: Columns) -> None:
    if columns is not None:
        raise ValueError(f"columns must be left out for a {ending} file, got {columns!r}")


def _listed(names: Iterable[str]) -> str:
    """Return names for one line of an error."""
    names = list(names)
    text = ", ".join(map(repr, names[:10]))
    return f"{text} and {len(names) - 10:,} more" if len(names) > 10 else text


def _pick(names: Sequence[str], meant: Sequence[str], columns: Columns) -> str:
    """Return the name of the one array to read, of those that a file holds."""
    if columns is None:
        if len(meant) == 1:
            return meant[0]
        if not meant:
            raise ValueError(f"no array of logits among {_listed(names)}" if names else "no array")
        raise ValueError(f"choose an array with columns, one of {_listed(meant)}")
    wanted = [columns] if isinstance(columns, str) else list(columns)
    if len(wanted) != 1 or wanted[0] not in names:
        raise ValueError(f"columns must be one of {_listed(names)}, got {_listed(wanted)}")
    return wanted[0]


def _labels(text: object, count: int) -> tuple[str, ...] | None:
    """Return the labels that `write_rows` left in the metadata of a file, if they are such."""
    labels = text
    if isinstance(text, (str, bytes)):
        with suppress(ValueError):
            labels = json.loads(text)
    if (
        isinstance(labels, list)
        and len(labels) == count
        and all(isinstance(label, str) for label in labels)
    ):
        return tuple(labels)
    return None


def _one_row(values: Sequence[float], labels: Sequence[str] | None = None) -> Rows:
    if not values:
        raise ValueError("there are no numbers in it")
    return _held(np.array(values), labels)


def _held(
    array: NDArray[Any],
    labels: Sequence[str] | None = None,
    own_labels: Sequence[tuple[str, ...]] | None = None,
) -> Rows:
    """Return rows which are in memory."""

    def read(start: int, stop: int, _: int) -> Iterator[NDArray[Any]]:
        yield np.atleast_2d(array)[start:stop]

    names = None if labels is None else tuple(labels)
    return Rows(array.shape, array.dtype, names, read, own_labels)


# Arrays of bytes: .npy, .npz, .safetensors


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


def _open_npy(path: Path, columns: Columns) -> Rows:
    _no_columns(".npy", columns)
    array = _npy(path)
    _check_array(array.shape, array.dtype, real=array.dtype.kind in "biuf")
    by_columns = array.ndim == 2 and not array.flags.c_contiguous
    return _bytes(path, array.offset, array.dtype, array.shape, by_columns=by_columns)


def _npy(path: Path) -> np.memmap[Any, Any]:
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


class _Member(NamedTuple):
    """An array in a .npz file: what its header says, and where its bytes start."""

    shape: tuple[int, ...]
    by_columns: bool
    dtype: np.dtype[Any]
    header: int


def _open_npz(path: Path, columns: Columns) -> Rows:
    with _whole(".npz"), zipfile.ZipFile(path) as archive:
        infos = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        members = {name: _member(archive, info) for name, info in infos.items()}
    meant = [
        name
        for name, member in members.items()
        if member.dtype.kind in "biuf" and len(member.shape) in {1, 2} and 0 not in member.shape
    ]
    name = _pick(list(members), meant, columns)
    member, info = members[name], infos[name]
    _check_array(member.shape, member.dtype, real=member.dtype.kind in "biuf")
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
    with _whole(".npz"), zipfile.ZipFile(path) as archive, archive.open(info) as file:
        return _held(np.lib.format.read_array(file, allow_pickle=False))


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


def _open_safetensors(path: Path, columns: Columns) -> Rows:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        start, end = 8 + length, path.stat().st_size
        if length > min(LONGEST_HEADER, end - 8):
            raise ValueError("not a whole .safetensors file: cut short or damaged")
        with _whole(".safetensors"):
            header = json.loads(file.read(length))
            metadata = header.pop("__metadata__", {})
            tensors = {name: _Tensor.of(tensor) for name, tensor in header.items()}
    meant = [
        name
        for name, (dtype, shape, _, _) in tensors.items()
        if dtype in TENSOR_TYPES and len(shape) in {1, 2} and 0 not in shape
    ]
    name, shape, first, last = tensors[_pick(list(tensors), meant, columns)]
    _check_array(shape, name, real=name in TENSOR_TYPES)
    dtype = np.dtype(TENSOR_TYPES[name])
    if last - first != math.prod(shape) * dtype.itemsize or not 0 <= first <= last <= end - start:
        raise ValueError("not a whole .safetensors file: cut short or damaged")
    rows = _bytes(path, start + first, dtype, shape, by_columns=False)
    rows = rows._replace(labels=_labels(metadata.get("labels"), shape[-1]))
    return _widened(rows) if name == "BF16" else rows


def _widened(rows: Rows) -> Rows:
    """Return bfloat16, read as its bits, as float32, whose upper half it is."""

    def read(start: int, stop: int, size: int) -> Iterator[NDArray[Any]]:
        for bits in rows.read(start, stop, size):
            yield (bits.astype(np.uint32) << 16).view(np.float32)

    return rows._replace(dtype=np.dtype(np.float32), read=read)


def _open_zarr(path: Path, columns: Columns) -> Rows:
    zarr = optional("zarr", "dask", ".zarr stores")
    with _whole(".zarr"):
        node = zarr.open(path, mode="r")
        arrays = dict(sorted(node.arrays())) if isinstance(node, zarr.Group) else None
    if arrays is None:
        _no_columns(".zarr", columns)
        array = node
    else:
        meant = [name for name, each in arrays.items() if each.ndim in {1, 2} and each.size]
        array = arrays[_pick(list(arrays), meant, columns)]
    _check_array(array.shape, array.dtype, real=array.dtype.kind in "biuf")

    def read(start: int, stop: int, size: int) -> Iterator[NDArray[Any]]:
        if array.ndim == 1:
            with _whole(".zarr"):
                row = array[:]
            yield row[None]
            return
        # A chunk is decompressed as a whole, whatever part of it is asked for.
        step = max(size // array.chunks[0], 1) * array.chunks[0]
        while start < stop:
            end = min((start // step + 1) * step, stop)
            with _whole(".zarr"):
                piece = array[start:end]
            yield piece
            start = end

    labels = _labels(array.attrs.get("labels"), array.shape[-1])
    return Rows(array.shape, array.dtype, labels, read)


# Tables: .parquet, .feather, .arrow, and the choice of columns for .csv, too


def _choose(
    names: Sequence[str], kinds: Sequence[str], columns: Columns
) -> tuple[list[int], int | None]:
    """Return which columns of a table hold logits and, beside a single one, which the labels.

    A kind is "list", "float", "integer", "text" or "other".
    """
    if columns is None:
        at = [index for index, kind in enumerate(kinds) if kind == "list"]
        if len(at) > 1 or not at:
            floats = [index for index, kind in enumerate(kinds) if kind == "float"]
            integers = [index for index, kind in enumerate(kinds) if kind == "integer"]
            if at or (floats and integers):
                raise ValueError(f"choose columns, of {_listed(names)}")
            at = floats or integers
        if not at:
            raise ValueError("there are no numbers in it")
    else:
        wanted = [columns] if isinstance(columns, str) else list(columns)
        unknown = [name for name in wanted if name not in names]
        if unknown or not wanted:
            raise ValueError(
                f"columns must be among {_listed(names)}, got {_listed(unknown) or 'none'}"
            )
        at = [list(names).index(name) for name in wanted]
        for index in at:
            kind = kinds[index]
            if kind in {"text", "other"} or (kind == "list" and len(at) > 1):
                raise ValueError(f"column {names[index]!r} must be of numbers, got {kind}")
    texts = [index for index, kind in enumerate(kinds) if kind == "text" and index not in at]
    return at, texts[0] if len(at) == len(texts) == 1 else None


class _Table(NamedTuple):
    """A file of record batches: how many rows, of what schema, and how to read some of them."""

    length: int
    schema: Any
    # (start, stop, size, names of columns) -> (number of the first row, record batch), in order,
    # of which the first may begin before `start` and the last end after `stop`.
    batches: Callable[[int, int, int, list[str]], Iterator[tuple[int, Any]]]


def _parquet(path: Path) -> _Table:
    parquet = optional("pyarrow.parquet", "files", ".parquet files")
    with _whole(".parquet"):
        metadata = parquet.ParquetFile(path).metadata
        schema = metadata.schema.to_arrow_schema()
        lengths = [metadata.row_group(at).num_rows for at in range(metadata.num_row_groups)]
    starts = np.concatenate([[0], np.cumsum(lengths)]).tolist()

    def batches(start: int, stop: int, size: int, names: list[str]) -> Iterator[tuple[int, Any]]:
        first = bisect.bisect_right(starts, start) - 1
        groups = list(range(first, bisect.bisect_left(starts, stop)))
        at = starts[first]
        # Buffered: a group may be as large as the file.
        with parquet.ParquetFile(
            path, metadata=metadata, buffer_size=1 << 16, pre_buffer=False
        ) as file:
            for batch in file.iter_batches(size, row_groups=groups, columns=names):
                yield at, batch
                at += batch.num_rows

    return _Table(starts[-1], schema, batches)


def _arrow(path: Path) -> _Table:
    ending = path.suffix.lower()
    arrow = optional("pyarrow", "files", f"{ending} files")
    ipc = optional("pyarrow.ipc", "files", f"{ending} files")
    with path.open("rb") as file:
        is_file = file.read(6) == b"ARROW1"

    opened = ipc.open_file if is_file else ipc.open_stream

    with _whole(ending), arrow.memory_map(os.fspath(path)) as source:
        # Mapped, an uncompressed batch costs no memory until its numbers are looked at.
        reader = opened(source)
        schema = reader.schema
        each = map(reader.get_batch, range(reader.num_record_batches)) if is_file else reader
        starts = [0, *accumulate(batch.num_rows for batch in each)]

    def batches(start: int, stop: int, size: int, names: list[str]) -> Iterator[tuple[int, Any]]:
        with arrow.memory_map(os.fspath(path)) as source:
            reader = opened(source)
            for index, first in enumerate(starts[:-1]):
                if first >= stop:
                    return
                if is_file and starts[index + 1] <= start:
                    continue
                # A stream has no index: what comes before is passed over.
                batch = reader.get_batch(index) if is_file else reader.read_next_batch()
                for at in range(0, batch.num_rows, size):
                    yield first + at, batch.select(names).slice(at, size)

    return _Table(starts[-1], schema, batches)


def _open_table(path: Path, columns: Columns) -> Rows:
    ending = path.suffix.lower()
    count, schema, batches = _TABLES[ending](path)
    # Pandas keeps the index of a frame that was filtered as a column of its own.
    names = [name for name in schema.names if not re.fullmatch(r"__index_level_\d+__", name)]
    chosen, label_at = _choose(
        names, [_arrow_kind(schema.field(name).type) for name in names], columns
    )
    wanted = [names[index] for index in chosen]
    types = [schema.field(name).type for name in wanted]
    if count == 0:
        raise ValueError("there are no rows in it")

    pieces = _guarded(batches, ending)
    is_list = _arrow_kind(types[0]) == "list"
    if len(wanted) == 1 and not is_list:
        check_memory(count * BYTES_PER_LOGIT)
        texts = [] if label_at is None else [names[label_at]]
        found = list(pieces(0, count, count, wanted + texts))
        values = [_column(batch.column(wanted[0]), first) for first, batch in found]
        words = [
            str(word) for _, batch in found for name in texts for word in batch[name].to_pylist()
        ]
        return _held(np.concatenate(values), words if texts else None)

    dtype = np.result_type(
        *[(each.value_type if is_list else each).to_pandas_dtype() for each in types]
    )
    lanes, labels = len(wanted), None if is_list else tuple(wanted)
    if is_list:
        _, head = next(pieces(0, 1, 1, wanted))
        lanes = len(head.column(0)[0] or ())
        labels = _labels((schema.metadata or {}).get(b"labels"), lanes)

    def read(start: int, stop: int, size: int) -> Iterator[NDArray[Any]]:
        for first, batch in pieces(start, stop, size, wanted):
            if is_list:
                yield _lists(batch.column(0), lanes, first)
            else:
                array = np.empty((batch.num_rows, lanes), dtype)
                for lane, name in enumerate(wanted):
                    array[:, lane] = _column(batch.column(name), first)
                yield array

    return Rows((count, lanes), dtype, labels, read)


def _guarded(
    batches: Callable[[int, int, int, list[str]], Iterator[tuple[int, Any]]], ending: str
) -> Callable[[int, int, int, list[str]], Iterator[tuple[int, Any]]]:
    """Return `batches` cut to the rows that were asked for, with errors in our words."""

    def pieces(start: int, stop: int, size: int, names: list[str]) -> Iterator[tuple[int, Any]]:
        found = batches(start, stop, size, names)
        while start < stop:
            with _whole(ending):
                first, batch = next(found)
            skipped = max(start - first, 0)
            if skipped < batch.num_rows:
                piece = batch.slice(skipped, stop - first - skipped)
                yield start, piece
                start += piece.num_rows

    return pieces


def _arrow_kind(type_: Any) -> str:  # noqa: ANN401 - a type of PyArrow
    types = import_module("pyarrow.types")
    if types.is_list(type_) or types.is_large_list(type_) or types.is_fixed_size_list(type_):
        return "list" if _arrow_kind(type_.value_type) in {"float", "integer"} else "other"
    if types.is_dictionary(type_):
        type_ = type_.value_type
    if types.is_string(type_) or types.is_large_string(type_) or types.is_string_view(type_):
        return "text"
    if types.is_floating(type_):
        return "float"
    return "integer" if types.is_integer(type_) or types.is_boolean(type_) else "other"


def _column(column: Any, first: int) -> NDArray[Any]:  # noqa: ANN401 - an array of PyArrow
    """Return a column as an array: what is missing is NaN, or an error where it has no NaN."""
    if column.null_count and _arrow_kind(column.type) != "float":
        row = first + column.is_null().index(True).as_py()
        raise ValueError(f"row {row} has no number")
    array: NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return array


def _lists(column: Any, lanes: int, first: int) -> NDArray[Any]:  # noqa: ANN401 - likewise
    lengths = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    if (lengths != lanes).any():
        at = int(np.argmax(lengths != lanes))
        raise ValueError(
            f"row {first + at} must have {lanes} numbers, as row 0 has, got {lengths[at]}"
        )
    return _column(column.flatten(), first).reshape(-1, lanes)


# Texts: .csv, .tsv, .json, .jsonl


class _Lines:
    """Where the rows of a text stand: what lets a row be read without those before it.

    Attributes
    ----------
    count : int
        How many rows there are; blank lines are none.
    blocks : list of (row, byte, line)
        The first row of each block of about `TEXT_BLOCK` bytes, and where it stands.
    """

    def __init__(self, path: Path, start: int, line: int, *, quotes: bool) -> None:
        self.path = path
        self.count = 0
        self.blocks = [(0, start, line)]
        with path.open("rb") as file:
            file.seek(start)
            # Of the line that the last piece left unfinished.
            content, last, in_quotes, at = 0, 0, False, start
            while data := file.read(TEXT_BLOCK):
                piece = np.frombuffer(data, np.uint8)
                is_end = piece == ord("\n")
                if (quotes and b'"' in data) or in_quotes:
                    inside = np.logical_xor.accumulate(piece == ord('"')) ^ in_quotes
                    in_quotes = bool(inside[-1])
                    lines_in_quotes = int(np.count_nonzero(is_end & inside))
                    is_end &= ~inside
                else:
                    lines_in_quotes = 0
                ends = np.flatnonzero(is_end)
                if ends.size:
                    # A line of nothing but its end is none; "\r\n" is an end of two.
                    starts = np.concatenate([[-1], ends[:-1]]) + 1
                    length = ends - starts - (piece[np.maximum(ends - 1, 0)] == ord("\r"))
                    length[0] += content - (ends[0] == 0 and last == ord("\r"))
                    self.count += int(np.count_nonzero(length > 0))
                    line += ends.size
                    self.blocks.append((self.count, at + int(ends[-1]) + 1, line))
                    content = 0
                    rest = piece.size - int(ends[-1]) - 1
                else:
                    rest = piece.size
                content += rest
                line += lines_in_quotes
                at += piece.size
                last = data[-1]
                if content > LONGEST_LINE:
                    check_memory(path.stat().st_size * BYTES_PER_TEXT_BYTE)
            if content > (last == ord("\r")):
                self.count += 1
            self.blocks.append((self.count, at, line))

    def read(self, start: int, stop: int) -> Iterator[tuple[int, int, int, bytes]]:
        """Iterate over blocks which hold some rows: the first, how many, its line, the text."""
        at = bisect.bisect_right(self.blocks, start, key=lambda block: block[0]) - 1
        with self.path.open("rb") as file:
            for (row, first, line), (end, last, _) in pairwise(self.blocks[at:]):
                if row >= stop:
                    return
                file.seek(first)
                if end > row:
                    yield row, end - row, line, file.read(last - first)


def _open_csv(path: Path, columns: Columns) -> Rows:
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    head, begin, after, lines = _head(path, delimiter)
    if not head:
        raise ValueError("there are no numbers in it")
    first = head[0]
    if columns is None and len(first) <= 2:
        return _one_row(*_parse_csv(decoded(path), delimiter))
    sample = head[-1]
    if len(sample) != len(first):
        _refuse(lines + 1, f"must have {len(first)} columns, got {len(sample)}")
    kinds = ["float" if _is_number(cell) else "text" for cell in sample]
    words = [
        not _is_number(cell) for cell, kind in zip(first, kinds, strict=False) if kind == "float"
    ]
    # A header is of words: "1.O" is a slip, and its row must not vanish.
    named = columns is not None or all(words)
    if not named and any(words):
        _refuse(1, f"must be all names or all numbers, got {first[words.index(True)]!r}")
    names = first if named else [str(index) for index in range(len(first))]
    chosen, label_at = _choose(names, kinds, columns)
    index = _Lines(path, after if named else begin, lines + 1 if named else 1, quotes=True)
    if index.count == 0:
        raise ValueError("there are no numbers in it")

    def read(start: int, stop: int, _: int) -> Iterator[NDArray[Any]]:
        for row, count, line, data in index.read(start, stop):
            block = _table(data, (count, len(first)), chosen, line, delimiter)
            yield block[max(start - row, 0) : stop - row]

    if len(chosen) > 1:
        labels = tuple(names[at] for at in chosen) if named else None
        return Rows((index.count, len(chosen)), np.dtype(np.float64), labels, read)
    check_memory(path.stat().st_size * BYTES_PER_TEXT_BYTE)
    values = np.concatenate(list(read(0, index.count, index.count)))[:, 0]
    texts = None
    if label_at is not None:
        texts = [
            cells[label_at]
            for _, _, line, data in index.read(0, index.count)
            for _, cells in _records(data, line, delimiter)
        ]
    return _held(values, texts)


def _head(path: Path, delimiter: str) -> tuple[list[list[str]], int, int, int]:
    """Return up to two records of a text, where the first one starts and ends, and its lines."""
    records: list[list[str]] = []
    after = lines = 0
    with path.open("rb") as file:
        begin = 3 if file.read(3) == codecs.BOM_UTF8 else 0
        file.seek(begin)

        def texts() -> Iterator[str]:
            while line := _read_line(file, path):
                try:
                    yield line.decode()
                except UnicodeDecodeError as error:
                    at = file.tell() - len(line) + error.start
                    byte = line[error.start]
                    raise ValueError(f"not UTF-8 text: byte {at} is {byte:#04x}") from error

        reader = csv.reader(texts(), delimiter=delimiter, strict=True)
        try:
            for cells in filter(None, reader):
                records.append(cells)
                if len(records) == 2:
                    break
                after, lines = file.tell(), reader.line_num
        except csv.Error as error:
            _refuse(reader.line_num, str(error), error)
    return records, begin, after, lines


def _read_line(file: BinaryIO, path: Path) -> bytes:
    line = file.readline(LONGEST_LINE)
    if len(line) == LONGEST_LINE:
        check_memory(path.stat().st_size * BYTES_PER_TEXT_BYTE)
        line += file.readline()
    return line


def _records(data: bytes, line: int, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Iterate over the records of a text and the lines they end on."""
    # What is no UTF-8 is no number either, and the error shows what there is.
    text = io.StringIO(data.decode(errors="replace"), newline="")
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    try:
        for cells in filter(None, reader):
            yield line + reader.line_num - 1, cells
    except csv.Error as error:
        _refuse(line + reader.line_num - 1, str(error), error)


def _table(
    data: bytes, shape: tuple[int, int], chosen: list[int], line: int, delimiter: str
) -> NDArray[np.float64]:
    """Return some columns of a text of records, whose first stands on `line`."""
    count, width = shape
    text = data.decode(errors="replace")
    columns = None if chosen == list(range(width)) else chosen
    with suppress(ValueError):
        array = np.loadtxt(
            io.StringIO(text),
            delimiter=delimiter,
            quotechar='"',
            comments=None,
            usecols=columns,
            ndmin=2,
        )
        # Delimiters in quotes, and rows that are too long beside columns, are told apart below.
        if len(array) == count and text.count(delimiter) == count * (width - 1):
            return array
    rows = []
    for number, cells in _records(data, line, delimiter):
        if len(cells) != width:
            _refuse(number, f"must have {width} columns, got {len(cells)}")
        try:
            rows.append([float(cells[at]) for at in chosen])
        except ValueError:
            word = next(cells[at] for at in chosen if not _is_number(cells[at]))
            _refuse(number, f"must be of numbers, got {word!r}")
    if len(rows) != count:
        _refuse(line, "what follows has lone carriage returns, which end no line")
    return np.array(rows)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _parse_csv(text: str, delimiter: str) -> tuple[list[float], list[str] | None]:
    """Return the last column as numbers and, where there are two, the first as labels."""
    values: list[float] = []
    labels: list[str] = []
    columns = 0
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            if not cells:
                continue
            first = columns == 0
            columns = columns or len(cells)
            if len(cells) != columns:
                _refuse(reader.line_num, f"must have {columns} columns, got {len(cells)}")
            try:
                values.append(float(cells[-1]))
            except ValueError:
                # A header is a word: "1.O" is a slip, and its row must not vanish.
                if first and cells[-1].strip()[:1].isalpha():
                    continue
                _refuse(reader.line_num, f"must end in a number, got {cells[-1]!r}")
            labels.extend(cells[:-1])
    except csv.Error as error:
        _refuse(reader.line_num, str(error), error)
    return values, labels or None


def _refuse(line: int, reason: str, cause: Exception | None = None) -> NoReturn:
    raise ValueError(f"line {line}: {reason}") from cause


def _open_json(path: Path, columns: Columns) -> Rows:
    _no_columns(".json", columns)
    return _parse_json(decoded(path))


def _open_jsonl(path: Path, columns: Columns) -> Rows:
    _no_columns(".jsonl", columns)
    with path.open("rb") as file:
        begin = 3 if file.read(3) == codecs.BOM_UTF8 else 0
        file.seek(begin)
        first = next(filter(bytes.strip, iter(lambda: _read_line(file, path), b"")), b"")
    if logprobs.may_be_response(first.decode()):
        responses = logprobs.parse(decoded(path))
        if responses is not None:
            return _responses(responses)
    index = _Lines(path, begin, 1, quotes=False)
    if index.count == 0:
        raise ValueError("there are no numbers in it")
    values, labels = _json_row(first, "line 1")

    def read(start: int, stop: int, _: int) -> Iterator[NDArray[Any]]:
        for row, count, line, data in index.read(start, stop):
            rows = []
            for number, text in enumerate(data.split(b"\n"), line):
                if text.removesuffix(b"\r"):
                    numbers, names = _json_row(text, f"line {number}")
                    if len(numbers) != len(values) or names != labels:
                        _refuse(number, "must have the lanes of the first line")
                    rows.append(numbers)
            block = np.array(rows)
            yield block[max(start - row, 0) : min(stop - row, count)]

    names = None if labels is None else tuple(labels)
    return Rows((index.count, len(values)), np.dtype(np.float64), names, read)


def _json_row(text: bytes, where: str) -> tuple[list[float], list[str] | None]:
    try:
        data = load_json(text.decode())
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {where}: {error.msg}") from error
    return _json_numbers(data, f"{where}: ")


def load_json(text: str) -> Any:  # noqa: ANN401 - whatever is in the file
    """Return what a JSON text says, with a tuple of pairs for an object."""
    # Pairs, not a dict: two items may have the same label.
    return json.loads(text, object_pairs_hook=tuple)


def _parse_json(text: str) -> Rows:
    if logprobs.may_be_response(text) and (responses := logprobs.parse(text)) is not None:
        return _responses(responses)
    data = load_json(text)
    if not isinstance(data, list) or not data or not isinstance(data[0], list):
        return _one_row(*_json_numbers(data))
    rows = []
    for index, each in enumerate(data):
        if not isinstance(each, list) or len(each) != len(data[0]):
            got = len(each) if isinstance(each, list) else kind(each)
            raise ValueError(
                f"row {index} must have {len(data[0])} numbers, as row 0 has, got {got}"
            )
        rows.append(_json_numbers(each, f"row {index}: ")[0])
    return _held(np.array(rows))


def _responses(rows: list[logprobs.Position]) -> Rows:
    lanes = max(len(row.labels) for row in rows)
    array = np.full((len(rows), lanes), -np.inf)
    for index, row in enumerate(rows):
        array[index, : len(row.logprobs)] = row.logprobs
    labels = rows[0].labels if len(rows) == 1 else None
    return _held(array, labels, [row.labels for row in rows])


def _json_numbers(data: object, where: str = "") -> tuple[list[float], list[str] | None]:
    if isinstance(data, tuple):
        values = [_number(value, f"{where}{label!r}") for label, value in data]
        return values, [label for label, _ in data]
    if isinstance(data, list):
        return [_number(value, f"{where}item {index}") for index, value in enumerate(data)], None
    raise ValueError(
        f"{where}must be a list of numbers or an object of label: logit, got {kind(data)}"
    )


def _number(value: object, name: str) -> float:
    if value in NOT_FINITE or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        with suppress(OverflowError):
            return float(value)
    raise ValueError(f"{name} must be a number, got {kind(value)}")


def kind(value: object) -> str:
    """Name what JSON calls `value`, short enough for one line."""
    if isinstance(value, list):
        return "a list"
    if isinstance(value, tuple):
        return "an object"
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:40]}…"


_OPENERS: Final[dict[str, Callable[[Path, Columns], Rows]]] = {
    ".npy": _open_npy,
    ".npz": _open_npz,
    ".csv": _open_csv,
    ".tsv": _open_csv,
    ".json": _open_json,
    ".jsonl": _open_jsonl,
    ".parquet": _open_table,
    ".feather": _open_table,
    ".arrow": _open_table,
    ".safetensors": _open_safetensors,
}
_TABLES: Final = {".parquet": _parquet, ".feather": _arrow, ".arrow": _arrow}
ENDINGS: Final = (*_OPENERS, ".zarr")
