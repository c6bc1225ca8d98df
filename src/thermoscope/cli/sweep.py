"""``thermoscope sweep``: entropy, perplexity and top probability over T."""

from __future__ import annotations

import csv
import io
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from thermoscope import present
from thermoscope.calibration import sweep as swept
from thermoscope.cli.input import Reading, RowsWithTargets
from thermoscope.cli.options import (
    AppliedTemperature,
    AsCsv,
    AsJson,
    Columns,
    LabelsFile,
    LogitsArgument,
    Probabilities,
    Row,
    TargetColumn,
    Vocabulary,
)
from thermoscope.cli.output import (
    check_figure,
    ending,
    print_json,
    progress,
    refuse_csv_and_json,
    without_warning,
    write_figure,
)
from thermoscope.data.atomic import write_whole
from thermoscope.reported import Interval

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    vocabulary: Vocabulary = None,
    probabilities: Probabilities = False,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
) -> None:
    """Print entropy, perplexity and top probability over T: a table, or CSV into a pipe.

    Of many rows they are the means, from one pass over the file for all T.

    Of a server's answer each is a range: the tokens that it does not report
    may have what is left in any way. The NLL is that of the drawn tokens. CSV
    has a column for the low and one for the high end of each range, and JSON
    a list of both; in a figure they are bands.

    For example:

    $ thermoscope sweep batch.npy --row 3
    $ thermoscope sweep many.parquet --from 0.5 --to 2 -o sweep.csv
    $ thermoscope sweep batch.npy targets.npy -o sweep.svg
    $ thermoscope sweep response.json --vocabulary 151936 --from 0.5 --to 2
    $ thermoscope sweep response.json --row 1 -o bands.svg
    """
    refuse_csv_and_json(as_csv=as_csv, as_json=as_json)
    if output is not None and ending(output) != ".csv":
        check_figure(output, ".csv")
    if not 0 < first <= last < math.inf:
        raise ValueError(f"--from and --to must be 0 < from <= to < inf, got {first} and {last}")
    if steps < 1:
        raise ValueError(f"--steps must be >= 1, got {steps}")
    if row is not None and targets is not None:
        raise ValueError("--row must come without targets, which are of all rows")
    reading = Reading(
        columns, applied_temperature, probabilities, labels, target_column, vocabulary
    )
    rows = RowsWithTargets.open(logits, targets, reading=reading)
    given = _given(rows, row)
    with without_warning(), rows.blamed(), progress("sweep", rows.count) as tell:
        result = swept(given, temperatures=np.geomspace(first, last, steps), progress=tell)
    if output is not None and ending(output) == ".csv":
        write_whole(output, _csv(result).encode())
    elif output is not None:
        from thermoscope.figures import plot as draw

        write_figure(output, draw(result))
    if as_json:
        _print_json(result)
    elif as_csv or (output is None and not os.isatty(1)):
        typer.echo(_csv(result), nl=False)
    elif output is None:
        _print_table(result, rows.count if row is None else 1)


def _given(rows: RowsWithTargets, row: int | None) -> Any:
    """Return all rows, or the one chosen, as `sweep` takes them."""
    if rows.data.is_reported:
        if rows.targets is not None:
            problem = "the targets of a server's answer are its drawn tokens"
            raise ValueError(f"TARGETS must be left out: {problem}")
        return rows.data if row is None else rows.data.reported(row)
    return rows.batches() if row is None else rows.data.only(row).values[None]


def _csv(result: Sweep) -> str:
    columns = result.columns()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(values.tolist() for values in columns.values()), strict=True))
    return text.getvalue()


def _print_json(result: Sweep) -> None:
    document: dict[str, Any] = {"temperature": result.temperatures}
    for name, values in result.measures().items():
        document[name] = np.transpose(values) if isinstance(values, Interval) else values
    if result.curve is not None:
        document["best_temperature"] = result.curve.temperatures[result.curve.best()]
    document["n"] = result.n
    if result.nll is not None:
        document["n_drawn"] = result.n_drawn
    print_json(document)


def _print_table(result: Sweep, rows: int) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    measures = result.measures()
    table.add_column("temperature", justify="right", no_wrap=True)
    for name, values in measures.items():
        # On a narrow terminal a range takes two lines: what is cut would look like a range too.
        whole = not isinstance(values, Interval)
        table.add_column(name.replace("_", " "), justify="right", no_wrap=whole)
    best = None if result.curve is None else result.temperatures[result.curve.best()]
    texts = [_texts(name, values) for name, values in measures.items()]
    for temperature, *cells in zip(result.temperatures.tolist(), *texts, strict=True):
        table.add_row(f"{temperature:.6g}", *cells, style="bold" if temperature == best else None)
    console = Console(highlight=False)
    console.print(table)
    for line in _notes(result, rows):
        console.print(line, soft_wrap=True)


def _texts(name: str, values: NDArray[np.float64] | Interval) -> list[str]:
    """Return a measure at each temperature as text, rounded outwards where it is a range."""
    if not isinstance(values, Interval):
        return [f"{value:.6g}" for value in values]
    written = present.probability_interval if name == "top_probability" else present.interval
    return [written(*ends) for ends in np.transpose(values).tolist()]


def _notes(result: Sweep, rows: int) -> Iterator[str]:
    """Yield what is to know about a table, in lines."""
    if result.n > 1:
        yield f"means over {result.n:,} rows"
    if result.curve is not None:
        best = result.curve.best()
        yield (
            f"lowest NLL {result.curve.nll[best]:.6g} at T = {result.temperatures[best]:.6g}, of "
            "these; thermoscope fit finds the exact one"
        )
    if not isinstance(result.entropy, Interval):
        return
    if result.n < rows:
        yield f"left out: {rows - result.n:,} of {rows:,} rows, which can't be read"
    if 0 < result.n_drawn < result.n:
        yield f"NLL: the mean over {result.n_drawn:,} rows whose drawn token is known"
    if np.isinf(result.entropy.high).any():
        yield (
            "no upper ends from the server's temperature on, as the number of tokens is not "
            "known: --vocabulary N gives it"
        )
