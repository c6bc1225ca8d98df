"""Logits and labels from files, and files written whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import secrets
import stat
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

__all__ = ["FileError", "Logits", "parse_logits", "read_labels", "read_logits", "write_whole"]

# A row stands in memory as float64, as its probabilities, and as the page or the text of both.
BYTES_PER_LOGIT: Final = 4 * 8
# The shortest number in a text takes two bytes there and a Python float in a list takes 32.
BYTES_PER_TEXT_BYTE: Final = 16

# JSON has no words for these three; `thermoscope softmax --json` writes them as such strings.
NOT_FINITE: Final = ("inf", "-inf", "nan")


class FileError(OSError, ValueError):
    """A file cannot be read or written; the message names it and says why, in one line.

    It is an OSError and a ValueError, for a caller need not know which of the system and the
    content of the file stands in the way.
    """


class Logits(NamedTuple):
    """What `read_logits` found.

    Attributes
    ----------
    values : ndarray, shape (n,)
        Real numbers, of the type that the file holds.
    labels : tuple of str or None
        One for each logit, where the file names them.
    source : str
        The name of the file, without its folder.
    """

    values: NDArray[Any]
    labels: tuple[str, ...] | None
    source: str


def read_logits(path: str | os.PathLike[str], *, row: int | None = None) -> Logits:
    r"""Read one row of logits from a .npy, .csv or .json file.

    Parameters
    ----------
    path : path_like
        A .npy file of real numbers, 1-D or 2-D, which is memory-mapped and never unpickled;
        a .csv file of one column of numbers or of two, label and logit, with or without a header;
        or a .json file of a list of numbers or an object ``{label: logit}``. In JSON the strings
        "inf", "-inf" and "nan" are numbers too. Text is UTF-8.
    row : int, optional
        Which row of a 2-D array to read, counted from 0; only that row is read.

    Raises
    ------
    FileError
        If the file cannot be opened, holds anything else, or needs more memory than there is.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "pets.csv")
    ...     _ = path.write_text('pet,logit\ncat,2.0\n"dog, small",-inf\n')
    ...     read_logits(path)
    Logits(values=array([  2., -inf]), labels=('cat', 'dog, small'), source='pets.csv')
    """
    path = Path(path)
    with _naming(path):
        size = _size(path)
        # A name need not be UTF-8, but what shows it must be.
        source = os.fsencode(path.name).decode("utf-8", "replace")
        ending = path.suffix.lower()
        if ending == ".npy":
            return Logits(_read_npy(path, row), None, source)
        if ending not in _PARSERS:
            raise ValueError("logits must be in a .npy, .csv or .json file")
        if row is not None:
            raise ValueError(f"row must be left out but for a 2-D .npy file, got {row}")
        return _parsed(_PARSERS[ending], _decode(path, size), source)


def read_labels(path: str | os.PathLike[str]) -> list[str]:
    r"""Read labels from a .json list of strings, or from a text file of one label a line.

    Nothing but the end of the line is stripped: a leading space is part of a token.

    Raises
    ------
    FileError
        If the file cannot be opened or holds anything else.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "tokens.txt")
    ...     _ = path.write_text(" cat\n dog\n")
    ...     read_labels(path)
    [' cat', ' dog']
    """
    path = Path(path)
    with _naming(path):
        text = _decode(path, _size(path))
        if path.suffix.lower() != ".json":
            # str.splitlines would also split at characters that are tokens of their own.
            return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
        labels = _load_json(text)
        if not isinstance(labels, list):
            raise ValueError(  # noqa: TRY004 - what is wrong is the file
                f"labels must be a list of strings, got {_kind(labels)}"
            )
        if not labels:
            raise ValueError("there are no labels in it")
        for index, label in enumerate(labels):
            if not isinstance(label, str):
                raise ValueError(  # noqa: TRY004 - likewise
                    f"item {index} must be a string, got {_kind(label)}"
                )
        return labels


def parse_logits(text: str | bytes, source: str = "standard input") -> Logits:
    r"""Return the logits in a text: JSON, or numbers with spaces, commas or line ends between.

    Parameters
    ----------
    text : str or bytes
        Bytes are taken as UTF-8.
    source : str, optional
        Where the text came from, for `Logits.source` and for errors.

    Raises
    ------
    FileError
        If the text holds anything else.

    Examples
    --------
    >>> parse_logits("2, 1.5\n-inf").values
    array([ 2. ,  1.5, -inf])
    """
    with _naming(source):
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        is_json = text.lstrip()[:1] in {"[", "{"}
        return _parsed(_parse_json if is_json else _parse_words, text, source)


def write_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file whole or not at all: a reader never sees half of it, nor does a full disk.

    Raises
    ------
    FileError
        If the file cannot be written; one that was there before is then as it was.
    """
    with _naming(path):
        # A link stays one: the file at its end is the one to replace.
        target = Path(os.path.realpath(path))
        if not target.parent.is_dir():
            raise ValueError(f"there is no folder {target.parent}")
        mode = None
        with suppress(FileNotFoundError):
            mode = target.stat().st_mode
        if mode is not None and not stat.S_ISREG(mode):
            raise ValueError("only an ordinary file can be written over")
        temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if mode is not None:
                temporary.chmod(stat.S_IMODE(mode))
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


@contextmanager
def _naming(source: str | os.PathLike[str]) -> Iterator[None]:
    """Raise what goes wrong with a file as one `FileError` which names it."""
    try:
        yield
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise FileError(f"{source}: not UTF-8 text: byte {error.start} is {byte:#04x}") from error
    except json.JSONDecodeError as error:
        raise FileError(f"{source}: not JSON: line {error.lineno}: {error.msg}") from error
    except RecursionError as error:
        raise FileError(f"{source}: nested too deeply") from error
    except MemoryError as error:
        raise FileError(f"{source}: larger than memory") from error
    except OSError as error:
        raise FileError(f"{source}: {error.strerror or error}") from error
    except ValueError as error:
        raise FileError(f"{source}: {error}") from error


def _size(path: Path) -> int:
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise ValueError("this is a folder")
    if stat.S_ISREG(status.st_mode) and status.st_size == 0:
        raise ValueError("the file is empty")
    return status.st_size


def _check_memory(needed: int) -> None:
    """Raise an error if `needed` bytes are more than this machine, or container, has."""
    limits = [sys.maxsize]
    with suppress(AttributeError, OSError, ValueError):  # AttributeError: not POSIX
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with suppress(OSError, ValueError):  # ValueError: the limit is "max"
        limits.append(int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    if needed > min(limits):
        needs, has = needed / 2**30, min(limits) / 2**30
        raise ValueError(f"larger than memory: needs about {needs:,.0f} GiB of {has:,.0f} GiB")


def _read_npy(path: Path, row: int | None) -> NDArray[Any]:
    array = _map_npy(path)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"logits must be real numbers, got {array.dtype}")
    if array.ndim not in {1, 2}:
        raise ValueError(f"logits must be 1-D, or 2-D with a row, got shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"logits must hold at least one number, got shape {array.shape}")
    if array.ndim == 2:
        last = len(array) - 1
        if row is None and last > 0:
            raise ValueError(f"the array has {last + 1} rows: choose one with --row, 0 to {last}")
        row = row or 0
        if not 0 <= row <= last:
            raise ValueError(f"row must be 0 to {last}, got {row}")
        array = array[row]
    elif row is not None:
        raise ValueError(f"row must be left out for a 1-D array, got {row}")
    _check_memory(array.size * BYTES_PER_LOGIT)
    # A copy: the file may change later, and a mapping of a file cut short kills the process.
    return np.array(array, subok=False)


def _map_npy(path: Path) -> NDArray[Any]:
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


def _decode(path: Path, size: int) -> str:
    _check_memory(size * BYTES_PER_TEXT_BYTE)
    return path.read_bytes().decode("utf-8-sig")


def _parsed(
    parse: Callable[[str], tuple[list[float], list[str] | None]], text: str, source: str
) -> Logits:
    values, labels = parse(text)
    if not values:
        raise ValueError("there are no numbers in it")
    return Logits(np.array(values), None if labels is None else tuple(labels), source)


def _parse_words(text: str) -> tuple[list[float], None]:
    values = []
    for index, word in enumerate(re.split(r"\s*,\s*|\s+", text.strip()) if text.strip() else []):
        try:
            values.append(float(word))
        except ValueError:
            raise ValueError(f"item {index} must be a number, got {word!r}") from None
    return values, None


def _parse_csv(text: str) -> tuple[list[float], list[str] | None]:
    """Return the last column as numbers and, where there are two, the first as labels."""
    values: list[float] = []
    labels: list[str] = []
    columns = 0
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for cells in reader:
            if not cells:
                continue
            first = columns == 0
            columns = columns or len(cells)
            if columns > 2:
                _refuse(reader.line_num, f"must have 1 or 2 columns, got {columns}")
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


def _load_json(text: str) -> Any:  # noqa: ANN401 - whatever is in the file
    # Pairs, not a dict: two items may have the same label.
    return json.loads(text, object_pairs_hook=tuple)


def _parse_json(text: str) -> tuple[list[float], list[str] | None]:
    data = _load_json(text)
    if isinstance(data, tuple):
        return [_number(value, repr(label)) for label, value in data], [label for label, _ in data]
    if isinstance(data, list):
        return [_number(value, f"item {index}") for index, value in enumerate(data)], None
    raise ValueError(f"must be a list of numbers or an object of label: logit, got {_kind(data)}")


def _number(value: object, name: str) -> float:
    if value in NOT_FINITE or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        with suppress(OverflowError):
            return float(value)
    raise ValueError(f"{name} must be a number, got {_kind(value)}")


def _kind(value: object) -> str:
    """Name what JSON calls `value`, short enough for one line."""
    if isinstance(value, list):
        return "a list"
    if isinstance(value, tuple):
        return "an object"
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:40]}…"


_PARSERS: Final = {".csv": _parse_csv, ".json": _parse_json}
