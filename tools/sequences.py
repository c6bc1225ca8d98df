"""Check the intervals on real logits, and make tables and figure of docs/sequences.md from them.

``python -m tools.sequences FOLDER`` takes each .npy file of a folder as the logits of one position
of a language model. It reports the likeliest tokens of each as a server does, in float32, and
raises an error where a true value lies outside its interval. The second row gives the tables and
the figure.
"""

from __future__ import annotations

import math
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

import thermoscope as ts
from tools.figures import save
from tools.tables import markdown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

PAGE = Path(__file__).parent.parent / "docs" / "sequences.md"
MARKED = re.compile(r"(<!-- table: ([a-z_]+) -->\n).*?(<!-- end -->)", re.DOTALL)
COUNTS = (5, 20, 100, 1000)
APPLIED = (1.0, 0.7)
TEMPERATURES = (0.0, 0.3, 0.5, 0.7, 1.0, 1.3, 2.0, math.inf)


class Served(NamedTuple):
    """A position: the logits of all tokens, falling, and what a server reports of them."""

    logits: NDArray[np.float64]
    reported: ts.Reported


def served(logits: NDArray[np.float64], count: int, applied: float) -> Served:
    """Report the likeliest tokens, computed and rounded to float32."""
    falling = np.sort(logits)[::-1]
    logprobs = np.asarray(ts.log_softmax(falling, applied), np.float32)[:count]
    reported = ts.Reported(logprobs, vocabulary=falling.size, applied_temperature=applied)
    return Served(falling, reported)


def check(position: Served, temperature: float) -> None:
    """Raise an error if a true value lies outside its interval."""
    logits, reported = position
    p = np.asarray(ts.softmax(logits, temperature))
    count = len(reported)
    kept = np.arange(count) < max(count // 2, 1)
    for name, truth, (low, high) in (
        ("softmax", p[:count], reported.softmax(temperature)),
        ("top probability", p[0], reported.top_probability(temperature)),
        ("not reported", math.fsum(p[count:].tolist()), reported.not_reported(temperature)),
        ("kept mass", math.fsum(p[:count][kept].tolist()), reported.kept_mass(kept, temperature)),
        ("entropy", ts.entropy(logits, temperature), reported.entropy(temperature)),
        ("perplexity", ts.perplexity(logits, temperature), reported.perplexity(temperature)),
    ):
        error = 1e-14 * np.abs(truth)
        if not np.all((low - error <= truth) & (truth <= high + error)):
            raise ValueError(f"{name} of {reported} at T = {temperature} lies outside: {truth}")


def tables(logits: NDArray[np.float64]) -> dict[str, str]:
    """Return the tables of the page."""
    falling, reported = served(logits, 20, 1.0)
    logprobs = reported.logprobs
    item = np.append(logprobs, reported.tail)
    temperatures = (0.0, 0.5, 0.7, 1.0, 1.3, 2.0)
    answers = []
    for t in temperatures:
        low, high = reported.top_probability(t)
        answers.append(
            [
                f"{t:g}",
                percent(float(ts.softmax(falling, t)[0])),
                percent(float(ts.softmax(item, t)[0])),
                percent(float(ts.softmax(logprobs, t)[0])),
                f"{percent(low, -1)} to {percent(high, 1)}",
            ]
        )
    choices = []
    for t in temperatures:
        low, high = reported.perplexity(t)
        choices.append(
            [
                f"{t:g}",
                number(float(ts.perplexity(falling, t))),
                number(float(ts.perplexity(item, t))),
                number(float(ts.perplexity(logprobs, t))),
                f"{number(low, -1)} to {number(high, 1)}",
            ]
        )
    header = ["T", "truth", "the tail as one item", "the 20 alone", "interval"]
    return {
        "top_probability": markdown(header, answers),
        "choices": markdown(header, choices),
        "needed": markdown(["T", "needed", "guessed from 20"], needed(falling)),
    }


def bands(logits: NDArray[np.float64]) -> Figure:
    """Draw the sweep of a position of which 20 tokens are reported, and the true one in it."""
    falling, reported = served(logits, 20, 1.0)
    temperatures = np.geomspace(0.1, 10, 61)
    truth = ts.sweep(falling[None], None, temperatures)
    figure = ts.plot(ts.sweep(reported, None, temperatures))
    for axes, values in zip(figure.axes, truth.measures().values(), strict=True):
        axes.plot(temperatures, values, color="black", ls="--", lw=1, label="truth")
    figure.axes[0].legend(frameon=False, fontsize="small", loc="upper left")
    return figure


def needed(falling: NDArray[np.float64]) -> Iterable[list[str]]:
    """Yield how many log-probabilities give the entropy to 0.1 nat, and what 20 of them guess."""
    logprobs = np.asarray(ts.log_softmax(falling))
    for t in (0.7, 1.0, 1.5):
        few, many = 1, falling.size
        while many - few > 1:
            middle = (few + many) // 2
            low, high = ts.entropy(ts.Reported(logprobs[:middle], vocabulary=falling.size), t)
            few, many = (few, middle) if high - low <= 0.2 else (middle, many)
        reported = ts.Reported(logprobs[:20], vocabulary=falling.size)
        yield [f"{t:g}", f"{many:,}", f"about {reported.logprobs_needed(t):,}"]


def percent(p: float, way: int = 0) -> str:
    """Return a probability in percent, rounded in a way: down, to the nearest, up."""
    return f"{rounded(100 * float(p), 1, way):.1f} %"


def number(value: float, way: int = 0) -> str:
    """Return a number of choices, with one digit after the point below 100."""
    return f"{rounded(float(value), 1 if value < 100 else 0, way):,.{1 if value < 100 else 0}f}"


def rounded(value: float, digits: int, way: int) -> float:
    """Return a number with `digits` digits after the point, rounded down, to the nearest or up."""
    scaled = value * 10**digits
    # What float64 rounds off does not count.
    slack = 1e-9 * abs(scaled)
    up_or_down = {-1: math.floor(scaled + slack), 0: round(scaled), 1: math.ceil(scaled - slack)}
    return float(up_or_down[way] / 10**digits)


def main() -> None:
    """Check all rows of a folder, and write the page."""
    (folder,) = sys.argv[1:]
    rows = [np.load(path).astype(np.float64) for path in sorted(Path(folder).glob("*.npy"))]
    count = 0
    for logits in rows:
        for reported in (served(logits, k, t0) for k in COUNTS for t0 in APPLIED):
            for temperature in TEMPERATURES:
                check(reported, temperature)
                count += 1
    made = tables(rows[1])
    save(bands(rows[1]), "bands")
    text = PAGE.read_text(encoding="utf-8")
    text = MARKED.sub(lambda mark: f"{mark[1]}{made[mark[2]]}{mark[3]}", text)
    PAGE.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{count} positions at a temperature: no value lies outside its interval\n")


if __name__ == "__main__":
    main()
