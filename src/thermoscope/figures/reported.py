"""What a server reported: one distribution as bars with open ends, and a text as bands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from thermoscope import present
from thermoscope.arguments import labels_of, one_temperature
from thermoscope.drawn import drawn_tokens
from thermoscope.figures.logits import bars, beside, item_axes
from thermoscope.figures.style import PLAIN, Canvas, Ink, drawable
from thermoscope.present import brief
from thermoscope.reported import Interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from thermoscope.data.dataset import Dataset
    from thermoscope.reported import Reported

__all__ = ["reported_figure", "text_figure"]

MOST_NAMES: Final = 80
"""Tokens of a text that are named below it."""


def reported_figure(row: Reported, temperature: float, labels: Sequence[str] | None) -> Figure:
    """Draw log-probabilities as they were reported, and the softmax with what is not known."""
    t = one_temperature(temperature)
    names = labels_of(labels, len(row), "each token")
    if names is None:
        tokens = row.tokens
        names = tuple(str(at) if tokens is None else tokens[at].text for at in range(len(row)))
    order = np.argsort(-row.logprobs, kind="stable")
    entries, others = order, order[:0]
    if len(row) > present.FEW:
        entries, others = order[: present.TOP], order[present.TOP :]

    low, high = row.softmax(t)
    ranges = [Interval(float(low[at]), float(high[at])) for at in entries]
    shown = [present.visible(names[at]) for at in entries]
    if others.size:
        shown.append(f"other {others.size:,} token{'s' if others.size > 1 else ''}")
        ranges.append(row.kept_mass(np.isin(np.arange(len(row)), others), t))
    if row.tail_size:
        shown.append(present.NOT_REPORTED)
        ranges.append(row.not_reported(t))

    ink = Ink.now()
    figure, left, right = item_axes(*drawable(shown))
    logprobs = row.logprobs[entries]
    bars(left, logprobs, ink.blue, ink.alpha)
    beside(left, [brief(value) for value in logprobs])
    left.set(
        title=f"Reported at T = {brief(row.applied_temperature)}", xlabel="log-probability in nats"
    )
    ends = np.array(ranges)
    places = range(len(ends))
    right.barh(places, ends[:, 0], color=ink.green, alpha=ink.alpha)
    right.barh(
        places,
        ends[:, 1] - ends[:, 0],
        left=ends[:, 0],
        color="none",
        edgecolor=ink.green,
        hatch="////",
        lw=0,
    )
    beside(right, [f"{present.probability_interval(*each, 100)} %" for each in ranges])
    is_open = (ends[:, 0] < ends[:, 1]).any()
    right.set(title=f"Softmax at T = {brief(t)}", xlim=(0, 1))
    right.set_xlabel("probability (hatched: not known)" if is_open else "probability")
    return figure


def text_figure(data: Dataset, temperature: float) -> Figure:
    """Draw surprisal and entropy along a text, with what is not known."""
    t = one_temperature(temperature)
    tokens = list(drawn_tokens(data, t))
    ink = Ink.now()
    width = min(max(0.22 * len(tokens), 6.0), 16.0)
    figure = Canvas(figsize=(width, 5.0), layout="constrained")
    figure.suptitle(f"{len(tokens):,} tokens at T = {brief(t)} (hatched: not known)")
    upper, lower = figure.subplots(2, 1, sharex=True)
    for axes, color, name, measured in (
        (upper, ink.gap, "surprisal in nats", [token.surprisal for token in tokens]),
        (lower, ink.blue, "entropy in nats", [token.entropy for token in tokens]),
    ):
        ends = [(np.nan, np.nan) if each is None else each for each in measured]
        _draw_steps(axes, np.array(ends).T, color, ink.alpha)
        axes.set_ylabel(name)
        axes.spines[["top", "right"]].set_visible(False)
    if len(tokens) <= MOST_NAMES:
        names, families = drawable(token.name for token in tokens)
        style = {"rotation": 90, "fontfamily": families, "fontsize": "small", **PLAIN}
        lower.set_xticks(range(len(names)), names, **style)
    else:
        lower.set_xlabel("position")
    lower.set_xlim(-0.5, len(tokens) - 0.5)
    return figure


def _draw_steps(axes: Axes, ends: NDArray[np.float64], color: str, alpha: float) -> None:
    """Draw a step for each position up to the low end, and hatch it from there to the high one."""
    low, high = ends
    if np.isnan(ends).all():
        axes.text(0.5, 0.5, "not known", ha="center", va="center", transform=axes.transAxes)
    top = 1.1 * ends[np.isfinite(ends)].max(initial=0.0) or 1.0
    if (endless := np.isposinf(high)).any():
        top *= 1.4
        axes.set_title("no upper end where the hatching meets the edge", fontsize="small")
        high = np.where(endless, top, high)
    edges = np.arange(len(low) + 1) - 0.5
    axes.stairs(np.minimum(low, top), edges, color=color, alpha=alpha, fill=True, lw=0)
    axes.stairs(
        high, edges, baseline=low, facecolor="none", edgecolor=color, hatch="////", fill=True, lw=0
    )
    axes.set_ylim(0, top)
