"""``thermoscope tokens``: the text that a server answered, token by token."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer

from thermoscope import present
from thermoscope.arguments import temperature_of_text
from thermoscope.cli.input import Reading
from thermoscope.cli.options import RULES, AppliedTemperature, AsCsv, Temperature, Vocabulary
from thermoscope.cli.output import ending, progress, refuse_csv_and_json, strict
from thermoscope.cli.truncation import Truncation, with_options
from thermoscope.data.atomic import write_whole
from thermoscope.data.errors import FileError
from thermoscope.drawn import DrawnToken, Total, drawn_tokens, total_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from thermoscope.reported import Interval

__all__ = ["tokens"]

LONG: Final = 1000
"""Tokens that take about a second."""
STEP: Final = 100
"""Tokens after which the progress is told."""
STYLES: Final = {"kept": None, "dropped": "red", "undecided": "yellow"}


@with_options(RULES)
def tokens(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE | -",
            help="What a server of a language model answered, with logprobs, in .json, .jsonl or "
            ".sse, or a log of Inspect (.eval, .json) or promptfoo; - is standard input.",
        ),
    ],
    *,
    temperature: Temperature = "1",
    vocabulary: Vocabulary = None,
    applied_temperature: AppliedTemperature = None,
    nats: Annotated[
        bool, typer.Option("--nats", help="Surprisal and entropy in nats, not in bits.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="OUT",
            help="Write the tokens to a .csv or .json file.",
            show_default=False,
        ),
    ] = None,
    as_csv: AsCsv = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help='Print JSON instead; ranges are lists of two numbers, with "inf" as a string.',
        ),
    ] = False,
    truncation: Truncation,
) -> None:
    """Print a text token by token: a table on a terminal, CSV into a pipe.

    The table has the surprisal of each token (-log2 p), its rank among all
    tokens and the entropy of its position. Where the server's answer allows
    several values, a range has all of them. With options of truncation it
    says whether the sampler could have written the token: kept, dropped, or
    undecided where the answer can't tell. Half characters are joined; a space
    at the end of a token is ␣.

    For example:

    $ thermoscope tokens response.json
    $ thermoscope tokens response.json -T 0.7 --top-p 0.9 --engine vllm
    $ thermoscope tokens response.json -T 1.5 --vocabulary 151936 --nats
    $ thermoscope tokens response.json --top-k 40 --json
    $ thermoscope tokens response.json -o tokens.csv
    $ thermoscope tokens - < response.json

    A position of the table is a row for the other commands:

    $ thermoscope softmax response.json --row 1 -T 0.7
    """
    number = temperature_of_text(temperature)
    truncation.check(number)
    refuse_csv_and_json(as_csv=as_csv, as_json=as_json)
    if output is not None and ending(output) not in _WRITERS:
        raise FileError(f"{output}: tokens must go to a .csv or .json file")
    data = Reading(applied_temperature=applied_temperature).open(file)
    if data.tokens is None:
        raise FileError(
            f"{data.path}: no tokens in it: it must be what a server answers when it is asked for "
            "log-probabilities"
        )
    found = drawn_tokens(
        data, number, vocabulary=vocabulary, base=None if nats else 2.0, **truncation.given
    )
    text = _Text(number, "nats" if nats else "bits", _told(found, data.rows))
    if all(token.error for token in text.tokens):
        raise FileError(f"{data.path}: {text.tokens[0].error}")
    if output is not None:
        write_whole(output, _WRITERS[ending(output)](text).encode())
    if as_json:
        typer.echo(_json(text), nl=False)
    elif as_csv or (output is None and not os.isatty(1)):
        typer.echo(_csv(text), nl=False)
        typer.echo(text.summary(), err=True)
    elif output is None:
        _print_table(text)
    else:
        typer.echo(text.summary(), err=True)


def _told(found: Iterator[DrawnToken], rows: int) -> list[DrawnToken]:
    """Return all tokens, and show how far that is where it takes long."""
    if rows < LONG:
        return list(found)
    judged: list[DrawnToken] = []
    with progress("tokens", rows) as tell:
        for token in found:
            judged.append(token)
            if len(judged) % STEP == 0:
                tell(len(judged), None, 1)
    return judged


class _Text(NamedTuple):
    """The tokens of a text, as they are judged."""

    temperature: float
    unit: str
    tokens: list[DrawnToken]

    @property
    def has_sampler(self) -> bool:
        return any(token.fate is not None for token in self.tokens)

    def summary(self) -> str:
        """Return one line about all tokens together."""
        total = total_of(self.tokens)
        count = _count(total.positions, "token")
        if total.drawn < total.positions:
            count += f", {total.drawn:,} of them known"
        bits = present.interval(*total.surprisal, significant=4)
        line = f"{count}: {bits} {self.unit} at T = {self.temperature:g}"
        if not self.has_sampler:
            return line
        return f"{line}; {_verdict(total)}"


def _verdict(total: Total) -> str:
    of_all = f"{total.dropped:,} of these {_count(total.drawn, 'token')}"
    line = f"at these settings {of_all} could not have been written"
    if total.undecided:
        line += f", and {total.undecided:,} may or may not"
    return line


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _range(interval: Interval | None) -> str:
    return "" if interval is None else present.interval(*interval)


def _csv(text: _Text) -> str:
    buffer = io.StringIO()
    # A text in quotes may hold the end of a line, and is never a number.
    writer = csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    records = [_record(token) for token in text.tokens]
    csv.writer(buffer, lineterminator="\n").writerow(_NAMES)
    for record in records:
        cells: list[Any] = []
        for name, value in record.items():
            if name in _RANGES:
                cells += ["", ""] if value is None else value
            elif name != "bytes":
                cells.append("" if value is None else value)
        writer.writerow(cells)
    return buffer.getvalue()


def _json(text: _Text) -> str:
    total = total_of(text.tokens)
    document = {
        "temperature": text.temperature,
        "unit": text.unit,
        "positions": total.positions,
        "drawn": total.drawn,
        "surprisal": list(total.surprisal),
        "dropped": total.dropped if text.has_sampler else None,
        "undecided": total.undecided if text.has_sampler else None,
        "tokens": [_record(token) for token in text.tokens],
    }
    return f"{json.dumps(strict(document), allow_nan=False)}\n"


_RANGES: Final = ("surprisal", "rank", "entropy")
_NAMES: Final = (
    *("position", "passage", "kind", "text", "part", "parts", "id"),
    *(f"{name}_{end}" for name in _RANGES for end in ("low", "high")),
    *("sampler", "error"),
)
_WRITERS: Final = {".csv": _csv, ".json": _json}


def _record(token: DrawnToken) -> dict[str, Any]:
    """Return what is known of a token, ranges as lists."""
    named = token.token
    return {
        "position": token.position,
        "passage": token.passage,
        "kind": token.kind,
        "text": None if named is None else token.text,
        "part": token.part,
        "parts": token.parts,
        "id": None if named is None else named.id,
        "bytes": None if named is None or named.bytes is None else list(named.bytes),
        "surprisal": None if token.surprisal is None else list(token.surprisal),
        "rank": None if token.rank is None else list(token.rank),
        "entropy": None if token.entropy is None else list(token.entropy),
        "sampler": token.fate,
        "error": token.error,
    }


def _print_table(text: _Text) -> None:
    """Print the table, with a pager if it is higher than the terminal."""
    from rich.console import Console
    from rich.pager import SystemPager
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("row", justify="right", no_wrap=True)
    table.add_column("token", overflow="ellipsis", no_wrap=True, min_width=10)
    for name in (f"surprisal, {text.unit}", "rank", f"entropy, {text.unit}"):
        table.add_column(name, justify="right", no_wrap=True)
    if text.has_sampler:
        table.add_column("sampler", no_wrap=True, min_width=len("undecided"))
    passage = None
    has_passages = {token.passage for token in text.tokens} != {0}
    for token in text.tokens:
        if has_passages and token.passage != passage:
            passage = token.passage
            table.add_row("", Text(token.kind), style="bold", end_section=False)
        measures = [_range(token.surprisal), _ranks(token.rank), _range(token.entropy)]
        if token.error is not None:
            measures = ["can't be read", "", ""]
        table.add_row(
            f"{token.position:,}",
            Text(token.name),
            *measures,
            *([token.fate or ""] if text.has_sampler else []),
            style=STYLES[token.fate] if token.fate else None,
        )
    console = Console(highlight=False)
    with console.capture() as printed:
        console.print(table)
        console.print(text.summary(), soft_wrap=True)
    page = printed.get()
    if page.count("\n") < console.height:
        typer.echo(page, nl=False)
        return
    # So that less shows colours, and leaves the text in the terminal; as git asks for it.
    os.environ.setdefault("LESS", "FRX")
    SystemPager().show(page)


def _ranks(rank: Interval | None) -> str:
    if rank is None:
        return ""
    low, high = rank
    if low == high:
        return f"{low:,}"
    return f"≥ {low:,}" if high == math.inf else f"{low:,} … {high:,}"
