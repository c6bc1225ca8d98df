"""Passes over rows of any source, and what every pass checks."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeAlias

import numpy as np

from thermoscope.arguments import ArgumentError, ArgumentTypeError, refuse_incomplete
from thermoscope.kernels import array_api
from thermoscope.passes.local import LocalRows
from thermoscope.passes.on_dask import DaskRows, is_dask
from thermoscope.passes.rows import Rows, Selection, is_dataset

if TYPE_CHECKING:
    from typing import SupportsIndex

    from numpy.typing import NDArray

    from thermoscope.passes.rows import Part, Work
    from thermoscope.passes.sums import Sums

    Array = NDArray[np.float64]

__all__ = [
    "Counts",
    "Passes",
    "ProbabilitiesWarning",
    "Progress",
    "passes",
    "passes_without_targets",
]

# Sums of weights between these leave room for products and squares.
LEAST_WEIGHT: Final = 2.0**-30
MOST_WEIGHT: Final = 2.0**500

# Called in each pass with its progress: rows done, rows in all (None if unknown), and the number
# of the pass, from 1.
Progress: TypeAlias = Callable[[int, int | None, int], object]


class Source(Protocol):
    """Rows that can be passed over."""

    total: int | None  # how many rows, None before the first pass over batches
    spent: bool  # whether there can be no further pass

    def sums(self, work: Work, selection: Selection, tell: Callable[[int], object]) -> Sums:
        """Return the sums of what `work` gives of each block, and tell how many rows are done."""


class ProbabilitiesWarning(UserWarning):
    """What was given as logits looks like probabilities."""


class Counts(NamedTuple):
    """Sums that every pass takes."""

    rows: float  # that count: of a weight > 0, with a target
    weight: float  # the sum of their weights, as `Passes.unscaled` takes them
    ignored: float  # rows whose target is `ignore_index`
    suspicious: float  # whether the first rows look like probabilities


def passes(
    logits: Any,
    targets: Any,
    sample_weight: Any,
    axis: SupportsIndex,
    *,
    ignore_index: int | None = None,
    progress: Progress | None = None,
    once: bool = False,
    unlabelled: bool = False,
) -> Passes:
    """Check the arguments that all functions of many rows share, and return a way over the rows.

    With `once`, batches that can be taken but once are not kept for another pass. With
    `unlabelled`, logits may come without targets.
    """
    refuse_incomplete("logits", logits)
    if getattr(logits, "is_reported", False):
        np.asarray(logits)  # raises an error that names the row and says what takes it
    if targets is None and is_dataset(logits):
        targets = getattr(logits, "targets", None)
    if targets is None and not (unlabelled and not _are_batches(logits)):
        if sample_weight is not None:
            raise ArgumentTypeError(
                "sample_weight", "must be in the batches where targets are None"
            )
        source: Source = LocalRows.of_batches(logits, axis, once=once, unlabelled=unlabelled)
    else:
        source = _source(Rows.of(logits, targets, sample_weight, axis))
    return Passes(source, Selection(ignore_index), progress)


def passes_without_targets(
    logits: Any, axis: SupportsIndex, *, progress: Progress | None = None
) -> Passes:
    """Check logits, and return a way over all of their rows, whatever targets a data set has."""
    return Passes(_source(Rows.of(logits, None, None, axis)), Selection(), progress)


def _source(rows: Rows) -> Source:
    return DaskRows(rows) if is_dask(rows.logits) else LocalRows.of(rows)


def _are_batches(logits: Any) -> bool:
    if isinstance(logits, (list, tuple)):
        return any(isinstance(item, tuple) for item in logits)
    if array_api.foreign(logits) or is_dataset(logits):
        return False
    return callable(logits) or isinstance(logits, Iterator)


class Passes:
    """Passes over rows: `run` is one, `number` says how many there were."""

    def __init__(
        self, source: Source, selection: Selection, progress: Progress | None = None
    ) -> None:
        self.number = 0
        self.counts = Counts(0, 0, 0, 0)  # of the last pass
        self.weight_exponent = 0  # weights are multiplied by this power of 2
        self._settled = False
        self._source = source
        self._selection = selection
        self._progress = progress

    def run(self, work: Work, part: Part | None = None) -> tuple[Array, ...]:
        """Return the sums of what `work` gives of each block of the rows in a part."""
        self.number += 1
        selection = self._selection._replace(part=part, weight_exponent=self.weight_exponent)
        known = self._source.total
        sums = self._source.sums(work, selection, self._tell).result()
        self.counts = Counts(*map(float, sums[0])) if sums else Counts(0, 0, 0, 0)
        if known is not None and self._source.total != known:
            raise ArgumentError(
                "logits",
                f"must give the same batches in each pass, got {known:,} rows in the first "
                f"and {self._source.total:,} in pass {self.number}: a callable must make a new "
                "iterator each time",
            )
        if self.number == 1 and self.counts.suspicious:
            _warn(
                "logits look like probabilities: they are >= 0 and sum to 1 in each row. If they "
                "are, give their logarithm: np.log(p)"
            )
        if not self.counts.rows:
            raise self._no_rows(part)
        # Small weights are enlarged only before the first sum: parts of the rows may differ in
        # weight, and sums over parts have one unit.
        small = self.counts.weight < LEAST_WEIGHT and not self._settled
        if small or self.counts.weight > MOST_WEIGHT:
            return self._rescaled(work, part)
        self._settled = True
        return sums[1:]

    def check_weight(self) -> None:
        """Raise an error if the weights of the last pass count as nothing beside earlier ones."""
        if not self.counts.weight > 0:
            raise ArgumentError(
                "sample_weight",
                "must not differ between the parts of the rows by a factor of more than 1e300: one "
                "part counts as nothing beside another",
            )

    def unscaled(self, values: Any) -> Any:
        """Return sums in the units of the weights as they were given."""
        with np.errstate(over="ignore", under="ignore"):
            return np.ldexp(values, -self.weight_exponent)

    def _rescaled(self, work: Work, part: Part | None) -> tuple[Array, ...]:
        """Return what `run` does, with weights of a size that no sum overflows."""
        if self._source.spent:
            raise ArgumentError(
                "sample_weight",
                "must have a sum between 1e-9 and 1e150 where an iterator can be "
                "used but once: divide the weights by their mean",
            )
        # By a power of two, which rounds nothing. What overflowed is seen in a second look.
        overflowed = self.counts.weight == math.inf
        self.weight_exponent -= 600 if overflowed else math.frexp(self.counts.weight)[1]
        return self.run(work, part)

    def _no_rows(self, part: Part | None) -> ArgumentError:
        """Return the error that says why no row counts."""
        total = self._source.total
        if not total:
            return ArgumentError(
                "logits", "must have a row, got none: an iterator that was used before is empty"
            )
        if self.counts.ignored:
            return ArgumentError(
                "targets",
                f"must have a class for some row, got {self._selection.ignore_index} "
                f"(ignore_index: no target) for all {self.counts.ignored:,.0f}",
            )
        if part is not None:
            return ArgumentError(
                "logits", f"must have rows in each part, got none in one of them, of {total:,}"
            )
        return ArgumentError("sample_weight", "must be > 0 for some row, got zero for all")

    def _tell(self, done: int) -> None:
        if self._progress is not None:
            self._progress(done, self._source.total, self.number)


def _warn(message: str) -> None:
    """Warn at the line outside of this package that called it."""
    frame, depth = sys._getframe(1), 2  # noqa: SLF001 - warnings has no better way before 3.12
    while frame.f_back and frame.f_globals.get("__name__", "").startswith("thermoscope."):
        frame, depth = frame.f_back, depth + 1
    warnings.warn(message, ProbabilitiesWarning, stacklevel=depth)
