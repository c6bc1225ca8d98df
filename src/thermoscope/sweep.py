"""What temperature does to many rows: means of entropy, perplexity and top probability over T."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from thermoscope.arguments import temperatures_of
from thermoscope.calibration import curve_of, curve_sums, moments
from thermoscope.rows import passes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import ArrayLike, NDArray

    from thermoscope.calibration import CalibrationCurve
    from thermoscope.rows import Block, Progress

    Array = NDArray[np.float64]

__all__ = ["Sweep", "sweep"]

BINS = 15


@dataclass(frozen=True)
class Sweep:
    """Measures over temperatures; see `sweep`."""

    temperatures: Array  # (m,)
    entropy: Array  # (m,), in nats, the mean over rows
    perplexity: Array  # (m,), likewise: the mean of the perplexities
    top_probability: Array  # (m,), likewise
    curve: CalibrationCurve | None  # NLL and ECE, where targets are known
    n: int  # rows

    def columns(self) -> dict[str, Array]:
        """Return all that is over temperatures, by name."""
        columns = {
            "temperature": self.temperatures,
            "entropy": self.entropy,
            "perplexity": self.perplexity,
            "top_probability": self.top_probability,
        }
        if self.curve is not None:
            columns |= {"nll": self.curve.nll, "ece": self.curve.ece}
        return columns


def sweep(
    batches: Iterable[tuple[Any, Any]],
    temperatures: ArrayLike,
    *,
    progress: Progress | None = None,
) -> Sweep:
    """Take entropy, perplexity and top probability over temperatures, in one pass over the rows.

    Parameters
    ----------
    batches : iterable of tuple
        (logits, targets) as for `thermoscope.fit_temperature`; or all of them (logits, None).
    temperatures : array_like, shape (m,)
        Finite numbers > 0.
    progress : callable, optional
        As for `thermoscope.fit_temperature`.

    Returns
    -------
    Sweep
        Means over the rows, with NLL and ECE (in 15 bins of equal width) where there are targets.

    Raises
    ------
    ValueError
        If `temperatures` are not finite numbers > 0, or as for `thermoscope.fit_temperature`.

    Examples
    --------
    >>> found = sweep([([[2.0, 1.0, 0.1]], None)], [0.5, 1.0, 100.0])
    >>> found.perplexity.round(3), found.top_probability.round(3)
    (array([1.574, 2.332, 3.   ]), array([0.864, 0.659, 0.337]))
    """
    t = temperatures_of(temperatures)
    known = False

    def pairs() -> Iterator[tuple[Any, Any]]:
        nonlocal known
        for logits, targets in batches:
            known = targets is not None
            # A pass wants targets, which nothing looks at here.
            yield logits, np.zeros(len(logits), int) if targets is None else targets

    def sums(block: Block) -> tuple[Array, ...]:
        spread = _sums(block, temperatures=t)
        return (*spread, *scores(block)) if known else spread

    scores = partial(curve_sums, temperatures=t, edges=np.linspace(0, 1, BINS + 1))
    rows, total, *rest = passes(pairs, None, None, -1, progress=progress, once=True).run(sums)
    entropy, perplexity, top = total / rows
    curve = curve_of(t, tuple(rest)) if known else None
    return Sweep(t, entropy, perplexity, top, curve, int(rows))


def _sums(block: Block, *, temperatures: Array) -> tuple[Array, Array]:
    """Return how many rows there are, and the sums of the three measures at each temperature."""
    result = np.empty((3, len(temperatures)))
    for at, temperature in enumerate(temperatures.tolist()):
        log_total, mean, _ = moments(block, temperature, temperature)
        entropy = log_total - mean
        result[:, at] = entropy.sum(), np.exp(entropy).sum(), np.exp(-log_total).sum()
    return np.array(float(len(block.logits))), result
