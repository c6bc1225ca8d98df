"""The state of an explorer and its written form; the twin of ``web/src/model/state.ts``."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from thermoscope.arguments import (
    ArgumentError,
    labels_of,
    one_row,
    one_temperature,
    seed_of,
    writable,
)
from thermoscope.sampling import fresh_seed, random_logits

__all__ = ["STATE_VERSION", "State"]

STATE_VERSION: Final = 1


@dataclass(frozen=True)
class State:
    """What an explorer shows; make it with `State.of` or `State.random`, which check every part.

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
        Which of several rows the logits are, counted from 0; None for any other logits.
    target : int or None
        The true class, counted from 0, if it is known.
    seed : int or None
        The seed with which `random_logits` draws the logits; None for other logits.
    """

    logits: NDArray[np.float64]
    labels: tuple[str, ...] | None = None
    temperature: float = 1.0
    source: str | None = None
    row: int | None = None
    target: int | None = None
    seed: int | None = None

    @classmethod
    def of(
        cls,
        logits: Any,
        labels: Sequence[str] | None = None,
        *,
        temperature: float = 1.0,
        source: str | None = None,
        row: int | None = None,
        target: int | None = None,
        seed: SupportsIndex | None = None,
    ) -> State:
        """Check each part and return the state."""
        values = one_row("logits", logits)
        names = labels_of(labels, values.size)
        if target is not None and not 0 <= target < values.size:
            raise ArgumentError("target", f"must be 0 to {values.size - 1}, got {target}")
        source = None if source is None else writable(source)
        number = None if seed is None else seed_of(seed)
        return cls(values, names, one_temperature(temperature), source, row, target, number)

    @classmethod
    def random(
        cls,
        n: SupportsIndex,
        labels: Sequence[str] | None = None,
        *,
        temperature: float = 1.0,
        seed: SupportsIndex | None = None,
    ) -> State:
        """Draw random logits and return their state, which remembers the seed."""
        number = fresh_seed() if seed is None else seed
        logits = random_logits(n, seed=number)
        return cls.of(logits, labels, temperature=temperature, seed=number)

    def to_json(self) -> dict[str, object]:
        """Return the written form, which holds types of JSON only."""
        optional = {"row": self.row, "target": self.target, "seed": self.seed}
        return {
            "version": STATE_VERSION,
            "logits": base64.b64encode(self.logits.astype("<f8").tobytes()).decode("ascii"),
            "labels": None if self.labels is None else list(self.labels),
            "temperature": "inf" if math.isinf(self.temperature) else self.temperature,
            "source": self.source,
            **{name: number for name, number in optional.items() if number is not None},
        }
