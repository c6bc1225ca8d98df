"""Rows of logits and their targets, pass by pass: from arrays, batches and Dask arrays.

What is asked of many rows here is a sum over rows. It is taken block by block, so that no more
than a few blocks are ever in memory. Threads work on the blocks, or Dask does where the logits
are its own, and there only sums travel. Sums keep what rounding throws away, so that neither the
blocks nor the workers show in the result.
"""

from __future__ import annotations

import mmap
import operator
import tempfile
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import numpy as np

from thermoscope.arguments import plain, real
from thermoscope.kernels import array_api, thread_count

if TYPE_CHECKING:
    from concurrent.futures import Future
    from typing import SupportsIndex

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

__all__ = ["Block", "Passes", "Progress", "Sparse", "computed", "gathered", "passes"]

# A thread works on a block of so many bytes of logits: less, and Python would be most of the work.
BLOCK: Final = 1 << 22
# The arrays of another library come in chunks of so many logits: 32 MiB of float64.
CHUNK: Final = 1 << 22
# After so many logits, the pages of a memory map are given back.
MAPPED: Final = 1 << 25
# So many numbers are added to sums at a time.
STEP: Final = 1 << 13
# One task of Dask adds the sums of so many blocks.
FAN_IN: Final = 16
# Soft targets may miss 1 by what half precision makes of probabilities.
SLACK: Final = 1e-3

# Told in each pass how far it is: rows done, rows in all (None where nobody knows), and the
# number of the pass, from 1.
Progress: TypeAlias = Callable[[int, int | None, int], object]


class Block(NamedTuple):
    """Rows that count, checked."""

    logits: NDArray[Any]  # (n, K) of float32 or float64
    targets: NDArray[Any]  # (n,) classes, or (n, K) probabilities
    weights: Array  # (n,), all > 0
    maximum: NDArray[Any]  # (n,), all finite
    numbers: NDArray[np.int64]  # (n,), the places of the rows in all of the data

    def at_targets(self, values: NDArray[Any]) -> Array:
        """Return the values (n, K) at the targets: their mean where those are probabilities."""
        if self.targets.ndim == 1:
            chosen: Array = values[np.arange(len(values)), self.targets].astype(np.float64)
            return chosen
        # 0 * -inf counts as 0.
        mean: Array = np.einsum("ij,ij->i", self.targets, np.where(self.targets > 0, values, 0.0))
        return mean

    def half_below(self) -> Array:
        """Return half of the targets' logits less the maximum: the whole may overflow."""
        maximum = self.maximum * np.float64(0.5)
        if self.targets.ndim == 1:
            return self.at_targets(self.logits) * 0.5 - maximum
        return self.at_targets(self.logits * np.float64(0.5) - maximum[:, None])


class Sparse(NamedTuple):
    """An array of which most numbers are 0."""

    shape: tuple[int, ...]
    places: NDArray[np.int64]  # (m,), in C order; none is there twice
    values: Array  # (m,)

    @property
    def nbytes(self) -> int:
        """How many bytes of memory it takes."""
        return self.places.nbytes + self.values.nbytes


# What work on a block gives; the sums over all blocks are wanted.
Parts: TypeAlias = "tuple[Array | Sparse, ...]"
Work: TypeAlias = Callable[[Block], Parts]


def gathered(
    places: NDArray[np.int64], values: Array, shape: tuple[int, ...]
) -> NDArray[np.float64] | Sparse:
    """Return an array of `shape` with the sums of the values at each place, counted in C order."""
    size = int(np.prod(shape))
    if len(places) >= size:
        return np.bincount(places, values, size).astype(np.float64, copy=False).reshape(shape)
    found, at = np.unique(places, return_inverse=True)
    return Sparse(shape, found, np.bincount(at, values, len(found)).astype(np.float64, copy=False))


def passes(
    logits: Any,  # noqa: ANN401 - arrays of any library, or batches
    targets: Any,  # noqa: ANN401 - likewise
    sample_weight: Any,  # noqa: ANN401 - likewise
    axis: SupportsIndex,
    *,
    progress: Progress | None = None,
    once: bool = False,
) -> Passes:
    """Check the arguments that all functions of many rows share, and return a way over the rows.

    With `once`, batches that can be taken but once are not kept for another pass.
    """
    if targets is None:
        if sample_weight is not None:
            raise TypeError("sample_weight must be in the batches where targets are None")
        return _Local(_batches(logits, axis, once=once), None, progress)
    rows = _rows(logits, targets, sample_weight, axis)
    if _is_dask(rows.logits):
        return _Dask(rows, progress)
    return _Local(lambda: iter([rows]), rows.total, progress)


class Passes:
    """Passes over rows: `run` is one, `number` says how many there were."""

    def __init__(self, progress: Progress | None) -> None:
        self.number = 0
        self._progress = progress

    def run(self, work: Work) -> tuple[Array, ...]:
        """Return the sums of what `work` gives of each block."""
        self.number += 1
        return self._sums(work).result()

    def _sums(self, work: Work) -> _Sums:
        raise NotImplementedError

    def _tell(self, done: int, total: int | None) -> None:
        if self._progress is not None:
            self._progress(done, total, self.number)


class _Local(Passes):
    """Passes by the threads of this machine."""

    def __init__(
        self, parts: Callable[[], Iterator[_Rows]], total: int | None, progress: Progress | None
    ) -> None:
        super().__init__(progress)
        self._parts = parts
        self._total = total

    def _sums(self, work: Work) -> _Sums:
        sums = _Sums()
        done = mapped = 0
        for rows, piece, parts in _worked_in_threads(self._pieces(), work):
            sums.add(parts)
            done, mapped = piece.stop, mapped + piece.total * piece.lanes
            if mapped >= MAPPED:
                _let_go(rows.logits)
                mapped = 0
            self._tell(done, self._total)
        self._total = done
        if not done:
            raise ValueError("logits must have a row, got none")
        return sums

    def _pieces(self) -> Iterator[tuple[_Rows, _Rows]]:
        """Yield all rows in pieces, each with the rows that it is a piece of."""
        lanes = 0
        for rows in self._parts():
            if lanes and rows.lanes != lanes:
                raise ValueError(
                    f"the logits of all batches must have as many lanes as the first, {lanes}, "
                    f"got {rows.lanes} from row {rows.start} on"
                )
            lanes = rows.lanes
            for piece in rows.pieces():
                yield rows, piece


def _worked_in_threads(
    pieces: Iterator[tuple[_Rows, _Rows]], work: Work
) -> Iterator[tuple[_Rows, _Rows, Parts]]:
    """Yield the pieces with what `work` gives of each, in order."""
    threads = thread_count()
    head = list(islice(pieces, 2))
    pieces = chain(head, pieces)
    if threads == 1 or len(head) < 2:
        # To start a thread takes longer than to work on a thousand rows.
        for rows, piece in pieces:
            yield rows, piece, piece.worked(work)
        return
    pending: deque[tuple[_Rows, _Rows, Future[Parts]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        while True:
            for rows, piece in islice(pieces, 2 * threads + 1 - len(pending)):
                # A context of its own carries the choice of a kernel to the thread.
                job = pool.submit(copy_context().run, piece.worked, work)
                pending.append((rows, piece, job))
            if not pending:
                return
            rows, piece, job = pending.popleft()
            yield rows, piece, job.result()


class _Dask(Passes):
    """Passes by Dask, on whatever scheduler it is set to use."""

    def __init__(self, rows: _Rows, progress: Progress | None) -> None:
        super().__init__(progress)
        import dask.array as da  # noqa: PLC0415 - who has a Dask array has Dask

        def flat(values: Any, kept: int) -> Any:  # noqa: ANN401 - a Dask array
            values = da.asarray(values)
            return values.reshape((-1, *values.shape[values.ndim - kept :]))

        logits = flat(rows.logits, 1)
        self._logits = logits.rechunk({1: -1})
        sizes = self._logits.chunks[0]
        soft = rows.targets.ndim - rows.logits.ndim + 1
        self._targets = flat(rows.targets, soft).rechunk({0: sizes, **({1: -1} if soft else {})})
        self._weights = None
        if rows.weights is not None:
            self._weights = flat(rows.weights, 0).rechunk({0: sizes})
        self._starts = np.cumsum((0, *sizes[:-1]))
        self._total = int(logits.shape[0])

    def _sums(self, work: Work) -> _Sums:
        import dask.array as da  # noqa: PLC0415 - likewise
        from dask import delayed  # noqa: PLC0415 - likewise

        # Blockwise, as `map_blocks` is: then Dask makes one task of reading a block and working on
        # it, and rows are never sent from the worker that read them to another.
        arrays = [self._logits, self._targets, da.from_array(self._starts, chunks=1)]
        if self._weights is not None:
            arrays.append(self._weights)
        blocks = da.blockwise(
            partial(_worked, work),
            "ij",
            *(part for array in arrays for part in (array, "ij"[: array.ndim])),
            concatenate=True,
            dtype=object,
            meta=np.empty((0, 0), object),
            align_arrays=False,
        )
        added = delayed(_all_added)
        of_blocks = parts = blocks.to_delayed().ravel().tolist()
        while len(parts) > 1:
            parts = [added(parts[at : at + FAN_IN]) for at in range(0, len(parts), FAN_IN)]
        sizes, done = self._logits.chunks[0], 0

        def tell(index: int) -> None:
            nonlocal done
            done += sizes[index]
            self._tell(done, self._total)

        sums: _Sums = computed(parts[0], of_blocks, tell)
        return sums


def computed(whole: Any, parts: Sequence[Any], tell: Callable[[int], object]) -> Any:  # noqa: ANN401
    """Return a delayed value of Dask, and tell the number of each part of it that is there."""
    from dask import base, callbacks, compute  # noqa: PLC0415 - who has a delayed value has Dask

    numbers = {part.key: number for number, part in enumerate(parts)}

    def tell_of(key: Any, *_: object) -> None:  # noqa: ANN401 - Dask's
        if key in numbers:
            tell(numbers.pop(key))

    scheduler: Any = getattr(base.get_scheduler(), "__self__", None)
    if type(scheduler).__module__.partition(".")[0] != "distributed":
        with callbacks.Callback(posttask=tell_of):
            return compute(whole)[0]
    from distributed import as_completed  # noqa: PLC0415 - it is there

    futures = scheduler.compute([whole, *parts])
    try:
        for step in as_completed(futures[1:]):
            tell_of(step.key)
        return futures[0].result()
    finally:
        # Whatever went wrong, Ctrl-C too: nobody wants them any more.
        for future in futures:
            future.release()


class _Rows(NamedTuple):
    """Arrays as they were given, the lanes on the last axis; rows are counted in C order."""

    logits: Any
    targets: Any
    weights: Any
    start: int = 0

    @property
    def lanes(self) -> int:
        return int(self.logits.shape[-1])

    @property
    def total(self) -> int:
        return int(np.prod(self.logits.shape[:-1], dtype=np.int64))

    @property
    def stop(self) -> int:
        return self.start + self.total

    def pieces(self) -> Iterator[_Rows]:
        """Yield NumPy arrays of a block each, (n, K), (n,) or (n, K), and (n,)."""
        block = max(1, BLOCK // self.logits.dtype.itemsize)
        chunk = block
        if array_api.foreign(self.logits, self.targets, self.weights):
            chunk = CHUNK
        chunk, step = (max(1, size // self.lanes) for size in (chunk, block))
        soft = self.targets.ndim - self.logits.ndim + 1
        for first in range(0, self.total, chunk):
            last = min(first + chunk, self.total)
            logits = _taken(self.logits, first, last, 1)
            targets = _taken(self.targets, first, last, soft)
            weights = None if self.weights is None else _taken(self.weights, first, last, 0)
            for at in range(0, last - first, step):
                some = slice(at, at + step)
                yield _Rows(
                    logits[some],
                    targets[some],
                    None if weights is None else weights[some],
                    self.start + first + at,
                )

    def worked(self, work: Work) -> Parts:
        """Return what `work` gives of this piece."""
        return work(self._block())

    def _block(self) -> Block:
        logits = real("logits", self.logits)
        numbers = np.arange(self.start, self.stop)
        weights = np.ones(len(logits))
        targets = plain("targets", self.targets)
        if self.weights is not None:
            weights = real("sample_weight", self.weights).astype(np.float64)
            _refuse("sample_weight must be finite and >= 0", weights, ~(weights >= 0), numbers)
            _refuse("sample_weight must be finite and >= 0", weights, weights == np.inf, numbers)
            counts = weights > 0
            if not counts.all():
                logits, targets, weights = logits[counts], targets[counts], weights[counts]
                numbers = numbers[counts]
        # Native floats, as the compiled kernel takes them; what is narrower is exact in float32.
        wide = logits.dtype.kind in "biu" or logits.dtype.itemsize > np.dtype(np.float32).itemsize
        logits = logits.astype(np.float64 if wide else np.float32, copy=False)
        maximum = logits.max(axis=1)
        empty = maximum == -np.inf
        _refuse("logits must have a lane above -inf in each row", maximum, empty, numbers)
        _refuse("logits must be finite or -inf", maximum, ~(maximum < np.inf), numbers)
        if targets.ndim == 1:
            targets = _classes(targets, self.lanes, numbers)
        else:
            targets = _probabilities(targets, numbers)
        return Block(logits, targets, weights, maximum, numbers)


def _rows(
    logits: Any,  # noqa: ANN401 - of any library
    targets: Any,  # noqa: ANN401 - likewise
    weights: Any,  # noqa: ANN401 - likewise
    axis: SupportsIndex,
    start: int = 0,
) -> _Rows:
    """Check shapes, and bring the lanes to the last axis."""
    z = logits if array_api.foreign(logits) else real("logits", logits)
    y = targets if array_api.foreign(targets) else plain("targets", targets)
    w = weights if weights is None or array_api.foreign(weights) else real("sample_weight", weights)
    index = operator.index(axis)
    if any(np.isnan(size) for size in z.shape):
        raise ValueError(
            "logits must have chunks of known sizes, which compute_chunk_sizes() finds, "
            f"got shape {tuple(z.shape)}"
        )
    if not z.ndim:
        raise ValueError("logits must have an axis of classes, got one number")
    if not -z.ndim <= index < z.ndim:
        raise ValueError(f"axis must be one of logits of shape {tuple(z.shape)}, got {axis}")
    if z.shape[index] == 0:
        raise ValueError(f"logits must have a lane along axis {axis}, got shape {tuple(z.shape)}")
    given = tuple(z.shape)
    z = _moved(z, index)
    soft = tuple(y.shape) == given
    if soft:
        y = _moved(y, index)
    elif tuple(y.shape) != tuple(z.shape[:-1]):
        raise ValueError(
            f"targets must be classes of shape {tuple(z.shape[:-1])} or probabilities in the shape "
            f"of logits, {given}, got shape {tuple(y.shape)}"
        )
    if w is not None and tuple(w.shape) != tuple(z.shape[:-1]):
        raise ValueError(
            f"sample_weight must have shape {tuple(z.shape[:-1])}, one for each row of logits, "
            f"got {tuple(w.shape)}"
        )
    if z.ndim == 1:
        z, y, w = z[None], y[None], None if w is None else w[None]
    return _Rows(z, y, w, start)


def _moved(array: Any, index: int) -> Any:  # noqa: ANN401 - of any library
    if index in {-1, array.ndim - 1}:
        return array
    return array_api.namespace(array)[0].moveaxis(array, index, -1)


def _taken(array: Any, first: int, last: int, kept: int) -> Any:  # noqa: ANN401 - of any library
    """Return rows as a NumPy array, the last `kept` axes being lanes; only they are copied."""
    shape = tuple(array.shape[: array.ndim - kept])
    if len(shape) == 1:
        taken = array[first:last]
    else:
        taken = array[np.unravel_index(np.arange(first, last), shape)]
    return array_api.to_numpy(taken)


def _let_go(array: NDArray[Any]) -> None:
    """Give back the pages of a memory map, which would count as memory of this process.

    The file stays in the system's cache as long as there is room.
    """
    base: Any = array
    while base is not None and not isinstance(base, np.memmap):
        base = getattr(base, "base", None)
    # In a private map ("c") they hold what was written, and that would be lost.
    if base is not None and base.mode in {"r", "r+"}:
        with suppress(AttributeError, OSError, ValueError):  # AttributeError: not POSIX
            pages: mmap.mmap = base._mmap  # type: ignore[attr-defined] # noqa: SLF001 - no other name
            pages.madvise(mmap.MADV_DONTNEED)


def _classes(targets: NDArray[Any], lanes: int, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    if targets.dtype.kind not in "iuf":
        raise TypeError(f"targets must be classes, whole numbers, got {targets.dtype}")
    if targets.dtype.kind == "f":
        _refuse("targets must be whole numbers", targets, targets != np.floor(targets), numbers)
    outside = ~((targets >= 0) & (targets < lanes))
    _refuse(f"targets must be in [0, {lanes})", targets, outside, numbers)
    return targets.astype(np.int64)


def _probabilities(targets: NDArray[Any], numbers: NDArray[np.int64]) -> Array:
    soft = real("targets", targets).astype(np.float64)
    _refuse("targets must be >= 0", soft.min(axis=1), ~(soft.min(axis=1) >= 0), numbers)
    total = soft.sum(axis=1)
    _refuse("targets must sum to 1 in each row", total, ~(abs(total - 1) <= SLACK), numbers)
    soft /= total[:, None]
    return soft


def _refuse(
    message: str, values: NDArray[Any], wrong: NDArray[np.bool_], numbers: NDArray[np.int64]
) -> None:
    if wrong.any():
        at = int(np.argmax(wrong))
        raise ValueError(f"{message}, got {values[at]} in row {numbers[at]}")


def _batches(
    batches: Any,  # noqa: ANN401 - whatever gives batches
    axis: SupportsIndex,
    *,
    once: bool,
) -> Callable[[], Iterator[_Rows]]:
    """Return a function that gives all batches anew."""
    if array_api.foreign(batches) or isinstance(batches, np.ndarray):
        raise TypeError("targets must be given with an array of logits, got None")
    take: Callable[[], Iterable[Any]]
    if callable(batches):
        take = batches
    elif not isinstance(batches, Iterable):
        raise TypeError(
            "logits without targets must be batches of (logits, targets) or (logits, targets, "
            f"weights), or a callable that gives them, got {type(batches).__name__}"
        )
    elif isinstance(batches, Iterator) and not once:
        take = _kept(batches)
    else:
        take = batches.__iter__

    def parts() -> Iterator[_Rows]:
        start = 0
        for number, batch in enumerate(take()):
            if not isinstance(batch, (tuple, list)) or len(batch) not in {2, 3}:
                raise TypeError(
                    "a batch must be (logits, targets) or (logits, targets, weights), "
                    f"got {type(batch).__name__} as batch {number}"
                )
            logits, targets, weights = batch if len(batch) == 3 else (*batch, None)
            rows = _rows(logits, targets, weights, axis, start)
            yield rows
            start = rows.stop

    return parts


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


def _is_dask(array: Any) -> bool:  # noqa: ANN401 - of any library
    if not array_api.foreign(array):
        return False
    from array_api_compat import is_dask_array  # noqa: PLC0415 - NumPy's users never need it

    return bool(is_dask_array(array))


def _worked(work: Work, logits: Any, targets: Any, start: Any, weights: Any = None) -> _Sums:  # noqa: ANN401
    """Return the sums of one block of a Dask array; a task."""
    sums = _Sums()
    for piece in _Rows(logits, targets, weights, int(start[0])).pieces():
        sums.add(piece.worked(work))
    return sums


def _all_added(parts: list[_Sums]) -> _Sums:
    """Return the sums of several blocks; a task."""
    sums = _Sums()
    for part in parts:
        sums.add(*part.thinned())
    return sums


class _Sums:
    """Sums of arrays, each with what rounding throws away of it, which Knuth's two-sum gives."""

    def __init__(self, high: Parts = (), low: Parts = ()) -> None:
        self.high: tuple[Array, ...] = ()
        self.low: tuple[Array, ...] = ()
        self.add(high, low)

    def __reduce__(self) -> tuple[Any, ...]:
        return _Sums, self.thinned()

    def __sizeof__(self) -> int:
        # Dask asks, to place its work near its data; of the zeros of an array no page is touched.
        return sum(part.nbytes for parts in self.thinned() for part in parts)

    def thinned(self) -> tuple[Parts, Parts]:
        """Return the sums without zeros, of which a table of classes and bins is nearly full."""
        return tuple(map(_thinned, self.high)), tuple(map(_thinned, self.low))

    def add(self, parts: Parts, low: Parts = ()) -> None:
        """Add arrays, and what is known to be missing from them."""
        if not self.high:
            self.high, self.low = (tuple(np.zeros(part.shape) for part in parts) for _ in range(2))
        with np.errstate(invalid="ignore", over="ignore"):
            for high, rest, part in zip(self.high, self.low, parts, strict=True):
                for at, y in _placed(part):
                    x = high.reshape(-1)[at]
                    total = x + y
                    added = total - x
                    rest.reshape(-1)[at] += (x - (total - added)) + (y - added)
                    high.reshape(-1)[at] = total
            for rest, part in zip(self.low, low, strict=False):
                for at, y in _placed(part):
                    rest.reshape(-1)[at] += y

    def result(self) -> tuple[Array, ...]:
        """Return the sums, rounded."""
        # What is beyond the range of doubles has no remainder that is a number.
        with np.errstate(invalid="ignore"):
            return tuple(
                np.where(np.isfinite(low), high + low, high)
                for high, low in zip(self.high, self.low, strict=True)
            )


def _placed(part: Array | Sparse) -> Iterator[tuple[Any, Array]]:
    """Yield where in a flat array the numbers of a part stand, and the numbers."""
    if isinstance(part, Sparse):
        yield part.places, part.values
        return
    flat = part.reshape(-1)
    # As many at a time as stay in the cache with what is computed of them.
    for start in range(0, flat.size, STEP):
        some = slice(start, start + STEP)
        yield some, flat[some]


def _thinned(array: Array) -> Array | Sparse:
    places = np.flatnonzero(array)
    if 2 * len(places) > array.size:
        return array
    return Sparse(array.shape, places, array.reshape(-1)[places])
