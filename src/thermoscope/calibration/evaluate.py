"""Fit a temperature on one part of the rows, and judge it on the other."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike

from thermoscope.arguments import ArgumentError, ArgumentTypeError, whole
from thermoscope.calibration.curve import CalibrationCurve, around, curve_of
from thermoscope.calibration.fit import TemperatureFit, fit
from thermoscope.calibration.reliability import Judge, Reliability
from thermoscope.passes import Part, Progress, passes

__all__ = ["FitEvaluation", "evaluate_fit"]


@dataclass(frozen=True, eq=False)
class FitEvaluation:
    """A fitted temperature, judged on rows that it was not fitted to; see `evaluate_fit`.

    Attributes
    ----------
    fit : TemperatureFit
        The temperature to use: that of the rows which were not held out; with folds, that of all
        rows.
    before, after : Reliability
        Of the rows that were held out, at T = 1 and at the fitted temperature. With folds, each
        row is judged at the temperature of the fit that left it out.
    fold_temperatures : tuple of float
        The temperatures of these fits; empty without folds.
    curve : CalibrationCurve or None
        NLL and ECE of the rows that were held out, over temperatures, if asked for.
    """

    fit: TemperatureFit
    before: Reliability
    after: Reliability
    fold_temperatures: tuple[float, ...] = ()
    curve: CalibrationCurve | None = None

    def __str__(self) -> str:
        if self.fold_temperatures:
            low, high = min(self.fold_temperatures), max(self.fold_temperatures)
            how = (
                f"in {len(self.fold_temperatures)} folds (T = {low:.6g} to {high:.6g}), "
                f"over {self.after.n:,} rows, each held out once"
            )
        else:
            how = f"over {self.after.n:,} rows that were held out"
        return (
            f"T = {self.fit.temperature:.6g}, fitted to {self.fit.n:,} rows; "
            f"NLL {self.before.nll:.6g} at T = 1, {self.after.nll:.6g} now, "
            f"ECE {self.before.ece:.6g} and {self.after.ece:.6g}, {how}"
        )


def evaluate_fit(
    logits: ArrayLike | Iterable[Any] | Callable[[], Iterable[Any]],
    targets: ArrayLike | None = None,
    *,
    holdout: float = 0.5,
    folds: int | None = None,
    rng: int | np.random.Generator | None = 0,
    bins: int = 15,
    strategy: Literal["width", "mass"] = "width",
    bootstrap: int | None = None,
    curve: bool = False,
    sample_weight: ArrayLike | None = None,
    ignore_index: int | None = -100,
    axis: SupportsIndex = -1,
    progress: Progress | None = None,
) -> FitEvaluation:
    """Fit a temperature to one part of the rows, and judge it on the part that was held out.

    A temperature that is judged by the rows to which it was fitted looks better than it is.

    Parameters
    ----------
    logits, targets : array_like, array of PyTorch, JAX or Dask, data set, or batches
        As for `fit_temperature`.
    holdout : float, optional
        In (0, 1): the fraction of the rows that is held out. Each row is held out or not by a
        random number that depends on `rng` and on its place alone.
    folds : int, optional
        How many parts, at least 2: each is held out in turn, so that every row is judged. `holdout`
        is then not used.
    rng : int, numpy.random.Generator or None, optional
        A seed for the parts, and for what `reliability` redraws, or a generator. The default gives
        the same parts each time.
    bins, strategy, bootstrap
        As for `reliability`.
    curve : bool, optional
        Whether to take NLL and ECE over temperatures too, as `calibration_curve` does.
    sample_weight, ignore_index, axis, progress
        As for `fit_temperature`.

    Returns
    -------
    FitEvaluation
        The fit, and the reliability of the rows held out before and after; `plot` draws them.

    Raises
    ------
    TypeError, ValueError
        As for `fit_temperature` and `reliability`, if `holdout` or `folds` are out of range, or
        if a part has no row.

    See Also
    --------
    fit_temperature : the fit alone, to all rows.

    Notes
    -----
    Rows are taken to be independent. Where several come from one source (the tokens of a text,
    the frames of a film), split by source: call `fit_temperature` and `reliability` yourself.

    References
    ----------
    .. [1] M. Stone, "Cross-validatory choice and assessment of statistical predictions", Journal
       of the Royal Statistical Society B 36 (1974), pp. 111-147.

    Examples
    --------
    >>> import thermoscope as ts
    >>> logits, targets, _ = ts.samples.digits()
    >>> found = ts.evaluate_fit(logits, targets)
    >>> found.fit.n + found.after.n
    1597
    >>> found.after.nll < found.before.nll
    True
    """
    judge = Judge(bins, strategy, bootstrap, rng)
    count = 1 if folds is None else whole("folds", folds, least=2)
    if not isinstance(holdout, (int, float, np.number)):
        raise ArgumentTypeError("holdout", f"must be a number > 0 and < 1, got {holdout!r}")
    if folds is None and not 0 < holdout < 1:
        raise ArgumentError("holdout", f"must be > 0 and < 1, got {holdout}")
    edges = [0.0, holdout] if folds is None else np.linspace(0, 1, count + 1).tolist()
    held = [Part(judge.key, low, high, inside=True) for low, high in itertools.pairwise(edges)]
    # Rows are redrawn and resampled by other numbers than those that hold them out.
    judge.key ^= 1
    source = passes(
        logits, targets, sample_weight, axis, ignore_index=ignore_index, progress=progress
    )
    fits = [fit(source, part._replace(inside=False)) for part in held]
    best = fits[0] if folds is None else fit(source)
    before = judge(source, 1.0, [(1.0, part) for part in held])
    after = judge(
        source,
        best.temperature,
        [(each.temperature, part) for each, part in zip(fits, held, strict=True)],
    )
    return FitEvaluation(
        best,
        before,
        after,
        () if folds is None else tuple(each.temperature for each in fits),
        curve_of(source, around(best.temperature), bins, held[0] if folds is None else None)
        if curve
        else None,
    )
