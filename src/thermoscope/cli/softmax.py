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
from thermoscope.cli.input import Reading, only_row, read_words, state_of
from thermoscope.cli.options import (
    CHAIN,
    PENALTIES,
    RULES,
    AppliedTemperature,
    Columns,
    LabelsFile,
    NumbersOrFile,
    Probabilities,
    Row,
    Scheduler,
    TargetColumn,
    Temperature,
    Vocabulary,
)
from thermoscope.cli.output import ending, label_of, print_bars, progress, strict
from thermoscope.cli.reported import check_output, give
from thermoscope.cli.truncation import Left, Truncation, options_named, with_options
from thermoscope.data.atomic import write_whole
from thermoscope.data.dataset import Dataset
from thermoscope.data.errors import FileError
from thermoscope.data.writing import ENDINGS, write_dask, write_rows
from thermoscope.definition import softmax
from thermoscope.measures import entropy, perplexity
from thermoscope.state import State
from thermoscope.truncation import truncate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

__all__ = ["compute"]

BLOCK: Final = 1 << 16
"""Numbers that are formatted per write: text is much larger than the array."""


@with_options(RULES, CHAIN, PENALTIES)
def compute(
    logits: NumbersOrFile = None,
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
    vocabulary: Vocabulary = None,
    probabilities: Probabilities = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print temperature, labels, logits, probabilities, entropy (nats) and "
            'perplexity as JSON, with "inf", "-inf" and "nan" as strings.',
        ),
    ] = False,
    top: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Print only the N most probable, the highest first: in the table of a terminal; "
            "in a pipe, as lines of label, tab and probability; in JSON, with their indices, and "
            "how many others there are and the rest that they have.",
            show_default=False,
        ),
    ] = None,
    scheduler: Scheduler = None,
    truncation: Truncation,
) -> None:
    """Print the softmax of logits: a table on a terminal, plain numbers into a pipe.

    What truncation drops has probability 0, and the rest sums to 1. Ids are
    places of logits, counted from 0. Of a server's answer each probability is
    a range: the tokens that it does not report may have what is left in any
    way.

    For example:

    $ thermoscope softmax 2.0 1.0 0.1 -T 0.5
    $ thermoscope softmax -1 -inf 3
    $ thermoscope softmax logits.npy --labels tokens.json
    $ thermoscope softmax batch.npy --row 3 -o probabilities.npy
    $ thermoscope softmax many.parquet -T 1.7 -o probabilities.parquet
    $ thermoscope softmax logits.zarr -T 1.7 -o out.zarr --scheduler tcp://10.0.0.1:8786
    $ thermoscope softmax logits.npy -T 0.7 --top-k 40 --top-p 0.95 --engine llama.cpp
    $ thermoscope softmax logits.npy --top-p 0.9 --order top-p,temperature -T 2 --top 20
    $ thermoscope softmax response.json --row 1 -T 0.5 --vocabulary 151936
    $ thermoscope softmax logits.npy --repetition-penalty 1.1 --history 5,7,7 --top 20
    $ thermoscope softmax 2.0 1.0 0.1 --logit-bias 0=-100 --logit-bias 2=1.5
    $ thermoscope softmax logits.npy --dry-multiplier 0.8 --history 5,7,9,5,7
    $ echo "2, 1, 0.1" | thermoscope softmax --json
    """
    number = temperature_of_text(temperature)
    truncation.check(number)
    if top is not None and output is not None:
        raise ValueError("--top must come without -o, which writes all probabilities")
    if output is not None and ending(output) not in {*_WRITERS, *ENDINGS}:
        *most, last = sorted({*_WRITERS, *ENDINGS})
        raise FileError(f"{output}: probabilities must go to a {', '.join(most)} or {last} file")
    reading = Reading(columns, applied_temperature, probabilities, labels, target_column)
    found = read_words(logits, row, reading)
    if found.is_reported:
        check_output(output)
        if scheduler is not None:
            raise ValueError("--scheduler must come without a server's answer")
        if row is None:
            found.only()  # or an error that says how many tokens there are
        position = found.reported(row or 0, vocabulary=vocabulary)
        with options_named():
            give(position, number, truncation.given, output=output, top=top, as_json=as_json)
        return
    if vocabulary is not None:
        raise ValueError(f"--vocabulary must come with a server's answer, got {vocabulary}")
    # A single row is one of float64, as typed numbers are.
    many = found.rows > 1 or scheduler is not None
    if row is None and many and output is not None and not as_json:
        _write_all(found, number, output, truncation, reading=reading, scheduler=scheduler)
        return
    found = only_row(found, row, reading)
    if scheduler is not None:
        raise ValueError("--scheduler must come with a file, all of its rows, and -o OUT.zarr")
    state = state_of(found, labels, number)
    left = truncation.left(state.logits, number)
    answer = _Answer(state, left, softmax(left.logits, left.temperature, where=left.mask))
    truncation.tell(state.logits, number, left)
    _give(answer, output, top, as_json=as_json)


class _Answer(NamedTuple):
    """One row of probabilities."""

    state: State
    left: Left
    probabilities: NDArray[np.float64]

    def entropy(self) -> float:
        """Return the entropy in nats."""
        left = self.left
        return float(entropy(left.logits, left.temperature, where=left.mask))

    def perplexity(self) -> float:
        """Return how many equal choices are as uncertain."""
        left = self.left
        return float(perplexity(left.logits, left.temperature, where=left.mask))

    def shown(self, top: int | None) -> present.Shown:
        """Return which entries are shown, the dropped ones after the others."""
        logits, t, mask, _ = self.left
        if mask is not None:
            logits = np.where(mask, logits, -np.inf)
        return present.shown(logits, t.item(), self.probabilities, top=top)


def _write_all(
    data: Dataset,
    temperature: float,
    output: Path,
    truncation: Truncation,
    *,
    reading: Reading,
    scheduler: str | None,
) -> None:
    """Write the probabilities of all rows, a block at a time, or a chunk on each worker."""
    if scheduler is not None and ending(output) != ".zarr":
        raise FileError(f"{output}: with --scheduler, probabilities must go to a .zarr store")
    if ending(output) not in ENDINGS:
        raise FileError(f"{output}: many rows must go to a {', '.join(ENDINGS)} file")
    function: Callable[..., NDArray[Any]] = softmax
    if truncation.given:
        function = partial(truncate, **truncation.given)
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


def _give(answer: _Answer, output: Path | None, top: int | None, *, as_json: bool) -> None:
    """Write one row of probabilities, or print it."""
    state, result = answer.state, answer.probabilities
    if output is not None and ending(output) in _WRITERS:
        write_whole(output, _WRITERS[ending(output)](answer))
    elif output is not None:
        rows = result[None]
        write_rows(output, [rows], shape=rows.shape, dtype=rows.dtype, labels=state.labels)
    if as_json:
        typer.echo(_json(answer, top), nl=False)
    elif output is not None:
        return
    elif os.isatty(1):
        _print_table(answer, top)
    elif top is not None:
        for item in answer.shown(top).entries.tolist():
            typer.echo(f"{label_of(state.labels, item)}\t{float(result[item])!r}")
    else:
        for start in range(0, result.size, BLOCK):
            typer.echo("\n".join(map(repr, result[start : start + BLOCK].tolist())))


def _npy(answer: _Answer) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, answer.probabilities, allow_pickle=False)
    return buffer.getvalue()


def _csv(answer: _Answer) -> bytes:
    state, probabilities = answer.state, answer.probabilities
    text = io.StringIO()
    header = ["probability"] if state.labels is None else ["label", "probability"]
    csv.writer(text, lineterminator="\n").writerow(header)
    # A label in quotes may hold the end of a line, and is never a number.
    rows = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    labels = [] if state.labels is None else [state.labels]
    rows.writerows(zip(*labels, probabilities.tolist(), strict=True))
    return text.getvalue().encode()


def _json(answer: _Answer, top: int | None = None) -> bytes:
    state, entries, others = answer.state, np.arange(answer.probabilities.size), {}
    if top is not None:
        shown = answer.shown(top)
        entries = shown.entries
        others = {"indices": entries, "others": shown.others, "rest": shown.rest}
    document = {
        "temperature": state.temperature,
        "labels": None if state.labels is None else [state.labels[item] for item in entries],
        "logits": state.logits[entries],
        "probabilities": answer.probabilities[entries],
        "entropy": answer.entropy(),
        "perplexity": answer.perplexity(),
        **others,
    }
    text = json.dumps(strict(document), allow_nan=False)
    return f"{text}\n".encode()


_WRITERS: Final = {".npy": _npy, ".csv": _csv, ".json": _json}


def _print_table(answer: _Answer, top: int | None) -> None:
    state, shown = answer.state, answer.shown(top)
    probabilities = answer.probabilities[shown.entries].tolist()
    print_bars(
        state.labels,
        shown,
        {
            "logit": [present.plain(z, 6) for z in state.logits[shown.entries].tolist()],
            "probability": [present.digits(p, 6) for p in probabilities],
        },
        rest=["", present.digits(shown.rest, 6)],
        bars=probabilities,
        footer=f"T = {present.plain(state.temperature, 12)}   "
        f"entropy = {present.plain(answer.entropy(), 6)} nats   "
        f"perplexity = {present.plain(answer.perplexity(), 6)}",
    )
