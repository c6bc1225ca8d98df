"""Rows as they were given, cut into pieces, and pieces as checked blocks."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import numpy as np

from thermoscope.arguments import (
    ArgumentError,
    classes_of,
    look_like_probabilities,
    plain,
    real,
    refuse_rows,
    soft_targets,
    target_shapes,
    weights_of,
)
from thermoscope.kernels import array_api
from thermoscope.passes.sums import Parts

if TYPE_CHECKING:
    from typing import SupportsIndex

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

__all__ = ["Block", "Part", "Rows", "Selection", "Work", "is_dataset"]

# Bytes of logits in the block of a thread: with fewer, Python would be most of the work.
BLOCK: Final = 1 << 22
# Logits that are brought at a time from another library: 32 MiB of float64.
CHUNK: Final = 1 << 22
# Look at this many rows to tell probabilities from logits.
LOOK: Final = 100
# Of rows of fewer classes, the maxima are found class by class.
TRANSPOSED_CLASSES: Final = 24


class Block(NamedTuple):
    """Rows that count, checked."""

    logits: NDArray[Any]  # (n, K) of float32 or float64
    targets: NDArray[Any]  # (n,) classes, or (n, K) probabilities; zeros where there are none
    weights: Array  # (n,), all > 0
    maximum: NDArray[Any]  # (n,), all finite
    numbers: NDArray[np.int64]  # (n,), the places of the rows in all of the data
    labelled: bool  # whether there are targets

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


Work: TypeAlias = Callable[[Block], Parts]


class Part(NamedTuple):
    """A random part of the rows: each row has a number in [0, 1), by its place and a key alone."""

    key: int
    low: float
    high: float
    inside: bool  # whether rows with a number in [low, high) are meant, or all others

    def holds(self, numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which rows are in this part."""
        # A step of Philox's counter gives 4 words.
        first, last = int(numbers[0]) // 4, int(numbers[-1]) // 4
        words = np.random.Philox(key=self.key, counter=first).random_raw((last + 1 - first) * 4)
        numbers_of = (words[numbers - 4 * first] >> np.uint64(11)) * 2.0**-53
        held = (numbers_of >= self.low) & (numbers_of < self.high)
        in_part: NDArray[np.bool_] = held == self.inside
        return in_part


class Selection(NamedTuple):
    """Which rows count in a pass, and how much."""

    ignore_index: int | None = None
    weight_exponent: int = 0
    part: Part | None = None


class Rows(NamedTuple):
    """Arrays as they were given, the classes on the last axis; rows are counted in C order."""

    logits: Any
    targets: Any
    weights: Any
    start: int = 0

    @classmethod
    def of(
        cls,
        logits: Any,
        targets: Any,
        weights: Any,
        axis: SupportsIndex,
        start: int = 0,
    ) -> Rows:
        """Check shapes, and bring the classes to the last axis."""
        z, y, w = _arrays(logits, targets, weights)
        index = _axis(tuple(z.shape), axis)
        if index != -1:
            if is_dataset(z):
                raise ArgumentError("axis", f"must be -1 for a data set, got {axis}")
            beside = y is not None and len(y.shape) == len(z.shape)
            z, y = _moved(z, index), _moved(y, index) if beside else y
        fit = target_shapes(
            tuple(z.shape),
            None if y is None else tuple(y.shape),
            None if w is None else tuple(w.shape),
        )
        if is_dataset(z) and len(z.shape) == 1:
            z = np.asarray(z)
        if fit.binary and z.shape[-1] != 1:
            z = z[..., None]
        y = y[..., 0] if fit.column else y
        w = w[..., 0] if fit.weight_column else w
        if len(z.shape) == 1:
            z, y, w = z[None], None if y is None else y[None], None if w is None else w[None]
        return cls(z, y, w, start)

    @property
    def classes(self) -> int:
        """How many columns of logits there are."""
        return int(self.logits.shape[-1])

    @property
    def total(self) -> int:
        """How many rows there are."""
        return int(np.prod(self.logits.shape[:-1], dtype=np.int64))

    @property
    def stop(self) -> int:
        """The number of the row after the last."""
        return self.start + self.total

    @property
    def soft(self) -> int:
        """How many axes of classes the targets have: 1 where they are probabilities, else 0."""
        return 0 if self.targets is None else len(self.targets.shape) - len(self.logits.shape) + 1

    def pieces(self) -> Iterator[Rows]:
        """Yield NumPy arrays of a block each, (n, K), (n,) or (n, K), and (n,)."""
        step = max(1, max(1, BLOCK // self.logits.dtype.itemsize) // self.classes)
        for first, logits in self._chunks(step):
            last = first + len(logits)
            targets = None if self.targets is None else _taken(self.targets, first, last, self.soft)
            weights = None if self.weights is None else _taken(self.weights, first, last, 0)
            for at in range(0, last - first, step):
                some = slice(at, at + step)
                yield Rows(
                    logits[some],
                    None if targets is None else targets[some],
                    None if weights is None else weights[some],
                    self.start + first + at,
                )

    def _chunks(self, step: int) -> Iterator[tuple[int, NDArray[Any]]]:
        """Yield NumPy arrays of logits (n, K), each with the place of its first row."""
        if is_dataset(self.logits):
            first = 0
            for block in self.logits.blocks(0, self.total):
                yield first, np.asarray(block)
                first += len(block)
            if first != self.total:
                raise ArgumentError(
                    "logits",
                    f"must have {self.total:,} rows, as their shape says, got blocks of {first:,}",
                )
            return
        if array_api.foreign(self.logits, self.targets, self.weights):
            step = max(1, CHUNK // self.classes)
        for first in range(0, self.total, step):
            yield first, _taken(self.logits, first, min(first + step, self.total), 1)

    def worked(self, work: Work, selection: Selection) -> Parts:
        """Return what `work` gives of this piece, after the counts of `Counts`."""
        block, ignored = self._block(selection)
        look = self.start == 0 and look_like_probabilities(block.logits[:LOOK])
        # A sum of weights that overflows is taken again, of smaller ones.
        with np.errstate(over="ignore", invalid="ignore"):
            counts = (len(block.weights), block.weights.sum(), ignored, look)
            return np.array(counts, np.float64), *work(block)

    def _block(self, selection: Selection) -> tuple[Block, int]:
        """Return the rows that count, and how many were ignored for their target."""
        logits, targets = real("logits", self.logits), self.targets
        labelled = targets is not None
        targets = plain("targets", targets) if labelled else np.zeros(len(logits), np.int64)
        numbers = np.arange(self.start, self.stop)
        weights = np.ones(len(logits))
        counts = None
        if self.weights is not None:
            weights = weights_of(self.weights, numbers)
            counts = weights > 0
            with np.errstate(over="ignore", under="ignore"):
                weights = np.ldexp(weights, selection.weight_exponent)
        if selection.part is not None:
            held = selection.part.holds(numbers)
            counts = held if counts is None else counts & held
        ignored = 0
        if labelled and targets.ndim == 1 and targets.dtype.kind in "iuf":
            nothing = targets == selection.ignore_index
            if nothing.any():
                ignored = int(np.count_nonzero(nothing if counts is None else nothing & counts))
                counts = ~nothing if counts is None else counts & ~nothing
        if counts is not None and not counts.all():
            logits, targets, weights = logits[counts], targets[counts], weights[counts]
            numbers = numbers[counts]
        # Native floats, as the compiled kernel takes them; what is narrower is exact in float32.
        wide = logits.dtype.kind in "biu" or logits.dtype.itemsize > np.dtype(np.float32).itemsize
        logits = logits.astype(np.float64 if wide else np.float32, copy=False)
        if labelled and self.classes == 1:
            logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
        maximum = _maxima(logits)
        empty = maximum == -np.inf
        refuse_rows("logits", "must have an entry above -inf in each row", maximum, empty, numbers)
        refuse_rows("logits", "must be finite or -inf", maximum, ~(maximum < np.inf), numbers)
        if labelled and targets.ndim == 1:
            targets = classes_of(targets, logits.shape[1], numbers)
        elif labelled:
            targets = soft_targets(targets, numbers, logits)
        return Block(logits, targets, weights, maximum, numbers, labelled), ignored


def is_dataset(value: object) -> bool:
    """Whether a value gives its rows block by block, by a method ``blocks(start, stop)``."""
    # Of the type: the `blocks` of a Dask array is a property.
    return callable(getattr(type(value), "blocks", None))


def _maxima(logits: NDArray[Any]) -> NDArray[Any]:
    """Return the maximum of each row (n, K), for which NumPy takes 1.2 to 8 times as long."""
    classes = logits.shape[1]
    maximum: NDArray[Any]
    if classes < TRANSPOSED_CLASSES:
        maximum = np.ascontiguousarray(logits.T).max(axis=0)
    else:
        maximum = np.maximum.reduceat(logits.reshape(-1), np.arange(0, logits.size, classes))
    return maximum


def _arrays(logits: Any, targets: Any, weights: Any) -> tuple[Any, Any, Any]:
    as_given = array_api.foreign(logits) or is_dataset(logits)
    z = logits if as_given else real("logits", logits)
    y = targets
    if targets is not None and not array_api.foreign(targets):
        y = plain("targets", targets)
    as_given = weights is None or array_api.foreign(weights)
    return z, y, weights if as_given else real("sample_weight", weights)


def _axis(shape: tuple[int, ...], axis: SupportsIndex) -> int:
    """Return the axis of the classes, counted from the last."""
    index = operator.index(axis)
    if any(np.isnan(size) for size in shape):
        raise ArgumentError(
            "logits",
            "must have chunks of known sizes, which compute_chunk_sizes() finds, "
            f"got shape {shape}",
        )
    if not shape:
        raise ArgumentError("logits", "must have an axis of classes, got one number")
    if not -len(shape) <= index < len(shape):
        raise ArgumentError("axis", f"must be one of logits of shape {shape}, got {axis}")
    if shape[index] == 0:
        raise ArgumentError("logits", f"must have a class along axis {axis}, got shape {shape}")
    return index if index < 0 else index - len(shape)


def _moved(array: Any, index: int) -> Any:
    return array_api.namespace(array)[0].moveaxis(array, index, -1)


def _taken(array: Any, first: int, last: int, kept: int) -> Any:
    """Return rows as a NumPy array with the last `kept` axes whole; only they are copied."""
    shape = tuple(array.shape[: len(array.shape) - kept])
    if len(shape) == 1:
        taken = array[first:last]
    else:
        taken = array[np.unravel_index(np.arange(first, last), shape)]
    return array_api.to_numpy(taken)
