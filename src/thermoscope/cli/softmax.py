"""``thermoscope softmax``: probabilities, printed or written."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import numpy as np
import typer

from thermoscope import present
from thermoscope.arguments import temperature_of_text
from thermoscope.cli.cluster import cluster
from thermoscope.cli.input import Reading, only_row, parse_numbers, state_of
from thermoscope.cli.options import (
    AppliedTemperature,
    Columns,
    LabelsFile,
    Probabilities,
    Row,
    Scheduler,
    TargetColumn,
    Temperature,
)
from thermoscope.cli.output import ending, progress, strict
from thermoscope.data.atomic import write_whole
from thermoscope.data.dataset import Dataset
from thermoscope.data.errors import FileError
from thermoscope.data.writing import ENDINGS, write_dask, write_rows
from thermoscope.definition import softmax
from thermoscope.measures import entropy, perplexity
from thermoscope.present import printable
from thermoscope.state import State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["compute"]

BLOCK: Final = 1 << 16
"""So many numbers are turned into text at a time, for text takes far more memory."""


def compute(
    logits: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NUMBERS | FILE | -",
            help='Logits: numbers ("inf" too), or one file as in explore; without them, or '
            'with "-", numbers or JSON from standard input.',
            show_default=False,
        ),
    ] = None,
    *,
    labels: LabelsFile = None,
    temperature: Temperature = "1",
    row: Row = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="OUT",
            help="Write the probabilities to a file, in the format of its ending: those of "
            "explore but for .npz. Without --row, all rows of the file are computed, a few at a "
            "time and in their type, so that they need not fit into memory.",
            show_default=False,
        ),
    ] = None,
    columns: Columns = None,
    target_column: TargetColumn = None,
    applied_temperature: AppliedTemperature = None,
    probabilities: Probabilities = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print temperature, labels, logits, probabilities, entropy (nats) and "
            'perplexity as JSON, with "inf", "-inf" and "nan" as strings.',
        ),
    ] = False,
    scheduler: Scheduler = None,
) -> None:
    """Print the softmax of logits: a table on a terminal, plain numbers into a pipe.

    For example:

    $ thermoscope softmax 2.0 1.0 0.1 -T 0.5
    $ thermoscope softmax -1 -inf 3
    $ thermoscope softmax logits.npy --labels tokens.json
    $ thermoscope softmax batch.npy --row 3 -o probabilities.npy
    $ thermoscope softmax many.parquet -T 1.7 -o probabilities.parquet
    $ thermoscope softmax logits.zarr -T 1.7 -o out.zarr --scheduler tcp://10.0.0.1:8786
    $ echo "2, 1, 0.1" | thermoscope softmax --json
    """
    if output is not None and ending(output) not in {*_WRITERS, *ENDINGS}:
        *most, last = sorted({*_WRITERS, *ENDINGS})
        raise FileError(f"{output}: probabilities must go to a {', '.join(most)} or {last} file")
    reading = Reading(columns, applied_temperature, probabilities, labels, target_column)
    found = _read_words(logits or ["-"], row, reading)
    # A single row is one of float64, as typed numbers are.
    many = found.rows > 1 or scheduler is not None
    if row is None and many and output is not None and not as_json:
        number = temperature_of_text(temperature)
        _write_all(found, number, output, reading=reading, scheduler=scheduler)
        return
    found = only_row(found, row, reading)
    if scheduler is not None:
        raise ValueError("--scheduler must come with a file, all of its rows, and -o OUT.zarr")
    state = state_of(found, labels, temperature)
    _give(state, softmax(state.logits, state.temperature), output, as_json=as_json)


def _write_all(
    data: Dataset, temperature: float, output: Path, *, reading: Reading, scheduler: str | None
) -> None:
    """Write the softmax of all rows, a block at a time, or a chunk on each worker."""
    if scheduler is not None and ending(output) != ".zarr":
        raise FileError(f"{output}: with --scheduler, probabilities must go to a .zarr store")
    if ending(output) not in ENDINGS:
        raise FileError(f"{output}: many rows must go to a {', '.join(ENDINGS)} file")
    dtype = np.result_type(data.dtype.newbyteorder("=")) if data.dtype.kind == "f" else np.float64
    reading.warn(data)
    if scheduler is not None:
        with cluster(scheduler), progress("softmax", data.rows) as tell:
            rows = data.to_dask().astype(dtype).map_blocks(softmax, temperature, dtype=dtype)
            write_dask(output, rows, labels=data.labels, progress=tell)
        return
    with progress("softmax", data.rows) as tell:

        def batches() -> Iterator[NDArray[Any]]:
            done = 0
            for block in data.blocks():
                yield softmax(block.astype(dtype, copy=False), temperature)
                done += len(block)
                tell(done, None, 1)

        shape = (data.rows, data.entries)
        write_rows(output, batches(), shape=shape, dtype=dtype, labels=data.labels)


def _give(state: State, result: NDArray[np.float64], output: Path | None, *, as_json: bool) -> None:
    """Write one row of probabilities, or print it."""
    if output is not None and ending(output) in _WRITERS:
        write_whole(output, _WRITERS[ending(output)](state, result))
    elif output is not None:
        rows = result[None]
        write_rows(output, [rows], shape=rows.shape, dtype=rows.dtype, labels=state.labels)
    if as_json:
        typer.echo(_json(state, result), nl=False)
    elif output is None and os.isatty(1):
        _print_table(state, result)
    elif output is None:
        for start in range(0, result.size, BLOCK):
            typer.echo("\n".join(map(repr, result[start : start + BLOCK].tolist())))


def _read_words(words: list[str], row: int | None, reading: Reading) -> Dataset:
    """Return what the arguments of ``thermoscope softmax`` stand for."""
    # Negative numbers look like options, so that Typer leaves unknown options to us.
    for word in words:
        if word.startswith("-") and word != "-" and not _is_number(word):
            raise ValueError(f"no such option: {word}")
    if len(words) == 1 and not _is_number(words[0]):
        return reading.open(words[0])
    reading.check_unused(row)
    found = parse_numbers(words)
    return found if reading.labels is None else reading.labelled(found)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _npy(_: State, probabilities: NDArray[np.float64]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, probabilities, allow_pickle=False)
    return buffer.getvalue()


def _csv(state: State, probabilities: NDArray[np.float64]) -> bytes:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    if state.labels is None:
        rows.writerow(["probability"])
        rows.writerows([value] for value in probabilities.tolist())
    else:
        rows.writerow(["label", "probability"])
        rows.writerows(zip(state.labels, probabilities.tolist(), strict=True))
    return text.getvalue().encode()


def _json(state: State, probabilities: NDArray[np.float64]) -> bytes:
    document = {
        "temperature": state.temperature,
        "labels": state.labels,
        "logits": state.logits.tolist(),
        "probabilities": probabilities.tolist(),
        "entropy": float(entropy(state.logits, state.temperature)),
        "perplexity": float(perplexity(state.logits, state.temperature)),
    }
    text = json.dumps(strict(document), allow_nan=False)
    return f"{text}\n".encode()


_WRITERS: Final = {".npy": _npy, ".csv": _csv, ".json": _json}


def _print_table(state: State, probabilities: NDArray[np.float64]) -> None:
    from rich.bar import Bar
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = present.shown(state.logits, state.temperature, probabilities)
    top = float(probabilities[shown.entries].max())
    table = Table(box=None, expand=True, header_style="bold")
    table.add_column("label", overflow="ellipsis", no_wrap=True, max_width=40)
    table.add_column("logit", justify="right", no_wrap=True, style="blue")
    table.add_column("probability", justify="right", no_wrap=True, style="green")
    table.add_column(ratio=1)
    for item in shown.entries.tolist():
        label = str(item) if state.labels is None else state.labels[item]
        probability = float(probabilities[item])
        table.add_row(
            Text(printable(label)),
            present.plain(float(state.logits[item]), 6),
            present.digits(probability, 6),
            Bar(top, 0, probability, color="green") if probability > 0 else None,
        )
    if shown.others:
        table.add_row(f"other {shown.others:,} items", None, present.digits(shown.rest, 6))
    console = Console(highlight=False)
    console.print(table)
    nats = float(entropy(state.logits, state.temperature))
    choices = float(perplexity(state.logits, state.temperature))
    console.print(
        f"T = {present.plain(state.temperature, 12)}   entropy = {present.plain(nats, 6)} nats   "
        f"perplexity = {present.plain(choices, 6)}"
    )
