"""Rows as `compare_samplers` and `sampler_temperature` take them: known whole, or reported."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, SupportsIndex, TypeAlias

import numpy as np
from numpy.typing import NDArray

from thermoscope.arguments import (
    NO_TARGET,
    ArgumentError,
    ArgumentTypeError,
    classes_of,
    plain,
)
from thermoscope.data.dataset import Dataset
from thermoscope.data.errors import FileError
from thermoscope.passes import Passes, Progress, passes_without_targets
from thermoscope.reported import Reported

__all__ = ["KnownRows", "ReportedRows", "Rows", "rows_of"]


class KnownRows(NamedTuple):
    """Rows of which all logits are known."""

    passes: Passes
    total: int
    # Of each row, `NO_TARGET` where it has none; None where no row has one.
    targets: NDArray[np.int64] | None


class ReportedRows(NamedTuple):
    """Rows that a server reported in part."""

    rows: list[Reported]
    # Which rows of the answer these are: those that can't be read are left out.
    numbers: NDArray[np.int64]
    skipped: int
    progress: Progress | None = None

    def each(self, function: Callable[[Reported], Any], number: int = 1) -> list[Any]:
        """Return what a function gives of each row, and tell how many are done."""
        found = []
        for row in self.rows:
            found.append(function(row))
            if self.progress is not None:
                self.progress(len(found), len(self.rows), number)
        return found


Rows: TypeAlias = KnownRows | ReportedRows


def rows_of(
    logits: Any,
    targets: Any,
    axis: SupportsIndex,
    *,
    ignore_index: int | None,
    vocabulary: int | None,
    progress: Progress | None,
) -> Rows:
    """Return rows as they are given: arrays, data sets, or what a server reported."""
    reported = _reported(logits, vocabulary, progress)
    if reported is not None:
        if targets is not None:
            problem = "must be left out for what a server reported: the drawn tokens are taken"
            raise ArgumentError("targets", problem)
        return reported
    if isinstance(logits, Dataset):
        if targets is None:
            targets = logits.targets
        if targets is None and (logits.drawn >= 0).any():
            targets = np.where(logits.drawn >= 0, logits.drawn, NO_TARGET)
            ignore_index = NO_TARGET
        if len(logits.shape) == 1:
            logits = logits.values
    passes = passes_without_targets(logits, axis, progress=progress)
    shape = _shape(logits, axis)
    classes = None if targets is None else _classes(targets, shape, ignore_index)
    return KnownRows(passes, math.prod(shape[:-1]), classes)


def _reported(
    logits: Any, vocabulary: int | None, progress: Progress | None
) -> ReportedRows | None:
    if isinstance(logits, Reported):
        logits = [logits]
    if isinstance(logits, (list, tuple)) and any(isinstance(row, Reported) for row in logits):
        if not all(isinstance(row, Reported) for row in logits):
            raise ArgumentTypeError("logits", "must all be Reported where one is")
        return ReportedRows(list(logits), np.arange(len(logits)), 0, progress)
    if not isinstance(logits, Dataset) or logits.tokens is None:
        return None
    is_whole = all(logits.problem(row) is None for row in range(logits.rows))
    if is_whole and not logits.is_reported:
        return None
    return _positions(logits, vocabulary, progress)


def _positions(data: Dataset, vocabulary: int | None, progress: Progress | None) -> ReportedRows:
    """Return what a server reported for each position that can be read."""
    rows, numbers, first = [], [], None
    for row in range(data.rows):
        try:
            rows.append(data.reported(row, vocabulary=vocabulary))
        except (ArgumentError, FileError) as error:
            if isinstance(error, ArgumentError) and error.argument == "vocabulary":
                raise
            first = first or error
        else:
            numbers.append(row)
    if first is not None and not rows:
        raise first
    return ReportedRows(rows, np.array(numbers), data.rows - len(rows), progress)


def _shape(logits: Any, axis: SupportsIndex) -> tuple[int, ...]:
    """Return the shape with the axis of the entries last."""
    shape = [int(size) for size in (logits if hasattr(logits, "shape") else np.array(logits)).shape]
    entries = shape.pop(axis)
    return (*shape, entries)


def _classes(targets: Any, shape: tuple[int, ...], ignore_index: int | None) -> NDArray[np.int64]:
    """Check the target of each row, in one line of rows."""
    given = plain("targets", targets)
    if given.shape not in {shape[:-1], (*shape[:-1], 1)}:
        problem = f"must be classes of shape {shape[:-1]}, got shape {given.shape}"
        raise ArgumentError("targets", problem)
    flat = given.reshape(-1)
    known = np.ones(flat.shape, np.bool_) if ignore_index is None else flat != ignore_index
    classes = np.full(flat.shape, NO_TARGET, np.int64)
    classes[known] = classes_of(flat[known], shape[-1], np.flatnonzero(known))
    return classes
