"""What the commands write: JSON, figures, and how far they are."""

from __future__ import annotations

import io
import json
import math
import os
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import typer

from thermoscope.data.atomic import write_whole
from thermoscope.data.errors import FileError, optional
from thermoscope.passes import ProbabilitiesWarning
from thermoscope.present import Shown, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from matplotlib.figure import Figure

    from thermoscope.calibration import Reliability

__all__ = [
    "FIGURES",
    "check_figure",
    "ece_of",
    "ending",
    "label_of",
    "print_bars",
    "print_json",
    "progress",
    "refuse_csv_and_json",
    "strict",
    "without_warning",
    "write_figure",
]

FIGURES = (".svg", ".png", ".pdf")


@contextmanager
def progress(
    what: str, count: int, unit: str = "rows"
) -> Iterator[Callable[[int, int | None, int], None]]:
    """Give a function that shows how far each pass over rows is, if a terminal is there to see."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
    )
    shown = os.isatty(2)
    with Progress(*columns, console=Console(stderr=True), disable=not shown, transient=True) as bar:
        task = bar.add_task(what, total=count, speed="")
        current = 1

        def tell(done: int, _: int | None, number: int) -> None:
            nonlocal current
            if number != current:
                bar.reset(task, description=f"{what}, pass {number}")
                current = number
            speed = bar.tasks[0].speed
            bar.update(task, completed=done, speed=_speed(speed, unit))

        yield tell


def _speed(speed: float | None, unit: str) -> str:
    """Return a speed as text, "" where it is not known."""
    return f"{speed:,.{0 if speed >= 10 else 1}f} {unit}/s" if speed else ""


def ending(path: Path) -> str:
    """Return what says the format of a file."""
    return path.suffix.lower()


def strict(value: Any) -> Any:
    """Return `value` as JSON has it, with strings for the numbers which JSON lacks."""
    if isinstance(value, np.ndarray):
        return strict(value.tolist())
    if isinstance(value, dict):
        return {name: strict(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [strict(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def print_json(document: dict[str, Any]) -> None:
    """Print a document as one line of JSON."""
    typer.echo(json.dumps(strict(document), allow_nan=False))


def refuse_csv_and_json(*, as_csv: bool, as_json: bool) -> None:
    """Raise an error for both of two forms in which a command prints."""
    if as_csv and as_json:
        raise ValueError("--csv must come without --json")


def label_of(labels: Sequence[str] | None, item: int) -> str:
    """Return the label of an entry on one line, or its index where there are none."""
    return str(item) if labels is None else printable(labels[item])


def print_bars(
    labels: Sequence[str] | None,
    shown: Shown,
    columns: dict[str, Sequence[str]],
    *,
    rest: Sequence[str],
    bars: Sequence[float],
    footer: str,
) -> None:
    """Print a table of entries with bars for a terminal; `rest` has the texts of the others."""
    from rich.bar import Bar
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, expand=True, header_style="bold")
    table.add_column("label", overflow="ellipsis", no_wrap=True, max_width=40)
    for name in columns:
        style = "blue" if name == "logit" else "green"
        table.add_column(name, justify="right", no_wrap=True, style=style)
    table.add_column(ratio=1)
    longest = max(bars)
    for item, bar, *texts in zip(shown.entries.tolist(), bars, *columns.values(), strict=True):
        length = Bar(longest, 0, bar, color="green") if bar > 0 else None
        table.add_row(Text(label_of(labels, item)), *texts, length)
    if shown.others:
        table.add_row(f"other {shown.others:,} item{'s' if shown.others > 1 else ''}", *rest)
    console = Console(highlight=False)
    console.print(table)
    console.print(footer)


def check_figure(path: Path | None, *others: str) -> None:
    """Raise an error, before any work is done, if no figure can go to `path`."""
    if path is not None:
        *most, last = (*others, *FIGURES)
        if ending(path) not in {*most, last}:
            raise FileError(f"{path}: must be a {', '.join(most)} or {last} file")
        optional("matplotlib", "plot", "figures")


def write_figure(path: Path, figure: Figure) -> None:
    """Write a figure in the format of the ending, whole or not at all."""
    with io.BytesIO() as buffer:
        figure.savefig(buffer, format=ending(path)[1:], dpi=150)
        write_whole(path, buffer.getvalue())


def ece_of(result: Reliability) -> str:
    """Return the ECE beside what it would be if the probabilities were right."""
    beside = "" if math.isnan(result.p_value) else f"   {result.ece_in_words()}"
    return f"{result.ece:.6f}{beside}"


@contextmanager
def without_warning() -> Iterator[None]:
    """Leave out the warning of Python where the command has given its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ProbabilitiesWarning)
        yield
