"""The temperature that fits targets best."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal, NamedTuple, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope.arguments import ArgumentError, refuse_rows
from thermoscope.calibration.sums import Z95, moments
from thermoscope.passes import Block, Part, Passes, Progress, passes

Array = NDArray[np.float64]

__all__ = ["TemperatureFit", "fit", "fit_temperature"]

# Newton's method doubles the digits in each step: after a relative step this small, all are right.
TOLERANCE: Final = 1e-7
# An interval that is wider than exp(+-20) times T says nothing: it is (0, inf).
LARGEST_LOG: Final = 20.0
# exp of it is just below the largest float64.
LARGEST_EXPONENT: Final = 709.0
# Steps of Newton's method to one side, after which they grow.
CREEPING: Final = 20


class Cause(NamedTuple):
    """Why a fit lies at a limit, or does not determine the temperature.

    `str` gives it in English words; a page in another language makes its own from name and numbers.
    """

    name: Literal["highest", "noLarger", "random", "weights", "few"]
    numbers: tuple[float, ...] = ()

    def __str__(self) -> str:
        return REASONS[self.name](*self.numbers)


@dataclass(frozen=True, eq=False)
class TemperatureFit:
    """The temperature that fits best, and how well it is known; see `fit_temperature`.

    Attributes
    ----------
    temperature : float
        In [0, inf].
    standard_error : float
        Of the temperature, from the observed information; NaN where `limit` is not None.
    interval : tuple of float
        The 95 % interval, symmetric in log T; NaN where `limit` is not None. (0, inf)
        says that the data exclude no temperature.
    nll_before : float
        The mean negative log-likelihood of the targets at T = 1, in nats.
    nll : float
        The same at `temperature`.
    n : int
        How many rows count: those of weight 0 and those without a target don't.
    n_ignored : int
        How many rows were left out because their target is `ignore_index`.
    iterations : int
        How often the data was passed over.
    limit : {None, "zero", "infinity"}
        The end at which the optimum lies, if it lies at one.
    cause : Cause or None
        Why it does, or why the data do not determine the temperature; None otherwise.
    """

    temperature: float
    standard_error: float
    interval: tuple[float, float]
    nll_before: float
    nll: float
    n: int
    n_ignored: int
    iterations: int
    limit: Literal["zero", "infinity"] | None = None
    cause: Cause | None = None

    @property
    def reason(self) -> str:
        """The cause in words; empty if there is none."""
        return "" if self.cause is None else str(self.cause)

    def __str__(self) -> str:
        low, high = self.interval
        known = "" if self.limit else f" (95 % interval {low:.6g} to {high:.6g})"
        why = f": {self.reason}" if self.reason else ""
        ignored = f", {self.n_ignored:,} without a target left out" if self.n_ignored else ""
        return (
            f"T = {self.temperature:.6g}{known}{why}; "
            f"NLL {self.nll_before:.6g} at T = 1, {self.nll:.6g} now, over {self.n:,} rows{ignored}"
        )


def fit_temperature(
    logits: ArrayLike | Iterable[Any] | Callable[[], Iterable[Any]],
    targets: ArrayLike | None = None,
    *,
    sample_weight: ArrayLike | None = None,
    ignore_index: int | None = -100,
    axis: SupportsIndex = -1,
    progress: Progress | None = None,
) -> TemperatureFit:
    """Fit the temperature at which the softmax of logits explains targets best.

    It minimises the mean negative log-likelihood, which is convex in 1 / T and so has one minimum.
    Where that lies at T = 0 or T = inf, the result says so, and why.

    Parameters
    ----------
    logits : array_like, array of PyTorch, JAX or Dask, data set, or batches
        Real numbers of shape (..., K), one for each class; -inf is a class that is ruled out.
        Of shape (N,) or (N, 1), for two classes: the logit of class 1, that of class 0 being 0.
        A memory map or a data set is read block by block. Without `targets`: batches, each a
        tuple (logits, targets) or (logits, targets, weights), as an iterable or as a callable
        that gives one. They are passed over several times; an iterator that can't be goes to a
        temporary file first.
    targets : array_like, optional
        Whole numbers in [0, K): the class of each row, in the shape of `logits` without `axis`,
        or with a last axis of size 1. Or, in the shape of `logits`, the probability of each class
        (one-hot for example), which sums to 1.
    sample_weight : array_like, optional
        One number >= 0 for each row. A row of weight 2 counts as two rows, for the standard error
        too; one of weight 0 counts for nothing, whatever it holds.
    ignore_index : int or None, optional
        The target of a row that has none: the row is left out. None: there is no such target.
    axis : int, optional
        The axis of the classes.
    progress : callable, optional
        Called as ``progress(done, rows, number)`` while data is passed over: rows done, rows in
        all (None in the first pass over batches), and the number of the pass, from 1.

    Returns
    -------
    TemperatureFit
        The temperature, its standard error and its 95 % interval, and the likelihoods.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If shapes don't fit. If a row that counts has a NaN, +inf, nothing but -inf, a target out
        of range or a target of -inf, whose NLL is infinite at every temperature; the message names
        the row, counted from 0. If no row has logits that differ: then all temperatures are
        alike. If batches are not the same in each pass.

    Warns
    -----
    ProbabilitiesWarning
        If the logits look like probabilities: >= 0, with a sum of 1 in each row.

    See Also
    --------
    evaluate_fit : fit on one part of the rows, and judge on the other.
    reliability : how well the probabilities at a temperature are calibrated.
    calibration_curve : NLL and ECE over temperatures.

    Notes
    -----
    A pass over the data gives value, slope and curvature at one temperature; the first gives those
    at T = 1 and at T = inf. Newton's method in 1 / T goes from there, within a bracket that only
    shrinks and is halved, in log T, where a step would leave it or is not half of the one before.
    It stops with a step of less than 1e-7 relative to T, after which the error is of the order of
    its square. Sums keep their rounding errors, so
    that neither the order of the rows nor their blocks change the result beyond a relative 1e-12
    of what the data determines.

    The optimum is at T = 0 if every target is at its row's largest logit, and at T = inf if the
    targets' logits are, in the mean, no larger than all logits; "no larger" within rounding.

    At the minimum, the second derivative of the total NLL by log T is the sum of the variances of
    z / T under the softmax: the observed information. The standard error of log T is the inverse
    of its root; T times that is the standard error given, and the interval is
    ``T exp(+-1.96 s)`` with s that of log T. It says how well T is known if the softmax at T is
    the truth and the rows are independent.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural
       networks", ICML 2017, section 4.2.
    .. [2] B. Efron and D. V. Hinkley, "Assessing the accuracy of the maximum likelihood estimator:
       observed versus expected Fisher information", Biometrika 65 (1978), pp. 457-482.

    Examples
    --------
    >>> import thermoscope as ts
    >>> logits, targets, _ = ts.samples.digits()
    >>> fit = ts.fit_temperature(logits, targets)
    >>> round(fit.temperature, 4), round(fit.standard_error, 4)
    (2.0976, 0.0762)
    >>> round(fit.nll_before, 4), round(fit.nll, 4)
    (0.3623, 0.2528)
    >>> ts.fit_temperature([[2.0, 0.0], [1.0, 3.0]], [0, 1]).limit
    'zero'
    """
    return fit(
        passes(logits, targets, sample_weight, axis, ignore_index=ignore_index, progress=progress)
    )


class _Slopes(NamedTuple):
    """Sums over rows at one temperature; slope and curvature are by log T, in units of T."""

    varied: float  # how many rows have logits that differ
    missed: float  # how many have a target below their maximum
    scale: float  # of the terms of the slope
    nll: float
    slope: float
    curvature: float


def fit(source: Passes, part: Part | None = None) -> TemperatureFit:
    """Fit the temperature to a part of the rows of a source, or to all of them."""
    before = source.number

    def at(*temperatures: float, unit: float = 1.0) -> list[_Slopes]:
        (table,) = source.run(partial(_fit_sums, temperatures=temperatures, unit=unit), part)
        return [_Slopes(*map(float, row)) for row in table]

    unit = 1.0
    flat, one = at(math.inf, 1.0)
    source.check_weight()
    if flat.varied and not 1e-200 < flat.curvature < math.inf:
        # Squares of differences overflow, or sink to 0, in units of 1.
        unit = 2.0**-600 if flat.curvature < 1 else 2.0**600
        (flat,) = at(math.inf, unit=unit)
    if not flat.varied:
        raise ArgumentError(
            "logits", "must have a row whose entries differ, got none: all temperatures are alike"
        )
    counts = source.counts

    def result(
        temperature: float,
        best: _Slopes,
        limit: Literal["zero", "infinity"] | None = None,
        cause: Cause | None = None,
    ) -> TemperatureFit:
        error = math.nan
        if limit is None:
            information = float(source.unscaled(best.curvature))
            error = 1 / math.sqrt(information) if information > 0 else math.inf
            if Z95 * error > 1:
                weight, gain = map(
                    float, source.unscaled((counts.weight, 2 * (flat.nll - best.nll)))
                )
                cause = _why_not_determined(
                    int(flat.missed), int(counts.rows), weight, gain=gain, error=error
                )
        low = high = math.nan
        if limit is None:
            factor = math.exp(Z95 * error) if Z95 * error < LARGEST_LOG else math.inf
            low, high = temperature / factor, temperature * factor
        return TemperatureFit(
            temperature,
            temperature * error,
            (low, high),
            one.nll / counts.weight,
            best.nll / counts.weight,
            int(counts.rows),
            int(counts.ignored),
            source.number - before,
            limit,
            cause,
        )

    if not flat.missed:
        (best,) = at(math.ulp(0.0))
        return result(0.0, best, "zero", Cause("highest"))
    if flat.slope <= 4 * sys.float_info.epsilon * flat.scale:
        return result(math.inf, flat, "infinity", Cause("noLarger"))
    guess = unit * (flat.curvature / flat.slope)
    return result(*_minimum(lambda t: at(t)[0], one, guess))


def _why_not_determined(
    missed: int, rows: int, weight: float, *, gain: float, error: float
) -> Cause:
    """Return why an interval of 1 / T that is symmetric about it has 0 in it.

    `gain` is twice the gain in likelihood over T = inf, `error` the standard error of log T.
    """
    # As if each row counted as one, and against the 95 % quantile of chi-square.
    if gain < Z95**2 and gain * rows < Z95**2 * weight:
        return Cause("random")
    if Z95 * error * math.sqrt(weight / rows) < 1:
        return Cause("weights", (rows, weight))
    return Cause("few", (missed, rows))


UNDETERMINED: Final = "the data do not determine T: "
CHECK: Final = "check that the targets are in the order of the rows"
REASONS: Final[dict[str, Callable[..., str]]] = {
    "highest": lambda: "every target is at its row's largest logit, so that no T is too low",
    "noLarger": lambda: (
        "the targets' logits are no larger than all logits in the mean, so no T is too high: "
        f"{CHECK}"
    ),
    "random": lambda: (
        f"{UNDETERMINED}equal probabilities explain the targets nearly as well, as if these were "
        f"random; {CHECK}"
    ),
    "weights": lambda rows, weight: (
        f"{UNDETERMINED}the weights of {rows:,} rows count as {weight:.6g} rows"
    ),
    "few": lambda missed, rows: (
        f"{UNDETERMINED}only {missed:,} of {rows:,} targets {'is' if missed == 1 else 'are'} "
        "below their row's largest logit"
    ),
}
"""The words of each cause, of its numbers."""


def _fit_sums(
    block: Block, *, temperatures: tuple[float, ...], unit: float
) -> tuple[NDArray[np.float64]]:
    """Return a row of `_Slopes` for each temperature; at T = inf those by 1 / T, in `unit`."""
    at_target = block.at_targets(block.logits)
    refuse_rows(
        "targets",
        "must be classes with a logit above -inf",
        at_target,
        at_target == -np.inf,
        block.numbers,
        remedy=": its NLL is infinite at every temperature",
    )
    below = block.half_below()
    table = np.empty((len(temperatures), len(_Slopes._fields)))
    weights = block.weights
    with np.errstate(all="ignore"):
        for row, temperature in zip(table, temperatures, strict=True):
            infinite = temperature == math.inf
            scale = unit if infinite else temperature
            log_total, mean, variance = moments(block, temperature, scale)
            target = below / scale * 2
            row[:] = _Slopes(
                float(np.count_nonzero(mean < 0)),
                float(np.count_nonzero(below < 0)),
                np.sum(weights * (np.abs(target) + np.abs(mean))),
                np.sum(weights * (log_total if infinite else log_total - target)),
                np.sum(weights * (target - mean)),
                np.sum(weights * variance),
            )
    return (table,)


def _minimum(at: Callable[[float], _Slopes], one: _Slopes, guess: float) -> tuple[float, _Slopes]:
    """Return the temperature at which the slope is 0, and the sums next to it.

    `one` are the sums at T = 1; `guess` is where Newton's method goes from T = inf.
    """
    low, high = 0.0, math.inf
    temperature, sums = 1.0, one
    size, reach, strides, taken = math.inf, 2.0, 2.0, 0
    while sums.slope:
        if sums.slope < 0:
            low = temperature
        else:
            high = temperature
        ratio = 1 + sums.slope / sums.curvature if sums.curvature else 0.0
        proposed = temperature / ratio if ratio > 0 else math.inf
        taken += 1
        if taken > CREEPING and not (low and high < math.inf):
            # Where the targets are all but certain, the slope falls off as an exponential does,
            # and steps of Newton's method stay as small as they are.
            proposed = math.inf
        if not low < proposed < high or (
            low and high < math.inf and _step(temperature, proposed) > size / 2
        ):
            if low < guess < high:
                proposed, guess = guess, math.nan
            elif high == math.inf:
                proposed, reach = min(low * reach, sys.float_info.max), reach * reach
            elif low == 0:
                proposed, reach = max(high / reach, math.ulp(0.0)), reach * reach
            else:
                # The bracket may span 300 decades, of which its middle would cost ten passes: go
                # a few steps to the other end first, twice as many each time.
                proposed = math.sqrt(low) * math.sqrt(high)
                far = math.exp(min(strides * size, LARGEST_EXPONENT))
                proposed = min(proposed, low * far) if sums.slope < 0 else max(proposed, high / far)
                strides *= 2
        size = _step(temperature, proposed)
        if size <= TOLERANCE:
            return proposed, sums
        temperature, sums = proposed, at(proposed)
    return temperature, sums


def _step(before: float, after: float) -> float:
    return abs(math.log(after) - math.log(before))
