"""The command line: ``thermoscope explore | export | softmax | fit | reliability | sweep``."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import sys
import threading
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import numpy as np
import typer

from thermoscope import cli_fit, present
from thermoscope.arguments import temperature_of_text
from thermoscope.cli_input import Reading, RowsWithTargets, parse_numbers
from thermoscope.cli_shared import (
    AppliedTemperature,
    Columns,
    LabelsFile,
    Probabilities,
    Row,
    Scheduler,
    TargetColumn,
    Temperature,
    cluster,
    ending,
    progress,
    strict,
)
from thermoscope.data import samples
from thermoscope.data.atomic import write_whole
from thermoscope.data.dataset import Dataset
from thermoscope.data.errors import FileError
from thermoscope.data.reading import read_labels
from thermoscope.data.writing import ENDINGS, write_dask, write_rows
from thermoscope.definition import softmax
from thermoscope.explorer.rows import RowSource
from thermoscope.measures import entropy, perplexity
from thermoscope.present import printable
from thermoscope.sampling import random_logits
from thermoscope.state import State

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

    from numpy.typing import NDArray

__all__ = ["app", "main"]

BLOCK: Final = 1 << 16
"""So many numbers are turned into text at a time, for text takes far more memory."""


class Sample(StrEnum):
    """The sample data which `explore` can show."""

    digits = "digits"


app = typer.Typer(
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

OptionalFile = Annotated[
    Path | None,
    typer.Argument(
        metavar="FILE",
        help="Logits: an array (.npy, .npz, .safetensors, .zarr), a table (.csv, .tsv, "
        ".parquet, .feather, .arrow), .json or .jsonl (lists, {label: logit}, or what a server "
        "of a language model answers, with logprobs). Without it, random ones.",
        show_default=False,
    ),
]


@app.callback(invoke_without_command=True)
def thermoscope(
    context: typer.Context,
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and the kernels, and exit.", is_eager=True
        ),
    ] = False,
) -> None:
    """See and compute what temperature does to a softmax.

    For example, five random logits on a page, a page in a file, and the numbers here:

    $ thermoscope explore
    $ thermoscope export lesson.html
    $ thermoscope softmax 2.0 1.0 0.1 -T 0.5

    And the temperature that a model needs, from its logits and the true classes:

    $ thermoscope fit logits.npy targets.npy
    """
    if version:
        from importlib.metadata import version as version_of

        from thermoscope import kernels

        typer.echo(f"thermoscope {version_of('thermoscope')}")
        for name, runs, detail in kernels.available():
            typer.echo(f"  kernel {name}: {detail}" if runs else f"  no kernel {name}: {detail}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def explore(
    file: OptionalFile = None,
    *,
    labels: LabelsFile = None,
    temperature: Temperature = "1",
    row: Row = None,
    targets: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The true class of each row, as a number or a label: it is marked, and the rows "
            "which are wrong can be had first.",
            show_default=False,
        ),
    ] = None,
    target_column: TargetColumn = None,
    sample: Annotated[
        Sample | None,
        typer.Option(
            help="Logits of a classifier that come with the package, in place of a file.",
            show_default=False,
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            metavar="P",
            help="The port to listen on. Without it, a free one.",
            show_default=False,
        ),
    ] = None,
    columns: Columns = None,
    applied_temperature: AppliedTemperature = None,
    probabilities: Probabilities = False,
    no_open: Annotated[bool, typer.Option("--no-open", help="Open no browser.")] = False,
) -> None:
    """Explore logits on a page which this machine serves to itself; Ctrl-C ends it.

    Of many rows one is shown at a time, and the page goes from row to row.

    For example:

    $ thermoscope explore
    $ thermoscope explore logits.npy --labels tokens.json -T 0.7
    $ thermoscope explore many.parquet --targets targets.csv --row 3
    $ thermoscope explore response.json --applied-temperature 0.7
    $ thermoscope explore --sample digits
    """
    reading = Reading(columns, applied_temperature, probabilities, labels, target_column)
    rows = _rows(file, sample, targets, reading)
    if rows is None:
        state = _state(_read(file, row, reading), labels, temperature)
    else:
        state = rows.state(row or 0, temperature_of_text(temperature))
    from thermoscope.explorer.server import serve

    serve(state, rows=rows, port=port, open_browser=not no_open)


@app.command()
def export(
    out: Annotated[
        Path, typer.Argument(metavar="OUT.html", help="The page to write, or to write over.")
    ],
    file: OptionalFile = None,
    *,
    labels: LabelsFile = None,
    temperature: Temperature = "1",
    row: Row = None,
    columns: Columns = None,
    target_column: TargetColumn = None,
    applied_temperature: AppliedTemperature = None,
    probabilities: Probabilities = False,
) -> None:
    """Write the explorer as one HTML file, which opens in a browser with no network.

    For example:

    $ thermoscope export lesson.html
    $ thermoscope export next-token.html logits.npy --labels tokens.json -T 0.7
    """
    # The two files in the wrong order would cost the user the logits.
    if out.suffix.lower() not in {".html", ".htm"}:
        raise FileError(f"{out}: the page must go to a .html file")
    reading = Reading(columns, applied_temperature, probabilities, labels, target_column)
    found = _read(file, row, reading)
    state = _state(found, labels, temperature)
    from thermoscope.explorer.page import write_page

    write_page(out, state)
    typer.echo(f"Wrote {printable(str(out))}")


@app.command("softmax", context_settings={"ignore_unknown_options": True})
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
    found = _only(found, row, reading)
    if scheduler is not None:
        raise ValueError("--scheduler must come with a file, all of its rows, and -o OUT.zarr")
    state = _state(found, labels, temperature)
    _give(state, softmax(state.logits, state.temperature), output, as_json=as_json)


for command in (cli_fit.fit, cli_fit.reliability, cli_fit.sweep):
    app.command()(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, 2 for an error, 130 for Ctrl-C.

    SIGTERM and SIGHUP end it as Ctrl-C does, with 128 + their number: nothing half written stays.
    """
    _end_on_signals()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal may lack a character of a label, which is no reason to fail.
        sys.stdout.reconfigure(errors="replace")
    try:
        code = app(arguments, prog_name="thermoscope", standalone_mode=False)
        # A full disk shows itself here, where it can still be told.
        print(end="", flush=True)  # noqa: T201
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:  # the reader has had enough, as `head` has
        _discard_output()
        return 1
    except Exception as error:
        message = _message(error)
        if message is None:
            raise
        typer.echo(f"thermoscope: error: {printable(message)}", err=True)
        return 2
    return int(code or 0)


def _message(error: Exception) -> str | None:
    """Return what an error says in one line, None for one that nobody expects."""
    # The class of usage errors moves between versions of Typer; its method stays.
    if hasattr(error, "format_message"):
        return " ".join(error.format_message().split())
    if isinstance(error, MemoryError):
        return "out of memory"
    if isinstance(error, (ImportError, TypeError, ValueError)):
        return str(error)
    if isinstance(error, OSError):
        _discard_output()
        name = "" if error.filename is None else f"{error.filename}: "
        return f"{name}{error.strerror or error}"
    return None


def _end_on_signals() -> None:
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            if number is not None and signal.getsignal(number) == signal.SIG_DFL:
                signal.signal(number, _exit)


def _exit(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _discard_output() -> None:
    """Let what could not be written go, else Python tries it again at its end and complains."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _rows(
    file: Path | None,
    sample: Sample | None,
    targets: Path | None,
    reading: Reading,
) -> RowSource | None:
    """Return the rows to step through, None where there is but one without a target."""
    if sample is not None:
        for name, value in [("a file", file), ("--targets", targets)]:
            if value is not None:
                raise ValueError(f"--sample must come without {name}, got {value}")
        found = samples.digits()
        digits = reading.labelled(Dataset.of(found.logits, found.names, source=sample.value))
        return RowSource(digits, targets=found.targets)
    if file is None:
        if targets is not None:
            raise ValueError(f"--targets must come with a file, got {targets}")
        return None
    rows = RowsWithTargets.open(file, targets, reading=reading)
    if rows.data.rows == 1 and rows.targets is None:
        return None
    with rows.blamed():
        return RowSource(rows.data, targets=rows.targets)


def _read(file: Path | None, row: int | None, reading: Reading) -> Dataset | None:
    if file is not None:
        return _only(reading.open(file), row, reading)
    reading.check_unused(row)
    return None


def _only(dataset: Dataset, row: int | None, reading: Reading) -> Dataset:
    logits = dataset.only(row)
    reading.warn(dataset, rows=logits.values[None])
    return logits


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


def _state(logits: Dataset | None, labels: Path | None, temperature: str) -> State:
    number = temperature_of_text(temperature)
    if logits is None:
        names = None if labels is None else read_labels(labels)
        drawn = random_logits(5 if names is None else len(names))
        return State.of(drawn, names, temperature=number)
    return State.of(logits.values, logits.labels, temperature=number, source=logits.source)


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
