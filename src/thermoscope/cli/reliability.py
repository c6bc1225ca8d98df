"""``thermoscope reliability``: how well probabilities are calibrated."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import typer

from thermoscope.arguments import temperature_of_text
from thermoscope.calibration.reliability import reliability as measure
from thermoscope.cli.input import Reading, RowsWithTargets, check_targets
from thermoscope.cli.options import (
    AppliedTemperature,
    AsJson,
    Columns,
    LabelsFile,
    LogitsArgument,
    Plot,
    Probabilities,
    Scheduler,
    TargetColumn,
    TargetsArgument,
    Temperature,
    Weights,
)
from thermoscope.cli.output import (
    check_figure,
    ece_of,
    print_json,
    progress,
    without_warning,
    write_figure,
)

if TYPE_CHECKING:
    from thermoscope.calibration import Reliability

__all__ = ["reliability"]


def reliability(
    logits: LogitsArgument,
    targets: TargetsArgument = None,
    *,
    temperature: Temperature = "1",
    bins: Annotated[int, typer.Option(metavar="N", help="How many bins.")] = 15,
    strategy: Annotated[
        Literal["width", "mass"], typer.Option(help="Bins of equal width, or of equal weight.")
    ] = "width",
    bootstrap: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Give 95 % intervals of Brier, NLL and accuracy from N replicates, for example "
            "1000.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="N", help="The seed of what is redrawn and of the replicates.")
    ] = 0,
    labels: LabelsFile = None,
    columns: Columns = None,
    target_column: TargetColumn = None,
    weights: Weights = None,
    applied_temperature: AppliedTemperature = None,
    probabilities: Probabilities = False,
    plot: Plot = None,
    as_json: AsJson = False,
    scheduler: Scheduler = None,
) -> None:
    """Measure how well the softmax of logits is calibrated: ECE, MCE, Brier score and NLL.

    Where a classifier says 80 %, it should be right in 80 of 100 cases. Rows
    are put in bins by the probability of their likeliest class, the
    confidence. The gap of a bin is its mean confidence less its accuracy,
    and > 0 where the classifier is too sure. Beside the ECE stands what it
    would be on these rows if the probabilities were right: the mean, the
    value that 95 % do not exceed, and how probable an ECE as high is.

    For example:

    $ thermoscope reliability logits.npy targets.npy
    $ thermoscope reliability logits.npy targets.npy -T 1.736 --plot after.svg
    $ thermoscope reliability logits.npy targets.npy --bootstrap 1000 --json
    $ thermoscope reliability logits.npy targets.npy --strategy mass --bins 10
    """
    check_figure(plot)
    number = temperature_of_text(temperature)
    reading = Reading(columns, applied_temperature, probabilities, labels, target_column)
    rows = RowsWithTargets.open(logits, targets, weights, reading=reading)
    check_targets(rows)
    with (
        without_warning(),
        rows.given(scheduler) as data,
        progress("reliability", rows.count) as tell,
    ):
        result = measure(
            **data,
            temperature=number,
            bins=bins,
            strategy=strategy,
            bootstrap=bootstrap,
            rng=seed,
            progress=tell,
        )
    if plot is not None:
        from thermoscope.figures import plot as draw

        write_figure(plot, draw(result))
    if as_json:
        print_json(asdict(result))
    else:
        _print_reliability(result)


def _print_reliability(result: Reliability) -> None:
    from rich.bar import Bar
    from rich.console import Console
    from rich.table import Table

    bins = result.bins
    gaps = bins.confidence - bins.accuracy
    largest = float(np.nanmax(np.abs(gaps))) or 1.0
    table = Table(box=None, expand=True, header_style="bold")
    for name in ("confidence from", "to", "rows", "mean", "accuracy", "gap"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column(ratio=1)
    for at, gap in enumerate(gaps.tolist()):
        low, high = bins.edges[at : at + 2].tolist()
        found: list[Any] = []
        if bins.weight[at] > 0:
            found = [f"{bins.confidence[at]:.4f}", f"{bins.accuracy[at]:.4f}", f"{gap:+.4f}"]
            if gap:
                found.append(Bar(largest, 0, abs(gap), color="red" if gap > 0 else "blue"))
        table.add_row(f"{low:.4g}", f"{high:.4g}", f"{bins.count[at]:,}", *found)
    console = Console(highlight=False)
    console.print(table)
    console.print()
    rows = "1 row" if result.mce_rows == 1 else f"{result.mce_rows:,} rows"
    lines = {
        "ECE": ece_of(result),
        "MCE": f"{result.mce:.6f}   in a bin of {rows}",
        "classwise ECE": f"{result.classwise_ece:.6f}",
    }
    for name, label in (("brier", "Brier"), ("nll", "NLL"), ("accuracy", "accuracy")):
        lines[label] = f"{getattr(result, name):.6f}"
        if name in result.intervals:
            low, high = result.intervals[name]
            lines[label] += f"   95 % interval {low:.6f} to {high:.6f}"
    lines["rows"] = f"{result.n:,} at T = {result.temperature:.12g}"
    if result.n_ignored:
        lines["left out"] = f"{result.n_ignored:,} rows without a target"
    for label, text in lines.items():
        console.print(f"{label:<16}{text}")
