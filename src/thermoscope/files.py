"""Logits, labels and targets from files, and files written whole or not at all."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from thermoscope.arguments import applied_temperature_of
from thermoscope.readers import (
    BYTES_PER_LOGIT,
    Rows,
    check_file,
    check_memory,
    decoded,
    kind,
    lines_of,
    load_json,
    open_column,
    open_rows,
    optional,
    parse_text,
    rebatched,
)

__all__ = [
    "FileError",
    "Logits",
    "LogitsFile",
    "open_logits",
    "parse_logits",
    "read_labels",
    "read_logits",
    "read_targets",
    "write_whole",
]

BATCH: Final = 1 << 25
"""So many bytes of rows make a batch, and no fewer than one row."""
SUM_TOLERANCE: Final = 1e-2
"""Probabilities sum to 1, give or take what a column of bfloat16 or of three digits rounds off."""


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


class LogitsFile:
    """Rows of logits in a file, which are read when they are asked for; see `open_logits`.

    Attributes
    ----------
    shape : tuple of int
        Rows, and lanes of each.
    dtype : dtype
        Of the numbers as they are given.
    labels : tuple of str or None
        One for each lane, where the file names them and they are the same in every row.
    source : str
        The name of the file, without its folder.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        rows: Rows,
        *,
        columns: str | Sequence[str] | None = None,
        probabilities: bool = False,
        applied_temperature: float | None = None,
    ) -> None:
        # A name need not be UTF-8, but what shows it must be.
        self.source = os.fsencode(Path(path).name).decode("utf-8", "replace")
        self.shape: tuple[int, int] = (1, *rows.shape)[-2:]  # type: ignore[assignment]
        self.labels = rows.labels
        self._path = path
        self._rows = rows
        self._columns = columns
        self._probabilities = probabilities
        self._factor = applied_temperature
        as_it_is = not probabilities and applied_temperature is None
        self.dtype = rows.dtype if as_it_is else np.result_type(rows.dtype, np.float32)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.source!r}: shape {self.shape}, {self.dtype}>"

    def __reduce__(self) -> tuple[Any, ...]:
        # It travels by its name, and is opened where it arrives.
        opened = partial(
            open_logits,
            columns=self._columns,
            probabilities=self._probabilities,
            applied_temperature=self._factor,
        )
        return opened, (Path(self._path).absolute(),)

    def row(self, index: int) -> Logits:
        """Read one row.

        Parameters
        ----------
        index : int
            Counted from 0.

        Returns
        -------
        Logits
            With the labels of the row, where each row has its own.

        Raises
        ------
        FileError
            If there is no such row, or it cannot be read.
        """
        with naming(self._path):
            if not 0 <= index < self.shape[0]:
                raise ValueError(f"row must be 0 to {self.shape[0] - 1}, got {index}")
            check_memory(self.shape[1] * BYTES_PER_LOGIT)
            (row,) = next(rebatched(self._pieces(index, index + 1, 1), 1))
            own = self._rows.own_labels
            labels = self.labels if own is None else own[index]
            # A copy: what is held must not be changed, nor keep the rest of its batch.
            values = np.array(row[: len(labels)] if own and labels else row, subok=False)
            return Logits(values, labels, self.source)

    def only(self, row: int | None = None) -> Logits:
        """Read the only row, or the one chosen of several.

        Parameters
        ----------
        row : int, optional
            Counted from 0; needed where there are several, and left out for a 1-D array.

        Returns
        -------
        Logits
            As `row` gives.

        Raises
        ------
        FileError
            If `row` is missing, or out of place, or the row cannot be read.
        """
        count = self.shape[0]
        with naming(self._path):
            if len(self._rows.shape) == 1 and row is not None:
                raise ValueError(f"row must be left out for a 1-D array, got {row}")
            if row is None and count > 1:
                raise ValueError(
                    f"the array has {count} rows: choose one with --row, 0 to {count - 1}"
                )
        return self.row(row or 0)

    def batches(self, size: int | None = None) -> Iterator[NDArray[Any]]:
        """Iterate over all rows, some at a time; each call begins anew.

        Parameters
        ----------
        size : int, optional
            How many rows to give at a time; by default as many as fit into 32 MiB.

        Yields
        ------
        ndarray, shape (size, lanes)
            The last one may be shorter. It may be read-only.

        Raises
        ------
        FileError
            If the file is damaged; the message names the row, or the line.
        """
        if size is None:
            size = max(BATCH // (self.shape[1] * self.dtype.itemsize), 1)
        if size < 1:
            raise ValueError(f"size must be >= 1, got {size}")
        with naming(self._path):
            yield from rebatched(self._pieces(0, self.shape[0], size), size)

    def to_dask(self, size: int | None = None) -> Any:  # noqa: ANN401 - Dask may not be there
        """Return all rows as a Dask array, whose chunks are read where they are computed.

        Workers of a cluster open the file by its absolute path, so all must see it there. One
        whose rows can be read from anywhere (.npy, .safetensors, .zarr, the groups of .parquet)
        is read once; a text is read from its start for each chunk.

        Parameters
        ----------
        size : int, optional
            How many rows a chunk has; by default as many as fit into Dask's ``array.chunk-size``,
            which is 128 MiB, and whole chunks of a Zarr store.

        Returns
        -------
        dask.array.Array, shape (rows, lanes)
            A row is never cut.

        Raises
        ------
        ImportError
            If Dask is missing: ``pip install "thermoscope[dask]"``.
        """
        array = optional("dask.array", "dask", "Dask arrays")
        count, lanes = self.shape
        if size is None:
            from dask import config  # noqa: PLC0415 - as above
            from dask.utils import parse_bytes  # noqa: PLC0415 - as above

            most = parse_bytes(config.get("array.chunk-size")) // (lanes * self.dtype.itemsize)
            size = max(most // self._rows.step, 1) * self._rows.step
        if size < 1:
            raise ValueError(f"size must be >= 1, got {size}")
        whole, rest = divmod(count, size)
        # A graph by blocks: Dask makes one task of it and of what is done with the chunk.
        starts = array.from_array(np.arange(0, count, size), chunks=1)
        return starts.map_blocks(
            self._chunk,
            size,
            chunks=((size,) * whole + ((rest,) if rest else ()), (lanes,)),
            new_axis=1,
            dtype=self.dtype,
            meta=np.empty((0, 0), self.dtype),
        )

    def _pieces(self, start: int, stop: int, size: int) -> Iterator[NDArray[Any]]:
        for piece in self._rows.read(start, stop, size):
            values = piece
            if self._probabilities:
                negative = (piece < 0).any(axis=1)
                if negative.any():
                    row = start + int(np.argmax(negative))
                    raise ValueError(f"row {row}: probabilities must be >= 0")
                with np.errstate(divide="ignore"):
                    values = np.log(piece, dtype=self.dtype)
            if self._factor is not None:
                values = np.multiply(values, self._factor, dtype=self.dtype)
            yield values
            start += len(piece)

    def _chunk(self, starts: NDArray[np.int64], size: int) -> NDArray[Any]:
        """Return a chunk of `to_dask`; a task."""
        start = int(starts[0])
        stop = min(start + size, self.shape[0])
        with naming(self._path):
            return next(rebatched(self._pieces(start, stop, stop - start), stop - start))


def open_logits(
    path: str | os.PathLike[str],
    *,
    columns: str | Sequence[str] | None = None,
    probabilities: bool = False,
    applied_temperature: float | None = None,
) -> LogitsFile:
    r"""Open a file of many rows of logits, which need not fit into memory.

    Parameters
    ----------
    path : path_like
        See `read_logits` for the formats. A file of one row is taken as such.
    columns : str or sequence of str, optional
        What to read: the name of an array (.npz, .safetensors, .zarr), of a column of lists, or
        the names of the columns of classes of a table, in the order wanted. By default the only
        ones that can be meant.
    probabilities : bool, optional
        Whether the file holds probabilities, of which the logarithm is then taken.
    applied_temperature : float, optional
        The temperature T0 by which the logits in the file were divided, be they log-probabilities
        or not: they are multiplied by it. softmax at T is then that of the model, not of what
        was made of it. What "not reported" means then is told under `read_logits`.

    Returns
    -------
    LogitsFile
        Its `row` reads one row and its `batches` go over all of them, as often as wanted.

    Raises
    ------
    FileError
        If the file cannot be opened or does not hold rows of logits.
    ImportError
        If what reads the format is missing: ``pip install "thermoscope[files]"`` for .parquet,
        .feather and .arrow, ``"thermoscope[dask]"`` for .zarr.
    ValueError
        If `applied_temperature` is not a finite number above 0.

    Examples
    --------
    >>> import tempfile
    >>> import thermoscope as ts
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "pets.csv")
    ...     _ = path.write_text("cat,dog,fox\n2.0,1.0,0.1\n0.5,3.0,0.2\n")
    ...     file = ts.open_logits(path)
    ...     print(file, file.labels)
    ...     for batch in file.batches():
    ...         print(ts.softmax(batch, 0.5).round(3))
    <LogitsFile 'pets.csv': shape (2, 3), float64> ('cat', 'dog', 'fox')
    [[0.864 0.117 0.019]
     [0.007 0.99  0.004]]
    """
    applied_temperature = applied_temperature_of(applied_temperature)
    with naming(path):
        return LogitsFile(
            path,
            open_rows(Path(path), columns),
            columns=columns,
            probabilities=probabilities,
            applied_temperature=applied_temperature,
        )


def read_logits(
    path: str | os.PathLike[str],
    *,
    row: int | None = None,
    columns: str | Sequence[str] | None = None,
    probabilities: bool = False,
    applied_temperature: float | None = None,
) -> Logits:
    r"""Read one row of logits from a file.

    Parameters
    ----------
    path : path_like
        Real numbers, in one of these:

        - .npy, .npz, .safetensors (bfloat16 as float32) or .zarr: a 1-D or 2-D array, never
          unpickled;
        - .parquet, .feather or .arrow: a column of lists, one column for each class, or a single
          column of numbers, which is one row written downwards;
        - .csv or .tsv, UTF-8: one column of numbers, or two, label and logit, are one row
          written downwards, with or without a header. More columns are one for each class;
          those that are not of numbers are left out;
        - .json: a list of numbers, an object ``{label: logit}``, or a list of lists; .jsonl: one
          of the first two on each line. The strings "inf", "-inf" and "nan" are numbers too;
        - .json or .jsonl: what a server of OpenAI's API, vLLM, llama.cpp or Ollama answers when
          asked for log-probabilities, streamed or not, with one row for each token.
    row : int, optional
        Which row to read of several, counted from 0; no others are.
    columns, probabilities, applied_temperature
        As for `open_logits`.

    Returns
    -------
    Logits
        Values, labels and source.

    Raises
    ------
    FileError
        If the file cannot be opened, holds anything else, or needs more memory than there is.
    ImportError
        As for `open_logits`.
    ValueError
        As for `open_logits`.

    Notes
    -----
    Where a server reports but some of the tokens, the mass of the others is one item, labelled
    "not reported". It is exact at the temperature at which the probabilities were computed
    (`applied_temperature`, else 1). Elsewhere it is a bound, for how the mass is shared among
    tokens that nobody saw is not known: with it, the item weighs at least what they would weigh
    at lower temperatures, and at most what they would weigh at higher ones. OpenAI and vLLM
    report a token as -9999 where they don't say its probability; that is -inf here, and what
    it had is part of "not reported".

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "pets.csv")
    ...     _ = path.write_text('pet,logit\ncat,2.0\n"dog, small",-inf\n')
    ...     read_logits(path)
    Logits(values=array([  2., -inf]), labels=('cat', 'dog, small'), source='pets.csv')
    """
    file = open_logits(
        path,
        columns=columns,
        probabilities=probabilities,
        applied_temperature=applied_temperature,
    )
    return file.only(row)


def parse_logits(
    text: str | bytes,
    source: str = "standard input",
    *,
    row: int | None = None,
    probabilities: bool = False,
    applied_temperature: float | None = None,
) -> Logits:
    r"""Return the logits in a text: JSON, or numbers with spaces, commas or line ends between.

    Parameters
    ----------
    text : str or bytes
        Bytes are taken as UTF-8. JSON is as for `read_logits`.
    source : str, optional
        Where the text came from, for `Logits.source` and for errors.
    row, probabilities, applied_temperature
        As for `read_logits`.

    Raises
    ------
    FileError
        If the text holds anything else.

    Examples
    --------
    >>> parse_logits("2, 1.5\n-inf").values
    array([ 2. ,  1.5, -inf])
    """
    applied_temperature = applied_temperature_of(applied_temperature)
    with naming(source):
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        rows = parse_text(text)
        file = LogitsFile(
            source, rows, probabilities=probabilities, applied_temperature=applied_temperature
        )
    return file.only(row)


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
    with naming(path):
        check_file(path)
        text = decoded(path)
        if path.suffix.lower() != ".json":
            return lines_of(text)
        labels = load_json(text)
        if not isinstance(labels, list):
            raise ValueError(  # noqa: TRY004 - what is wrong is the file
                f"labels must be a list of strings, got {kind(labels)}"
            )
        if not labels:
            raise ValueError("there are no labels in it")
        for index, label in enumerate(labels):
            if not isinstance(label, str):
                raise ValueError(  # noqa: TRY004 - likewise
                    f"item {index} must be a string, got {kind(label)}"
                )
        return labels


def read_targets(
    path: str | os.PathLike[str],
    *,
    labels: Sequence[str] | None = None,
    columns: str | None = None,
) -> NDArray[Any]:
    r"""Read the true classes of rows of logits.

    Parameters
    ----------
    path : path_like
        Classes as whole numbers counted from 0, or as names; or one row of weights for each row
        of logits, one-hot or soft, which sum to 1. In the formats of `read_logits`, and .txt with
        one class a line.
    labels : sequence of str, optional
        The names of the classes, in the order of the lanes. A word which is a name counts as
        such even if it looks like a number.
    columns : str, optional
        The column, or array, that holds the classes, where there are several.

    Returns
    -------
    ndarray, shape (n,) of int64, or (n, k) of floats
        Classes, or weights.

    Raises
    ------
    FileError
        If the file cannot be opened or holds anything else; the message names the row, counted
        from 0.
    ImportError
        As for `open_logits`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "targets.txt")
    ...     _ = path.write_text("cat\ndog\ncat\n")
    ...     read_targets(path, labels=["cat", "dog"])
    array([0, 1, 0])
    """
    with naming(path):
        found = open_column(Path(path), columns, labels or ())
        if isinstance(found, list):
            return _classes_of_words(found, labels)
        if found.ndim == 2:
            wrong = ~are_distributions(found)
            if wrong.any():
                row = int(np.argmax(wrong))
                raise ValueError(
                    f"row {row}: weights must be >= 0 and sum to 1, "
                    f"got a sum of {found[row].sum():g}"
                )
            return found
        with np.errstate(invalid="ignore"):
            classes = found.astype(np.int64)
        wrong = (classes != found) | (classes < 0)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise ValueError(
                f"row {row}: a class must be a whole number >= 0, got {found[row].item()!r}"
            )
        return classes


def write_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file whole or not at all: a reader never sees half of it, nor does a full disk.

    Raises
    ------
    FileError
        If the file cannot be written; one that was there before is then as it was.
    """
    with replacing(path) as temporary, temporary.open("xb") as file:
        file.write(data)


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give the name of a file, or folder, to write, which takes the place of `path` at the end.

    Whatever goes wrong before, Ctrl-C too, leaves all as it was.
    """
    with naming(path):
        # A link stays one: the file at its end is the one to replace.
        target = Path(os.path.realpath(path))
        if not target.parent.is_dir():
            raise ValueError(f"there is no folder {target.parent}")
        mode = None
        with suppress(FileNotFoundError):
            mode = target.stat().st_mode
        is_store = target.suffix.lower() == ".zarr"
        if is_store and mode is not None:
            if not any((target / name).is_file() for name in ("zarr.json", ".zarray", ".zgroup")):
                raise ValueError("only a Zarr store can be written over")
        elif mode is not None and not stat.S_ISREG(mode):
            raise ValueError("only an ordinary file can be written over")
        temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
        try:
            yield temporary
            if is_store:
                _replace_folder(temporary, target)
                return
            with temporary.open("r+b") as file:
                os.fsync(file.fileno())
            if mode is not None:
                temporary.chmod(stat.S_IMODE(mode))
            temporary.replace(target)
        except BaseException:
            if is_store:
                shutil.rmtree(temporary, ignore_errors=True)
            else:
                temporary.unlink(missing_ok=True)
            raise


def _replace_folder(new: Path, target: Path) -> None:
    # A folder cannot take the place of one that is not empty: the old one goes aside for a moment.
    old = new.with_suffix(".old")
    with suppress(FileNotFoundError):
        target.replace(old)
    try:
        new.replace(target)
    except BaseException:
        old.replace(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def naming(source: str | os.PathLike[str]) -> Iterator[None]:
    """Raise what goes wrong with a file as one `FileError` which names it."""
    try:
        yield
    except FileError:  # of another file, which it names
        raise
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


def are_distributions(rows: NDArray[Any]) -> NDArray[np.bool]:
    """Return which rows are >= 0 and sum to 1, give or take what a narrow type rounds off."""
    sums = rows.sum(axis=1, dtype=np.float64)
    # A NaN makes both False.
    result: NDArray[np.bool] = (rows >= 0).all(axis=1) & (np.abs(sums - 1) <= SUM_TOLERANCE)
    return result


def _classes_of_words(words: list[str], labels: Sequence[str] | None) -> NDArray[np.int64]:
    lanes = {label: lane for lane, label in enumerate(labels or ())}
    classes = []
    for row, word in enumerate(words):
        if word in lanes:
            classes.append(lanes[word])
        elif re.fullmatch(r"\s*\d+(\.0*)?\s*", word):
            classes.append(int(float(word)))
        else:
            takes = "a whole number >= 0" if labels is None else "one of the labels"
            raise ValueError(f"row {row}: a class must be {takes}, got {word!r}")
    return np.array(classes, np.int64)
