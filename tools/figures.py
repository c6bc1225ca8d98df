"""Make the figures of docs/calibration.md: ``python -m tools.figures`` writes docs/images/*.svg."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl

import thermoscope as ts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

IMAGES = Path(__file__).parent.parent / "docs" / "images"


def main() -> None:
    """Draw what the page talks of, from the digits that come with the package."""
    logits, targets, _ = ts.samples.digits()
    figures = {
        "reliability": ts.plot(ts.evaluate_fit(logits, targets, holdout=0.5)),
        "calibration": ts.plot(ts.calibration_curve(logits, targets)),
    }
    for name, figure in figures.items():
        save(figure, name)


def save(figure: Figure, name: str) -> None:
    """Write a figure of the docs."""
    # No date, and names of parts that don't change: the same figure is the same file. Its texts are
    # texts, which can be read aloud and searched, and take less room than their outlines.
    with mpl.rc_context({"svg.hashsalt": "thermoscope", "svg.fonttype": "none"}):
        figure.savefig(IMAGES / f"{name}.svg", metadata={"Date": None}, facecolor="white")


if __name__ == "__main__":
    main()
