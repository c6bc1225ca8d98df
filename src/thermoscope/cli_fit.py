"""The commands that judge temperatures: ``thermoscope fit | reliability | sweep``."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import shlex
import warnings
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import typer

from thermoscope.arguments import temperature_of_text
from thermoscope.calibration import evaluate_fit, fit_temperature
from thermoscope.calibration import sweep as swept
from thermoscope.calibration.reliability import reliability as measure
from thermoscope.cli_input import Reading, RowsWithTargets
from thermoscope.cli_shared import (
    AppliedTemperature,
    Columns,
    LabelsFile,
    Probabilities,
    Row,
    Scheduler,
    TargetColumn,
    Temperature,
    ending,
    progress,
    strict,
)
from thermoscope.data.atomic import write_whole
from thermoscope.data.errors import FileError, optional
from thermoscope.data.writing import ENDINGS
from thermoscope.passes import ProbabilitiesWarning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from thermoscope.calibration import FitEvaluation, Reliability, Sweep, TemperatureFit

__all__ = ["fit", "reliability", "sweep"]

FIGURES = (".svg", ".png", ".pdf")

LogitsArgument = Annotated[
    Path,
    typer.Argument(
        metavar="LOGITS",
        help="Rows of logits, in a file of any size: .npy, .npz, .safetensors, .zarr, .csv, .tsv, "
        ".parquet, .feather, .arrow, .json or .jsonl.",
    ),
]
TargetsArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="TARGETS",
        help="The true class of each row: a number counted from 0, or a label, or a row of "
        "probabilities that sum to 1. In the same formats, or .txt with one a line. Without it, "
        "--target-column names a column of LOGITS.",
        show_default=False,
    ),
]
Weights = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="A weight >= 0 for each row: one of 2 counts as two rows, one of 0 not at all.",
        show_default=False,
    ),
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help='Print JSON instead, with "inf", "-inf" and "nan" as strings.'),
]
Plot = Annotated[
    Path | None,
    typer.Option(
        "--plot",
        metavar="OUT",
        help="Write a figure too: .svg, .png or .pdf.",
        show_default=False,
    ),
]


def fit(
    logits: LogitsArgument,
    targets: TargetsArgument = None,
    *,
    labels: LabelsFile = None,
    columns: Columns = None,
    target_column: TargetColumn = None,
    weights: Weights = None,
    applied_temperature: AppliedTemperature = None,
    probabilities: Probabilities = False,
    holdout: Annotated[
        float | None,
        typer.Option(
            metavar="FRACTION",
            help="Hold out a fraction of the rows, 0.5 for example: fit to the others, and judge "
            "the temperature by these.",
            show_default=False,
        ),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(
            metavar="K",
            help="Fit to all rows, and judge by holding out each of K parts in turn.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="N", help="The seed that decides which rows are held out.")
    ] = 0,
    plot: Plot = None,
    as_json: AsJson = False,
    scheduler: Scheduler = None,
) -> None:
    """Fit the temperature at which the softmax of logits explains the targets best.

    It has the lowest mean negative log-likelihood (NLL). The rows are read
    several times, a few at a time, so that they need not fit into memory;
    what is known of them (targets, weights) must. The figure shows
    reliability before and after, beside NLL and ECE over T. It is of rows
    that were held out: where neither --holdout nor --folds is given, in two
    folds.

    For example:

    $ thermoscope fit logits.npy targets.npy
    $ thermoscope fit logits.npy targets.npy --holdout 0.5 --seed 1
    $ thermoscope fit logits.npy targets.txt --labels names.txt --plot why.svg
    $ thermoscope fit a.parquet --target-column class
    $ thermoscope fit z.zarr targets.npy --scheduler tcp://10.0.0.1:8786
    """
    _check_figure(plot)
    if holdout is not None and folds is not None:
        raise ValueError(f"--holdout must come without --folds, got {holdout} and {folds}")
    reading = Reading(columns, applied_temperature, probabilities, labels, target_column)
    rows = RowsWithTargets.open(logits, targets, weights, reading=reading)
    _check_targets(rows)
    if plot is not None and holdout is None:
        folds = folds or 2
    held: FitEvaluation | None = None
    with _warned(), rows.given(scheduler) as data, progress("fit", rows.count) as tell:
        if holdout is None and folds is None:
            result = fit_temperature(**data, progress=tell)
        else:
            part: dict[str, Any] = {"folds": folds} if holdout is None else {"holdout": holdout}
            held = evaluate_fit(**data, **part, rng=seed, curve=plot is not None, progress=tell)
            result = held.fit
    if plot is not None and held is not None:
        from thermoscope.figures import plot as draw

        _write_figure(plot, draw(held))
    if as_json:
        document = asdict(result)
        if held is not None:
            document["held_out"] = {
                "holdout": holdout,
                "folds": folds,
                "seed": seed,
                "fold_temperatures": held.fold_temperatures,
                "before": asdict(held.before),
                "after": asdict(held.after),
            }
        _print_json(document)
        return
    typer.echo(_words_of(result))
    if held is not None:
        typer.echo(f"\n{_judged(held, seed)}")
    typer.echo(f"\nTo apply it: {_apply(rows, result.temperature, reading, scheduler)}")


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
            help="Give 95 % intervals of Brier, NLL and accuracy from so many replicates, 1000 for "
            "example.",
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
    """Measure how far the softmax of logits is to be trusted: ECE and its kin, bin by bin.

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
    _check_figure(plot)
    number = temperature_of_text(temperature)
    reading = Reading(columns, applied_temperature, probabilities, labels, target_column)
    rows = RowsWithTargets.open(logits, targets, weights, reading=reading)
    _check_targets(rows)
    with _warned(), rows.given(scheduler) as data, progress("reliability", rows.count) as tell:
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

        _write_figure(plot, draw(result))
    if as_json:
        _print_json(asdict(result))
    else:
        _print_reliability(result)


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
        _check_figure(output, ".csv")
    if not 0 < first <= last < math.inf:
        raise ValueError(f"--from and --to must be 0 < from <= to < inf, got {first} and {last}")
    if steps < 1:
        raise ValueError(f"--steps must be >= 1, got {steps}")
    if row is not None and targets is not None:
        raise ValueError("--row must come without targets, for they are of all rows")
    reading = Reading(columns, applied_temperature, probabilities, labels, target_column)
    rows = RowsWithTargets.open(logits, targets, reading=reading)
    one = None if row is None else rows.data.only(row).values[None]
    with _warned(), rows.blamed(), progress("sweep", rows.count) as tell:
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

        _write_figure(output, draw(result))
    if as_json:
        curve = result.curve
        best = {} if curve is None else {"best_temperature": curve.temperatures[curve.best()]}
        _print_json({**table, **best, "n": result.n})
    elif output is None and os.isatty(1):
        _print_sweep(result)
    elif output is None:
        typer.echo(_csv(table), nl=False)


def _check_targets(rows: RowsWithTargets) -> None:
    if rows.targets is None:
        raise ValueError("targets must be given: a file TARGETS, or a column with --target-column")


def _check_figure(path: Path | None, *others: str) -> None:
    """Raise an error, before any work is done, if no figure can go to `path`."""
    if path is not None:
        *most, last = (*others, *FIGURES)
        if ending(path) not in {*most, last}:
            raise FileError(f"{path}: must be a {', '.join(most)} or {last} file")
        optional("matplotlib", "plot", "figures")


def _write_figure(path: Path, figure: Figure) -> None:
    with io.BytesIO() as buffer:
        figure.savefig(buffer, format=ending(path)[1:], dpi=150)
        write_whole(path, buffer.getvalue())


@contextmanager
def _warned() -> Iterator[None]:
    """Leave out the warning of Python where the command has given its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ProbabilitiesWarning)
        yield


def _print_json(document: dict[str, Any]) -> None:
    typer.echo(json.dumps(strict(document), allow_nan=False))


def _words_of(result: TemperatureFit) -> str:
    low, high = result.interval
    known = []
    if result.limit is None:
        known += [
            ("standard error", f"{result.standard_error:.6g}"),
            ("95 % interval", f"{low:.6g} to {high:.6g}"),
        ]
    if result.reason:
        known.append(("because" if result.limit else "but", result.reason))
    lines = [
        ("temperature", f"{result.temperature:.6g}"),
        *known,
        ("NLL at T = 1", f"{result.nll_before:.6f} nats"),
        ("NLL now", f"{result.nll:.6f} nats"),
        ("rows", f"{result.n:,}, read {result.iterations} times"),
    ]
    if result.n_ignored:
        lines.append(("left out", f"{result.n_ignored:,} rows without a target"))
    return "\n".join(f"{name:<16}{text}" for name, text in lines)


def _judged(held: FitEvaluation, seed: int) -> str:
    """Return what the temperature does to rows that it was not fitted to."""
    if held.fold_temperatures:
        low, high = min(held.fold_temperatures), max(held.fold_temperatures)
        rows = (
            f"Judged in {len(held.fold_temperatures)} folds (seed {seed}): each of "
            f"{held.after.n:,} rows at the temperature of the other folds, {low:.6g} to {high:.6g}"
        )
    else:
        rows = f"Judged by the {held.after.n:,} rows that were held out (seed {seed})"
    lines = [rows, f"{'':<16}{'T = 1':<12}now"]
    for name, label in (("nll", "NLL"), ("brier", "Brier"), ("accuracy", "accuracy")):
        before, after = (getattr(each, name) for each in (held.before, held.after))
        lines.append(f"{label:<16}{before:<12.6f}{after:.6f}")
    for each, label in ((held.before, "ECE at T = 1"), (held.after, "ECE now")):
        lines.append(f"{label:<16}{_ece_of(each)}")
    return "\n".join(lines)


def _ece_of(result: Reliability) -> str:
    """Return the ECE beside what it would be if the probabilities were right."""
    beside = "" if math.isnan(result.p_value) else f"   {result.ece_in_words()}"
    return f"{result.ece:.6f}{beside}"


def _apply(
    rows: RowsWithTargets, temperature: float, reading: Reading, scheduler: str | None
) -> str:
    """Return the command that computes the probabilities."""
    logits = rows.paths["logits"]
    if rows.is_binary:
        return f"the probability of class 1 is 1 / (1 + exp(-z / {temperature:.6g}))"
    out = ending(logits) if ending(logits) in ENDINGS else ".npy"
    words = ["thermoscope", "softmax", str(logits)]
    for name in reading.columns or []:
        words += ["--columns", name]
    if rows.data.targets is not None and reading.target_column is not None:
        words += ["--target-column", reading.target_column]
    if reading.applied_temperature is not None:
        words += ["--applied-temperature", repr(reading.applied_temperature)]
    if reading.probabilities:
        words += ["--probabilities"]
    if scheduler is not None:
        words += ["--scheduler", scheduler]
        out = ".zarr"
    return shlex.join([*words, "-T", f"{temperature:.6g}", "-o", f"probabilities{out}"])


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
    for name, label in (
        ("ece", "ECE"),
        ("mce", "MCE"),
        ("classwise_ece", "classwise ECE"),
        ("brier", "Brier"),
        ("nll", "NLL"),
        ("accuracy", "accuracy"),
    ):
        text = f"{label:<16}{getattr(result, name):.6f}"
        if name == "ece":
            text = f"{label:<16}{_ece_of(result)}"
        if name == "mce":
            rows = f"{result.mce_rows:,} row" + ("s" if result.mce_rows != 1 else "")
            text += f"   in a bin of {rows}"
        if name in result.intervals:
            low, high = result.intervals[name]
            text += f"   95 % interval {low:.6f} to {high:.6f}"
        console.print(text)
    console.print(f"{'rows':<16}{result.n:,} at T = {result.temperature:.12g}")
    if result.n_ignored:
        console.print(f"{'left out':<16}{result.n_ignored:,} rows without a target")


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
