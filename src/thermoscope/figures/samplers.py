"""Figure of a comparison of samplers: kept tokens, and how far presets are apart, over rows."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib.ticker import FuncFormatter

from thermoscope.figures.style import PLAIN, Ink, drawable
from thermoscope.present import brief
from thermoscope.reported import Interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase
    from numpy.typing import NDArray

    from thermoscope.samplers import OverRows, SamplerComparison

    Array = NDArray[np.float64]

__all__ = ["draw_comparison", "size_of_comparison"]

# Points of a curve: more are not seen.
POINTS: Final = 500
LINES: Final = ("-", "--", ":", "-.")


def size_of_comparison(result: SamplerComparison) -> tuple[float, float]:
    """Return width and height in inches."""
    return (8.4 if result.total_variation else 4.4), 3.8


def draw_comparison(figure: FigureBase, result: SamplerComparison) -> None:
    """Draw two cumulative distributions over the rows: of kept tokens, of total variation."""
    panels = figure.subplots(1, 2 if result.total_variation else 1, squeeze=False, sharey=True)[0]
    kept = panels[0]
    _curves(kept, list(result.presets), [each.kept for each in result.presets.values()])
    kept.set(title="Kept tokens", xlabel="tokens that can be drawn", xscale="log")
    kept.set_ylabel("fraction of rows with at most as many")
    kept.xaxis.set_major_formatter(FuncFormatter(lambda tick, _: brief(tick)))
    if result.total_variation:
        apart = panels[1]
        names = [" and ".join(pair) for pair in result.total_variation]
        _curves(apart, names, list(result.total_variation.values()))
        apart.set(title="Total variation", xlabel="part of the draws that would differ")
        apart.set(xlim=(-0.02, 1.02))


def _curves(axes: Axes, names: Sequence[str], measures: Sequence[OverRows]) -> None:
    """Draw the cumulative distribution of each measure; of ranges, the band between both ends."""
    ink = Ink.now()
    colors, styles = cycle((ink.blue, ink.green, ink.gap)), cycle(LINES)
    texts, fonts = drawable(names)
    for text, over in zip(texts, measures, strict=True):
        color, style = next(colors), next(styles)
        low, high = over.values if isinstance(over.values, Interval) else (over.values, over.values)
        fraction, low = _cumulative(low)
        _, high = _cumulative(high)
        # The high end of a range may be infinite.
        seen = np.where(np.isfinite(high), high, np.nan)
        axes.plot(low, fraction, color=color, ls=style, lw=1.8, drawstyle="steps-post", label=text)
        if isinstance(over.values, Interval):
            axes.plot(seen, fraction, color=color, ls=style, lw=0.8, drawstyle="steps-post")
            axes.fill_betweenx(fraction, low, seen, color=color, alpha=0.15, step="pre", lw=0)
    axes.set_ylim(0, 1.02)
    axes.spines[["top", "right"]].set_visible(False)
    legend = axes.legend(frameon=False, fontsize="small")
    for label in legend.get_texts():
        label.set(fontfamily=fonts, **PLAIN)


def _cumulative(values: Array) -> tuple[Array, Array]:
    """Return fractions of the rows, from 0, and the value that each of them does not exceed."""
    places = np.unique(np.linspace(0, len(values) - 1, POINTS).round().astype(np.intp))
    ordered = np.sort(values)[places]
    fractions = np.concatenate([[0.0], (places + 1) / len(values)])
    return fractions, np.concatenate([ordered[:1], ordered])
