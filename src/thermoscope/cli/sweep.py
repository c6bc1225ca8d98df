"""``thermoscope sweep``: entropy, perplexity and top probability over T."""

from __future__ import annotations

import csv
import io
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from thermoscope.calibration import sweep as swept
from thermoscope.cli.input import Reading, RowsWithTargets
from thermoscope.cli.options import (
    AppliedTemperature,
    AsJson,
    Columns,
    LabelsFile,
    LogitsArgument,
    Probabilities,
    Row,
    TargetColumn,
)
from thermoscope.cli.output import (
    check_figure,
    ending,
    print_json,
    progress,
    without_warning,
    write_figure,
)
from thermoscope.data.atomic import write_whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thermoscope.calibration import Sweep

__all__ = ["sweep"]


def sweep(
    logits: LogitsArgument,
    targets: Annotated[
        Path | None,
        typer.Argument(
            metavar="TARGETS",
            help="The true class of each row, as for fit: NLL and ECE are then given too.",
            show_default=False,
        ),
    ] = None,
    *,
    first: Annotated[float, typer.Option("--from", metavar="T", help="The lowest T, > 0.")] = 0.01,
    last: Annotated[float, typer.Option("--to", metavar="T", help="The highest T.")] = 100,
    steps: Annotated[
        int, typer.Option(metavar="N", help="How many T, evenly spread in log T.")
    ] = 41,
    row: Row = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="OUT",
            help="Write a .csv, or a figure: .svg, .png or .pdf.",
            show_default=False,
        ),
    ] = None,
    labels: LabelsFile = None,
    columns: Columns = None,
    target_column: TargetColumn = None,
    applied_temperature: AppliedTemperature = None,
    probabilities: Probabilities = False,
    as_json: AsJson = False,
) -> None:
    """Print entropy, perplexity and top probability over T: a table, or CSV into a pipe.

    Of many rows they are the means, from one pass over the file for all T.

    For example:

    $ thermoscope sweep logits.npy --row 3
    $ thermoscope sweep many.parquet --from 0.5 --to 2 -o sweep.csv
    $ thermoscope sweep logits.npy targets.npy -o sweep.svg
    """
    if output is not None and ending(output) != ".csv":
        check_figure(output, ".csv")
    if not 0 < first <= last < math.inf:
        raise ValueError(f"--from and --to must be 0 < from <= to < inf, got {first} and {last}")
    if steps < 1:
        raise ValueError(f"--steps must be >= 1, got {steps}")
    if row is not None and targets is not None:
        raise ValueError("--row must come without targets, which are of all rows")
    reading = Reading(columns, applied_temperature, probabilities, labels, target_column)
    rows = RowsWithTargets.open(logits, targets, reading=reading)
    one = None if row is None else rows.data.only(row).values[None]
    with without_warning(), rows.blamed(), progress("sweep", rows.count) as tell:
        result = swept(
            rows.batches() if one is None else one,
            temperatures=np.geomspace(first, last, steps),
            progress=tell,
        )
    table = result.columns()
    if output is not None and ending(output) == ".csv":
        write_whole(output, _csv(table).encode())
    elif output is not None:
        from thermoscope.figures import plot as draw

        write_figure(output, draw(result))
    if as_json:
        curve = result.curve
        best = {} if curve is None else {"best_temperature": curve.temperatures[curve.best()]}
        print_json({**table, **best, "n": result.n})
    elif output is None and os.isatty(1):
        _print_sweep(result)
    elif output is None:
        typer.echo(_csv(table), nl=False)


def _csv(columns: dict[str, NDArray[np.float64]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(values.tolist() for values in columns.values()), strict=True))
    return text.getvalue()


def _print_sweep(result: Sweep) -> None:
    from rich.console import Console
    from rich.table import Table

    columns = result.columns()
    table = Table(box=None, header_style="bold")
    for name in columns:
        table.add_column(name.replace("_", " "), justify="right", no_wrap=True)
    for values in zip(*columns.values(), strict=True):
        lowest = result.curve is not None and values[0] == result.temperatures[result.curve.best()]
        table.add_row(*(f"{value:.6g}" for value in values), style="bold" if lowest else None)
    console = Console(highlight=False)
    console.print(table)
    if result.n > 1:
        console.print(f"means over {result.n:,} rows")
    if result.curve is not None:
        best = result.curve.best()
        console.print(
            f"lowest NLL {result.curve.nll[best]:.6g} at T = {result.temperatures[best]:.6g}, of "
            "these; thermoscope fit finds the exact one"
        )
