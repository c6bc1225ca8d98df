"""What ``thermoscope softmax`` prints of a server's answer: a range for each probability."""

from __future__ import annotations

import csv
import io
import json
import os
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import typer

from thermoscope import present
from thermoscope.cli.output import ending, strict
from thermoscope.data.atomic import write_whole
from thermoscope.data.errors import FileError
from thermoscope.reported import Interval, Reported
from thermoscope.truncation import keep, truncate

if TYPE_CHECKING:
    from pathlib import Path

    from thermoscope.truncation.intervals import Decision, Fate

__all__ = ["check_output", "give"]


class _Answer(NamedTuple):
    """The probabilities of the tokens that a server reported for one position, likeliest first."""

    temperature: float
    indices: list[int]
    texts: list[str]
    logits: list[float]
    probabilities: list[Interval]
    rest: Interval
    """The probability of all other tokens together."""
    fates: list[Fate] | None
    """Kept, dropped or undecided, where a sampler decides."""
    measures: dict[str, Interval]

    @classmethod
    def of(cls, row: Reported, temperature: float, truncation: dict[str, Any]) -> _Answer:
        order = np.argsort(-row.logprobs, kind="stable").tolist()
        texts = [f"{at}" for at in order]
        if row.tokens is not None:
            texts = [row.tokens[at].text for at in order]
        decision = None
        measures = {}
        if truncation:
            decision = keep(row, temperature, **truncation)
            low, high = truncate(row, temperature, **truncation)
            rest = _rest(decision, low, high)
        else:
            low, high = row.softmax(temperature)
            rest = row.not_reported(temperature)
            measures = {
                "entropy": row.entropy(temperature),
                "perplexity": row.perplexity(temperature),
            }
        return cls(
            temperature=temperature,
            indices=order,
            texts=texts,
            logits=(row.logprobs * row.applied_temperature)[order].tolist(),
            probabilities=[Interval(float(low[at]), float(high[at])) for at in order],
            rest=Interval(*map(float, rest)),
            fates=None if decision is None else [decision.fate(at) for at in order],
            measures=measures,
        )


def check_output(output: Path | None) -> None:
    """Raise an error, before any work is done, if ranges can't go to `output`."""
    if output is not None and ending(output) not in _WRITERS:
        raise FileError(
            f"{output}: the probabilities of a server's answer are ranges, of one row: they must "
            "go to a .csv or .json file"
        )


def give(
    row: Reported,
    temperature: float,
    truncation: dict[str, Any],
    *,
    output: Path | None,
    top: int | None,
    as_json: bool,
) -> None:
    """Write the probabilities of one position, or print them."""
    answer = _Answer.of(row, temperature, truncation)
    if output is not None:
        write_whole(output, _WRITERS[ending(output)](answer, None).encode())
    if as_json:
        typer.echo(_json(answer, top), nl=False)
    elif output is None and os.isatty(1):
        _print_table(answer, top)
    elif output is None:
        for text, (low, high) in list(zip(answer.texts, answer.probabilities, strict=True))[:top]:
            typer.echo(f"{present.printable(text)}\t{low!r}\t{high!r}")


def _rest(decision: Decision, low: Any, high: Any) -> Interval:
    """Return what truncation leaves to the tokens that are not reported."""
    if decision.tail == "dropped":
        return Interval(0.0, 0.0)
    return Interval(max(0.0, 1 - float(high.sum())), max(0.0, 1 - float(low.sum())))


def _csv(answer: _Answer, top: int | None) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(["label", "low", "high"])
    # A label in quotes may hold the end of a line, and is never a number.
    writer = csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    for text, ends in list(zip(answer.texts, answer.probabilities, strict=True))[:top]:
        writer.writerow([text, *ends])
    return buffer.getvalue()


def _json(answer: _Answer, top: int | None) -> str:
    fates = {} if answer.fates is None else {"sampler": answer.fates[:top]}
    document = {
        "temperature": answer.temperature,
        "indices": answer.indices[:top],
        "labels": answer.texts[:top],
        "logits": answer.logits[:top],
        "probabilities": answer.probabilities[:top],
        **fates,
        "not_reported": answer.rest,
        **answer.measures,
    }
    return f"{json.dumps(strict(document), allow_nan=False)}\n"


_WRITERS: Final = {".csv": _csv, ".json": _json}


def _print_table(answer: _Answer, top: int | None) -> None:
    from rich.bar import Bar
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, expand=True, header_style="bold")
    table.add_column("token", overflow="ellipsis", no_wrap=True, max_width=40)
    table.add_column("probability", justify="right", no_wrap=True, style="green")
    if answer.fates is not None:
        table.add_column("sampler", no_wrap=True)
    table.add_column(ratio=1)
    longest = max(high for _, high in (*answer.probabilities, answer.rest))
    shown = min(len(answer.texts), top or len(answer.texts))
    for at in range(shown):
        low, _ = answer.probabilities[at]
        table.add_row(
            Text(present.visible(answer.texts[at])),
            present.probability_interval(*answer.probabilities[at]),
            *([] if answer.fates is None else [answer.fates[at]]),
            Bar(longest, 0, low, color="green") if low > 0 else None,
        )
    table.add_row(
        present.NOT_REPORTED,
        present.probability_interval(*answer.rest),
        *([] if answer.fates is None else [""]),
        None,
    )
    console = Console(highlight=False)
    console.print(table)
    if shown < len(answer.texts):
        console.print(f"and {len(answer.texts) - shown:,} more tokens that are reported")
    units = {"entropy": " nats"}
    console.print(
        "   ".join(
            [
                f"T = {present.plain(answer.temperature, 12)}",
                *(
                    f"{name} = {present.interval(*ends, significant=4)}{units.get(name, '')}"
                    for name, ends in answer.measures.items()
                ),
            ]
        )
    )
