"""The lesson's two panels: logits and their softmax side by side."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from thermoscope import present
from thermoscope.definition import softmax
from thermoscope.figures.style import PLAIN, Canvas, Ink, drawable
from thermoscope.present import brief
from thermoscope.state import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray

__all__ = ["bars", "beside", "item_axes", "logits_figure"]


def logits_figure(logits: ArrayLike, temperature: float, labels: Sequence[str] | None) -> Figure:
    """Draw logits and their softmax side by side, with a bar for each item."""
    state = State.of(logits, labels, temperature=temperature)
    values = state.logits
    probabilities = softmax(values, state.temperature)

    found = present.shown(values, state.temperature, probabilities)
    names, families = drawable(
        str(item) if state.labels is None else state.labels[item] for item in found.entries
    )
    shown, p = values[found.entries], probabilities[found.entries]
    if found.others:
        names.append(f"other {found.others:,} item{'s' if found.others > 1 else ''}")
        p = np.append(p, found.rest)

    ink = Ink.now()
    figure, left, right = item_axes(names, families)
    bars(left, shown, ink.blue, ink.alpha)
    beside(left, [brief(value) for value in shown])
    left.set(title="Logits", xlabel="logit")
    bars(right, p, ink.green, ink.alpha)
    beside(right, found.percents)
    right.set(title=f"Softmax at T = {brief(state.temperature)}", xlabel="probability")
    right.set_xlim(0, 1)
    if np.isnan(p).all():
        reason = "a logit is NaN" if np.isnan(values).any() else f"all are {brief(-np.inf)}"
        right.text(
            0.5,
            0.5,
            f"no probabilities: {reason}",
            ha="center",
            va="center",
            transform=right.transAxes,
        )
    return figure


def item_axes(names: list[str], families: list[str]) -> tuple[Figure, Axes, Axes]:
    """Return a figure with two panels side by side, and a line for each name."""
    figure = Canvas(figsize=(8.5, 1.0 + 0.24 * max(len(names), 5)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    left.set_yticks(range(len(names)), names, fontfamily=families, **PLAIN)
    left.set_ylim(len(names) - 0.4, -0.6)
    right.tick_params(left=False)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    return figure, left, right


def bars(axes: Axes, values: NDArray[np.float64], color: str, alpha: float) -> None:
    """Draw horizontal bars, infinite ones up to the edge."""
    finite = values[np.isfinite(values)]
    low, high = min(0.0, finite.min(initial=0.0)), max(0.0, finite.max(initial=0.0))
    largest = max(-low, high)
    # Beyond these, sums within matplotlib overflow or underflow.
    exponent = 0 if largest == 0 or 1e-290 < largest < 1e290 else math.floor(math.log10(largest))
    scale = 10.0 ** max(exponent, -307)
    low, high = low / scale, high / scale
    span = high - low or 1.0
    # An infinite bar must reach past every finite one.
    low -= 0.2 * span * np.isneginf(values).any()
    high += 0.2 * span * np.isposinf(values).any()
    low, high = low - 0.05 * span * (low < 0), high + 0.05 * span * (high > 0 or low == 0)
    widths = np.clip(values / scale, low, high)
    axes.barh(range(len(values)), widths, color=color, alpha=alpha)
    axes.set_xlim(low, high)
    if exponent:
        ticks = axes.get_xticks()
        axes.set_xticks(ticks, [f"{brief(tick)}e{exponent:+d}" if tick else "0" for tick in ticks])
        axes.set_xlim(low, high)


def beside(axes: Axes, texts: list[str]) -> None:
    """Write the texts of bars at the right edge."""
    for y, text in enumerate(texts):
        axes.annotate(
            text,
            (1, y),
            xycoords=axes.get_yaxis_transform(),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize="small",
            **PLAIN,
        )
