"""NLL, ECE and measures of the softmax over temperatures, all of them in one pass."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope.arguments import refuse_for_reported, temperatures_of, whole
from thermoscope.calibration.fit import fit
from thermoscope.calibration.sums import (
    bin_sums,
    confidence_and_nll,
    errors,
    moments,
    right_of,
)
from thermoscope.data.dataset import Dataset
from thermoscope.passes import Block, Counts, Part, Passes, Progress, Sums, passes
from thermoscope.reported import Interval, Reported, perplexity_of

Array = NDArray[np.float64]

__all__ = ["CalibrationCurve", "Sweep", "around", "calibration_curve", "curve_of", "sweep"]


@dataclass(frozen=True, eq=False)
class CalibrationCurve:
    """NLL and ECE over temperatures; see `calibration_curve`.

    Attributes
    ----------
    temperatures : ndarray of float64, shape (m,)
        Where they were taken.
    nll, ece : ndarray of float64, shape (m,)
        The mean negative log-likelihood in nats, and the expected calibration error.
    n : int
        How many rows count.
    n_ignored : int
        How many rows were left out because their target is `ignore_index`.
    """

    temperatures: Array
    nll: Array
    ece: Array
    n: int
    n_ignored: int

    def best(self) -> int:
        """Return the place of the lowest NLL.

        Returns
        -------
        int
            Of `temperatures`, the first of those that tie.
        """
        return int(np.argmin(self.nll))


def calibration_curve(
    logits: ArrayLike | Iterable[Any] | Callable[[], Iterable[Any]],
    targets: ArrayLike | None = None,
    temperatures: ArrayLike | None = None,
    *,
    bins: int = 15,
    sample_weight: ArrayLike | None = None,
    ignore_index: int | None = -100,
    axis: SupportsIndex = -1,
    progress: Progress | None = None,
) -> CalibrationCurve:
    """Take NLL and ECE over temperatures, all of them in one pass over the data.

    Parameters
    ----------
    logits, targets : array_like, array of PyTorch, JAX or Dask, data set, or batches
        As for `fit_temperature`.
    temperatures : array_like, shape (m,), optional
        Finite numbers > 0. The default are 49 from a quarter of the temperature that
        `fit_temperature` finds to four times that (or around 1, where it finds 0 or inf), evenly
        spread in log T, so that the 25th is what it found.
    bins : int, optional
        How many bins of equal width the ECE has.
    sample_weight, ignore_index, axis, progress
        As for `fit_temperature`.

    Returns
    -------
    CalibrationCurve
        `temperatures`, `nll` and `ece`; `plot` draws them.

    Raises
    ------
    TypeError, ValueError
        As for `fit_temperature`, and if `temperatures` are not finite numbers > 0.

    See Also
    --------
    reliability : more of one temperature.

    Examples
    --------
    >>> import thermoscope as ts
    >>> logits, targets, _ = ts.samples.digits()
    >>> curve = ts.calibration_curve(logits, targets, [1.0, 2.0, 4.0])
    >>> curve.nll.round(4), curve.ece.round(4)
    (array([0.3623, 0.2534, 0.3812]), array([0.0456, 0.0175, 0.1605]))
    """
    count = whole("bins", bins)
    source = passes(
        logits,
        targets,
        sample_weight,
        axis,
        ignore_index=ignore_index,
        progress=progress,
        once=temperatures is not None,
    )
    given = None if temperatures is None else temperatures_of(temperatures)
    return curve_of(source, around(fit(source).temperature) if given is None else given, count)


def around(temperature: float) -> Array:
    """Return 49 temperatures from a quarter of one (of 1, where it is 0 or inf) to 4 times that."""
    middle = temperature if 0 < temperature < math.inf else 1.0
    return middle * np.exp2(np.linspace(-2, 2, 49))


def curve_of(
    source: Passes, temperatures: Array, bins: int, part: Part | None = None
) -> CalibrationCurve:
    """Take NLL and ECE of a part of the rows of a source, or of all of them."""
    work = partial(_curve_sums, temperatures=temperatures, edges=np.linspace(0, 1, bins + 1))
    return _curve(temperatures, source.run(work, part), source.counts)


def _curve(temperatures: Array, sums: tuple[Array, ...], counts: Counts) -> CalibrationCurve:
    bins, nll = sums
    _, weight, confident, right = bins.swapaxes(0, 1)
    ece, _ = errors(weight, confident - right)
    return CalibrationCurve(
        temperatures, nll / counts.weight, ece, int(counts.rows), int(counts.ignored)
    )


def _curve_sums(block: Block, *, temperatures: Array, edges: Array) -> tuple[Array, ...]:
    """Return at each temperature the sums of the bins and of the NLL."""
    right, weights = right_of(block), block.weights
    sums = np.empty((len(temperatures), 4, len(edges) - 1))
    nll = np.empty(len(temperatures))
    for at, temperature in enumerate(temperatures.tolist()):
        confidence, losses = confidence_and_nll(block, temperature)
        sums[at] = bin_sums(confidence, right, weights, edges)
        nll[at] = np.sum(weights * losses)
    return sums, nll


@dataclass(frozen=True, eq=False)
class Sweep:
    """Measures over temperatures; see `sweep`.

    Attributes
    ----------
    temperatures : ndarray of float64, shape (m,)
        Where they were taken.
    entropy, perplexity, top_probability : ndarray of float64, shape (m,), or Interval of two
        Means over the rows: of the entropy in nats, of the perplexities, and of the probabilities
        of the likeliest class.
    curve : CalibrationCurve or None
        NLL and ECE at the same temperatures, where targets are known.
    n : int
        How many rows count.
    nll : Interval of two ndarrays, or None
        Of reported rows, the mean surprisal of the drawn tokens in nats, where these are known.
    n_drawn : int
        Of how many reported rows the drawn token is known.
    """

    temperatures: Array
    entropy: Array | Interval
    perplexity: Array | Interval
    top_probability: Array | Interval
    curve: CalibrationCurve | None
    n: int
    nll: Interval | None = None
    n_drawn: int = 0

    def measures(self) -> dict[str, Array | Interval]:
        """Return all that was taken, by name.

        Returns
        -------
        dict of str to ndarray or Interval
            ``entropy``, ``perplexity``, ``top_probability``, and where targets are known ``nll``
            and ``ece``.
        """
        measures = {
            "entropy": self.entropy,
            "perplexity": self.perplexity,
            "top_probability": self.top_probability,
        }
        if self.curve is not None:
            measures |= {"nll": self.curve.nll, "ece": self.curve.ece}
        if self.nll is not None:
            measures["nll"] = self.nll
        return measures

    def columns(self) -> dict[str, Array]:
        """Return all that is over temperatures, by name, as the columns of a table.

        Returns
        -------
        dict of str to ndarray
            ``temperature`` and the measures; an interval has two columns, ``entropy_low`` and
            ``entropy_high``.
        """
        columns = {"temperature": self.temperatures}
        for name, values in self.measures().items():
            if isinstance(values, Interval):
                columns |= {f"{name}_low": values.low, f"{name}_high": values.high}
            else:
                columns[name] = values
        return columns


def sweep(
    logits: ArrayLike | Reported | Iterable[Any] | Callable[[], Iterable[Any]],
    targets: ArrayLike | None = None,
    temperatures: ArrayLike | None = None,
    *,
    bins: int = 15,
    sample_weight: ArrayLike | None = None,
    ignore_index: int | None = -100,
    axis: SupportsIndex = -1,
    progress: Progress | None = None,
) -> Sweep:
    """Take entropy, perplexity and top probability over temperatures, in one pass over the rows.

    With targets, NLL and ECE are taken too.

    Of a `Reported`, and of a data set of what a server reported, all of them are intervals. The
    tails of two rows do not depend on each other, so the mean of the low ends is the least value
    of the mean, and the mean of the high ends the greatest. The ends hold at each temperature
    separately: the tail that gives an end at one temperature may not give it at the next. Without
    the size of the vocabulary, entropy and perplexity have no upper end from the server's
    temperature on, and the NLL has none above it: they are inf.

    The targets of such rows are the drawn tokens, and the NLL is their mean surprisal. There is no
    ECE: a confidence that is known as an interval belongs to no bin. Rows that can't be read, and
    for the NLL those whose drawn token is not known, are left out.

    Parameters
    ----------
    logits : array_like, array of PyTorch, JAX or Dask, data set, batches, or Reported
        As for `fit_temperature`. Batches without targets are tuples (logits, None).
    targets : array_like, optional
        As for `fit_temperature`, if they are known.
    temperatures : array_like, shape (m,), optional
        Finite numbers > 0. The default are 41 from 0.01 to 100, evenly spread in log T.
    bins : int, optional
        How many bins of equal width the ECE has.
    sample_weight, ignore_index, axis, progress
        As for `fit_temperature`.

    Returns
    -------
    Sweep
        Means over the rows; `plot` draws them.

    Raises
    ------
    TypeError, ValueError
        As for `fit_temperature`, and if `temperatures` are not finite numbers > 0, or targets or
        weights are given for reported rows.

    See Also
    --------
    calibration_curve : NLL and ECE around the temperature that fits best.

    Examples
    --------
    >>> import numpy as np
    >>> import thermoscope as ts
    >>> found = ts.sweep([[2.0, 1.0, 0.1]], temperatures=[0.5, 1.0, 100.0])
    >>> found.perplexity.round(3), found.top_probability.round(3)
    (array([1.574, 2.332, 3.   ]), array([0.864, 0.659, 0.337]))

    Three of 1,000 tokens:

    >>> reported = ts.Reported(np.log([0.5, 0.2, 0.1]), vocabulary=1000)
    >>> low, high = ts.sweep(reported, temperatures=[0.5, 1.0, 2.0]).perplexity
    >>> low.round(2), high.round(2)
    (array([1.71, 3.89, 4.71]), array([  2.18,  13.48, 784.03]))
    """
    count = whole("bins", bins)
    t = np.geomspace(0.01, 100, 41) if temperatures is None else temperatures_of(temperatures)
    if isinstance(logits, Reported) or (isinstance(logits, Dataset) and logits.is_reported):
        refuse_for_reported(axis=axis, targets=targets, sample_weight=sample_weight)
        return _reported_sweep(logits, t, progress)
    source = passes(
        logits,
        targets,
        sample_weight,
        axis,
        ignore_index=ignore_index,
        progress=progress,
        once=True,
        unlabelled=True,
    )
    work = partial(_sweep_sums, temperatures=t, edges=np.linspace(0, 1, count + 1))
    total, *rest = source.run(work)
    counts = source.counts
    entropy, perplexity, top = total / counts.weight
    curve = _curve(t, tuple(rest), counts) if rest else None
    return Sweep(t, entropy, perplexity, top, curve, int(counts.rows))


def _reported_sweep(
    data: Reported | Dataset, temperatures: Array, progress: Progress | None
) -> Sweep:
    total = 1 if isinstance(data, Reported) else data.rows
    measures, nll = Sums(), Sums()
    n = n_drawn = 0
    for at in range(total):
        if isinstance(data, Reported):
            row = data
        elif data.problem(at) is None:
            row = data.reported(at)
        else:
            continue
        n += 1
        measures.add((_reported_measures(row, temperatures),))
        if row.drawn >= 0:
            n_drawn += 1
            nll.add((_reported_nll(row, temperatures),))
        if progress is not None:
            progress(at + 1, total, 1)
    entropy, perplexity, top = (Interval(*ends) for ends in measures.result()[0] / n)
    means = Interval(*nll.result()[0] / n_drawn) if n_drawn else None
    return Sweep(temperatures, entropy, perplexity, top, None, n, means, n_drawn)


def _reported_measures(row: Reported, temperatures: Array) -> Array:
    """Return the two ends of the three measures of a row at each temperature."""
    result = np.empty((3, 2, len(temperatures)))
    for at, temperature in enumerate(temperatures.tolist()):
        entropy = row.entropy(temperature)
        result[0, :, at], result[1, :, at] = entropy, perplexity_of(entropy)
        result[2, :, at] = row.top_probability(temperature)
    return result


def _reported_nll(row: Reported, temperatures: Array) -> Array:
    """Return the two ends of the drawn token's surprisal at each temperature."""
    return np.array([row.surprisal(t) for t in temperatures.tolist()]).T


def _sweep_sums(block: Block, *, temperatures: Array, edges: Array) -> tuple[Array, ...]:
    """Return the sums of the three measures at each temperature, and where they can be NLL's."""
    result = np.empty((3, len(temperatures)))
    for at, temperature in enumerate(temperatures.tolist()):
        log_total, mean, _ = moments(block, temperature, temperature)
        entropy = log_total - mean
        measures = np.stack([entropy, np.exp(entropy), np.exp(-log_total)])
        result[:, at] = measures @ block.weights
    if not block.labelled:
        return (result,)
    return result, *_curve_sums(block, temperatures=temperatures, edges=edges)
