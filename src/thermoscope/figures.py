"""Matplotlib figures: the lesson's two panels, reliability diagrams, what is over temperatures."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from thermoscope import present
from thermoscope.definition import softmax
from thermoscope.state import State

try:
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties, findfont, get_font
except ImportError as error:
    raise ImportError('figures need matplotlib: pip install "thermoscope[plot]"') from error

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase
    from numpy.typing import ArrayLike, NDArray

    from thermoscope.calibration import CalibrationCurve, Reliability
    from thermoscope.sweep import Sweep

__all__ = ["calibration_figure", "fit_figure", "plot", "reliability_diagram", "sweep_figure"]

LONGEST_LABEL: Final = 28
# A label is text, "%" is a percent sign, whatever the user's settings say.
PLAIN: Final[dict[str, Any]] = {"usetex": False, "parse_math": False}
# Vermilion, which everybody can tell from the lesson's blue and green; its hatching helps in print.
GAP: Final[dict[str, Any]] = {"color": "none", "edgecolor": "#d55e00", "hatch": "////", "lw": 0.8}


class SoftmaxFigure(Figure):
    """A figure which a notebook shows although pyplot, which would keep it, never knew of it."""

    def _repr_png_(self) -> bytes:
        with io.BytesIO() as file:
            self.savefig(file, format="png")
            return file.getvalue()


def plot(
    logits: ArrayLike, temperature: float = 1.0, *, labels: Sequence[str] | None = None
) -> Figure:
    """Draw logits and their softmax side by side, the same row for the same item.

    Up to 50 items are drawn in the order given. Of more, the 20 with the highest logits are drawn,
    and one last row says what all of the others hold together.

    Parameters
    ----------
    logits : array_like, shape (n,)
        Real numbers of any array library, ±inf and NaN included.
    temperature : float, default 1.0
        In [0, inf].
    labels : sequence of str, optional
        One for each logit, taken as plain text; by default the index, counted from 0. What the
        font cannot draw is written as its code.

    Returns
    -------
    matplotlib.figure.Figure
        Not one of pyplot's: a notebook shows it as the value of a cell, ``savefig`` writes it, and
        nothing needs to be closed.

    Raises
    ------
    TypeError, ValueError
        If `logits` are not one row of real numbers, `labels` are not one for each of them, or
        `temperature` is negative or NaN.
    ImportError
        If matplotlib is missing: ``pip install "thermoscope[plot]"``.

    Examples
    --------
    >>> figure = plot([2.0, 1.0, 0.1], temperature=0.5, labels=["cat", "dog", "eel"])
    >>> [axes.get_title() for axes in figure.axes]
    ['Logits', 'Softmax at T = 0.5']
    """
    state = State.of(logits, labels, temperature=temperature)
    values = state.logits
    probabilities = softmax(values, state.temperature)

    found = present.shown(values, state.temperature, probabilities)
    names = _drawable(str(i) if state.labels is None else state.labels[i] for i in found.entries)
    shown, shares = values[found.entries], probabilities[found.entries]
    if found.others:
        names.append(f"other {found.others:,} item{'s' if found.others > 1 else ''}")
        shares = np.append(shares, found.rest)

    figure = SoftmaxFigure(figsize=(8.5, 1.0 + 0.24 * max(len(names), 5)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    left.set_yticks(range(len(names)), names, **PLAIN)
    left.set_ylim(len(names) - 0.4, -0.6)

    _bars(left, shown, "blue", [present.brief(value) for value in shown])
    left.set(title="Logits", xlabel="logit")
    _bars(right, shares, "green", found.percents)
    right.set(title=f"Softmax at T = {present.brief(state.temperature)}", xlabel="probability")
    right.set_xlim(0, 1)
    right.tick_params(left=False)
    if np.isnan(shares).all():
        reason = "a logit is NaN" if np.isnan(values).any() else f"all are {present.brief(-np.inf)}"
        right.text(
            0.5,
            0.5,
            f"no probabilities: {reason}",
            ha="center",
            va="center",
            transform=right.transAxes,
        )
    return figure


def reliability_diagram(results: Sequence[Reliability]) -> Figure:
    """Draw how often rows were right against how sure they were, over how many there are.

    Parameters
    ----------
    results : sequence of Reliability
        What `thermoscope.reliability` gives, say before and after: one column for each.

    Returns
    -------
    matplotlib.figure.Figure
        As for `plot`. A bar is the accuracy of a bin, the hatching its gap to the mean confidence,
        and the diagonal where both are the same.

    Examples
    --------
    >>> import thermoscope as ts
    >>> logits, targets, _ = ts.samples.digits()
    >>> both = [ts.reliability(logits, targets, temperature) for temperature in (1.0, 2.1)]
    >>> [axes.get_title() for axes in reliability_diagram(both).axes[:2]]
    ['T = 1: ECE 4.56 %', 'T = 2.1: ECE 1.16 %']
    """
    figure = SoftmaxFigure(figsize=(0.6 + 3.7 * len(results), 5.4), layout="constrained")
    _draw_reliability(figure, results)
    return figure


def _draw_reliability(figure: FigureBase, results: Sequence[Reliability]) -> None:
    grid = figure.subplots(
        2, len(results), sharex=True, sharey="row", squeeze=False, height_ratios=(3, 1)
    )
    for (diagram, histogram), result in zip(grid.T, results, strict=True):
        bins = result.bins
        confidence, accuracy = bins.confidence, bins.accuracy
        where: dict[str, Any] = {
            "x": bins.edges[:-1],
            "width": np.diff(bins.edges),
            "align": "edge",
        }
        diagram.bar(
            height=np.nan_to_num(accuracy), color="green", alpha=0.4, label="accuracy", **where
        )
        gap = np.nan_to_num(confidence - accuracy)
        diagram.bar(height=gap, bottom=np.nan_to_num(accuracy), label="gap", **where, **GAP)
        diagram.plot([0, 1], [0, 1], color="0.35", ls="--", lw=1, label="confidence = accuracy")
        diagram.set(
            title=f"T = {present.brief(result.temperature)}: ECE {present.percent(result.ece)}",
            ylim=(0, 1),
        )
        shares = bins.weight / bins.weight.sum()
        histogram.bar(height=shares, color="blue", alpha=0.4, **where)
        histogram.set(xlabel="confidence", xlim=(0, 1))
        # The means of all rows: what they are apart, the classifier is too sure, or not enough.
        means = (np.nansum(shares * confidence), np.nansum(shares * accuracy))
        histogram.axvline(means[0], color="0.35", ls=":", lw=1.2, label="mean confidence")
        histogram.axvline(means[1], color="green", lw=1.2, label="accuracy")
        for axes in (diagram, histogram):
            axes.spines[["top", "right"]].set_visible(False)
    grid[0, 0].set_ylabel("accuracy")
    grid[1, 0].set_ylabel("share of rows")
    grid[0, 0].legend(frameon=False, fontsize="small", loc="upper left")
    grid[1, 0].legend(frameon=False, fontsize="small", loc="upper left")


def calibration_figure(curve: CalibrationCurve) -> Figure:
    """Draw NLL and ECE over the temperature, on a logarithmic axis.

    Parameters
    ----------
    curve : CalibrationCurve
        What `thermoscope.calibration_curve` gives.

    Returns
    -------
    matplotlib.figure.Figure
        As for `plot`: two panels, one below the other. A line marks the temperature with the
        lowest NLL, a dotted one T = 1.

    Examples
    --------
    >>> import thermoscope as ts
    >>> logits, targets, _ = ts.samples.digits()
    >>> figure = calibration_figure(ts.calibration_curve(logits, targets))
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['NLL in nats', 'ECE']
    """
    figure = SoftmaxFigure(figsize=(6.0, 5.0), layout="constrained")
    _draw_calibration(figure, curve)
    return figure


def _draw_calibration(figure: FigureBase, curve: CalibrationCurve) -> None:
    best = int(np.argmin(curve.nll))
    upper, lower = figure.subplots(2, 1, sharex=True)
    for axes, values, color, name in (
        (upper, curve.nll, "blue", "NLL in nats"),
        (lower, curve.ece, "green", "ECE"),
    ):
        _over_temperature(axes, curve.temperatures, values, color, name)
        axes.plot(curve.temperatures[best], values[best], "o", color=color)
        axes.axvline(curve.temperatures[best], color="0.35", lw=1)
        axes.axvline(1, color="0.35", lw=1, ls=":")
        axes.set_ylim(0, None)
    upper.set_title(
        f"lowest NLL at T = {present.brief(curve.temperatures[best])}: "
        f"{present.brief(curve.nll[best])}, ECE {present.percent(curve.ece[best])}"
    )
    lower.set_xlabel("temperature")


def fit_figure(results: Sequence[Reliability], curve: CalibrationCurve) -> Figure:
    """Draw why this temperature: reliability before and after, beside NLL and ECE over T.

    Parameters
    ----------
    results : sequence of Reliability
        As for `reliability_diagram`.
    curve : CalibrationCurve
        As for `calibration_figure`.

    Returns
    -------
    matplotlib.figure.Figure
        As for `plot`.

    Examples
    --------
    >>> import thermoscope as ts
    >>> logits, targets, _ = ts.samples.digits()
    >>> both = [ts.reliability(logits, targets, temperature) for temperature in (1.0, 2.1)]
    >>> figure = fit_figure(both, ts.calibration_curve(logits, targets))
    >>> len(figure.subfigs)
    2
    """
    diagrams = 0.6 + 3.7 * len(results)
    figure = SoftmaxFigure(figsize=(diagrams + 5.0, 5.4), layout="constrained")
    ((left, right),) = figure.subfigures(1, 2, squeeze=False, width_ratios=(diagrams, 5.0))
    _draw_reliability(left, results)
    _draw_calibration(right, curve)
    return figure


def sweep_figure(sweep: Sweep) -> Figure:
    """Draw what `thermoscope.sweep` found over the temperature, on a logarithmic axis.

    Parameters
    ----------
    sweep : Sweep
        Of one row, or the means over many.

    Returns
    -------
    matplotlib.figure.Figure
        As for `plot`: a panel each for entropy, perplexity and top probability, and for NLL and
        ECE where they are known.

    Examples
    --------
    >>> from thermoscope.sweep import sweep
    >>> figure = sweep_figure(sweep([([[2.0, 1.0, 0.1]], None)], [0.5, 1.0, 2.0]))
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['entropy in nats', 'perplexity', 'top probability']
    """
    panels = [
        (sweep.entropy, "blue", "entropy in nats"),
        (sweep.perplexity, "blue", "perplexity"),
        (sweep.top_probability, "green", "top probability"),
    ]
    if sweep.curve is not None:
        panels += [(sweep.curve.nll, "blue", "NLL in nats"), (sweep.curve.ece, "green", "ECE")]
    figure = SoftmaxFigure(figsize=(6.0, 0.6 + 1.6 * len(panels)), layout="constrained")
    grid = figure.subplots(len(panels), 1, sharex=True)
    for axes, (values, color, name) in zip(grid, panels, strict=True):
        _over_temperature(axes, sweep.temperatures, values, color, name)
        axes.axvline(1, color="0.35", lw=1, ls=":")
    rows = "one row" if sweep.n == 1 else f"means over {sweep.n:,} rows"
    grid[0].set_title(rows)
    grid[-1].set_xlabel("temperature")
    return figure


def _over_temperature(
    axes: Axes,
    temperatures: NDArray[np.float64],
    values: NDArray[np.float64],
    color: str,
    name: str,
) -> None:
    axes.plot(temperatures, values, color=color, alpha=0.6, lw=2)
    axes.set_ylabel(name)
    # Powers of 2 for a few doublings, of 10 for more: the ticks must not crowd.
    axes.set_xscale("log", base=2 if temperatures.max() <= 64 * temperatures.min() else 10)
    axes.xaxis.set_major_formatter(lambda tick, _: present.brief(tick))
    axes.spines[["top", "right"]].set_visible(False)


def _bars(axes: Axes, values: NDArray[np.float64], color: str, texts: list[str]) -> None:
    """Draw one bar a row, the infinite ones to the edge, and the values beside the right edge."""
    finite = values[np.isfinite(values)]
    low, high = min(0.0, finite.min(initial=0.0)), max(0.0, finite.max(initial=0.0))
    largest = max(-low, high)
    # Past these, matplotlib's own sums of limits overflow or sink to 0.
    exponent = 0 if largest == 0 or 1e-290 < largest < 1e290 else math.floor(math.log10(largest))
    scale = 10.0 ** max(exponent, -307)
    low, high = low / scale, high / scale
    span = high - low or 1.0
    # An infinite bar must reach past every finite one.
    low -= 0.2 * span * np.isneginf(values).any()
    high += 0.2 * span * np.isposinf(values).any()
    low, high = low - 0.05 * span * (low < 0), high + 0.05 * span * (high > 0 or low == 0)
    widths = np.clip(values / scale, low, high)
    axes.barh(range(len(values)), widths, color=color, alpha=0.4)
    axes.set_xlim(low, high)
    if exponent:
        ticks = axes.get_xticks()
        axes.set_xticks(
            ticks, [f"{present.brief(tick)}e{exponent:+d}" if tick else "0" for tick in ticks]
        )
        axes.set_xlim(low, high)
    for row, text in enumerate(texts):
        axes.annotate(
            text,
            (1, row),
            xycoords=axes.get_yaxis_transform(),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize="small",
            **PLAIN,
        )
    axes.spines[["top", "right"]].set_visible(False)


def _drawable(labels: Iterable[str]) -> list[str]:
    """Shorten labels, and write what is invisible or in none of the user's fonts as its code."""
    glyphs: set[int] = set()
    for family in FontProperties().get_family():
        glyphs.update(get_font(findfont(FontProperties(family=[family]))).get_charmap())

    def written(character: str) -> str:
        if present.printable(character) == character and ord(character) in glyphs:
            return character
        return character.encode("unicode_escape").decode()

    def short(label: str) -> str:
        # Cut before the rest is looked at: a label may be megabytes long.
        text = "".join(map(written, label[: LONGEST_LABEL + 1]))
        return text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1] + "…"

    return [short(label) for label in labels]
