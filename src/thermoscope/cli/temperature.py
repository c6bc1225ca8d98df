"""``thermoscope temperature``: the T at which logits are as uncertain as wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from thermoscope import present
from thermoscope.cli.input import Reading, block_by_block, chosen_rows, read_words
from thermoscope.cli.options import (
    AppliedTemperature,
    AsJson,
    Columns,
    NumbersOrFile,
    Probabilities,
    Row,
    TargetColumn,
    Vocabulary,
)
from thermoscope.cli.output import print_json, progress
from thermoscope.definition import softmax
from thermoscope.measures import entropy as entropy_of
from thermoscope.measures import perplexity as perplexity_of
from thermoscope.solve import temperature_for

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["temperature"]


def _wanted(words: str) -> Any:
    return typer.Option(metavar="X", help=words, rich_help_panel="Wanted", show_default=False)


def temperature(
    logits: NumbersOrFile = None,
    *,
    entropy: Annotated[
        float | None, _wanted("The entropy in nats, or in bits with --bits.")
    ] = None,
    perplexity: Annotated[
        float | None, _wanted("The perplexity: how many equal choices are as uncertain.")
    ] = None,
    top_probability: Annotated[
        float | None, _wanted("The probability of the likeliest entry, 0.9 for 90 %.")
    ] = None,
    bits: Annotated[
        bool, typer.Option("--bits", help="Take and give the entropy in bits.")
    ] = False,
    row: Row = None,
    columns: Columns = None,
    target_column: TargetColumn = None,
    applied_temperature: AppliedTemperature = None,
    vocabulary: Vocabulary = None,
    probabilities: Probabilities = False,
    as_json: AsJson = False,
) -> None:
    """Print the temperature at which logits have a wanted entropy, perplexity or top probability.

    Of many rows, it prints one number a line, or one JSON document a line.
    It prints 1 where every temperature gives the wanted value, and nan where
    there is no softmax. Of a server's answer it prints the lowest and the
    highest temperature that may give the value, with a tab between them.

    For example:

    $ thermoscope temperature 2.0 1.0 0.1 --top-probability 0.9
    $ thermoscope temperature batch.npy --perplexity 10 --row 3
    $ thermoscope temperature many.parquet --entropy 1.5 --bits > temperatures.txt
    $ echo "2, 1, 0.1" | thermoscope temperature --perplexity 2 --json
    """
    values = {"entropy": entropy, "perplexity": perplexity, "top_probability": top_probability}
    wanted: dict[str, Any] = {name: value for name, value in values.items() if value is not None}
    if len(wanted) != 1:
        options = [f"--{name.replace('_', '-')}" for name in wanted]
        raise ValueError(
            "exactly one of --entropy, --perplexity and --top-probability must be given, "
            f"got {' and '.join(options) or 'none'}"
        )
    base = 2 if bits else None

    def solved(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return for each row the temperature and the three measures that it gives."""
        found = temperature_for(rows, **wanted, base=base)
        t = np.expand_dims(np.where(np.isnan(found), 1.0, found), -1)
        top = softmax(rows, t).max(axis=-1)
        return np.stack([found, entropy_of(rows, t, base=base), perplexity_of(rows, t), top], -1)

    reading = Reading(columns, applied_temperature, probabilities, None, target_column)
    data = chosen_rows(read_words(logits, row, reading), row, reading)
    if data.is_reported:
        for at in range(data.rows):
            ends = temperature_for(data.reported(at, vocabulary=vocabulary), **wanted, base=base)
            if as_json:
                print_json({"temperature": ends})
            else:
                typer.echo("\t".join(map(repr, ends)))
        return
    lines: list[list[float]] = []
    with progress("temperature", data.rows) as tell:
        for block in block_by_block(data, solved):
            lines += block.tolist()
            tell(len(lines), None, 1)
    unit = "bits" if bits else "nats"
    typer.echo(_note(lines, unit), err=True)
    for line in lines:
        if as_json:
            print_json(dict(zip(("temperature", *values), line, strict=True)) | {"unit": unit})
        else:
            typer.echo(repr(line[0]))


def _note(lines: list[list[float]], unit: str) -> str:
    """Say what the temperature of one row gives, or where those of many rows lie."""
    if len(lines) == 1:
        ((_, entropy, perplexity, top),) = lines
        return (
            f"entropy {present.plain(entropy, 6)} {unit}, "
            f"perplexity {present.plain(perplexity, 6)}, top probability {present.digits(top, 6)}"
        )
    found = np.array(lines)[:, 0]
    found = found[~np.isnan(found)]
    if not found.size:
        return f"{len(lines):,} rows without a softmax"
    low, middle, high = (
        present.plain(float(number(found)), 6) for number in (np.min, np.median, np.max)
    )
    return f"{len(lines):,} rows: T from {low} to {high}, median {middle}"
