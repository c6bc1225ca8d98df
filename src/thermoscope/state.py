"""The state of an explorer and its written form; the twin of ``web/src/model/state.ts``."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
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
from thermoscope.truncation.settings import settings_of

__all__ = [
    "SCALES",
    "STATE_VERSION",
    "State",
    "Tail",
    "checked_settings",
    "scale_of",
    "tail_of",
    "written_numbers",
]

STATE_VERSION: Final = 1
SCALES: Final = ("full", "0-2")


@dataclass(frozen=True)
class Tail:
    """What is known of the tokens of a position that a server did not report.

    Attributes
    ----------
    mass : float
        Their probability together, at the server's temperature.
    cap : float
        The logarithm of the most that one of them can have: what the last of the likeliest tokens
        has that were reported.
    count : int or None
        How many they are; None where the vocabulary is unknown.
    temperature : float
        The temperature that the server applied.
    delta : float
        How far a reported log-probability may be from the true one, because it is rounded.
    """

    mass: float
    cap: float
    count: int | None = None
    temperature: float = 1.0
    delta: float = 0.0


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
    tail : Tail or None
        What is known of the entries that are missing, where a server reported some; None where the
        logits are all there are. With a tail, the logits are the logarithms of the reported
        probabilities, times the server's temperature.
    truncation : dict
        The keywords of `truncate` that the sampler on the page has; empty if nothing is truncated.
    scale : {"full", "0-2"}
        The scale of the temperature slider.
    """

    logits: NDArray[np.float64]
    labels: tuple[str, ...] | None = None
    temperature: float = 1.0
    source: str | None = None
    row: int | None = None
    target: int | None = None
    seed: int | None = None
    tail: Tail | None = None
    truncation: Mapping[str, Any] = field(default_factory=dict)
    scale: str = "full"

    @classmethod
    def of(
        cls,
        logits: Any,
        labels: Sequence[str] | None = None,
        *,
        source: str | None = None,
        row: int | None = None,
        target: int | None = None,
        seed: SupportsIndex | None = None,
        tail: Tail | None = None,
        **settings: Any,
    ) -> State:
        """Check each part and return the state.

        Settings are the temperature, the truncation and the scale.
        """
        values = one_row("logits", logits)
        names = labels_of(labels, values.size)
        if target is not None and not 0 <= target < values.size:
            raise ArgumentError("target", f"must be 0 to {values.size - 1}, got {target}")
        source = None if source is None else writable(source)
        number = None if seed is None else seed_of(seed)
        return cls(
            values,
            names,
            source=source,
            row=row,
            target=target,
            seed=number,
            tail=tail_of(tail),
            **checked_settings(**settings),
        )

    @classmethod
    def random(
        cls,
        n: SupportsIndex,
        labels: Sequence[str] | None = None,
        *,
        seed: SupportsIndex | None = None,
        **parts: Any,
    ) -> State:
        """Draw random logits and return their state, which remembers the seed.

        Other parts are as for `of`.
        """
        number = fresh_seed() if seed is None else seed
        return cls.of(random_logits(n, seed=number), labels, seed=number, **parts)

    def to_json(self) -> dict[str, object]:
        """Return the written form, which holds types of JSON only."""
        optional = {
            "row": self.row,
            "target": self.target,
            "seed": self.seed,
            "tail": None if self.tail is None else asdict(self.tail),
            "truncation": dict(self.truncation) or None,
            "scale": None if self.scale == "full" else self.scale,
        }
        return {
            "version": STATE_VERSION,
            "logits": written_numbers(self.logits),
            "labels": None if self.labels is None else list(self.labels),
            "temperature": "inf" if math.isinf(self.temperature) else self.temperature,
            "source": self.source,
            **{name: part for name, part in optional.items() if part is not None},
        }


def written_numbers(numbers: NDArray[Any], dtype: str = "<f8") -> str:
    """Return numbers as the page reads them: base64 of little-endian floats.

    Examples
    --------
    >>> written_numbers(np.array([1.0, 2.0]), "<f4")
    'AACAPwAAAEA='
    """
    return base64.b64encode(numbers.astype(dtype).tobytes()).decode("ascii")


def tail_of(tail: Any) -> Tail | None:
    """Check what is known of the entries that are missing.

    Examples
    --------
    >>> tail_of({"mass": 0.25, "cap": -2.5, "count": 50237})
    Tail(mass=0.25, cap=-2.5, count=50237, temperature=1.0, delta=0.0)
    """
    if tail is None:
        return None
    made = tail if isinstance(tail, Tail) else Tail(**tail)
    rules = [
        ("mass", "0 to 1", 0 <= made.mass <= 1),
        ("cap", "a logarithm <= 0", -math.inf < made.cap <= 0),
        ("count", "None or a number >= 0", made.count is None or made.count >= 0),
        ("temperature", "a finite number > 0", 0 < made.temperature < math.inf),
        ("delta", "a finite number >= 0", 0 <= made.delta < math.inf),
    ]
    for name, right, is_right in rules:
        if not is_right:
            raise ArgumentError(f"tail.{name}", f"must be {right}, got {getattr(made, name)}")
    return made


def checked_settings(
    temperature: float = 1.0, truncation: Mapping[str, Any] | None = None, scale: str = "full"
) -> dict[str, Any]:
    """Check the parts of a state that are not about its logits."""
    return {
        "temperature": one_temperature(temperature),
        "truncation": settings_of(truncation),
        "scale": scale_of(scale),
    }


def scale_of(scale: object) -> str:
    """Check the name of a scale."""
    if scale not in SCALES:
        known = " or ".join(map(repr, SCALES))
        raise ArgumentError("scale", f"must be {known}, got {scale!r}")
    return str(scale)
