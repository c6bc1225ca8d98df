"""What all readers give, and what they share."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    Columns = str | Sequence[str] | None

__all__ = [
    "BYTES_PER_LOGIT",
    "BYTES_PER_TEXT_BYTE",
    "Rows",
    "check_array",
    "check_memory",
    "choose",
    "held",
    "labels_of",
    "listed",
    "no_columns",
    "one_row",
    "optional",
    "rebatched",
    "whole",
]

# A row stands in memory as float64, as its probabilities, and as the page or the text of both.
BYTES_PER_LOGIT: Final = 4 * 8


# The shortest number in a text takes two bytes there and a Python float in a list takes 32.
BYTES_PER_TEXT_BYTE: Final = 16


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
    step : int
        So many rows stand together: a part of them takes as long to read as all.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    labels: tuple[str, ...] | None
    read: Callable[[int, int, int], Iterator[NDArray[Any]]]
    own_labels: Sequence[tuple[str, ...]] | None = None
    step: int = 1


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


def optional(module: str, extra: str, what: str) -> Any:  # noqa: ANN401 - a module
    """Return a module that an extra brings."""
    try:
        return import_module(module)
    except ImportError as error:
        name = module.partition(".")[0]
        raise ImportError(f'{what} need {name}: pip install "thermoscope[{extra}]"') from error


@contextmanager
def whole(ending: str) -> Iterator[None]:
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


def check_array(shape: tuple[int, ...], dtype: object, *, real: bool) -> None:
    """Raise an error if an array is no row of numbers, nor rows of them."""
    if not real:
        raise ValueError(f"logits must be real numbers, got {dtype}")
    if len(shape) not in {1, 2}:
        raise ValueError(f"logits must be 1-D, or 2-D with a row, got shape {shape}")
    if 0 in shape:
        raise ValueError(f"logits must hold at least one number, got shape {shape}")


def no_columns(ending: str, columns: Columns) -> None:
    """Raise an error where there is nothing that `columns` could choose."""
    if columns is not None:
        raise ValueError(f"columns must be left out for a {ending} file, got {columns!r}")


def listed(names: Iterable[str]) -> str:
    """Return names for one line of an error."""
    names = list(names)
    text = ", ".join(map(repr, names[:10]))
    return f"{text} and {len(names) - 10:,} more" if len(names) > 10 else text


def labels_of(text: object, count: int) -> tuple[str, ...] | None:
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


def one_row(values: Sequence[float], labels: Sequence[str] | None = None) -> Rows:
    """Return a file of one row."""
    if not values:
        raise ValueError("there are no numbers in it")
    return held(np.array(values), labels)


def held(
    array: NDArray[Any],
    labels: Sequence[str] | None = None,
    own_labels: Sequence[tuple[str, ...]] | None = None,
) -> Rows:
    """Return rows which are in memory."""

    def read(start: int, stop: int, _: int) -> Iterator[NDArray[Any]]:
        yield np.atleast_2d(array)[start:stop]

    names = None if labels is None else tuple(labels)
    return Rows(array.shape, array.dtype, names, read, own_labels)


def choose(
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
                raise ValueError(f"choose columns, of {listed(names)}")
            at = floats or integers
        if not at:
            raise ValueError("there are no numbers in it")
    else:
        wanted = [columns] if isinstance(columns, str) else list(columns)
        unknown = [name for name in wanted if name not in names]
        if unknown or not wanted:
            raise ValueError(
                f"columns must be among {listed(names)}, got {listed(unknown) or 'none'}"
            )
        at = [list(names).index(name) for name in wanted]
        for index in at:
            kind = kinds[index]
            if kind in {"text", "other"} or (kind == "list" and len(at) > 1):
                raise ValueError(f"column {names[index]!r} must be of numbers, got {kind}")
    texts = [index for index, kind in enumerate(kinds) if kind == "text" and index not in at]
    return at, texts[0] if len(at) == len(texts) == 1 else None
