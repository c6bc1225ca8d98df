"""``thermoscope fit``: the temperature that explains targets best."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from thermoscope.calibration import evaluate_fit, fit_temperature
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
    Weights,
)
from thermoscope.cli.output import (
    check_figure,
    ece_of,
    ending,
    print_json,
    progress,
    without_warning,
    write_figure,
)
from thermoscope.data.writing import ENDINGS

if TYPE_CHECKING:
    from thermoscope.calibration import FitEvaluation, TemperatureFit

__all__ = ["fit"]


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
    check_figure(plot)
    if holdout is not None and folds is not None:
        raise ValueError(f"--holdout must come without --folds, got {holdout} and {folds}")
    reading = Reading(columns, applied_temperature, probabilities, labels, target_column)
    rows = RowsWithTargets.open(logits, targets, weights, reading=reading)
    check_targets(rows)
    if plot is not None and holdout is None:
        folds = folds or 2
    held: FitEvaluation | None = None
    with without_warning(), rows.given(scheduler) as data, progress("fit", rows.count) as tell:
        if holdout is None and folds is None:
            result = fit_temperature(**data, progress=tell)
        else:
            part: dict[str, Any] = {"folds": folds} if holdout is None else {"holdout": holdout}
            held = evaluate_fit(**data, **part, rng=seed, curve=plot is not None, progress=tell)
            result = held.fit
    if plot is not None and held is not None:
        from thermoscope.figures import plot as draw

        write_figure(plot, draw(held))
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
        print_json(document)
        return
    typer.echo(_words_of(result))
    if held is not None:
        typer.echo(f"\n{_judged(held, seed)}")
    typer.echo(f"\nTo apply it: {_apply(rows, result.temperature, reading, scheduler)}")


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
        lines.append(f"{label:<16}{ece_of(each)}")
    return "\n".join(lines)


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
