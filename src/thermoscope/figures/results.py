"""Figures of results: reliability diagrams, curves over the temperature, samplers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.ticker import FuncFormatter, NullFormatter

from thermoscope.calibration import CalibrationCurve, FitEvaluation, Reliability, Sweep
from thermoscope.figures.samplers import draw_comparison, size_of_comparison
from thermoscope.figures.style import Canvas, Ink
from thermoscope.present import brief, percent
from thermoscope.reported import Interval
from thermoscope.samplers import SamplerComparison

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, FigureBase
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

__all__ = ["Result", "results_figure"]

Result = Reliability | CalibrationCurve | Sweep | FitEvaluation | SamplerComparison

# The bar of a bin with this many rows has half the opacity of one with very many.
FEW: int = 20


def results_figure(results: Sequence[Result]) -> Figure:
    """Draw results side by side: all reliability diagrams first, then the others."""
    diagrams: list[tuple[str, Reliability]] = []
    curves: list[CalibrationCurve | Sweep | SamplerComparison] = []
    for each in results:
        if isinstance(each, Reliability):
            diagrams.append((f"T = {brief(each.temperature)}", each))
        elif isinstance(each, FitEvaluation):
            diagrams += _evaluation_diagrams(each)
            curves += [] if each.curve is None else [each.curve]
        else:
            curves.append(each)
    drawings: list[tuple[Callable[[FigureBase], None], float, float]] = []
    if diagrams:
        width = 0.6 + 3.7 * len(diagrams)
        drawings.append((lambda part: _draw_reliability(part, diagrams), width, 5.6))
    for each in curves:
        if isinstance(each, SamplerComparison):
            size = size_of_comparison(each)
            drawings.append((lambda part, it=each: draw_comparison(part, it), *size))  # type: ignore[misc]
        elif isinstance(each, Sweep):
            height = 0.8 + 1.6 * len(each.measures())
            drawings.append((lambda part, it=each: _draw_sweep(part, it), 6.0, height))  # type: ignore[misc]
        else:
            drawings.append((lambda part, it=each: _draw_curve(part, it), 5.6, 5.0))  # type: ignore[misc]
    widths = [width for _, width, _ in drawings]
    height = max(height for _, _, height in drawings)
    figure = Canvas(figsize=(sum(widths), height), layout="constrained")
    if len(drawings) == 1:
        drawings[0][0](figure)
        return figure
    parts = figure.subfigures(1, len(drawings), squeeze=False, width_ratios=widths)[0]
    for (draw, _, _), part in zip(drawings, parts, strict=True):
        draw(part)
    return figure


def _evaluation_diagrams(result: FitEvaluation) -> list[tuple[str, Reliability]]:
    """Return the diagrams before and after the fit, with their titles."""
    after = brief(result.after.temperature)
    if result.fold_temperatures:
        low, high = min(result.fold_temperatures), max(result.fold_temperatures)
        after = f"{brief(low)} to {brief(high)}"
    return [("held out, T = 1", result.before), (f"held out, T = {after}", result.after)]


def _draw_reliability(figure: FigureBase, results: Sequence[tuple[str, Reliability]]) -> None:
    ink = Ink.now()
    grid = figure.subplots(
        2, len(results), sharex=True, sharey="row", squeeze=False, height_ratios=(3, 1)
    )
    for (diagram, histogram), (title, result) in zip(grid.T, results, strict=True):
        bins = result.bins
        confidence, accuracy = bins.confidence, bins.accuracy
        position: dict[str, Any] = {
            "x": bins.edges[:-1],
            "width": np.diff(bins.edges),
            "align": "edge",
        }
        bars = diagram.bar(height=np.nan_to_num(accuracy), color=ink.green, **position)
        gap = np.nan_to_num(confidence - accuracy)
        gaps = diagram.bar(
            height=gap,
            bottom=np.nan_to_num(accuracy),
            color="none",
            edgecolor=ink.gap,
            hatch="////",
            lw=0.8,
            **position,
        )
        strength = (bins.count + 1) / (bins.count + FEW + 1)
        for bar, hatching, alpha in zip(bars, gaps, strength.tolist(), strict=True):
            bar.set_alpha(ink.alpha * alpha)
            hatching.set_alpha(alpha)
        middle = (bins.edges[:-1] + bins.edges[1:]) / 2
        faded = [(ink.line, alpha) for alpha in strength.tolist()]
        diagram.vlines(middle, *bins.interval.T, color=faded, lw=1)
        (diagonal,) = diagram.plot([0, 1], [0, 1], color=ink.line, ls="--", lw=1)
        diagram.set(ylim=(0, 1))
        diagram.set_title(f"{title}: ECE {percent(result.ece)}")
        if not math.isnan(result.p_value):
            diagram.set_title(diagram.get_title() + "\n")
            diagram.text(
                0.5,
                1.02,
                f"if calibrated {percent(result.ece_if_calibrated)}, up to "
                f"{percent(result.ece_if_calibrated_upper)}; p = {result.p_value:.2g}",
                ha="center",
                va="bottom",
                fontsize="small",
                transform=diagram.transAxes,
            )
        weight = bins.weight / bins.weight.sum()
        histogram.bar(height=weight, color=ink.blue, alpha=ink.alpha, **position)
        histogram.set(xlabel="confidence", xlim=(0, 1))
        # The distance of these means is the over- or underconfidence over all rows.
        mean_confidence = np.nansum(weight * confidence)
        mean_accuracy = np.nansum(weight * accuracy)
        means = (
            histogram.axvline(mean_confidence, color=ink.line, ls=":", lw=1.2),
            histogram.axvline(mean_accuracy, color=ink.green, lw=1.2),
        )
        for axes in (diagram, histogram):
            axes.spines[["top", "right"]].set_visible(False)
    grid[0, 0].set_ylabel("accuracy")
    grid[1, 0].set_ylabel("fraction of rows")
    # Samples at full opacity for the legend: the bars of the first bin may be faint.
    intervals = grid[0, 0].vlines([0], 0, 0, color=ink.line, lw=1)
    strong = grid[0, 0].bar([0], [0], color=ink.green, alpha=ink.alpha)
    hatched = grid[0, 0].bar([0], [0], color="none", edgecolor=ink.gap, hatch="////", lw=0.8)
    grid[0, 0].legend(
        [strong, intervals, hatched, diagonal],
        ["accuracy, fainter for few rows", "its 95 % interval (Wilson)", "gap", "calibrated"],
        frameon=False,
        fontsize="small",
        loc="upper left",
    )
    grid[1, 0].legend(
        means, ["mean confidence", "accuracy"], frameon=False, fontsize="small", loc="upper left"
    )


def _draw_curve(figure: FigureBase, curve: CalibrationCurve) -> None:
    upper, lower = figure.subplots(2, 1, sharex=True)
    _draw_nll_and_ece(upper, lower, curve)
    upper.set_title(_best_in_words(curve))
    lower.set_xlabel("temperature")


def _draw_sweep(figure: FigureBase, sweep: Sweep) -> None:
    ink, curve = Ink.now(), sweep.curve
    grid = figure.subplots(len(sweep.measures()), 1, sharex=True)
    panels = [
        (sweep.entropy, ink.blue, "entropy in nats"),
        (sweep.perplexity, ink.blue, "perplexity"),
        (sweep.top_probability, ink.green, "top probability"),
    ]
    if sweep.nll is not None:
        panels.append((sweep.nll, ink.blue, "NLL in nats"))
    for axes, (values, color, name) in zip(grid, panels, strict=False):
        _over_temperature(axes, sweep.temperatures, values, color, name)
        axes.axvline(1, color=ink.line, lw=1, ls=":")
    finite = np.ravel(sweep.perplexity)
    finite = finite[np.isfinite(finite)]
    # Over less than a factor of 2, a logarithmic axis has no labelled tick.
    if finite.max() > 2 * finite.min():
        grid[1].set_yscale("log", base=2 if finite.max() <= 64 * finite.min() else 10)
        _plain_ticks(grid[1].yaxis)
    title = "one row" if sweep.n == 1 else f"means over {sweep.n:,} rows"
    if isinstance(sweep.entropy, Interval):
        title += "; bands: all that the tokens not reported allow"
    grid[0].set_title(title, fontsize="medium" if isinstance(sweep.entropy, Interval) else None)
    if sweep.nll is not None:
        _nll_axis(grid[3], sweep.nll.low)
        of = f" of {sweep.n_drawn:,} drawn tokens" if sweep.n_drawn > 1 else " of the drawn token"
        grid[3].set_title(f"NLL{of}", fontsize="medium")
    if curve is not None:
        _draw_nll_and_ece(grid[3], grid[4], curve)
        for axes in grid[:3]:
            axes.axvline(curve.temperatures[curve.best()], color=ink.line, lw=1)
        grid[3].set_title(_best_in_words(curve), fontsize="medium")
    for axes, (values, color, _) in zip(grid, panels, strict=False):
        if isinstance(values, Interval):
            _draw_band(axes, sweep.temperatures, values, color)
    grid[-1].set_xlabel("temperature")


def _draw_band(axes: Axes, temperatures: Array, ends: Interval, color: str) -> None:
    """Fill what lies between two ends, up to the edge where there is no upper end."""
    lowest, highest = axes.get_ylim()
    endless = np.isposinf(ends.high)
    if endless.any():
        # Room above the low end, and no more: just below the first such T, high ends are huge.
        least, most = (4, 64) if axes.get_yscale() == "log" else (1.5, 3)
        last = float(ends.low[-1])
        if 0 < last < math.inf:
            highest = min(max(highest, least * last), most * last)
        axes.text(
            0.98,
            0.94,
            f"no upper end from T = {brief(temperatures[np.argmax(endless)])} on",
            ha="right",
            va="top",
            fontsize="small",
            transform=axes.transAxes,
        )
    top = np.where(endless, highest, ends.high)
    axes.fill_between(temperatures, ends.low, top, color=color, alpha=Ink.now().alpha / 2, lw=0)
    axes.set_ylim(lowest, highest)


def _best_in_words(curve: CalibrationCurve) -> str:
    best = curve.best()
    return (
        f"lowest NLL at T = {brief(curve.temperatures[best])}: "
        f"{brief(curve.nll[best])}, ECE {percent(curve.ece[best])}"
    )


def _draw_nll_and_ece(upper: Axes, lower: Axes, curve: CalibrationCurve) -> None:
    ink, best = Ink.now(), curve.best()
    for axes, values, color, name in (
        (upper, curve.nll, ink.blue, "NLL in nats"),
        (lower, curve.ece, ink.green, "ECE"),
    ):
        _over_temperature(axes, curve.temperatures, values, color, name)
        axes.plot(curve.temperatures[best], values[best], "o", color=color)
        axes.axvline(curve.temperatures[best], color=ink.line, lw=1)
        axes.axvline(1, color=ink.line, lw=1, ls=":")
        axes.set_ylim(0, None)
    _nll_axis(upper, curve.nll)


def _nll_axis(axes: Axes, nll: Array) -> None:
    """Fit the axis to the minimum: the NLL grows without bound at low T, and would hide it."""
    axes.set_ylim(0, None)
    finite = nll[np.isfinite(nll)]
    top = 2.5 * max(nll[-1], 2 * nll.min())
    if finite.size and 0 < top < finite.max():
        axes.set_ylim(0, top)


def _over_temperature(
    axes: Axes, temperatures: Array, values: Array | Interval, color: str, name: str
) -> None:
    """Draw a line over log T, or the two of an interval."""
    lines = values if isinstance(values, Interval) else [values]
    width = 2 / len(lines)
    for line in lines:
        finite = np.where(np.isfinite(line), line, np.nan)
        axes.plot(temperatures, finite, color=color, alpha=Ink.now().alpha + 0.2, lw=width)
    axes.set_ylabel(name)
    # Ticks at powers of 2, or of 10 over a wide range, where those would be too many.
    axes.set_xscale("log", base=2 if temperatures.max() <= 64 * temperatures.min() else 10)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda tick, _: brief(tick)))
    axes.spines[["top", "right"]].set_visible(False)


def _plain_ticks(axis: Any) -> None:
    axis.set_major_formatter(FuncFormatter(lambda tick, _: brief(tick)))
    axis.set_minor_formatter(NullFormatter())
