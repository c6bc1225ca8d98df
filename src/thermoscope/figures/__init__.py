"""Matplotlib figures: one verb, `plot`, for logits and for every result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from thermoscope.arguments import ArgumentError, ArgumentTypeError
from thermoscope.figures.logits import logits_figure
from thermoscope.figures.reported import reported_figure, text_figure
from thermoscope.figures.results import Result, results_figure
from thermoscope.figures.style import Figure, with_own_font
from thermoscope.passes.rows import is_dataset
from thermoscope.reported import Reported

__all__ = ["plot"]


def plot(
    what: ArrayLike | Reported | Result | Sequence[Result],
    temperature: float = 1.0,
    *,
    labels: Sequence[str] | None = None,
) -> Figure:
    """Draw logits and their softmax, what a server reported, or a result of calibration.

    Logits and softmax are two panels side by side, with a bar for each item. Up to 50 items are
    drawn in the order given. Of more items, the 20 with the highest logits are drawn, and a last
    bar is the probability of all others together.

    Of a `Reported`, the panels are the log-probabilities, the likeliest first, and the softmax. A
    bar is the least probability that a token may have, and hatched up to the greatest; the last
    one has all tokens that are not reported. Of a data set of several rows that a server reported,
    surprisal and entropy are drawn along the text, hatched in the same way.

    A result of `reliability` is drawn as accuracy against confidence. A bar is the accuracy of a
    bin with Wilson's 95 % interval, fainter the fewer rows the bin has; the hatching is its gap to
    the mean confidence. The panel below shows the fraction of rows in each bin. A result of
    `calibration_curve` or `sweep` is drawn as curves over log T, with the lowest NLL marked. A
    result of `evaluate_fit` is drawn as reliability before and after, and as the curve if it has
    one. A result of `compare_samplers` is drawn as two cumulative distributions over the rows: of
    the kept tokens, and of the total variation. Several results are drawn side by side. Intervals
    over log T are bands; a band without an upper end goes to the edge, and the figure says so.

    Parameters
    ----------
    what : array_like, shape (n,), Reported, data set, or a result or a sequence of them
        Real numbers of any array library, ±inf and NaN included; a data set of one row, or of all
        that a server reported; or results of `reliability`, `calibration_curve`, `sweep`,
        `evaluate_fit` and `compare_samplers`.
    temperature : float, optional
        For logits only, in [0, inf]. The default is 1.
    labels : sequence of str, optional
        For one row of logits only: one for each, taken as plain text; by default those of the data
        set, the texts of reported tokens, or the index, counted from 0. Characters that no
        installed font has are written as escapes.

    Returns
    -------
    matplotlib.figure.Figure
        A notebook shows it as the value of a cell, and ``savefig`` writes it. pyplot does not know
        it, so it need not be closed. Its colours suit the current style sheet, light or dark.

    Raises
    ------
    TypeError, ValueError
        If `logits` are not one row of real numbers, `labels` are not one for each of them, or
        `temperature` is negative or NaN, or comes with a result.
    ImportError
        If matplotlib is missing: ``pip install "thermoscope[plot]"``.

    Examples
    --------
    >>> import thermoscope as ts
    >>> figure = ts.plot([2.0, 1.0, 0.1], temperature=0.5, labels=["cat", "dog", "eel"])
    >>> [axes.get_title() for axes in figure.axes]
    ['Logits', 'Softmax at T = 0.5']
    >>> logits, targets, _ = ts.samples.digits()
    >>> both = [ts.reliability(logits, targets, temperature) for temperature in (1.0, 2.1)]
    >>> [axes.get_title().strip() for axes in ts.plot(both).axes[:2]]
    ['T = 1: ECE 4.56 %', 'T = 2.1: ECE 1.16 %']
    """
    with with_own_font():
        results = _results(what)
        if results is None:
            return _plot_logits(what, temperature, labels)
        for name, value, default in (("temperature", temperature, 1.0), ("labels", labels, None)):
            if value is not default and value != default:
                raise ArgumentTypeError(name, f"must come with logits, not a result, got {value!r}")
        return results_figure(results)


def _results(what: object) -> list[Result] | None:
    """Return the results that `what` is; None if it is logits."""
    if isinstance(what, Result):
        return [what]
    if isinstance(what, (list, tuple)) and what and all(isinstance(it, Result) for it in what):
        return list(what)
    return None


def _plot_logits(what: Any, temperature: float, labels: Sequence[str] | None) -> Figure:
    if isinstance(what, Reported):
        return reported_figure(what, temperature, labels)
    if is_dataset(what):
        is_one = len(what.shape) == 1 or what.shape[0] == 1
        if getattr(what, "is_reported", False):
            if is_one:
                return reported_figure(what.reported(), temperature, labels)
            if labels is not None:
                raise ArgumentTypeError("labels", f"must come with one row, got {labels!r:.60}")
            return text_figure(what, temperature)
        if not is_one:
            raise ArgumentError("logits", f"must be one row, got a data set of {what.shape[0]:,}")
        labels = getattr(what, "labels", None) if labels is None else labels
        what = np.concatenate(list(what.blocks(0, 1)))[0]
    return logits_figure(what, temperature, labels)
