"""Reliability diagrams and calibration errors: ECE, MCE, Brier score, NLL."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope.arguments import ArgumentError, generator, one_temperature, whole
from thermoscope.calibration import bootstrap as resampling
from thermoscope.calibration.sums import (
    bin_sums,
    bins_of,
    confidence_and_nll,
    count_soft,
    errors,
    right_of,
    totals,
)
from thermoscope.definition import softmax
from thermoscope.passes import Block, Counts, Part, Passes, Progress, Sparse, gathered, passes

Array = NDArray[np.float64]

__all__ = ["Judge", "Reliability", "ReliabilityBins", "reliability"]

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


@dataclass(frozen=True, eq=False)
class ReliabilityBins:
    """Rows by their confidence: a bin holds those in (lower edge, upper edge], the first 0 too."""

    edges: Array  # (bins + 1,), from 0 to 1
    count: NDArray[np.int64]  # (bins,), rows
    weight: Array  # (bins,), the sum of their weights
    confidence: Array  # (bins,), their mean confidence; NaN in an empty bin
    accuracy: Array  # (bins,), how often their likeliest class was the target; NaN in an empty bin
    interval: Array  # (bins, 2), Wilson's 95 % interval of the accuracy; NaN in an empty bin
    # (bins, 2), what 95 % of the redrawn targets have as accuracy: where it would lie if the
    # probabilities were right; NaN in an empty bin, and for targets that are not one-hot
    if_calibrated: Array


@dataclass(frozen=True, eq=False)
class Reliability:
    """How well probabilities are calibrated; see `reliability`.

    Attributes
    ----------
    temperature : float
        The temperature at which they were taken.
    bins : ReliabilityBins
        `edges`, and for each bin `count`, `weight`, `confidence`, `accuracy`, its `interval`, and
        the range where it would be `if_calibrated`.
    ece : float
        Expected calibration error: of the gaps between confidence and accuracy in the bins, the
        mean by weight. It is above 0 for perfect probabilities too.
    ece_if_calibrated, ece_if_calibrated_upper : float
        The ECE that these rows would have if the probabilities were right: the mean, and the
        value which 95 % do not exceed. NaN where targets are probabilities that are not one-hot.
    p_value : float
        How probable an ECE as high as `ece` is if the probabilities are right; NaN likewise.
    mce : float
        Maximum calibration error: the largest of these gaps.
    mce_rows : int
        How many rows the bin of that gap has. Of few, the gap says little.
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
    n_ignored : int
        How many rows were left out because their target is `ignore_index`.
    intervals : dict of str to tuple of float
        The 95 % intervals of `brier`, `nll` and `accuracy`; empty if not asked for.
    """

    temperature: float
    bins: ReliabilityBins
    ece: float
    ece_if_calibrated: float
    ece_if_calibrated_upper: float
    p_value: float
    mce: float
    mce_rows: int
    classwise_ece: float
    brier: float
    nll: float
    accuracy: float
    n: int
    n_ignored: int
    intervals: dict[str, tuple[float, float]]

    def __str__(self) -> str:
        def with_interval(name: str) -> str:
            value = f"{getattr(self, name):.6g}"
            if name not in self.intervals:
                return value
            low, high = self.intervals[name]
            return f"{value} ({low:.6g} to {high:.6g})"

        known = "" if math.isnan(self.p_value) else f" ({self.ece_in_words()})"
        ignored = f", {self.n_ignored:,} without a target left out" if self.n_ignored else ""
        return (
            f"ECE {self.ece:.6g}{known}, NLL {with_interval('nll')}, accuracy "
            f"{with_interval('accuracy')} at T = {self.temperature:.6g}, over {self.n:,} rows"
            f"{ignored}"
        )

    def ece_in_words(self) -> str:
        """Return what a perfectly calibrated model would show on these rows.

        Returns
        -------
        str
            The mean and the 95 % value of the ECE, and the p-value.
        """
        return (
            f"if calibrated {self.ece_if_calibrated:.4f}, up to "
            f"{self.ece_if_calibrated_upper:.4f}; p = {self.p_value:.2g}"
        )


def reliability(
    logits: ArrayLike | Iterable[Any] | Callable[[], Iterable[Any]],
    targets: ArrayLike | None = None,
    temperature: float = 1.0,
    *,
    bins: int = 15,
    strategy: Literal["width", "mass"] = "width",
    sample_weight: ArrayLike | None = None,
    bootstrap: int | None = None,
    rng: int | np.random.Generator | None = 0,
    ignore_index: int | None = -100,
    axis: SupportsIndex = -1,
    progress: Progress | None = None,
) -> Reliability:
    """Measure how well the softmax of logits at a temperature is calibrated.

    Where a classifier says 80 %, it should be right in 80 of 100 cases. Rows are put in bins by
    their confidence, the probability of their likeliest class, and in each bin the mean confidence
    is set against the accuracy.

    Parameters
    ----------
    logits, targets : array_like, array of PyTorch, JAX or Dask, data set, or batches
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
    rng : int, numpy.random.Generator or None, optional
        A seed for what is redrawn and for the replicates, or a generator. The default gives the
        same numbers each time.
    ignore_index, axis, progress
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

    ECE is biased: in each bin the accuracy is that of few rows, and a gap of either sign counts.
    So its value alone says little. What the same rows would show if the probabilities were right
    is found by redrawing the targets from them, 999 times [3]_, and `p_value` is how often, of
    these and the data, the ECE is as high as that of the data [4]_. Rows whose confidences are in
    the same quarter of a bin are redrawn together, as a binomial number with the variance that
    they have. The ECE has no interval, since none is right often enough: those of the bootstrap
    miss the true ECE of calibrated probabilities in half of all data sets or more
    (``python -m benchmarks.coverage``).

    The replicates of the other scores are a Poisson bootstrap [5]_: in each, every row counts as
    often as a draw from the Poisson distribution of mean 1 says, so that no row has to be kept. A
    draw depends on the seed and on the number of the row alone, whatever the blocks. The intervals
    are basic ones, ``2 x - quantile``, and cover 93 to 97 % in the same simulation. The interval
    of a bin's accuracy is Wilson's [6]_; of rows with weights, it is that of
    ``sum(w) ** 2 / sum(w ** 2)`` rows.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural
       networks", ICML 2017, section 2.
    .. [2] M. Kull et al., "Beyond temperature scaling", NeurIPS 2019, section 2, for the classwise
       ECE; K. Nguyen and B. O'Connor, "Posterior calibration and exploratory analysis for natural
       language processing models", EMNLP 2015, section 3, for bins of equal mass.
    .. [3] J. Bröcker and L. A. Smith, "Increasing the reliability of reliability diagrams",
       Weather and Forecasting 22 (2007), pp. 651-661: consistency resampling.
    .. [4] J. Vaicenavicius et al., "Evaluating model calibration in classification", AISTATS
       2019, section 4; D. Widmann, F. Lindsten and D. Zachariah, "Calibration tests in multi-class
       classification", NeurIPS 2019, for tests of calibration.
    .. [5] N. Chamandy, O. Muralidharan, A. Najmi and S. Naidu, "Estimating uncertainty for massive
       data streams", 2012; A. C. Davison and D. V. Hinkley, "Bootstrap methods and their
       application", 1997, section 5.2, for the intervals.
    .. [6] E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
       Journal of the American Statistical Association 22 (1927), pp. 209-212.

    Examples
    --------
    >>> import thermoscope as ts
    >>> logits, targets, _ = ts.samples.digits()
    >>> before = ts.reliability(logits, targets)
    >>> round(before.ece, 4), round(before.ece_if_calibrated, 4), before.p_value
    (0.0456, 0.0086, 0.001)
    >>> fit = ts.fit_temperature(logits, targets)
    >>> after = ts.reliability(logits, targets, fit.temperature)
    >>> round(after.ece, 4), after.bins.count[-2:].tolist(), after.bins.accuracy[-2:].round(3)
    (0.012, [155, 1160], array([0.935, 0.986]))
    """
    judge = Judge(bins, strategy, bootstrap, rng)
    source = passes(
        logits,
        targets,
        sample_weight,
        axis,
        ignore_index=ignore_index,
        progress=progress,
        once=strategy == "width",
    )
    return judge(source, one_temperature(temperature))


class Judge:
    """Measures the reliability of the rows of a source, with checked options."""

    def __init__(
        self,
        bins: int,
        strategy: str,
        bootstrap: int | None,
        rng: int | np.random.Generator | None,
    ) -> None:
        if strategy not in {"width", "mass"}:
            raise ArgumentError("strategy", f"must be 'width' or 'mass', got {strategy!r}")
        self.width = np.linspace(0, 1, whole("bins", bins) + 1)
        self.mass = strategy == "mass"
        self.draws = 0 if bootstrap is None else whole("bootstrap", bootstrap)
        self.key = int(generator(rng).integers(1 << 63))

    def __call__(
        self,
        source: Passes,
        temperature: float,
        parts: Sequence[tuple[float, Part | None]] | None = None,
    ) -> Reliability:
        """Return the reliability at a temperature, or of parts at a temperature each."""
        parts = parts or [(temperature, None)]
        edges = self._quantiles(source, parts) if self.mass else self.width
        work = partial(
            _reliability_sums, edges=edges, width=self.width, draws=self.draws, key=self.key
        )
        table, scores, gaps_of_low, gaps, cells, soft, replicates = _over_parts(source, work, parts)
        rows, weight, confident, right = table
        nll, brier, accuracy = scores / weight.sum()
        ece, of_bins = errors(weight, confident - right)
        gaps_if_calibrated = np.full((1, len(rows)), math.nan)
        if not soft:
            gaps_if_calibrated = resampling.redrawn_gaps(cells, self.key)
        with np.errstate(invalid="ignore", over="ignore"):
            squares = cells[2].reshape(len(rows), -1).sum(axis=1)
            by_bin = ReliabilityBins(
                edges,
                rows.astype(np.int64),
                source.unscaled(weight),
                confident / weight,
                right / weight,
                resampling.wilson(np.clip(right / weight, 0, 1), weight**2 / squares),
                resampling.accuracy_if_calibrated(weight, confident, gaps_if_calibrated),
            )
        means = {"nll": float(nll), "brier": float(brier), "accuracy": float(accuracy)}
        redrawn, _ = errors(weight, gaps_if_calibrated)
        # A redrawn ECE that differs by rounding is as high.
        as_high = redrawn >= ece * (1 - 1e-12)
        return Reliability(
            temperature=temperature,
            bins=by_bin,
            ece=float(ece),
            ece_if_calibrated=float(redrawn.mean()),
            ece_if_calibrated_upper=float(np.quantile(redrawn, 0.95)),
            p_value=math.nan if soft else float(1 + np.count_nonzero(as_high)) / (1 + len(redrawn)),
            mce=float(of_bins.max()),
            mce_rows=int(rows[of_bins.argmax()]),
            classwise_ece=float(
                (np.abs(gaps_of_low).sum() + np.abs(gaps).sum()) / (weight.sum() * len(gaps))
            ),
            n=int(source.counts.rows),
            n_ignored=int(source.counts.ignored),
            intervals=resampling.intervals(means, replicates) if self.draws else {},
            **means,
        )

    def _quantiles(self, source: Passes, parts: Sequence[tuple[float, Part | None]]) -> Array:
        """Return edges of bins of equal weight."""
        (mass,) = _over_parts(source, _mass_of_cells, parts)
        below = np.cumsum(mass) / mass.sum()
        # Of the cells' edges, the nearest to each quantile.
        wanted = self.width[1:-1]
        after = np.searchsorted(below, wanted)
        before = np.maximum(after - 1, 0)
        nearer = np.where(wanted - below[before] < below[after] - wanted, before, after)
        return np.concatenate([[0.0], CELLS[1:][nearer], [1.0]])


def _over_parts(
    source: Passes,
    work: Callable[..., tuple[Array | Sparse, ...]],
    parts: Sequence[tuple[float, Part | None]],
) -> tuple[Array, ...]:
    """Return the sums over parts, each at its temperature."""
    exponent = None
    # A part with huge weights changes the unit of all.
    while exponent != source.weight_exponent:
        exponent = source.weight_exponent
        found, counts = [], []
        for temperature, part in parts:
            found.append(source.run(partial(work, temperature=temperature), part))
            counts.append(source.counts)
    source.counts = Counts(*(sum(values) for values in zip(*counts, strict=True)))
    source.check_weight()
    return tuple(sum(arrays[1:], start=arrays[0]) for arrays in zip(*found, strict=True))


def _mass_of_cells(block: Block, *, temperature: float) -> tuple[Array]:
    confidence, _ = confidence_and_nll(block, temperature)
    return (totals(bins_of(confidence, CELLS), block.weights, len(CELLS) - 1),)


def _reliability_sums(
    block: Block, *, temperature: float, edges: Array, width: Array, draws: int, key: int
) -> tuple[Array | Sparse, ...]:
    """Return the sums of bins, of scores, of the gaps of each class, and of the replicates.

    Those of a class are apart in its lowest bin, where nearly all of its probabilities are, and in
    the others: no row has as many probabilities above 1 / bins as there are bins.
    """
    confidence, nll = confidence_and_nll(block, temperature)
    right = right_of(block)
    logits, targets, weights = block.logits.astype(np.float64), block.targets, block.weights
    bins, classes = len(edges) - 1, logits.shape[1]
    rows = np.arange(len(logits))
    table = bin_sums(confidence, right, weights, edges)

    gap = softmax(logits, temperature)
    high = np.flatnonzero(gap > width[1])
    place = high % classes * bins + bins_of(gap.reshape(-1)[high], width)
    # The mean squared distance of the probabilities from a one-hot target, of those it may be.
    brier = np.zeros(len(rows))
    if targets.ndim == 2:
        gap -= targets
        brier += 1 - np.einsum("ij,ij->i", targets, targets)
    else:
        gap[rows, targets] -= 1
    brier += np.einsum("ij,ij->i", gap, gap)
    scores = weights * np.stack([nll, brier, right])
    of_high = gap.reshape(-1)[high] * weights[high // classes]
    gap.reshape(-1)[high] = 0
    gaps = weights @ gap, gathered(place, of_high, (classes, bins))
    cells = resampling.cell_sums(confidence, weights, edges)
    replicates = np.zeros((draws, 4))
    if draws:
        each = np.concatenate([weights[:, None], scores.T], axis=1)
        replicates = resampling.resampled(each, block.numbers, draws, key)
    return table, scores.sum(axis=1), *gaps, cells, np.array(float(count_soft(block))), replicates
