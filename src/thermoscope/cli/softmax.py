"""``thermoscope softmax``: probabilities, printed or written."""

from __future__ import annotations

import csv
import io
import json
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

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
from thermoscope.truncation import engines, truncate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

__all__ = ["compute"]

BLOCK: Final = 1 << 16
"""Numbers that are formatted per write: text is much larger than the array."""


def _step(metavar: str, kept: str) -> Any:
    return typer.Option(
        metavar=metavar, help=f"Keep {kept}.", rich_help_panel="Truncation", show_default=False
    )


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
    top_k: Annotated[int | None, _step("K", "the K likeliest")] = None,
    top_p: Annotated[float | None, _step("P", "the likeliest that hold P together")] = None,
    min_p: Annotated[float | None, _step("P", "at least P times the top probability")] = None,
    typical_p: Annotated[float | None, _step("P", "those nearest the entropy that hold P")] = None,
    epsilon: Annotated[float | None, _step("P", "at least P")] = None,
    eta: Annotated[float | None, _step("E", "at least E, or less where all is unlikely")] = None,
    top_n_sigma: Annotated[float | None, _step("N", "within N sigma of the top logit")] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help='Truncate in the order and by the edge rules of an engine; "list" shows them.',
            rich_help_panel="Truncation",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Print the softmax of logits: a table on a terminal, plain numbers into a pipe.

    What truncation drops has probability 0, and the rest sums to 1.

    For example:

    $ thermoscope softmax 2.0 1.0 0.1 -T 0.5
    $ thermoscope softmax -1 -inf 3
    $ thermoscope softmax logits.npy --labels tokens.json
    $ thermoscope softmax batch.npy --row 3 -o probabilities.npy
    $ thermoscope softmax many.parquet -T 1.7 -o probabilities.parquet
    $ thermoscope softmax logits.zarr -T 1.7 -o out.zarr --scheduler tcp://10.0.0.1:8786
    $ thermoscope softmax logits.npy -T 0.7 --top-k 40 --top-p 0.95 --engine llama.cpp
    $ echo "2, 1, 0.1" | thermoscope softmax --json
    """
    if engine == "list":
        typer.echo(str(engines()))
        return
    steps: dict[str, Any] = {
        "top_k": top_k,
        "top_p": top_p,
        "min_p": min_p,
        "typical_p": typical_p,
        "epsilon": epsilon,
        "eta": eta,
        "top_n_sigma": top_n_sigma,
    }
    steps = {name: value for name, value in steps.items() if value is not None}
    truncated = bool(steps or engine)
    function: Callable[..., NDArray[Any]] = softmax
    if truncated:
        function = partial(truncate, **steps, engine=engine)
    if output is not None and ending(output) not in {*_WRITERS, *ENDINGS}:
        *most, last = sorted({*_WRITERS, *ENDINGS})
        raise FileError(f"{output}: probabilities must go to a {', '.join(most)} or {last} file")
    reading = Reading(columns, applied_temperature, probabilities, labels, target_column)
    found = _read_words(logits or ["-"], row, reading)
    # A single row is one of float64, as typed numbers are.
    many = found.rows > 1 or scheduler is not None
    if row is None and many and output is not None and not as_json:
        number = temperature_of_text(temperature)
        _write_all(found, number, output, function, reading=reading, scheduler=scheduler)
        return
    found = only_row(found, row, reading)
    if scheduler is not None:
        raise ValueError("--scheduler must come with a file, all of its rows, and -o OUT.zarr")
    state = state_of(found, labels, temperature)
    result = function(state.logits, state.temperature)
    if truncated:
        _tell_kept(state, result)
    _give(_Answer(state, result, result > 0 if truncated else None), output, as_json=as_json)


class _Answer(NamedTuple):
    """One row of probabilities."""

    state: State
    probabilities: NDArray[np.float64]
    kept: NDArray[np.bool] | None  # by truncation; None without one

    def entropy(self) -> float:
        """Return the entropy in nats."""
        return float(entropy(self.state.logits, self.state.temperature, where=self.kept))

    def perplexity(self) -> float:
        """Return how many equal choices are as uncertain."""
        return float(perplexity(self.state.logits, self.state.temperature, where=self.kept))


def _tell_kept(state: State, result: NDArray[np.float64]) -> None:
    """Say how many entries truncation kept, and what probability they had."""
    kept = result > 0
    mass = present.percent(float(softmax(state.logits, state.temperature)[kept].sum()))
    typer.echo(f"kept {int(kept.sum()):,} of {kept.size:,}, {mass}", err=True)


def _write_all(
    data: Dataset,
    temperature: float,
    output: Path,
    function: Callable[..., NDArray[Any]],
    *,
    reading: Reading,
    scheduler: str | None,
) -> None:
    """Write the probabilities of all rows, a block at a time, or a chunk on each worker."""
    if scheduler is not None and ending(output) != ".zarr":
        raise FileError(f"{output}: with --scheduler, probabilities must go to a .zarr store")
    if ending(output) not in ENDINGS:
        raise FileError(f"{output}: many rows must go to a {', '.join(ENDINGS)} file")
    dtype = np.result_type(data.dtype.newbyteorder("=")) if data.dtype.kind == "f" else np.float64
    reading.warn(data)
    if scheduler is not None:
        with cluster(scheduler), progress("softmax", data.rows) as tell:
            rows = data.to_dask().astype(dtype).map_blocks(function, temperature, dtype=dtype)
            write_dask(output, rows, labels=data.labels, progress=tell)
        return
    with progress("softmax", data.rows) as tell:

        def batches() -> Iterator[NDArray[Any]]:
            done = 0
            for block in data.blocks():
                yield function(block.astype(dtype, copy=False), temperature)
                done += len(block)
                tell(done, None, 1)

        shape = (data.rows, data.entries)
        write_rows(output, batches(), shape=shape, dtype=dtype, labels=data.labels)


def _give(answer: _Answer, output: Path | None, *, as_json: bool) -> None:
    """Write one row of probabilities, or print it."""
    state, result, _ = answer
    if output is not None and ending(output) in _WRITERS:
        write_whole(output, _WRITERS[ending(output)](answer))
    elif output is not None:
        rows = result[None]
        write_rows(output, [rows], shape=rows.shape, dtype=rows.dtype, labels=state.labels)
    if as_json:
        typer.echo(_json(answer), nl=False)
    elif output is None and os.isatty(1):
        _print_table(answer)
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


def _npy(answer: _Answer) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, answer.probabilities, allow_pickle=False)
    return buffer.getvalue()


def _csv(answer: _Answer) -> bytes:
    state, probabilities, _ = answer
    text = io.StringIO()
    header = ["probability"] if state.labels is None else ["label", "probability"]
    csv.writer(text, lineterminator="\n").writerow(header)
    # A label in quotes may hold the end of a line, and is never a number.
    rows = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    labels = [] if state.labels is None else [state.labels]
    rows.writerows(zip(*labels, probabilities.tolist(), strict=True))
    return text.getvalue().encode()


def _json(answer: _Answer) -> bytes:
    state, probabilities, _ = answer
    document = {
        "temperature": state.temperature,
        "labels": state.labels,
        "logits": state.logits.tolist(),
        "probabilities": probabilities.tolist(),
        "entropy": answer.entropy(),
        "perplexity": answer.perplexity(),
    }
    text = json.dumps(strict(document), allow_nan=False)
    return f"{text}\n".encode()


_WRITERS: Final = {".npy": _npy, ".csv": _csv, ".json": _json}


def _print_table(answer: _Answer) -> None:
    from rich.bar import Bar
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    state, probabilities, _ = answer
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
    console.print(
        f"T = {present.plain(state.temperature, 12)}   "
        f"entropy = {present.plain(answer.entropy(), 6)} nats   "
        f"perplexity = {present.plain(answer.perplexity(), 6)}"
    )
