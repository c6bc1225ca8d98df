"""Presets of samplers side by side over rows, exactly: nothing is drawn."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Any, Final, NamedTuple, SupportsIndex, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope.arguments import NO_TARGET, whole
from thermoscope.data.dataset import Dataset
from thermoscope.passes import Progress
from thermoscope.reported import Interval, Reported
from thermoscope.samplers.bounds import bounds_of
from thermoscope.samplers.presets import Given, Preset, presets_of
from thermoscope.samplers.rows import MEASURES, measured, width_of
from thermoscope.samplers.sources import KnownRows, rows_of

Array = NDArray[np.float64]
# A number; of rows that are reported in part, the two that it lies between.
Value: TypeAlias = float | Interval

__all__ = [
    "OverRows",
    "PresetMeasures",
    "SamplerComparison",
    "Value",
    "compare_samplers",
    "differing",
]


@dataclass(frozen=True, eq=False)
class OverRows:
    """A measure of each row, and what it is over all rows.

    Of rows that a server reported in part, every value is an `Interval`: two arrays, or two
    numbers.

    Attributes
    ----------
    values : ndarray of float64, or Interval of them, shape (n,)
        Of each row.
    rows : ndarray of int64, shape (n,)
        Which rows these are, counted from 0.
    """

    values: Array | Interval
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def mean(self) -> Value:
        """The mean over the rows."""
        return self._of(lambda values: float(values.mean()))

    @property
    def median(self) -> Value:
        """The median over the rows."""
        return self._of(lambda values: float(np.median(values)))

    @property
    def p95(self) -> Value:
        """The least value that 95 % of the rows do not exceed."""
        place = -(-19 * len(self) // 20) - 1
        return self._of(lambda values: float(np.partition(values, place)[place]))

    @property
    def max(self) -> Value:
        """The greatest value of a row."""
        return self._of(lambda values: float(values.max()))

    @property
    def row_of_max(self) -> int:
        """The row of the greatest value, the first of those that tie."""
        high = self.values.high if isinstance(self.values, Interval) else self.values
        return int(self.rows[np.argmax(high)])

    def count(self, value: float) -> int | Interval:
        """Return in how many rows the measure is a value.

        Parameters
        ----------
        value : float

        Returns
        -------
        int or Interval
        """
        if isinstance(self.values, Interval):
            low, high = (end == value for end in self.values)
            return Interval(int(np.count_nonzero(low & high)), int(np.count_nonzero(low | high)))
        return int(np.count_nonzero(self.values == value))

    def _of(self, function: Callable[[Array], float]) -> Value:
        # Each grows with every value, so that the ends of the values give the ends of it.
        if isinstance(self.values, Interval):
            return Interval(function(self.values.low), function(self.values.high))
        return function(self.values)


@dataclass(frozen=True, eq=False)
class PresetMeasures:
    """What one preset does to rows; see `compare_samplers`.

    Attributes
    ----------
    settings : dict
        Keywords of `truncate`, the temperature first.
    kept : OverRows
        How many tokens can be drawn.
    mass : OverRows
        The probability that they have before truncation, at the temperature of the draw.
    choices : OverRows
        The effective choices: the perplexity of what is drawn from.
    entropy : OverRows
        Its entropy, in nats.
    agreement : OverRows
        The chance that two runs draw the same token, the sum of p ** 2.
    distinct : OverRows
        The expected number of different tokens in `SamplerComparison.draws` draws.
    nll : OverRows or None
        -log p of the target, or of the token that a server's text has, in nats; inf where it could
        not have been drawn. None where no row has one.
    undecided : int
        In how many rows it depends on what is not reported which tokens are kept.
    """

    settings: dict[str, Any]
    kept: OverRows
    mass: OverRows
    choices: OverRows
    entropy: OverRows
    agreement: OverRows
    distinct: OverRows
    nll: OverRows | None
    undecided: int = 0

    @property
    def impossible(self) -> int | Interval:
        """How many targets could not have been drawn."""
        return 0 if self.nll is None else self.nll.count(np.inf)


@dataclass(frozen=True, eq=False)
class SamplerComparison:
    """What presets do to rows, and how far they are apart; see `compare_samplers`.

    Attributes
    ----------
    presets : dict of str to PresetMeasures
    total_variation : dict of (str, str) to OverRows
        Of each pair of presets, in [0, 1]: the part of the draws that would differ.
    draws : int
        How many draws `PresetMeasures.distinct` is of.
    n : int
        How many rows there are.
    skipped : int
        How many of a server's positions can't be read, and are left out.
    """

    presets: dict[str, PresetMeasures]
    total_variation: dict[tuple[str, str], OverRows]
    draws: int
    n: int
    skipped: int = 0

    def __str__(self) -> str:
        return "\n".join(
            f"{one} and {other}: {differing(found.mean)}"
            for (one, other), found in self.total_variation.items()
        )


LIMITS: Final = (
    "Each row is judged for itself, given the text before it. Whether a text loops, or how good it "
    "is, can't be known from that."
)


def compare_samplers(
    logits: ArrayLike | Dataset | Reported | Sequence[Reported],
    presets: Mapping[str, Given],
    targets: ArrayLike | None = None,
    *,
    draws: int = 100,
    ignore_index: int | None = NO_TARGET,
    vocabulary: int | None = None,
    axis: SupportsIndex = -1,
    progress: Progress | None = None,
) -> SamplerComparison:
    """Compare samplers over rows of logits, exactly: probabilities are computed, nothing is drawn.

    Each preset gives a distribution for each row, as `truncate` does. Nothing is known of texts:
    each row is taken as it is, given the text before it.

    Parameters
    ----------
    logits : array_like, array of PyTorch, JAX or Dask, data set, or Reported
        Rows of shape (..., K). A memory map or a data set is read block by block, and of each row
        only its measures stay in memory. Or what a server reported, as a data set of
        `open_logits`, or as one or several `Reported`: every measure is then an interval.
    presets : mapping of str to mapping, or to str
        The settings of samplers by name: keywords of `truncate`, with ``temperature`` among them.
        Or a text: KEYWORD=VALUE with commas, after the name of an engine for its defaults. The
        steps of an ``order`` have + between them.
    targets : array_like of int, optional
        The class, or token, of each row. By default those of the data set, or the tokens that
        were drawn in a server's text.
    draws : int, optional
        Of how many draws the number of different tokens is expected.
    ignore_index : int or None, optional
        The target of a row that has none.
    vocabulary : int, optional
        How many tokens the model has whose server answered; by default that of the data set.
    axis : int, optional
        The axis of the tokens.
    progress : callable, optional
        As for `fit_temperature`.

    Returns
    -------
    SamplerComparison
        The measures of each preset and the total variation of each pair, over the rows; `plot`
        draws it.

    Raises
    ------
    TypeError, ValueError
        If a preset has a wrong setting: the message names the preset. If a row has a NaN, +inf, or
        nothing but -inf, or a target is out of range. If a step needs all logits, and some are not
        reported.

    See Also
    --------
    sampler_temperature : the temperature at which a sampler has a wanted entropy.
    truncate : the distribution of one preset.

    Notes
    -----
    The total variation of p and q, half the sum of abs(p - q), is the least part of the draws that
    differ when both samplers use the same random numbers in the best way [1]_.

    For rows that are reported in part, all values lie within the intervals whatever the other
    tokens have. An interval is the tightest for what `keep` and `truncate` decide. The total
    variation is bounded tightly where one of the presets drops all tokens that are not reported.

    References
    ----------
    .. [1] D. A. Levin and Y. Peres, "Markov chains and mixing times", 2nd edition, AMS 2017,
       proposition 4.7.

    Examples
    --------
    >>> import thermoscope as ts
    >>> logits = [[2.0, 1.0, 0.1, -1.0], [3.0, 0.0, 0.0, -1.0]]
    >>> found = ts.compare_samplers(
    ...     logits, {"cool": {"temperature": 0.5}, "nucleus": "top_p=0.8,engine=vllm"}
    ... )
    >>> found.presets["nucleus"].kept.values
    array([2., 1.])
    >>> round(found.presets["cool"].choices.median, 3)
    1.317
    >>> print(found)
    cool and nucleus: 8 of 100 draws would differ
    >>> found.total_variation["cool", "nucleus"].values.round(3)
    array([0.152, 0.005])
    """
    checked = presets_of(presets)
    count = whole("draws", draws)
    rows = rows_of(
        logits,
        targets,
        axis,
        ignore_index=ignore_index,
        vocabulary=vocabulary,
        progress=progress,
    )
    if isinstance(rows, KnownRows):
        shape = (rows.total, width_of(len(checked)))
        work = partial(measured, presets=checked, draws=count, targets=rows.targets, shape=shape)
        (values,) = rows.passes.run(work)
        table = _Table(values, None, np.arange(rows.total))
        return _comparison(checked, table, [0] * len(checked), count, skipped=0)
    found = rows.each(partial(bounds_of, presets=checked, draws=count))
    ends = np.array([columns for columns, _ in found])
    table = _Table(ends[..., 0], ends[..., 1], rows.numbers)
    undecided = len(found) - np.sum([decided for _, decided in found], axis=0)
    return _comparison(checked, table, undecided.tolist(), count, skipped=rows.skipped)


def differing(variation: Value) -> str:
    """Return a total variation in words.

    Examples
    --------
    >>> differing(0.4712), differing(0.0)
    ('47 of 100 draws would differ', 'no draws would differ')
    >>> differing(Interval(0.2, 0.305))
    '20 to 31 of 100 draws would differ'
    """
    low, high = variation if isinstance(variation, Interval) else (variation, variation)
    least, most = (100 * low, 100 * high)
    if isinstance(variation, Interval) and high - low > 1e-6:
        return f"{math.floor(least):.0f} to {math.ceil(most):.0f} of 100 draws would differ"
    if high == 0:
        return "no draws would differ"
    if low == 1:
        return "all draws would differ"
    if most < 1:
        return "fewer than 1 of 100 draws would differ"
    if least > 99:
        return "more than 99 of 100 draws would differ"
    return f"{least:.0f} of 100 draws would differ"


class _Table(NamedTuple):
    """The measures of all rows, a column for each."""

    low: Array
    # None where `low` is exact.
    high: Array | None
    # Which rows these are.
    numbers: NDArray[np.int64]

    def column(self, at: int, function: Callable[[Array], Array] = np.asarray) -> OverRows:
        """Return a rising function of one column, without the rows where it is NaN."""
        low = self.low[:, at]
        there = ~np.isnan(low)
        values: Array | Interval = function(low[there])
        if self.high is not None:
            values = Interval(values, function(self.high[there, at]))
        return OverRows(values, self.numbers[there])


def _comparison(
    presets: Sequence[Preset],
    table: _Table,
    undecided: Sequence[int],
    draws: int,
    *,
    skipped: int,
) -> SamplerComparison:
    measures: dict[str, PresetMeasures] = {}
    for place, preset in enumerate(presets):
        at = {name: len(MEASURES) * place + each for each, name in enumerate(MEASURES)}
        nll = table.column(at["nll"])
        measures[preset.name] = PresetMeasures(
            settings=preset.keywords(),
            kept=table.column(at["kept"]),
            mass=table.column(at["mass"]),
            choices=table.column(at["entropy"], np.exp),
            entropy=table.column(at["entropy"]),
            agreement=table.column(at["agreement"]),
            distinct=table.column(at["distinct"]),
            nll=nll if len(nll) else None,
            undecided=undecided[place],
        )
    first = len(MEASURES) * len(presets)
    pairs = combinations(measures, 2)
    apart = {pair: table.column(first + at) for at, pair in enumerate(pairs)}
    return SamplerComparison(measures, apart, draws, len(table.numbers), skipped)
