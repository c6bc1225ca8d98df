"""Checks of targets and weights: of their shapes once, of their values block by block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from thermoscope.arguments import ArgumentError, ArgumentTypeError, real

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

__all__ = [
    "Shapes",
    "classes",
    "look_like_probabilities",
    "probabilities",
    "refuse",
    "shapes",
    "weights",
]

# Row sums of soft targets may differ from 1 by float16 rounding.
TOLERANCE: Final = 1e-3


class Shapes(NamedTuple):
    """How logits, targets and weights fit together, the classes being on the last axis."""

    binary: bool  # one logit for each row, that of class 1 beside 0 for class 0
    soft: bool  # targets are probabilities
    column: bool  # targets have a last axis of size 1, which holds classes
    weight_column: bool  # likewise the weights


def shapes(
    logits: tuple[int, ...], targets: tuple[int, ...] | None, weight: tuple[int, ...] | None
) -> Shapes:
    """Check that targets and weights are of the shape of logits (..., K), or (N,) for binary ones.

    Raises
    ------
    ValueError
        If they are not. The error says so if logits and targets seem to be swapped.
    """
    binary = targets is not None and (
        logits[-1] == 1 or (len(logits) == 1 and targets in {logits, (*logits, 1)})
    )
    rows = logits if binary and logits[-1:] != (1,) else logits[:-1]
    soft = not binary and targets == logits
    column = not soft and targets == (*rows, 1)
    if targets is not None and not soft and not column and targets != rows:
        swapped = len(targets) > 1 and logits in {targets[:-1], (*targets[:-1], 1)}
        raise ArgumentError(
            "targets",
            f"must be classes of shape {rows} or probabilities in the shape "
            f"of logits, {logits}, got shape {targets}"
            + (": are logits and targets swapped?" if swapped else ""),
        )
    if weight is not None and weight not in {rows, (*rows, 1)}:
        raise ArgumentError(
            "sample_weight", f"must have shape {rows}, one for each row of logits, got {weight}"
        )
    return Shapes(binary, soft, column, weight is not None and weight != rows)


def weights(values: NDArray[Any], numbers: NDArray[np.int64]) -> Array:
    """Return weights as float64; each must be finite and >= 0."""
    found = real("sample_weight", values).astype(np.float64)
    wrong = ~((found >= 0) & (found < np.inf))
    refuse("sample_weight", "must be finite and >= 0", found, wrong, numbers)
    return found


def classes(targets: NDArray[Any], count: int, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return classes as int64; each must be a whole number in [0, count)."""
    if targets.dtype.kind not in "iuf":
        raise ArgumentTypeError("targets", f"must be classes, whole numbers, got {targets.dtype}")
    if targets.dtype.kind == "f":
        refuse("targets", "must be whole numbers", targets, targets != np.floor(targets), numbers)
    outside = ~((targets >= 0) & (targets < count))
    refuse("targets", f"must be in [0, {count})", targets, outside, numbers)
    return targets.astype(np.int64)


def probabilities(targets: NDArray[Any], numbers: NDArray[np.int64], logits: NDArray[Any]) -> Array:
    """Return rows of probabilities as float64; each row must sum to 1, but for its rounding."""
    soft = real("targets", targets).astype(np.float64)
    low, total = soft.min(axis=1), soft.sum(axis=1)
    negative, other = ~(low >= 0), ~(abs(total - 1) <= TOLERANCE)
    remedy = ""
    if (wrong := negative | other).any() and _are_distributions(logits[wrong][:1]):
        remedy = ": are logits and targets swapped?"
    refuse("targets", "must be >= 0", low, negative, numbers, remedy=remedy)
    refuse("targets", "must sum to 1 in each row", total, other, numbers, remedy=remedy)
    soft /= total[:, None]
    return soft


def refuse(
    argument: str,
    problem: str,
    values: NDArray[Any],
    wrong: NDArray[np.bool_],
    numbers: NDArray[np.int64],
    *,
    remedy: str = "",
) -> None:
    """Raise an error that names the first row in which a value is wrong."""
    if wrong.any():
        at = int(np.argmax(wrong))
        row = int(numbers[at])
        raise ArgumentError(argument, f"{problem}, got {values[at]} in row {row}{remedy}", row)


def look_like_probabilities(logits: NDArray[Any]) -> bool:
    """Whether rows are >= 0 and sum to 1, as probabilities do and logits hardly ever.

    One-hot rows don't count: they are as likely the logits of an example.
    """
    inside = ((logits > 0) & (logits < 1)).any()
    return bool(logits.shape[1] > 1 and inside and _are_distributions(logits))


def _are_distributions(rows: NDArray[Any]) -> bool:
    with np.errstate(invalid="ignore"):
        total = rows.sum(axis=1, dtype=np.float64)
        return bool(len(rows) and (rows >= 0).all() and (abs(total - 1) <= TOLERANCE).all())
