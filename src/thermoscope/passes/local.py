"""Rows of this machine's memory and files, worked on by its threads."""

from __future__ import annotations

import mmap
import tempfile
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from thermoscope.arguments import ArgumentError, ArgumentTypeError
from thermoscope.kernels import array_api, thread_count
from thermoscope.passes.rows import Rows, is_dataset
from thermoscope.passes.sums import Sums

if TYPE_CHECKING:
    from concurrent.futures import Future
    from typing import SupportsIndex, TypeAlias

    from thermoscope.passes.rows import Selection, Work
    from thermoscope.passes.sums import Parts

    # Rows as they were given, and a piece of them.
    Piece: TypeAlias = tuple[Rows, Rows]

__all__ = ["LocalRows"]

# Logits after which the pages of a memory map are dropped.
MAPPED: Final = 1 << 25


class LocalRows:
    """Rows from arrays, data sets and batches."""

    def __init__(self, parts: Callable[[], Iterator[Rows]], total: int | None) -> None:
        self.total = total
        self.spent = False
        self._parts = parts
        self._once = False

    @classmethod
    def of(cls, rows: Rows) -> LocalRows:
        """Rows that are all there."""
        return cls(lambda: iter([rows]), rows.total)

    @classmethod
    def of_batches(
        cls,
        batches: Any,
        axis: SupportsIndex,
        *,
        once: bool,
        unlabelled: bool,
    ) -> LocalRows:
        """Rows in batches; an iterator is kept in a temporary file, but if one pass is enough."""
        take = _taker(batches, once=once)
        found = cls(lambda: _rows_of(take, axis, unlabelled=unlabelled), None)
        found._once = once and isinstance(batches, Iterator)
        return found

    def sums(self, work: Work, selection: Selection, tell: Callable[[int], object]) -> Sums:
        """Return the sums of what `work` gives, and tell how many rows are done."""
        sums = Sums()
        done = mapped = 0
        for rows, piece, parts in _worked_in_threads(self._pieces(), work, selection):
            sums.add(parts)
            done, mapped = piece.stop, mapped + piece.total * piece.classes
            if mapped >= MAPPED:
                _drop_pages(rows.logits)
                mapped = 0
            tell(done)
        self.total, self.spent = done, self._once
        return sums

    def _pieces(self) -> Iterator[Piece]:
        first: Rows | None = None
        for rows in self._parts():
            first = first or rows
            if rows.classes != first.classes:
                raise ArgumentError(
                    "logits",
                    f"must have {first.classes} classes in all batches, as in the first, "
                    f"got {rows.classes} from row {rows.start} on",
                    rows.start,
                )
            if (rows.targets is None) != (first.targets is None):
                raise ArgumentError(
                    "targets",
                    "must be in all batches or in none, got a batch of the other kind "
                    f"from row {rows.start} on",
                    rows.start,
                )
            for piece in rows.pieces():
                yield rows, piece


def _worked_in_threads(
    pieces: Iterator[Piece], work: Work, selection: Selection
) -> Iterator[tuple[Rows, Rows, Parts]]:
    """Yield the pieces with what `work` gives of each, in order."""
    threads = thread_count()
    head = list(islice(pieces, 2))
    pieces = chain(head, pieces)
    if threads == 1 or len(head) < 2:
        # To start a thread takes longer than to work on a thousand rows.
        for rows, piece in pieces:
            yield rows, piece, piece.worked(work, selection)
        return
    pending: deque[tuple[Rows, Rows, Future[Parts]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        while True:
            for rows, piece in islice(pieces, 2 * threads + 1 - len(pending)):
                # A context of its own carries the choice of a kernel to the thread.
                job = pool.submit(copy_context().run, piece.worked, work, selection)
                pending.append((rows, piece, job))
            if not pending:
                return
            rows, piece, job = pending.popleft()
            yield rows, piece, job.result()


def _drop_pages(array: Any) -> None:
    """Release the pages of a memory map, which would count as memory of this process.

    The file stays in the system's cache as long as there is room.
    """
    base = array
    while base is not None and not isinstance(base, np.memmap):
        base = getattr(base, "base", None)
    # In a private map ("c") they hold what was written, and that would be lost.
    if base is not None and base.mode in {"r", "r+"}:
        with suppress(AttributeError, OSError, ValueError):  # AttributeError: not POSIX
            pages: mmap.mmap = base._mmap  # type: ignore[attr-defined] # noqa: SLF001 - no other name
            pages.madvise(mmap.MADV_DONTNEED)


def _taker(batches: Any, *, once: bool) -> Callable[[], Iterable[Any]]:
    """Return a function whose every call gives all batches from the first."""
    if array_api.foreign(batches) or isinstance(batches, np.ndarray) or is_dataset(batches):
        raise ArgumentTypeError("targets", "must be given with an array of logits, got None")
    if callable(batches):
        take: Callable[[], Iterable[Any]] = batches
        return take
    if not isinstance(batches, Iterable):
        raise ArgumentTypeError(
            "logits",
            "without targets must be batches of (logits, targets) or (logits, targets, "
            f"weights), or a callable that gives them, got {type(batches).__name__}",
        )
    if isinstance(batches, Iterator) and not once:
        return _kept(batches)
    return batches.__iter__


def _rows_of(
    take: Callable[[], Iterable[Any]], axis: SupportsIndex, *, unlabelled: bool
) -> Iterator[Rows]:
    """Yield the rows of each batch."""
    start = 0
    for number, batch in enumerate(take()):
        if not isinstance(batch, (tuple, list)) or len(batch) not in {2, 3}:
            raise TypeError(
                "a batch must be (logits, targets) or (logits, targets, weights), "
                f"got {type(batch).__name__} as batch {number}"
            )
        logits, targets, weights = batch if len(batch) == 3 else (*batch, None)
        if targets is None and not unlabelled:
            raise ArgumentTypeError("targets", f"must be in each batch, got None in batch {number}")
        rows = Rows.of(logits, targets, weights, axis, start)
        yield rows
        start = rows.stop


def _kept(batches: Iterator[Any]) -> Callable[[], Iterator[Any]]:
    """Write batches that can be taken only once to a temporary file, and give them from there."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the function returned
    sizes = []
    for batch in batches:
        arrays = batch if isinstance(batch, (tuple, list)) else [batch]
        for array in arrays:
            np.save(file, array_api.to_numpy(array), allow_pickle=False)
        sizes.append(len(arrays))

    def take() -> Iterator[Any]:
        file.seek(0)
        for size in sizes:
            yield tuple(np.load(file, allow_pickle=False) for _ in range(size))

    weakref.finalize(take, file.close)
    return take
