"""The one state of an explorer and its one written form, the twin of ``web/src/model/state.ts``."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from thermoscope.kernels.array_api import to_numpy

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "STATE_VERSION",
    "State",
    "validate_labels",
    "validate_logits",
    "validate_temperature",
    "writable",
]

STATE_VERSION: Final = 1


def validate_logits(logits: Any) -> NDArray[np.float64]:  # noqa: ANN401 - every array library
    """Return logits of any array library as one row of float64 of our own, read-only.

    Parameters
    ----------
    logits : array_like, shape (n,)
        A list, a NumPy array, a pandas Series, a PyTorch tensor (of any device, with or without
        gradient) or a JAX array: real numbers, ±inf and NaN included.

    Raises
    ------
    TypeError
        If `logits` are complex or are no numbers.
    ValueError
        If `logits` are empty or are not one row.
    """
    try:
        array = to_numpy(logits)
    except ValueError as error:
        raise ValueError(f"logits must be one row of numbers: {error}") from error
    real = array.dtype.kind in "biuf" or array.dtype.name == "bfloat16"
    if not real:
        raise TypeError(f"logits must be real numbers, got {array.dtype}")
    if array.ndim != 1:
        raise ValueError(f"logits must be one row, got shape {array.shape}")
    if array.size == 0:
        raise ValueError("logits must hold at least one number, got none")
    row = array.astype(np.float64)
    row.flags.writeable = False
    return row


def validate_labels(labels: Any, count: int | None = None) -> tuple[str, ...] | None:  # noqa: ANN401
    """Return one string for each of `count` logits, or None for labels that are the index.

    Raises
    ------
    TypeError
        If `labels` are one string instead of a sequence of them, or no sequence.
    ValueError
        If there is not one label for each logit; where `count` is None, that is not asked.
    """
    if labels is None:
        return None
    if isinstance(labels, (str, bytes)) or not isinstance(labels, Iterable):
        raise TypeError(f"labels must be a sequence of strings, got {type(labels).__name__}")
    texts = tuple(map(writable, labels))
    if count not in (None, len(texts)):
        raise ValueError(f"labels must be {count}, one for each logit, got {len(texts)}")
    return texts


def writable(text: object) -> str:
    r"""Return `text` with "?" for each lone surrogate, which UTF-8 cannot hold.

    A label may have one, and so may the name of a file; pages and kernels take UTF-8 only.

    Examples
    --------
    >>> writable("caf\udce9.npy")
    'caf?.npy'
    """
    return str(text).encode("utf-8", "replace").decode("utf-8")


def validate_temperature(temperature: Any) -> float:  # noqa: ANN401
    """Return the temperature as a float in [0, inf]; "inf" is taken too.

    Raises
    ------
    TypeError
        If `temperature` is no number.
    ValueError
        If `temperature` is negative or NaN.
    """
    try:
        value = float(temperature)
    except (TypeError, ValueError) as error:
        raise TypeError(f"temperature must be a number >= 0, got {temperature!r}") from error
    if math.isnan(value) or value < 0:
        raise ValueError(f"temperature must be >= 0, got {value}")
    return value


@dataclass(frozen=True)
class State:
    """What an explorer shows; build it with `State.of`, which validates.

    Attributes
    ----------
    logits : ndarray of float64, shape (n,)
    labels : tuple of str or None
        One for each logit; None where the label is the index, counted from 0.
    temperature : float
        In [0, inf].
    source : str or None
        Where the logits came from; None for logits drawn at random.
    row : int or None
        Which row of several the logits are, counted from 0.
    target : int or None
        The true class, where it is known, counted from 0.
    """

    logits: NDArray[np.float64]
    labels: tuple[str, ...] | None = None
    temperature: float = 1.0
    source: str | None = None
    row: int | None = None
    target: int | None = None

    @classmethod
    def of(
        cls,
        logits: Any,  # noqa: ANN401
        labels: Sequence[str] | None = None,
        *,
        temperature: float = 1.0,
        source: str | None = None,
        row: int | None = None,
        target: int | None = None,
    ) -> State:
        """Validate each part and return the state of them."""
        values = validate_logits(logits)
        names = validate_labels(labels, values.size)
        if target is not None and not 0 <= target < values.size:
            raise ValueError(f"target must be 0 to {values.size - 1}, got {target}")
        source = None if source is None else writable(source)
        return cls(values, names, validate_temperature(temperature), source, row, target)

    def to_json(self) -> dict[str, object]:
        """Return the written form, of JSON's own types only."""
        known = {"row": self.row, "target": self.target}
        return {
            "version": STATE_VERSION,
            "logits": base64.b64encode(self.logits.astype("<f8").tobytes()).decode("ascii"),
            "labels": None if self.labels is None else list(self.labels),
            "temperature": "inf" if math.isinf(self.temperature) else self.temperature,
            "source": self.source,
            **{name: number for name, number in known.items() if number is not None},
        }
