"""Calibration: the temperature that fits targets best, and how far probabilities are to be trusted.

All of it is sums over rows; `thermoscope.rows` says how they are taken.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope.arguments import generator, one_temperature, temperatures_of, whole
from thermoscope.definition import softmax
from thermoscope.kernels import choose
from thermoscope.rows import Block, Passes, Progress, Sparse, gathered, passes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

__all__ = [
    "CalibrationCurve",
    "Reliability",
    "ReliabilityBins",
    "TemperatureFit",
    "calibration_curve",
    "fit_temperature",
    "reliability",
]

# Between this and its inverse, no square of what counts at a temperature overflows.
ORDINARY: Final = 2.0**-400
# Newton's method doubles the digits: after a step as small as this, relatively, it has them all.
TOLERANCE: Final = 1e-7
# 95 % of a normal distribution lie within so many standard deviations of its mean.
Z95: Final = 1.959963984540054
# So many numbers of the bootstrap are drawn at a time.
DRAWS: Final = 1 << 18
# Confidences are told apart in cells, for their quantiles: 256 to each halving of the distance
# from 0 or from 1, whichever is nearer.
CELLS: Final = np.concatenate(
    [
        [0.0],
        np.exp2(np.linspace(-24, -1, 23 * 256 + 1)),
        1 - np.exp2(np.linspace(-1, -53, 52 * 256 + 1)[1:]),
        [1.0],
    ]
)


@dataclass(frozen=True)
class TemperatureFit:
    """The temperature that fits best, and how well it is known; see `fit_temperature`.

    Attributes
    ----------
    temperature : float
        In [0, inf].
    standard_error : float
        Of the temperature, from the observed information; NaN where `limit` is not None.
    interval : tuple of float
        The 95 % interval, symmetric in log T; NaN likewise.
    nll_before : float
        The mean negative log-likelihood of the targets at T = 1, in nats.
    nll : float
        The same at `temperature`.
    n : int
        How many rows count: those of weight 0 don't.
    iterations : int
        How often the data was passed over.
    limit : {None, "zero", "infinity"}
        The end at which the optimum lies, if it lies at one.
    reason : str
        Why it does, in words; empty otherwise.
    """

    temperature: float
    standard_error: float
    interval: tuple[float, float]
    nll_before: float
    nll: float
    n: int
    iterations: int
    limit: Literal["zero", "infinity"] | None = None
    reason: str = ""

    def __str__(self) -> str:
        low, high = self.interval
        known = f" (95 % interval {low:.6g} to {high:.6g})"
        return (
            f"T = {self.temperature:.6g}{f': {self.reason}' if self.limit else known}; "
            f"NLL {self.nll_before:.6g} at T = 1, {self.nll:.6g} now, over {self.n:,} rows"
        )


def fit_temperature(
    logits: ArrayLike | Iterable[Any] | Callable[[], Iterable[Any]],
    targets: ArrayLike | None = None,
    *,
    sample_weight: ArrayLike | None = None,
    axis: SupportsIndex = -1,
    progress: Progress | None = None,
) -> TemperatureFit:
    """Fit the temperature at which the softmax of logits explains targets best.

    It minimises the mean negative log-likelihood, which is convex in 1 / T and so has one minimum.
    Where that lies at T = 0 or T = inf, the result says so, and why.

    Parameters
    ----------
    logits : array_like, array of PyTorch, JAX or Dask, or batches
        Real numbers of shape (..., K), the lanes being classes; -inf is a class that is ruled out.
        A memory map is read block by block. Without `targets`: batches, each a tuple
        (logits, targets) or (logits, targets, weights), as an iterable or as a callable that gives
        one. They are passed over several times; an iterator that can't be goes to a temporary
        file first.
    targets : array_like, optional
        Whole numbers in [0, K): the class of each row, in the shape of `logits` without `axis`.
        Or, in the shape of `logits`, the probability of each class (one-hot for example), which
        sums to 1.
    sample_weight : array_like, optional
        One number >= 0 for each row. A row of weight 2 counts as two rows, for the standard error
        too; one of weight 0 counts for nothing, whatever it holds.
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
        the row, counted from 0. If no row has lanes that differ: then all temperatures are alike.

    See Also
    --------
    reliability : whether the probabilities at a temperature can be trusted.
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
    return _fit(passes(logits, targets, sample_weight, axis, progress=progress))


class _Sums(NamedTuple):
    """Sums over rows at one temperature; slope and curvature are by log T, in units of T."""

    rows: float
    weight: float
    varied: float  # how many rows have lanes that differ
    missed: float  # how many have a target below their maximum
    scale: float  # of the terms of the slope
    nll: float
    slope: float
    curvature: float


def _fit(source: Passes) -> TemperatureFit:
    def at(*temperatures: float, unit: float = 1.0) -> list[_Sums]:
        (table,) = source.run(partial(_fit_sums, temperatures=temperatures, unit=unit))
        return [_Sums(*map(float, row)) for row in table]

    unit = 1.0
    flat, one = at(math.inf, 1.0)
    if not flat.rows:
        raise ValueError("sample_weight must be > 0 for some row, got zero for all")
    if flat.varied and not 1e-200 < flat.curvature < math.inf:
        # Squares of differences overflow, or sink to 0, in units of 1.
        unit = 2.0**-600 if flat.curvature < 1 else 2.0**600
        (flat,) = at(math.inf, unit=unit)
    if not flat.varied:
        raise ValueError(
            "logits must have a row whose lanes differ, got none: all temperatures are alike"
        )

    def result(temperature: float, best: _Sums, **why: Any) -> TemperatureFit:  # noqa: ANN401
        error = math.nan if why else 1 / math.sqrt(best.curvature)
        return TemperatureFit(
            temperature,
            temperature * error,
            (temperature * math.exp(-Z95 * error), temperature * math.exp(Z95 * error)),
            one.nll / one.weight,
            best.nll / best.weight,
            int(one.rows),
            source.number,
            **why,
        )

    if not flat.missed:
        (best,) = at(math.ulp(0.0))
        reason = "every target is at its row's largest logit, so that no T is too low"
        return result(0.0, best, limit="zero", reason=reason)
    if flat.slope <= 4 * sys.float_info.epsilon * flat.scale:
        reason = (
            "the targets' logits are no larger than all logits in the mean, so no T is too high"
        )
        return result(math.inf, flat, limit="infinity", reason=reason)
    return result(*_minimum(lambda t: at(t)[0], one, unit * flat.curvature / flat.slope))


def _fit_sums(
    block: Block, *, temperatures: tuple[float, ...], unit: float
) -> tuple[NDArray[np.float64]]:
    """Return a row of `_Sums` for each temperature; at T = inf those by 1 / T, in `unit`."""
    nowhere = block.at_targets(block.logits) == -np.inf
    if nowhere.any():
        raise ValueError(
            "targets must not be a class whose logit is -inf, got one in row "
            f"{block.numbers[np.argmax(nowhere)]}: its NLL is infinite at every temperature"
        )
    below = block.half_below()
    table = np.empty((len(temperatures), len(_Sums._fields)))
    weights = block.weights
    with np.errstate(all="ignore"):
        for row, temperature in zip(table, temperatures, strict=True):
            infinite = temperature == math.inf
            scale = unit if infinite else temperature
            log_total, mean, variance = moments(block, temperature, scale)
            target = below / scale * 2
            row[:] = _Sums(
                len(weights),
                weights.sum(),
                float(np.count_nonzero(mean < 0)),
                float(np.count_nonzero(below < 0)),
                np.sum(weights * (np.abs(target) + np.abs(mean))),
                np.sum(weights * (log_total if infinite else log_total - target)),
                np.sum(weights * (target - mean)),
                np.sum(weights * variance),
            )
    return (table,)


def moments(block: Block, temperature: float, unit: float) -> tuple[Array, Array, Array]:
    """Return the kernel's moments of each row, in multiples of `unit`."""
    if ORDINARY < temperature < 1 / ORDINARY or (temperature, unit) == (math.inf, 1):
        log_total, mean, variance = choose().moments(block.logits, temperature)
        return log_total, mean / unit, variance / unit**2
    # Quarters, which don't overflow; of a small unit they are the whole, which does not sink to 0.
    part = 0.25 if unit > 1 else 1.0
    quotient = block.logits * np.float64(part) - block.maximum[:, None] * np.float64(part)
    result: tuple[Array, Array, Array] = choose().moments(
        quotient / (unit * part), temperature / unit
    )
    return result


def _minimum(at: Callable[[float], _Sums], one: _Sums, guess: float) -> tuple[float, _Sums]:
    """Return the temperature at which the slope is 0, and the sums next to it.

    `one` are the sums at T = 1; `guess` is where Newton's method goes from T = inf.
    """
    low, high = 0.0, math.inf
    temperature, sums = 1.0, one
    size, reach = math.inf, 2.0
    while sums.slope:
        if sums.slope < 0:
            low = temperature
        else:
            high = temperature
        ratio = 1 + sums.slope / sums.curvature if sums.curvature else 0.0
        proposed = temperature / ratio if ratio > 0 else math.inf
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
                proposed = math.sqrt(low) * math.sqrt(high)
        size = _step(temperature, proposed)
        if size <= TOLERANCE:
            return proposed, sums
        temperature, sums = proposed, at(proposed)
    return temperature, sums


def _step(before: float, after: float) -> float:
    return abs(math.log(after) - math.log(before))


@dataclass(frozen=True)
class ReliabilityBins:
    """Rows by their confidence: a bin holds those in (lower edge, upper edge], the first 0 too."""

    edges: Array  # (bins + 1,), from 0 to 1
    count: NDArray[np.int64]  # (bins,), rows
    weight: Array  # (bins,), the sum of their weights
    confidence: Array  # (bins,), their mean confidence; NaN in an empty bin
    accuracy: Array  # (bins,), how often their likeliest class was the target; NaN likewise


@dataclass(frozen=True)
class Reliability:
    """How far probabilities are to be trusted; see `reliability`.

    Attributes
    ----------
    temperature : float
        The temperature at which they were taken.
    bins : ReliabilityBins
        `edges`, and for each bin `count`, `weight`, `confidence` and `accuracy`.
    ece, mce : float
        Expected and maximum calibration error: of the gaps between confidence and accuracy in the
        bins, the mean by weight and the largest.
    classwise_ece : float
        The mean over classes of the ECE of each class's own probability, in as many bins of equal
        width.
    brier : float
        The mean squared distance of the probabilities from the target's, in [0, 2].
    nll : float
        The mean negative log-likelihood of the targets, in nats.
    accuracy : float
        How often the likeliest class was the target.
    n : int
        How many rows count.
    intervals : dict of str to tuple of float
        The 95 % intervals of `ece`, `mce`, `brier`, `nll` and `accuracy`; empty if not asked for.
    """

    temperature: float
    bins: ReliabilityBins
    ece: float
    mce: float
    classwise_ece: float
    brier: float
    nll: float
    accuracy: float
    n: int
    intervals: dict[str, tuple[float, float]]

    def __str__(self) -> str:
        def with_interval(name: str) -> str:
            value = f"{getattr(self, name):.6g}"
            if name not in self.intervals:
                return value
            low, high = self.intervals[name]
            return f"{value} ({low:.6g} to {high:.6g})"

        return (
            f"ECE {with_interval('ece')}, NLL {with_interval('nll')}, accuracy "
            f"{with_interval('accuracy')} at T = {self.temperature:.6g}, over {self.n:,} rows"
        )

    def plot(self, *others: Reliability) -> Figure:
        """Draw the reliability diagram; with others, say of another temperature, side by side.

        Parameters
        ----------
        *others : Reliability
            What to draw beside it.

        Returns
        -------
        matplotlib.figure.Figure
            Accuracy against confidence, with the gap to the diagonal, over a histogram.

        Raises
        ------
        ImportError
            If matplotlib is missing: ``pip install "thermoscope[plot]"``.
        """
        from thermoscope.figures import reliability_diagram  # noqa: PLC0415 - matplotlib is heavy

        return reliability_diagram([self, *others])


def reliability(
    logits: ArrayLike | Iterable[Any] | Callable[[], Iterable[Any]],
    targets: ArrayLike | None = None,
    temperature: float = 1.0,
    *,
    bins: int = 15,
    strategy: Literal["width", "mass"] = "width",
    sample_weight: ArrayLike | None = None,
    bootstrap: int | None = None,
    rng: int | np.random.Generator | None = None,
    axis: SupportsIndex = -1,
    progress: Progress | None = None,
) -> Reliability:
    """Measure how far the softmax of logits at a temperature is to be trusted.

    Where a classifier says 80 %, it should be right in 80 of 100 cases. Rows are put in bins by
    their confidence, the probability of their likeliest class, and in each bin the mean confidence
    is set against the accuracy.

    Parameters
    ----------
    logits, targets : array_like, array of PyTorch, JAX or Dask, or batches
        As for `fit_temperature`. For targets that are probabilities, what depends on the target is
        its mean over them.
    temperature : float, optional
        A number in [0, inf].
    bins : int, optional
        How many bins.
    strategy : {"width", "mass"}, optional
        Bins of equal width, or of equal weight. Those are as equal as edges can make them which
        are exact to 1/256 of a halving of the distance from 0 or from 1: rows that are equally
        confident stay together. They need a pass of their own.
    sample_weight : array_like, optional
        One number >= 0 for each row; one of weight 0 counts for nothing, whatever it holds.
    bootstrap : int, optional
        How many replicates the 95 % intervals are made of, 1000 for example. The default makes
        none.
    rng : int or numpy.random.Generator, optional
        A seed for the replicates, or the generator to take one from.
    axis : int, optional
        The axis of the classes.
    progress : callable, optional
        As for `fit_temperature`.

    Returns
    -------
    Reliability
        The bins and the scores; `plot` draws them.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If an argument has the wrong value or shape; see `fit_temperature`. A target of -inf is
        none: its NLL is infinite.

    See Also
    --------
    fit_temperature : the temperature that the targets ask for.

    Notes
    -----
    A bin holds confidences in (lower edge, upper edge], the first one 0 too: a confidence of 1 is
    in the last. Of classes that tie for the likeliest, the first one counts as predicted.

    The memory that is needed grows with the bins times the classes, never with the rows.

    The replicates are a Poisson bootstrap [3]_: in each, every row counts as often as a draw from
    the Poisson distribution of mean 1 says, so that no row has to be kept. A draw depends on the
    seed and on the number of the row alone, whatever the blocks. The edges of the bins stay. The
    intervals are basic ones, ``2 x - quantile``: the ECE of a resampled set is too large by about
    as much as the ECE of the set itself, and so this interval, not that of the quantiles, takes
    the bias off. `classwise_ece` has none, because its replicates need memory for each class.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural
       networks", ICML 2017, section 2.
    .. [2] M. Kull et al., "Beyond temperature scaling", NeurIPS 2019, section 2, for the classwise
       ECE; K. Nguyen and B. O'Connor, "Posterior calibration and exploratory analysis for natural
       language processing models", EMNLP 2015, section 3, for bins of equal mass.
    .. [3] N. Chamandy, O. Muralidharan, A. Najmi and S. Naidu, "Estimating uncertainty for massive
       data streams", 2012; A. C. Davison and D. V. Hinkley, "Bootstrap methods and their
       application", 1997, section 5.2, for the intervals.

    Examples
    --------
    >>> import thermoscope as ts
    >>> logits, targets, _ = ts.samples.digits()
    >>> print(ts.reliability(logits, targets))
    ECE 0.0456172, NLL 0.36227, accuracy 0.927364 at T = 1, over 1,597 rows
    >>> fit = ts.fit_temperature(logits, targets)
    >>> after = ts.reliability(logits, targets, fit.temperature)
    >>> round(after.ece, 4), after.bins.count[-2:].tolist(), after.bins.accuracy[-2:].round(3)
    (0.012, [155, 1160], array([0.935, 0.986]))
    """
    t = one_temperature(temperature)
    count = whole("bins", bins)
    if strategy not in {"width", "mass"}:
        raise ValueError(f"strategy must be 'width' or 'mass', got {strategy!r}")
    draws = 0 if bootstrap is None else whole("bootstrap", bootstrap)
    key = int(generator(rng).integers(1 << 63)) if draws else 0
    source = passes(
        logits, targets, sample_weight, axis, progress=progress, once=strategy == "width"
    )
    width = np.linspace(0, 1, count + 1)
    edges = width
    if strategy == "mass":
        (mass,) = source.run(partial(_cell_sums, temperature=t))
        share = np.cumsum(mass) / mass.sum()
        # Of the cells' edges, the nearest to each quantile.
        wanted = width[1:-1]
        after = np.searchsorted(share, wanted)
        before = np.maximum(after - 1, 0)
        nearer = np.where(wanted - share[before] < share[after] - wanted, before, after)
        edges = np.concatenate([[0.0], CELLS[1:][nearer], [1.0]])
    table, scores, gaps_of_low, gaps, replicates = source.run(
        partial(_reliability_sums, temperature=t, edges=edges, width=width, draws=draws, key=key)
    )
    rows, weight, confident, right = table
    if not weight.sum() > 0:
        raise ValueError("sample_weight must be > 0 for some row, got zero for all")
    nll, brier, accuracy = scores / weight.sum()
    ece, mce = _errors(weight, confident - right)
    with np.errstate(invalid="ignore"):
        by_bin = ReliabilityBins(
            edges, rows.astype(np.int64), weight, confident / weight, right / weight
        )
    values = {
        "ece": float(ece),
        "mce": float(mce),
        "brier": float(brier),
        "nll": float(nll),
        "accuracy": float(accuracy),
    }
    return Reliability(
        temperature=t,
        bins=by_bin,
        classwise_ece=float(
            (np.abs(gaps_of_low).sum() + np.abs(gaps).sum()) / (weight.sum() * len(gaps))
        ),
        n=int(rows.sum()),
        intervals=_intervals(values, replicates) if draws else {},
        **values,
    )


def _errors(weight: Array, gap: Array) -> tuple[Array, Array]:
    """Return ECE and MCE of bins, which are on the last axis."""
    size = np.abs(gap)
    with np.errstate(invalid="ignore", divide="ignore"):
        each = np.where(weight > 0, size / weight, 0.0)
    return size.sum(axis=-1) / weight.sum(axis=-1), each.max(axis=-1)


def _intervals(values: dict[str, float], replicates: Array) -> dict[str, tuple[float, float]]:
    """Return the basic bootstrap intervals; no score is negative, and only NLL may be over 2."""
    weight, gap, scores = np.split(
        replicates, [bins := (replicates.shape[1] - 3) // 2, 2 * bins], 1
    )
    # Of very few rows, a replicate may hold none: it says nothing.
    some = weight.sum(axis=1) > 0
    weight, gap, scores = weight[some], gap[some], scores[some]
    ece, mce = _errors(weight, gap)
    nll, brier, accuracy = (scores / weight.sum(axis=1, keepdims=True)).T
    most = {"ece": 1.0, "mce": 1.0, "brier": 2.0, "nll": math.inf, "accuracy": 1.0}
    found = {"ece": ece, "mce": mce, "brier": brier, "nll": nll, "accuracy": accuracy}
    result = {}
    for name, value in values.items():
        low, high = 2 * value - np.quantile(found[name], [0.975, 0.025])
        result[name] = (
            min(max(float(low), 0.0), most[name]),
            min(max(float(high), 0.0), most[name]),
        )
    return result


def _cell_sums(block: Block, *, temperature: float) -> tuple[Array]:
    confidence, _ = _confidence_and_nll(block, temperature)
    return (_totals(_bins(confidence, CELLS), block.weights, len(CELLS) - 1),)


def _confidence_and_nll(block: Block, temperature: float) -> tuple[Array, Array]:
    """Return the probability of the likeliest class, and the NLL of the target, of each row."""
    below = block.half_below()
    # T = 0 is what the least of all T is.
    t = max(temperature, math.ulp(0.0))
    with np.errstate(all="ignore"):
        log_total, _, _ = moments(block, t, 1.0 if t == math.inf else t)
        # A class of -inf is none at T = inf either.
        nll = log_total - np.where(below == -np.inf, below, below / t * 2)
        return np.exp(-log_total), nll


def _reliability_sums(
    block: Block, *, temperature: float, edges: Array, width: Array, draws: int, key: int
) -> tuple[Array | Sparse, ...]:
    """Return the sums of bins, of scores, of the gaps of each class, and of the replicates.

    Those of a class are apart in its lowest bin, where nearly all of its probabilities are, and in
    the others: no row has as many probabilities above 1 / bins as there are bins.
    """
    block = block._replace(logits=block.logits.astype(np.float64))
    logits, targets, weights, _, numbers = block
    bins, classes = len(edges) - 1, logits.shape[1]
    rows = np.arange(len(logits))
    predicted = logits.argmax(axis=1)
    right = targets[rows, predicted] if targets.ndim == 2 else (targets == predicted).astype(float)
    confidence, nll = _confidence_and_nll(block, temperature)
    bin_of = _bins(confidence, edges)
    table = np.array(
        [
            _totals(bin_of, values, bins)
            for values in (np.ones(len(rows)), weights, weights * confidence, weights * right)
        ]
    )

    gap = softmax(logits, temperature)
    high = np.flatnonzero(gap > width[1])
    place = high % classes * bins + _bins(gap.reshape(-1)[high], width)
    # The mean squared distance of the probabilities from a one-hot target, of those it may be.
    brier = np.zeros(len(rows))
    if targets.ndim == 2:
        gap -= targets
        brier += 1 - np.einsum("ij,ij->i", targets, targets)
    else:
        gap[rows, targets] -= 1
    brier += np.einsum("ij,ij->i", gap, gap)
    scores = np.stack([nll, brier, right])
    of_high = gap.reshape(-1)[high] * weights[high // classes]
    gap.reshape(-1)[high] = 0
    gaps = weights @ gap, gathered(place, of_high, (classes, bins))

    replicates = np.zeros((draws, 2 * bins + 3))
    if draws:
        each = np.zeros((len(rows), 2 * bins + 3))
        each[rows, bin_of] = weights
        each[rows, bins + bin_of] = weights * (confidence - right)
        each[:, 2 * bins :] = (weights * scores).T
        with np.errstate(invalid="ignore"):
            for at in range(0, len(rows), step := max(1, DRAWS // draws)):
                some = slice(at, at + step)
                replicates += _poisson(key, numbers[some], draws).T @ each[some]
    return table, (scores * weights).sum(axis=1), *gaps, replicates


def _totals(places: NDArray[np.intp], values: Array, size: int) -> Array:
    """Return the sum of the values at each place."""
    return np.bincount(places, values, size).astype(np.float64, copy=False)


def _bins(values: Array, edges: Array) -> NDArray[np.intp]:
    """Return the bin of each value: they hold what is above one edge, up to the next."""
    return np.clip(np.searchsorted(edges, values) - 1, 0, len(edges) - 2)


# Each of 2 ** 16 equal chances as a number of Poisson's distribution of mean 1.
POISSON: Final = np.searchsorted(
    np.cumsum([math.exp(-1) / math.factorial(k) for k in range(12)]),
    (np.arange(1 << 16) + 0.5) / (1 << 16),
).astype(np.float64)


def _poisson(key: int, numbers: NDArray[np.int64], draws: int) -> Array:
    """Return how often each row counts in each replicate: by its number, whatever its block."""
    # A step of Philox's counter gives 4 words of 4 chances each.
    steps = -(-draws // 16)
    first, last = int(numbers[0]), int(numbers[-1])
    words = np.random.Philox(key=key, counter=first * steps).random_raw(
        (last + 1 - first) * steps * 4
    )
    chances = words.view(np.uint16).reshape(-1, steps * 16)[numbers - first, :draws]
    counts: Array = POISSON[chances]
    return counts


@dataclass(frozen=True)
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
    """

    temperatures: Array
    nll: Array
    ece: Array
    n: int

    def plot(self) -> Figure:
        """Draw NLL and ECE over the temperature.

        Returns
        -------
        matplotlib.figure.Figure
            Two panels with a common axis of log T, the lowest point of each marked.

        Raises
        ------
        ImportError
            If matplotlib is missing: ``pip install "thermoscope[plot]"``.
        """
        from thermoscope.figures import calibration_figure  # noqa: PLC0415 - matplotlib is heavy

        return calibration_figure(self)


def calibration_curve(
    logits: ArrayLike | Iterable[Any] | Callable[[], Iterable[Any]],
    targets: ArrayLike | None = None,
    temperatures: ArrayLike | None = None,
    *,
    bins: int = 15,
    sample_weight: ArrayLike | None = None,
    axis: SupportsIndex = -1,
    progress: Progress | None = None,
) -> CalibrationCurve:
    """Take NLL and ECE over temperatures, all of them in one pass over the data.

    Parameters
    ----------
    logits, targets : array_like, array of PyTorch, JAX or Dask, or batches
        As for `fit_temperature`.
    temperatures : array_like, shape (m,), optional
        Finite numbers > 0. The default are 49 from a quarter of the temperature that
        `fit_temperature` finds to four times that (or around 1, where it finds 0 or inf), evenly
        spread in log T, so that the 25th is what it found.
    bins : int, optional
        How many bins of equal width the ECE has.
    sample_weight, axis, progress
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
        logits, targets, sample_weight, axis, progress=progress, once=temperatures is not None
    )
    if temperatures is None:
        best = _fit(source).temperature
        middle = best if 0 < best < math.inf else 1.0
        t = middle * np.exp2(np.linspace(-2, 2, 49))
    else:
        t = temperatures_of(temperatures)
    edges = np.linspace(0, 1, count + 1)
    return curve_of(t, source.run(partial(curve_sums, temperatures=t, edges=edges)))


def curve_of(temperatures: Array, sums: tuple[Array, ...]) -> CalibrationCurve:
    """Return what the sums of `curve_sums` make."""
    (rows, total), weight, gap, nll = sums
    if not total > 0:
        raise ValueError("sample_weight must be > 0 for some row, got zero for all")
    return CalibrationCurve(temperatures, nll / total, _errors(weight, gap)[0], int(rows))


def curve_sums(
    block: Block, *, temperatures: Array, edges: Array
) -> tuple[Array, Array, Array, Array]:
    """Return the sums of all, and at each temperature those of the bins and of the NLL."""
    logits, targets, weights, _, _ = block
    predicted = logits.argmax(axis=1)
    rows = np.arange(len(logits))
    right = targets[rows, predicted] if targets.ndim == 2 else targets == predicted
    bins = len(edges) - 1
    weight, gap = np.empty((2, len(temperatures), bins))
    nll = np.empty(len(temperatures))
    for at, temperature in enumerate(temperatures.tolist()):
        confidence, losses = _confidence_and_nll(block, temperature)
        bin_of = _bins(confidence, edges)
        weight[at] = _totals(bin_of, weights, bins)
        gap[at] = _totals(bin_of, weights * (confidence - right), bins)
        nll[at] = np.sum(weights * losses)
    return np.array([len(rows), weights.sum()]), weight, gap, nll
